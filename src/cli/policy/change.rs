//! `policy add`, `policy edit`, `policy remove`.

use super::show::find;
use super::{domain_of, policy_json};
use crate::cli::Context;
use crate::cli::deployment_change::{Change, Changed};
use crate::cli::exit::FailureKind;
use crate::cli::not_taken::NotTaken;
use crate::cli::options::slug;
use crate::cli::output::{Failure, Outcome};
use crate::cli::partner::{description, differences};
use crate::deployment::Deployment;
use crate::explain::{Explanation, nearest};
use crate::federation::{Policy, Scope};
use crate::names::{Domain, Slug};
use clap::Args;
use serde_json::{Map, Value, json};

/// What a policy says; what is not given stays as it is, or is as by default.
#[derive(Debug, Args)]
struct SettingArgs {
    /// Whom it is for: global, site, user
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    scope: Option<Scope>,
    /// A user, or the site's name (repeatable)
    #[arg(long, value_name = "USER|SITE", value_parser = member)]
    member: Vec<String>,
    /// Free text
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<String>,
    /// They may talk to federated users, over SIP
    #[arg(long, overrides_with = "no_federated_users")]
    federated_users: bool,
    /// They may not
    #[arg(long)]
    no_federated_users: bool,
    /// They may talk to XMPP federated users
    #[arg(long, overrides_with = "no_xmpp_federated_users")]
    xmpp_federated_users: bool,
    /// They may not
    #[arg(long)]
    no_xmpp_federated_users: bool,
}

/// `policy add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Its name
    #[arg(value_name = "NAME", value_parser = slug)]
    name: Slug,
    #[command(flatten)]
    settings: SettingArgs,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `policy edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The policy
    #[arg(value_name = "NAME", value_parser = slug)]
    name: Slug,
    #[command(flatten)]
    settings: SettingArgs,
    /// Take the description away
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `policy remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The policy
    #[arg(value_name = "NAME", value_parser = slug)]
    name: Slug,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl SettingArgs {
    fn over(&self, mut policy: Policy) -> Policy {
        let switched = |on, off, before| match (on, off) {
            (true, _) => true,
            (false, true) => false,
            (false, false) => before,
        };
        policy.scope = self.scope.unwrap_or(policy.scope);
        if !self.member.is_empty() {
            policy.members.clone_from(&self.member);
        } else if policy.scope == Scope::Global {
            policy.members.clear();
        }
        policy.description = self.description.clone().or(policy.description);
        policy.federated_users = switched(
            self.federated_users,
            self.no_federated_users,
            policy.federated_users,
        );
        policy.xmpp_federated_users = switched(
            self.xmpp_federated_users,
            self.no_xmpp_federated_users,
            policy.xmpp_federated_users,
        );
        policy
    }
}

fn scope(text: &str) -> Result<Scope, NotTaken> {
    let mut all = Scope::ALL.into_iter();
    all.find(|one| one.word() == text)
        .ok_or_else(|| NotTaken::not_among(text, &Scope::ALL.map(Scope::word)))
}

fn member(text: &str) -> Result<String, NotTaken> {
    if text.trim().is_empty() || text.chars().count() > 1023 || text.chars().any(char::is_control) {
        return Err(NotTaken::unread(
            "write a user as someone@contoso.com, or the name of a site",
        ));
    }
    Ok(text.to_owned())
}

/// Whether both say the same; who is meant does not depend on case.
fn is_same(one: &Policy, other: &Policy) -> bool {
    let plain = |policy: &Policy| Policy {
        members: policy
            .members
            .iter()
            .map(|one| one.to_ascii_lowercase())
            .collect(),
        ..policy.clone()
    };
    plain(one) == plain(other)
}

