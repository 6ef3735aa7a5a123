//! JSON forms that several commands share.

use super::rfc3339;
use crate::check::{CertificateForm, CheckReport, Sent, TargetReport};
use crate::cli::output::error_json;
use crate::explain::printable;
use crate::store::CertificateSummary;
use crate::x509::Certificate;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// A certificate, as it stands everywhere in the machine contract.
pub fn certificate_json(certificate: &Certificate, now: OffsetDateTime) -> Value {
    summary_json(&CertificateSummary::of(certificate), now)
}

/// The same, of what the state keeps.
pub fn summary_json(kept: &CertificateSummary, now: OffsetDateTime) -> Value {
    json!({
        "subject": kept.subject,
        "issuer": kept.issuer,
        "sans": kept.sans,
        "not_before": rfc3339(kept.not_before),
        "not_after": rfc3339(kept.not_after),
        "days_left": kept.window().whole_days_left(now),
        "life_left_percent": kept.window().life_left_percent(now),
        "sha256": kept.sha256,
        "spki_sha256": kept.spki_sha256,
        "serial": kept.serial,
    })
}

/// The same, of what a report kept.
pub fn form_json(form: &CertificateForm, now: OffsetDateTime) -> Value {
    let kept = CertificateSummary {
        subject: form.subject.clone(),
        issuer: form.issuer.clone(),
        sans: form.sans.clone(),
        not_before: form.not_before,
        not_after: form.not_after,
        sha256: form.sha256.to_string(),
        spki_sha256: form.spki_sha256.to_string(),
        serial: form.serial.clone(),
    };
    summary_json(&kept, now)
}

/// The `result` of `check`.
pub fn check_json(report: &CheckReport, now: OffsetDateTime) -> Value {
    json!({
        "status": report.status().word(),
        "summary": summary_of(report),
        "targets": report.targets.iter().map(|row| target_json(row, now)).collect::<Vec<_>>(),
    })
}

/// How many stand how.
pub fn summary_of(report: &CheckReport) -> Value {
    json!({
        "ok": report.counts.ok,
        "warning": report.counts.warning,
        "critical": report.counts.critical,
        "unknown": report.counts.unknown,
        "skipped": report.counts.skipped,
        "without_row": report.without_row,
    })
}

/// A row of it.
pub fn target_json(row: &TargetReport, now: OffsetDateTime) -> Value {
    let chain = |one: &Sent| json!({"name": one.name, "not_after": rfc3339(one.not_after)});
    let part = |(part, why): &(&'static str, String)| json!({"part": part, "why": why});
    json!({
        "target": row.target,
        "kind": row.kind.word(),
        "within": row.within,
        "status": row.status().word(),
        "address": row.address.map(|address| address.to_string()),
        "protocol": row.protocol.map(|protocol| protocol.word()),
        "name": row.asked.as_ref().map(ToString::to_string),
        "certificate": row.certificate.as_ref().map(|form| form_json(form, now)),
        "chain": row.chain.iter().map(chain).collect::<Vec<_>>(),
        "names": row
            .names
            .iter()
            .map(|(name, holding)| json!({"name": printable(name), "holding": holding.word()}))
            .collect::<Vec<_>>(),
        "held_against": row.held_against,
        "not_applicable": row.not_applicable.iter().map(part).collect::<Vec<_>>(),
        "seen": row.seen,
        "findings": row.told_findings(),
        "error": row.problem.as_deref().map(error_json),
        "took_ms": row.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
    })
}
