//! `renew` and `needs-renewal`: the next request from what the last one asked, and where the issuer has a program
//! for it, the whole renewal in one run.
//!
//! Nothing is doubled: a request that waits is sent again, and a generation that waits to be assigned is assigned.
//! One certificate that fails does not stop the others; the run ends with the worst failure.

mod changes;
pub mod due;
mod submit;
mod sum;
mod through;
mod told;

use super::Context;
use super::assign::{self, HeldSessions};
use super::context::MAX_TOLD;
use super::exit::Exit;
use super::output::{Failure, Outcome};
use super::render;
use super::request::flags::{self, NamesGiven};
use super::request::wanted::{Choices, KeyChoice, Wanted};
use super::request::{key, make};
use super::request::{open_if_there, store_failure};
use crate::deployment::{Deployment, Issuer};
use crate::explain::listed;
use crate::names::Slug;
use crate::request::RequestSummary;
use crate::store::{RequestRecord, RequestState, Store};
use changes::Changes;
use clap::Args;
use due::{Standing, Turn, standings};
use serde_json::json;
use std::collections::BTreeSet;
pub use sum::Done;
use sum::Sum;
use through::{Interrupts, interrupted_before, nothing_to_do};
use time::OffsetDateTime;
use told::{by_hand, not_waited_for, nothing_asked, tell_changes, waits_for_its_time, would_do};

/// `renew`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert renew                  the next request of the only certificate
  edgecert renew --due            for a timer: of every certificate that has less
                                  life left than its issuer's renew-at, no
                                  generation yet, a first one never assigned, or
                                  a staged one whose time was missed
  edgecert renew --due --dry-run  what that would do

The issuer's `submit` program gets the CSR on its standard input and a small
environment of its own (docs/workspace.md). While it runs, the request is
claimed: a second renew has nothing to do, and ends with 0.

Exit code 3: the renewal failed, and what is served is as it was. The request,
if one was made (\"changed\": true), waits and is sent again by the next run; the
journal tells of each failed attempt (submit-failed).")]
pub struct RenewArgs {
    /// The certificate [default: the only one]
    #[arg(value_name = "CERT")]
    certificate: Option<String>,
    /// Only what has less life left than its issuer's renew-at, no generation yet, a first one that was never assigned, or
    /// a staged one whose time was missed
    #[arg(long)]
    due: bool,
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// `needs-renewal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example, in a systemd unit:
  ExecCondition=edgecert needs-renewal
  ExecStart=edgecert renew --due")]
pub struct NeedsRenewalArgs {
    /// The certificate [default: any of them]
    #[arg(value_name = "CERT")]
    certificate: Option<String>,
}

/// Runs `needs-renewal`.
pub fn needs_renewal(args: NeedsRenewalArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let name = certificate_of(args.certificate.as_deref())?;
    let deployment = context.find_deployment()?;
    let all = standings(context, deployment.as_ref(), name.as_ref())?;
    let due = all.iter().any(Standing::is_due);
    let lines: Vec<String> = all
        .iter()
        .map(|one| {
            format!(
                "{} {}\n",
                if one.is_due() {
                    "due      "
                } else {
                    "not due  "
                },
                one.words()
            )
        })
        .collect();
    let result = json!({
        "due": due,
        "certificates": all.iter().map(Standing::json).collect::<Vec<_>>(),
    });
    Ok(
        Outcome::show(lines.concat(), result).with_exit(if due {
            Exit::Done
        } else {
            Exit::NotDue
        }),
    )
}

/// Runs `renew`.
pub fn run(args: RenewArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let name = certificate_of(args.certificate.as_deref())?;
    let deployment = context.find_deployment()?;
    let mut all = standings(context, deployment.as_ref(), name.as_ref())?;
    if args.due {
        all.retain(Standing::is_due);
        if all.is_empty() {
            return Ok(Outcome::show(
                "nothing is due\n",
                json!({ "certificates": [] }),
            ));
        }
    } else if all.len() > 1 {
        let names: Vec<&str> = all.iter().map(|one| one.certificate.as_str()).collect();
        return Err(Failure::usage(
            "which certificate is meant is not clear",
            format!("there are {}", listed(&names, MAX_TOLD)),
            "name one of them, or give --due",
        ));
    }
    let mut run = Run {
        deployment: deployment.as_ref(),
        due: args.due,
        dry_run: args.dry_run,
        purpose: Purpose::Renewal,
        interrupts: Interrupts::default(),
        sum: Sum::default(),
    };
    for standing in &all {
        if run.interrupts.caught() {
            let failure = interrupted_before(&standing.certificate);
            run.sum.fail(context, standing, failure, all.len());
            break;
        }
        match run.renew(context, standing) {
            Ok(done) => run.sum.add(context, standing, done),
            Err(failure) => run.sum.fail(context, standing, failure, all.len()),
        }
    }
    run.sum.end(context)
}

/// `renew CERT`, or with `--dry-run`: for the wizard.
pub fn renew_one(
    context: &mut Context,
    certificate: &Slug,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    let args = RenewArgs {
        certificate: Some(certificate.to_string()),
        due: false,
        dry_run,
    };
    run(args, context)
}

/// What a request is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next generation, with the key that the deployment says.
    Renewal,
    /// Another key, at once.
    NewKey(Imported, HeldSessions),
}

/// What becomes of a generation that was imported and not assigned yet, where another key is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It has another key, and is what is wanted.
    Take,
    /// It is left where it is.
    Leave,
}

