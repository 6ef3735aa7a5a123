//! A leaf with its issuers in order.

use super::Certificate;
use super::subject::DistinguishedName;
use std::cmp::Reverse;
use std::collections::HashSet;

/// A leaf, and intermediates in sending order: each certifies the one before it. No root. May be incomplete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The end-entity certificate.
    pub leaf: Certificate,
    /// Towards the root.
    pub intermediates: Vec<Certificate>,
}

impl Chain {
    /// Leaf first, then the intermediates.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.intermediates)
    }

    /// Leaf and intermediates as PEM.
    pub fn fullchain_pem(&self) -> String {
        self.certificates().map(Certificate::to_pem).collect()
    }

    /// The intermediates as PEM.
    pub fn chain_pem(&self) -> String {
        self.intermediates.iter().map(Certificate::to_pem).collect()
    }
}

/// Most intermediates of a chain; verifiers stop at fewer.
const MAX_INTERMEDIATES: usize = 16;

/// Most signatures computed for one chain: a hostile file may hold thousands of certificates of one name.
const MAX_SIGNATURES: usize = 256;

/// A leaf and a bag of certificates, put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// The leaf, and those of the bag that lead from it towards a root.
    pub chain: Chain,
    /// Self-signed certificates that sign one of the chain: not to be sent.
    pub roots: Vec<Certificate>,
    /// What is neither in the chain nor a root of it, in the order given; cross-certificates not chosen too.
    pub strangers: Vec<Certificate>,
    /// The name of the issuer that is not in the bag; `None` where the chain ends at a root of the bag, or is
    /// itself one self-signed certificate. A root that the verifier knows is commonly missing and no fault.
    pub missing_issuer: Option<DistinguishedName>,
}

