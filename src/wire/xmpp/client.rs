//! The client's side of a stream: header, features, STARTTLS; inside TLS header and features once more.

use super::element::{Element, Item};
use super::read::Inbox;
use super::{Features, STREAMS, StreamHeader, StreamKind, TLS, XmppError, header_text};

/// The client's side: header, features, STARTTLS; after TLS: header and features again.
#[derive(Debug)]
pub struct ClientStream {
    opening: String,
    goal: Goal,
    state: State,
    inbox: Inbox,
    /// Items of the inbox that were dealt with, and where the last of them ends.
    taken: usize,
    taken_end: usize,
    header: Option<StreamHeader>,
    features: Option<Features>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    StartTls,
    Features,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Nothing sent.
    New,
    /// Header and features are awaited.
    Opening,
    /// `<starttls/>` was sent.
    Asked,
    /// Over, well.
    Over,
    /// Over, badly.
    Failed(XmppError),
}

/// What the client's driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientStep {
    /// Write these bytes, then read more and feed them.
    Send(Vec<u8>),
    /// Read more.
    Read,
    /// Start TLS now: nothing was buffered after `<proceed/>`.
    StartTls,
    /// The features inside TLS are known; the exchange is over (send [`super::CLOSE`] if you like). Without features
    /// when the peer's header has no version: such a server sends none (RFC 6120 §4.7.5).
    Done,
}

impl ClientStream {
    /// STARTTLS: `to` is the checked domain (A-label), it selects the certificate; empty: left out. `from` is sent on
    /// server streams only.
    pub fn starttls(kind: StreamKind, from: &str, to: &str) -> Self {
        Self::new(kind, from, to, Goal::StartTls)
    }

    /// A stream inside TLS (direct TLS, or after [`ClientStep::StartTls`]): header and features only.
    pub fn inside_tls(kind: StreamKind, from: &str, to: &str) -> Self {
        Self::new(kind, from, to, Goal::Features)
    }

    fn new(kind: StreamKind, from: &str, to: &str, goal: Goal) -> Self {
        let from = match kind {
            StreamKind::Server => from,
            StreamKind::Client => "",
        };
        Self {
            opening: header_text(kind, &[("from", from), ("to", to)], true),
            goal,
            state: State::New,
            inbox: Inbox::default(),
            taken: 0,
            taken_end: 0,
            header: None,
            features: None,
        }
    }

    /// Feeds what was read (empty at first) and says what is next. STARTTLS is tried even if it was not offered (RFC 7590 §3.1).
    ///
    /// # Errors
    /// Any [`XmppError`]; the same one again when fed after it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<ClientStep, XmppError> {
        let step = self.advance(bytes);
        if let Err(error) = &step {
            self.state = State::Failed(error.clone());
        }
        step
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<ClientStep, XmppError> {
        match &self.state {
            State::New => {
                self.state = State::Opening;
                return Ok(ClientStep::Send(self.opening.clone().into_bytes()));
            }
            State::Over if self.goal == Goal::StartTls && !bytes.is_empty() => {
                return Err(XmppError::Injection);
            }
            State::Over => return Ok(ClientStep::Done),
            State::Failed(error) => return Err(error.clone()),
            State::Opening | State::Asked => {}
        }
        let Some(parsed) = self.inbox.take(bytes)? else {
            return Ok(ClientStep::Read);
        };
        if self.header.is_none() {
            match (parsed.header, &parsed.fault) {
                (Some((header, end)), _) => {
                    self.taken_end = end;
                    let old = header.version.is_none();
                    self.header = Some(header);
                    // A server without a version sends no features (RFC 6120 §4.7.5); a stream error may follow.
                    if old && parsed.items.is_empty() {
                        return Ok(self.ask_or_end());
                    }
                }
                (None, Some(fault)) => return Err(fault.clone()),
                (None, None) => return Ok(ClientStep::Read),
            }
        }
        match parsed.items.get(self.taken) {
            Some(Item::Close) => Err(XmppError::Closed),
            Some(Item::Element(element)) => {
                self.taken += 1;
                self.taken_end = element.end;
                if let Some(error) = element.to_error() {
                    return Err(error);
                }
                if self.state == State::Asked {
                    return self.answered(element);
                }
                let Some(features) = element.to_features() else {
                    return Err(XmppError::not_xmpp(format!(
                        "<{}> in place of <stream:features>",
                        element.name
                    )));
                };
                self.features = Some(features);
                // An answer that is there before the question was put by somebody else.
                let early = parsed.items.get(self.taken).is_some_and(
                    |item| matches!(item, Item::Element(next) if next.is(TLS, "proceed")),
                );
                if early && self.goal == Goal::StartTls {
                    return Err(XmppError::Injection);
                }
                Ok(self.ask_or_end())
            }
            None => match parsed.fault {
                Some(fault) => Err(fault),
                None => Ok(ClientStep::Read),
            },
        }
    }

