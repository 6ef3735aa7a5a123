//! A throw-away CA and the demonstration: a user of the rooms above, never used by them.
//!
//! Nothing here is for production: keys are made on the spot and stored plain, and nobody is asked whether the names
//! belong to them. It signs as real CAs do, so that what they drop can be seen before a real one drops it.

pub mod ca;
pub mod demo;
pub mod sign;
pub mod traffic;

pub use ca::{LabCa, LabError, LabFile, Secrecy};
pub use sign::{Dropped, ReplyOrder, SignPolicy, SignedReply, sign};
