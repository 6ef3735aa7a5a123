//! `check xmpp:DOMAIN` and `sip:DOMAIN`: through a real name server to every target and address.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
#[path = "world/served.rs"]
mod served;
mod world;

use dns_server::{DnsServer, Zone, free};
use edgecert::dns::{DnsError, Outcome, Proof, Resolver};
use edgecert::names::Domain;
use serde_json::Value;
use served::{Ca, Leaf, Server};
use std::net::TcpListener;
use std::time::Instant;
use world::World;

/// A leaf of one domain, for so many days from now.
fn leaf(ca: &Ca, world: &World, file: &str, domain: &str, days: i64) {
    let names = [format!("dns:{domain}")];
    let leaf = Leaf {
        names: &[names[0].as_str()],
        from: -10,
        to: days,
    };
    ca.leaf(world, file, &leaf);
}

fn serve(world: &World, file: &str, address: &str) -> Server {
    Server::at(world, file, address.parse().unwrap(), &[])
}

fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn check(world: &World, dns: &DnsServer, more: &[&str]) -> world::Ran {
    let resolver = dns.address.to_string();
    let mut words = vec!["check", "--resolver", &resolver, "--timeout", "5s"];
    words.extend_from_slice(more);
    world.run(&words)
}

/// The codes of the rows of one target.
fn codes(document: &Value, target: &str) -> Vec<String> {
    let rows = document["result"]["targets"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["target"] == target)
        .flat_map(|row| row["findings"].as_array().unwrap())
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

fn row<'a>(document: &'a Value, target: &str) -> &'a Value {
    let rows = document["result"]["targets"].as_array().unwrap();
    rows.iter()
        .find(|row| row["target"] == target)
        .unwrap_or_else(|| panic!("{target} is not in {rows:#?}"))
}

#[test]
fn every_target_and_address_is_asked_and_the_one_left_behind_is_told() {
    let world = World::new();
    let ca = Ca::new(&world);
    leaf(&ca, &world, "new", "contoso.com", 90);
    leaf(&ca, &world, "old", "contoso.com", -3);
    let port = port();
    let _new = serve(&world, "new", &format!("127.0.0.1:{port}"));
    let _also = serve(&world, "new", &format!("127.0.0.2:{port}"));
    let _old = serve(&world, "old", &format!("127.0.0.3:{port}"));
    let dns = DnsServer::start(
        Zone::Plain,
        &format!(
            "_xmpps-server._tcp.contoso.com. SRV 10 0 {port} edge1.contoso.com.\n\
             _xmpps-server._tcp.contoso.com. SRV 20 0 {port} edge2.contoso.com.\n\
             edge1.contoso.com. A 127.0.0.1\nedge1.contoso.com. A 127.0.0.2\nedge2.contoso.com. A 127.0.0.3"
        ),
    );
    let asked = ["xmpp:contoso.com", "--roots", "root.pem"];
    let told = check(&world, &dns, &asked)
        .ended(2)
        .said("2 SRV targets · 3 addresses · asked resolver 127.0.0.1:")
        .said("DNSSEC indeterminate");
    let text = told.stdout.clone();
    let heading = text.find("xmpp:contoso.com").unwrap();
    let first = text.find(&format!("  edge1.contoso.com:{port}")).unwrap();
    let second = text.find(&format!("  edge2.contoso.com:{port}")).unwrap();
    assert!(heading < first && first < second, "{text}");
    let document = check(&world, &dns, &[&asked[..], &["--format", "json"]].concat())
        .ended(2)
        .json();
    let behind = codes(&document, &format!("edge2.contoso.com:{port}"));
    assert!(
        behind.contains(&"validity.expired".to_owned()),
        "{behind:?}"
    );
    assert!(
        behind.contains(&"live.leaf-differs".to_owned()),
        "{behind:?}"
    );
    let sound = codes(&document, &format!("edge1.contoso.com:{port}"));
    assert!(
        !sound.contains(&"live.leaf-differs".to_owned()),
        "{sound:?}"
    );
    let one = row(&document, &format!("edge1.contoso.com:{port}"));
    assert_eq!(one["within"], "xmpp:contoso.com");
    assert_eq!(one["name"], "contoso.com");
    assert_eq!(one["address"], format!("127.0.0.1:{port}"));
    assert_eq!(row(&document, "xmpp:contoso.com")["kind"], "domain");
    // No IPv6 address: nothing is left to be asked.
    check(&world, &dns, &["xmpp:contoso.com", "-6"])
        .ended(2)
        .said("no service can be found");
    check(&world, &dns, &["xmpp:contoso.com", "-6", "-4"]).ended(3);
    // The same resolver finds the host of HOST:PORT.
    let host = format!("edge1.contoso.com:{port}");
    check(
        &world,
        &dns,
        &[
            &host,
            "--protocol",
            "tls",
            "--servername",
            "contoso.com",
            "--roots",
            "root.pem",
        ],
    )
    .ended(0);
}

