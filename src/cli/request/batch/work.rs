//! The threads of a batch: one that reads, those that make keys and CSRs, those that write.

use super::entry::{self, Defaults, Profiles};
use super::report::{Report, Row, Status};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::request::make::{self, OUT_FILES, Ready};
use crate::cli::request::store_failure;
use crate::cli::request::wanted::Wanted;
use crate::explain::{Explain, Explanation};
use crate::request::RequestSummary;
use crate::request::batch::{Batch, BatchError, Entry};
use crate::store::outbox::{GROUP, Group, Outbox};
use crate::store::{MAX_RECORD_BYTES, RequestRecord, StoreError, atomic};
use crate::x509::{Fingerprint, Passphrase, PrivateKey};
use indicatif::ProgressBar;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Entries that wait to be made.
const WAITING: usize = 64;

/// How often the bar's words change, in entries.
const BAR_STEP: u64 = 64;

/// What all threads share.
pub(super) struct Plant<'a> {
    pub(super) out: &'a Path,
    /// `None` for a dry run.
    pub(super) outbox: Option<&'a Outbox>,
    pub(super) defaults: &'a Defaults,
    pub(super) passphrase: Option<&'a Passphrase>,
    pub(super) now: OffsetDateTime,
    pub(super) bar: Option<&'a ProgressBar>,
}

/// An entry to be made.
struct Job {
    row: Row,
    entry: Entry,
    folder: String,
}

/// One that is made and not yet written.
struct Parcel {
    row: Row,
    folder: String,
    key: Zeroizing<String>,
    csr: String,
    record: Vec<u8>,
}

/// The report, and whether going on is in vain.
#[derive(Default)]
struct Desk {
    report: Mutex<Report>,
    disk_full: AtomicBool,
}

impl Desk {
    fn report(&self) -> MutexGuard<'_, Report> {
        // A thread that panicked ends the whole run anyway.
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plant<'_> {
    /// Reads the list to its end; the report, and what kept it from being read on.
    pub(super) fn run<R: BufRead>(
        &self,
        mut batch: Batch<R>,
        jobs: usize,
    ) -> (Report, Option<BatchError>) {
        let desk = Desk::default();
        let (to_make, made_from) = sync_channel::<Job>(WAITING.max(2 * jobs));
        let (to_write, written_from) = sync_channel::<Parcel>(2 * GROUP);
        let (made_from, written_from) = (Mutex::new(made_from), Mutex::new(written_from));
        let broke = std::thread::scope(|scope| {
            for _ in 0..jobs {
                let to_write = to_write.clone();
                let (desk, made_from, written_from) = (&desk, &made_from, &written_from);
                scope.spawn(move || self.make_all(desk, made_from, &to_write));
                if let Some(outbox) = self.outbox {
                    scope.spawn(move || write_all(desk, written_from, outbox));
                }
            }
            drop(to_write);
            let broke = self.read_all(&desk, &mut batch, &to_make);
            drop(to_make);
            broke
        });
        let report = desk
            .report
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        (report, broke)
    }

    fn read_all<R: BufRead>(
        &self,
        desk: &Desk,
        batch: &mut Batch<R>,
        to_make: &SyncSender<Job>,
    ) -> Option<BatchError> {
        let mut folders: HashMap<Box<str>, usize> = HashMap::new();
        loop {
            let read = match batch.next_entry() {
                Ok(Some(read)) => read,
                Ok(None) => return None,
                Err(error) => return Some(error),
            };
            if let Some(bar) = self.bar {
                bar.set_position(batch.bytes_read());
                if read.number % BAR_STEP == 1 {
                    let counts = desk.report().counts();
                    let bad = counts.refused + counts.failed;
                    bar.set_message(format!(
                        "{} made, {} already there, {bad} not made",
                        counts.made, counts.already_there
                    ));
                }
            }
            let mut row = Row {
                number: read.number,
                line: read.line,
                status: Status::Refused,
                folder: None,
                certificate: None,
                spki: None,
                asked: None,
                notes: Vec::new(),
                problem: None,
            };
            let entry = match read.entry {
                Ok(entry) => entry,
                Err(mistakes) => {
                    row.problem = Some(Box::new(entry::mistaken(&mistakes)));
                    desk.report().add(row);
                    continue;
                }
            };
            let folder = match entry::folder(&entry) {
                Ok(folder) => folder,
                Err(failure) => {
                    row.problem = Some(failure.explanation);
                    desk.report().add(row);
                    continue;
                }
            };
            row.folder = Some(folder.as_str().into());
            if let Some(first) = folders.get(folder.as_str()) {
                row.problem = Some(Box::new(double(&folder, *first)));
                desk.report().add(row);
                continue;
            }
            folders.insert(folder.as_str().into(), read.line);
            let job = Job { row, entry, folder };
            if to_make.send(job).is_err() {
                // Nobody makes any more: a thread panicked, and the scope tells it.
                return None;
            }
        }
    }

