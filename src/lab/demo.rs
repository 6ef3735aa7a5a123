//! The whole life of a certificate on loopback, told step by step: the same commands a person would type, run as
//! child processes of the same binary, against a real gateway with a real backend.
//!
//! Nothing here is simulated: the second generation is swapped in while other threads make full handshakes without
//! a pause, and while a connection that trusts nothing but the lab's root stays open through the swap. One failed
//! handshake fails the demonstration.

use super::traffic::{Held, Load, Tally, echo_backend};
use crate::assign::plan::Proof;
use crate::names::{Domain, Protocol};
use crate::probe::KeyKind;
use crate::x509::{Certificate, Fingerprint, container};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Threads that make handshakes during the swap.
const LOAD_THREADS: usize = 2;

/// How long the load runs before and after the swap.
const AROUND_THE_SWAP: Duration = Duration::from_millis(700);

/// How long the gateway may take to open its control socket.
const GATEWAY_START: Duration = Duration::from_secs(20);

/// Largest certificate file of the lab that is read back.
const MAX_LAB_FILE: u64 = 1024 * 1024;

/// What the demonstration tells.
#[derive(Debug)]
pub enum Told<'a> {
    /// A chapter begins: its number, of how many, its title, and what it is about.
    Chapter(usize, usize, &'a str, &'a str),
    /// A command line, as a person would type it.
    Command(&'a str),
    /// A line that it printed.
    Line(&'a str),
    /// Something the demonstration does itself.
    Aside(&'a str),
}

/// Why the demonstration failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A file, a socket or a process of the demonstration's own.
    #[error("{what}")]
    Io {
        /// What was to be done.
        what: String,
        /// Why it could not be.
        #[source]
        source: std::io::Error,
    },
    /// A command ended with another exit code than 0.
    #[error("`{line}` ended with exit code {code:?}")]
    CommandFailed {
        /// The command line.
        line: String,
        /// Its exit code; `None`: killed.
        code: Option<i32>,
        /// What it said.
        said: String,
    },
    /// The gateway did not come up.
    #[error("the gateway did not open its control socket")]
    GatewayNotUp {
        /// What it said.
        said: String,
    },
    /// The swap was not what it promises to be.
    #[error("the swap under load failed: {0}")]
    Swap(String),
    /// What a command left is not what it should be.
    #[error("{0}")]
    Unexpected(String),
}

/// What the demonstration measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Handshakes made across the swap, all of them full.
    pub handshakes: u64,
    /// Those that failed: 0, or the demonstration has failed.
    pub failed: u64,
    /// Handshakes that saw the first generation, and the second.
    pub old_and_new: (u64, u64),
    /// From the start of `edgecert assign` to the first handshake with the new leaf.
    pub first_new: Duration,
    /// Messages echoed over the connection that was open before the swap.
    pub held_echoes: u64,
    /// Where everything lies.
    pub directory: PathBuf,
}

/// The demonstration: the binary to run, and the empty folder to work in.
pub struct Demo<'a> {
    /// This program.
    pub program: PathBuf,
    /// An empty folder.
    pub directory: PathBuf,
    /// Told what happens.
    pub tell: &'a mut dyn FnMut(Told<'_>),
    /// Whether the commands shall print in colour.
    pub colour: bool,
    /// Columns that the commands have; `None`: as many as they like.
    pub columns: Option<usize>,
}

impl std::fmt::Debug for Demo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Demo({})", self.directory.display())
    }
}

/// Ends the gateway when the demonstration ends, whichever way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const CHAPTERS: usize = 8;

