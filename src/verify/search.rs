//! Candidate paths by our own walk, for saying what is wrong where the path library only says no.
//!
//! Never a verdict: that is [`super::path`]'s, by webpki. The walk goes from the leaf by issuer names and key
//! identifiers, with a limit of steps and of signatures, as a hostile chain may have more paths than atoms.

use crate::x509::Certificate;
use std::collections::HashMap;

/// Steps of the walk.
const MAX_STEPS: usize = 2_000;

/// Paths looked at more closely.
const MAX_PATHS: usize = 48;

/// Certificates of one path.
const MAX_LENGTH: usize = 12;

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
        if child.facts().issuer.der != issuer.facts().subject.der || other_key(child, issuer) {
            return false;
        }
        let pair = key_of(child, issuer);
        if let Some(known) = self.known.get(&pair) {
            return *known;
        }
        if self.known.len() >= MAX_SIGNATURES {
            return true;
        }
        let verifies = child.is_signed_by(issuer);
        self.known.insert(pair, verifies);
        verifies
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

/// All candidates from a leaf through the pool to anchors, within the limits.
pub(crate) fn candidates<'a>(
    leaf: &'a Certificate,
    pool: &[&'a Certificate],
    anchors: &[&'a Certificate],
) -> Vec<Candidate<'a>> {
    let mut walk = Walk {
        pool,
        anchors,
        steps: 0,
        found: Vec::new(),
    };
    walk.go(&mut vec![leaf]);
    walk.found
}

struct Walk<'a, 'b> {
    pool: &'b [&'a Certificate],
    anchors: &'b [&'a Certificate],
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
        if path.len() > MAX_LENGTH {
            self.end(path, End::Nowhere);
            return;
        }
        let fits = |issuer: &Certificate| {
            issuer.facts().subject.der == head.facts().issuer.der && !other_key(head, issuer)
        };
        let mut went = false;
        for anchor in self.anchors.iter().copied().filter(|one| fits(one)) {
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
        for issuer in self.pool.iter().copied().filter(|one| fits(one)) {
            // RFC 4158 §5.2: the same name with the same key twice is a loop.
            let seen = path.iter().any(|one| {
                one.facts().spki_sha256 == issuer.facts().spki_sha256
                    && one.facts().subject.der == issuer.facts().subject.der
            });
            if seen {
                cycle = true;
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
