//! Whether a signature is right; what does not verify, for whatever reason, is false.
//!
//! Short RSA keys and SHA-1 are computed too: whether they are good enough is a finding, and no reason to say that
//! another certificate signed. MD5, DSA, Ed448 and secp256k1 are not.

use super::{oid, tlv};
use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};

/// Whether the signed value `der` (certificate, request) verifies with the key in `spki`.
pub(crate) fn verifies(der: &[u8], spki: &[u8]) -> bool {
    let Some(signed) = tlv::signed(der) else {
        return false;
    };
    let Some(key) = KeyParts::read(spki) else {
        return false;
    };
    let Some(algorithm) = choose(&signed, &key) else {
        return false;
    };
    UnparsedPublicKey::new(algorithm, key.bytes)
        .verify(signed.message, signed.signature)
        .is_ok()
}

/// What a SubjectPublicKeyInfo holds.
pub(crate) struct KeyParts<'a> {
    /// Content of the algorithm's object identifier.
    pub algorithm: &'a [u8],
    /// The algorithm's parameters, if any.
    pub parameters: Option<tlv::Tlv<'a>>,
    /// The public key's bytes.
    pub bytes: &'a [u8],
}

impl<'a> KeyParts<'a> {
    /// Takes a SubjectPublicKeyInfo apart.
    pub(crate) fn read(spki: &'a [u8]) -> Option<Self> {
        let parts = tlv::items(tlv::exactly(spki, tlv::SEQUENCE)?.content)?;
        let [algorithm, bits] = parts.as_slice() else {
            return None;
        };
        if algorithm.tag != tlv::SEQUENCE || bits.tag != tlv::BIT_STRING {
            return None;
        }
        let (kind, parameters) = algorithm_parts(algorithm.content)?;
        Some(Self {
            algorithm: kind,
            parameters,
            bytes: tlv::whole_bytes(bits.content)?,
        })
    }
}

/// Object identifier and parameters of an AlgorithmIdentifier's content.
pub(crate) fn algorithm_parts(content: &[u8]) -> Option<(&[u8], Option<tlv::Tlv<'_>>)> {
    match tlv::items(content)?.as_slice() {
        [kind] if kind.tag == tlv::OBJECT_IDENTIFIER => Some((kind.content, None)),
        [kind, parameters] if kind.tag == tlv::OBJECT_IDENTIFIER => {
            Some((kind.content, Some(*parameters)))
        }
        _ => None,
    }
}

