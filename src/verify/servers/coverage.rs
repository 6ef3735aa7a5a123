//! The coverage matrix: every domain of a certificate before every server that would look for it.

use super::reading::{Hosts, answer_of, named_of};
use super::{Answer, By, Role, asked_for, profile};
use crate::federation::Server;
use crate::names::Domain;
use crate::names::matching::{Coverage, Service, covers};
use crate::verify::Wanted;
use crate::x509::certificate::Facts;

/// One domain before all servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The service.
    pub service: Service,
    /// The domain.
    pub domain: Domain,
    /// Whether the RFCs have it covered, leniently or strictly.
    pub by_rfc: bool,
    /// What each server that looks for this service makes of it.
    pub servers: Vec<Seen>,
}

/// What one server makes of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The server.
    pub server: Server,
    /// By the names alone.
    pub named: Answer,
    /// By names, purposes and key, when it dials us.
    pub as_server: Answer,
    /// By names, purposes and key, when we dial it.
    pub as_client: Answer,
}

impl Covered {
    /// Those servers that say otherwise than the RFCs; one that compares no name says nothing.
    pub fn differing(&self) -> Vec<&Seen> {
        self.servers
            .iter()
            .filter(|seen| match &seen.named {
                Answer::Accepted(By::NotCompared) => false,
                Answer::Accepted(_) => !self.by_rfc,
                Answer::Refused(_) => self.by_rfc,
            })
            .collect()
    }
}

/// The matrix of the wanted domains; services that no server of the table looks for are left out.
pub fn matrix(leaf: &Facts, wanted: &[Wanted]) -> Vec<Covered> {
    let hosts = Hosts::of(leaf);
    wanted
        .iter()
        .filter_map(|wanted| match wanted {
            Wanted::Covered {
                service, domain, ..
            } => Some((*service, domain)),
            Wanted::Entry(_) => None,
        })
        .map(|(service, domain)| Covered {
            service,
            domain: domain.clone(),
            by_rfc: covers(service, domain, leaf.names.as_deref().unwrap_or_default())
                != Coverage::Missing,
            servers: asked_for(service)
                .into_iter()
                .map(|server| {
                    let profile = profile(server);
                    let named = named_of(&profile, leaf, &hosts, service, domain);
                    let of_role = |role| answer_of(&profile, leaf, role, &named);
                    Seen {
                        server,
                        as_server: of_role(Role::Server),
                        as_client: of_role(Role::Client),
                        named,
                    }
                })
                .collect(),
        })
        .filter(|covered| !covered.servers.is_empty())
        .collect()
}
