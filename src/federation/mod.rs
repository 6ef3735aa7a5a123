//! Federated XMPP partners and access policies: what the seed calls XMPP federation.

pub mod judgement;
pub mod negotiation;
pub mod partner;
pub mod policy;
pub mod server;

pub use judgement::{Judgement, Refused, SeedJudgement, Weight};
pub use negotiation::{Method, Negotiation, Setting};
pub use partner::{Partner, PartnerType, Permission, Permits};
pub use policy::{Policy, Scope, policies_for};
pub use server::Server;
