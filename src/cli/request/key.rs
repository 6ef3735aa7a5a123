//! The key of a request: one that is brought along, that of the generation before, or a new one; never one that is
//! marked as compromised.

use super::wanted::{KeyChoice, Wanted};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explanation, printable};
use crate::store::{BarredKey, RequestRecord, Store, atomic};
use crate::x509::{KeyType, PrivateKey, X509Error};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::time::Duration;

/// How often the spinner moves, while RSA looks for primes.
const TICK: Duration = Duration::from_millis(100);

/// The key to use, where it is not a new one; without a state as well. `place` is told where there is none.
pub(super) fn key_to_use(
    store: Option<&Store>,
    wanted: &Wanted,
    place: &Path,
) -> Result<Option<PrivateKey>, Failure> {
    match store {
        Some(store) => kept_key(store, wanted),
        None if wanted.key_file.is_some() => brought_key(None, wanted),
        None if wanted.key == KeyChoice::Reuse => Err(no_key_to_reuse(wanted, place)),
        None => Ok(None),
    }
}

/// Refuses a key that is marked as compromised, in whatever lineage.
pub(super) fn refuse_barred(
    store: &Store,
    wanted: &Wanted,
    spki_sha256: &str,
) -> Result<(), Failure> {
    let barred = store
        .barred_key(spki_sha256)
        .map_err(|error| super::store_failure(&error))?;
    barred.map_or(Ok(()), |barred| Err(compromised(wanted, &barred)))
}

/// The key of `--key`. Errors: it cannot be read, or it is marked as compromised.
fn brought_key(store: Option<&Store>, wanted: &Wanted) -> Result<Option<PrivateKey>, Failure> {
    let Some(file) = &wanted.key_file else {
        return Ok(None);
    };
    let bytes = atomic::read_secret(&file.path, PrivateKey::MAX_BYTES as u64)
        .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
    let passphrase = wanted.key_file_passphrase()?;
    let key = PrivateKey::read(&bytes, passphrase.as_ref()).map_err(|error| {
        let mut failure = Failure::from_error(FailureKind::Refused, &error);
        if failure.explanation.place.is_empty() {
            failure.explanation.place = file.path.display().to_string();
        }
        if error == X509Error::PassphraseMissing {
            failure.explanation.mend =
                "write its passphrase into a file that only you can read, and give --passphrase-file FILE"
                    .into();
        }
        failure
    })?;
    if let Some(store) = store {
        refuse_barred(store, wanted, &key.spki_sha256().to_string())?;
    }
    Ok(Some(key))
}

/// The key to use, where it is not a new one.
pub(super) fn kept_key(store: &Store, wanted: &Wanted) -> Result<Option<PrivateKey>, Failure> {
    if wanted.key_file.is_some() {
        return brought_key(Some(store), wanted);
    }
    if wanted.key == KeyChoice::New {
        return Ok(None);
    }
    let certificate = &wanted.spec.certificate;
    let generations = store
        .generations(certificate)
        .map_err(|error| super::store_failure(&error))?;
    let Some(newest) = generations.last() else {
        return if wanted.key == KeyChoice::Reuse {
            Err(no_key_to_reuse(wanted, store.folder()))
        } else {
            Ok(None)
        };
    };
    refuse_barred(store, wanted, &newest.leaf.spki_sha256)?;
    let files = store
        .generation_files(certificate, newest.number)
        .map_err(|error| super::store_failure(&error))?;
    PrivateKey::read(&files.key, wanted.passphrase()?.as_ref())
        .map(Some)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))
}

/// Whether the key of a request is marked as compromised.
pub fn is_barred(store: &Store, record: &RequestRecord) -> Result<bool, Failure> {
    store
        .barred_key(&record.spki_sha256)
        .map(|barred| barred.is_some())
        .map_err(|error| super::store_failure(&error))
}

/// A new key. RSA takes its time, which a terminal shows.
pub(super) fn generate(context: &Context, key_type: KeyType) -> Result<PrivateKey, Failure> {
    let watched = key_type.is_rsa() && context.draws() && console::user_attended_stderr();
    let spinner = watched.then(|| {
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(format!(
            "looking for the primes of a {} key",
            key_type.word()
        ));
        spinner.enable_steady_tick(TICK);
        spinner
    });
    let key = PrivateKey::generate(key_type)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error));
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    key
}

fn no_key_to_reuse(wanted: &Wanted, place: &Path) -> Failure {
    let certificate = &wanted.spec.certificate;
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "request.no-key-to-reuse",
            what: format!("{certificate} has no key to use again"),
            place: place.display().to_string(),
            why: "no generation of it was imported yet".into(),
            mend: "leave --reuse-key out; `edgecert import --adopt` takes an existing pair in"
                .into(),
        },
    )
}

fn compromised(wanted: &Wanted, barred: &BarredKey) -> Failure {
    let certificate = &wanted.spec.certificate;
    let place = format!("{}/{}", printable(&barred.certificate), barred.generation);
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "request.key-compromised",
            what: format!("the key of {place} must not be used again"),
            place,
            why: "it is marked as compromised".into(),
            mend: format!("`edgecert request {certificate} --new-key`"),
        },
    )
}
