//! One generation on its way to the gateways: judged, applied, told.

use super::ended::nothing_to_do;
use super::generation::{Loaded, load, refuse_compromised, way_back};
use super::staging::let_through;
use super::told::{describe, plan_json, still_staged, tell, to_be_replaced};
use super::unstaging::forget_staged;
use super::watch::Watch;
use super::{HeldSessions, How, OnFailureWord, failed, held, pins, refused};
use crate::assign::prove::{Seen, look};
use crate::assign::targets::{Material, Run, Stop, WriteConfig};
use crate::assign::{
    Applied, Asked, AssignError, AssignPlan, Assigner, Event, Held, OnFailure, StoreLedger,
    plan_assignment,
};
use crate::cli::exit::FailureKind;
use crate::cli::output::{self, Failure, Outcome};
use crate::cli::{Context, expectation, prune};
use crate::deployment::{Certificate, Deployment};
use crate::explain::Explanation;
use crate::findings::{Code, Finding, Severity};
use crate::names::Slug;
use crate::store::{Accepted, AssignmentRecord, GenerationRecord, IntentKind, Lease, Store};
use crate::verify::{Expectation, Override, PartnerGate, VerifiedBundle};
use crate::x509::{Bundle, Chain};
use serde_json::json;
use time::OffsetDateTime;

/// A generation on its way to the gateways.
pub(super) struct Task<'a> {
    pub deployment: &'a Deployment,
    pub store: &'a Store,
    pub certificate: &'a Certificate,
    pub number: u32,
    pub kind: IntentKind,
    /// The last rollback left this generation, and this one goes forward to it again.
    pub again: bool,
    /// What becomes of connections that began before.
    pub held: HeldSessions,
    /// Whether a killed command began it.
    pub run: Run,
}

