//! The certificates that were sent after a leaf, and which of them a leaf cannot outlive.

use crate::findings::Finding;
use crate::x509::Certificate;
use time::OffsetDateTime;

/// A certificate that was sent after a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What people call it.
    pub name: String,
    /// Its last second.
    pub not_after: OffsetDateTime,
    /// Whether the leaf is worth no more than this. A root that is sent is not what peers use; one that has ended, and
    /// that is found no fault with, is not on the way by which the chain holds.
    pub weighs: bool,
}

impl Sent {
    /// Those after the leaf, in their order, with what was found of the chain at that moment.
    pub fn all(others: &[Certificate], findings: &[Finding], now: OffsetDateTime) -> Vec<Self> {
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
                weighs: !is_self_issued(one)
                    && (now <= one.facts().not_after || is_faulted(number)),
            })
            .collect()
    }
}

/// Whether subject and issuer are one name: a root, whoever signed it.
pub(super) fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.facts().subject.der == certificate.facts().issuer.der
}
