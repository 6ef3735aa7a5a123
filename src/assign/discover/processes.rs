//! The processes of this machine that are servers, from `/proc`; what belongs to one server is one.

use super::command_line::{Reads, Started, recognise};
use super::kinds::ServerKind;
use crate::assign::config_files::ConfigFiles;
use crate::servers::{PathKind, Source};
use crate::store::atomic::read_limited;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Most processes that are looked at.
const MAX_PROCESSES: usize = 50_000;

/// Most bytes of a command line, an environment or a status that are read.
const MAX_BYTES: u64 = 1024 * 1024;

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it is.
    pub kind: ServerKind,
    /// Its main configuration, as the server names it.
    pub config: PathBuf,
    /// What is `/` to it.
    pub root: Root,
    /// What else its command line tells, paths made absolute.
    pub started: Started,
    /// Its processes; the first is the one that the others come from.
    pub processes: Vec<u32>,
    /// The effective user of the first of them.
    pub uid: Option<u32>,
}

/// What is `/` to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The same as to us.
    Ours,
    /// A folder of ours.
    Folder(PathBuf),
    /// Another file system (a container): it can be looked at through this process alone.
    Elsewhere(PathBuf),
}

/// One process.
struct Process {
    pid: u32,
    parent: u32,
    uid: Option<u32>,
    kind: ServerKind,
    config: PathBuf,
    root: Root,
    started: Started,
}

/// The servers that run, in the order of their kinds and configurations.
pub(super) fn running() -> Vec<Running> {
    let mut all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .take(MAX_PROCESSES)
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            look(pid, &entry.path())
        })
        .collect();
    all.sort_by_key(|process| process.pid);
    let mut found: Vec<Running> = Vec::new();
    for process in &all {
        let is_same = |one: &Running| {
            (one.kind, &one.config) == (process.kind, &process.config)
                // Children that locked themselves in belong to the one that did not.
                && (one.root == process.root || one.processes.contains(&process.parent))
        };
        match found.iter_mut().find(|one| is_same(one)) {
            Some(one) => one.processes.push(process.pid),
            None => found.push(Running {
                kind: process.kind,
                config: process.config.clone(),
                root: process.root.clone(),
                started: process.started.clone(),
                processes: vec![process.pid],
                uid: None,
            }),
        }
    }
    for one in &mut found {
        put_first(&mut one.processes, &all);
        let first = one.processes.first();
        one.uid = all
            .iter()
            .find(|process| Some(&process.pid) == first)
            .and_then(|process| process.uid);
    }
    found.sort_by(|one, other| (one.kind, &one.config).cmp(&(other.kind, &other.config)));
    found
}

/// The process that none of the others started comes first; numbers begin anew after the last one.
fn put_first(processes: &mut [u32], all: &[Process]) {
    let parent_of = |pid: u32| all.iter().find(|one| one.pid == pid).map(|one| one.parent);
    let first = processes
        .iter()
        .position(|pid| parent_of(*pid).is_none_or(|parent| !processes.contains(&parent)));
    if let Some(at) = first
        && let Some(until_there) = processes.get_mut(..=at)
    {
        until_there.rotate_right(1);
    }
}

/// One process, if it is a server.
fn look(pid: u32, folder: &Path) -> Option<Process> {
    let name = read_limited(&folder.join("comm"), MAX_BYTES).ok()?;
    let name = String::from_utf8_lossy(&name).trim_end().to_owned();
    let words = words_of(&read_limited(&folder.join("cmdline"), MAX_BYTES).ok()?);
    let variable = |name: &str| variable(folder, name);
    let (kind, mut started) = recognise(&name, &words, &variable)?;
    let mut root = root_of(folder);
    let within = folder_within(folder, &root);
    let absolute = |path: String| match &within {
        Some(within) if !path.starts_with('/') => flat(&within.join(path)).display().to_string(),
        Some(_) | None => path,
    };
    started.config = started.config.map(absolute);
    started.pid_file = started.pid_file.map(absolute);
    let config = match &started.config {
        Some(config) => PathBuf::from(config),
        None => kind.started_with().to_owned(),
    };
    // HAProxy and Kamailio lock themselves in once they have read their files.
    if let Root::Folder(jail) = &root
        && ConfigFiles::below(jail).look(&config) != Some(PathKind::File)
        && config.is_file()
    {
        root = Root::Ours;
    }
    if started.reads == Reads::File && started.config.is_none() {
        started.config = Some(config.display().to_string());
    }
    Some(Process {
        pid,
        parent: parent_of(folder).unwrap_or(0),
        uid: uid_of(folder),
        kind,
        config,
        root,
        started,
    })
}

