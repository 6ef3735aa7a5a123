//! XmppAddr: a bare XMPP domain as otherName (RFC 6120 §13.7.1.4).

use super::{Domain, NameError};
use std::fmt;

/// A bare domain; compared by A-labels, written into certificates with U-labels (UTF8String).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XmppAddr(Domain);

impl XmppAddr {
    /// Parses a bare domain; a localpart or resource is an error ([`NameError::LocalPart`]).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        // Two dots in a row make it no address of a user: the domain's own error says what is wrong.
        if text.contains(['@', '/']) && !text.contains("..") {
            return Err(NameError::LocalPart {
                text: text.to_owned(),
            });
        }
        Domain::parse(text).map(Self)
    }

    /// The domain, in A-labels.
    pub fn domain(&self) -> &Domain {
        &self.0
    }
}

impl From<Domain> for XmppAddr {
    fn from(domain: Domain) -> Self {
        Self(domain)
    }
}

impl fmt::Display for XmppAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_unicode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_resources_are_refused_and_u_labels_are_printed() {
        assert_eq!(
            XmppAddr::parse("juliet@example.com").unwrap_err().code(),
            "names.local-part"
        );
        assert_eq!(
            XmppAddr::parse("example.com/balcony").unwrap_err().code(),
            "names.local-part"
        );
        let address = XmppAddr::parse("xn--bcher-kva.example").unwrap();
        assert_eq!(address.to_string(), "bücher.example");
        assert_eq!(XmppAddr::parse("bücher.example").unwrap(), address);
    }
}
