//! Whether a certificate is due for renewal: how much of its life is left, and at how much its issuer wants the next.

use crate::cli::Context;
use crate::cli::barred::Barred;
use crate::cli::expectation;
use crate::cli::named::{Asked, no_certificate, no_such_certificate};
use crate::cli::output::Failure;
use crate::cli::render;
use crate::cli::request::{open_if_there, store_failure};
use crate::cli::staged::{ends_first, is_overdue, latest};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::request::IssuerProfile;
use crate::store::{AssignmentRecord, GenerationRecord, Staged, Store};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Share of life left at which to renew where nobody says it: a third, as ACME clients do.
const RENEW_AT: f64 = 0.33;

/// How a certificate stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The lineage.
    pub certificate: Slug,
    /// The generation that is judged: the current one, else the newest where no gateway is to serve it;
    /// `None`: there is neither.
    pub generation: Option<u32>,
    /// A newer one than that, which waits to be assigned; one that was gone back from waits for nothing.
    pub newer: Option<u32>,
    /// The highest number given; what has changed since tells of another run.
    pub newest: Option<u32>,
    /// One that is staged; not one that comes too late, and once its time has come not one that cannot be served.
    pub staged: Option<ToCome>,
    /// When the judged one ends.
    pub not_after: Option<OffsetDateTime>,
    /// Share of its life that is left, 0.0 to 1.0; 0 without a generation.
    pub left: f64,
    /// Share at which renewal is due.
    pub renew_at: f64,
    /// Whether the key of the judged one can be served again.
    pub key: KeyStanding,
}

/// A staged generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToCome {
    /// The generation.
    pub number: u32,
    /// From when on it is to be current.
    pub effective: OffsetDateTime,
    /// Whether that time has come.
    pub turn: Turn,
}

/// Where the time of what is staged stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is to come.
    Waits,
    /// It has come, and the timer of `assign --due` may be about to see to it.
    Now,
    /// It has come long ago, and nobody saw to it.
    Missed,
}

/// What is known of a generation's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// Nothing against it.
    Good,
    /// It is marked as compromised.
    Compromised,
}

impl Standing {
    /// Whether it is due: nothing that could be served or nothing assigned, little life left, a key that is
    /// compromised, or a staged generation whose time was missed.
    pub fn is_due(&self) -> bool {
        self.because().is_some()
    }

    /// Why it is due, for scripts.
    fn because(&self) -> Option<&'static str> {
        match (self.generation, self.newer) {
            (None, Some(_)) => return Some("not-assigned"),
            (None, None) => return Some("no-generation"),
            (Some(_), _) => {}
        }
        if self.key == KeyStanding::Compromised {
            Some("key-compromised")
        } else if self.missed().is_some() {
            Some("staging-missed")
        } else if self.left < self.renew_at {
            Some("little-life-left")
        } else {
            None
        }
    }

    /// What was staged, and was not assigned when its time had come.
    fn missed(&self) -> Option<ToCome> {
        self.staged.filter(|staged| staged.turn == Turn::Missed)
    }

    /// `external-edge/3: 20% of its life is left, due at 33%`.
    pub fn words(&self) -> String {
        match self.generation {
            None => match self.newer {
                Some(number) => format!("{}/{number}: not assigned yet", self.certificate),
                None => format!("{}: no generation yet", self.certificate),
            },
            Some(number) if self.key == KeyStanding::Compromised => {
                format!("{}/{number}: its key is compromised", self.certificate)
            }
            Some(number) => match self.missed() {
                Some(missed) => format!(
                    "{}/{}: was staged for {}, and is not assigned",
                    self.certificate,
                    missed.number,
                    render::moment(missed.effective)
                ),
                None => format!(
                    "{}/{number}: {:.0}% of its life is left, due below {:.0}%",
                    self.certificate,
                    self.left * 100.0,
                    self.renew_at * 100.0
                ),
            },
        }
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "certificate": self.certificate.as_str(),
            "generation": self.generation,
            "due": self.is_due(),
            "because": self.because(),
            "not_after": self.not_after.map(crate::cli::render::rfc3339),
            "life_left_percent": self.generation.map(|_| (self.left * 1000.0).round() / 10.0),
            "renew_at_percent": (self.renew_at * 1000.0).round() / 10.0,
        })
    }
}

