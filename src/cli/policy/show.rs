//! `policy list` and `policy show`.

use super::policy_json;
use crate::cli::Context;
use crate::cli::context::MAX_TOLD;
use crate::cli::options::slug;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::{self, Table};
use crate::deployment::Deployment;
use crate::explain::{listed, nearest, printable};
use crate::federation::{Policy, Scope};
use crate::names::Slug;
use clap::Args;
use serde_json::{Value, json};

/// `policy list`.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// `policy show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The policy
    #[arg(value_name = "NAME", value_parser = slug)]
    name: Slug,
}

/// The policy of a name; errors name the nearest.
pub(super) fn find<'a>(deployment: &'a Deployment, name: &Slug) -> Result<&'a Policy, Failure> {
    let mut all = deployment.policies.iter();
    all.find(|one| one.name == *name)
        .ok_or_else(|| unknown(deployment, name))
}

/// A policy that is not there.
fn unknown(deployment: &Deployment, name: &Slug) -> Failure {
    let known: Vec<&str> = deployment
        .policies
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let mend = match nearest(name.as_str(), known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("`edgecert policy add {name}` adds it"),
    };
    let why = match known.is_empty() {
        true => "the deployment has no policy".to_owned(),
        false => format!("the deployment has {}", listed(&known, MAX_TOLD)),
    };
    Failure::usage(format!("there is no policy \"{name}\""), why, mend)
}

fn yes_no(yes: bool) -> &'static str {
    match yes {
        true => "yes",
        false => "no",
    }
}

fn whom(policy: &Policy) -> String {
    match policy.scope {
        Scope::Global => "everybody".to_owned(),
        Scope::Site | Scope::User => {
            let members: Vec<String> = policy.members.iter().map(|one| printable(one)).collect();
            listed(&members, MAX_TOLD)
        }
    }
}

/// Runs `policy list`.
pub(super) fn list(_args: &ListArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let mut all: Vec<&Policy> = deployment.policies.iter().collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.scope));
    let rows: Vec<Value> = all.iter().map(|one| policy_json(one)).collect();
    let result = json!({ "policies": rows });
    if all.is_empty() {
        let text = "no access policy: nobody is said to be allowed to talk to partners\n";
        return Ok(Outcome::show(text, result)
            .with_next("edgecert policy add global --scope global --xmpp-federated-users"));
    }
    let mut table = Table::new(["policy", "scope", "for", "SIP", "XMPP", "description"]);
    for one in all {
        table.row([
            one.name.to_string(),
            one.scope.word().to_owned(),
            whom(one),
            yes_no(one.federated_users).to_owned(),
            yes_no(one.xmpp_federated_users).to_owned(),
            one.description
                .as_deref()
                .map(printable)
                .unwrap_or_default(),
        ]);
    }
    Ok(Outcome::show(table.render(), result))
}

/// Runs `policy show`.
pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let policy = find(&deployment, &args.name)?;
    let row = |head: &str, text: &str| render::hanging(&format!("  {head:<20}  "), text);
    let mut text = format!("{} · scope {}\n", policy.name, policy.scope.word());
    if let Some(description) = &policy.description {
        text.push_str(&row("is", &printable(description)));
    }
    text.push_str(&row("for", &whom(policy)));
    text.push_str(&row("federated users", yes_no(policy.federated_users)));
    text.push_str(&row(
        "XMPP federated users",
        yes_no(policy.xmpp_federated_users),
    ));
    Ok(Outcome::show(
        text,
        json!({ "policy": policy_json(policy) }),
    ))
}
