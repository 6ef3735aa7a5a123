//! A change of the deployment file by a command: under the lock, whole or not at all, and journalled.
//!
//! Two locks: that of the state, where there is one, for the journal; and that of the file's folder, state or not, so
//! that two commands that change the file wait for each other. Whoever edits the file by hand takes no lock: a file
//! that was changed since it was read is left alone ([`DeploymentFile::replace`]).

use super::Context;
use super::deployment_file::DeploymentFile;
use super::exit::FailureKind;
use super::output::Failure;
use super::render;
use super::request::open_if_there;
use crate::deployment::edit::Draft;
use crate::explain::{DiffLine, diff};
use crate::store::{FolderLock, Lease};
use crate::x509::Fingerprint;
use console::style;
use serde_json::{Map, Value, json};

/// Whether a change is written, or only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It is.
    Yes,
    /// `--dry-run`.
    DryRun,
}

impl From<bool> for Writing {
    /// From the flag `--dry-run`.
    fn from(dry_run: bool) -> Self {
        match dry_run {
            true => Writing::DryRun,
            false => Writing::Yes,
        }
    }
}

/// A change under way.
#[derive(Debug)]
pub struct Change {
    /// As it was when the change began.
    pub file: DeploymentFile,
    lease: Option<Lease>,
    /// `None` where nothing is to be written.
    lock: Option<FolderLock>,
}

/// A change that was made, or shown.
#[derive(Debug)]
pub struct Changed {
    /// Whether the file was written.
    pub written: bool,
    /// The lines that went and came, for a person; empty where nothing changes.
    pub shown: String,
    /// The same for scripts.
    pub lines: Vec<String>,
    path: String,
    whole_path: String,
    writing: Writing,
}

impl Change {
    /// Reads the deployment file under the lock.
    pub fn begin(context: &Context, command: &str, writing: Writing) -> Result<Self, Failure> {
        let file = context.deployment_file()?;
        if writing == Writing::DryRun {
            return Ok(Self {
                file,
                lease: None,
                lock: None,
            });
        }
        let lease = match open_if_there(context, Some(&file.deployment))? {
            Some(store) => Some(context.lease(&store, Some(&file.deployment), command)?),
            None => None,
        };
        let lock = file.lock()?;
        Ok(Self {
            // Again: another command may have changed it while this one waited.
            file: context.deployment_file()?,
            lease,
            lock: Some(lock),
        })
    }

    /// Writes what the draft says, and journals it as `action`; the same text is not written and not journalled.
    ///
    /// Errors: a draft that would break the file is refused; where the journal cannot be written the file is put back.
    pub fn finish(
        mut self,
        draft: Draft,
        action: &str,
        mut detail: Map<String, Value>,
    ) -> Result<Changed, Failure> {
        let text = DeploymentFile::finish(draft)?;
        let before = &self.file.text;
        let lines = diff(before, &text).iter().map(DiffLine::words).collect();
        let shown = match text == *before {
            true => String::new(),
            false => render::difference(before, &text),
        };
        let written = match &self.lock {
            Some(lock) => self.file.replace_under(lock, &text)?,
            None => false,
        };
        if let (true, Some(lease)) = (written, &mut self.lease) {
            let hash = |text: &str| Fingerprint::of(text.as_bytes()).to_string();
            detail.insert(
                "file".into(),
                json!(self.file.deployment.file.display().to_string()),
            );
            detail.insert("before".into(), json!(hash(before)));
            detail.insert("after".into(), json!(hash(&text)));
            if let Err(error) = lease.journal(action, None, detail) {
                return Err(self.put_back(text, Failure::from_error(FailureKind::Failed, &error)));
            }
        }
        Ok(Changed {
            written,
            shown,
            lines,
            path: self.file.path.display().to_string(),
            whole_path: self.file.deployment.file.display().to_string(),
            writing: match self.lock {
                Some(_) => Writing::Yes,
                None => Writing::DryRun,
            },
        })
    }

    /// Nothing is left of a change that cannot be journalled.
    fn put_back(&self, text: String, mut failure: Failure) -> Failure {
        let now = DeploymentFile {
            text,
            ..self.file.clone()
        };
        let back = match &self.lock {
            Some(lock) => now.replace_under(lock, &self.file.text),
            None => now.replace(&self.file.text),
        };
        if let Err(kept) = back {
            failure.kind = FailureKind::Dirty;
            failure.changed = true;
            failure.explanation.mend = format!(
                "{} holds the change and could not be put back ({}); {}",
                self.file.path.display(),
                kept.explanation.why,
                failure.explanation.mend
            );
        }
        failure
    }
}

impl Changed {
    /// What becomes of the file, for a person; `done` says what was done, as `partner litware.com added`.
    pub fn told(&self, done: &str) -> String {
        let path = &self.path;
        match (self.lines.is_empty(), self.writing) {
            (true, _) => format!("{path} says so already: nothing changed\n"),
            (false, Writing::DryRun) => {
                format!("{}would write {path}; nothing was written\n", self.shown)
            }
            (false, Writing::Yes) => {
                format!(
                    "{}{}  {done}; wrote {path}\n",
                    self.shown,
                    style("ok").green().bold()
                )
            }
        }
    }

    /// What every such command's result holds.
    pub fn json(&self) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("path".into(), json!(self.whole_path));
        all.insert("dry_run".into(), json!(self.writing == Writing::DryRun));
        all.insert("diff".into(), json!(self.lines));
        all
    }
}
