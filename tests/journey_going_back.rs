//! Going back, by `rollback` or by a number: what was left does not wait, and what stays staged, or stays on another
//! gateway, is said.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/copies.rs"]
mod copies;
#[path = "world/edge.rs"]
mod edge;
mod world;

use copies::{RECORD, comes, due_with_two, in_days, lies_in, record, with_two};
use edge::Edge;
use serde_json::Value;

#[test]
fn what_was_left_for_a_lower_number_does_not_wait() {
    let edge = due_with_two();
    let world = &edge.world;
    world.run(&["assign"]).ended(0);
    edge.generation(&["--days", "1"]);
    world
        .run(&["list"])
        .ended(0)
        .said("external-edge/3 waits to be assigned");
    world.run(&["assign"]).ended(0);
    for back in ["external-edge/1", "external-edge/2", "external-edge/2"] {
        world.run(&["assign", back]).ended(0);
        let list = world.run(&["list"]).ended(0);
        assert!(
            !list.stdout.contains("waits to be assigned"),
            "{}",
            list.stdout
        );
        assert!(!list.stdout.contains("next:"), "{}", list.stdout);
        world
            .run(&["renew", "--dry-run"])
            .ended(0)
            .said("would ask public-dv");
    }
    // What comes after waits as ever.
    edge.generation(&["--days", "1"]);
    world
        .run(&["renew", "--dry-run"])
        .ended(0)
        .said("waits: `edgecert assign external-edge/4`");
}

#[test]
fn a_staging_that_stays_is_told_with_the_way_to_take_it_away() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world.run(&["assign"]).ended(0);
    edge.generation(&[]);
    let day = in_days(3);
    world.run(&["assign", "--effective-date", &day]).ended(0);
    let told = format!(
        "external-edge/3 stays staged, and becomes current on {} UTC (in ",
        day.trim_end_matches('Z').replace('T', " ")
    );
    for command in [
        &["rollback", "--dry-run"][..],
        &["rollback"],
        &["assign", "external-edge/2"],
    ] {
        world
            .run(command)
            .ended(0)
            .said(&told)
            .said("`edgecert assign external-edge --unstage` takes that away");
    }
    let ran = world.run(&["rollback", "--json"]).ended(0).json();
    assert_eq!(ran["result"]["staged"]["generation"], 3, "{ran:#}");
    let overtaken = world.run(&["assign", "external-edge/3", "--json"]).ended(0);
    assert_eq!(overtaken.json()["result"]["staged"], Value::Null);
}

#[test]
fn an_assignment_of_some_gateways_says_what_the_others_keep() {
    let edge = with_two(&["front", "other"]);
    let world = &edge.world;
    let ran = world.run(&["assign", "--gateway", "front"]).ended(0);
    let told = "external-edge/2 is live on 1 of 2 gateways; other keeps external-edge/1\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    assert_eq!((lies_in(world, "front"), lies_in(world, "other")), (2, 1));
    let known = world.read(RECORD);
    let mut unknown = record(world);
    unknown["gateways"].as_object_mut().unwrap().remove("other");
    world.write(RECORD, unknown.to_string());
    world.run(&["assign", "external-edge/1", "--gateway", "front"]);
    let ran = world.run(&["assign", "--gateway", "front"]).ended(0);
    let told = "is live on 1 of 2 gateways; what other has is not known\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    world.write(RECORD, known);
    let ran = world.run(&["assign"]).ended(0);
    let told = "external-edge/2 is live on 2 gateways\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
}

