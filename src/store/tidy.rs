//! What a killed writer left, brought to its end by the next one: under the lock, before anything else.
//!
//! Temporary files and folders were never in sight: they are removed. A key that lies both in a request and in the
//! generation that answers it is taken out of the request, once both are seen to be the same. Removals that were
//! begun are finished. The journal's torn last line was cut, and what was done without its line gets one.

use super::atomic;
use super::disk::Disk;
use super::layout::{ARCHIVE, GONE, HIGHEST, KEY, REMOVAL, REQUEST, REQUESTS, TRANSACTIONS};
use super::lease::{Lease, WRITTEN, detail};
use super::lock::Holder;
use super::next_key::next_key_detail;
use super::record_files::{list, write_record};
use super::records::{GenerationRecord, RequestRecord, RequestState};
use super::{Store, StoreError, journal};
use crate::explain::printable;
use crate::names::Slug;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One thing that was put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tidied {
    /// The command before was killed while it wrote.
    Interrupted(Holder),
    /// Something half written, which nobody had seen, was removed.
    LeftoverRemoved(PathBuf),
    /// A removal that was begun was finished.
    RemovalFinished(PathBuf),
    /// An answered request's key was taken out of the request; the generation has it.
    RequestSettled {
        /// The certificate.
        certificate: String,
        /// The request.
        request: String,
        /// The generation that answers it.
        generation: u32,
    },
    /// The journal ended in a torn line of so many bytes, which was cut.
    JournalCut(u64),
    /// A key made ahead was taken away, as a request or a generation has it.
    NextKeyTaken(String),
    /// A line of the journal was written that the killed command owed.
    Journalled {
        /// The verb.
        action: String,
        /// The certificate.
        certificate: String,
        /// The request's id or the generation's number.
        what: String,
    },
}

/// One line for a person.
impl std::fmt::Display for Tidied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |path: &Path| printable(&path.to_string_lossy());
        match self {
            Self::Interrupted(holder) => write!(
                f,
                "an earlier command was interrupted: {}",
                printable(&holder.to_string())
            ),
            Self::LeftoverRemoved(path) => {
                write!(f, "removed what it had half written: {}", shown(path))
            }
            Self::RemovalFinished(path) => write!(f, "finished a removal: {}", shown(path)),
            Self::RequestSettled {
                certificate,
                request,
                generation,
            } => write!(
                f,
                "request {request} is answered by {certificate}/{generation}, which has its key"
            ),
            Self::NextKeyTaken(certificate) => write!(
                f,
                "the key that was made ahead for {certificate} is that of a request now"
            ),
            Self::JournalCut(bytes) => {
                write!(f, "cut a torn last line of {bytes} bytes off the journal")
            }
            Self::Journalled {
                action,
                certificate,
                what,
            } => write!(
                f,
                "journalled what it had done: {action} {certificate} {what}"
            ),
        }
    }
}

/// Puts in order; the journal's torn line is cut already.
pub(super) fn tidy(lease: &mut Lease) -> Result<Vec<Tidied>, StoreError> {
    let store = lease.store.clone();
    let seq_at_start = lease.journal.next_seq();
    let mut done = Vec::new();
    let killed = lease.lock.killed;
    if let Some(holder) = lease.lock.killed_holder.take() {
        done.push(Tidied::Interrupted(holder));
    }
    let cut = lease.journal.cut.take();
    done.extend(cut.iter().map(|(bytes, _)| Tidied::JournalCut(*bytes)));
    store.paths.make_folders(&store.disk)?;
    let mut sweep = Sweep {
        lease,
        seq_at_start,
        done,
    };
    let root = &store.paths.root;
    sweep.folder(root)?;
    for name in WRITTEN {
        sweep.folder(&root.join(name))?;
    }
    sweep.folder(&root.join(TRANSACTIONS))?;
    for top in [REQUESTS, ARCHIVE] {
        for name in list(&root.join(top))? {
            if let Ok(certificate) = Slug::parse(&name) {
                let folder = root.join(top).join(certificate.as_str());
                store.paths.insist_on_folders(&folder)?;
                sweep.lineage(top, &certificate, &folder)?;
            }
        }
    }
    for name in list(&root.join(TRANSACTIONS))? {
        if let Some(Ok(certificate)) = name.strip_prefix(REMOVAL).map(Slug::parse) {
            sweep.removal(&certificate)?;
        }
    }
    // Only now, as until here the number of a line tells whether an owed one was written.
    if let Some((bytes, hash)) = cut {
        let facts = detail([
            ("cut_bytes", Value::from(bytes)),
            ("cut_sha256", hash.into()),
        ]);
        sweep.lease.journal("journal-repaired", None, facts)?;
    }
    sweep.requests()?;
    sweep.next_keys()?;
    if killed || !sweep.done.is_empty() {
        sweep.owed_lines()?;
    }
    Ok(sweep.done)
}

