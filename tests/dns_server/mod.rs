//! A real name server: Knot DNS on loopback with one zone, the root, so that no delegation is needed. It is started in
//! a folder of its own and ended with the test.

#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether the zone is signed; the key is then in [`DnsServer::anchor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Plain,
    Signed,
}

pub struct DnsServer {
    child: Child,
    folder: tempfile::TempDir,
    pub address: SocketAddr,
}

impl DnsServer {
    /// Serves these lines of a zone file below `.`: `edge.contoso.com. A 127.0.0.1`.
    pub fn start(zone: Zone, records: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display().to_string();
        let address = free();
        let signing = match zone {
            Zone::Plain => "",
            Zone::Signed => "    dnssec-signing: on\n    dnssec-policy: manual\n",
        };
        let config = format!(
            "server:\n  rundir: {at}\n  listen: {}@{}\nlog:\n  - target: stderr\n    any: warning\n\
             database:\n  storage: {at}/db\n\
             policy:\n  - id: manual\n    manual: on\n    algorithm: ecdsap256sha256\n    single-type-signing: on\n\
             zone:\n  - domain: .\n    file: {at}/root.zone\n{signing}",
            address.ip(),
            address.port()
        );
        std::fs::create_dir(folder.path().join("db")).unwrap();
        std::fs::write(folder.path().join("knot.conf"), config).unwrap();
        write_zone(folder.path(), 1, records);
        if zone == Zone::Signed {
            let keymgr = |words: &[&str]| {
                let ran = Command::new("keymgr")
                    .current_dir(folder.path())
                    .args(["-c", "knot.conf", "."])
                    .args(words)
                    .output()
                    .expect("keymgr runs (package knot)");
                assert!(ran.status.success(), "{ran:?}");
                ran.stdout
            };
            keymgr(&["generate", "algorithm=13", "ksk=yes", "zsk=yes"]);
            std::fs::write(folder.path().join("anchor"), keymgr(&["dnskey"])).unwrap();
        }
        let child = Command::new("knotd")
            .current_dir(folder.path())
            .args(["-c", "knot.conf"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .expect("knotd runs (package knot)");
        let mut server = Self {
            child,
            folder,
            address,
        };
        server.wait();
        server
    }

    /// Serves these lines instead, once they are loaded.
    pub fn replace(&self, records: &str) {
        write_zone(self.folder.path(), 2, records);
        let ran = Command::new("kill")
            .args(["-HUP", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(ran.success());
    }

    /// A file of the DNSKEY of the signed zone, for `--trust-anchor`.
    pub fn anchor(&self) -> PathBuf {
        self.folder.path().join("anchor")
    }

    /// Until the SOA record of the root is answered.
    fn wait(&mut self) {
        let question = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01";
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut answer = [0; 512];
        loop {
            let _ = socket.send_to(question, self.address);
            // NOERROR with at least one answer.
            if let Ok(length) = socket.recv(&mut answer)
                && length > 12
                && answer[3] & 15 == 0
                && answer[7] > 0
            {
                return;
            }
            let log =
                || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert_eq!(
                self.child.try_wait().unwrap(),
                None,
                "knotd ended: {}",
                log()
            );
            assert!(
                Instant::now() < deadline,
                "knotd does not answer: {}",
                log()
            );
        }
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_zone(folder: &std::path::Path, serial: u32, records: &str) {
    let head =
        format!("$TTL 60\n@ SOA ns. host. {serial} 60 60 60 60\n@ NS ns.\nns. A 127.0.0.1\n");
    std::fs::write(folder.join("root.zone"), format!("{head}{records}\n")).unwrap();
}

/// An address whose port is free for UDP and TCP.
pub fn free() -> SocketAddr {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
