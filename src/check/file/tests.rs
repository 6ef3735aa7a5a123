//! What is promised of files at rest, with certificates made on the spot and a fixed time.

use super::*;
use crate::check::Whose;
use crate::check::{CertificateForm, Hold, Status};
use crate::findings::Severity;
use crate::names::Identifier;
use crate::verify::TrustSet;
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{KeyPurpose, KeyType, KeyUsage, Passphrase, Subject};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

struct Made {
    key: PrivateKey,
    certificate: Certificate,
}

fn make(name: &str, sans: &[&str], days: (i64, i64), ca: bool, by: Option<&Made>) -> Made {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let spec = IssueSpec {
        serial: vec![7],
        names: sans
            .iter()
            .map(|name| Identifier::parse_typed(name).unwrap())
            .collect(),
        ca: ca.then_some(None),
        key_usage: Some(KeyUsage {
            digital_signature: !ca,
            key_cert_sign: ca,
            ..KeyUsage::default()
        }),
        key_purposes: if ca {
            vec![]
        } else {
            vec![KeyPurpose::ServerAuth]
        },
        ..IssueSpec::of(
            Subject::named(name),
            NOW + Duration::days(days.0),
            NOW + Duration::days(days.1),
        )
    };
    let issuer = Issuer {
        certificate: by.map(|by| &by.certificate),
        key: by.map_or(&key, |by| &by.key),
    };
    let certificate = issue(&spec, key.spki_der(), &issuer).unwrap();
    Made { key, certificate }
}

struct Chain {
    root: Made,
    inter: Made,
    leaf: Made,
}

fn chain(leaf: (i64, i64), inter: (i64, i64)) -> Chain {
    let root = make("Root", &[], (-100, 3000), true, None);
    let inter = make("Intermediate", &[], inter, true, Some(&root));
    let sans = ["dns:edge.contoso.com"];
    let leaf = make("edge.contoso.com", &sans, leaf, false, Some(&inter));
    Chain { root, inter, leaf }
}

fn rows(bytes: &str, key: Option<&str>, yardstick: &Yardstick) -> Vec<TargetReport> {
    let beside = Beside {
        key: key.map(|key| {
            PrivateKey::read(key.as_bytes(), None).map_err(|error| error.explain().what)
        }),
        issuers: Vec::new(),
    };
    check_bytes(
        "x.pem",
        TargetKind::File,
        bytes.as_bytes(),
        beside,
        Origin::Named,
        yardstick,
    )
    .unwrap()
}

fn codes(row: &TargetReport) -> Vec<&'static str> {
    row.findings
        .iter()
        .filter(|finding| finding.severity != Severity::Note)
        .map(|finding| finding.code.as_str())
        .collect()
}

#[test]
fn nearness_of_the_end_is_judged_by_thresholds_of_leaf_and_chain() {
    let yardstick = Yardstick::new(NOW);
    for (leaf, inter, status, expected) in [
        ((-10, 90), (-100, 900), Status::Ok, vec![]),
        (
            (-80, 20),
            (-100, 900),
            Status::Warning,
            vec!["validity.ends-soon"],
        ),
        (
            (-95, 5),
            (-100, 900),
            Status::Critical,
            vec!["validity.ends-soon"],
        ),
        (
            (-100, -1),
            (-100, 900),
            Status::Critical,
            vec!["validity.expired"],
        ),
        (
            (-1, 30),
            (-900, 50),
            Status::Warning,
            vec!["validity.ends-soon"],
        ),
        // No root is needed to see that it has ended.
        (
            (-10, 90),
            (-900, -3),
            Status::Critical,
            vec!["validity.expired"],
        ),
        (
            (-100, -1),
            (-900, -3),
            Status::Critical,
            vec!["validity.expired"],
        ),
        (
            (-1, 9),
            (-900, 10),
            Status::Critical,
            vec!["validity.ends-soon"],
        ),
    ] {
        let made = chain(leaf, inter);
        let text = made.leaf.certificate.to_pem() + &made.inter.certificate.to_pem();
        let rows = rows(&text, None, &yardstick);
        assert_eq!(rows[0].status(), status, "{leaf:?} {inter:?} {rows:#?}");
        assert_eq!(codes(&rows[0]), expected, "{leaf:?} {inter:?}");
    }
}

