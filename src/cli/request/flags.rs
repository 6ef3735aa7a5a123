//! What the flags say of names, subject and key, turned into library types; shared by `request`, `plan` and `init`.
//!
//! Values are parsed here and not by clap, so that a wrong one is told in four parts, fit to be shown, and with the
//! flag as its place.

use crate::cli::exit::FailureKind;
use crate::cli::expectation;
use crate::cli::output::Failure;
use crate::explain::{Explain, nearest, printable};
use crate::names::{Domain, Identifier, Slug, TYPE_WORDS, Use};
use crate::request::IssuerProfile;
use crate::x509::{CertificateTemplate, KeyType, Subject};
use clap::Args;
use std::collections::BTreeSet;
use std::path::Path;

/// The names and the issuer.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Names")]
pub struct NameFlags {
    /// Access Edge FQDN
    #[arg(long, value_name = "NAME")]
    pub fqdn: Option<String>,
    /// A SIP domain: adds sip.<domain> and <domain> (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    pub sip_domain: Vec<String>,
    /// An XMPP domain (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    pub xmpp_domain: Vec<String>,
    /// An XMPP component that talks to other servers (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    pub component: Vec<String>,
    /// What the certificate is for: sip-edge, xmpp-s2s, xmpp-c2s, internal-edge (repeatable)
    #[arg(long = "use", value_name = "USE")]
    pub uses: Vec<String>,
    /// A further DNS name (repeatable); the same as --san dns:NAME
    #[arg(short = 'd', long = "domain", value_name = "NAME")]
    pub dns: Vec<String>,
    /// A further name: dns: srv: xmpp: sip: ip: email: (repeatable)
    #[arg(long, value_name = "TYPE:VALUE")]
    pub san: Vec<String>,
    /// Who signs: a profile that ships, or the path to one of your own [default: public-dv, or the deployment's]
    #[arg(long, value_name = "NAME|FILE")]
    pub issuer_profile: Option<String>,
    /// Certificate template of AD CS: its name, or OID[:MAJOR[.MINOR]] [default: the deployment's or the profile's]
    #[arg(long, value_name = "NAME|OID")]
    pub template: Option<String>,
}

/// The subject.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Subject (sent as far as the issuer takes it)")]
pub struct SubjectFlags {
    /// O
    #[arg(long, value_name = "TEXT")]
    pub organization: Option<String>,
    /// OU
    #[arg(long, value_name = "TEXT")]
    pub organizational_unit: Option<String>,
    /// C, two letters
    #[arg(long, value_name = "XX")]
    pub country: Option<String>,
    /// ST
    #[arg(long, value_name = "TEXT")]
    pub state_or_province: Option<String>,
    /// L
    #[arg(long, value_name = "TEXT")]
    pub locality: Option<String>,
    /// CN [default: the FQDN]
    #[arg(long, value_name = "TEXT")]
    pub common_name: Option<String>,
}

/// The flags' names, parsed.
#[derive(Debug, Clone, Default)]
pub struct NamesGiven {
    /// `--fqdn`.
    pub fqdn: Option<Domain>,
    /// `--sip-domain`.
    pub sip_domains: Vec<Domain>,
    /// `--xmpp-domain`.
    pub xmpp_domains: Vec<Domain>,
    /// `--component`.
    pub components: Vec<Domain>,
    /// `--use`.
    pub uses: BTreeSet<Use>,
    /// `-d` and `--san`.
    pub extra: Vec<Identifier>,
    /// `--issuer-profile`.
    pub profile: Option<IssuerProfile>,
    /// `--template`.
    pub template: Option<CertificateTemplate>,
}

