//! A second generation goes live, goes back, and is put back when anything is wrong: on a real gateway.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::{Edge, free_addresses};
use edgecert::lab::traffic::{Held, Load};
use std::time::Duration;

#[test]
fn first_assign_goes_live_and_is_proved() {
    let edge = Edge::new();
    let leaf = edge.generation(&[]);
    let _gateway = edge.start();
    let ran = edge.world.run(&["assign", "--json"]).ended(0).json();
    assert_eq!(ran["changed"], true);
    assert_eq!(ran["result"]["plan"]["to"], 1);
    assert_eq!(edge.served(), leaf.facts().sha256);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
    edge.world.run(&["check"]).ended(0);
    edge.world.run(&["log"]).ended(0).said("assign");
}

#[test]
fn assigning_twice_changes_nothing() {
    let (edge, _gateway) = Edge::assigned();
    let before = edge.world.files("edgecert.state");
    let ran = edge.world.run(&["assign", "--json"]).ended(0).json();
    assert_eq!(ran["changed"], false);
    assert_eq!(before, edge.world.files("edgecert.state"));
}

#[test]
fn dry_run_shows_the_plan_and_touches_nothing() {
    let (edge, _gateway) = Edge::assigned();
    edge.generation(&[]);
    let served = edge.served();
    let before = edge.world.files("edgecert.state");
    edge.world
        .run(&["assign", "--dry-run"])
        .ended(0)
        .said("generation 1 → 2")
        .said("would be assigned (nothing was touched)\nnext: edgecert assign external-edge/2");
    assert_eq!(before, edge.world.files("edgecert.state"));
    assert_eq!(edge.served(), served);
}

#[test]
fn rollback_serves_the_previous_generation_again() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    let second = edge.generation(&[]);
    edge.world.run(&["assign"]).ended(0);
    assert_eq!(edge.served(), second.facts().sha256);
    edge.world.run(&["rollback"]).ended(0).said("rolled back");
    assert_eq!(edge.served(), first);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
}

#[test]
fn rollback_without_a_previous_generation_is_refused() {
    let (edge, _gateway) = Edge::assigned();
    edge.world
        .run(&["rollback"])
        .ended(1)
        .said("no previous generation to go back to");
}

#[test]
fn hundred_assigns_under_continuous_handshakes_fail_none() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    let second = edge.generation(&[]).facts().sha256;
    let root = edge.certificate("ca/root.pem");
    let tls = edge.listeners[3];
    let mut held: Vec<Held> = (0..5)
        .map(|_| Held::open(tls, "edge.contoso.com", &root).unwrap())
        .collect();
    let load = Load::start(&edge.proofs(), 1);
    for turn in 0..100 {
        let wanted = if turn % 2 == 0 {
            "external-edge/2"
        } else {
            "external-edge/1"
        };
        edge.world.run(&["assign", wanted]).ended(0);
    }
    for connection in &mut held {
        connection.echo().unwrap();
    }
    let tally = load.stop();
    assert_eq!(tally.failed, 0, "{:?}", tally.failures);
    assert!(tally.handshakes > 500, "{}", tally.handshakes);
    for leaf in tally.leaves.keys() {
        assert!(*leaf == first || *leaf == second, "{leaf}");
    }
    assert_eq!(tally.leaves.len(), 2);
}

#[test]
fn gateway_that_is_not_running_is_told_and_nothing_changes() {
    let edge = Edge::new();
    edge.generation(&[]);
    edge.world
        .run(&["assign"])
        .ended(1)
        .said("gateway \"front\" is not running")
        .said("nothing was changed; nothing is live yet")
        .said("edgecert gateway run front");
    assert_eq!(edge.live(), None);
}

