//! Issuer profiles: what a CA takes and gives, from `templates/profiles/*.toml` or a file of one's own.
//!
//! The profiles that ship are read by the same code as anybody's: a TOML table whose every mistake is told at once,
//! with line, column and the nearest right word. Nothing is merged into a profile; what a deployment wants beyond it
//! is left out of the request and told ([`super::build`]). Sources: the Baseline Requirements 7.1.2.7, RFC 6120 §13.7.1.

use crate::deployment::Mistake;
use crate::deployment::read::{self, Table, Value};
use crate::explain::{Explain, Explanation, nearest, printable};
use crate::names::NameForm;
use crate::x509::{KeyPurpose, KeyType};
use std::collections::BTreeSet;

/// The profiles that ship: name and text.
const BUILT_IN: [(&str, &str); 2] = [
    (
        "public-dv",
        include_str!("../../templates/profiles/public-dv.toml"),
    ),
    (
        "private-xmpp",
        include_str!("../../templates/profiles/private-xmpp.toml"),
    ),
];

/// The subject fields a profile may take, in the order in which they are written.
pub const SUBJECT_FIELDS: [&str; 6] = ["C", "ST", "L", "O", "OU", "CN"];

/// Key purposes by name; a dotted identifier is taken as well.
const PURPOSE_WORDS: [&str; 3] = ["serverAuth", "clientAuth", "sipDomain"];

/// Most further mistakes told beside the first one.
const MAX_TOLD: usize = 20;

/// Share of life left at which to renew when a profile says nothing: a third, as ACME clients do.
const RENEW_AT: f64 = 0.33;

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
    /// Purposes to ask for.
    pub key_purposes: Vec<KeyPurpose>,
    /// Key types it takes.
    pub key_types: Vec<KeyType>,
    /// Subject fields it takes: `C`, `ST`, `L`, `O`, `OU`, `CN`.
    pub subject_fields: Vec<String>,
    /// Whether to ask for a common name.
    pub common_name: bool,
    /// Share of life left at which to renew, 0.0 to 1.0.
    pub renew_at: f64,
    /// Longest life it issues, in days, if fixed.
    pub max_days: Option<u32>,
    /// The document behind it.
    pub cite: String,
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No profile of that name ships.
    #[error("there is no issuer profile {name:?}")]
    Unknown {
        /// As it was asked for.
        name: String,
    },
    /// The file is longer than [`IssuerProfile::MAX_BYTES`].
    #[error("{origin} is too large for an issuer profile: {bytes} bytes")]
    TooLarge {
        /// The file.
        origin: String,
        /// Its size.
        bytes: usize,
    },
    /// The file holds mistakes.
    #[error("the issuer profile {origin} has {} mistakes", mistakes.len())]
    Invalid {
        /// The file.
        origin: String,
        /// At least one, in file order.
        mistakes: Vec<Mistake>,
    },
}

impl Explain for ProfileError {
    fn explain(&self) -> Explanation {
        match self {
            ProfileError::Unknown { name } => {
                let known = IssuerProfile::names();
                let near = nearest(name, known.iter().copied());
                Explanation {
                    code: "request.profile-unknown",
                    what: format!("there is no issuer profile \"{}\"", printable(name)),
                    place: String::new(),
                    why: format!("the profiles that ship are {}", known.join(", ")),
                    mend: match near {
                        Some(near) => format!("write \"{near}\", or a path to a profile of your own that ends in .toml"),
                        None => "name one of them, or a path to a profile of your own that ends in .toml".into(),
                    },
                }
            }
            ProfileError::TooLarge { origin, bytes } => Explanation {
                code: "request.profile-too-large",
                what: "this is too large for an issuer profile".into(),
                place: printable(origin),
                why: format!(
                    "it has {bytes} bytes, at most {} are read",
                    IssuerProfile::MAX_BYTES
                ),
                mend: "name the profile's file".into(),
            },
            ProfileError::Invalid { origin, mistakes } => {
                let (place, mut why, mend) = match mistakes.first() {
                    Some(first) => (
                        format!(
                            "{}, line {}, column {}",
                            printable(origin),
                            first.line,
                            first.column
                        ),
                        first.line(),
                        first.mend.clone(),
                    ),
                    None => (printable(origin), String::new(), String::new()),
                };
                for other in mistakes.iter().skip(1).take(MAX_TOLD) {
                    why.push_str(&format!(
                        "\nline {}, column {}: {} ({})",
                        other.line,
                        other.column,
                        other.line(),
                        other.mend
                    ));
                }
                Explanation {
                    code: "request.profile-invalid",
                    what: match mistakes.len() {
                        1 => "the issuer profile has a mistake".into(),
                        more => {
                            format!("the issuer profile has {more} mistakes")
                        }
                    },
                    place,
                    why,
                    mend,
                }
            }
        }
    }
}