/// The next request of a certificate with a new key, and where the issuer has a program the whole way: for `rekey`.
pub fn with_new_key(
    context: &mut Context,
    deployment: Option<&Deployment>,
    standing: &Standing,
    purpose: Purpose,
    dry_run: bool,
) -> Result<Done, Failure> {
    let run = Run {
        deployment,
        due: false,
        dry_run,
        purpose,
        interrupts: Interrupts::default(),
        sum: Sum::default(),
    };
    run.renew(context, standing)
}

/// One run over some certificates.
struct Run<'a> {
    deployment: Option<&'a Deployment>,
    due: bool,
    dry_run: bool,
    purpose: Purpose,
    interrupts: Interrupts,
    sum: Sum,
}

/// The request to be.
struct Next<'a> {
    wanted: &'a Wanted,
    asked: &'a RequestSummary,
    changes: &'a Changes,
}

impl Run<'_> {
    fn renew(&self, context: &mut Context, standing: &Standing) -> Result<Done, Failure> {
        let name = &standing.certificate;
        let store = open_if_there(context, self.deployment)?;
        let issuer = self.issuer(name);
        let program = issuer.and_then(|issuer| issuer.submit.as_deref());
        if let (Some(staged), Purpose::Renewal) = (standing.staged, self.purpose) {
            let (number, effective) = (staged.number, staged.effective);
            if staged.turn == Turn::Waits {
                return Ok(waits_for_its_time(context, name, number, effective));
            }
            // Its time has come, whoever was to see to it: what lies there goes first, and says what hinders it.
            if issuer.is_some() {
                return self.assign_overdue(context, name, number, effective);
            }
        }
        let leaves = matches!(self.purpose, Purpose::NewKey(Imported::Leave, _));
        // A first generation that was never assigned is no renewal; whoever asks for the next by name gets it.
        let waits = self.due || standing.generation.is_some();
        if let Some(number) = standing.newer.filter(|_| waits && !leaves) {
            let gateways = match (&store, self.purpose) {
                (Some(store), Purpose::Renewal) => {
                    not_waited_for(context, self.deployment, store, name, number)?
                }
                (Some(_) | None, Purpose::Renewal | Purpose::NewKey(..)) => Vec::new(),
            };
            return self.assign_waiting(context, (name, number), &gateways, program.is_some());
        }
        let requests = match &store {
            Some(store) => store
                .requests(Some(name))
                .map_err(|error| store_failure(&error))?,
            None => Vec::new(),
        };
        let wanted = self.wanted(name, requests.last())?;
        let asked = make::outline(&wanted)?;
        let pending = match &store {
            Some(store) => self.pending_of(store, name, &requests, &asked)?,
            None => None,
        };
        let changes = Changes::find(
            self.deployment,
            store.as_ref(),
            &wanted,
            &asked,
            requests.last(),
        )?;
        let changes = match self.purpose {
            Purpose::Renewal => changes,
            Purpose::NewKey(..) => changes.because("another key was asked for at once"),
        };
        if self.dry_run {
            let mut done = would_do(&wanted, &asked, pending, &changes, program);
            if pending.is_none() {
                done.findings = make::foresee(store.as_ref(), &wanted)?;
            }
            return Ok(done);
        }
        match (pending, &store, program) {
            (Some(record), Some(store), None) => Ok(by_hand(make::waiting(store, record.clone())?)),
            (_, _, _) => {
                let next = Next {
                    wanted: &wanted,
                    asked: &asked,
                    changes: &changes,
                };
                self.begin_and_send(context, standing, &next, program)
            }
        }
    }

    fn issuer(&self, name: &Slug) -> Option<&Issuer> {
        let deployment = self.deployment?;
        deployment.issuer_of(deployment.certificate(name)?)
    }

    /// What the deployment wants now; without one, what the last request asked.
    fn wanted(&self, name: &Slug, last: Option<&RequestRecord>) -> Result<Wanted, Failure> {
        let own = self
            .deployment
            .and_then(|all| Some((all, all.certificate(name)?)));
        match (own, last) {
            (Some((deployment, own)), _) => {
                let choices = Choices {
                    key: match self.purpose {
                        Purpose::Renewal => None,
                        Purpose::NewKey(..) => Some(KeyChoice::New),
                    },
                    ..Choices::default()
                };
                Wanted::from_deployment(deployment, own, NamesGiven::default(), &choices)
            }
            (None, Some(last)) => Wanted::again(last, self.deployment),
            (None, None) => Err(nothing_asked(name)),
        }
    }

    /// A generation was imported and not assigned, by hand or because that failed.
    fn assign_waiting(
        &self,
        context: &mut Context,
        (name, number): (&Slug, u32),
        gateways: &[Slug],
        whole: bool,
    ) -> Result<Done, Failure> {
        if !whole || self.dry_run {
            let would = if whole {
                "would be assigned".to_owned()
            } else {
                let flags = gateways.iter().map(|one| format!(" --gateway {one}"));
                let flags: String = flags.collect();
                format!("waits: `edgecert assign {name}/{number}{flags}`")
            };
            return Ok(Done {
                action: if whole { "would-assign" } else { "waits" },
                changed: false,
                text: format!("{name}/{number} was imported and {would}\n"),
                result: json!({ "generation": number }),
                findings: Vec::new(),
            });
        }
        let assigned =
            assign::assign_generation(context, (name, number), gateways, self.held_sessions())?;
        Ok(was_assigned(context, number, assigned))
    }

    /// A generation was staged, and nobody assigned it when its time had come.
    fn assign_overdue(
        &self,
        context: &mut Context,
        name: &Slug,
        number: u32,
        effective: OffsetDateTime,
    ) -> Result<Done, Failure> {
        let since = render::when(effective, context.now);
        if self.dry_run {
            return Ok(Done {
                action: "would-assign",
                changed: false,
                text: format!("{name}/{number} was staged for {since} and would be assigned\n"),
                result: json!({ "generation": number, "effective": render::rfc3339(effective) }),
                findings: Vec::new(),
            });
        }
        context.say(&format!(
            "{name}/{number} was staged for {since}: it is assigned now"
        ));
        Ok(match assign::assign_staged(context, name)? {
            Some(assigned) => was_assigned(context, number, assigned),
            None => nothing_to_do(
                "overtaken",
                format!("{name}/{number} is not staged any more"),
                json!({ "generation": number }),
            ),
        })
    }
}

