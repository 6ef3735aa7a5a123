//! What stands on a page before anybody answers it: from the deployment, from the last request, else what is usual.

use super::super::answers::Document;
use super::super::facts::Facts;
use super::compose::roots_words;
use super::{INTERNAL, Intent, OWN_PROFILE, text, ticks};
use crate::deployment::init::PRIVATE_ROOT;
use crate::deployment::{Certificate, Deployment, Issuer, ProfileSource, Subject};
use crate::names::{Domain, Identifier, Slug, Use};
use crate::request::IssuerProfile;
use crate::request::pending::subject_from;
use crate::store::RequestRecord;
use crate::x509::KeyType;
use std::collections::BTreeSet;

/// The profile that an internal edge begins with: the CA inside the company.
const INTERNAL_PROFILE: &str = "ad-cs";

/// What the last request tells of the edge, where no deployment does.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) fqdn: Option<Domain>,
    pub(super) sip: Vec<Domain>,
    pub(super) xmpp: Vec<Domain>,
    pub(super) components: Vec<Domain>,
}

pub(super) fn remembered(record: Option<&RequestRecord>) -> Remembered {
    let mut found = Remembered::default();
    let Some(record) = record else {
        return found;
    };
    let all = record.names.iter().chain(&record.left_out);
    for name in all.filter_map(|text| Identifier::parse_typed(text).ok()) {
        let Some(domain) = name.domain().cloned() else {
            continue;
        };
        match &name {
            Identifier::Dns(dns) if !dns.is_wildcard() => {
                let above = domain.as_str().strip_prefix("sip.");
                if let Some(sip) = above.and_then(|above| Domain::parse(above).ok()) {
                    found.sip.push(sip);
                } else if found.fqdn.is_none() {
                    found.fqdn = Some(domain);
                }
            }
            Identifier::Xmpp(_) => found.xmpp.push(domain),
            Identifier::Dns(_)
            | Identifier::Srv(_)
            | Identifier::Sip(_)
            | Identifier::Ip(_)
            | Identifier::Email(_) => {}
        }
    }
    let all = found.xmpp.clone();
    let is_below = |one: &Domain| all.iter().any(|other| other != one && one.is_within(other));
    (found.components, found.xmpp) = found.xmpp.into_iter().partition(is_below);
    found
}

/// The domains that the last request of a certificate asked for: for SIP, for XMPP.
pub fn asked_last(record: Option<&RequestRecord>) -> (Vec<Domain>, Vec<Domain>) {
    let found = remembered(record);
    (found.sip, found.xmpp)
}

pub(super) fn default_certificate(facts: &Facts) -> Slug {
    let known = facts.certificates();
    let external = known.iter().find(|name| {
        facts
            .certificate(name)
            .is_none_or(|own| own.uses.iter().any(|one| *one != Use::InternalEdge))
    });
    match external.or(known.first()) {
        Some(name) => name.clone(),
        None => facts.fallback.clone(),
    }
}

pub(super) fn uses(
    answers: &Document,
    certificate: &Slug,
    own: Option<&Certificate>,
    last: Option<&RequestRecord>,
) -> BTreeSet<Use> {
    let known = own.map(|own| own.uses.clone()).or_else(|| {
        let words = last?.uses.iter();
        let uses: BTreeSet<Use> = words.filter_map(|word| Use::from_word(word)).collect();
        (!uses.is_empty()).then_some(uses)
    });
    let internal = BTreeSet::from([Use::InternalEdge]);
    let default = match known {
        Some(uses) => uses,
        None if certificate.as_str() == INTERNAL => internal.clone(),
        None => BTreeSet::from([Use::SipEdge, Use::XmppS2s]),
    };
    // The page is not shown for one that is for the inside alone.
    if default == internal {
        return default;
    }
    match ticks(answers, "uses", "uses") {
        Some(words) => words
            .iter()
            .filter_map(|word| Use::from_word(word))
            .collect(),
        None => default,
    }
}

