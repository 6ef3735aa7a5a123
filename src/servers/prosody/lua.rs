//! The part of Lua that administrators write in Prosody's configuration: settings, hosts, components, includes.
//!
//! Read, never run. A statement of any other kind is told by its line and a word for what it is, and reading goes on
//! after it; a value that would have to be computed is [`Value::Computed`]. Grammar: Lua 5.4 §9.

mod values;

use super::tokens::{Placed, Token, words};
use crate::servers::{ConfigError, Place};
use std::path::Path;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// `true`, `false`.
    Truth(bool),
    /// `nil`.
    Nil,
    /// A table.
    Table(Vec<Entry>),
    /// Something that only Lua could tell.
    Computed,
}

/// One entry of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// `name =` or `["name"] =`, and numbers as they are printed; `None`: an element of a list.
    pub key: Option<String>,
    /// Its value.
    pub value: Value,
    /// Its line.
    pub line: usize,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    /// The line it begins on.
    pub line: usize,
    /// What it says.
    pub kind: Kind,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// `name = value`.
    Set(String, Value),
    /// `VirtualHost "name"`, perhaps with its settings; `Component "name" "module"`.
    Host {
        /// `None`: it is computed.
        name: Option<String>,
        /// The component's module; `None`: a virtual host.
        component: Option<String>,
        /// A table after it: those settings, and what follows is global again.
        settings: Option<Vec<Entry>>,
    },
    /// `Include "path"`; `None`: it is computed.
    Include(Option<String>),
    /// Anything else, in a word.
    Other(&'static str),
}

/// The statements of a text.
///
/// Errors: `Malformed` for what Lua itself would refuse.
pub(super) fn statements(text: &str, file: &Path) -> Result<Vec<Statement>, ConfigError> {
    let words = words(text, file)?;
    let mut reader = Reader {
        words: &words,
        at: 0,
        deep: 0,
        file,
    };
    let mut statements = Vec::new();
    while let Some(placed) = reader.words.get(reader.at) {
        if reader.take(";") {
            continue;
        }
        let line = placed.line;
        let kind = reader.statement()?;
        statements.push(Statement { line, kind });
    }
    Ok(statements)
}

struct Reader<'a> {
    words: &'a [Placed],
    at: usize,
    deep: usize,
    file: &'a Path,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.words.get(self.at).map(|placed| &placed.token)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn line(&self) -> usize {
        let placed = self.words.get(self.at).or_else(|| self.words.last());
        placed.map_or(1, |placed| placed.line)
    }

    fn malformed(&self, what: &str) -> ConfigError {
        ConfigError::Malformed {
            place: Place {
                file: self.file.to_path_buf(),
                line: self.line(),
            },
            what: what.to_owned(),
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), ConfigError> {
        if self.take(sign) {
            return Ok(());
        }
        Err(self.malformed(&format!("`{sign}` is missing")))
    }

    fn statement(&mut self) -> Result<Kind, ConfigError> {
        let Some(Token::Name(word)) = self.peek() else {
            if self.take("::") {
                self.at += 1;
                return self.expect("::").map(|()| Kind::Other("a label"));
            }
            if self.is("(") {
                return self.call_or_assignment();
            }
            return Err(self.malformed("a statement that Lua cannot read"));
        };
        match word.as_str() {
            "if" | "do" | "function" => self.skip_block().map(|()| match word.as_str() {
                "if" => Kind::Other("a condition"),
                "function" => Kind::Other("a function"),
                _ => Kind::Other("a block"),
            }),
            "while" | "for" | "repeat" => self.skip_loop().map(|()| Kind::Other("a loop")),
            "local" => self.skip_local().map(|()| Kind::Other("a local variable")),
            "return" => {
                self.at = self.words.len();
                Ok(Kind::Other("a return: nothing below it is read"))
            }
            "goto" => {
                self.at += 2;
                Ok(Kind::Other("a jump"))
            }
            "VirtualHost" | "Host" | "host" if !self.is_assigned() => self.host(false),
            "Component" | "component" if !self.is_assigned() => self.host(true),
            "Include" | "include" if !self.is_assigned() => self.include(),
            word if is_keyword(word) => {
                Err(self.malformed(&format!("`{word}` where a statement begins")))
            }
            word if self.is_assigned() => {
                self.at += 2;
                let value = self.value()?;
                if !self.is(",") {
                    return Ok(Kind::Set(word.to_owned(), value));
                }
                self.skip_rest_of_list()?;
                Ok(Kind::Set(word.to_owned(), value))
            }
            _ => self.call_or_assignment(),
        }
    }

    /// Whether a `=` follows the word here.
    fn is_assigned(&self) -> bool {
        matches!(
            self.words.get(self.at + 1),
            Some(Placed {
                token: Token::Sign("="),
                ..
            })
        )
    }

    /// `VirtualHost "x"`, `VirtualHost("x")`, with a table or, for a component, its module after it.
    fn host(&mut self, is_component: bool) -> Result<Kind, ConfigError> {
        self.at += 1;
        let name = self.argument()?;
        let mut component = is_component.then(|| "component".to_owned());
        let name = match name {
            Some(Value::Text(name)) => Some(name),
            Some(
                Value::Number(_) | Value::Truth(_) | Value::Nil | Value::Table(_) | Value::Computed,
            ) => None,
            None => return Err(self.malformed("the host has no name")),
        };
        let mut settings = None;
        while let Some(argument) = self.argument()? {
            match argument {
                Value::Text(module) if is_component => component = Some(module),
                Value::Table(entries) => settings = Some(entries),
                Value::Computed if is_component => {}
                Value::Text(_)
                | Value::Number(_)
                | Value::Truth(_)
                | Value::Nil
                | Value::Computed => {
                    return Err(self.malformed("the host takes a table of settings alone"));
                }
            }
        }
        Ok(Kind::Host {
            name,
            component,
            settings,
        })
    }

    fn include(&mut self) -> Result<Kind, ConfigError> {
        self.at += 1;
        match self.argument()? {
            Some(Value::Text(path)) => Ok(Kind::Include(Some(path))),
            Some(_) => Ok(Kind::Include(None)),
            None => Err(self.malformed("the include names no file")),
        }
    }

    fn call_or_assignment(&mut self) -> Result<Kind, ConfigError> {
        let begun = self.at;
        self.skip_operand()?;
        if self.is("=") || self.is(",") {
            while self.take(",") {
                self.skip_operand()?;
            }
            self.expect("=")?;
            self.value()?;
            self.skip_rest_of_list()?;
            return Ok(Kind::Other(
                "an assignment to a part of something, or to several at once",
            ));
        }
        // An operand alone is no statement, unless it ends with a call.
        if self.at <= begun + 1 {
            self.at = begun;
            return Err(self.malformed("a name that is neither set nor called"));
        }
        Ok(Kind::Other("a function call"))
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "and"
            | "break"
            | "do"
            | "else"
            | "elseif"
            | "end"
            | "false"
            | "for"
            | "function"
            | "goto"
            | "if"
            | "in"
            | "local"
            | "nil"
            | "not"
            | "or"
            | "repeat"
            | "return"
            | "then"
            | "true"
            | "until"
            | "while"
    )
}

#[cfg(test)]
mod tests;
