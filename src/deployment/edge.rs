//! `[edge]` and `[subject]`: who the edge is, and what may be said of its owner.

use crate::names::Domain;

/// `[edge]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Access Edge FQDN.
    pub fqdn: Domain,
    /// SIP domains; the first is the primary one.
    pub sip_domains: Vec<Domain>,
    /// XMPP domains.
    pub xmpp_domains: Vec<Domain>,
    /// XMPP components that talk to other servers.
    pub components: Vec<Domain>,
}

impl Edge {
    /// Every domain whose users or services are ours: none of them can be a partner's.
    pub fn own_domains(&self) -> Vec<Domain> {
        let all = [&self.xmpp_domains, &self.sip_domains, &self.components];
        all.into_iter().flatten().cloned().collect()
    }
}

/// `[subject]`; each field checked for its length (RFC 5280 upper bounds, in characters).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// CN; `None`: `[edge] fqdn` where the profile wants one.
    pub common_name: Option<String>,
    /// O, at most 64.
    pub organization: Option<String>,
    /// OU, at most 64.
    pub organizational_unit: Option<String>,
    /// C, two letters, upper case.
    pub country: Option<String>,
    /// ST, at most 128.
    pub state: Option<String>,
    /// L, at most 128.
    pub locality: Option<String>,
}
