//! What is staged keeps what was said of it, is missed when nobody carries it out, and neither stops nor undoes another
//! decision; and gateways that only get copies, which nobody can prove.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/copies.rs"]
mod copies;
#[path = "world/edge.rs"]
mod edge;
mod world;

use copies::{
    RECORD, comes, due_with_two, in_days, lies_in, record, rfc3339, wants_more, with_two,
};
use edge::Edge;
use serde_json::{Value, json};
use world::World;

#[test]
fn what_is_staged_goes_to_the_gateways_that_were_named_and_to_no_other() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let stage = |gateway| {
        let day = in_days(3);
        let words = ["assign", "external-edge/2", "--effective-date", &day];
        world.run(&[&words[..], &["--gateway", gateway]].concat())
    };
    stage("fronk").ended(64).said("did you mean front?");
    assert_eq!(record(world)["staged"], Value::Null);
    stage("front").ended(0).said(" on front · by");
    world.run(&["list"]).ended(0).said(" on front");
    world.run(&["log"]).ended(0).said("on front");
    comes(world, time::Duration::minutes(2));
    world
        .run(&["assign", "--due", "--gateway", "chat"])
        .ended(64);
    world.run(&["assign", "--due"]).ended(0);
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 1));
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn a_rollout_goes_gateway_by_gateway() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let assign = |gateway| {
        let words = ["assign", "external-edge/2", "--gateway", gateway];
        world.run(&words).ended(0).said("is live");
    };
    let day = in_days(3);
    let stage = |only: &[&str]| {
        let words = ["assign", "external-edge/2", "--effective-date", &day];
        let ran = world.run(&[&words[..], only].concat());
        ran.ended(0).said("staged: external-edge/2")
    };
    // The second half is staged before the first one is done, or for all, or after it.
    for (only, staged_first) in [
        (&["--gateway", "chat"][..], true),
        (&[][..], true),
        (&["--gateway", "chat"][..], false),
    ] {
        world.run(&["assign", "external-edge/1"]).ended(0);
        if staged_first {
            stage(only);
            assign("front");
        } else {
            assign("front");
            stage(only);
        }
        assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
        assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 1));
        world
            .run(&[
                "assign",
                "external-edge/2",
                "--effective-date",
                &day,
                "--gateway",
                "front",
            ])
            .ended(0)
            .said("external-edge/2 is live already, and external-edge/2 stays staged");
        comes(world, time::Duration::minutes(2));
        world.run(&["assign", "--due"]).ended(0).said("is live");
        assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 2));
        assert_eq!(record(world)["staged"], Value::Null);
        world
            .run(&["assign", "external-edge/2", "--effective-date", &day])
            .ended(0)
            .said("live already: nothing to stage");
    }
    // What was staged for the rest is done by hand.
    world.run(&["assign", "external-edge/1"]).ended(0);
    stage(&[]);
    assign("front");
    assign("chat");
    assert_eq!(record(world)["staged"], Value::Null);
}

#[test]
fn a_name_of_no_gateway_in_what_is_staged_is_not_taken_for_all_of_them() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let day = in_days(3);
    world
        .run(&["assign", "--effective-date", &day, "--gateway", "chat"])
        .ended(0);
    comes(world, time::Duration::minutes(2));
    let mut spoiled = record(world);
    spoiled["staged"]["gateways"] = json!(["Chat Room"]);
    world.write(RECORD, spoiled.to_string());
    world
        .run(&["assign", "--due"])
        .ended(1)
        .said("Chat Room")
        .said("edgecert assign external-edge --unstage");
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (1, 1));
}

#[test]
fn a_gateway_that_has_left_the_deployment_is_told_with_the_way_out() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let day = in_days(3);
    world
        .run(&["assign", "--effective-date", &day, "--gateway", "chat"])
        .ended(0);
    comes(world, time::Duration::minutes(2));
    let text = world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.files.chat]").unwrap();
    world.write("edgecert.toml", head);
    world
        .run(&["assign", "--due"])
        .ended(1)
        .said("chat is no gateway of external-edge")
        .said("edgecert assign external-edge --unstage");
}

