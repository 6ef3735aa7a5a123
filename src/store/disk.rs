//! Every operation that changes the file system, in one place: counted, and made to fail or to be the last one.
//!
//! Not for reading. In debug builds the environment may plant a fault, so that tests can try a kill and a full disk
//! at every single operation: `EDGECERT_FAULT=kill:N` ends the process as SIGKILL does before operation N (half the
//! bytes are out when that is a write), `enospc:N` fails operation N and all later ones that need space (removals
//! and renames still work), `count:PATH` appends the name of each operation to PATH.

use super::StoreError;
use rustix::fs::{CWD, RenameFlags};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A planted fault. Operations are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before this operation.
    Kill(u64),
    /// This operation and all later ones that need space fail with ENOSPC.
    NoSpace(u64),
    /// The name of each operation is appended to this file.
    Count(PathBuf),
}

#[derive(Debug)]
struct Injection {
    fault: Option<Fault>,
    count: AtomicU64,
}

/// The door to the file system. Clones share one count.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Injection>);

/// What an operation is, as `count:PATH` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Write,
    Sync,
    Mode,
    Owner,
    Rename,
    Symlink,
    Remove,
    MakeFolder,
    SyncFolder,
    SyncFileSystem,
    Truncate,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Rename => "rename",
            Self::Symlink => "symlink",
            Self::Remove => "remove",
            Self::MakeFolder => "make-folder",
            Self::SyncFolder => "sync-folder",
            Self::SyncFileSystem => "sync-file-system",
            Self::Truncate => "truncate",
        }
    }

    /// Sync counts: with delayed allocation a full disk shows there.
    fn needs_space(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::Write
                | Self::Sync
                | Self::SyncFileSystem
                | Self::Symlink
                | Self::MakeFolder
        )
    }
}

/// What [`Disk::step`] asks of a write.
enum Next {
    Go,
    /// Half the bytes, then [`Disk::die`].
    HalfThenDie,
    /// Half the bytes, then ENOSPC.
    HalfThenFull,
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Disk {
    /// The disk as it is; in debug builds with the fault of `EDGECERT_FAULT`, counted over the whole process.
    pub fn new() -> Self {
        #[cfg(debug_assertions)]
        {
            static PLANTED: std::sync::OnceLock<Disk> = std::sync::OnceLock::new();
            PLANTED
                .get_or_init(|| {
                    Self::with(
                        std::env::var("EDGECERT_FAULT")
                            .ok()
                            .as_deref()
                            .and_then(parse_fault),
                    )
                })
                .clone()
        }
        #[cfg(not(debug_assertions))]
        {
            Self::with(None)
        }
    }

    /// A disk with a fault and a count of its own, for tests within one process.
    pub fn with_fault(fault: Fault) -> Self {
        Self::with(Some(fault))
    }

    fn with(fault: Option<Fault>) -> Self {
        Self(Arc::new(Injection {
            fault,
            count: AtomicU64::new(0),
        }))
    }

    /// How many operations were begun.
    pub fn operations(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }

    fn step(&self, operation: Operation) -> Next {
        let number = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.0.fault {
            None => Next::Go,
            Some(Fault::Kill(at)) if number == *at => Next::HalfThenDie,
            Some(Fault::NoSpace(at)) if number >= *at && operation.needs_space() => {
                Next::HalfThenFull
            }
            Some(Fault::Kill(_) | Fault::NoSpace(_)) => Next::Go,
            Some(Fault::Count(path)) => {
                // A test's own notes: their loss shows as a wrong count.
                if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
                    let _ = writeln!(file, "{}", operation.word());
                }
                Next::Go
            }
        }
    }

    fn die() -> ! {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort()
    }

    /// One operation without bytes.
    fn run<T>(
        &self,
        operation: Operation,
        doing: &'static str,
        path: &Path,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, StoreError> {
        match self.step(operation) {
            Next::Go => act().map_err(|source| StoreError::io(doing, path, source)),
            Next::HalfThenDie => Self::die(),
            Next::HalfThenFull => Err(StoreError::io(
                doing,
                path,
                io::Error::from(rustix::io::Errno::NOSPC),
            )),
        }
    }

    /// Creates a file that must not be there, mode 0600 whatever the umask, open for writing.
    pub fn create_new(&self, path: &Path) -> Result<File, StoreError> {
        self.run(Operation::Create, "create", path, || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
        })
    }

    /// Writes all bytes at the file's position.
    pub fn write(&self, file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
        match self.step(Operation::Write) {
            Next::Go => file
                .write_all(bytes)
                .map_err(|source| StoreError::io("write", path, source)),
            Next::HalfThenDie => {
                let _ = file.write_all(half);
                Self::die()
            }
            Next::HalfThenFull => {
                let _ = file.write_all(half);
                let full = io::Error::from(rustix::io::Errno::NOSPC);
                Err(StoreError::io("write", path, full))
            }
        }
    }

