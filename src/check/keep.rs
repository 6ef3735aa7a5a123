//! Rows of very many targets within bounded memory: the worst are kept, and of the good ones those that end first.

use super::{Counts, TargetReport};
use std::collections::BTreeSet;
use time::OffsetDateTime;

/// Most rows that are kept of files and folders: enough to show every row of a usual inventory.
pub const MAX_ROWS: usize = 10_000;

/// Where a row belongs: the target's place on the command line, the file's in its folder, the leaf's in its file.
pub type Place = (usize, usize, usize);

/// Rows gathered so far.
#[derive(Debug, Default)]
pub struct Kept {
    rows: Vec<(Place, TargetReport)>,
    /// All that were gathered.
    pub counts: Counts,
    /// Those that have no row any more.
    pub without_row: usize,
    /// The targets that anything was gathered of.
    pub seen: BTreeSet<usize>,
}

impl Kept {
    /// Takes a row in.
    pub fn push(&mut self, place: Place, row: TargetReport) {
        self.counts.add(row.status());
        self.seen.insert(place.0);
        self.rows.push((place, row));
        if self.rows.len() >= 2 * MAX_ROWS {
            self.thin_out();
        }
    }

    /// The rows that are kept so far, in the order in which they came.
    pub fn rows(&self) -> &[(Place, TargetReport)] {
        &self.rows
    }

    /// Takes in what was gathered elsewhere.
    pub fn absorb(&mut self, other: Kept) {
        self.counts = self.counts.merged(other.counts);
        self.without_row += other.without_row;
        self.seen.extend(other.seen);
        self.rows.extend(other.rows);
        if self.rows.len() >= 2 * MAX_ROWS {
            self.thin_out();
        }
    }

    /// The rows in the order of their places.
    pub fn into_rows(mut self) -> Vec<(Place, TargetReport)> {
        self.thin_out();
        self.rows.sort_by_key(|(place, _)| *place);
        self.rows
    }

    fn thin_out(&mut self) {
        if self.rows.len() <= MAX_ROWS {
            return;
        }
        self.rows.sort_by_key(|(place, row)| {
            let end = row
                .certificate
                .as_ref()
                .map_or(OffsetDateTime::UNIX_EPOCH, |certificate| {
                    certificate.not_after
                });
            (std::cmp::Reverse(row.status()), end, *place)
        });
        self.without_row += self.rows.len() - MAX_ROWS;
        self.rows.truncate(MAX_ROWS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::TargetKind;
    use crate::findings::{Code, Finding};

    #[test]
    fn of_too_many_rows_the_worst_are_kept_in_their_order() {
        let mut kept = Kept::default();
        for number in 0..(3 * MAX_ROWS) {
            let row = TargetReport::new(number.to_string(), TargetKind::File);
            let row = if number % 10_000 == 9_999 {
                row.with_finding(Finding::new(Code::ValidityExpired, "leaf", "", "", ""))
            } else {
                row
            };
            kept.push((0, number, 0), row);
        }
        assert_eq!((kept.counts.ok, kept.counts.critical), (29_997, 3));
        let rows = kept.into_rows();
        assert_eq!(rows.len(), MAX_ROWS);
        let bad: Vec<&str> = rows
            .iter()
            .filter(|(_, row)| !row.findings.is_empty())
            .map(|(_, row)| row.target.as_str())
            .collect();
        assert_eq!(bad, ["9999", "19999", "29999"]);
        assert!(rows.is_sorted_by_key(|(place, _)| *place));
    }
}