struct Sweep<'a> {
    lease: &'a mut Lease,
    seq_at_start: u64,
    done: Vec<Tidied>,
}

impl Sweep<'_> {
    /// Temporary things of a folder, and what was renamed out of sight without needing a journal line.
    fn folder(&mut self, folder: &Path) -> Result<(), StoreError> {
        let disk = self.lease.store.disk.clone();
        for path in atomic::remove_leftovers(&disk, folder)? {
            self.done.push(Tidied::LeftoverRemoved(path));
        }
        let at_root = folder == self.lease.store.paths.root;
        for name in list(folder)? {
            if name.starts_with(GONE) && !at_root {
                let path = folder.join(name);
                atomic::remove_any(&disk, &path)?;
                self.done.push(Tidied::RemovalFinished(path));
            }
        }
        Ok(())
    }

    /// One certificate's requests or generations.
    fn lineage(&mut self, top: &str, certificate: &Slug, folder: &Path) -> Result<(), StoreError> {
        let disk = self.lease.store.disk.clone();
        for name in list(folder)? {
            let path = folder.join(&name);
            if let Some((seq, what)) = name
                .strip_prefix(GONE)
                .and_then(|rest| rest.split_once('.'))
            {
                // The line first: then a kill in here owes nothing.
                if seq.parse().is_ok_and(|seq: u64| seq >= self.seq_at_start) {
                    let (action, key, value) = if top == REQUESTS {
                        ("request-cancel", "request", Value::from(what))
                    } else {
                        (
                            "prune",
                            "generation",
                            what.parse::<u32>().map_or(Value::from(what), Value::from),
                        )
                    };
                    self.owed(action, certificate, what, detail([(key, value)]))?;
                }
                atomic::remove_any(&disk, &path)?;
                self.done.push(Tidied::RemovalFinished(path));
            }
        }
        for path in atomic::remove_leftovers(&disk, folder)? {
            self.done.push(Tidied::LeftoverRemoved(path));
        }
        // A request's or generation's own folder: an update that was killed.
        for name in list(folder)? {
            if !name.starts_with('.') {
                for path in atomic::remove_leftovers(&disk, &folder.join(name))? {
                    self.done.push(Tidied::LeftoverRemoved(path));
                }
            }
        }
        drop_empty(&disk, folder);
        Ok(())
    }

    fn removal(&mut self, certificate: &Slug) -> Result<(), StoreError> {
        let store = self.lease.store.clone();
        let mark = store.paths.removal(certificate);
        let seq = atomic::read_limited(&mark, 64)?;
        if String::from_utf8_lossy(&seq)
            .trim()
            .parse()
            .is_ok_and(|seq: u64| seq >= self.seq_at_start)
        {
            self.owed("remove", certificate, "", Map::new())?;
        }
        finish_removal(&store, certificate)?;
        self.done
            .push(Tidied::RemovalFinished(store.paths.archive(certificate)));
        Ok(())
    }

    /// Requests that still hold a key which a generation has.
    fn requests(&mut self) -> Result<(), StoreError> {
        let store = self.lease.store.clone();
        for certificate in store.certificates()? {
            let mut waiting = Vec::new();
            for id in store.request_ids(&certificate)? {
                let folder = store.paths.request(&certificate, &id);
                if folder.join(KEY).symlink_metadata().is_ok() {
                    waiting.push(id.to_string());
                }
            }
            if waiting.is_empty() {
                continue;
            }
            for number in store.generation_numbers(&certificate)? {
                // A generation that cannot be read is a matter of `doctor`, and no reason to do nothing else.
                let Ok(record) = store.generation(&certificate, number) else {
                    continue;
                };
                if record
                    .request
                    .as_ref()
                    .is_some_and(|id| waiting.contains(id))
                    && let Some(request) = settle_request(&store, &certificate, &record)?
                {
                    self.done.push(Tidied::RequestSettled {
                        certificate: certificate.to_string(),
                        request,
                        generation: number,
                    });
                }
            }
        }
        Ok(())
    }

    /// Keys made ahead that a request has.
    fn next_keys(&mut self) -> Result<(), StoreError> {
        let store = self.lease.store.clone();
        for certificate in store.certificates()? {
            // One that cannot be read is a matter of `doctor`.
            if let Ok(Some(next)) = store.next_key(&certificate)
                && store.is_next_key_taken(&certificate, &next)?
            {
                store.drop_next_key(&certificate)?;
                self.done
                    .push(Tidied::NextKeyTaken(certificate.to_string()));
            }
        }
        Ok(())
    }

    /// Requests and generations that no line of the journal speaks of. Reads the whole journal.
    fn owed_lines(&mut self) -> Result<(), StoreError> {
        let store = self.lease.store.clone();
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        let state = journal::read_each(&store.paths.journal(), |entry| {
            if let Some(certificate) = entry.certificate {
                if entry.action == "remove" {
                    told.retain(|(of, _)| *of != certificate);
                } else if let Some(what) = subject(&entry.action, &entry.detail) {
                    told.insert((certificate, what));
                }
            }
            true
        })?;
        if state != Some(journal::JournalState::Intact) {
            // A broken chain is told by `log`; lines written from it would only guess.
            return Ok(());
        }
        for certificate in store.certificates()? {
            let name = certificate.to_string();
            for id in store.request_ids(&certificate)? {
                if !told.contains(&(name.clone(), format!("request {id}")))
                    && let Ok(record) = store.read_request(&certificate, &id)
                {
                    self.owed(
                        "request",
                        &certificate,
                        &id.to_string(),
                        request_detail(&record),
                    )?;
                }
            }
            if let Ok(Some(next)) = store.next_key(&certificate)
                && !told.contains(&(name.clone(), format!("next {}", next.spki_sha256)))
            {
                self.owed(
                    "prepare-key",
                    &certificate,
                    &next.spki_sha256,
                    next_key_detail(&next),
                )?;
            }
            for number in store.generation_numbers(&certificate)? {
                if !told.contains(&(name.clone(), format!("generation {number}")))
                    && let Ok(record) = store.generation(&certificate, number)
                {
                    self.owed(
                        record.source.action(),
                        &certificate,
                        &number.to_string(),
                        generation_detail(&record),
                    )?;
                }
            }
        }
        Ok(())
    }

    fn owed(
        &mut self,
        action: &str,
        certificate: &Slug,
        what: &str,
        mut facts: Map<String, Value>,
    ) -> Result<(), StoreError> {
        facts.insert("recovered".to_owned(), Value::Bool(true));
        self.lease.journal(action, Some(certificate), facts)?;
        self.done.push(Tidied::Journalled {
            action: action.to_owned(),
            certificate: certificate.to_string(),
            what: what.to_owned(),
        });
        Ok(())
    }
}

