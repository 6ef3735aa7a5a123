use super::atomic::{Overwrite, Placement};
use super::record_files::list;
use super::*;
use crate::names::Slug;
use serde_json::Map;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-20 10:00 UTC);

fn edge() -> Slug {
    Slug::parse("edge").unwrap()
}

fn request_record() -> RequestRecord {
    RequestRecord {
        certificate: "edge".into(),
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

fn generation_record(request: Option<&str>) -> GenerationRecord {
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
        issuer_profile: Some("public-dv".into()),
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
        gateways: vec!["front".into()],
        kind: IntentKind::Assign,
        write_config: false,
    }
}

fn lease(store: &Store) -> Lease {
    store.lock(Duration::from_secs(5), "test", NOW).unwrap()
}

/// Every path below a folder with its bytes, link target and mode; without the lock.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    fn walk(folder: &Path, seen: &mut BTreeMap<PathBuf, (u32, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let there = path.symlink_metadata().unwrap();
            let content = if there.is_dir() {
                walk(&path, seen);
                Vec::new()
            } else if there.is_symlink() {
                fs::read_link(&path)
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            if !path.ends_with("lock") {
                seen.insert(path, (there.mode(), content));
            }
        }
    }
    let mut seen = BTreeMap::new();
    walk(folder, &mut seen);
    seen
}

/// A request (pending), and two generations of which the first is live.
fn furnished(folder: &Path) -> String {
    let store = Store::create(folder, NOW).unwrap();
    let mut lease = lease(&store);
    let id = lease
        .put_request(&request_record(), b"csr", b"key-1")
        .unwrap();
    let one = lease
        .put_generation(
            &generation_record(Some(&id)),
            b"leaf-1\n",
            b"chain\n",
            KeySource::Request,
        )
        .unwrap();
    let two = lease
        .put_generation(
            &generation_record(None),
            b"leaf-2",
            b"chain\n",
            KeySource::Given(b"key-2"),
        )
        .unwrap();
    assert_eq!((one, two), (1, 2));
    lease.switch_live(&edge(), Some(1)).unwrap();
    let assignment = AssignmentRecord {
        current: Some(1),
        ..AssignmentRecord::default()
    };
    lease.put_assignment(&edge(), &assignment).unwrap();
    lease
        .put_request(&request_record(), b"csr", b"key-3")
        .unwrap()
}

#[test]
fn a_folder_that_is_not_ours_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::Missing { .. })
    ));
    assert!(matches!(
        Store::open(&folder.path().join("none")),
        Err(StoreError::Missing { .. })
    ));
    fs::write(folder.path().join("photo.jpg"), "x").unwrap();
    for refused in [
        Store::open(folder.path()),
        Store::create(folder.path(), NOW),
    ] {
        assert!(matches!(refused, Err(StoreError::NotOurs { .. })));
    }
    assert_eq!(list(folder.path()).unwrap(), ["photo.jpg"]);
    fs::write(
        folder.path().join("layout.json"),
        r#"{"format":"edgecert-state","version":2}"#,
    )
    .unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::NewerLayout {
            found: 2,
            known: 1,
            ..
        })
    ));
    fs::write(
        folder.path().join("layout.json"),
        r#"{"format":"other","version":1}"#,
    )
    .unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::NotOurs { .. })
    ));
    fs::write(folder.path().join("layout.json"), "{").unwrap();
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn create_makes_private_folders_and_a_killed_create_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/b/state");
    fs::create_dir_all(&state).unwrap();
    atomic::write_private(&state.join("lock"), b"").unwrap();
    fs::write(state.join(".edgecert-tmp-1-1"), "{").unwrap();
    let store = Store::create(&state, NOW).unwrap();
    assert_eq!(
        fs::metadata(&state).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let held = lease(&store);
    assert!(matches!(held.tidied(), [Tidied::LeftoverRemoved(_)]));
    assert_eq!(store.problems().unwrap(), []);
    assert_eq!(store.journal().unwrap().state, JournalState::Intact);
    // Copied or restored elsewhere it works as well.
    drop(held);
    let moved = folder.path().join("moved");
    fs::rename(&state, &moved).unwrap();
    lease(&Store::open(&moved).unwrap());
}

