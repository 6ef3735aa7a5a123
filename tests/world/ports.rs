//! Ports for servers that are started a moment later: below the range from which the system gives ports to outgoing
//! connections, so that no handshake of another test takes one away, and each given once in a process.

#![allow(missing_docs)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// First port, and how many: Linux begins to give out ports at 32768.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// Addresses on 127.0.0.1 that are free now.
pub fn free_addresses(count: usize) -> Vec<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes of tests that follow each other begin at other places, as a closed port rests for a while.
    let start = u16::try_from(std::process::id() * 37 % u32::from(COUNT)).unwrap_or(0);
    std::iter::repeat_with(|| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (start + step) % COUNT))
    })
    .take(usize::from(COUNT))
    .filter(|address| TcpListener::bind(address).is_ok())
    .take(count)
    .collect()
}
