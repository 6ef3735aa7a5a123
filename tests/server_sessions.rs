//! `edgecert assign --end-sessions` at the real servers: connections that began with the certificate before are there
//! until the new one is proved, and then each server ends them by its own means; or it is said that a person has to.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::names::Protocol;
use edgecert::x509::KeyType;
use serde_json::Value;
use servers::deployed::CERTIFICATE;
use servers::held::Held;
use servers::{Lab, Prove, Server, Shows, ejabberd, haproxy, kamailio, nginx, prosody};

/// Assigns once, holds a session on each listener, assigns again with `--end-sessions`; gives what was told of them.
#[track_caller]
fn assigned_twice(lab: &Lab, server: &Server) -> (Value, Vec<Held>) {
    lab.deployment(&[server.gateway("server", CERTIFICATE, Prove::Listed)]);
    let key = ["--key-type", "ec256"];
    lab.imported(&key);
    lab.world.run(&["assign"]).ended(0);
    let mut held = Held::on_all(&lab.trust, server);
    lab.imported(&key);
    held.iter_mut().for_each(Held::still_alive);
    let done = lab
        .world
        .run(&["assign", "--end-sessions", "--json"])
        .ended(0)
        .json();
    let ended = done["result"]["ended"][0].clone();
    assert!(
        ended["sessions_before"].as_u64().unwrap() as usize >= held.len(),
        "{done:#}"
    );
    for step in ended["steps"].as_array().unwrap() {
        assert_eq!(step["why"], Value::Null, "{done:#}");
    }
    (ended, held)
}

#[track_caller]
fn ends_them_all(lab: &Lab, server: &Server) {
    let (ended, held) = assigned_twice(lab, server);
    assert_eq!(ended["sessions_left"], 0, "{ended:#}\n{}", server.log());
    held.into_iter().for_each(Held::was_ended);
}

#[test]
fn prosody_ends_its_streams_by_its_shell() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let (ended, held) = assigned_twice(&lab, &server);
    // Streams of a host with another certificate live on; of clients, 0.12 ends one account or all.
    let (kept, changed): (Vec<_>, Vec<_>) = held.into_iter().partition(|one| {
        let listener = one.listener();
        let between_servers = matches!(
            listener.protocol,
            Protocol::XmppServer | Protocol::XmppsServer
        );
        listener.shows == Shows::Kept && between_servers
    });
    assert!(!kept.is_empty() && !changed.is_empty());
    assert_eq!(
        ended["sessions_left"],
        kept.len(),
        "{ended:#}\n{}",
        server.log()
    );
    changed.into_iter().for_each(Held::was_ended);
    kept.into_iter().for_each(Held::ends_well);
}

#[test]
fn ejabberd_ends_the_streams_between_servers() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    let (ended, held) = assigned_twice(&lab, &server);
    let steps = ended["steps"].as_array().unwrap();
    assert!(
        steps[0]["command"]
            .as_str()
            .unwrap()
            .ends_with("stop_s2s_connections")
    );
    let by_hand = steps.iter().any(|one| one["by_hand"] == true);
    assert_eq!(by_hand, ended["sessions_left"] != 0, "{ended:#}");
    drop(held);
}

#[test]
fn haproxy_ends_the_sessions_of_its_frontends_by_its_admin_socket() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Socket);
    ends_them_all(&lab, &server);
}

#[test]
fn nginx_ends_the_workers_that_its_reload_left_behind() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    ends_them_all(&lab, &server);
}

#[test]
fn kamailio_has_no_such_command_and_that_is_said() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    let (ended, held) = assigned_twice(&lab, &server);
    assert_eq!(ended["steps"][0]["by_hand"], true);
    assert_eq!(ended["sessions_left"], ended["sessions_before"]);
    held.into_iter().for_each(Held::ends_well);
}
