//! One more file in `certfiles`, and every other byte as it was.
//!
//! The text is changed where the list stands, and the outcome read again: it counts only if it says the same as
//! before and the new file.

use super::load::Loaded;
use super::yaml::{Content, Document, Id, Mark, Node};
use super::{EjabberdConfig, covers, read_from};
use crate::explain::printable;
use crate::servers::{Change, ConfigError, PathKind, Place, Source};
use std::path::{Path, PathBuf};

/// The change that adds a file to `certfiles`; `None`: a pattern names it already.
///
/// The list may be a block, in brackets, empty, in an included file, or not there at all; then it is put after
/// `hosts` in the main file.
///
/// Errors: those of reading; `Malformed` where the text cannot be changed so that it says what it said and the new
/// file, or the path cannot stand there.
pub fn with_certfile(
    config: &EjabberdConfig,
    source: &dyn Source,
    file: &Path,
) -> Result<Option<Change>, ConfigError> {
    if config
        .certfiles
        .iter()
        .any(|certfile| covers(&certfile.pattern, file))
    {
        return Ok(None);
    }
    let main = config.common.files.first().cloned().unwrap_or_default();
    let refuse = |what: String| ConfigError::Malformed {
        place: Place {
            file: main.clone(),
            line: 1,
        },
        what,
    };
    let path = file
        .to_str()
        .filter(|path| {
            path.starts_with('/') && !path.contains(['*', '?', '[', ']', '{', '}', '\\'])
        })
        .filter(|path| !path.chars().any(char::is_control))
        .ok_or_else(|| {
            refuse(format!(
                "{} cannot stand in `certfiles`: an absolute path without wildcards can",
                printable(&file.to_string_lossy())
            ))
        })?;
    let word = format!("\"{}\"", path.replace('"', "\\\""));
    let loaded = Loaded::read(&main, &config.folder, source)?;
    for (at, written) in loaded.files.iter().enumerate() {
        let before = source.read(written)?;
        for after in edits(&loaded, at, &before, &word) {
            if says_one_more(config, source, written, &after, file) {
                return Ok(Some(Change {
                    file: written.clone(),
                    before,
                    after,
                    why: format!("{} among `certfiles`", printable(path)),
                }));
            }
        }
    }
    Err(refuse(
        "the file cannot be added to `certfiles` by a tool; add it by hand".to_owned(),
    ))
}

/// Every text that may be what is wanted, the likeliest first.
fn edits(loaded: &Loaded, file: usize, before: &str, word: &str) -> Vec<String> {
    let mut edits = Vec::new();
    // What is no UTF-8 was replaced, and would be written back so.
    if before.contains('\u{fffd}') {
        return edits;
    }
    let body = before.strip_prefix('\u{feff}').unwrap_or(before);
    let text = Text::of(body, &before[..before.len() - body.len()]);
    let document = loaded.document(file);
    for top in loaded.tops.iter().filter(|top| top.name == "certfiles") {
        let list = loaded.meant(top.value);
        if loaded.file_of(list) == file {
            edits.extend(text.added(document, loaded.node(list), loaded.node(top.key), word));
        }
    }
    // The list may be in a file that comes later; only the main file gets a new one.
    if file == 0 && edits.is_empty() && !loaded.tops.iter().any(|top| top.name == "certfiles") {
        edits.extend(text.begun(document, word));
    }
    edits
}

/// Whether the changed text says all that the old one did, and the new file.
fn says_one_more(
    config: &EjabberdConfig,
    source: &dyn Source,
    written: &Path,
    after: &str,
    file: &Path,
) -> bool {
    let main = config
        .common
        .files
        .first()
        .map_or(Path::new(""), PathBuf::as_path);
    let over = Over {
        source,
        written,
        after,
    };
    let Ok(new) = read_from(main, &config.folder, &over) else {
        return false;
    };
    let Ok(before) = source.read(written) else {
        return false;
    };
    if !is_one_more(&before, after, written, file) {
        return false;
    }
    let patterns = |config: &EjabberdConfig| {
        let mut patterns: Vec<PathBuf> = config
            .certfiles
            .iter()
            .map(|certfile| certfile.pattern.clone())
            .collect();
        patterns.sort();
        patterns
    };
    let mut wanted = patterns(config);
    wanted.push(file.to_path_buf());
    wanted.sort();
    let sockets = |config: &EjabberdConfig| {
        let listeners = config.common.listeners.iter();
        listeners
            .map(|listening| (listening.protocol, listening.address))
            .collect::<Vec<_>>()
    };
    let names = |config: &EjabberdConfig| {
        let hosts = config.common.hosts.iter();
        hosts
            .map(|host| (host.name.clone(), host.kind))
            .collect::<Vec<_>>()
    };
    let remarks = |config: &EjabberdConfig| {
        let remarks = config.common.remarks.iter();
        remarks
            .map(|remark| remark.what.clone())
            .collect::<Vec<_>>()
    };
    let starttls = |config: &EjabberdConfig| {
        config
            .s2s_use_starttls
            .as_ref()
            .map(|written| written.text.clone())
    };
    patterns(&new) == wanted
        && sockets(&new) == sockets(config)
        && names(&new) == names(config)
        && remarks(&new) == remarks(config)
        && starttls(&new) == starttls(config)
        && new.common.files == config.common.files
}

/// Whether the words of a file are those of before, and in one place the path, perhaps with its `certfiles`.
fn is_one_more(before: &str, after: &str, written: &Path, file: &Path) -> bool {
    let (Ok(before), Ok(after)) = (
        Document::read(before, written),
        Document::read(after, written),
    ) else {
        return false;
    };
    let (before, after) = (before.words(), after.words());
    let front = before
        .iter()
        .zip(&after)
        .take_while(|(old, new)| old == new)
        .count();
    let new = after.len().saturating_sub(before.len());
    (new == 1 || new == 2)
        && after[front..front + new].contains(&file.to_str().unwrap_or_default())
        && after[front + new..] == before[front..]
}

