//! The real servers: from the command `edgecert assign` to the proof, over generations whose key type alternates, under
//! handshakes on every listener and beside sessions that stay; and the peers, who copy and reload and prove nothing.
//!
//! A handshake that fails or a session that is lost ends the bench: those figures are zero or there are none.

#[path = "../../tests/servers/mod.rs"]
mod tested;
#[path = "../../tests/world/mod.rs"]
mod world;

use super::{Row, milliseconds};
use edgecert::x509::KeyType;
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use tested::deployed::CERTIFICATE;
use tested::held::Held;
use tested::load::Load;
use tested::{
    DOMAIN, Files, Lab, Prove, Server, coturn, ejabberd, haproxy, kamailio, nginx, prosody,
};

/// Assignments that are timed for each server; the first one, which finds no generation before it, is not.
const RUNS: usize = 7;

/// Handshakes on each listener before an assignment begins.
const ROUNDS: usize = 2;

/// For these.
const WITHIN: Duration = Duration::from_secs(60);

/// Gateways that are assigned to at once.
const MANY: usize = 10;

/// Shared memory that Kamailio keeps at each reload makes its runs few; see docs/gateways.md.
const KEY_TYPES: [&str; 2] = ["rsa2048", "ec256"];

/// What a server's own command does after the files were put in place.
type Reload = fn(&Server);

/// Starts a server with its first certificate.
type Start = fn(&Lab) -> Server;

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let kinds: [(&str, Start, Option<Reload>); 7] = [
        (
            "Prosody",
            |lab| prosody::start(lab, KeyType::Ec256, prosody::Shell::Loaded),
            Some(|server| well(server, &["shell", "config", "reload"])),
        ),
        (
            "ejabberd",
            |lab| ejabberd::start(lab, KeyType::Ec256),
            Some(|server| well(server, &["reload_config"])),
        ),
        (
            "Kamailio",
            |lab| kamailio::start(lab, KeyType::Ec256),
            Some(kamailio::reload),
        ),
        (
            "HAProxy by its socket",
            |lab| haproxy::start(lab, KeyType::Ec256, haproxy::Admin::Socket),
            Some(haproxy::reload),
        ),
        (
            "nginx",
            |lab| nginx::start(lab, KeyType::Ec256, nginx::Names::Fixed),
            Some(|server| well(server, &["-s", "reload"])),
        ),
        (
            "coturn",
            |lab| coturn::start(lab, KeyType::Ec256),
            Some(|server| server.process.signal(Signal::USR2)),
        ),
        (
            "files that nginx reads at each handshake",
            |lab| nginx::start(lab, KeyType::Ec256, nginx::Names::Variable),
            None,
        ),
    ];
    for (name, start, reload) in kinds {
        rows.extend(one(name, start, reload));
    }
    rows.push(cert_import());
    rows.push(many());
    rows
}

/// One assignment as it was measured.
struct Timed {
    wall: Duration,
    /// Of that, the server's: until it had taken the files and was proved.
    server: Duration,
}

fn one(name: &str, start: Start, reload: Option<Reload>) -> Vec<Row> {
    let lab = Lab::new();
    let server = start(&lab);
    lab.deployment(&[server.gateway("server", CERTIFICATE, Prove::Listed)]);
    lab.imported(&["--key-type", "ec256"]);
    assign(&lab);
    let mut held = Held::on_all(&lab.trust, &server);
    let mut timed = Vec::new();
    let (mut handshakes, mut failed) = (0, 0);
    for run in 0..RUNS {
        lab.imported(&["--key-type", KEY_TYPES[run % KEY_TYPES.len()]]);
        let load = Load::start(&lab.trust, &server);
        load.goes_on(ROUNDS, WITHIN).expect("handshakes before");
        timed.push(assign(&lab));
        load.goes_on(ROUNDS, WITHIN).expect("handshakes after");
        let outcome = load.stop();
        // Two files that are read at each handshake do not change in one step; everywhere else none may fail.
        failed += outcome.failures().len();
        assert!(failed == 0 || reload.is_none(), "{name}: {failed} failed");
        handshakes += outcome.attempts.len();
        held.iter_mut().for_each(Held::still_alive);
    }
    let sessions = held.len();
    held.into_iter().for_each(Held::ends_well);
    let wall = middle(timed.iter().map(|one| one.wall));
    let own = middle(timed.iter().map(|one| one.wall.saturating_sub(one.server)));
    let what = format!("`assign` to {name}, to the proof");
    let mut rows = match reload {
        Some(reload) => vec![Row::times(
            format!("{what}, against a copy and the server's reload, which proves nothing"),
            wall,
            hook(&lab, &server, reload),
        )],
        None => vec![Row::alone(what, milliseconds(wall))],
    };
    rows.push(Row::alone(
        format!(
            "of that the tool's own; {handshakes} handshakes, {failed} failed; {sessions} sessions, 0 lost"
        ),
        milliseconds(own),
    ));
    rows
}

