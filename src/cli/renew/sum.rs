//! What a run over several certificates comes to: all of them listed, and the worst failure as its end.

use super::due::Standing;
use crate::cli::Context;
use crate::cli::output::{self, Failure, Outcome};
use crate::cli::render;
use crate::findings::{Finding, Severity};
use serde_json::{Value, json};

/// What has become of one certificate.
#[derive(Debug)]
pub struct Done {
    /// `requested`, `sent-again`, `renewed`, `assigned`, `waits`, `would-request` …
    pub action: &'static str,
    /// Whether anything was changed.
    pub changed: bool,
    /// For a person, whole lines.
    pub text: String,
    /// For scripts.
    pub result: Value,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// The certificates of one run together.
#[derive(Default)]
pub(super) struct Sum {
    changed: bool,
    listed: Vec<Value>,
    texts: String,
    findings: Vec<Finding>,
    worst: Option<Failure>,
}

impl Sum {
    pub(super) fn add(&mut self, context: &Context, standing: &Standing, done: Done) {
        // Certificates of one issuer have its notes in common: each is told once, and all stand in the document.
        let is_told = |note: &Finding| {
            note.severity == Severity::Note
                && self
                    .findings
                    .iter()
                    .any(|known| known.code == note.code && known.what == note.what)
        };
        let untold = done.findings.iter().filter(|one| !is_told(one)).cloned();
        output::findings(context, &untold.collect::<Vec<_>>());
        self.changed |= done.changed;
        self.findings.extend(done.findings);
        self.texts.push_str(&done.text);
        self.listed.push(json!({
            "certificate": standing.certificate.as_str(),
            "ok": true,
            "action": done.action,
            "changed": done.changed,
            "standing": standing.json(),
            "result": done.result,
        }));
    }

    /// With others beside it a failure is told at once, since only the worst ends the run.
    pub(super) fn fail(
        &mut self,
        context: &Context,
        standing: &Standing,
        failure: Failure,
        count: usize,
    ) {
        self.changed |= failure.changed;
        self.listed.push(json!({
            "certificate": standing.certificate.as_str(),
            "ok": false,
            "action": "failed",
            "changed": failure.changed,
            "standing": standing.json(),
            "result": failure.result,
            "error": {
                "code": failure.explanation.code,
                "what": failure.explanation.what,
                "where": failure.explanation.place,
                "why": failure.explanation.why,
                "mend": failure.explanation.mend,
            },
        }));
        if count > 1 {
            context.note(&format!("{}:\n", standing.certificate));
            output::findings(context, &failure.findings);
            context.note(&render::explanation(&failure.explanation));
        }
        let rank = |failure: &Failure| failure.kind.rank();
        let other = match self.worst.take() {
            Some(worst) if rank(&worst) >= rank(&failure) => {
                self.worst = Some(worst);
                Some(failure)
            }
            worst => {
                self.worst = Some(failure);
                worst
            }
        };
        self.findings
            .extend(other.into_iter().flat_map(|other| other.findings));
    }

    pub(super) fn end(self, context: &Context) -> Result<Outcome, Failure> {
        let result = json!({ "certificates": self.listed });
        match self.worst {
            None => Ok(Outcome {
                changed: self.changed,
                findings: self.findings,
                next: None,
                findings_shown: true,
                into: None,
                on_lost: None,
                text: self.texts,
                result,
                exit: None,
            }),
            Some(worst) => {
                context.note(&self.texts);
                // People have seen those of the others.
                let others = self.findings.into_iter().filter(|_| context.json());
                let findings = worst.findings.into_iter().chain(others).collect();
                Err(Failure {
                    result,
                    changed: self.changed,
                    findings,
                    ..worst
                })
            }
        }
    }
}
