//! Every code that `verify` raises: one case that raises it and one near by that does not; and the catalogue, these
//! cases and `docs/findings.md` hold the same codes.
//!
//! Certificates are issued here at a fixed time; what no CA of ours would write is patched into the bytes.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "findings/lab.rs"]
mod lab;
#[path = "findings/rows.rs"]
mod rows;

use edgecert::deployment::LifeLeft;
use edgecert::findings::{Code, Severity, Verdict};
use edgecert::verify::{
    Expectation, Judgement, Override, Strictness, Thresholds, TrustSet, VerifiedBundle, ends_soon,
    judge,
};
use edgecert::x509::{Bundle, Certificate, Chain, PrivateKey};
use lab::*;
use rows::{rows, strict_rows};
use std::collections::BTreeSet;
use std::path::Path;
use time::Duration;
use time::macros::datetime;

/// Codes of the catalogue that other rooms raise.
const RAISED_ELSEWHERE: [&str; 10] = [
    "granted.",
    "live.",
    "check.",
    "request.",
    "doctor.",
    // by the comparison with the plan (src/check/records, tests/journey_dns.rs)
    "dns.",
    // by the servers before an assignment (tests/servers/)
    "gateway.",
    // against the generation before, by import
    "chain.root-changed",
    "chain.intermediate-changed",
    // by the command, which alone knows several sets (tests/journey_verify_chain.rs)
    "chain.roots-differ",
];

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement
        .report
        .findings()
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}

#[test]
fn every_code_is_raised_by_its_case_and_not_by_the_one_near_by() {
    let lab = Lab::new();
    let practical = rows().into_iter().map(|row| (Strictness::Practical, row));
    let strict = strict_rows().into_iter();
    let all = practical.chain(strict.map(|row| (Strictness::Strict, row)));
    for (number, (strictness, (code, raising, quiet))) in all.enumerate() {
        let judgement = raising(&lab).judge(strictness);
        let finding = judgement
            .report
            .findings()
            .iter()
            .find(|finding| finding.code == code)
            .unwrap_or_else(|| {
                panic!(
                    "row {number}: {} not in {:?}",
                    code.as_str(),
                    judgement.report
                )
            });
        for (what, text) in [
            ("place", &finding.place),
            ("what", &finding.what),
            ("why", &finding.why),
            ("mend", &finding.mend),
        ] {
            assert!(
                !text.trim().is_empty(),
                "{}: {what} is empty",
                code.as_str()
            );
            assert!(
                !text.ends_with('.'),
                "{}: {what} is a sentence",
                code.as_str()
            );
            assert!(
                !text.chars().any(char::is_control),
                "{}: {what}",
                code.as_str()
            );
        }
        let judgement = quiet(&lab).judge(strictness);
        assert!(
            !codes(&judgement).contains(&code.as_str()),
            "row {number}: {} in {:?}",
            code.as_str(),
            judgement.report
        );
    }
}

#[test]
fn one_fault_makes_one_error() {
    let lab = Lab::new();
    for (number, (code, raising, _)) in rows().into_iter().enumerate() {
        let judgement = raising(&lab).judge(Strictness::Practical);
        let errors: BTreeSet<&str> = judgement
            .report
            .errors()
            .map(|finding| finding.code.as_str())
            .collect();
        assert!(
            errors.is_empty() || errors == BTreeSet::from([code.as_str()]),
            "row {number}, {}: {:?}",
            code.as_str(),
            judgement.report
        );
    }
}

#[test]
fn a_sound_chain_has_nothing_to_say_even_strictly() {
    let lab = Lab::new();
    for strictness in [Strictness::Practical, Strictness::Strict] {
        let judgement = lab.sound().judge(strictness);
        assert_eq!(codes(&judgement), [""; 0], "{:?}", judgement.report);
        assert_eq!(judgement.path, ["edge.contoso.com", "Lab CA", "Lab Root"]);
        let parts: Vec<&str> = judgement
            .not_applicable
            .iter()
            .map(|(part, _)| *part)
            .collect();
        assert_eq!(parts, ["names"]);
    }
    let given = Given {
        roots: None,
        ..lab.sound()
    };
    let judgement = given.judge(Strictness::Practical);
    let parts: Vec<&str> = judgement
        .not_applicable
        .iter()
        .map(|(part, _)| *part)
        .collect();
    assert_eq!(parts, ["chain", "names"]);
    assert!(judgement.path.is_empty());
}

#[test]
fn the_table_and_the_catalogue_hold_the_same_codes() {
    let mut tested: BTreeSet<&str> = rows()
        .iter()
        .chain(&strict_rows())
        .map(|(code, _, _)| code.as_str())
        .collect();
    // has a test of its own below, since a key is handed over
    tested.insert(Code::KeyMismatch.as_str());
    let raised: BTreeSet<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !RAISED_ELSEWHERE.iter().any(|part| code.starts_with(part)))
        .collect();
    assert_eq!(tested, raised);
}

