//! nginx's configuration: `server` blocks of `http` and `stream` that listen for TLS, and their certificates.
//!
//! As nginx 1.22 does: includes and certificates count from the folder of the main file; `ssl` on one `listen` holds
//! for every server of that address (http); a server's own `ssl_certificate` lines replace those of `http` or
//! `stream`. Not read: `mail`, regular expressions as names, and conditions of any kind.

mod change;
mod lua_block;
mod opens;
mod tree;

pub use change::with_pair;
pub use opens::{Opens, Ports, opens};

use super::text::folder_of;
use super::{CertificateUse, ConfigError, Configured, Listening, Place, Remark, Side, Source};
use crate::names::{Domain, Protocol};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tree::{Directive, Tree, named};

/// What nginx's files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NginxConfig {
    /// What all servers have. The names of a certificate are empty for the default server of all its sockets.
    pub common: Configured,
    /// The file with the process id, where it is written and absolute; else what nginx was built with.
    pub pid: Option<PathBuf>,
    /// The user of the workers, where it is written.
    pub user: Option<String>,
    /// The `server` blocks with TLS, in order.
    pub blocks: Vec<Block>,
    /// The files with a variable in their name: the worker reads them at every handshake, and no reload is needed.
    pub by_variable: Vec<VariablePair>,
}

/// A `server` block with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it lies in.
    pub context: Context,
    /// Its `server_name`s as they are written; none in `stream`.
    pub server_names: Vec<String>,
    /// Its sockets for TLS.
    pub sockets: Vec<SocketAddr>,
    /// Those of them on which it answers for names that no block has.
    pub default_on: Vec<SocketAddr>,
    /// Those of them that expect the PROXY protocol first: a plain probe is turned away.
    pub proxied: Vec<SocketAddr>,
    /// Its certificates with their keys, absolute; those with a variable are not here.
    pub pairs: Vec<(PathBuf, PathBuf)>,
    /// Where it begins.
    pub place: Place,
}

/// What a `server` block lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// `http`: by `server_name`.
    Http,
    /// `stream`: one block an address.
    Stream,
}

/// A certificate and its key, as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariablePair {
    /// `certs/$ssl_server_name.pem`
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Where it stands.
    pub place: Place,
}

/// Reads the main file and all it includes.
///
/// Errors: `Unreadable`, `TooLarge`, `TooMany`, and `Malformed` for what nginx would not take either.
pub fn read(main: &Path, source: &dyn Source) -> Result<NginxConfig, ConfigError> {
    let tree = Tree::read(main, source)?;
    let mut config = NginxConfig::default();
    for directive in &tree.directives {
        match directive.name() {
            "pid" if Path::new(directive.value()).is_absolute() => {
                config.pid = Some(PathBuf::from(directive.value()));
            }
            "pid" => config.common.remarks.push(Remark {
                place: tree.place(directive),
                what: "a relative `pid`: it counts from the folder that nginx was built for"
                    .to_owned(),
            }),
            "user" => config.user = Some(directive.value().to_owned()),
            "mail" => config.common.remarks.push(Remark {
                place: tree.place(directive),
                what: "`mail` is not read".to_owned(),
            }),
            _ => {}
        }
    }
    let found = servers(&tree, folder_of(main), &mut config.common.remarks);
    let mut told: BTreeSet<SocketAddr> = BTreeSet::new();
    for server in found {
        for socket in &server.block.sockets {
            if told.insert(*socket) {
                config.common.listeners.push(Listening {
                    protocol: match server.block.context {
                        Context::Http => Protocol::Tls,
                        Context::Stream => Protocol::from_port(socket.port()),
                    },
                    address: *socket,
                    names: None,
                    place: Some(server.listen_place(&tree, *socket)),
                });
            }
        }
        let everywhere = server.block.default_on.len() == server.block.sockets.len();
        for ((certificate, key), place) in server.block.pairs.iter().zip(&server.pair_places) {
            config.common.certificates.push(CertificateUse {
                certificate: certificate.clone(),
                key: key.clone(),
                names: if everywhere {
                    Vec::new()
                } else {
                    server.block.server_names.clone()
                },
                side: Side::Server,
                place: place.clone(),
            });
        }
        for pair in server.by_variable {
            if !config.by_variable.contains(&pair) {
                config.by_variable.push(pair);
            }
        }
        config.blocks.push(server.block);
    }
    config.common.files = tree.files;
    Ok(config)
}

