//! A sealed bundle: one generation in one file, encrypted and authenticated by a passphrase, for other machines.
//!
//! PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2) makes a key of the passphrase, AES-256-GCM (NIST SP 800-38D) seals by it; salt and
//! nonce are new in each file, and the header is authenticated with the rest. What the facts say is not for this room.
//! The format byte by byte, and what it is good for: `docs/sealed.md`.

mod error;

pub use error::SealedError;

use super::key_format::random;
use super::{Bundle, Passphrase, PrivateKey, effort};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use std::fmt;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// How every version begins; the digit after it and a line end follow.
const MAGIC: &[u8] = b"edgecert-sealed/";

/// The version that is written, and the only one read.
const VERSION: u8 = b'1';

/// Largest file, in bytes: a chain has 2 to 20 KB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Most iterations of a file from outside.
pub const MAX_ITERATIONS: u64 = effort::MAX_ROUNDS;

/// Iterations of what is written (OWASP's figure of 2023), as of keys at rest.
const ITERATIONS: u32 = 600_000;

const SALT_LEN: usize = 32;

/// Magic, version and line end, iterations, length of what is sealed, salt, nonce.
const HEADER_LEN: usize = MAGIC.len() + 2 + 4 + 4 + SALT_LEN + NONCE_LEN;

/// What a bundle holds. `Debug` says nothing of the key.
pub struct Unsealed {
    /// What is said of the generation, as it was given.
    pub facts: Vec<u8>,
    /// Leaf and intermediates, PEM.
    pub fullchain: Vec<u8>,
    /// The key.
    pub key: PrivateKey,
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed({:?})", self.key)
    }
}

/// Whether it is a sealed bundle of any version, whole or not.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Seals what is said of a generation, its chain and its key.
///
/// Errors: too large, the key's bytes cannot be read, or no random bytes.
pub fn seal(
    facts: &[u8],
    bundle: &Bundle,
    passphrase: &Passphrase,
) -> Result<Vec<u8>, SealedError> {
    seal_with(facts, bundle, passphrase, ITERATIONS)
}

fn seal_with(
    facts: &[u8],
    bundle: &Bundle,
    passphrase: &Passphrase,
    iterations: u32,
) -> Result<Vec<u8>, SealedError> {
    let fullchain = bundle.chain().fullchain_pem();
    let key = bundle
        .key()
        .pkcs8_der()
        .ok_or(super::X509Error::KeyNotExportable)?;
    let parts = [facts, fullchain.as_bytes(), key.as_slice()];
    let length: usize = parts.iter().map(|part| part.len() + 4).sum();
    let size = HEADER_LEN + length + MAX_TAG_LEN;
    if size > MAX_BYTES {
        return Err(SealedError::TooLarge { size });
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(length + MAX_TAG_LEN));
    for part in parts {
        plain.extend_from_slice(&number(part.len()));
        plain.extend_from_slice(part);
    }
    let (salt, nonce) = (random::<SALT_LEN>()?, random::<NONCE_LEN>()?);
    let mut file = Vec::with_capacity(size);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[VERSION, b'\n']);
    file.extend_from_slice(&iterations.to_be_bytes());
    file.extend_from_slice(&number(length + MAX_TAG_LEN));
    file.extend_from_slice(&salt);
    file.extend_from_slice(&nonce);
    let rounds = NonZeroU32::new(iterations).ok_or(SealedError::Damaged {
        what: "no iterations",
    })?;
    let key = key_of(passphrase, &salt, rounds)?;
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(&file),
        &mut *plain,
    )
    .map_err(|_| SealedError::Damaged {
        what: "it cannot be encrypted",
    })?;
    file.extend_from_slice(&plain);
    Ok(file)
}

