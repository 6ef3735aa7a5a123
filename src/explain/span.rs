//! How long, in words: one way to count for every table, line and finding.

use time::Duration;

/// `41 days`, `30 hours`, `1 minute`: whole units, rounded down, without a sign. Hours up to two days, as one day of
/// a deadline is too coarse.
pub fn span(duration: Duration) -> String {
    let seconds = duration.whole_seconds().unsigned_abs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_people_tell_them() {
        for (seconds, text) in [
            (1, "1 second"),
            (-120, "2 minutes"),
            (3_600, "1 hour"),
            (-86_399, "23 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
            (200 * 86_400, "200 days"),
        ] {
            assert_eq!(span(Duration::seconds(seconds)), text);
        }
    }
}
