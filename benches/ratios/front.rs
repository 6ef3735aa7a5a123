//! The embedded gateway as a TLS front beside nginx's stream module and HAProxy: the same certificate, the same
//! backend, one core for the front and another one for the clients and the backend, which are processes of their own.
//!
//! Each front asks for a client certificate and demands none. Clients check nothing, so that the front is what is
//! measured; beside the rate stands what a second of the front's processor time does. The counts can be made small:
//! `EDGECERT_BENCH_SECONDS`, `EDGECERT_BENCH_IDLE`, `EDGECERT_BENCH_MB`, `EDGECERT_BENCH_PINGS`.

#[path = "front/fronts.rs"]
mod fronts;
#[path = "front/roles.rs"]
pub mod roles;

use super::Row;
use super::world::{World, leaf};
use edgecert::lab::LabCa;
use edgecert::x509::{KeyType, PrivateKey};
use fronts::Front;
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::OffsetDateTime;

/// Handshakes in flight.
const CLIENTS: usize = 32;

/// What is asked for in the environment.
struct Counts {
    /// For each rate.
    seconds: u64,
    /// Streams that are held.
    idle: usize,
    /// For the throughput, each way.
    megabytes: u64,
    /// For the latency.
    pings: u64,
}

impl Counts {
    fn read() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
        };
        Self {
            seconds: number("EDGECERT_BENCH_SECONDS", 5),
            idle: usize::try_from(number("EDGECERT_BENCH_IDLE", 8_000)).unwrap(),
            megabytes: number("EDGECERT_BENCH_MB", 1_024),
            pings: number("EDGECERT_BENCH_PINGS", 10_000),
        }
    }
}

pub fn rows() -> Vec<Row> {
    let counts = Counts::read();
    let mut rows = Vec::new();
    for (key_type, name) in [("ec256", "P-256"), ("rsa2048", "RSA-2048")] {
        let world = World::new();
        let backend = roles::Helper::backend();
        let fronts = fronts::start(&world, key_type, backend.address, counts.idle);
        rows.extend(handshakes(&world, name, &fronts.all, &counts));
        if key_type == "ec256" {
            rows.push(set_ups(&fronts, &counts));
            rows.extend(throughput(&fronts.all, backend.address, &counts));
            rows.extend(latency(&fronts.all, backend.address, &counts));
            rows.extend(idle(&fronts.all, &backend, &counts));
        }
    }
    rows
}

/// One figure of each front: ours, then nginx's, then HAProxy's.
type Three = [f64; 3];

fn both(what: &str, [ours, nginx, haproxy]: Three) -> Vec<Row> {
    vec![
        Row::rates(
            format!("{what}, against nginx's stream module"),
            ours,
            nginx,
        ),
        Row::rates(format!("{what}, against HAProxy"), ours, haproxy),
    ]
}

/// Full handshakes, each with a byte to the backend and back.
fn handshakes(world: &World, name: &str, fronts: &[Front; 3], counts: &Counts) -> Vec<Row> {
    let (certificate, key) = client_pair(world);
    let mut rows = Vec::new();
    for presented in [false, true] {
        let mut rates = [0.0; 3];
        let mut per_cpu = [0.0; 3];
        for (at, front) in fronts.iter().enumerate() {
            let mut task = json!({
                "task": "handshakes", "address": front.address, "seconds": counts.seconds, "clients": CLIENTS,
            });
            if presented {
                task["certificate"] = json!(certificate);
                task["key"] = json!(key);
            }
            let before = front.processor_seconds();
            let told = roles::run(&task);
            let busy = front.processor_seconds() - before;
            assert_eq!(told["failed"], 0, "{}: {told}", front.name);
            let count = number(&told, "count");
            rates[at] = count / number(&told, "seconds");
            per_cpu[at] = count / busy.max(0.01);
        }
        let with = match presented {
            true => "with a client certificate",
            false => "without a client certificate",
        };
        rows.extend(both(
            &format!(
                "full TLS 1.3 handshakes on one core with the hop to a backend, {name}, {with}"
            ),
            rates,
        ));
        rows.extend(both(
            &format!("the same for a second of the front's processor time, {name}, {with}"),
            per_cpu,
        ));
    }
    rows
}