/// A `server` block, and where its parts stand.
struct Server<'t> {
    block: Block,
    directive: &'t Directive,
    pair_places: Vec<Place>,
    by_variable: Vec<VariablePair>,
    listens: Vec<(Listen, &'t Directive)>,
    /// Whether names are told by a pattern that is not read.
    has_patterns: bool,
}

impl Server<'_> {
    fn listen_place(&self, tree: &Tree, socket: SocketAddr) -> Place {
        self.listens
            .iter()
            .find(|(listen, _)| listen.address == socket)
            .map_or_else(
                || self.block.place.clone(),
                |(_, directive)| tree.place(directive),
            )
    }
}

/// One `listen`.
#[derive(Clone, Copy)]
struct Listen {
    address: SocketAddr,
    tls: bool,
    default: bool,
    proxied: bool,
}

/// Every `server` block that listens for TLS.
fn servers<'t>(tree: &'t Tree, base: &Path, remarks: &mut Vec<Remark>) -> Vec<Server<'t>> {
    let mut all = Vec::new();
    for (word, context) in [("http", Context::Http), ("stream", Context::Stream)] {
        let mut found = Vec::new();
        for outer in named(&tree.directives, word) {
            for directive in outer.named("server").filter(|one| one.block.is_some()) {
                found.push(server(tree, base, outer, directive, context, remarks));
            }
        }
        settle(&mut found);
        all.extend(found);
    }
    all.retain(|server: &Server<'_>| !server.block.sockets.is_empty());
    all
}

/// Which sockets speak TLS, and who is the default on each.
fn settle(servers: &mut [Server<'_>]) {
    let of = |wanted: fn(&Listen) -> bool| -> BTreeSet<SocketAddr> {
        servers
            .iter()
            .flat_map(|server| &server.listens)
            .filter(|(listen, _)| wanted(listen))
            .map(|(listen, _)| listen.address)
            .collect()
    };
    let (tls, proxied) = (of(|listen| listen.tls), of(|listen| listen.proxied));
    let with_default = of(|listen| listen.default);
    let mut taken: BTreeSet<SocketAddr> = BTreeSet::new();
    for server in servers {
        for (listen, _) in &server.listens {
            let socket = listen.address;
            if !tls.contains(&socket) || server.block.sockets.contains(&socket) {
                continue;
            }
            server.block.sockets.push(socket);
            if proxied.contains(&socket) {
                server.block.proxied.push(socket);
            }
            let first = taken.insert(socket);
            if listen.default || (first && !with_default.contains(&socket)) {
                server.block.default_on.push(socket);
            }
        }
    }
}

fn server<'t>(
    tree: &'t Tree,
    base: &Path,
    outer: &'t Directive,
    directive: &'t Directive,
    context: Context,
    remarks: &mut Vec<Remark>,
) -> Server<'t> {
    let mut server = Server {
        block: Block {
            context,
            server_names: Vec::new(),
            sockets: Vec::new(),
            default_on: Vec::new(),
            proxied: Vec::new(),
            pairs: Vec::new(),
            place: tree.place(directive),
        },
        directive,
        pair_places: Vec::new(),
        by_variable: Vec::new(),
        listens: Vec::new(),
        has_patterns: false,
    };
    let all_tls = inherited(outer, directive, "ssl")
        .last()
        .is_some_and(|ssl| ssl.value() == "on");
    for listen in directive.named("listen") {
        match self::listen(listen, all_tls) {
            Ok(Some(one)) => server.listens.push((one, listen)),
            Ok(None) => {}
            Err(what) => remarks.push(Remark {
                place: tree.place(listen),
                what,
            }),
        }
    }
    if context == Context::Http {
        for names in directive.named("server_name") {
            for name in names.values() {
                if name.text.starts_with('~') || name.text.contains('$') {
                    server.has_patterns = true;
                    remarks.push(Remark {
                        place: tree.place(names),
                        what: format!("`{}` is a pattern: its names are not known", name.text),
                    });
                }
                server.block.server_names.push(name.text.clone());
            }
        }
    }
    pairs(tree, base, outer, &mut server, remarks);
    server
}

