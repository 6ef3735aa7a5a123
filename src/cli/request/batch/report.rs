//! What became of each entry, told once at the end: by number and line, and in the list's order.

use crate::cli::output::error_json;
use crate::explain::Explanation;
use crate::findings::Finding;
use crate::names::Slug;
use crate::x509::Fingerprint;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::collections::HashMap;

/// Most entries told to a person one by one.
const MAX_TOLD: usize = 50;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Made,
    AlreadyThere,
    Refused,
    Failed,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Made => "made",
            Status::AlreadyThere => "already-there",
            Status::Refused => "refused",
            Status::Failed => "failed",
        }
    }
}

/// How many of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) made: u64,
    pub(super) already_there: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
}

/// One entry, and what became of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) line: usize,
    pub(super) status: Status,
    pub(super) folder: Option<Box<str>>,
    pub(super) certificate: Option<Slug>,
    pub(super) spki: Option<Fingerprint>,
    /// Of everything that is asked; to find those that ask the same.
    pub(super) asked: Option<Fingerprint>,
    pub(super) notes: Vec<&'static str>,
    pub(super) problem: Option<Box<Explanation>>,
}

/// All entries so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    counts: Counts,
    /// By code: the first that was found, by its entry, and how many there are.
    findings: BTreeMap<&'static str, (u64, Finding, u64)>,
}

impl Report {
    pub(super) fn add(&mut self, row: Row) {
        match row.status {
            Status::Made => self.counts.made += 1,
            Status::AlreadyThere => self.counts.already_there += 1,
            Status::Refused => self.counts.refused += 1,
            Status::Failed => self.counts.failed += 1,
        }
        self.rows.push(row);
    }

    pub(super) fn note(&mut self, number: u64, findings: Vec<Finding>) {
        for finding in findings {
            let code = finding.code.as_str();
            match self.findings.get_mut(code) {
                Some((first, known, count)) => {
                    *count += 1;
                    if number < *first {
                        *first = number;
                        *known = finding;
                    }
                }
                None => {
                    self.findings.insert(code, (number, finding, 1));
                }
            }
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// One finding of each code, with how many entries have it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings
            .values()
            .map(|(number, finding, count)| {
                let mut finding = finding.clone();
                finding.place = match count {
                    1 => format!("entry {number}: {}", finding.place),
                    more => format!("entry {number} and {} more: {}", more - 1, finding.place),
                };
                finding
            })
            .collect()
    }

    /// In the list's order, with the earlier entry that asks the same.
    pub(super) fn finish(&mut self) -> Vec<Option<u64>> {
        self.rows.sort_unstable_by_key(|row| row.number);
        let mut first: HashMap<&Fingerprint, u64> = HashMap::new();
        self.rows
            .iter()
            .map(|row| {
                let asked = row.asked.as_ref()?;
                match first.get(asked) {
                    Some(number) => Some(*number),
                    None => {
                        first.insert(asked, row.number);
                        None
                    }
                }
            })
            .collect()
    }

    /// The entries for the machine contract; after [`Report::finish`], whose outcome is handed in.
    pub(super) fn entries(&self, same: &[Option<u64>]) -> Vec<Value> {
        self.rows
            .iter()
            .zip(same)
            .map(|(row, same)| {
                json!({
                    "entry": row.number,
                    "line": row.line,
                    "status": row.status.word(),
                    "folder": row.folder,
                    "certificate": row.certificate.as_ref().map(Slug::as_str),
                    "spki_sha256": row.spki.as_ref().map(Fingerprint::to_string),
                    "same_names_as": same,
                    "notes": row.notes,
                    "error": row.problem.as_deref().map(error_json),
                })
            })
            .collect()
    }

    /// The entries that were not made, one or two lines each.
    pub(super) fn problems(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut more = 0_usize;
        for row in &self.rows {
            let Some(told) = &row.problem else { continue };
            if lines.len() == MAX_TOLD {
                more += 1;
                continue;
            }
            let place = match told.place.is_empty() {
                true => format!("line {}", row.line),
                false => told.place.clone(),
            };
            let why = match told.why.is_empty() {
                true => String::new(),
                false => format!(" ({})", told.why),
            };
            lines.push(format!(
                "entry {}, {}: {place}: {}{why}; {}",
                row.number,
                row.status.word(),
                told.what,
                told.mend
            ));
        }
        if more > 0 {
            lines.push(format!("and {more} more: --json tells them all"));
        }
        lines.join("\n")
    }

    /// The entries that ask the same as an earlier one, in a line; `None` where there is none.
    pub(super) fn doubles(&self, same: &[Option<u64>]) -> Option<String> {
        let mut pairs: Vec<String> = Vec::new();
        let mut count = 0_usize;
        for (row, same) in self.rows.iter().zip(same) {
            let Some(same) = same else { continue };
            count += 1;
            if pairs.len() < 5 {
                pairs.push(format!("{} as {same}", row.number));
            }
        }
        let more = count - pairs.len();
        if more > 0 {
            pairs.push(format!("and {more} more"));
        }
        (count > 0).then(|| {
            format!(
                "asked twice of the same issuer, each with a key of its own: entry {}",
                pairs.join(", ")
            )
        })
    }
}