#[test]
fn what_is_let_through_when_it_is_staged_is_let_through_when_its_time_has_come() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    wants_more(world);
    let day = in_days(3);
    let stage = ["assign", "--effective-date", &day];
    world.run(&stage).ended(1).said("fabrikam.com");
    let accept = ["--accept", "names.missing", "--reason", "it follows"];
    let knowingly = [&stage[..], &accept].concat();
    world
        .run(&[&knowingly[..], &["--dry-run"]].concat())
        .ended(0)
        .said("names.missing is let through");
    let told = world.run(&[&knowingly[..], &["--json"]].concat()).ended(0);
    let staged = &told.json()["result"]["staged"];
    assert_eq!(staged["accepted"][0]["reason"], "it follows");
    world
        .run(&["log"])
        .ended(0)
        .said("accepted names.missing (it follows)");
    let again = world.run(&knowingly).ended(0).said("nothing to do");
    assert!(!again.stdout.contains("staged: "), "{}", again.stdout);
    comes(world, time::Duration::minutes(2));
    world.run(&["assign", "--due"]).ended(0);
    assert_eq!(lies_in(world, "front"), 2);
}

#[test]
fn what_cannot_be_staged_is_refused_and_not_dropped() {
    let edge = with_two(&["front"]);
    let before = edge.world.files("edgecert.state");
    let day = in_days(3);
    for (flags, mend) in [
        (&["--write-config"][..], "assign --due --write-config"),
        (&["--on-failure", "keep"], "assign --due --on-failure keep"),
        (&["--end-sessions"], "--effective-date"),
    ] {
        let words = [&["assign", "--effective-date", &day][..], flags].concat();
        edge.world.run(&words).ended(64).said(mend);
    }
    assert_eq!(before, edge.world.files("edgecert.state"));
}

#[test]
fn what_nobody_assigns_is_missed_by_everything_that_looks() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    let day = in_days(3);
    world.run(&["assign", "--effective-date", &day]).ended(0);
    let codes = |command| {
        let document = world.run(&[command, "--json"]).json();
        let found = document["findings"].as_array().unwrap().clone();
        let codes = found.iter().map(|one| one["code"].as_str().unwrap());
        codes.map(str::to_owned).collect::<Vec<_>>()
    };
    let overdue = "live.staging-overdue".to_owned();
    // Within the hour the timer has its time.
    for ago in [time::Duration::days(-3), time::Duration::minutes(50)] {
        comes(world, ago);
        assert!(!codes("check").contains(&overdue));
        assert!(!codes("doctor").contains(&overdue));
        let list = world.run(&["list"]).ended(0);
        assert!(!list.stdout.contains("overdue"), "{}", list.stdout);
    }
    comes(world, time::Duration::days(14));
    assert!(codes("check").contains(&overdue));
    assert!(codes("doctor").contains(&overdue));
    for command in ["check", "doctor"] {
        world
            .run(&[command])
            .said("nobody assigned it when its time had come")
            .said("edgecert assign external-edge --unstage");
    }
    let list = world.run(&["list"]).ended(0).said("(overdue)");
    assert!(list.stdout.contains("next: edgecert assign --due"));
    world.run(&["show"]).ended(0).said("(overdue)");
    let list = world.run(&["list", "--json"]).ended(0).json();
    let staged = &list["result"]["certificates"][0]["staged"];
    assert_eq!(staged["overdue"], true, "{list:#}");
}

#[test]
fn a_staging_that_was_missed_does_not_stop_the_renewal() {
    let edge = due_with_two();
    let world = &edge.world;
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    world.run(&["assign", "--effective-date", &hours]).ended(0);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("`edgecert assign --due` makes it current then");
    comes(world, time::Duration::days(14));
    world
        .run(&["renew", "--due", "--dry-run"])
        .ended(0)
        .said("would be assigned");
    assert_eq!(lies_in(world, "front"), 1);
    let ran = world.run(&["renew", "--due", "--json"]).ended(0).json();
    let done = &ran["result"]["certificates"][0];
    assert_eq!(done["action"], "assigned", "{ran:#}");
    assert_eq!(done["result"]["assign"]["plan"]["to"], 2, "{ran:#}");
    assert_eq!(ran["changed"], true);
    assert_eq!(lies_in(world, "front"), 2);
    world.run(&["renew", "--due"]).ended(0).said("was made");
}

