//! DER values as they lie in the bytes: tag, length, content, and nothing assumed about what they mean.
//!
//! For looking before parsing (which form is this?), for what must never fail (subjectAltName entries of foreign
//! certificates) and for the exact bytes a signature covers. No long tags, no indefinite lengths (X.690 §8.1).

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// Identifier, length and content.
    pub raw: &'a [u8],
}

/// Why no value could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlvError {
    /// The length field says more bytes than there are.
    Truncated {
        /// Bytes that the whole value should have.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A long tag, an indefinite length, or a length over 32 bits.
    Unreadable,
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, constructed.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// The first value and what follows it.
pub(crate) fn read(bytes: &[u8]) -> Result<(Tlv<'_>, &[u8]), TlvError> {
    let (&tag, &first) = match bytes {
        [tag, first, ..] => (tag, first),
        _ => {
            return Err(TlvError::Truncated {
                expected: 2,
                found: bytes.len(),
            });
        }
    };
    if tag & 0x1f == 0x1f {
        return Err(TlvError::Unreadable);
    }
    let (header, length) = if first < 0x80 {
        (2, usize::from(first))
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return Err(TlvError::Unreadable);
        }
        let Some(digits) = bytes.get(2..2 + count) else {
            return Err(TlvError::Truncated {
                expected: 2 + count,
                found: bytes.len(),
            });
        };
        let length = digits
            .iter()
            .fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit));
        (2 + count, length)
    };
    let end = header.checked_add(length).ok_or(TlvError::Unreadable)?;
    match (bytes.get(header..end), bytes.get(..end), bytes.get(end..)) {
        (Some(content), Some(raw), Some(rest)) => Ok((Tlv { tag, content, raw }, rest)),
        _ => Err(TlvError::Truncated {
            expected: end,
            found: bytes.len(),
        }),
    }
}

/// The value, if the bytes are exactly one of this tag.
pub(crate) fn exactly(bytes: &[u8], tag: u8) -> Option<Tlv<'_>> {
    match read(bytes) {
        Ok((value, [])) if value.tag == tag => Some(value),
        _ => None,
    }
}

/// The values of a content one after the other; `None` when one of them cannot be read.
pub(crate) fn items(mut content: &[u8]) -> Option<Vec<Tlv<'_>>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let (value, rest) = read(content).ok()?;
        found.push(value);
        content = rest;
    }
    Some(found)
}

/// The bytes of a BIT STRING's content without its count of unused bits, which must be none.
pub(crate) fn whole_bytes(bit_string: &[u8]) -> Option<&[u8]> {
    match bit_string {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

/// An object identifier's content, dotted; `unreadable` when it is not one (X.690 §8.19).
pub(crate) fn dotted(content: &[u8]) -> String {
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc: u128 = 0;
    let mut open = false;
    for byte in content {
        if arc >> 120 != 0 {
            return "unreadable".to_owned();
        }
        arc = (arc << 7) | u128::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if !open {
            if arcs.is_empty() {
                let root = (arc / 40).min(2);
                arcs.push(root);
                arcs.push(arc - root * 40);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    if open || arcs.is_empty() {
        return "unreadable".to_owned();
    }
    let words: Vec<String> = arcs.iter().map(u128::to_string).collect();
    words.join(".")
}

/// What a certificate, a CSR or a CRL signs, how, and the signature: `SEQUENCE { toBeSigned, algorithm, BIT STRING }`.
pub(crate) struct Signed<'a> {
    /// The bytes under the signature.
    pub message: &'a [u8],
    /// AlgorithmIdentifier.
    pub algorithm: Tlv<'a>,
    /// The signature.
    pub signature: &'a [u8],
}

/// Takes a signed value apart.
pub(crate) fn signed(der: &[u8]) -> Option<Signed<'_>> {
    let outer = exactly(der, SEQUENCE)?;
    match items(outer.content)?.as_slice() {
        [body, algorithm, signature]
            if algorithm.tag == SEQUENCE && signature.tag == BIT_STRING =>
        {
            Some(Signed {
                message: body.raw,
                algorithm: *algorithm,
                signature: whole_bytes(signature.content)?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_lengths() {
        let mut long = vec![0x04, 0x82, 0x01, 0x00];
        long.extend([7; 256]);
        for (bytes, content, rest) in [
            (&[0x02, 0x01, 0x05][..], 1, 0),
            (&[0x30, 0x00, 0xff][..], 0, 1),
            (&long[..], 256, 0),
        ] {
            let (value, left) = read(bytes).unwrap();
            assert_eq!((value.content.len(), left.len()), (content, rest));
        }
    }

    #[test]
    fn hostile_lengths_are_errors() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x85, 1, 1, 1, 1, 1],
            &[0x1f, 0x81, 0x01, 0x00],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x82, 0x01],
            &[0x30, 0x05, 0x00],
        ] {
            assert!(read(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn object_identifiers_are_dotted() {
        for (content, expected) in [
            (&[0x55, 0x1d, 0x11][..], "2.5.29.17"),
            (
                &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b],
                "1.2.840.113549.1.1.11",
            ),
            (&[0x88, 0x37], "2.999"),
            (&[], "unreadable"),
            (&[0x80], "unreadable"),
            (&[0xff; 30], "unreadable"),
        ] {
            assert_eq!(dotted(content), expected);
        }
    }
}
