//! One page of the wizard as data: what it says, what it asks, and what was answered.
//!
//! Pages are made by the walk ([`super::walk`]) and shown by an [`Ask`]: full screen, line by line, or scripted. Texts
//! stand here as they are shown: in the user's language, with foreign text made printable.

use crate::names::Domain;
use std::collections::BTreeMap;

/// The name of a field, stable: it is the key in an answers file too (`sip-domains`).
pub type FieldId = &'static str;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its name, stable: `sip-domains`. The table in an answers file.
    pub id: &'static str,
    /// What is being done: `new request`.
    pub walk: String,
    /// Where it stands in its walk, from 1.
    pub number: usize,
    /// How many pages the walk has, as far as is known.
    pub of: usize,
    /// `SIP domains`.
    pub title: String,
    /// What the answer is for, in a sentence or two.
    pub intro: String,
    /// What `?` explains.
    pub help: String,
    /// Lines to read, not wrapped further where they fit: names with reasons, a CSR. Scrolls where it is too long.
    pub body: Vec<String>,
    /// What is asked; a page to read has none.
    pub fields: Vec<Field>,
}

/// One question of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub id: FieldId,
    /// `Country`.
    pub label: String,
    /// A word beside the field: `two letters`; empty for none.
    pub hint: String,
    /// How it is asked, with the answer that stands there already.
    pub kind: FieldKind,
}

/// How a question is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// A line of text.
    Text {
        /// What stands there.
        value: String,
    },
    /// One of several.
    Choice {
        /// At least one.
        options: Vec<Choice>,
        /// The id of the one chosen.
        chosen: String,
    },
    /// Any of several, and more that are typed.
    Ticks {
        /// What can be ticked.
        items: Vec<Tick>,
        /// The line under the list that adds another (`another domain …`); `None`: the list is as it is.
        add: Option<String>,
        /// What is told beside one that is added.
        beside: Beside,
    },
    /// Yes or no.
    YesNo {
        /// What stands there.
        value: bool,
    },
}

/// One of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its name, stable: `ec256`.
    pub id: String,
    /// As shown.
    pub label: String,
    /// Beside it; empty for none.
    pub note: String,
}

/// Something to tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// What the answer holds.
    pub value: String,
    /// Beside it: `sip.contoso.com, contoso.com`.
    pub note: String,
    /// Whether it is ticked.
    pub ticked: bool,
}

/// What is told beside a value that is added to a list, as beside those that stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nothing.
    Nothing,
    /// A domain as the certificate holds it: with letters of its own as its A-label.
    Domain,
    /// The SIP host of a domain, and the domain.
    SipDomain,
}

impl Beside {
    /// The note of a value; empty where it is none of its kind.
    pub fn note(self, value: &str) -> String {
        let domain = match self {
            Beside::Nothing => return String::new(),
            Beside::Domain | Beside::SipDomain => match Domain::parse(value) {
                Ok(domain) => domain,
                Err(_) => return String::new(),
            },
        };
        match (self, domain.child("sip")) {
            (Beside::SipDomain, Ok(host)) => format!("{host}, {domain}"),
            // Said where it is not what was typed.
            (Beside::SipDomain | Beside::Domain | Beside::Nothing, _) => {
                let other = Some(domain.to_string()).filter(|form| form != value);
                other.unwrap_or_default()
            }
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Of a [`FieldKind::Text`], trimmed, without control characters.
    Text(String),
    /// Of a [`FieldKind::Choice`]: the id.
    Choice(String),
    /// Of [`FieldKind::Ticks`]: what is ticked, in the order shown, what was typed at the end.
    Ticks(Vec<String>),
    /// Of a [`FieldKind::YesNo`].
    YesNo(bool),
}

/// The answers of one page.
pub type Answers = BTreeMap<FieldId, Answer>;

/// What is wrong with an answer, said on the page where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The field.
    pub field: FieldId,
    /// What is wrong and what would be right, in the user's language.
    pub text: String,
}

/// How a page was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Onwards, with an answer for every field; the check found nothing wrong.
    Next(Answers),
    /// To the page before, with what was filled in so far: it is kept, unchecked.
    Back(Answers),
    /// Out of the wizard, by the user's wish (Ctrl-C, end of input), with what was filled in so far.
    Leave(Answers),
}

/// Judges the answers of a page, before it is left: empty when all is well.
pub type Check<'a> = &'a dyn Fn(&Answers) -> Vec<Mistake>;

/// Work that takes a while, shown while it goes on.
pub trait Progress {
    /// One step is done or begun: `key made (ec256)`. Goes into the log that can be viewed.
    fn step(&mut self, text: &str);
}

/// Somebody who is asked: a person at a full screen, line by line, or a script.
pub trait Ask {
    /// Shows a page and waits until it is left. A field that is wrong is told where it was given, and asked again.
    ///
    /// Errors: the terminal is gone, or an answer that a script needs is missing.
    fn page(&mut self, page: &Page, check: Check<'_>) -> Result<Reply, AskError>;

    /// Runs work while the user sees that it goes on; returns when it has ended. `page` says what is being done.
    fn work(
        &mut self,
        page: &Page,
        work: &mut dyn FnMut(&mut dyn Progress),
    ) -> Result<(), AskError>;
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The terminal vanished or cannot be read.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] std::io::Error),
    /// A script (an answers file, `-n`) has no answer for a field that needs one.
    #[error("there is no answer for {page}.{field}")]
    Missing {
        /// The page.
        page: &'static str,
        /// The field.
        field: FieldId,
    },
    /// An answer of a script is wrong.
    #[error("the answer for {page}.{field} is wrong: {text}")]
    Wrong {
        /// The page.
        page: &'static str,
        /// The field.
        field: FieldId,
        /// What the page's check said.
        text: String,
    },
}
