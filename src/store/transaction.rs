//! An assignment that was begun: its intent, and the files it is about to change as they were.
//!
//! The store keeps and gives back; what the steps are, and when to go back, is for `assign`. A kept file counts once
//! its note is written, and it must be kept before it is changed: then a kill at any moment can be undone.

use super::StoreError;
use super::atomic::read_secret;
use super::atomic::{self, Links, Overwrite, Placement};
use super::attributes::{self, Attribute};
use super::disk::Disk;
use super::layout::{ARCHIVE, GONE, MAX_PEM_BYTES, MAX_RECORD_BYTES, Paths, REPLACED};
use super::record_files::{read_record, write_record};
use super::records::{AssignmentRecord, IntentRecord};
use crate::names::Slug;
use crate::x509::Fingerprint;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const INTENT: &str = "intent.json";

/// What lay at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Was {
    /// Nothing.
    Absent,
    /// A file; its bytes lie beside the note.
    File {
        mode: u32,
        uid: u32,
        gid: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attributes: Vec<Attribute>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    path: PathBuf,
    was: Was,
    /// Who owned its folder. `None`: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    around: Option<u32>,
}

/// The spare link to the generation that was live before.
const LIVE_BEFORE: &str = "live-before";

/// The assignment's record as it was before.
const RECORD_BEFORE: &str = "assignment-before.json";

/// What `live/<cert>` holds for a generation.
pub(super) fn live_target(certificate: &Slug, number: u32) -> PathBuf {
    PathBuf::from(format!("../{ARCHIVE}/{certificate}/{number}"))
}

/// An open transaction. Dropping it does not end it: only [`Transaction::finish`] does.
#[derive(Debug)]
pub struct Transaction {
    folder: PathBuf,
    disk: Disk,
    intent: IntentRecord,
    kept: Vec<Kept>,
}

impl Transaction {
    /// Begins one for a certificate; the folder appears whole.
    pub(super) fn begin(
        disk: &Disk,
        paths: &Paths,
        certificate: &Slug,
        intent: &IntentRecord,
    ) -> Result<Self, StoreError> {
        let folder = paths.transaction(certificate);
        if folder.symlink_metadata().is_ok() {
            return Err(StoreError::Unfinished {
                certificate: certificate.to_string(),
                path: folder,
            });
        }
        let intent = IntentRecord {
            id: certificate.to_string(),
            certificate: certificate.to_string(),
            ..intent.clone()
        };
        let record = match read_record(&paths.assignment(certificate), MAX_RECORD_BYTES) {
            Err(error) if error.is_not_found() => AssignmentRecord::default(),
            read => read?,
        };
        let around = atomic::folder_of(&folder);
        let temporary = atomic::temporary_in(around);
        disk.make_folder(&temporary)?;
        let before = temporary.join(RECORD_BEFORE);
        let built = write_record(disk, &temporary.join(INTENT), &intent, Overwrite::Refuse)
            .and_then(|()| write_record(disk, &before, &record, Overwrite::Refuse))
            .and_then(|()| match intent.from {
                Some(from) => disk.symlink(
                    &live_target(certificate, from),
                    &temporary.join(LIVE_BEFORE),
                ),
                None => Ok(()),
            })
            .and_then(|()| disk.rename_new(&temporary, &folder));
        if built.is_err() {
            let _ = disk.remove_tree(&temporary);
        }
        built?;
        disk.sync_folder(around)?;
        Ok(Self {
            folder,
            disk: disk.clone(),
            intent,
            kept: Vec::new(),
        })
    }

    /// The link that `live/` was before, ready to be put back by a rename, which a full disk does not hinder.
    pub(super) fn live_before(&self) -> PathBuf {
        self.folder.join(LIVE_BEFORE)
    }

    /// The assignment's record as it was, ready to be put back in the same way; not there once it was.
    pub(super) fn record_before(&self) -> PathBuf {
        self.folder.join(RECORD_BEFORE)
    }

