use super::*;
use crate::explain::Explain;
use proptest::prelude::*;
use std::path::Path;

const LIMIT: usize = 25;

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

/// A deployment with these domains for SIP and XMPP, and what else stands in its base certificate.
fn deployment(domains: &[String], components: &[String], more: &str) -> Deployment {
    let text = format!(
        "version = 1\n[edge]\nfqdn = \"edge.contoso.com\"\nsip-domains = {domains:?}\nxmpp-domains = {domains:?}\n\
         components = {components:?}\n[certificate.external-edge]\nuses = [\"sip-edge\", \"xmpp-s2s\"]\n{more}"
    );
    Deployment::parse(&text, Path::new("/srv/edgecert.toml")).unwrap()
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("d{n:04}.example")).collect()
}

fn split(deployment: &Deployment, by: SplitBy) -> Result<Family, SplitError> {
    let base = deployment.certificate(&slug("external-edge")).unwrap();
    split_family(
        deployment,
        base,
        &BTreeSet::from([NameForm::Dns]),
        Some(LIMIT),
        by,
    )
}

/// The deployment with the family written into it.
fn taken_over(mut deployment: Deployment, family: &Family) -> Deployment {
    for member in &family.members {
        let known = deployment
            .certificates
            .iter_mut()
            .find(|one| one.name == member.certificate.name);
        match known {
            Some(one) => *one = member.certificate.clone(),
            None => deployment.certificates.push(member.certificate.clone()),
        }
    }
    deployment
}

fn names(deployment: &Deployment, certificate: &Certificate) -> BTreeSet<Identifier> {
    let input = deployment.plan_input(certificate, BTreeSet::from([NameForm::Dns]), Some(LIMIT));
    plan_names(&input)
        .unwrap()
        .identifiers()
        .into_iter()
        .collect()
}

/// The family's names are those of the whole plan, each part is within the limit, and a second run changes nothing.
fn is_sound(deployment: &Deployment, family: &Family, by: SplitBy) -> Deployment {
    let base = deployment.certificate(&slug("external-edge")).unwrap();
    let after = taken_over(deployment.clone(), family);
    let mut union = BTreeSet::new();
    for member in &family.members {
        let names = names(&after, &member.certificate);
        assert_eq!(names.len(), member.names, "{member:?}");
        assert!(names.len() <= LIMIT, "{member:?}");
        let changed = !deployment.certificates.contains(&member.certificate);
        assert_eq!(member.changes, changed, "{member:?}");
        union.extend(names);
    }
    if base.domains.is_none() {
        assert_eq!(union, names(deployment, base));
    }
    let again = split(&after, by).unwrap();
    assert!(!again.changes(), "{again:#?}");
    after
}

fn domains_of(family: &Family) -> Vec<(String, Vec<String>)> {
    let words = |one: &Member| {
        let domains = one.certificate.domains.iter().flatten();
        domains.map(ToString::to_string).collect()
    };
    family
        .members
        .iter()
        .map(|one| (one.certificate.name.to_string(), words(one)))
        .collect()
}

#[test]
fn what_fits_stays_as_it_is() {
    let all = deployment(&numbered(0..12), &[], "");
    let family = split(&all, SplitBy::Limit).unwrap();
    assert!(!family.changes() && family.members.len() == 1);
    assert_eq!(family.members[0].names, 25);
    let one = deployment(&numbered(0..1), &[], "");
    assert!(!split(&one, SplitBy::Tenant).unwrap().changes());
}

#[test]
fn a_domain_that_is_added_moves_no_other() {
    let before = deployment(&numbered(0..20), &[], "");
    let family = split(&before, SplitBy::Limit).unwrap();
    assert_eq!(
        domains_of(&family),
        [
            ("external-edge".to_owned(), numbered(0..12)),
            ("external-edge-2".to_owned(), numbered(12..20)),
        ]
    );
    let mut after = is_sound(&before, &family, SplitBy::Limit);
    let new = Domain::parse("new.example").unwrap();
    after.edge.sip_domains.insert(0, new.clone());
    let grown = split(&after, SplitBy::Limit).unwrap();
    assert!(!grown.members[0].changes);
    assert_eq!(grown.members[1].gained, [new]);
    // A component makes a part too large: its last domain goes, and nothing else moves.
    let mut after = taken_over(before, &family);
    after.edge.components = vec![Domain::parse("rooms.d0000.example").unwrap()];
    let shrunk = split(&after, SplitBy::Limit).unwrap();
    let told: Vec<String> = shrunk.members[0]
        .lost
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told, ["d0011.example"]);
    assert_eq!(shrunk.members[1].gained, shrunk.members[0].lost);
    is_sound(&after, &shrunk, SplitBy::Limit);
}

#[test]
fn one_certificate_for_a_tenant_holds_what_lies_below_it() {
    let domains = ["contoso.com", "fabrikam.com", "eu.contoso.com"].map(String::from);
    let more = "friendly-name = \"Edge\"\nsan = [\"dns:web.fabrikam.com\", \"dns:elsewhere.net\"]\nkey = { type = \"rsa2048\" }\n";
    let all = deployment(
        &domains,
        &["rooms.eu.contoso.com".into(), "bot.nowhere.org".into()],
        more,
    );
    let family = split(&all, SplitBy::Tenant).unwrap();
    assert_eq!(
        domains_of(&family),
        [
            (
                "external-edge".to_owned(),
                vec!["contoso.com".to_owned(), "eu.contoso.com".into()]
            ),
            (
                "external-edge-2".to_owned(),
                vec!["fabrikam.com".to_owned()]
            ),
        ]
    );
    let san = |at: usize| -> Vec<String> {
        let all = &family.members[at].certificate.san;
        all.iter().map(|name| name.to_typed()).collect()
    };
    assert_eq!(san(0), ["dns:elsewhere.net", "dns:bot.nowhere.org"]);
    assert_eq!(san(1), ["dns:web.fabrikam.com"]);
    let second = &family.members[1].certificate;
    assert_eq!(second.friendly_name.as_deref(), Some("Edge 2"));
    assert_eq!(second.key, all.certificates[0].key);
    is_sound(&all, &family, SplitBy::Tenant);
}

