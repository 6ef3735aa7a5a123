//! A real server of the packages, on loopback, with a folder and ports of its own; ended when it is dropped.

use super::ports::free_addresses;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use time::OffsetDateTime;

/// The domain that is served.
pub const HOST: &str = "example.test";

/// How long a start may take; ejabberd needs about two seconds on an idle machine.
const START: Duration = Duration::from_secs(60);

/// A certificate with its key.
pub struct Pair {
    pub pem: String,
    pub key_pem: String,
    pub der: Vec<u8>,
}

/// Self-signed, for [`HOST`].
pub fn pair() -> Pair {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    // Prosody takes no file whose certificate is out of its time.
    params.not_before = OffsetDateTime::now_utc() - time::Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + time::Duration::days(30);
    let certificate = params.self_signed(&key).unwrap();
    Pair {
        pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        der: certificate.der().to_vec(),
    }
}

pub struct Server {
    child: Child,
    folder: TempDir,
    /// Listener with STARTTLS.
    pub starttls: SocketAddr,
    /// Listener with TLS at once.
    pub direct: SocketAddr,
}

impl Server {
    /// Prosody, with further lines of its configuration.
    pub fn prosody(pair: &Pair, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["certs", "data"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        put_prosody(root, pair);
        let ports = free_addresses(2);
        let config = root.join("prosody.cfg.lua");
        let text = format!(
            "run_as_root = true\n\
             pidfile = \"{root}/prosody.pid\"\n\
             data_path = \"{root}/data\"\n\
             certificates = \"{root}/certs\"\n\
             interfaces = {{ \"127.0.0.1\" }}\n\
             s2s_ports = {{ {} }}\n\
             s2s_direct_tls_ports = {{ {} }}\n\
             modules_enabled = {{ \"saslauth\"; \"tls\"; \"dialback\"; \"s2s\" }}\n\
             modules_disabled = {{ \"c2s\"; \"http\"; \"offline\" }}\n\
             s2s_require_encryption = true\n\
             {extra}\n\
             log = {{ debug = \"{root}/log\" }}\n\
             VirtualHost \"{HOST}\"\n",
            ports[0].port(),
            ports[1].port(),
            root = root.display(),
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("prosody");
        command.arg("--config").arg(&config).arg("-F");
        Self::start(command, folder, &ports)
    }

    /// ejabberd, as a node without distribution: no name, no epmd, no cookie.
    pub fn ejabberd(pair: &Pair, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let pem = root.join("one.pem");
        std::fs::write(&pem, format!("{}{}", pair.pem, pair.key_pem)).unwrap();
        let ports = free_addresses(2);
        let config = root.join("ejabberd.yml");
        let text = format!(
            "hosts: [{HOST}]\n\
             loglevel: info\n\
             certfiles: [\"{pem}\"]\n\
             ca_file: \"{pem}\"\n\
             s2s_use_starttls: required\n\
             listen:\n  \
             - {{port: {}, ip: \"127.0.0.1\", module: ejabberd_s2s_in}}\n  \
             - {{port: {}, ip: \"127.0.0.1\", module: ejabberd_s2s_in, tls: true}}\n\
             {extra}\n",
            ports[0].port(),
            ports[1].port(),
            pem = pem.display(),
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("erl");
        command
            .args(["-noinput", "-mnesia", "dir"])
            .arg(format!("{:?}", root.join("spool")))
            .args(["-s", "ejabberd"])
            .env("ERL_LIBS", erlang_libraries())
            .env("EJABBERD_CONFIG_PATH", &config)
            .env("EJABBERD_LOG_PATH", root.join("log"))
            .env("ERL_CRASH_DUMP", root.join("crash"))
            .env("HOME", root);
        Self::start(command, folder, &ports)
    }

    fn start(mut command: Command, folder: TempDir, ports: &[SocketAddr]) -> Self {
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        let mut server = Self {
            child,
            folder,
            starttls: ports[0],
            direct: ports[1],
        };
        let deadline = Instant::now() + START;
        while !ports.iter().all(|port| TcpStream::connect(port).is_ok()) {
            let ended = server.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "it does not listen: {ended:?}\n{}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Puts a pair in place of the old one and has Prosody read it.
    pub fn replace(&self, pair: &Pair) {
        put_prosody(self.folder.path(), pair);
        let id = i32::try_from(self.child.id()).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::HUP).unwrap();
    }

    /// What it said, for a test that fails.
    pub fn log(&self) -> String {
        ["output", "log"]
            .iter()
            .filter_map(|name| std::fs::read(self.folder.path().join(name)).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn put_prosody(root: &Path, pair: &Pair) {
    for (name, text) in [("key", &pair.key_pem), ("crt", &pair.pem)] {
        let path = root.join(format!("certs/{HOST}.{name}"));
        let fresh = root.join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }
}

/// Where Debian has ejabberd: `/usr/lib`, below the machine's triplet.
fn erlang_libraries() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    folders
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            std::fs::read_dir(path).is_ok_and(|inside| {
                inside
                    .flatten()
                    .any(|entry| entry.file_name().to_string_lossy().starts_with("ejabberd-"))
            })
        })
        .expect("ejabberd is installed")
}

/// An address of 127.0.0.0/8 that is nobody else's, at the port that servers call an IP address on.
pub fn own_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id()
            .wrapping_mul(64)
            .wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let [_, one, two, three] = number.to_be_bytes();
        // Neither 127.0.0.0/16, where others are at home, nor a broadcast address.
        let address = SocketAddr::from(([127, one | 1, two, three.clamp(1, 254)], 5269));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
