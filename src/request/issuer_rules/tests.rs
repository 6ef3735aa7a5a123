use super::super::build::{KeyPolicy, check_names as check, foresee};
use super::*;
use crate::explain::{Explain, Explanation};
use crate::names::plan::{PlanInput, plan_names};
use crate::names::{Slug, Use};
use crate::x509::{CertificateTemplate, KeyType};
use std::collections::BTreeSet;

const OWN_PUBLIC: &str = "description = \"ours\"\npublic = true\nnames = [\"dns\", \"ip\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec256\"]\n";

fn own(text: &str) -> IssuerProfile {
    IssuerProfile::parse("ours", text, "ours.toml").unwrap()
}

fn spec(profile: &IssuerProfile, uses: &[Use], domains: &[&str], extra: &[&str]) -> RequestSpec {
    let domains: Vec<Domain> = domains.iter().map(|d| Domain::parse(d).unwrap()).collect();
    RequestSpec {
        certificate: Slug::parse("external-edge").unwrap(),
        plan: plan_names(&PlanInput {
            fqdn: Domain::parse("edge.contoso.com").unwrap(),
            sip_domains: domains.clone(),
            xmpp_domains: domains,
            components: vec![],
            uses: uses.iter().copied().collect::<BTreeSet<Use>>(),
            extra: extra
                .iter()
                .map(|one| Identifier::parse_typed(one).unwrap())
                .collect(),
            forms: profile.forms.clone(),
            limit: profile.name_limit,
        })
        .unwrap(),
        subject: Subject::default(),
        key_type: profile.default_key_type(),
        template: profile.template.clone(),
        profile: profile.clone(),
    }
}

fn shipped(name: &str, uses: &[Use], domains: &[&str], extra: &[&str]) -> RequestSpec {
    spec(&IssuerProfile::named(name).unwrap(), uses, domains, extra)
}

fn refused(spec: &RequestSpec) -> Explanation {
    check(spec).expect_err("taken").explain()
}

fn codes(spec: &RequestSpec) -> Vec<&'static str> {
    foresee(spec, None, KeyPolicy::Refuse)
        .unwrap()
        .iter()
        .map(|finding| finding.code.as_str())
        .collect()
}

const MIXED: [Use; 2] = [Use::SipEdge, Use::XmppS2s];

#[test]
fn an_organization_is_proved_by_its_mandatory_fields() {
    let mut asked = shipped("public-ov", &MIXED, &["contoso.com"], &[]);
    let told = refused(&asked);
    assert_eq!(told.code, "request.subject-missing");
    assert_eq!(
        told.what,
        "the issuer demands more of the subject: O, C, ST or L"
    );
    assert_eq!(
        told.why,
        "it refuses requests without O, C, ST or L (BR 7.1.2.7.4)"
    );
    assert_eq!(
        told.mend,
        "write organization, country and state or locality below [subject] of edgecert.toml; `edgecert request` takes --organization, --country and --state-or-province or --locality as well"
    );
    asked.subject.organization = Some("Contoso".into());
    asked.subject.country = Some("US".into());
    assert_eq!(
        refused(&asked).what,
        "the issuer demands more of the subject: ST or L"
    );
    asked.subject.locality = Some("Redmond".into());
    check(&asked).unwrap();
    // OU is never sent to a public CA
    asked.subject.organizational_unit = Some("Messaging".into());
    assert_eq!(
        codes(&asked),
        ["request.name-left-out", "request.field-left-out"]
    );
}

#[test]
fn wildcards_are_refused_where_the_issuer_knows_none() {
    let wild = ["dns:*.adatum.com"];
    for name in ["lync", "private-sip"] {
        let told = refused(&shipped(name, &MIXED, &["contoso.com"], &wild));
        assert_eq!(told.code, "request.wildcard-refused", "{name}");
        assert!(told.why.starts_with("the profile has wildcards = false ("));
    }
    check(&shipped("public-dv", &MIXED, &["contoso.com"], &wild)).unwrap();
}

