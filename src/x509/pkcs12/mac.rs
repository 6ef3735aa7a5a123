//! The MAC of a PKCS#12 file: by the key derivation of RFC 7292 appendix B, or PBMAC1 (RFC 9579).

use super::derive::{Purpose, derive, secret_of};
use super::seal::within;
use super::{X509Error, damaged, of_archive};
use crate::x509::key_format::MAX_PBKDF2_ITERATIONS;
use crate::x509::tlv::{self, Tlv};
use crate::x509::{Passphrase, ber, key_format, oid, signature};
use aws_lc_rs::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// Longest key of PBMAC1, in bytes: a block of SHA-512.
const MAX_KEY: u64 = 128;

/// MacData (RFC 7292 §4).
pub(super) struct MacData<'a> {
    /// AlgorithmIdentifier's object identifier.
    algorithm: &'a [u8],
    parameters: Option<Tlv<'a>>,
    digest: &'a [u8],
    salt: &'a [u8],
    rounds: u64,
}

/// PBMAC1-params (RFC 8018 appendix A.5).
struct Pbmac1<'a> {
    derivation: pbkdf2::Algorithm,
    salt: &'a [u8],
    rounds: u64,
    length: usize,
    mac: hmac::Algorithm,
}

impl<'a> MacData<'a> {
    pub(super) fn read(value: &Tlv<'a>) -> Option<Self> {
        let fields = ber::items(value.content, 3)?;
        let (info, salt, rounds) = match fields.as_slice() {
            // iterations DEFAULT 1
            [info, salt] => (info, salt, 1),
            [info, salt, rounds] if rounds.tag == tlv::INTEGER => {
                (info, salt, key_format::saturated(rounds.content))
            }
            _ => return None,
        };
        let parts = ber::items(info.content, 2)?;
        let [algorithm, digest] = parts.as_slice() else {
            return None;
        };
        if salt.tag != tlv::OCTET_STRING || digest.tag != tlv::OCTET_STRING {
            return None;
        }
        let (algorithm, parameters) = signature::algorithm_parts(algorithm.content)?;
        Some(Self {
            algorithm,
            parameters,
            digest: digest.content,
            salt: salt.content,
            rounds,
        })
    }

    /// Rounds of deriving its key; an error where they are too many, or its kind is not known.
    pub(super) fn cost(&self) -> Result<u64, X509Error> {
        if self.algorithm == oid::PBMAC1.as_bytes() {
            let rounds = self.pbmac1()?.rounds;
            if rounds > MAX_PBKDF2_ITERATIONS {
                return Err(X509Error::ArchiveTooCostly {
                    cost: format!("{rounds} PBKDF2 iterations"),
                    limit: MAX_PBKDF2_ITERATIONS.to_string(),
                });
            }
            return Ok(rounds);
        }
        self.hash()?;
        within(self.rounds)
    }

    /// Whether the MAC over `content` is that of the passphrase.
    pub(super) fn holds(&self, content: &[u8], passphrase: &Passphrase) -> Result<bool, X509Error> {
        if self.algorithm == oid::PBMAC1.as_bytes() {
            let kind = self.pbmac1()?;
            let rounds = u32::try_from(kind.rounds)
                .ok()
                .and_then(NonZeroU32::new)
                .ok_or_else(|| damaged("its MAC"))?;
            let mut key = Zeroizing::new(vec![0; kind.length]);
            let secret = passphrase.reveal().as_bytes();
            pbkdf2::derive(kind.derivation, rounds, kind.salt, secret, &mut key);
            let key = hmac::Key::new(kind.mac, &key);
            return Ok(hmac::verify(&key, content, self.digest).is_ok());
        }
        let (hash, mac) = self.hash()?;
        let secret = secret_of(passphrase);
        let fits = |secret: &[u8]| {
            let length = hash.output_len();
            let key = derive(hash, Purpose::Mac, secret, self.salt, self.rounds, length);
            let key = hmac::Key::new(mac, &key);
            hmac::verify(&key, content, self.digest).is_ok()
        };
        // No passphrase at all is written as one terminator, or as nothing.
        Ok(fits(&secret) || (passphrase.reveal().is_empty() && fits(&[])))
    }

