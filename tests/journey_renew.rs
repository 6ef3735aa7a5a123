//! The renewal in one run, by a timer: a program asks the CA, a gateway serves what comes; alone, several at once,
//! interrupted, and with a program that misbehaves.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::World;

/// Signs what it is asked, and notes that it was asked.
const SIGN: &str =
    "cat > asked.$$.csr; echo asked >> asked.log; edgecert lab sign asked.$$.csr --ca ca";

/// Makes a shell script the issuer's program; `edgecert` in it is ours, and it runs in the world's folder.
fn submit_with(world: &World, script: &str) {
    let script = format!(
        "#!/bin/sh\nset -e\ncd '{}'\nedgecert() {{ '{}' \"$@\"; }}\n{script}\n",
        world.folder().display(),
        env!("CARGO_BIN_EXE_edgecert"),
    );
    world.write("ask-ca", script);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("ask-ca"), mode).unwrap();
    let text = world.read("edgecert.toml");
    if !text.contains("ask-ca\"]\nrenew-at") {
        let told = "profile = \"public-dv\"\nsubmit = [\"./ask-ca\"]\nrenew-at = \"99%\"";
        let text = text.replacen("profile = \"public-dv\"", told, 1);
        world.write("edgecert.toml", text);
    }
}

/// An edge with a gateway that serves a generation of one day, which is due: its notBefore lies an hour back.
fn due() -> (Edge, edge::Gateway) {
    let edge = Edge::new();
    edge.generation(&["--days", "1"]);
    let gateway = edge.start();
    edge.world.run(&["assign"]).ended(0);
    submit_with(&edge.world, SIGN);
    (edge, gateway)
}

/// Keys are stored encrypted, with the passphrase of that variable.
fn passphrase_from(world: &World, variable: &str) {
    let text = world.read("edgecert.toml");
    let key = format!("[key]\npassphrase = {{ env = \"{variable}\" }}\n");
    world.write("edgecert.toml", text.replacen("# [key]\n", &key, 1));
}

fn only(document: &Value) -> Value {
    let all = document["result"]["certificates"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{document:#}");
    all[0].clone()
}

fn times_asked(world: &World) -> usize {
    match std::fs::read_to_string(world.path("asked.log")) {
        Ok(text) => text.lines().count(),
        Err(_) => 0,
    }
}

fn generations(world: &World) -> usize {
    std::fs::read_dir(world.path("edgecert.state/archive/external-edge"))
        .into_iter()
        .flatten()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().parse::<u32>().is_ok()
        })
        .count()
}

fn spawn(world: &World, arguments: &[&str]) -> Child {
    world
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[track_caller]
fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !there() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(word: &str, pid: u32) {
    let pid = pid.to_string();
    let status = Command::new("kill").args([word, &pid]).status().unwrap();
    assert!(status.success());
}

/// Whether a process runs still.
fn runs(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => !stat.contains(") Z "),
        Err(_) => false,
    }
}

#[test]
fn renewal_that_is_due_is_served_in_one_run_and_twice_changes_nothing() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    let before = edge.served();
    world.run(&["needs-renewal"]).ended(0).said("due below 99%");
    let done = world.run(&["renew", "--due", "--json"]).ended(0).json();
    assert_eq!(done["changed"], true);
    assert_eq!(only(&done)["action"], "renewed");
    assert_ne!(edge.served(), before);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/2"));
    world.run(&["needs-renewal"]).ended(1);
    let state = world.files("edgecert.state");
    let again = world.run(&["renew", "--due", "--json"]).ended(0).json();
    assert_eq!(again["changed"], false);
    assert_eq!(state, world.files("edgecert.state"));
    assert_eq!(times_asked(world), 1);
    world.run(&["check"]).ended(0);
}

#[test]
fn several_at_once_make_exactly_one_generation() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    let all: Vec<Child> = (0..8)
        .map(|_| spawn(world, &["renew", "--due", "--json"]))
        .collect();
    let mut changed = 0;
    for one in all {
        let output = one.wait_with_output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{document:#}");
        changed += usize::from(only_renewed(&document));
    }
    assert_eq!(changed, 1);
    assert_eq!(times_asked(world), 1);
    assert_eq!(generations(world), 2);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/2"));
}

fn only_renewed(document: &Value) -> bool {
    let all = document["result"]["certificates"].as_array().unwrap();
    all.iter().any(|one| one["action"] == "renewed")
}

