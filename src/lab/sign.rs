//! Signing a CSR as CAs do: names, purposes and subject cut down to what such a CA grants, and told.

use super::ca::{BACKDATE, serial, trouble, whole_second};
use super::{LabCa, LabError};
use crate::names::{Identifier, NameForm, Presented};
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{Certificate, Chain, Csr, KeyPurpose, KeyUsage, PublicKeyKind, Subject};
use time::{Duration, OffsetDateTime};

/// Life of a leaf when nothing else is asked, in days.
pub const LEAF_DAYS: u32 = 90;

/// In which order the certificates of a reply stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyOrder {
    /// As it should be.
    #[default]
    LeafFirst,
    /// As some CAs send it.
    LeafLast,
}

/// How to sign.
#[derive(Debug, Clone)]
pub struct SignPolicy {
    /// Whether it behaves as a public CA: DNS names and addresses alone, serverAuth alone, nothing but the CN, no Ed25519.
    pub public: bool,
    /// Life of the leaf in days.
    pub days: u32,
    /// The leaf begins an hour before.
    pub now: OffsetDateTime,
    /// Whether the root stands in the reply, as some CAs send it.
    pub include_root: bool,
    /// Order of the reply.
    pub order: ReplyOrder,
}

impl SignPolicy {
    /// As a public CA, 90 days, leaf first, without the root.
    pub fn public(now: OffsetDateTime) -> Self {
        Self {
            public: true,
            days: LEAF_DAYS,
            now,
            include_root: false,
            order: ReplyOrder::LeafFirst,
        }
    }

    /// As a private CA: every form and purpose is granted.
    pub fn private(now: OffsetDateTime) -> Self {
        Self {
            public: false,
            ..Self::public(now)
        }
    }
}

/// Something that was asked and not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// `srv:_xmpp-server.contoso.com`, `clientAuth`, `subject O`; fit to be shown.
    pub what: String,
    /// Why.
    pub why: &'static str,
}

/// What the CA sends back.
#[derive(Debug)]
pub struct SignedReply {
    /// Leaf and intermediate.
    pub chain: Chain,
    /// The reply's file, PEM, in the order and with the root as the policy has it.
    pub pem: String,
    /// What was not granted.
    pub dropped: Vec<Dropped>,
}

impl SignedReply {
    /// Leaf, then intermediate, as PEM, whatever the policy's order.
    pub fn fullchain_pem(&self) -> String {
        self.chain.fullchain_pem()
    }
}

const NOT_PUBLIC: &str =
    "public CAs put DNS names and addresses alone in certificates (BR 7.1.2.7.12)";

/// Signs a request.
///
/// Errors: a signature that does not verify, no name left, and, as a public CA, a key that those refuse.
pub fn sign(ca: &LabCa, csr: &Csr, policy: &SignPolicy) -> Result<SignedReply, LabError> {
    if !csr.signature_ok {
        return Err(LabError::BadSignature {
            key: csr.spki_sha256,
        });
    }
    if policy.public {
        refuse_key(&csr.public_key)?;
    }
    let mut dropped = Vec::new();
    let names = grant_names(csr, policy, &mut dropped);
    if names.is_empty() {
        return Err(LabError::NoNames {
            dropped: dropped.into_iter().map(|one| one.what).collect(),
        });
    }
    let subject = grant_subject(csr, &names, &mut dropped);
    let key_purposes = grant_purposes(csr, policy, &mut dropped);
    let not_before = whole_second(policy.now - BACKDATE);
    let moment = policy.now.unix_timestamp_nanos().to_be_bytes();
    let spec = IssueSpec {
        serial: serial(&[&csr.der, &moment, ca.intermediate.der()]),
        subject,
        names,
        not_before,
        not_after: not_before + Duration::days(i64::from(policy.days)) - Duration::SECOND,
        ca: None,
        key_usage: Some(KeyUsage {
            digital_signature: true,
            key_encipherment: matches!(csr.public_key, PublicKeyKind::Rsa { .. }),
            ..KeyUsage::default()
        }),
        key_purposes,
        ca_issuers: None,
    };
    let leaf = issue(
        &spec,
        csr.spki_der(),
        &Issuer {
            certificate: Some(&ca.intermediate),
            key: &ca.intermediate_key,
        },
    )
    .map_err(trouble("the leaf"))?;
    let chain = Chain {
        leaf,
        intermediates: vec![ca.intermediate.clone()],
    };
    let mut sent: Vec<&Certificate> = chain.certificates().collect();
    if policy.include_root {
        sent.push(&ca.root);
    }
    if policy.order == ReplyOrder::LeafLast {
        sent.reverse();
    }
    let pem = sent.into_iter().map(Certificate::to_pem).collect();
    Ok(SignedReply {
        chain,
        pem,
        dropped,
    })
}