    fn make_all(&self, desk: &Desk, from: &Mutex<Receiver<Job>>, to_write: &SyncSender<Parcel>) {
        let mut profiles = Profiles::default();
        while let Some(Job {
            mut row,
            entry,
            folder,
        }) = next(from)
        {
            match self.make(desk, &mut row, &entry, &folder, &mut profiles) {
                Ok(Some((wanted, ready))) => match self.record(&wanted, &ready, &folder) {
                    Ok(record) => {
                        row.spki = Some(ready.built.csr.spki_sha256);
                        let parcel = Parcel {
                            row,
                            folder,
                            key: ready.key_pem,
                            csr: ready.csr_pem,
                            record,
                        };
                        if to_write.send(parcel).is_err() {
                            return;
                        }
                    }
                    Err(failure) => fail(desk, row, failure),
                },
                Ok(None) => desk.report().add(row),
                Err(failure) => fail(desk, row, failure),
            }
        }
    }

    /// The request of an entry; `None` where there is nothing to do, and the row says why.
    fn make(
        &self,
        desk: &Desk,
        row: &mut Row,
        entry: &Entry,
        folder: &str,
        profiles: &mut Profiles,
    ) -> Result<Option<(Wanted, Ready)>, Failure> {
        let wanted = entry::wanted(entry, self.defaults, profiles)?;
        row.certificate = Some(wanted.spec.certificate.clone());
        let asked = make::outline(&wanted)?;
        row.asked = Some(digest(&asked));
        if let Some(there) = self.there(folder)? {
            return if asks(&there, &asked, &wanted) {
                row.status = Status::AlreadyThere;
                row.spki = Fingerprint::parse(&there.spki_sha256);
                Ok(None)
            } else {
                Err(asks_otherwise(&self.out.join(folder)))
            };
        }
        if self.outbox.is_none() {
            row.status = Status::Made;
            let notes = crate::request::foresee(&wanted.spec, None, wanted.policy)
                .map_err(|error| crate::cli::request::wanted::request_failure(&error))?;
            row.notes = notes.iter().map(|note| note.code.as_str()).collect();
            desk.report().note(row.number, notes);
            return Ok(None);
        }
        if desk.disk_full.load(Ordering::Relaxed) {
            return Err(not_tried(&self.out.join(folder)));
        }
        let key = PrivateKey::generate(wanted.spec.key_type)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        let mut ready = make::build_ready(&wanted, key, false, self.passphrase)?;
        let notes = std::mem::take(&mut ready.built.notes);
        row.notes = notes.iter().map(|note| note.code.as_str()).collect();
        desk.report().note(row.number, notes);
        Ok(Some((wanted, ready)))
    }

    /// `request.json` of one that was made.
    fn record(&self, wanted: &Wanted, ready: &Ready, folder: &str) -> Result<Vec<u8>, Failure> {
        let record = make::record_of(&ready.built, wanted, self.now);
        make::record_text(&record, &self.out.join(folder))
    }

    /// The record of a folder that is there, whole; `None` where nothing is.
    ///
    /// Errors: something else lies there, or it cannot be read.
    fn there(&self, folder: &str) -> Result<Option<RequestRecord>, Failure> {
        let path = self.out.join(folder);
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(_) | Ok(_) => {}
        }
        let [key, csr, record] = OUT_FILES.map(|name| path.join(name));
        let is_there = |path: &Path| {
            path.symlink_metadata()
                .is_ok_and(|there| there.is_file() && there.len() > 0)
        };
        let read = match atomic::read_limited(&record, MAX_RECORD_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.is_not_found() => None,
            // It may be whole: whoever may read it can tell.
            Err(error) => return Err(store_failure(&error)),
        };
        match read {
            Some(read) if is_there(&key) && is_there(&csr) => Ok(Some(read)),
            Some(_) | None => {
                let mut failure = store_failure(&StoreError::Exists { path });
                failure.explanation.mend =
                    "it holds no whole request: move it away, or give the entry another `out`"
                        .into();
                Err(failure)
            }
        }
    }
}

