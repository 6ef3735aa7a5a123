//! The state as an assignment sees it: intent, `live/`, the record, the journal.

use super::apply::{Ledger, Standing};
use super::destination::digest_of;
use super::error::AssignError;
use super::plan::AssignPlan;
use super::prove::Seen;
use super::targets::Keeper;
use super::way::still_in_its_folder;
use crate::names::Slug;
use crate::store::atomic::read_limited;
use crate::store::{
    Accepted, AssignmentRecord, IntentKind, IntentRecord, Lease, MAX_PEM_BYTES, Proved, Staged,
    StoreError, Transaction,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Notes an assignment in the state, under a lease.
#[derive(Debug)]
pub struct StoreLedger<'a> {
    lease: &'a mut Lease,
    kind: IntentKind,
    now: OffsetDateTime,
    transaction: Option<Transaction>,
    /// The record as it was before, to be written again when everything goes back.
    before: AssignmentRecord,
    /// What was let through knowingly.
    accepted: Vec<Accepted>,
}

impl<'a> StoreLedger<'a> {
    /// For one assignment at this moment, with the findings that were let through knowingly for it.
    pub fn new(
        lease: &'a mut Lease,
        kind: IntentKind,
        now: OffsetDateTime,
        accepted: Vec<Accepted>,
    ) -> Self {
        Self {
            lease,
            kind,
            now,
            transaction: None,
            before: AssignmentRecord::default(),
            accepted,
        }
    }

    /// For one that a killed command began.
    pub fn resumed(
        lease: &'a mut Lease,
        kind: IntentKind,
        now: OffsetDateTime,
        transaction: Transaction,
    ) -> Self {
        Self {
            lease,
            kind,
            now,
            transaction: Some(transaction),
            before: AssignmentRecord::default(),
            accepted: Vec::new(),
        }
    }

    fn action(&self) -> &'static str {
        match self.kind {
            IntentKind::Assign => "assign",
            IntentKind::Rollback => "rollback",
        }
    }

    fn journal(
        &mut self,
        action: &str,
        plan: &AssignPlan,
        detail: Value,
    ) -> Result<(), AssignError> {
        let mut detail: Map<String, Value> = match detail {
            Value::Object(map) => map,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        };
        if !self.accepted.is_empty() {
            detail.insert("accepted".into(), json!(self.accepted));
        }
        self.lease
            .journal(action, Some(&plan.certificate), detail)?;
        Ok(())
    }

    /// Ends the transaction. Files that lay there before and that this state did not write, a key among them, are set
    /// aside: nobody else may have them.
    fn end(&mut self) -> Result<Option<PathBuf>, AssignError> {
        let known: Vec<String> = self
            .before
            .gateways
            .values()
            .flat_map(|gateway| gateway.written.values().cloned())
            .collect();
        match self.transaction.take() {
            Some(transaction) if transaction.keeps_strangers(&known) => {
                Ok(Some(transaction.set_aside()?))
            }
            Some(transaction) => Ok(transaction.finish().map(|()| None)?),
            None => Ok(None),
        }
    }

    fn finish(&mut self) -> Result<(), AssignError> {
        match self.transaction.take() {
            Some(transaction) => Ok(transaction.finish()?),
            None => Ok(()),
        }
    }

    /// What is current, and what each gateway was proved to serve.
    fn record(
        &self,
        plan: &AssignPlan,
        generation: u32,
        standings: &[Standing],
    ) -> Result<AssignmentRecord, AssignError> {
        let mut record = self.lease.assignment(&plan.certificate)?;
        for standing in standings.iter().filter(|standing| standing.proved) {
            let leaf = standing.listeners.iter().find_map(|(_, seen)| match seen {
                Seen::Leaf(leaf, _) => Some(leaf.to_string()),
                Seen::Dark(_) => None,
            });
            // Where no listener is known, what was written is what is known.
            let unseen = standing.listeners.is_empty() && !standing.written.is_empty();
            let seen = leaf.is_some();
            match leaf.or_else(|| unseen.then(|| plan.leaf.to_string())) {
                Some(sha256) => {
                    let proved = Proved {
                        generation,
                        proved: seen.then_some(self.now),
                        placed: (!seen).then_some(self.now),
                        sha256,
                        written: standing.written.clone(),
                    };
                    record.gateways.insert(standing.gateway.to_string(), proved);
                }
                None => {
                    record.gateways.remove(standing.gateway.as_str());
                }
            }
        }
        Ok(record)
    }

    fn make_current(
        &mut self,
        plan: &AssignPlan,
        standings: &[Standing],
    ) -> Result<(), AssignError> {
        let mut record = self.record(plan, plan.to, standings)?;
        for standing in standings.iter().filter(|standing| !standing.proved) {
            let known = record.gateways.remove(standing.gateway.as_str());
            let before = known.iter().flat_map(|known| &known.written);
            let unproved = Proved {
                generation: plan.to,
                proved: None,
                placed: None,
                sha256: plan.leaf.to_string(),
                written: ours(before.chain(&standing.written)),
            };
            keep_unproved(&mut record, standing.gateway.as_str(), unproved);
        }
        if record.current != Some(plan.to) {
            record.previous = record
                .current
                .or(plan.from)
                .filter(|previous| *previous != plan.to);
            record.current = Some(plan.to);
            record.since = Some(self.now);
        }
        let proved = standings.iter().filter(|standing| standing.proved);
        let done: Vec<&Slug> = proved.map(|standing| &standing.gateway).collect();
        record.staged = still_staged(&record, plan, &done);
        Ok(self.lease.put_assignment(&plan.certificate, &record)?)
    }
}

