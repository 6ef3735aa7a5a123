//! Why an exchange ended, and what the conditions of RFC 6120 §4.9.3 mean to the person who keeps the edge.

use crate::explain::{Explain, Explanation, printable};

/// Why an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmppError {
    /// More than [`super::MAX_BYTES`] without an end.
    #[error("too many bytes before the exchange was over")]
    TooLarge,
    /// Not the XML of a stream: what was found, cleaned.
    #[error("not an XMPP stream: {0}")]
    NotXmpp(String),
    /// XML that a stream may not hold (RFC 6120 §11.1): a comment, a DTD, an instruction, a reference to an entity.
    #[error("not the XML of a stream: {0}")]
    Restricted(String),
    /// Not UTF-8 (RFC 6120 §11.6).
    #[error("the XML is not in UTF-8")]
    Encoding,
    /// `<stream:error>` with its condition (`host-unknown`) and text, cleaned.
    #[error("stream error {condition}")]
    Stream {
        /// RFC 6120 §4.9.3 condition.
        condition: String,
        /// Text, if any.
        text: Option<String>,
    },
    /// `<failure/>` to STARTTLS.
    #[error("the peer refused STARTTLS")]
    TlsRefused,
    /// Clear text stood after `<proceed/>` or `<starttls/>` (an injection).
    #[error("clear text after the start of TLS was agreed")]
    Injection,
    /// The stream was closed.
    #[error("the peer closed the stream")]
    Closed,
}

impl XmppError {
    /// `NotXmpp` with what was found, cleaned.
    pub(super) fn not_xmpp(found: impl AsRef<str>) -> Self {
        XmppError::NotXmpp(printable(found.as_ref()))
    }

    /// `Restricted` with what was found, cleaned.
    pub(super) fn restricted(found: impl AsRef<str>) -> Self {
        XmppError::Restricted(printable(found.as_ref()))
    }

    /// The RFC 6120 §4.9.3 condition with which a server ends the exchange after this error; `None` when the peer
    /// already ended it.
    pub fn answer_condition(&self) -> Option<&'static str> {
        match self {
            XmppError::TooLarge => Some("policy-violation"),
            XmppError::NotXmpp(_) => Some("not-well-formed"),
            XmppError::Restricted(_) => Some("restricted-xml"),
            XmppError::Encoding => Some("unsupported-encoding"),
            XmppError::Injection => Some("policy-violation"),
            XmppError::Stream { .. } | XmppError::TlsRefused | XmppError::Closed => None,
        }
    }

    /// What it means to the person who keeps the edge, in words.
    pub fn meaning(&self) -> String {
        match self {
            XmppError::TooLarge => format!(
                "the peer sent more than {} bytes without finishing its stream header or features",
                super::MAX_BYTES
            ),
            XmppError::NotXmpp(found) => format!("the peer answered with {}", printable(found)),
            XmppError::Restricted(found) => format!(
                "the peer sent {}, which a stream may not hold (restricted XML)",
                printable(found)
            ),
            XmppError::Encoding => "the peer sent XML in an encoding other than UTF-8".to_owned(),
            XmppError::Stream { condition, text } => {
                let meaning = match condition_words(condition) {
                    Some((meaning, _)) => meaning.to_owned(),
                    None => format!("the peer ended the stream with {}", printable(condition)),
                };
                match text {
                    Some(text) => format!("{meaning}; it says: {}", printable(text)),
                    None => meaning,
                }
            }
            XmppError::TlsRefused => {
                "the server answered <failure/> to STARTTLS: it has no usable certificate for this domain, or TLS is \
                 switched off"
                    .to_owned()
            }
            XmppError::Injection => {
                "bytes stood in clear text where only TLS may follow: somebody between may be injecting commands"
                    .to_owned()
            }
            XmppError::Closed => "the peer ended the stream without naming a reason".to_owned(),
        }
    }

    /// What to do about it.
    fn mend(&self) -> String {
        match self {
            XmppError::TooLarge
            | XmppError::NotXmpp(_)
            | XmppError::Restricted(_)
            | XmppError::Encoding => {
                "check that an XMPP server listens on this port, and that --protocol names what it speaks (direct TLS \
                 is xmpps-server or xmpps-client)"
                    .to_owned()
            }
            XmppError::Stream { condition, .. } => condition_words(condition).map_or_else(
                || "look into the server's log at this time".to_owned(),
                |(_, mend)| mend.to_owned(),
            ),
            XmppError::TlsRefused => {
                "look into the server's log; assign it a certificate for this domain and switch TLS on".to_owned()
            }
            XmppError::Injection => {
                "probe again from inside the server's network; if it persists, update the server, else suspect a \
                 device between"
                    .to_owned()
            }
            XmppError::Closed => {
                "look into the server's log at this time; it may limit connections or refuse our address".to_owned()
            }
        }
    }
}

