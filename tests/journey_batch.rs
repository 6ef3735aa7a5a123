//! A list of requests: three forms, mistakes by their place, a kill and a full disk at every operation.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use world::World;

const THREE: &str = "fqdn,xmpp-domains,sip-domains,key-type
edge.a.org,a.org b.org,,
edge.c.org,,c.org;d.org,ed25519
edge.e.org,e.org,,ec384
";

const ASK: [&str; 7] = [
    "request",
    "--batch",
    "list",
    "--out",
    "out",
    "--issuer-profile",
    "private-xmpp",
];

fn ask(more: &[&'static str]) -> Vec<&'static str> {
    ASK.iter().chain(more).copied().collect()
}

fn openssl(world: &World, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(world.folder())
        .output()
        .expect("openssl is installed by scripts/test");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The folders below `out`; each is whole, and its key belongs to its CSR.
fn made(world: &World) -> BTreeSet<String> {
    let Ok(listed) = std::fs::read_dir(world.path("out")) else {
        return BTreeSet::new();
    };
    let mut made = BTreeSet::new();
    for entry in listed {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with(".edgecert-tmp-") {
            continue;
        }
        let folder = format!("out/{name}");
        let key = openssl(
            world,
            &["pkey", "-in", &format!("{folder}/privkey.pem"), "-pubout"],
        );
        let csr = openssl(
            world,
            &[
                "req",
                "-in",
                &format!("{folder}/csr.pem"),
                "-verify",
                "-noout",
                "-pubkey",
            ],
        );
        assert!(csr.contains(key.trim()), "{name}: {key} {csr}");
        let record: Value =
            serde_json::from_str(&world.read(&format!("{folder}/request.json"))).unwrap();
        assert_eq!(record["certificate"], name.replace('.', "-"));
        made.insert(name);
    }
    made
}

fn all() -> BTreeSet<String> {
    ["edge.a.org", "edge.c.org", "edge.e.org"]
        .map(String::from)
        .into()
}

#[test]
fn every_form_makes_the_same_and_a_second_run_makes_nothing() {
    let toml = "[[request]]\nfqdn = \"edge.a.org\"\nxmpp-domains = [\"a.org\", \"b.org\"]\n\n[[request]]\nfqdn = \"edge.c.org\"\nsip-domains = [\"c.org\", \"d.org\"]\nkey-type = \"ed25519\"\n\n[[request]]\nfqdn = \"edge.e.org\"\nxmpp-domains = [\"e.org\"]\nkey-type = \"ec384\"\n";
    let json = "{\"fqdn\": \"edge.a.org\", \"xmpp-domains\": [\"a.org\", \"b.org\"]}\n{\"fqdn\": \"edge.c.org\", \"sip-domains\": [\"c.org\", \"d.org\"], \"key-type\": \"ed25519\"}\n{\"fqdn\": \"edge.e.org\", \"xmpp-domains\": [\"e.org\"], \"key-type\": \"ec384\"}\n";
    let mut asked = Vec::new();
    for (text, form) in [(THREE, "csv"), (toml, "toml"), (json, "json-lines")] {
        let world = World::new();
        world.write("list", text);
        let dry = world.run(&ask(&["--dry-run", "--json"])).ended(0).json();
        assert_eq!(dry["result"]["counts"]["made"], 3);
        assert!(!world.path("out").exists());
        let ran = world.run(&ask(&["--json"])).ended(0).json();
        assert_eq!(ran["schema"], "edgecert.request-batch/1");
        assert_eq!(
            (&ran["changed"], &ran["result"]["form"]),
            (&true.into(), &form.into())
        );
        let entries = ran["result"]["entries"].as_array().unwrap();
        let folders: Vec<_> = entries.iter().map(|one| one["folder"].clone()).collect();
        assert_eq!(folders, ["edge.a.org", "edge.c.org", "edge.e.org"]);
        assert_eq!(made(&world), all());
        let again = world.run(&ask(&["--json"])).ended(0).json();
        assert_eq!(again["changed"], false);
        assert_eq!(again["result"]["counts"]["already_there"], 3);
        for (one, other) in entries
            .iter()
            .zip(again["result"]["entries"].as_array().unwrap())
        {
            assert_eq!(one["spki_sha256"], other["spki_sha256"]);
        }
        asked.push(
            all()
                .iter()
                .map(|name| {
                    let mut record: Value =
                        serde_json::from_str(&world.read(&format!("out/{name}/request.json")))
                            .unwrap();
                    for changing in ["created", "spki_sha256"] {
                        record.as_object_mut().unwrap().remove(changing);
                    }
                    record
                })
                .collect::<Vec<_>>(),
        );
        for (path, _) in world.files("out") {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(world.path(&path))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{path}");
        }
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[0], asked[2]);
}

#[test]
fn bad_entries_are_named_and_the_others_are_made() {
    let world = World::new();
    world.write(
        "list",
        "{\"fqdn\": \"edge.a.org\", \"xmpp-domains\": [\"a.org\"]}
{\"fqdn\": \"edge.b.org\", \"xmpp-domain\": [\"b.org\"]}
{\"fqdn\": \"edge.c.org\", \"xmpp-domains\": [\"c.org\", \"-c.org\"]}
nonsense
{\"fqdn\": \"edge.a.org\", \"xmpp-domains\": [\"other.org\"]}
{\"fqdn\": \"edge.d.org\", \"xmpp-domains\": [\"d.org\"], \"country\": \"GERMANY\"}
{\"fqdn\": \"edge.e.org\"}
{\"fqdn\": \"edge.f.org\", \"xmpp-domains\": [\"f.org\"], \"out\": \"../f\"}
{\"fqdn\": \"edge.g.org\", \"xmpp-domains\": [\"g.org\"], \"key-type\": \"rsa1024\"}
{\"fqdn\": \"edge.a.org\", \"xmpp-domains\": [\"a.org\"], \"out\": \"second\"}
{\"fqdn\": \"\\u001b[31m.org\", \"xmpp-domains\": [\"a.org\"]}
",
    );
    let ran = world.run(&ask(&[])).ended(1);
    let ran = ran
        .said("2 made, 0 already there, 9 refused, 0 failed")
        .said("entry 2, refused: line 2, column 24: unknown key \"xmpp-domain\"")
        .said("did you mean \"xmpp-domains\"?")
        .said("entry 3, refused: line 3, column 24, xmpp-domains:")
        .said("entry 4, refused: line 4, column")
        .said("entry 5, refused: line 5: the folder edge.a.org is asked for twice (the entry in line 1 is made there)")
        .said("line 6, column 51, country: \"GERMANY\" is no country code")
        .said("write country US, DE, KR")
        .said("the entry has no domain, and no use")
        .said("\"../f\" is no name for a folder")
        .said("key-type does not take \"rsa1024\"")
        .said("asked twice of the same issuer, each with a key of its own: entry 10 as 1");
    assert!(!ran.stderr.contains("\u{1b}[31m.org"), "{}", ran.stderr);
    let names: BTreeSet<String> = std::fs::read_dir(world.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["edge.a.org", "second"].map(String::from).into());
    let document = world.run(&ask(&["--json"])).ended(1).json();
    assert_eq!(document["result"]["counts"]["already_there"], 2);
    assert_eq!(document["result"]["entries"][9]["same_names_as"], 1);
    assert_eq!(
        document["result"]["entries"][1]["error"]["code"],
        "batch.entry"
    );
    assert_eq!(document["result"]["entries"][1]["line"], 2);
}

#[test]
fn what_is_there_is_never_overwritten() {
    let world = World::new();
    world.write("list", THREE);
    world.run(&ask(&[])).ended(0);
    let before = world.files("out");
    world.write("out/edge.f.org/notes.txt", "mine");
    let before_and_notes = before.len() + 1;
    world.write(
        "list",
        format!(
            "{}edge.f.org,f.org,,\n",
            THREE.replace("b.org", "other.org")
        ),
    );
    world
        .run(&ask(&[]))
        .ended(1)
        .said("another request is there, which asks something else")
        .said("it holds no whole request")
        .said("0 made, 2 already there, 2 refused");
    let after: BTreeMap<_, _> = world.files("out").into_iter().collect();
    assert_eq!(after.len(), before_and_notes);
    for (path, bytes) in before {
        assert_eq!(after[&path], bytes, "{path}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_told_as_such() {
    let world = World::new();
    world.write("list", THREE);
    world.run(&ask(&[])).ended(0);
    // a link to itself: not even root reads it
    let record = world.path("out/edge.a.org/request.json");
    std::fs::remove_file(&record).unwrap();
    std::os::unix::fs::symlink("request.json", &record).unwrap();
    let ran = world.run(&ask(&[])).ended(3);
    let ran = ran.said("cannot read out/edge.a.org/request.json");
    assert!(!ran.stderr.contains("no whole request"), "{}", ran.stderr);
}

#[test]
fn standard_input_is_read_and_what_is_no_list_is_refused() {
    let world = World::new();
    let mut child = world
        .command(&["request", "--batch", "-", "--out", "out", "--jobs", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(THREE.replace("ed25519", "").as_bytes())
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(made(&world), all());
    for (text, words) in [
        ("", "there is nothing in the list"),
        ("[{\"fqdn\": 1}]", "jq -c"),
        ("host,domain\n", "unknown key \"host\""),
    ] {
        world.write("list", text);
        world.run(&ask(&[])).ended(1).said(words);
    }
    world
        .run(&["request", "--batch", "list"])
        .ended(64)
        .said("--out");
    world
        .run(&["request", "--batch", "gone", "--out", "out"])
        .ended(1);
    world
        .run(&[
            "request", "--batch", "list", "--out", "out", "--use", "sipedge",
        ])
        .ended(64)
        .said("--use");
}

#[test]
fn keys_are_encrypted_as_the_deployment_says() {
    let world = World::new();
    world.init_of("--xmpp-domain contoso.com");
    let text = world.read("edgecert.toml");
    let text = format!("{text}\n[key]\npassphrase = {{ file = \"pass\" }}\n");
    world.write("edgecert.toml", text);
    world.write("pass", "correct horse\n");
    world.write("list", THREE);
    chmod(&world, "pass", 0o644);
    let told = world.run(&ask(&[])).ended(3);
    told.said("others than its owner can reach it")
        .said("chmod 600");
    assert!(!world.path("out").exists());
    chmod(&world, "pass", 0o600);
    world.run(&ask(&[])).ended(0);
    let pem = world.read("out/edge.a.org/privkey.pem");
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let key = openssl(
        &world,
        &[
            "pkey",
            "-in",
            "out/edge.a.org/privkey.pem",
            "-passin",
            "file:pass",
            "-pubout",
        ],
    );
    let csr = openssl(
        &world,
        &["req", "-in", "out/edge.a.org/csr.pem", "-noout", "-pubkey"],
    );
    assert_eq!(key.trim(), csr.trim());
}

fn chmod(world: &World, name: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_thousand_entries_with_duplicates_come_out_in_order() {
    let world = World::new();
    let mut text = String::from("fqdn,xmpp-domains\n");
    for number in 0..1000 {
        // Every tenth is one that was there before.
        let name = if number % 10 == 9 { number - 9 } else { number };
        text.push_str(&format!("edge.d{name}.org,d{name}.org\n"));
    }
    world.write("list", text);
    let ran = world.run(&ask(&["--json", "--jobs", "3"])).ended(1).json();
    let counts = &ran["result"]["counts"];
    assert_eq!(
        (&counts["made"], &counts["refused"]),
        (&900.into(), &100.into())
    );
    for (at, one) in ran["result"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(one["entry"], at + 1);
        assert_eq!(one["line"], at + 2);
        let status = if at % 10 == 9 { "refused" } else { "made" };
        assert_eq!(one["status"], status, "{one}");
    }
    assert_eq!(std::fs::read_dir(world.path("out")).unwrap().count(), 900);
}

/// Debug builds alone have the faults.
#[cfg(debug_assertions)]
#[test]
fn kill_or_full_disk_at_every_operation_leaves_whole_requests_alone() {
    for fault in ["kill", "enospc"] {
        for at in 1..200 {
            let world = World::new();
            world.write("list", THREE);
            let planted = format!("{fault}:{at}");
            let ran = world.run_with(
                &ask(&["--jobs", "1", "--json"]),
                &[("EDGECERT_FAULT", &planted)],
            );
            let there = made(&world);
            assert!(there.is_subset(&all()));
            if fault == "enospc" && ran.code == 3 {
                // Those that are said to be made are there, and no others.
                let document = ran.json();
                let entries = document["result"]["entries"].as_array();
                let said: BTreeSet<String> = entries
                    .into_iter()
                    .flatten()
                    .filter(|one| one["status"] == "made")
                    .map(|one| one["folder"].as_str().unwrap().to_owned())
                    .collect();
                assert_eq!(there, said, "{planted}");
                assert!(!ran.stdout.contains("spki_sha256\": \"sha256") || !said.is_empty());
            }
            let before = world.files("out");
            let again = world.run(&ask(&["--json"])).ended(0).json();
            assert_eq!(made(&world), all(), "{planted}");
            assert_eq!(again["result"]["counts"]["already_there"], there.len());
            let after: BTreeMap<_, _> = world.files("out").into_iter().collect();
            for (path, bytes) in before {
                if there
                    .iter()
                    .any(|name| path.starts_with(&format!("out/{name}/")))
                {
                    assert_eq!(after[&path], bytes, "{planted}: {path}");
                }
            }
            let left = std::fs::read_dir(world.path("out")).unwrap().count();
            assert_eq!(left, 3, "{planted}");
            if ran.code == 0 {
                assert!(at > 15, "{planted}");
                break;
            }
            assert!(at < 199, "never came to its end");
        }
    }
}
