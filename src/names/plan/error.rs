//! Why no plan can be made, and how to mend it.

use crate::explain::{Explain, Explanation};
use crate::names::{Domain, Identifier, NameForm, Use};
use std::collections::BTreeSet;

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An extra wildcard would stand for a name of SIP.
    #[error("the wildcard {wildcard} would stand for the SIP name {covered}")]
    WildcardForSip {
        /// The wildcard as asked for.
        wildcard: Identifier,
        /// The first SIP name that it would stand for.
        covered: Domain,
    },
    /// An extra name is of a form that the issuer's profile does not allow.
    #[error("the issuer's profile allows no {} such as {name}", name.form())]
    FormRefused {
        /// The name as asked for.
        name: Identifier,
        /// What the profile allows.
        allowed: BTreeSet<NameForm>,
    },
    /// None of the uses has a domain, and no further name is asked for.
    #[error("there is no domain for the uses")]
    NoDomain {
        /// The uses that take domains.
        uses: BTreeSet<Use>,
    },
    /// The certificate is for nothing.
    #[error("the certificate has no use")]
    NoUse,
}

impl Explain for PlanError {
    fn explain(&self) -> Explanation {
        let (code, what, why, mend) = match self {
            PlanError::WildcardForSip { wildcard, covered } => (
                "plan.wildcard-for-sip",
                format!(
                    "a wildcard cannot stand for a SIP name: {}",
                    wildcard.to_typed()
                ),
                format!(
                    "it would cover {covered}, and SIP peers accept no wildcard of any form (RFC 5922 §7.2); nor do Lync and SfB"
                ),
                format!(
                    "leave {} out and name each host; or put it into a certificate without the use sip-edge",
                    wildcard.to_typed()
                ),
            ),
            PlanError::FormRefused { name, allowed } => {
                let forms: Vec<String> = allowed.iter().map(NameForm::to_string).collect();
                (
                    "plan.form-refused",
                    format!(
                        "this issuer's profile allows no {}: {}",
                        name.form(),
                        name.to_typed()
                    ),
                    format!(
                        "the profile allows {}{}",
                        if forms.is_empty() {
                            "no names".to_owned()
                        } else {
                            forms.join(", ")
                        },
                        if matches!(name.form(), NameForm::Dns | NameForm::Ip) {
                            ""
                        } else {
                            "; public CAs issue DNS names and addresses only (BR 7.1.2.7.12)"
                        }
                    ),
                    match name.domain() {
                        Some(domain) if name.form() != NameForm::Dns => format!(
                            "ask for dns:{domain} instead, or use an issuer that grants {}",
                            name.form()
                        ),
                        Some(_) | None => format!(
                            "leave {} out, or use an issuer that grants {}",
                            name.to_typed(),
                            name.form()
                        ),
                    },
                )
            }
            PlanError::NoDomain { uses } => {
                let words: Vec<&str> = uses.iter().map(|u| u.word()).collect();
                let flags = if uses.contains(&Use::SipEdge) {
                    "--sip-domain or `[edge] sip-domains`"
                } else {
                    "--xmpp-domain or `[edge] xmpp-domains`"
                };
                (
                    "plan.no-domain",
                    "there is no domain to plan for".to_owned(),
                    format!(
                        "the names for {} come from domains, and none is given",
                        words.join(", ")
                    ),
                    format!("give one by {flags}"),
                )
            }
            PlanError::NoUse => (
                "plan.no-use",
                "the certificate is for nothing".to_owned(),
                "the uses decide which names are planned, and there is none".to_owned(),
                "give --use or `uses`: sip-edge, xmpp-s2s, xmpp-c2s, internal-edge".to_owned(),
            ),
        };
        Explanation {
            code,
            what,
            place: String::new(),
            why,
            mend,
        }
    }
}
