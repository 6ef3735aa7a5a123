//! `assign` and `rollback`: one transaction over the gateways, told as it goes.

mod due;
mod ended;
mod generation;
pub mod held;
pub mod pins;
mod rollback;
mod staging;
mod told;
mod transaction;
mod unfinished;
mod unstaging;
pub(in crate::cli) mod watch;

use super::exit::FailureKind;
use super::options::{Lineage, lineage, moment, slug};
use super::output::{Failure, Outcome};
use super::{Context, expectation, stored};
use crate::assign::AssignPlan;
use crate::assign::targets::Run;
use crate::cli::not_taken::NotTaken;
use crate::deployment::{Certificate, Deployment};
use crate::explain::{Explain, Explanation};
use crate::findings::Code;
use crate::names::Slug;
use crate::store::{IntentKind, Lease, RequestState, Store, StoreError};
use crate::verify::Override;
use clap::{Args, ValueEnum};
pub use rollback::rollback;
use serde_json::json;
use time::OffsetDateTime;
use transaction::Task;

/// `assign`.
#[derive(Debug, Args)]
pub struct AssignArgs {
    /// The certificate, perhaps with a generation [default: the only one, its newest generation]
    #[arg(value_name = "CERT[/N]", value_parser = lineage)]
    certificate: Option<Lineage>,
    /// Only this gateway (repeatable) [default: all that serve the certificate]
    #[arg(long, value_name = "NAME", value_parser = slug)]
    gateway: Vec<Slug>,
    /// Stage it: become current at this time, by `assign --due`
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    effective_date: Option<OffsetDateTime>,
    /// Take away what is staged; what is live stays
    #[arg(long, conflicts_with_all = ["effective_date", "gateway"])]
    unstage: bool,
    /// Activate every certificate whose staged time has come
    #[arg(long, conflicts_with_all = ["certificate", "effective_date", "unstage", "gateway"])]
    due: bool,
    /// Then end the connections that keep the certificate of before; the plan shows how
    #[arg(long, conflicts_with_all = ["effective_date", "unstage"])]
    end_sessions: bool,
    #[command(flatten)]
    how: How,
}

/// What becomes of connections that began with the certificate of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldSessions {
    /// They end by themselves.
    Leave,
    /// They are ended once the new certificate is proved.
    End,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The certificate [default: the only one]
    #[arg(value_name = "CERT", value_parser = whole_lineage)]
    certificate: Option<Slug>,
    #[command(flatten)]
    how: How,
}

/// A certificate without a generation: a rollback leads to the one before and to no other.
fn whole_lineage(text: &str) -> Result<Slug, NotTaken> {
    match lineage(text) {
        Ok(Lineage {
            generation: Some(_),
            ..
        }) => Err(NotTaken::wrong(
            "a rollback leads to the generation before",
            format!("`edgecert assign {text}` leads to this one"),
        )),
        Ok(whole) => Ok(whole.certificate),
        Err(_) => slug(text),
    }
}

/// What both take.
#[derive(Debug, Clone, Args)]
struct How {
    /// Show the plan and touch nothing
    #[arg(long)]
    dry_run: bool,
    /// Make the changes that the servers' configuration needs, which the plan shows; taken back on failure
    #[arg(long)]
    write_config: bool,
    /// What to do when a gateway cannot be proved
    #[arg(long, value_enum, value_name = "WHAT", default_value = "rollback")]
    on_failure: OnFailureWord,
    /// Let a finding through knowingly (repeatable); needs --reason
    #[arg(long, value_name = "CODE", value_parser = expectation::code, requires = "reason")]
    accept: Vec<Code>,
    /// Why; it is journalled
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// What whoever staged the generation let through knowingly.
    #[arg(skip)]
    staged: Vec<Override>,
    /// Whether this is the end of a renewal.
    #[arg(skip)]
    renewing: bool,
}

