//! Findings in order, and what they come to.

use super::{Finding, Severity};

/// What a set of findings comes to; the order is that of the Nagios contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No warning, no error; notes perhaps.
    Ok,
    /// At least one warning, no error.
    Warning,
    /// At least one error.
    Error,
}

/// The findings about one thing, worst first and the nearest cause before its consequences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Sorts by severity, worst first; equal ones keep the order in which they were found; doubles go.
    pub fn new(findings: Vec<Finding>) -> Self {
        let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
        for finding in findings {
            if !kept.contains(&finding) {
                kept.push(finding);
            }
        }
        kept.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { findings: kept }
    }

    /// The findings, worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What they come to.
    pub fn verdict(&self) -> Verdict {
        match self.findings.first().map(|finding| finding.severity) {
            Some(Severity::Error) => Verdict::Error,
            Some(Severity::Warning) => Verdict::Warning,
            Some(Severity::Note) | None => Verdict::Ok,
        }
    }

    /// Those of level error.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The finding that the verdict rests on: the nearest cause of the worst severity.
    pub fn nearest(&self) -> Option<&Finding> {
        self.findings.first()
    }

    /// Both sets as one report.
    #[must_use]
    pub fn merged(self, other: Report) -> Report {
        Report::new(self.findings.into_iter().chain(other.findings).collect())
    }
}

impl IntoIterator for Report {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.findings.into_iter()
    }
}

/// The findings alone, worst first.
impl serde::Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.findings.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Code;

    #[test]
    fn worst_comes_first_and_doubles_go() {
        let one = |code: Code, why: &str| Finding::new(code, "leaf", "what", why, "mend");
        let report = Report::new(vec![
            one(Code::NamesSurplus, ""),
            one(Code::KeyWeak, "first"),
            one(Code::ValidityFresh, ""),
            one(Code::KeyWeak, "second"),
            one(Code::KeyWeak, "first"),
        ]);
        let order: Vec<(&str, &str)> = report
            .findings()
            .iter()
            .map(|finding| (finding.code.as_str(), finding.why.as_str()))
            .collect();
        assert_eq!(
            order,
            [
                ("key.weak", "first"),
                ("key.weak", "second"),
                ("validity.fresh", ""),
                ("names.surplus", ""),
            ]
        );
        assert_eq!(report.verdict(), Verdict::Error);
        assert_eq!(report.errors().count(), 2);
        assert_eq!(Report::default().verdict(), Verdict::Ok);
    }
}
