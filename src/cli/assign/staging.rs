//! A generation that becomes current later, and the way to take that back.

use super::transaction::Task;
use super::{How, OnFailureWord, failed, generation};
use crate::assign::AssignError;
use crate::cli::exit::FailureKind;
use crate::cli::list::staged_json;
use crate::cli::output::{Failure, Outcome};
use crate::cli::staged::{ends_first, latest, on_words};
use crate::cli::{Context, render};
use crate::explain::{Explain, Explanation, printable};
use crate::findings::Code;
use crate::names::Slug;
use crate::store::{Accepted, AssignmentRecord, GenerationRecord, Lease, Staged};
use crate::verify::Override;
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// How long past a moment may lie and still mean now: clocks differ, and words take their time to arrive.
const NOW: Duration = Duration::minutes(1);

/// A date that is past is a slip, and production is not switched for one.
pub(super) fn insist_that_it_is_to_come(
    effective: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    if now - effective <= NOW {
        return Ok(());
    }
    let mut failure = Failure::usage(
        "the date to stage for is past",
        format!(
            "it is {}, and now it is {}",
            render::when(effective, now),
            render::moment(now)
        ),
        "leave --effective-date out to assign now, or name a later one",
    );
    failure.explanation.place = "--effective-date".into();
    Err(failure)
}

/// What is said to an assignment and not kept with what is staged is refused: the run that assigns it has to be told.
pub(super) fn insist_that_it_can_wait(how: &How) -> Result<(), Failure> {
    let flag = match (how.write_config, how.on_failure) {
        (true, _) => "--write-config",
        (false, OnFailureWord::Keep) => "--on-failure keep",
        (false, OnFailureWord::Rollback) => return Ok(()),
    };
    Err(Failure::usage(
        format!("{flag} cannot be staged"),
        "it is for the run that assigns, and --effective-date leaves that to `edgecert assign --due`",
        format!(
            "stage it without; give it to the run (and its timer): `edgecert assign --due {flag}`"
        ),
    ))
}

/// What is staged, as the run that assigns it is told: the gateways, and how.
///
/// A gateway that has left the deployment since is no slip of this command line. It is refused, and so is what is no
/// gateway's name: without them none would be left, and none means all.
pub(super) fn as_staged(
    task: &Task<'_>,
    staged: &Staged,
    how: &How,
) -> Result<(Vec<Slug>, How), Failure> {
    let name = &task.certificate.name;
    let refused = |told: Explanation| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                place: format!("what is staged of {name}"),
                mend: format!(
                    "`edgecert assign {name} --unstage`, then stage it for the gateways that are there"
                ),
                ..told
            },
        )
    };
    let parsed = staged.gateways.iter().map(|text| {
        Slug::parse(text).map_err(|error| {
            let told = error.explain();
            let what = format!("{} is the name of no gateway", printable(text));
            refused(Explanation { what, ..told })
        })
    });
    let only = parsed.collect::<Result<Vec<Slug>, Failure>>()?;
    insist_on_gateways(task, &only).map_err(|error| refused(error.explain()))?;
    let how = How {
        staged: staged.accepted.iter().filter_map(let_through).collect(),
        ..how.clone()
    };
    Ok((only, how))
}

/// A finding that was let through knowingly before, unless this program has no such finding any more.
pub(super) fn let_through(accepted: &Accepted) -> Option<Override> {
    let code = Code::ALL
        .iter()
        .find(|code| code.as_str() == accepted.code)?;
    Some(Override {
        code: *code,
        reason: accepted.reason.clone(),
    })
}

/// Whether what is to be staged is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsLive {
    /// Everywhere it is wanted: nothing is staged.
    Already,
    /// Not everywhere.
    NotYet,
}

