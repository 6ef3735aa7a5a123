//! Metrics: gauges in the text form that Prometheus, node_exporter and OpenMetrics read.
//!
//! Absolute values alone, no counters and no timestamps, as each run stands for itself. Both formats are the same bytes
//! but for the `# EOF` of OpenMetrics. Labels are bounded: where a target is and what was spoken, never what a peer
//! said. Rows with the same labels (two leaves of one file) are one series, the worst of them.

use super::Taken;
use crate::check::{CheckReport, Status, TargetKind, TargetReport};
use crate::explain::printable;
use crate::findings::{Code, Severity};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use time::OffsetDateTime;

/// Most targets with series of their own; the worst have them, and of the good ones those that end first.
const MAX_TARGETS: usize = 2_000;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// The text format of Prometheus, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

/// Under which names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// `edgecert_…` alone.
    Own,
    /// And those of blackbox_exporter, for dashboards and alerts that exist.
    AndBlackbox,
}

/// The whole text.
pub fn check(
    report: &CheckReport,
    taken: &Taken,
    exposition: Exposition,
    names: MetricNames,
) -> String {
    let (series, without) = series(report);
    let mut page = Page::default();
    whole(&mut page, report, taken, without);
    targets(&mut page, &series);
    match names {
        MetricNames::Own => {}
        MetricNames::AndBlackbox => blackbox(&mut page, &series),
    }
    match exposition {
        Exposition::Prometheus => page.0,
        Exposition::OpenMetrics => page.0 + "# EOF\n",
    }
}

/// Families, each with its HELP and TYPE.
#[derive(Default)]
struct Page(String);

impl Page {
    /// A family with its samples, (labels, value); one without samples is left out.
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (String, String)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = match labels.is_empty() {
                true => writeln!(self.0, "{name} {value}"),
                false => writeln!(self.0, "{name}{{{labels}}} {value}"),
            };
        }
    }

    fn single(&mut self, name: &str, help: &str, value: impl ToString) {
        self.gauge(name, help, [(String::new(), value.to_string())]);
    }
}

/// The rows of one set of labels.
struct Series<'a> {
    labels: String,
    status: Status,
    /// Whether each row could be looked at, and showed a certificate in the way that was asked for.
    reached: bool,
    is_endpoint: bool,
    /// The row whose certificate ends first, else the first.
    row: &'a TargetReport,
}

fn series(report: &CheckReport) -> (Vec<Series<'_>>, usize) {
    let mut all: Vec<Series<'_>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for row in &report.targets {
        let labels = labels_of(row);
        let one = known.get(&labels).and_then(|place| all.get_mut(*place));
        match one {
            Some(one) => {
                one.status = one.status.max(row.status());
                one.reached &= is_reached(row);
                let ends = |row: &TargetReport| row.certificate.as_ref().map(|leaf| leaf.not_after);
                if ends(row).is_some_and(|end| ends(one.row).is_none_or(|known| end < known)) {
                    one.row = row;
                }
            }
            None => {
                known.insert(labels.clone(), all.len());
                all.push(Series {
                    labels,
                    status: row.status(),
                    reached: is_reached(row),
                    is_endpoint: row.kind == TargetKind::Endpoint,
                    row,
                });
            }
        }
    }
    let beyond = all.len().saturating_sub(MAX_TARGETS);
    if beyond > 0 {
        all.sort_by_key(|one| {
            let end = one.row.certificate.as_ref().map(|leaf| leaf.not_after);
            (
                std::cmp::Reverse(one.status),
                end.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            )
        });
        all.truncate(MAX_TARGETS);
    }
    (all, beyond + report.without_row)
}

fn labels_of(row: &TargetReport) -> String {
    let address = row.address.map(|address| address.to_string());
    let name = row.asked.as_ref().map(ToString::to_string);
    [
        ("target", Some(row.target.as_str())),
        ("kind", Some(row.kind.word())),
        ("protocol", row.protocol.map(|protocol| protocol.word())),
        ("address", address.as_deref()),
        ("name", name.as_deref()),
    ]
    .into_iter()
    .filter_map(|(label, value)| Some(format!("{label}=\"{}\"", escaped(value?))))
    .collect::<Vec<_>>()
    .join(",")
}

/// A label's value: harmless, bounded, and nothing in it ends it.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in printable(value).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

fn is_reached(row: &TargetReport) -> bool {
    row.problem.is_none()
        && row.certificate.is_some()
        && !row.findings.iter().any(|finding| {
            finding.severity == Severity::Error
                && matches!(finding.code, Code::LiveUnreachable | Code::LiveNoTls)
        })
}

