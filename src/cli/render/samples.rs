//! Reports for the tests of the forms: of every kind and status, with text that would like to be more than text.

use super::Taken;
use crate::check::{CertificateForm, CheckReport, Holding, Sent, TargetKind, TargetReport};
use crate::explain::Explanation;
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Protocol};
use crate::verify::Thresholds;
use crate::x509::Fingerprint;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

pub const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

/// What a peer may call itself.
pub const HOSTILE: &str = "<script>alert(1)</script>\"'>&|\n\r\u{1b}[31m\\ = \u{202e}]]>";

pub fn taken() -> Taken {
    Taken {
        command: "check",
        now: NOW,
        took: Duration::from_millis(1_250),
        leaf: Thresholds::LEAF,
        chain: Thresholds::CHAIN,
    }
}

pub fn certificate(name: &str, number: u8, from: i64, to: i64) -> CertificateForm {
    CertificateForm {
        name: name.to_owned(),
        subject: format!("CN={name}"),
        issuer: "CN=Example CA E5".to_owned(),
        sans: vec![format!("dns:{name}")],
        not_before: NOW + time::Duration::days(from),
        not_after: NOW + time::Duration::days(to),
        sha256: Fingerprint::of(&[number]),
        spki_sha256: Fingerprint::of(&[number]),
        serial: "04:a1".to_owned(),
    }
}

pub fn endpoint(target: &str, name: &str, severity: Option<Severity>) -> TargetReport {
    let held = match severity {
        Some(Severity::Error) => Holding::Missing,
        Some(Severity::Warning | Severity::Note) | None => Holding::Held,
    };
    let row = TargetReport {
        address: "192.0.2.10:5269".parse().ok(),
        protocol: Some(Protocol::XmppServer),
        asked: Domain::parse(name).ok(),
        certificate: Some(certificate(name, 1, -10, 190)),
        names: vec![(name.to_owned(), held)],
        chain: vec![Sent {
            name: "Example CA E5".to_owned(),
            not_after: NOW + time::Duration::days(900),
            weighs: true,
        }],
        seen: vec!["TLSv1.3".to_owned()],
        took: Some(Duration::from_millis(61)),
        ..TargetReport::new(target, TargetKind::Endpoint)
    };
    match severity {
        Some(severity) => row.with_finding(
            Finding::new(Code::NamesMissing, "leaf", "what", "why", "mend").with_severity(severity),
        ),
        None => row,
    }
}

pub fn unknown(target: &str, text: &str) -> TargetReport {
    let problem = Explanation {
        code: "check.unresolved",
        what: format!("{text} cannot be resolved"),
        place: target.to_owned(),
        why: text.to_owned(),
        mend: text.to_owned(),
    };
    TargetReport::unknown(target, TargetKind::Endpoint, problem)
}

/// Of every kind, with hostile text in every place that has text from outside.
pub fn report(text: &str) -> CheckReport {
    let mut report = CheckReport::default();
    report.push(endpoint("edge.contoso.com:5269", "contoso.com", None));
    report.push(endpoint(
        "edge.contoso.com:5269",
        "fabrikam.com",
        Some(Severity::Error),
    ));
    report.push(unknown(&format!("gone{text}:5269"), text));
    let mut file = TargetReport::new(format!("/etc/ssl/{text}.pem"), TargetKind::File)
        .with_finding(
            Finding::new(Code::ValidityEndsSoon, text, text, text, text)
                .with_severity(Severity::Warning),
        );
    let mut leaf = certificate(text, 2, -180, 20);
    leaf.sans = vec![format!("dns:{text}"), "dns:contoso.com".to_owned()];
    file.certificate = Some(leaf);
    file.seen = vec![text.to_owned()];
    file.not_applicable = vec![("chain", text.to_owned())];
    report.push(file.clone());
    file.certificate = Some(certificate("second", 3, -400, -5));
    report.push(file);
    let mut generation = TargetReport::new("external-edge/4", TargetKind::Generation);
    generation.certificate = Some(certificate("edge.contoso.com", 4, -30, 60));
    report.push(generation);
    report.counts.skipped = 7;
    report
}
