//! A claim on a pending request while its issuer has it, so that no second command sends it as well.
//!
//! The lease cannot serve: an issuer may take minutes, and other commands need not wait for it. The claim is a lock
//! (flock) on `submit.lock` in the request's folder; it goes with its process, and the file with the claim.

use super::disk::Disk;
use super::layout::RequestId;
use super::lock::Lock;
use super::{Lease, StoreError};
use crate::names::Slug;
use std::path::PathBuf;
use std::time::Duration;

/// The file that is locked.
const CLAIM: &str = "submit.lock";

/// The claim, held until dropped.
#[derive(Debug)]
pub struct Claim {
    disk: Disk,
    path: PathBuf,
    /// Last, so that the file is gone before it can be locked again.
    lock: Lock,
}

impl Lease {
    /// Claims a request; the claim outlives the lease.
    ///
    /// Errors: `Locked` with its holder where another process has claimed it; `InvalidId`, `NoSuchRequest`.
    pub fn claim_request(
        &mut self,
        certificate: &Slug,
        id: &str,
        command: &str,
    ) -> Result<Claim, StoreError> {
        let id = RequestId::parse(id)?;
        self.store.read_request(certificate, &id)?;
        let path = self.store.paths.request(certificate, &id).join(CLAIM);
        let disk = self.store.disk.clone();
        loop {
            let lock = Lock::take(&disk, &path, Duration::ZERO, command, self.now)?;
            // The claim before may have taken the file away between our opening and our locking it. Only the holder of
            // the lease claims, so that nobody is in between a second time.
            if lock.is_in_place() {
                return Ok(Claim { disk, path, lock });
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.lock.is_in_place() {
            let _ = self.disk.remove_file(&self.path);
        }
    }
}
