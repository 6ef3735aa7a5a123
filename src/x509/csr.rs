//! PKCS#10 both ways (RFC 2986): what we ask, and what a request holds when it is read back.

use super::certificate::{check_outer, check_public_key, parser_words};
use super::error::Expected;
use super::sniff::{self, Form};
use super::subject::{self, DistinguishedName};
use super::{
    CertificateTemplate, Fingerprint, KeyPurpose, KeyUsage, PrivateKey, PublicKeyKind, Subject,
    X509Error, general_name, oid, pem, signature, tlv,
};
use crate::names::{Identifier, Presented};
use der::asn1::{BitString, OctetString};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

/// What to ask for. [`Csr::build`] unpacks it field by field, so that none is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsrSpec {
    /// Subject; an empty one makes the subjectAltName critical (RFC 5280 §4.1.2.6).
    pub subject: Subject,
    /// subjectAltName entries, in this order.
    pub names: Vec<Identifier>,
    /// keyUsage, critical.
    pub key_usage: KeyUsage,
    /// extendedKeyUsage, in this order; empty: none asked.
    pub key_purposes: Vec<KeyPurpose>,
    /// The template, for AD CS alone.
    pub template: Option<CertificateTemplate>,
}

/// A certificate request, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    /// DER as it came.
    pub der: Vec<u8>,
    /// Subject.
    pub subject: DistinguishedName,
    /// The string types of the subject's attributes in order, for review: (`C`, `PrintableString`).
    pub subject_strings: Vec<(String, String)>,
    /// subjectAltName entries.
    pub names: Vec<Presented>,
    /// keyUsage asked for.
    pub key_usage: Option<KeyUsage>,
    /// Key purposes asked for.
    pub key_purposes: Vec<KeyPurpose>,
    /// Templates of AD CS asked for, by name or by identifier.
    pub templates: Vec<CertificateTemplate>,
    /// Public key.
    pub public_key: PublicKeyKind,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki_sha256: Fingerprint,
    /// Whether its signature verifies with its own key.
    pub signature_ok: bool,
}

impl Csr {
    /// Largest request read, in bytes.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Encodes and signs a request; the result is already parsed back.
    pub fn build(spec: &CsrSpec, key: &PrivateKey) -> Result<Self, X509Error> {
        let CsrSpec {
            subject,
            names,
            key_usage,
            key_purposes,
            template,
        } = spec;
        subject.check()?;
        let failed = |cause: der::Error| X509Error::unwritable("certificate request", cause);
        let mut requested = extensions(subject, names, Some(*key_usage), key_purposes)?;
        if let Some(template) = template {
            requested.push(template.to_extension()?);
        }
        let mut attributes = Attributes::default();
        if !requested.is_empty() {
            let attribute = Attribute::try_from(ExtensionReq(requested)).map_err(failed)?;
            attributes.insert(attribute).map_err(failed)?;
        }
        let info = CertReqInfo {
            version: Version::V1,
            subject: subject.to_name()?,
            public_key: SubjectPublicKeyInfoOwned::from_der(key.spki_der()).map_err(failed)?,
            attributes,
        };
        let signature = key.sign(&info.to_der().map_err(failed)?)?;
        let request = CertReq {
            info,
            algorithm: key.signature_algorithm()?,
            signature: BitString::from_bytes(&signature).map_err(failed)?,
        };
        Self::from_der(&request.to_der().map_err(failed)?)
    }

    /// Parses DER; trailing bytes are an error. Extensions are looked for in the standard attribute and in
    /// Microsoft's; the first of a kind counts, and one that cannot be read counts as not asked.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > Self::MAX_BYTES {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES,
                size: der.len(),
            });
        }
        check_outer(der, Expected::Request)?;
        let (_, parsed) =
            X509CertificationRequest::from_der(der).map_err(|cause| X509Error::Unreadable {
                expected: Expected::Request,
                reason: parser_words(&cause),
            })?;
        let info = &parsed.certification_request_info;
        let spki = info.subject_pki.raw;
        check_public_key(spki, find_spki(der), Expected::Request)?;
        let requested = all_requested(der);
        let value_of = |wanted: &ObjectIdentifier| {
            requested
                .iter()
                .find(|extension| extension.kind == wanted.as_bytes())
                .map(|extension| extension.value)
        };
        Ok(Self {
            der: der.to_vec(),
            subject: DistinguishedName::read(&info.subject),
            subject_strings: subject::string_types(&info.subject),
            names: value_of(&oid::SUBJECT_ALT_NAME)
                .map(general_name::decode)
                .unwrap_or_default(),
            key_usage: value_of(&oid::KEY_USAGE).and_then(KeyUsage::from_der),
            key_purposes: value_of(&oid::EXT_KEY_USAGE)
                .and_then(KeyPurpose::list_from_der)
                .unwrap_or_default(),
            templates: requested
                .iter()
                .filter_map(|one| CertificateTemplate::from_extension(one.kind, one.value))
                .collect(),
            public_key: PublicKeyKind::of_spki(spki),
            spki_sha256: Fingerprint::of(spki),
            signature_ok: signature::verifies(der, spki),
        })
    }

    /// SubjectPublicKeyInfo, DER; empty where it cannot be found.
    pub fn spki_der(&self) -> &[u8] {
        find_spki(&self.der).unwrap_or_default()
    }

    /// Reads PEM (CERTIFICATE REQUEST or NEW CERTIFICATE REQUEST) or DER.
    pub fn read(bytes: &[u8]) -> Result<Self, X509Error> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES,
                size: bytes.len(),
            });
        }
        let blocks = pem::scan(bytes);
        if blocks.is_empty() {
            return if sniff::form(bytes) == Form::Unknown {
                Err(X509Error::NothingRecognised {
                    expected: Expected::Request,
                    found: "neither a PEM block nor a DER request".to_owned(),
                })
            } else {
                Self::from_der(bytes)
            };
        }
        for block in &blocks {
            match &block.content {
                Ok(der) if sniff::form(der) == Form::Request => return Self::from_der(der),
                Ok(der) if block.label.ends_with("CERTIFICATE REQUEST") => {
                    return Self::from_der(der);
                }
                Err(reason) if block.label.ends_with("CERTIFICATE REQUEST") => {
                    return Err(X509Error::BadBlock {
                        label: block.label.clone(),
                        line: block.line,
                        reason: reason.clone(),
                    });
                }
                Ok(_) | Err(_) => {}
            }
        }
        Err(X509Error::NothingRecognised {
            expected: Expected::Request,
            found: super::pem::labels(&blocks),
        })
    }

    /// PEM, label CERTIFICATE REQUEST, LF.
    pub fn to_pem(&self) -> String {
        super::pem::encode("CERTIFICATE REQUEST", &self.der)
    }
}

