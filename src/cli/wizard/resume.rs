//! A run that was interrupted: its answers in the state folder, so that the next start can go on there.
//!
//! Nothing secret is answered, and nothing is decided by this file: whatever stands in it is judged again, page by
//! page.

use super::answers::{self, Document};
use super::facts::Facts;
use super::walk::{Step, View, Work};
use crate::cli::Context;
use crate::store::{Store, StoreError};
use std::path::PathBuf;

/// Where a run keeps what it was told.
#[derive(Debug)]
pub struct Keep {
    folder: PathBuf,
    /// Why it could not be kept, told once at the end.
    pub trouble: Option<StoreError>,
    /// Whether there is something to go on from.
    holds: bool,
}

impl Keep {
    /// In the state of the deployment, also of one that is not written yet.
    pub fn new(context: &Context, facts: &Facts) -> Self {
        Self {
            folder: context.state_directory(facts.stand_in().as_ref()),
            trouble: None,
            holds: false,
        }
    }

    /// Whether the next start finds something to go on from.
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Keeps the answers and the page that comes next. A state folder that is missing is made.
    pub fn save(&mut self, context: &Context, answers: &Document, at: Step) {
        let text = answers::write(answers, Some(at.id()));
        let kept =
            Store::create(&self.folder, context.now).and_then(|store| store.keep_wizard(&text));
        self.holds = kept.is_ok();
        self.trouble = kept.err();
    }

    /// What an interrupted run was told, and the page it stood at; `None` where there is none that can be read.
    pub fn load(&mut self) -> Option<(Document, &'static str)> {
        let bytes = Store::open(&self.folder).ok()?.wizard().ok()??;
        let text = String::from_utf8(bytes).ok()?;
        let (document, at) = answers::parse(&text, "wizard.toml").ok()?;
        let at = at?;
        self.holds = true;
        Some((document, at))
    }

    /// Forgets it: the run is over, or what it made is in the ledger.
    pub fn forget(&mut self) {
        if let Ok(store) = Store::open(&self.folder) {
            self.trouble = store.forget_wizard().err();
        }
        self.holds = false;
    }
}

/// Where to go on: the page that was reached, or an earlier one whose answers do not hold any more.
pub fn step_at(view: &View<'_>, at: &str) -> Step {
    let order = view.order();
    let place = |id: &str| order.iter().position(|step| step.id() == id);
    let mut question = Step::FIRST;
    for step in &order {
        // Work is done again, from the page before it. A request that waits is found by the work that made it.
        if let Some(work) = step.work() {
            let was_done = place(at) >= place(step.id()) && work == Work::Make;
            return match was_done && waits(view) {
                true => *step,
                false => question,
            };
        }
        question = *step;
        let sound = || {
            let answers = answers::offered(&view.page(*step));
            view.answers.contains_key(step.id()) && view.check(*step, &answers).is_empty()
        };
        let asks = !view.page(*step).fields.is_empty();
        if step.id() == at || (asks && !sound()) {
            return *step;
        }
    }
    question
}

/// Whether the request of these answers waits: the deployment is as they would have it, and the copy for the CA is the
/// CSR that waits.
fn waits(view: &View<'_>) -> bool {
    let (facts, intent) = (view.facts, view.intent());
    let is_written = intent
        .compose(facts)
        .is_ok_and(|(text, _)| facts.text() == Some(text.as_str()));
    let copy = facts.look.content(&intent.file_path(facts));
    is_written
        && facts.pending.iter().any(|one| {
            one.record.certificate == intent.certificate.as_str() && copy.as_ref() == Some(&one.csr)
        })
}
