//! `edgecert assign` on the real servers, each started from its package: under load and with sessions held, for both key
//! types and a change between them, forth and back.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::{Fingerprint, KeyType};
use serde_json::Value;
use servers::deployed::CERTIFICATE;
use servers::held::Held;
use servers::load::Load;
use servers::{Lab, Prove, Server, Shows, coturn, ejabberd, haproxy, kamailio, nginx, prosody};
use std::time::Duration;

/// For a server to show the next certificate everywhere, and for a round of handshakes.
const WITHIN: Duration = Duration::from_secs(60);
/// Handshakes on each listener that must go on before and after.
const ROUNDS: usize = 3;

/// What every listener of the certificate shows.
#[track_caller]
fn shows(lab: &Lab, server: &Server, leaf: Fingerprint) {
    for listener in server.listeners() {
        let wanted = match listener.shows {
            Shows::Changed => leaf,
            Shows::Kept => lab.second.leaf,
        };
        assert_eq!(lab.trust.handshake(listener), Ok(wanted), "{listener}");
    }
}

/// Runs a command that assigns; its result.
#[track_caller]
fn run(lab: &Lab, words: &[&str], code: i32) -> Value {
    let mut all = words.to_vec();
    all.push("--json");
    let ran = lab.world.run(&all);
    assert_eq!(ran.code, code, "{}\n{}", ran.stdout, ran.stderr);
    ran.json()
}

/// Over what lay there before, then EC to RSA and back to EC under load with sessions held, then a rollback.
#[track_caller]
fn hot_assign(lab: &Lab, server: &Server, prove: Prove) {
    lab.deployment(&[server.gateway("server", CERTIFICATE, prove)]);
    let first = lab.imported(&["--key-type", "ec256"]);
    let done = run(lab, &["assign"], 0);
    assert_eq!(done["result"]["standings"][0]["proved"], true, "{done}");
    shows(lab, server, first);
    let mut held = Held::on_all(&lab.trust, server);
    let load = Load::start(&lab.trust, server);
    let mut known = vec![server.first.leaf, lab.second.leaf, first];
    let goes_on = |load: &Load| {
        if let Err(why) = load.goes_on(ROUNDS, WITHIN) {
            panic!("{why}\n{}", server.log());
        }
    };
    goes_on(&load);
    let mut last = first;
    for key in ["rsa2048", "ec256"] {
        let next = lab.imported(&["--key-type", key]);
        known.push(next);
        let done = run(lab, &["assign"], 0);
        assert_eq!(done["changed"], true);
        held.iter_mut().for_each(Held::still_alive);
        goes_on(&load);
        last = next;
    }
    let again = run(lab, &["assign"], 0);
    assert_eq!(again["changed"], false, "{again}");
    run(lab, &["rollback"], 0);
    held.iter_mut().for_each(Held::still_alive);
    goes_on(&load);
    let outcome = load.stop();
    held.into_iter().for_each(Held::ends_well);
    assert_eq!(outcome.failures(), Vec::<String>::new(), "{}", server.log());
    assert_eq!(outcome.strangers(&known), 0);
    shows(lab, server, known[known.len() - 2]);
    run(lab, &["assign"], 0);
    shows(lab, server, last);
}

#[test]
fn s01_prosody_by_its_shell() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    hot_assign(&lab, &server, Prove::Found);
}

/// An address of loopback that nothing else uses, on the port that servers call.
fn own_address() -> std::net::SocketAddr {
    let byte = |shift: u32| (std::process::id() >> shift) as u8;
    format!("127.{}.{}.9:5269", byte(8) | 1, byte(0))
        .parse()
        .unwrap()
}

#[test]
fn s09_prosody_shows_the_new_certificate_where_it_calls_others() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let listen = own_address();
    let outbound = format!(
        "outbound = {{ domain = \"{}\", listen = \"{listen}\" }}\n",
        listen.ip()
    );
    lab.deployment(&[server.gateway("server", CERTIFICATE, Prove::Found) + &outbound]);
    for key in ["ec256", "rsa2048"] {
        let leaf = lab.imported(&["--key-type", key]);
        let done = run(&lab, &["assign"], 0);
        let listeners = done["result"]["standings"][0]["listeners"]
            .as_array()
            .unwrap();
        let calls: Vec<&Value> = listeners
            .iter()
            .filter(|one| one["calls"].is_string())
            .collect();
        assert_eq!(calls.len(), 2, "a domain and a component: {done}");
        for call in calls {
            assert_eq!(call["sha256"], leaf.to_string(), "{}", server.log());
        }
    }
}

#[test]
fn s02_prosody_without_its_shell() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Rsa2048, prosody::Shell::Missing);
    hot_assign(&lab, &server, Prove::Listed);
}

#[test]
fn s03_ejabberd() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    hot_assign(&lab, &server, Prove::Found);
}

#[test]
fn s04_kamailio() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    hot_assign(&lab, &server, Prove::Found);
}

#[test]
fn s05_haproxy_by_its_runtime_api() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Socket);
    hot_assign(&lab, &server, Prove::Found);
}

#[test]
fn s06_haproxy_by_a_reload() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Missing);
    hot_assign(&lab, &server, Prove::Listed);
}

#[test]
fn s07_nginx() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    hot_assign(&lab, &server, Prove::Found);
}

#[test]
fn s08_coturn() {
    let lab = Lab::new();
    let server = coturn::start(&lab, KeyType::Ec256);
    hot_assign(&lab, &server, Prove::Found);
}
