//! The records that a deployment needs: planned, published by a real name server as they were printed, compared; and
//! each fault told with the line to publish.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
mod world;

use dns_server::{DnsServer, Zone};
use std::process::Command;
use world::{Ran, World};

/// A world with a deployment of contoso.com, a request whose key is the next one, and the planned zone.
fn planned() -> (World, String) {
    let world = World::new();
    world.init();
    let text = world.read("edgecert.toml");
    let text = text.replacen(
        "profile = \"public-dv\"",
        "profile = \"letsencrypt-classic\"",
        1,
    );
    assert!(text.contains("letsencrypt-classic"), "{text}");
    world.write("edgecert.toml", text);
    world.run(&["request"]).ended(0);
    let zone = world
        .run(&["dns", "plan", "--address", "192.0.2.10", "-q"])
        .ended(0)
        .stdout;
    (world, zone)
}

fn check(world: &World, server: &DnsServer, more: &[&str]) -> Ran {
    let (address, anchor) = (server.address.to_string(), server.anchor());
    let mut arguments = vec!["dns", "check", "--json", "--resolver", &address];
    let anchor = anchor.display().to_string();
    if std::path::Path::new(&anchor).exists() {
        arguments.extend(["--trust-anchor", &anchor]);
    }
    arguments.extend(more);
    world.run(&arguments)
}

fn codes(ran: &Ran) -> Vec<String> {
    let document = ran.json();
    let findings = document["findings"].as_array().unwrap();
    let code = |finding: &serde_json::Value| finding["code"].as_str().unwrap().to_owned();
    findings.iter().map(code).collect()
}

