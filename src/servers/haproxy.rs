//! HAProxy's `haproxy.cfg`: `bind` lines with their certificates, `crt-list` files, and the admin sockets.
//!
//! As HAProxy 2.6 does: relative certificates count from `crt-base` where that stands before; of a folder every file
//! is used but those that begin with a dot or end in `.key`, `.ocsp`, `.sctl` or `.issuer`; a `crt-list` has comments
//! at the very start of a line only. Which name is shown which file follows from the certificates and is not here.

mod address;
mod change;
mod files;
mod lists;
mod words;

pub use change::with_file;

use super::text::{Reading, folder_of, top_of};
use super::{ConfigError, Configured, Listening, PathKind, Place, Remark, Side, Source};
use crate::names::Protocol;
use address::addresses;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use words::{Word, split};

/// What HAProxy's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HaproxyConfig {
    /// What all servers have. A certificate's names are the filters of its `crt-list` line.
    pub common: Configured,
    /// The sockets of the runtime API.
    pub sockets: Vec<AdminSocket>,
    /// What each file is called in the configuration: the runtime API knows it by that string alone.
    pub names: Vec<NamedFile>,
    /// The `bind` lines with TLS, in order.
    pub binds: Vec<Bind>,
    /// Where the server locks itself in; files are read before that.
    pub chroot: Option<PathBuf>,
}

/// A socket of the runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSocket {
    /// Where it is.
    pub at: SocketAt,
    /// What may be done there; certificates need [`Level::Admin`].
    pub level: Level,
    /// Where that stands.
    pub place: Place,
}

/// Where a socket of the runtime API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketAt {
    /// A socket file.
    File(PathBuf),
    /// An address.
    Address(SocketAddr),
}

/// What may be done on a socket of the runtime API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// To look at what is not sensitive.
    User,
    /// To look, and change little: the default.
    #[default]
    Operator,
    /// Everything.
    Admin,
}

/// A file and its name in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The file.
    pub file: PathBuf,
    /// The string that `set ssl cert` takes.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

/// A `bind` line with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its section: `frontend tls`.
    pub section: String,
    /// The addresses that were understood.
    pub addresses: Vec<SocketAddr>,
    /// The folders that all certificates are taken of.
    pub folders: Vec<PathBuf>,
    /// The `crt-list` files.
    pub lists: Vec<PathBuf>,
    /// What a name is shown that no certificate is for.
    pub unknown_name: UnknownName,
    /// Whether those who connect have to speak the PROXY protocol first.
    pub opening: Opening,
    /// Where it stands.
    pub place: Place,
}

/// What a name is shown that no certificate is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownName {
    /// The first certificate.
    #[default]
    First,
    /// An alert (`strict-sni`).
    Refused,
}

/// How a connection to a listener opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Opening {
    /// With TLS.
    #[default]
    Tls,
    /// With a line of the PROXY protocol (`accept-proxy`): a plain probe is turned away.
    ProxyProtocol,
}

/// Words that begin a section.
const SECTIONS: [&str; 19] = [
    "global",
    "defaults",
    "frontend",
    "listen",
    "backend",
    "peers",
    "resolvers",
    "userlist",
    "mailers",
    "cache",
    "program",
    "http-errors",
    "ring",
    "log-forward",
    "fcgi-app",
    "crt-store",
    "traces",
    "log-profile",
    "acme",
];

/// Words of a `bind` line that take the next one with them, besides those that are read.
const WITH_VALUE: [&str; 47] = [
    "alpn",
    "backlog",
    "curves",
    "ecdhe",
    "ca-file",
    "ca-ignore-err",
    "ca-sign-file",
    "ca-sign-pass",
    "ca-verify-file",
    "ciphers",
    "ciphersuites",
    "client-sigalgs",
    "crl-file",
    "crt-ignore-err",
    "gid",
    "group",
    "id",
    "interface",
    "level",
    "severity-output",
    "maxconn",
    "mode",
    "mss",
    "name",
    "namespace",
    "nice",
    "npn",
    "process",
    "proto",
    "shards",
    "sigalgs",
    "ssl-max-ver",
    "ssl-min-ver",
    "tcp-ut",
    "thread",
    "tls-ticket-keys",
    "uid",
    "user",
    "verify",
    "quic-cc-algo",
    "quic-socket",
    "guid-prefix",
    "idle-ping",
    "label",
    "ktls",
    "accept-netscaler-cip",
    "cc",
];

