//! Names that people give to certificates, issuers and gateways; used on the command line and as folders.

use super::NameError;
use std::fmt;

/// `a-z`, `0-9` and inner hyphens, 1 to 63 of them: safe as a folder name and as a command word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

/// Words that mean a command where a certificate's name may stand.
pub const RESERVED: [&str; 5] = ["list", "show", "cancel", "profiles", "help"];

/// Most characters of a slug.
const MAX_SLUG: usize = 63;

impl Slug {
    /// Parses; errors say which character or length is wrong, or that the word is [`RESERVED`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(character) = text
            .chars()
            .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'))
        {
            return Err(NameError::SlugCharacter {
                text: text.to_owned(),
                character,
            });
        }
        if text.len() > MAX_SLUG {
            return Err(NameError::SlugTooLong {
                text: text.to_owned(),
                length: text.len(),
            });
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(NameError::SlugHyphen {
                text: text.to_owned(),
            });
        }
        if RESERVED.contains(&text) {
            return Err(NameError::SlugReserved {
                text: text.to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_safe_as_folders_and_words() {
        for text in ["external-edge", "a", "7", "x1-y2"] {
            assert_eq!(Slug::parse(text).unwrap().as_str(), text);
        }
        let long = "a".repeat(64);
        for (text, code) in [
            ("", "names.empty"),
            ("Edge", "names.slug-character"),
            ("a/b", "names.slug-character"),
            ("..", "names.slug-character"),
            ("edge_1", "names.slug-character"),
            ("-edge", "names.slug-hyphen"),
            ("edge-", "names.slug-hyphen"),
            ("list", "names.slug-reserved"),
            (long.as_str(), "names.slug-too-long"),
        ] {
            assert_eq!(Slug::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}
