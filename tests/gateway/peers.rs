//! Peers that are held to rules, and backends that are told or missing.

use super::world::{Ca, Client, World, free_address, partner, read_all, read_until};
use super::{OPEN, STARTTLS, header, setting};
use edgecert::federation::Setting;
use edgecert::gateway::Event;
use edgecert::names::Protocol;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use std::io::{Read, Write};
use std::process::{Command, Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn partners_are_held_to_their_settings() {
    use Setting::{NotSupported, Optional, Required};
    let ca = Ca::new();
    let foreign = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer]);
    world.settings.anchors = vec![ca.der.clone()];
    let mut limited = partner("limited.test", setting(Required, Optional, true));
    limited.connection_limit = Some(1);
    let mut own_root = partner("own-root.test", setting(Required, Required, false));
    own_root.roots = vec!["own.pem".into()];
    world.settings.partner_anchors =
        BTreeMap::from([(own_root.domain.clone(), vec![foreign.der.clone()])]);
    world.settings.partners = vec![
        partner("open.test", setting(Required, Optional, true)),
        partner("strict.test", setting(Required, Required, false)),
        partner("optional.test", setting(Optional, Optional, true)),
        partner("old.test", setting(NotSupported, NotSupported, true)),
        limited,
        own_root,
    ];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let inside = |client: Client, from: &'static str| {
        let at = world.at(1);
        async move {
            let mut tls = client.connect(at, "contoso.test").await.unwrap();
            tls.write_all(header(from, "contoso.test").as_bytes())
                .await
                .unwrap();
            let answer = read_until(&mut tls, "</stream:").await;
            (answer, tls)
        }
    };

    // Strangers see the certificate, and no more.
    let (answer, _) = inside(Client::new(), "stranger.test").await;
    assert!(answer.contains("<policy-violation"), "{answer}");
    let (answer, _) = inside(Client::new(), "open.test").await;
    assert!(answer.contains("backend-id"), "{answer}");
    running
        .saw(|event| {
            matches!(event, Event::Refused { domain, condition, .. }
                if domain.as_deref() == Some("stranger.test") && *condition == "policy-violation")
        })
        .await;

    // Row 2: TLS and a certificate valid for `from`, as a server's.
    let cases = [
        (Client::new(), "presented no certificate"),
        (
            Client::new().present(&ca.leaf(&["other.test"])),
            "not for strict.test but for dns:other.test",
        ),
        (
            Client::new().present(&foreign.leaf(&["strict.test"])),
            "no root that is trusted here",
        ),
        (
            Client::new().present(&ca.client_leaf(&["strict.test"])),
            "for TLS clients alone",
        ),
        (
            Client::new().present(&ca.leaf_between(&["strict.test"], -20, -10)),
            "expired",
        ),
    ];
    for (client, words) in cases {
        let (answer, _) = inside(client, "strict.test").await;
        assert!(answer.contains("<not-authorized"), "{answer}");
        assert!(answer.contains(words), "{words}: {answer}");
    }
    let right = Client::new().present(&ca.leaf(&["strict.test"]));
    let (answer, _) = inside(right, "strict.test").await;
    assert!(answer.contains("backend-id"), "{answer}");
    // A wrong certificate is no obstacle where none is needed.
    let (answer, _) = inside(
        Client::new().present(&foreign.leaf(&["x.test"])),
        "open.test",
    )
    .await;
    assert!(answer.contains("backend-id"), "{answer}");
    // A partner's own roots alone count.
    let (answer, _) = inside(
        Client::new().present(&foreign.leaf(&["own-root.test"])),
        "own-root.test",
    )
    .await;
    assert!(answer.contains("backend-id"), "{answer}");
    let (answer, _) = inside(
        Client::new().present(&ca.leaf(&["own-root.test"])),
        "own-root.test",
    )
    .await;
    assert!(answer.contains("<not-authorized"), "{answer}");

    // One stream at a time.
    let (answer, held) = inside(Client::new(), "limited.test").await;
    assert!(answer.contains("backend-id"), "{answer}");
    let (answer, _) = inside(Client::new(), "limited.test").await;
    assert!(answer.contains("<resource-constraint"), "{answer}");
    drop(held);

    // No `from`, or a wrong one.
    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    let nobody = header("open.test", "contoso.test").replace("from='open.test' ", "");
    tls.write_all(nobody.as_bytes()).await.unwrap();
    let answer = read_until(&mut tls, "</stream:").await;
    assert!(answer.contains("<improper-addressing"), "{answer}");
    let (answer, _) = inside(Client::new(), "not a domain").await;
    assert!(answer.contains("<invalid-from"), "{answer}");

    // In clear text: what is offered, and what happens to whoever goes on without TLS.
    for (from, offer, then) in [
        ("open.test", "<required/>", "<policy-violation"),
        ("stranger.test", "<required/>", "<policy-violation"),
        ("optional.test", "<starttls", "<db:result"),
        (
            "old.test",
            "<stream:features></stream:features>",
            "<db:result",
        ),
    ] {
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        tcp.write_all(header(from, "contoso.test").as_bytes())
            .await
            .unwrap();
        let answer = read_until(&mut tcp, "</stream:features>").await;
        assert!(answer.contains(offer), "{from}: {answer}");
        // Where dialback in clear may follow, the id is the backend's: keys are made from it.
        let clear = then.contains("db:result");
        assert_eq!(answer.contains("backend-id"), clear, "{from}: {answer}");
        let result = format!("<db:result from='{from}' to='contoso.test'>key</db:result>");
        tcp.write_all(result.as_bytes()).await.unwrap();
        let answer = read_until(
            &mut tcp,
            if clear {
                "</db:result>"
            } else {
                "</stream:stream>"
            },
        )
        .await;
        assert!(answer.contains(then), "{from}: {answer}");
        if clear {
            assert_eq!(answer, result);
        }
    }
    let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
    tcp.write_all(header("old.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    read_until(&mut tcp, "</stream:features>").await;
    tcp.write_all(STARTTLS).await.unwrap();
    let answer = read_until(&mut tcp, "</stream:stream>").await;
    assert!(answer.contains("<failure"), "{answer}");
    // Optional goes into TLS just as well.
    let mut tls = Client::new()
        .starttls(
            world.at(0),
            "optional.test",
            "contoso.test",
            Some("contoso.test"),
        )
        .await
        .unwrap();
    tls.write_all(header("optional.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    assert!(
        read_until(&mut tls, "</stream:features>")
            .await
            .contains("backend-id")
    );
    drop(tls);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_the_limit_are_closed_until_there_is_room() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls, Protocol::Sips]);
    world.settings.embedded.connection_limit = 2;
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let first = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    let second = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    assert!(
        Client::new()
            .connect(world.at(0), "contoso.test")
            .await
            .is_err()
    );
    running
        .saw(|event| matches!(event, Event::LimitReached { limit: 2 }))
        .await;
    assert_eq!(world.status().await.connections, 2);
    drop(first);
    let mut tries = 0;
    while Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .is_err()
    {
        tries += 1;
        assert!(tries < 500);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(second);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_large_and_smuggling_peers_are_ended() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppServer, Protocol::XmppsServer, Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    world.settings.tuning.header = Duration::from_millis(300);
    world.settings.tuning.handshake = Duration::from_millis(300);
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;

    // One byte at a time does not prolong it.
    for at in [0, 2] {
        let mut tcp = TcpStream::connect(world.at(at)).await.unwrap();
        tcp.write_all(if at == 0 {
            b"<stream:"
        } else {
            b"\x16\x03\x01\x02"
        })
        .await
        .unwrap();
        let (mut read, mut write) = tcp.into_split();
        let drip = tokio::spawn(async move {
            while write.write_all(b"\x00").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), read.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "listener {at}");
        // In a handshake there is no stream to say it on.
        let told = String::from_utf8_lossy(&rest).contains("<connection-timeout ");
        assert_eq!(told, at == 0, "listener {at}");
        drip.abort();
    }
    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    tls.write_all(b"<stream:stream").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), read_all(&mut tls)).await;
    assert!(String::from_utf8_lossy(&ended.unwrap()).contains("<connection-timeout "));
    // It is counted a moment after the peer has seen its end.
    let mut tries = 0;
    while world
        .status()
        .await
        .others
        .refused
        .get("connection-timeout")
        != Some(&2)
    {
        tries += 1;
        assert!(tries < 500, "{:?}", world.status().await.others);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running
        .saw(|event| {
            matches!(
                event,
                Event::Refused {
                    condition: "connection-timeout",
                    ..
                }
            )
        })
        .await;
    running
        .saw(
            |event| matches!(event, Event::HandshakeFailed { why, .. } if why.contains("too slow")),
        )
        .await;

    // A header without end.
    let long = format!("<stream:stream a='{}", "x".repeat(40_000));
    let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
    let _ = tcp.write_all(long.as_bytes()).await;
    let answer = String::from_utf8_lossy(&read_all(&mut tcp).await).into_owned();
    assert!(answer.contains("<policy-violation"), "{answer}");
    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    let _ = tls.write_all(long.as_bytes()).await;
    let answer = String::from_utf8_lossy(&read_all(&mut tls).await).into_owned();
    assert!(answer.contains("<policy-violation"), "{answer}");

    // Clear text after <starttls/>.
    let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
    tcp.write_all(header("peer.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    read_until(&mut tcp, "</stream:features>").await;
    let smuggled = [STARTTLS, b"<message/>"].concat();
    tcp.write_all(&smuggled).await.unwrap();
    let answer = String::from_utf8_lossy(&read_all(&mut tcp).await).into_owned();
    assert!(answer.contains("<policy-violation"), "{answer}");
    assert!(!answer.contains("<proceed"), "{answer}");

    // Other languages, a DTD, and a client's stream.
    for (bytes, condition) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "<not-well-formed"),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]>".to_owned(),
            "<restricted-xml",
        ),
        (
            header("peer.test", "contoso.test").replace("'jabber:server'", "'jabber:client'"),
            "<invalid-namespace",
        ),
    ] {
        let mut tcp = TcpStream::connect(world.at(0)).await.unwrap();
        tcp.write_all(bytes.as_bytes()).await.unwrap();
        let answer = String::from_utf8_lossy(&read_all(&mut tcp).await).into_owned();
        assert!(answer.contains(condition), "{bytes}: {answer}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_backend_is_told_to_the_peer_and_the_log() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppsServer, Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    for listener in &mut world.settings.embedded.listeners {
        listener.backend = free_address();
    }
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let mut tls = Client::new()
        .connect(world.at(0), "contoso.test")
        .await
        .unwrap();
    tls.write_all(header("peer.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    let answer = read_until(&mut tls, "</stream:stream>").await;
    assert!(answer.contains("<remote-connection-failed"), "{answer}");
    running
        .saw(|event| matches!(event, Event::BackendUnreachable { .. }))
        .await;
    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    assert_eq!(read_all(&mut tls).await, b"");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backend_that_is_down_is_told_once_until_it_is_back() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::Tls]);
    let backend = free_address();
    world.settings.embedded.listeners[0].backend = backend;
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let knock = async || {
        let mut tls = Client::new()
            .connect(world.at(0), "contoso.test")
            .await
            .unwrap();
        read_all(&mut tls).await
    };
    for _ in 0..3 {
        assert_eq!(knock().await, b"");
    }
    running
        .saw(|event| matches!(event, Event::BackendUnreachable { .. }))
        .await;
    let listener = tokio::net::TcpListener::bind(backend).await.unwrap();
    let up = tokio::spawn(async move {
        // Taken and closed is no answer: the peer reads the end.
        drop(listener.accept().await.unwrap());
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"here").await.unwrap();
        listener
    });
    knock().await;
    let back = |event: &Event| matches!(event, Event::BackendReachable { .. });
    assert_eq!(running.count(back), 0);
    assert_eq!(knock().await, b"here");
    running
        .saw(|event| matches!(event, Event::BackendReachable { .. }))
        .await;
    drop(up.await.unwrap());
    knock().await;
    knock().await;
    let gone = |event: &Event| matches!(event, Event::BackendUnreachable { .. });
    while running.count(gone) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(running.count(gone), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_header_tells_the_backend_what_the_peer_proved() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppsServer, Protocol::Tls]);
    world.settings.embedded.others = Some(OPEN);
    world.settings.anchors = vec![ca.der.clone()];
    for listener in &mut world.settings.embedded.listeners {
        listener.proxy_protocol = true;
    }
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    let client = Client::new().present(&ca.leaf(&["peer.test"]));
    let mut tls = client.connect(world.at(0), "contoso.test").await.unwrap();
    let port = tls.get_ref().0.local_addr().unwrap().port();
    tls.write_all(header("peer.test", "contoso.test").as_bytes())
        .await
        .unwrap();
    read_until(&mut tls, "</stream:features>").await;
    let heard = world.heard_bytes(0);
    assert_eq!(&heard[..14], b"\r\n\r\n\0\r\nQUIT\n\x21\x11");
    assert_eq!(&heard[16..24], &[127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(&heard[24..26], &port.to_be_bytes());
    assert_eq!(&heard[26..28], &world.at(0).port().to_be_bytes());
    let has = |bytes: &[u8]| heard.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(b"\x02\x00\x0ccontoso.test"));
    assert!(has(b"\xe0\x00\x09peer.test"));
    assert!(has(b"\x20\x00\x0f\x07\x00\x00\x00\x00\x21\x00\x07TLSv1.3"));

    let mut tls = Client::new()
        .connect(world.at(1), "contoso.test")
        .await
        .unwrap();
    tls.write_all(b"x").await.unwrap();
    let mut echo = vec![0; 16];
    tls.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo[..12], b"\r\n\r\n\0\r\nQUIT\n");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_that_nobody_can_read_ends_no_handshake_and_proves_nothing() {
    // Version 1 has no extensions; path builders do not take it.
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("v1.pem"), folder.path().join("v1.key"));
    let make = Command::new("sh")
        .args(["-c", "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=strict.test \
            -keyout \"$2\" -out \"$1.csr\" && openssl x509 -req -in \"$1.csr\" -signkey \"$2\" -days 9 -out \"$1\"", "sh"])
        .args([&cert, &key])
        .output()
        .unwrap();
    assert!(make.status.success(), "{make:?}");
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppsServer]);
    world.settings.partners = vec![
        partner(
            "strict.test",
            setting(Setting::Required, Setting::Required, false),
        ),
        partner("open.test", OPEN),
    ];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    for version in ["-tls1_2", "-tls1_3"] {
        for (from, answer) in [
            ("open.test", "backend-id"),
            ("strict.test", "<not-authorized"),
        ] {
            let mut command =
                openssl(&["s_client", "-quiet", version, "-servername", "contoso.test"]);
            command
                .args(["-connect", &world.at(0).to_string(), "-cert"])
                .arg(&cert)
                .arg("-key")
                .arg(&key);
            let opening = header(from, "contoso.test");
            let seen = tokio::task::spawn_blocking(move || {
                let mut child = command.spawn().unwrap();
                let mut input = child.stdin.take().unwrap();
                input.write_all(opening.as_bytes()).unwrap();
                input.flush().unwrap();
                let mut output = child.stdout.take().unwrap();
                let mut seen = Vec::new();
                let mut chunk = [0; 4096];
                while !String::from_utf8_lossy(&seen).contains(answer) {
                    match output.read(&mut chunk).unwrap() {
                        0 => break,
                        read => seen.extend_from_slice(&chunk[..read]),
                    }
                }
                child.kill().unwrap();
                child.wait().unwrap();
                String::from_utf8_lossy(&seen).into_owned()
            })
            .await
            .unwrap();
            assert!(seen.contains(answer), "{version} {from}: {seen}");
        }
    }
    running.stop().await;
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn resumed_session_still_proves_what_was_presented_before() {
    let ca = Ca::new();
    let mut world = World::new(&[Protocol::XmppsServer]);
    world.settings.anchors = vec![ca.der.clone()];
    world.settings.partners = vec![partner(
        "strict.test",
        setting(Setting::Required, Setting::Required, false),
    )];
    world.lay_pair("edge", 1, &ca.leaf(&["contoso.test"]));
    let running = world.start().await;
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let client = Client::new()
            .version(version)
            .present(&ca.leaf(&["strict.test"]))
            .remember();
        for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let mut tls = client.connect(world.at(0), "contoso.test").await.unwrap();
            tls.write_all(header("strict.test", "contoso.test").as_bytes())
                .await
                .unwrap();
            let answer = read_until(&mut tls, "</stream:").await;
            assert!(answer.contains("backend-id"), "{kind:?}: {answer}");
            assert_eq!(tls.get_ref().1.handshake_kind(), Some(kind));
        }
    }
    running.stop().await;
}
