//! Spec and key to CSR: the subject reduced to what the issuer takes, the names as planned, usage by key and profile.
//!
//! Nothing is left out in silence: what the issuer does not take becomes a note, what it refuses an error. The CSR is
//! read back and compared before it is handed out ([`super::review`]). Standards: RFC 2986, RFC 5280 §4.2.1.3 and
//! §4.2.1.12, the Baseline Requirements 7.1.2.7.

mod keys;

use super::split::split_by_domain;
use super::{IssuerProfile, RequestError, issuer_rules, review};
use crate::explain::{and_words, listed};
use crate::findings::{Code, Finding};
use crate::names::{DnsId, Identifier, Slug, plan::SanPlan};
use crate::x509::{
    CertificateTemplate, Csr, CsrSpec, KeyType, KeyUsage, PrivateKey, PublicKeyKind, Subject,
};
use keys::{judge_key, key_refused};

/// Most names told in one finding.
const MAX_TOLD: usize = 12;

/// What is asked, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpec {
    /// The lineage.
    pub certificate: Slug,
    /// The names.
    pub plan: SanPlan,
    /// The subject as the deployment has it; reduced to what the profile takes. Without a common name the first
    /// planned DNS name (the Access Edge FQDN) stands there, where the profile wants one.
    pub subject: Subject,
    /// The key.
    pub key_type: KeyType,
    /// The issuer.
    pub profile: IssuerProfile,
    /// The template of AD CS; refused where the profile takes none.
    pub template: Option<CertificateTemplate>,
}

/// A CSR that was read back and holds exactly what was asked.
#[derive(Debug)]
pub struct BuiltRequest {
    /// The lineage.
    pub certificate: Slug,
    /// The issuer's profile, by name.
    pub profile: String,
    /// The request.
    pub csr: Csr,
    /// What it was built from.
    pub asked: CsrSpec,
    /// Planned names that were not asked for, as the issuer does not grant their form.
    pub left_out: Vec<Identifier>,
    /// Its key.
    pub key: PrivateKey,
    /// What was left out of subject and names for this issuer, and what to beware of (example names, key type).
    pub notes: Vec<Finding>,
}

/// Whether a key type that the issuer refuses is an error (a deployment) or a warning (flags alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPolicy {
    /// Refuse.
    Refuse,
    /// Warn.
    Warn,
}

/// Builds, reads back, compares.
///
/// The key decides: a key that is used again keeps its type, and a note says so. Errors: see [`RequestError`];
/// everything that can be refused is refused before anything is signed.
pub fn build_request(
    spec: &RequestSpec,
    key: PrivateKey,
    policy: KeyPolicy,
) -> Result<BuiltRequest, RequestError> {
    let names = allowed_names(spec)?;
    let notes = foresee(spec, Some(&key), policy)?;
    let subject = checked_subject(spec, &names)?.0;

    let asked = CsrSpec {
        subject,
        names,
        key_usage: key_usage(&key),
        key_purposes: spec.profile.key_purposes.clone(),
        template: spec.template.clone(),
    };
    let csr = Csr::build(&asked, &key).map_err(RequestError::NotMade)?;
    review::compare(&csr, &asked, &key)?;
    Ok(BuiltRequest {
        certificate: spec.certificate.clone(),
        profile: spec.profile.name.clone(),
        csr,
        asked,
        left_out: spec
            .plan
            .left_out
            .iter()
            .map(|one| one.name.clone())
            .collect(),
        key,
        notes,
    })
}

/// The notes of [`build_request`], before it: what would be left out, and what to beware of. Without a key it is one
/// of the type that is asked for.
///
/// Errors: those of [`build_request`] that concern names, subject and key.
pub fn foresee(
    spec: &RequestSpec,
    key: Option<&PrivateKey>,
    policy: KeyPolicy,
) -> Result<Vec<Finding>, RequestError> {
    let names = allowed_names(spec)?;
    let mut notes: Vec<Finding> = beware_of_examples(spec).into_iter().collect();
    notes.extend(judge_key(spec, key, policy)?);
    notes.extend(names_left_out(spec));
    notes.extend(checked_subject(spec, &names)?.1);
    notes.extend(issuer_rules::remarks(spec));
    Ok(notes)
}

