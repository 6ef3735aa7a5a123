//! `partner apply`: what the servers' configurations need for the partners, shown; with `--write-config` written,
//! checked, loaded, or put back.

use crate::assign::AssignError;
use crate::assign::federate::{Federating, FederatingServer, Files, Kept, NotKept, federating};
use crate::assign::targets::Stop;
use crate::cli::Context;
use crate::cli::assign::watch::Watch;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::{count, difference};
use crate::cli::request::open_if_there;
use crate::deployment::{Deployment, Gateway};
use crate::explain::{DiffLine, Explain, Explanation, diff, nearest, printable};
use crate::servers::federation::{Limit, Rewritten};
use crate::store::Lease;
use clap::Args;
use serde_json::{Map, Value, json};

/// Below the help of the command.
pub const HELP: &str = "\
Examples:
  edgecert partner apply                        what would change, and what no server can express
  edgecert partner apply --gateway chat --json
  edgecert partner apply --write-config         written, checked by the server, loaded, or put back

One file beside the server's configuration holds the partners, and one line includes it. Open streams
live on, by the rules that they began with.";

/// `partner apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Only this gateway, as NAME or KIND/NAME (repeatable) [default: all]
    #[arg(long, value_name = "NAME")]
    gateway: Vec<String>,
    /// Write it, have the server check and load it, and put everything back on failure
    #[arg(long)]
    write_config: bool,
}

/// A gateway and what it does about the partners.
struct Planned<'a> {
    gateway: &'a Gateway,
    does: Federating,
}

/// Runs the command.
pub fn run(args: ApplyArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let mut deployment = context.deployment()?;
    let mut lease = None;
    if args.write_config
        && let Some(store) = open_if_there(context, Some(&deployment))?
    {
        lease = Some(context.lease(&store, Some(&deployment), "edgecert partner apply")?);
        // Whoever had the lock may have changed the partners: planned is what stands there now.
        deployment = context.deployment()?;
    }
    refuse_what_cannot_work(&deployment)?;
    let chosen = chosen(&deployment, &args.gateway)?;
    let planned = chosen
        .into_iter()
        .map(|gateway| {
            let does = federating(gateway, &deployment.partners)?;
            Ok(Planned { gateway, does })
        })
        .collect::<Result<Vec<_>, AssignError>>()
        .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
    let due: Vec<&FederatingServer> = planned
        .iter()
        .filter_map(|one| match &one.does {
            Federating::Server(server) if server.is_due() => Some(server.as_ref()),
            Federating::Server(_)
            | Federating::Front(_)
            | Federating::Embedded
            | Federating::Aside => None,
        })
        .collect();
    let text: String = planned.iter().map(describe).collect();
    if !args.write_config || due.is_empty() {
        return Ok(shown(text, &planned, due.len()));
    }
    context.say(text.trim_end());
    let watch = Watch::begin(context.draws());
    let stop = || watch.interrupted();
    let written = write(&due, &stop);
    let journalled = lease.as_mut().map_or(Ok(()), |lease| {
        let failure = written.as_ref().err().map(Box::as_ref);
        journal(lease, &planned, &deployment, failure)
    });
    if let Err(error) = journalled {
        context.note(&format!("the journal has no line of it: {error}\n"));
    }
    let kept = written.map_err(|failure| failed(&failure, &planned))?;
    Ok(done(&planned, &due, &kept))
}

/// Settings that a hand wrote into the file may be such as no command saves.
fn refuse_what_cannot_work(deployment: &Deployment) -> Result<(), Failure> {
    for partner in &deployment.partners {
        super::insist_on_a_method(partner.negotiation).map_err(|mut failure| {
            failure.explanation.place =
                format!("{}, partner {}", deployment.file.display(), partner.domain);
            failure
        })?;
    }
    Ok(())
}

