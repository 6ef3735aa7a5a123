//! The state under `kill -9`: every change is killed at every operation of the store, in a child process, and the
//! next command must find the old state or the new one, every key, and a journal that holds.
//!
//! The child is this test binary again (`child_process` with its orders in the environment).
#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used)]

use edgecert::names::Slug;
use edgecert::store::atomic::{self, Overwrite, Placement};
use edgecert::store::{
    AssignmentRecord, CertificateSummary, GenerationRecord, IntentKind, IntentRecord, JournalState,
    KeySource, Lease, NextKeyRecord, RequestRecord, RequestState, Source, Store, StoreError,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-20 10:00 UTC);
const PATIENCE: Duration = Duration::from_secs(60);
const SIGKILL: i32 = 9;
const PENDING: &str = "2026-11-20-2";

fn edge() -> Slug {
    Slug::parse("edge").unwrap()
}

fn request_of(certificate: &str) -> RequestRecord {
    RequestRecord {
        certificate: certificate.into(),
        id: String::new(),
        created: NOW,
        issuer_profile: "public-dv".into(),
        key_type: "ec256".into(),
        spki_sha256: "sha256:00".into(),
        names: vec!["dns:edge.contoso.com".into()],
        left_out: Vec::new(),
        key_purposes: vec!["serverAuth".into()],
        subject: BTreeMap::new(),
        template: None,
        uses: vec!["sip-edge".into()],
        exportable: true,
        submitted: None,
        state: RequestState::Pending,
        answered_by: None,
    }
}

/// The key that was made ahead for another certificate.
fn next_of(certificate: &str) -> NextKeyRecord {
    NextKeyRecord {
        certificate: certificate.into(),
        created: NOW,
        key_type: "ec256".into(),
        spki_sha256: "sha256:77".into(),
    }
}

fn generation_of(request: Option<&str>) -> GenerationRecord {
    GenerationRecord {
        certificate: "edge".into(),
        number: 0,
        created: NOW,
        source: Source::Import,
        request: request.map(Into::into),
        sealed_as: None,
        leaf: CertificateSummary {
            subject: "CN=edge.contoso.com".into(),
            issuer: "CN=Test".into(),
            sans: vec!["dns:edge.contoso.com".into()],
            not_before: NOW,
            not_after: datetime!(2027-06-08 0:00 UTC),
            sha256: "sha256:11".into(),
            spki_sha256: "sha256:00".into(),
            serial: "01".into(),
        },
        chain_sha256: Vec::new(),
        issuer_profile: None,
        accepted: Vec::new(),
        exportable: true,
        compromised: false,
    }
}

fn intent() -> IntentRecord {
    IntentRecord {
        id: String::new(),
        certificate: "edge".into(),
        from: Some(1),
        to: 2,
        started: NOW,
        gateways: Vec::new(),
        kind: IntentKind::Assign,
        write_config: false,
    }
}

/// Two generations, the first one live and assigned; one pending request; a served file beside the state.
fn furnish(folder: &Path) {
    let store = Store::create(&folder.join("state"), NOW).unwrap();
    let mut lease = store.lock(PATIENCE, "furnish", NOW).unwrap();
    let id = lease
        .put_request(&request_of("edge"), b"csr", b"key-1")
        .unwrap();
    let record = generation_of(Some(&id));
    lease
        .put_generation(&record, b"leaf\n", b"chain\n", KeySource::Request)
        .unwrap();
    let (record, key) = (generation_of(None), KeySource::Given(b"key-2"));
    lease
        .put_generation(&record, b"leaf\n", b"chain\n", key)
        .unwrap();
    lease.switch_live(&edge(), Some(1)).unwrap();
    let assignment = AssignmentRecord {
        current: Some(1),
        ..AssignmentRecord::default()
    };
    lease.put_assignment(&edge(), &assignment).unwrap();
    let id = lease.put_request(&request_of("edge"), b"csr", b"key-3");
    assert_eq!(id.unwrap(), PENDING);
    lease.put_next_key(&next_of("ahead"), b"key-7").unwrap();
    fs::write(folder.join("served.pem"), "served before").unwrap();
}

