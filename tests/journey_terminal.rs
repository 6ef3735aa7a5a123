//! Commands at a terminal: what is asked there, and how what they tell is broken into lines.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/terminal.rs"]
mod terminal;
mod world;

use terminal::Terminal;
use world::{OpensslCa, World};

const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// A request that waits, with its key.
fn requested() -> World {
    let world = World::new();
    world.init();
    world.run(&["request"]).ended(0);
    world
}

fn remove(world: &World, typed: &str) -> (u32, String) {
    let command = world.command(&["remove", "external-edge"]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.shows("type its name (external-edge):");
    terminal.keys(typed);
    let code = terminal.ended();
    terminal.is_given_back();
    (code, terminal.screen())
}

#[test]
fn keys_go_only_where_the_whole_name_was_typed() {
    let world = requested();
    let before = world.files("edgecert.state");
    for (typed, code, why) in [
        ("maybe\r", 1, "\"maybe\" was typed, which is not its name"),
        ("y\r", 1, "\"y\" was typed, which is not its name"),
        ("external-edg\r", 1, "\"external-edg\" was typed"),
        ("\r", 1, "its name was not typed"),
        (CTRL_D, 130, "interrupted"),
        (CTRL_C, 130, "interrupted"),
        ("external-edge\u{3}", 130, "interrupted"),
    ] {
        let (ended, shown) = remove(&world, typed);
        assert_eq!(ended, code, "{typed:?}\n{shown}");
        for words in [
            why,
            "external-edge is not removed",
            "everything is as it was",
        ] {
            assert!(shown.contains(words), "{typed:?}: {words}\n{shown}");
        }
        assert_eq!(before, world.files("edgecert.state"), "{typed:?}");
    }
    // Nothing is taken before Enter, and a slip can be mended until then.
    let (ended, shown) = remove(&world, "maybe\u{15}external-edgy\u{7f}e\r");
    assert_eq!(ended, 0, "{shown}");
    assert!(shown.contains("removed: external-edge"), "{shown}");
    let again = world.run(&["remove", "external-edge", "--yes"]);
    again.ended(0).said("nothing to remove");
}

/// An edge with three generations that nobody has assigned, and a request that waits.
fn three_generations() -> World {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    for reply in ["one.pem", "two.pem", "three.pem"] {
        let made = world.run(&["request", "--new-key", "--json"]).ended(0);
        let csr = world.path(made.json()["result"]["csr"].as_str().unwrap());
        world.write(reply, ca.reply(&csr));
        world.run(&["import", reply]).ended(0);
    }
    world.run(&["request", "--new-key"]).ended(0);
    world
}

/// Words that stand in a text, the longest ones apart: what is wider than a terminal is broken by it.
fn words(text: &str) -> std::collections::BTreeSet<String> {
    text.split_whitespace()
        .filter(|word| word.chars().count() < 30)
        .map(str::to_owned)
        .collect()
}

#[test]
fn lines_are_broken_between_words_and_on_a_terminal_alone() {
    let world = three_generations();
    let reason = "a laptop was left in a train and nobody has seen it since then";
    world
        .run(&[
            "rekey",
            "external-edge/1",
            "--compromised",
            "--reason",
            reason,
        ])
        .ended(0);
    let rekeyed = ["rekey", "external-edge/2", "--compromised", "--dry-run"];
    // The head of a table falls away where it becomes blocks; commands and records of DNS are copied whole.
    for (arguments, passed_over) in [
        (&["list"][..], "  certificate "),
        (&["prune", "--keep", "2", "--dry-run"], "-"),
        (&["log"], "-"),
        (&rekeyed, "  "),
    ] {
        let piped = world.run(arguments).stdout;
        let lines = piped.lines().filter(|line| !line.starts_with(passed_over));
        let wanted = words(&lines.collect::<Vec<_>>().join("\n"));
        for columns in [40, 80] {
            let command = world.command(arguments);
            let mut terminal = Terminal::start(&command, columns, 200);
            terminal.ended();
            let shown = terminal.screen();
            let seen = words(&shown);
            let torn: Vec<&String> = wanted.difference(&seen).collect();
            assert!(
                torn.is_empty(),
                "{arguments:?} at {columns}: {torn:?}\n{shown}"
            );
        }
    }
    let log = world.run(&["log", "--json"]).ended(0).json();
    let journal = log["result"]["journal"].as_str().unwrap();
    assert!(std::path::Path::new(journal).is_absolute(), "{journal}");
    let log = world.run(&["log"]).ended(0);
    let log = log.said(&format!("generation 1 reason: {reason}\n"));
    assert!(!log.stdout.starts_with(' '), "{}", log.stdout);
}

#[test]
fn the_journal_is_named_whole_without_a_deployment_too() {
    let world = World::new();
    world
        .run(&[
            "request",
            "edge",
            "--fqdn",
            "edge.contoso.com",
            "--sip-domain",
            "contoso.com",
        ])
        .ended(0);
    let log = world.run(&["log", "--json"]).ended(0).json();
    let journal = log["result"]["journal"].as_str().unwrap();
    assert!(std::path::Path::new(journal).is_absolute(), "{journal}");
}
