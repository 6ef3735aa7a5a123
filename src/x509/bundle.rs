//! Chain and key proven to belong together.

use super::{Chain, Fingerprint, PrivateKey};
use crate::explain::{Explain, Explanation};

/// A chain whose leaf holds the public half of the key. There is no other way to make one than [`Bundle::new`].
#[derive(Debug)]
pub struct Bundle {
    chain: Chain,
    key: PrivateKey,
}

/// The key is not the leaf's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key {key} is not the certificate's {leaf}")]
pub struct KeyMismatch {
    /// SPKI digest of the leaf.
    pub leaf: Fingerprint,
    /// SPKI digest of the key.
    pub key: Fingerprint,
}

impl Explain for KeyMismatch {
    fn explain(&self) -> Explanation {
        Explanation {
            code: "x509.key-mismatch",
            what: "the private key does not belong to the certificate".to_owned(),
            place: String::new(),
            why: format!(
                "the certificate holds the public key {}, the private key is {}",
                self.leaf, self.key
            ),
            mend: "give the key that the certificate was requested with (`edgecert request list` shows the pending ones)"
                .to_owned(),
        }
    }
}

impl Bundle {
    /// Pairs chain and key by their SubjectPublicKeyInfo.
    pub fn new(chain: Chain, key: PrivateKey) -> Result<Self, KeyMismatch> {
        let leaf = chain.leaf.facts().spki_sha256;
        if leaf == key.spki_sha256() {
            Ok(Self { chain, key })
        } else {
            Err(KeyMismatch {
                leaf,
                key: key.spki_sha256(),
            })
        }
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}

/// A self-signed leaf of a new key, for tests of what is made of a bundle.
#[cfg(test)]
pub(crate) mod fresh {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, Subject};
    use time::macros::datetime;

    pub(crate) fn chain_of(key: &PrivateKey) -> Chain {
        let spec = IssueSpec::of(
            Subject::default(),
            datetime!(2026-01-01 00:00 UTC),
            datetime!(2026-01-02 00:00 UTC),
        );
        let issuer = Issuer::own(key);
        Chain {
            leaf: issue(&spec, key.spki_der(), &issuer).unwrap(),
            intermediates: vec![],
        }
    }

    /// Two certificates and a key; the second is an intermediate by its place alone.
    pub(crate) fn bundle(key_type: KeyType) -> Bundle {
        let key = PrivateKey::generate(key_type).unwrap();
        let above = PrivateKey::generate(KeyType::Ed25519).unwrap();
        let chain = Chain {
            intermediates: vec![chain_of(&above).leaf],
            ..chain_of(&key)
        };
        Bundle::new(chain, key).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::fresh::chain_of;
    use super::*;
    use crate::x509::KeyType;

    #[test]
    fn only_what_belongs_together_makes_a_bundle() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let other = PrivateKey::generate(KeyType::Ec256).unwrap();
        let chain = chain_of(&key);
        let mismatch = Bundle::new(chain.clone(), other).unwrap_err();
        assert_eq!(mismatch.leaf, key.spki_sha256());
        assert!(mismatch.explain().why.contains(&mismatch.key.to_string()));
        let bundle = Bundle::new(chain, key).unwrap();
        assert!(!format!("{bundle:?}").contains("PRIVATE"));
    }
}
