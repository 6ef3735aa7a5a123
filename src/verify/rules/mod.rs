//! The rules, one file a part. A rule returns findings or says why it does not apply; silence is not an answer.

pub mod chain;
pub mod form;
pub mod key;
pub mod lint;
pub mod names;
pub mod usage;
pub mod validity;

use super::path::{self, Verdict};
use super::{Expectation, Profile, words};
use crate::findings::{Code, Finding, Severity};
use crate::x509::{Certificate, PrivateKey};

/// What is judged: the chain as sent, the key, what is expected, and the path that was found.
pub(crate) struct Case<'a> {
    /// The first of the chain.
    pub leaf: &'a Certificate,
    /// As sent, leaf first.
    pub chain: &'a [Certificate],
    /// The leaf's key, if it is at hand.
    pub key: Option<&'a PrivateKey>,
    /// What the chain is held against.
    pub expectation: &'a Expectation<'a>,
    /// What path building came to; `None` without anchors.
    pub verdict: Option<Verdict<'a>>,
}

/// What a part's rules say.
pub(crate) enum Ruling {
    /// Judged; perhaps nothing is wrong.
    Findings(Vec<Finding>),
    /// Its main question does not arise; what could be said all the same stands beside the reason.
    NotApplicable {
        /// Why.
        why: String,
        /// Found without it.
        findings: Vec<Finding>,
    },
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        leaf: &'a Certificate,
        chain: &'a [Certificate],
        key: Option<&'a PrivateKey>,
        expectation: &'a Expectation<'a>,
    ) -> Self {
        Self {
            leaf,
            chain,
            key,
            expectation,
            verdict: expectation
                .trust
                .map(|trust| path::find(leaf, chain, trust, expectation)),
        }
    }

    /// The certificates as sent after the leaf.
    pub(crate) fn sent(&self) -> &'a [Certificate] {
        self.chain.get(1..).unwrap_or_default()
    }

    /// The leaf's issuers, nearest first: those of the path, or where none was asked for, those sent that follow
    /// each other. None of a path that was refused: its fault is told, and the rest would only be noise.
    pub(crate) fn issuers(&self) -> Vec<&'a Certificate> {
        if let Some(verdict) = &self.verdict {
            let path = if verdict.accepted {
                verdict.path.as_slice()
            } else {
                &[]
            };
            return path.iter().skip(1).copied().collect();
        }
        let mut issuers: Vec<&'a Certificate> = Vec::new();
        let mut current = self.leaf;
        for next in self.sent() {
            if next.facts().subject.der == current.facts().issuer.der {
                issuers.push(next);
                current = next;
            }
        }
        issuers
    }

    /// Where a certificate stands: `leaf`, `intermediate 1`, `intermediate "X" (not sent)`, `root "X"`.
    pub(crate) fn place(&self, certificate: &Certificate) -> String {
        path::place(certificate, self.chain, self.expectation.trust)
    }

    /// What there is to say of each certificate on the path; nothing where there is none.
    pub(crate) fn on_path<T>(&self, say: impl Fn(&Certificate) -> T) -> Vec<T> {
        match &self.verdict {
            Some(verdict) if verdict.accepted => verdict.path.iter().map(|one| say(one)).collect(),
            Some(_) | None => Vec::new(),
        }
    }

    /// A refusal by the path library that should be explained by one of the rules.
    pub(crate) fn unexplained_refusal(&self) -> Option<Finding> {
        self.verdict
            .as_ref()
            .and_then(|verdict| verdict.refusal.clone())
    }
}

/// The codes whose finding breaks a MUST of RFC 5280 although peers go on: errors under
/// [`super::Strictness::Strict`].
const MUSTS_OF_RFC_5280: [Code; 7] = [
    Code::RevocationListUnusable,
    Code::FormSerial,
    Code::FormExtension,
    Code::FormCriticality,
    Code::FormKeyIdentifier,
    Code::FormMalformed,
    Code::NamesMalformed,
];

/// Those that break a MUST of the Baseline Requirements alone.
const MUSTS_OF_WEB_PKI: [Code; 5] = [
    Code::NamesCommonName,
    Code::NamesPrivate,
    Code::KeyUncommon,
    Code::UsageKeyUsage,
    Code::FormSubjectField,
];

/// Whether a strict judge makes this an error.
pub(crate) fn breaks_a_must(finding: &Finding, profile: Profile) -> bool {
    // The preferred name syntax has no underscore (RFC 1034 §3.5), the names of services have, and RFC 5280 is read
    // either way; the Baseline Requirements leave no doubt.
    if finding.code == Code::NamesMalformed && finding.severity == Severity::Note {
        return profile == Profile::WebPki;
    }
    MUSTS_OF_RFC_5280.contains(&finding.code)
        || (profile == Profile::WebPki && MUSTS_OF_WEB_PKI.contains(&finding.code))
}

/// Whether an error breaks no MUST of the profile: RFC 5280 alone lets a CA certificate stand at the end of a path, with
/// a key that signs certificates only; TLS, RFC 6120 and the Baseline Requirements do not.
pub(crate) fn is_no_must(code: Code, leaf: &Certificate, profile: Profile) -> bool {
    profile == Profile::Rfc5280
        && leaf.is_ca()
        && matches!(code, Code::UsageLeafIsCa | Code::UsageNoDigitalSignature)
}

/// Whether an error is one for which a path library turns the leaf away.
pub(crate) fn explains_a_refusal(finding: &Finding) -> bool {
    finding.severity == Severity::Error
        && matches!(
            finding.code,
            Code::FormVersion
                | Code::FormMalformed
                | Code::FormEmptyIssuer
                | Code::ChainCriticalExtension
                | Code::NamesMalformed
                | Code::UsageLeafIsCa
                | Code::UsageNoServerAuth
                | Code::UsageNoClientAuth
                | Code::SignatureWeak
                | Code::ValidityExpired
        )
}

/// A finding about a certificate's own key, whoever's it is.
pub(crate) fn weak_key(certificate: &Certificate, place: &str, mend: String) -> Option<Finding> {
    let fault = key::weakness(&certificate.facts().public_key)?;
    Some(Finding::new(
        Code::KeyWeak,
        place,
        format!("the key of {} is too weak", words::quoted(certificate)),
        fault,
        mend,
    ))
}
