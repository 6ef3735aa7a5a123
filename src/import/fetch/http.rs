//! An HTTP/1.1 answer, read as it comes (RFC 9112): whole, or more is needed, or refused.

use super::MAX_ANSWER;

/// Most bytes of an answer's head.
pub const MAX_HEAD: usize = 16 * 1024;

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Where it sends.
    pub location: Option<String>,
    /// Of a 200.
    pub body: Vec<u8>,
}

/// Reads an answer as far as it has come (RFC 9112); none where more is needed. `ended`: no more will come.
pub fn read_answer(bytes: &[u8], ended: bool) -> Result<Option<Answer>, String> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD {
            Err(format!("has a head of more than {MAX_HEAD} bytes"))
        } else if ended {
            Err("is no whole HTTP/1.1 answer".to_owned())
        } else {
            Ok(None)
        };
    };
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())
        .map_err(|_| "has a head that is no text".to_owned())?;
    let body = bytes.get(end + 4..).unwrap_or_default();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| digits.parse::<u16>().ok())
        .ok_or_else(|| "is no HTTP/1.1".to_owned())?;
    let field = |wanted: &str| {
        head.split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    let answer = |body: Vec<u8>| {
        Some(Answer {
            status,
            location: field("location").map(str::to_owned),
            body,
        })
    };
    if status != 200 {
        return Ok(answer(Vec::new()));
    }
    if bytes.len() > MAX_ANSWER {
        return Err(format!("has more than {MAX_ANSWER} bytes"));
    }
    if field("content-encoding").is_some_and(|word| !word.eq_ignore_ascii_case("identity")) {
        return Err("is compressed, which was not asked for".to_owned());
    }
    if field("transfer-encoding").is_some_and(|word| word.eq_ignore_ascii_case("chunked")) {
        return match unchunk(body)? {
            Some(body) => Ok(answer(body)),
            None if ended => Err("is cut off".to_owned()),
            None => Ok(None),
        };
    }
    match field("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) if length > MAX_ANSWER => Err(format!(
            "has {length} bytes, and at most {MAX_ANSWER} are taken"
        )),
        Some(Ok(length)) => match body.get(..length) {
            Some(body) => Ok(answer(body.to_vec())),
            None if ended => Err("is cut off".to_owned()),
            None => Ok(None),
        },
        Some(Err(_)) => Err("has a Content-Length that is no number".to_owned()),
        None if ended => Ok(answer(body.to_vec())),
        None => Ok(None),
    }
}

/// Puts chunks together (RFC 9112 §7.1); `None` where the last has not come.
fn unchunk(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let bad = || "has chunks that cannot be read".to_owned();
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return if rest.len() > 1024 {
                Err(bad())
            } else {
                Ok(None)
            };
        };
        let line = std::str::from_utf8(rest.get(..end).unwrap_or_default()).map_err(|_| bad())?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| bad())?;
        if size > MAX_ANSWER {
            return Err(bad());
        }
        rest = rest.get(end + 2..).unwrap_or_default();
        if size == 0 {
            return Ok(Some(body));
        }
        let Some(chunk) = rest.get(..size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        match rest.get(size..size + 2) {
            Some(b"\r\n") => rest = rest.get(size + 2..).unwrap_or_default(),
            Some(_) => return Err(bad()),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_or_refused() {
        let body =
            |bytes: &[u8], ended| read_answer(bytes, ended).map(|head| head.map(|head| head.body));
        let sized = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(body(sized, false), Ok(Some(b"abc".to_vec())));
        assert_eq!(body(&sized[..sized.len() - 1], false), Ok(None));
        assert!(body(&sized[..sized.len() - 1], true).is_err());
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(chunked, false), Ok(Some(b"abc".to_vec())));
        for end in 0..chunked.len() - 4 {
            assert_eq!(body(&chunked[..end], false), Ok(None), "{end}");
        }
        let open = b"HTTP/1.0 200 OK\r\n\r\nabc";
        assert_eq!(body(open, false), Ok(None));
        assert_eq!(body(open, true), Ok(Some(b"abc".to_vec())));
        for bad in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        ] {
            assert!(
                body(bad, false).is_err(),
                "{}",
                String::from_utf8_lossy(bad)
            );
        }
        assert!(body(&vec![b'x'; MAX_HEAD + 1], false).is_err());
        let mut long = b"HTTP/1.0 200 OK\r\n\r\n".to_vec();
        long.resize(MAX_ANSWER + 1, b'x');
        assert!(body(&long, false).is_err());
    }
}
