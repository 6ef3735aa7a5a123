//! A TOML text that is changed by cutting and pasting: only the bytes that have to change are touched.
//!
//! toml_edit finds the places (its parser knows where every key and value stands); the text is spliced here, since
//! what toml_edit prints loses carriage returns and adds an end to the last line. Set, insert and remove on paths;
//! what a path means is for others to know.

mod add;
mod blocks;
mod cut;

use super::list::{Brackets, Element, List};
use super::literal::{Literal, Meaning, key_text};
use std::ops::Range;
use toml_edit::{Document, Item, TableLike, Value};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A key.
    Key(String),
    /// An element of an array of tables, from 0.
    At(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.to_owned())
    }
}

/// A path of keys.
pub(super) fn path<const N: usize>(keys: [&str; N]) -> Vec<Step> {
    keys.into_iter().map(Step::from).collect()
}

/// Why an edit cannot be made: something of another kind stands at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The byte at which it stands.
    pub(super) at: usize,
    /// Dotted.
    pub(super) key: String,
    /// What stands in the way.
    pub(super) what: &'static str,
}

/// The text.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    document: Document<String>,
}

/// A table to be: its path, and its keys.
pub(super) type NewTable = (Vec<Step>, Vec<(&'static str, Literal)>);

/// A key, dotted where it has several parts, and its value.
type Entry = (Vec<String>, Literal);

/// Some bytes and what takes their place.
type Splice = (Range<usize>, String);

impl Sheet {
    /// A text that is TOML.
    pub(super) fn new(text: String) -> Result<Self, Trouble> {
        let document = Document::parse(text).map_err(|error| Trouble {
            at: error.span().map_or(0, |span| span.start),
            key: String::new(),
            what: "the file is no TOML from here on",
        })?;
        Ok(Self { document })
    }

    /// The text as it is now.
    pub(super) fn text(&self) -> &str {
        self.document.raw()
    }

    /// The text that stands at a path, if a text stands there.
    pub(super) fn text_at(&self, path: &[Step]) -> Option<String> {
        self.find(path)?.as_str().map(str::to_owned)
    }

    /// Whether anything stands at a path.
    pub(super) fn has(&self, path: &[Step]) -> bool {
        self.find(path).is_some()
    }

    /// Whether a value stands at a path that says this.
    pub(super) fn says(&self, path: &[Step], literal: &Literal) -> bool {
        self.find(path)
            .and_then(Item::as_value)
            .is_some_and(|value| literal.equals(value, Meaning::Exact))
    }

    /// How many tables or elements a list has; 0 where there is none.
    pub(super) fn count(&self, path: &[Step]) -> usize {
        match self.find(path) {
            Some(Item::ArrayOfTables(tables)) => tables.len(),
            Some(Item::Value(Value::Array(array))) => array.len(),
            Some(Item::Value(_) | Item::Table(_) | Item::None) | None => 0,
        }
    }

    /// Writes a value. One that says the same already stays as it is written; a list keeps what belongs to the
    /// elements that stay; a key that is not there goes after the last one of its table, and a table that is not
    /// there after the last of its kind.
    pub(super) fn set(
        &mut self,
        path: &[Step],
        literal: &Literal,
        meaning: Meaning,
    ) -> Result<(), Trouble> {
        let splices = {
            match self.find(path) {
                Some(Item::Value(value)) => self.change(value, literal, meaning),
                Some(Item::Table(_) | Item::ArrayOfTables(_) | Item::None) => {
                    return Err(self.trouble(path, "a table stands there"));
                }
                None => match path.split_last() {
                    Some((Step::Key(key), parent)) => {
                        self.add(parent, &[(vec![key.clone()], literal.clone())])?
                    }
                    Some((Step::At(_), _)) | None => {
                        return Err(self.trouble(path, "there is no such element"));
                    }
                },
            }
        };
        self.apply(splices)
    }

    /// A new table with its keys, after the last of its kind. One that is there gets the keys.
    pub(super) fn insert(
        &mut self,
        path: &[Step],
        entries: &[(&str, Literal)],
    ) -> Result<(), Trouble> {
        if self.has(path) {
            for (key, literal) in entries {
                let mut path = path.to_vec();
                path.push(Step::from(*key));
                self.set(&path, literal, Meaning::Exact)?;
            }
            return Ok(());
        }
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, literal)| (vec![(*key).to_owned()], literal.clone()))
            .collect();
        let splices = self.add(path, &entries)?;
        self.apply(splices)
    }

    /// New tables in one go, after the last of their kind. Those that are there, or that lie in no table of their own,
    /// are taken one by one.
    pub(super) fn insert_all(&mut self, tables: &[NewTable]) -> Result<(), Trouble> {
        let plain = |path: &[Step]| {
            (1..path.len()).all(|depth| {
                match path.get(..depth).and_then(|above| self.find(above)) {
                    Some(Item::Table(table)) => !table.is_dotted(),
                    Some(Item::Value(_) | Item::ArrayOfTables(_) | Item::None) => false,
                    None => true,
                }
            })
        };
        let (new, others): (Vec<&NewTable>, Vec<&NewTable>) = tables
            .iter()
            .partition(|(path, _)| plain(path) && !self.has(path));
        let splices = match new.first() {
            Some((first, _)) => {
                let headed = |(path, entries): &&NewTable| {
                    let lines = entries
                        .iter()
                        .map(|(key, literal)| (vec![(*key).to_owned()], literal.clone()));
                    (format!("[{}]", dotted(path)), lines.collect::<Vec<_>>())
                };
                self.add_blocks(first, &new.iter().map(headed).collect::<Vec<_>>())
            }
            None => Vec::new(),
        };
        let others: Vec<NewTable> = others.into_iter().cloned().collect();
        self.apply(splices)?;
        others
            .iter()
            .try_for_each(|(path, entries)| self.insert(path, entries))
    }

    /// Further elements of an array of tables in one go, after its last one.
    pub(super) fn append(
        &mut self,
        path: &[Step],
        all: &[Vec<(&str, Literal)>],
    ) -> Result<(), Trouble> {
        let splices = {
            match self.find(path) {
                Some(Item::Value(Value::Array(array))) => {
                    let ends = array.iter().filter_map(Value::span).map(|span| span.end);
                    let mut elements: Vec<_> = (0..array.len()).map(Element::Kept).collect();
                    elements.extend(all.iter().map(|entries| {
                        let entries = entries
                            .iter()
                            .map(|(key, literal)| ((*key).to_owned(), literal.clone()));
                        Element::New(Literal::Inline(entries.collect()).line())
                    }));
                    self.rewrite(array.span(), ends.collect(), &elements, Brackets::Square)
                }
                Some(Item::ArrayOfTables(_)) | None => {
                    let headed = all.iter().map(|entries| {
                        let lines = entries
                            .iter()
                            .map(|(key, literal)| (vec![(*key).to_owned()], literal.clone()));
                        (format!("[[{}]]", dotted(path)), lines.collect())
                    });
                    self.add_blocks(path, &headed.collect::<Vec<_>>())
                }
                Some(Item::Value(_) | Item::Table(_) | Item::None) => {
                    return Err(self.trouble(path, "no list of tables stands there"));
                }
            }
        };
        self.apply(splices)
    }

    /// Takes a key, a table with all below it, or an element of an array of tables away, with the comments that
    /// belong to it. What is not there needs nothing.
    pub(super) fn remove(&mut self, path: &[Step]) -> Result<(), Trouble> {
        let splices = {
            match self.find(path) {
                None => Vec::new(),
                Some(Item::Value(value)) => self.cut_value(path, value)?,
                Some(Item::Table(table)) if table.is_dotted() => self.cut_dotted(table),
                Some(Item::Table(_) | Item::ArrayOfTables(_) | Item::None) => self.cut_blocks(path),
            }
        };
        self.apply(splices)
    }

    fn find(&self, path: &[Step]) -> Option<&Item> {
        path.iter()
            .try_fold(self.document.as_item(), |item, step| match step {
                Step::Key(key) => item.get(key),
                Step::At(at) => item.get(*at),
            })
            .filter(|item| !item.is_none())
    }

    fn trouble(&self, path: &[Step], what: &'static str) -> Trouble {
        let span = self.find(path).and_then(Item::span);
        Trouble {
            at: span.map_or(0, |span| span.start),
            key: dotted(path),
            what,
        }
    }

    fn apply(&mut self, mut splices: Vec<Splice>) -> Result<(), Trouble> {
        if splices.is_empty() {
            return Ok(());
        }
        let mut text = self.text().to_owned();
        splices.sort_by_key(|(range, _)| range.start);
        let mut apart: Vec<Splice> = Vec::new();
        for (range, new) in splices {
            match apart.last_mut() {
                // Cuts that meet are one.
                Some((before, put))
                    if put.is_empty() && new.is_empty() && range.start <= before.end =>
                {
                    before.end = before.end.max(range.end);
                }
                Some(_) | None => apart.push((range, new)),
            }
        }
        for (mut range, new) in apart.into_iter().rev() {
            // A file whose last line has no end keeps none: the end before the cut goes instead.
            if new.is_empty() && range.end == text.len() && !text.ends_with('\n') {
                let before = text.get(..range.start).unwrap_or("");
                let kept = before.strip_suffix('\n').unwrap_or(before);
                range.start = kept.strip_suffix('\r').unwrap_or(kept).len();
            }
            text.replace_range(range, &new);
        }
        *self = Self::new(text)?;
        Ok(())
    }

    /// The end of line to be used at a place: that of the line before, else the file's first one.
    fn eol(&self, at: usize) -> &'static str {
        let ends_in = |line: &str| match (line.ends_with("\r\n"), line.ends_with('\n')) {
            (true, _) => Some("\r\n"),
            (false, true) => Some("\n"),
            (false, false) => None,
        };
        let before = self.text().get(..at).unwrap_or("");
        let line = before.split_inclusive('\n').next_back().unwrap_or("");
        ends_in(line)
            .or_else(|| ends_in(self.text().split_inclusive('\n').next().unwrap_or("")))
            .unwrap_or("\n")
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text().get(..at).unwrap_or("");
        before.rfind('\n').map_or(0, |found| found + 1)
    }

    /// After the end of the line.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.text().get(at..).unwrap_or("");
        rest.find('\n')
            .map_or(self.text().len(), |found| at + found + 1)
    }

    fn line_at(&self, at: usize) -> &str {
        self.text().get(at..self.line_end(at)).unwrap_or("")
    }

    fn indent_at(&self, at: usize) -> &str {
        let line = self.text().get(self.line_start(at)..).unwrap_or("");
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..blank).unwrap_or("")
    }

    // ── values ──

    fn change(&self, there: &Value, literal: &Literal, meaning: Meaning) -> Vec<Splice> {
        if literal.equals(there, meaning) {
            return Vec::new();
        }
        let Some(span) = there.span() else {
            return Vec::new();
        };
        let eol = self.eol(span.start);
        if let (Literal::List(wanted), Value::Array(array)) = (literal, there) {
            let mut free: Vec<Option<&Value>> = array.iter().map(Some).collect();
            let elements: Vec<Element> = wanted
                .iter()
                .map(|one| {
                    let kept = free
                        .iter()
                        .position(|there| there.is_some_and(|there| one.equals(there, meaning)));
                    match kept {
                        Some(at) => {
                            free[at] = None;
                            Element::Kept(at)
                        }
                        None => Element::New(one.line()),
                    }
                })
                .collect();
            let ends = array.iter().filter_map(Value::span).map(|span| span.end);
            return self.rewrite(Some(span), ends.collect(), &elements, Brackets::Square);
        }
        let raw = self.text().get(span.clone()).unwrap_or("");
        vec![(span, literal.instead_of(raw, eol))]
    }

    /// A list or an inline table with other elements. `ends`: of its values, in the file.
    fn rewrite(
        &self,
        span: Option<Range<usize>>,
        ends: Vec<usize>,
        elements: &[Element],
        brackets: Brackets,
    ) -> Vec<Splice> {
        let Some(span) = span else { return Vec::new() };
        let inside = span.start + 1..span.end.saturating_sub(1);
        let inner = self.text().get(inside.clone()).unwrap_or("");
        let ends: Vec<usize> = ends
            .into_iter()
            .map(|end| end.saturating_sub(inside.start))
            .collect();
        let list = List::read(inner, &ends, brackets);
        vec![(inside, list.write(elements, self.eol(span.start)))]
    }

    /// A further entry of an inline table.
    fn rewrite_table(
        &self,
        table: &dyn TableLike,
        span: Option<Range<usize>>,
        new: String,
    ) -> Vec<Splice> {
        let ends = self.ends_of(table);
        let mut elements: Vec<_> = (0..ends.len()).map(Element::Kept).collect();
        elements.push(Element::New(new));
        self.rewrite(span, ends, &elements, Brackets::Curly)
    }

    /// The ends of an inline table's values, in the order of the file.
    fn ends_of(&self, table: &dyn TableLike) -> Vec<usize> {
        let mut ends: Vec<usize> = table
            .get_values()
            .iter()
            .filter_map(|(_, value)| value.span())
            .map(|span| span.end)
            .collect();
        ends.sort_unstable();
        ends
    }
}

/// The keys of a path as they stand in a header.
fn dotted(path: &[Step]) -> String {
    let keys: Vec<String> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key_text(key)),
            Step::At(_) => None,
        })
        .collect();
    keys.join(".")
}
