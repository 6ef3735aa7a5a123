//! The answers of all pages as a document: TOML, one table a page, its fields by name.
//!
//! It is saved at the end of a run, replayed by `--answers`, and kept in the state while a run goes on. Reading tells
//! every mistake at its place; what an answer means is judged by its page.

use super::ask::{Given, Script};
use super::page::{Answer, Answers, FieldKind, Page};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::deployment::read::{self, Table, Value};
use crate::deployment::{DeploymentError, Mistake as Slip};
use crate::explain::{Explain, Explanation, printable};
use std::collections::BTreeMap;

/// Largest answers file read, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Longest answer, in characters.
const MAX_TEXT: usize = 4096;

/// The number of this form of the document.
const VERSION: u32 = 1;

/// The field that holds what was on offer when a page was answered: what came later was not refused by anybody.
pub const OFFERED: &str = "offered";

/// The answers, by page.
pub type Document = BTreeMap<&'static str, Answers>;

/// What kind of answer a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// The id of one of several.
    Choice,
    /// A list.
    Ticks,
    /// Yes or no.
    YesNo,
}

/// A page's names: they stand in answers files, and stay as they are for ever.
#[derive(Debug)]
pub struct Names {
    /// The page.
    pub id: &'static str,
    /// Its fields.
    pub fields: &'static [(&'static str, Kind)],
}

