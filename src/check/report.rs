//! What a check came to: a row for each target.

use super::{Counts, Sent, Status};
use crate::explain::Explanation;
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Presented, Protocol};
use crate::x509::{Certificate, Fingerprint, Window};
use std::net::SocketAddr;
use std::time::Duration;
use time::OffsetDateTime;

/// What a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A file.
    File,
    /// A live endpoint, one of its addresses.
    Endpoint,
    /// A generation in the state.
    Generation,
    /// A request that waits for its reply.
    Request,
    /// A certificate or gateway of the deployment.
    Deployment,
    /// A domain that was looked up: `xmpp:contoso.com`.
    Domain,
}

impl TargetKind {
    /// The word of the machine contract.
    pub fn word(self) -> &'static str {
        match self {
            TargetKind::File => "file",
            TargetKind::Endpoint => "endpoint",
            TargetKind::Generation => "generation",
            TargetKind::Request => "request",
            TargetKind::Deployment => "deployment",
            TargetKind::Domain => "domain",
        }
    }
}

/// A certificate as reports show it: small, so that very many can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateForm {
    /// For people: the first common name, else the first DNS name.
    pub name: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// subjectAltName entries, typed.
    pub sans: Vec<String>,
    /// First second.
    pub not_before: OffsetDateTime,
    /// Last second, included.
    pub not_after: OffsetDateTime,
    /// SHA-256 of the DER.
    pub sha256: Fingerprint,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: Fingerprint,
    /// Hex with colons.
    pub serial: String,
}

impl CertificateForm {
    /// The form of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        let facts = certificate.facts();
        Self {
            name: certificate.display_name(),
            subject: facts.subject.text.clone(),
            issuer: facts.issuer.text.clone(),
            sans: facts
                .names
                .iter()
                .flatten()
                .map(Presented::to_typed)
                .collect(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            sha256: facts.sha256,
            spki_sha256: facts.spki_sha256,
            serial: certificate.serial_hex(),
        }
    }

    /// When it is valid.
    pub fn window(&self) -> Window {
        Window {
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}

/// Whether a leaf holds a name that was wanted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// In a form that peers accept.
    Held,
    /// Not so.
    Missing,
}

impl Holding {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Holding::Held => "held",
            Holding::Missing => "missing",
        }
    }
}

/// What one target came to.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetReport {
    /// As the user knows it: a path, `edge.contoso.com:5269`, `external-edge/4`.
    pub target: String,
    /// What it is.
    pub kind: TargetKind,
    /// The domain's row that led to it: `xmpp:contoso.com`.
    pub within: Option<String>,
    /// The address that was asked.
    pub address: Option<SocketAddr>,
    /// What was spoken.
    pub protocol: Option<Protocol>,
    /// The domain that was asked for (SNI, stream `to`).
    pub asked: Option<Domain>,
    /// The leaf, or the certificate of a file without one.
    pub certificate: Option<CertificateForm>,
    /// The certificates that were sent after the leaf.
    pub chain: Vec<Sent>,
    /// The names that were wanted of the leaf, and whether it holds them.
    pub names: Vec<(String, Holding)>,
    /// What names and chain were held against; `None`: against nothing.
    pub held_against: Option<String>,
    /// Parts that were not judged, and why: (`chain`, `no roots given`).
    pub not_applicable: Vec<(&'static str, String)>,
    /// What else was seen: `TLSv1.3`, `EXTERNAL offered`.
    pub seen: Vec<String>,
    /// What is wrong, nearest cause first.
    pub findings: Vec<Finding>,
    /// Why it could not be looked at.
    pub problem: Option<Box<Explanation>>,
    /// How long it took; files are not timed.
    pub took: Option<Duration>,
}

impl TargetReport {
    /// The last second of what the leaf cannot outlive; `None`: nothing of that kind was sent.
    pub fn chain_ends(&self) -> Option<OffsetDateTime> {
        let weighing = self.chain.iter().filter(|one| one.weighs);
        weighing.map(|one| one.not_after).min()
    }

    /// A report with nothing in it yet.
    pub fn new(target: impl Into<String>, kind: TargetKind) -> Self {
        Self {
            target: target.into(),
            kind,
            within: None,
            address: None,
            protocol: None,
            asked: None,
            certificate: None,
            chain: Vec::new(),
            names: Vec::new(),
            held_against: None,
            not_applicable: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
            problem: None,
            took: None,
        }
    }

    /// Of a target that could not be looked at.
    pub fn unknown(target: impl Into<String>, kind: TargetKind, problem: Explanation) -> Self {
        Self {
            problem: Some(Box::new(problem)),
            ..Self::new(target, kind)
        }
    }

