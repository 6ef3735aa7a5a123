//! What killed commands left behind: finished where that is sound, else everything put back.

use super::generation::{load, refuse_compromised};
use super::transaction::Task;
use super::watch::Watch;
use super::{HeldSessions, How, failed};
use crate::assign::destination::FolderLocks;
use crate::assign::targets::Run;
use crate::assign::{Applied, StoreLedger, ledger};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::deployment::Deployment;
use crate::explain::{Explain, Explanation};
use crate::names::Slug;
use crate::store::{IntentRecord, Lease, Store, Transaction};

/// Takes up what killed commands left: forward where `live/` was switched and the generation may still be served, else
/// back. Never in the way of the next command twice.
pub(super) fn finish_unfinished(
    context: &mut Context,
    deployment: &Deployment,
    lease: &mut Lease,
    how: &How,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let store: Store = (**lease).clone();
    for intent in store.intents().map_err(|error| failed(&error))? {
        let Ok(name) = Slug::parse(&intent.certificate) else {
            continue;
        };
        let Some(transaction) = lease.resume(&name).map_err(|error| failed(&error))? else {
            continue;
        };
        outcome.changed = true;
        let live = store.live(&name).map_err(|error| failed(&error))?;
        if live != Some(intent.to) {
            put_back(context, lease, &name, &intent, transaction, None)?;
            continue;
        }
        let how = How {
            write_config: intent.write_config,
            ..how.clone()
        };
        match go_on(
            context,
            deployment,
            (&store, lease),
            &intent,
            &how,
            transaction,
        ) {
            Ok(()) => {}
            Err(Stuck::Ended(failure)) => return Err(*failure),
            Err(Stuck::Cannot(why)) => {
                let again = lease.resume(&name).map_err(|error| failed(&error))?;
                if let Some(transaction) = again {
                    put_back(context, lease, &name, &intent, transaction, Some(*why))?;
                }
            }
        }
    }
    Ok(())
}

/// Why it did not go on.
enum Stuck {
    /// It was ended, and not well.
    Ended(Box<Failure>),
    /// It cannot begin: everything goes back instead.
    Cannot(Box<Failure>),
}

/// Carries on where the killed command was.
fn go_on(
    context: &Context,
    deployment: &Deployment,
    (store, lease): (&Store, &mut Lease),
    intent: &IntentRecord,
    how: &How,
    transaction: Transaction,
) -> Result<(), Stuck> {
    let cannot = |failure: Failure| Stuck::Cannot(Box::new(failure));
    let name = Slug::parse(&intent.certificate).map_err(|error| cannot(failed(&error)))?;
    let Some(certificate) = deployment.certificate(&name) else {
        return Err(cannot(gone(&name)));
    };
    let task = Task {
        deployment,
        store,
        certificate,
        number: intent.to,
        kind: intent.kind,
        again: false,
        held: HeldSessions::Leave,
        run: Run::Resumed,
    };
    let loaded = load(deployment, store, certificate, intent.to).map_err(cannot)?;
    refuse_compromised(&loaded.record).map_err(cannot)?;
    if loaded.bundle.chain().leaf.facts().not_after < context.now {
        return Err(cannot(ended(&name, intent.to)));
    }
    // A gateway that has left the deployment since is nobody's to prove.
    let there = deployment.gateways_of(&name);
    let only: Vec<Slug> = intent
        .gateways
        .iter()
        .filter_map(|name| Slug::parse(name).ok())
        .filter(|name| there.iter().any(|gateway| gateway.name == *name))
        .collect();
    if only.len() < intent.gateways.len() {
        return Err(cannot(gone(&name)));
    }
    let record = store
        .assignment(&name)
        .map_err(|error| cannot(failed(&error)))?;
    let chain = loaded.bundle.chain();
    let before = (intent.from, &record);
    let plan = task
        .plan(context, chain, &only, before, how)
        .map_err(cannot)?;
    let locked = plan.lock().map_err(|error| cannot(failed(&error)))?;
    locked.sweep().map_err(|error| cannot(failed(&error)))?;
    context.note(&format!(
        "a command that was killed had begun to assign {name}/{}; it is finished now\n",
        intent.to
    ));
    let watch = Watch::begin(context.draws());
    let stop = || watch.interrupted();
    let ledger = StoreLedger::resumed(lease, intent.kind, context.now, transaction);
    let applied = task
        .apply(context, &plan, &loaded.material, how, ledger, &stop)
        .map_err(cannot)?;
    drop(watch);
    match applied {
        Applied::Done { .. } => Ok(()),
        unwell @ (Applied::RolledBack { .. } | Applied::Dirty { .. }) => task
            .told(context, &plan, unwell, Vec::new(), Outcome::default())
            .map(drop)
            .map_err(|failure| Stuck::Ended(Box::new(failure))),
    }
}

