//! The embedded gateway as the TLS front of a real server: Prosody behind it takes its federation in clear text from a
//! private port, and another Prosody comes in through the gateway, finding it by a name server of the test.
//!
//! What the packaged Prosody does behind a front is in docs/gateway.md: it is told nothing of what was proved, so that
//! dialback decides; its own outgoing streams go past the gateway.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "behind/mod.rs"]
mod behind;
mod dns_server;
#[path = "servers/mod.rs"]
mod servers;
mod world;

use behind::{Field, PEER, Proof};

#[test]
fn dialback_goes_through_the_gateway_in_both_directions() {
    let field = Field::new("tls = \"required\"\nsasl = \"optional\"", Proof::None);
    let (mut here, mut there) = field.users();
    there.reaches(&mut here);
    here.reaches(&mut there);
    // The front let it in unproved, and the server behind asked back.
    assert_eq!(field.counts(PEER)["in_tls"], 1);
    let complete = format!("Incoming s2s connection {PEER}->edge.example complete");
    assert!(field.behind.logs(&complete), "{}", field.behind.log());

    // A new certificate in the middle: the stream lives, and carries on.
    let before = field.served();
    field.assign_anew();
    assert_ne!(field.served(), before);
    there.reaches(&mut here);
    here.reaches(&mut there);
    let counts = field.counts(PEER);
    assert_eq!((&counts["in_tls"], &counts["open"]), (&1.into(), &1.into()));
}

#[test]
fn certificate_is_demanded_by_the_gateway_and_dialback_by_the_server_behind() {
    let field = Field::new("tls = \"required\"\nsasl = \"required\"", Proof::Common);
    let (mut here, mut there) = field.users();
    there.reaches(&mut here);
    here.reaches(&mut there);
    assert_eq!(field.counts(PEER)["proved"], 1);
}

#[test]
fn partner_without_a_sound_certificate_is_told_why_by_the_gateway() {
    let field = Field::new("tls = \"required\"\nsasl = \"required\"", Proof::None);
    let (mut here, mut there) = field.users();
    // Its user gets the words of the stream error.
    let error = there.is_refused(&mut here);
    assert!(
        error.contains("must prove itself with a certificate"),
        "{error}"
    );
    assert!(error.contains("no root that is trusted here"), "{error}");
    let refused = &field.counts(PEER)["refused"]["not-authorized"];
    assert!(refused.as_u64().unwrap() >= 1, "{refused}");
    assert!(field.peer.logs("not-authorized"), "{}", field.peer.log());
}

#[test]
fn stranger_of_a_closed_federation_is_turned_away_by_the_gateway() {
    let field = Field::strangers();
    let (mut here, mut there) = field.users();
    let error = there.is_refused(&mut here);
    assert!(error.contains("is not among the partners"), "{error}");
    assert!(!field.behind.log().contains("Incoming s2s connection"));
}

#[test]
fn haproxy_reads_who_the_peer_is_and_what_it_asked_for() {
    let (heard, port) = behind::haproxy::hears();
    assert_eq!(heard, format!("127.0.0.5 {port} edge.example"));
}

#[test]
fn ejabberd_behind_the_gateway_reads_its_header_and_takes_dialback() {
    let field = Field::ejabberd("tls = \"required\"\nsasl = \"optional\"");
    let (mut here, mut there) = field.users();
    there.reaches(&mut here);
    here.reaches(&mut there);
    assert_eq!(field.counts(PEER)["in_tls"], 1);
    // It says it took the one that the header names.
    assert!(
        field.behind.logs("Accepted proxied connection 127.0.0.1:"),
        "{}",
        field.behind.log()
    );
    assert!(
        field.behind.logs("Accepted inbound s2s dialback"),
        "{}",
        field.behind.log()
    );
}
