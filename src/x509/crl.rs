//! Certificate revocation lists from anywhere (RFC 5280 §5): what stands in one, and whether a serial is listed.
//!
//! Not for deciding whether a list counts; the room that judges does that. A list may be long, so its entries are
//! walked where they lie and never kept one by one.

use super::certificate::{check_outer, parser_words};
use super::error::Expected;
use super::subject::DistinguishedName;
use super::{Certificate, X509Error, pem, signature, tlv};
use std::fmt;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// A list, its DER kept as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Crl {
    der: Vec<u8>,
    facts: CrlFacts,
}

/// What was read besides the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrlFacts {
    /// Who signed it.
    pub issuer: DistinguishedName,
    /// When it was made, UTC.
    pub this_update: OffsetDateTime,
    /// When the next one is due, UTC; `None`: not said, which RFC 5280 §5.1.2.5 forbids.
    pub next_update: Option<OffsetDateTime>,
    /// Key identifier of the key that signed it.
    pub authority_key_id: Option<Vec<u8>>,
    /// cRLNumber: its content bytes and whether it is critical.
    pub number: Option<(Vec<u8>, bool)>,
    /// Whether it holds only what changed since another (deltaCRLIndicator).
    pub is_delta: bool,
    /// Whether it may list certificates of other issuers (indirectCRL).
    pub is_indirect: bool,
    /// What it is limited to, in words: `leaves`, `CA certificates`, `a part of the certificates`; `None`: nothing.
    pub scope: Option<CrlScope>,
    /// Critical extensions, of the list or of entries, that are not known here, dotted.
    pub unknown_critical: Vec<String>,
    /// How many entries it has.
    pub count: usize,
    /// SHA-256 of the DER, for reports.
    pub sha256: super::Fingerprint,
}

/// What a list is limited to (issuingDistributionPoint, RFC 5280 §5.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlScope {
    /// onlyContainsUserCerts.
    Leaves,
    /// onlyContainsCACerts.
    Authorities,
    /// One distribution point, some reasons, or attribute certificates: what is absent is not thereby good.
    Part,
}

/// A revoked certificate's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// When it was revoked, UTC.
    pub at: OffsetDateTime,
    /// Why, in the words of RFC 5280 §5.3.1: `keyCompromise`; `None`: not said.
    pub reason: Option<&'static str>,
}

impl Crl {
    /// Largest list read, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Most entries of one list.
    pub const MAX_ENTRIES: usize = 500_000;

    /// Most lists in one file.
    pub const MAX_LISTS: usize = 64;

    /// The lists of a file, PEM blocks (whatever their labels) or one DER value.
    ///
    /// Errors: too large, too many, nothing in it, or a block that is no list.
    pub fn read(bytes: &[u8]) -> Result<Vec<Self>, X509Error> {
        if bytes.first() == Some(&tlv::SEQUENCE) {
            return Self::from_der(bytes).map(|one| vec![one]);
        }
        let unreadable = |reason: String| X509Error::Unreadable {
            expected: Expected::Crl,
            reason,
        };
        if bytes.len() > Self::MAX_BYTES * 3 / 2 {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES * 3 / 2,
                size: bytes.len(),
            });
        }
        let blocks = pem::scan(bytes);
        if blocks.is_empty() {
            return Err(unreadable("it is neither DER nor PEM".to_owned()));
        }
        if blocks.len() > Self::MAX_LISTS {
            return Err(unreadable(format!(
                "it holds {} blocks, and at most {} are read",
                blocks.len(),
                Self::MAX_LISTS
            )));
        }
        blocks
            .into_iter()
            .map(|block| Self::from_der(&block.content.map_err(unreadable)?))
            .collect()
    }

    /// Parses DER; trailing bytes are an error.
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > Self::MAX_BYTES {
            return Err(X509Error::TooLarge {
                limit: Self::MAX_BYTES,
                size: der.len(),
            });
        }
        check_outer(der, Expected::Crl)?;
        let facts = CrlFacts::read(der).map_err(|reason| X509Error::Unreadable {
            expected: Expected::Crl,
            reason,
        })?;
        Ok(Self {
            der: der.to_vec(),
            facts,
        })
    }

    /// The DER as it came.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What was read.
    pub fn facts(&self) -> &CrlFacts {
        &self.facts
    }

    /// Whether `issuer`'s name is this one's issuer name and `issuer`'s key verifies this signature. Says nothing about cRLSign or time.
    pub fn is_signed_by(&self, issuer: &Certificate) -> bool {
        self.facts.issuer.is_same(&issuer.facts().subject)
            && signature::verifies(&self.der, issuer.spki_der())
    }

    /// The entry of a serial number (content bytes, as [`super::certificate::Facts::serial`]); `None`: not listed.
    pub fn entry(&self, serial: &[u8]) -> Option<Revoked> {
        let body = Body::read(&self.der).ok()?;
        let mut rest = body.entries;
        while let Ok((entry, left)) = tlv::read(rest) {
            rest = left;
            if let Ok((number, after)) = tlv::read(entry.content)
                && significant(number.content) == significant(serial)
            {
                let (at, extensions) = tlv::read(after).ok()?;
                return Some(Revoked {
                    at: time_of(at)?,
                    reason: reason(extensions),
                });
            }
        }
        None
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({})", self.facts.sha256)
    }
}

