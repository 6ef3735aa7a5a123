//! `assign --due`: what was staged and whose time has come.

use super::transaction::Task;
use super::{AssignArgs, failed, staging};
use crate::assign::targets::Run;
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::{self, Failure, Outcome};
use crate::deployment::Deployment;
use crate::store::{IntentKind, Lease, Store};
use serde_json::json;

/// Assigns every certificate whose staged time has come, or the one that is named; one that fails does not stop the
/// others.
pub(super) fn assign_due(
    context: &mut Context,
    deployment: &Deployment,
    store: &Store,
    mut lease: Option<&mut Lease>,
    args: &AssignArgs,
    mut outcome: Outcome,
) -> Result<Outcome, Failure> {
    let mut done = Vec::new();
    let mut worst: Option<Failure> = None;
    let only = args.certificate.as_ref().map(|one| &one.certificate);
    let all = deployment.certificates.iter();
    for certificate in all.filter(|one| only.is_none_or(|only| one.name == *only)) {
        let record = store
            .assignment(&certificate.name)
            .map_err(|error| failed(&error))?;
        let Some(staged) = record
            .staged
            .filter(|staged| staged.effective <= context.now)
        else {
            continue;
        };
        let task = Task {
            deployment,
            store,
            certificate,
            number: staged.generation,
            kind: IntentKind::Assign,
            again: false,
            held: args.held(),
            run: Run::First,
        };
        let carried_out =
            staging::as_staged(&task, &staged, &args.how).and_then(|(gateways, how)| {
                let lease = lease.as_deref_mut();
                task.carry_out(context, lease, &gateways, &how, Outcome::default())
            });
        let one = match carried_out {
            Ok(one) => one,
            Err(failure) if failure.kind == FailureKind::Interrupted => return Err(failure),
            // The next one is not kept waiting for somebody to mend this one.
            Err(failure) => {
                if only.is_none() {
                    let what = &failure.explanation.what;
                    context.note(&format!("{}: {what}\n", certificate.name));
                }
                // Whether something is not as it was is what a person has to know first.
                worst = match worst.take() {
                    Some(dirty) if failure.kind != FailureKind::Dirty => Some(dirty),
                    Some(_) | None => Some(failure),
                };
                continue;
            }
        };
        if !one.findings_shown {
            output::findings(context, &one.findings);
        }
        context.say(one.text.trim_end());
        outcome.changed |= one.changed;
        outcome.findings.extend(one.findings);
        outcome.findings_shown = true;
        done.push(json!({"certificate": certificate.name.as_str(), "result": one.result}));
    }
    if let Some(mut failure) = worst {
        failure.changed |= outcome.changed;
        if only.is_none() {
            failure.result = json!({ "assigned": done });
        }
        return Err(failure);
    }
    let text = if done.is_empty() {
        "nothing is due\n".to_owned()
    } else {
        String::new()
    };
    Ok(Outcome {
        text,
        result: json!({ "assigned": done }),
        ..outcome
    })
}
