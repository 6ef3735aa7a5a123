//! Access policies: who may talk to partners.

/// Whom a policy is for; a user's stands before a site's, that before the global one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everybody.
    Global,
    /// The users of a site.
    Site,
    /// Named users.
    User,
}

/// One access policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: crate::names::Slug,
    /// Whom it is for.
    pub scope: Scope,
    /// Free text.
    pub description: Option<String>,
    /// The users, or the site's name; empty for the global policy.
    pub members: Vec<String>,
    /// Whether they may talk to federated users (SIP).
    pub federated_users: bool,
    /// Whether they may talk to XMPP federated users.
    pub xmpp_federated_users: bool,
}
