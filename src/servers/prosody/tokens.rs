//! The words of a Lua text, each with its line (Lua 5.4 §3.1): strings of every form, numbers, comments left out.

use crate::servers::{ConfigError, Place};
use std::path::Path;

/// One word of Lua.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Name(String),
    /// A string, its escapes undone; bytes that are no UTF-8 are replaced.
    Text(String),
    /// A number.
    Number(f64),
    /// An operator, a bracket, a mark between things.
    Sign(&'static str),
}

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// The word.
    pub token: Token,
    /// Its line, from 1.
    pub line: usize,
}

/// Longest first, so that `==` is no `=`.
const SIGNS: [&str; 33] = [
    "...", "==", "~=", "<=", ">=", "//", "::", "<<", ">>", "..", "+", "-", "*", "/", "%", "^", "#",
    "&", "~", "|", "<", ">", "=", "(", ")", "{", "}", "[", "]", ";", ":", ",", ".",
];

/// The words of a text.
///
/// Errors: `Malformed` for what Lua itself would refuse: a string or comment without end, an unknown escape or sign.
pub(super) fn words(text: &str, file: &Path) -> Result<Vec<Placed>, ConfigError> {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        at: 0,
        line: 1,
        file,
    };
    scanner.skip_first_line();
    let mut words = Vec::new();
    while let Some(placed) = scanner.next()? {
        words.push(placed);
    }
    Ok(words)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    file: &'a Path,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn malformed(&self, line: usize, what: &str) -> ConfigError {
        ConfigError::Malformed {
            place: Place {
                file: self.file.to_path_buf(),
                line,
            },
            what: what.to_owned(),
        }
    }

    fn step(&mut self) {
        if self.peek(0) == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    /// A byte order mark and a first line with `#`, which `loadfile` skips.
    fn skip_first_line(&mut self) {
        if self.bytes.starts_with("\u{feff}".as_bytes()) {
            self.at = 3;
        }
        if self.peek(0) == Some(b'#') {
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Result<Option<Placed>, ConfigError> {
        loop {
            match self.peek(0) {
                None => return Ok(None),
                Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c) => self.step(),
                Some(b'-') if self.peek(1) == Some(b'-') => self.skip_comment()?,
                Some(byte) => {
                    let line = self.line;
                    return Ok(Some(Placed {
                        token: self.token(byte)?,
                        line,
                    }));
                }
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), ConfigError> {
        self.at += 2;
        if self.peek(0) == Some(b'[')
            && let Some(level) = self.long_level()
        {
            return self.long_text(level).map(drop);
        }
        self.skip_line();
        Ok(())
    }

    fn token(&mut self, first: u8) -> Result<Token, ConfigError> {
        match first {
            b'"' | b'\'' => self.short_text(first),
            b'[' => match self.long_level() {
                Some(level) => self.long_text(level),
                None => self.sign(),
            },
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                Ok(Token::Name(self.take_while(|byte| {
                    byte == b'_' || byte.is_ascii_alphanumeric()
                })))
            }
            _ => self.sign(),
        }
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> String {
        let from = self.at;
        while self.peek(0).is_some_and(&belongs) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned()
    }

    fn sign(&mut self) -> Result<Token, ConfigError> {
        let rest = &self.bytes[self.at..];
        for sign in SIGNS {
            if rest.starts_with(sign.as_bytes()) {
                self.at += sign.len();
                return Ok(Token::Sign(sign));
            }
        }
        Err(self.malformed(self.line, "a character that Lua does not know"))
    }

    fn number(&mut self) -> Result<Token, ConfigError> {
        let hexadecimal = self.peek(0) == Some(b'0') && matches!(self.peek(1), Some(b'x' | b'X'));
        let mut text = String::new();
        while let Some(byte) = self.peek(0) {
            let signed = matches!(byte, b'+' | b'-')
                && text.ends_with(if hexadecimal { ['p', 'P'] } else { ['e', 'E'] });
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || signed) {
                break;
            }
            text.push(char::from(byte));
            self.at += 1;
        }
        // A hexadecimal fraction is read by nobody here; it is a number all the same.
        let number = if hexadecimal {
            u64::from_str_radix(&text[2..], 16)
                .ok()
                .and_then(|number| u32::try_from(number).ok())
                .map_or(f64::NAN, f64::from)
        } else {
            text.parse()
                .map_err(|_| self.malformed(self.line, "a number that Lua cannot read"))?
        };
        Ok(Token::Number(number))
    }

    /// How many `=` stand in a long bracket that opens here.
    fn long_level(&self) -> Option<usize> {
        let mut level = 0;
        while self.peek(1 + level) == Some(b'=') {
            level += 1;
        }
        (self.peek(1 + level) == Some(b'[')).then_some(level)
    }

    fn long_text(&mut self, level: usize) -> Result<Token, ConfigError> {
        let begun = self.line;
        self.at += level + 2;
        // A line's end right after the bracket does not count.
        if self.peek(0) == Some(b'\r') && self.peek(1) == Some(b'\n') {
            self.at += 1;
        }
        if self.peek(0) == Some(b'\n') {
            self.step();
        }
        let from = self.at;
        let end = [b"]".as_slice(), &vec![b'='; level], b"]"].concat();
        while self.at < self.bytes.len() {
            if self.bytes[self.at..].starts_with(&end) {
                let text = String::from_utf8_lossy(&self.bytes[from..self.at]).into_owned();
                self.at += end.len();
                return Ok(Token::Text(text));
            }
            self.step();
        }
        Err(self.malformed(begun, "a long bracket without its end"))
    }

    fn short_text(&mut self, quote: u8) -> Result<Token, ConfigError> {
        let begun = self.line;
        let mut text: Vec<u8> = Vec::new();
        self.at += 1;
        loop {
            match self.peek(0) {
                None | Some(b'\n') => return Err(self.malformed(begun, "a string without its end")),
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Ok(Token::Text(String::from_utf8_lossy(&text).into_owned()));
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                Some(byte) => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    /// What stands after a backslash (Lua 5.4 §3.1).
    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), ConfigError> {
        let unknown =
            |scanner: &Self| scanner.malformed(scanner.line, "an escape that Lua does not know");
        let Some(byte) = self.peek(0) else {
            return Err(unknown(self));
        };
        if byte.is_ascii_digit() {
            let mut number = 0_u32;
            for _ in 0..3 {
                let Some(digit) = self.peek(0).filter(u8::is_ascii_digit) else {
                    break;
                };
                number = number * 10 + u32::from(digit - b'0');
                self.at += 1;
            }
            text.push(u8::try_from(number).map_err(|_| unknown(self))?);
            return Ok(());
        }
        let plain = match byte {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'\\' | b'"' | b'\'' | b'\n' => byte,
            b'\r' => {
                if self.peek(1) == Some(b'\n') {
                    self.at += 1;
                }
                b'\n'
            }
            b'z' => {
                self.at += 1;
                while self
                    .peek(0)
                    .is_some_and(|byte| byte.is_ascii_whitespace() || byte == 0x0b)
                {
                    self.step();
                }
                return Ok(());
            }
            b'x' => {
                let pair = self.bytes.get(self.at + 1..self.at + 3);
                let byte = pair
                    .filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))
                    .and_then(|pair| std::str::from_utf8(pair).ok())
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or_else(|| unknown(self))?;
                text.push(byte);
                self.at += 3;
                return Ok(());
            }
            b'u' => return self.unicode_escape(text),
            _ => return Err(unknown(self)),
        };
        text.push(plain);
        self.step();
        Ok(())
    }

    fn unicode_escape(&mut self, text: &mut Vec<u8>) -> Result<(), ConfigError> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        // `{` and at most eight digits; Lua goes to 2^31, and what is no character is replaced here.
        let end = rest.iter().take(10).position(|byte| *byte == b'}');
        let number = end
            .filter(|end| *end > 1 && rest.first() == Some(&b'{'))
            .map(|end| (end, &rest[1..end]))
            .filter(|(_, digits)| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|(end, digits)| Some((end, std::str::from_utf8(digits).ok()?)))
            .and_then(|(end, digits)| Some((end, u32::from_str_radix(digits, 16).ok()?)));
        let Some((end, number)) = number else {
            return Err(self.malformed(self.line, "an escape that Lua does not know"));
        };
        let character = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        text.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += end + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Token>, ConfigError> {
        words(text, Path::new("x.lua"))
            .map(|words| words.into_iter().map(|word| word.token).collect())
    }

    #[test]
    fn strings_of_every_form_are_read() {
        for (text, wanted) in [
            (r#""a\tb""#, "a\tb"),
            (r"'it\'s'", "it's"),
            (r#""\65\x42\u{43}\u{20ac}""#, "ABC€"),
            ("\"a\\z  \n  b\"", "ab"),
            ("\"a\\\nb\"", "a\nb"),
            ("[[a\nb]]", "a\nb"),
            (
                "[[\nfirst line end is dropped]]",
                "first line end is dropped",
            ),
            ("[==[a]]]=]b]==]", "a]]]=]b"),
            (r#""\255""#, "\u{fffd}"),
            ("\"--no comment\"", "--no comment"),
        ] {
            assert_eq!(
                read(text),
                Ok(vec![Token::Text(wanted.to_owned())]),
                "{text}"
            );
        }
    }

    #[test]
    fn comments_of_every_form_are_left_out() {
        let text =
            "#!/usr/bin/lua\n-- one\n--[[ two\nlines ]] a --[==[ ]] ]==] b --[ c\n---[[ d\ne";
        let placed = words(text, Path::new("x.lua")).unwrap();
        let seen: Vec<(String, usize)> = placed
            .iter()
            .map(|word| (format!("{:?}", word.token), word.line))
            .collect();
        assert_eq!(
            seen,
            [("Name(\"a\")", 4), ("Name(\"b\")", 4), ("Name(\"e\")", 6)]
                .map(|(word, line)| (word.to_owned(), line))
        );
    }

    #[test]
    fn numbers_are_read() {
        for (text, wanted) in [
            ("5222", 5222.0),
            ("0x1F", 31.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("2E-1", 0.2),
        ] {
            assert_eq!(read(text), Ok(vec![Token::Number(wanted)]), "{text}");
        }
    }

    #[test]
    fn what_lua_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("\n\"open", 2),
            ("\"open\n\"", 1),
            ("x\n\n[[open", 3),
            ("--[[open\n", 1),
            (r#""\q""#, 1),
            (r#""\256""#, 1),
            (r#""\u{zz}""#, 1),
            ("a = $", 1),
            ("a = 1x", 1),
        ] {
            match read(text) {
                Err(ConfigError::Malformed { place, .. }) => assert_eq!(place.line, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