/// Opens a bundle.
///
/// Errors: not ours, of another version, cut off, too large, too costly, all of it before anything is derived; no
/// passphrase; not opened by it, or changed; and what opens and makes no sense.
pub fn open(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Unsealed, SealedError> {
    let sealed = Sealed::read(bytes)?;
    let passphrase = passphrase.ok_or(SealedError::PassphraseMissing)?;
    let mut plain = Zeroizing::new(sealed.bytes.to_vec());
    let key = key_of(passphrase, sealed.salt, sealed.iterations)?;
    let opened = key
        .open_in_place(
            Nonce::assume_unique_for_key(sealed.nonce),
            Aad::from(sealed.header),
            &mut plain,
        )
        .map_err(|_| SealedError::NotOpened)?;
    unpack(opened)
}

/// What was sealed, once it is decrypted: public for those who try it with any bytes.
pub fn unpack(opened: &[u8]) -> Result<Unsealed, SealedError> {
    let (facts, rest) = part(opened, "what is said of it")?;
    let (fullchain, rest) = part(rest, "its chain")?;
    let (key, rest) = part(rest, "its key")?;
    if !rest.is_empty() {
        return Err(SealedError::Damaged {
            what: "something follows the key",
        });
    }
    Ok(Unsealed {
        facts: facts.to_vec(),
        fullchain: fullchain.to_vec(),
        key: PrivateKey::from_der(key, None)?,
    })
}

/// A file taken apart, within the limits.
struct Sealed<'a> {
    header: &'a [u8],
    iterations: NonZeroU32,
    salt: &'a [u8],
    nonce: [u8; NONCE_LEN],
    /// What is encrypted, with its tag.
    bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(file: &'a [u8]) -> Result<Self, SealedError> {
        let cut = |expected| SealedError::Truncated {
            expected,
            found: file.len(),
        };
        let rest = file.strip_prefix(MAGIC).ok_or(SealedError::Damaged {
            what: "it does not begin as one",
        })?;
        match rest {
            [VERSION, b'\n', ..] => {}
            [] | [VERSION] => return Err(cut(HEADER_LEN)),
            _ => return Err(SealedError::OtherVersion),
        }
        if file.len() > MAX_BYTES {
            return Err(SealedError::TooLarge { size: file.len() });
        }
        let (header, bytes) = file
            .split_at_checked(HEADER_LEN)
            .ok_or_else(|| cut(HEADER_LEN))?;
        let fields = header.get(MAGIC.len() + 2..).unwrap_or_default();
        let split = fields
            .split_first_chunk::<4>()
            .and_then(|(iterations, rest)| Some((iterations, rest.split_first_chunk::<4>()?)))
            .and_then(|(iterations, (length, rest))| {
                let (salt, nonce) = rest.split_at_checked(SALT_LEN)?;
                Some((iterations, length, salt, nonce.try_into().ok()?))
            });
        let Some((iterations, length, salt, nonce)) = split else {
            return Err(cut(HEADER_LEN));
        };
        let iterations = u32::from_be_bytes(*iterations);
        if u64::from(iterations) > MAX_ITERATIONS {
            return Err(SealedError::TooCostly { iterations });
        }
        let iterations = NonZeroU32::new(iterations).ok_or(SealedError::Damaged {
            what: "it has no iterations",
        })?;
        let length = length_of(*length);
        if bytes.len() < length {
            return Err(cut(HEADER_LEN.saturating_add(length)));
        }
        if bytes.len() > length {
            return Err(SealedError::Damaged {
                what: "something follows it",
            });
        }
        Ok(Self {
            header,
            iterations,
            salt,
            nonce,
            bytes,
        })
    }
}

fn key_of(
    passphrase: &Passphrase,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Result<LessSafeKey, SealedError> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        passphrase.reveal().as_bytes(),
        &mut *key,
    );
    UnboundKey::new(&AES_256_GCM, &*key)
        .map(LessSafeKey::new)
        .map_err(|_| SealedError::Damaged {
            what: "no key can be derived",
        })
}

/// A length and so many bytes, and what follows.
fn part<'a>(bytes: &'a [u8], what: &'static str) -> Result<(&'a [u8], &'a [u8]), SealedError> {
    bytes
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.split_at_checked(length_of(*length)))
        .ok_or(SealedError::Damaged { what })
}

