//! Peers' certificates: taken from everybody, and believed only by a path and a name.
//!
//! The handshake asks for one without a list of CAs, demands none, and checks that the peer holds the key. What it is
//! worth is judged afterwards: a path to the roots that count, as a *server's* certificate (public CAs no longer
//! issue clientAuth, so serverAuth alone counts, and clientAuth alone does not), and a name that covers the domain
//! that the stream says it is from (RFC 6120 §13.7).

use crate::names::Domain;
use crate::names::matching::{Coverage, Service, covers};
use crate::x509::{Certificate, KeyPurpose};
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
    /// It came with more intermediates than `MAX_PRESENTED`.
    TooMany(usize),
    /// No path to a root that counts, or a rule broken on the way.
    Path(webpki::Error),
    /// It is for TLS clients alone.
    ClientAuthOnly,
    /// It is for other names.
    OtherNames {
        /// The names in it, typed and printable.
        found: Vec<String>,
    },
}

impl NotProven {
    /// Its words, with this as the domain that was claimed.
    pub fn of(&self, whom: &str) -> String {
        let NotProven::OtherNames { found } = self else {
            return self.to_string();
        };
        let found = match found.is_empty() {
            true => "no name at all".to_owned(),
            false => found.join(", "),
        };
        format!("your server's certificate is not for {whom} but for {found}")
    }
}

/// Most intermediates of a peer's chain; real ones have three at most.
const MAX_PRESENTED: usize = 10;

/// Most names of a peer's certificate that are told in an error.
const MAX_NAMES_TOLD: usize = 8;

impl fmt::Display for NotProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotProven::NoCertificate => f.write_str("your server presented no certificate"),
            NotProven::Unreadable => f.write_str("your server's certificate cannot be read"),
            NotProven::TooMany(count) => write!(
                f,
                "your server sends {count} intermediates, and at most {MAX_PRESENTED} are looked at"
            ),
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
            NotProven::OtherNames { .. } => f.write_str(&self.of("the domain that it claims")),
        }
    }
}

/// Roots that count: as the path library reads them, and as we do.
#[derive(Default)]
pub struct Anchors {
    known: Vec<TrustAnchor<'static>>,
    certificates: Vec<Certificate>,
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Anchors({})", self.known.len())
    }
}

/// The intermediates that lead down from a root.
struct Presented {
    kept: Vec<Certificate>,
    /// Whether another has the name of an issuer here, and not its signature.
    forged: bool,
}

impl Anchors {
    /// From DER certificates; one that cannot be read is left out.
    pub fn read(ders: &[Vec<u8>]) -> Self {
        let (known, certificates) = ders
            .iter()
            .filter_map(|der| {
                let known = CertificateDer::from(der.as_slice());
                let known = webpki::anchor_from_trusted_cert(&known).ok()?.to_owned();
                Some((known, Certificate::from_der(der).ok()?))
            })
            .unzip();
        Self {
            known,
            certificates,
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none counts.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether the chain (leaf first) leads to one of the roots, as a server's, at `now`.
    pub fn trust(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), NotProven> {
        let (shown, intermediates) = chain.split_first().ok_or(NotProven::NoCertificate)?;
        if intermediates.len() > MAX_PRESENTED {
            return Err(NotProven::TooMany(intermediates.len()));
        }
        let leaf = webpki::EndEntityCert::try_from(shown).map_err(|_| NotProven::Unreadable)?;
        let Presented { kept, forged } = self.signed(intermediates);
        let kept: Vec<CertificateDer<'_>> = kept
            .iter()
            .map(|one| CertificateDer::from(one.der()))
            .collect();
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &self.known,
            &kept,
            now,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        )
        .map(|_| ())
        .map_err(|error| {
            if matches!(error, webpki::Error::RequiredEkuNotFoundContext(_))
                && is_for_clients(shown)
            {
                NotProven::ClientAuthOnly
            } else if error == webpki::Error::UnknownIssuer && forged {
                NotProven::Path(webpki::Error::InvalidSignatureForPublicKey)
            } else {
                NotProven::Path(error)
            }
        })
    }

    /// Those that a root, or another of them below one, has signed. The path library follows names and asks for the
    /// signatures last: of certificates that nobody signed it would try every order.
    fn signed(&self, presented: &[CertificateDer<'_>]) -> Presented {
        let by = |issuers: &[Certificate], one: &Certificate| {
            issuers.iter().any(|issuer| one.is_signed_by(issuer))
        };
        let read = presented
            .iter()
            .filter_map(|der| Certificate::from_der(der).ok());
        let (mut edge, mut left): (Vec<_>, Vec<_>) =
            read.partition(|one| by(&self.certificates, one));
        let mut kept = Vec::new();
        while !edge.is_empty() {
            let (next, rest) = left.into_iter().partition(|one| by(&edge, one));
            kept.append(&mut edge);
            (edge, left) = (next, rest);
        }
        let forged = left.iter().any(|one| {
            let mut issuers = self.certificates.iter().chain(&kept);
            issuers.any(|issuer| one.facts().issuer.is_same(&issuer.facts().subject))
        });
        Presented { kept, forged }
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
                found: names
                    .iter()
                    .take(MAX_NAMES_TOLD)
                    .map(|name| name.to_typed())
                    .collect(),
            }),
        }
    }
}

