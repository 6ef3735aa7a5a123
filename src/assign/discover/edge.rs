//! Which edge a machine is, by the hosts of its servers and the certificates that they serve (pure).

use super::Found;
use crate::names::Domain;
use crate::servers::HostKind;

/// The names of an edge, as far as its servers tell them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    /// A host name that could be its FQDN: it lies below one of the domains and is no domain itself.
    pub fqdn: Option<Domain>,
    /// Hosts of the XMPP servers.
    pub xmpp_domains: Vec<Domain>,
    /// Their components.
    pub components: Vec<Domain>,
    /// `d` of each `sip.<d>` in a certificate.
    pub sip_domains: Vec<Domain>,
}

/// What the servers tell.
pub fn edge_of(found: &[Found]) -> Edge {
    let mut edge = Edge::default();
    // What another user can change tells nothing.
    let ours = || found.iter().filter(|one| one.others.why().is_none());
    for server in ours().filter_map(|one| one.server.as_ref().ok()) {
        for host in &server.common().hosts {
            let list = match host.kind {
                HostKind::Domain => &mut edge.xmpp_domains,
                HostKind::Component => &mut edge.components,
            };
            // `localhost` of the packages' own configurations.
            if host.name.as_str().contains('.') && !list.contains(&host.name) {
                list.push(host.name.clone());
            }
        }
    }
    let served: Vec<Domain> = ours()
        .flat_map(|one| &one.in_use)
        .filter(|pair| pair.leaf.is_ok())
        .flat_map(|pair| pair.dns_names())
        .filter_map(|name| Domain::parse(&name).ok())
        .collect();
    for name in &served {
        if let Some(domain) = sip_domain(name)
            && !edge.sip_domains.contains(&domain)
        {
            edge.sip_domains.push(domain);
        }
    }
    let is_host = |name: &&Domain| {
        let domains = || edge.xmpp_domains.iter().chain(&edge.sip_domains);
        !edge.components.contains(name)
            && !domains().any(|domain| domain == *name)
            && domains().any(|domain| name.is_within(domain))
    };
    let mut hosts: Vec<&Domain> = served.iter().filter(is_host).collect();
    // A name of its own before `sip.<d>`, which every SIP domain has.
    hosts.sort_by_key(|name| sip_domain(name).is_some());
    edge.fqdn = hosts.first().map(|name| (*name).clone());
    edge
}

/// `d` of `sip.<d>`.
fn sip_domain(name: &Domain) -> Option<Domain> {
    let domain = name.as_str().strip_prefix("sip.")?;
    domain
        .contains('.')
        .then(|| Domain::parse(domain).ok())
        .flatten()
}

#[cfg(test)]
mod tests;
