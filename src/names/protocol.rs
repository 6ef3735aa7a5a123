//! What a listener speaks: decides the reference identifiers, and how it is greeted.

use super::matching::Service;

/// What a listener speaks before and around TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// XMPP client to server, STARTTLS (5222).
    Xmpp,
    /// XMPP server to server, STARTTLS (5269).
    XmppServer,
    /// XMPP client to server, direct TLS (5223, ALPN `xmpp-client`).
    XmppsClient,
    /// XMPP server to server, direct TLS (5270, ALPN `xmpp-server`).
    XmppsServer,
    /// SIP over TLS (5061).
    Sips,
    /// Plain TLS.
    Tls,
}

impl Protocol {
    /// All, in the order of the documentation.
    pub const ALL: [Protocol; 6] = [
        Protocol::Xmpp,
        Protocol::XmppServer,
        Protocol::XmppsClient,
        Protocol::XmppsServer,
        Protocol::Sips,
        Protocol::Tls,
    ];

    /// The word in files and flags.
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Xmpp => "xmpp",
            Protocol::XmppServer => "xmpp-server",
            Protocol::XmppsClient => "xmpps-client",
            Protocol::XmppsServer => "xmpps-server",
            Protocol::Sips => "sips",
            Protocol::Tls => "tls",
        }
    }

    /// What a port is for, when nobody says.
    pub fn from_port(port: u16) -> Self {
        match port {
            5222 => Protocol::Xmpp,
            5269 => Protocol::XmppServer,
            5223 => Protocol::XmppsClient,
            5270 => Protocol::XmppsServer,
            5061 => Protocol::Sips,
            _ => Protocol::Tls,
        }
    }

    /// Which reference identifiers count on such a listener.
    pub fn service(self) -> Service {
        match self {
            Protocol::XmppServer | Protocol::XmppsServer => Service::XmppServer,
            Protocol::Xmpp | Protocol::XmppsClient => Service::XmppClient,
            Protocol::Sips => Service::Sip,
            Protocol::Tls => Service::Host,
        }
    }
}
