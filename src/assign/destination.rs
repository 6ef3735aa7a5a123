//! One file that an assignment writes: where it really lies, who must be able to read it, and what is in it now.
//!
//! It is written beside the one there and renamed over it, so a link is followed first, and a file that cannot be
//! renamed over (a mount point) or that is another tool's own is refused with the way out. A folder is locked while
//! its files are changed, so that two states on one machine do not write the same file at once.

use super::error::AssignError;
use super::way;
use crate::deployment::Content;
use crate::explain::os_words;
use crate::names::Slug;
use crate::store::atomic::{self, Placement, read_limited};
use crate::store::{Disk, FolderLock, MAX_PEM_BYTES, owner};
use crate::x509::{Chain, Fingerprint, container};
use rustix::fs::{Access, access};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long to wait for a folder that another command has locked.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Most bytes read of the table of mounts.
const MAX_MOUNTS: u64 = 4 * 1024 * 1024;

/// Parts of paths below which other tools keep certificates of their own, and the tool.
const KEPT_BY_OTHERS: [(&str, &str); 5] = [
    ("letsencrypt/live", "certbot"),
    ("letsencrypt/archive", "certbot"),
    (".acme.sh", "acme.sh"),
    ("dehydrated/certs", "dehydrated"),
    (".lego/certificates", "lego"),
];

/// A file that an assignment writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// As the deployment or the server names it.
    pub named: PathBuf,
    /// Where it lies, links followed.
    pub path: PathBuf,
    /// What is written.
    pub content: Content,
    /// With which owner and mode.
    pub placement: Placement,
}

/// What decides owner and mode: what is given, else what the file there has, else what its kind of server wants.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The gateway.
    pub gateway: &'a Slug,
    /// `user:group` of the deployment.
    pub owner: Option<&'a str>,
    /// Mode of the deployment.
    pub mode: Option<u32>,
    /// `user:group` of the kind; `None`: who runs the command.
    pub kind_owner: Option<&'a str>,
    /// Mode of the kind.
    pub kind_mode: u32,
    /// The folder that is `/` to the server: its users are those of this root.
    pub root: &'a Path,
}

impl Destination {
    /// Finds where a file is to be written, and with which owner and mode.
    ///
    /// Errors: an unknown owner, a link that leads nowhere, a mount point, another tool's file, no folder.
    pub fn find(named: &Path, content: Content, wish: Wish<'_>) -> Result<Self, AssignError> {
        let unfit = |why: String, mend: String| AssignError::Destination {
            gateway: wish.gateway.clone(),
            path: named.to_owned(),
            why,
            mend,
        };
        let path = lies_at(wish.gateway, wish.root, named)?;
        let there = match path.symlink_metadata() {
            Ok(there) if !there.is_file() => {
                return Err(unfit(
                    "it is no file".to_owned(),
                    "name the path of a file".to_owned(),
                ));
            }
            there => there.ok(),
        };
        if let Some(tool) = keeper_of(&path) {
            return Err(unfit(
                format!("it leads to {}, which {tool} keeps", path.display()),
                format!(
                    "name a file of its own, let the server read that one, and end {tool}'s care of it"
                ),
            ));
        }
        if is_mount_point(&path) {
            return Err(unfit(
                "it is mounted by itself (a bind mount), so no file can be renamed over it"
                    .to_owned(),
                format!(
                    "mount its folder {} instead; then a renewal is seen inside as well",
                    atomic::folder_of(&path).display()
                ),
            ));
        }
        let placement = placement(content, there.as_ref(), wish)?;
        Ok(Self {
            named: named.to_owned(),
            path,
            content,
            placement,
        })
    }

