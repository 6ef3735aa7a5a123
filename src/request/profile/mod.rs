//! Issuer profiles: what a CA takes and gives, from `templates/profiles/*.toml` or a file of one's own.
//!
//! The profiles that ship are read by the same code as anybody's: a TOML table whose every mistake is told
//! at once, with line, column and the nearest right word. Nothing is merged into a profile; what a deployment wants
//! beyond it is left out of the request and told, or refused ([`super::build`], [`super::foresee`]). Sources: the
//! Baseline Requirements 7.1.2.7, RFC 6120 §13.7.1, RFC 5922 §7.1.

mod error;
mod read;

pub use error::ProfileError;

use crate::explain::and_words;
use crate::names::NameForm;
use crate::x509::{CertificateTemplate, KeyPurpose, KeyType};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The profiles that ship: name and text.
const BUILT_IN: [(&str, &str); 9] = [
    (
        "public-dv",
        include_str!("../../../templates/profiles/public-dv.toml"),
    ),
    (
        "private-xmpp",
        include_str!("../../../templates/profiles/private-xmpp.toml"),
    ),
    (
        "letsencrypt-classic",
        include_str!("../../../templates/profiles/letsencrypt-classic.toml"),
    ),
    (
        "letsencrypt-tlsserver",
        include_str!("../../../templates/profiles/letsencrypt-tlsserver.toml"),
    ),
    (
        "letsencrypt-shortlived",
        include_str!("../../../templates/profiles/letsencrypt-shortlived.toml"),
    ),
    (
        "public-ov",
        include_str!("../../../templates/profiles/public-ov.toml"),
    ),
    (
        "private-sip",
        include_str!("../../../templates/profiles/private-sip.toml"),
    ),
    (
        "lync",
        include_str!("../../../templates/profiles/lync.toml"),
    ),
    (
        "ad-cs",
        include_str!("../../../templates/profiles/ad-cs.toml"),
    ),
];

/// The subject fields a profile may take, in the order in which they are written.
pub const SUBJECT_FIELDS: [&str; 6] = ["C", "ST", "L", "O", "OU", "CN"];

/// What an issuer allows.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerProfile {
    /// File name without suffix: `public-dv`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Whether it signs under public roots, so that the Baseline Requirements bind.
    pub public: bool,
    /// Name forms it puts in certificates.
    pub forms: BTreeSet<NameForm>,
    /// Most names in one certificate.
    pub name_limit: Option<usize>,
    /// Whether it grants wildcards; those for SIP names are refused whatever it says (RFC 5922 §7.2).
    pub wildcards: bool,
    /// How complete `sip:` URIs have to be.
    pub sip_rule: SipRule,
    /// First labels of names that services of such an edge often need (`webcon`); offered, never asked by themselves.
    pub offers: Vec<String>,
    /// Purposes to ask for.
    pub key_purposes: Vec<KeyPurpose>,
    /// Key types it takes.
    pub key_types: Vec<KeyType>,
    /// Subject fields it takes: `C`, `ST`, `L`, `O`, `OU`, `CN`.
    pub subject_fields: Vec<String>,
    /// Subject fields without which it refuses; of the inner lists one field is enough.
    pub required_subject: Vec<Vec<String>>,
    /// Whether to ask for a common name.
    pub common_name: bool,
    /// Whether the common name has to be the Access Edge FQDN.
    pub common_name_is_fqdn: bool,
    /// The AD CS template asked for where none is named; `None`: it takes no template.
    pub template: Option<CertificateTemplate>,
    /// Share of life left at which to renew, 0.0 to 1.0.
    pub renew_at: f64,
    /// Longest life it issues, in days, if fixed; a fraction of a day counts as one.
    pub max_days: Option<u32>,
    /// Domains by which CAA records name it (RFC 8659 §4.2), lower case; none: not known.
    pub caa: Vec<String>,
    /// What to know of this issuer, one line each; told with the plan and with each request.
    pub notes: Vec<String>,
    /// The document behind it.
    pub cite: String,
}

