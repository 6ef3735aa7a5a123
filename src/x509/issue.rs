//! Signing certificates: for the lab's throw-away CA and for tests, never for production.

use super::csr::{extension, extensions};
use super::signature::KeyParts;
use super::{Certificate, KeyPurpose, KeyUsage, PrivateKey, Subject, X509Error, oid};
use crate::names::Identifier;
use aws_lc_rs::digest;
use der::asn1::{Any, BitString, Ia5String, OctetString, Uint};
use der::{DateTime, Decode, Encode, Sequence};
use spki::AlgorithmIdentifierOwned;
use std::time::Duration;
use time::OffsetDateTime;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::time::{Time, Validity};

/// What to put in a certificate. Every field is written as given, sound or not: tests want odd ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueSpec {
    /// Positive serial number, big-endian.
    pub serial: Vec<u8>,
    /// Subject.
    pub subject: Subject,
    /// subjectAltName entries; empty: no extension.
    pub names: Vec<Identifier>,
    /// First second.
    pub not_before: OffsetDateTime,
    /// Last second.
    pub not_after: OffsetDateTime,
    /// cA and pathLen; `None`: cA FALSE.
    pub ca: Option<Option<u32>>,
    /// keyUsage; `None`: no extension.
    pub key_usage: Option<KeyUsage>,
    /// extendedKeyUsage; empty: no extension.
    pub key_purposes: Vec<KeyPurpose>,
    /// caIssuers URL.
    pub ca_issuers: Option<String>,
}

impl IssueSpec {
    /// The least that a certificate has: serial number 1, no names, no uses, and no CA.
    pub fn of(subject: Subject, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self {
            serial: vec![1],
            subject,
            names: Vec::new(),
            not_before,
            not_after,
            ca: None,
            key_usage: None,
            key_purposes: Vec::new(),
            ca_issuers: None,
        }
    }
}

/// Who signs: a name, its key, and its SubjectPublicKeyInfo for the key identifiers.
#[derive(Debug)]
pub struct Issuer<'a> {
    /// The issuer's certificate; `None`: self-signed with `key`.
    pub certificate: Option<&'a Certificate>,
    /// The issuer's key.
    pub key: &'a PrivateKey,
}

impl<'a> Issuer<'a> {
    /// The subject itself.
    pub const fn own(key: &'a PrivateKey) -> Self {
        Self {
            certificate: None,
            key,
        }
    }
}

/// Signs a certificate for a public key (DER SubjectPublicKeyInfo).
pub fn issue(
    spec: &IssueSpec,
    spki_der: &[u8],
    issuer: &Issuer<'_>,
) -> Result<Certificate, X509Error> {
    let IssueSpec {
        serial,
        subject,
        names,
        not_before,
        not_after,
        ca,
        key_usage,
        key_purposes,
        ca_issuers,
    } = spec;
    let failed = |cause: der::Error| X509Error::unwritable("certificate", cause);
    let subject_name = subject.to_name()?;
    let issuer_name = match issuer.certificate {
        Some(certificate) => Name::from_der(&certificate.facts().subject.der).map_err(failed)?,
        None => subject_name.clone(),
    };
    let issuer_key_id = match issuer
        .certificate
        .and_then(|certificate| certificate.facts().subject_key_id.clone())
    {
        Some(id) => id,
        None => key_id(issuer.key.spki_der())?,
    };
    let octets = |bytes: Vec<u8>| OctetString::new(bytes).map_err(failed);

    let mut list = vec![
        extension(
            oid::SUBJECT_KEY_ID,
            false,
            &SubjectKeyIdentifier(octets(key_id(spki_der)?)?),
        )?,
        extension(
            oid::AUTHORITY_KEY_ID,
            false,
            &AuthorityKeyIdentifier {
                key_identifier: Some(octets(issuer_key_id)?),
                authority_cert_issuer: None,
                authority_cert_serial_number: None,
            },
        )?,
        extension(
            oid::BASIC_CONSTRAINTS,
            true,
            &BasicConstraints {
                ca: ca.is_some(),
                path_len: ca.flatten(),
            },
        )?,
    ];
    list.extend(extensions(subject, names, *key_usage, key_purposes)?);
    if let Some(url) = ca_issuers {
        let access = AccessDescription {
            access_method: oid::CA_ISSUERS,
            access_location: GeneralName::UniformResourceIdentifier(
                Ia5String::new(url).map_err(failed)?,
            ),
        };
        list.push(extension(
            oid::AUTHORITY_INFO_ACCESS,
            false,
            &AuthorityInfoAccessSyntax(vec![access]),
        )?);
    }

    let algorithm = issuer.key.signature_algorithm()?;
    let body = ToBeSigned {
        version: 2,
        serial: Uint::new(serial).map_err(failed)?,
        signature: algorithm.clone(),
        issuer: issuer_name,
        validity: Validity::new(asn1_time(*not_before)?, asn1_time(*not_after)?),
        subject: subject_name,
        public_key: Any::from_der(spki_der).map_err(failed)?,
        extensions: list,
    };
    let signature = issuer.key.sign(&body.to_der().map_err(failed)?)?;
    let certificate = Signed {
        body,
        algorithm,
        signature: BitString::from_bytes(&signature).map_err(failed)?,
    };
    Certificate::from_der(&certificate.to_der().map_err(failed)?)
}

