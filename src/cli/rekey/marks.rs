//! The generations that have the compromised key, in whatever lineage, and the proof that it is held.

use super::no_generation;
use crate::cli::Context;
use crate::cli::barred::{Barred, served_on};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::passphrase;
use crate::cli::request::{open_if_there, store_failure};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::store::atomic::{self, Overwrite, Placement};
use crate::store::{GenerationRecord, Store, StoreError};
use crate::x509::{Csr, CsrSpec, KeyUsage, PrivateKey, Subject};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;

/// The common name of a proof: CAs ask for words that no certificate has, so that it is nothing to issue from.
const PROOF_NAME: &str = "Proof of Key Compromise";

/// A compromised key and where it is.
#[derive(Debug)]
pub(super) struct Marks {
    /// `sha256:…` of the SubjectPublicKeyInfo.
    pub spki_sha256: String,
    /// The generation that was meant.
    pub own: (Slug, u32),
    /// Every generation that has it, with its lineage.
    pub generations: Vec<(Slug, GenerationRecord)>,
    /// Those that this run has marked.
    pub new: Vec<(Slug, u32)>,
    /// Those that were staged to become current, and are no longer.
    pub unstaged: Vec<(Slug, u32)>,
    store: Store,
}

/// A generation that has the key and is served all the same.
#[derive(Debug)]
pub(super) struct Served {
    pub certificate: Slug,
    pub generation: u32,
    /// Where it was last proved.
    pub gateways: Vec<String>,
    /// The newest valid generation with another key.
    pub instead: Option<u32>,
}

impl Marks {
    /// The key of a generation, else of the live one, else of the newest; and every generation that has it.
    ///
    /// Errors: no such generation, or none at all.
    pub(super) fn find(
        context: &Context,
        deployment: Option<&Deployment>,
        name: &Slug,
        number: Option<u32>,
    ) -> Result<Self, Failure> {
        let Some(store) = open_if_there(context, deployment)? else {
            return Err(no_generation(name));
        };
        let failed = |error: StoreError| store_failure(&error);
        let own = match number {
            Some(number) => store.generation(name, number).map_err(|error| {
                let kind = if matches!(error, StoreError::NoSuchGeneration { .. }) {
                    FailureKind::Usage
                } else {
                    FailureKind::Failed
                };
                Failure::from_error(kind, &error)
            })?,
            None => {
                let live = store.live(name).map_err(failed)?;
                let mut all = store.generations(name).map_err(failed)?;
                let at = live.and_then(|live| all.iter().position(|one| one.number == live));
                match at.or(all.len().checked_sub(1)) {
                    Some(at) => all.swap_remove(at),
                    None => return Err(no_generation(name)),
                }
            }
        };
        let (own, spki_sha256) = ((name.clone(), own.number), own.leaf.spki_sha256);
        let mut generations = Vec::new();
        for certificate in store.certificates().map_err(failed)? {
            for one in store.generations(&certificate).map_err(failed)? {
                if one.leaf.spki_sha256 == spki_sha256 {
                    generations.push((certificate.clone(), one));
                }
            }
        }
        Ok(Self {
            spki_sha256,
            own,
            generations,
            new: Vec::new(),
            unstaged: Vec::new(),
            store,
        })
    }

    /// Whether a generation has the key.
    pub(super) fn has(&self, certificate: &Slug, number: u32) -> bool {
        self.generations
            .iter()
            .any(|(name, one)| name == certificate && one.number == number)
    }

