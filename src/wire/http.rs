//! The head of an HTTP request, as far as a page that is only read needs it (RFC 9112 §3, RFC 9110 §9.3).
//!
//! GET and HEAD alone. No body is taken and no connection is used twice: whatever follows the head is passed over.

/// Most bytes of a head.
pub const MAX_HEAD: usize = 8 * 1024;

/// GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The page.
    Get,
    /// What would be said of it.
    Head,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// The path, beginning with `/`, without the query; ASCII without control characters.
    pub path: String,
    /// `Host` without its port, in lower case; `None`: it was not sent, or is empty.
    pub host: Option<String>,
    /// Whether `Accept` names OpenMetrics.
    pub accepts: Accepts,
}

/// Which text of metrics the client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// It says nothing of OpenMetrics.
    Anything,
    /// `application/openmetrics-text`.
    OpenMetrics,
}

/// Why a head is refused; the status that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400: it is not one.
    BadRequest,
    /// 405: another method.
    MethodNotAllowed,
    /// 431: over [`MAX_HEAD`].
    TooLarge,
    /// 505: neither HTTP/1.0 nor 1.1.
    Version,
}

impl Refusal {
    /// The status line's number and words.
    pub fn status(self) -> &'static str {
        match self {
            Refusal::BadRequest => "400 Bad Request",
            Refusal::MethodNotAllowed => "405 Method Not Allowed",
            Refusal::TooLarge => "431 Request Header Fields Too Large",
            Refusal::Version => "505 HTTP Version Not Supported",
        }
    }
}

/// Reads a head from the first bytes of a connection; `None`: more is needed.
pub fn read_head(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let within = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    let Some(end) = within.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match bytes.len() < MAX_HEAD {
            true => Ok(None),
            false => Err(Refusal::TooLarge),
        };
    };
    let head = within.get(..end).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| Refusal::BadRequest)?;
    let mut lines = head.split("\r\n");
    let (method, path) = request_line(lines.next().unwrap_or_default())?;
    let mut accepts = Accepts::Anything;
    let mut host = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Refusal::BadRequest)?;
        // RFC 9112 §5.1: no blank before the colon, and no folded line.
        let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return Err(Refusal::BadRequest);
        }
        // RFC 9112 §3.2: one alone.
        if name.eq_ignore_ascii_case("host") && host.replace(without_port(value)).is_some() {
            return Err(Refusal::BadRequest);
        }
        if name.eq_ignore_ascii_case("accept")
            && value
                .to_ascii_lowercase()
                .contains("application/openmetrics-text")
        {
            accepts = Accepts::OpenMetrics;
        }
    }
    Ok(Some(Request {
        method,
        path,
        host: host.filter(|host| !host.is_empty()),
        accepts,
    }))
}

/// `HOST` or `HOST:PORT`, an IPv6 address in brackets; what is neither stays as it is.
fn without_port(value: &str) -> String {
    let value = value.trim_matches([' ', '\t']);
    let host = match value.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !value.ends_with(']') => {
            host
        }
        Some(_) | None => value,
    };
    host.to_ascii_lowercase()
}

fn request_line(line: &str) -> Result<(Method, String), Refusal> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::BadRequest);
    };
    match version {
        "HTTP/1.1" | "HTTP/1.0" => {}
        other if other.starts_with("HTTP/") => return Err(Refusal::Version),
        _ => return Err(Refusal::BadRequest),
    }
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        word if !word.is_empty() && word.bytes().all(|c| c.is_ascii_uppercase()) => {
            return Err(Refusal::MethodNotAllowed);
        }
        _ => return Err(Refusal::BadRequest),
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') || !path.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(Refusal::BadRequest);
    }
    Ok((method, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whole_or_refused_with_its_status() {
        let get = |path: &str, accepts| {
            Ok(Some(Request {
                method: Method::Get,
                path: path.to_owned(),
                host: (path == "/").then(|| "a".to_owned()),
                accepts,
            }))
        };
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
        for (head, read) in [
            ("", Ok(None)),
            ("GET / HTTP/1.1\r\nHost: a\r\n", Ok(None)),
            (
                "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest",
                get("/", Accepts::Anything),
            ),
            (
                "GET /metrics?x=1 HTTP/1.0\r\nACCEPT: text/plain;q=0.1, application/openmetrics-text;version=1.0.0\r\n\r\n",
                get("/metrics", Accepts::OpenMetrics),
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
                Err(Refusal::BadRequest),
            ),
            ("POST / HTTP/1.1\r\n\r\n", Err(Refusal::MethodNotAllowed)),
            ("get / HTTP/1.1\r\n\r\n", Err(Refusal::BadRequest)),
            ("GET / HTTP/2.0\r\n\r\n", Err(Refusal::Version)),
            ("GET  / HTTP/1.1\r\n\r\n", Err(Refusal::BadRequest)),
            ("GET a HTTP/1.1\r\n\r\n", Err(Refusal::BadRequest)),
            ("GET /\u{e9} HTTP/1.1\r\n\r\n", Err(Refusal::BadRequest)),
            (
                "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                Err(Refusal::BadRequest),
            ),
            ("GET / HTTP/1.1\r\nA : b\r\n\r\n", Err(Refusal::BadRequest)),
            (
                "GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
                Err(Refusal::BadRequest),
            ),
            (long.as_str(), Err(Refusal::TooLarge)),
        ] {
            assert_eq!(read_head(head.as_bytes()), read, "{head:.60}");
        }
        assert_eq!(read_head(b"\xff\r\n\r\n"), Err(Refusal::BadRequest));
    }

    #[test]
    fn a_host_is_read_without_its_port() {
        for (value, host) in [
            ("LocalHost:9765", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]:9765", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:b", "a:b"),
            (" a\t", "a"),
        ] {
            assert_eq!(without_port(value), host, "{value}");
        }
    }
}
