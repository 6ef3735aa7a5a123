//! Candidate paths by our own walk: for saying what is wrong where the path library only says no, and for the strict
//! reading, whose rules [`super::validate`] asks of each. Never a verdict by itself.
//!
//! The walk goes from the leaf by issuer names and key
//! identifiers, with a limit of steps and of signatures, as a hostile chain may have more paths than atoms.

use crate::x509::Certificate;
use std::cell::RefCell;
use std::collections::HashMap;
use time::OffsetDateTime;

/// Steps of the walk.
const MAX_STEPS: usize = 2_000;

/// Paths looked at more closely.
const MAX_PATHS: usize = 48;

/// Certificates of one path that is only explained.
pub(crate) const MAX_LENGTH: usize = 12;

/// Signatures computed for one chain.
const MAX_SIGNATURES: usize = 300;

/// Signature checks with a memory and a limit; beyond it, names and key identifiers have to do.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    known: HashMap<([u8; 32], [u8; 32]), bool>,
}

impl Signatures {
    /// Takes it as known that each certificate of a path, leaf first, is signed by the next.
    pub(crate) fn of_path(path: &[&Certificate]) -> Self {
        let known = path.windows(2).filter_map(|pair| match pair {
            [child, issuer] => Some((key_of(child, issuer), true)),
            _ => None,
        });
        Self {
            known: known.collect(),
        }
    }

    /// Whether `issuer`'s name and key stand behind `child`'s signature.
    pub(crate) fn verify(&mut self, child: &Certificate, issuer: &Certificate) -> bool {
        let known = self.check(child, issuer);
        known.unwrap_or_else(|| !other_key(child, issuer))
    }

    /// Whether `issuer`'s name and key are proven to stand behind `child`'s signature; beyond the limit nothing is.
    pub(crate) fn prove(&mut self, child: &Certificate, issuer: &Certificate) -> bool {
        self.check(child, issuer).unwrap_or(false)
    }

    /// Whether the limit was reached.
    pub(crate) fn exhausted(&self) -> bool {
        self.known.len() >= MAX_SIGNATURES
    }

    /// `None`: the limit is reached. What key identifiers say orders the ways of a path and rules none out (RFC 4158
    /// §3.5.12).
    fn check(&mut self, child: &Certificate, issuer: &Certificate) -> Option<bool> {
        if !child.facts().issuer.is_same(&issuer.facts().subject) {
            return Some(false);
        }
        let pair = key_of(child, issuer);
        if let Some(known) = self.known.get(&pair) {
            return Some(*known);
        }
        if self.exhausted() {
            return None;
        }
        let verifies = child.is_signed_by(issuer);
        self.known.insert(pair, verifies);
        Some(verifies)
    }
}

fn key_of(child: &Certificate, issuer: &Certificate) -> ([u8; 32], [u8; 32]) {
    (
        *child.facts().sha256.as_bytes(),
        *issuer.facts().sha256.as_bytes(),
    )
}

/// Whether the key identifiers say that another key of the same name signed.
pub(crate) fn other_key(child: &Certificate, issuer: &Certificate) -> bool {
    match (
        &child.facts().authority_key_id,
        &issuer.facts().subject_key_id,
    ) {
        (Some(wanted), Some(held)) => wanted != held,
        (None, _) | (_, None) => false,
    }
}

/// Why a candidate path ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At an anchor.
    Anchor,
    /// At a certificate signed by its own key that is no anchor.
    SelfSigned,
    /// At a certificate whose issuer is not at hand.
    NoIssuer,
    /// Nowhere: a cycle, or longer than is looked at.
    Nowhere,
}

/// A candidate: leaf first.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub certificates: Vec<&'a Certificate>,
    pub end: End,
}

/// What a walk came to.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    /// The candidates, in the order they were met.
    pub all: Vec<Candidate<'a>>,
    /// Whether the limit of steps or of paths ended the walk.
    pub gave_up: bool,
}