impl Demo<'_> {
    /// Runs it from beginning to end.
    pub fn run(mut self) -> Result<Measured, DemoError> {
        let ports = self.describe_the_edge()?;
        self.chapter(2, "the names", "what must be in the certificate, and why");
        self.edgecert(&["plan"])?;
        self.chapter(
            3,
            "key and request",
            "the key stays here; the CSR goes to the CA",
        );
        self.edgecert(&["request"])?;
        self.sign("first.pem")?;
        self.chapter(
            5,
            "import and verdict",
            "what was granted against what was asked",
        );
        self.edgecert(&["import", "first.pem"])?;
        self.edgecert(&["verify", "external-edge"])?;
        self.chapter(
            6,
            "live",
            "a gateway is started; the certificate is assigned to it, and proved on every port",
        );
        let gateway = self.start_gateway()?;
        self.edgecert(&["assign"])?;
        self.edgecert(&["check"])?;
        let measured = self.swap_under_load(&ports)?;
        self.chapter(
            8,
            "what is left",
            "every step is in the journal, each line sealed by the next",
        );
        self.edgecert(&["list"])?;
        self.edgecert(&["log"])?;
        drop(gateway);
        Ok(measured)
    }

    fn describe_the_edge(&mut self) -> Result<Ports, DemoError> {
        self.chapter(
            1,
            "an edge",
            "a throw-away CA, and a deployment file for an edge with two domains",
        );
        self.edgecert(&["lab", "ca", "--out", "ca"])?;
        self.edgecert(&[
            "init",
            "--fqdn",
            "edge.contoso.com",
            "--sip-domain",
            "contoso.com",
            "--xmpp-domain",
            "contoso.com",
            "--xmpp-domain",
            "fabrikam.com",
        ])?;
        let backend = echo_backend().map_err(|source| io("start a backend", source))?;
        let ports = Ports::free()?;
        let path = self.directory.join("edgecert.toml");
        let text =
            std::fs::read_to_string(&path).map_err(|source| io("read edgecert.toml", source))?;
        let text = text.replacen("roots = [\"system\"]", "roots = [\"ca/root.pem\"]", 1)
            + &gateway_tables(&ports, backend);
        std::fs::write(&path, text).map_err(|source| io("write edgecert.toml", source))?;
        self.aside("edgecert.toml: the lab's root is trusted, and a gateway \"front\" with four listeners on loopback is added");
        Ok(ports)
    }

    /// The CA's part: it signs what the newest request asks.
    fn sign(&mut self, reply: &str) -> Result<(), DemoError> {
        self.chapter(
            4,
            "the CA",
            "a throw-away CA that drops what public CAs drop",
        );
        let csr = self.newest_csr()?;
        let csr = csr
            .strip_prefix(&self.directory)
            .unwrap_or(&csr)
            .display()
            .to_string();
        self.edgecert(&["lab", "sign", &csr, "--ca", "ca", "--out", reply])
    }

    fn swap_under_load(&mut self, ports: &Ports) -> Result<Measured, DemoError> {
        self.chapter(
            7,
            "the next one, under load",
            "renewed and swapped in while handshakes go on without a pause and a connection stays open",
        );
        let old = self.live_leaf()?;
        self.edgecert(&["renew", "external-edge"])?;
        let csr = self.newest_csr()?;
        let csr = csr
            .strip_prefix(&self.directory)
            .unwrap_or(&csr)
            .display()
            .to_string();
        self.edgecert(&["lab", "sign", &csr, "--ca", "ca", "--out", "second.pem"])?;
        self.edgecert(&["import", "second.pem"])?;

        let root = self.certificate("ca/root.pem")?;
        let mut held = Held::open(ports.tls, "edge.contoso.com", &root)
            .map_err(|source| io("open a connection through the gateway", source))?;
        held.echo()
            .map_err(|source| io("talk through the gateway", source))?;
        self.aside("a connection is open; handshakes begin on all four listeners, each one full, none resumed");
        let load = Load::start(&ports.proofs(), LOAD_THREADS);
        let started = Instant::now();
        std::thread::sleep(AROUND_THE_SWAP);
        let assigned = Instant::now();
        self.edgecert(&["assign"])?;
        std::thread::sleep(AROUND_THE_SWAP);
        held.echo()
            .map_err(|source| io("talk over the connection opened before the swap", source))?;
        let tally = load.stop();
        let new = self.live_leaf()?;
        let measured = measure(&tally, old, new, assigned, &held, self.directory.clone())?;
        self.aside(&format!(
            "{} full handshakes in {:.1} s: {} saw the old leaf, {} the new one, {} failed",
            measured.handshakes,
            started.elapsed().as_secs_f64(),
            measured.old_and_new.0,
            measured.old_and_new.1,
            measured.failed,
        ));
        self.aside("the connection opened before the swap is still open, and still answered");
        Ok(measured)
    }

    fn start_gateway(&mut self) -> Result<Running, DemoError> {
        let line = "edgecert gateway run front &";
        (self.tell)(Told::Command(line));
        let log = self.directory.join("gateway.log");
        let file = std::fs::File::create(&log).map_err(|source| io("write gateway.log", source))?;
        let child = Command::new(&self.program)
            .args(["gateway", "run", "front"])
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|source| io("start the gateway", source))?;
        let running = Running(child);
        let socket = self.directory.join("edgecert.gateway/front/front.sock");
        let deadline = Instant::now() + GATEWAY_START;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            if Instant::now() > deadline {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(DemoError::GatewayNotUp { said });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.edgecert(&["gateway", "status"])
            .or_else(|error| match error {
                // Exit 1: it runs and serves nothing yet, which is what is to be seen here.
                DemoError::CommandFailed { code: Some(1), .. } => Ok(()),
                other @ (DemoError::Io { .. }
                | DemoError::CommandFailed { .. }
                | DemoError::GatewayNotUp { .. }
                | DemoError::Swap(_)
                | DemoError::Unexpected(_)) => Err(other),
            })
            .map(|()| running)
    }

    fn chapter(&mut self, number: usize, title: &str, about: &str) {
        (self.tell)(Told::Chapter(number, CHAPTERS, title, about));
    }

    fn aside(&mut self, text: &str) {
        (self.tell)(Told::Aside(text));
    }

    /// Runs this program with these arguments, and tells its command line and what it prints.
    fn edgecert(&mut self, arguments: &[&str]) -> Result<(), DemoError> {
        let line = format!("edgecert {}", arguments.join(" "));
        (self.tell)(Told::Command(&line));
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .args(["--color", if self.colour { "always" } else { "never" }])
            .current_dir(&self.directory)
            .envs(self.columns.map(|columns| ("COLUMNS", columns.to_string())))
            .env_remove("EDGECERT_CONFIG")
            .env_remove("EDGECERT_STATE")
            .stdin(Stdio::null());
        // Both streams into one pipe, so that what is told keeps the order in which it was said.
        let (output, both) = std::io::pipe().map_err(|source| io("make a pipe", source))?;
        let errors = both
            .try_clone()
            .map_err(|source| io("make a pipe", source))?;
        command.stdout(both).stderr(errors);
        let mut child = command
            .spawn()
            .map_err(|source| io(&format!("run `{line}`"), source))?;
        // It holds our ends of the pipe; the reader below would wait for them for ever.
        drop(command);
        let folder = format!("{}/", self.directory.display());
        let mut said = String::new();
        for text in BufReader::new(output).lines().map_while(Result::ok) {
            let text = text.replace(&folder, "");
            (self.tell)(Told::Line(&text));
            said.push_str(&text);
            said.push('\n');
        }
        let status = child
            .wait()
            .map_err(|source| io(&format!("wait for `{line}`"), source))?;
        if status.success() {
            Ok(())
        } else {
            Err(DemoError::CommandFailed {
                line,
                code: status.code(),
                said,
            })
        }
    }

    /// The CSR of the newest request.
    fn newest_csr(&self) -> Result<PathBuf, DemoError> {
        let folder = self.directory.join("edgecert.state/requests/external-edge");
        let mut requests: Vec<PathBuf> = std::fs::read_dir(&folder)
            .map_err(|source| io("read the ledger of requests", source))?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect();
        requests.sort();
        requests
            .pop()
            .map(|request| request.join("csr.pem"))
            .ok_or_else(|| DemoError::Unexpected("`edgecert request` left no request".into()))
    }

    fn live_leaf(&self) -> Result<Fingerprint, DemoError> {
        Ok(self
            .certificate("edgecert.state/live/external-edge/cert.pem")?
            .facts()
            .sha256)
    }

    fn certificate(&self, path: &str) -> Result<Certificate, DemoError> {
        let bytes = crate::store::atomic::read_limited(&self.directory.join(path), MAX_LAB_FILE)
            .map_err(|error| DemoError::Unexpected(error.to_string()))?;
        container::read(&bytes, None)
            .ok()
            .and_then(|contents| contents.certificates.into_iter().next())
            .map(|(_, certificate)| certificate)
            .ok_or_else(|| DemoError::Unexpected(format!("{path} holds no certificate")))
    }
}

