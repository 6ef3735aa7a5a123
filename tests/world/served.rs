//! A CA of the tests' own making, its leaves, and an openssl server that shows them.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use crate::world::World;
use edgecert::names::Identifier;
use edgecert::x509::issue::{IssueSpec, Issuer, issue};
use edgecert::x509::{Certificate, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use time::{Duration, OffsetDateTime};

/// A CA of our own making, so that odd certificates can be had.
pub struct Ca {
    pub key: PrivateKey,
    pub root: Certificate,
}

/// A leaf to be: names, and its life in days from now.
pub struct Leaf<'a> {
    pub names: &'a [&'a str],
    pub from: i64,
    pub to: i64,
}

pub const USUAL: Leaf<'static> = Leaf {
    names: &["dns:edge.contoso.com", "dns:contoso.com"],
    from: -10,
    to: 90,
};

fn spec(name: &str, from: i64, to: i64) -> IssueSpec {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    IssueSpec {
        serial: vec![0x21, 0x43],
        subject: Subject::named(name),
        names: Vec::new(),
        not_before: now + Duration::days(from),
        // An hour more, so that no test runs across the end of a whole day.
        not_after: now + Duration::days(to) + Duration::hours(to.signum()),
        ca: None,
        key_usage: Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        }),
        key_purposes: vec![KeyPurpose::ServerAuth],
        ca_issuers: None,
    }
}

fn ca_spec(name: &str, from: i64, to: i64) -> IssueSpec {
    IssueSpec {
        ca: Some(None),
        key_usage: Some(KeyUsage {
            key_cert_sign: true,
            crl_sign: true,
            ..KeyUsage::default()
        }),
        key_purposes: Vec::new(),
        ..spec(name, from, to)
    }
}

impl Ca {
    pub fn new(world: &World) -> Self {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let own = Issuer::own(&key);
        let spec = ca_spec("Example Root X1", -100, 3650);
        let root = issue(&spec, key.spki_der(), &own).unwrap();
        world.write("root.pem", root.to_pem());
        Self { key, root }
    }

    /// An intermediate with such a life in days, which signs as this one does; writes `NAME.pem`.
    pub fn intermediate(&self, world: &World, name: &str, from: i64, to: i64) -> Self {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let issuer = Issuer {
            certificate: Some(&self.root),
            key: &self.key,
        };
        let spec = ca_spec("Example CA E5", from, to);
        let root = issue(&spec, key.spki_der(), &issuer).unwrap();
        world.write(&format!("{name}.pem"), root.to_pem());
        Self { key, root }
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub fn leaf(&self, world: &World, name: &str, leaf: &Leaf<'_>) -> Certificate {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = IssueSpec {
            names: leaf
                .names
                .iter()
                .map(|name| Identifier::parse_typed(name).unwrap())
                .collect(),
            ..spec("edge.contoso.com", leaf.from, leaf.to)
        };
        let issuer = Issuer {
            certificate: Some(&self.root),
            key: &self.key,
        };
        let certificate = issue(&spec, key.spki_der(), &issuer).unwrap();
        world.write(&format!("{name}.pem"), certificate.to_pem());
        world.write(&format!("{name}.key"), key.to_pem(None).unwrap().as_bytes());
        certificate
    }
}

/// A TLS server of the openssl command, ended with the test.
pub struct Server(pub Child, pub u16);

impl Server {
    /// On a free port of 127.0.0.1.
    pub fn start(world: &World, name: &str, more: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        Self::at(world, name, address, more)
    }

    /// At an address, with `NAME.pem` and `NAME.key`.
    pub fn at(world: &World, name: &str, address: SocketAddr, more: &[&str]) -> Self {
        let child = std::process::Command::new("openssl")
            .current_dir(world.folder())
            .args(["s_server", "-quiet", "-accept", &address.to_string()])
            .args(["-cert", &format!("{name}.pem")])
            .args(["-key", &format!("{name}.key")])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child, address.port());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(
                std::time::Instant::now() < deadline,
                "openssl s_server does not listen"
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
