//! The leaf and the key that asked for it: by SubjectPublicKeyInfo, never by name or file.

use super::error::{Mismatch, Stranger};
use super::{Asked, AskedState, ImportError, Reply, WaitingRequest};
use crate::x509::{Bundle, Chain, PrivateKey};

/// The request that the leaf answers, by its key: the newest pending one, else the newest answered one.
///
/// Errors: [`ImportError::Stranger`] with the leaf's key and those of the pending requests.
pub fn find_request<'a>(reply: &Reply, asked: &'a [Asked]) -> Result<&'a Asked, ImportError> {
    request_of(reply, asked).ok_or_else(|| stranger(reply, asked))
}

/// The same; `None` where there is none.
pub(super) fn request_of<'a>(reply: &Reply, asked: &'a [Asked]) -> Option<&'a Asked> {
    let leaf = reply.chain.leaf.facts().spki_sha256;
    let of_key = || asked.iter().rev().filter(|one| one.spki_sha256 == leaf);
    of_key()
        .find(|one| one.state == AskedState::Pending)
        .or_else(|| of_key().next())
}

fn stranger(reply: &Reply, asked: &[Asked]) -> ImportError {
    let leaf = reply.chain.leaf.facts().spki_sha256;
    ImportError::Stranger(Box::new(Stranger {
        place: reply.leaf_place.clone(),
        leaf: reply.chain.leaf.display_name(),
        key: leaf,
        waiting: asked
            .iter()
            .filter(|one| one.state == AskedState::Pending)
            .map(|one| WaitingRequest {
                certificate: one.certificate.clone(),
                request: one.request.clone(),
                key: one.spki_sha256,
            })
            .collect(),
        key_beside: reply
            .keys
            .iter()
            .find(|(_, key)| key.spki_sha256() == leaf)
            .map(|(place, _)| place.clone()),
    }))
}

/// Takes the leaf's key out of the files, with where it stood.
///
/// Errors: no key at all, or keys that are not the leaf's (the first is named).
pub(super) fn key_in_files(reply: &mut Reply) -> Result<(String, PrivateKey), ImportError> {
    let leaf = reply.chain.leaf.facts().spki_sha256;
    let at = reply
        .keys
        .iter()
        .position(|(_, key)| key.spki_sha256() == leaf);
    match (at, reply.keys.first()) {
        (Some(at), _) => Ok(reply.keys.swap_remove(at)),
        (None, Some((place, key))) => Err(ImportError::KeyMismatch(Box::new(Mismatch {
            leaf_place: reply.leaf_place.clone(),
            leaf: reply.chain.leaf.display_name(),
            leaf_key: leaf,
            key_place: place.clone(),
            key: key.spki_sha256(),
        }))),
        (None, None) => Err(ImportError::NoKeyBeside {
            leaf_place: reply.leaf_place.clone(),
            leaf: reply.chain.leaf.display_name(),
            leaf_key: leaf,
            problem: reply.problems.first().cloned().map(Box::new),
        }),
    }
}

/// Chain and key as one, if they belong together. The places are for the message.
pub fn pair_with_key(
    chain: Chain,
    key: PrivateKey,
    leaf_place: &str,
    key_place: &str,
) -> Result<Bundle, ImportError> {
    let leaf = chain.leaf.display_name();
    Bundle::new(chain, key).map_err(|mismatch| {
        ImportError::KeyMismatch(Box::new(Mismatch {
            leaf_place: leaf_place.into(),
            leaf,
            leaf_key: mismatch.leaf,
            key_place: key_place.into(),
            key: mismatch.key,
        }))
    })
}
