//! SIP message heads and OPTIONS (RFC 3261 §7, §11): enough to prove that a SIP server is there, and no more.

use crate::explain::{Explain, Explanation, printable};

/// Most bytes of a message head.
pub const MAX_BYTES: usize = 16 * 1024;

/// How much of a strange answer is shown, in bytes.
const SHOWN: usize = 64;

const VERSION: &[u8] = b"SIP/2.0 ";

/// A status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// 100–699.
    pub code: u16,
    /// Reason phrase, cleaned.
    pub reason: String,
}

/// Why bytes are no SIP answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SipError {
    /// Over [`MAX_BYTES`] without the end of a head.
    #[error("too many bytes before the end of a SIP head")]
    TooLarge,
    /// Something else answered: its first bytes, cleaned.
    #[error("not SIP: {0}")]
    NotSip(String),
}

impl Explain for SipError {
    fn explain(&self) -> Explanation {
        let (code, why) = match self {
            SipError::TooLarge => (
                "wire.sip-too-large",
                format!("the head of the answer has no end within {MAX_BYTES} bytes"),
            ),
            SipError::NotSip(found) => (
                "wire.not-sip",
                format!(
                    "OPTIONS was answered with \"{}\" in place of a status line",
                    printable(found)
                ),
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place: String::new(),
            why,
            mend: "check that a SIP server listens on this port, and that --protocol names what it speaks"
                .to_owned(),
        }
    }
}

/// `OPTIONS sip:<domain>` (RFC 3261 §11.1); `local` is our host, or host and port, as Via names it; `token` makes
/// branch, tag and Call-ID unique (letters and digits).
///
/// Characters that no host or token has are dropped, so that no argument can add a line of its own.
pub fn options(domain: &str, local: &str, token: &str) -> Vec<u8> {
    let host = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'))
            .collect()
    };
    let (domain, local) = (host(domain), host(local));
    let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
    [
        format!("OPTIONS sip:{domain} SIP/2.0"),
        format!("Via: SIP/2.0/TLS {local};rport;branch=z9hG4bK{token}"),
        "Max-Forwards: 70".to_owned(),
        format!("From: <sip:edgecert@{local}>;tag={token}"),
        format!("To: <sip:{domain}>"),
        format!("Call-ID: {token}@{local}"),
        "CSeq: 1 OPTIONS".to_owned(),
        format!("Contact: <sip:edgecert@{local};transport=tls>"),
        "Accept: application/sdp".to_owned(),
        "Content-Length: 0".to_owned(),
        String::new(),
        String::new(),
    ]
    .join("\r\n")
    .into_bytes()
}

/// The status line of an answer that may be incomplete: `None` until its head is whole.
///
/// Empty lines before it are skipped (RFC 3261 §7.5; RFC 5626 §4.4.1 keep-alives).
///
/// # Errors
/// [`SipError::NotSip`] as soon as it cannot become one; [`SipError::TooLarge`] past [`MAX_BYTES`].
pub fn read_status(bytes: &[u8]) -> Result<Option<Status>, SipError> {
    let skipped = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let answer = bytes.get(skipped..).unwrap_or_default();
    let begins = answer
        .iter()
        .zip(VERSION)
        .all(|(found, wanted)| found.eq_ignore_ascii_case(wanted));
    if !begins {
        return Err(not_sip(answer));
    }
    let Some(end) = answer.iter().position(|byte| *byte == b'\n') else {
        return incomplete(bytes);
    };
    let line = answer.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let status = read_line(line).ok_or_else(|| not_sip(answer))?;
    let whole = answer.windows(4).any(|four| four == b"\r\n\r\n")
        || answer.windows(2).any(|two| two == b"\n\n");
    if whole {
        Ok(Some(status))
    } else {
        incomplete(bytes)
    }
}

fn incomplete(bytes: &[u8]) -> Result<Option<Status>, SipError> {
    if bytes.len() > MAX_BYTES {
        Err(SipError::TooLarge)
    } else {
        Ok(None)
    }
}

