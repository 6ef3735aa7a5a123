//! The deployment file on disk: read once, changed only if nobody else has changed it since.

use super::exit::FailureKind;
use super::output::Failure;
use super::request::store_failure;
use crate::deployment::Deployment;
use crate::deployment::edit::Draft;
use crate::explain::{Explanation, printable};
use crate::store::atomic::{self, Overwrite, Placement};
use crate::store::{FolderLock, StoreError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A deployment file as it was read.
#[derive(Debug, Clone)]
pub struct DeploymentFile {
    /// As it was named.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
    /// What that says.
    pub deployment: Deployment,
}

impl DeploymentFile {
    /// Reads and parses; errors are wrong usage, except those of the file system on a file that is there.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = atomic::read_limited(path, Deployment::MAX_BYTES as u64).map_err(|error| {
            let mut failure = Failure::from_error(FailureKind::Usage, &error);
            if error.is_not_found() {
                failure.explanation.mend = format!(
                    "name the deployment file that is there, or write one: `edgecert init --config {}`",
                    with_suffix(path).display()
                );
            }
            failure
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            Failure::usage(
                format!("{} is not a text", path.display()),
                format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
                "save the file as UTF-8, or write a new one with `edgecert init`",
            )
        })?;
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let deployment = Deployment::parse(&text, &whole)
            .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?;
        Ok(Self {
            path: path.to_path_buf(),
            text,
            deployment,
        })
    }

    /// The text, to be changed.
    pub fn draft(&self) -> Result<Draft, Failure> {
        Draft::open(&self.text, &self.deployment.file)
            .map_err(|error| Failure::from_error(FailureKind::Usage, &error))
    }

    /// The new text of a draft; a change that would make the file invalid is refused with its mistake.
    pub fn finish(draft: Draft) -> Result<String, Failure> {
        draft.finish().map_err(|error| {
            let mut failure = Failure::from_error(FailureKind::Refused, &error);
            failure.explanation.what = format!(
                "the change would break the file: {}",
                failure.explanation.what
            );
            failure
        })
    }

    /// Writes a new text over the file, which keeps its owner and mode; of a symbolic link, over what it points to.
    /// Gives whether anything was changed: the same text is not written again.
    ///
    /// Errors: refused where the file does not hold what was read, and nothing is written then.
    /// Effects: takes the lock of the folder, which may block.
    pub fn replace(&self, text: &str) -> Result<bool, Failure> {
        self.replace_under(&self.lock()?, text)
    }

    /// The lock of the file's folder: between two commands that read and replace, one waits for the other.
    /// Effects: blocks, at most as long as the deployment says.
    pub fn lock(&self) -> Result<FolderLock, Failure> {
        FolderLock::around(&self.path, self.deployment.store.lock_timeout)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))
    }

    /// [`Self::replace`] for whoever holds the lock already.
    pub fn replace_under(&self, _lock: &FolderLock, text: &str) -> Result<bool, Failure> {
        let there = atomic::read_limited(&self.path, Deployment::MAX_BYTES as u64)
            .map_err(|error| store_failure(&error))?;
        if there != self.text.as_bytes() {
            return Err(self.changed_since());
        }
        if text == self.text {
            return Ok(false);
        }
        let kept = std::fs::metadata(&self.path)
            .map_err(|source| store_failure(&StoreError::io("read", &self.path, source)))?;
        let placement = Placement {
            mode: kept.mode() & 0o7777,
            uid: Some(kept.uid()),
            gid: Some(kept.gid()),
        };
        atomic::write_whole(
            &self.path,
            text.as_bytes(),
            placement,
            Overwrite::ReplaceTarget,
        )
        .map_err(|error| store_failure(&error))?;
        Ok(true)
    }

    fn changed_since(&self) -> Failure {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "deployment.changed-meanwhile",
                what: "the deployment file was changed while edgecert worked on it".into(),
                place: printable(&self.path.display().to_string()),
                why: "it does not hold what was read at the start; nothing was written".into(),
                mend: "run the same command again: it reads the file anew".into(),
            },
        )
    }
}

/// The name that a deployment file without a suffix is to have.
fn with_suffix(path: &Path) -> PathBuf {
    match path.extension() {
        Some(_) => path.to_path_buf(),
        None => path.with_extension("toml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::init::{InitTemplate, annotated};
    use crate::names::Domain;
    use std::os::unix::fs::PermissionsExt;

    fn written(folder: &Path) -> DeploymentFile {
        let domain = Domain::parse("contoso.com").unwrap();
        let path = folder.join("edgecert.toml");
        let text = annotated(
            &domain,
            std::slice::from_ref(&domain),
            &[],
            InitTemplate::PublicDv,
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        DeploymentFile::read(&path).unwrap()
    }

    fn with_fqdn(file: &DeploymentFile, fqdn: &str) -> String {
        let mut draft = file.draft().unwrap();
        draft.set_fqdn(&Domain::parse(fqdn).unwrap());
        DeploymentFile::finish(draft).unwrap()
    }

    #[test]
    fn a_changed_file_keeps_its_mode_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let real = written(folder.path());
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("edgecert.toml", &link).unwrap();
        let file = DeploymentFile::read(&link).unwrap();
        let text = with_fqdn(&file, "access.contoso.com");
        assert!(file.replace(&text).unwrap());
        assert!(link.symlink_metadata().unwrap().file_type().is_symlink());
        assert_eq!(std::fs::read_to_string(&real.path).unwrap(), text);
        let mode = std::fs::metadata(&real.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let again = DeploymentFile::read(&link).unwrap();
        assert!(!again.replace(&text).unwrap());
    }

    #[test]
    fn a_file_that_was_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = written(folder.path());
        let text = with_fqdn(&file, "access.contoso.com");
        let theirs = format!("{}# mine\n", file.text);
        std::fs::write(&file.path, &theirs).unwrap();
        let refused = file.replace(&text).unwrap_err();
        assert_eq!(refused.explanation.code, "deployment.changed-meanwhile");
        assert!(refused.explanation.mend.contains("again"));
        assert_eq!(std::fs::read_to_string(&file.path).unwrap(), theirs);
    }
}