#[test]
fn a_staging_that_is_missed_and_cannot_be_assigned_is_no_success() {
    let edge = due_with_two();
    let world = &edge.world;
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    world.run(&["assign", "--effective-date", &hours]).ended(0);
    comes(world, time::Duration::days(14));
    wants_more(world);
    let ran = world.run(&["renew", "--due"]).ended(1).said("fabrikam.com");
    let told = ran.stderr.matches("external-edge/2 must not go live");
    assert_eq!(told.count(), 1, "{}", ran.stderr);
}

#[test]
fn a_way_back_that_was_staged_and_missed_is_gone_by_whoever_looks() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world.run(&["assign"]).ended(0);
    let back = ["assign", "external-edge/1", "--effective-date", &in_days(3)];
    world.run(&back).ended(0);
    comes(world, time::Duration::days(2));
    world
        .run(&["check"])
        .said("nobody assigned it when its time had come");
    let told = world.run(&["needs-renewal", "--json"]).ended(0).json();
    let told = &told["result"]["certificates"][0];
    assert_eq!(told["because"], "staging-missed", "{told:#}");
    world
        .run(&["needs-renewal"])
        .ended(0)
        .said("due       external-edge/1: was staged for ");
    for command in [
        &["renew", "--dry-run"][..],
        &["renew", "--due", "--dry-run"],
    ] {
        world.run(command).ended(0).said("would be assigned");
    }
    world.run(&["renew", "--due"]).ended(0).said("is live");
    assert_eq!(lies_in(world, "front"), 1);
    world.run(&["needs-renewal"]).ended(1);
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn what_is_live_must_last_until_what_is_staged_takes_its_place() {
    let edge = due_with_two();
    let world = &edge.world;
    let stage = |words: &[&str]| world.run(&[&["assign", "--effective-date"], words].concat());
    // The next one lives for a month; what is live for a day.
    edge.generation(&["--days", "30"]);
    let late = in_days(3);
    for more in [&[][..], &["--dry-run"], &["--gateway", "front"]] {
        stage(&[&[late.as_str()], more].concat())
            .ended(1)
            .said("external-edge/1 will have ended before external-edge/3 becomes current")
            .said("assign it now: `edgecert assign external-edge/3`");
    }
    assert_eq!(record(world)["staged"], Value::Null);
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    stage(&[&hours]).ended(0);
    // An older program took it.
    let mut older = record(world);
    older["staged"]["effective"] = json!(late);
    world.write(RECORD, older.to_string());
    world
        .run(&["renew", "--due"])
        .ended(0)
        .said("that is too late to wait for")
        .said("waits: `edgecert assign external-edge/3`");
}

#[test]
fn a_newer_generation_that_is_assigned_by_hand_overtakes_what_is_staged() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    world
        .run(&["assign", "external-edge/2", "--effective-date", &in_days(1)])
        .ended(0);
    edge.generation(&[]);
    world
        .run(&["assign", "external-edge/3"])
        .ended(0)
        .said("what was staged of external-edge, generation 2, is overtaken");
    assert!(record(world)["staged"].is_null(), "{}", record(world));
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("nothing is due");
    assert_eq!(lies_in(world, "front"), 3);
}

#[test]
fn a_generation_that_was_rolled_back_does_not_wait_to_be_assigned() {
    let edge = due_with_two();
    let world = &edge.world;
    world
        .run(&["renew", "--dry-run"])
        .ended(0)
        .said("waits: `edgecert assign external-edge/2`");
    world.run(&["assign"]).ended(0);
    world.run(&["rollback"]).ended(0);
    world
        .run(&["renew", "--dry-run"])
        .ended(0)
        .said("would ask public-dv");
    let ran = world.run(&["renew", "--due"]).ended(0).said("was made");
    assert!(!ran.stdout.contains("→ 2"), "{}", ran.stdout);
    assert_eq!(lies_in(world, "front"), 1);
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
}

