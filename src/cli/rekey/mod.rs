//! `rekey`: another key at once. For a compromised one, everything that has to be done: it is barred here, replaced, and
//! told where else it stands (TLSA, POSH, the CA, connections that began with it).

mod marks;
mod told;

use super::Context;
use super::assign::HeldSessions;
use super::context::MAX_TOLD;
use super::exit::FailureKind;
use super::options::{Lineage, lineage};
use super::output::{Failure, Outcome};
use super::renew::due::{Standing, standing, standings};
use super::renew::{Done, Imported, Purpose, with_new_key};
use super::request::open_if_there;
use crate::deployment::Deployment;
use crate::explain::{Explanation, listed};
use crate::names::Slug;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use marks::{Marks, Proof};
use std::path::PathBuf;
use told::Told;

/// `rekey`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert rekey                   the next request, with a new key whatever the
                                   deployment says
  edgecert rekey external-edge --compromised --reason \"laptop stolen\"
  edgecert rekey external-edge/4 --compromised --reason \"laptop stolen\" --dry-run
  edgecert assign --end-sessions   then, once the reply is imported

--compromised bars the key first: no generation that has it is served again, by
no command, and no request takes it again. Then it makes the request, and sends
it where the issuer has a `submit` program. Last it tells what nobody can do from
here: what to tell the CA, and which TLSA records and POSH files to change.

Exit code 4: the old certificate must not come back, and the new one is not
proved everywhere. Barring a key is not taken back by any failure.")]
pub struct RekeyArgs {
    /// The certificate; with --compromised perhaps the generation that has the key
    /// [default: the only one, its live generation]
    #[arg(value_name = "CERT[/N]", value_parser = lineage)]
    certificate: Option<Lineage>,
    /// The key is known to others: bar it for ever; needs --reason
    #[arg(long, requires = "reason")]
    compromised: bool,
    /// Why; it is journalled
    #[arg(long, value_name = "TEXT", requires = "compromised", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Write a CSR that the compromised key signs: it proves to a CA that you hold that key
    #[arg(long, value_name = "FILE", requires = "compromised")]
    proof: Option<PathBuf>,
    /// Where this run assigns (the issuer has a `submit` program), end the connections from before
    #[arg(long)]
    end_sessions: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs `rekey`.
pub fn run(args: RekeyArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let deployment = deployment.as_ref();
    let named = args.certificate.as_ref();
    let number = named.and_then(|one| one.generation);
    if let (Some(number), false) = (number, args.compromised) {
        return Err(Failure::usage(
            format!("generation {number} is named, and no key is compromised"),
            "a new key is that of the next request, whatever generation there is",
            "leave the number out; or give --compromised, if its key is known to others",
        ));
    }
    if named.is_none() && args.compromised && !context.can_ask() {
        return Err(Failure::usage(
            "which key is compromised is not said",
            "a bar is for ever, and nobody is here to see which certificate is meant",
            "name it: `edgecert rekey CERT --compromised --reason TEXT`",
        ));
    }
    let before = only_one(context, deployment, named.map(|one| &one.certificate))?;
    let name = before.certificate.clone();
    let marks = match args.compromised {
        true => Some(Marks::find(context, deployment, &name, number)?),
        false => None,
    };
    let proof = match (&marks, &args.proof) {
        (Some(marks), Some(path)) => Some(Proof::make(deployment, marks, path)?),
        (_, _) => None,
    };
    let mut told = Told::new(&name, marks, args.reason.as_deref(), args.dry_run);
    if !args.dry_run {
        let reason = args.reason.as_deref().unwrap_or_default();
        let barred = match told.marks.as_mut() {
            Some(marks) => marks.bar(context, deployment, reason),
            None => Ok(()),
        };
        let written = barred.and_then(|()| proof.as_ref().map_or(Ok(()), Proof::write));
        written.map_err(|failure| told.failed(context, deployment, failure))?;
    }
    told.proof = proof.map(|one| one.path);
    let held = match args.end_sessions {
        true => HeldSessions::End,
        false => HeldSessions::Leave,
    };
    match replace(context, deployment, &told, held) {
        Ok(done) => Ok(told.done(context, deployment, done, held)),
        Err(failure) => Err(told.failed(context, deployment, failure)),
    }
}

/// The next request, or where another key was imported already, its assignment.
fn replace(
    context: &mut Context,
    deployment: Option<&Deployment>,
    told: &Told,
    held: HeldSessions,
) -> Result<Done, Failure> {
    let store = open_if_there(context, deployment)?;
    let mut now = standing(context, deployment, store.as_ref(), told.name.clone())?;
    let imported = match &told.marks {
        Some(marks) => {
            // A dry run has marked nothing.
            now.newer = now.newer.filter(|number| !marks.has(&told.name, *number));
            Imported::Take
        }
        None => Imported::Leave,
    };
    with_new_key(
        context,
        deployment,
        &now,
        Purpose::NewKey(imported, held),
        told.dry_run,
    )
}

fn only_one(
    context: &Context,
    deployment: Option<&Deployment>,
    name: Option<&Slug>,
) -> Result<Standing, Failure> {
    let mut all = standings(context, deployment, name)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (last, _) => {
            let names: Vec<&str> = all
                .iter()
                .chain(&last)
                .map(|one| one.certificate.as_str())
                .collect();
            Err(Failure::usage(
                "which certificate is meant is not clear",
                format!("there are {}", listed(&names, MAX_TOLD)),
                "name one of them",
            ))
        }
    }
}

fn no_generation(name: &Slug) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "rekey.no-generation",
            what: format!("{name} has no key that could be barred"),
            place: name.to_string(),
            why: "no generation of it was imported yet".into(),
            mend: format!(
                "for the key of a request that waits, `edgecert request cancel ID`; then `edgecert request {name}`"
            ),
        },
    )
}
