//! Connect, greet, keep what was served. Trusts nothing, judges nothing: used by `assign` for proof and by `check`.
//!
//! A verifier that records and never refuses stands in the handshake, so that the chain is kept even when the
//! handshake fails later; it is used nowhere else, and nothing it lets through is ever trusted. No session is
//! resumed. RFC 6120, RFC 7590, XEP-0368, RFC 3261. `tls` holds that verifier, `drive` the talk on the socket,
//! `manner` what differs on request, `words` what TLS errors mean; [`outbound`] has an XMPP server call us, to see what it shows as a client.

mod drive;
mod error;
mod manner;
pub mod outbound;
mod tls;
mod words;

pub use error::ProbeError;
pub use manner::{Alpn, Manner, OwnPair};
pub use words::words_for_tls_error;

use crate::names::{Domain, Protocol};
use crate::wire::{sip, xmpp};
use crate::x509::PublicKeyKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most certificates of a chain that are kept.
pub const MAX_CHAIN: usize = 20;

/// Most bytes of one certificate that are kept; the TLS library takes at most 64 KiB of certificates in all.
pub const MAX_CERTIFICATE: usize = 256 * 1024;

/// Whom to ask, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub address: SocketAddr,
    /// How.
    pub protocol: Protocol,
    /// SNI; `None`: not sent.
    pub server_name: Option<Domain>,
    /// The stream's `to`, or the domain of the OPTIONS URI; `None`: the SNI; without it, no stream inside direct TLS.
    pub domain: Option<Domain>,
    /// The stream's `from`.
    pub from: Domain,
    /// Which signature types to offer, so that one of two certificates can be singled out.
    pub key_kind: KeyKind,
    /// Whether to go on inside TLS (stream features, OPTIONS) or stop after the handshake.
    pub depth: Depth,
}

/// Signature types offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// All we know.
    #[default]
    Any,
    /// RSA only.
    Rsa,
    /// ECDSA only.
    Ecdsa,
    /// Ed25519 only.
    Ed25519,
}

impl From<&PublicKeyKind> for KeyKind {
    /// The signature types that single out a key of this kind, where a server holds several certificates.
    fn from(key: &PublicKeyKind) -> Self {
        match key {
            PublicKeyKind::Rsa { .. } => KeyKind::Rsa,
            PublicKeyKind::Ec { .. } => KeyKind::Ecdsa,
            PublicKeyKind::Ed25519 => KeyKind::Ed25519,
            PublicKeyKind::Other(_) => KeyKind::Any,
        }
    }
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Stop when the handshake is over.
    Handshake,
    /// Ask for stream features or OPTIONS inside.
    Inside,
}

/// Time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the TCP connection.
    pub connect: Duration,
    /// For everything together.
    pub total: Duration,
}

/// How far a probe came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TCP.
    Connect,
    /// Stream header and STARTTLS.
    Greeting,
    /// TLS handshake.
    Handshake,
    /// Features or OPTIONS inside TLS.
    Inside,
}

impl Stage {
    /// In words, for `while …`: `connecting`, `opening the stream`.
    pub fn words(self) -> &'static str {
        match self {
            Stage::Connect => "connecting",
            Stage::Greeting => "opening the stream and asking for TLS",
            Stage::Handshake => "shaking hands",
            Stage::Inside => "talking inside TLS",
        }
    }
}

/// What was seen. Chain and possession are there even when a later stage failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Certificates as sent, DER, leaf first as the peer claims.
    pub chain: Vec<Vec<u8>>,
    /// Whether the peer proved that it holds the leaf's key; `None`: not reached, or a leaf that cannot be read for it
    /// (not X.509 v3), or an RSA key under 2048 bits, whose signatures are not checked.
    pub possession: Option<bool>,
    /// `TLSv1.3`.
    pub tls_version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// ALPN agreed on.
    pub alpn: Option<String>,
    /// Whether a client certificate was asked for.
    pub asked_for_certificate: bool,
    /// Whether one of ours was presented.
    pub presented: bool,
    /// Header that the peer sent (inside TLS, else before).
    pub header: Option<xmpp::StreamHeader>,
    /// Features before TLS.
    pub features_before: Option<xmpp::Features>,
    /// Features inside TLS.
    pub features: Option<xmpp::Features>,
    /// Answer to OPTIONS.
    pub sip_status: Option<sip::Status>,
    /// The last stage that was entered; it came to its end if `failure` is `None`.
    pub reached: Option<Stage>,
    /// Why it stopped there, if it did not come to its end.
    pub failure: Option<ProbeError>,
    /// How long it took.
    pub took: Duration,
}

impl Observation {
    /// Whether the TLS handshake came to its end, whatever happened afterwards.
    pub fn handshake_completed(&self) -> bool {
        match self.reached {
            Some(Stage::Inside) => true,
            Some(Stage::Handshake) => self.failure.is_none(),
            Some(Stage::Connect | Stage::Greeting) | None => false,
        }
    }
}

/// Probes once: one connection, no session resumed, no certificate of ours presented. Opens a connection; ends within
/// `limits.total`. Never fails: what went wrong stands in [`Observation::failure`].
pub async fn probe(target: &Target, limits: Limits) -> Observation {
    probe_as(target, limits, &Manner::default()).await
}

/// The same in another manner: without ALPN, or with a certificate of ours for whoever asks for one.
pub async fn probe_as(target: &Target, limits: Limits, manner: &Manner) -> Observation {
    let begun = Instant::now();
    let recorder = Arc::new(tls::Recorder::asking(target.key_kind, manner));
    let mut seen = Observation::default();
    let mut finished = false;
    let talk = drive::talk(target, limits, &recorder, &mut seen, &mut finished);
    let outcome = tokio::time::timeout(limits.total, talk).await;
    seen.failure = match outcome {
        Ok(result) => result.err(),
        // Only the polite close was still under way.
        Err(_) if finished => None,
        Err(_) => Some(ProbeError::Timeout(limits.total)),
    };
    recorder.fill(&mut seen);
    seen.took = begun.elapsed();
    seen
}

/// The same, for callers without a runtime. Blocks; not to be called from within a runtime.
pub fn probe_blocking(target: &Target, limits: Limits) -> Observation {
    match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
    {
        Ok(runtime) => runtime.block_on(probe(target, limits)),
        Err(error) => Observation {
            failure: Some(ProbeError::Io(error::words_for_io(&error))),
            ..Observation::default()
        },
    }
}

#[cfg(test)]
mod tests;
