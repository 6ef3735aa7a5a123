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
