//! What is in a state: its certificates with their requests and generations, what is live, and what was noted of it.
//! Readers never wait, and a kill at any moment leaves them the old state or the new one.

use super::atomic::{self, Links};
use super::layout::{
    self, ASSIGNMENTS, CERT, CHAIN, CSR, FULLCHAIN, KEY, MAX_PEM_BYTES, MAX_RECORD_BYTES, META,
    REQUEST, REQUESTS, RequestId, TRANSACTIONS,
};
use super::record_files::{list, read_record};
use super::records::{AssignmentRecord, GenerationRecord, IntentRecord, RequestRecord};
use super::{
    JournalEntry, JournalReading, JournalState, Problem, Store, StoreError, journal, problems,
    transaction,
};
use crate::names::Slug;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The PEM files of a generation. `Debug` says nothing of the key.
pub struct GenerationFiles {
    /// The leaf, PEM.
    pub cert: Vec<u8>,
    /// Its intermediates, PEM, nearest first; empty when there are none.
    pub chain: Vec<u8>,
    /// Leaf and intermediates, PEM.
    pub fullchain: Vec<u8>,
    /// PKCS#8, PEM, perhaps encrypted.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for GenerationFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "GenerationFiles({} bytes of chain)",
            self.fullchain.len()
        )
    }
}

