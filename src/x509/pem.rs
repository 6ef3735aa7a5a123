//! A tolerant PEM scanner (RFC 7468): blocks with label, line and origin, and a reason for each bad one.
//!
//! Administrators send what mail programs, Windows and copy-and-paste have left of a file. What can be read without
//! guessing is read; one bad block never spoils the rest. Which block is what is decided elsewhere, by content.

use super::utf16;
use crate::explain::listed;
use zeroize::Zeroizing;

/// One block, good or bad.
#[derive(Clone, PartialEq, Eq)]
pub struct PemBlock {
    /// As written between the dashes: `CERTIFICATE`.
    pub label: String,
    /// Line of the BEGIN, from 1.
    pub line: usize,
    /// Number of the block in its text, from 1.
    pub number: usize,
    /// RFC 1421 headers (`Proc-Type`, `DEK-Info`).
    pub headers: Vec<(String, String)>,
    /// The decoded content, or why it cannot be decoded (`no END line`, `base64 error at line 7`).
    pub content: Result<Zeroizing<Vec<u8>>, String>,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// Longest label taken for one.
const MAX_LABEL: usize = 64;

/// All blocks of a text, in order. BOM, CR, CRLF, indentation and text around blocks are taken; a block without
/// END stops at the next BEGIN. UTF-16 of either order is taken, with or without its mark.
pub fn scan(text: &[u8]) -> Vec<PemBlock> {
    match utf16::to_utf8(text) {
        Some(text) => scan_utf8(text.as_bytes()),
        None => scan_utf8(text),
    }
}

fn scan_utf8(text: &[u8]) -> Vec<PemBlock> {
    let mut blocks = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(at) = find(rest, BEGIN) {
        line += count_lines(&rest[..at]);
        let after = &rest[at + BEGIN.len()..];
        let Some((label, body)) = split_label(after) else {
            rest = after;
            continue;
        };
        let begin = line;
        line += count_lines(&after[..after.len() - body.len()]);
        let stop = find(body, BEGIN).unwrap_or(body.len());
        let (headers, content, used) = match find(&body[..stop], END) {
            None => (Vec::new(), Err("no END line".to_owned()), stop),
            Some(end) => {
                let (headers, content) = decode_body(&body[..end], line);
                let closing = &body[end + END.len()..stop];
                let (content, used) = match split_label(closing) {
                    Some((closed, left)) if closed == label => (content, stop - left.len()),
                    Some((closed, left)) => (
                        Err(format!("the END line says {}", printable_label(&closed))),
                        stop - left.len(),
                    ),
                    None => (Err("the END line is cut off".to_owned()), stop),
                };
                (headers, content, used)
            }
        };
        blocks.push(PemBlock {
            label,
            line: begin,
            number: blocks.len() + 1,
            headers,
            content,
        });
        line += count_lines(&body[..used]);
        rest = &body[used..];
    }
    blocks
}

/// What stands in a text, by its first labels: `PEM blocks: CERTIFICATE, X509 CRL`.
pub(crate) fn labels(blocks: &[PemBlock]) -> String {
    const MOST: usize = 5;
    let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
    format!("PEM blocks: {}", listed(&labels, MOST))
}

/// A block with a label, 64 characters a line, LF.
pub fn encode(label: &str, der: &[u8]) -> String {
    // Room for all of it from the start, so that a key leaves no copies behind as the text grows.
    let base64 = der.len().div_ceil(3) * 4;
    let mut text = String::with_capacity(base64 + base64 / 64 + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for row in der.chunks(48) {
        for group in row.chunks(3) {
            push_group(&mut text, group);
        }
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// base64 in one line, with padding (RFC 4648 §4).
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        push_group(&mut text, group);
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn push_group(text: &mut String, group: &[u8]) {
    let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
    let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
    for place in 0..4 {
        if place <= group.len() {
            let index = (bits >> (18 - 6 * place)) & 0x3f;
            text.push(char::from(ALPHABET[index as usize]));
        } else {
            text.push('=');
        }
    }
}

/// Splits `LABEL-----…` (in one line) into the label and what follows the dashes.
fn split_label(text: &[u8]) -> Option<(String, &[u8])> {
    let dashes = find(&text[..text.len().min(MAX_LABEL + DASHES.len())], DASHES)?;
    let label = std::str::from_utf8(&text[..dashes]).ok()?;
    if label.contains(['\r', '\n']) {
        return None;
    }
    Some((label.trim().to_owned(), &text[dashes + DASHES.len()..]))
}

fn printable_label(label: &str) -> String {
    crate::explain::printable(label)
}

type Body = (Vec<(String, String)>, Result<Zeroizing<Vec<u8>>, String>);

/// Headers and base64 of what stands between the lines; `first_line` is where the body begins.
fn decode_body(body: &[u8], first_line: usize) -> Body {
    let mut headers = Vec::new();
    let mut decoder = Decoder::with_room_for(body.len());
    let mut problem = None;
    for (offset, line) in lines(body).enumerate() {
        let trimmed = line.trim_ascii();
        // base64 has no colon, and headers come first (RFC 1421 §4.4).
        if decoder.is_untouched() && trimmed.contains(&b':') {
            let text = String::from_utf8_lossy(trimmed);
            if let Some((name, value)) = text.split_once(':') {
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            continue;
        }
        if problem.is_none() && decoder.take(trimmed).is_none() {
            problem = Some(format!("base64 error at line {}", first_line + offset));
        }
    }
    let content = match problem {
        Some(problem) => Err(problem),
        None => decoder
            .finish()
            .ok_or_else(|| "the base64 text is cut off".to_owned()),
    };
    (headers, content)
}

/// Decodes base64 text without armour; `None` if anything else stands in it.
pub(crate) fn decode_bare(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if let Some(text) = utf16::to_utf8(text) {
        return decode_bare(text.as_bytes());
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut decoder = Decoder::with_room_for(text.len());
    decoder.take(text)?;
    decoder.finish()
}

/// base64 as it comes, line by line (RFC 4648 §4); white space is skipped, padding may be missing.
struct Decoder {
    bytes: Zeroizing<Vec<u8>>,
    bits: u32,
    count: u8,
    padded: bool,
}

impl Decoder {
    fn with_room_for(characters: usize) -> Self {
        Self {
            bytes: Zeroizing::new(Vec::with_capacity(characters / 4 * 3 + 3)),
            bits: 0,
            count: 0,
            padded: false,
        }
    }

    fn is_untouched(&self) -> bool {
        self.bytes.is_empty() && self.count == 0
    }

    fn take(&mut self, text: &[u8]) -> Option<()> {
        for byte in text {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.padded = true;
                    continue;
                }
                b' ' | b'\t' | b'\r' | b'\n' => continue,
                _ => return None,
            };
            if self.padded {
                return None;
            }
            self.bits = (self.bits << 6) | u32::from(value);
            self.count += 1;
            if self.count == 4 {
                let [_, a, b, c] = self.bits.to_be_bytes();
                self.bytes.extend([a, b, c]);
                self.bits = 0;
                self.count = 0;
            }
        }
        Some(())
    }

    fn finish(mut self) -> Option<Zeroizing<Vec<u8>>> {
        match self.count {
            0 => {}
            2 => self.bytes.push((self.bits >> 4) as u8),
            3 => {
                self.bytes.push((self.bits >> 10) as u8);
                self.bytes.push((self.bits >> 2) as u8);
            }
            _ => return None,
        }
        Some(self.bytes)
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        if text[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Lines of a text whose ends are LF, CRLF or CR.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match text.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            None => {
                rest = None;
                Some(text)
            }
            Some(at) => {
                let after = &text[at..];
                let end = if after.starts_with(b"\r\n") { 2 } else { 1 };
                rest = Some(&after[end..]);
                Some(&text[..at])
            }
        }
    })
}

fn count_lines(text: &[u8]) -> usize {
    lines(text).count() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Vec<Result<Vec<u8>, String>> {
        scan(text.as_bytes())
            .into_iter()
            .map(|block| block.content.map(|bytes| bytes.to_vec()))
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [0usize, 1, 2, 3, 47, 48, 49, 200] {
            let bytes: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let text = encode("CERTIFICATE", &bytes);
            assert!(text.lines().all(|line| line.len() <= 64));
            assert_eq!(contents(&text), [Ok(bytes)], "{length}");
        }
    }

    #[test]
    fn odd_but_clear_spellings_are_read() {
        for text in [
            "-----BEGIN X-----\nAQID\n-----END X-----\n",
            "\u{feff}-----BEGIN X-----\r\nAQID\r\n-----END X-----\r\n",
            "-----BEGIN X-----\rAQID\r-----END X-----\r",
            "   -----BEGIN X-----\n   AQ\n   ID\n   -----END X-----\n",
            "Bag Attributes\n  friendlyName: a\n-----BEGIN X-----\nAQID\n-----END X-----\nbye",
            "-----BEGIN X-----AQID-----END X-----",
            "-----BEGIN X-----\n\nAQ ID\n\n-----END X-----",
            "-----BEGIN X-----\nComment: hello\n\nAQID\n-----END X-----",
        ] {
            assert_eq!(contents(text), [Ok(vec![1, 2, 3])], "{text}");
        }
        assert_eq!(
            contents("-----BEGIN X-----\nAQI\n-----END X-----"),
            [Ok(vec![1, 2])],
            "missing padding"
        );
    }

    #[test]
    fn a_bad_block_does_not_spoil_the_next() {
        let good = "-----BEGIN B-----\nAQID\n-----END B-----\n";
        for (bad, reason) in [
            ("-----BEGIN A-----\nAQID\n", "no END line"),
            (
                "-----BEGIN A-----\nAQID\nAQ*D\n-----END A-----\n",
                "base64 error at line 3",
            ),
            (
                "-----BEGIN A-----\nAQID\n-----END C-----\n",
                "the END line says C",
            ),
            (
                "-----BEGIN A-----\nAQ==ID\n-----END A-----\n",
                "base64 error at line 2",
            ),
            (
                "-----BEGIN A-----\nA\n-----END A-----\n",
                "the base64 text is cut off",
            ),
        ] {
            let text = format!("{bad}{good}");
            assert_eq!(
                contents(&text),
                [Err(reason.to_owned()), Ok(vec![1, 2, 3])],
                "{bad}"
            );
        }
    }

    #[test]
    fn blocks_say_where_they_stand() {
        let text = "hello\r\n\r\n-----BEGIN A-----\r\nAQID\r\n-----END A-----\r\n-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,00\r\n\r\nAQID\r\n-----END RSA PRIVATE KEY-----";
        let blocks = scan(text.as_bytes());
        assert_eq!((blocks[0].line, blocks[0].number), (3, 1));
        assert_eq!((blocks[1].line, blocks[1].number), (6, 2));
        assert_eq!(
            blocks[1].headers[1],
            ("DEK-Info".to_owned(), "AES-256-CBC,00".to_owned())
        );
        assert_eq!(
            blocks[1].content.as_ref().map(|bytes| bytes.to_vec()),
            Ok(vec![1, 2, 3])
        );
    }

    #[test]
    fn text_that_only_looks_like_pem_gives_nothing() {
        for text in [
            "",
            "-----BEGIN ",
            "-----BEGIN X\n-----",
            "-----END X-----",
            "no dashes",
        ] {
            assert!(scan(text.as_bytes()).is_empty(), "{text}");
        }
    }
}
