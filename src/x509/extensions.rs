//! A certificate's extensions as they lie in it, for rules about presence, criticality and inner form.

use super::{Certificate, oid, tlv};

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
}

impl ExtensionKind {
    fn dotted(self) -> String {
        match self {
            ExtensionKind::SubjectKeyId => oid::SUBJECT_KEY_ID.to_string(),
            ExtensionKind::SubjectAltName => oid::SUBJECT_ALT_NAME.to_string(),
            ExtensionKind::BasicConstraints => oid::BASIC_CONSTRAINTS.to_string(),
            ExtensionKind::NameConstraints => oid::NAME_CONSTRAINTS.to_string(),
            // RFC 5280 §4.2.1.11
            ExtensionKind::PolicyConstraints => "2.5.29.36".to_owned(),
            ExtensionKind::AuthorityKeyId => oid::AUTHORITY_KEY_ID.to_string(),
            ExtensionKind::ExtKeyUsage => oid::EXT_KEY_USAGE.to_string(),
            // RFC 7633 §6
            ExtensionKind::TlsFeature => "1.3.6.1.5.5.7.1.24".to_owned(),
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
    /// The first extension of a kind; none when it is absent or the extensions cannot be read.
    pub fn extension(&self, kind: ExtensionKind) -> Option<RawExtension<'_>> {
        let dotted = kind.dotted();
        read_all(self.der())?
            .into_iter()
            .find(|extension| tlv::dotted(extension.kind) == dotted)
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
            serial: vec![1],
            subject: Subject::default(),
            names: vec![crate::names::Identifier::parse_typed("dns:a.example").unwrap()],
            not_before: datetime!(2026-01-01 00:00 UTC),
            not_after: datetime!(2026-02-01 00:00 UTC),
            ca: Some(None),
            key_usage: None,
            key_purposes: vec![],
            ca_issuers: None,
        };
        let own = Issuer {
            certificate: None,
            key: &key,
        };
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