    /// What follows the features.
    fn ask_or_end(&mut self) -> ClientStep {
        match self.goal {
            Goal::StartTls => {
                self.state = State::Asked;
                ClientStep::Send(format!("<starttls xmlns='{TLS}'/>").into_bytes())
            }
            Goal::Features => {
                self.state = State::Over;
                ClientStep::Done
            }
        }
    }

    /// What follows the answer to `<starttls/>`.
    fn answered(&mut self, element: &Element) -> Result<ClientStep, XmppError> {
        if element.is(TLS, "failure") {
            return Err(XmppError::TlsRefused);
        }
        // Late features of a server that gave no version in its header.
        if element.is(STREAMS, "features") && self.features.is_none() {
            self.features = element.to_features();
            return self.advance(&[]);
        }
        if !element.is(TLS, "proceed") {
            return Err(XmppError::not_xmpp(format!(
                "<{}> in place of <proceed/>",
                element.name
            )));
        }
        // RFC 6120 §5.4.3.3: TLS begins with the very next byte.
        if !self.inbox.behind(self.taken_end).is_empty() {
            return Err(XmppError::Injection);
        }
        self.state = State::Over;
        Ok(ClientStep::StartTls)
    }

    /// What the peer says after its features, piece by piece; `bytes` were read since the last one.
    pub(super) fn next_item(&mut self, bytes: &[u8]) -> Result<Option<Item>, XmppError> {
        let Some(parsed) = self.inbox.take(bytes)? else {
            return Ok(None);
        };
        match (parsed.items.into_iter().nth(self.taken), parsed.fault) {
            (Some(item), _) => {
                self.taken += 1;
                Ok(Some(item))
            }
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        }
    }

    /// The peer's header, once seen.
    pub fn header(&self) -> Option<&StreamHeader> {
        self.header.as_ref()
    }

