//! A key that is known to others: barred everywhere and for ever, replaced, and everything told that has to be done
//! elsewhere. What is to be published is compared with what openssl computes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/schema.rs"]
mod schema;
mod world;

use edge::Edge;
use serde_json::Value;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use world::{OpensslCa, World};

const ARCHIVE: &str = "edgecert.state/archive/external-edge";

/// The digest of a generation's key in hex, as `openssl` has it.
fn spki(world: &World, number: u32) -> String {
    let pem = world.openssl(&format!(
        "x509 -in {ARCHIVE}/{number}/cert.pem -noout -pubkey"
    ));
    world.write("pub.pem", pem);
    world.openssl("pkey -pubin -in pub.pem -outform DER -out pub.der");
    let said = world.openssl("dgst -sha256 pub.der");
    said.trim().rsplit(' ').next().unwrap().to_owned()
}

/// The digest of a generation's certificate in base64, as `openssl` has it.
fn posh(world: &World, number: u32) -> String {
    world.openssl(&format!(
        "x509 -in {ARCHIVE}/{number}/cert.pem -outform DER -out cert.der"
    ));
    world.openssl("dgst -sha256 -binary -out cert.sha256 cert.der");
    world.openssl("base64 -in cert.sha256").trim().to_owned()
}

fn rekey(world: &World, more: &[&str]) -> Value {
    let arguments = [&["rekey", "--json"], more].concat();
    let document = world.run(&arguments).ended(0).json();
    schema::insist(world, &document);
    document
}

fn reuse_on_renewal(world: &World) {
    let text = world.read("edgecert.toml");
    let text = text.replacen("# [key]\n", "[key]\non-renewal = \"reuse\"\n", 1);
    assert!(text.contains("\n[key]\n"));
    world.write("edgecert.toml", text);
}

/// Signs and imports the reply to a request.
fn import(world: &World, id: &str) -> world::Ran {
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    let reply = format!("reply-{id}.pem");
    world
        .run(&["lab", "sign", &csr, "--ca", "ca", "--out", &reply])
        .ended(0);
    world.run(&["import", &reply])
}

#[test]
fn another_key_is_asked_for_whatever_the_deployment_says() {
    let edge = Edge::new();
    edge.generation(&[]);
    let world = &edge.world;
    reuse_on_renewal(world);
    let files = world.files("");
    let would = rekey(world, &["--dry-run"]);
    assert_eq!(would["result"]["action"], "would-request");
    assert_eq!(files, world.files(""), "a dry run writes nothing");
    let made = rekey(world, &[]);
    assert_eq!(
        (&made["changed"], &made["result"]["compromised"]),
        (&true.into(), &Value::Null)
    );
    let new = made["result"]["spki_sha256"].as_str().unwrap();
    let old = format!("sha256:{}", spki(world, 1));
    assert_ne!(new, old);
    let why = &made["result"]["request"]["key_choice"];
    assert_eq!(why["reused"], false);
    assert_eq!(why["why"], "another key was asked for at once");
    // TLSA: the new one before, the old one after.
    let (add, remove) = (
        &made["result"]["pins"]["add"],
        &made["result"]["pins"]["remove"],
    );
    let hex = new.trim_start_matches("sha256:");
    for (records, hex) in [(add, hex), (remove, &*spki(world, 1))] {
        let records = records.as_array().unwrap();
        assert_eq!(records.len(), edge.listeners.len());
        for (record, listener) in records.iter().zip({
            let mut ports: Vec<u16> = edge.listeners.iter().map(|one| one.port()).collect();
            ports.sort_unstable();
            ports
        }) {
            assert_eq!(
                record["owner"],
                format!("_{listener}._tcp.edge.contoso.com.")
            );
            assert_eq!(record["data"], format!("3 1 1 {hex}"));
        }
    }
    assert_eq!(
        made["result"]["pins"]["posh"][0]["url"],
        "https://contoso.com/.well-known/posh/xmpp-server.json"
    );
    assert_eq!(made["result"]["pins"]["posh"][0]["remove"], posh(world, 1));
    // Not doubled.
    let again = rekey(world, &[]);
    assert_eq!(again["changed"], false);
    assert_eq!(again["result"]["spki_sha256"], new);
    world
        .run(&["rekey", "external-edge/1"])
        .ended(64)
        .said("--compromised");
}

