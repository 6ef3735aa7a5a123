//! ejabberd's configuration: YAML, with includes and macros.
//!
//! Read as ejabberd 23.01 does; its defaults were asked of its own validators. Which certificate belongs to which key
//! and name is found out by ejabberd from the contents of all `certfiles`, so no pairs are told here; what a pattern
//! names: [`covers`]. A file is added by [`with_certfile`].

mod change;
mod glob;
mod load;
mod partners;
#[cfg(test)]
mod tests;
mod yaml;

pub use change::with_certfile;
pub use glob::covers;
pub use partners::{OWN_FILE, with_partners};

use crate::explain::printable;
use crate::names::{Domain, Protocol};
use crate::servers::{ConfigError, Configured, Host, HostKind, Listening, PathKind, Place, Source};
use load::{At, Loaded, Top};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where `ejabberdctl` starts the server, and relative paths begin.
pub const SPOOL: &str = "/var/lib/ejabberd";

/// The module that makes and answers dialback.
const DIALBACK_MODULE: &str = "mod_s2s_dialback";

/// Most names that are taken from hosts, modules and listeners together.
const MAX_NAMES: usize = 10_000;

/// Most files of the pool that are looked at.
const MAX_POOL: usize = 10_000;

/// What an ejabberd configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EjabberdConfig {
    /// Listeners and hosts; `certificates` is empty, as the pairs are not in the configuration.
    pub common: Configured,
    /// Where certificates and keys are read from, in the order they stand.
    pub certfiles: Vec<Certfile>,
    /// `s2s_use_starttls` as written; `None`: it is off.
    pub s2s_use_starttls: Option<Written>,
    /// Where relative paths were taken to start.
    pub folder: PathBuf,
}

impl EjabberdConfig {
    /// The files that its patterns name, sorted, each once.
    pub fn pool(&self, source: &dyn Source) -> Vec<PathBuf> {
        let named = self.certfiles.iter();
        let mut all: Vec<PathBuf> = named.flat_map(|one| source.expand(&one.pattern)).collect();
        all.sort();
        all.dedup();
        all.retain(|path| source.look(path) == Some(PathKind::File));
        all.truncate(MAX_POOL);
        all
    }
}

/// One entry of `certfiles`, or an older setting of the same meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certfile {
    /// The file or pattern, absolute.
    pub pattern: PathBuf,
    /// Where it stands.
    pub place: Place,
}

/// A setting as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// Reads a configuration from its main file on, of a server that runs in [`SPOOL`].
///
/// Errors: those of the source; `Malformed` for what is no YAML; `TooMany`.
pub fn read(main: &Path, source: &dyn Source) -> Result<EjabberdConfig, ConfigError> {
    read_from(main, Path::new(SPOOL), source)
}

/// [`read`] of a server that runs in another folder (`ejabberdctl --spool`).
pub fn read_from(
    main: &Path,
    folder: &Path,
    source: &dyn Source,
) -> Result<EjabberdConfig, ConfigError> {
    let mut loaded = Loaded::read(main, folder, source)?;
    let tops = loaded.tops.clone();
    let s2s_use_starttls = named(&tops, "s2s_use_starttls").last().and_then(|top| {
        Some(Written {
            text: loaded.text(top.value)?.to_owned(),
            place: loaded.place(top.key),
        })
    });
    let certfiles = certfiles(&mut loaded, &tops);
    let hosts = hosts(&mut loaded, &tops);
    let listeners = listeners(&mut loaded, &tops, s2s_use_starttls.as_ref());
    Ok(EjabberdConfig {
        common: Configured {
            listeners,
            hosts,
            certificates: Vec::new(),
            remarks: loaded.remarks,
            files: loaded.files,
        },
        certfiles,
        s2s_use_starttls,
        folder: folder.to_path_buf(),
    })
}

fn named<'a>(tops: &'a [Top], name: &'a str) -> impl Iterator<Item = &'a Top> {
    tops.iter().filter(move |top| top.name == name)
}

/// Every `listen` entry of every file.
fn listen_entries(loaded: &Loaded, tops: &[Top]) -> Vec<At> {
    named(tops, "listen")
        .flat_map(|top| loaded.list(top.value))
        .map(|at| loaded.meant(at))
        .collect()
}

/// The options of each host in `host_config` or `append_host_config`.
fn host_options(loaded: &Loaded, tops: &[Top], option: &str) -> Vec<(String, At)> {
    named(tops, option)
        .flat_map(|top| loaded.map(top.value))
        .map(|(host, _, options)| (host.to_lowercase(), options))
        .collect()
}

fn certfiles(loaded: &mut Loaded, tops: &[Top]) -> Vec<Certfile> {
    const OLD: [&str; 3] = ["domain_certfile", "c2s_certfile", "s2s_certfile"];
    let mut found: Vec<At> = Vec::new();
    for top in tops {
        if top.name == "certfiles" || OLD.contains(&top.name.as_str()) {
            found.extend(loaded.list(top.value));
        }
    }
    for option in ["host_config", "append_host_config"] {
        for (_, options) in host_options(loaded, tops, option) {
            found.extend(OLD.iter().filter_map(|name| loaded.get(options, name)));
        }
    }
    let entries = listen_entries(loaded, tops);
    found.extend(
        entries
            .into_iter()
            .filter_map(|entry| loaded.get(entry, "certfile")),
    );
    let mut certfiles = Vec::new();
    for at in found {
        if let Some(path) = loaded.text(at).map(str::to_owned) {
            certfiles.push(Certfile {
                pattern: loaded.resolved(&path, at),
                place: loaded.place(at),
            });
        }
    }
    certfiles
}

