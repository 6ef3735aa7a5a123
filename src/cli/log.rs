//! `log`: the journal, verified, newest line last.
//!
//! The whole journal is verified, whatever part of it is shown. What is wrong with it decides the exit code; a journal
//! that cannot be read is unknown, and so is one that is not there, since nobody can tell what it held.

use super::exit::FailureKind;
use super::list::resolve;
use super::options::{moment, slug};
use super::output::{Failure, Outcome};
use super::render::{self, Table};
use super::{Context, Exit};
use crate::explain::printable;
use crate::findings::{Code, Finding, Report};
use crate::names::Slug;
use crate::store::{JournalEntry, JournalReading, JournalState, Store};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Steps of the clock told one by one.
const MAX_STEPS_TOLD: usize = 5;

/// `log`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert log --last 20
  edgecert log external-edge --since 2026-11-01T00:00:00Z
  edgecert log --json | jq -c '.result.entries[]'

A clock that went back, or a torn last line, is a WARNING; a chain that is broken is CRITICAL.")]
pub struct LogArgs {
    /// Only what was done to this certificate
    #[arg(value_name = "CERT", value_parser = slug)]
    certificate: Option<Slug>,
    /// Only the last N lines
    #[arg(long, value_name = "N", visible_alias = "lines")]
    last: Option<usize>,
    /// Only what was done since then
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    since: Option<OffsetDateTime>,
}

/// Runs `log`.
pub fn run(args: LogArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let folder = context.state_directory(deployment.as_ref());
    let failed = |error| Failure::from_error(FailureKind::Failed, &error);
    let store = Store::open(&folder).map_err(failed)?;
    let reading = store.journal().map_err(failed)?;
    if let Some(name) = &args.certificate
        && !reading
            .entries
            .iter()
            .any(|entry| entry.certificate.as_deref() == Some(name.as_str()))
    {
        // A certificate that was removed is known to the journal alone; one that nothing knows was mistyped.
        resolve(deployment.as_ref(), Some(&store), Some(name))?;
    }
    let report = Report::new(findings(&reading, &folder));
    let lines = render::count(reading.entries.len(), "line");
    let shown = select(&reading.entries, &args);
    let verdict = match &reading.state {
        JournalState::Intact => {
            format!("{lines}, every one follows from the one before")
        }
        JournalState::TornLastLine => {
            format!("{lines} before the last one, which is not whole")
        }
        JournalState::Broken { line, .. } => {
            format!("the chain breaks at line {line}: {}", changed(*line))
        }
    };
    let doubtful = doubtful(&reading);
    let mut table = Table::plain().indented(0);
    for entry in &shown {
        table.row([
            render::moment(entry.time),
            printable(&entry.actor),
            printable(&entry.action),
            entry
                .certificate
                .as_deref()
                .map(printable)
                .unwrap_or_default(),
            match doubtful == Some(entry.seq) {
                true => format!("{} (in doubt)", words(entry))
                    .trim_start()
                    .to_owned(),
                false => words(entry),
            },
        ]);
    }
    let mut text = table.render();
    if shown.is_empty() && !reading.entries.is_empty() {
        text.push_str("no line of the journal is about that\n");
    }
    context.note(&format!("journal: {verdict}\n"));
    let (line, why) = match &reading.state {
        JournalState::Broken { line, why } => (Some(*line), Some(why.clone())),
        JournalState::Intact | JournalState::TornLastLine => (None, None),
    };
    let result = json!({
        "journal": journal_path(&std::path::absolute(&folder).unwrap_or(folder)),
        "state": match reading.state {
            JournalState::Intact => "intact",
            JournalState::TornLastLine => "torn-last-line",
            JournalState::Broken { .. } => "broken",
        },
        "line": line,
        "why": why,
        "lines": reading.entries.len(),
        "clock_steps": reading
            .clock_steps
            .iter()
            .map(|step| json!({"seq": step.seq, "seconds": step.seconds}))
            .collect::<Vec<_>>(),
        "entries": shown
            .iter()
            .map(|entry| entry_json(entry, doubtful))
            .collect::<Vec<_>>(),
    });
    Ok(Outcome::show(text, result)
        .with_exit(Exit::from(report.verdict()))
        .with_findings(report))
}

