//! Our side of the handshake of a call: a certificate thrown away afterwards, and a recorder for the caller's.

use crate::probe::tls::Recorder;
use crate::x509::issue::{IssueSpec, Issuer, issue};
use crate::x509::{KeyType, PrivateKey, Subject};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
    sign::SingleCertAndKey,
};
use std::sync::Arc;
use time::macros::datetime;

/// Who we are to callers: self-signed, in memory alone.
#[derive(Debug, Clone)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// A new one; why not, in words.
    pub fn make() -> Result<Self, String> {
        let key = PrivateKey::generate(KeyType::Ec256).map_err(|error| error.to_string())?;
        // Nobody is to believe it, and no clock is read for it (RFC 5280 §4.1.2.5).
        let spec = IssueSpec::of(
            Subject::named("edgecert"),
            datetime!(2000-01-01 00:00 UTC),
            datetime!(9999-12-31 23:59:59 UTC),
        );
        let issuer = Issuer::own(&key);
        let certificate =
            issue(&spec, key.spki_der(), &issuer).map_err(|error| error.to_string())?;
        let der = key.pkcs8_der().ok_or("the new key cannot be read")?;
        let certified = CertifiedKey::from_der(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.as_slice())).clone_key(),
            &aws_lc_rs::default_provider(),
        )
        .map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(certified)))
    }

    /// For one call: it is asked for a certificate with an empty list of CAs, and nothing is resumed.
    pub fn server_config(&self, recorder: &Arc<Recorder>) -> Result<ServerConfig, Error> {
        // Not the recorder's own provider: its suites follow the kind of the caller's key, not of ours.
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_client_cert_verifier(Arc::<Recorder>::clone(recorder))
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&self.0))));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        // Spoken by callers that begin with TLS alone (XEP-0368 §2); those that do not offer it are taken as well.
        config.alpn_protocols = vec![b"xmpp-server".to_vec()];
        Ok(config)
    }
}

/// As with servers: everything is kept, nothing refused and nothing believed.
impl ClientCertVerifier for Recorder {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.keep_chain(end_entity, intermediates);
        Ok(ClientCertVerified::assertion())
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
        self.schemes().to_vec()
    }
}
