//! Reading TOML values with their places: a table that notes which keys were asked for, a value that knows its
//! key, line and column, and a list of mistakes that grows until the whole file was read.
//!
//! For every TOML file that a person writes: the deployment here, issuer profiles in `request`. What a text means
//! (a name, a path, a length of time) is in [`super::values`]. No serde: its errors stop at the first mistake and
//! cannot tell the nearest right word.

use super::Mistake;
use crate::explain::{nearest, printable};
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
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

impl<'s, 't> Table<'s, 't> {
    /// The value of a key, which is known from now on.
    pub(crate) fn get(&self, key: &'static str) -> Option<Value<'s, 't>> {
        // Asked for twice where one part of the parser needs what another reads; told once.
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        let (_, value) = self.entries.iter().find(|(k, _)| k.get_ref() == key)?;
        Some(Value {
            source: self.source,
            key: join(&self.path, key),
            span: value.span(),
            value: value.get_ref(),
        })
    }

    /// The value of a key that has to be there; its absence is a mistake of the table, told by [`Table::finish`]
    /// unless the key is there with a slip in it. The example is a value, or a header in brackets.
    pub(crate) fn need(&self, key: &'static str, example: &str) -> Option<Value<'s, 't>> {
        let value = self.get(key);
        if value.is_none() {
            let is_header = example.starts_with('[') && !example.starts_with("[\"");
            let mend = if is_header {
                format!("write {example}")
            } else {
                format!("write {key} = {example}")
            };
            self.missing.borrow_mut().push((key, mend));
        }
        value
    }

    /// All entries in file order, for tables whose keys are names.
    pub(crate) fn names(&self) -> Vec<Named<'s, 't>> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| {
                let path = join(&self.path, key.get_ref());
                Named {
                    name: key.get_ref().to_string(),
                    at: Place {
                        source: self.source,
                        key: path.clone(),
                        span: key.span(),
                    },
                    value: Value {
                        source: self.source,
                        key: path,
                        span: value.span(),
                        value: value.get_ref(),
                    },
                }
            })
            .collect()
    }

    /// The table's own place.
    pub(crate) fn place(&self) -> Place<'s, 't> {
        Place {
            source: self.source,
            key: self.path.clone(),
            span: self.span.clone(),
        }
    }

    /// Every key that nobody asked for is a mistake, and so is every key that is missing, unless an unknown one is
    /// meant for it. Gives whether there was none.
    pub(crate) fn finish(self) -> bool {
        let place = self.place();
        let known = self.known.into_inner();
        let written = |word: &str| self.entries.iter().any(|(key, _)| key.get_ref() == word);
        // A key that stands there already is hardly what an unknown one was meant to be.
        let absent: Vec<&str> = known.iter().copied().filter(|key| !written(key)).collect();
        let mut missing = self.missing.into_inner();
        let mut sound = missing.is_empty();
        for (key, _) in self.entries.iter() {
            let word: &str = key.get_ref();
            if self.source.is_full() {
                return false;
            }
            if known.contains(&word) {
                continue;
            }
            sound = false;
            let right = nearest(word, absent.iter().copied())
                .or_else(|| nearest(word, known.iter().copied()));
            missing.retain(|(key, _)| Some(*key) != right);
            let all = format!("known here: {}", known.join(", "));
            let (why, mend) = match right {
                Some(right) => (all, format!("did you mean \"{right}\"?")),
                None => ("nothing reads it".to_owned(), format!("take it out; {all}")),
            };
            self.source.note(
                key.span().start,
                &self.path,
                format!("unknown key \"{}\"", printable(word)),
                why,
                mend,
            );
        }
        for (key, mend) in missing {
            place.fail(format!("the key \"{key}\" is missing"), mend);
        }
        sound
    }
}

impl Place<'_, '_> {
    /// In bytes from the file's start; tells the order of places.
    pub(crate) fn offset(&self) -> usize {
        self.span.start
    }

    /// Line and column, both from 1, the column in characters.
    pub(crate) fn line_and_column(&self) -> (usize, usize) {
        self.source.line_and_column(self.span.start)
    }

    /// Notes a mistake here.
    pub(crate) fn fail(&self, what: impl Into<String>, mend: impl Into<String>) {
        self.fail_because(what, "", mend);
    }

    /// Notes a mistake here, with its reason.
    pub(crate) fn fail_because(
        &self,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.source.note(
            self.span.start,
            &self.key,
            what.into(),
            why.into(),
            mend.into(),
        );
    }

