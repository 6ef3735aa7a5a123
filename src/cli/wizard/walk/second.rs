//! The pages after the questions: what the work has brought, the second half, and what to do now.

use super::{Step, Task, View, paragraph};
use crate::cli::render;
use crate::cli::wizard::intent;
use crate::cli::wizard::page::{Choice, Mistake, Page};
use crate::explain::printable;
use std::path::Path;

/// What becomes of a pending request: it goes on waiting.
pub const KEEP: &str = "keep";
/// Its reply is taken in.
pub const IMPORT: &str = "import";
/// It is given up.
pub const CANCEL: &str = "cancel";

pub(super) fn fill(view: &View<'_>, step: Step, page: &mut Page) {
    page.body = view.shown.get(&step).cloned().unwrap_or_default();
    match step {
        Step::Pending => {
            let options: Vec<Choice> = view
                .facts
                .pending
                .iter()
                .map(|one| Choice {
                    id: one.record.id.clone(),
                    label: one.record.id.clone(),
                    note: view.texts.say(
                        "pending.note",
                        &[
                            ("certificate", &printable(&one.record.certificate)),
                            ("made", &render::date(one.record.created)),
                        ],
                    ),
                })
                .collect();
            let first = options.first().map(|one| one.id.clone());
            page.fields =
                vec![view.choice_field("pending", "request", options, &first.unwrap_or_default())];
        }
        Step::PendingShown => {
            let option = |id: &str, label: String| Choice {
                id: id.to_owned(),
                label,
                note: String::new(),
            };
            let options = vec![
                option(KEEP, view.texts.word("pending-shown.keep")),
                option(IMPORT, view.texts.word("pending-shown.import")),
                option(CANCEL, view.texts.word("pending-shown.cancel")),
            ];
            page.fields = vec![view.choice_field("pending-shown", "action", options, KEEP)];
        }
        Step::Import => {
            page.fields = vec![view.text_field("import", "file", "")];
        }
        Step::Passphrase => {
            page.fields = vec![view.text_field("passphrase", "passphrase-file", "")];
        }
        Step::Verdict if view.facts.deployment().is_some() => {
            page.fields = vec![view.yes_field("verdict", "assign", true)];
        }
        Step::Next => what_now(view, page),
        Step::Tasks
        | Step::Which
        | Step::Certificate
        | Step::Uses
        | Step::Issuer
        | Step::Roots
        | Step::RequestFile
        | Step::Template
        | Step::Key
        | Step::Organization
        | Step::Location
        | Step::Fqdn
        | Step::Names
        | Step::SipDomains
        | Step::XmppDomains
        | Step::Components
        | Step::FurtherNames
        | Step::Summary
        | Step::Making
        | Step::Csr
        | Step::Sent
        | Step::Cancelled
        | Step::Comparison
        | Step::Verdict
        | Step::AssignPlan
        | Step::Live
        | Step::RenewPlan
        | Step::Renewed
        | Step::Checked
        | Step::AccessPolicy
        | Step::InOrder
        | Step::Partners
        | Step::PartnerSettings
        | Step::FederationPlan
        | Step::FederationSaved
        | Step::Records => {}
    }
}

/// The screen of what to do now; the driver has put the facts of this run into it already, which go first.
fn what_now(view: &View<'_>, page: &mut Page) {
    let text = match view.task() {
        Task::NewRequest if view.intent().submit => live(view),
        Task::NewRequest | Task::Resume if !assigned(view) => {
            if view.shown.contains_key(&Step::Verdict) {
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
    view.shown.contains_key(&Step::Live)
}

/// The reply has to be a file that is there.
pub(super) fn check_import(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let file = intent::text(view.answers, "import", "file").unwrap_or_default();
    let text = if file.is_empty() {
        view.texts.word("import.wrong-none")
    } else {
        // As on the command line, a relative path counts from where one stands.
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
pub(super) fn check_passphrase(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let file = intent::text(view.answers, "passphrase", "passphrase-file").unwrap_or_default();
    let has_own = view.facts.deployment().is_some_and(|deployment| {
        let mut all = deployment.certificates.iter();
        all.any(|one| one.key.passphrase.is_some())
    });
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
