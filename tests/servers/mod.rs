//! Real servers from Debian's packages, each on free ports of 127.0.0.1 with its own configuration in the folder of
//! a world, and what is asked of them across a change: full handshakes without a pause, and sessions that stay.
//!
//! Every server answers for `example.test` with the certificate that is changed, and where it can for `second.test`
//! with another one that is not. What is relied on was measured; the sanity tests in `tests/servers.rs` keep it true.
//! A server that is not installed is a failure that names its package.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

pub mod between;
pub mod client;
pub mod coturn;
pub mod deployed;
pub mod ejabberd;
pub mod haproxy;
pub mod harm;
pub mod held;
pub mod kamailio;
pub mod load;
pub mod mini;
pub mod nginx;
pub mod pki;
pub mod process;
pub mod prosody;
pub mod side;
pub mod stage;
pub mod user;

use super::world::World;
use client::Trust;
use edgecert::names::Protocol;
use edgecert::x509::{Fingerprint, KeyType};
use pki::{Generation, Pki};
use process::{Account, Process};
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

/// The domain whose certificate is changed; it also covers the component and the host of SIP.
pub const DOMAIN: &str = "example.test";
pub const COMPONENT: &str = "conference.example.test";
pub const SIP_HOST: &str = "sip.example.test";
/// The domain whose certificate stays.
pub const SECOND: &str = "second.test";

/// For a server to serve; an Erlang machine on two busy cores takes its time.
const STARTS_WITHIN: Duration = Duration::from_secs(90);
/// Between two looks.
pub const POLL: Duration = Duration::from_millis(20);

/// A world that the servers' users may walk through, with a root that all its certificates lead to.
pub struct Lab {
    pub world: World,
    pub pki: Pki,
    pub trust: Trust,
    /// The certificate of `second.test`.
    pub second: Generation,
}

impl Lab {
    pub fn new() -> Self {
        let world = World::new();
        let folder = world.folder();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
        for above in folder.ancestors() {
            let mode = std::fs::metadata(above).unwrap().permissions().mode();
            assert!(
                mode & 0o001 != 0,
                "the servers' users cannot walk through {}; set TMPDIR to a folder that all may enter",
                above.display()
            );
        }
        let pki = Pki::new(&world, "pki");
        let trust = Trust::new(&pki.root());
        let second = pki.generation(&[SECOND], KeyType::Ec256);
        Self {
            world,
            pki,
            trust,
            second,
        }
    }

    /// A generation of the certificate that is changed.
    pub fn generation(&self, key: KeyType) -> Generation {
        self.pki.generation(&[DOMAIN, COMPONENT, SIP_HOST], key)
    }

    /// A folder of a server, for its user to write into.
    pub fn folder_of(&self, name: &str, user: &str) -> PathBuf {
        let folder = self.world.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        Account::of(user).own(&folder);
        folder
    }

    /// A server around its process and its first generation, once every listener serves it.
    fn serving(&self, made: Made, process: Process, first: Generation) -> Server {
        let server = Server {
            made,
            process,
            first,
        };
        server.wait_until(STARTS_WITHIN, || {
            for listener in &server.made.listeners {
                let wanted = listener.wanted(&server.first, &self.second);
                let seen = self.trust.handshake(listener)?;
                if seen != wanted {
                    return Err(format!("{listener} shows {}", seen.short()));
                }
            }
            Ok(())
        });
        server
    }
}

/// Which certificate a listener shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// That of `example.test`, which is changed.
    Changed,
    /// That of `second.test`, which stays.
    Kept,
}

/// A port and a name to ask it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub protocol: Protocol,
    pub address: SocketAddr,
    pub name: &'static str,
    pub shows: Shows,
}

impl Listener {
    pub fn new(protocol: Protocol, address: SocketAddr, name: &'static str) -> Self {
        let shows = if name == SECOND {
            Shows::Kept
        } else {
            Shows::Changed
        };
        Self {
            protocol,
            address,
            name,
            shows,
        }
    }

    /// Which leaf it is to show.
    pub fn wanted(&self, now: &Generation, second: &Generation) -> Fingerprint {
        match self.shows {
            Shows::Changed => now.leaf,
            Shows::Kept => second.leaf,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {} for {}",
            self.protocol.word(),
            self.address,
            self.name
        )
    }
}

/// What Prosody and ejabberd listen on at four ports: clients with STARTTLS and in direct TLS, servers the same way.
fn chat_listeners(ports: &[SocketAddr]) -> Vec<Listener> {
    [
        (Protocol::Xmpp, 0, DOMAIN),
        (Protocol::Xmpp, 0, SECOND),
        (Protocol::XmppsClient, 1, DOMAIN),
        (Protocol::XmppServer, 2, DOMAIN),
        (Protocol::XmppServer, 2, COMPONENT),
        (Protocol::XmppServer, 2, SECOND),
        (Protocol::XmppsServer, 3, DOMAIN),
        (Protocol::XmppsServer, 3, COMPONENT),
        (Protocol::XmppsServer, 3, SECOND),
    ]
    .map(|(protocol, number, name)| Listener::new(protocol, ports[number], name))
    .into()
}

/// Where the certificate that is changed lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// Leaf and chain in one file, the key in another.
    Pair(PathBuf, PathBuf),
    /// Leaf, chain and key in one file.
    Combined(PathBuf),
}

