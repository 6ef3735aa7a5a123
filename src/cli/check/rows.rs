//! `--jsonl`: a document a target, written as it is made, and the summary as the last line.

use super::CheckArgs;
use crate::check::{CheckReport, Place, TargetReport};
use crate::cli::exit::Exit;
use crate::cli::output::{Failure, Outcome, error_json};
use crate::cli::render::json::{summary_of, target_json};
use crate::cli::render::{self, Taken};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use time::OffsetDateTime;

/// Schema of a line.
const ROW: &str = "edgecert.check-row/1";

/// Schema of the last line.
const SUMMARY: &str = "edgecert.check-summary/1";

/// Where the lines go.
enum Sink {
    /// To standard output at once.
    Out,
    /// Into a file, which appears whole.
    Held(String),
}

/// The lines of a run. Files are told while others are still judged, in the order in which they were found: a batch
/// waits for those before it. What else there is follows when all is judged, as endpoints are compared with each other.
pub(super) struct Lines {
    now: OffsetDateTime,
    written: Mutex<Written>,
}

struct Written {
    sink: Sink,
    /// The batch that is to be written next, and those that wait for it.
    next: usize,
    waiting: BTreeMap<usize, String>,
}

impl Written {
    fn write(&mut self, lines: &str) {
        match &mut self.sink {
            Sink::Out => render::write_out(lines),
            Sink::Held(text) => text.push_str(lines),
        }
    }
}

impl Lines {
    /// For a check with these flags, if it is told in lines.
    pub(super) fn of(args: &CheckArgs, now: OffsetDateTime) -> Option<Self> {
        let sink = match args.destination() {
            Some(_) => Sink::Held(String::new()),
            None => Sink::Out,
        };
        args.jsonl.then(|| Self {
            now,
            written: Mutex::new(Written {
                sink,
                next: 0,
                waiting: BTreeMap::new(),
            }),
        })
    }

    /// Takes a batch of files. Called from all workers.
    pub(super) fn batch(&self, number: usize, rows: &[(Place, TargetReport)]) {
        let lines = rows.iter().map(|(_, row)| line(row, self.now)).collect();
        let Ok(mut written) = self.written.lock() else {
            return;
        };
        written.waiting.insert(number, lines);
        let mut next = written.next;
        while let Some(lines) = written.waiting.remove(&next) {
            written.write(&lines);
            next += 1;
        }
        written.next = next;
    }

    /// The other rows and the summary.
    pub(super) fn end(self, report: &CheckReport, taken: &Taken) -> Outcome {
        let Ok(mut written) = self.written.into_inner() else {
            return shown(String::new());
        };
        for row in &report.targets {
            written.write(&line(row, self.now));
        }
        let exit = Exit::from(report.status());
        let summary = json!({
            "schema": SUMMARY,
            "ok": exit == Exit::Done,
            "exit_code": exit.code(),
            "status": report.status().word(),
            "at": render::rfc3339(taken.now),
            "took_ms": u64::try_from(taken.took.as_millis()).unwrap_or(u64::MAX),
            "summary": summary_of(report),
        });
        let mut text = match written.sink {
            Sink::Out => String::new(),
            Sink::Held(text) => text,
        };
        text.push_str(&format!("{summary}\n"));
        shown(text).with_exit(exit)
    }
}

fn line(row: &TargetReport, now: OffsetDateTime) -> String {
    format!("{}\n", with_schema(target_json(row, now)))
}

/// A run that could not do its work: the summary alone.
pub(super) fn failed(failure: Failure) -> Outcome {
    let summary = json!({
        "schema": SUMMARY,
        "ok": false,
        "exit_code": Exit::Failed.code(),
        "status": "unknown",
        "error": error_json(&failure.explanation),
    });
    shown(format!("{summary}\n")).with_exit(Exit::Failed)
}

fn with_schema(row: Value) -> Value {
    let mut line = serde_json::Map::new();
    line.insert("schema".to_owned(), ROW.into());
    if let Value::Object(row) = row {
        line.extend(row);
    }
    Value::Object(line)
}

fn shown(text: String) -> Outcome {
    Outcome {
        text,
        findings_shown: true,
        ..Outcome::default()
    }
}
