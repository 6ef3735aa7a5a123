//! The pages by name, in the order of a walk, and the tasks that begin one.

/// A page of a walk, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum Step {
    Tasks,
    Which,
    Certificate,
    Uses,
    Issuer,
    Roots,
    RequestFile,
    Template,
    Key,
    Organization,
    Location,
    Fqdn,
    Names,
    SipDomains,
    XmppDomains,
    Components,
    FurtherNames,
    Summary,
    Making,
    Csr,
    Sent,
    Pending,
    PendingShown,
    Cancelled,
    Import,
    Passphrase,
    Comparison,
    Verdict,
    AssignPlan,
    Live,
    RenewPlan,
    Renewed,
    Checked,
    AccessPolicy,
    InOrder,
    Partners,
    PartnerSettings,
    FederationPlan,
    FederationSaved,
    Records,
    Next,
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

impl Step {
    /// The page's name.
    pub fn id(self) -> &'static str {
        match self {
            Step::Tasks => "tasks",
            Step::Which => "which",
            Step::Certificate => "certificate",
            Step::Uses => "uses",
            Step::Issuer => "issuer",
            Step::Roots => "roots",
            Step::RequestFile => "request-file",
            Step::Template => "template",
            Step::Key => "key",
            Step::Organization => "organization",
            Step::Location => "location",
            Step::Fqdn => "fqdn",
            Step::Names => "names",
            Step::SipDomains => "sip-domains",
            Step::XmppDomains => "xmpp-domains",
            Step::Components => "components",
            Step::FurtherNames => "further-names",
            Step::Summary => "summary",
            Step::Making => "making",
            Step::Csr => "csr",
            Step::Sent => "sent",
            Step::Pending => "pending",
            Step::PendingShown => "pending-shown",
            Step::Cancelled => "cancelled",
            Step::Import => "import",
            Step::Passphrase => "passphrase",
            Step::Comparison => "comparison",
            Step::Verdict => "verdict",
            Step::AssignPlan => "assign-plan",
            Step::Live => "live",
            Step::RenewPlan => "renew-plan",
            Step::Renewed => "renewed",
            Step::Checked => "checked",
            Step::AccessPolicy => "access-policy",
            Step::InOrder => "in-order",
            Step::Partners => "partners",
            Step::PartnerSettings => "partner-settings",
            Step::FederationPlan => "federation-plan",
            Step::FederationSaved => "federation-saved",
            Step::Records => "records",
            Step::Next => "next",
        }
    }

    /// Whether work is done before the page is shown: what it shows is the outcome.
    pub fn works(self) -> bool {
        matches!(
            self,
            Step::Making
                | Step::Sent
                | Step::Cancelled
                | Step::Passphrase
                | Step::Comparison
                | Step::Verdict
                | Step::AssignPlan
                | Step::Live
                | Step::RenewPlan
                | Step::Renewed
                | Step::Checked
                | Step::FederationPlan
                | Step::FederationSaved
                | Step::Records
        )
    }

    /// Whether that work changes something: there is no way back over it.
    pub fn changes(self) -> bool {
        matches!(
            self,
            Step::Making
                | Step::Sent
                | Step::Cancelled
                | Step::Verdict
                | Step::Live
                | Step::Renewed
                | Step::FederationSaved
        )
    }
}
