//! Watching at scale: a hundred thousand different certificate files, and thousands of live endpoints at once.
//!
//! The files hold leaf, intermediate and root, the leaf's key P-256 and RSA in turn; each is judged in full against the
//! root. `EDGECERT_BENCH_FILES` and `EDGECERT_BENCH_ENDPOINTS` make it smaller.

use super::Row;
use super::world::{World, shell};
use edgecert::lab::LabCa;
use edgecert::names::Identifier;
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Subject keys of each type that the leaves share; the certificates differ all the same.
const KEYS: usize = 4;
/// Files that the openssl loop reads; its time for all is extrapolated, and said so.
const LOOP: usize = 1_000;
/// Connections at once.
const IN_FLIGHT: usize = 2_000;
/// Endpoints that check_ssl_cert is asked about.
const PLUGIN_RUNS: usize = 20;
const PLUGIN: &str = "/usr/lib/nagios/plugins/check_ssl_cert";
const NAME: &str = "edge.contoso.com";

fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

pub fn rows(world: &World) -> Vec<Row> {
    let ca = LabCa::create(OffsetDateTime::now_utc(), KeyType::Ec256).unwrap();
    std::fs::write(world.path().join("root.pem"), ca.root.to_pem()).unwrap();
    let mut rows = files(world, &ca);
    rows.extend(live(world, &ca));
    rows
}

fn leaf_spec(number: usize, name: &str) -> IssueSpec {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    IssueSpec {
        serial: vec![1, (number >> 16) as u8, (number >> 8) as u8, number as u8],
        names: vec![Identifier::parse_typed(&format!("dns:{name}")).unwrap()],
        key_usage: Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        }),
        key_purposes: vec![KeyPurpose::ServerAuth],
        ..IssueSpec::of(
            Subject::default(),
            now - time::Duration::days(2),
            now + time::Duration::days(88),
        )
    }
}

/// Folders of a thousand files each.
fn make(world: &World, ca: &LabCa, count: usize) -> PathBuf {
    let keys: Vec<PrivateKey> = [KeyType::Ec256, KeyType::Rsa2048]
        .into_iter()
        .flat_map(|kind| (0..KEYS).map(move |_| PrivateKey::generate(kind).unwrap()))
        .collect();
    let behind = ca.intermediate.to_pem() + &ca.root.to_pem();
    let all = world.path().join(format!("files-{count}"));
    let issuer = Issuer {
        certificate: Some(&ca.intermediate),
        key: &ca.intermediate_key,
    };
    for number in 0..count {
        // P-256 and RSA in turn.
        let key = &keys[(number % 2) * KEYS + (number / 2) % KEYS];
        let spec = leaf_spec(number, &format!("host-{number}.contoso.com"));
        let leaf = issue(&spec, key.spki_der(), &issuer).unwrap();
        let folder = all.join(format!("{:03}", number / 1_000));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{number:06}.pem"));
        std::fs::write(path, leaf.to_pem() + &behind).unwrap();
    }
    all
}

/// Runs a command to its end: how long it took, and the most memory it had, in MB.
fn measured(mut command: Command) -> (Duration, f64) {
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let now = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
        peak = now.map_or(peak, |now| f64::max(peak, now / 1e3));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(
                ended.code().is_some_and(|code| code <= 2),
                "{command:?}: {ended}"
            );
            return (start.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn check(world: &World, folder: &Path) -> (Duration, f64) {
    let folder = folder.to_str().unwrap();
    measured(world.edgecert(&["check", folder, "--roots", "root.pem", "--format", "nagios"]))
}

fn files(world: &World, ca: &LabCa) -> Vec<Row> {
    let most = size("EDGECERT_BENCH_FILES", 100_000);
    let mut rows = Vec::new();
    let mut last = None;
    for count in [most / 100, most / 10, most] {
        let folder = make(world, ca, count);
        let (took, peak) = check(world, &folder);
        rows.push(Row::alone(
            format!("`check --roots` of {count} different files, chains of three"),
            format!(
                "{:.2} s, {:.0}/s, {peak:.0} MB at most",
                took.as_secs_f64(),
                count as f64 / took.as_secs_f64()
            ),
        ));
        last = Some((folder, took));
    }
    let (folder, ours) = last.unwrap();
    let text = folder.to_str().unwrap().to_owned();

    let some = LOOP.min(most);
    let (took, _) = measured(shell(
        world,
        &format!(
            "find {text} -name '*.pem' | head -n {some} | while read -r file; do \
             openssl x509 -in \"$file\" -noout -checkend 86400 >/dev/null; done; true"
        ),
    ));
    let whole = took.mul_f64(most as f64 / some as f64);
    rows.push(Row::times(
        format!(
            "{most} files against a loop of `openssl x509 -checkend` (extrapolated from {some})"
        ),
        ours,
        whole,
    ));

    let mut python = Command::new("python3");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/ratios/watch.py");
    let there = Command::new("python3")
        .args([
            "-c",
            "from cryptography.x509 import load_pem_x509_certificates",
        ])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if there {
        python
            .args([script, &text])
            .stdout(std::process::Stdio::null());
        let (took, peak) = measured(python);
        rows.push(Row::times(
            format!("{most} files against Python's cryptography in one process, dates alone ({peak:.0} MB)"),
            ours,
            took,
        ));
    }

    let start = Instant::now();
    let mut bytes = 0;
    for folder in std::fs::read_dir(&folder).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            bytes += std::fs::read(file.unwrap().path()).unwrap().len();
        }
    }
    rows.push(Row::times(
        format!(
            "{most} files against bare reading of the same {:.0} MB",
            bytes as f64 / 1e6
        ),
        ours,
        start.elapsed(),
    ));
    rows
}

