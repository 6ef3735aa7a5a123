//! The files below a folder: each once, links followed, no loops, within bounds.
//!
//! Not for the state itself, whose layout is known and whose links are never followed; this is for folders of others:
//! trust anchors, and certificates to be checked (certbot's `live/`, a Kubernetes secret, a tree of virtual hosts).
//! Entries of one folder come sorted by name, so that two runs report in one order.

use crate::explain::{Explain, Explanation, printable};
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Folders inside folders.
    pub depth: usize,
    /// Entries looked at altogether.
    pub entries: usize,
}

impl WalkLimits {
    /// For folders of trust anchors.
    pub const ANCHORS: WalkLimits = WalkLimits {
        depth: 4,
        entries: 10_000,
    };
    /// For folders of certificates: ten times the largest inventory that is promised to be fast.
    pub const CERTIFICATES: WalkLimits = WalkLimits {
        depth: 32,
        entries: 1_000_000,
    };
}

/// What a walk could not look at; it goes on after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalkError {
    /// A folder that cannot be listed, or a link that leads nowhere.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The folder or link.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Folders inside folders without end.
    #[error("{} lies deeper than {limit} folders", path.display())]
    TooDeep {
        /// The folder that was not entered.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// The walk ended here.
    #[error("{} holds more than {limit} entries", path.display())]
    TooMany {
        /// Where it began.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
}

impl WalkError {
    /// The path it is about.
    pub fn path(&self) -> &Path {
        match self {
            WalkError::Unreadable { path, .. }
            | WalkError::TooDeep { path, .. }
            | WalkError::TooMany { path, .. } => path,
        }
    }
}

impl Explain for WalkError {
    fn explain(&self) -> Explanation {
        let (code, why, mend) = match self {
            WalkError::Unreadable { source, .. } => (
                "walk.unreadable",
                crate::explain::os_words(source),
                "let this user read it, or remove the link if it leads nowhere",
            ),
            WalkError::TooDeep { limit, .. } => (
                "walk.too-deep",
                format!("at most {limit} folders inside each other are entered"),
                "name the folder inside directly",
            ),
            WalkError::TooMany { limit, .. } => (
                "walk.too-many",
                format!("at most {limit} entries are looked at in one walk"),
                "name its folders one by one",
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place: printable(&self.path().to_string_lossy()),
            why,
            mend: mend.to_owned(),
        }
    }
}

/// The walk, as an iterator over regular files. Effects: reads folders as it goes, so it may block.
#[derive(Debug)]
pub struct Walk {
    root: PathBuf,
    limits: WalkLimits,
    looked_at: usize,
    /// Sorted entries still to come, one level for each folder that is open.
    levels: Vec<std::vec::IntoIter<PathBuf>>,
    /// Device and inode of what was met: a file with two names counts once, a folder inside itself is not entered.
    met: HashSet<(u64, u64)>,
    first: Option<WalkError>,
}

impl Walk {
    /// Begins at a folder.
    pub fn new(root: &Path, limits: WalkLimits) -> Self {
        let mut walk = Self {
            root: root.to_path_buf(),
            limits,
            looked_at: 0,
            levels: Vec::new(),
            met: HashSet::new(),
            first: None,
        };
        match root.metadata() {
            Ok(there) => walk.first = walk.enter(root, &there).err(),
            Err(source) => walk.first = Some(unreadable(root, source)),
        }
        walk
    }

    /// Lists a folder. What was listed before an error comes all the same, behind the error.
    fn enter(&mut self, folder: &Path, there: &Metadata) -> Result<(), WalkError> {
        if self.levels.len() > self.limits.depth {
            return Err(WalkError::TooDeep {
                path: folder.to_path_buf(),
                limit: self.limits.depth,
            });
        }
        if !self.met.insert((there.dev(), there.ino())) {
            return Ok(());
        }
        let room = self.limits.entries.saturating_sub(self.looked_at) + 1;
        let listed = fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
        let (entries, broken) = sorted(listed.take(room).map(|entry| Ok(entry?.path())));
        self.levels.push(entries.into_iter());
        broken.map_or(Ok(()), |source| Err(unreadable(folder, source)))
    }

    /// The entry, if it is a regular file that was not met yet; a folder is entered.
    fn look(&mut self, path: PathBuf) -> Option<Result<PathBuf, WalkError>> {
        let there = match path.metadata() {
            Ok(there) => there,
            Err(source) => return Some(Err(unreadable(&path, source))),
        };
        if there.is_dir() {
            // Kubernetes and editors keep the real files in hidden folders and link to them.
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            return match hidden {
                true => None,
                false => self.enter(&path, &there).err().map(Err),
            };
        }
        (there.is_file() && self.met.insert((there.dev(), there.ino()))).then_some(Ok(path))
    }
}

impl Iterator for Walk {
    type Item = Result<PathBuf, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.first.take() {
            return Some(Err(error));
        }
        loop {
            let Some(path) = self.levels.last_mut()?.next() else {
                self.levels.pop();
                continue;
            };
            self.looked_at += 1;
            if self.looked_at > self.limits.entries {
                self.levels.clear();
                return Some(Err(WalkError::TooMany {
                    path: self.root.clone(),
                    limit: self.limits.entries,
                }));
            }
            if let Some(found) = self.look(path) {
                return Some(found);
            }
        }
    }
}

/// The entries by name, as far as they could be listed, and what ended the listing.
fn sorted(listed: impl Iterator<Item = io::Result<PathBuf>>) -> (Vec<PathBuf>, Option<io::Error>) {
    let (mut entries, mut broken) = (Vec::new(), None);
    for entry in listed {
        match entry {
            Ok(path) => entries.push(path),
            Err(source) => {
                broken = Some(source);
                break;
            }
        }
    }
    entries.sort_unstable();
    (entries, broken)
}

fn unreadable(path: &Path, source: io::Error) -> WalkError {
    WalkError::Unreadable {
        path: path.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn names(root: &Path, limits: WalkLimits) -> Vec<String> {
        Walk::new(root, limits)
            .map(|item| match item {
                Ok(path) => path
                    .strip_prefix(root)
                    .unwrap_or(&path)
                    .display()
                    .to_string(),
                Err(error) => format!("! {}", error.explain().code),
            })
            .collect()
    }

    #[test]
    fn each_file_comes_once_and_loops_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["archive/x", "live/x", ".hidden"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("archive/x/cert1.pem"), "").unwrap();
        fs::write(root.join(".hidden/cert.pem"), "").unwrap();
        symlink("../../archive/x/cert1.pem", root.join("live/x/cert.pem")).unwrap();
        symlink("..", root.join("live/loop")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        symlink(".hidden/cert.pem", root.join("secret.pem")).unwrap();
        assert_eq!(
            names(root, WalkLimits::CERTIFICATES),
            ["archive/x/cert1.pem", "! walk.unreadable", "secret.pem"]
        );
    }

    #[test]
    fn a_listing_that_breaks_off_is_told_and_what_was_listed_stays() {
        let broken = || io::Error::from(io::ErrorKind::TimedOut);
        let listed = [
            Ok(PathBuf::from("b")),
            Ok(PathBuf::from("a")),
            Err(broken()),
        ];
        let (entries, error) = sorted(listed.into_iter());
        assert_eq!(entries, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(error.map(|error| error.kind()), Some(broken().kind()));
    }

    #[test]
    fn a_walk_ends_at_its_limits() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b/c")).unwrap();
        for name in ["a/1", "a/b/2", "a/b/c/3", "z"] {
            fs::write(root.join(name), "").unwrap();
        }
        let deep = WalkLimits {
            depth: 2,
            entries: 100,
        };
        assert_eq!(names(root, deep), ["a/1", "a/b/2", "! walk.too-deep", "z"]);
        let many = WalkLimits {
            depth: 9,
            entries: 2,
        };
        assert_eq!(names(root, many), ["a/1", "! walk.too-many"]);
        assert_eq!(names(&root.join("none"), many), ["! walk.unreadable"]);
    }
}
