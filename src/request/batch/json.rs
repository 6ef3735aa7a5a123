//! One JSON object a line (RFC 8259): texts, and lists of texts.

use super::{
    BatchMistake, Entry, Field, Key, MAX_VALUES, Word, settled, too_many_values, unknown_key,
};
use crate::explain::printable;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;

/// An object's pairs in order, those that stand there twice too.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Collect)
    }
}

/// The entry of a line.
pub(super) fn entry(text: &str, line: usize) -> Result<Entry, Vec<BatchMistake>> {
    let Pairs(pairs) = serde_json::from_str(text).map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        vec![BatchMistake::new(
            line,
            Some(column_of(text, error.column())),
            "the line is no JSON object",
            printable(said),
            "write one object a line: {\"fqdn\": \"edge.example.org\", \"xmpp-domains\": [\"example.org\"]}",
        )]
    })?;
    let mut mistakes = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for (word, value) in pairs {
        let column = place_of(text, &word);
        let Some(key) = Key::from_word(&word) else {
            mistakes.push(unknown_key(&word, line, column));
            continue;
        };
        if fields.iter().any(|field| field.key == key) {
            mistakes.push(BatchMistake::new(
                line,
                column,
                format!("the key \"{word}\" stands there twice"),
                "each key has one value",
                "keep one of the two",
            ));
            continue;
        }
        match texts(key, &value) {
            Ok(texts) if texts.len() > MAX_VALUES => {
                mistakes.push(too_many_values(key, texts.len(), line, column));
            }
            Ok(texts) => {
                let values = texts
                    .into_iter()
                    .map(|text| Word { text, line, column })
                    .collect();
                fields.push(Field { key, values });
            }
            Err(found) => mistakes.push(BatchMistake::new(
                line,
                column,
                format!("{word}: expected {}, found {found}", expected(key)),
                "",
                match key.is_list() {
                    true => "write [\"one\", \"two\"]",
                    false => "write it in double quotes",
                },
            )),
        }
    }
    if mistakes.is_empty() {
        Ok(settled(fields))
    } else {
        Err(mistakes)
    }
}

fn expected(key: Key) -> &'static str {
    if key.is_list() {
        "a list of texts"
    } else {
        "text"
    }
}

/// The texts of a value; null counts as left out. A single text stands for a list of one.
fn texts(key: Key, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Array(items) if key.is_list() => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Ok(text.clone()),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => Err(describe(item)),
            })
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(describe(value))
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("number {}", printable(&number.to_string())),
        Value::String(text) => format!("text \"{}\"", printable(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// Where a key stands, if it is written there once and plainly.
fn place_of(text: &str, word: &str) -> Option<usize> {
    let written = serde_json::to_string(word).ok()?;
    let mut found = text.match_indices(&written);
    let (at, _) = found.next()?;
    found
        .next()
        .is_none()
        .then(|| text[..at].chars().count() + 1)
}

/// A column in characters from one in bytes.
fn column_of(text: &str, bytes: usize) -> usize {
    text.char_indices()
        .take_while(|(at, _)| *at + 1 < bytes)
        .count()
        + 1
}
