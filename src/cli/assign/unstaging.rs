//! What is staged goes again: taken away, or as it is live already.

use super::{How, failed};
use crate::assign::{AssignPlan, ledger};
use crate::cli::exit::FailureKind;
use crate::cli::list::staged_json;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::explain::{Explanation, printable};
use crate::names::Slug;
use crate::store::{AssignmentRecord, Lease, Store};
use serde_json::json;

/// What is staged and live already on every gateway that it is for waits for nothing: it would be overdue for ever.
pub(super) fn forget_staged(
    lease: &mut Lease,
    plan: &AssignPlan,
    record: &AssignmentRecord,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    let there = record.staged.as_ref();
    let Some(staged) = there.filter(|staged| staged.generation == plan.to) else {
        return Ok(outcome);
    };
    let left = ledger::still_staged(record, plan, &[]);
    if left.as_ref() == Some(staged) {
        return Ok(outcome);
    }
    let name = &plan.certificate;
    let text = match &left {
        None => format!("{name}/{} is staged no longer\n", staged.generation),
        Some(left) => format!(
            "{name}/{} stays staged on {} alone\n",
            left.generation,
            printable(&left.gateways.join(", "))
        ),
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
        text: outcome.text + &text,
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
