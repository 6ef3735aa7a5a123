//! The walk of a new request, and the pages from the summary on: the request as it is made and sent, and one that
//! waits.

use super::edge::EdgePage;
use super::names::NamePage;
use super::step::{Part, Reading, Work};
use super::{LastPage, Step, View, summary};
use crate::cli::deployment_change::Writing;
use crate::cli::render;
use crate::cli::wizard::intent;
use crate::cli::wizard::page::{Choice, Page};
use crate::explain::printable;
use crate::names::Use;

/// What becomes of a pending request: it goes on waiting.
pub const KEEP: &str = "keep";
/// Its reply is taken in.
pub const IMPORT: &str = "import";
/// It is given up.
pub const CANCEL: &str = "cancel";

/// The pages from the answers to a request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum RequestPage {
    Summary,
    Making,
    Csr,
    Sent,
    Pending,
    PendingShown,
    Cancelled,
}

impl Part for RequestPage {
    fn id(self) -> &'static str {
        match self {
            RequestPage::Summary => "summary",
            RequestPage::Making => "making",
            RequestPage::Csr => "csr",
            RequestPage::Sent => "sent",
            RequestPage::Pending => "pending",
            RequestPage::PendingShown => "pending-shown",
            RequestPage::Cancelled => "cancelled",
        }
    }

    fn work(self) -> Option<Work> {
        match self {
            RequestPage::Making => Some(Work::Make),
            RequestPage::Sent => Some(Work::Renew(Writing::Yes)),
            RequestPage::Cancelled => Some(Work::Cancel),
            RequestPage::Summary
            | RequestPage::Csr
            | RequestPage::Pending
            | RequestPage::PendingShown => None,
        }
    }

    fn reading(self) -> Option<Reading> {
        match self {
            RequestPage::Csr => Some(Reading::Made),
            RequestPage::PendingShown => Some(Reading::Waiting),
            RequestPage::Summary
            | RequestPage::Making
            | RequestPage::Sent
            | RequestPage::Pending
            | RequestPage::Cancelled => None,
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            RequestPage::Summary => page.body = summary::lines(view),
            RequestPage::Pending => pending(view, page),
            RequestPage::PendingShown => pending_shown(view, page),
            RequestPage::Making | RequestPage::Csr | RequestPage::Sent | RequestPage::Cancelled => {
            }
        }
    }
}

impl View<'_> {
    /// The steps of a new request.
    pub(super) fn new_request(&self, steps: &mut Vec<Step>) {
        let intent = self.intent();
        let all = [
            (Step::Edge(EdgePage::Certificate), true),
            (
                Step::Edge(EdgePage::Uses),
                !intent.is_internal() || self.is_external_page(),
            ),
            (Step::Edge(EdgePage::Issuer), true),
            (Step::Edge(EdgePage::Roots), intent.has_roots()),
            (Step::Edge(EdgePage::RequestFile), true),
            (Step::Edge(EdgePage::Template), intent.has_template()),
            (Step::Edge(EdgePage::Key), true),
            (Step::Edge(EdgePage::Organization), true),
            (Step::Edge(EdgePage::Location), true),
            (Step::Names(NamePage::Fqdn), true),
            (Step::Names(NamePage::Names), true),
            (Step::Names(NamePage::SipDomains), intent.has_sip()),
            (Step::Names(NamePage::XmppDomains), intent.has_xmpp()),
            (
                Step::Names(NamePage::Components),
                intent.uses.contains(&Use::XmppS2s),
            ),
            (Step::Names(NamePage::FurtherNames), true),
            (Step::Request(RequestPage::Summary), true),
            (Step::Request(RequestPage::Making), true),
            (Step::Request(RequestPage::Csr), true),
            (Step::Request(RequestPage::Sent), intent.submit),
            (Step::Last(LastPage::Next), true),
        ];
        steps.extend(
            all.iter()
                .filter(|(_, shown)| *shown)
                .map(|(step, _)| *step),
        );
    }

    /// Whether the uses are asked for although none is chosen yet.
    fn is_external_page(&self) -> bool {
        let intent = self.intent();
        intent.uses.is_empty() && intent.certificate.as_str() != intent::INTERNAL
    }

    /// The steps of a request that waits.
    pub(super) fn resumed(&self, steps: &mut Vec<Step>) {
        if self.facts.pending.len() > 1 {
            steps.push(Step::Request(RequestPage::Pending));
        }
        steps.push(Step::Request(RequestPage::PendingShown));
        match intent::text(self.answers, "pending-shown", "action") {
            Some(CANCEL) => steps.push(Step::Request(RequestPage::Cancelled)),
            Some(IMPORT) => self.import(steps),
            Some(_) | None => steps.push(Step::Last(LastPage::Next)),
        }
    }
}

fn pending(view: &View<'_>, page: &mut Page) {
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

fn pending_shown(view: &View<'_>, page: &mut Page) {
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