fn live(world: &World, ca: &LabCa) -> Vec<Row> {
    let count = size("EDGECERT_BENCH_ENDPOINTS", 5_000);
    make_room();
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let issuer = Issuer {
        certificate: Some(&ca.intermediate),
        key: &ca.intermediate_key,
    };
    let leaf = issue(&leaf_spec(0, NAME), key.spki_der(), &issuer).unwrap();
    let chain = [&leaf, &ca.intermediate].map(|one| CertificateDer::from(one.der().to_vec()));
    let der = key.pkcs8_der().unwrap();
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.as_slice())).clone_key();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.to_vec(), der)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    // Bound to every address: all of 127.0.0.0/8 leads here.
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    runtime.spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut tls) = acceptor.accept(tcp).await {
                    let mut byte = [0u8; 1];
                    let _ = tokio::io::AsyncReadExt::read(&mut tls, &mut byte).await;
                }
            });
        }
    });

    let addresses: Vec<SocketAddr> = (0..count)
        .map(|n| SocketAddr::from(([127, 1, (n / 250) as u8, (n % 250 + 1) as u8], port)))
        .collect();
    let lines: String = addresses
        .iter()
        .map(|address| format!("{address} protocol=tls name={NAME}\n"))
        .collect();
    std::fs::write(world.path().join("endpoints.txt"), lines).unwrap();
    let deployment = format!(
        "version = 1\n[edge]\nfqdn = \"{NAME}\"\nsip-domains = [\"contoso.com\"]\n\
         [certificate.external-edge]\nuses = [\"sip-edge\"]\n[check]\njobs = {IN_FLIGHT}\n"
    );
    std::fs::write(world.path().join("watch.toml"), deployment).unwrap();
    let (took, peak) = measured(world.edgecert(&[
        "check",
        "--targets",
        "endpoints.txt",
        "--roots",
        "root.pem",
        "--config",
        "watch.toml",
        "--format",
        "nagios",
    ]));
    let ours = count as f64 / took.as_secs_f64();
    let bare = runtime.block_on(handshakes(&addresses, ca, provider));
    let mut rows = vec![Row::rates(
        format!(
            "{count} live endpoints, {IN_FLIGHT} in flight, {peak:.0} MB at most, against bare handshakes"
        ),
        ours,
        bare,
    )];
    if Path::new(PLUGIN).exists() {
        let start = Instant::now();
        for address in addresses.iter().take(PLUGIN_RUNS) {
            let mut plugin = shell(world, "true");
            plugin = {
                let folder = plugin.get_current_dir().unwrap().to_owned();
                let mut command = Command::new(PLUGIN);
                command
                    .current_dir(folder)
                    .args(["-H", &address.ip().to_string(), "-p", &port.to_string()])
                    .args(["--sni", NAME, "-m", NAME, "-r", "root.pem"])
                    .args(["--ignore-sct", "--ignore-ocsp"])
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::null());
                command
            };
            measured(plugin);
        }
        let theirs = PLUGIN_RUNS as f64 / start.elapsed().as_secs_f64();
        rows.push(Row::rates(
            format!("the same against check_ssl_cert, one after the other ({PLUGIN_RUNS} of them)"),
            ours,
            theirs,
        ));
    }
    rows
}

/// Descriptors for both sides, as far as the system allows.
fn make_room() {
    let now = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: now.maximum.map(|most| most.min(65_536)).or(Some(65_536)),
            maximum: now.maximum,
        },
    );
}

/// Full handshakes with the root trusted, as many at once: a second's worth.
async fn handshakes(
    addresses: &[SocketAddr],
    ca: &LabCa,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> f64 {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(ca.root.der().to_vec()))
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    let connector = TlsConnector::from(Arc::new(config));
    let start = Instant::now();
    let mut running = JoinSet::new();
    for address in addresses.iter().copied() {
        if running.len() >= IN_FLIGHT {
            running.join_next().await.unwrap().unwrap();
        }
        let connector = connector.clone();
        running.spawn(async move {
            let tcp = TcpStream::connect(address).await.unwrap();
            let name = NAME.try_into().unwrap();
            connector.connect(name, tcp).await.unwrap();
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    addresses.len() as f64 / start.elapsed().as_secs_f64()
}
