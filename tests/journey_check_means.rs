//! `check` with means of its own: revocation lists, a certificate of ours, and the targets that the deployment names.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/crl.rs"]
mod crl;
#[path = "world/served.rs"]
mod served;
mod world;

use served::{Ca, Server, USUAL};
use std::process::Command;
use world::World;

#[test]
fn a_revoked_certificate_is_critical_at_rest_and_on_the_port() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "edge", &USUAL);
    let own = (&ca.root, &ca.key);
    let times = ["-crldays", "10"];
    crl::write(&world, own, "none.crl", &[], &times);
    let revoked = ["250101000000Z,keyCompromise\t2143"];
    crl::write(&world, own, "revoked.crl", &revoked, &times);
    let server = Server::start(&world, "edge", &[]);
    let port = format!("127.0.0.1:{}", server.1);
    for target in ["edge.pem", &port] {
        let check =
            |list: &str| world.run(&["check", target, "--roots", "root.pem", "--crl", list]);
        check("none.crl").ended(0);
        check("revoked.crl").ended(2).said("revocation.revoked");
    }
    // Without roots the issuer has to be at hand.
    let check = |list: &str| world.run(&["check", "whole.pem", "--crl", list]);
    world.write(
        "whole.pem",
        world.read("edge.pem") + &world.read("root.pem"),
    );
    check("none.crl").ended(0);
    check("revoked.crl").ended(2).said("revocation.revoked");
    world.write("alone.pem", {
        let end = "-----END CERTIFICATE-----\n";
        let text = world.read("edge.pem");
        let (first, _) = text.split_once(end).unwrap();
        format!("{first}{end}")
    });
    world
        .run(&["check", "alone.pem", "--crl", "revoked.crl"])
        .ended(1)
        .said("revocation.unknown")
        .said("1 judged without chain and names");
    // Names alone do not make whoever is not trusted sound.
    world
        .run(&["check", &port, "--name", "dns:contoso.com"])
        .ended(2)
        .said("chain.");
    world
        .run(&["check", "edge.pem", "--crl", "edge.key"])
        .ended(3);
}

#[test]
fn a_certificate_of_ours_is_shown_to_whoever_asks_for_one() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "edge", &USUAL);
    let both = world.read("edge.pem") + &world.read("edge.key");
    world.write("own.pem", both);
    std::fs::set_permissions(
        world.path("own.pem"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    // Both ask for a certificate; the second takes none that it cannot verify, and ours names no clientAuth.
    let asks = ["-Verify", "1", "-CAfile", "root.pem", "-tls1_2"];
    let lenient = Server::start(&world, "edge", &asks);
    let strict = Server::start(
        &world,
        "edge",
        &[asks.as_slice(), &["-verify_return_error"]].concat(),
    );
    let check = |server: &Server, more: &[&str]| {
        let port = format!("127.0.0.1:{}", server.1);
        let words = ["check", port.as_str(), "--roots", "root.pem", "--json"];
        world.run(&[words.as_slice(), more].concat())
    };
    let asked = "asks for a client certificate";
    let presented = format!("{asked}, ours was presented");
    let ours = ["--present", "own.pem"];
    let seen = |ran: world::Ran| ran.json()["result"]["targets"][0]["seen"].to_string();
    let without = seen(check(&lenient, &[]).ended(0));
    assert!(
        without.contains(asked) && !without.contains(&presented),
        "{without}"
    );
    let with = seen(check(&lenient, &ours).ended(0));
    assert!(with.contains(&presented), "{with}");
    check(&strict, &ours)
        .ended(1)
        .said("shows its certificate, and refuses ours");
    world.write("half.pem", world.read("edge.pem"));
    check(&lenient, &["--present", "half.pem"]).ended(3);
}

#[test]
fn a_root_made_anew_with_the_same_key_stands_in_for_the_old_one() {
    let world = World::new();
    let ca = Ca::new(&world);
    world.write("root.key", ca.key.to_pem(None).unwrap().as_bytes());
    let inter = ca.intermediate(&world, "inter", -50, 500);
    inter.leaf(&world, "edge", &USUAL);
    world.write(
        "chain.pem",
        world.read("edge.pem") + &world.read("inter.pem"),
    );
    let made = Command::new("openssl")
        .current_dir(world.folder())
        .args([
            "req", "-x509", "-key", "root.key", "-days", "900", "-out", "new.pem",
        ])
        .args([
            "-subj",
            "/CN=Example Root X1",
            "-addext",
            "subjectKeyIdentifier=01:02:03:04",
            "-addext",
            "authorityKeyIdentifier=keyid",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    for words in [&["verify"][..], &["check"], &["verify", "--strict"]] {
        let told = world.run(&[words, &["chain.pem", "--roots", "new.pem"]].concat());
        assert!(
            !told.ended(0).stdout.contains("certifies nothing"),
            "{words:?}"
        );
    }
}

#[test]
fn what_the_chain_does_without_shortens_no_days() {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.intermediate(&world, "needless", -50, 5);
    let inter = ca.intermediate(&world, "inter", -50, 500);
    inter.leaf(&world, "edge", &USUAL);
    let chain = world.read("edge.pem") + &world.read("inter.pem");
    world.write("chain.pem", chain.clone() + &world.read("needless.pem"));
    let days = |words: &[&str], code| {
        let told = world.run(words).ended(code).stdout;
        let (_, data) = told.split_once("days_left").unwrap();
        let (_, days) = data.split_once('=').unwrap();
        days.split([';', '\n'])
            .next()
            .unwrap()
            .parse::<i64>()
            .unwrap()
    };
    let judged = ["chain.pem", "--roots", "root.pem", "--format", "nagios"];
    assert!(days(&[&["verify"], &judged[..]].concat(), 1) > 50);
    assert!(days(&[&["check"], &judged[..]].concat(), 1) > 50);
    // Without roots nobody knows which way the chain holds.
    assert!(days(&["check", "chain.pem", "--format", "nagios"], 2) <= 5);
}