fn select<'a>(entries: &'a [JournalEntry], args: &LogArgs) -> Vec<&'a JournalEntry> {
    let name = args.certificate.as_ref().map(Slug::as_str);
    let wanted: Vec<&JournalEntry> = entries
        .iter()
        .filter(|entry| name.is_none() || entry.certificate.as_deref() == name)
        .filter(|entry| args.since.is_none_or(|since| entry.time >= since))
        .collect();
    let skip = args
        .last
        .map_or(0, |last| wanted.len().saturating_sub(last));
    wanted.into_iter().skip(skip).collect()
}

fn journal_path(folder: &Path) -> String {
    folder.join("journal.jsonl").display().to_string()
}

/// What is wrong with the chain; for `doctor` as well.
pub(super) fn chain_finding(reading: &JournalReading, folder: &Path) -> Option<Finding> {
    let path = journal_path(folder);
    match &reading.state {
        JournalState::Intact => None,
        JournalState::TornLastLine => Some(Finding::new(
            Code::DoctorJournalTorn,
            path,
            "the last line of the journal is not whole",
            "a command was killed, or the machine went down, while it was written",
            "nothing to do: the next command that writes cuts it and says so",
        )),
        JournalState::Broken { line, why } => Some(Finding::new(
            Code::DoctorJournalBroken,
            format!("{path}, line {line}"),
            format!("the chain of the journal breaks at line {line}"),
            format!("{}; {}", printable(why), changed(*line)),
            match line {
                0 | 1 => "compare the journal with a backup".to_owned(),
                2 => "compare both lines with a backup".to_owned(),
                line => format!(
                    "compare both lines with a backup; what stands above line {} still holds",
                    line - 1
                ),
            },
        )),
    }
}

/// Which lines may be the ones that were changed, where the chain breaks: a line is vouched for by the one behind it.
fn changed(line: u64) -> String {
    match line {
        0 | 1 => "it was changed, or what stood above it is gone".to_owned(),
        line => format!(
            "line {} or {line} was changed, or one between them is gone",
            line - 1
        ),
    }
}

/// Where time went backwards.
fn step_findings(reading: &JournalReading, folder: &Path) -> Vec<Finding> {
    const MEND: &str = "keep the clock by NTP (`timedatectl status`)";
    let path = journal_path(folder);
    let steps = &reading.clock_steps;
    let mut findings: Vec<Finding> = steps
        .iter()
        .take(MAX_STEPS_TOLD)
        .map(|step| {
            Finding::new(
                Code::DoctorClockStep,
                format!("{path}, line {}", step.seq),
                format!(
                    "the clock was {} behind the line before",
                    render::count(usize::try_from(step.seconds).unwrap_or(usize::MAX), "second")
                ),
                "a clock that goes back makes certificates look not yet valid, and the order of things unclear",
                MEND,
            )
        })
        .collect();
    if steps.len() > MAX_STEPS_TOLD {
        let what = format!("the clock went back {} times in all", steps.len());
        findings.push(Finding::new(Code::DoctorClockStep, path, what, "", MEND));
    }
    findings
}

fn findings(reading: &JournalReading, folder: &Path) -> Vec<Finding> {
    chain_finding(reading, folder)
        .into_iter()
        .chain(step_findings(reading, folder))
        .collect()
}

/// The last line before a break: nothing follows that vouches for it.
fn doubtful(reading: &JournalReading) -> Option<u64> {
    match &reading.state {
        JournalState::Broken { .. } => reading.entries.last().map(|entry| entry.seq),
        JournalState::Intact | JournalState::TornLastLine => None,
    }
}

fn entry_json(entry: &JournalEntry, doubtful: Option<u64>) -> Value {
    json!({
        "seq": entry.seq,
        "time": render::rfc3339(entry.time),
        "actor": entry.actor,
        "action": entry.action,
        "certificate": entry.certificate,
        "detail": entry.detail,
        "doubtful": doubtful == Some(entry.seq),
    })
}