#[test]
fn a_request_becomes_a_generation_and_its_key_moves() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path(), NOW).unwrap();
    let mut held = lease(&store);
    let id = held.put_request(&request_record(), b"csr", b"key").unwrap();
    assert_eq!(id, "2026-11-20-1");
    assert_eq!(
        held.put_request(&request_record(), b"csr", b"key").unwrap(),
        "2026-11-20-2"
    );
    assert_eq!(*held.request_key(&edge(), &id).unwrap(), b"key");
    assert_eq!(held.request_csr(&edge(), &id).unwrap(), b"csr");
    let number = held
        .put_generation(
            &generation_record(Some(&id)),
            b"leaf\n",
            b"chain\n",
            KeySource::Request,
        )
        .unwrap();
    let files = store.generation_files(&edge(), number).unwrap();
    assert_eq!(*files.key, b"key");
    assert_eq!(files.fullchain, b"leaf\nchain\n");
    assert!(!format!("{files:?}").contains("107"));
    let answered = store.find_request(&id).unwrap();
    assert_eq!(
        (answered.state, answered.answered_by),
        (RequestState::Answered, Some(1))
    );
    assert!(matches!(
        store.request_key(&edge(), &id),
        Err(StoreError::Answered { generation: 1, .. })
    ));
    assert!(matches!(
        held.cancel_request(&edge(), &id),
        Err(StoreError::Answered { .. })
    ));
    // A later reply for the same key is the next generation.
    let next = held
        .put_generation(
            &generation_record(Some(&id)),
            b"leaf\n",
            b"",
            KeySource::Request,
        )
        .unwrap();
    assert_eq!(next, 2);
    assert_eq!(*store.generation_files(&edge(), 2).unwrap().key, b"key");
    assert_eq!(store.find_request(&id).unwrap().answered_by, Some(2));
    let actions: Vec<String> = store
        .journal()
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(actions, ["request", "request", "import", "import"]);
    assert_eq!(store.problems().unwrap(), []);
    assert_eq!(store.certificates().unwrap(), [edge()]);
}

#[test]
fn ids_and_numbers_are_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let id = furnished(folder.path());
    assert_eq!(id, "2026-11-20-2");
    let store = Store::open(folder.path()).unwrap();
    lease(&store).cancel_request(&edge(), &id).unwrap();
    assert!(matches!(
        store.find_request(&id),
        Err(StoreError::NoSuchRequest { .. })
    ));
    lease(&store).remove_generation(&edge(), 2).unwrap();
    let mut held = lease(&store);
    assert_eq!(
        held.put_request(&request_record(), b"", b"").unwrap(),
        "2026-11-20-3"
    );
    let next = held.put_generation(&generation_record(None), b"", b"", KeySource::Generation(1));
    assert_eq!(next.unwrap(), 3);
    assert_eq!(*store.generation_files(&edge(), 3).unwrap().key, b"key-1");
    held.remove_certificate(&edge()).unwrap();
    assert_eq!(store.certificates().unwrap(), []);
    assert_eq!(store.live(&edge()).unwrap(), None);
    assert_eq!(
        held.put_request(&request_record(), b"", b"").unwrap(),
        "2026-11-20-4"
    );
    assert!(held.tidied().is_empty());
    assert_eq!(store.journal().unwrap().state, JournalState::Intact);
    assert_eq!(store.problems().unwrap(), []);
}

