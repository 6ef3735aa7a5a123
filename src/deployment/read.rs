//! Reading TOML values with their places: a table that notes which keys were asked for, a value that knows its
//! key, line and column, and a list of mistakes that grows until the whole file was read.
//!
//! For every TOML file that a person writes: the deployment here, issuer profiles in `request`. What a text means
//! (a name, a path, a length of time) is in [`super::values`]. No serde: its errors stop at the first mistake and
//! cannot tell the nearest right word.

mod table;
mod value;

use super::Mistake;
use crate::explain::printable;
use std::cell::RefCell;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Most mistakes kept; whoever has more has another kind of file.
const MAX_MISTAKES: usize = 1000;

/// Most elements of one list: a bound for comparisons of each with each.
const MAX_LIST: usize = 10_000;

/// Reads a text of any length that is TOML: `take` gets the root table, and gives nothing only where it noted a
/// mistake.
///
/// Errors: every mistake of syntax, or else every mistake that `take` noted, in file order.
pub(crate) fn read<T>(
    text: &str,
    take: impl FnOnce(Table<'_, '_>) -> Option<T>,
) -> Result<T, Vec<Mistake>> {
    let source = Source::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        if error.message().contains("duplicate key") {
            note_duplicate(&source, text, at);
            continue;
        }
        source.note(
            at,
            "",
            printable(&error.message().replace('\n', "; ")),
            "the file is no TOML from here on".to_owned(),
            syntax_mend(error.message()).to_owned(),
        );
    }
    // What was recovered of a broken file would only tell consequences.
    let taken = if errors.is_empty() {
        take(source.root(root.get_ref()))
    } else {
        None
    };
    match taken {
        Some(value) if source.is_sound() => Ok(value),
        Some(_) | None => Err(source.into_mistakes()),
    }
}

/// A key or header that stands there already, with the line of the first one where that can be told.
fn note_duplicate(source: &Source<'_>, text: &str, at: usize) {
    let (number, line) = text
        .get(..at)
        .map(|before| before.matches('\n').count())
        .and_then(|number| Some((number, text.lines().nth(number)?.trim())))
        .unwrap_or_default();
    let header = |line: &str| {
        let (header, _) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some(header.trim().to_owned())
    };
    let before = || text.lines().take(number).enumerate();
    let (what, first) = match header(line) {
        Some(name) => (
            format!("duplicate table [{}]", printable(&name)),
            before().find(|(_, other)| header(other).as_ref() == Some(&name)),
        ),
        None => {
            let key_of = |line: &str| Some(line.split_once('=')?.0.trim().to_owned());
            let key = key_of(line).unwrap_or_default();
            let table = before()
                .filter(|(_, other)| header(other).is_some())
                .last()
                .map_or(0, |(number, _)| number);
            (
                format!("duplicate key \"{}\"", printable(&key)),
                before()
                    .skip(table)
                    .find(|(_, other)| key_of(other).as_ref() == Some(&key)),
            )
        }
    };
    source.note(
        at,
        "",
        what,
        match first {
            Some((first, _)) => format!("it stands in line {} already", first + 1),
            None => "it stands further up already".to_owned(),
        },
        "keep one of the two".to_owned(),
    );
}

/// The file's text and the mistakes found so far.
struct Source<'t> {
    text: &'t str,
    /// Byte offsets at which lines begin.
    lines: Vec<usize>,
    mistakes: RefCell<Vec<(usize, Mistake)>>,
}

/// A table, and which of its keys are known.
pub(crate) struct Table<'s, 't> {
    source: &'s Source<'t>,
    path: String,
    span: Range<usize>,
    entries: &'s DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
    /// Keys that have to be there and are not, each with its mend.
    missing: RefCell<Vec<(&'static str, String)>>,
}

/// A value with its place.
#[derive(Clone)]
pub(crate) struct Value<'s, 't> {
    source: &'s Source<'t>,
    /// Dotted, fit to be shown.
    pub(crate) key: String,
    span: Range<usize>,
    value: &'s DeValue<'t>,
}

/// A key that is a name: `chat` in `[gateway.prosody.chat]`.
pub(crate) struct Named<'s, 't> {
    /// The key as written.
    pub(crate) name: String,
    /// The key as a place for mistakes.
    pub(crate) at: Place<'s, 't>,
    /// What stands under it.
    pub(crate) value: Value<'s, 't>,
}

/// A place in the file without a value.
#[derive(Clone)]
pub(crate) struct Place<'s, 't> {
    source: &'s Source<'t>,
    key: String,
    span: Range<usize>,
}

impl<'t> Source<'t> {
    fn new(text: &'t str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            mistakes: RefCell::new(Vec::new()),
        }
    }

    /// Notes a mistake at a byte offset.
    fn note(&self, at: usize, key: &str, what: String, why: String, mend: String) {
        if self.is_full() {
            return;
        }
        let (line, column) = self.line_and_column(at);
        self.mistakes.borrow_mut().push((
            at,
            Mistake {
                line,
                column,
                key: key.to_owned(),
                what,
                why,
                mend,
            },
        ));
    }

    /// Both from 1; the column in characters. A byte order mark is no character of the first line.
    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..)
            .unwrap_or("")
            .char_indices()
            .take_while(|(offset, _)| start + offset < at)
            .filter(|(_, c)| *c != '\u{feff}')
            .count();
        (line, column + 1)
    }

    /// Whether no further mistake would be kept.
    fn is_full(&self) -> bool {
        self.mistakes.borrow().len() >= MAX_MISTAKES
    }

    fn is_sound(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// The mistakes in file order.
    fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|(at, _)| *at);
        mistakes.into_iter().map(|(_, mistake)| mistake).collect()
    }

    fn root<'s>(&'s self, entries: &'s DeTable<'t>) -> Table<'s, 't> {
        Table {
            source: self,
            path: String::new(),
            span: 0..0,
            entries,
            known: RefCell::new(Vec::new()),
            missing: RefCell::new(Vec::new()),
        }
    }
}

/// A dotted key, each part quoted where TOML needs it.
fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let key = if bare {
        printable(key)
    } else {
        format!("\"{}\"", printable(key))
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// The usual slips, in words that lead to the right place.
fn syntax_mend(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "the key or header stands there already; keep one of the two"
    } else if message.contains("must be quoted") {
        "write text in double quotes: key = \"text\""
    } else if message.contains("unclosed") || message.contains("invalid basic string") {
        "close the quote or bracket that begins here"
    } else {
        "write key = value, one in each line, below a [header]"
    }
}
