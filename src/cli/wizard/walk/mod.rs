//! The pages as one pure sequence: what is known and what was answered give the order of the steps, each page, and what
//! is wrong with an answer.
//!
//! Nothing here asks anybody or does anything; [`super::drive`] does.

pub use federation::{Edit, FederationPage};
pub use last::LastPage;
pub use lines::{WIDTH, fit, lines_of};
pub use reply::ReplyPage;
pub use request::RequestPage;
pub use step::{Reading, Step, Task, Work};
pub use summary::wanted_of;

pub(super) mod edge;
mod federation;
mod last;
mod lines;
mod names;
mod reply;
mod request;
mod step;
mod summary;
mod task;
mod upkeep;

use super::answers::Document;
use super::facts::{Facts, Pending};
use super::intent::{self, Intent};
use super::messages::Texts;
use super::page::{Answers, Choice, Field, FieldId, FieldKind, Mistake, Page, Tick};
use crate::explain::{nearest, printable};
use lines::{pair, paragraph};
use std::collections::BTreeMap;
use std::path::Path;
use task::BeginPage;
use upkeep::UpkeepPage;

/// What the pages are made from.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What was known at the beginning.
    pub facts: &'a Facts,
    /// What was answered.
    pub answers: &'a Document,
    /// The language.
    pub texts: &'a Texts,
    /// What the work has brought, by step.
    pub shown: &'a BTreeMap<Step, Vec<String>>,
    /// The copy of the CSR that this run has made for the CA.
    pub csr_file: Option<&'a Path>,
    /// Whether what is live has a generation before it to go back to.
    pub has_previous: bool,
    /// Whether every gateway proved what this run has made live.
    pub proved: bool,
}