fn act(what: &str, lease: &mut Lease, folder: &Path) -> Result<(), StoreError> {
    let (leaf, chain) = (b"leaf\n", b"chain\n");
    match what {
        "tidy" => Ok(()),
        "put-request" => lease
            .put_request(&request_of("edge"), b"csr", b"key-4")
            .map(drop),
        "put-first-request" => lease
            .put_request(&request_of("other"), b"csr", b"key-4")
            .map(drop),
        "put-next-key" => lease.put_next_key(&next_of("edge"), b"key-8"),
        "take-next-key" => {
            let record = RequestRecord {
                spki_sha256: "sha256:77".into(),
                ..request_of("ahead")
            };
            lease.put_request(&record, b"csr", b"key-7").map(drop)
        }
        "cancel-next-key" => lease
            .cancel_next_key(&Slug::parse("ahead").unwrap())
            .map(drop),
        "update-request" => {
            let mut record = lease.find_request(PENDING)?;
            record.submitted = Some(NOW);
            lease.update_request(&record)
        }
        "cancel-request" => lease.cancel_request(&edge(), PENDING),
        "put-generation" => {
            let record = generation_of(Some(PENDING));
            lease
                .put_generation(&record, leaf, chain, KeySource::Request)
                .map(drop)
        }
        "put-generation-given" => {
            let key = KeySource::Given(b"key-5");
            lease
                .put_generation(&generation_of(None), leaf, chain, key)
                .map(drop)
        }
        "mark-compromised" => lease.mark_compromised(&edge(), 1, "stolen"),
        "switch-live" => lease.switch_live(&edge(), Some(2)),
        "switch-live-off" => lease.switch_live(&edge(), None),
        "put-assignment" => {
            let record = AssignmentRecord {
                current: Some(2),
                previous: Some(1),
                ..AssignmentRecord::default()
            };
            lease.put_assignment(&edge(), &record)
        }
        "journal" => lease
            .journal("assign", Some(&edge()), serde_json::Map::new())
            .map(drop),
        "remove-generation" => lease.remove_generation(&edge(), 2),
        "remove-certificate" => lease.remove_certificate(&edge()),
        "transaction" => {
            let paths = ["served.pem", "new.pem"].map(|name| folder.join(name));
            let mut transaction = lease.begin(&intent())?;
            for path in &paths {
                transaction.keep(path)?;
            }
            for path in &paths {
                let placement = Placement::mode(0o644);
                atomic::write_whole(path, b"served after", placement, Overwrite::Replace)?;
            }
            transaction.finish()
        }
        other => panic!("unknown order {other}"),
    }
}

/// Does nothing in a plain run; a child of the tests below finds its orders in the environment.
#[test]
fn child_process() {
    let Ok(what) = std::env::var("EDGECERT_TEST_ORDER") else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os("EDGECERT_TEST_FOLDER").unwrap());
    let state = folder.join("state");
    if what == "create" {
        Store::create(&state, NOW).unwrap();
        return;
    }
    if what == "create-and-request" {
        let store = Store::create(&state, NOW).unwrap();
        let mut lease = store.lock(PATIENCE, "child", NOW).unwrap();
        lease
            .put_request(&request_of("edge"), b"csr", b"key")
            .unwrap();
        return;
    }
    let store = Store::open(&state).unwrap();
    let mut lease = store.lock(PATIENCE, &what, NOW).unwrap();
    act(&what, &mut lease, &folder).unwrap();
}

fn child(what: &str, folder: &Path, fault: Option<String>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_process", "--test-threads=1"])
        .env("EDGECERT_TEST_ORDER", what)
        .env("EDGECERT_TEST_FOLDER", folder)
        .env_remove("EDGECERT_FAULT")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some(fault) = fault {
        command.env("EDGECERT_FAULT", fault);
    }
    command
}

/// Runs `what` with a kill before operation `at`; whether it came so far.
fn was_killed(what: &str, folder: &Path, at: usize) -> bool {
    let mut child = child(what, folder, Some(format!("kill:{at}")));
    let status: ExitStatus = child.status().unwrap();
    let killed = status.signal() == Some(SIGKILL);
    assert!(killed || status.success(), "{what} at {at}: {status}");
    killed
}

