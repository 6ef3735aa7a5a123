//! Certificate policies along a path (RFC 5280 §6.1.2-6.1.5), for a reader who wants no policy of their own.
//!
//! With any policy wanted, only one question is left of the policy tree: whether it is empty where an issuer requires
//! an explicit policy. So the leaves of the tree are kept as a set (RFC 9618 shows that nothing more is needed), which
//! cannot grow without bounds as the tree can.

use crate::x509::Certificate;
use crate::x509::policies::{ANY_POLICY, Policies};
use std::collections::BTreeSet;

/// A certificate whose policies break the path.
pub(crate) struct Breach<'a> {
    /// Which.
    pub certificate: &'a Certificate,
    /// Why.
    pub why: &'static str,
}

/// The counters and the leaves of the tree, as of one certificate.
struct State {
    /// Policies that may follow; empty: the tree is empty.
    valid: BTreeSet<String>,
    explicit: u32,
    mapping: u32,
    any: u32,
}

/// The first breach on a path, leaf first, anchor last.
pub(crate) fn breach<'a>(path: &[&'a Certificate]) -> Option<Breach<'a>> {
    let below = path.get(..path.len().saturating_sub(1)).unwrap_or_default();
    let start = u32::try_from(path.len()).unwrap_or(u32::MAX);
    let mut state = State {
        valid: BTreeSet::from([ANY_POLICY.to_owned()]),
        explicit: start,
        mapping: start,
        any: start,
    };
    for (index, certificate) in below.iter().enumerate().rev() {
        // What cannot be read makes the certificate malformed, which is told as such (`form.extension`).
        let policies = certificate.policies().unwrap_or_default();
        let facts = certificate.facts();
        let last = index == 0;
        let self_issued = facts.subject.is_same(&facts.issuer);
        state.take(&policies, !last && self_issued);
        if last {
            // §6.1.5 (a, b)
            state.explicit = state.explicit.saturating_sub(1);
            if policies.require_explicit == Some(0) {
                state.explicit = 0;
            }
        }
        if state.explicit == 0 && state.valid.is_empty() {
            return Some(Breach {
                certificate,
                why: "an issuer requires an explicit policy, and none is valid along the path",
            });
        }
        if !last {
            state.prepare(&policies, self_issued);
        }
    }
    None
}

impl State {
    /// §6.1.3 (d, e): what is left of the tree after this certificate's own policies.
    fn take(&mut self, policies: &Policies, may_use_any: bool) {
        let Some(own) = &policies.policies else {
            self.valid.clear();
            return;
        };
        let before = std::mem::take(&mut self.valid);
        let any_before = before.contains(ANY_POLICY);
        self.valid = own
            .iter()
            .filter(|one| *one != ANY_POLICY && (any_before || before.contains(*one)))
            .cloned()
            .collect();
        if own.contains(ANY_POLICY) && (self.any > 0 || may_use_any) {
            self.valid.extend(before);
        }
    }

    /// §6.1.4 (b, h-j): mappings and counters for the next certificate.
    fn prepare(&mut self, policies: &Policies, self_issued: bool) {
        let any = self.valid.contains(ANY_POLICY);
        let mapped: BTreeSet<&String> = policies.mappings.iter().map(|(from, _)| from).collect();
        let known: BTreeSet<String> = mapped
            .iter()
            .filter(|from| any || self.valid.contains(**from))
            .map(|from| (*from).clone())
            .collect();
        for from in &known {
            self.valid.remove(from);
        }
        if self.mapping > 0 {
            let added = policies
                .mappings
                .iter()
                .filter(|(from, _)| known.contains(from))
                .map(|(_, to)| to.clone());
            self.valid.extend(added);
        }
        if !self_issued {
            self.explicit = self.explicit.saturating_sub(1);
            self.mapping = self.mapping.saturating_sub(1);
            self.any = self.any.saturating_sub(1);
        }
        for (counter, limit) in [
            (&mut self.explicit, policies.require_explicit),
            (&mut self.mapping, policies.inhibit_mapping),
            (&mut self.any, policies.inhibit_any),
        ] {
            *counter = limit.map_or(*counter, |limit| limit.min(*counter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(own: Option<&[&str]>, mappings: &[(&str, &str)]) -> Policies {
        Policies {
            policies: own.map(|own| own.iter().map(|one| (*one).to_owned()).collect()),
            mappings: mappings
                .iter()
                .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
                .collect(),
            ..Policies::default()
        }
    }

    fn state(valid: &[&str], mapping: u32, any: u32) -> State {
        State {
            valid: valid.iter().map(|one| (*one).to_owned()).collect(),
            explicit: 9,
            mapping,
            any,
        }
    }

    #[test]
    fn policies_are_kept_where_both_have_them() {
        for (before, own, any, expected) in [
            (&[ANY_POLICY][..], Some(&["1.2"][..]), 9, &["1.2"][..]),
            (&["1.2", "1.3"], Some(&["1.2", "1.4"]), 9, &["1.2"]),
            (&["1.2"], Some(&["1.4"]), 9, &[]),
            (&["1.2"], Some(&[ANY_POLICY]), 9, &["1.2"]),
            (&["1.2"], Some(&[ANY_POLICY]), 0, &[]),
            (&["1.2"], None, 9, &[]),
        ] {
            let mut state = state(before, 9, any);
            state.take(&policies(own, &[]), false);
            let expected: BTreeSet<String> = expected.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(state.valid, expected, "{before:?} {own:?}");
        }
    }

    #[test]
    fn mappings_replace_or_where_inhibited_delete() {
        for (mapping, expected) in [(9, &["1.3", "1.9"][..]), (0, &["1.9"])] {
            let mut state = state(&["1.2", "1.9"], mapping, 9);
            state.prepare(
                &policies(Some(&["1.2"]), &[("1.2", "1.3"), ("1.5", "1.6")]),
                false,
            );
            let expected: BTreeSet<String> = expected.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(state.valid, expected);
            assert_eq!((state.explicit, state.any), (8, 8));
        }
    }
}
