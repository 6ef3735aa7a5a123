//! `[key]`, `[issuer.NAME]` and `[certificate.NAME]`.

use super::super::read::{Table, Value};
use super::super::{
    Certificate, Edge, Issuer, KeySettings, OnRenewal, PROFILE_WORDS, PassphraseSource,
    ProfileSource, RootsSource, certificate::TAKES_TEMPLATE, values::MAX_LABEL,
};
use super::{header_name, is_of_edge, optional_table};
use crate::explain::{nearest, printable};
use crate::names::{Domain, Slug, Use};
use crate::x509::KeyType;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The keys of a `key` table that are written there.
struct KeyLayer {
    key_type: Option<KeyType>,
    on_renewal: Option<OnRenewal>,
    exportable: Option<bool>,
    passphrase: Option<PassphraseSource>,
}

impl KeyLayer {
    /// This laid over `below`, key by key.
    fn over(self, below: &KeySettings) -> KeySettings {
        KeySettings {
            key_type: self.key_type.unwrap_or(below.key_type),
            on_renewal: self.on_renewal.unwrap_or(below.on_renewal),
            exportable: self.exportable.unwrap_or(below.exportable),
            passphrase: self.passphrase.or_else(|| below.passphrase.clone()),
        }
    }
}

/// `[key]` over the product's own defaults.
pub(super) fn key_defaults(root: &Table<'_, '_>) -> Option<KeySettings> {
    let defaults = KeySettings {
        key_type: KeyType::Ec256,
        on_renewal: OnRenewal::New,
        exportable: true,
        passphrase: None,
    };
    let Some(value) = root.get("key") else {
        return Some(defaults);
    };
    Some(read_key(value.table()?).over(&defaults))
}

fn read_key(table: Table<'_, '_>) -> KeyLayer {
    let types = KeyType::ALL.map(|key_type| (key_type.word(), key_type));
    let layer = KeyLayer {
        key_type: table.get("type").and_then(|value| value.word(&types)),
        on_renewal: table
            .get("on-renewal")
            .and_then(|v| v.word(&[("new", OnRenewal::New), ("reuse", OnRenewal::Reuse)])),
        exportable: table.get("exportable").and_then(|value| value.boolean()),
        passphrase: table.get("passphrase").and_then(|v| read_passphrase(&v)),
    };
    table.finish();
    layer
}

/// Never shows the value: whoever writes a passphrase here shall not find it in a log.
fn read_passphrase(value: &Value<'_, '_>) -> Option<PassphraseSource> {
    const MEND: &str = "write where it is read from: { file = \"…\" }, { env = \"NAME\" } or { credential = \"NAME\" }";
    if !value.is_table() {
        value.fail("a passphrase does not stand in this file", MEND);
        return None;
    }
    let table = value.table()?;
    let place = table.place();
    let file = table.get("file");
    let env = table.get("env");
    let credential = table.get("credential");
    table.finish();
    match (file, env, credential) {
        (Some(file), None, None) => file.path().map(PassphraseSource::File),
        (None, Some(env), None) => {
            let name = env.line(255)?;
            let sound = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            if !sound {
                env.fail("this is no name of an environment variable", MEND);
            }
            sound.then_some(PassphraseSource::Env(name))
        }
        (None, None, Some(credential)) => {
            let name = credential.line(255)?;
            let sound = !name.contains('/') && name != "." && name != "..";
            if !sound {
                credential.fail("this is no name of a systemd credential", MEND);
            }
            sound.then_some(PassphraseSource::Credential(name))
        }
        (None, None, None) => {
            place.fail("the passphrase has no source", MEND);
            None
        }
        (_, _, _) => {
            place.fail("the passphrase has more than one source", MEND);
            None
        }
    }
}

/// All issuers, those with mistakes left out.
pub(super) fn issuers(root: &Table<'_, '_>) -> BTreeMap<Slug, Issuer> {
    let Some(table) = optional_table(root, "issuer") else {
        return BTreeMap::new();
    };
    table
        .names()
        .iter()
        .filter_map(|named| {
            let name = header_name(named);
            let issuer = read_issuer(named.value.table()?, name?)?;
            Some((issuer.name.clone(), issuer))
        })
        .collect()
}

/// The issuer of a deployment that names none: a public CA, as for `request` from flags alone.
pub(super) fn implied_issuer() -> Option<(Slug, Issuer)> {
    let name = Slug::parse("public").ok()?;
    let issuer = Issuer {
        name: name.clone(),
        profile: ProfileSource::BuiltIn("public-dv".to_owned()),
        template: None,
        submit: None,
        roots: vec![RootsSource::System],
        caa: Vec::new(),
        renew_at: None,
    };
    Some((name, issuer))
}

fn read_issuer(table: Table<'_, '_>, name: Slug) -> Option<Issuer> {
    let profile = table
        .need("profile", "\"public-dv\"")
        .and_then(|value| read_profile(&value));
    let template = table.get("template");
    let submit = table.get("submit").and_then(|value| value.command());
    let roots = read_roots(&table);
    let caa = table
        .get("caa")
        .and_then(|value| value.unique(|one| Some(one.domain()?.to_string())))
        .unwrap_or_default();
    let renew_at = table.get("renew-at").and_then(|value| value.share());
    table.finish();
    let profile = profile?;
    if let Some(template) = &template
        && let ProfileSource::BuiltIn(word) = &profile
        && word != TAKES_TEMPLATE
    {
        template.fail(
            format!("the profile {word} takes no template"),
            format!("leave it out, or write profile = \"{TAKES_TEMPLATE}\""),
        );
    }
    Some(Issuer {
        name,
        profile,
        template: template.and_then(|value| value.template()),
        submit,
        roots,
        caa,
        renew_at,
    })
}

