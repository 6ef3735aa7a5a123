//! What becomes of a stream: every row of the negotiation matrix, every server, every kind of leaf, both directions.
//!
//! `fixtures/negotiation-matrix.csv` holds the 18 rows of Microsoft's "Negotiation settings for XMPP federated partners"
//! (JJ552456), as collected in 2026. Which server accepts which leaf stands here by hand.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "findings/lab.rs"]
#[allow(dead_code)]
mod lab;

use edgecert::federation::{Method, Negotiation, Server, Setting};
use edgecert::findings::{Code, Finding, Severity};
use edgecert::names::Domain;
use edgecert::names::matching::Service;
use edgecert::verify::outcome::{Shown, Trust, predict};
use edgecert::verify::partners::told;
use edgecert::verify::servers::Role;
use edgecert::verify::{
    Expectation, PartnerGate, Peer, PeerRoots, ServedNow, Strictness, TrustSet, Wanted, forecasts,
    judge,
};
use edgecert::x509::issue::IssueSpec;
use edgecert::x509::{Certificate, KeyPurpose, KeyType, PrivateKey, Subject};
use lab::*;

const MATRIX: &str = include_str!("../fixtures/negotiation-matrix.csv");

/// Every server that speaks XMPP.
const ALL: &str = "prosody-0.12 prosody-13 metronome ejabberd-23 ejabberd-25.08 openfire lync";

/// What is odd about a leaf, and who accepts it when it dials us, and when we dial it.
type Kind = (&'static str, fn(&mut IssueSpec), &'static str, &'static str);

const KINDS: [Kind; 7] = [
    ("sound", |_| {}, ALL, ALL),
    (
        "no extended key usage",
        |spec| spec.key_purposes = vec![],
        ALL,
        ALL,
    ),
    (
        "serverAuth only",
        |spec| spec.key_purposes = vec![KeyPurpose::ServerAuth],
        ALL,
        "prosody-0.12 prosody-13 ejabberd-25.08 openfire",
    ),
    (
        "clientAuth only",
        |spec| spec.key_purposes = vec![KeyPurpose::ClientAuth],
        "openfire",
        "metronome ejabberd-23 openfire lync",
    ),
    (
        "SRVName only",
        |spec| spec.names = names(&["srv:_xmpp-server.contoso.com"]),
        "prosody-0.12 prosody-13 metronome openfire",
        "prosody-0.12 prosody-13 metronome openfire",
    ),
    (
        "another name",
        |spec| spec.names = names(&["dns:fabrikam.com"]),
        "",
        "",
    ),
    (
        "common name only",
        |spec| {
            spec.names = vec![];
            spec.subject = Subject::named("contoso.com");
        },
        "prosody-0.12 metronome ejabberd-23 ejabberd-25.08 lync",
        "prosody-0.12 metronome ejabberd-23 ejabberd-25.08 lync",
    ),
];

fn names(words: &[&str]) -> Vec<edgecert::names::Identifier> {
    leaf_spec(words).names
}

fn contoso() -> Domain {
    Domain::parse("contoso.com").unwrap()
}

/// The rows: settings, and the methods as the file has them.
fn rows() -> Vec<(Negotiation, Vec<&'static str>)> {
    let setting = |word: &str| {
        let same = |one: &Setting| one.word().replace('-', "_") == word;
        Setting::ALL.into_iter().find(same).unwrap()
    };
    MATRIX
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let fields: Vec<&str> = line.splitn(7, ',').collect();
            let negotiation = Negotiation {
                tls: setting(fields[0]),
                sasl: setting(fields[1]),
                dialback: fields[2] == "true",
            };
            let methods = fields[4].split('|').filter(|word| !word.is_empty());
            (negotiation, methods.collect())
        })
        .collect()
}

fn word(method: Option<Method>) -> &'static str {
    match method {
        Some(Method::SaslOverTls) => "sasl_over_tls",
        Some(Method::DialbackOverTls) => "tls_dialback",
        Some(Method::DialbackOverTcp) => "tcp_dialback",
        None => "",
    }
}

/// An RSA leaf, as Lync works with no other; the key is made once.
fn leaf(lab: &Lab, rsa: &PrivateKey, change: fn(&mut IssueSpec)) -> Certificate {
    let mut spec = leaf_spec(&["dns:contoso.com"]);
    change(&mut spec);
    sign(&spec, rsa, Some(&lab.ca), &lab.ca_key)
}

