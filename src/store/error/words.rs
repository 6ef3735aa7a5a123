//! What the store's errors say to a person: what, where, why and how to mend it.

use super::StoreError;
use crate::explain::{Explain, Explanation, os_words, printable, reading_mend};
use std::io;
use std::path::Path;

/// What is done with a file whose rights decide alone; for anything else its folder's do.
const READING: [&str; 5] = ["read", "open", "look at", "follow", "follow the link"];

/// What keeps this user from a file: the file itself, or the folder above that they may not enter.
fn barrier(path: &Path) -> &Path {
    let closed = |path: &&Path| {
        let error = path.symlink_metadata().err();
        error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
    };
    let named = |path: &&Path| !path.as_os_str().is_empty();
    path.ancestors()
        .filter(named)
        .find(|at| !closed(at))
        .unwrap_or(path)
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// The folder that a path lies in: `.` for a path of one part.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => path,
    }
}

impl Explain for StoreError {
    fn explain(&self) -> Explanation {
        let (code, place, why, mend) = match self {
            Self::Missing { path } => (
                "store.missing",
                shown(path),
                if path.is_dir() { "the folder is empty" } else { "no such folder" }.to_owned(),
                "`edgecert request` or `edgecert import` makes it; or name the right one with --state DIR or --config FILE"
                    .to_owned(),
            ),
            Self::NotOurs { path, found } => (
                "store.not-ours",
                shown(path),
                format!("it holds {} and no layout.json of ours", printable(found)),
                "name an empty or a new folder with --state DIR; nothing in this one was touched".to_owned(),
            ),
            Self::NewerLayout { path, found, known } => (
                "store.newer-layout",
                shown(path),
                format!("layout.json says version {found}, this edgecert knows versions up to {known}"),
                "use the edgecert that wrote it, or a newer one".to_owned(),
            ),
            Self::WrongKind { path, found, wanted } => (
                "store.wrong-kind",
                shown(path),
                format!("{wanted} is wanted there"),
                match (*found, *wanted) {
                    ("a symbolic link", _) => format!(
                        "put {wanted} in its place; links are not followed here, so that nothing is written or read elsewhere"
                    ),
                    (_, "the folder that was there before") => {
                        "see who changed the way to it, and put that folder back".to_owned()
                    }
                    (_, _) => format!("name {wanted}"),
                },
            ),
            Self::Exists { path } => (
                "store.exists",
                shown(path),
                if path.is_dir() {
                    "a folder of this name lies there".to_owned()
                } else {
                    "it is there already, and such a file is never overwritten".to_owned()
                },
                "move it away, or name another place".to_owned(),
            ),
            Self::TooLarge { path, size, limit } => (
                "store.too-large",
                shown(path),
                match size {
                    Some(size) => format!("it has {size} bytes, the limit is {limit}"),
                    None => format!("it has more than the {limit} bytes that are allowed"),
                },
                "check that this is the right file".to_owned(),
            ),
            Self::DiskFull { path, source, .. } => (
                "store.disk-full",
                shown(path),
                os_words(source),
                format!(
                    "nothing was changed; free space (or quota) on the file system of {} and run the command again",
                    shown(folder_of(path))
                ),
            ),
            Self::Permission { path, doing, source } => (
                "store.permission",
                shown(path),
                os_words(source),
                if source.kind() == io::ErrorKind::ReadOnlyFilesystem {
                    "name another place, or let its file system be written".to_owned()
                } else if READING.contains(doing) {
                    reading_mend(&shown(barrier(path)), source)
                } else {
                    let folder = shown(folder_of(path));
                    format!(
                        "let this user write in its folder (`ls -ld {folder}`), or run as the user that owns it"
                    )
                },
            ),
            Self::Io { path, source, .. } => (
                "store.io",
                shown(path),
                os_words(source),
                if source.kind() == io::ErrorKind::NotFound {
                    reading_mend(&shown(path), source)
                } else {
                    "see to the file system, then run the command again; `edgecert doctor` looks over the state".to_owned()
                },
            ),
            Self::Locked { path, holder, waited } => (
                "store.locked",
                shown(path),
                format!(
                    "{} holds it, waited {} s",
                    match holder {
                        Some(holder) => printable(&holder.to_string()),
                        None => "another process".to_owned(),
                    },
                    waited.as_secs()
                ),
                "wait until that command has ended, then run this one again; the lock goes with its process and needs no cleaning"
                    .to_owned(),
            ),
            Self::FolderLocked { path, holder, waited } => (
                "store.folder-locked",
                shown(path),
                format!(
                    "{} holds it, waited {} s",
                    holder.as_deref().map_or("another process".to_owned(), printable),
                    waited.as_secs()
                ),
                "wait until that command has ended, then run this one again; the lock goes with its process and needs no cleaning"
                    .to_owned(),
            ),
            Self::Corrupt { path, why } => (
                "store.corrupt",
                shown(path),
                printable(why),
                "restore this file from a backup of the state folder, or move it away; `edgecert doctor` says what depends on it"
                    .to_owned(),
            ),
            Self::NoSuchRequest { .. } => (
                "store.no-such-request",
                "the state's requests".to_owned(),
                "it was never made here, was cancelled, or belongs to another state folder".to_owned(),
                "see `edgecert request list`".to_owned(),
            ),
            Self::Answered { certificate, id, generation } => (
                "store.answered",
                printable(id),
                format!("its key has moved to generation {}/{generation}", printable(certificate)),
                format!("see `edgecert show {}/{generation}`", printable(certificate)),
            ),
            Self::NoSuchCertificate { certificate } => (
                "store.no-such-certificate",
                "the state folder".to_owned(),
                format!("neither a request nor a generation of {}", printable(certificate)),
                "see `edgecert list`".to_owned(),
            ),
            Self::NoSuchGeneration { certificate, .. } => (
                "store.no-such-generation",
                format!("archive/{} of the state folder", printable(certificate)),
                "no generation of this number was imported, or it was pruned".to_owned(),
                format!("see `edgecert show {}`", printable(certificate)),
            ),
            Self::InUse { certificate, number, role } => (
                "store.in-use",
                format!("{}/{number}", printable(certificate)),
                format!("it is {role}"),
                format!("assign another generation first (`edgecert assign {}/N`)", printable(certificate)),
            ),
            Self::Unfinished { certificate, path } => (
                "store.unfinished",
                shown(path),
                "an earlier assignment was interrupted".to_owned(),
                format!("`edgecert assign {}` finishes it or puts everything back", printable(certificate)),
            ),
            Self::InvalidId { text } => (
                "store.invalid-id",
                "command line".to_owned(),
                format!("{} is not written as a date and a number", printable(text)),
                "ids look like 2026-11-20-1; see `edgecert request list`".to_owned(),
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place,
            why,
            mend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_says_that_nothing_was_changed() {
        let full = StoreError::io(
            "write",
            Path::new("/state/x"),
            io::Error::from_raw_os_error(28),
        );
        assert!(matches!(full, StoreError::DiskFull { .. }));
        assert!(
            full.explain()
                .mend
                .starts_with("nothing was changed; free space")
        );
    }

    #[test]
    fn the_folder_of_a_path_of_one_part_has_a_name() {
        for (path, folder) in [("out", "."), ("a/out", "a"), ("/out", "/"), ("/", "/")] {
            assert_eq!(folder_of(Path::new(path)), Path::new(folder), "{path}");
        }
        let full = StoreError::io("make", Path::new("out"), io::Error::from_raw_os_error(28));
        assert!(full.explain().mend.contains("the file system of . and"));
    }

    #[test]
    fn a_folder_and_a_link_are_mended_each_in_its_way() {
        for (found, words) in [
            ("a folder", "name a file"),
            ("a symbolic link", "links are not followed"),
            ("a FIFO", "name a file"),
        ] {
            let error = StoreError::WrongKind {
                path: "/tmp/a".into(),
                found,
                wanted: "a file",
            };
            assert!(error.explain().mend.contains(words), "{found}");
        }
    }

    #[test]
    fn what_may_not_be_read_and_what_may_not_be_written_are_mended_each_in_its_way() {
        for (doing, raw, words) in [
            (
                "read",
                13,
                "let this user read it (`ls -ld /state/key.pem`)",
            ),
            ("lock", 13, "write in its folder (`ls -ld /state`)"),
            ("make", 13, "write in its folder (`ls -ld /state`)"),
            ("write", 30, "let its file system be written"),
        ] {
            let path = Path::new("/state/key.pem");
            let error = StoreError::io(doing, path, io::Error::from_raw_os_error(raw));
            let told = error.explain();
            assert!(told.mend.contains(words), "{doing}: {told:?}");
            assert!(!told.why.contains("os error"), "{told:?}");
        }
    }

    #[test]
    fn a_file_that_is_taken_for_a_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("reply.pem");
        std::fs::write(&file, "").unwrap();
        let below = file.join("request.json");
        let error = std::fs::read(&below).unwrap_err();
        let told = StoreError::io("read", &below, error).explain();
        assert_eq!(told.place, file.display().to_string());
        assert!(
            told.what.ends_with("reply.pem is a file, not a folder"),
            "{told:?}"
        );
    }

    #[test]
    fn control_characters_of_a_path_are_not_shown() {
        let error = StoreError::NotOurs {
            path: "/tmp/a\x1b[31m".into(),
            found: "b\n".into(),
        };
        let told = error.explain();
        assert!(
            !told.place.contains('\x1b') && !told.why.contains('\n') && !told.what.contains('\x1b')
        );
    }
}
