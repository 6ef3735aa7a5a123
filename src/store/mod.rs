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
mod contents;
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
mod record_files;
pub mod records;
mod tidy;
pub mod transaction;
pub mod walk;
mod wizard;

pub use barred::BarredKey;
pub use claim::Claim;
pub use contents::GenerationFiles;
pub use disk::{Disk, Fault};
pub use error::StoreError;
pub use folder_lock::FolderLock;
pub use journal::{ClockStep, JournalReading, JournalState};
pub(crate) use layout::written_parts;
pub use layout::{MAX_PEM_BYTES, MAX_RECORD_BYTES, RequestId, VERSION};
pub use lease::{KeySource, Lease};
pub use lock::Holder;
pub(crate) use owner::{Rights, credentials, user_name};
pub use problems::Problem;
pub use records::{
    Accepted, AssignmentRecord, CertificateSummary, GenerationRecord, IntentKind, IntentRecord,
    JournalEntry, NextKeyRecord, Proved, RequestRecord, RequestState, Source, Staged,
};
pub use tidy::Tidied;
pub use transaction::Transaction;

use layout::{Paths, State};
use std::fs;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;

/// How long `create` waits for another command that creates the same state.
const CREATE_PATIENCE: Duration = Duration::from_secs(10);

/// A state, open for reading; readers never wait.
#[derive(Debug, Clone)]
pub struct Store {
    paths: Paths,
    disk: Disk,
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
        let disk = Disk::new();
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

    /// Takes the right to write, waiting at most `timeout`, and tidies up after killed writers.
    ///
    /// `command` is what others that wait are told. Errors: `Locked`. Effects: blocks.
    pub fn lock(
        &self,
        timeout: Duration,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Lease, StoreError> {
        Lease::take(self.clone(), timeout, command, now)
    }
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

#[cfg(test)]
mod tests;
