//! What the configuration of a real server says: where it listens, for which names, and which files hold its
//! certificates. One file a server.
//!
//! Text in, values out: the files come through a [`Source`], and nothing here runs a server's own language. What is
//! read is what an administrator writes (Prosody's Lua tables, ejabberd's YAML, Kamailio's two files, HAProxy's and
//! nginx's directives, coturn's settings); what is not understood is told as a [`Remark`], never guessed. Not here:
//! files and programs (`assign`), and how a server matches names (`verify::servers`).

pub mod coturn;
pub mod ejabberd;
mod error;
pub mod federation;
pub mod haproxy;
pub mod kamailio;
pub mod nginx;
pub mod prosody;
mod text;

pub use error::ConfigError;

use crate::names::{Domain, Protocol};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Most bytes of one configuration file.
pub const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// Most files that one configuration may be made of.
pub const MAX_CONFIG_FILES: usize = 1_000;

/// How deep files may include one another.
pub const MAX_INCLUDES_DEEP: usize = 16;

/// Where configuration files come from.
pub trait Source {
    /// The text of a file; bytes that are no UTF-8 are replaced.
    ///
    /// Errors: `Unreadable`, `TooLarge`.
    fn read(&self, path: &Path) -> Result<String, ConfigError>;

    /// What lies at a path, links followed; `None`: nothing, or it may not be looked at.
    fn look(&self, path: &Path) -> Option<PathKind>;

    /// The files and folders that a pattern names, sorted: `*` and `?` in any part, never over a `/`. Without a
    /// wildcard, the path itself where it is there.
    fn expand(&self, pattern: &Path) -> Vec<PathBuf>;

    /// What lies in a folder, sorted, names with a leading dot left out; nothing where there is no such folder.
    ///
    /// Errors: `Unreadable`, where the source can tell.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
        Ok(self.expand(&folder.join("*")))
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
}

/// A place in a configuration: `/etc/nginx/nginx.conf:12`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A socket that a server listens on for TLS or STARTTLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where; an unspecified address for all.
    pub address: SocketAddr,
    /// The names that are answered for on this socket alone; `None`: every host of the server that fits the protocol.
    pub names: Option<Vec<Domain>>,
    /// Where that stands; `None`: it is the server's default.
    pub place: Option<Place>,
}

/// A name that a server answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name.
    pub name: Domain,
    /// What it is there.
    pub kind: HostKind,
    /// Where that stands.
    pub place: Place,
}

/// What a name is to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKind {
    /// An XMPP domain with users, or a name that is served as such.
    Domain,
    /// A component: it talks to other servers and has no users.
    Component,
}

/// One pair of files that a server reads a certificate and its key from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateUse {
    /// The file with the leaf; absolute, as the server would open it.
    pub certificate: PathBuf,
    /// The file with the key; the same as `certificate` where one file holds both.
    pub key: PathBuf,
    /// The names it is shown for, as written, `*.` and a leading dot kept; empty: for every name without another.
    pub names: Vec<String>,
    /// Whether it is shown to clients, or as a client to others.
    pub side: Side,
    /// Where that stands.
    pub place: Place,
}

/// In which part of a handshake a certificate is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To those who connect.
    Server,
    /// To those it connects to.
    Client,
    /// Both.
    Both,
}

/// What was not understood, or is worth knowing about how a configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub place: Place,
    /// What, in words that can stand after the place.
    pub what: String,
}

/// What all servers have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// Where it listens.
    pub listeners: Vec<Listening>,
    /// The names it answers for; empty where the server has no such list (HAProxy, nginx's stream, coturn).
    pub hosts: Vec<Host>,
    /// The certificates it reads, in the order they stand.
    pub certificates: Vec<CertificateUse>,
    /// What was not understood.
    pub remarks: Vec<Remark>,
    /// Every file that was read, the main one first.
    pub files: Vec<PathBuf>,
}

impl Configured {
    /// Whether clients of XMPP connect to it.
    pub fn has_clients(&self) -> bool {
        let mut protocols = self.listeners.iter().map(|one| one.protocol);
        protocols.any(|one| matches!(one, Protocol::Xmpp | Protocol::XmppsClient))
    }
}

/// One file of a configuration as it is and as it would have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// Its text as it was read.
    pub before: String,
    /// Its text with the change; every other byte the same.
    pub after: String,
    /// Why, in words: `a profile for fabrikam.com`.
    pub why: String,
}