/// The gateways that were named, or all.
fn chosen<'a>(deployment: &'a Deployment, words: &[String]) -> Result<Vec<&'a Gateway>, Failure> {
    let is = |gateway: &Gateway, word: &str| {
        let name = gateway.name.as_str();
        word == name || word == format!("{}/{name}", gateway.kind.word())
    };
    for word in words {
        if !deployment.gateways.iter().any(|gateway| is(gateway, word)) {
            let known: Vec<&str> = deployment
                .gateways
                .iter()
                .map(|gateway| gateway.name.as_str())
                .collect();
            let near = nearest(word, known.iter().copied());
            return Err(Failure::usage(
                format!("there is no gateway \"{}\"", printable(word)),
                format!("the deployment has {}", crate::explain::listed(&known, 8)),
                near.map_or_else(
                    || "name one of them, as NAME or KIND/NAME".to_owned(),
                    |near| format!("did you mean {near}?"),
                ),
            ));
        }
    }
    Ok(deployment
        .gateways
        .iter()
        .filter(|gateway| words.is_empty() || words.iter().any(|word| is(gateway, word)))
        .collect())
}

/// One after the other; when one fails, those before it go back as well.
fn write(due: &[&FederatingServer], stop: Stop<'_>) -> Result<Vec<Kept>, Box<NotKept>> {
    let mut kept = Vec::new();
    for (number, server) in due.iter().enumerate() {
        match server.apply(stop) {
            Ok(one) => kept.push(one),
            Err(mut failure) => {
                for before in due.iter().take(number).rev() {
                    match (before.undo(), &failure.files) {
                        (Err(astray), _) => failure.files = Files::Astray(astray),
                        (Ok(()), Files::Untouched) => failure.files = Files::PutBack,
                        (Ok(()), Files::PutBack | Files::Astray(_)) => {}
                    }
                }
                return Err(failure);
            }
        }
    }
    Ok(kept)
}

