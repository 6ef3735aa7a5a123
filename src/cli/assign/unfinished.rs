//! What killed commands left behind: finished, or dropped.

use super::generation::load;
use super::transaction::Task;
use super::watch::Watch;
use super::{HeldSessions, How, failed};
use crate::assign::{Applied, StoreLedger};
use crate::cli::Context;
use crate::cli::output::{Failure, Outcome};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::store::{Lease, Store};

/// Takes up what killed commands left: forward where `live/` was switched already, else dropped.
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
        let live = store.live(&name).map_err(|error| failed(&error))?;
        outcome.changed = true;
        let certificate = deployment.certificate(&name);
        let (Some(certificate), true) = (certificate, live == Some(intent.to)) else {
            let mut detail = serde_json::Map::new();
            detail.insert("to".into(), intent.to.into());
            lease
                .journal("assign-abandoned", Some(&name), detail)
                .map_err(|error| failed(&error))?;
            transaction.finish().map_err(|error| failed(&error))?;
            context.note(&format!(
                "a command that was killed had begun to assign {name}/{}; nothing had changed, and that is over now\n",
                intent.to
            ));
            continue;
        };
        context.note(&format!(
            "a command that was killed had begun to assign {name}/{}; it is finished now\n",
            intent.to
        ));
        let task = Task {
            deployment,
            store: &store,
            certificate,
            number: intent.to,
            kind: intent.kind,
            again: false,
            held: HeldSessions::Leave,
        };
        let loaded = load(deployment, &store, certificate, intent.to)?;
        let only: Vec<Slug> = intent
            .gateways
            .iter()
            .filter_map(|name| Slug::parse(name).ok())
            .collect();
        let record = store.assignment(&name).map_err(|error| failed(&error))?;
        let chain = loaded.bundle.chain();
        let plan = task.plan(context, chain, &only, (intent.from, &record), how)?;
        let locked = plan.lock().map_err(|error| failed(&error))?;
        locked.sweep().map_err(|error| failed(&error))?;
        let watch = Watch::begin(context.draws());
        let stop = || watch.interrupted();
        let ledger = StoreLedger::resumed(lease, intent.kind, context.now, transaction);
        let ended = task.apply(context, &plan, &loaded.material, how, ledger, &stop)?;
        drop(watch);
        if let Applied::RolledBack { .. } | Applied::Dirty { .. } = ended {
            return task
                .told(context, &plan, ended, Vec::new(), Outcome::default())
                .map(|_| ());
        }
    }
    Ok(())
}
