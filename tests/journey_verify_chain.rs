//! `verify` and the chain: revocation lists from files, other sets of roots, hosts of one label, and hostile bags of
//! certificates.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "world/crl.rs"]
mod crl;
mod world;

use edgecert::names::Identifier;
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{Certificate, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use std::process::Command;
use time::OffsetDateTime;
use time::macros::datetime;
use world::World;

const AT: &str = "2026-06-01T00:00:00Z";

fn ca_spec(name: &str, serial: u16) -> IssueSpec {
    IssueSpec {
        serial: (0x0100 + serial).to_be_bytes().to_vec(),
        ca: Some(None),
        key_usage: Some(KeyUsage {
            key_cert_sign: true,
            crl_sign: true,
            ..KeyUsage::default()
        }),
        ..IssueSpec::of(
            Subject::named(name),
            datetime!(2026-01-01 0:00 UTC),
            datetime!(2035-01-01 0:00 UTC),
        )
    }
}

fn leaf_spec(names: &[String]) -> IssueSpec {
    IssueSpec {
        names: names
            .iter()
            .map(|name| Identifier::parse_typed(&format!("dns:{name}")).unwrap())
            .collect(),
        not_after: datetime!(2026-06-30 0:00 UTC),
        ca: None,
        key_usage: Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        }),
        key_purposes: vec![KeyPurpose::ServerAuth],
        ..ca_spec(names.first().map_or("leaf", String::as_str), 0x20)
    }
}

/// A CA by name, with its key and its own certificate.
struct Ca {
    key: PrivateKey,
    certificate: Certificate,
}

impl Ca {
    fn root(name: &str) -> Self {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let own = Issuer::own(&key);
        let certificate = issue(&ca_spec(name, 1), key.spki_der(), &own).unwrap();
        Self { key, certificate }
    }

    fn sign(&self, spec: &IssueSpec, spki: &[u8]) -> Certificate {
        let issuer = Issuer {
            certificate: Some(&self.certificate),
            key: &self.key,
        };
        issue(spec, spki, &issuer).unwrap()
    }

    /// Writes `NAME.pem` and signs the leaf of `edge.example.com` into `leaf.pem`.
    fn with_leaf(world: &World, name: &str) -> Self {
        let ca = Self::root(name);
        world.write(&format!("{name}.pem"), ca.certificate.to_pem());
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let leaf = ca.sign(&leaf_spec(&["edge.example.com".to_owned()]), key.spki_der());
        world.write("leaf.pem", leaf.to_pem());
        ca
    }

    /// Writes a revocation list that is good from the one time to the other.
    fn list(&self, world: &World, file: &str, revoked: &[&str], last: &str, next: &str) {
        let times = ["-crl_lastupdate", last, "-crl_nextupdate", next];
        let own = (&self.certificate, &self.key);
        crl::write(world, own, file, revoked, &times);
    }
}

fn codes(document: &serde_json::Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .filter(|code| code.starts_with("revocation.") || code.starts_with("chain."))
        .collect()
}

