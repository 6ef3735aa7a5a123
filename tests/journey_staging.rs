//! What is staged keeps what was said of it, is missed when nobody carries it out, and neither stops nor undoes another
//! decision.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use serde_json::{Value, json};
use std::path::PathBuf;
use world::World;

/// The record of what is assigned and staged.
const RECORD: &str = "edgecert.state/assignments/external-edge.json";

/// An edge with these gateways, each a folder that gets copies, that nobody can prove.
fn copies(names: &[&str]) -> Edge {
    let edge = Edge::new();
    let text = edge.world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.embedded.front]").unwrap();
    let mut text = head.to_owned();
    for name in names {
        let folder = edge.world.path(name);
        std::fs::create_dir(&folder).unwrap();
        text.push_str(&format!(
            "\n[gateway.files.{name}]\ncertificate = \"external-edge\"\n"
        ));
        for (content, file) in [("fullchain", "edge.pem"), ("privkey", "edge.key")] {
            text.push_str(&format!(
                "\n[[gateway.files.{name}.destination]]\ncontent = \"{content}\"\npath = \"{}\"\n",
                folder.join(file).display()
            ));
        }
    }
    edge.world.write("edgecert.toml", text);
    edge
}

/// The same with a first generation assigned and a second one imported.
fn with_two(names: &[&str]) -> Edge {
    let edge = copies(names);
    edge.generation(&[]);
    edge.world.run(&["assign"]).ended(0);
    edge.generation(&[]);
    edge
}

fn rfc3339(moment: time::OffsetDateTime) -> String {
    moment
        .replace_nanosecond(0)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

fn in_days(days: i64) -> String {
    rfc3339(time::OffsetDateTime::now_utc() + time::Duration::days(days))
}

fn record(world: &World) -> Value {
    serde_json::from_str(&world.read(RECORD)).unwrap()
}

/// Lets the time of what is staged come, this long ago.
fn comes(world: &World, ago: time::Duration) {
    let mut record = record(world);
    record["staged"]["effective"] = json!(rfc3339(time::OffsetDateTime::now_utc() - ago));
    world.write(RECORD, record.to_string());
}

/// The generation whose leaf lies in a folder.
fn lies_in(world: &World, folder: &str) -> u32 {
    let lying = world.read(&format!("{folder}/edge.pem"));
    (1..9)
        .find(|number| {
            let path = format!("edgecert.state/archive/external-edge/{number}/fullchain.pem");
            world.path(&path).exists() && world.read(&path) == lying
        })
        .unwrap()
}

/// The deployment wants a further domain since the certificates were issued.
fn wants_more(world: &World) {
    let text = world.read("edgecert.toml").replacen(
        "xmpp-domains = [\"contoso.com\"]",
        "xmpp-domains = [\"contoso.com\", \"fabrikam.com\"]",
        1,
    );
    world.write("edgecert.toml", text);
}

#[test]
fn what_is_staged_goes_to_the_gateways_that_were_named_and_to_no_other() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let stage = |gateway| {
        let day = in_days(3);
        let words = ["assign", "external-edge/2", "--effective-date", &day];
        world.run(&[&words[..], &["--gateway", gateway]].concat())
    };
    stage("fronk").ended(64).said("did you mean front?");
    assert_eq!(record(world)["staged"], Value::Null);
    stage("front").ended(0).said(" on front · by");
    world.run(&["list"]).ended(0).said(" on front");
    world.run(&["log"]).ended(0).said("on front");
    comes(world, time::Duration::minutes(2));
    world
        .run(&["assign", "--due", "--gateway", "chat"])
        .ended(64);
    world.run(&["assign", "--due"]).ended(0);
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 1));
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn a_gateway_that_has_left_the_deployment_is_told_with_the_way_out() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let day = in_days(3);
    world
        .run(&["assign", "--effective-date", &day, "--gateway", "chat"])
        .ended(0);
    comes(world, time::Duration::minutes(2));
    let text = world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.files.chat]").unwrap();
    world.write("edgecert.toml", head);
    world
        .run(&["assign", "--due"])
        .ended(1)
        .said("chat is no gateway of external-edge")
        .said("edgecert assign external-edge --unstage");
}

#[test]
fn what_is_let_through_when_it_is_staged_is_let_through_when_its_time_has_come() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    wants_more(world);
    let day = in_days(3);
    let stage = ["assign", "--effective-date", &day];
    world.run(&stage).ended(1).said("fabrikam.com");
    let accept = ["--accept", "names.missing", "--reason", "it follows"];
    let knowingly = [&stage[..], &accept].concat();
    world
        .run(&[&knowingly[..], &["--dry-run"]].concat())
        .ended(0)
        .said("names.missing is let through");
    let told = world.run(&[&knowingly[..], &["--json"]].concat()).ended(0);
    let staged = &told.json()["result"]["staged"];
    assert_eq!(staged["accepted"][0]["reason"], "it follows");
    world
        .run(&["log"])
        .ended(0)
        .said("accepted names.missing (it follows)");
    let again = world.run(&knowingly).ended(0).said("nothing to do");
    assert!(!again.stdout.contains("staged: "), "{}", again.stdout);
    comes(world, time::Duration::minutes(2));
    world.run(&["assign", "--due"]).ended(0);
    assert_eq!(lies_in(world, "front"), 2);
}

#[test]
fn what_cannot_be_staged_is_refused_and_not_dropped() {
    let edge = with_two(&["front"]);
    let before = edge.world.files("edgecert.state");
    let day = in_days(3);
    for (flags, mend) in [
        (&["--write-config"][..], "assign --due --write-config"),
        (&["--on-failure", "keep"], "assign --due --on-failure keep"),
        (&["--end-sessions"], "--effective-date"),
    ] {
        let words = [&["assign", "--effective-date", &day][..], flags].concat();
        edge.world.run(&words).ended(64).said(mend);
    }
    assert_eq!(before, edge.world.files("edgecert.state"));
}