/// Orders a bag of certificates behind a leaf: issuer by name (the DER of subject and issuer), and signature; key
/// identifiers decide only who is tried first. Duplicates are dropped.
///
/// Of several issuers with the same name and key, the one is taken that lives as long as the leaf; then the
/// cross-certified one before the self-signed one, as the CA sent it on purpose; then the one that ends last.
pub fn order(leaf: Certificate, pool: Vec<Certificate>) -> Ordered {
    let mut search = Search {
        pool: Vec::with_capacity(pool.len()),
        signatures_left: MAX_SIGNATURES,
    };
    let mut seen = HashSet::from([leaf.facts().sha256]);
    for certificate in pool {
        if seen.insert(certificate.facts().sha256) {
            search.pool.push((certificate, Role::Unused));
        }
    }

    let mut intermediates: Vec<Certificate> = Vec::new();
    let mut current = leaf.clone();
    let mut complete = search.is_self_signed(&current);
    while !complete && intermediates.len() < MAX_INTERMEDIATES {
        let Some(at) = search.issuer_of(&current, &leaf) else {
            break;
        };
        let found = search.pool[at].0.clone();
        if search.is_self_signed(&found) {
            search.pool[at].1 = Role::Root;
            complete = true;
        } else {
            search.pool[at].1 = Role::Chain;
            intermediates.push(found.clone());
            current = found;
        }
    }

    let chain = Chain {
        leaf,
        intermediates,
    };
    complete |= search.find_further_roots(&chain);
    let missing_issuer = (!complete).then(|| current.facts().issuer.clone());
    let mut roots = Vec::new();
    let mut strangers = Vec::new();
    for (certificate, role) in search.pool {
        match role {
            Role::Chain => {}
            Role::Root => roots.push(certificate),
            Role::Unused => strangers.push(certificate),
        }
    }
    Ordered {
        chain,
        roots,
        strangers,
        missing_issuer,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Unused,
    Chain,
    Root,
}

struct Search {
    pool: Vec<(Certificate, Role)>,
    signatures_left: usize,
}

impl Search {
    /// The best unused issuer of a certificate.
    fn issuer_of(&mut self, certificate: &Certificate, leaf: &Certificate) -> Option<usize> {
        let facts = certificate.facts();
        let mut candidates: Vec<usize> = (0..self.pool.len())
            .filter(|at| {
                let (candidate, role) = &self.pool[*at];
                *role == Role::Unused && candidate.facts().subject.der == facts.issuer.der
            })
            .collect();
        candidates.sort_by_key(|at| {
            let candidate = self.pool[*at].0.facts();
            let key_ids_differ = match (&facts.authority_key_id, &candidate.subject_key_id) {
                (Some(wanted), Some(found)) => wanted != found,
                _ => false,
            };
            (
                key_ids_differ,
                candidate.not_after < leaf.facts().not_after,
                candidate.subject.der == candidate.issuer.der,
                Reverse(candidate.not_after),
            )
        });
        candidates.into_iter().find(|at| {
            let candidate = self.pool[*at].0.clone();
            self.signs(&candidate, certificate)
        })
    }

    fn signs(&mut self, issuer: &Certificate, certificate: &Certificate) -> bool {
        if issuer.facts().subject.der != certificate.facts().issuer.der || self.signatures_left == 0
        {
            return false;
        }
        self.signatures_left -= 1;
        certificate.is_signed_by(issuer)
    }

    fn is_self_signed(&mut self, certificate: &Certificate) -> bool {
        self.signs(certificate, certificate)
    }

    /// Marks self-signed certificates that sign a member of the chain, as a cross-certified CA's own root does;
    /// whether there is one.
    fn find_further_roots(&mut self, chain: &Chain) -> bool {
        let mut found = false;
        for at in 0..self.pool.len() {
            let candidate = self.pool[at].0.clone();
            let facts = candidate.facts();
            if self.pool[at].1 != Role::Unused || facts.subject.der != facts.issuer.der {
                continue;
            }
            if chain
                .certificates()
                .any(|certificate| self.signs(&candidate, certificate))
                && self.is_self_signed(&candidate)
            {
                self.pool[at].1 = Role::Root;
                found = true;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::OffsetDateTime;
    use time::macros::datetime;

    struct Ca {
        key: PrivateKey,
        certificate: Certificate,
    }

    const LATER: OffsetDateTime = datetime!(2036-01-01 00:00 UTC);

    fn certify(
        name: &str,
        key: &PrivateKey,
        by: Option<&Ca>,
        until: OffsetDateTime,
    ) -> Certificate {
        let spec = IssueSpec {
            ca: Some(None),
            ..IssueSpec::of(Subject::named(name), datetime!(2026-01-01 00:00 UTC), until)
        };
        let issuer = Issuer {
            certificate: by.map(|ca| &ca.certificate),
            key: by.map_or(key, |ca| &ca.key),
        };
        issue(&spec, key.spki_der(), &issuer).unwrap()
    }

    fn ca(name: &str, by: Option<&Ca>) -> Ca {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        Ca {
            certificate: certify(name, &key, by, LATER),
            key,
        }
    }

    fn leaf(by: &Ca) -> Certificate {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        certify("leaf", &key, Some(by), datetime!(2027-01-01 00:00 UTC))
    }

    #[test]
    fn any_order_gives_the_same_chain() {
        let root = ca("Root", None);
        let upper = ca("Upper", Some(&root));
        let lower = ca("Lower", Some(&upper));
        let leaf = leaf(&lower);
        let stranger = ca("Stranger", None).certificate;
        let bag = [
            &root.certificate,
            &lower.certificate,
            &stranger,
            &leaf,
            &upper.certificate,
            &lower.certificate,
        ];
        for turn in 0..bag.len() {
            let mut pool: Vec<Certificate> = bag.iter().map(|one| (*one).clone()).collect();
            pool.rotate_left(turn);
            let ordered = order(leaf.clone(), pool);
            assert_eq!(
                ordered.chain.intermediates,
                [lower.certificate.clone(), upper.certificate.clone()]
            );
            assert_eq!(ordered.roots, std::slice::from_ref(&root.certificate));
            assert_eq!(ordered.strangers, std::slice::from_ref(&stranger));
            assert_eq!(ordered.missing_issuer, None);
        }
    }

    #[test]
    fn a_gap_is_named() {
        let root = ca("Root", None);
        let upper = ca("Upper", Some(&root));
        let lower = ca("Lower", Some(&upper));
        let leaf = leaf(&lower);
        let none = order(leaf.clone(), vec![]);
        assert_eq!(none.missing_issuer.unwrap().text, "CN=Lower");
        let gap = order(leaf, vec![root.certificate.clone(), lower.certificate]);
        assert_eq!(gap.missing_issuer.unwrap().text, "CN=Upper");
        assert_eq!(gap.strangers, [root.certificate]);
        let alone = order(ca("Alone", None).certificate, vec![]);
        assert_eq!(alone.missing_issuer, None);
    }

    #[test]
    fn a_name_without_the_key_is_a_stranger() {
        let root = ca("Root", None);
        let lower = ca("Lower", Some(&root));
        let double = ca("Lower", Some(&root));
        let ordered = order(
            leaf(&lower),
            vec![double.certificate.clone(), lower.certificate.clone()],
        );
        assert_eq!(ordered.chain.intermediates, [lower.certificate]);
        assert_eq!(ordered.strangers, [double.certificate]);
        assert_eq!(ordered.missing_issuer.unwrap().text, "CN=Root");
    }

    #[test]
    fn a_cross_certificate_is_kept_while_it_lives_as_long_as_the_leaf() {
        let old = ca("Old Root", None);
        let new = ca("New Root", None);
        let issuing = ca("Issuing", Some(&new));
        let leaf = leaf(&issuing);
        for (until, kept) in [(LATER, true), (datetime!(2026-06-01 00:00 UTC), false)] {
            let cross = certify("New Root", &new.key, Some(&old), until);
            let ordered = order(
                leaf.clone(),
                vec![
                    new.certificate.clone(),
                    cross.clone(),
                    issuing.certificate.clone(),
                ],
            );
            assert_eq!(ordered.chain.intermediates.contains(&cross), kept);
            assert_eq!(ordered.strangers.contains(&cross), !kept);
            assert_eq!(ordered.roots, std::slice::from_ref(&new.certificate));
            assert_eq!(ordered.missing_issuer, None);
        }
    }

    #[test]
    fn a_ring_of_certificates_ends() {
        let first = ca("First", None);
        let second = ca("Second", Some(&first));
        let ring = certify("First", &first.key, Some(&second), LATER);
        let ordered = order(
            leaf(&second),
            vec![ring.clone(), second.certificate.clone()],
        );
        assert_eq!(ordered.chain.intermediates, [second.certificate, ring]);
        assert!(ordered.missing_issuer.is_some());
    }
}