#[test]
fn every_row_server_leaf_and_direction_comes_out_as_the_matrix_says() {
    let lab = Lab::new();
    let rsa = PrivateKey::generate(KeyType::Rsa2048).unwrap();
    let rows = rows();
    assert_eq!(rows.len(), 18);
    let mut seen = 0;
    for (kind, change, dials_us, we_dial) in KINDS {
        let leaf = leaf(&lab, &rsa, change);
        for server in Server::ALL {
            for (role, accepting) in [(Role::Server, dials_us), (Role::Client, we_dial)] {
                for trust in [
                    Trust::Trusted,
                    Trust::Unknown,
                    Trust::Untrusted("no".into()),
                ] {
                    let accepts = accepting.split(' ').any(|one| one == server.word())
                        && !matches!(trust, Trust::Untrusted(_));
                    for (negotiation, methods) in &rows {
                        let domain = contoso();
                        let shown = Shown {
                            leaf: leaf.facts(),
                            domain: &domain,
                            role,
                            trust: &trust,
                        };
                        let outcome = predict(*negotiation, server, &shown);
                        let expected = methods
                            .iter()
                            .find(|method| accepts || **method != "sasl_over_tls")
                            .filter(|_| server != Server::Kamailio)
                            .copied()
                            .unwrap_or_default();
                        assert_eq!(
                            word(outcome.method),
                            expected,
                            "{kind}, {server}, {role:?}, {trust:?}, {negotiation:?}"
                        );
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(seen, 7 * 8 * 2 * 3 * 18);
}

#[test]
fn an_elliptic_key_is_refused_by_lync_alone() {
    let lab = Lab::new();
    let leaf = lab.leaf(&leaf_spec(&["dns:contoso.com"]));
    let domain = contoso();
    for server in Server::ALL.into_iter().filter(|one| one.speaks_xmpp()) {
        let shown = Shown {
            leaf: leaf.facts(),
            domain: &domain,
            role: Role::Client,
            trust: &Trust::Trusted,
        };
        let strict = settings(Setting::Required, Setting::Required, false);
        let method = predict(strict, server, &shown).method;
        assert_eq!(method.is_none(), server == Server::Lync, "{server}");
    }
}

fn settings(tls: Setting, sasl: Setting, dialback: bool) -> Negotiation {
    Negotiation {
        tls,
        sasl,
        dialback,
    }
}

fn peer(server: Option<Server>, negotiation: Negotiation, roots: PeerRoots) -> Peer {
    Peer {
        domain: Domain::parse("litware.com").unwrap(),
        negotiation,
        server,
        roots,
    }
}

fn wanted(domain: &str) -> Wanted {
    Wanted::Covered {
        service: Service::XmppServer,
        domain: Domain::parse(domain).unwrap(),
        because: "XMPP domain".to_owned(),
    }
}

/// What is told of a partner, and the partner findings.
fn judged(
    lab: &Lab,
    spec: &IssueSpec,
    peer: Peer,
    wanted: Vec<Wanted>,
) -> (Vec<String>, Vec<Finding>) {
    let trust = TrustSet::new("the lab's roots", vec![lab.root.clone()]);
    let peers = [peer];
    let expectation = Expectation {
        trust: Some(&trust),
        wanted,
        strictness: Strictness::Practical,
        partners: &peers,
        ..Expectation::new(NOW)
    };
    let chain = vec![lab.leaf(spec), lab.ca.clone()];
    let lines = told(&forecasts(&chain, &expectation))
        .into_iter()
        .map(|one| format!("{}: {}", one.head, one.sentence))
        .collect();
    let findings = judge(&chain, None, &expectation)
        .report
        .findings()
        .iter()
        .filter(|one| {
            matches!(
                one.code,
                Code::UsagePartnerFails | Code::UsagePartnerDialback
            )
        })
        .cloned()
        .collect();
    (lines, findings)
}

/// Server, settings, roots; what is told first, and the finding.
type Row = (
    Server,
    Negotiation,
    PeerRoots,
    &'static str,
    Option<(Code, Severity)>,
);

fn public_like() -> IssueSpec {
    let mut spec = leaf_spec(&["dns:contoso.com"]);
    spec.key_purposes = vec![KeyPurpose::ServerAuth];
    spec
}

#[test]
fn a_known_partner_is_told_in_a_sentence_with_its_cause() {
    use Setting::{NotSupported, Optional, Required};
    let lab = Lab::new();
    let own = || PeerRoots::Own(TrustSet::new("litware-root.pem", vec![lab.root.clone()]));
    let strangers = Lab::new();
    let table: [Row; 8] = [
        (
            Server::Ejabberd23,
            settings(Required, Required, false),
            own(),
            "served to partner litware.com (ejabberd-23), when we dial: SASL EXTERNAL will fail, since the leaf has serverAuth only and ejabberd before 25.08 asks for clientAuth (it is offered all the same, and refused when tried); dialback is off, so nothing works",
            Some((Code::UsagePartnerFails, Severity::Error)),
        ),
        (
            Server::Ejabberd23,
            settings(Required, Required, true),
            own(),
            "served to partner litware.com (ejabberd-23), when we dial: SASL EXTERNAL will fail, since the leaf has serverAuth only and ejabberd before 25.08 asks for clientAuth (it is offered all the same, and refused when tried); dialback never runs where TLS and SASL are both required, so nothing works",
            Some((Code::UsagePartnerFails, Severity::Error)),
        ),
        (
            Server::Metronome,
            settings(Required, Optional, true),
            own(),
            "served to partner litware.com (metronome), when we dial: SASL EXTERNAL will fail, since the leaf has serverAuth only and Metronome asks for clientAuth (it is offered all the same, and refused when tried); it falls back to dialback over TLS",
            Some((Code::UsagePartnerDialback, Severity::Warning)),
        ),
        (
            Server::Prosody13,
            settings(Required, Required, false),
            own(),
            "served to partner litware.com (prosody-13): SASL EXTERNAL will be accepted, by dns:contoso.com",
            None,
        ),
        (
            Server::Prosody13,
            settings(NotSupported, NotSupported, true),
            own(),
            "served to partner litware.com (prosody-13): dialback in clear text, since TLS is not supported",
            None,
        ),
        (
            Server::Prosody13,
            settings(Required, NotSupported, false),
            own(),
            "served to partner litware.com (prosody-13): nothing works, since neither SASL nor dialback is on",
            Some((Code::UsagePartnerFails, Severity::Warning)),
        ),
        (
            Server::Kamailio,
            settings(Required, Required, false),
            PeerRoots::Unknown,
            "served to partner litware.com (kamailio): nothing works, since Kamailio does not speak XMPP",
            Some((Code::UsagePartnerFails, Severity::Warning)),
        ),
        (
            // concluded, and so nobody is refused by it
            Server::Lync,
            settings(Required, Required, false),
            own(),
            "served to partner litware.com (lync): SASL EXTERNAL will fail, since the leaf's key is not RSA, and Lync works with RSA keys; dialback is off, so nothing works",
            Some((Code::UsagePartnerFails, Severity::Warning)),
        ),
    ];
    for (server, negotiation, roots, first, expected) in table {
        let peer = peer(Some(server), negotiation, roots);
        let (lines, findings) = judged(&lab, &public_like(), peer, vec![wanted("contoso.com")]);
        assert_eq!(lines[0], first);
        let found: Vec<(Code, Severity)> = findings
            .iter()
            .map(|one| (one.code, one.severity))
            .collect();
        assert_eq!(found, Vec::from_iter(expected), "{server}");
        if let Some(finding) = findings.first() {
            assert_eq!(finding.why, first);
        }
    }
    // A root that the partner does not have: an error where the deployment names its roots, else a warning.
    let foreign = || TrustSet::new("litware-root.pem", vec![strangers.root.clone()]);
    for (roots, severity) in [
        (PeerRoots::Own(foreign()), Severity::Error),
        (PeerRoots::Assumed(foreign()), Severity::Warning),
    ] {
        let strict = settings(Required, Required, false);
        let peer = peer(Some(Server::Prosody13), strict, roots);
        let (lines, findings) = judged(&lab, &plain(), peer, vec![wanted("contoso.com")]);
        assert!(lines[0].contains("litware-root.pem"), "{lines:?}");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, severity);
    }
}

#[test]
fn an_unknown_server_is_told_by_families_worst_first_and_blamed_only_if_all_fail() {
    let lab = Lab::new();
    let strict = settings(Setting::Required, Setting::Required, false);
    let roots = || PeerRoots::Own(TrustSet::new("litware-root.pem", vec![lab.root.clone()]));
    let (lines, findings) = judged(
        &lab,
        &public_like(),
        peer(None, strict, roots()),
        vec![wanted("contoso.com")],
    );
    assert!(findings.is_empty(), "{findings:?}");
    let heads: Vec<&str> = lines
        .iter()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        heads,
        [
            "served to partner litware.com, if it runs metronome or ejabberd-23, when we dial",
            "served to partner litware.com, if it runs lync",
            "served to partner litware.com, if it runs prosody-0.12, prosody-13, ejabberd-25.08 or openfire",
            "served to partner litware.com, if it runs metronome or ejabberd-23, when it dials",
        ]
    );
    // No server that might run there has the root.
    let other = Lab::new();
    let foreign = PeerRoots::Own(TrustSet::new("litware-root.pem", vec![other.root.clone()]));
    let (_, findings) = judged(
        &lab,
        &plain(),
        peer(None, strict, foreign),
        vec![wanted("contoso.com")],
    );
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Error);
}

#[test]
fn the_domain_that_fares_worst_decides_and_a_missing_name_is_told_once() {
    let lab = Lab::new();
    let strict = settings(Setting::Required, Setting::Required, false);
    let roots = || PeerRoots::Own(TrustSet::new("litware-root.pem", vec![lab.root.clone()]));
    let ejabberd = || peer(Some(Server::Ejabberd2508), strict, roots());
    let spec = leaf_spec(&["dns:contoso.com", "srv:_xmpp-server.chat.contoso.com"]);
    let both = vec![wanted("contoso.com"), wanted("chat.contoso.com")];
    let (lines, findings) = judged(&lab, &spec, ejabberd(), both);
    assert_eq!(
        lines,
        [
            "served to partner litware.com (ejabberd-25.08): SASL EXTERNAL will fail, since srv:_xmpp-server.chat.contoso.com does not stand for chat.contoso.com there: an SRVName of this kind is not read (it is offered all the same, and refused when tried); dialback is off, so nothing works"
        ]
    );
    assert_eq!(findings.len(), 1);
    // Nobody has it covered: that is names.missing, and no second fault.
    let missing = vec![wanted("adatum.example")];
    let (_, findings) = judged(&lab, &spec, ejabberd(), missing);
    assert!(findings.is_empty(), "{findings:?}");
}

#[test]
fn a_partner_that_fails_already_refuses_nobody_and_one_that_works_does() {
    let lab = Lab::new();
    let strict = settings(Setting::Required, Setting::Required, false);
    let own = || PeerRoots::Own(TrustSet::new("litware-root.pem", vec![lab.root.clone()]));
    let other = Lab::new();
    let foreign = || PeerRoots::Own(TrustSet::new("other-root.pem", vec![other.root.clone()]));
    let chain = |spec: &IssueSpec| vec![lab.leaf(spec), lab.ca.clone()];
    let trust = TrustSet::new("the lab's roots", vec![lab.root.clone()]);
    // What is served now, the partner's server and roots then and now; what the new leaf, for servers alone, comes to.
    let known = Some(Server::Ejabberd23);
    let no_stream = "no stream with the partner litware.com will come about";
    for (now, server, then, severity, more) in [
        (plain(), known, own(), Severity::Error, ""),
        (
            public_like(),
            known,
            own(),
            Severity::Warning,
            ", as with generation 7",
        ),
        (
            public_like(),
            known,
            foreign(),
            Severity::Warning,
            ", as with generation 7",
        ),
        (
            plain(),
            known,
            foreign(),
            Severity::Warning,
            ", and with generation 7 none does, for another cause",
        ),
    ] {
        let expectation = |peers| Expectation {
            trust: Some(&trust),
            wanted: vec![wanted("contoso.com")],
            partners: peers,
            ..Expectation::new(NOW)
        };
        let peers_then = [peer(server, strict, then)];
        let served = ServedNow {
            generation: 7,
            forecasts: forecasts(&chain(&now), &expectation(&peers_then)),
        };
        let peers = [peer(server, strict, own())];
        let found = |gate| {
            let expectation = Expectation {
                partner_gate: gate,
                ..expectation(&peers)
            };
            let report = judge(&chain(&public_like()), None, &expectation).report;
            let mut all = report.into_iter();
            all.find(|one| one.code == Code::UsagePartnerFails).unwrap()
        };
        let against = found(PartnerGate::Against(&served));
        assert_eq!(against.severity, severity, "{}", against.what);
        assert_eq!(against.what, format!("{no_stream}{more}"));
        assert_eq!(found(PartnerGate::Refuse).severity, Severity::Error);
        assert_eq!(found(PartnerGate::Warn).severity, Severity::Warning);
    }
}

#[test]
fn the_direction_that_breaks_comes_before_the_one_that_was_broken() {
    let lab = Lab::new();
    let strict = settings(Setting::Required, Setting::Required, false);
    let own = PeerRoots::Own(TrustSet::new("litware-root.pem", vec![lab.root.clone()]));
    let peers = [peer(Some(Server::Ejabberd23), strict, own)];
    let expectation = |domain: &str| Expectation {
        wanted: vec![wanted(domain)],
        partners: &peers,
        ..Expectation::new(NOW)
    };
    // Now it fails where we dial, for the purpose; the new one fails in both directions, for the name.
    let sent = |spec: &IssueSpec| vec![lab.leaf(spec), lab.ca.clone()];
    let served = ServedNow {
        generation: 3,
        forecasts: forecasts(&sent(&public_like()), &expectation("contoso.com")),
    };
    let mut spec = public_like();
    spec.names = leaf_spec(&["dns:*.contoso.com", "srv:_xmpp-server.contoso.com"]).names;
    let expectation = Expectation {
        partner_gate: PartnerGate::Against(&served),
        ..expectation("contoso.com")
    };
    let report = judge(&sent(&spec), None, &expectation).report;
    let errors: Vec<&Finding> = report
        .errors()
        .filter(|one| one.code == Code::UsagePartnerFails)
        .collect();
    assert_eq!(errors.len(), 1, "{report:?}");
    assert!(errors[0].why.contains("when it dials"), "{}", errors[0].why);
}