impl NameFlags {
    /// Parses them all.
    ///
    /// Errors: wrong usage, with the flag as its place. Effects: reads a profile's file.
    pub fn parse(&self) -> Result<NamesGiven, Failure> {
        // Unpacked, so that a new flag is not forgotten.
        let Self {
            fqdn,
            sip_domain,
            xmpp_domain,
            component,
            uses,
            dns,
            san,
            issuer_profile,
            template,
        } = self;
        let mut extra = Vec::new();
        for text in dns {
            let typed = Identifier::parse_typed(&format!("dns:{text}"));
            extra.push(typed.map_err(|error| wrong("-d", &error))?);
        }
        for text in san {
            extra.push(typed("--san", text)?);
        }
        Ok(NamesGiven {
            fqdn: fqdn
                .as_deref()
                .map(|text| domain("--fqdn", text))
                .transpose()?,
            sip_domains: domains("--sip-domain", sip_domain)?,
            xmpp_domains: domains("--xmpp-domain", xmpp_domain)?,
            components: domains("--component", component)?,
            uses: uses
                .iter()
                .map(|word| use_of(word))
                .collect::<Result<_, _>>()?,
            extra,
            profile: issuer_profile.as_deref().map(profile).transpose()?,
            template: template
                .as_deref()
                .map(|text| {
                    CertificateTemplate::parse(text).map_err(|error| wrong_template(&error))
                })
                .transpose()?,
        })
    }
}

impl SubjectFlags {
    /// Refuses a country that is no code; the other fields are judged by the subject itself.
    pub fn check(&self) -> Result<(), Failure> {
        let Some(text) = &self.country else {
            return Ok(());
        };
        if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Ok(());
        }
        let mut failure = Failure::usage(
            format!("\"{}\" is no country code", printable(text)),
            "a country has the two letters of ISO 3166 (RFC 5280 appendix A.1)",
            "write --country US, DE, KR …, or leave it out",
        );
        "--country".clone_into(&mut failure.explanation.place);
        Err(failure)
    }

    /// The subject with what the flags say laid over it.
    pub fn over(&self, below: Subject) -> Subject {
        let Self {
            organization,
            organizational_unit,
            country,
            state_or_province,
            locality,
            common_name,
        } = self;
        Subject {
            organization: organization.clone().or(below.organization),
            organizational_unit: organizational_unit.clone().or(below.organizational_unit),
            country: country
                .as_ref()
                .map(|text| text.to_ascii_uppercase())
                .or(below.country),
            state: state_or_province.clone().or(below.state),
            locality: locality.clone().or(below.locality),
            common_name: common_name.clone().or(below.common_name),
        }
    }
}

/// Reads a domain of a flag.
pub fn domain(flag: &str, text: &str) -> Result<Domain, Failure> {
    Domain::parse(text).map_err(|error| wrong(flag, &error))
}

/// Reads the domains of a flag that may be repeated.
pub fn domains(flag: &str, texts: &[String]) -> Result<Vec<Domain>, Failure> {
    texts.iter().map(|text| domain(flag, text)).collect()
}

/// Reads the name of a certificate.
pub fn certificate(flag: &str, text: &str) -> Result<Slug, Failure> {
    Slug::parse(text).map_err(|error| wrong(flag, &error))
}

/// Reads `--key-type`.
pub fn key_type(word: &str) -> Result<KeyType, Failure> {
    KeyType::from_word(word)
        .ok_or_else(|| unknown_word("--key-type", word, &KeyType::ALL.map(KeyType::word)))
}

/// A word that is none of those known, with the nearest one.
pub fn unknown_word(flag: &str, word: &str, known: &[&str]) -> Failure {
    let mut failure = Failure::usage(
        format!("{flag} does not take \"{}\"", printable(word)),
        format!("it takes {}", known.join(", ")),
        match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => "name one of them".to_owned(),
        },
    );
    flag.clone_into(&mut failure.explanation.place);
    failure
}

fn typed(flag: &str, text: &str) -> Result<Identifier, Failure> {
    Identifier::parse_typed(text).map_err(|error| {
        let mut failure = wrong(flag, &error);
        if !text.contains(':') {
            failure.explanation.mend = format!(
                "write {flag} dns:{} (the types are {})",
                printable(text),
                TYPE_WORDS.join(", ")
            );
        }
        failure
    })
}

