//! Where a reply's surroundings are read: keys, the records of requests, passphrase, earlier chains.

use super::take::{Intake, KeyGiven};
use crate::cli::exit::FailureKind;
use crate::cli::expectation::{self, ForCertificate};
use crate::cli::output::Failure;
use crate::cli::request::make::OUT_FILES;
use crate::cli::{Context, passphrase};
use crate::deployment::{self, Deployment, RootsSource};
use crate::explain::Explanation;
use crate::import::{Asked, AskedState, KeyTrouble, PartnerRoots};
use crate::names::{NameForm, Slug};
use crate::request::IssuerProfile;
use crate::store::{MAX_RECORD_BYTES, RequestRecord, RequestState, Store, StoreError, atomic};
use crate::verify::{PeerRoots, TrustSet};
use crate::x509::{Chain, Fingerprint, KeyPurpose, Passphrase, PrivateKey, container};
use std::collections::BTreeSet;
use std::path::Path;

/// The chain of an earlier generation; `None` where it cannot be read.
pub(super) fn previous_chain(store: &Store, certificate: &Slug, number: u32) -> Option<Chain> {
    // Only for a comparison that warns: what cannot be read is for `doctor` to tell.
    let files = store.generation_files(certificate, number).ok()?;
    let contents = container::read(&files.fullchain, None).ok()?;
    let mut all = contents.certificates.into_iter().map(|(_, one)| one);
    Some(Chain {
        leaf: all.next()?,
        intermediates: all.collect(),
    })
}

/// The partners that meet the certificate and have roots of their own.
pub(super) fn partner_roots(held: Option<&ForCertificate>) -> Vec<PartnerRoots> {
    let partners = held
        .map(|held| held.partners.as_slice())
        .unwrap_or_default();
    partners
        .iter()
        .filter_map(|peer| match &peer.roots {
            PeerRoots::Own(trust) => Some(PartnerRoots {
                domain: peer.domain.clone(),
                roots: trust.anchors().to_vec(),
            }),
            PeerRoots::Assumed(_) | PeerRoots::Unknown | PeerRoots::Unread(_) => None,
        })
        .collect()
}

/// The passphrase of the certificate's keys; `[key]` says it of one that the deployment does not have.
pub(super) fn passphrase_of(
    deployment: Option<&Deployment>,
    own: Option<&deployment::Certificate>,
) -> Result<Option<Passphrase>, Failure> {
    let Some(deployment) = deployment else {
        return Ok(None);
    };
    let settings = own.map_or(&deployment.key, |own| &own.key);
    passphrase::read(settings.passphrase.as_ref(), &deployment.base)
}

/// What the deployment wants of the certificate, if it knows it. Effects: reads the issuer's roots, unless others are
/// given by `--roots`.
pub(super) fn held_against(
    context: &Context,
    deployment: Option<&Deployment>,
    own: Option<&deployment::Certificate>,
    given: Option<&TrustSet>,
) -> Result<Option<ForCertificate>, Failure> {
    match (deployment, own) {
        (Some(deployment), Some(own)) => {
            expectation::for_certificate_by(context, deployment, own, given, context.now)
                .map(Some)
                .map_err(expectation::before_anything)
        }
        (Some(_) | None, _) => Ok(None),
    }
}

/// The roots of `--roots`.
pub(super) fn given_roots(
    context: &Context,
    roots: &[RootsSource],
) -> Result<Option<TrustSet>, Failure> {
    if roots.is_empty() {
        return Ok(None);
    }
    let trust = context.trust(roots, Path::new(""));
    trust.map(Some).map_err(expectation::before_anything)
}

