//! Whether a renewal is late by the rhythm of the certificate's issuer.

use super::{Context, Surroundings};
use crate::cli::renew::due::{KeyStanding, Standing, standings};
use crate::findings::{Code, Finding};
use crate::names::Slug;

/// How much of `renew-at` may pass before a renewal is late, so that a timer has its days: of 33 % down to 28 %.
const PATIENCE: f64 = 0.85;

/// A renewal that should be under way and is not; `pending` says whether a request waits.
pub(super) fn late(
    context: &Context,
    around: &Surroundings,
    name: &Slug,
    pending: Pending,
) -> Option<Finding> {
    // What is wrong with the state or the issuer is told where they are read.
    let standing = standings(context, around.deployment.as_ref(), Some(name))
        .ok()?
        .into_iter()
        .find(|standing| standing.certificate == *name)?;
    finding(&standing, pending)
}

/// Whether a request waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    /// One does.
    Waits,
    /// None does.
    Nothing,
}

fn finding(standing: &Standing, pending: Pending) -> Option<Finding> {
    let number = standing.generation?;
    let in_time = standing.left >= standing.renew_at * PATIENCE;
    // What has ended, and what is barred, is told by its own finding.
    if in_time || standing.left <= 0.0 || standing.key == KeyStanding::Compromised {
        return None;
    }
    let name = &standing.certificate;
    let (what, why, mend) = match (standing.newer, standing.staged, pending) {
        // A staged one takes its place by itself; a request that waits is told when it waits long.
        (_, Some(_), _) | (None, None, Pending::Waits) => return None,
        (Some(newer), None, _) => (
            "was renewed, and the new generation is not assigned",
            format!("{}; {name}/{newer} is there", standing.words()),
            format!("`edgecert assign {name}/{newer}`"),
        ),
        (None, None, Pending::Nothing) => (
            "its renewal is late",
            format!("{}, and no request waits", standing.words()),
            format!("`edgecert renew {name}`, then see why the timer did not"),
        ),
    };
    Some(Finding::new(
        Code::RequestRenewalLate,
        format!("{name}/{number}"),
        what,
        why,
        mend,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_is_late_when_its_time_has_passed_and_nothing_is_under_way() {
        let standing = |left: f64, newer: Option<u32>| Standing {
            certificate: Slug::parse("external-edge").unwrap(),
            generation: Some(3),
            newer,
            newest: Some(newer.unwrap_or(3)),
            staged: None,
            not_after: None,
            left,
            renew_at: 0.33,
            key: KeyStanding::Good,
        };
        let wait = (Pending::Waits, Pending::Nothing);
        for (left, newer, pending, mend) in [
            (0.40, None, wait.1, None),
            // Due for a day: the timer has its time.
            (0.30, None, wait.1, None),
            (0.27, None, wait.1, Some("`edgecert renew external-edge`")),
            (0.27, None, wait.0, None),
            (
                0.27,
                Some(4),
                wait.0,
                Some("`edgecert assign external-edge/4`"),
            ),
            (0.0, None, wait.1, None),
        ] {
            let found = finding(&standing(left, newer), pending);
            assert_eq!(found.is_some(), mend.is_some(), "{left} {found:?}");
            if let (Some(found), Some(mend)) = (found, mend) {
                assert!(found.mend.starts_with(mend), "{found:?}");
                assert_eq!(found.code.as_str(), "request.renewal-late");
            }
        }
        let none = Standing {
            generation: None,
            ..standing(0.0, None)
        };
        assert_eq!(finding(&none, Pending::Nothing), None);
    }
}
