//! x509-limbo, whole, through our judge: every case agrees, or stands below with the reason why it does not.
//!
//! `fixtures/limbo/` is C2SP x509-limbo (Apache-2.0), cut to the cases that a tool of our kind meets. `judge` runs
//! strictly, as the vectors ask for every MUST. The chains of real sites are also held against `openssl verify`.

#![allow(clippy::unwrap_used)] // helpers of tests

use edgecert::names::matching::Service;
use edgecert::names::{Domain, Identifier};
use edgecert::verify::{Expectation, Judgement, Profile, Purpose, Strictness, TrustSet, Wanted};
use edgecert::x509::{Certificate, container};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::datetime;

/// Where the vectors carry no time: inside the validity of all of them.
const DEFAULT_TIME: OffsetDateTime = datetime!(2024-03-15 0:00 UTC);

/// Cases where we say otherwise than the vectors, with the reason.
const DISAGREEMENTS: &[(&str, &str)] = &[
    ("crl::revoked-certificate-with-crl", NO_CRL),
    ("crl::crlnumber-missing", NO_CRL),
    ("crl::crlnumber-critical", NO_CRL),
    ("crl::issuer-missing-crlsign", NO_CRL),
    ("pathlen::validation-ignores-pathlen-in-leaf", CA_AS_LEAF),
    ("rfc5280::ca-as-leaf", CA_AS_LEAF),
    ("pathlen::self-issued-certs-pathlen", SELF_ISSUED),
    ("rfc5280::nc::permitted-self-issued", SELF_ISSUED),
    ("rfc5280::nc::permitted-dn-match", FORM_NOT_WEIGHED),
    ("rfc5280::nc::nc-permits-email-domain", FORM_NOT_WEIGHED),
    (
        "rfc5280::nc::nc-permits-email-literal-asterisk-exact-match",
        FORM_NOT_WEIGHED,
    ),
    (
        "rfc5280::nc::nc-permits-email-literal-double-asterisk",
        FORM_NOT_WEIGHED,
    ),
    ("webpki::nc::nc-permits-dns-san-pattern", COMMON_NAME),
    ("webpki::san::exact-localhost-ip-san", COMMON_NAME),
];

const NO_CRL: &str =
    "not applicable: CRLs from files are not read yet, so revocation is not judged";
const CA_AS_LEAF: &str = "RFC 6120 §13.7.1.1 forbids a CA certificate as leaf and webpki peers refuse it; the leaf \
    also lacks digitalSignature, which TLS needs. An error for us under every profile";
const SELF_ISSUED: &str = "RFC 5280 exempts self-issued intermediates from path lengths and name constraints; webpki, \
    whose word is final here as it is in many peers, does not";
const FORM_NOT_WEIGHED: &str = "webpki weighs name constraints on DNS names and addresses; constraints on directory \
    names and e-mail addresses fail closed, as they do in its peers";
const COMMON_NAME: &str = "its common name is none of its subjectAltName entries, which BR 7.1.4.3 forbids; \
    webpki::cn::not-in-san wants just that to be refused, and a strict judge can obey only one of them";

/// Cases that we refuse as the vectors want, but not for what they were made to show.
const REFUSED_FOR_ANOTHER_REASON: &[(&str, &str)] = &[
    (
        "webpki::cn::utf8-vs-punycode-mismatch",
        "the name asked for is no valid A-label, so it is refused before anything is judged",
    ),
    (
        "webpki::san::public-suffix-multi-label-wildcard-san",
        "no list of public suffixes is kept; only its common name is at fault for us",
    ),
    (
        "webpki::san::san-wildcard-only-tld",
        "the name asked for is a single label, which no service of ours has",
    ),
];

#[derive(Deserialize)]
struct Limbo {
    testcases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    validation_kind: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<String>,
    extended_key_usage: Vec<String>,
    expected_result: String,
    expected_peer_name: Option<PeerName>,
    max_chain_depth: Option<usize>,
}

