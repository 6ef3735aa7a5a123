//! What lies on disk as JSON: requests, generations, assignments, intents, journal lines.
//!
//! Keys are snake_case, words kebab-case, times RFC 3339 in UTC cut to milliseconds. Fields that are not known are
//! skipped, so that a later minor version's records can be read; a record says nothing secret.

use crate::x509::{Certificate, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use time::OffsetDateTime;

/// RFC 3339, UTC, at most milliseconds.
mod stamp {
    use serde::{Deserializer, Serializer};
    use time::{OffsetDateTime, UtcOffset, serde::rfc3339};

    pub(super) fn cut(time: &OffsetDateTime) -> OffsetDateTime {
        let time = time.to_offset(UtcOffset::UTC);
        time.replace_millisecond(time.millisecond()).unwrap_or(time)
    }

    pub(super) fn serialize<S: Serializer>(
        time: &OffsetDateTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        rfc3339::serialize(&cut(time), to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<OffsetDateTime, D::Error> {
        rfc3339::deserialize(from).map(|time| time.to_offset(UtcOffset::UTC))
    }

    pub(super) mod option {
        use serde::{Deserializer, Serializer};
        use time::{OffsetDateTime, serde::rfc3339};

        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<OffsetDateTime>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            rfc3339::option::serialize(&time.as_ref().map(super::cut), to)
        }

        pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
            from: D,
        ) -> Result<Option<OffsetDateTime>, D::Error> {
            rfc3339::option::deserialize(from)
        }
    }
}

/// What records say that are older than the question whether keys may be handed out.
fn yes() -> bool {
    true
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestState {
    /// Its key waits for the reply.
    Pending,
    /// A generation holds its key.
    Answered,
}

/// `request.json`: what must be remembered until the reply comes, and for the next request after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The certificate's name.
    pub certificate: String,
    /// `2026-11-20-1`; given by the store.
    pub id: String,
    /// When it was made.
    #[serde(with = "stamp")]
    pub created: OffsetDateTime,
    /// The issuer's profile that it was made for.
    pub issuer_profile: String,
    /// `ec256` …
    pub key_type: String,
    /// `sha256:…` of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
    /// Names asked for, typed: `dns:contoso.com`.
    pub names: Vec<String>,
    /// Names the profile does not allow, typed.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// Purposes asked for: `serverAuth`, `clientAuth`.
    #[serde(default)]
    pub key_purposes: Vec<String>,
    /// Subject fields by name: `common_name`, `organization` …
    #[serde(default)]
    pub subject: BTreeMap<String, String>,
    /// The template of AD CS it asks for: its name, or its identifier and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// What the certificate is for: `sip-edge` …
    #[serde(default)]
    pub uses: Vec<String>,
    /// Whether the key may be handed out to others.
    #[serde(default = "yes")]
    pub exportable: bool,
    /// When it was last handed to the issuer.
    #[serde(default, with = "stamp::option")]
    pub submitted: Option<OffsetDateTime>,
    /// Where it stands.
    pub state: RequestState,
    /// The latest generation with its key.
    #[serde(default)]
    pub answered_by: Option<u32>,
}

/// `next.json`: the key of the next request, made ahead of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextKeyRecord {
    /// The certificate's name.
    pub certificate: String,
    /// When it was made.
    #[serde(with = "stamp")]
    pub created: OffsetDateTime,
    /// `ec256` …
    pub key_type: String,
    /// `sha256:…` of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
}

/// A certificate in the form it has everywhere in the machine contract, without what depends on the hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSummary {
    /// Subject as text.
    pub subject: String,
    /// Issuer as text.
    pub issuer: String,
    /// subjectAltName entries, typed.
    pub sans: Vec<String>,
    /// First second of validity.
    #[serde(with = "stamp")]
    pub not_before: OffsetDateTime,
    /// Last second of validity, included.
    #[serde(with = "stamp")]
    pub not_after: OffsetDateTime,
    /// `sha256:…` of the DER.
    pub sha256: String,
    /// `sha256:…` of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
    /// Hex with colons.
    pub serial: String,
}

impl CertificateSummary {
    /// When it is valid.
    pub fn window(&self) -> Window {
        Window {
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }

    /// The summary of a parsed certificate.
    pub fn of(certificate: &Certificate) -> Self {
        let facts = certificate.facts();
        Self {
            subject: facts.subject.text.clone(),
            issuer: facts.issuer.text.clone(),
            sans: facts
                .names
                .iter()
                .flatten()
                .map(|name| name.to_typed())
                .collect(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            sha256: facts.sha256.to_string(),
            spki_sha256: facts.spki_sha256.to_string(),
            serial: certificate.serial_hex(),
        }
    }
}

/// How a generation came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A reply to a request, or to a key brought along.
    Import,
    /// An existing pair, taken as it is.
    Adopt,
    /// A sealed bundle of another machine.
    Sealed,
}

impl Source {
    /// Its word, in JSON as well.
    pub fn word(self) -> &'static str {
        match self {
            Source::Import => "import",
            Source::Adopt => "adopt",
            Source::Sealed => "sealed",
        }
    }

    /// The verb of the journal.
    pub(crate) fn action(self) -> &'static str {
        match self {
            Source::Import | Source::Sealed => "import",
            Source::Adopt => "adopt",
        }
    }
}

