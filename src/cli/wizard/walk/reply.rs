//! The walk of a reply: its file, the passphrase where it is closed, how it compares, and the verdict.

use super::step::{Part, Work};
use super::upkeep::UpkeepPage;
use super::{LastPage, Step, View};
use crate::cli::wizard::intent;
use crate::cli::wizard::page::{Mistake, Page};
use crate::explain::printable;
use std::path::Path;

/// The pages of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum ReplyPage {
    Import,
    Passphrase,
    Comparison,
    Verdict,
}

impl Part for ReplyPage {
    fn id(self) -> &'static str {
        match self {
            ReplyPage::Import => "import",
            ReplyPage::Passphrase => "passphrase",
            ReplyPage::Comparison => "comparison",
            ReplyPage::Verdict => "verdict",
        }
    }

    fn work(self) -> Option<Work> {
        match self {
            ReplyPage::Comparison => Some(Work::Compare),
            ReplyPage::Verdict => Some(Work::Import),
            ReplyPage::Import | ReplyPage::Passphrase => None,
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            ReplyPage::Import => page.fields = vec![view.text_field("import", "file", "")],
            ReplyPage::Passphrase => {
                page.fields = vec![view.text_field("passphrase", "passphrase-file", "")];
            }
            ReplyPage::Verdict if view.facts.deployment().is_some() => {
                page.fields = vec![view.yes_field("verdict", "assign", true)];
            }
            ReplyPage::Comparison | ReplyPage::Verdict => {}
        }
    }

    fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        match self {
            ReplyPage::Import => check_import(view, mistakes),
            ReplyPage::Passphrase => check_passphrase(view, mistakes),
            ReplyPage::Comparison | ReplyPage::Verdict => {}
        }
    }
}

impl View<'_> {
    /// The steps of a reply.
    pub(super) fn import(&self, steps: &mut Vec<Step>) {
        steps.push(Step::Reply(ReplyPage::Import));
        let file = intent::text(self.answers, "import", "file").unwrap_or_default();
        if !file.is_empty() && self.facts.look.is_closed(Path::new(file)) {
            steps.push(Step::Reply(ReplyPage::Passphrase));
        }
        steps.extend([
            Step::Reply(ReplyPage::Comparison),
            Step::Reply(ReplyPage::Verdict),
        ]);
        let assigns = intent::yes(self.answers, "verdict", "assign").unwrap_or(true);
        if self.facts.deployment().is_some() && assigns {
            steps.extend([
                Step::Upkeep(UpkeepPage::AssignPlan),
                Step::Upkeep(UpkeepPage::Live),
            ]);
        }
        steps.push(Step::Last(LastPage::Next));
    }
}

/// The reply has to be a file that is there.
fn check_import(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let file = intent::text(view.answers, "import", "file").unwrap_or_default();
    let text = if file.is_empty() {
        view.texts.word("import.wrong-none")
    } else {
        // As on the command line, a relative path counts from the working folder.
        match view.facts.look.content(Path::new(file)) {
            Some(_) => return,
            None => view
                .texts
                .say("import.wrong-missing", &[("file", &printable(file))]),
        }
    };
    mistakes.push(Mistake {
        field: "file",
        text,
    });
}

/// The passphrase has to lie in a file that only its owner can read. None is needed where the deployment has one for
/// stored keys: that one is tried then.
fn check_passphrase(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let file = intent::text(view.answers, "passphrase", "passphrase-file").unwrap_or_default();
    let has_own = view
        .facts
        .deployment()
        .is_some_and(|deployment| !deployment.passphrases().is_empty());
    let text = if file.is_empty() {
        if has_own {
            return;
        }
        view.texts.word("passphrase.wrong-none")
    } else {
        match view.facts.look.passphrase(Path::new(file)) {
            Ok(()) => return,
            Err(why) => view.texts.say(
                "passphrase.wrong-file",
                &[("file", &printable(file)), ("why", &printable(&why))],
            ),
        }
    };
    mistakes.push(Mistake {
        field: "passphrase-file",
        text,
    });
}
