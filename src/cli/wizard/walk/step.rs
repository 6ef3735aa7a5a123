//! The pages as one type, what is done for one before it is shown, and the tasks that begin a walk.

use super::View;
use super::edge::EdgePage;
use super::federation::FederationPage;
use super::last::LastPage;
use super::names::NamePage;
use super::reply::ReplyPage;
use super::request::RequestPage;
use super::task::BeginPage;
use super::upkeep::UpkeepPage;
use crate::cli::deployment_change::Writing;
use crate::cli::wizard::page::{Mistake, Page};

/// A page of a walk. Each part of a walk has its pages in a file of its own, with all that is told of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What to do, and with which certificate.
    Begin(BeginPage),
    /// A request, before its names.
    Edge(EdgePage),
    /// Its names.
    Names(NamePage),
    /// The request as it is made, sent or waiting.
    Request(RequestPage),
    /// The reply to it.
    Reply(ReplyPage),
    /// What serves, or will.
    Upkeep(UpkeepPage),
    /// Access policy, certificates, partners, DNS.
    Federation(FederationPage),
    /// What to do now.
    Last(LastPage),
}

/// What is done before a page is shown: the page shows the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The request is made.
    Make,
    /// The next request is made and, where the issuer has a program, sent.
    Renew(Writing),
    /// The request that is looked at is given up.
    Cancel,
    /// The reply is compared with the request.
    Compare,
    /// The reply is taken in.
    Import,
    /// The certificate that is meant is assigned.
    Assign(Writing),
    /// The changes of the federation are written.
    Federate(Writing),
    /// The DNS records are planned.
    Records,
    /// Everything deployed is looked at.
    Check,
}

/// What a page shows that is only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The request that this run has made.
    Made,
    /// The request that is looked at.
    Waiting,
    /// How to do the same again.
    Again,
}

/// Pages of one part of a walk.
pub(super) trait Part: Copy {
    /// The page's name, in texts and answers files.
    fn id(self) -> &'static str;

    /// What is done before it is shown.
    fn work(self) -> Option<Work> {
        None
    }

    /// What is read before it is shown.
    fn reading(self) -> Option<Reading> {
        None
    }

    /// Its fields and what is shown above them; what the work has brought stands there already.
    fn fill(self, view: &View<'_>, page: &mut Page);

    /// What is wrong with its answers, which the view has.
    fn check(self, _: &View<'_>, _: &mut Vec<Mistake>) {}
}

/// One call for the part that a page belongs to.
macro_rules! of_part {
    ($step:expr, $page:ident => $call:expr) => {
        match $step {
            Step::Begin($page) => $call,
            Step::Edge($page) => $call,
            Step::Names($page) => $call,
            Step::Request($page) => $call,
            Step::Reply($page) => $call,
            Step::Upkeep($page) => $call,
            Step::Federation($page) => $call,
            Step::Last($page) => $call,
        }
    };
}

impl Step {
    /// The first page.
    pub const FIRST: Step = Step::Begin(BeginPage::Tasks);

    /// The page's name.
    pub fn id(self) -> &'static str {
        of_part!(self, page => page.id())
    }

    /// What is done before the page is shown.
    pub fn work(self) -> Option<Work> {
        of_part!(self, page => page.work())
    }

    /// What is read before the page is shown.
    pub fn reading(self) -> Option<Reading> {
        of_part!(self, page => page.reading())
    }

    /// Whether its work changes something: there is no way back over it.
    pub fn changes(self) -> bool {
        self.work().is_some_and(Work::changes)
    }

    pub(super) fn fill(self, view: &View<'_>, page: &mut Page) {
        of_part!(self, part => part.fill(view, page));
    }

    pub(super) fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        of_part!(self, page => page.check(view, mistakes));
    }
}

impl Work {
    /// Whether it changes something.
    pub fn changes(self) -> bool {
        match self {
            Work::Make
            | Work::Cancel
            | Work::Import
            | Work::Renew(Writing::Yes)
            | Work::Assign(Writing::Yes)
            | Work::Federate(Writing::Yes) => true,
            Work::Compare
            | Work::Records
            | Work::Check
            | Work::Renew(Writing::DryRun)
            | Work::Assign(Writing::DryRun)
            | Work::Federate(Writing::DryRun) => false,
        }
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A new request.
    NewRequest,
    /// A look at one that waits.
    Resume,
    /// A reply.
    Import,
    /// Onto the gateways.
    Assign,
    /// Everything deployed.
    Check,
    /// The next request.
    Renew,
    /// Access policy, certificates, partners, DNS.
    Federation,
}

impl Task {
    /// All, in the order of a certificate's life.
    pub const ALL: [Task; 7] = [
        Task::NewRequest,
        Task::Resume,
        Task::Import,
        Task::Assign,
        Task::Check,
        Task::Renew,
        Task::Federation,
    ];

    /// The word in an answers file.
    pub fn word(self) -> &'static str {
        match self {
            Task::NewRequest => "new-request",
            Task::Resume => "resume",
            Task::Import => "import",
            Task::Assign => "assign",
            Task::Check => "check",
            Task::Renew => "renew",
            Task::Federation => "federation",
        }
    }

    /// The task of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.word() == word)
    }
}
