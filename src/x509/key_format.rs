//! The forms in which private keys come, brought to PKCS#8 (RFC 5958), and their encryption (RFC 8018).
//!
//! PBES2 alone is decrypted; the older schemes are named with the command that converts them. What a file may ask
//! for is bounded before any of it is computed.

use super::effort::Effort;
use super::error::Expected;
use super::sniff::{self, Form};
use super::tlv::{self, Tlv};
use super::{Passphrase, X509Error, effort, oid, signature};
use aws_lc_rs::rand;
use der::{Decode, Encode};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2;
use zeroize::Zeroizing;

/// Most PBKDF2 iterations of a file from outside: eight times what is written here.
pub(crate) const MAX_PBKDF2_ITERATIONS: u64 = effort::MAX_ROUNDS;

/// Most memory that scrypt may ask for, 128·N·r bytes (RFC 7914 §2): OWASP's figure, four times what openssl grants.
const MAX_SCRYPT_BYTES: u64 = 128 * 1024 * 1024;

/// Highest scrypt parallelisation p.
const MAX_SCRYPT_LANES: u64 = 16;

/// PBKDF2-HMAC-SHA-256 iterations of what is written (OWASP's figure of 2023).
const WRITTEN_ITERATIONS: u32 = 600_000;

/// Brings a private key of any form to PKCS#8, decrypting it if need be.
pub(crate) fn to_pkcs8(
    der: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    match sniff::form(der) {
        Form::Pkcs8 => Ok(Zeroizing::new(der.to_vec())),
        Form::Pkcs1 => from_pkcs1(der),
        Form::Sec1 => from_sec1(der),
        Form::EncryptedPkcs8 => decrypt(der, passphrase),
        other @ (Form::Certificate
        | Form::Request
        | Form::Crl
        | Form::PublicKey
        | Form::Pkcs7
        | Form::Pkcs12
        | Form::Unknown) => Err(not_a_key(other)),
    }
}

fn not_a_key(form: Form) -> X509Error {
    let reason = match form {
        Form::Certificate => "it is a certificate",
        Form::Request => "it is a certificate request",
        Form::Crl => "it is a certificate revocation list",
        Form::PublicKey => "it is a public key",
        Form::Pkcs7 => "it is PKCS#7, which never holds a key",
        Form::Pkcs12 => "it is PKCS#12",
        Form::Pkcs8 | Form::EncryptedPkcs8 | Form::Pkcs1 | Form::Sec1 | Form::Unknown => {
            "its structure is that of no known key"
        }
    };
    unreadable(reason)
}

fn unreadable(reason: impl ToString) -> X509Error {
    X509Error::Unreadable {
        expected: Expected::Key,
        reason: reason.to_string(),
    }
}

/// RFC 8017 appendix A.1.2 into RFC 5958 §2, algorithm rsaEncryption with NULL.
fn from_pkcs1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    wrap(
        der,
        spki::AlgorithmIdentifierRef {
            oid: oid::RSA,
            parameters: Some(der::asn1::AnyRef::NULL),
        },
    )
}

/// RFC 5915 §3 into RFC 5958 §2; the curve must be named in the key.
fn from_sec1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let key = sec1::EcPrivateKey::from_der(der).map_err(unreadable)?;
    let curve = key
        .parameters
        .and_then(|parameters| parameters.named_curve())
        .ok_or_else(|| unreadable("the EC key does not name its curve"))?;
    wrap(
        der,
        spki::AlgorithmIdentifierRef {
            oid: oid::EC_PUBLIC_KEY,
            parameters: Some(der::asn1::AnyRef::from(&curve)),
        },
    )
}

fn wrap(
    der: &[u8],
    algorithm: spki::AlgorithmIdentifierRef<'_>,
) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let key = der::asn1::OctetStringRef::new(der).map_err(unreadable)?;
    let info = PrivateKeyInfoRef::new(algorithm, key);
    info.to_der().map(Zeroizing::new).map_err(unreadable)
}

/// The same key without its public half: version 2 of RFC 5958 is refused by openssl 3.0 for Ed25519.
pub(crate) fn without_public_key(pkcs8: &[u8]) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).map_err(unreadable)?;
    let plain = PrivateKeyInfoRef::new(info.algorithm, info.private_key);
    plain.to_der().map(Zeroizing::new).map_err(unreadable)
}

