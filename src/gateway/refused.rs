//! What the log has of peers that were turned away, or let in without a proof: anybody can be, as often as they like,
//! so that a line of each would be a way to fill a disk.
//!
//! One line of a stream error, and of a way in, in a minute, with the number of those that had none since; the counts of `gateway status`
//! go on. What a peer said of itself stands once in a line, and shortened.

use crate::explain::printable;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One refusal with the same stream error is told in this time.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Characters of a `from` in a line.
const MOST_OF_FROM: usize = 100;

/// When each stream error was told last, and how often it was not since.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<BTreeMap<&'static str, (Instant, u64)>>);

impl Told {
    /// Whether this one is told; then the number that was left out before it.
    pub fn is_news(&self, condition: &'static str, now: Instant) -> Option<u64> {
        // A panic while it was held leaves whole entries behind.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(condition) {
            Some((last, left_out)) if now.saturating_duration_since(*last) < TOLD_EVERY => {
                *left_out = left_out.saturating_add(1);
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                told.insert(condition, (now, 0));
                Some(0)
            }
        }
    }
}

/// A `from` as it stands in a line.
pub(super) fn shown(from: &str) -> String {
    let shown = printable(from);
    match shown.char_indices().nth(MOST_OF_FROM) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_of_a_stream_error_with_the_number_left_out() {
        let told = Told::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (seconds, condition, news) in [
            (0, "policy-violation", Some(0)),
            (1, "policy-violation", None),
            (1, "not-authorized", Some(0)),
            (59, "policy-violation", None),
            (60, "policy-violation", Some(2)),
            (61, "policy-violation", None),
            (200, "policy-violation", Some(1)),
            (300, "policy-violation", Some(0)),
            // Ways in are told apart from errors, and from each other.
            (300, "inside TLS, unproved", Some(0)),
            (300, "in clear text, unproved", Some(0)),
            (301, "inside TLS, unproved", None),
            (360, "inside TLS, unproved", Some(1)),
        ] {
            assert_eq!(told.is_news(condition, after(seconds)), news, "{seconds}");
        }
    }

    #[test]
    fn a_long_from_is_cut() {
        assert_eq!(shown("a.example"), "a.example");
        let long = shown(&"ü".repeat(120));
        assert_eq!(long.chars().count(), MOST_OF_FROM + 1);
        assert!(!shown("a\x1bb").contains('\x1b'));
    }
}
