//! What the product promises in numbers, measured beside openssl in the same run; prints one Markdown table.
//!
//! Run by `scripts/bench`. Every figure is a median of several runs; nothing here asserts a time. What each row does
//! stands at its function.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs
)]

#[path = "ratios/batch.rs"]
mod batch;
#[path = "ratios/front.rs"]
mod front;
#[path = "ratios/gateway.rs"]
mod gateway;
#[path = "ratios/servers.rs"]
mod servers;
#[path = "ratios/verdict.rs"]
mod verdict;
#[path = "ratios/watch.rs"]
mod watch;
#[path = "ratios/world.rs"]
mod world;

use std::time::{Duration, Instant};
use world::{World, median, run, shell};

fn main() {
    if front::roles::play() {
        return;
    }
    let world = World::new();
    // `scripts/bench request` and the other parts measure their rows alone; cargo adds flags of its own.
    let part = std::env::args().skip(1).find(|one| !one.starts_with('-'));
    let rows = match part.as_deref() {
        Some("request") => requests(&world),
        Some("batch") => batch::rows(&world),
        Some("check") => check(&world).into_iter().collect(),
        Some("gateway") => gateway::rows(&world),
        Some("watch") => watch::rows(&world),
        Some("front") => front::rows(),
        Some("verdict") => verdict::rows(&world),
        Some("servers") => servers::rows(),
        Some(other) => panic!(
            "there is no part {other:?}; request, batch, check, watch, verdict, gateway, front and servers are"
        ),
        None => all(&world),
    };
    println!("| what | edgecert | openssl | ratio |");
    println!("|---|---|---|---|");
    for row in rows {
        println!(
            "| {} | {} | {} | {} |",
            row.what, row.ours, row.theirs, row.ratio
        );
    }
    let size = std::fs::metadata(world::PROGRAM).unwrap().len();
    println!("\nrelease binary: {:.1} MB", size as f64 / 1e6);
}

fn all(world: &World) -> Vec<Row> {
    let mut rows = requests(world);
    rows.extend(batch::rows(world));
    rows.extend(check(world));
    rows.extend(verdict::rows(world));
    rows.extend(gateway::rows(world));
    rows
}

fn requests(world: &World) -> Vec<Row> {
    vec![
        startup(world),
        plan(world),
        plan_of_many(world),
        split_of_many(world),
        request(world, "ec256", 40),
        request(world, "rsa2048", 25),
    ]
}

/// One line of the table.
pub struct Row {
    what: String,
    ours: String,
    theirs: String,
    ratio: String,
}

impl Row {
    /// Two durations, and theirs by ours.
    pub fn times(what: impl Into<String>, ours: Duration, theirs: Duration) -> Self {
        Self {
            what: what.into(),
            ours: milliseconds(ours),
            theirs: milliseconds(theirs),
            ratio: format!("{:.2}", theirs.as_secs_f64() / ours.as_secs_f64()),
        }
    }

    /// Two rates, and ours by theirs.
    pub fn rates(what: impl Into<String>, ours: f64, theirs: f64) -> Self {
        Self {
            what: what.into(),
            ours: format!("{ours:.0}/s"),
            theirs: format!("{theirs:.0}/s"),
            ratio: format!("{:.2}", ours / theirs),
        }
    }

    /// A figure that has no peer.
    pub fn alone(what: impl Into<String>, ours: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            ours: ours.into(),
            theirs: "–".into(),
            ratio: "–".into(),
        }
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// From the start of the process to its end, against `openssl version`.
fn startup(world: &World) -> Row {
    let ours = median(60, || run(world.edgecert(&["--version"])));
    let theirs = median(60, || run(world.openssl(&["version"])));
    Row::times("`--version`", ours, theirs)
}

/// The plan of a deployment with six names; nothing in openssl does this.
fn plan(world: &World) -> Row {
    let ours = median(60, || run(world.edgecert(&["plan"])));
    Row::alone("`plan`", milliseconds(ours))
}

/// A deployment with a thousand domains for SIP and XMPP, 2,001 names: its path.
fn many_domains(world: &World) -> String {
    let domains: Vec<String> = (0..1_000)
        .map(|n| format!("tenant{n:03}.example"))
        .collect();
    let path = world.path().join("many.toml");
    let text = format!(
        "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = {domains:?}\nxmpp-domains = {domains:?}\n\
         [certificate.external-edge]\nuses = [\"sip-edge\", \"xmpp-s2s\"]\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The plan of a thousand domains, with the split that it leads to.
fn plan_of_many(world: &World) -> Row {
    let path = many_domains(world);
    let ours = median(20, || run(world.edgecert(&["plan", "--config", &path])));
    Row::alone("`plan`, 1,000 domains", milliseconds(ours))
}

/// The split of a thousand domains into 84 certificates, with the change of the file; nothing is written.
fn split_of_many(world: &World) -> Row {
    let path = many_domains(world);
    let ours = median(20, || {
        run(world.edgecert(&["plan", "--split", "--dry-run", "--config", &path]))
    });
    Row::alone("`plan --split`, 1,000 domains", milliseconds(ours))
}

/// Key and CSR into a folder, flushed to disk, against one openssl command that does not flush.
fn request(world: &World, key_type: &str, runs: usize) -> Row {
    let mut number = 0;
    let ours = median(runs, || {
        number += 1;
        let out = format!("request-{key_type}-{number}");
        run(world.edgecert(&["request", "--key-type", key_type, "--out", &out]))
    });
    let algorithm: &[&str] = match key_type {
        "ec256" => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        _ => &["-newkey", "rsa:2048"],
    };
    let theirs = median(runs, || {
        let mut arguments = vec!["req", "-new", "-nodes", "-subj", "/CN=edge.contoso.com"];
        arguments.extend(["-keyout", "peer.key", "-out", "peer.csr"]);
        arguments.extend(algorithm);
        run(world.openssl(&arguments))
    });
    Row::times(
        format!("`request` {key_type} against `openssl req -newkey`"),
        ours,
        theirs,
    )
}

/// Expiry of 10,000 certificate files in one run, against a loop of `openssl x509 -checkend` over the same files.
fn check(world: &World) -> Vec<Row> {
    const FILES: usize = 10_000;
    let folder = world.certificates(FILES);
    let folder = folder.to_str().unwrap();
    let ours = median(5, || {
        run(world.edgecert(&["check", folder, "--format", "nagios"]))
    });
    let start = Instant::now();
    run(shell(
        world,
        &format!(
            "for file in {folder}/*.pem; do openssl x509 -in \"$file\" -noout -checkend 86400 >/dev/null; done"
        ),
    ));
    vec![Row::times(
        "`check` of 10,000 files against a loop of `openssl x509 -checkend`",
        ours,
        start.elapsed(),
    )]
}
