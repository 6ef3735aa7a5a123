//! Two Prosody servers with one user each, a gateway in front of one, and a name server that leads to them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod ejabberd;
pub mod haproxy;

use crate::dns_server::{DnsServer, Zone};
use crate::servers::process::{Account, Process, command, program};
use crate::servers::{Lab, put};
use crate::world::ports::free_addresses;
use edgecert::x509::KeyType;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The domain behind the gateway, and the one that comes in.
const HERE: &str = "edge.example";
pub const PEER: &str = "peer.example";

const STARTS_WITHIN: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// What runs behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    Prosody,
    /// It reads the PROXY header, and its addresses alone.
    Ejabberd,
}

/// What the peer's certificate is worth at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Signed by the CA that the gateway trusts.
    Common,
    /// Signed by itself.
    None,
}

pub struct Field {
    lab: Lab,
    pub behind: Side,
    pub peer: Side,
    _gateway: Process,
    _dns: DnsServer,
}

/// A Prosody.
pub struct Side {
    clients: SocketAddr,
    log: PathBuf,
    _process: Process,
}

impl Side {
    /// Waits for words in its log, which may come behind what it tells of.
    #[track_caller]
    pub fn said(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "no {words} in {}", self.log());
            std::thread::sleep(POLL);
        }
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Field {
    /// The peer is a partner with these settings.
    pub fn new(settings: &str, proof: Proof) -> Self {
        let dialback = !settings.contains("sasl = \"required\"");
        let partner =
            format!("[[partner]]\ndomain = \"{PEER}\"\n{settings}\ndialback = {dialback}\n");
        Self::with(&partner, proof, Behind::Prosody)
    }

    /// The same with ejabberd behind the gateway.
    pub fn ejabberd(settings: &str) -> Self {
        let partner = format!("[[partner]]\ndomain = \"{PEER}\"\n{settings}\ndialback = true\n");
        Self::with(&partner, Proof::None, Behind::Ejabberd)
    }

    /// The peer is no partner, and only partners are let in.
    pub fn strangers() -> Self {
        Self::with("", Proof::Common, Behind::Prosody)
    }

    fn with(partners: &str, proof: Proof, kind: Behind) -> Self {
        let lab = Lab::new();
        let ports = free_addresses(6);
        let [front, backend, here_clients, peer, peer_clients, node] = ports[..] else {
            panic!("six were asked for")
        };
        let records = format!(
            "_xmpp-server._tcp.{HERE}. SRV 0 0 {} localhost.\n_xmpp-server._tcp.{PEER}. SRV 0 0 {} localhost.\n\
             localhost. A 127.0.0.1\n",
            front.port(),
            peer.port()
        );
        let dns = DnsServer::start(Zone::Plain, &records);
        // Behind the front streams come in clear; those that go out use TLS where the partner has it.
        let inward = "s2s_require_encryption = false\ns2s_secure_auth = false\n";
        let outward = "s2s_require_encryption = true\ns2s_secure_auth = false\n";
        let own = [backend, here_clients];
        let behind = match kind {
            Behind::Prosody => prosody(&lab, HERE, own, dns.address, inward, Proof::None),
            Behind::Ejabberd => ejabberd::start(&lab, own, node, dns.address),
        };
        let peer = prosody(
            &lab,
            PEER,
            [peer, peer_clients],
            dns.address,
            outward,
            proof,
        );
        let listener = format!(
            "protocol = \"xmpp-server\"\nlisten = \"{front}\"\nbackend = \"{backend}\"\nproxy-protocol = {}\n",
            kind == Behind::Ejabberd
        );
        let text = deployment(&lab.pki.ca.root(), &listener, partners);
        lab.world.write("edgecert.toml", text);
        let gateway = gateway(&lab);
        let field = Self {
            lab,
            behind,
            peer,
            _gateway: gateway,
            _dns: dns,
        };
        field.assign_anew();
        for side in [&field.behind, &field.peer] {
            field.wait_for("Prosody", || TcpStream::connect(side.clients).is_ok());
        }
        field
    }

    fn wait_for(&self, what: &str, is_there: impl Fn() -> bool) {
        let deadline = Instant::now() + STARTS_WITHIN;
        while !is_there() {
            assert!(
                Instant::now() < deadline,
                "{what} does not come up: {}",
                self.lab.world.read("gateway.log")
            );
            std::thread::sleep(POLL);
        }
    }

    /// A user of each.
    pub fn users(&self) -> (User, User) {
        (
            User::sign_in(self.behind.clients, HERE),
            User::sign_in(self.peer.clients, PEER),
        )
    }

    /// Another generation.
    pub fn assign_anew(&self) {
        assign_anew(&self.lab);
    }

    fn status(&self) -> Value {
        let told = self.lab.world.run(&["gateway", "status", "--json"]);
        told.ended(0).json()["result"]["gateways"][0]["status"].clone()
    }

    /// The leaf that is served.
    pub fn served(&self) -> Value {
        self.status()["certificates"][0]["sha256"].clone()
    }

    /// What the gateway counted of a partner's streams.
    pub fn counts(&self, partner: &str) -> Value {
        let status = self.status();
        let partners = status["partners"].as_array().unwrap();
        let found = partners.iter().find(|one| one["domain"] == partner);
        found.unwrap_or_else(|| panic!("{status:#}")).clone()
    }
}