/// What was done, in the words of a person: `3 → 4 on front`.
fn words(entry: &JournalEntry) -> String {
    let detail = &entry.detail;
    let mut parts = Vec::new();
    if let Some(to) = number(detail, "to") {
        parts.push(match number(detail, "from") {
            Some(from) => format!("{from} → {to}"),
            None => format!("→ {to}"),
        });
    }
    if let Some(generation) = number(detail, "generation") {
        parts.push(format!("generation {generation}"));
    }
    let generations = texts(detail, "generations");
    if !generations.is_empty() {
        parts.push(format!("generations {}", generations.join(", ")));
    }
    if let Some(request) = text(detail, "request") {
        parts.push(if entry.action.starts_with("request") {
            request
        } else {
            format!("answers {request}")
        });
    }
    if let Some(format) = text(detail, "format") {
        parts.push(format!("as {format}"));
    }
    if let Some(place) = text(detail, "place") {
        parts.push(format!("to {place}"));
    }
    if let Some(there) = text(detail, "sealed_as") {
        parts.push(format!("from a sealed bundle of {there}"));
    }
    if let Some(key_type) = text(detail, "key_type") {
        parts.push(key_type);
    }
    if let Some(effective) = text(detail, "effective") {
        // What is no time is shown as it stands there.
        let told = OffsetDateTime::parse(&effective, &Rfc3339);
        parts.push(format!("from {}", told.map_or(effective, render::moment)));
    }
    let gateways = texts(detail, "gateways");
    if !gateways.is_empty() {
        parts.push(format!("on {}", gateways.join(", ")));
    }
    if let Some(total) = number(detail, "names_total") {
        parts.push(render::count(
            usize::try_from(total).unwrap_or(usize::MAX),
            "name",
        ));
    }
    for accepted in detail
        .get("accepted")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let field = |key| {
            accepted
                .get(key)
                .and_then(Value::as_str)
                .map(printable)
                .unwrap_or_default()
        };
        parts.push(format!("accepted {} ({})", field("code"), field("reason")));
    }
    if let Some(bytes) = number(detail, "cut_bytes") {
        parts.push(format!("{bytes} bytes cut"));
    }
    for key in ["cause", "why"] {
        parts.extend(text(detail, key));
    }
    parts.extend(text(detail, "reason").map(|reason| format!("reason: {reason}")));
    if detail.get("recovered") == Some(&Value::Bool(true)) {
        parts.push("journalled by the command after".into());
    }
    if let Some(seconds) = number(detail, "clock_behind") {
        parts.push(format!("clock {seconds} s behind"));
    }
    parts.join(" ")
}

fn number(detail: &Map<String, Value>, key: &str) -> Option<u64> {
    detail.get(key).and_then(Value::as_u64)
}

fn text(detail: &Map<String, Value>, key: &str) -> Option<String> {
    detail.get(key).and_then(Value::as_str).map(printable)
}