#[test]
fn a_signed_answer_is_secure_and_one_for_other_keys_is_bogus() {
    let world = World::new();
    let ca = Ca::new(&world);
    leaf(&ca, &world, "new", "contoso.com", 90);
    let port = port();
    let _new = serve(&world, "new", &format!("127.0.0.1:{port}"));
    let records = format!(
        "_sipfederationtls._tcp.contoso.com. SRV 0 0 {port} edge.contoso.com.\nedge.contoso.com. A 127.0.0.1"
    );
    let dns = DnsServer::start(Zone::Signed, &records);
    let other = DnsServer::start(Zone::Signed, &records);
    let asked = |anchor: &DnsServer| {
        let anchor = anchor.anchor().display().to_string();
        check(
            &world,
            &dns,
            &[
                "sip:contoso.com",
                "--roots",
                "root.pem",
                "--trust-anchor",
                &anchor,
            ],
        )
    };
    asked(&dns).ended(0).said("DNSSEC secure");
    asked(&other)
        .ended(2)
        .said("dns.bogus")
        .said("_sipfederationtls._tcp.contoso.com, ")
        .said("DNSSEC bogus");
}

#[test]
fn without_srv_records_the_domain_itself_is_asked_and_a_dot_ends_it() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Plain,
        "plain.example.com. A 127.0.0.9\n\
         _xmpp-server._tcp.never.example.com. SRV 0 0 0 .\n_xmpps-server._tcp.never.example.com. SRV 0 0 0 .\n\
         never.example.com. A 127.0.0.9",
    );
    let document = check(
        &world,
        &dns,
        &["xmpp:plain.example.com", "--format", "json"],
    )
    .ended(2)
    .json();
    for port in [5269, 5222] {
        let found = row(&document, &format!("plain.example.com:{port}"));
        assert_eq!(found["address"], format!("127.0.0.9:{port}"));
        assert_eq!(found["findings"][0]["code"], "live.unreachable");
    }
    check(&world, &dns, &["sip:plain.example.com"])
        .ended(2)
        .said("plain.example.com:5061");
    check(&world, &dns, &["xmpp:never.example.com"])
        .ended(2)
        .said("the service is said not to be offered")
        .said("_xmpp-server._tcp.never.example.com");
    check(&world, &dns, &["xmpp:nobody.example.com"])
        .ended(2)
        .said("dns.no-service");
}

#[test]
fn targets_that_are_aliases_loops_or_nowhere_are_named() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Plain,
        "_sips._tcp.contoso.com. SRV 1 0 9 alias.contoso.com.\n_sips._tcp.contoso.com. SRV 2 0 9 gone.contoso.com.\n\
         _sips._tcp.contoso.com. SRV 3 0 9 round.contoso.com.\n_sips._tcp.contoso.com. SRV 4 0 9 empty.contoso.com.\n\
         alias.contoso.com. CNAME edge.contoso.com.\nedge.contoso.com. A 127.0.0.9\n\
         round.contoso.com. CNAME about.contoso.com.\nabout.contoso.com. CNAME round.contoso.com.\n\
         empty.contoso.com. TXT \"no address\"\n\
         _sips._tcp.xn--bcher-kva.example. SRV 0 0 9 edge.contoso.com.",
    );
    let ran = check(&world, &dns, &["sip:contoso.com", "--format", "json"]).ended(2);
    let document = ran.json();
    let found: Vec<(String, String)> = row(&document, "sip:contoso.com")["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            (text("code"), text("place"))
        })
        .collect();
    let expected = [
        ("dns.target-alias", "alias.contoso.com"),
        ("dns.target-no-address", "gone.contoso.com"),
        ("dns.target-no-address", "round.contoso.com"),
        ("dns.target-no-address", "empty.contoso.com"),
    ];
    let expected = expected.map(|(code, place)| (code.to_owned(), place.to_owned()));
    assert_eq!(found, expected, "{document:#}");
    // The alias is followed all the same.
    row(&document, "alias.contoso.com:9");
    check(&world, &dns, &["sip:contoso.com"])
        .ended(2)
        .said("round.contoso.com → about.contoso.com → round.contoso.com");
    // International names are asked for as A-labels.
    check(&world, &dns, &["sip:bücher.example"])
        .ended(2)
        .said("sip:xn--bcher-kva.example")
        .said("edge.contoso.com:9");
}

