//! A TLS server of the test itself, for gateways of kind `files`: it shows what lies in one file, which its reload
//! command puts there, and nothing where that is broken. It keeps no session to be resumed.

use super::harm::Harm;
use super::{DOMAIN, Lab, Listener, POLL};
use edgecert::names::Protocol;
use edgecert::x509::KeyType;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// For a peer to go on with its handshake.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server that ends when the file `dead` is there, or when it is dropped.
pub struct Mini {
    pub listener: Listener,
    folder: PathBuf,
    greeted: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Two destinations, their server, and a reload command that can be harmed.
pub struct Site {
    pub server: Mini,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub harm: Harm,
}

impl Mini {
    /// Listens with `SO_REUSEPORT`, so that another socket of this user may stand beside it.
    pub fn start(folder: &Path, address: SocketAddr) -> Self {
        // A program that another test starts meanwhile must not keep the port.
        let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
        let made = socket_with(AddressFamily::INET, kind, flags, None).unwrap();
        sockopt::set_socket_reuseaddr(&made, true).unwrap();
        sockopt::set_socket_reuseport(&made, true).unwrap();
        bind(&made, &address).unwrap();
        listen(&made, 128).unwrap();
        let accepting = TcpListener::from(made);
        accepting.set_nonblocking(true).unwrap();
        let greeted = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let (own, count, ends) = (folder.to_owned(), Arc::clone(&greeted), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) && !own.join("dead").exists() {
                match accepting.accept() {
                    Ok((stream, _)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        // A peer that goes away ends its handshake; there is nobody to tell.
                        let _ = greet(stream, &own.join("loaded.pem"));
                    }
                    Err(_) => std::thread::sleep(POLL / 4),
                }
            }
        });
        let reached = SocketAddr::from(([127, 0, 0, 1], address.port()));
        Self {
            listener: Listener::new(Protocol::Tls, reached, DOMAIN),
            folder: folder.to_owned(),
            greeted,
            over,
            thread: Some(thread),
        }
    }

    /// Connections so far.
    pub fn greeted(&self) -> usize {
        self.greeted.load(Ordering::Relaxed)
    }
}

impl Drop for Mini {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn greet(mut stream: TcpStream, file: &Path) -> Option<()> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let pem = std::fs::read(file).ok()?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .ok()?;
    let key = PrivateKeyDer::from_pem_slice(&pem).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .ok()?;
    config.send_tls13_tickets = 0;
    let mut session = ServerConnection::new(Arc::new(config)).ok()?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).ok()?;
    }
    session.send_close_notify();
    session.complete_io(&mut stream).ok().map(drop)
}

impl Site {
    /// A first pair that lay there before and is served, below a folder of the world.
    pub fn new(lab: &Lab, listens: SocketAddr) -> Self {
        let folder = lab.world.path("site");
        std::fs::create_dir_all(folder.join("tls")).unwrap();
        let (certificate, key) = (folder.join("tls/edge.pem"), folder.join("tls/edge.key"));
        let before = lab.generation(KeyType::Ec256);
        std::fs::write(&certificate, &before.fullchain).unwrap();
        std::fs::write(&key, &before.key).unwrap();
        std::fs::write(folder.join("loaded.pem"), before.combined()).unwrap();
        let harm = Harm::script(
            lab,
            &format!(
                "cd '{}' || exit 9\necho reload >> reloads\ncat tls/edge.pem tls/edge.key > loading.pem && mv loading.pem loaded.pem",
                folder.display()
            ),
        );
        Self {
            server: Mini::start(&folder, listens),
            certificate,
            key,
            harm,
        }
    }

    /// Both destinations.
    pub fn files(&self) -> [&Path; 2] {
        [&self.key, &self.certificate]
    }

    /// `[gateway.files.site]`; `more` are keys of its table.
    pub fn gateway(&self, prove: SocketAddr, more: &str) -> String {
        format!(
            "\n[gateway.files.site]\ncertificate = \"external-edge\"\nreload = {:?}\n{more}\
             prove = [{{ protocol = \"tls\", address = \"{prove}\", names = [\"{DOMAIN}\"] }}]\n\
             \n[[gateway.files.site.destination]]\ncontent = \"privkey\"\npath = {:?}\n\
             \n[[gateway.files.site.destination]]\ncontent = \"fullchain\"\npath = {:?}\n",
            self.harm.words(),
            self.key,
            self.certificate
        )
    }

    /// Takes a killed server's place.
    pub fn start_again(&mut self, listens: SocketAddr) {
        let folder = self.server.folder.clone();
        let _ = self.server.thread.take().map(JoinHandle::join);
        std::fs::remove_file(folder.join("dead")).unwrap();
        self.server = Mini::start(&folder, listens);
    }
}
