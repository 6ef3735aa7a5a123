//! Where a caIssuers URL leads: http, a host, a port and a path, and nothing that could bend a request (RFC 3986).

use super::FetchError;
use crate::explain::printable;

/// Longest URL.
const MAX_URL: usize = 2048;

/// Whether a URL is http.
pub(super) fn is_http(url: &str) -> bool {
    url.get(..7)
        .is_some_and(|begin| begin.eq_ignore_ascii_case("http://"))
}

/// An http URL, taken apart (RFC 3986).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, FetchError> {
        let bad = |reason| FetchError::BadUrl {
            url: printable(&url.chars().take(MAX_URL).collect::<String>()),
            reason,
        };
        if url.len() > MAX_URL {
            return Err(bad("it is too long"));
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad(
                "it holds a blank, a control character or one beyond ASCII",
            ));
        }
        if !is_http(url) {
            return Err(FetchError::OtherScheme {
                url: printable(url),
            });
        }
        let rest = url.get(7..).unwrap_or_default();
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.contains('@') {
            return Err(bad("it holds a user"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner
                    .split_once(']')
                    .ok_or_else(|| bad("its address has no closing bracket"))?;
                (host, after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            None | Some("") => 80,
            Some(digits) => digits.parse().map_err(|_| bad("its port is no number"))?,
        };
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        Ok(Self {
            host: host.to_owned(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// Where a Location leads: another http URL, or a path on the same host.
    pub(super) fn moved(&self, location: &str) -> Result<Self, FetchError> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Self::parse(&format!("http://{}{location}", self.authority()));
        }
        Self::parse(location)
    }

    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match self.port {
            80 => host,
            port => format!("{host}:{port}"),
        }
    }

    /// The URL as it is asked, fit to be shown.
    pub(super) fn shown(&self) -> String {
        printable(&format!("http://{}{}", self.authority(), self.path))
    }

    pub(super) fn host_and_port(&self) -> String {
        printable(&format!("{}:{}", self.host, self.port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_http_and_nothing_else() {
        let target = Target::parse("HTTP://ca.example.net/e5.cer#top").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.path.as_str()),
            ("ca.example.net", 80, "/e5.cer")
        );
        let target = Target::parse("http://[2001:db8::1]:8080?x=1").unwrap();
        assert_eq!(target.authority(), "[2001:db8::1]:8080");
        assert_eq!(target.path, "/?x=1");
        for url in [
            "https://ca.example.net/",
            "ldap:///CN=x",
            "file:///etc/passwd",
            "",
        ] {
            assert!(
                matches!(Target::parse(url), Err(FetchError::OtherScheme { .. })),
                "{url}"
            );
        }
        for url in [
            "http://",
            "http://a@b/",
            "http://a:port/",
            "http://a/\r\nX: y",
            "http://a/ b",
            "http://[::1/",
        ] {
            assert!(
                matches!(Target::parse(url), Err(FetchError::BadUrl { .. })),
                "{url}"
            );
        }
        assert!(
            Target::parse("http://a/")
                .unwrap()
                .moved("https://a/")
                .is_err()
        );
        assert_eq!(target.moved("/new").unwrap().path, "/new");
    }
}