fn failed(failure: &NotKept, planned: &[Planned<'_>]) -> Failure {
    let told = failure.error.explain();
    let interrupted = failure.error.is_interrupted();
    let (kind, stands) = match (&failure.files, interrupted) {
        (Files::Untouched, false) => (FailureKind::Refused, "nothing was written"),
        (Files::PutBack, false) => (
            FailureKind::Failed,
            "every file is as it was, and the servers have loaded that again",
        ),
        (Files::Untouched | Files::PutBack, true) => {
            (FailureKind::Interrupted, "every file is as it was")
        }
        (Files::Astray(_), _) => (
            FailureKind::Dirty,
            "not everything could be put back; look at the servers",
        ),
    };
    let astray = match &failure.files {
        Files::Astray(error) => {
            let told = error.explain();
            format!("\n{}: {} ({})", told.what, told.why, told.place)
        }
        Files::Untouched | Files::PutBack => String::new(),
    };
    let mut all = Failure::new(
        kind,
        Explanation {
            why: format!("{}\n{stands}{astray}", told.why),
            ..told
        },
    );
    all.changed = kind == FailureKind::Dirty;
    all.result = result(planned, Written::No);
    all
}

/// What was done, or what was tried: not where nothing was touched.
fn journal(
    lease: &mut Lease,
    planned: &[Planned<'_>],
    deployment: &Deployment,
    failure: Option<&NotKept>,
) -> Result<(), crate::store::StoreError> {
    let mut detail = Map::new();
    let action = match failure.map(|failure| (&failure.error, &failure.files)) {
        None => "partner-apply",
        Some((_, Files::Untouched)) => return Ok(()),
        Some((error, Files::PutBack)) => {
            detail.insert("why".to_owned(), json!(printable(&error.to_string())));
            detail.insert("files".to_owned(), json!("put-back"));
            "partner-apply-failed"
        }
        Some((error, Files::Astray(astray))) => {
            detail.insert("why".to_owned(), json!(printable(&error.to_string())));
            detail.insert("files".to_owned(), json!("astray"));
            let told = astray.explain();
            let place = format!("{}: {}", told.place, told.why);
            detail.insert("astray".to_owned(), json!(printable(&place)));
            "partner-apply-failed"
        }
    };
    let gateways: Vec<&str> = planned
        .iter()
        .filter(|one| matches!(&one.does, Federating::Server(server) if server.is_planned()))
        .map(|one| one.gateway.name.as_str())
        .collect();
    let partners: Vec<&str> = deployment
        .partners
        .iter()
        .map(|partner| partner.domain.as_str())
        .collect();
    detail.insert("gateways".to_owned(), json!(gateways));
    detail.insert("partners".to_owned(), json!(partners));
    lease.journal(action, None, detail).map(drop)
}

fn describe(one: &Planned<'_>) -> String {
    let name = format!("{} {}", one.gateway.kind.word(), one.gateway.name);
    match &one.does {
        Federating::Server(server) => {
            let planned = server.planned();
            let mut text = match (planned.files.len(), server.is_due()) {
                (0, false) => format!("{name}: nothing to do\n"),
                (0, true) => format!(
                    "{name}: a command that was killed wrote it; it is still to be loaded\n"
                ),
                (number, _) => format!("{name}: {} to write\n", count(number, "file")),
            };
            for file in &planned.files {
                text.push_str(&format!(
                    "  {}: {}\n",
                    printable(&file.file.display().to_string()),
                    printable(&file.why)
                ));
                let before = file.before.as_deref().unwrap_or_default();
                text.push_str(&difference(before, &file.after));
            }
            if server.is_due() {
                text.push_str(&format!("  then {}\n", printable(&server.reload_words())));
            }
            text + &limits(&planned.limits)
        }
        Federating::Front(list) => format!("{name}: nothing to write\n{}", limits(list)),
        Federating::Embedded => {
            format!(
                "{name}: keeps the partners of edgecert.toml by itself, from its next start on\n"
            )
        }
        Federating::Aside => format!("{name}: does not federate over XMPP\n"),
    }
}

fn limits(limits: &[Limit]) -> String {
    if limits.is_empty() {
        return String::new();
    }
    let mut text = "  it cannot express:\n".to_owned();
    for limit in limits {
        text.push_str(&format!(
            "    {:<8} {}\n",
            limit.distance.word(),
            printable_all(&limit.to_string())
        ));
    }
    text
}

/// Longer than what `printable` keeps, and our own words but for names.
fn printable_all(text: &str) -> String {
    text.chars()
        .map(|c| {
            if crate::explain::is_harmful(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Whether it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Yes,
    No,
}

fn shown(text: String, planned: &[Planned<'_>], due: usize) -> Outcome {
    let next = match due {
        0 => None,
        _ => Some("edgecert partner apply --write-config".to_owned()),
    };
    Outcome {
        text,
        result: result(planned, Written::No),
        next,
        ..Outcome::default()
    }
}

fn done(planned: &[Planned<'_>], due: &[&FederatingServer], kept: &[Kept]) -> Outcome {
    let mut text = String::new();
    for (server, kept) in due.iter().zip(kept) {
        let said = match kept {
            Kept::Now => "written and loaded; open streams live on as they began",
            Kept::AtNextStart => "written; it counts when the server is started next",
        };
        text.push_str(&format!("ok  {}: {said}\n", server.gateway()));
    }
    Outcome {
        text,
        changed: true,
        result: result(planned, Written::Yes),
        ..Outcome::default()
    }
}

fn result(planned: &[Planned<'_>], written: Written) -> Value {
    let gateways: Vec<Value> = planned
        .iter()
        .map(|one| {
            let (does, files, list, reload) = match &one.does {
                Federating::Server(server) => (
                    "server",
                    server.planned().files.iter().map(file_json).collect(),
                    server.planned().limits.as_slice(),
                    Some(server.reload_words()),
                ),
                Federating::Front(limits) => ("front", Vec::new(), limits.as_slice(), None),
                Federating::Embedded => ("embedded", Vec::new(), [].as_slice(), None),
                Federating::Aside => ("aside", Vec::new(), [].as_slice(), None),
            };
            json!({
                "gateway": one.gateway.name.as_str(),
                "kind": one.gateway.kind.word(),
                "does": does,
                "files": files,
                "reload": reload,
                "limits": list.iter().map(|limit| json!({
                    "distance": limit.distance.word(),
                    "whom": limit.whom,
                    "what": limit.what,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({"written": written == Written::Yes, "gateways": gateways})
}

fn file_json(file: &Rewritten) -> Value {
    let before = file.before.as_deref().unwrap_or_default();
    let lines: Vec<String> = diff(before, &file.after)
        .iter()
        .map(DiffLine::words)
        .collect();
    json!({
        "file": file.file.display().to_string(),
        "new": file.before.is_none(),
        "why": file.why,
        "diff": lines,
    })
}
