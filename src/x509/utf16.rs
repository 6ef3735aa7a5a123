//! Text in UTF-16, as Windows tools save it (RFC 2781), brought to UTF-8.

use zeroize::Zeroizing;

/// How many bytes are looked at where there is no byte order mark.
const LOOKED_AT: usize = 512;

/// The text in UTF-8, where the bytes are UTF-16: by their byte order mark, else because every other byte is zero as it
/// is in ASCII. What is no character becomes U+FFFD.
pub(crate) fn to_utf8(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let (little, bytes) = match bytes {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => (order_of(bytes)?, bytes),
    };
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [first, second] if little => u16::from_le_bytes([*first, *second]),
        [first, second] => u16::from_be_bytes([*first, *second]),
        _ => 0,
    });
    // Room for all of it from the start, so that a key leaves no copies behind as the text grows.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    text.extend(char::decode_utf16(units).map(|one| one.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Some(text)
}

/// Whether ASCII stands in little-endian (true) or big-endian pairs; `None` where it does not.
fn order_of(bytes: &[u8]) -> Option<bool> {
    let begin = bytes.get(..LOOKED_AT.min(bytes.len() & !1))?;
    if begin.len() < 4 {
        return None;
    }
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    let all = |at: usize| {
        begin.chunks_exact(2).all(|pair| {
            pair.get(at).copied().is_some_and(is_text) && pair.get(1 - at).copied() == Some(0)
        })
    };
    if all(0) {
        Some(true)
    } else if all(1) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_are_read_with_and_without_a_mark() {
        let text = "-----BEGIN X-----\r\n";
        for little in [true, false] {
            let units: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| match little {
                    true => unit.to_le_bytes(),
                    false => unit.to_be_bytes(),
                })
                .collect();
            assert_eq!(to_utf8(&units).unwrap().as_str(), text);
            let mark: &[u8] = if little { &[0xff, 0xfe] } else { &[0xfe, 0xff] };
            assert_eq!(to_utf8(&[mark, &units].concat()).unwrap().as_str(), text);
        }
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for bytes in [
            &b"-----BEGIN X-----"[..],
            b"",
            b"a\0",
            &[0x30, 0x82, 0, 1],
            &[0; 16],
        ] {
            assert!(to_utf8(bytes).is_none(), "{bytes:?}");
        }
        assert_eq!(
            to_utf8(&[0xff, 0xfe, 0x00, 0xd8, b'a', 0])
                .unwrap()
                .as_str(),
            "\u{fffd}a"
        );
    }
}