/// `roots` of an issuer or a gateway; the system's by default.
pub(super) fn read_roots(table: &Table<'_, '_>) -> Vec<RootsSource> {
    table
        .get("roots")
        .and_then(|value| value.unique_some(Value::roots_source))
        .unwrap_or_else(|| vec![RootsSource::System])
}

fn read_profile(value: &Value<'_, '_>) -> Option<ProfileSource> {
    let text = value.line(4095)?;
    if PROFILE_WORDS.contains(&text.as_str()) {
        return Some(ProfileSource::BuiltIn(text));
    }
    if text.contains('/') || text.ends_with(".toml") {
        if text.ends_with(".toml") {
            return Some(ProfileSource::File(PathBuf::from(text)));
        }
        value.fail(
            format!("\"{}\" is no profile", printable(&text)),
            "a profile of your own is a file ending in .toml",
        );
        return None;
    }
    let mend = match nearest(&text, PROFILE_WORDS) {
        Some(right) => format!("did you mean \"{right}\"?"),
        None => "one of your own is written as a path ending in .toml".to_owned(),
    };
    value.place().fail_because(
        format!("there is no profile \"{}\"", printable(&text)),
        format!("known: {}", PROFILE_WORDS.join(", ")),
        mend,
    );
    None
}

/// All certificates in file order, those with mistakes left out.
pub(super) fn certificates(
    root: &Table<'_, '_>,
    edge: Option<&Edge>,
    key: Option<&KeySettings>,
    issuers: &[Slug],
) -> Vec<Certificate> {
    let Some(value) = root.need(
        "certificate",
        "[certificate.external-edge] with uses = [\"sip-edge\"]",
    ) else {
        return Vec::new();
    };
    let Some(table) = value.table() else {
        return Vec::new();
    };
    let names = table.names();
    if names.is_empty() {
        table.place().fail(
            "there is no certificate",
            "write [certificate.external-edge] with uses = [\"sip-edge\"]",
        );
    }
    names
        .iter()
        .filter_map(|named| {
            let name = header_name(named);
            read_certificate(named.value.table()?, name, edge, key, issuers)
        })
        .collect()
}

fn read_certificate(
    table: Table<'_, '_>,
    name: Option<Slug>,
    edge: Option<&Edge>,
    key: Option<&KeySettings>,
    issuers: &[Slug],
) -> Option<Certificate> {
    let issuer = read_issuer_name(&table, issuers);
    let words = Use::ALL.map(|known| (known.word(), known));
    let uses = table.get("uses").map_or_else(
        || edge.map(default_uses),
        |value| {
            let uses = value.unique_some(|word| word.word(&words))?;
            Some(uses.into_iter().collect::<BTreeSet<Use>>())
        },
    );
    let domains = table
        .get("domains")
        .map(|value| value.unique_some(|domain| domain_of_edge(domain, edge)));
    let friendly_name = table.get("friendly-name").and_then(|v| v.line(MAX_LABEL));
    let san = table
        .get("san")
        .map_or_else(|| Some(Vec::new()), |value| value.unique(Value::identifier));
    let layer = table.get("key").map(|value| value.table().map(read_key));
    table.finish();
    let key = key?;
    Some(Certificate {
        name: name?,
        issuer: issuer?,
        uses: uses?,
        domains: domains.map_or(Some(None), |domains| domains.map(Some))?,
        friendly_name,
        san: san?,
        key: match layer {
            Some(layer) => layer?.over(key),
            None => key.clone(),
        },
    })
}

/// What a certificate is for when nobody says: the federation duties of the domains there are.
fn default_uses(edge: &Edge) -> BTreeSet<Use> {
    let mut uses = BTreeSet::new();
    if !edge.sip_domains.is_empty() {
        uses.insert(Use::SipEdge);
    }
    if !edge.xmpp_domains.is_empty() {
        uses.insert(Use::XmppS2s);
    }
    uses
}

/// The issuer, which may be left out where there is no choice.
fn read_issuer_name(table: &Table<'_, '_>, issuers: &[Slug]) -> Option<Slug> {
    let Some(value) = table.get("issuer") else {
        return match issuers {
            [] => implied_issuer().map(|(name, _)| name),
            [only] => Some(only.clone()),
            several => {
                let names: Vec<&str> = several.iter().map(Slug::as_str).collect();
                table.place().fail(
                    "the key \"issuer\" is missing",
                    format!("write which of {} signs it", names.join(", ")),
                );
                None
            }
        };
    };
    let text = value.text()?;
    let found = issuers.iter().find(|issuer| issuer.as_str() == text);
    if found.is_none() {
        if issuers.is_empty() {
            value.fail(
                format!("there is no issuer \"{}\"", printable(text)),
                format!("write [issuer.{}] with its profile", printable(text)),
            );
        } else {
            value.unknown_word(text, issuers.iter().map(Slug::as_str));
        }
    }
    found.cloned()
}

fn domain_of_edge(value: &Value<'_, '_>, edge: Option<&Edge>) -> Option<Domain> {
    let domain = value.domain()?;
    let edge = edge?;
    if is_of_edge(edge, &domain) {
        return Some(domain);
    }
    if edge.components.contains(&domain) {
        value.fail(
            format!("{domain} is a component"),
            "name the domain it lies under; components follow it",
        );
        return None;
    }
    let known: BTreeSet<&str> = edge
        .sip_domains
        .iter()
        .chain(&edge.xmpp_domains)
        .map(Domain::as_str)
        .collect();
    value.unknown_word(domain.as_str(), known);
    None
}