#[test]
fn a_date_that_is_past_switches_nothing() {
    let edge = with_two(&["front"]);
    let world = &edge.world;
    let before = world.files("edgecert.state");
    let slip = in_days(-365);
    for more in [&[][..], &["--dry-run"], &["--json"]] {
        let words = [&["assign", "--effective-date", &slip][..], more].concat();
        world
            .run(&words)
            .ended(64)
            .said("the date to stage for is past")
            .said("leave --effective-date out to assign now, or name a later one");
    }
    assert_eq!(before, world.files("edgecert.state"));
    assert_eq!(lies_in(world, "front"), 1);
    // Clocks differ.
    let now = rfc3339(time::OffsetDateTime::now_utc() - time::Duration::seconds(5));
    world.run(&["assign", "--effective-date", &now]).ended(0);
    assert_eq!(lies_in(world, "front"), 2);
}

/// What the reload of a gateway is to be.
fn reload_with(world: &World, gateway: &str, program: &str) {
    let head = format!("[gateway.files.{gateway}]\n");
    let text: Vec<String> = world
        .read("edgecert.toml")
        .lines()
        .filter(|line| !line.starts_with("reload = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let told = format!("{head}reload = [\"{program}\"]\n");
    world.write("edgecert.toml", text.concat().replacen(&head, &told, 1));
}

fn kept(world: &World) -> usize {
    world.files("edgecert.state/replaced").len()
}

#[test]
fn a_copy_that_nobody_can_prove_is_told_as_written() {
    let edge = Edge::of_copies(&["copy"]);
    let world = &edge.world;
    edge.generation(&[]);
    let ran = world.run(&["assign"]).ended(0).said("✓ written in ");
    assert!(!ran.stdout.contains("reloaded"), "{}", ran.stdout);
    let noted = &record(world)["gateways"]["copy"];
    assert!(noted["proved"].is_null(), "{noted:#}");
    for command in ["list", "show"] {
        world.run(&[command]).ended(0).said(", not proved");
    }
    let list = world.run(&["list", "--json"]).ended(0).json();
    let told = &list["result"]["certificates"][0]["gateways"][0];
    assert!(told["proved"].is_null() && told["written"].is_string());
    // Nothing is new, and nothing is done.
    world.run(&["assign"]).ended(0).said("nothing to do");
    // A record that an older program has written.
    let mut old = record(world);
    let gateway = old["gateways"]["copy"].as_object_mut().unwrap();
    let placed = gateway.remove("placed").unwrap();
    gateway.insert("proved".into(), placed);
    world.write(RECORD, old.to_string());
    world.run(&["list"]).ended(0).said("copy (proved ");
    reload_with(world, "copy", "/bin/true");
    edge.generation(&[]);
    world
        .run(&["assign"])
        .ended(0)
        .said("✓ written and reloaded in ");
}

#[test]
fn our_own_files_stay_ours_when_an_assignment_fails() {
    let edge = with_two(&["copy"]);
    let world = &edge.world;
    for how in ["rollback", "keep"] {
        reload_with(world, "copy", "/bin/false");
        let ran = world
            .run(&["assign", "--on-failure", how])
            .ended(4)
            .said("copy: not proved (no listener of it is known)");
        assert!(!ran.stderr.contains("proved; "), "{}", ran.stderr);
        assert_eq!(lies_in(world, "copy"), if how == "keep" { 2 } else { 1 });
        world
            .run(&["list"])
            .ended(0)
            .said("not proved since an assignment failed");
    }
    let before = kept(world);
    reload_with(world, "copy", "/bin/true");
    // Live already, and it is not known what the server has loaded.
    let ran = world.run(&["assign", "--json"]).ended(0).json();
    assert_eq!(ran["changed"], true, "{ran:#}");
    edge.generation(&[]);
    let ran = world.run(&["assign"]).ended(0);
    assert!(!ran.stderr.contains("did not write"), "{}", ran.stderr);
    assert_eq!((kept(world), lies_in(world, "copy")), (before, 3));
}

#[test]
fn what_a_server_has_loaded_is_not_known_once_its_files_were_put_back() {
    let edge = with_two(&["copy"]);
    let world = &edge.world;
    world.write("killed.sh", "#!/bin/sh\nkill -9 $PPID\n");
    let killed = world.path("killed.sh");
    std::fs::set_permissions(&killed, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    reload_with(world, "copy", killed.to_str().unwrap());
    assert_eq!(world.run(&["assign"]).code, 128 + 9);
    assert_eq!(lies_in(world, "copy"), 2);
    reload_with(world, "copy", "/bin/true");
    let text = world.read("edgecert.toml");
    let (without, _) = text.split_once("\n[gateway.files.copy]").unwrap();
    world.write("edgecert.toml", without);
    world
        .run(&["assign"])
        .ended(4)
        .said("its 2 files were put back");
    assert_eq!(lies_in(world, "copy"), 1);
    world.write("edgecert.toml", &text);
    world
        .run(&["list"])
        .ended(0)
        .said("not proved since an assignment failed");
    // Its files are what they were; it may have the other ones in memory.
    let ran = world.run(&["assign", "external-edge/1", "--json"]);
    let ran = ran.ended(0).json();
    assert_eq!(ran["changed"], true, "{ran:#}");
    let before = kept(world);
    let ran = world.run(&["assign", "external-edge/2"]).ended(0);
    assert!(!ran.stderr.contains("did not write"), "{}", ran.stderr);
    assert_eq!(kept(world), before);
}

#[test]
fn what_is_staged_ends_once_every_gateway_has_it() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let day = in_days(3);
    let assign = |gateway| world.run(&["assign", "external-edge/2", "--gateway", gateway]);
    let all = ["assign", "external-edge/2", "--effective-date", &day];
    assign("front").ended(0);
    world.run(&all).ended(0).said(" on chat · by");
    assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
    assign("chat").ended(0);
    assert_eq!(record(world)["staged"], Value::Null);
    // The gateway that has not got it leaves the deployment.
    world.run(&["assign", "external-edge/1"]).ended(0);
    world.run(&all).ended(0);
    assign("front").ended(0);
    let mut staged = record(world);
    staged["staged"]["gateways"] = json!([]);
    world.write(RECORD, staged.to_string());
    comes(world, time::Duration::hours(2));
    let text = world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.files.chat]").unwrap();
    world.write("edgecert.toml", head);
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("external-edge/2 is staged no longer");
    assert_eq!(record(world)["staged"], Value::Null);
    world.run(&["log"]).ended(0).said("unstage");
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("nothing is due");
}

#[test]
fn what_was_not_reached_stays_staged_where_a_failure_is_kept() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let day = in_days(3);
    world.run(&["assign", "--effective-date", &day]).ended(0);
    comes(world, time::Duration::minutes(2));
    reload_with(world, "front", "/bin/false");
    world
        .run(&["assign", "--due", "--on-failure", "keep"])
        .ended(4);
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 1));
    assert_eq!(record(world)["staged"]["generation"], 2);
    reload_with(world, "front", "/bin/true");
    world.run(&["assign", "--due"]).ended(0);
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (2, 2));
    assert_eq!(record(world)["staged"], Value::Null);
}

