//! Reading our CSR back and comparing it with the plan: names and their order, subject, usage, key, signature.
//!
//! A CSR that differs in any of them is never handed out, whatever the encoder did with a string it could not write.

use super::RequestError;
use crate::explain::printable;
use crate::names::Presented;
use crate::x509::{CertificateTemplate, Csr, CsrSpec, KeyPurpose, PrivateKey, Subject};

/// Compares what a CSR holds with what was asked and with the key. The first difference is the error.
pub fn compare(csr: &Csr, asked: &CsrSpec, key: &PrivateKey) -> Result<(), RequestError> {
    // Unpacked, so that nothing that is asked escapes the comparison.
    let CsrSpec {
        subject,
        names,
        key_usage,
        key_purposes,
        template,
    } = asked;
    // Read from the bytes that go out, not from what the builder remembers.
    let csr = Csr::from_der(&csr.der).map_err(RequestError::NotMade)?;
    let wanted: Vec<Presented> = names.iter().map(|name| name.to_presented()).collect();
    same("subjectAltName", &typed(&wanted), &typed(&csr.names))?;
    same("subject", &strings(subject), &csr.subject_strings)?;
    for value in values(subject) {
        let shown = printable(value);
        if !contains_value(&csr.subject.text, &shown) {
            return Err(differs("subject", &shown, &csr.subject.text));
        }
    }
    let common_names: Vec<String> = subject.common_name.iter().cloned().collect();
    same("subject CN", &common_names, &csr.subject.common_names)?;
    same("keyUsage", &Some(*key_usage), &csr.key_usage)?;
    same(
        "extendedKeyUsage",
        &words(key_purposes),
        &words(&csr.key_purposes),
    )?;
    let templates: Vec<CertificateTemplate> = template.iter().cloned().collect();
    same("certificate template", &templates, &csr.templates)?;
    same("public key", &key.spki_sha256(), &csr.spki_sha256)?;
    same("signature", &true, &csr.signature_ok)
}

fn same<T: PartialEq + std::fmt::Debug>(
    field: &'static str,
    asked: &T,
    found: &T,
) -> Result<(), RequestError> {
    if asked == found {
        Ok(())
    } else {
        Err(differs(field, &format!("{asked:?}"), &format!("{found:?}")))
    }
}

fn differs(field: &'static str, asked: &str, found: &str) -> RequestError {
    RequestError::ReviewDiffers {
        field,
        asked: asked.into(),
        found: found.into(),
    }
}

fn typed(names: &[Presented]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|name| (name.to_typed(), name.value()))
        .collect()
}

fn words(purposes: &[KeyPurpose]) -> Vec<&str> {
    purposes.iter().map(KeyPurpose::word).collect()
}

/// Fields with their string types: C is a PrintableString, all others are UTF8String (RFC 5280 §4.1.2.4).
fn strings(subject: &Subject) -> Vec<(String, String)> {
    fields(subject)
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(field, _)| {
            let kind = if field == "C" {
                "PrintableString"
            } else {
                "UTF8String"
            };
            (field.to_owned(), kind.to_owned())
        })
        .collect()
}

fn values(subject: &Subject) -> impl Iterator<Item = &str> {
    fields(subject).into_iter().filter_map(|(_, value)| value)
}

/// Fields in the order in which they are written.
fn fields(subject: &Subject) -> [(&'static str, Option<&str>); 6] {
    let Subject {
        country,
        state,
        locality,
        organization,
        organizational_unit,
        common_name,
    } = subject;
    [
        ("C", country.as_deref()),
        ("ST", state.as_deref()),
        ("L", locality.as_deref()),
        ("O", organization.as_deref()),
        ("OU", organizational_unit.as_deref()),
        ("CN", common_name.as_deref()),
    ]
}

/// Whether the shown name holds the value; backslashes of an escaped rendering do not count.
fn contains_value(shown: &str, value: &str) -> bool {
    let plain = |text: &str| text.replace('\\', "");
    plain(shown).contains(&plain(value))
}