impl IssuerProfile {
    /// Largest profile read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The profiles that ship with the product, by name.
    pub fn built_in(name: &str) -> Option<Self> {
        let (name, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        // The shipped texts are read by a test below, so this is never none for a known name.
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
    /// Keys: `description`, `public`, `names`, `key-purposes`, `key-types` must be there; `name-limit`, `subject`,
    /// `common-name`, `renew-at`, `max-days`, `cite` may be. Errors: every mistake of the file, in its order.
    pub fn parse(name: &str, text: &str, origin: &str) -> Result<Self, ProfileError> {
        if text.len() > Self::MAX_BYTES {
            return Err(ProfileError::TooLarge {
                origin: origin.into(),
                bytes: text.len(),
            });
        }
        read::read(text, |root| Self::from_table(name, root)).map_err(|mistakes| {
            ProfileError::Invalid {
                origin: origin.into(),
                mistakes,
            }
        })
    }

    /// Takes every key before it gives up, so that one run tells all mistakes.
    fn from_table(name: &str, table: Table<'_, '_>) -> Option<Self> {
        let description = table
            .need("description", "\"the CA in one line\"")
            .and_then(|value| value.text());
        let public = table.need("public", "true").and_then(|v| v.boolean());
        let form_words = NameForm::ALL.map(|form| (form.word(), form));
        let forms = table
            .need("names", "[\"dns\"]")
            .and_then(|value| value.unique(|word| word.word(&form_words)));
        let key_purposes = table
            .need("key-purposes", "[\"serverAuth\"]")
            .and_then(|value| value.unique(read_purpose));
        let type_words = KeyType::ALL.map(|known| (known.word(), known));
        let key_types = table
            .need("key-types", "[\"ec256\", \"rsa2048\"]")
            .and_then(|value| value.unique(|word| word.word(&type_words)));
        let name_limit = optional(&table, "name-limit", |value| value.integer(1..=10_000));
        let field_words = SUBJECT_FIELDS.map(|field| (field, field));
        let subject_fields = optional(&table, "subject", |value| {
            value.unique(|word| word.word(&field_words))
        })
        .map(Option::unwrap_or_default);
        let common_name_value = table.get("common-name");
        let common_name = match &common_name_value {
            Some(value) => value.boolean(),
            None => Some(false),
        };
        if let (Some(value), Some(true), Some(fields)) =
            (&common_name_value, common_name, &subject_fields)
            && !fields.contains(&"CN")
        {
            value.fail(
                "a common name is asked for, but \"subject\" does not take CN",
                "add \"CN\" to subject, or set common-name = false",
            );
        }
        let renew_at = optional(&table, "renew-at", |value| value.share());
        let max_days = optional(&table, "max-days", |value| value.integer(1..=36_500));
        let cite = optional(&table, "cite", |value| value.text());
        table.finish();
        Some(Self {
            name: name.into(),
            description: description?.into(),
            public: public?,
            forms: forms?.into_iter().collect(),
            name_limit: name_limit?.and_then(|limit| usize::try_from(limit).ok()),
            key_purposes: key_purposes?,
            key_types: key_types?,
            subject_fields: subject_fields?.into_iter().map(String::from).collect(),
            common_name: common_name?,
            renew_at: renew_at?.unwrap_or(RENEW_AT),
            max_days: max_days?,
            cite: cite?.unwrap_or_default().into(),
        })
    }

    /// Who grants names of a form, in words: `the profile private-xmpp`, or a profile of one's own where none that
    /// ships does.
    pub fn who_grants(form: NameForm) -> String {
        let taking: Vec<&str> = Self::names()
            .into_iter()
            .filter(|name| Self::built_in(name).is_some_and(|one| one.forms.contains(&form)))
            .collect();
        match taking.as_slice() {
            [] => format!("a profile of your own with names = [\"{}\"]", form.word()),
            [one] => format!("the profile {one}"),
            more => format!("the profiles {}", more.join(" and ")),
        }
    }

    /// Whether the issuer takes a field of the subject (`OU`).
    pub fn takes(&self, field: &str) -> bool {
        self.subject_fields.iter().any(|known| known == field)
    }
}

/// A key that may be left out: none when it is there and wrong.
fn optional<'s, 't, T>(
    table: &Table<'s, 't>,
    key: &'static str,
    read: impl FnOnce(&Value<'s, 't>) -> Option<T>,
) -> Option<Option<T>> {
    match table.get(key) {
        Some(value) => read(&value).map(Some),
        None => Some(None),
    }
}

fn read_purpose(value: &Value<'_, '_>) -> Option<KeyPurpose> {
    let text = value.text()?;
    let found = KeyPurpose::from_word(text);
    if found.is_none() {
        value.unknown_word(text, PURPOSE_WORDS);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_that_ships_is_sound() {
        for name in IssuerProfile::names() {
            let profile = IssuerProfile::named(name).unwrap();
            assert_eq!(profile.name, name);
            assert!(!profile.description.is_empty() && !profile.cite.is_empty());
            assert!(profile.key_purposes.contains(&KeyPurpose::ServerAuth));
        }
    }

    #[test]
    fn public_dv_takes_dns_names_and_server_authentication_alone() {
        let profile = IssuerProfile::built_in("public-dv").unwrap();
        assert!(profile.public && profile.common_name);
        assert_eq!(profile.forms, BTreeSet::from([NameForm::Dns]));
        assert_eq!(profile.key_purposes, [KeyPurpose::ServerAuth]);
        assert_eq!(profile.name_limit, Some(25));
        assert_eq!(profile.subject_fields, ["CN"]);
        assert!(!profile.key_types.contains(&KeyType::Ed25519));
        assert!((profile.renew_at - 0.33).abs() < 1e-9);
    }

    #[test]
    fn private_xmpp_takes_everything_but_sip_uris() {
        let profile = IssuerProfile::built_in("private-xmpp").unwrap();
        assert!(!profile.public);
        assert!(profile.forms.contains(&NameForm::Srv) && profile.forms.contains(&NameForm::Xmpp));
        assert!(!profile.forms.contains(&NameForm::Uri));
        assert_eq!(profile.key_types, KeyType::ALL);
        assert_eq!(profile.subject_fields, SUBJECT_FIELDS);
        assert_eq!(profile.name_limit, None);
    }

    #[test]
    fn only_profiles_that_take_a_form_are_named_for_it() {
        for (form, words) in [
            (NameForm::Dns, "the profiles public-dv and private-xmpp"),
            (NameForm::Xmpp, "the profile private-xmpp"),
            (
                NameForm::Uri,
                "a profile of your own with names = [\"sip\"]",
            ),
        ] {
            assert_eq!(IssuerProfile::who_grants(form), words);
        }
    }

    #[test]
    fn every_mistake_of_a_profile_is_told_with_its_place() {
        let text = "description = \"ours\"\npublic = \"no\"\nnames = [\"dns\", \"svr\"]\nname-limits = 3\nkey-types = [\"ec256\"]\nrenew-at = \"133%\"\n";
        let Err(ProfileError::Invalid { mistakes, .. }) =
            IssuerProfile::parse("ours", text, "ours.toml")
        else {
            panic!("taken");
        };
        let error = ProfileError::Invalid {
            origin: "ours.toml".into(),
            mistakes: mistakes.clone(),
        };
        let said = error.explain();
        assert_eq!(said.place, "ours.toml, line 1, column 1");
        assert!(
            said.why.ends_with(
                "\nline 6, column 12: renew-at: \"133%\" is no share of a life (write a share between 0% and 100%: \"33%\")"
            ),
            "{}",
            said.why
        );
        let told: Vec<_> = mistakes
            .iter()
            .map(|one| (one.line, one.column, one.key.as_str(), one.mend.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (1, 1, "", "write key-purposes = [\"serverAuth\"]"),
                (2, 10, "public", "write true or false, without quotes"),
                (3, 17, "names", "did you mean \"srv\"?"),
                (4, 1, "", "did you mean \"name-limit\"?"),
                (
                    6,
                    12,
                    "renew-at",
                    "write a share between 0% and 100%: \"33%\""
                ),
            ]
        );
    }

    #[test]
    fn a_profile_is_read_by_the_rules_of_every_file() {
        let sound = "description = \"ours\"\npublic = false\nnames = [\"dns\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec256\"]\n";
        let profile =
            IssuerProfile::parse("ours", &format!("{sound}name-limit = 1_000"), "ours.toml");
        assert_eq!(profile.unwrap().name_limit, Some(1000));
        for (added, what, mend) in [
            (
                "common-name = true\n",
                "common-name: a common name is asked for, but \"subject\" does not take CN",
                "add \"CN\" to subject, or set common-name = false",
            ),
            (
                "name-limit = -1\n",
                "name-limit: -1 is out of range",
                "write a number from 1 to 10000",
            ),
            (
                "subject = [\"O\", \"O\"]\n",
                "subject: \"O\" stands here twice",
                "write it once",
            ),
            (
                "public = true\n",
                "duplicate key \"public\"",
                "keep one of the two",
            ),
            (
                "max-days = \"90\"\n",
                "max-days: expected a whole number, found text \"90\"",
                "write a number from 1 to 36500, without quotes",
            ),
        ] {
            let text = format!("{sound}{added}");
            let Err(ProfileError::Invalid { mistakes, .. }) =
                IssuerProfile::parse("ours", &text, "ours.toml")
            else {
                panic!("taken: {added}");
            };
            let told: Vec<_> = mistakes
                .iter()
                .map(|one| (one.line(), one.mend.as_str()))
                .collect();
            assert_eq!(told, [(what.to_owned(), mend)], "{added}");
        }
    }

    #[test]
    fn an_unknown_profile_names_the_nearest_one() {
        let told = IssuerProfile::named("public_dv").unwrap_err().explain();
        assert_eq!(told.what, "there is no issuer profile \"public_dv\"");
        assert_eq!(
            told.mend,
            "write \"public-dv\", or a path to a profile of your own that ends in .toml"
        );
    }
}