/// What is said of the run and of all targets together.
fn whole(page: &mut Page, report: &CheckReport, taken: &Taken, without: usize) {
    page.single(
        "edgecert_check_last_run_timestamp_seconds",
        "When the check was made, seconds since 1970.",
        taken.now.unix_timestamp(),
    );
    page.single(
        "edgecert_check_duration_seconds",
        "How long the check took.",
        seconds(taken.took),
    );
    page.single(
        "edgecert_check_status",
        "The worst of all targets: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        report.status().number(),
    );
    let counts = report.counts;
    page.gauge(
        "edgecert_check_targets",
        "Targets by how they stand.",
        [
            (Status::Ok, counts.ok),
            (Status::Warning, counts.warning),
            (Status::Critical, counts.critical),
            (Status::Unknown, counts.unknown),
        ]
        .map(|(status, number)| (format!("status=\"{}\"", status.word()), number.to_string())),
    );
    page.single(
        "edgecert_check_files_skipped",
        "Files of folders that hold no certificate.",
        counts.skipped,
    );
    page.single(
        "edgecert_check_targets_without_series",
        "Targets that have no series of their own, as there are too many.",
        without,
    );
    let mut findings: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for row in &report.targets {
        for finding in row.told_findings() {
            let severity = match finding.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            *findings
                .entry((finding.code.as_str(), severity))
                .or_default() += 1;
        }
    }
    page.gauge(
        "edgecert_check_findings",
        "Findings by their code (docs/findings.md) and severity.",
        findings.into_iter().map(|((code, severity), number)| {
            let labels = format!("code=\"{code}\",severity=\"{severity}\"");
            (labels, number.to_string())
        }),
    );
}

fn targets(page: &mut Page, series: &[Series<'_>]) {
    let each = |value: &dyn Fn(&Series<'_>) -> Option<String>| -> Vec<(String, String)> {
        series
            .iter()
            .filter_map(|one| Some((one.labels.clone(), value(one)?)))
            .collect()
    };
    let stamp = |moment: OffsetDateTime| moment.unix_timestamp().to_string();
    page.gauge(
        "edgecert_target_status",
        "How a target stands: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        each(&|one| Some(one.status.number().to_string())),
    );
    page.gauge(
        "edgecert_probe_success",
        "Whether the target could be looked at and showed a certificate: 1 or 0.",
        each(&|one| {
            let is_looked_at = one.is_endpoint || one.row.kind == TargetKind::File;
            is_looked_at.then(|| u8::from(one.reached).to_string())
        }),
    );
    page.gauge(
        "edgecert_probe_duration_seconds",
        "How long a live endpoint was asked.",
        each(&|one| one.row.took.map(seconds)),
    );
    page.gauge(
        "edgecert_certificate_not_before_timestamp_seconds",
        "The first second of the leaf, seconds since 1970.",
        each(&|one| {
            one.row
                .certificate
                .as_ref()
                .map(|leaf| stamp(leaf.not_before))
        }),
    );
    page.gauge(
        "edgecert_certificate_not_after_timestamp_seconds",
        "The last second of the leaf, seconds since 1970.",
        each(&|one| {
            one.row
                .certificate
                .as_ref()
                .map(|leaf| stamp(leaf.not_after))
        }),
    );
    page.gauge(
        "edgecert_chain_not_after_timestamp_seconds",
        "The last second of the intermediate that ends first, of those that the chain needs, seconds since 1970.",
        each(&|one| one.row.chain_ends().map(stamp)),
    );
}

/// What blackbox_exporter would say of the live endpoints, with our labels in the place of a scrape's.
fn blackbox(page: &mut Page, series: &[Series<'_>]) {
    let live = || series.iter().filter(|one| one.is_endpoint);
    let earliest = |row: &TargetReport| {
        let leaf = row.certificate.as_ref().map(|leaf| leaf.not_after);
        let behind = row.chain.iter().map(|one| one.not_after);
        leaf.into_iter().chain(behind).min()
    };
    page.gauge(
        "probe_success",
        "Displays whether or not the probe was a success",
        live().map(|one| (one.labels.clone(), u8::from(one.reached).to_string())),
    );
    page.gauge(
        "probe_duration_seconds",
        "Returns how long the probe took to complete in seconds",
        live().filter_map(|one| Some((one.labels.clone(), seconds(one.row.took?)))),
    );
    page.gauge(
        "probe_ssl_earliest_cert_expiry",
        "Returns last SSL chain expiry in unixtime",
        live().filter_map(|one| {
            let end = earliest(one.row)?.unix_timestamp();
            Some((one.labels.clone(), end.to_string()))
        }),
    );
    page.gauge(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "Returns last SSL chain expiry in timestamp",
        live().filter_map(|one| {
            let is_judged = !one
                .row
                .not_applicable
                .iter()
                .any(|(part, _)| *part == "chain");
            let is_sound = !one.row.findings.iter().any(|finding| {
                finding.severity == Severity::Error && finding.code.as_str().starts_with("chain.")
            });
            let end = earliest(one.row).filter(|_| is_judged && is_sound)?;
            Some((one.labels.clone(), end.unix_timestamp().to_string()))
        }),
    );
    page.gauge(
        "probe_tls_version_info",
        "Returns the TLS version used or NaN when unknown",
        live().filter_map(|one| {
            let version = one
                .row
                .seen
                .iter()
                .find_map(|seen| seen.strip_prefix("TLSv"))?;
            let version = format!("{},version=\"TLS {}\"", one.labels, escaped(version));
            Some((version, "1".to_owned()))
        }),
    );
}

fn seconds(took: std::time::Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

#[cfg(test)]
mod tests;