/// Stages a generation to become current at a time, on these gateways or all.
pub(super) fn stage(
    context: &Context,
    task: &Task<'_>,
    lease: Option<&mut Lease>,
    (effective, only): (OffsetDateTime, &[Slug]),
    how: &How,
    outcome: Outcome,
) -> Result<(Outcome, IsLive), Failure> {
    let name = &task.certificate.name;
    insist_on_gateways(task, only)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?;
    let mut record = task
        .store
        .assignment(name)
        .map_err(|error| failed(&error))?;
    let all = task.deployment.gateways_of(name).into_iter();
    let wanted: Vec<&Slug> = all
        .map(|gateway| &gateway.name)
        .filter(|gateway| only.is_empty() || only.contains(gateway))
        .collect();
    if record.current == Some(task.number)
        && wanted
            .iter()
            .all(|gateway| task.is_settled(&record, gateway))
    {
        let text = match &record.staged {
            None => format!("{name}/{} is live already: nothing to stage\n", task.number),
            Some(staged) => format!(
                "{name}/{} is live already, and {name}/{} stays staged; `edgecert assign {name} --unstage` takes it away\n",
                task.number, staged.generation
            ),
        };
        let outcome = Outcome {
            text,
            result: json!({"certificate": name.as_str(), "dry_run": how.dry_run}),
            ..outcome
        };
        return Ok((outcome, IsLive::Already));
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
                    render::moment(loaded.bundle.chain().leaf.facts().not_after),
                    render::moment(effective)
                ),
                mend: "choose an earlier date, or another generation".into(),
            },
        ));
    }
    let gap = insist_on_no_gap(
        task,
        &record,
        &wanted,
        &loaded.record,
        (effective, context.now),
    )?;
    // What would be refused at that time is refused now, while somebody is there. A certificate that is not valid yet
    // may be staged: that is what staging is for.
    task.verified(context, &loaded.record, loaded.bundle, how, effective)?;
    let when = render::when(effective, context.now);
    // Those that have it wait for nothing. None left would mean all.
    let lacking: Vec<&Slug> = wanted
        .iter()
        .filter(|gateway| !task.is_settled(&record, gateway))
        .copied()
        .collect();
    let gateways = match lacking.is_empty() || lacking.len() == wanted.len() {
        true => only.iter().map(Slug::to_string).collect(),
        false => lacking.iter().map(|gateway| gateway.to_string()).collect(),
    };
    let staged = Staged {
        generation: task.number,
        effective,
        gateways,
        accepted: how
            .overrides()
            .map(|one| Accepted {
                code: one.code.as_str().to_owned(),
                reason: one.reason,
            })
            .collect(),
    };
    let (staged, instead) = match record.staged.as_ref() {
        Some(there) if is_same_time(there, &staged) => (merged(there, staged), String::new()),
        Some(there) => {
            let on = on_words(there);
            let instead = format!(
                "in place of what was staged: {name}/{} for {}{on}\n",
                there.generation,
                render::when(there.effective, context.now)
            );
            (staged, instead)
        }
        None => (staged, String::new()),
    };
    let result = json!({
        "certificate": name.as_str(),
        "staged": staged_json(&staged),
        "dry_run": how.dry_run,
    });
    let mut on = on_words(&staged);
    on.push_str(&gap);
    for one in &staged.accepted {
        on.push_str(&format!(" · {} is let through", one.code));
    }
    let same = record.staged.as_ref().is_some_and(|there| {
        is_same_time(there, &staged)
            && Staged {
                effective: staged.effective,
                ..there.clone()
            } == staged
    });
    if let (Some(lease), false) = (lease, same) {
        let mut detail = serde_json::Map::new();
        detail.insert("generation".into(), task.number.into());
        detail.insert("effective".into(), render::rfc3339(effective).into());
        if !staged.gateways.is_empty() {
            detail.insert("gateways".into(), json!(staged.gateways));
        }
        if !staged.accepted.is_empty() {
            detail.insert("accepted".into(), json!(staged.accepted));
        }
        record.staged = Some(staged);
        lease
            .put_assignment(name, &record)
            .map_err(|error| failed(&error))?;
        lease
            .journal("stage", Some(name), detail)
            .map_err(|error| failed(&error))?;
        let outcome = Outcome {
            changed: true,
            text: format!(
                "staged: {name}/{} becomes current on {when}{on} · by `edgecert assign --due` (a timer)\n\
                 {instead}take it away again: edgecert assign {name} --unstage\n",
                task.number
            ),
            result,
            ..outcome
        };
        return Ok((outcome, IsLive::NotYet));
    }
    let text = if how.dry_run {
        format!(
            "would stage: {name}/{} to become current on {when}{on}\n{instead}",
            task.number
        )
    } else {
        format!(
            "{name}/{} is staged for {when}{on} already: nothing to do\n",
            task.number
        )
    };
    let outcome = Outcome {
        text,
        result,
        ..outcome
    };
    Ok((outcome, IsLive::NotYet))
}