/// subjectAltName, keyUsage and extKeyUsage as requests and certificates carry them alike; what is empty is left out.
pub(crate) fn extensions(
    subject: &Subject,
    names: &[Identifier],
    key_usage: Option<KeyUsage>,
    key_purposes: &[KeyPurpose],
) -> Result<Vec<Extension>, X509Error> {
    let mut found = Vec::new();
    if let Some(usage) = key_usage.filter(|usage| !usage.is_empty()) {
        // RFC 5280 §4.2.1.3: SHOULD be critical
        found.push(extension(oid::KEY_USAGE, true, &usage.to_bits()?)?);
    }
    if !key_purposes.is_empty() {
        let purposes: Result<Vec<_>, _> = key_purposes.iter().map(KeyPurpose::to_oid).collect();
        found.push(extension(
            oid::EXT_KEY_USAGE,
            false,
            &ExtendedKeyUsage(purposes?),
        )?);
    }
    if !names.is_empty() {
        // RFC 5280 §4.2.1.6: critical if and only if the subject is empty
        found.push(Extension {
            extn_id: oid::SUBJECT_ALT_NAME,
            critical: subject.is_empty(),
            extn_value: OctetString::new(general_name::encode(names)?)
                .map_err(|cause| X509Error::unwritable("subjectAltName", cause))?,
        });
    }
    Ok(found)
}

/// One extension around a value.
pub(crate) fn extension(
    kind: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> Result<Extension, X509Error> {
    let extn_value = value
        .to_der()
        .and_then(OctetString::new)
        .map_err(|cause| X509Error::unwritable("extension", cause))?;
    Ok(Extension {
        extn_id: kind,
        critical,
        extn_value,
    })
}

struct RequestedExtension<'a> {
    kind: &'a [u8],
    value: &'a [u8],
}

/// The extensions of both attributes that hold them. Read from the bytes, as the parser shows an attribute that it does
/// not know as empty, and Microsoft's is one.
fn all_requested(der: &[u8]) -> Vec<RequestedExtension<'_>> {
    let fields = tlv::signed(der)
        .and_then(|signed| tlv::exactly(signed.message, tlv::SEQUENCE))
        .and_then(|info| tlv::items(info.content))
        .unwrap_or_default();
    // attributes [0] IMPLICIT, RFC 2986 §4.1
    fields
        .into_iter()
        .filter(|field| field.tag == tlv::CONTEXT_0)
        .flat_map(|attributes| tlv::items(attributes.content).unwrap_or_default())
        .filter_map(
            |attribute| match tlv::items(attribute.content)?.as_slice() {
                [kind, values]
                    if kind.content == oid::EXTENSION_REQUEST.as_bytes()
                        || kind.content == oid::MS_CERT_EXTENSIONS.as_bytes() =>
                {
                    Some(requested_extensions(values.raw))
                }
                _ => None,
            },
        )
        .flatten()
        .collect()
}

/// The extensions in an attribute's `SET OF SEQUENCE OF Extension`; what cannot be read is skipped.
fn requested_extensions(attribute: &[u8]) -> Vec<RequestedExtension<'_>> {
    let lists = tlv::exactly(attribute, tlv::SET)
        .and_then(|set| tlv::items(set.content))
        .unwrap_or_default();
    lists
        .into_iter()
        .flat_map(|list| tlv::items(list.content).unwrap_or_default())
        .filter_map(
            |extension| match tlv::items(extension.content)?.as_slice() {
                [kind, value] if value.tag == tlv::OCTET_STRING => Some(RequestedExtension {
                    kind: kind.content,
                    value: value.content,
                }),
                [kind, critical, value]
                    if critical.tag == tlv::BOOLEAN && value.tag == tlv::OCTET_STRING =>
                {
                    Some(RequestedExtension {
                        kind: kind.content,
                        value: value.content,
                    })
                }
                _ => None,
            },
        )
        .collect()
}

