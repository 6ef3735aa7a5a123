//! What two XMPP servers will end up with: SASL EXTERNAL, dialback inside TLS or in clear, or nothing.
//!
//! A pure function of the partner's settings, its server and our leaf. Whether the chain holds by the partner's roots
//! is judged elsewhere and handed in. Standards: XEP-0178 (EXTERNAL, and dialback after it failed), XEP-0220.

use super::servers::{Answer, Basis, By, Offer, Refusal, Role, WhyNot, answer, profile};
use crate::explain::printable;
use crate::federation::{Method, Negotiation, Server, Setting};
use crate::names::matching::Service;
use crate::names::{Domain, Presented};
use crate::x509::KeyPurpose;
use crate::x509::certificate::Facts;

/// Whether our chain leads to a root that the partner trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It does.
    Trusted,
    /// Not judged; taken for trusted.
    Unknown,
    /// It does not, and why (fit to be shown).
    Untrusted(String),
}

/// Our certificate as a partner meets it.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// What the leaf holds.
    pub leaf: &'a Facts,
    /// Our domain that the stream is for.
    pub domain: &'a Domain,
    /// Whose certificate it is on the connection.
    pub role: Role,
    /// Whether the chain holds.
    pub trust: &'a Trust,
}

/// How two servers come to trust a stream, and by what cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The method; `None`: no stream comes about.
    pub method: Option<Method>,
    /// Why this one.
    pub cause: Cause,
}

/// What decides an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The certificate is accepted; by which name, fit to be shown.
    Accepted(String),
    /// SASL is not supported by the settings.
    SaslOff,
    /// TLS is not supported by the settings.
    TlsOff,
    /// The settings leave no method at all.
    NoMethod,
    /// The server does not speak XMPP.
    NoXmpp,
    /// The certificate is refused.
    Refused(Refusal, Offer),
    /// The chain does not lead to a root that is trusted there, and why.
    Untrusted(String),
}

impl Cause {
    /// Whether it is the same kind of cause, whatever names and roots it speaks of.
    pub fn is_like(&self, other: &Cause) -> bool {
        match (self, other) {
            (Cause::Refused(one, _), Cause::Refused(another, _)) => {
                std::mem::discriminant(one) == std::mem::discriminant(another)
            }
            (one, another) => std::mem::discriminant(one) == std::mem::discriminant(another),
        }
    }
}

/// What comes of a partner's settings with this server and this certificate.
///
/// The server is taken to support TLS and EXTERNAL, as all of them do, and to fall back to dialback where the settings
/// leave that (XEP-0178 §3, step 11).
pub fn predict(negotiation: Negotiation, server: Server, shown: &Shown<'_>) -> Outcome {
    let methods = negotiation.methods();
    if !server.speaks_xmpp() {
        return Outcome {
            method: None,
            cause: Cause::NoXmpp,
        };
    }
    let Some(first) = methods.first().copied() else {
        return Outcome {
            method: None,
            cause: Cause::NoMethod,
        };
    };
    let fallback = methods
        .iter()
        .copied()
        .find(|method| *method != Method::SaslOverTls);
    match first {
        Method::SaslOverTls => match refusal(server, shown) {
            Ok(by) => Outcome {
                method: Some(first),
                cause: Cause::Accepted(by),
            },
            Err(cause) => Outcome {
                method: fallback,
                cause,
            },
        },
        Method::DialbackOverTls => Outcome {
            method: Some(first),
            cause: Cause::SaslOff,
        },
        Method::DialbackOverTcp => Outcome {
            method: Some(first),
            cause: Cause::TlsOff,
        },
    }
}

/// By which name the certificate is accepted, or why it is not.
fn refusal(server: Server, shown: &Shown<'_>) -> Result<String, Cause> {
    let profile = profile(server);
    let answered = answer(
        &profile,
        shown.leaf,
        Service::XmppServer,
        shown.domain,
        shown.role,
    );
    let by = match answered {
        Answer::Refused(refusal) => return Err(Cause::Refused(refusal, profile.offer.value)),
        Answer::Accepted(by) => by,
    };
    match shown.trust {
        Trust::Untrusted(why) => Err(Cause::Untrusted(why.clone())),
        Trust::Trusted | Trust::Unknown => Ok(by_words(&by, shown.leaf)),
    }
}

/// What made a server accept, fit to be shown: `dns:contoso.com`, `CN=contoso.com`, `any name`.
pub fn by_words(by: &By, leaf: &Facts) -> String {
    match by {
        By::Name(index) => leaf
            .names
            .as_ref()
            .and_then(|names| names.get(*index))
            .map(Presented::to_typed)
            .unwrap_or_default(),
        By::CommonName(name) => format!("CN={}", printable(name)),
        By::NotCompared => "any name".to_owned(),
    }
}

