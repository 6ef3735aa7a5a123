//! The language of judgement: the tool did its work, and the certificate (or what serves it) is at fault.
//!
//! A finding has a code that is stable for ever, a severity, a place, and says what, why, by which standard, and
//! how to mend it. The codes and all that is fixed about them stand in [`catalogue`]. An error (the tool could not
//! do its work) is something else and lives in the room where it happens.

pub mod catalogue;
pub mod report;

pub use catalogue::Code;
pub use report::{Report, Verdict};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Breaks a SHOULD, or will fail soon.
    Warning,
    /// Breaks a MUST, or a named peer will refuse.
    Error,
}

/// One judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which one; gives the citation and the severity it has by default.
    pub code: Code,
    /// Mostly the code's own; `check` raises nearness of the end by its thresholds.
    pub severity: Severity,
    /// Where: `leaf`, `intermediate 1`, `leaf, subjectAltName`, a path, `127.0.0.1:5269`.
    pub place: String,
    /// What is wrong, one line, fit to be shown.
    pub what: String,
    /// The values that disagree, fit to be shown.
    pub why: String,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    /// A finding with its code's severity. Text from outside must have been made printable by the caller.
    pub fn new(
        code: Code,
        place: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: code.severity(),
            place: place.into(),
            what: what.into(),
            why: why.into(),
            mend: mend.into(),
        }
    }

    /// The standard or document behind it.
    pub fn cite(&self) -> &'static str {
        self.code.cite()
    }

    /// The same with another severity.
    #[must_use]
    pub fn with_severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// As in the machine contract: `code`, `severity`, `place`, `what`, `why`, `cite`, `mend`, in this order.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Finding {
            code,
            severity,
            place,
            what,
            why,
            mend,
        } = self;
        let mut object = serializer.serialize_struct("Finding", 7)?;
        object.serialize_field("code", code.as_str())?;
        object.serialize_field("severity", severity)?;
        object.serialize_field("place", place)?;
        object.serialize_field("what", what)?;
        object.serialize_field("why", why)?;
        object.serialize_field("cite", code.cite())?;
        object.serialize_field("mend", mend)?;
        object.end()
    }
}

impl std::fmt::Display for Severity {
    /// `error`, `warning`, `note`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_written_as_the_machine_contract_says() {
        let finding = Finding::new(Code::KeyWeak, "leaf", "what", "why", "mend");
        assert_eq!(
            serde_json::to_string(&finding).unwrap(),
            r#"{"code":"key.weak","severity":"error","place":"leaf","what":"what","why":"why","cite":"BR 6.1.5","mend":"mend"}"#
        );
    }
}
