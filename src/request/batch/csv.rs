//! Records of a batch: a header row names the columns, lists are separated by spaces or semicolons.

use super::frames::Frame;
use super::{
    BatchMistake, Entry, Field, Key, MAX_VALUES, Word, settled, too_many_values, unknown_key,
};
use crate::deployment::csv::{Cell, Fault, Reader};

/// The keys of the header row.
pub(super) fn header(frame: &Frame) -> Result<Vec<Key>, BatchMistake> {
    let text = frame.text.as_ref().map_err(Clone::clone)?;
    let mut keys = Vec::new();
    for cell in cells(text, frame.line)? {
        let place = |what: String, why: &str, mend: &str| {
            BatchMistake::new(cell.line, Some(cell.column), what, why, mend)
        };
        let word = cell.text.trim();
        let Some(key) = Key::from_word(word) else {
            let mut mistake = unknown_key(word, cell.line, Some(cell.column));
            if keys.is_empty() && !text.contains(',') {
                mistake.mend = format!(
                    "write a list as TOML ([[request]] tables), as JSON lines, or as CSV whose first row names the columns; {}",
                    mistake.mend
                );
            }
            return Err(mistake);
        };
        if keys.contains(&key) {
            return Err(place(
                format!("the column {word} stands there twice"),
                "each key has one column",
                "take one of the two out",
            ));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// A record under the columns of the header.
pub(super) fn entry(text: &str, line: usize, columns: &[Key]) -> Result<Entry, Vec<BatchMistake>> {
    let cells = cells(text, line).map_err(|mistake| vec![mistake])?;
    if cells.len() != columns.len() {
        return Err(vec![BatchMistake::new(
            line,
            cells.get(columns.len()).map(|cell| cell.column),
            format!("the record has {} values", cells.len()),
            format!("the header row names {} columns", columns.len()),
            "leave the value of a column empty where there is none; put one that holds a comma in double quotes",
        )]);
    }
    let mut mistakes = Vec::new();
    let mut fields = Vec::new();
    for (key, cell) in columns.iter().zip(cells) {
        let values = if key.is_list() {
            parts(&cell)
        } else {
            vec![Word {
                text: cell.text,
                line: cell.line,
                column: Some(cell.column),
            }]
        };
        if values.len() > MAX_VALUES {
            mistakes.push(too_many_values(
                *key,
                values.len(),
                cell.line,
                Some(cell.column),
            ));
        }
        fields.push(Field { key: *key, values });
    }
    if mistakes.is_empty() {
        Ok(settled(fields))
    } else {
        Err(mistakes)
    }
}

fn parts(cell: &Cell) -> Vec<Word> {
    cell.text
        .split(|c: char| c == ';' || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .map(|part| Word {
            text: part.to_owned(),
            line: cell.line,
            column: Some(cell.column),
        })
        .collect()
}

/// The cells of one record, in the words of a batch where it is none.
fn cells(text: &str, first: usize) -> Result<Vec<Cell>, BatchMistake> {
    let record = Reader::new(text, first, Some(',')).record();
    record.map(Option::unwrap_or_default).map_err(|broken| {
        let (why, mend) = match broken.fault {
            Fault::Unclosed => (
                "the record ends within it",
                "close the quote; a quote within quotes is written twice (RFC 4180 §2)",
            ),
            Fault::QuoteWithin | Fault::BehindQuote => (
                "quotes stand around a whole value (RFC 4180 §2)",
                "put the whole value in double quotes, and write a quote within it twice",
            ),
            Fault::TooMany => (
                "no list has as many columns",
                "see whether a line end is missing",
            ),
        };
        let (line, column) = (broken.line, Some(broken.column));
        BatchMistake::new(line, column, broken.fault.words(), why, mend)
    })
}