    /// Whether this user can write it: the folder, and the owner it is to have. Nothing is touched.
    pub fn check_rights(&self, gateway: &Slug) -> Result<(), AssignError> {
        let unfit = |why: String, mend: String| AssignError::Destination {
            gateway: gateway.clone(),
            path: self.path.clone(),
            why,
            mend,
        };
        let folder = atomic::folder_of(&self.path);
        if !folder.is_dir() {
            return Err(unfit(
                format!("there is no folder {}", folder.display()),
                format!(
                    "make it (`install -d -m 750 {}`), or name another path",
                    folder.display()
                ),
            ));
        }
        if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
            return Err(unfit(
                format!(
                    "its folder cannot be written by this user: {}",
                    os_words(&error.into())
                ),
                "run this command as root, or as a user who may write there".to_owned(),
            ));
        }
        let me = rustix::process::geteuid().as_raw();
        let other_owner = self.placement.uid.is_some_and(|uid| uid != me);
        let other_group = self.placement.gid.is_some_and(|gid| !is_own_group(gid));
        if (other_owner || other_group) && !may_give_away() {
            let uid = self.placement.uid.unwrap_or(me);
            return Err(unfit(
                format!(
                    "it is to belong to {}, and this user may not give files away",
                    crate::store::user_name(uid)
                ),
                "run this command as root (or with CAP_CHOWN), or set `owner` to this user"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether a process with this user and these groups could read it as it is to be.
    pub fn is_readable_by(&self, user: u32, groups: &[u32]) -> bool {
        let Placement { mode, uid, gid } = self.placement;
        let owner = uid.unwrap_or_else(|| rustix::process::geteuid().as_raw());
        let group = gid.unwrap_or_else(|| rustix::process::getegid().as_raw());
        user == 0
            || (user == owner && mode & 0o400 != 0)
            || (user != owner && groups.contains(&group) && mode & 0o040 != 0)
            || (user != owner && !groups.contains(&group) && mode & 0o004 != 0)
    }

    /// The bytes that go there.
    pub fn bytes(&self, fullchain_pem: &str, key_pem: &str) -> Zeroizing<String> {
        // HAProxy's runtime API takes an empty line for the end.
        let lines = |text: &str| {
            // As large as it can become: a key that regrows leaves copies behind.
            let mut all = String::with_capacity(text.len() + 1);
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                all.push_str(line);
                all.push('\n');
            }
            all
        };
        let end = "-----END CERTIFICATE-----\n";
        let chain = lines(fullchain_pem);
        let after_leaf = chain.find(end).map_or(chain.len(), |at| at + end.len());
        let (leaf, rest) = chain.split_at(after_leaf);
        Zeroizing::new(match self.content {
            Content::Cert => leaf.to_owned(),
            Content::Chain => rest.to_owned(),
            Content::Fullchain => chain,
            Content::Privkey => lines(key_pem),
            Content::Combined => chain + &Zeroizing::new(lines(key_pem)),
        })
    }

    /// Whether these bytes lie there already, with the owner and mode that they should have.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        let Ok(there) = self.path.metadata() else {
            return false;
        };
        let same_owner = self.placement.uid.is_none_or(|uid| uid == there.uid())
            && self.placement.gid.is_none_or(|gid| gid == there.gid());
        same_owner
            && there.mode() & 0o7777 == self.placement.mode
            && read_limited(&self.path, MAX_PEM_BYTES)
                .map(Zeroizing::new)
                .is_ok_and(|lying| lying.as_slice() == bytes)
    }

    /// Writes it. The folder must be locked and the old file kept.
    ///
    /// Errors: the folder is no longer the one that was found, and those of the file system.
    pub fn write(&self, gateway: &Slug, bytes: &[u8]) -> Result<(), AssignError> {
        insist_on_way(gateway, &self.path)?;
        Ok(atomic::write_over(&self.path, bytes, self.placement)?)
    }

    /// SHA-256 in hex of what lies there; `None`: nothing that can be read.
    pub fn digest(&self) -> Option<String> {
        let bytes = Zeroizing::new(read_limited(&self.path, MAX_PEM_BYTES).ok()?);
        Some(digest_of(&bytes))
    }

