//! Kamailio's two files: `kamailio.cfg`, and the TLS profiles in `tls.cfg`.
//!
//! As Kamailio 5.6.3 was seen to do: relative files of either count from the folder of `kamailio.cfg`; a profile takes
//! nothing over from `[server:default]`; one without a certificate uses `cert.pem` in that folder; of two profiles
//! that fit, the one that stands later is used; `[server:IP:PORT]` without a `server_name` answers for every name on
//! its socket. Not read: routes, and what was defined on the command line (`-A`).

mod choose;
mod lexer;
mod outcome;
mod profiles;
mod script;

use super::text::{Reading, folder_of, in_words, read_limited, top_of, with_lines_at_end};
use super::{
    CertificateUse, Change, ConfigError, Configured, PathKind, Place, Remark, Side, Source, text,
};
use crate::names::Domain;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The main file, where `tls.cfg` is what was given.
const MAIN_FILE: &str = "kamailio.cfg";

/// The file of certificate and key of a server profile that names none.
const DEFAULT_PAIR: &str = "cert.pem";

/// What Kamailio's files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KamailioConfig {
    /// What all servers have. A profile with `server_name_mode` 1 is shown for `.name`, with 2 for `*.name`.
    pub common: Configured,
    /// The file with the profiles; `None`: the certificate stands in `kamailio.cfg` itself.
    pub profile_file: Option<PathBuf>,
    /// The profiles in the order they stand.
    pub profiles: Vec<Profile>,
    /// How many processes serve TCP and TLS: those that a probe meets one after the other.
    pub workers: u32,
    /// The RPC sockets, as `kamcmd -s` takes them: `unix:/run/kamailio/kamailio_ctl`.
    pub rpc_sockets: Vec<RpcSocket>,
}

/// A socket for `kamcmd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcSocket {
    /// As `kamcmd -s` takes it.
    pub address: String,
    /// Where that stands; `None`: it is the module's default.
    pub place: Option<Place>,
}

/// A profile of `tls.cfg`, or the one that `kamailio.cfg` makes by `modparam`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Whether it is for those who connect, or for those it connects to; never both.
    pub side: Side,
    /// Which connections it is for.
    pub reach: Reach,
    /// The SNI that it is for; `None`: any.
    pub server_name: Option<String>,
    /// Which names besides `server_name` itself.
    pub mode: NameMode,
    /// The file with leaf and chain, absolute; `None`: a client profile without one.
    pub certificate: Option<PathBuf>,
    /// The file with the key, absolute.
    pub key: Option<PathBuf>,
    /// Every setting as it is written, in order.
    pub settings: Vec<(String, String)>,
    /// Where its head stands.
    pub place: Place,
}

/// Which connections a profile is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// `default`: where no other fits.
    Default,
    /// `any`: every socket, by SNI.
    Any,
    /// One socket; port 0 for every port of the address.
    Socket(SocketAddr),
}

/// Which names a profile with a `server_name` is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameMode {
    /// 0: that name alone.
    #[default]
    Exact,
    /// 1: that name and everything below it.
    WithSubdomains,
    /// 2: everything below it alone.
    SubdomainsOnly,
}

impl KamailioConfig {
    /// The profiles that use a pair for connections that Kamailio opens.
    pub fn client_uses(&self, certificate: &Path, key: &Path) -> Vec<&Profile> {
        self.profiles
            .iter()
            .filter(|profile| {
                profile.side == Side::Client && choose::has_pair(profile, certificate, key)
            })
            .collect()
    }
}

