//! What is to stand in the file: values, how they are written, and when two texts mean the same.

use crate::names::{Domain, Identifier};
use std::fmt::Write as _;
use toml_edit::Value;

/// A new list that is longer than this in one line gets a line for each element.
const MAX_LINE: usize = 100;

/// A value to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    /// Text, any.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// `[a, b]`.
    List(Vec<Literal>),
    /// `{ key = value }`.
    Inline(Vec<(String, Literal)>),
}

/// What texts have in common that mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Every character counts.
    Exact,
    /// A domain, in any case, with U-labels or A-labels.
    Domain,
    /// A name with its type: `dns:contoso.com`.
    Name,
    /// ASCII letters in any case.
    AnyCase,
}

impl Meaning {
    fn same(self, left: &str, right: &str) -> bool {
        left == right
            || match self {
                Meaning::Exact => false,
                Meaning::AnyCase => left.eq_ignore_ascii_case(right),
                Meaning::Domain => {
                    matches!((Domain::parse(left), Domain::parse(right)), (Ok(a), Ok(b)) if a == b)
                }
                Meaning::Name => matches!(
                    (Identifier::parse_typed(left), Identifier::parse_typed(right)),
                    (Ok(a), Ok(b)) if a == b
                ),
            }
    }
}

impl Literal {
    /// A list of texts.
    pub(super) fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Self {
        let texts = all.into_iter().map(|one| Literal::Text(one.to_string()));
        Literal::List(texts.collect())
    }

    /// Whether what stands there says this already.
    pub(super) fn equals(&self, there: &Value, meaning: Meaning) -> bool {
        match (self, there) {
            (Literal::Text(text), Value::String(there)) => meaning.same(text, there.value()),
            (Literal::Boolean(boolean), Value::Boolean(there)) => boolean == there.value(),
            (Literal::Integer(integer), Value::Integer(there)) => integer == there.value(),
            (Literal::List(list), Value::Array(there)) => {
                list.len() == there.len()
                    && list
                        .iter()
                        .zip(there.iter())
                        .all(|(one, there)| one.equals(there, meaning))
            }
            (Literal::Inline(entries), Value::InlineTable(there)) => {
                entries.len() == there.len()
                    && entries.iter().all(|(key, value)| {
                        there
                            .get(key)
                            .is_some_and(|there| value.equals(there, meaning))
                    })
            }
            (
                Literal::Text(_)
                | Literal::Boolean(_)
                | Literal::Integer(_)
                | Literal::List(_)
                | Literal::Inline(_),
                _,
            ) => false,
        }
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        match self {
            Literal::Text(text) => quoted(text),
            Literal::Boolean(boolean) => boolean.to_string(),
            Literal::Integer(integer) => integer.to_string(),
            Literal::List(list) => {
                let all: Vec<String> = list.iter().map(Literal::line).collect();
                format!("[{}]", all.join(", "))
            }
            Literal::Inline(entries) if entries.is_empty() => "{}".to_owned(),
            Literal::Inline(entries) => {
                let all: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{} = {}", key_text(key), value.line()))
                    .collect();
                format!("{{ {} }}", all.join(", "))
            }
        }
    }

    /// As a new value: a long list with a line for each element.
    pub(super) fn fresh(&self, eol: &str) -> String {
        let line = self.line();
        let Literal::List(list) = self else {
            return line;
        };
        if line.chars().count() <= MAX_LINE || list.len() < 2 {
            return line;
        }
        let mut text = format!("[{eol}");
        for one in list {
            // Writing into a String cannot fail.
            let _ = write!(text, "    {},{eol}", one.line());
        }
        text.push(']');
        text
    }

    /// In the place of another value, in its quotes where they can hold it.
    pub(super) fn instead_of(&self, raw: &str, eol: &str) -> String {
        match self {
            Literal::Text(text)
                if raw.starts_with('\'')
                    && !raw.starts_with("'''")
                    && !text.contains('\'')
                    && !text.chars().any(char::is_control) =>
            {
                format!("'{text}'")
            }
            Literal::Text(_)
            | Literal::Boolean(_)
            | Literal::Integer(_)
            | Literal::List(_)
            | Literal::Inline(_) => self.fresh(eol),
        }
    }
}

/// A basic string (TOML 1.0, "String").
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key, bare where it may be.
pub(super) fn key_text(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { quoted(key) }
}
