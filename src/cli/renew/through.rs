//! The whole renewal through the issuer's program: claimed, submitted, imported, verified, assigned.
//!
//! The lease is held while the request is made and claimed, and again from the answer to its generation; not while the
//! issuer works. Whoever finds the request claimed, or the work done meanwhile, has nothing to do.

use super::due::{Standing, standing};
use super::submit::{self, Submission, Trouble};
use super::{Done, Next, Run, by_hand, nothing_asked, tell_changes};
use crate::cli::exit::FailureKind;
use crate::cli::import::take::{Fetch, Intake, KeyGiven, take_in_under};
use crate::cli::output::Failure;
use crate::cli::request::make::{self, Doubles, Made};
use crate::cli::request::store_failure;
use crate::cli::{Context, assign};
use crate::deployment::{Deployment, PassphraseSource};
use crate::explain::Explanation;
use crate::findings::Code;
use crate::import::ReplyFile;
use crate::names::Slug;
use crate::store::{Claim, Holder, RequestRecord, RequestState, Store, StoreError};
use console::style;
use serde_json::{Map, Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What other writers that wait are told.
const COMMAND: &str = "edgecert renew";

/// Whether we were asked to end, from the first submission on.
#[derive(Debug, Default)]
pub(super) struct Interrupts(OnceLock<Arc<AtomicBool>>);

impl Interrupts {
    /// Watches from now to the end of the program: the first signal is noted, the second one ends it at once.
    fn watch(&self) -> Arc<AtomicBool> {
        let flag = self.0.get_or_init(|| {
            use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
            let flag = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                // Where it cannot be watched it ends us, as it does elsewhere.
                let _ = signal_hook::flag::register_conditional_shutdown(
                    signal,
                    130,
                    Arc::clone(&flag),
                )
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)));
            }
            flag
        });
        Arc::clone(flag)
    }

    pub(super) fn caught(&self) -> bool {
        self.0
            .get()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// What a renewal has come to once its request stands.
enum Begun<'a> {
    /// There is nothing more to do.
    Over(Done),
    /// The request goes to the issuer's program.
    Claimed(Box<Made>, Claim, &'a [String]),
}

impl Run<'_> {
    /// Makes the request, or takes the one that waits, and sends it where the issuer has a program.
    pub(super) fn begin_and_send(
        &self,
        context: &mut Context,
        standing: &Standing,
        next: &Next<'_>,
        program: Option<&[String]>,
    ) -> Result<Done, Failure> {
        match self.begin(context, standing, next, program)? {
            Begun::Over(done) => Ok(done),
            Begun::Claimed(made, claim, program) => {
                let sent = self.sent(context, &standing.certificate, &made, program);
                // It is answered, or waits for the next run.
                drop(claim);
                let sent = sent.map(|mut done| {
                    if made.new {
                        next.changes.add_to(&mut done.result);
                    }
                    done
                });
                // The request stands in the ledger, whatever became of it.
                sent.map_err(|failure| and_changed(failure, made.new))
            }
        }
    }

    fn begin<'a>(
        &self,
        context: &Context,
        standing: &Standing,
        next: &Next<'_>,
        program: Option<&'a [String]>,
    ) -> Result<Begun<'a>, Failure> {
        let name = &standing.certificate;
        let folder = context.state_directory(self.deployment);
        let store = Store::create(&folder, context.now).map_err(|error| store_failure(&error))?;
        let mut lease = context.lease(&store, self.deployment, COMMAND)?;
        if let Some(done) = self.overtaken(context, &store, standing)? {
            return Ok(Begun::Over(done));
        }
        let requests = store
            .requests(Some(name))
            .map_err(|error| store_failure(&error))?;
        let made = match self.pending_of(&store, name, &requests, next.asked)? {
            Some(record) => make::waiting(&store, record.clone())?,
            None => {
                tell_changes(context, name, &requests, next.changes);
                make::make(context, &mut lease, next.wanted, Doubles::Avoid)?
            }
        };
        let Some(program) = program else {
            let is_new = made.new;
            let mut done = by_hand(made);
            if is_new {
                next.changes.add_to(&mut done.result);
            }
            return Ok(Begun::Over(done));
        };
        let id = &made.record.id;
        let claim = match lease.claim_request(name, id, COMMAND) {
            Ok(claim) => claim,
            Err(StoreError::Locked { holder, .. }) => {
                return Ok(Begun::Over(claimed(name, id, holder.as_deref())));
            }
            Err(error) => return Err(and_changed(store_failure(&error), made.new)),
        };
        let record = RequestRecord {
            submitted: Some(context.now),
            ..made.record.clone()
        };
        match lease.update_request(&record) {
            Ok(()) => Ok(Begun::Claimed(Box::new(made), claim, program)),
            Err(error) => Err(and_changed(store_failure(&error), made.new)),
        }
    }

    /// What another run has done since this one looked.
    fn overtaken(
        &self,
        context: &Context,
        store: &Store,
        before: &Standing,
    ) -> Result<Option<Done>, Failure> {
        let name = &before.certificate;
        let now = standing(context, self.deployment, Some(store), name.clone())?;
        let still = now.newest == before.newest
            && now.staged == before.staged
            && (!self.due || now.is_due());
        Ok((!still).then(|| {
            nothing_to_do(
                "overtaken",
                format!("{name} was renewed meanwhile"),
                json!({
                    "generation": now.newest,
                }),
            )
        }))
    }

    fn sent(
        &self,
        context: &mut Context,
        name: &Slug,
        made: &Made,
        program: &[String],
    ) -> Result<Done, Failure> {
        let Some(deployment) = self.deployment else {
            return Err(nothing_asked(name));
        };
        let id = &made.record.id;
        let again = if made.new { "" } else { " again" };
        context.say(&format!("{name}: request {id} goes to the issuer{again}"));
        let interrupted = self.interrupts.watch();
        let submission = Submission {
            program,
            base: &deployment.base,
            certificate: name,
            csr_pem: &made.csr_pem,
            secret_variables: &secret_variables(deployment),
        };
        // Without the lease: the issuer may take minutes, and other commands need not wait for it.
        let answer = match submit::submit(&submission, &interrupted) {
            Ok(answer) => answer,
            Err(trouble) => {
                self.journal_trouble(context, name, id, &trouble);
                return Err(trouble.failure());
            }
        };
        context.read_clock_again();
        let store = Store::open(&context.state_directory(self.deployment))
            .map_err(|error| store_failure(&error))?;
        let lease = context.lease(&store, self.deployment, COMMAND)?;
        // Read again: it may have been answered or cancelled since.
        match store.request(name, id) {
            Ok(record) if record.state == RequestState::Pending => {}
            Ok(record) => {
                let done = nothing_to_do(
                    "overtaken",
                    format!("request {id} of {name} was answered meanwhile"),
                    json!({ "request": id, "generation": record.answered_by }),
                );
                return Ok(Done {
                    changed: made.new,
                    ..done
                });
            }
            Err(StoreError::NoSuchRequest { .. }) => return Err(cancelled(name, id)),
            Err(error) => return Err(store_failure(&error)),
        }
        let files = [ReplyFile {
            name: "the issuer's answer".into(),
            bytes: answer,
        }];
        let intake = Intake {
            files: &files,
            certificate: Some(name),
            key: KeyGiven::Ledger,
            roots: &[],
            passphrase: None,
            fetch: Fetch::Nothing,
            accept: &[],
            dry_run: false,
            command: COMMAND,
        };
        let taken = take_in_under(context, self.deployment, &intake, Some(store), Some(lease))?;
        let number = taken.number;
        if self.interrupts.caught() {
            return Err(and_changed(interrupted_before(name), true));
        }
        let assigned = assign::assign_newest(context, name, self.held_sessions())
            .map_err(|failure| and_changed(failure, true))?;
        // What assign has shown is not told again; and that it ends soon is no news of what was issued just now, nor
        // is another renewal its mend.
        let mut findings: Vec<_> = taken
            .report
            .into_iter()
            .filter(|one| one.code != Code::ValidityEndsSoon)
            .filter(|one| !(assigned.findings_shown && assigned.findings.contains(one)))
            .collect();
        // A document has all of them, whatever people have seen.
        let is_untold = !assigned.findings_shown || context.json();
        findings.extend(assigned.findings.into_iter().filter(|_| is_untold));
        Ok(Done {
            action: "renewed",
            changed: true,
            text: format!(
                "{}{}  renewed: {name}/{number}\n",
                assigned.text,
                style("ok").green().bold()
            ),
            result: json!({
                "request": id,
                "generation": number,
                "assign": assigned.result,
            }),
            findings,
        })
    }

    /// The journal tells of the attempt, as far as it can: the failure itself is told in any case.
    fn journal_trouble(&self, context: &Context, name: &Slug, id: &str, trouble: &Trouble) {
        let mut detail = Map::new();
        detail.insert("request".into(), Value::from(id));
        detail.insert("status".into(), Value::from(trouble.status));
        detail.insert("why".into(), Value::from(trouble.why.as_str()));
        let Ok(store) = Store::open(&context.state_directory(self.deployment)) else {
            return;
        };
        if let Ok(mut lease) = context.lease(&store, self.deployment, COMMAND) {
            let _ = lease.journal("submit-failed", Some(name), detail);
        }
    }
}

