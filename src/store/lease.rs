//! The right to write, and every change of the state: each whole or not at all, and journalled.
//!
//! What needs space comes first (built under a temporary name, flushed), then one rename that makes it so, then the
//! journal line; where that line cannot be written the rename is taken back. Removals go the same way: renamed out of
//! sight, journalled, removed. What a kill leaves in between is brought to its end by [`super::tidy`].

mod folders;

use super::atomic::{self, Links, Overwrite, Placement};
use super::barred;
use super::journal::Writer;
use super::layout::{
    ARCHIVE, ASSIGNMENTS, CERT, CHAIN, CSR, FULLCHAIN, KEY, LIVE, MAX_PEM_BYTES, MAX_RECORD_BYTES,
    META, REQUEST, REQUESTS, RequestId,
};
use super::lock::{self, Lock};
use super::numbers;
use super::record_files::{record_bytes, within, write_record};
use super::records::{
    AssignmentRecord, GenerationRecord, IntentRecord, JournalEntry, RequestRecord, RequestState,
};
use super::tidy::{self, Tidied};
use super::transaction::live_target;
use super::{Store, StoreError, Transaction};
use crate::names::Slug;
use serde_json::{Map, Value};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The key of a new generation.
#[derive(Clone, Copy)]
pub enum KeySource<'a> {
    /// The key of the request that the record names: it moves. Where it has moved to an earlier generation, it is
    /// copied from there.
    Request,
    /// A copy of an earlier generation's key.
    Generation(u32),
    /// A key brought along: PKCS#8, PEM.
    Given(&'a [u8]),
}

impl std::fmt::Debug for KeySource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request => f.write_str("Request"),
            Self::Generation(number) => write!(f, "Generation({number})"),
            Self::Given(_) => f.write_str("Given(…)"),
        }
    }
}

/// The right to write, held until dropped. Reads through its [`Store`].
#[derive(Debug)]
pub struct Lease {
    pub(super) store: Store,
    pub(super) journal: Writer,
    actor: String,
    pub(super) now: OffsetDateTime,
    began: Instant,
    tidied: Vec<Tidied>,
    clock_behind: Option<i64>,
    /// The last id given, so that thousands of requests in one lease do not list the ledger each.
    last_id: Option<RequestId>,
    /// Last, so that it is given up last.
    pub(super) lock: Lock,
}

impl std::ops::Deref for Lease {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Lease {
    pub(super) fn take(
        store: Store,
        timeout: Duration,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        let began = Instant::now();
        let disk = &store.disk;
        let lock = Lock::take(disk, &store.paths.lock(), timeout, command, now)?;
        // Looked at again: it may have been replaced while we waited.
        store.paths.insist_on_ours()?;
        let journal = Writer::open(disk, &store.paths.journal())?;
        let mut lease = Self {
            clock_behind: journal.clock_behind(now),
            store,
            journal,
            actor: lock::actor(),
            now,
            began,
            tidied: Vec::new(),
            last_id: None,
            lock,
        };
        lease.tidied = tidy::tidy(&mut lease)?;
        Ok(lease)
    }

    /// What a killed writer left and this lease put in order; to be told to the person.
    pub fn tidied(&self) -> &[Tidied] {
        &self.tidied
    }

    /// Seconds by which the clock is behind the journal's last line, where that is more than a minute.
    pub fn clock_behind(&self) -> Option<i64> {
        self.clock_behind
    }

    /// Appends a line to the journal, at the time the lease was asked for and what has passed since.
    ///
    /// Requests, imports, cancellations and removals journal themselves; this is for what the rooms above do.
    pub fn journal(
        &mut self,
        action: &str,
        certificate: Option<&Slug>,
        detail: Map<String, Value>,
    ) -> Result<JournalEntry, StoreError> {
        let time = self.now + self.began.elapsed();
        let certificate = certificate.map(Slug::as_str);
        self.journal
            .append(time, &self.actor, action, certificate, detail)
    }

