//! `partner remove`.

use super::further_of;
use super::shown::partner_json;
use crate::cli::Context;
use crate::cli::deployment_change::Change;
use crate::cli::options::domain;
use crate::cli::output::{Failure, Outcome};
use crate::explain::nearest;
use crate::names::Domain;
use clap::Args;
use serde_json::{Map, Value, json};

/// `partner remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The partner's primary domain
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    domain: Domain,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it; one that is not there needs nothing, and the nearest that is there is a note. Effects: writes the deployment file, journals.
pub(super) fn run(args: &RemoveArgs, context: &Context) -> Result<Outcome, Failure> {
    let change = Change::begin(context, "edgecert partner remove", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let there = deployment
        .partners
        .iter()
        .find(|one| one.domain == args.domain)
        .cloned();
    let near = match &there {
        Some(_) => None,
        // It may be a slip of the keyboard.
        None => further_of(deployment, &args.domain).or_else(|| {
            let known = deployment.partners.iter().map(|one| one.domain.as_str());
            nearest(args.domain.as_str(), known).map(|near| format!("there is a partner {near}"))
        }),
    };
    let mut draft = change.file.draft()?;
    draft.remove_partner(&args.domain);
    let mut detail = Map::new();
    detail.insert("partner".into(), json!(args.domain.as_str()));
    let changed = change.finish(draft, "partner-remove", detail)?;
    if let Some(near) = near {
        context.note(&format!("note: {near}\n"));
    }
    let text = match &there {
        Some(one) => changed.told(&format!("partner {} removed", one.domain)),
        None => format!("{} is no partner: nothing changed\n", args.domain),
    };
    let mut result = changed.json();
    result.insert(
        "partner".into(),
        there.as_ref().map_or(Value::Null, partner_json),
    );
    Ok(Outcome {
        changed: changed.written,
        ..Outcome::show(text, Value::Object(result))
    })
}
