//! How things in a PKCS#12 file are encrypted, and what opening them costs: known before anything is derived.

use super::derive::{Purpose, derive, secret_of};
use super::{damaged, of_archive};
use crate::x509::key_format::{self, Sealed};
use crate::x509::{Passphrase, X509Error, oid, signature, tlv};
use aws_lc_rs::digest;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use zeroize::Zeroizing;

/// Most rounds of the key derivation of RFC 7292 appendix B in one place.
const MAX_ROUNDS: u64 = 1_000_000;

/// Most bytes under an old scheme, whose ciphers are slow; the certificates of a whole store of roots have half of it.
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
    Old(OldCipher),
}

/// The schemes of RFC 7292 appendix C that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OldCipher {
    TripleDes,
    Rc2With40Bits,
}

impl OldCipher {
    pub(super) fn words(self) -> &'static str {
        match self {
            OldCipher::TripleDes => "3DES",
            OldCipher::Rc2With40Bits => "RC2-40",
        }
    }
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
            Ok(Scheme::Old(OldCipher::TripleDes))
        } else if kind == oid::PBE_SHA1_RC2_40.as_bytes() {
            Ok(Scheme::Old(OldCipher::Rc2With40Bits))
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
                let (_, rounds) = self.old_parameters()?;
                // a key of up to two pieces and the initial vector are derived apart; a round is one hash, and
                // one of PBKDF2 is two
                within(rounds).map(|rounds| (rounds * 3).div_ceil(2))
            }
        }
    }

    /// Opens it. Ask for the [`Self::cost`] first.
    ///
    /// Errors: a wrong passphrase, where what comes out is not padded as it must be.
    pub(super) fn open(&self, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, X509Error> {
        match self.kind()? {
            Scheme::Pbes2 => self.sealed()?.open(passphrase),
            Scheme::Old(OldCipher::TripleDes) => self.open_old::<des::TdesEde3>(passphrase, 24),
            Scheme::Old(OldCipher::Rc2With40Bits) => self.open_old::<rc2::Rc2>(passphrase, 5),
        }
    }

    /// RFC 7292 appendix C: key and initial vector by SHA-1, CBC, PKCS#7 padding.
    fn open_old<T: KeyInit + BlockCipherDecrypt>(
        &self,
        passphrase: &Passphrase,
        key_length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, X509Error> {
        let (salt, rounds) = self.old_parameters()?;
        let secret = secret_of(passphrase);
        let made = |purpose, length| {
            let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
            derive(hash, purpose, &secret, salt, rounds, length)
        };
        let key = made(Purpose::Cipher, key_length);
        let vector = made(Purpose::InitialVector, 8);
        let cipher = cbc::Decryptor::<T>::new_from_slices(&key, &vector)
            .map_err(|_| damaged("an encryption"))?;
        cipher
            .decrypt_padded_vec::<Pkcs7>(&self.bytes)
            .map(Zeroizing::new)
            .map_err(|_| X509Error::WrongPassphrase)
    }

    /// Salt and rounds of an old scheme.
    fn old_parameters(&self) -> Result<(&[u8], u64), X509Error> {
        let scheme = self.sealed()?.scheme;
        signature::algorithm_parts(scheme.content)
            .and_then(|(_, parameters)| tlv::items(parameters?.content))
            .and_then(|fields| match fields.as_slice() {
                [salt, rounds] if salt.tag == tlv::OCTET_STRING && rounds.tag == tlv::INTEGER => {
                    Some((salt.content, key_format::saturated(rounds.content)))
                }
                _ => None,
            })
            .ok_or_else(|| damaged("an encryption"))
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
