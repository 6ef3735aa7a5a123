//! The directive language: words, `;`, blocks, and `include` put in its place.

use super::super::text::{Reading, folder_of, top_of};
use super::super::{ConfigError, Place, Source};
use super::lua_block::end_of_block;
use std::path::{Path, PathBuf};

/// How deep blocks may lie in one another.
const MAX_BLOCKS_DEEP: usize = 64;

/// A word of a directive, and where it stands in its file, quotes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A directive, with its block if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) words: Vec<Word>,
    /// Which of [`Tree::texts`] it stands in.
    pub(super) text: usize,
    pub(super) line: usize,
    /// After its `;` or `{`, in bytes.
    pub(super) after: usize,
    pub(super) block: Option<Vec<Directive>>,
}

impl Directive {
    pub(super) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.as_str())
    }

    /// What follows the name.
    pub(super) fn values(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The first value.
    pub(super) fn value(&self) -> &str {
        self.values().first().map_or("", |word| word.text.as_str())
    }

    pub(super) fn inner(&self) -> &[Directive] {
        self.block.as_deref().unwrap_or_default()
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Directive> {
        named(self.inner(), name)
    }
}

/// The directives of a name.
pub(super) fn named<'a>(
    all: &'a [Directive],
    name: &'a str,
) -> impl Iterator<Item = &'a Directive> {
    all.iter().filter(move |directive| directive.name() == name)
}

/// A configuration with everything it includes.
pub(super) struct Tree {
    pub(super) directives: Vec<Directive>,
    /// Every text in the order it was read; one that is included twice is here twice.
    pub(super) texts: Vec<(PathBuf, String)>,
    /// Every file once.
    pub(super) files: Vec<PathBuf>,
}

impl Tree {
    /// Reads the main file; includes count from its folder, whatever file they stand in.
    pub(super) fn read(main: &Path, source: &dyn Source) -> Result<Self, ConfigError> {
        let mut grower = Grower {
            base: folder_of(main).to_path_buf(),
            reading: Reading::new(source),
            texts: Vec::new(),
        };
        let directives = grower.file(main, 0, 0, &top_of(main))?;
        Ok(Self {
            directives,
            texts: grower.texts,
            files: grower.reading.files,
        })
    }

    pub(super) fn place(&self, directive: &Directive) -> Place {
        Place {
            file: self
                .texts
                .get(directive.text)
                .map(|(path, _)| path.clone())
                .unwrap_or_default(),
            line: directive.line,
        }
    }
}

struct Grower<'a> {
    base: PathBuf,
    reading: Reading<'a>,
    texts: Vec<(PathBuf, String)>,
}

/// A block that is open: its directive, and what is in it so far.
type Open = (Directive, Vec<Directive>);

impl Grower<'_> {
    fn file(
        &mut self,
        path: &Path,
        deep: usize,
        blocks: usize,
        include: &Place,
    ) -> Result<Vec<Directive>, ConfigError> {
        let text = self.reading.take(path, deep, include)?;
        let index = self.texts.len();
        self.texts.push((path.to_path_buf(), text.clone()));
        let mut lexer = Lexer {
            text: &text,
            at: 0,
            line: 1,
        };
        let mut open: Vec<Open> = Vec::new();
        let mut outer: Vec<Directive> = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut begun = 1;
        loop {
            let malformed = |line: usize, what: &str| ConfigError::Malformed {
                place: Place {
                    file: path.to_path_buf(),
                    line,
                },
                what: what.to_owned(),
            };
            let line_before = lexer.line;
            let token = lexer.next().map_err(|what| malformed(line_before, what))?;
            let directive = |words: Vec<Word>, line: usize, after: usize| Directive {
                words,
                text: index,
                line,
                after,
                block: None,
            };
            match token {
                Token::Word(word, line) => {
                    if words.is_empty() {
                        begun = line;
                    }
                    words.push(word);
                }
                Token::Semicolon => {
                    if words.is_empty() {
                        return Err(malformed(lexer.line, "a `;` without a directive before it"));
                    }
                    let one = directive(std::mem::take(&mut words), begun, lexer.at);
                    let within = blocks + open.len();
                    let into = match open.last_mut() {
                        Some((_, inner)) => inner,
                        None => &mut outer,
                    };
                    if one.name() == "include" && one.words.len() == 2 {
                        let place = Place {
                            file: path.to_path_buf(),
                            line: one.line,
                        };
                        let pattern = self.base.join(one.value());
                        into.extend(self.include(&pattern, deep, within, &place)?);
                    } else {
                        into.push(one);
                    }
                }
                Token::Open => {
                    if words.is_empty() {
                        return Err(malformed(lexer.line, "a `{` without a directive before it"));
                    }
                    if blocks + open.len() >= MAX_BLOCKS_DEEP {
                        return Err(malformed(lexer.line, "blocks too deep in one another"));
                    }
                    let one = directive(std::mem::take(&mut words), begun, lexer.at);
                    if one.name().ends_with("_by_lua_block") {
                        if !lexer.skips_foreign_block() {
                            return Err(malformed(begun, "a block of Lua that does not end"));
                        }
                        continue;
                    }
                    open.push((one, Vec::new()));
                }
                Token::Close => {
                    if !words.is_empty() {
                        return Err(malformed(lexer.line, "a `}` where a `;` is missing"));
                    }
                    let Some((mut one, inner)) = open.pop() else {
                        return Err(malformed(lexer.line, "a `}` too many"));
                    };
                    one.block = Some(inner);
                    match open.last_mut() {
                        Some((_, into)) => into.push(one),
                        None => outer.push(one),
                    }
                }
                Token::End if !open.is_empty() => {
                    return Err(malformed(lexer.line, "the file ends within a block"));
                }
                Token::End if !words.is_empty() => {
                    return Err(malformed(lexer.line, "the file ends within a directive"));
                }
                Token::End => return Ok(outer),
            }
        }
    }

    fn include(
        &mut self,
        pattern: &Path,
        deep: usize,
        blocks: usize,
        place: &Place,
    ) -> Result<Vec<Directive>, ConfigError> {
        let text = pattern.to_string_lossy();
        let files = if text.contains(['*', '?', '[']) {
            self.reading.source().expand(pattern)
        } else {
            vec![pattern.to_path_buf()]
        };
        let mut all = Vec::new();
        for file in files {
            all.extend(self.file(&file, deep + 1, blocks, place)?);
        }
        Ok(all)
    }
}