    /// The peer's features, once seen.
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// What was fed after the last element that was dealt with: the peer's next words, for whoever goes on with
    /// the stream after [`ClientStep::Done`].
    pub fn rest(&self) -> &[u8] {
        self.inbox.behind(self.taken_end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_BYTES;
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='a.example' id='1' version='1.0'>";
    const FEATURES: &str =
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
    const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    const ASK: &[u8] = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

    fn opened() -> ClientStream {
        let mut stream = ClientStream::starttls(StreamKind::Server, "probe.example", "a.example");
        assert!(matches!(stream.feed(&[]), Ok(ClientStep::Send(_))));
        stream
    }

    fn asked() -> ClientStream {
        let mut stream = opened();
        let step = stream.feed(format!("{HEADER}{FEATURES}").as_bytes());
        assert_eq!(step, Ok(ClientStep::Send(ASK.to_vec())));
        stream
    }

    #[test]
    fn the_opening_names_both_domains_on_server_streams_only() {
        for (kind, from) in [(StreamKind::Server, true), (StreamKind::Client, false)] {
            let mut stream = ClientStream::starttls(kind, "probe.example", "a.example");
            let Ok(ClientStep::Send(bytes)) = stream.feed(&[]) else {
                panic!("nothing is sent");
            };
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(" to='a.example'"), "{text}");
            assert_eq!(text.contains(" from='probe.example'"), from, "{text}");
            assert!(text.contains(kind.namespace()), "{text}");
        }
    }

    #[test]
    fn starttls_is_reached_however_the_bytes_are_cut() {
        let first = format!("{HEADER}\n{FEATURES}");
        let second = format!(" \n{PROCEED}");
        for cut in 0..=first.len() {
            let mut stream = opened();
            let (left, right) = first.as_bytes().split_at(cut);
            let mut steps = vec![stream.feed(left).unwrap()];
            if cut < first.len() {
                steps.push(stream.feed(right).unwrap());
            }
            assert_eq!(steps.last(), Some(&ClientStep::Send(ASK.to_vec())), "{cut}");
            for byte in &second.as_bytes()[..second.len() - 1] {
                assert_eq!(stream.feed(&[*byte]), Ok(ClientStep::Read));
            }
            assert_eq!(stream.feed(b">"), Ok(ClientStep::StartTls));
            assert_eq!(stream.features().unwrap().starttls, Some(false));
            assert_eq!(stream.header().unwrap().from.as_deref(), Some("a.example"));
        }
    }

    #[test]
    fn answers_to_starttls_have_their_meaning() {
        let error = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";
        for (answer, expected) in [
            (PROCEED.to_owned(), Ok(ClientStep::StartTls)),
            (
                "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>".into(),
                Ok(ClientStep::StartTls),
            ),
            (
                "<t:proceed xmlns:t=\"urn:ietf:params:xml:ns:xmpp-tls\" />".into(),
                Ok(ClientStep::StartTls),
            ),
            (format!("{PROCEED}\n"), Err(XmppError::Injection)),
            (
                format!("{PROCEED}<stream:features/>"),
                Err(XmppError::Injection),
            ),
            (format!("{PROCEED}\u{16}\u{3}"), Err(XmppError::Injection)),
            (
                "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>".into(),
                Err(XmppError::TlsRefused),
            ),
            ("</stream:stream>".into(), Err(XmppError::Closed)),
            (
                error.into(),
                Err(XmppError::Stream {
                    condition: "policy-violation".into(),
                    text: None,
                }),
            ),
            (
                "<proceed/>".into(),
                Err(XmppError::NotXmpp(
                    "<proceed> in place of <proceed/>".into(),
                )),
            ),
            (
                "<!-- x".into(),
                Err(XmppError::Restricted("a comment".into())),
            ),
        ] {
            assert_eq!(asked().feed(answer.as_bytes()), expected, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_before_the_question_is_an_injection() {
        let all = format!("{HEADER}{FEATURES}{PROCEED}");
        assert_eq!(opened().feed(all.as_bytes()), Err(XmppError::Injection));
        let mut stream = asked();
        assert_eq!(stream.feed(PROCEED.as_bytes()), Ok(ClientStep::StartTls));
        assert_eq!(stream.feed(b"<"), Err(XmppError::Injection));
        assert_eq!(stream.feed(b""), Err(XmppError::Injection));
    }

    #[test]
    fn starttls_is_tried_without_an_offer_and_without_a_version() {
        let mut stream = opened();
        let step = stream.feed(format!("{HEADER}<stream:features/>").as_bytes());
        assert_eq!(step, Ok(ClientStep::Send(ASK.to_vec())));
        assert_eq!(stream.features().unwrap().starttls, None);
        let old = HEADER.replace(" version='1.0'>", ">");
        let mut stream = opened();
        assert_eq!(
            stream.feed(old.as_bytes()),
            Ok(ClientStep::Send(ASK.to_vec()))
        );
        assert_eq!(
            stream.feed(format!("{FEATURES}{PROCEED}").as_bytes()),
            Ok(ClientStep::StartTls)
        );
    }

    #[test]
    fn stream_errors_tell_condition_and_text() {
        let body = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                    <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>not&#10;here &amp; never</text></stream:error>";
        for header in [HEADER.to_owned(), HEADER.replace(" version='1.0'>", ">")] {
            let error = opened().feed(format!("{header}{body}").as_bytes());
            assert_eq!(
                error,
                Err(XmppError::Stream {
                    condition: "host-unknown".into(),
                    text: Some("not\u{fffd}here & never".into())
                })
            );
        }
    }

    #[test]
    fn inside_tls_the_features_end_the_exchange_and_the_rest_is_kept() {
        let mut stream = ClientStream::inside_tls(StreamKind::Client, "", "a.example");
        assert!(matches!(stream.feed(&[]), Ok(ClientStep::Send(_))));
        assert_eq!(stream.feed(HEADER.as_bytes()), Ok(ClientStep::Read));
        assert_eq!(
            stream.feed(b"<stream:features/><presence"),
            Ok(ClientStep::Done)
        );
        assert_eq!(stream.rest(), b"<presence");
    }

    #[test]
    fn a_peer_that_never_ends_is_cut_off() {
        let mut stream = opened();
        assert_eq!(stream.feed(HEADER.as_bytes()), Ok(ClientStep::Read));
        let mut result = Ok(ClientStep::Read);
        for _ in 0..MAX_BYTES {
            result = stream.feed(b" ");
            if result.is_err() {
                break;
            }
        }
        assert_eq!(result, Err(XmppError::TooLarge));
        assert_eq!(stream.feed(b" "), Err(XmppError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_borne(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            for mut stream in [opened(), asked()] {
                for chunk in &chunks {
                    let _ = stream.feed(chunk);
                }
            }
        }
    }
}