/// Algorithm, parameters and inner key of a PKCS#8 value.
pub(crate) struct Inner<'a> {
    /// Content of the algorithm's object identifier.
    pub algorithm: &'a [u8],
    /// Content of the inner OCTET STRING.
    pub key: &'a [u8],
    /// Parameters, if any.
    pub parameters: Option<Tlv<'a>>,
}

/// One whole value and nothing behind it.
fn one_value(der: &[u8], damaged: impl Fn() -> X509Error) -> Result<Tlv<'_>, X509Error> {
    match tlv::read(der) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(X509Error::TrailingBytes {
            after: Expected::Key,
            count: rest.len(),
        }),
        Err(tlv::TlvError::Truncated { expected, found }) => {
            Err(X509Error::Truncated { expected, found })
        }
        Err(tlv::TlvError::Unreadable) => Err(damaged()),
    }
}

/// Takes a PKCS#8 value apart; trailing bytes and damage are errors.
pub(crate) fn open(pkcs8: &[u8]) -> Result<Inner<'_>, X509Error> {
    let damaged = || unreadable("the PKCS#8 structure is damaged");
    one_value(pkcs8, damaged)?;
    let outer = tlv::exactly(pkcs8, tlv::SEQUENCE).ok_or_else(damaged)?;
    let fields = tlv::items(outer.content).ok_or_else(damaged)?;
    match fields.as_slice() {
        [version, algorithm, key, ..]
            if version.tag == tlv::INTEGER
                && algorithm.tag == tlv::SEQUENCE
                && key.tag == tlv::OCTET_STRING =>
        {
            let (kind, parameters) =
                signature::algorithm_parts(algorithm.content).ok_or_else(damaged)?;
            Ok(Inner {
                algorithm: kind,
                key: key.content,
                parameters,
            })
        }
        _ => Err(damaged()),
    }
}

/// Modulus bits of an RSAPrivateKey; `None` when it is damaged.
pub(crate) fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let fields = tlv::items(tlv::exactly(pkcs1, tlv::SEQUENCE)?.content)?;
    match fields.as_slice() {
        [version, modulus, ..] if version.tag == tlv::INTEGER && modulus.tag == tlv::INTEGER => {
            Some(bits(modulus.content))
        }
        _ => None,
    }
}

/// The length of a positive INTEGER in bits.
pub(crate) fn bits(integer: &[u8]) -> usize {
    let Some(first) = integer.iter().position(|byte| *byte != 0) else {
        return 0;
    };
    let significant = &integer[first..];
    significant.len() * 8 - significant[0].leading_zeros() as usize
}

/// What opening an encrypted key costs, in rounds of PBKDF2; errors as [`Sealed::cost`].
pub(crate) fn cost(der: &[u8]) -> Result<u64, X509Error> {
    Sealed::read(der)?.cost()
}

fn decrypt(der: &[u8], passphrase: Option<&Passphrase>) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let sealed = Sealed::read(der)?;
    sealed.cost()?;
    let passphrase = passphrase.ok_or(X509Error::PassphraseMissing)?;
    let plain = sealed.open(passphrase)?;
    // The padding of one wrong passphrase in 256 looks right: what came out must be a key as well.
    match open(&plain) {
        Ok(_) => Ok(plain),
        Err(_) => Err(X509Error::WrongPassphrase),
    }
}

