//! What is wrong with a state at rest, for `doctor`: looked at, not changed. Not the journal, whose reading tells its own
//! state.

use super::atomic;
use super::layout::{FOLDERS, GONE, KEY, REMOVAL, TRANSACTIONS};
use super::record_files::list;
use super::records::RequestState;
use super::{Store, StoreError};
use crate::explain::{Explain, printable};
use crate::names::Slug;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Deepest folder looked into below the state.
const MAX_DEPTH: usize = 6;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable, kebab-case: `store.mode`, `store.live-nowhere` …
    pub code: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What is wrong, fit to be shown.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

pub(super) fn look(store: &Store) -> Result<Vec<Problem>, StoreError> {
    let mut problems = Vec::new();
    let root = store.folder();
    look_at_modes(root, 0, &mut problems)?;
    for name in FOLDERS {
        let path = root.join(name);
        if path.symlink_metadata().is_err() {
            add(
                &mut problems,
                "store.folder-missing",
                &path,
                "a folder of the state is missing",
                "the next command that writes makes it; if something lay in it, restore it from a backup",
            );
        }
    }
    for certificate in store.certificates()? {
        look_at_generations(store, &certificate, &mut problems)?;
        look_at_requests(store, &certificate, &mut problems)?;
    }
    for name in list(&store.paths.root.join("assignments"))? {
        if !name.ends_with(".json") && !name.starts_with('.') {
            let path = store.paths.root.join("assignments").join(name);
            add(
                &mut problems,
                "store.stranger",
                &path,
                "it is none of ours",
                "move it away",
            );
        }
    }
    for intent in store.intents()? {
        let what = format!(
            "the assignment of {}/{} was begun and not ended",
            printable(&intent.certificate),
            intent.to
        );
        let mend = format!(
            "`edgecert assign {}` finishes it or puts everything back",
            printable(&intent.certificate)
        );
        add(
            &mut problems,
            "store.unfinished",
            &root.join(TRANSACTIONS),
            &what,
            &mend,
        );
    }
    Ok(problems)
}

fn add(problems: &mut Vec<Problem>, code: &'static str, path: &Path, what: &str, mend: &str) {
    problems.push(Problem {
        code,
        path: path.to_path_buf(),
        what: what.to_owned(),
        mend: mend.to_owned(),
    });
}

fn add_error(problems: &mut Vec<Problem>, path: &Path, error: &StoreError) {
    let told = error.explain();
    add(
        problems,
        told.code,
        path,
        &format!("{}: {}", told.what, told.why),
        &told.mend,
    );
}

/// Nobody but the owner may read the folders, nor any file that holds a key; leftovers wait to be swept.
fn look_at_modes(
    folder: &Path,
    depth: usize,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    let own = fs::metadata(folder).map_err(|source| StoreError::io("read", folder, source))?;
    if own.mode() & 0o077 != 0 {
        let what = format!(
            "others may enter it (mode {:04o}, wanted 0700)",
            own.mode() & 0o7777
        );
        let mend = format!("`chmod 0700 {}`", printable(&folder.to_string_lossy()));
        add(problems, "store.mode", folder, &what, &mend);
    }
    let listed = fs::read_dir(folder).map_err(|source| StoreError::io("read", folder, source))?;
    for entry in listed {
        let entry = entry.map_err(|source| StoreError::io("read", folder, source))?;
        let path = entry.path();
        let Ok(there) = path.symlink_metadata() else {
            continue;
        };
        let name = entry.file_name();
        let left = [GONE, REMOVAL]
            .iter()
            .any(|mark| name.as_encoded_bytes().starts_with(mark.as_bytes()));
        if atomic::is_temporary(&name) || left {
            add(
                problems,
                "store.leftover",
                &path,
                "a killed command left it",
                "the next command that writes removes it",
            );
        } else if there.is_dir() && depth < MAX_DEPTH {
            look_at_modes(&path, depth + 1, problems)?;
        } else if there.is_file() && there.mode() & 0o077 != 0 {
            let what = format!(
                "others may read it (mode {:04o}, wanted 0600)",
                there.mode() & 0o7777
            );
            let shown = printable(&path.to_string_lossy());
            let mend = if name == KEY {
                format!(
                    "`chmod 0600 {shown}`; if others could really read this key, make a new one (`edgecert request --new-key`)"
                )
            } else {
                format!("`chmod 0600 {shown}`")
            };
            add(problems, "store.mode", &path, &what, &mend);
        }
    }
    Ok(())
}

fn look_at_generations(
    store: &Store,
    certificate: &Slug,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    let numbers = store.generation_numbers(certificate)?;
    for number in &numbers {
        let path = store.paths.generation(certificate, *number);
        if let Err(error) = store.generation(certificate, *number) {
            add_error(problems, &path, &error);
        }
        if let Err(error) = store.generation_files(certificate, *number) {
            add_error(problems, &path, &error);
        }
    }
    let live_path = store.live_path(certificate);
    let live = match store.live(certificate) {
        Ok(live) => live,
        Err(error) => {
            add_error(problems, &live_path, &error);
            return Ok(());
        }
    };
    if let Some(live) = live
        && !numbers.contains(&live)
    {
        let what = format!("it points to generation {live}, which is not there");
        let mend = format!(
            "`edgecert assign {certificate}` with a generation of `edgecert show {certificate}`"
        );
        add(problems, "store.live-nowhere", &live_path, &what, &mend);
    }
    match store.assignment(certificate) {
        Ok(assignment) => {
            let unfinished = store
                .paths
                .transaction(certificate)
                .symlink_metadata()
                .is_ok();
            if assignment.current != live && !unfinished {
                let word = |number: Option<u32>| {
                    number.map_or("none".to_owned(), |number| number.to_string())
                };
                let what = format!(
                    "live is generation {}, the assignment says {}",
                    word(live),
                    word(assignment.current)
                );
                let mend = format!(
                    "`edgecert check` tells what is served; `edgecert assign {certificate}` sets both"
                );
                add(problems, "store.live-differs", &live_path, &what, &mend);
            }
        }
        Err(error) => add_error(problems, &store.paths.assignment(certificate), &error),
    }
    Ok(())
}

fn look_at_requests(
    store: &Store,
    certificate: &Slug,
    problems: &mut Vec<Problem>,
) -> Result<(), StoreError> {
    for id in store.request_ids(certificate)? {
        let folder = store.paths.request(certificate, &id);
        let record = match store.read_request(certificate, &id) {
            Ok(record) => record,
            Err(error) => {
                add_error(problems, &folder, &error);
                continue;
            }
        };
        let has_key = list(&folder)?.iter().any(|name| name == KEY);
        match (record.state, has_key) {
            (RequestState::Pending, false) => add(
                problems,
                "store.key-missing",
                &folder,
                "the request waits for a reply, and its key is not there",
                &format!(
                    "restore privkey.pem from a backup, or `edgecert request cancel {id}` and request again"
                ),
            ),
            (RequestState::Answered, true) => add(
                problems,
                "store.key-twice",
                &folder,
                "the request is answered, and still holds its key",
                "the next command that writes takes it out, if the generation holds the same",
            ),
            (RequestState::Pending, true) | (RequestState::Answered, false) => {}
        }
    }
    Ok(())
}
