//! What the product tells people to run exists: every `edgecert WORD` in a message, a page or a template is a command.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use edgecert::deployment::KindWord;
use edgecert::request::IssuerProfile;
use std::path::{Path, PathBuf};
use world::World;

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts(&path, found);
        } else if ["rs", "md", "toml", "service", "timer", "yml", "cfg", "sh"]
            .iter()
            .any(|kind| path.extension().is_some_and(|found| found == *kind))
        {
            found.push(path);
        }
    }
}

#[test]
fn every_command_that_is_named_in_backticks_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = ["README.md", "CONTRIBUTING.md"]
        .map(|name| root.join(name))
        .to_vec();
    for folder in ["src", "docs", "templates", "examples"] {
        texts(&root.join(folder), &mut files);
    }
    let help = World::new().run(&["--help"]).ended(0).stdout;
    let known: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(known.len() > 20, "{known:?}");
    let mut named = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for after in text.split("`edgecert ").skip(1) {
            let word: String = after
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            // A placeholder such as {command}, or a flag.
            if word.is_empty() || word.starts_with('-') {
                continue;
            }
            named += 1;
            assert!(
                known.contains(&word.as_str()),
                "{}: `edgecert {word}`",
                file.display()
            );
        }
    }
    assert!(named > 60, "only {named} commands were found");
}

#[test]
fn every_crate_that_is_built_in_is_named_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let (manifest, readme) = (read("Cargo.toml"), read("README.md"));
    let (_, told) = readme.split_once("## Dependencies").unwrap();
    let told: Vec<&str> = told
        .split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c))
        .collect();
    let mut section = "";
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let ("[dependencies]" | "[dev-dependencies]", Some((name, rest))) =
            (section, line.split_once(" = "))
            && !name.starts_with('#')
        {
            let package = rest
                .split_once("package = \"")
                .and_then(|(_, rest)| rest.split('"').next());
            let name = package.unwrap_or(name);
            assert!(told.contains(&name), "README.md does not name {name}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn security_md_names_limits_that_exist_and_every_fuzz_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut sources = Vec::new();
    texts(&root.join("src"), &mut sources);
    let code: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let mut named = 0;
    for span in told.split('`').skip(1).step_by(2) {
        let limit = span.rsplit("::").next().unwrap();
        if limit.starts_with("MAX_") {
            named += 1;
            assert!(code.contains(&format!("const {limit}:")), "{span}");
        }
    }
    assert!(named > 80, "{named}");
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let targets: Vec<&str> = manifest
        .lines()
        .filter_map(|line| {
            line.strip_prefix("path = \"fuzz_targets/")?
                .strip_suffix(".rs\"")
        })
        .collect();
    assert!(targets.len() > 20, "{targets:?}");
    for target in targets {
        assert!(told.contains(&format!("`{target}`")), "{target}");
    }
}

#[test]
fn the_page_of_the_wizard_in_the_readme_is_one_that_it_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    // The rows below the last word are left out.
    let is_frame = |line: &&str| !line.trim_matches(['│', ' ']).is_empty();
    let page = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(['┌', '│', '└']));
        lines.filter(is_frame).map(str::to_owned).collect()
    };
    let readme = page(&read("README.md"));
    assert!(readme.len() > 10, "{readme:?}");
    let pages = root.join("docs/wizard/en");
    let shown = std::fs::read_dir(pages).unwrap().any(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        page(&text) == readme
    });
    assert!(shown, "{readme:#?}");
}

#[test]
fn every_link_leads_to_a_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| root.join(name))
        .to_vec();
    texts(&root.join("docs"), &mut files);
    texts(&root.join("examples"), &mut files);
    files.retain(|file| file.extension().is_some_and(|kind| kind == "md"));
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let folder = file.parent().unwrap();
        let linked = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        let shown = ["src=\"", "srcset=\""].map(|key| text.split(key).skip(1));
        let shown = shown
            .into_iter()
            .flatten()
            .filter_map(|rest| rest.split('"').next());
        for link in linked.chain(shown) {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            count += 1;
            assert!(folder.join(link).exists(), "{}: {link}", file.display());
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn every_profile_and_every_kind_of_gateway_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let profiles = read("docs/profiles.md");
    for name in IssuerProfile::names() {
        assert!(profiles.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    let (deployment, gateways) = (read("templates/edgecert.toml"), read("docs/gateways.md"));
    for kind in KindWord::ALL.map(KindWord::word) {
        let table = format!("# [gateway.{kind}.");
        assert!(deployment.contains(&table), "{kind}");
        assert!(gateways.to_lowercase().contains(kind), "{kind}");
    }
}