#[test]
fn names_that_nobody_owns_in_public_are_refused_by_public_cas_alone() {
    for (extra, why) in [
        ("dns:edge.contoso.local", "RFC 6762 §3"),
        ("dns:edge.corp", "RFC 6762 appendix G"),
        ("dns:pbx.internal", "kept by ICANN for private use"),
        ("dns:printer.home.arpa", "RFC 8375"),
        ("dns:*.contoso.lan", "RFC 6762 appendix G"),
    ] {
        let told = refused(&shipped("public-dv", &MIXED, &["contoso.com"], &[extra]));
        assert_eq!(told.code, "request.not-public", "{extra}");
        assert!(told.why.contains(why), "{extra}: {}", told.why);
        assert!(told.why.contains("BR 4.2.2"));
        check(&shipped("private-xmpp", &MIXED, &["contoso.com"], &[extra])).unwrap();
    }
    for near in [
        "dns:local.contoso.com",
        "dns:corporate.net",
        "dns:mylocal.org",
    ] {
        check(&shipped("public-dv", &MIXED, &["contoso.com"], &[near])).unwrap();
    }
}

#[test]
fn reserved_addresses_are_refused_by_public_cas() {
    let profile = own(OWN_PUBLIC);
    for (address, public) in [
        ("ip:10.1.2.3", false),
        ("ip:172.16.0.1", false),
        ("ip:192.168.1.1", false),
        ("ip:100.64.0.1", false),
        ("ip:127.0.0.1", false),
        ("ip:169.254.0.1", false),
        ("ip:192.0.2.1", false),
        ("ip:203.0.113.9", false),
        ("ip:224.0.0.1", false),
        ("ip:255.255.255.255", false),
        ("ip:8.8.8.8", true),
        ("ip:100.128.0.1", true),
        ("ip:172.32.0.1", true),
        ("ip:198.20.0.1", true),
        ("ip:::1", false),
        ("ip:fe80::1", false),
        ("ip:fd00::1", false),
        ("ip:2001:db8::1", false),
        ("ip:2002::1", false),
        ("ip:64:ff9b::1", false),
        ("ip:2a00:1450::1", true),
        ("ip:2606:4700::1111", true),
        ("ip:2620:fe::fe", true),
    ] {
        let asked = spec(&profile, &MIXED, &["contoso.com"], &[address]);
        match check(&asked) {
            Ok(()) => assert!(public, "{address}"),
            Err(error) => {
                assert!(!public, "{address}");
                assert_eq!(error.explain().code, "request.not-public");
            }
        }
    }
}

#[test]
fn sip_uris_stand_for_every_sip_name_or_for_none() {
    // A URI where the use plans none: the FQDN, a target of calls, would be void for a strict peer.
    let extra = ["sip:adatum.com"];
    let told = refused(&shipped(
        "private-sip",
        &[Use::XmppS2s],
        &["contoso.com"],
        &extra,
    ));
    assert_eq!(told.code, "request.sip-uri-incomplete");
    assert_eq!(
        told.why,
        "edge.contoso.com has no sip URI, and a strict verifier takes no DNS name once there is one (RFC 5922 §7.1); adatum.com has no DNS name, and Lync and many others read nothing else"
    );
    assert_eq!(
        told.mend,
        "add --san sip:edge.contoso.com --san dns:adatum.com; or ask for no sip URI at all"
    );
    let whole = ["sip:adatum.com", "dns:adatum.com", "sip:edge.contoso.com"];
    check(&shipped(
        "private-sip",
        &[Use::XmppS2s],
        &["contoso.com"],
        &whole,
    ))
    .unwrap();
    check(&shipped(
        "private-sip",
        &[Use::XmppS2s],
        &["contoso.com"],
        &[],
    ))
    .unwrap();
    check(&shipped(
        "private-sip",
        &[Use::SipEdge],
        &["contoso.com", "fabrikam.com"],
        &[],
    ))
    .unwrap();
}

#[test]
fn the_common_reading_warns_where_the_strict_one_refuses() {
    let common = own(
        "description = \"ours\"\npublic = false\nnames = [\"dns\", \"sip\"]\nkey-purposes = [\"serverAuth\"]\nkey-types = [\"ec256\"]\n",
    );
    let asked = spec(
        &common,
        &[Use::SipEdge],
        &["contoso.com"],
        &["sip:adatum.com"],
    );
    assert_eq!(
        codes(&asked),
        ["request.sip-uri-incomplete", "request.sip-reading"]
    );
    let asked = spec(&common, &[Use::SipEdge], &["contoso.com"], &[]);
    assert_eq!(codes(&asked), ["request.sip-reading"]);
    assert!(
        remarks(&asked)[0]
            .why
            .contains("which is not asked for, and will refuse"),
        "{}",
        remarks(&asked)[0].why
    );
}