/// All that a reader sees of a state, in words, but for the journal.
fn seen(store: &Store) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for certificate in store.certificates().unwrap() {
        for record in store.requests(Some(&certificate)).unwrap() {
            let key = match store.request_key(&certificate, &record.id) {
                Ok(key) => String::from_utf8(key.to_vec()).unwrap(),
                Err(StoreError::Answered { generation, .. }) => format!("in {generation}"),
                Err(error) => panic!("{error}"),
            };
            store.request_csr(&certificate, &record.id).unwrap();
            seen.insert(format!("{certificate} {record:?} {key}"));
        }
        for record in store.generations(&certificate).unwrap() {
            let files = store.generation_files(&certificate, record.number).unwrap();
            assert_eq!(files.fullchain, b"leaf\nchain\n");
            let key = String::from_utf8_lossy(&files.key);
            seen.insert(format!("{certificate} {record:?} {key}"));
        }
        if let Some(next) = store.next_key(&certificate).unwrap() {
            let key = store.next_key_pem(&certificate).unwrap();
            let key = String::from_utf8_lossy(&key);
            seen.insert(format!("{certificate} {next:?} {key}"));
        }
        seen.insert(format!("live {:?}", store.live(&certificate).unwrap()));
        seen.insert(format!("{:?}", store.assignment(&certificate).unwrap()));
    }
    seen
}

/// The journal in words; it must hold.
fn journalled(store: &Store) -> Vec<String> {
    let journal = store.journal().unwrap();
    assert_eq!(journal.state, JournalState::Intact);
    journal
        .entries
        .into_iter()
        .filter(|entry| entry.action != "journal-repaired")
        .map(|entry| {
            let what = ["request", "generation"].map(|key| entry.detail.get(key).cloned());
            format!("{} {what:?}", entry.action)
        })
        .collect()
}

/// The next command: it tidies, nothing is wrong after it, and nothing is left to tidy.
fn next_command(folder: &Path, told: &str) -> Store {
    let store = Store::open(&folder.join("state")).unwrap();
    drop(store.lock(PATIENCE, "next", NOW).unwrap());
    let mut problems = store.problems().unwrap();
    // Both are for `assign`.
    problems.retain(|one| !["store.live-differs", "store.unfinished"].contains(&one.code));
    if store.intents().unwrap().is_empty() {
        assert!(problems.is_empty(), "{told}: {problems:?}");
    }
    let journal = store.journal().unwrap();
    assert_eq!(journal.state, JournalState::Intact, "{told}");
    let again = store.lock(PATIENCE, "again", NOW).unwrap();
    assert!(again.tidied().is_empty(), "{told}: {:?}", again.tidied());
    store
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let mut command = Command::new("cp");
    command
        .args(["-a", "--"])
        .arg(folder.join("."))
        .arg(copy.path());
    assert!(command.status().unwrap().success());
    copy
}

