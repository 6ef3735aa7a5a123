//! The table: each code with a case that raises it and one near by that does not.

use crate::lab::*;
use edgecert::federation::{Server, Setting};
use edgecert::findings::Code;
use edgecert::names::matching::Service;
use edgecert::x509::issue::IssueSpec;
use edgecert::x509::{Certificate, KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use time::Duration;
use time::macros::datetime;

/// Code, the case that raises it, the case near by that does not.
pub type Row = (Code, fn(&Lab) -> Given, fn(&Lab) -> Given);

pub const OID_CRITICAL_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff];
pub const OID_AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
pub const OID_TLS_FEATURE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 24];
pub const OID_CRITICAL_SAN: &[u8] = &[0x55, 0x1d, 0x11, 0x01, 0x01, 0xff];

pub fn rows() -> Vec<Row> {
    use Code::*;
    use Service::{Sip, XmppServer};
    use Setting::{Optional, Required};
    vec![
        (ChainNoPath, circle, Lab::sound),
        (
            ChainIntermediateMissing,
            |lab| {
                lab.chain(vec![lab.leaf(&plain())])
                    .untrusted(vec![lab.ca.clone()])
            },
            |lab| lab.sound().untrusted(vec![lab.ca.clone()]),
        ),
        (
            ChainIntermediateMissing,
            |lab| lab.chain(vec![lab.leaf(&plain())]),
            // the intermediate is an anchor here
            |lab| {
                lab.chain(vec![lab.leaf(&plain())])
                    .roots(vec![lab.ca.clone()])
            },
        ),
        (
            ChainUntrustedRoot,
            |lab| lab.sound().roots(vec![]),
            Lab::sound,
        ),
        (
            ChainSelfSigned,
            |lab| lab.chain(vec![sign(&plain(), &lab.leaf_key, None, &lab.leaf_key)]),
            Lab::sound,
        ),
        (
            ChainMisordered,
            |lab| {
                let mut chain = deep(lab, None);
                chain.swap(1, 2);
                lab.chain(chain)
            },
            |lab| lab.chain(deep(lab, None)),
        ),
        (
            ChainRootSent,
            |lab| lab.chain(vec![lab.leaf(&plain()), lab.ca.clone(), lab.root.clone()]),
            Lab::sound,
        ),
        (
            ChainStranger,
            |lab| {
                let other = sign(
                    &ca_spec("Other CA", None),
                    &lab.leaf_key,
                    Some(&lab.root),
                    &lab.root_key,
                );
                lab.chain(vec![lab.leaf(&plain()), lab.ca.clone(), other])
            },
            Lab::sound,
        ),
        (
            ChainStranger,
            |lab| lab.chain(vec![lab.leaf(&plain()), lab.ca.clone(), lab.ca.clone()]),
            Lab::sound,
        ),
        (
            ChainNotACa,
            |lab| lab.with_ca(&ca_with(|spec| spec.ca = None)),
            Lab::sound,
        ),
        (
            ChainNotACa,
            |lab| {
                lab.with_ca(&ca_with(|spec| {
                    spec.key_usage = Some(KeyUsage {
                        crl_sign: true,
                        ..KeyUsage::default()
                    });
                }))
            },
            // without any key usage a CA may sign
            |lab| lab.with_ca(&ca_with(|spec| spec.key_usage = None)),
        ),
        (
            ChainPathLength,
            |lab| lab.chain(deep(lab, Some(0))),
            |lab| lab.chain(deep(lab, Some(1))),
        ),
        (
            ChainNameConstraint,
            |_| limbo("rfc5280::nc::excluded-dns-match"),
            |_| limbo("rfc5280::nc::permitted-dns-match"),
        ),
        (
            ChainBadSignature,
            |lab| {
                let leaf = lab.leaf(&plain());
                let mut der = leaf.der().to_vec();
                *der.last_mut().unwrap() ^= 1;
                lab.chain(vec![Certificate::from_der(&der).unwrap(), lab.ca.clone()])
            },
            Lab::sound,
        ),
        (
            ChainCriticalExtension,
            |lab| {
                lab.patched(
                    &plain(),
                    OID_CRITICAL_KEY_USAGE,
                    &[0x55, 0x1d, 0x63, 0x01, 0x01, 0xff],
                )
            },
            |lab| {
                lab.patched(
                    &plain(),
                    OID_CRITICAL_KEY_USAGE,
                    &[0x55, 0x1d, 0x63, 0x01, 0x01, 0x00],
                )
            },
        ),
        (
            RevocationRevoked,
            |_| limbo("crl::revoked-certificate-with-crl"),
            |_| limbo("crl::issuer-no-keyusage-extension"),
        ),
        (
            RevocationListUnusable,
            |_| limbo("crl::issuer-missing-crlsign"),
            |_| limbo("crl::issuer-no-keyusage-extension"),
        ),
        (
            RevocationUnknown,
            // the list of another CA
            |lab| Given {
                crls: limbo("crl::issuer-no-keyusage-extension").crls,
                ..lab.sound()
            },
            |_| limbo("crl::issuer-no-keyusage-extension"),
        ),
        (
            ValidityExpired,
            |lab| lab.sound().at(datetime!(2027-05-19 0:00 UTC)),
            // the last second is part of the life
            |lab| lab.sound().at(datetime!(2027-05-18 23:59:59.5 UTC)),
        ),
        (
            ValidityExpired,
            |lab| {
                lab.with_ca(&ca_with(|spec| {
                    spec.not_after = datetime!(2026-11-20 0:00 UTC)
                }))
            },
            Lab::sound,
        ),
        (
            ValidityExpired,
            |lab| {
                let old = IssueSpec {
                    not_after: datetime!(2026-11-20 0:00 UTC),
                    ..ca_spec("Lab Root", None)
                };
                let root = sign(&old, &lab.root_key, None, &lab.root_key);
                lab.sound().roots(vec![root])
            },
            // another anchor with the same name and key still lives: every path is tried
            |lab| {
                let old = IssueSpec {
                    not_after: datetime!(2026-11-20 0:00 UTC),
                    ..ca_spec("Lab Root", None)
                };
                let root = sign(&old, &lab.root_key, None, &lab.root_key);
                lab.sound().roots(vec![root, lab.root.clone()])
            },
        ),
        (
            ValidityNotYet,
            |lab| lab.sound().at(datetime!(2026-10-31 23:59:59 UTC)),
            |lab| lab.sound().at(datetime!(2026-11-01 0:00 UTC)),
        ),
        (
            ValidityFresh,
            |lab| lab.sound().at(datetime!(2026-11-01 0:59:59 UTC)),
            |lab| lab.sound().at(datetime!(2026-11-01 1:00 UTC)),
        ),
        (
            ValidityEndsSoon,
            |lab| lab.sound().at(datetime!(2027-04-01 0:00 UTC)),
            |lab| lab.sound().at(datetime!(2027-03-01 0:00 UTC)),
        ),
        (
            ValidityIssuerEndsFirst,
            |lab| {
                lab.with_ca(&ca_with(|spec| {
                    spec.not_after = datetime!(2027-01-01 0:00 UTC)
                }))
            },
            |lab| lab.with_ca(&ca_with(|spec| spec.not_after = plain().not_after)),
        ),
        (
            ValidityTooLong,
            |lab| {
                lab.given(&with(|spec| {
                    spec.not_after = spec.not_before + Duration::days(200);
                }))
                .public()
            },
            |lab| lab.given(&days(200)).public(),
        ),
        (
            ValidityTooLong,
            |lab| lab.given(&days(201)).public(),
            |lab| lab.given(&days(3_000)),
        ),
        (
            NamesMissing,
            |lab| {
                lab.sound()
                    .wanting(vec![covered(XmppServer, "chat.contoso.com")])
            },
            |lab| {
                lab.sound()
                    .wanting(vec![covered(XmppServer, "contoso.com")])
            },
        ),
        (
            NamesMissing,
            |lab| lab.sound().wanting(vec![entry("ip:192.0.2.1")]),
            |lab| lab.names(&["ip:192.0.2.1"], vec![entry("ip:192.0.2.1")]),
        ),
        (
            NamesNoSan,
            |lab| lab.names(&[], vec![covered(XmppServer, "contoso.com")]),
            Lab::sound,
        ),
        (
            NamesSrvIdMissing,
            |lab| {
                lab.sound()
                    .wanting(vec![entry("srv:_xmpp-server.contoso.com")])
            },
            |lab| {
                lab.names(
                    &["srv:_xmpp-server.contoso.com"],
                    vec![entry("srv:_xmpp-server.contoso.com")],
                )
            },
        ),
        (
            NamesXmppAddrMissing,
            |lab| lab.sound().wanting(vec![entry("xmpp:contoso.com")]),
            |lab| lab.names(&["xmpp:contoso.com"], vec![entry("xmpp:contoso.com")]),
        ),
        (
            NamesWildcardForSip,
            |lab| {
                lab.names(
                    &["dns:*.contoso.com"],
                    vec![covered(Sip, "sip.contoso.com")],
                )
            },
            |lab| {
                lab.names(
                    &["dns:*.contoso.com"],
                    vec![covered(XmppServer, "chat.contoso.com")],
                )
            },
        ),
        (
            NamesSipUriIncomplete,
            |lab| {
                lab.names(
                    &["dns:contoso.com", "dns:fabrikam.com", "sip:contoso.com"],
                    vec![covered(Sip, "contoso.com"), covered(Sip, "fabrikam.com")],
                )
            },
            |lab| {
                lab.names(
                    &["dns:contoso.com", "dns:fabrikam.com"],
                    vec![covered(Sip, "contoso.com"), covered(Sip, "fabrikam.com")],
                )
            },
        ),
        (
            NamesUppercase,
            |lab| lab.patched(&plain(), b"\x82\x0bcontoso.com", b"\x82\x0bContoso.com"),
            Lab::sound,
        ),
        (
            NamesMalformed,
            |lab| lab.patched(&plain(), b"\x82\x0bcontoso.com", b"\x82\x0bcontoso com"),
            |lab| lab.patched(&plain(), b"\x82\x0bcontoso.com", b"\x82\x0bcont0s0.com"),
        ),
        (
            NamesSurplus,
            |lab| {
                lab.sound()
                    .wanting(vec![covered(XmppServer, "contoso.com")])
            },
            Lab::sound,
        ),
        (
            NamesCommonName,
            |lab| lab.names(&["dns:contoso.com"], vec![]),
            Lab::sound,
        ),
        (
            UsageNoServerAuth,
            |lab| {
                lab.given(&with(|spec| {
                    spec.key_purposes = vec![KeyPurpose::ClientAuth]
                }))
            },
            // without an extended key usage everything is allowed
            |lab| lab.given(&with(|spec| spec.key_purposes = vec![])),
        ),
        (
            UsageNoServerAuth,
            |lab| {
                lab.with_ca(&ca_with(|spec| {
                    spec.key_purposes = vec![KeyPurpose::ClientAuth]
                }))
            },
            |lab| {
                lab.with_ca(&ca_with(|spec| {
                    spec.key_purposes = vec![KeyPurpose::ServerAuth]
                }))
            },
        ),
        (
            UsageNoClientAuth,
            |lab| {
                lab.given(&with(|spec| {
                    spec.key_purposes = vec![KeyPurpose::ServerAuth]
                }))
                .wanting(vec![covered(XmppServer, "contoso.com")])
            },
            |lab| {
                lab.given(&with(|spec| {
                    spec.key_purposes = vec![KeyPurpose::ServerAuth]
                }))
                .wanting(vec![covered(Service::XmppClient, "contoso.com")])
            },
        ),
        (
            UsagePartnerFails,
            |lab| for_servers_alone(lab).partner(Server::Ejabberd23, Required, false),
            |lab| for_servers_alone(lab).partner(Server::Ejabberd2508, Required, false),
        ),
        (
            UsagePartnerDialback,
            |lab| for_servers_alone(lab).partner(Server::Metronome, Optional, true),
            |lab| for_servers_alone(lab).partner(Server::Prosody13, Optional, true),
        ),
        (
            UsagePartnerRoots,
            |lab| {
                for_servers_alone(lab)
                    .partner(Server::Prosody13, Optional, true)
                    .whose_roots_are_unread()
            },
            |lab| for_servers_alone(lab).partner(Server::Prosody13, Optional, true),
        ),
        (
            UsageNoDigitalSignature,
            |lab| {
                lab.given(&with(|spec| {
                    spec.key_usage = Some(KeyUsage {
                        key_encipherment: true,
                        ..KeyUsage::default()
                    });
                }))
            },
            |lab| lab.given(&with(|spec| spec.key_usage = None)),
        ),
        (
            UsageLeafIsCa,
            |lab| lab.given(&with(|spec| spec.ca = Some(None))),
            Lab::sound,
        ),
        (
            KeyWeak,
            |lab| {
                let spki: Vec<u8> = (0..RSA_1024.len() / 2)
                    .map(|at| u8::from_str_radix(&RSA_1024[2 * at..2 * at + 2], 16).unwrap())
                    .collect();
                lab.for_key(&spki)
            },
            Lab::sound,
        ),
        (
            KeyKnownBad,
            |lab| lab.for_key(&public_key("roca")),
            |lab| lab.for_key(PrivateKey::generate(KeyType::Rsa2048).unwrap().spki_der()),
        ),
        (
            KeyKnownBad,
            |lab| lab.for_key(&public_key("close-primes")),
            Lab::sound,
        ),
        (
            UsageKeyUsage,
            |lab| lab.given(&with_usage(|usage| usage.key_encipherment = true)),
            |lab| lab.given(&with_usage(|usage| usage.key_agreement = true)),
        ),
        (
            FormMustStaple,
            |lab| lab.patched(&plain(), OID_AUTHORITY_INFO_ACCESS, OID_TLS_FEATURE),
            Lab::sound,
        ),
        (
            FormSubjectField,
            |lab| lab.given(&with_unit()).public(),
            // a private CA may
            |lab| lab.given(&with_unit()),
        ),
        (
            FormCommonNameLong,
            |lab| lab.given(&with(|spec| spec.subject = Subject::named(&"ä".repeat(65)))),
            // characters count, not bytes
            |lab| lab.given(&with(|spec| spec.subject = Subject::named(&"ä".repeat(64)))),
        ),
        (
            NamesPrivate,
            |lab| {
                lab.given(&leaf_spec(&["dns:contoso.com", "dns:edge.contoso.local"]))
                    .public()
            },
            |lab| lab.given(&leaf_spec(&["dns:contoso.com", "dns:edge.contoso.local"])),
        ),
        (
            NamesPrivate,
            |lab| {
                lab.given(&leaf_spec(&["dns:contoso.com", "ip:10.1.2.3"]))
                    .public()
            },
            |lab| {
                lab.given(&leaf_spec(&["dns:contoso.com", "ip:8.8.8.8"]))
                    .public()
            },
        ),
        (
            NamesSrvTargetOnly,
            |lab| lab.names(&["dns:edge.contoso.com"], edge_and_domain()),
            |lab| {
                lab.names(
                    &["dns:edge.contoso.com", "dns:contoso.com"],
                    edge_and_domain(),
                )
            },
        ),
        (
            NamesSrvTargetOnly,
            |lab| lab.names(&["dns:edge.contoso.com"], edge_and_domain()),
            // one of the domains is there: then the others are missing, each by itself
            |lab| {
                let mut wanted = edge_and_domain();
                wanted.push(covered(XmppServer, "edge.contoso.com"));
                lab.names(&["dns:edge.contoso.com"], wanted)
            },
        ),
        (
            KeyUncommon,
            |lab| {
                let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
                lab.chain(vec![
                    sign(&plain(), &key, Some(&lab.ca), &lab.ca_key),
                    lab.ca.clone(),
                ])
            },
            Lab::sound,
        ),
        (
            SignatureWeak,
            |_| {
                let (sha256, sha1) = ([0x0d, 1, 1, 11, 5, 0], [0x0d, 1, 1, 5, 5, 0]);
                let given = rsa_signed();
                Given {
                    chain: vec![patch(&given.chain[0], &sha256, &sha1)],
                    ..given
                }
            },
            |_| rsa_signed(),
        ),
        (
            FormVersion,
            |lab| lab.patched(&plain(), &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 1]),
            Lab::sound,
        ),
        (
            FormSerial,
            |lab| lab.given(&with(|spec| spec.serial = vec![1; 21])),
            |lab| lab.given(&with(|spec| spec.serial = vec![1; 20])),
        ),
        (
            FormMalformed,
            // keyUsage holds an OCTET STRING
            |lab| {
                lab.patched(
                    &plain(),
                    &[0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 3, 2],
                    &[0x55, 0x1d, 0x0f, 1, 1, 0xff, 4, 4, 4, 2],
                )
            },
            Lab::sound,
        ),
        (
            FormEmptySubject,
            |lab| lab.given(&with(|spec| spec.subject = Subject::default())),
            Lab::sound,
        ),
        (
            FormExtension,
            |lab| {
                lab.given(&with(|spec| {
                    spec.key_usage = Some(KeyUsage {
                        digital_signature: true,
                        key_cert_sign: true,
                        ..KeyUsage::default()
                    });
                }))
            },
            Lab::sound,
        ),
        (
            FormCriticality,
            |lab| {
                lab.patched(
                    &with(|spec| spec.subject = Subject::default()),
                    OID_CRITICAL_SAN,
                    &[0x55, 0x1d, 0x11, 1, 1, 0],
                )
            },
            |lab| lab.given(&with(|spec| spec.subject = Subject::default())),
        ),
        (
            FormKeyIdentifier,
            |lab| lab.patched(&plain(), &[0x55, 0x1d, 0x23], &[0x55, 0x1d, 0x63]),
            // a self-signed one is its own issuer
            |lab| {
                let own = sign(&plain(), &lab.leaf_key, None, &lab.leaf_key);
                Given {
                    roots: None,
                    ..lab.chain(vec![own])
                }
            },
        ),
        (
            FormEmptyIssuer,
            |lab| {
                let nameless = IssueSpec {
                    subject: Subject::default(),
                    ..ca_spec("", None)
                };
                let ca = sign(&nameless, &lab.ca_key, Some(&lab.root), &lab.root_key);
                let leaf = sign(&plain(), &lab.leaf_key, Some(&ca), &lab.ca_key);
                lab.chain(vec![leaf, ca])
            },
            Lab::sound,
        ),
    ]
}

/// A leaf signed by an RSA key.
/// Rows of the strict reading alone.
pub fn strict_rows() -> Vec<Row> {
    use Code::*;
    vec![
        (
            ChainPolicy,
            |_| chain_of_file("policy/explicit-policy-without-one.pem"),
            Lab::sound,
        ),
        (
            ChainReadingsDiffer,
            |_| limbo("pathlen::self-issued-certs-pathlen"),
            Lab::sound,
        ),
    ]
}

pub fn rsa_signed() -> Given {
    let lab = Lab::new();
    let key = PrivateKey::generate(KeyType::Rsa2048).unwrap();
    let ca = sign(
        &ca_spec("RSA CA", Some(0)),
        &key,
        Some(&lab.root),
        &lab.root_key,
    );
    Given {
        roots: None,
        ..lab.chain(vec![sign(&plain(), &lab.leaf_key, Some(&ca), &key)])
    }
}

/// A leaf with serverAuth alone for an XMPP domain.
fn for_servers_alone(lab: &Lab) -> Given {
    lab.given(&with(|spec| {
        spec.key_purposes = vec![KeyPurpose::ServerAuth]
    }))
    .wanting(vec![covered(Service::XmppServer, "contoso.com")])
}
