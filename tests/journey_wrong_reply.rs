//! What goes wrong between request and import: each is told in four parts, and nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod world;

use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use world::{OpensslCa, Ran, Window, World};

/// Flags that name the edge.
const EDGE: [&str; 4] = ["--fqdn", "edge.contoso.com", "--sip-domain", "contoso.com"];

/// A world with a request that waits, and the CA that is to answer it.
struct Waiting {
    world: World,
    ca: OpensslCa,
    made: Value,
}

impl Waiting {
    fn new() -> Self {
        let world = World::new();
        let ca = OpensslCa::new(&world, "ca");
        let made = request(&world);
        Self { world, ca, made }
    }

    fn csr(&self) -> PathBuf {
        self.world.path(self.made["csr"].as_str().unwrap())
    }

    fn id(&self) -> &str {
        self.made["id"].as_str().unwrap()
    }

    /// Imports what must be refused, and insists that nothing has changed.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> Ran {
        let before = self.world.files("edgecert.state");
        let ran = self.world.run(&[&["import"], arguments].concat()).ended(1);
        assert_eq!(
            before,
            self.world.files("edgecert.state"),
            "nothing has changed"
        );
        self.world
            .run(&["request", "list"])
            .ended(0)
            .said(self.id());
        assert!(!ran.stderr.contains('\x1b') && !ran.stdout.contains('\x1b'));
        ran
    }
}

fn request(world: &World) -> Value {
    let flags = [&["request", "--json"], &EDGE[..]].concat();
    world.run(&flags).ended(0).json()["result"].clone()
}

fn short(digest: &str) -> &str {
    &digest[..15]
}

#[test]
fn reply_for_another_key_is_refused_word_for_word() {
    let waiting = Waiting::new();
    let elsewhere = World::new();
    let other = request(&elsewhere);
    let reply = waiting
        .ca
        .reply(&elsewhere.path(other["csr"].as_str().unwrap()));
    waiting.world.write("reply.pem", reply);
    let ran = waiting.refused(&["reply.pem"]);
    let key = |made: &Value| short(made["spki_sha256"].as_str().unwrap()).to_owned();
    let expected = format!(
        "error: this certificate does not answer the request {id} of external-edge\n  \
         where  reply.pem, block 1, leaf for edge.contoso.com\n  \
         why    its public key is {theirs}…, the request holds {ours}…\n  \
         mend   import it under the request it answers (`edgecert request list`), or ask the CA to issue again from \
         the CSR of `edgecert request show {id}`\n",
        id = waiting.id(),
        theirs = key(&other),
        ours = key(&waiting.made),
    );
    assert_eq!(ran.stderr, expected);
    let told = waiting
        .world
        .run(&["import", "reply.pem", "--json"])
        .ended(1)
        .json();
    assert_eq!(told["ok"], false);
    assert_eq!(told["exit_code"], 1);
    assert_eq!(told["changed"], false);
    for part in ["code", "what", "where", "why", "mend"] {
        assert!(
            !told["error"][part].as_str().unwrap().is_empty(),
            "{part}: {told:#}"
        );
    }
}

#[test]
fn what_has_ended_is_refused_and_can_be_let_through_knowingly() {
    let waiting = Waiting::new();
    let window = Window("20200101000000Z", "20200401000000Z");
    let leaf = waiting.ca.sign_with(&waiting.csr(), Some(window), &[]);
    waiting.world.write("reply.pem", leaf);
    let ran = waiting.refused(&["reply.pem"]);
    assert!(ran.stderr.contains("validity.expired"), "{}", ran.stderr);
    let told = waiting
        .world
        .run(&["import", "reply.pem", "--json"])
        .ended(1)
        .json();
    assert_eq!(told["findings"][0]["code"], "validity.expired");
    let accept = ["--accept", "validity.expired"];
    waiting
        .world
        .run(&[&["import", "reply.pem"], &accept[..]].concat())
        .ended(64)
        .said("--reason");
    let reason = ["--reason", "kept for the record"];
    waiting
        .world
        .run(&[&["import", "reply.pem"], &accept[..], &reason[..]].concat())
        .ended(0)
        .said("let through");
    waiting
        .world
        .run(&["log", "--json"])
        .ended(0)
        .said("kept for the record");
}

