//! Files that appear whole or not at all, and files read with a limit.
//!
//! Writing: a temporary file in the same folder, created 0600, written, given owner and mode, flushed, renamed, the
//! folder flushed. Other rooms use this too, for what they write outside the state; it knows nothing of the state's
//! layout.

mod read;

pub(crate) use read::{Links, open_folder, open_regular, read_open, read_with, wrong_kind};
pub use read::{open_to_read, read_limited, read_secret};

use super::StoreError;
use super::attributes::{self, Attribute};
use super::disk::Disk;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What to do where a file is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// [`StoreError::Exists`], and the file there stays as it is.
    Refuse,
    /// Replaces a regular file; a symbolic link is refused.
    Replace,
    /// As `Replace`; of a symbolic link the file that it points to is replaced, and the link stays.
    ReplaceTarget,
}

/// Mode and owner of a file to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Permission bits, exactly (the umask is not applied).
    pub mode: u32,
    /// Owner; `None`: the one who writes.
    pub uid: Option<u32>,
    /// Group; `None`: the one that the folder gives.
    pub gid: Option<u32>,
}

impl Placement {
    /// Mode 0600.
    pub const PRIVATE: Placement = Placement::mode(0o600);

    /// A mode, owner and group as they come.
    pub const fn mode(mode: u32) -> Self {
        Self {
            mode,
            uid: None,
            gid: None,
        }
    }
}

/// Begins the names of temporary files and folders; a killed writer leaves them, and nothing reads them.
const TEMPORARY: &str = ".edgecert-tmp-";

/// Whether a file name is that of a temporary file or folder of ours.
pub fn is_temporary(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// A name in `folder` for something temporary, not taken a moment ago.
pub(crate) fn temporary_in(folder: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The process id tells writers apart; in a container it may be that of one killed before, hence the look.
        let path = folder.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        if path.symlink_metadata().is_err() {
            return path;
        }
    }
}

/// The folder a path lies in; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Writes a whole file; after an error the path holds what it held before.
///
/// Errors: `Exists` with [`Overwrite::Refuse`], `WrongKind` for a link, folder or device at the path, and those of
/// the file system. Effects: flushes file and folder, blocks.
pub fn write_whole(
    path: &Path,
    bytes: &[u8],
    placement: Placement,
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    write_whole_on(&Disk::new(), path, bytes, placement, overwrite)
}

/// Writes a whole file over whatever file lies there, and carries over what that one has beside mode and owner: its
/// label, and its access list where its owner stays the same. A link at the path is refused.
///
/// Errors and effects: those of [`write_whole`].
pub fn write_over(path: &Path, bytes: &[u8], placement: Placement) -> Result<(), StoreError> {
    let mut carried = Vec::new();
    if let Ok((there, _)) = open_regular(path, Links::Refuse, "a file") {
        carried = attributes::read(&there);
        let owner = there.metadata().map(|there| there.uid());
        let me = rustix::process::geteuid().as_raw();
        if owner.ok() != Some(placement.uid.unwrap_or(me)) {
            carried.retain(|one| !attributes::is_access_list(one));
        }
    }
    write_like(&Disk::new(), path, bytes, placement, &carried)
}

/// [`write_over`] with attributes that were read before.
pub(super) fn write_like(
    disk: &Disk,
    path: &Path,
    bytes: &[u8],
    placement: Placement,
    attributes: &[Attribute],
) -> Result<(), StoreError> {
    if let Ok(there) = path.symlink_metadata()
        && !there.is_file()
    {
        return Err(wrong_kind(path, &there, "a file"));
    }
    let folder = folder_of(path);
    let temporary = write_temporary_like(disk, folder, bytes, placement, attributes)
        .map_err(|error| error.named_after(path))?;
    if let Err(error) = disk.rename(&temporary, path) {
        let _ = disk.remove_file(&temporary);
        return Err(error);
    }
    disk.sync_folder(folder)
}

/// [`write_whole`] of a new file, mode 0600, never over another: for keys.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_whole(path, bytes, Placement::PRIVATE, Overwrite::Refuse)
}

