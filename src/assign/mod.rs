//! Give a verified bundle its duties: one transaction over all gateways of a certificate.
//!
//! Plan, pre-check, intent, `live/` switched, write, reload, prove, journal; on failure everything that was touched
//! goes back and that is proved too. [`plan`] is data, [`apply`] does it or puts everything back,
//! [`prove`] asks the real ports as a stranger would, [`targets`] know one kind of server each. Not here: judging
//! the certificate (`verify`) and deciding which generation (`cli`).

pub mod apply;
pub mod config_files;
pub mod destination;
pub mod discover;
pub mod error;
pub mod federate;
pub mod held;
pub mod ledger;
mod listeners;
pub mod other_writers;
pub mod plan;
pub mod prove;
pub mod reach;
pub mod sockets;
pub mod targets;
mod way;

pub use apply::{Applied, Assigner, Event, OnFailure, Standing};
pub use error::{AssignError, GatewayStanding};
pub use held::{Ended, Held};
pub use ledger::StoreLedger;
pub use listeners::listeners;
pub use plan::{Asked, AssignPlan, GatewayPlan, Proof, plan_assignment};
