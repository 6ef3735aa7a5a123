//! Files read with a limit: regular files only, never more than the limit, and a FIFO does not block.

use crate::store::StoreError;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Whether a symbolic link at the very end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Refuse,
}

/// Reads a regular file of at most `max` bytes, following links.
///
/// Errors: `TooLarge` by the size it says it has and by the bytes it really has, `WrongKind` for folders, FIFOs,
/// sockets and devices (none of them blocks).
pub fn read_limited(path: &Path, max: u64) -> Result<Vec<u8>, StoreError> {
    read_with(path, max, Links::Follow, "a file")
}

/// [`read_limited`] for secrets: zeroised when dropped.
pub fn read_secret(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    read_limited(path, max).map(Zeroizing::new)
}

pub(crate) fn read_with(
    path: &Path,
    max: u64,
    links: Links,
    wanted: &'static str,
) -> Result<Vec<u8>, StoreError> {
    let (file, size) = open_regular(path, links, wanted)?;
    read_open(file, size, path, max)
}

/// Reads a file that was opened as regular; `size` is what it says it has.
pub(crate) fn read_open(
    file: File,
    size: u64,
    path: &Path,
    max: u64,
) -> Result<Vec<u8>, StoreError> {
    if size > max {
        return Err(StoreError::TooLarge {
            path: path.to_path_buf(),
            size: Some(size),
            limit: max,
        });
    }
    // Reserved in one piece, so that no half of a secret is left behind by a growing buffer.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| StoreError::io("read", path, source))?;
    if bytes.len() as u64 > max {
        return Err(StoreError::TooLarge {
            path: path.to_path_buf(),
            size: None,
            limit: max,
        });
    }
    Ok(bytes)
}

/// Opens a regular file to be read piece by piece, with its size; links are followed.
///
/// Errors: `WrongKind` for folders, FIFOs, sockets and devices.
pub fn open_to_read(path: &Path) -> Result<(File, u64), StoreError> {
    open_regular(path, Links::Follow, "a file")
}

/// Opens a regular file for reading, with its size.
pub(crate) fn open_regular(
    path: &Path,
    links: Links,
    wanted: &'static str,
) -> Result<(File, u64), StoreError> {
    // Looked at before it is opened: to open some devices is to start them.
    let there = match links {
        Links::Refuse => path.symlink_metadata(),
        Links::Follow => path.metadata(),
    };
    let there = there.map_err(|source| StoreError::io("read", path, source))?;
    if !there.is_file() {
        return Err(wrong_kind(path, &there, wanted));
    }
    let mut flags = rustix::fs::OFlags::NONBLOCK;
    if links == Links::Refuse {
        flags |= rustix::fs::OFlags::NOFOLLOW;
    }
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let file = opened.map_err(|source| StoreError::io("read", path, source))?;
    let there = file
        .metadata()
        .map_err(|source| StoreError::io("read", path, source))?;
    if there.is_file() {
        Ok((file, there.len()))
    } else {
        Err(wrong_kind(path, &there, wanted))
    }
}

/// Opens a folder, links followed, to lock or to flush it. What is none is an error at once: a FIFO does not block.
pub(crate) fn open_folder(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
}

pub(crate) fn wrong_kind(path: &Path, there: &fs::Metadata, wanted: &'static str) -> StoreError {
    let kind = there.file_type();
    let found = if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    };
    StoreError::WrongKind {
        path: path.to_path_buf(),
        found,
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_or_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert!(matches!(
            read_limited(&fifo, 10),
            Err(StoreError::WrongKind {
                found: "a FIFO",
                ..
            })
        ));
        assert!(matches!(
            read_limited(folder.path(), 10),
            Err(StoreError::WrongKind {
                found: "a folder",
                ..
            })
        ));
        assert!(matches!(
            read_limited(Path::new("/dev/zero"), 10),
            Err(StoreError::WrongKind {
                found: "a device",
                ..
            })
        ));
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(1 << 30).unwrap();
        assert!(matches!(
            read_limited(&large, 100),
            Err(StoreError::TooLarge {
                size: Some(0x4000_0000),
                limit: 100,
                ..
            })
        ));
        // Says 0 bytes and has more.
        assert!(matches!(
            read_limited(Path::new("/proc/self/status"), 10),
            Err(StoreError::TooLarge {
                size: None,
                limit: 10,
                ..
            })
        ));
        let fits = folder.path().join("fits");
        fs::write(&fits, "0123456789").unwrap();
        assert_eq!(read_limited(&fits, 10).unwrap(), b"0123456789");
    }
}
