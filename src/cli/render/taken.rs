//! What the forms of a report say of the run itself.

use crate::deployment::LifeLeft;
use crate::verify::Thresholds;
use crate::x509::Window;
use std::time::Duration;
use time::OffsetDateTime;

/// When a report was made, how long that took, and what it judged nearness of the end by.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Which command judged: `check` or `verify`.
    pub command: &'static str,
    /// The moment of judgement, UTC.
    pub now: OffsetDateTime,
    /// How long the run took.
    pub took: Duration,
    /// What was held against the life left of leaves.
    pub leaf: Thresholds,
    /// What was held against the life left of the certificates behind them.
    pub chain: Thresholds,
}

impl Taken {
    /// The days left of a life at which a threshold begins, whole days, rounded down as days left are.
    pub fn days_at(threshold: LifeLeft, window: Window) -> i64 {
        let days = match threshold {
            LifeLeft::Days(days) => days,
            LifeLeft::Share(share) => {
                (window.not_after - window.not_before).as_seconds_f64() / 86_400.0 * share
            }
        };
        // Thresholds are at most 36,500 days, and lives at most some thousand years.
        #[allow(clippy::cast_possible_truncation)]
        let whole = days.floor() as i64;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_threshold_is_told_in_whole_days() {
        let window = Window {
            not_before: datetime!(2026-01-01 0:00 UTC),
            not_after: datetime!(2026-04-01 0:00 UTC),
        };
        for (threshold, days) in [
            (LifeLeft::Days(30.0), 30),
            (LifeLeft::Days(2.5), 2),
            (LifeLeft::Share(0.25), 22),
            (LifeLeft::Share(1.0), 90),
        ] {
            assert_eq!(Taken::days_at(threshold, window), days, "{threshold}");
        }
    }
}