fn use_of(word: &str) -> Result<Use, Failure> {
    Use::from_word(word).ok_or_else(|| unknown_word("--use", word, &Use::ALL.map(Use::word)))
}

/// Whether a profile is named by its path.
pub fn is_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml")
}

/// A profile by name, or by a path: one with a slash, or one that ends in .toml.
pub fn profile(text: &str) -> Result<IssuerProfile, Failure> {
    if is_path(text) {
        return expectation::profile_file(Path::new(text)).map_err(|failure| Failure {
            kind: match failure.explanation.code.starts_with("store.") {
                true => FailureKind::Refused,
                false => failure.kind,
            },
            ..failure
        });
    }
    IssuerProfile::named(text).map_err(|error| wrong("--issuer-profile", &error))
}

fn wrong_template(error: &dyn Explain) -> Failure {
    let mut failure = Failure::from_error(FailureKind::Usage, error);
    "--template".clone_into(&mut failure.explanation.place);
    "write --template WebServer (the name, not the display name), or --template 1.3.6.1.4.1.311.21.8.…:100.3"
        .clone_into(&mut failure.explanation.mend);
    failure
}

/// Wrong usage, with the flag where the error names no place.
fn wrong(flag: &str, error: &dyn Explain) -> Failure {
    let mut failure = Failure::from_error(FailureKind::Usage, error);
    if failure.explanation.place.is_empty() {
        flag.clone_into(&mut failure.explanation.place);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_is_told_with_its_flag_and_nothing_that_harms_a_terminal() {
        for (flags, place) in [
            (
                NameFlags {
                    fqdn: Some("a\x1b[31m.example".into()),
                    ..NameFlags::default()
                },
                "--fqdn",
            ),
            (
                NameFlags {
                    sip_domain: vec!["../etc".into()],
                    ..NameFlags::default()
                },
                "--sip-domain",
            ),
            (
                NameFlags {
                    xmpp_domain: vec![format!("{}.org", "x".repeat(64))],
                    ..NameFlags::default()
                },
                "--xmpp-domain",
            ),
            (
                NameFlags {
                    dns: vec!["a/b.example".into()],
                    ..NameFlags::default()
                },
                "-d",
            ),
            (
                NameFlags {
                    san: vec!["chat.example.org".into()],
                    ..NameFlags::default()
                },
                "--san",
            ),
            (
                NameFlags {
                    uses: vec!["sip_edge".into()],
                    ..NameFlags::default()
                },
                "--use",
            ),
            (
                NameFlags {
                    issuer_profile: Some("public".into()),
                    ..NameFlags::default()
                },
                "--issuer-profile",
            ),
            (
                NameFlags {
                    template: Some("Web\x1bServer".into()),
                    ..NameFlags::default()
                },
                "--template",
            ),
        ] {
            let failure = flags.parse().unwrap_err();
            assert_eq!(failure.kind, FailureKind::Usage, "{flags:?}");
            let told = failure.explanation;
            assert_eq!(told.place, place);
            assert!(
                !told.what.is_empty() && !told.why.is_empty() && !told.mend.is_empty(),
                "{told:?}"
            );
            assert!(!format!("{}{}{}", told.what, told.why, told.mend).contains('\x1b'));
        }
    }

    #[test]
    fn a_country_has_two_letters() {
        for (text, good) in [("US", true), ("de", true), ("USA", false), ("U1", false)] {
            let flags = SubjectFlags {
                country: Some(text.into()),
                ..SubjectFlags::default()
            };
            assert_eq!(flags.check().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn flags_lie_over_the_subject_of_the_deployment() {
        let flags = SubjectFlags {
            country: Some("us".into()),
            ..SubjectFlags::default()
        };
        let below = Subject {
            country: Some("DE".into()),
            organization: Some("Contoso".into()),
            ..Subject::default()
        };
        let subject = flags.over(below);
        assert_eq!(subject.country.as_deref(), Some("US"));
        assert_eq!(subject.organization.as_deref(), Some("Contoso"));
    }
}
