//! Prosody's configuration: Lua, of which administrators write tables, hosts and includes.
//!
//! Read as Prosody 0.12.3 does in `core/configmanager.lua` (sections, includes), `core/portmanager.lua` (ports and
//! interfaces) and `core/certmanager.lua` (which files). What only a running Lua could tell becomes a remark, and
//! counts as not written. Which files of the certificates' folder are seen: [`index`].

mod certificates;
mod index;
mod load;
mod lua;
mod partners;
mod ports;
#[cfg(test)]
mod tests;
mod tokens;

pub use certificates::Override;
pub use index::{FirstLine, first_line_fits, index, key_beside};
pub use partners::{OWN_FILE, dialback, with_partners};

use crate::explain::printable;
use crate::names::Domain;
use crate::servers::{ConfigError, Configured, Host, HostKind, Source};
use load::{Loaded, Section, Setting, last};
use lua::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of the certificates where nothing else is written, beside the main file.
const CERTIFICATES: &str = "certs";

/// What a Prosody configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProsodyConfig {
    /// Listeners, hosts, and the certificates that settings name; those that Prosody finds by itself are not among
    /// them.
    pub common: Configured,
    /// Where Prosody looks for certificates by itself.
    pub certificates_folder: PathBuf,
    /// Whether `prosodyctl shell` is answered.
    pub shell: Shell,
    /// Settings that name files of their own, in the order they stand.
    pub overrides: Vec<Override>,
}

impl ProsodyConfig {
    /// The pair that a setting of a host names, else a global one; none: Prosody looks for it by the host's name.
    pub fn pair_of(&self, host: &Domain) -> Option<(PathBuf, PathBuf)> {
        let named = |wanted: Option<&str>| {
            self.overrides
                .iter()
                .filter(|one| one.host.as_deref() == wanted)
                .find_map(|one| Some((one.certificate.clone()?, one.key.clone()?)))
        };
        named(Some(host.as_str())).or_else(|| named(None))
    }
}

/// Whether `prosodyctl shell` is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// `admin_shell` is among the modules.
    Enabled,
    /// It is not.
    Disabled,
}

/// Reads a configuration from its main file on.
///
/// Errors: those of the source; `Malformed` for what Lua would refuse; `TooMany`.
pub fn read(main: &Path, source: &dyn Source) -> Result<ProsodyConfig, ConfigError> {
    let mut loaded = load::load(main, source)?;
    let folder = main.parent().unwrap_or(Path::new("")).to_path_buf();
    let certificates_folder =
        match last(&loaded.global, "certificates").map(|setting| &setting.value) {
            Some(Value::Text(path)) => resolved(&folder, path),
            Some(_) | None => folder.join(CERTIFICATES),
        };
    let modules = Modules::of(&loaded);
    let shell = if modules.loaded("admin_shell") {
        Shell::Enabled
    } else {
        Shell::Disabled
    };
    let hosts = hosts(&mut loaded);
    let listeners = ports::listeners(&mut loaded, &modules);
    let overrides = certificates::overrides(&mut loaded, &folder, source);
    let certificates = overrides.iter().filter_map(Override::to_use).collect();
    Ok(ProsodyConfig {
        common: Configured {
            listeners,
            hosts,
            certificates,
            remarks: loaded.remarks,
            files: loaded.files,
        },
        certificates_folder,
        shell,
        overrides,
    })
}

/// A path as `util.paths.resolve_relative_path` makes it.
fn resolved(folder: &Path, path: &str) -> PathBuf {
    let mut path = path;
    if let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    folder.join(path)
}

/// Hosts and components that are not switched off, of names that a public certificate can hold.
fn hosts(loaded: &mut Loaded) -> Vec<Host> {
    let mut hosts = Vec::new();
    let mut remarks = Vec::new();
    for section in loaded
        .sections
        .iter()
        .filter(|section| is_enabled(section, &loaded.global))
    {
        match Domain::parse(&section.name) {
            Ok(name) => hosts.push(Host {
                name,
                kind: match section.component {
                    Some(_) => HostKind::Component,
                    None => HostKind::Domain,
                },
                place: section.place.clone(),
            }),
            Err(_) => remarks.push((
                section.place.clone(),
                format!(
                    "{} is no name for a certificate; the host is left out",
                    printable(&section.name)
                ),
            )),
        }
    }
    for (place, what) in remarks {
        loaded.remark(place, what);
    }
    hosts
}

/// Whether a host is not switched off; a host without the setting has the global one (`hostmanager.lua`).
fn is_enabled(section: &Section, global: &[Setting]) -> bool {
    let setting = last(&section.settings, "enabled").or_else(|| last(global, "enabled"));
    setting.is_none_or(|setting| setting.value != Value::Truth(false))
}

/// Which modules the hosts load (`core/modulemanager.lua`).
struct Modules {
    /// `None`: a list is computed, and any module may be loaded.
    names: Option<BTreeSet<String>>,
}

impl Modules {
    /// Loaded without being named, as far as they matter here.
    const AUTOMATIC: [&str; 2] = ["c2s", "s2s"];

    /// What a component takes over from the global list.
    const INHERITED: [&str; 8] = [
        "tls",
        "saslauth",
        "dialback",
        "iq",
        "s2s",
        "s2s_bidi",
        "smacks",
        "server_contact_info",
    ];

    fn of(loaded: &Loaded) -> Self {
        Self {
            names: Self::names(loaded),
        }
    }

    fn names(loaded: &Loaded) -> Option<BTreeSet<String>> {
        let list = |settings: &[Setting], name: &str| match last(settings, name) {
            Some(setting) => texts(&setting.value),
            None => Some(Vec::new()),
        };
        let disabled = list(&loaded.global, "modules_disabled")?;
        let mut global: BTreeSet<String> = Self::AUTOMATIC.map(str::to_owned).into();
        global.extend(list(&loaded.global, "modules_enabled")?);
        global.retain(|module| !disabled.contains(module));
        let mut all = BTreeSet::new();
        for section in loaded
            .sections
            .iter()
            .filter(|section| is_enabled(section, &loaded.global))
        {
            let mut of_host = global.clone();
            if let Some(module) = &section.component {
                of_host.retain(|module| Self::INHERITED.contains(&module.as_str()));
                all.insert(module.clone());
            }
            of_host.extend(list(&section.settings, "modules_enabled")?);
            let disabled = list(&section.settings, "modules_disabled")?;
            all.extend(
                of_host
                    .into_iter()
                    .filter(|module| !disabled.contains(module)),
            );
        }
        Some(all)
    }

    /// Whether some host loads a module, or may.
    fn loaded(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
    }
}

/// The strings of a list; one string is a list of itself. `None`: something there is computed.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Text(text) => Some(vec![text.clone()]),
        Value::Table(entries) => entries
            .iter()
            .filter(|entry| entry.key.is_none())
            .filter_map(|entry| match &entry.value {
                Value::Text(text) => Some(Some(text.clone())),
                Value::Computed => Some(None),
                Value::Number(_) | Value::Truth(_) | Value::Nil | Value::Table(_) => None,
            })
            .collect(),
        Value::Computed => None,
        Value::Number(_) | Value::Truth(_) | Value::Nil => Some(Vec::new()),
    }
}
