//! The words for a path that was not found: a chain that leads nowhere, or one that the path library turns away.

use super::TrustSet;
use super::path::{Search, Verdict, place};
use super::search::{Candidate, End, other_key};
use super::words::{key_id, quoted, quoted_issuer, where_to_get_issuer};
use crate::explain::{count, printable};
use crate::findings::{Code, Finding};
use crate::names::Presented;
use crate::x509::Certificate;

/// Where a root is named: the deployment's place counts for every command, the flag for those that take it.
fn trust_it(trust: &TrustSet) -> String {
    match &trust.table {
        Some(table) => format!("name it under `roots` in {}", printable(table)),
        None => {
            "name it under `roots` in [issuer.NAME], or with `--roots` where there is no deployment"
                .to_owned()
        }
    }
}

impl<'a> Search<'a> {
    /// A chain without fault that leads nowhere.
    pub(super) fn dead_end(&self, candidate: &Candidate<'a>, end: End) -> Finding {
        let last = candidate.certificates.last().copied().unwrap_or(self.leaf);
        let trust = printable(&self.trust.name);
        let trust_it = trust_it(self.trust);
        let alone = candidate.certificates.len() == 1;
        let place = place(last, self.chain, self.expectation.trust);
        match end {
            End::SelfSigned if alone => Finding::new(
                Code::ChainSelfSigned,
                "leaf",
                format!("{} is signed by its own key", quoted(last)),
                format!("it is no anchor of {trust}, and no CA vouches for it"),
                format!(
                    "request a certificate from a CA (`edgecert request`); to trust this one, {trust_it}"
                ),
            ),
            End::SelfSigned => Finding::new(
                Code::ChainUntrustedRoot,
                place,
                format!("the root {} is not trusted here", quoted(last)),
                self.namesake(last).unwrap_or_else(|| {
                    format!(
                        "{trust} has {}, none with this name",
                        count(self.trust.anchors().len(), "anchor")
                    )
                }),
                format!(
                    "if partners trust {}, {trust_it}; else use another CA",
                    quoted(last)
                ),
            ),
            End::NoIssuer if alone => {
                let sent = match self.chain.len() {
                    0 | 1 => "no intermediate is sent".to_owned(),
                    more => format!("none of the {} others sent is it", more - 1),
                };
                Finding::new(
                    Code::ChainIntermediateMissing,
                    "chain",
                    format!(
                        "the issuer of the leaf, {}, is missing",
                        quoted_issuer(last)
                    ),
                    self.namesake(last).unwrap_or_else(|| {
                        format!("{sent}, and {trust} has no anchor of this name")
                    }),
                    format!(
                        "{} and append it to the chain; if it is a root, {trust_it}",
                        where_to_get_issuer(last)
                    ),
                )
            }
            End::NoIssuer => Finding::new(
                Code::ChainUntrustedRoot,
                place,
                format!(
                    "the chain ends below {}, which is not trusted here",
                    quoted_issuer(last)
                ),
                self.namesake(last).unwrap_or_else(|| {
                    format!(
                        "{} is issued by {}, which is neither sent nor an anchor of {trust}",
                        quoted(last),
                        quoted_issuer(last)
                    )
                }),
                format!(
                    "if {} is a root that partners trust, {trust_it}; if it is an intermediate, {} and append it",
                    quoted_issuer(last),
                    where_to_get_issuer(last)
                ),
            ),
            End::Anchor | End::Nowhere => self.no_path(
                "the certificates sign each other in a circle, or in a line too long to follow",
            ),
        }
    }

    /// An anchor or a sent certificate that has the issuer's name but another key.
    fn namesake(&self, child: &Certificate) -> Option<String> {
        let all = self.anchors.iter().chain(&self.pool);
        let namesake = all.copied().find(|one| {
            one.facts().subject.der == child.facts().issuer.der && other_key(child, one)
        })?;
        Some(format!(
            "there is a {} with key {}, but {} was signed by key {}",
            quoted(namesake),
            key_id(namesake.facts().subject_key_id.as_deref()),
            quoted(child),
            key_id(child.facts().authority_key_id.as_deref()),
        ))
    }

    pub(super) fn no_path(&self, why: &str) -> Finding {
        Finding::new(
            Code::ChainNoPath,
            "chain",
            format!(
                "no path leads from {} to a root of {}",
                quoted(self.leaf),
                printable(&self.trust.name)
            ),
            why,
            format!(
                "compare the chain with the one the CA publishes (`edgecert import` orders it), and the roots with those of {}",
                match &self.trust.table {
                    Some(table) => printable(table),
                    None => "its [issuer.NAME] or of `--roots`".to_owned(),
                }
            ),
        )
    }

