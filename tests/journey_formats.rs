//! The forms of a check: metrics, JUnit, lines of JSON, the page in a real browser, the line for Nagios when all fails.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use world::World;

/// Writes certificates of these lives in days, `NAME.pem` below `certs`.
fn certificates(world: &World, all: &[(&str, &str, &str)]) {
    std::fs::create_dir_all(world.path("certs")).unwrap();
    for (file, name, days) in all {
        let file = format!("certs/{file}");
        world.self_signed(&file, name, "edge.contoso.com", days);
        // A key is something to be looked at as well.
        std::fs::remove_file(world.path(&format!("{file}.key"))).unwrap();
    }
}

fn three() -> World {
    let world = World::new();
    certificates(
        &world,
        &[
            ("a", "good.contoso.com", "300"),
            ("b", "soon.contoso.com", "20"),
            ("c", "last.contoso.com", "5"),
        ],
    );
    world
}

const THRESHOLDS: [&str; 6] = ["check", "certs", "-w", "30d", "-c", "10d"];

fn shown(world: &World, more: &[&str]) -> String {
    world.run(&[&THRESHOLDS, more].concat()).ended(2).stdout
}

#[test]
fn metrics_are_written_whole_into_a_file_and_promtool_takes_them() {
    let world = three();
    let open = shown(&world, &["--format", "openmetrics"]);
    assert!(open.ends_with("# EOF\n"), "{open}");
    let ran = world
        .run(
            &[
                &THRESHOLDS[..],
                &["--format", "prometheus", "--output", "edge.prom"],
            ]
            .concat(),
        )
        .ended(2);
    assert_eq!(ran.stdout, "");
    let mode = std::fs::metadata(world.path("edge.prom"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    let text = world.read("edge.prom");
    assert!(
        text.contains("edgecert_check_targets{status=\"critical\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("edgecert_target_status{target=\"certs/b.pem\",kind=\"file\"} 1\n"),
        "{text}"
    );
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(world.path("edge.prom")).unwrap())
        .output()
        .unwrap();
    assert!(
        promtool.status.success(),
        "{}",
        String::from_utf8_lossy(&promtool.stderr)
    );
    // What cannot be written is no success, and a folder is not written over.
    world
        .run(
            &[
                &THRESHOLDS[..],
                &["--format", "prometheus", "--output", "certs"],
            ]
            .concat(),
        )
        .ended(3);
    // Whoever reads standard output hears of it there.
    let lost = |more: &[&str]| {
        let to = ["--output", "nowhere/report"];
        world.run(&[&THRESHOLDS[..], &to, more].concat()).ended(3)
    };
    let told = lost(&["--format", "nagios"]).stdout;
    assert!(told.starts_with("UNKNOWN - "), "{told}");
    for more in ["--json", "--jsonl"] {
        let document = lost(&[more]).json();
        assert_eq!(document["ok"], false, "{document:#}");
        assert!(document["error"]["what"].is_string(), "{document:#}");
    }
    // A check that could not do its work leaves the last file, whose time then stands still.
    world
        .run(&[
            "check",
            "--targets",
            "none",
            "--format",
            "prometheus",
            "--output",
            "edge.prom",
        ])
        .ended(3);
    assert_eq!(world.read("edge.prom"), text);
}

#[test]
fn every_form_says_the_same_of_a_file_and_verify_has_them_too() {
    let world = three();
    for (format, words) in [
        ("junit", "<failure type=\"critical\""),
        ("html", "1 of 3 need somebody now"),
        ("nagios", "CERTIFICATES CRITICAL - 1 of 3: certs/c.pem"),
        ("prometheus", "edgecert_check_status 2"),
    ] {
        let text = shown(&world, &["--format", format]);
        assert!(text.contains(words), "{format}: {text}");
    }
    for (format, words) in [
        ("junit", "name=\"certs/a.pem\""),
        ("html", "<!DOCTYPE html>"),
        (
            "openmetrics",
            "edgecert_target_status{target=\"certs/a.pem\",kind=\"file\"}",
        ),
    ] {
        let ran = world.run(&["verify", "certs/a.pem", "--format", format]);
        assert!(ran.stdout.contains(words), "{format}: {ran:#?}");
    }
}

#[test]
fn lines_of_json_are_a_document_a_target_and_the_summary_last() {
    let world = three();
    let text = shown(&world, &["--jsonl"]);
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let schemas: Vec<&str> = lines
        .iter()
        .map(|line| line["schema"].as_str().unwrap())
        .collect();
    let row = "edgecert.check-row/1";
    assert_eq!(schemas, [row, row, row, "edgecert.check-summary/1"]);
    assert_eq!(lines[2]["status"], "critical");
    assert_eq!(lines[3]["summary"]["critical"], 1);
    assert_eq!(lines[3]["exit_code"], 2);
    for name in ["check-row", "check-summary"] {
        let schema = world.run(&["schema", name]).ended(0).json();
        let line = if name == "check-row" {
            &lines[0]
        } else {
            &lines[3]
        };
        assert_eq!(schema["properties"]["schema"]["const"], line["schema"]);
        for key in schema["required"].as_array().unwrap() {
            assert!(!line[key.as_str().unwrap()].is_null(), "{key}");
        }
        for key in line.as_object().unwrap().keys() {
            assert!(schema["properties"][key].is_object(), "{key}");
        }
    }
    let failed = world
        .run(&["check", "--targets", "none", "--jsonl"])
        .ended(3);
    let line: serde_json::Value = serde_json::from_str(&failed.stdout).unwrap();
    assert!(line["error"]["what"].is_string() && failed.stdout.lines().count() == 1);
}

#[test]
fn every_failure_before_nagios_is_a_line_that_begins_with_unknown() {
    let world = World::new();
    world.write("broken.toml", "[edge\n");
    for arguments in [
        &["check", "--bogus", "--format", "nagios"][..],
        &["check", "--format=nagios", "-w", "soon"],
        &["check", "--format", "nagios"],
        &["check", "--targets", "none", "--format", "nagios"],
        &["check", "none.pem", "--format", "nagios"],
        &["--config", "broken.toml", "check", "--format", "nagios"],
        &["verify", "none.pem", "--format", "nagios"],
        &["verify", "--bogus", "--format", "nagios"],
    ] {
        let ran = world.run(arguments).ended(3);
        assert!(
            ran.stdout.starts_with("UNKNOWN - "),
            "{arguments:?}: {ran:#?}"
        );
    }
}

/// What the browser makes of a page, its scripts run.
fn dom(world: &World, page: &str, fragment: &str) -> String {
    let url = format!("file://{}{fragment}", world.path(page).display());
    let said = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            world.path("profile").display()
        ))
        .arg(url)
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap()
}