/// What a line says was made.
fn subject(action: &str, facts: &Map<String, Value>) -> Option<String> {
    match action {
        "request" => Some(format!("request {}", facts.get("request")?.as_str()?)),
        "prepare-key" => Some(format!("next {}", facts.get("spki_sha256")?.as_str()?)),
        "import" | "adopt" => Some(format!("generation {}", facts.get("generation")?.as_u64()?)),
        _ => None,
    }
}

/// Most names told in a line of the journal, whose length is bounded; the record has them all.
const MAX_NAMES_TOLD: usize = 50;

fn names(all: &[String]) -> Value {
    Value::from(all.iter().take(MAX_NAMES_TOLD).cloned().collect::<Vec<_>>())
}

pub(super) fn request_detail(record: &RequestRecord) -> Map<String, Value> {
    detail([
        ("request", record.id.clone().into()),
        ("issuer_profile", record.issuer_profile.clone().into()),
        ("key_type", record.key_type.clone().into()),
        ("spki_sha256", record.spki_sha256.clone().into()),
        ("names", names(&record.names)),
        ("names_total", record.names.len().into()),
    ])
}

pub(super) fn generation_detail(record: &GenerationRecord) -> Map<String, Value> {
    let accepted: Vec<Value> = record
        .accepted
        .iter()
        .take(MAX_NAMES_TOLD)
        .map(|one| {
            Value::Object(detail([
                ("code", one.code.clone().into()),
                ("reason", one.reason.clone().into()),
            ]))
        })
        .collect();
    let mut facts = detail([
        ("generation", record.number.into()),
        ("sha256", record.leaf.sha256.clone().into()),
        ("spki_sha256", record.leaf.spki_sha256.clone().into()),
        ("names", names(&record.leaf.sans)),
        ("names_total", record.leaf.sans.len().into()),
    ]);
    if let Some(request) = &record.request {
        facts.insert("request".to_owned(), request.clone().into());
    }
    if let Some(sealed_as) = &record.sealed_as {
        facts.insert("sealed_as".to_owned(), sealed_as.clone().into());
    }
    if !accepted.is_empty() {
        facts.insert("accepted".to_owned(), accepted.into());
    }
    facts
}

