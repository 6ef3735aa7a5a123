//! One line for monitoring, performance data behind a pipe, and long output below (the Monitoring Plugins' guidelines).
//!
//! Performance data is `'label'=value;warn;crit;min;max`: days have no unit of measure there, so the number stands alone,
//! and the ranges say at which days a threshold begins (`22:` alerts below 22). Whatever is UNKNOWN as a whole begins
//! with that word.

use super::Taken;
use crate::check::group::groups;
use crate::check::{CheckReport, Status, TargetReport};
use crate::explain::{count, is_harmful};
use crate::x509::Window;

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
            Some((name, window)) => {
                format!(
                    "{total} of {total}, {} ends first, in {}",
                    plain(&name),
                    count(
                        usize::try_from(window.whole_days_left(now)).unwrap_or(0),
                        "day"
                    )
                )
            }
            None => format!("{total} of {total}"),
        }),
    }
    let beside = match counts.beside_worst() {
        none if none.is_empty() => String::new(),
        some => format!("; {}", some.join(", ")),
    };
    // Whatever the line says, its sums and its performance data have to stand behind it.
    let mut text = shortened(&line, 1024 - beside.len());
    text.push_str(&beside);
    // One that is WARNING or CRITICAL is one too many.
    text.push_str(&format!(
        " | ok={};;;0;{total} warning={};0;;0;{total} critical={};;0;0;{total} unknown={};;;0;{total}",
        counts.ok, counts.warning, counts.critical, counts.unknown
    ));
    if let Some((_, window)) = soonest(report) {
        text.push_str(&format!(" days_left_min={}", days(window, taken)));
    }
    if report.targets.len() <= MAX_GRAPHED {
        for (label, window) in graphed(report) {
            let datum = format!(" '{label}'={}", days(window, taken));
            if text.len() + datum.len() < MAX_BYTES / 2 {
                text.push_str(&datum);
            }
        }
    }
    text.push('\n');
    for status in [Status::Critical, Status::Warning, Status::Unknown] {
        let rows = report.targets.iter().filter(|row| row.status() == status);
        for group in groups(rows) {
            let long = format!(
                "{} {}: {}\n",
                status.nagios(),
                plain(&group.title()),
                plain(&cause(group.first))
            );
            if text.len() + long.len() > MAX_BYTES - 16 {
                text.push_str("…\n");
                return text;
            }
            text.push_str(&long);
        }
    }
    text
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
        (Some(problem), _) => {
            // The target stands before it.
            let what = problem.what.strip_prefix(row.target.as_str());
            format!("{} ({})", what.unwrap_or(&problem.what), problem.why)
        }
        (None, Some(finding)) => {
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
            format!("{place}{between}{what} ({})", finding.why)
        }
        (None, None) => String::new(),
    }
    .trim_start()
    .to_owned()
}

fn soonest(report: &CheckReport) -> Option<(String, Window)> {
    report
        .targets
        .iter()
        .filter_map(|row| Some((row.target.clone(), row.certificate.as_ref()?.window())))
        .min_by_key(|(_, window)| window.not_after)
}

/// Each target once, in the report's order, with the leaf of it that ends first: a host may answer at several addresses,
/// a file may hold several leaves, and a graph is of one thing as long as its label stays.
fn graphed(report: &CheckReport) -> Vec<(String, Window)> {
    let mut graphed: Vec<(String, Window)> = Vec::new();
    for row in &report.targets {
        let Some(certificate) = &row.certificate else {
            continue;
        };
        let label = label_of(&match &row.asked {
            Some(asked) => format!("{} {asked}", row.target),
            None => row.target.clone(),
        });
        let window = certificate.window();
        match graphed.iter_mut().find(|(known, _)| *known == label) {
            Some((_, first)) if first.not_after <= window.not_after => {}
            Some((_, first)) => *first = window,
            None => graphed.push((label, window)),
        }
    }
    graphed
}

/// `89;22:;9:`: days left, and below how many a threshold begins.
pub fn days(window: Window, taken: &Taken) -> String {
    format!(
        "{};{}:;{}:",
        window.whole_days_left(taken.now),
        Taken::days_at(taken.leaf.warning, window),
        Taken::days_at(taken.leaf.critical, window)
    )
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
