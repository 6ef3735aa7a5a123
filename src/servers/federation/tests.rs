use super::*;
use crate::federation::PartnerType;

fn row(text: &str) -> Negotiation {
    let setting = |c| match c {
        Some('R') => Setting::Required,
        Some('O') => Setting::Optional,
        Some('N') => Setting::NotSupported,
        other => panic!("{other:?}"),
    };
    let mut letters = text.chars();
    Negotiation {
        tls: setting(letters.next()),
        sasl: setting(letters.next()),
        dialback: letters.next() == Some('T'),
    }
}

fn partner(domain: &str, text: &str) -> Partner {
    Partner {
        domain: Domain::parse(domain).unwrap(),
        description: None,
        additional_domains: Vec::new(),
        partner_type: PartnerType::Federated,
        negotiation: row(text),
        connection_limit: None,
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

fn of(rows: &[&str], others: Option<&str>, keeper: Keeper) -> (Rules, Vec<Limit>) {
    let partners: Vec<Partner> = rows
        .iter()
        .enumerate()
        .map(|(number, text)| partner(&format!("p{number}.example"), text))
        .collect();
    let wish = Wish {
        partners: &partners,
        others: others.map(row),
    };
    rules(wish, keeper)
}

const BOTH: [Keeper; 2] = [Keeper::Prosody, Keeper::Ejabberd];

/// Every row that may be committed and works, alone on a server: nothing weaker happens than was asked, and nothing
/// that was asked is missing.
#[test]
fn a_row_alone_has_all_its_methods_and_no_weaker_one() {
    let rows = [
        "RRT", "RRF", "ORT", "ORF", "ROT", "ROF", "OOT", "OOF", "RNT", "ONT", "NNT",
    ];
    for keeper in BOTH {
        for text in rows {
            let (rules, limits) = of(&[text], Some(text), keeper);
            let certified = row(text).needs_peer_certificate();
            let happens = keeper.methods(rules.encryption, rules.dialback, certified);
            for method in row(text).methods() {
                assert!(happens.contains(&method), "{text} {keeper:?} {happens:?}");
            }
            let off: Vec<&Limit> = limits
                .iter()
                .filter(|limit| limit.distance != Distance::Other)
                .collect();
            assert!(off.is_empty(), "{text} {keeper:?} {off:?}");
        }
    }
}

#[test]
fn encryption_and_dialback_follow_what_all_need() {
    use Dialback::{Loaded, NotLoaded};
    use Encryption::{Never, Offered, Required};
    for (rows, prosody, ejabberd, dialback) in [
        (&["RRF"][..], Required, Required, NotLoaded),
        (&["RRT", "ORF"], Required, Required, NotLoaded),
        (&["ROT"], Required, Required, Loaded),
        (&["OOT"], Offered, Offered, Loaded),
        (&["ONT", "NNT"], Offered, Offered, Loaded),
        (&["NNT", "NNT"], Never, Never, Loaded),
        // Prosody holds a certified partner to TLS by itself, ejabberd does not.
        (&["RRT", "OOT"], Offered, Required, Loaded),
        // One requires TLS and may use dialback: that goes before what the other permits.
        (&["ROT", "OOT"], Required, Required, Loaded),
        (&["RNT", "NNT"], Required, Required, Loaded),
        (&["RRF", "NNT"], Offered, Required, NotLoaded),
    ] {
        for (keeper, encryption) in [(Keeper::Prosody, prosody), (Keeper::Ejabberd, ejabberd)] {
            // Strangers as the last partner: they change nothing.
            let (rules, _) = of(rows, rows.last().copied(), keeper);
            assert_eq!(rules.encryption, encryption, "{rows:?} {keeper:?}");
            let wanted = match (rows, keeper) {
                (["RRF", "NNT"], Keeper::Prosody) => Loaded,
                _ => dialback,
            };
            assert_eq!(rules.dialback, wanted, "{rows:?} {keeper:?}");
        }
    }
}

/// For any two partners and any rule for strangers: a method that happens and was not asked for is told, and so is one
/// that was asked for and cannot happen.
#[test]
fn every_difference_is_told() {
    let rows = [
        "RRT", "RRF", "ORT", "ROT", "OOT", "OOF", "RNT", "ONT", "NNT",
    ];
    for keeper in BOTH {
        for one in rows {
            for two in rows {
                for others in [None, Some("OOT"), Some("RRF"), Some("NNT")] {
                    let (rules, limits) = of(&[one, two], others, keeper);
                    for (whom, text) in [("p0.example", one), ("p1.example", two)] {
                        let asked = row(text);
                        let happens = keeper.methods(
                            rules.encryption,
                            rules.dialback,
                            asked.needs_peer_certificate(),
                        );
                        let differs = happens != asked.methods();
                        let told = limits.iter().any(|limit| limit.whom == whom);
                        assert!(
                            told || !differs,
                            "{one} {two} {others:?} {keeper:?}: {whom} {happens:?}"
                        );
                        // Clear text never reaches one who requires TLS.
                        assert!(
                            asked.tls != Setting::Required
                                || !happens.contains(&Method::DialbackOverTcp),
                            "{one} {two} {others:?} {keeper:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn strangers_are_kept_out_where_that_can_be_and_it_is_said_where_not() {
    let (rules, limits) = of(&["RRF"], None, Keeper::Ejabberd);
    let domain = Domain::parse("p0.example").unwrap();
    assert_eq!(rules.admitted, Admitted::Only(vec![domain]));
    assert_eq!(limits, []);
    let (rules, limits) = of(&["ROT"], None, Keeper::Prosody);
    assert_eq!(rules.admitted, Admitted::All);
    assert!(matches!(&rules.certified, Certified::AllBut(partners) if partners.len() == 1));
    let told = limits.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            "those who are no partners: they cannot be kept out, as Prosody has no list of who may federate; they come in by SASL EXTERNAL with a good certificate"
        ]
    );
}

#[test]
fn strangers_that_cannot_be_kept_out_need_tls_unless_a_partner_has_none() {
    for (rows, keeper, encryption) in [
        (&["OOT"][..], Keeper::Prosody, Encryption::Required),
        (&["OOT"], Keeper::Ejabberd, Encryption::Offered),
        (&["OOT", "NNT"], Keeper::Prosody, Encryption::Offered),
        (&["NNT"], Keeper::Prosody, Encryption::Never),
    ] {
        let (rules, _) = of(rows, None, keeper);
        assert_eq!(rules.encryption, encryption, "{rows:?} {keeper:?}");
    }
}

#[test]
fn settings_without_a_counterpart_are_named() {
    let mut one = partner("p.example", "RRF");
    one.connection_limit = Some(2);
    one.keep_alive = false;
    one.roots = vec!["/etc/own.pem".into()];
    one.additional_domains = vec![Domain::parse("chat.p.example").unwrap()];
    let partners = [one];
    let wish = Wish {
        partners: &partners,
        others: Some(row("OOT")),
    };
    let (rules, limits) = rules(wish, Keeper::Prosody);
    let Certified::Only(domains) = rules.certified else {
        panic!("{rules:?}");
    };
    assert_eq!(domains.len(), 2);
    let told = limits.iter().map(ToString::to_string).collect::<String>();
    for words in [
        "limit of 2 streams",
        "kept alive all the same",
        "roots of its own",
    ] {
        assert!(told.contains(words), "{told}");
    }
}
