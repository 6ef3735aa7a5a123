//! The part of Lua that administrators write in Prosody's configuration: settings, hosts, components, includes.
//!
//! Read, never run. A statement of any other kind is told by its line and a word for what it is, and reading goes on
//! behind it; a value that would have to be computed is [`Value::Computed`]. Grammar: Lua 5.4 §9.

use super::tokens::{Placed, Token, words};
use crate::servers::{ConfigError, Place};
use std::path::Path;

/// How deep tables and brackets may nest: Lua itself stops at 200 (LUAI_MAXCCALLS).
const MAX_DEEP: usize = 200;

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
    /// `name =` or `["name"] =`, and numbers as they are printed; none: an element of a list.
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
        /// None: it is computed.
        name: Option<String>,
        /// The component's module; none: a virtual host.
        component: Option<String>,
        /// A table behind it: those settings, and what follows is global again.
        settings: Option<Vec<Entry>>,
    },
    /// `Include "path"`; none: it is computed.
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

    /// `VirtualHost "x"`, `VirtualHost("x")`, with a table or, for a component, its module behind.
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

    /// The one argument of a call: a string, a table, or brackets with one value; none: no call follows.
    fn argument(&mut self) -> Result<Option<Value>, ConfigError> {
        match self.peek() {
            Some(Token::Text(text)) => {
                self.at += 1;
                Ok(Some(Value::Text(text.clone())))
            }
            Some(Token::Sign("{")) => self.table().map(Some),
            Some(Token::Sign("(")) => {
                self.at += 1;
                if self.take(")") {
                    return Ok(Some(Value::Nil));
                }
                let value = self.value()?;
                self.skip_rest_of_list()?;
                self.expect(")")?;
                Ok(Some(value))
            }
            Some(_) | None => Ok(None),
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

    fn skip_rest_of_list(&mut self) -> Result<(), ConfigError> {
        while self.take(",") {
            self.value()?;
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), ConfigError> {
        self.deep += 1;
        if self.deep > MAX_DEEP {
            return Err(self.malformed(&format!("brackets more than {MAX_DEEP} deep")));
        }
        Ok(())
    }

    /// One expression.
    fn value(&mut self) -> Result<Value, ConfigError> {
        self.enter()?;
        let mut value = self.operand()?;
        while self.binary_operator() {
            self.at += 1;
            self.operand()?;
            value = Value::Computed;
        }
        self.deep -= 1;
        Ok(value)
    }

    fn binary_operator(&self) -> bool {
        match self.peek() {
            Some(Token::Sign(sign)) => matches!(
                *sign,
                "==" | "~="
                    | "<="
                    | ">="
                    | "//"
                    | "<<"
                    | ">>"
                    | ".."
                    | "+"
                    | "-"
                    | "*"
                    | "/"
                    | "%"
                    | "^"
                    | "&"
                    | "~"
                    | "|"
                    | "<"
                    | ">"
            ),
            Some(Token::Name(word)) => matches!(word.as_str(), "and" | "or"),
            Some(Token::Text(_) | Token::Number(_)) | None => false,
        }
    }

    /// A constant, a table, or anything with its calls and indices behind it, which is computed.
    fn operand(&mut self) -> Result<Value, ConfigError> {
        let mut negative = false;
        let mut computed = false;
        loop {
            if self.take("-") {
                negative = !negative;
            } else if self.take("#") || self.take("~") || self.take_word("not") {
                computed = true;
            } else {
                break;
            }
        }
        let value = match self.peek() {
            Some(Token::Text(text)) => self.constant(Value::Text(text.clone())),
            Some(Token::Number(number)) => {
                let number = if negative { -number } else { *number };
                negative = false;
                self.constant(Value::Number(number))
            }
            Some(Token::Sign("{")) => self.table()?,
            Some(Token::Sign("...")) => self.constant(Value::Computed),
            Some(Token::Name(word)) if word == "true" => self.constant(Value::Truth(true)),
            Some(Token::Name(word)) if word == "false" => self.constant(Value::Truth(false)),
            Some(Token::Name(word)) if word == "nil" => self.constant(Value::Nil),
            Some(Token::Name(word)) if word == "function" => {
                self.skip_block()?;
                Value::Computed
            }
            Some(Token::Sign(_) | Token::Name(_)) | None => {
                self.skip_operand()?;
                Value::Computed
            }
        };
        Ok(if computed || negative {
            Value::Computed
        } else {
            value
        })
    }

    fn constant(&mut self, value: Value) -> Value {
        self.at += 1;
        value
    }

    /// A name or brackets, and all calls and indices behind.
    fn skip_operand(&mut self) -> Result<(), ConfigError> {
        match self.peek() {
            Some(Token::Name(word)) if !is_keyword(word) => self.at += 1,
            Some(Token::Sign("(")) => {
                self.at += 1;
                self.value()?;
                self.expect(")")?;
            }
            Some(_) | None => return Err(self.malformed("a value is missing")),
        }
        loop {
            if self.take(".") || self.take(":") {
                if !matches!(self.peek(), Some(Token::Name(_))) {
                    return Err(self.malformed("a name is missing"));
                }
                self.at += 1;
            } else if self.take("[") {
                self.value()?;
                self.expect("]")?;
            } else if self.argument()?.is_none() {
                return Ok(());
            }
        }
    }

    fn table(&mut self) -> Result<Value, ConfigError> {
        self.expect("{")?;
        let mut entries = Vec::new();
        while !self.take("}") {
            let line = self.line();
            let key = if self.is_assigned()
                && let Some(Token::Name(name)) = self.peek()
            {
                self.at += 2;
                Some(name.clone())
            } else if self.take("[") {
                let key = match self.value()? {
                    Value::Text(text) => text,
                    Value::Number(number) => number.to_string(),
                    Value::Truth(_) | Value::Nil | Value::Table(_) | Value::Computed => {
                        String::new()
                    }
                };
                self.expect("]")?;
                self.expect("=")?;
                Some(key)
            } else {
                None
            };
            let value = self.value()?;
            entries.push(Entry { key, value, line });
            if !(self.take(",") || self.take(";") || self.is("}")) {
                return Err(
                    self.malformed("a table without its end, or entries without `;` between")
                );
            }
        }
        Ok(Value::Table(entries))
    }

    fn skip_local(&mut self) -> Result<(), ConfigError> {
        self.at += 1;
        if self.is_word("function") {
            return self.skip_block();
        }
        while matches!(self.peek(), Some(Token::Name(_))) {
            self.at += 1;
            if self.take("<") {
                self.at += 1;
                self.expect(">")?;
            }
            if !self.take(",") {
                break;
            }
        }
        if self.take("=") {
            self.value()?;
            self.skip_rest_of_list()?;
        }
        Ok(())
    }

    /// `while … do … end`, `for … do … end`, `repeat … until …`.
    fn skip_loop(&mut self) -> Result<(), ConfigError> {
        if self.is_word("repeat") {
            self.skip_block()?;
            return self.value().map(drop);
        }
        while !self.is_word("do") {
            if self.peek().is_none() {
                return Err(self.malformed("a loop without `do`"));
            }
            self.at += 1;
        }
        self.skip_block()
    }

    /// To behind the `end` or `until` of the block that opens here.
    fn skip_block(&mut self) -> Result<(), ConfigError> {
        let mut open = 0_usize;
        while let Some(token) = self.peek() {
            self.at += 1;
            let Token::Name(word) = token else { continue };
            match word.as_str() {
                "if" | "do" | "function" | "repeat" => open += 1,
                "end" | "until" => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok(());
            }
        }
        Err(self.malformed("a block without its `end`"))
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
