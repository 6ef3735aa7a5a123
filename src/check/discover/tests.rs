use super::*;

fn answer(service: &str, records: &[(&str, u16)]) -> Answer<Srv> {
    Answer {
        asked: format!("{service}._tcp.contoso.com"),
        records: records
            .iter()
            .map(|(target, port)| Srv {
                priority: 0,
                weight: 0,
                port: *port,
                target: (*target).to_owned(),
            })
            .collect(),
        left_out: 0,
        proof: Proof::Indeterminate,
        outcome: match records.is_empty() {
            true => Outcome::NoRecords,
            false => Outcome::Found,
        },
        alias: None,
    }
}

fn planned(scheme: Scheme, answers: &[(Protocol, Answer<Srv>)]) -> (Vec<String>, Vec<u16>) {
    let plan = plan(scheme, &Domain::parse("contoso.com").unwrap(), answers);
    let places = plan.places.iter();
    (
        places
            .map(|one| format!("{}:{}", one.host, one.port))
            .collect(),
        plan.fallback.iter().map(|(one, _)| one.port).collect(),
    )
}

#[test]
fn domains_are_told_from_hosts_files_and_nonsense() {
    let domain = Domain::parse("contoso.com").unwrap();
    for (text, expected) in [
        ("xmpp:contoso.com", Some((Scheme::Xmpp, domain.clone()))),
        ("sip:contoso.com", Some((Scheme::Sip, domain.clone()))),
        ("sips:contoso.com", Some((Scheme::Sip, domain))),
        ("xmpp:5269", None),
        ("contoso.com:5269", None),
        ("edge.pem", None),
    ] {
        assert_eq!(domain_target(text), Ok(expected), "{text}");
    }
    for text in ["xmpp:", "xmpp:a b.com", "sip:alice@contoso.com"] {
        let told = domain_target(text).unwrap_err().explain();
        assert!(told.place.contains(text), "{told:?}");
    }
}

#[test]
fn only_the_absence_of_all_records_sends_to_the_domain_itself() {
    use Protocol::{Xmpp, XmppServer, XmppsServer};
    let none = || answer("_x", &[]);
    let dot = || answer("_xmpps-server", &[(".", 0)]);
    let one = || answer("_xmpp-server", &[("edge", 5269)]);
    for (answers, places, fallback) in [
        (
            vec![(XmppServer, none()), (Xmpp, none())],
            vec![],
            vec![5269, 5222],
        ),
        (
            vec![(XmppServer, one()), (Xmpp, none())],
            vec!["edge:5269"],
            vec![],
        ),
        // Direct TLS is not offered: the plain record is used, and no address of the domain.
        (
            vec![(XmppServer, one()), (XmppsServer, dot())],
            vec!["edge:5269"],
            vec![],
        ),
        (
            vec![(XmppServer, none()), (XmppsServer, dot())],
            vec![],
            vec![],
        ),
        // Only clients have records: servers still ask the domain.
        (
            vec![(XmppServer, none()), (Xmpp, answer("_c", &[("c", 5222)]))],
            vec!["c:5222"],
            vec![5269],
        ),
    ] {
        let places = places.into_iter().map(str::to_owned).collect();
        assert_eq!(
            planned(Scheme::Xmpp, &answers),
            (places, fallback),
            "{answers:?}"
        );
    }
    let sip = |records: &[(&str, u16)]| vec![(Protocol::Sips, answer("_sips", records))];
    assert_eq!(planned(Scheme::Sip, &sip(&[])), (vec![], vec![5061]));
    assert_eq!(planned(Scheme::Sip, &sip(&[(".", 0)])), (vec![], vec![]));
}

#[test]
fn very_many_targets_are_cut_and_the_same_one_is_asked_once() {
    let hosts: Vec<String> = (0..MAX_TARGETS + 8).map(|n| format!("h{n}")).collect();
    let records: Vec<(&str, u16)> = hosts.iter().map(|host| (host.as_str(), 5061)).collect();
    let domain = Domain::parse("contoso.com").unwrap();
    let many = [(Protocol::Sips, answer("_sips", &records))];
    let found = plan(Scheme::Sip, &domain, &many);
    assert_eq!((found.places.len(), found.left_out), (MAX_TARGETS, 8));
    let twice = [
        (
            Protocol::Sips,
            answer("_sipfederationtls", &[("edge", 5061)]),
        ),
        (Protocol::Sips, answer("_sips", &[("edge", 5061)])),
    ];
    assert_eq!(planned(Scheme::Sip, &twice).0, ["edge:5061"]);
}
