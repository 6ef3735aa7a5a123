//! The recorder in the handshake: keeps what the peer shows, refuses nothing, and presents what it was told to: mostly
//! nothing.
//!
//! This is no switched-off check: no byte of a probed connection is trusted, and the chain is judged elsewhere by
//! `verify`. The signature over the handshake is checked, and its outcome kept as possession of the key.

use super::words::Circumstances;
use super::{Alpn, KeyKind, MAX_CERTIFICATE, MAX_CHAIN, Manner, Observation, Target};
use crate::explain::hex;
use crate::names::Protocol;
use crate::x509::{Certificate, PublicKeyKind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme, SupportedCipherSuite,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bits of the RSA keys that the library checks signatures of.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Records one handshake.
#[derive(Debug)]
pub(super) struct Recorder {
    provider: Arc<CryptoProvider>,
    schemes: Vec<SignatureScheme>,
    key_kind: KeyKind,
    manner: Manner,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    chain: Vec<Vec<u8>>,
    possession: Option<bool>,
    asked_for_certificate: bool,
    presented: bool,
}

impl Recorder {
    pub fn new(key_kind: KeyKind) -> Self {
        Self::asking(key_kind, &Manner::default())
    }

    pub fn asking(key_kind: KeyKind, manner: &Manner) -> Self {
        let mut provider = aws_lc_rs::default_provider();
        let schemes: Vec<SignatureScheme> = provider
            .signature_verification_algorithms
            .supported_schemes()
            .into_iter()
            .filter(|scheme| is_of_kind(*scheme, key_kind))
            .collect();
        // TLS 1.2 suites fix the kind of key as well; a server that looks at nothing else would choose by them.
        provider.cipher_suites.retain(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => {
                suite.sign.iter().any(|scheme| schemes.contains(scheme))
            }
            SupportedCipherSuite::Tls13(_) => true,
        });
        Self {
            provider: Arc::new(provider),
            schemes,
            key_kind,
            manner: manner.clone(),
            record: Mutex::default(),
        }
    }

    /// The configuration of one connection: TLS 1.2 and 1.3, nothing resumed, ALPN for XMPP's direct TLS only
    /// (XEP-0368).
    pub fn client_config(self: &Arc<Self>, target: &Target) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Self>::clone(self))
            .with_client_cert_resolver(Arc::<Self>::clone(self));
        config.resumption = Resumption::disabled();
        config.enable_sni = target.server_name.is_some();
        config.alpn_protocols = match (self.manner.alpn, target.protocol) {
            (Alpn::AsUsual, Protocol::XmppsClient) => vec![b"xmpp-client".to_vec()],
            (Alpn::AsUsual, Protocol::XmppsServer) => vec![b"xmpp-server".to_vec()],
            (Alpn::Absent, _)
            | (_, Protocol::Xmpp | Protocol::XmppServer | Protocol::Sips | Protocol::Tls) => {
                Vec::new()
            }
        };
        Ok(config)
    }

    /// Letters and digits for a SIP branch; `None` when the system gives no random bytes.
    pub fn token(&self) -> Option<String> {
        let mut bytes = [0u8; 10];
        self.provider.secure_random.fill(&mut bytes).ok()?;
        Some(hex(&bytes))
    }

    /// What is known so far, for the words of an error.
    pub fn circumstances(&self) -> Circumstances {
        let record = self.record();
        Circumstances {
            chain_seen: !record.chain.is_empty(),
            asked_for_certificate: record.asked_for_certificate,
            key_kind: self.key_kind,
        }
    }

    /// Puts what was recorded into the observation.
    pub fn fill(&self, seen: &mut Observation) {
        let mut record = self.record();
        seen.chain = std::mem::take(&mut record.chain);
        seen.possession = record.possession;
        seen.asked_for_certificate = record.asked_for_certificate;
        seen.presented = record.presented;
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keep_chain(&self, leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) {
        self.record().chain = std::iter::once(leaf)
            .chain(intermediates)
            .take(MAX_CHAIN)
            .map(|der| der.get(..MAX_CERTIFICATE).unwrap_or(der).to_vec())
            .collect();
    }

    /// What was recorded: the chain, and whether its key was proved to be held.
    pub fn recorded(&self) -> (Vec<Vec<u8>>, Option<bool>) {
        let record = self.record();
        (record.chain.clone(), record.possession)
    }

    /// The schemes that are offered.
    pub fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    /// Keeps what a signature over a handshake of TLS 1.2 says, and goes on whatever it is.
    pub fn keep_tls12(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.keep_possession(cert, verify_tls12_signature(message, cert, dss, algorithms))
    }

    /// The same of TLS 1.3.
    pub fn keep_tls13(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.keep_possession(cert, verify_tls13_signature(message, cert, dss, algorithms))
    }

    /// Keeps whether the signature proves possession. A leaf of a form that the library cannot read says nothing, nor does
    /// a key that it checks no signatures of.
    // The library's own enums; all but two errors mean that the proof failed.
    #[allow(clippy::wildcard_enum_match_arm)]
    fn keep_possession(
        &self,
        cert: &CertificateDer<'_>,
        outcome: Result<HandshakeSignatureValid, Error>,
    ) -> HandshakeSignatureValid {
        self.record().possession = match outcome {
            Ok(_) => Some(true),
            Err(Error::InvalidCertificate(
                CertificateError::BadEncoding
                | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                | CertificateError::Other(_),
            )) => None,
            Err(_) if is_beyond_the_library(cert) => None,
            Err(_) => Some(false),
        };
        HandshakeSignatureValid::assertion()
    }
}

