//! Why the store could not do its work, in facts; the words for a person stand in `words`.

mod words;

use super::lock::Holder;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What went wrong in the store. Unless a variant says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no state folder at this path.
    #[error("there is no state folder {}", path.display())]
    Missing {
        /// The folder asked for.
        path: PathBuf,
    },
    /// The folder holds something other than our state.
    #[error("{} is not a state folder of edgecert", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// The state was written by a later edgecert.
    #[error("{} has layout {found}, this edgecert knows {known}", path.display())]
    NewerLayout {
        /// The folder.
        path: PathBuf,
        /// The version in `layout.json`.
        found: u64,
        /// The newest version known here.
        known: u64,
    },
    /// Something of another kind lies where a file or folder is expected: a link, a FIFO, a device.
    #[error("{} is {found}, not {wanted}", path.display())]
    WrongKind {
        /// The path.
        path: PathBuf,
        /// `a symbolic link`, `a folder`, `a FIFO` …
        found: &'static str,
        /// `a file`, `a folder`, `a link to a generation`.
        wanted: &'static str,
    },
    /// A file that must not be overwritten is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// More bytes than the limit for this kind of file.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, where it is known (a growing file's is not).
        size: Option<u64>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file system is full, or the quota used up.
    #[error("no space left to {doing} {}", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// A verb: `write`, `create`.
        doing: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The user may not do this.
    #[error("not allowed to {doing} {}", path.display())]
    Permission {
        /// What was touched.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Anything else that the operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// A verb.
        doing: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another command writes, and did not end in time.
    #[error("the state {} is locked by another command", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as far as it is known.
        holder: Option<Box<Holder>>,
        /// How long was waited.
        waited: Duration,
    },
    /// Another process replaces a file of that folder, and did not end in time.
    #[error("another command changes files of {}", path.display())]
    FolderLocked {
        /// The folder.
        path: PathBuf,
        /// Who holds the lock, as far as it is known.
        holder: Option<String>,
        /// How long was waited.
        waited: Duration,
    },
    /// A record that does not hold what it must.
    #[error("{} cannot be understood: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A request of that name does not exist.
    #[error("there is no request {id}")]
    NoSuchRequest {
        /// As asked for.
        id: String,
    },
    /// The request's key has moved on: it was answered.
    #[error("request {id} of {certificate} is answered by generation {generation}")]
    Answered {
        /// Its certificate.
        certificate: String,
        /// Its id.
        id: String,
        /// The latest generation that answers it.
        generation: u32,
    },
    /// No certificate of that name in the state.
    #[error("there is no certificate {certificate}")]
    NoSuchCertificate {
        /// As asked for.
        certificate: String,
    },
    /// A generation of that number does not exist.
    #[error("there is no generation {certificate}/{number}")]
    NoSuchGeneration {
        /// The certificate.
        certificate: String,
        /// The number asked for.
        number: u32,
    },
    /// A generation is still needed.
    #[error("generation {certificate}/{number} is {role}")]
    InUse {
        /// The certificate.
        certificate: String,
        /// The generation.
        number: u32,
        /// `live`, `current`, `staged`.
        role: &'static str,
    },
    /// An assignment of this certificate was begun and not ended.
    #[error("an assignment of {certificate} is unfinished")]
    Unfinished {
        /// The certificate.
        certificate: String,
        /// Where its intent lies.
        path: PathBuf,
    },
    /// A word that is no id of a request: `2026-11-20-1`.
    #[error("{text:?} is no request id")]
    InvalidId {
        /// As given.
        text: String,
    },
}

impl StoreError {
    /// Sorts an operating system's error by what a person can do about it.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        // Sorted by what can be done about it; the kinds are std's and grow with it.
        let kind = source.kind();
        if matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ) {
            Self::DiskFull {
                path,
                doing,
                source,
            }
        } else if matches!(
            kind,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        ) {
            Self::Permission {
                path,
                doing,
                source,
            }
        } else if kind == io::ErrorKind::AlreadyExists {
            Self::Exists { path }
        } else if let (io::ErrorKind::NotADirectory, Some(file)) = (kind, file_on_the_way(&path)) {
            Self::WrongKind {
                path: file,
                found: "a file",
                wanted: "a folder",
            }
        } else {
            Self::Io {
                path,
                doing,
                source,
            }
        }
    }

    /// The same about the file that was to be written, where it speaks of a temporary one beside it.
    pub(super) fn named_after(self, file: &Path) -> Self {
        let path = file.to_path_buf();
        match self {
            Self::DiskFull { doing, source, .. } => Self::DiskFull {
                path,
                doing,
                source,
            },
            Self::Permission { doing, source, .. } => Self::Permission {
                path,
                doing,
                source,
            },
            Self::Io { doing, source, .. } => Self::Io {
                path,
                doing,
                source,
            },
            other @ (Self::Missing { .. }
            | Self::NotOurs { .. }
            | Self::NewerLayout { .. }
            | Self::WrongKind { .. }
            | Self::Exists { .. }
            | Self::TooLarge { .. }
            | Self::Locked { .. }
            | Self::FolderLocked { .. }
            | Self::Corrupt { .. }
            | Self::NoSuchRequest { .. }
            | Self::Answered { .. }
            | Self::NoSuchCertificate { .. }
            | Self::NoSuchGeneration { .. }
            | Self::InUse { .. }
            | Self::Unfinished { .. }
            | Self::InvalidId { .. }) => other,
        }
    }

    /// Whether the thing read was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether a file that must not be overwritten stood in the way: a refusal, with nothing touched.
    pub fn is_existing_file(&self) -> bool {
        matches!(self, Self::Exists { .. })
    }
}

/// The file that a path goes through as if it were a folder.
fn file_on_the_way(path: &Path) -> Option<PathBuf> {
    let file = path.ancestors().find(|above| above.is_file())?;
    Some(file.to_path_buf())
}
