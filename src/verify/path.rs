//! Path building to an anchor: the verdict, and which certificate is at fault where there is none.
//!
//! webpki builds the path and has the last word against it; what it does not look at (an anchor's end, keyCertSign,
//! an anchor's path length, weak CA keys, a depth limit) is asked of each path it offers, so that another one is
//! tried where one fails. Where it says no, our own walk (`search`, with the words of `blame`) finds the nearest
//! cause and names the certificate. Under the strict reading the rules of RFC 5280 have the last word instead
//! (`validate`), and where webpki says otherwise that is told. Standards: RFC 5280 §6.1, RFC 4158.

use super::blame::bad_signature;
use super::rules::{key::weakness, usage, validity};
use super::search::{End, MAX_LENGTH, Signatures, between, candidates, names_fit};
use super::words::{quoted, quoted_issuer};
use super::{Expectation, Profile, Purpose, Strictness, TrustSet};
use crate::explain::{count, printable};
use crate::findings::{Code, Finding, Severity};
use crate::x509::{Certificate, KeyPurpose, PublicKeyKind};
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::time::Duration;
use time::OffsetDateTime;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, VerifiedPath};

/// Intermediates allowed when nobody says otherwise; webpki's own limit.
const DEFAULT_DEPTH: usize = 6;

/// Intermediates that the strict reading allows then: RFC 5280 has no limit, and real chains have three at most.
const STRICT_DEPTH: usize = 16;

/// Certificates offered to the path builder; more than any peer sends.
const MAX_POOL: usize = 256;

/// What path building came to.
#[derive(Debug, Clone)]
pub(crate) struct Verdict<'a> {
    /// Leaf first, anchor last; where none was accepted, the candidate that came nearest.
    pub path: Vec<&'a Certificate>,
    /// Whether the path stands.
    pub accepted: bool,
    /// The nearest cause, or a note.
    pub findings: Vec<Finding>,
    /// The path library refused for a reason that lies in the leaf, for which a rule has the words; said only if none does.
    pub refusal: Option<Finding>,
}

/// Builds and judges the path of a chain to one of the anchors.
pub(crate) fn find<'a>(
    leaf: &'a Certificate,
    chain: &'a [Certificate],
    trust: &'a TrustSet,
    expectation: &'a Expectation<'a>,
) -> Verdict<'a> {
    if trust.contains(leaf) {
        return pinned(leaf, trust);
    }
    let pool: Vec<&Certificate> = chain
        .iter()
        .skip(1)
        .chain(expectation.untrusted)
        .filter(|one| *one != leaf)
        .take(MAX_POOL)
        .collect();
    // Only anchors that somebody here names as issuer can end a path.
    let anchors: Vec<&Certificate> = trust
        .anchors()
        .iter()
        .filter(|anchor| {
            std::iter::once(leaf)
                .chain(pool.iter().copied())
                .any(|one| one.facts().issuer.is_same(&anchor.facts().subject))
        })
        .collect();
    let search = Search {
        leaf,
        chain,
        trust,
        expectation,
        moment: within(leaf, validity::whole_seconds(expectation.at)),
        pool,
        anchors,
    };
    if expectation.strictness == Strictness::Strict {
        return search.by_the_rules();
    }
    match search.ask_webpki() {
        Ok(path) => Verdict {
            path,
            accepted: true,
            findings: Vec::new(),
            refusal: None,
        },
        Err(no) => search.explain(*no),
    }
}

/// Where a certificate stands, for findings.
pub(crate) fn place(
    certificate: &Certificate,
    chain: &[Certificate],
    trust: Option<&TrustSet>,
) -> String {
    let position = chain.iter().position(|one| one == certificate);
    if position == Some(0) {
        "leaf".to_owned()
    } else if trust.is_some_and(|trust| trust.contains(certificate)) {
        format!("root {}", quoted(certificate))
    } else if let Some(index) = position {
        format!("intermediate {index}")
    } else {
        format!("intermediate {} (not sent)", quoted(certificate))
    }
}

