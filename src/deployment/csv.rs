//! Comma-separated values as RFC 4180 and PowerShell's `Export-Csv` write them: records of cells, each with its place.
//!
//! Quotes stand around a whole value and are doubled within it; blanks around them are passed over. Not for what the
//! columns mean. Written here, as no dependency reads CSV, and one more for so little is one too many.

use std::iter::Peekable;
use std::str::Chars;

/// Most cells of one record.
const MAX_CELLS: usize = 256;

/// A cell, quotes taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Where it begins, from 1.
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A text that is no CSV, where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) fault: Fault,
}

/// Why a text is no CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text ends within quotes.
    Unclosed,
    /// A quote in a value that none stands around.
    QuoteWithin,
    /// Something between a closing quote and the separator.
    BehindQuote,
    /// Over [`MAX_CELLS`].
    TooMany,
}

impl Fault {
    /// What is wrong.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Fault::Unclosed => "a quote is not closed",
            Fault::QuoteWithin => "a quote within a value",
            Fault::BehindQuote => "text after a quoted value",
            Fault::TooMany => "a record has more than 256 values",
        }
    }
}

/// What a cell ends with.
#[derive(PartialEq, Eq)]
enum End {
    Cell,
    Record,
}

/// The records of a text, one after the other.
pub(crate) struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    line: usize,
    column: usize,
    separator: Option<char>,
}

impl<'a> Reader<'a> {
    /// Begins in that line. Without a separator it is the first of comma, semicolon and tab outside quotes: `Export-Csv
    /// -UseCulture` takes that of the country.
    pub(crate) fn new(text: &'a str, line: usize, separator: Option<char>) -> Self {
        Self {
            chars: text.chars().peekable(),
            line,
            column: 1,
            separator,
        }
    }

    /// Passes over a line that begins with `#` (`#TYPE …`); whether there was one.
    pub(crate) fn pass_comment(&mut self) -> bool {
        let is_comment = self.chars.peek() == Some(&'#');
        if is_comment {
            while self.step().is_some_and(|c| c != '\n') {}
        }
        is_comment
    }

    /// The next record; none at the end. An empty line is a record of one empty cell.
    pub(crate) fn record(&mut self) -> Result<Option<Vec<Cell>>, Broken> {
        if self.chars.peek().is_none() {
            return Ok(None);
        }
        let (line, column) = (self.line, self.column);
        let mut cells = Vec::new();
        loop {
            let (cell, end) = self.cell()?;
            cells.push(cell);
            if end == End::Record {
                return Ok(Some(cells));
            }
            if cells.len() == MAX_CELLS {
                return Err(Broken {
                    line,
                    column,
                    fault: Fault::TooMany,
                });
            }
        }
    }

    fn cell(&mut self) -> Result<(Cell, End), Broken> {
        let mut cell = Cell {
            text: String::new(),
            line: self.line,
            column: self.column,
        };
        let mut quoted = false;
        loop {
            let (line, column) = (self.line, self.column);
            let broken = |fault| Broken {
                line,
                column,
                fault,
            };
            match self.step() {
                None | Some('\n') => return Ok((cell, End::Record)),
                Some('\r') if self.chars.peek() == Some(&'\n') => {}
                Some(c) if self.separates(c) => return Ok((cell, End::Cell)),
                Some('"') if !quoted && cell.text.trim().is_empty() => {
                    quoted = true;
                    cell.text.clear();
                    self.take_quoted(&mut cell.text)
                        .ok_or(broken(Fault::Unclosed))?;
                }
                Some(c) if quoted && c.is_whitespace() => {}
                Some(_) if quoted => return Err(broken(Fault::BehindQuote)),
                Some('"') => return Err(broken(Fault::QuoteWithin)),
                Some(c) => cell.text.push(c),
            }
        }
    }

    /// What stands before the closing quote; none where there is no such quote.
    fn take_quoted(&mut self, text: &mut String) -> Option<()> {
        loop {
            match self.step()? {
                '"' if self.chars.peek() == Some(&'"') => {
                    self.step();
                    text.push('"');
                }
                '"' => return Some(()),
                c => text.push(c),
            }
        }
    }

    fn separates(&mut self, c: char) -> bool {
        matches!(c, ',' | ';' | '\t') && *self.separator.get_or_insert(c) == c
    }

    fn step(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, separator: Option<char>) -> Result<Vec<Vec<Cell>>, Broken> {
        let mut reader = Reader::new(text, 1, separator);
        let mut records = Vec::new();
        loop {
            if reader.pass_comment() {
                continue;
            }
            match reader.record()? {
                Some(record) => records.push(record),
                None => return Ok(records),
            }
        }
    }

    #[test]
    fn cells_keep_their_places_through_quotes_and_comments() {
        for (text, separator, expected) in [
            ("a,b\n1,2\n", None, "1:1 a|1:3 b\n2:1 1|2:3 2"),
            (
                "#TYPE X\r\n\"a\";\"b\"\r\n\"1\n2\";\"x;\"\"y\"\"\"\r\n3;4",
                None,
                "2:1 a|2:5 b\n3:1 1\u{a0}2|4:4 x;\"y\"\n5:1 3|5:3 4",
            ),
            ("a\tb\n1,5\t2\n", None, "1:1 a|1:3 b\n2:1 1,5|2:5 2"),
            (
                "a;b,c\n \"d\" , e\n",
                Some(','),
                "1:1 a;b|1:5 c\n2:1 d|2:7  e",
            ),
            ("a,\n\n", Some(','), "1:1 a|1:3 \n2:1 "),
            ("", None, ""),
        ] {
            let found: Vec<String> = records(text, separator)
                .unwrap()
                .iter()
                .map(|cells| {
                    let told: Vec<String> = cells
                        .iter()
                        .map(|cell| {
                            let text = cell.text.replace('\n', "\u{a0}");
                            format!("{}:{} {text}", cell.line, cell.column)
                        })
                        .collect();
                    told.join("|")
                })
                .collect();
            assert_eq!(found.join("\n"), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_csv_is_told_with_its_place() {
        let many = ",".repeat(300);
        for (text, fault, line, column) in [
            ("a,b\nc,\"1,2\n3\n", Fault::Unclosed, 2, 3),
            ("a,b\n\"1\"x,2\n", Fault::BehindQuote, 2, 4),
            ("a,b\n\"1\" \"x\",2\n", Fault::BehindQuote, 2, 5),
            ("a,b\n1\"x\",2\n", Fault::QuoteWithin, 2, 2),
            (&many, Fault::TooMany, 1, 1),
        ] {
            let broken = records(text, None).unwrap_err();
            assert_eq!(
                broken,
                Broken {
                    line,
                    column,
                    fault
                },
                "{text:?}"
            );
        }
    }
}
