//! What is held against what: thresholds, names and roots; then the rules of `verify`.

use super::sent::{is_on_the_way, is_self_issued};
use super::{CertificateForm, Holding, Sent, TargetReport};
use crate::deployment::Thresholds;
use crate::explain::span;
use crate::findings::{Code, Finding, Report, Severity};
use crate::names::Identifier;
use crate::verify::rules::validity::{ends_soon, outside};
use crate::verify::{Expectation, TrustSet, Wanted, is_held, judge};
use crate::x509::{Certificate, Crl, Fingerprint, PrivateKey};
use std::borrow::Cow;
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// Names and roots that a certificate is held against.
#[derive(Debug, Clone)]
pub struct Hold {
    /// Whose they are, for reports: `external-edge`, `--roots`.
    pub name: String,
    /// Anchors; `None`: the chain is not judged.
    pub trust: Option<TrustSet>,
    /// Of roots that cannot be read: that no chain is judged by them, and why. They may be the ones of a chain for which
    /// the others do not vouch.
    pub unread: Vec<Finding>,
    /// Names that must hold; none: coverage is not judged.
    pub wanted: Vec<Wanted>,
    /// Whether the issuer signs under public roots.
    pub public: bool,
    /// Whose certificates it is for.
    pub whose: Whose,
}

/// Who can renew what is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The deployment: our commands mend it.
    Ours,
    /// Somebody else, as far as is known.
    Others,
}

/// All that one run judges by.
#[derive(Debug, Clone)]
pub struct Yardstick {
    /// The moment of judgement, UTC.
    pub now: OffsetDateTime,
    /// Nearness of the end of leaves.
    pub leaf: Thresholds,
    /// Nearness of the end of the certificates behind them.
    pub chain: Thresholds,
    /// What certificates can be held against.
    pub holds: Vec<Hold>,
    /// Which of the holds is for a key: those of the deployment's certificates.
    pub by_key: HashMap<Fingerprint, usize>,
    /// The hold for everything, by `--for`, `--name` or `--roots`.
    pub forced: Option<usize>,
    /// The hold for what live endpoints serve and no other hold is for: a stranger's view.
    pub stranger: Option<usize>,
    /// Revocation lists; none: revocation is not judged.
    pub crls: Vec<Crl>,
    /// Findings that are errors in this run, as their names were demanded.
    pub demanded: Vec<Code>,
}

impl Yardstick {
    /// Thresholds alone, those of a deployment that says nothing.
    pub fn new(now: OffsetDateTime) -> Self {
        Self {
            now,
            leaf: Thresholds::LEAF,
            chain: Thresholds::CHAIN,
            holds: Vec::new(),
            by_key: HashMap::new(),
            forced: None,
            stranger: None,
            crls: Vec::new(),
            demanded: Vec::new(),
        }
    }

