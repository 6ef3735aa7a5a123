//! Ask the living server, and the files at rest: expectations in, report out.
//!
//! Targets are files, folders, `HOST:PORT`, and all that is deployed. Judging is the rules of `verify`; what is added
//! here is nearness of the end by thresholds, served against assigned, and requests that wait. Many targets run at
//! once within bounds, and the order of the report is that of the targets. Not here: reading files (their bytes are
//! handed in). RFC 6120 §13, RFC 5922 §7.

pub mod compare;
mod dark;
mod differs;
pub mod discover;
pub mod endpoint;
mod error;
pub mod file;
pub mod group;
mod keep;
pub mod live;
mod lookup;
mod observed;
pub mod records;
mod report;
mod second;
mod sent;
mod status;

pub use compare::{Hold, Whose, Yardstick};
pub use differs::tell_leaves_apart;
pub use endpoint::{Endpoint, TargetLine};
pub use error::{CheckError, WrongTarget};
pub use keep::{Kept, Place};
pub use report::{CertificateForm, CheckReport, Holding, TargetKind, TargetReport};
pub use sent::Sent;
pub use status::{Counts, Status};
