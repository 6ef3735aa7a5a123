//! The report as one page: self-contained, for people who look at it in a browser, on a phone, on paper.
//!
//! Style and script stand in the page and are allowed by their digests alone (Content Security Policy), so that nothing
//! that a certificate or a peer says could run even if it came through unescaped; nothing is loaded from anywhere. The
//! page is whole without its script, which only sorts the table. What is shown is bounded, and the rest is counted.

mod findings;
mod matrix;
mod rows;
mod timeline;

use super::Taken;
use super::markup::escaped;
use crate::check::{CheckReport, Status, TargetReport};
use crate::explain::printable;
use crate::findings::Code;
use crate::x509::{Fingerprint, pem};
use std::fmt::Write as _;
use time::OffsetDateTime;

const PAGE: &str = include_str!("../../../../templates/report.html");
const STYLE: &str = include_str!("../../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../../templates/report.js");

/// The whole page.
pub fn check(report: &CheckReport, taken: &Taken) -> String {
    let title = format!(
        "{} · edgecert {} · {}",
        report.status().nagios(),
        taken.command,
        super::date(taken.now)
    );
    let mut body = String::new();
    head(&mut body, report, taken);
    body.push_str("<main>\n");
    timeline::section(&mut body, report, taken);
    matrix::section(&mut body, report, taken.now);
    findings::section(&mut body, report);
    rows::section(&mut body, report, taken);
    body.push_str("</main>\n");
    let _ = write!(
        body,
        "<footer>edgecert {} · judged {} · took {:.1} s</footer>",
        env!("CARGO_PKG_VERSION"),
        super::moment(taken.now),
        taken.took.as_secs_f64()
    );
    fill(
        PAGE,
        &[
            ("csp", &policy()),
            ("title", &escaped(&title)),
            ("style", STYLE),
            ("body", &body),
            ("script", SCRIPT),
        ],
    )
}

/// Nothing from anywhere, and of what stands in the page only our style and our script.
pub fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

/// As the policy names a text.
fn digest(text: &str) -> String {
    let sum = Fingerprint::of(text.as_bytes());
    format!("sha256-{}", pem::base64(sum.as_bytes()))
}

/// The template with its `{{places}}` filled, each once; what is filled in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = behind.split_once("}}").unwrap_or((behind, ""));
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            out.push_str(value);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn head(body: &mut String, report: &CheckReport, taken: &Taken) {
    let counts = report.counts;
    let total = counts.total();
    let (word, sentence) = match report.status() {
        Status::Ok => ("OK", "nothing to do".to_owned()),
        Status::Warning => (
            "WARNING",
            format!("{} of {total} need somebody soon", counts.warning),
        ),
        Status::Critical => (
            "CRITICAL",
            format!("{} of {total} need somebody now", counts.critical),
        ),
        Status::Unknown => (
            "UNKNOWN",
            format!("{} of {total} could not be looked at", counts.unknown),
        ),
    };
    let _ = write!(
        body,
        "<header>\n<p class=\"kicker\">edgecert {} · <time datetime=\"{}\">{}</time></p>\n\
         <h1><span class=\"word {}\">{word}</span> – {sentence}</h1>\n<p class=\"lead\">{}</p>\n<ul class=\"counts\">\n",
        taken.command,
        super::rfc3339(taken.now),
        super::moment(taken.now),
        report.status().word(),
        escaped(&lead(report, taken)),
    );
    for (status, number, word) in [
        (Status::Critical, counts.critical, "critical · now"),
        (Status::Warning, counts.warning, "warning · soon"),
        (Status::Unknown, counts.unknown, "unknown · not seen"),
        (Status::Ok, counts.ok, "ok"),
    ] {
        let nil = if number == 0 { " nil" } else { "" };
        let _ = writeln!(
            body,
            "<li class=\"{}{nil}\"><b>{number}</b><span>{word}</span></li>",
            status.word()
        );
    }
    body.push_str("</ul>\n</header>\n");
}

/// What ends first, and what is not in the numbers.
fn lead(report: &CheckReport, taken: &Taken) -> String {
    let mut parts = Vec::new();
    let valid = report
        .targets
        .iter()
        .filter_map(|row| row.certificate.as_ref())
        .filter(|leaf| leaf.not_after >= taken.now)
        .min_by_key(|leaf| leaf.not_after);
    if let Some(leaf) = valid {
        parts.push(format!(
            "Of the valid certificates {} ends first: {}.",
            printable(&leaf.name),
            super::age(leaf.not_after, taken.now)
        ));
    }
    match report.counts.skipped {
        0 => {}
        1 => parts.push("1 file holds no certificate.".to_owned()),
        more => parts.push(format!("{more} files hold no certificate.")),
    }
    parts.join(" ")
}

/// Of what stands behind a leaf, the date that is found fault with: `intermediate ended 2026-09-01`. What ends first says
/// most.
fn behind(row: &TargetReport, now: OffsetDateTime) -> Option<String> {
    let ends = row.findings.iter().filter_map(|one| {
        let number = one.place.strip_prefix("intermediate ")?;
        let number: usize = number.split(',').next()?.parse().ok()?;
        let end = row.chain.get(number.checked_sub(1)?)?.not_after;
        matches!(one.code, Code::ValidityExpired | Code::ValidityEndsSoon).then_some(end)
    });
    ends.min().map(|end| {
        let verb = if end < now { "ended" } else { "ends" };
        format!("intermediate {verb} {}", super::date(end))
    })
}

/// Foreign text as content or attribute: harmless and bounded, then escaped.
fn shown(text: &str) -> String {
    escaped(&printable(text))
}

fn badge(status: Status) -> String {
    let word = match status {
        Status::Ok => "ok",
        Status::Warning | Status::Critical | Status::Unknown => status.nagios(),
    };
    format!("<span class=\"badge {}\">{word}</span>", status.word())
}

/// `and 12 more …`, where there are.
fn more(body: &mut String, left_out: usize, words: &str) {
    if left_out > 0 {
        let _ = writeln!(body, "<p class=\"more\">and {left_out} more {words}</p>");
    }
}

#[cfg(test)]
mod tests;
