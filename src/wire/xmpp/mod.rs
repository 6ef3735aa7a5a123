//! Stream opening and STARTTLS (RFC 6120 §4, §5), client and server.
//!
//! Restricted XML only (RFC 6120 §11.1): a DTD, a comment, a processing instruction or an entity other than the
//! five predefined ones ends the exchange. `read` turns bytes into stream-level elements, `strict` checks what its parser does not, `element` says what those mean, `client` and `server` are
//! the two state machines, `dialback` goes on from the client's, `error` says what went wrong and what a peer's
//! condition means. No stanza is read here: what else follows the features belongs to the servers behind.

mod client;
mod dialback;
mod element;
mod error;
mod read;
mod server;
mod strict;

pub use client::{ClientStep, ClientStream};
pub use dialback::{DialbackAnswer, DialbackStep, DialbackStream};
pub use error::XmppError;
pub use read::read_header;
pub use server::{ServerStep, ServerStream, TlsOffer};

/// Most bytes taken from a peer before TLS, headers and features together.
pub const MAX_BYTES: usize = 16 * 1024;

/// The closing tag of a stream.
pub const CLOSE: &[u8] = b"</stream:stream>";

/// Longest address that is echoed in a header of ours, in bytes: a domainpart has at most 1023 (RFC 7622 §3.2).
const MAX_ADDRESS: usize = 1023;

const STREAMS: &str = "http://etherx.jabber.org/streams";
const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const DIALBACK: &str = "urn:xmpp:features:dialback";

/// Which kind of stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// `jabber:client`.
    Client,
    /// `jabber:server`.
    Server,
}

impl StreamKind {
    /// The content namespace (RFC 6120 §4.8.2).
    pub fn namespace(self) -> &'static str {
        match self {
            StreamKind::Client => "jabber:client",
            StreamKind::Server => "jabber:server",
        }
    }
}

/// The attributes of a stream header, as the peer wrote them: not yet fit to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// `jabber:server` or `jabber:client`, or what stood there.
    pub namespace: String,
    /// `to`.
    pub to: Option<String>,
    /// `from`.
    pub from: Option<String>,
    /// `id`.
    pub id: Option<String>,
    /// `version`.
    pub version: Option<String>,
}

/// What `<stream:features>` offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// STARTTLS: offered, and whether required.
    pub starttls: Option<bool>,
    /// SASL mechanisms, as the peer wrote them: not yet fit to be shown.
    pub mechanisms: Vec<String>,
    /// Dialback (XEP-0220), offered as a feature.
    pub dialback: bool,
}

/// Text fit to stand in an XML attribute or element; characters that XML 1.0 cannot hold (§2.2) become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The opening tag of a stream of ours; empty and overlong addresses are left out.
fn header_text(kind: StreamKind, attributes: &[(&str, &str)], version: bool) -> String {
    let mut text = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{}' xmlns:stream='{STREAMS}'",
        kind.namespace()
    );
    if kind == StreamKind::Server {
        text.push_str(" xmlns:db='jabber:server:dialback'");
    }
    for (name, value) in attributes {
        if !value.is_empty() && value.len() <= MAX_ADDRESS {
            text.push_str(&format!(" {name}='{}'", escape(value)));
        }
    }
    text.push_str(if version { " version='1.0'>" } else { ">" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escaped_text_cannot_leave_its_attribute() {
        for (text, expected) in [
            ("contoso.com", "contoso.com"),
            ("a'b\"c<d>e&f", "a&apos;b&quot;c&lt;d&gt;e&amp;f"),
            ("a\u{0}b\nc\u{ffff}", "a\u{fffd}b&#10;c\u{fffd}"),
            ("bücher.example", "bücher.example"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn overlong_and_empty_addresses_are_not_echoed() {
        let long = "x".repeat(MAX_ADDRESS + 1);
        let text = header_text(StreamKind::Server, &[("to", &long), ("from", "")], true);
        assert!(!text.contains(" to=") && !text.contains(" from="), "{text}");
        assert!(text.ends_with(" version='1.0'>"), "{text}");
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(to in "[ -~\u{e0}-\u{ff}]{1,40}") {
            let text = header_text(StreamKind::Client, &[("to", &to)], true);
            let (header, taken) = read_header(text.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(header.to.as_deref(), Some(to.as_str()));
            prop_assert_eq!(taken, text.len());
        }
    }
}
