//! The resolver: SRV, A and AAAA, TLSA and CAA, each answer with the proof that DNSSEC gives it.
//!
//! The types of the crate behind it never leave this room. Names are asked as they are given: no search list, no hosts
//! file, `localhost` excepted. A resolver that knows no DNSSEC is used all the same; its answers are
//! [`Proof::Indeterminate`]. Every question has a time limit, every answer a limit of records. Not here: what a record
//! should be, and what it leads to (`check`). RFC 1035, RFC 2782, RFC 4033 §5, RFC 6698, RFC 8659.

mod error;
mod order;
mod read;
mod record;
mod resolver;
mod setup;

pub use error::DnsError;
pub use order::in_order;
pub use record::{Caa, Srv, Tlsa};
pub use resolver::Resolver;
pub use setup::IN_FLIGHT;

/// Most records of one answer that are kept; the rest is counted.
pub const MAX_RECORDS: usize = 100;

/// How far an answer can be believed (RFC 4033 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Signed, from a trust anchor down to the records.
    Secure,
    /// Proved to lie in a zone that is not signed.
    Insecure,
    /// It ought to be signed, and its signatures do not hold.
    Bogus,
    /// Not known: the resolver gives no signatures.
    Indeterminate,
}

impl Proof {
    /// The word of the machine contract.
    pub fn word(self) -> &'static str {
        match self {
            Proof::Secure => "secure",
            Proof::Insecure => "insecure",
            Proof::Bogus => "bogus",
            Proof::Indeterminate => "indeterminate",
        }
    }

    /// What holds of two answers together: no more than of the weaker one.
    #[must_use]
    pub fn and(self, other: Proof) -> Proof {
        let rank = |proof: Proof| match proof {
            Proof::Bogus => 0,
            Proof::Indeterminate => 1,
            Proof::Insecure => 2,
            Proof::Secure => 3,
        };
        match rank(self) <= rank(other) {
            true => self,
            false => other,
        }
    }
}

/// Whether there was something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Records.
    Found,
    /// The name exists, without records of this type.
    NoRecords,
    /// The name does not exist (NXDOMAIN).
    NoDomain,
}

/// What the resolver said to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The name that was asked for, without the root's dot.
    pub asked: String,
    /// At most [`MAX_RECORDS`].
    pub records: Vec<T>,
    /// Records beyond them.
    pub left_out: usize,
    /// How far it can be believed; of an answer without records too.
    pub proof: Proof,
    /// Whether there was something.
    pub outcome: Outcome,
    /// The first CNAME's target, where the name is an alias; printable, without the root's dot.
    pub alias: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_proofs_are_worth_the_weaker_one() {
        for (one, other, both) in [
            (Proof::Secure, Proof::Secure, Proof::Secure),
            (Proof::Secure, Proof::Insecure, Proof::Insecure),
            (Proof::Insecure, Proof::Indeterminate, Proof::Indeterminate),
            (Proof::Indeterminate, Proof::Bogus, Proof::Bogus),
        ] {
            assert_eq!(one.and(other), both);
            assert_eq!(other.and(one), both);
        }
    }
}
