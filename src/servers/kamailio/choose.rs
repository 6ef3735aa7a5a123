//! Which profile Kamailio uses for a name on a socket.

use super::super::{Place, Side};
use super::{KamailioConfig, NameMode, Profile, Reach};
use crate::names::Domain;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

/// Names that are shown another pair than a given one.
pub(super) struct Missing {
    /// Those that a profile of their own would help.
    pub(super) names: Vec<Domain>,
    /// Those that it would not, each with the profile that answers for a whole socket.
    pub(super) in_the_way: Vec<(Domain, Place)>,
}

/// Whether a profile shows this very pair.
pub(super) fn has_pair(profile: &Profile, certificate: &Path, key: &Path) -> bool {
    profile.certificate.as_deref() == Some(certificate)
        && profile.key.as_deref().or(profile.certificate.as_deref()) == Some(key)
}

/// `[server:default]`; of two the later one.
pub(super) fn default_of(config: &KamailioConfig) -> Option<&Profile> {
    servers(config).find(|profile| profile.reach == Reach::Default)
}

/// The profiles for those who connect, in the order they are tried: the last one first.
fn servers(config: &KamailioConfig) -> impl Iterator<Item = &Profile> {
    config
        .profiles
        .iter()
        .rev()
        .filter(|profile| profile.side == Side::Server)
}

/// Of `names`, those that are shown another pair on any socket.
pub(super) fn shown_another(
    config: &KamailioConfig,
    certificate: &Path,
    key: &Path,
    names: &[Domain],
) -> Missing {
    let sockets = sockets(config);
    let mut missing = Missing {
        names: Vec::new(),
        in_the_way: Vec::new(),
    };
    for name in names {
        let mut lacks = false;
        for socket in &sockets {
            let (profile, whole) = match whole_socket(config, *socket) {
                Some(profile) => (Some(profile), true),
                None => (by_name(config, *socket, name), false),
            };
            if profile.is_some_and(|profile| has_pair(profile, certificate, key)) {
                continue;
            }
            match profile {
                Some(profile) if whole => missing
                    .in_the_way
                    .push((name.clone(), profile.place.clone())),
                Some(_) | None => lacks = true,
            }
        }
        if lacks && !missing.names.contains(name) {
            missing.names.push(name.clone());
        }
    }
    missing
}

/// Every socket that matters: those it listens on, else those that profiles are for; and one that none is for, where
/// it is not known where the server listens.
fn sockets(config: &KamailioConfig) -> Vec<Option<SocketAddr>> {
    let known: BTreeSet<SocketAddr> = config
        .common
        .listeners
        .iter()
        .map(|listener| listener.address)
        .collect();
    let everywhere = known.iter().any(|socket| socket.ip().is_unspecified());
    let mut sockets: BTreeSet<Option<SocketAddr>> = known.iter().copied().map(Some).collect();
    if known.is_empty() || everywhere {
        sockets.insert(None);
        sockets.extend(servers(config).filter_map(|profile| match profile.reach {
            Reach::Socket(socket) => Some(Some(socket)),
            Reach::Default | Reach::Any => None,
        }));
    }
    sockets.into_iter().collect()
}

/// The profile that a connection begins with, where that has no name of its own: SNI changes nothing then.
fn whole_socket(config: &KamailioConfig, socket: Option<SocketAddr>) -> Option<&Profile> {
    let socket = socket?;
    servers(config)
        .find(|profile| match profile.reach {
            Reach::Socket(own) => meets(own, socket),
            Reach::Default | Reach::Any => false,
        })
        .filter(|profile| profile.server_name.is_none())
}

/// The profile for a name: the first that fits from the end, else the default.
fn by_name<'a>(
    config: &'a KamailioConfig,
    socket: Option<SocketAddr>,
    name: &Domain,
) -> Option<&'a Profile> {
    servers(config)
        .find(|profile| {
            let here = match profile.reach {
                Reach::Any => true,
                Reach::Socket(own) => socket.is_some_and(|socket| meets(own, socket)),
                Reach::Default => false,
            };
            here && is_for(profile, name)
        })
        .or_else(|| default_of(config))
}

fn meets(own: SocketAddr, socket: SocketAddr) -> bool {
    own.ip() == socket.ip() && (own.port() == 0 || own.port() == socket.port())
}

fn is_for(profile: &Profile, name: &Domain) -> bool {
    let Some(own) = &profile.server_name else {
        return false;
    };
    let own = own.to_ascii_lowercase();
    let below = name
        .as_str()
        .strip_suffix(&own)
        .is_some_and(|front| front.ends_with('.'));
    match profile.mode {
        NameMode::Exact => name.as_str() == own,
        NameMode::WithSubdomains => below || name.as_str() == own,
        NameMode::SubdomainsOnly => below,
    }
}
