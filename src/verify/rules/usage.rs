//! What the leaf may be used for: key usage, extended key usage, basic constraints.

use super::{Case, Ruling};
use crate::findings::{Code, Finding, Severity};
use crate::names::matching::Service;
use crate::verify::{Purpose, Wanted, words};
use crate::x509::{Certificate, KeyPurpose};

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let leaf = case.leaf;
    let mut findings = Vec::new();
    if leaf.is_ca() {
        findings.push(Finding::new(
            Code::UsageLeafIsCa,
            "leaf, basicConstraints",
            format!("{} is a CA certificate and no leaf", words::quoted(leaf)),
            leaf_among(case.sent()).map_or_else(
                || "basicConstraints say cA TRUE".to_owned(),
                |(number, other)| {
                    format!(
                        "it says cA TRUE and stands first; certificate {number}, {}, looks like the leaf",
                        words::quoted(other)
                    )
                },
            ),
            "put the leaf first; a self-signed one is made with `-addext basicConstraints=critical,CA:FALSE`",
        ));
    }
    match case.expectation.purpose {
        Purpose::Server => {
            findings.extend(lacks(leaf, "leaf", &KeyPurpose::ServerAuth));
            findings.extend(no_client_auth(case));
        }
        Purpose::Client => findings.extend(lacks(leaf, "leaf", &KeyPurpose::ClientAuth)),
    }
    if leaf
        .facts()
        .key_usage
        .is_some_and(|usage| !usage.digital_signature)
    {
        findings.push(Finding::new(
            Code::UsageNoDigitalSignature,
            "leaf, keyUsage",
            "the key may not sign, and TLS needs signatures",
            "keyUsage is present without digitalSignature",
            "ask the CA to issue it again with digitalSignature, as the request asks",
        ));
    }
    Ruling::Findings(findings)
}

/// Whether an extended key usage is present and lacks a purpose; absent, it allows everything (RFC 5280 §4.2.1.12).
/// anyExtendedKeyUsage alone does not count: webpki, Go and NSS refuse it, OpenSSL accepts it.
pub(crate) fn lacks(
    certificate: &Certificate,
    place: &str,
    purpose: &KeyPurpose,
) -> Option<Finding> {
    let present = certificate.facts().key_purposes.as_ref()?;
    if present.contains(purpose) {
        return None;
    }
    let (code, profile) = match purpose {
        KeyPurpose::ClientAuth => (
            Code::UsageNoClientAuth,
            " (a private CA's profile; public CAs no longer issue it)",
        ),
        KeyPurpose::ServerAuth => (
            Code::UsageNoServerAuth,
            " (a profile for TLS servers has it)",
        ),
        KeyPurpose::SipDomain | KeyPurpose::Any | KeyPurpose::Other(_) => {
            (Code::UsageNoServerAuth, "")
        }
    };
    Some(
        Finding::new(
            code,
            format!("{place}, extKeyUsage"),
            format!(
                "{} may not be used for {purpose}",
                words::quoted(certificate)
            ),
            format!("its extended key usage holds {}", purposes(present)),
            format!("ask the CA to issue with {purpose}{profile}"),
        )
        .with_severity(Severity::Error),
    )
}

/// A serverAuth-only leaf that also has to prove outgoing connections.
fn no_client_auth(case: &Case<'_>) -> Option<Finding> {
    let present = case.leaf.facts().key_purposes.as_ref()?;
    if present.contains(&KeyPurpose::ClientAuth) {
        return None;
    }
    let s2s = case.expectation.wanted.iter().any(|wanted| {
        matches!(
            wanted,
            Wanted::Covered {
                service: Service::XmppServer,
                ..
            }
        )
    });
    let who = match (s2s, case.expectation.sip_mutual_tls) {
        (false, false) => return None,
        (true, false) => {
            "Metronome, and ejabberd before 25.08, then fall back to dialback or refuse the stream; Prosody does not mind"
        }
        (false, true) => "Kamailio and Lync then refuse the connection where they verify clients",
        (true, true) => {
            "Metronome, ejabberd before 25.08, Kamailio and Lync then refuse it or fall back to dialback; Prosody does not mind"
        }
    };
    let mend = if case.expectation.public {
        "nothing, as public CAs no longer issue clientAuth: keep dialback on for such partners, or use a private CA in a closed federation"
    } else {
        "ask the private CA to issue with clientAuth as well (profile `private-xmpp`)"
    };
    Some(Finding::new(
        Code::UsageNoClientAuth,
        "leaf, extKeyUsage",
        "the certificate has no clientAuth, and outgoing connections are to be proved with it too",
        format!("its extended key usage holds {}; {who}", purposes(present)),
        mend,
    ))
}

fn purposes(present: &[KeyPurpose]) -> String {
    if present.is_empty() {
        return "nothing".to_owned();
    }
    let list: Vec<String> = present.iter().map(ToString::to_string).collect();
    format!("only {}", words::list(&list))
}

fn leaf_among(sent: &[Certificate]) -> Option<(usize, &Certificate)> {
    sent.iter()
        .enumerate()
        .find(|(_, certificate)| !certificate.is_ca())
        .map(|(index, certificate)| (index + 2, certificate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::macros::datetime;

    #[test]
    fn who_lacks_a_purpose_is_sent_to_a_ca_that_issues_it() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        for (there, wanted, profile) in [
            (
                KeyPurpose::ServerAuth,
                KeyPurpose::ClientAuth,
                "a private CA's profile; public CAs no longer issue it",
            ),
            (
                KeyPurpose::ClientAuth,
                KeyPurpose::ServerAuth,
                "a profile for TLS servers has it",
            ),
        ] {
            let spec = IssueSpec {
                serial: vec![7],
                key_purposes: vec![there],
                ..IssueSpec::of(
                    Subject::named("leaf"),
                    datetime!(2026-01-01 00:00 UTC),
                    datetime!(2027-01-01 00:00 UTC),
                )
            };
            let leaf = issue(&spec, key.spki_der(), &Issuer::own(&key)).unwrap();
            let mend = lacks(&leaf, "leaf", &wanted).unwrap().mend;
            assert_eq!(
                mend,
                format!("ask the CA to issue with {wanted} ({profile})")
            );
        }
    }
}
