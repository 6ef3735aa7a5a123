//! A PKCS#12 file for Windows and others: one key, its leaf, the chain (RFC 7292 §4 and §5.1).
//!
//! Key and leaf carry the same friendlyName and localKeyId, by which Windows pairs them and its consoles name them.
//! Nothing in it stands in clear.

use super::IMPLICIT_0;
use super::derive::{Purpose, derive, secret_of};
use crate::x509::key_format::{self, random};
use crate::x509::tlv::{CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};
use crate::x509::{Bundle, Certificate, Passphrase, X509Error, ber, oid};
use aws_lc_rs::{digest, hmac};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use der::oid::ObjectIdentifier;
use zeroize::Zeroizing;

/// Rounds of each of the three derivations. Windows refuses files of uncommonly high counts (KB5025823), so that this is
/// less than what keys at rest have.
const ROUNDS: u32 = 100_000;

/// BMPString (X.680 §41).
const BMP_STRING: u8 = 0x1e;

/// `NULL`.
const NULL: [u8; 2] = [5, 0];

/// How a file is encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC), MAC of SHA-256: Windows 10 of 1709 and Server 2019 onwards, OpenSSL.
    Modern,
    /// 3DES and SHA-1, the only scheme that Windows Server 2016 and older read.
    Old,
}

/// Makes a file; `friendly_name` is what Windows shows.
///
/// Errors: the key's bytes cannot be read, or no random bytes.
pub fn write(
    bundle: &Bundle,
    friendly_name: &str,
    passphrase: &Passphrase,
    protection: Protection,
) -> Result<Vec<u8>, X509Error> {
    let key = bundle
        .key()
        .pkcs8_der()
        .ok_or(X509Error::KeyNotExportable)?;
    let leaf = &bundle.chain().leaf;
    let id = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, leaf.der());
    let pair = attributes(friendly_name, Some(id.as_ref()));

    let mut bags = vec![certificate_bag(leaf, &pair)];
    for one in &bundle.chain().intermediates {
        bags.push(certificate_bag(one, &attributes(&one.display_name(), None)));
    }
    let bags: Vec<&[u8]> = bags.iter().map(|bag| bag.as_slice()).collect();
    let (scheme, bytes) = seal(&ber::wrap(SEQUENCE, &bags), passphrase, protection)?;
    // EncryptedData (RFC 5652 §8), version 0
    let encrypted = ber::wrap(
        SEQUENCE,
        &[
            &named(&oid::PKCS7_DATA),
            &scheme,
            &ber::wrap(IMPLICIT_0, &[&bytes]),
        ],
    );
    let encrypted = ber::wrap(SEQUENCE, &[&integer(0), &encrypted]);
    let certificates = content(&oid::PKCS7_ENCRYPTED_DATA, &encrypted);

    let (scheme, bytes) = seal(&key, passphrase, protection)?;
    let shrouded = ber::wrap(SEQUENCE, &[&scheme, &ber::wrap(OCTET_STRING, &[&bytes])]);
    let keys = ber::wrap(SEQUENCE, &[&bag(&oid::SHROUDED_KEY_BAG, &shrouded, &pair)]);
    let keys = content(&oid::PKCS7_DATA, &ber::wrap(OCTET_STRING, &[&keys]));

    let safes = ber::wrap(SEQUENCE, &[&certificates, &keys]);
    let mac = mac(&safes, passphrase, protection)?;
    let safes = content(&oid::PKCS7_DATA, &ber::wrap(OCTET_STRING, &[&safes]));
    Ok(ber::wrap(SEQUENCE, &[&integer(3), &safes, &mac]).to_vec())
}

/// AlgorithmIdentifier, and what is encrypted by it.
fn seal(
    plain: &[u8],
    passphrase: &Passphrase,
    protection: Protection,
) -> Result<(Vec<u8>, Vec<u8>), X509Error> {
    match protection {
        Protection::Modern => key_format::encrypt_bytes(plain, passphrase, ROUNDS),
        Protection::Old => {
            // RFC 7292 appendix C
            let salt = random::<16>()?;
            let secret = secret_of(passphrase);
            let made = |purpose, length| {
                let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
                derive(hash, purpose, &secret, &salt, ROUNDS.into(), length)
            };
            let (key, vector) = (made(Purpose::Cipher, 24), made(Purpose::InitialVector, 8));
            let cipher = cbc::Encryptor::<des::TdesEde3>::new_from_slices(&key, &vector).map_err(
                |cause| X509Error::UnsupportedEncryption {
                    reason: cause.to_string(),
                },
            )?;
            let parameters = ber::wrap(
                SEQUENCE,
                &[&ber::wrap(OCTET_STRING, &[&salt]), &integer(ROUNDS)],
            );
            let scheme = ber::wrap(SEQUENCE, &[&named(&oid::PBE_SHA1_3DES), &parameters]);
            Ok((scheme.to_vec(), cipher.encrypt_padded_vec::<Pkcs7>(plain)))
        }
    }
}

