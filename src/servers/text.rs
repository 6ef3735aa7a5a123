//! What the readers share: a reading with its limits, and edits that keep every other byte.

use super::{
    Change, ConfigError, MAX_CONFIG_BYTES, MAX_CONFIG_FILES, MAX_INCLUDES_DEEP, Place, Source,
};
use std::path::{Path, PathBuf};

/// Most bytes of all files together: 16 of the largest.
const MAX_BYTES_IN_ALL: u64 = 16 * MAX_CONFIG_BYTES;

/// A configuration that is being read: which files it is made of so far.
pub(super) struct Reading<'a> {
    source: &'a dyn Source,
    /// Every file that was read, the main one first, each once.
    pub(super) files: Vec<PathBuf>,
    /// How many times a file was read: one that is included a thousand times is a thousand files.
    taken: usize,
    bytes: u64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(source: &'a dyn Source) -> Self {
        Self {
            source,
            files: Vec::new(),
            taken: 0,
            bytes: 0,
        }
    }

    pub(super) fn source(&self) -> &'a dyn Source {
        self.source
    }

    /// The text of one more file, `deep` includes below the main one.
    pub(super) fn take(
        &mut self,
        path: &Path,
        deep: usize,
        include: &Place,
    ) -> Result<String, ConfigError> {
        if deep > MAX_INCLUDES_DEEP || self.taken >= MAX_CONFIG_FILES {
            return Err(ConfigError::TooMany {
                place: include.clone(),
            });
        }
        self.taken += 1;
        let text = read_limited(self.source, path)?;
        self.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
        if self.bytes > MAX_BYTES_IN_ALL {
            return Err(ConfigError::TooMany {
                place: include.clone(),
            });
        }
        if !self.files.iter().any(|file| file == path) {
            self.files.push(path.to_path_buf());
        }
        Ok(text)
    }
}

/// The text of a file, held to the limit whatever the source does.
pub(super) fn read_limited(source: &dyn Source, path: &Path) -> Result<String, ConfigError> {
    let text = source.read(path)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

/// The place of the first line of a file.
pub(super) fn top_of(path: &Path) -> Place {
    Place {
        file: path.to_path_buf(),
        line: 1,
    }
}

/// The folder of a file; `.` for a bare name.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// How a text ends its lines: as its first line does.
pub(super) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}

/// An edit of a text: bytes `from..to` become `with`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) with: String,
}

impl Edit {
    pub(super) fn insert(at: usize, with: String) -> Self {
        Self {
            from: at,
            to: at,
            with,
        }
    }
}

/// The text with edits that do not overlap, from any order.
pub(super) fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.from, edit.to));
    let mut after = String::with_capacity(text.len() + 256);
    let mut at = 0;
    for edit in edits {
        after.push_str(text.get(at..edit.from).unwrap_or_default());
        after.push_str(&edit.with);
        at = edit.to.max(at);
    }
    after.push_str(text.get(at..).unwrap_or_default());
    after
}

/// The text with lines at its end, however it ended before; line ends as they are in it.
pub(super) fn with_lines_at_end(text: &str, lines: &[String]) -> String {
    let end = line_end(text);
    let mut after = text.to_owned();
    if !after.is_empty() && !after.ends_with('\n') {
        after.push_str(end);
    }
    for line in lines {
        after.push_str(line);
        after.push_str(end);
    }
    after
}

/// A change of a file.
pub(super) fn change(file: &Path, before: String, after: String, why: String) -> Change {
    Change {
        file: file.to_path_buf(),
        before,
        after,
        why,
    }
}

/// Names with commas between them, as they go into a [`Change::why`].
pub(super) fn in_words<T: ToString>(names: &[T]) -> String {
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Files that are given as text, for tests.
#[cfg(test)]
pub(super) mod given {
    use super::super::{ConfigError, PathKind, Source};
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    /// Files by path; folders are what lies above them.
    #[derive(Debug, Clone, Default)]
    pub struct Given(pub BTreeMap<PathBuf, String>);

    impl Given {
        pub fn new(files: &[(&str, &str)]) -> Self {
            Self(
                files
                    .iter()
                    .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
                    .collect(),
            )
        }

        /// The same with a change made.
        pub fn with(&self, change: &super::Change) -> Self {
            let mut files = self.0.clone();
            assert_eq!(files.get(&change.file), Some(&change.before));
            files.insert(change.file.clone(), change.after.clone());
            Self(files)
        }

        /// The same with partners written into it.
        pub fn changed_by(&self, planned: &super::super::federation::Planned) -> Self {
            let mut files = self.0.clone();
            for one in &planned.files {
                assert_eq!(files.get(&one.file), one.before.as_ref());
                files.insert(one.file.clone(), one.after.clone());
            }
            Self(files)
        }
    }

    fn matches(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), _) => {
                matches(&pattern[1..], text) || (!text.is_empty() && matches(pattern, &text[1..]))
            }
            (Some('?'), Some(_)) => matches(&pattern[1..], &text[1..]),
            (Some(want), Some(have)) => want == have && matches(&pattern[1..], &text[1..]),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    impl Source for Given {
        fn read(&self, path: &Path) -> Result<String, ConfigError> {
            self.0
                .get(path)
                .cloned()
                .ok_or_else(|| ConfigError::Unreadable {
                    path: path.to_path_buf(),
                    why: "No such file or directory".to_owned(),
                })
        }

        fn look(&self, path: &Path) -> Option<PathKind> {
            if self.0.contains_key(path) {
                return Some(PathKind::File);
            }
            self.0
                .keys()
                .any(|file| file.starts_with(path))
                .then_some(PathKind::Folder)
        }

        fn expand(&self, pattern: &Path) -> Vec<PathBuf> {
            let wanted: Vec<Vec<char>> = pattern
                .components()
                .map(|part| part.as_os_str().to_string_lossy().chars().collect())
                .collect();
            self.0
                .keys()
                .filter(|file| {
                    let parts: Vec<Vec<char>> = file
                        .components()
                        .map(|part| part.as_os_str().to_string_lossy().chars().collect())
                        .collect();
                    parts.len() == wanted.len()
                        && wanted.iter().zip(&parts).all(|(w, p)| matches(w, p))
                })
                .cloned()
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_every_other_byte() {
        let edits = vec![
            Edit::insert(5, "!".to_owned()),
            Edit {
                from: 0,
                to: 1,
                with: "J".to_owned(),
            },
        ];
        assert_eq!(edited("hello\r\n", edits), "Jello!\r\n");
    }

    #[test]
    fn lines_at_the_end_take_the_texts_own_line_end() {
        let lines = ["x".to_owned()];
        for (before, after) in [
            ("", "x\n"),
            ("a", "a\nx\n"),
            ("a\n", "a\nx\n"),
            ("a\r\nb", "a\r\nb\r\nx\r\n"),
        ] {
            assert_eq!(with_lines_at_end(before, &lines), after, "{before:?}");
        }
    }
}
