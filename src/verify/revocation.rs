//! Revocation by lists that were handed over (RFC 5280 §6.3): each certificate of a path against those of its issuer.
//!
//! No list is fetched. Whole lists signed by the issuer's own key are covered; delta and indirect lists are refused by
//! name. A list that lists a certificate and is signed rightly counts even when it is out of date, as revocation does
//! not end; one that does not list it says something only when nothing is wrong with it.

use super::path::place;
use super::search::Signatures;
use super::words::{self, quoted, quoted_issuer};
use super::{Expectation, Strictness};
use crate::explain::{moment, printable};
use crate::findings::{Code, Finding, Severity};
use crate::x509::crl::{CrlScope, Revoked};
use crate::x509::{Certificate, Crl};

/// Judges a path, leaf first, anchor (or last known issuer) last. Nothing without lists.
pub(crate) fn judge(
    path: &[&Certificate],
    chain: &[Certificate],
    expectation: &Expectation<'_>,
) -> Vec<Finding> {
    if expectation.crls.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    for pair in path.windows(2) {
        let [certificate, issuer] = pair else {
            continue;
        };
        let place = place(certificate, chain, expectation.trust);
        let asked = Asked {
            certificate,
            issuer,
            place: &place,
            expectation,
        };
        match asked.status(&mut findings) {
            Status::Good => {}
            Status::Unknown => unknown.push(quoted(certificate)),
            Status::Revoked(entry) => findings.push(asked.revoked(&entry)),
        }
    }
    if !unknown.is_empty() {
        findings.push(Finding::new(
            Code::RevocationUnknown,
            "chain",
            "it is not known whether a certificate was revoked",
            format!(
                "no usable list of its issuer was given for {}",
                words::list(&unknown)
            ),
            "give the issuer's current list with `--crl`",
        ));
    }
    findings
}

/// The certificates as sent, leaf first, as far as each is proven to be issued by the next: what there is to walk along
/// where no anchors were given.
pub(crate) fn as_sent(chain: &[Certificate]) -> Vec<&Certificate> {
    let mut signatures = Signatures::default();
    let mut path: Vec<&Certificate> = chain.iter().take(1).collect();
    for next in chain.iter().skip(1) {
        if path.last().is_some_and(|last| signatures.prove(last, next)) {
            path.push(next);
        }
    }
    path
}

/// Judges a chain without anchors. Where the leaf's issuer was not sent no list can be held against it, and whoever
/// gave one is told.
pub(crate) fn judge_as_sent(chain: &[Certificate], expectation: &Expectation<'_>) -> Vec<Finding> {
    let path = as_sent(chain);
    match path.as_slice() {
        [leaf] if !expectation.crls.is_empty() => vec![
            Finding::new(
                Code::RevocationUnknown,
                "leaf",
                format!("it is not known whether {} was revoked", quoted(leaf)),
                "its issuer's certificate is not at hand, so no list can be verified",
                "give the roots with `--roots`, or put the issuer's certificate after the leaf",
            )
            .with_severity(Severity::Warning),
        ],
        path => judge(path, chain, expectation),
    }
}

enum Status {
    Good,
    Unknown,
    Revoked(Revoked),
}

struct Asked<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    place: &'a str,
    expectation: &'a Expectation<'a>,
}

