//! What a look-up means for a watcher: a name that is not there, a resolver that is not there, a domain for clients
//! alone, records that lead nowhere; the same answer for `HOST:PORT` and for a domain.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
#[path = "world/served.rs"]
mod served;
mod world;

use dns_server::{DnsServer, Zone, free};
use serde_json::Value;
use served::{Ca, Leaf, Server};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use world::{Ran, World};

fn check(world: &World, resolver: &str, more: &[&str]) -> Ran {
    let words = ["check", "--resolver", resolver, "--timeout", "3s"];
    world.run(&[&words, more].concat())
}

/// The rows of a document.
fn rows(ran: &Ran) -> Vec<Value> {
    let document = ran.json();
    document["result"]["targets"].as_array().unwrap().clone()
}

/// Target, status and codes of a row.
fn short(row: &Value) -> (String, String, Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = row["findings"].as_array().unwrap().iter();
    (
        text(&row["target"]),
        text(&row["status"]),
        findings.map(|one| text(&one["code"])).collect(),
    )
}

#[test]
fn what_does_not_exist_is_critical_and_what_nobody_could_look_up_is_unknown() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Plain,
        "empty.contoso.com. TXT \"no address\"\nfour.contoso.com. A 127.0.0.9\n\
         round.contoso.com. CNAME about.contoso.com.\nabout.contoso.com. CNAME round.contoso.com.",
    );
    let there = dns.address.to_string();
    for (targets, words) in [
        (
            ["gone.contoso.com:5061", "sip:gone.contoso.com"],
            "no such name",
        ),
        (
            ["empty.contoso.com:5061", "sip:empty.contoso.com"],
            "no A and no AAAA",
        ),
        (
            ["round.contoso.com:5061", "sip:round.contoso.com"],
            "about.contoso.com",
        ),
    ] {
        for target in targets {
            let ran = check(&world, &there, &[target]).ended(2);
            if target.ends_with(":5061") {
                ran.said("live.unreachable")
                    .said("has no address")
                    .said(words);
            } else {
                ran.said("dns.no-service");
            }
        }
    }
    check(&world, &there, &["four.contoso.com:5061", "-6"])
        .ended(2)
        .said("four.contoso.com has no IPv6 address")
        .said("leave -6 out");
    let down = free().to_string();
    for target in ["gone.contoso.com:5061", "sip:gone.contoso.com"] {
        let ran = check(&world, &down, &[target, "--json"]).ended(3);
        let row = &rows(&ran)[0];
        assert_eq!(row["status"], "unknown", "{row:#}");
    }
    // Monitoring says it in its first line.
    let ran = check(
        &world,
        &there,
        &["gone.contoso.com:5061", "--format", "nagios"],
    )
    .ended(2);
    assert!(
        ran.stdout.starts_with(
            "CERTIFICATES CRITICAL - 1 of 1: gone.contoso.com:5061: cannot be reached: gone.contoso.com has no address"
        ),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_domain_for_clients_alone_is_a_warning_that_one_record_mends() {
    let world = World::new();
    let ca = Ca::new(&world);
    let leaf = Leaf {
        names: &["dns:contoso.com"],
        from: -10,
        to: 90,
    };
    ca.leaf(&world, "edge", &leaf);
    let client = Server::start(&world, "edge", &[]);
    let clients = format!(
        "_xmpps-client._tcp.contoso.com. SRV 0 0 {} edge.contoso.com.\nedge.contoso.com. A 127.0.0.1\n",
        client.1
    );
    let asked = ["xmpp:contoso.com", "--roots", "root.pem", "--json"];
    let codes = |ran: &Ran| rows(ran).iter().map(short).collect::<Vec<_>>();
    let row = |target: &str, status: &str, codes: &[&str]| {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        (target.to_owned(), status.to_owned(), codes)
    };
    let client_row = |seen: &[(String, String, Vec<String>)]| {
        let target = format!("edge.contoso.com:{}", client.1);
        let found = seen.iter().find(|one| one.0 == target).unwrap();
        assert!(["ok", "warning"].contains(&found.1.as_str()), "{seen:#?}");
    };

    // Nothing listens at 5269 of the domain: perhaps it does not federate, and nobody has said so.
    let dns = DnsServer::start(Zone::Plain, &format!("{clients}contoso.com. A 127.0.0.9\n"));
    let ran = check(&world, &dns.address.to_string(), &asked).ended(1);
    let seen = codes(&ran);
    assert!(
        seen.contains(&row("contoso.com:5269", "warning", &["live.unreachable"])),
        "{seen:#?}"
    );
    client_row(&seen);
    check(&world, &dns.address.to_string(), &asked[..3])
        .said("no record says where servers should go")
        .said("`_xmpp-server._tcp.contoso.com. IN SRV 0 0 0 .` says so");

    // Without an address of the domain it is the same question.
    let dns = DnsServer::start(Zone::Plain, &clients);
    let ran = check(&world, &dns.address.to_string(), &asked).ended(1);
    let seen = codes(&ran);
    assert_eq!(
        seen[0],
        row("xmpp:contoso.com", "warning", &["dns.no-service"])
    );
    client_row(&seen);

    // The record that says it.
    let dot = "_xmpp-server._tcp.contoso.com. SRV 0 0 0 .\n";
    let dns = DnsServer::start(
        Zone::Plain,
        &format!("{clients}{dot}contoso.com. A 127.0.0.9\n"),
    );
    let ran = check(&world, &dns.address.to_string(), &asked);
    let seen = codes(&ran);
    assert_eq!(seen[0], row("xmpp:contoso.com", "ok", &[]), "{seen:#?}");
    assert_eq!(seen.len(), 2, "{seen:#?}");
    client_row(&seen);
    assert!(ran.code < 2, "{seen:#?}");
}

#[test]
fn port_zero_is_the_records_fault() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Plain,
        "_sips._tcp.contoso.com. SRV 1 0 0 edge.contoso.com.\nedge.contoso.com. A 127.0.0.9",
    );
    let ran = check(
        &world,
        &dns.address.to_string(),
        &["sip:contoso.com", "--json"],
    )
    .ended(2);
    let seen: Vec<_> = rows(&ran).iter().map(short).collect();
    let codes = vec!["dns.target-no-port".to_owned()];
    let domain = "sip:contoso.com".to_owned();
    assert_eq!(seen, [(domain, "critical".to_owned(), codes)]);
}

