//! Flags and words of `check` that would mean nothing are refused, with what to write instead; all mistakes at once.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "world/served.rs"]
mod served;
mod world;

use served::{Ca, USUAL};
use world::World;

/// A world with a file and a folder of certificates.
fn world() -> World {
    let world = World::new();
    let ca = Ca::new(&world);
    ca.leaf(&world, "edge", &USUAL);
    ca.leaf(&world, "certs/other", &USUAL);
    world
}

#[test]
fn a_flag_that_would_be_ignored_is_refused_with_what_to_do_instead() {
    let world = world();
    let listener = "127.0.0.1:9";
    for (words, what, mend) in [
        (
            &["edge.pem", "--json", "--format", "nagios"][..],
            "--json and --format nagios cannot be used together",
            "choose one",
        ),
        (
            &["edge.pem", "--json", "--format", "table"],
            "--json and --format table",
            "choose one",
        ),
        (
            &["edge.pem", "--json", "--jsonl"],
            "--jsonl and --json cannot be used together",
            "choose one",
        ),
        (
            &["edge.pem", "--json", "--watch", "30s"],
            "--json does not go with --watch",
            "from a timer",
        ),
        (
            &["edge.pem", "--json", "--serve", "0"],
            "--json does not go with --serve",
            "read /metrics",
        ),
        (
            &["edge.pem", "--interval", "5m"],
            "--interval says nothing without --serve",
            "add --serve PORT",
        ),
        (
            &["edge.pem", "--interval", "5m", "--watch", "30s"],
            "--interval says nothing without --serve",
            "--watch 30s",
        ),
        (
            &["edge.pem", "--blackbox-names"],
            "--blackbox-names says nothing here",
            "add --format prometheus",
        ),
        (
            &["edge.pem", "--blackbox-names", "--format", "html"],
            "--blackbox-names says nothing here",
            "--serve PORT",
        ),
        (
            &["--targets", "-", "--watch", "30s"],
            "--targets - does not go with --watch",
            "--targets FILE",
        ),
        (
            &["--targets", "-", "--serve", "0"],
            "--targets - does not go with --serve",
            "--targets FILE",
        ),
        (
            &["edge.pem", "--protocol", "tls"],
            "--protocol says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &["certs", "--servername", "contoso.com"],
            "--servername says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &["edge.pem", "--xmpphost", "contoso.com"],
            "--xmpphost says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &["edge.pem", "--connect", listener],
            "--connect says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &["xmpp:contoso.com", "--protocol", "tls"],
            "--protocol says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &[
                "xmpp:contoso.com",
                "edge.contoso.com:1",
                "--connect",
                listener,
            ],
            "--connect does not go with a domain",
            "--xmpphost DOMAIN",
        ),
        (
            &[
                listener,
                "--protocol",
                "sips",
                "--servername",
                "a.com",
                "--xmpphost",
                "b.com",
            ],
            "--xmpphost says nothing of these targets",
            "--protocol xmpp-server",
        ),
        (
            &["edge.pem", "--present", "edge.pem"],
            "--present says nothing of these targets",
            "HOST:PORT",
        ),
        (
            &[listener, "--resolver", "127.0.0.1:53"],
            "--resolver says nothing of these targets",
            "name a host",
        ),
        (
            &["edge.pem", "-4"],
            "-4 says nothing of these targets",
            "name a host",
        ),
        (
            &["localhost:9", "--trust-anchor", "anchor"],
            "--trust-anchor says nothing of these targets",
            "check xmpp:DOMAIN",
        ),
        (
            &["edge.pem", "--timeout", "5s"],
            "--timeout says nothing of these targets",
            "leave it out",
        ),
        (
            &["certs", "--jobs", "2"],
            "--jobs says nothing of these targets",
            "leave it out",
        ),
        (
            &[listener, "-6"],
            "-6 leaves 127.0.0.1:9 out",
            "name the host",
        ),
        (&["[::1]:9", "-4"], "-4 leaves [::1]:9 out", "name the host"),
        (
            &["edge.contoso.com:9", "--connect", listener, "-6"],
            "-6 leaves --connect 127.0.0.1 out",
            "name the host",
        ),
        (
            &["edge.pem", "-w", "-5d"],
            "--warning does not take \"-5d\"",
            "as 30d (days) or 25%",
        ),
    ] {
        let words = [&["check"][..], words].concat();
        world.run(&words).ended(3).said(what).said(mend);
    }
    // Monitoring is told in the one line that it reads.
    for words in [
        &["edge.pem", "--protocol", "tls"][..],
        &["edge.pem", "--interval", "5m"],
        &["edge.pem", "--blackbox-names"],
        &["https://edge.contoso.com/"],
    ] {
        let words = [&["check", "--format", "nagios"][..], words].concat();
        let ran = world.run(&words).ended(3);
        assert!(ran.stdout.starts_with("UNKNOWN - "), "{words:?} {ran:?}");
        assert_eq!(ran.stdout.lines().count(), 1, "{words:?} {ran:?}");
    }
    let document = world
        .run(&["check", "edge.pem", "--jsonl", "--interval", "5m"])
        .ended(3)
        .json();
    assert_eq!(document["error"]["code"], "usage");
}

