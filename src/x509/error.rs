//! Why bytes are not the certificate, key or request they should be.

use crate::explain::{Explain, Explanation, printable};

/// What was expected of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// An X.509 certificate.
    Certificate,
    /// A PKCS#10 certificate request.
    Request,
    /// A private key.
    Key,
    /// A container of them: PKCS#7 or PKCS#12.
    Archive,
    /// A certificate revocation list.
    Crl,
    /// Any of them.
    Anything,
}

impl Expected {
    /// What the label of a PEM block promises.
    pub fn of_label(label: &str) -> Self {
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Expected::Certificate,
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Expected::Request,
            "PKCS7" | "CMS" | "CERTIFICATE CHAIN" | "PKCS12" => Expected::Archive,
            "X509 CRL" => Expected::Crl,
            key if key.ends_with("PRIVATE KEY") => Expected::Key,
            _ => Expected::Anything,
        }
    }

    /// In words, with article: `a certificate`.
    pub fn words(self) -> &'static str {
        match self {
            Expected::Certificate => "a certificate",
            Expected::Request => "a certificate request",
            Expected::Key => "a private key",
            Expected::Archive => "a container of certificates",
            Expected::Crl => "a certificate revocation list",
            Expected::Anything => "a certificate, a request or a key",
        }
    }
}

/// A thing that is recognised, and holds no certificate to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignForm {
    /// PKCS#7 (CMS) of another kind than signed data: an encrypted message.
    SealedMessage,
    /// PKCS#12 that is protected by a public key instead of a passphrase.
    PublicKeyPkcs12,
    /// A certificate revocation list.
    Crl,
    /// A public key alone.
    PublicKey,
    /// A bundle that `export --format sealed` wrote.
    SealedBundle,
}

impl ForeignForm {
    /// Its name.
    pub fn words(self) -> &'static str {
        match self {
            ForeignForm::SealedMessage => "an encrypted PKCS#7 message",
            ForeignForm::PublicKeyPkcs12 => "PKCS#12 for the owner of another key",
            ForeignForm::Crl => "a certificate revocation list",
            ForeignForm::PublicKey => "a public key",
            ForeignForm::SealedBundle => "a sealed bundle",
        }
    }
}