/// The key of `--key` and of `--request`, with where it was read.
pub(super) fn brought_key(
    intake: &Intake<'_>,
    secret: Option<&Passphrase>,
) -> Result<Option<(String, PrivateKey)>, Failure> {
    let [key_name, ..] = OUT_FILES;
    let path = match &intake.key {
        KeyGiven::Folder(folder) => folder.join(key_name),
        KeyGiven::File(path) => path.clone(),
        KeyGiven::Ledger | KeyGiven::Beside => return Ok(None),
        KeyGiven::Sealed(pair) => {
            let key = PrivateKey::read(pair.key.0.as_bytes(), None)
                .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
            return Ok(Some((pair.place.clone(), key)));
        }
    };
    let place = path.display().to_string();
    let bytes = atomic::read_secret(&path, PrivateKey::MAX_BYTES as u64).map_err(|error| {
        match intake.key {
            KeyGiven::Folder(_) => not_made_with_out(&error),
            KeyGiven::File(_) | KeyGiven::Ledger | KeyGiven::Beside | KeyGiven::Sealed(_) => {
                Failure::unreadable(&error)
            }
        }
    })?;
    let key = PrivateKey::read(&bytes, secret).map_err(|error| {
        let mut failure = Failure::from_error(FailureKind::Refused, &error);
        if failure.explanation.place.is_empty() {
            failure.explanation.place.clone_from(&place);
        }
        failure
    })?;
    Ok(Some((place, key)))
}

/// The key of a request: where it was answered before, that generation has it.
pub(super) fn load_key(
    store: Option<&Store>,
    asked: &Asked,
    secret: Option<&Passphrase>,
) -> Result<PrivateKey, KeyTrouble> {
    let Some(store) = store else {
        return Err(KeyTrouble::new(StoreError::NoSuchRequest {
            id: asked.request.clone(),
        }));
    };
    let pem = match store.request_key(&asked.certificate, &asked.request) {
        Err(StoreError::Answered { generation, .. }) => store
            .generation_files(&asked.certificate, generation)
            .map(|files| files.key),
        key @ (Ok(_) | Err(_)) => key,
    };
    PrivateKey::read(&pem.map_err(KeyTrouble::new)?, secret).map_err(KeyTrouble::new)
}

/// `request.json` of a folder made with `--out`.
pub(super) fn read_record(folder: &Path) -> Result<RequestRecord, Failure> {
    let [_, _, record_name] = OUT_FILES;
    let path = folder.join(record_name);
    let bytes =
        atomic::read_limited(&path, MAX_RECORD_BYTES).map_err(|error| not_made_with_out(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "import.request-unreadable",
                what: "the record of the request cannot be understood".into(),
                place: path.display().to_string(),
                why: error.to_string(),
                mend: "name the folder that `edgecert request --out` wrote; or name its key alone with --key".into(),
            },
        )
    })
}

/// A file of `--request` that cannot be read; one that is not there tells which folder is meant.
fn not_made_with_out(error: &StoreError) -> Failure {
    let mut failure = Failure::unreadable(error);
    if error.is_not_found() {
        failure.explanation.mend =
            "give --request the folder that was given to `edgecert request --out`".into();
    }
    failure
}

/// What a record of the ledger asked; `None` where its digest cannot be read, which `doctor` tells.
pub(super) fn asked_of(deployment: Option<&Deployment>, record: &RequestRecord) -> Option<Asked> {
    Some(Asked {
        certificate: Slug::parse(&record.certificate).ok()?,
        request: record.id.clone(),
        csr: None,
        state: match record.state {
            RequestState::Pending => AskedState::Pending,
            RequestState::Answered => AskedState::Answered,
        },
        spki_sha256: Fingerprint::parse(&record.spki_sha256)?,
        names: record.names.clone(),
        key_purposes: record
            .key_purposes
            .iter()
            .filter_map(|word| KeyPurpose::from_word(word))
            .collect(),
        forms_granted: forms_granted(deployment, &record.issuer_profile),
    })
}

/// What the issuer of that profile puts in certificates; empty where the profile is not known any more.
fn forms_granted(deployment: Option<&Deployment>, profile: &str) -> BTreeSet<NameForm> {
    if let Some(known) = IssuerProfile::built_in(profile) {
        return known.forms;
    }
    deployment
        .into_iter()
        .flat_map(|deployment| {
            deployment
                .issuers
                .values()
                .map(move |issuer| (deployment, issuer))
        })
        .filter_map(|(deployment, issuer)| expectation::profile(deployment, issuer).ok())
        .find(|known| known.name == profile)
        .map(|known| known.forms)
        .unwrap_or_default()
}
