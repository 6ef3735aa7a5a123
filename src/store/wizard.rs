//! What the wizard was told before it was interrupted. It decides nothing, so no lease is needed: the last one counts.

use super::atomic::{self, Overwrite, Placement};
use super::layout::{MAX_RECORD_BYTES, WIZARD};
use super::{Store, StoreError};
use std::path::PathBuf;

impl Store {
    /// What the wizard was told before it was interrupted, as [`Store::keep_wizard`] kept it; `None`: it was not.
    ///
    /// Errors: it is over a MiB, or cannot be read.
    pub fn wizard(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match atomic::read_limited(&self.wizard_path(), MAX_RECORD_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps what the wizard was told, mode 0600.
    pub fn keep_wizard(&self, text: &str) -> Result<(), StoreError> {
        atomic::write_whole_on(
            &self.disk,
            &self.wizard_path(),
            text.as_bytes(),
            Placement::PRIVATE,
            Overwrite::Replace,
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
        self.paths.root.join(WIZARD)
    }
}
