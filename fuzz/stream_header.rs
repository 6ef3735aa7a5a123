//! The reader of stream headers beside a second parser of XMPP's restricted XML, rxml.
//!
//! What the gateway judges is what the server behind it will read: a header that both read, they read alike, and one that
//! rxml refuses we refuse as well. Every difference that is let pass has its reason in [`is_rxmls_own`] or
//! [`is_our_own`].

use edgecert::wire::xmpp::{self, StreamHeader, XmppError};
use rxml::error::EndOrError;
use rxml::{Event, Namespace, Options, Parse, Parser, WithOptions};

const STREAMS: &str = "http://etherx.jabber.org/streams";

/// What rxml makes of the beginning of a stream.
enum Theirs {
    /// The first element with its namespace, its attributes, and how many bytes it took.
    Element {
        is_stream: bool,
        header: StreamHeader,
        taken: usize,
    },
    /// Not whole yet.
    More,
    /// Refused, in its words.
    Refused(String),
}

fn read(bytes: &[u8]) -> Theirs {
    let options = Options {
        // The limit is the gateway's own.
        max_token_length: xmpp::MAX_BYTES + 1,
        ..Options::default()
    };
    let mut parser = Parser::with_options(options);
    let mut rest = bytes;
    loop {
        match parser.parse(&mut rest, false) {
            Ok(Some(Event::XmlDeclaration(..))) => {}
            Ok(Some(Event::StartElement(_, (namespace, name), attributes))) => {
                let attribute = |name: &str| attributes.get(Namespace::none(), name).cloned();
                return Theirs::Element {
                    is_stream: namespace == STREAMS && name == "stream",
                    header: StreamHeader {
                        namespace: String::new(),
                        to: attribute("to"),
                        from: attribute("from"),
                        id: attribute("id"),
                        version: attribute("version"),
                    },
                    taken: bytes.len() - rest.len(),
                };
            }
            Ok(Some(event)) => return Theirs::Refused(format!("{event:?}")),
            Ok(None) | Err(EndOrError::NeedMoreData) => return Theirs::More,
            Err(EndOrError::Error(error)) => return Theirs::Refused(error.to_string()),
        }
    }
}

/// The default namespace below a header, as rxml has it.
fn default_namespace(header: &[u8]) -> Option<String> {
    let mut parser = Parser::with_options(Options {
        max_token_length: xmpp::MAX_BYTES + 1,
        ..Options::default()
    });
    let document = [header, b"<probe/>"].concat();
    let mut rest = document.as_slice();
    loop {
        match parser.parse(&mut rest, false).ok()?? {
            Event::StartElement(_, (namespace, name), _) if name == "probe" => {
                return Some(namespace.to_string());
            }
            Event::XmlDeclaration(..)
            | Event::StartElement(..)
            | Event::EndElement(_)
            | Event::Text(..) => {}
        }
    }
}

/// What XML allows and rxml does not: white space in front of the first element where no declaration stands, and
/// `standalone` without an encoding, or as "no". Servers read both.
fn is_rxmls_own(header: &[u8], why: &str) -> bool {
    let spaced = header.first().is_some_and(u8::is_ascii_whitespace);
    let text = String::from_utf8_lossy(header);
    let alone = text.starts_with("<?xml") && text.contains("standalone");
    (spaced && why.contains("unexpected Text token"))
        || (alone && (why.contains("version") || why.contains("standalone")))
}

/// What rxml reads and we do not: a namespace that is declared twice for one prefix, which XML forbids; a carriage
/// return alone, which rxml drops from the end of a value; the streams' namespace written with references or with white
/// space in it, which no server does.
fn is_our_own(header: &[u8], error: &XmppError) -> bool {
    let text = String::from_utf8_lossy(header);
    let why = error.to_string();
    let odd_namespace =
        text.contains("xmlns") && (text.contains('&') || text.contains(['\t', '\n']));
    why.contains("duplicated attribute")
        || why.contains("carriage return alone")
        || (why.contains("not an XMPP stream: <") && odd_namespace)
}

/// A header of any bytes is read as a second parser reads it, or refused.
pub fn stream_header(bytes: &[u8]) {
    let bounded = bytes.get(..xmpp::MAX_BYTES).unwrap_or(bytes);
    let theirs = read(bounded);
    match (xmpp::read_header(bytes), theirs) {
        (
            Ok(Some((ours, end))),
            Theirs::Element {
                is_stream,
                header,
                taken,
            },
        ) => {
            assert!(is_stream);
            let namespace = default_namespace(&bytes[..end]);
            // An empty element has no inside: the stream is over with its header.
            if !bytes[..end].ends_with(b"/>") {
                assert_eq!(namespace.as_deref(), Some(ours.namespace.as_str()));
            }
            let namespace = ours.namespace.clone();
            assert_eq!(
                ours,
                StreamHeader {
                    namespace,
                    ..header
                }
            );
            assert_eq!(end, taken, "the header ends at one place");
        }
        (Ok(Some((ours, _))), Theirs::More) => panic!("read too early: {ours:?}"),
        (Ok(Some((ours, end))), Theirs::Refused(why)) => {
            assert!(
                is_rxmls_own(&bytes[..end], &why),
                "{ours:?}, and rxml: {why}"
            );
        }
        (Ok(None), Theirs::Element { header, .. }) => panic!("read too late: {header:?}"),
        // It may see earlier that nothing can come of it.
        (Ok(None), Theirs::More | Theirs::Refused(_)) => {}
        (Err(XmppError::TooLarge), _) => assert!(bytes.len() > xmpp::MAX_BYTES),
        (Err(_), Theirs::More | Theirs::Refused(_)) => {}
        (
            Err(error),
            Theirs::Element {
                is_stream, taken, ..
            },
        ) => {
            let own = !is_stream || is_our_own(&bytes[..taken], &error);
            assert!(own, "rxml reads what we refuse: {error}");
        }
    }
}
