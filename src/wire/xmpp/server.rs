//! The server's side of a stream up to STARTTLS, as the gateway plays it.

use super::element::Item;
use super::read::Inbox;
use super::{CLOSE, STREAM_ERRORS, StreamHeader, StreamKind, TLS, XmppError, escape, header_text};

/// The server's side up to STARTTLS, as the gateway plays it.
#[derive(Debug)]
pub struct ServerStream {
    kind: StreamKind,
    inbox: Inbox,
    header: Option<(StreamHeader, usize)>,
    header_sent: bool,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// The peer's header is awaited.
    Opening,
    /// The driver has the header and has not answered yet.
    Deciding,
    /// Answered with this offer.
    Answered(TlsOffer),
    /// Over, well.
    Over,
    /// Over, badly.
    Failed(XmppError),
}

/// How the gateway answers at STARTTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsOffer {
    /// Offered and required.
    Required,
    /// Offered.
    Optional,
    /// Not offered.
    None,
}

/// What the server's driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStep {
    /// Read more.
    Read,
    /// The peer's header is whole: decide, then call [`ServerStream::answer`] or [`ServerStream::refuse`].
    Header(StreamHeader),
    /// Write these bytes, then start TLS: nothing was buffered after `<starttls/>`.
    StartTls(Vec<u8>),
    /// The peer went on in clear text: hand everything read since its header (`replay`) to a backend stream of our own opening, or refuse.
    Clear {
        /// The bytes read after the header.
        replay: Vec<u8>,
    },
    /// The peer asked for TLS that was not offered: write these bytes (`<failure/>` and the closing tag, RFC 6120
    /// §5.4.2.2), then close.
    Failure(Vec<u8>),
}

impl ServerStream {
    /// A new stream of this kind.
    pub fn new(kind: StreamKind) -> Self {
        Self {
            kind,
            inbox: Inbox::default(),
            header: None,
            header_sent: false,
            state: State::Opening,
        }
    }

    /// Feeds what was read. After [`ServerStream::answer`] feed once with nothing before reading: a hasty peer may
    /// have said more than its header already.
    ///
    /// # Errors
    /// Any [`XmppError`]; the same one again when fed after it. [`XmppError::answer_condition`] says how to refuse.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<ServerStep, XmppError> {
        let step = self.advance(bytes);
        if let Err(error) = &step {
            self.state = State::Failed(error.clone());
        }
        step
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<ServerStep, XmppError> {
        match &self.state {
            State::Over if bytes.is_empty() => return Ok(ServerStep::Read),
            State::Over => return Err(XmppError::Injection),
            State::Failed(error) => return Err(error.clone()),
            State::Opening | State::Deciding | State::Answered(_) => {}
        }
        let Some(parsed) = self.inbox.take(bytes)? else {
            return Ok(ServerStep::Read);
        };
        if self.header.is_none() {
            match (parsed.header, &parsed.fault) {
                (Some(found), _) => self.header = Some(found),
                (None, Some(fault)) => return Err(fault.clone()),
                (None, None) => return Ok(ServerStep::Read),
            }
        }
        let (header, header_end) = match &self.header {
            Some((header, end)) => (header, *end),
            None => return Ok(ServerStep::Read),
        };
        let State::Answered(offer) = self.state else {
            self.state = State::Deciding;
            return Ok(ServerStep::Header(header.clone()));
        };
        match parsed.items.first() {
            Some(Item::Close) => Err(XmppError::Closed),
            Some(Item::Element(element)) if element.is(TLS, "starttls") => {
                // RFC 6120 §5.4.3.3: TLS begins with the very next byte.
                if !self.inbox.behind(element.end).is_empty() {
                    return Err(XmppError::Injection);
                }
                self.state = State::Over;
                Ok(match offer {
                    TlsOffer::Required | TlsOffer::Optional => {
                        ServerStep::StartTls(format!("<proceed xmlns='{TLS}'/>").into_bytes())
                    }
                    TlsOffer::None => {
                        let mut bytes = format!("<failure xmlns='{TLS}'/>").into_bytes();
                        bytes.extend_from_slice(CLOSE);
                        ServerStep::Failure(bytes)
                    }
                })
            }
            Some(Item::Element(element)) => match element.to_error() {
                Some(error) => Err(error),
                None => Ok(self.clear(header_end)),
            },
            None => match (&parsed.open, parsed.fault) {
                (Some((namespace, name)), _)
                    if namespace != TLS && !(namespace == super::STREAMS && name == "error") =>
                {
                    Ok(self.clear(header_end))
                }
                (_, Some(fault)) => Err(fault),
                (_, None) => Ok(ServerStep::Read),
            },
        }
    }

    fn clear(&mut self, header_end: usize) -> ServerStep {
        self.state = State::Over;
        ServerStep::Clear {
            replay: self.inbox.behind(header_end).to_vec(),
        }
    }

