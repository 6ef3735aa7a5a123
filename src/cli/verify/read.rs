//! The files of `verify` besides the chain itself, read: keys, intermediates, revocation lists; and what is said where
//! one cannot be read.

use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::{Explain, Explanation, printable};
use crate::findings::{Code, Finding, Severity};
use crate::names::Slug;
use crate::store::{StoreError, atomic};
use crate::verify::{MAX_CERTIFICATES, too_many};
use crate::x509::container;
use crate::x509::{About, Certificate, Crl, Passphrase, PrivateKey, X509Error};
use std::path::{Path, PathBuf};

pub(super) fn store_failure(error: &StoreError) -> Failure {
    Failure::from_error(FailureKind::Failed, error)
}

pub(super) fn damaged_finding(item: &str, block: &str, error: &X509Error) -> Finding {
    let told = error.explain();
    let place = match block {
        "" => printable(item),
        block => printable(&format!("{item}, {block}")),
    };
    let finding = Finding::new(Code::FormMalformed, place, told.what, told.why, told.mend);
    match error.about() {
        // What is of another kind says nothing about the certificate.
        About::Request | About::Key | About::Other => finding.with_severity(Severity::Note),
        About::Certificate | About::Archive | About::ClosedArchive | About::Unknown => finding,
    }
}

pub(super) fn read_key(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<PrivateKey, Failure> {
    let bytes = atomic::read_secret(path, PrivateKey::MAX_BYTES as u64)
        .map_err(|error| store_failure(&error))?;
    PrivateKey::read(&bytes, passphrase)
        .map_err(|error| unreadable(&path.display().to_string(), &error))
}

/// The intermediates of `--untrusted`, and what there is to say of them. Certificates that cannot be read, and more
/// than are taken, are findings: what a stranger put into a file ends no judgement.
pub(super) fn read_untrusted(
    paths: &[PathBuf],
) -> Result<(Vec<Certificate>, Vec<Finding>), Failure> {
    let mut all = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        let bytes = atomic::read_limited(path, container::MAX_BYTES as u64)
            .map_err(|error| store_failure(&error))?;
        let place = path.display().to_string();
        match container::read(&bytes, None) {
            Ok(contents) => {
                all.extend(contents.certificates.into_iter().map(|(_, one)| one));
                let told = contents.problems.iter().take(MOST_TOLD);
                findings.extend(told.map(|(block, error)| {
                    damaged_finding(&place, block, error).with_severity(Severity::Note)
                }));
            }
            Err(error @ X509Error::Unreadable { .. }) if looks_like_pem(&bytes) => {
                findings.push(damaged_finding(&place, "", &error).with_severity(Severity::Note));
            }
            Err(error) => return Err(unreadable(&place, &error)),
        }
    }
    if all.len() > MAX_CERTIFICATES {
        findings.push(too_many(all.len()));
        all.truncate(MAX_CERTIFICATES);
    }
    Ok((all, findings))
}

/// Most damaged blocks of one file that are told.
const MOST_TOLD: usize = 8;

fn looks_like_pem(bytes: &[u8]) -> bool {
    const CERTIFICATE: &[u8] = b"CERTIFICATE-----";
    bytes
        .windows(CERTIFICATE.len())
        .any(|window| window == CERTIFICATE)
}

/// Most revocation lists in one run.
const MAX_LISTS: usize = 64;

/// The lists of `--crl`. Errors: a file cannot be read, or holds something else; that says nothing of the certificate.
pub(in crate::cli) fn read_crls(paths: &[PathBuf]) -> Result<Vec<Crl>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let bytes = atomic::read_limited(path, (Crl::MAX_BYTES * 3 / 2) as u64)
            .map_err(|error| store_failure(&error))?;
        let lists =
            Crl::read(&bytes).map_err(|error| unreadable(&path.display().to_string(), &error))?;
        all.extend(lists);
        if all.len() > MAX_LISTS {
            return Err(Failure::usage(
                "--crl gives too many revocation lists",
                format!("there are more than {MAX_LISTS}"),
                "give those of the issuers of this chain",
            ));
        }
    }
    Ok(all)
}

pub(super) fn unreadable(place: &str, error: &X509Error) -> Failure {
    let told = error.explain();
    let mend = match matches!(error, X509Error::ArchivePassphraseMissing) {
        true => "write its passphrase into a file that only you can read: `--passphrase-file PASS`"
            .to_owned(),
        false => told.mend,
    };
    let place = printable(place);
    let told = Explanation {
        place,
        mend,
        ..told
    };
    Failure::new(FailureKind::Failed, told)
}

pub(super) fn no_such_item(context: &Context, item: &str, error: &StoreError) -> Failure {
    let mut failure = store_failure(error);
    if Slug::parse(item).is_ok() && error.is_not_found() {
        let known: Vec<String> = match context.find_deployment() {
            Ok(Some(deployment)) => deployment
                .certificates
                .iter()
                .map(|one| one.name.to_string())
                .collect(),
            Ok(None) | Err(_) => Vec::new(),
        };
        failure.explanation.mend = match known.is_empty() {
            true => "name a file that is there; there is no deployment whose certificates could be meant".to_owned(),
            false => format!("name a file that is there, or one of {}", known.join(", ")),
        };
    }
    failure
}
