//! The face every server integration shows; one file a server.
//!
//! `embedded` speaks to a control socket. All others read files: [`on_files`] writes them and puts them back, and the
//! file of each server says which they are, what to look at before, and how it is made to read them again.

pub mod coturn;
pub mod ejabberd;
pub mod embedded;
pub mod ending;
pub mod files;
mod hands;
pub mod haproxy;
pub mod kamailio;
pub mod nginx;
pub mod on_files;
pub(in crate::assign) mod on_server;
mod pid_file;
pub mod prosody;
mod runtime;

pub use ending::{EndSessions, Ending};
pub use hands::{Hands, Said};

use super::error::AssignError;
use crate::deployment::{Embedded, Gateway, GatewayKind};
use crate::findings::Finding;
use crate::names::{Domain, Presented, Slug};
use crate::servers::{Change, Configured};
use crate::x509::Chain;
use embedded::EmbeddedTarget;
use on_files::{FilesTarget, OnFiles};
use on_server::is_covered;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// What a target is given: a generation ready to be served.
#[derive(Debug, Clone)]
pub struct Material {
    /// The lineage.
    pub certificate: Slug,
    /// Its number.
    pub generation: u32,
    /// Leaf and intermediates, PEM.
    pub fullchain_pem: String,
    /// PKCS#8 PEM, not encrypted.
    pub key_pem: SecretKey,
    /// Codes of findings that were let through knowingly.
    pub accepted: Vec<String>,
}

/// A private key in PEM; silent in `Debug`, zeroised.
#[derive(Clone)]
pub struct SecretKey(pub Zeroizing<String>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// What is known of an assignment when it is planned; no key is in it.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The lineage.
    pub certificate: Slug,
    /// Leaf and intermediates that are to be served.
    pub chain: Chain,
    /// SHA-256 in hex of what we last wrote to a path, for this gateway.
    pub written: BTreeMap<PathBuf, String>,
    /// Whether the servers' own configuration may be changed.
    pub config: WriteConfig,
    /// Whether a command that was killed began it.
    pub run: Run,
    /// The moment of the command.
    pub now: OffsetDateTime,
}

impl Offer {
    /// The names in the leaf.
    pub fn names(&self) -> &[Presented] {
        self.chain.leaf.facts().names.as_deref().unwrap_or_default()
    }

    /// The domains that its DNS names stand for.
    pub fn domains(&self) -> Vec<Domain> {
        let names = self.names().iter();
        names.filter_map(Presented::dns_domain).collect()
    }

    /// The hosts of a server that the leaf covers.
    pub fn covered(&self, server: &Configured) -> Vec<Domain> {
        let hosts = server.hosts.iter().map(|host| &host.name);
        hosts
            .filter(|host| is_covered(host, self.names()))
            .cloned()
            .collect()
    }
}

/// Whether an assignment is begun or taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Run {
    /// It begins now.
    #[default]
    First,
    /// A command that was killed began it: what lies there may be half of it.
    Resumed,
}

/// What to do where a server's configuration needs a line for a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteConfig {
    /// Show it.
    #[default]
    Show,
    /// Write it, and take it back on failure.
    Write,
}

/// Asked while a server is waited for: whether to stop waiting, with [`AssignError::Interrupted`].
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// One step of a transaction at one gateway.
pub struct Job<'a> {
    /// Names the transaction at the gateway.
    pub transaction: &'a str,
    /// The lineage.
    pub certificate: &'a Slug,
    /// What is to be served; `None`: nothing under this certificate's name. The key stays in here.
    pub material: Option<&'a Material>,
    /// `live/<cert>` of the state: `RENEWED_LINEAGE`, as certbot has it.
    pub live: &'a Path,
    /// The names in the certificate: `RENEWED_DOMAINS`.
    pub domains: &'a [String],
    /// Whether to stop waiting.
    pub stop: Stop<'a>,
}

/// Keeps files as they are before they are changed, so that a kill at any moment can be undone.
pub trait Keeper {
    /// Keeps what lies at a path, unless it was kept before.
    fn keep(&mut self, path: &Path) -> Result<(), AssignError>;
    /// Gives a path back what was kept; nothing where nothing was.
    fn put_back(&mut self, path: &Path) -> Result<(), AssignError>;
    /// Gives every path back what was kept, whichever gateway it belongs to.
    fn put_all_back(&mut self) -> Result<(), AssignError>;
}