    /// The same place, for a key below it that is not written there.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            source: self.source,
            key: join(&self.key, key),
            span: self.span.clone(),
        }
    }
}

impl<'s, 't> Value<'s, 't> {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place<'s, 't> {
        Place {
            source: self.source,
            key: self.key.clone(),
            span: self.span.clone(),
        }
    }

    /// Notes a mistake here.
    pub(crate) fn fail(&self, what: impl Into<String>, mend: impl Into<String>) {
        self.place().fail(what, mend);
    }

    /// Notes a value of the wrong type.
    pub(crate) fn wrong_type(&self, expected: &str, mend: impl Into<String>) {
        self.fail(
            format!("expected {expected}, found {}", self.describe()),
            mend,
        );
    }

    /// Type and value, cut and fit to be shown: `integer 5`, `text "abc"`.
    fn describe(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("text \"{}\"", printable(text)),
            DeValue::Integer(integer) => format!("integer {}", printable(&integer.to_string())),
            DeValue::Float(float) => format!("number {}", printable(&float.to_string())),
            DeValue::Boolean(boolean) => format!("{boolean}"),
            DeValue::Datetime(time) => format!("date or time {time}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// Whether it is text; notes no mistake.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// Whether it is a table; notes no mistake.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(crate) fn text(&self) -> Option<&'s str> {
        if let DeValue::String(text) = self.value {
            return Some(text);
        }
        self.wrong_type("text", "write it in double quotes");
        None
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if let DeValue::Boolean(boolean) = self.value {
            return Some(*boolean);
        }
        self.wrong_type("true or false", "write true or false, without quotes");
        None
    }

    /// A whole number in a range.
    pub(crate) fn integer(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let DeValue::Integer(integer) = self.value else {
            self.wrong_type(
                "a whole number",
                format!(
                    "write a number from {} to {}, without quotes",
                    range.start(),
                    range.end()
                ),
            );
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            self.fail(
                format!("{} is out of range", printable(&integer.to_string())),
                format!("write a number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// The elements of a list, under the list's key.
    pub(crate) fn list(&self) -> Option<Vec<Value<'s, 't>>> {
        let DeValue::Array(array) = self.value else {
            let mend = match self.value {
                DeValue::String(text) => format!("write [\"{}\"]", printable(text)),
                DeValue::Table(_) => format!("write [[{}]] in the header", self.key),
                DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => "write it in square brackets".to_owned(),
            };
            self.wrong_type("a list", mend);
            return None;
        };
        if array.len() > MAX_LIST {
            self.fail(
                format!("the list has {} elements", array.len()),
                format!("use at most {MAX_LIST}"),
            );
            return None;
        }
        let elements = array.iter().map(|element| Value {
            source: self.source,
            key: self.key.clone(),
            span: element.span(),
            value: element.get_ref(),
        });
        Some(elements.collect())
    }

    pub(crate) fn table(&self) -> Option<Table<'s, 't>> {
        let DeValue::Table(entries) = self.value else {
            let mend = if matches!(self.value, DeValue::Array(_)) {
                format!("write [{}], once", self.key)
            } else {
                "write { key = value, … } or a header of its own".to_owned()
            };
            self.wrong_type("a table", mend);
            return None;
        };
        Some(Table {
            source: self.source,
            path: self.key.clone(),
            span: self.span.clone(),
            entries,
            known: RefCell::new(Vec::new()),
            missing: RefCell::new(Vec::new()),
        })
    }

    /// One of a few words; the mend is the nearest, or all of them.
    pub(crate) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            self.unknown_word(text, words.iter().map(|(word, _)| *word));
        }
        found.map(|(_, value)| *value)
    }

    /// Notes a word that is none of those known.
    pub(crate) fn unknown_word<'a>(
        &self,
        text: &str,
        words: impl IntoIterator<Item = &'a str> + Clone,
    ) {
        let all: Vec<&str> = words.clone().into_iter().collect();
        let listed = all.join(", ");
        let (why, mend) = match nearest(text, words) {
            Some(right) => (
                format!("known: {listed}"),
                format!("did you mean \"{right}\"?"),
            ),
            None if all.is_empty() => ("none is known".to_owned(), "leave it out".to_owned()),
            None => (
                "it is none of the words known here".to_owned(),
                format!("write one of {listed}"),
            ),
        };
        self.place().fail_because(
            format!("\"{}\" is not known here", printable(text)),
            why,
            mend,
        );
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