/// What is worth knowing of a policy that is saved: members that cannot be meant, and those whom another policy of
/// the same scope is for as well.
fn notes(deployment: &Deployment, policy: &Policy) -> Vec<String> {
    let ours = deployment.edge.own_domains();
    let mut notes = Vec::new();
    for member in &policy.members {
        let shown = crate::explain::printable(member);
        if policy.scope == Scope::User
            && let Some(domain) = domain_of(member)
            && !ours.contains(&domain)
        {
            notes.push(format!("{shown}: {domain} is no domain of this edge"));
        }
        let mut others = deployment.policies.iter();
        let other = others.find(|one| {
            one.name != policy.name
                && one.scope == policy.scope
                && one
                    .members
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(member))
        });
        if let Some(other) = other {
            notes.push(format!(
                "{shown} is in the policy {} too; of two alike the first in the file decides",
                other.name
            ));
        }
    }
    notes
}

/// Refuses what the deployment would not take.
fn insist(deployment: &Deployment, policy: &Policy) -> Result<(), Failure> {
    let refused = |code, why: String, mend: &str| {
        Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code,
                what: format!(
                    "the policy \"{}\" cannot be so: nothing is saved",
                    policy.name
                ),
                place: format!("policy {}", policy.name),
                why,
                mend: mend.to_owned(),
            },
        ))
    };
    let mut others = deployment.policies.iter();
    let global = others.find(|one| one.scope == Scope::Global && one.name != policy.name);
    match (policy.scope, policy.members.is_empty(), global) {
        (Scope::Global, _, Some(first)) => {
            return refused(
                "policy.second-global",
                format!("\"{}\" is the global policy already", first.name),
                "let one policy be the global one: --scope user or --scope site",
            );
        }
        (Scope::Global, false, None) => {
            return refused(
                "policy.members",
                "a global policy is for everybody and has no members".to_owned(),
                "leave --member out, or use --scope user",
            );
        }
        (Scope::Site | Scope::User, true, _) => {
            return refused(
                "policy.members",
                "it is for nobody".to_owned(),
                "name whom it is for: --member someone@contoso.com, or with --scope site its name",
            );
        }
        (Scope::Global, true, None) | (Scope::Site | Scope::User, false, _) => {}
    }
    let is_user = |one: &str| {
        one.split_once('@')
            .is_some_and(|(user, domain)| !user.is_empty() && Domain::parse(domain).is_ok())
    };
    if policy.scope == Scope::User
        && let Some(wrong) = policy.members.iter().find(|one| !is_user(one))
    {
        return refused(
            "policy.members",
            format!(
                "\"{}\" is no address of a user",
                crate::explain::printable(wrong)
            ),
            "write user@domain; a site is named with --scope site",
        );
    }
    Ok(())
}

