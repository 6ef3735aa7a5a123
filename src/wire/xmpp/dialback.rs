//! The asking side of dialback (XEP-0220 §2.1), as far as it takes to be called back: inside TLS header, features,
//! a key; then whatever the peer says about it.

use super::client::{ClientStep, ClientStream};
use super::element::{Element, Item};
use super::{STANZA_ERRORS, StreamKind, XmppError, escape};
use crate::explain::printable;

/// The namespace of `<db:result/>`; that of the feature is another.
const DIALBACK: &str = "jabber:server:dialback";

/// Asks the peer to verify a key: it does so by a stream of its own to the domain that sent it (XEP-0220 §2.1.2).
#[derive(Debug)]
pub struct DialbackStream {
    stream: ClientStream,
    key: Vec<u8>,
    asked: bool,
    ended: Option<XmppError>,
}

/// What the driver does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialbackStep {
    /// Write these bytes, then read more and feed them.
    Send(Vec<u8>),
    /// Read more.
    Read,
    /// The peer offers dialback: write these bytes, the key. From now on it may call.
    Ask(Vec<u8>),
    /// The peer's features do not offer dialback.
    NotOffered,
    /// What became of the key.
    Answered(DialbackAnswer),
}

/// What the peer says about the key; cleaned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DialbackAnswer {
    /// The condition of an error (`remote-server-not-found`, XEP-0220 §2.5); `None`: it was valid or invalid.
    pub condition: Option<String>,
    /// Text, if any.
    pub text: Option<String>,
}

impl DialbackStream {
    /// On a stream inside TLS; all three are escaped.
    pub fn inside_tls(from: &str, to: &str, key: &str) -> Self {
        let [escaped_from, escaped_to, key] = [from, to, key].map(escape);
        Self {
            stream: ClientStream::inside_tls(StreamKind::Server, from, to),
            // Our header declares the prefix.
            key: format!("<db:result from='{escaped_from}' to='{escaped_to}'>{key}</db:result>")
                .into_bytes(),
            asked: false,
            ended: None,
        }
    }

    /// Feeds what was read (empty at first) and says what is next. What is not about dialback is passed over.
    ///
    /// # Errors
    /// Any [`XmppError`]; the same one again when fed after it. All that a peer says together is bounded by
    /// [`super::MAX_BYTES`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<DialbackStep, XmppError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let step = self.advance(bytes);
        self.ended = step.as_ref().err().cloned();
        step
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<DialbackStep, XmppError> {
        if !self.asked {
            return Ok(match self.stream.feed(bytes)? {
                ClientStep::Send(bytes) => DialbackStep::Send(bytes),
                ClientStep::Read | ClientStep::StartTls => DialbackStep::Read,
                ClientStep::Done if self.offered() => {
                    self.asked = true;
                    DialbackStep::Ask(self.key.clone())
                }
                ClientStep::Done => DialbackStep::NotOffered,
            });
        }
        let mut fresh = bytes;
        loop {
            match self.stream.next_item(std::mem::take(&mut fresh))? {
                None => return Ok(DialbackStep::Read),
                Some(Item::Close) => return Err(XmppError::Closed),
                Some(Item::Element(element)) => {
                    if let Some(error) = element.to_error() {
                        return Err(error);
                    }
                    if element.is(DIALBACK, "result") {
                        return Ok(DialbackStep::Answered(answer(&element)));
                    }
                }
            }
        }
    }

    /// A peer without a version has no features to offer it with, and dialback is all that it knows (XEP-0220 §2.3).
    fn offered(&self) -> bool {
        self.stream
            .features()
            .is_none_or(|features| features.dialback)
    }
}

/// The stanza error in `<db:result type='error'>` (RFC 6120 §8.3).
fn answer(result: &Element) -> DialbackAnswer {
    let conditions = || {
        result
            .children
            .iter()
            .filter(|child| child.name == "error")
            .flat_map(|error| &error.children)
            .filter(|child| child.namespace == STANZA_ERRORS)
    };
    DialbackAnswer {
        condition: conditions()
            .find(|child| child.name != "text")
            .map(|child| printable(&child.name)),
        text: conditions()
            .find(|child| child.name == "text")
            .map(|child| printable(child.text.trim()))
            .filter(|text| !text.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_BYTES;
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:d='jabber:server:dialback' id='1' version='1.0'>";
    const OFFER: &str =
        "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>";

    fn opened() -> DialbackStream {
        let mut stream = DialbackStream::inside_tls("127.0.0.9", "a.example", "k'1");
        assert!(matches!(stream.feed(&[]), Ok(DialbackStep::Send(_))));
        stream
    }

    fn asked() -> DialbackStream {
        let mut stream = opened();
        let step = stream.feed(format!("{HEADER}{OFFER}").as_bytes());
        assert_eq!(
            step,
            Ok(DialbackStep::Ask(
                b"<db:result from='127.0.0.9' to='a.example'>k&apos;1</db:result>".to_vec()
            ))
        );
        stream
    }

    #[test]
    fn a_key_is_sent_only_where_dialback_is_known() {
        let _ = asked();
        let step = opened().feed(format!("{HEADER}<stream:features/>").as_bytes());
        assert_eq!(step, Ok(DialbackStep::NotOffered));
        let old = HEADER.replace(" version='1.0'>", ">");
        assert!(matches!(
            opened().feed(old.as_bytes()),
            Ok(DialbackStep::Ask(_))
        ));
    }

    #[test]
    fn the_answer_is_told_however_it_is_cut() {
        let error = |inside: &str| {
            format!("<iq/><d:result type='error'><error type='cancel'>{inside}</error></d:result>")
        };
        let ns = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'";
        for (text, condition, words) in [
            (
                "<d:result type='invalid'>k</d:result>".to_owned(),
                None,
                None,
            ),
            (
                error(&format!(
                    "<remote-server-not-found {ns}/><text {ns}>no\u{7f}such &amp; name</text>"
                )),
                Some("remote-server-not-found"),
                Some("no\u{fffd}such & name"),
            ),
            (
                error(&format!("<text {ns}> </text><forbidden {ns}/>")),
                Some("forbidden"),
                None,
            ),
            (error("<forbidden/>"), None, None),
        ] {
            for cut in 0..text.len() {
                let Some((left, right)) = text.split_at_checked(cut) else {
                    continue;
                };
                let mut stream = asked();
                assert_eq!(stream.feed(left.as_bytes()), Ok(DialbackStep::Read));
                assert_eq!(
                    stream.feed(right.as_bytes()),
                    Ok(DialbackStep::Answered(DialbackAnswer {
                        condition: condition.map(str::to_owned),
                        text: words.map(str::to_owned),
                    })),
                    "{text} {cut}"
                );
            }
        }
    }

    #[test]
    fn what_ends_the_stream_ends_the_wait() {
        for (text, expected) in [
            ("</stream:stream>", XmppError::Closed),
            (
                "<stream:error><connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
                XmppError::Stream {
                    condition: "connection-timeout".into(),
                    text: None,
                },
            ),
            ("<!--", XmppError::Restricted("a comment".into())),
        ] {
            let mut stream = asked();
            assert_eq!(
                stream.feed(text.as_bytes()),
                Err(expected.clone()),
                "{text}"
            );
            assert_eq!(stream.feed(b" "), Err(expected), "{text}");
        }
        let mut stream = asked();
        let long = format!("<iq>{}</iq>", "x".repeat(MAX_BYTES));
        assert_eq!(stream.feed(long.as_bytes()), Err(XmppError::TooLarge));
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