/// The gateway's listeners.
struct Ports {
    xmpp_server: SocketAddr,
    xmpps_server: SocketAddr,
    sips: SocketAddr,
    tls: SocketAddr,
}

impl Ports {
    /// Four ports that are free now.
    fn free() -> Result<Self, DemoError> {
        let bound: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .collect::<Result<_, _>>()
            .map_err(|source| io("find free ports on 127.0.0.1", source))?;
        let addresses: Vec<SocketAddr> = bound
            .iter()
            .map(TcpListener::local_addr)
            .collect::<Result<_, _>>()
            .map_err(|source| io("find free ports on 127.0.0.1", source))?;
        match addresses.as_slice() {
            [xmpp_server, xmpps_server, sips, tls] => Ok(Self {
                xmpp_server: *xmpp_server,
                xmpps_server: *xmpps_server,
                sips: *sips,
                tls: *tls,
            }),
            _ => Err(DemoError::Unexpected("four ports were asked for".into())),
        }
    }

    fn proofs(&self) -> Vec<Proof> {
        [
            (Protocol::XmppServer, self.xmpp_server, "contoso.com"),
            (Protocol::XmppsServer, self.xmpps_server, "fabrikam.com"),
            (Protocol::Sips, self.sips, "contoso.com"),
            (Protocol::Tls, self.tls, "edge.contoso.com"),
        ]
        .into_iter()
        .map(|(protocol, address, name)| Proof {
            protocol,
            address,
            name: Domain::parse(name).ok(),
            key_kind: KeyKind::Any,
            outbound: None,
        })
        .collect()
    }
}

