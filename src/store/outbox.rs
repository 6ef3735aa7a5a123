//! A folder of folders, each of which appears whole: where a batch of requests is written, outside the state.
//!
//! A group is built out of sight under temporary names, flushed to the disk in one go (syncfs), and only then renamed
//! into sight, one rename for each folder; the flush of the folder around them ends the group. A kill or a full disk
//! leaves each folder there and whole, or not there. What a killed writer left out of sight goes with the next one.
//! One writer at a time, by a lock on the folder itself.

use super::StoreError;
use super::atomic;
use super::disk::Disk;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most folders of one group.
pub const GROUP: usize = 128;

/// The folder around them, locked.
#[derive(Debug)]
pub struct Outbox {
    disk: Disk,
    folder: PathBuf,
    /// Held for its lock.
    handle: File,
}

/// Folders that are built and not yet seen.
#[derive(Debug)]
pub struct Group<'o, T> {
    outbox: &'o Outbox,
    built: Vec<(T, PathBuf, PathBuf)>,
}

impl Outbox {
    /// Opens the folder, makes it (mode 0700) where it is missing, and removes what a killed writer left out of sight.
    ///
    /// Errors: `Locked` where another writer is at it, and those of the file system. Effects: flushes what it made.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_on(Disk::new(), folder)
    }

    /// [`Outbox::open`] through a given disk.
    pub fn open_on(disk: Disk, folder: &Path) -> Result<Self, StoreError> {
        let missing: Vec<&Path> = folder
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.is_dir())
            .collect();
        for path in missing.into_iter().rev() {
            disk.make_folder(path)?;
            disk.sync_folder(atomic::folder_of(path))?;
        }
        let handle =
            atomic::open_folder(folder).map_err(|source| StoreError::io("open", folder, source))?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: folder.to_path_buf(),
                    holder: None,
                    waited: Duration::ZERO,
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::io("lock", folder, source));
            }
        }
        atomic::remove_leftovers(&disk, folder)?;
        Ok(Self {
            disk,
            folder: folder.to_path_buf(),
            handle,
        })
    }

    /// The folder around them.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A group without folders yet.
    pub fn group<T>(&self) -> Group<'_, T> {
        Group {
            outbox: self,
            built: Vec::new(),
        }
    }

    /// Flushes the folder: what an earlier writer renamed into sight, and was killed before it could flush, too.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.disk.sync_folder(&self.folder)
    }
}

impl<T> Group<'_, T> {
    /// Builds a folder (mode 0700) with its files (mode 0600), out of sight. `what` is given back with the outcome.
    ///
    /// Errors: those of the file system, `DiskFull` among them; nothing of it is left then.
    pub fn put(
        &mut self,
        what: T,
        name: &str,
        files: &[(&str, &[u8])],
    ) -> Result<(), (T, StoreError)> {
        let disk = &self.outbox.disk;
        let place = self.outbox.folder.join(name);
        let temporary = atomic::temporary_in(&self.outbox.folder);
        let built = disk.make_folder(&temporary).and_then(|()| {
            files.iter().try_for_each(|(name, bytes)| {
                atomic::create_unflushed(disk, &temporary.join(name), bytes)
                    .map_err(|error| error.named_after(&place.join(name)))
            })
        });
        match built {
            Ok(()) => {
                self.built.push((what, temporary, place));
                Ok(())
            }
            Err(error) => {
                let _ = atomic::remove_any(disk, &temporary);
                Err((what, error))
            }
        }
    }

    /// Whether it is time to settle.
    pub fn is_full(&self) -> bool {
        self.built.len() >= GROUP
    }

    /// Flushes the group and makes it seen; each with its outcome: `Exists` where something has that name.
    ///
    /// Effects: blocks until the disk has it.
    pub fn settle(&mut self) -> Vec<(T, Result<(), StoreError>)> {
        if self.built.is_empty() {
            return Vec::new();
        }
        let Outbox {
            disk,
            folder,
            handle,
        } = self.outbox;
        let flushed = disk.sync_file_system(handle, folder);
        let mut outcomes: Vec<_> = std::mem::take(&mut self.built)
            .into_iter()
            .map(|(what, temporary, place)| {
                // Not tried again: the kernel tells a lost write once, and a second flush would pass.
                let placed = match &flushed {
                    Ok(()) => disk.rename_new(&temporary, &place),
                    Err(error) => Err(same(error, &place)),
                };
                if placed.is_err() {
                    let _ = atomic::remove_any(disk, &temporary);
                }
                (what, placed)
            })
            .collect();
        if let Err(error) = disk.sync_folder(folder) {
            // Whole and in sight, but perhaps not for long: the next run finds it there and flushes again.
            for (_, outcome) in outcomes.iter_mut().filter(|(_, one)| one.is_ok()) {
                *outcome = Err(same(&error, folder));
            }
        }
        outcomes
    }
}