/// A deployment with one gateway and one listener.
fn deployment(root: &Path, listener: &str, partners: &str) -> String {
    format!(
        "version = 1\n[edge]\nfqdn = \"{HERE}\"\nxmpp-domains = [\"{HERE}\"]\n\
         [issuer.lab]\nprofile = \"private-xmpp\"\nroots = [{root:?}]\n\
         [certificate.edge]\nuses = [\"xmpp-s2s\"]\nissuer = \"lab\"\n\
         [gateway.embedded.front]\ncertificate = \"edge\"\nroots = [{root:?}]\n\
         [[gateway.embedded.front.listener]]\n{listener}{partners}"
    )
}

/// The gateway of the deployment, once it answers.
fn gateway(lab: &Lab) -> Process {
    let run = lab.world.command(&["gateway", "run", "front"]);
    let mut whole = command(Path::new(run.get_program()));
    whole.arg("--config").arg(lab.world.path("edgecert.toml"));
    whole.args(run.get_args());
    let log = lab.world.path("gateway.log");
    let gateway = Process::start(None, &whole, &log);
    let deadline = Instant::now() + STARTS_WITHIN;
    // It serves nothing yet, which is a warning.
    while lab.world.run(&["gateway", "status", "--json"]).code > 1 {
        assert!(
            Instant::now() < deadline,
            "{}",
            lab.world.read("gateway.log")
        );
        std::thread::sleep(POLL);
    }
    gateway
}

/// Requests, signs, imports and assigns a generation.
fn assign_anew(lab: &Lab) {
    lab.world.run(&["request", "--new-key"]).ended(0);
    let folder = lab.world.path("edgecert.state/requests/edge");
    let newest = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    let csr = newest.unwrap().join("csr.pem");
    lab.world.write("reply.pem", lab.pki.ca.reply(&csr));
    lab.world.run(&["import", "reply.pem"]).ended(0);
    lab.world.run(&["assign"]).ended(0);
}

