//! What real servers show as TLS clients: Prosody and ejabberd of the packages are made to call an IP address of
//! loopback, and the certificate of that call is theirs.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "world/ports.rs"]
mod ports;
#[path = "outbound/server.rs"]
mod server;

use edgecert::assign::Proof;
use edgecert::assign::prove::{Seen, Wanted, look, prove};
use edgecert::deployment::Outbound;
use edgecert::names::{Domain, Protocol};
use edgecert::probe::KeyKind;
use edgecert::x509::Fingerprint;
use server::{HOST, Server, own_address, pair};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn proof(address: SocketAddr, protocol: Protocol) -> Proof {
    let listen = own_address();
    Proof {
        protocol,
        address,
        name: Some(Domain::parse(HOST).unwrap()),
        outbound: Some(Outbound {
            domain: listen.ip().to_string(),
            listen,
        }),
        key_kind: KeyKind::Ecdsa,
    }
}

/// On both listeners, again and again.
fn assert_proved(server: &Server, leaf: &[u8]) {
    let leaf = Fingerprint::of(leaf);
    for (address, protocol) in [
        (server.starttls, Protocol::XmppServer),
        (server.direct, Protocol::XmppsServer),
    ] {
        let proof = proof(address, protocol);
        assert_eq!(look(&proof), Seen::Leaf(leaf, 0), "{}", server.log());
        let deadline = Instant::now() + Duration::from_secs(30);
        let proved = prove(&proof, Wanted::Leaf(leaf), deadline, &|| false);
        assert!(proved.holds, "{proved:?}\n{}", server.log());
    }
}

fn assert_dark(seen: &Seen, words: &[&str], server: &Server) {
    let Seen::Dark(told) = seen else {
        panic!("{seen:?}\n{}", server.log());
    };
    for word in words {
        assert!(told.contains(word), "{told}\n{}", server.log());
    }
}

#[test]
fn prosody_shows_its_certificate_as_a_client_and_the_new_one_after_a_reload() {
    let (old, new) = (pair(), pair());
    let server = Server::prosody(&old, "");
    assert_proved(&server, &old.der);
    server.replace(&new);
    let wanted = Wanted::Leaf(Fingerprint::of(&new.der));
    let deadline = Instant::now() + Duration::from_secs(30);
    let proof = proof(server.starttls, Protocol::XmppServer);
    let proved = prove(&proof, wanted, deadline, &|| false);
    assert!(proved.holds, "{proved:?}\n{}", server.log());
}

#[test]
fn prosody_that_trusts_no_stranger_needs_the_partner_among_its_insecure_domains() {
    let pair = pair();
    let server = Server::prosody(&pair, "s2s_secure_auth = true");
    let seen = look(&proof(server.starttls, Protocol::XmppServer));
    assert_dark(
        &seen,
        &["not-authorized", "s2s_insecure_domains = { \"127."],
        &server,
    );
    let listen = own_address();
    let extra = format!(
        "s2s_secure_auth = true\ns2s_insecure_domains = {{ \"{}\" }}",
        listen.ip()
    );
    let server = Server::prosody(&pair, &extra);
    let mut proof = proof(server.starttls, Protocol::XmppServer);
    proof.outbound = Some(Outbound {
        domain: listen.ip().to_string(),
        listen,
    });
    assert_eq!(
        look(&proof),
        Seen::Leaf(Fingerprint::of(&pair.der), 0),
        "{}",
        server.log()
    );
}

#[test]
fn ejabberd_shows_its_certificate_as_a_client() {
    let pair = pair();
    let server = Server::ejabberd(&pair, "modules: {mod_s2s_dialback: {}}");
    assert_proved(&server, &pair.der);
    // It calls, and finds nobody there: its own words are told.
    let mut proof = proof(server.starttls, Protocol::XmppServer);
    if let Some(outbound) = &mut proof.outbound {
        outbound.domain = own_address().ip().to_string();
    }
    assert_dark(&look(&proof), &["remote-server-not-found", "5269"], &server);
}

#[test]
fn ejabberd_without_dialback_is_told_as_such() {
    let server = Server::ejabberd(&pair(), "modules: {}");
    let seen = look(&proof(server.starttls, Protocol::XmppServer));
    assert_dark(&seen, &["offers no dialback", "mod_s2s_dialback"], &server);
}
