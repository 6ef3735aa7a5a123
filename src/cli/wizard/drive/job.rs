//! The work between the pages: what each step does, while it is shown that it goes on, and what of it is noted.

use super::super::facts::Facts;
use super::super::intent::{self, Intent};
use super::super::messages::Texts;
use super::super::page::Ask;
use super::super::walk::{Edit, ReplyPage, Step, Work, lines_of};
use super::super::work::{self, MadeHere, Reply, outcome_lines};
use super::{Run, asking};
use crate::cli::Context;
use crate::cli::deployment_change::Writing;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::request::ledger::{self, CancelArgs};
use crate::cli::{assign, check, dns, render, renew};
use crate::explain::Explanation;
use crate::names::Slug;
use serde_json::Value;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often to look whether the work has ended, where it says nothing.
const LOOK_FOR_END: Duration = Duration::from_millis(50);

/// What some work has come to: lines for its page.
type Worked = Result<(Vec<String>, Effect), Failure>;

/// What it did.
enum Effect {
    Nothing,
    Made(Box<MadeHere>),
    Ended(Outcome),
    Imported(Slug, u32, Outcome),
    Assigned(Outcome),
}

impl Run<'_> {
    /// Does the work of a step while it is shown that it goes on; what is said on the way goes into its page.
    pub(super) fn work(
        &mut self,
        ask: &mut dyn Ask,
        step: Step,
        work: Work,
    ) -> Result<Result<(), Failure>, Failure> {
        let page = {
            let view = self.view();
            let mut page = view.page(step);
            page.fields.clear();
            page.body.clear();
            page
        };
        // A reply, or what is staged, may have begun while a page was read.
        self.context.read_clock_again();
        let job = self.job(work)?;
        let (facts, texts, frame) = (self.facts, self.texts, self.frame());
        let context = &mut *self.context;
        let mut heard: Vec<String> = Vec::new();
        let mut ended: Option<Worked> = None;
        ask.work(&page, &mut |progress| {
            let (sender, receiver) = channel();
            context.listen(Some(sender));
            let worker = &mut *context;
            let job = &job;
            ended = std::thread::scope(|scope| {
                let handle =
                    scope.spawn(move || render::within(frame, || job.run(worker, facts, texts)));
                loop {
                    match receiver.recv_timeout(LOOK_FOR_END) {
                        Ok(line) => {
                            for line in lines_of(&line) {
                                progress.step(&line);
                                heard.push(line);
                            }
                        }
                        Err(RecvTimeoutError::Timeout) if !handle.is_finished() => {}
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                    }
                }
                handle.join().ok()
            });
            context.listen(None);
        })
        .map_err(|error| asking(&error))?;
        let Some(worked) = ended else {
            return Err(Failure::new(
                FailureKind::Failed,
                Explanation {
                    code: "wizard.work",
                    what: "the work was not done".into(),
                    place: page.title,
                    why: "it ended before it could say why".into(),
                    mend: "this is a fault of edgecert: please report it".into(),
                },
            ));
        };
        Ok(worked.map(|(lines, effect)| {
            heard.extend(lines);
            self.note(effect);
            self.shown.insert(step, heard);
        }))
    }

    fn note(&mut self, effect: Effect) {
        let done = &mut self.done;
        match effect {
            Effect::Nothing => {}
            Effect::Made(here) => {
                done.changed |= here.config_changed || here.csr_written || here.made.new;
                done.made = Some(*here);
            }
            Effect::Ended(outcome) => {
                done.changed |= outcome.changed;
                done.last = Some(outcome);
            }
            Effect::Imported(certificate, number, outcome) => {
                done.changed |= outcome.changed;
                done.imported = Some((certificate, number));
                done.last = Some(outcome);
            }
            Effect::Assigned(outcome) => {
                done.changed |= outcome.changed;
                done.assigned = true;
                done.proved = is_proved(&outcome);
                done.last = Some(outcome);
            }
        }
    }

    fn job(&self, work: Work) -> Result<Job, Failure> {
        let reply = || {
            let text = |page, field| {
                intent::text(&self.answers, page, field)
                    .unwrap_or_default()
                    .to_owned()
            };
            // A file that is open needs none, whatever was answered for another one.
            let is_closed = self
                .view()
                .order()
                .contains(&Step::Reply(ReplyPage::Passphrase));
            let passphrase = text("passphrase", "passphrase-file");
            Reply {
                file: text("import", "file"),
                passphrase: (is_closed && !passphrase.is_empty()).then(|| passphrase.into()),
            }
        };
        Ok(match work {
            Work::Make => Job::Make(Box::new(self.view().intent())),
            Work::Renew(writing) => Job::Renew(self.which()?, writing),
            Work::Cancel => Job::Cancel(self.pending_id().unwrap_or_default()),
            Work::Compare => Job::Compare(reply()),
            Work::Import => Job::Import(reply()),
            Work::Assign(writing) => Job::Assign(self.which()?, writing),
            Work::Federate(writing) => Job::Federate(self.view().edits(), writing),
            Work::Records => Job::Records,
            Work::Check => Job::Check,
        })
    }
}

