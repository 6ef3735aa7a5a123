//! Why a gateway cannot start.

use crate::explain::{Explain, Explanation, os_words, printable};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a gateway does not run. A pair that cannot be served is no such reason: it listens all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// A listener cannot be bound.
    #[error("cannot listen on {listen}")]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The control socket cannot be made.
    #[error("cannot make the control socket {}", path.display())]
    Control {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something that is no socket lies where the control socket should be.
    #[error("{} is not a socket", path.display())]
    NotASocket {
        /// Where.
        path: PathBuf,
    },
    /// Another process answers at the control socket, or holds its lock.
    #[error("the gateway is already running")]
    AlreadyRunning {
        /// The control socket.
        path: PathBuf,
        /// Its process, if it said.
        pid: Option<u32>,
    },
    /// The gateway's own folder cannot be made or read.
    #[error("cannot use the folder {}", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No TLS configuration can be built at all.
    #[error("cannot build the TLS configuration")]
    Tls(#[source] rustls::Error),
}

impl Explain for GatewayError {
    fn explain(&self) -> Explanation {
        match self {
            GatewayError::Bind { listen, source } => Explanation {
                code: "gateway.bind",
                what: format!("the gateway cannot listen on {listen}"),
                place: format!("listener {listen}"),
                why: os_words(source),
                mend: if source.kind() == io::ErrorKind::AddrInUse {
                    format!(
                        "see who listens there with `ss -ltnp 'sport = :{}'`, stop it, or change `listen`",
                        listen.port()
                    )
                } else if source.kind() == io::ErrorKind::PermissionDenied {
                    "give the service CAP_NET_BIND_SERVICE, or use systemd's socket activation"
                        .to_owned()
                } else {
                    "change `listen` to an address of this machine (`ip address` shows them)"
                        .to_owned()
                },
            },
            GatewayError::Control { path, source } => Explanation {
                code: "gateway.control-socket",
                what: "the gateway's control socket cannot be made".to_owned(),
                place: printable(&path.display().to_string()),
                why: os_words(source),
                mend: "let the gateway's user write in that folder, or set `socket` in [gateway.embedded.NAME]"
                    .to_owned(),
            },
            GatewayError::NotASocket { path } => Explanation {
                code: "gateway.not-a-socket",
                what: "something else lies where the control socket should be".to_owned(),
                place: printable(&path.display().to_string()),
                why: "it is no socket, so it is not removed".to_owned(),
                mend: "move it away, or set `socket` in [gateway.embedded.NAME]".to_owned(),
            },
            GatewayError::AlreadyRunning { path, pid } => Explanation {
                code: "gateway.already-running",
                what: match pid {
                    Some(pid) => format!("this gateway is already running, as process {pid}"),
                    None => "this gateway is already running".to_owned(),
                },
                place: printable(&path.display().to_string()),
                why: "its control socket answers or is locked".to_owned(),
                mend: match pid {
                    Some(pid) => format!(
                        "a new certificate needs no restart (`edgecert assign`); to restart it, `kill {pid}` first"
                    ),
                    None => "see `edgecert gateway status`, or who holds the socket with `ss -lxp`"
                        .to_owned(),
                },
            },
            GatewayError::Directory { path, source } => Explanation {
                code: "gateway.directory",
                what: "the gateway's own folder cannot be used".to_owned(),
                place: printable(&path.display().to_string()),
                why: os_words(source),
                mend: "make it for the gateway's user with mode 0700, or set `directory` in [gateway.embedded.NAME]"
                    .to_owned(),
            },
            GatewayError::Tls(source) => Explanation {
                code: "gateway.tls",
                what: "no TLS configuration can be built".to_owned(),
                place: String::new(),
                why: printable(&source.to_string()),
                mend: "this is a fault of edgecert; please report it with `edgecert doctor --json`".to_owned(),
            },
        }
    }
}
