use super::*;
use crate::explain::Explain;
use crate::findings::Severity;
use crate::names::plan::{PlanInput, plan_names};
use crate::names::{Domain, NameForm, Use};
use crate::x509::KeyPurpose;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn plan_for(profile: &IssuerProfile, fqdn: &str, domains: &[&str], extra: &[&str]) -> SanPlan {
    let domains: Vec<Domain> = domains.iter().map(|d| Domain::parse(d).unwrap()).collect();
    plan_names(&PlanInput {
        fqdn: Domain::parse(fqdn).unwrap(),
        sip_domains: domains.clone(),
        xmpp_domains: domains,
        components: Vec::new(),
        uses: BTreeSet::from([Use::SipEdge, Use::XmppS2s]),
        extra: extra
            .iter()
            .map(|one| Identifier::parse_typed(one).unwrap())
            .collect(),
        forms: profile.forms.clone(),
        limit: profile.name_limit,
    })
    .unwrap()
}

fn spec(profile: &str, key_type: KeyType) -> RequestSpec {
    let profile = IssuerProfile::built_in(profile).unwrap();
    RequestSpec {
        certificate: Slug::parse("external-edge").unwrap(),
        plan: plan_for(&profile, "edge.contoso.com", &["contoso.com"], &[]),
        subject: Subject {
            country: Some("US".into()),
            state: Some("Washington".into()),
            locality: Some("Redmond".into()),
            organization: Some("Contoso, Ltd.".into()),
            organizational_unit: Some("Messaging".into()),
            common_name: None,
        },
        key_type,
        template: profile.template.clone(),
        profile,
    }
}

fn build(spec: &RequestSpec) -> Result<BuiltRequest, RequestError> {
    let key = PrivateKey::generate(spec.key_type).unwrap();
    build_request(spec, key, KeyPolicy::Refuse)
}

fn codes(built: &BuiltRequest) -> Vec<Code> {
    built.notes.iter().map(|note| note.code).collect()
}

#[test]
fn every_key_type_gives_a_request_with_the_right_usage() {
    for key_type in KeyType::ALL {
        let built = build(&spec("private-xmpp", key_type)).unwrap();
        let usage = built.csr.key_usage.unwrap();
        assert!(usage.digital_signature, "{key_type:?}");
        assert_eq!(usage.key_encipherment, key_type.is_rsa(), "{key_type:?}");
        assert_eq!(
            built.csr.key_purposes,
            [KeyPurpose::ServerAuth, KeyPurpose::ClientAuth]
        );
        assert_eq!(built.summary().key_type, key_type.word());
    }
}

#[test]
fn a_public_request_holds_dns_names_and_a_common_name_alone() {
    let built = build(&spec("public-dv", KeyType::Ec256)).unwrap();
    let summary = built.summary();
    assert_eq!(
        summary.names,
        [
            "dns:edge.contoso.com",
            "dns:sip.contoso.com",
            "dns:contoso.com"
        ]
    );
    assert!(
        summary
            .left_out
            .contains(&"srv:_xmpp-server.contoso.com".to_owned())
    );
    assert_eq!(
        summary.subject.into_iter().collect::<Vec<_>>(),
        [("common_name".to_owned(), "edge.contoso.com".to_owned())]
    );
    assert_eq!(summary.key_purposes, ["serverAuth"]);
    assert_eq!(
        codes(&built),
        [Code::RequestNameLeftOut, Code::RequestFieldLeftOut]
    );
    assert_eq!(
        built.notes[1].what,
        "not asked for: C, ST, L, O, OU (public-dv takes CN alone)"
    );
    assert_eq!(
        built.notes[1].why,
        "OU is forbidden in public certificates (BR 7.1.2.7); peers read the subjectAltName"
    );
}