    /// Marks all of them, and takes away those that are staged. What is marked already stays as it is.
    pub(super) fn bar(
        &mut self,
        context: &Context,
        deployment: Option<&Deployment>,
        reason: &str,
    ) -> Result<(), Failure> {
        let failed = |error: StoreError| store_failure(&error);
        let mut lease = context.lease(&self.store, deployment, "edgecert rekey")?;
        // A kill may have left a mark without its line.
        let known = self
            .store
            .journalled_bar(&self.spki_sha256)
            .map_err(failed)?
            .is_some();
        for (name, one) in &self.generations {
            if one.compromised && known {
                continue;
            }
            lease
                .mark_compromised(name, one.number, reason)
                .map_err(failed)?;
            self.new.push((name.clone(), one.number));
        }
        for name in self.names() {
            let mut record = self.store.assignment(&name).map_err(failed)?;
            let Some(staged) = record.staged.take_if(|one| self.has(&name, one.generation)) else {
                continue;
            };
            lease.put_assignment(&name, &record).map_err(failed)?;
            let mut detail = serde_json::Map::new();
            detail.insert("generation".into(), staged.generation.into());
            lease
                .journal("unstage", Some(&name), detail)
                .map_err(failed)?;
            self.unstaged.push((name, staged.generation));
        }
        Ok(())
    }

    /// Those that are served at this moment. What cannot be read is left out: `check` tells it.
    pub(super) fn served(&self, now: OffsetDateTime) -> Vec<Served> {
        let barred = Barred::read(&self.store).unwrap_or_default();
        let mut served = Vec::new();
        for (name, one) in &self.generations {
            let Ok(assignment) = self.store.assignment(name) else {
                continue;
            };
            let Some(gateways) = served_on(&assignment, one.number) else {
                continue;
            };
            let mut others = self.store.generations(name).unwrap_or_default();
            // A dry run has marked nothing.
            others.retain(|other| !self.has(name, other.number));
            served.push(Served {
                certificate: name.clone(),
                generation: one.number,
                gateways,
                instead: barred.instead(&others, now),
            });
        }
        served
    }

    /// The lineages that have it, each once.
    pub(super) fn names(&self) -> Vec<Slug> {
        let mut names: Vec<Slug> = self
            .generations
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        names.dedup();
        names
    }

    /// The files of a generation, for the commands that a person runs.
    pub(super) fn path(&self, name: &Slug, number: u32) -> PathBuf {
        self.store.generation_path(name, number)
    }

    /// The state.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }
}

/// A CSR signed by the compromised key.
#[derive(Debug)]
pub(super) struct Proof {
    /// Where it is written.
    pub path: PathBuf,
    pem: String,
}

impl Proof {
    /// Signs it. Errors: the key cannot be read, or something lies at the path.
    pub(super) fn make(
        deployment: Option<&Deployment>,
        marks: &Marks,
        path: &Path,
    ) -> Result<Self, Failure> {
        if path.symlink_metadata().is_ok() {
            return Err(store_failure(&StoreError::Exists { path: path.into() }));
        }
        let (name, number) = &marks.own;
        let files = marks
            .store
            .generation_files(name, *number)
            .map_err(|error| store_failure(&error))?;
        let secret = match deployment {
            Some(all) => passphrase::read(all.key_of(name).passphrase.as_ref(), &all.base)?,
            None => None,
        };
        let failed =
            |error: &crate::x509::X509Error| Failure::from_error(FailureKind::Failed, error);
        let key = PrivateKey::read(&files.key, secret.as_ref()).map_err(|error| failed(&error))?;
        let spec = CsrSpec {
            subject: Subject::named(PROOF_NAME),
            names: Vec::new(),
            key_usage: KeyUsage {
                digital_signature: true,
                ..KeyUsage::default()
            },
            key_purposes: Vec::new(),
            template: None,
        };
        let csr = Csr::build(&spec, &key).map_err(|error| failed(&error))?;
        Ok(Self {
            path: path.to_owned(),
            pem: csr.to_pem(),
        })
    }

    /// Writes it, over nothing.
    pub(super) fn write(&self) -> Result<(), Failure> {
        atomic::write_whole(
            &self.path,
            self.pem.as_bytes(),
            Placement::mode(0o644),
            Overwrite::Refuse,
        )
        .map_err(|error| store_failure(&error))
    }
}