/// A source with one text changed.
struct Over<'a> {
    source: &'a dyn Source,
    written: &'a Path,
    after: &'a str,
}

impl Source for Over<'_> {
    fn read(&self, path: &Path) -> Result<String, ConfigError> {
        if path == self.written {
            return Ok(self.after.to_owned());
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

/// A text by its lines.
pub(super) struct Text<'a> {
    /// A byte order mark, or nothing.
    front: &'a str,
    body: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    line_end: &'static str,
}

impl<'a> Text<'a> {
    pub(super) fn of(body: &'a str, front: &'a str) -> Self {
        let breaks = body.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        let line_end = if body.contains("\r\n") { "\r\n" } else { "\n" };
        Self {
            front,
            body,
            lines,
            line_end,
        }
    }

    /// The byte at which a line begins; after the last one, the end.
    pub(super) fn line(&self, line: usize) -> usize {
        self.lines
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(self.body.len())
    }

    fn offset(&self, mark: Mark) -> Option<usize> {
        let from = self.line(mark.line);
        let mut characters = self.body[from..].char_indices().map(|(at, _)| from + at);
        characters.nth(mark.column).or_else(|| {
            let last = self.body[from..].chars().count() == mark.column;
            last.then_some(self.body.len())
        })
    }

    fn with(&self, at: usize, new: &str) -> String {
        [self.front, &self.body[..at], new, &self.body[at..]].concat()
    }

    /// With a whole line before the one that begins at a byte, or at the end.
    fn with_line(&self, at: usize, new: &str) -> String {
        let ends_open =
            at == self.body.len() && !self.body.is_empty() && !self.body.ends_with('\n');
        if ends_open {
            self.with(at, &format!("{}{new}", self.line_end))
        } else {
            self.with(at, &format!("{new}{}", self.line_end))
        }
    }

    /// With one more element in a list, in every way that may be right.
    pub(super) fn added(
        &self,
        document: &Document,
        list: &Node,
        key: &Node,
        word: &str,
    ) -> Vec<String> {
        let mut texts = Vec::new();
        match &list.content {
            Content::List(elements) => {
                let Some(at) = self.offset(list.start) else {
                    return texts;
                };
                let first = elements
                    .first()
                    .and_then(|id| self.offset(document.node(*id).start));
                let last = elements
                    .last()
                    .and_then(|id| self.offset(document.node(*id).end));
                if self.body[at..].starts_with('[') {
                    match (first, last) {
                        (Some(first), Some(last)) => {
                            texts.push(self.with(last, &format!(", {word}")));
                            // The end of a word in quotes may be told after the comment that follows it.
                            texts.push(self.with(first, &format!("{word}, ")));
                        }
                        _ => texts.push(self.with(at + 1, word)),
                    }
                } else if let (Some(last), Some(indent)) = (elements.last(), self.indent(list, at))
                {
                    let below = self.line(below(document, *last));
                    texts.push(self.with_line(below, &format!("{indent}- {word}")));
                }
            }
            Content::Scalar(text) if text.is_empty() => {
                let indent = " ".repeat(key.start.column + 2);
                let below = self.line(key.start.line + 1);
                texts.push(self.with_line(below, &format!("{indent}- {word}")));
            }
            Content::Scalar(_) | Content::Map(_) => {}
        }
        texts
    }

    /// What stands before the dash of a list's first element. A list that is not indented below its key is told to
    /// begin after that dash.
    fn indent(&self, list: &Node, at: usize) -> Option<&str> {
        let before = &self.body[self.line(list.start.line)..at];
        let behind = &self.body[at..];
        let at_dash =
            behind.starts_with("- ") || behind.starts_with("-\n") || behind.starts_with("-\r");
        let indent = if at_dash {
            before
        } else {
            before.trim_end().strip_suffix('-')?
        };
        indent.chars().all(|c| c == ' ').then_some(indent)
    }

    /// With a list of its own: after `hosts`, else before the first option, else at the end.
    fn begun(&self, document: &Document, word: &str) -> Vec<String> {
        let option = |indent: usize| {
            let indent = " ".repeat(indent);
            format!("{indent}certfiles:{}{indent}  - {word}", self.line_end)
        };
        let mut texts = Vec::new();
        let top = document.top();
        let hosts = top
            .iter()
            .rev()
            .find(|(key, _)| document.text(*key) == Some("hosts"));
        if let Some((key, value)) = hosts {
            let below = self.line(below(document, *value));
            texts.push(self.with_line(below, &option(document.node(*key).start.column)));
        }
        match top.first() {
            Some((key, _)) => {
                let start = document.node(*key).start;
                texts.push(self.with_line(self.line(start.line), &option(start.column)));
            }
            None => texts.push(self.with_line(self.body.len(), &option(0))),
        }
        texts
    }
}

/// The line below a node.
pub(super) fn below(document: &Document, id: Id) -> usize {
    let node = document.node(id);
    let last = match &node.content {
        Content::List(elements) => elements.last().copied(),
        Content::Map(entries) => entries.last().map(|(_, value)| *value),
        Content::Scalar(_) => None,
    };
    let inner = last.map_or(0, |last| below(document, last));
    // What ends at the beginning of a line ended with the one before.
    let own = if node.end.column == 0 && node.end.line > node.start.line {
        node.end.line
    } else {
        node.end.line + 1
    };
    own.max(inner)
}
