//! What the strict reading alone asks of a certificate's form: MUSTs that real peers pass over.
//!
//! RFC 5280 §4.1 and §4.2, and BR 7.1.2 where the profile is theirs. Trust in an anchor does not come from what
//! stands in it, so it is asked only for what builders of paths look at.

use super::{Case, MEND, criticality};
use crate::findings::{Code, Finding};
use crate::verify::{Profile, Purpose, words};
use crate::x509::{Certificate, ExtensionKind};

/// Extensions that must not be critical, by RFC 5280 §4.2.1.1, .2, .8, .15 and §4.2.2.
const NEVER_CRITICAL: [(ExtensionKind, &str); 6] = [
    (ExtensionKind::AuthorityKeyId, "authorityKeyIdentifier"),
    (ExtensionKind::SubjectKeyId, "subjectKeyIdentifier"),
    (
        ExtensionKind::SubjectDirectoryAttributes,
        "subjectDirectoryAttributes",
    ),
    (ExtensionKind::FreshestCrl, "freshestCRL"),
    (ExtensionKind::AuthorityInfoAccess, "authorityInfoAccess"),
    (ExtensionKind::SubjectInfoAccess, "subjectInfoAccess"),
];

/// Of leaf, intermediates and anchor alike.
pub(super) fn of_any(certificate: &Certificate, place: &str) -> Vec<Finding> {
    let facts = certificate.facts();
    let who = words::quoted(certificate);
    let mut findings = Vec::new();
    for (kind, name) in NEVER_CRITICAL {
        if certificate
            .extension(kind)
            .is_some_and(|found| found.critical)
        {
            findings.push(criticality(
                place,
                certificate,
                name,
                "must not be critical (RFC 5280 §4.2)",
            ));
        }
    }
    if facts.version < 3 && certificate.has_extensions() {
        findings.push(extension(
            place,
            format!("{who} has extensions and is not version 3"),
            format!("it says version {} (RFC 5280 §4.1.2.1)", facts.version),
        ));
    }
    if certificate.has_unique_ids() {
        findings.push(extension(
            place,
            format!("{who} holds a unique identifier"),
            "CAs must not issue certificates with one (RFC 5280 §4.1.2.8)",
        ));
    }
    if let Some(why) = certificate.validity_fault() {
        findings.push(extension(
            place,
            format!("the validity of {who} is not written as it has to be"),
            format!("{why} (RFC 5280 §4.1.2.5)"),
        ));
    }
    if let Some(why) = certificate.signature_parameters_fault() {
        findings.push(extension(
            place,
            format!("the signature algorithm of {who} is not written as it has to be"),
            why,
        ));
    }
    if facts.key_usage.is_some_and(|usage| usage.is_empty()) {
        findings.push(extension(
            place,
            format!("the keyUsage of {who} allows nothing"),
            "at least one bit has to be set (RFC 5280 §4.2.1.3)",
        ));
    }
    if let Err(why) = certificate.policies() {
        findings.push(extension(
            place,
            format!("the policy extensions of {who} are malformed"),
            why,
        ));
    }
    if let Some((ca, Some(_))) = facts.basic_constraints {
        let signs = facts.key_usage.is_none_or(|usage| usage.key_cert_sign);
        if !ca || !signs {
            findings.push(extension(
                place,
                format!("the basicConstraints of {who} hold a path length"),
                "it may stand only with cA TRUE and keyCertSign (RFC 5280 §4.2.1.9)",
            ));
        }
    }
    findings
}

/// Of a CA certificate on the path.
pub(super) fn of_issuer(
    certificate: &Certificate,
    place: &str,
    anchor: bool,
    profile: Profile,
) -> Vec<Finding> {
    let facts = certificate.facts();
    let who = words::quoted(certificate);
    let mut findings = Vec::new();
    for (empty, field) in [(&facts.subject, "subject"), (&facts.issuer, "issuer")] {
        if empty.is_empty() {
            findings.push(Finding::new(
                Code::FormEmptyIssuer,
                format!("{place}, {field}"),
                format!("the {field} of the CA certificate {who} is empty"),
                "a CA has to have a name (RFC 5280 §4.1.2.4, §4.1.2.6)",
                MEND,
            ));
        }
    }
    if certificate
        .extension(ExtensionKind::InhibitAnyPolicy)
        .is_some_and(|found| !found.critical)
    {
        findings.push(criticality(
            place,
            certificate,
            "inhibitAnyPolicy",
            "has to be critical",
        ));
    }
    if !anchor && facts.version == 3 && facts.key_usage.is_none() {
        findings.push(extension(
            place,
            format!("the CA certificate {who} has no keyUsage"),
            "it has to be there, with keyCertSign (RFC 5280 §4.2.1.3)",
        ));
    }
    let malformed: Vec<String> = facts
        .problems
        .iter()
        .filter(|problem| problem.starts_with("subjectAltName holds a malformed entry"))
        .map(|problem| crate::explain::printable(problem))
        .collect();
    if !malformed.is_empty() {
        findings.push(Finding::new(
            Code::FormMalformed,
            format!("{place}, subjectAltName"),
            format!("{who} is malformed"),
            words::list(&malformed),
            MEND,
        ));
    }
    if profile == Profile::WebPki {
        if facts.version != 3 {
            findings.push(Finding::new(
                Code::FormVersion,
                format!("{place}, version"),
                format!("{who} is not X.509 version 3"),
                format!("it is version {} (BR 7.1.1)", facts.version),
                "use a CA whose certificates are version 3",
            ));
        }
        if anchor {
            findings.extend(root_key_id(certificate, place));
        }
    }
    findings
}

/// BR 7.1.2.1.3: a root's authorityKeyIdentifier, if it has one, holds its own key identifier.
fn root_key_id(certificate: &Certificate, place: &str) -> Option<Finding> {
    certificate.extension(ExtensionKind::AuthorityKeyId)?;
    let facts = certificate.facts();
    if !certificate.is_self_signed() {
        return None;
    }
    let why = match (&facts.authority_key_id, &facts.subject_key_id) {
        (None, _) => "it has no key identifier (BR 7.1.2.1.3)",
        (Some(authority), Some(subject)) if authority != subject => {
            "it is not the root's own key identifier (BR 7.1.2.1.3)"
        }
        (Some(_), _) => return None,
    };
    Some(Finding::new(
        Code::FormKeyIdentifier,
        place,
        format!(
            "the authorityKeyIdentifier of the root {} names another key",
            words::quoted(certificate)
        ),
        why,
        MEND,
    ))
}

/// Of the leaf alone.
pub(super) fn of_leaf(case: &Case<'_>) -> Vec<Finding> {
    let leaf = case.leaf;
    let facts = leaf.facts();
    let mut findings = Vec::new();
    // The Baseline Requirements are about servers.
    if case.expectation.profile == Profile::WebPki
        && case.expectation.purpose == Purpose::Server
        && facts.version == 3
        && facts.key_purposes.is_none()
    {
        findings.push(extension(
            "leaf",
            "the leaf has no extended key usage".to_owned(),
            "it has to be there, with serverAuth (BR 7.1.2.7.6)",
        ));
    }
    findings
}

fn extension(place: &str, what: String, why: impl Into<String>) -> Finding {
    Finding::new(Code::FormExtension, place, what, why, MEND)
}