/// How complete the `sip:` URIs of a request have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipRule {
    /// As common stacks read: any name that matches is enough. What a strict verifier misses is a warning.
    Common,
    /// As RFC 5922 §7.1 and RFC 5924 §5 read: one URI makes the DNS names void, so each SIP domain and the FQDN has
    /// one, with a DNS name beside it; anything less is refused.
    Strict,
}

impl SipRule {
    /// `common`, `strict`.
    pub fn word(self) -> &'static str {
        match self {
            SipRule::Common => "common",
            SipRule::Strict => "strict",
        }
    }
}

impl IssuerProfile {
    /// Largest profile read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The profiles that ship with the product, by name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        // The shipped texts are read by a test below, so this is never `None` for a known name.
        Self::parse(name, text, name).ok()
    }

    /// As [`Self::built_in`], with an error that names the nearest known one.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        Self::built_in(name).ok_or_else(|| ProfileError::Unknown { name: name.into() })
    }

    /// Names of the profiles that ship.
    pub fn names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    /// Parses a profile file of one's own; `origin` is named in errors.
    ///
    /// Keys: `description`, `public`, `names`, `key-purposes`, `key-types` must be there; docs/profiles.md tells the
    /// others. Errors: every mistake of the file, in its order.
    pub fn parse(name: &str, text: &str, origin: &str) -> Result<Self, ProfileError> {
        if text.len() > Self::MAX_BYTES {
            return Err(ProfileError::TooLarge {
                origin: origin.into(),
                bytes: text.len(),
            });
        }
        crate::deployment::read::read(text, |root| Self::from_table(name, root)).map_err(
            |mistakes| ProfileError::Invalid {
                origin: origin.into(),
                mistakes,
            },
        )
    }

    /// Who grants names of a form, in words: `the profile private-xmpp`, or a profile of one's own where none that
    /// ships does.
    pub fn who_grants(form: NameForm) -> String {
        match Self::shipped_with(form).as_slice() {
            [] => format!("a profile of your own with names = [\"{}\"]", form.word()),
            [one] => format!("the profile {one}"),
            more => format!("the profiles {}", and_words(more)),
        }
    }

    /// The same with its verb: `the profile private-sip grants`.
    pub fn granting(form: NameForm) -> String {
        let verb = match Self::shipped_with(form).len() {
            0 | 1 => "grants",
            _ => "grant",
        };
        format!("{} {verb}", Self::who_grants(form))
    }

    /// The profiles that ship and grant names of a form.
    fn shipped_with(form: NameForm) -> Vec<&'static str> {
        // Read once: a note of each request names them, and reading them all took most of the time of a batch.
        static SHIPPED: OnceLock<Vec<(&str, BTreeSet<NameForm>)>> = OnceLock::new();
        let shipped = SHIPPED.get_or_init(|| {
            let forms = |name| Some((name, Self::built_in(name)?.forms));
            Self::names().into_iter().filter_map(forms).collect()
        });
        shipped
            .iter()
            .filter(|(_, forms)| forms.contains(&form))
            .map(|(name, _)| *name)
            .collect()
    }

    /// The key of `[subject]` in a deployment that fills a field of the subject: `organization` for `O`.
    pub fn subject_key(field: &str) -> Option<&'static str> {
        match field {
            "C" => Some("country"),
            "ST" => Some("state"),
            "L" => Some("locality"),
            "O" => Some("organization"),
            "OU" => Some("organizational-unit"),
            "CN" => Some("common-name"),
            _ => None,
        }
    }

    /// Whether the issuer takes a field of the subject (`OU`).
    pub fn takes(&self, field: &str) -> bool {
        self.subject_fields.iter().any(|known| known == field)
    }

    /// Whether a required part of the subject (`["ST", "L"]`: one of them) is among these fields.
    pub(super) fn is_met(one_of: &[String], fields: &[&str]) -> bool {
        one_of.iter().any(|field| fields.contains(&field.as_str()))
    }

    /// The key type to ask for where nothing says one: `ec256` if the issuer takes it, else the first that it takes.
    pub fn default_key_type(&self) -> KeyType {
        if self.key_types.contains(&KeyType::Ec256) {
            return KeyType::Ec256;
        }
        self.key_types.first().copied().unwrap_or(KeyType::Ec256)
    }
}

#[cfg(test)]
mod tests;
