//! Where a gateway is proved: the listeners of `prove`, else those of its server's own configuration, each with the
//! names that are answered for there, on every address of this machine.

use super::error::AssignError;
use super::plan::{Asked, Proof};
use super::sockets::{Socket, sockets, specific_listeners};
use super::targets::{How, server};
use crate::deployment::{Certificate, Gateway, GatewayKind, Listener};
use crate::findings::{Code, Finding};
use crate::names::matching::{Coverage, covers};
use crate::names::{Domain, Presented, Protocol};
use crate::probe::KeyKind;
use crate::servers::{Configured, HostKind};

/// Most remarks about one configuration that are told.
const MAX_REMARKS: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The handshakes to make.
    pub proofs: Vec<Proof>,
    /// What is worth knowing about them.
    pub findings: Vec<Finding>,
}

/// The handshakes that prove a gateway.
pub(super) fn proofs(
    asked: &Asked<'_>,
    gateway: &Gateway,
    configured: Option<&Configured>,
    sockets: &[Socket],
) -> Found {
    let Some(certificate) = asked.deployment.certificate(asked.certificate) else {
        return Found::default();
    };
    let names = asked.chain.leaf.facts().names.clone().unwrap_or_default();
    let place = gateway.table();
    let mut findings = Vec::new();
    let listeners = match configured {
        Some(configured) if gateway.prove.is_empty() => {
            let read = ReadOut {
                configured,
                certificate,
                presented: &names,
            };
            findings.extend(read.remarks(&place));
            read.listeners()
        }
        Some(_) | None => gateway.listeners(),
    };
    if let Some(configured) = configured {
        findings.extend(disagreements(
            asked,
            certificate,
            configured,
            &names,
            &place,
        ));
    }
    if listeners.is_empty() {
        findings.push(Finding::new(
            Code::GatewayNotProved,
            place,
            "no listener is known, so nothing can be proved there",
            match configured {
                Some(_) => "the server's configuration names none for this certificate",
                None => "there is no `prove`, and no configuration of the server is read",
            },
            "write `prove = [{ protocol = \"…\", address = \"127.0.0.1:…\" }]` into the table",
        ));
    }
    let listeners = on_every_address(&listeners, gateway, sockets);
    let key_kind = KeyKind::from(&asked.chain.leaf.facts().public_key);
    let mut proofs: Vec<Proof> = asked
        .deployment
        .handshakes(certificate, &names, &listeners)
        .into_iter()
        .map(|handshake| Proof {
            protocol: handshake.protocol,
            address: handshake.address,
            name: handshake.name,
            key_kind,
            outbound: None,
        })
        .collect();
    proofs.extend(calls(gateway, &proofs));
    Found { proofs, findings }
}

/// The listeners of a gateway that show a certificate with these names: those of `prove`, else those of its server's
/// configuration, on every address of this machine.
///
/// Errors: the configuration cannot be read.
pub fn listeners(
    certificate: &Certificate,
    gateway: &Gateway,
    presented: &[Presented],
) -> Result<Vec<Listener>, AssignError> {
    if !gateway.prove.is_empty() {
        return Ok(gateway.listeners());
    }
    let found = match server(gateway)? {
        How::Socket(_) => gateway.listeners(),
        How::Files(server) => match server.configured() {
            Some(configured) => ReadOut {
                configured,
                certificate,
                presented,
            }
            .listeners(),
            None => Vec::new(),
        },
    };
    Ok(on_every_address(&found, gateway, &sockets()))
}

/// A call for each name that the server answers for between servers, by the first listener that has the name.
fn calls(gateway: &Gateway, proofs: &[Proof]) -> Vec<Proof> {
    let outbound = match &gateway.kind {
        GatewayKind::Prosody(settings) | GatewayKind::Ejabberd(settings) => &settings.outbound,
        GatewayKind::Embedded(_)
        | GatewayKind::Kamailio(_)
        | GatewayKind::Haproxy(_)
        | GatewayKind::Nginx(_)
        | GatewayKind::Coturn(_)
        | GatewayKind::Files(_) => &None,
    };
    let Some(outbound) = outbound else {
        return Vec::new();
    };
    let mut calls: Vec<Proof> = Vec::new();
    for proof in proofs {
        let between_servers = match proof.protocol {
            Protocol::XmppServer | Protocol::XmppsServer => proof.name.is_some(),
            Protocol::Xmpp | Protocol::XmppsClient | Protocol::Sips | Protocol::Tls => false,
        };
        if between_servers && !calls.iter().any(|call| call.name == proof.name) {
            calls.push(Proof {
                outbound: Some(outbound.clone()),
                ..proof.clone()
            });
        }
    }
    calls
}

/// A configuration, read for one certificate.
struct ReadOut<'a> {
    configured: &'a Configured,
    certificate: &'a Certificate,
    presented: &'a [Presented],
}

