//! Peers that mean harm, or know no better: each ends in its stream error and within its time, and the others'
//! streams go on.

use super::world::{Ca, Client, World, free_address, partner, read_all, read_until};
use super::{OPEN, STARTTLS, header, setting};
use edgecert::federation::Setting;
use edgecert::gateway::Event;
use edgecert::names::Protocol;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

/// A stream of somebody else, which has to live through everything.
struct Bystander(TlsStream<TcpStream>);

impl Bystander {
    async fn of(at: SocketAddr) -> Self {
        let mut tls = Client::new().connect(at, "contoso.test").await.unwrap();
        let opening = header("bystander.test", "contoso.test");
        tls.write_all(opening.as_bytes()).await.unwrap();
        let answer = read_until(&mut tls, "</stream:").await;
        assert!(answer.contains("backend-id"), "{answer}");
        Self(tls)
    }

    async fn goes_on(&mut self) {
        self.0.write_all(b"<presence/>").await.unwrap();
        let mut echo = [0; 11];
        self.0.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"<presence/>");
    }
}

async fn said(to: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) -> String {
    // The gateway may have turned away before all of it was taken.
    let _ = to.write_all(bytes).await;
    let _ = to.flush().await;
    String::from_utf8_lossy(&read_all(to).await).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_xml_ends_in_its_stream_error_before_and_inside_tls() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    world.settings.embedded.others = Some(OPEN);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut bystander = Bystander::of(world.at(1)).await;
    let good = header("peer.test", "contoso.test");
    let start = good.trim_end_matches('>');
    let bomb = "<!DOCTYPE lolz [<!ENTITY a 'lol'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>\
                <!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>";
    let attributes: String = (0..4_000).map(|n| format!(" a{n}='x'")).collect();
    let cases = [
        (
            format!("<?xml version='1.0'?>{bomb}{good}"),
            "restricted-xml",
        ),
        (
            good.replace("from='peer.test'", "from='&lol;'"),
            "restricted-xml",
        ),
        (format!("<!-- hello -->{good}"), "restricted-xml"),
        (format!("<?php phpinfo() ?>{good}"), "restricted-xml"),
        (
            "<?xml version='1.0' encoding='UTF-16'?>".to_owned(),
            "unsupported-encoding",
        ),
        (format!("{start} from='other.test'>"), "not-well-formed"),
        (format!("{start} x='<'>"), "not-well-formed"),
        (format!("{start}{attributes}>"), "policy-violation"),
        (
            format!("{start} x='{}", "y".repeat(40_000)),
            "policy-violation",
        ),
        (format!("{}{good}", " ".repeat(20_000)), "policy-violation"),
        (
            "GET / HTTP/1.1\r\nHost: contoso.test\r\n\r\n".to_owned(),
            "not-well-formed",
        ),
        ("\u{0}\u{0}\u{0}\u{0}".to_owned(), "not-well-formed"),
        (
            good.replace("'jabber:server'", "'jabber:client'"),
            "invalid-namespace",
        ),
        (
            good.replace("to='contoso.test'", "to='other.test'"),
            "host-unknown",
        ),
        (
            good.replace("from='peer.test'", "from='peer test'"),
            "invalid-from",
        ),
    ];
    for (bytes, condition) in &cases {
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        let answer = said(&mut tcp, bytes.as_bytes()).await;
        let shown: String = bytes.chars().take(60).collect();
        assert!(
            answer.contains(&format!("<{condition} ")),
            "{shown}: {answer}"
        );
        assert!(
            answer.ends_with("</stream:error></stream:stream>"),
            "{shown}: {answer}"
        );
        let client = Client::new();
        let mut tls = client.connect(world.at(1), "contoso.test").await.unwrap();
        let answer = said(&mut tls, bytes.as_bytes()).await;
        assert!(
            answer.contains(&format!("<{condition} ")),
            "inside, {shown}: {answer}"
        );
        bystander.goes_on().await;
    }
    // After an answered header, where the gateway still reads.
    for (bytes, condition) in [
        ("<!-- x -->", "restricted-xml"),
        ("<?x y?>", "restricted-xml"),
        ("hello", "not-well-formed"),
        (
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>&a;",
            "restricted-xml",
        ),
    ] {
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        tcp.write_all(good.as_bytes()).await.unwrap();
        read_until(&mut tcp, "</stream:features>").await;
        let answer = said(&mut tcp, bytes.as_bytes()).await;
        assert!(
            answer.contains(&format!("<{condition} ")),
            "{bytes}: {answer}"
        );
    }
    bystander.goes_on().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_starttls_in_its_packet_are_never_taken_for_tls() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer]);
    world.settings.embedded.others = Some(OPEN);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let good = header("peer.test", "contoso.test");
    for injected in [
        "\n",
        "<message to='admin@contoso.test'/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
        "</stream:stream>",
    ] {
        let behind = [STARTTLS, injected.as_bytes()].concat();
        // In the packet of <starttls/>, and in that of the header as well.
        for with_header in [false, true] {
            let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
            let bytes = if with_header {
                [good.as_bytes(), &behind].concat()
            } else {
                tcp.write_all(good.as_bytes()).await.unwrap();
                read_until(&mut tcp, "</stream:features>").await;
                behind.clone()
            };
            let answer = said(&mut tcp, &bytes).await;
            assert!(
                answer.contains("<policy-violation "),
                "{injected:?}: {answer}"
            );
            assert!(!answer.contains("<proceed"), "{injected:?}: {answer}");
        }
    }
    running
        .saw(|event| matches!(event, Event::Refused { why, .. } if why.contains("clear text after the start of TLS")))
        .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn domain_that_changes_after_tls_is_refused() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer]);
    world.settings.anchors = vec![ca.der.clone()];
    let strict = setting(Setting::Required, Setting::Required, false);
    world.settings.partners = vec![partner("open.test", OPEN), partner("strict.test", strict)];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    for (before, inside, condition) in [
        ("open.test", "strict.test", "<invalid-from "),
        // Even with the certificate of the other domain.
        ("strict.test", "open.test", "<invalid-from "),
        ("open.test", "open.test", "backend-id"),
        ("strict.test", "STRICT.test", "backend-id"),
    ] {
        let client = Client::new().present(&ca.leaf(&["strict.test"]));
        let sni = Some("contoso.test");
        let tls = client.starttls(world.at(0), before, "contoso.test", sni);
        let mut tls = tls.await.unwrap();
        let opening = header(inside, "contoso.test");
        tls.write_all(opening.as_bytes()).await.unwrap();
        let answer = read_until(&mut tls, "</stream:").await;
        assert!(answer.contains(condition), "{before} {inside}: {answer}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn second_domain_on_a_stream_is_left_to_the_backend_which_is_told_the_first() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppsServer]);
    world.settings.anchors = vec![ca.der.clone()];
    world.settings.embedded.listeners[0].proxy_protocol = true;
    let strict = setting(Setting::Required, Setting::Required, false);
    world.settings.partners = vec![partner("first.test", strict)];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let client = Client::new().present(&ca.leaf(&["first.test", "second.test"]));
    let mut tls = client.connect(world.at(0), "contoso.test").await.unwrap();
    tls.write_all(header("first.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    read_until(&mut tls, "</stream:features>").await;
    let heard = world.heard_bytes(0);
    let has = |bytes: &[u8]| heard.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(b"\xe0\x00\x0afirst.test") && !has(b"second.test"));
    // Target multiplexing (XEP-0220 §2.6): the front reads no stanza, so the server behind it has to judge.
    let second = "<db:result from='second.test' to='contoso.test'>key</db:result>";
    tls.write_all(second.as_bytes()).await.unwrap();
    let answer = read_until(&mut tls, "</db:result>").await;
    assert_eq!(answer, second);
    let status = world.status().await;
    assert_eq!(status.partners[0].counts.proved, 1);
    running.stop().await;
}

/// Half-open streams come from an address of their own.
async fn connect_from_elsewhere(at: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(at).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_half_open_streams_end_in_time_and_keep_nobody_out() {
    const FLOOD: usize = 2_000;
    const SHARE: usize = 500;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.maximum.unwrap_or(u64::MAX).min(16_384);
    assert!(
        current >= 6_000,
        "the hard limit of descriptors is {current}"
    );
    let raised = Rlimit {
        current: Some(current),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    world.settings.embedded.others = Some(OPEN);
    world.settings.embedded.connection_limit = u32::try_from(2 * SHARE).unwrap();
    world.settings.tuning.header = Duration::from_secs(4);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut bystander = Bystander::of(world.at(1)).await;
    let good = header("flood.test", "contoso.test");
    let mut flood = Vec::new();
    for number in 0..FLOOD {
        let mut tcp = connect_from_elsewhere(world.at(0)).await;
        // Nothing, a part of a header, a whole one and then nothing. What is over the share is closed at once.
        let _ = match number % 3 {
            0 => Ok(()),
            1 => tcp.write_all(&good.as_bytes()[..40]).await,
            _ => tcp.write_all(good.as_bytes()).await,
        };
        flood.push(tcp);
        if number % 200 == 0 {
            bystander.goes_on().await;
        }
    }
    running
        .saw(|event| {
            matches!(event, Event::SourceCrowds { source, most }
                if source.to_string() == "127.0.0.2" && *most as usize == SHARE)
        })
        .await;
    // While they hang, others come and go.
    for _ in 0..20 {
        Bystander::of(world.at(1)).await.goes_on().await;
    }
    let mut told = 0;
    for tcp in &mut flood {
        let answer = String::from_utf8_lossy(&read_all(tcp).await).into_owned();
        if !answer.is_empty() {
            assert!(answer.contains("<connection-timeout "), "{answer}");
            assert!(answer.ends_with("</stream:stream>"), "{answer}");
            told += 1;
        }
    }
    assert!(told >= SHARE, "{told} were told why");
    bystander.goes_on().await;
    // All that they took is free again.
    drop(flood);
    while world.status().await.connections > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_that_are_down_or_dumb_are_told_while_others_answer() {
    let ca = Ca::new();
    let mut world = World::new(&[
        Protocol::XmppServer,
        Protocol::XmppsServer,
        Protocol::XmppServer,
        Protocol::XmppsServer,
    ]);
    let any = setting(Setting::Optional, Setting::Optional, true);
    world.settings.embedded.others = Some(any);
    world.settings.tuning.backend = Duration::from_millis(500);
    // Two listeners without a backend, one whose backend takes connections and says nothing.
    world.settings.embedded.listeners[0].backend = free_address();
    world.settings.embedded.listeners[1].backend = free_address();
    let dumb = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.settings.embedded.listeners[2].backend = dumb.local_addr().unwrap();
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut bystander = Bystander::of(world.at(3)).await;
    let good = header("peer.test", "contoso.test");
    for at in [0, 2] {
        let mut tcp = TcpStream::connect(world.at(at)).await.unwrap();
        let answer = said(&mut tcp, good.as_bytes()).await;
        assert!(
            answer.contains("<remote-connection-failed "),
            "{at}: {answer}"
        );
        bystander.goes_on().await;
    }
    let client = Client::new();
    let mut tls = client.connect(world.at(1), "contoso.test").await.unwrap();
    let answer = said(&mut tls, good.as_bytes()).await;
    assert!(answer.contains("<remote-connection-failed "), "{answer}");
    Bystander::of(world.at(3)).await.goes_on().await;
    bystander.goes_on().await;
    let others = world.status().await.others;
    assert_eq!(others.refused["remote-connection-failed"], 3);
    running.stop().await;
}
