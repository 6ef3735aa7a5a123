use super::*;
use crate::check::endpoint::Assigned;
use crate::check::endpoint::Presence;
use crate::check::{Status, Whose};
use crate::names::Protocol;
use crate::names::{Domain, Identifier, Slug};
use crate::probe::Depth;
use crate::probe::{ProbeError, Stage};
use crate::verify::TrustSet;
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{KeyPurpose, KeyType, KeyUsage, PrivateKey, Subject};
use time::Duration;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

fn leaf(names: &[&str]) -> Certificate {
    let key = PrivateKey::generate(KeyType::Ec256).unwrap();
    let spec = IssueSpec {
        serial: vec![7],
        names: names
            .iter()
            .map(|name| Identifier::parse_typed(name).unwrap())
            .collect(),
        key_usage: Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        }),
        key_purposes: vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
        ..IssueSpec::of(
            Subject::named("contoso.com"),
            NOW - Duration::days(10),
            NOW + Duration::days(90),
        )
    };
    let own = Issuer::own(&key);
    issue(&spec, key.spki_der(), &own).unwrap()
}

fn endpoint(protocol: Protocol, domain: Option<&str>) -> Endpoint {
    Endpoint {
        target: "edge.contoso.com:5269".to_owned(),
        host: "192.0.2.1".to_owned(),
        port: 5269,
        protocol,
        server_name: None,
        domain: domain.map(|domain| Domain::parse(domain).unwrap()),
        key_kind: KeyKind::Any,
        depth: Depth::Inside,
        assigned: None,
        addresses: Vec::new(),
        within: None,
        presence: Presence::Said,
    }
}

fn shown(leaf: &Certificate) -> Observation {
    Observation {
        chain: vec![leaf.der().to_vec()],
        possession: Some(true),
        reached: Some(Stage::Inside),
        ..Observation::default()
    }
}

fn judged(endpoint: &Endpoint, observation: &Observation) -> (Status, Vec<&'static str>) {
    let address = "192.0.2.1:5269".parse().unwrap();
    let row = judge_observation(endpoint, address, observation, &Yardstick::new(NOW));
    let codes = row
        .findings
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    (row.status(), codes)
}

#[test]
fn what_an_endpoint_serves_is_held_against_the_domain_asked_for() {
    let leaf = leaf(&["dns:contoso.com", "dns:*.contoso.com"]);
    for (protocol, domain, status, code) in [
        (Protocol::XmppServer, Some("contoso.com"), Status::Ok, None),
        (
            Protocol::XmppServer,
            Some("chat.contoso.com"),
            Status::Ok,
            None,
        ),
        (Protocol::Sips, Some("contoso.com"), Status::Ok, None),
        (
            Protocol::Sips,
            Some("sip.contoso.com"),
            Status::Critical,
            Some("names.wildcard-for-sip"),
        ),
        (
            Protocol::Tls,
            Some("fabrikam.com"),
            Status::Critical,
            Some("names.missing"),
        ),
        (Protocol::Tls, None, Status::Ok, None),
    ] {
        let (stands, codes) = judged(&endpoint(protocol, domain), &shown(&leaf));
        assert_eq!(
            (stands, codes.first().copied()),
            (status, code),
            "{protocol:?} {domain:?} {codes:?}"
        );
    }
}

#[test]
fn another_leaf_than_the_assigned_is_the_only_finding() {
    let (ours, other) = (leaf(&["dns:contoso.com"]), leaf(&["dns:fabrikam.com"]));
    let mut endpoint = endpoint(Protocol::XmppServer, Some("contoso.com"));
    endpoint.assigned = Some(Assigned {
        generation: "external-edge/4".to_owned(),
        embedded: None,
        leaf: ours.facts().sha256,
        hold: None,
    });
    assert_eq!(judged(&endpoint, &shown(&ours)), (Status::Ok, vec![]));
    assert_eq!(
        judged(&endpoint, &shown(&other)),
        (Status::Critical, vec!["live.other-leaf"])
    );
}

