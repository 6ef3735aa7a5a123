//! `--jsonl`: a document a target, written as it is made, and the summary as the last line.

use crate::check::CheckReport;
use crate::cli::exit::Exit;
use crate::cli::output::{Failure, Outcome, error_json};
use crate::cli::render::json::{summary_of, target_json};
use crate::cli::render::{self, Taken};
use serde_json::{Value, json};

/// Schema of a line.
const ROW: &str = "edgecert.check-row/1";

/// Schema of the last line.
const SUMMARY: &str = "edgecert.check-summary/1";

/// Writes the rows, each given up once it is written, so that no second copy of them is held; into a file they go
/// together, as that appears whole.
pub(super) fn told(report: CheckReport, taken: &Taken, into_file: bool) -> Outcome {
    let status = report.status();
    let summary = json!({
        "schema": SUMMARY,
        "ok": super::exit_of(status) == Exit::Done,
        "exit_code": super::exit_of(status).code(),
        "status": status.word(),
        "at": render::rfc3339(taken.now),
        "took_ms": u64::try_from(taken.took.as_millis()).unwrap_or(u64::MAX),
        "summary": summary_of(&report),
    });
    let mut text = String::new();
    for row in report.targets {
        let line = format!("{}\n", with_schema(target_json(&row, taken.now)));
        match into_file {
            true => text.push_str(&line),
            false => render::write_out(&line),
        }
    }
    text.push_str(&format!("{summary}\n"));
    shown(text)
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
