//! Protocol pieces without sockets: what XMPP and SIP say before and around TLS, and the gateway's control talk.
//!
//! Pure: bytes that were read come in, bytes to write and decisions go out; each state machine is driven by
//! whoever owns the socket (`probe` as client, `gateway` as server). Limits on bytes are named here, limits on time
//! belong to the drivers. Standards: RFC 6120, RFC 7590, XEP-0368, RFC 3261 §7.

pub mod control;
pub mod http;
pub mod sip;
pub mod xmpp;
