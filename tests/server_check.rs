//! `edgecert check` at the real servers, beside `check_ssl_cert` and `openssl s_client`: the three agree on what is
//! sound, what has ended and what covers another name.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
#[path = "servers/mod.rs"]
mod servers;
mod world;

use dns_server::{DnsServer, Zone};

use edgecert::names::Protocol;
use edgecert::x509::KeyType;
use servers::pki::{Generation, Odd, Signed};
use servers::{
    COMPONENT, DOMAIN, Lab, Listener, SIP_HOST, Server, ejabberd, haproxy, kamailio, prosody,
};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PLUGIN: &str = "/usr/lib/nagios/plugins/check_ssl_cert";

/// A name that no certificate here covers.
const WRONG: &str = "wrong.test";

/// For a server to show what it was told to read.
const WITHIN: Duration = Duration::from_secs(60);

/// How an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Expired,
    WrongName,
}

/// What ours says, with the name that must be covered.
fn ours(lab: &Lab, listener: &Listener, name: &str) -> State {
    let root = lab.pki.ca.root();
    let demanded = format!("dns:{name}");
    let ran = lab.world.run(&[
        "check",
        &listener.address.to_string(),
        "--protocol",
        listener.protocol.word(),
        "--servername",
        listener.name,
        "--xmpphost",
        listener.name,
        "--name",
        &demanded,
        "--roots",
        root.to_str().unwrap(),
        "--format",
        "json",
    ]);
    let row = ran.json()["result"]["targets"][0].clone();
    let codes: Vec<String> = row["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["severity"] == "error")
        .map(|one| one["code"].as_str().unwrap().to_owned())
        .collect();
    let state = match codes.first().map(String::as_str) {
        None => State::Ok,
        Some("validity.expired") => State::Expired,
        Some("names.missing") => State::WrongName,
        Some(_) => panic!("{listener}: {row:#}"),
    };
    assert_eq!(ran.code, if state == State::Ok { 0 } else { 2 }, "{row:#}");
    state
}

/// The protocol as both of the others call it; none: TLS at once.
fn starttls(protocol: Protocol) -> Option<&'static str> {
    match protocol {
        Protocol::Xmpp => Some("xmpp"),
        Protocol::XmppServer => Some("xmpp-server"),
        Protocol::XmppsClient | Protocol::XmppsServer | Protocol::Sips | Protocol::Tls => None,
    }
}

fn plugin(lab: &Lab, listener: &Listener, name: &str) -> State {
    assert!(
        std::path::Path::new(PLUGIN).exists(),
        "{PLUGIN} is not there: apt-get install monitoring-plugins-contrib"
    );
    let mut command = Command::new(PLUGIN);
    command
        .args([
            "-H",
            "127.0.0.1",
            "-p",
            &listener.address.port().to_string(),
        ])
        .args(["--sni", listener.name, "-m", name, "-t", "60"])
        .args(["--ignore-sct", "--ignore-ocsp", "-r"])
        .arg(lab.pki.ca.root())
        .stdin(Stdio::null());
    if let Some(word) = starttls(listener.protocol) {
        command.args(["-P", word, "--xmpphost", listener.name]);
    }
    // It makes many handshakes, each with a patience of its own, which a busy machine tries: that is no verdict.
    for _ in 0..3 {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.code() {
            Some(0) => return State::Ok,
            Some(2) if said.contains("expired") => return State::Expired,
            Some(2) if said.contains("does not match") => return State::WrongName,
            Some(2) if said.contains("TLS handshake error") => {}
            code => panic!("{listener}: {code:?} {said}"),
        }
    }
    panic!("{listener}: the plugin makes no handshake");
}

fn openssl(lab: &Lab, listener: &Listener, name: &str) -> State {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &listener.address.to_string()])
        .args(["-servername", listener.name, "-verify_hostname", name])
        .arg("-CAfile")
        .arg(lab.pki.ca.root())
        .stdin(Stdio::null());
    if let Some(word) = starttls(listener.protocol) {
        command.args(["-starttls", word, "-xmpphost", listener.name]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let code = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("Verify return code: "))
        .unwrap_or_else(|| panic!("{listener}: {output:?}"));
    match code.split(' ').next() {
        Some("0") => State::Ok,
        Some("10") => State::Expired,
        Some("62") => State::WrongName,
        _ => panic!("{listener}: {code}"),
    }
}

/// All three on every listener; the plugin takes seconds, so it is asked on one listener of each protocol.
#[track_caller]
fn agree(lab: &Lab, server: &Server) {
    let mut asked = Vec::new();
    for listener in server.listeners() {
        for (name, wanted) in [(listener.name, State::Ok), (WRONG, State::WrongName)] {
            assert_eq!(ours(lab, listener, name), wanted, "{listener}");
            assert_eq!(openssl(lab, listener, name), wanted, "{listener}");
            if !asked.contains(&listener.protocol) {
                assert_eq!(plugin(lab, listener, name), wanted, "{listener}");
            }
        }
        asked.push(listener.protocol);
    }
}