    /// With one finding.
    #[must_use]
    pub fn with_finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// The findings, and one that says what could not be looked at: where the status is not OK there is one.
    pub fn told_findings(&self) -> Vec<Finding> {
        let unread = self.problem.as_ref().map(|problem| {
            Finding::new(
                Code::CheckUnreadable,
                problem.place.clone(),
                problem.what.clone(),
                problem.why.clone(),
                problem.mend.clone(),
            )
        });
        unread
            .into_iter()
            .chain(self.findings.iter().cloned())
            .collect()
    }

    /// The nearest cause of how it stands: the first of the most severe findings. What is seen only beside other targets is
    /// found last, so that notes stand before it.
    pub fn worst(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .rev()
            .max_by_key(|finding| finding.severity)
    }

    /// Why it could not be judged, where nothing worse is known of it.
    pub fn foremost_problem(&self) -> Option<&Explanation> {
        let known = self.worst().map(|worst| worst.severity);
        self.problem
            .as_deref()
            .filter(|_| known.is_none_or(|severity| severity < Severity::Warning))
    }

    /// Where it was asked, as far as the target does not say it: the address of a host, with a port that is not the
    /// target's (`--connect`).
    pub fn place(&self) -> Option<String> {
        let address = self.address?;
        let said = |part: &str| self.target.contains(part);
        if said(&address.to_string()) {
            return None;
        }
        match self.target.ends_with(&format!(":{}", address.port())) {
            true => Some(address.ip().to_string()),
            false => Some(address.to_string()),
        }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        Status::of(&self.findings, self.problem.as_deref())
    }
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckReport {
    /// In the order of the targets; of very many the worst and those that end first.
    pub targets: Vec<TargetReport>,
    /// All that were judged, those without a row included.
    pub counts: Counts,
    /// Targets that have no row, as there were too many.
    pub without_row: usize,
}

impl CheckReport {
    /// Adds a row.
    pub fn push(&mut self, target: TargetReport) {
        self.counts.add(target.status());
        self.targets.push(target);
    }

    /// The status of the whole: the worst.
    pub fn status(&self) -> Status {
        self.counts.status()
    }

    /// The row that should be read first.
    pub fn worst(&self) -> Option<&TargetReport> {
        // The first of equals, as the order is that of the targets.
        self.targets.iter().rev().max_by_key(|row| row.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_its_place_as_far_as_the_target_does_not() {
        for (target, address, place) in [
            ("edge.contoso.com:5269", "192.0.2.1:5269", Some("192.0.2.1")),
            ("edge.contoso.com:5269", "[::1]:5269", Some("::1")),
            (
                "edge.contoso.com:5269",
                "192.0.2.1:15269",
                Some("192.0.2.1:15269"),
            ),
            ("192.0.2.1:5269", "192.0.2.1:5269", None),
            ("front 192.0.2.1:5269", "192.0.2.1:5269", None),
        ] {
            let row = TargetReport {
                address: address.parse().ok(),
                ..TargetReport::new(target, TargetKind::Endpoint)
            };
            assert_eq!(row.place().as_deref(), place, "{target} {address}");
        }
    }

    #[test]
    fn the_worst_target_counts_and_warning_stands_above_unknown() {
        let finding = |severity| {
            Finding::new(Code::ValidityEndsSoon, "leaf", "what", "why", "mend")
                .with_severity(severity)
        };
        let row =
            |severity| TargetReport::new("x", TargetKind::File).with_finding(finding(severity));
        let unknown = TargetReport::unknown(
            "x",
            TargetKind::File,
            Explanation {
                code: "x",
                what: String::new(),
                place: String::new(),
                why: String::new(),
                mend: String::new(),
            },
        );
        let mut report = CheckReport::default();
        assert_eq!(report.status(), Status::Ok);
        for (next, status) in [
            (row(Severity::Note), Status::Ok),
            (unknown, Status::Unknown),
            (row(Severity::Warning), Status::Warning),
            (row(Severity::Error), Status::Critical),
        ] {
            assert_eq!(next.status(), status);
            report.push(next);
            assert_eq!(report.status(), status);
            assert_eq!(report.worst().map(TargetReport::status), Some(status));
        }
        assert_eq!(report.counts.total(), 4);
    }

    #[test]
    fn the_worst_finding_is_the_first_of_the_most_severe_wherever_it_stands() {
        let finding = |place: &str, severity| {
            Finding::new(Code::LiveInside, place, "what", "why", "mend").with_severity(severity)
        };
        let (note, warning) = (Severity::Note, Severity::Warning);
        for (all, worst) in [
            (vec![], None),
            (vec![("a", note), ("b", note)], Some("a")),
            (vec![("a", note), ("b", warning)], Some("b")),
            (vec![("a", note), ("b", warning), ("c", warning)], Some("b")),
            (
                vec![("a", warning), ("b", Severity::Error), ("c", note)],
                Some("b"),
            ),
        ] {
            let row = all.into_iter().fold(
                TargetReport::new("x", TargetKind::Endpoint),
                |row, (place, severity)| row.with_finding(finding(place, severity)),
            );
            assert_eq!(row.worst().map(|one| one.place.as_str()), worst);
        }
    }
}
