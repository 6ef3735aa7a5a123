//! Do it, or put everything back.
//!
//! The order is what keeps the promise: all gateways validate first and nothing is served differently; then the
//! intent is on disk; then `live/` is switched; then gateway after gateway commits and is proved. Whatever fails
//! after the intent sends every touched gateway back, in reverse order, and that is proved as well.

mod back;

use super::error::{AsBefore, AssignError};
use super::plan::{AssignPlan, GatewayPlan, Proof};
use super::prove::{Proved, Seen, Wanted, look_with, prove};
use super::sockets::{connections, holders, sockets};
use super::targets::{Job, Keeper, Material, Run, Stop};
use crate::names::Slug;
use crate::probe::KeyKind;
use crate::x509::Fingerprint;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long to wait for a listener that was dark before.
const DARK_PATIENCE: Duration = Duration::from_secs(2);

/// What to do when a gateway cannot be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Everything back to what it was.
    #[default]
    Rollback,
    /// Leave it as it stands, and say so.
    Keep,
}

/// What happens, as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Every gateway has taken the material and serves what it served.
    Prepared,
    /// A gateway took it live.
    Committed {
        /// Which.
        gateway: &'a Slug,
        /// What was done, in words.
        committed: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// A listener was asked, for each of its names, until it showed what it should or the time was over.
    Proved {
        /// Which gateway.
        gateway: &'a Slug,
        /// The names of one listener, and how each ended.
        listener: &'a [(Proof, Proved)],
        /// Whether this was the way back.
        restoring: bool,
    },
    /// Something failed, and the way back begins.
    RollingBack {
        /// What failed.
        cause: &'a AssignError,
    },
    /// A gateway is as it was, proved; or could not be brought back.
    Restored {
        /// Which.
        gateway: &'a Slug,
        /// Why not, if not.
        failure: Option<&'a AssignError>,
    },
}

/// What is kept while the work is done: the state, behind a face that tests can stand in for.
pub trait Ledger: Keeper {
    /// Notes what is about to happen, then switches `live/` to the new generation.
    fn begin(&mut self, plan: &AssignPlan) -> Result<(), AssignError>;
    /// Everything is served and proved: record it, journal it, drop the intent.
    ///
    /// Returns where the files that lay there before were set aside, if this state did not write them.
    fn done(
        &mut self,
        plan: &AssignPlan,
        standings: &[Standing],
    ) -> Result<Option<PathBuf>, AssignError>;
    /// Switches `live/` back, journals the failure, drops the intent.
    ///
    /// Returns where the files that lay there before were set aside, if not everything is as it was.
    fn undone(
        &mut self,
        plan: &AssignPlan,
        cause: &AssignError,
        standings: &[Standing],
        clean: bool,
    ) -> Result<Option<PathBuf>, AssignError>;
    /// The new generation stays although something failed: record and journal that, drop the intent.
    ///
    /// Returns where the files that lay there before were set aside, if this state did not write them.
    fn kept(
        &mut self,
        plan: &AssignPlan,
        cause: &AssignError,
        standings: &[Standing],
    ) -> Result<Option<PathBuf>, AssignError>;
}

/// Where a gateway stands at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub gateway: Slug,
    /// What each listener showed last.
    pub listeners: Vec<(Proof, Seen)>,
    /// Whether it was proved to serve what it should at the end.
    pub proved: bool,
    /// From commit to proof, if it was committed.
    pub took: Option<Duration>,
    /// How much of that the server's files and programs took; the rest was proof.
    pub committed: Option<Duration>,
    /// The longest that a listener which had shown a certificate showed none: from the commit on, and for what
    /// was brought back until that was proved.
    pub dark: Option<Duration>,
    /// Connections that were there before: they keep the certificate that they began with.
    pub sessions: usize,
    /// SHA-256 in hex of what was written, by path.
    pub written: BTreeMap<PathBuf, String>,
}

/// A listener that was dark before and still is, of which gateway, and why.
pub type StillDark = (Slug, Proof, String);

/// How an assignment ended.
#[derive(Debug)]
pub enum Applied {
    /// Every gateway serves the new generation, proved.
    Done {
        /// Where each stands.
        standings: Vec<Standing>,
        /// Listeners that were dark before and still are.
        dark: Vec<StillDark>,
        /// Where the files that lay there before were set aside: this state did not write them.
        replaced: Option<PathBuf>,
    },
    /// It failed, and everything is as it was, proved.
    RolledBack {
        /// Why.
        cause: AssignError,
        /// Where each stands.
        standings: Vec<Standing>,
    },
    /// It failed, and something is not as it was, or could not be proved.
    Dirty {
        /// Why.
        cause: AssignError,
        /// Where each stands.
        standings: Vec<Standing>,
        /// Where the files that lay there before were set aside.
        saved: Option<PathBuf>,
    },
}

/// What is known of a leaf that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Which.
    pub sha256: Fingerprint,
    /// The signature types that single it out.
    pub key_kind: KeyKind,
}

