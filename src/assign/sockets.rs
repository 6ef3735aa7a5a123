//! Who listens on this machine, and how many are connected: read from `/proc/net/tcp` and `/proc/net/tcp6`.
//!
//! The proof asks every address on which a port is served, and a failed one names the process that answers. proc(5).

use crate::explain::printable;
use crate::store::atomic::read_limited;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Most bytes of either table that are read: about 100,000 sockets.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Most processes that are looked through for the owner of a socket.
const MAX_PROCESSES: usize = 50_000;

/// One TCP socket of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// Its own end.
    pub local: SocketAddr,
    /// What it does.
    pub state: SocketState,
    /// The number by which a process holds it.
    pub inode: u64,
}

/// What a socket does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketState {
    /// It accepts connections.
    Listen,
    /// It is one.
    Established,
    /// Neither: it comes or goes.
    Other,
}

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// Its name, at most 15 bytes, as the kernel has it.
    pub name: String,
}

/// All TCP sockets of this network namespace; empty where they may not be read.
pub fn sockets() -> Vec<Socket> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| read_limited(Path::new(path), MAX_BYTES).ok())
        .flat_map(|text| parse(&String::from_utf8_lossy(&text)))
        .collect()
}

/// The addresses of this machine on which a port is listened for by a specific address, besides those that listen on all.
pub fn specific_listeners(all: &[Socket], port: u16) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for socket in all {
        let own = socket.state == SocketState::Listen
            && socket.local.port() == port
            && !socket.local.ip().is_unspecified();
        if own && !found.contains(&socket.local) {
            found.push(socket.local);
        }
    }
    found
}

/// Whether anything listens where this address would be answered.
pub fn is_listened(all: &[Socket], address: SocketAddr) -> bool {
    listening_at(all, address).next().is_some()
}

/// Established connections that were accepted at these addresses; a port that is listened on counts for each address.
pub fn connections(all: &[Socket], listeners: &[SocketAddr]) -> usize {
    accepted(all, listeners).count()
}

/// The numbers of these connections, by which they are known again as long as they last.
pub fn connection_inodes(all: &[Socket], listeners: &[SocketAddr]) -> Vec<u64> {
    accepted(all, listeners)
        .map(|socket| socket.inode)
        .collect()
}

fn accepted<'a>(
    all: &'a [Socket],
    listeners: &'a [SocketAddr],
) -> impl Iterator<Item = &'a Socket> {
    all.iter()
        .filter(|socket| socket.state == SocketState::Established)
        .filter(|socket| {
            listeners.iter().any(|listener| {
                listener.port() == socket.local.port()
                    && (listener.ip().is_unspecified() || listener.ip() == plain(socket.local.ip()))
            })
        })
}

/// The processes that listen where this address would be answered; those of other users may be hidden.
pub fn holders(all: &[Socket], address: SocketAddr) -> Vec<Holder> {
    let wanted: Vec<String> = listening_at(all, address)
        .map(|socket| format!("socket:[{}]", socket.inode))
        .collect();
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes.take(MAX_PROCESSES) {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let held = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|link| wanted.iter().any(|one| link.as_os_str() == one.as_str()));
        if held {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            found.push(Holder {
                pid,
                name: printable(name.trim_end()),
            });
        }
    }
    found
}

/// `pid 4711, nginx`.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {}, {}", self.pid, self.name)
    }
}

/// The sockets that would answer at an address; one that is bound to it stands before one that is bound to all.
fn listening_at(all: &[Socket], address: SocketAddr) -> impl Iterator<Item = &Socket> {
    all.iter().filter(move |socket| {
        let ip = plain(socket.local.ip());
        socket.state == SocketState::Listen
            && socket.local.port() == address.port()
            && (ip == address.ip()
                || ip.is_unspecified() && (ip.is_ipv6() || address.is_ipv4())
                || address.ip().is_unspecified())
    })
}

/// An IPv4 address that was mapped into IPv6, as it is.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

fn parse(text: &str) -> Vec<Socket> {
    text.lines().skip(1).filter_map(parse_line).collect()
}

/// `sl local remote st tx:rx tr:when retrnsmt uid timeout inode …`, the addresses in hex, in words of the machine's order.
fn parse_line(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let local = fields.nth(1)?;
    let state = match fields.nth(1)? {
        "0A" => SocketState::Listen,
        "01" => SocketState::Established,
        _ => SocketState::Other,
    };
    let inode = fields.nth(5)?.parse().ok()?;
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Vec<u32> = (0..ip.len() / 8)
        .map(|word| u32::from_str_radix(ip.get(word * 8..word * 8 + 8)?, 16).ok())
        .collect::<Option<_>>()?;
    let ip = match words.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes())),
        [a, b, c, d] => {
            let mut bytes = [0; 16];
            for (at, word) in [a, b, c, d].into_iter().enumerate() {
                bytes
                    .get_mut(at * 4..at * 4 + 4)?
                    .copy_from_slice(&word.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(Socket {
        local: SocketAddr::new(ip, port),
        state,
        inode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_kernel_are_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1495 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 12345 1 0000000000000000\n   \
            1: 0100007F:1495 0200007F:9C40 01 00000000:00000000 00:00000000 00000000   106        0 777 1 0000000000000000\n";
        let read = parse(text);
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].local, ([127, 0, 0, 1], 5269).into());
        assert_eq!((read[0].state, read[0].inode), (SocketState::Listen, 12345));
        assert_eq!(read[1].state, SocketState::Established);
        let six = "head\n 0: 00000000000000000000000001000000:1495 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 9 1\n";
        assert_eq!(
            parse(six)[0].local,
            "[::1]:5269".parse::<SocketAddr>().unwrap()
        );
        for bad in [
            "",
            "x",
            "head\n 0: zz:1 y 0A",
            "head\n 0: 0100007F:14951 0:0 0A 0 0 0 0 0 1",
        ] {
            assert_eq!(parse(bad), [], "{bad}");
        }
    }

    #[test]
    fn own_listener_and_its_connection_are_seen_with_their_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(connections(&sockets(), &[address]), 0);
        let _client = TcpStream::connect(address).unwrap();
        let _accepted = listener.accept().unwrap();
        let all = sockets();
        assert!(is_listened(&all, address));
        assert_eq!(specific_listeners(&all, address.port()), [address]);
        assert_eq!(connections(&all, &[address]), 1);
        assert_eq!(connection_inodes(&all, &[address]).len(), 1);
        let holders = holders(&all, address);
        assert!(
            holders.iter().any(|one| one.pid == std::process::id()),
            "{holders:?}"
        );
        drop(listener);
        assert!(!is_listened(&sockets(), address));
    }
}
