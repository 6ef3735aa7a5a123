//! Why a flag does not take a value: what every reader of values answers, so that why and mend stay apart up to where
//! they are told ([`super::usage`]).

use crate::explain::{Explain, nearest};
use std::fmt;

/// A value that is not taken. Texts in it may be foreign; they are made printable where they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTaken {
    /// `None`: it cannot be read as what the flag takes.
    pub why: Option<String>,
    /// `None`: the command's help is the way out.
    pub mend: Option<String>,
}

impl NotTaken {
    /// It cannot be read; how to write it.
    pub fn unread(mend: &str) -> Self {
        Self {
            why: None,
            mend: Some(mend.to_owned()),
        }
    }

    /// It can be read, and is not right.
    pub fn wrong(why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            mend: Some(mend.into()),
        }
    }

    /// As a room says it.
    pub fn of(error: &dyn Explain) -> Self {
        let explanation = error.explain();
        let mut parts = vec![explanation.what, explanation.why];
        parts.retain(|part| !part.is_empty());
        Self::wrong(parts.join(": "), explanation.mend)
    }

    /// It is none of the words that the flag takes.
    pub fn not_among(text: &str, known: &[&str]) -> Self {
        Self::wrong(
            format!("it takes {}", known.join(", ")),
            match nearest(text, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => "name one of them".to_owned(),
            },
        )
    }
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<&str> = [&self.why, &self.mend]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        f.write_str(&parts.join("; "))
    }
}

impl std::error::Error for NotTaken {}
