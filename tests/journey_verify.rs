//! The full verdict: on files of the world, and on a generation of the state.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{KeyType, PrivateKey, Subject};
use time::{Duration, OffsetDateTime};
use world::{OpensslCa, World};

/// A leaf of openssl's making for edge.contoso.com, in `leaf.pem` with `leaf.key`.
fn leaf(world: &World, ca: &OpensslCa) {
    let folder = world.folder().display();
    ca.openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        &format!("{folder}/leaf.key"),
        "-subj",
        "/CN=edge.contoso.com",
        "-addext",
        "subjectAltName=DNS:edge.contoso.com",
        "-out",
        &format!("{folder}/leaf.csr"),
    ]);
    ca.openssl(&[
        "x509",
        "-req",
        "-in",
        &format!("{folder}/leaf.csr"),
        "-CA",
        "inter.pem",
        "-CAkey",
        "inter.key",
        "-CAcreateserial",
        "-days",
        "90",
        "-copy_extensions",
        "copy",
        "-out",
        &format!("{folder}/leaf.pem"),
    ]);
}

#[test]
fn any_certificate_of_the_world_can_be_judged() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    leaf(&world, &ca);
    let (root, inter) = (ca.root(), ca.intermediate());
    let (root, inter) = (root.to_str().unwrap(), inter.to_str().unwrap());
    let name = "dns:edge.contoso.com";
    let document = world
        .run(&[
            "verify", "leaf.pem", inter, "--roots", root, "--name", name, "--key", "leaf.key",
            "--json",
        ])
        .ended(0)
        .json();
    assert_eq!(document["schema"], "edgecert.verify/1");
    let result = &document["result"];
    let parts: Vec<(&str, &str)> = result["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            (
                part["part"].as_str().unwrap(),
                part["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        parts[..5],
        [
            ("chain", "ok"),
            ("names", "ok"),
            ("usage", "ok"),
            ("key", "ok"),
            ("lifetime", "ok")
        ],
        "{document:#}"
    );
    assert_eq!(result["names"][0]["covered_by"][0], name);
    assert_eq!(result["path"].as_array().unwrap().len(), 3, "{document:#}");
    for (more, exit, words) in [
        (
            vec!["--name", "dns:other.contoso.com"],
            2,
            "other.contoso.com is not covered",
        ),
        (
            vec!["--name", "srv:_xmpp-server.contoso.com"],
            2,
            "_xmpp-server.contoso.com",
        ),
        (vec!["--at", "2046-01-01T00:00:00Z"], 2, "validity.expired"),
        (
            vec!["--purpose", "client"],
            0,
            "nothing that a peer would refuse",
        ),
        (vec!["--max-depth", "0"], 2, "chain."),
        (vec!["--key", "ca/inter.key"], 2, "key.mismatch"),
    ] {
        let arguments = [vec!["verify", "leaf.pem", inter, "--roots", root], more].concat();
        world.run(&arguments).ended(exit).said(words);
    }
    world
        .run(&["verify", "leaf.pem", "--roots", root])
        .ended(2)
        .said("chain.intermediate-missing");
    world
        .run(&["verify", "leaf.pem", "--roots", root, "--untrusted", inter])
        .said("chain");
}

#[test]
fn what_is_no_certificate_is_a_finding_and_what_cannot_be_read_is_unknown() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    leaf(&world, &ca);
    let whole = world.read("leaf.pem");
    world.write("cut.pem", &whole[..200]);
    world
        .run(&["verify", "cut.pem"])
        .ended(2)
        .said("form.malformed");
    world
        .run(&["verify", "leaf.csr"])
        .ended(2)
        .said("no certificate stands in the file");
    world
        .run(&["verify", "none.pem"])
        .ended(3)
        .said("cannot read none.pem");
    world
        .run(&["verify", "leaf.pem", "--roots", "none.pem"])
        .ended(3);
    world
        .run(&["verify", "leaf.pem", "--roots", "mozilla"])
        .ended(2)
        .said("mozilla (webpki-root-certs");
    world
        .run(&["verify", "leaf.pem", "--name", "contoso.com"])
        .ended(3)
        .said("dns");
    let ran = world
        .run(&["verify", "none.pem", "--format", "nagios"])
        .ended(3);
    assert!(ran.stdout.starts_with("UNKNOWN - "), "{}", ran.stdout);
}

#[test]
fn a_generation_is_held_against_its_plan() {
    let edge = Edge::new();
    edge.generation(&[]);
    let document = edge
        .world
        .run(&["verify", "external-edge", "--json"])
        .json();
    assert_eq!(
        document["result"]["subject"], "external-edge/1",
        "{document:#}"
    );
    assert_eq!(document["result"]["verdict"], "ok", "{document:#}");
    let wanted = document["result"]["names"].as_array().unwrap();
    assert!(
        wanted
            .iter()
            .all(|name| !name["covered_by"].as_array().unwrap().is_empty()),
        "{document:#}"
    );
    edge.world
        .run(&["verify", "external-edge/7"])
        .ended(3)
        .said("external-edge");
    // A word that names a certificate means it, `./x` means the file.
    edge.world.write("external-edge", "a file of that name");
    edge.world
        .run(&["verify", "external-edge", "--json"])
        .ended(0);
    edge.world
        .run(&["verify", "./external-edge"])
        .ended(2)
        .said("form.malformed");
    edge.world
        .run(&["verify", "external-ege"])
        .ended(3)
        .said("external-edge");
}

#[test]
fn more_certificates_than_a_chain_can_have_are_refused_at_once() {
    let world = World::new();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let own = Issuer::own(&key);
    let certificate = |serial: u16, ca: bool| {
        let spec = IssueSpec {
            serial: (0x0100 + serial).to_be_bytes().to_vec(),
            ca: ca.then_some(None),
            ..IssueSpec::of(
                Subject::named("Example Cross CA"),
                now - Duration::days(1),
                now + Duration::days(90),
            )
        };
        issue(&spec, key.spki_der(), &own).unwrap().to_pem()
    };
    let leaf = certificate(0, false);
    let others: String = (1..=150).map(|serial| certificate(serial, true)).collect();
    world.write("leaf.pem", &leaf);
    world.write("others.pem", &others);
    world.write("many.pem", format!("{leaf}{others}"));
    for command in ["verify", "check"] {
        let document = world
            .run(&[command, "many.pem", "--roots", "leaf.pem", "--json"])
            .ended(2)
            .json();
        let finding = &document["findings"][0];
        assert_eq!(finding["code"], "form.malformed", "{document:#}");
        let why = finding["why"].as_str().unwrap();
        assert!(
            why.contains("151 certificates") && why.contains("at most 100"),
            "{why}"
        );
    }
    world
        .run(&["verify", "leaf.pem", "--untrusted", "others.pem"])
        .ended(2)
        .said("at most 100");
    // A bundle of roots is no chain.
    let ran = world.run(&["check", "others.pem"]);
    assert!(!ran.stdout.contains("at most 100"), "{}", ran.stdout);
}
