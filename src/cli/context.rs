//! What every command needs: the flags for all, the clock read once, the deployment, the state, roots and profiles,
//! and how to speak while working.

use super::deployment_file::DeploymentFile;
use super::exit::FailureKind;
use super::named::{Asked, no_certificate, no_such_certificate, which_certificate};
use super::options::{Color, Global, with_flags};
use super::output::Failure;
use super::render;
use crate::deployment::{Certificate, Deployment, RootsSource};
use crate::names::Slug;
use crate::store::anchors::{self, AnchorsError};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::Instant;
use time::OffsetDateTime;

/// Most certificates named in one message.
pub(super) const MAX_TOLD: usize = 12;

/// Where the system's own deployment lies.
const SYSTEM_CONFIG: &str = "/etc/edgecert/edgecert.toml";

/// How long a second writer waits where no deployment says it.
const DEFAULT_LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

fn no_deployment() -> Failure {
    let mut failure = Failure::usage(
        "there is no deployment file",
        format!("neither ./edgecert.toml nor {SYSTEM_CONFIG} exists, and --config names none"),
        "write one with `edgecert init`, or name one with --config FILE",
    );
    failure.explanation.place = "./edgecert.toml".to_owned();
    failure
}

/// The surroundings of one run.
#[derive(Debug)]
pub struct Context {
    global: Global,
    /// Set by commands whose `--format json` was given.
    force_json: bool,
    /// The moment of this run, UTC: what every judgement of the run counts from. Read once, and again after waiting for
    /// an issuer.
    pub now: OffsetDateTime,
    /// What has passed since goes into the journal: a `submit` program may take minutes.
    started: Instant,
    /// Who hears, instead of the terminal, what is said while the work goes on.
    listener: Option<Sender<String>>,
    /// The system's trust anchors, once they were asked for.
    system: std::cell::OnceCell<Vec<crate::x509::Certificate>>,
}