/// Runs `policy add`. Effects: writes the deployment file, journals.
pub(super) fn add(args: &AddArgs, context: &Context) -> Result<Outcome, Failure> {
    let policy = args.settings.over(Policy {
        name: args.name.clone(),
        scope: Scope::User,
        description: None,
        members: Vec::new(),
        federated_users: false,
        xmpp_federated_users: false,
    });
    let change = Change::begin(context, "edgecert policy add", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let mut draft = change.file.draft()?;
    match deployment
        .policies
        .iter()
        .find(|one| one.name == policy.name)
    {
        Some(there) if is_same(there, &policy) => {}
        Some(there) => {
            return Err(Failure::new(
                FailureKind::Refused,
                Explanation {
                    code: "policy.exists",
                    what: format!(
                        "there is a policy \"{}\" already: nothing is saved",
                        there.name
                    ),
                    place: format!("policy {}", there.name),
                    why: differences(&policy_json(there), &policy_json(&policy)),
                    mend: format!("change it with `edgecert policy edit {}`", there.name),
                },
            ));
        }
        None => {
            insist(deployment, &policy)?;
            draft.add_policy(&policy);
        }
    }
    let notes = notes(deployment, &policy);
    let changed = change.finish(draft, "policy-add", detail(&policy.name))?;
    for note in notes {
        context.note(&format!("note: {note}\n"));
    }
    Ok(outcome(
        &changed,
        Some(&policy),
        &format!("policy {} added", policy.name),
    ))
}

/// Runs `policy edit`. Effects: writes the deployment file, journals.
pub(super) fn edit(args: &EditArgs, context: &Context) -> Result<Outcome, Failure> {
    let change = Change::begin(context, "edgecert policy edit", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let there = find(deployment, &args.name)?;
    let mut policy = args.settings.over(there.clone());
    if args.no_description {
        policy.description = None;
    }
    let mut draft = change.file.draft()?;
    if policy != *there {
        insist(deployment, &policy)?;
        draft.set_policy(&policy);
    }
    let notes = notes(deployment, &policy);
    let changed = change.finish(draft, "policy-edit", detail(&policy.name))?;
    for note in notes {
        context.note(&format!("note: {note}\n"));
    }
    Ok(outcome(
        &changed,
        Some(&policy),
        &format!("policy {} changed", policy.name),
    ))
}

/// Runs `policy remove`; one that is not there needs nothing, and the nearest that is there is a note. Effects: writes the deployment file, journals.
pub(super) fn remove(args: &RemoveArgs, context: &Context) -> Result<Outcome, Failure> {
    let change = Change::begin(context, "edgecert policy remove", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let there = deployment
        .policies
        .iter()
        .find(|one| one.name == args.name)
        .cloned();
    let known = deployment.policies.iter().map(|one| one.name.as_str());
    // It may be a slip of the keyboard.
    let near = match &there {
        Some(_) => None,
        None => nearest(args.name.as_str(), known).map(str::to_owned),
    };
    let mut draft = change.file.draft()?;
    draft.remove_policy(&args.name);
    let changed = change.finish(draft, "policy-remove", detail(&args.name))?;
    if let Some(near) = near {
        context.note(&format!("note: there is a policy {near}\n"));
    }
    Ok(match &there {
        Some(one) => outcome(
            &changed,
            there.as_ref(),
            &format!("policy {} removed", one.name),
        ),
        None => Outcome {
            text: format!("there is no policy {}: nothing changed\n", args.name),
            ..outcome(&changed, None, "")
        },
    })
}

/// For the journal.
fn detail(name: &Slug) -> Map<String, Value> {
    let mut detail = Map::new();
    detail.insert("policy".into(), json!(name.as_str()));
    detail
}

fn outcome(changed: &Changed, policy: Option<&Policy>, done: &str) -> Outcome {
    let mut result = changed.json();
    result.insert("policy".into(), policy.map_or(Value::Null, policy_json));
    Outcome {
        changed: changed.written,
        ..Outcome::show(changed.told(done), Value::Object(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const DEPLOYMENT: &str = "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nxmpp-domains = [\"contoso.com\"]\n\
        [certificate.external-edge]\nuses = [\"xmpp-s2s\"]\n\
        [policy.sales]\nscope = \"user\"\nmembers = [\"Ann@contoso.com\"]\nxmpp-federated-users = true\n";

    #[test]
    fn members_are_the_same_without_case_and_what_cannot_be_meant_is_a_note() {
        let deployment = Deployment::parse(DEPLOYMENT, Path::new("/srv/edgecert.toml")).unwrap();
        let there = &deployment.policies[0];
        let mut wanted = there.clone();
        wanted.members = vec!["ann@contoso.com".into()];
        assert!(is_same(there, &wanted));
        wanted.description = Some("us".into());
        assert!(!is_same(there, &wanted));
        assert!(notes(&deployment, there).is_empty());
        let told = differences(&policy_json(there), &policy_json(&wanted));
        assert!(told.contains("description is none, not \"us\""), "{told}");
        wanted.name = Slug::parse("others").unwrap();
        wanted.members.push("bob@elsewhere.example".into());
        let notes = notes(&deployment, &wanted);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("in the policy sales too"));
        assert!(notes[1].contains("elsewhere.example is no domain of this edge"));
    }
}
