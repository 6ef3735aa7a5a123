//! Where the passphrase of stored keys is read from: a file, the environment, a systemd credential; never a flag.

use super::exit::FailureKind;
use super::output::Failure;
use crate::deployment::PassphraseSource;
use crate::explain::{Explain, Explanation, os_words};
use crate::findings::{Code, Finding, Severity};
use crate::store::atomic;
use crate::x509::{Passphrase, PrivateKey, X509Error};
use std::io::{BufRead, IsTerminal, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longest passphrase file, in bytes.
const MAX_BYTES: u64 = 4096;

/// How the command line names standard input.
const STANDARD_INPUT: &str = "-";

/// Bits of a mode that let others than the owner read or write.
const OTHERS: u32 = 0o077;

/// The passphrase behind a source, relative paths against `base`; `None` where there is no source.
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
    typed(source).map_err(|failure| Failure {
        kind: FailureKind::Refused,
        ..failure
    })
}

/// The same, failing as a source of the deployment does. A file named `-` is the first line of standard input.
///
/// Effects: reads standard input, once; may block.
pub fn typed(source: Option<&PassphraseSource>) -> Result<Option<Passphrase>, Failure> {
    match source {
        Some(PassphraseSource::File(path)) if path == Path::new(STANDARD_INPUT) => {
            let input = std::io::stdin();
            if input.is_terminal() {
                return Err(missing(
                    "standard input".into(),
                    "it is a terminal, which would show what is typed".into(),
                    "pipe the passphrase in, or name a file".into(),
                ));
            }
            from_input(&mut input.lock()).map(Some)
        }
        Some(PassphraseSource::File(path)) => {
            from_file(path, Access::OwnerOnly)
                .map(Some)
                .map_err(|mut failure| {
                    let kind = std::fs::metadata(path).map(|there| there.file_type());
                    if kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device()) {
                        failure.explanation.mend =
                            "pipe it in: `… | edgecert … --passphrase-file -`; else name a file"
                                .into();
                    }
                    failure
                })
        }
        Some(PassphraseSource::Env(_) | PassphraseSource::Credential(_)) | None => {
            read(source, Path::new(""))
        }
    }
}

/// Standard input holds one thing: the passphrase, or a file that was named `-`.
pub fn insist_on_another_input(file: Option<&Path>) -> Result<(), Failure> {
    match file == Some(Path::new(STANDARD_INPUT)) {
        false => Ok(()),
        true => Err(Failure::usage(
            "standard input cannot be both the passphrase and a file",
            "- was given twice, and it is read once",
            "name the file, or give --passphrase-file FILE",
        )),
    }
}

/// The first line, bounded; what follows is left unread.
fn from_input(input: &mut dyn BufRead) -> Result<Passphrase, Failure> {
    let place = "standard input";
    let mut bytes = Zeroizing::new(Vec::new());
    input
        .take(MAX_BYTES + 1)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| {
            let mend = "pipe the passphrase in, or name a file".into();
            missing(place.into(), os_words(&error), mend)
        })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(missing(
            place.into(),
            format!("its first line has more than {MAX_BYTES} bytes"),
            "pipe the passphrase in as one line".into(),
        ));
    }
    first_line(place, &bytes)
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
    first_line(&path.display().to_string(), &bytes)
}

fn first_line(place: &str, bytes: &[u8]) -> Result<Passphrase, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        missing(
            place.to_owned(),
            "it is not UTF-8".into(),
            "write the passphrase as text".into(),
        )
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(missing(
            place.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_standard_input_is_the_passphrase_and_no_more_than_that_is_read() {
        let mut input: &[u8] = b"open sesame\r\nnext";
        assert!(from_input(&mut input).is_ok());
        assert_eq!(input, b"next");
        let long = vec![b'x'; 5000];
        for (bytes, why) in [
            (&b""[..], "its first line is empty"),
            (b"\nsecond", "its first line is empty"),
            (b"\xff\n", "it is not UTF-8"),
            (&long, "its first line has more than 4096 bytes"),
        ] {
            let failure = from_input(&mut &*bytes).unwrap_err();
            assert_eq!(failure.explanation.why, why);
            assert_eq!(failure.explanation.place, "standard input");
        }
    }

    #[test]
    fn standard_input_is_one_thing() {
        assert!(insist_on_another_input(None).is_ok());
        assert!(insist_on_another_input(Some(Path::new("pass.txt"))).is_ok());
        let failure = insist_on_another_input(Some(Path::new("-"))).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
    }
}
