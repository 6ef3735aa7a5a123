//! A certificate's extensions as they lie in it, for rules about presence, criticality and inner form.

use super::{Certificate, oid, tlv};
use der::oid::ObjectIdentifier;

/// One extension (RFC 5280 §4.1, §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawExtension<'a> {
    kind: &'a [u8],
    /// Whether it is marked critical.
    pub critical: bool,
    /// The content of its extnValue, DER.
    pub value: &'a [u8],
}

/// The extensions that rules ask for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtensionKind {
    /// subjectKeyIdentifier.
    SubjectKeyId,
    /// subjectAltName.
    SubjectAltName,
    /// basicConstraints.
    BasicConstraints,
    /// nameConstraints.
    NameConstraints,
    /// policyConstraints.
    PolicyConstraints,
    /// authorityKeyIdentifier.
    AuthorityKeyId,
    /// extKeyUsage.
    ExtKeyUsage,
    /// tlsFeature, known as Must-Staple.
    TlsFeature,
    /// keyUsage.
    KeyUsage,
    /// certificatePolicies.
    CertificatePolicies,
    /// policyMappings.
    PolicyMappings,
    /// inhibitAnyPolicy.
    InhibitAnyPolicy,
    /// authorityInfoAccess.
    AuthorityInfoAccess,
    /// subjectInfoAccess.
    SubjectInfoAccess,
    /// freshestCRL.
    FreshestCrl,
    /// subjectDirectoryAttributes.
    SubjectDirectoryAttributes,
}

impl ExtensionKind {
    fn oid(self) -> ObjectIdentifier {
        match self {
            ExtensionKind::SubjectKeyId => oid::SUBJECT_KEY_ID,
            ExtensionKind::SubjectAltName => oid::SUBJECT_ALT_NAME,
            ExtensionKind::BasicConstraints => oid::BASIC_CONSTRAINTS,
            ExtensionKind::NameConstraints => oid::NAME_CONSTRAINTS,
            ExtensionKind::PolicyConstraints => oid::POLICY_CONSTRAINTS,
            ExtensionKind::AuthorityKeyId => oid::AUTHORITY_KEY_ID,
            ExtensionKind::ExtKeyUsage => oid::EXT_KEY_USAGE,
            ExtensionKind::TlsFeature => oid::TLS_FEATURE,
            ExtensionKind::KeyUsage => oid::KEY_USAGE,
            ExtensionKind::CertificatePolicies => oid::CERTIFICATE_POLICIES,
            ExtensionKind::PolicyMappings => oid::POLICY_MAPPINGS,
            ExtensionKind::InhibitAnyPolicy => oid::INHIBIT_ANY_POLICY,
            ExtensionKind::AuthorityInfoAccess => oid::AUTHORITY_INFO_ACCESS,
            ExtensionKind::SubjectInfoAccess => oid::SUBJECT_INFO_ACCESS,
            ExtensionKind::FreshestCrl => oid::FRESHEST_CRL,
            ExtensionKind::SubjectDirectoryAttributes => oid::SUBJECT_DIRECTORY_ATTRIBUTES,
        }
    }
}

impl RawExtension<'_> {
    /// Whether the value is a SEQUENCE that holds an element with this tag.
    pub fn has_element(&self, tag: u8) -> bool {
        self.elements()
            .is_some_and(|elements| elements.iter().any(|element| element.tag == tag))
    }

    /// Whether the value is a SEQUENCE none of whose elements has any content.
    pub fn is_hollow(&self) -> bool {
        self.elements()
            .is_some_and(|elements| elements.iter().all(|element| element.content.is_empty()))
    }

    fn elements(&self) -> Option<Vec<tlv::Tlv<'_>>> {
        tlv::items(tlv::exactly(self.value, tlv::SEQUENCE)?.content)
    }
}

impl Certificate {
    /// The first extension of a kind; `None` when it is absent or the extensions cannot be read.
    pub fn extension(&self, kind: ExtensionKind) -> Option<RawExtension<'_>> {
        let wanted = kind.oid();
        read_all(self.der())?
            .into_iter()
            .find(|extension| extension.kind == wanted.as_bytes())
    }
}

impl Certificate {
    /// Whether extensions are present at all, readable or not.
    pub fn has_extensions(&self) -> bool {
        self.body()
            .is_some_and(|body| body.iter().any(|field| field.tag == 0xa3))
    }

