//! A generation that becomes current later, and the way to take that back.

use super::transaction::Task;
use super::{How, failed, generation};
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::{Context, render};
use crate::explain::Explanation;
use crate::names::Slug;
use crate::store::{Lease, Staged, Store};
use serde_json::json;
use time::OffsetDateTime;

pub(super) fn stage(
    context: &Context,
    task: &Task<'_>,
    lease: Option<&mut Lease>,
    effective: OffsetDateTime,
    how: &How,
    outcome: Outcome,
) -> Result<Outcome, Failure> {
    let name = &task.certificate.name;
    let mut record = task
        .store
        .assignment(name)
        .map_err(|error| failed(&error))?;
    if record.current == Some(task.number) {
        let text = match &record.staged {
            None => format!("{name}/{} is live already: nothing to stage\n", task.number),
            Some(staged) => format!(
                "{name}/{} is live already, and {name}/{} stays staged; `edgecert assign {name} --unstage` takes it away\n",
                task.number, staged.generation
            ),
        };
        return Ok(Outcome {
            text,
            result: json!({"certificate": name.as_str(), "dry_run": how.dry_run}),
            ..outcome
        });
    }
    let loaded = generation::load(task.deployment, task.store, task.certificate, task.number)?;
    generation::refuse_compromised(&loaded.record)?;
    if loaded.bundle.chain().leaf.facts().not_after < effective {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "assign.ends-before",
                what: format!(
                    "{}/{} will have ended when it becomes current",
                    task.certificate.name, task.number
                ),
                place: "--effective-date".into(),
                why: format!(
                    "it ends on {}, and becomes current on {}",
                    render::date(loaded.bundle.chain().leaf.facts().not_after),
                    render::date(effective)
                ),
                mend: "choose an earlier date, or another generation".into(),
            },
        ));
    }
    // What would be refused at that time is refused now, while somebody is there. A certificate that is not valid yet
    // may be staged: that is what staging is for.
    task.verified(context, &loaded.record, loaded.bundle, how, effective)?;
    let when = render::age(effective, context.now);
    let result = json!({
        "certificate": name.as_str(),
        "staged": {"generation": task.number, "effective": render::rfc3339(effective)},
        "dry_run": how.dry_run,
    });
    let staged = Staged {
        generation: task.number,
        effective,
    };
    let same = record.staged.as_ref().is_some_and(|there| {
        there.generation == staged.generation
            && (there.effective - staged.effective).whole_seconds() == 0
    });
    if let (Some(lease), false) = (lease, same) {
        record.staged = Some(staged);
        lease
            .put_assignment(name, &record)
            .map_err(|error| failed(&error))?;
        let mut detail = serde_json::Map::new();
        detail.insert("generation".into(), task.number.into());
        detail.insert("effective".into(), render::rfc3339(effective).into());
        lease
            .journal("stage", Some(name), detail)
            .map_err(|error| failed(&error))?;
        return Ok(Outcome {
            changed: true,
            text: format!(
                "staged: {name}/{} becomes current on {when} · by `edgecert assign --due` (a timer)\n\
                 take it away again: edgecert assign {name} --unstage\n",
                task.number
            ),
            result,
            ..outcome
        });
    }
    let text = if how.dry_run {
        format!(
            "would stage: {name}/{} to become current on {when}\n",
            task.number
        )
    } else {
        format!(
            "{name}/{} is staged for {when} already: nothing to do\n",
            task.number
        )
    };
    Ok(Outcome {
        text,
        result,
        ..outcome
    })
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
    let staged = record
        .staged
        .take_if(|staged| number.is_none_or(|number| number == staged.generation));
    let Some(staged) = staged else {
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
        "unstaged": {"generation": staged.generation, "effective": render::rfc3339(staged.effective)},
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
