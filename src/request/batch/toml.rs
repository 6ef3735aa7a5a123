//! One `[[request]]` table of TOML, read by the reader of every TOML file.

use super::{BatchMistake, Entry, Field, Key, MAX_VALUES, Word, settled};
use crate::deployment::read::{self, Value};

/// The entry of a table that begins in a line of the list.
pub(super) fn entry(text: &str, first: usize) -> Result<Entry, Vec<BatchMistake>> {
    read::read(text, |root| {
        let list = root.need("request", "[[request]]");
        let tables = list.and_then(|list| list.list());
        let sound = root.finish();
        let table = tables?.into_iter().next()?.table()?;
        let mut fields = Vec::new();
        for key in Key::ALL {
            if let Some(value) = table.get(key.word())
                && let Some(values) = words(key, &value, first)
            {
                fields.push(Field { key, values });
            }
        }
        (table.finish() && sound).then(|| settled(fields))
    })
    .map_err(|mistakes| {
        mistakes
            .into_iter()
            .map(|mistake| BatchMistake::of_table(mistake, first))
            .collect()
    })
}

fn words(key: Key, value: &Value<'_, '_>, first: usize) -> Option<Vec<Word>> {
    let word = |value: &Value<'_, '_>| {
        let (line, column) = value.place().line_and_column();
        Some(Word {
            text: value.text()?.to_owned(),
            line: first - 1 + line,
            column: Some(column),
        })
    };
    if !key.is_list() {
        return word(value).map(|word| vec![word]);
    }
    if value.is_text() {
        return word(value).map(|word| vec![word]);
    }
    let items = value.list()?;
    if items.len() > MAX_VALUES {
        value.fail(
            format!("{} has {} values", key.word(), items.len()),
            format!("at most {MAX_VALUES} are read; split the entry"),
        );
        return None;
    }
    let words: Vec<Word> = items.iter().filter_map(word).collect();
    if words.len() < items.len() {
        return None;
    }
    Some(words)
}
