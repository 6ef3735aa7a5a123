//! What there is, what was done, what will go wrong, and what goes away: list, show, log, doctor, prune, remove, and
//! the manual.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/schema.rs"]
mod schema;
mod world;

use edge::Edge;
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use world::World;

const READABLE_BY_ALL: u32 = 0o644;

/// A document that is what its schema says.
#[track_caller]
fn document(world: &World, arguments: &[&str], code: i32) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.push("--json");
    let ran = world.run(&arguments).ended(code);
    let document = ran.json();
    assert_eq!(document["exit_code"], code, "{document:#}");
    schema::insist(world, &document);
    document
}

fn codes(document: &Value) -> Vec<&str> {
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[test]
fn nothing_yet_is_said_and_no_error() {
    let world = World::new();
    world.run(&["list"]).ended(0).said("no state yet");
    let list = document(&world, &["list"], 0);
    assert_eq!(list["result"]["certificates"], serde_json::json!([]));
    world
        .run(&["show"])
        .ended(64)
        .said("there is no certificate yet");
    world
        .run(&["show", "edge"])
        .ended(64)
        .said("no certificate named \"edge\"");
    world.run(&["log"]).ended(3);
    world.run(&["prune"]).ended(0).said("nothing to prune");
    world
        .run(&["doctor"])
        .ended(1)
        .said("there is no deployment file");
    assert_eq!(
        std::fs::read_dir(world.folder()).unwrap().count(),
        0,
        "readers write nothing"
    );
}

#[test]
fn a_whole_life_is_listed_shown_and_logged() {
    let edge = Edge::new();
    let world = &edge.world;
    world
        .run(&["list"])
        .ended(0)
        .said("next: edgecert request external-edge");
    edge.generation(&[]);
    world
        .run(&["list"])
        .ended(0)
        .said("edgecert assign external-edge/1");
    let gateway = edge.start();
    world.run(&["assign"]).ended(0);
    edge.generation(&[]);
    world
        .run(&["request", "external-edge", "--new-key"])
        .ended(0);

    let list = document(world, &["list"], 0);
    let one = &list["result"]["certificates"][0];
    assert_eq!(one["name"], "external-edge");
    assert_eq!(one["current"], 1);
    assert_eq!(one["generations"], serde_json::json!([1, 2]));
    assert_eq!(one["gateways"][0]["gateway"], "front");
    assert_eq!(
        one["requests"].as_array().unwrap().len(),
        1,
        "only what waits"
    );
    world
        .run(&["list"])
        .ended(0)
        .said("front")
        .said("external-edge/2 waits to be assigned, imported ")
        .said("waits for the reply to request");

    let show = document(world, &["show"], 0);
    assert_eq!(show["result"]["generation"]["number"], 1);
    assert_eq!(show["result"]["generation"]["role"], "current");
    let paths = &show["result"]["generation"]["paths"];
    assert!(world.path(paths["fullchain"].as_str().unwrap()).is_file());
    assert_eq!(
        show["result"]["generation"]["chain"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let text = world.run(&["show", "external-edge/2"]).ended(0).stdout;
    for words in [
        "external-edge/2 (imported)",
        "SIP domain contoso.com",
        "stored plain",
        "live on",
        "answers request",
        "next: edgecert assign external-edge/2",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains("PRIVATE"), "{text}");
    world
        .run(&["show", "external-edge/7"])
        .ended(64)
        .said("external-edge has 1, 2");
    world
        .run(&["show", "external-egde"])
        .ended(64)
        .said("did you mean external-edge?");
    world
        .run(&["show", "external-edge/0"])
        .ended(64)
        .said("numbered from 1");

    let log = document(world, &["log"], 0);
    let actions: Vec<&str> = log["result"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "request", "import", "assign", "request", "import", "request"
        ]
    );
    world
        .run(&["log", "--last", "4"])
        .ended(0)
        .said("assign")
        .said("→ 1 on front");
    document(world, &["log", "other"], 3);
    let none = document(world, &["log", "--since", "2999-01-01T00:00:00Z"], 0);
    assert_eq!(none["result"]["entries"], serde_json::json!([]));
    assert_eq!(none["result"]["lines"], 6, "all of it is verified");
    world
        .run(&["log", "--since", "2999-01-01T00:00:00Z"])
        .ended(0)
        .said("no line of the journal is about that");
    world
        .run(&["log", "--since", "yesterday"])
        .ended(3)
        .said("RFC 3339");

    let doctor = document(world, &["doctor"], 0);
    assert_eq!(codes(&doctor), [""; 0]);
    drop(gateway);
    let doctor = document(world, &["doctor"], 1);
    assert_eq!(codes(&doctor), ["doctor.gateway-down"]);
}

#[test]
fn the_key_that_is_listed_is_the_one_of_the_leaf() {
    let edge = Edge::new();
    let world = &edge.world;
    let wanted = "[key]\ntype = \"ec384\"\n";
    let text = world.read("edgecert.toml");
    world.write("edgecert.toml", text.replacen("# [key]\n", wanted, 1));
    let key = |world: &World| {
        let list = document(world, &["list"], 0);
        list["result"]["certificates"][0]["key_type"].clone()
    };
    // Nothing is there yet: the wish.
    assert_eq!(key(world), "ec384");
    edge.generation(&[]);
    let other = "[key]\ntype = \"rsa2048\"\n";
    let text = world.read("edgecert.toml");
    world.write("edgecert.toml", text.replacen(wanted, other, 1));
    assert_eq!(key(world), "ec384");
    world.run(&["show"]).ended(0).said("EC P-384");
    // Adopted where no deployment and no request says anything.
    let alone = World::new();
    let lies = "edgecert.state/archive/external-edge/1";
    for file in ["fullchain.pem", "privkey.pem"] {
        alone.write(file, world.read(&format!("{lies}/{file}")));
    }
    alone.write("root.pem", world.read("ca/root.pem"));
    let words = ["import", "fullchain.pem", "privkey.pem", "--adopt"];
    let roots = ["--roots", "root.pem"];
    alone.run(&[&words[..], &roots].concat()).ended(0);
    assert_eq!(key(&alone), "ec384");
    alone.run(&["list"]).ended(0).said("ec384");
}

#[test]
fn a_changed_journal_is_critical_and_a_torn_one_a_warning() {
    let edge = Edge::new();
    edge.generation(&[]);
    let world = &edge.world;
    let path = "edgecert.state/journal.jsonl";
    let whole = world.read(path);
    world.write(path, format!("{whole}{{\"seq\":3,"));
    let log = document(world, &["log"], 1);
    assert_eq!(log["result"]["state"], "torn-last-line");
    assert_eq!(codes(&log), ["doctor.journal-torn"]);
    world.write(path, whole.replacen("ec256", "ec384", 1));
    let log = document(world, &["log"], 2);
    assert_eq!(log["result"]["line"], 2);
    world
        .run(&["log"])
        .ended(2)
        .said("the chain of the journal breaks at line 2");
    let doctor = document(world, &["doctor"], 2);
    assert!(
        codes(&doctor).contains(&"doctor.journal-broken"),
        "{doctor:#}"
    );
    // the last line, as a clock far ahead would have written it
    let (first, last) = whole.trim_end().split_once('\n').unwrap();
    let mut entry: Value = serde_json::from_str(last).unwrap();
    entry["time"] = "2999-01-01T00:00:00Z".into();
    world.write(path, format!("{first}\n{entry}\n"));
    let doctor = document(world, &["doctor"], 1);
    assert!(codes(&doctor).contains(&"doctor.clock-step"), "{doctor:#}");
}

#[test]
fn doctor_finds_what_will_go_wrong() {
    let edge = Edge::new();
    edge.generation(&[]);
    let world = &edge.world;
    let chmod = |path: &str, mode| {
        std::fs::set_permissions(world.path(path), Permissions::from_mode(mode)).unwrap();
    };
    chmod(
        "edgecert.state/archive/external-edge/1/privkey.pem",
        READABLE_BY_ALL,
    );
    let doctor = document(world, &["doctor"], 2);
    assert!(codes(&doctor).contains(&"doctor.state-mode"), "{doctor:#}");
    world.run(&["doctor"]).ended(2).said("chmod 0600");
    chmod("edgecert.state/archive/external-edge/1/privkey.pem", 0o600);

    std::os::unix::fs::symlink(
        "../archive/external-edge/9",
        world.path("edgecert.state/live/external-edge"),
    )
    .unwrap();
    let doctor = document(world, &["doctor"], 2);
    assert!(codes(&doctor).contains(&"doctor.live"), "{doctor:#}");
    std::fs::remove_file(world.path("edgecert.state/live/external-edge")).unwrap();

    let taken = std::net::TcpListener::bind(edge.listeners[0]).unwrap();
    world.write("edgecert.gateway/front/front.sock", "");
    let doctor = document(world, &["doctor"], 2);
    let found = codes(&doctor);
    assert!(
        found.contains(&"doctor.port") && found.contains(&"doctor.socket"),
        "{doctor:#}"
    );
    drop(taken);

    let sound = world.read("edgecert.toml");
    world.write(
        "edgecert.toml",
        sound.replacen("ca/root.pem", "ca/none.pem", 1),
    );
    let doctor = document(world, &["doctor"], 2);
    assert!(codes(&doctor).contains(&"doctor.roots"), "{doctor:#}");
    world.write("edgecert.toml", sound.replacen("fqdn", "fdqn", 1));
    let doctor = document(world, &["doctor"], 2);
    assert!(codes(&doctor).contains(&"doctor.deployment"), "{doctor:#}");
    world.run(&["doctor"]).ended(2).said("fqdn");
    world.write("edgecert.toml", &sound);

    world.write("other/file", "not ours");
    let doctor = document(world, &["doctor", "--state", "other"], 2);
    assert!(codes(&doctor).contains(&"doctor.state"), "{doctor:#}");
}

#[test]
fn a_restored_state_says_that_live_leaves_are_newer() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    let copy = |from: &str, to: &str| {
        let status = std::process::Command::new("cp")
            .args(["-a", from, to])
            .current_dir(world.folder())
            .status()
            .unwrap();
        assert!(status.success());
    };
    copy("edgecert.state", "backup");
    edge.generation(&[]);
    world.run(&["assign"]).ended(0);
    let doctor = document(world, &["doctor", "--state", "backup"], 1);
    assert_eq!(codes(&doctor), ["doctor.newer-live"]);
    world
        .run(&["list", "--state", "backup"])
        .ended(0)
        .said("external-edge");
}

#[test]
fn only_old_generations_are_pruned() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    for _ in 0..3 {
        edge.generation(&[]);
        world.run(&["assign"]).ended(0);
    }
    edge.generation(&[]);
    let before = world.files("edgecert.state");
    world
        .run(&["prune", "--keep", "0", "--dry-run"])
        .ended(0)
        .said("would remove generations 1, 2");
    assert_eq!(before, world.files("edgecert.state"));
    let pruned = document(world, &["prune", "--keep", "1"], 0);
    assert_eq!(pruned["changed"], true);
    assert_eq!(
        pruned["result"]["certificates"][0]["removed"],
        serde_json::json!([1])
    );
    let again = document(world, &["prune", "--keep", "1"], 0);
    assert_eq!(again["changed"], false);
    world
        .run(&["prune"])
        .ended(0)
        .said("nothing to remove")
        .said("external-edge: kept 2 (old, and not more than are to be kept), 3 (previous, for `rollback`), 4 (current)")
        .said("5 (newer than the current one)");
    world
        .run(&["prune", "external-egde"])
        .ended(64)
        .said("did you mean external-edge?");
    world.run(&["log", "--last", "1"]).ended(0).said("prune");
    world.run(&["rollback"]).ended(0);
}

