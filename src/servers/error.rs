//! Why a server's configuration could not be read.

use super::{MAX_CONFIG_BYTES, MAX_CONFIG_FILES, MAX_INCLUDES_DEEP, Place};
use crate::explain::{Explain, Explanation, listed, printable};
use std::path::PathBuf;

/// A configuration that cannot be read, or that makes no sense of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The system would not give the file.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// A file over [`MAX_CONFIG_BYTES`].
    #[error("{} has over {MAX_CONFIG_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Files that include one another too deep, or too many of them.
    #[error("{place}: too many files")]
    TooMany {
        /// The include that was one too many.
        place: Place,
    },
    /// Text that the server itself would not take.
    #[error("{place}: {what}")]
    Malformed {
        /// Where.
        place: Place,
        /// What is wrong: a noun phrase or a sentence without its stop.
        what: String,
    },
    /// A change that could go to several places, or to none: the choice is the administrator's.
    #[error("{what}")]
    Undecided {
        /// Why there is no one place, in words.
        what: String,
        /// Where it could go, or what stands in the way.
        candidates: Vec<Place>,
    },
    /// Settings of the administrator that the partners' would replace or stand beside.
    #[error("{what}")]
    InTheWay {
        /// Why they cannot stay, in words.
        what: String,
        /// Where they stand.
        places: Vec<Place>,
        /// What to do about them.
        mend: &'static str,
    },
}

impl Explain for ConfigError {
    fn explain(&self) -> Explanation {
        let (code, what, place, why, mend) = match self {
            ConfigError::Unreadable { path, why } => (
                "server.config-unreadable",
                "the server's configuration cannot be read".to_owned(),
                path.display().to_string(),
                printable(why),
                "name the right file as `config`, and run this as a user who may read it",
            ),
            ConfigError::TooLarge { path } => (
                "server.config-too-large",
                "the server's configuration is too large".to_owned(),
                path.display().to_string(),
                format!("at most {MAX_CONFIG_BYTES} bytes of one file are read"),
                "name the right file as `config`",
            ),
            ConfigError::TooMany { place } => (
                "server.config-too-large",
                "the server's configuration has too many files".to_owned(),
                place.to_string(),
                format!(
                    "at most {MAX_CONFIG_FILES} files are read, {MAX_INCLUDES_DEEP} deep; two may include one another"
                ),
                "take the include out, or name the listeners under `prove`",
            ),
            ConfigError::Malformed { place, what } => (
                "server.config-malformed",
                "the server's configuration cannot be understood".to_owned(),
                place.to_string(),
                printable(what),
                "mend that line; the server's own checker says more",
            ),
            ConfigError::Undecided { what, candidates } => (
                "server.change-undecided",
                "it cannot be told where the certificate belongs in the server's configuration"
                    .to_owned(),
                listed(candidates, 4),
                printable(what),
                "write the files into the place that you mean, and do this again",
            ),
            ConfigError::InTheWay { what, places, mend } => (
                "server.change-undecided",
                "settings of the server's configuration stand where the partners' have to"
                    .to_owned(),
                listed(places, 4),
                printable(what),
                *mend,
            ),
        };
        Explanation {
            code,
            what,
            place: printable(&place),
            why,
            mend: mend.to_owned(),
        }
    }
}
