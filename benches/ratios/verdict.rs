//! The verdict: how many certificates a second and core, beside those who judge chains too, and in how much memory.
//!
//! One leaf with its intermediate, P-256 throughout, read from DER each time and judged in full: chain, name, usage,
//! key, lifetime, lints.

use super::Row;
use super::world::{World, leaf, run, shell};
use edgecert::findings::Severity;
use edgecert::lab::LabCa;
use edgecert::names::Domain;
use edgecert::names::matching::Service;
use edgecert::verify::{Expectation, TrustSet, Wanted, judge};
use edgecert::x509::{Certificate, KeyType, PrivateKey};
use std::process::Command;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

const NAME: &str = "edge.contoso.com";

/// Long enough for a steady figure, and repeated.
const ROUND: Duration = Duration::from_millis(800);
const ROUNDS: usize = 5;

/// Runs of `openssl verify` in its loop.
const LOOP: usize = 200;

/// What is judged, in memory and as files.
struct Judged {
    root: Certificate,
    intermediate: Certificate,
    leaf: Certificate,
    now: OffsetDateTime,
}

/// The rows of the table.
pub fn rows(world: &World) -> Vec<Row> {
    let judged = Judged::new();
    judged.write(world);
    let ours = judged.verdicts();
    let mut rows = vec![
        Row::rates(
            "verdict on one core, in process, against a loop of `openssl verify`",
            ours,
            openssl_loop(world),
        ),
        Row::rates(
            "the same against its two signature checks alone (AWS-LC)",
            ours,
            judged.signatures(),
        ),
    ];
    rows.push(match python(world) {
        Ok((version, theirs)) => Row::rates(
            format!("the same against Python's cryptography {version} in one process"),
            ours,
            theirs,
        ),
        Err(why) => Row::alone(
            format!("the same; Python's cryptography is left out: {why}"),
            format!("{ours:.0}/s"),
        ),
    });
    let files =
        "leaf.pem --untrusted intermediate.pem --roots root.pem --name dns:edge.contoso.com";
    rows.push(memory(
        world,
        &format!("{} verify {files}", super::world::PROGRAM),
        "openssl verify -CAfile root.pem -untrusted intermediate.pem leaf.pem",
    ));
    rows
}

impl Judged {
    fn new() -> Self {
        let now = OffsetDateTime::now_utc();
        let ca = LabCa::create(now, KeyType::Ec256).unwrap();
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let leaf = leaf(&ca, &key, NAME, now);
        Self {
            root: ca.root,
            intermediate: ca.intermediate,
            leaf,
            now,
        }
    }

    fn write(&self, world: &World) {
        for (name, one) in [
            ("root", &self.root),
            ("intermediate", &self.intermediate),
            ("leaf", &self.leaf),
        ] {
            let path = |suffix| world.path().join(format!("{name}.{suffix}"));
            std::fs::write(path("pem"), one.to_pem()).unwrap();
            std::fs::write(path("der"), one.der()).unwrap();
        }
    }

    fn verdicts(&self) -> f64 {
        let trust = TrustSet::new("lab", vec![self.root.clone()]);
        let wanted = vec![Wanted::Covered {
            service: Service::Host,
            domain: Domain::parse(NAME).unwrap(),
            because: "the bench".into(),
        }];
        let expectation = Expectation {
            trust: Some(&trust),
            wanted,
            ..Expectation::new(self.now)
        };
        rate(|| {
            let chain = [&self.leaf, &self.intermediate]
                .map(|one| Certificate::from_der(one.der()).unwrap());
            let judgement = judge(&chain, None, &expectation);
            assert_eq!(judgement.path.len(), 3);
            let worst = judgement
                .report
                .findings()
                .iter()
                .map(|one| one.severity)
                .max();
            assert_ne!(worst, Some(Severity::Error));
        })
    }

    /// Both signatures of the chain, of certificates that are read already.
    fn signatures(&self) -> f64 {
        rate(|| {
            assert!(self.leaf.is_signed_by(&self.intermediate));
            assert!(self.intermediate.is_signed_by(&self.root));
        })
    }
}

/// How often a second: the median of several rounds.
fn rate(mut once: impl FnMut()) -> f64 {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let mut count = 0_u32;
            while start.elapsed() < ROUND {
                once();
                count += 1;
            }
            f64::from(count) / start.elapsed().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// As scripts do it: a process for each certificate.
fn openssl_loop(world: &World) -> f64 {
    let verify = format!(
        "openssl verify -CAfile root.pem -untrusted intermediate.pem -verify_hostname {NAME} leaf.pem"
    );
    let right = shell(world, &verify).status().unwrap();
    assert!(right.success(), "{verify}");
    let line = format!("for n in $(seq {LOOP}); do {verify}; done >/dev/null");
    LOOP as f64 / run(shell(world, &line)).as_secs_f64()
}

/// Its version and rate, or why there is none.
fn python(world: &World) -> Result<(String, f64), String> {
    let output = Command::new("python3")
        .args(["-c", include_str!("verdict.py")])
        .args(["root.der", "intermediate.der", "leaf.der", NAME])
        .arg(ROUND.mul_f64(ROUNDS as f64).as_secs_f64().to_string())
        .current_dir(world.path())
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(told.lines().last().unwrap_or("it says nothing").to_owned());
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let (version, rate) = told.trim().split_once(' ').unwrap();
    Ok((version.to_owned(), rate.parse().unwrap()))
}

/// The most memory that a verdict on one file holds, beside openssl's.
fn memory(world: &World, ours: &str, theirs: &str) -> Row {
    let what = "memory of `verify` of one file (max RSS)";
    match (peak(world, ours), peak(world, theirs)) {
        (Ok(ours), Ok(theirs)) => Row {
            what: what.into(),
            ours: format!("{:.1} MB", ours / 1e6),
            theirs: format!("{:.1} MB", theirs / 1e6),
            ratio: format!("{:.2}", theirs / ours),
        },
        (Err(why), _) | (_, Err(why)) => Row::alone(format!("{what}: not measured"), why),
    }
}

/// Bytes, by what the kernel counted for the ended child. The count begins with what the parent held at its exec, so
/// that the parent is GNU time, which holds next to nothing.
fn peak(world: &World, line: &str) -> Result<f64, String> {
    let file = world.path().join("peak");
    let counted = format!("/usr/bin/time -q -f %M -o peak {line}");
    run(shell(world, &counted));
    let told = std::fs::read_to_string(&file).unwrap_or_default();
    let kibibytes: f64 = told
        .trim()
        .parse()
        .map_err(|_| "/usr/bin/time is needed: apt-get install time".to_owned())?;
    Ok(kibibytes * 1024.0)
}