#[test]
fn what_cannot_be_split_is_told() {
    let rooms: Vec<String> = (0..30).map(|n| format!("c{n}.d0000.example")).collect();
    let error = split(&deployment(&numbered(0..2), &rooms, ""), SplitBy::Limit).unwrap_err();
    assert!(
        matches!(&error, SplitError::DomainTooLarge { count: 33, .. }),
        "{error:?}"
    );
    assert!(error.explain().mend.contains("name-limit"));
    let san: Vec<String> = (0..24).map(|n| format!("dns:x{n}.org")).collect();
    let error = split(
        &deployment(&numbered(0..2), &[], &format!("san = {san:?}\n")),
        SplitBy::Limit,
    );
    assert!(
        matches!(error, Err(SplitError::FurtherNames { count: 24, .. })),
        "{error:?}"
    );
}

#[test]
fn what_was_narrowed_down_by_hand_gets_no_other_domain() {
    let all = deployment(
        &numbered(0..3),
        &[],
        "domains = [\"d0000.example\"]\n[certificate.other]\nuses = [\"sip-edge\"]\n",
    );
    assert!(!split(&all, SplitBy::Limit).unwrap().changes());
    // Those of a family are for all that no certificate outside holds.
    let all = deployment(
        &numbered(0..3),
        &[],
        "domains = [\"d0000.example\"]\n[certificate.external-edge-2]\ndomains = [\"d0001.example\"]\n",
    );
    let family = split(&all, SplitBy::Limit).unwrap();
    assert_eq!(family.members[0].gained.len(), 1);
}

#[test]
fn a_thousand_domains_are_split_and_grow() {
    let all = deployment(&numbered(0..1000), &[], "");
    let family = split(&all, SplitBy::Limit).unwrap();
    assert_eq!(family.members.len(), 84);
    assert_eq!(
        family.members[83].certificate.name.as_str(),
        "external-edge-84"
    );
    is_sound(&all, &family, SplitBy::Limit);
    assert_eq!(split(&all, SplitBy::Tenant).unwrap().members.len(), 1000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn parts_hold_the_plan_within_the_limit_and_nothing_moves(
        tree in proptest::collection::btree_set("([a-c]\\.)?[a-f][a-f0-9]\\.(example|test)", 1..60),
        rooms in proptest::collection::btree_set(0..60usize, 0..30),
        further in proptest::collection::btree_set(0..60usize, 0..12),
        added in proptest::collection::btree_set("[g-k][0-9]\\.example", 0..20),
        tenants in any::<bool>(),
    ) {
        let by = if tenants { SplitBy::Tenant } else { SplitBy::Limit };
        let domains: Vec<String> = tree.into_iter().collect();
        let rooms: Vec<String> = rooms.iter().map(|n| format!("rooms{n}.{}", domains[n % domains.len()])).collect();
        let further: Vec<String> = further.iter().map(|n| match n % 4 {
            0 => format!("dns:free{n}.org"),
            _ => format!("dns:web{n}.{}", domains[n % domains.len()]),
        }).collect();
        let all = deployment(&domains, &rooms, &format!("san = {further:?}\n"));
        let family = match split(&all, by) {
            Ok(family) => family,
            Err(SplitError::DomainTooLarge { .. }) => return Ok(()),
            Err(SplitError::FurtherNames { .. }) => {
                // Then no domain fits beside the names that lie under none.
                let base = &all.certificates[0];
                for domain in &all.edge.sip_domains {
                    let mut alone = base.clone();
                    alone.domains = Some(vec![domain.clone()]);
                    alone.san.retain(|name| {
                        let name = name.domain().unwrap();
                        name.is_within(domain) || name.as_str().starts_with("free")
                    });
                    prop_assert!(names(&all, &alone).len() > LIMIT, "{domain}");
                }
                return Ok(());
            }
            Err(error) => panic!("{error:?}"),
        };
        let mut after = is_sound(&all, &family, by);
        // Each domain lies in one part.
        let mut held: Vec<_> = family.members.iter().flat_map(|one| one.certificate.domains.iter().flatten()).collect();
        let count = held.len();
        held.sort();
        held.dedup();
        prop_assert_eq!(count, held.len());
        prop_assert!(count == domains.len() || family.members.len() == 1);
        after.edge.sip_domains.extend(added.iter().map(|one| Domain::parse(one).unwrap()));
        let grown = split(&after, by).unwrap();
        is_sound(&after, &grown, by);
        if family.members.len() > 1 {
            for (before, now) in family.members.iter().zip(&grown.members) {
                prop_assert!(now.lost.is_empty());
                prop_assert!(now.certificate.domains.as_ref().unwrap().starts_with(before.certificate.domains.as_ref().unwrap()));
            }
            let new: usize = grown.members.iter().map(|one| one.gained.len()).sum();
            prop_assert_eq!(new, added.len());
        }
    }
}
