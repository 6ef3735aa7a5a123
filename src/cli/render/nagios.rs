//! One line for monitoring, performance data behind a pipe, and long output below (the Monitoring Plugins' guidelines).
//!
//! Performance data is `'label'=value;warn;crit;min;max`: days have no unit of measure there, so the number stands alone,
//! and the ranges say at which days a threshold begins (`22:` alerts below 22). Whatever is UNKNOWN as a whole begins
//! with that word.

use super::Taken;
use crate::check::group::groups;
use crate::check::{CheckReport, Status, TargetReport};
use crate::deployment::LifeLeft;
use crate::explain::{Explanation, count, is_harmful};
use crate::findings::{Finding, Severity, Verdict};
use crate::x509::{Window, whole_days_left};
use time::OffsetDateTime;

/// What Nagios reads of a plugin by default, in bytes; more is cut there, and here first.
const MAX_BYTES: usize = 4096;

/// Targets with performance data of their own.
const MAX_GRAPHED: usize = 20;

/// Longest label of performance data, in characters.
const MAX_LABEL: usize = 128;

/// A check.
pub fn check(report: &CheckReport, taken: &Taken) -> String {
    let now = taken.now;
    let counts = report.counts;
    let total = counts.total();
    let mut line = match report.status() {
        Status::Unknown => "UNKNOWN - ".to_owned(),
        status @ (Status::Ok | Status::Warning | Status::Critical) => {
            format!("CERTIFICATES {} - ", status.nagios())
        }
    };
    let bad = counts.warning + counts.unknown + counts.critical;
    match report.worst().filter(|_| bad > 0) {
        Some(worst) => line.push_str(&format!(
            "{} of {total}: {}: {}",
            counts.of_worst(),
            plain(&titled(worst)),
            plain(&cause(worst))
        )),
        None => line.push_str(&match soonest(report) {
            Some((name, end)) => {
                format!(
                    "{total} of {total}, {} ends first, in {}",
                    plain(&name),
                    day_words(whole_days_left(end.not_after, now))
                )
            }
            None => format!("{total} of {total}"),
        }),
    }
    let beside = match counts.beside_worst() {
        none if none.is_empty() => String::new(),
        some => format!("; {}", some.join(", ")),
    };
    // Whatever the line says, its sums and its performance data have to stand after it.
    let mut text = shortened(&line, 1024 - beside.len());
    text.push_str(&beside);
    // One that is WARNING or CRITICAL is one too many.
    text.push_str(&format!(
        " | ok={};;;0;{total} warning={};0;;0;{total} critical={};;0;0;{total} unknown={};;;0;{total}",
        counts.ok, counts.warning, counts.critical, counts.unknown
    ));
    if let Some((_, end)) = soonest(report) {
        text.push_str(&format!(" days_left_min={}", end.days(taken)));
    }
    if report.targets.len() <= MAX_GRAPHED {
        for (label, end) in graphed(report) {
            let datum = format!(" '{label}'={}", end.days(taken));
            if text.len() + datum.len() < MAX_BYTES / 2 {
                text.push_str(&datum);
            }
        }
    }
    text.push('\n');
    let groups = groups(&report.targets);
    for severity in [Severity::Error, Severity::Warning] {
        for group in &groups {
            let row = group.first;
            for finding in row.findings.iter().filter(|one| one.severity == severity) {
                let cause = cause_of(row, finding);
                if !long(&mut text, word(severity), &group.title(), &cause) {
                    return text;
                }
            }
        }
    }
    for group in &groups {
        if let Some(problem) = &group.first.problem {
            let cause = problem_of(group.first, problem);
            if !long(&mut text, "UNKNOWN", &group.title(), &cause) {
                return text;
            }
        }
    }
    text
}

/// A verdict on one chain; `words` where there is nothing to find. Without a leaf there are no days.
pub fn verdict(
    subject: &str,
    verdict: Verdict,
    words: &str,
    findings: &[Finding],
    days_left: Option<i64>,
) -> String {
    let status = match verdict {
        Verdict::Ok => "OK",
        Verdict::Warning => "WARNING",
        Verdict::Error => "CRITICAL",
    };
    let told = |finding: &Finding| {
        // The subject stands before it.
        let place = match finding.place == subject {
            true => String::new(),
            false => format!("{}: ", finding.place),
        };
        match finding.why.is_empty() {
            true => format!("{place}{}", finding.what),
            false => format!("{place}{} ({})", finding.what, finding.why),
        }
    };
    let nearest = findings.first().filter(|_| verdict != Verdict::Ok);
    let words = nearest.map_or_else(|| words.to_owned(), told);
    let line = format!(
        "CERTIFICATE {status} - {}: {}",
        plain(subject),
        plain(&words)
    );
    let mut text = shortened(&line, 1024);
    if let Some(days) = days_left {
        text.push_str(&format!(" | days_left={days}"));
    }
    text.push('\n');
    for severity in [Severity::Error, Severity::Warning] {
        for finding in findings.iter().filter(|one| one.severity == severity) {
            if !long(&mut text, word(severity), subject, &told(finding)) {
                return text;
            }
        }
    }
    text
}

/// A line of long output; false where it would be more than is read, and that is said in its stead.
fn long(text: &mut String, status: &str, title: &str, cause: &str) -> bool {
    let line = format!("{status} {}: {}\n", plain(title), plain(cause));
    if text.len() + line.len() > MAX_BYTES - 16 {
        text.push_str("…\n");
        return false;
    }
    text.push_str(&line);
    true
}

