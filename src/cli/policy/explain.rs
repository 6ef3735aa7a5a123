//! `policy explain`: what a user and a partner's users may do with each other, and which policy decides.

use super::{domain_of, policy_json};
use crate::cli::Context;
use crate::cli::not_taken::NotTaken;
use crate::cli::options::domain;
use crate::cli::output::{Failure, Outcome};
use crate::cli::partner::permits_json;
use crate::cli::render;
use crate::explain::printable;
use crate::federation::{Partner, Permission, Permits, Policy, policies_for};
use crate::names::Domain;
use clap::Args;
use serde_json::{Value, json};

/// `policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A user of ours: someone@contoso.com
    #[arg(value_name = "USER", value_parser = user)]
    user: String,
    /// A domain of the partner
    #[arg(value_name = "PARTNER", value_parser = domain)]
    partner: Domain,
    /// The user's site, for policies of sites
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
}

fn user(text: &str) -> Result<String, NotTaken> {
    let sound = text
        .split_once('@')
        .is_some_and(|(user, domain)| !user.is_empty() && Domain::parse(domain).is_ok());
    match sound {
        true => Ok(text.to_owned()),
        false => Err(NotTaken::unread("write user@domain: someone@contoso.com")),
    }
}

/// What stands between our user and the partner's.
struct Judged<'a> {
    policy: Option<&'a Policy>,
    /// Policies that are for the user as well and do not decide.
    others: Vec<&'a Policy>,
    partner: Option<&'a Partner>,
}

impl Judged<'_> {
    /// Over XMPP: the policy must allow it, and there must be a partner.
    fn xmpp(&self) -> bool {
        self.partner.is_some() && self.policy.is_some_and(|one| one.xmpp_federated_users)
    }

    fn sip(&self) -> bool {
        self.policy.is_some_and(|one| one.federated_users)
    }

    /// What the partner's users may do.
    fn permits(&self) -> Permits {
        match self.partner {
            Some(partner) if self.xmpp() => partner.partner_type.permits(),
            Some(_) | None => Permits::NONE,
        }
    }

    /// Why nothing goes over XMPP; empty where something does.
    fn why_not(&self, partner: &Domain) -> String {
        match (self.policy, self.partner) {
            (None, _) => {
                "no policy is for this user, and what no policy allows is not allowed".into()
            }
            (Some(policy), _) if !policy.xmpp_federated_users => format!(
                "the policy {} does not allow XMPP federated users",
                policy.name
            ),
            (Some(_), None) => format!("{partner} is no partner of the deployment"),
            (Some(_), Some(_)) => String::new(),
        }
    }
}

/// Runs it. Effects: reads the deployment.
pub(super) fn run(args: &ExplainArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let found = policies_for(&deployment.policies, &args.user, args.site.as_deref());
    let (policy, others) = match found.split_first() {
        Some((first, others)) => (Some(*first), others.to_vec()),
        None => (None, Vec::new()),
    };
    let mut partners = deployment.partners.iter();
    let judged = Judged {
        policy,
        others,
        partner: partners.find(|one| one.has_domain(&args.partner)),
    };
    if let Some(domain) = domain_of(&args.user)
        && !deployment.edge.own_domains().contains(&domain)
    {
        context.note(&format!("note: {domain} is no domain of this edge\n"));
    }
    if judged.partner.is_none() {
        context.note(&format!(
            "note: {} is no partner of the deployment\n",
            args.partner
        ));
    }
    let ours = our_permission(&judged);
    let result = json!({
        "user": args.user,
        "site": args.site,
        "partner": args.partner.as_str(),
        "partner_type": judged.partner.map(|one| one.partner_type.word()),
        "policy": judged.policy.map_or(Value::Null, policy_json),
        "overruled": judged.others.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        "xmpp_allowed": judged.xmpp(),
        "sip_allowed": judged.sip(),
        "why_not": judged.why_not(&args.partner),
        "partner_may": permits_json(judged.permits()),
        "user_may": {
            "add_contact": ours.word(),
            "see_presence": ours.word(),
            "send_im": ours.word(),
            "see_notes": ours.word(),
        },
    });
    Ok(Outcome::show(text(args, &judged, ours), result))
}

/// Our user towards the partner: what is shown there is for the partner to decide.
fn our_permission(judged: &Judged<'_>) -> Permission {
    match judged.xmpp() {
        true => Permission::Always,
        false => Permission::Never,
    }
}

fn text(args: &ExplainArgs, judged: &Judged<'_>, ours: Permission) -> String {
    let row = |head: &str, text: &str| render::hanging(&format!("  {head:<27}  "), text);
    let mut text = format!("{} and users of {}\n", printable(&args.user), args.partner);
    let decides = match judged.policy {
        Some(policy) => format!("policy {} (scope {})", policy.name, policy.scope.word()),
        None => "no policy: as if nothing were allowed".to_owned(),
    };
    text.push_str(&row("decided by", &decides));
    if !judged.others.is_empty() {
        let names: Vec<String> = judged
            .others
            .iter()
            .map(|one| format!("{} (scope {})", one.name, one.scope.word()))
            .collect();
        text.push_str(&row("which overrules", &names.join(", ")));
    }
    if let Some(partner) = judged.partner {
        text.push_str(&row(
            "partner type",
            &format!(
                "{}: {}",
                partner.partner_type.word(),
                partner.partner_type.means()
            ),
        ));
    }
    let why = judged.why_not(&args.partner);
    if !why.is_empty() {
        text.push_str(&row("over XMPP", &format!("nothing, since {why}")));
    }
    text.push_str(&format!("\nwhat a user of {} may do\n", args.partner));
    for (_, title, permission) in judged.permits().each() {
        text.push_str(&row(title, permission.title()));
    }
    text.push_str("\nwhat our user may do\n");
    let asked = match ours {
        Permission::Always => "yes; whether it is shown or delivered is for the partner to decide",
        Permission::OnceAdded | Permission::Never => "never",
    };
    text.push_str(&row("add, see, write", asked));
    text.push_str(&row(
        "federated users over SIP",
        match judged.sip() {
            true => "allowed by the policy; partner types are for XMPP alone",
            false => "not allowed",
        },
    ));
    text
}
