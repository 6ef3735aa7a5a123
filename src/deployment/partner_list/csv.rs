//! Comma-separated values as RFC 4180 and PowerShell's `Export-Csv` write them: records with the line they begin in.

/// Most fields of one record.
const MAX_FIELDS: usize = 256;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// From 1.
    pub(super) line: usize,
    /// Quotes taken off.
    pub(super) fields: Vec<String>,
}

/// A text that is no CSV, where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// From 1.
    pub(super) line: usize,
    /// Why.
    pub(super) what: &'static str,
}

/// The records of a text, empty lines and lines that begin with `#` (`#TYPE …`) left out. The separator is the first of
/// comma, semicolon and tab in the first record: `Export-Csv -UseCulture` takes that of the country.
pub(super) fn records(text: &str) -> Result<Vec<Record>, Broken> {
    let mut separator = None;
    let mut records = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    while chars.peek().is_some() {
        let begin = line;
        let (mut fields, mut field) = (Vec::new(), String::new());
        let mut was_quoted = false;
        let comment = chars.peek() == Some(&'#');
        while let Some(c) = chars.next() {
            if comment {
                if c == '\n' {
                    line += 1;
                    break;
                }
                continue;
            }
            match c {
                '\n' => {
                    line += 1;
                    break;
                }
                '\r' if chars.peek() == Some(&'\n') => {}
                '"' if field.trim().is_empty() && !was_quoted => {
                    field.clear();
                    was_quoted = true;
                    let opened = line;
                    loop {
                        match chars.next() {
                            Some('"') if chars.peek() == Some(&'"') => {
                                chars.next();
                                field.push('"');
                            }
                            Some('"') => break,
                            Some(c) => {
                                line += usize::from(c == '\n');
                                field.push(c);
                            }
                            None => {
                                return Err(Broken {
                                    line: opened,
                                    what: "a quote is opened and never closed",
                                });
                            }
                        }
                    }
                }
                ',' | ';' | '\t' if *separator.get_or_insert(c) == c => {
                    if fields.len() == MAX_FIELDS {
                        return Err(Broken {
                            line: begin,
                            what: "a line has more than 256 fields",
                        });
                    }
                    fields.push(std::mem::take(&mut field));
                    was_quoted = false;
                }
                c if was_quoted && !c.is_whitespace() => {
                    return Err(Broken {
                        line,
                        what: "something stands behind a closing quote",
                    });
                }
                _ if was_quoted => {}
                c => field.push(c),
            }
        }
        fields.push(field);
        let is_empty = fields.iter().all(|one| one.trim().is_empty());
        if !comment && !is_empty {
            records.push(Record {
                line: begin,
                fields,
            });
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_their_lines_through_quotes_and_comments() {
        for (text, expected) in [
            ("a,b\n1,2\n", vec![(1, "a|b"), (2, "1|2")]),
            (
                "#TYPE X\r\n\"a\";\"b\"\r\n\r\n\"1\n2\";\"x;\"\"y\"\"\"\r\n3;4",
                vec![(2, "a|b"), (4, "1\n2|x;\"y\""), (6, "3|4")],
            ),
            ("a\tb\n1,5\t2\n", vec![(1, "a|b"), (2, "1,5|2")]),
            ("", vec![]),
        ] {
            let records = records(text).unwrap();
            let found: Vec<(usize, String)> = records
                .iter()
                .map(|one| (one.line, one.fields.join("|")))
                .collect();
            let expected: Vec<(usize, String)> = expected
                .into_iter()
                .map(|(line, words)| (line, words.to_owned()))
                .collect();
            assert_eq!(found, expected, "{text:?}");
        }
        assert_eq!(records("a,b\n\"1,2\n3\n").unwrap_err().line, 2);
        assert_eq!(records("a,b\n\"1\"x,2\n").unwrap_err().line, 2);
        assert!(records(&",".repeat(300)).is_err());
    }
}
