//! Keys that are brought along: read in every form, kept as the deployment says, never in the clear by mistake.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use std::os::unix::fs::PermissionsExt;
use world::World;

const ASK: [&str; 7] = [
    "request",
    "--fqdn",
    "edge.a.org",
    "--xmpp-domain",
    "a.org",
    "--out",
    "out",
];

fn chmod(world: &World, name: &str, mode: u32) {
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_of_any_form_is_used_and_kept_as_pkcs8() {
    for words in [
        "genrsa -traditional -out key.pem 2048",
        "ecparam -name prime256v1 -genkey -out key.pem",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key.pem",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER -out key.pem",
    ] {
        let world = World::new();
        world.openssl(words);
        let made = world
            .run(&[&ASK[..], &["--key", "key.pem", "--json"]].concat())
            .ended(0)
            .json();
        assert_eq!(made["result"]["key_reused"], true);
        let kept = world.read("out/privkey.pem");
        assert!(kept.starts_with("-----BEGIN PRIVATE KEY-----"), "{words}");
        let asked = world.openssl("req -in out/csr.pem -verify -noout -pubkey");
        assert_eq!(asked, world.openssl("pkey -in out/privkey.pem -pubout"));
        assert_eq!(asked, world.openssl("pkey -in key.pem -pubout"));
    }
}

#[test]
fn an_encrypted_key_needs_its_passphrase_and_stays_encrypted() {
    let world = World::new();
    world.write("pass", "secret\n");
    world.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.pem");
    world.openssl("pkcs8 -topk8 -in plain.pem -out key.pem -passout file:pass");
    let with =
        |more: &[&'static str]| -> Vec<&str> { [&ASK[..], &["--key", "key.pem"], more].concat() };
    world
        .run(&with(&[]))
        .ended(1)
        .said("--passphrase-file FILE");
    chmod(&world, "pass", 0o644);
    world
        .run(&with(&["--passphrase-file", "pass"]))
        .ended(1)
        .said("its mode is 0644: others than its owner can reach it")
        .said("chmod 600 pass");
    chmod(&world, "pass", 0o600);
    world.write("wrong", "other\n");
    chmod(&world, "wrong", 0o600);
    world
        .run(&with(&["--passphrase-file", "wrong"]))
        .ended(1)
        .said("passphrase");
    assert!(!world.path("out").exists());
    world.run(&with(&["--passphrase-file", "pass"])).ended(0);
    let kept = world.read("out/privkey.pem");
    assert!(kept.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert_eq!(
        world.openssl("pkey -in out/privkey.pem -passin file:pass -pubout"),
        world.openssl("pkey -in plain.pem -pubout")
    );
    // The older schemes come with the command that converts them.
    world.openssl("ec -aes256 -in plain.pem -out old.pem -passout file:pass");
    world
        .run(
            &[
                &ASK[..5],
                &[
                    "--out",
                    "second",
                    "--key",
                    "old.pem",
                    "--passphrase-file",
                    "pass",
                ],
            ]
            .concat(),
        )
        .ended(1)
        .said("openssl pkcs8 -topk8 -in FILE");
}

#[test]
fn a_key_in_the_ledger_is_not_asked_twice_and_no_certificate_is_a_key() {
    let world = World::new();
    world
        .run(&["init", "--fqdn", "edge.a.org", "--xmpp-domain", "a.org"])
        .ended(0);
    world.openssl("ecparam -name prime256v1 -genkey -out key.pem");
    let first = world
        .run(&["request", "--key", "key.pem", "--json"])
        .ended(0)
        .json();
    let again = world
        .run(&["request", "--key", "key.pem", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&first["changed"], &again["changed"]),
        (&true.into(), &false.into())
    );
    assert_eq!(first["result"]["id"], again["result"]["id"]);
    assert_eq!(first["result"]["exportable"], true);
    world.write("no-key.pem", "hello");
    world.run(&["request", "--key", "no-key.pem"]).ended(1);
    world
        .run(&["request", "--key", "gone.pem"])
        .ended(1)
        .said("gone.pem");
    world
        .run(&["request", "--key", "key.pem", "--new-key"])
        .ended(64);
    world
        .run(&["request", "--passphrase-file", "key.pem"])
        .ended(64)
        .said("--key");
}

#[test]
fn a_key_that_is_not_to_be_handed_out_stays_so() {
    let world = World::new();
    world
        .run(&["init", "--fqdn", "edge.a.org", "--xmpp-domain", "a.org"])
        .ended(0);
    let text = world.read("edgecert.toml");
    world.write(
        "edgecert.toml",
        format!("{text}\n[key]\nexportable = false\n"),
    );
    let made = world.run(&["request", "--json"]).ended(0).json();
    assert_eq!(made["result"]["exportable"], false);
    let id = made["result"]["id"].as_str().unwrap().to_owned();
    let shown = world
        .run(&["request", "show", &id, "--json"])
        .ended(0)
        .json();
    assert_eq!(shown["result"]["exportable"], false);
    world.write("edgecert.toml", &text);
    let listed = world.run(&["request", "list", "--json"]).ended(0).json();
    assert_eq!(listed["result"]["requests"][0]["exportable"], false);
}

#[test]
fn a_key_made_ahead_is_that_of_the_next_request_and_of_no_other() {
    let world = World::new();
    world
        .run(&["init", "--fqdn", "edge.a.org", "--xmpp-domain", "a.org"])
        .ended(0);
    let waits = world.run(&["request", "--json"]).ended(0).json();
    let made = world
        .run(&["request", "--prepare-next", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&made["schema"], &made["changed"]),
        (&"edgecert.request-prepare/1".into(), &true.into())
    );
    let spki = made["result"]["spki_sha256"].as_str().unwrap();
    let hex = spki.strip_prefix("sha256:").unwrap();
    assert_eq!(made["result"]["tlsa"], format!("3 1 1 {hex}"));
    // Independently of us.
    world.openssl("pkey -in edgecert.state/requests/external-edge/next/privkey.pem -pubout -outform DER -out pub.der",
    );
    assert!(world.openssl("dgst -sha256 pub.der").trim().ends_with(hex));
    let again = world
        .run(&["request", "--prepare-next", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&again["changed"], &again["result"]["spki_sha256"]),
        (&false.into(), &spki.into())
    );
    // One that waits is not doubled for it.
    let same = world.run(&["request", "--json"]).ended(0).json();
    assert_eq!(same["result"]["id"], waits["result"]["id"]);
    for command in [&["request", "list"][..], &["show"]] {
        world
            .run(command)
            .ended(0)
            .said(&format!("TLSA 3 1 1 {hex}"));
    }
    world
        .run(&["remove", "external-edge", "--dry-run"])
        .ended(0)
        .said("made ahead");
    let doctor = world.run(&["doctor", "--json"]).json();
    for finding in doctor["findings"].as_array().unwrap() {
        let text = finding.to_string();
        assert!(!text.contains("requests/"), "{text}");
    }
    let taken = world
        .run(&["request", "--another", "--json"])
        .ended(0)
        .json();
    assert_eq!(taken["result"]["spki_sha256"], spki);
    let id = taken["result"]["id"].as_str().unwrap();
    let folder = format!("edgecert.state/requests/external-edge/{id}");
    let asked = world.openssl(&format!("req -in {folder}/csr.pem -verify -noout -pubkey"));
    assert_eq!(
        asked,
        world.openssl(&format!("pkey -in {folder}/privkey.pem -pubout"))
    );
    assert!(
        !world
            .path("edgecert.state/requests/external-edge/next")
            .exists()
    );
    let other = world
        .run(&["request", "--another", "--json"])
        .ended(0)
        .json();
    assert_ne!(other["result"]["spki_sha256"], spki);
    world.run(&["request", "--prepare-next"]).ended(0);
    world
        .run(&["request", "cancel", "external-edge/next"])
        .ended(0)
        .said("is gone");
    world
        .run(&["request", "cancel", "external-edge/next"])
        .ended(64);
    let journal = world.run(&["log"]).ended(0);
    journal.said("prepare-key").said("request-cancel");
}
