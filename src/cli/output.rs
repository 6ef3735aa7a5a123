//! What a command ends with, and the one place where it is printed: for a person, or as the JSON envelope.

use super::context::Context;
use super::exit::{Exit, FailureKind, Family};
use super::render;
use crate::explain::{Explain, Explanation};
use crate::findings::{Finding, Severity};
use crate::store::StoreError;
use crate::store::atomic::{self, Overwrite, Placement};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A command that did its work.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The exit code; [`Exit::Done`] unless the command judges.
    pub exit: Option<Exit>,
    /// Whether anything was changed by this run.
    pub changed: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The `result` of the JSON document.
    pub result: Value,
    /// The result for a person, whole lines; empty when everything was said on the way.
    pub text: String,
    /// The command that leads on, for a person: `edgecert assign`. Said after the text, and not when quiet.
    pub next: Option<String>,
    /// Whether the text already shows the findings.
    pub findings_shown: bool,
    /// The file that gets what standard output would: whole, or as it was before.
    pub into: Option<PathBuf>,
    /// What standard output gets where that file cannot be written and the result is no JSON document: formats that
    /// machines read say it in a form of their own.
    pub on_lost: Option<fn(Failure) -> Outcome>,
}

impl Outcome {
    /// Nothing but a result, in both forms.
    pub fn show(text: impl Into<String>, result: Value) -> Self {
        Self {
            text: text.into(),
            result,
            ..Self::default()
        }
    }

    /// The same, of a run that changed something.
    #[must_use]
    pub fn changed(self) -> Self {
        Self {
            changed: true,
            ..self
        }
    }

    /// With findings.
    #[must_use]
    pub fn with_findings(self, findings: impl IntoIterator<Item = Finding>) -> Self {
        Self {
            findings: findings.into_iter().collect(),
            ..self
        }
    }

    /// With the command that leads on.
    #[must_use]
    pub fn with_next(self, next: impl Into<String>) -> Self {
        Self {
            next: Some(next.into()),
            ..self
        }
    }

    /// With an exit code of its own.
    #[must_use]
    pub fn with_exit(self, exit: Exit) -> Self {
        Self {
            exit: Some(exit),
            ..self
        }
    }
}

/// A command that did not do its work.
#[derive(Debug)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: FailureKind,
    /// What, where, why, mend. Boxed, as it travels in every `Result` of this room.
    pub explanation: Box<Explanation>,
    /// Findings that led to it.
    pub findings: Vec<Finding>,
    /// The `result` of the JSON document, where part of the work was done.
    pub result: Value,
    /// Whether anything was changed by this run all the same.
    pub changed: bool,
}

impl Failure {
    /// Of a kind, in words.
    pub fn new(kind: FailureKind, explanation: Explanation) -> Self {
        Self {
            kind,
            explanation: Box::new(explanation),
            findings: Vec::new(),
            result: Value::Null,
            changed: false,
        }
    }

    /// Of a kind, from a room's error.
    pub fn from_error(kind: FailureKind, error: &dyn Explain) -> Self {
        Self::new(kind, error.explain())
    }

    /// A file that was named cannot be read: refused before anything was touched, whichever flag named it.
    pub fn unreadable(error: &dyn Explain) -> Self {
        Self::from_error(FailureKind::Refused, error)
    }

    /// Wrong usage. Where the mistake lies elsewhere than on the command line, the place is set after.
    pub fn usage(what: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(
            FailureKind::Usage,
            Explanation {
                code: "usage",
                what: what.into(),
                place: "command line".into(),
                why: why.into(),
                mend: mend.into(),
            },
        )
    }

    /// With the findings that led to it.
    #[must_use]
    pub fn with_findings(self, findings: impl IntoIterator<Item = Finding>) -> Self {
        Self {
            findings: findings.into_iter().collect(),
            ..self
        }
    }
}

/// Tells findings: errors and warnings in full, notes in a line each unless more is asked for.
pub fn findings(context: &Context, findings: &[Finding]) {
    for finding in findings {
        let told = match finding.severity {
            Severity::Note if !context.verbose() => render::finding_brief(finding),
            Severity::Note | Severity::Warning | Severity::Error => render::finding(finding),
        };
        context.note(&told);
    }
}