/// A finding that was accepted knowingly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The finding's code.
    pub code: String,
    /// The person's reason.
    pub reason: String,
}

/// `meta.json` of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRecord {
    /// The certificate's name.
    pub certificate: String,
    /// From 1; given by the store.
    pub number: u32,
    /// When it was taken in.
    #[serde(with = "stamp")]
    pub created: OffsetDateTime,
    /// How it came in.
    pub source: Source,
    /// The request it answers.
    #[serde(default)]
    pub request: Option<String>,
    /// Which generation it is on the machine that sealed it: `external-edge/4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_as: Option<String>,
    /// The leaf.
    pub leaf: CertificateSummary,
    /// `sha256:…` of each intermediate, nearest to the leaf first.
    #[serde(default)]
    pub chain_sha256: Vec<String>,
    /// The issuer's profile of the request.
    #[serde(default)]
    pub issuer_profile: Option<String>,
    /// Findings accepted knowingly.
    #[serde(default)]
    pub accepted: Vec<Accepted>,
    /// Whether the key may be handed out to others; once it may not, no later generation with that key may either.
    #[serde(default = "yes")]
    pub exportable: bool,
    /// Never to be served again.
    #[serde(default)]
    pub compromised: bool,
}

/// A generation that becomes current at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The generation.
    pub generation: u32,
    /// From when on.
    #[serde(with = "stamp")]
    pub effective: OffsetDateTime,
    /// The gateways it is for; empty: all that serve the certificate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Findings that are let through when its time has come, as whoever staged it said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Accepted>,
}

/// What a gateway was last given, and whether it was proved to serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// The generation.
    pub generation: u32,
    /// When its listeners were seen to show it; older records have it of gateways without a listener as well.
    #[serde(
        default,
        with = "stamp::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub proved: Option<OffsetDateTime>,
    /// When its files were written, where no listener is known that could prove it. Neither: an assignment failed since,
    /// and what the server has loaded is not known.
    #[serde(
        default,
        with = "stamp::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub placed: Option<OffsetDateTime>,
    /// `sha256:…` of the leaf seen; of the one written where no listener is known.
    pub sha256: String,
    /// SHA-256 of what was written for it, by path: whoever changes such a file since is told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<PathBuf, String>,
}

impl Proved {
    /// Whether its last assignment ended well.
    pub fn is_settled(&self) -> bool {
        self.proved.or(self.placed).is_some()
    }
}

/// `assignments/<cert>.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignmentRecord {
    /// The generation on the gateways.
    #[serde(default)]
    pub current: Option<u32>,
    /// The one before: what `rollback` goes to.
    #[serde(default)]
    pub previous: Option<u32>,
    /// The one to come.
    #[serde(default)]
    pub staged: Option<Staged>,
    /// By the gateway's name.
    #[serde(default)]
    pub gateways: BTreeMap<String, Proved>,
    /// Since when `current` is current.
    #[serde(default, with = "stamp::option")]
    pub since: Option<OffsetDateTime>,
}

/// What an intent is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentKind {
    /// A generation goes live.
    Assign,
    /// The previous one goes live again.
    Rollback,
}

/// `intent.json`: an assignment that was begun. There is at most one for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRecord {
    /// Given by the store: the certificate's name.
    pub id: String,
    /// The certificate's name.
    pub certificate: String,
    /// Live before.
    #[serde(default)]
    pub from: Option<u32>,
    /// To be live.
    pub to: u32,
    /// When it was begun.
    #[serde(with = "stamp")]
    pub started: OffsetDateTime,
    /// The gateways, in their order.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// Assign or roll back.
    pub kind: IntentKind,
    /// Whether the servers' configuration may be changed along with the files.
    #[serde(default)]
    pub write_config: bool,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// From 1, without gaps.
    pub seq: u64,
    /// When, by the clock of that moment.
    #[serde(with = "stamp")]
    pub time: OffsetDateTime,
    /// User name, or `uid N`.
    pub actor: String,
    /// A verb: `request`, `import`, `assign` …
    pub action: String,
    /// The certificate it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What else is worth knowing.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub detail: serde_json::Map<String, serde_json::Value>,
    /// SHA-256 in hex of the line before, without its line end; 64 zeros in the first.
    pub prev: String,
}

pub(crate) fn cut_time(time: OffsetDateTime) -> OffsetDateTime {
    stamp::cut(&time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn records_of_a_later_minor_version_are_read() {
        let text = r#"{"current":4,"staged":{"generation":5,"effective":"2026-12-01T00:00:00Z","by":"x"},"news":1}"#;
        let record: AssignmentRecord = serde_json::from_str(text).unwrap();
        assert_eq!(record.current, Some(4));
        assert_eq!(
            record.staged.unwrap().effective,
            datetime!(2026-12-01 0:00 UTC)
        );
        assert_eq!(record.since, None);
    }

    #[test]
    fn times_are_written_in_utc_with_milliseconds_at_most() {
        let proved = Proved {
            generation: 1,
            proved: Some(datetime!(2026-11-20 12:00:00.123456789 +2)),
            placed: None,
            sha256: String::new(),
            written: BTreeMap::new(),
        };
        let text = serde_json::to_string(&proved).unwrap();
        assert!(
            text.contains(r#""proved":"2026-11-20T10:00:00.123Z""#),
            "{text}"
        );
        assert!(!text.contains("placed"), "{text}");
    }
}