impl Task<'_> {
    pub fn carry_out(
        &self,
        context: &mut Context,
        lease: Option<&mut Lease>,
        only: &[Slug],
        how: &How,
        outcome: Outcome,
    ) -> Result<Outcome, Failure> {
        let loaded = load(self.deployment, self.store, self.certificate, self.number)?;
        let Loaded {
            record,
            mut material,
            bundle,
        } = loaded;
        refuse_compromised(&record)?;
        let chain = bundle.chain().clone();
        let verified = self.verified(context, &record, bundle, how, context.now)?;
        material.accepted = verified
            .overrides()
            .iter()
            .map(|one| one.code.as_str().to_owned())
            .collect();
        let from = self
            .store
            .live(&self.certificate.name)
            .map_err(|error| failed(&error))?;
        let assigned = self
            .store
            .assignment(&self.certificate.name)
            .map_err(|error| failed(&error))?;
        let plan = self.plan(context, &chain, only, (from, &assigned), how)?;
        let mut findings: Vec<Finding> = verified.report().findings().to_vec();
        if how.renewing {
            // A renewal that is under way is not mended by another one.
            findings.retain(|one| one.code != Code::ValidityEndsSoon);
        }
        let outcome = Outcome {
            findings: outcome.findings.into_iter().chain(findings).collect(),
            ..outcome
        };
        let covers_all = plan
            .gateways
            .iter()
            .all(|gateway| self.is_settled(&assigned, &gateway.gateway));
        if from == Some(self.number)
            && assigned.current == from
            && covers_all
            && plan.is_in_place(&material)
            && serves_it(&plan)
        {
            let outcome = nothing_to_do(context, &plan, outcome);
            let mut lease = lease;
            let outcome = forget_staged(lease.as_deref_mut(), &plan, &assigned, outcome)?;
            return Ok(match (self.held, lease) {
                (HeldSessions::Leave, _) => outcome,
                (HeldSessions::End, None) => held::would_end(context, &plan, outcome),
                (HeldSessions::End, Some(_)) => {
                    held::end(context, &plan, &Held::now(&plan), outcome)
                }
            });
        }
        let pinned = pins::changes(
            self.deployment,
            self.store,
            self.certificate,
            &plan,
            (from, &chain.leaf),
        );
        let is_new_key = pinned.is_some();
        let outcome = Outcome {
            findings: outcome.findings.into_iter().chain(pinned).collect(),
            ..outcome
        };
        output::findings(context, &outcome.findings);
        context.say(describe(&plan, self.again).trim_end());
        let staged = assigned.staged.as_ref();
        if let Some(staged) = staged.filter(|staged| staged.generation > self.number && how.dry_run)
        {
            let name = &self.certificate.name;
            context.say(still_staged(name, staged, context.now).trim_end());
        }
        let overtaken = staged.filter(|staged| staged.generation < self.number);
        if let Some(staged) = overtaken.filter(|_| how.dry_run) {
            context.say(&format!(
                "what is staged of {}, generation {}, would be overtaken, and staged no longer",
                self.certificate.name, staged.generation,
            ));
        }
        if how.dry_run && is_new_key {
            let (deployment, own) = (self.deployment, self.certificate);
            context.say(pins::describe(deployment, own, &plan, &chain.leaf).trim_end());
        }
        if self.held == HeldSessions::End {
            context.say(held::describe(&plan).trim_end());
        }
        let Some(lease) = lease else {
            let mut outcome = self.pre_check(context, &plan, how, outcome, &|| false)?;
            let replaced = to_be_replaced(self.store, &plan, &assigned);
            output::findings(context, replaced.as_slice());
            outcome.findings.extend(replaced);
            return self.rehearse(&plan, only, how, outcome);
        };
        let _locked = plan.lock().map_err(|error| self.untouched(&plan, &error))?;
        let watch = Watch::begin(context.draws());
        let stop = || watch.interrupted();
        let outcome = self.pre_check(context, &plan, how, outcome, &stop)?;
        let accepted = accepted(&outcome.findings, how);
        let ledger = StoreLedger::new(lease, self.kind, context.now, accepted);
        let connections = Held::now(&plan);
        let ended = self.apply(context, &plan, &material, how, ledger, &stop)?;
        drop(watch);
        let pruned = if matches!(ended, Applied::Done { .. }) {
            self.prune(lease)
        } else {
            Vec::new()
        };
        let told = self.told(context, &plan, ended, pruned, outcome);
        if let Some(staged) = overtaken
            && self.is_unstaged()
        {
            context.say(&format!(
                "what was staged of {}, generation {}, is overtaken: it is staged no longer",
                self.certificate.name, staged.generation,
            ));
        }
        let outcome = told?;
        Ok(match self.held {
            HeldSessions::Leave => outcome,
            HeldSessions::End => held::end(context, &plan, &connections, outcome),
        })
    }

    /// Whether nothing of the certificate is staged now. One that cannot be read costs words alone.
    fn is_unstaged(&self) -> bool {
        let record = self.store.assignment(&self.certificate.name);
        record.is_ok_and(|record| record.staged.is_none())
    }

    /// Whether a gateway has this generation, and its last assignment ended well.
    pub fn is_settled(&self, assigned: &AssignmentRecord, gateway: &Slug) -> bool {
        assigned
            .gateways
            .get(gateway.as_str())
            .is_some_and(|there| there.generation == self.number && there.is_settled())
    }

    /// The plan, with every server's configuration read; `before` is what is live and what was assigned.
    pub fn plan(
        &self,
        context: &Context,
        chain: &Chain,
        only: &[Slug],
        before: (Option<u32>, &AssignmentRecord),
        how: &How,
    ) -> Result<AssignPlan, Failure> {
        let name = &self.certificate.name;
        plan_assignment(Asked {
            deployment: self.deployment,
            certificate: name,
            only,
            from: before.0,
            to: self.number,
            chain,
            record: before.1,
            live: self.store.folder().join("live").join(name.as_str()),
            config: if how.write_config {
                WriteConfig::Write
            } else {
                WriteConfig::Show
            },
            run: self.run,
            now: context.now,
        })
        .map_err(|error| {
            // As a certificate or a generation that does not exist.
            if matches!(error, AssignError::NoSuchGateway { .. }) {
                Failure::from_error(FailureKind::Usage, &error)
            } else {
                refused(&error)
            }
        })
    }

    /// What the servers say before anything is touched; a finding of level error that is not accepted bars the way.
    pub fn pre_check(
        &self,
        context: &Context,
        plan: &AssignPlan,
        how: &How,
        outcome: Outcome,
        stop: Stop<'_>,
    ) -> Result<Outcome, Failure> {
        let found = plan.pre_check(stop).map_err(|error| {
            let mut failure = self.untouched(plan, &error);
            if how.dry_run {
                failure.result = json!({"plan": plan_json(plan), "dry_run": true});
            }
            // People have seen the findings above.
            if context.json() {
                failure.findings.clone_from(&outcome.findings);
            }
            failure
        })?;
        let bars = found
            .iter()
            .find(|one| one.severity == Severity::Error && !accepts(how, one.code));
        if let Some(bar) = bars {
            let mut failure = Failure::new(
                FailureKind::Refused,
                Explanation {
                    code: "assign.refused",
                    what: format!(
                        "{}/{} is not assigned: {}",
                        plan.certificate, plan.to, bar.what
                    ),
                    place: bar.place.clone(),
                    why: format!("{}\n{}", bar.why, self.stays(plan)),
                    mend: or_accept(bar),
                },
            );
            failure.result = json!({"plan": plan_json(plan)});
            let others = found
                .iter()
                .filter(|one| one.code != bar.code || one.place != bar.place);
            failure.findings = match context.json() {
                true => outcome.findings.into_iter().chain(found).collect(),
                false => others.cloned().collect(),
            };
            return Err(failure);
        }
        output::findings(context, &found);
        let findings = outcome.findings.into_iter().chain(found).collect();
        Ok(Outcome {
            findings,
            ..outcome
        })
    }

    /// Judges the generation as it would be served at a time.
    pub fn verified(
        &self,
        context: &Context,
        record: &GenerationRecord,
        bundle: Bundle,
        how: &How,
        at: OffsetDateTime,
    ) -> Result<VerifiedBundle, Failure> {
        let expected = expectation::for_certificate(context, self.deployment, self.certificate, at)
            .map_err(expectation::before_anything)?;
        let overrides = overrides(record, how);
        let expectation = Expectation {
            partner_gate: PartnerGate::Warn,
            ..expected.expectation()
        };
        VerifiedBundle::verify(bundle, &expectation, overrides).map_err(|refusal| {
            let first = refusal.standing.first();
            Failure::new(
                FailureKind::Refused,
                Explanation {
                    code: "assign.refused",
                    what: format!("{}/{} must not go live", self.certificate.name, self.number),
                    place: self.store.folder().display().to_string(),
                    why: first.map(|finding| finding.what.clone()).unwrap_or_default(),
                    mend: format!(
                        "mend what is named above; or, knowing what breaks, `--accept {} --reason TEXT`",
                        first.map_or("CODE", |finding| finding.code.as_str())
                    ),
                },
            )
            .with_findings(refusal.report)
        })
    }

    pub fn apply(
        &self,
        context: &Context,
        plan: &AssignPlan,
        material: &Material,
        how: &How,
        mut ledger: StoreLedger<'_>,
        stop: Stop<'_>,
    ) -> Result<Applied, Failure> {
        let from = plan.from;
        let old = match from.filter(|from| *from != self.number) {
            Some(from) => Some(load(self.deployment, self.store, self.certificate, from)?),
            // Live already and not served everywhere: the way back is the same generation.
            None if from.is_some() => Some(load(
                self.deployment,
                self.store,
                self.certificate,
                self.number,
            )?),
            None => None,
        };
        let transaction = format!(
            "{}-{}-{}",
            plan.certificate,
            plan.to,
            context.now.unix_timestamp_nanos()
        );
        let mut observe = |event: Event<'_>| tell(context, plan, &event);
        let assigner = Assigner {
            plan,
            material,
            back: way_back(old.as_ref(), context.now),
            prove_within: self.deployment.assign.prove_within,
            on_failure: match how.on_failure {
                OnFailureWord::Rollback => OnFailure::Rollback,
                OnFailureWord::Keep => OnFailure::Keep,
            },
            run: self.run,
            transaction: &transaction,
            observe: &mut observe,
            interrupted: stop,
        };
        assigner
            .run(&mut ledger)
            .map_err(|error| self.untouched(plan, &error))
    }

    /// A plan that is not carried out; whether it could be was looked at, and nothing was touched.
    fn rehearse(
        &self,
        plan: &AssignPlan,
        only: &[Slug],
        how: &How,
        outcome: Outcome,
    ) -> Result<Outcome, Failure> {
        let result = json!({"plan": plan_json(plan), "dry_run": true});
        let (verb, mut command) = match self.kind {
            IntentKind::Assign => (
                "assigned",
                format!("edgecert assign {}/{}", plan.certificate, plan.to),
            ),
            IntentKind::Rollback => (
                "rolled back",
                format!("edgecert rollback {}", plan.certificate),
            ),
        };
        for gateway in only {
            command.push_str(&format!(" --gateway {gateway}"));
        }
        if how.write_config {
            command.push_str(" --write-config");
        }
        Ok(Outcome {
            text: format!("would be {verb} (nothing was touched)\n"),
            next: Some(command),
            result,
            findings_shown: true,
            ..outcome
        })
    }

    /// A failure before anything was touched, with what stays.
    fn untouched(&self, plan: &AssignPlan, error: &AssignError) -> Failure {
        let live = self.store.live(&plan.certificate).ok().flatten();
        let kind = if error.is_interrupted() {
            FailureKind::Interrupted
        } else if error.is_of_a_gateway() && live == plan.from {
            FailureKind::Refused
        } else {
            FailureKind::Failed
        };
        let mut failure = Failure::from_error(kind, error);
        failure.explanation.why = format!("{}\n{}", failure.explanation.why, self.stays(plan));
        failure.result = json!({"plan": plan_json(plan)});
        failure
    }

    /// What is live although nothing was done.
    fn stays(&self, plan: &AssignPlan) -> String {
        let live = self.store.live(&plan.certificate).ok().flatten();
        match live {
            Some(live) if plan.from == Some(live) => {
                format!(
                    "nothing was changed; {}/{live} stays live",
                    plan.certificate
                )
            }
            None => "nothing was changed; nothing is live yet".into(),
            Some(live) => format!(
                "nothing was changed; live/ points to {}/{live} since a command was killed, and the next `edgecert assign` finishes that",
                plan.certificate
            ),
        }
    }

    /// Old generations beyond what the deployment keeps go at the commit.
    fn prune(&self, lease: &mut Lease) -> Vec<u32> {
        prune::prune_certificate(
            lease,
            &self.certificate.name,
            self.deployment.store.keep_generations,
        )
        // The assignment stands; `edgecert prune` will say what was wrong.
        .unwrap_or_default()
    }
}

