//! From the SAN plan to what a verdict holds a certificate against.

use super::Wanted;
use crate::names::matching::Service;
use crate::names::plan::{PlannedName, Reason, SanPlan};
use crate::names::{Identifier, Use};
use std::collections::BTreeSet;

/// The names that must hold, for the uses of the certificate: each planned DNS name as the services behind its
/// reasons look for it, and every other planned entry as itself.
pub fn wanted_names(plan: &SanPlan, uses: &BTreeSet<Use>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for planned in &plan.names {
        for name in wanted_of(planned, uses) {
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
    }
    wanted
}

fn wanted_of(planned: &PlannedName, uses: &BTreeSet<Use>) -> Vec<Wanted> {
    let Identifier::Dns(_) = &planned.name else {
        return vec![Wanted::Entry(planned.name.clone())];
    };
    planned
        .reasons
        .iter()
        .flat_map(|reason| {
            let covered = |service, domain: &crate::names::Domain| Wanted::Covered {
                service,
                domain: domain.clone(),
                because: reason.words(),
            };
            match (reason, &planned.name) {
                (Reason::SipDomain(domain), _) => vec![covered(Service::Sip, domain)],
                (Reason::XmppDomain(domain), _) => [
                    (Use::XmppS2s, Service::XmppServer),
                    (Use::XmppC2s, Service::XmppClient),
                ]
                .into_iter()
                .filter(|(one, _)| uses.contains(one))
                .map(|(_, service)| covered(service, domain))
                .collect(),
                (Reason::Component(domain, _), _) => vec![covered(Service::XmppServer, domain)],
                (Reason::EdgeFqdn | Reason::SipHost(_), Identifier::Dns(name)) => {
                    vec![covered(Service::Host, name.domain())]
                }
                (Reason::EdgeFqdn | Reason::SipHost(_) | Reason::Extra, _) => {
                    vec![Wanted::Entry(planned.name.clone())]
                }
            }
        })
        .collect()
}
