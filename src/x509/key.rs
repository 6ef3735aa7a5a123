//! Private keys: generated, read (PKCS#8, PKCS#1, SEC1, encrypted or not), written as PKCS#8; zeroised.

use super::effort::Effort;
use super::error::Expected;
use super::pkcs12::{self, Held};
use super::public_key::{PublicKeyKind, curve_name};
use super::sniff::{self, Form};
use super::{Fingerprint, X509Error, key_format, oid, pem, tlv};
use der::asn1::{Any, Null};
use rcgen::{KeyPair, PublicKeyData, RsaKeySize, SigningKey};
use spki::AlgorithmIdentifierOwned;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// The key types that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 3072 bits.
    Rsa3072,
    /// RSA, 4096 bits.
    Rsa4096,
    /// ECDSA on P-256.
    Ec256,
    /// ECDSA on P-384.
    Ec384,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// All, in the order of the documentation.
    pub const ALL: [KeyType; 6] = [
        KeyType::Rsa2048,
        KeyType::Rsa3072,
        KeyType::Rsa4096,
        KeyType::Ec256,
        KeyType::Ec384,
        KeyType::Ed25519,
    ];

    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            KeyType::Rsa2048 => "rsa2048",
            KeyType::Rsa3072 => "rsa3072",
            KeyType::Rsa4096 => "rsa4096",
            KeyType::Ec256 => "ec256",
            KeyType::Ec384 => "ec384",
            KeyType::Ed25519 => "ed25519",
        }
    }

    /// The type that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    /// The type of a public key, where it is one we make.
    pub fn of(kind: &PublicKeyKind) -> Option<Self> {
        match kind {
            PublicKeyKind::Rsa { bits: 2048, .. } => Some(KeyType::Rsa2048),
            PublicKeyKind::Rsa { bits: 3072, .. } => Some(KeyType::Rsa3072),
            PublicKeyKind::Rsa { bits: 4096, .. } => Some(KeyType::Rsa4096),
            PublicKeyKind::Ec { curve } if curve == "P-256" => Some(KeyType::Ec256),
            PublicKeyKind::Ec { curve } if curve == "P-384" => Some(KeyType::Ec384),
            PublicKeyKind::Ed25519 => Some(KeyType::Ed25519),
            PublicKeyKind::Rsa { .. } | PublicKeyKind::Ec { .. } | PublicKeyKind::Other(_) => None,
        }
    }

    /// Whether it is RSA of any size.
    pub fn is_rsa(self) -> bool {
        matches!(self, KeyType::Rsa2048 | KeyType::Rsa3072 | KeyType::Rsa4096)
    }
}

/// A passphrase; zeroised, and silent in `Debug`.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Wraps a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// A private key that can sign. `Debug` shows its type and public digest alone.
pub struct PrivateKey {
    /// PKCS#8, DER.
    pkcs8: Zeroizing<Vec<u8>>,
    spki: Vec<u8>,
    kind: PublicKeyKind,
    /// Signs; its own copy of the DER is wiped as soon as it is made.
    pair: KeyPair,
}