#[test]
fn a_file_in_any_order_is_judged_as_one_chain() {
    let made = chain((-10, 90), (-100, 900));
    let all = [&made.root, &made.leaf, &made.inter].map(|one| one.certificate.to_pem());
    let mut yardstick = Yardstick::new(NOW);
    let rows_of = |yardstick: &Yardstick| rows(&all.concat(), None, yardstick);
    let plain = rows_of(&yardstick);
    assert_eq!(plain.len(), 1);
    assert_eq!(plain[0].status(), Status::Ok, "{plain:#?}");
    let names: Vec<&str> = plain[0].chain.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Intermediate", "Root"]);
    assert!(
        plain[0]
            .not_applicable
            .iter()
            .any(|(part, _)| *part == "chain")
    );
    // The same key in the deployment: then its names and roots count.
    yardstick.holds.push(Hold {
        name: "external-edge".to_owned(),
        unread: Vec::new(),
        trust: Some(TrustSet::new("x", vec![made.root.certificate.clone()])),
        wanted: vec![crate::verify::Wanted::Entry(
            Identifier::parse_typed("dns:contoso.com").unwrap(),
        )],
        public: false,
        whose: Whose::Ours,
    });
    yardstick
        .by_key
        .insert(made.leaf.certificate.facts().spki_sha256, 0);
    let held = rows_of(&yardstick);
    assert_eq!(held[0].held_against.as_deref(), Some("external-edge"));
    assert_eq!(codes(&held[0]), ["names.missing"]);
}

#[test]
fn the_key_in_the_file_or_beside_it_must_be_the_leafs() {
    let (made, other) = (chain((-10, 90), (-100, 900)), chain((-10, 90), (-100, 900)));
    let yardstick = Yardstick::new(NOW);
    let leaf = made.leaf.certificate.to_pem();
    let own = made.leaf.key.to_pem(None).unwrap();
    let strange = other.leaf.key.to_pem(None).unwrap();
    for (text, beside, expected) in [
        (leaf.clone(), None, vec![]),
        (leaf.clone(), Some(own.as_str()), vec![]),
        (leaf.clone(), Some(strange.as_str()), vec!["key.mismatch"]),
        (leaf.clone(), Some("damaged"), vec![]),
        (
            format!("{leaf}{}", own.as_str()),
            Some(strange.as_str()),
            vec![],
        ),
        (
            format!("{leaf}{}", strange.as_str()),
            None,
            vec!["key.mismatch"],
        ),
    ] {
        let rows = rows(&text, beside, &yardstick);
        assert_eq!(codes(&rows[0]), expected, "{rows:#?}");
    }
}

#[test]
fn a_key_that_is_not_judged_is_told_with_its_reason() {
    let made = chain((-10, 90), (-100, 900));
    let yardstick = Yardstick::new(NOW);
    let leaf = made.leaf.certificate.to_pem();
    let passphrase = Passphrase::new("a long passphrase".into());
    let closed = made.leaf.key.to_pem(Some(&passphrase)).unwrap();
    let damaged = "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n";
    for (text, beside, told) in [
        (
            leaf.clone(),
            None,
            "no key of it lies in the file or beside it",
        ),
        (
            leaf.clone(),
            Some(closed.as_str()),
            "the key beside it cannot be read: the private key is encrypted",
        ),
        (
            leaf.clone(),
            Some(damaged),
            "the key beside it cannot be read: the block PRIVATE KEY cannot be decoded",
        ),
        (
            leaf.clone() + closed.as_str(),
            None,
            "block 2 cannot be read: the private key is encrypted",
        ),
    ] {
        let rows = rows(&text, beside, &yardstick);
        let key = rows[0]
            .not_applicable
            .iter()
            .find(|(part, _)| *part == "key");
        assert_eq!(key.map(|(_, why)| why.as_str()), Some(told));
    }
}

#[test]
fn several_leaves_have_a_row_each_and_authorities_alone_have_one() {
    let (one, two) = (
        chain((-10, 90), (-100, 900)),
        chain((-100, -1), (-100, 900)),
    );
    let yardstick = Yardstick::new(NOW);
    let both = one.leaf.certificate.to_pem() + &two.leaf.certificate.to_pem();
    let made = rows(&both, None, &yardstick);
    let targets: Vec<&str> = made.iter().map(|row| row.target.as_str()).collect();
    assert_eq!(targets, ["x.pem, block 1", "x.pem, block 2"]);
    assert_eq!(made[1].status(), Status::Critical);
    let authorities = one.inter.certificate.to_pem() + &one.root.certificate.to_pem();
    let made = rows(&authorities, None, &yardstick);
    assert_eq!((made.len(), made[0].status()), (1, Status::Ok));
    let form: &CertificateForm = made[0].certificate.as_ref().unwrap();
    assert_eq!(form.name, "Intermediate");
}