#[test]
fn what_is_in_use_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    furnished(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let mut held = lease(&store);
    assert!(matches!(
        held.remove_generation(&edge(), 1),
        Err(StoreError::InUse { role: "live", .. })
    ));
    assert!(matches!(
        held.remove_generation(&edge(), 7),
        Err(StoreError::NoSuchGeneration { number: 7, .. })
    ));
    let transaction = held.begin(&intent()).unwrap();
    assert!(matches!(
        held.remove_certificate(&edge()),
        Err(StoreError::Unfinished { .. })
    ));
    assert!(matches!(
        held.begin(&intent()),
        Err(StoreError::Unfinished { .. })
    ));
    assert!(
        store
            .problems()
            .unwrap()
            .iter()
            .any(|problem| problem.code == "store.unfinished")
    );
    transaction.finish().unwrap();
    assert_eq!(store.intents().unwrap(), []);
    assert_eq!(list(&folder.path().join("transactions")).unwrap(), [""; 0]);
}

#[test]
fn kept_files_come_back_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    furnished(&state);
    let served = folder.path().join("served");
    fs::create_dir(&served).unwrap();
    let [file, link, none] = ["file", "link", "none"].map(|name| served.join(name));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::chown(&file, Some(4711), Some(4712)).unwrap();
    }
    symlink("file", &link).unwrap();
    let before = snapshot(&served);
    let owner = fs::metadata(&file).unwrap().uid();

    let store = Store::open(&state).unwrap();
    let mut held = lease(&store);
    let mut transaction = held.begin(&intent()).unwrap();
    for path in [&file, &none, &file] {
        transaction.keep(path).unwrap();
    }
    // A link of somebody else would come back as ours.
    for path in [&served, &link] {
        assert!(matches!(
            transaction.keep(path),
            Err(StoreError::WrongKind { .. })
        ));
    }
    atomic::write_whole(&file, b"new", Placement::PRIVATE, Overwrite::Replace).unwrap();
    atomic::write_private(&none, b"new").unwrap();
    drop(transaction);
    drop(held);

    let mut held = lease(&store);
    assert_eq!(store.intents().unwrap().len(), 1);
    let transaction = held.resume(&edge()).unwrap().unwrap();
    assert_eq!(transaction.kept().count(), 2);
    for _ in 0..2 {
        for (path, outcome) in transaction.restore(|_| true) {
            outcome.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        }
        assert_eq!(snapshot(&served), before);
        assert_eq!(fs::metadata(&file).unwrap().uid(), owner);
    }
    if rustix::process::getuid().is_root() {
        // Somebody has put a folder of another in its place.
        std::os::unix::fs::chown(&served, Some(4711), None).unwrap();
        let refused = transaction.restore_path(&file, |_| true).unwrap_err();
        assert!(matches!(refused, StoreError::WrongKind { .. }), "{refused}");
        std::os::unix::fs::chown(&served, Some(0), None).unwrap();
    }
    let refused = transaction.restore_path(&file, |_| false).unwrap_err();
    assert!(matches!(refused, StoreError::WrongKind { .. }), "{refused}");
    transaction.finish().unwrap();
    assert!(held.resume(&edge()).unwrap().is_none());
}

