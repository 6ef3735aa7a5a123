//! Peers and folders that mean ill, or are broken: each ends in a finding or UNKNOWN with a reason, in bounded time,
//! and the run goes on with the other targets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use world::World;

/// The limit of one endpoint in these runs, and what a run with all of its second looks may take.
const TIMEOUT: &str = "2s";
const WITHIN: Duration = Duration::from_secs(40);

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
                      xmlns:stream='http://etherx.jabber.org/streams' from='contoso.com' id='1' version='1.0'>";
const FEATURES: &str =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// A world whose deployment gives endpoints little time.
fn hurried() -> World {
    let world = World::new();
    world.write(
        "edgecert.toml",
        format!(
            "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nxmpp-domains = [\"contoso.com\"]\n\
             [certificate.external-edge]\nuses = [\"xmpp-s2s\"]\n[check]\ntimeout = \"{TIMEOUT}\"\n"
        ),
    );
    world
}

/// A peer on a free port that does the same to everybody; ends with the tests' process.
fn peer(behaviour: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let behaviour = Arc::new(behaviour);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behaviour = Arc::clone(&behaviour);
            std::thread::spawn(move || behaviour(stream));
        }
    });
    port
}

/// Takes what comes until the other side has enough.
fn swallow(mut stream: impl Read) {
    let mut chunk = [0u8; 4096];
    while stream.read(&mut chunk).is_ok_and(|count| count > 0) {}
}

/// Reads once, so that the peer has spoken.
fn listen(stream: &mut impl Read) {
    let mut chunk = [0u8; 4096];
    let _ = stream.read(&mut chunk);
}

/// Up to the answer to `<starttls/>`, which is given.
fn starttls(mut stream: TcpStream, answer: &[u8]) -> TcpStream {
    listen(&mut stream);
    let _ = stream.write_all(format!("{HEADER}{FEATURES}").as_bytes());
    listen(&mut stream);
    let _ = stream.write_all(answer);
    stream
}

fn tls(count: usize) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["contoso.com".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().der().clone();
    let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate; count], key)
        .unwrap();
    Arc::new(config)
}

/// A TLS server that answers the first words inside with these.
fn inside(count: usize, answer: &'static [u8]) -> u16 {
    let config = tls(count);
    peer(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(connection, stream);
        listen(&mut tls);
        if !answer.is_empty() {
            let _ = tls.write_all(answer);
        }
        swallow(tls);
    })
}

/// Checks `127.0.0.1:PORT` with a protocol in a list, a sound file after it; the row of the endpoint.
#[track_caller]
fn checked(world: &World, port: u16, protocol: &str) -> Value {
    world.write(
        "list.txt",
        format!("127.0.0.1:{port} protocol={protocol} name=contoso.com\nafter.pem\n"),
    );
    let begun = Instant::now();
    let ran = world.run(&["check", "--targets", "list.txt", "--format", "json"]);
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
    let rows = ran.json()["result"]["targets"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 2, "{rows:#?}");
    // The run went on after it.
    assert_eq!(rows[1]["target"], "after.pem");
    assert!(rows[1]["certificate"].is_object(), "{:#}", rows[1]);
    rows[0].clone()
}

fn sound_file(world: &World) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["contoso.com".to_owned()]).unwrap();
    world.write("after.pem", params.self_signed(&key).unwrap().pem());
}