pub(super) fn profile_of(
    answers: &Document,
    certificate: &Slug,
    issuer: Option<&Issuer>,
    last: Option<&RequestRecord>,
) -> (String, String) {
    let (word, file) = match issuer.map(|issuer| &issuer.profile) {
        Some(ProfileSource::BuiltIn(word)) => (word.clone(), String::new()),
        Some(ProfileSource::File(path)) => (OWN_PROFILE.to_owned(), path.display().to_string()),
        None => {
            let names = IssuerProfile::names();
            let asked = last
                .map(|last| last.issuer_profile.as_str())
                .filter(|word| names.contains(word));
            let private =
                |name: &&&str| IssuerProfile::built_in(name).is_some_and(|profile| !profile.public);
            let word = match asked {
                Some(word) => word,
                None if certificate.as_str() != INTERNAL => {
                    names.first().copied().unwrap_or_default()
                }
                None if names.contains(&INTERNAL_PROFILE) => INTERNAL_PROFILE,
                None => names.iter().find(private).copied().unwrap_or_default(),
            };
            (word.to_owned(), String::new())
        }
    };
    (
        text(answers, "issuer", "profile").map_or(word, str::to_owned),
        text(answers, "issuer", "profile-file").map_or(file, str::to_owned),
    )
}

pub(super) fn default_key(
    own: Option<&Certificate>,
    last: Option<&RequestRecord>,
    profile: Option<&IssuerProfile>,
) -> KeyType {
    let takes = |kind: &KeyType| profile.is_none_or(|one| one.key_types.contains(kind));
    let of_last = last.and_then(|last| KeyType::from_word(&last.key_type));
    own.map(|own| own.key.key_type)
        .or(of_last)
        .into_iter()
        .chain([KeyType::Ec256, KeyType::Rsa2048])
        .chain(profile.and_then(|one| one.key_types.first()).copied())
        .find(takes)
        .unwrap_or(KeyType::Ec256)
}

pub(super) fn default_friendly_name(certificate: &Slug) -> String {
    let words = certificate.as_str().replace('-', " ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}

pub(super) fn subject(
    answers: &Document,
    deployment: Option<&Deployment>,
    last: Option<&RequestRecord>,
) -> Subject {
    let below = match (deployment, last) {
        (Some(deployment), _) => deployment.subject.clone(),
        (None, Some(last)) => {
            let asked = subject_from(&last.subject);
            Subject {
                common_name: None,
                organization: asked.organization,
                organizational_unit: asked.organizational_unit,
                country: asked.country,
                state: asked.state,
                locality: asked.locality,
            }
        }
        (None, None) => Subject::default(),
    };
    let field = |page, name, below: Option<String>| match text(answers, page, name) {
        Some("") => None,
        Some(text) => Some(text.to_owned()),
        None => below,
    };
    Subject {
        common_name: below.common_name,
        organization: field("organization", "organization", below.organization),
        organizational_unit: field(
            "organization",
            "organizational-unit",
            below.organizational_unit,
        ),
        country: field("location", "country", below.country).map(|text| text.to_ascii_uppercase()),
        state: field("location", "state", below.state),
        locality: field("location", "locality", below.locality),
    }
}

pub(super) fn default_roots(facts: &Facts, intent: &Intent) -> String {
    match intent.issuer(facts).1 {
        Some(issuer) if !issuer.roots.is_empty() => roots_words(&issuer.roots),
        Some(_) | None => PRIVATE_ROOT.to_owned(),
    }
}

/// The copy of the CSR beside the deployment: the one that holds a pending request already, else a free name.
pub(super) fn default_file(facts: &Facts, certificate: &Slug) -> String {
    let names = || {
        std::iter::once(format!("{certificate}.csr"))
            .chain((2..1000).map(|number| format!("{certificate}-{number}.csr")))
    };
    names()
        .find(|name| facts.look.content(&facts.base().join(name)).is_none())
        .unwrap_or_else(|| format!("{certificate}.csr"))
}
