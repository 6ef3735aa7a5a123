//! What both servers' files share: one file of our own beside the configuration, and the name of every domain as it is
//! on a stream.

use super::{Limit, Rules};
use crate::explain::printable;
use crate::federation::Partner;
use crate::names::Domain;
use crate::servers::{ConfigError, PathKind, Source};
use std::path::{Path, PathBuf};

/// The first line of our files, after the comment sign.
pub(in crate::servers) const HEAD: &str = "Written by `edgecert partner apply` from the partners of edgecert.toml; what is changed here is lost.";

/// One file of a server's configuration as it is and as it would have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The file.
    pub file: PathBuf,
    /// Its text as it was read; `None`: it is not there.
    pub before: Option<String>,
    /// Its text with the partners.
    pub after: String,
    /// Why, in words.
    pub why: String,
}

/// What a server's configuration needs for the partners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The files that change, our own one first; empty: nothing to do.
    pub files: Vec<Rewritten>,
    /// What the rules are.
    pub rules: Rules,
    /// What cannot be expressed.
    pub limits: Vec<Limit>,
}

/// Our own file, where its text changes.
pub(in crate::servers) fn own_file(
    source: &dyn Source,
    file: PathBuf,
    after: String,
) -> Result<Option<Rewritten>, ConfigError> {
    let before = match source.look(&file) {
        Some(_) => Some(source.read(&file)?),
        None => None,
    };
    if before.as_deref() == Some(after.as_str()) {
        return Ok(None);
    }
    Ok(Some(Rewritten {
        file,
        before,
        after,
        why: "the partners".to_owned(),
    }))
}

/// A domain as it may stand on a stream: its A-labels, and its U-labels where they differ (RFC 7622 §3.2.1).
pub(in crate::servers) fn spellings(domain: &Domain) -> Vec<String> {
    let (ascii, unicode) = (domain.as_str().to_owned(), domain.to_unicode());
    if unicode == ascii {
        vec![ascii]
    } else {
        vec![ascii, unicode]
    }
}

/// What may stand after a comment sign for a domain: its partner's description, on one line.
pub(in crate::servers) fn remark_for(domain: &Domain, partners: &[Partner]) -> Option<String> {
    partners
        .iter()
        .find(|partner| partner.domain == *domain)
        .and_then(|partner| partner.description.as_deref())
        .map(printable)
        .filter(|text| !text.trim().is_empty())
}

/// A source in which one file is empty: what the configuration says without it.
pub(in crate::servers) struct Without<'a> {
    pub(in crate::servers) source: &'a dyn Source,
    pub(in crate::servers) file: &'a Path,
}

impl Source for Without<'_> {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        if path == self.file {
            return Ok(String::new());
        }
        self.source.read(path)
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        self.source.look(path)
    }

    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        self.source.expand(pattern)
    }
}