/// What a stream error condition means at an edge, and what to do.
fn condition_words(condition: &str) -> Option<(&'static str, &'static str)> {
    Some(match condition {
        "host-unknown" | "host-gone" => (
            "the domain is not served here: DNS points to the wrong edge, or the server does not know the domain",
            "compare the domain's SRV records with the edge's own name, and add the domain to the server's hosts",
        ),
        "policy-violation" => (
            "the server's policy refuses us: it demands TLS, limits the rate, or does not federate with us",
            "allow our domain in the partner's federation policy, and see whether it requires TLS",
        ),
        "not-authorized" => (
            "the server does not accept who we are: our certificate was rejected, or we spoke before authenticating",
            "see the text it sent; run `edgecert verify` on the certificate that we present",
        ),
        "improper-addressing" => (
            "the stream's `to` or `from` is missing or is not a domain that the server can read",
            "name the domain with --xmpphost",
        ),
        "invalid-from" => (
            "the stream's `from` is not what the certificate or dialback proved",
            "open the stream from the domain that stands in our certificate",
        ),
        "remote-connection-failed" => (
            "what the server needs to reach does not answer: its backend, or our domain for dialback",
            "behind an embedded gateway, start its backend; else look at our SRV records, and try port 5269 from outside",
        ),
        "connection-timeout" => (
            "the server waited too long: for us, or for dialback to our domain",
            "look at our SRV records, and try port 5269 from outside",
        ),
        "reset" => (
            "the server changed its keys or certificates and wants a new stream",
            "connect again",
        ),
        "resource-constraint" => (
            "the server is short of resources",
            "try again later; look at its limits of connections and files",
        ),
        "system-shutdown" => ("the server is stopping", "start it again, then retry"),
        "see-other-host" => (
            "the server sends us to another host",
            "probe the host that its text names; a server stream should be led there by SRV records",
        ),
        "internal-server-error" | "undefined-condition" => (
            "the server failed within itself",
            "look into the server's log at this time",
        ),
        "unsupported-stanza-type" | "unsupported-feature" => (
            "the server does not know what was asked, so it may be older than STARTTLS",
            "update the server, or let the partner's TLS setting say not-supported",
        ),
        "unsupported-version" => (
            "the server speaks another version of XMPP",
            "update the server",
        ),
        "invalid-namespace" | "bad-namespace-prefix" => (
            "the server expects another kind of stream on this port: client instead of server, or the reverse",
            "use --protocol xmpp for 5222 and --protocol xmpp-server for 5269",
        ),
        "not-well-formed"
        | "bad-format"
        | "invalid-xml"
        | "restricted-xml"
        | "unsupported-encoding" => (
            "the server could not read our stream: something between changed it, or the port expects TLS at once",
            "try --protocol xmpps-server or xmpps-client (direct TLS)",
        ),
        _ => return None,
    })
}

impl Explain for XmppError {
    fn explain(&self) -> Explanation {
        let code = match self {
            XmppError::TooLarge => "wire.xmpp-too-large",
            XmppError::NotXmpp(_) | XmppError::Restricted(_) | XmppError::Encoding => {
                "wire.not-xmpp"
            }
            XmppError::Stream { .. } => "wire.stream-error",
            XmppError::TlsRefused => "wire.starttls-refused",
            XmppError::Injection => "wire.injection",
            XmppError::Closed => "wire.stream-closed",
        };
        Explanation {
            code,
            what: printable(&self.to_string()),
            place: String::new(),
            why: self.meaning(),
            mend: self.mend(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_explained_in_words() {
        for (condition, word) in [
            ("host-unknown", "DNS points to the wrong edge"),
            ("host-gone", "DNS points to the wrong edge"),
            ("policy-violation", "demands TLS"),
            ("not-authorized", "certificate was rejected"),
            ("improper-addressing", "`to`"),
            ("invalid-from", "`from`"),
            (
                "remote-connection-failed",
                "its backend, or our domain for dialback",
            ),
            ("connection-timeout", "waited too long"),
            ("reset", "changed its keys"),
            ("invalid-namespace", "another kind of stream"),
            ("never-heard-of", "never-heard-of"),
        ] {
            let error = XmppError::Stream {
                condition: condition.into(),
                text: Some("be\u{1b}gone".into()),
            };
            let explained = error.explain();
            assert!(explained.why.contains(word), "{explained:?}");
            assert!(explained.why.contains("be\u{fffd}gone"), "{explained:?}");
            assert!(!explained.mend.is_empty());
        }
    }

    #[test]
    fn every_error_has_a_mend_and_no_control_character() {
        for error in [
            XmppError::TooLarge,
            XmppError::not_xmpp("\u{7}bell"),
            XmppError::restricted("\u{7}bell"),
            XmppError::Encoding,
            XmppError::TlsRefused,
            XmppError::Injection,
            XmppError::Closed,
        ] {
            let explained = error.explain();
            assert!(!explained.mend.is_empty() && !explained.why.is_empty());
            assert!(!format!("{error}{explained:?}").contains('\u{7}'));
        }
    }
}
