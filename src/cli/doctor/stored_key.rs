//! Whether a passphrase that can be read is the one that stored keys were encrypted with: one key is tried.

use super::finding_of;
use crate::deployment::{Deployment, PassphraseSource};
use crate::explain::Explanation;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::{RequestState, Store, StoreError};
use crate::x509::{Passphrase, PrivateKey};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Marks a PEM file whose key is encrypted (RFC 7468 §11).
const ENCRYPTED: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// Most stored keys looked at for an encrypted one.
const MAX_LOOKED_AT: usize = 20;

/// Where a stored key lies.
enum Place {
    Generation(Slug, u32),
    Request(Slug, String),
}

/// The finding where the newest encrypted key of the source's certificates does not open. Effects: reads the state.
pub(super) fn wrong(
    deployment: &Deployment,
    store: &Store,
    source: &PassphraseSource,
    secret: &Passphrase,
) -> Option<Finding> {
    let mut places: Vec<(OffsetDateTime, Place)> = Vec::new();
    for certificate in &deployment.certificates {
        if certificate.key.passphrase.as_ref() != Some(source) {
            continue;
        }
        let name = &certificate.name;
        // What of the state cannot be read is told with the state.
        let newest = store.generations(name).unwrap_or_default().pop();
        places.extend(newest.map(|one| (one.created, Place::Generation(name.clone(), one.number))));
        let requests = store.requests(Some(name)).unwrap_or_default();
        let pending = requests
            .into_iter()
            .rev()
            .find(|one| one.state == RequestState::Pending);
        places.extend(pending.map(|one| (one.created, Place::Request(name.clone(), one.id))));
    }
    places.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    for (_, place) in places.into_iter().take(MAX_LOOKED_AT) {
        let Ok(pem) = place.read(store) else { continue };
        if !pem.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED) {
            continue;
        }
        let error = PrivateKey::read(&pem, Some(secret)).err()?;
        return Some(finding_of(
            Code::DoctorPassphrase,
            &Explanation {
                code: "passphrase.wrong",
                what: "the passphrase does not open a stored key".into(),
                place: place.path(store),
                why: format!("tried with that of {}: {error}", words(source)),
                mend: "give the passphrase that this key was stored with".into(),
            },
        ));
    }
    None
}

impl Place {
    fn read(&self, store: &Store) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        match self {
            Place::Generation(name, number) => {
                store.generation_files(name, *number).map(|files| files.key)
            }
            Place::Request(name, id) => store.request_key(name, id),
        }
    }

    fn path(&self, store: &Store) -> String {
        let folder = match self {
            Place::Generation(name, number) => store.generation_path(name, *number),
            Place::Request(name, id) => match store.request_path(name, id) {
                Ok(folder) => folder,
                Err(_) => return format!("request {id}"),
            },
        };
        folder.join("privkey.pem").display().to_string()
    }
}

/// Where a passphrase comes from.
pub(super) fn words(source: &PassphraseSource) -> String {
    match source {
        PassphraseSource::File(path) => format!("file {}", path.display()),
        PassphraseSource::Env(name) => format!("environment variable {name}"),
        PassphraseSource::Credential(name) => format!("systemd credential {name}"),
    }
}