impl Asked<'_> {
    fn status(&self, findings: &mut Vec<Finding>) -> Status {
        let mut good = false;
        for crl in self.expectation.crls {
            if !crl.facts().issuer.is_same(&self.issuer.facts().subject) || self.other_key(crl) {
                continue;
            }
            // RFC 5280 §6.3.3 (f, g): the key has to be one that may sign lists, and has to have signed this one.
            let barred = self.barred(crl);
            if let Some(why) = barred {
                findings.push(self.unusable(why));
                continue;
            }
            let entry = crl.entry(&self.certificate.facts().serial);
            if let Some(entry) = entry.filter(|entry| entry.reason != Some("removeFromCRL")) {
                return Status::Revoked(entry);
            }
            match self.fault(crl) {
                Some(why) => findings.push(self.unusable(why)),
                None => good = good || self.covers(crl),
            }
        }
        if good { Status::Good } else { Status::Unknown }
    }

    /// Whether the key identifiers say that another key of the issuer's name signed.
    fn other_key(&self, crl: &Crl) -> bool {
        match (
            &crl.facts().authority_key_id,
            &self.issuer.facts().subject_key_id,
        ) {
            (Some(wanted), Some(held)) => wanted != held,
            (None, _) | (_, None) => false,
        }
    }

    /// Why nothing in a list can be believed.
    fn barred(&self, crl: &Crl) -> Option<String> {
        let facts = crl.facts();
        if facts.is_delta {
            return Some("it is a delta list, which is not covered here".to_owned());
        }
        if facts.is_indirect {
            return Some("it is an indirect list, which is not covered here".to_owned());
        }
        if let Some(kind) = facts.unknown_critical.first() {
            return Some(format!(
                "its critical extension {} is unknown",
                printable(kind)
            ));
        }
        let usage = self.issuer.facts().key_usage;
        if usage.is_some_and(|usage| !usage.crl_sign) {
            return Some(format!(
                "the keyUsage of {} lacks cRLSign, so its key may not sign lists",
                quoted(self.issuer)
            ));
        }
        (!crl.is_signed_by(self.issuer)).then(|| {
            format!(
                "its signature does not verify with the key of {}",
                quoted(self.issuer)
            )
        })
    }

    /// Why the silence of a list says nothing.
    fn fault(&self, crl: &Crl) -> Option<String> {
        let facts = crl.facts();
        let at = self.expectation.at;
        if facts.this_update > at {
            return Some(format!(
                "it is from {}, which is yet to come",
                words::beside(facts.this_update, at)
            ));
        }
        if let Some(next) = facts.next_update
            && next < at
        {
            return Some(format!("it ended on {}", words::beside(next, at)));
        }
        if self.expectation.strictness != Strictness::Strict {
            return None;
        }
        if facts.next_update.is_none() {
            return Some("it does not say when the next one is due (RFC 5280 §5.1.2.5)".to_owned());
        }
        if facts.authority_key_id.is_none() {
            return Some("it has no authorityKeyIdentifier (RFC 5280 §5.2.1)".to_owned());
        }
        match &facts.number {
            None => Some("it has no cRLNumber (RFC 5280 §5.2.3)".to_owned()),
            Some((_, true)) => {
                Some("its cRLNumber is critical, and must not be (RFC 5280 §5.2.3)".to_owned())
            }
            Some((number, false)) => {
                let negative = number.first().is_none_or(|first| first & 0x80 != 0);
                (negative || number.len() > 20).then(|| {
                    "its cRLNumber is negative or longer than 20 bytes (RFC 5280 §5.2.3)".to_owned()
                })
            }
        }
    }

    /// Whether a certificate of this kind would stand in the list.
    fn covers(&self, crl: &Crl) -> bool {
        match crl.facts().scope {
            None => true,
            Some(CrlScope::Leaves) => !self.certificate.is_ca(),
            Some(CrlScope::Authorities) => self.certificate.is_ca(),
            Some(CrlScope::Part) => false,
        }
    }

    fn unusable(&self, why: String) -> Finding {
        Finding::new(
            Code::RevocationListUnusable,
            format!("revocation list of {}", quoted(self.issuer)),
            format!(
                "the revocation list of {} cannot be used",
                quoted_issuer(self.certificate)
            ),
            why,
            "fetch the issuer's current list, or tell the CA",
        )
    }

    fn revoked(&self, entry: &Revoked) -> Finding {
        let reason = match entry.reason {
            Some(reason) => format!(", for the reason {reason}"),
            None => ", without a reason".to_owned(),
        };
        Finding::new(
            Code::RevocationRevoked,
            self.place,
            format!("{} was revoked", quoted(self.certificate)),
            format!(
                "the list of {} has its serial number {} since {}{reason}",
                quoted(self.issuer),
                self.certificate.serial_hex(),
                moment(entry.at)
            ),
            "request a new certificate (`edgecert request`), with a new key if the old one may be known to others",
        )
        .with_severity(Severity::Error)
    }
}
