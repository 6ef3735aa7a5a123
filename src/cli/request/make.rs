//! Making a request: the key, the CSR, and both where they belong, whole or not at all.
//!
//! [`make`] is what `request` and `renew` share, and what a later front end may call. The ledger is written under a
//! lease, so that a kill leaves the request or none; with `--out` the files appear together or not at all.

use super::key::{generate, is_barred, kept_key, key_to_use};
use super::prepare;
use super::wanted::{Wanted, request_failure};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::render;
use crate::explain::Explanation;
use crate::findings::Finding;
use crate::request::pending::preview;
use crate::request::{BuiltRequest, RequestSummary, build_request};
use crate::store::atomic::{self, Placement};
use crate::store::{Disk, Lease, RequestRecord, RequestState, Store, StoreError};
use crate::x509::{Passphrase, PrivateKey};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// The files of `--out`, the key first: of a kill between them, it is the one that counts.
pub const OUT_FILES: [&str; 3] = ["privkey.pem", "csr.pem", "request.json"];

/// A request that was made, or one that waits and asks the same.
#[derive(Debug)]
pub struct Made {
    /// What the ledger holds; without an id for `--out`.
    pub record: RequestRecord,
    /// Where key and CSR lie.
    pub folder: PathBuf,
    /// The CSR, PEM.
    pub csr_pem: String,
    /// Whether this run made it.
    pub new: bool,
    /// Whether its key was used before.
    pub key_reused: bool,
    /// What was left out, and what to beware of.
    pub notes: Vec<Finding>,
}

/// Whether a pending request that asks the same is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubles {
    /// It is.
    Avoid,
    /// Another one is wanted.
    Allow,
}

/// Makes a request in the ledger; where one waits that asks the same, that one.
pub fn make(
    context: &Context,
    lease: &mut Lease,
    wanted: &Wanted,
    doubles: Doubles,
) -> Result<Made, Failure> {
    wanted.check()?;
    let certificate = &wanted.spec.certificate;
    // A key that was made ahead is a new one: a request that waits is not doubled for it.
    let kept = match prepare::takes_prepared(wanted) && lease_has_next(lease, wanted)? {
        true => None,
        false => kept_key(lease, wanted)?,
    };
    if doubles == Doubles::Avoid
        && let Some(record) = same_pending(lease, wanted, kept.as_ref())?
    {
        return waiting(lease, record);
    }
    let Ready {
        built,
        key_pem,
        csr_pem,
        key_reused,
    } = match prepare::prepared(lease, wanted)? {
        Some(key) => {
            let passphrase = wanted.passphrase()?;
            build_ready(wanted, key, false, passphrase.as_ref())?
        }
        None => get_ready(context, wanted, kept)?,
    };
    let mut record = record_of(&built, wanted, context.now);
    record.id = lease
        .put_request(&record, csr_pem.as_bytes(), key_pem.as_bytes())
        .map_err(|error| super::store_failure(&error))?;
    let folder = lease
        .request_path(certificate, &record.id)
        .map_err(|error| super::store_failure(&error))?;
    Ok(Made {
        record,
        folder,
        csr_pem,
        new: true,
        key_reused,
        notes: built.notes,
    })
}

fn lease_has_next(lease: &Lease, wanted: &Wanted) -> Result<bool, Failure> {
    lease
        .next_key(&wanted.spec.certificate)
        .map(|next| next.is_some())
        .map_err(|error| super::store_failure(&error))
}

/// A request that was built and read back, in the form in which it is written.
pub(super) struct Ready {
    pub(super) built: BuiltRequest,
    pub(super) key_pem: Zeroizing<String>,
    pub(super) csr_pem: String,
    pub(super) key_reused: bool,
}

/// Takes the key that is to be used again, or makes one, and builds the request with it.
fn get_ready(
    context: &Context,
    wanted: &Wanted,
    kept: Option<PrivateKey>,
) -> Result<Ready, Failure> {
    let key_reused = kept.is_some();
    let key = match kept {
        Some(key) => key,
        None => generate(context, wanted.spec.key_type)?,
    };
    let passphrase = wanted.passphrase()?;
    build_ready(wanted, key, key_reused, passphrase.as_ref())
}

