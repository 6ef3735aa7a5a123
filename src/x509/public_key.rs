//! Public keys as they are judged: kind, size, curve.

use super::signature::KeyParts;
use super::{key_format, oid, tlv};
use std::fmt;

/// The public key of any certificate, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKeyKind {
    /// RSA with modulus bits and public exponent (saturated).
    Rsa {
        /// Modulus length.
        bits: usize,
        /// Public exponent.
        exponent: u64,
    },
    /// ECDSA on a named curve: `P-256`, `P-384`, `P-521`, or a dotted object identifier.
    Ec {
        /// The curve.
        curve: String,
    },
    /// Ed25519.
    Ed25519,
    /// Anything else, described.
    Other(String),
}

impl PublicKeyKind {
    /// From a SubjectPublicKeyInfo, DER.
    pub(crate) fn of_spki(spki: &[u8]) -> Self {
        let Some(key) = KeyParts::read(spki) else {
            return PublicKeyKind::Other("unreadable".to_owned());
        };
        let is = |known: &der::oid::ObjectIdentifier| key.algorithm == known.as_bytes();
        if is(&oid::RSA) {
            return match rsa_numbers(key.bytes) {
                Some((modulus, exponent)) => PublicKeyKind::Rsa {
                    bits: key_format::bits(modulus),
                    exponent: key_format::saturated(exponent),
                },
                None => PublicKeyKind::Other("RSA, damaged".to_owned()),
            };
        }
        if is(&oid::EC_PUBLIC_KEY) {
            return match key.parameters {
                Some(named) if named.tag == tlv::OBJECT_IDENTIFIER => PublicKeyKind::Ec {
                    curve: curve_name(named.content),
                },
                Some(_) | None => PublicKeyKind::Other("EC without a named curve".to_owned()),
            };
        }
        if is(&oid::ED25519) {
            return PublicKeyKind::Ed25519;
        }
        PublicKeyKind::Other(oid::key_name(&tlv::dotted(key.algorithm)).to_owned())
    }
}

/// `RSA 2048`, `EC P-256`, `Ed25519`, or what else it is.
impl fmt::Display for PublicKeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublicKeyKind::Rsa { bits, .. } => write!(f, "RSA {bits}"),
            PublicKeyKind::Ec { curve } => write!(f, "EC {curve}"),
            PublicKeyKind::Ed25519 => f.write_str("Ed25519"),
            PublicKeyKind::Other(described) => f.write_str(described),
        }
    }
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    match tlv::items(tlv::exactly(der, tlv::SEQUENCE)?.content)?.as_slice() {
        [modulus, exponent] if modulus.tag == tlv::INTEGER && exponent.tag == tlv::INTEGER => {
            Some((modulus.content, exponent.content))
        }
        _ => None,
    }
}

/// The modulus of an RSA SubjectPublicKeyInfo, big-endian, as it stands there; `None` for other keys.
pub(crate) fn rsa_modulus(spki: &[u8]) -> Option<&[u8]> {
    let key = KeyParts::read(spki)?;
    if key.algorithm != oid::RSA.as_bytes() {
        return None;
    }
    rsa_numbers(key.bytes).map(|(modulus, _)| modulus)
}

/// `P-256`, `P-384`, `P-521`, or dotted, from an object identifier's content.
pub(crate) fn curve_name(content: &[u8]) -> String {
    for (known, name) in [
        (oid::P256, "P-256"),
        (oid::P384, "P-384"),
        (oid::P521, "P-521"),
    ] {
        if known.as_bytes() == content {
            return name.to_owned();
        }
    }
    tlv::dotted(content)
}
