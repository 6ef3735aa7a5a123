//! The key of the next request, made ahead of it: so that TLSA and POSH records can name it before it is served.
//!
//! At most one for each certificate, in `requests/CERT/next/`, kept and encrypted like the key of a pending request.
//! The next request takes it; a request or a generation that has it is what ends it.

use super::atomic;
use super::layout::{KEY, MAX_PEM_BYTES, MAX_RECORD_BYTES};
use super::lease::{Lease, detail, slug};
use super::record_files::{read_record, record_bytes, within};
use super::records::NextKeyRecord;
use super::{Store, StoreError};
use crate::names::Slug;
use serde_json::{Map, Value};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The folder's name, where requests have their ids.
pub(super) const NEXT: &str = "next";

/// Its record.
const RECORD: &str = "next.json";

impl Store {
    /// What is known of the certificate's next key, where one was made ahead.
    pub fn next_key(&self, certificate: &Slug) -> Result<Option<NextKeyRecord>, StoreError> {
        let folder = self.next_key_path(certificate);
        self.paths.insist_on_folders(&folder)?;
        match read_record(&folder.join(RECORD), MAX_RECORD_BYTES) {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its PEM, as it was put.
    pub fn next_key_pem(&self, certificate: &Slug) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.read_pem(&self.next_key_path(certificate), KEY)
            .map(Zeroizing::new)
    }

    /// Where it lies, to be shown to a person.
    pub fn next_key_path(&self, certificate: &Slug) -> PathBuf {
        self.paths.requests(certificate).join(NEXT)
    }

    /// Whether a request or a generation has the next key, so that it is no longer one.
    pub(super) fn is_next_key_taken(
        &self,
        certificate: &Slug,
        next: &NextKeyRecord,
    ) -> Result<bool, StoreError> {
        for id in self.request_ids(certificate)? {
            if let Ok(record) = self.read_request(certificate, &id)
                && record.spki_sha256 == next.spki_sha256
            {
                return Ok(true);
            }
        }
        Ok(self
            .generation_numbers(certificate)?
            .into_iter()
            .filter_map(|number| self.generation(certificate, number).ok())
            .any(|record| record.leaf.spki_sha256 == next.spki_sha256))
    }

    /// Takes it away: out of sight by one rename. A request has it by now, so nothing is lost.
    pub(super) fn drop_next_key(&self, certificate: &Slug) -> Result<(), StoreError> {
        let around = self.paths.requests(certificate);
        let temporary = atomic::temporary_in(&around);
        self.disk.rename(&around.join(NEXT), &temporary)?;
        self.disk.sync_folder(&around)?;
        // What is left of it is swept by the next lease.
        let _ = atomic::remove_any(&self.disk, &temporary);
        Ok(())
    }
}

impl Lease {
    /// Keeps a key for the next request of the certificate. Journalled as `prepare-key`.
    ///
    /// Errors: `Exists` where there is one already.
    pub fn put_next_key(
        &mut self,
        record: &NextKeyRecord,
        key_pem: &[u8],
    ) -> Result<(), StoreError> {
        let certificate = slug(&record.certificate)?;
        let folder = self.store.next_key_path(&certificate);
        within(&folder.join(KEY), key_pem, MAX_PEM_BYTES)?;
        let text = record_bytes(&folder.join(RECORD), record)?;
        self.put_folder(&folder, &[(KEY, key_pem), (RECORD, &text)], |lease| {
            lease.journal("prepare-key", Some(&certificate), next_key_detail(record))
        })
    }

    /// Removes the next key. Journalled as `request-cancel` of the request `next`.
    ///
    /// Errors: `NoSuchRequest` where there is none.
    pub fn cancel_next_key(&mut self, certificate: &Slug) -> Result<NextKeyRecord, StoreError> {
        let Some(record) = self.store.next_key(certificate)? else {
            return Err(StoreError::NoSuchRequest {
                id: format!("{certificate}/{NEXT}"),
            });
        };
        let folder = self.store.next_key_path(certificate);
        self.remove_folder(&folder, |lease| {
            let facts = detail([("request", Value::from(NEXT))]);
            lease.journal("request-cancel", Some(certificate), facts)
        })?;
        Ok(record)
    }
}

/// What the journal says of it.
pub(super) fn next_key_detail(record: &NextKeyRecord) -> Map<String, Value> {
    detail([
        ("key_type", record.key_type.clone().into()),
        ("spki_sha256", record.spki_sha256.clone().into()),
    ])
}