fn next<T>(from: &Mutex<Receiver<T>>) -> Option<T> {
    from.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

fn fail(desk: &Desk, mut row: Row, failure: Failure) {
    row.status = match failure.kind {
        FailureKind::Failed | FailureKind::Dirty | FailureKind::Interrupted => Status::Failed,
        FailureKind::Usage | FailureKind::Refused | FailureKind::NoSuchCertificate => {
            Status::Refused
        }
    };
    row.problem = Some(failure.explanation);
    desk.report().add(row);
}

fn write_all(desk: &Desk, from: &Mutex<Receiver<Parcel>>, outbox: &Outbox) {
    let mut group: Group<'_, Row> = outbox.group();
    let settle = |group: &mut Group<'_, Row>| {
        for (row, outcome) in group.settle() {
            written(desk, row, outcome);
        }
    };
    while let Some(parcel) = next(from) {
        let [key, csr, record] = OUT_FILES;
        let files: [(&str, &[u8]); 3] = [
            (key, parcel.key.as_bytes()),
            (csr, parcel.csr.as_bytes()),
            (record, &parcel.record),
        ];
        if let Err((row, error)) = group.put(parcel.row, &parcel.folder, &files) {
            written(desk, row, Err(error));
        }
        if group.is_full() {
            settle(&mut group);
        }
    }
    settle(&mut group);
}

fn written(desk: &Desk, mut row: Row, outcome: Result<(), StoreError>) {
    match outcome {
        Ok(()) => {
            row.status = Status::Made;
            desk.report().add(row);
        }
        Err(error) => {
            if matches!(error, StoreError::DiskFull { .. }) {
                desk.disk_full.store(true, Ordering::Relaxed);
            }
            let mut failure = store_failure(&error);
            failure.explanation = Box::new(error.explain());
            // What was promised to be there is not: its digest would name a key that nobody has.
            row.spki = None;
            fail(desk, row, failure);
        }
    }
}

/// Of everything that is asked, the lineage and the folder excepted.
fn digest(asked: &RequestSummary) -> Fingerprint {
    // Unpacked, so that a new field is not forgotten.
    let RequestSummary {
        certificate: _,
        profile,
        names,
        left_out: _,
        key_purposes,
        key_type,
        subject,
        template,
        spki_sha256: _,
    } = asked;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    Fingerprint::of(
        format!("{profile:?} {sorted:?} {key_purposes:?} {key_type:?} {subject:?} {template:?}")
            .as_bytes(),
    )
}

/// Whether a request that is there asks what is wanted.
fn asks(there: &RequestRecord, asked: &RequestSummary, wanted: &Wanted) -> bool {
    there.certificate == asked.certificate
        && there.issuer_profile == asked.profile
        && there.names == asked.names
        && there.key_purposes == asked.key_purposes
        && there.key_type == asked.key_type
        && there.subject == asked.subject
        && there.template == asked.template
        && there
            .uses
            .iter()
            .map(String::as_str)
            .eq(wanted.uses.iter().map(|one| one.word()))
}

fn asks_otherwise(path: &Path) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "batch.asks-otherwise",
            what: "another request is there, which asks something else".into(),
            place: path.display().to_string(),
            why: "a key is never overwritten".into(),
            mend: "give the entry another `out`; or move that folder away, if its reply is no longer wanted".into(),
        },
    )
}

fn not_tried(path: &Path) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "batch.not-tried",
            what: "not tried, as the disk is full".into(),
            place: path.display().to_string(),
            why: "an entry before it could not be written".into(),
            mend: "free space, and run the same command again".into(),
        },
    )
}

fn double(folder: &str, first: usize) -> Explanation {
    Explanation {
        code: "batch.double",
        what: format!("the folder {folder} is asked for twice"),
        place: String::new(),
        why: format!("the entry in line {first} is made there"),
        mend: "take one of the two out, or give it a name of its own with `out`".into(),
    }
}
