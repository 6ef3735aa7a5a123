//! A list of requests to be made, in TOML, JSON lines or CSV, told apart by content and read entry by entry.
//!
//! Bytes in, entries out: each is whole, with the place of every value, or a list of mistakes with their places, and
//! the next one is read all the same. Nothing is kept of an entry that was handed out, so the memory is that of one
//! entry ([`MAX_ENTRY_BYTES`]), however long the list is. What a value means is for the rooms above. Sources: TOML 1.0,
//! RFC 8259 with one value a line, RFC 4180.

mod csv;
mod frames;
mod json;
mod toml;

use crate::deployment::Mistake;
use crate::explain::{nearest, printable};
use frames::{Frame, Frames};
use std::io::BufRead;

/// Longest entry, in bytes: a line of JSON, a record of CSV, a `[[request]]` table.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;

/// Most values of one key.
pub const MAX_VALUES: usize = 1_000;

/// Most mistakes told of one entry.
const MAX_MISTAKES: usize = 20;

/// What an entry may say; the words are those of the flags, in the plural where there may be several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The lineage that the reply will be imported under.
    Certificate,
    /// Access Edge FQDN.
    Fqdn,
    /// SIP domains.
    SipDomains,
    /// XMPP domains.
    XmppDomains,
    /// XMPP components.
    Components,
    /// Further names, typed.
    San,
    /// What it is for.
    Uses,
    /// `ec256` and so on.
    KeyType,
    /// The issuer's profile.
    IssuerProfile,
    /// Certificate template of AD CS.
    Template,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// C.
    Country,
    /// ST.
    StateOrProvince,
    /// L.
    Locality,
    /// CN.
    CommonName,
    /// The folder's name.
    Out,
}

impl Key {
    /// All, in the order of the documentation.
    pub const ALL: [Key; 17] = [
        Key::Certificate,
        Key::Fqdn,
        Key::SipDomains,
        Key::XmppDomains,
        Key::Components,
        Key::San,
        Key::Uses,
        Key::KeyType,
        Key::IssuerProfile,
        Key::Template,
        Key::Organization,
        Key::OrganizationalUnit,
        Key::Country,
        Key::StateOrProvince,
        Key::Locality,
        Key::CommonName,
        Key::Out,
    ];

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Key::Certificate => "certificate",
            Key::Fqdn => "fqdn",
            Key::SipDomains => "sip-domains",
            Key::XmppDomains => "xmpp-domains",
            Key::Components => "components",
            Key::San => "san",
            Key::Uses => "uses",
            Key::KeyType => "key-type",
            Key::IssuerProfile => "issuer-profile",
            Key::Template => "template",
            Key::Organization => "organization",
            Key::OrganizationalUnit => "organizational-unit",
            Key::Country => "country",
            Key::StateOrProvince => "state-or-province",
            Key::Locality => "locality",
            Key::CommonName => "common-name",
            Key::Out => "out",
        }
    }

    /// Whether it takes several values.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Key::SipDomains | Key::XmppDomains | Key::Components | Key::San | Key::Uses
        )
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.word() == word)
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it stands there.
    pub text: String,
    /// In characters from 1, where the form tells it.
    pub column: Option<usize>,
    /// From 1.
    pub line: usize,
}

/// A key with its values, in order; one at least, and no more than one unless [`Key::is_list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The key.
    pub key: Key,
    /// Its values.
    pub values: Vec<Word>,
}

/// One request that is asked for. Every key stands there once at most; an empty value counts as left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it says, in the order of [`Key::ALL`].
    pub fields: Vec<Field>,
}

impl Entry {
    /// The values of a key; empty where it is left out.
    pub fn values(&self, key: Key) -> &[Word] {
        self.fields
            .iter()
            .find(|field| field.key == key)
            .map_or(&[], |field| &field.values)
    }

    /// The only value of a key.
    pub fn value(&self, key: Key) -> Option<&Word> {
        self.values(key).first()
    }
}

/// What is wrong at a place of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchMistake {
    /// From 1.
    pub line: usize,
    /// In characters from 1, where the form tells it.
    pub column: Option<usize>,
    /// What is wrong, with the value, fit to be shown.
    pub what: String,
    /// Why.
    pub why: String,
    /// How to mend it.
    pub mend: String,
}

impl BatchMistake {
    fn new(
        line: usize,
        column: Option<usize>,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            line,
            column,
            what: what.into(),
            why: why.into(),
            mend: mend.into(),
        }
    }

    /// Of a TOML table that begins in a line of the list.
    fn of_table(mistake: Mistake, first: usize) -> Self {
        let what = match mistake.key.strip_prefix("request.") {
            Some(key) => format!("{key}: {}", mistake.what),
            None => mistake.what,
        };
        Self::new(
            first - 1 + mistake.line,
            Some(mistake.column),
            what,
            mistake.why,
            mistake.mend,
        )
    }
}

