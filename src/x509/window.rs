//! The window in which a certificate is valid, and what is left of it: the one place where days are counted.
//!
//! Both ends are inside (RFC 5280 §4.1.2.5), so a life is notAfter − notBefore + 1 second. Everything shown as days,
//! in tables, lines for monitoring and JSON, is [`whole_days_left`].

use time::OffsetDateTime;

/// Seconds of a day (BR 6.3.2 counts alike).
const DAY: i64 = 86_400;

/// From the first second to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second, UTC.
    pub not_before: OffsetDateTime,
    /// Last second, UTC, included.
    pub not_after: OffsetDateTime,
}

/// Where a moment stands to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not begun.
    Ahead,
    /// It is valid.
    Within,
    /// It has ended.
    Over,
}

/// Whole days left to a last second, towards zero: 89 while the ninetieth day runs out, -3 from the third day after it.
pub fn whole_days_left(not_after: OffsetDateTime, now: OffsetDateTime) -> i64 {
    seconds_left(not_after, now) / DAY
}

fn seconds_left(not_after: OffsetDateTime, now: OffsetDateTime) -> i64 {
    (not_after - now).whole_seconds() + 1
}

impl Window {
    /// Where `now` stands.
    pub fn standing(self, now: OffsetDateTime) -> Standing {
        if self.seconds_left(now) <= 0 {
            Standing::Over
        } else if now < self.not_before {
            Standing::Ahead
        } else {
            Standing::Within
        }
    }

    /// The whole life in seconds.
    pub fn life_seconds(self) -> i64 {
        (self.not_after - self.not_before).whole_seconds() + 1
    }

    fn seconds_left(self, now: OffsetDateTime) -> i64 {
        seconds_left(self.not_after, now)
    }

    /// Days left with their fraction, to be held against thresholds; negative after the end.
    pub fn days_left(self, now: OffsetDateTime) -> f64 {
        self.seconds_left(now) as f64 / DAY as f64
    }

    /// Whole days left, as [`whole_days_left`].
    pub fn whole_days_left(self, now: OffsetDateTime) -> i64 {
        whole_days_left(self.not_after, now)
    }

    /// Share of the life left, 0.0 to 1.0.
    pub fn life_left(self, now: OffsetDateTime) -> f64 {
        (self.seconds_left(now) as f64 / self.life_seconds().max(1) as f64).clamp(0.0, 1.0)
    }

    /// Share of the life left in percent, in tenths: 0.0 to 100.0.
    pub fn life_left_percent(self, now: OffsetDateTime) -> f64 {
        (self.life_left(now) * 1000.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_last_second_counts_as_life_and_days_are_whole_towards_zero() {
        let window = Window {
            not_before: datetime!(2026-01-01 0:00 UTC),
            not_after: datetime!(2026-04-10 23:59:59 UTC),
        };
        for (now, standing, days, percent) in [
            (datetime!(2025-12-31 0:00 UTC), Standing::Ahead, 101, 100.0),
            (datetime!(2026-01-01 0:00 UTC), Standing::Within, 100, 100.0),
            (
                datetime!(2026-01-01 0:00:01 UTC),
                Standing::Within,
                99,
                100.0,
            ),
            (datetime!(2026-02-20 0:00 UTC), Standing::Within, 50, 50.0),
            (datetime!(2026-04-10 23:59:59 UTC), Standing::Within, 0, 0.0),
            (datetime!(2026-04-11 0:00 UTC), Standing::Over, 0, 0.0),
            (datetime!(2026-04-11 23:59:59 UTC), Standing::Over, 0, 0.0),
            (datetime!(2026-04-14 12:00 UTC), Standing::Over, -3, 0.0),
        ] {
            assert_eq!(window.standing(now), standing, "{now}");
            assert_eq!(window.whole_days_left(now), days, "{now}");
            assert_eq!(window.life_left_percent(now), percent, "{now}");
        }
    }
}
