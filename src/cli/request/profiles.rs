//! `request profiles`: who may sign, what each takes, and what a profile of one's own says.

use crate::cli::output::{Failure, Outcome};
use crate::cli::render::{self, Table};
use crate::explain::printable;
use crate::names::NameForm;
use crate::request::{IssuerProfile, SipRule};
use crate::x509::{KeyPurpose, KeyType};
use clap::Args;
use serde_json::{Value, json};

/// `request profiles`.
#[derive(Debug, Args)]
pub struct ProfilesArgs {
    /// The profile: one that ships, or the path to one of your own [default: all that ship]
    #[arg(value_name = "NAME|FILE")]
    profile: Option<String>,
}

/// Lists the profiles that ship, or shows one. Effects: reads a profile's file.
pub fn run(args: &ProfilesArgs) -> Result<Outcome, Failure> {
    if let Some(text) = &args.profile {
        let profile = super::flags::profile(text)?;
        let shown = json!({ "profiles": [json_of(&profile)] });
        let next = format!("edgecert plan --issuer-profile {}", printable(text));
        return Ok(Outcome::show(text_of(&profile), shown).with_next(next));
    }
    let profiles: Vec<IssuerProfile> = IssuerProfile::names()
        .into_iter()
        .filter_map(IssuerProfile::built_in)
        .collect();
    let mut table = Table::new(["profile", "who signs", "names", "keys"]);
    for profile in &profiles {
        table.row([
            profile.name.clone(),
            profile.description.clone(),
            names_words(profile),
            keys_words(profile),
        ]);
    }
    Ok(Outcome::show(
        table.render(),
        json!({ "profiles": profiles.iter().map(json_of).collect::<Vec<_>>() }),
    )
    .with_next("edgecert request profiles NAME; or write one of your own: docs/profiles.md"))
}

fn text_of(profile: &IssuerProfile) -> String {
    let mut text = render::hanging(
        &format!("{} · ", printable(&profile.name)),
        &printable(&profile.description),
    );
    let mut line = |word: &str, value: String| {
        text.push_str(&render::hanging(&format!("  {word:<10}"), &value));
    };
    let kind = if profile.public {
        "a public CA, bound by the Baseline Requirements"
    } else {
        "a private CA"
    };
    line("kind", kind.into());
    line("names", names_words(profile));
    let purposes: Vec<&str> = profile.key_purposes.iter().map(KeyPurpose::word).collect();
    line("purposes", purposes.join(", "));
    let keys: Vec<&str> = profile.key_types.iter().map(|one| one.word()).collect();
    line("keys", keys.join(", "));
    line("subject", subject_words(profile));
    if profile.forms.contains(&NameForm::Uri) {
        line("sip URIs", sip_words(profile.sip_rule).into());
    }
    if !profile.offers.is_empty() {
        line("offers", profile.offers.join(", "));
    }
    if let Some(template) = &profile.template {
        line("template", printable(&template.to_string()));
    }
    line("renewal", renewal_words(profile));
    if !profile.cite.is_empty() {
        line("source", printable(&profile.cite));
    }
    for note in &profile.notes {
        line("note", printable(note));
    }
    text
}

/// `DNS-ID, at most 25`.
fn names_words(profile: &IssuerProfile) -> String {
    let forms: Vec<String> = profile.forms.iter().map(NameForm::to_string).collect();
    let mut words = forms.join(", ");
    if let Some(limit) = profile.name_limit {
        words.push_str(&format!(", at most {limit}"));
    }
    if !profile.wildcards {
        words.push_str(", no wildcards");
    }
    words
}

/// `RSA, P-256, P-384`.
fn keys_words(profile: &IssuerProfile) -> String {
    let mut words: Vec<&str> = profile
        .key_types
        .iter()
        .map(|known| match known {
            KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096 => "RSA",
            KeyType::Ec256 => "P-256",
            KeyType::Ec384 => "P-384",
            KeyType::Ed25519 => "Ed25519",
        })
        .collect();
    words.dedup();
    words.join(", ")
}

fn subject_words(profile: &IssuerProfile) -> String {
    let mut words = match profile.subject_fields.as_slice() {
        [] => "empty".to_owned(),
        fields => fields.join(", "),
    };
    if !profile.required_subject.is_empty() {
        let required: Vec<String> = profile
            .required_subject
            .iter()
            .map(|one_of| one_of.join(" or "))
            .collect();
        words.push_str(&format!(" · demanded: {}", required.join(", ")));
    }
    if profile.common_name_is_fqdn {
        words.push_str(" · CN is the Access Edge FQDN");
    }
    words
}

/// What becomes of `sip:` URIs that stand for some SIP names only.
fn sip_words(rule: SipRule) -> &'static str {
    match rule {
        SipRule::Common => "incomplete ones are warned of (sip-rule common)",
        SipRule::Strict => "incomplete ones are refused (sip-rule strict, RFC 5922 §7.1)",
    }
}

fn renewal_words(profile: &IssuerProfile) -> String {
    let mut words = format!("with {:.0}% of life left", profile.renew_at * 100.0);
    if let Some(days) = profile.max_days {
        words.push_str(&format!(
            ", of at most {}",
            render::count(days as usize, "day")
        ));
    }
    words
}

fn json_of(profile: &IssuerProfile) -> Value {
    // Unpacked, so that a new field is not forgotten.
    let IssuerProfile {
        name,
        description,
        public,
        forms,
        name_limit,
        wildcards,
        sip_rule,
        offers,
        key_purposes,
        key_types,
        subject_fields,
        required_subject,
        common_name,
        common_name_is_fqdn,
        template,
        renew_at,
        max_days,
        caa,
        notes,
        cite,
    } = profile;
    json!({
        "name": name,
        "description": description,
        "public": public,
        "names": forms.iter().map(|form| form.word()).collect::<Vec<_>>(),
        "name_limit": name_limit,
        "wildcards": wildcards,
        "sip_rule": sip_rule.word(),
        "offers": offers,
        "key_purposes": key_purposes.iter().map(KeyPurpose::word).collect::<Vec<_>>(),
        "key_types": key_types.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "subject": subject_fields,
        "required_subject": required_subject,
        "common_name": common_name,
        "common_name_is_fqdn": common_name_is_fqdn,
        "template": template.as_ref().map(ToString::to_string),
        "renew_at_percent": (renew_at * 100.0).round(),
        "max_days": max_days,
        "caa": caa,
        "notes": notes,
        "cite": cite,
    })
}