    /// What webpki refuses although the path looks sound.
    pub(super) fn read_refusal(
        &self,
        path: Vec<&'a Certificate>,
        error: Option<&webpki::Error>,
    ) -> Verdict<'a> {
        use webpki::Error;
        let mut verdict = Verdict {
            path,
            accepted: false,
            findings: Vec::new(),
            refusal: None,
        };
        let Some(error) = error else {
            verdict.refusal = Some(self.no_path("the path library refuses it without a reason"));
            return verdict;
        };
        let constraint = if matches!(error, Error::NameConstraintViolation) {
            Some(None)
        } else if matches!(error, Error::MaximumNameConstraintComparisonsExceeded) {
            Some(Some(
                "there are too many constraints and names to compare, so peers give up",
            ))
        } else if matches!(
            error,
            Error::InvalidNetworkMaskConstraint | Error::MalformedNameConstraint
        ) {
            Some(Some(
                "a constraint itself is malformed, so peers refuse all names",
            ))
        } else {
            None
        };
        if let Some(why) = constraint {
            verdict
                .findings
                .push(self.name_constraint(&verdict.path, why));
        } else if matches!(error, Error::CertDistrusted) {
            verdict.findings.push(Finding::new(
                Code::ChainUntrustedRoot,
                "chain",
                "a CA in the path is distrusted by the root programs",
                "its key is on the list of distrusted keys that is built into the path library",
                "use another CA",
            ));
        } else {
            let self_issued = verdict
                .path
                .iter()
                .take(verdict.path.len().saturating_sub(1))
                .skip(1)
                .any(|one| one.facts().subject.der == one.facts().issuer.der);
            let why = if self_issued {
                "it goes through a self-issued intermediate; RFC 5280 exempts those from path lengths and name constraints, TLS libraries such as webpki do not"
            } else if verdict.path.windows(2).any(|pair| match pair {
                [child, issuer] => child.facts().issuer.der != issuer.facts().subject.der,
                _ => false,
            }) {
                "the name of an issuer is spelled in two ways; RFC 5280 §7.1 takes them for one, TLS libraries such as webpki compare the bytes"
            } else if matches!(
                error,
                Error::MaximumPathBuildCallsExceeded
                    | Error::MaximumSignatureChecksExceeded
                    | Error::MaximumPathDepthExceeded
            ) {
                "there are too many ways through the certificates sent, so peers give up"
            } else if matches!(error, Error::MalformedDnsIdentifier) {
                "a malformed name cannot be held against the name constraints of an issuer"
            } else if matches!(
                error,
                Error::SignatureAlgorithmMismatch
                    | Error::UnsupportedSignatureAlgorithmContext(_)
                    | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
            ) {
                "a signature algorithm is not one that TLS libraries verify for this key"
            } else {
                "the path library cannot read one of the certificates as RFC 5280 has it"
            };
            // Leaf faults (version, critical extension, cA, purposes, form) have their own rules; those speak first.
            verdict.refusal = Some(self.no_path(why));
        }
        verdict
    }

    fn name_constraint(&self, path: &[&Certificate], why: Option<&str>) -> Finding {
        let constraining = path
            .iter()
            .skip(1)
            .find(|one| one.facts().has_name_constraints);
        let names: Vec<&Presented> = self.leaf.facts().names.iter().flatten().collect();
        let unusual = names
            .iter()
            .any(|name| !matches!(name, Presented::Dns(_) | Presented::Ip(_)));
        let listed: Vec<String> = names.iter().map(|name| name.to_typed()).collect();
        let listed = super::words::list(&listed);
        let why = match (why, unusual) {
            (Some(why), _) => why.to_owned(),
            (None, false) => format!("the leaf holds {listed}"),
            (None, true) => format!(
                "the leaf holds {listed}; a constraint on SRVName, XmppAddr, URI, e-mail or directory names is one that TLS libraries do not weigh, and count as broken"
            ),
        };
        let (place, who) = match constraining {
            Some(one) => (place(one, self.chain, self.expectation.trust), quoted(one)),
            None => ("chain".to_owned(), "an issuer".to_owned()),
        };
        Finding::new(
            Code::ChainNameConstraint,
            format!("{place}, nameConstraints"),
            format!("a name lies outside what {who} may certify"),
            why,
            format!("leave out the names that {who} is not allowed, or use another CA"),
        )
    }
}

/// A signature that the named issuer did not make.
pub(super) fn bad_signature(child: &Certificate, issuer: &Certificate, place: &str) -> Finding {
    Finding::new(
        Code::ChainBadSignature,
        format!("{place}, signature"),
        format!(
            "the signature on {} is not by the key of {}",
            quoted(child),
            quoted(issuer)
        ),
        format!(
            "it names {} as issuer (key {}); the one at hand has key {}, and the signature ({}) does not verify with it",
            quoted_issuer(child),
            key_id(child.facts().authority_key_id.as_deref()),
            key_id(issuer.facts().subject_key_id.as_deref()),
            printable(&child.facts().signature_algorithm)
        ),
        format!(
            "the file is damaged, or {} is another CA of the same name: {}",
            quoted(issuer),
            where_to_get_issuer(child)
        ),
    )
}