fn was_assigned(context: &Context, number: u32, assigned: Outcome) -> Done {
    Done {
        action: "assigned",
        changed: assigned.changed,
        text: assigned.text,
        result: json!({ "generation": number, "assign": assigned.result }),
        // A document has all of them, whatever people have seen.
        findings: if assigned.findings_shown && !context.json() {
            Vec::new()
        } else {
            assigned.findings
        },
    }
}

impl Run<'_> {
    /// What becomes of connections that were there before an assignment.
    fn held_sessions(&self) -> HeldSessions {
        match self.purpose {
            Purpose::Renewal => HeldSessions::Leave,
            Purpose::NewKey(_, held) => held,
        }
    }

    /// The newest request that waits and asks what is asked now; with other names it would bring a certificate that
    /// is refused, and with a key that is barred none at all.
    fn pending_of<'r>(
        &self,
        store: &Store,
        name: &Slug,
        requests: &'r [RequestRecord],
        asked: &RequestSummary,
    ) -> Result<Option<&'r RequestRecord>, Failure> {
        let used = match self.purpose {
            Purpose::Renewal => Vec::new(),
            Purpose::NewKey(..) => store
                .generations(name)
                .map_err(|error| store_failure(&error))?,
        };
        let waiting = requests.iter().rev().filter(|one| {
            one.state == RequestState::Pending
                && same_names(&one.names, &asked.names)
                && one.template == asked.template
                && !used
                    .iter()
                    .any(|gone| gone.leaf.spki_sha256 == one.spki_sha256)
        });
        for one in waiting {
            if !key::is_barred(store, one)? {
                return Ok(Some(one));
            }
        }
        Ok(None)
    }
}

fn same_names(before: &[String], now: &[String]) -> bool {
    let set = |all: &[String]| all.iter().cloned().collect::<BTreeSet<String>>();
    set(before) == set(now)
}

fn certificate_of(text: Option<&str>) -> Result<Option<Slug>, Failure> {
    text.map(|text| flags::certificate("CERT", text))
        .transpose()
}