#[test]
fn files_of_strangers_are_kept_where_a_failure_is_kept() {
    let edge = Edge::of_copies(&["front"]);
    let world = &edge.world;
    edge.generation(&[]);
    for name in ["edge.pem", "edge.key"] {
        world.write(&format!("front/{name}"), "theirs");
    }
    reload_with(world, "front", "/bin/false");
    world
        .run(&["assign", "--on-failure", "keep"])
        .ended(4)
        .said("the files of before lie in ");
    assert_ne!(kept(world), 0);
}

#[test]
fn a_second_staging_joins_the_first_or_says_what_it_replaces() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    let stage = |day: &str, gateway| {
        let words = ["assign", "external-edge/2", "--effective-date", day];
        let ran = world.run(&[&words[..], &["--gateway", gateway]].concat());
        ran.ended(0)
    };
    let day = in_days(3);
    let instead = "in place of what was staged";
    stage(&day, "front");
    let ran = stage(&day, "chat").said(" on front, chat · by");
    assert!(!ran.stdout.contains(instead), "{}", ran.stdout);
    assert_eq!(
        record(world)["staged"]["gateways"],
        json!(["front", "chat"])
    );
    stage(&day, "front").said("already: nothing to do");
    stage(&in_days(4), "chat")
        .said("in place of what was staged: external-edge/2 for ")
        .said(" on front, chat\n");
    assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
}

