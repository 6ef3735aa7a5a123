//! The server software that people run at a federated edge, by the words that a deployment uses for it.
//!
//! Only who they are; how each of them reads a certificate stands with the verdict.

use std::fmt;

/// A server implementation, in the versions that read certificates alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// Prosody 0.12 and before.
    Prosody012,
    /// Prosody 13 and later.
    Prosody13,
    /// Metronome 4.
    Metronome,
    /// ejabberd before 25.08.
    Ejabberd23,
    /// ejabberd 25.08 and later.
    Ejabberd2508,
    /// Openfire 5.1 and later.
    Openfire,
    /// Kamailio with its `tls` module: SIP alone.
    Kamailio,
    /// Lync Server 2013 and its XMPP gateway; Skype for Business keeps to the same rules.
    Lync,
}

impl Server {
    /// All of them, XMPP first.
    pub const ALL: [Server; 8] = [
        Server::Prosody012,
        Server::Prosody13,
        Server::Metronome,
        Server::Ejabberd23,
        Server::Ejabberd2508,
        Server::Openfire,
        Server::Kamailio,
        Server::Lync,
    ];

    /// Every word that a deployment may use; a bare name stands for the newest version.
    pub const WORDS: [(&'static str, Server); 11] = [
        ("prosody-0.12", Server::Prosody012),
        ("prosody-13", Server::Prosody13),
        ("prosody", Server::Prosody13),
        ("metronome", Server::Metronome),
        ("ejabberd-23", Server::Ejabberd23),
        ("ejabberd-24", Server::Ejabberd23),
        ("ejabberd-25.08", Server::Ejabberd2508),
        ("ejabberd", Server::Ejabberd2508),
        ("openfire", Server::Openfire),
        ("kamailio", Server::Kamailio),
        ("lync", Server::Lync),
    ];

    /// The one word that is printed for it.
    pub fn word(self) -> &'static str {
        match self {
            Server::Prosody012 => "prosody-0.12",
            Server::Prosody13 => "prosody-13",
            Server::Metronome => "metronome",
            Server::Ejabberd23 => "ejabberd-23",
            Server::Ejabberd2508 => "ejabberd-25.08",
            Server::Openfire => "openfire",
            Server::Kamailio => "kamailio",
            Server::Lync => "lync",
        }
    }

    /// The server that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS
            .into_iter()
            .find_map(|(known, server)| (known == word).then_some(server))
    }

    /// For sentences: `ejabberd before 25.08`.
    pub fn title(self) -> &'static str {
        match self {
            Server::Prosody012 => "Prosody 0.12",
            Server::Prosody13 => "Prosody 13",
            Server::Metronome => "Metronome",
            Server::Ejabberd23 => "ejabberd before 25.08",
            Server::Ejabberd2508 => "ejabberd since 25.08",
            Server::Openfire => "Openfire",
            Server::Kamailio => "Kamailio",
            Server::Lync => "Lync",
        }
    }

    /// Whether it federates over XMPP.
    pub fn speaks_xmpp(self) -> bool {
        match self {
            Server::Prosody012
            | Server::Prosody13
            | Server::Metronome
            | Server::Ejabberd23
            | Server::Ejabberd2508
            | Server::Openfire
            | Server::Lync => true,
            Server::Kamailio => false,
        }
    }

    /// Whether it federates over SIP.
    pub fn speaks_sip(self) -> bool {
        matches!(self, Server::Kamailio | Server::Lync)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_its_own_word_and_bare_names_mean_the_newest() {
        for server in Server::ALL {
            assert_eq!(Server::from_word(server.word()), Some(server));
            assert!(server.speaks_xmpp() || server.speaks_sip());
        }
        assert_eq!(Server::from_word("prosody"), Some(Server::Prosody13));
        assert_eq!(Server::from_word("ejabberd"), Some(Server::Ejabberd2508));
        assert_eq!(Server::from_word("Prosody"), None);
    }
}