/// Gives every file back what lay there, and `live/` what it led to. Where files had been changed, the servers may
/// still have them in memory, and somebody has to look: that is told as a failure, once.
fn put_back(
    context: &Context,
    lease: &mut Lease,
    name: &Slug,
    intent: &IntentRecord,
    transaction: Transaction,
    why: Option<Failure>,
) -> Result<(), Failure> {
    let files = transaction.kept().count();
    let locked = FolderLocks::take(transaction.kept());
    let stuck = ledger::restore(&transaction)
        .into_iter()
        .find_map(|(path, outcome)| Some((path, outcome.err()?)));
    // A private key may lie half written beside them. What another command writes there now is left alone.
    if let Ok(Err(error)) = locked.as_ref().map(FolderLocks::sweep) {
        let told = error.explain();
        context.note(&format!(
            "what was half written may lie beside the files of {name} still: {}: {}\n",
            told.place, told.why
        ));
    }
    lease
        .switch_live_back(&transaction)
        .and_then(|()| lease.put_assignment_back(&transaction))
        .map_err(|error| failed(&error))?;
    if files > 0 {
        let before = lease.assignment(name).map_err(|error| failed(&error))?;
        let mut record = before.clone();
        for gateway in &intent.gateways {
            ledger::doubt(&mut record, gateway);
        }
        if record != before {
            lease
                .put_assignment(name, &record)
                .map_err(|error| failed(&error))?;
        }
    }
    let mut detail = serde_json::Map::new();
    detail.insert("to".into(), intent.to.into());
    detail.insert("files-put-back".into(), files.into());
    lease
        .journal("assign-abandoned", Some(name), detail)
        .map_err(|error| failed(&error))?;
    let begun = format!(
        "a command that was killed had begun to assign {name}/{}",
        intent.to
    );
    if let Some((path, error)) = stuck {
        let saved = transaction.set_aside().map_err(|error| failed(&error))?;
        return Err(Failure::new(
            FailureKind::Dirty,
            Explanation {
                code: "assign.not-put-back",
                what: format!("{begun}, and a file could not be put back"),
                place: path.display().to_string(),
                why: error.to_string(),
                mend: format!(
                    "put it back by hand: it lies in {} (`kept-*.json` says of which path)",
                    saved.display()
                ),
            },
        ));
    }
    transaction.finish().map_err(|error| failed(&error))?;
    if files == 0 {
        context.note(&format!(
            "{begun}; nothing had changed, and that is over now\n"
        ));
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Dirty,
        Explanation {
            code: "assign.put-back",
            what: format!("{begun}; its {files} files were put back"),
            place: intent.gateways.join(", "),
            why: match why {
                Some(failure) => failure.explanation.what,
                None => "it had been going back when it was killed".into(),
            },
            mend: "reload these servers, then `edgecert check`; the next `edgecert assign` begins anew".into(),
        },
    ))
}

fn gone(name: &Slug) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "assign.table-gone",
            what: format!("{name}, or a gateway of it, is no longer in the deployment"),
            place: String::new(),
            why: "its table was taken out or renamed since".into(),
            mend: "put the table back".into(),
        },
    )
}

fn ended(name: &Slug, number: u32) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "assign.ended",
            what: format!("{name}/{number} has ended since"),
            place: String::new(),
            why: "its last second is past".into(),
            mend: "assign another generation".into(),
        },
    )
}