impl Store {
    /// The certificates with a request, a generation or an assignment, by name.
    pub fn certificates(&self) -> Result<Vec<Slug>, StoreError> {
        let mut names = BTreeSet::new();
        for top in [REQUESTS, layout::ARCHIVE] {
            for name in list(&self.paths.root.join(top))? {
                // An empty folder is what a killed writer left.
                let any = || {
                    list(&self.paths.root.join(top).join(&name))
                        .map(|inner| inner.iter().any(|name| !name.starts_with('.')))
                };
                if let Ok(slug) = Slug::parse(&name)
                    && any()?
                {
                    names.insert(slug);
                }
            }
        }
        for name in list(&self.paths.root.join(ASSIGNMENTS))? {
            if let Some(Ok(slug)) = name.strip_suffix(".json").map(Slug::parse) {
                names.insert(slug);
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The requests of one certificate, or of all, oldest first within each.
    pub fn requests(&self, certificate: Option<&Slug>) -> Result<Vec<RequestRecord>, StoreError> {
        let certificates = match certificate {
            Some(one) => vec![one.clone()],
            None => self.certificates()?,
        };
        let mut records = Vec::new();
        for certificate in certificates {
            for id in self.request_ids(&certificate)? {
                match self.read_request(&certificate, &id) {
                    Ok(record) => records.push(record),
                    // Cancelled between the listing and now.
                    Err(StoreError::NoSuchRequest { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(records)
    }

    /// One request.
    ///
    /// Errors: `InvalidId`, `NoSuchRequest`, `Corrupt`.
    pub fn request(&self, certificate: &Slug, id: &str) -> Result<RequestRecord, StoreError> {
        self.read_request(certificate, &RequestId::parse(id)?)
    }

    /// The request of that id, whichever certificate it is for: ids are given once in a state.
    pub fn find_request(&self, id: &str) -> Result<RequestRecord, StoreError> {
        let id = RequestId::parse(id)?;
        for certificate in self.certificates()? {
            match self.read_request(&certificate, &id) {
                Err(StoreError::NoSuchRequest { .. }) => {}
                found @ (Ok(_) | Err(_)) => return found,
            }
        }
        Err(StoreError::NoSuchRequest { id: id.to_string() })
    }

    /// The request's CSR, PEM.
    pub fn request_csr(&self, certificate: &Slug, id: &str) -> Result<Vec<u8>, StoreError> {
        let id = RequestId::parse(id)?;
        self.read_pem(&self.paths.request(certificate, &id), CSR)
            .map_err(|error| no_request(error, &id))
    }

    /// The pending request's private key, PEM as it was put.
    ///
    /// Errors: `Answered` when the key has moved to a generation.
    pub fn request_key(
        &self,
        certificate: &Slug,
        id: &str,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let id = RequestId::parse(id)?;
        match self.read_pem(&self.paths.request(certificate, &id), KEY) {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(error) if error.is_not_found() => {
                let record = self.read_request(certificate, &id)?;
                Err(match record.answered_by {
                    Some(generation) => StoreError::Answered {
                        certificate: certificate.to_string(),
                        id: id.to_string(),
                        generation,
                    },
                    None => error,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Where a request's files lie (`csr.pem`, `privkey.pem`), to be shown to a person.
    pub fn request_path(&self, certificate: &Slug, id: &str) -> Result<PathBuf, StoreError> {
        Ok(self.paths.request(certificate, &RequestId::parse(id)?))
    }

    /// The generations of a certificate, oldest first.
    pub fn generations(&self, certificate: &Slug) -> Result<Vec<GenerationRecord>, StoreError> {
        self.generation_numbers(certificate)?
            .into_iter()
            .map(|number| self.generation(certificate, number))
            .filter(|read| !matches!(read, Err(StoreError::NoSuchGeneration { .. })))
            .collect()
    }

    /// One generation.
    ///
    /// Errors: `NoSuchGeneration`, `Corrupt`.
    pub fn generation(
        &self,
        certificate: &Slug,
        number: u32,
    ) -> Result<GenerationRecord, StoreError> {
        let folder = self.paths.generation(certificate, number);
        self.paths.insist_on_folders(&folder)?;
        let path = folder.join(META);
        let record: GenerationRecord = read_record(&path, MAX_RECORD_BYTES)
            .map_err(|error| no_generation(error, certificate, number))?;
        if record.certificate == certificate.as_str() && record.number == number {
            Ok(record)
        } else {
            Err(StoreError::Corrupt {
                path,
                why: format!(
                    "it speaks of {:?}/{}, another generation than its folder",
                    record.certificate, record.number
                ),
            })
        }
    }

    /// The files of one generation.
    pub fn generation_files(
        &self,
        certificate: &Slug,
        number: u32,
    ) -> Result<GenerationFiles, StoreError> {
        let folder = self.paths.generation(certificate, number);
        let read = |name| {
            self.read_pem(&folder, name)
                .map_err(|error| match folder.symlink_metadata() {
                    Ok(_) => error,
                    Err(_) => no_generation(error, certificate, number),
                })
        };
        Ok(GenerationFiles {
            cert: read(CERT)?,
            chain: read(CHAIN)?,
            fullchain: read(FULLCHAIN)?,
            key: Zeroizing::new(read(KEY)?),
        })
    }

    /// Where a generation's files lie (`fullchain.pem`, `privkey.pem`), to be shown to a person.
    pub fn generation_path(&self, certificate: &Slug, number: u32) -> PathBuf {
        self.paths.generation(certificate, number)
    }

    /// The generation that `live/<cert>` points to.
    ///
    /// Errors: `WrongKind` where it is no link, or one to somewhere else.
    pub fn live(&self, certificate: &Slug) -> Result<Option<u32>, StoreError> {
        let path = self.paths.live(certificate);
        self.paths.insist_on_folders(atomic::folder_of(&path))?;
        match path.symlink_metadata() {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::io("read", &path, source)),
            Ok(there) if !there.file_type().is_symlink() => {
                return Err(atomic::wrong_kind(&path, &there, "a link to a generation"));
            }
            Ok(_) => {}
        }
        let target =
            fs::read_link(&path).map_err(|source| StoreError::io("read", &path, source))?;
        target
            .to_str()
            .and_then(|target| target.strip_prefix(&format!("../archive/{certificate}/")))
            .and_then(layout::parse_number)
            .map(Some)
            .ok_or(StoreError::WrongKind {
                path,
                found: "a link to somewhere else",
                wanted: "a link to a generation",
            })
    }

    /// Whether an assignment was begun and not ended, running or killed: `live/` and the record may differ until then.
    pub fn is_assignment_unfinished(&self, certificate: &Slug) -> bool {
        self.paths
            .transaction(certificate)
            .symlink_metadata()
            .is_ok()
    }

    /// `live/<cert>`: the folder that reload commands are told (`RENEWED_LINEAGE`).
    pub fn live_path(&self, certificate: &Slug) -> PathBuf {
        self.paths.live(certificate)
    }

    /// What is current, previous and staged; the default where nothing was assigned yet.
    pub fn assignment(&self, certificate: &Slug) -> Result<AssignmentRecord, StoreError> {
        self.paths
            .insist_on_folders(&self.paths.root.join(ASSIGNMENTS))?;
        match read_record(&self.paths.assignment(certificate), MAX_RECORD_BYTES) {
            Err(error) if error.is_not_found() => Ok(AssignmentRecord::default()),
            read @ (Ok(_) | Err(_)) => read,
        }
    }

    /// The journal, verified.
    pub fn journal(&self) -> Result<JournalReading, StoreError> {
        journal::read(&self.paths.journal())
    }

    /// Hands over every journal entry as it is read, until `take` says no; `None` when it did.
    pub fn journal_each(
        &self,
        take: impl FnMut(JournalEntry) -> bool,
    ) -> Result<Option<JournalState>, StoreError> {
        journal::read_each(&self.paths.journal(), take)
    }

    /// Assignments that were begun and not ended; [`super::Lease::resume`] takes them up.
    pub fn intents(&self) -> Result<Vec<IntentRecord>, StoreError> {
        let mut intents = Vec::new();
        for name in list(&self.paths.root.join(TRANSACTIONS))? {
            if let Ok(certificate) = Slug::parse(&name) {
                let folder = self.paths.transaction(&certificate);
                self.paths.insist_on_folders(&folder)?;
                match transaction::read_intent(&folder) {
                    Ok(intent) => intents.push(intent),
                    Err(_) if folder.symlink_metadata().is_err() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(intents)
    }

    /// What is wrong with the state but for its journal ([`Store::journal`] tells that), for `doctor`; changes nothing.
    pub fn problems(&self) -> Result<Vec<Problem>, StoreError> {
        problems::look(self)
    }

    pub(super) fn read_request(
        &self,
        certificate: &Slug,
        id: &RequestId,
    ) -> Result<RequestRecord, StoreError> {
        let folder = self.paths.request(certificate, id);
        self.paths.insist_on_folders(&folder)?;
        let path = folder.join(REQUEST);
        let record: RequestRecord =
            read_record(&path, MAX_RECORD_BYTES).map_err(|error| no_request(error, id))?;
        if record.certificate == certificate.as_str() && record.id == id.to_string() {
            Ok(record)
        } else {
            Err(StoreError::Corrupt {
                path,
                why: format!(
                    "it speaks of {:?} of {:?}, another request than its folder",
                    record.id, record.certificate
                ),
            })
        }
    }

    pub(super) fn request_ids(&self, certificate: &Slug) -> Result<Vec<RequestId>, StoreError> {
        let mut ids: Vec<RequestId> = self
            .list_real(&self.paths.requests(certificate))?
            .iter()
            .filter_map(|name| RequestId::parse(name).ok())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn generation_numbers(&self, certificate: &Slug) -> Result<Vec<u32>, StoreError> {
        let mut numbers: Vec<u32> = self
            .list_real(&self.paths.archive(certificate))?
            .iter()
            .filter_map(|name| layout::parse_number(name))
            .collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn list_real(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        self.paths.insist_on_folders(folder)?;
        list(folder)
    }

    pub(super) fn read_pem(&self, folder: &Path, name: &str) -> Result<Vec<u8>, StoreError> {
        self.paths.insist_on_folders(folder)?;
        atomic::read_with(&folder.join(name), MAX_PEM_BYTES, Links::Refuse, "a file")
    }
}

fn no_request(error: StoreError, id: &RequestId) -> StoreError {
    if error.is_not_found() {
        StoreError::NoSuchRequest { id: id.to_string() }
    } else {
        error
    }
}

fn no_generation(error: StoreError, certificate: &Slug, number: u32) -> StoreError {
    if error.is_not_found() {
        StoreError::NoSuchGeneration {
            certificate: certificate.to_string(),
            number,
        }
    } else {
        error
    }
}
