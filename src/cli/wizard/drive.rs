//! The walk carried out: pages are asked one after another, work is done between them, answers are kept.

mod job;

use super::answers::{Document, OFFERED};
use super::facts::Facts;
use super::intent;
use super::messages::Texts;
use super::page::{Answer, Answers, Ask, AskError, Page, Reply};
use super::resume::Keep;
use super::walk::{Edit, FederationPage, Reading, RequestPage, Step, Task, View, WIDTH, lines_of};
use super::work::{MadeHere, failure_lines};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::cli::request::ledger::{self, ShowArgs};
use crate::explain::Explanation;
use crate::names::Slug;
use crate::store::Store;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whether somebody is asked, who can mend what fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A person.
    Somebody,
    /// A document.
    Nobody,
}

/// A run of the wizard.
#[derive(Debug)]
pub struct Run<'a> {
    /// The surroundings.
    pub context: &'a mut Context,
    /// What was known at the beginning.
    pub facts: &'a Facts,
    /// The language.
    pub texts: &'a Texts,
    /// What was answered.
    pub answers: Document,
    /// Who is asked.
    pub asked: Asked,
    /// Where the answers are kept, while somebody is asked.
    pub keep: Option<Keep>,
    /// What the work has brought, by step.
    pub shown: BTreeMap<Step, Vec<String>>,
    /// What was done.
    pub done: Done,
}

/// What a run has done.
#[derive(Debug, Default)]
pub struct Done {
    /// The request.
    pub made: Option<MadeHere>,
    /// The generation.
    pub imported: Option<(Slug, u32)>,
    /// Whether it was assigned.
    pub assigned: bool,
    /// Whether what is live has a generation before it, as far as the last page has asked.
    pub has_previous: bool,
    /// Whether every gateway proved what was assigned.
    pub proved: bool,
    /// The outcome of the last command that was run.
    pub last: Option<Outcome>,
    /// Whether anything was changed.
    pub changed: bool,
}

