//! Before the swap: what partners and servers will make of a certificate, from `import` and `verify`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/schema.rs"]
mod schema;
mod world;

use serde_json::Value;
use world::World;

/// A deployment with a lab CA, a partner, and a reply that waits to be imported: serverAuth alone, as from a public CA.
fn world_with(partner: &str) -> World {
    let world = World::new();
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    let words = "init --fqdn edge.contoso.com --sip-domain contoso.com --xmpp-domain contoso.com";
    world.run(&words.split(' ').collect::<Vec<_>>()).ended(0);
    let text = world
        .read("edgecert.toml")
        .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    world.write("edgecert.toml", format!("{text}\n{partner}\n"));
    let made = world.run(&["request", "--json"]).ended(0).json();
    let id = made["result"]["id"].as_str().unwrap();
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    let words = ["lab", "sign", &csr, "--ca", "ca", "--out", "reply.pem"];
    world.run(&words).ended(0);
    world
}

const LITWARE: &str = "[[partner]]\ndomain = \"litware.com\"\ntls = \"required\"\nsasl = \"required\"\ndialback = false\nroots = [\"ca/root.pem\"]\n";

fn codes(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    let codes = findings.iter().map(|one| one["code"].as_str().unwrap());
    codes.filter(|code| code.contains("partner")).collect()
}

#[test]
fn a_partner_that_the_certificate_would_break_refuses_the_import_until_it_is_accepted() {
    let world = world_with(&format!("{LITWARE}server = \"ejabberd-23\""));
    let cause = "the leaf has serverAuth only and ejabberd before 25.08 asks for clientAuth";
    world
        .run(&["import", "reply.pem"])
        .ended(1)
        .said(cause)
        .said("dialback is off, so nothing works")
        .said("--accept usage.partner-fails --reason TEXT");
    let accepted = [
        "import",
        "reply.pem",
        "--accept",
        "usage.partner-fails",
        "--reason",
        "litware updates next week",
        "--json",
    ];
    let document = world.run(&accepted).ended(0).json();
    schema::insist(&world, &document);
    assert_eq!(codes(&document), ["usage.partner-fails"]);
    let partners = document["result"]["partners"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = partners
        .iter()
        .map(|one| (&one["direction"], &one["outcome"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"we-dial".into(), &"fails".into()),
            (&"it-dials".into(), &"sasl-over-tls".into())
        ]
    );
    world
        .run(&["verify", "external-edge"])
        .ended(2)
        .said("why    served to partner litware.com (ejabberd-23), when we dial: SASL EXTERNAL will fail")
        .said("✓ served to partner litware.com (ejabberd-23), when it dials: SASL EXTERNAL will be accepted, by dns:contoso.com");
}

#[test]
fn a_partner_that_takes_it_is_told_and_nothing_is_found() {
    let world = world_with(&format!("{LITWARE}server = \"prosody\""));
    world.run(&["import", "reply.pem"]).ended(0).said(
        "✓ served to partner litware.com (prosody-13): SASL EXTERNAL will be accepted, by dns:contoso.com",
    );
    let document = world
        .run(&["verify", "external-edge", "--json"])
        .ended(0)
        .json();
    schema::insist(&world, &document);
    assert!(codes(&document).is_empty());
    let rows = document["result"]["servers"].as_array().unwrap();
    let xmpp = rows
        .iter()
        .find(|row| row["service"] == "xmpp-server")
        .unwrap();
    let of = |word: &str| {
        let all = xmpp["servers"].as_array().unwrap();
        all.iter()
            .find(|one| one["server"] == word)
            .unwrap()
            .clone()
    };
    assert_eq!(of("metronome")["names"]["by"], "dns:contoso.com");
    assert_eq!(of("metronome")["it_dials"]["accepted"], true);
    assert_eq!(of("metronome")["we_dial"]["accepted"], false);
    assert_eq!(of("openfire")["we_dial"]["accepted"], true);
}

#[test]
fn the_matrix_of_any_file_shows_where_servers_differ_from_the_rfcs() {
    let world = World::new();
    let corpus: Value =
        serde_json::from_str(include_str!("../fixtures/identity/corpus.json")).unwrap();
    let all = corpus["certificates"].as_array().unwrap();
    let der = &all
        .iter()
        .find(|one| one["id"] == "dns-upper-case")
        .unwrap()["der"];
    world.write("leaf.pem", der.as_str().unwrap());
    world.write("root.pem", corpus["root"].as_str().unwrap());
    let at = ["--at", "2026-11-21T00:00:00Z", "--roots", "root.pem"];
    let whole = world.run(&[&["verify", "leaf.pem", "--matrix"][..], &at].concat());
    let whole = whole.said("XMPP server").said(
        "contoso.com at ejabberd-23, ejabberd-25.08, openfire: refused, as dns:Contoso.COM does not stand for contoso.com there: it has upper case, and bytes are compared",
    );
    let row = whole
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("contoso.com  "))
        .unwrap();
    // the RFCs, then prosody twice, metronome, ejabberd twice, openfire, lync
    let marks: Vec<&str> = row.split_whitespace().skip(1).collect();
    assert_eq!(marks, ["✓", "✓", "✓", "✓", "✗", "✗", "✗", "✓"]);
    // Without being asked, nothing is guessed of a stranger's certificate.
    let plain = world.run(&[&["verify", "leaf.pem"][..], &at].concat());
    assert!(!plain.stdout.contains("openfire"), "{}", plain.stdout);
}
