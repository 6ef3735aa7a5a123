//! The state folder: ours, whole, private, with space around it, and a clock that goes on from its journal.

use super::{Looks, finding_of};
use crate::cli::barred::Barred;
use crate::cli::log::chain_finding;
use crate::cli::{render, staged};
use crate::explain::{Explain, os_words};
use crate::findings::{Code, Finding, Severity};
use crate::store::journal::CLOCK_TOLERANCE_SECONDS;
use crate::store::{Problem, Store, StoreError, written_parts};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use time::OffsetDateTime;

/// Less free space than this is a warning: a chain and a key take kilobytes, a journal of years some megabytes.
const LITTLE_SPACE: u64 = 100 * 1024 * 1024;

/// Looks at the state; gives it back where it can be read.
pub(super) fn look(folder: &Path, now: OffsetDateTime, looks: &mut Looks) -> Option<Store> {
    let shown = folder.display().to_string();
    let store = match Store::open(folder) {
        Ok(store) => Some(store),
        Err(StoreError::Missing { .. }) => {
            let finding = Finding::new(
                Code::DoctorNoState,
                shown.clone(),
                "there is no state folder yet",
                "",
                "nothing to do: the first `edgecert request` or `edgecert import` makes it",
            );
            looks.add("state", &*shown, vec![finding]);
            None
        }
        Err(error) => {
            looks.add(
                "state",
                &*shown,
                vec![finding_of(Code::DoctorState, &error.explain())],
            );
            None
        }
    };
    if let Some(store) = &store {
        let mut findings: Vec<Finding> = owner_finding(folder).into_iter().collect();
        findings.extend(write_finding(folder, &may_write));
        match store.problems() {
            Ok(problems) => findings.extend(problems.iter().map(finding)),
            Err(error) => findings.push(finding_of(Code::DoctorState, &error.explain())),
        }
        looks.add("state", &*shown, findings);
        look_at_journal(store, folder, now, looks);
        look_at_staged(store, now, looks);
        look_at_keys(store, now, looks);
    }
    look_at_space(folder, looks);
    store
}

/// A problem of the store as a finding.
fn finding(problem: &Problem) -> Finding {
    let (code, severity) = match problem.code {
        "store.mode" => (Code::DoctorStateMode, None),
        "store.leftover" | "store.key-twice" | "store.stranger" => {
            (Code::DoctorStateLeftover, None)
        }
        "store.unfinished" => (Code::DoctorUnfinished, None),
        "store.live-nowhere" => (Code::DoctorLive, None),
        "store.live-differs" => (Code::DoctorLive, Some(Severity::Warning)),
        "store.folder-missing" => (Code::DoctorStateDamaged, Some(Severity::Note)),
        _ => (Code::DoctorStateDamaged, None),
    };
    let (what, why) = match code == Code::DoctorStateMode {
        true => (
            "others than the owner can reach a part of the state",
            problem.what.as_str(),
        ),
        false => (problem.what.as_str(), ""),
    };
    let place = problem.path.display().to_string();
    let finding = Finding::new(code, place, what, why, problem.mend.clone());
    match severity {
        Some(severity) => finding.with_severity(severity),
        None => finding,
    }
}

fn owner_finding(folder: &Path) -> Option<Finding> {
    let owner = std::fs::metadata(folder).ok()?.uid();
    let own = rustix::process::geteuid().as_raw();
    (owner != own).then(|| {
        Finding::new(
            Code::DoctorState,
            folder.display().to_string(),
            "the state belongs to another user",
            format!("it belongs to uid {owner}, and this command runs as uid {own}"),
            "run edgecert as one user always: what one writes, the other cannot read (modes 0700 and 0600)",
        )
        .with_severity(Severity::Warning)
    })
}

/// The first part of the state that this user may not write: a read-only file system, or modes without the bit. A part
/// that is not there yet is made in the folder above it.
fn write_finding(
    folder: &Path,
    may_write: &dyn Fn(&Path) -> std::io::Result<()>,
) -> Option<Finding> {
    written_parts().find_map(|name| {
        let path = folder.join(name);
        let error = may_write(&path).err()?;
        if error.kind() == std::io::ErrorKind::NotFound {
            return None;
        }
        let mend = if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem {
            "mount it so that it can be written, or name a state elsewhere with --state"
        } else {
            "run edgecert as the owner of the state, and give the owner the right to write: `chmod -R u+w` of it"
        };
        Some(Finding::new(
            Code::DoctorState,
            path.display().to_string().trim_end_matches('/').to_owned(),
            "a part of the state cannot be written, and a command that writes there fails",
            os_words(&error),
            mend,
        ))
    })
}

/// Asks with the rights that count when a file is opened; nothing is written.
fn may_write(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(Into::into)
}

