//! `rollback`: back to the generation before, and what is said where there is none.

use super::transaction::Task;
use super::{HeldSessions, RollbackArgs, begin, failed};
use crate::assign::targets::Run;
use crate::cli::Context;
use crate::cli::barred::Barred;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::deployment::Certificate;
use crate::explain::Explanation;
use crate::store::{GenerationRecord, IntentKind, Store};
use time::OffsetDateTime;

/// Runs `rollback`.
pub fn rollback(args: RollbackArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let certificate = context.certificate(&deployment, args.certificate.as_ref())?;
    let (store, mut lease, outcome) = begin(context, &deployment, "edgecert rollback", &args.how)?;
    let record = store
        .assignment(&certificate.name)
        .map_err(|error| failed(&error))?;
    // A journal that cannot be read is told by `log`; here it only costs words.
    let barred = Barred::read(&store).unwrap_or_default();
    let Some(previous) = record.previous else {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "rollback.no-previous",
                what: format!(
                    "{} has no previous generation to go back to",
                    certificate.name
                ),
                place: store.folder().display().to_string(),
                why: match record.current {
                    Some(current) => format!("generation {current} is the first that was assigned"),
                    None => "nothing was ever assigned".into(),
                },
                mend: instead_of_rollback(
                    &store,
                    &barred,
                    certificate,
                    record.current,
                    context.now,
                ),
            },
        ));
    };
    let task = Task {
        deployment: &deployment,
        store: &store,
        certificate,
        number: previous,
        kind: IntentKind::Rollback,
        again: barred.is_left_by_rollback(&certificate.name, previous),
        held: HeldSessions::Leave,
        run: Run::First,
    };
    task.carry_out(context, lease.as_mut(), &[], &args.how, outcome)
}

/// What there is to assign where nothing was live before.
fn instead_of_rollback(
    store: &Store,
    barred: &Barred,
    certificate: &Certificate,
    current: Option<u32>,
    now: OffsetDateTime,
) -> String {
    let name = &certificate.name;
    // Those that cannot be read are a matter of `doctor`.
    let all = store.generations(name).unwrap_or_default();
    let is_other = |one: &&GenerationRecord| Some(one.number) != current;
    let others: Vec<String> = all
        .iter()
        .filter(is_other)
        .filter(|one| barred.can_serve(one, now))
        .map(|one| format!("`edgecert assign {name}/{}`", one.number))
        .collect();
    let that = match all.iter().any(|one| is_other(&one)) {
        true => " that could be served",
        false => "",
    };
    match (others.is_empty(), current) {
        (false, _) => format!("what else is there: {}", others.join(", ")),
        (true, Some(_)) => format!(
            "there is no other generation{that}: `edgecert renew {name}`, or `edgecert rekey {name}` where its key is in doubt"
        ),
        (true, None) if !that.is_empty() => {
            format!("there is none that could be served: `edgecert renew {name}`")
        }
        (true, None) => format!("there is no generation yet: `edgecert request {name}`"),
    }
}
