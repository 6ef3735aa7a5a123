//! How an assignment ended, as what the command gives: its outcome, or the failure with what stands.

use super::told::{
    before_words, dark_finding, dark_words, next_words, plan_json, replaced_finding,
    session_findings, standing_words, standings_json, still_staged, where_live,
};
use super::transaction::Task;
use crate::assign::{Applied, AssignError, AssignPlan};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::list::staged_json;
use crate::cli::output::{self, Failure, Outcome};
use crate::findings::{Finding, Severity};
use crate::store::IntentKind;
use console::style;
use serde_json::json;

impl Task<'_> {
    pub fn told(
        &self,
        context: &Context,
        plan: &AssignPlan,
        ended: Applied,
        pruned: Vec<u32>,
        outcome: Outcome,
    ) -> Result<Outcome, Failure> {
        match ended {
            Applied::Done {
                standings,
                dark,
                replaced,
            } => {
                let seen: Vec<Finding> = dark
                    .iter()
                    .map(dark_finding)
                    .chain(session_findings(plan, &standings))
                    .chain(replaced.as_deref().map(replaced_finding))
                    .collect();
                output::findings(context, &seen);
                let findings = outcome.findings.into_iter().chain(seen).collect();
                let verb = match self.kind {
                    IntentKind::Assign => "assigned",
                    IntentKind::Rollback => "rolled back",
                };
                // It was written a moment ago; one that cannot be read costs these words alone.
                let record = self.store.assignment(&plan.certificate).unwrap_or_default();
                let mut text = format!(
                    "{}  {verb}: {}/{} is live{}{}\n",
                    style("ok").green().bold(),
                    plan.certificate,
                    plan.to,
                    where_live(plan, &record),
                    if pruned.is_empty() {
                        String::new()
                    } else {
                        format!(" · {} old removed", pruned.len())
                    },
                );
                if let Some(staged) = &record.staged {
                    text.push_str(&still_staged(&plan.certificate, staged, context.now));
                }
                Ok(Outcome {
                    changed: true,
                    findings,
                    findings_shown: true,
                    text,
                    next: Some(next_words(self.store, plan)),
                    result: json!({
                        "plan": plan_json(plan),
                        "standings": standings_json(&standings),
                        "pruned": pruned,
                        "staged": record.staged.as_ref().map(staged_json),
                    }),
                    ..outcome
                })
            }
            Applied::RolledBack { cause, standings } => {
                let mut failure = Failure::from_error(unfinished(&cause), &cause);
                failure.explanation.what = format!(
                    "not assigned; {}: {}",
                    before_words(plan),
                    failure.explanation.what
                );
                failure.explanation.why.push_str(&dark_words(&standings));
                failure.result =
                    json!({"plan": plan_json(plan), "standings": standings_json(&standings)});
                Err(failure)
            }
            Applied::Dirty {
                cause,
                standings,
                saved,
            } => {
                let mut failure = Failure::from_error(FailureKind::Dirty, &cause);
                failure.changed = true;
                failure.explanation.what =
                    format!("not everything is as it was: {}", failure.explanation.what);
                let stand: Vec<String> = standings.iter().map(standing_words).collect();
                failure.explanation.why =
                    format!("{}\n{}", failure.explanation.why, stand.join("\n"));
                if let Some(saved) = saved {
                    failure.explanation.mend = format!(
                        "{}; the files of before lie in {} (`kept-*.json` says of which path)",
                        failure.explanation.mend,
                        saved.display()
                    );
                }
                failure.result =
                    json!({"plan": plan_json(plan), "standings": standings_json(&standings)});
                Err(failure)
            }
        }
    }
}

/// What a failure is called when everything is as it was.
fn unfinished(cause: &AssignError) -> FailureKind {
    if cause.is_interrupted() {
        FailureKind::Interrupted
    } else {
        FailureKind::Failed
    }
}

/// Nothing is new; what is worth knowing was told when it went live.
pub(super) fn nothing_to_do(context: &Context, plan: &AssignPlan, outcome: Outcome) -> Outcome {
    let urgent: Vec<Finding> = outcome
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note || context.verbose())
        .cloned()
        .collect();
    output::findings(context, &urgent);
    let unproved = plan
        .gateways
        .iter()
        .any(|gateway| gateway.proofs.is_empty());
    let proved = match (plan.gateways.is_empty(), unproved) {
        (true, _) => "",
        (false, false) => ", proved on every listener",
        (false, true) => ", proved where a listener is known",
    };
    Outcome {
        text: format!(
            "{}/{} is live already{proved}: nothing to do\n",
            plan.certificate, plan.to
        ),
        findings_shown: true,
        result: json!({"plan": plan_json(plan), "standings": []}),
        ..outcome
    }
}