fn overrides(record: &GenerationRecord, how: &How) -> Vec<Override> {
    let earlier = record.accepted.iter().filter_map(let_through);
    earlier.chain(how.overrides()).collect()
}

fn accepts(how: &How, code: Code) -> bool {
    how.overrides().any(|one| one.code == code)
}

/// The findings that give way only because this command lets them through, with its reason.
fn accepted(findings: &[Finding], how: &How) -> Vec<Accepted> {
    let stands = |code: Code| {
        findings
            .iter()
            .any(|one| one.code == code && one.severity == Severity::Error)
    };
    how.overrides()
        .filter(|one| stands(one.code))
        .map(|one| Accepted {
            code: one.code.as_str().to_owned(),
            reason: one.reason,
        })
        .collect()
}

/// The finding's own mend, and the way through for those who know what breaks, which it may have said itself.
fn or_accept(bar: &Finding) -> String {
    let accept = format!("--accept {} --reason TEXT", bar.code.as_str());
    match bar.mend.contains(&accept) {
        true => bar.mend.clone(),
        false => format!("{}; or, knowing what breaks, `{accept}`", bar.mend),
    }
}

/// Whether every listener shows the leaf of the plan now.
fn serves_it(plan: &AssignPlan) -> bool {
    plan.gateways
        .iter()
        .flat_map(|gateway| &gateway.proofs)
        .all(|proof| matches!(look(proof), Seen::Leaf(leaf, _) if leaf == plan.leaf))
}
