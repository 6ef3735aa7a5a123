//! Where things lie in the state folder, with which modes, and by which version of the layout.
//!
//! Names from certificates never become paths: a path is made of a [`Slug`], a number or a checked request id.
//! No folder or file of the state may be a symbolic link, `live/<cert>` excepted, and that one must point to a
//! generation of its own certificate.

use super::StoreError;
use super::atomic::{self, Links, Overwrite, Placement};
use super::disk::Disk;
use crate::names::Slug;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// `layout.json`, `format`.
const FORMAT: &str = "edgecert-state";
/// `layout.json`, `version`: the newest layout known here.
pub const VERSION: u64 = 1;
/// Largest record (JSON) read or written, in bytes.
pub const MAX_RECORD_BYTES: u64 = 1024 * 1024;
/// Largest PEM file read or written, in bytes.
pub const MAX_PEM_BYTES: u64 = 16 * 1024 * 1024;

pub(crate) const REQUESTS: &str = "requests";
pub(crate) const ARCHIVE: &str = "archive";
pub(crate) const LIVE: &str = "live";
pub(crate) const ASSIGNMENTS: &str = "assignments";
pub(crate) const TRANSACTIONS: &str = "transactions";
/// Files of servers that an assignment replaced and nobody else has; made when the first are set aside.
pub(crate) const REPLACED: &str = "replaced";
/// Nothing is written there yet.
const ANCHORS: &str = "anchors";
/// The folders of a state.
pub(crate) const FOLDERS: [&str; 6] = [REQUESTS, ARCHIVE, LIVE, ASSIGNMENTS, TRANSACTIONS, ANCHORS];
pub(crate) const LOCK: &str = "lock";
pub(crate) const JOURNAL: &str = "journal.jsonl";
const LAYOUT: &str = "layout.json";
/// What the wizard was told before it was interrupted.
pub(crate) const WIZARD: &str = "wizard.toml";
/// Holds the highest request id (in `requests/`) or number (in `archive/<cert>/`) ever given, once one was removed.
pub(crate) const HIGHEST: &str = ".highest";
/// Begins the name of a folder that was removed and is not yet gone.
pub(crate) const GONE: &str = ".edgecert-gone-";
/// Begins the name of the mark that a lineage is being removed.
pub(crate) const REMOVAL: &str = ".edgecert-remove-";

pub(crate) const KEY: &str = "privkey.pem";
pub(crate) const CSR: &str = "csr.pem";
pub(crate) const REQUEST: &str = "request.json";
pub(crate) const CERT: &str = "cert.pem";
pub(crate) const CHAIN: &str = "chain.pem";
pub(crate) const FULLCHAIN: &str = "fullchain.pem";
pub(crate) const META: &str = "meta.json";

/// What commands change, by its name in the state; the first is the state itself.
pub(crate) fn written_parts() -> impl Iterator<Item = &'static str> {
    let folders = FOLDERS.into_iter().filter(|name| *name != ANCHORS);
    ["", LOCK, JOURNAL].into_iter().chain(folders)
}

#[derive(Serialize, Deserialize)]
struct Layout {
    format: String,
    version: u64,
}

/// Paths below one state folder.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) root: PathBuf,
}

impl Paths {
    pub(crate) fn request(&self, certificate: &Slug, id: &RequestId) -> PathBuf {
        self.requests(certificate).join(id.to_string())
    }

    pub(crate) fn requests(&self, certificate: &Slug) -> PathBuf {
        self.root.join(REQUESTS).join(certificate.as_str())
    }

    pub(crate) fn generation(&self, certificate: &Slug, number: u32) -> PathBuf {
        self.archive(certificate).join(number.to_string())
    }

    pub(crate) fn archive(&self, certificate: &Slug) -> PathBuf {
        self.root.join(ARCHIVE).join(certificate.as_str())
    }

    pub(crate) fn live(&self, certificate: &Slug) -> PathBuf {
        self.root.join(LIVE).join(certificate.as_str())
    }