fn texts(detail: &Map<String, Value>, key: &str) -> Vec<String> {
    detail
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|value| match value {
            Value::String(text) => printable(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => printable(&value.to_string()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Verdict;
    use crate::store::ClockStep;
    use time::macros::datetime;

    fn entry(seq: u64, action: &str, certificate: &str, detail: Value) -> JournalEntry {
        let Value::Object(detail) = detail else {
            panic!("an object")
        };
        JournalEntry {
            seq,
            time: datetime!(2026-11-21 01:02:03 UTC) + time::Duration::hours(seq as i64),
            actor: "alice".into(),
            action: action.into(),
            certificate: Some(certificate.into()),
            detail,
            prev: String::new(),
        }
    }

    #[test]
    fn lines_tell_what_was_done() {
        for (action, detail, told) in [
            (
                "assign",
                json!({"from": 3, "to": 4, "sha256": "x", "gateways": ["front"]}),
                "3 → 4 on front",
            ),
            (
                "assign",
                json!({"from": null, "to": 1, "gateways": ["a", "b"]}),
                "→ 1 on a, b",
            ),
            (
                "request",
                json!({"request": "2026-11-20-1", "key_type": "ec256", "names_total": 6}),
                "2026-11-20-1 ec256 6 names",
            ),
            (
                "export",
                json!({"generation": 4, "format": "pfx", "place": "/srv/edge-4.pfx", "sha256": "x"}),
                "generation 4 as pfx to /srv/edge-4.pfx",
            ),
            (
                "import",
                json!({"generation": 4, "request": "2026-11-20-1", "names_total": 1}),
                "generation 4 answers 2026-11-20-1 1 name",
            ),
            ("remove", json!({"generations": [1, 2]}), "generations 1, 2"),
            (
                "prune",
                json!({"generation": 1, "recovered": true}),
                "generation 1 journalled by the command after",
            ),
            (
                "stage",
                json!({"generation": 5, "effective": "2026-12-01T00:00:00Z"}),
                "generation 5 from 2026-12-01 00:00:00 UTC",
            ),
            ("other", json!({}), ""),
        ] {
            assert_eq!(words(&entry(1, action, "edge", detail)), told, "{action}");
        }
    }

    #[test]
    fn lines_are_chosen_by_certificate_time_and_count() {
        let entries = [
            entry(1, "request", "edge", json!({})),
            entry(2, "request", "other", json!({})),
            entry(3, "import", "edge", json!({})),
            entry(4, "assign", "edge", json!({})),
        ];
        let args = |certificate: Option<&str>, last, since| LogArgs {
            certificate: certificate.map(|name| Slug::parse(name).unwrap()),
            last,
            since,
        };
        for (args, wanted) in [
            (args(None, None, None), vec![1, 2, 3, 4]),
            (args(Some("edge"), Some(2), None), vec![3, 4]),
            (args(Some("edge"), Some(0), None), vec![]),
            (
                args(None, Some(9), Some(datetime!(2026-11-21 04:02:03 UTC))),
                vec![3, 4],
            ),
        ] {
            let seqs: Vec<u64> = select(&entries, &args)
                .iter()
                .map(|entry| entry.seq)
                .collect();
            assert_eq!(seqs, wanted, "{args:?}");
        }
    }

    #[test]
    fn no_line_is_vouched_for_that_may_have_been_changed() {
        for (line, why, mend) in [
            (
                1,
                "it was changed, or what stood above it is gone",
                "compare the journal with a backup",
            ),
            (
                2,
                "line 1 or 2 was changed",
                "compare both lines with a backup",
            ),
            (
                4,
                "line 3 or 4 was changed",
                "what stands above line 3 still holds",
            ),
        ] {
            let reading = JournalReading {
                entries: Vec::new(),
                state: JournalState::Broken {
                    line,
                    why: "x".into(),
                },
                clock_steps: Vec::new(),
            };
            let finding = chain_finding(&reading, Path::new("state")).unwrap();
            assert!(finding.why.contains(why), "{}", finding.why);
            assert!(finding.mend.contains(mend), "{}", finding.mend);
            assert!(
                line > 2 || !finding.mend.contains("holds"),
                "{}",
                finding.mend
            );
        }
    }

    #[test]
    fn the_verdict_follows_from_the_chain() {
        for (state, steps, verdict) in [
            (JournalState::Intact, 0, Verdict::Ok),
            (JournalState::Intact, 9, Verdict::Warning),
            (JournalState::TornLastLine, 0, Verdict::Warning),
            (
                JournalState::Broken {
                    line: 3,
                    why: "x".into(),
                },
                0,
                Verdict::Error,
            ),
        ] {
            let reading = JournalReading {
                entries: Vec::new(),
                state,
                clock_steps: vec![
                    ClockStep {
                        seq: 2,
                        seconds: 90
                    };
                    steps
                ],
            };
            let findings = findings(&reading, Path::new("state"));
            assert!(findings.len() <= MAX_STEPS_TOLD + 1);
            assert_eq!(Report::new(findings).verdict(), verdict);
        }
    }
}