    /// Puts a request with its CSR and key into the ledger, and gives it an id (the record's own is not read).
    ///
    /// Returns the id. Journalled as `request`.
    pub fn put_request(
        &mut self,
        record: &RequestRecord,
        csr_pem: &[u8],
        key_pem: &[u8],
    ) -> Result<String, StoreError> {
        let certificate = slug(&record.certificate)?;
        let id = numbers::next_request_id(&self.store, record.created, self.last_id)?;
        let record = RequestRecord {
            certificate: certificate.to_string(),
            id: id.to_string(),
            state: RequestState::Pending,
            answered_by: None,
            exportable: record.exportable && !self.is_kept_back(&certificate, &record.spki_sha256),
            ..record.clone()
        };
        let folder = self.store.paths.request(&certificate, &id);
        within(&folder.join(CSR), csr_pem, MAX_PEM_BYTES)?;
        within(&folder.join(KEY), key_pem, MAX_PEM_BYTES)?;
        let text = record_bytes(&folder.join(REQUEST), &record)?;
        self.put_folder(
            &folder,
            &[(KEY, key_pem), (CSR, csr_pem), (REQUEST, &text)],
            |lease| {
                let detail = tidy::request_detail(&record);
                lease.journal("request", Some(&certificate), detail)
            },
        )?;
        self.last_id = Some(id);
        if let Ok(Some(next)) = self.store.next_key(&certificate)
            && next.spki_sha256 == record.spki_sha256
        {
            // It is done and journalled; what cannot be taken away now is taken away by the next lease.
            let _ = self.store.drop_next_key(&certificate);
        }
        Ok(id.to_string())
    }

    /// Replaces a request's record (when it was submitted). Its key and CSR stay. Not journalled.
    pub fn update_request(&mut self, record: &RequestRecord) -> Result<(), StoreError> {
        let certificate = slug(&record.certificate)?;
        let id = RequestId::parse(&record.id)?;
        // Errs where there is none.
        self.store.read_request(&certificate, &id)?;
        let path = self.store.paths.request(&certificate, &id).join(REQUEST);
        write_record(&self.store.disk, &path, record, Overwrite::Replace)
    }

    /// Removes a pending request and its key. Journalled as `request-cancel`.
    ///
    /// Errors: `Answered` where a generation has its key: that is a matter of `remove`.
    pub fn cancel_request(&mut self, certificate: &Slug, id: &str) -> Result<(), StoreError> {
        let record = self.store.request(certificate, id)?;
        let id = RequestId::parse(&record.id)?;
        if let (RequestState::Answered, Some(generation)) = (record.state, record.answered_by) {
            return Err(StoreError::Answered {
                certificate: certificate.to_string(),
                id: id.to_string(),
                generation,
            });
        }
        numbers::note_request(&self.store, id)?;
        let folder = self.store.paths.request(certificate, &id);
        self.remove_folder(&folder, |lease| {
            let detail = detail([("request", Value::from(id.to_string()))]);
            lease.journal("request-cancel", Some(certificate), detail)
        })
    }

    /// Makes a generation of a leaf, its chain and its key; the number is given here (the record's is not read).
    ///
    /// A pending request that the record names is marked answered and gives its key away. Returns the number.
    /// Journalled as `import` or `adopt`. A kill at any point leaves the key in the request, in the generation, or
    /// in both, and then the next lease takes it out of the request.
    pub fn put_generation(
        &mut self,
        record: &GenerationRecord,
        cert_pem: &[u8],
        chain_pem: &[u8],
        key: KeySource<'_>,
    ) -> Result<u32, StoreError> {
        let certificate = slug(&record.certificate)?;
        let key = self.find_key(&certificate, record, key)?;
        let number = numbers::next_number(&self.store, &certificate)?;
        let record = GenerationRecord {
            certificate: certificate.to_string(),
            number,
            exportable: record.exportable
                && !self.is_kept_back(&certificate, &record.leaf.spki_sha256),
            ..record.clone()
        };
        let folder = self.store.paths.generation(&certificate, number);
        let mut fullchain = cert_pem.to_vec();
        if !fullchain.ends_with(b"\n") {
            fullchain.push(b'\n');
        }
        fullchain.extend_from_slice(chain_pem);
        within(&folder.join(FULLCHAIN), &fullchain, MAX_PEM_BYTES)?;
        within(&folder.join(KEY), &key, MAX_PEM_BYTES)?;
        let text = record_bytes(&folder.join(META), &record)?;
        self.put_folder(
            &folder,
            &[
                (KEY, &key),
                (CERT, cert_pem),
                (CHAIN, chain_pem),
                (FULLCHAIN, &fullchain),
                (META, &text),
            ],
            |lease| {
                let detail = tidy::generation_detail(&record);
                lease.journal(record.source.action(), Some(&certificate), detail)
            },
        )?;
        // It is done and journalled; what cannot be marked now is marked by the next lease.
        let _ = tidy::settle_request(&self.store, &certificate, &record);
        Ok(number)
    }