fn refuse_key(key: &PublicKeyKind) -> Result<(), LabError> {
    let refused = match key {
        PublicKeyKind::Rsa { bits, .. } if *bits < 2048 => format!("RSA of {bits} bits"),
        PublicKeyKind::Rsa { .. } => return Ok(()),
        PublicKeyKind::Ec { curve } if matches!(curve.as_str(), "P-256" | "P-384") => return Ok(()),
        PublicKeyKind::Ec { curve } => format!("EC on {curve}"),
        PublicKeyKind::Ed25519 => "Ed25519".into(),
        PublicKeyKind::Other(other) => other.clone(),
    };
    Err(LabError::KeyRefused { key: refused })
}

fn grant_names(csr: &Csr, policy: &SignPolicy, dropped: &mut Vec<Dropped>) -> Vec<Identifier> {
    let mut granted: Vec<Identifier> = Vec::new();
    for presented in &csr.names {
        let mut drop = |why| {
            dropped.push(Dropped {
                what: Presented::to_typed(presented),
                why,
            });
        };
        match Identifier::from_presented(presented) {
            None => drop("it is malformed, or of a form that is not known"),
            Some(name) => match name.form() {
                NameForm::Srv | NameForm::Xmpp | NameForm::Uri | NameForm::Email
                    if policy.public =>
                {
                    drop(NOT_PUBLIC);
                }
                NameForm::Dns
                | NameForm::Srv
                | NameForm::Xmpp
                | NameForm::Uri
                | NameForm::Ip
                | NameForm::Email => {
                    if !granted.contains(&name) {
                        granted.push(name);
                    }
                }
            },
        }
    }
    granted
}

/// The common name alone, and only if it is one of the names granted (BR 7.1.4.2.2); the lab proves nothing else.
fn grant_subject(csr: &Csr, names: &[Identifier], dropped: &mut Vec<Dropped>) -> Subject {
    let mut common_name = None;
    for found in &csr.subject.common_names {
        let granted = names.iter().any(|name| {
            name.form() == NameForm::Dns && name.to_string().eq_ignore_ascii_case(found)
        });
        if granted && common_name.is_none() && found.chars().count() <= Subject::MAX_COMMON_NAME {
            common_name = Some(found.to_ascii_lowercase());
        } else {
            dropped.push(Dropped {
                what: "subject CN".into(),
                why: "it is none of the DNS names granted, or there are several",
            });
        }
    }
    for (field, _) in csr
        .subject_strings
        .iter()
        .filter(|(field, _)| field != "CN")
    {
        dropped.push(Dropped {
            what: format!("subject {}", crate::explain::printable(field)),
            why: "nobody proved it, as with domain validation (BR 7.1.2.7.2)",
        });
    }
    Subject {
        common_name,
        ..Subject::default()
    }
}

fn grant_purposes(csr: &Csr, policy: &SignPolicy, dropped: &mut Vec<Dropped>) -> Vec<KeyPurpose> {
    let mut granted: Vec<KeyPurpose> = Vec::new();
    for purpose in &csr.key_purposes {
        if *purpose == KeyPurpose::ServerAuth || !policy.public {
            if !granted.contains(purpose) {
                granted.push(purpose.clone());
            }
        } else {
            dropped.push(Dropped {
                what: crate::explain::printable(purpose.word()),
                why: "public CAs grant serverAuth alone (Chrome Root Program)",
            });
        }
    }
    if granted.is_empty() {
        granted.push(KeyPurpose::ServerAuth);
    }
    granted
}

#[cfg(test)]
mod tests;