impl ReadOut<'_> {
    /// The listeners on which this certificate is shown, each with its names.
    fn listeners(&self) -> Vec<Listener> {
        let mut found: Vec<Listener> = Vec::new();
        for one in &self.configured.listeners {
            let hosts = self.hosts(one.protocol);
            let names = match (&one.names, hosts) {
                (Some(own), _) => Some(self.covered(own.iter(), one.protocol)),
                (None, Some(hosts)) => Some(self.covered(hosts.iter(), one.protocol)),
                (None, None) => None,
            };
            // A list that came out empty is a listener for other certificates.
            if names.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let listener = Listener {
                protocol: one.protocol,
                address: one.address,
                names,
            };
            if !found.contains(&listener) {
                found.push(listener);
            }
        }
        found
    }

    /// The hosts that a protocol is spoken for; `None`: the server has no such list.
    fn hosts(&self, protocol: Protocol) -> Option<Vec<Domain>> {
        if self.configured.hosts.is_empty() {
            return None;
        }
        let with_components = match protocol {
            Protocol::XmppServer | Protocol::XmppsServer => true,
            Protocol::Xmpp | Protocol::XmppsClient => false,
            Protocol::Sips | Protocol::Tls => return None,
        };
        let hosts = self
            .configured
            .hosts
            .iter()
            .filter(|host| with_components || host.kind == HostKind::Domain)
            .map(|host| host.name.clone());
        Some(hosts.collect())
    }

    fn covered<'d>(
        &self,
        names: impl Iterator<Item = &'d Domain>,
        protocol: Protocol,
    ) -> Vec<Domain> {
        let mut once = Vec::new();
        for name in names {
            let coverage = covers(protocol.service(), name, self.presented);
            if !matches!(coverage, Coverage::Missing) && !once.contains(name) {
                once.push(name.clone());
            }
        }
        once
    }

    fn remarks(&self, place: &str) -> Vec<Finding> {
        let remarks = &self.configured.remarks;
        remarks
            .iter()
            .take(MAX_REMARKS)
            .map(|remark| {
                Finding::new(
                    Code::GatewayRemark,
                    crate::explain::printable(&remark.place.to_string()),
                    crate::explain::printable(&remark.what),
                    format!(
                        "a listener or a file for {} may be missing here for it",
                        self.certificate.name
                    ),
                    format!("name the listeners under `prove` in {place} where they are not found"),
                )
            })
            .collect()
    }
}

/// Where the server's hosts and the deployment's domains are not the same.
fn disagreements(
    asked: &Asked<'_>,
    certificate: &Certificate,
    configured: &Configured,
    presented: &[Presented],
    place: &str,
) -> Vec<Finding> {
    if configured.hosts.is_empty() {
        return Vec::new();
    }
    let input = asked
        .deployment
        .plan_input(certificate, Default::default(), None);
    let wanted: Vec<&Domain> = input.xmpp_domains.iter().chain(&input.components).collect();
    let is_host = |domain: &Domain| configured.hosts.iter().any(|host| host.name == *domain);
    let mut findings: Vec<Finding> = wanted
        .iter()
        .filter(|domain| !is_host(domain))
        .map(|domain| {
            Finding::new(
                Code::GatewayNameNotServed,
                place,
                format!("{domain} is in the deployment and no host of the server"),
                format!("its hosts are {}", listed_hosts(configured)),
                format!(
                    "add {domain} to the server, or take it out of [edge]; it is not proved there"
                ),
            )
        })
        .collect();
    let edge = &asked.deployment.edge;
    let known =
        |domain: &Domain| edge.xmpp_domains.contains(domain) || edge.components.contains(domain);
    findings.extend(
        configured
            .hosts
            .iter()
            .filter(|host| !known(&host.name))
            .filter(|host| {
                let service = Protocol::XmppServer.service();
                matches!(covers(service, &host.name, presented), Coverage::Missing)
            })
            .map(|host| {
                Finding::new(
                    Code::GatewayHostNotCovered,
                    crate::explain::printable(&host.place.to_string()),
                    format!(
                        "the server answers for {}, which this certificate does not cover",
                        host.name
                    ),
                    "peers and users of that name see another certificate, or none",
                    format!(
                        "add it to the {} of [edge] and request again, if this edge is to serve it",
                        match host.kind {
                            HostKind::Domain => "xmpp-domains",
                            HostKind::Component => "components",
                        }
                    ),
                )
            }),
    );
    findings
}

fn listed_hosts(configured: &Configured) -> String {
    let names: Vec<&str> = configured
        .hosts
        .iter()
        .map(|host| host.name.as_str())
        .collect();
    crate::explain::listed(&names, 6)
}

/// A listener on all addresses, and each listener of another process or socket on one of them.
fn on_every_address(
    listeners: &[Listener],
    gateway: &Gateway,
    sockets: &[Socket],
) -> Vec<Listener> {
    let mut all: Vec<Listener> = Vec::new();
    for listener in listeners {
        if !all.contains(listener) {
            all.push(listener.clone());
        }
        let embedded = matches!(gateway.kind, GatewayKind::Embedded(_));
        if embedded || !listener.address.ip().is_unspecified() {
            continue;
        }
        for address in specific_listeners(sockets, listener.address.port()) {
            // An IPv4 wildcard does not stand for IPv6 addresses.
            if address.is_ipv4() == listener.address.is_ipv4() {
                let one = Listener {
                    address,
                    ..listener.clone()
                };
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
    }
    all
}
