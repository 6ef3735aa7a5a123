//! How a target stands, and how many stand so.

use crate::explain::Explanation;
use crate::findings::{Finding, Severity};

/// How a target stands; the order is from good to bad, and that of the whole is its worst.
///
/// CRITICAL comes before WARNING, and WARNING before UNKNOWN: what was seen to be wrong is not hidden behind what could
/// not be looked at. UNKNOWN is told beside the worst, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// It could not be looked at.
    Unknown,
    /// Soon.
    Warning,
    /// Now.
    Critical,
}

impl Status {
    /// All, from good to bad.
    pub const ALL: [Status; 4] = [
        Status::Ok,
        Status::Unknown,
        Status::Warning,
        Status::Critical,
    ];

    /// Of what was found, and of what could not be looked at.
    pub fn of(findings: &[Finding], problem: Option<&Explanation>) -> Status {
        let worst = findings.iter().map(|finding| finding.severity).max();
        let judged = match worst {
            Some(Severity::Error) => Status::Critical,
            Some(Severity::Warning) => Status::Warning,
            Some(Severity::Note) | None => Status::Ok,
        };
        match problem {
            Some(_) => judged.max(Status::Unknown),
            None => judged,
        }
    }

    /// The word of the machine contract: `ok`, `warning`, `unknown`, `critical`.
    pub fn word(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Unknown => "unknown",
            Status::Critical => "critical",
        }
    }

    /// The word of monitoring: `OK`, `WARNING`, `UNKNOWN`, `CRITICAL`.
    pub fn nagios(self) -> &'static str {
        match self {
            Status::Ok => "OK",
            Status::Warning => "WARNING",
            Status::Unknown => "UNKNOWN",
            Status::Critical => "CRITICAL",
        }
    }

    /// The number of monitoring: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    pub fn number(self) -> u8 {
        match self {
            Status::Ok => 0,
            Status::Warning => 1,
            Status::Critical => 2,
            Status::Unknown => 3,
        }
    }
}

/// How many targets stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// OK.
    pub ok: usize,
    /// WARNING.
    pub warning: usize,
    /// UNKNOWN.
    pub unknown: usize,
    /// CRITICAL.
    pub critical: usize,
    /// Files of folders that hold no certificate.
    pub skipped: usize,
}

impl Counts {
    /// Counts a target in.
    pub fn add(&mut self, status: Status) {
        match status {
            Status::Ok => self.ok += 1,
            Status::Warning => self.warning += 1,
            Status::Unknown => self.unknown += 1,
            Status::Critical => self.critical += 1,
        }
    }

    /// Both together.
    #[must_use]
    pub fn merged(self, other: Counts) -> Counts {
        Counts {
            ok: self.ok + other.ok,
            warning: self.warning + other.warning,
            unknown: self.unknown + other.unknown,
            critical: self.critical + other.critical,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Targets judged, skipped files not among them.
    pub fn total(&self) -> usize {
        self.ok + self.warning + self.unknown + self.critical
    }

    /// How many stand worst.
    pub fn of_worst(&self) -> usize {
        match self.status() {
            Status::Ok => self.ok,
            Status::Warning => self.warning,
            Status::Unknown => self.unknown,
            Status::Critical => self.critical,
        }
    }

    /// How many stand badly besides them: `5 warning`, `1 unknown`.
    pub fn beside_worst(&self) -> Vec<String> {
        let worst = self.status();
        [
            (Status::Warning, self.warning),
            (Status::Unknown, self.unknown),
        ]
        .into_iter()
        .filter(|(status, count)| worst > *status && *count > 0)
        .map(|(status, count)| format!("{count} {}", status.word()))
        .collect()
    }

    /// The worst there is.
    pub fn status(&self) -> Status {
        match self {
            Counts { critical: 1.., .. } => Status::Critical,
            Counts { warning: 1.., .. } => Status::Warning,
            Counts { unknown: 1.., .. } => Status::Unknown,
            Counts { .. } => Status::Ok,
        }
    }
}
