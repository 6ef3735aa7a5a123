//! When: one way to write a time for people, and one for machines. UTC throughout, whatever offset the time has.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// `2026-03-02`.
pub fn date(time: OffsetDateTime) -> String {
    written(time, format_description!("[year]-[month]-[day]"))
}

/// `2026-03-02 14:05:09 UTC`: to the second, as certificates know it.
pub fn moment(time: OffsetDateTime) -> String {
    written(
        time,
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC"),
    )
}

/// `2026-03-02T14:05:09Z`, of RFC 3339: in JSON, and wherever a command takes it.
pub fn rfc3339(time: OffsetDateTime) -> String {
    written(
        time,
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"),
    )
}

/// Formatting fails on parts that a time lacks; a time in UTC has all that are asked for.
fn written(time: OffsetDateTime, form: &[BorrowedFormatItem<'_>]) -> String {
    time.to_offset(UtcOffset::UTC)
        .format(form)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_told_in_utc_and_whole_seconds() {
        for time in [
            datetime!(2026-03-02 00:05:09 UTC),
            datetime!(2026-03-02 00:05:09.123456789 UTC),
            datetime!(2026-03-02 09:05:09 +9),
        ] {
            assert_eq!(date(time), "2026-03-02");
            assert_eq!(moment(time), "2026-03-02 00:05:09 UTC");
            assert_eq!(rfc3339(time), "2026-03-02T00:05:09Z");
        }
    }
}
