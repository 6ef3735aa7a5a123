//! Values of Lua as they are written, and what is only gone past: calls, loops, blocks.

use super::{Entry, Reader, Value, is_keyword};
use crate::servers::ConfigError;
use crate::servers::prosody::tokens::Token;

/// How deep tables and brackets may nest: Lua itself stops at 200 (LUAI_MAXCCALLS).
const MAX_DEEP: usize = 200;

impl Reader<'_> {
    /// The one argument of a call: a string, a table, or brackets with one value; `None`: no call follows.
    pub(super) fn argument(&mut self) -> Result<Option<Value>, ConfigError> {
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

    /// One expression.
    pub(super) fn value(&mut self) -> Result<Value, ConfigError> {
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

    /// A constant, a table, or anything with its calls and indices after it, which is computed.
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

    /// A name or brackets, and all calls and indices after them.
    pub(super) fn skip_operand(&mut self) -> Result<(), ConfigError> {
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

    fn enter(&mut self) -> Result<(), ConfigError> {
        self.deep += 1;
        if self.deep > MAX_DEEP {
            return Err(self.malformed(&format!("brackets more than {MAX_DEEP} deep")));
        }
        Ok(())
    }

    pub(super) fn skip_rest_of_list(&mut self) -> Result<(), ConfigError> {
        while self.take(",") {
            self.value()?;
        }
        Ok(())
    }

    pub(super) fn skip_local(&mut self) -> Result<(), ConfigError> {
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
    pub(super) fn skip_loop(&mut self) -> Result<(), ConfigError> {
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

    /// To past the `end` or `until` of the block that opens here.
    pub(super) fn skip_block(&mut self) -> Result<(), ConfigError> {
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
