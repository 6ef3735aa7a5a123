//! The way back of an assignment that failed: every touched gateway to what it served, in reverse order, each proved.

use super::{Applied, Assigner, Course, Event, Ledger, OnFailure, Standing, Way};
use crate::assign::error::AssignError;
use crate::assign::plan::GatewayPlan;
use crate::assign::prove::{Seen, Wanted};
use crate::assign::targets::{Job, Run};
use std::collections::BTreeMap;
use std::time::Instant;

impl Assigner<'_> {
    /// The way back after a failure; where it must not be taken, says what stands.
    pub(super) fn fail(
        mut self,
        cause: AssignError,
        touched: Vec<Standing>,
        before: &[Vec<Seen>],
        ledger: &mut dyn Ledger,
    ) -> Result<Applied, AssignError> {
        let failed = Instant::now();
        // What was prepared and not committed must not stay prepared.
        for gateway in &self.plan.gateways {
            gateway.target.abort(self.transaction);
        }
        if self.on_failure == OnFailure::Keep || matches!(self.back, Way::Barred(_)) {
            // Gateways were switched: what cannot be noted now is noted by the next command.
            let saved = ledger.kept(self.plan, &cause, &touched).unwrap_or_default();
            return Ok(Applied::Dirty {
                cause,
                standings: touched,
                saved,
            });
        }
        (self.observe)(Event::RollingBack { cause: &cause });
        // All of them at once, also those that the plan of a run that was taken up does not know. What fails is told
        // by the gateway that it belongs to.
        let _ = ledger.put_all_back();
        let mut standings = Vec::new();
        let reached = self.plan.gateways.iter().zip(before).zip(&touched);
        for ((gateway, seen_before), touched) in reached.rev() {
            let restored = self.restore(gateway, seen_before, ledger);
            standings.push(Standing {
                dark: touched.dark.map(|dark| dark + failed.elapsed()),
                ..restored
            });
        }
        standings.reverse();
        let clean = standings.iter().all(|standing| standing.proved);
        match ledger.undone(self.plan, &cause, &standings, clean) {
            Ok(_) if clean => Ok(Applied::RolledBack { cause, standings }),
            Ok(saved) => Ok(Applied::Dirty {
                cause,
                standings,
                saved,
            }),
            Err(_) => Ok(Applied::Dirty {
                cause,
                standings,
                saved: None,
            }),
        }
    }

    /// One gateway back to what it served, and proved.
    fn restore(
        &mut self,
        gateway: &GatewayPlan,
        before: &[Seen],
        ledger: &mut dyn Ledger,
    ) -> Standing {
        let material = match &self.back {
            Way::To(material, _) => Some(*material),
            Way::ToNothing | Way::Barred(_) => None,
        };
        let transaction = format!("{}-back", self.transaction);
        let job = Job {
            transaction: &transaction,
            material,
            // What was asked for is ended, not cut short.
            stop: &|| false,
            ..self.job()
        };
        let start = Instant::now();
        let told = gateway.target.restore(&job, ledger);
        let restored = start.elapsed();
        let mut failure = told.err();
        // A reload that failed does no harm where every listener shows what it showed, and the files are back.
        let reload_failed = matches!(failure, Some(AssignError::Program { .. }));
        let now = Instant::now();
        let deadline = match failure {
            None => now + self.prove_within,
            // A gateway that did not take it back is looked at for the report; its state is not waited for.
            Some(_) => now,
        };
        let (shown, not_proved) = self.prove_listeners(gateway, before, Course::Back, deadline);
        failure = failure.or(not_proved);
        let as_before = !shown.is_empty() && shown.iter().all(|(_, proved)| proved.holds);
        if reload_failed && as_before {
            failure = None;
        }
        let listeners = shown
            .into_iter()
            .map(|(proof, proved)| (proof, proved.last))
            .collect();
        (self.observe)(Event::Restored {
            gateway: &gateway.gateway,
            failure: failure.as_ref(),
        });
        Standing {
            gateway: gateway.gateway.clone(),
            listeners,
            proved: failure.is_none(),
            took: Some(start.elapsed()),
            committed: Some(restored),
            dark: None,
            sessions: 0,
            written: BTreeMap::new(),
        }
    }

    /// What a listener must show on the way back: what it showed before, or the generation that is brought back.
    pub(super) fn wanted_back(&self, before: &Seen) -> Wanted {
        match (&self.back, before) {
            // What was shown before this run touched anything is to be shown again; a run that was taken up saw its own
            // half state.
            (Way::ToNothing | Way::Barred(_), Seen::Leaf(leaf, _)) if self.run == Run::First => {
                Wanted::Leaf(*leaf)
            }
            (Way::To(own, _), Seen::Leaf(leaf, _))
                if self.run == Run::First && own.generation == self.plan.to =>
            {
                Wanted::Leaf(*leaf)
            }
            // Something other than the gateway answers there: as long as it still does, nothing has changed.
            (Way::To(_, leaf), Seen::Leaf(foreign, _)) if *foreign != self.plan.leaf => {
                Wanted::Either(leaf.sha256, *foreign)
            }
            (Way::To(_, leaf), Seen::Leaf(..) | Seen::Dark(_)) => Wanted::Leaf(leaf.sha256),
            // Whatever lay there before, if anything: what was shown from it is shown again.
            (Way::ToNothing | Way::Barred(_), Seen::Leaf(foreign, _))
                if *foreign != self.plan.leaf =>
            {
                Wanted::Leaf(*foreign)
            }
            (Way::ToNothing | Way::Barred(_), _) => Wanted::Not(self.plan.leaf),
        }
    }
}