/// Everything [`build_request`] would refuse for the names, before a key is made (RSA keys take their time).
pub fn check_names(spec: &RequestSpec) -> Result<(), RequestError> {
    let names = allowed_names(spec)?;
    checked_subject(spec, &names).map(|_| ())
}

/// Whether the issuer takes keys of a type, before one is made.
pub fn check_key_type(profile: &IssuerProfile, key_type: KeyType) -> Result<(), RequestError> {
    if profile.key_types.contains(&key_type) {
        return Ok(());
    }
    Err(key_refused(profile, key_type.word().into(), None))
}

pub(super) fn allowed_names(spec: &RequestSpec) -> Result<Vec<Identifier>, RequestError> {
    let names = spec.plan.identifiers();
    if names.is_empty() {
        return Err(RequestError::NoNames {
            certificate: spec.certificate.clone(),
        });
    }
    let refused = names
        .iter()
        .find(|name| !spec.profile.forms.contains(&name.form()));
    if let Some(name) = refused {
        return Err(RequestError::FormRefused {
            name: name.to_typed(),
            form: name.form(),
            profile: spec.profile.name.clone(),
        });
    }
    issuer_rules::check_names(spec, &names)?;
    match spec.profile.name_limit {
        Some(limit) if names.len() > limit => Err(RequestError::TooManyNames {
            certificate: spec.certificate.clone(),
            profile: spec.profile.name.clone(),
            limit,
            count: names.len(),
            parts: split_by_domain(&spec.plan, limit),
        }),
        Some(_) | None => Ok(names),
    }
}

fn beware_of_examples(spec: &RequestSpec) -> Option<Finding> {
    let domains: Vec<String> = spec
        .plan
        .example_domains()
        .iter()
        .map(ToString::to_string)
        .collect();
    let first = domains.first()?;
    Some(Finding::new(
        Code::RequestExampleName,
        "request, subjectAltName",
        match domains.len() {
            1 => format!("{first} is a name for examples"),
            2 => format!("{} are names for examples", domains.join(" and ")),
            more => format!("{first} and {} more are names for examples", more - 1),
        },
        format!("{} can belong to nobody", listed(&domains, MAX_TOLD)),
        "write your own domains into [edge] of edgecert.toml, or give --fqdn, --sip-domain and --xmpp-domain",
    ))
}

fn names_left_out(spec: &RequestSpec) -> Option<Finding> {
    let names: Vec<String> = spec
        .plan
        .left_out
        .iter()
        .map(|one| one.name.to_typed())
        .collect();
    if names.is_empty() {
        return None;
    }
    let forms: Vec<String> = spec
        .plan
        .forms_left_out()
        .iter()
        .map(ToString::to_string)
        .collect();
    let whose = if spec.profile.public {
        "public CAs may not issue them".to_owned()
    } else {
        format!("{} does not ask for them", spec.profile.name)
    };
    let mut granted: Vec<(String, Vec<String>)> = Vec::new();
    for form in spec.plan.forms_left_out() {
        let who = IssuerProfile::granting(form);
        match granted.iter_mut().find(|(known, _)| *known == who) {
            Some((_, forms)) => forms.push(form.to_string()),
            None => granted.push((who, vec![form.to_string()])),
        }
    }
    let granted: Vec<String> = granted
        .iter()
        .map(|(who, forms)| format!("{who} {}", and_words(forms)))
        .collect();
    Some(Finding::new(
        Code::RequestNameLeftOut,
        "request, subjectAltName",
        format!("left out for this issuer: {} ({whose})", and_words(&forms)),
        format!("not asked for: {}", listed(&names, MAX_TOLD)),
        format!(
            "nothing to do while peers take DNS names; else {}",
            granted.join(", ")
        ),
    ))
}

/// [`reduce_subject`], refused where the issuer would refuse it.
pub(super) fn checked_subject(
    spec: &RequestSpec,
    names: &[Identifier],
) -> Result<(Subject, Option<Finding>), RequestError> {
    let (subject, note) = reduce_subject(spec, names)?;
    issuer_rules::check_subject(spec, &subject)?;
    subject.check().map_err(RequestError::NotMade)?;
    Ok((subject, note))
}