#[test]
fn of_walked_files_only_damaged_certificates_are_told() {
    let made = chain((-10, 90), (-100, 900));
    let pem = made.leaf.certificate.to_pem();
    let der = made.leaf.certificate.der();
    let yardstick = Yardstick::new(NOW);
    let key = made.leaf.key.to_pem(None).unwrap();
    for (bytes, walked) in [
        (b"words".to_vec(), false),
        (key.as_bytes().to_vec(), false),
        (
            b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n".to_vec(),
            false,
        ),
        (Vec::new(), false),
        (pem.as_bytes()[..100].to_vec(), true),
        (der[..100].to_vec(), true),
    ] {
        let judged = |origin| {
            let beside = Beside::default();
            check_bytes("x", TargetKind::File, &bytes, beside, origin, &yardstick)
        };
        assert_eq!(judged(Origin::Walked).is_some(), walked, "{bytes:?}");
        let named = judged(Origin::Named).unwrap();
        assert_eq!(codes(&named[0]), ["form.malformed"], "{bytes:?}");
    }
}

#[test]
fn files_are_shared_among_the_workers_and_come_back_in_order() {
    let made = chain((-10, 90), (-100, 900));
    let pem = made.leaf.certificate.to_pem();
    let yardstick = Yardstick::new(NOW);
    let reads = AtomicUsize::new(0);
    let read = |task: &FileTask| {
        reads.fetch_add(1, Ordering::Relaxed);
        match task.place.1 {
            5 => FileRead::Skip,
            6 => FileRead::Bytes(Zeroizing::new(b"words".to_vec()), Box::default()),
            _ => FileRead::Bytes(Zeroizing::new(pem.clone().into_bytes()), Box::default()),
        }
    };
    let files = (0..100).map(|number| -> Next {
        Ok(FileTask {
            place: (0, number),
            path: PathBuf::from(match number {
                6 => "6.txt".to_owned(),
                _ => format!("{number}.pem"),
            }),
            origin: Origin::Walked,
        })
    });
    let heard = Mutex::new(BTreeMap::new());
    let kept = check_files(files, &read, &yardstick, 3, &|number, rows| {
        let names: Vec<String> = rows.iter().map(|(_, row)| row.target.clone()).collect();
        heard.lock().unwrap().insert(number, names);
    });
    assert_eq!(
        (reads.into_inner(), kept.counts.ok, kept.counts.skipped),
        (100, 98, 2)
    );
    let rows = kept.into_rows();
    assert_eq!(rows.len(), 98);
    assert_eq!(rows[5].1.target, "7.pem");
    let heard: Vec<String> = heard
        .into_inner()
        .unwrap()
        .into_values()
        .flatten()
        .collect();
    let in_order: Vec<&str> = rows.iter().map(|(_, row)| row.target.as_str()).collect();
    assert_eq!(heard, in_order);
}

#[test]
fn issuers_beside_a_leaf_complete_its_chain_and_strangers_there_do_not() {
    let (made, other) = (chain((-10, 90), (-100, 900)), chain((-10, 90), (-100, 900)));
    let mut yardstick = Yardstick::new(NOW);
    yardstick.holds.push(Hold {
        name: "roots".to_owned(),
        unread: Vec::new(),
        trust: Some(TrustSet::new("x", vec![made.root.certificate.clone()])),
        wanted: Vec::new(),
        public: false,
        whose: Whose::Ours,
    });
    yardstick.forced = Some(0);
    for (beside, expected) in [
        (vec![], vec!["chain.intermediate-missing"]),
        (vec![&other.inter], vec!["chain.intermediate-missing"]),
        (vec![&other.inter, &made.inter], vec![]),
    ] {
        let beside = Beside {
            key: None,
            issuers: beside.iter().map(|one| one.certificate.clone()).collect(),
        };
        let pem = made.leaf.certificate.to_pem();
        let rows = check_bytes(
            "cert.pem",
            TargetKind::File,
            pem.as_bytes(),
            beside,
            Origin::Walked,
            &yardstick,
        )
        .unwrap();
        assert_eq!(codes(&rows[0]), expected, "{rows:#?}");
    }
}

#[test]
fn an_ended_leaf_is_one_fault_even_if_its_ca_has_a_newer_intermediate() {
    let made = chain((-100, -20), (-10, 900));
    let mut yardstick = Yardstick::new(NOW);
    yardstick.holds.push(Hold {
        name: "roots".to_owned(),
        unread: Vec::new(),
        trust: Some(TrustSet::new("x", vec![made.root.certificate.clone()])),
        wanted: Vec::new(),
        public: false,
        whose: Whose::Ours,
    });
    yardstick.forced = Some(0);
    let text = made.leaf.certificate.to_pem() + &made.inter.certificate.to_pem();
    let rows = rows(&text, None, &yardstick);
    assert_eq!(codes(&rows[0]), ["validity.expired"], "{rows:#?}");
}
