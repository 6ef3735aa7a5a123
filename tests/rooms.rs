//! Who may import whom: the table of the rooms, held true against the sources. A new edge fails here until it is
//! wanted and written down; a permission that nobody uses fails as well.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A room, and what it may use of others: a whole room, or what lies below one name of it. `explain` is for all, and
/// `cli` is for none.
const TABLE: &[(&str, &[&str])] = &[
    ("explain", &[]),
    ("program", &[]),
    ("names", &[]),
    ("findings", &[]),
    ("federation", &["names"]),
    ("x509", &["names"]),
    (
        "deployment",
        &[
            "names",
            "federation",
            "x509::KeyType",
            "x509::CertificateTemplate",
        ],
    ),
    ("dns", &["names"]),
    ("wire", &[]),
    ("probe", &["names", "wire", "x509"]),
    ("request", &["names", "findings", "x509", "deployment"]),
    ("import", &["names", "findings", "x509"]),
    (
        "verify",
        &["names", "findings", "x509", "deployment", "federation"],
    ),
    ("store", &["names", "x509"]),
    ("servers", &["names", "federation"]),
    (
        "assign",
        &[
            "names",
            "findings",
            "x509",
            "deployment",
            "federation",
            "store",
            "probe",
            "wire",
            "servers",
            "program",
        ],
    ),
    (
        "check",
        &[
            "names",
            "findings",
            "x509",
            "deployment",
            "verify",
            "probe",
            "wire",
            "dns",
        ],
    ),
    (
        "gateway",
        &[
            "names",
            "findings",
            "x509",
            "wire",
            "federation",
            "deployment",
            "store::atomic",
            "store::Disk",
            "store::StoreError",
        ],
    ),
    (
        "lab",
        &[
            "names",
            "findings",
            "x509",
            "probe",
            "request",
            "import",
            "store::atomic",
            "assign",
        ],
    ),
    (
        "cli",
        &[
            "names",
            "findings",
            "federation",
            "deployment",
            "x509",
            "wire::control",
            "wire::http",
            "probe",
            "request",
            "import",
            "verify",
            "store",
            "assign",
            "check",
            "gateway",
            "lab",
            "program",
            "servers",
            "dns",
        ],
    ),
];

/// A path of another room, with where it was found: `(user, used path, file:line)`.
type Edge = (String, String, String);

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    found
}

