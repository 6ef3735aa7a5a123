//! The pages of what serves, or will: the assignment and the renewal with their plans, and a look at everything. They
//! show what the work has brought.

use super::View;
use super::step::{Part, Work};
use crate::cli::deployment_change::Writing;
use crate::cli::wizard::page::Page;

/// The pages of what serves, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum UpkeepPage {
    AssignPlan,
    Live,
    RenewPlan,
    Renewed,
    Checked,
}

impl Part for UpkeepPage {
    fn id(self) -> &'static str {
        match self {
            UpkeepPage::AssignPlan => "assign-plan",
            UpkeepPage::Live => "live",
            UpkeepPage::RenewPlan => "renew-plan",
            UpkeepPage::Renewed => "renewed",
            UpkeepPage::Checked => "checked",
        }
    }

    fn work(self) -> Option<Work> {
        match self {
            UpkeepPage::AssignPlan => Some(Work::Assign(Writing::DryRun)),
            UpkeepPage::Live => Some(Work::Assign(Writing::Yes)),
            UpkeepPage::RenewPlan => Some(Work::Renew(Writing::DryRun)),
            UpkeepPage::Renewed => Some(Work::Renew(Writing::Yes)),
            UpkeepPage::Checked => Some(Work::Check),
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            UpkeepPage::Live if !view.proved => {
                page.title = view.texts.word("live.title-unproved");
                page.intro = view.texts.word("live.intro-unproved");
            }
            UpkeepPage::AssignPlan
            | UpkeepPage::Live
            | UpkeepPage::RenewPlan
            | UpkeepPage::Renewed
            | UpkeepPage::Checked => {}
        }
    }
}