/// A server that takes a certificate. Every call may block for as long as the server needs, within the target's own
/// limits.
pub trait Target: std::fmt::Debug {
    /// What an assignment does here, in words, in order.
    fn actions(&self) -> Vec<String>;

    /// What the server's own configuration says; `None`: it has none that tells.
    fn configured(&self) -> Option<&Configured> {
        None
    }

    /// What its configuration needs so that every name of the certificate is served.
    fn changes(&self) -> &[Change] {
        &[]
    }

    /// The files it writes, links followed.
    fn destinations(&self) -> Vec<&Path> {
        Vec::new()
    }

    /// Whether it can be assigned to now, and what is to be known before; nothing is touched.
    ///
    /// A finding of level error bars the assignment unless it is accepted.
    fn pre_check(&self, stop: Stop<'_>) -> Result<Vec<Finding>, AssignError>;

    /// Whether the server, as this user with these groups, could read what is to be written.
    fn is_readable_by(&self, _user: u32, _groups: &[u32]) -> Result<(), AssignError> {
        Ok(())
    }

    /// Whether what lies there already is what an assignment would put there.
    fn is_in_place(&self, _material: &Material) -> bool {
        true
    }

    /// Validates the material at the server where it can; nothing that is served changes.
    fn prepare(&self, job: &Job<'_>) -> Result<(), AssignError>;

    /// Makes what was prepared live. If interrupted, whether it did is not known.
    fn commit(&self, job: &Job<'_>, keeper: &mut dyn Keeper) -> Result<(), AssignError>;

    /// What a commit has done, in words.
    fn committed(&self) -> &'static str {
        "committed"
    }

    /// Makes it serve what it served before; `job` holds the generation before, where there is one.
    fn restore(&self, job: &Job<'_>, keeper: &mut dyn Keeper) -> Result<(), AssignError>;

    /// Forgets what was prepared; best effort.
    fn abort(&self, transaction: &str);

    /// What ends the connections that keep the certificate of before, in order; empty: nothing is known that does.
    fn end_sessions(&self) -> Vec<EndSessions> {
        Vec::new()
    }

    /// Does one of them; nothing where it is to be done by hand.
    fn end(&self, _one: &EndSessions, _stop: Stop<'_>) -> Result<(), AssignError> {
        Ok(())
    }

    /// SHA-256 in hex of what a commit writes, by path.
    fn written(&self, _material: &Material) -> BTreeMap<PathBuf, String> {
        BTreeMap::new()
    }
}

/// The target of a gateway, with its server's configuration read.
///
/// Errors: a configuration that cannot be read, an owner that this machine does not know, a file that cannot be a
/// destination.
pub fn target(gateway: &Gateway, offer: Offer) -> Result<Box<dyn Target>, AssignError> {
    let name = gateway.name.clone();
    Ok(match server(gateway)? {
        How::Files(server) => {
            let root = gateway.kind.server().and_then(|table| table.root.clone());
            let root = root.unwrap_or_else(|| "/".into());
            Box::new(FilesTarget::new(name, root, server, offer)?)
        }
        How::Socket(embedded) => Box::new(EmbeddedTarget::new(name, embedded.clone())),
    })
}

/// How a kind of server takes a certificate.
#[derive(Debug)]
pub enum How<'a> {
    /// From files.
    Files(Box<dyn OnFiles>),
    /// On its control socket.
    Socket(&'a Embedded),
}

/// The server of a gateway, with its configuration read.
pub fn server(gateway: &Gateway) -> Result<How<'_>, AssignError> {
    let name = gateway.name.clone();
    Ok(How::Files(match &gateway.kind {
        GatewayKind::Embedded(embedded) => return Ok(How::Socket(embedded)),
        GatewayKind::Prosody(own) => Box::new(prosody::Prosody::new(name, own.clone())?),
        GatewayKind::Ejabberd(own) => Box::new(ejabberd::Ejabberd::new(name, own.clone())?),
        GatewayKind::Kamailio(own) => Box::new(kamailio::Kamailio::new(name, own.clone())?),
        GatewayKind::Haproxy(own) => Box::new(haproxy::Haproxy::new(name, own.clone())?),
        GatewayKind::Nginx(own) => Box::new(nginx::Nginx::new(name, own.clone())?),
        GatewayKind::Coturn(own) => Box::new(coturn::Coturn::new(name, own.clone())?),
        GatewayKind::Files(own) => Box::new(files::OtherServer::new(name, own.clone())),
    }))
}
