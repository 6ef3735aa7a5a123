//! Time: ended, not begun, just begun, little left, issuers that end first, longer than a public CA may issue.

use super::{Case, Ruling};
use crate::deployment::LifeLeft;
use crate::explain::{date, moment, rfc3339, span};
use crate::findings::{Code, Finding, Severity};
use crate::verify::words::{beside, quoted};
use crate::x509::Certificate;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

pub use crate::deployment::Thresholds;

/// A partner's clock may be this far behind.
const FRESH: Duration = Duration::hours(1);

/// Longest life of a public leaf by the day it begins, newest first (BR 6.3.2; ballots SC-081v3, SC-031, 193, 153): from, days.
const LIMITS: [(OffsetDateTime, i64); 6] = [
    (datetime!(2029-03-15 0:00 UTC), 47),
    (datetime!(2027-03-15 0:00 UTC), 100),
    (datetime!(2026-03-15 0:00 UTC), 200),
    (datetime!(2020-09-01 0:00 UTC), 398),
    (datetime!(2018-03-01 0:00 UTC), 825),
    (datetime!(2015-04-01 0:00 UTC), 1_187),
];

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let leaf = case.leaf;
    let facts = leaf.facts();
    let now = whole_seconds(case.expectation.at);
    let mut findings = Vec::new();
    if let Some(finding) = outside(leaf, now, "leaf") {
        findings.push(finding);
    } else {
        if now - facts.not_before < FRESH {
            findings.push(Finding::new(
                Code::ValidityFresh,
                "leaf, validity",
                "the certificate became valid less than an hour ago",
                format!(
                    "it is valid from {}, {} before {}; a partner whose clock is behind will refuse it",
                    moment(facts.not_before),
                    span(now - facts.not_before),
                    moment(now)
                ),
                format!(
                    "wait, or stage it: `edgecert assign --effective-date {}`",
                    rfc3339(facts.not_before.saturating_add(FRESH))
                ),
            ));
        }
        if let Some(threshold) = case.expectation.warn_below {
            let thresholds = Thresholds {
                warning: threshold,
                critical: LifeLeft::Days(f64::NEG_INFINITY),
            };
            findings.extend(ends_soon(leaf, "leaf, validity", now, &thresholds));
        }
        findings.extend(issuer_ends_first(case));
    }
    findings.extend(too_long(case));
    Ruling::Findings(findings)
}

/// Whether little of a certificate's life is left: less than `warning` is a warning, less than `critical` an
/// error. `None` while it has not begun, or after its end (that is `validity.expired`).
pub fn ends_soon(
    certificate: &Certificate,
    place: &str,
    now: OffsetDateTime,
    thresholds: &Thresholds,
) -> Option<Finding> {
    let now = whole_seconds(now);
    let facts = certificate.facts();
    if now < facts.not_before || now > facts.not_after {
        return None;
    }
    let (severity, threshold) = if is_below(certificate, now, thresholds.critical) {
        (Severity::Error, thresholds.critical)
    } else if is_below(certificate, now, thresholds.warning) {
        (Severity::Warning, thresholds.warning)
    } else {
        return None;
    };
    let limit = match threshold {
        LifeLeft::Days(days) => format!("{days} days"),
        LifeLeft::Share(share) => format!("{:.0}% of its life", share * 100.0),
    };
    Some(
        Finding::new(
            Code::ValidityEndsSoon,
            place,
            format!(
                "{} ends on {} (in {})",
                quoted(certificate),
                date(facts.not_after),
                span(facts.not_after - now + Duration::SECOND)
            ),
            format!(
                "{:.0}% of its life of {} is left, less than {limit}",
                certificate.life_left(now) * 100.0,
                span(Duration::seconds(certificate.life_seconds())),
            ),
            "request its successor: `edgecert renew`",
        )
        .with_severity(severity),
    )
}

fn is_below(certificate: &Certificate, now: OffsetDateTime, threshold: LifeLeft) -> bool {
    match threshold {
        LifeLeft::Days(days) => certificate.days_left(now) < days,
        LifeLeft::Share(share) => certificate.life_left(now) < share,
    }
}