#[derive(Deserialize)]
struct PeerName {
    kind: String,
    value: String,
}

fn read_cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/limbo/limbo.json");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Limbo>(&text).unwrap().testcases
}

/// One certificate of a case; what cannot be read is the reason of a refusal.
fn certificate(pem: &str) -> Result<Certificate, String> {
    let contents = container::read(pem.as_bytes(), None).map_err(|error| error.to_string())?;
    match (
        contents.certificates.into_iter().next(),
        contents.problems.first(),
    ) {
        (Some((_, certificate)), _) => Ok(certificate),
        (None, Some((_, problem))) => Err(problem.to_string()),
        (None, None) => Err("no certificate".to_owned()),
    }
}

/// The judgement of a case, or why it never came to one.
fn run(case: &Case) -> Result<Judgement, String> {
    let mut chain = vec![certificate(&case.peer_certificate)?];
    for pem in &case.untrusted_intermediates {
        // A peer that sends something unreadable beside a good chain is not refused for it.
        chain.extend(certificate(pem).ok());
    }
    let anchors = case
        .trusted_certs
        .iter()
        .map(|pem| certificate(pem))
        .collect::<Result<Vec<_>, _>>()?;
    let trust = TrustSet::new("limbo", anchors);
    let purpose = match (
        case.validation_kind.as_str(),
        case.extended_key_usage.as_slice(),
    ) {
        ("SERVER", []) => Purpose::Server,
        ("SERVER", [one]) if one == "serverAuth" => Purpose::Server,
        ("CLIENT", [one]) if one == "clientAuth" => Purpose::Client,
        other => panic!("{}: {other:?} is new", case.id),
    };
    let wanted = match &case.expected_peer_name {
        None => vec![],
        Some(name) if name.kind == "DNS" => vec![Wanted::Covered {
            service: Service::Host,
            domain: Domain::parse(&name.value).map_err(|error| error.to_string())?,
            because: "expected_peer_name".to_owned(),
        }],
        Some(name) if name.kind == "IP" => {
            vec![Wanted::Entry(Identifier::Ip(name.value.parse().unwrap()))]
        }
        Some(name) => panic!("{}: {} is new", case.id, name.kind),
    };
    let at = match &case.validation_time {
        Some(text) => OffsetDateTime::parse(text, &Rfc3339).unwrap(),
        None => DEFAULT_TIME,
    };
    let expectation = Expectation {
        trust: Some(&trust),
        wanted,
        purpose,
        max_depth: case.max_chain_depth,
        profile: if case.id.starts_with("rfc5280::") || case.id.starts_with("pathlen::") {
            Profile::Rfc5280
        } else {
            Profile::WebPki
        },
        strictness: Strictness::Strict,
        public: case.id.starts_with("online::"),
        ..Expectation::new(at)
    };
    Ok(edgecert::verify::judge(&chain, None, &expectation))
}

fn words(outcome: &Result<Judgement, String>) -> String {
    match outcome {
        Err(why) => format!("not judged: {why}"),
        Ok(judgement) => {
            let errors: Vec<String> = judgement
                .report
                .errors()
                .map(|finding| {
                    format!(
                        "{} ({}: {})",
                        finding.code.as_str(),
                        finding.what,
                        finding.why
                    )
                })
                .collect();
            if errors.is_empty() {
                "ok".to_owned()
            } else {
                errors.join("; ")
            }
        }
    }
}

