//! A generation read back from the state, and whether it may be served (again).

use super::failed;
use crate::assign::apply::{Leaf, Way};
use crate::assign::targets::{Material, SecretKey};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::{passphrase, render};
use crate::deployment::{Certificate, Deployment};
use crate::explain::Explanation;
use crate::probe::KeyKind;
use crate::store::{GenerationRecord, Store};
use crate::x509::{Bundle, Chain, PrivateKey, container};
use time::OffsetDateTime;

/// A generation read back from the state.
pub(super) struct Loaded {
    pub record: GenerationRecord,
    pub material: Material,
    pub bundle: Bundle,
}

pub(super) fn refuse_compromised(record: &GenerationRecord) -> Result<(), Failure> {
    if !record.compromised {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "assign.compromised",
            what: format!(
                "{}/{} must never be served again",
                record.certificate, record.number
            ),
            place: String::new(),
            why: "its key is marked as compromised".into(),
            mend: format!("`edgecert request {} --new-key`", record.certificate),
        },
    ))
}

/// Reads a generation back from the state.
pub(super) fn load(
    deployment: &Deployment,
    store: &Store,
    certificate: &Certificate,
    number: u32,
) -> Result<Loaded, Failure> {
    let record = store
        .generation(&certificate.name, number)
        .map_err(|error| failed(&error))?;
    let files = store
        .generation_files(&certificate.name, number)
        .map_err(|error| failed(&error))?;
    let secret = passphrase::read(certificate.key.passphrase.as_ref(), &deployment.base)?;
    let contents = container::read(&files.fullchain, None).map_err(|error| failed(&error))?;
    let mut certificates = contents
        .certificates
        .into_iter()
        .map(|(_, certificate)| certificate);
    let Some(leaf) = certificates.next() else {
        return Err(Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "store.corrupt",
                what: format!("{}/{number} holds no certificate", certificate.name),
                place: store.folder().display().to_string(),
                why: "fullchain.pem has no certificate in it".into(),
                mend: "restore the state folder from a copy, or import the reply again".into(),
            },
        ));
    };
    let chain = Chain {
        leaf,
        intermediates: certificates.collect(),
    };
    let key = PrivateKey::read(&files.key, secret.as_ref()).map_err(|error| failed(&error))?;
    let key_pem = key.to_pem(None).map_err(|error| failed(&error))?;
    let fullchain_pem = chain.fullchain_pem();
    let bundle = Bundle::new(chain, key).map_err(|mismatch| {
        Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "store.corrupt",
                what: format!(
                    "key and certificate of {}/{number} do not belong together",
                    certificate.name
                ),
                place: store.folder().display().to_string(),
                why: mismatch.to_string(),
                mend: "restore the state folder from a copy, or import the reply again".into(),
            },
        )
    })?;
    Ok(Loaded {
        material: Material {
            certificate: certificate.name.clone(),
            generation: number,
            fullchain_pem,
            key_pem: SecretKey(key_pem),
            accepted: record
                .accepted
                .iter()
                .map(|accepted| accepted.code.clone())
                .collect(),
        },
        record,
        bundle,
    })
}

pub(super) fn way_back(old: Option<&Loaded>, now: OffsetDateTime) -> Way<'_> {
    let Some(old) = old else {
        return Way::ToNothing;
    };
    let leaf = old.bundle.chain().leaf.facts();
    if old.record.compromised {
        Way::Barred("its key is marked as compromised".into())
    } else if leaf.not_after < now {
        Way::Barred(format!("it ended on {}", render::date(leaf.not_after)))
    } else {
        Way::To(
            &old.material,
            Leaf {
                sha256: leaf.sha256,
                key_kind: KeyKind::from(&leaf.public_key),
            },
        )
    }
}
