//! SIP domain identity: a `sip:` URI with a host and nothing else (RFC 5922 §7.1).

use super::{Domain, NameError};
use std::fmt;

/// `sip:` and a domain; `sips:`, a user part, a port and parameters are no domain identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SipUri(Domain);

impl SipUri {
    /// Parses `sip:contoso.com` (scheme in any case).
    ///
    /// Errors: [`NameError::SipUri`] names the part that does not belong there, else the domain's error.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let refuse = |part| NameError::SipUri {
            text: text.to_owned(),
            part,
        };
        let (scheme, rest) = text.split_once(':').ok_or_else(|| refuse("no scheme"))?;
        if scheme.eq_ignore_ascii_case("sips") {
            return Err(refuse("the scheme sips"));
        }
        if !scheme.eq_ignore_ascii_case("sip") {
            return Err(refuse("another scheme"));
        }
        if rest.contains('@') {
            return Err(refuse("a user part"));
        }
        if rest.contains([';', '?']) {
            return Err(refuse("parameters"));
        }
        if rest.contains(':') {
            return Err(refuse("a port or an address"));
        }
        Domain::parse(rest).map(Self)
    }

    /// The SIP domain.
    pub fn domain(&self) -> &Domain {
        &self.0
    }
}

impl From<Domain> for SipUri {
    fn from(domain: Domain) -> Self {
        Self(domain)
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sip:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_identity_is_a_scheme_and_a_domain() {
        for (text, outcome) in [
            ("sip:contoso.com", Ok("sip:contoso.com")),
            ("SIP:Contoso.com", Ok("sip:contoso.com")),
            ("sips:contoso.com", Err("the scheme sips")),
            ("https:contoso.com", Err("another scheme")),
            ("sip:a@contoso.com", Err("a user part")),
            ("sip:contoso.com:5061", Err("a port or an address")),
            ("sip:contoso.com;transport=tls", Err("parameters")),
            ("contoso.com", Err("no scheme")),
        ] {
            match (SipUri::parse(text), outcome) {
                (Ok(uri), Ok(printed)) => assert_eq!(uri.to_string(), printed),
                (Err(NameError::SipUri { part, .. }), Err(expected)) => assert_eq!(part, expected),
                (parsed, _) => panic!("{text}: {parsed:?}"),
            }
        }
    }
}