fn find_spki(der: &[u8]) -> Option<&[u8]> {
    let signed = tlv::signed(der)?;
    let info = tlv::items(tlv::exactly(signed.message, tlv::SEQUENCE)?.content)?;
    // version, subject, subjectPKInfo, attributes
    info.get(2).map(|key| key.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::KeyType;

    fn spec() -> CsrSpec {
        CsrSpec {
            subject: Subject {
                country: Some("US".to_owned()),
                organization: Some("Contoso".to_owned()),
                common_name: Some("edge.contoso.com".to_owned()),
                ..Subject::default()
            },
            names: [
                "dns:edge.contoso.com",
                "srv:_xmpp-server.contoso.com",
                "xmpp:xn--bcher-kva.example",
                "sip:contoso.com",
            ]
            .iter()
            .map(|word| Identifier::parse_typed(word).unwrap())
            .collect(),
            key_usage: KeyUsage {
                digital_signature: true,
                key_encipherment: true,
                ..KeyUsage::default()
            },
            key_purposes: vec![KeyPurpose::ServerAuth, KeyPurpose::ClientAuth],
            template: None,
        }
    }

    #[test]
    fn a_request_of_every_key_type_is_read_back_as_it_was_asked() {
        let spec = spec();
        // RSA 2048 stands for RSA; the larger sizes differ in nothing but time
        for key_type in [
            KeyType::Rsa2048,
            KeyType::Ec256,
            KeyType::Ec384,
            KeyType::Ed25519,
        ] {
            let key = PrivateKey::generate(key_type).unwrap();
            let csr = Csr::build(&spec, &key).unwrap();
            assert!(csr.signature_ok, "{key_type:?}");
            assert_eq!(csr.spki_sha256, key.spki_sha256());
            assert_eq!(csr.spki_der(), key.spki_der());
            assert_eq!(csr.public_key, key.kind());
            let names: Vec<Presented> = spec.names.iter().map(Identifier::to_presented).collect();
            assert_eq!(csr.names, names);
            assert_eq!(csr.key_usage, Some(spec.key_usage));
            assert_eq!(csr.key_purposes, spec.key_purposes);
            assert_eq!(csr.subject.text, "CN=edge.contoso.com, O=Contoso, C=US");
            assert_eq!(
                csr.subject_strings[0],
                ("C".to_owned(), "PrintableString".to_owned())
            );
            assert_eq!(Csr::read(csr.to_pem().as_bytes()).unwrap(), csr);
            assert_eq!(Csr::read(&csr.der).unwrap(), csr);
            let windows = csr
                .to_pem()
                .replace(" CERT", " NEW CERT")
                .replace('\n', "\r\n");
            assert_eq!(Csr::read(windows.as_bytes()).unwrap(), csr);
        }
    }

    #[test]
    fn names_are_critical_only_without_a_subject() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let critical = [0x55, 0x1d, 0x11, 0x01, 0x01, 0xff];
        let mut spec = spec();
        for (subject, expected) in [(spec.subject.clone(), false), (Subject::default(), true)] {
            spec.subject = subject;
            let der = Csr::build(&spec, &key).unwrap().der;
            let found = der.windows(critical.len()).any(|window| window == critical);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_request_for_nothing_has_no_extensions() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = CsrSpec {
            subject: Subject::default(),
            names: vec![],
            key_usage: KeyUsage::default(),
            key_purposes: vec![],
            template: None,
        };
        let csr = Csr::build(&spec, &key).unwrap();
        assert!(csr.signature_ok && csr.names.is_empty() && csr.key_usage.is_none());
    }

    #[test]
    fn what_is_no_request_is_said() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let pem = key.to_pem(None).unwrap();
        assert_eq!(
            Csr::read(pem.as_bytes()).unwrap_err(),
            X509Error::NothingRecognised {
                expected: Expected::Request,
                found: "PEM blocks: PRIVATE KEY".to_owned(),
            }
        );
        assert!(matches!(
            Csr::read(b"hello"),
            Err(X509Error::NothingRecognised { .. })
        ));
        let mut spec = spec();
        spec.subject.country = Some("usa".to_owned());
        assert!(matches!(
            Csr::build(&spec, &key),
            Err(X509Error::Unwritable {
                field: "subject C",
                ..
            })
        ));
    }
    /// The parser took the key and left what stands after it, so that two digests of one key could differ.
    #[test]
    fn a_public_key_with_more_behind_it_is_refused() {
        let der = include_bytes!("../../fixtures/fuzz/csr/more-behind-the-public-key.der");
        assert_eq!(
            Csr::from_der(der),
            Err(X509Error::Unreadable {
                expected: Expected::Request,
                reason: "more stands behind the public key".to_owned(),
            })
        );
    }
}
