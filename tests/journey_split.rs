//! More names than the issuer takes: the split shown, written, grown by a domain, and refused; and what is left of the
//! file's own text.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use world::World;

const HEAD: &str = "\
# ours\r
version = 1\r
\r
[edge]\r
fqdn = 'edge.contoso.com' # the target\r
sip-domains = [ # tenants\r
";

const TAIL: &str = "\
]\r
xmpp-domains = []\r
\r
[certificate.external-edge] # outside\r
uses = [\"sip-edge\"]\r
san = [\"dns:webcon.d14.example\", \"dns:elsewhere.net\"]\r
\r
# the front\r
[gateway.embedded.front]\r
certificate = \"external-edge\" # one\r
[[gateway.embedded.front.listener]]\r
protocol = \"sips\"\r
listen = \"127.0.0.1:5061\"\r
backend = \"127.0.0.1:5060\"\r
\r
[gateway.coturn.relay]\r
certificate = \"external-edge\"\r
cert-file = \"turn.pem\"\r
key-file = \"turn.key\"";

/// A file with this many domains, in CRLF and without an end of its last line.
fn text(domains: usize) -> String {
    let lines: String = (0..domains)
        .map(|n| format!("    \"d{n:02}.example\", # tenant {n}\r\n"))
        .collect();
    format!("{HEAD}{lines}{TAIL}")
}

fn world(domains: usize) -> World {
    let world = World::new();
    world.write("edgecert.toml", text(domains));
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(world.path("edgecert.toml"), mode).unwrap();
    world
}

fn parts(document: &Value) -> Vec<Value> {
    let families = document["result"]["split"]["families"].as_array().unwrap();
    assert_eq!(families.len(), 1, "{document:#}");
    families[0]["parts"].as_array().unwrap().clone()
}

#[test]
fn a_plan_over_the_limit_leads_to_its_split() {
    let world = world(15);
    world
        .run(&["plan"])
        .ended(0)
        .said("8 too many")
        .said("next: edgecert plan --split");
    let refused = world.run(&["request", "external-edge"]).ended(1);
    refused.said("`edgecert plan --split`");
}

#[test]
fn a_thousand_domains_are_told_in_lines_that_a_person_reads() {
    let world = world(1000);
    let is_short = |text: &str| text.lines().all(|line| line.chars().count() < 1000);
    let refused = world
        .run(&["request"])
        .ended(1)
        .said("d00.example, d01.example, d02.example, d03.example and ")
        .said("and 80 more");
    assert!(is_short(&refused.stderr), "{}", refused.stderr);
    let plan = world.run(&["plan"]).ended(0);
    assert!(is_short(&plan.stdout));
    world
        .run(&["plan", "--split"])
        .ended(0)
        .said("edgecert renew --due for all without a generation");
    for command in ["request", "renew"] {
        let unclear = world
            .run(&[command])
            .ended(64)
            .said("external-edge-12 and 72 more");
        assert!(is_short(&unclear.stderr));
    }
    world
        .run(&["plan"])
        .ended(0)
        .said("next: edgecert request external-edge\n");
    let due = world.run(&["renew", "--due", "--dry-run"]).ended(0);
    let notes = due.stderr.matches("left out for this issuer").count();
    assert_eq!(notes, 1, "{}", due.stderr);
}

#[test]
fn a_dry_run_shows_the_split_and_writes_nothing() {
    let world = world(15);
    let files = world.files("");
    let mut ran = world.run(&["plan", "--split", "--dry-run"]).ended(0);
    for words in [
        "external-edge-2",
        "is narrowed down to these",
        "certificate-transparency",
        "[gateway.embedded.front] serves it as well",
        "[gateway.coturn.relay-2] with certificate = \"external-edge-2\"",
        "+ certificate = [\"external-edge\", \"external-edge-2\"] # one",
        "nothing was written",
    ] {
        ran = ran.said(words);
    }
    let json = world
        .run(&["plan", "--split", "--dry-run", "--json"])
        .ended(0)
        .json();
    assert_eq!(json["changed"], false);
    assert_eq!(json["result"]["split"]["families"][0]["changed"], true);
    assert_eq!(files, world.files(""));
}

#[test]
fn the_split_is_written_once_and_keeps_every_other_byte() {
    let world = world(15);
    let done = world.run(&["plan", "--split", "--json"]).ended(0).json();
    assert_eq!(done["changed"], true);
    let told = parts(&done);
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["san"], serde_json::json!(["dns:elsewhere.net"]));
    assert_eq!(
        told[1]["san"],
        serde_json::json!(["dns:webcon.d14.example"])
    );
    let written = world.read("edgecert.toml");
    assert!(written.starts_with(HEAD), "{written}");
    assert!(written.ends_with("key-file = \"turn.key\""), "{written}");
    assert_eq!(
        written.matches('\n').count(),
        written.matches("\r\n").count()
    );
    // What stood there stands there still, but for the two lines that had to change.
    let before = text(15);
    let gone: Vec<&str> = before
        .lines()
        .filter(|line| !written.lines().any(|other| other == *line))
        .collect();
    assert_eq!(
        gone,
        [
            "san = [\"dns:webcon.d14.example\", \"dns:elsewhere.net\"]",
            "certificate = \"external-edge\" # one"
        ]
    );
    let mode = std::fs::metadata(world.path("edgecert.toml")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o640);
    let again = world.run(&["plan", "--split", "--json"]).ended(0).json();
    assert_eq!(again["changed"], false);
    assert_eq!(written, world.read("edgecert.toml"));
    let plans = world.run(&["plan", "--json"]).ended(0).json();
    for plan in plans["result"]["certificates"].as_array().unwrap() {
        assert!(plan["names"].as_array().unwrap().len() <= 25);
        assert_eq!(plan["names"][0]["name"], "edge.contoso.com");
    }
    world.run(&["request", "external-edge-2"]).ended(0);
}

#[test]
fn a_further_domain_goes_where_room_is_and_moves_nothing() {
    let world = world(15);
    let before = parts(&world.run(&["plan", "--split", "--json"]).ended(0).json());
    let text = world.read("edgecert.toml");
    let text = text.replacen(
        "[ # tenants\r\n",
        "[ # tenants\r\n    \"new.example\",\r\n",
        1,
    );
    world.write("edgecert.toml", text);
    let grown = world.run(&["plan", "--split", "--json"]).ended(0).json();
    assert_eq!(grown["changed"], true);
    let after = parts(&grown);
    assert_eq!(after[0]["domains"], before[0]["domains"]);
    assert_eq!(after[1]["gained"], serde_json::json!(["new.example"]));
    assert_eq!(after[1]["lost"], serde_json::json!([]));
}

#[test]
fn each_tenant_gets_a_certificate_of_its_own_on_wish() {
    let world = world(4);
    let done = world
        .run(&["plan", "--per-domain", "--json"])
        .ended(0)
        .json();
    assert_eq!(done["result"]["split"]["by"], "tenant");
    let domains: Vec<Value> = parts(&done)
        .iter()
        .map(|one| one["domains"].clone())
        .collect();
    let expected: Vec<Value> = (0..4)
        .map(|n| serde_json::json!([format!("d{n:02}.example")]))
        .collect();
    assert_eq!(domains, expected);
    let again = world
        .run(&["plan", "--per-domain", "--json"])
        .ended(0)
        .json();
    assert_eq!(again["changed"], false);
    // Nothing is over the limit, so the other rule has nothing to do.
    let other = world.run(&["plan", "--split", "--json"]).ended(0).json();
    assert_eq!(other["changed"], false);
}

#[test]
fn a_split_that_cannot_be_is_refused_and_nothing_is_written() {
    let world = world(2);
    let rooms: Vec<String> = (0..30).map(|n| format!("\"r{n}.d00.example\"")).collect();
    let more = format!(
        "xmpp-domains = [\"d00.example\"]\r\ncomponents = [{}]\r\n",
        rooms.join(", ")
    );
    let text = text(2).replace("xmpp-domains = []\r\n", &more).replace(
        "uses = [\"sip-edge\"]",
        "uses = [\"sip-edge\", \"xmpp-s2s\"]",
    );
    world.write("edgecert.toml", &text);
    world
        .run(&["plan", "--split"])
        .ended(1)
        .said("d00.example alone has more names")
        .said("name-limit");
    assert_eq!(world.read("edgecert.toml"), text);
}

#[test]
fn a_split_needs_a_deployment_and_takes_no_names() {
    let world = World::new();
    world
        .run(&["plan", "--split"])
        .ended(64)
        .said("there is no deployment file");
    world
        .run(&["plan", "--split", "--fqdn", "edge.contoso.com"])
        .ended(64);
    world
        .run(&["plan", "--split", "--template", "WebServer"])
        .ended(64)
        .said("--template");
    world
        .run(&["plan", "--dry-run", "--fqdn", "edge.contoso.com"])
        .ended(64)
        .said("add --split");
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let world = world(15);
    let before = world.read("edgecert.toml");
    let ran = world.run_with(&["plan", "--split"], &[("EDGECERT_FAULT", "enospc:1")]);
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert_eq!(world.read("edgecert.toml"), before);
}
