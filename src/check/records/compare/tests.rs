use super::*;
use crate::check::records::{Given, Issuance, KeyPin, PinnedKey, questions};
use crate::deployment::Deployment;
use crate::names::Slug;
use crate::x509::Fingerprint;
use std::path::Path;

const EDGE: &str = r#"
version = 1
[edge]
fqdn = "edge.contoso.com"
xmpp-domains = ["contoso.com"]
[issuer.public]
profile = "letsencrypt-classic"
[certificate.external-edge]
issuer = "public"
uses = ["xmpp-s2s"]
"#;

const SRV: &str = "_xmpp-server._tcp.contoso.com";
const TLSA: &str = "_5269._tcp.edge.contoso.com";

fn pin(byte: u8) -> Fingerprint {
    Fingerprint::of(&[byte])
}

fn planned() -> RecordPlan {
    let deployment = Deployment::parse(EDGE, Path::new("/x/edgecert.toml")).unwrap();
    let name = Slug::parse("external-edge").unwrap();
    let key = |byte, key| KeyPin {
        certificate: name.clone(),
        spki_sha256: pin(byte),
        key,
    };
    let given = Given {
        pins: vec![key(1, PinnedKey::Current), key(2, PinnedKey::Next)],
        issuers: [(name.clone(), vec!["letsencrypt.org".to_owned()])].into(),
        addresses: Vec::new(),
    };
    crate::check::records::plan(&deployment, &given)
}

fn srv(port: u16, target: &str) -> Found {
    Found::Srv {
        port,
        target: target.into(),
    }
}

fn tlsa(byte: u8) -> Found {
    Found::Tlsa {
        usage: 3,
        selector: 1,
        matching: 1,
        data: pin(byte).as_bytes().to_vec(),
    }
}

fn caa(tag: &str, value: &str) -> Found {
    Found::Caa {
        critical: false,
        tag: tag.into(),
        value: value.into(),
    }
}

fn reply(records: Vec<Found>) -> Reply {
    Reply::Answered {
        records,
        alias: None,
        proof: Proof::Secure,
    }
}

/// Everything is as planned, but for what is laid over it.
fn compared(over: Vec<(&str, Kind, Reply)>) -> Compared {
    let plan = planned();
    let right = |question: &Question| match (question.name.as_str(), question.kind) {
        (SRV, Kind::Srv) => reply(vec![srv(5269, "edge.contoso.com")]),
        ("edge.contoso.com", Kind::Address) => {
            reply(vec![Found::Address("192.0.2.10".parse().unwrap())])
        }
        (TLSA, Kind::Tlsa) => reply(vec![tlsa(1), tlsa(2)]),
        ("contoso.com", Kind::Caa) => reply(vec![caa("issue", "letsencrypt.org; x=y")]),
        (_, Kind::Srv | Kind::Address | Kind::Tlsa | Kind::Caa) => reply(Vec::new()),
    };
    let mut answers = Answers::new();
    loop {
        let next = questions(&plan, &answers);
        if next.is_empty() {
            return compare(&plan, &answers, "192.0.2.53:53");
        }
        for question in next {
            let laid = over
                .iter()
                .find(|(name, kind, _)| *name == question.name && *kind == question.kind)
                .map(|(_, _, reply)| reply.clone());
            let reply = laid.unwrap_or_else(|| right(&question));
            answers.insert(question, reply);
        }
    }
}

fn codes(compared: &Compared) -> Vec<(&'static str, Severity)> {
    let found = compared.findings();
    found
        .iter()
        .map(|one| (one.code.as_str(), one.severity))
        .collect()
}

#[test]
fn what_is_published_as_planned_has_nothing_to_say() {
    let compared = compared(Vec::new());
    assert_eq!(codes(&compared), []);
    assert_eq!(compared.status(), Status::Ok);
    let rows: Vec<(&str, Kind)> = compared
        .rows
        .iter()
        .map(|row| (row.owner.as_str(), row.kind))
        .collect();
    assert_eq!(
        rows,
        [
            (SRV, Kind::Srv),
            ("edge.contoso.com", Kind::Address),
            (TLSA, Kind::Tlsa),
            ("contoso.com", Kind::Caa)
        ]
    );
}