    /// The first certificate that lies there, where there is one.
    pub fn leaf(&self) -> Option<crate::x509::Certificate> {
        let bytes = Zeroizing::new(read_limited(&self.path, MAX_PEM_BYTES).ok()?);
        let contents = container::read(&bytes, None).ok()?;
        contents
            .certificates
            .into_iter()
            .next()
            .map(|(_, certificate)| certificate)
    }
}

/// Where a file of a server lies, links followed.
///
/// Errors: `Destination` where somebody else may lead it elsewhere, and where a link leads out of the server's root.
pub(super) fn lies_at(gateway: &Slug, root: &Path, named: &Path) -> Result<PathBuf, AssignError> {
    let unfit = |why: String, mend: String| AssignError::Destination {
        gateway: gateway.clone(),
        path: named.to_owned(),
        why,
        mend,
    };
    let path = way::lies_at(named).map_err(|astray| unfit(astray.why, astray.mend))?;
    let beyond = |root: PathBuf| !path.starts_with(root);
    if root != Path::new("/") && root.canonicalize().is_ok_and(beyond) {
        return Err(unfit(
            format!(
                "a link leads out of the server's root, to {}",
                path.display()
            ),
            "name the path as it is within the root, without links that begin with /".to_owned(),
        ));
    }
    Ok(path)
}

/// Refuses a file that no longer lies where it was found: asked right before it is changed.
pub(super) fn insist_on_way(gateway: &Slug, path: &Path) -> Result<(), AssignError> {
    if way::still_leads(path) {
        return Ok(());
    }
    Err(AssignError::Destination {
        gateway: gateway.clone(),
        path: path.to_owned(),
        why: "its folder is no longer the one that was found when this command began".to_owned(),
        mend: "see who changes it, and run this command again".to_owned(),
    })
}

/// SHA-256 in hex.
pub fn digest_of(bytes: &[u8]) -> String {
    Fingerprint::of(bytes).to_string()
}

/// Names in a chain's leaf as reload commands get them.
pub fn domains_of(chain: &Chain) -> Vec<String> {
    let names = chain.leaf.facts().names.iter().flatten();
    let mut domains: Vec<String> = Vec::new();
    for name in names {
        if let crate::names::Presented::Dns(name) = name
            && !domains.contains(name)
            // It becomes a word of a variable that is split at blanks.
            && name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            domains.push(name.clone());
        }
    }
    domains
}

/// The folders of some files, locked until this is dropped.
#[derive(Debug)]
pub struct FolderLocks {
    held: Vec<(PathBuf, FolderLock)>,
}

impl FolderLocks {
    /// Locks the folder of each path once, in one order for all, waiting up to ten seconds for each.
    pub fn take<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Self, AssignError> {
        let folders: BTreeSet<PathBuf> = paths
            .map(atomic::folder_of)
            .filter_map(|folder| folder.canonicalize().ok())
            .collect();
        let held = folders.into_iter().map(|folder| {
            let lock = FolderLock::of(&folder, LOCK_PATIENCE)?;
            Ok((folder, lock))
        });
        Ok(Self {
            held: held.collect::<Result<_, AssignError>>()?,
        })
    }

    /// Removes what a killed command left half written in these folders: a private key may be in it. Where a folder
    /// could not be locked, another command may be writing it at this moment.
    pub fn sweep(&self) -> Result<(), AssignError> {
        for (folder, _) in self.held.iter().filter(|(_, lock)| lock.is_held()) {
            atomic::remove_leftovers(&Disk::new(), folder)?;
        }
        Ok(())
    }
}