    pub(crate) fn assignment(&self, certificate: &Slug) -> PathBuf {
        self.root
            .join(ASSIGNMENTS)
            .join(format!("{certificate}.json"))
    }

    pub(crate) fn transaction(&self, certificate: &Slug) -> PathBuf {
        self.root.join(TRANSACTIONS).join(certificate.as_str())
    }

    pub(crate) fn removal(&self, certificate: &Slug) -> PathBuf {
        self.root
            .join(TRANSACTIONS)
            .join(format!("{REMOVAL}{certificate}"))
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join(JOURNAL)
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join(LOCK)
    }

    /// Errs when a folder between the state and `path` (both included, as far as they exist) is no real folder.
    pub(crate) fn insist_on_folders(&self, path: &Path) -> Result<(), StoreError> {
        let Ok(below) = path.strip_prefix(&self.root) else {
            return Ok(());
        };
        let mut at = self.root.clone();
        for part in below.components() {
            at.push(part);
            match at.symlink_metadata() {
                Ok(there) if there.is_dir() => {}
                Ok(there) => return Err(atomic::wrong_kind(&at, &there, "a folder")),
                Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(source) => return Err(StoreError::io("read", &at, source)),
            }
        }
        Ok(())
    }

    /// Makes the folders of the state that are not there.
    pub(crate) fn make_folders(&self, disk: &Disk) -> Result<(), StoreError> {
        let mut made = false;
        for name in FOLDERS {
            let path = self.root.join(name);
            if path.symlink_metadata().is_err() {
                disk.make_folder(&path)?;
                made = true;
            }
        }
        if made {
            disk.sync_folder(&self.root)?;
        }
        Ok(())
    }

    /// Errs unless the folder is a state of a layout that is known here, with real folders in it.
    pub(crate) fn insist_on_ours(&self) -> Result<(), StoreError> {
        match self.state()? {
            State::Ours => {
                for name in FOLDERS {
                    self.insist_on_folders(&self.root.join(name))?;
                }
                for name in [LOCK, JOURNAL] {
                    let path = self.root.join(name);
                    match path.symlink_metadata() {
                        Ok(there) if !there.is_file() => {
                            return Err(atomic::wrong_kind(&path, &there, "a file"));
                        }
                        Ok(_) | Err(_) => {}
                    }
                }
                Ok(())
            }
            State::Absent | State::Empty => Err(StoreError::Missing {
                path: self.root.clone(),
            }),
            State::Foreign(found) => Err(StoreError::NotOurs {
                path: self.root.clone(),
                found,
            }),
        }
    }

    /// What lies at the root.
    pub(crate) fn state(&self) -> Result<State, StoreError> {
        match fs::metadata(&self.root) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(State::Absent);
            }
            Err(source) => return Err(StoreError::io("read", &self.root, source)),
            Ok(there) if !there.is_dir() => {
                return Err(atomic::wrong_kind(&self.root, &there, "a folder"));
            }
            Ok(_) => {}
        }
        let path = self.root.join(LAYOUT);
        match atomic::read_with(&path, MAX_RECORD_BYTES, Links::Refuse, "a file") {
            Ok(bytes) => self.judge_layout(&path, &bytes),
            Err(error) if error.is_not_found() => self.state_without_layout(),
            Err(error) => Err(error),
        }
    }

    fn judge_layout(&self, path: &Path, bytes: &[u8]) -> Result<State, StoreError> {
        let layout: Layout =
            serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt {
                path: path.to_path_buf(),
                why: error.to_string(),
            })?;
        if layout.format != FORMAT {
            Ok(State::Foreign(format!(
                "a layout.json of format {:?}",
                layout.format
            )))
        } else if layout.version > VERSION {
            Err(StoreError::NewerLayout {
                path: self.root.clone(),
                found: layout.version,
                known: VERSION,
            })
        } else {
            Ok(State::Ours)
        }
    }

    /// A folder that a killed `create` left holds at most a lock and temporary files: as good as empty.
    fn state_without_layout(&self) -> Result<State, StoreError> {
        let listed = fs::read_dir(&self.root)
            .map_err(|source| StoreError::io("read", &self.root, source))?;
        for entry in listed {
            let entry = entry.map_err(|source| StoreError::io("read", &self.root, source))?;
            let name = entry.file_name();
            if name != LOCK && !atomic::is_temporary(&name) {
                return Ok(State::Foreign(format!("{:?}", name.to_string_lossy())));
            }
        }
        Ok(State::Empty)
    }

    /// Writes `layout.json`, the last step that makes an empty folder ours.
    pub(crate) fn write_layout(&self, disk: &Disk) -> Result<(), StoreError> {
        let text = format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION}}}\n");
        atomic::write_whole_on(
            disk,
            &self.root.join(LAYOUT),
            text.as_bytes(),
            Placement::PRIVATE,
            Overwrite::Refuse,
        )
    }
}

