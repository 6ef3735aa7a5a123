//! A day of a monitor: an intermediate that has ended or soon will, a name that is gone from a certificate, a renewal that
//! is not served, and a member of a pool that was left behind. Nagios, the metrics, JSON, JUnit and the page say the same
//! of each, with the same exit code.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod dns_server;
#[path = "world/edge.rs"]
mod edge;
#[path = "world/schema.rs"]
mod schema;
#[path = "world/served.rs"]
mod served;
mod world;

use dns_server::{DnsServer, Zone};
use edge::Edge;
use served::{Ca, Leaf, Server, USUAL};
use std::net::TcpListener;
use world::World;

/// What every form has to say.
struct Verdict<'a> {
    /// The exit code: 1 WARNING, 2 CRITICAL.
    code: i32,
    /// The finding that it is for.
    finding: &'a str,
    /// The target that is at fault, without the name it was asked for.
    target: &'a str,
    /// How many targets are at fault, and how many there are.
    of: (usize, usize),
}

impl Verdict<'_> {
    fn word(&self) -> &'static str {
        ["ok", "warning", "critical"][usize::try_from(self.code).unwrap()]
    }

    fn severity(&self) -> &'static str {
        ["note", "warning", "error"][usize::try_from(self.code).unwrap()]
    }
}

/// Checks in every form, and holds all of them to one verdict.
#[track_caller]
fn all_say(world: &World, check: &[&str], verdict: &Verdict<'_>) {
    let shown = |format: &str| {
        let words = [&["check"], check, &["--format", format]].concat();
        world.run(&words).ended(verdict.code).stdout
    };
    let Verdict {
        code,
        finding,
        target,
        of: (bad, all),
    } = verdict;
    let (word, severity) = (verdict.word(), verdict.severity());
    let loud = word.to_uppercase();

    let document: serde_json::Value = serde_json::from_str(&shown("json")).unwrap();
    schema::insist(world, &document);
    assert_eq!(document["exit_code"], *code, "{document:#}");
    assert_eq!(document["changed"], false);
    let rows = document["result"]["targets"].as_array().unwrap();
    assert_eq!(rows.len(), *all, "{document:#}");
    let at_fault: Vec<_> = rows.iter().filter(|row| row["status"] == word).collect();
    assert_eq!(at_fault.len(), *bad, "{document:#}");
    let found = at_fault
        .iter()
        .filter(|row| row["target"] == *target)
        .flat_map(|row| row["findings"].as_array().unwrap())
        .find(|one| one["code"] == *finding)
        .unwrap_or_else(|| panic!("{finding} at {target}: {document:#}"));
    assert_eq!(found["severity"], severity);
    let what = found["what"].as_str().unwrap();

    let nagios = shown("nagios");
    let first = nagios.lines().next().unwrap();
    let head = format!("CERTIFICATES {loud} - {bad} of {all}: ");
    assert!(
        first.starts_with(&head) && first.contains(" | "),
        "{nagios}"
    );
    assert!(first.contains(&format!("{word}={bad};")), "{nagios}");
    let line = format!("{loud} {target}");
    let told = nagios
        .lines()
        .any(|one| one.starts_with(&line) && one.contains(what));
    assert!(told, "{what}: {nagios}");

    for format in ["prometheus", "openmetrics"] {
        let metrics = shown(format);
        for line in [
            format!("edgecert_check_status {code}\n"),
            format!("edgecert_check_targets{{status=\"{word}\"}} {bad}\n"),
            format!("edgecert_check_findings{{code=\"{finding}\",severity=\"{severity}\"}} "),
        ] {
            assert!(metrics.contains(&line), "{line}: {metrics}");
        }
        let of_target = metrics.lines().any(|line| {
            line.starts_with(&format!("edgecert_target_status{{target=\"{target}\""))
                && line.ends_with(&format!("}} {code}"))
        });
        assert!(of_target, "{target}: {metrics}");
    }

    // A build breaks for what is critical; a warning is a case that passed, and says so.
    let junit = shown("junit");
    let (failures, element) = match code {
        2 => (*bad, "<failure type=\"critical\""),
        _ => (0, "<system-out>"),
    };
    let head = format!("tests=\"{all}\" failures=\"{failures}\" errors=\"0\"");
    assert!(junit.contains(&head), "{junit}");
    assert!(
        junit.contains(&format!("name=\"status\" value=\"{word}\"")),
        "{junit}"
    );
    let case = junit.split("<testcase ").find(|case| {
        case.contains(&format!("name=\"{target}")) && case.contains(&format!("({finding})"))
    });
    assert!(case.is_some_and(|case| case.contains(element)), "{junit}");

    let page = shown("html");
    assert!(
        page.contains(&format!("<span class=\"word {word}\">{loud}</span>")),
        "{page}"
    );
    assert!(
        page.contains(&format!("<li class=\"{word}\"><b>{bad}</b>")),
        "{page}"
    );
    assert!(page.contains(&format!("<code>{finding}</code>")), "{page}");
    assert!(page.contains(target), "{page}");
}

fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A server whose leaf has so many days left, and the intermediate that is sent along so many.
fn behind_intermediate(leaf: i64, above: i64) -> (World, Server) {
    let world = World::new();
    let ca = Ca::new(&world);
    let leaf = Leaf { to: leaf, ..USUAL };
    ca.intermediate(&world, "inter", -50, above)
        .leaf(&world, "edge", &leaf);
    let server = Server::start(&world, "edge", &["-cert_chain", "inter.pem"]);
    (world, server)
}

#[test]
fn intermediate_that_has_ended_or_soon_will_is_seen_in_every_form() {
    let asked = [
        "--protocol",
        "tls",
        "--servername",
        "contoso.com",
        "--roots",
        "root.pem",
    ];
    for (leaf, above, code, finding) in [
        (90, -3, 2, "validity.expired"),
        (90, 5, 2, "validity.ends-soon"),
        (35, 40, 1, "validity.ends-soon"),
        (90, 80, 1, "validity.issuer-ends-first"),
    ] {
        let (world, server) = behind_intermediate(leaf, above);
        let target = format!("127.0.0.1:{}", server.1);
        let check = [&[target.as_str()], &asked[..]].concat();
        let verdict = Verdict {
            code,
            finding,
            target: &target,
            of: (1, 1),
        };
        all_say(&world, &check, &verdict);
    }
    let (world, server) = behind_intermediate(90, 400);
    let target = format!("127.0.0.1:{}", server.1);
    let check = [&["check", target.as_str()], &asked[..]].concat();
    world.run(&check).ended(0);
}

#[test]
fn name_that_is_gone_is_seen_in_every_form() {
    let world = World::new();
    Ca::new(&world).leaf(&world, "edge", &USUAL);
    let server = Server::start(&world, "edge", &[]);
    let target = format!("127.0.0.1:{}", server.1);
    world.write(
        "targets",
        format!(
            "{target} protocol=tls name=contoso.com\n{target} protocol=tls name=fabrikam.com\n"
        ),
    );
    all_say(
        &world,
        &["--targets", "targets", "--roots", "root.pem"],
        &Verdict {
            code: 2,
            finding: "names.missing",
            target: &target,
            of: (1, 2),
        },
    );
}

#[test]
fn renewal_that_is_not_served_is_seen_in_every_form() {
    let (edge, gateway) = Edge::assigned();
    let world = &edge.world;
    world.run(&["check"]).ended(0);
    let (folder, kept) = (world.path("edgecert.gateway/front"), world.path("kept"));
    copy(&folder, &kept);
    let old = edge.served();
    edge.generation(&[]);
    world.run(&["assign"]).ended(0);
    assert_ne!(edge.served(), old);
    // The machine was restored from a copy of yesterday.
    drop(gateway);
    std::fs::remove_dir_all(&folder).unwrap();
    copy(&kept, &folder);
    let gateway = edge.start();
    assert_eq!(edge.served(), old);
    let target = format!("front {}", edge.listeners[0]);
    let state = world.files("edgecert.state");
    all_say(
        world,
        &[],
        &Verdict {
            code: 2,
            finding: "live.other-leaf",
            target: &target,
            of: (8, 9),
        },
    );
    assert_eq!(
        state,
        world.files("edgecert.state"),
        "a monitor changes nothing"
    );
    // And what mends it.
    world.run(&["assign"]).ended(0);
    assert_ne!(edge.served(), old);
    world.run(&["check"]).ended(0);
    drop(gateway);
}

/// The files of a folder, without its sockets.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn member_of_a_pool_that_was_left_behind_is_seen_in_every_form() {
    let world = World::new();
    let ca = Ca::new(&world);
    let leaf = |name: &str, to| {
        let leaf = Leaf {
            names: &["dns:contoso.com"],
            from: -10,
            to,
        };
        ca.leaf(&world, name, &leaf);
    };
    leaf("new", 90);
    // It is valid for weeks, and no other check would say a word.
    leaf("old", 60);
    let port = port();
    let serve =
        |name: &str, host: u8| Server::at(&world, name, ([127, 0, 0, host], port).into(), &[]);
    let _pool = [serve("new", 1), serve("new", 2), serve("old", 3)];
    let dns = DnsServer::start(
        Zone::Plain,
        &format!(
            "_xmpps-server._tcp.contoso.com. SRV 10 0 {port} edge1.contoso.com.\n\
             _xmpps-server._tcp.contoso.com. SRV 20 0 {port} edge2.contoso.com.\n\
             edge1.contoso.com. A 127.0.0.1\nedge1.contoso.com. A 127.0.0.2\nedge2.contoso.com. A 127.0.0.3"
        ),
    );
    let resolver = dns.address.to_string();
    all_say(
        &world,
        &[
            "xmpp:contoso.com",
            "--roots",
            "root.pem",
            "--resolver",
            &resolver,
        ],
        &Verdict {
            code: 1,
            finding: "live.leaf-differs",
            target: &format!("edge2.contoso.com:{port}"),
            of: (1, 4),
        },
    );
}