impl<T> Drop for Group<'_, T> {
    fn drop(&mut self) {
        for (_, temporary, _) in &self.built {
            let _ = atomic::remove_any(&self.outbox.disk, temporary);
        }
    }
}

/// The failure of a flush, told of one of those that it was for.
fn same(error: &StoreError, path: &Path) -> StoreError {
    let source = if matches!(error, StoreError::DiskFull { .. }) {
        io::Error::from(io::ErrorKind::StorageFull)
    } else {
        io::Error::other(error.to_string())
    };
    StoreError::io("flush", path, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Fault;
    use std::fs;

    const FILES: [(&str, &[u8]); 2] = [("privkey.pem", b"key"), ("csr.pem", b"csr")];

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_group_is_seen_once_it_is_settled() {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("new/out");
        let outbox = Outbox::open(&folder).unwrap();
        let mut group = outbox.group();
        group.put(1, "a", &FILES).unwrap();
        group.put(2, "b", &FILES).unwrap();
        assert!(!folder.join("a").exists());
        let outcomes = group.settle();
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!(names(&folder), ["a", "b"]);
        assert_eq!(fs::read(folder.join("a/privkey.pem")).unwrap(), b"key");
        group.put(3, "b", &FILES).unwrap();
        let (what, outcome) = group.settle().remove(0);
        assert_eq!(what, 3);
        assert!(outcome.unwrap_err().is_existing_file());
        group.put(4, "c", &FILES).unwrap();
        drop(group);
        assert_eq!(names(&folder), ["a", "b"]);
    }

    #[test]
    fn one_writer_at_a_time_and_leftovers_go() {
        let around = tempfile::tempdir().unwrap();
        fs::create_dir(around.path().join(".edgecert-tmp-1-1")).unwrap();
        fs::write(around.path().join(".edgecert-tmp-1-1/privkey.pem"), "x").unwrap();
        let first = Outbox::open(around.path()).unwrap();
        assert!(names(around.path()).is_empty());
        assert!(matches!(
            Outbox::open(around.path()),
            Err(StoreError::Locked { .. })
        ));
        drop(first);
        Outbox::open(around.path()).unwrap();
    }

    #[test]
    fn a_full_disk_at_any_operation_leaves_whole_folders_alone() {
        for at in 1..40 {
            let around = tempfile::tempdir().unwrap();
            let disk = Disk::with_fault(Fault::NoSpace(at));
            let outbox = Outbox::open_on(disk.clone(), around.path()).unwrap();
            let mut group = outbox.group();
            let mut failed = 0;
            for name in ["a", "b", "c"] {
                if let Err((_, error)) = group.put(name, name, &FILES) {
                    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
                    failed += 1;
                }
            }
            let outcomes = group.settle();
            let made: Vec<&str> = outcomes
                .iter()
                .filter(|(_, outcome)| outcome.is_ok())
                .map(|(name, _)| *name)
                .collect();
            assert_eq!(names(around.path()), made, "at {at}");
            for name in made {
                assert_eq!(names(&around.path().join(name)), ["csr.pem", "privkey.pem"]);
            }
            if failed == 0 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
                assert!(at > 10, "{at}");
                return;
            }
        }
        panic!("never came to its end");
    }
}