#[test]
fn request_that_is_being_submitted_is_not_submitted_twice() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    submit_with(
        world,
        &format!("touch waits; while ! test -e open; do sleep 0.05; done; {SIGN}"),
    );
    let first = spawn(world, &["renew", "--json"]);
    wait_for("the program was not run", || world.path("waits").exists());
    for arguments in [
        ["renew", "--json"].as_slice(),
        &["renew", "--due", "--json"],
    ] {
        let second = world.run(arguments).ended(0).json();
        assert_eq!(second["changed"], false, "{second:#}");
        assert_eq!(only(&second)["action"], "claimed");
        assert_eq!(only(&second)["result"]["process"], first.id());
    }
    world
        .run(&["renew"])
        .ended(0)
        .said(&format!("is being submitted by process {}", first.id()))
        .said("nothing to do");
    world.write("open", "");
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(times_asked(world), 1);
    assert_eq!(generations(world), 2);
    // The claim is given up, and leaves nothing behind.
    let files = world.files("edgecert.state");
    assert!(!files.iter().any(|(name, _)| name.contains("submit")));
}

#[test]
fn request_that_was_answered_meanwhile_is_not_imported_again() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    submit_with(
        world,
        "cat > by-hand.csr; touch waits; while ! test -e open; do sleep 0.05; done; edgecert lab sign by-hand.csr --ca ca",
    );
    let first = spawn(world, &["renew", "--json"]);
    wait_for("the program was not run", || world.path("waits").exists());
    world
        .run(&[
            "lab",
            "sign",
            "by-hand.csr",
            "--ca",
            "ca",
            "--out",
            "by-hand.pem",
        ])
        .ended(0);
    world.run(&["import", "by-hand.pem"]).ended(0);
    world.write("open", "");
    let first = first.wait_with_output().unwrap();
    assert_eq!(first.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(only(&told)["action"], "overtaken");
    assert_eq!(generations(world), 2);
}

#[test]
fn claim_of_a_killed_renewal_is_free() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    submit_with(world, "touch waits; sleep 3");
    let mut first = spawn(world, &["renew"]);
    wait_for("the program was not run", || world.path("waits").exists());
    first.kill().unwrap();
    first.wait().unwrap();
    submit_with(world, SIGN);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("goes to the issuer again");
    assert_eq!(generations(world), 2);
}

#[test]
fn program_sees_no_passphrase() {
    let edge = Edge::new();
    let world = &edge.world;
    passphrase_from(world, "TZ");
    submit_with(world, &format!("env > seen; {SIGN}"));
    // One that would be passed on by its name, and the folder of systemd's credentials.
    let _gateway = edge.start();
    world
        .run_with(
            &["renew"],
            &[
                ("TZ", "the passphrase"),
                ("CREDENTIALS_DIRECTORY", "/run/credentials"),
                ("https_proxy", "http://proxy:3128"),
            ],
        )
        .ended(0);
    let seen = world.read("seen");
    for absent in ["the passphrase", "CREDENTIALS_DIRECTORY"] {
        assert!(!seen.contains(absent), "{seen}");
    }
    for present in [
        "EDGECERT_CERTIFICATE=external-edge",
        "https_proxy=http://proxy:3128",
        "PATH=",
    ] {
        assert!(seen.contains(present), "{seen}");
    }
}

#[test]
fn failed_submission_is_journalled_and_only_a_new_request_is_a_change() {
    let (edge, _gateway) = due();
    let world = &edge.world;
    let served = edge.served();
    submit_with(world, "exit 7");
    for changed in [true, false] {
        let ran = world.run(&["renew", "--due", "--json"]).ended(3).json();
        assert_eq!(ran["changed"], changed);
        assert_eq!(only(&ran)["error"]["code"], "renew.submit-failed");
    }
    let journal = world.read("edgecert.state/journal.jsonl");
    let told: Vec<Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["action"] == "submit-failed")
        .collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["detail"]["status"], 7);
    assert_eq!(told[0]["certificate"], "external-edge");
    assert_eq!(edge.served(), served);
    world.run(&["log"]).ended(0).said("submit-failed");
    world.run(&["renew", "-h"]).ended(0).said("Exit code 3");
}