/// The certificates that are meant: the one named, else all of the deployment, else all of the state.
///
/// Errors: no certificate of that name, or none at all.
pub fn standings(
    context: &Context,
    deployment: Option<&Deployment>,
    name: Option<&Slug>,
) -> Result<Vec<Standing>, Failure> {
    let store = open_if_there(context, deployment)?;
    let mut known: Vec<Slug> = match deployment {
        Some(deployment) => deployment
            .certificates
            .iter()
            .map(|one| one.name.clone())
            .collect(),
        None => Vec::new(),
    };
    if let Some(store) = &store
        && (deployment.is_none() || name.is_some())
    {
        for certificate in store
            .certificates()
            .map_err(|error| store_failure(&error))?
        {
            if !known.contains(&certificate) {
                known.push(certificate);
            }
        }
    }
    let meant: Vec<Slug> = match name {
        Some(name) => known.iter().filter(|one| *one == name).cloned().collect(),
        None => known.clone(),
    };
    if meant.is_empty() {
        let words: Vec<&str> = known.iter().map(Slug::as_str).collect();
        return Err(match name {
            Some(name) => no_such_certificate(name, &words, Asked::Both),
            None => no_certificate(Asked::Both),
        });
    }
    meant
        .into_iter()
        .map(|certificate| standing(context, deployment, store.as_ref(), certificate))
        .collect()
}

/// How one certificate stands now. Effects: reads the state.
pub fn standing(
    context: &Context,
    deployment: Option<&Deployment>,
    store: Option<&Store>,
    certificate: Slug,
) -> Result<Standing, Failure> {
    let (mut generations, mut assigned) = (Vec::new(), AssignmentRecord::default());
    if let Some(store) = store {
        generations = store
            .generations(&certificate)
            .map_err(|error| store_failure(&error))?;
        assigned = store
            .assignment(&certificate)
            .map_err(|error| store_failure(&error))?;
    }
    let newest = generations.last();
    // A first assignment that failed is retried like any other; a staged one has not failed.
    let never_served = assigned.current.is_none()
        && assigned.staged.is_none()
        && deployment.is_some_and(|all| !all.gateways_of(&certificate).is_empty());
    let judged = assigned
        .current
        .and_then(|current| generations.iter().find(|one| one.number == current))
        .or(newest.filter(|_| !never_served));
    let is_newer = |one: &GenerationRecord| judged.is_none_or(|judged| one.number > judged.number);
    let barred = match store {
        // The journal is gone through where there is something to leave out.
        Some(store) if assigned.staged.is_some() || generations.iter().any(is_newer) => {
            Barred::read(store).map_err(|error| store_failure(&error))?
        }
        Some(_) | None => Barred::default(),
    };
    // What has ended is not worth assigning: the next request is.
    let is_of_use = |one: &&GenerationRecord| {
        is_newer(one) && !barred.has(one) && life_left(one, context.now) > 0.0
    };
    let newer = generations
        .iter()
        .rev()
        .filter(|one| barred.allows(one))
        .find(is_of_use)
        .map(|one| one.number);
    let staged = to_come(
        context.now,
        deployment,
        &certificate,
        &generations,
        &assigned,
    )
    .filter(|staged| {
        let can_be_served = |one: &&GenerationRecord| {
            one.number == staged.number && !barred.has(one) && life_left(one, context.now) > 0.0
        };
        staged.turn == Turn::Waits || generations.iter().any(|one| can_be_served(&one))
    });
    let renew_at = renew_at(deployment, &certificate, newest)?;
    Ok(Standing {
        generation: judged.map(|one| one.number),
        newer,
        newest: newest.map(|one| one.number),
        staged,
        not_after: judged.map(|one| one.leaf.not_after),
        left: judged.map_or(0.0, |one| life_left(one, context.now)),
        renew_at,
        key: match judged {
            Some(one) if one.compromised => KeyStanding::Compromised,
            Some(_) | None => KeyStanding::Good,
        },
        certificate,
    })
}