#[test]
fn the_page_sorts_in_a_real_browser_and_hostile_names_do_nothing() {
    let world = World::new();
    certificates(
        &world,
        &[
            ("a", "middle.contoso.com", "40"),
            (
                "b",
                "<script>document.title=1<\\/script><img src=x onerror=alert(1)>",
                "300",
            ),
            ("c", "first.contoso.com", "5"),
        ],
    );
    world
        .run(
            &[
                &THRESHOLDS[..],
                &["--format", "html", "--output", "page.html"],
            ]
            .concat(),
        )
        .ended(2);
    let order = |dom: &str| -> Vec<usize> {
        let mut places: Vec<(usize, usize)> = ["certs/a.pem", "certs/b.pem", "certs/c.pem"]
            .iter()
            .enumerate()
            .map(|(number, name)| (dom.find(&format!("data-sort=\"{name}\"")).unwrap(), number))
            .collect();
        places.sort_unstable();
        places.into_iter().map(|(_, number)| number).collect()
    };
    for (fragment, wanted) in [
        ("", [0, 1, 2]),
        ("#sort=expires", [2, 0, 1]),
        ("#sort=-expires", [1, 0, 2]),
        ("#sort=-status", [2, 0, 1]),
        ("#sort=nothing", [0, 1, 2]),
    ] {
        let dom = dom(&world, "page.html", fragment);
        assert_eq!(order(&dom), wanted, "{fragment}");
        assert_eq!(
            dom.matches("<button type=\"button\">").count(),
            7,
            "the script ran"
        );
        assert_eq!(dom.matches("<script").count(), 1, "and no other");
        assert!(
            !dom.contains("<img") && dom.contains("<title>CRITICAL"),
            "{dom}"
        );
    }
}
