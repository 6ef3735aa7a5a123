//! Records as files: JSON with a limit, whole or not at all, and the names in a folder of them.

use super::StoreError;
use super::atomic::{self, Links, Overwrite, Placement};
use super::disk::Disk;
use super::layout::MAX_RECORD_BYTES;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// The names in a folder, those that are UTF-8 (ours are); none where it is missing.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, StoreError> {
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

pub(super) fn read_record<T: DeserializeOwned>(path: &Path, max: u64) -> Result<T, StoreError> {
    let bytes = atomic::read_with(path, max, Links::Refuse, "a file")?;
    serde_json::from_slice(&bytes).map_err(|error| StoreError::Corrupt {
        path: path.to_path_buf(),
        why: error.to_string(),
    })
}

pub(super) fn record_bytes<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = serde_json::to_vec_pretty(record).map_err(|error| StoreError::Corrupt {
        path: path.to_path_buf(),
        why: error.to_string(),
    })?;
    bytes.push(b'\n');
    within(path, &bytes, MAX_RECORD_BYTES)?;
    Ok(bytes)
}

pub(super) fn within(path: &Path, bytes: &[u8], limit: u64) -> Result<(), StoreError> {
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

pub(super) fn write_record<T: Serialize>(
    disk: &Disk,
    path: &Path,
    record: &T,
    overwrite: Overwrite,
) -> Result<(), StoreError> {
    let bytes = record_bytes(path, record)?;
    atomic::write_whole_on(disk, path, &bytes, Placement::PRIVATE, overwrite)
}
