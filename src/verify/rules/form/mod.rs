//! Form: what RFC 5280 and the Baseline Requirements ask of the certificate itself, whoever reads it.
//!
//! What hurts no peer and is asked by the strict reading alone stands in `strict`.

mod strict;

use super::{Case, Ruling};
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::verify::path::place as place_of;
use crate::verify::{Expectation, Profile, Strictness, words};
use crate::x509::{Certificate, ExtensionKind, KeyPurpose};

const MEND: &str = "tell the CA; nothing can be mended here";

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let mut findings = leaf(case);
    for issuer in case.issuers() {
        findings.extend(self::issuer(case.chain, case.expectation, issuer));
    }
    Ruling::Findings(findings)
}

fn leaf(case: &Case<'_>) -> Vec<Finding> {
    let leaf = case.leaf;
    let facts = leaf.facts();
    let mut findings = Vec::new();
    if facts.version != 3 {
        findings.push(Finding::new(
            Code::FormVersion,
            "leaf, version",
            format!("{} is not X.509 version 3", words::quoted(leaf)),
            format!(
                "it is version {}, which has no extensions and so no names",
                facts.version
            ),
            "request it again from a CA that issues version 3 (with openssl, name an extensions section)",
        ));
    }
    findings.extend(problems(leaf, "leaf", Severity::Error));
    if let Some(kind) = facts.unknown_critical.first() {
        findings.push(Finding::new(
            Code::ChainCriticalExtension,
            "leaf, extensions",
            format!("a critical extension of {} is unknown", words::quoted(leaf)),
            format!(
                "{} is critical, and peers have to refuse what they do not know",
                printable(kind)
            ),
            "ask the CA to issue it again without the extension, or with it not critical",
        ));
    }
    if facts.issuer.der == [0x30, 0x00] {
        findings.push(Finding::new(
            Code::FormEmptyIssuer,
            "leaf, issuer",
            "the issuer's name is empty",
            "a CA has to have a name, by which its certificate is found",
            "ask the CA to issue it again under its own name",
        ));
    }
    findings.extend(serial(leaf, "leaf"));
    findings.extend(leaf_extensions(case));
    findings.extend(authority_key_id("leaf", leaf));
    if case.expectation.strictness == Strictness::Strict {
        findings.extend(strict::of_any(leaf, "leaf"));
        findings.extend(strict::of_leaf(case));
    }
    if facts.subject.der == [0x30, 0x00] && facts.version == 3 {
        findings.push(Finding::new(
            Code::FormEmptySubject,
            "leaf, subject",
            "the subject is empty",
            "all names stand in the subjectAltName, as public CAs issue it today; RFC 6120 still asks for a subject",
            "nothing; a peer that minds is out of date",
        ));
    }
    findings
}

/// What is wrong with the form of one CA certificate on a path.
pub(crate) fn issuer(
    chain: &[Certificate],
    expectation: &Expectation<'_>,
    certificate: &Certificate,
) -> Vec<Finding> {
    let place = place_of(certificate, chain, expectation.trust);
    let anchor = expectation
        .trust
        .is_some_and(|trust| trust.contains(certificate));
    let mut findings = Vec::new();
    // Trust in an anchor does not come from what stands in it, so peers mostly do not look.
    let severity = if anchor {
        Severity::Warning
    } else {
        Severity::Error
    };
    findings.extend(problems(certificate, &place, severity));
    if !anchor {
        // Old roots have the serial number zero, and nobody looks.
        findings.extend(serial(certificate, &place));
    }
    findings.extend(authority_key_id(&place, certificate));
    if expectation.strictness == Strictness::Strict {
        findings.extend(strict::of_any(certificate, &place));
        findings.extend(strict::of_issuer(
            certificate,
            &place,
            anchor,
            expectation.profile,
        ));
    }
    let facts = certificate.facts();
    let extension = |kind| certificate.extension(kind);
    if facts.version == 3 && facts.subject_key_id.is_none() {
        findings.push(Finding::new(
            Code::FormKeyIdentifier,
            &place,
            format!("{} has no subjectKeyIdentifier", words::quoted(certificate)),
            "CA certificates have to have one (RFC 5280 §4.2.1.2)",
            MEND,
        ));
    }
    for (kind, name) in [
        (ExtensionKind::BasicConstraints, "basicConstraints"),
        (ExtensionKind::PolicyConstraints, "policyConstraints"),
    ] {
        if extension(kind).is_some_and(|found| !found.critical) {
            findings.push(criticality(&place, certificate, name, "has to be critical"));
        }
    }
    if let Some(constraints) = extension(ExtensionKind::NameConstraints) {
        if constraints.is_hollow() {
            findings.push(Finding::new(
                Code::FormExtension,
                &place,
                format!(
                    "the nameConstraints of {} constrain nothing",
                    words::quoted(certificate)
                ),
                "neither permitted nor excluded subtrees are given (RFC 5280 §4.2.1.10)",
                MEND,
            ));
        }
        if !constraints.critical && expectation.profile == Profile::Rfc5280 {
            findings.push(criticality(
                &place,
                certificate,
                "nameConstraints",
                "has to be critical",
            ));
        }
    }
    if anchor && expectation.profile == Profile::WebPki {
        if facts.key_purposes.is_some() {
            findings.push(Finding::new(
                Code::FormExtension,
                &place,
                format!(
                    "the root {} has an extended key usage",
                    words::quoted(certificate)
                ),
                "roots have none (BR 7.1.2.1.2)",
                MEND,
            ));
        }
        if extension(ExtensionKind::AuthorityKeyId)
            .is_some_and(|id| id.has_element(0xa1) || id.has_element(0x82))
        {
            findings.push(Finding::new(
                Code::FormKeyIdentifier,
                &place,
                format!(
                    "the authorityKeyIdentifier of the root {} names issuer or serial",
                    words::quoted(certificate)
                ),
                "it holds a key identifier alone (BR 7.1.2.1.3)",
                MEND,
            ));
        }
    }
    findings
}

