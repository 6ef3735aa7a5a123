//! Peers' certificates: taken from everybody, and believed only by a path and a name.
//!
//! The handshake asks for one without a list of CAs, demands none, and checks that the peer holds the key. What it is
//! worth is judged afterwards: a path to the roots that count, as a *server's* certificate (public CAs no longer
//! issue clientAuth, so serverAuth alone counts, and clientAuth alone does not), and a name that covers the domain
//! that the stream says it is from (RFC 6120 §13.7).

use crate::names::Domain;
use crate::names::matching::{Coverage, Service, covers};
use crate::x509::Certificate;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use std::fmt;

/// Takes every client certificate whose key the peer holds, and believes none.
#[derive(Debug)]
pub struct PeerRecorder {
    schemes: WebPkiSupportedAlgorithms,
}

impl PeerRecorder {
    /// With the signature schemes of a provider.
    pub fn new(provider: &CryptoProvider) -> Self {
        Self {
            schemes: provider.signature_verification_algorithms,
        }
    }
}

impl ClientCertVerifier for PeerRecorder {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if is_unreadable(leaf) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls12_signature(message, leaf, signed, &self.schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if is_unreadable(leaf) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &self.schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.supported_schemes()
    }
}

/// A certificate that the path builder cannot read (version 1, odd encodings) proves nothing: [`Anchors::prove`]
/// refuses it by the same reading. So its signature need not be checked, and the handshake lives on.
fn is_unreadable(leaf: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(leaf).is_err()
}

/// Why a peer's certificate does not prove its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotProven {
    /// It presented none.
    NoCertificate,
    /// The leaf cannot be read.
    Unreadable,
    /// No path to a root that counts, or a rule broken on the way.
    Path(webpki::Error),
    /// It is for TLS clients alone.
    ClientAuthOnly,
    /// It is for other names.
    OtherNames {
        /// The domain that was claimed.
        wanted: String,
        /// The names in it, typed and printable.
        found: Vec<String>,
    },
}

impl NotProven {
    /// Its words, with this in the place of the domain that was claimed.
    pub fn of(&self, whom: &str) -> String {
        match self {
            NotProven::OtherNames { wanted: _, found } => NotProven::OtherNames {
                wanted: whom.to_owned(),
                found: found.clone(),
            }
            .to_string(),
            NotProven::NoCertificate
            | NotProven::Unreadable
            | NotProven::Path(_)
            | NotProven::ClientAuthOnly => self.to_string(),
        }
    }
}

/// Most names of a peer's certificate that are told in an error.
const MAX_NAMES_TOLD: usize = 8;

impl fmt::Display for NotProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotProven::NoCertificate => f.write_str("your server presented no certificate"),
            NotProven::Unreadable => f.write_str("your server's certificate cannot be read"),
            NotProven::Path(webpki::Error::UnknownIssuer) => f.write_str(
                "your server's certificate leads to no root that is trusted here (is an intermediate missing?)",
            ),
            NotProven::Path(webpki::Error::CertExpired { .. }) => {
                f.write_str("your server's certificate, or one of its issuers, has expired")
            }
            NotProven::Path(webpki::Error::CertNotValidYet { .. }) => {
                f.write_str("your server's certificate is not valid yet")
            }
            NotProven::Path(webpki::Error::InvalidSignatureForPublicKey) => f.write_str(
                "a signature in your server's certificate chain does not verify (a re-made CA of the same name?)",
            ),
            NotProven::Path(webpki::Error::CaUsedAsEndEntity) => {
                f.write_str("your server's certificate is a CA certificate")
            }
            NotProven::Path(other) => {
                write!(f, "your server's certificate was not accepted: {other}")
            }
            NotProven::ClientAuthOnly => f.write_str(
                "your server's certificate is for TLS clients alone; one with serverAuth is needed",
            ),
            NotProven::OtherNames { wanted, found } => write!(
                f,
                "your server's certificate is not for {wanted} but for {}",
                if found.is_empty() {
                    "no name at all".to_owned()
                } else {
                    found.join(", ")
                }
            ),
        }
    }
}

/// Roots that count.
#[derive(Default)]
pub struct Anchors(Vec<TrustAnchor<'static>>);

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.0.len())
    }
}

impl Anchors {
    /// From DER certificates; one that cannot be read is left out.
    pub fn read(ders: &[Vec<u8>]) -> Self {
        Self(
            ders.iter()
                .filter_map(|der| {
                    webpki::anchor_from_trusted_cert(&CertificateDer::from(der.as_slice()))
                        .map(|anchor| anchor.to_owned())
                        .ok()
                })
                .collect(),
        )
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the chain (leaf first) leads to one of the roots, as a server's, at `now`.
    pub fn trust(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), NotProven> {
        let (leaf, intermediates) = chain.split_first().ok_or(NotProven::NoCertificate)?;
        let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|_| NotProven::Unreadable)?;
        let path = |usage: webpki::KeyUsage| {
            leaf.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.0,
                intermediates,
                now,
                usage,
                None,
                None,
            )
            .map(|_| ())
        };
        path(webpki::KeyUsage::server_auth()).map_err(|error| {
            if path(webpki::KeyUsage::client_auth()).is_ok() {
                NotProven::ClientAuthOnly
            } else {
                NotProven::Path(error)
            }
        })
    }

    /// Whether the chain (leaf first) proves `domain` at `now`.
    pub fn prove(
        &self,
        chain: &[CertificateDer<'_>],
        domain: &Domain,
        now: UnixTime,
    ) -> Result<(), NotProven> {
        self.trust(chain, now)?;
        let leaf = chain.first().ok_or(NotProven::NoCertificate)?;
        let leaf = Certificate::from_der(leaf).map_err(|_| NotProven::Unreadable)?;
        let names = leaf.facts().names.clone().unwrap_or_default();
        match covers(Service::XmppServer, domain, &names) {
            Coverage::By(_) => Ok(()),
            // Lenience is a matter of SIP alone (RFC 5922 §7.1).
            Coverage::Leniently(_) | Coverage::Missing => Err(NotProven::OtherNames {
                wanted: domain.to_string(),
                found: names
                    .iter()
                    .take(MAX_NAMES_TOLD)
                    .map(|name| name.to_typed())
                    .collect(),
            }),
        }
    }
}
