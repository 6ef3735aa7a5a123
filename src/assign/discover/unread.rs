//! What of a server's files we may not read: what is unknown there must not be told as absent.

use super::in_use::InUse;
use super::kinds::Server;
use crate::assign::config_files::ConfigFiles;
use crate::servers::{ConfigError, Source};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::path::{Path, PathBuf};

/// The files and folders that a server reads and we may not, where they lie for us.
pub(super) fn unread(
    server: &Result<Server, ConfigError>,
    in_use: &[InUse],
    files: &ConfigFiles,
) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    match server {
        Err(ConfigError::Unreadable { path, .. }) => all.push(path.clone()),
        Err(_) => {}
        Ok(Server::Prosody(config)) => all.push(config.certificates_folder.clone()),
        Ok(Server::Ejabberd(config)) => {
            for one in &config.certfiles {
                all.extend(files.expand(&one.pattern));
                all.extend(one.pattern.parent().map(Path::to_owned));
            }
        }
        Ok(Server::Kamailio(_) | Server::Haproxy(_) | Server::Nginx(_) | Server::Coturn(_)) => {}
    }
    let dark = in_use.iter().filter(|pair| pair.leaf.is_err());
    all.extend(dark.map(|pair| pair.certificate.clone()));
    let mut all: Vec<PathBuf> = all.iter().map(|path| files.here(path)).collect();
    all.retain(|path| is_forbidden(path));
    all.sort();
    all.dedup();
    all
}

/// Whether the system would refuse us a file; one that is not there is not forbidden.
pub(super) fn is_forbidden(path: &Path) -> bool {
    let may = accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS);
    matches!(
        may,
        Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::Side;
    use crate::servers::nginx::NginxConfig;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_forbidden_is_told_and_what_is_not_there_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let pair = |name: &str| InUse {
            certificate: folder.path().join(name),
            key: folder.path().join(name),
            names: Vec::new(),
            side: Side::Server,
            leaf: Err("not read in a test".to_owned()),
        };
        let in_use = [pair("shut.pem"), pair("open.pem"), pair("none.pem")];
        for (name, mode) in [("shut.pem", 0o000), ("open.pem", 0o644)] {
            write(folder.path().join(name), "").unwrap();
            set_permissions(folder.path().join(name), Permissions::from_mode(mode)).unwrap();
        }
        let files = ConfigFiles::below(Path::new("/"));
        let told = unread(&Ok(Server::Nginx(NginxConfig::default())), &in_use, &files);
        // To root, or whoever has its capabilities, nothing is forbidden.
        let expected: &[PathBuf] = match std::fs::File::open(&in_use[0].certificate) {
            Ok(_) => &[],
            Err(_) => &[in_use[0].certificate.clone()],
        };
        assert_eq!(told, expected);
    }
}