const fn names(id: &'static str, fields: &'static [(&'static str, Kind)]) -> Names {
    Names { id, fields }
}

/// Every page.
pub const PAGES: &[Names] = &[
    names("continue", &[("continue", Kind::YesNo)]),
    names("tasks", &[("task", Kind::Choice)]),
    names("which", &[("certificate", Kind::Choice)]),
    names("certificate", &[("certificate", Kind::Choice)]),
    names("uses", &[("uses", Kind::Ticks)]),
    names(
        "issuer",
        &[
            ("send", Kind::Choice),
            ("profile", Kind::Choice),
            ("profile-file", Kind::Text),
        ],
    ),
    names("roots", &[("roots", Kind::Text)]),
    names("request-file", &[("file", Kind::Text)]),
    names("template", &[("template", Kind::Text)]),
    names(
        "key",
        &[
            ("friendly-name", Kind::Text),
            ("key-type", Kind::Choice),
            ("exportable", Kind::YesNo),
        ],
    ),
    names(
        "organization",
        &[
            ("organization", Kind::Text),
            ("organizational-unit", Kind::Text),
        ],
    ),
    names(
        "location",
        &[
            ("country", Kind::Text),
            ("state", Kind::Text),
            ("locality", Kind::Text),
        ],
    ),
    names("fqdn", &[("fqdn", Kind::Text)]),
    names("names", &[]),
    names("sip-domains", &[("sip-domains", Kind::Ticks)]),
    names("xmpp-domains", &[("xmpp-domains", Kind::Ticks)]),
    names("components", &[("components", Kind::Ticks)]),
    names("further-names", &[("san", Kind::Ticks)]),
    names("summary", &[]),
    names("making", &[]),
    names("csr", &[]),
    names("sent", &[]),
    names("pending", &[("request", Kind::Choice)]),
    names("pending-shown", &[("action", Kind::Choice)]),
    names("cancelled", &[]),
    names("import", &[("file", Kind::Text)]),
    names("passphrase", &[("passphrase-file", Kind::Text)]),
    names("comparison", &[]),
    names("verdict", &[("assign", Kind::YesNo)]),
    names("assign-plan", &[]),
    names("live", &[]),
    names("renew-plan", &[]),
    names("renewed", &[]),
    names("checked", &[]),
    names(
        "access-policy",
        &[
            ("policy", Kind::Choice),
            ("users", Kind::Ticks),
            ("federated-users", Kind::YesNo),
        ],
    ),
    names("in-order", &[]),
    names(
        "partners",
        // Never asked for: which partners were there to be unticked.
        &[("partners", Kind::Ticks), (OFFERED, Kind::Ticks)],
    ),
    names(
        "partner-settings",
        &[
            ("type", Kind::Choice),
            ("tls", Kind::Choice),
            ("sasl", Kind::Choice),
            ("dialback", Kind::YesNo),
        ],
    ),
    names("federation-plan", &[]),
    names("federation-saved", &[]),
    names("records", &[]),
    names("next", &[]),
    names("failed", &[]),
];

/// The document as TOML. `at`: the page where a run was interrupted.
pub fn write(answers: &Document, at: Option<&str>) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text = format!(
        "# Answers for `edgecert wizard --answers FILE`: a table for each page, its fields by name. What is left out is\n\
         # what the page would have offered.\nversion = {VERSION}\n"
    );
    if let Some(at) = at {
        text.push_str(&format!("at = {}\n", quoted(at)));
    }
    for page in PAGES {
        let Some(given) = answers.get(page.id).filter(|given| !given.is_empty()) else {
            continue;
        };
        text.push_str(&format!("\n[{}]\n", page.id));
        for (field, _) in page.fields {
            let value = match given.get(field) {
                Some(Answer::Text(text) | Answer::Choice(text)) => quoted(text),
                Some(Answer::YesNo(yes)) => yes.to_string(),
                Some(Answer::Ticks(all)) => {
                    let all: Vec<String> = all.iter().map(|one| quoted(one)).collect();
                    format!("[{}]", all.join(", "))
                }
                None => continue,
            };
            text.push_str(&format!("{field} = {value}\n"));
        }
    }
    text
}

/// Reads a document, and the page where a run was interrupted.
///
/// Errors: wrong usage, with every mistake of the file at its line and column.
pub fn parse(text: &str, origin: &str) -> Result<(Document, Option<&'static str>), Failure> {
    read::read(text, take).map_err(|mistakes| wrong(origin, mistakes))
}

/// Reads a document and writes it again; the same where [`write`] wrote it.
///
/// Errors: those of `parse`.
pub fn rewrite(text: &str) -> Result<String, Box<Explanation>> {
    match parse(text, "answers.toml") {
        Ok((document, at)) => Ok(write(&document, at)),
        Err(failure) => Err(failure.explanation),
    }
}

fn wrong(origin: &str, mistakes: Vec<Slip>) -> Failure {
    let error = DeploymentError {
        path: origin.to_owned(),
        mistakes,
    };
    let mut failure = Failure::from_error(FailureKind::Usage, &error);
    failure.explanation.code = "wizard.answers-invalid";
    let first = error.explain().what;
    failure.explanation.what = format!("the answers cannot be used: {first}");
    failure
}

fn take(root: Table<'_, '_>) -> Option<(Document, Option<&'static str>)> {
    root.need("version", "1")
        .and_then(|value| value.integer(VERSION..=VERSION));
    let ids = PAGES.iter().map(|page| (page.id, page.id));
    let at = root
        .get("at")
        .and_then(|value| value.word(&ids.collect::<Vec<_>>()));
    let mut document = Document::new();
    for page in PAGES.iter().filter(|page| !page.fields.is_empty()) {
        let Some(table) = root.get(page.id).and_then(|value| value.table()) else {
            continue;
        };
        let mut given = Answers::new();
        for (field, kind) in page.fields {
            if let Some(answer) = table.get(field).and_then(|value| answer(&value, *kind)) {
                given.insert(field, answer);
            }
        }
        table.finish();
        document.insert(page.id, given);
    }
    root.finish().then_some((document, at))
}

fn answer(value: &Value<'_, '_>, kind: Kind) -> Option<Answer> {
    match kind {
        Kind::Text => line(value).map(Answer::Text),
        Kind::Choice => line(value).map(Answer::Choice),
        Kind::YesNo => value.boolean().map(Answer::YesNo),
        Kind::Ticks => value
            .list()?
            .iter()
            .map(line)
            .collect::<Option<_>>()
            .map(Answer::Ticks),
    }
}

/// As somebody would have typed it: trimmed, one line.
fn line(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?.trim();
    if text.chars().any(char::is_control) {
        value.fail(
            format!("\"{}\" holds a control character", printable(text)),
            "write it in one line",
        );
    } else if text.chars().count() > MAX_TEXT {
        value.fail(
            format!("the answer has {} characters", text.chars().count()),
            format!("use at most {MAX_TEXT}"),
        );
    } else {
        return Some(text.to_owned());
    }
    None
}

/// The answers as the script of somebody who is asked by nobody.
pub fn script(document: &Document) -> Script {
    let given = |answer: &Answer| match answer {
        Answer::Text(text) | Answer::Choice(text) => Given::Text(text.clone()),
        Answer::Ticks(all) => Given::List(all.clone()),
        Answer::YesNo(yes) => Given::Flag(*yes),
    };
    document
        .iter()
        .map(|(page, answers)| {
            let fields = answers
                .iter()
                .filter(|(field, _)| **field != OFFERED)
                .map(|(field, answer)| ((*field).to_owned(), given(answer)));
            ((*page).to_owned(), fields.collect())
        })
        .collect()
}

/// What a page offers: the answers that stand there.
pub fn offered(page: &Page) -> Answers {
    page.fields
        .iter()
        .map(|field| {
            let answer = match &field.kind {
                FieldKind::Text { value } => Answer::Text(value.clone()),
                FieldKind::Choice { chosen, .. } => Answer::Choice(chosen.clone()),
                FieldKind::Ticks { items, .. } => Answer::Ticks(
                    items
                        .iter()
                        .filter(|item| item.ticked)
                        .map(|item| item.value.clone())
                        .collect(),
                ),
                FieldKind::YesNo { value } => Answer::YesNo(*value),
            };
            (field.id, answer)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Document {
        Document::from([
            (
                "tasks",
                Answers::from([("task", Answer::Choice("new-request".into()))]),
            ),
            (
                "sip-domains",
                Answers::from([(
                    "sip-domains",
                    Answer::Ticks(vec!["contoso.com".into(), "bücher.example".into()]),
                )]),
            ),
            (
                "key",
                Answers::from([
                    ("friendly-name", Answer::Text("a \"b\" \\ c".into())),
                    ("exportable", Answer::YesNo(false)),
                ]),
            ),
        ])
    }

    #[test]
    fn answers_that_are_written_are_read_back() {
        let text = write(&some(), Some("location"));
        assert_eq!(parse(&text, "x").unwrap(), (some(), Some("location")));
        let text = write(&Document::new(), None);
        assert_eq!(parse(&text, "x").unwrap(), (Document::new(), None));
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_the_nearest_word() {
        let text = "version = 1\n[sip-domain]\nsip-domains = []\n[key]\nexportable = \"yes\"\nkeytype = \"ec256\"\n[fqdn]\nfqdn = \"a\\u001bb\"\n";
        let told = parse(text, "answers.toml").unwrap_err().explanation;
        assert_eq!(told.code, "wizard.answers-invalid");
        assert_eq!(told.place, "answers.toml:2:2");
        assert!(told.what.contains("sip-domain"), "{told:?}");
        assert_eq!(told.mend, "did you mean \"sip-domains\"?");
        for words in [
            "answers.toml:5:14",
            "did you mean \"key-type\"?",
            "control character",
        ] {
            assert!(told.why.contains(words), "{words}: {}", told.why);
        }
        for text in [
            "",
            "version = 2\n",
            "version = 1\nat = \"nowhere\"\n",
            "version =",
        ] {
            assert!(parse(text, "x").is_err(), "{text:?}");
        }
    }
}
