//! Names of users and groups, as numbers: from `/etc/passwd` and `/etc/group`, below a root of choice; and those that a
//! process runs as.
//!
//! Users of a directory service stand in neither; they are written as numbers (`106:112`).

use super::atomic::read_limited;
use crate::explain::printable;
use std::path::Path;

/// Most bytes of either file.
const MAX_PASSWD_BYTES: u64 = 16 * 1024 * 1024;
/// Most bytes of a process's status; its 65,536 groups fit.
const MAX_STATUS_BYTES: u64 = 1024 * 1024;

/// The user and group ids of `user:group`, names or numbers; `None`: one of them is unknown.
pub fn ids_of(owner: &str, root: &Path) -> Option<(u32, u32)> {
    let (user, group) = owner.split_once(':')?;
    Some((
        id_in(&root.join("etc/passwd"), user)?,
        id_in(&root.join("etc/group"), group)?,
    ))
}

/// The third field of the line that begins with this name.
fn id_in(file: &Path, name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    find(file, |one, number| (one == name).then_some(number))
}

/// The name of a user of this machine, or `uid N` where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    let passwd = Path::new("/etc/passwd");
    find(passwd, |name, number| {
        (number == uid).then(|| printable(name))
    })
    .unwrap_or_else(|| format!("uid {uid}"))
}

/// Whose rights of a process are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Those of whoever started it, whatever program it is.
    Real,
    /// Those that it has.
    Effective,
}

/// The user and the groups of a process; `None`: it is gone, or hidden. proc_pid_status(5).
pub(crate) fn credentials(pid: u32, rights: Rights) -> Option<(u32, Vec<u32>)> {
    let status = read_limited(Path::new(&format!("/proc/{pid}/status")), MAX_STATUS_BYTES).ok()?;
    let status = String::from_utf8_lossy(&status);
    let numbers = |name: &str| -> Option<Vec<u32>> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace()
            .map(|number| number.parse().ok())
            .collect()
    };
    // Real, effective, saved, of the file system.
    let column = match rights {
        Rights::Real => 0,
        Rights::Effective => 1,
    };
    let user = *numbers("Uid:")?.get(column)?;
    let mut groups = numbers("Groups:").unwrap_or_default();
    groups.extend(numbers("Gid:")?.get(column));
    Some((user, groups))
}

/// What the first line makes of its first and third field that makes anything of them.
fn find<T>(file: &Path, wanted: impl Fn(&str, u32) -> Option<T>) -> Option<T> {
    let text = read_limited(file, MAX_PASSWD_BYTES).ok()?;
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        wanted(name, fields.nth(1)?.parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_and_strangers_are_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nchat:x:106:112::/:/bin/false\n";
        std::fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        std::fs::write(root.path().join("etc/group"), "root:x:0:\nssl:x:112:chat\n").unwrap();
        for (owner, expected) in [
            ("chat:ssl", Some((106, 112))),
            ("0:ssl", Some((0, 112))),
            ("7:8", Some((7, 8))),
            ("chat:chat", None),
            ("x:ssl", None),
            ("chat", None),
        ] {
            assert_eq!(ids_of(owner, root.path()), expected, "{owner}");
        }
    }
}
