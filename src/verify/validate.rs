//! The strict reading of a path: RFC 5280 §6.1 in full, for every path that the walk finds.
//!
//! The first path that holds, and on which no certificate breaks a MUST of form, is taken; else the first that holds;
//! where none does, the nearest cause is told as in the practical reading. webpki is asked as well, and where it
//! would refuse what the rules let stand, that is a note: it is what many peers run.

use super::path::{No, Search, Verdict, place};
use super::rules::{breaks_a_must, form};
use super::search::{End, Signatures, candidates};
use super::words::quoted;
use super::{Profile, Strictness, constraints, policy};
use crate::findings::{Code, Finding, Severity};
use crate::x509::Certificate;

/// Certificates of one path, self-issued ones included; more than are taken as one chain.
const MAX_LENGTH: usize = super::MAX_CERTIFICATES + 2;

impl<'a> Search<'a> {
    /// Builds and judges the path by the rules alone.
    pub(super) fn by_the_rules(&self) -> Verdict<'a> {
        let mut signatures = Signatures::default();
        let walked = candidates(
            self.leaf,
            &self.pool,
            &self.anchors,
            MAX_LENGTH,
            &mut |child, issuer| signatures.prove(child, issuer),
        );
        let mut second = None;
        for candidate in walked.all {
            let path = candidate.certificates;
            let stands = candidate.end == End::Anchor
                && self
                    .first_fault(&path, End::Anchor, &mut |_, _| true)
                    .is_none()
                && self.further_fault(&path).is_none();
            if !stands {
                continue;
            }
            if !self.breaks_form(&path) {
                return self.accept(path);
            }
            second.get_or_insert(path);
        }
        if let Some(path) = second {
            return self.accept(path);
        }
        let gave_up = walked.gave_up || signatures.exhausted();
        self.explain(No {
            error: gave_up.then_some(webpki::Error::MaximumPathBuildCallsExceeded),
            refused: None,
        })
    }

    fn accept(&self, path: Vec<&'a Certificate>) -> Verdict<'a> {
        let findings = self.otherwise(&path).into_iter().collect();
        Verdict {
            path,
            accepted: true,
            findings,
            refusal: None,
        }
    }

    /// What RFC 5280 asks of a whole path, where the strict reading asks it: name constraints and policies.
    pub(super) fn further_fault(&self, path: &[&'a Certificate]) -> Option<Finding> {
        if self.expectation.strictness != Strictness::Strict {
            return None;
        }
        let at = |one: &Certificate| place(one, self.chain, self.expectation.trust);
        if let Some(breach) = constraints::breach(path) {
            let issuer = breach.issuer;
            return Some(Finding::new(
                Code::ChainNameConstraint,
                format!("{}, nameConstraints", at(issuer)),
                format!("a name lies outside what {} may certify", quoted(issuer)),
                breach.why,
                format!(
                    "leave out the names that {} is not allowed, or use another CA",
                    quoted(issuer)
                ),
            ));
        }
        let breach = policy::breach(path)?;
        Some(Finding::new(
            Code::ChainPolicy,
            format!("{}, certificatePolicies", at(breach.certificate)),
            format!(
                "the certificate policies of the path end at {}",
                quoted(breach.certificate)
            ),
            breach.why,
            "ask the CA which intermediate it means for this leaf, or to issue it again with the policy",
        ))
    }

    /// Whether an issuer on the path breaks a MUST of its own form.
    fn breaks_form(&self, path: &[&'a Certificate]) -> bool {
        path.iter().skip(1).any(|issuer| {
            form::issuer(self.chain, self.expectation, issuer)
                .iter()
                .any(|finding| {
                    finding.severity == Severity::Error
                        || breaks_a_must(finding, self.expectation.profile)
                })
        })
    }

    /// What webpki says against a path that the rules let stand.
    fn otherwise(&self, path: &[&'a Certificate]) -> Option<Finding> {
        let no = self.ask_webpki().err()?;
        // The Baseline Requirements hold in the root programs, and those have dropped some CAs.
        if matches!(no.error, Some(webpki::Error::CertDistrusted))
            && self.expectation.profile == Profile::WebPki
        {
            let read = self.read_refusal(path.to_vec(), no.error.as_ref());
            return read.findings.into_iter().next();
        }
        let why = match no.refused {
            Some((_, fault)) => fault.why,
            None => {
                let read = self.read_refusal(path.to_vec(), no.error.as_ref());
                let told = read.findings.into_iter().chain(read.refusal).next();
                told.map(|finding| finding.why).unwrap_or_default()
            }
        };
        Some(Finding::new(
            Code::ChainReadingsDiffer,
            "chain",
            "TLS libraries such as webpki refuse this chain, RFC 5280 does not",
            why,
            "nothing for peers that follow the RFC, as OpenSSL mostly does; for the others, use a plainer chain of the CA",
        ))
    }
}