/// Whether both are of one generation and one second.
fn is_same_time(there: &Staged, staged: &Staged) -> bool {
    let moved = there.effective - staged.effective;
    there.generation == staged.generation && moved.whole_seconds() == 0
}

/// What was staged for the same time, with what comes to it; no gateway named is all of them.
fn merged(there: &Staged, mut staged: Staged) -> Staged {
    let add = |to: &mut Vec<String>, more: Vec<String>| {
        let new: Vec<String> = more.into_iter().filter(|one| !to.contains(one)).collect();
        to.extend(new);
    };
    let mut gateways = there.gateways.clone();
    match gateways.is_empty() || staged.gateways.is_empty() {
        true => gateways.clear(),
        false => add(&mut gateways, staged.gateways),
    }
    // What is let through is let through for all of them; the reason that was given last counts.
    let is_new = |one: &Accepted| !staged.accepted.iter().any(|new| new.code == one.code);
    let mut accepted = there.accepted.clone();
    accepted.retain(is_new);
    accepted.append(&mut staged.accepted);
    Staged {
        gateways,
        accepted,
        generation: staged.generation,
        effective: staged.effective,
    }
}

/// What is live must last until then. Where the next one is not valid before that, a gap cannot be helped: it is told.
fn insist_on_no_gap(
    task: &Task<'_>,
    record: &AssignmentRecord,
    wanted: &[&Slug],
    next: &GenerationRecord,
    (effective, now): (OffsetDateTime, OffsetDateTime),
) -> Result<String, Failure> {
    let name = &task.certificate.name;
    let generations = task
        .store
        .generations(name)
        .map_err(|error| failed(&error))?;
    let ending = ends_first(record, &generations, wanted).filter(|live| live.ends < effective);
    let Some(live) = ending else {
        return Ok(String::new());
    };
    let on = match &live.gateway {
        Some(gateway) => format!(", live on {gateway},"),
        None => ", which is live,".to_owned(),
    };
    let last = latest(&live, next.leaf.not_before);
    if effective <= last {
        return Ok(format!(
            " · nothing valid until then: {name}/{}{on} ends on {}",
            live.number,
            render::moment(live.ends)
        ));
    }
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "assign.live-ends-before",
            what: format!(
                "{name}/{} will have ended before {name}/{} becomes current",
                live.number, task.number
            ),
            place: "--effective-date".into(),
            why: format!(
                "{name}/{}{on} ends on {}, and the time named is {}",
                live.number,
                render::moment(live.ends),
                render::moment(effective)
            ),
            mend: match last > now {
                true => format!(
                    "name a time up to {}, or assign it now: `edgecert assign {name}/{}`",
                    render::rfc3339(last),
                    task.number
                ),
                false => format!("assign it now: `edgecert assign {name}/{}`", task.number),
            },
        },
    ))
}

/// A gateway that does not serve the certificate is told now, and not at the time.
fn insist_on_gateways(task: &Task<'_>, only: &[Slug]) -> Result<(), AssignError> {
    let known = task.deployment.gateways_of(&task.certificate.name);
    let stranger = only
        .iter()
        .find(|name| !known.iter().any(|gateway| gateway.name == **name));
    match stranger {
        None => Ok(()),
        Some(gateway) => Err(AssignError::NoSuchGateway {
            certificate: task.certificate.name.clone(),
            gateway: gateway.clone(),
            known: known.iter().map(|one| one.name.clone()).collect(),
        }),
    }
}