#[test]
fn each_fault_is_told_once_with_the_line_to_publish() {
    let alias = Reply::Answered {
        records: vec![Found::Address("192.0.2.10".parse().unwrap())],
        alias: Some("host.provider.net".into()),
        proof: Proof::Secure,
    };
    let unsigned = Reply::Answered {
        records: vec![tlsa(1), tlsa(2)],
        alias: None,
        proof: Proof::Insecure,
    };
    let critical = Found::Caa {
        critical: true,
        tag: "future".into(),
        value: "x".into(),
    };
    let srv_line = "_xmpp-server._tcp.contoso.com. 3600 IN SRV 0 0 5269 edge.contoso.com.";
    let tlsa_line = format!("{TLSA}. 3600 IN TLSA 3 1 1 {}", pin(2).hex());
    let current_line = format!("{TLSA}. 3600 IN TLSA 3 1 1 {}", pin(1).hex());
    let error = Severity::Error;
    for (name, kind, reply, code, severity, mend) in [
        (
            SRV,
            Kind::Srv,
            reply(vec![]),
            "dns.record-missing",
            error,
            srv_line,
        ),
        (
            SRV,
            Kind::Srv,
            reply(vec![srv(0, "")]),
            "dns.service-denied",
            error,
            srv_line,
        ),
        (
            SRV,
            Kind::Srv,
            reply(vec![srv(5270, "edge.contoso.com")]),
            "dns.port-differs",
            error,
            srv_line,
        ),
        (
            "edge.contoso.com",
            Kind::Address,
            alias,
            "dns.target-alias",
            Severity::Warning,
            "edge.contoso.com. IN A",
        ),
        (
            "edge.contoso.com",
            Kind::Address,
            reply(vec![]),
            "dns.target-no-address",
            error,
            "edge.contoso.com. IN A",
        ),
        (
            SRV,
            Kind::Srv,
            Reply::Bogus("RRSIG expired".into()),
            "dns.bogus",
            error,
            "sign the zone again",
        ),
        (
            TLSA,
            Kind::Tlsa,
            reply(vec![tlsa(1)]),
            "dns.tlsa-missing",
            Severity::Warning,
            &tlsa_line,
        ),
        (
            TLSA,
            Kind::Tlsa,
            reply(vec![tlsa(2)]),
            "dns.tlsa-stale",
            error,
            &current_line,
        ),
        (
            TLSA,
            Kind::Tlsa,
            unsigned,
            "dns.tlsa-unsigned",
            Severity::Warning,
            "sign the zone",
        ),
        (
            "contoso.com",
            Kind::Caa,
            reply(vec![caa("issue", "other.example")]),
            "dns.caa-forbids",
            error,
            "contoso.com. 3600 IN CAA 0 issue \"letsencrypt.org\"",
        ),
        (
            "contoso.com",
            Kind::Caa,
            reply(vec![caa("issue", ";")]),
            "dns.caa-forbids",
            error,
            "CAA 0 issue \"letsencrypt.org\"",
        ),
        (
            "contoso.com",
            Kind::Caa,
            reply(vec![critical]),
            "dns.caa-forbids",
            error,
            "critical flag",
        ),
    ] {
        let compared = compared(vec![(name, kind, reply)]);
        assert_eq!(codes(&compared), [(code, severity)]);
        let finding = &compared.findings()[0];
        assert!(finding.mend.contains(mend), "{}", finding.mend);
        assert!(
            finding.place.ends_with("asked of 192.0.2.53:53"),
            "{}",
            finding.place
        );
        assert!(!finding.what.ends_with('.') && !finding.why.is_empty());
    }
    // Another host may be right, if it can be reached.
    let elsewhere = reply(vec![srv(5269, "host.provider.net")]);
    let found = compared(vec![
        (SRV, Kind::Srv, elsewhere.clone()),
        (
            "host.provider.net",
            Kind::Address,
            reply(vec![Found::Address("2001:db8::1".parse().unwrap())]),
        ),
    ]);
    assert_eq!(codes(&found), [("dns.target-differs", Severity::Warning)]);
    let found = compared(vec![(SRV, Kind::Srv, elsewhere)]);
    assert_eq!(
        codes(&found),
        [
            ("dns.target-differs", Severity::Warning),
            ("dns.target-no-address", error)
        ]
    );
}

#[test]
fn the_nearest_caa_counts_and_what_says_nothing_of_issuing_forbids_nothing() {
    for (records, forbids) in [
        (vec![caa("issue", "LetsEncrypt.org")], false),
        (vec![caa("ISSUE", "letsencrypt.org;accounturi=x")], false),
        (
            vec![
                caa("issue", "other.example"),
                caa("issue", "letsencrypt.org"),
            ],
            false,
        ),
        (vec![caa("iodef", "mailto:x@contoso.com")], false),
        (vec![caa("issuewild", ";")], false),
        (vec![caa("issue", "letsencrypt.org.evil.example")], true),
    ] {
        let found = compared(vec![(
            "edge.contoso.com",
            Kind::Caa,
            reply(records.clone()),
        )]);
        assert_eq!(!codes(&found).is_empty(), forbids, "{records:?}");
    }
    // One below stands in place of one above.
    let found = compared(vec![
        (
            "contoso.com",
            Kind::Caa,
            reply(vec![caa("issue", "letsencrypt.org")]),
        ),
        (
            "edge.contoso.com",
            Kind::Caa,
            reply(vec![caa("issue", "other.example")]),
        ),
    ]);
    assert!(
        found.findings()[0]
            .place
            .starts_with("CAA edge.contoso.com")
    );
}