/// Builds the request with its key, and writes both down.
pub(super) fn build_ready(
    wanted: &Wanted,
    key: PrivateKey,
    key_reused: bool,
    passphrase: Option<&Passphrase>,
) -> Result<Ready, Failure> {
    let built =
        build_request(&wanted.spec, key, wanted.policy).map_err(|error| request_failure(&error))?;
    let key_pem = built
        .key
        .to_pem(passphrase)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let csr_pem = built.csr.to_pem();
    Ok(Ready {
        built,
        key_pem,
        csr_pem,
        key_reused,
    })
}

/// Makes a request into a folder of its own: key, CSR and record, none of them over a file that is there.
///
/// `store` is read for a key that is to be used again.
pub fn make_out(
    context: &Context,
    store: Option<&Store>,
    wanted: &Wanted,
    folder: &Path,
) -> Result<Made, Failure> {
    wanted.check()?;
    for name in OUT_FILES {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(super::store_failure(&StoreError::Exists { path }));
        }
    }
    let kept = key_to_use(store, wanted, folder)?;
    let Ready {
        built,
        key_pem,
        csr_pem,
        key_reused,
    } = get_ready(context, wanted, kept)?;
    let record = record_of(&built, wanted, context.now);
    let text = record_text(&record, folder)?;
    let made = make_folders(folder).map_err(|error| super::store_failure(&error))?;
    let [key_name, csr_name, record_name] = OUT_FILES;
    atomic::write_together(
        folder,
        &[
            (key_name, key_pem.as_bytes(), Placement::PRIVATE),
            (csr_name, csr_pem.as_bytes(), Placement::PRIVATE),
            (record_name, &text, Placement::PRIVATE),
        ],
    )
    .map_err(|error| {
        for folder in made.iter().rev() {
            // Only those made here, and only while they are empty.
            let _ = std::fs::remove_dir(folder);
        }
        super::store_failure(&error)
    })?;
    Ok(Made {
        record,
        folder: folder.to_path_buf(),
        csr_pem,
        new: true,
        key_reused,
        notes: built.notes,
    })
}

/// `request.json` of a folder of its own.
pub(super) fn record_text(record: &RequestRecord, folder: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = serde_json::to_vec_pretty(record).map_err(|error| unwritable(folder, &error))?;
    text.push(b'\n');
    Ok(text)
}

/// What a request would ask, before a key is made.
pub fn outline(wanted: &Wanted) -> Result<RequestSummary, Failure> {
    wanted.check()?;
    preview(&wanted.spec).map_err(|error| request_failure(&error))
}

/// The notes that making the request would end with, before a key is made. Effects: reads a key that is to be used
/// again.
pub fn foresee(store: Option<&Store>, wanted: &Wanted) -> Result<Vec<Finding>, Failure> {
    wanted.check()?;
    let kept = key_to_use(store, wanted, Path::new(""))?;
    crate::request::foresee(&wanted.spec, kept.as_ref(), wanted.policy)
        .map_err(|error| request_failure(&error))
}

/// A request that waits and asks what is wanted: [`make`] would make no other. Effects: reads a key that is to be used
/// again.
pub fn waits(store: &Store, wanted: &Wanted) -> Result<Option<RequestRecord>, Failure> {
    wanted.check()?;
    let kept = kept_key(store, wanted)?;
    same_pending(store, wanted, kept.as_ref())
}

/// Makes the missing folders of a path, mode 0700; gives those that were made, the outermost first.
pub fn make_folders(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.is_dir())
        .collect();
    let disk = Disk::new();
    let mut made = Vec::new();
    for path in missing.into_iter().rev() {
        let kept = disk
            .make_folder(path)
            .and_then(|()| disk.sync_folder(atomic::folder_of(path)));
        if let Err(error) = kept {
            for path in made.iter().rev() {
                let _ = std::fs::remove_dir(path);
            }
            return Err(error);
        }
        made.push(path.to_path_buf());
    }
    Ok(made)
}

