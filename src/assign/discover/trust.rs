//! Who else may change a file: what a process names on its command line is foreign text until nobody but root and we
//! can change what it leads to. A table built on another user's file would have root run that user's configuration.
//!
//! Every folder on the way counts, and every link. path_resolution(7), sticky folders: inode(7).

use super::processes::Root;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Most links on one way, as the kernel has it.
const MAX_LINKS: usize = 40;

/// Who else may change what a table would be built on; none: nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// The configuration.
    pub config: Option<String>,
    /// The folder that is `/` to the server.
    pub root: Option<String>,
    /// The pid file of its command line.
    pub pid_file: Option<String>,
}

impl Others {
    /// Looks at the configuration (unless it is the package's own), the root and the pid file, each where it lies for us.
    pub(super) fn of(
        root: &Root,
        config: &Path,
        is_packaged: Packaged,
        pid_file: Option<&Path>,
    ) -> Self {
        let me = rustix::process::geteuid().as_raw();
        Self {
            config: match is_packaged {
                Packaged::Yes => None,
                Packaged::No => changed_by(config, me),
            },
            root: match root {
                Root::Folder(folder) => changed_by(folder, me),
                Root::Ours | Root::Elsewhere(_) => None,
            },
            pid_file: pid_file.and_then(|file| changed_by(file, me)),
        }
    }

    /// Why there is no table for any file of the server.
    pub fn why(&self) -> Option<String> {
        let config = self.config.iter().map(|who| ("its configuration", who));
        let root = self.root.iter().map(|who| ("the folder of its root", who));
        let (what, who) = config.chain(root).next()?;
        Some(format!("{what} can be changed by {who}"))
    }
}

/// Whether a configuration is that of a package of this system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packaged {
    Yes,
    No,
}

/// A user other than root and `me` who may change a file, a folder above it, or a link on the way.
///
/// What cannot be looked at is left to whoever reads it; what is missing can be made by those who may change its folder.
fn changed_by(path: &Path, me: u32) -> Option<String> {
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
        if there.uid() != 0 && there.uid() != me {
            return Some(crate::store::user_name(there.uid()));
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
            mode if mode & 0o020 != 0 => Some(format!("the group {}", there.gid())),
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
        let others = Others {
            config: Some(told),
            ..Others::default()
        };
        let why = others.why().unwrap();
        assert!(
            why.starts_with("its configuration can be changed by "),
            "{why}"
        );
    }
}