/// What `assign` does with an unfinished transaction, at its simplest.
fn finish_transaction(store: &Store, folder: &Path) {
    let mut lease = store.lock(PATIENCE, "recover", NOW).unwrap();
    let (served, new) = (folder.join("served.pem"), folder.join("new.pem"));
    if let Some(transaction) = lease.resume(&edge()).unwrap() {
        for (path, outcome) in transaction.restore(|_| true) {
            outcome.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
        transaction.finish().unwrap();
        assert_eq!(fs::read(&served).unwrap(), b"served before");
        assert!(!new.exists());
    } else if new.exists() {
        assert_eq!(fs::read(&new).unwrap(), fs::read(&served).unwrap());
    } else {
        assert_eq!(fs::read(&served).unwrap(), b"served before");
    }
}

/// Kills `what` before each of its operations in turn; each time also kills the next command's tidying at some.
fn kill_everywhere(what: &str) {
    let template = tempfile::tempdir().unwrap();
    furnish(template.path());
    let store = Store::open(&template.path().join("state")).unwrap();
    let old = (seen(&store), journalled(&store));

    let whole = copy_of(template.path());
    assert!(child(what, whole.path(), None).status().unwrap().success());
    let store = next_command(whole.path(), what);
    let new = (seen(&store), journalled(&store));

    for at in 1..500 {
        let folder = copy_of(template.path());
        if !was_killed(what, folder.path(), at) {
            assert!(at > 3, "{what}: no operations");
            return;
        }
        for tidying_at in [1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 500] {
            let again = copy_of(folder.path());
            let told = format!("{what} killed at {at}, tidying killed at {tidying_at}");
            let killed = was_killed("tidy", again.path(), tidying_at);
            let store = next_command(again.path(), &told);
            // Kept paths are absolute: those of the first folder.
            finish_transaction(&store, folder.path());
            // What is there is journalled, and nothing else is.
            let found = (seen(&store), journalled(&store));
            assert!(found == old || found == new, "{told}: {found:#?}");
            if !killed {
                break;
            }
        }
    }
    panic!("{what} never came to its end");
}

macro_rules! killed_everywhere {
    ($($name:ident: $what:literal,)*) => {
        $(#[test] fn $name() { kill_everywhere($what) })*
    };
}

killed_everywhere! {
    a_killed_put_request_is_all_or_nothing: "put-request",
    a_killed_first_request_is_all_or_nothing: "put-first-request",
    a_killed_prepare_is_all_or_nothing: "put-next-key",
    a_killed_request_never_loses_the_key_made_ahead: "take-next-key",
    a_killed_cancel_of_a_key_is_all_or_nothing: "cancel-next-key",
    a_killed_update_request_is_all_or_nothing: "update-request",
    a_killed_cancel_is_all_or_nothing: "cancel-request",
    a_killed_import_never_loses_the_key: "put-generation",
    a_killed_adopt_is_all_or_nothing: "put-generation-given",
    a_killed_switch_is_all_or_nothing: "switch-live",
    a_killed_switch_off_is_all_or_nothing: "switch-live-off",
    a_killed_assignment_is_all_or_nothing: "put-assignment",
    a_killed_journal_line_is_cut: "journal",
    a_killed_prune_is_all_or_nothing: "remove-generation",
    a_killed_remove_is_all_or_nothing: "remove-certificate",
    a_killed_transaction_can_be_undone: "transaction",
}

/// A mark may stand without its line: the safe side of the two.
#[test]
fn a_killed_mark_is_never_a_line_without_a_mark() {
    let template = tempfile::tempdir().unwrap();
    furnish(template.path());
    for at in 1..100 {
        let folder = copy_of(template.path());
        let killed = was_killed("mark-compromised", folder.path(), at);
        let store = next_command(folder.path(), &format!("killed at {at}"));
        let marked = store.generation(&edge(), 1).unwrap().compromised;
        let lines = journalled(&store);
        let line = lines
            .iter()
            .any(|line| line.starts_with("mark-compromised"));
        assert!(marked || !line, "killed at {at}");
        if !killed {
            assert!(marked && line);
            return;
        }
    }
    panic!("never came to its end");
}

#[test]
fn a_killed_create_is_taken_up_by_the_next() {
    for at in 1..100 {
        let folder = tempfile::tempdir().unwrap();
        let killed = was_killed("create", folder.path(), at);
        Store::create(&folder.path().join("state"), NOW).unwrap();
        next_command(folder.path(), &format!("create killed at {at}"));
        if !killed {
            assert!(at > 8, "{at}");
            return;
        }
    }
    panic!("never came to its end");
}

#[test]
fn ten_commands_at_once_all_get_their_request() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..10)
        .map(|_| {
            child("create-and-request", folder.path(), None)
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = next_command(folder.path(), "ten at once");
    let records = store.requests(None).unwrap();
    let ids: BTreeSet<String> = records.into_iter().map(|record| record.id).collect();
    let expected = (1..=10).map(|number| format!("2026-11-20-{number}"));
    assert_eq!(ids, expected.collect());
    assert_eq!(journalled(&store).len(), 10);
}

#[test]
fn a_killed_writer_is_named_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    furnish(folder.path());
    assert!(was_killed("put-request", folder.path(), 9));
    let store = Store::open(&folder.path().join("state")).unwrap();
    let lease = store.lock(PATIENCE, "next", NOW).unwrap();
    let words: Vec<String> = lease.tidied().iter().map(ToString::to_string).collect();
    let [named, removed] = &words[..] else {
        panic!("{words:?}");
    };
    assert!(
        named.starts_with("an earlier command was interrupted: put-request (process "),
        "{named}"
    );
    assert!(
        removed.starts_with("removed what it had half written: "),
        "{removed}"
    );
}
