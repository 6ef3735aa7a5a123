//! The state: requests, generations, what is live, assignments, and the journal of it all.
//!
//! The rooms above see a small face and not that it is a folder: [`Store`] reads, [`Lease`] (one at a time) writes.
//! A kill at any moment leaves the old state or the new one; the next lease tidies up and says what it did
//! ([`Tidied`]). Every change goes through [`disk`], where tests count it and make it fail. Two things here serve
//! others' files as well: [`atomic`] (whole files, limited reads) and [`transaction`] (old files kept and given
//! back). The clock is not read here, times are handed in. Text that describes names is for `request` and `import`.

pub mod anchors;
pub mod atomic;
mod attributes;
mod barred;
mod claim;
pub mod disk;
pub mod error;
mod folder_lock;
pub mod journal;
mod layout;
mod lease;
mod lock;
mod next_key;
mod numbers;
pub mod outbox;
pub mod owner;
mod problems;
pub mod records;
mod tidy;
pub mod transaction;
pub mod walk;

pub use barred::BarredKey;
pub use claim::Claim;
pub use disk::{Disk, Fault};
pub use error::StoreError;
pub use folder_lock::FolderLock;
pub use journal::{ClockStep, JournalReading, JournalState};
pub use layout::{MAX_PEM_BYTES, MAX_RECORD_BYTES, RequestId, VERSION};
pub use lease::{KeySource, Lease};
pub use lock::Holder;
pub(crate) use lock::user_name;
pub use problems::Problem;
pub use records::{
    Accepted, AssignmentRecord, CertificateSummary, GenerationRecord, IntentKind, IntentRecord,
    JournalEntry, NextKeyRecord, Proved, RequestRecord, RequestState, Source, Staged,
};
pub use tidy::Tidied;
pub use transaction::Transaction;

use crate::names::Slug;
use atomic::{Links, Overwrite, Placement};
use layout::{
    ASSIGNMENTS, CERT, CHAIN, CSR, FULLCHAIN, KEY, META, Paths, REQUEST, REQUESTS, State,
    TRANSACTIONS,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// How long `create` waits for another command that creates the same state.
const CREATE_PATIENCE: Duration = Duration::from_secs(10);

/// A state, open for reading; readers never wait.
#[derive(Debug, Clone)]
pub struct Store {
    paths: Paths,
    disk: Disk,
}

/// The PEM files of a generation. `Debug` says nothing of the key.
pub struct GenerationFiles {
    /// The leaf, PEM.
    pub cert: Vec<u8>,
    /// Its intermediates, PEM, nearest first; empty when there are none.
    pub chain: Vec<u8>,
    /// Leaf and intermediates, PEM.
    pub fullchain: Vec<u8>,
    /// PKCS#8, PEM, perhaps encrypted.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for GenerationFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "GenerationFiles({} bytes of chain)",
            self.fullchain.len()
        )
    }
}

