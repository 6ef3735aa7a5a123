//! What is staged goes again: taken away, or as it is live already.

use super::transaction::Task;
use super::{How, failed};
use crate::assign::{AssignPlan, ledger};
use crate::cli::exit::FailureKind;
use crate::cli::list::staged_json;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::cli::staged::on_words;
use crate::explain::Explanation;
use crate::names::Slug;
use crate::store::{AssignmentRecord, Lease, Staged, Store};
use serde_json::json;

/// What is staged and live already on every gateway that it is for waits for nothing: it would be overdue for ever.
/// Without a lease nothing is done, and told what would be.
pub(super) fn forget_staged(
    lease: Option<&mut Lease>,
    plan: &AssignPlan,
    record: &AssignmentRecord,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    let left = ledger::still_staged(record, plan, &[]);
    match &record.staged {
        Some(staged) if staged.generation == plan.to && left.as_ref() != Some(staged) => {
            narrow(lease, &plan.certificate, record, left, outcome)
        }
        Some(_) | None => Ok(outcome),
    }
}

/// Whether a staging waits for nothing but gateways that have left the deployment: those that are there have it.
pub(super) fn waits_for_nobody(
    task: &Task<'_>,
    record: &AssignmentRecord,
    staged: &Staged,
) -> bool {
    let all = task.deployment.gateways_of(&task.certificate.name);
    let is_there = |name: &String| all.iter().any(|one| one.name.as_str() == name);
    !all.is_empty()
        && !staged.gateways.iter().all(is_there)
        && all.iter().all(|one| task.is_settled(record, &one.name))
}

/// Leaves staged what is left of it, or nothing.
pub(super) fn narrow(
    lease: Option<&mut Lease>,
    name: &Slug,
    record: &AssignmentRecord,
    left: Option<Staged>,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    let Some(staged) = &record.staged else {
        return Ok(outcome);
    };
    let (stays, no_longer) = match &lease {
        Some(_) => ("stays", "is"),
        None => ("would stay", "would be"),
    };
    let text = match &left {
        None => format!(
            "{name}/{} {no_longer} staged no longer\n",
            staged.generation
        ),
        Some(left) => format!(
            "{name}/{} {stays} staged{} alone\n",
            left.generation,
            on_words(left)
        ),
    };
    let text = outcome.text.clone() + &text;
    let mut result = outcome.result.as_object().cloned().unwrap_or_default();
    let key = if left.is_some() { "staged" } else { "unstaged" };
    result.insert(key.into(), staged_json(left.as_ref().unwrap_or(staged)));
    let outcome = Outcome {
        text,
        result: result.into(),
        ..outcome
    };
    let Some(lease) = lease else {
        return Ok(outcome);
    };
    let mut detail = serde_json::Map::new();
    detail.insert("generation".into(), staged.generation.into());
    let (action, gateways) = match &left {
        None => ("unstage", &staged.gateways),
        Some(left) => {
            detail.insert("effective".into(), render::rfc3339(left.effective).into());
            ("stage", &left.gateways)
        }
    };
    if !gateways.is_empty() {
        detail.insert("gateways".into(), json!(gateways));
    }
    let record = AssignmentRecord {
        staged: left,
        ..record.clone()
    };
    lease
        .put_assignment(name, &record)
        .map_err(|error| failed(&error))?;
    lease
        .journal(action, Some(name), detail)
        .map_err(|error| failed(&error))?;
    Ok(Outcome {
        changed: true,
        ..outcome
    })
}

/// Whoever names a number has that one in mind: nothing else is taken away.
fn another_is_staged(name: &Slug, number: u32, staged: u32) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "assign.another-staged",
            what: format!("{name}/{number} is not staged"),
            place: format!("what is staged of {name}"),
            why: format!("{name}/{staged} is, and stays so"),
            mend: format!("`edgecert assign {name} --unstage` takes {name}/{staged} away"),
        },
    )
}

/// Takes away what is staged; with a number, only that generation.
pub(super) fn unstage(
    store: &Store,
    lease: Option<&mut Lease>,
    name: &Slug,
    number: Option<u32>,
    how: &How,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    let mut record = store.assignment(name).map_err(|error| failed(&error))?;
    if let (Some(number), Some(other)) = (number, &record.staged)
        && other.generation != number
    {
        return Err(another_is_staged(name, number, other.generation));
    }
    let Some(staged) = record.staged.take() else {
        let text = match number {
            None => format!("nothing of {name} is staged: nothing to do\n"),
            Some(number) => format!("{name}/{number} is not staged: nothing to do\n"),
        };
        return Ok(Outcome {
            text,
            result: json!({"certificate": name.as_str(), "unstaged": null, "dry_run": how.dry_run}),
            ..outcome
        });
    };
    let stays = match record.current {
        Some(current) => format!("{name}/{current} stays live"),
        None => "nothing is live".to_owned(),
    };
    let result = json!({
        "certificate": name.as_str(),
        "unstaged": staged_json(&staged),
        "dry_run": how.dry_run,
    });
    let Some(lease) = lease else {
        return Ok(Outcome {
            text: format!("would unstage: {name}/{} · {stays}\n", staged.generation),
            result,
            ..outcome
        });
    };
    lease
        .put_assignment(name, &record)
        .map_err(|error| failed(&error))?;
    let mut detail = serde_json::Map::new();
    detail.insert("generation".into(), staged.generation.into());
    lease
        .journal("unstage", Some(name), detail)
        .map_err(|error| failed(&error))?;
    Ok(Outcome {
        changed: true,
        text: format!("unstaged: {name}/{} · {stays}\n", staged.generation),
        result,
        ..outcome
    })
}
