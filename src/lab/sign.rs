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
        if granted && common_name.is_none() && found.chars().count() <= 64 {
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
mod tests {
    use super::*;
    use crate::lab::Secrecy;
    use crate::x509::{CsrSpec, KeyType, PrivateKey};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00:00.5 UTC);

    fn request(key_type: KeyType, names: &[&str]) -> Csr {
        let names: Vec<Identifier> = names
            .iter()
            .map(|name| Identifier::parse_typed(name).unwrap())
            .collect();
        Csr::build(
            &CsrSpec {
                subject: Subject {
                    organization: Some("Contoso".into()),
                    organizational_unit: Some("Messaging".into()),
                    common_name: names.first().map(ToString::to_string),
                    ..Subject::default()
                },
                names,
                key_usage: KeyUsage {
                    digital_signature: true,
                    ..KeyUsage::default()
                },
                key_purposes: vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
                template: None,
            },
            &PrivateKey::generate(key_type).unwrap(),
        )
        .unwrap()
    }

    const NAMES: [&str; 3] = [
        "dns:edge.contoso.com",
        "srv:_xmpp-server.contoso.com",
        "xmpp:contoso.com",
    ];

    #[test]
    fn a_public_ca_drops_what_public_cas_drop_and_says_so() {
        let ca = LabCa::create(NOW, KeyType::Ec256).unwrap();
        let csr = request(KeyType::Ec256, &NAMES);
        let reply = sign(&ca, &csr, &SignPolicy::public(NOW)).unwrap();
        let facts = reply.chain.leaf.facts();
        assert_eq!(
            facts.names,
            Some(vec![Presented::Dns("edge.contoso.com".into())])
        );
        assert_eq!(facts.key_purposes, Some(vec![KeyPurpose::ServerAuth]));
        assert_eq!(facts.subject.text, "CN=edge.contoso.com");
        let what: Vec<&str> = reply.dropped.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(
            what,
            [
                "srv:_xmpp-server.contoso.com",
                "xmpp:contoso.com",
                "subject O",
                "subject OU",
                "clientAuth"
            ]
        );
        assert_eq!(facts.not_before, datetime!(2026-11-21 09:00 UTC));
        assert_eq!(reply.chain.leaf.life_seconds(), 90 * 86_400);
        assert!(reply.chain.leaf.is_signed_by(&ca.intermediate));
        assert!(!facts.key_usage.unwrap().key_encipherment);
    }

    #[test]
    fn a_private_ca_grants_every_form_and_purpose() {
        let ca = LabCa::create(NOW, KeyType::Ec384).unwrap();
        let csr = request(KeyType::Ed25519, &NAMES);
        let reply = sign(&ca, &csr, &SignPolicy::private(NOW)).unwrap();
        let facts = reply.chain.leaf.facts();
        assert_eq!(facts.names, Some(csr.names.clone()));
        assert_eq!(facts.key_purposes, Some(csr.key_purposes));
    }

    #[test]
    fn the_reply_holds_the_root_and_the_order_that_were_asked() {
        let ca = LabCa::create(NOW, KeyType::Ec256).unwrap();
        let csr = request(KeyType::Rsa2048, &NAMES);
        let reply = sign(
            &ca,
            &csr,
            &SignPolicy {
                include_root: true,
                order: ReplyOrder::LeafLast,
                ..SignPolicy::public(NOW)
            },
        )
        .unwrap();
        let leaf = &reply.chain.leaf;
        let expected = [&ca.root, &ca.intermediate, leaf].map(Certificate::to_pem);
        assert_eq!(reply.pem, expected.concat());
        assert!(leaf.facts().key_usage.unwrap().key_encipherment);
    }

    #[test]
    fn what_no_ca_signs_is_refused() {
        let ca = LabCa::create(NOW, KeyType::Ec256).unwrap();
        let public = SignPolicy::public(NOW);
        let cases: [(Csr, LabError); 2] = [
            (
                request(KeyType::Ed25519, &NAMES),
                LabError::KeyRefused {
                    key: "Ed25519".into(),
                },
            ),
            (
                request(KeyType::Ec256, &NAMES[1..2]),
                LabError::NoNames {
                    dropped: vec![NAMES[1].into()],
                },
            ),
        ];
        for (csr, expected) in cases {
            assert_eq!(sign(&ca, &csr, &public).unwrap_err(), expected);
        }
        let mut forged = request(KeyType::Ec256, &NAMES);
        forged.signature_ok = false;
        assert!(matches!(
            sign(&ca, &forged, &public),
            Err(LabError::BadSignature { .. })
        ));
    }

    #[test]
    fn a_request_signed_by_the_lab_is_taken_in_and_what_it_dropped_is_found() {
        use crate::findings::{Code, Verdict};
        use crate::import::{Asked, AskedState, KeySource, Passage, ReplyFile, import_reply};
        use crate::names::{Domain, Slug, Use, plan};
        use crate::request::{IssuerProfile, KeyPolicy, RequestSpec, build_request};

        let ca = LabCa::create(NOW, KeyType::Ec256).unwrap();
        for (name, policy, expected) in [
            ("public-dv", SignPolicy::public(NOW), Verdict::Ok),
            ("private-xmpp", SignPolicy::private(NOW), Verdict::Ok),
            ("private-xmpp", SignPolicy::public(NOW), Verdict::Warning),
        ] {
            let profile = IssuerProfile::built_in(name).unwrap();
            let contoso = vec![Domain::parse("contoso.com").unwrap()];
            let spec = RequestSpec {
                certificate: Slug::parse("external-edge").unwrap(),
                plan: plan::plan_names(&plan::PlanInput {
                    fqdn: Domain::parse("edge.contoso.com").unwrap(),
                    sip_domains: contoso.clone(),
                    xmpp_domains: contoso,
                    components: Vec::new(),
                    uses: [Use::SipEdge, Use::XmppS2s].into(),
                    extra: Vec::new(),
                    forms: profile.forms.clone(),
                    limit: profile.name_limit,
                })
                .unwrap(),
                subject: Subject::default(),
                key_type: KeyType::Ec256,
                template: profile.template.clone(),
                profile,
            };
            let key = PrivateKey::generate(KeyType::Ec256).unwrap();
            let built = build_request(&spec, key, KeyPolicy::Refuse).unwrap();
            let asked = Asked {
                csr: None,
                certificate: built.certificate.clone(),
                request: "1".into(),
                state: AskedState::Pending,
                spki_sha256: built.csr.spki_sha256,
                names: built.summary().names,
                key_purposes: built.asked.key_purposes.clone(),
                forms_granted: spec.profile.forms.clone(),
            };
            let reply = sign(&ca, &built.csr, &policy).unwrap();
            let files = [ReplyFile {
                name: "reply.pem".into(),
                bytes: reply.pem.into_bytes(),
            }];
            let mut key = Some(built.key);
            let mut load = |_: &Asked| Ok(key.take().unwrap());
            let imported = import_reply(
                &Passage {
                    files: &files,
                    asked: &[asked],
                    roots: std::slice::from_ref(&ca.root),
                    passphrase: None,
                },
                KeySource::Ledger(&mut load),
            )
            .unwrap();
            assert_eq!(imported.missing_issuer, None);
            assert_eq!(*imported.bundle.chain(), reply.chain);
            assert_eq!(
                imported.report.verdict(),
                expected,
                "{name}: {:?}",
                imported.report
            );
            let dropped = imported
                .report
                .findings()
                .iter()
                .filter(|one| one.code == Code::GrantedNameDropped)
                .count();
            let lost = reply
                .dropped
                .iter()
                .filter(|one| one.why == NOT_PUBLIC)
                .count();
            assert_eq!(dropped, lost);
        }
    }

    #[test]
    fn a_ca_written_and_read_signs_again_and_a_mixed_one_is_refused() {
        let ca = LabCa::create(NOW, KeyType::Ec256).unwrap();
        let other = LabCa::create(NOW, KeyType::Ec256).unwrap();
        let text = |ca: &LabCa, name: &str| -> Vec<u8> {
            let files = ca.files().unwrap();
            let file = files.iter().find(|file| file.name == name).unwrap();
            assert_eq!(file.secrecy == Secrecy::Secret, name.contains("key"));
            file.text.as_bytes().to_vec()
        };
        let root = text(&ca, LabCa::ROOT);
        let intermediate = text(&ca, LabCa::INTERMEDIATE);
        let key = text(&ca, LabCa::INTERMEDIATE_KEY);
        let read = LabCa::load(&root, &intermediate, &key).unwrap();
        let csr = request(KeyType::Ec256, &NAMES);
        let first = sign(&ca, &csr, &SignPolicy::public(NOW)).unwrap();
        let later = sign(&read, &csr, &SignPolicy::public(NOW + Duration::SECOND)).unwrap();
        assert_ne!(
            first.chain.leaf.facts().serial,
            later.chain.leaf.facts().serial
        );
        for (root, intermediate, key) in [
            (text(&other, LabCa::ROOT), intermediate.clone(), key.clone()),
            (
                root.clone(),
                intermediate.clone(),
                text(&other, LabCa::INTERMEDIATE_KEY),
            ),
        ] {
            assert!(matches!(
                LabCa::load(&root, &intermediate, &key),
                Err(LabError::NotTogether { .. })
            ));
        }
    }
}
