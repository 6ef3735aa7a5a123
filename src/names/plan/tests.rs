//! What the plan promises.

use super::*;
use crate::explain::Explain;
use proptest::prelude::*;

fn d(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn many(texts: &[&str]) -> Vec<Domain> {
    texts.iter().map(|text| d(text)).collect()
}

/// The mixed edge of the example deployment.
fn contoso() -> PlanInput {
    PlanInput {
        fqdn: d("edge.contoso.com"),
        sip_domains: many(&["contoso.com", "fabrikam.com"]),
        xmpp_domains: many(&["contoso.com"]),
        components: many(&["conference.contoso.com"]),
        uses: BTreeSet::from([Use::SipEdge, Use::XmppS2s]),
        extra: vec![],
        forms: BTreeSet::from([NameForm::Dns]),
        limit: Some(25),
    }
}

fn typed(names: &[PlannedName]) -> Vec<String> {
    names.iter().map(|n| n.name.to_typed()).collect()
}

#[test]
fn a_public_plan_holds_dns_names_domain_by_domain() {
    let plan = plan_names(&contoso()).unwrap();
    assert_eq!(
        typed(&plan.names),
        [
            "dns:edge.contoso.com",
            "dns:sip.contoso.com",
            "dns:contoso.com",
            "dns:conference.contoso.com",
            "dns:sip.fabrikam.com",
            "dns:fabrikam.com",
        ]
    );
    assert_eq!(
        plan.names[2].because(),
        "SIP domain (RFC 5922) and XMPP domain (RFC 6120)"
    );
    assert_eq!(
        plan.names[2].without(&contoso().uses),
        "XMPP partners fall back to dialback or refuse; SIP peers that follow RFC 5922 refuse TLS"
    );
    assert_eq!(
        plan.names[3].because(),
        "component of contoso.com that talks to partners"
    );
    assert_eq!(
        plan.forms_left_out(),
        BTreeSet::from([NameForm::Srv, NameForm::Xmpp, NameForm::Uri])
    );
    assert_eq!(plan.surplus(), 0);
}

#[test]
fn a_private_plan_holds_every_form() {
    let mut input = contoso();
    input.uses.insert(Use::XmppC2s);
    input.forms = NameForm::ALL.into_iter().collect();
    let plan = plan_names(&input).unwrap();
    assert_eq!(
        typed(&plan.names),
        [
            "dns:edge.contoso.com",
            "sip:edge.contoso.com",
            "dns:sip.contoso.com",
            "dns:contoso.com",
            "srv:_xmpp-server.contoso.com",
            "srv:_xmpp-client.contoso.com",
            "xmpp:contoso.com",
            "dns:conference.contoso.com",
            "srv:_xmpp-server.conference.contoso.com",
            "xmpp:conference.contoso.com",
            "sip:contoso.com",
            "dns:sip.fabrikam.com",
            "dns:fabrikam.com",
            "sip:fabrikam.com",
        ]
    );
    assert!(plan.left_out.is_empty());
}

#[test]
fn uses_decide_which_names_are_wanted() {
    let names = |uses: &[Use]| {
        let input = PlanInput {
            uses: uses.iter().copied().collect(),
            xmpp_domains: many(&["contoso.com", "litware.com"]),
            components: many(&["conference.contoso.com", "rooms.adatum.com"]),
            forms: BTreeSet::from([NameForm::Dns, NameForm::Srv]),
            ..contoso()
        };
        typed(&plan_names(&input).unwrap().names).join(" ")
    };
    assert_eq!(
        names(&[Use::SipEdge]),
        "dns:edge.contoso.com dns:sip.contoso.com dns:contoso.com dns:sip.fabrikam.com dns:fabrikam.com"
    );
    assert_eq!(
        names(&[Use::XmppC2s]),
        "dns:edge.contoso.com dns:contoso.com srv:_xmpp-client.contoso.com dns:litware.com srv:_xmpp-client.litware.com"
    );
    assert_eq!(
        names(&[Use::XmppS2s]),
        "dns:edge.contoso.com dns:contoso.com srv:_xmpp-server.contoso.com dns:conference.contoso.com \
         srv:_xmpp-server.conference.contoso.com dns:litware.com srv:_xmpp-server.litware.com \
         dns:rooms.adatum.com srv:_xmpp-server.rooms.adatum.com"
    );
    assert_eq!(names(&[Use::InternalEdge]), "dns:edge.contoso.com");
}

#[test]
fn one_name_wanted_twice_stands_once_with_both_reasons() {
    let input = PlanInput {
        fqdn: d("sip.contoso.com"),
        extra: vec![Identifier::parse_typed("dns:Contoso.com").unwrap()],
        ..contoso()
    };
    let plan = plan_names(&input).unwrap();
    assert_eq!(
        plan.names[0].reasons,
        [Reason::EdgeFqdn, Reason::SipHost(d("contoso.com"))]
    );
    assert_eq!(plan.names[1].reasons.len(), 3);
    assert_eq!(plan.names.len(), 5);
}

#[test]
fn a_wildcard_for_a_sip_name_is_refused_with_the_reason() {
    let mut input = contoso();
    for wildcard in ["dns:*.contoso.com", "dns:*.fabrikam.com"] {
        input.extra = vec![Identifier::parse_typed(wildcard).unwrap()];
        let told = plan_names(&input).unwrap_err().explain();
        assert_eq!(told.code, "plan.wildcard-for-sip");
        assert!(told.why.contains("RFC 5922 §7.2"), "{}", told.why);
    }
    input.extra = vec![Identifier::parse_typed("dns:*.rooms.contoso.com").unwrap()];
    assert!(plan_names(&input).is_ok());
    input.uses = BTreeSet::from([Use::XmppS2s]);
    input.extra = vec![Identifier::parse_typed("dns:*.contoso.com").unwrap()];
    assert!(plan_names(&input).is_ok());
}

#[test]
fn a_form_that_the_profile_lacks_is_refused_where_it_was_asked_for() {
    let mut input = contoso();
    input.extra = vec![Identifier::parse_typed("xmpp:contoso.com").unwrap()];
    let told = plan_names(&input).unwrap_err().explain();
    assert_eq!(
        told.what,
        "this issuer's profile allows no XmppAddr: xmpp:contoso.com"
    );
    assert!(
        told.mend.contains("dns:contoso.com")
            && told.mend.contains("an issuer that grants XmppAddr")
    );
}

#[test]
fn what_breaks_without_the_fqdn_depends_on_the_uses() {
    for (uses, words) in [
        (vec![Use::SipEdge, Use::XmppS2s], "Lync and SfB partners"),
        (vec![Use::XmppS2s], "SRV target"),
        (vec![Use::InternalEdge], "the company's own servers"),
    ] {
        let input = PlanInput {
            uses: uses.into_iter().collect(),
            ..contoso()
        };
        let plan = plan_names(&input).unwrap();
        let told = plan.names[0].without(&input.uses);
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn reasons_show_the_letters_of_international_domains() {
    let input = PlanInput {
        sip_domains: many(&["bücher.example"]),
        ..contoso()
    };
    let plan = plan_names(&input).unwrap();
    assert_eq!(
        plan.names[1].because(),
        "SIP domain xn--bcher-kva.example (bücher.example)"
    );
}

#[test]
fn nothing_to_plan_for_is_an_error() {
    let input = PlanInput {
        sip_domains: vec![],
        xmpp_domains: vec![],
        components: vec![],
        ..contoso()
    };
    assert_eq!(
        plan_names(&input).unwrap_err().explain().code,
        "plan.no-domain"
    );
    let input = PlanInput {
        uses: BTreeSet::new(),
        ..contoso()
    };
    assert_eq!(plan_names(&input), Err(PlanError::NoUse));
}

#[test]
fn names_that_no_ca_can_sign_are_told() {
    let input = PlanInput {
        fqdn: d("edge.example.com"),
        sip_domains: many(&["example.com", "contoso.com"]),
        ..contoso()
    };
    let plan = plan_names(&input).unwrap();
    assert_eq!(
        plan.example_domains(),
        many(&["edge.example.com", "sip.example.com", "example.com"])
    );
}

#[test]
fn names_over_the_limit_are_counted() {
    let input = PlanInput {
        limit: Some(4),
        ..contoso()
    };
    assert_eq!(plan_names(&input).unwrap().surplus(), 2);
}

proptest! {
    #[test]
    fn plans_have_no_duplicates_and_every_name_a_reason(
        sip in prop::collection::vec("[a-c]{1,2}\\.(de|fr)", 0..5),
        xmpp in prop::collection::vec("([a-c]\\.)?[a-c]{1,2}\\.(de|fr)", 1..5),
        components in prop::collection::vec("[a-c]\\.[a-c]{1,2}\\.(de|fr)", 0..5),
        all_forms in any::<bool>(),
    ) {
        let parse = |list: &[String]| list.iter().map(|t| d(t)).collect::<Vec<_>>();
        let input = PlanInput {
            sip_domains: parse(&sip),
            xmpp_domains: parse(&xmpp),
            components: parse(&components),
            uses: Use::ALL.into_iter().collect(),
            forms: if all_forms { NameForm::ALL.into_iter().collect() } else { BTreeSet::from([NameForm::Dns]) },
            ..contoso()
        };
        let plan = plan_names(&input).unwrap();
        prop_assert_eq!(&plan, &plan_names(&input).unwrap());
        let unique: BTreeSet<_> = plan.names.iter().map(|n| &n.name).collect();
        prop_assert_eq!(unique.len(), plan.names.len());
        prop_assert!(plan.names.iter().all(|n| !n.reasons.is_empty()));
        for domain in input.sip_domains.iter().chain(&input.xmpp_domains).chain(&input.components) {
            prop_assert!(unique.contains(&Identifier::Dns(domain.clone().into())));
        }
    }
}

#[test]
fn a_component_belongs_to_the_longest_domain_above_it() {
    let input = PlanInput {
        sip_domains: vec![],
        xmpp_domains: many(&["contoso.com", "eu.contoso.com"]),
        components: many(&["a.eu.contoso.com", "b.c.contoso.com", "eu.contoso.com"]),
        uses: BTreeSet::from([Use::XmppS2s]),
        ..contoso()
    };
    let plan = plan_names(&input).unwrap();
    let reasons = |name: &str| {
        let planned = plan.names.iter().find(|n| n.name.to_string() == name);
        planned.unwrap().reasons.clone()
    };
    let component = |text: &str, parent: &str| Reason::Component(d(text), Some(d(parent)));
    assert_eq!(
        reasons("a.eu.contoso.com"),
        [component("a.eu.contoso.com", "eu.contoso.com")]
    );
    assert_eq!(
        reasons("b.c.contoso.com"),
        [component("b.c.contoso.com", "contoso.com")]
    );
    assert_eq!(reasons("eu.contoso.com").len(), 2);
}