fn is_file(option: &str) -> bool {
    option == "crt" || option == "crt-list"
}

/// Reads `haproxy.cfg`, or of a folder every `*.cfg` in order.
///
/// Errors: `Unreadable`, `TooLarge` and `TooMany` of it and of the `crt-list` files; `Malformed` for a `bind` that ends
/// where a value is due.
pub fn read(main: &Path, source: &dyn Source) -> Result<HaproxyConfig, ConfigError> {
    let files = match source.look(main) {
        Some(PathKind::Folder) => source.expand(&main.join("*.cfg")),
        Some(PathKind::File) | None => vec![main.to_path_buf()],
    };
    let mut reader = Reader {
        config: HaproxyConfig::default(),
        reading: Reading::new(source),
        section: String::new(),
        crt_base: None,
        counts_from: None,
        skipping: Vec::new(),
        named: BTreeSet::new(),
    };
    for file in files {
        let text = reader.reading.take(&file, 0, &top_of(&file))?;
        for (at, line) in text.lines().enumerate() {
            let place = Place {
                file: file.clone(),
                line: at + 1,
            };
            reader.line(line, &place)?;
        }
    }
    reader.config.common.files = reader.reading.files;
    Ok(reader.config)
}

struct Reader<'a> {
    config: HaproxyConfig,
    reading: Reading<'a>,
    /// `frontend tls`.
    section: String,
    crt_base: Option<String>,
    /// What relative files count from, where `default-path` says.
    counts_from: Option<PathBuf>,
    /// For each open `.if`: what is done with its lines.
    skipping: Vec<Condition>,
    /// What stands in the names already.
    named: BTreeSet<(String, PathBuf)>,
}

/// A `.if` and what it has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// This branch counts.
    Taken,
    /// A branch before this one counted.
    Done,
    /// None has counted yet.
    NotYet,
    /// Not to be told; no branch of it counts.
    Unknown,
}

