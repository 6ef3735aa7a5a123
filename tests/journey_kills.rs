//! Commands killed at odd moments, and several at once: the state stays whole, no key is lost, and the next run goes on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use std::process::Stdio;
use std::time::Instant;

/// Rounds of commands that are killed; `EDGECERT_KILL_ROUNDS` makes them more.
const ROUNDS: u64 = 40;

/// Kinds of commands that are killed, in turn.
const KINDS: usize = 5;

/// A small generator, so that a failing round can be had again.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// One more reply that waits to be imported.
fn another(edge: &Edge) -> String {
    edge.signed(&["--another", "--new-key"], &[])
}

#[test]
fn kill_at_random_times_leaves_a_state_that_goes_on() {
    let (edge, _gateway) = Edge::assigned();
    edge.generation(&[]);
    let rounds =
        std::env::var("EDGECERT_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let mut killed = [0; KINDS];
    // How long each of them takes where nobody ends it: the first round of each.
    let mut whole = [None; KINDS];
    for round in 0..rounds {
        let which = usize::try_from(round).unwrap() % KINDS;
        let reply = if which == 4 {
            another(&edge)
        } else {
            String::new()
        };
        let arguments: &[&str] = match which {
            0 => &["request", "external-edge", "--another"],
            1 => &["assign", "external-edge/1"],
            2 => &["assign", "external-edge/2"],
            3 => &["rollback"],
            _ => &["import", &reply],
        };
        let Some(longest) = whole[which] else {
            let start = Instant::now();
            edge.world.run(arguments).ended(0);
            whole[which] = Some(start.elapsed());
            continue;
        };
        let mut child = edge
            .world
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let share = next(&mut seed) % 1_000;
        std::thread::sleep(longest * u32::try_from(share).unwrap() / 1_000);
        killed[which] += u32::from(child.try_wait().unwrap().is_none());
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
        if which == 4 {
            // Half taken in it would be refused: it is taken now, or was already.
            edge.world.run(&["import", &reply]).ended(0);
        }
    }
    println!("still running when they were killed: {killed:?} of {rounds}; {whole:?}");
    assert!(
        killed.iter().sum::<u32>() > 5,
        "only {killed:?} commands were still running when they were killed"
    );
    edge.world.run(&["assign", "external-edge/2"]).ended(0);
    edge.world.run(&["check"]).ended(0);
}

#[test]
fn different_commands_at_once_leave_one_sound_state() {
    let (edge, _gateway) = Edge::assigned();
    edge.generation(&[]);
    let replies = [another(&edge), another(&edge)];
    for number in [2, 10] {
        let commands: [&[&str]; 10] = [
            &["assign", "external-edge/1"],
            &["assign", "external-edge/2"],
            &["import", &replies[0]],
            &["import", &replies[1]],
            &["request", "external-edge", "--another"],
            &["rollback"],
            &["import", &replies[0]],
            &["prune"],
            &["assign", "external-edge/2"],
            &["check"],
        ];
        let children: Vec<_> = commands[..number]
            .iter()
            .map(|arguments| {
                let mut command = edge.world.command(arguments);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                (arguments, command.spawn().unwrap())
            })
            .collect();
        for (arguments, child) in children {
            let output = child.wait_with_output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let code = output.status.code();
            // `check` may look in the middle of an assignment, and may say so.
            let sound = code == Some(0) || arguments[0] == "check" && code <= Some(2);
            assert!(sound, "{arguments:?}: {code:?}\n{said}\n{told}");
            assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        }
        edge.served();
        edge.world.run(&["doctor"]).ended(0);
    }
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