    /// Marks a generation as never to be served again, and its key as never to be used again. Journalled as
    /// `mark-compromised` with the key, so that [`Store::barred_key`] knows it when the generation is gone.
    pub fn mark_compromised(
        &mut self,
        certificate: &Slug,
        number: u32,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut record = self.store.generation(certificate, number)?;
        record.compromised = true;
        let disk = self.store.disk.clone();
        let folder = self.store.paths.generation(certificate, number);
        let path = folder.join(META);
        let old = atomic::read_with(&path, MAX_RECORD_BYTES, Links::Refuse, "a file")?;
        let new = record_bytes(&path, &record)?;
        // Both are written before, so that taking it back needs no space. A kill before the line leaves it marked.
        let kept = atomic::write_temporary(&disk, &folder, &old, Placement::PRIVATE)?;
        let marked =
            atomic::write_whole_on(&disk, &path, &new, Placement::PRIVATE, Overwrite::Replace);
        let outcome = marked.and_then(|()| {
            let facts = detail([
                ("generation", Value::from(number)),
                (barred::KEY, record.leaf.spki_sha256.clone().into()),
                ("reason", reason.into()),
            ]);
            self.journal(barred::ACTION, Some(certificate), facts)
                .map(drop)
        });
        if outcome.is_err() {
            disk.rename(&kept, &path)?;
        } else {
            let _ = disk.remove_file(&kept);
        }
        outcome
    }

    /// Points `live/<cert>` to a generation by one rename, or takes it away. Not journalled: it is a step of an
    /// assignment.
    ///
    /// Errors: `NoSuchGeneration`, and `WrongKind` where something other than such a link lies there.
    pub fn switch_live(
        &mut self,
        certificate: &Slug,
        number: Option<u32>,
    ) -> Result<(), StoreError> {
        let before = self.store.live(certificate)?;
        if before == number {
            return Ok(());
        }
        let disk = &self.store.disk;
        let path = self.store.paths.live(certificate);
        let folder = self.store.paths.root.join(LIVE);
        match number {
            None => disk.remove_file(&path)?,
            Some(number) => {
                // Errs where a file of it is missing.
                self.store.generation(certificate, number)?;
                self.store.generation_files(certificate, number)?;
                let temporary = atomic::temporary_in(&folder);
                disk.symlink(&live_target(certificate, number), &temporary)?;
                if let Err(error) = disk.rename(&temporary, &path) {
                    let _ = disk.remove_file(&temporary);
                    return Err(error);
                }
            }
        }
        disk.sync_folder(&folder)
    }

    /// Points `live/<cert>` to what it was when the transaction began; a full disk does not hinder it.
    pub fn switch_live_back(&mut self, transaction: &Transaction) -> Result<(), StoreError> {
        let certificate = slug(&transaction.intent().certificate)?;
        let before = transaction.intent().from;
        let spare = transaction.live_before();
        if self.store.live(&certificate)? == before {
            return Ok(());
        }
        if before.is_none() || spare.symlink_metadata().is_err() {
            return self.switch_live(&certificate, before);
        }
        let disk = &self.store.disk;
        disk.rename(&spare, &self.store.paths.live(&certificate))?;
        disk.sync_folder(&self.store.paths.root.join(LIVE))
    }

    /// Replaces the assignment of a certificate. Not journalled: it is a step of an assignment.
    pub fn put_assignment(
        &mut self,
        certificate: &Slug,
        record: &AssignmentRecord,
    ) -> Result<(), StoreError> {
        let path = self.store.paths.assignment(certificate);
        write_record(&self.store.disk, &path, record, Overwrite::Replace)
    }

    /// Puts the assignment's record back to what it was when a transaction was begun, once, without taking space.
    pub fn put_assignment_back(&mut self, transaction: &Transaction) -> Result<(), StoreError> {
        let certificate = slug(&transaction.intent().certificate)?;
        let spare = transaction.record_before();
        if spare.symlink_metadata().is_err() {
            return Ok(());
        }
        let (disk, path) = (&self.store.disk, self.store.paths.assignment(&certificate));
        disk.rename(&spare, &path)?;
        disk.sync_folder(atomic::folder_of(&path))
    }

    /// Begins the assignment of a certificate (the record's id is not read: it is the certificate's name).
    ///
    /// Errors: `Unfinished` where an earlier one was not ended.
    pub fn begin(&mut self, intent: &IntentRecord) -> Result<Transaction, StoreError> {
        let certificate = slug(&intent.certificate)?;
        Transaction::begin(&self.store.disk, &self.store.paths, &certificate, intent)
    }