    /// Whether it holds an issuerUniqueID or subjectUniqueID.
    pub fn has_unique_ids(&self) -> bool {
        self.body().is_some_and(|body| {
            let mut tags = body.iter().map(|field| field.tag);
            tags.any(|tag| matches!(tag, 0x81 | 0x82 | 0xa1 | 0xa2))
        })
    }

    /// What is wrong with how notBefore and notAfter are written (RFC 5280 §4.1.2.5); `None`: nothing.
    pub fn validity_fault(&self) -> Option<String> {
        let body = self.body()?;
        let start = usize::from(body.first()?.tag == tlv::CONTEXT_0);
        let validity = tlv::items(body.get(start + 3)?.content)?;
        validity
            .iter()
            .zip(["notBefore", "notAfter"])
            .find_map(|(field, name)| {
                let Some(time) = super::crl::time_of(*field) else {
                    return Some(format!(
                        "{name} is not written as YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ"
                    ));
                };
                (field.tag == 0x18 && (1950..2050).contains(&time.year())).then(|| {
                    format!("{name} is a GeneralizedTime, and through 2049 it has to be a UTCTime")
                })
            })
    }

    /// What is wrong with the parameters of its signature algorithm: none may stand with ECDSA and Ed25519, NULL has
    /// to stand with PKCS#1 (RFC 5758 §3.2, RFC 8410 §3, RFC 4055 §5); `None`: nothing.
    pub fn signature_parameters_fault(&self) -> Option<&'static str> {
        let signed = tlv::signed(self.der())?;
        let (kind, parameters) = super::signature::algorithm_parts(signed.algorithm.content)?;
        let is =
            |known: &[der::oid::ObjectIdentifier]| known.iter().any(|one| one.as_bytes() == kind);
        if is(&[
            oid::SHA256_ECDSA,
            oid::SHA384_ECDSA,
            oid::SHA512_ECDSA,
            oid::ED25519,
        ]) {
            return parameters
                .is_some()
                .then_some("its signature algorithm has parameters, and may have none");
        }
        let null = parameters.is_some_and(|found| found.tag == 0x05 && found.content.is_empty());
        (is(&[oid::SHA256_RSA, oid::SHA384_RSA, oid::SHA512_RSA]) && !null)
            .then_some("its signature algorithm lacks the NULL parameters")
    }

    fn body(&self) -> Option<Vec<tlv::Tlv<'_>>> {
        tlv::items(tlv::exactly(tlv::signed(self.der())?.message, tlv::SEQUENCE)?.content)
    }
}

fn read_all(der: &[u8]) -> Option<Vec<RawExtension<'_>>> {
    let body = tlv::items(tlv::exactly(tlv::signed(der)?.message, tlv::SEQUENCE)?.content)?;
    // RFC 5280 §4.1: extensions [3] EXPLICIT, constructed
    let wrapped = body.iter().find(|field| field.tag == 0xa3)?;
    let list = tlv::items(tlv::exactly(wrapped.content, tlv::SEQUENCE)?.content)?;
    list.iter()
        .map(|one| match tlv::items(one.content)?.as_slice() {
            [kind, value] => Some(RawExtension {
                kind: kind.content,
                critical: false,
                value: value.content,
            }),
            [kind, critical, value] => Some(RawExtension {
                kind: kind.content,
                critical: critical.content.iter().any(|byte| *byte != 0),
                value: value.content,
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::macros::datetime;

    #[test]
    fn extensions_are_found_with_their_criticality() {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = IssueSpec {
            names: vec![crate::names::Identifier::parse_typed("dns:a.example").unwrap()],
            ca: Some(None),
            ..IssueSpec::of(
                Subject::default(),
                datetime!(2026-01-01 00:00 UTC),
                datetime!(2026-02-01 00:00 UTC),
            )
        };
        let own = Issuer::own(&key);
        let certificate = issue(&spec, key.spki_der(), &own).unwrap();
        for (kind, expected) in [
            (ExtensionKind::SubjectKeyId, Some(false)),
            (ExtensionKind::AuthorityKeyId, Some(false)),
            (ExtensionKind::BasicConstraints, Some(true)),
            (ExtensionKind::SubjectAltName, Some(true)),
            (ExtensionKind::NameConstraints, None),
            (ExtensionKind::PolicyConstraints, None),
            (ExtensionKind::ExtKeyUsage, None),
        ] {
            let found = certificate.extension(kind).map(|found| found.critical);
            assert_eq!(found, expected, "{kind:?}");
        }
        let id = certificate
            .extension(ExtensionKind::AuthorityKeyId)
            .unwrap();
        assert!(id.has_element(0x80) && !id.has_element(0xa1) && !id.is_hollow());
    }
}
