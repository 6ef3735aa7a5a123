//! The help that every command gives, and the exit codes of wrong usage, by family.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use world::World;

/// Columns of the narrowest terminal that the help is made for.
const COLUMNS: usize = 80;

/// Every command, with whether its help shows examples.
const COMMANDS: &[&[&str]] = &[
    &["wizard"],
    &["init"],
    &["plan"],
    &["request"],
    &["request", "list"],
    &["request", "show"],
    &["request", "profiles"],
    &["request", "cancel"],
    &["import"],
    &["verify"],
    &["assign"],
    &["rollback"],
    &["check"],
    &["partner"],
    &["partner", "list"],
    &["partner", "show"],
    &["partner", "add"],
    &["partner", "edit"],
    &["partner", "remove"],
    &["partner", "import"],
    &["partner", "explain"],
    &["partner", "apply"],
    &["policy"],
    &["policy", "list"],
    &["policy", "show"],
    &["policy", "add"],
    &["policy", "edit"],
    &["policy", "remove"],
    &["policy", "explain"],
    &["dns"],
    &["dns", "plan"],
    &["dns", "check"],
    &["list"],
    &["show"],
    &["needs-renewal"],
    &["renew"],
    &["export"],
    &["rekey"],
    &["prune"],
    &["remove"],
    &["gateway"],
    &["gateway", "run"],
    &["gateway", "status"],
    &["gateway", "discover"],
    &["lab"],
    &["lab", "ca"],
    &["lab", "sign"],
    &["lab", "demo"],
    &["log"],
    &["doctor"],
    &["units"],
    &["schema"],
    &["completions"],
    &["man"],
];

/// Words that are no commands by themselves.
const GROUPS: &[&str] = &["dns", "gateway", "lab", "partner", "policy"];

/// Commands whose help teaches by examples.
const WITH_EXAMPLES: &[&str] = &[
    "list",
    "show",
    "export",
    "prune",
    "remove",
    "log",
    "doctor",
    "units",
    "schema",
    "completions",
    "man",
];

fn help(world: &World, words: &[&str]) -> String {
    let mut arguments = words.to_vec();
    arguments.push("-h");
    world
        .run_with(&arguments, &[("COLUMNS", "80")])
        .ended(0)
        .stdout
}

#[test]
fn every_command_says_what_it_is_for_and_fits_the_screen() {
    let world = World::new();
    for words in COMMANDS.iter().chain(&[&[] as &[&str]]) {
        let text = help(&world, words);
        let about = text.lines().next().unwrap_or_default();
        assert!(
            about.chars().next().is_some_and(char::is_uppercase) && about.len() > 10,
            "{words:?}: {about:?}"
        );
        assert!(text.contains("Usage: edgecert"), "{words:?}");
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{words:?}: {line:?}");
        }
    }
    for word in WITH_EXAMPLES {
        assert!(help(&world, &[word]).contains("Examples:\n"), "{word}");
    }
    for words in COMMANDS {
        let text = help(&world, words);
        assert!(text.contains("Example"), "{words:?}");
        let is_group = GROUPS.contains(&words[0]) && words.len() == 1;
        assert_eq!(text.contains("Exit codes: 0 "), !is_group, "{words:?}");
    }
}

#[test]
fn the_help_names_every_command() {
    let world = World::new();
    for words in COMMANDS {
        let (last, above) = words.split_last().unwrap();
        let text = help(&world, above);
        assert!(
            text.lines()
                .any(|line| line.trim_start().starts_with(&format!("{last} "))),
            "{words:?} is not named in\n{text}"
        );
    }
    // and no command is left out here
    let listed = help(&world, &[]);
    let commands = listed
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    for command in commands {
        assert!(
            COMMANDS.contains(&[command].as_slice()),
            "{command} is not tested here"
        );
    }
}

#[test]
fn wrong_usage_ends_as_the_family_of_the_command_promises() {
    let world = World::new();
    for (arguments, code) in [
        (&["request", "--no-such-flag"][..], 64),
        (&["request", "show"], 64),
        (&["import"], 64),
        (&["assign", "UPPER"], 64),
        (&["init", "--no-such-flag"], 64),
        (&["remove"], 64),
        (&["rekey", "--reason", "stolen"], 64),
        (&["rekey", "external-edge", "--compromised"], 64),
        (&["rekey", "--compromised", "--reason", "stolen"], 64),
        (&["prune", "--keep", "many"], 64),
        (&["export"], 64),
        (&["export", "--format", "p12"], 64),
        (&["plan", "--no-such-flag"], 64),
        (&["list", "surplus"], 64),
        (&["show", "a/b/c"], 64),
        (&["request", "list", "--no-such-flag"], 64),
        (&["schema", "no-such-schema"], 64),
        (&["completions", "no-such-shell"], 64),
        (&["man"], 64),
        (&["units", "--check"], 64),
        (&["partner"], 64),
        (&["partner", "list", "surplus"], 64),
        (&["partner", "show"], 64),
        (&["partner", "add", "litware.com", "--tls", "requird"], 64),
        (&["partner", "edit"], 64),
        (&["partner", "import"], 64),
        (
            &[
                "partner",
                "explain",
                "litware.com",
                "--resolver",
                "127.0.0.1:53",
            ],
            64,
        ),
        (&["policy"], 64),
        (&["policy", "add", "UPPER"], 64),
        (&["policy", "explain", "someone", "litware.com"], 64),
        (&["dns", "plan", "--no-such-flag"], 64),
        (&["dns", "check", "--resolver", "nobody"], 3),
        (&["check", "--no-such-flag"], 3),
        (&["verify", "--at", "noon"], 3),
        (&["log", "--last", "all"], 3),
        (&["doctor", "surplus"], 3),
        (&["gateway", "status", "--no-such-flag"], 3),
        (&["gateway", "run", "--no-such-flag"], 64),
        (&["gateway", "discover", "--no-such-flag"], 64),
        (&["gateway", "discover", "--only", "apache"], 64),
        (&["gateway"], 64),
        (&["needs-renewal", "--no-such-flag"], 255),
        (&["needs-renewal", "UPPER"], 255),
        (&["no-such-command"], 64),
        (&[], 64),
    ] {
        let ran = world.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:#?}");
        assert!(!ran.stderr.is_empty(), "{arguments:?} says nothing");
        assert_eq!(
            ran.stdout, "",
            "{arguments:?}: help for wrong usage is no result"
        );
        if arguments.is_empty() || arguments == ["gateway"] {
            continue;
        }
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ran = world.run(&arguments).ended(code);
        let document = ran.json();
        assert_eq!(document["exit_code"], code, "{document:#}");
        assert_eq!(document["ok"], false, "{document:#}");
        for key in ["code", "what", "where", "why", "mend"] {
            assert!(
                document["error"][key].is_string(),
                "{arguments:?}, {key}: {document:#}"
            );
        }
        assert_ne!(document["error"]["what"], "", "{arguments:?}");
        assert_eq!(
            ran.stderr, "",
            "{arguments:?}: one document and nothing beside it"
        );
    }
}