impl View<'_> {
    /// What is being done.
    pub fn task(&self) -> Task {
        intent::text(self.answers, "tasks", "task")
            .and_then(Task::from_word)
            .unwrap_or_else(|| task::offered(self.facts))
    }

    /// What the answers come to.
    pub fn intent(&self) -> Intent {
        Intent::of(self.facts, self.answers)
    }

    /// The request that is looked at: the one chosen, or the only one.
    pub fn pending(&self) -> Option<&Pending> {
        intent::text(self.answers, "pending", "request")
            .and_then(|id| self.facts.pending(id))
            .or_else(|| self.facts.pending.first())
    }

    /// The steps of the walk, as far as is known.
    pub fn order(&self) -> Vec<Step> {
        let mut steps = vec![Step::FIRST];
        match self.task() {
            Task::NewRequest => self.new_request(&mut steps),
            Task::Resume => self.resumed(&mut steps),
            Task::Import => self.import(&mut steps),
            Task::Assign => {
                if self.facts.assignable().len() > 1 {
                    steps.push(Step::Begin(BeginPage::Which));
                }
                steps.extend([
                    Step::Upkeep(UpkeepPage::AssignPlan),
                    Step::Upkeep(UpkeepPage::Live),
                    Step::Last(LastPage::Next),
                ]);
            }
            Task::Check => steps.push(Step::Upkeep(UpkeepPage::Checked)),
            Task::Renew => {
                if self.facts.certificates().len() > 1 {
                    steps.push(Step::Begin(BeginPage::Which));
                }
                steps.extend([
                    Step::Upkeep(UpkeepPage::RenewPlan),
                    Step::Upkeep(UpkeepPage::Renewed),
                ]);
            }
            Task::Federation => self.federation(&mut steps),
        }
        steps
    }

    /// The page of a step.
    pub fn page(&self, step: Step) -> Page {
        let order = self.order();
        let mut page = self.bare(step.id());
        page.number = order
            .iter()
            .position(|one| *one == step)
            .map_or(order.len(), |at| at + 1);
        page.of = order.len().max(page.number);
        page.body = self.shown.get(&step).cloned().unwrap_or_default();
        step.fill(self, &mut page);
        page
    }

    /// What is wrong with the answers of a step's page.
    pub fn check(&self, step: Step, answers: &Answers) -> Vec<Mistake> {
        let mut all = self.answers.clone();
        all.insert(step.id(), answers.clone());
        let after = View {
            answers: &all,
            ..*self
        };
        let mut mistakes = unknown_choices(self, &after.page(step), answers);
        if !mistakes.is_empty() {
            return mistakes;
        }
        step.check(&after, &mut mistakes);
        mistakes
    }

    /// A page with its own texts and nothing else.
    pub fn bare(&self, id: &'static str) -> Page {
        Page {
            id,
            walk: self.walk_title(),
            number: 1,
            of: 1,
            title: self.texts.word(&format!("{id}.title")),
            intro: self.texts.word(&format!("{id}.intro")),
            help: self.texts.word(&format!("{id}.help")),
            body: Vec::new(),
            fields: Vec::new(),
        }
    }

    fn walk_title(&self) -> String {
        if !self.answers.contains_key("tasks") {
            return self.texts.word("walk.begin");
        }
        match self.task() {
            Task::NewRequest => self.texts.word("walk.new-request"),
            Task::Resume => self.texts.word("walk.resume"),
            Task::Import => self.texts.word("walk.import"),
            Task::Assign => self.texts.word("walk.assign"),
            Task::Check => self.texts.word("walk.check"),
            Task::Renew => self.texts.word("walk.renew"),
            Task::Federation => self.texts.word("walk.federation"),
        }
    }

    fn field(&self, page: &'static str, id: FieldId, kind: FieldKind) -> Field {
        Field {
            id,
            label: self.texts.word(&format!("{page}.{id}.label")),
            hint: self.texts.word(&format!("{page}.{id}.hint")),
            kind,
        }
    }

    /// A line of text; what was typed there before stands there again, right or wrong.
    fn text_field(&self, page: &'static str, id: FieldId, offered: impl Into<String>) -> Field {
        let typed = intent::text(self.answers, page, id);
        let value = typed.map_or_else(|| offered.into(), str::to_owned);
        self.field(page, id, FieldKind::Text { value })
    }

    /// One of several; the chosen one is the one answered, where it is among them.
    fn choice_field(
        &self,
        page: &'static str,
        id: FieldId,
        options: Vec<Choice>,
        offered: &str,
    ) -> Field {
        let there = |word: &str| options.iter().any(|one| one.id == word);
        let chosen = intent::text(self.answers, page, id)
            .filter(|word| there(word))
            .or_else(|| Some(offered).filter(|word| there(word)))
            .or_else(|| options.first().map(|one| one.id.as_str()))
            .unwrap_or_default()
            .to_owned();
        self.field(page, id, FieldKind::Choice { options, chosen })
    }

    fn yes_field(&self, page: &'static str, id: FieldId, offered: bool) -> Field {
        let value = intent::yes(self.answers, page, id).unwrap_or(offered);
        self.field(page, id, FieldKind::YesNo { value })
    }

    /// Things to tick: what was ticked before, and what is offered besides.
    fn ticks_field(
        &self,
        page: &'static str,
        id: FieldId,
        offered: Vec<Tick>,
        add: Option<String>,
    ) -> Field {
        let beside = names::beside(page);
        let items = match intent::ticks(self.answers, page, id) {
            None => offered,
            Some(ticked) => {
                let mut items = offered;
                for item in &mut items {
                    item.ticked = ticked.contains(&item.value);
                }
                for value in ticked {
                    if !items.iter().any(|item| item.value == *value) {
                        items.push(Tick {
                            value: value.clone(),
                            note: beside.note(value),
                            ticked: true,
                        });
                    }
                }
                items
            }
        };
        self.field(page, id, FieldKind::Ticks { items, add, beside })
    }
}

/// Chosen words that are none of those offered: only an answers file can hold them.
fn unknown_choices(view: &View<'_>, page: &Page, answers: &Answers) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for field in &page.fields {
        let Some(super::page::Answer::Choice(word)) = answers.get(field.id) else {
            continue;
        };
        let FieldKind::Choice { options, .. } = &field.kind else {
            continue;
        };
        if options.iter().any(|one| one.id == *word) {
            continue;
        }
        let known: Vec<&str> = options.iter().map(|one| one.id.as_str()).collect();
        let near = nearest(word, known.iter().copied());
        mistakes.push(Mistake {
            field: field.id,
            text: view.texts.say(
                "wrong.choice",
                &[
                    ("word", &printable(word)),
                    (
                        "known",
                        &near.map_or_else(|| known.join(", "), str::to_owned),
                    ),
                ],
            ),
        });
    }
    mistakes
}

#[cfg(test)]
mod tests;