/// Whether every gateway has listeners, without which nothing is proved; where one did not prove it, it was no outcome.
fn is_proved(assigned: &Outcome) -> bool {
    let gateways = assigned.result.pointer("/plan/gateways");
    let gateways = gateways.and_then(Value::as_array);
    gateways.is_some_and(|all| {
        let proofs = all.iter().map(|one| one.pointer("/proofs"));
        let mut proofs = proofs.map(|one| one.and_then(Value::as_array));
        !all.is_empty() && proofs.all(|one| one.is_some_and(|one| !one.is_empty()))
    })
}

/// Work, with all that it needs.
#[derive(Debug)]
enum Job {
    Make(Box<Intent>),
    Cancel(String),
    Compare(Reply),
    Import(Reply),
    Assign(Slug, Writing),
    Renew(Slug, Writing),
    Federate(Vec<Edit>, Writing),
    Records,
    Check,
}

impl Job {
    fn run(&self, context: &mut Context, facts: &Facts, texts: &Texts) -> Worked {
        match self {
            Job::Make(intent) => {
                let here = work::make_request(context, facts, texts, intent)?;
                let lines = here
                    .made
                    .notes
                    .iter()
                    .flat_map(|finding| lines_of(&render::finding(finding)))
                    .collect();
                Ok((lines, Effect::Made(Box::new(here))))
            }
            Job::Cancel(id) => {
                let outcome = ledger::cancel(&CancelArgs::of(id), context)?;
                Ok((outcome_lines(&outcome), Effect::Ended(outcome)))
            }
            Job::Compare(reply) => {
                let (_, _, _, outcome) = work::take(context, reply, true)?;
                Ok((outcome_lines(&outcome), Effect::Nothing))
            }
            Job::Import(reply) => {
                let (certificate, number, _, outcome) = work::take(context, reply, false)?;
                let mut lines = lines_of(&outcome.text);
                let verdict = work::judge(context, &certificate, number)?;
                lines.push(String::new());
                lines.extend(outcome_lines(&verdict));
                Ok((lines, Effect::Imported(certificate, number, outcome)))
            }
            Job::Assign(certificate, writing) => {
                let outcome =
                    assign::assign_one(context, certificate, *writing == Writing::DryRun)?;
                let lines = outcome_lines(&outcome);
                Ok(match writing {
                    Writing::DryRun => (lines, Effect::Nothing),
                    Writing::Yes => (lines, Effect::Assigned(outcome)),
                })
            }
            Job::Renew(certificate, writing) => {
                let outcome = renew::renew_one(context, certificate, *writing == Writing::DryRun)?;
                let lines = outcome_lines(&outcome);
                Ok(match writing {
                    Writing::DryRun => (lines, Effect::Nothing),
                    Writing::Yes => (lines, Effect::Ended(outcome)),
                })
            }
            Job::Federate(edits, writing) => {
                let outcome = work::federate(context, edits, *writing)?;
                let lines = outcome_lines(&outcome);
                Ok(match writing {
                    Writing::DryRun => (lines, Effect::Nothing),
                    Writing::Yes => (lines, Effect::Ended(outcome)),
                })
            }
            Job::Records => {
                let outcome = dns::planned_records(context)?;
                Ok((outcome_lines(&outcome), Effect::Nothing))
            }
            Job::Check => {
                let outcome = check::run(check::CheckArgs::everything(), context)?;
                let lines = outcome_lines(&outcome);
                // How it stands is told; that it was looked at is done.
                let outcome = Outcome {
                    exit: None,
                    ..outcome
                };
                Ok((lines, Effect::Ended(outcome)))
            }
        }
    }
}