/// [`write_whole`] through a given disk.
pub fn write_whole_on(
    disk: &Disk,
    path: &Path,
    bytes: &[u8],
    placement: Placement,
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    let resolved;
    let path = match path.symlink_metadata() {
        Ok(_) if overwrite == Overwrite::Refuse => {
            return Err(StoreError::Exists {
                path: path.to_path_buf(),
            });
        }
        Ok(there) if there.file_type().is_symlink() && overwrite == Overwrite::ReplaceTarget => {
            resolved = fs::canonicalize(path)
                .map_err(|source| StoreError::io("follow the link", path, source))?;
            resolved.as_path()
        }
        Ok(there) if !there.is_file() => return Err(wrong_kind(path, &there, "a file")),
        Ok(_) | Err(_) => path,
    };
    let folder = folder_of(path);
    let temporary =
        write_temporary(disk, folder, bytes, placement).map_err(|error| error.named_after(path))?;
    let placed = match overwrite {
        Overwrite::Refuse => disk.rename_new(&temporary, path),
        Overwrite::Replace | Overwrite::ReplaceTarget => disk.rename(&temporary, path),
    };
    if let Err(error) = placed {
        let _ = disk.remove_file(&temporary);
        return Err(error);
    }
    disk.sync_folder(folder)
}

/// Writes several new files of one folder, or none of them: mode 0600 or as given, never over another file.
///
/// All are written under temporary names first, so that neither a full disk nor an existing file leaves a part of
/// them. A kill between the last renames can leave the first ones: name the key first, it is the one that counts.
pub fn write_together(folder: &Path, files: &[(&str, &[u8], Placement)]) -> Result<(), StoreError> {
    let disk = Disk::new();
    for (name, _, _) in files {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Exists { path });
        }
    }
    let mut written: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut placed: Vec<PathBuf> = Vec::new();
    let outcome = files
        .iter()
        .try_for_each(|(name, bytes, placement)| {
            let temporary = write_temporary(&disk, folder, bytes, *placement)
                .map_err(|error| error.named_after(&folder.join(name)))?;
            written.push((temporary, folder.join(name)));
            Ok(())
        })
        .and_then(|()| {
            written.iter().try_for_each(|(temporary, path)| {
                disk.rename_new(temporary, path)?;
                placed.push(path.clone());
                Ok(())
            })
        })
        .and_then(|()| disk.sync_folder(folder));
    if outcome.is_err() {
        for path in placed {
            let _ = disk.remove_file(&path);
        }
        for (temporary, _) in written {
            if temporary.symlink_metadata().is_ok() {
                let _ = disk.remove_file(&temporary);
            }
        }
    }
    outcome
}

