//! What a script comes to: sockets, workers, RPC sockets, and the profile of a server without `tls.cfg`.

use super::super::text::top_of;
use super::super::{Listening, Place, Remark, Side};
use super::script::Script;
use super::{DEFAULT_PAIR, NameMode, Profile, Reach, RpcSocket, profiles};
use crate::names::Protocol;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// The port for TLS where none is written.
const TLS_PORT: u16 = 5061;

/// Workers where nothing is written.
const CHILDREN: u32 = 8;

/// Where relative RPC sockets lie, and the module's own one, where nothing is written (Debian).
const RUNTIME_DIR: &str = "/run/kamailio";

impl Script {
    /// The sockets for TLS; what is no address is told.
    pub(super) fn listeners(&self) -> Vec<Listening> {
        if !self.enabled || self.tls.is_none() {
            return Vec::new();
        }
        let port = self.port.unwrap_or(TLS_PORT);
        if self.listens.is_empty() {
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
            return vec![listening(address, None)];
        }
        self.listens
            .iter()
            .flat_map(|(words, place)| {
                sockets(words, port)
                    .0
                    .into_iter()
                    .map(|address| listening(address, Some(place.clone())))
            })
            .collect()
    }

    /// What of the sockets was no address, once for each.
    pub(super) fn unknown_sockets(&self) -> Vec<Remark> {
        self.listens
            .iter()
            .flat_map(|(words, place)| {
                sockets(words, TLS_PORT).1.into_iter().map(|host| Remark {
                    place: place.clone(),
                    what: format!(
                        "`{host}` is no address: where the server listens there is not known"
                    ),
                })
            })
            .collect()
    }

    /// Processes for TCP and TLS.
    pub(super) fn workers(&self) -> u32 {
        self.tcp_children.or(self.children).unwrap_or(CHILDREN)
    }

    /// Sockets for `kamcmd`.
    pub(super) fn rpc_sockets(&self) -> Vec<RpcSocket> {
        let folder = Path::new(self.runtime_dir.as_deref().unwrap_or(RUNTIME_DIR));
        if self.binrpc.is_empty() {
            let own = self.ctl.as_ref().map(|_| RpcSocket {
                address: format!("unixs:{}", folder.join("kamailio_ctl").display()),
                place: None,
            });
            return own.into_iter().collect();
        }
        self.binrpc
            .iter()
            .map(|(written, place)| {
                let (kind, rest) = match written.split_once(':') {
                    Some((kind @ ("unix" | "unixs" | "unixd"), rest)) => (kind, rest),
                    Some(_) => ("", written.as_str()),
                    None => ("unix", written.as_str()),
                };
                let address = if kind.is_empty() {
                    rest.to_owned()
                } else {
                    format!("{kind}:{}", folder.join(rest).display())
                };
                RpcSocket {
                    address,
                    place: Some(place.clone()),
                }
            })
            .collect()
    }

    /// The one profile of a server without `tls.cfg`.
    pub(super) fn own_profile(&self, base: &Path) -> Profile {
        let place = [&self.certificate, &self.key]
            .into_iter()
            .flatten()
            .map(|(_, place)| place.clone())
            .next()
            .or_else(|| self.tls.clone())
            .unwrap_or_else(|| top_of(base));
        let file = |given: &Option<(String, Place)>| {
            let written = given
                .as_ref()
                .map_or(DEFAULT_PAIR, |(written, _)| written.as_str());
            profiles::file(written, base, place.clone(), &mut Vec::new())
        };
        Profile {
            side: Side::Server,
            reach: Reach::Default,
            server_name: None,
            mode: NameMode::Exact,
            certificate: Some(file(&self.certificate)),
            key: Some(file(&self.key)),
            settings: self
                .method
                .iter()
                .map(|method| ("method".to_owned(), method.clone()))
                .collect(),
            place,
        }
    }
}

fn listening(address: SocketAddr, place: Option<Place>) -> Listening {
    Listening {
        protocol: Protocol::Sips,
        address,
        names: None,
        place,
    }
}

/// The TLS sockets of one `listen`, and the hosts that are no addresses. Measured with 5.6.3: without a protocol TLS
/// is on the port after the one that is written.
fn sockets(words: &str, default: u16) -> (Vec<SocketAddr>, Vec<String>) {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    let mut items = outside_brackets(words).into_iter();
    while let Some(item) = items.next() {
        if item == "advertise" || item == "name" {
            items.next();
            continue;
        }
        let (after, rest) = match item.split_once(':') {
            Some(("tls", rest)) => (0, rest),
            Some(("udp" | "tcp" | "sctp" | "ws" | "wss", _)) => continue,
            Some(_) | None => (1, item.as_str()),
        };
        let (hosts, port) = match rest.rsplit_once(':') {
            Some((hosts, port)) if !port.ends_with([')', ']']) => (hosts, port.parse::<u16>().ok()),
            Some(_) | None => (rest, None),
        };
        let port = port.map_or(default, |port| port.saturating_add(after));
        for host in hosts.trim_matches(['(', ')']).split(',') {
            let host = host.trim();
            let bare = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host);
            match bare.parse::<IpAddr>() {
                Ok(address) => found.push(SocketAddr::new(address, port)),
                Err(_) if bare == "*" || bare == "any" => {
                    found.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
                }
                Err(_) => unknown.push(host.to_owned()),
            }
        }
    }
    (found, unknown)
}

/// Words, parted at spaces outside of round brackets.
fn outside_brackets(text: &str) -> Vec<String> {
    let (mut depth, mut words) = (0_usize, vec![String::new()]);
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words.last_mut() {
            Some(word) if !(c.is_whitespace() && depth == 0) => word.push(c),
            Some(_) | None => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
