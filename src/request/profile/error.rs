//! Why a profile cannot be used, with every mistake of its file.

use super::IssuerProfile;
use crate::deployment::Mistake;
use crate::explain::{Explain, Explanation, nearest, printable};

/// Most further mistakes told besides the first one.
const MAX_TOLD: usize = 20;

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No profile of that name ships.
    #[error("there is no issuer profile {name:?}")]
    Unknown {
        /// As it was asked for.
        name: String,
    },
    /// The file is longer than [`IssuerProfile::MAX_BYTES`].
    #[error("{origin} is too large for an issuer profile: {bytes} bytes")]
    TooLarge {
        /// The file.
        origin: String,
        /// Its size.
        bytes: usize,
    },
    /// The file holds mistakes.
    #[error("the issuer profile {origin} has {} mistakes", mistakes.len())]
    Invalid {
        /// The file.
        origin: String,
        /// At least one, in file order.
        mistakes: Vec<Mistake>,
    },
}

impl Explain for ProfileError {
    fn explain(&self) -> Explanation {
        match self {
            ProfileError::Unknown { name } => {
                let known = IssuerProfile::names();
                let near = nearest(name, known.iter().copied());
                Explanation {
                    code: "request.profile-unknown",
                    what: format!("there is no issuer profile \"{}\"", printable(name)),
                    place: String::new(),
                    why: format!("the profiles that ship are {}", known.join(", ")),
                    mend: match near {
                        Some(near) => format!("write \"{near}\", or a path to a profile of your own that ends in .toml"),
                        None => "name one of them, or a path to a profile of your own that ends in .toml".into(),
                    },
                }
            }
            ProfileError::TooLarge { origin, bytes } => Explanation {
                code: "request.profile-too-large",
                what: "this is too large for an issuer profile".into(),
                place: printable(origin),
                why: format!(
                    "it has {bytes} bytes, at most {} are read",
                    IssuerProfile::MAX_BYTES
                ),
                mend: "name the profile's file".into(),
            },
            ProfileError::Invalid { origin, mistakes } => {
                let (place, mut why, mend) = match mistakes.first() {
                    Some(first) => (
                        format!("{}:{}:{}", printable(origin), first.line, first.column),
                        told(first),
                        first.mend.clone(),
                    ),
                    None => (printable(origin), String::new(), String::new()),
                };
                for other in mistakes.iter().skip(1).take(MAX_TOLD) {
                    why.push_str(&format!(
                        "\n{}:{}:{}: {} ({})",
                        printable(origin),
                        other.line,
                        other.column,
                        told(other),
                        other.mend
                    ));
                }
                if let Some(more) = mistakes
                    .len()
                    .checked_sub(MAX_TOLD + 1)
                    .filter(|more| *more > 0)
                {
                    why.push_str(&format!("\nand {more} more"));
                }
                Explanation {
                    code: "request.profile-invalid",
                    what: match mistakes.len() {
                        1 => "the issuer profile has a mistake".into(),
                        more => {
                            format!("the issuer profile has {more} mistakes")
                        }
                    },
                    place,
                    why,
                    mend,
                }
            }
        }
    }
}

/// The mistake in one line, with its reason where it has one besides the words that are known.
fn told(mistake: &Mistake) -> String {
    if mistake.why.is_empty() || mistake.why.starts_with("known") {
        mistake.line()
    } else {
        format!("{}; {}", mistake.line(), mistake.why)
    }
}
