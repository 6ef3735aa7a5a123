//! What was done, by whom and when: one JSON object a line, each with the hash of the line before.
//!
//! Appended and flushed, never rewritten, but for a torn last line, which the next writer cuts and journals. The
//! chain shows a changed, lost or added line in the middle; it is no proof against one who rewrites the whole file.

use super::StoreError;
use super::atomic::{self, Links};
use super::disk::Disk;
use super::records::{JournalEntry, cut_time};
use crate::explain::printable;
use crate::x509::Fingerprint;
use serde_json::{Map, Value};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// Longest line, in bytes with its line end.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Most entries kept in memory by `read`; `read_each` has no such limit.
pub const MAX_ENTRIES: usize = 1_000_000;
/// A command reads its clock once, and may then make a key and wait for the lock while others write: only more than
/// this is a clock that is behind.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 60;
const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Whether the chain holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalState {
    /// Every line follows from the one before.
    Intact,
    /// The last line is not whole: a writer was killed. The next one cuts it.
    TornLastLine,
    /// The chain breaks.
    Broken {
        /// The first line at fault, from 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// The clock was behind the line before, by more than [`CLOCK_TOLERANCE_SECONDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStep {
    /// The entry.
    pub seq: u64,
    /// How far behind, in seconds.
    pub seconds: i64,
}

/// The journal, read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalReading {
    /// In file order, up to the first line that cannot be parsed.
    pub entries: Vec<JournalEntry>,
    /// Whether the chain holds.
    pub state: JournalState,
    /// Where time went backwards.
    pub clock_steps: Vec<ClockStep>,
}

/// Reads the journal; a missing one is empty.
///
/// Errors: `TooLarge` over [`MAX_ENTRIES`] entries, and those of the file system.
pub(crate) fn read(path: &Path) -> Result<JournalReading, StoreError> {
    let mut entries = Vec::new();
    let mut clock_steps: Vec<ClockStep> = Vec::new();
    let mut last: Option<OffsetDateTime> = None;
    let state = read_each(path, |entry| {
        if let Some(seconds) = last.and_then(|last| behind(last, entry.time)) {
            clock_steps.push(ClockStep {
                seq: entry.seq,
                seconds,
            });
        }
        last = Some(entry.time);
        if entries.len() < MAX_ENTRIES {
            entries.push(entry);
            true
        } else {
            false
        }
    })?;
    match state {
        Some(state) => Ok(JournalReading {
            entries,
            state,
            clock_steps,
        }),
        None => Err(StoreError::TooLarge {
            path: path.to_path_buf(),
            size: None,
            limit: MAX_ENTRIES as u64,
        }),
    }
}

/// Hands every entry over as it is read; `take` says whether to go on. `None` when it did not.
pub(crate) fn read_each(
    path: &Path,
    mut take: impl FnMut(JournalEntry) -> bool,
) -> Result<Option<JournalState>, StoreError> {
    let file = match atomic::open_regular(path, Links::Refuse, "a file") {
        Ok((file, _)) => file,
        Err(error) if error.is_not_found() => return Ok(Some(JournalState::Intact)),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file);
    let (mut number, mut prev) = (0u64, GENESIS.to_owned());
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = reader
            .by_ref()
            .take(MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| StoreError::io("read", path, source))?;
        if read == 0 {
            return Ok(Some(JournalState::Intact));
        }
        number += 1;
        let broken = |why: String| Ok(Some(JournalState::Broken { line: number, why }));
        if read as u64 > MAX_LINE_BYTES {
            return broken(format!("it is longer than {MAX_LINE_BYTES} bytes"));
        }
        let Some(line) = bytes.strip_suffix(b"\n") else {
            return Ok(Some(JournalState::TornLastLine));
        };
        let entry: JournalEntry = match serde_json::from_slice(line) {
            Ok(entry) => entry,
            Err(error) => {
                let at_end = reader
                    .fill_buf()
                    .map_err(|source| StoreError::io("read", path, source))?
                    .is_empty();
                return if at_end {
                    Ok(Some(JournalState::TornLastLine))
                } else {
                    broken(format!("it is no entry: {error}"))
                };
            }
        };
        if entry.prev != prev {
            return broken("its hash of the line before is not that line's hash".to_owned());
        }
        if entry.seq != number {
            return broken(format!("its number is {}, not {number}", entry.seq));
        }
        prev = hash(line);
        if !take(entry) {
            return Ok(None);
        }
    }
}

/// The journal, open for appending; made only under the lock.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    disk: Disk,
    /// `None` until the first line is written.
    file: Option<File>,
    length: u64,
    seq: u64,
    prev: String,
    last: Option<OffsetDateTime>,
    /// What was cut when it was opened: bytes, and their hash.
    pub(crate) cut: Option<(u64, String)>,
}