fn placement(
    content: Content,
    there: Option<&std::fs::Metadata>,
    wish: Wish<'_>,
) -> Result<Placement, AssignError> {
    let ids = |owner: &str| {
        owner::ids_of(owner, wish.root).ok_or_else(|| AssignError::UnknownOwner {
            gateway: wish.gateway.clone(),
            owner: owner.to_owned(),
        })
    };
    let ids = match (wish.owner, there, wish.kind_owner) {
        (Some(owner), _, _) => Some(ids(owner)?),
        (None, Some(there), _) => Some((there.uid(), there.gid())),
        (None, None, Some(owner)) => Some(ids(owner)?),
        (None, None, None) => None,
    };
    let open_to_all = |mode: u32| content.holds_key() && mode & 0o007 != 0;
    let mode = match (wish.mode, there.map(|there| there.mode() & 0o777)) {
        (Some(mode), _) => mode,
        (None, Some(mode)) if !open_to_all(mode) => mode,
        (None, Some(_) | None) => wish.kind_mode,
    };
    Ok(Placement {
        mode,
        uid: ids.map(|(uid, _)| uid),
        gid: ids.map(|(_, gid)| gid),
    })
}

/// The other tool whose own file this is.
pub(super) fn other_keeper_of(path: &Path) -> Option<&'static str> {
    let text = path.to_string_lossy();
    KEPT_BY_OTHERS
        .iter()
        .find(|(part, _)| text.contains(&format!("/{part}/")))
        .map(|(_, tool)| *tool)
}

/// The tool whose own file this is; our own state is one.
fn keeper_of(path: &Path) -> Option<&'static str> {
    let other = other_keeper_of(path);
    let ours = || {
        path.ancestors().any(|folder| {
            folder.ends_with("archive") && folder.with_file_name("layout.json").is_file()
        })
    };
    other.or_else(|| ours().then_some("edgecert itself (its state)"))
}

/// Whether something is mounted exactly there.
fn is_mount_point(path: &Path) -> bool {
    read_limited(Path::new("/proc/self/mountinfo"), MAX_MOUNTS)
        .is_ok_and(|table| is_mounted(&String::from_utf8_lossy(&table), path))
}

/// Whether the table of mounts has something exactly there. proc_pid_mountinfo(5).
fn is_mounted(table: &str, path: &Path) -> bool {
    let wanted = path.to_string_lossy();
    table.lines().any(|line| {
        line.split(' ').nth(4).is_some_and(|at| {
            let at = at
                .replace("\\040", " ")
                .replace("\\011", "\t")
                .replace("\\012", "\n")
                .replace("\\134", "\\");
            at == wanted
        })
    })
}

fn is_own_group(gid: u32) -> bool {
    rustix::process::getegid().as_raw() == gid
        || rustix::process::getgroups()
            .unwrap_or_default()
            .iter()
            .any(|group| group.as_raw() == gid)
}

/// Root, or CAP_CHOWN (capability 0). capabilities(7).
fn may_give_away() -> bool {
    let status = read_limited(Path::new("/proc/self/status"), MAX_MOUNTS).unwrap_or_default();
    let held = String::from_utf8_lossy(&status).lines().find_map(|line| {
        let hex = line.strip_prefix("CapEff:")?;
        u64::from_str_radix(hex.trim(), 16).ok()
    });
    match held {
        Some(capabilities) => capabilities & 1 == 1,
        None => rustix::process::geteuid().is_root(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_their_whole_path() {
        let table = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            90 22 8:1 /srv/a.pem /etc/tls/edge.pem rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            91 22 8:1 /b /etc/with\\040blank/x\\134y.pem rw - ext4 /dev/sda1 rw\n\
            cut off\n";
        for (path, expected) in [
            ("/etc/tls/edge.pem", true),
            ("/etc/with blank/x\\y.pem", true),
            ("/", true),
            ("/etc/tls/edge", false),
            ("/etc/tls", false),
            ("/srv/a.pem", false),
            ("", false),
        ] {
            assert_eq!(is_mounted(table, Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["edge.key", ".edgecert-tmp-4711-3", ".hidden"];
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let key = folder.path().join("edge.key");
        let locks = FolderLocks::take([key.as_path()].into_iter()).unwrap();
        locks.sweep().unwrap();
        let there = names.map(|name| folder.path().join(name).exists());
        assert_eq!(there, [true, false, true]);
    }
}