/// How a finding makes its target stand.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => Status::Critical.nagios(),
        Severity::Warning => Status::Warning.nagios(),
        Severity::Note => Status::Ok.nagios(),
    }
}

/// A run that could not do its work: one line that begins with UNKNOWN.
pub fn unknown(what: &str, why: &str, mend: &str) -> String {
    let parts: Vec<String> = [what, why, mend]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(plain)
        .collect();
    let line = format!("UNKNOWN - {}", parts.join("; "));
    format!("{}\n", shortened(&line, 1024))
}

/// The target, with the address that was asked where it does not say it.
fn titled(row: &TargetReport) -> String {
    groups([row])
        .first()
        .map_or_else(|| row.target.clone(), |group| group.title())
}

fn cause(row: &TargetReport) -> String {
    match (row.foremost_problem(), row.worst()) {
        (Some(problem), _) => problem_of(row, problem),
        (None, Some(finding)) => cause_of(row, finding),
        (None, None) => String::new(),
    }
}

fn problem_of(row: &TargetReport, problem: &Explanation) -> String {
    // The target stands before it.
    let what = problem.what.strip_prefix(row.target.as_str());
    let told = format!("{} ({})", what.unwrap_or(&problem.what), problem.why);
    told.trim_start().to_owned()
}

fn cause_of(row: &TargetReport, finding: &Finding) -> String {
    // The title says it already.
    let asked = row.address.map(|address| address.to_string());
    let rest = finding
        .what
        .strip_prefix(row.target.as_str())
        .filter(|rest| rest.starts_with(' '));
    let place = match row.target.split(' ').any(|word| word == finding.place) {
        true => "",
        false if finding.place == row.target || rest.is_some() => "",
        false if asked.as_deref() == Some(finding.place.as_str()) => "",
        false => finding.place.as_str(),
    };
    let between = if place.is_empty() { "" } else { ": " };
    let what = rest.unwrap_or(&finding.what).trim_start();
    let told = format!("{place}{between}{what} ({})", finding.why);
    told.trim_start().to_owned()
}

/// What of a chain ends first. Of what stands behind the leaf only the end is kept, and thresholds in days.
#[derive(Debug, Clone, Copy)]
struct End {
    not_after: OffsetDateTime,
    /// Of the leaf, where that is what ends first.
    leaf: Option<Window>,
}

impl End {
    /// The leaf, or what was sent after it, weighs and ends before it: then the chain is worth no more than that.
    fn of(row: &TargetReport) -> Option<Self> {
        let leaf = row.certificate.as_ref()?.window();
        Some(match row.chain_ends().filter(|end| *end < leaf.not_after) {
            Some(not_after) => End {
                not_after,
                leaf: None,
            },
            None => End {
                not_after: leaf.not_after,
                leaf: Some(leaf),
            },
        })
    }

    /// `89;22:;9:`: days left, and below how many a threshold begins.
    fn days(self, taken: &Taken) -> String {
        let Some(leaf) = self.leaf else {
            let days = whole_days_left(self.not_after, taken.now);
            let limit = |threshold| match threshold {
                LifeLeft::Days(days) => format!("{:.0}:", f64::floor(days)),
                LifeLeft::Share(_) => String::new(),
            };
            let (warning, critical) = (limit(taken.chain.warning), limit(taken.chain.critical));
            return format!("{days};{warning};{critical}");
        };
        let days = leaf.whole_days_left(taken.now);
        let limit = |threshold| Taken::days_at(threshold, leaf);
        format!(
            "{days};{}:;{}:",
            limit(taken.leaf.warning),
            limit(taken.leaf.critical)
        )
    }
}

/// `1 day`; what has ended is told by a finding.
pub fn day_words(days: i64) -> String {
    count(usize::try_from(days).unwrap_or(0), "day")
}

fn soonest(report: &CheckReport) -> Option<(String, End)> {
    report
        .targets
        .iter()
        .filter_map(|row| Some((row.target.clone(), End::of(row)?)))
        .min_by_key(|(_, end)| end.not_after)
}

/// Each target once, in the report's order, with the chain of it that ends first: a host may answer at several addresses,
/// a file may hold several leaves, and a graph is of one thing as long as its label stays.
fn graphed(report: &CheckReport) -> Vec<(String, End)> {
    let mut graphed: Vec<(String, End)> = Vec::new();
    for row in &report.targets {
        let Some(end) = End::of(row) else {
            continue;
        };
        let label = label_of(&match &row.asked {
            Some(asked) => format!("{} {asked}", row.target),
            None => row.target.clone(),
        });
        match graphed.iter_mut().find(|(known, _)| *known == label) {
            Some((_, first)) if first.not_after <= end.not_after => {}
            Some((_, first)) => *first = end,
            None => graphed.push((label, end)),
        }
    }
    graphed
}

/// Without the characters that mean something to Nagios: a pipe begins performance data, a line end long output.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '|' => '¦',
            c if is_harmful(c) => ' ',
            c => c,
        })
        .collect()
}

fn label_of(text: &str) -> String {
    plain(text)
        .chars()
        .take(MAX_LABEL)
        .map(|c| if matches!(c, '\'' | '=') { '_' } else { c })
        .collect()
}

/// Cut at a character, at most this many bytes.
fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if cut.len() + c.len_utf8() > max {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests;
