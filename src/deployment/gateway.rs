//! `[gateway.KIND.NAME]`: what serves the certificates.

use super::RootsSource;
use crate::names::{Domain, Protocol, Slug};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `[gateway.KIND.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its name, unique over all kinds.
    pub name: Slug,
    /// The certificates it serves; exactly one except for `embedded`.
    pub certificates: Vec<Slug>,
    /// Listeners on which the new leaf must be proved; empty: read from the server's configuration.
    pub prove: Vec<Listener>,
    /// What it is.
    pub kind: GatewayKind,
}

/// A listener to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where.
    pub address: SocketAddr,
    /// Names to prove; `None`: every name of the certificate that fits the protocol.
    pub names: Option<Vec<Domain>>,
}

/// The kinds of gateway, each with its own keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayKind {
    /// `edgecert gateway run`.
    Embedded(Embedded),
    /// Prosody.
    Prosody(FileTarget),
    /// ejabberd.
    Ejabberd(FileTarget),
    /// Kamailio.
    Kamailio(FileTarget),
    /// HAProxy.
    Haproxy(FileTarget),
    /// nginx.
    Nginx(FileTarget),
    /// coturn.
    Coturn(FileTarget),
    /// Anything else: destinations and a reload command.
    Files(Files),
}

/// The word in the header of a [`GatewayKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindWord {
    /// `embedded`.
    Embedded,
    /// `prosody`.
    Prosody,
    /// `ejabberd`.
    Ejabberd,
    /// `kamailio`.
    Kamailio,
    /// `haproxy`.
    Haproxy,
    /// `nginx`.
    Nginx,
    /// `coturn`.
    Coturn,
    /// `files`.
    Files,
}

impl KindWord {
    /// All kinds, in the order of the documentation.
    pub const ALL: [KindWord; 8] = [
        KindWord::Embedded,
        KindWord::Prosody,
        KindWord::Ejabberd,
        KindWord::Kamailio,
        KindWord::Haproxy,
        KindWord::Nginx,
        KindWord::Coturn,
        KindWord::Files,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            KindWord::Embedded => "embedded",
            KindWord::Prosody => "prosody",
            KindWord::Ejabberd => "ejabberd",
            KindWord::Kamailio => "kamailio",
            KindWord::Haproxy => "haproxy",
            KindWord::Nginx => "nginx",
            KindWord::Coturn => "coturn",
            KindWord::Files => "files",
        }
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// `[gateway.embedded.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Control socket, absolute, at most 107 bytes (the limit of `sun_path`); the default applied.
    pub socket: PathBuf,
    /// The gateway's own copy of the current pair, absolute; the default applied.
    pub directory: PathBuf,
    /// How unknown partners are treated; `None`: only the partners listed are let in.
    pub others: Option<crate::federation::Negotiation>,
    /// Connections at once over all listeners; default 1000.
    pub connection_limit: u32,
    /// Anchors for partners' client certificates; default `system`.
    pub roots: Vec<RootsSource>,
    /// At least one.
    pub listeners: Vec<EmbeddedListener>,
}

/// `[[gateway.embedded.NAME.listener]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedListener {
    /// `xmpp-server`, `xmpps-server`, `sips` or `tls`.
    pub protocol: Protocol,
    /// Where it listens; port 0 is refused.
    pub listen: SocketAddr,
    /// Where it forwards to.
    pub backend: SocketAddr,
    /// Whether the backend gets a PROXY protocol version 2 header.
    pub proxy_protocol: bool,
}

/// The keys of the file-based servers; which of them a kind takes is fixed in the parser. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTarget {
    /// The server's configuration; `None`: where Debian's package has it.
    pub config: Option<PathBuf>,
    /// The folder that is `/` to the server (a chroot, a container); paths in its configuration count from there.
    pub root: Option<PathBuf>,
    /// The server's control program and its first arguments, run without a shell; `None`: that of the kind.
    pub control: Option<Vec<String>>,
    /// What makes it read its files again, run without a shell; `None`: what the kind does.
    pub reload: Option<Vec<String>>,
    /// How long each of these programs may take; default 30 s.
    pub timeout: Duration,
    /// How the certificate that it shows as a client is proved; `None`: it is not.
    pub outbound: Option<Outbound>,
    /// How an XMPP server is to treat those who are no partners; `None`: they are not to be let in.
    pub others: Option<crate::federation::Negotiation>,
    /// Prosody's certificate folder.
    pub directory: Option<PathBuf>,
    /// Combined file.
    pub file: Option<PathBuf>,
    /// Leaf and chain.
    pub cert_file: Option<PathBuf>,
    /// Key.
    pub key_file: Option<PathBuf>,
    /// Kamailio's RPC socket, HAProxy's admin socket.
    pub socket: Option<PathBuf>,
    /// The pid file of coturn, HAProxy's master or nginx.
    pub pid_file: Option<PathBuf>,
    /// `user:group`.
    pub owner: Option<String>,
    /// File mode.
    pub mode: Option<u32>,
}