impl Keeper for StoreLedger<'_> {
    fn keep(&mut self, path: &Path) -> Result<(), AssignError> {
        match &mut self.transaction {
            Some(transaction) => Ok(transaction.keep(path)?),
            // Nothing is changed before `begin`.
            None => Ok(()),
        }
    }

    fn put_back(&mut self, path: &Path) -> Result<(), AssignError> {
        match &self.transaction {
            Some(transaction) => Ok(transaction.restore_path(path, still_in_its_folder)?),
            None => Ok(()),
        }
    }

    fn put_all_back(&mut self) -> Result<(), AssignError> {
        let Some(transaction) = &self.transaction else {
            return Ok(());
        };
        restore(transaction)
            .into_iter()
            .try_for_each(|(_, outcome)| Ok(outcome?))
    }
}

impl Ledger for StoreLedger<'_> {
    fn begin(&mut self, plan: &AssignPlan) -> Result<(), AssignError> {
        self.before = self.lease.assignment(&plan.certificate)?;
        if self.transaction.is_none() {
            let intent = IntentRecord {
                id: String::new(),
                certificate: plan.certificate.to_string(),
                from: plan.from,
                to: plan.to,
                started: self.now,
                gateways: plan
                    .gateways
                    .iter()
                    .map(|gateway| gateway.gateway.to_string())
                    .collect(),
                kind: self.kind,
                write_config: plan.write_config,
            };
            self.transaction = Some(self.lease.begin(&intent)?);
        }
        match self.lease.switch_live(&plan.certificate, Some(plan.to)) {
            Ok(()) => Ok(()),
            Err(error) => {
                // It may have been switched and not flushed. What cannot be dropped now is dropped by the next.
                if let Some(transaction) = &self.transaction
                    && self.lease.switch_live_back(transaction).is_ok()
                {
                    let _ = self.finish();
                }
                Err(error.into())
            }
        }
    }

    fn done(
        &mut self,
        plan: &AssignPlan,
        standings: &[Standing],
    ) -> Result<Option<PathBuf>, AssignError> {
        self.make_current(plan, standings)?;
        let detail = json!({
            "from": plan.from,
            "to": plan.to,
            "sha256": plan.leaf.to_string(),
            "gateways": names(standings),
        });
        self.journal(self.action(), plan, detail)?;
        // It is served, recorded and journalled; what cannot be dropped now is dropped by the next command.
        Ok(self.end().unwrap_or_default())
    }

    fn undone(
        &mut self,
        plan: &AssignPlan,
        cause: &AssignError,
        standings: &[Standing],
        clean: bool,
    ) -> Result<Option<PathBuf>, AssignError> {
        match &self.transaction {
            Some(transaction) => self.lease.switch_live_back(transaction)?,
            None => self.lease.switch_live(&plan.certificate, plan.from)?,
        }
        // From here on everything is as it was. What cannot be noted now (a full disk) is left to the next command, and
        // only where not all was brought back.
        let mut record = self.before.clone();
        for standing in standings.iter().filter(|standing| !standing.proved) {
            let known = record.gateways.get(standing.gateway.as_str());
            // What it was last proved to serve still stands while a listener of it shows that.
            let shown = known.is_some_and(|known| {
                standing.listeners.iter().any(
                    |(_, seen)| matches!(seen, Seen::Leaf(leaf, _) if leaf.to_string() == known.sha256),
                )
            });
            if !shown {
                doubt(&mut record, standing.gateway.as_str());
            }
        }
        let detail = json!({
            "from": plan.from,
            "to": plan.to,
            "why": cause.to_string(),
            "as-before": clean,
            "gateways": names(standings),
        });
        let action = format!("{}-failed", self.action());
        let mut put = self.lease.put_assignment(&plan.certificate, &record);
        if let (Err(_), true, Some(transaction)) = (&put, clean, &self.transaction) {
            // A rename, which a full disk does not hinder.
            put = self.lease.put_assignment_back(transaction);
        }
        let recorded = put.is_ok();
        let noted = put
            .map_err(AssignError::from)
            .and_then(|()| self.journal(&action, plan, detail.clone()));
        match (noted, clean) {
            (Ok(()), true) => self.finish().map(|()| None),
            (Err(_), true) if recorded => {
                self.finish()?;
                // What was kept made room for a line, perhaps.
                let _ = self.journal(&action, plan, detail);
                Ok(None)
            }
            // The kept files may be the only ones of their kind.
            (Ok(()), false) => match self.transaction.take() {
                Some(transaction) => Ok(Some(transaction.set_aside()?)),
                None => Ok(None),
            },
            (Err(_), _) => Ok(None),
        }
    }

    fn kept(
        &mut self,
        plan: &AssignPlan,
        cause: &AssignError,
        standings: &[Standing],
    ) -> Result<Option<PathBuf>, AssignError> {
        self.make_current(plan, standings)?;
        let detail = json!({
            "from": plan.from,
            "to": plan.to,
            "why": cause.to_string(),
            "kept": true,
            "gateways": names(standings),
        });
        self.journal(&format!("{}-incomplete", self.action()), plan, detail)?;
        self.end()
    }
}

