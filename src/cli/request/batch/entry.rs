//! From an entry of a list to what is wanted: the flags' own parsers, with the entry's places in what they say.

use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::request::flags::{self, NameFlags, NamesGiven, SubjectFlags};
use crate::cli::request::wanted::{Choices, DEFAULT_PROFILE, Wanted, default_uses};
use crate::explain::{Explanation, printable};
use crate::names::{Identifier, Slug, Use};
use crate::request::batch::{BatchMistake, Entry, Key, Word};
use crate::request::{IssuerProfile, KeyPolicy};
use crate::x509::{KeyType, Subject};
use std::collections::HashMap;

/// Longest name of a folder.
const MAX_FOLDER: usize = 200;

/// What holds for every entry that does not say it.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    pub(super) uses: Vec<String>,
    pub(super) profile: Option<String>,
    pub(super) template: Option<String>,
    pub(super) subject: Subject,
    pub(super) key_type: Option<KeyType>,
}

/// Profiles by the word or path that names them, each read once.
#[derive(Debug, Default)]
pub(super) struct Profiles(HashMap<String, IssuerProfile>);

impl Profiles {
    fn find(&mut self, text: &str) -> Result<IssuerProfile, Failure> {
        if let Some(known) = self.0.get(text) {
            return Ok(known.clone());
        }
        let profile = flags::profile(text)?;
        self.0.insert(text.to_owned(), profile.clone());
        Ok(profile)
    }
}

/// The folder of an entry below `--out`: `out`, else the certificate, else the FQDN; safe as a name.
pub(super) fn folder(entry: &Entry) -> Result<String, Failure> {
    let named = [Key::Out, Key::Certificate, Key::Fqdn]
        .into_iter()
        .find_map(|key| Some((key, entry.value(key)?)));
    let Some((key, word)) = named else {
        return Err(missing("fqdn", "write fqdn, the Access Edge FQDN"));
    };
    if key == Key::Fqdn {
        // As it is asked for: an A-label, in lower case.
        return flags::domain("--fqdn", &word.text)
            .map(|domain| domain.to_string())
            .map_err(|failure| placed(failure, entry));
    }
    let text = &word.text;
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'));
    let begins = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if plain && begins && text.len() <= MAX_FOLDER {
        return Ok(text.clone());
    }
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "batch.folder",
            what: format!("\"{}\" is no name for a folder", printable(text)),
            place: place(word, key),
            why: format!(
                "it has a-z, 0-9, dots, hyphens and underscores, begins with a letter or digit, and has at most {MAX_FOLDER} characters"
            ),
            mend: "write one name, without a path; the folder is made below --out".into(),
        },
    ))
}

/// What an entry wants, with every default applied.
pub(super) fn wanted(
    entry: &Entry,
    defaults: &Defaults,
    profiles: &mut Profiles,
) -> Result<Wanted, Failure> {
    parse(entry, defaults, profiles).map_err(|failure| placed(failure, entry))
}

fn parse(entry: &Entry, defaults: &Defaults, profiles: &mut Profiles) -> Result<Wanted, Failure> {
    let one = |key| entry.value(key).map(|word| word.text.clone());
    let all = |key| -> Vec<String> {
        entry
            .values(key)
            .iter()
            .map(|word| word.text.clone())
            .collect()
    };
    let uses = all(Key::Uses);
    let names = NameFlags {
        fqdn: one(Key::Fqdn),
        sip_domain: all(Key::SipDomains),
        xmpp_domain: all(Key::XmppDomains),
        component: all(Key::Components),
        uses: if uses.is_empty() {
            defaults.uses.clone()
        } else {
            uses
        },
        dns: Vec::new(),
        san: all(Key::San),
        issuer_profile: None,
        template: one(Key::Template).or_else(|| defaults.template.clone()),
    };
    let subject = SubjectFlags {
        organization: one(Key::Organization),
        organizational_unit: one(Key::OrganizationalUnit),
        country: one(Key::Country),
        state_or_province: one(Key::StateOrProvince),
        locality: one(Key::Locality),
        common_name: one(Key::CommonName),
    };
    subject.check()?;
    let mut given = names.parse()?;
    let profile = one(Key::IssuerProfile).or_else(|| defaults.profile.clone());
    given.profile = Some(profiles.find(profile.as_deref().unwrap_or(DEFAULT_PROFILE))?);
    let key_type = one(Key::KeyType)
        .map(|word| flags::key_type(&word))
        .transpose()?
        .or(defaults.key_type);
    let choices = Choices {
        certificate: Some(certificate(entry, &given)?),
        key_type,
        ..Choices::default()
    };
    if given.uses.is_empty() && default_uses(&given).is_empty() {
        return Err(missing(
            "domain, and no use",
            "write sip-domains or xmpp-domains; or uses = internal-edge for a certificate of the FQDN alone",
        ));
    }
    let mut wanted = Wanted::from_flags(given, &choices)?;
    wanted.spec.subject = subject.over(defaults.subject.clone());
    wanted.policy = KeyPolicy::Refuse;
    wanted.check()?;
    Ok(wanted)
}