#[test]
fn a_lineage_goes_only_after_its_consequences_were_shown() {
    let (edge, gateway) = Edge::assigned();
    let world = &edge.world;
    let before = world.files("edgecert.state");
    world
        .run(&["remove", "external-edge", "--yes"])
        .ended(1)
        .said("still assigned to gateways")
        .said("--force");
    world
        .run(&["remove", "external-edge", "--force"])
        .ended(64)
        .said("then `edgecert remove external-edge --force --yes`");
    world
        .run(&["remove", "external-egde", "--yes"])
        .ended(64)
        .said("did you mean external-edge?");
    world
        .run(&["remove", "external-edge", "--dry-run"])
        .ended(0)
        .said("1 generation (1 still valid) and 1 request; 1 private key in all")
        .said("without --force it would be refused")
        .said("nothing was removed");
    let shown = document(
        world,
        &["remove", "external-edge", "--force", "--dry-run"],
        0,
    );
    assert_eq!(shown["result"]["gateways"][0]["gateway"], "front");
    assert_eq!(shown["result"]["valid_generations"], serde_json::json!([1]));
    assert_eq!(before, world.files("edgecert.state"));
    drop(gateway);
    let removed = document(world, &["remove", "external-edge", "--force", "--yes"], 0);
    assert_eq!(removed["changed"], true);
    assert!(
        !world
            .path("edgecert.state/archive/external-edge/1")
            .exists()
    );
    assert!(
        world
            .path("edgecert.gateway/front/external-edge.pem")
            .exists(),
        "the gateway's own copy"
    );
    let again = document(world, &["remove", "external-edge", "--yes"], 0);
    assert_eq!(again["changed"], false);
    world.run(&["log", "--last", "1"]).ended(0).said("remove");
}

