//! From servers that run already to a deployment: found, written, adopted, assigned, and back to what was there before.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/schema.rs"]
mod schema;
#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::{Fingerprint, KeyType};
use serde_json::Value;
use servers::{Lab, Server, Shows, coturn, ejabberd, haproxy, kamailio, nginx, prosody};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// For a server to show another certificate everywhere.
const WITHIN: Duration = Duration::from_secs(60);

/// Waits until every listener for the changed names shows a leaf.
#[track_caller]
fn shows(lab: &Lab, server: &Server, leaf: Fingerprint) {
    let changed = || {
        server
            .listeners()
            .iter()
            .filter(|one| one.shows == Shows::Changed)
    };
    server.wait_until(WITHIN, || {
        for listener in changed() {
            let seen = lab.trust.handshake(listener)?;
            if seen != leaf {
                return Err(format!("{listener} shows {}", seen.short()));
            }
        }
        Ok(())
    });
}

fn path(server: &Server) -> String {
    let path = server.config().display().to_string();
    // The lab gives all to the server's user; root's, as packages have it, is what a table may be built on.
    if servers::process::is_root() {
        let config = std::path::Path::new(&path);
        for one in [config, config.parent().unwrap()] {
            std::os::unix::fs::chown(one, Some(0), None).unwrap();
        }
    }
    path
}

/// The standing and the gateway of every table, by its kind.
fn tables(document: &Value) -> Vec<(String, String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    document["result"]["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                word(&one["kind"]),
                word(&one["standing"]),
                word(&one["gateway"]),
            )
        })
        .collect()
}

fn codes(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    findings
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect()
}

