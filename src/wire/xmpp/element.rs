//! Elements at the level of the stream, and what features and stream errors say (RFC 6120 §4.3.2, §4.9).

use super::{DIALBACK, Features, SASL, STREAM_ERRORS, STREAMS, TLS, XmppError};
use crate::explain::printable;

/// A stream-level element or what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub namespace: String,
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
    /// Where it ends in the buffer.
    pub end: usize,
}

/// What stands at the level of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Element(Element),
    /// `</stream:stream>`.
    Close,
}

impl Element {
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.is(namespace, name))
    }

    /// The features that it offers, when it is `<stream:features>`.
    pub fn to_features(&self) -> Option<Features> {
        self.is(STREAMS, "features").then(|| Features {
            starttls: self
                .child(TLS, "starttls")
                .map(|starttls| starttls.child(TLS, "required").is_some()),
            mechanisms: self
                .children
                .iter()
                .filter(|child| child.is(SASL, "mechanisms"))
                .flat_map(|mechanisms| &mechanisms.children)
                .filter(|child| child.is(SASL, "mechanism"))
                .map(|mechanism| mechanism.text.trim().to_owned())
                .collect(),
            dialback: self.child(DIALBACK, "dialback").is_some(),
        })
    }

    /// The stream error that it tells, when it is `<stream:error>`.
    pub fn to_error(&self) -> Option<XmppError> {
        if !self.is(STREAMS, "error") {
            return None;
        }
        let condition = self
            .children
            .iter()
            .find(|child| child.namespace == STREAM_ERRORS && child.name != "text")
            .map_or("undefined-condition", |child| child.name.as_str());
        Some(XmppError::Stream {
            condition: printable(condition),
            text: self
                .child(STREAM_ERRORS, "text")
                .map(|text| printable(text.text.trim()))
                .filter(|text| !text.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    const OPEN: &str = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

    #[test]
    fn features_are_read_by_namespace() {
        let text = "<stream:features><t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'><t:required/></t:starttls>\
                    <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism> EXTERNAL</mechanism><mechanism>PLAIN</mechanism></mechanisms>\
                    <dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/></stream:features>";
        let parsed = parse(format!("{OPEN}{text}").as_bytes());
        let Some(Item::Element(element)) = parsed.items.first() else {
            panic!("{parsed:?}");
        };
        assert_eq!(
            element.to_features(),
            Some(Features {
                starttls: Some(true),
                mechanisms: vec!["EXTERNAL".into(), "PLAIN".into()],
                dialback: true
            })
        );
        let foreign =
            parse(format!("{OPEN}<stream:features><starttls/></stream:features>").as_bytes());
        let Some(Item::Element(element)) = foreign.items.first() else {
            panic!("{foreign:?}");
        };
        assert_eq!(element.to_features(), Some(Features::default()));
    }
}