#[test]
fn a_name_that_nothing_knows_is_wrong_usage() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    for (arguments, code, words) in [
        (
            vec!["log", "external-egde"],
            3,
            "did you mean external-edge?",
        ),
        (vec!["log", "foo"], 3, "no certificate named \"foo\""),
        (
            vec!["request", "list", "external-egde"],
            64,
            "did you mean external-edge?",
        ),
        (vec!["gateway", "run", "fornt"], 64, "did you mean front?"),
        (vec!["schema", "foo"], 64, "`edgecert schema` lists them"),
    ] {
        world.run(&arguments).ended(code).said(words);
    }
    world.run(&["request", "list", "external-edge"]).ended(0);
    let front = world.read("edgecert.toml");
    let (without, _) = front.split_once("[gateway.embedded.front]").unwrap();
    world.write("without.toml", without);
    world
        .run(&["gateway", "run", "front", "--config", "without.toml"])
        .ended(64)
        .said("add [gateway.embedded.front]");
    // What was removed is known to the journal alone.
    world
        .run(&["remove", "external-edge", "--force", "--yes"])
        .ended(0);
    world.run(&["log", "external-edge"]).ended(0);
}

#[test]
fn quiet_leaves_the_result_and_nothing_else() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    edge.generation(&[]);
    world
        .run(&["list"])
        .ended(0)
        .said("next: edgecert assign external-edge/2");
    for arguments in [
        vec!["list", "-q"],
        vec!["show", "-q"],
        vec!["plan", "-q"],
        vec!["request", "--new-key", "-q"],
        vec!["assign", "-q"],
        vec!["log", "-q"],
        vec!["lab", "ca", "--out", "other", "-q"],
    ] {
        let ran = world.run(&arguments).ended(0);
        assert!(!ran.stdout.contains("next: "), "{arguments:?}: {ran:#?}");
        assert!(!ran.stdout.is_empty(), "{arguments:?}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
}

#[test]
fn pages_scripts_and_schemas_are_printed() {
    let world = World::new();
    let made = document(&world, &["man", "man1"], 0);
    assert_eq!(made["changed"], true);
    for page in [
        "edgecert.1",
        "edgecert-assign.1",
        "edgecert-request-list.1",
        "edgecert-gateway-run.1",
    ] {
        assert!(
            world.read(&format!("man1/{page}")).contains(".TH"),
            "{page}"
        );
    }
    assert_eq!(document(&world, &["man", "man1"], 0)["changed"], false);
    world.write("file", "");
    world.run(&["man", "file"]).ended(3);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        world
            .run(&["completions", shell])
            .ended(0)
            .said("needs-renewal");
    }
    document(&world, &["completions", "bash"], 0);
    world.run(&["completions", "tcsh"]).ended(64).said("zsh");
    let names = world.run(&["schema"]).ended(0).stdout;
    for name in names.lines() {
        let schema: Value =
            serde_json::from_str(&world.run(&["schema", name]).ended(0).stdout).unwrap();
        assert_eq!(
            schema["properties"]["schema"]["const"],
            format!("edgecert.{name}/1")
        );
    }
    world
        .run(&["schema", "chek"])
        .ended(64)
        .said("did you mean check?");
}

