//! Two servers with one user each, a gateway in front of one, and a name server that leads to them.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

pub mod haproxy;

use crate::dns_server::{DnsServer, Zone};
use crate::servers::process::{Process, command};
use crate::servers::side::{Kind, Plan, Side};
use crate::servers::user::User;
use crate::servers::{Lab, POLL};
use crate::world::ports::free_addresses;
use edgecert::x509::KeyType;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// The domain behind the gateway, and the one that comes in.
const HERE: &str = "edge.example";
pub const PEER: &str = "peer.example";

const STARTS_WITHIN: Duration = Duration::from_secs(60);

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

impl Field {
    /// The peer is a partner with these settings.
    pub fn new(settings: &str, proof: Proof) -> Self {
        let dialback = !settings.contains("sasl = \"required\"");
        let partner =
            format!("[[partner]]\ndomain = \"{PEER}\"\n{settings}\ndialback = {dialback}\n");
        Self::with(&partner, proof, Kind::Prosody)
    }

    /// The same with ejabberd behind the gateway.
    pub fn ejabberd(settings: &str) -> Self {
        let partner = format!("[[partner]]\ndomain = \"{PEER}\"\n{settings}\ndialback = true\n");
        Self::with(&partner, Proof::None, Kind::Ejabberd)
    }

    /// The peer is no partner, and only partners are let in.
    pub fn strangers() -> Self {
        Self::with("", Proof::Common, Kind::Prosody)
    }

    fn with(partners: &str, proof: Proof, kind: Kind) -> Self {
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
        let (settings, header) = match kind {
            Kind::Prosody => (
                "s2s_require_encryption = false\ns2s_secure_auth = false\n",
                "",
            ),
            // It reads the PROXY header, and its addresses alone.
            Kind::Ejabberd => (
                "s2s_use_starttls: optional\n",
                "    use_proxy_protocol: true\n",
            ),
        };
        let own = lab.pki.self_signed(HERE);
        let behind = Plan {
            domain: HERE,
            kind,
            servers: backend,
            clients: here_clients,
            node,
            resolver: dns.address,
            pair: &own,
            settings,
            listener: header,
        };
        let proved = match proof {
            Proof::Common => lab.pki.generation(&[PEER], KeyType::Ec256),
            Proof::None => lab.pki.self_signed(PEER),
        };
        let peer = Plan {
            domain: PEER,
            kind: Kind::Prosody,
            servers: peer,
            clients: peer_clients,
            pair: &proved,
            settings: "s2s_require_encryption = true\ns2s_secure_auth = false\n",
            listener: "",
            ..behind
        };
        let [behind, peer] = [behind, peer].map(|plan| Side::start(&lab, &plan));
        let listener = format!(
            "protocol = \"xmpp-server\"\nlisten = \"{front}\"\nbackend = \"{backend}\"\nproxy-protocol = {}\n",
            kind == Kind::Ejabberd
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
        field.behind.wait();
        field.peer.wait();
        field
    }

    /// A user of each.
    pub fn users(&self) -> (User, User) {
        (self.behind.user(), self.peer.user())
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