/// The lineage: as it is named, else the FQDN with hyphens for dots, so that replies do not meet in one lineage.
fn certificate(entry: &Entry, given: &NamesGiven) -> Result<Slug, Failure> {
    if let Some(word) = entry.value(Key::Certificate) {
        return flags::certificate("CERT", &word.text);
    }
    let Some(fqdn) = &given.fqdn else {
        return Err(missing("fqdn", "write fqdn, the Access Edge FQDN"));
    };
    Slug::parse(&fqdn.as_str().replace(['.', '_'], "-")).map_err(|_| {
        missing(
            "certificate",
            "write certificate, a name of at most 63 of a-z, 0-9 and -: the FQDN is too long to be one",
        )
    })
}

fn missing(what: &str, mend: &str) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "batch.missing",
            what: format!("the entry has no {what}"),
            place: String::new(),
            why: "a request cannot be made without it".into(),
            mend: mend.into(),
        },
    )
}

/// What the mistakes of an entry become: the first one in full, the others after it.
pub(super) fn mistaken(mistakes: &[BatchMistake]) -> Explanation {
    let at = |one: &BatchMistake| match one.column {
        Some(column) => format!("line {}, column {column}", one.line),
        None => format!("line {}", one.line),
    };
    let (what, place, mut why, mend) = match mistakes.first() {
        Some(first) => (
            first.what.clone(),
            at(first),
            first.why.clone(),
            first.mend.clone(),
        ),
        None => Default::default(),
    };
    for other in mistakes.iter().skip(1) {
        if !why.is_empty() {
            why.push_str("; ");
        }
        why.push_str(&format!("{}: {} ({})", at(other), other.what, other.mend));
    }
    Explanation {
        code: "batch.entry",
        what,
        place,
        why,
        mend,
    }
}

/// The flags that the parsers speak of, and the keys that stand for them here.
const FLAGS: [(&str, Key); 15] = [
    ("--fqdn", Key::Fqdn),
    ("--sip-domain", Key::SipDomains),
    ("--xmpp-domain", Key::XmppDomains),
    ("--component", Key::Components),
    ("--san", Key::San),
    ("--use", Key::Uses),
    ("--key-type", Key::KeyType),
    ("--issuer-profile", Key::IssuerProfile),
    ("--template", Key::Template),
    ("--country", Key::Country),
    ("--common-name", Key::CommonName),
    ("--organization", Key::Organization),
    ("--locality", Key::Locality),
    ("--state-or-province", Key::StateOrProvince),
    ("CERT", Key::Certificate),
];

/// The same failure with the entry's words and places for the flags'.
fn placed(mut failure: Failure, entry: &Entry) -> Failure {
    failure.kind = FailureKind::Refused;
    let told = &mut failure.explanation;
    let meant = FLAGS.iter().find(|(flag, _)| *flag == told.place);
    if let Some((_, key)) = meant
        && let Some(word) = culprit(entry, *key)
    {
        told.place = place(word, *key);
    }
    for text in [&mut told.what, &mut told.why, &mut told.mend] {
        for (flag, key) in FLAGS {
            if flag.starts_with("--") && text.contains(flag) {
                *text = text.replace(flag, key.word());
            }
        }
    }
    failure
}

/// The value that is wrong: of several the first that its own parser refuses.
fn culprit(entry: &Entry, key: Key) -> Option<&Word> {
    let values = entry.values(key);
    let is_wrong = |word: &&Word| match key {
        Key::SipDomains | Key::XmppDomains | Key::Components => {
            flags::domain("", &word.text).is_err()
        }
        Key::San => Identifier::parse_typed(&word.text).is_err(),
        Key::Uses => Use::from_word(&word.text).is_none(),
        Key::Certificate
        | Key::Fqdn
        | Key::KeyType
        | Key::IssuerProfile
        | Key::Template
        | Key::Organization
        | Key::OrganizationalUnit
        | Key::Country
        | Key::StateOrProvince
        | Key::Locality
        | Key::CommonName
        | Key::Out => true,
    };
    values.iter().find(is_wrong).or_else(|| values.first())
}

fn place(word: &Word, key: Key) -> String {
    match word.column {
        Some(column) => format!("line {}, column {column}, {}", word.line, key.word()),
        None => format!("line {}, {}", word.line, key.word()),
    }
}
