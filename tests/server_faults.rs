//! Faults within `edgecert assign` on Prosody, ejabberd and Kamailio, each started from its package: the certificate before is served
//! everywhere, its files lie there as they did, and the report says what happened, where, why and what to do.
//!
//! The files are harmed between write and reload, as the checks before let none of these through (tests/servers/harm.rs). HAProxy,
//! nginx and coturn: tests/server_faults_tls.rs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::KeyType;
use servers::harm::told;
use servers::stage::{Stage, beside};
use servers::{COMPONENT, DOMAIN, Lab, ejabberd, kamailio, prosody, put};

#[test]
fn f01_prosody_with_bad_files() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let stage = Stage::new(lab, server, "reload");
    for (name, lines) in stage.bad_files() {
        // The component has the same pair under its own name, and Prosody takes either for the domain.
        let as_well = lines.replace(&format!("/{DOMAIN}."), &format!("/{COMPONENT}."));
        stage.undone(name, &format!("{lines}; {as_well}"));
    }
    let error = stage.undone("nothing done", "echo OK; exit 0")["error"].clone();
    assert_eq!(error["code"], "assign.not-proved", "{error:#}");
    stage.edit(
        "owner = \"prosody:prosody\"\nmode = \"0640\"",
        "owner = \"daemon:daemon\"\nmode = \"0600\"",
    );
    stage.refused(&["assign"], "assign.destination");
    stage.edit(
        "owner = \"daemon:daemon\"\nmode = \"0600\"",
        "owner = \"prosody:prosody\"\nmode = \"0640\"",
    );
    stage.assigned(&["assign"], stage.second);
}

#[test]
fn f02_prosody_and_the_files_beside() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let stage = Stage::new(lab, server, "reload");
    let rival = stage.lab.generation(KeyType::Ec256);
    let owner = stage.server.owner().clone();
    let (certificate, key) = (beside(&stage, "zzz.crt"), beside(&stage, "zzz.key"));
    put(&key, &rival.key, &owner, 0o640);
    let lay = |text: &str| put(&certificate, text, &owner, 0o644);

    lay(&rival.fullchain[..400]);
    let document = stage.refused(&["assign"], "gateway.neighbour-broken");
    assert!(
        document["error"]["where"]
            .as_str()
            .unwrap()
            .contains("zzz.crt"),
        "{document:#}"
    );
    lay(&rival.fullchain);
    let document = stage.refused(&["assign"], "gateway.neighbour-rival");
    let mend = document["error"]["mend"].as_str().unwrap();
    assert!(mend.contains("zzz.crt.bak"), "{mend}");
    told(&stage.lab, &["assign"], 1);
    // Prosody does not see these two: their first line is another one.
    lay(&rival.fullchain.replace('\n', "\r\n"));
    stage.assigned(&["assign"], stage.second);
    lay(&format!(
        "the certificate of last year\n{}",
        rival.fullchain
    ));
    stage.assigned(&["assign", "external-edge/1"], stage.first);
    let written = std::fs::read_to_string(stage.written()).unwrap();
    assert!(
        written.starts_with("-----BEGIN CERTIFICATE-----\n"),
        "{written}"
    );
}

#[test]
fn f03_ejabberd_with_bad_files_and_leftovers() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    let stage = Stage::new(lab, server, "reload_config");
    let owner = stage.server.owner().clone();
    for (name, lines) in stage.bad_files() {
        // Each is an outage at once, and each reload starts an Erlang machine.
        if ["another key", "unreadable file"].contains(&name) {
            let document = stage.undone(name, &lines);
            let why = document["error"]["why"].as_str().unwrap();
            assert!(why.contains("no certificate"), "{name}: {why}");
            assert!(
                why.contains("server showed no certificate for at most"),
                "{why}"
            );
            let dark = document["result"]["standings"][0]["dark_ms"].as_u64();
            assert!(dark.is_some_and(|dark| dark > 0), "{document:#}");
        }
    }
    let leftover = beside(&stage, "old.pem");
    put(
        &leftover,
        &stage.lab.generation(KeyType::Ec256).combined(),
        &owner,
        0o640,
    );
    stage.refused(&["assign"], "gateway.neighbour-rival");
    // What was served first is valid for a shorter time.
    put(&leftover, &stage.server.first.combined(), &owner, 0o640);
    stage.assigned(&["assign"], stage.second);
}

#[test]
fn f04_kamailio_whose_refusals_are_text() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    let stage = Stage::new(lab, server, "tls.reload");
    for (name, lines) in stage.bad_files() {
        let error = stage.undone(name, &lines)["error"].clone();
        assert_eq!(error["code"], "assign.program-failed", "{name}: {error:#}");
        let why = error["why"].as_str().unwrap();
        assert!(why.contains("error: 500"), "{name}: {why}");
    }
    let error = stage.undone(
        "nothing done",
        "echo 'Ok. TLS configuration reloaded.'; exit 0",
    )["error"]
        .clone();
    assert_eq!(error["code"], "assign.not-proved", "{error:#}");
    stage.assigned(&["assign"], stage.second);
}

#[test]
fn f05_kamailio_short_of_memory_and_without_its_socket() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    let stage = Stage::new(lab, server, "core.shmmem");
    // What is served is another file than this one, so that the next look is harmed.
    let look = beside(&stage, "look");
    let lines = |lines: &str| {
        std::fs::write(&look, "1").unwrap();
        stage.harm.arm(stage.when, &look, lines);
        std::fs::write(&look, "2").unwrap();
    };
    lines("printf '{\\n\\ttotal: 67108864\\n\\tfree: 1048576\\n}\\n'; exit 0");
    let ran = stage.lab.world.run(&["assign", "--json"]).ended(0).json();
    let findings = ran["findings"].as_array().unwrap();
    let low = findings
        .iter()
        .find(|one| one["code"] == "gateway.memory-low");
    assert!(
        low.unwrap()["what"].as_str().unwrap().contains("1024 KB"),
        "{ran:#}"
    );
    stage.shows(stage.second);
    stage.edit("kamailio_ctl\"", "no_such_ctl\"");
    stage.refused(&["assign", "external-edge/1"], "assign.program-failed");
    stage.shows(stage.second);
}
