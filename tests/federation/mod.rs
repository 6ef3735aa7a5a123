//! Real XMPP servers that find each other through a name server of the test, and federate as `edgecert partner apply`
//! has set them up. Each has one domain, one user and its own deployment.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

pub mod rows;

use crate::dns_server::{DnsServer, Zone};
use crate::servers::pki::{Generation, Odd, Pki};
use crate::servers::process::{Account, run};
use crate::servers::side::Plan;
pub use crate::servers::side::{Kind, Side};
use crate::servers::user::{Ended, User};
use crate::servers::{Files, Lab, POLL, place, put};
use crate::world::Ran;
use crate::world::ports::free_addresses;
use edgecert::x509::KeyType;
use rows::{Method, Row};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LOGGED_WITHIN: Duration = Duration::from_secs(10);

/// Who signs a server's certificate, and whom it believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The CA that the others believe.
    Common,
    /// A CA of its own, and nobody else's.
    Own,
}

/// One server to be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub domain: &'static str,
    pub kind: Kind,
    pub trust: Trust,
}

/// Servers in one name space.
pub struct Field {
    pub lab: Lab,
    /// The CA that nobody but its own server believes.
    own: Pki,
    dns: DnsServer,
    pub sides: Vec<Side>,
}

impl Field {
    /// Starts the servers side by side, each with the configuration of an administrator who has set nothing up yet.
    pub fn new(wanted: &[Wanted]) -> Self {
        let lab = Lab::new();
        let own = Pki::new(&lab.world, "own-ca");
        let ports = free_addresses(3 * wanted.len());
        let records: String = wanted
            .iter()
            .zip(ports.chunks(3))
            .map(|(one, ports)| {
                // ejabberd asks the system for the address of the target.
                format!(
                    "_xmpp-server._tcp.{}. SRV 0 0 {} localhost.\n",
                    one.domain,
                    ports[0].port()
                )
            })
            .collect();
        let dns = DnsServer::start(Zone::Plain, &records);
        let mut field = Self {
            lab,
            own,
            dns,
            sides: Vec::new(),
        };
        for (one, ports) in wanted.iter().zip(ports.chunks(3)) {
            let side = field.start(*one, ports);
            field.sides.push(side);
        }
        for side in &field.sides {
            side.wait();
        }
        field
    }

    pub fn side(&self, domain: &str) -> &Side {
        self.sides
            .iter()
            .find(|side| side.domain == domain)
            .unwrap()
    }

    fn start(&self, wanted: Wanted, ports: &[SocketAddr]) -> Side {
        let Wanted {
            domain,
            kind,
            trust,
        } = wanted;
        let account = Account::of(kind.user());
        // The servers' users cannot read the folder of the CA.
        let roots = self.lab.folder_of(domain, kind.user()).join("roots.pem");
        let root = std::fs::read_to_string(self.pki(trust).ca.root()).unwrap();
        put(&roots, &root, &account, 0o644);
        let settings = match kind {
            Kind::Prosody => format!("s2s_timeout = 10\nssl = {{ cafile = {roots:?} }}\n"),
            Kind::Ejabberd => format!("s2s_use_starttls: required\nca_file: {roots:?}\n"),
        };
        let plan = Plan {
            domain,
            kind,
            servers: ports[0],
            clients: ports[1],
            node: ports[2],
            resolver: self.dns.address,
            pair: &self.certificate(domain, trust, &Odd::default()),
            settings: &settings,
            listener: "",
        };
        Side::start(&self.lab, &plan)
    }

    fn pki(&self, trust: Trust) -> &Pki {
        match trust {
            Trust::Common => &self.lab.pki,
            Trust::Own => &self.own,
        }
    }

    /// A certificate for a name, leaf and intermediate, with its key.
    pub fn certificate(&self, name: &str, trust: Trust, odd: &Odd) -> Generation {
        let pki = self.pki(trust);
        pki.generation_of(&[name], KeyType::Ec256, odd)
    }