/// Whether it has an RSA key that is too short or too long for the library.
fn is_beyond_the_library(cert: &CertificateDer<'_>) -> bool {
    Certificate::from_der(cert).is_ok_and(|leaf| {
        matches!(leaf.facts().public_key, PublicKeyKind::Rsa { bits, .. } if !RSA_BITS.contains(&bits))
    })
}

/// The name for the handshake: SNI when given, else the address, which is never sent.
pub(super) fn server_name(target: &Target) -> Option<ServerName<'static>> {
    match &target.server_name {
        Some(name) => ServerName::try_from(name.as_str().to_owned()).ok(),
        None => Some(ServerName::IpAddress(target.address.ip().into())),
    }
}

// Schemes are the library's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
fn is_of_kind(scheme: SignatureScheme, kind: KeyKind) -> bool {
    use SignatureScheme as S;
    let found = match scheme {
        S::RSA_PKCS1_SHA1
        | S::RSA_PKCS1_SHA256
        | S::RSA_PKCS1_SHA384
        | S::RSA_PKCS1_SHA512
        | S::RSA_PSS_SHA256
        | S::RSA_PSS_SHA384
        | S::RSA_PSS_SHA512 => Some(KeyKind::Rsa),
        S::ECDSA_SHA1_Legacy
        | S::ECDSA_NISTP256_SHA256
        | S::ECDSA_NISTP384_SHA384
        | S::ECDSA_NISTP521_SHA512 => Some(KeyKind::Ecdsa),
        S::ED25519 => Some(KeyKind::Ed25519),
        _ => None,
    };
    kind == KeyKind::Any || found == Some(kind)
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.keep_chain(end_entity, intermediates);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.keep_tls12(message, cert, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.keep_tls13(message, cert, dss))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let own = self
            .manner
            .presents
            .as_ref()
            .filter(|own| own.0.key.choose_scheme(sigschemes).is_some());
        let mut record = self.record();
        record.asked_for_certificate = true;
        record.presented = own.is_some();
        own.map(|own| Arc::clone(&own.0))
    }

    fn has_certs(&self) -> bool {
        self.manner.presents.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::macros::datetime;

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = match (high, low) {
            (0, 0..128) => vec![low],
            (0, _) => vec![0x81, low],
            _ => vec![0x82, high, low],
        };
        [&[tag][..], &length, content].concat()
    }

    /// SubjectPublicKeyInfo of an RSA key with that many bytes of modulus.
    fn rsa_spki(bytes: usize) -> Vec<u8> {
        let modulus = [vec![0x00], vec![0xc1; bytes]].concat();
        let exponent = tlv(0x02, &[0x01, 0x00, 0x01]);
        let key = tlv(0x30, &[tlv(0x02, &modulus), exponent].concat());
        let kind = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
        let bits = tlv(0x03, &[vec![0x00], key].concat());
        tlv(0x30, &[&kind[..], &bits].concat())
    }

    #[test]
    fn a_key_that_the_library_checks_no_signature_of_is_no_sign_of_an_impostor() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = IssueSpec::of(
            Subject::named("old"),
            datetime!(2026-01-01 0:00 UTC),
            datetime!(2027-01-01 0:00 UTC),
        );
        let failed = || Err(Error::InvalidCertificate(CertificateError::BadSignature));
        for (spki, possession) in [
            (rsa_spki(128), None),
            (rsa_spki(256), Some(false)),
            (rsa_spki(1056), None),
            (key.spki_der().to_vec(), Some(false)),
        ] {
            let leaf = issue(&spec, &spki, &Issuer::own(&key)).unwrap();
            let recorder = Recorder::new(KeyKind::Any);
            recorder.keep_possession(&CertificateDer::from(leaf.der()), failed());
            assert_eq!(recorder.recorded().1, possession);
        }
    }
}