/// All candidates from a leaf through the pool to anchors, within the limits; `fits` says whether a certificate may
/// stand above another.
pub(crate) fn candidates<'a>(
    leaf: &'a Certificate,
    pool: &[&'a Certificate],
    anchors: &[&'a Certificate],
    max_length: usize,
    fits: &mut dyn FnMut(&Certificate, &Certificate) -> bool,
) -> Candidates<'a> {
    let mut walk = Walk {
        pool,
        anchors,
        max_length,
        fits,
        steps: 0,
        found: Vec::new(),
    };
    walk.go(&mut vec![leaf]);
    Candidates {
        gave_up: walk.steps > MAX_STEPS || walk.found.len() >= MAX_PATHS,
        all: walk.found,
    }
}

/// The certificates of a pool that stand on some way of names from the leaf to an anchor with at most `most`
/// intermediates, and whether there is a way at all.
///
/// The path library tries every way through what it is given, and certificates that all name each other have more
/// ways than it can try; those that lead nowhere are kept from it: also what is no CA or outside its time at `moment`,
/// and what names an anchor that has not signed it, as no way over them stands.
pub(crate) fn between<'a>(
    leaf: &'a Certificate,
    pool: &[&'a Certificate],
    anchors: &[&'a Certificate],
    most: usize,
    moment: OffsetDateTime,
) -> (Vec<&'a Certificate>, bool) {
    let stands = |one: &&&Certificate| {
        let facts = one.facts();
        one.is_ca() && (facts.not_before..=facts.not_after).contains(&moment)
    };
    let pool: Vec<&Certificate> = pool.iter().filter(stands).copied().collect();
    let pool = pool.as_slice();
    let issued = |child: &Certificate, issuer: &Certificate| {
        child.facts().issuer.der == issuer.facts().subject.der
    };
    let signatures = RefCell::new(Signatures::default());
    let is_signed = |one: &Certificate| {
        let mut anchors = anchors.iter();
        anchors.any(|anchor| issued(one, anchor) && signatures.borrow_mut().verify(one, anchor))
    };
    // Intermediates from the leaf up to this one, and from this one up to an anchor.
    let up = distances(pool, |one| issued(leaf, one), |near, far| issued(near, far));
    let down = distances(pool, is_signed, |near, far| issued(far, near));
    let kept: Vec<&Certificate> = pool
        .iter()
        .zip(up.iter().zip(&down))
        .filter(|(_, way)| match way {
            (Some(up), Some(down)) => up + down <= most + 1,
            (None, _) | (_, None) => false,
        })
        .map(|(one, _)| *one)
        .collect();
    let any = !kept.is_empty() || anchors.iter().any(|anchor| issued(leaf, anchor));
    (kept, any)
}

/// Steps to each of the pool from those that are `first` (which are at 1), going from near to far.
fn distances(
    pool: &[&Certificate],
    first: impl Fn(&Certificate) -> bool,
    next: impl Fn(&Certificate, &Certificate) -> bool,
) -> Vec<Option<usize>> {
    let mut found: Vec<Option<usize>> = pool.iter().map(|one| first(one).then_some(1)).collect();
    for step in 1..pool.len() {
        let edge: Vec<&Certificate> = pool
            .iter()
            .zip(&found)
            .filter(|(_, at)| **at == Some(step))
            .map(|(one, _)| *one)
            .collect();
        if edge.is_empty() {
            break;
        }
        for (one, at) in pool.iter().zip(found.iter_mut()) {
            if at.is_none() && edge.iter().any(|near| next(near, one)) {
                *at = Some(step + 1);
            }
        }
    }
    found
}

/// Whether names and key identifiers let a certificate stand above another.
pub(crate) fn names_fit(child: &Certificate, issuer: &Certificate) -> bool {
    child.facts().issuer.is_same(&issuer.facts().subject) && !other_key(child, issuer)
}

struct Walk<'a, 'b> {
    pool: &'b [&'a Certificate],
    anchors: &'b [&'a Certificate],
    max_length: usize,
    fits: &'b mut dyn FnMut(&Certificate, &Certificate) -> bool,
    steps: usize,
    found: Vec<Candidate<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn go(&mut self, path: &mut Vec<&'a Certificate>) {
        self.steps += 1;
        let Some(head) = path.last().copied() else {
            return;
        };
        if self.steps > MAX_STEPS || self.found.len() >= MAX_PATHS {
            return;
        }
        if path.len() > self.max_length {
            self.end(path, End::Nowhere);
            return;
        }
        let mut went = false;
        for anchor in self.anchors {
            if !(self.fits)(head, anchor) {
                continue;
            }
            went = true;
            path.push(anchor);
            self.end(path, End::Anchor);
            path.pop();
        }
        if head.facts().subject.der == head.facts().issuer.der && head.is_self_signed() {
            if !went {
                self.end(path, End::SelfSigned);
            }
            return;
        }
        let mut cycle = false;
        for issuer in self.pool {
            // RFC 4158 §5.2: the same name with the same key twice is a loop.
            let seen = path.iter().any(|one| {
                one.facts().spki_sha256 == issuer.facts().spki_sha256
                    && one.facts().subject.is_same(&issuer.facts().subject)
            });
            if seen && names_fit(head, issuer) {
                cycle = true;
            }
            if seen || !(self.fits)(head, issuer) {
                continue;
            }
            went = true;
            path.push(issuer);
            self.go(path);
            path.pop();
        }
        if !went {
            self.end(path, if cycle { End::Nowhere } else { End::NoIssuer });
        }
    }

    fn end(&mut self, path: &[&'a Certificate], end: End) {
        if self.found.len() < MAX_PATHS {
            self.found.push(Candidate {
                certificates: path.to_vec(),
                end,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

    fn spec(name: &str) -> IssueSpec {
        IssueSpec {
            ca: Some(None),
            ..IssueSpec::of(
                Subject::named(name),
                NOW - Duration::days(10),
                NOW + Duration::days(10),
            )
        }
    }

    #[test]
    fn no_bridge_that_does_not_stand_leads_a_lattice_to_an_anchor() {
        let keys: Vec<PrivateKey> = (0..3)
            .map(|_| PrivateKey::generate(KeyType::Ec256).unwrap())
            .collect();
        let own = |spec: &IssueSpec, key: &PrivateKey| {
            issue(spec, key.spki_der(), &Issuer::own(key)).unwrap()
        };
        let below = |spec: &IssueSpec, above: &Certificate, key: &PrivateKey| {
            let issuer = Issuer {
                certificate: Some(above),
                key,
            };
            issue(spec, keys[2].spki_der(), &issuer).unwrap()
        };
        let anchor = own(&spec("Root"), &keys[0]);
        let expired = IssueSpec {
            not_after: NOW - Duration::days(1),
            ..spec("Bridge")
        };
        let no_ca = IssueSpec {
            ca: None,
            ..spec("Bridge")
        };
        for (bridge, kept) in [
            (below(&spec("Bridge"), &anchor, &keys[0]), 4),
            (below(&expired, &anchor, &keys[0]), 0),
            (below(&no_ca, &anchor, &keys[0]), 0),
            // The anchor's name, and another's key.
            (below(&spec("Bridge"), &anchor, &keys[1]), 0),
        ] {
            let lattice: Vec<Certificate> = (1..4)
                .map(|serial| {
                    let spec = IssueSpec {
                        serial: vec![serial],
                        ..spec("Bridge")
                    };
                    below(&spec, &bridge, &keys[2])
                })
                .collect();
            let leaf = below(&spec("leaf"), &bridge, &keys[2]);
            let pool: Vec<&Certificate> = std::iter::once(&bridge).chain(&lattice).collect();
            let (found, any) = between(&leaf, &pool, &[&anchor], 7, NOW);
            assert_eq!((found.len(), any), (kept, kept > 0));
        }
        // A leaf that the anchor itself has signed needs nothing between.
        let leaf = below(&spec("leaf"), &anchor, &keys[0]);
        assert!(between(&leaf, &[], &[&anchor], 7, NOW).1);
    }
}