impl PrivateKey {
    /// Largest key file read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Makes a new key pair.
    pub fn generate(key_type: KeyType) -> Result<Self, X509Error> {
        let rsa = |size| KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size);
        let pair = match key_type {
            KeyType::Rsa2048 => rsa(RsaKeySize::_2048),
            KeyType::Rsa3072 => rsa(RsaKeySize::_3072),
            KeyType::Rsa4096 => rsa(RsaKeySize::_4096),
            KeyType::Ec256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyType::Ec384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyType::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
        }
        .map_err(|cause| X509Error::GenerationFailed {
            reason: cause.to_string(),
        })?;
        let mut pkcs8 = Zeroizing::new(pair.serialized_der().to_vec());
        if key_type == KeyType::Ed25519 {
            pkcs8 = key_format::without_public_key(&pkcs8)?;
        }
        Ok(Self::from_pair(pair, pkcs8))
    }

    /// Reads the first private key of a PEM or DER text: PKCS#8, encrypted PKCS#8 (PBES2; KDF costs bounded),
    /// PKCS#1, SEC1, PKCS#12; blocks such as EC PARAMETERS before it are skipped.
    ///
    /// Errors: encrypted and no passphrase, wrong passphrase, a form we do not read (legacy DEK-Info, PBES1) with
    /// the openssl command that converts it, RSA under 2048 bits, an unknown algorithm.
    pub fn read(bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, X509Error> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES,
                size: bytes.len(),
            });
        }
        let blocks = pem::scan(bytes);
        if blocks.is_empty() {
            return match sniff::form(bytes) {
                Form::Unknown => Err(X509Error::NothingRecognised {
                    expected: Expected::Key,
                    found: "neither a PEM block nor a DER key".to_owned(),
                }),
                Form::Pkcs8
                | Form::EncryptedPkcs8
                | Form::Pkcs1
                | Form::Sec1
                | Form::Certificate
                | Form::Request
                | Form::Crl
                | Form::PublicKey
                | Form::Pkcs7
                | Form::Pkcs12 => Self::from_der(bytes, passphrase),
            };
        }
        for block in &blocks {
            if let Some(legacy) = key_format::encryption_headers(&block.headers) {
                return Err(legacy);
            }
            match &block.content {
                Ok(der) if sniff::form(der).is_key() || sniff::form(der) == Form::Pkcs12 => {
                    return Self::from_der(der, passphrase);
                }
                Ok(_) if block.label.ends_with("PRIVATE KEY") => {
                    return Err(X509Error::Unreadable {
                        expected: Expected::Key,
                        reason: "its structure is that of no known key".to_owned(),
                    });
                }
                Err(reason) if block.label.ends_with("PRIVATE KEY") => {
                    return Err(X509Error::BadBlock {
                        label: block.label.clone(),
                        line: block.line,
                        reason: reason.clone(),
                    });
                }
                Ok(_) | Err(_) => {}
            }
        }
        Err(X509Error::NothingRecognised {
            expected: Expected::Key,
            found: super::pem::labels(&blocks),
        })
    }

    /// One private key in DER, of any form that is read.
    pub(crate) fn from_der(der: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, X509Error> {
        if sniff::form(der) == Form::Pkcs12 {
            return Self::from_pkcs12(der, passphrase);
        }
        let mut pkcs8 = key_format::to_pkcs8(der, passphrase)?;
        let inner = key_format::open(&pkcs8)?;
        let is = |known: &der::oid::ObjectIdentifier| inner.algorithm == known.as_bytes();
        // The crypto library says no more than "rejected": tell the common reasons apart first.
        let kind = if is(&oid::RSA) {
            match key_format::rsa_bits(inner.key) {
                Some(bits) if bits < 2048 => return Err(X509Error::RsaTooShort { bits }),
                Some(bits) => format!("RSA {bits}"),
                None => "RSA".to_owned(),
            }
        } else if is(&oid::EC_PUBLIC_KEY) {
            match inner.parameters {
                Some(named) if named.tag == tlv::OBJECT_IDENTIFIER => {
                    let curve = curve_name(named.content);
                    if !curve.starts_with("P-") {
                        return Err(X509Error::UnknownKeyAlgorithm {
                            algorithm: format!("EC on {}", oid::key_name(&curve)),
                        });
                    }
                    format!("EC {curve}")
                }
                Some(_) | None => "EC".to_owned(),
            }
        } else if is(&oid::ED25519) {
            "Ed25519".to_owned()
        } else {
            return Err(X509Error::UnknownKeyAlgorithm {
                algorithm: oid::key_name(&tlv::dotted(inner.algorithm)).to_owned(),
            });
        };
        if is(&oid::ED25519) {
            pkcs8 = key_format::without_public_key(&pkcs8)?;
        }
        let pair = KeyPair::try_from(pkcs8.as_slice()).map_err(|cause| X509Error::BadKey {
            kind,
            reason: cause.to_string(),
        })?;
        Ok(Self::from_pair(pair, pkcs8))
    }

    /// The first private key of a PKCS#12 file.
    fn from_pkcs12(der: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, X509Error> {
        let archive = pkcs12::open(
            der,
            passphrase,
            super::container::MAX_BLOCKS,
            &mut Effort::default(),
        )?;
        for bag in archive.bags {
            match bag.held {
                Ok(Held::Key(pkcs8)) => return Self::from_der(&pkcs8, None),
                Ok(Held::Certificate(_) | Held::List(_) | Held::Other) | Err(_) => {}
            }
        }
        Err(X509Error::NothingRecognised {
            expected: Expected::Key,
            found: "the PKCS#12 file holds no private key that can be read".to_owned(),
        })
    }

    fn from_pair(mut pair: KeyPair, pkcs8: Zeroizing<Vec<u8>>) -> Self {
        pair.zeroize();
        let spki = pair.subject_public_key_info();
        Self {
            pkcs8,
            kind: PublicKeyKind::of_spki(&spki),
            spki,
            pair,
        }
    }

    /// PKCS#8 in PEM, LF line ends; encrypted with PBES2 (PBKDF2-HMAC-SHA-256, 600 000, AES-256-CBC) when a passphrase is given.
    pub fn to_pem(&self, passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>, X509Error> {
        let text = match passphrase {
            None => pem::encode("PRIVATE KEY", &self.pkcs8),
            Some(passphrase) => pem::encode(
                "ENCRYPTED PRIVATE KEY",
                &key_format::encrypt(&self.pkcs8, passphrase)?,
            ),
        };
        Ok(Zeroizing::new(text))
    }

    /// PKCS#8 DER, for rustls; `None` for a key whose bytes cannot be read (a token's).
    pub fn pkcs8_der(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(self.pkcs8.clone())
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of [`Self::spki_der`].
    pub fn spki_sha256(&self) -> Fingerprint {
        Fingerprint::of(self.spki_der())
    }

    /// Its type, where it is one we make; imported keys may be of other sizes.
    pub fn key_type(&self) -> Option<KeyType> {
        KeyType::of(&self.kind)
    }

    /// As the public key of a certificate is described.
    pub fn kind(&self) -> PublicKeyKind {
        self.kind.clone()
    }

    /// Signs with the one algorithm that the key is used with here: RSA PKCS#1 v1.5 with SHA-256, ECDSA with the
    /// hash of its curve's size, Ed25519.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, X509Error> {
        SigningKey::sign(&self.pair, message).map_err(|cause| X509Error::SigningFailed {
            reason: cause.to_string(),
        })
    }

    /// The AlgorithmIdentifier of [`Self::sign`].
    pub(crate) fn signature_algorithm(&self) -> Result<AlgorithmIdentifierOwned, X509Error> {
        // RFC 4055 §5 wants NULL parameters; RFC 5758 §3.2 and RFC 8410 §3 none.
        let (kind, parameters) = match &self.kind {
            PublicKeyKind::Rsa { .. } => (oid::SHA256_RSA, Some(Any::from(Null))),
            PublicKeyKind::Ec { curve } if curve == "P-256" => (oid::SHA256_ECDSA, None),
            PublicKeyKind::Ec { curve } if curve == "P-384" => (oid::SHA384_ECDSA, None),
            PublicKeyKind::Ec { .. } => (oid::SHA512_ECDSA, None),
            PublicKeyKind::Ed25519 => (oid::ED25519, None),
            PublicKeyKind::Other(described) => {
                return Err(X509Error::UnknownKeyAlgorithm {
                    algorithm: described.clone(),
                });
            }
        };
        Ok(AlgorithmIdentifierOwned {
            oid: kind,
            parameters,
        })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {})", self.kind, self.spki_sha256())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key_type: KeyType) -> PrivateKey {
        PrivateKey::generate(key_type).unwrap()
    }

    /// The OCTET STRING inside a PKCS#8: PKCS#1 for RSA, SEC1 (without the curve) for EC.
    fn inner(key: &PrivateKey) -> Zeroizing<Vec<u8>> {
        let pkcs8 = key.pkcs8_der().unwrap();
        Zeroizing::new(key_format::open(&pkcs8).unwrap().key.to_vec())
    }

    #[test]
    fn every_type_is_written_and_read_back() {
        for key_type in [
            KeyType::Rsa2048,
            KeyType::Ec256,
            KeyType::Ec384,
            KeyType::Ed25519,
        ] {
            let made = key(key_type);
            assert_eq!(made.key_type(), Some(key_type));
            let pem = made.to_pem(None).unwrap();
            assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
            let read = PrivateKey::read(pem.as_bytes(), None).unwrap();
            assert_eq!(read.spki_der(), made.spki_der());
            assert_eq!(read.pkcs8_der(), made.pkcs8_der());
            assert_eq!(read.kind(), made.kind());
            let der = made.pkcs8_der().unwrap();
            let read = PrivateKey::read(&der, None).unwrap();
            assert_eq!(read.spki_sha256(), made.spki_sha256());
            if key_type.is_rsa() {
                let pkcs1 = pem::encode("RSA PRIVATE KEY", &inner(&made));
                let read = PrivateKey::read(pkcs1.as_bytes(), None).unwrap();
                assert_eq!(read.pkcs8_der(), made.pkcs8_der());
                assert!(matches!(
                    read.kind(),
                    PublicKeyKind::Rsa {
                        bits: 2048,
                        exponent: 65537
                    }
                ));
            }
        }
    }

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_alone() {
        let made = key(KeyType::Ed25519);
        let passphrase = Passphrase::new("correct horse".to_owned());
        let pem = made.to_pem(Some(&passphrase)).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let read = |passphrase: Option<&Passphrase>| PrivateKey::read(pem.as_bytes(), passphrase);
        assert_eq!(read(Some(&passphrase)).unwrap().spki_der(), made.spki_der());
        assert_eq!(read(None).unwrap_err(), X509Error::PassphraseMissing);
        let wrong = Passphrase::new("battery staple".to_owned());
        assert_eq!(read(Some(&wrong)).unwrap_err(), X509Error::WrongPassphrase);
    }

    #[test]
    fn a_file_cannot_ask_for_endless_work() {
        let made = key(KeyType::Ed25519);
        let passphrase = Passphrase::new("x".to_owned());
        let pem = made.to_pem(Some(&passphrase)).unwrap();
        let mut der = pem::scan(pem.as_bytes()).remove(0).content.unwrap();
        // 600 000 is 0927c0 (hex)
        let at = der
            .windows(5)
            .position(|window| window == [0x02, 0x03, 0x09, 0x27, 0xc0])
            .unwrap();
        // three bytes end at 8 388 607; as a negative number it counts as endless
        der[at + 2] = 0xff;
        assert!(matches!(
            PrivateKey::read(&der, Some(&passphrase)),
            Err(X509Error::KdfTooCostly { .. })
        ));
    }

    #[test]
    fn damage_and_other_things_are_named() {
        let made = key(KeyType::Ec256);
        let der = made.pkcs8_der().unwrap();
        let mut longer = der.to_vec();
        longer.push(0);
        let read = |bytes: &[u8]| PrivateKey::read(bytes, None).unwrap_err();
        assert!(matches!(
            read(&longer),
            X509Error::TrailingBytes { count: 1, .. }
        ));
        assert!(matches!(
            read(&der[..40]),
            X509Error::Truncated { found: 40, .. }
        ));
        assert!(matches!(
            read(b"hello"),
            X509Error::NothingRecognised { .. }
        ));
        assert!(matches!(
            read(&vec![0; PrivateKey::MAX_BYTES + 1]),
            X509Error::TooLarge { .. }
        ));
        assert!(matches!(
            read(b"-----BEGIN PRIVATE KEY-----\nMIIB\n"),
            X509Error::BadBlock { line: 1, .. }
        ));
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,00\n\nAQID\n-----END RSA PRIVATE KEY-----\n";
        let said = crate::explain::Explain::explain(&read(legacy.as_bytes()));
        assert!(
            said.mend.contains("openssl pkcs8 -topk8 -provider legacy"),
            "{}",
            said.mend
        );
        // id-ecPublicKey becomes X25519-like nonsense of the same length
        let mut unknown = der.to_vec();
        let at = unknown
            .windows(3)
            .position(|w| w == [0x2a, 0x86, 0x48])
            .unwrap();
        unknown[at + 6] = 0x7f;
        assert!(matches!(
            read(&unknown),
            X509Error::UnknownKeyAlgorithm { .. }
        ));
        // the private number becomes zero
        let mut zero = der.to_vec();
        let at = zero.windows(2).position(|w| w == [0x04, 0x20]).unwrap();
        zero[at + 2..at + 34].fill(0);
        assert!(matches!(read(&zero), X509Error::BadKey { .. }));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let made = key(KeyType::Ec256);
        let shown = format!("{made:?}");
        assert_eq!(
            shown,
            format!("PrivateKey(EC P-256, {})", made.spki_sha256())
        );
        let passphrase = Passphrase::new("secret".to_owned());
        assert!(!format!("{passphrase:?}").contains("secret"));
    }
}
