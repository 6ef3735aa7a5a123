//! The DNS records that a deployment needs, and which of them are really there.
//!
//! [`plan`] says which, why, and what breaks without; [`questions`] what to ask, and [`compare`] what the answers come
//! to; these are pure. [`ask`] puts them to a resolver. Not here: what lies behind the addresses (`check` knocks there), and
//! zone cuts, which only the DNS knows. RFC 2782, RFC 6120 §3.2.1, XEP-0368, RFC 3263 §4, RFC 7673, RFC 8659.

mod ask;
mod compare;
mod plan;
mod replies;
mod zone;

pub use ask::ask;
pub use compare::{Compared, Row, compare};
pub use plan::{Given, KeyPin, PinnedKey, plan};
pub use replies::{Answers, Found, Kind, Question, Reply, questions};
pub use zone::zone;

use crate::names::{Domain, Slug};
use crate::x509::Fingerprint;
use std::fmt;
use std::net::IpAddr;

/// Seconds that a planned record may be kept by others: an hour, so that a change is seen the same day.
pub const TTL: u32 = 3_600;

/// How much a record is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing breaks without it.
    Optional,
    /// Some peers or clients need it.
    Wise,
    /// The service is not found without it.
    Required,
}

impl Need {
    /// The word of the machine contract.
    pub fn word(self) -> &'static str {
        match self {
            Need::Optional => "optional",
            Need::Wise => "wise",
            Need::Required => "required",
        }
    }
}

/// What a planned record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordData {
    /// SRV with priority and weight 0; both are the owner's to choose, and are not compared.
    Srv {
        /// Port.
        port: u16,
        /// Host.
        target: Domain,
    },
    /// A or AAAA; `None`: the value is the owner's.
    Address(Option<IpAddr>),
    /// TLSA 3 1 1: the key itself (RFC 7673 §4.2).
    Tlsa {
        /// SHA-256 of the SubjectPublicKeyInfo.
        spki_sha256: Fingerprint,
        /// Of which certificate.
        certificate: Slug,
        /// Whether it is served now.
        key: PinnedKey,
    },
    /// CAA with flags 0 and the tag `issue`.
    Caa {
        /// The issuer's domain: `letsencrypt.org`.
        issuer: String,
    },
}

/// A record that the deployment needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRecord {
    /// Whose: lower case, A-labels, no dot at the end.
    pub owner: String,
    /// What.
    pub data: RecordData,
    /// How much.
    pub need: Need,
    /// Why.
    pub because: String,
    /// What breaks without it.
    pub without: String,
}

impl PlannedRecord {
    /// `SRV`, `A`, `AAAA`, `TLSA`, `CAA`; an address whose value is not known is `A`.
    pub fn type_word(&self) -> &'static str {
        match &self.data {
            RecordData::Srv { .. } => "SRV",
            RecordData::Address(Some(IpAddr::V6(_))) => "AAAA",
            RecordData::Address(Some(IpAddr::V4(_)) | None) => "A",
            RecordData::Tlsa { .. } => "TLSA",
            RecordData::Caa { .. } => "CAA",
        }
    }

    /// The right side in the form of a zone file; `None` where the value is the owner's.
    pub fn data_text(&self) -> Option<String> {
        match &self.data {
            RecordData::Srv { port, target } => Some(format!("0 0 {port} {target}.")),
            RecordData::Address(address) => address.map(|one| one.to_string()),
            RecordData::Tlsa { spki_sha256, .. } => Some(crate::x509::pins::tlsa(spki_sha256)),
            RecordData::Caa { issuer } => Some(format!("0 issue \"{issuer}\"")),
        }
    }

    /// The line to publish.
    pub fn line(&self) -> String {
        let data = self.data_text().unwrap_or_else(|| "<its address>".into());
        format!("{}. {TTL} IN {} {data}", self.owner, self.type_word())
    }
}

impl fmt::Display for PlannedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

/// What a certificate is asked to hold by CAA: its names, and who may issue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuance {
    /// The certificate.
    pub certificate: Slug,
    /// Its DNS names, a wildcard with its star.
    pub names: Vec<String>,
    /// Domains by which CAA knows its issuer; empty: not known, so CAA is not judged.
    pub issuers: Vec<String>,
}

/// The records, in the order of the deployment's domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlan {
    /// Access Edge FQDN.
    pub fqdn: Domain,
    /// The records.
    pub records: Vec<PlannedRecord>,
    /// Who may issue what.
    pub issuances: Vec<Issuance>,
}

impl RecordPlan {
    /// Only the records of a domain and of what lies below it.
    #[must_use]
    pub fn within(mut self, zone: &Domain) -> Self {
        let suffix = format!(".{zone}");
        self.records
            .retain(|one| one.owner == zone.as_str() || one.owner.ends_with(&suffix));
        self.issuances.iter_mut().for_each(|issuance| {
            issuance
                .names
                .retain(|name| name == zone.as_str() || name.ends_with(&suffix));
        });
        self
    }
}