    /// What a leaf is held against: what is forced, and what that leaves open by the certificate that its key belongs to.
    pub fn hold_for(&self, leaf: &Certificate) -> Option<Cow<'_, Hold>> {
        let own = self.by_key.get(&leaf.facts().spki_sha256);
        self.under_force(own.and_then(|place| self.holds.get(*place)))
    }

    /// `--name` alone says nothing of roots, and `--roots` alone nothing of names.
    pub(super) fn under_force<'a>(&'a self, own: Option<&'a Hold>) -> Option<Cow<'a, Hold>> {
        let forced = self.forced.and_then(|place| self.holds.get(place));
        let (forced, own) = match (forced, own) {
            (Some(forced), Some(own)) => (forced, own),
            (one, other) => return one.or(other).map(Cow::Borrowed),
        };
        let names = if forced.wanted.is_empty() {
            own
        } else {
            forced
        };
        let has_roots = forced.trust.is_some() || !forced.unread.is_empty();
        let roots = if has_roots { forced } else { own };
        let name = match std::ptr::eq(names, roots) {
            true => names.name.clone(),
            false => format!("{}, by the roots of {}", names.name, roots.name),
        };
        Some(Cow::Owned(Hold {
            name,
            trust: roots.trust.clone(),
            unread: roots.unread.clone(),
            wanted: names.wanted.clone(),
            public: own.public,
            whose: own.whose,
        }))
    }

    /// Judges a chain, leaf first, and fills the report: form, names, findings, and what did not apply.
    pub(super) fn judge_chain(
        &self,
        report: &mut TargetReport,
        chain: &[Certificate],
        key: Option<&PrivateKey>,
        hold: Option<&Hold>,
        asked: Option<Wanted>,
    ) {
        let Some((leaf, others)) = chain.split_first() else {
            return;
        };
        report.certificate = Some(CertificateForm::of(leaf));
        report.held_against = hold.map(|hold| hold.name.clone());
        let one_asked = asked.is_some();
        let wanted = match (asked, hold) {
            (Some(asked), _) => vec![asked],
            (None, Some(hold)) => hold.wanted.clone(),
            (None, None) => Vec::new(),
        };
        let names_judged = !wanted.is_empty();
        report.names = holdings(&wanted, leaf);
        let by = |trust| {
            let expectation = Expectation {
                trust,
                wanted: wanted.clone(),
                public: hold.is_some_and(|hold| hold.public),
                // Judged below, by thresholds of its own.
                warn_below: None,
                crls: &self.crls,
                ..Expectation::new(self.now)
            };
            judge(chain, key, &expectation)
        };
        let unread = hold.map_or(&[][..], |hold| &hold.unread);
        let trust = hold.and_then(|hold| hold.trust.as_ref());
        let mut judgement = by(trust);
        let mut chain_judged = trust.is_some();
        if chain_judged && !unread.is_empty() && leads_elsewhere(&judgement.report) {
            judgement = by(None);
            chain_judged = false;
        }
        let on_path = std::mem::take(&mut judgement.on_path);
        let mut findings = std::mem::take(&mut report.findings);
        findings.extend(
            judgement
                .report
                .into_iter()
                // Whoever asked for one name has not said that there should be no other.
                .filter(|finding| !one_asked || finding.code != Code::NamesSurplus)
                .filter_map(|finding| self.adjusted(finding)),
        );
        let says =
            |findings: &[Finding], code| findings.iter().any(|one: &Finding| one.code == code);
        if leaf.facts().names.as_ref().is_none_or(Vec::is_empty)
            && !says(&findings, Code::NamesNoSan)
        {
            findings.push(no_san(leaf));
        }
        if !chain_judged {
            findings.extend(unread.iter().cloned());
        }
        findings.extend(self.near_end(leaf, self.leaf, "leaf"));
        for (number, one) in others.iter().enumerate() {
            // A root that is sent is not what peers use, and its end is nobody's concern here.
            if is_self_issued(one) {
                continue;
            }
            let place = format!("intermediate {}", number + 1);
            let soon = self.near_end(one, self.chain, &place);
            findings.extend(match is_on_the_way(one, &on_path) {
                true => soon,
                // Peers with other roots may need it.
                false => soon.map(|finding| finding.with_severity(Severity::Warning)),
            });
            if !chain_judged {
                findings.extend(self.ended(one, leaf, &place));
            }
        }
        if hold.is_none_or(|hold| hold.whose == Whose::Others) {
            findings.iter_mut().for_each(for_others);
        }
        report.findings = Report::new(findings).into_iter().collect();
        report.chain = Sent::all(others, &report.findings, &on_path, self.now);
        report.not_applicable = judgement
            .not_applicable
            .into_iter()
            .filter(|(part, _)| {
                // Told below in the words of this room, and a key is not looked for everywhere.
                !matches!(*part, "chain" | "names" | "key")
            })
            .collect();
        if !chain_judged {
            let why = match unread.first() {
                Some(unread) => unread.why.clone(),
                None => "its key is no certificate's of the deployment, and no --roots or --for were given".to_owned(),
            };
            report.not_applicable.push(("chain", why));
        }
        if !names_judged {
            report.not_applicable.push((
                "names",
                "its key is no certificate's of the deployment, and no --name or --for was given"
                    .to_owned(),
            ));
        }
    }

    /// The rules' findings in the eyes of `check`: nearness of the end is judged by thresholds here; that a certificate
    /// began a moment ago, or that public CAs issue no clientAuth, is no news to whoever watches day by day.
    fn adjusted(&self, finding: Finding) -> Option<Finding> {
        if finding.code == Code::ValidityEndsSoon {
            None
        } else if self.demanded.contains(&finding.code) {
            Some(finding.with_severity(Severity::Error))
        } else if finding.code == Code::ValidityFresh {
            Some(finding.with_severity(Severity::Note))
        } else {
            Some(finding)
        }
    }

    fn near_end(
        &self,
        certificate: &Certificate,
        thresholds: Thresholds,
        place: &str,
    ) -> Option<Finding> {
        let finding = ends_soon(certificate, place, self.now, &thresholds)?;
        Some(match certificate.is_ca() {
            true => Finding {
                mend: "ask the CA for the chain with its next intermediate, and import it"
                    .to_owned(),
                ..finding
            },
            false => finding,
        })
    }

    /// An intermediate that has ended or not begun, where no root says by which way the chain holds. The leaf's issuer
    /// is on every way; another may be left aside by peers that know a shorter one.
    fn ended(&self, one: &Certificate, leaf: &Certificate, place: &str) -> Option<Finding> {
        if outside(leaf, self.now, "leaf").is_some() {
            // One fault: with the next leaf comes the next chain.
            return None;
        }
        let finding = outside(one, self.now, place)?;
        Some(match leaf.facts().issuer.is_same(&one.facts().subject) {
            true => finding,
            false => finding.with_severity(Severity::Warning),
        })
    }

    /// Judges CA certificates that stand alone in a file: their dates, and nothing that is asked of a leaf.
    pub(super) fn judge_authorities(&self, report: &mut TargetReport, all: &[Certificate]) {
        let Some(first) = all.iter().min_by_key(|one| one.facts().not_after) else {
            return;
        };
        report.certificate = Some(CertificateForm::of(first));
        let mut findings = std::mem::take(&mut report.findings);
        for one in all {
            let place = one.display_name();
            findings.extend(outside(one, self.now, &place).map(|finding| Finding {
                mend: match finding.code == Code::ValidityNotYet {
                    true => finding.mend,
                    false => "take it out, or put its successor in its place".to_owned(),
                },
                ..finding
            }));
            findings.extend(self.near_end(one, self.chain, &place));
        }
        report.findings = Report::new(findings).into_iter().collect();
        let why = || "the file holds CA certificates and no leaf".to_owned();
        for part in ["chain", "names", "usage", "key"] {
            report.not_applicable.push((part, why()));
        }
    }
}

