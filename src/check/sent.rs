//! The certificates that were sent after a leaf, and which of them a leaf cannot outlive.

use crate::findings::Finding;
use crate::x509::{Certificate, Fingerprint};
use time::OffsetDateTime;

/// A certificate that was sent after a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What people call it.
    pub name: String,
    /// Its last second.
    pub not_after: OffsetDateTime,
    /// Whether the leaf is worth no more than this: it stands on the way by which the chain holds. Where none is known,
    /// all do, but for roots, which peers do not use as they are sent, and for what has ended and is found no fault with.
    pub weighs: bool,
}

impl Sent {
    /// Those after the leaf, in their order, with what was found of the chain at that moment, and the path where there is
    /// one.
    pub fn all(
        others: &[Certificate],
        findings: &[Finding],
        on_path: &[Fingerprint],
        now: OffsetDateTime,
    ) -> Vec<Self> {
        let is_faulted = |number: usize| {
            let place = format!("intermediate {number}");
            findings.iter().any(|one| {
                let rest = one.place.strip_prefix(&place);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
            })
        };
        let numbered = others.iter().zip(1..);
        numbered
            .map(|(one, number)| Self {
                name: one.display_name(),
                not_after: one.facts().not_after,
                weighs: is_on_the_way(one, on_path)
                    && (!on_path.is_empty() || now <= one.facts().not_after || is_faulted(number)),
            })
            .collect()
    }
}

/// Whether it is no root, and the path, where one is known, goes over it.
pub(super) fn is_on_the_way(one: &Certificate, path: &[Fingerprint]) -> bool {
    !is_self_issued(one) && (path.is_empty() || path.contains(&one.facts().sha256))
}

/// Whether subject and issuer are one name: a root, whoever signed it.
pub(super) fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.facts().subject.der == certificate.facts().issuer.der
}
