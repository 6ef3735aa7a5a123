//! Is it right, without asking the network: run the rules over a chain, return the report.
//!
//! The verdict judges by what breaks a real peer. The path library (webpki) has the authoritative word on the path;
//! where it says no, our own walk explains which certificate is at fault and what mends it. Time, anchors and
//! expectations are handed in. Standards: RFC 5280 §6, RFC 9525, RFC 6120 §13.7, RFC 5922, the Baseline Requirements.

mod blame;
mod constraints;
pub mod expect;
pub mod outcome;
pub mod partners;
pub mod path;
mod policy;
mod revocation;
pub mod rules;
mod search;
pub mod servers;
pub mod trust;
mod validate;
mod words;

pub use partners::{Forecast, PartnerGate, Peer, PeerRoots, ServedNow, forecasts};
pub use rules::names::is_held;
pub use rules::validity::{Thresholds, ends_soon};
pub use trust::TrustSet;

use crate::deployment::LifeLeft;
use crate::findings::{Code, Finding, Report, Severity};
use crate::names::matching::Service;
use crate::names::{Domain, Identifier};
use crate::x509::{Bundle, Certificate, Crl, Fingerprint, PrivateKey};
use rules::{Case, Ruling};
use time::OffsetDateTime;

/// In which role the leaf is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// It serves TLS.
    #[default]
    Server,
    /// It proves a TLS client.
    Client,
}

/// Where the Baseline Requirements and RFC 5280 differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// As browsers and public CAs have it.
    #[default]
    WebPki,
    /// RFC 5280 alone.
    Rfc5280,
}

/// Whether every broken MUST is an error, or only what breaks a real peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// What breaks a real peer.
    #[default]
    Practical,
    /// Every broken MUST.
    Strict,
}

/// A name that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A domain must be covered for a service, in whatever form that service accepts.
    Covered {
        /// The service.
        service: Service,
        /// The domain.
        domain: Domain,
        /// Why, for the finding (`SIP domain contoso.com`).
        because: String,
    },
    /// This very entry should be there; its absence is a note for SRV-ID and XmppAddr, an error for others.
    Entry(Identifier),
}

/// What the chain is held against.
#[derive(Debug, Clone)]
pub struct Expectation<'a> {
    /// Anchors; `None`: the path is not judged (not applicable, and that is said).
    pub trust: Option<&'a TrustSet>,
    /// Further intermediates that may be used to build a path but are not sent.
    pub untrusted: &'a [Certificate],
    /// Revocation lists; none: revocation is not judged.
    pub crls: &'a [Crl],
    /// Names that must hold; empty: coverage is not judged.
    pub wanted: Vec<Wanted>,
    /// Role.
    pub purpose: Purpose,
    /// The moment of judgement, UTC.
    pub at: OffsetDateTime,
    /// Intermediates allowed; `None`: 6.
    pub max_depth: Option<usize>,
    /// Profile.
    pub profile: Profile,
    /// Strictness.
    pub strictness: Strictness,
    /// Whether the chain ends in a public root, so that the Baseline Requirements bind.
    pub public: bool,
    /// Whether the leaf is presented to SIP peers that ask for a client certificate. That it proves outgoing XMPP
    /// streams is seen from [`Self::wanted`].
    pub sip_mutual_tls: bool,
    /// Warn when less than this of the life is left; `None`: the caller judges that itself (see [`ends_soon`]).
    pub warn_below: Option<LifeLeft>,
    /// The XMPP partners that will meet the certificate; empty: what they make of it is not judged.
    pub partners: &'a [Peer],
    /// What it means that nothing works with one of them.
    pub partner_gate: PartnerGate<'a>,
}

impl Expectation<'_> {
    /// Nothing wanted but a sound server certificate at this moment: no anchors, no names, practical, web-pki, not
    /// public, warning at less than a third of the life.
    pub fn new(at: OffsetDateTime) -> Self {
        Self {
            trust: None,
            untrusted: &[],
            crls: &[],
            wanted: Vec::new(),
            purpose: Purpose::Server,
            at,
            max_depth: None,
            profile: Profile::WebPki,
            strictness: Strictness::Practical,
            public: false,
            sip_mutual_tls: false,
            warn_below: Some(LifeLeft::Share(1.0 / 3.0)),
            partners: &[],
            partner_gate: PartnerGate::Refuse,
        }
    }
}

/// What was judged, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// All findings.
    pub report: Report,
    /// Which of the rules' parts did not apply, and why: (`chain`, `no roots given`).
    pub not_applicable: Vec<(&'static str, String)>,
    /// The path that was found: leaf first, anchor's subject last.
    pub path: Vec<String>,
    /// SHA-256 of the certificates on it, in the same order.
    pub on_path: Vec<Fingerprint>,
}

/// Most certificates that are judged as one chain, and most that may be used besides: real ones have less than ten, and
/// hostile ones cost a signature for each pair.
pub const MAX_CERTIFICATES: usize = 100;