#[test]
fn a_private_request_holds_every_form_and_the_whole_subject() {
    let built = build(&spec("private-xmpp", KeyType::Ec256)).unwrap();
    let forms: BTreeSet<NameForm> = built.asked.names.iter().map(Identifier::form).collect();
    assert_eq!(
        forms,
        BTreeSet::from([NameForm::Dns, NameForm::Srv, NameForm::Xmpp])
    );
    assert_eq!(built.csr.subject_strings.len(), 6);
    assert_eq!(
        built.csr.subject_strings[0],
        ("C".to_owned(), "PrintableString".to_owned())
    );
    // The sip URIs: one of them would make strict peers ignore every DNS name.
    assert_eq!(codes(&built), [Code::RequestNameLeftOut]);
    assert_eq!(
        built.notes[0].what,
        "left out for this issuer: URI-ID (private-xmpp does not ask for them)"
    );
    // One profile that ships grants them, and this one least of all.
    assert!(
        built.notes[0]
            .mend
            .ends_with("else the profile private-sip grants URI-ID"),
        "{}",
        built.notes[0].mend
    );
}

#[test]
fn a_common_name_over_64_characters_is_left_out_and_told() {
    let mut long = spec("public-dv", KeyType::Ec256);
    long.subject = Subject::default();
    let fqdn = format!("edge.{}.contoso.com", "a".repeat(60));
    long.plan = plan_for(&long.profile, &fqdn, &["contoso.com"], &[]);
    let built = build(&long).unwrap();
    assert!(built.csr.subject.common_names.is_empty());
    assert_eq!(
        built.notes[1].what,
        "not asked for: CN (a common name has at most 64 characters)"
    );
}

#[test]
fn a_common_name_must_be_a_planned_name() {
    let mut odd = spec("private-xmpp", KeyType::Ec256);
    odd.subject.common_name = Some("other.contoso.com".into());
    let told = build(&odd).unwrap_err().explain();
    assert_eq!(
        told.what,
        "the common name \"other.contoso.com\" is not among the names"
    );
    assert_eq!(
        told.mend,
        "leave common-name out (the default is the fqdn), or add --san dns:other.contoso.com"
    );
    odd.subject.common_name = Some("SIP.Contoso.com".into());
    assert_eq!(
        build(&odd).unwrap().csr.subject.common_names,
        ["sip.contoso.com"]
    );
    odd.subject.common_name = Some("Contoso Edge".into());
    assert_eq!(
        build(&odd).unwrap().csr.subject.common_names,
        ["Contoso Edge"]
    );
}

#[test]
fn a_key_type_the_issuer_refuses_is_an_error_or_a_warning_by_policy() {
    let spec = spec("public-dv", KeyType::Ed25519);
    let told = build(&spec).unwrap_err().explain();
    assert_eq!(told.code, "request.key-refused");
    assert_eq!(told.what, "the issuer does not take ed25519 keys");
    assert_eq!(
        told.why,
        "it takes rsa2048, rsa3072, rsa4096, ec256, ec384; public CAs sign RSA keys and those on P-256, P-384 and P-521 (BR 6.1.5)"
    );
    assert_eq!(
        told.mend,
        "--key-type ec256, or `type = \"ec256\"` below [key]"
    );
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let built = build_request(&spec, key, KeyPolicy::Warn).unwrap();
    assert!(codes(&built).contains(&Code::RequestKeyRefused));
    assert!(check_key_type(&spec.profile, KeyType::Ed25519).is_err());
}

#[test]
fn a_key_used_again_keeps_its_type_and_that_is_told() {
    let spec = spec("private-xmpp", KeyType::Rsa4096);
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let built = build_request(&spec, key, KeyPolicy::Refuse).unwrap();
    assert_eq!(
        codes(&built),
        [Code::RequestKeyKept, Code::RequestNameLeftOut]
    );
    assert!(!built.asked.key_usage.key_encipherment);
}

