//! The structure of a PKCS#12 file, taken apart: safes, bags and their attributes (RFC 7292 §4).

use super::seal::SealedBytes;
use super::{IMPLICIT_0, damaged, sealed_message};
use crate::x509::tlv::{self, Tlv};
use crate::x509::{X509Error, ber, oid};
use zeroize::Zeroizing;

/// One ContentInfo of the authenticated safe.
pub(super) enum Safe {
    /// SafeContents in clear.
    Plain(Zeroizing<Vec<u8>>),
    /// SafeContents under an encryption scheme.
    Sealed(SealedBytes),
}

/// The values of a content, no more than `most`.
pub(super) fn bounded(content: &[u8], most: usize) -> Result<Vec<Tlv<'_>>, X509Error> {
    ber::items(content, most).ok_or_else(|| damaged("the bags"))
}

pub(super) fn safes_of(safes: &[u8], most: usize) -> Result<Vec<Safe>, X509Error> {
    let (outer, _) = ber::read(safes).map_err(|_| damaged("the authenticated safe"))?;
    let mut found = Vec::new();
    for info in bounded(outer.content, most)? {
        let (kind, inner) = content_info(&info)?;
        if kind == oid::PKCS7_DATA.as_bytes() {
            let bags = ber::octets(&inner, tlv::OCTET_STRING);
            found.push(Safe::Plain(bags.ok_or_else(|| damaged("the bags"))?));
        } else if kind == oid::PKCS7_ENCRYPTED_DATA.as_bytes() {
            let sealed = encrypted_data(&inner);
            found.push(Safe::Sealed(
                sealed.ok_or_else(|| damaged("what is encrypted in it"))?,
            ));
        } else {
            return Err(sealed_message());
        }
    }
    Ok(found)
}

/// Content type and content of a ContentInfo (RFC 5652 §3).
pub(super) fn content_info<'a>(info: &Tlv<'a>) -> Result<(&'a [u8], Tlv<'a>), X509Error> {
    let fields = ber::items(info.content, 2).ok_or_else(|| damaged("its content"))?;
    match fields.as_slice() {
        [kind, content]
            if info.tag == tlv::SEQUENCE
                && kind.tag == tlv::OBJECT_IDENTIFIER
                && content.tag == tlv::CONTEXT_0 =>
        {
            let (inner, _) = ber::read(content.content).map_err(|_| damaged("its content"))?;
            Ok((kind.content, inner))
        }
        _ => Err(damaged("its content")),
    }
}

/// EncryptedData (RFC 5652 §8): version, and content type, scheme, bytes.
pub(super) fn encrypted_data(value: &Tlv<'_>) -> Option<SealedBytes> {
    let fields = ber::items(value.content, 3)?;
    let [_, info, ..] = fields.as_slice() else {
        return None;
    };
    let fields = ber::items(info.content, 3)?;
    let [_, scheme, bytes] = fields.as_slice() else {
        return None;
    };
    Some(SealedBytes {
        scheme: scheme.raw.to_vec(),
        bytes: ber::octets(bytes, IMPLICIT_0)?,
    })
}

/// EncryptedPrivateKeyInfo.
pub(super) fn shrouded(value: &Tlv<'_>) -> Option<SealedBytes> {
    let fields = ber::items(value.content, 2)?;
    let [scheme, bytes] = fields.as_slice() else {
        return None;
    };
    Some(SealedBytes {
        scheme: scheme.raw.to_vec(),
        bytes: ber::octets(bytes, tlv::OCTET_STRING)?,
    })
}

/// The bytes of a CertBag or CRLBag of that kind (RFC 7292 §4.2.3).
pub(super) fn typed(value: &Tlv<'_>, kind: &[u8]) -> Option<Vec<u8>> {
    let fields = ber::items(value.content, 2)?;
    let [id, content] = fields.as_slice() else {
        return None;
    };
    if id.content != kind {
        return None;
    }
    let (octets, _) = ber::read(content.content).ok()?;
    ber::octets(&octets, tlv::OCTET_STRING).map(|bytes| bytes.to_vec())
}

/// SafeBag (RFC 7292 §4.2).
pub(super) struct BagParts<'a> {
    pub(super) kind: &'a [u8],
    pub(super) value: Tlv<'a>,
    pub(super) friendly_name: Option<String>,
    pub(super) local_key_id: Option<Vec<u8>>,
}

impl<'a> BagParts<'a> {
    pub(super) fn read(bag: &Tlv<'a>) -> Option<Self> {
        let fields = ber::items(bag.content, 3)?;
        let (kind, value, attributes) = match fields.as_slice() {
            [kind, value] => (kind, value, None),
            [kind, value, attributes] => (kind, value, Some(attributes)),
            _ => return None,
        };
        if kind.tag != tlv::OBJECT_IDENTIFIER || value.tag != tlv::CONTEXT_0 {
            return None;
        }
        let (value, _) = ber::read(value.content).ok()?;
        let attribute = |wanted: &der::oid::ObjectIdentifier| -> Option<Tlv<'a>> {
            for one in ber::items(attributes?.content, 32)? {
                if let [kind, values] = ber::items(one.content, 2)?.as_slice()
                    && kind.content == wanted.as_bytes()
                {
                    return ber::read(values.content).ok().map(|(value, _)| value);
                }
            }
            None
        };
        Some(Self {
            kind: kind.content,
            value,
            friendly_name: attribute(&oid::FRIENDLY_NAME).map(|name| {
                let units = name.content.chunks_exact(2).map(|pair| match pair {
                    [first, second] => u16::from_be_bytes([*first, *second]),
                    _ => 0,
                });
                char::decode_utf16(units)
                    .map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .take(crate::x509::container::MAX_NAME)
                    .collect()
            }),
            local_key_id: attribute(&oid::LOCAL_KEY_ID)
                .and_then(|id| ber::octets(&id, tlv::OCTET_STRING))
                .map(|id| id.to_vec()),
        })
    }
}