/// An INTEGER's content without the zero bytes that some put before it.
fn significant(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

/// TBSCertList, its fields found.
struct Body<'a> {
    algorithm: &'a [u8],
    issuer: &'a [u8],
    this_update: tlv::Tlv<'a>,
    next_update: Option<tlv::Tlv<'a>>,
    /// Content of revokedCertificates.
    entries: &'a [u8],
    /// Content of crlExtensions' SEQUENCE.
    extensions: Option<&'a [u8]>,
}

impl<'a> Body<'a> {
    fn read(der: &'a [u8]) -> Result<Self, String> {
        let told = |what: &str| what.to_owned();
        let signed = tlv::signed(der).ok_or_else(|| told("it is not a signed value"))?;
        let body = tlv::exactly(signed.message, tlv::SEQUENCE)
            .and_then(|body| tlv::items(body.content))
            .ok_or_else(|| told("its fields cannot be read"))?;
        let mut fields = body.into_iter().peekable();
        let version = fields.next_if(|field| field.tag == tlv::INTEGER);
        if version.is_some_and(|version| version.content != [1]) {
            return Err(told("its version is neither 1 nor 2"));
        }
        let mut next = |what: &str| fields.next().ok_or_else(|| format!("it has no {what}"));
        let algorithm = next("signature algorithm")?;
        let issuer = next("issuer")?;
        let this_update = next("thisUpdate")?;
        if algorithm.tag != tlv::SEQUENCE || issuer.tag != tlv::SEQUENCE {
            return Err(told("its fields are not those of a revocation list"));
        }
        let next_update = fields.next_if(|field| matches!(field.tag, UTC_TIME | GENERALIZED_TIME));
        let entries = fields.next_if(|field| field.tag == tlv::SEQUENCE);
        let extensions = fields.next_if(|field| field.tag == tlv::CONTEXT_0);
        if fields.next().is_some() {
            return Err(told("it holds more than the fields of a revocation list"));
        }
        if extensions.is_some() && version.is_none() {
            return Err(told("it has extensions and is not version 2"));
        }
        let extensions = match extensions {
            None => None,
            Some(wrapped) => Some(
                tlv::exactly(wrapped.content, tlv::SEQUENCE)
                    .ok_or_else(|| told("its extensions cannot be read"))?
                    .content,
            ),
        };
        if signed.algorithm.raw != algorithm.raw {
            return Err(told(
                "the signature algorithm inside differs from the one outside",
            ));
        }
        Ok(Self {
            algorithm: algorithm.content,
            issuer: issuer.raw,
            this_update,
            next_update,
            entries: entries.map(|list| list.content).unwrap_or_default(),
            extensions,
        })
    }
}

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const ENUMERATED: u8 = 0x0a;

