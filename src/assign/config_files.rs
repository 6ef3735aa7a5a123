//! The files of a server's configuration, read from disk; below a root where the server is in a chroot or a container.

use crate::explain::{Explain, os_words};
use crate::servers::{ConfigError, MAX_CONFIG_BYTES, PathKind, Source};
use crate::store::StoreError;
use crate::store::atomic::read_limited;
use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Most entries of one folder that a pattern is held against.
const MAX_ENTRIES: usize = 100_000;

/// Most paths kept of one pattern, after each of its parts: a part may lead back to where the one before began.
const MAX_EXPANDED: usize = 4096;

/// Configuration files on this machine.
#[derive(Debug, Clone)]
pub struct ConfigFiles {
    root: PathBuf,
}

impl ConfigFiles {
    /// With the folder that is `/` to the server.
    pub fn below(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where a path of the server's lies for us. A `..` never leads out of the root.
    pub fn here(&self, path: &Path) -> PathBuf {
        if self.root == Path::new("/") {
            return path.to_owned();
        }
        let mut here = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => here.push(name),
                Component::ParentDir => {
                    here.pop();
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        self.root.join(here.iter().collect::<PathBuf>())
    }
}

impl Source for ConfigFiles {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        match read_limited(&self.here(path), MAX_CONFIG_BYTES) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(StoreError::TooLarge { .. }) => Err(ConfigError::TooLarge {
                path: path.to_owned(),
            }),
            Err(error) => Err(ConfigError::Unreadable {
                path: path.to_owned(),
                why: error.explain().why,
            }),
        }
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        let there = fs::metadata(self.here(path)).ok()?;
        if there.is_dir() {
            Some(PathKind::Folder)
        } else if there.is_file() {
            Some(PathKind::File)
        } else {
            None
        }
    }

    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        for part in pattern.components() {
            let wild = matches!(part, Component::Normal(name) if is_pattern(name.as_bytes()));
            found = if wild {
                found
                    .iter()
                    .flat_map(|folder| self.matching(folder, part.as_os_str().as_bytes()))
                    .take(MAX_EXPANDED)
                    .collect()
            } else {
                found.iter().map(|folder| folder.join(part)).collect()
            };
        }
        found.retain(|path| self.look(path).is_some());
        found.sort();
        found
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
        let unreadable = |error: Error| ConfigError::Unreadable {
            path: folder.to_owned(),
            why: os_words(&error),
        };
        let listed = match fs::read_dir(self.here(folder)) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut found = Vec::new();
        for entry in listed.take(MAX_ENTRIES) {
            let name = entry.map_err(unreadable)?.file_name();
            if !name.as_bytes().starts_with(b".") {
                found.push(folder.join(name));
            }
        }
        found.sort();
        Ok(found)
    }
}

impl ConfigFiles {
    fn matching(&self, folder: &Path, pattern: &[u8]) -> Vec<PathBuf> {
        let Ok(listed) = fs::read_dir(self.here(folder)) else {
            return Vec::new();
        };
        listed
            .take(MAX_ENTRIES)
            .flatten()
            .map(|entry| entry.file_name())
            // As the shell does: a leading dot is matched by a dot alone.
            .filter(|name| !name.as_bytes().starts_with(b".") || pattern.starts_with(b"."))
            .filter(|name| fits(pattern, name.as_bytes()))
            .map(|name| folder.join(name))
            .collect()
    }
}

fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| b"*?".contains(byte))
}

/// Whether a name fits a pattern of `*` and `?`; in time proportional to the product of their lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut on) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while on < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, on));
                at += 1;
            }
            Some(byte) if *byte == b'?' || name.get(on) == Some(byte) => {
                at += 1;
                on += 1;
            }
            Some(_) | None => match star {
                Some((back, taken)) => {
                    star = Some((back, taken + 1));
                    at = back + 1;
                    on = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.pem", "a.pem", true),
            ("*.pem", ".pem", true),
            ("*.pem", "a.pem.bak", false),
            ("a?c*", "abcdef", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn paths_are_read_below_the_root_and_never_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("jail");
        std::fs::create_dir_all(root.join("etc/conf.d")).unwrap();
        std::fs::write(folder.path().join("outside"), "secret").unwrap();
        std::fs::write(root.join("etc/conf.d/b.lua"), "b").unwrap();
        std::fs::write(root.join("etc/conf.d/a.lua"), "a").unwrap();
        std::fs::write(root.join("etc/conf.d/.hidden.lua"), "h").unwrap();
        let files = ConfigFiles::below(&root);
        assert_eq!(files.read(Path::new("/etc/conf.d/a.lua")).unwrap(), "a");
        assert!(files.read(Path::new("/../outside")).is_err());
        assert_eq!(
            files.expand(Path::new("/etc/conf.d/*.lua")),
            [
                Path::new("/etc/conf.d/a.lua"),
                Path::new("/etc/conf.d/b.lua")
            ]
        );
        assert_eq!(files.expand(Path::new("/etc/none")), Vec::<PathBuf>::new());
        assert_eq!(files.look(Path::new("/etc")), Some(PathKind::Folder));
        assert_eq!(
            files.list(Path::new("/etc/conf.d")).unwrap(),
            files.expand(Path::new("/etc/conf.d/*"))
        );
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("certs");
        let files = ConfigFiles::below(Path::new("/"));
        assert_eq!(files.list(&file), Ok(Vec::new()));
        std::fs::write(&file, "").unwrap();
        assert!(matches!(
            files.list(&file),
            Err(ConfigError::Unreadable { path, .. }) if path == file
        ));
    }

    #[test]
    fn a_pattern_that_leads_back_does_not_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        for name in 0..20 {
            fs::create_dir(folder.path().join(name.to_string())).unwrap();
        }
        let files = ConfigFiles::below(folder.path());
        let pattern = "/*/../*/../*/../*/../*";
        assert_eq!(files.expand(Path::new(pattern)).len(), MAX_EXPANDED);
    }
}