/// `SIP/2.0 200 OK`, without its end of line (RFC 3261 §7.2).
fn read_line(line: &[u8]) -> Option<Status> {
    let rest = line.get(VERSION.len()..)?;
    let digits = rest.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let reason = match rest.get(3..)? {
        [] => &[][..],
        [b' ', reason @ ..] => reason,
        _ => return None,
    };
    (100..700).contains(&code).then(|| Status {
        code,
        reason: printable(String::from_utf8_lossy(reason).trim()),
    })
}

fn not_sip(bytes: &[u8]) -> SipError {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let cut = line.get(..SHOWN).unwrap_or(line);
    SipError::NotSip(printable(&String::from_utf8_lossy(cut)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_carries_every_header_that_a_request_needs() {
        let text = String::from_utf8(options("contoso.com", "[::1]:4711", "abc123")).unwrap();
        for line in [
            "OPTIONS sip:contoso.com SIP/2.0\r\n",
            "\r\nVia: SIP/2.0/TLS [::1]:4711;rport;branch=z9hG4bKabc123\r\n",
            "\r\nMax-Forwards: 70\r\n",
            "\r\nFrom: <sip:edgecert@[::1]:4711>;tag=abc123\r\n",
            "\r\nTo: <sip:contoso.com>\r\n",
            "\r\nCall-ID: abc123@[::1]:4711\r\n",
            "\r\nCSeq: 1 OPTIONS\r\n",
            "\r\nContact: <",
            "\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
    }

    #[test]
    fn no_argument_adds_a_line() {
        let evil = "a\r\nEvil: 1";
        let text = String::from_utf8(options(evil, evil, evil)).unwrap();
        assert!(!text.contains("\r\nEvil"), "{text}");
    }

    #[test]
    fn status_lines_are_read_when_their_head_is_whole() {
        for (text, code, reason) in [
            (
                "SIP/2.0 200 OK\r\nVia: x\r\nContent-Length: 0\r\n\r\n",
                200,
                "OK",
            ),
            ("\r\n\r\nSIP/2.0 100 Trying\r\n\r\n", 100, "Trying"),
            ("SIP/2.0 404 \r\n\r\nbody", 404, ""),
            ("sip/2.0 503 Not \u{1b}here\n\n", 503, "Not \u{fffd}here"),
            ("SIP/2.0 699\r\n\r\n", 699, ""),
        ] {
            let whole = text.find("body").unwrap_or(text.len());
            for cut in 0..whole {
                assert_eq!(
                    read_status(&text.as_bytes()[..cut]),
                    Ok(None),
                    "{text:?} {cut}"
                );
            }
            let expected = Status {
                code,
                reason: reason.into(),
            };
            assert_eq!(read_status(text.as_bytes()), Ok(Some(expected)), "{text:?}");
        }
    }

    #[test]
    fn other_answers_are_refused_with_their_first_line() {
        for (text, shown) in [
            ("HTTP/1.1 400 Bad Request\r\n", "HTTP/1.1 400 Bad Request"),
            ("OPTIONS sip:x SIP/2.0\r\n", "OPTIONS sip:x SIP/2.0"),
            ("<?xml version='1.0'?>", "<?xml version='1.0'?>"),
            ("SIP/2.0 20x OK\r\n", "SIP/2.0 20x OK"),
            ("SIP/2.0 2000 OK\r\n", "SIP/2.0 2000 OK"),
            ("SIP/2.0 099 No\r\n", "SIP/2.0 099 No"),
            ("\u{7}\r\n", "\u{fffd}"),
        ] {
            assert_eq!(
                read_status(text.as_bytes()),
                Err(SipError::NotSip(shown.into())),
                "{text:?}"
            );
        }
        let endless = format!("SIP/2.0 200 OK\r\n{}", "a: b\r\n".repeat(MAX_BYTES / 6));
        assert_eq!(read_status(endless.as_bytes()), Err(SipError::TooLarge));
        assert!(SipError::TooLarge.explain().mend.contains("--protocol"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_status(&bytes);
            let mut answer = b"SIP/2.0 ".to_vec();
            answer.extend_from_slice(&bytes);
            let _ = read_status(&answer);
        }
    }
}
