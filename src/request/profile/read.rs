//! A profile's TOML table, key by key.

use super::{IssuerProfile, SUBJECT_FIELDS, SipRule};
use crate::deployment::read::{Table, Value};
use crate::names::{Domain, NameForm};
use crate::x509::{KeyPurpose, KeyType};

/// Key purposes by name; a dotted identifier is taken as well.
const PURPOSE_WORDS: [&str; 3] = ["serverAuth", "clientAuth", "sipDomain"];

/// Share of life left at which to renew when a profile says nothing: a third, as ACME clients do.
const RENEW_AT: f64 = 0.33;

/// Most characters of a note.
const MAX_NOTE: usize = 400;

impl IssuerProfile {
    /// Takes every key before it gives up, so that one run tells all mistakes.
    pub(super) fn from_table(name: &str, table: Table<'_, '_>) -> Option<Self> {
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
        let wildcards = optional(&table, "wildcards", |value| value.boolean());
        let sip_rule = read_sip_rule(&table, forms.as_deref(), key_purposes.as_deref());
        let offers = optional(&table, "offers", |value| value.unique(read_label));
        let field_words = SUBJECT_FIELDS.map(|field| (field, field));
        let subject_fields = optional(&table, "subject", |value| {
            value.unique(|word| word.word(&field_words))
        })
        .map(Option::unwrap_or_default);
        let required_subject = optional(&table, "required-subject", |value| {
            value.unique(|one| read_required(one, subject_fields.as_deref()))
        });
        let common_name = read_common_name(&table, subject_fields.as_deref());
        let template = optional(&table, "template", |value| value.template());
        refuse_must_staple(&table);
        let renew_at = optional(&table, "renew-at", |value| value.share());
        let max_days = optional(&table, "max-days", |value| value.integer(1..=36_500));
        let caa = optional(&table, "caa", read_caa);
        let notes = optional(&table, "notes", |value| {
            value.unique(|note| note.line(MAX_NOTE))
        });
        let cite = optional(&table, "cite", |value| value.text());
        table.finish();
        let (common_name, common_name_is_fqdn) = common_name?;
        Some(Self {
            name: name.into(),
            description: description?.into(),
            public: public?,
            forms: forms?.into_iter().collect(),
            name_limit: name_limit?.and_then(|limit| usize::try_from(limit).ok()),
            wildcards: wildcards?.unwrap_or(true),
            sip_rule: sip_rule?,
            offers: offers?.unwrap_or_default(),
            key_purposes: key_purposes?,
            key_types: key_types?,
            subject_fields: subject_fields?.into_iter().map(String::from).collect(),
            required_subject: required_subject?.unwrap_or_default(),
            common_name,
            common_name_is_fqdn,
            template: template?,
            renew_at: renew_at?.unwrap_or(RENEW_AT),
            max_days: max_days?,
            caa: caa?.unwrap_or_default(),
            notes: notes?.unwrap_or_default(),
            cite: cite?.unwrap_or_default().into(),
        })
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

/// Names of domains by which CAA knows an issuer.
fn read_caa(value: &Value<'_, '_>) -> Option<Vec<String>> {
    value.unique(|one| Some(one.domain()?.to_string()))
}

fn read_purpose(value: &Value<'_, '_>) -> Option<KeyPurpose> {
    let text = value.text()?;
    let found = KeyPurpose::from_word(text);
    let is_dotted = text.starts_with(|first: char| first.is_ascii_digit());
    if found.is_none() && is_dotted {
        value.fail(
            format!(
                "\"{}\" is no object identifier",
                crate::explain::printable(text)
            ),
            "write numbers with dots between them, such as \"1.3.6.1.5.5.7.3.1\"",
        );
    } else if found.is_none() {
        value.unknown_word(text, PURPOSE_WORDS);
    }
    found
}

/// `"common"` or `"strict"`; a strict verifier has demands of its own on names and purposes.
fn read_sip_rule(
    table: &Table<'_, '_>,
    forms: Option<&[NameForm]>,
    purposes: Option<&[KeyPurpose]>,
) -> Option<SipRule> {
    let Some(value) = table.get("sip-rule") else {
        return Some(SipRule::Common);
    };
    let words = [SipRule::Common, SipRule::Strict].map(|rule| (rule.word(), rule));
    let rule = value.word(&words)?;
    if rule == SipRule::Common {
        return Some(rule);
    }
    let has = |form| forms.is_none_or(|forms| forms.contains(&form));
    if has(NameForm::Uri) && !has(NameForm::Dns) {
        value.place().fail_because(
            "sip: URIs are granted, but no DNS names",
            "Lync and many others read DNS names alone",
            "add \"dns\" to names",
        );
        return None;
    }
    let purpose_counts = purposes.is_none_or(|purposes| {
        purposes.is_empty()
            || purposes.contains(&KeyPurpose::SipDomain)
            || purposes.contains(&KeyPurpose::Any)
    });
    if !purpose_counts {
        value.place().fail_because(
            "a strict verifier accepts none of these key-purposes",
            "with an extended key usage, it has to hold sipDomain (RFC 5924 §5)",
            "add \"sipDomain\" to key-purposes, or write sip-rule = \"common\"",
        );
        return None;
    }
    Some(rule)
}

/// `"C"`, or `"ST|L"` for one of several; each has to be a field that the issuer takes.
fn read_required(value: &Value<'_, '_>, taken: Option<&[&str]>) -> Option<Vec<String>> {
    let text = value.text()?;
    let fields: Vec<&str> = text.split('|').map(str::trim).collect();
    for field in &fields {
        if !SUBJECT_FIELDS.contains(field) {
            value.unknown_word(field, SUBJECT_FIELDS);
            return None;
        }
        if taken.is_some_and(|taken| !taken.contains(field)) {
            value.fail(
                format!("{field} is required, but \"subject\" does not take it"),
                format!("add \"{field}\" to subject"),
            );
            return None;
        }
    }
    Some(fields.into_iter().map(String::from).collect())
}

/// Whether a common name is asked for, and whether it has to be the FQDN: true, false or `"fqdn"`.
fn read_common_name(table: &Table<'_, '_>, taken: Option<&[&str]>) -> Option<(bool, bool)> {
    let Some(value) = table.get("common-name") else {
        return Some((false, false));
    };
    let read = match value.is_text().then(|| value.text()).flatten() {
        Some("fqdn") => (true, true),
        Some(other) => {
            value.fail(
                format!("\"{}\" is not known here", crate::explain::printable(other)),
                "write true or false without quotes, or \"fqdn\"",
            );
            return None;
        }
        None => (value.boolean()?, false),
    };
    if let ((true, _), Some(fields)) = (read, taken)
        && !fields.contains(&"CN")
    {
        value.fail(
            "a common name is asked for, but \"subject\" does not take CN",
            "add \"CN\" to subject, or set common-name = false",
        );
    }
    Some(read)
}

/// One label that may stand in front of a domain.
fn read_label(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let is_label = !text.contains('.')
        && Domain::parse(&format!("{text}.example.com"))
            .is_ok_and(|domain| domain.as_str().strip_suffix(".example.com") == Some(text));
    if !is_label {
        value.fail(
            format!("\"{}\" is no label", crate::explain::printable(text)),
            "write the part in front of the domain alone, in lower case: \"webcon\"",
        );
    }
    is_label.then(|| text.to_owned())
}

/// Must-Staple is nothing that a profile can ask for: a public CA refuses the request, or its certificate stops working.
fn refuse_must_staple(table: &Table<'_, '_>) {
    // Not asked of the table, so that it stands in no list of known keys.
    let written = table
        .names()
        .into_iter()
        .find(|named| named.name == "must-staple");
    if let Some(named) = written {
        let _ = table.get("must-staple");
        named.at.fail_because(
            "Must-Staple is not asked for (tlsFeature, RFC 7633)",
            "Let's Encrypt has refused it since 2025-05-07 and runs no OCSP responder any more, so there is nothing to staple",
            "take it out",
        );
    }
}