/// What lies where a state is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    Absent,
    Empty,
    Ours,
    /// With a word on what was found.
    Foreign(String),
}

/// A request's id: a date and a counter, `2026-11-20-1`; in order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    year: u16,
    month: u8,
    day: u8,
    number: u32,
}

impl RequestId {
    /// The first-to-last ids of a day (UTC).
    pub(crate) fn new(day: time::OffsetDateTime, number: u32) -> Self {
        let day = day.to_offset(time::UtcOffset::UTC).date();
        Self {
            year: u16::try_from(day.year()).unwrap_or(0),
            month: u8::from(day.month()),
            day: day.day(),
            number,
        }
    }

    /// Parses `YYYY-MM-DD-N`, N from 1 without leading zeros.
    ///
    /// Errors: `InvalidId`.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let invalid = || StoreError::InvalidId {
            text: text.to_owned(),
        };
        let mut parts = text.splitn(4, '-');
        let mut part = |digits: std::ops::RangeInclusive<usize>| {
            let part = parts.next().ok_or_else(invalid)?;
            if !digits.contains(&part.len()) || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid());
            }
            part.parse::<u32>().map_err(|_| invalid())
        };
        let (year, month, day, number) = (part(4..=4)?, part(2..=2)?, part(2..=2)?, part(1..=9)?);
        let id = Self {
            year: u16::try_from(year).map_err(|_| invalid())?,
            month: u8::try_from(month).map_err(|_| invalid())?,
            day: u8::try_from(day).map_err(|_| invalid())?,
            number,
        };
        if number == 0 || id.to_string() != text {
            return Err(invalid());
        }
        Ok(id)
    }

    /// The counter, if the id is of the same day as `other`.
    pub(crate) fn number_on_the_day_of(&self, other: &RequestId) -> Option<u32> {
        ((self.year, self.month, self.day) == (other.year, other.month, other.day))
            .then_some(self.number)
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}-{}",
            self.year, self.month, self.day, self.number
        )
    }
}

/// A generation's number from a folder's name: from 1, no leading zeros.
pub(crate) fn parse_number(name: &str) -> Option<u32> {
    let number: u32 = name.parse().ok()?;
    (number > 0 && number.to_string() == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_dates_with_a_counter_and_nothing_else() {
        for good in ["2026-11-20-1", "2026-11-20-12345"] {
            assert_eq!(RequestId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "..",
            "2026-11-20",
            "2026-11-20-0",
            "2026-11-20-01",
            "2026-11-20-1/..",
            "../../etc",
            "2026-11-20--1",
            "2026-11-20-+1",
            "20261-1-20-1",
            "2026-11-20-1\n",
        ] {
            assert!(RequestId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(
            RequestId::parse("2026-11-20-10").unwrap() > RequestId::parse("2026-11-20-9").unwrap()
        );
    }

    #[test]
    fn generation_numbers_are_plain() {
        for (name, number) in [
            ("1", Some(1)),
            ("12", Some(12)),
            ("0", None),
            ("01", None),
            ("+1", None),
            ("x", None),
        ] {
            assert_eq!(parse_number(name), number, "{name}");
        }
    }
}