/// The moment of judgement, moved into the leaf's own window: that the leaf has ended is one fault, and its path
/// is judged as of when it was valid.
fn within(leaf: &Certificate, now: OffsetDateTime) -> OffsetDateTime {
    let facts = leaf.facts();
    if facts.not_after < facts.not_before {
        return now;
    }
    now.clamp(facts.not_before, facts.not_after)
}

/// The leaf is an anchor itself: there is no path to judge.
fn pinned<'a>(leaf: &'a Certificate, trust: &TrustSet) -> Verdict<'a> {
    let note = Finding::new(
        Code::ChainSelfSigned,
        "leaf",
        format!("{} is trusted by itself, without a CA", quoted(leaf)),
        format!("it is one of the anchors of {}", printable(&trust.name)),
        "nothing here; every partner has to trust this very certificate, and its successor",
    )
    .with_severity(Severity::Note);
    Verdict {
        path: vec![leaf],
        accepted: true,
        findings: vec![note],
        refusal: None,
    }
}

/// Why no path was accepted.
pub(super) struct No<'a> {
    pub(super) error: Option<webpki::Error>,
    /// A path that webpki would take and that our further rules refuse, with the first fault.
    pub(super) refused: Option<(Vec<&'a Certificate>, Finding)>,
}

pub(super) struct Search<'a> {
    pub(super) leaf: &'a Certificate,
    pub(super) chain: &'a [Certificate],
    pub(super) trust: &'a TrustSet,
    pub(super) expectation: &'a Expectation<'a>,
    pub(super) moment: OffsetDateTime,
    pub(super) pool: Vec<&'a Certificate>,
    pub(super) anchors: Vec<&'a Certificate>,
}