#[test]
fn what_does_mean_something_is_taken() {
    let world = world();
    for words in [
        // The form is said twice, and the same.
        &["edge.pem", "--json", "--format", "json"][..],
        &["edge.pem", "--blackbox-names", "--format", "prometheus"],
        &["edge.pem", "--blackbox-names", "--format", "openmetrics"],
    ] {
        world.run(&[&["check"][..], words].concat()).ended(0);
    }
    // Limits stand for whatever a list holds today.
    world.write("list.txt", "edge.pem\n");
    world
        .run(&[
            "check",
            "--targets",
            "list.txt",
            "--timeout",
            "5s",
            "--jobs",
            "4",
            "-4",
            "--resolver",
            "127.0.0.1:53",
        ])
        .ended(0);
    // One that says how listeners are asked does not.
    world
        .run(&["check", "--targets", "list.txt", "--protocol", "tls"])
        .ended(3)
        .said("--protocol says nothing of these targets");
    // A file among listeners is no mistake of the flags.
    world
        .run(&[
            "check",
            "edge.pem",
            "127.0.0.1:9",
            "--protocol",
            "tls",
            "--timeout",
            "5s",
        ])
        .ended(2)
        .said("live.unreachable");
}

#[test]
fn standard_output_may_be_named() {
    let world = world();
    for more in [&[][..], &["--json"], &["--jsonl"], &["--format", "nagios"]] {
        let plain = world
            .run(&[&["check", "edge.pem"][..], more].concat())
            .ended(0);
        let named = world
            .run(&[&["check", "edge.pem", "--output", "-"][..], more].concat())
            .ended(0);
        assert_eq!(
            plain.stdout.lines().count(),
            named.stdout.lines().count(),
            "{more:?}: {named:?}"
        );
        assert!(
            !named.stdout.is_empty() && !world.path("-").exists(),
            "{more:?}"
        );
    }
}

#[test]
fn every_mistake_of_a_list_is_told_in_one_round() {
    let world = world();
    world.write(
        "list.txt",
        "# ours\n\
         127.0.0.1:9 protocol=tls protocol=sips\n\
         127.0.0.1:9 name=a.com name=b.com\n\
         edge.pem protocol=tls\n\
         certs name=contoso.com\n\
         xmpp:contoso.com protocol=xmpp\n\
         https://contoso.com/\n\
         127.0.0.1:9 port=3\n\
         127.0.0.1:9 protocol=smtp\n\
         nothing\n\
         contoso.com\n\
         protocol=tls\n\
         edge.pem\n",
    );
    let ran = world.run(&["check", "--targets", "list.txt"]).ended(3);
    for words in [
        "11 targets make no sense",
        "list.txt",
        "line 2: protocol= stands there twice",
        "line 3: name= stands there twice",
        "line 4: protocol= says nothing of edge.pem (it is a file",
        "line 5: name= says nothing of certs (it is a folder",
        "line 6: protocol= says nothing of xmpp:contoso.com (it is a domain",
        "line 7: https://contoso.com/ is a URL",
        "`edgecert check contoso.com:443`",
        "line 8: port=3 is no option of a target",
        "line 9: smtp is no protocol",
        "line 10: nothing is no target",
        "line 11: contoso.com names no port",
        "line 12: protocol=tls is no target",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("line 13"), "{}", ran.stderr);
    // One alone is told at its own line.
    world.write("list.txt", "edge.pem\nedge.pem name=contoso.com\n");
    let document = world
        .run(&["check", "--targets", "list.txt", "--json"])
        .ended(3)
        .json();
    assert_eq!(document["error"]["code"], "check.option-elsewhere");
    assert_eq!(
        document["error"]["where"], "list.txt: line 2 of the targets",
        "{document:#}"
    );
}

#[test]
fn a_url_and_an_option_among_the_arguments_are_told_what_to_type() {
    let world = world();
    for (target, mend) in [
        ("http://foo:443/", "`edgecert check foo:443`"),
        ("https://foo.com", "`edgecert check foo.com:443`"),
        ("xmpp://contoso.com", "`edgecert check xmpp:contoso.com`"),
        (
            "sips://contoso.com:5061",
            "`edgecert check sip:contoso.com`",
        ),
        ("file:///etc/edge.pem", "`edgecert check /etc/edge.pem`"),
        ("protocol=xmpp", "--protocol, --servername or --xmpphost"),
        ("name=contoso.com", "--protocol, --servername or --xmpphost"),
    ] {
        world.run(&["check", target]).ended(3).said(mend);
    }
}
