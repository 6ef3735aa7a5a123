//! Where the passphrase of stored keys is read from: a file, the environment, a systemd credential; never a flag.

use super::exit::FailureKind;
use super::output::Failure;
use crate::deployment::PassphraseSource;
use crate::explain::{Explain, Explanation};
use crate::findings::{Code, Finding, Severity};
use crate::store::atomic;
use crate::x509::{Passphrase, PrivateKey, X509Error};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Longest passphrase file, in bytes.
const MAX_BYTES: u64 = 4096;

/// Bits of a mode that let others than the owner read or write.
const OTHERS: u32 = 0o077;

/// The passphrase behind a source, relative paths against `base`; none where there is no source.
pub fn read(source: Option<&PassphraseSource>, base: &Path) -> Result<Option<Passphrase>, Failure> {
    match source {
        None => Ok(None),
        Some(PassphraseSource::File(path)) => {
            from_file(&base.join(path), Access::OwnerOnly).map(Some)
        }
        Some(PassphraseSource::Env(name)) => match std::env::var(name) {
            Ok(text) if !text.is_empty() => Ok(Some(Passphrase::new(text))),
            Ok(_) | Err(_) => Err(missing(
                format!("environment variable {name}"),
                "it is not set, or empty".into(),
                format!("set {name}, or change `passphrase` in [key]"),
            )),
        },
        Some(PassphraseSource::Credential(name)) => {
            let Some(folder) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
                return Err(missing(
                    format!("systemd credential {name}"),
                    "CREDENTIALS_DIRECTORY is not set: this is no systemd service with credentials"
                        .into(),
                    format!(
                        "run it as a unit with LoadCredential={name}:PATH, or use {{ file = … }}"
                    ),
                ));
            };
            // systemd gives credentials to the service's user alone, by means that a mode does not always show.
            from_file(&PathBuf::from(folder).join(name), Access::AsGiven).map(Some)
        }
    }
}

/// The passphrase behind a source that the command line names; one that cannot be had is refused like any other file
/// that was named.
pub fn given(source: Option<&PassphraseSource>) -> Result<Option<Passphrase>, Failure> {
    read(source, Path::new("")).map_err(|failure| Failure {
        kind: FailureKind::Refused,
        ..failure
    })
}

/// The key of a generation, opened. What stands in its way is a finding: the passphrase is a matter of the
/// surroundings (a warning, as nothing says that the key is wrong), a key that makes no sense is a damaged state.
pub fn open_stored(
    pem: &[u8],
    source: Option<&PassphraseSource>,
    base: &Path,
    generation: &str,
) -> Result<PrivateKey, Box<Finding>> {
    let closed = |why: String, mend: String| {
        Box::new(
            Finding::new(
                Code::DoctorPassphrase,
                format!("private key of {generation}"),
                "the private key cannot be opened, so it was not compared with the leaf",
                why,
                mend,
            )
            .with_severity(Severity::Warning),
        )
    };
    let passphrase = read(source, base).map_err(|failure| {
        let told = failure.explanation;
        let why = match told.place.is_empty() {
            true => told.why,
            false => format!("{}: {}", told.place, told.why),
        };
        closed(why, told.mend)
    })?;
    PrivateKey::read(pem, passphrase.as_ref()).map_err(|error| {
        if matches!(error, X509Error::PassphraseMissing) {
            return closed(
                "it is encrypted, and no passphrase is configured".to_owned(),
                "name its source under `passphrase` in [key] of the deployment".to_owned(),
            );
        }
        if matches!(error, X509Error::WrongPassphrase) {
            return closed(
                "it is encrypted with another passphrase".to_owned(),
                "give the passphrase that it was stored with (`passphrase` in [key])".to_owned(),
            );
        }
        let told = error.explain();
        Box::new(Finding::new(
            Code::DoctorStateDamaged,
            format!("private key of {generation}"),
            told.what,
            told.why,
            "restore it from a backup, or import the certificate again",
        ))
    })
}

/// Whether the mode of the file is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    OwnerOnly,
    AsGiven,
}

fn from_file(path: &Path, access: Access) -> Result<Passphrase, Failure> {
    let bytes = atomic::read_secret(path, MAX_BYTES)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    if access == Access::OwnerOnly {
        let mode = std::fs::metadata(path)
            .map(|there| there.mode())
            .unwrap_or(0o777);
        if mode & OTHERS != 0 {
            return Err(missing(
                path.display().to_string(),
                format!(
                    "its mode is {:04o}: others than its owner can reach it",
                    mode & 0o7777
                ),
                format!("`chmod 600 {}`", path.display()),
            ));
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        missing(
            path.display().to_string(),
            "it is not UTF-8".into(),
            "write the passphrase as text".into(),
        )
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(missing(
            path.display().to_string(),
            "its first line is empty".into(),
            "write the passphrase into its first line".into(),
        ));
    }
    Ok(Passphrase::new(line.to_owned()))
}

fn missing(place: String, why: String, mend: String) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "passphrase.unusable",
            what: "the passphrase cannot be read".into(),
            place,
            why,
            mend,
        },
    )
}