impl CrlFacts {
    fn read(der: &[u8]) -> Result<Self, String> {
        let body = Body::read(der)?;
        let (_, issuer) = X509Name::from_der(body.issuer).map_err(|cause| parser_words(&cause))?;
        let time = |field, what: &str| time_of(field).ok_or_else(|| format!("{what} is no time"));
        signature::algorithm_parts(body.algorithm)
            .ok_or_else(|| "its signature algorithm cannot be read".to_owned())?;
        let mut facts = Self {
            issuer: DistinguishedName::read(&issuer),
            this_update: time(body.this_update, "thisUpdate")?,
            next_update: body
                .next_update
                .map(|field| time(field, "nextUpdate"))
                .transpose()?,
            authority_key_id: None,
            number: None,
            is_delta: false,
            is_indirect: false,
            scope: None,
            unknown_critical: Vec::new(),
            count: 0,
            sha256: super::Fingerprint::of(der),
        };
        for extension in extensions(body.extensions.unwrap_or_default())
            .ok_or_else(|| "its extensions cannot be read".to_owned())?
        {
            facts.take(&extension)?;
        }
        facts.walk(body.entries)?;
        Ok(facts)
    }

    fn take(&mut self, extension: &Extension<'_>) -> Result<(), String> {
        let unreadable = || format!("its extension {} cannot be read", extension.kind);
        match extension.kind.as_str() {
            // authorityKeyIdentifier: keyIdentifier [0]
            "2.5.29.35" => {
                let fields = tlv::exactly(extension.value, tlv::SEQUENCE)
                    .and_then(|all| tlv::items(all.content))
                    .ok_or_else(unreadable)?;
                self.authority_key_id = fields
                    .iter()
                    .find(|field| field.tag == 0x80)
                    .map(|field| field.content.to_vec());
            }
            "2.5.29.20" => {
                let number = tlv::exactly(extension.value, tlv::INTEGER).ok_or_else(unreadable)?;
                self.number = Some((number.content.to_vec(), extension.critical));
            }
            "2.5.29.27" => self.is_delta = true,
            "2.5.29.28" => {
                let fields = tlv::exactly(extension.value, tlv::SEQUENCE)
                    .and_then(|all| tlv::items(all.content))
                    .ok_or_else(unreadable)?;
                for field in fields {
                    let set = field.content.iter().any(|byte| *byte != 0);
                    match field.tag {
                        0x81 if set => self.scope = Some(CrlScope::Leaves),
                        0x82 if set => self.scope = Some(CrlScope::Authorities),
                        0x84 if set => self.is_indirect = true,
                        0x81 | 0x82 | 0x84 | 0x85 if !set => {}
                        _ => self.scope = Some(CrlScope::Part),
                    }
                    if self.scope == Some(CrlScope::Part) {
                        break;
                    }
                }
            }
            kind if extension.critical => self.note_critical(kind),
            _ => {}
        }
        Ok(())
    }

