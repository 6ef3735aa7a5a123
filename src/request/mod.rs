//! From plan to PKCS#10: what an issuer allows, what is asked, the CSR read back and compared before it is called done.

pub mod batch;
pub mod build;
mod error;
pub mod issuer_rules;
pub mod pending;
pub mod profile;
pub mod review;
pub mod split;

pub use build::{BuiltRequest, KeyPolicy, RequestSpec, build_request, foresee};
pub use error::RequestError;
pub use pending::RequestSummary;
pub use profile::{IssuerProfile, ProfileError, SipRule};
