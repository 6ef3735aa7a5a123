//! Why a sealed bundle cannot be opened, or made.

use super::{MAX_BYTES, MAX_ITERATIONS};
use crate::explain::{Explain, Explanation};
use crate::x509::X509Error;

/// See [`Explain`] for the words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// A version that is not known here.
    #[error("a sealed bundle of another version")]
    OtherVersion,
    /// Bytes are missing.
    #[error("truncated: {found} bytes of {expected}")]
    Truncated {
        /// Bytes that it should have.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// Over the limit.
    #[error("{size} bytes, and at most {MAX_BYTES} are sealed")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// It asks for more work than a file from outside may.
    #[error("it asks for {iterations} iterations, and at most {MAX_ITERATIONS} are done")]
    TooCostly {
        /// What it asks for.
        iterations: u32,
    },
    /// No passphrase was given.
    #[error("the bundle is sealed, and there is no passphrase")]
    PassphraseMissing,
    /// Its tag is not the one that the passphrase makes.
    #[error("the passphrase does not open it, or it was changed")]
    NotOpened,
    /// Its structure makes no sense.
    #[error("the sealed bundle is damaged: {what}")]
    Damaged {
        /// Where.
        what: &'static str,
    },
    /// Its key cannot be read, or written.
    #[error(transparent)]
    Key(#[from] X509Error),
}

impl SealedError {
    /// Whether a passphrase, or another one, would open it.
    pub fn is_closed(&self) -> bool {
        matches!(
            self,
            SealedError::PassphraseMissing | SealedError::NotOpened
        )
    }
}

impl Explain for SealedError {
    fn explain(&self) -> Explanation {
        let (code, what, why, mend) = match self {
            SealedError::OtherVersion => (
                "sealed.other-version",
                "the sealed bundle is of a version that is not known here",
                "this edgecert reads version 1".to_owned(),
                "use a newer edgecert here, or `edgecert export` of the same version there",
            ),
            SealedError::Truncated { expected, found } => (
                "sealed.truncated",
                "the sealed bundle is truncated",
                format!("it says it has {expected} bytes, and {found} are there"),
                "copy the file again, whole and in binary mode",
            ),
            SealedError::TooLarge { size } => (
                "sealed.too-large",
                "the sealed bundle is too large",
                format!("it has {size} bytes, and at most {MAX_BYTES} are sealed and opened"),
                "give the file that `edgecert export --format sealed` wrote",
            ),
            SealedError::TooCostly { iterations } => (
                "sealed.too-costly",
                "opening the sealed bundle would take too long",
                format!("it asks for {iterations} iterations, and at most {MAX_ITERATIONS} are done"),
                "its header was changed: copy the file again, or export it again",
            ),
            SealedError::PassphraseMissing => (
                "sealed.passphrase-missing",
                "the bundle is sealed",
                "no passphrase was given".to_owned(),
                "write its passphrase into a file that only you can read: `edgecert import FILE --passphrase-file PASS`",
            ),
            SealedError::NotOpened => (
                "sealed.not-opened",
                "the passphrase does not open the sealed bundle",
                "it is another passphrase, or a byte of the file was changed; the two look the same, and nothing was taken"
                    .to_owned(),
                "compare the passphrase files (`sha256sum`) and the bundle with those of the machine that sealed it",
            ),
            SealedError::Damaged { what } => (
                "sealed.damaged",
                "the sealed bundle is damaged",
                (*what).to_owned(),
                "copy the file again; if that does not help, `edgecert export --format sealed` makes another",
            ),
            SealedError::Key(error) => return error.explain(),
        };
        Explanation {
            code,
            what: what.to_owned(),
            place: String::new(),
            why,
            mend: mend.to_owned(),
        }
    }
}