#[test]
fn names_that_are_demanded_leave_the_trust_to_the_strangers_view() {
    let mut yardstick = Yardstick::new(NOW);
    let hold = |name: &str, trust| Hold {
        unread: Vec::new(),
        name: name.to_owned(),
        trust,
        wanted: Vec::new(),
        public: false,
        whose: Whose::Others,
    };
    yardstick.holds = vec![
        hold("the command line", None),
        hold("system", Some(TrustSet::new("system", Vec::new()))),
    ];
    yardstick.stranger = Some(1);
    yardstick.forced = Some(0);
    let address = "192.0.2.1:5269".parse().unwrap();
    let endpoint = endpoint(Protocol::Tls, Some("contoso.com"));
    let row = judge_observation(
        &endpoint,
        address,
        &shown(&leaf(&["dns:contoso.com"])),
        &yardstick,
    );
    assert_eq!(row.status(), Status::Critical, "{row:#?}");
    assert!(row.not_applicable.iter().all(|(part, _)| *part != "chain"));
    // What ends there is none of ours, so no command of ours is advised.
    yardstick.now = NOW + Duration::days(89);
    let row = judge_observation(
        &endpoint,
        address,
        &shown(&leaf(&["dns:contoso.com"])),
        &yardstick,
    );
    let ends = row
        .findings
        .iter()
        .find(|one| one.code == Code::ValidityEndsSoon);
    assert_eq!(ends.unwrap().mend, "ask whoever runs it to renew it");
}

#[test]
fn roots_that_cannot_be_read_may_be_those_of_a_chain_for_which_no_other_vouches() {
    let unread = |issuer: &str| Finding::new(Code::CheckUnreadable, issuer, "what", "why", "mend");
    let hold = |trust, unread| Hold {
        unread,
        name: "a hold".to_owned(),
        trust,
        wanted: Vec::new(),
        public: false,
        whose: Whose::Others,
    };
    let leaf = leaf(&["dns:contoso.com"]);
    let none = || Some(TrustSet::new("others", Vec::new()));
    let own = || Some(TrustSet::new("own", vec![leaf.clone()]));
    let key = leaf.facts().spki_sha256;
    let address = "192.0.2.1:5269".parse().unwrap();
    for (is_ours, ours, stranger, codes) in [
        // Our own issuer's roots, and a stranger's view that could not know them.
        (
            true,
            hold(None, vec![unread("b")]),
            hold(none(), Vec::new()),
            1,
        ),
        (
            false,
            hold(None, Vec::new()),
            hold(none(), vec![unread("a"), unread("b")]),
            2,
        ),
        // What another's roots vouch for needs none of them.
        (
            false,
            hold(None, Vec::new()),
            hold(own(), vec![unread("b")]),
            0,
        ),
    ] {
        let mut yardstick = Yardstick::new(NOW);
        yardstick.holds = vec![ours, stranger];
        yardstick.stranger = Some(1);
        yardstick.by_key.extend(is_ours.then_some((key, 0)));
        let endpoint = endpoint(Protocol::Tls, Some("contoso.com"));
        let row = judge_observation(&endpoint, address, &shown(&leaf), &yardstick);
        let told = row
            .findings
            .iter()
            .filter(|one| one.code == Code::CheckUnreadable);
        assert_eq!(told.count(), codes, "{row:#?}");
        assert_ne!(row.status(), Status::Critical, "{row:#?}");
    }
}

