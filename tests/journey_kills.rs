//! Commands killed at odd moments, and several at once: the state stays whole, no key is lost, and the next run goes on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use std::process::Stdio;
use std::time::Duration;

/// Rounds of commands that are killed.
const ROUNDS: u64 = 40;

/// The longest a command lives in these rounds, in microseconds; a whole assign takes longer.
const LONGEST: u64 = 60_000;

/// A small generator, so that a failing round can be had again.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn kill_at_random_times_leaves_a_state_that_goes_on() {
    let (edge, _gateway) = Edge::assigned();
    edge.generation(&[]);
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let mut killed = 0;
    for round in 0..ROUNDS {
        let arguments: &[&str] = match round % 4 {
            0 => &["request", "external-edge", "--another"],
            1 => &["assign", "external-edge/1"],
            2 => &["assign", "external-edge/2"],
            _ => &["rollback"],
        };
        let mut child = edge
            .world
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(next(&mut seed) % LONGEST));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        edge.world.run(&["log"]).ended(0);
        edge.served();
        for (name, bytes) in edge.world.files("edgecert.state") {
            // What a killed writer left under a temporary name is swept by the next one, and read by nobody.
            if name.ends_with("privkey.pem") && !name.contains(".edgecert-tmp-") {
                assert!(
                    String::from_utf8_lossy(&bytes).ends_with("-----END PRIVATE KEY-----\n"),
                    "round {round}: {name} is cut"
                );
            }
        }
    }
    assert!(
        killed > 5,
        "only {killed} commands were still running when they were killed"
    );
    edge.world.run(&["assign", "external-edge/2"]).ended(0);
    edge.world.run(&["check"]).ended(0);
}

#[test]
fn commands_at_once_wait_for_each_other() {
    let edge = Edge::new();
    let children: Vec<_> = (0..10)
        .map(|_| {
            edge.world
                .command(&["request", "external-edge", "--another", "--json"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut ids: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            document["result"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 10, "{ids:?}");
    edge.world.run(&["log"]).ended(0);
}
