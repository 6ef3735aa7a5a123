//! What is asked of a value: its type, its range, one of a few words.

use super::{MAX_LIST, Place, Table, Value};
use crate::explain::{nearest, printable};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use toml::de::DeValue;

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
