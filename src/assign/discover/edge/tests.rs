use super::super::command_line::Started;
use super::super::{InUse, Root, Server, ServerKind};
use super::*;
use crate::servers::prosody::{ProsodyConfig, Shell};
use crate::servers::{Configured, Host, Place, Side};
use crate::x509::container;

fn host(name: &str, kind: HostKind) -> Host {
    Host {
        name: Domain::parse(name).unwrap(),
        kind,
        place: Place {
            file: "/c".into(),
            line: 1,
        },
    }
}

/// Prosody with these hosts, and a certificate for these names.
fn prosody(hosts: &[(&str, HostKind)], names: &[&str]) -> Found {
    let mut parameters = rcgen::CertificateParams::new(
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>(),
    )
    .unwrap();
    parameters.is_ca = rcgen::IsCa::NoCa;
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = parameters.self_signed(&key).unwrap().pem();
    let leaf = container::read(pem.as_bytes(), None)
        .unwrap()
        .certificates
        .remove(0)
        .1;
    Found {
        kind: ServerKind::Prosody,
        config: "/etc/prosody/prosody.cfg.lua".into(),
        root: Root::Ours,
        processes: Vec::new(),
        user: None,
        others: Default::default(),
        unread: Vec::new(),
        started: Started::default(),
        server: Ok(Server::Prosody(ProsodyConfig {
            common: Configured {
                hosts: hosts.iter().map(|(name, kind)| host(name, *kind)).collect(),
                ..Configured::default()
            },
            certificates_folder: "/c".into(),
            shell: Shell::Disabled,
            overrides: Vec::new(),
        })),
        in_use: vec![InUse {
            certificate: "/c/a.crt".into(),
            key: "/c/a.key".into(),
            names: Vec::new(),
            side: Side::Both,
            leaf: Ok(leaf),
        }],
    }
}

#[test]
fn names_are_told_by_hosts_and_certificates() {
    use HostKind::{Component, Domain as Xmpp};
    for (hosts, names, fqdn, sip) in [
        (
            &[("a.test", Xmpp), ("rooms.a.test", Component)][..],
            &["a.test", "rooms.a.test", "sip.a.test", "edge.a.test"][..],
            Some("edge.a.test"),
            &["a.test"][..],
        ),
        // Where nothing else is there, what every SIP domain has.
        (
            &[],
            &["b.test", "sip.b.test"],
            Some("sip.b.test"),
            &["b.test"],
        ),
        // Neither the domain, nor a component, nor a name of another domain, nor a wildcard is a host.
        (
            &[("a.test", Xmpp), ("rooms.a.test", Component)],
            &["a.test", "rooms.a.test", "www.other.test", "*.a.test"],
            None,
            &[],
        ),
    ] {
        let edge = edge_of(&[prosody(hosts, names)]);
        assert_eq!(edge.fqdn.as_ref().map(Domain::as_str), fqdn, "{names:?}");
        let told: Vec<&str> = edge.sip_domains.iter().map(Domain::as_str).collect();
        assert_eq!(told, sip, "{names:?}");
        assert_eq!(edge.xmpp_domains.len() + edge.components.len(), hosts.len());
    }
}