    /// Takes up an assignment that was begun and not ended; `None` where there is none.
    pub fn resume(&mut self, certificate: &Slug) -> Result<Option<Transaction>, StoreError> {
        let folder = self.store.paths.transaction(certificate);
        self.store.paths.insist_on_folders(&folder)?;
        if folder.symlink_metadata().is_err() {
            return Ok(None);
        }
        Transaction::resume(&self.store.disk, folder).map(Some)
    }

    /// Removes an old generation with its key. Journalled as `prune`.
    ///
    /// Errors: `InUse` where it is live, current or staged.
    pub fn remove_generation(&mut self, certificate: &Slug, number: u32) -> Result<(), StoreError> {
        self.store.generation(certificate, number)?;
        let assignment = self.store.assignment(certificate)?;
        let staged = assignment.staged.map(|staged| staged.generation);
        for (used, role) in [
            (self.store.live(certificate)?, "live"),
            (assignment.current, "current"),
            (staged, "staged"),
        ] {
            if used == Some(number) {
                return Err(StoreError::InUse {
                    certificate: certificate.to_string(),
                    number,
                    role,
                });
            }
        }
        let archive = self.store.paths.archive(certificate);
        numbers::note_generation(&self.store, certificate, number)?;
        self.remove_folder(&archive.join(number.to_string()), |lease| {
            let detail = detail([("generation", Value::from(number))]);
            lease.journal("prune", Some(certificate), detail)
        })
    }

    /// Removes a whole lineage: requests, generations, keys, what is live, the assignment. Journalled as `remove`.
    /// Once begun it is finished, by the next lease if need be.
    ///
    /// Errors: `NoSuchCertificate`; `Unfinished` while an assignment of it was not ended.
    pub fn remove_certificate(&mut self, certificate: &Slug) -> Result<(), StoreError> {
        let known = self.store.certificates()?.contains(certificate)
            || self
                .store
                .paths
                .live(certificate)
                .symlink_metadata()
                .is_ok();
        if !known {
            return Err(StoreError::NoSuchCertificate {
                certificate: certificate.to_string(),
            });
        }
        let transaction = self.store.paths.transaction(certificate);
        if transaction.symlink_metadata().is_ok() {
            return Err(StoreError::Unfinished {
                certificate: certificate.to_string(),
                path: transaction,
            });
        }
        if let Some(last) = self.store.request_ids(certificate)?.last() {
            numbers::note_request(&self.store, *last)?;
        }
        let generations = self.store.generation_numbers(certificate)?;
        let mark = self.store.paths.removal(certificate);
        let seq = self.journal.next_seq();
        atomic::write_whole_on(
            &self.store.disk,
            &mark,
            seq.to_string().as_bytes(),
            Placement::PRIVATE,
            Overwrite::Replace,
        )?;
        let detail = detail([("generations", Value::from(generations))]);
        if let Err(error) = self.journal("remove", Some(certificate), detail) {
            self.store.disk.remove_file(&mark)?;
            return Err(error);
        }
        tidy::finish_removal(&self.store, certificate)
    }

    /// Whether a generation has that key and it is not to be handed out: that does not end with the next one.
    fn is_kept_back(&self, certificate: &Slug, spki_sha256: &str) -> bool {
        let numbers = self.store.generation_numbers(certificate);
        numbers.unwrap_or_default().into_iter().any(|number| {
            // One that cannot be read is a matter of `doctor`.
            self.store
                .generation(certificate, number)
                .is_ok_and(|one| !one.exportable && one.leaf.spki_sha256 == spki_sha256)
        })
    }

    fn find_key(
        &self,
        certificate: &Slug,
        record: &GenerationRecord,
        source: KeySource<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        match source {
            KeySource::Given(pem) => Ok(Zeroizing::new(pem.to_vec())),
            KeySource::Generation(number) => {
                Ok(self.store.generation_files(certificate, number)?.key)
            }
            KeySource::Request => {
                let id = record.request.as_deref().unwrap_or_default();
                match self.store.request_key(certificate, id) {
                    Err(StoreError::Answered { generation, .. }) => {
                        Ok(self.store.generation_files(certificate, generation)?.key)
                    }
                    key @ (Ok(_) | Err(_)) => key,
                }
            }
        }
    }
}

pub(super) fn detail<const N: usize>(facts: [(&str, Value); N]) -> Map<String, Value> {
    facts
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

pub(super) fn slug(text: &str) -> Result<Slug, StoreError> {
    Slug::parse(text).map_err(|_| StoreError::NoSuchCertificate {
        certificate: text.to_owned(),
    })
}

// The folders that leases write to; here so that a new one is not forgotten by `tidy`.
pub(super) const WRITTEN: [&str; 4] = [REQUESTS, ARCHIVE, LIVE, ASSIGNMENTS];