/// Hosts, and the components of each: what a module's `host` or `hosts` says, for `mod_muc` also its default, and the
/// external ones of `ejabberd_service`.
fn hosts(loaded: &mut Loaded, tops: &[Top]) -> Vec<Host> {
    let mut names = Names {
        hosts: Vec::new(),
        left: MAX_NAMES,
    };
    let domains: Vec<At> = named(tops, "hosts")
        .flat_map(|top| loaded.list(top.value))
        .collect();
    for at in &domains {
        if let Some(text) = loaded.text(*at).map(str::to_owned) {
            names.add(loaded, &text, HostKind::Domain, *at);
        }
    }
    let own = host_options(loaded, tops, "host_config");
    let appended = host_options(loaded, tops, "append_host_config");
    for at in domains {
        let Some(host) = loaded.text(at).map(str::to_lowercase) else {
            continue;
        };
        let modules_of = |options: &[(String, At)]| {
            let of_host = options.iter().filter(|(name, _)| *name == host);
            of_host
                .filter_map(|(_, options)| loaded.get(*options, "modules"))
                .collect::<Vec<_>>()
        };
        // `host_config` takes the place of the global list, `append_host_config` adds to it.
        let mut modules = modules_of(&own);
        if modules.is_empty() {
            modules = named(tops, "modules").map(|top| top.value).collect();
        }
        modules.extend(modules_of(&appended));
        let modules: Vec<(String, At, At)> =
            modules.into_iter().flat_map(|at| loaded.map(at)).collect();
        for (module, key, options) in modules {
            let written = loaded
                .get(options, "hosts")
                .or_else(|| loaded.get(options, "host"));
            let components: Vec<(String, At)> = match written {
                Some(value) => {
                    let list = loaded.list(value).into_iter();
                    list.filter_map(|at| Some((loaded.text(at)?.to_owned(), at)))
                        .collect()
                }
                None if module == "mod_muc" => vec![("conference.@HOST@".to_owned(), key)],
                None => Vec::new(),
            };
            for (component, at) in components {
                names.add(
                    loaded,
                    &component.replace("@HOST@", &host),
                    HostKind::Component,
                    at,
                );
            }
        }
    }
    for entry in listen_entries(loaded, tops) {
        if loaded.get(entry, "module").and_then(|at| loaded.text(at)) == Some("ejabberd_service")
            && let Some(hosts) = loaded.get(entry, "hosts")
        {
            for (name, key, _) in loaded.map(hosts) {
                names.add(loaded, &name, HostKind::Component, key);
            }
        }
    }
    names.hosts
}

struct Names {
    hosts: Vec<Host>,
    left: usize,
}

impl Names {
    fn add(&mut self, loaded: &mut Loaded, text: &str, kind: HostKind, at: At) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.left == 0 {
            loaded.remark(
                at,
                format!("more than {MAX_NAMES} names: the rest is left out"),
            );
        }
        match Domain::parse(text) {
            Ok(name) => {
                if !self.hosts.iter().any(|host| host.name == name) {
                    let place = loaded.place(at);
                    self.hosts.push(Host { name, kind, place });
                }
            }
            Err(_) => {
                let what = format!(
                    "{} is no name for a certificate; the host is left out",
                    printable(text)
                );
                loaded.remark(at, what);
            }
        }
    }
}

fn listeners(loaded: &mut Loaded, tops: &[Top], s2s: Option<&Written>) -> Vec<Listening> {
    let s2s_starttls =
        s2s.is_some_and(|written| !matches!(written.text.as_str(), "false" | "no" | "off" | "n"));
    let mut listeners = Vec::new();
    for entry in listen_entries(loaded, tops) {
        let option = |name: &str| {
            loaded
                .get(entry, name)
                .and_then(|at| loaded.text(at))
                .unwrap_or_default()
        };
        let is_on = |name: &str| matches!(option(name), "true" | "yes" | "on" | "y");
        let direct = is_on("tls");
        let starttls = is_on("starttls") || is_on("starttls_required");
        let module = option("module");
        if module.is_empty() || option("transport") == "udp" {
            continue;
        }
        let protocol = match module {
            "ejabberd_s2s_in" if direct => Protocol::XmppsServer,
            "ejabberd_s2s_in" if s2s_starttls => Protocol::XmppServer,
            "ejabberd_s2s_in" => {
                loaded.remark(
                    entry,
                    "no STARTTLS there: `s2s_use_starttls` is not set".to_owned(),
                );
                continue;
            }
            "ejabberd_c2s" if direct => Protocol::XmppsClient,
            "ejabberd_c2s" if starttls => Protocol::Xmpp,
            "ejabberd_sip" if direct => Protocol::Sips,
            _ if direct => Protocol::Tls,
            _ => continue,
        };
        let port = option("port").to_owned();
        let ip = option("ip").to_owned();
        if port.starts_with("unix:") {
            loaded.remark(
                entry,
                "a socket in the file system: it is not among the listeners".to_owned(),
            );
            continue;
        }
        let address = if ip.is_empty() {
            Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        } else {
            ip.parse::<IpAddr>()
        };
        match (port.parse::<u16>(), address) {
            (Ok(port), Ok(address)) if port != 0 => listeners.push(Listening {
                protocol,
                address: SocketAddr::new(address, port),
                names: None,
                place: Some(loaded.place(entry)),
            }),
            _ => {
                let what = format!(
                    "neither port nor address is known here: `{}`, `{}`",
                    printable(&port),
                    printable(&ip)
                );
                loaded.remark(entry, what);
            }
        }
    }
    listeners
}
