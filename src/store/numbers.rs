//! Which id a request gets and which number a generation: each is given once, even when what had it is gone.
//!
//! The highest one is noted (`.highest`) before the one that has it is removed; else the folders tell.

use super::atomic::{self, Links, Overwrite, Placement};
use super::layout::{self, HIGHEST, REQUESTS, RequestId};
use super::{Store, StoreError};
use crate::names::Slug;
use std::path::Path;
use time::OffsetDateTime;

/// Largest `.highest` file read, in bytes.
const MAX_HIGHEST_BYTES: u64 = 64;

/// The next id of a day. `last` is the one given before under the same lease, so that thousands of requests do not
/// list the ledger each.
pub(super) fn next_request_id(
    store: &Store,
    day: OffsetDateTime,
    last: Option<RequestId>,
) -> Result<RequestId, StoreError> {
    let first = RequestId::new(day, 1);
    let mut used = 0;
    let mut see = |id: &RequestId| {
        used = used.max(id.number_on_the_day_of(&first).unwrap_or(0));
    };
    match last {
        Some(last) if last.number_on_the_day_of(&first).is_some() => see(&last),
        Some(_) | None => {
            for certificate in store.certificates()? {
                store.request_ids(&certificate)?.iter().for_each(&mut see);
            }
            if let Some(text) = highest(&store.paths.root.join(REQUESTS))? {
                // Unreadable: as if it were not there; ids in use are seen above.
                RequestId::parse(&text).iter().for_each(&mut see);
            }
        }
    }
    Ok(RequestId::new(day, used.saturating_add(1)))
}

/// The next number of a certificate's generations.
pub(super) fn next_number(store: &Store, certificate: &Slug) -> Result<u32, StoreError> {
    let there = store.generation_numbers(certificate)?.last().copied();
    let noted =
        highest(&store.paths.archive(certificate))?.and_then(|text| layout::parse_number(&text));
    Ok(there.max(noted).unwrap_or(0).saturating_add(1))
}

/// Notes the id of a request that is about to be removed.
pub(super) fn note_request(store: &Store, id: RequestId) -> Result<(), StoreError> {
    let folder = store.paths.root.join(REQUESTS);
    let noted = highest(&folder)?.and_then(|text| RequestId::parse(&text).ok());
    if noted.is_some_and(|noted| noted >= id) {
        return Ok(());
    }
    note(store, &folder, &id.to_string())
}

/// Notes the number of a generation that is about to be removed.
pub(super) fn note_generation(
    store: &Store,
    certificate: &Slug,
    number: u32,
) -> Result<(), StoreError> {
    if next_number(store, certificate)? != number.saturating_add(1) {
        return Ok(());
    }
    note(
        store,
        &store.paths.archive(certificate),
        &number.to_string(),
    )
}

fn highest(folder: &Path) -> Result<Option<String>, StoreError> {
    let path = folder.join(HIGHEST);
    match atomic::read_with(&path, MAX_HIGHEST_BYTES, Links::Refuse, "a file") {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn note(store: &Store, folder: &Path, text: &str) -> Result<(), StoreError> {
    atomic::write_whole_on(
        &store.disk,
        &folder.join(HIGHEST),
        text.as_bytes(),
        Placement::PRIVATE,
        Overwrite::Replace,
    )
}