/// Prints an outcome.
pub fn outcome(context: &Context, family: Family, schema: &str, outcome: Outcome) -> Exit {
    let exit = outcome.exit.unwrap_or(Exit::Done);
    if context.json() {
        let ok = exit == Exit::Done || (family == Family::Condition && exit == Exit::NotDue);
        let document = json!({
            "schema": schema,
            "ok": ok,
            "exit_code": exit.code(),
            "changed": outcome.changed,
            "findings": outcome.findings,
            "result": outcome.result,
        });
        match &outcome.into {
            Some(file) => {
                return match written(file, &format!("{document:#}\n")) {
                    Ok(()) => exit,
                    Err(lost) => failure(context, family, schema, lost),
                };
            }
            None => context.print_json(&document),
        }
    } else {
        if !outcome.findings_shown {
            findings(context, &outcome.findings);
        }
        match &outcome.into {
            Some(file) => {
                // Colours are for terminals.
                let text = console::strip_ansi_codes(&outcome.text);
                return match written(file, &text) {
                    Ok(()) => exit,
                    Err(lost) => {
                        render::write_err(&render::explanation(&lost.explanation));
                        let exit = family.exit(lost.kind);
                        if let Some(told) = outcome.on_lost {
                            context.print(&told(lost).text);
                        }
                        exit
                    }
                };
            }
            None => context.print(&outcome.text),
        }
        if let Some(next) = outcome.next.filter(|_| !context.quiet()) {
            context.print(&format!("next: {}\n", context.led_on(&next)));
        }
    }
    exit
}

/// Mode of a report in a file: whoever collects it runs as somebody else.
const REPORT_MODE: u32 = 0o644;

/// A file that could not be written; where its folder is missing, with the command that makes it.
pub fn unwritten(kind: FailureKind, error: &StoreError, path: &Path) -> Failure {
    let mut failure = Failure::from_error(kind, error);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let (true, Some(folder)) = (error.is_not_found(), folder) {
        let folder = super::options::shell_word(&folder.to_string_lossy());
        failure.explanation.why = format!("there is no folder {folder}");
        failure.explanation.mend = format!("`mkdir -p {folder}`, then the same again");
    }
    failure
}

/// Writes a result to a file; where that fails the run has not done its work.
fn written(file: &Path, text: &str) -> Result<(), Failure> {
    let place = Placement::mode(REPORT_MODE);
    atomic::write_whole(file, text.as_bytes(), place, Overwrite::Replace)
        .map(|_| ())
        .map_err(|error| unwritten(FailureKind::Failed, &error, file))
}

/// Prints a failure.
pub fn failure(context: &Context, family: Family, schema: &str, failure: Failure) -> Exit {
    let exit = family.exit(failure.kind);
    if context.json() {
        context.print_json(&json!({
            "schema": schema,
            "ok": false,
            "exit_code": exit.code(),
            "changed": failure.changed,
            "findings": failure.findings,
            "error": error_json(&failure.explanation),
            "result": failure.result,
        }));
    } else {
        findings(context, &failure.findings);
        context.error(&render::explanation(&failure.explanation));
    }
    exit
}

/// What a run has made that stands, whatever becomes of its output.
#[derive(Debug)]
pub enum Made {
    /// Nothing.
    Nothing,
    /// Something, before it failed; the failure tells what.
    Part,
    /// What it was to do, as it tells a person.
    All(String),
}

impl Made {
    /// Of a command that has ended.
    pub fn of(ended: &Result<Outcome, Failure>) -> Self {
        match ended {
            Ok(outcome) if outcome.changed => Self::All(outcome.text.clone()),
            Err(failure) if failure.changed => Self::Part,
            Ok(_) | Err(_) => Self::Nothing,
        }
    }
}

/// The exit code of a run whose output is out: a result that was lost on its way is no success. What was made stands:
/// it is told on standard error, and neither is the run to be repeated nor is everything as it was.
pub fn settle(family: Family, exit: Exit, made: Made) -> Exit {
    if !render::output_lost() {
        return exit;
    }
    let (lost, mend) = match made {
        Made::Nothing => (
            FailureKind::Failed,
            "free space where the output goes, and run it again",
        ),
        Made::Part => (
            FailureKind::Dirty,
            "free space where the output goes; what was done before it failed stands, and `edgecert log` tells it",
        ),
        Made::All(text) => {
            // Colours are for terminals.
            render::write_err(&console::strip_ansi_codes(&text));
            (
                FailureKind::Dirty,
                "free space where the output goes; it is done and need not be done again: `edgecert log` and `edgecert list` tell how it stands",
            )
        }
    };
    render::write_err(&render::explanation(&Explanation {
        code: "output.lost",
        what: "the result could not be written".into(),
        place: "standard output".into(),
        why: "writing it failed, as on a full disk".into(),
        mend: mend.into(),
    }));
    match exit {
        Exit::Done | Exit::Warning | Exit::NotDue => family.exit(lost),
        Exit::Refused
        | Exit::Critical
        | Exit::NoSuchCertificate
        | Exit::Failed
        | Exit::Dirty
        | Exit::Usage
        | Exit::Interrupted
        | Exit::ConditionFailed => exit,
    }
}

/// The four answers and the code, as the machine contract has them.
pub fn error_json(explanation: &Explanation) -> Value {
    json!({
        "code": explanation.code,
        "what": explanation.what,
        "where": explanation.place,
        "why": explanation.why,
        "mend": explanation.mend,
    })
}
