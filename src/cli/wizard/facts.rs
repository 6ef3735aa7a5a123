//! What is known before anything is asked: the deployment, what was requested and issued, what is due.
//!
//! Gathered once, so that the pages are made from values alone. The few looks at the disk that an answer needs go
//! through [`Look`].

use crate::cli::deployment_file::DeploymentFile;
use crate::cli::import::opens;
use crate::cli::output::Failure;
use crate::cli::renew::due::{Standing, standings};
use crate::cli::request::make::OUT_FILES;
use crate::cli::request::wanted::default_certificate;
use crate::cli::request::{open_if_there, store_failure};
use crate::cli::{Context, expectation, passphrase};
use crate::deployment::init::{InitTemplate, annotated};
use crate::deployment::{Certificate, Deployment, PassphraseSource};
use crate::names::{Domain, Slug};
use crate::request::IssuerProfile;
use crate::store::{RequestRecord, RequestState, Store, atomic};
use crate::x509::{Fingerprint, container};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use time::OffsetDateTime;

/// The kernel's name of this machine.
const HOST: &str = "/proc/sys/kernel/hostname";

/// Largest file that is compared with a CSR, in bytes.
const MAX_CSR: u64 = 1024 * 1024;

/// A deployment stands in for one that is not written yet.
const EXAMPLE: &str = "edge.example.com";

/// Looks at the disk that an answer needs.
pub trait Look: Send + Sync {
    /// The file's content, of a size that a CSR may have; `None`: there is nothing there.
    fn content(&self, path: &Path) -> Option<Vec<u8>>;
    /// A profile of one's own, or what is wrong with it.
    fn profile(&self, path: &Path) -> Result<IssuerProfile, String>;
    /// Whether a reply waits for a passphrase.
    fn is_closed(&self, path: &Path) -> bool;
    /// What is wrong with a file that is to hold a passphrase, if anything is.
    fn passphrase(&self, path: &Path) -> Result<(), String>;
}

/// The disk.
#[derive(Debug, Default)]
pub struct OnDisk {
    /// The digest of the reply that was looked at last, and whether it is closed: deriving its key takes a while, and
    /// every page asks.
    last: Mutex<Option<(Fingerprint, bool)>>,
}

impl Look for OnDisk {
    fn content(&self, path: &Path) -> Option<Vec<u8>> {
        path.symlink_metadata().ok()?;
        // What is there and cannot be read is there all the same.
        Some(atomic::read_limited(path, MAX_CSR).unwrap_or_default())
    }

    fn profile(&self, path: &Path) -> Result<IssuerProfile, String> {
        expectation::profile_file(path).map_err(|failure| {
            let told = failure.explanation;
            let mut parts = vec![told.what, told.why];
            parts.retain(|part| !part.is_empty());
            parts.join(": ").replace('\n', "; ")
        })
    }

    fn is_closed(&self, path: &Path) -> bool {
        let Ok(bytes) = atomic::read_limited(path, container::MAX_BYTES as u64) else {
            return false;
        };
        let digest = Fingerprint::of(&bytes);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((known, closed)) if known == digest => closed,
            Some(_) | None => {
                let closed = !opens(&bytes, None);
                *last = Some((digest, closed));
                closed
            }
        }
    }

    fn passphrase(&self, path: &Path) -> Result<(), String> {
        let source = PassphraseSource::File(path.to_path_buf());
        match passphrase::read(Some(&source), Path::new("")) {
            Ok(_) => Ok(()),
            Err(failure) => {
                let told = failure.explanation;
                Err(format!("{}; {}", told.why, told.mend))
            }
        }
    }
}

/// A request that waits.
#[derive(Debug, Clone)]
pub struct Pending {
    /// What it asks.
    pub record: RequestRecord,
    /// Its CSR, PEM.
    pub csr: Vec<u8>,
    /// Where that lies in the state.
    pub csr_file: PathBuf,
}

/// What is known.
pub struct Facts {
    /// The deployment file, absolute; it need not be there.
    pub config: PathBuf,
    /// It, where it is there.
    pub file: Option<DeploymentFile>,
    /// How every certificate stands.
    pub standings: Vec<Standing>,
    /// Requests that wait, the newest first.
    pub pending: Vec<Pending>,
    /// The newest request of each certificate.
    pub last: BTreeMap<Slug, RequestRecord>,
    /// The certificates with a generation.
    pub issued: Vec<Slug>,
    /// The newest generation of each certificate that is neither live nor staged.
    pub unassigned: Vec<(Slug, u32)>,
    /// The certificate where nobody names one.
    pub fallback: Slug,
    /// This machine's full name.
    pub host: Option<Domain>,
    /// The moment of this run.
    pub now: OffsetDateTime,
    /// The disk.
    pub look: Box<dyn Look>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Facts {
    /// Nothing but where the deployment is to be written.
    pub fn empty(
        config: PathBuf,
        fallback: Slug,
        now: OffsetDateTime,
        look: Box<dyn Look>,
    ) -> Self {
        Self {
            config,
            file: None,
            standings: Vec::new(),
            pending: Vec::new(),
            last: BTreeMap::new(),
            issued: Vec::new(),
            unassigned: Vec::new(),
            fallback,
            host: None,
            now,
            look,
        }
    }

    /// Reads the deployment and the state.
    pub fn gather(context: &Context) -> Result<Self, Failure> {
        let written = context.config_path().filter(|path| path.exists());
        let path = written.clone().unwrap_or_else(|| context.new_config_path());
        let config = std::path::absolute(&path).unwrap_or(path);
        let mut facts = Self::empty(
            config,
            default_certificate()?,
            context.now,
            Box::new(OnDisk::default()),
        );
        facts.host = host();
        if written.is_some() {
            facts.file = Some(DeploymentFile::read(&facts.config)?);
        }
        let stand_in = facts.stand_in();
        let Some(store) = open_if_there(context, stand_in.as_ref())? else {
            facts.standings = facts.standings_of(context)?;
            return Ok(facts);
        };
        facts.read_state(&store)?;
        facts.standings = facts.standings_of(context)?;
        Ok(facts)
    }

    /// The deployment, where there is one.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.file.as_ref().map(|file| &file.deployment)
    }

