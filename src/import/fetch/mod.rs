//! Missing intermediates, fetched from where the certificate says its issuer lies, and only when that was asked for.
//!
//! The one place of the room that opens a connection: a plain HTTP/1.1 GET over TCP, as caIssuers are http (RFC 5280
//! §4.2.2.1), with bounds on bytes, time, redirects and fetches. What comes back is believed only where its name is
//! the issuer's and its key made the signature; so the transport needs no protection. No other scheme is followed.

pub mod http;
mod target;
#[cfg(test)]
mod tests;

use crate::explain::{Explain, Explanation, os_words, printable};
use crate::x509::{Certificate, X509Error, container};
use http::{Answer, read_answer};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use target::{Target, is_http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Most certificates fetched for one chain.
pub const MAX_FETCHES: usize = 6;

/// Most certificates of one answer that are looked at; a `.p7c` of a large CA holds some ten.
pub const MAX_IN_ANSWER: usize = 100;

/// Most bytes of an answer, head and body together; an intermediate has some 2 KB.
pub const MAX_ANSWER: usize = 256 * 1024;

/// Time for one URL, redirects and all.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Time for all that is fetched for one chain.
pub const TIMEOUT_OF_ALL: Duration = Duration::from_secs(30);

/// Most redirects followed.
const MAX_REDIRECTS: usize = 3;

/// Most URLs that are tried for one certificate.
const MAX_URLS: usize = 4;

/// A certificate that was fetched, and is the issuer of the one that named it.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The issuer.
    pub issuer: Certificate,
    /// From where, as the certificate says; fit to be shown.
    pub url: String,
    /// Which address answered last.
    pub address: SocketAddr,
}

/// Why nothing was fetched from a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// It is no URL that can be asked.
    #[error("{url} is no URL that can be asked: {reason}")]
    BadUrl {
        /// The URL, fit to be shown.
        url: String,
        /// Why.
        reason: &'static str,
    },
    /// Not http.
    #[error("{url} is not http")]
    OtherScheme {
        /// The URL, fit to be shown.
        url: String,
    },
    /// No connection, or it broke.
    #[error("{host}: {reason}")]
    Network {
        /// Host and port.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// Nothing within [`TIMEOUT`], or what was left of [`TIMEOUT_OF_ALL`].
    #[error("{host} gave no whole answer within {seconds} s")]
    Slow {
        /// Host and port of the first URL.
        host: String,
        /// The time it had.
        seconds: u64,
    },
    /// All of [`TIMEOUT_OF_ALL`] went by before.
    #[error("{} s went by with fetching before {url} was asked", TIMEOUT_OF_ALL.as_secs())]
    OutOfTime {
        /// The URL, fit to be shown.
        url: String,
    },
    /// An answer that is not 200.
    #[error("{host} answers {status}")]
    Status {
        /// Host and port.
        host: String,
        /// The status code.
        status: u16,
    },
    /// An answer that cannot be understood, or is over [`MAX_ANSWER`].
    #[error("the answer of {host} {reason}")]
    BadAnswer {
        /// Host and port.
        host: String,
        /// `is no HTTP/1.1`.
        reason: String,
    },
    /// What came holds no certificate.
    #[error("what {url} holds cannot be read")]
    Unreadable {
        /// The URL, fit to be shown.
        url: String,
        /// Why.
        #[source]
        source: X509Error,
    },
    /// It holds certificates, none of which made the signature.
    #[error("what {url} holds is not the issuer")]
    NotTheIssuer {
        /// The URL, fit to be shown.
        url: String,
        /// What it is instead, fit to be shown.
        found: String,
    },
    /// The certificate names no place.
    #[error("{name} does not say where its issuer lies")]
    NoUrl {
        /// The certificate, fit to be shown.
        name: String,
    },
}

impl Explain for FetchError {
    fn explain(&self) -> Explanation {
        let (code, mend) = match self {
            FetchError::BadUrl { .. } => ("import.fetch-url", BY_HAND),
            FetchError::OtherScheme { .. } => ("import.fetch-scheme", BY_HAND),
            FetchError::Network { .. } => ("import.fetch-network", BY_HAND),
            FetchError::Slow { .. } | FetchError::OutOfTime { .. } => {
                ("import.fetch-slow", BY_HAND)
            }
            FetchError::Status { .. } => ("import.fetch-status", BY_HAND),
            FetchError::BadAnswer { .. } => ("import.fetch-answer", BY_HAND),
            FetchError::Unreadable { .. } => ("import.fetch-unreadable", BY_HAND),
            FetchError::NotTheIssuer { .. } => ("import.fetch-not-the-issuer", BY_HAND),
            FetchError::NoUrl { .. } => ("import.fetch-no-url", BY_HAND),
        };
        let why = match self {
            FetchError::OtherScheme { url } => {
                format!("{url}: only http is asked, as RFC 5280 §4.2.2.1 has it for this purpose")
            }
            FetchError::Unreadable { source, .. } => format!("{self}: {}", source.explain().why),
            FetchError::NotTheIssuer { found, .. } => {
                format!("{self}: it is {found}, whose name or key is not that of the signature")
            }
            FetchError::BadUrl { .. }
            | FetchError::Network { .. }
            | FetchError::Slow { .. }
            | FetchError::OutOfTime { .. }
            | FetchError::Status { .. }
            | FetchError::BadAnswer { .. }
            | FetchError::NoUrl { .. } => self.to_string(),
        };
        Explanation {
            code,
            what: "a missing intermediate could not be fetched".into(),
            place: String::new(),
            why: printable(&why),
            mend: mend.into(),
        }
    }
}