/// What is staged: it was said knowingly, whatever its number. Not where what is live ends before its time, nor where it
/// is for some of the gateways alone: then it is one that waits like any other.
fn to_come(
    now: OffsetDateTime,
    deployment: Option<&Deployment>,
    certificate: &Slug,
    generations: &[GenerationRecord],
    assigned: &AssignmentRecord,
) -> Option<ToCome> {
    let staged = assigned.staged.as_ref()?;
    let is_meant = |name: &Slug| {
        staged.gateways.is_empty() || staged.gateways.iter().any(|one| one == name.as_str())
    };
    let gateways: Vec<&Slug> = deployment
        .map(|all| all.gateways_of(certificate))
        .unwrap_or_default()
        .into_iter()
        .map(|gateway| &gateway.name)
        .filter(|name| is_meant(name))
        .collect();
    let is_planned = deployment.is_some_and(|all| all.certificate(certificate).is_some());
    let turn = match staged.effective > now {
        true => Turn::Waits,
        // Without a table nothing can be assigned.
        false if is_overdue(staged, now) && is_planned => Turn::Missed,
        false => Turn::Now,
    };
    let begins = generations
        .iter()
        .find(|one| one.number == staged.generation)
        .map(|one| one.leaf.not_before);
    let last = ends_first(assigned, generations, &gateways)
        .zip(begins)
        .map(|(live, begins)| latest(&live, begins));
    let too_late = turn == Turn::Waits && last.is_some_and(|last| last < staged.effective);
    let leaves_some = turn == Turn::Waits && !covers_all(deployment, certificate, assigned, staged);
    (!too_late && !leaves_some).then_some(ToCome {
        number: staged.generation,
        effective: staged.effective,
        turn,
    })
}

/// Whether what is staged is what every gateway of the certificate will have then. One that is current already and
/// staged for the rest is no next one.
pub(super) fn covers_all(
    deployment: Option<&Deployment>,
    certificate: &Slug,
    assigned: &AssignmentRecord,
    staged: &Staged,
) -> bool {
    let will_have = |name: &str| {
        let there = assigned.gateways.get(name);
        staged.gateways.iter().any(|one| one == name)
            || there
                .is_some_and(|there| there.generation == staged.generation && there.is_settled())
    };
    let all = deployment.map(|all| all.gateways_of(certificate));
    let all = all.unwrap_or_default();
    assigned.current != Some(staged.generation)
        && (staged.gateways.is_empty()
            || all.iter().all(|gateway| will_have(gateway.name.as_str())))
}

/// Share of a generation's life that is left; notAfter is included (RFC 5280 §4.1.2.5).
pub fn life_left(record: &GenerationRecord, now: OffsetDateTime) -> f64 {
    record.leaf.window().life_left(now)
}

/// The issuer's `renew-at`, else its profile's, else that of the profile the newest generation was asked with.
fn renew_at(
    deployment: Option<&Deployment>,
    certificate: &Slug,
    newest: Option<&GenerationRecord>,
) -> Result<f64, Failure> {
    if let Some(deployment) = deployment
        && let Some(own) = deployment.certificate(certificate)
    {
        let issuer = expectation::issuer_of(deployment, own)?;
        return match issuer.renew_at {
            Some(share) => Ok(share),
            None => expectation::profile(deployment, issuer).map(|profile| profile.renew_at),
        };
    }
    Ok(newest
        .and_then(|newest| newest.issuer_profile.as_deref())
        .and_then(IssuerProfile::built_in)
        .map_or(RENEW_AT, |profile| profile.renew_at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_is_less_life_than_the_issuer_wants_or_none_at_all() {
        let standing = |generation, left, key| Standing {
            certificate: Slug::parse("external-edge").unwrap(),
            generation,
            newer: None,
            newest: generation,
            staged: None,
            not_after: None,
            left,
            renew_at: 0.33,
            key,
        };
        let (good, bad) = (KeyStanding::Good, KeyStanding::Compromised);
        for (generation, left, key, due) in [
            (None, 0.0, good, true),
            (Some(1), 0.5, good, false),
            (Some(1), 0.33, good, false),
            (Some(1), 0.32, good, true),
            (Some(1), 0.0, good, true),
            (Some(1), 0.9, bad, true),
        ] {
            assert_eq!(
                standing(generation, left, key).is_due(),
                due,
                "{generation:?} {left} {key:?}"
            );
        }
    }
}