    /// Its text.
    pub fn text(&self) -> Option<&str> {
        self.file.as_ref().map(|file| file.text.as_str())
    }

    /// The deployment, or one that stands in for it: it tells where the state of one that is written here would lie.
    pub fn stand_in(&self) -> Option<Deployment> {
        if let Some(deployment) = self.deployment() {
            return Some(deployment.clone());
        }
        let text = annotated(
            &Domain::parse(EXAMPLE).ok()?,
            &[],
            &[],
            InitTemplate::PublicDv,
        );
        Deployment::parse(&text, &self.config).ok()
    }

    fn standings_of(&self, context: &Context) -> Result<Vec<Standing>, Failure> {
        let stand_in = self.stand_in();
        let known: Vec<Slug> = match self.deployment() {
            Some(deployment) => deployment
                .certificates
                .iter()
                .map(|one| one.name.clone())
                .collect(),
            None => self.last.keys().chain(&self.issued).cloned().collect(),
        };
        if known.is_empty() {
            return Ok(Vec::new());
        }
        // The stand-in has certificates that nobody asked for.
        let mut all = standings(context, self.deployment().or(stand_in.as_ref()), None)?;
        all.retain(|one| known.contains(&one.certificate));
        Ok(all)
    }

    fn read_state(&mut self, store: &Store) -> Result<(), Failure> {
        let failed = |error| store_failure(&error);
        for record in store.requests(None).map_err(failed)? {
            let Ok(certificate) = Slug::parse(&record.certificate) else {
                continue;
            };
            if record.state == RequestState::Pending {
                let csr = store
                    .request_csr(&certificate, &record.id)
                    .map_err(failed)?;
                let folder = store
                    .request_path(&certificate, &record.id)
                    .map_err(failed)?;
                let [_, csr_name, _] = OUT_FILES;
                let csr_file = folder.join(csr_name);
                self.pending.insert(
                    0,
                    Pending {
                        record: record.clone(),
                        csr,
                        csr_file: std::path::absolute(&csr_file).unwrap_or(csr_file),
                    },
                );
            }
            self.last.insert(certificate, record);
        }
        self.pending
            .sort_by_key(|one| std::cmp::Reverse(one.record.created));
        for certificate in store.certificates().map_err(failed)? {
            let generations = store.generations(&certificate).map_err(failed)?;
            let Some(newest) = generations.last() else {
                continue;
            };
            let assigned = store.assignment(&certificate).map_err(failed)?;
            let staged = assigned.staged.map(|one| one.generation);
            let is_placed = [assigned.current, staged].contains(&Some(newest.number));
            // After a rollback an older one is live on purpose.
            let is_newer = assigned
                .current
                .is_none_or(|current| current < newest.number)
                && assigned.previous != Some(newest.number);
            if !is_placed && is_newer && !newest.compromised {
                self.unassigned.push((certificate.clone(), newest.number));
            }
            self.issued.push(certificate);
        }
        Ok(())
    }

    /// The folder of the deployment.
    pub fn base(&self) -> &Path {
        self.config.parent().unwrap_or(Path::new("."))
    }

    /// A certificate of the deployment.
    pub fn certificate(&self, name: &Slug) -> Option<&Certificate> {
        self.deployment()?.certificate(name)
    }

    /// Every certificate that is known, those of the deployment first.
    pub fn certificates(&self) -> Vec<Slug> {
        let mut all: Vec<Slug> = Vec::new();
        let of_deployment = self
            .deployment()
            .into_iter()
            .flat_map(|deployment| deployment.certificates.iter().map(|one| &one.name));
        for name in of_deployment.chain(self.last.keys()).chain(&self.issued) {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }

    /// Those that can be assigned.
    pub fn assignable(&self) -> Vec<Slug> {
        let mut all = self.issued.clone();
        all.retain(|name| self.certificate(name).is_some());
        all
    }

    /// The generation of a certificate of the deployment that waits to be assigned.
    pub fn unassigned(&self) -> Option<&(Slug, u32)> {
        let mut all = self.unassigned.iter();
        all.find(|(name, _)| self.certificate(name).is_some())
    }

    /// A pending request.
    pub fn pending(&self, id: &str) -> Option<&Pending> {
        self.pending.iter().find(|one| one.record.id == id)
    }
}

fn host() -> Option<Domain> {
    let bytes = atomic::read_limited(Path::new(HOST), 256).ok()?;
    let host = Domain::parse(std::str::from_utf8(&bytes).ok()?.trim()).ok()?;
    (!host.is_for_examples()).then_some(host)
}