/// How long a server's program may take where the table does not say.
pub(super) const PROGRAM_TIME: Duration = Duration::from_secs(30);

impl Default for FileTarget {
    /// A table that says nothing.
    fn default() -> Self {
        Self {
            config: None,
            root: None,
            control: None,
            reload: None,
            timeout: PROGRAM_TIME,
            outbound: None,
            others: None,
            directory: None,
            file: None,
            cert_file: None,
            key_file: None,
            socket: None,
            pid_file: None,
            owner: None,
            mode: None,
        }
    }
}

/// `outbound = { domain = "…", listen = "…" }`: where `edgecert` plays the partner that an XMPP server calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The partner's domain: the server's resolver must lead from it to `listen`. An IP address is written as it is.
    pub domain: String,
    /// Where we listen during a proof.
    pub listen: SocketAddr,
}

/// `[gateway.files.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Program and arguments, run without a shell.
    pub reload: Option<Vec<String>>,
    /// How long the program may take; default 30 s.
    pub timeout: Duration,
    /// At least one.
    pub destinations: Vec<Destination>,
}

/// `[[gateway.files.NAME.destination]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What is written.
    pub content: Content,
    /// Where.
    pub path: PathBuf,
    /// `user:group`; `None`: who runs the command.
    pub owner: Option<String>,
    /// Default 0644 without a key, 0600 with one.
    pub mode: Option<u32>,
}

/// What a destination holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The leaf.
    Cert,
    /// The intermediates.
    Chain,
    /// Leaf and intermediates.
    Fullchain,
    /// The key.
    Privkey,
    /// Leaf, intermediates, key.
    Combined,
}

impl Content {
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Content::Cert => "cert",
            Content::Chain => "chain",
            Content::Fullchain => "fullchain",
            Content::Privkey => "privkey",
            Content::Combined => "combined",
        }
    }

    /// Whether the private key is in it.
    pub fn holds_key(self) -> bool {
        match self {
            Content::Privkey | Content::Combined => true,
            Content::Cert | Content::Chain | Content::Fullchain => false,
        }
    }
}

impl Destination {
    /// The mode to write with: as given, else 0600 with a key and 0644 without one.
    pub fn mode_or_default(&self) -> u32 {
        let default = if self.content.holds_key() {
            0o600
        } else {
            0o644
        };
        self.mode.unwrap_or(default)
    }
}

impl GatewayKind {
    /// The table of a server that is known here; none for `embedded` and `files`.
    pub fn server(&self) -> Option<&FileTarget> {
        match self {
            GatewayKind::Prosody(settings)
            | GatewayKind::Ejabberd(settings)
            | GatewayKind::Kamailio(settings)
            | GatewayKind::Haproxy(settings)
            | GatewayKind::Nginx(settings)
            | GatewayKind::Coturn(settings) => Some(settings),
            GatewayKind::Embedded(_) | GatewayKind::Files(_) => None,
        }
    }

    /// The table of an embedded gateway.
    pub fn embedded(&self) -> Option<&Embedded> {
        match self {
            GatewayKind::Embedded(embedded) => Some(embedded),
            GatewayKind::Prosody(_)
            | GatewayKind::Ejabberd(_)
            | GatewayKind::Kamailio(_)
            | GatewayKind::Haproxy(_)
            | GatewayKind::Nginx(_)
            | GatewayKind::Coturn(_)
            | GatewayKind::Files(_) => None,
        }
    }

    /// The word in the header.
    pub fn word(&self) -> &'static str {
        let kind = match self {
            GatewayKind::Embedded(_) => KindWord::Embedded,
            GatewayKind::Prosody(_) => KindWord::Prosody,
            GatewayKind::Ejabberd(_) => KindWord::Ejabberd,
            GatewayKind::Kamailio(_) => KindWord::Kamailio,
            GatewayKind::Haproxy(_) => KindWord::Haproxy,
            GatewayKind::Nginx(_) => KindWord::Nginx,
            GatewayKind::Coturn(_) => KindWord::Coturn,
            GatewayKind::Files(_) => KindWord::Files,
        };
        kind.word()
    }
}
