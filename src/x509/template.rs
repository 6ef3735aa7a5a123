//! The certificate template that an enterprise CA of Microsoft's (AD CS) is asked for: two extensions of a request.
//!
//! A template of version 1 is named (`WebServer`), one of version 2 and later may be named by its identifier and
//! version as well. MS-WCCE §3.2.2.6.2.1.4.1 looks for either; MS-WCCE §2.2.2.7.7 has their syntax. The specification
//! writes the name as `SEQUENCE { UTF8String }`; what Windows writes, and its CA takes, is a bare BMPString.

use super::{X509Error, oid, tlv};
use der::asn1::OctetString;
use der::oid::ObjectIdentifier;
use std::fmt;
use x509_cert::ext::Extension;

/// Most characters of a template's name.
const MAX_NAME: usize = 256;

/// Most bytes of an identifier's content: those of templates have about 40.
const MAX_OID_BYTES: usize = 128;

/// BMPString (X.680 §41).
const BMP_STRING: u8 = 0x1e;

/// Which template of AD CS a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateTemplate {
    /// By name (its `cn`, not the display name): extension 1.3.6.1.4.1.311.20.2, a BMPString.
    Name(String),
    /// By identifier and version: extension 1.3.6.1.4.1.311.21.7, `SEQUENCE { OID, major, minor }`.
    Id {
        /// Dotted.
        oid: String,
        /// Major version, if it is to be asked for.
        major: Option<u32>,
        /// Minor version; never without a major one.
        minor: Option<u32>,
    },
}

impl CertificateTemplate {
    /// A template by name. Errors: [`X509Error::Unwritable`] when it is empty, too long, holds control characters or
    /// such as a BMPString cannot hold.
    pub fn named(name: &str) -> Result<Self, X509Error> {
        let count = name.chars().count();
        let reason = if name.trim().is_empty() {
            "it is empty".to_owned()
        } else if count > MAX_NAME {
            format!("it has {count} characters, and at most {MAX_NAME} are allowed")
        } else if name.chars().any(char::is_control) {
            "it holds control characters".to_owned()
        } else if name.chars().any(|c| u32::from(c) > 0xffff) {
            "it holds characters that a BMPString cannot hold".to_owned()
        } else {
            return Ok(Self::Name(name.to_owned()));
        };
        Err(unwritable(reason))
    }

    /// A template by identifier. Errors: [`X509Error::Unwritable`] when it is no dotted identifier, or has a minor
    /// version without a major one.
    pub fn identified(
        oid: &str,
        major: Option<u32>,
        minor: Option<u32>,
    ) -> Result<Self, X509Error> {
        if encode_oid(oid).is_none() {
            return Err(unwritable(
                "it is no object identifier, such as 1.3.6.1.4.1.311.21.8.1.2".to_owned(),
            ));
        }
        if major.is_none() && minor.is_some() {
            return Err(unwritable(
                "there is a minor version without a major one".to_owned(),
            ));
        }
        Ok(Self::Id {
            oid: oid.to_owned(),
            major,
            minor,
        })
    }

    /// Parses `WebServer`, or `1.3.6.1.4.1.311.21.8.1.2:100.3` (identifier, version): what [`fmt::Display`] prints.
    ///
    /// Errors: those of [`Self::named`] and [`Self::identified`].
    pub fn parse(text: &str) -> Result<Self, X509Error> {
        let (oid, version) = match text.split_once(':') {
            Some((oid, version)) => (oid, Some(version)),
            None => (text, None),
        };
        let is_dotted = oid.matches('.').count() >= 2
            && oid
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !is_dotted {
            return Self::named(text);
        }
        let Some(version) = version else {
            return Self::identified(oid, None, None);
        };
        let number = |text: &str| {
            text.parse::<u32>()
                .map_err(|_| unwritable("its version is not written as MAJOR.MINOR".to_owned()))
        };
        match version.split_once('.') {
            Some((major, minor)) => {
                Self::identified(oid, Some(number(major)?), Some(number(minor)?))
            }
            None => Self::identified(oid, Some(number(version)?), None),
        }
    }

    /// The object identifier of the extension that asks for it.
    fn kind(&self) -> ObjectIdentifier {
        match self {
            CertificateTemplate::Name(_) => oid::MS_TEMPLATE_NAME,
            CertificateTemplate::Id { .. } => oid::MS_TEMPLATE_ID,
        }
    }

    /// The extension's value, DER.
    fn to_der(&self) -> Result<Vec<u8>, X509Error> {
        match self {
            CertificateTemplate::Name(name) => {
                Self::named(name)?;
                let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
                Ok(wrap(BMP_STRING, &units))
            }
            CertificateTemplate::Id { oid, major, minor } => {
                Self::identified(oid, *major, *minor)?;
                let content = encode_oid(oid).unwrap_or_default();
                let mut fields = wrap(tlv::OBJECT_IDENTIFIER, &content);
                for version in [major, minor].into_iter().flatten() {
                    fields.extend(wrap(tlv::INTEGER, &unsigned(*version)));
                }
                Ok(wrap(tlv::SEQUENCE, &fields))
            }
        }
    }

