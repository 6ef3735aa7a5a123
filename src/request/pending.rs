//! What must be remembered of a request until the reply comes: plain values for the ledger and for `--json`.
//!
//! The ledger itself lies on disk and belongs to `store`; the key is not among these values.

use super::{BuiltRequest, RequestError, RequestSpec, build};
use crate::x509::{PublicKeyKind, Subject};
use serde::Serialize;
use std::collections::BTreeMap;

/// A request in words, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestSummary {
    /// The lineage.
    pub certificate: String,
    /// The issuer's profile, by name.
    pub profile: String,
    /// The names asked, typed (`dns:contoso.com`), in order.
    pub names: Vec<String>,
    /// Planned names that were not asked for, typed.
    pub left_out: Vec<String>,
    /// `serverAuth` and so on, in order.
    pub key_purposes: Vec<String>,
    /// `ec256` and so on; described (`rsa 8192 bits`) for a key that we do not make.
    pub key_type: String,
    /// Subject fields asked, by name: `common_name`, `organization`; see [`subject_from`].
    pub subject: BTreeMap<String, String>,
    /// `sha256:` and 64 hex digits.
    pub spki_sha256: String,
    /// The template of AD CS, as [`crate::x509::CertificateTemplate`] prints it.
    pub template: Option<String>,
}

impl BuiltRequest {
    /// The values to remember.
    pub fn summary(&self) -> RequestSummary {
        RequestSummary {
            template: self.asked.template.as_ref().map(ToString::to_string),
            certificate: self.certificate.to_string(),
            profile: self.profile.clone(),
            names: self
                .asked
                .names
                .iter()
                .map(|name| name.to_typed())
                .collect(),
            left_out: self.left_out.iter().map(|name| name.to_typed()).collect(),
            key_purposes: self
                .asked
                .key_purposes
                .iter()
                .map(|purpose| purpose.word().to_owned())
                .collect(),
            key_type: match self.key.key_type() {
                Some(known) => known.word().to_owned(),
                None => describe(&self.key.kind()),
            },
            subject: subject_map(&self.asked.subject),
            spki_sha256: self.csr.spki_sha256.to_string(),
        }
    }
}

/// What a request made from the spec will ask, before its key is made; the digest of the key is empty.
///
/// Errors: as [`build::check_names`].
pub fn preview(spec: &RequestSpec) -> Result<RequestSummary, RequestError> {
    let names = build::allowed_names(spec)?;
    let (subject, _) = build::checked_subject(spec, &names)?;
    Ok(RequestSummary {
        template: spec.template.as_ref().map(ToString::to_string),
        certificate: spec.certificate.to_string(),
        profile: spec.profile.name.clone(),
        names: names.iter().map(|name| name.to_typed()).collect(),
        left_out: spec
            .plan
            .left_out
            .iter()
            .map(|one| one.name.to_typed())
            .collect(),
        key_purposes: spec
            .profile
            .key_purposes
            .iter()
            .map(|purpose| purpose.word().to_owned())
            .collect(),
        key_type: spec.key_type.word().to_owned(),
        subject: subject_map(&subject),
        spki_sha256: String::new(),
    })
}

/// Subject fields by name, those that are set.
fn subject_map(subject: &Subject) -> BTreeMap<String, String> {
    // Unpacked, so that a new field is not forgotten.
    let Subject {
        country,
        state,
        locality,
        organization,
        organizational_unit,
        common_name,
    } = subject;
    [
        ("country", country),
        ("state", state),
        ("locality", locality),
        ("organization", organization),
        ("organizational_unit", organizational_unit),
        ("common_name", common_name),
    ]
    .into_iter()
    .filter_map(|(field, value)| Some((field.to_owned(), value.clone()?)))
    .collect()
}

/// The subject of a remembered request, for the next one like it; names that are not known are passed over.
pub fn subject_from(fields: &BTreeMap<String, String>) -> Subject {
    let field = |name: &str| fields.get(name).cloned();
    Subject {
        country: field("country"),
        state: field("state"),
        locality: field("locality"),
        organization: field("organization"),
        organizational_unit: field("organizational_unit"),
        common_name: field("common_name"),
    }
}

fn describe(kind: &PublicKeyKind) -> String {
    match kind {
        PublicKeyKind::Rsa { bits, .. } => format!("rsa {bits} bits"),
        PublicKeyKind::Ec { curve } => format!("ec {curve}"),
        PublicKeyKind::Ed25519 => "ed25519".to_owned(),
        PublicKeyKind::Other(other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_subject_comes_back_whole() {
        let subject = Subject {
            country: Some("US".into()),
            state: Some("Washington".into()),
            locality: Some("Redmond".into()),
            organization: Some("Contoso".into()),
            organizational_unit: Some("Messaging".into()),
            common_name: Some("edge.contoso.com".into()),
        };
        for subject in [subject, Subject::default()] {
            assert_eq!(subject_from(&subject_map(&subject)), subject);
        }
    }
}
