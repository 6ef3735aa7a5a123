//! The first pages: what can be done, what is due offered first with its reason; and with which certificate.

use super::step::Part;
use super::{Task, View};
use crate::cli::render;
use crate::cli::renew::due::Standing;
use crate::cli::wizard::facts::Facts;
use crate::cli::wizard::page::{Choice, Mistake, Page};
use crate::names::Slug;
use time::OffsetDateTime;

/// The pages at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum BeginPage {
    Tasks,
    Which,
}

impl Part for BeginPage {
    fn id(self) -> &'static str {
        match self {
            BeginPage::Tasks => "tasks",
            BeginPage::Which => "which",
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            BeginPage::Tasks => fill_tasks(view, page),
            BeginPage::Which => fill_which(view, page),
        }
    }

    fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        match self {
            BeginPage::Tasks => check_tasks(view, mistakes),
            BeginPage::Which => {}
        }
    }
}

/// What is offered first: a generation that waits for its gateways, a request that waits for its reply, a certificate
/// that ends soon, and else a new request.
pub fn offered(facts: &Facts) -> Task {
    if facts.unassigned().is_some() {
        Task::Assign
    } else if !facts.pending.is_empty() {
        Task::Import
    } else if facts
        .standings
        .iter()
        .any(|one| one.generation.is_some() && one.is_due())
    {
        Task::Renew
    } else {
        Task::NewRequest
    }
}

/// Why a task is called for, or why it is not; empty where there is nothing to say.
fn note(view: &View<'_>, task: Task) -> String {
    let facts = view.facts;
    match task {
        Task::NewRequest => String::new(),
        Task::Resume | Task::Import => match facts.pending.first() {
            Some(one) => view.texts.say(
                "tasks.waits",
                &[
                    ("certificate", &one.record.certificate),
                    ("id", &one.record.id),
                ],
            ),
            None => view.texts.word("tasks.nothing-waits"),
        },
        Task::Assign => match facts.unassigned() {
            Some((certificate, number)) => view.texts.say(
                "tasks.newer",
                &[
                    ("certificate", certificate.as_str()),
                    ("number", &number.to_string()),
                ],
            ),
            None if facts.assignable().is_empty() => view.texts.word("tasks.nothing-imported"),
            None => String::new(),
        },
        Task::Check | Task::Federation if facts.deployment().is_none() => {
            view.texts.word("tasks.no-deployment")
        }
        Task::Federation => String::new(),
        Task::Check => String::new(),
        Task::Renew => {
            let ending = facts
                .standings
                .iter()
                .filter_map(|one| Some((one, one.not_after?)))
                .min_by_key(|(_, end)| *end);
            match ending {
                Some((one, end)) => ends(view, one.certificate.as_str(), end),
                None if facts.certificates().is_empty() => view.texts.word("tasks.no-certificate"),
                None => String::new(),
            }
        }
    }
}

/// `external-edge ends in 12 days`.
fn ends(view: &View<'_>, certificate: &str, end: OffsetDateTime) -> String {
    let days = (end - view.facts.now).whole_days();
    if end <= view.facts.now {
        return view.texts.say(
            "tasks.ended",
            &[("certificate", certificate), ("date", &render::date(end))],
        );
    }
    view.texts.say(
        "tasks.ends",
        &[("certificate", certificate), ("days", &days.to_string())],
    )
}

fn label(view: &View<'_>, task: Task) -> String {
    match task {
        Task::NewRequest => view.texts.word("tasks.new-request"),
        Task::Resume => view.texts.word("tasks.resume"),
        Task::Import => view.texts.word("tasks.import"),
        Task::Assign => view.texts.word("tasks.assign"),
        Task::Check => view.texts.word("tasks.check"),
        Task::Renew => view.texts.word("tasks.renew"),
        Task::Federation => view.texts.word("tasks.federation"),
    }
}

fn fill_tasks(view: &View<'_>, page: &mut Page) {
    let first = offered(view.facts);
    let mut tasks = Task::ALL.to_vec();
    tasks.sort_by_key(|task| *task != first);
    let options = tasks
        .into_iter()
        .map(|task| Choice {
            id: task.word().to_owned(),
            label: label(view, task),
            note: note(view, task),
        })
        .collect();
    page.body = super::fit(
        "",
        &view.texts.say(
            "tasks.where",
            &[("config", &view.facts.config.display().to_string())],
        ),
    );
    page.fields = vec![view.choice_field("tasks", "task", options, first.word())];
}

/// Which certificate, where there are several.
fn fill_which(view: &View<'_>, page: &mut Page) {
    let names = match view.task() {
        Task::Assign => view.facts.assignable(),
        Task::NewRequest
        | Task::Resume
        | Task::Import
        | Task::Check
        | Task::Renew
        | Task::Federation => view.facts.certificates(),
    };
    let standing = |name: &Slug| {
        view.facts
            .standings
            .iter()
            .find(|one| one.certificate == *name)
    };
    let newer = |name: &Slug| {
        let mut all = view.facts.unassigned.iter();
        all.find(|(one, _)| one == name).map(|(_, number)| *number)
    };
    let due = names
        .iter()
        .find(|name| newer(name).is_some() || standing(name).is_some_and(Standing::is_due));
    let offered = due.or(names.first()).map(|name| name.as_str().to_owned());
    let options = names
        .iter()
        .map(|name| Choice {
            id: name.to_string(),
            label: name.to_string(),
            note: match (standing(name).and_then(|one| one.not_after), newer(name)) {
                (Some(end), _) => ends(view, name.as_str(), end),
                (None, Some(number)) => view.texts.say(
                    "tasks.newer",
                    &[
                        ("certificate", name.as_str()),
                        ("number", &number.to_string()),
                    ],
                ),
                (None, None) => view.texts.word("which.never"),
            },
        })
        .collect();
    page.fields = vec![view.choice_field(
        "which",
        "certificate",
        options,
        &offered.unwrap_or_default(),
    )];
}

/// A task for which there is nothing to do.
fn check_tasks(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let facts = view.facts;
    let text = match view.task() {
        Task::Resume if facts.pending.is_empty() => view.texts.word("tasks.wrong-nothing-waits"),
        Task::Assign if facts.assignable().is_empty() => {
            view.texts.word("tasks.wrong-nothing-to-assign")
        }
        Task::Check | Task::Federation if facts.deployment().is_none() => {
            view.texts.word("tasks.wrong-no-deployment")
        }
        Task::Renew if facts.certificates().is_empty() => {
            view.texts.word("tasks.wrong-no-certificate")
        }
        Task::Import if facts.last.is_empty() => view.texts.word("tasks.wrong-nothing-waits"),
        Task::NewRequest
        | Task::Resume
        | Task::Import
        | Task::Assign
        | Task::Check
        | Task::Renew
        | Task::Federation => return,
    };
    mistakes.push(Mistake {
        field: "task",
        text,
    });
}