fn look_at_journal(store: &Store, folder: &Path, now: OffsetDateTime, looks: &mut Looks) {
    let reading = match store.journal() {
        Ok(reading) => reading,
        Err(error) => {
            looks.add(
                "journal",
                "cannot be read",
                vec![finding_of(Code::DoctorState, &error.explain())],
            );
            return;
        }
    };
    let chain: Vec<Finding> = chain_finding(&reading, folder).into_iter().collect();
    looks.add(
        "journal",
        crate::cli::render::count(reading.entries.len(), "line"),
        chain,
    );
    let last = reading.entries.last().map(|entry| entry.time);
    let behind = last
        .map(|last| (last - now).whole_seconds())
        .filter(|seconds| *seconds > CLOCK_TOLERANCE_SECONDS)
        .map(|seconds| {
            Finding::new(
                Code::DoctorClockStep,
                folder.join("journal.jsonl").display().to_string(),
                format!("the clock is {seconds} seconds behind the last line of the journal"),
                format!(
                    "it is {} now, and the last line is of {}",
                    render::moment(now),
                    last.map(render::moment).unwrap_or_default()
                ),
                "set the clock, and keep it by NTP (`timedatectl status`)",
            )
        });
    looks.add("clock", render::moment(now), behind.into_iter().collect());
}

/// What waits for its time; records that cannot be read were told with the state.
fn look_at_staged(store: &Store, now: OffsetDateTime, looks: &mut Looks) {
    for name in store.certificates().unwrap_or_default() {
        let record = store.assignment(&name).unwrap_or_default();
        if let Some(staged) = record.staged {
            looks.add(
                "staged",
                format!(
                    "{name}/{} for {}",
                    staged.generation,
                    render::when(staged.effective, now)
                ),
                staged::overdue(&name, &staged, now).into_iter().collect(),
            );
        }
    }
}

/// A barred key that is served all the same, as `check` tells it; records that cannot be read were told with the state.
fn look_at_keys(store: &Store, now: OffsetDateTime, looks: &mut Looks) {
    let Ok(barred) = Barred::read(store) else {
        return;
    };
    for name in store.certificates().unwrap_or_default() {
        for one in store.generations(&name).unwrap_or_default() {
            let finding = barred.while_served(store, &name, one.number, now);
            if let Ok(Some(finding)) = finding {
                let shown = format!("{name}/{} is barred", one.number);
                looks.add("keys", shown, vec![finding]);
            }
        }
    }
}

fn look_at_space(folder: &Path, looks: &mut Looks) {
    // Where the state will be made, if it is not there.
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let Some(there) = whole.ancestors().find(|path| path.exists()) else {
        return;
    };
    let Ok(system) = rustix::fs::statvfs(there) else {
        return;
    };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let mebibytes = free / (1024 * 1024);
    let finding = (free < LITTLE_SPACE).then(|| {
        Finding::new(
            Code::DoctorSpace,
            there.display().to_string(),
            "little space is left where the state lies",
            format!(
                "{mebibytes} MiB are free, {} MiB are wanted",
                LITTLE_SPACE / (1024 * 1024)
            ),
            "make room; `edgecert prune` removes old generations, which are small",
        )
    });
    looks.add(
        "space",
        format!("{mebibytes} MiB free"),
        finding.into_iter().collect(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_cannot_be_written_is_an_error_and_one_that_is_not_there_is_none() {
        use std::io::{Error, ErrorKind};
        let folder = Path::new("/srv/edgecert.state");
        let denies = |part: &'static str, kind: ErrorKind| {
            write_finding(folder, &move |path| match path.ends_with(part) {
                true => Err(Error::from(kind)),
                false => Ok(()),
            })
        };
        assert_eq!(denies("journal.jsonl", ErrorKind::NotFound), None);
        assert_eq!(write_finding(folder, &|_| Ok(())), None);
        for (part, kind, place, mend) in [
            (
                "edgecert.state",
                ErrorKind::ReadOnlyFilesystem,
                "/srv/edgecert.state",
                "mount it",
            ),
            (
                "requests",
                ErrorKind::PermissionDenied,
                "/srv/edgecert.state/requests",
                "chmod",
            ),
            (
                "transactions",
                ErrorKind::PermissionDenied,
                "/srv/edgecert.state/transactions",
                "chmod",
            ),
        ] {
            let found = denies(part, kind).unwrap();
            assert_eq!(
                (found.code, found.severity),
                (Code::DoctorState, Severity::Error)
            );
            assert_eq!(found.place, place);
            assert!(found.mend.contains(mend), "{}", found.mend);
        }
        assert!(may_write(&std::env::temp_dir()).is_ok());
    }

    #[test]
    fn problems_of_the_store_become_findings_by_what_they_break() {
        for (code, wanted) in [
            ("store.mode", (Code::DoctorStateMode, Severity::Error)),
            (
                "store.leftover",
                (Code::DoctorStateLeftover, Severity::Note),
            ),
            (
                "store.unfinished",
                (Code::DoctorUnfinished, Severity::Warning),
            ),
            ("store.live-nowhere", (Code::DoctorLive, Severity::Error)),
            ("store.live-differs", (Code::DoctorLive, Severity::Warning)),
            (
                "store.key-missing",
                (Code::DoctorStateDamaged, Severity::Error),
            ),
            ("store.corrupt", (Code::DoctorStateDamaged, Severity::Error)),
        ] {
            let problem = Problem {
                code,
                path: "state".into(),
                what: "what".into(),
                mend: "mend".into(),
            };
            let found = finding(&problem);
            assert_eq!((found.code, found.severity), wanted, "{code}");
        }
    }
}
