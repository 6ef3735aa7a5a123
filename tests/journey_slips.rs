//! Slips of a first day: each is told where it is made, with what is true of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/served.rs"]
mod served;
mod world;

use served::{Ca, USUAL};
use std::io::Write;
use std::process::Stdio;
use world::World;

/// A deployment of a lab CA, with one generation imported.
fn imported(world: &World) {
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    world.init();
    let text = world.read("edgecert.toml");
    let text = text.replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    world.write("edgecert.toml", text);
    reply(world, "reply.pem");
    world.run(&["import", "reply.pem"]).ended(0);
}

/// The reply to the request that waits, or to a new one.
fn reply(world: &World, file: &str) {
    let made = world.run(&["request", "--json"]).ended(0).json();
    let csr = made["result"]["csr"].as_str().unwrap().to_owned();
    let words = ["lab", "sign", &csr, "--ca", "ca", "--out", file];
    world.run(&words).ended(0);
}

#[test]
fn an_organization_that_is_demanded_is_asked_for_and_never_invented() {
    let world = World::new();
    let init = "init --issuer-profile public-ov --fqdn edge.mycompany.eu --sip-domain mycompany.eu";
    let words: Vec<&str> = init.split(' ').collect();
    world
        .run(&words)
        .ended(0)
        .said("every other setting stands there as a comment");
    world
        .run(&["request"])
        .ended(64)
        .said("below [subject] of edgecert.toml");
    let mut text = world.read("edgecert.toml");
    for field in ["organization", "country", "state"] {
        text = text.replacen(&format!("# {field} ="), &format!("{field} ="), 1);
    }
    world.write("edgecert.toml", text.replacen("Contoso", "My Company", 1));
    let made = world.run(&["request", "--json"]).ended(0).json();
    assert_eq!(made["result"]["subject"]["organization"], "My Company");
}

#[test]
fn a_profile_of_ones_own_is_taken_by_its_path_wherever_the_deployment_lies() {
    let world = World::new();
    let profile = include_str!("../templates/profiles/private-xmpp.toml");
    world.write("internal.toml", profile);
    let flags = ["--fqdn", "edge.contoso.com", "--xmpp-domain", "contoso.com"];
    let init = |profile: &str, config: &str| {
        let words = ["init", "--issuer-profile", profile, "--config", config];
        world.run(&[&words[..], &flags].concat())
    };
    init("./internal.toml", "edgecert.toml").ended(0);
    assert!(
        world
            .read("edgecert.toml")
            .contains("profile = \"./internal.toml\"")
    );
    std::fs::create_dir(world.path("etc")).unwrap();
    init("internal.toml", "etc/edgecert.toml").ended(0);
    for config in ["edgecert.toml", "etc/edgecert.toml"] {
        let told = world.run(&["plan", "--config", config, "--json"]).ended(0);
        assert_eq!(
            told.json()["result"]["certificates"][0]["issuer_profile"],
            "internal",
            "{config}"
        );
    }
    world.write("own.profile", profile);
    init("./own.profile", "third.toml")
        .ended(64)
        .said("a file ending in .toml");
    init("./nothing.toml", "fourth.toml")
        .ended(1)
        .said("nothing.toml");
    assert!(!world.path("third.toml").exists() && !world.path("fourth.toml").exists());
}

#[test]
fn a_certificate_is_not_imported_under_a_name_that_is_a_slip() {
    let world = World::new();
    imported(&world);
    world.self_signed("other", "edge.contoso.com", "edge.contoso.com", "90");
    let adopt = |name: &str| {
        let words = [
            "import",
            "--adopt",
            "other.pem",
            "other.key",
            "--cert",
            name,
        ];
        let roots = ["--roots", "other.pem"];
        world.run(&[&words[..], &roots].concat())
    };
    adopt("external-egde")
        .ended(64)
        .said("did you mean external-edge?");
    assert!(!world.path("edgecert.state/archive/external-egde").exists());
    let other = adopt("quite-another");
    assert!(!other.stdout.contains("no deployment"), "{}", other.stdout);
    other.said("the deployment has no such certificate");
}

