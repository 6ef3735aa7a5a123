//! The face every server integration shows; one file a server.

pub mod embedded;

use super::error::AssignError;
use crate::deployment::{Gateway, GatewayKind};
use crate::names::Slug;
use zeroize::Zeroizing;

/// What a target is given: a generation ready to be served.
#[derive(Debug, Clone)]
pub struct Material {
    /// The lineage.
    pub certificate: Slug,
    /// Its number.
    pub generation: u32,
    /// Leaf and intermediates, PEM.
    pub fullchain_pem: String,
    /// PKCS#8 PEM, not encrypted.
    pub key_pem: SecretKey,
    /// Codes of findings that were let through knowingly.
    pub accepted: Vec<String>,
}

/// A private key in PEM; silent in `Debug`, zeroised.
#[derive(Clone)]
pub struct SecretKey(pub Zeroizing<String>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Asked while a server is waited for: whether to stop waiting, with [`AssignError::Interrupted`].
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// A server that takes a certificate. Every call may block for as long as the server needs, within the target's own
/// limits.
pub trait Target: std::fmt::Debug {
    /// What an assignment does here, in words, in order.
    fn actions(&self) -> Vec<String>;

    /// Whether it can be assigned to now; nothing is touched.
    fn pre_check(&self, stop: Stop<'_>) -> Result<(), AssignError>;

    /// Validates the material at the server where it can; nothing that is served changes. `None` prepares to serve
    /// nothing under this certificate's name.
    fn prepare(
        &self,
        transaction: &str,
        certificate: &Slug,
        material: Option<&Material>,
        stop: Stop<'_>,
    ) -> Result<(), AssignError>;

    /// Makes what was prepared live. Interrupted, it is not known whether it did.
    fn commit(&self, transaction: &str, stop: Stop<'_>) -> Result<(), AssignError>;

    /// Forgets what was prepared; best effort.
    fn abort(&self, transaction: &str);
}

/// Whether this version can assign to gateways of this kind.
pub fn is_driven(kind: &GatewayKind) -> bool {
    match kind {
        GatewayKind::Embedded(_) => true,
        GatewayKind::Prosody(_)
        | GatewayKind::Ejabberd(_)
        | GatewayKind::Kamailio(_)
        | GatewayKind::Haproxy(_)
        | GatewayKind::Nginx(_)
        | GatewayKind::Coturn(_)
        | GatewayKind::Files(_) => false,
    }
}

/// The target of a gateway.
///
/// Errors: a kind that this version cannot assign to.
pub fn target(gateway: &Gateway) -> Result<Box<dyn Target>, AssignError> {
    match &gateway.kind {
        GatewayKind::Embedded(embedded) => Ok(Box::new(embedded::EmbeddedTarget::new(
            gateway.name.clone(),
            embedded.clone(),
        ))),
        GatewayKind::Prosody(_)
        | GatewayKind::Ejabberd(_)
        | GatewayKind::Kamailio(_)
        | GatewayKind::Haproxy(_)
        | GatewayKind::Nginx(_)
        | GatewayKind::Coturn(_)
        | GatewayKind::Files(_) => Err(AssignError::KindNotAssignable {
            gateway: gateway.name.clone(),
            kind: gateway.kind.word(),
        }),
    }
}