/// Bytes under an encryption scheme, as EncryptedPrivateKeyInfo and EncryptedContentInfo hold them.
pub(crate) struct Sealed<'a> {
    /// AlgorithmIdentifier.
    pub scheme: Tlv<'a>,
    /// What is encrypted.
    pub bytes: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// An EncryptedPrivateKeyInfo (RFC 5958 §3).
    fn read(der: &'a [u8]) -> Result<Self, X509Error> {
        let outer = one_value(der, seal_damaged)?;
        match tlv::items(outer.content)
            .ok_or_else(seal_damaged)?
            .as_slice()
        {
            [scheme, bytes] if bytes.tag == tlv::OCTET_STRING => Ok(Self {
                scheme: *scheme,
                bytes: bytes.content,
            }),
            [scheme] => Ok(Self {
                scheme: *scheme,
                bytes: &[],
            }),
            _ => Err(seal_damaged()),
        }
    }

    /// Decrypts PBES2; the passphrase counts as UTF-8 (RFC 8018 §3). Ask for the [`Self::cost`] first.
    pub(crate) fn open(&self, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, X509Error> {
        let (_, parameters) =
            signature::algorithm_parts(self.scheme.content).ok_or_else(seal_damaged)?;
        let parameters = parameters.ok_or_else(seal_damaged)?;
        let scheme = pbes2::Parameters::from_der(parameters.raw).map_err(|cause| {
            X509Error::UnsupportedEncryption {
                reason: cause.to_string(),
            }
        })?;
        match scheme.decrypt(passphrase.reveal().as_bytes(), self.bytes) {
            Ok(plain) => Ok(Zeroizing::new(plain)),
            Err(
                cause @ (pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }
                | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. }),
            ) => Err(X509Error::UnsupportedEncryption {
                reason: cause.to_string(),
            }),
            Err(_) => Err(X509Error::WrongPassphrase),
        }
    }

    /// What opening it costs, in rounds of PBKDF2; an error where that is too much, or the scheme is not read.
    pub(crate) fn cost(&self) -> Result<u64, X509Error> {
        let (kind, parameters) =
            signature::algorithm_parts(self.scheme.content).ok_or_else(seal_damaged)?;
        if kind != oid::PBES2.as_bytes() {
            return Err(legacy(&tlv::dotted(kind)));
        }
        let parameters = parameters.ok_or_else(seal_damaged)?;
        let parameters = tlv::items(parameters.content).ok_or_else(seal_damaged)?;
        let kdf = parameters.first().ok_or_else(seal_damaged)?;
        kdf_cost(kdf)
    }
}

fn seal_damaged() -> X509Error {
    unreadable("the structure of the encrypted key is damaged")
}

fn kdf_cost(kdf: &Tlv<'_>) -> Result<u64, X509Error> {
    let (kdf, parameters) = signature::algorithm_parts(kdf.content).ok_or_else(seal_damaged)?;
    let numbers: Vec<u64> = tlv::items(parameters.ok_or_else(seal_damaged)?.content)
        .ok_or_else(seal_damaged)?
        .iter()
        .filter(|field| field.tag == tlv::INTEGER)
        .map(|field| saturated(field.content))
        .collect();
    if kdf == oid::PBKDF2.as_bytes() {
        // salt, iterationCount, keyLength OPTIONAL, prf
        match numbers.first() {
            Some(count) if *count <= MAX_PBKDF2_ITERATIONS => Ok(*count),
            Some(count) => Err(X509Error::KdfTooCostly {
                cost: format!("{count} PBKDF2 iterations"),
                limit: MAX_PBKDF2_ITERATIONS.to_string(),
            }),
            None => Err(seal_damaged()),
        }
    } else if kdf == oid::SCRYPT.as_bytes() {
        // salt, N, r, p, keyLength OPTIONAL
        let [cost, block, lanes, ..] = numbers.as_slice() else {
            return Err(seal_damaged());
        };
        let blocks = cost.saturating_mul(*block);
        let memory = blocks.saturating_mul(128);
        if memory > MAX_SCRYPT_BYTES {
            Err(X509Error::KdfTooCostly {
                cost: format!("{} MiB for scrypt", memory >> 20),
                limit: format!("{} MiB", MAX_SCRYPT_BYTES >> 20),
            })
        } else if *lanes > MAX_SCRYPT_LANES {
            Err(X509Error::KdfTooCostly {
                cost: format!("{lanes} scrypt lanes"),
                limit: MAX_SCRYPT_LANES.to_string(),
            })
        } else {
            // Measured: one block of scrypt takes as long as some four rounds of PBKDF2.
            let rounds = blocks.saturating_mul(*lanes).saturating_mul(4);
            Effort::default().spend(rounds).map(|()| rounds)
        }
    } else {
        Err(X509Error::UnsupportedEncryption {
            reason: format!("key derivation {}", tlv::dotted(kdf)),
        })
    }
}