#[test]
fn the_manual_and_the_catalogue_hold_the_same_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let headings: Vec<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    let catalogue: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(headings, catalogue, "same codes in the same order");
    for code in Code::ALL {
        let start = manual.find(&format!("### {}\n", code.as_str())).unwrap();
        let section = manual[start..]
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('#'));
        let section: Vec<&str> = section.collect();
        let head = format!("{} · {}", code.severity(), code.cite());
        assert_eq!(section.first(), Some(&head.as_str()), "{}", code.as_str());
        let text = section.join(" ");
        for word in [code.meaning(), "**When.**", "**Do.**"] {
            assert!(text.contains(word), "{}: {word}", code.as_str());
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let lab = Lab::new();
    let given = lab.sound();
    let expectation = Expectation::new(NOW);
    for (key, expected) in [(&lab.ca_key, vec!["key.mismatch"]), (&lab.leaf_key, vec![])] {
        assert_eq!(
            codes(&judge(&given.chain, Some(key), &expectation)),
            expected
        );
    }
}

#[test]
fn an_empty_chain_is_a_finding_and_no_panic() {
    let judgement = judge(&[], None, &Expectation::new(NOW));
    assert_eq!(codes(&judgement), ["form.malformed"]);
}

#[test]
fn a_missing_intermediate_is_named_with_where_to_get_it() {
    let lab = Lab::new();
    let judgement = lab
        .chain(vec![lab.leaf(&plain())])
        .judge(Strictness::Practical);
    let finding = judgement.report.nearest().unwrap();
    assert_eq!(
        finding.what,
        "the issuer of the leaf, \"Lab CA\", is missing"
    );
    assert_eq!(
        finding.mend,
        "fetch it from http://ca.example/ca.cer and append it to the chain; if it is a root, name it under `roots` in [issuer.NAME], or with `--roots` where there is no deployment"
    );
    let judgement = lab
        .chain(vec![lab.leaf(&plain())])
        .untrusted(vec![lab.ca.clone()])
        .judge(Strictness::Practical);
    assert_eq!(judgement.path.len(), 3, "the path stands all the same");
}

#[test]
fn another_key_of_the_same_name_is_told_apart() {
    let lab = Lab::new();
    let other = Lab::new();
    // the roots have one name and two keys
    let judgement = lab
        .sound()
        .roots(vec![other.root.clone()])
        .judge(Strictness::Practical);
    let finding = judgement.report.nearest().unwrap();
    assert_eq!(finding.code, Code::ChainUntrustedRoot);
    assert!(
        finding.why.starts_with("there is a \"Lab Root\" with key "),
        "{}",
        finding.why
    );
}

#[test]
fn a_self_signed_leaf_that_is_pinned_is_trusted() {
    let lab = Lab::new();
    let own = sign(&plain(), &lab.leaf_key, None, &lab.leaf_key);
    let judgement = lab
        .chain(vec![own.clone()])
        .roots(vec![own])
        .judge(Strictness::Practical);
    assert_eq!(codes(&judgement), ["chain.self-signed"]);
    assert_eq!(judgement.report.verdict(), Verdict::Ok);
}

#[test]
fn every_path_is_tried_before_one_is_blamed() {
    let lab = Lab::new();
    // The same CA twice: once expired, once alive; the expired one is sent first.
    let old = lab.ca(&ca_with(|spec| {
        spec.not_after = datetime!(2026-11-20 0:00 UTC)
    }));
    let judgement = lab
        .chain(vec![lab.leaf(&plain()), old, lab.ca.clone()])
        .judge(Strictness::Practical);
    assert_eq!(
        judgement.report.verdict(),
        Verdict::Ok,
        "{:?}",
        judgement.report
    );
}

#[test]
fn an_expired_leaf_hides_no_other_fault_and_adds_none() {
    let lab = Lab::new();
    let late = datetime!(2040-01-01 0:00 UTC);
    // Long after all have ended, only the leaf's end is told.
    let judgement = lab.sound().at(late).judge(Strictness::Practical);
    assert_eq!(codes(&judgement), ["validity.expired"]);
    assert_eq!(
        judgement.report.nearest().unwrap().what,
        "\"edge.contoso.com\" ended on 2027-05-18 (4610 days ago)"
    );
    let judgement = lab
        .chain(vec![lab.leaf(&plain())])
        .at(late)
        .judge(Strictness::Practical);
    assert_eq!(
        codes(&judgement),
        ["validity.expired", "chain.intermediate-missing"]
    );
}

#[test]
fn strict_makes_broken_musts_errors() {
    let lab = Lab::new();
    let given = lab.given(&with(|spec| spec.serial = vec![1; 21]));
    for (strictness, severity) in [
        (Strictness::Practical, Severity::Warning),
        (Strictness::Strict, Severity::Error),
    ] {
        let judgement = given.judge(strictness);
        assert_eq!(judgement.report.nearest().unwrap().severity, severity);
    }
}