fn gateway_tables(ports: &Ports, backend: SocketAddr) -> String {
    let mut text = String::from(
        "\n[gateway.embedded.front]\ncertificate = \"external-edge\"\nroots = [\"ca/root.pem\"]\n\
         others = { tls = \"required\", sasl = \"optional\", dialback = true }\n",
    );
    for (protocol, address) in [
        ("xmpp-server", ports.xmpp_server),
        ("xmpps-server", ports.xmpps_server),
        ("sips", ports.sips),
        ("tls", ports.tls),
    ] {
        text.push_str(&format!(
            "\n[[gateway.embedded.front.listener]]\nprotocol = \"{protocol}\"\nlisten = \"{address}\"\nbackend = \"{backend}\"\n"
        ));
    }
    text
}

fn measure(
    tally: &Tally,
    old: Fingerprint,
    new: Fingerprint,
    assigned: Instant,
    held: &Held,
    directory: PathBuf,
) -> Result<Measured, DemoError> {
    if let Some((listener, why)) = tally.failures.first() {
        return Err(DemoError::Swap(format!(
            "{} of {} handshakes failed, the first on {listener}: {why}",
            tally.failed, tally.handshakes
        )));
    }
    if let Some(other) = tally
        .leaves
        .keys()
        .find(|leaf| **leaf != old && **leaf != new)
    {
        return Err(DemoError::Swap(format!(
            "a leaf was seen that is neither: {other}"
        )));
    }
    let first_new = tally
        .leaves
        .get(&new)
        .map(|seen| seen.first.saturating_duration_since(assigned))
        .ok_or_else(|| DemoError::Swap("the new leaf was never seen".into()))?;
    let count = |leaf| tally.leaves.get(leaf).map_or(0, |seen| seen.count);
    Ok(Measured {
        handshakes: tally.handshakes,
        failed: tally.failed,
        old_and_new: (count(&old), count(&new)),
        first_new,
        held_echoes: held.echoes(),
        directory,
    })
}

fn io(what: &str, source: std::io::Error) -> DemoError {
    DemoError::Io {
        what: format!("cannot {what}"),
        source,
    }
}

/// Whether a folder can be worked in: it does not exist, or it is empty.
pub fn is_free(directory: &Path) -> bool {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
