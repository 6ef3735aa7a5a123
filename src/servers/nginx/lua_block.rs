//! Where a block of Lua ends: its braces counted, those in strings and comments not (Lua 5.1 §2.1).
//!
//! Nothing of it is judged: LuaJIT takes words that other versions refuse.

/// How many bytes stand before what follows the block's `}`; none: it does not end. `text` begins behind its `{`.
pub(super) fn end_of_block(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 1_usize);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        at += match rest {
            [quote @ (b'"' | b'\''), inner @ ..] => 1 + end_of_string(inner, *quote)?,
            [b'-', b'-', comment @ ..] => {
                2 + match long_bracket(comment) {
                    Some(end) => end?,
                    None => comment
                        .iter()
                        .position(|byte| *byte == b'\n')
                        .unwrap_or(comment.len()),
                }
            }
            [b'[', ..] => long_bracket(rest).unwrap_or(Some(1))?,
            [first, ..] => {
                match first {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    _ => {}
                }
                1
            }
            [] => return None,
        };
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of the rest of a string, its closing quote with it.
fn end_of_string(inner: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    let end = inner.iter().position(|byte| {
        let ends = *byte == quote && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some(end + 1)
}

/// The length of `[=*[ … ]=*]`, none within where it does not end; none: no such bracket opens here.
fn long_bracket(text: &[u8]) -> Option<Option<usize>> {
    let behind = text.strip_prefix(b"[")?;
    let level = behind.iter().take_while(|byte| **byte == b'=').count();
    if behind.get(level) != Some(&b'[') {
        return None;
    }
    let end = [b"]".as_slice(), &vec![b'='; level], b"]"].concat();
    let inner = behind.get(level + 1..).unwrap_or_default();
    let closes = inner.windows(end.len()).position(|window| window == end);
    Some(closes.map(|at| level + 2 + at + end.len()))
}
