//! What became of the streams of each partner: how many are open, how they were let in, how often they were turned
//! away and why.
//!
//! One count a configured partner, and one for everybody else: what strangers say makes no entries. Since the start of
//! the process.

use crate::wire::control::StreamCounts;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How a stream was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Inside TLS, its certificate proving the domain that it is from.
    Proved,
    /// Inside TLS; the backend decides by dialback.
    InTls,
    /// In clear text; the backend decides by dialback.
    InClear,
}

impl Way {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Way::Proved => "its certificate proves it",
            Way::InTls => "inside TLS, unproved",
            Way::InClear => "in clear text, unproved",
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// The counts of one partner, or of everybody else.
#[derive(Debug, Default)]
pub struct Count {
    open: AtomicU32,
    proved: AtomicU64,
    in_tls: AtomicU64,
    in_clear: AtomicU64,
    /// By stream error: words of ours, so there are few.
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

impl Count {
    /// A stream that was let in, open until the guard is dropped.
    pub fn open(self: &Arc<Self>, way: Way) -> OpenStream {
        let total = match way {
            Way::Proved => &self.proved,
            Way::InTls => &self.in_tls,
            Way::InClear => &self.in_clear,
        };
        total.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenStream(Arc::clone(self))
    }

    /// A stream that was turned away with this condition.
    pub fn refuse(&self, condition: &'static str) {
        // A panic while it was held leaves whole numbers behind.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(condition).or_default() += 1;
    }

    /// The numbers of this moment.
    pub fn told(&self) -> StreamCounts {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        StreamCounts {
            open: self.open.load(Ordering::Relaxed),
            proved: self.proved.load(Ordering::Relaxed),
            in_tls: self.in_tls.load(Ordering::Relaxed),
            in_clear: self.in_clear.load(Ordering::Relaxed),
            refused: refused
                .iter()
                .map(|(condition, count)| ((*condition).to_owned(), *count))
                .collect(),
        }
    }
}

/// A stream that is counted as open.
#[derive(Debug)]
pub struct OpenStream(Arc<Count>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_counted_while_they_are_open_and_their_ways_for_ever() {
        let count = Arc::new(Count::default());
        let first = count.open(Way::Proved);
        let second = count.open(Way::InClear);
        drop(count.open(Way::InTls));
        count.refuse("not-authorized");
        count.refuse("not-authorized");
        let told = count.told();
        assert_eq!(
            (told.open, told.proved, told.in_tls, told.in_clear),
            (2, 1, 1, 1)
        );
        assert_eq!(told.refused["not-authorized"], 2);
        drop((first, second));
        let told = count.told();
        assert_eq!((told.open, told.proved), (0, 1));
    }
}