#[test]
fn documents_of_a_first_life_are_what_their_schemas_say() {
    let world = World::new();
    document(&world, &["lab", "ca", "--out", "ca"], 0);
    document(
        &world,
        &[
            "init",
            "--fqdn",
            "edge.contoso.com",
            "--xmpp-domain",
            "contoso.com",
        ],
        0,
    );
    let text = world
        .read("edgecert.toml")
        .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    world.write("edgecert.toml", text);
    document(&world, &["plan"], 0);
    document(&world, &["needs-renewal"], 0);
    let made = document(&world, &["request"], 0);
    let id = made["result"]["id"].as_str().unwrap().to_owned();
    document(&world, &["request", "list"], 0);
    document(&world, &["request", "show", &id], 0);
    let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
    document(
        &world,
        &["lab", "sign", &csr, "--ca", "ca", "--out", "reply.pem"],
        0,
    );
    document(&world, &["import", "reply.pem"], 0);
    let verdict = document(&world, &["verify", "external-edge"], 0);
    let covered = &verdict["result"]["names"][0]["covered_by"];
    assert!(covered[0].is_string(), "{verdict:#}");
    document(&world, &["check", "reply.pem"], 0);
    document(&world, &["check", "gone.pem"], 3);
    document(&world, &["assign", "--dry-run"], 0);
    document(&world, &["needs-renewal"], 1);
    document(&world, &["renew", "--due"], 0);
    let made = document(&world, &["request", "--new-key"], 0);
    let id = made["result"]["id"].as_str().unwrap().to_owned();
    document(&world, &["request", "cancel", &id], 0);
    document(&world, &["rollback"], 1);
    document(&world, &["gateway", "status"], 3);
    document(&world, &["import", "edgecert.toml"], 1);
}
