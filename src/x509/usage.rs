//! Key usage and key purposes (RFC 5280 §4.2.1.3, §4.2.1.12).

use super::{X509Error, oid, tlv};
use der::asn1::BitString;
use der::oid::ObjectIdentifier;
use std::fmt;

/// The keyUsage bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// digitalSignature (0).
    pub digital_signature: bool,
    /// keyEncipherment (2).
    pub key_encipherment: bool,
    /// keyAgreement (4).
    pub key_agreement: bool,
    /// keyCertSign (5).
    pub key_cert_sign: bool,
    /// cRLSign (6).
    pub crl_sign: bool,
    /// Any of the other bits; written as nonRepudiation (1).
    pub other: bool,
}

impl KeyUsage {
    /// Whether no bit is set.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The named bits, without trailing zeros (X.690 §11.2.2).
    pub(crate) fn to_bits(self) -> Result<BitString, X509Error> {
        let Self {
            digital_signature,
            key_encipherment,
            key_agreement,
            key_cert_sign,
            crl_sign,
            other,
        } = self;
        let byte = [
            (digital_signature, 0x80),
            (other, 0x40),
            (key_encipherment, 0x20),
            (key_agreement, 0x08),
            (key_cert_sign, 0x04),
            (crl_sign, 0x02),
        ]
        .into_iter()
        .filter_map(|(set, bit)| set.then_some(bit))
        .fold(0u8, |sum, bit| sum | bit);
        let (unused, bytes) = match byte {
            0 => (0, vec![]),
            some => (some.trailing_zeros() as u8, vec![some]),
        };
        BitString::new(unused, bytes).map_err(|cause| X509Error::unwritable("keyUsage", cause))
    }

    /// From an extension's value; `None` when it is no BIT STRING.
    pub(crate) fn from_der(value: &[u8]) -> Option<Self> {
        let bits = tlv::exactly(value, tlv::BIT_STRING)?;
        let (unused, bytes) = bits.content.split_first()?;
        if *unused > 7 {
            return None;
        }
        let first = bytes.first().copied().unwrap_or(0);
        Some(Self {
            digital_signature: first & 0x80 != 0,
            key_encipherment: first & 0x20 != 0,
            key_agreement: first & 0x08 != 0,
            key_cert_sign: first & 0x04 != 0,
            crl_sign: first & 0x02 != 0,
            other: first & 0x51 != 0 || bytes.iter().skip(1).any(|byte| *byte != 0),
        })
    }
}

/// One purpose of an extended key usage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyPurpose {
    /// id-kp-serverAuth.
    ServerAuth,
    /// id-kp-clientAuth.
    ClientAuth,
    /// id-kp-sipDomain, 1.3.6.1.5.5.7.3.20 (RFC 5924).
    SipDomain,
    /// anyExtendedKeyUsage.
    Any,
    /// Another, dotted.
    Other(String),
}

impl KeyPurpose {
    /// `serverAuth`, `clientAuth`, `sipDomain`, `anyExtendedKeyUsage`, or the dotted identifier.
    pub fn word(&self) -> &str {
        match self {
            KeyPurpose::ServerAuth => "serverAuth",
            KeyPurpose::ClientAuth => "clientAuth",
            KeyPurpose::SipDomain => "sipDomain",
            KeyPurpose::Any => "anyExtendedKeyUsage",
            KeyPurpose::Other(dotted) => dotted,
        }
    }

    /// The purpose that a word or a dotted identifier names.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            KeyPurpose::ServerAuth,
            KeyPurpose::ClientAuth,
            KeyPurpose::SipDomain,
            KeyPurpose::Any,
        ]
        .into_iter()
        .find(|known| known.word() == word)
        .or_else(|| {
            let dotted = ObjectIdentifier::new(word).ok()?;
            Some(Self::from_oid(dotted.as_bytes()))
        })
    }

    /// From an object identifier's content.
    pub(crate) fn from_oid(content: &[u8]) -> Self {
        for (known, purpose) in [
            (oid::SERVER_AUTH, KeyPurpose::ServerAuth),
            (oid::CLIENT_AUTH, KeyPurpose::ClientAuth),
            (oid::SIP_DOMAIN, KeyPurpose::SipDomain),
            (oid::ANY_PURPOSE, KeyPurpose::Any),
        ] {
            if known.as_bytes() == content {
                return purpose;
            }
        }
        KeyPurpose::Other(tlv::dotted(content))
    }

    pub(crate) fn to_oid(&self) -> Result<ObjectIdentifier, X509Error> {
        match self {
            KeyPurpose::ServerAuth => Ok(oid::SERVER_AUTH),
            KeyPurpose::ClientAuth => Ok(oid::CLIENT_AUTH),
            KeyPurpose::SipDomain => Ok(oid::SIP_DOMAIN),
            KeyPurpose::Any => Ok(oid::ANY_PURPOSE),
            KeyPurpose::Other(dotted) => ObjectIdentifier::new(dotted)
                .map_err(|cause| X509Error::unwritable("extKeyUsage", cause)),
        }
    }

    /// From an extension's value, in its order; `None` when it is no sequence of object identifiers.
    pub(crate) fn list_from_der(value: &[u8]) -> Option<Vec<Self>> {
        tlv::items(tlv::exactly(value, tlv::SEQUENCE)?.content)?
            .into_iter()
            .map(|item| (item.tag == tlv::OBJECT_IDENTIFIER).then(|| Self::from_oid(item.content)))
            .collect()
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;

    #[test]
    fn words_and_dotted_identifiers_name_purposes() {
        for (word, expected) in [
            ("serverAuth", Some(KeyPurpose::ServerAuth)),
            ("sipDomain", Some(KeyPurpose::SipDomain)),
            ("1.3.6.1.5.5.7.3.2", Some(KeyPurpose::ClientAuth)),
            (
                "1.3.6.1.4.1.311.10.3.3",
                Some(KeyPurpose::Other("1.3.6.1.4.1.311.10.3.3".to_owned())),
            ),
            ("serverauth", None),
            ("", None),
            ("9.1", None),
        ] {
            assert_eq!(KeyPurpose::from_word(word), expected, "{word}");
        }
    }

    #[test]
    fn bits_are_written_without_trailing_zeros_and_read_back() {
        for (usage, der) in [
            (KeyUsage::default(), &[0x03, 0x01, 0x00][..]),
            (
                KeyUsage {
                    digital_signature: true,
                    ..KeyUsage::default()
                },
                &[0x03, 0x02, 0x07, 0x80],
            ),
            (
                KeyUsage {
                    digital_signature: true,
                    key_encipherment: true,
                    ..KeyUsage::default()
                },
                &[0x03, 0x02, 0x05, 0xa0],
            ),
            (
                KeyUsage {
                    key_cert_sign: true,
                    crl_sign: true,
                    ..KeyUsage::default()
                },
                &[0x03, 0x02, 0x01, 0x06],
            ),
        ] {
            assert_eq!(usage.to_bits().unwrap().to_der().unwrap(), der);
            assert_eq!(KeyUsage::from_der(der), Some(usage));
        }
        // decipherOnly is bit 8, in the second byte
        assert!(
            KeyUsage::from_der(&[0x03, 0x03, 0x07, 0x08, 0x80])
                .unwrap()
                .other
        );
        assert_eq!(KeyUsage::from_der(&[0x03, 0x00]), None);
    }
}
