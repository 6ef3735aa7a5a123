//! Whether a certificate is due for renewal: how much of its life is left, and at how much its issuer wants the next.

use crate::cli::Context;
use crate::cli::barred::Barred;
use crate::cli::expectation;
use crate::cli::named::{Asked, no_certificate, no_such_certificate};
use crate::cli::output::Failure;
use crate::cli::request::{open_if_there, store_failure};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::request::IssuerProfile;
use crate::store::{AssignmentRecord, GenerationRecord, Store};
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
    /// A newer one than that, which waits to be assigned; one that the last rollback left waits for nothing.
    pub newer: Option<u32>,
    /// The highest number given; what has changed since tells of another run.
    pub newest: Option<u32>,
    /// One that was staged, and from when on it is to be current; not once that has come and it is of no use.
    pub staged: Option<(u32, OffsetDateTime)>,
    /// When the judged one ends.
    pub not_after: Option<OffsetDateTime>,
    /// Share of its life that is left, 0.0 to 1.0; 0 without a generation.
    pub left: f64,
    /// Share at which renewal is due.
    pub renew_at: f64,
    /// Whether the key of the judged one can be served again.
    pub key: KeyStanding,
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
    /// Whether it is due: nothing that could be served or nothing assigned, little life left, or a key that is
    /// compromised.
    pub fn is_due(&self) -> bool {
        self.generation.is_none()
            || self.left < self.renew_at
            || self.key == KeyStanding::Compromised
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
            Some(number) => format!(
                "{}/{number}: {:.0}% of its life is left, due below {:.0}%",
                self.certificate,
                self.left * 100.0,
                self.renew_at * 100.0
            ),
        }
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "certificate": self.certificate.as_str(),
            "generation": self.generation,
            "due": self.is_due(),
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
        Some(store) if generations.iter().any(is_newer) => {
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
    let staged = assigned.staged.filter(|staged| {
        staged.effective > context.now
            || generations
                .iter()
                .filter(is_of_use)
                .any(|one| one.number == staged.generation)
    });
    let renew_at = renew_at(deployment, &certificate, newest)?;
    Ok(Standing {
        generation: judged.map(|one| one.number),
        newer,
        newest: newest.map(|one| one.number),
        staged: staged.map(|one| (one.generation, one.effective)),
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
