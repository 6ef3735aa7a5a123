//! The machine contract where it is easiest to break: the environment, a full disk behind standard output.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use std::fs::OpenOptions;
use std::process::Stdio;
use world::World;

#[test]
fn any_truth_in_the_environment_is_understood_and_empty_counts_as_unset() {
    let world = World::new();
    world.run(&["init"]).ended(0);
    for (name, value) in [
        ("EDGECERT_NON_INTERACTIVE", "1"),
        ("EDGECERT_NON_INTERACTIVE", "0"),
        ("EDGECERT_NON_INTERACTIVE", "yes"),
        ("EDGECERT_NON_INTERACTIVE", ""),
        ("EDGECERT_CONFIG", ""),
        ("EDGECERT_STATE", ""),
    ] {
        let ran = world.run_with(&["plan", "--json"], &[(name, value)]);
        assert_eq!(
            ran.code, 0,
            "{name}={value:?}: {}{}",
            ran.stdout, ran.stderr
        );
    }
}

#[test]
fn result_that_could_not_be_written_is_no_success() {
    let world = World::new();
    world.run(&["init"]).ended(0);
    for (arguments, code) in [
        (&["plan"][..], 3),
        (&["list", "--json"], 3),
        (&["schema", "check"], 3),
        (&["--help"], 3),
        (&["--version"], 3),
        (&["help", "plan"], 3),
        (&["check", "--help"], 3),
        (&["needs-renewal", "external-edge", "--json"], 255),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = world
            .command(arguments)
            .stdout(Stdio::from(full))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains("the result could not be written"), "{said}");
    }
}

/// What a command says on standard error and its exit code, where standard output is full.
fn ran_into_a_full_disk(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = world
        .command(arguments)
        .stdout(Stdio::from(full))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn what_was_done_is_told_although_the_result_could_not_be_written() {
    let world = World::new();
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    world.init();
    let text = world.read("edgecert.toml");
    world.write(
        "edgecert.toml",
        text.replacen("[\"system\"]", "[\"ca/root.pem\"]", 1),
    );
    let sign = |reply: &str| {
        let made = world.run(&["request", "list", "--json"]).ended(0).json();
        let id = made["result"]["requests"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
        world
            .run(&["lab", "sign", &csr, "--ca", "ca", "--out", reply])
            .ended(0);
    };
    let done = |arguments: &[&str], words: &str| {
        let (code, said) = ran_into_a_full_disk(&world, arguments);
        assert_eq!(code, Some(4), "{arguments:?}: {said}");
        assert!(said.contains("the result could not be written"), "{said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("run it again"), "{said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    };
    done(&["request", "--new-key"], "csr.pem");
    sign("one.pem");
    done(&["import", "one.pem"], "external-edge, generation 1");
    done(&["assign"], "external-edge/1 is live");
    world.run(&["request", "--new-key"]).ended(0);
    sign("two.pem");
    world.run(&["import", "two.pem"]).ended(0);
    world.run(&["assign"]).ended(0);
    done(&["rollback", "--json"], "external-edge/1 is live");
    // Nothing was done: it may be run again.
    let (code, said) = ran_into_a_full_disk(&world, &["assign", "external-edge/1"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("run it again"), "{said}");
}

#[test]
fn closed_pipe_is_no_failure() {
    let world = World::new();
    world.run(&["init"]).ended(0);
    let mut child = world
        .command(&["schema", "check"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn timers_before_the_first_request_have_nothing_to_do() {
    let world = World::new();
    world.run(&["init"]).ended(0);
    for arguments in [&["assign", "--due"][..], &["prune"]] {
        let ran = world
            .run(&[arguments, &["--json"]].concat())
            .ended(0)
            .json();
        assert_eq!(ran["changed"], false, "{arguments:?}");
    }
}

#[test]
fn every_document_of_wrong_usage_has_a_schema() {
    let world = World::new();
    for (arguments, schema) in [
        (&["--json"][..], "edgecert.usage/1"),
        (&["bogus", "--json"], "edgecert.usage/1"),
        (&["dns", "--json"], "edgecert.usage/1"),
        (&["gateway", "--json"], "edgecert.usage/1"),
        (&["partner", "--json"], "edgecert.usage/1"),
        (&["policy", "--json"], "edgecert.usage/1"),
        (&["partner", "add", "--json"], "edgecert.partner-add/1"),
        (&["request", "show", "--json"], "edgecert.request-show/1"),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.json()["schema"], schema, "{arguments:?}");
        let name = schema
            .trim_start_matches("edgecert.")
            .trim_end_matches("/1");
        world.run(&["schema", name]).ended(0);
    }
}
