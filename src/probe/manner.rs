//! How a probe asks where it is not as usual: without ALPN, or with a certificate of ours.

use super::ProbeError;
use super::words::words_for_tls_error;
use crate::x509::Bundle;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::Arc;

/// How to ask.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// Whether ALPN is sent.
    pub alpn: Alpn,
    /// What is presented where a certificate is asked for; `None`: nothing.
    pub presents: Option<Arc<OwnPair>>,
}

/// Whether ALPN is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alpn {
    /// As the protocol has it: for XMPP's direct TLS (XEP-0368 §3).
    #[default]
    AsUsual,
    /// Not at all, as older peers do.
    Absent,
}

/// A chain and key of ours, to be presented.
pub struct OwnPair(pub(super) Arc<CertifiedKey>);

impl OwnPair {
    /// A bundle as rustls takes it.
    ///
    /// # Errors
    /// [`ProbeError::Tls`] where the library cannot sign with such a key.
    pub fn new(bundle: &Bundle) -> Result<Self, ProbeError> {
        let chain = bundle
            .chain()
            .certificates()
            .map(|one| CertificateDer::from(one.der().to_vec()))
            .collect();
        let der = bundle
            .key()
            .pkcs8_der()
            .ok_or_else(|| ProbeError::Tls("the bytes of our key cannot be read".to_owned()))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_slice())).clone_key();
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|error| ProbeError::Tls(words_for_tls_error(&error)))
    }
}

impl fmt::Debug for OwnPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnPair")
    }
}