#[test]
fn a_part_of_the_state_that_is_a_link_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for part in [
        "requests",
        "live",
        "archive",
        "assignments",
        "transactions",
        "journal.jsonl",
        "lock",
    ] {
        let state = folder.path().join(format!("state-{part}"));
        furnished(&state);
        let path = state.join(part);
        fs::rename(&path, folder.path().join(format!("away-{part}"))).unwrap();
        symlink(&elsewhere, &path).unwrap();
        assert!(
            matches!(
                Store::open(&state),
                Err(StoreError::WrongKind {
                    found: "a symbolic link",
                    ..
                })
            ),
            "{part}"
        );
    }
    for part in [
        "requests/edge",
        "archive/edge",
        "archive/edge/1",
        "requests/edge/2026-11-20-2",
    ] {
        let state = folder.path().join("deep").join(part.replace('/', "-"));
        furnished(&state);
        let path = state.join(part);
        fs::rename(
            &path,
            folder
                .path()
                .join(format!("deep/away-{}", part.replace('/', "-"))),
        )
        .unwrap();
        symlink(&elsewhere, &path).unwrap();
        let store = Store::open(&state).unwrap();
        let refused = [
            store.requests(None).err(),
            store.generation_files(&edge(), 1).err(),
            store.lock(Duration::ZERO, "test", NOW).err(),
        ];
        assert!(
            refused
                .iter()
                .any(|error| matches!(error, Some(StoreError::WrongKind { .. }))),
            "{part}: {refused:?}"
        );
    }
    let state = folder.path().join("state-link");
    furnished(&state);
    let store = Store::open(&state).unwrap();
    for target in [
        "/etc",
        "../archive/other/1",
        "../archive/edge/../../x",
        "../archive/edge/01",
    ] {
        fs::remove_file(store.live_path(&edge())).unwrap();
        symlink(target, store.live_path(&edge())).unwrap();
        assert!(
            matches!(store.live(&edge()), Err(StoreError::WrongKind { .. })),
            "{target}"
        );
        assert!(lease(&store).switch_live(&edge(), Some(2)).is_err());
    }
    assert_eq!(list(&elsewhere).unwrap(), [""; 0]);
}

#[test]
fn doctor_sees_modes_leftovers_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let id = furnished(folder.path());
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.problems().unwrap(), []);
    let archive = folder.path().join("archive/edge");
    fs::set_permissions(
        archive.join("1/privkey.pem"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    fs::remove_file(archive.join("2/privkey.pem")).unwrap();
    fs::remove_file(
        folder
            .path()
            .join(format!("requests/edge/{id}/privkey.pem")),
    )
    .unwrap();
    fs::write(folder.path().join("live/.edgecert-tmp-1-1"), "").unwrap();
    fs::remove_file(folder.path().join("live/edge")).unwrap();
    symlink("../archive/edge/9", folder.path().join("live/edge")).unwrap();
    let mut codes: Vec<&str> = store
        .problems()
        .unwrap()
        .iter()
        .map(|problem| problem.code)
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "store.io",
            "store.key-missing",
            "store.leftover",
            "store.live-differs",
            "store.live-nowhere",
            "store.mode"
        ]
    );
}

#[test]
fn a_clock_behind_the_journal_is_said() {
    let folder = tempfile::tempdir().unwrap();
    furnished(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let mut held = store
        .lock(Duration::ZERO, "test", NOW - time::Duration::hours(2))
        .unwrap();
    assert!(held.clock_behind().unwrap() >= 7199);
    held.journal("assign", Some(&edge()), Map::new()).unwrap();
    let journal = store.journal().unwrap();
    assert_eq!(journal.state, JournalState::Intact);
    assert_eq!(journal.clock_steps.len(), 1);
}

#[test]
fn a_torn_journal_is_mended_and_that_is_journalled() {
    let folder = tempfile::tempdir().unwrap();
    furnished(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(bytes.len() - 7);
    fs::write(&path, bytes).unwrap();
    assert_eq!(store.journal().unwrap().state, JournalState::TornLastLine);
    let held = lease(&store);
    let words: Vec<String> = held.tidied().iter().map(ToString::to_string).collect();
    assert!(
        words[0].starts_with("cut a torn last line of "),
        "{words:?}"
    );
    // The line that was lost with it is written again.
    assert_eq!(
        words[1],
        "journalled what it had done: request edge 2026-11-20-2"
    );
    let journal = store.journal().unwrap();
    assert_eq!(journal.state, JournalState::Intact);
    assert_eq!(
        journal.entries[journal.entries.len() - 2].action,
        "journal-repaired"
    );
}

#[test]
fn a_record_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path(), NOW).unwrap();
    let before = snapshot(folder.path());
    let record = RequestRecord {
        names: vec!["dns:x.example".into(); 100_000],
        ..request_record()
    };
    let refused = lease(&store).put_request(&record, b"", b"");
    assert!(matches!(
        refused,
        Err(StoreError::TooLarge {
            limit: MAX_RECORD_BYTES,
            ..
        })
    ));
    let evil = RequestRecord {
        certificate: "../../etc".into(),
        ..request_record()
    };
    assert!(lease(&store).put_request(&evil, b"", b"").is_err());
    for id in ["../2026-11-20-1", "", "."] {
        assert!(
            matches!(
                store.request(&edge(), id),
                Err(StoreError::InvalidId { .. })
            ),
            "{id}"
        );
    }
    assert_eq!(snapshot(folder.path()), before);
}