#[test]
fn both_readings_of_a_sip_certificate_are_told() {
    let asked = shipped("private-sip", &[Use::SipEdge], &["contoso.com"], &[]);
    let remarks = remarks(&asked);
    assert_eq!(remarks.len(), 1);
    assert_eq!(
        remarks[0].why,
        "a strict verifier takes edge.contoso.com, contoso.com (RFC 5922 §7.1), and it wants the key purpose sipDomain, which is asked for (RFC 5924 §5); a common stack takes any name that matches, sip.contoso.com as well"
    );
    let without_sip = shipped("private-sip", &[Use::XmppS2s], &["contoso.com"], &[]);
    assert!(super::remarks(&without_sip).is_empty());
}

#[test]
fn a_lync_edge_has_rsa_keys_and_its_fqdn_as_common_name() {
    let mut asked = shipped("lync", &MIXED, &["contoso.com", "fabrikam.com"], &[]);
    assert_eq!(asked.key_type, KeyType::Rsa2048);
    assert_eq!(
        codes(&asked),
        [
            "request.name-left-out",
            "request.issuer-note",
            "request.issuer-note"
        ]
    );
    asked.key_type = KeyType::Ec256;
    let told = foresee(&asked, None, KeyPolicy::Refuse)
        .unwrap_err()
        .explain();
    assert_eq!(told.code, "request.key-refused");
    assert_eq!(
        told.why,
        "it takes rsa2048, rsa3072, rsa4096; RSA alone by Lync Server 2013: certificate requirements for external user access"
    );
    assert_eq!(
        told.mend,
        "--key-type rsa2048, or `type = \"rsa2048\"` below [key]"
    );
    asked.key_type = KeyType::Rsa2048;
    asked.subject.common_name = Some("sip.contoso.com".into());
    let told = refused(&asked);
    assert_eq!(told.code, "request.common-name-not-fqdn");
    asked.subject.common_name = Some("Edge.Contoso.com".into());
    check(&asked).unwrap();
}

#[test]
fn a_demanded_common_name_that_is_too_long_is_no_common_name() {
    let mut asked = shipped("lync", &MIXED, &["contoso.com"], &[]);
    let long = format!("edge.{}.contoso.com", "a".repeat(50));
    let profile = asked.profile.clone();
    asked.plan = plan_names(&PlanInput {
        fqdn: Domain::parse(&long).unwrap(),
        sip_domains: vec![Domain::parse("contoso.com").unwrap()],
        xmpp_domains: vec![],
        components: vec![],
        uses: BTreeSet::from([Use::SipEdge]),
        extra: vec![],
        forms: profile.forms,
        limit: None,
    })
    .unwrap();
    let told = refused(&asked);
    assert_eq!(told.code, "request.subject-missing");
    assert!(told.mend.contains("at most 64 characters"), "{}", told.mend);
}

#[test]
fn client_authentication_of_a_public_ca_is_warned_of() {
    let text = OWN_PUBLIC.replace("\"serverAuth\"", "\"serverAuth\", \"clientAuth\"");
    let asked = spec(&own(&text), &[Use::XmppS2s], &["contoso.com"], &[]);
    assert!(codes(&asked).contains(&"request.client-auth-public"));
    let asked = spec(&own(OWN_PUBLIC), &[Use::XmppS2s], &["contoso.com"], &[]);
    assert!(!codes(&asked).contains(&"request.client-auth-public"));
    let asked = shipped("private-xmpp", &[Use::XmppS2s], &["contoso.com"], &[]);
    assert!(!codes(&asked).contains(&"request.client-auth-public"));
}

#[test]
fn a_template_is_for_issuers_that_take_one() {
    let mut asked = shipped("ad-cs", &MIXED, &["contoso.com"], &[]);
    assert_eq!(
        asked.template,
        Some(CertificateTemplate::Name("WebServer".into()))
    );
    check(&asked).unwrap();
    asked.profile = IssuerProfile::named("private-xmpp").unwrap();
    let told = refused(&asked);
    assert_eq!(told.code, "request.template-not-taken");
    assert!(told.mend.contains("ad-cs"));
}

#[test]
fn no_profile_that_ships_asks_for_what_its_kind_is_refused() {
    for name in IssuerProfile::names() {
        let profile = IssuerProfile::named(name).unwrap();
        assert!(!(profile.public && profile.takes("OU")), "{name}");
        assert!(
            !(profile.public && profile.key_types.contains(&KeyType::Ed25519)),
            "{name}"
        );
        if profile.public {
            assert_eq!(profile.key_purposes, [KeyPurpose::ServerAuth], "{name}");
            assert_eq!(profile.forms, BTreeSet::from([NameForm::Dns]), "{name}");
        }
        assert_eq!(profile.template.is_some(), name == "ad-cs");
    }
}
