//! What a gateway tells while it runs; `cli` turns it into log lines. Text from peers is already printable here.

use super::count::Way;
use crate::findings::Finding;
use crate::names::{Protocol, Slug};
use crate::x509::Fingerprint;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use time::OffsetDateTime;

/// Takes the events of a gateway, from any of its threads; it must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn event(&self, event: Event);
}

/// How an event should be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Life as usual.
    Info,
    /// Somebody was turned away, or will be.
    Warning,
    /// The gateway cannot do its work.
    Error,
}

/// Where in a connection's life something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// In clear text before STARTTLS.
    BeforeTls,
    /// In the TLS handshake.
    Handshake,
    /// Reading the stream header inside TLS.
    Header,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A listener is bound.
    Listening {
        /// What it speaks.
        protocol: Protocol,
        /// Where.
        listen: SocketAddr,
        /// Whether the socket came from systemd.
        activated: bool,
    },
    /// systemd handed over a socket that no listener has as its address: whoever connects there waits in vain.
    UnusedSocket {
        /// Where it listens.
        address: SocketAddr,
    },
    /// The control socket is open.
    ControlListening {
        /// Where.
        socket: PathBuf,
    },
    /// A pair is served from now on (found at the start, or just committed).
    Served {
        /// Which certificate.
        certificate: Slug,
        /// Its generation, 0 when unknown.
        generation: u32,
        /// Of the leaf.
        sha256: Fingerprint,
        /// Names in it, typed, printable.
        names: Vec<String>,
        /// End of validity.
        not_after: OffsetDateTime,
    },
    /// A certificate has no pair yet; handshakes are refused when none has one.
    NotServed {
        /// Which certificate.
        certificate: Slug,
        /// Where its pair would lie.
        path: PathBuf,
    },
    /// A pair in the gateway's folder cannot be served.
    PairBroken {
        /// Which certificate.
        certificate: Slug,
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// What is wrong with a pair that is served all the same.
    Findings {
        /// Which certificate.
        certificate: Slug,
        /// What.
        findings: Vec<Finding>,
    },
    /// Everything is open; connections are taken.
    Ready,
    /// A connection ended before it was worth anything.
    HandshakeFailed {
        /// The listener.
        listen: SocketAddr,
        /// The peer.
        peer: SocketAddr,
        /// How far it came.
        stage: Stage,
        /// Why.
        why: String,
    },
    /// A peer was let in; what it says from now on is between it and the backend. Without a proof told once a minute
    /// for each way.
    Admitted {
        /// The listener.
        listen: SocketAddr,
        /// The peer.
        peer: SocketAddr,
        /// The domain it speaks for.
        domain: String,
        /// How.
        way: Way,
        /// How many were let in this way and not told since the last that was.
        left_out: u64,
    },
    /// A peer was turned away by rule, or was too slow; told once a minute for each stream error.
    Refused {
        /// The listener.
        listen: SocketAddr,
        /// The peer.
        peer: SocketAddr,
        /// The domain it spoke for, if it said one; at most 100 characters of it.
        domain: Option<String>,
        /// The stream error it got (RFC 6120 §4.9.3).
        condition: &'static str,
        /// Why.
        why: String,
        /// How many with this stream error were not told since the last that was.
        left_out: u64,
    },
    /// A backend does not answer; told once until it does again.
    BackendUnreachable {
        /// The listener.
        listen: SocketAddr,
        /// The backend.
        backend: SocketAddr,
        /// Why.
        why: String,
    },
    /// A backend that did not answer does again.
    BackendReachable {
        /// The listener.
        listen: SocketAddr,
        /// The backend.
        backend: SocketAddr,
    },
    /// The system allows fewer descriptors than the limit of connections needs.
    FewDescriptors {
        /// Two a connection, and some more.
        needed: u64,
        /// The hard limit.
        allowed: u64,
    },
    /// How many connections there is room for.
    Capacity {
        /// At once.
        connections: u32,
        /// Descriptors that the process may open.
        descriptors: u64,
    },
    /// One source has its share of unfinished and unproved connections, or of these and relayed TLS, and more of it are closed at once; told once a minute.
    SourceCrowds {
        /// The address that came last.
        source: IpAddr,
        /// Its share.
        most: u32,
    },
    /// The limit of connections is reached; told once until there is room again.
    LimitReached {
        /// The limit.
        limit: u32,
    },
    /// A listener could not accept; it goes on after a pause.
    AcceptFailed {
        /// The listener.
        listen: SocketAddr,
        /// Why.
        why: String,
    },
    /// A new pair was committed.
    PairCommitted {
        /// Which certificate.
        certificate: Slug,
        /// Its generation.
        generation: u32,
        /// Of the leaf.
        sha256: Fingerprint,
    },
    /// A certificate was taken away by a commit.
    PairRemoved {
        /// Which certificate.
        certificate: Slug,
    },
    /// A pair was refused, and what is served is as before.
    PairRefused {
        /// Stable code.
        code: String,
        /// What and why.
        why: String,
    },
    /// Somebody else's process knocked at the control socket.
    ControlRefused {
        /// Its user.
        uid: u32,
    },
    /// Told to stop: no new connections.
    Draining {
        /// Connections still open.
        connections: u32,
        /// How long they have.
        within: Duration,
    },
    /// The end.
    Stopped {
        /// Connections that were cut.
        dropped: u32,
    },
}

