//! Why a server could not be seen as a client, in words.

use super::OutboundCall;
use crate::explain::{Explain, Explanation, printable};
use crate::probe::ProbeError;
use crate::probe::error::words_for_io;
use crate::wire::xmpp::XmppError;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why there is no proof of what a server shows as a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// The listener for the call could not be opened.
    #[error("cannot listen on {listen}: {why}")]
    NotBound {
        /// Where.
        listen: SocketAddr,
        /// Why, in words.
        why: String,
        /// Whether another socket holds the port.
        taken: Taken,
    },
    /// The server cannot be reached, or does not take our stream.
    #[error("the server at {server} did not take a stream from {partner}: {why}")]
    Refused {
        /// The server.
        server: SocketAddr,
        /// Who we said we were.
        partner: String,
        /// Why.
        #[source]
        why: ProbeError,
    },
    /// The server's features do not offer dialback.
    #[error("the server at {server} offers no dialback")]
    NoDialback {
        /// The server.
        server: SocketAddr,
    },
    /// Nobody called in time.
    #[error("the server did not call {partner} at {listen} within {within:?}")]
    NotCalled {
        /// The partner that should have been called.
        partner: String,
        /// Where it was awaited.
        listen: SocketAddr,
        /// How long.
        within: Duration,
        /// Who called in its place, cleaned; empty: nobody.
        heard: Vec<String>,
    },
    /// The server gave up calling, and says why.
    #[error("the server could not verify with {partner}: {said}")]
    Unreachable {
        /// The partner that should have been called.
        partner: String,
        /// Where it was awaited.
        listen: SocketAddr,
        /// Its words, cleaned.
        said: String,
    },
    /// It called, and showed no certificate.
    #[error("the server called and showed no certificate")]
    NoCertificate,
    /// It called, and the call broke off.
    #[error("the server called, and its call failed: {0}")]
    Call(#[source] ProbeError),
    /// This machine gave no means.
    #[error("the call could not be prepared: {0}")]
    Io(String),
}

/// Whether a port is another socket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is.
    ByAnother,
    /// It is not.
    No,
}

impl OutboundError {
    pub(super) fn not_bound(listen: SocketAddr, error: &io::Error) -> Self {
        let taken = match error.kind() == io::ErrorKind::AddrInUse {
            true => Taken::ByAnother,
            false => Taken::No,
        };
        OutboundError::NotBound {
            listen,
            why: words_for_io(error),
            taken,
        }
    }

    pub(super) fn refused(call: &OutboundCall, why: ProbeError) -> Self {
        OutboundError::Refused {
            server: call.server,
            partner: call.partner.clone(),
            why,
        }
    }
}

/// Whether the server's rules turned us away, rather than its network.
fn is_policy(why: &ProbeError) -> bool {
    matches!(
        why,
        ProbeError::Xmpp(XmppError::Stream { condition, .. })
            if matches!(condition.as_str(), "not-authorized" | "policy-violation")
    )
}

impl Explain for OutboundError {
    fn explain(&self) -> Explanation {
        let (code, place, why, mend) = match self {
            OutboundError::NotBound { listen, why, taken } => (
                "probe.outbound-not-bound",
                listen.to_string(),
                why.clone(),
                match taken {
                    Taken::ByAnother => format!(
                        "`ss -ltnp 'sport = :{}'` names the program that holds it (a server that listens on all addresses holds each); give \
                         `outbound` another address, or another port with an SRV record that leads there",
                        listen.port()
                    ),
                    Taken::No => {
                        "let `outbound` name an address of this machine, and a port that may be opened".to_owned()
                    }
                },
            ),
            OutboundError::Refused { server, partner, why } => {
                let told = why.explain();
                (
                    "probe.outbound-refused",
                    server.to_string(),
                    told.why,
                    match is_policy(why) {
                        true => format!(
                            "let it federate with {partner} by dialback, without a certificate that it trusts: in Prosody \
                             `s2s_insecure_domains = {{ \"{partner}\" }}`, in ejabberd no `s2s_use_starttls: required_trusted` and an \
                             `s2s_access` that allows it"
                        ),
                        false => told.mend,
                    },
                )
            }
            OutboundError::NoDialback { server } => (
                "probe.outbound-no-dialback",
                server.to_string(),
                "without dialback there is nothing that makes it call".to_owned(),
                "switch it on: `dialback` in Prosody's modules_enabled, `mod_s2s_dialback` in ejabberd's modules; \
                 or leave `outbound` out"
                    .to_owned(),
            ),
            OutboundError::NotCalled { partner, listen, within, heard } => (
                "probe.outbound-not-called",
                listen.to_string(),
                match heard.is_empty() {
                    true => format!("nobody called within {within:?}"),
                    false => format!("others called within {within:?}: {}", heard.join("; ")),
                },
                leads(partner, *listen),
            ),
            OutboundError::Unreachable { partner, listen, said } => (
                "probe.outbound-unreachable",
                listen.to_string(),
                format!("the server says: {said}"),
                leads(partner, *listen),
            ),
            OutboundError::NoCertificate => (
                "probe.outbound-no-certificate",
                String::new(),
                "it was asked for one and sent none: it has none for calls, or none of the wanted kind of key".to_owned(),
                "name the certificate for outgoing connections in the server's configuration as well, and look into its log"
                    .to_owned(),
            ),
            OutboundError::Call(error) => {
                let told = error.explain();
                (
                    "probe.outbound-call",
                    String::new(),
                    told.why,
                    "look into the server's log at this time".to_owned(),
                )
            }
            OutboundError::Io(why) => (
                "probe.outbound-io",
                String::new(),
                why.clone(),
                "look at this machine's limits of files and memory".to_owned(),
            ),
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place,
            why: printable(&why),
            mend: printable(&mend),
        }
    }
}

/// What must hold for the server to find us.
fn leads(partner: &str, listen: SocketAddr) -> String {
    match partner.parse::<std::net::IpAddr>() {
        Ok(_) => format!(
            "a server calls an IP address at port 5269: let {listen} be {partner} at that port, and see that no firewall stands between"
        ),
        Err(_) => format!(
            "let the server's resolver lead from {partner} to {listen} (an address, or `_xmpp-server._tcp.{partner}` for another port \
             than 5269), and see that no firewall stands between"
        ),
    }
}