enum Token {
    /// A word, with its line.
    Word(Word, usize),
    Semicolon,
    Open,
    Close,
    End,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.text
            .get(self.at..)
            .and_then(|rest| rest.chars().next())
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn next(&mut self) -> Result<Token, &'static str> {
        loop {
            let from = self.at;
            let line = self.line;
            match self.take() {
                None => return Ok(Token::End),
                Some(c) if is_space(c) => {}
                Some('#') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.take();
                    }
                }
                Some(';') => return Ok(Token::Semicolon),
                Some('{') => return Ok(Token::Open),
                Some('}') => return Ok(Token::Close),
                Some(quote @ ('"' | '\'')) => {
                    let text = self.quoted(quote)?;
                    let word = Word {
                        text,
                        from,
                        to: self.at,
                    };
                    return match self.peek() {
                        None | Some(';' | '{' | ')') => Ok(Token::Word(word, line)),
                        Some(c) if is_space(c) => Ok(Token::Word(word, line)),
                        Some(_) => Err("a letter right after a quote"),
                    };
                }
                // A line's end is a blank, so that the line stays.
                Some(_) => {
                    self.at = from;
                    let text = self.bare();
                    let word = Word {
                        text,
                        from,
                        to: self.at,
                    };
                    return Ok(Token::Word(word, line));
                }
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut text = String::new();
        loop {
            match self.take() {
                None => return Err("a quote that does not end"),
                Some('\\') => self.escape(&mut text),
                Some(c) if c == quote => return Ok(text),
                Some(c) => text.push(c),
            }
        }
    }

    /// A word without quotes; a `{` right after a `$` belongs to a variable.
    fn bare(&mut self) -> String {
        let mut text = String::new();
        let mut dollar = false;
        while let Some(c) = self.peek() {
            let ends = is_space(c) || c == ';' || (c == '{' && !dollar);
            if ends && !text.is_empty() {
                break;
            }
            self.take();
            dollar = c == '$';
            if c == '\\' {
                self.escape(&mut text);
            } else {
                text.push(c);
            }
        }
        text
    }

    /// What follows a `\`: of six letters the `\` goes, before any other it stays.
    fn escape(&mut self, text: &mut String) {
        match self.take() {
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(c @ ('"' | '\'' | '\\')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
    }

    /// Passes over a block of Lua, its `}` with it; whether it has one.
    fn skips_foreign_block(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(block) = end_of_block(rest).and_then(|end| rest.get(..end)) else {
            return false;
        };
        self.at += block.len();
        self.line += block.matches('\n').count();
        true
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// A text as a word that reads back as it; `None` where it has a `$`, which nothing can escape.
pub(super) fn quoted(text: &str) -> Option<String> {
    if text.contains('$') || text.chars().any(char::is_control) {
        return None;
    }
    let plain = |c: char| c.is_alphanumeric() || "/._-+@:%,=~*".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Some(text.to_owned());
    }
    Some(format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}