/// A length as it is written; none is over [`MAX_BYTES`].
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn length_of(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use crate::x509::KeyType;
    use crate::x509::bundle::fresh;

    fn secret() -> Passphrase {
        Passphrase::new("correct horse".into())
    }

    /// A bundle that is cheap to open.
    fn file() -> (Bundle, Vec<u8>) {
        let bundle = fresh::bundle(KeyType::Ec256);
        let file = seal_with(b"{\"a\":1}", &bundle, &secret(), 2).unwrap();
        (bundle, file)
    }

    #[test]
    fn what_is_sealed_is_opened_whole_and_shows_nothing_before() {
        let bundle = fresh::bundle(KeyType::Ec256);
        let file = seal(b"facts", &bundle, &secret()).unwrap();
        assert!(is_sealed(&file));
        assert_eq!(file[MAGIC.len() + 2..][..4], ITERATIONS.to_be_bytes());
        let found = open(&file, Some(&secret())).unwrap();
        assert_eq!(found.facts, b"facts");
        assert_eq!(found.fullchain, bundle.chain().fullchain_pem().as_bytes());
        assert_eq!(found.key.pkcs8_der(), bundle.key().pkcs8_der());
        assert!(!format!("{found:?}").contains("CERT"));
        for clear in [&b"facts"[..], b"BEGIN CERTIFICATE"] {
            assert!(!file.windows(clear.len()).any(|window| window == clear));
        }
        let again = seal(b"facts", &bundle, &secret()).unwrap();
        assert_ne!(
            file[HEADER_LEN..],
            again[HEADER_LEN..],
            "salt and nonce are new"
        );
    }

    #[test]
    fn a_change_of_any_byte_is_found() {
        let (_, file) = file();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            // iterations of 2^24 and more are refused before they are done
            assert!(open(&changed, Some(&secret())).is_err(), "byte {at}");
        }
    }

    #[test]
    fn what_is_cut_anywhere_is_told_from_a_wrong_passphrase() {
        let (_, file) = file();
        for at in MAGIC.len()..file.len() {
            let error = open(&file[..at], Some(&secret())).unwrap_err();
            assert!(
                matches!(error, SealedError::Truncated { found, .. } if found == at),
                "{at}: {error:?}"
            );
        }
        let wrong = Passphrase::new("battery staple".into());
        assert_eq!(
            open(&file, Some(&wrong)).unwrap_err(),
            SealedError::NotOpened
        );
        assert_eq!(
            open(&file, None).unwrap_err(),
            SealedError::PassphraseMissing
        );
    }

    #[test]
    fn what_asks_for_too_much_is_refused_before_anything_is_derived() {
        let (_, file) = file();
        let with = |at: usize, number: u32| {
            let mut changed = file.clone();
            changed[MAGIC.len() + 2 + at..][..4].copy_from_slice(&number.to_be_bytes());
            open(&changed, Some(&secret())).unwrap_err()
        };
        // 2^32 rounds would be half an hour: that this test ends says that none was done.
        let iterations = u32::MAX;
        assert_eq!(with(0, iterations), SealedError::TooCostly { iterations });
        assert!(matches!(with(0, 0), SealedError::Damaged { .. }));
        assert!(matches!(with(4, u32::MAX), SealedError::Truncated { .. }));
        assert!(matches!(with(4, 3), SealedError::Damaged { .. }));
        let large = [&file[..], &vec![0; MAX_BYTES]].concat();
        assert!(matches!(
            open(&large, None),
            Err(SealedError::TooLarge { .. })
        ));
        let bundle = fresh::bundle(KeyType::Ec256);
        let refused = seal(&vec![b'x'; MAX_BYTES], &bundle, &secret()).unwrap_err();
        assert!(matches!(refused, SealedError::TooLarge { .. }));
    }

    #[test]
    fn another_version_says_so() {
        let (_, mut file) = file();
        file[MAGIC.len()] = b'2';
        let error = open(&file, Some(&secret())).unwrap_err();
        assert_eq!(error, SealedError::OtherVersion);
        assert!(error.explain().mend.contains("newer"));
    }
}