type Act = fn(&mut Lease, &str) -> Result<(), StoreError>;

/// Every change, by name. The id is that of the pending request.
const CHANGES: [(&str, Act); 13] = [
    ("mark_compromised", |lease, _| {
        lease.mark_compromised(&edge(), 1, "stolen")
    }),
    ("put_request", |lease, _| {
        lease
            .put_request(&request_record(), b"csr", b"key-4")
            .map(drop)
    }),
    ("put_first_request", |lease, _| {
        let record = RequestRecord {
            certificate: "other".into(),
            ..request_record()
        };
        lease.put_request(&record, b"csr", b"key-4").map(drop)
    }),
    ("update_request", |lease, id| {
        let mut record = lease.find_request(id)?;
        record.submitted = Some(NOW);
        lease.update_request(&record)
    }),
    ("cancel_request", |lease, id| {
        lease.cancel_request(&edge(), id)
    }),
    ("put_generation", |lease, id| {
        lease
            .put_generation(
                &generation_record(Some(id)),
                b"leaf-3\n",
                b"chain\n",
                KeySource::Request,
            )
            .map(drop)
    }),
    ("switch_live", |lease, _| {
        lease.switch_live(&edge(), Some(2))
    }),
    ("switch_live_off", |lease, _| {
        lease.switch_live(&edge(), None)
    }),
    ("put_assignment", |lease, _| {
        lease.put_assignment(&edge(), &AssignmentRecord::default())
    }),
    ("journal", |lease, _| {
        lease.journal("assign", Some(&edge()), Map::new()).map(drop)
    }),
    ("remove_generation", |lease, _| {
        lease.remove_generation(&edge(), 2)
    }),
    ("remove_certificate", |lease, _| {
        lease.remove_certificate(&edge())
    }),
    ("begin", |lease, _| lease.begin(&intent()).map(drop)),
];

#[test]
fn a_full_disk_at_any_operation_changes_nothing() {
    for (name, act) in CHANGES {
        let mut tried = 0;
        loop {
            tried += 1;
            let folder = tempfile::tempdir().unwrap();
            let id = furnished(folder.path());
            let before = snapshot(folder.path());
            let store =
                Store::open_on(Disk::with_fault(Fault::NoSpace(tried)), folder.path()).unwrap();
            let outcome = store
                .lock(Duration::from_secs(5), "test", NOW)
                .and_then(|mut lease| act(&mut lease, &id));
            let mut after = snapshot(folder.path());
            // The highest number given may be noted before what it is noted for fails.
            after.retain(|path, _| !path.ends_with(".highest"));
            match outcome {
                Err(StoreError::DiskFull { .. }) => assert_eq!(after, before, "{name} at {tried}"),
                Err(error) => panic!("{name} at {tried}: {error}"),
                Ok(()) => {
                    assert_ne!(after, before, "{name} at {tried}");
                    // What could not be settled then is settled by the next lease.
                    drop(lease(&Store::open(folder.path()).unwrap()));
                    let unfinished = ["begin", "switch_live", "switch_live_off", "put_assignment"];
                    if !unfinished.contains(&name) {
                        assert_eq!(store.problems().unwrap(), [], "{name} at {tried}");
                    }
                    assert_eq!(store.journal().unwrap().state, JournalState::Intact);
                    // Only settling may fail and the change be done all the same.
                    if store.disk.operations() < tried {
                        break;
                    }
                }
            }
        }
        assert!(tried > 2, "{name}: {tried}");
    }
}