const BY_HAND: &str =
    "get it from the CA's page of intermediates, and import it together with the leaf";

/// Fetches for one chain, within [`TIMEOUT_OF_ALL`] together.
pub struct Fetcher<'a> {
    ends: Instant,
    tell: &'a dyn Fn(&str),
}

impl<'a> Fetcher<'a> {
    /// Its time begins now. `tell` hears every URL, fit to be shown, before anything is resolved or connected for it;
    /// redirects too.
    pub fn new(tell: &'a dyn Fn(&str)) -> Self {
        Self {
            ends: Instant::now() + TIMEOUT_OF_ALL,
            tell,
        }
    }

    /// Fetches the issuer of a certificate from the places that it names, the first that holds it.
    ///
    /// Errors: the last one met, where no place holds it. Effects: resolves names and opens connections, to addresses
    /// of any kind (a private CA lies in a private network), and through no proxy; blocks for at most [`TIMEOUT`] a
    /// place.
    pub fn issuer_of(&self, of: &Certificate) -> Result<Fetched, FetchError> {
        let mut last = FetchError::NoUrl {
            name: of.display_name(),
        };
        let urls = &of.facts().ca_issuers;
        // http first, so that an ldap URL of AD CS is the reason only where there is nothing else
        let (http, other): (Vec<&String>, Vec<&String>) = urls.iter().partition(|url| is_http(url));
        for url in http.into_iter().chain(other).take(MAX_URLS) {
            match self.from(url, of) {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    let only_scheme = matches!(error, FetchError::OtherScheme { .. });
                    if !only_scheme || matches!(last, FetchError::NoUrl { .. }) {
                        last = error;
                    }
                }
            }
        }
        Err(last)
    }

    fn from(&self, url: &str, of: &Certificate) -> Result<Fetched, FetchError> {
        let (bytes, address) = self.get(url)?;
        let shown = printable(url);
        let contents = container::read(&bytes, None).map_err(|source| FetchError::Unreadable {
            url: shown.clone(),
            source,
        })?;
        let mut found = String::new();
        for (_, one) in contents.certificates.into_iter().take(MAX_IN_ANSWER) {
            if one.facts().subject.der == of.facts().issuer.der && of.is_signed_by(&one) {
                return Ok(Fetched {
                    issuer: one,
                    url: shown,
                    address,
                });
            }
            found = one.display_name();
        }
        Err(FetchError::NotTheIssuer { url: shown, found })
    }

    fn get(&self, url: &str) -> Result<(Vec<u8>, SocketAddr), FetchError> {
        let first = Target::parse(url)?;
        let left = self.ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(FetchError::OutOfTime {
                url: printable(url),
            });
        }
        let time = left.min(TIMEOUT);
        let host = first.host_and_port();
        let failed = |reason: std::io::Error| FetchError::Network {
            host: host.clone(),
            reason: os_words(&reason),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let answer = runtime.block_on(async {
            match tokio::time::timeout(time, self.follow(first)).await {
                Ok(answer) => answer,
                Err(_) => Err(FetchError::Slow {
                    host: host.clone(),
                    seconds: time.as_secs().max(1),
                }),
            }
        });
        // a resolver's thread that hangs is not waited for
        runtime.shutdown_background();
        answer
    }

    async fn follow(&self, mut target: Target) -> Result<(Vec<u8>, SocketAddr), FetchError> {
        for _ in 0..=MAX_REDIRECTS {
            (self.tell)(&target.shown());
            match ask(&target).await? {
                Got::Body(body, address) => return Ok((body, address)),
                Got::Moved(location) => target = target.moved(&location)?,
            }
        }
        Err(FetchError::BadAnswer {
            host: target.host_and_port(),
            reason: format!("redirects more than {MAX_REDIRECTS} times"),
        })
    }
}

/// What one place gave.
enum Got {
    Body(Vec<u8>, SocketAddr),
    Moved(String),
}

async fn ask(target: &Target) -> Result<Got, FetchError> {
    let host = target.host_and_port();
    let broken = |reason: std::io::Error| FetchError::Network {
        host: host.clone(),
        reason: os_words(&reason),
    };
    let mut stream = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(broken)?;
    let address = stream.peer_addr().map_err(broken)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: edgecert/{}\r\nAccept: */*\r\nAccept-Encoding: identity\r\nConnection: close\r\n\r\n",
        target.path,
        target.authority(),
        env!("CARGO_PKG_VERSION"),
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    loop {
        let count = stream.read(&mut part).await.map_err(broken)?;
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
        let bad = |reason: String| FetchError::BadAnswer {
            host: host.clone(),
            reason,
        };
        match read_answer(&bytes, count == 0).map_err(bad)? {
            None => {}
            Some(Answer {
                status: 200, body, ..
            }) => return Ok(Got::Body(body, address)),
            Some(Answer {
                status: 301 | 302 | 303 | 307 | 308,
                location: Some(location),
                ..
            }) => return Ok(Got::Moved(location)),
            Some(Answer { status, .. }) => {
                return Err(FetchError::Status {
                    host: host.clone(),
                    status,
                });
            }
        }
    }
}
