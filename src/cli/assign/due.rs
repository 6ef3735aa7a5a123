//! `assign --due`: what was staged and whose time has come.

use super::transaction::Task;
use super::{AssignArgs, failed, staging, unstaging};
use crate::assign::targets::Run;
use crate::cli::exit::FailureKind;
use crate::cli::output::{self, Failure, Outcome};
use crate::cli::{Context, render};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::store::{IntentKind, Lease, Store};
use serde_json::{Value, json};

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
    let mut failures: Vec<(Slug, Failure)> = Vec::new();
    let mut next: Vec<String> = Vec::new();
    let only = args.certificate.as_ref().map(|one| &one.certificate);
    let all = deployment.certificates.iter();
    for certificate in all.filter(|one| only.is_none_or(|only| one.name == *only)) {
        let record = store
            .assignment(&certificate.name)
            .map_err(|error| failed(&error))?;
        let staged = record.staged.as_ref();
        let Some(staged) = staged.filter(|staged| staged.effective <= context.now) else {
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
        let carried_out = match unstaging::waits_for_nobody(&task, &record, staged) {
            true => {
                let lease = lease.as_deref_mut();
                unstaging::narrow(lease, &certificate.name, &record, None, Outcome::default())
            }
            false => staging::as_staged(&task, staged, &args.how).and_then(|(gateways, how)| {
                let lease = lease.as_deref_mut();
                task.carry_out(context, lease, &gateways, &how, Outcome::default())
            }),
        };
        let one = match carried_out {
            Ok(one) => one,
            Err(failure) => {
                let is_end = failure.kind == FailureKind::Interrupted;
                failures.push((certificate.name.clone(), failure));
                if is_end {
                    break;
                }
                // The next one is not kept waiting for somebody to mend this one.
                continue;
            }
        };
        next.extend(one.next.filter(|one| !next.contains(one)));
        if !one.findings_shown {
            output::findings(context, &one.findings);
        }
        context.say(one.text.trim_end());
        outcome.changed |= one.changed;
        outcome.findings.extend(one.findings);
        outcome.findings_shown = true;
        done.push(json!({"certificate": certificate.name.as_str(), "result": one.result}));
    }
    if only.is_none() {
        for (name, failure) in &mut failures {
            let what = &mut failure.explanation.what;
            if !what.starts_with(&format!("{name}/")) {
                *what = format!("{name}: {what}");
            }
        }
    }
    let failed: Vec<Value> = failures.iter().map(failed_json).collect();
    if let Some(mut failure) = worst_of(context, failures) {
        failure.changed |= outcome.changed;
        if context.json() {
            failure.findings.splice(0..0, outcome.findings);
        }
        if only.is_none() {
            failure.result = json!({ "assigned": done, "failed": failed });
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
        next: (!next.is_empty()).then(|| next.join(" · ")),
        result: json!({ "assigned": done }),
        ..outcome
    })
}

/// The failure that ends the run, the first of the gravest; the others are told whole, as only one can end it.
fn worst_of(context: &Context, mut failures: Vec<(Slug, Failure)>) -> Option<Failure> {
    let (worst, _) = failures
        .iter()
        .enumerate()
        .rev()
        .max_by_key(|(_, (_, failure))| failure.kind.rank())?;
    let (_, mut ends) = failures.remove(worst);
    for (name, failure) in failures {
        if !failure.findings.is_empty() {
            context.note(&format!("{name}:\n"));
            output::findings(context, &failure.findings);
        }
        context.note(&render::explanation(&failure.explanation));
        // People have seen them; a document has all.
        if context.json() {
            ends.findings.extend(failure.findings);
        }
    }
    Some(ends)
}

fn failed_json((name, failure): &(Slug, Failure)) -> Value {
    let told = &failure.explanation;
    json!({
        "certificate": name.as_str(),
        "changed": failure.changed,
        "result": failure.result,
        "error": {
            "code": told.code,
            "what": told.what,
            "where": told.place,
            "why": told.why,
            "mend": told.mend,
        },
    })
}