/// The words of `/proc/PID/cmdline`.
fn words_of(bytes: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    // What was written over is filled up with zeros.
    while words.last().is_some_and(String::is_empty) {
        words.pop();
    }
    words
}

/// A variable of a process's environment; no other is looked at.
fn variable(folder: &Path, name: &str) -> Option<String> {
    let bytes = zeroize::Zeroizing::new(read_limited(&folder.join("environ"), MAX_BYTES).ok()?);
    bytes.split(|byte| *byte == 0).find_map(|entry| {
        let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(
            PathBuf::from(std::ffi::OsString::from_vec(value.to_vec()))
                .display()
                .to_string(),
        )
    })
}

/// The fourth field of `/proc/PID/stat`; the second one, in brackets, may hold anything.
fn parent_of(folder: &Path) -> Option<u32> {
    let stat = read_limited(&folder.join("stat"), MAX_BYTES).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The second number of `Uid:` in `/proc/PID/status`; the folder itself is root's where a process may not be dumped.
fn uid_of(folder: &Path) -> Option<u32> {
    let status = read_limited(&folder.join("status"), MAX_BYTES).ok()?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let numbers = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    numbers.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// What is `/` to a process; one that may not be looked at is taken for one of ours.
fn root_of(folder: &Path) -> Root {
    let link = folder.join("root");
    match fs::read_link(&link) {
        Ok(path) if path != Path::new("/") => Root::Folder(path),
        // In a mount namespace of its own the link says `/` as well.
        Ok(_) => match (fs::metadata(link.join(".")), fs::metadata("/")) {
            (Ok(theirs), Ok(ours)) if (theirs.dev(), theirs.ino()) != (ours.dev(), ours.ino()) => {
                Root::Elsewhere(link)
            }
            (Ok(_) | Err(_), _) => Root::Ours,
        },
        Err(_) => Root::Ours,
    }
}

/// The folder in which a process works, as it names it.
fn folder_within(folder: &Path, root: &Root) -> Option<PathBuf> {
    let works_in = fs::read_link(folder.join("cwd")).ok()?;
    match root {
        Root::Ours | Root::Elsewhere(_) => Some(works_in),
        Root::Folder(jail) => Some(Path::new("/").join(works_in.strip_prefix(jail).ok()?)),
    }
}

/// A path without `.` and `..`.
fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                flat.pop();
            }
            Component::CurDir => {}
            Component::RootDir | Component::Normal(_) | Component::Prefix(_) => flat.push(part),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_zeros() {
        assert_eq!(words_of(b"a\0b c\0\0d\0\0\0"), ["a", "b c", "", "d"]);
        assert_eq!(words_of(b""), Vec::<String>::new());
    }

    #[test]
    fn paths_are_made_flat() {
        for (path, flat_one) in [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("/a//b/", "/a/b")] {
            assert_eq!(flat(Path::new(path)), Path::new(flat_one), "{path}");
        }
    }

    #[test]
    fn the_process_that_started_the_others_comes_first() {
        let process = |pid, parent| Process {
            pid,
            parent,
            uid: None,
            kind: ServerKind::Nginx,
            config: PathBuf::new(),
            root: Root::Ours,
            started: Started::default(),
        };
        let all = [process(7, 9), process(8, 9), process(9, 1)];
        let mut processes = [7, 8, 9];
        put_first(&mut processes, &all);
        assert_eq!(processes, [9, 7, 8]);
    }

    #[test]
    fn this_process_has_our_root_and_its_own_folder() {
        let folder = Path::new("/proc/self");
        assert_eq!(root_of(folder), Root::Ours);
        assert_eq!(
            folder_within(folder, &Root::Ours),
            Some(std::env::current_dir().unwrap())
        );
        assert_eq!(parent_of(folder), Some(std::os::unix::process::parent_id()));
        assert_eq!(uid_of(folder), Some(rustix::process::geteuid().as_raw()));
        assert!(look(0, folder).is_none(), "a test is no server");
    }
}
