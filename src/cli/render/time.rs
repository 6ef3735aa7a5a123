//! Times for people.

use crate::explain::{date, moment, span};
use crate::x509::{Standing, Window};
use time::OffsetDateTime;

/// `2026-03-02 (in 41 days)`, `2026-03-02 (3 days ago)`, in hours or minutes when nearer.
pub fn age(time: OffsetDateTime, now: OffsetDateTime) -> String {
    format!("{} ({})", date(time), away(time, now))
}

/// `2026-03-02 14:05:09 UTC (in 59 minutes)`: where something happens at a time of the day.
pub fn when(time: OffsetDateTime, now: OffsetDateTime) -> String {
    format!("{} ({})", moment(time), away(time, now))
}

fn away(time: OffsetDateTime, now: OffsetDateTime) -> String {
    let away = time - now;
    match away.whole_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(away)),
        ..0 => format!("{} ago", span(away)),
    }
}

/// What is left of a certificate: `89 days left (90%)`, `ended 2026-03-02 (3 days ago)`.
pub fn left(window: Window, now: OffsetDateTime) -> String {
    match window.standing(now) {
        Standing::Ahead => format!("begins {}", age(window.not_before, now)),
        Standing::Over => format!("ended {}", age(window.not_after, now)),
        Standing::Within => {
            let share = window.life_left(now) * 100.0;
            format!("{} left ({share:.0}%)", amount_left(window, now))
        }
    }
}

/// `89 days`, in hours or minutes when nearer.
pub fn amount_left(window: Window, now: OffsetDateTime) -> String {
    match window.whole_days_left(now) {
        0 | 1 => span(window.not_after - now),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn says_how_far_away() {
        let now = datetime!(2026-01-20 12:00 UTC);
        for (then, text) in [
            (datetime!(2026-03-02 12:00 UTC), "2026-03-02 (in 41 days)"),
            (datetime!(2026-01-17 11:00 UTC), "2026-01-17 (3 days ago)"),
            (datetime!(2026-01-20 17:00 UTC), "2026-01-20 (in 5 hours)"),
            (
                datetime!(2026-01-20 11:59:59 UTC),
                "2026-01-20 (1 second ago)",
            ),
        ] {
            assert_eq!(age(then, now), text);
        }
        let then = datetime!(2026-01-20 17:00 UTC);
        assert_eq!(when(then, now), "2026-01-20 17:00:00 UTC (in 5 hours)");
    }

    #[test]
    fn what_is_left_is_said_before_within_and_after_the_life() {
        let window = Window {
            not_before: datetime!(2026-01-01 0:00 UTC),
            not_after: datetime!(2026-04-10 23:59:59 UTC),
        };
        for (now, text) in [
            (
                datetime!(2025-12-27 0:00 UTC),
                "begins 2026-01-01 (in 5 days)",
            ),
            (datetime!(2026-01-11 0:00:01 UTC), "89 days left (90%)"),
            (datetime!(2026-04-09 23:59:59 UTC), "24 hours left (1%)"),
            (
                datetime!(2026-04-14 12:00 UTC),
                "ended 2026-04-10 (3 days ago)",
            ),
        ] {
            assert_eq!(left(window, now), text);
            if text.contains("left") {
                let amount = amount_left(window, now);
                assert!(text.starts_with(&format!("{amount} left")), "{amount}");
            }
        }
    }
}