/// Whether a chain does not hold for want of a root: one that was not read may be it.
fn leads_elsewhere(report: &Report) -> bool {
    const LACKS_A_ROOT: [Code; 4] = [
        Code::ChainUntrustedRoot,
        Code::ChainNoPath,
        Code::ChainSelfSigned,
        Code::ChainIntermediateMissing,
    ];
    let mut all = report.findings().iter();
    all.any(|one| one.severity == Severity::Error && LACKS_A_ROOT.contains(&one.code))
}

/// Our commands renew only what is ours; what is wrong with others' time is theirs to mend.
fn for_others(finding: &mut Finding) {
    if !["edgecert renew", "--effective-date"]
        .iter()
        .any(|ours| finding.mend.contains(ours))
    {
        return;
    }
    let mend = if finding.code == Code::ValidityNotYet {
        "check this machine's clock; if it is right, tell whoever runs it"
    } else if finding.code == Code::ValidityFresh {
        "wait, or tell whoever runs it"
    } else {
        "ask whoever runs it to renew it"
    };
    finding.mend = mend.to_owned();
}

fn no_san(leaf: &Certificate) -> Finding {
    Finding::new(
        Code::NamesNoSan,
        "leaf, subjectAltName",
        "has no subjectAltName",
        format!(
            "its subject is {}, and no peer reads the common name any more",
            leaf.facts().subject.text
        ),
        "request it again with its names: `edgecert plan` shows them, `edgecert request` asks for them",
    )
}

/// A request that waits; `age` in days.
pub fn waiting(certificate: &str, request: &str, age: f64) -> Finding {
    Finding::new(
        Code::RequestWaiting,
        format!("request {request} of {certificate}"),
        format!(
            "has waited {} for the CA's reply",
            span(Duration::seconds_f64(age * 86_400.0))
        ),
        "its key lies in the state, and no certificate for it was imported",
        format!(
            "`edgecert import FILE` when the reply is there, else `edgecert request cancel {request}`"
        ),
    )
}
/// Each wanted name once, though several services want it.
fn holdings(wanted: &[Wanted], leaf: &Certificate) -> Vec<(String, Holding)> {
    let presented = leaf.facts().names.as_deref().unwrap_or_default();
    let mut names: Vec<(String, Holding)> = Vec::new();
    for one in wanted {
        let name = match one {
            Wanted::Covered { domain, .. } => domain.to_string(),
            Wanted::Entry(Identifier::Dns(dns)) => dns.to_string(),
            Wanted::Entry(identifier) => identifier.to_typed(),
        };
        let holding = match is_held(one, presented) {
            true => Holding::Held,
            false => Holding::Missing,
        };
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if holding == Holding::Missing => *known = holding,
            Some(_) => {}
            None => names.push((name, holding)),
        }
    }
    names
}