fn choose(
    signed: &tlv::Signed<'_>,
    key: &KeyParts<'_>,
) -> Option<&'static dyn VerificationAlgorithm> {
    let (algorithm, parameters) = algorithm_parts(signed.algorithm.content)?;
    let is = |known: &der::oid::ObjectIdentifier| algorithm == known.as_bytes();
    if key.algorithm == oid::RSA.as_bytes() {
        return if is(&oid::SHA256_RSA) {
            Some(&lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
        } else if is(&oid::SHA384_RSA) {
            Some(&lc::RSA_PKCS1_2048_8192_SHA384)
        } else if is(&oid::SHA512_RSA) {
            Some(&lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
        } else if is(&oid::SHA1_RSA) || is(&oid::SHA1_RSA_OIW) {
            Some(&lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY)
        } else if is(&oid::RSA_PSS) {
            pss(parameters?)
        } else {
            None
        };
    }
    if key.algorithm == oid::RSA_PSS.as_bytes() && is(&oid::RSA_PSS) {
        return pss(parameters?);
    }
    if key.algorithm == oid::ED25519.as_bytes() && is(&oid::ED25519) {
        return Some(&lc::ED25519);
    }
    if key.algorithm != oid::EC_PUBLIC_KEY.as_bytes() {
        return None;
    }
    let curve = key.parameters?.content;
    let on = |known: &der::oid::ObjectIdentifier| curve == known.as_bytes();
    let hash = [
        (oid::SHA1_ECDSA, 1),
        (oid::SHA256_ECDSA, 256),
        (oid::SHA384_ECDSA, 384),
        (oid::SHA512_ECDSA, 512),
    ]
    .into_iter()
    .find_map(|(known, bits)| is(&known).then_some(bits))?;
    if on(&oid::P256) {
        match hash {
            1 => Some(&lc::ECDSA_P256_SHA1_ASN1),
            256 => Some(&lc::ECDSA_P256_SHA256_ASN1),
            384 => Some(&lc::ECDSA_P256_SHA384_ASN1),
            _ => Some(&lc::ECDSA_P256_SHA512_ASN1),
        }
    } else if on(&oid::P384) {
        match hash {
            256 => Some(&lc::ECDSA_P384_SHA256_ASN1),
            384 => Some(&lc::ECDSA_P384_SHA384_ASN1),
            512 => Some(&lc::ECDSA_P384_SHA512_ASN1),
            _ => None,
        }
    } else if on(&oid::P521) {
        match hash {
            1 => Some(&lc::ECDSA_P521_SHA1_ASN1),
            256 => Some(&lc::ECDSA_P521_SHA256_ASN1),
            384 => Some(&lc::ECDSA_P521_SHA384_ASN1),
            _ => Some(&lc::ECDSA_P521_SHA512_ASN1),
        }
    } else {
        None
    }
}

/// RFC 4055 §3.1: `SEQUENCE { [0] hashAlgorithm DEFAULT sha1, … }`; mask and salt are taken to follow the hash.
fn pss(parameters: tlv::Tlv<'_>) -> Option<&'static dyn VerificationAlgorithm> {
    let fields = tlv::items(parameters.content)?;
    let hash = fields.iter().find(|field| field.tag == tlv::CONTEXT_0)?;
    let inner = tlv::exactly(hash.content, tlv::SEQUENCE)?;
    let (kind, _) = algorithm_parts(inner.content)?;
    if kind == oid::SHA256.as_bytes() {
        Some(&lc::RSA_PSS_2048_8192_SHA256)
    } else if kind == oid::SHA384.as_bytes() {
        Some(&lc::RSA_PSS_2048_8192_SHA384)
    } else if kind == oid::SHA512.as_bytes() {
        Some(&lc::RSA_PSS_2048_8192_SHA512)
    } else {
        None
    }
}

/// Whether the hash of a signature algorithm (an AlgorithmIdentifier's content) is MD5 or SHA-1; PSS without a
/// hash means SHA-1.
pub(crate) fn is_weak(algorithm: &[u8]) -> bool {
    let Some((kind, parameters)) = algorithm_parts(algorithm) else {
        return false;
    };
    if kind == oid::RSA_PSS.as_bytes() {
        return parameters.is_none_or(|parameters| {
            tlv::items(parameters.content)
                .is_some_and(|fields| fields.iter().all(|field| field.tag != tlv::CONTEXT_0))
        });
    }
    tlv::dotted(kind) == "1.2.840.113549.1.1.2"
        || [
            oid::MD5_RSA,
            oid::SHA1_RSA,
            oid::SHA1_RSA_OIW,
            oid::SHA1_ECDSA,
            oid::SHA1_DSA,
        ]
        .iter()
        .any(|weak| weak.as_bytes() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::{Csr, CsrSpec, KeyType, KeyUsage, PrivateKey, Subject};

    #[test]
    fn a_signature_verifies_with_its_key_alone() {
        let make = |key_type| PrivateKey::generate(key_type).unwrap();
        let (p256, p384, ed) = (
            make(KeyType::Ec256),
            make(KeyType::Ec384),
            make(KeyType::Ed25519),
        );
        let spec = CsrSpec {
            subject: Subject::default(),
            names: vec![],
            key_usage: KeyUsage::default(),
            key_purposes: vec![],
            template: None,
        };
        for key in [&p256, &p384, &ed] {
            let der = Csr::build(&spec, key).unwrap().der;
            for other in [&p256, &p384, &ed] {
                let same = key.spki_der() == other.spki_der();
                assert_eq!(verifies(&der, other.spki_der()), same);
            }
            let mut changed = der.clone();
            *changed.last_mut().unwrap() ^= 1;
            assert!(!verifies(&changed, key.spki_der()));
            assert!(!verifies(&der[..der.len() - 1], key.spki_der()));
            assert!(!verifies(&der, b"junk"));
        }
    }
}