#[test]
fn a_request_with_the_key_that_is_served_is_cancelled_and_the_key_stays() {
    let world = World::new();
    imported(&world);
    let made = world
        .run(&["request", "--reuse-key", "--json"])
        .ended(0)
        .json();
    let id = made["result"]["id"].as_str().unwrap();
    world
        .run(&["request", "cancel", id])
        .ended(0)
        .said("stays, as external-edge/1 has it; a reply to it can still be imported");
    assert!(
        world
            .path("edgecert.state/archive/external-edge/1/privkey.pem")
            .exists()
    );
    let made = world
        .run(&["request", "--new-key", "--json"])
        .ended(0)
        .json();
    let id = made["result"]["id"].as_str().unwrap();
    world
        .run(&["request", "cancel", id])
        .ended(0)
        .said("is gone, and a reply to it can no longer be used");
}

#[test]
fn a_passphrase_comes_through_a_pipe_and_never_twice_through_one() {
    let world = World::new();
    imported(&world);
    let pipe = |arguments: &[&str], text: &str| {
        let mut child = world
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that refuses at once reads nothing.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), words)
    };
    let export = [
        "export",
        "--format",
        "pem",
        "--out",
        "copy",
        "--passphrase-file",
        "-",
    ];
    assert_eq!(pipe(&export, "open sesame\n").0, 0);
    assert!(world.read("copy/privkey.pem").contains("ENCRYPTED"));
    let verify = [
        "verify",
        "copy/fullchain.pem",
        "--key",
        "copy/privkey.pem",
        "--roots",
        "ca/root.pem",
        "--passphrase-file",
        "-",
    ];
    assert_eq!(pipe(&verify, "open sesame\n").0, 0);
    assert_ne!(pipe(&verify, "open barley\n").0, 0);
    for (arguments, code) in [
        (&["import", "-", "--passphrase-file", "-"][..], 64),
        (&["verify", "-", "--passphrase-file", "-"], 3),
    ] {
        let (ended, words) = pipe(arguments, "x\n");
        assert_eq!(ended, code, "{words}");
        assert!(
            words.contains("cannot be both the passphrase and a file"),
            "{words}"
        );
    }
    let stdin = [
        "export",
        "--format",
        "pem",
        "--out",
        "two",
        "--passphrase-file",
        "/dev/stdin",
    ];
    let (ended, words) = pipe(&stdin, "open sesame\n");
    assert_eq!(ended, 1, "{words}");
    assert!(words.contains("--passphrase-file -"), "{words}");
}

#[test]
fn a_line_of_the_journal_that_was_changed_is_not_vouched_for() {
    let world = World::new();
    imported(&world);
    for _ in 0..3 {
        let made = world
            .run(&["request", "--new-key", "--json"])
            .ended(0)
            .json();
        let id = made["result"]["id"].as_str().unwrap().to_owned();
        world.run(&["request", "cancel", &id]).ended(0);
    }
    let path = "edgecert.state/journal.jsonl";
    let journal = world.read(path);
    let mut lines: Vec<String> = journal.lines().map(str::to_owned).collect();
    lines[2] = lines[2].replacen("\"action\":\"request\"", "\"action\":\"requesT\"", 1);
    assert_ne!(journal, lines.join("\n") + "\n");
    world.write(path, lines.join("\n") + "\n");
    world
        .run(&["log"])
        .ended(2)
        .said("line 3 or 4 was changed")
        .said("what stands above line 3 still holds")
        .said("(in doubt)");
    let told = world.run(&["log", "--json"]).ended(2).json();
    let entries = told["result"]["entries"].as_array().unwrap().iter();
    let doubtful: Vec<_> = entries
        .map(|one| one["doubtful"].as_bool().unwrap())
        .collect();
    assert_eq!(doubtful, [false, false, true]);
}

#[test]
fn quiet_leaves_the_advice_of_the_lab_out() {
    let world = World::new();
    let told = world.run(&["lab", "ca", "--out", "ca", "-q"]).ended(0);
    assert_eq!(told.stdout.lines().count(), 1, "{}", told.stdout);
    world.init();
    let made = world.run(&["request", "--json"]).ended(0).json();
    let csr = made["result"]["csr"].as_str().unwrap().to_owned();
    let words = [
        "lab",
        "sign",
        &csr,
        "--ca",
        "ca",
        "--out",
        "reply.pem",
        "-q",
    ];
    let told = world.run(&words).ended(0);
    assert_eq!(told.stdout.lines().count(), 2, "{}", told.stdout);
    assert!(!told.stdout.contains("roots ="), "{}", told.stdout);
}

