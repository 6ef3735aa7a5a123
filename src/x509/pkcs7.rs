//! PKCS#7 as CAs send chains (`.p7b`, `.p7c`): the certificates and lists of a CMS SignedData, as raw bytes.
//!
//! A walk of its own, since one odd certificate must not spoil the others and BER must be taken: no signature is
//! looked at, and who may be trusted is not said here. Standards: RFC 5652 §3 and §5.1, RFC 2315, X.690 §8.

use super::error::{Expected, ForeignForm};
use super::tlv::{self, Tlv, TlvError};
use super::{X509Error, ber, oid};
use zeroize::Zeroizing;

/// Most fields of a SignedData: version, digests, content, certificates, lists, signers.
const MAX_FIELDS: usize = 8;

/// `[0] IMPLICIT` certificates, and the context tag of an explicit content.
const CERTIFICATES: u8 = tlv::CONTEXT_0;

/// `[1] IMPLICIT` lists of revoked certificates.
const LISTS: u8 = 0xa1;

/// What one ContentInfo holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// SignedData.
    Signed {
        /// Each certificate as it lies there.
        certificates: Vec<&'a [u8]>,
        /// Each certificate revocation list.
        lists: Vec<&'a [u8]>,
        /// Things besides them that are not read: attribute certificates, OCSP answers.
        others: usize,
        /// Bytes after the container, which mean nothing.
        trailing: usize,
    },
    /// Plain data: whatever was put into it.
    Data(Zeroizing<Vec<u8>>),
}

/// Reads a ContentInfo; of what it holds, no more than `most` things.
///
/// Errors: truncated, damaged, more than `most`, or of a content type that holds no certificates to be taken
/// (enveloped, digested or encrypted data).
pub(crate) fn read(bytes: &[u8], most: usize) -> Result<Content<'_>, X509Error> {
    let (outer, rest) = first(bytes)?;
    let fields = ber::items(outer.content, MAX_FIELDS).ok_or_else(damaged)?;
    let (kind, content) = match fields.as_slice() {
        [kind, content] if kind.tag == tlv::OBJECT_IDENTIFIER && content.tag == CERTIFICATES => {
            (kind.content, content)
        }
        [kind] if kind.tag == tlv::OBJECT_IDENTIFIER => {
            return Err(X509Error::Unreadable {
                expected: Expected::Archive,
                reason: "it names a content type and holds no content".to_owned(),
            });
        }
        _ => return Err(damaged()),
    };
    let (inner, _) = ber::read(content.content).map_err(|_| damaged())?;
    if kind == oid::PKCS7_DATA.as_bytes() {
        return ber::octets(&inner, tlv::OCTET_STRING)
            .map(Content::Data)
            .ok_or_else(damaged);
    }
    if kind != oid::PKCS7_SIGNED_DATA.as_bytes() {
        return Err(other_content());
    }
    if inner.tag != tlv::SEQUENCE {
        return Err(damaged());
    }
    let fields = ber::items(inner.content, MAX_FIELDS).ok_or_else(damaged)?;
    let too_many = || X509Error::TooManyItems { limit: most };
    let values = |tag: u8| -> Result<Vec<Tlv<'_>>, X509Error> {
        let Some(field) = fields.iter().skip(3).find(|field| field.tag == tag) else {
            return Ok(Vec::new());
        };
        match ber::items(field.content, most) {
            Some(found) => Ok(found),
            None if has_more(field.content, most) => Err(too_many()),
            None => Err(damaged()),
        }
    };
    let mut certificates = Vec::new();
    let mut others = 0;
    for one in values(CERTIFICATES)? {
        // CertificateChoices (RFC 5652 §10.2.2): all but the plain one are tagged
        match one.tag {
            tlv::SEQUENCE => certificates.push(one.raw),
            _ => others += 1,
        }
    }
    let mut lists = Vec::new();
    for one in values(LISTS)? {
        match one.tag {
            tlv::SEQUENCE => lists.push(one.raw),
            _ => others += 1,
        }
    }
    if certificates.len() + lists.len() > most {
        return Err(too_many());
    }
    Ok(Content::Signed {
        certificates,
        lists,
        others,
        trailing: rest
            .iter()
            .filter(|byte| !byte.is_ascii_whitespace() && **byte != 0)
            .count(),
    })
}

