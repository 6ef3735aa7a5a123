//! What a file carries besides its mode and owner: its access list, its security label, the attributes that people set.
//!
//! A file that is replaced by a rename is another file; these have to be carried over. acl(5), xattr(7).

use super::StoreError;
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

/// Most bytes of all names, and of one value (the kernel's own limit is 64 KiB).
const MAX_BYTES: usize = 64 * 1024;

/// Carried over: the access list and the label of SELinux. What the kernel computes from the content is not.
const NAMES: [&str; 2] = [ACCESS_LIST, "security.selinux"];

/// The access list; a new file may have one at once, from its folder's default. acl(5).
const ACCESS_LIST: &str = "system.posix_acl_access";

/// Carried over as well: what people set.
const USERS: &str = "user.";

/// One attribute: its name, and its value as it is.
pub(crate) type Attribute = (String, Vec<u8>);

/// The attributes of an open file; none where the file system has none.
pub(crate) fn read(file: &File) -> Vec<Attribute> {
    let mut names = vec![0; MAX_BYTES];
    let Ok(length) = flistxattr(file, &mut names) else {
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
            let length = fgetxattr(file, name, &mut value).ok()?;
            value.truncate(length);
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Whether it says who else may read.
pub(crate) fn is_access_list((name, _): &Attribute) -> bool {
    name == ACCESS_LIST
}

/// Takes the access list that the folder gave to a new file.
pub(crate) fn take_access_list(file: &File, path: &Path) -> Result<(), StoreError> {
    match fremovexattr(file, ACCESS_LIST) {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(StoreError::io(
            "take the access list of",
            path,
            error.into(),
        )),
    }
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
