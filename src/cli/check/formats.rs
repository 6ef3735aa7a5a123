//! The forms of a report, by word.

use crate::check::{CheckReport, TargetReport};
use crate::cli::exit::Exit;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::json::check_json;
use crate::cli::render::metrics::{self, Exposition, MetricNames};
use crate::cli::render::{Taken, html, junit, nagios};
use crate::findings::Finding;
use clap::ValueEnum;

/// Reports of the judging commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One document
    Json,
    /// One line with performance data, then long output
    Nagios,
    /// Gauges in the text format of Prometheus
    Prometheus,
    /// The same for OpenMetrics
    Openmetrics,
    /// One self-contained page
    Html,
    /// XML for CI
    Junit,
}

/// A report in a form that is the same for every command that judges; empty for those that are not.
pub fn shape(format: Format, names: MetricNames, report: &CheckReport, taken: &Taken) -> String {
    match format {
        Format::Table | Format::Json => String::new(),
        Format::Nagios => nagios::check(report, taken),
        Format::Prometheus => metrics::check(report, taken, Exposition::Prometheus, names),
        Format::Openmetrics => metrics::check(report, taken, Exposition::OpenMetrics, names),
        Format::Html => html::check(report, taken),
        Format::Junit => junit::check(report, taken),
    }
}

/// A failure for Nagios, which reads standard output.
pub(super) fn unknown(failure: Failure) -> Outcome {
    let told = &failure.explanation;
    let text = nagios::unknown(&told.what, &told.why, &told.mend);
    Outcome::show(text, failure.result).with_exit(Exit::Failed)
}

/// The one document.
pub(super) fn document(report: &CheckReport, taken: &Taken) -> Outcome {
    let findings: Vec<Finding> = report.targets.iter().flat_map(placed).collect();
    Outcome::show("", check_json(report, taken.now)).with_findings(findings)
}

/// The findings of a target, with the target in their place.
fn placed(row: &TargetReport) -> impl Iterator<Item = Finding> {
    row.told_findings().into_iter().map(|finding| Finding {
        place: match finding.place.is_empty() || finding.place == row.target {
            true => row.target.clone(),
            false => format!("{}, {}", row.target, finding.place),
        },
        ..finding
    })
}
