//! One line for monitoring, performance data behind a pipe, and long output below (the Monitoring Plugins' guidelines).

use crate::check::group::groups;
use crate::check::{CheckReport, Status, TargetReport};
use time::OffsetDateTime;

/// What Nagios reads of a plugin by default, in bytes; more is cut there, and here first.
const MAX_BYTES: usize = 4096;

/// Targets with performance data of their own.
const MAX_GRAPHED: usize = 20;

/// A check.
pub fn check(report: &CheckReport, now: OffsetDateTime) -> String {
    let counts = report.counts;
    let total = counts.total();
    let mut line = format!("CERTIFICATES {} - ", report.status().nagios());
    let bad = counts.warning + counts.unknown + counts.critical;
    match report.worst().filter(|_| bad > 0) {
        Some(worst) => line.push_str(&format!(
            "{} of {total}: {}: {}",
            counts.of_worst(),
            plain(&worst.target),
            plain(&cause(worst))
        )),
        None => line.push_str(&match soonest(report, now) {
            Some((name, days)) => {
                format!(
                    "{total} of {total}, {} ends first, in {days} days",
                    plain(&name)
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
    text.push_str(&format!(
        " | ok={} warning={} critical={} unknown={}",
        counts.ok, counts.warning, counts.critical, counts.unknown
    ));
    if let Some((_, days)) = soonest(report, now) {
        text.push_str(&format!(" days_left_min={days}"));
    }
    if report.targets.len() <= MAX_GRAPHED {
        for row in &report.targets {
            if let Some(certificate) = &row.certificate {
                let label = match &row.asked {
                    Some(asked) => format!("{} {asked}", row.target),
                    None => row.target.clone(),
                };
                let datum = format!(
                    " '{}'={}",
                    label_of(&label),
                    certificate.window().whole_days_left(now)
                );
                if text.len() + datum.len() < MAX_BYTES / 2 {
                    text.push_str(&datum);
                }
            }
        }
    }
    text.push('\n');
    for status in [Status::Critical, Status::Unknown, Status::Warning] {
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

/// A run that could not do its work: one line.
pub fn unknown(subject: &str, what: &str, why: &str, mend: &str) -> String {
    let parts: Vec<String> = [what, why, mend]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(plain)
        .collect();
    let line = format!("{subject} UNKNOWN - {}", parts.join("; "));
    format!("{}\n", shortened(&line, 1024))
}

fn cause(row: &TargetReport) -> String {
    match (&row.problem, row.findings.first()) {
        (Some(problem), _) => {
            // The target stands before it.
            let what = problem.what.strip_prefix(row.target.as_str());
            format!("{} ({})", what.unwrap_or(&problem.what), problem.why)
        }
        (None, Some(finding)) => {
            let place = match row.target.split(' ').any(|word| word == finding.place) {
                true => "",
                false if finding.place == row.target => "",
                false => finding.place.as_str(),
            };
            format!("{place} {} ({})", finding.what, finding.why)
        }
        (None, None) => String::new(),
    }
    .trim_start()
    .to_owned()
}

fn soonest(report: &CheckReport, now: OffsetDateTime) -> Option<(String, i64)> {
    report
        .targets
        .iter()
        .filter_map(|row| {
            let certificate = row.certificate.as_ref()?;
            Some((row.target.clone(), certificate.window()))
        })
        .min_by_key(|(_, window)| window.not_after)
        .map(|(target, window)| (target, window.whole_days_left(now)))
}

/// Without the characters that mean something to Nagios: a pipe begins performance data, a line end long output.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '|' => '¦',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

fn label_of(text: &str) -> String {
    plain(text)
        .chars()
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
mod tests {
    use super::*;
    use crate::check::TargetKind;
    use crate::findings::{Code, Finding, Severity};
    use time::macros::datetime;

    #[test]
    fn foreign_text_cannot_end_the_line_or_begin_performance_data() {
        let mut report = CheckReport::default();
        report.push(
            TargetReport::new("a|b\nc", TargetKind::File).with_finding(Finding::new(
                Code::ValidityExpired,
                "leaf",
                "ended 3 days ago",
                "pipe | here",
                "",
            )),
        );
        let text = check(&report, datetime!(2026-11-20 0:00 UTC));
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(
            first,
            "CERTIFICATES CRITICAL - 1 of 1: a¦b c: leaf ended 3 days ago (pipe ¦ here) | ok=0 warning=0 critical=1 \
             unknown=0"
        );
        assert_eq!(
            rest,
            "CRITICAL a¦b c: leaf ended 3 days ago (pipe ¦ here)\n"
        );
    }

    #[test]
    fn the_line_counts_as_the_table_does() {
        let mut report = CheckReport::default();
        for (number, severity) in [Severity::Error, Severity::Warning, Severity::Warning]
            .into_iter()
            .chain([Severity::Note])
            .enumerate()
        {
            let finding = Finding::new(Code::ValidityExpired, "leaf", "x".repeat(2000), "", "");
            report.push(
                TargetReport::new(format!("{number}.pem"), TargetKind::File)
                    .with_finding(finding.with_severity(severity)),
            );
        }
        let text = check(&report, datetime!(2026-11-20 0:00 UTC));
        let first = text.lines().next().unwrap();
        let (line, data) = first.split_once(" | ").unwrap();
        assert!(
            line.starts_with("CERTIFICATES CRITICAL - 1 of 4: 0.pem: "),
            "{line}"
        );
        assert!(line.ends_with("; 2 warning"), "{line}");
        assert!(line.len() <= 1024 + '…'.len_utf8(), "{}", line.len());
        assert!(data.starts_with("ok=1 warning=2 critical=1 "), "{data}");
    }

    #[test]
    fn a_long_report_is_cut_at_what_nagios_reads() {
        let mut report = CheckReport::default();
        for number in 0..200 {
            report.push(
                TargetReport::new(format!("/etc/ssl/{number}.pem"), TargetKind::File).with_finding(
                    Finding::new(Code::ValidityExpired, "leaf", "ended", "x".repeat(200), ""),
                ),
            );
        }
        let text = check(&report, datetime!(2026-11-20 0:00 UTC));
        assert!(text.len() <= MAX_BYTES, "{}", text.len());
        assert!(text.ends_with("…\n"));
    }
}
