//! Files that are nowhere but in a test.

use super::{ConfigError, PathKind, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Paths and their texts.
pub(super) struct Paper(BTreeMap<PathBuf, String>);

impl Paper {
    /// Files by their paths.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(
            files
                .iter()
                .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
                .collect(),
        )
    }
}

impl Source for Paper {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| ConfigError::Unreadable {
                path: path.to_path_buf(),
                why: "no such file".to_owned(),
            })
    }

    fn look(&self, path: &Path) -> Option<PathKind> {
        if self.0.contains_key(path) {
            return Some(PathKind::File);
        }
        let is_folder = self.0.keys().any(|file| file.starts_with(path));
        is_folder.then_some(PathKind::Folder)
    }

    /// A `*` in the last part alone.
    fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
        let Some((front, back)) = pattern.to_str().and_then(|pattern| pattern.split_once('*'))
        else {
            return self
                .look(pattern)
                .map(|_| pattern.to_path_buf())
                .into_iter()
                .collect();
        };
        let fits = |path: &&PathBuf| {
            path.to_str().is_some_and(|path| {
                path.strip_prefix(front)
                    .and_then(|rest| rest.strip_suffix(back))
                    .is_some_and(|middle| !middle.contains('/'))
            })
        };
        self.0.keys().filter(fits).cloned().collect()
    }
}