/// An INTEGER's value; negative and huge ones are u64::MAX.
pub(crate) fn saturated(integer: &[u8]) -> u64 {
    if integer.first().is_some_and(|byte| byte & 0x80 != 0) || bits(integer) > 64 {
        return u64::MAX;
    }
    integer
        .iter()
        .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// PBES1 and the PKCS#12 schemes, by name.
fn legacy(dotted: &str) -> X509Error {
    // openssl 3 keeps MD2, MD5, RC2, RC4 and single DES in its legacy provider.
    let (name, needs_legacy_provider) = match dotted {
        "1.2.840.113549.1.5.1" => ("PBE-MD2-DES", true),
        "1.2.840.113549.1.5.3" => ("PBE-MD5-DES", true),
        "1.2.840.113549.1.5.4" => ("PBE-MD2-RC2-64", true),
        "1.2.840.113549.1.5.6" => ("PBE-MD5-RC2-64", true),
        "1.2.840.113549.1.5.10" => ("PBE-SHA1-DES", true),
        "1.2.840.113549.1.5.11" => ("PBE-SHA1-RC2-64", true),
        "1.2.840.113549.1.12.1.1" => ("PBE-SHA1-RC4-128", true),
        "1.2.840.113549.1.12.1.2" => ("PBE-SHA1-RC4-40", true),
        "1.2.840.113549.1.12.1.3" => ("PBE-SHA1-3DES", false),
        "1.2.840.113549.1.12.1.4" => ("PBE-SHA1-2DES", false),
        "1.2.840.113549.1.12.1.5" => ("PBE-SHA1-RC2-128", true),
        "1.2.840.113549.1.12.1.6" => ("PBE-SHA1-RC2-40", true),
        other => {
            return X509Error::UnsupportedEncryption {
                reason: format!("scheme {other}"),
            };
        }
    };
    X509Error::LegacyEncryption {
        scheme: name.to_owned(),
        needs_legacy_provider,
    }
}

/// Encrypts a PKCS#8 value: PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, which every consumer reads.
pub(crate) fn encrypt(
    pkcs8: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, X509Error> {
    let parameters = fresh_parameters(WRITTEN_ITERATIONS)?;
    let info = PrivateKeyInfoRef::from_der(pkcs8).map_err(unreadable)?;
    let sealed = info
        .encrypt_with_params(parameters, passphrase.reveal().as_bytes())
        .map_err(not_encrypted)?;
    Ok(Zeroizing::new(sealed.as_bytes().to_vec()))
}

/// Any bytes under the same scheme, with so many iterations: AlgorithmIdentifier (DER) and what is encrypted.
pub(crate) fn encrypt_bytes(
    plain: &[u8],
    passphrase: &Passphrase,
    iterations: u32,
) -> Result<(Vec<u8>, Vec<u8>), X509Error> {
    let parameters = fresh_parameters(iterations)?;
    let bytes = parameters
        .encrypt(passphrase.reveal().as_bytes(), plain)
        .map_err(not_encrypted)?;
    let scheme = pkcs8::pkcs5::EncryptionScheme::from(parameters)
        .to_der()
        .map_err(not_encrypted)?;
    Ok((scheme, bytes))
}

fn fresh_parameters(iterations: u32) -> Result<pbes2::Parameters, X509Error> {
    let (salt, iv) = (random::<16>()?, random::<16>()?);
    pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(iterations, &salt, iv)
        .map_err(not_encrypted)
}

/// So many random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], X509Error> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| X509Error::GenerationFailed {
        reason: "no random bytes".to_owned(),
    })?;
    Ok(bytes)
}

fn not_encrypted(cause: impl std::fmt::Display) -> X509Error {
    X509Error::UnsupportedEncryption {
        reason: cause.to_string(),
    }
}

/// The error for a PEM block with RFC 1421 encryption headers; `None` when it has none.
pub(crate) fn encryption_headers(headers: &[(String, String)]) -> Option<X509Error> {
    headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("DEK-Info"))
        .map(|(_, value)| {
            let cipher = value.split(',').next().unwrap_or_default().trim();
            X509Error::LegacyEncryption {
                scheme: format!("DEK-Info: {cipher}"),
                // AES and triple DES are in the default provider.
                needs_legacy_provider: !(cipher.starts_with("AES") || cipher == "DES-EDE3-CBC"),
            }
        })
}
