//! `policy`: external access policies, who may talk to federated partners.
//!
//! A policy is a statement of the deployment: the user's before the site's, that before the global one. The servers
//! that carry the messages enforce it, not `edgecert`.

mod change;
mod explain;
mod show;

use super::Context;
use super::output::{Failure, Outcome};
use crate::federation::Policy;
use crate::names::Domain;
use clap::Subcommand;
use serde_json::{Value, json};

/// The commands of policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// List the access policies, in the order in which they decide
    #[command(after_help = "\
Examples:
  edgecert policy list
  edgecert policy list --json")]
    List(show::ListArgs),
    /// Show one policy
    #[command(after_help = "\
Example:
  edgecert policy show sales")]
    Show(show::ShowArgs),
    /// Add a policy: for everybody, a site, or named users
    #[command(after_help = "\
Examples:
  edgecert policy add global --scope global --description \"nobody outside\"
  edgecert policy add sales --member someone@contoso.com --xmpp-federated-users
  edgecert policy add seoul --scope site --member Seoul --federated-users --xmpp-federated-users

Left out: --scope user; nothing is allowed that is not named.")]
    Add(change::AddArgs),
    /// Change a policy: what is not named stays as it is
    #[command(after_help = "\
Examples:
  edgecert policy edit sales --member someone@contoso.com --member other@contoso.com
  edgecert policy edit sales --no-xmpp-federated-users --dry-run")]
    Edit(change::EditArgs),
    /// Remove a policy
    #[command(after_help = "\
Example:
  edgecert policy remove sales")]
    Remove(change::RemoveArgs),
    /// Say what a user and the users of a partner may do with each other, and which policy decides
    #[command(after_help = "\
Examples:
  edgecert policy explain someone@contoso.com litware.com
  edgecert policy explain someone@contoso.com litware.com --site Seoul --json")]
    Explain(explain::ExplainArgs),
}

impl PolicyCommand {
    /// The words that lead here.
    pub fn words(&self) -> &'static str {
        match self {
            PolicyCommand::List(_) => "policy list",
            PolicyCommand::Show(_) => "policy show",
            PolicyCommand::Add(_) => "policy add",
            PolicyCommand::Edit(_) => "policy edit",
            PolicyCommand::Remove(_) => "policy remove",
            PolicyCommand::Explain(_) => "policy explain",
        }
    }
}

/// Runs one of them.
pub fn run(command: PolicyCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        PolicyCommand::List(args) => show::list(&args, context),
        PolicyCommand::Show(args) => show::show(&args, context),
        PolicyCommand::Add(args) => change::add(&args, context),
        PolicyCommand::Edit(args) => change::edit(&args, context),
        PolicyCommand::Remove(args) => change::remove(&args, context),
        PolicyCommand::Explain(args) => explain::run(&args, context),
    }
}

/// The domain of a user's address, if it is one.
fn domain_of(user: &str) -> Option<Domain> {
    let (_, domain) = user.split_once('@')?;
    Domain::parse(domain).ok()
}

/// A policy for programs.
fn policy_json(policy: &Policy) -> Value {
    let Policy {
        name,
        scope,
        description,
        members,
        federated_users,
        xmpp_federated_users,
    } = policy;
    json!({
        "policy": name.as_str(),
        "scope": scope.word(),
        "description": description,
        "members": members,
        "federated_users": federated_users,
        "xmpp_federated_users": xmpp_federated_users,
    })
}