/// MacData (RFC 7292 §4) by the derivation of appendix B: PBMAC1 (RFC 9579) is read by few yet.
fn mac(
    safes: &[u8],
    passphrase: &Passphrase,
    protection: Protection,
) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let (hash, algorithm, kind) = match protection {
        Protection::Modern => (&digest::SHA256, hmac::HMAC_SHA256, &oid::SHA256),
        Protection::Old => (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            &oid::SHA1,
        ),
    };
    let salt = random::<16>()?;
    let secret = secret_of(passphrase);
    let length = hash.output_len();
    let key = derive(hash, Purpose::Mac, &secret, &salt, ROUNDS.into(), length);
    let tag = hmac::sign(&hmac::Key::new(algorithm, &key), safes);
    let kind = ber::wrap(SEQUENCE, &[&named(kind), &NULL]);
    let info = ber::wrap(
        SEQUENCE,
        &[&kind, &ber::wrap(OCTET_STRING, &[tag.as_ref()])],
    );
    Ok(ber::wrap(
        SEQUENCE,
        &[&info, &ber::wrap(OCTET_STRING, &[&salt]), &integer(ROUNDS)],
    ))
}

fn certificate_bag(certificate: &Certificate, attributes: &[u8]) -> Zeroizing<Vec<u8>> {
    let octets = ber::wrap(OCTET_STRING, &[certificate.der()]);
    let value = ber::wrap(
        SEQUENCE,
        &[
            &named(&oid::X509_CERTIFICATE_BAG),
            &ber::wrap(CONTEXT_0, &[&octets]),
        ],
    );
    bag(&oid::CERT_BAG, &value, attributes)
}

/// SafeBag (RFC 7292 §4.2).
fn bag(kind: &ObjectIdentifier, value: &[u8], attributes: &[u8]) -> Zeroizing<Vec<u8>> {
    ber::wrap(
        SEQUENCE,
        &[&named(kind), &ber::wrap(CONTEXT_0, &[value]), attributes],
    )
}

/// The attributes of a bag, a SET OF in its order (X.690 §11.6).
fn attributes(friendly_name: &str, local_key_id: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let units: Vec<u8> = friendly_name
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let mut all = vec![attribute(
        &oid::FRIENDLY_NAME,
        &ber::wrap(BMP_STRING, &[&units]),
    )];
    if let Some(id) = local_key_id {
        all.push(attribute(
            &oid::LOCAL_KEY_ID,
            &ber::wrap(OCTET_STRING, &[id]),
        ));
    }
    all.sort_by(|one, other| one.as_slice().cmp(other));
    let all: Vec<&[u8]> = all.iter().map(|one| one.as_slice()).collect();
    ber::wrap(SET, &all)
}

fn attribute(kind: &ObjectIdentifier, value: &[u8]) -> Zeroizing<Vec<u8>> {
    ber::wrap(SEQUENCE, &[&named(kind), &ber::wrap(SET, &[value])])
}

/// ContentInfo (RFC 5652 §3).
fn content(kind: &ObjectIdentifier, value: &[u8]) -> Zeroizing<Vec<u8>> {
    ber::wrap(SEQUENCE, &[&named(kind), &ber::wrap(CONTEXT_0, &[value])])
}

fn named(kind: &ObjectIdentifier) -> Zeroizing<Vec<u8>> {
    ber::wrap(OBJECT_IDENTIFIER, &[kind.as_bytes()])
}

/// An INTEGER in the fewest bytes, positive (X.690 §8.3.2).
fn integer(value: u32) -> Zeroizing<Vec<u8>> {
    let digits = [&[0][..], &value.to_be_bytes()].concat();
    let skip = digits
        .windows(2)
        .take_while(|pair| matches!(pair, [0, next] if *next < 0x80))
        .count();
    ber::wrap(INTEGER, &[digits.get(skip..).unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::KeyType;
    use crate::x509::bundle::fresh;
    use crate::x509::container::{self, Note, Packing};

    #[test]
    fn integers_have_the_fewest_bytes() {
        for (value, bytes) in [
            (0, &[2, 1, 0][..]),
            (3, &[2, 1, 3]),
            (0x80, &[2, 2, 0, 0x80]),
            (100_000, &[2, 3, 1, 0x86, 0xa0]),
            (u32::MAX, &[2, 5, 0, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(*integer(value), bytes);
        }
    }

    #[test]
    fn what_is_written_is_read_with_names_and_pairing() {
        let passphrase = Passphrase::new("pässwörd".into());
        let old = Note::OldEncryption("3DES".into());
        for (key_type, protection, notes) in [
            (KeyType::Rsa2048, Protection::Modern, vec![]),
            (KeyType::Ec256, Protection::Old, vec![old]),
        ] {
            let bundle = fresh::bundle(key_type);
            let file = write(&bundle, "Käse \u{1f9c0}", &passphrase, protection).unwrap();
            let read = container::read(&file, Some(&passphrase)).unwrap();
            assert_eq!(read.packing, Packing::Pkcs12);
            let found: Vec<_> = read.certificates.iter().map(|(_, one)| one).collect();
            assert_eq!(found, bundle.chain().certificates().collect::<Vec<_>>());
            assert_eq!(read.keys[0].1.pkcs8_der(), bundle.key().pkcs8_der());
            assert!(read.problems.is_empty(), "{read:?}");
            let found: Vec<_> = read.notes.into_iter().map(|(_, note)| note).collect();
            assert_eq!(found, notes);
            let (leaf, key) = (&read.bags[0], &read.bags[2]);
            assert_eq!(leaf.friendly_name.as_deref(), Some("Käse \u{1f9c0}"));
            assert_eq!(leaf.friendly_name, key.friendly_name);
            assert!(leaf.local_key_id.is_some());
            assert_eq!(leaf.local_key_id, key.local_key_id);
            assert_eq!(read.bags[1].local_key_id, None);
            let wrong = Passphrase::new("x".into());
            assert_eq!(
                container::read(&file, Some(&wrong)).unwrap_err(),
                X509Error::ArchiveWrongPassphrase
            );
        }
    }
}