    /// fsync of a file.
    pub fn sync(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::Sync, "flush", path, || file.sync_all())
    }

    /// Cuts the file to a length.
    pub fn truncate(&self, file: &File, path: &Path, length: u64) -> Result<(), StoreError> {
        self.run(Operation::Truncate, "cut", path, || file.set_len(length))
    }

    /// Sets the permission bits of an open file.
    pub fn set_mode(&self, file: &File, path: &Path, mode: u32) -> Result<(), StoreError> {
        self.run(Operation::Mode, "set the mode of", path, || {
            file.set_permissions(Permissions::from_mode(mode))
        })
    }

    /// Sets user and group of an open file.
    pub fn set_owner(
        &self,
        file: &File,
        path: &Path,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), StoreError> {
        self.run(Operation::Owner, "set the owner of", path, || {
            std::os::unix::fs::fchown(file, uid, gid)
        })
    }

    /// Renames, replacing what is there.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.run(Operation::Rename, "rename to", to, || fs::rename(from, to))
    }

    /// Renames only where nothing is there, in one step.
    pub fn rename_new(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        self.run(Operation::Rename, "rename to", to, || {
            match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                Ok(()) => Ok(()),
                // File systems without RENAME_NOREPLACE: a hard link refuses an existing name as well.
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                    if from.is_dir() {
                        // Only under the lock, where nobody else makes folders: looking first is enough.
                        if to.symlink_metadata().is_ok() {
                            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
                        }
                        fs::rename(from, to)
                    } else {
                        fs::hard_link(from, to)?;
                        fs::remove_file(from)
                    }
                }
                Err(errno) => Err(io::Error::from(errno)),
            }
        })
    }

    /// Makes a symbolic link at `link` that points to `target`.
    pub fn symlink(&self, target: &Path, link: &Path) -> Result<(), StoreError> {
        self.run(Operation::Symlink, "link", link, || {
            std::os::unix::fs::symlink(target, link)
        })
    }

    /// Removes a file or a link.
    pub fn remove_file(&self, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::Remove, "remove", path, || fs::remove_file(path))
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::Remove, "remove", path, || fs::remove_dir(path))
    }

    /// Removes a folder with all it holds. Links are removed and not followed, nor is one that takes a folder's place in
    /// the meantime.
    pub fn remove_tree(&self, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::Remove, "remove", path, || {
            fs::remove_dir_all(path)
        })
    }

    /// Makes a folder that must not be there, mode 0700.
    pub fn make_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::MakeFolder, "make", path, || {
            fs::DirBuilder::new().mode(0o700).create(path)
        })
    }

    /// syncfs of the file system that holds an open folder: everything written to it before is on the disk. One call
    /// for hundreds of files costs what a few fsyncs do; it waits for what others wrote there as well.
    pub fn sync_file_system(&self, folder: &File, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::SyncFileSystem, "flush", path, || {
            rustix::fs::syncfs(folder).map_err(io::Error::from)
        })
    }

    /// fsync of a folder: what was made, renamed or removed in it is on the disk.
    pub fn sync_folder(&self, path: &Path) -> Result<(), StoreError> {
        self.run(Operation::SyncFolder, "flush", path, || {
            match super::atomic::open_folder(path) {
                Ok(folder) => folder.sync_all(),
                // One that may be written and not listed cannot be flushed; its file system orders renames.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                Err(error) => Err(error),
            }
        })
    }
}

#[cfg(debug_assertions)]
fn parse_fault(text: &str) -> Option<Fault> {
    let (word, value) = text.split_once(':')?;
    match word {
        "kill" => value.parse().ok().map(Fault::Kill),
        "enospc" => value.parse().ok().map(Fault::NoSpace),
        "count" => Some(Fault::Count(value.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(debug_assertions)]
    #[test]
    fn faults_are_read_from_their_words() {
        for (text, expected) in [
            ("kill:3", Some(Fault::Kill(3))),
            ("enospc:1", Some(Fault::NoSpace(1))),
            ("count:/tmp/a:b", Some(Fault::Count("/tmp/a:b".into()))),
            ("kill:x", None),
            ("kill", None),
        ] {
            assert_eq!(parse_fault(text), expected, "{text}");
        }
    }

    #[test]
    fn a_full_disk_still_renames_and_removes() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::with_fault(Fault::NoSpace(2));
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let mut file = disk.create_new(&a).unwrap();
        let full = disk.write(&mut file, &a, b"1234").unwrap_err();
        assert!(matches!(full, StoreError::DiskFull { .. }), "{full}");
        assert_eq!(fs::read(&a).unwrap(), b"12");
        disk.rename(&a, &b).unwrap();
        disk.remove_file(&b).unwrap();
        assert_eq!(disk.operations(), 4);
    }

    #[test]
    fn rename_new_never_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&a, "a").unwrap();
        fs::write(&b, "b").unwrap();
        let refused = Disk::new().rename_new(&a, &b).unwrap_err();
        assert!(matches!(refused, StoreError::Exists { .. }));
        assert_eq!(fs::read(&b).unwrap(), b"b");
    }
}