/// One entry of a list, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Which one it is, from 1.
    pub number: u64,
    /// The line in which it begins, from 1.
    pub line: usize,
    /// What it says, or every mistake in it: one at least.
    pub entry: Result<Entry, Vec<BatchMistake>>,
}

/// The form of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `[[request]]` tables.
    Toml,
    /// An object a line.
    JsonLines,
    /// A header row, and a record for each entry.
    Csv,
}

impl Form {
    /// As people call it.
    pub fn word(&self) -> &'static str {
        match self {
            Form::Toml => "TOML",
            Form::JsonLines => "JSON lines",
            Form::Csv => "CSV",
        }
    }
}

/// Why a list cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// There is nothing in it.
    #[error("the list is empty")]
    Empty,
    /// It cannot be understood from its beginning on.
    #[error("{}", .0.what)]
    Unknown(BatchMistake),
    /// The source of the bytes failed.
    #[error("the list cannot be read on")]
    Io(#[source] std::io::Error),
}

/// A list, read entry by entry.
#[derive(Debug)]
pub struct Batch<R> {
    frames: Frames<R>,
    columns: Vec<Key>,
    number: u64,
}

impl<R: BufRead> Batch<R> {
    /// Reads far enough to tell the form, and the header of a CSV.
    ///
    /// Errors: there is nothing, or nothing that is known. Effects: reads, may block.
    pub fn open(source: R) -> Result<Self, BatchError> {
        let mut frames = Frames::open(source)?;
        let columns = match frames.form() {
            Form::Toml | Form::JsonLines => Vec::new(),
            Form::Csv => match frames.next().map_err(BatchError::Io)? {
                Some(header) => csv::header(&header).map_err(BatchError::Unknown)?,
                None => return Err(BatchError::Empty),
            },
        };
        Ok(Self {
            frames,
            columns,
            number: 0,
        })
    }

    /// Its form.
    pub fn form(&self) -> Form {
        self.frames.form()
    }

    /// How many bytes were taken from the source.
    pub fn bytes_read(&self) -> u64 {
        self.frames.bytes_read()
    }

    /// The next entry; `None` at the end.
    ///
    /// Errors: the source failed; mistakes of an entry are in what is read.
    pub fn next_entry(&mut self) -> Result<Option<Read>, BatchError> {
        let Some(frame) = self.frames.next().map_err(BatchError::Io)? else {
            return Ok(None);
        };
        self.number += 1;
        let entry = match &frame.text {
            Ok(text) => match self.frames.form() {
                Form::Toml => toml::entry(text, frame.line),
                Form::JsonLines => json::entry(text, frame.line),
                Form::Csv => csv::entry(text, frame.line, &self.columns),
            },
            Err(mistake) => Err(vec![mistake.clone()]),
        };
        Ok(Some(Read {
            number: self.number,
            line: frame.line,
            entry: entry.map_err(|mut mistakes| {
                mistakes.truncate(MAX_MISTAKES);
                mistakes
            }),
        }))
    }
}

/// Fields in the order of the keys, without those that say nothing.
fn settled(mut fields: Vec<Field>) -> Entry {
    for field in &mut fields {
        field.values.retain(|word| !word.text.trim().is_empty());
        for word in &mut field.values {
            let trimmed = word.text.trim();
            if trimmed.len() != word.text.len() {
                word.text = trimmed.to_owned();
            }
        }
    }
    fields.retain(|field| !field.values.is_empty());
    fields.sort_by_key(|field| field.key);
    Entry { fields }
}

fn unknown_key(word: &str, line: usize, column: Option<usize>) -> BatchMistake {
    let known = Key::ALL.map(Key::word);
    BatchMistake::new(
        line,
        column,
        format!("unknown key \"{}\"", printable(word)),
        format!("known: {}", known.join(", ")),
        match nearest(word, known) {
            Some(right) => format!("did you mean \"{right}\"?"),
            None => "take it out".to_owned(),
        },
    )
}

fn too_many_values(key: Key, count: usize, line: usize, column: Option<usize>) -> BatchMistake {
    BatchMistake::new(
        line,
        column,
        format!("{} has {count} values", key.word()),
        format!("at most {MAX_VALUES} are read"),
        "split the entry",
    )
}

fn not_utf8(line: usize, at: usize) -> BatchMistake {
    BatchMistake::new(
        line,
        None,
        "the entry is not UTF-8",
        format!("its byte {} is none", at + 1),
        "save the list as UTF-8",
    )
}

impl Frame {
    fn too_long(line: usize) -> Self {
        Self {
            line,
            text: Err(BatchMistake::new(
                line,
                None,
                "the entry is too long",
                format!("at most {MAX_ENTRY_BYTES} bytes are read for one entry"),
                "split it; or close a quote that was left open",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
