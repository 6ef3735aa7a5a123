//! Answers from a script: a file of answers, or none at all and every default kept. Nobody is asked and nothing shown.

use super::form::Form;
use super::words::{Words, say};
use crate::cli::wizard::page::{
    Answer, Ask, AskError, Check, Field, FieldKind, Page, Progress, Reply,
};
use crate::explain::printable;
use std::collections::{BTreeMap, BTreeSet};

/// An answer as a file gives it, before it is known what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A text, also the id of a choice.
    Text(String),
    /// What is ticked.
    List(Vec<String>),
    /// Yes or no.
    Flag(bool),
}

/// Answers by page and field.
pub type Script = BTreeMap<String, BTreeMap<String, Given>>;

/// Somebody who answers from a script, and with the page's own defaults where that is silent.
#[derive(Debug)]
pub struct Scripted {
    script: Script,
    words: Words,
    used: BTreeSet<(String, String)>,
}

impl Scripted {
    /// With these answers.
    pub fn new(script: Script, words: Words) -> Self {
        Self {
            script,
            words,
            used: BTreeSet::new(),
        }
    }

    /// Answers that no page asked for, as `page` and `field`: misspelt, or of another walk.
    pub fn unused(&self) -> Vec<(String, String)> {
        self.script
            .iter()
            .flat_map(|(page, fields)| fields.keys().map(|field| (page.clone(), field.clone())))
            .filter(|one| !self.used.contains(one))
            .collect()
    }

    fn given(&mut self, page: &Page, field: &Field) -> Option<Given> {
        let given = self.script.get(page.id)?.get(field.id)?.clone();
        self.used.insert((page.id.to_owned(), field.id.to_owned()));
        Some(given)
    }
}

/// What a script gives, as the answer of this field; else what would be right.
fn fit(given: &Given, field: &Field, words: &Words) -> Result<Answer, String> {
    match (&field.kind, given) {
        (FieldKind::Text { .. }, Given::Text(text)) => Ok(Answer::Text(
            super::line::Line::new(text).text().trim().to_owned(),
        )),
        (FieldKind::Choice { options, .. }, Given::Text(text)) => {
            if options.iter().any(|option| option.id == *text) {
                return Ok(Answer::Choice(text.clone()));
            }
            let known: Vec<&str> = options.iter().map(|option| option.id.as_str()).collect();
            Err(say(
                &words.script_no_such,
                &[("text", &printable(text)), ("options", &known.join(", "))],
            ))
        }
        (FieldKind::Ticks { items, add, .. }, Given::List(list)) => {
            let list: Vec<String> = list
                .iter()
                .map(|text| super::line::Line::new(text).text().trim().to_owned())
                .filter(|text| !text.is_empty())
                .collect();
            let stranger = list
                .iter()
                .find(|value| add.is_none() && !items.iter().any(|item| item.value == **value));
            match stranger {
                Some(stranger) => {
                    let known: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
                    Err(say(
                        &words.script_no_such,
                        &[
                            ("text", &printable(stranger)),
                            ("options", &known.join(", ")),
                        ],
                    ))
                }
                None => Ok(Answer::Ticks(in_order(
                    items.iter().map(|item| item.value.as_str()),
                    list,
                ))),
            }
        }
        (FieldKind::YesNo { .. }, Given::Flag(value)) => Ok(Answer::YesNo(*value)),
        (FieldKind::Text { .. } | FieldKind::Choice { .. }, Given::List(_) | Given::Flag(_)) => {
            Err(words.script_wants_text.clone())
        }
        (FieldKind::Ticks { .. }, Given::Text(_) | Given::Flag(_)) => {
            Err(words.script_wants_list.clone())
        }
        (FieldKind::YesNo { .. }, Given::Text(_) | Given::List(_)) => {
            Err(words.script_wants_flag.clone())
        }
    }
}

/// What is shown first in the order shown, what is new after it, nothing twice.
fn in_order<'a>(shown: impl Iterator<Item = &'a str>, given: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = shown
        .filter(|value| given.iter().any(|one| one == value))
        .map(str::to_owned)
        .collect();
    for value in given {
        if !out.contains(&value) {
            out.push(value);
        }
    }
    out
}