#[test]
fn a_revoked_certificate_is_refused_in_both_readings() {
    let world = World::new();
    let ca = Ca::with_leaf(&world, "root");
    let (last, next) = ("260520000000Z", "260701000000Z");
    // the leaf's serial number is 0x0120
    ca.list(
        &world,
        "bad.pem",
        &["260525101112Z,keyCompromise\t0120"],
        last,
        next,
    );
    ca.list(&world, "good.pem", &["260525101112Z\t0121"], last, next);
    ca.list(&world, "stale.pem", &[], last, "260525000000Z");
    ca.list(
        &world,
        "old-bad.pem",
        &["260521101112Z\t0120"],
        last,
        "260525000000Z",
    );
    Ca::root("other").list(&world, "other.pem", &["260525101112Z\t0120"], last, next);
    // another CA of the same name: its key identifier is another
    Ca::root("root").list(&world, "namesake.pem", &["260525101112Z\t0120"], last, next);
    let output = Command::new("openssl")
        .current_dir(world.folder())
        .args([
            "crl", "-in", "bad.pem", "-outform", "DER", "-out", "bad.der",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let revoked = &["revocation.revoked"][..];
    for (list, practical, strict, found) in [
        ("bad.pem", 2, 2, revoked),
        ("bad.der", 2, 2, revoked),
        ("old-bad.pem", 2, 2, revoked),
        ("good.pem", 1, 1, &[]),
        (
            "stale.pem",
            1,
            2,
            &["revocation.list-unusable", "revocation.unknown"],
        ),
        ("other.pem", 1, 1, &["revocation.unknown"]),
        ("namesake.pem", 1, 1, &["revocation.unknown"]),
    ] {
        let plain = [
            "verify",
            "leaf.pem",
            "--json",
            "--roots",
            "root.pem",
            "--at",
            AT,
            "--crl",
            list,
            "--profile",
            "rfc5280",
        ];
        let document = world.run(&plain).ended(practical).json();
        assert_eq!(codes(&document), found, "{list}");
        let strictly: Vec<&str> = plain.into_iter().chain(["--strict"]).collect();
        let document = world.run(&strictly).ended(strict).json();
        assert_eq!(codes(&document), found, "{list}, strictly");
    }
    let args = [
        "verify", "leaf.pem", "--roots", "root.pem", "--at", AT, "--crl",
    ];
    let with = |list| -> Vec<&str> { args.into_iter().chain([list]).collect() };
    world
        .run(&with("bad.pem"))
        .ended(2)
        .said("since 2026-05-25 10:11:12 UTC, for the reason keyCompromise");
    // What is no list says nothing of the certificate.
    world.run(&with("leaf.pem")).ended(3).said("openssl crl");
    world.run(&with("none.pem")).ended(3);
}

#[test]
fn other_sets_of_roots_are_asked_too() {
    let world = World::new();
    let other = Ca::root("other");
    world.write("other.pem", other.certificate.to_pem());
    Ca::with_leaf(&world, "root");
    let args = ["verify", "leaf.pem", "--roots", "root.pem", "--at", AT];
    let compare = [
        "--compare-roots",
        "fabrikam=other.pem",
        "--compare-roots",
        "own=root.pem",
    ];
    let all: Vec<&str> = args.into_iter().chain(compare).collect();
    world
        .run(&all)
        .ended(1)
        .said("fabrikam does not trust it")
        .said("own trusts it: edge.example.com ← root")
        .said("chain.roots-differ");
    let json: Vec<&str> = all.iter().copied().chain(["--json"]).collect();
    let document = world.run(&json).ended(1).json();
    let sets = &document["result"]["compared_roots"];
    assert_eq!(sets[0]["name"], "fabrikam");
    assert_eq!(sets[0]["trusts"], false);
    assert_eq!(sets[0]["code"], "chain.intermediate-missing");
    assert_eq!(
        sets[1]["path"],
        serde_json::json!(["edge.example.com", "root"])
    );
    for wrong in ["other.pem", "=other.pem"] {
        let args: Vec<&str> = args.into_iter().chain(["--compare-roots", wrong]).collect();
        world.run(&args).ended(3).said("give the set a name");
    }
}

#[test]
fn a_host_that_no_edge_has_can_be_asked_for() {
    let world = World::new();
    Ca::with_leaf(&world, "root");
    let args = [
        "verify", "leaf.pem", "--roots", "root.pem", "--at", AT, "--name",
    ];
    let with = |name| -> Vec<&str> { args.into_iter().chain([name]).collect() };
    world.run(&with("dns:edge.example.com")).ended(1);
    world
        .run(&with("dns:localhost"))
        .ended(2)
        .said("localhost is not covered for hosts");
    world.run(&with("dns:a..b")).ended(3);
}

/// CAs of which each certifies every other: `names` of them, all of one name or each of its own.
fn mesh(count: usize, one_name: bool) -> (Certificate, String) {
    let name = |index: usize| match one_name {
        true => "Mesh".to_owned(),
        false => format!("Mesh {index}"),
    };
    let cas: Vec<Ca> = (0..count).map(|index| Ca::root(&name(index))).collect();
    let mut pem = String::new();
    let mut serial = 0;
    for (index, issuer) in cas.iter().enumerate() {
        for (other, subject) in cas.iter().enumerate() {
            if other != index {
                serial += 1;
                let spec = ca_spec(&name(other), serial);
                pem.push_str(&issuer.sign(&spec, subject.key.spki_der()).to_pem());
            }
        }
    }
    let leaf = cas[0].sign(
        &leaf_spec(&["edge.example.com".to_owned()]),
        cas[1].key.spki_der(),
    );
    (leaf, pem)
}

#[test]
fn certificates_that_all_certify_each_other_are_refused() {
    let world = World::new();
    // The anchor is one that the mesh names: it has the name of one of its CAs, and another key.
    for (count, one_name, root) in [
        (32, false, "Mesh 3"),
        (10, false, "Mesh 9"),
        (10, false, "Elsewhere"),
        (10, true, "Mesh"),
    ] {
        let (leaf, others) = mesh(count, one_name);
        world.write("leaf.pem", leaf.to_pem());
        world.write("others.pem", others);
        world.write("root.pem", Ca::root(root).certificate.to_pem());
        for strict in [&[][..], &["--strict"]] {
            let args = [
                "verify",
                "leaf.pem",
                "--json",
                "--roots",
                "root.pem",
                "--untrusted",
                "others.pem",
                "--at",
                AT,
            ];
            let args: Vec<&str> = args.into_iter().chain(strict.iter().copied()).collect();
            let document = world.run(&args).ended(2).json();
            assert_eq!(document["result"]["path"], serde_json::json!([]));
            let found = codes(&document);
            assert!(!found.is_empty(), "{document:#}");
            let many = document.to_string().contains("at most 100");
            assert_eq!(many, count == 32, "{document:#}");
        }
    }
}

#[test]
fn names_and_constraints_by_the_thousand_are_judged_or_refused() {
    let world = World::new();
    let root = Ca::root("root");
    world.write("root.pem", root.certificate.to_pem());
    let names: Vec<String> = (0..12_000).map(|number| format!("a{number}.e.x")).collect();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    world.write(
        "leaf.pem",
        root.sign(&leaf_spec(&names), key.spki_der()).to_pem(),
    );
    let args = [
        "verify", "leaf.pem", "--json", "--roots", "root.pem", "--strict", "--at", AT,
    ];
    let named: Vec<&str> = args.into_iter().chain(["--name", "dns:a77.e.x"]).collect();
    let document = world.run(&named).json();
    assert_ne!(document["exit_code"], 3, "{document:#}");

    // A CA with thousands of subtrees, by openssl.
    let mut lines =
        String::from("[x]\nbasicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign\n");
    lines.push_str("subjectKeyIdentifier = hash\nnameConstraints = critical,@n\n[n]\n");
    for number in 0..2_000 {
        lines.push_str(&format!("permitted;DNS.{number} = a{number}.e.x\n"));
        lines.push_str(&format!("excluded;DNS.{number} = b{number}.e.x\n"));
    }
    world.write("x.cnf", &lines);
    world.write("req.cnf", "[req]\ndistinguished_name = d\n[d]\n");
    world.write("root.key", root.key.to_pem(None).unwrap().as_bytes());
    world.write("ca.key", key.to_pem(None).unwrap().as_bytes());
    for args in [
        &[
            "req",
            "-new",
            "-config",
            "req.cnf",
            "-key",
            "ca.key",
            "-subj",
            "/CN=Narrow",
            "-out",
            "ca.csr",
        ][..],
        &[
            "x509",
            "-req",
            "-in",
            "ca.csr",
            "-CA",
            "root.pem",
            "-CAkey",
            "root.key",
            "-days",
            "3650",
            "-set_serial",
            "77",
            "-extfile",
            "x.cnf",
            "-extensions",
            "x",
            "-out",
            "ca.pem",
        ],
    ] {
        let output = Command::new("openssl")
            .current_dir(world.folder())
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let pem = world.read("ca.pem");
    let contents = edgecert::x509::container::read(pem.as_bytes(), None).unwrap();
    let narrow = Ca {
        key,
        certificate: contents.certificates[0].1.clone(),
    };
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let spec = IssueSpec {
        not_before: now,
        not_after: now + time::Duration::days(30),
        ..leaf_spec(&names[..2_000])
    };
    let leaf = narrow.sign(&spec, root.key.spki_der());
    world.write("leaf.pem", leaf.to_pem() + &pem);
    for strict in [&[][..], &["--strict"]] {
        let args = ["verify", "leaf.pem", "--json", "--roots", "root.pem"];
        let args: Vec<&str> = args.into_iter().chain(strict.iter().copied()).collect();
        let document = world.run(&args).ended(2).json();
        assert_eq!(codes(&document), ["chain.name-constraint"], "{strict:?}");
        assert!(document.to_string().contains("too many"), "{strict:?}");
    }
}
