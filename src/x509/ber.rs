//! BER values as PKCS#7 and PKCS#12 come in: lengths without an end of their own, strings in pieces (X.690 §8).
//!
//! What DER allows is read by [`super::tlv`]; here the two liberties of BER that real files take are added, within
//! bounds: no more levels than [`MAX_DEPTH`], and each byte is looked at no more often than there are levels.

use super::tlv::{self, Tlv, TlvError};
use zeroize::Zeroizing;

/// Most levels of values without a length of their own; real files have five.
pub(crate) const MAX_DEPTH: usize = 16;

/// An indefinite length (X.690 §8.1.3.6).
const INDEFINITE: u8 = 0x80;

/// End-of-contents (X.690 §8.1.5).
const END: [u8; 2] = [0, 0];

/// Bit 6 of a tag: made of other values.
const CONSTRUCTED: u8 = 0x20;

/// The first value and what follows it; of an indefinite length, without its end-of-contents.
pub(crate) fn read(bytes: &[u8]) -> Result<(Tlv<'_>, &[u8]), TlvError> {
    read_at(bytes, MAX_DEPTH)
}

fn read_at(bytes: &[u8], levels: usize) -> Result<(Tlv<'_>, &[u8]), TlvError> {
    let (tag, body) = match bytes {
        [tag, INDEFINITE, body @ ..] if tag & CONSTRUCTED != 0 && tag & 0x1f != 0x1f => {
            (*tag, body)
        }
        _ => return tlv::read(bytes),
    };
    let levels = levels.checked_sub(1).ok_or(TlvError::Unreadable)?;
    let mut rest = body;
    while !rest.starts_with(&END) {
        if rest.is_empty() {
            return Err(TlvError::Truncated {
                expected: bytes.len() + END.len(),
                found: bytes.len(),
            });
        }
        rest = match read_at(rest, levels) {
            Ok((_, after)) => after,
            Err(TlvError::Truncated { expected, found }) => {
                // counted from the beginning of this value
                let before = bytes.len() - rest.len();
                return Err(TlvError::Truncated {
                    expected: expected.saturating_add(before),
                    found: found + before,
                });
            }
            Err(TlvError::Unreadable) => return Err(TlvError::Unreadable),
        };
    }
    let content = body.len() - rest.len();
    let after = rest.get(END.len()..).unwrap_or_default();
    let whole = bytes.len() - after.len();
    match (body.get(..content), bytes.get(..whole)) {
        (Some(content), Some(raw)) => Ok((Tlv { tag, content, raw }, after)),
        _ => Err(TlvError::Unreadable),
    }
}

/// The values of a content one after the other, at most `most`; `None` when one cannot be read or there are more.
pub(crate) fn items(mut content: &[u8], most: usize) -> Option<Vec<Tlv<'_>>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        if found.len() == most {
            return None;
        }
        let (value, rest) = read(content).ok()?;
        found.push(value);
        content = rest;
    }
    Some(found)
}

/// What an OCTET STRING holds, whole or in pieces; `tag` is that of the whole form (it may be `[0] IMPLICIT`).
pub(crate) fn octets(value: &Tlv<'_>, tag: u8) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.content.len()));
    gather(value, tag, MAX_DEPTH, &mut bytes)?;
    Some(bytes)
}

fn gather(value: &Tlv<'_>, tag: u8, levels: usize, bytes: &mut Vec<u8>) -> Option<()> {
    if value.tag == tag {
        bytes.extend_from_slice(value.content);
        return Some(());
    }
    if value.tag != tag | CONSTRUCTED {
        return None;
    }
    let levels = levels.checked_sub(1)?;
    let mut rest = value.content;
    while !rest.is_empty() {
        let (piece, after) = read(rest).ok()?;
        gather(&piece, tlv::OCTET_STRING, levels, bytes)?;
        rest = after;
    }
    Some(())
}

/// One DER value of a tag around contents.
pub(crate) fn wrap(tag: u8, contents: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = contents.iter().map(|part| part.len()).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 6));
    bytes.push(tag);
    if length < 0x80 {
        bytes.push(length as u8);
    } else {
        let digits = length.to_be_bytes();
        let first = digits.iter().take_while(|digit| **digit == 0).count();
        bytes.push(0x80 | (digits.len() - first) as u8);
        bytes.extend_from_slice(digits.get(first..).unwrap_or_default());
    }
    for part in contents {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_a_length_ends_at_its_end() {
        let bytes = [0x30, 0x80, 0x02, 0x01, 0x05, 0x30, 0x80, 0, 0, 0, 0, 0xff];
        let (value, rest) = read(&bytes).unwrap();
        assert_eq!(value.content, &bytes[2..9]);
        assert_eq!(value.raw, &bytes[..11]);
        assert_eq!(rest, [0xff]);
        assert_eq!(items(value.content, 2).unwrap().len(), 2);
        assert_eq!(items(value.content, 1), None);
    }

    #[test]
    fn strings_in_pieces_are_put_together() {
        let bytes = [
            0x24, 0x80, 0x04, 0x01, 1, 0x24, 0x03, 0x04, 0x01, 2, 0x04, 0x01, 3, 0, 0,
        ];
        let (value, _) = read(&bytes).unwrap();
        assert_eq!(*octets(&value, tlv::OCTET_STRING).unwrap(), [1, 2, 3]);
        let implicit = [0xa0, 0x80, 0x04, 0x01, 7, 0, 0];
        let (value, _) = read(&implicit).unwrap();
        assert_eq!(*octets(&value, 0x80).unwrap(), [7]);
        assert_eq!(octets(&value, tlv::OCTET_STRING), None);
    }

    #[test]
    fn depth_is_bounded_and_a_missing_end_is_told() {
        assert_eq!(read(&[0x30, 0x80].repeat(1000)), Err(TlvError::Unreadable));
        assert_eq!(
            read(&[0x30, 0x80, 0x30, 0x05, 0x00]),
            Err(TlvError::Truncated {
                expected: 9,
                found: 5
            })
        );
        assert!(read(&[0x30, 0x80]).is_err());
        // a primitive value has a length (X.690 §8.1.3.2)
        assert!(read(&[0x04, 0x80, 0, 0]).is_err());
    }

    #[test]
    fn what_is_wrapped_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = wrap(tlv::OCTET_STRING, &[&vec![7; length]]);
            let (value, rest) = tlv::read(&bytes).unwrap();
            assert_eq!((value.content.len(), rest.len()), (length, 0));
        }
    }
}