fn leaf_extensions(case: &Case<'_>) -> Vec<Finding> {
    let leaf = case.leaf;
    let facts = leaf.facts();
    let web_pki = case.expectation.profile == Profile::WebPki;
    let mut findings = Vec::new();
    if let Some(names) = leaf.extension(ExtensionKind::SubjectAltName) {
        let empty_subject = facts.subject.der == [0x30, 0x00];
        if empty_subject && !names.critical {
            findings.push(criticality(
                "leaf",
                leaf,
                "subjectAltName",
                "has to be critical when the subject is empty",
            ));
        }
        if !empty_subject && names.critical && web_pki {
            findings.push(criticality(
                "leaf",
                leaf,
                "subjectAltName",
                "must not be critical when there is a subject (BR 7.1.2.7.12)",
            ));
        }
    }
    if web_pki && let Some(purposes) = leaf.extension(ExtensionKind::ExtKeyUsage) {
        if purposes.critical {
            findings.push(criticality(
                "leaf",
                leaf,
                "extKeyUsage",
                "must not be critical (BR 7.1.2.7.6)",
            ));
        }
        if facts
            .key_purposes
            .as_ref()
            .is_some_and(|present| present.contains(&KeyPurpose::Any))
        {
            findings.push(Finding::new(
                Code::FormExtension,
                "leaf, extKeyUsage",
                "the extended key usage allows everything",
                "anyExtendedKeyUsage must not be in a leaf (BR 7.1.2.7.10)",
                "ask the CA to issue it again with serverAuth alone",
            ));
        }
    }
    let ca = leaf.is_ca();
    if !ca && facts.has_name_constraints {
        findings.push(Finding::new(
            Code::FormExtension,
            "leaf, nameConstraints",
            "the leaf holds name constraints",
            "they stand in CA certificates only (RFC 5280 §4.2.1.10)",
            MEND,
        ));
    }
    let signs_certificates = facts.key_usage.is_some_and(|usage| usage.key_cert_sign);
    if !ca && signs_certificates {
        findings.push(Finding::new(
            Code::FormExtension,
            "leaf, keyUsage",
            "the leaf's key may sign certificates",
            "keyUsage holds keyCertSign, basicConstraints do not say cA TRUE (RFC 5280 §4.2.1.9)",
            "ask the CA to issue it again with digitalSignature alone",
        ));
    }
    findings
}

/// Version 3 certificates that are not self-signed link to their issuer's key (RFC 5280 §4.2.1.1).
fn authority_key_id(place: &str, certificate: &Certificate) -> Option<Finding> {
    let facts = certificate.facts();
    (facts.version == 3 && facts.authority_key_id.is_none() && !certificate.is_self_signed()).then(
        || {
            Finding::new(
                Code::FormKeyIdentifier,
                place,
                format!(
                    "{} does not say which key of {} signed it",
                    words::quoted(certificate),
                    words::quoted_issuer(certificate)
                ),
                "there is no authorityKeyIdentifier with a key identifier",
                MEND,
            )
        },
    )
}

fn problems(certificate: &Certificate, place: &str, severity: Severity) -> Option<Finding> {
    // Malformed names have a finding of their own (`names.malformed`).
    let shown: Vec<String> = certificate
        .facts()
        .problems
        .iter()
        .filter(|problem| !problem.starts_with("subjectAltName holds a malformed entry"))
        .map(|problem| printable(problem))
        .collect();
    if shown.is_empty() {
        return None;
    }
    Some(
        Finding::new(
            Code::FormMalformed,
            format!("{place}, extensions"),
            format!("{} is malformed", words::quoted(certificate)),
            words::list(&shown),
            "ask the CA to issue it again; peers may drop the connection when they read it",
        )
        .with_severity(severity),
    )
}

fn serial(certificate: &Certificate, place: &str) -> Option<Finding> {
    let serial = &certificate.facts().serial;
    let why = match serial.as_slice() {
        [] => "it is empty".to_owned(),
        [first, ..] if first & 0x80 != 0 => "it is negative".to_owned(),
        bytes if bytes.iter().all(|byte| *byte == 0) => "it is zero".to_owned(),
        bytes if bytes.len() > 20 => {
            format!("it is {} bytes long, and 20 are allowed", bytes.len())
        }
        _ => return None,
    };
    Some(Finding::new(
        Code::FormSerial,
        format!("{place}, serialNumber"),
        format!(
            "the serial number of {} is out of bounds",
            words::quoted(certificate)
        ),
        why,
        "ask the CA to issue it again; some libraries refuse to read it",
    ))
}

fn criticality(place: &str, certificate: &Certificate, extension: &str, rule: &str) -> Finding {
    Finding::new(
        Code::FormCriticality,
        format!("{place}, {extension}"),
        format!(
            "the criticality of {extension} in {} is wrong",
            words::quoted(certificate)
        ),
        format!("it {rule}"),
        MEND,
    )
}