#[test]
fn hostile_endpoints_end_in_a_finding_that_names_the_stage() {
    let drip = |text: &'static str| {
        move |mut stream: TcpStream| {
            for byte in text.bytes().cycle() {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    };
    let flood = |mut stream: TcpStream| {
        let _ = stream.write_all(HEADER.as_bytes());
        let _ = stream.write_all(b"<stream:features><a>");
        let block = "x".repeat(16 * 1024);
        for _ in 0..(10 * 1024 * 1024 / block.len()) {
            if stream.write_all(block.as_bytes()).is_err() {
                return;
            }
        }
        swallow(stream);
    };
    let injects = |stream| swallow(starttls(stream, format!("{PROCEED}<evil/>").as_bytes()));
    let cases: Vec<(&str, u16, &str, &str, &str)> = vec![
        (
            "says nothing",
            peer(swallow),
            "xmpp-server",
            "live.no-tls",
            "longer than 2s",
        ),
        (
            "says nothing to TLS",
            peer(swallow),
            "tls",
            "live.no-tls",
            "shaking hands",
        ),
        (
            "drips XML",
            peer(drip(" ")),
            "xmpp-server",
            "live.no-tls",
            "opening the stream",
        ),
        (
            "drips TLS",
            peer(drip("\x16\x03\x03\x3f")),
            "tls",
            "live.no-tls",
            "",
        ),
        (
            "10 MB of XML",
            peer(flood),
            "xmpp-server",
            "live.no-tls",
            "without finishing",
        ),
        (
            "elements without end",
            peer(|mut stream| {
                let _ = stream.write_all(HEADER.as_bytes());
                let _ = stream.write_all("<a>".repeat(100).as_bytes());
                swallow(stream);
            }),
            "xmpp-server",
            "live.no-tls",
            "nested deeper",
        ),
        (
            "clear text after proceed",
            peer(injects),
            "xmpp-server",
            "live.no-tls",
            "clear text",
        ),
        (
            "closes at once",
            peer(drop),
            "xmpp-server",
            "live.no-tls",
            "opening the stream",
        ),
        (
            "closes after the features",
            peer(|mut stream| {
                listen(&mut stream);
                let _ = stream.write_all(format!("{HEADER}{FEATURES}").as_bytes());
            }),
            "xmpp-server",
            "live.no-tls",
            "opening the stream",
        ),
        (
            "closes after proceed",
            peer(|stream| drop(starttls(stream, PROCEED.as_bytes()))),
            "xmpp-server",
            "live.no-tls",
            "shaking hands",
        ),
        (
            "refuses STARTTLS",
            peer(|stream| {
                let refusal = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
                swallow(starttls(stream, refusal));
            }),
            "xmpp-server",
            "live.no-tls",
            "<failure/>",
        ),
        (
            "does not know the domain",
            peer(|mut stream| {
                listen(&mut stream);
                let error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
                let _ = stream.write_all(format!("{HEADER}{error}").as_bytes());
                swallow(stream);
            }),
            "xmpp-server",
            "live.no-tls",
            "wrong edge",
        ),
        (
            "a DTD",
            peer(|mut stream: TcpStream| {
                let bomb = "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]>";
                let _ = stream.write_all(bomb.as_bytes());
                swallow(stream);
            }),
            "xmpp-server",
            "live.no-tls",
            "opening the stream",
        ),
        (
            "no TLS",
            peer(|mut stream: TcpStream| {
                let _ = stream.write_all(b"220 mail.contoso.com ESMTP\r\n");
                swallow(stream);
            }),
            "tls",
            "live.no-tls",
            "not TLS",
        ),
        (
            "no SIP inside",
            inside(1, b"HTTP/1.1 200 OK\r\n\r\n"),
            "sips",
            "live.inside",
            "HTTP/1.1",
        ),
        (
            "no XMPP inside",
            inside(1, b"HTTP/1.1 200 OK\r\n\r\n"),
            "xmpps-server",
            "live.inside",
            "",
        ),
        ("silent inside", inside(1, b""), "sips", "live.inside", "2s"),
        (
            "a thousand certificates",
            inside(1_000, b""),
            "tls",
            "live.no-tls",
            "",
        ),
    ];
    let world = hurried();
    sound_file(&world);
    let mut wrong = Vec::new();
    for (name, port, protocol, code, words) in cases {
        let row = checked(&world, port, protocol);
        let findings = row["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["code"] == code);
        let told = found.is_some_and(|found| {
            found.to_string().contains(words)
                && found["why"].as_str().is_some_and(|why| !why.is_empty())
        });
        if !told {
            wrong.push(format!("{name}: {code} with {words:?} is not in {row:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_listener_that_needs_alpn_or_sni_is_told() {
    let world = hurried();
    sound_file(&world);
    // Two leaves behind one port, sorted as a multiplexer does.
    let (with, without) = (tls(1), tls(1));
    let by_alpn = peer(move |stream| {
        let mut acceptor = rustls::server::Acceptor::default();
        let mut stream = stream;
        let accepted = loop {
            if acceptor.read_tls(&mut stream).unwrap_or(0) == 0 {
                return;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => break accepted,
                Ok(None) => {}
                Err(_) => return,
            }
        };
        let hello = accepted.client_hello();
        let no_alpn = hello.alpn().is_none();
        let config = match no_alpn {
            true => &without,
            false => &with,
        };
        if let Ok(connection) = accepted.into_connection(Arc::clone(config)) {
            let mut tls = StreamOwned::new(connection, stream);
            listen(&mut tls);
            swallow(tls);
        }
    });
    let row = checked(&world, by_alpn, "xmpps-server");
    let told = row["findings"].to_string();
    assert!(told.contains("live.alpn-needed"), "{row:#}");
    assert!(told.contains("shows another leaf without ALPN"), "{row:#}");

    let (named, nameless) = (tls(1), tls(1));
    let by_sni = peer(move |mut stream| {
        let mut acceptor = rustls::server::Acceptor::default();
        let accepted = loop {
            if acceptor.read_tls(&mut stream).unwrap_or(0) == 0 {
                return;
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => break accepted,
                Ok(None) => {}
                Err(_) => return,
            }
        };
        let config = match accepted.client_hello().server_name() {
            Some(_) => &named,
            None => &nameless,
        };
        if let Ok(connection) = accepted.into_connection(Arc::clone(config)) {
            let mut tls = StreamOwned::new(connection, stream);
            listen(&mut tls);
            let _ = tls.write_all(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");
            swallow(tls);
        }
    });
    let row = checked(&world, by_sni, "sips");
    let told = row["findings"].to_string();
    assert!(told.contains("live.sni-needed"), "{row:#}");
    assert!(told.contains("without SNI"), "{row:#}");

    // One leaf for all: nothing to tell.
    for protocol in ["sips", "xmpps-server"] {
        let row = checked(&world, inside(1, b"SIP/2.0 200 OK\r\n\r\n"), protocol);
        let told = row["findings"].to_string();
        assert!(!told.contains("-needed"), "{row:#}");
    }
}

/// Puts odd things beside a sound file, checks the folder, and gives the document.
fn walked(world: &World, folder: &str) -> (i32, Value) {
    let begun = Instant::now();
    let ran = world.run(&["check", folder, "--format", "json"]);
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
    let document = ran.json();
    (ran.code, document["result"].clone())
}

#[test]
fn folders_with_loops_fifos_and_sockets_are_walked_to_their_end() {
    let world = World::new();
    sound_file(&world);
    let pem = world.read("after.pem");
    world.write("odd/a.pem", &pem);
    // In a loop, out of nowhere, and into itself.
    symlink(".", world.path("odd/self")).unwrap();
    symlink("../odd", world.path("odd/round")).unwrap();
    symlink("two.pem", world.path("odd/one.pem")).unwrap();
    symlink("one.pem", world.path("odd/two.pem")).unwrap();
    let fifo = world.path("odd/fifo.pem");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let _socket = UnixListener::bind(world.path("odd/socket.pem")).unwrap();
    let (_, result) = walked(&world, "odd");
    let rows = result["targets"].as_array().unwrap();
    let sound = rows.iter().filter(|row| row["certificate"].is_object());
    assert_eq!(sound.count(), 1, "{result:#}");
    let lost: Vec<&Value> = rows
        .iter()
        .filter(|row| row["status"] == "unknown")
        .collect();
    assert_eq!(lost.len(), 2, "{result:#}");
    // Named by itself, a FIFO is told and not waited for.
    world.run(&["check", "odd/fifo.pem"]).ended(3).said("FIFO");
    world
        .run(&["check", "odd/socket.pem"])
        .ended(3)
        .said("socket");
}

#[test]
fn links_as_certbot_and_kubernetes_make_them_lead_to_one_row() {
    let world = World::new();
    sound_file(&world);
    let pem = world.read("after.pem");
    // certbot: live/NAME/fullchain.pem leads into archive.
    world.write("certbot/archive/contoso.com/fullchain1.pem", &pem);
    std::fs::create_dir_all(world.path("certbot/live/contoso.com")).unwrap();
    symlink(
        "../../archive/contoso.com/fullchain1.pem",
        world.path("certbot/live/contoso.com/fullchain.pem"),
    )
    .unwrap();
    // Kubernetes: tls.crt leads through ..data into a folder named by time.
    world.write("secret/..2026_11_29/tls.crt", &pem);
    symlink("..2026_11_29", world.path("secret/..data")).unwrap();
    symlink("..data/tls.crt", world.path("secret/tls.crt")).unwrap();
    for folder in ["certbot", "certbot/live", "secret"] {
        let (_, result) = walked(&world, folder);
        let rows = result["targets"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{folder}: {result:#}");
        assert!(rows[0]["certificate"].is_object(), "{folder}: {result:#}");
    }
}

#[test]
fn a_sealed_pkcs12_is_told_and_not_fatal() {
    let world = World::new();
    sound_file(&world);
    world.write("sealed/a.pem", world.read("after.pem"));
    let made = std::process::Command::new("openssl")
        .current_dir(world.folder())
        .args(["pkcs12", "-export", "-nokeys", "-in", "after.pem"])
        .args(["-passout", "pass:secret", "-out", "sealed/b.p12"])
        .status();
    assert!(made.unwrap().success());
    let (code, result) = walked(&world, "sealed");
    assert_eq!(result["targets"].as_array().unwrap().len(), 2, "{result:#}");
    assert!((0..=3).contains(&code), "{code}");
    let told = result["targets"][1].to_string();
    assert!(told.contains("passphrase"), "{told}");
}

#[test]
fn a_hundred_thousand_entries_are_walked() {
    let world = World::new();
    sound_file(&world);
    for number in 0..100 {
        let folder = world.path(&format!("many/{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..1_000 {
            // Empty: a name each, and no block of the disk.
            std::fs::File::create(folder.join(format!("{file}.txt"))).unwrap();
        }
    }
    world.write("many/99/z.pem", world.read("after.pem"));
    let (_, result) = walked(&world, "many");
    let rows = result["targets"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{result:#}");
    assert_eq!(
        result["summary"]["skipped"], 100_000,
        "{:#}",
        result["summary"]
    );
}

#[test]
fn a_list_with_errors_is_refused_with_the_line_of_each() {
    let world = World::new();
    world.write("list.txt", "a:1 port=3\n# sound\nb:1\nc:1 protocol=xmmp\n");
    world
        .run(&["check", "--targets", "list.txt"])
        .ended(3)
        .said("line 1: port=3")
        .said("line 4: xmmp");
    world.write("list.txt", "contoso\n# sound\n127.0.0.1:9\nfabrikam\n");
    world
        .run(&["check", "--targets", "list.txt"])
        .ended(3)
        .said("line 1: contoso is no target")
        .said("line 4: fabrikam is no target");
}