#[test]
fn a_domain_among_the_targets_of_the_deployment_is_looked_up() {
    let world = World::new();
    world.init_of("--xmpp-domain contoso.com");
    let dns = DnsServer::start(
        Zone::Plain,
        "_xmpp-server._tcp.fabrikam.com. SRV 0 0 9 edge.fabrikam.com.\nedge.fabrikam.com. A 127.0.0.9",
    );
    let text = world.read("edgecert.toml");
    assert!(!text.contains("\n[check]"), "{text}");
    world.write(
        "edgecert.toml",
        format!(
            "{text}\n[check]\nresolver = \"{}\"\ntargets = [\"xmpp:fabrikam.com\", \"https://fabrikam.com/\"]\n",
            dns.address
        ),
    );
    let ran = world.run(&["check", "--json"]).ended(2);
    let seen: Vec<_> = rows(&ran).iter().map(short).collect();
    let row = |target: &str| seen.iter().find(|one| one.0 == target).unwrap();
    assert_eq!(row("xmpp:fabrikam.com").1, "ok", "{seen:#?}");
    assert_eq!(row("edge.fabrikam.com:9").2, ["live.unreachable"]);
    // One that makes no sense keeps no other from being checked.
    assert_eq!(row("https://fabrikam.com/").1, "unknown", "{seen:#?}");
}

/// Whether a forwarder hands signatures on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signatures {
    Kept,
    Stripped,
}

/// dnsmasq before a name server, as in many a router.
struct Forwarder(Child, String);

impl Forwarder {
    fn before(dns: &DnsServer, signatures: Signatures) -> Self {
        let address = free();
        let mut command = Command::new("dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
            ])
            .args(["--bind-interfaces", "--pid-file=", "--user="])
            .arg(format!("--listen-address={}", address.ip()))
            .arg(format!("--port={}", address.port()))
            .arg(format!(
                "--server={}#{}",
                dns.address.ip(),
                dns.address.port()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if signatures == Signatures::Stripped {
            command.arg("--filter-rr=RRSIG");
        }
        let child = command
            .spawn()
            .expect("dnsmasq runs (package dnsmasq-base)");
        // It takes TCP as soon as it answers at all.
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "dnsmasq does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child, address.to_string())
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_forwarder_that_strips_signatures_leaves_the_proof_open_and_hides_nothing() {
    let world = World::new();
    let dns = DnsServer::start(
        Zone::Signed,
        "_sips._tcp.contoso.com. SRV 1 0 9 edge.contoso.com.\nedge.contoso.com. A 127.0.0.9",
    );
    let anchor = dns.anchor().display().to_string();
    for (signatures, proof) in [
        (Signatures::Kept, "DNSSEC secure"),
        (Signatures::Stripped, "DNSSEC indeterminate"),
    ] {
        let forwarder = Forwarder::before(&dns, signatures);
        let ran = check(
            &world,
            &forwarder.1,
            &["sip:contoso.com", "--trust-anchor", &anchor, "--json"],
        )
        .ended(2);
        let seen = rows(&ran);
        assert!(seen[0]["seen"].to_string().contains(proof), "{:#}", seen[0]);
        assert_eq!(short(&seen[0]).1, "ok", "{:#}", seen[0]);
        assert_eq!(short(&seen[1]).0, "edge.contoso.com:9");
        assert_eq!(short(&seen[1]).2, ["live.unreachable"]);
    }
}