    /// Takes up one that a killed command left.
    pub(super) fn resume(disk: &Disk, folder: PathBuf) -> Result<Self, StoreError> {
        let intent = read_intent(&folder)?;
        let mut kept = Vec::new();
        loop {
            match read_record::<Kept>(&folder.join(note_name(kept.len())), MAX_RECORD_BYTES) {
                Ok(one) => kept.push(one),
                Err(error) if error.is_not_found() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            folder,
            disk: disk.clone(),
            intent,
            kept,
        })
    }

    /// The intent as it stands on disk.
    pub fn intent(&self) -> &IntentRecord {
        &self.intent
    }

    /// Keeps what lies at an absolute path: bytes, owner and mode of a file, all of one and the same, or that there is
    /// nothing. A path kept before stays as it was first kept.
    ///
    /// Errors: `WrongKind` for links, folders, FIFOs and devices, `TooLarge` over 16 MiB.
    pub fn keep(&mut self, path: &Path) -> Result<(), StoreError> {
        let path =
            std::path::absolute(path).map_err(|source| StoreError::io("read", path, source))?;
        if self.kept.iter().any(|kept| kept.path == path) {
            return Ok(());
        }
        let number = self.kept.len();
        let was = match atomic::open_regular(&path, Links::Refuse, "a file") {
            Err(error) if error.is_not_found() => Was::Absent,
            Err(error) => return Err(error),
            Ok((file, size)) => {
                // Its owner may put another in its place at any moment: what is kept is all of this one.
                let there = file
                    .metadata()
                    .map_err(|source| StoreError::io("read", &path, source))?;
                let attributes = attributes::read(&file);
                // May be a private key of a server.
                let bytes = Zeroizing::new(atomic::read_open(file, size, &path, MAX_PEM_BYTES)?);
                atomic::write_whole_on(
                    &self.disk,
                    &self.folder.join(bytes_name(number)),
                    &bytes,
                    Placement::PRIVATE,
                    // A kill between bytes and note leaves bytes that count for nothing.
                    Overwrite::Replace,
                )?;
                Was::File {
                    mode: there.mode() & 0o777,
                    uid: there.uid(),
                    gid: there.gid(),
                    attributes,
                }
            }
        };
        let around = owner_around(&path);
        let kept = Kept { path, was, around };
        write_record(
            &self.disk,
            &self.folder.join(note_name(number)),
            &kept,
            Overwrite::Refuse,
        )?;
        self.kept.push(kept);
        Ok(())
    }

    /// The paths kept, in the order they were.
    pub fn kept(&self) -> impl Iterator<Item = &Path> {
        self.kept.iter().map(|kept| kept.path.as_path())
    }

    /// Gives every kept path back what lay there, the last first, and goes on after an error. May be run again.
    /// `stands` says whether a path still leads into the folder that it led into.
    pub fn restore(&self, stands: fn(&Path) -> bool) -> Vec<(PathBuf, Result<(), StoreError>)> {
        self.kept
            .iter()
            .enumerate()
            .rev()
            .map(|(number, kept)| (kept.path.clone(), self.restore_one(number, kept, stands)))
            .collect()
    }

    /// Gives one kept path back what lay there, as [`Self::restore`] does; does nothing for one that was not kept.
    pub fn restore_path(&self, path: &Path, stands: fn(&Path) -> bool) -> Result<(), StoreError> {
        let path =
            std::path::absolute(path).map_err(|source| StoreError::io("read", path, source))?;
        match self
            .kept
            .iter()
            .enumerate()
            .find(|(_, kept)| kept.path == path)
        {
            Some((number, kept)) => self.restore_one(number, kept, stands),
            None => Ok(()),
        }
    }