    /// The extension, which is never critical.
    pub(crate) fn to_extension(&self) -> Result<Extension, X509Error> {
        Ok(Extension {
            extn_id: self.kind(),
            critical: false,
            extn_value: OctetString::new(self.to_der()?)
                .map_err(|cause| X509Error::unwritable("certificate template", cause))?,
        })
    }

    /// From the value of an extension; `None` when the extension is another one, or cannot be read.
    ///
    /// Read tolerantly: the name as BMPString or UTF8String, bare or within a SEQUENCE.
    pub(crate) fn from_extension(kind: &[u8], value: &[u8]) -> Option<Self> {
        if kind == oid::MS_TEMPLATE_NAME.as_bytes() {
            let (outer, rest) = tlv::read(value).ok()?;
            let inner = if outer.tag == tlv::SEQUENCE {
                tlv::items(outer.content)?.into_iter().next()?
            } else {
                outer
            };
            if !rest.is_empty() {
                return None;
            }
            let name = match inner.tag {
                BMP_STRING if inner.content.len() % 2 == 0 => {
                    let units: Vec<u16> = inner
                        .content
                        .chunks_exact(2)
                        .map(|pair| {
                            pair.iter()
                                .fold(0, |sum, byte| (sum << 8) | u16::from(*byte))
                        })
                        .collect();
                    String::from_utf16(&units).ok()?
                }
                tlv::UTF8_STRING => String::from_utf8(inner.content.to_vec()).ok()?,
                _ => return None,
            };
            return Self::named(&name).ok();
        }
        if kind != oid::MS_TEMPLATE_ID.as_bytes() {
            return None;
        }
        let fields = tlv::items(tlv::exactly(value, tlv::SEQUENCE)?.content)?;
        let (first, versions) = fields.split_first()?;
        if first.tag != tlv::OBJECT_IDENTIFIER
            || first.content.len() > MAX_OID_BYTES
            || versions.len() > 2
        {
            return None;
        }
        let versions: Vec<u32> = versions
            .iter()
            .map(|field| (field.tag == tlv::INTEGER).then(|| number(field.content))?)
            .collect::<Option<_>>()?;
        Self::identified(
            &tlv::dotted(first.content),
            versions.first().copied(),
            versions.get(1).copied(),
        )
        .ok()
    }
}

/// `WebServer`, `1.3.6.1.4.1.311.21.8.1.2:100.3`.
impl fmt::Display for CertificateTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateTemplate::Name(name) => f.write_str(name),
            CertificateTemplate::Id { oid, major, minor } => {
                f.write_str(oid)?;
                if let Some(major) = major {
                    write!(f, ":{major}")?;
                }
                match minor {
                    Some(minor) => write!(f, ".{minor}"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn unwritable(reason: String) -> X509Error {
    X509Error::Unwritable {
        field: "certificate template",
        reason,
    }
}

/// Tag, length and content (X.690 §8.1).
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match digits.as_slice() {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            // At most eight digits, as it was a usize.
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            der.extend(long);
        }
    }
    der.extend(content);
    der
}

/// The content of an INTEGER that is not negative, without needless zeros (X.690 §8.3).
fn unsigned(number: u32) -> Vec<u8> {
    let digits: Vec<u8> = number
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect();
    match digits.first() {
        Some(first) if *first < 0x80 => digits,
        Some(_) | None => std::iter::once(0).chain(digits).collect(),
    }
}

/// An INTEGER's content as a number from 0 to 2^32 - 1.
fn number(content: &[u8]) -> Option<u32> {
    let first = content.first()?;
    if *first >= 0x80 || content.len() > 5 {
        return None;
    }
    let sum = content
        .iter()
        .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    u32::try_from(sum).ok()
}

/// The content of a dotted identifier (X.690 §8.19); `None` otherwise. Longer ones than the crate's type can hold
/// are taken, since those of templates may be.
fn encode_oid(dotted: &str) -> Option<Vec<u8>> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| {
            let plain = !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit());
            let canonical = arc == "0" || !arc.starts_with('0');
            (plain && canonical).then(|| arc.parse::<u32>().ok().map(u64::from))?
        })
        .collect::<Option<_>>()?;
    let [first, second, rest @ ..] = arcs.as_slice() else {
        return None;
    };
    if *first > 2 || (*first < 2 && *second > 39) || rest.is_empty() {
        return None;
    }
    let mut content = Vec::new();
    for arc in std::iter::once(first * 40 + second).chain(rest.iter().copied()) {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut left = arc >> 7;
        while left > 0 {
            digits.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        content.extend(digits.into_iter().rev());
    }
    (content.len() <= MAX_OID_BYTES).then_some(content)
}

#[cfg(test)]
mod tests;
