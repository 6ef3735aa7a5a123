//! A generation read back from the state, and whether it may be served (again).

use super::failed;
use crate::assign::apply::{Leaf, Way};
use crate::assign::targets::{Material, SecretKey};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::stored::{self, Stored};
use crate::cli::{passphrase, render};
use crate::deployment::{Certificate, Deployment};
use crate::explain::Explanation;
use crate::probe::KeyKind;
use crate::store::{GenerationRecord, Store};
use crate::x509::Bundle;
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
            mend: format!(
                "`edgecert rekey {}` asks for another key",
                record.certificate
            ),
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
    let secret = passphrase::read(certificate.key.passphrase.as_ref(), &deployment.base)?;
    let Stored { record, bundle } =
        stored::read(store, &certificate.name, number, secret.as_ref())?;
    let fullchain_pem = bundle.chain().fullchain_pem();
    let key_pem = bundle.key().to_pem(None).map_err(|error| failed(&error))?;
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