/// The room of a source file: its first folder, or its own name.
fn room_of(path: &Path) -> String {
    let below = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Sources without comments, so that words in prose are no edges; lines stay where they are.
fn without_comments(text: &str) -> String {
    text.lines()
        .map(|line| match line.find("//") {
            // A `//` within a text literal (a URL) hides no path after it.
            Some(at) if !line[..at].contains('"') => &line[..at],
            Some(_) | None => line,
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every `crate::…` path, groups (`crate::{a::b, c}`) taken apart one level deep, as deep as two names.
fn paths_in(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        if rest.starts_with('{') {
            for part in group(rest) {
                found.extend(two_names("", &part).into_iter().map(|path| (line, path)));
            }
        } else {
            found.extend(two_names("", rest).into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// `a::b`, and each `a::x` of `a::{x, y}`; `a` alone where nothing follows.
fn two_names(prefix: &str, text: &str) -> Vec<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let path = if prefix.is_empty() {
        name.clone()
    } else {
        format!("{prefix}::{name}")
    };
    let rest = &text[name.len()..];
    match rest.strip_prefix("::") {
        Some(rest) if prefix.is_empty() && rest.starts_with('{') => group(rest)
            .iter()
            .flat_map(|part| two_names(&path, part))
            .collect(),
        Some(rest) if prefix.is_empty() => two_names(&path, rest),
        Some(_) | None => vec![path],
    }
}

/// The parts of a `{…}` group, split at its own commas.
fn group(text: &str) -> Vec<String> {
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if (c == '{' && depth == 1) || c.is_whitespace() {
            continue;
        }
        if c == ',' && depth == 1 {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

fn edges() -> Vec<Edge> {
    let mut edges = Vec::new();
    for path in sources() {
        let room = room_of(&path);
        if room == "main" || room == "lib" {
            continue;
        }
        let text = without_comments(&std::fs::read_to_string(&path).unwrap());
        for (line, used) in paths_in(&text) {
            if used.split("::").next() != Some(room.as_str()) {
                edges.push((room.clone(), used, format!("{}:{line}", path.display())));
            }
        }
    }
    edges
}

fn allows(permission: &str, used: &str) -> bool {
    used == permission
        || used
            .strip_prefix(permission)
            .is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn no_room_uses_another_that_the_table_does_not_give_it() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let rooms: BTreeSet<&str> = table.keys().copied().collect();
    for path in sources() {
        let room = room_of(&path);
        assert!(
            rooms.contains(room.as_str()) || room == "main" || room == "lib",
            "{} is in no room of the table",
            path.display()
        );
    }
    let wrong: Vec<String> = edges()
        .into_iter()
        .filter(|(room, used, _)| {
            let name = used.split("::").next().unwrap();
            let granted = table[room.as_str()]
                .iter()
                .any(|permission| allows(permission, used));
            // What is no room is a macro or an item at the top, of which there are none to be used.
            name == "cli" || (name != "explain" && !granted)
        })
        .map(|(room, used, place)| format!("{room} uses {used} at {place}"))
        .collect();
    assert!(wrong.is_empty(), "not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_gives_nothing_that_is_not_used() {
    let edges = edges();
    let unused: Vec<String> = TABLE
        .iter()
        .flat_map(|(room, permissions)| {
            permissions.iter().map(move |permission| (room, permission))
        })
        .filter(|(room, permission)| {
            !edges
                .iter()
                .any(|(user, used, _)| user == *room && allows(permission, used))
        })
        .map(|(room, permission)| format!("{room} does not use {permission}"))
        .collect();
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

/// Terminal, arguments and progress belong to `cli`; nothing else may know them.
#[test]
fn crates_of_the_terminal_stay_in_cli() {
    const CRATES: [&str; 5] = ["clap", "clap_complete", "console", "dialoguer", "indicatif"];
    for path in sources() {
        if ["cli", "main"].contains(&room_of(&path).as_str()) {
            continue;
        }
        let text = without_comments(&std::fs::read_to_string(&path).unwrap());
        for word in CRATES {
            assert!(
                !text.contains(&format!("{word}::")),
                "{} uses {word}",
                path.display()
            );
        }
    }
}

/// The certificate crates never show outside `x509`, those of TLS only where paths are proved or spoken.
#[test]
fn crates_of_certificates_stay_in_their_rooms() {
    for (word, rooms) in [
        ("x509_parser", &["x509"][..]),
        ("rcgen", &["x509"]),
        ("x509_cert", &["x509"]),
        ("pkcs8", &["x509"]),
        ("rustls_native_certs", &["store"]),
        ("quick_xml", &["wire"]),
        (
            "tokio",
            &["dns", "gateway", "probe", "check", "import", "cli"],
        ),
        ("hickory_resolver", &["dns"]),
        ("cbc", &["x509"]),
        ("des", &["x509"]),
        ("rc2", &["x509"]),
    ] {
        for path in sources() {
            // Tests may build what the product never would.
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = without_comments(&std::fs::read_to_string(&path).unwrap());
            let used = text.match_indices(&format!("{word}::")).any(|(at, _)| {
                !text[..at]
                    .chars()
                    .next_back()
                    .is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            assert!(
                !used || rooms.contains(&room_of(&path).as_str()),
                "{} uses {word}",
                path.display()
            );
        }
    }
}

#[test]
fn paths_are_read_from_groups_and_not_from_prose() {
    let text = without_comments(
        "// crate::nothing\nuse crate::names::{Slug, plan::{a, b}};\nuse crate::{x509::Certificate, store};\nlet x = crate::wire::control::ask(); // crate::y",
    );
    let found: Vec<String> = paths_in(&text).into_iter().map(|(_, path)| path).collect();
    assert_eq!(
        found,
        [
            "names::Slug",
            "names::plan",
            "x509::Certificate",
            "store",
            "wire::control"
        ]
    );
}
