//! Why a probe stopped, in words.

use super::words::{Circumstances, hint, words_for_tls_error};
use crate::explain::{Explain, Explanation, os_words, printable};
use crate::wire::{sip, xmpp};
use std::io;
use std::time::Duration;

/// Why a stage failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// TCP refused or unreachable.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The time limit.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The XMPP exchange.
    #[error(transparent)]
    Xmpp(#[from] xmpp::XmppError),
    /// The SIP exchange.
    #[error(transparent)]
    Sip(#[from] sip::SipError),
    /// The TLS handshake: an alert (`handshake-failure`) or what rustls says, in words.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The peer closed.
    #[error("the peer closed the connection")]
    Closed,
    /// The connection failed in another way.
    #[error("the connection failed: {0}")]
    Io(String),
}

impl ProbeError {
    /// Whether the peer says that the domain asked for is not served there (RFC 6120 §4.9.3.5 and .6).
    pub fn is_unknown_host(&self) -> bool {
        matches!(
            self,
            ProbeError::Xmpp(xmpp::XmppError::Stream { condition, .. })
                if matches!(condition.as_str(), "host-unknown" | "host-gone")
        )
    }

    /// Whether the peer spoke, and not TLS.
    pub fn is_not_tls(&self) -> bool {
        matches!(self, ProbeError::Tls(words) if words == super::words::NOT_TLS)
    }

    /// Whether the peer's rules refuse everybody (RFC 8446 §6.2, access_denied): so the embedded gateway answers while
    /// it has nothing to serve.
    pub fn is_access_denied(&self) -> bool {
        matches!(self, ProbeError::Tls(words) if words.contains("access-denied"))
    }

    /// From reading, writing or shaking hands; a TLS error within is told with what is known around it.
    // The kinds are the library's and grow with it.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub(super) fn from_io(error: &io::Error, around: &Circumstances) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = inner {
            let words = words_for_tls_error(tls);
            return ProbeError::Tls(match hint(tls, around) {
                Some(hint) => format!("{words}; {hint}"),
                None => words,
            });
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ProbeError::Closed,
            _ => ProbeError::Io(words_for_io(error)),
        }
    }
}

/// What the system says of a connection, without its numbers.
// The kinds are the system's and grow with it.
#[allow(clippy::wildcard_enum_match_arm)]
pub(super) fn words_for_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "the host does not answer".to_owned(),
        io::ErrorKind::PermissionDenied => "this machine's rules forbid the connection".to_owned(),
        _ => os_words(error),
    }
}

impl Explain for ProbeError {
    fn explain(&self) -> Explanation {
        let (code, why, mend) = match self {
            ProbeError::Xmpp(error) => return error.explain(),
            ProbeError::Sip(error) => return error.explain(),
            ProbeError::Connect(words) => (
                "probe.connect",
                words.clone(),
                "see that the server runs and listens on this address and port, and that no firewall stands between",
            ),
            ProbeError::Timeout(limit) => (
                "probe.timeout",
                format!("the peer took longer than {limit:?}"),
                "see that --protocol names what the port speaks (a server that waits for TLS says nothing to STARTTLS), \
                 or allow more time",
            ),
            ProbeError::Tls(words) => (
                "probe.tls",
                words.clone(),
                "look into the server's log at this time",
            ),
            ProbeError::Closed => (
                "probe.closed",
                "the connection ended before the peer answered".to_owned(),
                "look into the server's log at this time; it may limit connections, refuse our address or speak another protocol",
            ),
            ProbeError::Io(words) => (
                "probe.io",
                words.clone(),
                "try again; if it persists look at the network between",
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place: String::new(),
            why: printable(&why),
            mend: mend.to_owned(),
        }
    }
}
