//! Connections that have proved nothing, by where they come from: no source may take all places with them.
//!
//! A connection waits from its acceptance to its relay; a stream between servers that was let in without a proof waits
//! for its whole life, as saying a partner's name is all that it took. One source (an IPv4 address, an IPv6 /64) may
//! have half of the places waiting; whoever floods from more of them is ended by the time limits alone. On listeners
//! for SIP and other TLS nobody proves anything, and one trunk is often all of the traffic: there it ends with the
//! handshake. Behind a balancer that hides the addresses all unproved streams share that half, which costs room and
//! keeps nobody out who proves itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A source may always have so many waiting, where there are as many places.
const LEAST: u32 = 16;
/// A flood is told once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How many wait, by source.
#[derive(Debug)]
pub(super) struct Waiting {
    most: u32,
    by_source: Mutex<HashMap<IpAddr, u32>>,
    told: Mutex<Option<Instant>>,
}

/// One that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Waits {
    waiting: Arc<Waiting>,
    source: IpAddr,
}

impl Waiting {
    /// With so many places in all.
    pub fn new(places: u32) -> Arc<Self> {
        Arc::new(Self {
            most: (places / 2).max(places.min(LEAST)),
            by_source: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// How many of one source may wait.
    pub fn most(&self) -> u32 {
        self.most
    }

    /// Whether a source that has its share should be told of now.
    pub fn is_news(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.is_none_or(|told| told.elapsed() >= TOLD_EVERY);
        if news {
            *told = Some(Instant::now());
        }
        news
    }

    /// Lets one more wait, unless its source has its share waiting already.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Waits> {
        let source = source_of(peer);
        // A panic while it was held leaves whole numbers behind.
        let mut by_source = self
            .by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = by_source.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Waits {
            waiting: Arc::clone(self),
            source,
        })
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut by_source = self
            .waiting
            .by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_source.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_source.remove(&self.source);
            }
        }
    }
}

/// A host of its own: the address, or the /64 that one host can fill at will (RFC 4291 §2.5.1).
fn source_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_half_of_the_places() {
        let waiting = Waiting::new(40);
        let enter = |text: &str| waiting.enter(text.parse().unwrap());
        let mut held: Vec<_> = (0..19).map(|_| enter("192.0.2.1").unwrap()).collect();
        held.push(enter("::ffff:192.0.2.1").unwrap());
        assert!(enter("192.0.2.1").is_none());
        held.push(enter("192.0.2.2").unwrap());
        held.extend((0..20).map(|host| enter(&format!("2001:db8::{host}:1")).unwrap()));
        assert!(enter("2001:db8::ffff").is_none());
        assert!(enter("2001:db8:0:1::1").is_some());
        drop(held);
        assert!(enter("192.0.2.1").is_some());
        assert!(waiting.by_source.lock().unwrap().is_empty());
        assert!(waiting.is_news() && !waiting.is_news());
    }

    #[test]
    fn few_places_are_for_whoever_comes() {
        for (places, most) in [(1, 1), (2, 2), (16, 16), (20, 16), (1_000, 500)] {
            assert_eq!(Waiting::new(places).most(), most);
        }
    }
}