/// Why a certificate is refused, as a part of a sentence: `the leaf has serverAuth only and Metronome asks for clientAuth`.
pub fn refusal_words(refusal: &Refusal, who: &str) -> String {
    match refusal {
        Refusal::Name {
            wanted,
            nearest: None,
        } => format!("no name in the leaf stands for {wanted}"),
        Refusal::Name {
            wanted,
            nearest: Some((name, why)),
        } => format!(
            "{name} does not stand for {wanted} there: {}",
            why_not_words(*why)
        ),
        Refusal::Purpose {
            needed, present, ..
        } => format!(
            "the leaf has {} and {who} asks for {needed}",
            purposes_words(present)
        ),
        Refusal::Key { .. } => format!("the leaf's key is not RSA, and {who} works with RSA keys"),
    }
}

fn purposes_words(present: &[KeyPurpose]) -> String {
    match present {
        [] => "no purpose".to_owned(),
        [only] => format!("{} only", printable(only.word())),
        several => {
            let words: Vec<String> = several.iter().map(|one| printable(one.word())).collect();
            format!("{} only", words.join(" and "))
        }
    }
}

/// Why a name that others would take does not count.
pub fn why_not_words(why: WhyNot) -> &'static str {
    match why {
        WhyNot::Case => "it has upper case, and bytes are compared",
        WhyNot::Wildcard => "its wildcard does not reach so far",
        WhyNot::Idn => "A-labels and U-labels are not taken for the same",
        WhyNot::Srv => "an SRVName of this kind is not read",
        WhyNot::Xmpp => "XmppAddr is not read, or not in this spelling",
        WhyNot::Uri => "URIs are not read",
        WhyNot::CommonName => "the common name is not read, or not beside other names",
        WhyNot::TooMany => "it stands after the entries that are looked at",
    }
}

impl Outcome {
    /// In one sentence without a full stop; `who` is the server's title.
    pub fn sentence(&self, negotiation: Negotiation, who: &str) -> String {
        let why = match &self.cause {
            Cause::Accepted(by) => return format!("SASL EXTERNAL will be accepted, by {by}"),
            Cause::SaslOff => return "dialback over TLS, since SASL is not supported".to_owned(),
            Cause::TlsOff => {
                return "dialback in clear text, since TLS is not supported".to_owned();
            }
            Cause::NoXmpp => {
                return format!("nothing works, since {who} does not speak XMPP");
            }
            Cause::NoMethod => {
                let why = match (negotiation.tls, negotiation.sasl) {
                    (Setting::NotSupported, Setting::Required | Setting::Optional) => {
                        "SASL needs TLS, which is not supported, and dialback is off"
                    }
                    (_, _) => "neither SASL nor dialback is on",
                };
                return format!("nothing works, since {why}");
            }
            Cause::Refused(refusal, offer) => {
                let late = match offer {
                    Offer::IfAccepted => "",
                    Offer::Regardless => " (it is offered all the same, and refused when tried)",
                };
                format!("{}{late}", refusal_words(refusal, who))
            }
            Cause::Untrusted(why) => why.clone(),
        };
        let then = match (self.method, negotiation.dialback) {
            (Some(Method::DialbackOverTls), _) => "it falls back to dialback over TLS",
            (Some(Method::DialbackOverTcp), _) => "it falls back to dialback in clear text",
            (Some(Method::SaslOverTls), _) => "it is tried all the same",
            (None, false) => "dialback is off, so nothing works",
            (None, true) => {
                "dialback never runs where TLS and SASL are both required, so nothing works"
            }
        };
        format!("SASL EXTERNAL will fail, since {why}; {then}")
    }

    /// `sasl-over-tls`, `dialback-over-tls`, `dialback-over-tcp`, `fails`.
    pub fn word(&self) -> &'static str {
        match self.method {
            Some(Method::SaslOverTls) => "sasl-over-tls",
            Some(Method::DialbackOverTls) => "dialback-over-tls",
            Some(Method::DialbackOverTcp) => "dialback-over-tcp",
            None => "fails",
        }
    }

    /// How bad it is, worst last: EXTERNAL, dialback over TLS, dialback in clear, nothing.
    pub fn rank(&self) -> u8 {
        match self.method {
            Some(Method::SaslOverTls) => 0,
            Some(Method::DialbackOverTls) => 1,
            Some(Method::DialbackOverTcp) => 2,
            None => 3,
        }
    }

    /// Whether it rests on something that is only concluded, so that nobody should be refused by it.
    pub fn is_inferred(&self) -> bool {
        match &self.cause {
            Cause::Refused(Refusal::Purpose { basis, .. } | Refusal::Key { basis }, _) => {
                *basis == Basis::Inferred
            }
            Cause::Refused(Refusal::Name { .. }, _)
            | Cause::Accepted(_)
            | Cause::SaslOff
            | Cause::TlsOff
            | Cause::NoMethod
            | Cause::NoXmpp
            | Cause::Untrusted(_) => false,
        }
    }
}
