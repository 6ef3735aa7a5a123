//! The way to a file that we change: who else may lead it elsewhere, and where the links at its end lead.
//!
//! Folders of servers belong to the servers' users. The owner of a folder may have us write into it and into others of
//! his own, and nowhere else: a way that is his leads to folders of his, and a link of his counts only there. Every
//! folder on the way counts, and every link. path_resolution(7), sticky folders: inode(7), links: proc_sys_fs(5),
//! `protected_symlinks`.

use crate::explain::os_words;
use crate::store::atomic;
use rustix::fs::{Mode, OFlags};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Most links on one way, as the kernel has it.
const MAX_LINKS: usize = 40;

/// Why a file is not written where its path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Astray {
    /// Why.
    pub why: String,
    /// What to do.
    pub mend: String,
}

/// Where a file lies: its folder without links, and the links at its end followed, each read from the very link that
/// was judged. A file that is not there lies where it would be made.
///
/// Errors: a link that leads nowhere or round, one that another user made into a folder that is not his, and, where we
/// are root, a folder that somebody who does not own it can put something else in place of.
pub(super) fn lies_at(named: &Path) -> Result<PathBuf, Astray> {
    let me = rustix::process::geteuid().as_raw();
    let mut path = named.to_owned();
    for links in 0..=MAX_LINKS {
        let folder = atomic::folder_of(&path);
        if me == 0
            && let Some(who) = moved_by(folder, me)
        {
            return Err(Astray {
                why: format!(
                    "{who} can put another folder in place of {}, whose owner is another, and root would write there",
                    folder.display()
                ),
                mend: "let the folders above it belong to root or to its owner, and nobody else write to them"
                    .to_owned(),
            });
        }
        let nowhere = |why: &str| Astray {
            why: format!("it is a link that leads nowhere: {why}"),
            mend: "take the link away, or let it lead to a file".to_owned(),
        };
        let (folder, name) = match (folder.canonicalize(), path.file_name()) {
            (Ok(folder), Some(name)) => (folder, name),
            (Err(error), _) if links > 0 => return Err(nowhere(&os_words(&error))),
            // That there is no folder is told where it is to be written.
            (Ok(_) | Err(_), _) => return Ok(path),
        };
        let entry = folder.join(name);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(&entry, flags, Mode::empty()) {
            Ok(opened) => fs::File::from(opened),
            Err(error) if links > 0 => {
                return Err(nowhere(&os_words(&std::io::Error::from(error))));
            }
            Err(_) => return Ok(entry),
        };
        let Ok(there) = opened.metadata() else {
            return Ok(entry);
        };
        if !there.file_type().is_symlink() {
            return Ok(entry);
        }
        let target = rustix::fs::readlinkat(&opened, "", Vec::new())
            .map_err(|error| nowhere(&os_words(&std::io::Error::from(error))))?;
        path = folder.join(PathBuf::from(OsString::from_vec(target.into_bytes())));
        let into = atomic::folder_of(&path).metadata().map(|to| to.uid());
        let owner = there.uid();
        if owner != 0 && owner != me && into.ok() != Some(owner) {
            return Err(Astray {
                why: format!(
                    "it is a link that the user {} made, and it leads to {}",
                    crate::store::user_name(owner),
                    path.display()
                ),
                mend: "take the link away, or make it as root".to_owned(),
            });
        }
    }
    Err(Astray {
        why: "its links lead round".to_owned(),
        mend: "take the link away, or let it lead to a file".to_owned(),
    })
}

/// A user other than root and `me` who may change a file, a folder above it, or a link on the way; those of the group 0
/// count as root.
///
/// What cannot be looked at is left to whoever reads it; what is missing can be made by those who may change its folder.
pub(super) fn changed_by(path: &Path, me: u32) -> Option<String> {
    walk(path, me, End::Counts)
}

/// Whether a path that was found still leads to where it did: whoever owns a folder on its way can change that at any
/// moment, so it is asked once more right before the file is changed.
pub(super) fn still_leads(path: &Path) -> bool {
    lies_at(path).is_ok_and(|now| now == path)
}

