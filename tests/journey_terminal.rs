//! Commands at a terminal: what is asked there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/terminal.rs"]
mod terminal;
mod world;

use terminal::Terminal;
use world::World;

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
