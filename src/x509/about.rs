//! What unreadable bytes were meant to be: whether a certificate may be missing for their sake.

use super::error::{Expected, ForeignForm, X509Error};

/// What a thing that could not be read is, as far as its error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A certificate.
    Certificate,
    /// A certificate request.
    Request,
    /// A private key.
    Key,
    /// PKCS#7 or PKCS#12 that is damaged: certificates may have been in it.
    Archive,
    /// PKCS#7, PKCS#12 or a sealed bundle that is sound and not opened, for want of a passphrase or a way: certificates may
    /// lie in it.
    ClosedArchive,
    /// A thing of another kind that holds no certificate to be taken: a revocation list, a public key.
    Other,
    /// The bytes do not say: it may be anything.
    Unknown,
}

impl About {
    /// Whether a certificate may be, or lie in, what could not be read.
    pub fn may_be_certificate(self) -> bool {
        match self {
            About::Certificate | About::Archive | About::ClosedArchive | About::Unknown => true,
            About::Request | About::Key | About::Other => false,
        }
    }

    pub(super) fn expected(expected: Expected) -> Self {
        match expected {
            Expected::Certificate => About::Certificate,
            Expected::Request => About::Request,
            Expected::Key => About::Key,
            Expected::Archive => About::Archive,
            Expected::Crl => About::Other,
            Expected::Anything => About::Unknown,
        }
    }
}

impl X509Error {
    /// What the error is about.
    pub fn about(&self) -> About {
        match self {
            X509Error::Unreadable { expected, .. }
            | X509Error::TrailingBytes {
                after: expected, ..
            }
            | X509Error::NothingRecognised { expected, .. } => About::expected(*expected),
            X509Error::BadBlock { label, .. } => About::expected(Expected::of_label(label)),
            X509Error::ForeignForm { form } => match form {
                ForeignForm::SealedMessage
                | ForeignForm::PublicKeyPkcs12
                | ForeignForm::SealedBundle => About::ClosedArchive,
                ForeignForm::Crl | ForeignForm::PublicKey => About::Other,
            },
            X509Error::ArchivePassphraseMissing
            | X509Error::ArchiveWrongPassphrase
            | X509Error::ArchiveScheme { .. }
            | X509Error::ArchiveTooCostly { .. } => About::ClosedArchive,
            X509Error::TooManyEncryptedKeys { .. }
            | X509Error::PassphraseMissing
            | X509Error::WrongPassphrase
            | X509Error::LegacyEncryption { .. }
            | X509Error::UnsupportedEncryption { .. }
            | X509Error::KdfTooCostly { .. }
            | X509Error::RsaTooShort { .. }
            | X509Error::UnknownKeyAlgorithm { .. }
            | X509Error::BadKey { .. }
            | X509Error::GenerationFailed { .. }
            | X509Error::SigningFailed { .. }
            | X509Error::KeyNotExportable => About::Key,
            X509Error::Truncated { .. }
            | X509Error::TooLarge { .. }
            | X509Error::TooManyBlocks { .. }
            | X509Error::TooManyItems { .. }
            | X509Error::NestedTooDeep { .. }
            | X509Error::Unwritable { .. } => About::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::container;

    #[test]
    fn damaged_blocks_are_about_what_their_label_says() {
        for (label, about) in [
            ("CERTIFICATE", About::Certificate),
            ("TRUSTED CERTIFICATE", About::Certificate),
            ("CERTIFICATE REQUEST", About::Request),
            ("NEW CERTIFICATE REQUEST", About::Request),
            ("PRIVATE KEY", About::Key),
            ("ENCRYPTED PRIVATE KEY", About::Key),
            ("RSA PRIVATE KEY", About::Key),
            ("PKCS7", About::Archive),
            ("X509 CRL", About::Other),
            ("SOMETHING", About::Unknown),
        ] {
            for content in ["!!!!", "MAMCAQE="] {
                let text = format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n");
                let (_, problem) = &container::read(text.as_bytes(), None).unwrap().problems[0];
                assert_eq!(problem.about(), about, "{label} {content}: {problem:?}");
            }
        }
    }
}