#[test]
fn nagios_hears_every_finding_and_an_intermediate_that_has_ended() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.intermediate(&world, "inter", -50, -3)
        .leaf(&world, "edge", &USUAL);
    world.write(
        "reply.pem",
        world.read("edge.pem") + &world.read("inter.pem"),
    );
    let words = [
        "verify",
        "reply.pem",
        "--roots",
        "root.pem",
        "--name",
        "dns:one.example",
        "--name",
        "dns:two.example",
        "--format",
        "nagios",
    ];
    let told = world.run(&words).ended(2).stdout;
    for words in ["one.example", "two.example", "Example CA E5"] {
        let line = |line: &&str| line.starts_with("CRITICAL reply.pem: ") && line.contains(words);
        assert_eq!(told.lines().filter(line).count(), 1, "{words}: {told}");
    }
    // The leaf has 90 days left, and the chain none.
    let (_, days) = told.split_once(" | days_left=").unwrap();
    let days = days.split([';', '\n']).next().unwrap();
    assert!(days.parse::<i64>().unwrap() <= 0, "{told}");
}

#[test]
fn roots_that_cannot_be_had_are_told_with_what_mends_that_and_the_table_that_names_them() {
    let world = World::new();
    world.init();
    let mend = |roots: &str| {
        let text = world.read("edgecert.toml");
        let (head, tail) = text.split_once("\nroots = [").unwrap();
        let (_, tail) = tail.split_once(']').unwrap();
        world.write(
            "edgecert.toml",
            format!("{head}\nroots = [\"{roots}\"]{tail}"),
        );
        let none = [
            ("SSL_CERT_FILE", "/none/such"),
            ("SSL_CERT_DIR", "/none/such"),
        ];
        let told = world.run_with(&["doctor", "--json"], &none).json();
        let found = told["findings"].as_array().unwrap().iter();
        let mut mends = found.filter(|one| one["code"] == "doctor.roots");
        mends.next().unwrap()["mend"].as_str().unwrap().to_owned()
    };
    let big = std::fs::File::create(world.path("big.pem")).unwrap();
    big.set_len(17 * 1024 * 1024).unwrap();
    world.write("words.pem", "no certificate");
    std::fs::create_dir(world.path("empty")).unwrap();
    for (roots, part) in [
        ("system", "comes with the package ca-certificates"),
        ("big.pem", "(`roots` of [issuer."),
        ("gone.pem", "put the root of the CA there, PEM or DER"),
        ("words.pem", "put the root of the CA there, PEM or DER"),
        ("empty", "put the root of the CA there, PEM or DER"),
    ] {
        let told = mend(roots);
        assert!(told.contains(part), "{roots}: {told}");
        assert!(told.contains("`roots` of [issuer."), "{roots}: {told}");
    }
    assert!(!mend("big.pem").contains("put the root"));
}

#[test]
fn roots_that_are_given_stand_in_for_those_that_cannot_be_read() {
    let world = World::new();
    world.run(&["lab", "ca", "--out", "ca"]).ended(0);
    world.init();
    let text = world.read("edgecert.toml");
    let text = text.replacen("[\"system\"]", "[\"roots/private-root.pem\"]", 1);
    world.write("edgecert.toml", text);
    let made = world.run(&["request", "--json"]).ended(0).json();
    let csr = made["result"]["csr"].as_str().unwrap();
    world
        .run(&[
            "lab",
            "sign",
            csr,
            "--ca",
            "ca",
            "--out",
            "reply.pem",
            "--days",
            "1",
        ])
        .ended(0);
    // Nothing was touched yet.
    let unread = "roots/private-root.pem";
    world.run(&["import", "reply.pem"]).ended(1).said(unread);
    let given = ["--roots", "ca/root.pem"];
    world
        .run(&[&["verify", "reply.pem"], &given[..]].concat())
        .said("reply.pem");
    let ran = world.run(&[&["import", "reply.pem"], &given[..]].concat());
    let ran = ran
        .ended(0)
        .said("the chain holds with --roots alone")
        .said(unread)
        .said(" hours left)");
    assert!(!ran.stdout.contains("0 days"), "{}", ran.stdout);
    for item in ["reply.pem", "external-edge"] {
        let found = world.run(&[&["verify", item, "--json"], &given[..]].concat());
        let found = found.json();
        assert!(found["error"].is_null(), "{item}: {found:#}");
        world.run(&["verify", item]).ended(3).said(unread);
    }
    world.run(&["assign"]).ended(1).said(unread);
}