impl Writer {
    /// Finds the end of the journal and cuts a torn last line. Only the end of the file is read.
    pub(crate) fn open(disk: &Disk, path: &Path) -> Result<Self, StoreError> {
        let mut writer = Self {
            path: path.to_path_buf(),
            disk: disk.clone(),
            file: None,
            length: 0,
            seq: 0,
            prev: GENESIS.to_owned(),
            last: None,
            cut: None,
        };
        let size = match atomic::open_regular(path, Links::Refuse, "a file") {
            Ok((_, size)) => size,
            Err(error) if error.is_not_found() => return Ok(writer),
            Err(error) => return Err(error),
        };
        let mut file = open_append(path)?;
        // Twice the longest line: the last whole one stands in it, even after a torn one.
        let window = size.min(MAX_LINE_BYTES * 2);
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(size - window))
            .and_then(|_| file.by_ref().take(window).read_to_end(&mut tail))
            .map_err(|source| StoreError::io("read", path, source))?;
        let whole = tail
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut keep = whole;
        let mut last = last_line(&tail, keep);
        let mut entry = last.and_then(parse);
        if last.is_some() && entry.is_none() {
            // Whole by its line end, and yet no entry: blocks of a crashed file system.
            keep -= last.map_or(0, |line| line.len() + 1);
            last = last_line(&tail, keep);
            entry = last.and_then(parse);
        }
        match (last, entry) {
            (Some(line), Some(entry)) => {
                writer.seq = entry.seq;
                writer.prev = hash(line);
                writer.last = Some(entry.time);
            }
            (None, _) if size - window + keep as u64 == 0 => {}
            (Some(_) | None, _) => {
                return Err(StoreError::Corrupt {
                    path: path.to_path_buf(),
                    why: "its last two lines are no entries, so nothing can be chained to them"
                        .to_owned(),
                });
            }
        }
        let torn = tail.get(keep..).unwrap_or_default();
        writer.length = size - torn.len() as u64;
        if !torn.is_empty() {
            disk.truncate(&file, path, writer.length)?;
            disk.sync(&file, path)?;
            writer.cut = Some((torn.len() as u64, hash(torn)));
        }
        writer.file = Some(file);
        Ok(writer)
    }

    /// The number of the line to come.
    pub(crate) fn next_seq(&self) -> u64 {
        self.seq + 1
    }

    /// Seconds by which `now` lies behind the last line, over the tolerance.
    pub(crate) fn clock_behind(&self, now: OffsetDateTime) -> Option<i64> {
        self.last.and_then(|last| behind(last, now))
    }

    /// Appends one line and flushes it; after an error the file is as it was.
    pub(crate) fn append(
        &mut self,
        time: OffsetDateTime,
        actor: &str,
        action: &str,
        certificate: Option<&str>,
        detail: Map<String, Value>,
    ) -> Result<JournalEntry, StoreError> {
        let mut detail = clean_map(detail);
        if let Some(seconds) = self.clock_behind(time) {
            detail.insert("clock_behind".to_owned(), Value::from(seconds));
        }
        let entry = JournalEntry {
            seq: self.seq + 1,
            time: cut_time(time),
            actor: printable(actor),
            action: printable(action),
            certificate: certificate.map(printable),
            detail,
            prev: self.prev.clone(),
        };
        let mut line = serde_json::to_vec(&entry).map_err(|error| StoreError::Corrupt {
            path: self.path.clone(),
            why: error.to_string(),
        })?;
        if line.len() as u64 >= MAX_LINE_BYTES {
            return Err(StoreError::TooLarge {
                path: self.path.clone(),
                size: Some(line.len() as u64),
                limit: MAX_LINE_BYTES,
            });
        }
        let prev = hash(&line);
        line.push(b'\n');
        if self.file.is_none() {
            match self.disk.create_new(&self.path) {
                // There and empty: what follows here failed before.
                Ok(_) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
            let made = open_append(&self.path)?;
            self.disk.sync_folder(atomic::folder_of(&self.path))?;
            self.file = Some(made);
        }
        if let Some(file) = &mut self.file {
            let written = self
                .disk
                .write(file, &self.path, &line)
                .and_then(|()| self.disk.sync(file, &self.path));
            if written.is_err() {
                let _ = self.disk.truncate(file, &self.path, self.length);
            }
            written?;
        }
        self.length += line.len() as u64;
        self.seq = entry.seq;
        self.prev = prev;
        self.last = Some(entry.time);
        Ok(entry)
    }
}

fn open_append(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(|source| StoreError::io("open", path, source))
}

/// The line that ends (with its line end) at `end`, without the line end; `None` at the beginning, or when it begins
/// before what was read.
fn last_line(tail: &[u8], end: usize) -> Option<&[u8]> {
    tail.get(..end)?.strip_suffix(b"\n").map(|before| {
        let begin = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        before.get(begin..).unwrap_or_default()
    })
}

fn parse(line: &[u8]) -> Option<JournalEntry> {
    serde_json::from_slice(line).ok()
}

fn behind(last: OffsetDateTime, now: OffsetDateTime) -> Option<i64> {
    let seconds = (last - now).whole_seconds();
    (seconds > CLOCK_TOLERANCE_SECONDS).then_some(seconds)
}

fn hash(line: &[u8]) -> String {
    crate::explain::hex(Fingerprint::of(line).as_bytes())
}

fn clean_map(map: Map<String, Value>) -> Map<String, Value> {
    map.into_iter()
        .map(|(key, value)| (printable(&key), clean(value)))
        .collect()
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text)),
        Value::Array(values) => Value::Array(values.into_iter().map(clean).collect()),
        Value::Object(map) => Value::Object(clean_map(map)),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

#[cfg(test)]
mod tests;