/// The generation to return to.
#[derive(Debug)]
pub enum Way<'a> {
    /// Back to this one.
    To(&'a Material, Leaf),
    /// Nothing was served before.
    ToNothing,
    /// There is a generation before, but it must not be served again: expired or compromised, in words.
    Barred(String),
}

/// Whether gateways are brought to the new generation, or to what they served before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    There,
    Back,
}

/// One assignment.
pub struct Assigner<'a> {
    /// What to do.
    pub plan: &'a AssignPlan,
    /// The new generation.
    pub material: &'a Material,
    /// The way back.
    pub back: Way<'a>,
    /// From commit to proof, for each gateway.
    pub prove_within: Duration,
    /// What to do when it fails.
    pub on_failure: OnFailure,
    /// Whether a command that was killed began it.
    pub run: Run,
    /// Names the transaction at the gateways.
    pub transaction: &'a str,
    /// Told what happens.
    pub observe: &'a mut dyn FnMut(Event<'_>),
    /// Asked between steps whether to stop.
    pub interrupted: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Assigner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Assigner({} {:?} -> {})",
            self.plan.certificate, self.plan.from, self.plan.to
        )
    }
}

impl Assigner<'_> {
    /// Carries the plan out. An error means that nothing was touched; what failed later is in [`Applied`].
    pub fn run(mut self, ledger: &mut dyn Ledger) -> Result<Applied, AssignError> {
        let before = self.prepare()?;
        if let Err(error) = ledger.begin(self.plan) {
            self.abort(self.plan.gateways.len());
            return Err(error);
        }
        let mut standings = Vec::new();
        let mut dark = Vec::new();
        for (gateway, seen_before) in self.plan.gateways.iter().zip(&before) {
            if (self.interrupted)() {
                return self.fail(AssignError::Interrupted, standings, &before, ledger);
            }
            let (standing, outcome) = self.commit_and_prove(gateway, seen_before, ledger);
            standings.push(standing);
            match outcome {
                Ok(still_dark) => dark.extend(still_dark),
                Err(cause) => return self.fail(cause, standings, &before, ledger),
            }
        }
        match ledger.done(self.plan, &standings) {
            Ok(replaced) => Ok(Applied::Done {
                standings,
                dark,
                replaced,
            }),
            Err(cause) => self.fail(cause, standings, &before, ledger),
        }
    }

    /// Prepares every gateway; returns what each listener showed before.
    fn prepare(&mut self) -> Result<Vec<Vec<Seen>>, AssignError> {
        let kind = self.key_kind_before();
        let before = self
            .plan
            .gateways
            .iter()
            .map(|gateway| {
                let proofs = gateway.proofs.iter();
                proofs.map(|proof| look_with(proof, kind)).collect()
            })
            .collect();
        for (number, gateway) in self.plan.gateways.iter().enumerate() {
            let prepared = if (self.interrupted)() {
                Err(AssignError::Interrupted)
            } else {
                gateway.target.prepare(&self.job())
            };
            if let Err(error) = prepared {
                self.abort(number + 1);
                return Err(error);
            }
        }
        (self.observe)(Event::Prepared);
        Ok(before)
    }

    fn job(&self) -> Job<'_> {
        Job {
            transaction: self.transaction,
            certificate: &self.plan.certificate,
            material: Some(self.material),
            live: &self.plan.live,
            domains: &self.plan.domains,
            stop: self.interrupted,
        }
    }

    /// The signature types of what is served before: a server is asked for those, or it would seem to be dark where
    /// the new key is of another type.
    fn key_kind_before(&self) -> KeyKind {
        match &self.back {
            Way::To(_, leaf) => leaf.key_kind,
            Way::ToNothing | Way::Barred(_) => KeyKind::Any,
        }
    }

    /// Takes back what the first `count` gateways have prepared.
    fn abort(&self, count: usize) {
        for gateway in self.plan.gateways.iter().take(count) {
            gateway.target.abort(self.transaction);
        }
    }

    /// Where a gateway stands then; with its listeners that were dark before and still are, or what failed.
    fn commit_and_prove(
        &mut self,
        gateway: &GatewayPlan,
        before: &[Seen],
        ledger: &mut dyn Ledger,
    ) -> (Standing, Result<Vec<StillDark>, AssignError>) {
        let start = Instant::now();
        let mut standing = Standing {
            gateway: gateway.gateway.clone(),
            listeners: Vec::new(),
            proved: false,
            took: None,
            committed: None,
            dark: None,
            sessions: connections(&sockets(), &gateway.addresses()),
            written: gateway.target.written(self.material),
        };
        if let Err(error) = gateway.target.commit(&self.job(), ledger) {
            return (standing, Err(error));
        }
        let committed = start.elapsed();
        (self.observe)(Event::Committed {
            gateway: &gateway.gateway,
            committed: gateway.committed(),
            took: committed,
        });
        // From here on, as the server's own programs may have taken their time.
        let deadline = Instant::now() + self.prove_within;
        let (shown, mut failure) = self.prove_listeners(gateway, before, Course::There, deadline);
        let any = shown.iter().any(|(_, proved)| proved.holds) || shown.is_empty();
        if failure.is_none() && !any {
            failure = shown
                .first()
                .zip(before.first())
                .map(|((proof, proved), before)| self.not_proved(gateway, proof, before, proved));
        }
        standing.proved = failure.is_none();
        standing.took = Some(start.elapsed());
        standing.committed = Some(committed);
        let went_dark = shown.iter().zip(before).any(|((_, proved), before)| {
            matches!((before, &proved.last), (Seen::Leaf(..), Seen::Dark(_)))
        });
        standing.dark = went_dark.then(|| start.elapsed());
        let mut still_dark = Vec::new();
        for ((proof, proved), before) in shown.into_iter().zip(before) {
            if let (Seen::Dark(_), Seen::Dark(why)) = (before, &proved.last) {
                still_dark.push((gateway.gateway.clone(), proof.clone(), why.clone()));
            }
            standing.listeners.push((proof, proved.last));
        }
        let outcome = match failure {
            Some(_) if (self.interrupted)() => Err(AssignError::Interrupted),
            Some(failure) => Err(failure),
            None => Ok(still_dark),
        };
        (standing, outcome)
    }

    /// Asks every listener until it shows what it should or the time is over; with what each showed last, and the first
    /// that is not proved. One that was dark and is may stay so.
    fn prove_listeners(
        &mut self,
        gateway: &GatewayPlan,
        before: &[Seen],
        course: Course,
        deadline: Instant,
    ) -> (Vec<(Proof, Proved)>, Option<AssignError>) {
        let mut failure = None;
        let mut shown: Vec<(Proof, Proved)> = Vec::new();
        for (proof, seen_before) in gateway.proofs.iter().zip(before) {
            let (proof, wanted, stop): (Proof, Wanted, Stop<'_>) = match course {
                Course::There => (
                    proof.clone(),
                    Wanted::Leaf(self.plan.leaf),
                    self.interrupted,
                ),
                Course::Back => (
                    Proof {
                        key_kind: self.key_kind_before(),
                        ..proof.clone()
                    },
                    self.wanted_back(seen_before),
                    // What was asked for is ended, not cut short.
                    &|| false,
                ),
            };
            let was_dark = matches!(seen_before, Seen::Dark(_));
            let until = if was_dark {
                deadline.min(Instant::now() + DARK_PATIENCE)
            } else {
                deadline
            };
            let mut proved = prove(&proof, wanted, until, stop);
            let as_dark = was_dark && matches!(proved.last, Seen::Dark(_));
            // Back is as it was; of the new leaf it is no proof.
            proved.holds |= as_dark && course == Course::Back;
            if !proved.holds && !as_dark {
                failure
                    .get_or_insert_with(|| self.not_proved(gateway, &proof, seen_before, &proved));
            }
            self.tell_listener(gateway, &mut shown, (proof, proved), course);
        }
        self.tell_last_listener(gateway, &shown, course);
        (shown, failure)
    }

    /// Keeps one more proof; when it begins another listener, tells the one before.
    fn tell_listener(
        &mut self,
        gateway: &GatewayPlan,
        shown: &mut Vec<(Proof, Proved)>,
        one: (Proof, Proved),
        course: Course,
    ) {
        if shown
            .last()
            .is_some_and(|(last, _)| !last.same_listener(&one.0))
        {
            self.tell_last_listener(gateway, shown, course);
        }
        shown.push(one);
    }

    fn tell_last_listener(
        &mut self,
        gateway: &GatewayPlan,
        shown: &[(Proof, Proved)],
        course: Course,
    ) {
        if let Some(listener) = shown
            .chunk_by(|(one, _), (next, _)| one.same_listener(next))
            .last()
        {
            (self.observe)(Event::Proved {
                gateway: &gateway.gateway,
                listener,
                restoring: course == Course::Back,
            });
        }
    }

    fn not_proved(
        &self,
        gateway: &GatewayPlan,
        proof: &Proof,
        before: &Seen,
        proved: &Proved,
    ) -> AssignError {
        let seen = match &proved.last {
            Seen::Leaf(leaf, _) => format!("the leaf {}", leaf.short()),
            Seen::Dark(why) => format!("no certificate: {why}"),
        };
        let own = match &self.back {
            Way::To(_, own) => Some(&own.sha256),
            Way::ToNothing | Way::Barred(_) => None,
        };
        let as_before = match (before, &proved.last) {
            (Seen::Dark(_), Seen::Dark(_)) => Some(AsBefore::Dark),
            (Seen::Leaf(before, _), Seen::Leaf(now, _)) if before == now && own != Some(now) => {
                Some(AsBefore::Foreign)
            }
            (Seen::Leaf(..) | Seen::Dark(_), Seen::Leaf(..) | Seen::Dark(_)) => None,
        };
        AssignError::NotProved {
            gateway: gateway.gateway.clone(),
            listener: proof.to_string(),
            seen,
            as_before,
            within_ms: proved.took.as_millis(),
            listens: holders(&sockets(), proof.address)
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}