#[test]
fn listener_of_somebody_else_sends_everything_back() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    // A listener to prove that will never serve the new leaf: another gateway's port, here with the first leaf.
    let other = Edge::assigned();
    let text = edge.world.read("edgecert.toml").replacen(
        "\n[[gateway.embedded.front.listener]]",
        &format!(
            "prove = [{{ protocol = \"tls\", address = \"{}\", names = [\"edge.contoso.com\"] }}, \
             {{ protocol = \"tls\", address = \"{}\", names = [\"edge.contoso.com\"] }}]\n\
             \n[[gateway.embedded.front.listener]]",
            edge.listeners[3], other.0.listeners[3]
        ),
        1,
    );
    let text = text.replace("prove-within = \"5s\"", "prove-within = \"1s\"");
    edge.world.write("edgecert.toml", text);
    edge.generation(&[]);
    let foreign = other.0.served().short();
    edge.world
        .run(&["assign"])
        .ended(3)
        .said("rolling back")
        .said("every gateway serves generation 1 as before: a listener is not this gateway's")
        .said(&format!(
            "it shows the leaf {foreign}, and did so before the assign: something else"
        ));
    // What the gateway was last proved to serve is still known.
    let list = edge.world.run(&["list", "--json"]).ended(0).json();
    assert_eq!(
        list["result"]["certificates"][0]["gateways"][0]["generation"], 1,
        "{list:#}"
    );
    assert_eq!(edge.served(), first);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
    let log = edge.world.run(&["log"]).ended(0);
    assert!(log.stdout.contains("assign-failed"), "{}", log.stdout);
}

#[test]
fn dark_listener_stays_a_finding_while_another_proves_the_leaf() {
    let (edge, _gateway) = Edge::assigned();
    let dark = free_addresses(1)[0];
    let text = edge.world.read("edgecert.toml").replacen(
        "\n[[gateway.embedded.front.listener]]",
        &format!(
            "prove = [{{ protocol = \"tls\", address = \"{}\", names = [\"edge.contoso.com\"] }}, \
             {{ protocol = \"tls\", address = \"{dark}\", names = [\"edge.contoso.com\"] }}]\n\
             \n[[gateway.embedded.front.listener]]",
            edge.listeners[3]
        ),
        1,
    );
    edge.world.write("edgecert.toml", text);
    let second = edge.generation(&[]);
    edge.world
        .run(&["assign"])
        .ended(0)
        .said("was dark before, and still is");
    assert_eq!(edge.served(), second.facts().sha256);
}

#[test]
fn gateway_that_dies_while_it_is_asked_leaves_everything_as_it_was() {
    let (edge, mut gateway) = Edge::assigned();
    edge.generation(&[]);
    // Stopped, not dead: it takes the connection and answers nothing, until it is killed.
    let pid = gateway.0.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-STOP", &pid])
            .status()
            .unwrap()
            .success()
    );
    let assign = edge
        .world
        .command(&["assign"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    gateway.0.kill().unwrap();
    gateway.0.wait().unwrap();
    let output = assign.wait_with_output().unwrap();
    let code = output.status.code().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // It was still asked whether it is there, and nothing had been touched.
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("external-edge/1 stays live"), "{said}");
    // Started again it serves what it served, and the assign goes through.
    let _again = edge.start();
    edge.world.run(&["assign"]).ended(0);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/2"));
}

#[test]
fn stale_control_socket_is_replaced_at_the_next_start() {
    let (edge, mut gateway) = Edge::assigned();
    gateway.0.kill().unwrap();
    gateway.0.wait().unwrap();
    assert!(edge.socket().exists());
    let _again = edge.start();
    edge.world
        .run(&["gateway", "status"])
        .ended(0)
        .said("external-edge/1");
    let status = edge.world.run(&["gateway", "status", "--json"]).ended(0);
    let shown = &status.json()["result"]["gateways"][0]["status"];
    for (name, moment) in [
        ("started", &shown["started"]),
        ("since", &shown["certificates"][0]["since"]),
    ] {
        // Whole seconds, as everywhere.
        let moment = moment
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {shown:#}"));
        assert_eq!(
            moment.len(),
            "2026-11-29T21:52:22Z".len(),
            "{name}: {moment}"
        );
    }
    edge.served();
}

#[test]
fn staged_generation_goes_live_when_it_is_due() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    let second = edge.generation(&[]);
    edge.world
        .run(&["assign", "--effective-date", "2099-01-01T00:00:00Z"])
        .ended(1)
        .said("will have ended");
    let soon = time::OffsetDateTime::now_utc() + time::Duration::seconds(2);
    let soon = soon
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    edge.world
        .run(&["assign", "--effective-date", &soon])
        .ended(0)
        .said("staged");
    edge.world
        .run(&["assign", "--due"])
        .ended(0)
        .said("nothing is due");
    assert_eq!(edge.served(), first);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while edge.served() == first {
        assert!(std::time::Instant::now() < deadline);
        edge.world.run(&["assign", "--due"]).ended(0);
    }
    assert_eq!(edge.served(), second.facts().sha256);
    let again = edge
        .world
        .run(&["assign", "--due", "--json"])
        .ended(0)
        .json();
    assert_eq!(again["changed"], false);
}