#[test]
fn what_is_not_staged_is_not_taken_away_and_what_waits_is_named() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world
        .run(&["assign", "external-edge/1", "--unstage"])
        .ended(0)
        .said("external-edge/1 is not staged: nothing to do");
    world
        .run(&["assign", "--effective-date", &in_days(3)])
        .ended(0);
    world
        .run(&["assign", "external-edge/9", "--unstage"])
        .ended(64)
        .said("external-edge/9");
    world
        .run(&["assign", "external-edge/1", "--unstage"])
        .ended(1)
        .said("external-edge/2 is, and stays so")
        .said("`edgecert assign external-edge --unstage` takes external-edge/2 away");
    assert_eq!(record(world)["staged"]["generation"], 2);
    world
        .run(&["assign", "external-edge/2", "--unstage"])
        .ended(0)
        .said("unstaged: external-edge/2");
    edge.signed(&["--new-key"], &[]);
    world
        .run(&["assign", "external-edge/1", "--effective-date", &in_days(3)])
        .ended(0)
        .said("external-edge/1 is live already: nothing to stage")
        .said("next: edgecert import REPLY, as request ");
}

#[test]
fn a_due_one_that_fails_is_named_once_and_one_that_is_assigned_says_what_is_next() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world
        .run(&["assign", "--effective-date", &in_days(3)])
        .ended(0);
    comes(world, time::Duration::minutes(2));
    let folder = world.path("front");
    let away = world.path("away");
    std::fs::rename(&folder, &away).unwrap();
    let ran = world.run(&["assign", "--due"]);
    assert_ne!(ran.code, 0);
    let what = "a file cannot be written as it should be";
    assert!(
        ran.stderr
            .contains(&format!("error: external-edge: {what}\n")),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.matches(what).count(), 1, "{}", ran.stderr);
    let failed = world.run(&["assign", "--due", "--json"]).json();
    let one = &failed["result"]["failed"][0];
    assert_eq!(one["certificate"], "external-edge", "{failed:#}");
    assert_eq!(one["error"]["code"], failed["error"]["code"], "{failed:#}");
    assert_eq!(one["error"]["what"], failed["error"]["what"], "{failed:#}");
    std::fs::rename(&away, &folder).unwrap();
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("next: edgecert check");
}

#[test]
fn what_bars_the_way_is_told_with_one_way_through() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world.write("front/edge.pem", "not ours");
    let ran = world.run(&["assign"]).ended(1);
    let accept = "--accept gateway.destination-changed --reason TEXT";
    assert_eq!(ran.stderr.matches(accept).count(), 1, "{}", ran.stderr);
}

#[test]
fn a_rollback_that_leads_nowhere_says_what_there_is() {
    let edge = Edge::of_copies(&["front"]);
    let world = &edge.world;
    edge.generation(&[]);
    world
        .run(&["rollback"])
        .ended(1)
        .said("nothing was ever assigned")
        .said("what else is there: `edgecert assign external-edge/1`");
    world.run(&["assign"]).ended(0);
    world
        .run(&["rollback"])
        .ended(1)
        .said("there is no other generation: `edgecert renew external-edge`");
    edge.generation(&[]);
    world
        .run(&["rollback"])
        .ended(1)
        .said("what else is there: `edgecert assign external-edge/2`");
    world
        .run(&[
            "rekey",
            "external-edge/2",
            "--compromised",
            "--reason",
            "stolen",
        ])
        .ended(0);
    world
        .run(&["rollback"])
        .ended(1)
        .said("there is no other generation that could be served: `edgecert renew external-edge`");
}

#[test]
fn a_staging_is_overtaken_once_it_is_and_not_before() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world
        .run(&["assign", "--effective-date", &in_days(3)])
        .ended(0);
    edge.generation(&[]);
    let third = ["assign", "external-edge/3"];
    let is = "is overtaken: it is staged no longer";
    let ran = world.run(&[&third[..], &["--dry-run"]].concat()).ended(0);
    let ran = ran.said("generation 2, would be overtaken, and staged no longer");
    assert!(!ran.stdout.contains(is), "{}", ran.stdout);
    let (folder, away) = (world.path("front"), world.path("away"));
    std::fs::rename(&folder, &away).unwrap();
    let ran = world.run(&third);
    assert_ne!(ran.code, 0);
    assert!(!ran.stdout.contains(is), "{}", ran.stdout);
    assert_eq!(record(world)["staged"]["generation"], 2);
    std::fs::rename(&away, &folder).unwrap();
    world.run(&third).ended(0).said(is);
    assert_eq!(record(world)["staged"], Value::Null);
}