/// What a deploy hook of certbot does: files in place, and the server told.
fn hook(lab: &Lab, server: &Server, reload: Reload) -> Duration {
    let runs = (0..RUNS).map(|run| {
        let key = [KeyType::Rsa2048, KeyType::Ec256][run % 2];
        let next = lab.generation(key);
        let begun = Instant::now();
        server.place(&next);
        reload(server);
        begun.elapsed()
    });
    middle(runs)
}

/// `prosodyctl cert import`, which copies and reloads, against nothing: it proves as little as a hook.
fn cert_import() -> Row {
    let lab = Lab::new();
    let server = prosody::start(&lab, KeyType::Ec256, prosody::Shell::Loaded);
    let runs = (0..RUNS).map(|run| {
        let key = [KeyType::Rsa2048, KeyType::Ec256][run % 2];
        let next = lab.generation(key);
        let folder = lab.world.path(&format!("import/{run}/{DOMAIN}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("fullchain.pem"), &next.fullchain).unwrap();
        std::fs::write(folder.join("privkey.pem"), &next.key).unwrap();
        let from = folder.parent().unwrap().to_str().unwrap().to_owned();
        let begun = Instant::now();
        well(&server, &["cert", "import", DOMAIN, &from]);
        begun.elapsed()
    });
    let theirs = middle(runs);
    Row {
        what: "the same by `prosodyctl cert import`, which proves nothing".into(),
        ours: "–".into(),
        theirs: milliseconds(theirs),
        ratio: "–".into(),
    }
}

/// One assignment over many gateways: files that one server reads at each handshake, each gateway with a file of its own.
fn many() -> Row {
    let lab = Lab::new();
    let server = nginx::start(&lab, KeyType::Ec256, nginx::Names::Variable);
    let Files::Combined(served) = server.files() else {
        panic!("the files of nginx by a variable are one")
    };
    let first = server.gateway("gateway-0", CERTIFICATE, Prove::Listed);
    let gateways: Vec<String> = (0..MANY)
        .map(|number| {
            let own = served.with_file_name(format!("gateway-{number}.pem"));
            let text = first.replace("gateway-0", &format!("gateway-{number}"));
            match number {
                0 => text,
                _ => text.replace(&format!("{served:?}"), &format!("{own:?}")),
            }
        })
        .collect();
    lab.deployment(&gateways);
    lab.imported(&["--key-type", "ec256"]);
    assign(&lab);
    let runs = (0..RUNS).map(|run| {
        lab.imported(&["--key-type", KEY_TYPES[run % KEY_TYPES.len()]]);
        assign(&lab).wall
    });
    let wall = middle(runs);
    Row::alone(
        format!("`assign` over {MANY} gateways at once, each proved"),
        milliseconds(wall),
    )
}

/// Assigns the newest generation, and says how long it took and how long of that its servers did.
fn assign(lab: &Lab) -> Timed {
    let begun = Instant::now();
    let ran = lab.world.run(&["assign", "--json"]);
    let wall = begun.elapsed();
    let document = ran.ended(0).json();
    let standings = document["result"]["standings"].as_array().unwrap();
    let took = standings.iter().filter_map(|one| one["took_ms"].as_u64());
    assert!(
        standings
            .iter()
            .all(|one| one["proved"] == Value::Bool(true)),
        "{document:#}"
    );
    Timed {
        wall,
        server: Duration::from_millis(took.max().unwrap_or_default()),
    }
}

/// The server's control program, which has to end well.
#[track_caller]
fn well(server: &Server, words: &[&str]) {
    let said = server.control(words);
    assert!(said.status.success(), "{words:?}: {said:?}");
}

fn middle(runs: impl Iterator<Item = Duration>) -> Duration {
    let mut all: Vec<Duration> = runs.collect();
    all.sort();
    all[all.len() / 2]
}
