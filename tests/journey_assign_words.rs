//! What an administrator is told by assign and rollback where something is missing, in the way, or done already.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An edge without its embedded gateway.
fn without_gateway() -> Edge {
    let edge = Edge::new();
    let text = edge.world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.embedded.front]").unwrap();
    edge.world.write("edgecert.toml", head);
    edge
}

fn kill(pid: u32, signal: &str) {
    let ended = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(ended.unwrap().success());
}

#[test]
fn assign_without_a_gateway_says_what_is_next() {
    let edge = without_gateway();
    edge.generation(&[]);
    let ran = edge
        .world
        .run(&["assign"])
        .ended(0)
        .said("✓ the pair, its chain and its names are right\n")
        .said("let a server read edgecert.state/live/external-edge/, or add a [gateway.embedded.NAME] table");
    assert!(!ran.stdout.contains("takes it"), "{}", ran.stdout);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
}

#[test]
fn dry_run_is_refused_where_the_real_run_would_be() {
    let (edge, gateway) = Edge::assigned();
    edge.generation(&[]);
    edge.world.run(&["assign"]).ended(0);
    edge.generation(&[]);
    drop(gateway);
    let before = edge.world.files("edgecert.state");
    for arguments in [
        &["assign", "--dry-run"][..],
        &["rollback", "--dry-run"],
        &["assign"],
        &["rollback"],
    ] {
        edge.world
            .run(arguments)
            .ended(1)
            .said("gateway \"front\" is not running")
            .said("nothing was changed; external-edge/2 stays live");
    }
    assert_eq!(before, edge.world.files("edgecert.state"));
}

#[test]
fn generation_that_does_not_exist_is_wrong_usage() {
    let (edge, _gateway) = Edge::assigned();
    edge.world
        .run(&["assign", "external-edge/9"])
        .ended(64)
        .said("external-edge");
}

#[test]
fn ctrl_c_is_answered_at_once_while_a_gateway_hangs() {
    let (edge, gateway) = Edge::assigned();
    edge.generation(&[]);
    kill(gateway.0.id(), "-STOP");
    let assign = edge
        .world
        .command(&["assign"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    kill(assign.id(), "-INT");
    let output = assign.wait_with_output().unwrap();
    kill(gateway.0.id(), "-CONT");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(start.elapsed() < Duration::from_secs(8), "{said}");
    assert!(said.contains("stopping; putting things back"), "{said}");
    assert!(
        said.contains("nothing was changed; external-edge/1 stays live"),
        "{said}"
    );
}

#[test]
fn second_rollback_says_that_it_goes_forward_again() {
    let (edge, _gateway) = Edge::assigned();
    edge.generation(&[]);
    edge.world.run(&["assign"]).ended(0);
    let first = edge.world.run(&["rollback"]).ended(0);
    assert!(!first.stdout.contains("again"), "{}", first.stdout);
    edge.world
        .run(&["rollback"])
        .ended(0)
        .said("generation 1 → 2 again, which the last rollback left");
}

#[test]
fn what_is_staged_can_be_taken_away() {
    let (edge, _gateway) = Edge::assigned();
    let later = time::OffsetDateTime::now_utc() + time::Duration::days(3);
    let later = later
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let stage = ["assign", "--effective-date", &later];
    edge.world
        .run(&stage)
        .ended(0)
        .said("external-edge/1 is live already: nothing to stage");
    edge.world
        .run(&["assign", "--unstage"])
        .ended(0)
        .said("nothing of external-edge is staged");
    edge.generation(&[]);
    edge.world
        .run(&stage)
        .ended(0)
        .said("edgecert assign external-edge --unstage");
    edge.world
        .run(&["assign", "--unstage", "--dry-run"])
        .ended(0)
        .said("would unstage: external-edge/2");
    let ran = edge
        .world
        .run(&["assign", "--unstage", "--json"])
        .ended(0)
        .json();
    assert_eq!(ran["changed"], true);
    assert_eq!(ran["result"]["unstaged"]["generation"], 2);
    let show = edge.world.run(&["list", "--json"]).ended(0).json();
    assert!(
        show["result"]["certificates"][0]["staged"].is_null(),
        "{show:#}"
    );
    edge.world.run(&["log"]).ended(0).said("unstage");
}

#[test]
fn notes_take_one_line_and_are_not_repeated_when_nothing_is_new() {
    let edge = Edge::new();
    edge.generation(&[]);
    let _gateway = edge.start();
    let ran = edge.world.run(&["assign"]).ended(0);
    let notes: Vec<&str> = ran.stderr.lines().collect();
    assert!(
        notes
            .iter()
            .all(|line| line.starts_with("note: ") && line.ends_with(')')),
        "{notes:#?}"
    );
    assert!(!notes.is_empty());
    let again = edge.world.run(&["assign"]).ended(0).said("nothing to do");
    assert_eq!(again.stderr, "");
    edge.world
        .run(&["assign", "--verbose"])
        .ended(0)
        .said("mend");
}

#[test]
fn gateway_whose_only_listener_stays_dark_has_failed_and_is_as_before() {
    let (edge, _gateway) = Edge::assigned();
    let dark = edge::free_addresses(1)[0];
    let text = edge.world.read("edgecert.toml").replacen(
        "\n[[gateway.embedded.front.listener]]",
        &format!(
            "prove = [{{ protocol = \"tls\", address = \"{dark}\", names = [\"edge.contoso.com\"] }}]\n\
             \n[[gateway.embedded.front.listener]]"
        ),
        1,
    );
    edge.world.write("edgecert.toml", text);
    edge.generation(&[]);
    let first = edge.served();
    edge.world
        .run(&["assign"])
        .ended(3)
        .said("a listener was dark before, and no other proves the new leaf")
        .said("start what should listen there");
    assert_eq!(edge.served(), first);
}
