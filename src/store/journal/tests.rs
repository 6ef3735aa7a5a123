use super::super::disk::Fault;
use super::*;
use time::Duration;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-20 10:00 UTC);

fn write(path: &Path, count: i64) {
    let mut writer = Writer::open(&Disk::new(), path).unwrap();
    for n in 0..count {
        writer
            .append(
                NOW + Duration::minutes(2 * n),
                "me",
                "request",
                Some("edge"),
                Map::new(),
            )
            .unwrap();
    }
}

#[test]
fn a_chain_over_several_writers_is_intact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    assert_eq!(read(&path).unwrap().state, JournalState::Intact);
    write(&path, 2);
    write(&path, 1);
    let read = read(&path).unwrap();
    assert_eq!(read.state, JournalState::Intact);
    assert_eq!(read.entries.len(), 3);
    assert_eq!(
        read.clock_steps,
        [ClockStep {
            seq: 3,
            seconds: 120
        }]
    );
    assert_eq!(read.entries[2].detail["clock_behind"], 120);
    assert_eq!(read.entries[0].prev, GENESIS);
}

#[test]
fn a_torn_last_line_is_cut_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    for tail in ["{\"seq\":3,\"ti", "\0\0\0\n", "garbage\n", "{", "\n"] {
        let _ = std::fs::remove_file(&path);
        write(&path, 2);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], tail.as_bytes()].concat()).unwrap();
        assert_eq!(
            read(&path).unwrap().state,
            JournalState::TornLastLine,
            "{tail:?}"
        );
        let writer = Writer::open(&Disk::new(), &path).unwrap();
        assert_eq!(
            writer.cut.as_ref().unwrap().0,
            tail.len() as u64,
            "{tail:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{tail:?}");
        write(&path, 1);
        assert_eq!(read(&path).unwrap().state, JournalState::Intact, "{tail:?}");
    }
}

#[test]
fn a_torn_first_line_is_cut_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    for torn in ["{\"seq\"", "x\n"] {
        std::fs::write(&path, torn).unwrap();
        write(&path, 1);
        assert_eq!(read(&path).unwrap().state, JournalState::Intact);
        assert_eq!(read(&path).unwrap().entries.len(), 1);
    }
}

#[test]
fn a_changed_lost_or_added_line_breaks_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    write(&path, 4);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let cases: [(&str, Vec<String>, u64); 4] = [
        (
            "changed",
            vec![
                lines[0].into(),
                lines[1].replace("\"me\"", "\"eve\""),
                lines[2].into(),
                lines[3].into(),
            ],
            3,
        ),
        (
            "lost",
            vec![lines[0].into(), lines[2].into(), lines[3].into()],
            2,
        ),
        (
            "added",
            vec![lines[0].into(), lines[0].into(), lines[1].into()],
            2,
        ),
        (
            "garbage",
            vec![lines[0].into(), "x".into(), lines[1].into()],
            2,
        ),
    ];
    for (name, lines, at) in cases {
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let JournalState::Broken { line, .. } = read(&path).unwrap().state else {
            panic!("{name}");
        };
        assert_eq!(line, at, "{name}");
    }
}

#[test]
fn a_full_disk_leaves_no_half_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    write(&path, 1);
    let before = std::fs::read(&path).unwrap();
    for at in 1..=2 {
        let mut writer = Writer::open(&Disk::with_fault(Fault::NoSpace(at)), &path).unwrap();
        let full = writer.append(NOW, "me", "x", None, Map::new()).unwrap_err();
        assert!(matches!(full, StoreError::DiskFull { .. }));
        assert_eq!(std::fs::read(&path).unwrap(), before, "at {at}");
    }
}

#[test]
fn escapes_and_endless_lines_do_not_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let mut writer = Writer::open(&Disk::new(), &path).unwrap();
    let mut detail = Map::new();
    detail.insert("reason".into(), "a\x1b[31m".into());
    let entry = writer
        .append(NOW, "me", "assign", None, detail.clone())
        .unwrap();
    assert_eq!(entry.detail["reason"], "a\u{fffd}[31m");
    detail.insert("names".into(), vec!["x".repeat(200); 1000].into());
    assert!(matches!(
        writer.append(NOW, "me", "assign", None, detail),
        Err(StoreError::TooLarge { .. })
    ));
    std::fs::write(&path, "x".repeat(100_000)).unwrap();
    assert!(matches!(
        read(&path).unwrap().state,
        JournalState::Broken { line: 1, .. }
    ));
}