#[test]
fn what_is_wrong_below_a_root_that_was_read_is_told_whatever_was_not_read() {
    let keys: Vec<PrivateKey> = (0..3)
        .map(|_| PrivateKey::generate(KeyType::Ec256).unwrap())
        .collect();
    let made = |name: &str, is_ca: bool, key: &PrivateKey, issuer: &Issuer<'_>| {
        let spec = IssueSpec {
            ca: is_ca.then_some(None),
            names: vec![Identifier::parse_typed("dns:contoso.com").unwrap()],
            ..IssueSpec::of(
                Subject::named(name),
                NOW - Duration::days(10),
                NOW + Duration::days(90),
            )
        };
        issue(&spec, key.spki_der(), issuer).unwrap()
    };
    let below = |above, key| Issuer {
        certificate: Some(above),
        key,
    };
    let root = made("root", true, &keys[0], &Issuer::own(&keys[0]));
    let no_ca = made("no CA", false, &keys[1], &below(&root, &keys[0]));
    let leaf = made("leaf", false, &keys[2], &below(&no_ca, &keys[1]));
    let mut yardstick = Yardstick::new(NOW);
    yardstick.stranger = Some(0);
    yardstick.holds = vec![Hold {
        name: "issuers".to_owned(),
        trust: Some(TrustSet::new("root", vec![root])),
        unread: vec![Finding::new(
            Code::CheckUnreadable,
            "b",
            "what",
            "why",
            "mend",
        )],
        wanted: Vec::new(),
        public: false,
        whose: Whose::Others,
    }];
    let observation = Observation {
        chain: vec![leaf.der().to_vec(), no_ca.der().to_vec()],
        ..shown(&leaf)
    };
    let address = "192.0.2.1:5269".parse().unwrap();
    let endpoint = endpoint(Protocol::Tls, Some("contoso.com"));
    let row = judge_observation(&endpoint, address, &observation, &yardstick);
    let codes: Vec<Code> = row.findings.iter().map(|one| one.code).collect();
    assert!(codes.contains(&Code::ChainNotACa), "{codes:?}");
    assert!(!codes.contains(&Code::CheckUnreadable), "{codes:?}");
}

