//! Going back, by `rollback` or by a number: what was left does not wait, and what stays staged, or stays on another
//! gateway, is said.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/copies.rs"]
mod copies;
#[path = "world/edge.rs"]
mod edge;
mod world;

use copies::{due_with_two, in_days, lies_in, record, with_two};
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