/// A pending request that asks what is wanted, with a key as it is wanted.
fn same_pending(
    store: &Store,
    wanted: &Wanted,
    kept: Option<&PrivateKey>,
) -> Result<Option<RequestRecord>, Failure> {
    let certificate = &wanted.spec.certificate;
    let requests = store
        .requests(Some(certificate))
        .map_err(|error| super::store_failure(&error))?;
    let asked = preview(&wanted.spec).map_err(|error| request_failure(&error))?;
    let used = store
        .generations(certificate)
        .map_err(|error| super::store_failure(&error))?;
    let same = requests.into_iter().rev().filter(|record| {
        let key_as_wanted = match kept {
            Some(key) => record.spki_sha256 == key.spki_sha256().to_string(),
            None => {
                record.key_type == asked.key_type
                    && !used
                        .iter()
                        .any(|one| one.leaf.spki_sha256 == record.spki_sha256)
            }
        };
        record.state == RequestState::Pending
            && key_as_wanted
            && record.issuer_profile == asked.profile
            && record.names == asked.names
            && record.key_purposes == asked.key_purposes
            && record.subject == asked.subject
            && record.template == asked.template
    });
    for record in same {
        // The reply to one whose key is barred could not be taken in.
        if !is_barred(store, &record)? {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// A request that waits already.
pub fn waiting(store: &Store, record: RequestRecord) -> Result<Made, Failure> {
    let certificate = super::flags::certificate("request", &record.certificate)?;
    let folder = store
        .request_path(&certificate, &record.id)
        .map_err(|error| super::store_failure(&error))?;
    let csr = store
        .request_csr(&certificate, &record.id)
        .map_err(|error| super::store_failure(&error))?;
    Ok(Made {
        record,
        folder,
        csr_pem: String::from_utf8_lossy(&csr).into_owned(),
        new: false,
        key_reused: false,
        notes: Vec::new(),
    })
}

pub(super) fn record_of(
    built: &BuiltRequest,
    wanted: &Wanted,
    now: OffsetDateTime,
) -> RequestRecord {
    let RequestSummary {
        certificate,
        profile,
        names,
        left_out,
        key_purposes,
        key_type,
        subject,
        spki_sha256,
        template,
    } = built.summary();
    RequestRecord {
        certificate,
        id: String::new(),
        created: now,
        issuer_profile: profile,
        key_type,
        spki_sha256,
        names,
        left_out,
        key_purposes,
        subject,
        template,
        uses: wanted
            .uses
            .iter()
            .map(|one| one.word().to_owned())
            .collect(),
        exportable: wanted.exportable,
        submitted: None,
        state: RequestState::Pending,
        answered_by: None,
    }
}

fn unwritable(folder: &Path, error: &serde_json::Error) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "request.record",
            what: "the record of the request cannot be written".into(),
            place: folder.display().to_string(),
            why: error.to_string(),
            mend: "this is a fault of edgecert: please report it".into(),
        },
    )
}

/// A record as JSON, with where its files lie.
pub fn record_json(record: &RequestRecord, folder: &Path) -> Value {
    let path =
        |name: &str| std::path::absolute(folder.join(name)).unwrap_or_else(|_| folder.join(name));
    let [key, csr, _] = OUT_FILES;
    json!({
        "certificate": record.certificate,
        "id": (!record.id.is_empty()).then_some(&record.id),
        "state": match record.state {
            RequestState::Pending => "pending",
            RequestState::Answered => "answered",
        },
        "answered_by": record.answered_by,
        "created": render::rfc3339(record.created),
        "submitted": record.submitted.map(render::rfc3339),
        "issuer_profile": record.issuer_profile,
        "key_type": record.key_type,
        "spki_sha256": record.spki_sha256,
        "names": record.names,
        "left_out": record.left_out,
        "key_purposes": record.key_purposes,
        "subject": record.subject,
        "template": record.template,
        "uses": record.uses,
        "exportable": record.exportable,
        "csr": path(csr).display().to_string(),
        "key": (record.state == RequestState::Pending).then(|| path(key).display().to_string()),
    })
}