#[test]
fn reply_that_does_not_cover_the_plan_must_not_go_live() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    // The deployment wants a further domain since the certificate was issued.
    edge.generation(&[]);
    let text = edge.world.read("edgecert.toml");
    let text = text.replacen(
        "xmpp-domains = [\"contoso.com\"]",
        "xmpp-domains = [\"contoso.com\", \"fabrikam.com\"]",
        1,
    );
    edge.world.write("edgecert.toml", text);
    edge.world
        .run(&["assign"])
        .ended(1)
        .said("must not go live")
        .said("fabrikam.com");
    assert_eq!(edge.served(), first);
    edge.world
        .run(&[
            "assign",
            "--accept",
            "names.missing",
            "--reason",
            "fabrikam follows next week",
        ])
        .ended(0);
}

#[test]
fn kill_at_any_operation_leaves_old_or_new_and_the_next_run_finishes() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    let second = edge.generation(&[]).facts().sha256;
    let mut wanted = 2;
    for operation in 1..200 {
        let target = format!("external-edge/{wanted}");
        let fault = format!("kill:{operation}");
        let ran = edge
            .world
            .run_with(&["assign", &target], &[("EDGECERT_FAULT", &fault)]);
        let live = edge.live().unwrap();
        assert!(
            live == "../archive/external-edge/1" || live == "../archive/external-edge/2",
            "operation {operation}: {live}"
        );
        let served = edge.served();
        assert!(
            served == first || served == second,
            "operation {operation}: {served}"
        );
        // The next run says and finishes what was begun, and the state is whole.
        edge.world.run(&["assign", &target]).ended(0);
        edge.world.run(&["log"]).ended(0);
        let expected = if wanted == 2 { second } else { first };
        assert_eq!(edge.served(), expected, "operation {operation}");
        assert!(
            edge.live().unwrap().ends_with(&wanted.to_string()),
            "operation {operation}"
        );
        if ran.code == 0 {
            assert!(operation > 10, "only {operation} operations were killed");
            return;
        }
        wanted = 3 - wanted;
    }
    panic!("the assignment never came to its end");
}

#[test]
fn full_disk_leaves_everything_as_it_was() {
    let (edge, _gateway) = Edge::assigned();
    let first = edge.served();
    let second = edge.generation(&[]).facts().sha256;
    for operation in 1..200 {
        let fault = format!("enospc:{operation}");
        let ran = edge.world.run_with(
            &["assign", "external-edge/2"],
            &[("EDGECERT_FAULT", &fault)],
        );
        if ran.code == 0 {
            assert_eq!(edge.served(), second);
            assert!(operation > 3, "only {operation} operations met a full disk");
            return;
        }
        assert_eq!(
            ran.code, 3,
            "operation {operation}: {}{}",
            ran.stdout, ran.stderr
        );
        assert_eq!(edge.served(), first, "operation {operation}");
        assert_eq!(
            edge.live().as_deref(),
            Some("../archive/external-edge/1"),
            "operation {operation}"
        );
        // It says that all is as before: nothing is left to be ended, and the record says so too.
        let left = edge.world.files("edgecert.state/transactions");
        let left: Vec<_> = left.iter().map(|(name, _)| name).collect();
        assert!(left.is_empty(), "operation {operation}: {left:?}");
        let record = edge
            .world
            .read("edgecert.state/assignments/external-edge.json");
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["current"], 1, "operation {operation}");
    }
    panic!("the assignment never came to its end");
}
