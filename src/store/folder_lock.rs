//! One writer at a time of a file that is replaced by a rename: an exclusive lock (flock) on its folder.
//!
//! The file itself cannot be locked, since each rename puts another in its place; and a lock file would be left
//! behind. The kernel tells who holds the lock (`/proc/locks`). Whoever edits the file by hand takes none.

use super::StoreError;
use super::owner::{Rights, credentials};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
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
        let mut before = Holding::Ours;
        loop {
            match opened.try_lock() {
                Ok(()) => return Ok(Self { held: Some(opened) }),
                Err(TryLockError::WouldBlock) => {
                    let now = Holding::of(&opened);
                    match &now {
                        Holding::Ours => {}
                        Holding::Ended(_) if now != before => before = now,
                        // A file is compared before it is replaced, here too.
                        Holding::Strangers | Holding::Ended(_) => return Ok(Self { held: None }),
                    }
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
    let name = read(Path::new(&format!("/proc/{pid}/comm")));
    Some(match name {
        Some(name) => format!("{} (process {pid})", name.trim_end()),
        None => format!("process {pid}"),
    })
}

/// Who holds the lock of a folder.
#[derive(Debug, PartialEq, Eq)]
enum Holding {
    /// One of those who may write to the folder, or nobody knows.
    Ours,
    /// Others alone: whoever may list a folder may lock it, and hold up nothing of ours by that.
    Strangers,
    /// Processes that have ended, unless they are no longer named when they are asked for again. What they started has
    /// the lock from them, as nothing has from a command of ours.
    Ended(Vec<u32>),
}

impl Holding {
    fn of(folder: &File) -> Self {
        let (pids, Ok(there)) = (holders(folder), folder.metadata()) else {
            return Self::Ours;
        };
        let me = rustix::process::geteuid().as_raw();
        let mut ended = Vec::new();
        for pid in &pids {
            match credentials(*pid, Rights::Real) {
                Some((user, groups)) => {
                    let by_group = there.mode() & 0o020 != 0 && groups.contains(&there.gid());
                    if [0, me, there.uid()].contains(&user) || by_group {
                        return Self::Ours;
                    }
                }
                None if has_ended(*pid) => ended.push(*pid),
                None => return Self::Ours,
            }
        }
        match ended.as_slice() {
            [] if pids.is_empty() => Self::Ours,
            [] => Self::Strangers,
            [..] => Self::Ended(ended),
        }
    }
}

/// What `/proc` does not show may be hidden from this user.
fn has_ended(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// The processes that hold the lock of an open folder, by number, where the kernel tells.
fn holders(folder: &File) -> Vec<u32> {
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
        (place.rsplit(':').next() == Some(inode.as_str())).then(|| pid.parse().ok())?
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
        assert_eq!(
            Holding::of(&File::open(folder.path()).unwrap()),
            Holding::Ours
        );
        drop(held);
        // What other tests start may hold it for a moment yet.
        FolderLock::around(&file, Duration::from_secs(10)).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// A lock of a folder of root's, held by a shell of this user until its input ends.
    struct Held(std::process::Child);

    impl Held {
        fn by(folder: &Path, user: u32, group: u32, lines: &str) -> Self {
            use std::process::{Command, Stdio};
            // By setpriv: a fork of this process would hold the locks of other tests until it becomes another program.
            let mut holder = Command::new("setpriv")
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"))
                .args(["--clear-groups", "sh", "-c", lines, "sh"])
                .arg(folder)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = [0; 5];
            let told = holder.stdout.as_mut().unwrap();
            told.read_exact(&mut said).unwrap();
            Self(holder)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            drop(self.0.stdin.take());
            let _ = self.0.wait();
        }
    }

    #[test]
    fn who_may_not_write_to_a_folder_holds_nothing_up_by_locking_it() {
        use std::os::unix::fs::{PermissionsExt, chown};
        if !rustix::process::geteuid().is_root() {
            return;
        }
        const NOBODY: u32 = 65_534;
        const OPERATORS: u32 = 54_321;
        let running = "exec flock \"$1\" sh -c 'echo held; cat'";
        // The process that took it has ended, and the kernel names it still.
        let forked = "exec 9<\"$1\"; flock 9; echo held; cat";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edgecert.toml");
        std::fs::write(&file, "").unwrap();
        for (mode, owner, user, group, lines, counts) in [
            (0o755, 0, NOBODY, NOBODY, running, false),
            (0o755, 0, NOBODY, OPERATORS, running, false),
            (0o775, 0, NOBODY, NOBODY, running, false),
            (0o775, 0, NOBODY, OPERATORS, running, true),
            (0o755, NOBODY, NOBODY, NOBODY, running, true),
            (0o755, 0, 0, 0, running, true),
            (0o755, 0, NOBODY, NOBODY, forked, false),
            (0o755, 0, 0, 0, forked, false),
        ] {
            chown(folder.path(), Some(owner), Some(OPERATORS)).unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path(), mode).unwrap();
            let holder = Held::by(folder.path(), user, group, lines);
            let opened = File::open(folder.path()).unwrap();
            // Where /proc/locks shows it (not in every container).
            if !holders(&opened).is_empty() {
                let told = format!("{owner} {user} {group} {lines}");
                match FolderLock::around(&file, Duration::from_millis(100)) {
                    Ok(lock) => assert!(!counts && !lock.is_held(), "{told}"),
                    Err(refused) => assert!(counts, "{told}: {refused}"),
                }
            }
            drop(holder);
        }
    }
}
