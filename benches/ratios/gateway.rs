//! The embedded gateway: handshakes, swaps, and memory with idle connections.

use super::Row;
use super::world::{World, run};
use edgecert::assign::plan::Proof;
use edgecert::lab::traffic::{Held, Load, echo_backend};
use edgecert::names::{Domain, Protocol};
use edgecert::probe::KeyKind;
use edgecert::x509::{Certificate, container};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Idle connections whose memory is measured.
const IDLE: usize = 1_000;

/// How long each side is loaded with handshakes, in seconds.
const LOADED: &str = "5";

/// Swaps of which the first new leaf is timed.
const SWAPS: usize = 15;

/// A process that ends with the bench.
pub struct Server(pub Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn rows(world: &World) -> Vec<Row> {
    let address = free_address();
    let root = assigned(world, address);
    let gateway = start(world, address);
    must(world, &["assign"]);
    let rates = handshakes(world, address);
    let first_new = swaps(world, address);
    let memory = idle_memory(&gateway, address, &root);
    vec![
        Row::rates(
            "full TLS 1.3 handshakes, `openssl s_time` as the client, against `openssl s_server`",
            rates.0,
            rates.1,
        ),
        Row::alone(
            "from the commit to the first handshake with the new leaf, p50",
            first_new,
        ),
        Row::alone(
            format!("the gateway's memory with {IDLE} idle TLS connections"),
            memory,
        ),
    ]
}

pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A deployment with one gateway, and a first generation imported; returns the root.
fn assigned(world: &World, address: SocketAddr) -> Certificate {
    must(world, &["lab", "ca", "--out", "ca"]);
    let backend = echo_backend().unwrap();
    let path = world.path().join("edgecert.toml");
    let text =
        std::fs::read_to_string(&path)
            .unwrap()
            .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
    let tables = format!(
        "\n[gateway.embedded.front]\ncertificate = \"external-edge\"\nconnection-limit = 5000\nroots = [\"ca/root.pem\"]\n\
         [[gateway.embedded.front.listener]]\nprotocol = \"tls\"\nlisten = \"{address}\"\nbackend = \"{backend}\"\n"
    );
    std::fs::write(&path, text + &tables).unwrap();
    generation(world, 1);
    read(&world.path().join("ca/root.pem"))
}

/// Requests, signs and imports one generation.
fn generation(world: &World, number: usize) {
    must(world, &["request", "--new-key"]);
    let folder = world.path().join("edgecert.state/requests/external-edge");
    let mut requests: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    requests.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    let csr = requests.pop().unwrap().join("csr.pem");
    let reply = format!("reply-{number}.pem");
    must(
        world,
        &[
            "lab",
            "sign",
            csr.to_str().unwrap(),
            "--ca",
            "ca",
            "--out",
            &reply,
        ],
    );
    must(world, &["import", &reply]);
}

pub fn must(world: &World, arguments: &[&str]) {
    let output = world
        .edgecert(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read(path: &std::path::Path) -> Certificate {
    let bytes = std::fs::read(path).unwrap();
    container::read(&bytes, None)
        .unwrap()
        .certificates
        .remove(0)
        .1
}

fn start(world: &World, address: SocketAddr) -> Server {
    let server = Server(
        world
            .edgecert(&["gateway", "run", "front"])
            .spawn()
            .unwrap(),
    );
    wait_for(address);
    server
}

pub fn wait_for(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nothing listens on {address}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Handshakes a second, the gateway and `openssl s_server` with the same pair, one client after the other.
fn handshakes(world: &World, address: SocketAddr) -> (f64, f64) {
    let ours = s_time(world, address);
    let peer = free_address();
    let live = world.path().join("edgecert.state/live/external-edge");
    let server = Server(
        world
            .openssl(&[
                "s_server",
                "-accept",
                &peer.to_string(),
                "-cert",
                live.join("cert.pem").to_str().unwrap(),
                "-cert_chain",
                live.join("chain.pem").to_str().unwrap(),
                "-key",
                live.join("privkey.pem").to_str().unwrap(),
                "-quiet",
                "-num_tickets",
                "2",
            ])
            .spawn()
            .unwrap(),
    );
    wait_for(peer);
    let theirs = s_time(world, peer);
    drop(server);
    (ours, theirs)
}

/// `openssl s_time -new`: one handshake after the other on one connection each.
fn s_time(world: &World, address: SocketAddr) -> f64 {
    let start = Instant::now();
    let output = world
        .openssl(&[
            "s_time",
            "-connect",
            &address.to_string(),
            "-new",
            "-time",
            LOADED,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let _ = start;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "1234 connections in 6 real seconds, 0 bytes read per connection"
    let line = text
        .lines()
        .find(|line| line.contains("real seconds"))
        .unwrap_or_else(|| panic!("{text}"));
    let numbers: Vec<f64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers[0] / numbers[1]
}

/// From the moment the gateway answers the commit to the first handshake that showed the new leaf, over several
/// assignments of new generations. The journal holds the moment of the commit no finer than this process sees it,
/// so the swap is timed by a client that hammers one listener: the gap between its last old and first new leaf.
fn swaps(world: &World, address: SocketAddr) -> String {
    let proof = Proof {
        protocol: Protocol::Tls,
        address,
        name: Some(Domain::parse("edge.contoso.com").unwrap()),
        key_kind: KeyKind::Any,
        outbound: None,
    };
    let mut gaps = Vec::new();
    for number in 0..SWAPS {
        generation(world, number + 2);
        let load = Load::start(std::slice::from_ref(&proof), 1);
        std::thread::sleep(Duration::from_millis(100));
        run(world.edgecert(&["assign"]));
        let tally = load.stop();
        assert_eq!(tally.failed, 0, "{:?}", tally.failures);
        let mut leaves: Vec<_> = tally.leaves.values().collect();
        leaves.sort_by_key(|seen| seen.first);
        let [old, new] = leaves.as_slice() else {
            panic!("{} leaves were seen", leaves.len())
        };
        gaps.push(new.first.saturating_duration_since(old.last));
    }
    gaps.sort();
    format!(
        "{:.1} ms (worst {:.1} ms)",
        ms(gaps[gaps.len() / 2]),
        ms(gaps[gaps.len() - 1])
    )
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn idle_memory(gateway: &Server, address: SocketAddr, root: &Certificate) -> String {
    let before = resident(gateway.0.id());
    let held: Vec<Held> = (0..IDLE)
        .map(|_| {
            let mut held = Held::open(address, "edge.contoso.com", root).unwrap();
            held.echo().unwrap();
            held
        })
        .collect();
    let after = resident(gateway.0.id());
    drop(held);
    format!("{:.1} MB ({:.1} MB before)", after / 1e3, before / 1e3)
}

/// VmRSS in kB.
pub fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
