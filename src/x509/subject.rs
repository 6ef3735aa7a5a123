//! Subject names: what we write, with the right string types, and what certificates hold, fit to be shown.

use super::{X509Error, oid, tlv};
use crate::explain::printable;
use der::asn1::{Any, PrintableStringRef, Utf8StringRef};
use der::oid::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// Subject fields to write: C as PrintableString, the others as UTF8String; absent ones are not written. Order: C, ST, L, O, OU, CN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// Two letters, upper case.
    pub country: Option<String>,
    /// ST.
    pub state: Option<String>,
    /// L.
    pub locality: Option<String>,
    /// O.
    pub organization: Option<String>,
    /// OU.
    pub organizational_unit: Option<String>,
    /// CN, at most [`Subject::MAX_COMMON_NAME`] characters.
    pub common_name: Option<String>,
}

/// A name as a certificate holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName {
    /// Raw DER, for comparison.
    pub der: Vec<u8>,
    /// `CN=edge.contoso.com, O=Contoso`, control characters taken out; empty for an empty name.
    pub text: String,
    /// The common names, raw.
    pub common_names: Vec<String>,
    /// The organizational units, raw.
    pub organizational_units: Vec<String>,
    /// What is compared: each attribute's type and value, letters in lower case and white space folded.
    relative: Vec<Vec<(String, String)>>,
}

impl Subject {
    /// Most characters of a common name (ub-common-name, RFC 5280 appendix A.1).
    pub const MAX_COMMON_NAME: usize = 64;

    /// A common name, and nothing else.
    pub fn named(common_name: &str) -> Self {
        Self {
            common_name: Some(common_name.to_owned()),
            ..Self::default()
        }
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.fields().iter().all(|(_, _, value, _)| value.is_none())
    }

    /// Name, attribute type, value, and the most characters it may have (RFC 5280 appendix A.1, ub-…), in the order written.
    fn fields(&self) -> [(&'static str, ObjectIdentifier, Option<&str>, usize); 6] {
        let Self {
            country,
            state,
            locality,
            organization,
            organizational_unit,
            common_name,
        } = self;
        [
            ("subject C", oid::COUNTRY, country.as_deref(), 2),
            ("subject ST", oid::STATE, state.as_deref(), 128),
            ("subject L", oid::LOCALITY, locality.as_deref(), 128),
            ("subject O", oid::ORGANIZATION, organization.as_deref(), 64),
            (
                "subject OU",
                oid::ORGANIZATIONAL_UNIT,
                organizational_unit.as_deref(),
                64,
            ),
            (
                "subject CN",
                oid::COMMON_NAME,
                common_name.as_deref(),
                Self::MAX_COMMON_NAME,
            ),
        ]
    }

    /// Whether every field keeps the bounds of RFC 5280 appendix A.1: C of two upper-case letters, CN, O and OU of
    /// at most 64 characters (not bytes), ST and L of 128, none empty, no control characters.
    pub fn check(&self) -> Result<(), X509Error> {
        for (field, _, value, most) in self.fields() {
            let Some(value) = value else { continue };
            let count = value.chars().count();
            let reason = if value.trim().is_empty() {
                "it is empty".to_owned()
            } else if value.chars().any(char::is_control) {
                format!("{value:?} holds control characters")
            } else if field == "subject C"
                && !(count == 2 && value.bytes().all(|byte| byte.is_ascii_uppercase()))
            {
                format!("{value:?} is not a country code of two letters, such as US")
            } else if count > most {
                format!("it has {count} characters, and at most {most} are allowed")
            } else {
                continue;
            };
            return Err(X509Error::Unwritable { field, reason });
        }
        Ok(())
    }

    /// The name, one attribute in each relative distinguished name.
    pub(crate) fn to_name(&self) -> Result<Name, X509Error> {
        let mut name = RdnSequence::default();
        for (field, kind, value, _) in self.fields() {
            let Some(value) = value else { continue };
            let failed = |cause: der::Error| X509Error::unwritable(field, cause);
            let value = if kind == oid::COUNTRY {
                Any::encode_from(&PrintableStringRef::new(value).map_err(failed)?)
            } else {
                Any::encode_from(&Utf8StringRef::new(value).map_err(failed)?)
            }
            .map_err(failed)?;
            let mut one = RelativeDistinguishedName::default();
            one.insert(AttributeTypeAndValue { oid: kind, value })
                .map_err(failed)?;
            name.push(one);
        }
        // The crate makes a Name from attributes it does not check by decoding alone.
        name.to_der()
            .and_then(|der| Name::from_der(&der))
            .map_err(|cause| X509Error::unwritable("subject", cause))
    }
}

impl DistinguishedName {
    /// Whether it holds no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it is the other's name: letters compared without case, white space folded, whatever the string types
    /// (RFC 5280 §7.1).
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der || self.relative == other.relative
    }

    /// Whether it stands at or below the other in the directory: begins with all of its parts (RFC 5280 §4.2.1.10).
    pub fn is_within(&self, base: &Self) -> bool {
        self.relative.starts_with(&base.relative)
    }

    /// The e-mail addresses that stand in it as attributes (PKCS#9 emailAddress).
    pub fn email_addresses(&self) -> Vec<String> {
        let wanted = oid::EMAIL_ADDRESS.to_string();
        let all = self.relative.iter().flatten();
        all.filter(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// From the DER of a Name; `None` when it cannot be read or something follows.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        match X509Name::from_der(der) {
            Ok(([], name)) => Some(Self::read(&name)),
            Ok(_) | Err(_) => None,
        }
    }

