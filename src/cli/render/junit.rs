//! JUnit's XML, for CI: a suite, and a test case for each target.
//!
//! CRITICAL is a failure, UNKNOWN an error, WARNING a case that passes and says why it will not for long. What XML 1.0
//! does not allow (§2.2 Char) is left out.

use super::Taken;
use super::markup::escaped;
use crate::check::{CheckReport, Status, TargetReport};
use crate::explain::printable;
use std::fmt::Write as _;

/// The whole document.
pub fn check(report: &CheckReport, taken: &Taken) -> String {
    let counts = report.counts;
    let rows = report.targets.len();
    let of = |status: Status| {
        let stands = |row: &&TargetReport| row.status() == status;
        report.targets.iter().filter(stands).count()
    };
    let numbers = format!(
        "tests=\"{rows}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{:.3}\"",
        of(Status::Critical),
        of(Status::Unknown),
        taken.took.as_secs_f64()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"edgecert\" {numbers}>\n  \
         <testsuite name=\"edgecert {}\" {numbers} timestamp=\"{}\">\n    <properties>\n",
        taken.command,
        super::rfc3339(taken.now)
    );
    for (name, value) in [
        ("status", report.status().word().to_owned()),
        ("files-skipped", counts.skipped.to_string()),
        ("targets-without-case", report.without_row.to_string()),
    ] {
        let _ = writeln!(text, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    text.push_str("    </properties>\n");
    for row in &report.targets {
        case(&mut text, row, taken);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, row: &TargetReport, taken: &Taken) {
    let mut name = printable(&row.target);
    if let Some(asked) = &row.asked {
        let _ = write!(name, " {asked}");
    }
    if let Some(address) = row.address {
        let _ = write!(name, " ({address})");
    }
    let _ = write!(
        text,
        "    <testcase classname=\"edgecert.{}\" name=\"{}\"",
        row.kind.word(),
        escaped(&name)
    );
    if let Some(took) = row.took {
        let _ = write!(text, " time=\"{:.3}\"", took.as_secs_f64());
    }
    text.push_str(">\n");
    let told = told(row);
    let message = match (row.foremost_problem(), row.worst()) {
        (Some(problem), _) => problem.what.clone(),
        (None, Some(finding)) => finding.what.clone(),
        (None, None) => String::new(),
    };
    let element = match row.status() {
        Status::Critical => Some("failure"),
        Status::Unknown => Some("error"),
        Status::Warning | Status::Ok => None,
    };
    match element {
        Some(element) => {
            let _ = writeln!(
                text,
                "      <{element} type=\"{}\" message=\"{}\">{}</{element}>",
                row.status().word(),
                escaped(&message),
                escaped(&told)
            );
        }
        None => {
            let ends = row.certificate.as_ref().map(|leaf| {
                format!(
                    "{}: {}\n",
                    printable(&leaf.name),
                    super::left(leaf.window(), taken.now)
                )
            });
            let told = format!("{}{told}", ends.unwrap_or_default());
            if !told.is_empty() {
                let _ = writeln!(
                    text,
                    "      <system-out>{}</system-out>",
                    escaped(told.trim_end())
                );
            }
        }
    }
    text.push_str("    </testcase>\n");
}

/// The findings in their parts, a block each.
fn told(row: &TargetReport) -> String {
    let mut told = String::new();
    for finding in row.told_findings() {
        let _ = writeln!(told, "{} ({})", finding.what, finding.code.as_str());
        for (word, part) in [
            ("where", &finding.place),
            ("why", &finding.why),
            ("mend", &finding.mend),
        ] {
            if !part.is_empty() {
                let _ = writeln!(told, "  {word:<5} {part}");
            }
        }
    }
    told.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