impl Reader<'_> {
    fn remark(&mut self, place: &Place, what: impl Into<String>) {
        self.config.common.remarks.push(Remark {
            place: place.clone(),
            what: what.into(),
        });
    }

    fn line(&mut self, line: &str, place: &Place) -> Result<(), ConfigError> {
        let words = split(line);
        let Some(first) = words.first() else {
            return Ok(());
        };
        if first.text.starts_with('.') {
            self.condition(&words, place);
            return Ok(());
        }
        if self.skipping.iter().any(|kind| *kind != Condition::Taken) {
            return Ok(());
        }
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        if SECTIONS.contains(&texts[0]) {
            self.section = texts.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            return Ok(());
        }
        match texts.as_slice() {
            ["crt-base", base, ..] => {
                self.crt_base = Some((*base).to_owned());
                self.variables(&words, place);
            }
            ["chroot", folder, ..] => self.config.chroot = Some(PathBuf::from(folder)),
            ["default-path", kind, rest @ ..] => self.default_path(kind, rest, place),
            ["stats", "socket", at, rest @ ..] => self.socket(at, rest, &words, place),
            ["bind", address, ..] if self.is_frontend() => {
                self.bind(address, &words[2..], place)?;
            }
            ["server" | "default-server", ..] => self.server(&words, place),
            _ => {}
        }
        Ok(())
    }

    fn is_frontend(&self) -> bool {
        let kind = self.section.split(' ').next();
        matches!(kind, Some("frontend" | "listen" | "peers"))
    }

    /// Whether any of the words has a variable of the environment; it is told then.
    fn variables(&mut self, words: &[Word], place: &Place) -> bool {
        let found = words.iter().find(|word| word.variable);
        if let Some(word) = found {
            let what = format!(
                "`{}` holds a variable of the environment: not read",
                word.text
            );
            self.remark(place, what);
        }
        found.is_some()
    }

    fn condition(&mut self, words: &[Word], place: &Place) {
        let value = match words.get(1).map(|word| word.text.as_str()) {
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            Some(_) | None => None,
        };
        let decided = |value| match value {
            Some(true) => Condition::Taken,
            Some(false) => Condition::NotYet,
            None => Condition::Unknown,
        };
        match words[0].text.as_str() {
            ".if" => {
                if value.is_none() {
                    self.remark(
                        place,
                        "a condition that is not worked out: what is under it is not read",
                    );
                }
                self.skipping.push(decided(value));
            }
            ".elif" => {
                if let Some(last) = self.skipping.last_mut() {
                    *last = match *last {
                        Condition::Taken | Condition::Done => Condition::Done,
                        Condition::Unknown => Condition::Unknown,
                        Condition::NotYet => decided(value),
                    };
                }
            }
            ".else" => {
                if let Some(last) = self.skipping.last_mut() {
                    *last = match *last {
                        Condition::Taken | Condition::Done => Condition::Done,
                        Condition::Unknown => Condition::Unknown,
                        Condition::NotYet => Condition::Taken,
                    };
                }
            }
            ".endif" => {
                self.skipping.pop();
            }
            _ => {}
        }
    }

    fn default_path(&mut self, kind: &str, rest: &[&str], place: &Place) {
        let folder = folder_of(&place.file);
        self.counts_from = match (kind, rest.first()) {
            ("config", _) => Some(folder.to_path_buf()),
            ("parent", _) => Some(folder.join("..")),
            ("origin", Some(path)) => Some(PathBuf::from(path)),
            _ => None,
        };
    }

    fn socket(&mut self, at: &str, rest: &[&str], words: &[Word], place: &Place) {
        if self.variables(words, place) {
            return;
        }
        let at = match at.split_once('@') {
            Some(("unix", path)) => SocketAt::File(PathBuf::from(path)),
            Some(("ipv4" | "ipv6", address)) => match addresses(address).0.first() {
                Some(address) => SocketAt::Address(*address),
                None => return self.remark(place, format!("`{at}` is no address")),
            },
            Some(_) => return self.remark(place, format!("a socket that is not read: `{at}`")),
            None if at.starts_with('/') || !at.contains(':') => SocketAt::File(PathBuf::from(at)),
            None => match addresses(at).0.first() {
                Some(address) => SocketAt::Address(*address),
                None => return self.remark(place, format!("`{at}` is no address")),
            },
        };
        let level = rest
            .iter()
            .position(|word| *word == "level")
            .and_then(|at| rest.get(at + 1));
        let level = match level {
            Some(&"admin") => Level::Admin,
            Some(&"user") => Level::User,
            Some(_) | None => Level::Operator,
        };
        self.config.sockets.push(AdminSocket {
            at,
            level,
            place: place.clone(),
        });
    }

    fn bind(&mut self, address: &str, words: &[Word], place: &Place) -> Result<(), ConfigError> {
        let mut bind = Bind {
            section: self.section.clone(),
            addresses: Vec::new(),
            folders: Vec::new(),
            lists: Vec::new(),
            unknown_name: UnknownName::First,
            opening: Opening::Tls,
            place: place.clone(),
        };
        let (mut tls, mut files) = (false, Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match word.text.as_str() {
                "ssl" => tls = true,
                "strict-sni" => bind.unknown_name = UnknownName::Refused,
                "accept-proxy" => bind.opening = Opening::ProxyProtocol,
                option if is_file(option) || WITH_VALUE.contains(&option) => {
                    let value = rest.next().ok_or_else(|| ConfigError::Malformed {
                        place: place.clone(),
                        what: format!("`{option}` without a value"),
                    })?;
                    if is_file(option) {
                        files.push((word, value));
                    }
                }
                _ => {}
            }
        }
        if !tls {
            return Ok(());
        }
        let (found, unknown) = addresses(address);
        for what in unknown {
            self.remark(place, what);
        }
        for address in &found {
            self.config.common.listeners.push(Listening {
                protocol: Protocol::from_port(address.port()),
                address: *address,
                names: None,
                place: Some(place.clone()),
            });
        }
        bind.addresses = found;
        for (word, value) in files {
            if self.variables(std::slice::from_ref(value), place) {
                continue;
            }
            if word.text == "crt" {
                let name = self.based(&value.text);
                self.certificate(&name, Side::Server, Some(&mut bind), place);
            } else {
                let list = self.opened(&value.text, place);
                self.list(&list, place)?;
                bind.lists.push(list);
            }
        }
        self.config.binds.push(bind);
        Ok(())
    }

    /// A `server` line: what it shows as a client.
    fn server(&mut self, words: &[Word], place: &Place) {
        let value = words
            .iter()
            .skip(1)
            .position(|word| word.text == "crt")
            .and_then(|at| words.get(at + 2))
            .cloned();
        if let Some(value) = value
            && !self.variables(std::slice::from_ref(&value), place)
        {
            let name = self.based(&value.text);
            self.certificate(&name, Side::Client, None, place);
        }
    }
}

#[cfg(test)]
mod tests;
