//! One writer at a time of a file that is replaced by a rename: an exclusive lock (flock) on its folder.
//!
//! The file itself cannot be locked, since each rename puts another in its place; and a lock file would be left
//! behind. The kernel tells who holds the lock (`/proc/locks`). Whoever edits the file by hand takes none.

use super::StoreError;
use rustix::io::Errno;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two tries.
const POLL: Duration = Duration::from_millis(15);
/// Largest file of `/proc` read, in bytes.
const MAX_PROC_BYTES: u64 = 1024 * 1024;

/// The lock, held until dropped; it goes with its process.
#[derive(Debug)]
pub struct FolderLock {
    /// `None` where the file system has no such locks (NFS, of a folder), or a stranger holds it.
    held: Option<File>,
}

impl FolderLock {
    /// Locks the folder that a file lies in, of a symbolic link that of its target; tries until the time is over.
    /// Effects: blocks.
    ///
    /// Errors: `FolderLocked` with the holder; `Io` where the folder cannot be opened.
    pub fn around(file: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let whole =
            std::fs::canonicalize(file).map_err(|source| StoreError::io("lock", file, source))?;
        Self::of(super::atomic::folder_of(&whole), timeout)
    }

    /// [`Self::around`] for any file of a folder.
    pub fn of(folder: &Path, timeout: Duration) -> Result<Self, StoreError> {
        let began = Instant::now();
        let opened = super::atomic::open_folder(folder)
            .map_err(|source| StoreError::io("lock", folder, source))?;
        loop {
            match opened.try_lock() {
                Ok(()) => return Ok(Self { held: Some(opened) }),
                // A file is compared before it is replaced, here too.
                Err(TryLockError::WouldBlock) if is_held_by_a_stranger(&opened) => {
                    return Ok(Self { held: None });
                }
                Err(TryLockError::WouldBlock) => {
                    let waited = began.elapsed();
                    if waited >= timeout {
                        return Err(StoreError::FolderLocked {
                            path: folder.to_path_buf(),
                            holder: holder(&opened),
                            waited,
                        });
                    }
                    std::thread::sleep(POLL.min(timeout.saturating_sub(waited)));
                }
                // Without a lock the file is still compared before it is replaced.
                Err(TryLockError::Error(source)) if has_no_locks(&source) => {
                    return Ok(Self { held: None });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::io("lock", folder, source));
                }
            }
        }
    }

    /// Whether no other command of ours writes in the folder.
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }
}

/// NFS locks a file only if it is open for writing, which a folder cannot be.
fn has_no_locks(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    [Errno::BADF, Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS]
        .into_iter()
        .any(|one| errno == Some(one))
}

/// `edgecert (process 4711)`, where the kernel tells: `3: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF`.
fn holder(folder: &File) -> Option<String> {
    let pid = holders(folder).into_iter().next()?;
    let name = read(&Path::new("/proc").join(&pid).join("comm"));
    Some(match name {
        Some(name) => format!("{} (process {pid})", name.trim_end()),
        None => format!("process {pid}"),
    })
}

/// Whether nobody but other users than root and us holds the lock of an open folder: whoever may list a folder may lock
/// it, and hold up nothing of ours by that.
fn is_held_by_a_stranger(folder: &File) -> bool {
    let me = rustix::process::geteuid().as_raw();
    let holders = holders(folder);
    let owner = |pid: &String| Path::new("/proc").join(pid).metadata().map(|of| of.uid());
    !holders.is_empty()
        && holders
            .iter()
            .all(|pid| owner(pid).is_ok_and(|uid| uid != 0 && uid != me))
}

/// The processes that hold the lock of an open folder, by number, where the kernel tells.
fn holders(folder: &File) -> Vec<String> {
    let Ok(there) = folder.metadata() else {
        return Vec::new();
    };
    let inode = there.ino().to_string();
    let locks = read(Path::new("/proc/locks")).unwrap_or_default();
    let held = locks.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // One that waits stands after an arrow.
        let [_, "FLOCK", _, _, pid, place, ..] = words.as_slice() else {
            return None;
        };
        (place.rsplit(':').next() == Some(inode.as_str())).then(|| (*pid).to_owned())
    });
    held.collect()
}

fn read(path: &Path) -> Option<String> {
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(MAX_PROC_BYTES)
        .read_to_end(&mut text)
        .ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_waits_and_is_told_for_whom_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edgecert.toml");
        std::fs::write(&file, "").unwrap();
        let held = FolderLock::around(&file, Duration::ZERO).unwrap();
        let refused = FolderLock::around(&file, Duration::from_millis(40)).unwrap_err();
        let StoreError::FolderLocked { holder, waited, .. } = refused else {
            panic!("{refused}");
        };
        assert!(waited >= Duration::from_millis(40));
        // Where /proc/locks shows it (not in every container).
        if let Some(holder) = holder {
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        assert!(!is_held_by_a_stranger(&File::open(folder.path()).unwrap()));
        drop(held);
        FolderLock::around(&file, Duration::ZERO).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_stranger_who_locks_a_folder_holds_nothing_up() {
        use std::os::unix::process::CommandExt;
        use std::process::{Command, Stdio};
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let file = folder.path().join("edgecert.toml");
        std::fs::write(&file, "").unwrap();
        let mut stranger = Command::new("flock")
            .arg(folder.path())
            .args(["sh", "-c", "echo held; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .uid(65_534)
            .spawn()
            .unwrap();
        let mut said = [0; 5];
        let told = stranger.stdout.as_mut().unwrap();
        told.read_exact(&mut said).unwrap();
        // Where /proc/locks shows it (not in every container).
        let opened = File::open(folder.path()).unwrap();
        if !holders(&opened).is_empty() {
            assert!(is_held_by_a_stranger(&opened));
            let held = FolderLock::around(&file, Duration::ZERO).unwrap();
            assert!(!held.is_held());
        }
        drop(stranger.stdin.take());
        stranger.wait().unwrap();
    }
}
