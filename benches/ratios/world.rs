//! A folder with a deployment, certificates by the thousand, and commands to be timed.

// Where the starters of the real servers look for it.
#[path = "../../tests/world/ports.rs"]
#[allow(clippy::duplicate_mod)]
pub mod ports;

use edgecert::lab::{LabCa, SignPolicy, sign};
use edgecert::names::Identifier;
use edgecert::x509::{
    Certificate, Csr, CsrSpec, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// The release binary that cargo built for this bench.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_edgecert");

pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A folder with a deployment of two SIP domains and one XMPP domain.
    pub fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        run(world.edgecert(&[
            "init",
            "--fqdn",
            "edge.contoso.com",
            "--sip-domain",
            "contoso.com",
            "--sip-domain",
            "fabrikam.com",
            "--xmpp-domain",
            "contoso.com",
        ]));
        world
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn edgecert(&self, arguments: &[&str]) -> Command {
        self.command(PROGRAM, arguments)
    }

    pub fn openssl(&self, arguments: &[&str]) -> Command {
        self.command("openssl", arguments)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Leafs of one throw-away CA, one a file, each with its own serial number and name.
    pub fn certificates(&self, count: usize) -> PathBuf {
        let folder = self.path().join("certificates");
        std::fs::create_dir_all(&folder).unwrap();
        let now = OffsetDateTime::now_utc();
        let ca = LabCa::create(now, KeyType::Ec256).unwrap();
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        for number in 0..count {
            let leaf = leaf(&ca, &key, &format!("host-{number}.contoso.com"), now);
            std::fs::write(folder.join(format!("{number:05}.pem")), leaf.to_pem()).unwrap();
        }
        folder
    }
}

/// A leaf of a throw-away CA for one host.
pub fn leaf(ca: &LabCa, key: &PrivateKey, host: &str, now: OffsetDateTime) -> Certificate {
    let spec = CsrSpec {
        subject: Subject::default(),
        names: vec![Identifier::parse_typed(&format!("dns:{host}")).unwrap()],
        key_usage: KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        },
        key_purposes: vec![KeyPurpose::ServerAuth],
        template: None,
    };
    let csr = Csr::build(&spec, key).unwrap();
    let reply = sign(ca, &csr, &SignPolicy::public(now)).unwrap();
    reply.chain.leaf
}

/// Runs a command to its end and says how long it took. Exit codes of verdicts are fine; a signal is not.
pub fn run(mut command: Command) -> Duration {
    let start = Instant::now();
    let status = command.status().unwrap();
    let took = start.elapsed();
    assert!(status.code().is_some(), "{command:?} was killed");
    assert_ne!(status.code(), Some(64), "{command:?}: wrong usage");
    took
}

/// A line for bash.
pub fn shell(world: &World, line: &str) -> Command {
    world.command("bash", &["-c", line])
}

/// The median of several runs.
pub fn median(runs: usize, mut once: impl FnMut() -> Duration) -> Duration {
    let mut took: Vec<Duration> = (0..runs).map(|_| once()).collect();
    took.sort();
    took[took.len() / 2]
}