#[test]
fn where_a_probe_stopped_decides_the_finding() {
    let leaf = leaf(&["dns:contoso.com"]);
    let stopped = |stage, chain: bool, asked: bool, failure: ProbeError| Observation {
        chain: if chain {
            vec![leaf.der().to_vec()]
        } else {
            vec![]
        },
        reached: Some(stage),
        possession: chain.then_some(true),
        asked_for_certificate: asked,
        failure: Some(failure),
        ..Observation::default()
    };
    let unknown_host = || {
        ProbeError::Xmpp(crate::wire::xmpp::XmppError::Stream {
            condition: "host-unknown".to_owned(),
            text: None,
        })
    };
    let refused = || ProbeError::Connect("connection refused".to_owned());
    let alert = || ProbeError::Tls("handshake-failure".to_owned());
    for (observation, status, code) in [
        (
            stopped(Stage::Connect, false, false, refused()),
            Status::Critical,
            "live.unreachable",
        ),
        (
            stopped(Stage::Greeting, false, false, unknown_host()),
            Status::Critical,
            "live.no-tls",
        ),
        (
            stopped(Stage::Handshake, false, false, alert()),
            Status::Critical,
            "live.no-tls",
        ),
        (
            stopped(Stage::Handshake, true, false, alert()),
            Status::Critical,
            "live.no-tls",
        ),
        (
            stopped(Stage::Handshake, true, true, alert()),
            Status::Ok,
            "live.no-tls",
        ),
        (
            stopped(Stage::Inside, true, false, unknown_host()),
            Status::Warning,
            "live.inside",
        ),
        (
            stopped(Stage::Inside, true, false, ProbeError::Closed),
            Status::Ok,
            "live.inside",
        ),
    ] {
        let endpoint = endpoint(Protocol::XmppServer, Some("contoso.com"));
        let (stands, codes) = judged(&endpoint, &observation);
        assert_eq!(
            (stands, codes.as_slice()),
            (status, [code].as_slice()),
            "{observation:?}"
        );
    }
    // Each failure with the mend that fits where it happened.
    let failed = |stage, failure| stopped(stage, false, false, failure);
    let not_tls = || ProbeError::Tls("the peer's answer is not TLS".to_owned());
    let denied =
        || ProbeError::Tls("the peer sent the alert access-denied: its rules refuse us".into());
    let ours = || Assigned {
        generation: "external-edge/4".to_owned(),
        embedded: Slug::parse("front").ok(),
        leaf: leaf.facts().sha256,
        hold: None,
    };
    for (protocol, assigned, observation, mend) in [
        (
            Protocol::XmppServer,
            Some(ours()),
            failed(Stage::Connect, refused()),
            "`edgecert gateway run front`",
        ),
        (
            Protocol::Sips,
            Some(ours()),
            failed(Stage::Handshake, denied()),
            "`edgecert assign external-edge`",
        ),
        (
            Protocol::Tls,
            None,
            failed(Stage::Handshake, not_tls()),
            "try --protocol xmpp-server",
        ),
        (
            Protocol::XmppServer,
            None,
            failed(Stage::Handshake, not_tls()),
            "it agreed to TLS and then sent something else",
        ),
        (
            Protocol::Sips,
            None,
            failed(Stage::Handshake, not_tls()),
            "sips is direct TLS",
        ),
        (
            Protocol::Sips,
            None,
            failed(Stage::Handshake, alert()),
            "`openssl s_client -connect 192.0.2.1:5269`",
        ),
        (
            Protocol::XmppServer,
            None,
            failed(Stage::Handshake, alert()),
            "-connect 192.0.2.1:5269 -starttls xmpp-server -xmpphost contoso.com`",
        ),
    ] {
        let endpoint = Endpoint {
            assigned,
            ..endpoint(protocol, Some("contoso.com"))
        };
        let address = "192.0.2.1:5269".parse().unwrap();
        let told = dark(&endpoint, address, &observation).mend;
        assert!(told.contains(mend), "{told}");
        assert!(!told.contains("HOST:PORT"), "{told}");
    }
    let address = "192.0.2.1:5269".parse().unwrap();
    let silent = failed(
        Stage::Handshake,
        ProbeError::Timeout(std::time::Duration::from_secs(1)),
    );
    for (observation, what) in [
        (silent, "accepts connections and says nothing"),
        (
            failed(Stage::Handshake, alert()),
            "answers, but TLS does not come up",
        ),
    ] {
        let told = dark(&endpoint(Protocol::Tls, None), address, &observation).what;
        assert!(told.starts_with(what), "{told}");
    }
}

#[test]
fn who_does_not_prove_the_key_is_told_so_however_the_handshake_ended() {
    let leaf = leaf(&["dns:contoso.com"]);
    let mismatch = (Status::Critical, vec!["key.mismatch"]);
    let failed = |severity| (severity, vec!["live.no-tls"]);
    for (possession, asked, presented, closed, expected) in [
        (Some(false), false, false, false, mismatch.clone()),
        (Some(false), false, false, true, mismatch.clone()),
        (Some(false), true, false, true, mismatch.clone()),
        (Some(false), true, true, true, mismatch),
        (None, true, false, true, failed(Status::Critical)),
        (None, true, true, true, failed(Status::Critical)),
        (Some(true), false, false, true, failed(Status::Critical)),
        (Some(true), true, true, true, failed(Status::Warning)),
        (Some(true), true, false, true, failed(Status::Ok)),
    ] {
        let observation = Observation {
            possession,
            asked_for_certificate: asked,
            presented,
            reached: Some(match closed {
                true => Stage::Handshake,
                false => Stage::Inside,
            }),
            failure: closed.then_some(ProbeError::Closed),
            ..shown(&leaf)
        };
        assert_eq!(
            judged(&endpoint(Protocol::Tls, None), &observation),
            expected,
            "{possession:?} {asked} {presented} {closed}"
        );
    }
}