#[test]
fn what_a_request_will_note_is_foreseen_without_a_key() {
    let mut asked = spec("public-dv", KeyType::Ed25519);
    let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
    let foreseen = foresee(&asked, None, KeyPolicy::Warn).unwrap();
    let built = build_request(&asked, key, KeyPolicy::Warn).unwrap();
    assert_eq!(foreseen, built.notes);
    assert!(
        foreseen
            .iter()
            .any(|note| note.code == Code::RequestKeyRefused)
    );
    assert!(foresee(&asked, None, KeyPolicy::Refuse).is_err());
    asked.key_type = KeyType::Ec256;
    assert!(foresee(&asked, None, KeyPolicy::Refuse).is_ok());
}

#[test]
fn names_for_examples_are_warned_of() {
    let mut example = spec("private-xmpp", KeyType::Ec256);
    example.plan = plan_for(&example.profile, "edge.example.com", &["example.com"], &[]);
    let built = build(&example).unwrap();
    assert_eq!(codes(&built)[0], Code::RequestExampleName);
    assert_eq!(built.notes[0].severity, Severity::Warning);
    assert_eq!(
        built.notes[0].what,
        "edge.example.com and 2 more are names for examples"
    );
}

#[test]
fn more_names_than_the_issuer_takes_are_refused_with_the_split() {
    let mut many = spec("public-dv", KeyType::Ec256);
    let domains: Vec<String> = (0..15).map(|n| format!("d{n:02}.com")).collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    many.plan = plan_for(&many.profile, "edge.contoso.com", &domains, &[]);
    let Err(error) = check_names(&many) else {
        panic!("taken");
    };
    let told = error.explain();
    assert_eq!(
        told.what,
        "31 names do not fit into one certificate of this issuer"
    );
    assert!(
        told.why.starts_with(
            "it takes 25; split by domain, 2 certificates are needed (1: d00.com, d01.com"
        ),
        "{}",
        told.why
    );
    assert!(
        told.mend.starts_with(
            "`edgecert plan --split` writes them as further [certificate.NAME] tables"
        )
    );
}

#[test]
fn a_difference_between_csr_and_plan_is_found_wherever_it_lies() {
    let built = build(&spec("private-xmpp", KeyType::Ec256)).unwrap();
    let other_key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let mut cases: Vec<(&str, CsrSpec)> = Vec::new();
    for field in ["subjectAltName", "subject", "keyUsage", "extendedKeyUsage"] {
        let mut asked = built.asked.clone();
        match field {
            "subjectAltName" => asked.names.swap(0, 1),
            "subject" => asked.subject.organization = Some("Fabrikam".into()),
            "keyUsage" => asked.key_usage.key_encipherment = true,
            _ => asked.key_purposes.reverse(),
        }
        cases.push((field, asked));
    }
    for (expected, asked) in cases {
        match review::compare(&built.csr, &asked, &built.key) {
            Err(RequestError::ReviewDiffers { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert!(matches!(
        review::compare(&built.csr, &built.asked, &other_key),
        Err(RequestError::ReviewDiffers {
            field: "public key",
            ..
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_csr_holds_exactly_the_planned_names(
        labels in proptest::collection::vec("[a-z][a-z0-9]{0,20}", 1..8),
        extra in proptest::collection::vec("(dns:[a-z]{1,12}\\.net|srv:_xmpp-server\\.[a-z]{1,9}\\.org|xmpp:[a-z]{1,9}\\.org|ip:10\\.0\\.0\\.[1-9])", 0..5),
    ) {
        let domains: Vec<String> = labels.iter().map(|label| format!("{label}.com")).collect();
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
        let mut spec = spec("private-xmpp", KeyType::Ec256);
        spec.plan = plan_for(&spec.profile, "edge.contoso.com", &domains, &extra);
        let built = build(&spec).unwrap();
        let planned: Vec<String> = spec.plan.names.iter().map(|one| one.name.to_typed()).collect();
        let held: Vec<String> = built.csr.names.iter().map(|one| one.to_typed()).collect();
        prop_assert_eq!(planned, held);
    }
}