#[test]
fn a_service_name_that_is_an_alias_is_followed() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Plain,
        "_xmpp-server._tcp.cn.com. CNAME _xmpp-server._tcp.contoso.com.\n\
         _xmpp-server._tcp.contoso.com. SRV 1 0 9 edge.contoso.com.\nedge.contoso.com. A 127.0.0.9\n\
         _sips._tcp.cn.com. CNAME _sips._tcp.gone.com.",
    );
    check(&world, &dns, &["xmpp:cn.com"])
        .ended(2)
        .said("1 SRV target · 1 address")
        .said("edge.contoso.com:9");
    check(&world, &dns, &["sip:cn.com"])
        .ended(2)
        .said("dns.no-service");
}

#[test]
fn a_resolver_that_is_down_or_refuses_is_unknown_and_quick() {
    let world = World::new();
    let down = free().to_string();
    let begun = Instant::now();
    let words = [
        "check",
        "xmpp:contoso.com",
        "--timeout",
        "2s",
        "--resolver",
        &down,
    ];
    world
        .run(&words)
        .ended(3)
        .said("UNKNOWN")
        .said("--resolver");
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
    world
        .run(&["check", "xmpp:contoso.com", "--resolver", "nowhere"])
        .ended(3)
        .said("ADDRESS:PORT");
    world
        .run(&["check", "xmpp:contoso.com", "--trust-anchor", "none"])
        .ended(3)
        .said("the trust anchors cannot be read");
    world
        .run(&[
            "check",
            "xmpp:contoso.com",
            "--connect",
            "127.0.0.1:1",
            "--resolver",
            &down,
        ])
        .ended(3)
        .said("--connect does not go with a domain");
}

#[test]
fn an_answer_of_very_many_records_ends() {
    let world = World::new();
    let records = |domain: &str, count: usize| -> String {
        (0..count)
            .map(|n| format!("_sips._tcp.{domain}. SRV 1 0 9 h{n}.\n"))
            .collect()
    };
    let zone = records("many.test", 1_000) + &records("toomany.test", 10_000);
    let dns = DnsServer::start(Zone::Plain, &zone);
    // 64 KiB hold the first; the second fits into no answer, and the server says so.
    check(&world, &dns, &["sip:many.test"])
        .ended(2)
        .said("only 32 of 1000 SRV targets are asked")
        .said("dns.targets-left-out");
    check(&world, &dns, &["sip:toomany.test"])
        .ended(3)
        .said("UNKNOWN");
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn tlsa_and_caa_are_read_with_their_proof() {
    let dns = DnsServer::start(
        Zone::Signed,
        "_5269._tcp.edge.contoso.com. TLSA 3 1 1 0a0b\ncontoso.com. CAA 128 issue \"ca.example; a=b\"\n\
         a.b.contoso.com. A 127.0.0.1\nfabrikam.net. A 127.0.0.1",
    );
    let limit = std::time::Duration::from_secs(5);
    let anchor = dns.anchor();
    let resolver = Resolver::new(Some(dns.address), limit, Some(&anchor)).unwrap();
    let tlsa = block(resolver.tlsa("_5269._tcp.edge.contoso.com")).unwrap();
    assert_eq!(tlsa.proof, Proof::Secure);
    let written: Vec<String> = tlsa.records.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["3 1 1 0a0b"]);
    // The nearest above counts (RFC 8659 §3), and that there is nothing below is proved as well.
    let caa = block(resolver.caa(&Domain::parse("a.b.contoso.com").unwrap())).unwrap();
    assert_eq!(
        (caa.asked.as_str(), caa.proof),
        ("contoso.com", Proof::Secure)
    );
    let written: Vec<String> = caa.records.iter().map(ToString::to_string).collect();
    assert_eq!(written, ["128 issue \"ca.example; a=b\""]);
    let none = block(resolver.caa(&Domain::parse("fabrikam.net").unwrap())).unwrap();
    assert_eq!(
        (none.asked.as_str(), none.outcome),
        ("fabrikam.net", Outcome::NoRecords)
    );
    let nobody = block(resolver.addresses("nobody.example.com")).unwrap();
    assert_eq!(
        (nobody.outcome, nobody.proof),
        (Outcome::NoDomain, Proof::Secure)
    );
    // The root's own keys do not sign this one.
    let stranger = Resolver::new(Some(dns.address), limit, None).unwrap();
    let bogus = block(stranger.tlsa("_5269._tcp.edge.contoso.com"));
    match bogus {
        Ok(answer) => assert_eq!(answer.proof, Proof::Bogus),
        Err(error) => assert!(matches!(error, DnsError::Bogus { .. }), "{error:?}"),
    }
}
