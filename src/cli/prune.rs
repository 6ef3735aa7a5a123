//! `prune`: old generations.
//!
//! What is live, current, previous, staged, last proved on a gateway, or in an unfinished assignment is never pruned,
//! nor is a generation newer than the current one: it was imported to be assigned.

use super::list::resolve;
use super::options::slug;
use super::output::{Failure, Outcome};
use super::remove::{failed, open};
use super::{Context, render};
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{AssignmentRecord, Lease, Store, StoreError};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;

/// Old generations that are kept where no deployment says it.
const DEFAULT_KEEP: u32 = 5;

/// `prune`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert prune --dry-run
  edgecert prune external-edge --keep 0

Never removed: what is live, current, previous, staged, last proved on a gateway, or newer than the current one.")]
pub struct PruneArgs {
    /// The certificate [default: every one]
    #[arg(value_name = "CERT", value_parser = slug)]
    certificate: Option<Slug>,
    /// Old generations to keep [default: [store] keep-generations, else 5]
    #[arg(long, value_name = "N")]
    keep: Option<u32>,
    /// Show what would go and touch nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `prune`.
pub fn run(args: PruneArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    if args.certificate.is_none() && !context.has_state(deployment.as_ref()) {
        // A timer may run before the first request.
        return Ok(Outcome::show(
            "there is no state yet: nothing to prune\n",
            json!({ "keep": args.keep, "dry_run": args.dry_run, "certificates": [] }),
        ));
    }
    let store = open(context, deployment.as_ref())?;
    let keep = args.keep.unwrap_or_else(|| {
        deployment
            .as_ref()
            .map_or(DEFAULT_KEEP, |deployment| deployment.store.keep_generations)
    });
    let names = match &args.certificate {
        Some(name) => vec![resolve(deployment.as_ref(), Some(&store), Some(name))?],
        None => store.certificates().map_err(failed)?,
    };
    let mut lease = match args.dry_run {
        true => None,
        false => Some(context.lease(&store, deployment.as_ref(), "edgecert prune")?),
    };
    let (mut text, mut stay) = (String::new(), String::new());
    let mut results = Vec::new();
    let mut changed = false;
    for name in &names {
        let Sorted { gone, kept } = match lease.as_mut() {
            Some(lease) => {
                let sorted = sort_old(lease, name, keep).map_err(failed)?;
                remove_each(lease, name, &sorted.gone).map_err(failed)?;
                sorted
            }
            None => sort_old(&store, name, keep).map_err(failed)?,
        };
        changed |= !gone.is_empty() && !args.dry_run;
        if !gone.is_empty() {
            let verb = if args.dry_run {
                "would remove"
            } else {
                "removed"
            };
            let numbers: Vec<String> = gone.iter().map(u32::to_string).collect();
            let plural = if gone.len() == 1 { "" } else { "s" };
            text.push_str(&render::prose(&format!(
                "{name}: {verb} generation{plural} {} with the private key{plural}",
                numbers.join(", ")
            )));
        }
        if !kept.is_empty() {
            let told: Vec<String> = kept
                .iter()
                .map(|(number, why)| format!("{number} ({why})"))
                .collect();
            stay.push_str(&render::prose(&format!("{name}: kept {}", told.join(", "))));
        }
        let kept: Vec<_> = kept
            .iter()
            .map(|(number, why)| json!({"generation": number, "why": why}))
            .collect();
        results.push(json!({"certificate": name.as_str(), "removed": gone, "kept": kept}));
    }
    if text.is_empty() {
        text.push_str("nothing to remove\n");
    }
    text.push_str(&stay);
    let result = json!({"keep": keep, "dry_run": args.dry_run, "certificates": results});
    Ok(Outcome {
        changed,
        ..Outcome::show(text, result)
    })
}

/// Removes the old generations of a certificate but the newest `keep`, and returns their numbers.
///
/// Journalled one by one, so that what was done before an error stays told.
pub fn prune_certificate(
    lease: &mut Lease,
    certificate: &Slug,
    keep: u32,
) -> Result<Vec<u32>, StoreError> {
    let gone = sort_old(lease, certificate, keep)?.gone;
    remove_each(lease, certificate, &gone)?;
    Ok(gone)
}

fn remove_each(lease: &mut Lease, certificate: &Slug, gone: &[u32]) -> Result<(), StoreError> {
    for number in gone {
        lease.remove_generation(certificate, *number)?;
    }
    Ok(())
}

/// The generations of a certificate: those that go, and those that stay with the reason; each oldest first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sorted {
    gone: Vec<u32>,
    kept: Vec<(u32, String)>,
}