#[test]
fn depth_counts_intermediates_alone() {
    let lab = Lab::new();
    let trust = TrustSet::new("lab", vec![lab.root.clone()]);
    let chain = deep(&lab, None);
    for (depth, expected) in [(2, vec![]), (1, vec!["chain.path-length"])] {
        let expectation = Expectation {
            trust: Some(&trust),
            max_depth: Some(depth),
            ..Expectation::new(NOW)
        };
        assert_eq!(
            codes(&judge(&chain, None, &expectation)),
            expected,
            "{depth}"
        );
    }
}

#[test]
fn nearness_of_the_end_is_graded_by_the_caller() {
    let lab = Lab::new();
    let leaf = lab.leaf(&plain());
    let thresholds = Thresholds {
        warning: LifeLeft::Days(30.0),
        critical: LifeLeft::Share(0.05),
    };
    let end = plain().not_after;
    for (before, expected) in [
        (Duration::days(31), None),
        (Duration::days(29), Some(Severity::Warning)),
        (Duration::days(9), Some(Severity::Error)),
        (Duration::SECOND * -1, None), // that is validity.expired
    ] {
        let found = ends_soon(&leaf, "leaf", end - before, &thresholds);
        assert_eq!(found.map(|finding| finding.severity), expected, "{before}");
    }
}

#[test]
fn a_bundle_is_accepted_only_without_standing_errors() {
    let lab = Lab::new();
    let make = || {
        let chain = Chain {
            leaf: lab.leaf(&plain()),
            intermediates: vec![],
        };
        let pem = lab.leaf_key.to_pem(None).unwrap();
        Bundle::new(chain, PrivateKey::read(pem.as_bytes(), None).unwrap()).unwrap()
    };
    let trust = TrustSet::new("lab", vec![lab.root.clone()]);
    let expectation = Expectation {
        trust: Some(&trust),
        ..Expectation::new(NOW)
    };
    let knowingly = |code| Override {
        code,
        reason: "the partner has it".to_owned(),
    };
    let refusal = VerifiedBundle::verify(make(), &expectation, vec![]).unwrap_err();
    assert_eq!(refusal.standing.len(), 1);
    assert_eq!(refusal.standing[0].code, Code::ChainIntermediateMissing);
    let other = vec![knowingly(Code::KeyWeak)];
    assert!(VerifiedBundle::verify(make(), &expectation, other).is_err());
    let both = vec![
        knowingly(Code::KeyWeak),
        knowingly(Code::ChainIntermediateMissing),
    ];
    let verified = VerifiedBundle::verify(make(), &expectation, both).unwrap();
    assert_eq!(
        verified.overrides().len(),
        1,
        "only what was needed is kept"
    );
    assert_eq!(verified.report().errors().count(), 1);
}

#[test]
fn odd_times_are_judged_and_told() {
    let lab = Lab::new();
    for (not_before, not_after, expected) in [
        (
            datetime!(9999-12-31 23:59:59 UTC),
            datetime!(9999-12-31 23:59:59 UTC),
            "validity.not-yet",
        ),
        (
            datetime!(1970-01-01 0:00 UTC),
            datetime!(1970-01-01 0:00 UTC),
            "validity.expired",
        ),
        (
            datetime!(2027-01-01 0:00 UTC),
            datetime!(2026-01-01 0:00 UTC),
            "validity.expired",
        ),
    ] {
        let given = lab.given(&with(|spec| {
            spec.not_before = not_before;
            spec.not_after = not_after;
        }));
        let judgement = given.judge(Strictness::Practical);
        assert_eq!(judgement.report.nearest().unwrap().code.as_str(), expected);
        for at in [
            datetime!(9999-12-31 23:59:59 UTC),
            datetime!(0001-01-01 0:00 UTC),
        ] {
            given.clone().at(at).judge(Strictness::Strict);
        }
    }
}

#[test]
fn no_changed_byte_makes_the_judge_panic_or_accept() {
    let lab = Lab::new();
    let leaf = lab.leaf(&plain());
    let mut judged = 0;
    for at in 0..leaf.der().len() {
        for bit in [0x01, 0x80] {
            let mut der = leaf.der().to_vec();
            der[at] ^= bit;
            let Ok(changed) = Certificate::from_der(&der) else {
                continue;
            };
            judged += 1;
            let judgement = lab
                .chain(vec![changed, lab.ca.clone()])
                .judge(Strictness::Practical);
            assert_eq!(judgement.report.verdict(), Verdict::Error, "byte {at}");
        }
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn a_hostile_bag_of_certificates_ends_quickly() {
    let lab = Lab::new();
    let mut chain = vec![lab.leaf(&plain())];
    for serial in 0..200u8 {
        let spec = ca_with(|spec| {
            spec.serial = vec![1, serial];
            spec.ca = Some(None);
        });
        // all of one name and key, issued by themselves
        let own = sign(&spec, &lab.ca_key, None, &lab.ca_key);
        chain.push(sign(&spec, &lab.ca_key, Some(&own), &lab.ca_key));
    }
    let started = std::time::Instant::now();
    let judgement = lab.chain(chain).judge(Strictness::Practical);
    assert_eq!(judgement.report.verdict(), Verdict::Error);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