#[test]
fn every_vector_agrees_or_its_disagreement_is_explained() {
    let known: BTreeMap<&str, &str> = DISAGREEMENTS.iter().copied().collect();
    assert!(known.values().all(|reason| !reason.is_empty()));
    assert_eq!(known.len(), DISAGREEMENTS.len(), "an id stands twice");
    let cases = read_cases();
    assert_eq!(cases.len(), 125);
    let mut surprises = Vec::new();
    let mut seen = 0;
    for case in &cases {
        let outcome = run(case);
        if std::env::var_os("LIMBO_SHOW").is_some() {
            println!("{} {}: {}", case.id, case.expected_result, words(&outcome));
        }
        let accepted = outcome
            .as_ref()
            .is_ok_and(|judgement| judgement.report.errors().next().is_none());
        let agrees = accepted == (case.expected_result == "SUCCESS");
        let listed = known.contains_key(case.id.as_str());
        seen += usize::from(listed);
        if agrees == listed {
            surprises.push(format!(
                "{} should be {}: {}{}",
                case.id,
                case.expected_result,
                words(&outcome),
                if listed {
                    " (listed, but it agrees)"
                } else {
                    ""
                }
            ));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    assert_eq!(seen, known.len(), "a listed id is not among the vectors");
}

#[test]
fn agreement_by_accident_is_listed() {
    let known: Vec<&str> = REFUSED_FOR_ANOTHER_REASON
        .iter()
        .map(|(id, _)| *id)
        .collect();
    let mut found = Vec::new();
    for case in read_cases() {
        if case.expected_result == "SUCCESS" {
            continue;
        }
        let accident = match run(&case) {
            Err(_) => true,
            // Most of these certificates have an odd common name besides what they were made for.
            Ok(judgement) => {
                let mut errors = judgement.report.errors().peekable();
                errors.peek().is_some()
                    && !case.id.starts_with("webpki::cn::")
                    && errors.all(|finding| finding.code.as_str() == "names.common-name")
            }
        };
        if accident {
            found.push(case.id);
        }
    }
    found.sort();
    assert_eq!(found, known, "sorted by id");
}

#[test]
fn the_chains_of_real_sites_are_sound_at_their_time() {
    let mut count = 0;
    for case in read_cases() {
        if !case.id.starts_with("online::") {
            continue;
        }
        count += 1;
        let judgement = run(&case).unwrap();
        assert_eq!(words(&Ok(judgement.clone())), "ok", "{}", case.id);
        assert!(
            judgement.path.len() >= 3,
            "{}: {:?}",
            case.id,
            judgement.path
        );
    }
    assert_eq!(count, 7);
}

#[test]
fn openssl_agrees_about_the_chains_of_real_sites() {
    let folder = tempfile::tempdir().unwrap();
    for case in read_cases() {
        if !case.id.starts_with("online::") {
            continue;
        }
        let write = |name: &str, pems: &[String]| {
            let path = folder.path().join(name);
            std::fs::write(&path, pems.join("\n")).unwrap();
            path
        };
        let roots = write("roots.pem", &case.trusted_certs);
        let untrusted = write("untrusted.pem", &case.untrusted_intermediates);
        let leaf = write("leaf.pem", std::slice::from_ref(&case.peer_certificate));
        let at = OffsetDateTime::parse(case.validation_time.as_ref().unwrap(), &Rfc3339).unwrap();
        let name = &case.expected_peer_name.as_ref().unwrap().value;
        let verify = |seconds: i64, name: &str| {
            Command::new("openssl")
                .args(["verify", "-no-CApath", "-purpose", "sslserver"])
                .args(["-attime", &seconds.to_string()])
                .args(["-verify_hostname", name, "-CAfile"])
                .arg(&roots)
                .arg("-untrusted")
                .arg(&untrusted)
                .arg(&leaf)
                .output()
                .unwrap()
                .status
                .success()
        };
        assert!(verify(at.unix_timestamp(), name), "{}", case.id);
        // It refuses what we refuse: another name, and a time ten years on.
        let late = at + time::Duration::days(3_650);
        assert!(!verify(at.unix_timestamp(), "other.example"), "{}", case.id);
        assert!(!verify(late.unix_timestamp(), name), "{}", case.id);
        let case = Case {
            validation_time: Some(late.format(&Rfc3339).unwrap()),
            ..case
        };
        assert!(run(&case).unwrap().report.errors().next().is_some());
    }
}
