//! A generation as it lies in the state: its record, and chain and key proved to belong together.

use super::exit::FailureKind;
use super::output::Failure;
use crate::explain::{Explain, Explanation};
use crate::names::Slug;
use crate::store::{GenerationRecord, Store};
use crate::x509::{Bundle, Chain, Passphrase, PrivateKey, container};

/// A generation read back from the state.
pub struct Stored {
    /// Its record.
    pub record: GenerationRecord,
    /// Chain and key.
    pub bundle: Bundle,
}

/// Reads a generation; `secret` opens its key.
///
/// Errors: failed where it is not there, damaged, or its key is not opened.
pub fn read(
    store: &Store,
    certificate: &Slug,
    number: u32,
    secret: Option<&Passphrase>,
) -> Result<Stored, Failure> {
    let failed = |error: &dyn Explain| Failure::from_error(FailureKind::Failed, error);
    let mut record = store
        .generation(certificate, number)
        .map_err(|error| failed(&error))?;
    // Another generation, perhaps one that is gone, may have had the key when it was marked.
    record.compromised |= store
        .barred_key(&record.leaf.spki_sha256)
        .map_err(|error| failed(&error))?
        .is_some();
    let files = store
        .generation_files(certificate, number)
        .map_err(|error| failed(&error))?;
    let chain = read_chain(store, certificate, number, &files.fullchain)?;
    let key = PrivateKey::read(&files.key, secret).map_err(|error| failed(&error))?;
    let bundle = Bundle::new(chain, key).map_err(|mismatch| {
        corrupt(
            store,
            format!("key and certificate of {certificate}/{number} do not belong together"),
            mismatch.to_string(),
        )
    })?;
    Ok(Stored { record, bundle })
}

/// Leaf and intermediates of a generation; its key is not looked at.
pub fn chain(store: &Store, certificate: &Slug, number: u32) -> Result<Chain, Failure> {
    let files = store
        .generation_files(certificate, number)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    read_chain(store, certificate, number, &files.fullchain)
}

fn read_chain(
    store: &Store,
    certificate: &Slug,
    number: u32,
    fullchain: &[u8],
) -> Result<Chain, Failure> {
    let contents = container::read(fullchain, None)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let mut certificates = contents
        .certificates
        .into_iter()
        .map(|(_, certificate)| certificate);
    let Some(leaf) = certificates.next() else {
        return Err(corrupt(
            store,
            format!("{certificate}/{number} holds no certificate"),
            "fullchain.pem has no certificate in it".into(),
        ));
    };
    Ok(Chain {
        leaf,
        intermediates: certificates.collect(),
    })
}

fn corrupt(store: &Store, what: String, why: String) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "store.corrupt",
            what,
            place: store.folder().display().to_string(),
            why,
            mend: "restore the state folder from a copy, or import the reply again".into(),
        },
    )
}
