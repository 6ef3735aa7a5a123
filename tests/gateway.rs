//! The embedded gateway as peers and the administrator meet it: in process, on loopback, against fake backends.

// clippy.toml allows these in test functions; the helpers beside them are tests as well.
#![allow(clippy::unwrap_used)]

#[path = "gateway/control.rs"]
mod control;
#[path = "gateway/hostile.rs"]
mod hostile;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/matrix.rs"]
mod matrix;
#[path = "gateway/peers.rs"]
mod peers;
#[path = "world/ports.rs"]
mod ports;
#[path = "gateway/told.rs"]
mod told;
#[path = "gateway/world.rs"]
mod world;

use edgecert::federation::{Negotiation, Setting};
use edgecert::gateway::Event;
use edgecert::names::Protocol;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use world::{Ca, Client, World, read_all, read_until};

const OPEN: Negotiation = Negotiation {
    tls: Setting::Required,
    sasl: Setting::Optional,
    dialback: true,
};

fn setting(tls: Setting, sasl: Setting, dialback: bool) -> Negotiation {
    Negotiation {
        tls,
        sasl,
        dialback,
    }
}

fn header(from: &str, to: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
         xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' \
         from='{from}' to='{to}' version='1.0'>"
    )
}

const STARTTLS: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

#[tokio::test(flavor = "multi_thread")]
async fn each_protocol_relays_to_its_backend() {
    let ca = Ca::new();
    let mut world = World::new(&[
        Protocol::XmppServer,
        Protocol::XmppsServer,
        Protocol::Sips,
        Protocol::Tls,
    ]);
    world.settings.embedded.others = Some(OPEN);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;

    for at in [2, 3] {
        let mut tls = Client::new()
            .connect(world.at(at), "contoso.test")
            .await
            .unwrap();
        tls.write_all(b"OPTIONS sip:contoso.test SIP/2.0")
            .await
            .unwrap();
        let mut echo = [0; 32];
        tls.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"OPTIONS sip:contoso.test SIP/2.0");
        // A half-closed stream is answered, and its end is passed on.
        tls.shutdown().await.unwrap();
        assert_eq!(read_all(&mut tls).await, b"");
    }

    let mut tls = Client::new()
        .alpn("xmpp-server")
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"xmpp-server"[..]));
    let opening = header("peer.test", "contoso.test");
    tls.write_all(opening.as_bytes()).await.unwrap();
    let answer = read_until(&mut tls, "</stream:features>").await;
    assert!(answer.contains("id='backend-id'"), "{answer}");
    assert_eq!(world.heard(1), opening);
    tls.write_all(b"<message/>").await.unwrap();
    assert_eq!(read_until(&mut tls, "<message/>").await, "<message/>");

    // No ALPN is taken on the direct TLS port, another one is not.
    Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    let refused = Client::new()
        .alpn("h2")
        .connect(world.at(1), "contoso.test")
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("NoApplicationProtocol")
    );

    let mut tls = Client::new()
        .starttls(
            world.at(0),
            "peer.test",
            "contoso.test",
            Some("contoso.test"),
        )
        .await
        .unwrap();
    tls.write_all(opening.as_bytes()).await.unwrap();
    let answer = read_until(&mut tls, "</stream:features>").await;
    assert!(answer.contains("id='backend-id'"), "{answer}");
    drop(tls);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn swap_under_continuous_handshakes_fails_none_and_cuts_none() {
    let ca = Ca::new();
    let world = World::new(&[Protocol::Tls]);
    let first = ca.leaf(&["contoso.test"]);
    world.lay_pair("edge", 1, &first);
    let running = world.start().await;
    let mut held = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicUsize::new(0));
    let mut loops = Vec::new();
    for _ in 0..3 {
        let (stop, done, at) = (stop.clone(), done.clone(), world.at(0));
        loops.push(tokio::spawn(async move {
            let mut leaves = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let tls = Client::new().connect(at, "contoso.test").await.unwrap();
                let leaf = world::leaf_of(&tls);
                if leaves.last() != Some(&leaf) {
                    leaves.push(leaf);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            leaves
        }));
    }
    let mut generations = vec![first.der.clone()];
    for generation in 2..=20 {
        let leaf = ca.leaf(&["contoso.test"]);
        generations.push(leaf.der.clone());
        let before = done.load(Ordering::Relaxed);
        world.assign("edge", generation, &leaf).await;
        let tls = Client::new()
            .connect(world.at(0), "contoso.test")
            .await
            .unwrap();
        assert_eq!(world::leaf_of(&tls), leaf.der);
        held.write_all(b"still here").await.unwrap();
        let mut echo = [0; 10];
        held.read_exact(&mut echo).await.unwrap();
        while done.load(Ordering::Relaxed) < before + 3 {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in loops {
        // Every leaf is a known one, and none comes back.
        let order: Vec<usize> = task
            .await
            .unwrap()
            .iter()
            .map(|leaf| generations.iter().position(|known| known == leaf).unwrap())
            .collect();
        assert!(order.windows(2).all(|pair| pair[0] < pair[1]), "{order:?}");
    }
    let status = world.status().await;
    assert_eq!(status.certificates[0].generation, 20);
    assert_eq!(status.listeners[0].failed, 0);
    drop(held);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resumption_never_shows_the_old_leaf() {
    let ca = Ca::new();
    let world = World::new(&[Protocol::Tls]);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let client = Client::new().version(version).remember();
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut tls = client.connect(world.at(0), "contoso.test").await.unwrap();
            tls.write_all(b"x").await.unwrap();
            // Tickets come with the first bytes.
            tls.read_u8().await.unwrap();
            kinds.push(tls.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(
            kinds,
            [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed]
        );
        let new = ca.leaf(&["contoso.test"]);
        world.assign("edge", 2, &new).await;
        let tls = client.connect(world.at(0), "contoso.test").await.unwrap();
        assert_eq!(
            tls.get_ref().1.handshake_kind(),
            Some(rustls::HandshakeKind::Full)
        );
        assert_eq!(world::leaf_of(&tls), new.der);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_is_chosen_by_sni_then_by_to_then_the_first() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    world.serve(&["first", "second", "second-rsa"]);
    let first = ca.leaf(&["one.test"]);
    let second = ca.leaf(&["two.test", "*.wild.test"]);
    let rsa = ca.rsa_leaf(&["two.test"]);
    world.lay_pair("first", 1, &first);
    world.lay_pair("second", 1, &second);
    world.lay_pair("second-rsa", 1, &rsa);
    let running = world.start().await;
    for (sni, leaf) in [
        ("one.test", &first),
        ("two.test", &second),
        ("TWO.test", &second),
        ("a.wild.test", &second),
        ("a.b.wild.test", &first),
        ("other.test", &first),
    ] {
        let tls = Client::new().connect(world.at(1), sni).await.unwrap();
        assert_eq!(world::leaf_of(&tls), leaf.der, "{sni}");
    }
    let tls = Client::new()
        .without_sni()
        .connect(world.at(1), "two.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), first.der);
    let tls = Client::new()
        .rsa_only()
        .connect(world.at(1), "two.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), rsa.der);
    for (to, sni, leaf) in [
        ("two.test", None, &second),
        ("one.test", None, &first),
        ("two.test", Some("one.test"), &first),
        ("two.test", Some("other.test"), &second),
    ] {
        let tls = Client::new()
            .starttls(world.at(0), "peer.test", to, sni)
            .await
            .unwrap();
        assert_eq!(world::leaf_of(&tls), leaf.der, "{to} {sni:?}");
    }
    // A `to` that no certificate is for.
    let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
    tcp.write_all(header("peer.test", "three.test").as_bytes())
        .await
        .unwrap();
    let answer = read_until(&mut tcp, "</stream:stream>").await;
    assert!(answer.contains("<host-unknown"), "{answer}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_serve_refuses_handshakes_until_the_first_commit() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    let running = world.start().await;
    running
        .saw(|event| matches!(event, Event::NotServed { .. }))
        .await;
    let refused = Client::new().connect(world.at(1), "contoso.test").await;
    assert!(refused.unwrap_err().to_string().contains("AccessDenied"));
    let refused = Client::new()
        .starttls(world.at(0), "peer.test", "contoso.test", None)
        .await;
    assert!(refused.unwrap_err().to_string().contains("AccessDenied"));
    let leaf = ca.leaf(&["contoso.test"]);
    world.assign("edge", 1, &leaf).await;
    let tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    assert_eq!(world::leaf_of(&tls), leaf.der);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_reads_the_right_leaf_on_every_way_in() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer, Protocol::Sips]);
    world.serve(&["one", "two"]);
    let one = ca.leaf(&["one.test"]);
    let two = ca.leaf(&["two.test"]);
    world.lay_pair("one", 1, &one);
    world.lay_pair("two", 1, &two);
    // Partners only: a stranger's openssl sees the certificates all the same.
    let running = world.start().await;
    let cases: [(usize, &[&str], &world::Leaf); 6] = [
        (
            0,
            &[
                "-starttls",
                "xmpp-server",
                "-xmpphost",
                "two.test",
                "-noservername",
            ],
            &two,
        ),
        (
            0,
            &[
                "-starttls",
                "xmpp-server",
                "-xmpphost",
                "one.test",
                "-noservername",
            ],
            &one,
        ),
        (
            0,
            &[
                "-starttls",
                "xmpp-server",
                "-xmpphost",
                "two.test",
                "-servername",
                "two.test",
            ],
            &two,
        ),
        (
            1,
            &["-alpn", "xmpp-server", "-servername", "two.test"],
            &two,
        ),
        (1, &["-servername", "one.test"], &one),
        (2, &["-servername", "two.test", "-tls1_2"], &two),
    ];
    for (at, arguments, leaf) in cases {
        let mut command = Command::new("openssl");
        command
            .args([
                "s_client",
                "-showcerts",
                "-connect",
                &world.at(at).to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let seen: String = text.split_whitespace().collect();
        let wanted: String = leaf.leaf_pem.split_whitespace().collect();
        assert!(
            seen.contains(&wanted),
            "{arguments:?}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
        if arguments.contains(&"-alpn") {
            assert!(text.contains("ALPN protocol: xmpp-server"), "{text}");
        }
        // Client certificates are asked for, with no list of CAs.
        assert!(
            text.contains("No client certificate CA names sent"),
            "{text}"
        );
    }
    running.stop().await;
}