/// Stream set-ups by STARTTLS to the backend's features. The peers know no STARTTLS of XMPP.
fn set_ups(fronts: &fronts::Fronts, counts: &Counts) -> Row {
    let told = roles::run(&json!({
        "task": "starttls", "address": fronts.starttls, "seconds": counts.seconds, "clients": CLIENTS,
    }));
    assert_eq!(told["failed"], 0, "{told}");
    let rate = number(&told, "count") / number(&told, "seconds");
    Row::alone(
        "STARTTLS stream set-ups on one core, to the backend's features, P-256",
        format!("{rate:.0}/s"),
    )
}

/// One connection, to the backend and from it, in MB a second.
fn throughput(fronts: &[Front; 3], backend: SocketAddr, counts: &Counts) -> Vec<Row> {
    let mut rows = Vec::new();
    for (direction, name) in [("up", "to the backend"), ("down", "from the backend")] {
        let rate = |address: SocketAddr, tls: bool| {
            let told = roles::run(&json!({
                "task": "throughput", "address": address, "tls": tls, "direction": direction,
                "megabytes": counts.megabytes,
            }));
            counts.megabytes as f64 / number(&told, "seconds")
        };
        let three = [0, 1, 2].map(|at| rate(fronts[at].address, true));
        rows.extend(both(&format!("MB relayed on one connection {name}"), three));
        rows.push(Row::alone(
            format!("MB on one connection {name}, without a front and without TLS"),
            format!("{:.0}/s", rate(backend, false)),
        ));
    }
    rows
}

/// 64 bytes there and back on an open connection, above the same without a front.
fn latency(fronts: &[Front; 3], backend: SocketAddr, counts: &Counts) -> Vec<Row> {
    let ask = |address: SocketAddr, tls: bool| {
        let told = roles::run(&json!({
            "task": "latency", "address": address, "tls": tls, "count": counts.pings,
        }));
        (number(&told, "p50"), number(&told, "p99"))
    };
    let bare = ask(backend, false);
    let added: Vec<(f64, f64)> = fronts
        .iter()
        .map(|front| {
            let (p50, p99) = ask(front.address, true);
            (p50 - bare.0, p99 - bare.1)
        })
        .collect();
    let told = |(p50, p99): (f64, f64)| format!("{p50:.0} µs (p99 {p99:.0} µs)");
    [(1, "nginx's stream module"), (2, "HAProxy")]
        .map(|(at, name)| {
            let what = format!("latency added to 64 bytes there and back, against {name}");
            Row {
                what,
                ours: told(added[0]),
                theirs: told(added[at]),
                ratio: format!("{:.2}", added[at].0 / added[0].0),
            }
        })
        .into()
}

/// Streams that say nothing: all are held at once, the front's memory is taken, and every one still answers.
fn idle(fronts: &[Front; 3], backend: &roles::Helper, counts: &Counts) -> Vec<Row> {
    let kilobytes = [0, 1, 2].map(|at| {
        let front = &fronts[at];
        let before = front.resident_kilobytes();
        let mut held = roles::Helper::hold(front.address, counts.idle);
        let after = front.resident_kilobytes();
        assert_eq!(held.still_alive(), counts.idle, "{}", front.name);
        assert!(backend.is_running());
        (after - before) / counts.idle as f64
    });
    [(1, "nginx's stream module"), (2, "HAProxy")]
        .map(|(at, name)| Row {
            what: format!(
                "memory of an idle TLS stream, {} held at once, against {name}",
                counts.idle
            ),
            ours: format!("{:.1} kB", kilobytes[0]),
            theirs: format!("{:.1} kB", kilobytes[at]),
            ratio: format!("{:.2}", kilobytes[at] / kilobytes[0]),
        })
        .into()
}

/// A client's certificate and key, as paths.
fn client_pair(world: &World) -> (String, String) {
    let now = OffsetDateTime::now_utc();
    let ca = LabCa::create(now, KeyType::Ec256).unwrap();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let leaf = leaf(&ca, &key, "peer.example", now);
    let paths = ["client.pem", "client.key"].map(|name| world.path().join(name));
    std::fs::write(&paths[0], leaf.to_pem()).unwrap();
    std::fs::write(&paths[1], key.to_pem(None).unwrap().as_bytes()).unwrap();
    let [certificate, key] = paths.map(|path| path.to_str().unwrap().to_owned());
    (certificate, key)
}

fn number(told: &Value, name: &str) -> f64 {
    told[name].as_f64().unwrap_or_else(|| panic!("{told}"))
}