/// Puts an ended certificate in place; all three say so.
#[track_caller]
fn agree_on_the_end(lab: &Lab, server: &Server, take: impl Fn(&Generation)) {
    let ended = Odd {
        signed: Signed::LongAgo,
        ..Odd::default()
    };
    let names = [DOMAIN, COMPONENT, SIP_HOST];
    let old = lab.pki.generation_of(&names, KeyType::Ec256, &ended);
    server.place(&old);
    take(&old);
    let listener = server
        .listeners()
        .iter()
        .find(|listener| listener.name == DOMAIN)
        .unwrap();
    let begun = Instant::now();
    while ours(lab, listener, DOMAIN) != State::Expired {
        assert!(begun.elapsed() < WITHIN, "{}", server.log());
        std::thread::sleep(servers::POLL);
    }
    assert_eq!(openssl(lab, listener, DOMAIN), State::Expired);
    assert_eq!(plugin(lab, listener, DOMAIN), State::Expired);
}

/// Runs the server's control program.
#[track_caller]
fn told(server: &Server, words: &[&str]) {
    let said = server.control(words);
    assert!(said.status.success(), "{said:?}\n{}", server.log());
}

/// The records lead to Prosody: STARTTLS and direct TLS, between servers and for clients, each with the domain as `to`.
#[test]
fn a_real_server_is_found_through_its_srv_records_and_asked_for_its_domain() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Missing);
    let service = |protocol: Protocol| match protocol {
        Protocol::XmppServer => "_xmpp-server",
        Protocol::XmppsServer => "_xmpps-server",
        Protocol::Xmpp => "_xmpp-client",
        Protocol::XmppsClient => "_xmpps-client",
        Protocol::Sips | Protocol::Tls => panic!("{protocol:?}"),
    };
    let listeners = server.listeners().iter().filter(|one| one.name == DOMAIN);
    let ports: Vec<(Protocol, u16)> = listeners
        .map(|one| (one.protocol, one.address.port()))
        .collect();
    assert!(
        ports
            .iter()
            .any(|(protocol, _)| *protocol == Protocol::XmppServer)
    );
    let zone = |domain: &str| -> String {
        ports
            .iter()
            .map(|(protocol, port)| {
                format!(
                    "{}._tcp.{domain}. SRV 0 0 {port} edge.example.test.\n",
                    service(*protocol)
                )
            })
            .collect()
    };
    // Of the last one nobody here knows anything.
    let dns = DnsServer::start(
        Zone::Plain,
        &format!(
            "{}{}edge.example.test. A 127.0.0.1\n",
            zone(DOMAIN),
            zone("stranger.test")
        ),
    );
    let root = lab.pki.ca.root().display().to_string();
    let resolver = dns.address.to_string();
    let check = |target: &str| {
        let words = [
            "check",
            target,
            "--resolver",
            &resolver,
            "--roots",
            &root,
            "--json",
        ];
        lab.world.run(&words).json()
    };
    let document = check(&format!("xmpp:{DOMAIN}"));
    let rows = document["result"]["targets"].as_array().unwrap();
    assert_eq!(rows.len(), 1 + ports.len(), "{document:#}");
    for row in &rows[1..] {
        assert_eq!(row["status"], "ok", "{row:#}");
        assert_eq!(row["name"], DOMAIN);
        assert_eq!(
            row["certificate"]["sha256"],
            server.first.leaf.to_string(),
            "{row:#}"
        );
    }
    let between = rows.iter().find(|row| row["protocol"] == "xmpp-server");
    let seen = between.unwrap()["seen"].to_string();
    assert!(seen.contains("dialback"), "{seen}");
    let document = check("xmpp:stranger.test");
    assert_eq!(document["exit_code"], 2, "{document:#}");
}

#[test]
fn prosody_is_seen_as_others_see_it() {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    agree(&lab, &server);
    agree_on_the_end(&lab, &server, |_| {
        told(&server, &["shell", "config", "reload"]);
    });
}

#[test]
fn ejabberd_is_seen_as_others_see_it() {
    let lab = Lab::new();
    let server = ejabberd::start(&lab, KeyType::Ec256);
    agree(&lab, &server);
    agree_on_the_end(&lab, &server, |_| told(&server, &["reload_config"]));
}

#[test]
fn kamailio_is_seen_as_others_see_it() {
    let lab = Lab::new();
    let server = kamailio::start(&lab, KeyType::Ec256);
    agree(&lab, &server);
    agree_on_the_end(&lab, &server, |_| kamailio::reload(&server));
}

#[test]
fn haproxy_is_seen_as_others_see_it() {
    let lab = Lab::new();
    let server = haproxy::start(&lab, KeyType::Ec256, haproxy::Admin::Socket);
    agree(&lab, &server);
    agree_on_the_end(&lab, &server, |new| {
        let said = haproxy::set_and_commit(&server, new);
        assert!(said.contains("Success!"), "{said}");
    });
}