/// Whether more than `most` sound values stand in a content.
fn has_more(mut content: &[u8], most: usize) -> bool {
    for _ in 0..=most {
        match ber::read(content) {
            Ok((_, rest)) => content = rest,
            Err(_) => return false,
        }
    }
    true
}

fn other_content() -> X509Error {
    X509Error::ForeignForm {
        form: ForeignForm::SealedMessage,
    }
}

fn first(bytes: &[u8]) -> Result<(Tlv<'_>, &[u8]), X509Error> {
    match ber::read(bytes) {
        Ok((outer, rest)) if outer.tag == tlv::SEQUENCE => Ok((outer, rest)),
        Ok(_) | Err(TlvError::Unreadable) => Err(damaged()),
        Err(TlvError::Truncated { expected, found }) => {
            Err(X509Error::Truncated { expected, found })
        }
    }
}

fn damaged() -> X509Error {
    X509Error::Unreadable {
        expected: Expected::Archive,
        reason: "the PKCS#7 structure is damaged".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(certificates: &[u8]) -> Vec<u8> {
        let data = ber::wrap(tlv::OBJECT_IDENTIFIER, &[oid::PKCS7_DATA.as_bytes()]);
        let kind = ber::wrap(tlv::OBJECT_IDENTIFIER, &[oid::PKCS7_SIGNED_DATA.as_bytes()]);
        let inner = ber::wrap(
            tlv::SEQUENCE,
            &[
                &[0x02, 0x01, 0x01, 0x31, 0x00],
                &ber::wrap(tlv::SEQUENCE, &[&data]),
                &ber::wrap(CERTIFICATES, &[certificates]),
                &ber::wrap(LISTS, &[&[0x30, 0x01, 0x05]]),
                &[0x31, 0x00],
            ],
        );
        let content = ber::wrap(tlv::CONTEXT_0, &[&inner]);
        ber::wrap(tlv::SEQUENCE, &[&kind, &content]).to_vec()
    }

    #[test]
    fn what_is_in_it_is_kept_byte_for_byte() {
        let odd = [0x30, 0x80, 0x05, 0x00, 0x00, 0x00];
        let bag = [&odd[..], &[0x30, 0x00], &[0xa1, 0x00]].concat();
        assert_eq!(
            read(&signed(&bag), 10).unwrap(),
            Content::Signed {
                certificates: vec![&odd, &[0x30, 0x00]],
                lists: vec![&[0x30, 0x01, 0x05]],
                others: 1,
                trailing: 0
            }
        );
    }

    #[test]
    fn counts_are_bounded() {
        let bag = [0x30, 0x00].repeat(11);
        assert_eq!(
            read(&signed(&bag), 10),
            Err(X509Error::TooManyItems { limit: 10 })
        );
        assert!(read(&signed(&[0x30, 0x05]), 10).is_err());
    }

    #[test]
    fn every_cut_is_an_error() {
        let whole = signed(&[0x30, 0x00]);
        for end in 0..whole.len() {
            assert!(read(&whole[..end], 10).is_err(), "{end}");
        }
    }

    #[test]
    fn sealed_messages_are_named() {
        let kind = [
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03,
        ];
        let sealed = ber::wrap(tlv::SEQUENCE, &[&kind, &[0xa0, 0x02, 0x30, 0x00]]);
        assert_eq!(read(&sealed, 10), Err(other_content()));
        let alone = ber::wrap(tlv::SEQUENCE, &[&kind]);
        assert!(matches!(
            read(&alone, 10),
            Err(X509Error::Unreadable { .. })
        ));
    }
}