impl How {
    /// What is let through knowingly: by this command, and by the staging that it carries out.
    fn overrides(&self) -> impl Iterator<Item = Override> {
        let now = self.accept.iter().map(|code| Override {
            code: *code,
            reason: self.reason.clone().unwrap_or_default(),
        });
        now.chain(self.staged.iter().cloned())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OnFailureWord {
    /// Put everything back
    Rollback,
    /// Leave it as it stands
    Keep,
}

impl AssignArgs {
    fn held(&self) -> HeldSessions {
        match self.end_sessions {
            true => HeldSessions::End,
            false => HeldSessions::Leave,
        }
    }
}

/// What an assignment of a generation would be, without judging it: for `rekey`, which asks it for listeners and for
/// what ends connections. Effects: reads the servers' configurations.
pub fn plan_of(
    context: &Context,
    deployment: &Deployment,
    store: &Store,
    certificate: &Certificate,
    number: u32,
) -> Result<AssignPlan, Failure> {
    let task = Task {
        deployment,
        store,
        certificate,
        number,
        kind: IntentKind::Assign,
        again: false,
        held: HeldSessions::Leave,
        run: Run::First,
    };
    let chain = stored::chain(store, &certificate.name, number)?;
    let record = store
        .assignment(&certificate.name)
        .map_err(|error| failed(&error))?;
    let how = newest_of(&certificate.name, true, false).how;
    let live = store
        .live(&certificate.name)
        .map_err(|error| failed(&error))?;
    task.plan(context, &chain, &[], (live, &record), &how)
}

/// Runs `assign`.
pub fn run(args: AssignArgs, context: &mut Context) -> Result<Outcome, Failure> {
    if let Some(effective) = args.effective_date {
        staging::insist_that_it_is_to_come(effective, context.now)?;
        staging::insist_that_it_can_wait(&args.how)?;
    }
    let deployment = context.deployment()?;
    if args.due && !context.has_state(Some(&deployment)) {
        // A timer may run before the first request.
        return Ok(Outcome::show("nothing is due\n", json!({ "assigned": [] })));
    }
    let (store, mut lease, mut outcome) =
        begin(context, &deployment, "edgecert assign", &args.how)?;
    if args.due {
        return due::assign_due(context, &deployment, &store, lease.as_mut(), &args, outcome);
    }
    let name = args
        .certificate
        .as_ref()
        .map(|lineage| &lineage.certificate);
    let certificate = context.certificate(&deployment, name)?;
    let named = args
        .certificate
        .as_ref()
        .and_then(|lineage| lineage.generation);
    if args.unstage {
        if let Some(number) = named {
            known(&store, certificate, number)?;
        }
        let name = &certificate.name;
        return unstaging::unstage(&store, lease.as_mut(), name, named, &args.how, outcome);
    }
    let number = match named {
        Some(number) => {
            known(&store, certificate, number)?;
            number
        }
        None => newest(&store, certificate)?,
    };
    let task = Task {
        deployment: &deployment,
        store: &store,
        certificate,
        number,
        kind: IntentKind::Assign,
        again: false,
        held: args.held(),
        run: Run::First,
    };
    if args
        .effective_date
        .is_some_and(|effective| effective <= context.now)
    {
        context.note("that moment is now: it is assigned at once\n");
    }
    if let Some(effective) = args
        .effective_date
        .filter(|effective| *effective > context.now)
    {
        let (staged, nothing_new) = staging::stage(
            context,
            &task,
            lease.as_mut(),
            (effective, &args.gateway),
            &args.how,
            outcome,
        )?;
        return Ok(match nothing_new {
            staging::IsLive::Already => and_what_waits(&store, certificate, staged),
            staging::IsLive::NotYet => staged,
        });
    }
    outcome = task.carry_out(context, lease.as_mut(), &args.gateway, &args.how, outcome)?;
    Ok(match !outcome.changed && outcome.next.is_none() {
        true => and_what_waits(&store, certificate, outcome),
        false => outcome,
    })
}

/// Nothing was done: whoever expected something else may have a reply to import.
fn and_what_waits(store: &Store, certificate: &Certificate, outcome: Outcome) -> Outcome {
    match waiting(store, certificate) {
        Some(id) => outcome.with_next(format!(
            "edgecert import REPLY, as request {id} waits for its reply"
        )),
        None => outcome,
    }
}

/// Assigns the newest generation of a certificate to all its gateways, as `assign CERT` does: for `renew`.
pub fn assign_newest(
    context: &mut Context,
    certificate: &Slug,
    held: HeldSessions,
) -> Result<Outcome, Failure> {
    let args = AssignArgs {
        end_sessions: held == HeldSessions::End,
        ..newest_of(certificate, false, true)
    };
    run(args, context)
}

/// Assigns one generation of a certificate to these gateways, or all where none is named, as `assign CERT/N` does: for
/// `renew`.
pub fn assign_generation(
    context: &mut Context,
    (certificate, generation): (&Slug, u32),
    gateways: &[Slug],
    held: HeldSessions,
) -> Result<Outcome, Failure> {
    let args = AssignArgs {
        certificate: Some(Lineage {
            certificate: certificate.clone(),
            generation: Some(generation),
        }),
        gateway: gateways.to_vec(),
        end_sessions: held == HeldSessions::End,
        ..newest_of(certificate, false, true)
    };
    run(args, context)
}

/// Assigns what is staged of one certificate and due, as `assign --due` does for all: for `renew`. `None`: nothing is
/// any more, as another run was first.
pub fn assign_staged(
    context: &mut Context,
    certificate: &Slug,
) -> Result<Option<Outcome>, Failure> {
    let args = AssignArgs {
        due: true,
        ..newest_of(certificate, false, true)
    };
    let mut outcome = run(args, context)?;
    let own = outcome.result.pointer_mut("/assigned/0/result");
    let own = own.map(serde_json::Value::take);
    Ok(own.map(|result| Outcome { result, ..outcome }))
}

/// `assign CERT`, or with `--dry-run`: for the wizard.
pub fn assign_one(
    context: &mut Context,
    certificate: &Slug,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    run(newest_of(certificate, dry_run, false), context)
}

fn newest_of(certificate: &Slug, dry_run: bool, renewing: bool) -> AssignArgs {
    AssignArgs {
        certificate: Some(Lineage {
            certificate: certificate.clone(),
            generation: None,
        }),
        gateway: Vec::new(),
        effective_date: None,
        unstage: false,
        due: false,
        end_sessions: false,
        how: How {
            dry_run,
            write_config: false,
            on_failure: OnFailureWord::Rollback,
            accept: Vec::new(),
            reason: None,
            staged: Vec::new(),
            renewing,
        },
    }
}

/// Opens the state and, where anything is to be done, takes its lease; what a killed command had begun is finished
/// first, or told where nothing is to be done.
fn begin(
    context: &mut Context,
    deployment: &Deployment,
    command: &str,
    how: &How,
) -> Result<(Store, Option<Lease>, Outcome), Failure> {
    let store =
        Store::open(&context.state_directory(Some(deployment))).map_err(|error| failed(&error))?;
    let mut outcome = Outcome::default();
    if how.dry_run {
        tell_unfinished(context, &store);
        return Ok((store, None, outcome));
    }
    let mut lease = context.lease(&store, Some(deployment), command)?;
    unfinished::finish_unfinished(context, deployment, &mut lease, how, &mut outcome)?;
    Ok((store, Some(lease), outcome))
}

/// A generation that was named and does not exist is wrong usage, as a certificate is.
fn known(store: &Store, certificate: &Certificate, number: u32) -> Result<(), Failure> {
    store
        .generation(&certificate.name, number)
        .map(|_| ())
        .map_err(|error| {
            if !matches!(error, StoreError::NoSuchGeneration { .. }) {
                return failed(&error);
            }
            let told = error.explain();
            let mend = match waiting(store, certificate) {
                Some(id) => format!(
                    "request {id} waits for its reply: `edgecert import REPLY` makes a generation of it"
                ),
                None => told.mend,
            };
            Failure::new(FailureKind::Usage, Explanation { mend, ..told })
        })
}

/// The newest request of a certificate that waits for its reply.
fn waiting(store: &Store, certificate: &Certificate) -> Option<String> {
    let requests = store.requests(Some(&certificate.name)).ok()?;
    requests
        .into_iter()
        .rfind(|one| one.state == RequestState::Pending)
        .map(|one| one.id)
}

fn newest(store: &Store, certificate: &Certificate) -> Result<u32, Failure> {
    let generations = store
        .generations(&certificate.name)
        .map_err(|error| failed(&error))?;
    generations.iter().map(|record| record.number).max().ok_or_else(|| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "assign.no-generation",
                what: format!("{} has no generation to assign", certificate.name),
                place: store.folder().display().to_string(),
                why: "no reply was imported yet".into(),
                mend: "`edgecert import FILE` takes the CA's reply in; `edgecert request` makes the request first".into(),
            },
        )
    })
}

/// A rehearsal does not finish what a killed command began, and what it finds may be half of that.
fn tell_unfinished(context: &Context, store: &Store) {
    for intent in store.intents().unwrap_or_default() {
        context.note(&format!(
            "a command that was killed had begun to assign {}/{}; what is found below may come from that, and `edgecert assign` finishes it first\n",
            intent.certificate, intent.to
        ));
    }
}

fn failed(error: &dyn Explain) -> Failure {
    Failure::from_error(FailureKind::Failed, error)
}

fn refused(error: &dyn Explain) -> Failure {
    Failure::from_error(FailureKind::Refused, error)
}
