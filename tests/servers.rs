//! The real servers as they were measured: each starts, serves its first certificate on every listener, and by its own
//! command takes the next one under load, with no handshake failed and no session lost.
//!
//! What `edgecert assign` builds upon, and nothing of it: no test here calls the program.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::deployment::Deployment;
use edgecert::x509::KeyType;
use rustix::process::Signal;
use servers::deployed::CERTIFICATE;
use servers::held::Held;
use servers::load::Load;
use servers::pki::Generation;
use servers::{Lab, Prove, Server, Shows, coturn, ejabberd, haproxy, kamailio, nginx, prosody};
use std::time::Duration;

/// For a server to show the next certificate everywhere, and for a round of handshakes.
const WITHIN: Duration = Duration::from_secs(60);
/// Handshakes on each listener before the change, and those in a row that must show the new leaf after it.
const ROUNDS: usize = 5;

/// Puts the next certificate in place under load and runs a server's own command, twice, so that the type of the key
/// changes both ways. Sessions from before must live on.
#[track_caller]
fn takes_the_next(lab: &Lab, server: &Server, command: impl Fn(&Generation)) {
    let failures = failures_of_the_next(lab, server, command);
    assert_eq!(failures, Vec::<String>::new(), "{}", server.log());
}

/// The same; the handshakes that failed meanwhile are for the caller to judge.
#[track_caller]
fn failures_of_the_next(lab: &Lab, server: &Server, command: impl Fn(&Generation)) -> Vec<String> {
    stands_in_a_deployment(lab, server);
    let mut held = Held::on_all(&lab.trust, server);
    let mut known = vec![server.first.leaf, lab.second.leaf];
    let next = [KeyType::Rsa2048, KeyType::Ec256].map(|key| lab.generation(key));
    let load = Load::start(&lab.trust, server);
    let seen = |outcome: Result<(), String>| {
        outcome.unwrap_or_else(|why| panic!("{why}\n{}", server.log()));
    };
    seen(load.goes_on(ROUNDS, WITHIN));
    for new in &next {
        known.push(new.leaf);
        server.place(new);
        command(new);
        held.iter_mut().for_each(Held::still_alive);
        seen(load.shows(|one| one.wanted(new, &lab.second), ROUNDS, WITHIN));
        held.iter_mut().for_each(Held::still_alive);
    }
    let outcome = load.stop();
    held.into_iter().for_each(Held::ends_well);
    assert_eq!(outcome.strangers(&known), 0);
    outcome.failures()
}

/// What is said of a server in `edgecert.toml` is understood.
#[track_caller]
fn stands_in_a_deployment(lab: &Lab, server: &Server) {
    for prove in [Prove::Listed, Prove::Found] {
        let _ = std::fs::remove_file(lab.world.path("edgecert.toml"));
        lab.deployment(&[server.gateway("server", CERTIFICATE, prove)]);
        let text = lab.world.read("edgecert.toml");
        let read = Deployment::parse(&text, &lab.world.path("edgecert.toml"))
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read.gateways.len(), 1);
        assert_eq!(read.gateways[0].kind.word(), server.kind());
        let changed = server.listeners().iter();
        let changed = changed.filter(|one| one.shows == Shows::Changed).count();
        let listed = read.gateways[0].prove.len();
        assert!(listed == changed || (prove == Prove::Found && listed == 0));
    }
}

#[test]
fn a_certificate_that_edgecert_asked_for_is_one_that_the_servers_can_show() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Variable);
    lab.deployment(&[server.gateway("front", CERTIFICATE, Prove::Listed)]);
    let leaf = lab.imported(&["--key-type", "ec256"]);
    let files = lab.world.files("edgecert.state");
    let one = |name: &str| {
        let mut found = files.iter().filter(|(path, _)| path.ends_with(name));
        let (_, bytes) = found.next().unwrap_or_else(|| panic!("no {name}"));
        String::from_utf8(bytes.clone()).unwrap()
    };
    let next = Generation {
        leaf,
        fullchain: one("fullchain.pem"),
        key: one("privkey.pem"),
    };
    server.place(&next);
    for listener in server.listeners() {
        let seen = lab.trust.handshake(listener);
        assert_eq!(seen, Ok(listener.wanted(&next, &lab.second)), "{listener}");
    }
}

#[test]
fn prosody_takes_the_next_certificate_by_its_shell() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    takes_the_next(&lab, &server, |_| {
        let said = server.control(&["shell", "config", "reload"]);
        assert!(said.status.success(), "{said:?}");
    });
}

#[test]
fn prosody_without_its_shell_takes_the_next_certificate_by_a_reload() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Missing);
    let shell = server.control(&["shell", "config", "reload"]);
    assert!(!shell.status.success(), "{shell:?}");
    takes_the_next(&lab, &server, |_| {
        let said = server.control(&["reload"]);
        assert!(said.status.success(), "{said:?}");
    });
}

#[test]
fn ejabberd_takes_the_next_certificate_by_reload_config() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    takes_the_next(&lab, &server, |_| {
        let said = server.control(&["reload_config"]);
        assert!(said.status.success(), "{said:?}");
    });
}

#[test]
fn kamailio_takes_the_next_certificate_by_tls_reload() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    takes_the_next(&lab, &server, |_| kamailio::reload(&server));
}

#[test]
fn haproxy_takes_the_next_certificate_by_its_admin_socket() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Socket);
    takes_the_next(&lab, &server, |new| {
        let said = haproxy::set_and_commit(&server, new);
        assert!(said.contains("Success!"), "{said}");
    });
}

#[test]
fn haproxy_without_a_socket_takes_the_next_certificate_by_sigusr2() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Missing);
    takes_the_next(&lab, &server, |_| haproxy::reload(&server));
}

#[test]
fn nginx_takes_the_next_certificate_by_a_reload() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Fixed);
    takes_the_next(&lab, &server, |_| {
        let said = server.control(&["-s", "reload"]);
        assert!(said.status.success(), "{said:?}");
    });
}

#[test]
fn nginx_with_a_variable_in_its_file_names_takes_the_next_certificate_without_a_command() {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Variable);
    // The worker opens the file twice for a handshake: one that happens between the two finds a key of another
    // certificate. That is all that may fail.
    for failure in failures_of_the_next(&lab, &server, |_| {}) {
        assert!(failure.contains("fatal alert"), "{failure}");
    }
}

#[test]
fn coturn_takes_the_next_certificate_by_sigusr2() {
    let lab = Lab::new();
    let server = coturn::start(&lab, KeyType::Ec256);
    takes_the_next(&lab, &server, |_| server.process.signal(Signal::USR2));
}