    /// Has `edgecert` write a domain's partners into its server; gives what the command said.
    #[track_caller]
    pub fn federate(&self, domain: &str, partners: &[(&str, Row)], others: Option<Row>) -> Value {
        let side = self.side(domain);
        self.deploy(domain, partners, others);
        let done = self.run(domain, &["partner", "apply", "--write-config", "--json"]);
        let done = done.ended(0).json();
        // What stands lives on by the old rules.
        side.end_streams();
        done
    }

    fn deploy(&self, domain: &str, partners: &[(&str, Row)], others: Option<Row>) {
        let text = self.side(domain).deployment(partners, others);
        let text = text.replace("@ROOT@", self.lab.pki.ca.root().to_str().unwrap());
        self.lab.world.write(&format!("{domain}.toml"), text);
    }

    /// `edgecert` with a domain's deployment.
    fn run(&self, domain: &str, words: &[&str]) -> Ran {
        let (file, state) = (format!("{domain}.toml"), format!("{domain}.state"));
        let first = ["--config", &file, "--state", &state];
        self.lab.world.run(&[&first[..], words].concat())
    }

    /// `partner apply --json` with these partners.
    pub fn apply(&self, domain: &str, partners: &[(&str, Row)], more: &[&str]) -> Ran {
        self.deploy(domain, partners, None);
        self.run(domain, &[&["partner", "apply", "--json"], more].concat())
    }

    /// Requests, imports and assigns a certificate.
    #[track_caller]
    pub fn assign(&self, domain: &str) {
        let made = self.run(domain, &["request", "--json"]).ended(0).json();
        let id = made["result"]["id"].as_str().unwrap().to_owned();
        let csr = format!("{domain}.state/requests/external-edge/{id}/csr.pem");
        let reply = self.lab.pki.ca.reply(&self.lab.world.path(&csr));
        self.lab.world.write("reply.pem", reply);
        self.run(domain, &["import", "reply.pem"]).ended(0);
        self.run(domain, &["assign"]).ended(0);
    }

    /// The same where it is refused: the exit code and the document, and no file of the server is touched.
    #[track_caller]
    pub fn refuses(&self, domain: &str, partners: &[(&str, Row)], code: i32) -> Value {
        let side = self.side(domain);
        let before = side.configuration();
        let document = self
            .apply(domain, partners, &["--write-config"])
            .ended(code)
            .json();
        assert_eq!(side.configuration(), before);
        document
    }

    /// What becomes of a message that must not arrive: the error at its sender.
    #[track_caller]
    pub fn refused(&self, one: &mut User, other: &mut User) -> String {
        match one.tell(other) {
            Ended::Refused(error) => error,
            Ended::Arrived => panic!(
                "it arrived: {}\n----\n{}",
                self.side(one.domain()).log(),
                self.side(other.domain()).log()
            ),
        }
    }

    /// One message and one presence in each direction; the methods by which each server let the other in.
    #[track_caller]
    pub fn crosses(&self, one: &mut User, other: &mut User) -> BTreeSet<Method> {
        let (here, there) = (self.side(one.domain()), self.side(other.domain()));
        let marks = [here.log().len(), there.log().len()];
        let told = || {
            format!(
                "{}\n----\n{}",
                &here.log()[marks[0]..],
                &there.log()[marks[1]..]
            )
        };
        for (ended, words) in [(one.tell(other), "there"), (other.tell(one), "back")] {
            assert_eq!(ended, Ended::Arrived, "{words}: {}", told());
        }
        // A log may lag behind what it tells of.
        let deadline = Instant::now() + LOGGED_WITHIN;
        loop {
            let mut all = here.let_in(there.domain, marks[0]);
            let back = there.let_in(here.domain, marks[1]);
            if all.len() == 1 && back.len() == 1 {
                all.extend(back);
                return all;
            }
            let is_over = Instant::now() > deadline || all.len() > 1 || back.len() > 1;
            assert!(!is_over, "{all:?} {back:?} {}", told());
            std::thread::sleep(POLL);
        }
    }
}