#[test]
fn a_staging_for_one_gateway_keeps_no_renewal_waiting() {
    let edge = due_with_two();
    let world = &edge.world;
    edge.add_copy("chat");
    world
        .run(&["assign", "external-edge/1", "--gateway", "chat"])
        .ended(0);
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    let stage = |gateway| {
        let words = ["assign", "external-edge/2", "--effective-date", &hours];
        world
            .run(&[&words[..], &["--gateway", gateway]].concat())
            .ended(0)
    };
    let due = ["renew", "--due", "--dry-run"];
    stage("front");
    world
        .run(&due)
        .ended(0)
        .said(" on front alone: the other gateways do not wait for that")
        .said("waits: `edgecert assign external-edge/2 --gateway chat`");
    stage("chat");
    world
        .run(&due)
        .ended(0)
        .said("`edgecert assign --due` makes it current then");
    // One that is current already is not the next one.
    world
        .run(&["assign", "external-edge/2", "--gateway", "front"])
        .ended(0);
    assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
    world.run(&due).ended(0).said("would ask public-dv");
}

#[test]
fn a_renewal_that_goes_on_without_a_gateway_leaves_it_its_time() {
    let edge = due_with_two();
    let world = &edge.world;
    edge.add_copy("chat");
    let text = world.read("edgecert.toml");
    let with = "profile = \"public-dv\"\nsubmit = [\"/bin/true\"]";
    world.write(
        "edgecert.toml",
        text.replacen("profile = \"public-dv\"", with, 1),
    );
    world
        .run(&["assign", "external-edge/1", "--gateway", "chat"])
        .ended(0);
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    let stage = ["assign", "external-edge/2", "--effective-date", &hours];
    world
        .run(&[&stage[..], &["--gateway", "front"]].concat())
        .ended(0);
    world.run(&["renew", "--due"]).ended(0).said("is live");
    assert_eq!((lies_in(world, "front"), lies_in(world, "chat")), (1, 2));
    assert_eq!(record(world)["staged"]["gateways"], json!(["front"]));
}

#[test]
fn a_staging_for_a_gateway_that_has_left_ends_once_all_that_are_there_have_it() {
    let edge = with_two(&["front", "chat"]);
    let world = &edge.world;
    world
        .run(&["assign", "--effective-date", &in_days(3)])
        .ended(0);
    comes(world, time::Duration::hours(2));
    world
        .run(&["assign", "external-edge/2", "--gateway", "front"])
        .ended(0);
    assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
    let text = world.read("edgecert.toml");
    let (without, _) = text.split_once("\n[gateway.files.chat]").unwrap();
    world.write("edgecert.toml", without);
    world
        .run(&["assign", "--due", "--dry-run"])
        .ended(0)
        .said("external-edge/2 would be staged no longer");
    assert_eq!(record(world)["staged"]["gateways"], json!(["chat"]));
    world
        .run(&["assign", "--due"])
        .ended(0)
        .said("external-edge/2 is staged no longer");
    assert_eq!(record(world)["staged"], Value::Null);
    world.run(&["log"]).ended(0).said("unstage");
}

#[test]
fn a_gap_is_seen_where_a_gateway_has_another_name_since() {
    let edge = due_with_two();
    let world = &edge.world;
    edge.generation(&["--days", "30"]);
    let text = world.read("edgecert.toml");
    let text = text.replace("gateway.files.front", "gateway.files.fresh");
    world.write("edgecert.toml", text);
    world
        .run(&["assign", "--effective-date", &in_days(3)])
        .ended(1)
        .said("external-edge/1, which is live, ends on");
}

#[test]
fn a_document_has_the_findings_of_what_was_staged_and_is_assigned_by_a_renewal() {
    let edge = due_with_two();
    let world = &edge.world;
    let hours = rfc3339(time::OffsetDateTime::now_utc() + time::Duration::hours(3));
    world.run(&["assign", "--effective-date", &hours]).ended(0);
    comes(world, time::Duration::days(14));
    edge.add_copy("chat");
    world.write("chat/edge.pem", "theirs");
    let ran = world.run(&["renew", "--due", "--json"]).ended(0).json();
    let found = ran["findings"].as_array().unwrap();
    let replaced = |one: &Value| one["code"] == "gateway.pair-replaced";
    assert_eq!(
        found.iter().filter(|one| replaced(one)).count(),
        1,
        "{ran:#}"
    );
}