    /// Counts the entries and looks for what would make them misread (RFC 5280 §5.3).
    fn walk(&mut self, mut entries: &[u8]) -> Result<(), String> {
        while !entries.is_empty() {
            let (entry, rest) =
                tlv::read(entries).map_err(|_| "its entries cannot be read".to_owned())?;
            entries = rest;
            self.count += 1;
            if self.count > Crl::MAX_ENTRIES {
                return Err(format!("it has more than {} entries", Crl::MAX_ENTRIES));
            }
            let (_, after) = tlv::read(entry.content)
                .ok()
                .filter(|(serial, _)| entry.tag == tlv::SEQUENCE && serial.tag == tlv::INTEGER)
                .ok_or_else(|| "an entry has no serial number".to_owned())?;
            let (at, after) = tlv::read(after)
                .ok()
                .filter(|(at, _)| matches!(at.tag, UTC_TIME | GENERALIZED_TIME))
                .ok_or_else(|| "an entry has no date".to_owned())?;
            time_of(at).ok_or_else(|| "an entry's date is no time".to_owned())?;
            for extension in entry_extensions(after)
                .ok_or_else(|| "an entry's extensions cannot be read".to_owned())?
            {
                match extension.kind.as_str() {
                    "2.5.29.21" | "2.5.29.24" => {}
                    "2.5.29.29" => self.is_indirect = true,
                    kind if extension.critical => self.note_critical(kind),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn note_critical(&mut self, kind: &str) {
        const MOST: usize = 8;
        if self.unknown_critical.len() < MOST
            && !self.unknown_critical.iter().any(|one| one == kind)
        {
            self.unknown_critical.push(kind.to_owned());
        }
    }
}

struct Extension<'a> {
    kind: String,
    critical: bool,
    value: &'a [u8],
}

/// Extensions ::= SEQUENCE OF, the outer tag taken off.
fn extensions(content: &[u8]) -> Option<Vec<Extension<'_>>> {
    tlv::items(content)?
        .into_iter()
        .map(|one| {
            let parts = tlv::items(one.content)?;
            let (kind, critical, value) = match parts.as_slice() {
                [kind, value] => (kind, false, value),
                [kind, critical, value] if critical.tag == tlv::BOOLEAN => {
                    (kind, critical.content.iter().any(|byte| *byte != 0), value)
                }
                _ => return None,
            };
            (kind.tag == tlv::OBJECT_IDENTIFIER && value.tag == tlv::OCTET_STRING).then(|| {
                Extension {
                    kind: tlv::dotted(kind.content),
                    critical,
                    value: value.content,
                }
            })
        })
        .collect()
}

/// What follows an entry's date: nothing, or its extensions.
fn entry_extensions(after: &[u8]) -> Option<Vec<Extension<'_>>> {
    match after {
        [] => Some(Vec::new()),
        some => extensions(tlv::exactly(some, tlv::SEQUENCE)?.content),
    }
}

/// CRLReason, RFC 5280 §5.3.1.
fn reason(after: &[u8]) -> Option<&'static str> {
    let all = entry_extensions(after)?;
    let found = all.iter().find(|one| one.kind == "2.5.29.21")?;
    let code = tlv::exactly(found.value, ENUMERATED)?;
    match code.content {
        [0] => Some("unspecified"),
        [1] => Some("keyCompromise"),
        [2] => Some("cACompromise"),
        [3] => Some("affiliationChanged"),
        [4] => Some("superseded"),
        [5] => Some("cessationOfOperation"),
        [6] => Some("certificateHold"),
        [8] => Some("removeFromCRL"),
        [9] => Some("privilegeWithdrawn"),
        [10] => Some("aACompromise"),
        _ => None,
    }
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`, as RFC 5280 §4.1.2.5 allows them.
pub(crate) fn time_of(field: tlv::Tlv<'_>) -> Option<OffsetDateTime> {
    let text = str::from_utf8(field.content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let (year, rest) = match (field.tag, text.len()) {
        (UTC_TIME, 12) => {
            let two = number(0, 2)?;
            (if two < 50 { 2000 + two } else { 1900 + two }, 2)
        }
        (GENERALIZED_TIME, 14) => (number(0, 4)?, 4),
        _ => return None,
    };
    let part = |index: usize| u8::try_from(number(rest + 2 * index, rest + 2 * index + 2)?).ok();
    let month = Month::try_from(part(0)?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, part(1)?).ok()?;
    let time = Time::from_hms(part(2)?, part(3)?, part(4)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn times_are_read_as_rfc_5280_writes_them() {
        let read = |tag, text: &str| {
            time_of(tlv::Tlv {
                tag,
                content: text.as_bytes(),
                raw: &[],
            })
        };
        for (tag, text, expected) in [
            (
                UTC_TIME,
                "491231235959Z",
                Some(datetime!(2049-12-31 23:59:59 UTC)),
            ),
            (
                UTC_TIME,
                "500101000000Z",
                Some(datetime!(1950-01-01 0:00 UTC)),
            ),
            (
                GENERALIZED_TIME,
                "29690503000001Z",
                Some(datetime!(2969-05-03 0:00:01 UTC)),
            ),
            (UTC_TIME, "4912312359Z", None),
            (GENERALIZED_TIME, "20500101000000.5Z", None),
            (GENERALIZED_TIME, "20500101000000+0100", None),
            (GENERALIZED_TIME, "20501301000000Z", None),
        ] {
            assert_eq!(read(tag, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_is_told() {
        for (bytes, words) in [
            (&b"hello"[..], "neither DER nor PEM"),
            (&[0x30, 0x00], "not a signed value"),
            (
                b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
                "begins with tag 00",
            ),
        ] {
            let error = Crl::read(bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
