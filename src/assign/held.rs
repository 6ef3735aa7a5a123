//! Connections that keep the certificate of before: counted in the kernel's table, ended by each server's own means.
//!
//! An assignment is never undone for them: what could not be ended is told.

use super::error::AssignError;
use super::plan::AssignPlan;
use super::sockets::{connection_inodes, sockets};
use super::targets::{EndSessions, Stop};
use crate::names::Slug;
use std::time::{Duration, Instant};

/// How long to wait for the last ones to end, once the server has been told.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look meanwhile.
const POLL: Duration = Duration::from_millis(50);

/// The connections of each gateway at one moment, in the plan's order.
#[derive(Debug, Clone)]
pub struct Held(Vec<Vec<u64>>);

/// What has become of those of one gateway.
#[derive(Debug)]
pub struct Ended {
    /// Which.
    pub gateway: Slug,
    /// How many there were.
    pub before: usize,
    /// How many of them there still are.
    pub left: usize,
    /// What was done, or is to be done by hand.
    pub steps: Vec<(EndSessions, Result<(), AssignError>)>,
}

impl Held {
    /// Those that there are now.
    pub fn now(plan: &AssignPlan) -> Self {
        let all = sockets();
        Self(
            plan.gateways
                .iter()
                .map(|gateway| connection_inodes(&all, &gateway.addresses()))
                .collect(),
        )
    }

    /// Has every server end its own. Effects: runs programs, sends signals; blocks until they are gone, five seconds a
    /// gateway at most.
    pub fn end(&self, plan: &AssignPlan, stop: Stop<'_>) -> Vec<Ended> {
        plan.gateways
            .iter()
            .zip(&self.0)
            .map(|(gateway, before)| {
                let steps: Vec<_> = gateway
                    .end_sessions()
                    .into_iter()
                    .map(|step| {
                        let done = gateway.target.end(&step, stop);
                        (step, done)
                    })
                    .collect();
                let acts = steps.iter().any(|(step, _)| !step.is_by_hand());
                let deadline = Instant::now() + if acts { PATIENCE } else { Duration::ZERO };
                let addresses = gateway.addresses();
                let left = loop {
                    let there = connection_inodes(&sockets(), &addresses);
                    let left = before.iter().filter(|one| there.contains(one)).count();
                    if left == 0 || stop() || Instant::now() >= deadline {
                        break left;
                    }
                    std::thread::sleep(POLL);
                };
                Ended {
                    gateway: gateway.gateway.clone(),
                    before: before.len(),
                    left,
                    steps,
                }
            })
            .collect()
    }
}
