//! The record of a request made with `--out`, kept in the ledger when its reply is taken in: the next request asks from
//! what the last one asked, and `list`, `show` and `renew` find it here as they find every other.

use super::take::{Intake, KeyGiven};
use crate::cli::output::Failure;
use crate::cli::request::make::OUT_FILES;
use crate::cli::request::store_failure;
use crate::names::Slug;
use crate::store::{Lease, RequestRecord, atomic};
use crate::x509::{Csr, Fingerprint};

/// Puts the record of the folder beside those of the ledger, unless one of them has its key; it waits then for the
/// generation that is about to be made, which answers it. None where nothing is to be kept: another key than the
/// leaf's, or a CSR that is gone.
///
/// Effects: writes one request.
pub(super) fn keep(
    lease: &mut Lease,
    intake: &Intake<'_>,
    asked: &RequestRecord,
    certificate: &Slug,
    leaf_key: &str,
    key_pem: &[u8],
) -> Result<Option<RequestRecord>, Failure> {
    let KeyGiven::Folder(folder) = &intake.key else {
        return Ok(None);
    };
    if asked.spki_sha256 != leaf_key {
        return Ok(None);
    }
    let known = lease
        .requests(Some(certificate))
        .map_err(|error| store_failure(&error))?;
    if let Some(known) = known.into_iter().rfind(|one| one.spki_sha256 == leaf_key) {
        return Ok(Some(known));
    }
    let [_, csr_name, _] = OUT_FILES;
    let Ok(csr) = atomic::read_limited(&folder.join(csr_name), Csr::MAX_BYTES as u64) else {
        return Ok(None);
    };
    let of_csr = Csr::read(&csr).map(|csr| csr.spki_sha256);
    if of_csr.ok() != Fingerprint::parse(leaf_key) {
        return Ok(None);
    }
    let record = RequestRecord {
        certificate: certificate.to_string(),
        ..asked.clone()
    };
    let id = lease
        .put_request(&record, &csr, key_pem)
        .map_err(|error| store_failure(&error))?;
    let kept = lease
        .request(certificate, &id)
        .map_err(|error| store_failure(&error))?;
    Ok(Some(kept))
}