#[test]
fn interrupt_ends_the_program_and_all_that_it_started() {
    for word in ["-INT", "-TERM"] {
        let (edge, _gateway) = due();
        let world = &edge.world;
        submit_with(world, "sleep 60 & echo $! > child; wait");
        let renewal = spawn(world, &["renew", "--json"]);
        wait_for("the program was not run", || {
            world.path("child").exists() && !world.read("child").is_empty()
        });
        let child = world.read("child");
        signal(word, renewal.id());
        let began = Instant::now();
        let output = renewal.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(began.elapsed() < Duration::from_secs(5));
        wait_for("the program's child runs on", || !runs(&child));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["exit_code"], 130);
        assert_eq!(told["changed"], true, "the request was made");
        submit_with(world, SIGN);
        world.run(&["renew", "--due"]).ended(0);
        assert_eq!(generations(world), 2);
    }
}

#[test]
fn answer_without_end_is_ended_at_once() {
    let (edge, _gateway) = due();
    submit_with(&edge.world, "yes & echo $! > child; wait");
    let began = Instant::now();
    edge.world
        .run(&["renew"])
        .ended(3)
        .said("more than 1048576 bytes");
    assert!(began.elapsed() < Duration::from_secs(10));
    let child = edge.world.read("child");
    wait_for("the program's child runs on", || !runs(&child));
}

#[test]
fn helper_that_keeps_the_pipe_open_does_not_hold_us() {
    let (edge, _gateway) = due();
    submit_with(&edge.world, &format!("{SIGN}; sleep 60 &"));
    let began = Instant::now();
    edge.world.run(&["renew", "--due"]).ended(0);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(generations(&edge.world), 2);
}

#[test]
fn life_left_of_no_generation_is_null() {
    let edge = Edge::new();
    let told = edge.world.run(&["needs-renewal", "--json"]).ended(0).json();
    let one = only(&told);
    assert_eq!(one["generation"], Value::Null);
    assert_eq!(one["life_left_percent"], Value::Null);
}

#[test]
fn doctor_tries_the_passphrase_on_a_stored_key() {
    let edge = Edge::new();
    let world = &edge.world;
    passphrase_from(world, "EDGE_PASS");
    let findings = |pass: &str| {
        let told = world
            .run_with(&["doctor", "--json"], &[("EDGE_PASS", pass)])
            .json();
        let all = told["findings"].as_array().unwrap().clone();
        all.into_iter()
            .filter(|one| one["code"] == "doctor.passphrase")
            .collect::<Vec<_>>()
    };
    assert!(findings("right").is_empty(), "no key to try it on");
    let right = [("EDGE_PASS", "right")];
    let made = world
        .run_with(&["request", "--json"], &right)
        .ended(0)
        .json();
    for answered in [false, true] {
        assert!(findings("right").is_empty());
        let found = findings("wrong");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["severity"], "error", "{found:#?}");
        if !answered {
            let csr = made["result"]["csr"].as_str().unwrap();
            world
                .run(&["lab", "sign", csr, "--ca", "ca", "--out", "reply.pem"])
                .ended(0);
            world.run_with(&["import", "reply.pem"], &right).ended(0);
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_refused_alike() {
    let world = World::new();
    world.write("reply.pem", "no reply");
    world.write("folder/file", "");
    for arguments in [
        ["missing.pem"].as_slice(),
        &["folder"],
        &["reply.pem", "--key", "missing.pem"],
        &["reply.pem", "--key", "folder"],
        &["reply.pem", "--request", "missing"],
        &["reply.pem", "--adopt", "--roots", "missing.pem"],
        &["reply.pem"],
    ] {
        world.run(&[&["import"], arguments].concat()).ended(1);
    }
}

#[test]
fn first_generation_is_due_until_it_is_assigned_or_waits_for_its_time() {
    let edge = Edge::new();
    let world = &edge.world;
    edge.generation(&[]);
    world
        .run(&["needs-renewal"])
        .ended(0)
        .said("not assigned yet");
    let in_an_hour = time::OffsetDateTime::now_utc() + time::Duration::hours(1);
    let in_an_hour = in_an_hour
        .replace_nanosecond(0)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    world
        .run(&["assign", "--effective-date", &in_an_hour])
        .ended(0);
    world.run(&["needs-renewal"]).ended(1);
    world.run(&["assign", "--unstage"]).ended(0);
    world.run(&["needs-renewal"]).ended(0);
}
