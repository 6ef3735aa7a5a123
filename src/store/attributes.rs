//! What a file carries beside its mode and owner: its access list, its security label, the attributes that people set.
//!
//! A file that is replaced by a rename is another file; these have to be carried over. acl(5), xattr(7).

use super::StoreError;
use rustix::fs::{XattrFlags, fsetxattr, getxattr, listxattr};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// Most bytes of all names, and of one value (the kernel's own limit is 64 KiB).
const MAX_BYTES: usize = 64 * 1024;

/// Carried over: the access list and the label of SELinux. What the kernel computes from the content is not.
const NAMES: [&str; 2] = ["system.posix_acl_access", "security.selinux"];

/// Carried over as well: what people set.
const USERS: &str = "user.";

/// One attribute: its name, and its value as it is.
pub(crate) type Attribute = (String, Vec<u8>);

/// The attributes of a file, links followed; none where it is not there, or where the file system has none.
pub(crate) fn read(path: &Path) -> Vec<Attribute> {
    let mut names = vec![0; MAX_BYTES];
    let Ok(length) = listxattr(path, &mut names) else {
        return Vec::new();
    };
    names
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .filter_map(|name| std::str::from_utf8(name).ok())
        .filter(|name| NAMES.contains(name) || name.starts_with(USERS))
        .filter_map(|name| {
            let mut value = vec![0; MAX_BYTES];
            let length = getxattr(path, name, &mut value).ok()?;
            value.truncate(length);
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Gives a new file these attributes. The mode must be set after this: an access list changes it.
///
/// Errors: those of the file system; a label that this user may not set is left to the folder's default.
pub(crate) fn give(file: &File, path: &Path, attributes: &[Attribute]) -> Result<(), StoreError> {
    for (name, value) in attributes {
        match fsetxattr(file, name.as_str(), value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(Errno::PERM | Errno::ACCESS) if name.starts_with("security.") => {}
            Err(error) => {
                return Err(StoreError::io("keep the attributes of", path, error.into()));
            }
        }
    }
    Ok(())
}
