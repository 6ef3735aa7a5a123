//! What a gateway is told at its start: listeners, backends, partners, anchors, and its limits.
//!
//! Sound types only: the deployment file is read in `deployment`, trust anchors are loaded by the caller. Limits on
//! bytes before TLS are those of [`crate::wire::xmpp`] and [`crate::wire::control`].

use crate::deployment::Embedded;
use crate::federation::Partner;
use crate::names::{Domain, Slug};
use std::collections::BTreeMap;
use std::time::Duration;

/// All that one gateway needs to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the deployment.
    pub name: Slug,
    /// Its table in the deployment: sockets, listeners, backends, how strangers are treated.
    pub embedded: Embedded,
    /// The partners that are known.
    pub partners: Vec<Partner>,
    /// The certificates it serves; the first is shown where no name decides.
    pub certificates: Vec<Slug>,
    /// Trust anchors for peers' certificates, DER; one that cannot be read is left out.
    pub anchors: Vec<Vec<u8>>,
    /// For a partner that has roots of its own (by its primary domain): the anchors that alone count, DER. A partner
    /// with roots that is missing here is believed by no anchor.
    pub partner_anchors: BTreeMap<Domain, Vec<Vec<u8>>>,
    /// Time limits.
    pub tuning: Tuning,
}

/// How long each stage may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// From the first byte of TLS to the end of the handshake.
    pub handshake: Duration,
    /// From accepting to the start of TLS on STARTTLS listeners, and for the stream header inside TLS.
    pub header: Duration,
    /// For connecting a backend, and for its first answer where we need one.
    pub backend: Duration,
    /// Without a byte in either direction; `None`: as long as both like, since XMPP streams may be silent for hours.
    pub idle: Option<Duration>,
    /// The same for a partner whose streams are not kept alive.
    pub unkept: Duration,
    /// Without a byte when one direction has been closed.
    pub half_closed: Duration,
    /// From the order to stop to the end of the last connection.
    pub drain: Duration,
    /// For one talk on the control socket.
    pub control: Duration,
    /// How long a prepared transaction waits for its commit.
    pub prepared: Duration,
    /// Pause of a listener when the system has no descriptor left.
    pub back_off: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            // Slow peers over satellite need three round trips of 2 s.
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            backend: Duration::from_secs(5),
            idle: None,
            // As ejabberd's s2s_timeout: a peer that has more to say opens another stream.
            unkept: Duration::from_secs(3600),
            half_closed: Duration::from_secs(120),
            drain: Duration::from_secs(30),
            control: Duration::from_secs(10),
            prepared: Duration::from_secs(120),
            back_off: Duration::from_millis(100),
        }
    }
}