/// Whether the TOML of a gateway lists its listeners or leaves them to be found in the server's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prove {
    Listed,
    Found,
}

/// What a server was made of.
#[derive(Debug)]
pub struct Made {
    /// The word of `[gateway.KIND.NAME]`.
    pub kind: &'static str,
    pub config: PathBuf,
    /// Its control program, and the first arguments.
    pub control: Vec<String>,
    pub files: Files,
    /// The keys of its kind in the TOML, one a line.
    pub keys: String,
    pub owner: Account,
    pub listeners: Vec<Listener>,
    /// A file that the control program locks while it runs, where handshakes meanwhile would be the end of the server.
    pub gate: Option<PathBuf>,
    pub log: PathBuf,
}

/// A server that runs until it is dropped.
pub struct Server {
    made: Made,
    pub process: Process,
    /// What it served when it was started.
    pub first: Generation,
}

impl Server {
    pub fn kind(&self) -> &'static str {
        self.made.kind
    }

    pub fn config(&self) -> &Path {
        &self.made.config
    }

    pub fn files(&self) -> &Files {
        &self.made.files
    }

    pub fn listeners(&self) -> &[Listener] {
        &self.made.listeners
    }

    pub fn gate(&self) -> Option<&Path> {
        self.made.gate.as_deref()
    }

    /// Its control program and the first arguments, as they stand in the TOML.
    pub fn control_words(&self) -> &[String] {
        &self.made.control
    }

    pub fn owner(&self) -> &Account {
        &self.made.owner
    }

    /// Runs its control program.
    #[track_caller]
    pub fn control(&self, words: &[&str]) -> Output {
        process::run(&self.made.control, words)
    }

    /// The listeners that speak a protocol.
    pub fn speaking(&self, protocol: Protocol) -> Vec<Listener> {
        let mut all = self.made.listeners.clone();
        all.retain(|listener| listener.protocol == protocol);
        all
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.made.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// `[gateway.KIND.NAME]` as it stands in `edgecert.toml`. One of kind `files` always lists its listeners.
    pub fn gateway(&self, name: &str, certificate: &str, prove: Prove) -> String {
        let kind = self.made.kind;
        let mut text = format!("\n[gateway.{kind}.{name}]\ncertificate = \"{certificate}\"\n");
        let listed = match (kind, prove) {
            ("files", _) | (_, Prove::Listed) => self.prove(),
            (_, Prove::Found) => String::new(),
        };
        let owner = self.made.owner.words().map_or(String::new(), |owner| {
            format!("owner = \"{owner}\"\nmode = \"0640\"\n")
        });
        match (kind, &self.made.files) {
            ("files", Files::Combined(file)) => text.push_str(&format!(
                "{listed}\n[[gateway.files.{name}.destination]]\ncontent = \"combined\"\npath = {file:?}\n{owner}"
            )),
            (_, Files::Pair(..) | Files::Combined(_)) => text.push_str(&format!(
                "config = {:?}\n{}control = {:?}\n{owner}{listed}",
                self.made.config, self.made.keys, self.made.control
            )),
        }
        text
    }

    /// The listeners that show the certificate that is changed, as TOML has them.
    fn prove(&self) -> String {
        let listeners = self.made.listeners.iter();
        let changed = listeners.filter(|one| one.shows == Shows::Changed);
        let rows: Vec<String> = changed
            .map(|one| {
                format!(
                    "    {{ protocol = \"{}\", address = \"{}\", names = [\"{}\"] }},\n",
                    one.protocol.word(),
                    one.address,
                    one.name
                )
            })
            .collect();
        format!("prove = [\n{}]\n", rows.concat())
    }

    /// Puts the files of a generation in place, each by a rename, with owner and mode set before it.
    pub fn place(&self, generation: &Generation) {
        place(&self.made.files, &self.made.owner, generation);
    }

    /// Looks until it is as wished, or fails with the log of the server.
    #[track_caller]
    pub fn wait_until(&self, within: Duration, mut look: impl FnMut() -> Result<(), String>) {
        let deadline = Instant::now() + within;
        while let Err(why) = look() {
            if let Some(status) = self.process.ended() {
                panic!("{} ended with {status}: {why}\n{}", self.kind(), self.log());
            }
            if Instant::now() > deadline {
                panic!("{}: {why}\n{}", self.kind(), self.log());
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Puts the files of a generation in place.
pub fn place(files: &Files, owner: &Account, generation: &Generation) {
    match files {
        Files::Pair(certificate, key) => {
            put(certificate, &generation.fullchain, owner, 0o644);
            put(key, &generation.key, owner, 0o640);
        }
        Files::Combined(file) => put(file, &generation.combined(), owner, 0o640),
    }
}

/// Writes a file beside its folder, so that no pattern of the server meets it half made, and renames it.
pub fn put(path: &Path, text: &str, owner: &Account, mode: u32) {
    let folder = path.parent().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    owner.own(folder);
    let name = path.file_name().unwrap().to_string_lossy();
    let beside = folder.with_file_name(format!(".{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::set_permissions(&beside, PermissionsExt::from_mode(mode)).unwrap();
    owner.own(&beside);
    std::fs::rename(&beside, path).unwrap();
}