/// There are more than [`MAX_CERTIFICATES`].
pub fn too_many(count: usize) -> Finding {
    Finding::new(
        Code::FormMalformed,
        "chain",
        "holds too many certificates to be one chain",
        format!(
            "{count} certificates are there, and at most {MAX_CERTIFICATES} are taken as one chain"
        ),
        "keep the leaf and the intermediates between it and its root, and leave the others out",
    )
}

/// Judges a chain as it is (or would be) sent: leaf first. The key, if given, must be the leaf's.
pub fn judge(
    chain: &[Certificate],
    key: Option<&PrivateKey>,
    expectation: &Expectation<'_>,
) -> Judgement {
    let Some(leaf) = chain.first() else {
        let finding = Finding::new(
            Code::FormMalformed,
            "chain",
            "there is no certificate to judge",
            "the chain is empty",
            "hand over the leaf, then its intermediates",
        );
        return Judgement {
            report: Report::new(vec![finding]),
            not_applicable: Vec::new(),
            path: Vec::new(),
            on_path: Vec::new(),
        };
    };
    let most = chain.len().max(expectation.untrusted.len());
    if most > MAX_CERTIFICATES {
        let why = || "too many certificates".to_owned();
        return Judgement {
            report: Report::new(vec![too_many(most)]),
            not_applicable: ["validity", "key", "chain", "usage", "names"]
                .map(|part| (part, why()))
                .into(),
            path: Vec::new(),
            on_path: Vec::new(),
        };
    }
    let case = Case::new(leaf, chain, key, expectation);
    let mut findings = Vec::new();
    let mut not_applicable = Vec::new();
    // Nearest cause first: what cannot be read, then time, then the pair, then the path, then what it may be used for.
    let parts: [(&'static str, Ruling); 7] = [
        ("form", rules::form::judge(&case)),
        ("validity", rules::validity::judge(&case)),
        ("key", rules::key::judge(&case)),
        ("chain", rules::chain::judge(&case)),
        ("usage", rules::usage::judge(&case)),
        ("names", rules::names::judge(&case)),
        ("lint", rules::lint::judge(&case)),
    ];
    for (part, ruling) in parts {
        match ruling {
            Ruling::Findings(found) => findings.extend(found),
            Ruling::NotApplicable {
                why,
                findings: found,
            } => {
                not_applicable.push((part, why));
                findings.extend(found);
            }
        }
    }
    if case.verdict.is_none()
        && !expectation.crls.is_empty()
        && revocation::as_sent(chain).len() < 2
    {
        not_applicable.push((
            "revocation",
            "no roots were given, and the chain has no issuer of the leaf".to_owned(),
        ));
    }
    if expectation.strictness == Strictness::Strict {
        for finding in &mut findings {
            if rules::breaks_a_must(finding, expectation.profile) {
                finding.severity = Severity::Error;
            } else if rules::is_no_must(finding.code, leaf, expectation.profile) {
                finding.severity = Severity::Warning;
            }
        }
    }
    // The path library has the last word: where no rule says what it minds in the leaf, this says that it does.
    if let Some(refusal) = case.unexplained_refusal()
        && !findings.iter().any(rules::explains_a_refusal)
    {
        findings.push(refusal);
    }
    findings.extend(partners::findings(&case));
    Judgement {
        report: Report::new(findings),
        not_applicable,
        path: case.on_path(Certificate::display_name),
        on_path: case.on_path(|one| one.facts().sha256),
    }
}

/// A finding that somebody lets through knowingly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Which.
    pub code: Code,
    /// Why; journalled.
    pub reason: String,
}

/// A bundle whose report had no errors, or whose errors were all overridden knowingly. Only [`VerifiedBundle::verify`] makes one.
#[derive(Debug)]
pub struct VerifiedBundle {
    bundle: Bundle,
    report: Report,
    overrides: Vec<Override>,
}

/// Why a bundle was not accepted.
#[derive(Debug)]
pub struct Refusal {
    /// Everything found, overridden ones included.
    pub report: Report,
    /// The errors that nobody let through, nearest cause first.
    pub standing: Vec<Finding>,
}

impl VerifiedBundle {
    /// Judges the bundle and accepts it if no error stands.
    pub fn verify(
        bundle: Bundle,
        expectation: &Expectation<'_>,
        overrides: Vec<Override>,
    ) -> Result<Self, Refusal> {
        let chain: Vec<Certificate> = bundle.chain().certificates().cloned().collect();
        let report = judge(&chain, Some(bundle.key()), expectation).report;
        let standing: Vec<Finding> = report
            .errors()
            .filter(|error| !overrides.iter().any(|known| known.code == error.code))
            .cloned()
            .collect();
        if standing.is_empty() {
            let overrides = overrides
                .into_iter()
                .filter(|known| report.errors().any(|error| error.code == known.code))
                .collect();
            Ok(Self {
                bundle,
                report,
                overrides,
            })
        } else {
            Err(Refusal { report, standing })
        }
    }

    /// The bundle.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Warnings, notes, and errors that were overridden.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What was let through: those overrides for which there was an error.
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }
}