impl Store {
    /// Opens a state.
    ///
    /// Errors: `Missing` where there is none, `NotOurs` for a folder with other things in it, `NewerLayout`,
    /// `WrongKind` where a part of it is a symbolic link.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_on(Disk::new(), folder)
    }

    /// [`Store::open`] through a given disk.
    pub fn open_on(disk: Disk, folder: &Path) -> Result<Self, StoreError> {
        let paths = Paths {
            root: folder.to_path_buf(),
        };
        paths.insist_on_ours()?;
        Ok(Self { paths, disk })
    }

    /// Opens a state, and makes it first where the folder is missing or empty (mode 0700).
    ///
    /// Errors: as [`Store::open`], but for `Missing`.
    pub fn create(folder: &Path, now: OffsetDateTime) -> Result<Self, StoreError> {
        Self::create_on(Disk::new(), folder, now)
    }

    /// [`Store::create`] through a given disk.
    pub fn create_on(disk: Disk, folder: &Path, now: OffsetDateTime) -> Result<Self, StoreError> {
        let paths = Paths {
            root: folder.to_path_buf(),
        };
        match paths.state()? {
            State::Ours | State::Foreign(_) => return Self::open_on(disk, folder),
            State::Absent => make_root(&disk, folder)?,
            State::Empty => {}
        }
        // Several first commands at once: one of them makes it, and the others find it made.
        let lock = lock::Lock::take(&disk, &paths.lock(), CREATE_PATIENCE, "edgecert", now)?;
        match paths.state()? {
            State::Empty => {
                let root = fs::File::open(folder)
                    .map_err(|source| StoreError::io("open", folder, source))?;
                disk.set_mode(&root, folder, 0o700)?;
                paths.write_layout(&disk)?;
                paths.make_folders(&disk)?;
            }
            State::Absent | State::Ours | State::Foreign(_) => {}
        }
        drop(lock);
        Self::open_on(disk, folder)
    }

    /// The folder, for messages and for paths that are shown to people.
    pub fn folder(&self) -> &Path {
        &self.paths.root
    }

    /// What the wizard was told before it was interrupted, as [`Store::keep_wizard`] kept it; none: it was not.
    ///
    /// Errors: it is over a MiB, or cannot be read.
    pub fn wizard(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match atomic::read_limited(&self.wizard_path(), layout::MAX_RECORD_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps what the wizard was told, mode 0600. It decides nothing, so no lease is needed: the last one counts.
    pub fn keep_wizard(&self, text: &str) -> Result<(), StoreError> {
        atomic::write_whole_on(
            &self.disk,
            &self.wizard_path(),
            text.as_bytes(),
            atomic::Placement::PRIVATE,
            atomic::Overwrite::Replace,
        )
    }

    /// Forgets it.
    pub fn forget_wizard(&self) -> Result<(), StoreError> {
        match self.disk.remove_file(&self.wizard_path()) {
            Err(error) if !error.is_not_found() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn wizard_path(&self) -> PathBuf {
        self.paths.root.join(layout::WIZARD)
    }

    /// Takes the right to write, waiting at most `timeout`, and tidies up after killed writers.
    ///
    /// `command` is what others are told who wait. Errors: `Locked`. Effects: blocks.
    pub fn lock(
        &self,
        timeout: Duration,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Lease, StoreError> {
        Lease::take(self.clone(), timeout, command, now)
    }

    /// The certificates with a request, a generation or an assignment, by name.
    pub fn certificates(&self) -> Result<Vec<Slug>, StoreError> {
        let mut names = BTreeSet::new();
        for top in [REQUESTS, layout::ARCHIVE] {
            for name in list(&self.paths.root.join(top))? {
                // An empty folder is what a killed writer left.
                let any = || {
                    list(&self.paths.root.join(top).join(&name))
                        .map(|inner| inner.iter().any(|name| !name.starts_with('.')))
                };
                if let Ok(slug) = Slug::parse(&name)
                    && any()?
                {
                    names.insert(slug);
                }
            }
        }
        for name in list(&self.paths.root.join(ASSIGNMENTS))? {
            if let Some(Ok(slug)) = name.strip_suffix(".json").map(Slug::parse) {
                names.insert(slug);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The requests of one certificate, or of all, oldest first within each.
    pub fn requests(&self, certificate: Option<&Slug>) -> Result<Vec<RequestRecord>, StoreError> {
        let certificates = match certificate {
            Some(one) => vec![one.clone()],
            None => self.certificates()?,
        };
        let mut records = Vec::new();
        for certificate in certificates {
            for id in self.request_ids(&certificate)? {
                match self.read_request(&certificate, &id) {
                    Ok(record) => records.push(record),
                    // Cancelled between the listing and now.
                    Err(StoreError::NoSuchRequest { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(records)
    }

    /// One request.
    ///
    /// Errors: `InvalidId`, `NoSuchRequest`, `Corrupt`.
    pub fn request(&self, certificate: &Slug, id: &str) -> Result<RequestRecord, StoreError> {
        self.read_request(certificate, &RequestId::parse(id)?)
    }

    /// The request of that id, whichever certificate it is for: ids are given once in a state.
    pub fn find_request(&self, id: &str) -> Result<RequestRecord, StoreError> {
        let id = RequestId::parse(id)?;
        for certificate in self.certificates()? {
            match self.read_request(&certificate, &id) {
                Err(StoreError::NoSuchRequest { .. }) => {}
                found @ (Ok(_) | Err(_)) => return found,
            }
        }
        Err(StoreError::NoSuchRequest { id: id.to_string() })
    }

    /// The request's CSR, PEM.
    pub fn request_csr(&self, certificate: &Slug, id: &str) -> Result<Vec<u8>, StoreError> {
        let id = RequestId::parse(id)?;
        self.read_pem(&self.paths.request(certificate, &id), CSR)
            .map_err(|error| no_request(error, &id))
    }

    /// The pending request's private key, PEM as it was put.
    ///
    /// Errors: `Answered` when the key has moved to a generation.
    pub fn request_key(
        &self,
        certificate: &Slug,
        id: &str,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let id = RequestId::parse(id)?;
        match self.read_pem(&self.paths.request(certificate, &id), KEY) {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(error) if error.is_not_found() => {
                let record = self.read_request(certificate, &id)?;
                Err(match record.answered_by {
                    Some(generation) => StoreError::Answered {
                        certificate: certificate.to_string(),
                        id: id.to_string(),
                        generation,
                    },
                    None => error,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Where a request's files lie (`csr.pem`, `privkey.pem`), to be shown to a person.
    pub fn request_path(&self, certificate: &Slug, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.paths.request(certificate, &RequestId::parse(id)?))
    }

    /// The generations of a certificate, oldest first.
    pub fn generations(&self, certificate: &Slug) -> Result<Vec<GenerationRecord>, StoreError> {
        self.generation_numbers(certificate)?
            .into_iter()
            .map(|number| self.generation(certificate, number))
            .filter(|read| !matches!(read, Err(StoreError::NoSuchGeneration { .. })))
            .collect()
    }

    /// One generation.
    ///
    /// Errors: `NoSuchGeneration`, `Corrupt`.
    pub fn generation(
        &self,
        certificate: &Slug,
        number: u32,
    ) -> Result<GenerationRecord, StoreError> {
        let folder = self.paths.generation(certificate, number);
        self.paths.insist_on_folders(&folder)?;
        let path = folder.join(META);
        let record: GenerationRecord = read_record(&path, MAX_RECORD_BYTES)
            .map_err(|error| no_generation(error, certificate, number))?;
        if record.certificate == certificate.as_str() && record.number == number {
            Ok(record)
        } else {
            Err(StoreError::Corrupt {
                path,
                why: format!(
                    "it speaks of {:?}/{}, another generation than its folder",
                    record.certificate, record.number
                ),
            })
        }
    }

    /// The files of one generation.
    pub fn generation_files(
        &self,
        certificate: &Slug,
        number: u32,
    ) -> Result<GenerationFiles, StoreError> {
        let folder = self.paths.generation(certificate, number);
        let read = |name| {
            self.read_pem(&folder, name)
                .map_err(|error| match folder.symlink_metadata() {
                    Ok(_) => error,
                    Err(_) => no_generation(error, certificate, number),
                })
        };
        Ok(GenerationFiles {
            cert: read(CERT)?,
            chain: read(CHAIN)?,
            fullchain: read(FULLCHAIN)?,
            key: Zeroizing::new(read(KEY)?),
        })
    }

    /// Where a generation's files lie (`fullchain.pem`, `privkey.pem`), to be shown to a person.
    pub fn generation_path(&self, certificate: &Slug, number: u32) -> PathBuf {
        self.paths.generation(certificate, number)
    }

    /// The generation that `live/<cert>` points to.
    ///
    /// Errors: `WrongKind` where it is no link, or one to somewhere else.
    pub fn live(&self, certificate: &Slug) -> Result<Option<u32>, StoreError> {
        let path = self.paths.live(certificate);
        self.paths.insist_on_folders(atomic::folder_of(&path))?;
        match path.symlink_metadata() {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::io("read", &path, source)),
            Ok(there) if !there.file_type().is_symlink() => {
                return Err(atomic::wrong_kind(&path, &there, "a link to a generation"));
            }
            Ok(_) => {}
        }
        let target =
            fs::read_link(&path).map_err(|source| StoreError::io("read", &path, source))?;
        target
            .to_str()
            .and_then(|target| target.strip_prefix(&format!("../archive/{certificate}/")))
            .and_then(layout::parse_number)
            .map(Some)
            .ok_or(StoreError::WrongKind {
                path,
                found: "a link to somewhere else",
                wanted: "a link to a generation",
            })
    }

    /// Whether an assignment was begun and not ended, running or killed: `live/` and the record may differ until then.
    pub fn is_assignment_unfinished(&self, certificate: &Slug) -> bool {
        self.paths
            .transaction(certificate)
            .symlink_metadata()
            .is_ok()
    }

    /// `live/<cert>`: the folder that reload commands are told (`RENEWED_LINEAGE`).
    pub fn live_path(&self, certificate: &Slug) -> PathBuf {
        self.paths.live(certificate)
    }

    /// What is current, previous and staged; the default where nothing was assigned yet.
    pub fn assignment(&self, certificate: &Slug) -> Result<AssignmentRecord, StoreError> {
        self.paths
            .insist_on_folders(&self.paths.root.join(ASSIGNMENTS))?;
        match read_record(&self.paths.assignment(certificate), MAX_RECORD_BYTES) {
            Err(error) if error.is_not_found() => Ok(AssignmentRecord::default()),
            read @ (Ok(_) | Err(_)) => read,
        }
    }

    /// The journal, verified.
    pub fn journal(&self) -> Result<JournalReading, StoreError> {
        journal::read(&self.paths.journal())
    }

    /// Hands over every journal entry as it is read, until `take` says no; none when it did.
    pub fn journal_each(
        &self,
        take: impl FnMut(JournalEntry) -> bool,
    ) -> Result<Option<JournalState>, StoreError> {
        journal::read_each(&self.paths.journal(), take)
    }

    /// Assignments that were begun and not ended; [`Lease::resume`] takes them up.
    pub fn intents(&self) -> Result<Vec<IntentRecord>, StoreError> {
        let mut intents = Vec::new();
        for name in list(&self.paths.root.join(TRANSACTIONS))? {
            if let Ok(certificate) = Slug::parse(&name) {
                let folder = self.paths.transaction(&certificate);
                self.paths.insist_on_folders(&folder)?;
                match transaction::read_intent(&folder) {
                    Ok(intent) => intents.push(intent),
                    Err(_) if folder.symlink_metadata().is_err() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(intents)
    }

    /// What is wrong with the state, for `doctor`; changes nothing.
    pub fn problems(&self) -> Result<Vec<Problem>, StoreError> {
        problems::look(self)
    }

    fn read_request(
        &self,
        certificate: &Slug,
        id: &RequestId,
    ) -> Result<RequestRecord, StoreError> {
        let folder = self.paths.request(certificate, id);
        self.paths.insist_on_folders(&folder)?;
        let path = folder.join(REQUEST);
        let record: RequestRecord =
            read_record(&path, MAX_RECORD_BYTES).map_err(|error| no_request(error, id))?;
        if record.certificate == certificate.as_str() && record.id == id.to_string() {
            Ok(record)
        } else {
            Err(StoreError::Corrupt {
                path,
                why: format!(
                    "it speaks of {:?} of {:?}, another request than its folder",
                    record.id, record.certificate
                ),
            })
        }
    }

    fn request_ids(&self, certificate: &Slug) -> Result<Vec<RequestId>, StoreError> {
        let mut ids: Vec<RequestId> = self
            .list_real(&self.paths.requests(certificate))?
            .iter()
            .filter_map(|name| RequestId::parse(name).ok())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn generation_numbers(&self, certificate: &Slug) -> Result<Vec<u32>, StoreError> {
        let mut numbers: Vec<u32> = self
            .list_real(&self.paths.archive(certificate))?
            .iter()
            .filter_map(|name| layout::parse_number(name))
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn list_real(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        self.paths.insist_on_folders(folder)?;
        list(folder)
    }

    fn read_pem(&self, folder: &Path, name: &str) -> Result<Vec<u8>, StoreError> {
        self.paths.insist_on_folders(folder)?;
        atomic::read_with(&folder.join(name), MAX_PEM_BYTES, Links::Refuse, "a file")
    }
}

/// The names in a folder, those that are UTF-8 (ours are); none where it is missing.
fn list(folder: &Path) -> Result<Vec<String>, StoreError> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(StoreError::io("read", folder, source)),
    };
    let mut names = Vec::new();
    for entry in listed {
        let entry = entry.map_err(|source| StoreError::io("read", folder, source))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn make_root(disk: &Disk, folder: &Path) -> Result<(), StoreError> {
    let around = atomic::folder_of(folder);
    if !around.exists() {
        fs::create_dir_all(around).map_err(|source| StoreError::io("make", around, source))?;
    }
    match disk.make_folder(folder) {
        Ok(()) | Err(StoreError::Exists { .. }) => disk.sync_folder(around),
        Err(error) => Err(error),
    }
}

fn no_request(error: StoreError, id: &RequestId) -> StoreError {
    if error.is_not_found() {
        StoreError::NoSuchRequest { id: id.to_string() }
    } else {
        error
    }
}

fn no_generation(error: StoreError, certificate: &Slug, number: u32) -> StoreError {
    if error.is_not_found() {
        StoreError::NoSuchGeneration {
            certificate: certificate.to_string(),
            number,
        }
    } else {
        error
    }
}

fn read_record<T: DeserializeOwned>(path: &Path, max: u64) -> Result<T, StoreError> {
    let bytes = atomic::read_with(path, max, Links::Refuse, "a file")?;
    serde_json::from_slice(&bytes).map_err(|error| StoreError::Corrupt {
        path: path.to_path_buf(),
        why: error.to_string(),
    })
}

fn record_bytes<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Corrupt {
        path: path.to_path_buf(),
        why: error.to_string(),
    })?;
    bytes.push(b'\n');
    within(path, &bytes, MAX_RECORD_BYTES)?;
    Ok(bytes)
}

fn within(path: &Path, bytes: &[u8], limit: u64) -> Result<(), StoreError> {
    if bytes.len() as u64 > limit {
        Err(StoreError::TooLarge {
            path: path.to_path_buf(),
            size: Some(bytes.len() as u64),
            limit,
        })
    } else {
        Ok(())
    }
}

fn write_record<T: Serialize>(
    disk: &Disk,
    path: &Path,
    record: &T,
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    let bytes = record_bytes(path, record)?;
    atomic::write_whole_on(disk, path, &bytes, Placement::PRIVATE, overwrite)
}

#[cfg(test)]
mod tests;