/// Gives every file of a transaction back what lay there, and goes on after an error: one whose way leads elsewhere by
/// now is left alone.
pub fn restore(transaction: &Transaction) -> Vec<(PathBuf, Result<(), StoreError>)> {
    transaction.restore(still_in_its_folder)
}

/// What waits for its time still: of this generation, the gateways that have not got it, by the record or by what was
/// done now. An older one that was staged before would be gone back to.
pub fn still_staged(
    record: &AssignmentRecord,
    plan: &AssignPlan,
    done: &[&Slug],
) -> Option<Staged> {
    let staged = record.staged.clone()?;
    if staged.generation != plan.to {
        return Some(staged).filter(|staged| staged.generation > plan.to);
    }
    let all = plan.gateways.iter().map(|gateway| &gateway.gateway);
    let gateways: Vec<String> = match staged.gateways.is_empty() {
        true => all.chain(&plan.others).map(Slug::to_string).collect(),
        false => staged.gateways.clone(),
    };
    let has_it = |name: &String| {
        let settled = record.gateways.get(name);
        settled.is_some_and(|there| there.generation == plan.to && there.is_settled())
            || done.iter().any(|gateway| gateway.as_str() == name)
    };
    let left: Vec<String> = gateways
        .iter()
        .filter(|name| !has_it(name))
        .cloned()
        .collect();
    match (left.is_empty(), left.len() == gateways.len()) {
        (true, _) => None,
        (false, true) => Some(staged),
        (false, false) => Some(Staged {
            gateways: left,
            ..staged
        }),
    }
}