impl Side {
    /// Ends the server.
    pub fn stop(&self) {
        self.process.signal(rustix::process::Signal::TERM);
        while self.process.ended().is_none() {
            std::thread::sleep(POLL);
        }
    }

    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The files of its configuration, ours among them.
    pub fn configuration(&self) -> Vec<(PathBuf, String)> {
        let folder = self.config.parent().unwrap();
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.starts_with("edgecert") || *path == self.config
            })
            .collect();
        files.sort();
        let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
        files.into_iter().map(read).collect()
    }

    /// Puts another certificate in place, and has the server take it.
    #[track_caller]
    pub fn serve(&self, pair: &Generation) {
        place(&self.files, &self.account, pair);
        match self.kind {
            Kind::Prosody => self.run(&["shell", "config", "reload"]),
            Kind::Ejabberd => self.run(&["reload_config"]),
        }
        self.end_streams();
    }

    #[track_caller]
    pub fn run(&self, words: &[&str]) {
        let ran = run(&self.control, words);
        assert!(ran.status.success(), "{words:?} {ran:?}");
    }

    /// Ends every stream to another server.
    pub fn end_streams(&self) {
        // Prosody calls it a failure when there is none.
        let words: &[&str] = match self.kind {
            Kind::Prosody => &["shell", "s2s", "closeall"],
            Kind::Ejabberd => &["stop_s2s_connections"],
        };
        run(&self.control, words);
    }

    /// By which methods streams of a domain were let in, by the log from a byte on.
    pub fn let_in(&self, from: &str, since: usize) -> BTreeSet<Method> {
        let log = self.log();
        let new = &log[since..];
        let mut found = BTreeSet::new();
        match self.kind {
            Kind::Prosody => {
                let encrypted = new.contains("Stream encrypted (TLS");
                if new.contains(&format!("Accepting SASL EXTERNAL identity from {from}")) {
                    found.insert(Method::Sasl);
                }
                if new.contains(&format!("asking {from} if key")) {
                    found.insert(if encrypted {
                        Method::TlsDialback
                    } else {
                        Method::TcpDialback
                    });
                }
            }
            Kind::Ejabberd => {
                let way = format!("authentication {from} -> {}", self.domain);
                for line in new.lines().filter(|line| line.contains(&way)) {
                    let encrypted = line.contains("(tls|");
                    if line.contains("Accepted inbound s2s EXTERNAL") {
                        found.insert(Method::Sasl);
                    } else if line.contains("Accepted inbound s2s dialback") {
                        found.insert(if encrypted {
                            Method::TlsDialback
                        } else {
                            Method::TcpDialback
                        });
                    }
                }
            }
        }
        found
    }

    /// The deployment that knows this server and its partners.
    pub fn deployment(&self, partners: &[(&str, Row)], others: Option<Row>) -> String {
        let (domain, config) = (self.domain, &self.config);
        let (kind, files) = match &self.files {
            Files::Pair(certificate, _) => (
                "prosody",
                format!("directory = {:?}", certificate.parent().unwrap()),
            ),
            Files::Combined(file) => ("ejabberd", format!("file = {file:?}")),
        };
        let others = others.map_or(String::new(), |row| {
            format!("others = {{ {} }}\n", row.toml(", "))
        });
        let partners: String = partners
            .iter()
            .map(|(partner, row)| {
                format!(
                    "\n[[partner]]\ndomain = \"{partner}\"\ntype = \"federated\"\n{}\n",
                    row.toml("\n")
                )
            })
            .collect();
        format!(
            "version = 1\n[edge]\nfqdn = \"edge.{domain}\"\nxmpp-domains = [\"{domain}\"]\n\n\
             [issuer.public]\nprofile = \"public-dv\"\nroots = [\"@ROOT@\"]\n\n[certificate.external-edge]\nissuer = \"public\"\nuses = [\"xmpp-s2s\"]\n\n\
             [gateway.{kind}.chat]\ncertificate = \"external-edge\"\nconfig = {config:?}\n{files}\n\
             control = {:?}\n{others}{partners}",
            self.control
        )
    }
}
