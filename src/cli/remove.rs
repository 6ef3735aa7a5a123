//! `prune` and `remove`: old generations, and whole lineages with their consequences shown first.
//!
//! What is live, current, previous, staged, last proved on a gateway, or in an unfinished assignment is never pruned,
//! nor is a generation newer than the current one: it was imported to be assigned.

use super::Context;
use super::exit::FailureKind;
use super::list::resolve;
use super::options::slug;
use super::output::{Failure, Outcome};
use super::render::{self, count};
use crate::deployment::Deployment;
use crate::explain::{Explain, Explanation, printable};
use crate::names::Slug;
use crate::store::{AssignmentRecord, Lease, RequestState, Store, StoreError};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use time::OffsetDateTime;

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

/// `remove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert remove old-edge --dry-run
  edgecert remove old-edge --yes

The deployment file is not changed: take [certificate.CERT] out of it yourself.")]
pub struct RemoveArgs {
    /// The certificate
    #[arg(value_name = "CERT", value_parser = slug)]
    certificate: Slug,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Even where a gateway of the deployment still serves it
    #[arg(long)]
    force: bool,
    /// Show the consequences and touch nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs `prune`.
pub fn prune(args: PruneArgs, context: &Context) -> Result<Outcome, Failure> {
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
            text.push_str(&format!(
                "{name}: {verb} generation{plural} {} with the private key{plural}\n",
                numbers.join(", ")
            ));
        }
        if !kept.is_empty() {
            let told: Vec<String> = kept
                .iter()
                .map(|(number, why)| format!("{number} ({why})"))
                .collect();
            stay.push_str(&format!("{name}: kept {}\n", told.join(", ")));
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

/// Of numbers (ascending), those go that are older than the current one (the newest where none is current), needed by
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

/// What goes with a lineage.
#[derive(Debug)]
struct Consequences {
    name: Slug,
    generations: Vec<u32>,
    /// Those that have not ended.
    valid: Vec<u32>,
    pending: Vec<String>,
    answered: usize,
    /// Gateways that were last proved to serve it, with the generation.
    gateways: Vec<(String, u32)>,
    /// Whether a key was made ahead of the next request.
    next_key: bool,
    /// Gateways of the deployment among them: what must be ended first.
    bound: Vec<String>,
    in_deployment: bool,
}

impl Consequences {
    fn read(
        store: &Store,
        deployment: Option<&Deployment>,
        name: Slug,
        now: OffsetDateTime,
    ) -> Result<Self, StoreError> {
        let generations = store.generations(&name)?;
        let requests = store.requests(Some(&name))?;
        let next_key = store.next_key(&name)?.is_some();
        let gateways: Vec<(String, u32)> = store
            .assignment(&name)?
            .gateways
            .into_iter()
            .map(|(gateway, proved)| (gateway, proved.generation))
            .collect();
        let of_deployment: Vec<&str> = deployment
            .map(|deployment| {
                deployment
                    .gateways_of(&name)
                    .iter()
                    .map(|gateway| gateway.name.as_str())
                    .collect()
            })
            .unwrap_or_default();
        Ok(Self {
            generations: generations
                .iter()
                .map(|generation| generation.number)
                .collect(),
            valid: generations
                .iter()
                .filter(|generation| generation.leaf.not_after >= now)
                .map(|generation| generation.number)
                .collect(),
            pending: requests
                .iter()
                .filter(|request| request.state == RequestState::Pending)
                .map(|request| request.id.clone())
                .collect(),
            answered: requests
                .iter()
                .filter(|request| request.state == RequestState::Answered)
                .count(),
            next_key,
            bound: gateways
                .iter()
                .map(|(gateway, _)| gateway.clone())
                .filter(|gateway| of_deployment.contains(&gateway.as_str()))
                .collect(),
            gateways,
            in_deployment: deployment
                .is_some_and(|deployment| deployment.certificate(&name).is_some()),
            name,
        })
    }

    /// Each generation holds a key, each pending request, and there may be one that was made ahead.
    fn keys(&self) -> usize {
        self.generations.len() + self.pending.len() + usize::from(self.next_key)
    }

    fn describe(&self) -> String {
        let mut text = format!(
            "{}: everything about it goes, and cannot be brought back\n",
            self.name
        );
        text.push_str(&format!(
            "  {} ({} still valid) and {}; {} in all\n",
            count(self.generations.len(), "generation"),
            self.valid.len(),
            count(self.pending.len() + self.answered, "request"),
            count(self.keys(), "private key"),
        ));
        for id in &self.pending {
            text.push_str(&format!(
                "  request {} waits for its reply; without its key that reply will be of no use\n",
                printable(id)
            ));
        }
        if self.next_key {
            text.push_str("  the key that was made ahead for the next request goes as well\n");
        }
        for (gateway, generation) in &self.gateways {
            text.push_str(&format!(
                "  gateway {} serves generation {generation}, and goes on with its own copy\n",
                printable(gateway)
            ));
        }
        if self.in_deployment {
            text.push_str(&format!(
                "  [certificate.{}] stays in the deployment file\n",
                self.name
            ));
        }
        text
    }

    /// The consequences, and what stands in the way, for `--dry-run`: it refuses nothing.
    fn describe_dry_run(&self, force: bool) -> String {
        let mut text = self.describe();
        if !force && let Err(refused) = self.refuse_bound() {
            text.push_str(&format!(
                "  without --force it would be refused: {}\n",
                refused.explanation.what
            ));
        }
        text.push_str("nothing was removed\n");
        text
    }

    fn to_json(&self, dry_run: bool) -> serde_json::Value {
        json!({
            "certificate": self.name.as_str(),
            "generations": self.generations,
            "valid_generations": self.valid,
            "keys": self.keys(),
            "pending_requests": self.pending,
            "answered_requests": self.answered,
            "gateways": self
                .gateways
                .iter()
                .map(|(gateway, generation)| json!({"gateway": gateway, "generation": generation}))
                .collect::<Vec<_>>(),
            "in_deployment": self.in_deployment,
            "dry_run": dry_run,
        })
    }

    fn refuse_bound(&self) -> Result<(), Failure> {
        if self.bound.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "remove.assigned",
                what: format!("{} is still assigned to gateways of the deployment", self.name),
                place: self.bound.iter().map(|gateway| format!("gateway \"{gateway}\"")).collect::<Vec<_>>().join(", "),
                why: "without its generations it can be neither renewed nor rolled back there".into(),
                mend: "take it out of their `certificate` in the deployment file first; or, knowing this, --force".into(),
            },
        ))
    }
}