/// Whether a leaf is for TLS clients and not for servers, by its own word: an intermediate may be what hinders it.
fn is_for_clients(leaf: &CertificateDer<'_>) -> bool {
    Certificate::from_der(leaf).is_ok_and(|leaf| {
        let purposes = leaf.facts().key_purposes.as_ref();
        purposes.is_some_and(|all| {
            all.contains(&KeyPurpose::ClientAuth) && !all.contains(&KeyPurpose::ServerAuth)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, KeyUsage, PrivateKey, Subject};
    use std::time::{Duration, Instant};
    use time::macros::datetime;
    use time::{Duration as Days, OffsetDateTime};

    const NOW: OffsetDateTime = datetime!(2026-11-20 12:00 UTC);

    /// A CA, or what says that it is one.
    struct Ca {
        certificate: Certificate,
        key: PrivateKey,
    }

    fn spec(name: &str) -> IssueSpec {
        IssueSpec {
            ca: Some(None),
            key_usage: Some(KeyUsage {
                key_cert_sign: true,
                ..KeyUsage::default()
            }),
            ..IssueSpec::of(
                Subject::named(name),
                NOW - Days::days(10),
                NOW + Days::days(10),
            )
        }
    }

    fn root(name: &str) -> Ca {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let certificate = issue(&spec(name), key.spki_der(), &Issuer::own(&key)).unwrap();
        Ca { certificate, key }
    }

    fn below(above: &Ca, spec: &IssueSpec) -> Ca {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let issuer = Issuer {
            certificate: Some(&above.certificate),
            key: &above.key,
        };
        let certificate = issue(spec, key.spki_der(), &issuer).unwrap();
        Ca { certificate, key }
    }

    fn leaf(above: &Ca, purposes: &[KeyPurpose]) -> Ca {
        let leaf = IssueSpec {
            ca: None,
            key_usage: None,
            key_purposes: purposes.to_vec(),
            ..spec("leaf")
        };
        below(above, &leaf)
    }

    fn trust(anchor: &Ca, chain: &[&Ca]) -> Result<(), NotProven> {
        let anchors = Anchors::read(&[anchor.certificate.der().to_vec()]);
        let chain: Vec<CertificateDer<'_>> = chain
            .iter()
            .map(|one| CertificateDer::from(one.certificate.der()))
            .collect();
        let seconds = u64::try_from(NOW.unix_timestamp()).unwrap();
        anchors.trust(
            &chain,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        )
    }

    #[test]
    fn a_leaf_is_believed_by_its_path_and_its_purpose() {
        use KeyPurpose::{ClientAuth, ServerAuth};
        let anchor = root("Root");
        let middle = below(&anchor, &spec("Middle"));
        let low = below(&middle, &spec("Low"));
        let good = leaf(&low, &[ServerAuth, ClientAuth]);
        // The same name, and another key.
        let remade = root("Root");
        let other = below(&remade, &spec("Middle"));
        let expired = IssueSpec {
            not_after: NOW - Days::days(1),
            ..spec("Expired")
        };
        let expired = below(&anchor, &expired);
        let clients = IssueSpec {
            key_purposes: vec![ClientAuth],
            ..spec("Clients")
        };
        let clients = below(&anchor, &clients);
        for (chain, expected) in [
            (vec![&good, &low, &middle], "trusted"),
            (vec![&good, &middle, &low], "trusted"),
            (vec![&good, &middle, &other, &low, &anchor], "trusted"),
            (vec![&good, &low], "is an intermediate missing?"),
            (vec![&leaf(&other, &[]), &other], "does not verify"),
            (vec![&leaf(&expired, &[]), &expired], "has expired"),
            (vec![&leaf(&anchor, &[ClientAuth])], "for TLS clients alone"),
            // What hinders the leaf is its issuer.
            (
                vec![&leaf(&clients, &[ServerAuth, ClientAuth]), &clients],
                "was not accepted",
            ),
            (vec![&leaf(&middle, &[]), &middle], "trusted"),
            (vec![&middle], "is a CA certificate"),
            (vec![], "presented no certificate"),
        ] {
            let told =
                trust(&anchor, &chain).map_or_else(|no| no.to_string(), |()| "trusted".into());
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }

    #[test]
    fn a_lattice_of_intermediates_costs_no_more_than_a_handshake() {
        let anchor = root("Root");
        let false_root = root("Root");
        // All name each other, and one of them the root: real, and expired, so that no path comes to a signature.
        let bridge = IssueSpec {
            not_after: NOW - Days::days(1),
            ..spec("J")
        };
        let bridge = below(&anchor, &bridge);
        let same: Vec<Ca> = (0..30).map(|_| root("J")).collect();
        let near = leaf(&same[0], &[]);
        for (bridge, most, expected) in [
            (&bridge, 10, "has expired"),
            (&below(&false_root, &spec("J")), 10, "does not verify"),
            (&bridge, 31, "at most 10 are looked at"),
        ] {
            let mut chain = vec![&near, bridge];
            chain.extend(same.iter().take(most - 1));
            let begun = Instant::now();
            let told = trust(&anchor, &chain).unwrap_err().to_string();
            assert!(told.contains(expected), "{expected}: {told}");
            assert!(
                begun.elapsed() < Duration::from_secs(2),
                "{:?}",
                begun.elapsed()
            );
        }
    }
}
