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

/// What a partner's users may do, or ours with regard to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Without being asked.
    Always,
    /// Only once our user has taken the contact into the contact list.
    OnceAdded,
    /// Not at all.
    Never,
}

impl Permission {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Permission::Always => "always",
            Permission::OnceAdded => "once-added",
            Permission::Never => "never",
        }
    }

    /// For sentences.
    pub fn title(self) -> &'static str {
        match self {
            Permission::Always => "yes, without being asked",
            Permission::OnceAdded => "only after our user has added the contact",
            Permission::Never => "never",
        }
    }
}

/// What the users of a partner may do with ours, by its type (the seed's table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permits {
    /// Add one of our users as a contact.
    pub add_contact: Permission,
    /// See the presence of one.
    pub see_presence: Permission,
    /// Send one a message.
    pub send_im: Permission,
    /// See the note beside the presence.
    pub see_notes: Permission,
}

impl Permits {
    /// Nothing.
    pub const NONE: Permits = Permits {
        add_contact: Permission::Never,
        see_presence: Permission::Never,
        send_im: Permission::Never,
        see_notes: Permission::Never,
    };

    /// Each with its word and title.
    pub fn each(&self) -> [(&'static str, &'static str, Permission); 4] {
        [
            ("add_contact", "add our user as a contact", self.add_contact),
            ("see_presence", "see our user's presence", self.see_presence),
            ("send_im", "send our user messages", self.send_im),
            ("see_notes", "see our user's status note", self.see_notes),
        ]
    }
}

impl PartnerType {
    /// All three, the most trusted first.
    pub const ALL: [PartnerType; 3] = [
        PartnerType::Federated,
        PartnerType::PublicVerified,
        PartnerType::PublicUnverified,
    ];

    /// What its users may do, once the access policy of our user allows XMPP at all.
    pub fn permits(self) -> Permits {
        let trusted = Permits {
            add_contact: Permission::Always,
            see_presence: Permission::Always,
            send_im: Permission::Always,
            see_notes: Permission::Always,
        };
        match self {
            PartnerType::Federated => trusted,
            PartnerType::PublicVerified => Permits {
                see_notes: Permission::Never,
                ..trusted
            },
            PartnerType::PublicUnverified => Permits {
                add_contact: Permission::OnceAdded,
                see_presence: Permission::OnceAdded,
                send_im: Permission::OnceAdded,
                see_notes: Permission::Never,
            },
        }
    }

    /// What it permits, in a sentence without a full stop.
    pub fn means(self) -> &'static str {
        match self {
            PartnerType::Federated => {
                "its users add ours, see their presence and status notes and write to them without being asked: for the same enterprise or a business relation"
            }
            PartnerType::PublicVerified => {
                "its users add ours, see their presence and write to them without being asked, and never see status notes: a public provider that verifies its users; not recommended"
            }
            PartnerType::PublicUnverified => {
                "its users see and write to one of ours only after ours has added them, and never see status notes: the right type for public providers"
            }
        }
    }

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
    /// Its table: the header, and the domain by which it is told from the others.
    pub fn table(&self) -> String {
        format!("[[partner]] {}", self.domain)
    }

    /// Whether `domain` is one of the partner's.
    pub fn has_domain(&self, domain: &Domain) -> bool {
        self.domain == *domain || self.additional_domains.contains(domain)
    }
}