    /// The answer to the peer's header: our header (with this stream id) and features with the offer. Without
    /// version and features for a peer that gave no version (RFC 6120 §4.7.5).
    pub fn answer(&mut self, id: &str, offer: TlsOffer) -> Vec<u8> {
        let mut text = self.our_header(id);
        if self.peer_has_version() {
            text.push_str("<stream:features>");
            match offer {
                TlsOffer::Required => {
                    text.push_str(&format!("<starttls xmlns='{TLS}'><required/></starttls>"))
                }
                TlsOffer::Optional => text.push_str(&format!("<starttls xmlns='{TLS}'/>")),
                TlsOffer::None => {}
            }
            text.push_str("</stream:features>");
        }
        if matches!(self.state, State::Opening | State::Deciding) {
            self.state = State::Answered(offer);
        }
        text.into_bytes()
    }

    /// A stream error with an RFC 6120 §4.9.3 condition and text, and the closing tag; with our header first if none was sent yet.
    pub fn refuse(&mut self, id: &str, condition: &str, text: &str) -> Vec<u8> {
        let mut bytes = self.our_header(id);
        // Conditions are words of ours; anything else would not be an element's name.
        let condition = if !condition.is_empty()
            && condition
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        {
            condition
        } else {
            "undefined-condition"
        };
        bytes.push_str(&format!(
            "<stream:error><{condition} xmlns='{STREAM_ERRORS}'/>"
        ));
        if !text.is_empty() {
            bytes.push_str(&format!(
                "<text xmlns='{STREAM_ERRORS}' xml:lang='en'>{}</text>",
                escape(text)
            ));
        }
        bytes.push_str("</stream:error>");
        self.state = State::Failed(XmppError::Closed);
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(CLOSE);
        bytes
    }

    /// Our header, once: `from` and `to` are the peer's turned round (RFC 6120 §4.7).
    fn our_header(&mut self, id: &str) -> String {
        if std::mem::replace(&mut self.header_sent, true) {
            return String::new();
        }
        let none = StreamHeader::default();
        let peer = self.header.as_ref().map_or(&none, |(header, _)| header);
        header_text(
            self.kind,
            &[
                ("id", id),
                ("from", peer.to.as_deref().unwrap_or_default()),
                ("to", peer.from.as_deref().unwrap_or_default()),
            ],
            // To a peer that has not shown its header the version is ours.
            self.header.is_none() || self.peer_has_version(),
        )
    }