/// Reads `tls.cfg` or `kamailio.cfg`, told apart by what is in it, and the other one with it.
///
/// Errors: `Unreadable`, `TooLarge`, `TooMany`, and `Malformed` for what Kamailio would not take either.
pub fn read(main: &Path, source: &dyn Source) -> Result<KamailioConfig, ConfigError> {
    let mut reading = Reading::new(source);
    let text = reading.take(main, 0, &top_of(main))?;
    let mut config = KamailioConfig::default();
    let (script_path, given) = if profiles::is_profile_file(&text) {
        (folder_of(main).join(MAIN_FILE), Some((main, text.as_str())))
    } else {
        (main.to_path_buf(), None)
    };
    let script = match given {
        None => Some(script::read(&script_path, &text, &mut reading)?),
        Some(_) if source.look(&script_path) == Some(PathKind::File) => {
            let text = reading.take(&script_path, 0, &top_of(&script_path))?;
            Some(script::read(&script_path, &text, &mut reading)?)
        }
        Some(_) => {
            config.common.remarks.push(Remark {
                place: top_of(main),
                what: format!(
                    "there is no {}: where the server listens is not known",
                    script_path.display()
                ),
            });
            None
        }
    };
    let base = folder_of(&script_path).to_path_buf();
    let script = script.unwrap_or_default();
    config.common.remarks.extend(script.remarks.clone());
    if let Some((path, text)) = given {
        if let Some((named, place)) = &script.profile_file
            && base.join(named) != path
        {
            config.common.remarks.push(Remark {
                place: place.clone(),
                what: format!("another file of profiles is in use than {}", path.display()),
            });
        }
        profiles_of(path, text, &base, &mut config)?;
    } else if let Some((named, place)) = &script.profile_file {
        let path = base.join(named);
        match source.look(&path) {
            Some(PathKind::Folder) => config.common.remarks.push(Remark {
                place: place.clone(),
                what: "a folder of profiles: its files are read in no certain order, and not here"
                    .to_owned(),
            }),
            Some(PathKind::File) | None => {
                let text = reading.take(&path, 1, place)?;
                profiles_of(&path, &text, &base, &mut config)?;
            }
        }
    } else if script.tls.is_some() {
        config.profiles.push(script.own_profile(&base));
    }
    config.common.listeners = script.listeners();
    config.common.remarks.extend(script.unknown_sockets());
    config.workers = script.workers();
    config.rpc_sockets = script.rpc_sockets();
    config.common.certificates = config.profiles.iter().filter_map(use_of).collect();
    config.common.files = reading.files;
    Ok(config)
}

/// Reads the profiles, and gives those for the server the pair that Kamailio would use.
fn profiles_of(
    path: &Path,
    text: &str,
    base: &Path,
    config: &mut KamailioConfig,
) -> Result<(), ConfigError> {
    config.profile_file = Some(path.to_path_buf());
    config.profiles = profiles::read(path, text, base, &mut config.common.remarks)?;
    for profile in &mut config.profiles {
        if profile.side == Side::Server {
            let fallback = base.join(DEFAULT_PAIR);
            profile.certificate.get_or_insert_with(|| fallback.clone());
            profile.key.get_or_insert(fallback);
        }
    }
    Ok(())
}

/// The files of a profile; `None` where it names no certificate.
fn use_of(profile: &Profile) -> Option<CertificateUse> {
    let certificate = profile.certificate.clone()?;
    let name = profile.server_name.as_deref();
    let names = match (name, profile.mode) {
        (None, _) => Vec::new(),
        (Some(name), NameMode::Exact) => vec![name.to_owned()],
        (Some(name), NameMode::WithSubdomains) => vec![format!(".{name}")],
        (Some(name), NameMode::SubdomainsOnly) => vec![format!("*.{name}")],
    };
    Some(CertificateUse {
        key: profile.key.clone().unwrap_or_else(|| certificate.clone()),
        certificate,
        names,
        side: profile.side,
        place: profile.place.clone(),
    })
}

/// What is missing for `names` to be shown this pair: `[server:any]` profiles at the end of `tls.cfg`, which come
/// before all others there; `None` where every name is shown it already. The profiles take over what
/// `[server:default]` says besides its files.
///
/// Errors: `Undecided` where there is no `tls.cfg`, or where a profile for a whole socket stands in the way, and those
/// of reading the file.
pub fn with_profiles(
    config: &KamailioConfig,
    source: &dyn Source,
    certificate: &Path,
    key: &Path,
    names: &[Domain],
) -> Result<Option<Change>, ConfigError> {
    let missing = choose::shown_another(config, certificate, key, names);
    if let Some((name, place)) = missing.in_the_way.first() {
        return Err(ConfigError::Undecided {
            what: format!(
                "a profile without server_name answers for {name} and every other name on its socket"
            ),
            candidates: vec![place.clone()],
        });
    }
    if missing.names.is_empty() {
        return Ok(None);
    }
    let Some(file) = &config.profile_file else {
        return Err(ConfigError::Undecided {
            what: "there is no file of TLS profiles: the certificate stands in kamailio.cfg, and \
                   is one for all names"
                .to_owned(),
            candidates: config
                .profiles
                .iter()
                .map(|profile| profile.place.clone())
                .collect(),
        });
    };
    let before = read_limited(source, file)?;
    let mut lines = Vec::new();
    for name in &missing.names {
        lines.push(String::new());
        lines.extend(profiles::lines(
            name,
            certificate,
            key,
            choose::default_of(config),
        )?);
    }
    let after = with_lines_at_end(&before, &lines);
    Ok(Some(text::change(
        file,
        before,
        after,
        format!("a profile for {}", in_words(&missing.names)),
    )))
}

#[cfg(test)]
mod tests;
