//! Connections that have proved nothing, by where they come from: no source may take all places with them.
//!
//! A connection waits from its acceptance to its relay; a stream between servers that was let in without a proof waits
//! for its whole life, as saying a partner's name is all that it took. One source (an IPv4 address, an IPv6 /64) may
//! have half of the places waiting; whoever floods from more of them is ended by the time limits alone. On listeners
//! for SIP and other TLS nobody proves anything, and one trunk is often all of the traffic: there it waits until the
//! handshake and then stays, and what waits and stays of one source may have three quarters of the places. Behind a
//! balancer that hides the addresses all unproved streams share these parts, which costs room and keeps nobody out who
//! proves itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A source may always have so many waiting, where there are as many places.
const LEAST: u32 = 16;
/// A flood is told once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How many wait, by source.
#[derive(Debug)]
pub(super) struct Waiting {
    most: u32,
    most_in_all: u32,
    by_source: Mutex<HashMap<IpAddr, Held>>,
    told: Mutex<Option<Instant>>,
}

/// What one source has.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    waiting: u32,
    staying: u32,
}

/// One that waits or stays, until it is dropped.
#[derive(Debug)]
pub(super) struct Waits {
    waiting: Arc<Waiting>,
    source: IpAddr,
    stays: bool,
}

impl Waiting {
    /// With so many places in all.
    pub fn new(places: u32) -> Arc<Self> {
        Arc::new(Self {
            most: (places / 2).max(places.min(LEAST)),
            most_in_all: (places - places / 4).max(places.min(LEAST)),
            by_source: Mutex::default(),
            told: Mutex::default(),
        })
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

    /// Lets one more wait, unless its source has its share already: then that.
    pub fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Waits, u32> {
        let source = source_of(peer);
        let mut by_source = self.lock();
        let held = by_source.entry(source).or_default();
        if held.waiting >= self.most {
            return Err(self.most);
        }
        if held.waiting.saturating_add(held.staying) >= self.most_in_all {
            return Err(self.most_in_all);
        }
        held.waiting += 1;
        Ok(Waits {
            waiting: Arc::clone(self),
            source,
            stays: false,
        })
    }

    /// A panic while it was held leaves whole numbers behind.
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Held>> {
        self.by_source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    /// It has shaken hands, and that is all it will ever prove.
    pub fn stay(&mut self) {
        let mut by_source = self.waiting.lock();
        if let Some(held) = by_source.get_mut(&self.source)
            && !self.stays
        {
            held.waiting = held.waiting.saturating_sub(1);
            held.staying = held.staying.saturating_add(1);
            self.stays = true;
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut by_source = self.waiting.lock();
        if let Some(held) = by_source.get_mut(&self.source) {
            let one = match self.stays {
                true => &mut held.staying,
                false => &mut held.waiting,
            };
            *one = one.saturating_sub(1);
            if held.waiting == 0 && held.staying == 0 {
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
        assert_eq!(enter("192.0.2.1").unwrap_err(), 20);
        held.push(enter("192.0.2.2").unwrap());
        held.extend((0..20).map(|host| enter(&format!("2001:db8::{host}:1")).unwrap()));
        assert!(enter("2001:db8::ffff").is_err());
        assert!(enter("2001:db8:0:1::1").is_ok());
        drop(held);
        assert!(enter("192.0.2.1").is_ok());
        assert!(waiting.by_source.lock().unwrap().is_empty());
        assert!(waiting.is_news() && !waiting.is_news());
    }

    #[test]
    fn few_places_are_for_whoever_comes() {
        for (places, most) in [(1, 1), (2, 2), (16, 16), (20, 16), (1_000, 500)] {
            assert_eq!(Waiting::new(places).most, most);
        }
    }

    #[test]
    fn relayed_connections_that_prove_nothing_leave_a_quarter_of_the_places() {
        for (places, most) in [(1, 1), (16, 16), (40, 30), (1_000, 750)] {
            let waiting = Waiting::new(places);
            let enter = |text: &str| waiting.enter(text.parse().unwrap());
            let mut held = Vec::new();
            while let Ok(mut one) = enter("192.0.2.1") {
                one.stay();
                one.stay();
                held.push(one);
            }
            assert_eq!(
                (held.len(), enter("192.0.2.1").unwrap_err()),
                (most, most as u32)
            );
            assert!(enter("192.0.2.2").is_ok());
            // Each of them is one place, whether it waits or stays.
            held.pop();
            let waits = enter("192.0.2.1").unwrap();
            assert!(enter("192.0.2.1").is_err());
            drop((held, waits));
            assert!(waiting.by_source.lock().unwrap().is_empty());
        }
    }
}
