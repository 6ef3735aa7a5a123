//! Faults within `edgecert assign` on HAProxy, nginx and coturn, as tests/server_faults.rs has them for the others.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::KeyType;
use servers::between::{Between, Turn};
use servers::deployed::CERTIFICATE;
use servers::harm::{Harm, failure, lying, told};
use servers::stage::Stage;
use servers::{Files, Lab, Prove, Server, coturn, haproxy, nginx};

/// Whether HAProxy has a transaction for its file that was never committed.
fn is_open(server: &Server) -> bool {
    let Files::Combined(file) = server.files() else {
        panic!("HAProxy has one file")
    };
    let answer = haproxy::admin(server, "show ssl cert");
    answer.contains(&format!("*{}", file.display()))
}

#[test]
fn f06_haproxy_whose_socket_loses_and_changes_what_it_gets() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Socket);
    let between = Between::start(lab.world.path("between.sock"), &haproxy::socket(&server));
    let harm = Harm::before(&lab, server.control_words());
    let gateway = server.gateway("server", CERTIFICATE, Prove::Found).replace(
        &format!("socket = {:?}", haproxy::socket(&server)),
        &format!("socket = {:?}\ntimeout = \"3s\"", between.path),
    );
    assert!(gateway.contains("between.sock"));
    let stage = Stage::of(lab, server, harm, gateway, "-c");
    let own = stage.lab.world.read(&format!(
        "edgecert.state/archive/{CERTIFICATE}/2/privkey.pem"
    ));
    let part = |key: &str| key.lines().collect::<Vec<_>>().join("\n");
    let [same, other] =
        [KeyType::Ec256, KeyType::Rsa2048].map(|key| part(&stage.lab.generation(key).key));
    let own = part(&own);
    for (name, turn, why) in [
        (
            "another key",
            Turn::Changed("set ssl cert", own.clone(), same),
            "inconsistencies",
        ),
        (
            "another type",
            Turn::Changed("set ssl cert", own.clone(), other),
            "inconsistencies",
        ),
        (
            "no key",
            Turn::Changed("set ssl cert", own, String::new()),
            "",
        ),
        (
            "cut certificate",
            Turn::Changed(
                "set ssl cert",
                "-----END CERTIFICATE-----".into(),
                "-----END".into(),
            ),
            "unable to load",
        ),
        (
            "no right",
            Turn::Answered("set ssl cert", "Permission denied\n"),
            "Permission denied",
        ),
        (
            "lost commit",
            Turn::Answered("commit ssl cert", "Success!\n"),
            "still shows",
        ),
        (
            "no answer",
            Turn::Swallowed("commit ssl cert"),
            "no answer within 3 s",
        ),
    ] {
        let before = lying(&stage.files());
        between.set(turn);
        let document = failure(&stage.lab, &["assign"], 3);
        assert!(between.is_spent(), "{name}");
        let said = document["error"]["why"].as_str().unwrap();
        assert!(said.contains(why), "{name}: {said}");
        assert_eq!(lying(&stage.files()), before, "{name}");
        assert!(!is_open(&stage.server), "{name}");
        stage.shows(stage.first);
    }
    // Empty lines would end the payload.
    let chain = format!("edgecert.state/archive/{CERTIFICATE}/2/fullchain.pem");
    let text = stage.lab.world.read(&chain);
    stage
        .lab
        .world
        .write(&chain, text.replace("-----BEGIN", "\n\n-----BEGIN"));
    stage.assigned(&["assign"], stage.second);
    let written = std::fs::read_to_string(stage.written()).unwrap();
    assert!(
        !written.contains("\n\n") && !written.starts_with('\n'),
        "{written}"
    );
    // Not in memory alone.
    haproxy::reload(&stage.server);
    stage.shows(stage.second);
    // A socket that may only look at things.
    let config = stage.server.config().to_owned();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("level admin", "level operator")).unwrap();
    stage.edit("between.sock", "haproxy/admin.sock");
    stage.refused(&["assign", "external-edge/1"], "assign.server-unfit");
}

#[test]
fn f07_haproxy_whose_checker_refuses_or_whose_reload_keeps_the_old() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Missing);
    let stage = Stage::new(lab, server, "-c -q");
    for (name, lines) in stage.bad_files() {
        // Root reads it whatever its mode.
        if name != "unreadable file" {
            let error = stage.undone(name, &lines)["error"].clone();
            assert_eq!(error["code"], "assign.program-failed", "{name}: {error:#}");
        }
    }
    stage.assigned(&["assign"], stage.second);
}

#[test]
fn f08_nginx_and_what_its_checker_lets_through() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    let stage = Stage::new(lab, server, "-s reload");
    for (name, lines) in stage.bad_files() {
        // Its master is root, and reads it whatever its mode.
        if name == "unreadable key" {
            continue;
        }
        let error = stage.undone(name, &lines)["error"].clone();
        let expected = match name {
            "another type" => "assign.not-proved",
            _ => "assign.program-failed",
        };
        assert_eq!(error["code"], expected, "{name}: {error:#}");
    }
    let document = stage.undone("nothing done", "exit 0");
    let why = document["error"]["why"].as_str().unwrap();
    assert!(why.contains(&stage.first.short()), "{why}");
    let [certificate, key] = [0, 1].map(|number| stage.files()[number].display().to_string());
    let backwards = stage.lab.world.path("pki/inter.pem");
    stage.undone(
        "chain before leaf",
        &format!(
            "cat '{}' '{certificate}' > '{key}.c'; mv '{key}.c' '{certificate}'",
            backwards.display()
        ),
    );
    // Its checker says no to the very files.
    let stage = Stage {
        when: "-t",
        ..stage
    };
    let error = stage.undone("refused", &format!(": > '{certificate}'"))["error"].clone();
    assert!(error["what"].as_str().unwrap().contains("-t"), "{error:#}");
    let said = {
        stage
            .harm
            .arm("-t", stage.written(), "echo 'nginx: no' >&2; exit 1");
        told(&stage.lab, &["assign"], 3)
    };
    assert!(said.contains("nginx: no"), "{said}");
    stage.assigned(&["assign"], stage.second);
}

#[test]
fn f09_coturn_that_keeps_the_old_pair_and_dies() {
    let lab = Lab::new();
    let server = coturn::start(&lab, KeyType::Ec256);
    let pid = server.process.pid();
    let harm = Harm::script(&lab, &format!("kill -USR2 {pid}"));
    let gateway = server.gateway("server", CERTIFICATE, Prove::Found).replace(
        "control = ",
        &format!("reload = {:?}\ncontrol = ", harm.words()),
    );
    let stage = Stage::of(lab, server, harm, gateway, "");
    for (name, lines) in stage.bad_files() {
        let error = stage.undone(name, &lines)["error"].clone();
        assert_eq!(error["code"], "assign.not-proved", "{name}: {error:#}");
    }
    let before = lying(&stage.files());
    stage
        .harm
        .arm("", stage.written(), &format!("kill -9 {pid}; exit 0"));
    let document = failure(&stage.lab, &["assign"], 4);
    assert_eq!(document["changed"], true);
    let why = document["error"]["why"].as_str().unwrap();
    assert!(
        why.contains("server: not proved") && why.contains("is dark"),
        "{why}"
    );
    assert_eq!(lying(&stage.files()), before);
    stage.refused(&["assign"], "assign.gateway-not-running");
    told(&stage.lab, &["assign"], 1);
}