#[test]
fn wrong_usage_is_told_in_four_parts() {
    let world = World::new();
    for arguments in [
        &["request", "show"][..],
        &["verify", "--at", "yesterday", "x.pem"],
        &["check", "-w", "30"],
        &["import", "x.pem", "--accept", "names.missing"],
        &["list", "--no-such-flag"],
    ] {
        let ran = world.run(arguments);
        for part in ["error: ", "  where  ", "  why    ", "  mend   "] {
            assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
        }
        let leads_on = ["-h`", "write ", "did you mean "]
            .iter()
            .any(|words| ran.stderr.contains(words));
        assert!(leads_on, "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn asking_for_help_or_the_version_is_no_error() {
    let world = World::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["check", "--help"],
        &["needs-renewal", "-h"],
        &["help"],
        &["help", "plan"],
        &["help", "partner", "add"],
        &["partner", "help"],
    ] {
        let ran = world.run(arguments).ended(0);
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran:#?}");
    }
    world
        .run(&["--version"])
        .ended(0)
        .said(env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_mistyped_command_is_answered_with_the_right_one() {
    let world = World::new();
    world
        .run(&["chek"])
        .ended(64)
        .said("did you mean `edgecert check`?");
    world
        .run(&["request", "lst", "--fqdn", "edge.contoso.com"])
        .ended(64)
        .said("did you mean `edgecert request list`?");
    assert!(!world.path("edgecert.state").exists());
    world.run(&["list", "--jsno"]).ended(64).said("--json");
}

#[test]
fn a_file_that_was_named_and_cannot_be_read_is_refused_before_anything_is_touched() {
    let world = World::new();
    world.run(&["lab", "ca"]).ended(0);
    let edge = ["--fqdn", "edge.contoso.com", "--sip-domain", "contoso.com"];
    let request = |more: &[&'static str]| [&["request"], &edge[..], more].concat();
    for (arguments, code) in [
        (vec!["import", "missing.pem"], 1),
        (
            vec![
                "import",
                "lab-ca/root.pem",
                "--passphrase-file",
                "missing.pem",
            ],
            1,
        ),
        (request(&["--key", "missing.pem"]), 1),
        (request(&["--issuer-profile", "./missing.pem"]), 1),
        (vec!["request", "--batch", "missing.pem", "--out", "out"], 1),
        (vec!["lab", "sign", "missing.pem"], 1),
        (
            vec!["lab", "sign", "lab-ca/root.pem", "--ca", "missing.pem"],
            1,
        ),
        (vec!["wizard", "--answers", "missing.pem"], 1),
        (vec!["verify", "missing.pem"], 3),
    ] {
        let ran = world.run(&arguments).ended(code);
        assert!(
            ran.stderr.contains("missing.pem"),
            "{arguments:?}: {ran:#?}"
        );
        assert!(!ran.stderr.contains("os error"), "{arguments:?}: {ran:#?}");
    }
}

#[test]
fn the_command_that_leads_on_has_the_config_and_the_state_of_this_run() {
    let world = World::new();
    let flags = ["--config", "sub.toml", "--state", "the state"];
    world
        .run(&[&["init"], &flags[..]].concat())
        .ended(0)
        .said("next: edgecert --config sub.toml --state 'the state' plan");
    world
        .run(&["plan", "--config", "sub.toml"])
        .ended(0)
        .said("next: edgecert --config sub.toml request");
}

#[test]
fn manual_pages_tell_exit_codes_variables_and_files() {
    let world = World::new();
    world.run(&["man", "pages"]).ended(0);
    for page in [
        "edgecert-plan.1",
        "edgecert-partner-add.1",
        "edgecert-check.1",
    ] {
        let text = world.read(&format!("pages/{page}"));
        for section in ["SYNOPSIS", "\"EXIT STATUS\"", "ENVIRONMENT", "FILES"] {
            assert!(
                text.contains(&format!(".SH {section}\n")),
                "{page}, {section}: {text}"
            );
        }
    }
    let text = world.read("pages/edgecert-check.1");
    assert!(text.contains("UNKNOWN, wrong usage too"), "{text}");
}
