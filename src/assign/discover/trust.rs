//! Who else may change a file: what a process names on its command line is foreign text until only root and we
//! can change what it leads to. A table built on another user's file would have root run that user's configuration.

use super::processes::Root;
use crate::assign::way::changed_by;
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_may_change_the_configuration_is_named() {
        let others = Others {
            config: Some("prosody".to_owned()),
            ..Others::default()
        };
        let why = others.why().unwrap();
        assert_eq!(why, "its configuration can be changed by prosody");
        assert_eq!(Others::default().why(), None);
    }
}