/// Whether the folder of a path that was found is still that folder: whatever lies in it now is to give way. One that is
/// gone leads nowhere.
pub(super) fn still_in_its_folder(path: &Path) -> bool {
    let me = rustix::process::geteuid().as_raw();
    let folder = atomic::folder_of(path);
    let same = |now: PathBuf| now == folder && (me != 0 || moved_by(folder, me).is_none());
    folder.canonicalize().map_or(true, same)
}

/// Somebody other than root, `me` and the folder's owner who may put something else in its place. The group of a folder
/// may own its way as well where it may write to the folder itself.
fn moved_by(folder: &Path, me: u32) -> Option<String> {
    let there = folder.metadata().ok()?;
    let owner = Owner {
        user: there.uid(),
        group: (there.mode() & 0o020 != 0).then(|| there.gid()),
    };
    walk(folder, me, End::Owned(owner))
}

/// What stands at the end of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It has to be ours as well.
    Counts,
    /// A folder, whose owner may own its way.
    Owned(Owner),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    user: u32,
    group: Option<u32>,
}

fn walk(path: &Path, me: u32, end: End) -> Option<String> {
    let (user, group) = match end {
        End::Counts => (0, None),
        End::Owned(owner) => (owner.user, owner.group),
    };
    let parts = |path: &Path| -> VecDeque<OsString> {
        path.components()
            .map(|part: Component<'_>| part.as_os_str().to_owned())
            .collect()
    };
    let mut rest = parts(&std::path::absolute(path).ok()?);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    // In a sticky folder what belongs to root or us stays ours: the next part tells.
    let mut open: Option<String> = None;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&part);
        let Ok(there) = fs::symlink_metadata(&next) else {
            return open;
        };
        if end != End::Counts && rest.is_empty() && !there.is_symlink() {
            return None;
        }
        if ![0, me, user].contains(&there.uid()) {
            let name = crate::store::user_name(there.uid());
            return Some(match end {
                End::Counts => name,
                // One of them is called nobody.
                End::Owned(_) => format!("the user {name}"),
            });
        }
        open = None;
        if there.is_symlink() {
            links += 1;
            let to = fs::read_link(&next).ok().filter(|_| links <= MAX_LINKS)?;
            let mut whole = parts(&to);
            whole.append(&mut rest);
            rest = whole;
            continue;
        }
        let writers = match there.mode() {
            mode if mode & 0o002 != 0 => Some("everybody".to_owned()),
            mode if mode & 0o020 != 0 && there.gid() != 0 && group != Some(there.gid()) => {
                Some(format!("the group {}", there.gid()))
            }
            _ => None,
        };
        match writers {
            Some(who) if there.is_dir() && there.mode() & 0o1000 != 0 => open = Some(who),
            Some(who) => return Some(who),
            None => {}
        }
        at = next;
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    const STRANGER: u32 = 54_321;

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn allow(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn every_folder_on_the_way_counts() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("etc");
        let file = folder.join("nginx.conf");
        fs::create_dir(&folder).unwrap();
        fs::write(&file, "").unwrap();
        for (of_folder, of_file, expected) in [
            (0o755, 0o644, None),
            (0o777, 0o644, Some("everybody")),
            (0o755, 0o646, Some("everybody")),
            (0o1777, 0o644, None),
        ] {
            allow(&folder, of_folder);
            allow(&file, of_file);
            let told = changed_by(&file, me());
            assert_eq!(told.as_deref(), expected, "{of_folder:o} {of_file:o}");
        }
        // A file that is not there yet is anybody's in a sticky folder, and so is that folder itself.
        for path in [&folder, &folder.join("none")] {
            assert_eq!(changed_by(path, me()).as_deref(), Some("everybody"));
        }
        allow(&folder, 0o775);
        if me() == 0 {
            chown(&folder, None, Some(STRANGER)).unwrap();
        }
        let told = changed_by(&file, me()).unwrap();
        assert!(told.starts_with("the group "), "{told}");
    }

    #[test]
    fn a_link_leads_to_what_it_names() {
        let top = tempfile::tempdir().unwrap();
        let evil = top.path().join("evil");
        fs::create_dir(&evil).unwrap();
        fs::write(evil.join("nginx.conf"), "").unwrap();
        symlink("../evil", evil.join("round")).unwrap();
        let link = top.path().join("conf");
        symlink("evil/round/nginx.conf", &link).unwrap();
        allow(&evil, 0o755);
        assert_eq!(changed_by(&link, me()), None);
        allow(&evil, 0o777);
        assert_eq!(changed_by(&link, me()).as_deref(), Some("everybody"));
    }

    #[test]
    fn another_users_file_is_his() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join("nginx.conf");
        fs::write(&file, "").unwrap();
        allow(&file, 0o644);
        // Only root can give a file away; to anybody else, ours is a stranger's where we are somebody else.
        let (own, looks) = match me() {
            0 => (STRANGER, 0),
            me => (me, STRANGER),
        };
        chown(&file, Some(own), None).unwrap();
        let told = changed_by(&file, looks).unwrap();
        assert_eq!(told, crate::store::user_name(own));
    }

    #[test]
    fn whoever_owns_the_way_leads_to_folders_of_his_own_alone() {
        if me() != 0 {
            return;
        }
        let top = tempfile::tempdir().unwrap();
        let above = top.path().join("ejabberd");
        let folder = above.join("certs");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.canonicalize().unwrap().join("edge.key");
        for (of_above, of_folder, may) in [
            (0, 0, true),
            (0, STRANGER, true),
            (STRANGER, STRANGER, true),
            (STRANGER, 0, false),
            (STRANGER, STRANGER + 1, false),
        ] {
            chown(&above, Some(of_above), None).unwrap();
            chown(&folder, Some(of_folder), None).unwrap();
            let found = lies_at(&folder.join("edge.key"));
            match found {
                Ok(found) => assert!(may && found == file, "{of_above} {of_folder}"),
                Err(astray) => {
                    assert!(!may, "{astray:?}");
                    assert!(astray.why.contains("can put another folder in place of"));
                }
            }
            assert_eq!(still_leads(&file), may);
        }
        // Who may write to the folder itself needs no way to it, and who may not can put another in its place.
        for (of_above, mode_above, of_folder, mode, may) in [
            (STRANGER, 0o770, STRANGER, 0o770, true),
            (STRANGER, 0o770, STRANGER, 0o750, false),
            (STRANGER + 1, 0o770, STRANGER, 0o770, false),
            (STRANGER, 0o750, STRANGER, 0o750, true),
            (0, 0o770, STRANGER, 0o750, true),
        ] {
            for (folder, group, mode) in
                [(&above, of_above, mode_above), (&folder, of_folder, mode)]
            {
                chown(folder, Some(0), Some(group)).unwrap();
                allow(folder, mode);
            }
            let found = lies_at(&file);
            assert_eq!(found.is_ok(), may, "{of_above} {mode_above:o} {mode:o}");
        }
        allow(&above, 0o755);
        // Nor does a link on the way that is not ours, wherever it leads.
        chown(&above, Some(0), None).unwrap();
        chown(&folder, Some(0), None).unwrap();
        let link = top.path().join("certs");
        symlink(&folder, &link).unwrap();
        assert_eq!(lies_at(&link.join("edge.key")), Ok(file));
        std::os::unix::fs::lchown(&link, Some(STRANGER), None).unwrap();
        assert!(lies_at(&link.join("edge.key")).is_err());
    }

    #[test]
    fn a_link_counts_only_where_its_maker_may_write() {
        let top = tempfile::tempdir().unwrap();
        let (theirs, ours) = (top.path().join("theirs"), top.path().join("ours"));
        for folder in [&theirs, &ours] {
            fs::create_dir(folder).unwrap();
        }
        let victim = ours.join("shadow");
        fs::write(&victim, "root").unwrap();
        let link = theirs.join("edge.key");
        symlink("../ours/shadow", &link).unwrap();
        assert_eq!(
            lies_at(&link),
            victim.canonicalize().map_err(|_| unreachable!())
        );
        for (target, why) in [("gone", "leads nowhere"), ("edge.key", "lead round")] {
            let link = top.path().join("edge.key");
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
            let astray = lies_at(&link).unwrap_err();
            assert!(astray.why.contains(why), "{astray:?}");
        }
        if me() == 0 {
            std::os::unix::fs::lchown(&link, Some(STRANGER), None).unwrap();
            chown(&theirs, Some(STRANGER), None).unwrap();
            let astray = lies_at(&link).unwrap_err();
            assert!(astray.why.contains("it is a link that "), "{astray:?}");
        }
    }
}
