//! What is asked of a table and of a place: keys, those that are missing and those that nobody knows.

use super::{Named, Place, Table, Value, join};
use crate::explain::{nearest, printable};

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
