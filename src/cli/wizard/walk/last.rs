//! The last page: what to do now, after what this run has done.

use super::reply::ReplyPage;
use super::step::{Part, Reading};
use super::upkeep::UpkeepPage;
use super::{Step, Task, View, paragraph};
use crate::cli::wizard::page::Page;
use crate::explain::printable;
use std::path::Path;

/// The page at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the page's own name
pub enum LastPage {
    Next,
}

impl Part for LastPage {
    fn id(self) -> &'static str {
        match self {
            LastPage::Next => "next",
        }
    }

    fn reading(self) -> Option<Reading> {
        match self {
            LastPage::Next => Some(Reading::Again),
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            LastPage::Next => what_now(view, page),
        }
    }
}

/// The screen of what to do now; the driver has put the facts of this run into it already, which go first.
fn what_now(view: &View<'_>, page: &mut Page) {
    let text = match view.task() {
        Task::NewRequest if view.intent().submit => live(view),
        Task::NewRequest | Task::Resume if !assigned(view) => {
            if view.shown.contains_key(&Step::Reply(ReplyPage::Verdict)) {
                view.texts.word("next.imported")
            } else {
                requested(view)
            }
        }
        Task::Import if !assigned(view) => view.texts.word("next.imported"),
        Task::Federation => view.texts.word("next.federated"),
        Task::NewRequest
        | Task::Resume
        | Task::Import
        | Task::Assign
        | Task::Check
        | Task::Renew => live(view),
    };
    let mut lines = Vec::new();
    paragraph(&mut lines, &text);
    if !page.body.is_empty() {
        lines.push(String::new());
    }
    lines.append(&mut page.body);
    page.body = lines;
}

/// What follows an assignment; the way back is named only where there is one.
fn live(view: &View<'_>) -> String {
    if view.has_previous {
        view.texts.word("next.live")
    } else {
        view.texts.word("next.live-first")
    }
}

/// What follows a request, with the file that goes to the CA: the copy that was just made, or the CSR in the state.
fn requested(view: &View<'_>) -> String {
    let waiting = || view.pending().map(|one| one.csr_file.as_path());
    let made = view.csr_file.or_else(waiting);
    let file = made.map_or_else(|| view.intent().file_path(view.facts), Path::to_path_buf);
    let file = printable(&file.display().to_string());
    view.texts.say("next.requested", &[("file", &file)])
}

fn assigned(view: &View<'_>) -> bool {
    view.shown.contains_key(&Step::Upkeep(UpkeepPage::Live))
}