/// Whether a certificate has ended or not begun at a moment; both ends of its window are inside (RFC 5280 §4.1.2.5).
pub(crate) fn outside(
    certificate: &Certificate,
    now: OffsetDateTime,
    place: &str,
) -> Option<Finding> {
    let facts = certificate.facts();
    let now = whole_seconds(now);
    let is_leaf = place == "leaf";
    if facts.not_after < facts.not_before {
        return Some(Finding::new(
            Code::ValidityExpired,
            format!("{place}, validity"),
            format!("{} is never valid", quoted(certificate)),
            format!(
                "it begins {} and ends {}, before that",
                moment(facts.not_before),
                moment(facts.not_after)
            ),
            "ask the CA to issue it again",
        ));
    }
    if now > facts.not_after {
        return Some(Finding::new(
            Code::ValidityExpired,
            format!("{place}, validity"),
            format!(
                "{} ended on {} ({} ago)",
                quoted(certificate),
                date(facts.not_after),
                span(now - facts.not_after)
            ),
            format!(
                "its last second is {}, judged at {}",
                moment(facts.not_after),
                moment(now)
            ),
            if is_leaf {
                "request its successor: `edgecert renew`, then import and assign it".to_owned()
            } else {
                format!(
                    "replace {} by the certificate that the CA uses now for this name and key",
                    quoted(certificate)
                )
            },
        ));
    }
    if now < facts.not_before {
        return Some(Finding::new(
            Code::ValidityNotYet,
            format!("{place}, validity"),
            format!(
                "{} is not valid before {} (in {})",
                quoted(certificate),
                date(facts.not_before),
                span(facts.not_before - now)
            ),
            format!(
                "its first second is {}, judged at {}",
                moment(facts.not_before),
                moment(now)
            ),
            if is_leaf {
                format!(
                    "check this machine's clock; if it is right, stage it: `edgecert assign --effective-date {}`",
                    rfc3339(facts.not_before.saturating_add(FRESH))
                )
            } else {
                "check this machine's clock, or use the issuer's certificate that is valid now"
                    .to_owned()
            },
        ));
    }
    None
}

fn issuer_ends_first(case: &Case<'_>) -> Option<Finding> {
    let leaf_end = case.leaf.facts().not_after;
    let issuer = case
        .issuers()
        .into_iter()
        .filter(|issuer| issuer.facts().not_after < leaf_end)
        .min_by_key(|issuer| issuer.facts().not_after)?;
    let end = issuer.facts().not_after;
    // One that has ended already is told by the path.
    if end < whole_seconds(case.expectation.at) {
        return None;
    }
    Some(Finding::new(
        Code::ValidityIssuerEndsFirst,
        format!("{}, validity", case.place(issuer)),
        format!("{} ends before the leaf does", quoted(issuer)),
        format!(
            "it ends {}, the leaf {}",
            beside(end, leaf_end),
            beside(leaf_end, end)
        ),
        format!(
            "plan the renewal for before {}, or ask the CA for an issuer that lives longer",
            date(end)
        ),
    ))
}

fn too_long(case: &Case<'_>) -> Option<Finding> {
    if !case.expectation.public || case.leaf.is_self_signed() {
        return None;
    }
    let begin = case.leaf.facts().not_before;
    let (from, days) = LIMITS.into_iter().find(|(from, _)| begin >= *from)?;
    // BR 6.3.2: a day is 86 400 seconds and any fraction of a second more is another day; notAfter is included.
    let life = case.leaf.life_seconds();
    (life > days * 86_400).then(|| {
        Finding::new(
            Code::ValidityTooLong,
            "leaf, validity",
            format!(
                "the certificate lives longer than the {days} days allowed to public CAs since {}",
                date(from)
            ),
            format!(
                "from {} to {}, both included, are {} days and {} seconds",
                moment(begin),
                moment(case.leaf.facts().not_after),
                life / 86_400,
                life % 86_400
            ),
            "ask the CA to issue it again within the limit; browsers and some libraries refuse it",
        )
    })
}

/// RFC 5280 knows whole seconds only.
pub(crate) fn whole_seconds(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).unwrap_or(time)
}