#[test]
fn a_wildcard_follows_issuewild_where_there_is_one() {
    let mut plan = planned();
    plan.issuances = vec![Issuance {
        certificate: Slug::parse("external-edge").unwrap(),
        names: vec!["*.contoso.com".into()],
        issuers: vec!["letsencrypt.org".into()],
    }];
    for (records, forbids) in [
        (
            vec![
                caa("issue", "other.example"),
                caa("issuewild", "letsencrypt.org"),
            ],
            false,
        ),
        (
            vec![caa("issue", "letsencrypt.org"), caa("issuewild", ";")],
            true,
        ),
        (vec![caa("issue", "letsencrypt.org")], false),
    ] {
        let answers = Answers::from([(
            Question::new("contoso.com", Kind::Caa),
            reply(records.clone()),
        )]);
        let rows = caa::judge(&plan, &answers, "x");
        assert_eq!(rows[0].status() == Status::Critical, forbids, "{records:?}");
    }
}

#[test]
fn what_caa_forbids_is_told_of_the_names_and_with_the_tag_that_counted() {
    let mut plan = planned();
    plan.issuances = vec![Issuance {
        certificate: Slug::parse("external-edge").unwrap(),
        names: vec!["contoso.com".into(), "*.contoso.com".into()],
        issuers: vec!["ours.example".into()],
    }];
    let critical = Found::Caa {
        critical: true,
        tag: "tbs".into(),
        value: "x".into(),
    };
    let both = "it will refuse contoso.com, *.contoso.com";
    for (records, told) in [
        (
            vec![caa("issue", "ours.example"), caa("issuewild", ";")],
            vec![(
                "it will refuse *.contoso.com",
                "CAA 0 issuewild \"ours.example\"",
            )],
        ),
        (
            vec![caa("issue", ";"), caa("issuewild", "ours.example")],
            vec![("it will refuse contoso.com", "CAA 0 issue \"ours.example\"")],
        ),
        // `issue` counts for wildcards too, so one record mends both
        (
            vec![caa("issue", ";")],
            vec![(both, "CAA 0 issue \"ours.example\"")],
        ),
        (
            vec![caa("issue", ";"), caa("issuewild", ";")],
            vec![
                ("it will refuse contoso.com", "CAA 0 issue \"ours.example\""),
                (
                    "it will refuse *.contoso.com",
                    "CAA 0 issuewild \"ours.example\"",
                ),
            ],
        ),
        (
            vec![caa("issuewild", "ours.example"), critical],
            vec![(
                "must not issue for contoso.com, *.contoso.com",
                "take it out",
            )],
        ),
    ] {
        let answers = Answers::from([(
            Question::new("contoso.com", Kind::Caa),
            reply(records.clone()),
        )]);
        let rows = caa::judge(&plan, &answers, "x");
        let found: Vec<_> = rows.iter().flat_map(|row| &row.findings).collect();
        assert_eq!(found.len(), told.len(), "{records:?}: {found:?}");
        for (one, (why, mend)) in found.iter().zip(told) {
            assert!(one.why.ends_with(why), "{records:?}: {}", one.why);
            assert!(one.mend.contains(mend), "{records:?}: {}", one.mend);
        }
    }
}

#[test]
fn dane_is_a_choice_and_other_pins_are_not_judged_by_the_key() {
    assert_eq!(
        codes(&compared(vec![(TLSA, Kind::Tlsa, reply(vec![]))])),
        []
    );
    let whole = Found::Tlsa {
        usage: 2,
        selector: 0,
        matching: 1,
        data: vec![7; 32],
    };
    let found = compared(vec![(TLSA, Kind::Tlsa, reply(vec![whole]))]);
    assert_eq!(codes(&found), [("dns.tlsa-missing", Severity::Warning)]);
}

#[test]
fn what_could_not_be_asked_is_unknown_and_what_was_seen_still_counts() {
    let silent = || {
        Reply::Failed(Box::new(Explanation {
            code: "dns.silent",
            what: "silent".into(),
            place: String::new(),
            why: String::new(),
            mend: String::new(),
        }))
    };
    let found = compared(vec![(SRV, Kind::Srv, silent())]);
    assert_eq!((found.status(), codes(&found).len()), (Status::Unknown, 0));
    assert_eq!(found.problem().unwrap().what, "silent");
    let found = compared(vec![
        (SRV, Kind::Srv, reply(vec![])),
        (TLSA, Kind::Tlsa, silent()),
    ]);
    assert_eq!(found.status(), Status::Critical);
}
