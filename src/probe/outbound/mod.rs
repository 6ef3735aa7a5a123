//! What an XMPP server shows as a TLS client: it is asked to call us, and its certificate is kept.
//!
//! We open a server stream to it in the name of a made-up partner and send a dialback key (XEP-0220), which makes it
//! call that partner to have the key verified; there we listen, ask for its certificate in the handshake, and end the
//! call. No key is ever said to be valid, and nothing of either connection is trusted. `line` is the stream to
//! the server, `call` what comes back, `tls` the handshake of that.

mod call;
mod error;
mod line;
mod tls;

pub use error::OutboundError;

use super::drive::FAREWELL;
use super::{KeyKind, Limits};
use crate::names::{Domain, Protocol};
use call::Desk;
use line::Line;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Calls that are answered at the same time; the oldest makes room for more.
pub const MAX_CALLS: usize = 16;

/// For one call, from its first byte to the end of its handshake.
pub const CALL: Duration = Duration::from_secs(10);

/// For its first byte and, before TLS, its header: until then it may be anybody's.
pub const NAMELESS: Duration = Duration::from_secs(2);

/// How long a call that has begun may go on once the server has said that it will not come.
const GRACE: Duration = Duration::from_millis(500);

/// Who is to call, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundCall {
    /// The server's own listener for other servers.
    pub server: SocketAddr,
    /// What that listener speaks: `xmpp-server` or `xmpps-server`.
    pub protocol: Protocol,
    /// A domain that the server serves: it calls as this one.
    pub host: Domain,
    /// The domain that it is to call, or an IP address; the server's resolver leads from it to `listen`.
    pub partner: String,
    /// Where it is awaited.
    pub listen: SocketAddr,
    /// Which signature types to ask for, where it has several certificates.
    pub key_kind: KeyKind,
}

impl OutboundCall {
    /// The partner as XMPP writes it: an IPv6 address stands in brackets (RFC 7622 §3.2).
    fn partner_domain(&self) -> String {
        match self.partner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => format!("[{}]", self.partner),
            Err(_) => self.partner.clone(),
        }
    }
}

/// What was seen of the call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboundObservation {
    /// Certificates as the caller sent them, DER, leaf first; kept even when the handshake failed later.
    pub chain: Vec<Vec<u8>>,
    /// Whether the caller proved that it holds the leaf's key, as in [`super::Observation::possession`].
    pub possession: Option<bool>,
    /// Why there is no proof, if there is none.
    pub failure: Option<OutboundError>,
    /// How long it took.
    pub took: Duration,
}

impl OutboundObservation {
    fn failed(failure: OutboundError) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }
}

/// Has the server call once. Opens a listener and a connection; both are closed when it ends, within `limits.total`.
/// Never fails: what went wrong stands in [`OutboundObservation::failure`].
pub async fn observe(call: &OutboundCall, limits: Limits) -> OutboundObservation {
    let begun = Instant::now();
    let mut seen = match tokio::time::timeout(limits.total, observe_call(call, limits, begun)).await
    {
        Ok(seen) => seen,
        // Before the key was sent: waiting for the call has its own limit.
        Err(_) => OutboundObservation::failed(OutboundError::refused(
            call,
            super::ProbeError::Timeout(limits.total),
        )),
    };
    seen.took = begun.elapsed();
    seen
}

/// The same, for callers without a runtime. Blocks; not to be called from within a runtime.
pub fn observe_blocking(call: &OutboundCall, limits: Limits) -> OutboundObservation {
    match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
    {
        Ok(runtime) => runtime.block_on(observe(call, limits)),
        Err(error) => {
            OutboundObservation::failed(OutboundError::Io(super::error::words_for_io(&error)))
        }
    }
}

async fn observe_call(call: &OutboundCall, limits: Limits, begun: Instant) -> OutboundObservation {
    let failed = OutboundObservation::failed;
    // First of all, so that a call finds us however quickly it comes.
    let listener = match TcpListener::bind(call.listen).await {
        Ok(listener) => listener,
        Err(error) => return failed(OutboundError::not_bound(call.listen, &error)),
    };
    let desk = match Desk::new(call) {
        Ok(desk) => Arc::new(desk),
        Err(why) => return failed(OutboundError::Io(why)),
    };
    let mut line = match Line::open(call, limits).await {
        Ok(line) => line,
        Err(error) => return failed(error),
    };
    // A little is kept for the end, so that the words of this limit are said and not those of all.
    let left = limits.total.saturating_sub(begun.elapsed());
    let (grace, farewell) = (GRACE.min(left / 4), FAREWELL.min(left / 8));
    let within = left.saturating_sub(grace + 2 * farewell);
    let awaited = call::await_call(&listener, &desk);
    tokio::pin!(awaited);
    let told = tokio::select! {
        seen = &mut awaited => Ok(seen),
        said = line.answer() => Err(OutboundError::Unreachable {
            partner: call.partner.clone(),
            listen: call.listen,
            said,
        }),
        () = tokio::time::sleep(within) => Err(OutboundError::NotCalled {
            partner: call.partner.clone(),
            listen: call.listen,
            within,
            heard: desk.heard(),
        }),
    };
    let seen = match told {
        Ok(seen) => seen,
        // Its answer may overtake the end of its call.
        Err(error @ OutboundError::Unreachable { .. }) => tokio::time::timeout(grace, awaited)
            .await
            .unwrap_or_else(|_| desk.without_proof(error)),
        Err(error) => desk.without_proof(error),
    };
    line.close(farewell).await;
    seen
}

#[cfg(test)]
mod tests;