    fn peer_has_version(&self) -> bool {
        self.header
            .as_ref()
            .is_some_and(|(header, _)| header.version.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_BYTES, read_header};
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='b.example' to='a.example' version='1.0'>";
    const ASK: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    const PROCEED: &[u8] = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

    fn answered(offer: TlsOffer) -> ServerStream {
        let mut stream = ServerStream::new(StreamKind::Server);
        assert!(matches!(
            stream.feed(HEADER.as_bytes()),
            Ok(ServerStep::Header(_))
        ));
        stream.answer("id1", offer);
        assert_eq!(stream.feed(&[]), Ok(ServerStep::Read));
        stream
    }

    #[test]
    fn the_peers_header_is_told_however_it_is_cut() {
        for cut in 0..HEADER.len() {
            let (left, right) = HEADER.as_bytes().split_at(cut);
            let mut stream = ServerStream::new(StreamKind::Server);
            assert_eq!(stream.feed(left), Ok(ServerStep::Read), "{cut}");
            let Ok(ServerStep::Header(header)) = stream.feed(right) else {
                panic!("{cut}: no header");
            };
            assert_eq!(header.to.as_deref(), Some("a.example"));
            assert!(matches!(stream.feed(&[]), Ok(ServerStep::Header(_))));
        }
    }

    #[test]
    fn the_answer_turns_the_addresses_round_and_carries_the_offer() {
        for (offer, features) in [
            (
                TlsOffer::Required,
                "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
            ),
            (TlsOffer::Optional, ASK),
            (TlsOffer::None, ""),
        ] {
            let mut stream = ServerStream::new(StreamKind::Server);
            stream.feed(HEADER.as_bytes()).unwrap();
            let text = String::from_utf8(stream.answer("x'1", offer)).unwrap();
            let (header, taken) = read_header(text.as_bytes()).unwrap().unwrap();
            assert_eq!(header.from.as_deref(), Some("a.example"));
            assert_eq!(header.to.as_deref(), Some("b.example"));
            assert_eq!(header.id.as_deref(), Some("x'1"));
            assert_eq!(
                text[taken..],
                format!("<stream:features>{features}</stream:features>")
            );
        }
        let mut stream = ServerStream::new(StreamKind::Server);
        stream
            .feed(HEADER.replace(" version='1.0'>", ">").as_bytes())
            .unwrap();
        let text = String::from_utf8(stream.answer("1", TlsOffer::Required)).unwrap();
        assert!(
            !text.contains("features") && !text.contains(" version='1.0'>"),
            "{text}"
        );
    }

    #[test]
    fn starttls_is_met_with_what_was_offered_however_it_is_cut() {
        for offer in [TlsOffer::Required, TlsOffer::Optional, TlsOffer::None] {
            for text in [
                ASK.to_owned(),
                format!("\n{}", ASK.replace("/>", "></starttls>")),
            ] {
                for cut in 0..text.len() {
                    let (left, right) = text.as_bytes().split_at(cut);
                    let mut stream = answered(offer);
                    assert_eq!(stream.feed(left), Ok(ServerStep::Read), "{text} {cut}");
                    match (offer, stream.feed(right).unwrap()) {
                        (TlsOffer::None, ServerStep::Failure(bytes)) => {
                            assert!(bytes.starts_with(b"<failure") && bytes.ends_with(CLOSE));
                        }
                        (_, step) => assert_eq!(step, ServerStep::StartTls(PROCEED.to_vec())),
                    }
                }
            }
        }
    }

    #[test]
    fn clear_text_behind_starttls_is_an_injection() {
        for text in ["\n", "<iq/>", "\u{16}\u{3}\u{1}", "<!-- -->"] {
            let mut stream = answered(TlsOffer::Required);
            let step = stream.feed(format!("{ASK}{text}").as_bytes());
            assert_eq!(step, Err(XmppError::Injection), "{text:?}");
        }
        let mut stream = answered(TlsOffer::Required);
        assert!(stream.feed(ASK.as_bytes()).is_ok());
        assert_eq!(stream.feed(b"\x16\x03"), Err(XmppError::Injection));
    }

    #[test]
    fn whoever_goes_on_in_clear_is_told_with_all_that_was_said() {
        for text in [
            " <db:result xmlns:db='jabber:server:dialback' to='a' from='b'>k",
            "<iq type='get'/>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
        ] {
            let mut stream = answered(TlsOffer::Optional);
            assert_eq!(
                stream.feed(text.as_bytes()),
                Ok(ServerStep::Clear {
                    replay: text.as_bytes().to_vec()
                })
            );
        }
        // Said together with the header, before any answer.
        let mut stream = ServerStream::new(StreamKind::Server);
        assert!(matches!(
            stream.feed(format!("{HEADER}<iq/>").as_bytes()),
            Ok(ServerStep::Header(_))
        ));
        stream.answer("1", TlsOffer::None);
        assert_eq!(
            stream.feed(&[]),
            Ok(ServerStep::Clear {
                replay: b"<iq/>".to_vec()
            })
        );
    }

    #[test]
    fn what_is_no_stream_ends_the_exchange() {
        for (text, expected) in [
            ("</stream:stream>", XmppError::Closed),
            ("<!-", XmppError::Restricted("a comment".into())),
            ("<!DOCTYPE", XmppError::Restricted("a DTD".into())),
            ("hello", XmppError::NotXmpp("hello".into())),
            (
                "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
                XmppError::Stream {
                    condition: "reset".into(),
                    text: None,
                },
            ),
        ] {
            let mut stream = answered(TlsOffer::Required);
            assert_eq!(
                stream.feed(text.as_bytes()),
                Err(expected.clone()),
                "{text}"
            );
            assert_eq!(stream.feed(b""), Err(expected), "{text}");
        }
        let mut stream = ServerStream::new(StreamKind::Server);
        assert_eq!(
            stream.feed(&vec![b' '; MAX_BYTES + 1]),
            Err(XmppError::TooLarge)
        );
    }

    #[test]
    fn a_refusal_is_a_stream_error_with_one_header() {
        let mut before = ServerStream::new(StreamKind::Server);
        before.feed(HEADER.as_bytes()).unwrap();
        let mut never = ServerStream::new(StreamKind::Server);
        let _ = never.feed(b"GET / HTTP/1.1");
        let mut after = answered(TlsOffer::Required);
        let mut failed = answered(TlsOffer::Required);
        let _ = failed.feed(b"<!--");
        for (stream, headers) in [
            (&mut before, 1),
            (&mut never, 1),
            (&mut after, 0),
            (&mut failed, 0),
        ] {
            let bytes = stream.refuse("id", "policy-violation", "TLS is required here & now");
            let text = String::from_utf8(bytes).unwrap();
            assert_eq!(text.matches("<stream:stream ").count(), headers, "{text}");
            assert!(
                text.contains("<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
            );
            assert!(
                text.contains("here &amp; now</text></stream:error></stream:stream>"),
                "{text}"
            );
        }
        let mut stream = ServerStream::new(StreamKind::Server);
        let text = String::from_utf8(stream.refuse("id", "a/><b", "")).unwrap();
        assert!(text.contains("<undefined-condition "), "{text}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            for mut stream in [ServerStream::new(StreamKind::Client), answered(TlsOffer::Optional)] {
                for chunk in &chunks {
                    let _ = stream.feed(chunk);
                }
            }
        }
    }
}
