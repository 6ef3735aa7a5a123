//! x509-limbo, whole, through `verify --strict` as it is typed: every case agrees, or stands in
//! `fixtures/limbo/exceptions.json` with the reason why it does not.
//!
//! `fixtures/limbo/` is C2SP x509-limbo (Apache-2.0), cut to the cases that a tool of our kind meets. Each case is
//! written to files and handed to the binary; the exit code and the document are read. Cases of RFC 5280 are judged by
//! that profile, as some contradict those of the Baseline Requirements by design. The chains of real sites are also
//! held against `openssl verify`.

#![allow(clippy::unwrap_used)] // helpers of tests

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Where the vectors carry no time: inside the validity of all of them.
const DEFAULT_TIME: &str = "2024-03-15T00:00:00Z";

/// Cases that we refuse as the vectors want, but not for what they were made to show.
const REFUSED_FOR_ANOTHER_REASON: &[(&str, &str)] = &[(
    "webpki::san::public-suffix-multi-label-wildcard-san",
    "no list of public suffixes is kept; only its common name is at fault for us",
)];

#[derive(Deserialize)]
struct Limbo {
    testcases: Vec<Case>,
}

#[derive(Deserialize, Clone)]
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
    expected_peer_names: Vec<PeerName>,
    max_chain_depth: Option<usize>,
    crls: Vec<String>,
}

#[derive(Deserialize, Clone)]
struct PeerName {
    kind: String,
    value: String,
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/limbo")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn read_cases() -> Vec<Case> {
    serde_json::from_str::<Limbo>(&fixture("limbo.json"))
        .unwrap()
        .testcases
}

fn exceptions() -> BTreeMap<String, String> {
    serde_json::from_str(&fixture("exceptions.json")).unwrap()
}

/// What the command made of a case.
struct Outcome {
    code: i32,
    document: Value,
}

impl Outcome {
    /// 0 and 1 let the certificate stand, 2 does not; anything else is no judgement.
    fn accepted(&self, id: &str) -> bool {
        match self.code {
            0 | 1 => true,
            2 => false,
            other => panic!("{id}: exit {other}: {}", self.document),
        }
    }

    fn errors(&self) -> Vec<(String, String)> {
        let findings = self.document["findings"].as_array().unwrap();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        findings
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .map(|finding| {
                let words = format!("{}: {}", text(finding, "what"), text(finding, "why"));
                (text(finding, "code"), words)
            })
            .collect()
    }

    fn words(&self) -> String {
        let all: Vec<String> = self
            .errors()
            .into_iter()
            .map(|(code, words)| format!("{code} ({words})"))
            .collect();
        if all.is_empty() {
            "ok".to_owned()
        } else {
            all.join("; ")
        }
    }
}

fn write(folder: &Path, name: &str, pems: &[String]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, pems.join("\n")).unwrap();
    path
}

/// The profile of a case: the reading by which its expectation was written.
fn profile(id: &str) -> &'static str {
    match id.split("::").next() {
        Some("rfc5280" | "pathlen") => "rfc5280",
        _ => "web-pki",
    }
}

/// Judges a case by the command line.
fn run(case: &Case) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, pems: &[String]| write(folder.path(), name, pems);
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgecert"));
    command
        .current_dir(folder.path())
        .env_clear()
        .args([
            "verify",
            "--json",
            "--strict",
            "--profile",
            profile(&case.id),
        ])
        .arg(at("leaf.pem", std::slice::from_ref(&case.peer_certificate)))
        .arg("--roots")
        .arg(at("roots.pem", &case.trusted_certs))
        .args([
            "--at",
            case.validation_time.as_deref().unwrap_or(DEFAULT_TIME),
        ]);
    if !case.untrusted_intermediates.is_empty() {
        command
            .arg("--untrusted")
            .arg(at("untrusted.pem", &case.untrusted_intermediates));
    }
    if !case.crls.is_empty() {
        command.arg("--crl").arg(at("crls.pem", &case.crls));
    }
    let purpose = match (
        case.validation_kind.as_str(),
        case.extended_key_usage.as_slice(),
    ) {
        ("SERVER", []) => "server",
        ("SERVER", [one]) if one == "serverAuth" => "server",
        ("CLIENT", [one]) if one == "clientAuth" => "client",
        other => panic!("{}: {other:?} is new", case.id),
    };
    command.args(["--purpose", purpose]);
    for name in case
        .expected_peer_name
        .iter()
        .chain(&case.expected_peer_names)
    {
        let kind = match name.kind.as_str() {
            "DNS" => "dns",
            "IP" => "ip",
            "RFC822" => "email",
            other => panic!("{}: {other} is new", case.id),
        };
        command.args(["--name", &format!("{kind}:{}", name.value)]);
    }
    if let Some(depth) = case.max_chain_depth {
        command.args(["--max-depth", &depth.to_string()]);
    }
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        document: serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {output:?}", case.id)),
    }
}

#[test]
fn every_vector_agrees_or_its_disagreement_is_explained() {
    let known = exceptions();
    assert!(known.values().all(|reason| reason.len() > 40));
    let cases = read_cases();
    assert_eq!(cases.len(), 125);
    let mut surprises = Vec::new();
    let mut accidents = Vec::new();
    let mut seen = 0;
    for case in &cases {
        let outcome = run(case);
        if std::env::var_os("LIMBO_SHOW").is_some() {
            println!("{} {}: {}", case.id, case.expected_result, outcome.words());
        }
        let agrees = outcome.accepted(&case.id) == (case.expected_result == "SUCCESS");
        let listed = known.contains_key(&case.id);
        seen += usize::from(listed);
        if agrees == listed {
            let hint = match listed {
                true => " (listed, but it agrees)",
                false => "",
            };
            let words = outcome.words();
            surprises.push(format!(
                "{} should be {}: {words}{hint}",
                case.id, case.expected_result
            ));
        }
        // Most of these certificates have an odd common name besides what they were made for.
        let errors = outcome.errors();
        let accident = !errors.is_empty()
            && agrees
            && !case.id.starts_with("webpki::cn::")
            && errors.iter().all(|(code, _)| code == "names.common-name");
        if accident {
            accidents.push(case.id.clone());
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    assert_eq!(seen, known.len(), "a listed id is not among the vectors");
    let listed: Vec<&str> = REFUSED_FOR_ANOTHER_REASON
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(accidents, listed);
}

#[test]
fn the_chains_of_real_sites_are_sound_at_their_time() {
    let mut count = 0;
    for case in read_cases() {
        if !case.id.starts_with("online::") {
            continue;
        }
        count += 1;
        let outcome = run(&case);
        assert_eq!(outcome.words(), "ok", "{}", case.id);
        let path = outcome.document["result"]["path"].as_array().unwrap();
        assert!(path.len() >= 3, "{}: {path:?}", case.id);
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
        let at = |name: &str, pems: &[String]| write(folder.path(), name, pems);
        let roots = at("roots.pem", &case.trusted_certs);
        let untrusted = at("untrusted.pem", &case.untrusted_intermediates);
        let leaf = at("leaf.pem", std::slice::from_ref(&case.peer_certificate));
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
        assert!(!run(&case).errors().is_empty());
    }
}
