//! RSA and ECDSA side by side on the embedded gateway: two certificates for the same names, each assigned and proved by
//! its own type, and every client gets what it can use.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use edgecert::assign::plan::Proof;
use edgecert::assign::prove::{Seen, look};
use edgecert::probe::KeyKind;
use edgecert::x509::Fingerprint;

/// Requests, signs and imports a generation of a certificate with a type of key.
fn generation(edge: &Edge, certificate: &str, key: &str) -> Fingerprint {
    let words = [
        "request",
        certificate,
        "--new-key",
        "--key-type",
        key,
        "--json",
    ];
    let made = edge.world.run(&words).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/{certificate}/{id}/csr.pem");
    let reply = format!("reply-{certificate}-{id}.pem");
    let sign = ["lab", "sign", &csr, "--ca", "ca", "--out", &reply];
    edge.world.run(&sign).ended(0);
    edge.world.run(&["import", &reply]).ended(0);
    edge.certificate(&reply).facts().sha256
}

/// What every listener shows to clients that can use this type alone.
#[track_caller]
fn shows(edge: &Edge, key_kind: KeyKind, leaf: Fingerprint) {
    for proof in edge.proofs() {
        let seen = look(&Proof {
            key_kind,
            ..proof.clone()
        });
        assert!(
            matches!(seen, Seen::Leaf(shown, _) if shown == leaf),
            "{proof}: {seen:?}"
        );
    }
}

#[test]
fn each_of_two_certificates_is_proved_by_its_own_type_and_leaves_the_other_alone() {
    let edge = Edge::new();
    let text = edge.world.read("edgecert.toml");
    let head = "[gateway.embedded.front]\ncertificate = ";
    let one = format!("{head}\"external-edge\"");
    assert!(text.contains(&one), "{text}");
    let text = text.replacen(&one, &format!("{head}[\"external-edge\", \"rsa-edge\"]"), 1)
        + "\n[certificate.rsa-edge]\nissuer = \"public\"\nuses = [\"sip-edge\", \"xmpp-s2s\"]\n";
    edge.world.write("edgecert.toml", text);
    let ec = generation(&edge, "external-edge", "ec256");
    let rsa = generation(&edge, "rsa-edge", "rsa2048");
    let _gateway = edge.start();
    edge.world.run(&["assign", "external-edge"]).ended(0);
    edge.world.run(&["assign", "rsa-edge"]).ended(0);
    shows(&edge, KeyKind::Ecdsa, ec);
    shows(&edge, KeyKind::Rsa, rsa);
    let next = generation(&edge, "rsa-edge", "rsa2048");
    edge.world.run(&["assign", "rsa-edge"]).ended(0);
    shows(&edge, KeyKind::Rsa, next);
    shows(&edge, KeyKind::Ecdsa, ec);
    edge.world.run(&["rollback", "rsa-edge"]).ended(0);
    shows(&edge, KeyKind::Rsa, rsa);
    shows(&edge, KeyKind::Ecdsa, ec);
    // Whoever can take both gets the smaller one.
    shows(&edge, KeyKind::Any, ec);
}