/// Whether an answer says nothing.
fn is_empty(answer: Option<&Answer>) -> bool {
    match answer {
        None => true,
        Some(Answer::Text(text) | Answer::Choice(text)) => text.is_empty(),
        Some(Answer::Ticks(ticked)) => ticked.is_empty(),
        Some(Answer::YesNo(_)) => false,
    }
}

impl Ask for Scripted {
    fn page(&mut self, page: &Page, check: Check<'_>) -> Result<Reply, AskError> {
        let mut answers = Form::new(page).answers();
        let mut given = BTreeSet::new();
        for field in &page.fields {
            if let Some(answer) = self.given(page, field) {
                let answer = fit(&answer, field, &self.words).map_err(|text| AskError::Wrong {
                    page: page.id,
                    field: field.id,
                    text,
                })?;
                given.insert(field.id);
                answers.insert(field.id, answer);
            }
        }
        match check(&answers).into_iter().next() {
            None => Ok(Reply::Next(answers)),
            Some(mistake)
                if !given.contains(mistake.field) && is_empty(answers.get(mistake.field)) =>
            {
                Err(AskError::Missing {
                    page: page.id,
                    field: mistake.field,
                })
            }
            Some(mistake) => Err(AskError::Wrong {
                page: page.id,
                field: mistake.field,
                text: mistake.text,
            }),
        }
    }

    fn work(
        &mut self,
        _page: &Page,
        work: &mut dyn FnMut(&mut dyn Progress),
    ) -> Result<(), AskError> {
        work(&mut Silent);
        Ok(())
    }
}

/// Steps that nobody sees.
struct Silent;

impl Progress for Silent {
    fn step(&mut self, _text: &str) {}
}

#[cfg(test)]
pub mod replay {
    //! For tests of a walk: a list of replies, played one after the other.

    use super::{Ask, AskError, Check, Form, Page, Progress, Reply};
    use crate::cli::wizard::page::{Answers, Mistake};
    use std::collections::VecDeque;

    /// Plays replies. The answers of a reply may be partial: the page's own stand for the rest.
    #[derive(Debug, Default)]
    pub struct Replay {
        replies: VecDeque<Reply>,
        /// The pages that were shown, one for each reply.
        pub pages: Vec<Page>,
        /// What was found wrong: the next reply answers the same page again.
        pub mistakes: Vec<Mistake>,
        /// The steps of all work.
        pub steps: Vec<String>,
    }

    impl Replay {
        /// With these replies; when they are over, the wizard is left.
        pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
            Self {
                replies: replies.into_iter().collect(),
                ..Self::default()
            }
        }
    }

    fn whole(page: &Page, partial: Answers) -> Answers {
        let mut answers = Form::new(page).answers();
        answers.extend(partial);
        answers
    }

    impl Ask for Replay {
        fn page(&mut self, page: &Page, check: Check<'_>) -> Result<Reply, AskError> {
            loop {
                self.pages.push(page.clone());
                match self.replies.pop_front() {
                    None => return Ok(Reply::Leave(whole(page, Answers::new()))),
                    Some(Reply::Back(answers)) => return Ok(Reply::Back(whole(page, answers))),
                    Some(Reply::Leave(answers)) => return Ok(Reply::Leave(whole(page, answers))),
                    Some(Reply::Next(answers)) => {
                        let answers = whole(page, answers);
                        let mistakes = check(&answers);
                        if mistakes.is_empty() {
                            return Ok(Reply::Next(answers));
                        }
                        self.mistakes.extend(mistakes);
                    }
                }
            }
        }

        fn work(
            &mut self,
            _page: &Page,
            work: &mut dyn FnMut(&mut dyn Progress),
        ) -> Result<(), AskError> {
            work(self);
            Ok(())
        }
    }

    impl Progress for Replay {
        fn step(&mut self, text: &str) {
            self.steps.push(text.to_owned());
        }
    }
}