/// Runs `remove`.
pub fn run(args: RemoveArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let store = open(context, deployment.as_ref())?;
    let known = store.certificates().map_err(failed)?;
    if !known.contains(&args.certificate) {
        // Errs with the nearest name, unless the deployment alone knows it.
        resolve(deployment.as_ref(), Some(&store), Some(&args.certificate))?;
        return Ok(Outcome::show(
            format!(
                "the state holds nothing of {}: nothing to remove\n",
                args.certificate
            ),
            json!({"certificate": args.certificate.as_str(), "generations": [], "dry_run": args.dry_run}),
        ));
    }
    let look = |store: &Store| {
        Consequences::read(
            store,
            deployment.as_ref(),
            args.certificate.clone(),
            context.now,
        )
        .map_err(failed)
    };
    let shown = look(&store)?;
    if args.dry_run {
        let text = shown.describe_dry_run(args.force);
        return Ok(Outcome::show(text, shown.to_json(true)));
    }
    if !args.force {
        shown.refuse_bound()?;
    }
    if !args.yes {
        confirm(context, &shown)?;
    }
    let mut lease = context.lease(&store, deployment.as_ref(), "edgecert remove")?;
    // Looked at again: another command may have assigned it while the person thought.
    let consequences = look(&lease)?;
    if !args.force {
        consequences.refuse_bound()?;
    }
    lease
        .remove_certificate(&args.certificate)
        .map_err(|error| {
            if matches!(error, StoreError::Unfinished { .. }) {
                Failure::from_error(FailureKind::Refused, &error)
            } else {
                failed(error)
            }
        })?;
    let text = format!(
        "{}removed: {}\n",
        if args.yes {
            consequences.describe()
        } else {
            String::new()
        },
        consequences.name
    );
    Ok(Outcome::show(text, consequences.to_json(false)).changed())
}

fn confirm(context: &Context, consequences: &Consequences) -> Result<(), Failure> {
    if !context.can_ask() {
        return Err(Failure::usage(
            format!("{} is not removed without a yes", consequences.name),
            "there is no terminal to ask on",
            format!(
                "look with `edgecert remove {0} --dry-run`, then `edgecert remove {0} --yes`",
                consequences.name
            ),
        ));
    }
    render::write_err(&consequences.describe());
    let answer = dialoguer::Confirm::new()
        .with_prompt(format!("Remove {}?", consequences.name))
        .default(false)
        .interact();
    match answer {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_removed(
            FailureKind::Refused,
            consequences,
            "the answer was no",
        )),
        Err(dialoguer::Error::IO(error)) if error.kind() == std::io::ErrorKind::Interrupted => Err(
            not_removed(FailureKind::Interrupted, consequences, "interrupted"),
        ),
        Err(error) => Err(not_removed(
            FailureKind::Failed,
            consequences,
            &error.to_string(),
        )),
    }
}

fn not_removed(kind: FailureKind, consequences: &Consequences, why: &str) -> Failure {
    Failure::new(
        kind,
        Explanation {
            code: "remove.not-confirmed",
            what: format!("{} is not removed", consequences.name),
            place: String::new(),
            why: why.to_owned(),
            mend: "everything is as it was; --yes answers without being asked".into(),
        },
    )
}

fn open(context: &Context, deployment: Option<&Deployment>) -> Result<Store, Failure> {
    Store::open(&context.state_directory(deployment)).map_err(failed)
}

fn failed(error: StoreError) -> Failure {
    let kind = FailureKind::Failed;
    Failure::new(kind, error.explain())
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
