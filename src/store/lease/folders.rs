//! Folders that appear and go whole: by one rename, with a line of the journal that is taken back with it.

use super::Lease;
use crate::store::atomic;
use crate::store::disk::Disk;
use crate::store::layout::GONE;
use crate::store::records::JournalEntry;
use crate::store::{StoreError, tidy};
use std::path::Path;

impl Lease {
    /// Builds a folder out of sight, makes it appear by one rename, journals it; takes it back where that fails.
    pub(in crate::store) fn put_folder(
        &mut self,
        folder: &Path,
        files: &[(&str, &[u8])],
        journal: impl FnOnce(&mut Self) -> Result<JournalEntry, StoreError>,
    ) -> Result<(), StoreError> {
        let disk = self.store.disk.clone();
        let around = atomic::folder_of(folder).to_path_buf();
        self.store.paths.insist_on_folders(&around)?;
        let above = atomic::folder_of(&around);
        let new = around.symlink_metadata().is_err();
        if new {
            disk.make_folder(&around)?;
        }
        let temporary = atomic::temporary_in(&around);
        let mut placed = false;
        let outcome = build(&disk, &temporary, files)
            .and_then(|()| disk.rename_new(&temporary, folder))
            .and_then(|()| {
                placed = true;
                disk.sync_folder(&around)
            })
            .and_then(|()| if new { disk.sync_folder(above) } else { Ok(()) })
            .and_then(|()| journal(self).map(drop));
        if outcome.is_err() {
            if placed {
                // Out of sight by one rename.
                let _ = disk.rename(folder, &temporary);
            }
            let _ = atomic::remove_any(&disk, &temporary);
            if new {
                let _ = disk.remove_folder(&around);
            }
        }
        outcome
    }

    /// Renames a folder out of sight, journals it, removes it; puts it back where it cannot be journalled.
    pub(in crate::store) fn remove_folder(
        &mut self,
        folder: &Path,
        journal: impl FnOnce(&mut Self) -> Result<JournalEntry, StoreError>,
    ) -> Result<(), StoreError> {
        let disk = self.store.disk.clone();
        let around = atomic::folder_of(folder).to_path_buf();
        self.store.paths.insist_on_folders(folder)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        // With the number of its journal line, so that the next lease sees whether that was written.
        let gone = around.join(format!("{GONE}{}.{name}", self.journal.next_seq()));
        disk.rename(folder, &gone)?;
        let noted = disk
            .sync_folder(&around)
            .and_then(|()| journal(self).map(drop));
        if let Err(error) = noted {
            disk.rename(&gone, folder)?;
            return Err(error);
        }
        // Removed already for everyone; what is left is swept by the next lease.
        let _ = disk.remove_tree(&gone);
        tidy::drop_empty(&disk, &around);
        Ok(())
    }
}

fn build(disk: &Disk, folder: &Path, files: &[(&str, &[u8])]) -> Result<(), StoreError> {
    disk.make_folder(folder)?;
    for (name, bytes) in files {
        atomic::create_filled(disk, &folder.join(name), bytes)?;
    }
    disk.sync_folder(folder)
}