/// See [`Explain`] for the words. Variants carry facts: label, line, reason of the parser, sizes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum X509Error {
    /// The bytes are something else, or are damaged inside.
    #[error("not {}: {reason}", expected.words())]
    Unreadable {
        /// What they should be.
        expected: Expected,
        /// What the parser met.
        reason: String,
    },
    /// The outer length field says more bytes than there are.
    #[error("truncated: {found} bytes of {expected}")]
    Truncated {
        /// Bytes that the value says it has.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// Something follows the value.
    #[error("{count} bytes follow {}", after.words())]
    TrailingBytes {
        /// What they follow.
        after: Expected,
        /// How many.
        count: usize,
    },
    /// Over a size limit; nothing was read.
    #[error("{size} bytes, and at most {limit} are read")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
        /// The size, in bytes.
        size: usize,
    },
    /// More PEM blocks than are read of one file.
    #[error("{count} blocks, and at most {limit} are read")]
    TooManyBlocks {
        /// The limit.
        limit: usize,
        /// The blocks there are.
        count: usize,
    },
    /// More encrypted keys than are opened of one file.
    #[error("more than {limit} encrypted keys in one file")]
    TooManyEncryptedKeys {
        /// The limit.
        limit: usize,
    },
    /// A PEM block that cannot be decoded.
    #[error("block {label} at line {line}: {reason}")]
    BadBlock {
        /// Between the dashes.
        label: String,
        /// Line of its BEGIN, from 1.
        line: usize,
        /// `no END line`, `base64 error at line 7`.
        reason: String,
    },
    /// Nothing that is looked for stands in the text.
    #[error("nothing recognised: {found}")]
    NothingRecognised {
        /// What was looked for.
        expected: Expected,
        /// What the text looks like.
        found: String,
    },
    /// A form that is known, and not read here.
    #[error("{} is not read", form.words())]
    ForeignForm {
        /// Which.
        form: ForeignForm,
    },
    /// An encrypted PKCS#12 file, and no passphrase was given.
    #[error("the PKCS#12 file is encrypted, and there is no passphrase")]
    ArchivePassphraseMissing,
    /// The passphrase does not open the PKCS#12 file.
    #[error("the passphrase does not open the PKCS#12 file")]
    ArchiveWrongPassphrase,
    /// A PKCS#12 file under a scheme that is not read.
    #[error("the PKCS#12 file is protected by {scheme}, which is not read")]
    ArchiveScheme {
        /// Its name, or dotted.
        scheme: String,
        /// Whether openssl 3 needs its legacy provider for it.
        needs_legacy_provider: bool,
    },
    /// Opening a PKCS#12 file would cost more than a file from outside may ask for.
    #[error("opening the PKCS#12 file asks for {cost}, and at most {limit} is allowed")]
    ArchiveTooCostly {
        /// What it asks for, with its unit.
        cost: String,
        /// The bound.
        limit: String,
    },
    /// More things than are read of one file.
    #[error("more than {limit} things in one file")]
    TooManyItems {
        /// The limit.
        limit: usize,
    },
    /// Containers in containers, too often.
    #[error("more than {limit} levels of containers")]
    NestedTooDeep {
        /// The limit.
        limit: usize,
    },
    /// An encrypted key, and no passphrase was given.
    #[error("the key is encrypted, and there is no passphrase")]
    PassphraseMissing,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// A key encrypted by a scheme that is not read: DEK-Info headers, or PBES1.
    #[error("the key is encrypted by {scheme}, which is not read")]
    LegacyEncryption {
        /// `DEK-Info: DES-EDE3-CBC`, or the dotted identifier.
        scheme: String,
        /// Whether openssl 3 needs its legacy provider for it.
        needs_legacy_provider: bool,
    },
    /// PBES2 with a cipher, hash or parameters that are not read.
    #[error("the key's encryption is not read: {reason}")]
    UnsupportedEncryption {
        /// What is not known.
        reason: String,
    },
    /// Opening the key would cost more than a file from outside may ask for.
    #[error("opening the key asks for {cost}, and at most {limit} is allowed")]
    KdfTooCostly {
        /// What it asks for, with its unit.
        cost: String,
        /// The bound, with its unit.
        limit: String,
    },
    /// An RSA key too short for any use.
    #[error("RSA key of {bits} bits")]
    RsaTooShort {
        /// Modulus length.
        bits: usize,
    },
    /// A key type that cannot be used here.
    #[error("key type {algorithm} is not usable")]
    UnknownKeyAlgorithm {
        /// Its name, or dotted.
        algorithm: String,
    },
    /// The key is of a known type, and its numbers are wrong.
    #[error("the {kind} key is damaged: {reason}")]
    BadKey {
        /// `RSA`, `EC P-256`.
        kind: String,
        /// What the crypto library says.
        reason: String,
    },
    /// A field that cannot be written as it was given.
    #[error("{field} cannot be written: {reason}")]
    Unwritable {
        /// `subject C`, `subjectAltName`.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Making a key failed.
    #[error("no key could be made: {reason}")]
    GenerationFailed {
        /// What the crypto library says.
        reason: String,
    },
    /// Signing failed.
    #[error("signing failed: {reason}")]
    SigningFailed {
        /// What the crypto library says.
        reason: String,
    },
    /// The bytes of the key cannot be read, as it lives elsewhere.
    #[error("the key's bytes cannot be read")]
    KeyNotExportable,
}

impl X509Error {
    /// Whether a passphrase, or another one, would open it.
    pub fn is_closed(&self) -> bool {
        matches!(
            self,
            X509Error::PassphraseMissing
                | X509Error::WrongPassphrase
                | X509Error::ArchivePassphraseMissing
                | X509Error::ArchiveWrongPassphrase
        )
    }

    pub(crate) fn unwritable(field: &'static str, cause: impl std::fmt::Display) -> Self {
        X509Error::Unwritable {
            field,
            reason: cause.to_string(),
        }
    }
}