/// What a gateway has loaded is not known any more, whatever its files are.
pub fn doubt(record: &mut AssignmentRecord, gateway: &str) {
    if let Some(known) = record.gateways.remove(gateway) {
        let unproved = Proved {
            proved: None,
            placed: None,
            written: ours(&known.written),
            ..known
        };
        keep_unproved(record, gateway, unproved);
    }
}

/// What a gateway that could not be proved has loaded is not known. Files that we wrote for it stay ours: the next
/// assignment takes them neither for another's nor for strangers.
fn keep_unproved(record: &mut AssignmentRecord, gateway: &str, unproved: Proved) {
    if !unproved.written.is_empty() {
        record.gateways.insert(gateway.to_owned(), unproved);
    }
}

/// Those of these files, by path and digest, that lie there as they were written.
fn ours<'a>(
    written: impl IntoIterator<Item = (&'a PathBuf, &'a String)>,
) -> BTreeMap<PathBuf, String> {
    written
        .into_iter()
        .filter(|(path, digest)| {
            let lying = read_limited(path, MAX_PEM_BYTES).map(Zeroizing::new);
            lying.is_ok_and(|lying| digest_of(&lying) == **digest)
        })
        .map(|(path, digest)| (path.clone(), digest.clone()))
        .collect()
}

fn names(standings: &[Standing]) -> Value {
    standings
        .iter()
        .map(|standing| standing.gateway.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::fs;
    use std::time::Duration;

    #[test]
    fn what_leads_elsewhere_since_is_left_alone_on_the_way_back() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let store = Store::create(&top.join("state"), now).unwrap();
        let mut lease = store.lock(Duration::ZERO, "test", now).unwrap();
        let intent = IntentRecord {
            id: String::new(),
            certificate: "edge".into(),
            from: None,
            to: 1,
            started: now,
            gateways: vec!["front".into()],
            kind: IntentKind::Assign,
            write_config: false,
        };
        let mut transaction = lease.begin(&intent).unwrap();
        let (conf, other, away) = (top.join("conf"), top.join("other"), top.join("away"));
        for (folder, words) in [(&conf, "old"), (&other, "theirs")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("edge.key"), words).unwrap();
        }
        let (key, added) = (conf.join("edge.key"), conf.join("new.key"));
        transaction.keep(&key).unwrap();
        transaction.keep(&added).unwrap();
        for path in [&key, &added] {
            fs::write(path, "new").unwrap();
        }
        fs::write(other.join("new.key"), "theirs").unwrap();
        fs::rename(&conf, &away).unwrap();
        std::os::unix::fs::symlink(&other, &conf).unwrap();
        let mut ledger = StoreLedger::resumed(&mut lease, IntentKind::Assign, now, transaction);
        for told in [
            ledger.put_back(&key),
            ledger.put_back(&added),
            ledger.put_all_back(),
        ] {
            let told = told.unwrap_err().to_string();
            assert!(told.contains(&conf.display().to_string()), "{told}");
        }
        for name in ["edge.key", "new.key"] {
            assert_eq!(fs::read_to_string(other.join(name)).unwrap(), "theirs");
        }
        fs::remove_file(&conf).unwrap();
        fs::rename(&away, &conf).unwrap();
        // A link at its end gives way to the file.
        fs::remove_file(&key).unwrap();
        std::os::unix::fs::symlink(other.join("edge.key"), &key).unwrap();
        ledger.put_all_back().unwrap();
        assert!(!key.is_symlink() && !added.exists());
        assert_eq!(fs::read_to_string(&key).unwrap(), "old");
    }
}