/// Removes temporary files of ours, left by a killed writer, from a folder that nobody writes to now.
pub fn remove_leftovers(disk: &Disk, folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut removed = Vec::new();
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(removed),
        Err(source) => return Err(StoreError::io("read", folder, source)),
    };
    for entry in listed {
        let entry = entry.map_err(|source| StoreError::io("read", folder, source))?;
        if is_temporary(&entry.file_name()) {
            remove_any(disk, &entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// Removes whatever lies at the path.
pub(crate) fn remove_any(disk: &Disk, path: &Path) -> Result<(), StoreError> {
    let there = path
        .symlink_metadata()
        .map_err(|source| StoreError::io("read", path, source))?;
    if there.is_dir() {
        disk.remove_tree(path)
    } else {
        disk.remove_file(path)
    }
}

/// Writes a file under a temporary name, to be renamed or removed by the caller.
pub(crate) fn write_temporary(
    disk: &Disk,
    folder: &Path,
    bytes: &[u8],
    placement: Placement,
) -> Result<PathBuf, StoreError> {
    write_temporary_like(disk, folder, bytes, placement, &[])
}

fn write_temporary_like(
    disk: &Disk,
    folder: &Path,
    bytes: &[u8],
    placement: Placement,
    attributes: &[Attribute],
) -> Result<PathBuf, StoreError> {
    let path = temporary_in(folder);
    let mut file = disk.create_new(&path)?;
    let filled = fill(disk, &mut file, &path, bytes, placement, attributes);
    if filled.is_err() {
        let _ = disk.remove_file(&path);
    }
    filled.map(|()| path)
}

/// Creates a file that must not be there and fills it, where the folder around it is not yet to be seen.
pub(crate) fn create_filled(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = disk.create_new(path)?;
    fill(disk, &mut file, path, bytes, Placement::PRIVATE, &[])
}

/// [`create_filled`] without the flush: the caller flushes the whole file system before the folder is seen.
pub(crate) fn create_unflushed(disk: &Disk, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = disk.create_new(path)?;
    disk.write(&mut file, path, bytes)
}

fn fill(
    disk: &Disk,
    file: &mut File,
    path: &Path,
    bytes: &[u8],
    placement: Placement,
    attributes: &[Attribute],
) -> Result<(), StoreError> {
    disk.write(file, path, bytes)?;
    let made = file
        .metadata()
        .map_err(|source| StoreError::io("read", path, source))?;
    let uid = placement.uid.filter(|uid| *uid != made.uid());
    let gid = placement.gid.filter(|gid| *gid != made.gid());
    if uid.is_some() || gid.is_some() {
        // Before the mode: a change of owner takes setuid bits away, and a wider mode must not meet a wrong owner.
        disk.set_owner(file, path, uid, gid)?;
    }
    let around = folder_of(path).metadata().map(|folder| folder.uid());
    if placement.uid.is_some_and(|uid| around.ok() != Some(uid)) {
        // Whoever owns the folder has no say in who reads a file that is not to be his.
        attributes::take_access_list(file, path)?;
    }
    attributes::give(file, path, attributes)?;
    if !attributes.is_empty() || made.mode() & 0o7777 != placement.mode {
        disk.set_mode(file, path, placement.mode)?;
    }
    disk.sync(file, path)
}

#[cfg(test)]
mod tests {
    use super::super::disk::Fault;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("privkey.pem");
        write_private(&path, b"one").unwrap();
        let refused = write_private(&path, b"two").unwrap_err();
        assert!(refused.is_existing_file());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(names(folder.path()), ["privkey.pem"]);
    }

    #[test]
    fn the_mode_is_the_one_asked_for_and_links_are_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        write_whole(&real, b"1", Placement::mode(0o664), Overwrite::Replace).unwrap();
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o664
        );
        std::os::unix::fs::symlink("real", &link).unwrap();
        let refused = write_whole(&link, b"2", Placement::PRIVATE, Overwrite::Replace).unwrap_err();
        assert!(matches!(
            refused,
            StoreError::WrongKind {
                found: "a symbolic link",
                ..
            }
        ));
        write_whole(&link, b"3", Placement::PRIVATE, Overwrite::ReplaceTarget).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"3");
        assert!(link.symlink_metadata().unwrap().file_type().is_symlink());
    }

    #[test]
    fn a_full_disk_at_any_operation_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_private(&path, b"old").unwrap();
        for at in 1..20 {
            let disk = Disk::with_fault(Fault::NoSpace(at));
            let outcome = write_whole_on(
                &disk,
                &path,
                b"new",
                Placement::mode(0o640),
                Overwrite::Replace,
            );
            assert_eq!(names(folder.path()), ["file"], "at {at}");
            if outcome.is_ok() {
                assert_eq!(fs::read(&path).unwrap(), b"new");
                assert!(at > 3, "at {at}");
                return;
            }
            assert_eq!(fs::read(&path).unwrap(), b"old", "at {at}");
        }
        panic!("never succeeded");
    }

    #[test]
    fn several_files_are_written_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b"), "there").unwrap();
        let files: [(&str, &[u8], Placement); 2] = [
            ("a", b"1", Placement::PRIVATE),
            ("b", b"2", Placement::PRIVATE),
        ];
        assert!(
            write_together(folder.path(), &files)
                .unwrap_err()
                .is_existing_file()
        );
        assert_eq!(names(folder.path()), ["b"]);
        fs::remove_file(folder.path().join("b")).unwrap();
        write_together(folder.path(), &files).unwrap();
        assert_eq!(names(folder.path()), ["a", "b"]);
    }
}
