//! Which handshakes show what a gateway serves: its listeners, each with the names that fit its protocol.
//!
//! `assign` proves by them and `check` watches them, so that both ask the same questions.

use super::{Certificate, Deployment, Gateway, GatewayKind, Listener};
use crate::names::matching::{Coverage, covers};
use crate::names::{Domain, Presented, Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One handshake to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// What the listener speaks.
    pub protocol: Protocol,
    /// Where to knock: on this machine.
    pub address: SocketAddr,
    /// SNI and stream `to`; `None`: neither is sent.
    pub name: Option<Domain>,
}

impl Gateway {
    /// Its table, as its header has it.
    pub fn table(&self) -> String {
        format!("[gateway.{}.{}]", self.kind.word(), self.name)
    }

    /// The listeners that have to show the certificate: those under `prove`, else an embedded gateway's own. Empty for
    /// another server without `prove`: its own configuration tells them.
    pub fn listeners(&self) -> Vec<Listener> {
        match (&self.kind, self.prove.as_slice()) {
            (GatewayKind::Embedded(embedded), []) => embedded
                .listeners
                .iter()
                .map(|listener| Listener {
                    protocol: listener.protocol,
                    address: listener.listen,
                    names: None,
                })
                .collect(),
            (
                GatewayKind::Embedded(_)
                | GatewayKind::Prosody(_)
                | GatewayKind::Ejabberd(_)
                | GatewayKind::Kamailio(_)
                | GatewayKind::Haproxy(_)
                | GatewayKind::Nginx(_)
                | GatewayKind::Coturn(_)
                | GatewayKind::Files(_),
                prove,
            ) => prove.to_vec(),
        }
    }
}

impl Deployment {
    /// One handshake for each listener and each name that it answers for; without a fitting name, one without SNI.
    pub fn handshakes(
        &self,
        certificate: &Certificate,
        presented: &[Presented],
        listeners: &[Listener],
    ) -> Vec<Handshake> {
        let mut handshakes = Vec::new();
        for listener in listeners {
            let names = match &listener.names {
                Some(names) => names.clone(),
                None => self.fitting(certificate, presented, listener.protocol),
            };
            let asked: Vec<Option<Domain>> = match names.is_empty() {
                true => vec![None],
                false => names.into_iter().map(Some).collect(),
            };
            handshakes.extend(asked.into_iter().map(|name| Handshake {
                protocol: listener.protocol,
                address: reachable(listener.address),
                name,
            }));
        }
        handshakes
    }

    /// The deployment's domains that this protocol is spoken for and the certificate covers; where there is none, every
    /// domain in the certificate that a peer would accept.
    fn fitting(
        &self,
        certificate: &Certificate,
        presented: &[Presented],
        protocol: Protocol,
    ) -> Vec<Domain> {
        let covered = |domain: &Domain| {
            !matches!(
                covers(protocol.service(), domain, presented),
                Coverage::Missing
            )
        };
        let mut fitting = self.spoken_for(certificate, protocol);
        fitting.retain(covered);
        if fitting.is_empty() {
            fitting = presented
                .iter()
                .filter_map(Presented::dns_domain)
                .filter(covered)
                .collect();
        }
        let mut once = Vec::new();
        for domain in fitting {
            if !once.contains(&domain) {
                once.push(domain);
            }
        }
        once
    }

    fn spoken_for(&self, certificate: &Certificate, protocol: Protocol) -> Vec<Domain> {
        let plan = self.plan_input(certificate, Default::default(), None);
        match protocol {
            Protocol::XmppServer | Protocol::XmppsServer => plan
                .xmpp_domains
                .into_iter()
                .chain(plan.components)
                .collect(),
            Protocol::Xmpp | Protocol::XmppsClient => plan.xmpp_domains,
            Protocol::Sips => plan
                .sip_domains
                .iter()
                .flat_map(|domain| domain.child("sip").into_iter().chain([domain.clone()]))
                .chain([plan.fqdn])
                .collect(),
            // Anything may stand behind plain TLS.
            Protocol::Tls => Vec::new(),
        }
    }
}

/// Where a listener is reached on this machine: the loopback address for one that listens on all.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_protocol_is_asked_for_the_names_it_is_spoken_for() {
        let text = r#"
            version = 1
            [edge]
            fqdn = "edge.contoso.com"
            sip-domains = ["fabrikam.com"]
            xmpp-domains = ["contoso.com"]
            components = ["conference.contoso.com"]
            [issuer.public]
            profile = "public-dv"
            [certificate.external-edge]
            issuer = "public"
            uses = ["sip-edge", "xmpp-s2s"]
        "#;
        let deployment = Deployment::parse(text, Path::new("/x/edgecert.toml")).unwrap();
        let certificate = &deployment.certificates[0];
        let presented: Vec<Presented> = [
            "edge.contoso.com",
            "sip.fabrikam.com",
            "fabrikam.com",
            "contoso.com",
            "conference.contoso.com",
        ]
        .map(|name| Presented::Dns(name.to_owned()))
        .to_vec();
        for (protocol, expected) in [
            (
                Protocol::XmppServer,
                vec!["contoso.com", "conference.contoso.com"],
            ),
            (Protocol::XmppsClient, vec!["contoso.com"]),
            (
                Protocol::Sips,
                vec!["sip.fabrikam.com", "fabrikam.com", "edge.contoso.com"],
            ),
            (
                Protocol::Tls,
                vec![
                    "edge.contoso.com",
                    "sip.fabrikam.com",
                    "fabrikam.com",
                    "contoso.com",
                    "conference.contoso.com",
                ],
            ),
        ] {
            let listener = Listener {
                protocol,
                address: ([0, 0, 0, 0], 1).into(),
                names: None,
            };
            let handshakes = deployment.handshakes(certificate, &presented, &[listener]);
            let names: Vec<&str> = handshakes
                .iter()
                .filter_map(|h| h.name.as_ref().map(Domain::as_str))
                .collect();
            assert_eq!(names, expected, "{protocol:?}");
            assert!(
                handshakes
                    .iter()
                    .all(|h| h.address == ([127, 0, 0, 1], 1).into())
            );
        }
    }
}
