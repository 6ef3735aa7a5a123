//! `remove`: whole lineages, with their consequences shown first.

use super::Context;
use super::exit::FailureKind;
use super::list::resolve;
use super::options::slug;
use super::output::{Failure, Outcome};
use super::render::{self, count};
use super::wizard::{Said, one_line};
use crate::deployment::Deployment;
use crate::explain::{Explain, Explanation, os_words, printable};
use crate::names::Slug;
use crate::store::{RequestState, Store, StoreError};
use clap::Args;
use serde_json::json;
use time::OffsetDateTime;

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
        confirm(context, &shown, &args)?;
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

fn confirm(
    context: &Context,
    consequences: &Consequences,
    args: &RemoveArgs,
) -> Result<(), Failure> {
    if !context.can_ask() {
        // What was said already has to be said again.
        let force = if args.force { " --force" } else { "" };
        return Err(Failure::usage(
            format!("{} is not removed without a yes", consequences.name),
            "there is no terminal to ask on",
            format!(
                "look with `edgecert remove {0} --dry-run`, then `edgecert remove {0}{force} --yes`",
                consequences.name
            ),
        ));
    }
    render::write_err(&consequences.describe());
    let name = consequences.name.as_str();
    // Its name and no letter: keys cannot be brought back, and a hand slips.
    let question = format!("to remove it, type its name ({name}): ");
    let refused = |kind, why: &str| Err(not_removed(kind, consequences, why));
    match one_line(&question) {
        Ok(Said::Line(line)) if line == name => Ok(()),
        Ok(Said::Line(line)) if line.is_empty() => {
            refused(FailureKind::Refused, "its name was not typed")
        }
        Ok(Said::Line(line)) => {
            let why = format!("\"{}\" was typed, which is not its name", printable(&line));
            refused(FailureKind::Refused, &why)
        }
        Ok(Said::TooLong) => refused(FailureKind::Refused, "what was typed is not its name"),
        Ok(Said::Ended) => refused(FailureKind::Interrupted, "interrupted"),
        Err(error) => refused(FailureKind::Failed, &os_words(&error)),
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

pub(super) fn open(context: &Context, deployment: Option<&Deployment>) -> Result<Store, Failure> {
    Store::open(&context.state_directory(deployment)).map_err(failed)
}

pub(super) fn failed(error: StoreError) -> Failure {
    let kind = FailureKind::Failed;
    Failure::new(kind, error.explain())
}