/// The environment variables that hold passphrases of keys.
fn secret_variables(deployment: &Deployment) -> Vec<String> {
    deployment
        .passphrases()
        .into_iter()
        .filter_map(|source| match source {
            PassphraseSource::Env(name) => Some(name.clone()),
            PassphraseSource::File(_) | PassphraseSource::Credential(_) => None,
        })
        .collect()
}

fn and_changed(failure: Failure, changed: bool) -> Failure {
    Failure {
        changed: failure.changed || changed,
        ..failure
    }
}

pub(super) fn nothing_to_do(action: &'static str, what: String, result: Value) -> Done {
    Done {
        action,
        changed: false,
        text: format!("{what}: nothing to do\n"),
        result,
        findings: Vec::new(),
    }
}

fn claimed(name: &Slug, id: &str, holder: Option<&Holder>) -> Done {
    let by = match holder {
        Some(holder) => format!("process {}", holder.pid),
        None => "another process".to_owned(),
    };
    nothing_to_do(
        "claimed",
        format!("request {id} of {name} is being submitted by {by}"),
        json!({ "request": id, "process": holder.map(|holder| holder.pid) }),
    )
}

fn cancelled(name: &Slug, id: &str) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "renew.request-cancelled",
            what: format!("the issuer's answer to request {id} of {name} is of no use"),
            place: format!("request {id}"),
            why: "it was cancelled while the issuer had it, and its key is gone".into(),
            mend: "run `edgecert renew` again for a new request; have the issuer revoke the other certificate".into(),
        },
    )
}

/// A signal came; what is done is kept, and the rest is not begun.
pub(super) fn interrupted_before(name: &Slug) -> Failure {
    Failure::new(
        FailureKind::Interrupted,
        Explanation {
            code: "renew.interrupted",
            what: format!("the renewal of {name} was interrupted"),
            place: name.to_string(),
            why: "a signal asked edgecert to end".into(),
            mend: "run `edgecert renew` again: it goes on from where it was".into(),
        },
    )
}
