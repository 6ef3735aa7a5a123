//! Where one entry ends and the next begins: lines, records with quoted line ends, tables.
//!
//! Blank lines and lines that begin with `#` are passed over (within a TOML table they are TOML's own). An entry that
//! is too long is passed over to its end.

use super::{BatchError, BatchMistake, Form, MAX_ENTRY_BYTES, not_utf8};
use crate::explain::printable;
use std::io::{self, BufRead};

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of one entry.
#[derive(Debug)]
pub(super) struct Frame {
    /// The line in which it begins, from 1.
    pub(super) line: usize,
    /// Its text, or why there is none.
    pub(super) text: Result<String, BatchMistake>,
}

/// Frames of a source.
#[derive(Debug)]
pub(super) struct Frames<R> {
    source: R,
    form: Form,
    /// A line that was read and belongs to what comes next.
    waiting: Option<Line>,
    lines: usize,
    bytes: u64,
}

/// A line with its end, cut at the limit.
#[derive(Debug)]
struct Line {
    number: usize,
    bytes: Vec<u8>,
    whole: bool,
}

impl Line {
    fn says_nothing(&self) -> bool {
        match self.bytes.trim_ascii().first() {
            None | Some(b'#') => self.whole,
            Some(_) => false,
        }
    }

    /// `[[request]]`, or any other header of a list of tables: its own parser tells what is wrong with it.
    fn is_header(&self) -> bool {
        self.bytes.trim_ascii_start().starts_with(b"[[")
    }
}

impl<R: BufRead> Frames<R> {
    /// Reads to the first line that says something, and tells the form by it.
    pub(super) fn open(source: R) -> Result<Self, BatchError> {
        let mut frames = Self {
            source,
            form: Form::Csv,
            waiting: None,
            lines: 0,
            bytes: 0,
        };
        let Some(first) = frames.line_that_says().map_err(BatchError::Io)? else {
            return Err(BatchError::Empty);
        };
        frames.form = form_of(&first)?;
        frames.waiting = Some(first);
        Ok(frames)
    }

    pub(super) fn form(&self) -> Form {
        self.form.clone()
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The next entry; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let Some(first) = self.line_that_says()? else {
            return Ok(None);
        };
        match self.form {
            Form::JsonLines => Ok(Some(framed(first.number, first.bytes, first.whole))),
            Form::Csv => self.record(first).map(Some),
            Form::Toml => self.table(first).map(Some),
        }
    }

    /// A record goes on while a quote is open (RFC 4180 §2).
    fn record(&mut self, first: Line) -> io::Result<Frame> {
        let number = first.number;
        let mut whole = first.whole;
        let mut bytes = first.bytes;
        while whole && quotes(&bytes) % 2 == 1 {
            let Some(line) = self.line()? else { break };
            whole = line.whole && bytes.len() + line.bytes.len() <= MAX_ENTRY_BYTES;
            if whole {
                bytes.extend_from_slice(&line.bytes);
            }
        }
        Ok(framed(number, bytes, whole))
    }

    /// A table goes on until the next header.
    fn table(&mut self, first: Line) -> io::Result<Frame> {
        let number = first.number;
        let mut whole = first.whole;
        let mut bytes = first.bytes;
        while let Some(line) = self.line()? {
            if line.is_header() {
                self.waiting = Some(line);
                break;
            }
            whole = whole && line.whole && bytes.len() + line.bytes.len() <= MAX_ENTRY_BYTES;
            if whole {
                bytes.extend_from_slice(&line.bytes);
            }
        }
        Ok(framed(number, bytes, whole))
    }

    fn line_that_says(&mut self) -> io::Result<Option<Line>> {
        while let Some(line) = self.line()? {
            if !line.says_nothing() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// The next line; of one that is too long the beginning, and the rest is passed over.
    fn line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.waiting.take() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let mut whole = true;
        let mut any = false;
        loop {
            let here = match self.source.fill_buf() {
                Ok(here) => here,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if here.is_empty() {
                break;
            }
            any = true;
            let end = here.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(here.len(), |at| at + 1);
            let taken = here.get(..length).unwrap_or_default();
            let room = MAX_ENTRY_BYTES - bytes.len();
            whole &= taken.len() <= room;
            bytes.extend_from_slice(taken.get(..room).unwrap_or(taken));
            self.source.consume(length);
            self.bytes += length as u64;
            if end.is_some() {
                break;
            }
        }
        if !any {
            return Ok(None);
        }
        self.lines += 1;
        if self.lines == 1 && bytes.starts_with(MARK) {
            bytes.drain(..MARK.len());
        }
        Ok(Some(Line {
            number: self.lines,
            bytes,
            whole,
        }))
    }
}

fn quotes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'"').count()
}

fn framed(line: usize, bytes: Vec<u8>, whole: bool) -> Frame {
    if !whole {
        return Frame::too_long(line);
    }
    Frame {
        line,
        text: String::from_utf8(bytes)
            .map_err(|error| not_utf8(line, error.utf8_error().valid_up_to())),
    }
}

fn form_of(first: &Line) -> Result<Form, BatchError> {
    let text = first.bytes.trim_ascii();
    let shown = || printable(&String::from_utf8_lossy(text));
    let refused = |what: String, why: &str, mend: &str| {
        BatchError::Unknown(BatchMistake::new(first.number, Some(1), what, why, mend))
    };
    match text {
        [b'{', ..] => Ok(Form::JsonLines),
        [b'[', b'[', ..] => Ok(Form::Toml),
        [b'[', rest @ ..] if matches!(rest.trim_ascii().first(), None | Some(b'{')) => {
            Err(refused(
                "this is one JSON list".to_owned(),
                "a list is read line by line, so that it may be long",
                "write one object a line, without the brackets around them (`jq -c '.[]'`)",
            ))
        }
        [b'[', ..] => Err(refused(
            format!("the list begins with \"{}\"", shown()),
            "in TOML each entry is a table of the list `request`",
            "write [[request]], in two brackets, above each entry",
        )),
        text if text.contains(&b'=') && !text.contains(&b',') => Err(refused(
            format!("the list begins with \"{}\"", shown()),
            "a key of TOML stands below the header of its entry",
            "write [[request]] above each entry",
        )),
        _ => Ok(Form::Csv),
    }
}