impl Event {
    /// A stable kebab-case name.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Listening { .. } => "listening",
            Event::UnusedSocket { .. } => "unused-socket",
            Event::ControlListening { .. } => "control-listening",
            Event::Served { .. } => "served",
            Event::NotServed { .. } => "not-served",
            Event::PairBroken { .. } => "pair-broken",
            Event::Findings { .. } => "findings",
            Event::Ready => "ready",
            Event::HandshakeFailed { .. } => "handshake-failed",
            Event::Admitted { .. } => "admitted",
            Event::Refused { .. } => "refused",
            Event::BackendUnreachable { .. } => "backend-unreachable",
            Event::BackendReachable { .. } => "backend-reachable",
            Event::FewDescriptors { .. } => "few-descriptors",
            Event::Capacity { .. } => "capacity",
            Event::SourceCrowds { .. } => "source-crowds",
            Event::LimitReached { .. } => "limit-reached",
            Event::AcceptFailed { .. } => "accept-failed",
            Event::PairCommitted { .. } => "pair-committed",
            Event::PairRemoved { .. } => "pair-removed",
            Event::PairRefused { .. } => "pair-refused",
            Event::ControlRefused { .. } => "control-refused",
            Event::Draining { .. } => "draining",
            Event::Stopped { .. } => "stopped",
        }
    }

    /// How loud it is.
    pub fn level(&self) -> Level {
        match self {
            Event::Listening { .. }
            | Event::ControlListening { .. }
            | Event::Served { .. }
            | Event::Ready
            | Event::Capacity { .. }
            | Event::Admitted { .. }
            | Event::BackendReachable { .. }
            | Event::PairCommitted { .. }
            | Event::PairRemoved { .. }
            | Event::Draining { .. }
            | Event::Stopped { .. } => Level::Info,
            Event::UnusedSocket { .. }
            | Event::NotServed { .. }
            | Event::Findings { .. }
            | Event::HandshakeFailed { .. }
            | Event::Refused { .. }
            | Event::FewDescriptors { .. }
            | Event::SourceCrowds { .. }
            | Event::LimitReached { .. }
            | Event::PairRefused { .. }
            | Event::ControlRefused { .. } => Level::Warning,
            Event::PairBroken { .. }
            | Event::BackendUnreachable { .. }
            | Event::AcceptFailed { .. } => Level::Error,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::BeforeTls => "before TLS",
            Stage::Handshake => "in the handshake",
            Stage::Header => "at the stream header inside TLS",
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Listening {
                protocol,
                listen,
                activated,
            } => {
                write!(f, "listening on {listen} for {}", protocol.word())?;
                if *activated {
                    f.write_str(" (socket from systemd)")?;
                }
                Ok(())
            }
            Event::UnusedSocket { address } => write!(
                f,
                "systemd handed over a socket at {address}, and no listener has that address; make `listen` and ListenStream= the same"
            ),
            Event::ControlListening { socket } => {
                write!(f, "control socket at {}", socket.display())
            }
            Event::Served {
                certificate,
                generation,
                sha256,
                names,
                not_after,
            } => write!(
                f,
                "serves {certificate}/{generation} {} until {} for {}",
                sha256.short(),
                not_after.date(),
                names.join(", ")
            ),
            Event::NotServed { certificate, path } => write!(
                f,
                "{certificate} has no pair yet ({} is missing); `edgecert assign {certificate}` brings one",
                path.display()
            ),
            Event::PairBroken {
                certificate,
                path,
                why,
            } => write!(
                f,
                "{certificate} is not served: {}: {why}; `edgecert assign {certificate}` brings a sound pair",
                path.display()
            ),
            Event::Findings {
                certificate,
                findings,
            } => {
                write!(f, "{certificate} is served, but: ")?;
                for (index, finding) in findings.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "; " };
                    write!(f, "{gap}{} ({})", finding.what, finding.code.as_str())?;
                }
                Ok(())
            }
            Event::Ready => f.write_str("ready"),
            Event::HandshakeFailed {
                listen,
                peer,
                stage,
                why,
            } => write!(f, "{peer} at {listen} failed {stage}: {why}"),
            Event::Admitted {
                listen,
                peer,
                domain,
                way,
                left_out,
            } => {
                write!(f, "{peer} at {listen} was let in as {domain}: {way}")?;
                match left_out {
                    0 => Ok(()),
                    more => write!(f, " (and {more} more this way since the last line of it)"),
                }
            }
            Event::Refused {
                listen,
                peer,
                domain,
                condition,
                why,
                left_out,
            } => {
                write!(
                    f,
                    "{peer} at {listen} was refused as {}: {condition}: {why}",
                    domain.as_deref().unwrap_or("nobody")
                )?;
                match left_out {
                    0 => Ok(()),
                    more => write!(
                        f,
                        " (and {more} more with this error since the last line of it)"
                    ),
                }
            }
            Event::BackendUnreachable {
                listen,
                backend,
                why,
            } => write!(
                f,
                "the backend {backend} of {listen} does not answer: {why} (told once, until it does)"
            ),
            Event::BackendReachable { listen, backend } => {
                write!(f, "the backend {backend} of {listen} answers again")
            }
            Event::FewDescriptors { needed, allowed } => write!(
                f,
                "`connection-limit` needs {needed} file descriptors and the system allows {allowed}; raise LimitNOFILE= of the unit"
            ),
            Event::Capacity {
                connections,
                descriptors,
            } => write!(
                f,
                "room for {connections} connections at once ({descriptors} file descriptors)"
            ),
            Event::SourceCrowds { source, most } => write!(
                f,
                "{source} has {most} unfinished or unproved connections, further ones are closed at once (the other places are for others)"
            ),
            Event::LimitReached { limit } => write!(
                f,
                "all {limit} connections are taken, further ones are closed at once (`connection-limit`)"
            ),
            Event::AcceptFailed { listen, why } => {
                write!(f, "{listen} cannot accept a connection: {why}")
            }
            Event::PairCommitted {
                certificate,
                generation,
                sha256,
            } => write!(f, "committed {certificate}/{generation} {}", sha256.short()),
            Event::PairRemoved { certificate } => write!(f, "{certificate} is no longer served"),
            Event::PairRefused { code, why } => {
                write!(f, "refused a new pair: {why} ({code})")
            }
            Event::ControlRefused { uid } => write!(
                f,
                "user {uid} was turned away at the control socket; only the gateway's own user and root are heard"
            ),
            Event::Draining {
                connections,
                within,
            } => write!(
                f,
                "stopping; {connections} connections have {} s to end",
                within.as_secs()
            ),
            Event::Stopped { dropped } => write!(f, "stopped; {dropped} connections were cut"),
        }
    }
}
