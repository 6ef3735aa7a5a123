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

#[test]
fn every_domain_has_its_row() {
    let domains =
        ["a.example", "b.example"].map(|name| (Scheme::Xmpp, Domain::parse(name).unwrap()));
    let told = Discovered {
        row: TargetReport::new("xmpp:b.example", TargetKind::Domain),
        endpoints: Vec::new(),
    };
    let all = all::each(&domains, BTreeMap::from([(1, told.clone())]));
    assert_eq!((all.len(), &all[1]), (2, &told));
    assert_eq!(all[0].row.target, "xmpp:a.example");
    assert_eq!(all[0].row.status(), crate::check::Status::Unknown);
}

/// A resolver that has these SRV records, and says nothing of any other name: every look-up of a target is slow.
fn says_srv_alone(records: usize) -> std::net::SocketAddr {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut packet) {
            // Header, question, and no more: QTYPE ends four bytes behind the name.
            let asked = &packet[12..length];
            let end = asked.iter().position(|byte| *byte == 0).unwrap() + 1;
            let (name, kind) = (&asked[..end], &asked[end..end + 2]);
            if kind != [0, 33] {
                continue;
            }
            let is_wanted = name.starts_with(b"\x0c_xmpp-server");
            let count = if is_wanted { records as u8 } else { 0 };
            let mut reply = packet[..2].to_vec();
            reply.extend([0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
            reply.extend(&asked[..end + 4]);
            for number in 0..count {
                let target = format!("t{number:02}");
                let rdata = [
                    &[0, 0, 0, 0, 0x14, 0x95, 3][..],
                    target.as_bytes(),
                    b"\x07example\0",
                ]
                .concat();
                reply.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, rdata.len() as u8]);
                reply.extend(rdata);
            }
            let _ = socket.send_to(&reply, peer);
        }
    });
    address
}

#[tokio::test]
async fn one_domain_does_not_stall_the_others() {
    let timeout = std::time::Duration::from_secs(1);
    let resolver = Resolver::new(Some(says_srv_alone(16)), timeout, None).unwrap();
    let domain = Domain::parse("a.example").unwrap();
    let begun = std::time::Instant::now();
    let found = discover(Scheme::Xmpp, &domain, &resolver, Family::Any).await;
    assert!(found.row.problem.is_some(), "{found:?}");
    assert!(
        found.row.seen.iter().any(|one| one == "16 SRV targets"),
        "{found:?}"
    );
    assert!(begun.elapsed() < 5 * timeout, "{:?}", begun.elapsed());
}
