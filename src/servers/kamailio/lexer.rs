//! The words of `kamailio.cfg`: comments gone, texts without their quotes, `#!` and `!!` lines apart.

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of characters without a meaning of their own: `listen`, `tls:192.0.2.1:5061`.
    Word(String),
    /// A text in quotes, its escapes read.
    Text(String),
    /// One of `= ( ) { } ; ,`.
    Mark(char),
    /// The rest of a `#!` line, lines that go on joined: `ifdef WITH_TLS`.
    Directive(String),
}

/// A token, with its line and where it begins and ends in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) line: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// The words that make a `#!` or `!!` a directive; any other is a comment (`#!KAMAILIO`).
const DIRECTIVES: [&str; 24] = [
    "define",
    "def",
    "redefine",
    "redef",
    "trydefine",
    "trydef",
    "undefine",
    "undef",
    "defexp",
    "defexps",
    "defenv",
    "defenvs",
    "trydefenv",
    "trydefenvs",
    "subst",
    "substdef",
    "substdefs",
    "ifdef",
    "ifndef",
    "ifexp",
    "else",
    "endif",
    "include_file",
    "import_file",
];

/// Reads tokens one after the other, so that what is switched off need not be sound.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.text.len());
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.line += passed.bytes().filter(|byte| *byte == b'\n').count();
        self.at = end;
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.advance(rest.find('\n').unwrap_or(rest.len()));
    }

    fn token(&self, kind: Kind, line: usize, from: usize) -> Token {
        Token {
            kind,
            line,
            from,
            to: self.at,
        }
    }

    /// The next token; `None`: the end.
    pub(super) fn next(&mut self) -> Option<Token> {
        loop {
            let rest = self.rest();
            let c = rest.chars().next()?;
            let (line, from) = (self.line, self.at);
            if c.is_whitespace() {
                self.advance(c.len_utf8());
            } else if let Some(directive) = self.directive() {
                return Some(self.token(Kind::Directive(directive), line, from));
            } else if c == '#' || rest.starts_with("//") {
                self.skip_line();
            } else if rest.starts_with("/*") {
                self.advance(rest.find("*/").map_or(rest.len(), |end| end + 2));
            } else if c == '"' || c == '\'' {
                let text = self.quoted(c);
                return Some(self.token(Kind::Text(text), line, from));
            } else if is_mark(c) {
                self.advance(1);
                return Some(self.token(Kind::Mark(c), line, from));
            } else {
                let word = word(rest).to_owned();
                self.advance(word.len());
                return Some(self.token(Kind::Word(word), line, from));
            }
        }
    }

    /// The next directive, whatever stands before it.
    pub(super) fn next_directive(&mut self) -> Option<Token> {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return None;
            }
            let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            self.advance(blank);
            let (line, from) = (self.line, self.at);
            if let Some(directive) = self.directive() {
                return Some(self.token(Kind::Directive(directive), line, from));
            }
            self.skip_line();
            self.advance(1);
        }
    }

    /// A directive that begins here, passed over.
    fn directive(&mut self) -> Option<String> {
        let rest = self.rest();
        let body = rest
            .strip_prefix("#!")
            .or_else(|| rest.strip_prefix("!!"))?;
        let name = body
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()?;
        if !DIRECTIVES.contains(&name) {
            return None;
        }
        self.advance(2);
        let mut whole = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find('\n').unwrap_or(rest.len());
            let line = rest.get(..end).unwrap_or_default();
            self.advance(end);
            let line = line.strip_suffix('\r').unwrap_or(line);
            match line.strip_suffix('\\') {
                Some(line) if !self.rest().is_empty() => {
                    whole.push_str(line);
                    self.advance(1);
                }
                Some(_) | None => {
                    whole.push_str(line);
                    return Some(whole);
                }
            }
        }
    }

    fn quoted(&mut self, quote: char) -> String {
        let body = self.rest().get(1..).unwrap_or_default();
        let mut text = String::new();
        let mut characters = body.char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.advance(at + 2);
                return text;
            }
            if c == '\\' && quote == '"' {
                match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, '\n')) | None => {}
                    Some((_, c)) => text.push(c),
                }
            } else {
                text.push(c);
            }
        }
        self.advance(body.len() + 1);
        text
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, '=' | '(' | ')' | '{' | '}' | ';' | ',')
}

/// The word at the start of a text that does not start with a mark, a quote or a space.
fn word(rest: &str) -> &str {
    let mut before = None;
    for (at, c) in rest.char_indices() {
        let comment = (c == '/' || c == '*') && before == Some('/');
        if comment && at > 1 {
            return rest.get(..at - 1).unwrap_or_default();
        }
        if at > 0 && (c.is_whitespace() || is_mark(c) || matches!(c, '"' | '\'' | '#')) {
            return rest.get(..at).unwrap_or_default();
        }
        before = Some(c);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let mut lexer = Lexer::new(text);
        std::iter::from_fn(|| lexer.next())
            .map(|token| token.kind)
            .collect()
    }

    #[test]
    fn comments_go_and_texts_stay() {
        let word = |text: &str| Kind::Word(text.to_owned());
        let text = |text: &str| Kind::Text(text.to_owned());
        for (given, wanted) in [
            (
                "#!KAMAILIO\n# x\na // y\n/* z\n */b",
                vec![word("a"), word("b")],
            ),
            ("a=b", vec![word("a"), Kind::Mark('='), word("b")]),
            (r#""a # \"b\" // c""#, vec![text("a # \"b\" // c")]),
            ("'a\\'b", vec![text("a\\"), word("b")]),
            ("\"open", vec![text("open")]),
            ("a//b", vec![word("a")]),
            ("/a/b", vec![word("/a/b")]),
            (
                "#!ifdef A\n!!endif",
                vec![
                    Kind::Directive("ifdef A".to_owned()),
                    Kind::Directive("endif".to_owned()),
                ],
            ),
            (
                "#!define A 1 \\\n 2\nx",
                vec![Kind::Directive("define A 1  2".to_owned()), word("x")],
            ),
        ] {
            assert_eq!(kinds(given), wanted, "{given}");
        }
    }

    #[test]
    fn lines_are_counted_over_everything() {
        let mut lexer = Lexer::new("/*\n\n*/ a \"x\ny\" b");
        let lines: Vec<usize> = std::iter::from_fn(|| lexer.next())
            .map(|token| token.line)
            .collect();
        assert_eq!(lines, [3, 3, 4]);
    }
}
