//! `request --prepare-next`: the key of the next request, made before it, so that TLSA and POSH records can name it
//! before any server shows it. The next `request` or `renew` takes it; `request cancel CERT/next` gives it up.

use super::key;
use super::store_failure;
use super::wanted::{KeyChoice, Wanted};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::deployment::Deployment;
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{NextKeyRecord, Store};
use crate::x509::{Fingerprint, PrivateKey, pins};
use console::style;
use serde_json::{Value, json};

/// Makes it, or shows the one that is there.
pub(super) fn run(
    context: &Context,
    deployment: Option<&Deployment>,
    wanted: &Wanted,
) -> Result<Outcome, Failure> {
    let certificate = &wanted.spec.certificate;
    let folder = context.state_directory(deployment);
    let store = Store::create(&folder, context.now).map_err(|error| store_failure(&error))?;
    let mut lease = context.lease(&store, deployment, "edgecert request --prepare-next")?;
    if let Some(record) = lease
        .next_key(certificate)
        .map_err(|error| store_failure(&error))?
    {
        return Ok(told(&record, false));
    }
    let key = key::generate(context, wanted.spec.key_type)?;
    let pem = key
        .to_pem(wanted.passphrase()?.as_ref())
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let record = NextKeyRecord {
        certificate: certificate.to_string(),
        created: context.now,
        key_type: wanted.spec.key_type.word().to_owned(),
        spki_sha256: key.spki_sha256().to_string(),
    };
    lease
        .put_next_key(&record, pem.as_bytes())
        .map_err(|error| store_failure(&error))?;
    Ok(told(&record, true).changed())
}

fn told(record: &NextKeyRecord, new: bool) -> Outcome {
    let name = printable(&record.certificate);
    let text = format!(
        "  key    {}, {}\n  TLSA   {}\n{}  the next request of {name} {}\n",
        record.key_type,
        printable(&record.spki_sha256),
        tlsa(record),
        style("ok").green().bold(),
        match new {
            true => "will have this key",
            false => "has this key already: nothing to do",
        },
    );
    Outcome::show(text, next_json(record)).with_next(format!(
        "publish it beside the TLSA record that is there, wait for the old records to expire; then edgecert renew {name}"
    ))
}

/// The data of its TLSA record; what stands in the record where that is no digest.
fn tlsa(record: &NextKeyRecord) -> String {
    Fingerprint::parse(&record.spki_sha256)
        .map_or_else(|| printable(&record.spki_sha256), |one| pins::tlsa(&one))
}

/// It as JSON.
pub fn next_json(record: &NextKeyRecord) -> Value {
    json!({
        "certificate": record.certificate,
        "created": render::rfc3339(record.created),
        "key_type": record.key_type,
        "spki_sha256": record.spki_sha256,
        "tlsa": tlsa(record),
    })
}

/// It in a line, for lists.
pub fn line(record: &NextKeyRecord) -> String {
    format!(
        "the next request of {} will have the key {} ({}, TLSA {})\n",
        printable(&record.certificate),
        super::short(&record.spki_sha256),
        printable(&record.key_type),
        tlsa(record),
    )
}

/// Whether the choice of key leaves room for the one that was made ahead: all but `--reuse-key` and `--key`.
pub(super) fn takes_prepared(wanted: &Wanted) -> bool {
    wanted.key != KeyChoice::Reuse && wanted.key_file.is_none()
}

/// The key that was made ahead, where there is one and it is wanted.
pub(super) fn prepared(store: &Store, wanted: &Wanted) -> Result<Option<PrivateKey>, Failure> {
    let certificate = &wanted.spec.certificate;
    let Some(record) = store
        .next_key(certificate)
        .map_err(|error| store_failure(&error))?
        .filter(|_| takes_prepared(wanted))
    else {
        return Ok(None);
    };
    key::refuse_barred(store, wanted, &record.spki_sha256)?;
    let pem = store
        .next_key_pem(certificate)
        .map_err(|error| store_failure(&error))?;
    PrivateKey::read(&pem, wanted.passphrase()?.as_ref())
        .map(Some)
        .map_err(|error| {
            let mut failure = Failure::from_error(FailureKind::Failed, &error);
            if failure.explanation.place.is_empty() {
                failure.explanation.place = store.next_key_path(certificate).display().to_string();
            }
            failure
        })
}

/// `CERT/next`, as `request cancel` takes it.
pub(super) fn named(text: &str) -> Option<Result<Slug, Failure>> {
    let name = text.strip_suffix("/next")?;
    Some(super::flags::certificate("CERT/next", name))
}