/// The subject that is asked for, and a note of the fields that are not.
fn reduce_subject(
    spec: &RequestSpec,
    names: &[Identifier],
) -> Result<(Subject, Option<Finding>), RequestError> {
    let profile = &spec.profile;
    let mut left_out: Vec<&str> = Vec::new();
    let mut take = |field: &'static str, value: &Option<String>| -> Option<String> {
        let value = value.clone()?;
        if profile.takes(field) && !(field == "OU" && profile.public) {
            Some(value)
        } else {
            left_out.push(field);
            None
        }
    };
    // Unpacked, so that a new field cannot be forgotten.
    let Subject {
        country,
        state,
        locality,
        organization,
        organizational_unit,
        common_name,
    } = &spec.subject;
    let country = take("C", country);
    let state = take("ST", state);
    let locality = take("L", locality);
    let organization = take("O", organization);
    let organizational_unit = take("OU", organizational_unit);
    let wanted = choose_common_name(profile, common_name.as_deref(), names)?;
    let fits = wanted.as_ref().is_none_or(|name| {
        name.chars().count() <= Subject::MAX_COMMON_NAME || common_name.is_some() && !profile.public
    });
    if !fits || common_name.is_some() && wanted.is_none() {
        left_out.push("CN");
    }
    let reduced = Subject {
        country,
        state,
        locality,
        organization,
        organizational_unit,
        common_name: wanted.filter(|_| fits),
    };
    Ok((reduced, note_of_fields(profile, &left_out, fits)))
}

/// The common name to ask for. It is always a SAN as well (BR 7.1.4.2.2), except for free text to a private CA.
fn choose_common_name(
    profile: &IssuerProfile,
    given: Option<&str>,
    names: &[Identifier],
) -> Result<Option<String>, RequestError> {
    if !profile.common_name {
        return Ok(None);
    }
    let dns = || {
        names.iter().filter_map(|name| match name {
            Identifier::Dns(dns) => Some(dns),
            Identifier::Srv(_)
            | Identifier::Xmpp(_)
            | Identifier::Sip(_)
            | Identifier::Ip(_)
            | Identifier::Email(_) => None,
        })
    };
    let Some(given) = given else {
        return Ok(dns().next().map(ToString::to_string));
    };
    let parsed = DnsId::parse(given).ok();
    match parsed {
        Some(parsed) if dns().any(|name| *name == parsed) => Ok(Some(parsed.to_string())),
        None if !profile.public => Ok(Some(given.into())),
        Some(_) | None => Err(RequestError::CommonNameNotPlanned {
            common_name: given.into(),
            planned: names.iter().map(ToString::to_string).collect(),
        }),
    }
}

fn note_of_fields(
    profile: &IssuerProfile,
    left_out: &[&str],
    common_name_fits: bool,
) -> Option<Finding> {
    if left_out.is_empty() {
        return None;
    }
    let mut reasons = Vec::new();
    if !common_name_fits {
        reasons.push(format!(
            "a common name has at most {} characters",
            Subject::MAX_COMMON_NAME
        ));
    }
    if left_out.len() > usize::from(!common_name_fits) {
        reasons.push(match profile.subject_fields.as_slice() {
            [] => format!("{} takes no subject fields", profile.name),
            taken => format!("{} takes {} alone", profile.name, taken.join(", ")),
        });
    }
    let what = format!(
        "not asked for: {} ({})",
        left_out.join(", "),
        reasons.join("; ")
    );
    let why = if profile.public && left_out.contains(&"OU") {
        "OU is forbidden in public certificates (BR 7.1.2.7); peers read the subjectAltName"
    } else {
        "peers read the subjectAltName, not the subject"
    };
    Some(Finding::new(
        Code::RequestFieldLeftOut,
        "request, subject",
        what,
        why,
        "nothing to do; a profile of your own can name the fields your CA takes (`subject = [\"C\", \"O\", \"CN\"]`)",
    ))
}

/// digitalSignature; keyEncipherment for RSA alone (RFC 5280 §4.2.1.3, BR 7.1.2.7.11: ECC must not).
fn key_usage(key: &PrivateKey) -> KeyUsage {
    KeyUsage {
        digital_signature: true,
        key_encipherment: matches!(key.kind(), PublicKeyKind::Rsa { .. }),
        ..KeyUsage::default()
    }
}

#[cfg(test)]
mod tests;