impl<'a> Search<'a> {
    pub(super) fn ask_webpki(&self) -> Result<Vec<&'a Certificate>, Box<No<'a>>> {
        let no = |error| {
            Box::new(No {
                error: Some(error),
                refused: None,
            })
        };
        let leaf_der = CertificateDer::from(self.leaf.der());
        let leaf = EndEntityCert::try_from(&leaf_der).map_err(no)?;
        let (pool, any) = between(
            self.leaf,
            &self.pool,
            &self.anchors,
            DEFAULT_DEPTH + 1,
            self.moment,
        );
        if !any {
            return Err(no(webpki::Error::UnknownIssuer));
        }
        let intermediates: Vec<CertificateDer<'_>> = pool
            .iter()
            .map(|one| CertificateDer::from(one.der()))
            .collect();
        let anchor_ders: Vec<(&'a Certificate, CertificateDer<'_>)> = self
            .anchors
            .iter()
            .map(|one| (*one, CertificateDer::from(one.der())))
            .collect();
        // An anchor that webpki cannot read ends no path; our walk says so.
        let (sources, anchors): (Vec<&'a Certificate>, Vec<TrustAnchor<'_>>) = anchor_ders
            .iter()
            .filter_map(|(source, der)| {
                Some((*source, webpki::anchor_from_trusted_cert(der).ok()?))
            })
            .unzip();
        // Before 1970 there is no UnixTime; no certificate is valid then.
        let seconds = u64::try_from(self.moment.unix_timestamp()).unwrap_or(0);
        let usage = match self.expectation.purpose {
            Purpose::Server => KeyUsage::server_auth(),
            Purpose::Client => KeyUsage::client_auth(),
        };
        let own = |path: &VerifiedPath<'_>| -> Option<Vec<&'a Certificate>> {
            let mut certificates = vec![self.leaf];
            for one in path.intermediate_certificates() {
                let der = one.der();
                certificates.push(self.pool.iter().find(|known| known.der() == der.as_ref())?);
            }
            let index = anchors
                .iter()
                .position(|anchor| std::ptr::eq(anchor, path.anchor()))?;
            certificates.push(sources.get(index)?);
            Some(certificates)
        };
        let refused: RefCell<Option<(Vec<&'a Certificate>, Finding)>> = RefCell::new(None);
        let further = |path: &VerifiedPath<'_>| {
            let certificates = own(path).ok_or(webpki::Error::UnknownIssuer)?;
            match self.first_fault(&certificates, End::Anchor, &mut |_, _| true) {
                None => Ok(()),
                Some(fault) => {
                    refused.borrow_mut().get_or_insert((certificates, fault));
                    Err(webpki::Error::UnknownIssuer)
                }
            }
        };
        let outcome = leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            usage,
            None,
            Some(&further),
        );
        match outcome {
            Ok(path) => own(&path).ok_or_else(|| no(webpki::Error::UnknownIssuer)),
            Err(error) => Err(Box::new(No {
                error: Some(error),
                refused: refused.take(),
            })),
        }
    }

    /// The nearest cause of a refusal.
    pub(super) fn explain(&self, no: No<'a>) -> Verdict<'a> {
        let No { error, refused } = no;
        if let Some((path, fault)) = refused {
            return Verdict {
                path,
                accepted: false,
                findings: vec![fault],
                refusal: None,
            };
        }
        let mut signatures = Signatures::default();
        let mut fits = names_fit;
        let best = candidates(self.leaf, &self.pool, &self.anchors, MAX_LENGTH, &mut fits)
            .all
            .into_iter()
            .map(|candidate| {
                let pairs = candidate.certificates.windows(2);
                let broken = pairs
                    .filter(|pair| match pair {
                        [child, issuer] => !signatures.verify(child, issuer),
                        _ => false,
                    })
                    .count();
                let fault = self
                    .first_fault(
                        &candidate.certificates,
                        candidate.end,
                        &mut |child, issuer| signatures.verify(child, issuer),
                    )
                    .or_else(|| self.further_fault(&candidate.certificates));
                let rank = (
                    broken,
                    candidate.end != End::Anchor,
                    fault.is_some(),
                    candidate.end == End::Nowhere,
                    Reverse(candidate.certificates.len()),
                );
                (rank, candidate, fault)
            })
            .min_by_key(|(rank, _, _)| *rank);
        let Some((_, candidate, fault)) = best else {
            return Verdict {
                path: vec![self.leaf],
                accepted: false,
                findings: vec![self.no_path("the search for a path found nothing to go on")],
                refusal: None,
            };
        };
        let finding = match (fault, candidate.end) {
            (Some(fault), _) => Some(fault),
            (None, End::Anchor) => None,
            (None, end) => Some(self.dead_end(&candidate, end)),
        };
        match finding {
            Some(finding) => Verdict {
                path: candidate.certificates,
                accepted: false,
                findings: vec![finding],
                refusal: None,
            },
            // Nothing is wrong with the path as we read it: what webpki refuses lies in the leaf or in names.
            None => self.read_refusal(candidate.certificates, error.as_ref()),
        }
    }

    /// The first fault of a path from the leaf upwards; `signed` says whether a signature is right.
    pub(super) fn first_fault(
        &self,
        path: &[&'a Certificate],
        end: End,
        signed: &mut dyn FnMut(&Certificate, &Certificate) -> bool,
    ) -> Option<Finding> {
        let mut between = 0; // intermediates below that are not self-issued (RFC 5280 §4.2.1.9)
        for (index, pair) in path.windows(2).enumerate() {
            let [child, issuer] = pair else { continue };
            let anchor = end == End::Anchor && index + 2 == path.len();
            let place = place(issuer, self.chain, self.expectation.trust);
            if let Some(fault) = self.issuer_fault(issuer, &place, anchor) {
                return Some(fault);
            }
            if let Some((_, Some(limit))) = issuer.facts().basic_constraints
                && between > usize::try_from(limit).unwrap_or(usize::MAX)
            {
                return Some(Finding::new(
                    Code::ChainPathLength,
                    format!("{place}, basicConstraints"),
                    format!("the chain is longer than {} allows", quoted(issuer)),
                    format!(
                        "it allows {} below itself, there are {between}",
                        count(usize::try_from(limit).unwrap_or(usize::MAX), "intermediate")
                    ),
                    "ask the CA which intermediate it means for this leaf; this one may not have sub-CAs",
                ));
            }
            if !signed(child, issuer) {
                return Some(bad_signature(
                    child,
                    issuer,
                    &self::place(child, self.chain, self.expectation.trust),
                ));
            }
            if !issuer.facts().subject.is_same(&issuer.facts().issuer) {
                between += 1;
            }
            let limit = self.max_depth();
            if !anchor && between > limit {
                return Some(Finding::new(
                    Code::ChainPathLength,
                    "chain",
                    "the chain is longer than allowed here",
                    format!(
                        "it takes more than {} to {}",
                        count(limit, "intermediate"),
                        quoted(issuer)
                    ),
                    "use a shorter chain of the CA, or allow more with `--max-depth`",
                ));
            }
        }
        None
    }

    /// Intermediates allowed, those not counted that are self-issued.
    pub(super) fn max_depth(&self) -> usize {
        self.expectation
            .max_depth
            .unwrap_or(match self.expectation.strictness {
                Strictness::Practical => DEFAULT_DEPTH,
                Strictness::Strict => STRICT_DEPTH,
            })
    }

    /// Whether an issuer is outside its time. One that began only after the leaf had ended is the CA's newer
    /// certificate, and no second fault: it is judged as of now.
    fn outside(&self, issuer: &Certificate, place: &str) -> Option<Finding> {
        let now = validity::whole_seconds(self.expectation.at);
        let newer = self.moment < now && self.moment < issuer.facts().not_before;
        let moment = if newer { now } else { self.moment };
        validity::outside(issuer, moment, place)
    }

    /// What is wrong with one issuer, whoever it signed.
    fn issuer_fault(&self, issuer: &Certificate, place: &str, anchor: bool) -> Option<Finding> {
        let facts = issuer.facts();
        if let Some(kind) = facts.unknown_critical.first() {
            return Some(Finding::new(
                Code::ChainCriticalExtension,
                format!("{place}, extensions"),
                format!("a critical extension of {} is unknown", quoted(issuer)),
                format!(
                    "{} is critical, and peers have to refuse what they do not know",
                    printable(kind)
                ),
                "ask the CA for another intermediate",
            ));
        }
        let not_a_ca = |why: &str| {
            Some(Finding::new(
                Code::ChainNotACa,
                place,
                format!("{} may not sign certificates", quoted(issuer)),
                why,
                "ask the CA which intermediate it means; this one is no CA certificate",
            ))
        };
        if !issuer.is_ca() {
            return not_a_ca(match facts.basic_constraints {
                Some(_) => "its basicConstraints say cA FALSE",
                None => "it has no basicConstraints",
            });
        }
        if facts.key_usage.is_some_and(|usage| !usage.key_cert_sign) {
            return not_a_ca("its keyUsage lacks keyCertSign");
        }
        if let Some(fault) = self.outside(issuer, place) {
            return Some(fault);
        }
        if let Some(why) = weakness(&facts.public_key) {
            return Some(Finding::new(
                Code::KeyWeak,
                format!("{place}, public key"),
                format!("the key of {} is too weak", quoted(issuer)),
                why,
                "use a CA whose certificates have sound keys",
            ));
        }
        // BR 6.1.5; a leaf's own key has its rule (`key.uncommon`).
        if let PublicKeyKind::Rsa { bits, .. } = facts.public_key
            && bits % 8 != 0
            && self.expectation.strictness == Strictness::Strict
            && self.expectation.profile == Profile::WebPki
        {
            return Some(Finding::new(
                Code::KeyWeak,
                format!("{place}, public key"),
                format!(
                    "the key of {} is of a size that CAs may not have",
                    quoted(issuer)
                ),
                format!("its length of {bits} bits is not divisible by 8"),
                "use a CA whose certificates have sound keys",
            ));
        }
        if anchor {
            return None;
        }
        if facts.signature_is_weak {
            return Some(Finding::new(
                Code::SignatureWeak,
                format!("{place}, signature"),
                format!("{} is signed with a hash that peers refuse", quoted(issuer)),
                format!(
                    "it is signed with {} by {}",
                    printable(&facts.signature_algorithm),
                    quoted_issuer(issuer)
                ),
                "ask the CA for its intermediate signed with SHA-256 or better",
            ));
        }
        let purpose = match self.expectation.purpose {
            Purpose::Server => KeyPurpose::ServerAuth,
            Purpose::Client => KeyPurpose::ClientAuth,
        };
        usage::lacks(issuer, place, &purpose)
    }
}
