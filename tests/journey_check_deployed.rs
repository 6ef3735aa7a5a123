//! `check` of what is deployed: flags that replace a part of what it is held against, gateways that were left behind; and
//! files that nobody can look into, in `check` and `verify` alike.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
mod world;

use edge::Edge;
use world::World;

#[test]
fn a_flag_replaces_what_it_names_and_nothing_else() {
    let (edge, _gateway) = Edge::assigned();
    let world = &edge.world;
    let told = |words: &[&str]| world.run(&[&["check"], words].concat());
    world.run(&["lab", "ca", "--out", "other"]).ended(0);
    for target in [&[][..], &["external-edge"]] {
        let own = told(&[target, &["--roots", "ca/root.pem"]].concat()).ended(0);
        assert!(own.stdout.contains("names ✓ · chain ✓"), "{}", own.stdout);
        assert!(!own.stdout.contains("not judged"), "{}", own.stdout);
        // The listeners are judged by the roots that were given as well.
        let other = told(&[target, &["--roots", "other/root.pem", "--json"]].concat()).ended(2);
        let other = other.json();
        for row in other["result"]["targets"].as_array().unwrap() {
            assert_eq!(row["status"], "critical", "{row:#}");
        }
    }
    // A name alone leaves the roots.
    told(&["external-edge", "--name", "dns:contoso.com"])
        .ended(0)
        .said("names ✓ · chain ✓");
    told(&["external-edge", "--name", "dns:fabrikam.com"]).ended(2);
}

#[test]
fn a_listener_that_was_asked_for_one_name_is_not_blamed_for_the_others() {
    let (edge, _gateway) = Edge::assigned();
    let told = edge.world.run(&["check", "-v"]).ended(0);
    assert!(!told.stdout.contains("not asked for"), "{}", told.stdout);
}

#[test]
fn a_gateway_that_was_left_behind_is_seen_where_nobody_can_ask_it() {
    let edge = Edge::of_copies(&["front", "chat"]);
    let world = &edge.world;
    edge.generation(&["--days", "1"]);
    world.run(&["assign"]).ended(0);
    edge.generation(&[]);
    world.run(&["assign", "--gateway", "front"]).ended(0);
    let told = world.run(&["check", "--json", "-w", "30d", "-c", "10d"]);
    let told = told.ended(2).json();
    let rows = told["result"]["targets"].as_array().unwrap();
    let of = |target: &str| rows.iter().find(|row| row["target"] == target).unwrap();
    assert_eq!(of("external-edge/2")["status"], "ok");
    let left = of("external-edge/1");
    let code = |code: &str| {
        let findings = left["findings"].as_array().unwrap().iter();
        findings.filter(|one| one["code"] == code).count()
    };
    assert_eq!(code("live.leaf-differs"), 1, "{left:#}");
    assert_eq!(code("validity.ends-soon"), 1, "{left:#}");
    world
        .run(&["check"])
        .ended(1)
        .said("edgecert assign external-edge/2 --gateway chat");
    // Its files are looked at all the same.
    world.write("chat/edge.pem", "somebody's");
    world
        .run(&["check"])
        .ended(2)
        .said("gateway.destination-changed");
    world
        .run(&[
            "assign",
            "--gateway",
            "chat",
            "--accept",
            "gateway.destination-changed",
            "--reason",
            "x",
        ])
        .ended(0);
    world.run(&["check"]).ended(0);
    edge.add_copy("third");
    world
        .run(&["check"])
        .ended(1)
        .said("live.nothing-assigned")
        .said("gateway third was not given external-edge/2");
    world.run(&["assign", "--gateway", "third"]).ended(0);
    world.run(&["check"]).ended(0);
}

#[test]
fn a_file_that_nobody_can_look_into_is_unknown_to_both_commands() {
    let edge = Edge::of_copies(&["front"]);
    let world = &edge.world;
    edge.generation(&[]);
    world.write("pass.txt", "correct horse battery staple");
    std::fs::set_permissions(
        world.path("pass.txt"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    for (format, name) in [("pfx", "closed.p12"), ("sealed", "closed.sealed")] {
        let words = [
            "export",
            "external-edge",
            "--format",
            format,
            "--out",
            "out",
        ];
        let more = ["--passphrase-file", "pass.txt", "--json"];
        let made = world.run(&[&words[..], &more].concat()).ended(0).json();
        let file = made["result"]["files"][0]["path"].as_str().unwrap();
        std::fs::rename(file, world.path(name)).unwrap();
    }
    world.self_signed("plain", "edge", "edge.contoso.com", "10");
    for words in [
        "pkey -in plain.key -aes256 -passout pass:x -out closed.key",
        "cms -encrypt -in pass.txt -outform DER -out closed.p7m plain.pem",
    ] {
        world.openssl(words);
    }
    for (file, code, part) in [
        ("closed.p12", 3, "encrypted"),
        ("closed.p7m", 3, "decrypt it first"),
        ("closed.sealed", 3, "edgecert import"),
        ("closed.key", 2, "no certificate stands in the file"),
    ] {
        world.run(&["check", file]).ended(code).said(part);
        world.run(&["verify", file]).ended(code).said(part);
    }
    world
        .run(&["verify", "closed.p12"])
        .ended(3)
        .said("--passphrase-file PASS");
    // In a folder it may be anybody's backup.
    std::fs::create_dir(world.path("kept")).unwrap();
    for file in ["closed.p12", "closed.p7m", "closed.sealed", "closed.key"] {
        std::fs::rename(world.path(file), world.path("kept").join(file)).unwrap();
    }
    world.run(&["check", "kept"]).ended(0);
}

#[test]
fn a_generation_by_its_number_is_told_where_it_can_be_judged() {
    let edge = Edge::of_copies(&["front"]);
    edge.generation(&[]);
    edge.world
        .run(&["check", "external-edge/1"])
        .ended(3)
        .said("edgecert verify external-edge/1");
    let told = edge
        .world
        .run(&["verify", "external-edge/1", "--format", "junit"]);
    told.ended(0).said("name=\"edgecert verify\"");
}

#[test]
fn a_root_whose_name_is_a_domain_is_no_leaf() {
    let world = World::new();
    for (name, more, code) in [
        ("root", " -addext keyUsage=keyCertSign,cRLSign", 0),
        ("leaf", "", 2),
    ] {
        let file = format!("{name}.pem");
        world.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {file} -days 90 -subj /CN=a.example \
             -addext basicConstraints=critical,CA:TRUE{more}"
        ));
        world.run(&["check", &file]).ended(code);
    }
}

#[test]
fn a_mend_names_files_that_are_there() {
    let world = World::new();
    world.self_signed("plain", "edge", "edge.contoso.com", "10");
    world.openssl("cms -encrypt -in plain.pem -outform DER -out closed.p7m plain.pem");
    world
        .run(&["import", "closed.p7m", "--adopt"])
        .ended(1)
        .said("-in closed.p7m -inkey KEY -out closed.p7m.out");
}