/// What [`prune_certificate`] would remove and keep.
fn sort_old(store: &Store, certificate: &Slug, keep: u32) -> Result<Sorted, StoreError> {
    let numbers: Vec<u32> = store
        .generations(certificate)?
        .iter()
        .map(|generation| generation.number)
        .collect();
    let assignment = store.assignment(certificate)?;
    let mut needed = needed_by(&assignment);
    if let Some(live) = store.live(certificate)? {
        needed.entry(live).or_insert_with(|| "live".to_owned());
    }
    for intent in store
        .intents()?
        .iter()
        .filter(|intent| intent.certificate == certificate.as_str())
    {
        for number in intent.from.into_iter().chain([intent.to]) {
            needed
                .entry(number)
                .or_insert_with(|| "in an unfinished assignment".to_owned());
        }
    }
    Ok(old_beyond(&numbers, assignment.current, &needed, keep))
}

/// What is needed, with the best reason.
fn needed_by(assignment: &AssignmentRecord) -> BTreeMap<u32, String> {
    let mut needed = BTreeMap::new();
    let mut need = |number: Option<u32>, why: String| {
        if let Some(number) = number {
            needed.entry(number).or_insert(why);
        }
    };
    need(assignment.current, "current".into());
    need(assignment.previous, "previous, for `rollback`".into());
    let staged = assignment.staged.as_ref();
    need(staged.map(|staged| staged.generation), "staged".into());
    for (gateway, proved) in &assignment.gateways {
        let why = format!("last proved on {}", printable(gateway));
        need(Some(proved.generation), why);
    }
    needed
}

/// Which of the numbers (ascending) go: those older than the current one (the newest where none is current), needed by
/// nobody, and not among the newest `keep` of such.
fn old_beyond(
    numbers: &[u32],
    current: Option<u32>,
    needed: &BTreeMap<u32, String>,
    keep: u32,
) -> Sorted {
    let Some(top) = current.or(numbers.last().copied()) else {
        return Sorted::default();
    };
    let is_old = |number: u32| number < top && !needed.contains_key(&number);
    let old = numbers.iter().filter(|number| is_old(**number)).count();
    let going = old.saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    let mut sorted = Sorted::default();
    for number in numbers.iter().copied() {
        if is_old(number) && sorted.gone.len() < going {
            sorted.gone.push(number);
            continue;
        }
        let why = match needed.get(&number) {
            Some(why) => why.clone(),
            None if is_old(number) => "old, and not more than are to be kept".into(),
            None if current.is_some() => "newer than the current one".into(),
            None => "the newest, and nothing is assigned yet".into(),
        };
        sorted.kept.push((number, why));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_generations_that_nobody_needs_go() {
        let all = [1, 2, 3, 4, 5, 6, 7, 8];
        for (current, needed, keep, gone) in [
            (Some(6), vec![6, 5], 0, vec![1, 2, 3, 4]),
            (Some(6), vec![6, 5], 2, vec![1, 2]),
            (Some(6), vec![6, 5, 1], 2, vec![2]),
            (Some(6), vec![6, 5], 9, vec![]),
            // Rolled back: newer ones stay, they were imported to be assigned.
            (Some(2), vec![2, 6], 0, vec![1]),
            // Nothing was ever assigned: the newest stays.
            (None, vec![], 0, vec![1, 2, 3, 4, 5, 6, 7]),
            (None, vec![], 5, vec![1, 2]),
        ] {
            let needed = needed
                .into_iter()
                .map(|number| (number, "needed".to_owned()))
                .collect();
            let sorted = old_beyond(&all, current, &needed, keep);
            assert_eq!(sorted.gone, gone, "{current:?} {needed:?} {keep}");
            assert_eq!(sorted.gone.len() + sorted.kept.len(), all.len());
        }
        assert_eq!(
            old_beyond(&[], None, &BTreeMap::new(), 0),
            Sorted::default()
        );
    }

    #[test]
    fn what_stays_is_told_with_the_reason() {
        let needed = BTreeMap::from([(3, "current".to_owned()), (2, "previous".to_owned())]);
        let kept = |keep| {
            old_beyond(&[1, 2, 3, 4], Some(3), &needed, keep)
                .kept
                .into_iter()
                .map(|(number, why)| format!("{number} {why}"))
                .collect::<Vec<_>>()
        };
        let always = ["2 previous", "3 current", "4 newer than the current one"];
        assert_eq!(kept(0), always);
        assert_eq!(kept(1)[0], "1 old, and not more than are to be kept");
        assert_eq!(kept(1)[1..], always);
    }
}