impl Run<'_> {
    /// What the pages are made from.
    pub fn view(&self) -> View<'_> {
        View {
            facts: self.facts,
            answers: &self.answers,
            texts: self.texts,
            shown: &self.shown,
            csr_file: self.done.made.as_ref().map(|here| here.csr_file.as_path()),
            has_previous: self.done.has_previous,
            proved: self.done.proved,
        }
    }

    /// Goes from a step to the end.
    ///
    /// Errors: work that failed, where nobody mends it; a terminal that is gone; an answer that is missing or wrong; the
    /// user's wish to leave.
    pub fn walk(&mut self, ask: &mut dyn Ask, from: Step) -> Result<(), Failure> {
        let mut step = from;
        let mut floor = None;
        loop {
            let again = step.changes() && self.shown.contains_key(&step);
            if let Some(work) = step.work().filter(|_| !again) {
                match self.work(ask, step, work)? {
                    Ok(()) if step.changes() => {
                        floor = Some(step);
                        match self.goes_on() {
                            true => self.save(step),
                            false => self.forget(),
                        }
                    }
                    Ok(()) => {}
                    Err(failure) => {
                        step = self.failed(ask, step, floor, failure)?;
                        continue;
                    }
                }
            }
            self.prepare(step)?;
            let view = self.view();
            let page = view.page(step);
            let reply = ask
                .page(&page, &|answers| view.check(step, answers))
                .map_err(|error| asking(&error))?;
            match reply {
                Reply::Next(answers) => {
                    self.keep(step, answers);
                    match self.behind(step) {
                        Some(next) => step = next,
                        None => {
                            self.forget();
                            return Ok(());
                        }
                    }
                    self.save(step);
                }
                Reply::Back(answers) => {
                    if !page.fields.is_empty() {
                        self.keep(step, answers);
                    }
                    step = self.before(step, floor).unwrap_or(step);
                }
                Reply::Leave(answers) => {
                    if !page.fields.is_empty() && floor.is_none() {
                        self.keep(step, answers);
                        self.save(step);
                    }
                    return Err(self.left());
                }
            }
        }
    }

    /// Keeps a page's answers, and of partners which were on offer: those of an answers file were when it was written.
    fn keep(&mut self, step: Step, mut answers: Answers) {
        if step == Step::Federation(FederationPage::Partners) {
            let before = self.answers.get(step.id()).and_then(|one| one.get(OFFERED));
            let offered = match (self.asked, before) {
                (Asked::Nobody, Some(before)) => Some(before.clone()),
                // Of a file without it all that are there count as offered.
                (Asked::Nobody, None) => None,
                (Asked::Somebody, _) => Some(Answer::Ticks(self.view().partner_names())),
            };
            answers.extend(offered.map(|offered| (OFFERED, offered)));
        }
        self.answers.insert(step.id(), answers);
    }

    fn behind(&self, step: Step) -> Option<Step> {
        let order = self.view().order();
        let at = order.iter().position(|one| *one == step)?;
        order.get(at + 1).copied()
    }

    /// The page before: work that only looks is passed by, work that changed something is the end of the way back.
    fn before(&self, step: Step, floor: Option<Step>) -> Option<Step> {
        if floor == Some(step) {
            return None;
        }
        let order = self.view().order();
        let at = order.iter().position(|one| *one == step)?;
        order.get(at.checked_sub(1)?).copied()
    }

    /// Whether the next start can go on here: nothing was changed yet, or a request was made that the same answers find
    /// again. What was imported, assigned or written is what the next start begins from.
    fn goes_on(&self) -> bool {
        !self.done.changed || (self.done.made.is_some() && !self.is_sent())
    }

    fn save(&mut self, step: Step) {
        // Tasks without questions need no answers.
        if !self.goes_on() || self.view().task() == Task::Check {
            return;
        }
        if let Some(keep) = &mut self.keep {
            keep.save(self.context, &self.answers, step);
        }
    }

    fn forget(&mut self) {
        if let Some(keep) = &mut self.keep {
            keep.forget();
        }
    }

    /// The user has left: what stands, and what the next start does.
    pub fn left(&self) -> Failure {
        let texts = self.texts;
        let trouble = self.keep.as_ref().and_then(|keep| keep.trouble.as_ref());
        let kept = self.keep.as_ref().is_some_and(Keep::holds);
        let why = match (trouble, self.done.changed, kept) {
            (Some(error), _, _) => texts.say("left.trouble", &[("why", &error.to_string())]),
            (None, true, true) => texts.word("left.stands-kept"),
            (None, true, false) => texts.word("left.stands"),
            (None, false, true) => texts.word("left.kept"),
            (None, false, false) => texts.word("left.nothing"),
        };
        let command = self.context.led_on("edgecert wizard");
        let command = ("command", command.as_str());
        let mend = match (kept, self.command().filter(|_| self.done.made.is_some())) {
            (true, Some(again)) => texts.say("left.goes-on-made", &[command, ("again", &again)]),
            (true, None) => texts.say("left.goes-on", &[command]),
            (false, _) => texts.say("left.anew", &[command]),
        };
        let mut failure = Failure::new(
            FailureKind::Interrupted,
            Explanation {
                code: "wizard.interrupted",
                what: texts.word("left.what"),
                place: String::new(),
                why,
                mend,
            },
        );
        failure.changed = self.done.changed;
        failure
    }

    /// Tells what failed; gives the page to go back to.
    fn failed(
        &mut self,
        ask: &mut dyn Ask,
        step: Step,
        floor: Option<Step>,
        failure: Failure,
    ) -> Result<Step, Failure> {
        let failure = Failure {
            changed: failure.changed || self.done.changed,
            ..failure
        };
        if self.asked == Asked::Nobody {
            return Err(failure);
        }
        let mut page: Page = self.view().bare("failed");
        page.body = render::within(self.frame(), || failure_lines(&failure));
        let reply = ask
            .page(&page, &|_| Vec::new())
            .map_err(|error| asking(&error))?;
        match (reply, self.before(step, floor)) {
            (Reply::Back(_), Some(back)) => Ok(back),
            (Reply::Back(_) | Reply::Next(_) | Reply::Leave(_), _) => Err(failure),
        }
    }

    /// What a page shows that is only read.
    fn prepare(&mut self, step: Step) -> Result<(), Failure> {
        let Some(reading) = step.reading() else {
            return Ok(());
        };
        let lines = match reading {
            Reading::Made => match &self.done.made {
                Some(here) => {
                    let id = here.made.record.id.clone();
                    let mut lines = vec![self.texts.say(
                        "csr.copy",
                        &[("file", &here.csr_file.display().to_string())],
                    )];
                    lines.push(String::new());
                    lines.extend(self.request_lines(&id)?);
                    lines
                }
                None => return Ok(()),
            },
            Reading::Waiting => match self.pending_id() {
                Some(id) => self.request_lines(&id)?,
                None => return Ok(()),
            },
            Reading::Again => {
                self.done.has_previous = self.has_previous();
                self.repeat_lines()
            }
        };
        self.shown.insert(step, lines);
        Ok(())
    }

    /// A request, decoded and as PEM, as `request show` tells it.
    fn request_lines(&self, id: &str) -> Result<Vec<String>, Failure> {
        render::within(self.frame(), || {
            ledger::show(&ShowArgs::of(id), self.context).map(|outcome| lines_of(&outcome.text))
        })
    }

    /// Where somebody reads, words are made for the page.
    fn frame(&self) -> Option<usize> {
        (self.asked == Asked::Somebody).then_some(WIDTH)
    }

    /// The id of the request that is looked at.
    fn pending_id(&self) -> Option<String> {
        let view = self.view();
        view.pending().map(|one| one.record.id.clone())
    }

    /// Whether a rollback of the certificate that is meant would have somewhere to go. A state that cannot be read
    /// offers none.
    fn has_previous(&self) -> bool {
        let folder = self.context.state_directory(self.facts.stand_in().as_ref());
        let previous = |certificate: &Slug| {
            let store = Store::open(&folder).ok()?;
            store.assignment(certificate).ok()?.previous
        };
        self.which().is_ok_and(|one| previous(&one).is_some())
    }

    /// The certificate that is meant, where there is no answer for it the only one.
    fn which(&self) -> Result<Slug, Failure> {
        let chosen = intent::text(&self.answers, "which", "certificate");
        let all = match self.view().task() {
            Task::Assign => self.facts.assignable(),
            Task::NewRequest => vec![self.view().intent().certificate],
            Task::Resume | Task::Import | Task::Check | Task::Renew | Task::Federation => {
                self.facts.certificates()
            }
        };
        let named = chosen.and_then(|name| Slug::parse(name).ok());
        let imported = self.done.imported.as_ref().map(|(name, _)| name.clone());
        imported
            .or(named.filter(|name| all.contains(name)))
            .or_else(|| all.first().cloned())
            .ok_or_else(|| {
                Failure::usage(
                    "there is no certificate",
                    "neither a deployment nor the state knows one",
                    "make a new request first",
                )
            })
    }

    /// How to do the same again, for the last page.
    fn repeat_lines(&self) -> Vec<String> {
        let edits = self.view().edits();
        if !edits.is_empty() {
            let mut lines = vec![self.texts.word("next.again-federated")];
            lines.extend(edits.iter().map(|one| format!("  {}", one.command())));
            return lines;
        }
        let Some(command) = self.command() else {
            return Vec::new();
        };
        if self.is_sent() {
            return vec![self.texts.word("next.again-sent"), format!("  {command}")];
        }
        let replay = super::repeat::replay(&self.answers_file());
        vec![
            self.texts.word("next.again"),
            format!("  {command}"),
            self.texts.word("next.again-whole"),
            format!("  {replay}"),
        ]
    }

    /// Whether the issuer's program has the request: nothing waits any more.
    pub fn is_sent(&self) -> bool {
        self.shown.contains_key(&Step::Request(RequestPage::Sent))
    }

    /// Where the answers are saved at the end: beside the deployment.
    pub fn answers_file(&self) -> PathBuf {
        let name = format!("{}.answers.toml", self.view().intent().certificate);
        self.facts.base().join(name)
    }

    /// The one command that does the same again; the copy of the CSR for the CA is the wizard's alone.
    pub fn command(&self) -> Option<String> {
        let edits = self.view().edits();
        if !edits.is_empty() {
            let commands: Vec<String> = edits.iter().map(Edit::command).collect();
            return Some(commands.join(" && "));
        }
        self.done.made.as_ref()?;
        Some(super::repeat::command(
            self.context,
            if self.is_sent() { "renew" } else { "request" },
            &self.facts.config,
            &self.view().intent().certificate,
        ))
    }
}

/// Nobody could be asked, or a document says nothing, or something wrong.
pub fn asking(error: &AskError) -> Failure {
    match error {
        AskError::Terminal(cause) => Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "wizard.terminal",
                what: "the terminal cannot be used".into(),
                place: "terminal".into(),
                why: crate::explain::os_words(cause),
                mend: "run `edgecert wizard` again: it goes on where it was; or give --plain, or --answers FILE"
                    .into(),
            },
        ),
        AskError::Missing { page, field } => Failure::new(
            FailureKind::Usage,
            Explanation {
                code: "wizard.answer-missing",
                what: format!("there is no answer for {page}.{field}"),
                place: format!("answers, [{page}] {field}"),
                why: "the page has no default that would do".into(),
                mend: format!("write it into the answers file: [{page}], then {field} = …"),
            },
        ),
        AskError::Wrong { page, field, text } => Failure::new(
            FailureKind::Usage,
            Explanation {
                code: "wizard.answer-wrong",
                what: format!("the answer for {page}.{field} is wrong"),
                place: format!("answers, [{page}] {field}"),
                why: text.clone(),
                mend: format!("mend {field} below [{page}] in the answers file"),
            },
        ),
    }
}

#[cfg(test)]
mod tests;