/// TBSCertificate, RFC 5280 §4.1; x509-cert's own refuses serials over 20 bytes and cannot be filled from outside.
#[derive(Sequence)]
struct ToBeSigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: Uint,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    public_key: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// Certificate, RFC 5280 §4.1.
#[derive(Sequence)]
struct Signed {
    body: ToBeSigned,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// RFC 5280 §4.2.1.9, with a pathLen of any size.
#[derive(Sequence)]
struct BasicConstraints {
    #[asn1(default = "Default::default")]
    ca: bool,
    #[asn1(optional = "true")]
    path_len: Option<u32>,
}

/// RFC 7093 §2 method 1: the first 160 bits of the SHA-256 of the public key's bits.
fn key_id(spki: &[u8]) -> Result<Vec<u8>, X509Error> {
    let key = KeyParts::read(spki).ok_or_else(|| {
        X509Error::unwritable("certificate", "the public key is no SubjectPublicKeyInfo")
    })?;
    let sum = digest::digest(&digest::SHA256, key.bytes);
    Ok(sum.as_ref().iter().copied().take(20).collect())
}

/// UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5); whole seconds, from 1970.
fn asn1_time(time: OffsetDateTime) -> Result<Time, X509Error> {
    let seconds = u64::try_from(time.unix_timestamp())
        .map_err(|_| X509Error::unwritable("validity", "it begins before 1970"))?;
    DateTime::from_unix_duration(Duration::from_secs(seconds))
        .map(Time::from)
        .map_err(|cause| X509Error::unwritable("validity", cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Presented;
    use crate::x509::KeyType;
    use time::macros::datetime;

    #[test]
    fn every_field_stands_in_the_certificate() {
        let root_key = PrivateKey::generate(KeyType::Ec384).unwrap();
        let mut spec = IssueSpec {
            serial: vec![1; 24],
            ca: Some(Some(1)),
            key_usage: Some(KeyUsage {
                key_cert_sign: true,
                crl_sign: true,
                ..KeyUsage::default()
            }),
            ..IssueSpec::of(
                Subject {
                    organization: Some("Lab".to_owned()),
                    common_name: Some("Lab Root".to_owned()),
                    ..Subject::default()
                },
                datetime!(2026-01-01 00:00 UTC),
                datetime!(2050-01-01 00:00 UTC),
            )
        };
        let own = Issuer::own(&root_key);
        let root = issue(&spec, root_key.spki_der(), &own).unwrap();
        assert!(root.is_self_signed() && root.is_ca());
        assert_eq!(root.facts().basic_constraints, Some((true, Some(1))));
        assert_eq!(root.facts().serial.len(), 24);
        assert_eq!(root.facts().not_after, spec.not_after);
        assert_eq!(root.facts().subject_key_id, root.facts().authority_key_id);

        let key = PrivateKey::generate(KeyType::Ed25519).unwrap();
        spec.serial = vec![0xff, 0x00];
        spec.subject = Subject::default();
        spec.names = vec![Identifier::parse_typed("srv:_xmpp-server.contoso.com").unwrap()];
        spec.not_after = datetime!(2026-06-01 00:00 UTC);
        spec.ca = None;
        spec.key_usage = Some(KeyUsage {
            digital_signature: true,
            ..KeyUsage::default()
        });
        spec.key_purposes = vec![KeyPurpose::ServerAuth, KeyPurpose::SipDomain];
        spec.ca_issuers = Some("http://ca.example/root.cer".to_owned());
        let by_root = Issuer {
            certificate: Some(&root),
            key: &root_key,
        };
        let leaf = issue(&spec, key.spki_der(), &by_root).unwrap();
        let facts = leaf.facts();
        assert!(leaf.is_signed_by(&root) && !leaf.is_self_signed() && !leaf.is_ca());
        assert_eq!(facts.version, 3);
        assert_eq!(leaf.serial_hex(), "ff:00");
        assert_eq!(facts.issuer, root.facts().subject);
        assert!(facts.subject.is_empty());
        assert_eq!(facts.authority_key_id, root.facts().subject_key_id);
        assert_eq!(
            facts.names,
            Some(vec![Presented::Srv("_xmpp-server.contoso.com".to_owned())])
        );
        assert_eq!(facts.key_usage, spec.key_usage);
        assert_eq!(facts.key_purposes, Some(spec.key_purposes.clone()));
        assert_eq!(facts.basic_constraints, Some((false, None)));
        assert_eq!(facts.ca_issuers, ["http://ca.example/root.cer"]);
        assert_eq!(facts.signature_algorithm, "ecdsa-with-SHA384");
        assert!(!facts.signature_is_weak && facts.problems.is_empty());
        assert_eq!(facts.spki_sha256, key.spki_sha256());
        assert_eq!(leaf.spki_der(), key.spki_der());
    }
}
