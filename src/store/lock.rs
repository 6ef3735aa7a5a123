//! One writer at a time: an exclusive lock (flock) on the file `lock`, which also says who holds it.
//!
//! The lock goes with its process. A note that still stands in the file when the lock is free tells that the writer
//! before was killed; the next one looks over what it left.

use super::StoreError;
use super::atomic;
use super::disk::Disk;
use crate::explain::moment;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Between two tries.
const POLL: Duration = Duration::from_millis(15);
/// Largest note read, in bytes.
const MAX_NOTE_BYTES: u64 = 4096;

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// The command it runs.
    pub command: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

/// `edgecert import (process 4711, since 2026-11-20 10:00:00 UTC)`.
impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} (process {}, since {})",
            self.command,
            self.pid,
            moment(self.time)
        )
    }
}

/// The lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
    disk: Disk,
    /// The writer before was killed.
    pub(crate) killed: bool,
    /// Its note, where that is readable.
    pub(crate) killed_holder: Option<Holder>,
}

impl Lock {
    /// Takes the lock, trying until the time is over. Effects: blocks.
    pub(crate) fn take(
        disk: &Disk,
        path: &Path,
        timeout: Duration,
        command: &str,
        now: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        let began = Instant::now();
        let mut file = open(disk, path)?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    let waited = began.elapsed();
                    if waited >= timeout {
                        return Err(StoreError::Locked {
                            path: path.to_path_buf(),
                            holder: read_note(&mut file).map(Box::new),
                            waited,
                        });
                    }
                    std::thread::sleep(POLL.min(timeout.saturating_sub(waited)));
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::io("lock", path, source));
                }
            }
        }
        let killed = file.metadata().is_ok_and(|there| there.len() > 0);
        let killed_holder = read_note(&mut file);
        let mut lock = Self {
            file,
            path: path.to_path_buf(),
            disk: disk.clone(),
            killed,
            killed_holder,
        };
        lock.note(&Holder {
            pid: std::process::id(),
            command: crate::explain::printable(command),
            time: super::records::cut_time(now),
        });
        Ok(lock)
    }

    /// Whether the file that is locked still lies under its name.
    pub(crate) fn is_in_place(&self) -> bool {
        match (self.file.metadata(), self.path.symlink_metadata()) {
            (Ok(own), Ok(there)) => own.dev() == there.dev() && own.ino() == there.ino(),
            (Ok(_) | Err(_), _) => false,
        }
    }

    /// The note helps the one who waits; on a full disk the work goes on without it.
    fn note(&mut self, holder: &Holder) {
        let Ok(text) = serde_json::to_vec(holder) else {
            return;
        };
        // Over the note before, and only then cut: a kill in here must not make the file look cleanly left.
        let _ = self.file.seek(SeekFrom::Start(0));
        let _ = self.disk.write(&mut self.file, &self.path, &text);
        let _ = self
            .disk
            .truncate(&self.file, &self.path, text.len() as u64);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.disk.truncate(&self.file, &self.path, 0);
    }
}

fn open(disk: &Disk, path: &Path) -> Result<File, StoreError> {
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(
                (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32,
            )
            .open(path)
    };
    match open() {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
            match disk.create_new(path) {
                Ok(_) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
            open().map_err(|source| StoreError::io("lock", path, source))
        }
        Err(source) => Err(match path.symlink_metadata() {
            Ok(there) if !there.is_file() => atomic::wrong_kind(path, &there, "a file"),
            Ok(_) | Err(_) => StoreError::io("lock", path, source),
        }),
        Ok(file) => Ok(file),
    }
}

fn read_note(file: &mut File) -> Option<Holder> {
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut text = Vec::new();
    Read::by_ref(file)
        .take(MAX_NOTE_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    serde_json::from_slice(&text).ok()
}

/// Who runs this: the user's name, or `uid N` where it has none.
pub(crate) fn actor() -> String {
    super::owner::user_name(rustix::process::getuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-20 10:00 UTC);

    #[test]
    fn who_waits_in_vain_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let disk = Disk::new();
        let held = Lock::take(&disk, &path, Duration::ZERO, "edgecert import", NOW).unwrap();
        let refused = Lock::take(&disk, &path, Duration::from_millis(40), "x", NOW).unwrap_err();
        let StoreError::Locked {
            holder: Some(holder),
            waited,
            ..
        } = refused
        else {
            panic!("{refused}");
        };
        assert!(waited >= Duration::from_millis(40));
        assert_eq!(holder.command, "edgecert import");
        assert_eq!(holder.pid, std::process::id());
        drop(held);
        // What other tests start may hold it for a moment yet.
        let next = Lock::take(&disk, &path, Duration::from_secs(10), "y", NOW).unwrap();
        assert!(!next.killed && next.killed_holder.is_none());
    }

    #[test]
    fn a_note_without_its_lock_tells_of_a_killed_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(
            &path,
            r#"{"pid":1,"command":"edgecert import","time":"2026-11-20T10:00:00Z"}"#,
        )
        .unwrap();
        let lock = Lock::take(&Disk::new(), &path, Duration::ZERO, "y", NOW).unwrap();
        assert!(lock.killed);
        assert_eq!(
            lock.killed_holder.as_ref().unwrap().command,
            "edgecert import"
        );
    }
}