    fn restore_one(
        &self,
        number: usize,
        kept: &Kept,
        stands: fn(&Path) -> bool,
    ) -> Result<(), StoreError> {
        let path = kept.path.as_path();
        let folder = atomic::folder_of(path);
        // Whoever owns the way to it could have us write into a folder of somebody else.
        let found = if kept.around.is_some() && owner_around(path) != kept.around {
            Some("a folder of another owner")
        } else {
            (!stands(path)).then_some("a way that leads elsewhere")
        };
        if let Some(found) = found {
            return Err(StoreError::WrongKind {
                path: folder.to_path_buf(),
                found,
                wanted: "the folder that was there before",
            });
        }
        match &kept.was {
            Was::Absent => match path.symlink_metadata() {
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
                Err(source) => Err(StoreError::io("read", path, source)),
                Ok(there) if there.is_dir() => {
                    Err(atomic::wrong_kind(path, &there, "a file or nothing"))
                }
                Ok(_) => {
                    self.disk.remove_file(path)?;
                    self.disk.sync_folder(folder)
                }
            },
            Was::File {
                mode,
                uid,
                gid,
                attributes,
            } => {
                let bytes = Zeroizing::new(atomic::read_with(
                    &self.folder.join(bytes_name(number)),
                    MAX_PEM_BYTES,
                    Links::Refuse,
                    "a file",
                )?);
                // A link that was put there since gives way to the file that was there.
                if path
                    .symlink_metadata()
                    .is_ok_and(|there| there.file_type().is_symlink())
                {
                    self.disk.remove_file(path)?;
                }
                let placement = Placement {
                    mode: *mode,
                    uid: Some(*uid),
                    gid: Some(*gid),
                };
                atomic::write_like(&self.disk, path, &bytes, placement, attributes)
            }
        }
    }

    /// Whether a kept file is one that none of these digests (`sha256:…`) is of: nobody else has it.
    pub fn keeps_strangers(&self, known: &[String]) -> bool {
        self.kept.iter().enumerate().any(|(number, kept)| {
            matches!(kept.was, Was::File { .. })
                && read_secret(&self.folder.join(bytes_name(number)), MAX_PEM_BYTES)
                    .is_ok_and(|bytes| !known.contains(&Fingerprint::of(&bytes).to_string()))
        })
    }

    /// Ends the transaction and sets its kept files aside under `replaced/` in the state, for a person to take back.
    /// Returns where they lie.
    pub fn set_aside(self) -> Result<PathBuf, StoreError> {
        let around = atomic::folder_of(&self.folder);
        let aside = atomic::folder_of(around).join(REPLACED);
        if aside.symlink_metadata().is_err() {
            self.disk.make_folder(&aside)?;
        }
        let moment = self.intent.started.unix_timestamp();
        let place = (0..)
            .map(|number| aside.join(format!("{}-{moment}-{number}", self.intent.certificate)))
            .find(|place| place.symlink_metadata().is_err());
        let Some(place) = place else {
            return Ok(aside);
        };
        self.disk.rename(&self.folder, &place)?;
        self.disk.sync_folder(around)?;
        self.disk.sync_folder(&aside)?;
        Ok(place)
    }

    /// Ends the transaction: the intent and the kept files are dropped, the intent first and at once.
    pub fn finish(self) -> Result<(), StoreError> {
        let around = atomic::folder_of(&self.folder);
        let gone = around.join(format!("{GONE}{}", self.intent.id));
        if gone.symlink_metadata().is_ok() {
            atomic::remove_any(&self.disk, &gone)?;
        }
        self.disk.rename(&self.folder, &gone)?;
        self.disk.sync_folder(around)?;
        // It is ended; what cannot be removed now is swept by the next lease.
        let _ = self.disk.remove_tree(&gone);
        Ok(())
    }
}

/// Who owns the folder of a path, links followed.
fn owner_around(path: &Path) -> Option<u32> {
    let folder = atomic::folder_of(path).metadata().ok()?;
    Some(folder.uid())
}

pub(super) fn read_intent(folder: &Path) -> Result<IntentRecord, StoreError> {
    let path = folder.join(INTENT);
    let intent: IntentRecord = read_record(&path, MAX_RECORD_BYTES)?;
    if folder
        .file_name()
        .is_some_and(|name| name == intent.certificate.as_str())
    {
        Ok(intent)
    } else {
        Err(StoreError::Corrupt {
            path,
            why: format!(
                "it speaks of {:?}, another certificate than its folder",
                intent.certificate
            ),
        })
    }
}

fn note_name(number: usize) -> String {
    format!("kept-{number}.json")
}

fn bytes_name(number: usize) -> String {
    format!("kept-{number}.bytes")
}
