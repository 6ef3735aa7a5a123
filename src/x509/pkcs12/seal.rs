//! How things in a PKCS#12 file are encrypted, and what opening them costs: known before anything is derived.

use super::{damaged, of_archive};
use crate::x509::key_format::{self, Sealed};
use crate::x509::{X509Error, oid, signature, tlv};
use zeroize::Zeroizing;

/// Most rounds of the key derivation of RFC 7292 appendix B in one place: half a second.
const MAX_ROUNDS: u64 = 1_000_000;

/// Most rounds in one file, all together.
const MAX_ALL_ROUNDS: u64 = 20_000_000;

/// Most bytes under an old scheme: what lies in there is opened by the crate, at a cost that is seen by nobody before.
const MAX_OLD_BYTES: usize = 512 * 1024;

/// An encryption scheme and what is under it, with its bytes in one piece.
pub(super) struct SealedBytes {
    /// AlgorithmIdentifier.
    pub(super) scheme: Vec<u8>,
    /// What is encrypted.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// How something is encrypted.
pub(super) enum Scheme {
    Pbes2,
    /// The schemes of RFC 7292 appendix C that are read, by name.
    Old(&'static str),
}

impl SealedBytes {
    pub(super) fn sealed(&self) -> Result<Sealed<'_>, X509Error> {
        let scheme =
            tlv::exactly(&self.scheme, tlv::SEQUENCE).ok_or_else(|| damaged("an encryption"))?;
        Ok(Sealed {
            scheme,
            bytes: &self.bytes,
        })
    }

    pub(super) fn kind(&self) -> Result<Scheme, X509Error> {
        let sealed = self.sealed()?;
        let (kind, _) = signature::algorithm_parts(sealed.scheme.content)
            .ok_or_else(|| damaged("an encryption"))?;
        if kind == oid::PBES2.as_bytes() {
            Ok(Scheme::Pbes2)
        } else if kind == oid::PBE_SHA1_3DES.as_bytes() {
            Ok(Scheme::Old("3DES"))
        } else if kind == oid::PBE_SHA1_RC2_40.as_bytes() {
            Ok(Scheme::Old("RC2-40"))
        } else {
            Err(of_archive(sealed.cost().err().unwrap_or_else(|| {
                X509Error::UnsupportedEncryption {
                    reason: tlv::dotted(kind),
                }
            })))
        }
    }

    /// Rounds that opening it takes.
    pub(super) fn cost(&self) -> Result<u64, X509Error> {
        let sealed = self.sealed()?;
        match self.kind()? {
            Scheme::Pbes2 => sealed.cost().map_err(of_archive),
            Scheme::Old(_) => {
                if self.bytes.len() > MAX_OLD_BYTES {
                    return Err(X509Error::ArchiveTooCostly {
                        cost: format!("{} bytes under an old scheme", self.bytes.len()),
                        limit: MAX_OLD_BYTES.to_string(),
                    });
                }
                let rounds = signature::algorithm_parts(sealed.scheme.content)
                    .and_then(|(_, parameters)| tlv::items(parameters?.content))
                    .and_then(|fields| match fields.as_slice() {
                        [salt, rounds]
                            if salt.tag == tlv::OCTET_STRING && rounds.tag == tlv::INTEGER =>
                        {
                            Some(key_format::saturated(rounds.content))
                        }
                        _ => None,
                    })
                    .ok_or_else(|| damaged("an encryption"))?;
                // key and initial vector are derived apart
                within(rounds).map(|rounds| rounds * 2)
            }
        }
    }
}

/// Rounds of one derivation, if they are not too many.
pub(super) fn within(rounds: u64) -> Result<u64, X509Error> {
    if rounds > MAX_ROUNDS {
        return Err(X509Error::ArchiveTooCostly {
            cost: format!("{rounds} rounds of key derivation"),
            limit: MAX_ROUNDS.to_string(),
        });
    }
    Ok(rounds)
}

#[derive(Default)]
pub(super) struct Budget {
    spent: u64,
}

impl Budget {
    pub(super) fn spend(&mut self, rounds: u64) -> Result<(), X509Error> {
        self.spent = self.spent.saturating_add(rounds);
        if self.spent > MAX_ALL_ROUNDS {
            return Err(X509Error::ArchiveTooCostly {
                cost: format!("{} rounds of key derivation in all", self.spent),
                limit: MAX_ALL_ROUNDS.to_string(),
            });
        }
        Ok(())
    }
}