#[test]
fn a_compromised_key_is_neither_served_nor_asked_for_again() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    reuse_on_renewal(world);
    // A request that waits with the very key, and another generation that has it.
    let second = world
        .run(&["request", "--reuse-key", "--json"])
        .ended(0)
        .json();
    import(world, second["result"]["id"].as_str().unwrap()).ended(0);
    let third = world
        .run(&["request", "--reuse-key", "--another", "--json"])
        .ended(0)
        .json();
    let waits = third["result"]["id"].as_str().unwrap().to_owned();
    std::fs::copy(
        world.path(&format!("{ARCHIVE}/1/privkey.pem")),
        world.path("stolen.pem"),
    )
    .unwrap();

    let made = rekey(
        world,
        &[
            "external-edge",
            "--compromised",
            "--reason",
            "laptop stolen",
            "--proof",
            "proof.csr",
        ],
    );
    let barred = &made["result"]["compromised"];
    let numbers: Vec<u64> = barred["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["generation"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2], "both have the key");
    let old = spki(world, 1);
    assert_eq!(barred["spki_sha256"], format!("sha256:{old}"));
    let new = made["result"]["spki_sha256"].as_str().unwrap();
    assert_ne!(new, format!("sha256:{old}"));
    let id = made["result"]["request"]["id"].as_str().unwrap();
    assert_ne!(id, waits, "the request that waits has the barred key");

    // What the CA is told is what stands in the certificates.
    let revoke = made["result"]["revoke"].as_array().unwrap();
    assert_eq!(revoke.len(), 2);
    let serial = world.openssl(&format!("x509 -in {ARCHIVE}/1/cert.pem -noout -serial"));
    let told = revoke[0]["serial"].as_str().unwrap().replace(':', "");
    assert!(
        serial
            .trim()
            .eq_ignore_ascii_case(&format!("serial={told}")),
        "{serial} {told}"
    );
    assert_eq!(revoke[0]["reason_code"], 1);
    let proved = world.openssl("req -in proof.csr -verify -noout -pubkey");
    let key = world.openssl("pkey -in stolen.pem -pubout");
    assert_eq!(proved, key, "the proof is signed by that key");

    // Never served again.
    for arguments in [
        &["assign", "external-edge/1"][..],
        &["assign", "external-edge/2"],
        &["assign"],
    ] {
        world
            .run(arguments)
            .ended(1)
            .said("must never be served again");
    }
    world
        .run(&[
            "assign",
            "external-edge/2",
            "--effective-date",
            "2999-01-01T00:00:00Z",
        ])
        .ended(1)
        .said("must never be served again");
    world
        .run(&["needs-renewal"])
        .ended(0)
        .said("its key is compromised");

    // Never asked for again.
    for arguments in [
        &["request", "--reuse-key"][..],
        &["request", "--key", "stolen.pem"],
        &["request"],
    ] {
        let told = world
            .run(&[arguments, &["--json"]].concat())
            .ended(1)
            .json();
        assert_eq!(
            told["error"]["code"], "request.key-compromised",
            "{arguments:?}"
        );
        assert!(
            told["error"]["mend"]
                .as_str()
                .unwrap()
                .contains("--new-key")
        );
    }
    // `renew` takes up the request with the new key, and no other.
    let renewed = world.run(&["renew", "--json"]).ended(0).json();
    assert_eq!(renewed["result"]["certificates"][0]["result"]["id"], id);
    world.run(&["request", "cancel", id]).ended(0);
    world
        .run(&["renew"])
        .ended(1)
        .said("must not be used again");
    import(world, &waits)
        .ended(1)
        .said("must not be used again")
        .said("rekey");

    // The mark is once in the journal, and outlives the generations.
    let again = rekey(
        world,
        &["external-edge/1", "--compromised", "--reason", "stolen"],
    );
    assert_eq!(
        again["result"]["compromised"]["generations"][0]["marked_now"],
        false
    );
    let id = again["result"]["request"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    import(world, &id).ended(0);
    world.run(&["assign"]).ended(0);
    world
        .run(&["rollback"])
        .ended(1)
        .said("must never be served again");
    // Current and previous are kept: another one, and both are gone.
    edge.generation(&[]);
    world.run(&["assign"]).ended(0);
    world.run(&["prune", "--keep", "0"]).ended(0);
    assert!(
        !world.path(&format!("{ARCHIVE}/1")).exists()
            && !world.path(&format!("{ARCHIVE}/2")).exists()
    );
    let told = world
        .run(&["request", "--key", "stolen.pem", "--json"])
        .ended(1)
        .json();
    assert_eq!(told["error"]["code"], "request.key-compromised");
    let journal = world.run(&["log"]).ended(0);
    assert_eq!(
        journal.stdout.matches("mark-compromised").count(),
        2,
        "{}",
        journal.stdout
    );
}

#[test]
fn a_key_made_ahead_is_the_new_one() {
    let edge = Edge::new();
    edge.generation(&[]);
    let world = &edge.world;
    let next = world
        .run(&["request", "--prepare-next", "--json"])
        .ended(0)
        .json();
    let would = rekey(
        world,
        &[
            "external-edge",
            "--compromised",
            "--reason",
            "stolen",
            "--dry-run",
        ],
    );
    assert_eq!(
        would["result"]["compromised"]["generations"][0]["marked_now"],
        false
    );
    world.run(&["assign", "--dry-run"]).ended(1); // no gateway runs; it is not the key
    let made = rekey(
        world,
        &["external-edge", "--compromised", "--reason", "stolen"],
    );
    assert_eq!(made["result"]["spki_sha256"], next["result"]["spki_sha256"]);
    assert!(
        !world
            .path("edgecert.state/requests/external-edge/next")
            .exists()
    );
}

#[test]
fn there_is_no_way_back_to_a_compromised_key() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    let made = rekey(
        world,
        &["external-edge", "--compromised", "--reason", "stolen"],
    );
    import(world, made["result"]["request"]["id"].as_str().unwrap()).ended(0);
    let leaf = edge.certificate(&format!(
        "reply-{}.pem",
        made["result"]["request"]["id"].as_str().unwrap()
    ));
    // A second gateway fails once the first has taken it.
    let whole = world.read("edgecert.toml");
    world.write(
        "edgecert.toml",
        format!(
            "{whole}\n[gateway.files.second]\ncertificate = \"external-edge\"\nreload = [\"/bin/false\"]\n\
             prove = [{{ protocol = \"tls\", address = \"{}\" }}]\n\
             [[gateway.files.second.destination]]\ncontent = \"combined\"\npath = \"second.pem\"\n",
            edge.listeners[3]
        ),
    );
    let failed = world.run(&["assign", "--json"]).ended(4).json();
    assert_eq!(failed["changed"], true);
    assert_eq!(
        edge.served(),
        leaf.facts().sha256,
        "the old one did not come back"
    );
    assert!(edge.live().unwrap().ends_with("/2"));
    world.write("edgecert.toml", whole);
    world.run(&["assign"]).ended(0);
    world
        .run(&["rollback"])
        .ended(1)
        .said("must never be served again");
}