impl Explain for X509Error {
    fn explain(&self) -> Explanation {
        match self {
            X509Error::Unreadable { expected, reason } => Explanation {
                code: "x509.unreadable",
                what: format!("this is not {}", expected.words()),
                place: String::new(),
                why: printable(reason),
                mend: match expected {
                    Expected::Certificate => "compare with `openssl x509 -in FILE -noout -text`; if that fails too, fetch the certificate from the CA again",
                    Expected::Request => "compare with `openssl req -in FILE -noout -text`; if that fails too, make the request again",
                    Expected::Key => "compare with `openssl pkey -in FILE -noout`; if that fails too, restore the key from its backup",
                    Expected::Archive => "fetch it from the CA again; or look at it with `openssl asn1parse -inform DER -in FILE`",
                    Expected::Crl => "compare with `openssl crl -in FILE -noout -text` (add `-inform DER` when it is not text); if that fails too, fetch the list from the CA again",
                    Expected::Anything => "look at the file with `openssl asn1parse -in FILE` (add `-inform DER` when it is not text)",
                }
                .to_owned(),
            },
            X509Error::Truncated { expected, found } => Explanation {
                code: "x509.truncated",
                what: "the data is truncated".to_owned(),
                place: String::new(),
                why: format!("it says it has {expected} bytes, and {found} are there"),
                mend: "copy the file again, whole; a transfer in text mode or an editor may have cut it".to_owned(),
            },
            X509Error::TrailingBytes { after, count } => Explanation {
                code: "x509.trailing-bytes",
                what: format!("something follows {}", after.words()),
                place: String::new(),
                why: format!("{count} bytes stand after its end"),
                mend: "put each certificate into a PEM block or a file of its own".to_owned(),
            },
            X509Error::TooLarge { limit, size } => Explanation {
                code: "x509.too-large",
                what: "the data is too large to be what it should be".to_owned(),
                place: String::new(),
                why: format!("it has {size} bytes, and at most {limit} are read"),
                mend: "give the certificate, request or key itself, not an archive or a log".to_owned(),
            },
            X509Error::TooManyBlocks { limit, count } => Explanation {
                code: "x509.too-many-blocks",
                what: "the file holds too many PEM blocks".to_owned(),
                place: String::new(),
                why: format!("{count} blocks, and at most {limit} are read"),
                mend: "split the file".to_owned(),
            },
            X509Error::TooManyEncryptedKeys { limit } => Explanation {
                code: "x509.too-many-encrypted-keys",
                what: "the file holds too many encrypted keys".to_owned(),
                place: String::new(),
                why: format!("opening each may take seconds, and at most {limit} are opened"),
                mend: "keep the one key that is meant in the file".to_owned(),
            },
            X509Error::BadBlock {
                label,
                line,
                reason,
            } => Explanation {
                code: "x509.bad-block",
                what: format!("the block {} cannot be decoded", printable(label)),
                place: format!("line {line}"),
                why: printable(reason),
                mend: format!(
                    "copy the block again from its BEGIN to its END line: `-----END {}-----`",
                    printable(label)
                ),
            },
            X509Error::NothingRecognised { expected, found } => Explanation {
                code: "x509.nothing-recognised",
                what: match expected {
                    Expected::Certificate => "there is no certificate in it",
                    Expected::Request => "there is no certificate request in it",
                    Expected::Key => "there is no private key in it",
                    Expected::Archive => "there is no container of certificates in it",
                    Expected::Crl => "there is no certificate revocation list in it",
                    Expected::Anything => "there is no certificate, request or key in it",
                }
                .to_owned(),
                place: String::new(),
                why: printable(found),
                mend: "give a PEM file (it has a line that starts with -----BEGIN), or DER, PKCS#7 or PKCS#12".to_owned(),
            },
            X509Error::ForeignForm { form } => Explanation {
                code: "x509.foreign-form",
                what: format!("this is {}, which is not read here", form.words()),
                place: String::new(),
                why: "certificates, requests and keys are read, alone or in PKCS#7 and PKCS#12".to_owned(),
                mend: match form {
                    ForeignForm::SealedMessage => "decrypt it first: `openssl cms -decrypt -inform DER -in FILE -inkey KEY -out FILE.out`, and take FILE.out",
                    ForeignForm::PublicKeyPkcs12 => "ask its sender for a file under a passphrase: openssl and Windows write no other",
                    ForeignForm::Crl => "give the certificate, not the list of revoked ones",
                    ForeignForm::PublicKey => "give the certificate or the private key that belongs to it",
                    ForeignForm::SealedBundle => "take it in, alone: `edgecert import FILE --passphrase-file PASS`",
                }
                .to_owned(),
            },
            X509Error::ArchivePassphraseMissing => Explanation {
                code: "x509.archive-passphrase-missing",
                what: "the PKCS#12 file is encrypted".to_owned(),
                place: String::new(),
                why: "no passphrase was given, and the empty one does not open it".to_owned(),
                mend: "write its passphrase into a file that only you can read: `edgecert import FILE --passphrase-file PASS`".to_owned(),
            },
            X509Error::ArchiveWrongPassphrase => Explanation {
                code: "x509.archive-wrong-passphrase",
                what: "the passphrase does not open the PKCS#12 file".to_owned(),
                place: String::new(),
                why: "its MAC is not the one that the passphrase makes, or nothing decrypts with it; a damaged file looks the same".to_owned(),
                mend: "try it with `openssl pkcs12 -in FILE -noout`, and give the one that works there".to_owned(),
            },
            X509Error::ArchiveScheme {
                scheme,
                needs_legacy_provider,
            } => Explanation {
                code: "x509.archive-scheme",
                what: "the PKCS#12 file is protected in a way that is not read".to_owned(),
                place: String::new(),
                why: format!("{}; PBES2, 3DES and RC2-40 are read", printable(scheme)),
                mend: if *needs_legacy_provider {
                    "`openssl pkcs12 -legacy -in FILE -out FILE.pem`, and take FILE.pem with the passphrase given there".to_owned()
                } else {
                    "`openssl pkcs12 -in FILE -out FILE.pem`, and take FILE.pem with the passphrase given there".to_owned()
                },
            },
            X509Error::ArchiveTooCostly { cost, limit } => Explanation {
                code: "x509.archive-too-costly",
                what: "opening the PKCS#12 file would take too long".to_owned(),
                place: String::new(),
                why: format!("it asks for {cost}, and at most {limit} is allowed"),
                mend: "if the file is yours: `openssl pkcs12 -in FILE -out FILE.pem`, and take FILE.pem with the passphrase given there".to_owned(),
            },
            X509Error::TooManyItems { limit } => Explanation {
                code: "x509.too-many-items",
                what: "the file holds too many things".to_owned(),
                place: String::new(),
                why: format!("at most {limit} certificates, keys and lists are read of one file"),
                mend: "give the certificate and its chain, not a whole store".to_owned(),
            },
            X509Error::NestedTooDeep { limit } => Explanation {
                code: "x509.nested-too-deep",
                what: "the file is packed too often".to_owned(),
                place: String::new(),
                why: format!("containers stand in containers, and at most {limit} levels are opened"),
                mend: "unpack it once or twice by hand, and give what comes out".to_owned(),
            },
            X509Error::PassphraseMissing => Explanation {
                code: "x509.passphrase-missing",
                what: "the private key is encrypted".to_owned(),
                place: String::new(),
                why: "no passphrase was given".to_owned(),
                mend: "name the passphrase's file or environment variable; it is never taken from a flag".to_owned(),
            },
            X509Error::WrongPassphrase => Explanation {
                code: "x509.wrong-passphrase",
                what: "the passphrase does not open the private key".to_owned(),
                place: String::new(),
                why: "what it decrypts to is no key; a line end in the passphrase's file counts when it stands inside".to_owned(),
                mend: "try it with `openssl pkey -in FILE -noout`, and give the one that works there".to_owned(),
            },
            X509Error::LegacyEncryption {
                scheme,
                needs_legacy_provider,
            } => Explanation {
                code: "x509.legacy-encryption",
                what: "the private key is encrypted in an old way that is not read".to_owned(),
                place: String::new(),
                why: format!("{}; PBES2 is read", printable(scheme)),
                mend: if *needs_legacy_provider {
                    "`openssl pkcs8 -topk8 -provider legacy -provider default -in FILE -out FILE.new`, and take FILE.new".to_owned()
                } else {
                    "`openssl pkcs8 -topk8 -in FILE -out FILE.new`, and take FILE.new".to_owned()
                },
            },
            X509Error::UnsupportedEncryption { reason } => Explanation {
                code: "x509.unsupported-encryption",
                what: "the private key is encrypted in a way that is not read".to_owned(),
                place: String::new(),
                why: printable(reason),
                mend: "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out FILE.new`, and take FILE.new".to_owned(),
            },
            X509Error::KdfTooCostly { cost, limit } => Explanation {
                code: "x509.kdf-too-costly",
                what: "opening the private key would take too long".to_owned(),
                place: String::new(),
                why: format!("it asks for {cost}, and at most {limit} is allowed"),
                mend: "if the file is yours: `openssl pkcs8 -topk8 -iter 600000 -in FILE -out FILE.new`, and take FILE.new".to_owned(),
            },
            X509Error::RsaTooShort { bits } => Explanation {
                code: "x509.rsa-too-short",
                what: "the RSA key is too short".to_owned(),
                place: String::new(),
                why: format!("it has {bits} bits, and every verifier asks for 2048"),
                mend: "make a new key: `edgecert request --new-key --key-type rsa2048`, or ec256".to_owned(),
            },
            X509Error::UnknownKeyAlgorithm { algorithm } => Explanation {
                code: "x509.unknown-key-algorithm",
                what: "keys of this type cannot be used".to_owned(),
                place: String::new(),
                why: format!(
                    "it is {}; RSA, EC on P-256, P-384 or P-521, and Ed25519 can be",
                    printable(algorithm)
                ),
                mend: "make a new key: `edgecert request --new-key --key-type ec256`".to_owned(),
            },
            X509Error::BadKey { kind, reason } => Explanation {
                code: "x509.bad-key",
                what: format!("the {} private key is damaged", printable(kind)),
                place: String::new(),
                why: printable(reason),
                mend: "compare with `openssl pkey -in FILE -noout -check`; restore the key from its backup".to_owned(),
            },
            X509Error::Unwritable { field, reason } => Explanation {
                code: "x509.unwritable",
                what: format!("{field} cannot be written as it is"),
                place: (*field).to_owned(),
                why: printable(reason),
                mend: "change it in the deployment or the flag it comes from".to_owned(),
            },
            X509Error::GenerationFailed { reason } => Explanation {
                code: "x509.generation-failed",
                what: "no key could be made".to_owned(),
                place: String::new(),
                why: printable(reason),
                mend: "see `edgecert doctor`; the system's random number generator may not be ready".to_owned(),
            },
            X509Error::SigningFailed { reason } => Explanation {
                code: "x509.signing-failed",
                what: "the private key did not sign".to_owned(),
                place: String::new(),
                why: printable(reason),
                mend: "check the key with `openssl pkey -in FILE -noout -check`".to_owned(),
            },
            X509Error::KeyNotExportable => Explanation {
                code: "x509.key-not-exportable",
                what: "the private key cannot be written to a file".to_owned(),
                place: String::new(),
                why: "it lives where its bytes cannot be read".to_owned(),
                mend: "use it where it lives, or make a new key in a file".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_made_printable_and_every_mend_is_there() {
        let odd = "a\x1b[31m".to_owned();
        for error in [
            X509Error::Unreadable {
                expected: Expected::Certificate,
                reason: odd.clone(),
            },
            X509Error::BadBlock {
                label: odd.clone(),
                line: 1,
                reason: odd.clone(),
            },
            X509Error::LegacyEncryption {
                scheme: odd.clone(),
                needs_legacy_provider: true,
            },
            X509Error::Unwritable {
                field: "subject C",
                reason: odd.clone(),
            },
        ] {
            let said = error.explain();
            for text in [&said.what, &said.place, &said.why, &said.mend] {
                assert!(!text.contains('\x1b'), "{text}");
            }
            assert!(!said.mend.is_empty() && !said.why.is_empty());
            assert!(said.code.starts_with("x509."));
        }
    }
}
