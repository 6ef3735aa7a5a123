//! A day of automation: `examples/renew.sh` renews a certificate from the first request to the live proof, with documents
//! and exit codes alone. A second run changes nothing; what fails on the way is named, and the next run goes on there.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/edge.rs"]
mod edge;
#[path = "world/schema.rs"]
mod schema;
mod world;

use edge::Edge;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use world::{Ran, World};

/// The way to the CA: the throw-away one signs what comes on standard input.
const CA: [&str; 6] = ["edgecert", "lab", "sign", "/dev/stdin", "--ca", "ca"];

/// An edge as configuration management leaves it: a gateway, and files for a server that reads them by itself.
fn edge() -> Edge {
    let edge = Edge::new();
    let world = &edge.world;
    let mut text = world.read("edgecert.toml");
    text.push_str(
        "\n[gateway.files.web]\ncertificate = \"external-edge\"\nreload = [\"/bin/true\"]\n",
    );
    for (content, file, mode) in [
        ("fullchain", "edge.pem", "0644"),
        ("privkey", "edge.key", "0600"),
    ] {
        text.push_str(&format!(
            "\n[[gateway.files.web.destination]]\ncontent = \"{content}\"\npath = \"web/{file}\"\nmode = \"{mode}\"\n"
        ));
    }
    world.write("edgecert.toml", text);
    std::fs::create_dir(world.path("web")).unwrap();
    std::fs::create_dir(world.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_edgecert"), world.path("bin/edgecert")).unwrap();
    edge
}

/// Runs the script as a timer would: no terminal, a path, nothing else.
fn renew(world: &World, words: &[&str]) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/renew.sh");
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let output = Command::new(script)
        .args(words)
        .current_dir(world.folder())
        .env_clear()
        .env("PATH", path)
        .env("TMPDIR", world.folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn of_the_lab(world: &World) -> Ran {
    renew(world, &[&["external-edge"], &CA[..]].concat())
}

/// The documents of a run: each is what its schema says, and ended as it says.
#[track_caller]
fn documents(world: &World, ran: &Ran) -> Vec<Value> {
    let all = serde_json::Deserializer::from_str(&ran.stdout).into_iter();
    let all: Vec<Value> = all
        .map(|one| one.unwrap_or_else(|why| panic!("{why}: {ran:#?}")))
        .collect();
    for document in &all {
        schema::insist(world, document);
        assert!(
            !document.to_string().contains("PRIVATE KEY"),
            "{document:#}"
        );
    }
    all
}

/// Name, exit code and whether something was changed, of each step.
fn steps(documents: &[Value]) -> Vec<(&str, i64, bool)> {
    documents
        .iter()
        .map(|one| {
            let name = one["schema"].as_str().unwrap();
            let name = name.trim_start_matches("edgecert.");
            let (code, changed) = (one["exit_code"].as_i64(), one["changed"].as_bool());
            (name.trim_end_matches("/1"), code.unwrap(), changed.unwrap())
        })
        .collect()
}

/// All that a run could touch: bytes and times of state, gateway, destinations and deployment. The lock's file says who
/// writes, and is left out.
fn everything(world: &World) -> Vec<(String, Vec<u8>, SystemTime)> {
    ["edgecert.state", "edgecert.gateway", "web", "edgecert.toml"]
        .iter()
        .flat_map(|below| match world.path(below).is_file() {
            true => vec![((*below).to_owned(), world.read(below).into_bytes())],
            false => world.files(below),
        })
        .filter(|(name, _)| name != "edgecert.state/lock")
        .map(|(name, bytes)| {
            let there = world.path(&name).symlink_metadata().unwrap();
            (name, bytes, there.modified().unwrap())
        })
        .collect()
}

#[test]
fn script_goes_from_nothing_to_the_live_proof_and_twice_changes_nothing() {
    let edge = edge();
    let world = &edge.world;
    let _gateway = edge.start();
    let first = of_the_lab(world).ended(0);
    assert_eq!(first.stderr, "");
    let told = documents(world, &first);
    assert_eq!(
        steps(&told),
        [
            ("needs-renewal", 0, false),
            ("plan", 0, false),
            ("renew", 0, true),
            ("import", 0, true),
            ("verify", 0, false),
            ("assign", 0, true),
            ("check", 0, false),
        ]
    );
    let leaf = told[3]["result"]["leaf"]["sha256"].as_str().unwrap();
    assert_eq!(told[4]["result"]["certificate"]["sha256"], leaf);
    assert_eq!(edge.served().to_string(), leaf);
    assert_eq!(
        edge.certificate("web/edge.pem").facts().sha256.to_string(),
        leaf
    );
    for row in told[6]["result"]["targets"].as_array().unwrap() {
        assert_eq!(row["certificate"]["sha256"], leaf, "{row:#}");
    }

    let before = everything(world);
    let again = of_the_lab(world).ended(0);
    assert_eq!(again.stderr, "");
    assert_eq!(
        steps(&documents(world, &again)),
        [("needs-renewal", 1, false), ("check", 0, false)]
    );
    assert_eq!(before, everything(world));
}

#[test]
fn every_command_of_the_way_says_twice_that_nothing_is_new_byte_for_byte() {
    let edge = edge();
    let world = &edge.world;
    let _gateway = edge.start();
    of_the_lab(world).ended(0);
    let made = world.read("edgecert.state/archive/external-edge/1/fullchain.pem");
    world.write("reply.pem", made);
    let before = everything(world);
    for (words, code) in [
        (&["init", "--fqdn", "edge.contoso.com"][..], 1),
        (&["plan"], 0),
        (&["needs-renewal"], 1),
        (&["renew", "--due"], 0),
        (&["import", "reply.pem"], 0),
        (&["assign"], 0),
        (&["assign", "--due"], 0),
        (&["rollback"], 1),
        (&["list"], 0),
        (&["show"], 0),
        (&["request", "list"], 0),
        (&["dns", "plan"], 0),
        (&["log"], 0),
        (&["prune"], 0),
        (&["assign", "external-egde"], 64),
        (&["check", "external-egde"], 3),
        (&["needs-renewal", "external-egde"], 2),
        (&["needs-renewal", "--bogus"], 255),
        (&["list", "--bogus"], 64),
    ] {
        let run = || world.run(&[&["--json", "-n"], words].concat()).ended(code);
        let (one, two) = (run(), run());
        assert_eq!(one.stdout, two.stdout, "{words:?}");
        let told = documents(world, &one);
        assert_eq!(
            told.len(),
            1,
            "{words:?}: one document and nothing beside it"
        );
        assert_eq!(told[0]["changed"], false, "{words:?}: {:#}", told[0]);
        assert_eq!(told[0]["exit_code"], code, "{words:?}: {:#}", told[0]);
        assert_eq!(
            told[0]["ok"],
            told[0].get("error").is_none(),
            "{words:?}: {:#}",
            told[0]
        );
        assert_eq!(before, everything(world), "{words:?}");
    }
}

#[test]
fn step_that_fails_is_named_and_the_next_run_goes_on_there() {
    let edge = edge();
    let world = &edge.world;
    renew(world, &["external-edge"])
        .ended(64)
        .said("usage: renew.sh");
    let ran = renew(world, &[&["external-egde"], &CA[..]].concat()).ended(2);
    assert_eq!(
        steps(&documents(world, &ran)),
        [("needs-renewal", 2, false)]
    );

    // The CA cannot be reached.
    let ran = renew(world, &["external-edge", "sh", "-c", "exit 7"]).ended(3);
    let told = documents(world, &ran.said("sh ended with 7 and brought no reply"));
    let asked = told[2]["result"]["certificates"][0]["result"]["id"].clone();
    assert_eq!(steps(&told)[2], ("renew", 0, true));

    // It sends what it sent somebody else.
    let elsewhere = [
        "request",
        "--fqdn",
        "edge.contoso.com",
        "--sip-domain",
        "contoso.com",
        "--out",
        "elsewhere",
    ];
    world.run(&elsewhere).ended(0);
    world
        .run(&[
            "lab",
            "sign",
            "elsewhere/csr.pem",
            "--ca",
            "ca",
            "--out",
            "other.pem",
        ])
        .ended(0);
    let ran = renew(world, &["external-edge", "cat", "other.pem"]).ended(1);
    let told = documents(world, &ran.said("edgecert import ended with 1"));
    assert_eq!(
        steps(&told)[2..],
        [("renew", 0, false), ("import", 1, false)]
    );
    assert!(
        told[3]["error"]["mend"]
            .as_str()
            .unwrap()
            .contains("edgecert request list")
    );

    // The gateway does not run.
    let ran = of_the_lab(world).ended(1);
    let told = documents(world, &ran.said("edgecert assign ended with 1"));
    assert_eq!(
        told[3]["result"]["request"], asked,
        "no second request was made"
    );
    assert_eq!(steps(&told)[5], ("assign", 1, false));
    assert!(
        told[5]["error"]["mend"]
            .as_str()
            .unwrap()
            .contains("start it"),
        "{:#}",
        told[5]
    );

    // It does now, and nobody is asked again.
    let _gateway = edge.start();
    let ran = renew(world, &["external-edge", "false"]).ended(0);
    assert_eq!(
        steps(&documents(world, &ran)),
        [
            ("needs-renewal", 0, false),
            ("plan", 0, false),
            ("renew", 0, false),
            ("verify", 0, false),
            ("assign", 0, true),
            ("check", 0, false),
        ]
    );
    assert_eq!(edge.live().as_deref(), Some("../archive/external-edge/1"));
}
