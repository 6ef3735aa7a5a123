use super::*;
use crate::federation::PartnerType;
use crate::gateway::proof::NotProven;

fn partner(domain: &str, tls: Setting, sasl: Setting, dialback: bool) -> Partner {
    Partner {
        domain: Domain::parse(domain).unwrap(),
        description: None,
        additional_domains: Vec::new(),
        partner_type: PartnerType::Federated,
        negotiation: Negotiation {
            tls,
            sasl,
            dialback,
        },
        connection_limit: None,
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

/// The seed's 18 rows: what is offered, and who is let in, from the column of methods alone.
#[test]
fn all_18_rows_are_offered_and_admitted_as_the_matrix_says() {
    const MATRIX: &str = include_str!("../../../fixtures/negotiation-matrix.csv");
    let from = Domain::parse("partner.example").unwrap();
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let mut rows = 0;
    for line in MATRIX.lines().skip(1).filter(|line| !line.is_empty()) {
        rows += 1;
        let fields: Vec<&str> = line.splitn(7, ',').collect();
        let setting = |word: &str| {
            let known = Setting::ALL.into_iter();
            let mut fitting = known.filter(|one| one.word().replace('-', "_") == word);
            fitting.next().unwrap()
        };
        let (tls, sasl) = (setting(fields[0]), setting(fields[1]));
        let partner = partner("partner.example", tls, sasl, fields[2] == "true");
        let rules = Rules::new(&[partner], None, &[], &BTreeMap::new());
        let methods = fields[4];
        let clear = methods.contains("tcp_dialback");
        let offer = rules.offer(Some(&from));
        let offered = match tls {
            Setting::NotSupported => TlsOffer::None,
            // Where clear text is no way in, TLS is required whatever the word is.
            Setting::Optional if clear => TlsOffer::Optional,
            Setting::Required | Setting::Optional => TlsOffer::Required,
        };
        assert_eq!((offer.tls, offer.clear), (offered, clear), "{line}");
        let in_clear = rules.admit_clear(Some(&from)).map(|admitted| admitted.way);
        let in_tls = rules.admit_tls(Some("partner.example"), &[], now);
        let in_tls = in_tls.map(|admitted| admitted.way);
        let condition = |outcome: &Result<Way, Refusal>| match outcome {
            Ok(_) => "",
            Err(refusal) => refusal.condition,
        };
        let only_sasl = methods == "sasl_over_tls";
        let expected = match (clear, only_sasl) {
            (true, _) => "",
            (false, true) => "not-authorized",
            (false, false) => "policy-violation",
        };
        assert_eq!(condition(&in_clear), expected, "{line}");
        // A peer without a certificate.
        let expected = match (methods, only_sasl) {
            ("", _) => "policy-violation",
            (_, true) => "not-authorized",
            (_, false) => "",
        };
        assert_eq!(condition(&in_tls), expected, "{line}");
        let numbers = [1, 2, 4, 8, 10];
        assert_eq!(numbers.contains(&rows), only_sasl, "row {rows}");
    }
    assert_eq!(rows, 18);
}

#[test]
fn the_domain_of_a_stream_stays_its_domain() {
    for (before, inside, condition) in [
        (None, Some("a.example"), ""),
        (Some("a.example"), None, ""),
        (Some("A.example"), Some("a.example"), ""),
        (Some("a.example"), Some("b.example"), "invalid-from"),
        (Some("a.example"), Some("sub.a.example"), "invalid-from"),
        (Some("a.example"), Some("a b"), "invalid-from"),
    ] {
        let outcome = check_same_from(before, inside);
        let found = outcome.err().map_or("", |refusal| refusal.condition);
        assert_eq!(found, condition, "{before:?} {inside:?}");
    }
}

#[test]
fn decisions_are_counted_for_the_partner_and_strangers_together() {
    let mut listed = partner(
        "partner.example",
        Setting::Optional,
        Setting::Optional,
        true,
    );
    listed.additional_domains = vec![Domain::parse("second.example").unwrap()];
    listed.keep_alive = false;
    let rules = Rules::new(&[listed], None, &[], &BTreeMap::new());
    let from = Domain::parse("second.example").unwrap();
    let admission = rules.admit_clear(Some(&from)).unwrap();
    assert_eq!(admission.keep_alive, KeepAlive::Ended);
    let open = admission.open();
    for said in [
        "partner.example",
        "stranger.example",
        "other.example",
        "a b",
    ] {
        rules.count(Some(said)).refuse("policy-violation");
    }
    rules.count(None).refuse("not-well-formed");
    let told: Vec<_> = rules.counts().map(|(_, count)| count.told()).collect();
    assert_eq!((told[0].open, told[0].in_clear), (1, 1));
    assert_eq!(told[0].refused["policy-violation"], 1);
    drop(open);
    assert_eq!(rules.counts().next().unwrap().1.told().open, 0);
    let others = rules.count_of_others().told().refused;
    assert_eq!(
        (others["policy-violation"], others["not-well-formed"]),
        (3, 1)
    );
}

#[test]
fn whoever_only_says_a_partners_name_leaves_it_half_of_its_places() {
    use Setting::{NotSupported, Optional};
    // Rows with and without a method that proves.
    for (tls, sasl, limit, unproved) in [
        (Optional, Optional, 4, 2),
        (Optional, Optional, 3, 1),
        (Optional, Optional, 2, 1),
        (Optional, Optional, 1, 1),
        (Optional, NotSupported, 4, 4),
        (NotSupported, NotSupported, 3, 3),
    ] {
        let mut listed = partner("partner.example", tls, sasl, true);
        listed.connection_limit = Some(limit);
        let rules = Rules::new(&[listed], None, &[], &BTreeMap::new());
        let from = Domain::parse("partner.example").unwrap();
        let mut open: Vec<_> = (0..unproved)
            .map(|_| rules.admit_clear(Some(&from)).unwrap().open())
            .collect();
        let refusal = rules.admit_clear(Some(&from)).unwrap_err();
        assert_eq!(refusal.condition, "resource-constraint");
        let proved = || rules.admit(from.clone(), Some(from.clone()), Way::Proved);
        for _ in unproved..limit {
            open.push(proved().unwrap().open());
        }
        assert!(proved().is_err());
        drop(open);
        // One that proves itself needs none of the places of those that do not.
        let open: Vec<_> = (0..limit).map(|_| proved().unwrap().open()).collect();
        assert!(rules.admit_clear(Some(&from)).is_err());
        drop(open);
        assert!(rules.admit_clear(Some(&from)).is_ok());
    }
}

#[test]
fn strangers_are_led_into_tls_and_refused_there() {
    let rules = Rules::new(&[], None, &[], &BTreeMap::new());
    let from = Domain::parse("stranger.example").unwrap();
    assert_eq!(rules.offer(Some(&from)).tls, TlsOffer::Required);
    assert_eq!(rules.offer(None).tls, TlsOffer::Required);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let refusal = rules
        .admit_tls(Some("stranger.example"), &[], now)
        .unwrap_err();
    assert_eq!(refusal.condition, "policy-violation");
    assert!(refusal.text.contains("not among the partners"));
    let refusal = rules.admit_tls(None, &[], now).unwrap_err();
    assert_eq!(refusal.condition, "improper-addressing");
    let refusal = rules.admit_tls(Some("a\x1bb"), &[], now).unwrap_err();
    assert_eq!(refusal.condition, "invalid-from");
    assert!(!refusal.text.contains('\x1b'));
    assert_eq!(refusal.beside_domain, "`from` is no domain: it");
}

#[test]
fn a_refusal_names_the_domain_to_the_peer_and_not_beside_it() {
    let other_names = NotProven::OtherNames {
        found: vec!["DNS x.example".to_owned()],
    };
    let from = Domain::parse("strict.example").unwrap();
    let differs = check_same_from(Some("a.example"), Some("strict.example")).unwrap_err();
    for (refusal, beside) in [
        (
            stranger(&from),
            "it is not among the partners of this server",
        ),
        (
            no_method(&from),
            "the settings for it leave no way to authenticate",
        ),
        (
            differs,
            "this stream was from a.example before TLS and is from it inside TLS; open one for each domain",
        ),
        (
            Refusal::of("not-authorized", &from, |it| {
                format!("{it}: {}", other_names.of(it))
            }),
            "it: your server's certificate is not for it but for DNS x.example",
        ),
    ] {
        assert!(refusal.text.contains("strict.example"), "{refusal:?}");
        assert_eq!(refusal.beside_domain, beside);
    }
}

#[test]
fn partner_with_unread_roots_is_believed_by_no_anchor() {
    let mut listed = partner(
        "partner.example",
        Setting::Required,
        Setting::Required,
        false,
    );
    listed.roots = vec!["roots.pem".into()];
    let rules = Rules::new(&[listed], None, &[], &BTreeMap::new());
    assert!(rules.partners[0].anchors.as_ref().unwrap().is_empty());
}