/// Marks the request that a generation answers, and takes its key out, once the generation is seen to hold the same.
/// Returns the request's id if anything was done.
pub(super) fn settle_request(
    store: &Store,
    certificate: &Slug,
    generation: &GenerationRecord,
) -> Result<Option<String>, StoreError> {
    let Some(id) = &generation.request else {
        return Ok(None);
    };
    let mut record = match store.request(certificate, id) {
        Ok(record) => record,
        // Cancelled or pruned long ago, or never ours.
        Err(StoreError::NoSuchRequest { .. } | StoreError::InvalidId { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let folder = store.request_path(certificate, id)?;
    let key = match store.read_pem(&folder, KEY) {
        Ok(key) => Some(zeroize::Zeroizing::new(key)),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    if let Some(key) = &key
        && *store.generation_files(certificate, generation.number)?.key != **key
    {
        // Imported with another key than the one that waits here: the request waits on.
        return Ok(None);
    }
    let mut done = None;
    if record.state != RequestState::Answered || record.answered_by < Some(generation.number) {
        record.state = RequestState::Answered;
        record.answered_by = Some(generation.number);
        write_record(
            &store.disk,
            &folder.join(REQUEST),
            &record,
            atomic::Overwrite::Replace,
        )?;
        done = Some(id.clone());
    }
    if key.is_some() {
        store.disk.remove_file(&folder.join(KEY))?;
        store.disk.sync_folder(&folder)?;
        done = Some(id.clone());
    }
    Ok(done)
}

/// Takes a lineage away; may be run again until it is done. What is live goes first.
pub(super) fn finish_removal(store: &Store, certificate: &Slug) -> Result<(), StoreError> {
    let disk = &store.disk;
    let paths = &store.paths;
    for path in [
        paths.live(certificate),
        paths.assignment(certificate),
        paths.requests(certificate),
        paths.archive(certificate),
    ] {
        let Ok(there) = path.symlink_metadata() else {
            continue;
        };
        let folder = atomic::folder_of(&path);
        if there.is_dir() {
            let gone = folder.join(format!("{GONE}{certificate}"));
            if gone.symlink_metadata().is_ok() {
                atomic::remove_any(disk, &gone)?;
            }
            disk.rename(&path, &gone)?;
            disk.sync_folder(folder)?;
            disk.remove_tree(&gone)?;
        } else {
            disk.remove_file(&path)?;
        }
        disk.sync_folder(folder)?;
    }
    let mark = paths.removal(certificate);
    disk.remove_file(&mark)?;
    disk.sync_folder(atomic::folder_of(&mark))
}

/// Removes a certificate's folder where nothing is left in it, not even a noted number.
pub(super) fn drop_empty(disk: &Disk, folder: &Path) {
    debug_assert!(!folder.ends_with(HIGHEST));
    if list(folder).is_ok_and(|names| names.is_empty()) {
        // Not empty after all, or gone: nothing to do.
        let _ = disk.remove_folder(folder);
    }
}