/// The lines of a setting that hold for a server: its own, else those of the block around it.
fn inherited<'t>(outer: &'t Directive, server: &'t Directive, name: &'t str) -> Vec<&'t Directive> {
    let own: Vec<&Directive> = server.named(name).collect();
    if own.is_empty() {
        outer.named(name).collect()
    } else {
        own
    }
}

fn pairs<'t>(
    tree: &Tree,
    base: &Path,
    outer: &'t Directive,
    server: &mut Server<'t>,
    remarks: &mut Vec<Remark>,
) {
    let certificates = inherited(outer, server.directive, "ssl_certificate");
    let keys = inherited(outer, server.directive, "ssl_certificate_key");
    for (at, certificate) in certificates.iter().enumerate() {
        let place = tree.place(certificate);
        let Some(key) = keys.get(at) else {
            remarks.push(Remark {
                place,
                what: "no `ssl_certificate_key` for it".to_owned(),
            });
            continue;
        };
        let (certificate, key) = (certificate.value(), key.value());
        if certificate.contains('$') || key.contains('$') {
            server.by_variable.push(VariablePair {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                place,
            });
        } else if let Some(kind) = ["data:", "engine:", "store:"]
            .iter()
            .find(|kind| certificate.starts_with(**kind) || key.starts_with(**kind))
        {
            remarks.push(Remark {
                place,
                what: format!("`{kind}` is no file: not read"),
            });
        } else {
            server
                .block
                .pairs
                .push((base.join(certificate), base.join(key)));
            server.pair_places.push(place);
        }
    }
}

/// A `listen`; `None` for a socket file or what is not TCP.
fn listen(directive: &Directive, all_tls: bool) -> Result<Option<Listen>, String> {
    let written = directive.value();
    if written.starts_with("unix:") {
        return Ok(None);
    }
    let has = |word: &str| directive.values().iter().any(|value| value.text == word);
    if has("udp") || has("quic") {
        return Ok(None);
    }
    let tls = all_tls || has("ssl");
    let address = match (written.parse::<u16>(), written.rsplit_once(':')) {
        (Ok(port), _) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
        (Err(_), Some((host, port))) if !port.ends_with(']') => {
            match (host_of(host), port.parse()) {
                (Some(ip), Ok(port)) => Some(SocketAddr::new(ip, port)),
                _ => None,
            }
        }
        (Err(_), _) => host_of(written).map(|ip| SocketAddr::new(ip, 80)),
    };
    match address {
        Some(address) => Ok(Some(Listen {
            address,
            tls,
            default: has("default_server") || has("default"),
            proxied: has("proxy_protocol"),
        })),
        // Nobody asks about a socket without TLS.
        None if !tls => Ok(None),
        None => Err(format!(
            "`{written}` is no single address and port: where it listens is not known"
        )),
    }
}

fn host_of(text: &str) -> Option<IpAddr> {
    if text == "*" {
        return Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse().ok()
}

/// How well a `server_name` fits a name: the exact one before the longest `*.`, and that before the longest `.*`.
fn fit(written: &str, name: &Domain) -> Option<(u8, usize)> {
    let written = written.to_ascii_lowercase();
    let below = |suffix: &str| {
        name.as_str()
            .strip_suffix(suffix)
            .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    };
    if written == name.as_str() || written.strip_prefix('.') == Some(name.as_str()) {
        return Some((2, 0));
    }
    if let Some(suffix) = written
        .strip_prefix("*.")
        .or_else(|| written.strip_prefix('.'))
    {
        return below(suffix).then_some((1, suffix.len()));
    }
    let front = written.strip_suffix(".*")?;
    name.as_str()
        .strip_prefix(front)
        .is_some_and(|rest| rest.starts_with('.'))
        .then_some((0, front.len()))
}

#[cfg(test)]
mod tests;