    fn hash(&self) -> Result<(&'static digest::Algorithm, hmac::Algorithm), X509Error> {
        let is = |known: &der::oid::ObjectIdentifier| self.algorithm == known.as_bytes();
        if is(&oid::SHA1) {
            Ok((
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            ))
        } else if is(&oid::SHA224) {
            Ok((&digest::SHA224, hmac::HMAC_SHA224))
        } else if is(&oid::SHA256) {
            Ok((&digest::SHA256, hmac::HMAC_SHA256))
        } else if is(&oid::SHA384) {
            Ok((&digest::SHA384, hmac::HMAC_SHA384))
        } else if is(&oid::SHA512) {
            Ok((&digest::SHA512, hmac::HMAC_SHA512))
        } else {
            Err(unknown(self.algorithm))
        }
    }

    fn pbmac1(&self) -> Result<Pbmac1<'a>, X509Error> {
        let bad = || damaged("its MAC");
        let parameters = tlv::items(self.parameters.ok_or_else(bad)?.content).ok_or_else(bad)?;
        let [derivation, mac] = parameters.as_slice() else {
            return Err(bad());
        };
        let (kind, parameters) = signature::algorithm_parts(derivation.content).ok_or_else(bad)?;
        if kind != oid::PBKDF2.as_bytes() {
            return Err(unknown(kind));
        }
        let fields = tlv::items(parameters.ok_or_else(bad)?.content).ok_or_else(bad)?;
        // RFC 9579 §5: keyLength must be there
        let (salt, rounds, length, prf) = match fields.as_slice() {
            [salt, rounds, length] => (salt, rounds, length, None),
            [salt, rounds, length, prf] => (salt, rounds, length, Some(prf)),
            _ => return Err(bad()),
        };
        let all_there = salt.tag == tlv::OCTET_STRING
            && rounds.tag == tlv::INTEGER
            && length.tag == tlv::INTEGER;
        let length = key_format::saturated(length.content);
        if !all_there || length == 0 || length > MAX_KEY {
            return Err(bad());
        }
        let derivation = match prf {
            None => pbkdf2::PBKDF2_HMAC_SHA1,
            Some(prf) => {
                let (kind, _) = signature::algorithm_parts(prf.content).ok_or_else(bad)?;
                let is = |known: &der::oid::ObjectIdentifier| kind == known.as_bytes();
                if is(&oid::HMAC_SHA1) {
                    pbkdf2::PBKDF2_HMAC_SHA1
                } else if is(&oid::HMAC_SHA256) {
                    pbkdf2::PBKDF2_HMAC_SHA256
                } else if is(&oid::HMAC_SHA384) {
                    pbkdf2::PBKDF2_HMAC_SHA384
                } else if is(&oid::HMAC_SHA512) {
                    pbkdf2::PBKDF2_HMAC_SHA512
                } else {
                    return Err(unknown(kind));
                }
            }
        };
        let (kind, _) = signature::algorithm_parts(mac.content).ok_or_else(bad)?;
        let is = |known: &der::oid::ObjectIdentifier| kind == known.as_bytes();
        let mac = if is(&oid::HMAC_SHA1) {
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
        } else if is(&oid::HMAC_SHA256) {
            hmac::HMAC_SHA256
        } else if is(&oid::HMAC_SHA384) {
            hmac::HMAC_SHA384
        } else if is(&oid::HMAC_SHA512) {
            hmac::HMAC_SHA512
        } else {
            return Err(unknown(kind));
        };
        Ok(Pbmac1 {
            derivation,
            salt: salt.content,
            rounds: key_format::saturated(rounds.content),
            length: usize::try_from(length).unwrap_or(0),
            mac,
        })
    }
}

fn unknown(kind: &[u8]) -> X509Error {
    of_archive(X509Error::UnsupportedEncryption {
        reason: format!("MAC {}", tlv::dotted(kind)),
    })
}