    pub(crate) fn read(name: &X509Name<'_>) -> Self {
        let mut common_names = Vec::new();
        let mut organizational_units = Vec::new();
        let mut parts = Vec::new();
        let mut compared = Vec::new();
        for relative in name.iter_rdn() {
            // A set has no order (X.690 §11.6 sorts it by bytes, which letters and types change).
            let mut set: Vec<(String, String)> = relative
                .iter()
                .map(|attribute| {
                    let value = attribute.attr_value();
                    (
                        tlv::dotted(attribute.attr_type().as_bytes()),
                        folded(&decode_text(value.tag().0, value.data)),
                    )
                })
                .collect();
            set.sort();
            compared.push(set);
            let words: Vec<String> = relative
                .iter()
                .map(|attribute| {
                    let value = attribute.attr_value();
                    let text = decode_text(value.tag().0, value.data);
                    let attribute_type = attribute.attr_type().as_bytes();
                    let kind = tlv::dotted(attribute_type);
                    if attribute_type == oid::COMMON_NAME.as_bytes() {
                        common_names.push(text.clone());
                    } else if attribute_type == oid::ORGANIZATIONAL_UNIT.as_bytes() {
                        organizational_units.push(text.clone());
                    }
                    format!("{}={}", oid::attribute_name(&kind), escape(&text))
                })
                .collect();
            parts.push(words.join("+"));
        }
        // RFC 4514 §2.1: from the last to the first.
        parts.reverse();
        Self {
            der: name.as_raw().to_vec(),
            text: parts.join(", "),
            common_names,
            organizational_units,
            relative: compared,
        }
    }
}

/// The string types of a name's attributes, in the order they stand: (`C`, `PrintableString`).
pub(crate) fn string_types(name: &X509Name<'_>) -> Vec<(String, String)> {
    name.iter_attributes()
        .map(|attribute| {
            let kind = tlv::dotted(attribute.attr_type().as_bytes());
            (
                oid::attribute_name(&kind).to_owned(),
                string_type(attribute.attr_value().tag().0),
            )
        })
        .collect()
}

fn string_type(tag: u32) -> String {
    match tag {
        12 => "UTF8String".to_owned(),
        18 => "NumericString".to_owned(),
        19 => "PrintableString".to_owned(),
        20 => "TeletexString".to_owned(),
        22 => "IA5String".to_owned(),
        28 => "UniversalString".to_owned(),
        30 => "BMPString".to_owned(),
        other => format!("tag {other}"),
    }
}

/// RFC 5280 §7.1: case folded, white space at the ends taken off and inside made one space.
fn folded(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The text of a string of any type; of anything else, its bytes as `#` and hex (RFC 4514 §2.4).
fn decode_text(tag: u32, bytes: &[u8]) -> String {
    match tag {
        12 | 18 | 19 | 22 => String::from_utf8_lossy(bytes).into_owned(),
        // TeletexString is written as ISO 8859-1 by those who still write it.
        20 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        30 => {
            let units = bytes.chunks_exact(2).map(|pair| {
                pair.iter()
                    .fold(0, |sum, byte| (sum << 8) | u16::from(*byte))
            });
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        28 => bytes
            .chunks_exact(4)
            .map(|four| {
                four.iter()
                    .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
            })
            .map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("#{}", hex.concat())
        }
    }
}

/// RFC 4514 §2.4: separators inside a value get a backslash; then the value is made fit to be shown.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(subject: &Subject) -> (DistinguishedName, Vec<(String, String)>) {
        let der = subject.to_name().unwrap().to_der().unwrap();
        let (_, name) = X509Name::from_der(&der).unwrap();
        (DistinguishedName::read(&name), string_types(&name))
    }

    #[test]
    fn country_is_printable_and_the_rest_utf8() {
        let (name, types) = read(&Subject {
            country: Some("DE".to_owned()),
            organization: Some("Bücher, GmbH".to_owned()),
            common_name: Some("edge.contoso.com".to_owned()),
            ..Subject::default()
        });
        assert_eq!(name.text, "CN=edge.contoso.com, O=Bücher\\, GmbH, C=DE");
        assert_eq!(name.common_names, ["edge.contoso.com"]);
        let expected = [
            ("C", "PrintableString"),
            ("O", "UTF8String"),
            ("CN", "UTF8String"),
        ];
        assert_eq!(
            types,
            expected.map(|(kind, string)| (kind.to_owned(), string.to_owned()))
        );
    }

    #[test]
    fn an_empty_subject_is_an_empty_sequence() {
        let (name, types) = read(&Subject::default());
        assert_eq!(
            (name.der.as_slice(), name.text.as_str()),
            (&[0x30, 0][..], "")
        );
        assert!(types.is_empty() && Subject::default().is_empty());
    }

    #[test]
    fn bounds_are_counted_in_characters() {
        let cn = |text: &str| Subject::named(text);
        let country = |text: &str| Subject {
            country: Some(text.to_owned()),
            ..Subject::default()
        };
        for (subject, sound) in [
            (cn(&"ü".repeat(64)), true),
            (cn(&"u".repeat(65)), false),
            (cn(""), false),
            (cn("a\nb"), false),
            (country("US"), true),
            (country("us"), false),
            (country("USA"), false),
            (country("Ü"), false),
        ] {
            assert_eq!(subject.check().is_ok(), sound, "{subject:?}");
        }
    }

    #[test]
    fn foreign_string_types_are_read() {
        for (tag, bytes, expected) in [
            (30, &[0x00, 0x41, 0x00, 0xfc][..], "Aü"),
            (20, &[0x42, 0xfc], "Bü"),
            (28, &[0, 0, 0, 0x43], "C"),
            (12, &[0xff], "\u{fffd}"),
            (4, &[0x01, 0xab], "#01ab"),
        ] {
            assert_eq!(decode_text(tag, bytes), expected);
        }
        assert_eq!(escape("a\x1bb"), "a\u{fffd}b");
    }
}
