//! One certificate whose every text would steer a terminal or bend a document, through the whole life of a certificate.
//!
//! `fixtures/harm` holds it: escapes, C0 and C1 controls, NUL, line ends, U+2028, marks of direction and tag characters
//! in subject, issuer, all forms of subjectAltName, AIA, CRL and policy URLs, notices, template name, and a PEM label.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use edgecert::explain::is_harmful;
use std::path::Path;
use world::{OpensslCa, Ran, World};

/// The longest line that is told; a foreign text is cut after 256 characters.
const LONGEST_LINE: usize = 1500;

#[track_caller]
fn insist_harmless(arguments: &[&str], text: &str, json: bool) {
    if let Some(at) = text.find(|c: char| is_harmful(c) && c != '\n') {
        panic!(
            "{arguments:?} shows {:?}",
            &text[at..text.len().min(at + 60)]
        );
    }
    if !json {
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(
            longest.unwrap_or(0) <= LONGEST_LINE,
            "{arguments:?}: {longest:?}"
        );
    }
}

/// Runs, and insists that nothing harmful is shown, and that a document is one.
#[track_caller]
fn run(world: &World, arguments: &[&str]) -> Ran {
    let ran = world.run(arguments);
    let json = arguments.contains(&"--json");
    insist_harmless(arguments, &ran.stdout, json);
    insist_harmless(arguments, &ran.stderr, false);
    if json {
        ran.json();
    }
    assert!(ran.code < 64, "{arguments:?}: {ran:#?}");
    ran
}

#[test]
fn nothing_in_a_certificate_reaches_terminal_or_document_raw() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/harm");
    for name in ["leaf.pem", "root.pem", "key.pem"] {
        world.write(name, std::fs::read(fixtures.join(name)).unwrap());
    }
    for more in [
        &["verify", "leaf.pem"][..],
        &["verify", "leaf.pem", "--strict"],
        &["verify", "leaf.pem", "--matrix"],
        &["verify", "leaf.pem", "--format", "nagios"],
        &["verify", "leaf.pem", "--json"],
        &["verify", "leaf.pem", "--json", "--strict", "--matrix"],
    ] {
        run(&world, &[more, &["--roots", "root.pem"]].concat()).said("leaf");
    }
    for form in ["table", "json", "nagios"] {
        run(&world, &["check", "leaf.pem", "--format", form]);
    }
    let import = [
        "import", "--adopt", "--key", "key.pem", "--roots", "root.pem",
    ];
    let refused = run(&world, &[&import[..], &["leaf.pem"]].concat()).ended(1);
    assert!(refused.stdout.contains("EVIL"), "{refused:#?}");
    run(&world, &[&import[..], &["leaf.pem", "--json"]].concat()).ended(1);
    let taken = [
        &import[..],
        &["leaf.pem", "--reason", "a test"],
        &[
            "--accept",
            "validity.too-long",
            "--accept",
            "names.malformed",
        ],
        &["--accept", "names.missing"],
    ]
    .concat();
    run(&world, &taken).ended(0);
    for more in [
        &["list"][..],
        &["list", "--json"],
        &["show", "external-edge"],
        &["show", "external-edge", "--json"],
        &["verify", "external-edge"],
        &["log"],
        &["log", "--json"],
        &["check"],
        &["needs-renewal", "external-edge"],
    ] {
        run(&world, more);
    }
    let journal = world.files("edgecert.state");
    let (_, journal) = journal
        .iter()
        .find(|(name, _)| name.ends_with("journal.jsonl"))
        .unwrap();
    let journal = String::from_utf8(journal.clone()).unwrap();
    insist_harmless(&["journal"], &journal, true);
}
