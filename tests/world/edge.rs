//! An edge with an embedded gateway on free ports of 127.0.0.1, a backend that echoes, and a throw-away CA.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use super::world::World;
pub use super::world::ports::free_addresses;
use edgecert::assign::plan::Proof;
use edgecert::lab::traffic::echo_backend;
use edgecert::names::{Domain, Protocol};
use edgecert::probe::KeyKind;
use edgecert::x509::{Certificate, Fingerprint, container};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The names that each listener is asked for.
pub const LISTENERS: [(&str, Protocol, &str); 4] = [
    ("xmpp-server", Protocol::XmppServer, "contoso.com"),
    ("xmpps-server", Protocol::XmppsServer, "contoso.com"),
    ("sips", Protocol::Sips, "contoso.com"),
    ("tls", Protocol::Tls, "edge.contoso.com"),
];

/// An edge: its world, and where its gateway listens.
pub struct Edge {
    pub world: World,
    pub listeners: Vec<SocketAddr>,
}

/// A gateway that ends with the test.
pub struct Gateway(pub Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Edge {
    /// A deployment, a CA in `ca/`, and nothing requested yet.
    pub fn new() -> Self {
        let world = World::new();
        world.run(&["lab", "ca", "--out", "ca"]).ended(0);
        world.init();
        let backend = echo_backend().unwrap();
        let listeners = free_addresses(LISTENERS.len());
        let mut text = world
            .read("edgecert.toml")
            .replacen("[\"system\"]", "[\"ca/root.pem\"]", 1);
        text.push_str(
            "\n[gateway.embedded.front]\ncertificate = \"external-edge\"\nroots = [\"ca/root.pem\"]\n\
             others = { tls = \"required\", sasl = \"optional\", dialback = true }\n",
        );
        for ((word, _, _), address) in LISTENERS.iter().zip(&listeners) {
            text.push_str(&format!(
                "\n[[gateway.embedded.front.listener]]\nprotocol = \"{word}\"\nlisten = \"{address}\"\nbackend = \"{backend}\"\n"
            ));
        }
        text.push_str("\n[assign]\nprove-within = \"5s\"\n");
        world.write("edgecert.toml", text);
        Self { world, listeners }
    }

    /// An edge with these gateways, each a folder that gets copies, that nobody can prove.
    pub fn of_copies(names: &[&str]) -> Self {
        let edge = Self::new();
        let text = edge.world.read("edgecert.toml");
        let (head, _) = text.split_once("\n[gateway.embedded.front]").unwrap();
        edge.world.write("edgecert.toml", head);
        names.iter().for_each(|name| edge.add_copy(name));
        edge
    }

    /// One more of them.
    pub fn add_copy(&self, name: &str) {
        let folder = self.world.path(name);
        std::fs::create_dir(&folder).unwrap();
        let mut text = self.world.read("edgecert.toml");
        text.push_str(&format!(
            "\n[gateway.files.{name}]\ncertificate = \"external-edge\"\n"
        ));
        for (content, file) in [("fullchain", "edge.pem"), ("privkey", "edge.key")] {
            text.push_str(&format!(
                "\n[[gateway.files.{name}.destination]]\ncontent = \"{content}\"\npath = \"{}\"\n",
                folder.join(file).display()
            ));
        }
        self.world.write("edgecert.toml", text);
    }

    /// An edge whose gateway runs and serves a first generation.
    pub fn assigned() -> (Self, Gateway) {
        let edge = Self::new();
        edge.generation(&[]);
        let gateway = edge.start();
        edge.world.run(&["assign"]).ended(0);
        (edge, gateway)
    }

    /// Requests, signs and imports one generation; `more` goes to `lab sign`.
    pub fn generation(&self, more: &[&str]) -> Certificate {
        let reply = self.signed(&["--new-key"], more);
        self.world.run(&["import", &reply]).ended(0);
        self.certificate(&reply)
    }

    /// Requests with these flags, and signs: the reply's name, not imported yet; `more` goes to `lab sign`.
    pub fn signed(&self, flags: &[&str], more: &[&str]) -> String {
        let made = self
            .world
            .run(&[&["request", "external-edge", "--json"], flags].concat())
            .ended(0)
            .json();
        let id = made["result"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{made:#}"))
            .to_owned();
        let csr = format!("edgecert.state/requests/external-edge/{id}/csr.pem");
        let reply = format!("reply-{id}.pem");
        let mut arguments = vec!["lab", "sign", &csr, "--ca", "ca", "--out", &reply];
        arguments.extend(more);
        self.world.run(&arguments).ended(0);
        reply
    }

    /// Starts the gateway and waits until it is ready: a socket of one that is just going answers as well.
    pub fn start(&self) -> Gateway {
        let log = std::fs::File::create(self.world.path("gateway.log")).unwrap();
        let child = self
            .world
            .command(&["gateway", "run", "front", "--verbose"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let gateway = Gateway(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(self.socket()).is_err()
            || !self.world.read("gateway.log").contains("ready")
        {
            assert!(
                Instant::now() < deadline,
                "{}",
                self.world.read("gateway.log")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        gateway
    }

    pub fn socket(&self) -> PathBuf {
        self.world.path("edgecert.gateway/front/front.sock")
    }

    /// One proof a listener.
    pub fn proofs(&self) -> Vec<Proof> {
        LISTENERS
            .iter()
            .zip(&self.listeners)
            .map(|((_, protocol, name), address)| Proof {
                protocol: *protocol,
                address: *address,
                name: Some(Domain::parse(name).unwrap()),
                key_kind: KeyKind::Any,
                outbound: None,
            })
            .collect()
    }

    /// The first certificate of a file.
    pub fn certificate(&self, name: &str) -> Certificate {
        let bytes = std::fs::read(self.world.path(name)).unwrap();
        container::read(&bytes, None)
            .unwrap()
            .certificates
            .remove(0)
            .1
    }

    /// What `live/` points to.
    pub fn live(&self) -> Option<String> {
        std::fs::read_link(self.world.path("edgecert.state/live/external-edge"))
            .ok()
            .map(|target| target.to_string_lossy().into_owned())
    }

    /// The leaf that every listener shows; they must agree.
    pub fn served(&self) -> Fingerprint {
        use edgecert::assign::prove::{Seen, look};
        let seen: Vec<Seen> = self.proofs().iter().map(look).collect();
        match seen.first() {
            Some(Seen::Leaf(leaf, _)) => {
                for other in &seen {
                    assert!(
                        matches!(other, Seen::Leaf(one, _) if one == leaf),
                        "{seen:?}"
                    );
                }
                *leaf
            }
            Some(Seen::Dark(_)) | None => panic!("{seen:?}\n{}", self.world.read("gateway.log")),
        }
    }
}
