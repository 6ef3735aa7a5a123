//! A federated XMPP partner and its settings.

use super::{Negotiation, Server};
use crate::names::Domain;
use std::path::PathBuf;

/// How far a partner's users are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartnerType {
    /// Same enterprise or business relation.
    Federated,
    /// A public provider that verifies its users.
    PublicVerified,
    /// A public provider that does not.
    PublicUnverified,
}

impl PartnerType {
    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            PartnerType::Federated => "federated",
            PartnerType::PublicVerified => "public-verified",
            PartnerType::PublicUnverified => "public-unverified",
        }
    }
}

/// One partner of the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Primary domain.
    pub domain: Domain,
    /// Free text.
    pub description: Option<String>,
    /// Other domains of the same partner.
    pub additional_domains: Vec<Domain>,
    /// How far its users are trusted.
    pub partner_type: PartnerType,
    /// TLS, SASL and dialback.
    pub negotiation: Negotiation,
    /// Streams at once, if limited.
    pub connection_limit: Option<u32>,
    /// Whether idle streams are kept alive.
    pub keep_alive: bool,
    /// The server software that runs there, if known.
    pub server: Option<Server>,
    /// Anchors that alone count for this partner; empty: the gateway's.
    pub roots: Vec<PathBuf>,
}

impl Partner {
    /// Whether `domain` is one of the partner's.
    pub fn has_domain(&self, domain: &Domain) -> bool {
        self.domain == *domain || self.additional_domains.contains(domain)
    }
}
