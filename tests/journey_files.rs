//! Gateways of kind `files`, with a server of the test behind them: whatever goes wrong, the certificate before is served
//! and its files lie there as they did; and what cannot be brought back is told.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "servers/mod.rs"]
mod servers;
mod world;

use edgecert::x509::{Fingerprint, KeyType};
use rustix::fs::{XattrFlags, setxattr};
use serde_json::Value;
use servers::Lab;
use servers::harm::{failure, lying, told};
use servers::mini::{Mini, Site};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use world::ports::free_addresses;

/// For what happens in another process.
const WITHIN: Duration = Duration::from_secs(30);

/// A site that is assigned a first generation, and has a second one to be assigned.
struct Edge {
    lab: Lab,
    site: Site,
    first: Fingerprint,
    second: Fingerprint,
}

impl Edge {
    /// `more` are keys of the gateway's table.
    fn new(more: &str) -> Self {
        Self::proved_within("3s", more)
    }

    fn proved_within(within: &str, more: &str) -> Self {
        let lab = Lab::new();
        let address = free_addresses(1)[0];
        let site = Site::new(&lab, address);
        Self::of(lab, site, address, within, more)
    }

    fn of(lab: Lab, site: Site, prove: SocketAddr, within: &str, more: &str) -> Self {
        lab.deployment(&[
            site.gateway(prove, more),
            format!("\n[assign]\nprove-within = \"{within}\"\n"),
        ]);
        let first = lab.imported(&["--key-type", "ec256"]);
        lab.world.run(&["assign"]).ended(0);
        let second = lab.imported(&["--key-type", "ec256"]);
        let edge = Self {
            lab,
            site,
            first,
            second,
        };
        edge.serves(first);
        edge
    }

    #[track_caller]
    fn serves(&self, leaf: Fingerprint) {
        let shown = self.lab.trust.handshake(&self.site.server.listener);
        assert_eq!(shown, Ok(leaf));
    }

    fn live(&self) -> String {
        let link = self.lab.world.path("edgecert.state/live/external-edge");
        std::fs::read_link(link).unwrap().display().to_string()
    }

    /// Nothing is left of a transaction.
    #[track_caller]
    fn is_at_rest(&self) {
        let left = self.lab.world.files("edgecert.state/transactions");
        assert!(left.is_empty(), "{left:?}");
        let tls = self.lab.world.files("site/tls");
        assert_eq!(tls.len(), 2, "{tls:?}");
        self.lab.world.run(&["log"]).ended(0);
    }

    /// Does harm between write and reload; everything is as before then.
    #[track_caller]
    fn harmed(&self, lines: &str, code: i32) -> Value {
        let before = lying(&self.site.files());
        self.site.harm.arm("", &self.site.key, lines);
        let document = failure(&self.lab, &["assign"], code);
        assert!(self.site.harm.is_spent(), "{document:#}");
        assert_eq!(lying(&self.site.files()), before, "{lines}");
        assert_eq!(self.live(), "../archive/external-edge/1");
        self.is_at_rest();
        document
    }

