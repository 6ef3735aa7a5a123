//! What a killed `assign` left behind, where the next run must not go forward: everything goes back, and the one after
//! it begins anew. And files that nobody else has are never lost.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::Fingerprint;
use servers::Lab;
use servers::harm::lying;
use servers::mini::Site;
use world::ports::free_addresses;

/// A site with a first generation assigned, and a second one imported.
struct Edge {
    lab: Lab,
    site: Site,
    first: Fingerprint,
}

impl Edge {
    fn new() -> Self {
        let lab = Lab::new();
        let address = free_addresses(1)[0];
        let site = Site::new(&lab, address);
        lab.deployment(&[
            site.gateway(address, ""),
            "\n[assign]\nprove-within = \"3s\"\n".to_owned(),
        ]);
        let first = lab.imported(&["--key-type", "ec256"]);
        lab.world.run(&["assign"]).ended(0);
        lab.imported(&["--key-type", "ec256"]);
        Self { lab, site, first }
    }

    /// `assign` is killed by its own reload command, after the files were written.
    fn killed(&self) {
        self.site
            .harm
            .arm("", &self.site.key, "kill -9 $PPID; exit 0");
        let ran = self.lab.world.run(&["assign"]);
        assert_eq!(ran.code, 128 + 9, "{ran:?}");
        assert!(self.site.harm.is_spent());
    }

    #[track_caller]
    fn is_back(&self, before: &[(std::path::PathBuf, Vec<u8>, u32, u32, u32)], live: &str) {
        assert_eq!(lying_of(&self.site), before);
        let link = self.lab.world.path("edgecert.state/live/external-edge");
        assert_eq!(std::fs::read_link(link).unwrap().to_str(), Some(live));
        let left = self.lab.world.files("edgecert.state/transactions");
        assert!(left.is_empty(), "{left:?}");
        let shown = self.lab.trust.handshake(&self.site.server.listener);
        assert_eq!(shown, Ok(self.first));
    }
}

/// Path, bytes, mode, owner and group of each file of the site.
fn lying_of(site: &Site) -> Vec<(std::path::PathBuf, Vec<u8>, u32, u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let files = site.files();
    files
        .iter()
        .map(|path| {
            let there = std::fs::metadata(path).unwrap();
            (
                path.to_path_buf(),
                std::fs::read(path).unwrap(),
                there.mode(),
                there.uid(),
                there.gid(),
            )
        })
        .collect()
}

#[test]
fn a_table_that_is_gone_since_the_kill_is_no_reason_to_call_half_a_state_whole() {
    let edge = Edge::new();
    let before = lying_of(&edge.site);
    edge.killed();
    assert_ne!(lying_of(&edge.site), before);
    let text = edge.lab.world.read("edgecert.toml");
    let without = text.split("\n[gateway.").next().unwrap().to_owned()
        + "\n[assign]\nprove-within = \"3s\"\n";
    edge.lab.world.write("edgecert.toml", without);
    let ran = edge.lab.world.run(&["assign", "--json"]).ended(4).json();
    assert_eq!(ran["error"]["code"], "assign.put-back", "{ran:#}");
    edge.is_back(&before, "../archive/external-edge/1");
    edge.lab.world.write("edgecert.toml", text);
    edge.lab.world.run(&["assign"]).ended(0);
}

#[test]
fn a_key_that_was_barred_since_the_kill_is_not_served_by_the_run_that_takes_it_up() {
    let edge = Edge::new();
    let before = lying_of(&edge.site);
    edge.killed();
    let marked = edge.lab.world.run(&[
        "rekey",
        "external-edge/2",
        "--compromised",
        "--reason",
        "a test",
        "--json",
    ]);
    assert_eq!(marked.code, 0, "{marked:?}");
    let ran = edge
        .lab
        .world
        .run(&["assign", "external-edge/1", "--json"])
        .ended(4)
        .json();
    assert_eq!(ran["error"]["code"], "assign.put-back", "{ran:#}");
    edge.is_back(&before, "../archive/external-edge/1");
}

#[test]
fn files_that_this_state_did_not_write_are_kept_when_they_are_replaced() {
    let lab = Lab::new();
    let address = free_addresses(1)[0];
    let site = Site::new(&lab, address);
    let foreign = lying(&site.files());
    let key = std::fs::read(&site.key).unwrap();
    lab.deployment(&[site.gateway(address, "")]);
    lab.imported(&["--key-type", "ec256"]);
    lab.world
        .run(&["assign", "--dry-run"])
        .ended(0)
        .said("2 files that this state did not write would be replaced, and kept below edgecert.state/replaced");
    assert_eq!(lying(&site.files()), foreign);
    let done = lab.world.run(&["assign", "--json"]).ended(0).json();
    assert_ne!(lying(&site.files()), foreign);
    let told = done["findings"].to_string();
    assert!(
        told.contains("are kept in edgecert.state/replaced/"),
        "{told}"
    );
    let codes: Vec<&str> = done["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    assert!(codes.contains(&"gateway.pair-replaced"), "{codes:?}");
    let kept = lab.world.files("edgecert.state/replaced");
    assert!(kept.iter().any(|(_, bytes)| *bytes == key), "the old key");
    // The next one replaces what this state wrote.
    lab.imported(&["--key-type", "ec256"]);
    lab.world.run(&["assign"]).ended(0);
    assert_eq!(lab.world.files("edgecert.state/replaced").len(), kept.len());
}