#[test]
fn an_assignment_tells_what_is_pinned_of_another_key_and_nothing_of_the_same() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    edge.generation(&[]);
    let next = world
        .run(&["request", "--prepare-next", "--json"])
        .ended(0)
        .json();
    let (hex, digest) = (spki(world, 2), posh(world, 2));
    let shown = world.run(&["assign", "--dry-run"]).ended(0);
    let port = edge.listeners[0].port();
    shown
        .said(&format!(
            "_{port}._tcp.edge.contoso.com. IN TLSA 3 1 1 {hex}"
        ))
        .said(&format!(
            "{{\"fingerprints\":[{{\"sha-256\":\"{digest}\"}}]"
        ))
        .said("live.key-changes");
    let done = world.run(&["assign", "--json"]).ended(0).json();
    schema::insist(world, &done);
    let note = |document: &Value| {
        let all = document["findings"].as_array().unwrap();
        all.iter()
            .find(|one| one["code"] == "live.key-changes")
            .cloned()
    };
    let found = note(&done).unwrap();
    assert_eq!(found["severity"], "note");
    let mend = found["mend"].as_str().unwrap();
    for part in [
        &hex,
        &digest,
        "on-renewal",
        next["result"]["tlsa"].as_str().unwrap(),
    ] {
        assert!(mend.contains(part), "{part}: {mend}");
    }
    let same = world
        .run(&["request", "--reuse-key", "--json"])
        .ended(0)
        .json();
    import(world, same["result"]["id"].as_str().unwrap()).ended(0);
    let done = world.run(&["assign", "--json"]).ended(0).json();
    assert_eq!(note(&done), None);
}