#[test]
fn what_is_not_valid_yet_is_taken_in_and_told_how_to_stage_it() {
    let waiting = Waiting::new();
    let day = time::Duration::DAY;
    let now = time::OffsetDateTime::now_utc();
    let form = time::macros::format_description!("[year][month][day][hour][minute][second]Z");
    let written = |at: time::OffsetDateTime| at.format(form).unwrap();
    let (begin, end) = (written(now + day * 2), written(now + day * 60));
    let leaf = waiting
        .ca
        .sign_with(&waiting.csr(), Some(Window(&begin, &end)), &[]);
    waiting.world.write("reply.pem", leaf);
    let told = waiting
        .world
        .run(&["import", "reply.pem", "--json", "--dry-run"])
        .ended(0)
        .json();
    assert_eq!(told["findings"][0]["code"], "validity.not-yet");
    assert_eq!(told["findings"][0]["severity"], "warning");
    waiting
        .world
        .run(&["import", "reply.pem"])
        .ended(0)
        .said("edgecert assign --effective-date ");
    let accepted = waiting.world.run(&["show", "external-edge", "--json"]);
    assert!(
        !accepted.stdout.contains("validity.not-yet\",\"reason"),
        "{}",
        accepted.stdout
    );
}

#[test]
fn what_is_no_reply_is_told_by_its_kind() {
    let waiting = Waiting::new();
    for (file, text, what, mend) in [
        (
            "h.html",
            "\n<!DOCTYPE html><html><body>Sign in</body></html>",
            "no certificate in h.html: it is a web page",
            "download the reply again",
        ),
        (
            "empty.pem",
            "",
            "no certificate in empty.pem: it is empty",
            "fetch it again",
        ),
        (
            "mail.txt",
            "Dear customer,\n",
            "no certificate in mail.txt: it is text",
            "save the attachment",
        ),
    ] {
        waiting.world.write(file, text);
        let ran = waiting.refused(&[file]);
        let first = ran.stderr.lines().find(|line| line.contains("error: "));
        assert!(first.unwrap().contains(what), "{}", ran.stderr);
        assert!(ran.stderr.contains(mend), "{}", ran.stderr);
    }
    std::fs::create_dir(waiting.world.path("folder")).unwrap();
    let ran = waiting.refused(&["folder"]);
    assert!(
        ran.stderr
            .contains("the folder holds nothing that could be a reply"),
        "{}",
        ran.stderr
    );
    let ran = waiting
        .world
        .run(&["import", "h.html", "--request", "nosuch"])
        .ended(1);
    assert!(
        ran.stderr.contains("given to `edgecert request --out`"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_reply_is_refused_with_its_cause() {
    let waiting = Waiting::new();
    let reply = waiting.ca.sign(&waiting.csr());
    let cut = reply.len() / 2;
    let lines: Vec<&str> = reply.lines().collect();
    let torn = [&lines[..4], &lines[lines.len() - 1..]].concat().join("\n");
    waiting.world.write("half.pem", &reply[..cut]);
    waiting.world.write("torn.pem", torn);
    waiting.world.write(
        "note.txt",
        "Dear customer,\nyour certificate is attached.\n",
    );
    waiting.world.write("empty.pem", "");
    waiting
        .world
        .write("escape.txt", "\x1b[31mred\x1b]0;title\x07\n");
    for file in [
        "half.pem",
        "torn.pem",
        "note.txt",
        "empty.pem",
        "escape.txt",
    ] {
        let ran = waiting.refused(&[file]);
        for part in ["error: ", "  where  ", "  why    ", "  mend   "] {
            assert!(ran.stderr.contains(part), "{file}: {}", ran.stderr);
        }
        assert!(ran.stderr.contains(file), "{file}: {}", ran.stderr);
    }
    let csr = waiting.csr();
    waiting.refused(&[csr.to_str().unwrap()]).said("request");
    waiting
        .refused(&["ca/root.pem"])
        .said("CA certificates alone");
    waiting
        .world
        .run(&["import", "missing.pem"])
        .ended(1)
        .said("missing.pem");
    waiting.refused(&["."]);
}

#[test]
fn a_file_of_a_gibibyte_is_refused_without_being_read() {
    let waiting = Waiting::new();
    let huge = std::fs::File::create(waiting.world.path("huge.pem")).unwrap();
    huge.set_len(1 << 30).unwrap();
    let ran = waiting.refused(&["huge.pem"]);
    assert!(ran.stderr.contains("1073741824"), "{}", ran.stderr);
    waiting
        .world
        .run(&["import", "huge.pem", "--key", "huge.pem"])
        .ended(1);
    // The same through a pipe, which has no size.
    let mut child = waiting
        .world
        .command(&["import", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let block = vec![b'a'; 1 << 20];
    while pipe.write_all(&block).is_ok() {}
    drop(pipe);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn a_key_file_that_exists_is_never_overwritten() {
    let world = World::new();
    for name in ["privkey.pem", "csr.pem", "request.json"] {
        let folder = format!("out-{name}");
        world.write(&format!("{folder}/{name}"), "mine");
        let flags = [&["request"], &EDGE[..], &["--out", &folder]].concat();
        world.run(&flags).ended(1).said("exists already").said(name);
        let files = world.files(&folder);
        assert_eq!(files.len(), 1, "{name}: nothing else was written");
        assert_eq!(files[0].1, b"mine");
    }
    assert!(!world.path("edgecert.state").exists());
}

#[test]
fn names_that_no_dns_knows_are_wrong_usage_and_harm_nothing() {
    let world = World::new();
    let long = format!("{}.contoso.com", "x".repeat(64));
    for (flag, value) in [
        ("--sip-domain", "con\x1b[31mtoso.com"),
        ("--sip-domain", "con\ntoso.com"),
        ("--sip-domain", long.as_str()),
        ("--sip-domain", "../contoso.com"),
        ("--sip-domain", ".."),
        ("--sip-domain", "contoso.com/etc"),
        ("--xmpp-domain", "contoso..com"),
        ("--fqdn", "edge_1.contoso.com/"),
        ("--san", "dns:a\x07b.contoso.com"),
        ("--san", "srv:contoso.com"),
        ("-d", long.as_str()),
        ("--country", "U\x1bS"),
        ("--country", "USA"),
        ("--key-type", "rsa1024"),
        ("--issuer-profile", "../../etc/passwd"),
    ] {
        let mut flags = vec![
            "request",
            "--fqdn",
            "edge.contoso.com",
            "--xmpp-domain",
            "contoso.com",
        ];
        if flag == "--fqdn" {
            flags.drain(1..3);
        }
        flags.extend(
            ["--issuer-profile", "private-xmpp"]
                .iter()
                .filter(|_| flag == "--country"),
        );
        flags.extend([flag, value]);
        let ran = world.run(&flags).ended(64);
        for part in ["error: ", "  why    ", "  mend   "] {
            assert!(
                ran.stderr.contains(part),
                "{flag} {value:?}: {}",
                ran.stderr
            );
        }
        assert!(!ran.stderr.contains(['\x1b', '\x07']), "{flag} {value:?}");
        let told = world
            .run(&[&flags[..], &["--json"]].concat())
            .ended(64)
            .json();
        assert!(
            !told["error"]["mend"].as_str().unwrap().is_empty(),
            "{told:#}"
        );
    }
    for name in [
        "..",
        "../x",
        "a/b",
        "External",
        "list-",
        "a\x1b[31m",
        &"a".repeat(64),
    ] {
        let flags = [&["request", name], &EDGE[..]].concat();
        let ran = world.run(&flags).ended(64);
        assert!(!ran.stderr.contains('\x1b'), "{name:?}");
    }
    assert_eq!(world.files(""), [], "nothing was written");
}

#[test]
fn a_state_folder_that_is_not_ours_is_refused_and_left_alone() {
    let world = World::new();
    world.write("photos/summer.jpg", "a picture");
    let flags = [&["request", "--state", "photos"], &EDGE[..]].concat();
    world
        .run(&flags)
        .ended(3)
        .said("is not a state folder of edgecert")
        .said("--state DIR");
    world.write("x.pem", "a reply");
    world
        .run(&["import", "x.pem", "--state", "photos"])
        .ended(3);
    world
        .run(&["request", "list", "--state", "photos"])
        .ended(3);
    assert_eq!(world.files("photos").len(), 1);
}

#[test]
fn a_stranger_among_the_names_and_a_lost_one_are_told() {
    let waiting = Waiting::new();
    waiting.world.write(
        "ca/few.ext",
        "subjectAltName = DNS:edge.contoso.com, DNS:www.contoso.com\n",
    );
    let more = ["-extfile", "few.ext"];
    let config = std::fs::read_to_string(waiting.world.path("ca/ca.cnf")).unwrap();
    waiting
        .world
        .write("ca/ca.cnf", config.replace("copy_extensions = copy\n", ""));
    let leaf = waiting.ca.sign_with(&waiting.csr(), None, &more);
    waiting.world.write("reply.pem", leaf);
    waiting
        .refused(&["reply.pem"])
        .said("granted.name-lost")
        .said("granted.name-added")
        .said("--accept granted.name-lost --reason TEXT");
}

#[test]
fn a_chain_without_its_intermediate_is_refused_in_a_deployment() {
    let world = World::new();
    let ca = OpensslCa::new(&world, "ca");
    world.deployment(&ca);
    let made = world.run(&["request", "--json"]).ended(0).json();
    world.write(
        "leaf.pem",
        ca.sign(&world.path(made["result"]["csr"].as_str().unwrap())),
    );
    world
        .run(&["import", "leaf.pem"])
        .ended(1)
        .said("Example CA E5");
    world.run(&["import", "leaf.pem", "ca/inter.pem"]).ended(0);
}

/// How many operations of the store a run makes.
fn count(world: &World, arguments: &[&str]) -> usize {
    let notes = world.path("operations");
    let fault = format!("count:{}", notes.display());
    world
        .run_with(arguments, &[("EDGECERT_FAULT", &fault)])
        .ended(0);
    std::fs::read_to_string(notes).unwrap().lines().count()
}

/// The requests of a state: none where there is no state.
fn requests(world: &World) -> Vec<Value> {
    let listed = world
        .run(&["request", "list", "--all", "--json"])
        .ended(0)
        .json();
    listed["result"]["requests"].as_array().unwrap().clone()
}

#[test]
fn a_request_killed_at_any_operation_is_there_whole_or_not_at_all() {
    let flags = [&["request"], &EDGE[..]].concat();
    let operations = count(&World::new(), &flags);
    assert!(operations > 10, "{operations}");
    for number in 1..=operations {
        let world = World::new();
        let fault = format!("kill:{number}");
        world
            .run_with(&flags, &[("EDGECERT_FAULT", &fault)])
            .ended(128 + 9);
        let left = requests(&world);
        assert!(left.len() <= 1, "{number}: {left:?}");
        for one in &left {
            // Whole: the CSR is signed by the key that lies beside it.
            let id = one["id"].as_str().unwrap();
            let shown = world
                .run(&["request", "show", id, "--json"])
                .ended(0)
                .json();
            assert_eq!(shown["result"]["asked"]["signature_ok"], true, "{number}");
            let key = one["key"].as_str().unwrap();
            assert_eq!(
                world.path(key).metadata().unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        // The next run says and finishes what was begun, and ends where an undisturbed one does.
        let next = world
            .run(&[&flags[..], &["--json"]].concat())
            .ended(0)
            .json();
        assert_eq!(next["changed"], left.is_empty(), "{number}");
        assert_eq!(requests(&world).len(), 1, "{number}");
        world.run(&["log"]).ended(0);
        let names: Vec<String> = world
            .files("edgecert.state")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert!(
            !names.iter().any(|name| name.contains(".edgecert-")),
            "{number}: {names:?}"
        );
    }
}

#[test]
fn an_import_killed_at_any_operation_leaves_the_old_or_the_new() {
    let waiting = Waiting::new();
    waiting
        .world
        .write("reply.pem", waiting.ca.reply(&waiting.csr()));
    let fresh = |waiting: &Waiting| {
        let world = World::new();
        let copied = std::process::Command::new("cp")
            .args(["-a", "edgecert.state", "reply.pem"])
            .arg(world.folder())
            .current_dir(waiting.world.folder())
            .status()
            .unwrap();
        assert!(copied.success());
        world
    };
    let import = ["import", "reply.pem"];
    let operations = count(&fresh(&waiting), &import);
    assert!(operations > 10, "{operations}");
    for number in 1..=operations {
        let world = fresh(&waiting);
        let fault = format!("kill:{number}");
        world
            .run_with(&import, &[("EDGECERT_FAULT", &fault)])
            .ended(128 + 9);
        world.run(&import).ended(0);
        let requests = requests(&world);
        assert_eq!(requests.len(), 1, "{number}");
        assert_eq!(requests[0]["state"], "answered", "{number}");
        assert_eq!(requests[0]["answered_by"], 1, "{number}");
        let keys: Vec<String> = world
            .files("edgecert.state")
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.ends_with("privkey.pem"))
            .collect();
        assert_eq!(
            keys,
            ["edgecert.state/archive/external-edge/1/privkey.pem"],
            "{number}"
        );
        world.run(&["log"]).ended(0);
    }
}

#[test]
fn a_full_disk_fails_with_everything_as_it_was() {
    let waiting = Waiting::new();
    waiting
        .world
        .write("reply.pem", waiting.ca.reply(&waiting.csr()));
    let another = [&["request", "--another"], &EDGE[..]].concat();
    let without_lock = |world: &World| {
        let mut files = world.files("edgecert.state");
        files.retain(|(name, _)| !name.ends_with("/lock"));
        files
    };
    let before = without_lock(&waiting.world);
    for arguments in [&another[..], &["import", "reply.pem"]] {
        for number in 1..40 {
            let fault = format!("enospc:{number}");
            let ran = waiting
                .world
                .run_with(arguments, &[("EDGECERT_FAULT", &fault)]);
            if ran.code == 0 {
                break;
            }
            assert_eq!(ran.code, 3, "{number}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("no space left"),
                "{number}: {}",
                ran.stderr
            );
            assert!(
                ran.stderr.contains("nothing was changed; free space"),
                "{number}: {}",
                ran.stderr
            );
            if arguments[0] == "request" {
                assert_eq!(before, without_lock(&waiting.world), "{number}");
            }
        }
    }
    waiting.world.run(&["log"]).ended(0);
    waiting
        .world
        .run(&["import", "reply.pem"])
        .ended(0)
        .said("nothing to do");
}

#[test]
fn a_full_disk_leaves_no_part_of_a_request_folder() {
    let flags = [&["request"], &EDGE[..], &["--out", "deep/out"]].concat();
    for number in 1..40 {
        let world = World::new();
        let fault = format!("enospc:{number}");
        let ran = world.run_with(&flags, &[("EDGECERT_FAULT", &fault)]);
        if ran.code == 0 {
            assert!(number > 5);
            assert_eq!(world.files("deep").len(), 3);
            return;
        }
        assert_eq!(ran.code, 3, "{number}: {}", ran.stderr);
        assert!(!world.path("deep").exists(), "{number}");
    }
}

#[test]
fn two_requests_at_once_are_one() {
    let world = World::new();
    let flags = [&["request", "--json"], &EDGE[..]].concat();
    let children: Vec<_> = (0..4)
        .map(|_| {
            world
                .command(&flags)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut changed = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        changed += usize::from(document["changed"] == true);
    }
    assert_eq!(changed, 1);
    assert_eq!(requests(&world).len(), 1);
}