impl Context {
    /// Reads the clock and settles colours.
    pub fn new(global: Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => {
                console::set_colors_enabled(true);
                console::set_colors_enabled_stderr(true);
            }
            Color::Never => {
                console::set_colors_enabled(false);
                console::set_colors_enabled_stderr(false);
            }
        }
        Self {
            global,
            force_json: false,
            now: OffsetDateTime::now_utc(),
            started: Instant::now(),
            listener: None,
            system: std::cell::OnceCell::new(),
        }
    }

    /// Reads the clock again, where a run waited for somebody else: what an issuer signs meanwhile begins after the
    /// moment at which the run began.
    pub fn read_clock_again(&mut self) {
        self.now = OffsetDateTime::now_utc();
        self.started = Instant::now();
    }

    /// Whether one JSON document is to be printed and nothing besides it.
    pub fn json(&self) -> bool {
        self.global.json || self.force_json
    }

    /// `--format json` of a command's own.
    pub fn set_json(&mut self) {
        self.force_json = true;
    }

    /// Whether to say nothing but the result.
    pub fn quiet(&self) -> bool {
        self.global.quiet
    }

    /// Lets somebody other than the terminal hear what is said while the work goes on; `None`: the terminal. For a
    /// front that has the screen for itself.
    pub fn listen(&mut self, listener: Option<Sender<String>>) {
        self.listener = listener;
    }

    /// Whether progress may be drawn on the terminal by whoever works.
    pub fn draws(&self) -> bool {
        !self.json() && !self.quiet() && self.listener.is_none()
    }

    /// Tells the listener, if there is one; says whether there was.
    fn is_heard(&self, text: &str) -> bool {
        let Some(listener) = &self.listener else {
            return false;
        };
        // Whoever has gone does not want to hear it.
        let _ = listener.send(text.to_owned());
        true
    }

    /// Whether to say more.
    pub fn verbose(&self) -> bool {
        self.global.verbose
    }

    /// Whether a person can be asked.
    pub fn can_ask(&self) -> bool {
        !self.global.non_interactive
            && !self.json()
            && console::user_attended_stderr()
            && std::io::IsTerminal::is_terminal(&std::io::stdin())
    }

    /// A line of the result while the work goes on: standard output, for people only.
    pub fn say(&self, line: &str) {
        if !self.is_heard(line) && !self.json() && !self.quiet() {
            render::write_out(&format!("{line}\n"));
        }
    }

    /// Something besides the result: standard error, for people only.
    pub fn note(&self, text: &str) {
        if !self.is_heard(text) && !self.json() && !self.quiet() {
            render::write_err(text);
        }
    }

    /// An error: standard error, even when quiet.
    pub fn error(&self, text: &str) {
        render::write_err(text);
    }

    /// The result: standard output.
    pub fn print(&self, text: &str) {
        render::write_out(text);
    }

    /// The one document of the machine contract.
    pub fn print_json(&self, document: &Value) {
        render::write_out(&format!("{document:#}\n"));
    }

    /// The deployment file that counts, if there is one: `--config`, `./edgecert.toml`, the system's.
    pub fn config_path(&self) -> Option<PathBuf> {
        if let Some(path) = self.global.config() {
            return Some(path.to_path_buf());
        }
        [Path::new("edgecert.toml"), Path::new(SYSTEM_CONFIG)]
            .into_iter()
            .find(|path| path.exists())
            .map(Path::to_path_buf)
    }

    /// The command that leads on, with the `--config` and `--state` of this run.
    pub fn led_on(&self, next: &str) -> String {
        with_flags(next, &self.global.said_again())
    }

    /// Whether the command line or the environment names a state folder.
    pub fn names_state(&self) -> bool {
        self.global.state().is_some()
    }

    /// The deployment file that `init` writes: `--config`, else `./edgecert.toml`.
    pub fn new_config_path(&self) -> PathBuf {
        self.global
            .config()
            .unwrap_or(Path::new("edgecert.toml"))
            .to_path_buf()
    }

    /// The deployment, parsed; `None` where there is no file and none was named.
    pub fn find_deployment(&self) -> Result<Option<Deployment>, Failure> {
        let path = self.config_path();
        let file = path.map(|path| DeploymentFile::read(&path)).transpose()?;
        Ok(file.map(|file| file.deployment))
    }

    /// The deployment file, to be changed; its absence is wrong usage.
    pub fn deployment_file(&self) -> Result<DeploymentFile, Failure> {
        match self.config_path() {
            Some(path) => DeploymentFile::read(&path),
            None => Err(no_deployment()),
        }
    }

    /// The deployment; its absence is wrong usage.
    pub fn deployment(&self) -> Result<Deployment, Failure> {
        self.find_deployment()?.ok_or_else(no_deployment)
    }

    /// The certificate that a command means: the one named, or the only one.
    pub fn certificate<'a>(
        &self,
        deployment: &'a Deployment,
        name: Option<&Slug>,
    ) -> Result<&'a Certificate, Failure> {
        let known: Vec<&str> = deployment
            .certificates
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        match (name, deployment.certificates.as_slice()) {
            (Some(name), _) => deployment
                .certificate(name)
                .ok_or_else(|| no_such_certificate(name, &known, Asked::Deployment)),
            (None, [only]) => Ok(only),
            (None, []) => Err(no_certificate(Asked::Deployment)),
            (None, _) => Err(which_certificate(&known, Asked::Deployment)),
        }
    }

    /// The state folder: `--state`, else the deployment's, else `./edgecert.state`.
    pub fn state_directory(&self, deployment: Option<&Deployment>) -> PathBuf {
        match (self.global.state(), deployment) {
            (Some(path), _) => path.to_path_buf(),
            (None, Some(deployment)) => deployment.store.directory.clone(),
            (None, None) => PathBuf::from("edgecert.state"),
        }
    }

    /// Whether there is a state folder, ours or not.
    pub fn has_state(&self, deployment: Option<&Deployment>) -> bool {
        self.state_directory(deployment).symlink_metadata().is_ok()
    }

    /// The right to write, with what killed writers left told; waiting is told too.
    pub fn lease(
        &self,
        store: &crate::store::Store,
        deployment: Option<&Deployment>,
        command: &str,
    ) -> Result<crate::store::Lease, Failure> {
        let timeout = deployment.map_or(DEFAULT_LOCK_TIMEOUT, |found| found.store.lock_timeout);
        let lease = store
            .lock(timeout, command, self.now + self.started.elapsed())
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        for tidied in lease.tidied() {
            self.note(&format!("{tidied}\n"));
        }
        // `assign` and `rollback` finish it themselves, and say so.
        let finishes = matches!(command, "edgecert assign" | "edgecert rollback");
        for intent in store
            .intents()
            .unwrap_or_default()
            .iter()
            .filter(|_| !finishes)
        {
            self.note(&format!(
                "an assignment of {}/{} was begun by a command that was killed; the next `edgecert assign` finishes it\n",
                intent.certificate, intent.to
            ));
        }
        Ok(lease)
    }

    /// Trust anchors from several sources, relative paths against `base`; what cannot be read besides them is told.
    pub fn trust(
        &self,
        sources: &[RootsSource],
        base: &Path,
    ) -> Result<crate::verify::TrustSet, Failure> {
        self.trust_named_in(sources, base, None)
    }

    /// As [`Self::trust`], for what a table of the deployment names: the table is told.
    pub fn trust_named_in(
        &self,
        sources: &[RootsSource],
        base: &Path,
        table: Option<&str>,
    ) -> Result<crate::verify::TrustSet, Failure> {
        let mut certificates = Vec::new();
        let mut names = Vec::new();
        for source in sources {
            let (name, anchors) = match source {
                RootsSource::System => ("system".to_owned(), self.system_anchors()),
                RootsSource::Mozilla => (
                    anchors::MOZILLA_LIST.to_owned(),
                    anchors::mozilla_anchors().map(|found| self.told_anchors(found)),
                ),
                RootsSource::Path(path) => (
                    path.display().to_string(),
                    self.file_anchors(&base.join(path)),
                ),
            };
            names.push(name);
            certificates.extend(anchors.map_err(|error| {
                let mut failure = Failure::from_error(FailureKind::Failed, &error);
                let mend = &mut failure.explanation.mend;
                let lacks = matches!(source, RootsSource::Path(_)) && error.is_nothing_there();
                match (table, lacks) {
                    (Some(table), true) => {
                        *mend = format!(
                            "put the root of the CA there, PEM or DER, or name where it lies under `roots` of {table}"
                        );
                    }
                    (Some(table), false) => mend.push_str(&format!(" (`roots` of {table})")),
                    (None, _)
                        if matches!(&error, AnchorsError::Store(cause) if cause.is_not_found()) =>
                    {
                        *mend =
                            "put the root of the CA there, or name where it lies with --roots".to_owned();
                    }
                    (None, _) => {}
                }
                failure
            })?);
        }
        let mut trust = crate::verify::TrustSet::new(names.join(", "), certificates);
        trust.table = table.map(str::to_owned);
        Ok(trust)
    }

    /// The system's store, read once in a run.
    fn system_anchors(&self) -> Result<Vec<crate::x509::Certificate>, AnchorsError> {
        if let Some(known) = self.system.get() {
            return Ok(known.clone());
        }
        let found = self.told_anchors(anchors::system_anchors()?);
        Ok(self.system.get_or_init(|| found).clone())
    }

    fn file_anchors(&self, path: &Path) -> Result<Vec<crate::x509::Certificate>, AnchorsError> {
        Ok(self.told_anchors(anchors::read_anchors(path)?))
    }

    fn told_anchors(&self, found: anchors::Anchors) -> Vec<crate::x509::Certificate> {
        for (place, why) in &found.problems {
            self.note(&format!("note: a root was passed over: {place}: {why}\n"));
        }
        found.certificates
    }
}