#[test]
fn connections_from_before_are_counted_and_never_fail_an_assignment() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    edge.generation(&[]);
    let _held = TcpStream::connect(edge.listeners[3]).unwrap();
    let shown = world
        .run(&["assign", "--end-sessions", "--dry-run"])
        .ended(0);
    shown.said("by hand: restart `edgecert gateway run front`");
    let done = world
        .run(&["assign", "--end-sessions", "--json"])
        .ended(0)
        .json();
    schema::insist(world, &done);
    let ended = &done["result"]["ended"][0];
    assert_eq!(
        (
            &ended["gateway"],
            &ended["sessions_before"],
            &ended["sessions_left"]
        ),
        (&"front".into(), &1.into(), &1.into())
    );
    assert_eq!(ended["steps"][0]["by_hand"], true);
    // Live already: the connections alone.
    let again = world.run(&["assign", "--end-sessions"]).ended(0);
    again.said("nothing to do").said("is to be done by hand");
    world
        .run(&[
            "assign",
            "--end-sessions",
            "--effective-date",
            "2999-01-01T00:00:00Z",
        ])
        .ended(64);
}

/// Nothing is stopped by a bar: whatever looks says so, and what could be served instead.
#[test]
fn a_barred_key_that_is_still_served_is_told_everywhere() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    edge.generation(&[]);
    world.run(&["assign"]).ended(0);
    world.run(&["check"]).ended(0);
    // A bar is for ever: it wants its reason, and the name of what is meant.
    let (bar, why) = (["rekey", "--compromised"], ["--reason", "stolen"]);
    let journal = world.read("edgecert.state/journal.jsonl");
    world.run(&bar).ended(64).said("--reason");
    world
        .run(&[&bar[..], &why].concat())
        .ended(64)
        .said("is not said")
        .said("edgecert rekey CERT --compromised");
    world
        .run(&[&bar[..], &["external-edge", "--reason", ""]].concat())
        .ended(64);
    assert_eq!(journal, world.read("edgecert.state/journal.jsonl"));

    let still = "still served on front until another generation is assigned";
    let way_out = "edgecert assign external-edge/1 --end-sessions";
    let named = [&bar[..], &["external-edge"], &why].concat();
    for arguments in [[&named[..], &["--dry-run"]].concat(), named.clone()] {
        world
            .run(&arguments)
            .ended(0)
            .said("external-edge/2")
            .said(still)
            .said(way_out);
    }
    let told = world.run(&[&named[..], &["--json"]].concat()).ended(0);
    let told = told.json();
    schema::insist(world, &told);
    let served = &told["result"]["compromised"]["served"];
    assert_eq!(served[0]["generation"], 2, "{told:#}");
    assert_eq!(served[0]["gateways"][0], "front");
    assert_eq!(served[0]["instead"], 1);

    world.run(&["show"]).ended(0).said(still);
    let listed = world.run(&["list"]).ended(0);
    listed
        .said("2 (barred)")
        .said("edgecert assign external-edge/1");
    let listed = world.run(&["list", "--json"]).ended(0).json();
    schema::insist(world, &listed);
    assert_eq!(listed["result"]["certificates"][0]["compromised"], true);
    world
        .run(&["check"])
        .ended(2)
        .said("live.compromised-key")
        .said(way_out);
    let nagios = world.run(&["check", "--format", "nagios"]).ended(2);
    let first = nagios.stdout.lines().next().unwrap();
    assert!(first.contains("has a key that is compromised"), "{first}");
    let found = world.run(&["check", "--json"]).ended(2).json();
    schema::insist(world, &found);
    assert_eq!(found["findings"][0]["code"], "live.compromised-key");
    world
        .run(&["doctor"])
        .ended(2)
        .said("external-edge/2 is barred")
        .said("live.compromised-key");
    let due = world.run(&["needs-renewal", "--json"]).ended(0).json();
    schema::insist(world, &due);
    let due = &due["result"]["certificates"][0];
    assert_eq!(due["because"], "key-compromised", "{due:#}");

    world.run(&["assign", "external-edge/1"]).ended(0);
    world.run(&["check"]).ended(0);
    let listed = world.run(&["list"]).ended(0);
    let all = format!("{}{}", listed.stdout, listed.stderr);
    assert!(!all.contains("assign external-edge/2"), "{all}");
    assert!(!all.contains("barred"), "{all}");
    world
        .run(&["show", "external-edge/2"])
        .ended(0)
        .said("its key is barred: it is not assigned again");
}

