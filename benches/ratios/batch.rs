//! `request --batch`: CSRs a second with keys on the disk, against loops of openssl and cfssl, and against the bare
//! making of key and CSR on the same cores; and the memory that a long list takes.

use super::Row;
use super::world::{World, run, shell};
use edgecert::names::Identifier;
use edgecert::x509::{Csr, CsrSpec, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Entries of a list whose rate is measured.
const ENTRIES: usize = 5_000;

/// Rounds of a loop of other programs.
const ROUNDS: usize = 200;

/// Entries of the list whose memory is measured.
const LONG: usize = 100_000;

/// How often the memory of a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub fn rows(world: &World) -> Vec<Row> {
    let list = list(world, ENTRIES);
    let disk = rate(world, &list, &world.path().join("batch"));
    let openssl = openssl(world);
    let bare = bare();
    let mut rows = vec![
        Row::rates(
            "`request --batch` P-256, keys flushed, against a loop of `openssl req -newkey ec`",
            disk,
            openssl,
        ),
        match cfssl(world) {
            Some(cfssl) => Row::rates("the same against a loop of `cfssl genkey`", disk, cfssl),
            None => Row::alone(
                "the same against a loop of `cfssl genkey` (not here: apt-get install golang-cfssl)",
                format!("{disk:.0}/s"),
            ),
        },
        Row::rates(
            "the same against bare key and CSR in memory on all cores",
            disk,
            bare,
        ),
    ];
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        let folder = tempfile::tempdir_in(memory).unwrap();
        let there = rate(world, &list, &folder.path().join("batch"));
        rows.push(Row::rates(
            "the same on tmpfs against bare key and CSR",
            there,
            bare,
        ));
        let out = folder.path().join("long");
        let (took, most) = watched(world, &self::list(world, LONG), &out);
        rows.push(Row::alone(
            format!("`request --batch` of {LONG} entries on tmpfs: time, most memory"),
            format!("{:.1} s, {:.0} MB", took.as_secs_f64(), most as f64 / 1e3),
        ));
    }
    rows
}

fn list(world: &World, entries: usize) -> PathBuf {
    let mut text = String::from("fqdn,sip-domains,xmpp-domains\n");
    for number in 0..entries {
        text.push_str(&format!(
            "edge.d{number}.contoso.net,d{number}.contoso.net,d{number}.contoso.net\n"
        ));
    }
    let path = world.path().join(format!("list-{entries}.csv"));
    std::fs::write(&path, text).unwrap();
    path
}

/// Entries a second, the start of the program included.
fn rate(world: &World, list: &Path, out: &Path) -> f64 {
    let took = run(world.edgecert(&[
        "request",
        "--batch",
        list.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]));
    let made = std::fs::read_dir(out).unwrap().count();
    assert_eq!(made, ENTRIES, "not all were made");
    ENTRIES as f64 / took.as_secs_f64()
}

fn openssl(world: &World) -> f64 {
    let took = run(shell(
        world,
        &format!(
            "set -e; for n in $(seq {ROUNDS}); do openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
             -subj /CN=edge.d$n.contoso.net -addext subjectAltName=DNS:edge.d$n.contoso.net,DNS:d$n.contoso.net \
             -keyout peer-$n.key -out peer-$n.csr; done"
        ),
    ));
    assert!(world.path().join(format!("peer-{ROUNDS}.csr")).exists());
    ROUNDS as f64 / took.as_secs_f64()
}

fn cfssl(world: &World) -> Option<f64> {
    let known = shell(world, "command -v cfssl").status().ok()?;
    if !known.success() {
        return None;
    }
    let asked = r#"{"CN":"edge.contoso.net","hosts":["edge.contoso.net","contoso.net"],"key":{"algo":"ecdsa","size":256}}"#;
    std::fs::write(world.path().join("cfssl.json"), asked).unwrap();
    let took = run(shell(
        world,
        &format!(
            "set -e; for n in $(seq {ROUNDS}); do cfssl genkey cfssl.json > cfssl-$n.json; done"
        ),
    ));
    let last = std::fs::read_to_string(world.path().join(format!("cfssl-{ROUNDS}.json"))).unwrap();
    assert!(last.contains("CERTIFICATE REQUEST"), "{last}");
    Some(ROUNDS as f64 / took.as_secs_f64())
}

/// Keys and signed CSRs a second, on all cores, kept nowhere.
fn bare() -> f64 {
    let names = [
        "dns:edge.contoso.net",
        "dns:sip.contoso.net",
        "dns:contoso.net",
    ];
    let spec = CsrSpec {
        subject: Subject::default(),
        names: names
            .iter()
            .map(|name| Identifier::parse_typed(name).unwrap())
            .collect(),
        key_usage: KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        },
        key_purposes: vec![KeyPurpose::ServerAuth],
        template: None,
    };
    let made = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while made.fetch_add(1, Ordering::Relaxed) < ENTRIES {
                    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
                    std::hint::black_box(Csr::build(&spec, &key).unwrap());
                }
            });
        }
    });
    ENTRIES as f64 / start.elapsed().as_secs_f64()
}

/// How long a run takes, and its most memory in kB (VmHWM).
fn watched(world: &World, list: &Path, out: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = world
        .edgecert(&[
            "request",
            "--batch",
            list.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ])
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    loop {
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{ended}");
            return (start.elapsed(), most);
        }
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let here = now
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok());
        most = most.max(here.unwrap_or(0));
        std::thread::sleep(LOOK);
    }
}
