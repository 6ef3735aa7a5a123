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
