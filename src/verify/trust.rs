//! The set of trust anchors, from bytes the caller read.

use crate::x509::Certificate;

/// Trust anchors with a name for reports (`system`, `roots/contoso.pem`).
#[derive(Debug, Clone, Default)]
pub struct TrustSet {
    /// For reports.
    pub name: String,
    /// The table of the deployment that names them, as `[issuer.public]`, where one does.
    pub table: Option<String>,
    anchors: Vec<Certificate>,
}

impl TrustSet {
    /// From certificates; the same certificate twice counts once.
    pub fn new(name: impl Into<String>, anchors: Vec<Certificate>) -> Self {
        Self {
            name: name.into(),
            table: None,
            anchors,
        }
    }

    /// The anchors.
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// Whether this very certificate is an anchor.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.anchors
            .iter()
            .any(|anchor| anchor.facts().sha256 == certificate.facts().sha256)
    }
}