#[test]
fn servers_that_run_are_taken_over_and_given_back() {
    let lab = Lab::new();
    let chat = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let front = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    // One certificate on both, as an administrator has it.
    front.place(&chat.first);
    assert!(front.control(&["-s", "reload"]).status.success());
    shows(&lab, &front, chat.first.leaf);
    let (chat_config, front_config) = (path(&chat), path(&front));
    let only = ["--only", &chat_config, "--only", &front_config];
    let discover = |more: &[&str]| {
        let words = [&["gateway", "discover"][..], &only, more, &["--json"]].concat();
        let document = lab.world.run(&words).ended(0).json();
        schema::insist(&lab.world, &document);
        document
    };

    // Without a deployment the tables are shown.
    let told = discover(&[]);
    assert_eq!(
        told["result"]["servers"].as_array().unwrap().len(),
        2,
        "{told:#}"
    );
    for server in told["result"]["servers"].as_array().unwrap() {
        assert_eq!(server["running"], true, "{server:#}");
        assert_eq!(server["reload"]["there"], true, "{server:#}");
        assert_eq!(
            server["certificates"][0]["leaf"]["sha256"],
            chat.first.leaf.to_string(),
            "{server:#}"
        );
    }
    let shown = lab
        .world
        .run(&[&["gateway", "discover"][..], &only].concat())
        .ended(0);
    for words in [
        "[gateway.prosody.prosody]",
        "[gateway.nginx.nginx]",
        "runs as pid",
    ] {
        assert!(shown.stdout.contains(words), "{}", shown.stdout);
    }

    lab.deployment(&[]);
    let before = lab.world.read("edgecert.toml");
    let ours = |one: &(String, String, String)| one.1 != "not-ours";
    let told = discover(&[]);
    let mut found = tables(&told);
    assert!(
        found.contains(&("prosody".into(), "not-ours".into(), "-".into())),
        "second.test is no name of the certificate: {found:?}"
    );
    found.retain(ours);
    let both = |word: &str| {
        ["prosody", "nginx"].map(|kind| (kind.to_owned(), word.to_owned(), kind.to_owned()))
    };
    assert_eq!(found, both("new"));
    assert_eq!(told["changed"], false);
    assert_eq!(lab.world.read("edgecert.toml"), before);
    let told = discover(&["--write", "--dry-run"]);
    assert_eq!(told["changed"], false);
    assert!(
        told["result"]["diff"]
            .as_array()
            .is_some_and(|lines| !lines.is_empty()),
        "{told:#}"
    );
    assert_eq!(lab.world.read("edgecert.toml"), before);

    let told = discover(&["--write"]);
    assert_eq!(told["changed"], true);
    let after = lab.world.read("edgecert.toml");
    let mut lines = after.lines();
    for line in before.lines() {
        assert!(lines.any(|one| one == line), "{line:?} is gone:\n{after}");
    }
    let again = discover(&["--write"]);
    assert_eq!(again["changed"], false);
    let mut found = tables(&again);
    found.retain(ours);
    assert_eq!(found, both("there"));

    let doctor = lab.world.run(&["doctor", "--json"]).json();
    assert!(!codes(&doctor).contains(&"doctor.server"), "{doctor:#}");

    let files = lab.world.files("prosody/certs");
    let told = discover(&["--adopt"]);
    assert_eq!(told["changed"], true);
    let adopted = &told["result"]["adopted"][0];
    assert_eq!(adopted["generation"], 1, "{adopted:#}");
    assert_eq!(adopted["sha256"], chat.first.leaf.to_string());
    assert_eq!(
        adopted["gateways"],
        serde_json::json!(["prosody", "nginx"]),
        "{adopted:#}"
    );
    assert_eq!(
        lab.world.files("prosody/certs"),
        files,
        "nothing is written to a server"
    );
    let live = std::fs::read_link(lab.world.path("edgecert.state/live/external-edge")).unwrap();
    assert!(live.ends_with("archive/external-edge/1"), "{live:?}");
    lab.world.run(&["log"]).ended(0).said("adopt");
    let state = lab.world.files("edgecert.state");
    assert_eq!(discover(&["--adopt"])["changed"], false);
    assert_eq!(
        lab.world.files("edgecert.state"),
        state,
        "the second time changes nothing"
    );

    // Somebody ran `prosodyctl cert import`: assign says so.
    lab.world
        .write("prosody/certs/example.test.crt.bkp~2026-03-02T04:00:00", "");
    let next = lab.imported(&["--key-type", "rsa2048"]);
    let assigned = lab.world.run(&["assign", "--json"]).ended(0).json();
    assert!(
        codes(&assigned).contains(&"gateway.other-writer"),
        "{assigned:#}"
    );
    for server in [&chat, &front] {
        shows(&lab, server, next);
    }
    // The generation that is assigned stays what it is.
    assert_eq!(discover(&["--adopt"])["changed"], false);
    lab.world.run(&["rollback"]).ended(0);
    for server in [&chat, &front] {
        shows(&lab, server, chat.first.leaf);
    }

    drop(front);
    let doctor = lab.world.run(&["doctor"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stdout);
    doctor.said("doctor.server").said("the server does not run");
}

#[test]
fn every_kind_of_server_is_known_by_its_process() {
    let lab = Lab::new();
    let key = KeyType::Ec256;
    let servers = [
        ejabberd::start(&lab, key),
        kamailio::start(&lab, key),
        haproxy::start(&lab, key, haproxy::Admin::Socket),
        coturn::start(&lab, key),
    ];
    lab.deployment(&[]);
    let mut words = vec!["gateway", "discover", "--write", "--json"];
    let configs: Vec<String> = servers.iter().map(path).collect();
    for config in &configs {
        words.extend(["--only", config]);
    }
    let told = lab.world.run(&words).ended(0).json();
    schema::insist(&lab.world, &told);
    for server in &servers {
        let found = told["result"]["servers"].as_array().unwrap().iter();
        let mut found = found.filter(|one| one["kind"] == server.kind());
        let one = found
            .next()
            .unwrap_or_else(|| panic!("{}: {told:#}", server.kind()));
        assert_eq!(one["running"], true, "{one:#}");
        assert_eq!(one["reload"]["there"], true, "{one:#}");
        let leaves: Vec<&str> = one["certificates"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|pair| pair["leaf"]["sha256"].as_str())
            .collect();
        assert!(
            leaves.contains(&server.first.leaf.to_string().as_str()),
            "{one:#}"
        );
        let new = (
            server.kind().to_owned(),
            "new".to_owned(),
            server.kind().to_owned(),
        );
        assert!(tables(&told).contains(&new), "{:?}", tables(&told));
    }
    let again = lab.world.run(&words).ended(0).json();
    assert_eq!(again["changed"], false, "{again:#}");
}

/// A root with Prosody, nginx and certbot in it; nothing runs there.
fn another_machine(lab: &Lab) -> String {
    let generation = lab.generation(KeyType::Ec256);
    for (file, text) in [
        (
            "etc/prosody/prosody.cfg.lua",
            "interfaces = { \"127.0.0.1\" }\nc2s_ports = {}\ns2s_ports = { 1 }\nmodules_enabled = { \"tls\" }\nVirtualHost \"example.test\"\nComponent \"conference.example.test\" \"muc\"\n",
        ),
        ("etc/prosody/certs/example.test.crt", &generation.fullchain),
        ("etc/prosody/certs/example.test.key", &generation.key),
        (
            "etc/nginx/nginx.conf",
            "http { server { listen 443 ssl; server_name www.other.test; ssl_certificate /tls/web.pem; ssl_certificate_key /tls/web.key; } }\n",
        ),
        ("tls/web.pem", &lab.second.fullchain),
        ("tls/web.key", &lab.second.key),
        ("etc/passwd", "prosody:x:0:0::/:/bin/false\n"),
        ("etc/group", "prosody:x:0:\n"),
        (
            "etc/letsencrypt/renewal/example.test.conf",
            "[renewalparams]\nrenew_hook = prosodyctl --root cert import /etc/letsencrypt/live\n",
        ),
    ] {
        lab.world.write(&format!("machine/{file}"), text);
    }
    lab.world.path("machine").display().to_string()
}

#[test]
fn a_deployment_begins_with_what_is_there() {
    let lab = Lab::new();
    let root = another_machine(&lab);
    let begun = lab
        .world
        .run(&["init", "--from-gateways", "--root", &root, "--json"])
        .ended(0)
        .json();
    schema::insist(&lab.world, &begun);
    let result = &begun["result"];
    assert_eq!(result["fqdn"], "sip.example.test");
    assert_eq!(result["xmpp_domains"], serde_json::json!(["example.test"]));
    assert_eq!(result["sip_domains"], serde_json::json!(["example.test"]));
    assert_eq!(
        result["components"],
        serde_json::json!(["conference.example.test"])
    );
    assert_eq!(
        result["gateways"],
        serde_json::json!([{"kind": "prosody", "gateway": "prosody"}]),
        "the web site is not the edge's"
    );
    let text = lab.world.read("edgecert.toml");
    assert!(text.contains(&format!("root = {root:?}")), "{text}");
    lab.world
        .run(&["plan"])
        .ended(0)
        .said("conference.example.test");
    // Never over a file that is there.
    lab.world
        .run(&["init", "--from-gateways", "--root", &root])
        .ended(1);

    let told = lab
        .world
        .run(&["gateway", "discover", "--root", &root, "--json"])
        .ended(0)
        .json();
    schema::insist(&lab.world, &told);
    let row = |kind: &str, standing: &str, gateway: &str| {
        (kind.to_owned(), standing.to_owned(), gateway.to_owned())
    };
    assert_eq!(
        tables(&told),
        [
            row("prosody", "there", "prosody"),
            row("nginx", "not-ours", "-")
        ]
    );
    assert_eq!(codes(&told), ["gateway.other-writer"]);
    assert!(
        told["findings"][0]["why"]
            .as_str()
            .unwrap()
            .contains("cert import")
    );

    let doctor = lab.world.run(&["doctor", "--json"]).json();
    let faults = doctor["findings"].as_array().unwrap().iter();
    let faults: Vec<&str> = faults
        .filter(|one| one["code"] == "doctor.server")
        .filter_map(|one| one["what"].as_str())
        .collect();
    assert!(faults.contains(&"the server does not run"), "{doctor:#}");
}

#[test]
fn what_cannot_be_told_is_asked_for() {
    let lab = Lab::new();
    let root = another_machine(&lab);
    let world = &lab.world;
    // No host name is served that could be the edge's.
    let plain = lab
        .pki
        .generation(&["example.test", "conference.example.test"], KeyType::Ec256);
    world.write(
        "machine/etc/prosody/certs/example.test.crt",
        &plain.fullchain,
    );
    world.write("machine/etc/prosody/certs/example.test.key", &plain.key);
    world
        .run(&["init", "--from-gateways", "--root", &root])
        .ended(64)
        .said("--from-gateways --fqdn NAME");
    let empty = world.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.display().to_string();
    world
        .run(&["init", "--from-gateways", "--root", &empty])
        .ended(64)
        .said("tell no domain");
    world
        .run(&["init", "--root", &root])
        .ended(64)
        .said("add --from-gateways");
    world
        .run(&["gateway", "discover", "--root", &empty])
        .ended(0)
        .said("no server was found");
    world
        .run(&["gateway", "discover", "--root", &root, "--write"])
        .ended(64);

    world
        .run(&[
            "init",
            "--from-gateways",
            "--root",
            &root,
            "--fqdn",
            "edge.example.test",
        ])
        .ended(0);
    // Two certificates that fit equally well.
    let text = world.read("edgecert.toml");
    let (head, _) = text.split_once("\n[gateway.prosody.prosody]").unwrap();
    let two =
        format!("{head}\n[certificate.other-edge]\nissuer = \"public\"\nuses = [\"xmpp-s2s\"]\n");
    world.write("edgecert.toml", &two);
    let discover = ["gateway", "discover", "--root", &root, "--write"];
    world
        .run(&discover)
        .ended(64)
        .said("external-edge, other-edge fit what it serves now equally well")
        .said("--certificate CERT");
    assert_eq!(world.read("edgecert.toml"), two);
    let named = [&discover[..], &["--certificate", "other-edge"]].concat();
    world
        .run(&named)
        .ended(0)
        .said("+ certificate = \"other-edge\"");
    world
        .run(&[&discover[..], &["--certificate", "none-such"]].concat())
        .ended(64);
    // Nothing of it runs, so what its files hold is kept, and nothing is said to be proved.
    let adopt = ["gateway", "discover", "--root", &root, "--adopt", "--json"];
    let refused = world.run(&adopt).ended(1).json();
    assert_eq!(
        refused["error"]["code"], "import.refused",
        "its CA is no root of the system"
    );
    assert!(!world.path("edgecert.state/live/other-edge").exists());
    let roots = format!("roots = [{:?}]", lab.pki.ca.root());
    let text = world
        .read("edgecert.toml")
        .replacen("roots = [\"system\"]", &roots, 1);
    world.write("edgecert.toml", text);
    let reason = [
        "--accept",
        "names.missing",
        "--reason",
        "edge.example.test follows",
    ];
    let told = world.run(&[&adopt[..], &reason].concat()).ended(0).json();
    schema::insist(world, &told);
    let adopted = &told["result"]["adopted"][0];
    assert_eq!(adopted["gateways"], serde_json::json!([]), "{adopted:#}");
    assert_eq!(
        adopted["not_proved"][0]["gateway"], "prosody",
        "{adopted:#}"
    );
}

#[test]
fn what_is_asked_for_is_read_or_told_to_be_missing() {
    let lab = Lab::new();
    let root = another_machine(&lab);
    let world = &lab.world;
    for flag in ["--write", "--adopt"] {
        world
            .run(&["gateway", "discover", "--root", &root, flag])
            .ended(64)
            .said("there is no deployment file")
            .said("edgecert init --from-gateways");
    }
    // A configuration that nothing runs with, named as it lies for us.
    let text = "http { server { listen 443 ssl; server_name a.test; ssl_certificate /a.pem; ssl_certificate_key /a.key; } }\n";
    world.write("machine/srv/front/nginx.conf", text);
    let alone = format!("{root}/srv/front/nginx.conf");
    for words in [
        &["--only", alone.as_str()][..],
        &["--only", &alone, "--root", &root],
        &["--only", "/srv/front/nginx.conf", "--root", &root],
    ] {
        let told = world
            .run(&[&["gateway", "discover", "--json"][..], words].concat())
            .ended(0)
            .json();
        schema::insist(world, &told);
        let servers = told["result"]["servers"].as_array().unwrap();
        assert_eq!(servers.len(), 1, "{words:?}: {told:#}");
        assert_eq!(servers[0]["kind"], "nginx", "{told:#}");
        assert_eq!(servers[0]["running"], false, "{told:#}");
        assert_eq!(
            servers[0]["certificates"][0]["certificate_file"], "/a.pem",
            "{told:#}"
        );
    }
    world
        .run(&["gateway", "discover", "--only", "/none/nginx.conf"])
        .ended(64)
        .said("--only /none/nginx.conf matches no server")
        .said("is not there");
    world.write("machine/srv/odd", text);
    world
        .run(&["gateway", "discover", "--only", &format!("{root}/srv/odd")])
        .ended(64)
        .said("its name tells no kind of server");
    world
        .run(&[
            "gateway", "discover", "--root", &root, "--only", "nginx", "--only", "coturn",
        ])
        .ended(0)
        .said("no coturn was found");
    // Anybody could write the configuration.
    let shared = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(world.path("machine/srv/front/nginx.conf"), shared).unwrap();
    world
        .run(&["gateway", "discover", "--only", &alone])
        .ended(0)
        .said("none, its configuration can be changed by everybody");
    world
        .run(&["init", "--from-gateways", "--root", &root])
        .ended(0)
        .said(&format!(
            "next: edgecert gateway discover --adopt --root {root}"
        ));
}
