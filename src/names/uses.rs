//! What a certificate is for: today's words for the certificate uses of the Lync Server 2013 edge.

use std::fmt;

/// A duty of a certificate; it decides which names the plan holds and which listeners are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// SIP federation and client sign-in at the edge.
    SipEdge,
    /// XMPP between servers.
    XmppS2s,
    /// XMPP between client and server.
    XmppC2s,
    /// The edge's internal side: takes no name from the edge but its FQDN.
    InternalEdge,
}

impl Use {
    /// All, in the order they are shown.
    pub const ALL: [Use; 4] = [Use::SipEdge, Use::XmppS2s, Use::XmppC2s, Use::InternalEdge];

    /// The word in files and flags: `sip-edge`, `xmpp-s2s`, `xmpp-c2s`, `internal-edge`.
    pub fn word(self) -> &'static str {
        match self {
            Use::SipEdge => "sip-edge",
            Use::XmppS2s => "xmpp-s2s",
            Use::XmppC2s => "xmpp-c2s",
            Use::InternalEdge => "internal-edge",
        }
    }

    /// The use that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