    /// A command that runs meanwhile.
    fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.lab.world.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

#[track_caller]
fn wait_until(what: &str, mut look: impl FnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !look() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn words_of(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn whatever_happens_to_the_files_before_the_reload_is_undone() {
    let edge = Edge::new("");
    let other = edge.lab.generation(KeyType::Ec256).key;
    let other_type = edge.lab.generation(KeyType::Rsa2048).key;
    edge.lab.world.write("other.key", other);
    edge.lab.world.write("other-type.key", other_type);
    let (key, certificate) = (
        edge.site.key.display().to_string(),
        edge.site.certificate.display().to_string(),
    );
    let other = |name: &str| format!("cp '{}' '{key}'", edge.lab.world.path(name).display());
    for (name, lines) in [
        ("another key of the same type", other("other.key")),
        ("a key of another type", other("other-type.key")),
        (
            "a cut certificate",
            format!("truncate -s 300 '{certificate}'"),
        ),
        ("an empty certificate", format!(": > '{certificate}'")),
        ("a cut key", format!("truncate -s 100 '{key}'")),
        (
            "an encrypted key",
            format!(
                "openssl pkcs8 -topk8 -in '{key}' -passout pass:x -out '{key}.e' && mv '{key}.e' '{key}'"
            ),
        ),
        ("a missing key", format!("rm '{key}'")),
        ("a missing certificate", format!("rm '{certificate}'")),
        (
            "another owner and mode",
            format!("chmod 777 '{key}'; : > '{key}'"),
        ),
    ] {
        let document = edge.harmed(&lines, 3);
        assert_eq!(document["changed"], false, "{name}: {document:#}");
        assert_eq!(document["result"]["standings"][0]["proved"], true, "{name}");
        edge.serves(edge.first);
    }
    edge.lab.world.run(&["assign"]).ended(0);
    edge.serves(edge.second);
}

#[test]
fn reload_that_fails_hangs_or_does_nothing_is_told_as_what_it_is() {
    let edge = Edge::new("timeout = \"1s\"\n");
    for (lines, code, why) in [
        (
            "echo 'no room for it' >&2; exit 7",
            "assign.program-failed",
            ["it ended with status 7", "no room for it"],
        ),
        (
            "exec sleep 60",
            "assign.program-failed",
            ["it did not end within 1 s", ""],
        ),
        (
            "kill -9 $$",
            "assign.program-failed",
            ["it was ended by a signal", ""],
        ),
        (
            "exec yes",
            "assign.program-failed",
            ["it said more than", ""],
        ),
        (
            "exit 0",
            "assign.not-proved",
            ["it still shows the leaf", &edge.first.short()],
        ),
    ] {
        let error = edge.harmed(lines, 3)["error"].clone();
        assert_eq!(error["code"], code, "{lines}: {error:#}");
        for part in why {
            assert!(
                error["why"].as_str().unwrap().contains(part),
                "{lines}: {error:#}"
            );
        }
        assert!(
            error["where"]
                .as_str()
                .unwrap()
                .contains("gateway \"site\""),
            "{error:#}"
        );
        edge.serves(edge.first);
    }
    edge.site.harm.arm("", &edge.site.key, "exit 0");
    let said = told(&edge.lab, &["assign"], 3);
    for part in [
        "error: not assigned; every gateway serves generation 1 as before",
        "where  gateway \"site\", listener tls",
        "rolling back",
        "as before",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    edge.serves(edge.first);
}

#[test]
fn reload_command_that_is_not_there_is_refused_before_anything_is_touched() {
    let edge = Edge::new("");
    let text = edge.lab.world.read("edgecert.toml");
    let named = format!("reload = {:?}", edge.site.harm.words());
    assert!(text.contains(&named));
    let text = text.replace(&named, "reload = [\"/none/such\"]");
    edge.lab.world.write("edgecert.toml", text);
    let before = lying(&edge.site.files());
    for words in [&["assign"][..], &["assign", "--dry-run"]] {
        let document = failure(&edge.lab, words, 1);
        let why = document["error"]["why"].as_str().unwrap();
        assert!(why.contains("there is no such program"), "{document:#}");
        assert_eq!(document["changed"], false);
    }
    assert_eq!(lying(&edge.site.files()), before);
    edge.serves(edge.first);
}

#[test]
fn server_that_is_dead_before_is_not_touched_and_one_that_dies_is_told() {
    let mut edge = Edge::new("");
    let address = edge.site.server.listener.address;
    let dead = edge.lab.world.path("site/dead");
    let before = lying(&edge.site.files());
    edge.site
        .harm
        .arm("", &edge.site.key, &format!("touch '{}'", dead.display()));
    let document = failure(&edge.lab, &["assign"], 4);
    assert_eq!(document["changed"], true);
    let error = &document["error"];
    assert!(
        error["what"]
            .as_str()
            .unwrap()
            .starts_with("not everything is as it was"),
        "{error:#}"
    );
    let why = error["why"].as_str().unwrap();
    assert!(
        why.contains(&format!("tls {address} example.test is dark")),
        "{why}"
    );
    assert_eq!(document["result"]["standings"][0]["proved"], false);
    assert_eq!(lying(&edge.site.files()), before);
    assert_eq!(edge.live(), "../archive/external-edge/1");

    let state = edge.lab.world.files("edgecert.state");
    let document = failure(&edge.lab, &["assign"], 1);
    assert_eq!(document["error"]["code"], "assign.gateway-not-running");
    assert_eq!(document["changed"], false);
    assert_eq!(lying(&edge.site.files()), before);
    assert_eq!(edge.lab.world.files("edgecert.state"), state);

    edge.site.start_again(address);
    edge.lab.world.run(&["assign"]).ended(0);
    edge.serves(edge.second);
}

#[test]
fn port_that_another_process_answers_is_found_by_every_address_of_it() {
    let lab = Lab::new();
    let everywhere = SocketAddr::from(([0, 0, 0, 0], free_addresses(1)[0].port()));
    let site = Site::new(&lab, everywhere);
    let edge = Edge::of(lab, site, everywhere, "2s", "");
    let before = lying(&edge.site.files());
    // A stranger on the address that is reached, in front of the one on all addresses.
    let stranger = edge.lab.world.path("stranger");
    std::fs::create_dir_all(&stranger).unwrap();
    std::fs::write(
        stranger.join("loaded.pem"),
        edge.lab.generation(KeyType::Ec256).combined(),
    )
    .unwrap();
    let reached = edge.site.server.listener.address;
    let other = Mini::start(&stranger, reached);
    let document = failure(&edge.lab, &["assign"], 3);
    let error = &document["error"];
    assert_eq!(error["code"], "assign.not-proved", "{document:#}");
    assert!(
        error["where"]
            .as_str()
            .unwrap()
            .contains(&reached.to_string()),
        "{error:#}"
    );
    assert_eq!(lying(&edge.site.files()), before);
    drop(other);
    edge.serves(edge.first);
    edge.lab.world.run(&["assign"]).ended(0);
    edge.serves(edge.second);
}

#[test]
fn file_that_someone_else_changed_is_written_over_only_knowingly() {
    let edge = Edge::new("");
    std::fs::write(
        &edge.site.certificate,
        edge.lab.generation(KeyType::Ec256).fullchain,
    )
    .unwrap();
    let before = lying(&edge.site.files());
    let document = failure(&edge.lab, &["assign"], 1);
    let findings = document["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|one| one["code"] == "gateway.destination-changed"),
        "{document:#}"
    );
    assert!(
        document["error"]["mend"]
            .as_str()
            .unwrap()
            .contains("--accept gateway.destination-changed")
    );
    assert_eq!(lying(&edge.site.files()), before);
    edge.serves(edge.first);
    edge.lab
        .world
        .run(&["assign", "--accept", "gateway.destination-changed"])
        .ended(64);
    let accepted = [
        "assign",
        "--accept",
        "gateway.destination-changed",
        "--reason",
        "it was a trial",
    ];
    // What is undone is undone to the file of the other.
    edge.site.harm.arm("", &edge.site.key, "exit 7");
    failure(&edge.lab, &accepted, 4);
    assert_eq!(lying(&edge.site.files()), before);
    edge.lab.world.run(&accepted).ended(0);
    edge.serves(edge.second);
    edge.lab.world.run(&["log"]).ended(0).said("it was a trial");
}

/// The server has read them and serves on; its next restart would not.
#[test]
fn file_that_changed_or_went_since_is_told_by_check_and_mended_by_assign() {
    let edge = Edge::new("");
    let world = &edge.lab.world;
    let quiet = world.run(&["check", "--json"]).json();
    let changed = |document: &Value| {
        let all = document["findings"].as_array().unwrap();
        let ours = all
            .iter()
            .filter(|one| one["code"] == "gateway.destination-changed");
        ours.cloned().collect::<Vec<Value>>()
    };
    assert_eq!(changed(&quiet), [Value::Null; 0], "{quiet:#}");
    let path = edge.site.certificate.display().to_string();
    std::fs::write(&edge.site.certificate, "spoiled").unwrap();
    let told = changed(&world.run(&["check", "--json"]).json());
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["severity"], "warning");
    assert!(told[0]["place"].as_str().unwrap().contains(&path));
    std::fs::remove_file(&edge.site.certificate).unwrap();
    let told = changed(&world.run(&["check", "--json"]).json());
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["why"].as_str().unwrap().contains("not there"));
    edge.serves(edge.first);
    // The mend, word by word.
    world
        .run(&[
            "assign",
            "external-edge/1",
            "--accept",
            "gateway.destination-changed",
            "--reason",
            "it went",
        ])
        .ended(0);
    assert_eq!(changed(&world.run(&["check", "--json"]).json()).len(), 0);
}

#[test]
fn bind_mounted_file_is_refused_with_the_remedy() {
    let edge = Edge::new("");
    if !rustix::process::geteuid().is_root() {
        // Only root mounts. The same without rights: a unit test of `is_mount_point` in src/assign/destination.rs.
        return;
    }
    let source = edge.lab.world.path("source.pem");
    std::fs::copy(&edge.site.certificate, &source).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        let last = edge.site.certificate.as_os_str();
        command
            .args(&words[1..])
            .arg(last)
            .status()
            .unwrap()
            .success()
    };
    if !run(&["mount", "--bind", source.to_str().unwrap()]) {
        // A container without CAP_SYS_ADMIN.
        return;
    }
    let before = lying(&edge.site.files());
    let document = failure(&edge.lab, &["assign"], 1);
    let after = lying(&edge.site.files());
    assert!(run(&["umount"]));
    assert_eq!(
        document["error"]["code"], "assign.destination",
        "{document:#}"
    );
    assert!(
        document["error"]["why"]
            .as_str()
            .unwrap()
            .contains("a bind mount")
    );
    assert!(
        document["error"]["mend"]
            .as_str()
            .unwrap()
            .contains("mount its folder")
    );
    assert_eq!(after, before);
    edge.serves(edge.first);
    edge.lab.world.run(&["assign"]).ended(0);
}

#[test]
fn link_stays_and_the_file_that_it_leads_to_is_replaced() {
    let edge = Edge::new("");
    let real = edge.lab.world.path("site/real.pem");
    std::fs::rename(&edge.site.certificate, &real).unwrap();
    std::os::unix::fs::symlink("../real.pem", &edge.site.certificate).unwrap();
    let before = lying(&edge.site.files());
    edge.site.harm.arm("", &edge.site.key, "exit 1");
    failure(&edge.lab, &["assign"], 3);
    assert_eq!(lying(&edge.site.files()), before);
    edge.lab.world.run(&["assign"]).ended(0);
    edge.serves(edge.second);
    let now = lying(&edge.site.files());
    assert_eq!(
        std::fs::read_link(&edge.site.certificate).unwrap(),
        Path::new("../real.pem")
    );
    assert_ne!(now, before);
    assert!(!real.is_symlink());
}

#[test]
fn links_that_lead_to_another_tools_files_or_nowhere_are_refused() {
    for (target, part) in [
        ("etc/letsencrypt/live/example.test/fullchain.pem", "certbot"),
        ("nowhere.pem", "leads nowhere"),
    ] {
        let edge = Edge::new("");
        let file = edge.lab.world.path(target);
        if target != "nowhere.pem" {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::copy(&edge.site.certificate, &file).unwrap();
        }
        std::fs::remove_file(&edge.site.certificate).unwrap();
        std::os::unix::fs::symlink(&file, &edge.site.certificate).unwrap();
        let key = lying(&[&edge.site.key]);
        let document = failure(&edge.lab, &["assign"], 1);
        let error = &document["error"];
        assert_eq!(error["code"], "assign.destination", "{document:#}");
        assert!(error["why"].as_str().unwrap().contains(part), "{error:#}");
        assert_eq!(std::fs::read_link(&edge.site.certificate).unwrap(), file);
        assert_eq!(lying(&[&edge.site.key]), key);
        edge.serves(edge.first);
    }
}

#[test]
fn attributes_stay_with_the_files_forth_and_back() {
    let edge = Edge::new("");
    std::fs::set_permissions(&edge.site.key, PermissionsExt::from_mode(0o640)).unwrap();
    setxattr(
        &edge.site.key,
        "user.kept-for",
        b"the mail server",
        XattrFlags::empty(),
    )
    .unwrap();
    // `u::rw-,u:nobody:r--,g::---,m::r--,o::---`, as setfacl writes it: version 2, then tag, rights and id of each.
    let entries: [(u16, u16, u32); 5] = [
        (1, 6, !0),
        (2, 4, 65534),
        (4, 0, !0),
        (16, 4, !0),
        (32, 0, !0),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let access = setxattr(
        &edge.site.key,
        "system.posix_acl_access",
        &list,
        XattrFlags::empty(),
    );
    let expected = if access.is_ok() { 2 } else { 1 };
    let before = lying(&edge.site.files());
    edge.site.harm.arm("", &edge.site.key, "exit 1");
    failure(&edge.lab, &["assign"], 3);
    assert_eq!(lying(&edge.site.files()), before);
    edge.lab.world.run(&["assign"]).ended(0);
    edge.serves(edge.second);
    let names = |lies: &[servers::harm::Lies]| lies[0].attributes().to_vec();
    assert_eq!(names(&before).len(), expected);
    assert_eq!(names(&lying(&edge.site.files())), names(&before));
}

#[test]
fn two_states_take_turns_at_one_destination() {
    let edge = Edge::new("");
    // A copy of deployment and state is another state of its own.
    let other = edge.lab.world.path("other");
    std::fs::create_dir_all(&other).unwrap();
    for name in ["edgecert.state", "edgecert.toml"] {
        let ended = Command::new("cp")
            .arg("-a")
            .arg(edge.lab.world.path(name))
            .arg(other.join(name))
            .status();
        assert!(ended.unwrap().success());
    }
    let (begun, go) = (edge.lab.world.path("begun"), edge.lab.world.path("go"));
    let lines = format!(
        "touch '{}'; while [ ! -e '{}' ]; do sleep 0.01; done",
        begun.display(),
        go.display()
    );
    edge.site.harm.arm("", &edge.site.key, &lines);
    let one = edge.spawn(&["assign"]);
    wait_until("the first reload", || begun.exists());
    let mut waiting = edge.lab.world.command(&[
        "--config",
        "other/edgecert.toml",
        "assign",
        "external-edge/1",
        "--json",
    ]);
    waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let refused = waiting.output().unwrap();
    let said = words_of(&refused);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("store.folder-locked"), "{said}");
    let two = waiting.spawn().unwrap();
    std::fs::write(&go, "").unwrap();
    let one = one.wait_with_output().unwrap();
    assert_eq!(one.status.code(), Some(0), "{}", words_of(&one));
    // What the first one wrote was not written by the second state.
    let two = two.wait_with_output().unwrap();
    let said = words_of(&two);
    assert_eq!(two.status.code(), Some(1), "{said}");
    assert!(said.contains("gateway.destination-changed"), "{said}");
    edge.serves(edge.second);
}

#[test]
fn interrupt_within_the_proof_puts_everything_back() {
    let edge = Edge::proved_within("60s", "");
    let before = lying(&edge.site.files());
    edge.site.harm.arm("", &edge.site.key, "exit 0");
    let assign = edge.spawn(&["assign", "--json"]);
    wait_until("the reload", || edge.site.harm.is_spent());
    let greeted = edge.site.server.greeted();
    wait_until("the proof", || edge.site.server.greeted() > greeted + 1);
    let pid = rustix::process::Pid::from_child(&assign);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = assign.wait_with_output().unwrap();
    let said = words_of(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(lying(&edge.site.files()), before);
    assert_eq!(edge.live(), "../archive/external-edge/1");
    edge.is_at_rest();
    edge.serves(edge.first);
}

/// Where a command is killed, and the harm that holds it there, if any.
struct Kill {
    when: &'static str,
    lines: Option<&'static str>,
}

#[test]
fn kill_at_each_step_is_finished_by_the_next_run() {
    let edge = Edge::new("");
    let world = &edge.lab.world;
    let transaction = world.path("edgecert.state/transactions/external-edge");
    let live = world.path("edgecert.state/live/external-edge");
    let target = |number: u32| format!("../archive/external-edge/{number}");
    let steps = [
        Kill {
            when: "intent",
            lines: None,
        },
        Kill {
            when: "live",
            lines: None,
        },
        Kill {
            when: "kept the key",
            lines: None,
        },
        Kill {
            when: "kept both",
            lines: None,
        },
        Kill {
            when: "wrote the key",
            lines: None,
        },
        Kill {
            when: "wrote both",
            lines: None,
        },
        Kill {
            when: "reload began",
            lines: Some("kill -9 $PPID; exit 0"),
        },
        Kill {
            when: "reload ended",
            lines: Some(
                "cat site/tls/edge.pem site/tls/edge.key > site/l && mv site/l site/loaded.pem; kill -9 $PPID; exit 0",
            ),
        },
        Kill {
            when: "proof",
            lines: Some("exit 0"),
        },
    ];
    let leaves = [edge.first, edge.second];
    for (round, step) in steps.iter().enumerate() {
        let (from, to) = (1 + round % 2, 2 - round % 2);
        let before = lying(&edge.site.files());
        let word = format!("external-edge/{to}");
        if let Some(lines) = step.lines {
            let lines = format!("cd '{}'; {lines}", world.folder().display());
            edge.site.harm.arm("", &edge.site.key, &lines);
        }
        let greeted = edge.site.server.greeted();
        let mut assign = edge.spawn(&["assign", &word]);
        let reached = || {
            let changed = |file: usize| {
                std::fs::read(edge.site.files()[file])
                    .ok()
                    .is_some_and(|bytes| bytes != *before[file].bytes())
            };
            match step.when {
                "intent" => transaction.exists(),
                "live" => std::fs::read_link(&live)
                    .is_ok_and(|link| link == Path::new(&target(to as u32))),
                "kept the key" => transaction.join("kept-0.json").exists(),
                "kept both" => transaction.join("kept-1.json").exists(),
                "wrote the key" => changed(0),
                "wrote both" => changed(1),
                "proof" => edge.site.harm.is_spent() && edge.site.server.greeted() > greeted + 3,
                _ => false,
            }
        };
        let deadline = Instant::now() + WITHIN;
        while assign.try_wait().unwrap().is_none() && !reached() {
            assert!(Instant::now() < deadline, "{}", step.when);
            std::hint::spin_loop();
        }
        let _ = assign.kill();
        let ended = assign.wait().unwrap();
        assert!(
            !ended.success() || step.lines.is_none(),
            "{} was not reached",
            step.when
        );
        // Served without a break, whichever it is.
        let shown = edge.lab.trust.handshake(&edge.site.server.listener);
        assert!(
            shown.as_ref().is_ok_and(|leaf| leaves.contains(leaf)),
            "{}: {shown:?}",
            step.when
        );
        world.run(&["log"]).ended(0);
        let ran = world.run(&["assign", &word]);
        assert_eq!(ran.code, 0, "{}: {}{}", step.when, ran.stdout, ran.stderr);
        edge.serves(leaves[to - 1]);
        assert_eq!(edge.live(), target(to as u32), "{}", step.when);
        assert_ne!(from, to);
        edge.is_at_rest();
    }
}