#[test]
fn what_was_planned_and_published_is_as_planned() {
    let (world, zone) = planned();
    let server = DnsServer::start(Zone::Signed, &zone);
    let ran = check(&world, &server, &[]).ended(0);
    let document = ran.json();
    assert_eq!(codes(&ran), [""; 0]);
    for record in document["result"]["records"].as_array().unwrap() {
        assert_eq!(record["proof"], "secure", "{record:#}");
    }
    let head =
        "$ORIGIN contoso.com.\n@ 60 IN SOA ns. host. 1 60 60 60 60\n@ 60 IN NS ns.example.\n";
    world.write("contoso.zone", format!("{head}{zone}"));
    let ran = Command::new("named-checkzone")
        .args([
            "contoso.com",
            &world.path("contoso.zone").display().to_string(),
        ])
        .output()
        .expect("named-checkzone runs (package bind9-utils)");
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn each_fault_is_found() {
    let (world, zone) = planned();
    let srv = "_xmpp-server._tcp.contoso.com. 3600 IN SRV 0 0 5269 edge.contoso.com.";
    let address = "edge.contoso.com. 3600 IN A 192.0.2.10";
    let caa = "contoso.com. 3600 IN CAA 0 issue \"letsencrypt.org\"";
    for (line, instead, code, exit) in [
        (srv, "", "dns.record-missing", 2),
        (
            srv,
            "_xmpp-server._tcp.contoso.com. SRV 0 0 5299 edge.contoso.com.",
            "dns.port-differs",
            2,
        ),
        (
            srv,
            "_xmpp-server._tcp.contoso.com. SRV 0 0 0 .",
            "dns.service-denied",
            2,
        ),
        (
            srv,
            "_xmpp-server._tcp.contoso.com. SRV 0 0 5269 ns.",
            "dns.target-differs",
            1,
        ),
        (
            address,
            "edge.contoso.com. CNAME ns.",
            "dns.target-alias",
            1,
        ),
        (address, "", "dns.target-no-address", 2),
        (
            caa,
            "contoso.com. CAA 0 issue \"other.example\"",
            "dns.caa-forbids",
            2,
        ),
    ] {
        assert!(zone.contains(line), "{zone}");
        let server = DnsServer::start(Zone::Plain, &zone.replace(line, instead));
        let ran = check(&world, &server, &[]).ended(exit);
        assert!(
            codes(&ran).contains(&code.to_owned()),
            "{code}: {}",
            ran.stdout
        );
    }
}

#[test]
fn an_issuer_says_itself_under_which_domain_caa_knows_it() {
    let (world, _) = planned();
    let text = world.read("edgecert.toml");
    let ours = text.replacen(
        "profile = \"letsencrypt-classic\"",
        "profile = \"public-dv\"\ncaa = [\"ca.example\", \"ca.example.net\"]",
        1,
    );
    world.write("edgecert.toml", &ours);
    let zone = world
        .run(&["dns", "plan", "--address", "192.0.2.10", "-q"])
        .ended(0)
        .stdout;
    assert!(zone.contains("CAA 0 issue \"ca.example\""), "{zone}");
    assert!(!zone.contains("letsencrypt.org"), "{zone}");
    let line = "contoso.com. 3600 IN CAA 0 issue \"ca.example\"";
    assert!(zone.contains(line), "{zone}");
    for (issuer, found) in [
        ("ca.example", false),
        ("ca.example.net", false),
        ("letsencrypt.org", true),
    ] {
        let instead = format!("contoso.com. CAA 0 issue \"{issuer}\"");
        let published: String = zone
            .lines()
            .filter(|line| !line.contains(" CAA "))
            .map(|line| format!("{line}\n"))
            .collect();
        let server = DnsServer::start(Zone::Plain, &format!("{published}{instead}\n"));
        let ran = check(&world, &server, &[]);
        let told = codes(&ran).contains(&"dns.caa-forbids".to_owned());
        assert_eq!(told, found, "{issuer}: {}", ran.stdout);
    }
}

#[test]
fn broken_signatures_are_critical_and_a_silent_resolver_is_unknown() {
    let (world, zone) = planned();
    let (server, other) = (
        DnsServer::start(Zone::Signed, &zone),
        DnsServer::start(Zone::Signed, ""),
    );
    let ran = world
        .run(&[
            "dns",
            "check",
            "--json",
            "--resolver",
            &server.address.to_string(),
            "--trust-anchor",
            &other.anchor().display().to_string(),
        ])
        .ended(2);
    assert!(
        codes(&ran).contains(&"dns.bogus".to_owned()),
        "{}",
        ran.stdout
    );
    let nobody = dns_server::free().to_string();
    let ran = world
        .run(&[
            "dns",
            "check",
            "--json",
            "--resolver",
            &nobody,
            "--timeout",
            "1s",
        ])
        .ended(3);
    assert!(
        ran.json()["error"]["code"]
            .as_str()
            .unwrap()
            .starts_with("dns.")
    );
}

#[test]
fn a_zone_that_needs_nothing_is_wrong_usage_and_those_that_are_there_are_named() {
    let (world, _) = planned();
    for (command, code) in [("plan", 64), ("check", 3)] {
        world
            .run(&["dns", command, "--zone", "nope.com"])
            .ended(code)
            .said("no record is needed in nope.com")
            .said("lie in contoso.com");
    }
}

#[test]
fn what_is_published_while_it_is_waited_for_is_seen() {
    use std::io::{BufRead, BufReader};
    let (world, zone) = planned();
    let server = DnsServer::start(Zone::Plain, "");
    let address = server.address.to_string();
    let mut child = world
        .command(&["dns", "check", "--wait", "60s", "--resolver", &address])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    assert!(first.contains("not as planned"), "{first}");
    // Without DNSSEC, TLSA would be a warning to the end.
    let unsigned: String = zone
        .lines()
        .filter(|line| !line.contains("TLSA"))
        .map(|line| format!("{line}\n"))
        .collect();
    let origin = "$ORIGIN contoso.com.\n";
    server.replace(&format!("{origin}{unsigned}"));
    let later: Vec<String> = said.map_while(Result::ok).collect();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{later:#?}");
}