fn prosody(
    lab: &Lab,
    domain: &str,
    [servers, clients]: [SocketAddr; 2],
    resolver: SocketAddr,
    settings: &str,
    proof: Proof,
) -> Side {
    let library = std::path::Path::new("/usr/share/doc/lua-unbound");
    assert!(library.exists(), "apt-get install -y lua-unbound");
    let account = Account::of("prosody");
    let folder = lab.world.path(domain);
    let certs = folder.join("certs");
    let accounts = folder.join(domain.replace('.', "%2e")).join("accounts");
    for made in [&certs, &accounts] {
        std::fs::create_dir_all(made).unwrap();
    }
    account.own(&folder);
    account.own(accounts.parent().unwrap());
    account.own(&accounts);
    put(
        &accounts.join("u.dat"),
        "return { [\"password\"] = \"p\" };\n",
        &account,
        0o600,
    );
    let pair = match proof {
        Proof::Common => lab.pki.generation(&[domain], KeyType::Ec256),
        Proof::None => lab.pki.self_signed(domain),
    };
    put(
        &certs.join(format!("{domain}.crt")),
        &pair.fullchain,
        &account,
        0o644,
    );
    put(
        &certs.join(format!("{domain}.key")),
        &pair.key,
        &account,
        0o600,
    );
    let log = folder.join("prosody.log");
    let config = folder.join("prosody.cfg.lua");
    let text = format!(
        r#"pidfile = "{folder}/prosody.pid"
data_path = "{folder}"
log = {{ debug = "{log}" }}
interfaces = {{ "127.0.0.1" }}
use_ipv6 = false
certificates = "certs"
c2s_ports = {{ {} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{ {} }}
s2s_direct_tls_ports = {{}}
unbound = {{
	resolvconf = false;
	forward = "{}@{}";
	options = {{ ["do-not-query-localhost:"] = "no" }};
}}
modules_enabled = {{ "saslauth"; "tls"; "dialback"; "roster" }}
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
{settings}
VirtualHost "{domain}"
"#,
        clients.port(),
        servers.port(),
        resolver.ip(),
        resolver.port(),
        folder = folder.display(),
        log = log.display(),
    );
    put(&config, &text, &account, 0o644);
    let mut daemon = command(&program("prosody", "prosody"));
    daemon.arg("-F").arg("--config").arg(&config);
    let process = Process::start(Some(&account), &daemon, &folder.join("console.log"));
    Side {
        clients,
        log,
        _process: process,
    }
}

/// The user `u`, in clear on loopback (RFC 6120 §6, RFC 6121 §5).
pub struct User {
    stream: TcpStream,
    domain: &'static str,
    heard: String,
}

impl User {
    #[track_caller]
    fn sign_in(address: SocketAddr, domain: &'static str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(POLL)).unwrap();
        let mut user = Self {
            stream,
            domain,
            heard: String::new(),
        };
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
        );
        user.say(&header);
        user.until("</stream:features>");
        user.say(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHUAcA==</auth>",
        );
        user.until("<success");
        user.say(&header);
        user.until("</stream:features>");
        user.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>");
        user.until("</jid>");
        user.say("<presence/>");
        user
    }

    fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until the text has come; everything up to its end is taken.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.heard.find(text) {
                let rest = self.heard.split_off(at + text.len());
                return std::mem::replace(&mut self.heard, rest);
            }
            assert!(
                Instant::now() < deadline,
                "waited for {text}: {}",
                self.heard
            );
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => panic!("the server hung up: {}", self.heard),
                Ok(read) => self
                    .heard
                    .push_str(&String::from_utf8_lossy(&chunk[..read])),
                // Nothing has come within a poll.
                Err(_) => {}
            }
        }
    }

    /// A message that arrives.
    #[track_caller]
    pub fn tells(&mut self, other: &mut Self, words: &str) {
        let to = other.domain;
        self.say(&format!(
            "<message to='u@{to}/r' type='chat'><body>{words}</body></message>"
        ));
        other.until(&format!("<body>{words}</body>"));
    }

    /// A presence that arrives.
    #[track_caller]
    pub fn shows_presence_to(&mut self, other: &mut Self) {
        let to = other.domain;
        self.say(&format!(
            "<presence to='u@{to}/r'><status>here</status></presence>"
        ));
        other.until("<status>here</status>");
    }

    /// A message that comes back; the error with its text.
    #[track_caller]
    pub fn is_refused(&mut self, to: &str) -> String {
        self.say(&format!(
            "<message to='{to}' type='chat'><body>x</body></message>"
        ));
        self.until("type='error'");
        self.until("</message>")
    }
}