/// Where the issuer has a program it is one command, from the bar to the last connection.
#[test]
fn a_compromised_key_is_replaced_in_one_run_where_the_issuer_has_a_program() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    let script = format!(
        "#!/bin/sh\nset -e\ncd '{}'\ncat > asked.csr\n'{}' lab sign asked.csr --ca ca\n",
        world.folder().display(),
        env!("CARGO_BIN_EXE_edgecert"),
    );
    world.write("ask-ca", script);
    std::fs::set_permissions(world.path("ask-ca"), PermissionsExt::from_mode(0o755)).unwrap();
    let text = world.read("edgecert.toml");
    let told = "profile = \"public-dv\"\nsubmit = [\"./ask-ca\"]";
    world.write(
        "edgecert.toml",
        text.replacen("profile = \"public-dv\"", told, 1),
    );
    let _held = TcpStream::connect(edge.listeners[3]).unwrap();
    let made = rekey(
        world,
        &[
            "external-edge",
            "--compromised",
            "--reason",
            "stolen",
            "--end-sessions",
        ],
    );
    assert_eq!(made["result"]["action"], "renewed");
    assert_eq!(made["result"]["imported"], true);
    let assigned = &made["result"]["request"]["assign"];
    assert_eq!(assigned["ended"][0]["sessions_before"], 1, "{made:#}");
    assert_eq!(
        made["result"]["spki_sha256"],
        format!("sha256:{}", spki(world, 2))
    );
    assert!(edge.live().unwrap().ends_with("/2"));
    world
        .run(&["rollback"])
        .ended(1)
        .said("must never be served again");
}

#[test]
fn what_has_no_key_yet_has_none_to_bar() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let told = world
        .run(&[
            "rekey",
            "external-edge",
            "--compromised",
            "--reason",
            "stolen",
            "--json",
        ])
        .ended(1)
        .json();
    assert_eq!(told["error"]["code"], "rekey.no-generation");
    schema::insist(&world, &told);
    world
        .run(&[
            "rekey",
            "external-edge/7",
            "--compromised",
            "--reason",
            "stolen",
        ])
        .ended(1);
    world.run(&["rekey"]).ended(0);
    world
        .run(&[
            "rekey",
            "external-edge/7",
            "--compromised",
            "--reason",
            "stolen",
        ])
        .ended(64);
}

/// DESIGN §7: less than an hour past is a warning that offers the way around it, and no refusal.
#[test]
fn a_certificate_that_just_began_is_assigned_with_a_warning_that_offers_a_date() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = world.path(&format!(
        "edgecert.state/requests/external-edge/{id}/csr.pem"
    ));
    world.write("reply.pem", ca.reply(&csr));
    world.run(&["import", "reply.pem"]).ended(0);
    let told = world.run(&["assign"]).ended(0);
    told.said("validity.fresh")
        .said("edgecert assign --effective-date 20");
}
