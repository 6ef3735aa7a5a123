//! SRV-ID: a service and the domain it serves (RFC 4985 §2).

use super::{Domain, NameError};
use std::fmt;

/// Longest service name without its underscore (RFC 6335 §5.1).
const MAX_SERVICE: usize = 15;

/// `_service.domain`: service lower case with its underscore, no protocol label, domain in A-labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SrvId {
    service: String,
    domain: Domain,
}

impl SrvId {
    /// Parses `_xmpp-server.contoso.com`.
    ///
    /// Errors: [`NameError::SrvService`] without a sound service, [`NameError::SrvProtocol`] with `._tcp` as in
    /// the DNS record, else the domain's error.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some((service, domain)) = text.split_once('.') else {
            return Err(NameError::SrvService {
                text: text.to_owned(),
            });
        };
        if !is_service(service) {
            return Err(NameError::SrvService {
                text: text.to_owned(),
            });
        }
        if domain.starts_with('_') {
            return Err(NameError::SrvProtocol {
                text: text.to_owned(),
            });
        }
        Self::new(service, Domain::parse(domain)?)
    }

    /// From a service such as `_xmpp-server` and a domain.
    pub fn new(service: &str, domain: Domain) -> Result<Self, NameError> {
        if !is_service(service) {
            return Err(NameError::SrvService {
                text: format!("{service}.{domain}"),
            });
        }
        Ok(Self {
            service: service.to_ascii_lowercase(),
            domain,
        })
    }

    /// `_xmpp-server` of a domain (RFC 6120 §13.7.1.2.1).
    pub fn xmpp_server(domain: Domain) -> Self {
        Self {
            service: "_xmpp-server".to_owned(),
            domain,
        }
    }

    /// `_xmpp-client` of a domain (RFC 6120 §13.7.1.2.1).
    pub fn xmpp_client(domain: Domain) -> Self {
        Self {
            service: "_xmpp-client".to_owned(),
            domain,
        }
    }

    /// With its underscore: `_xmpp-server`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The domain served.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

impl fmt::Display for SrvId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.service, self.domain)
    }
}

/// Underscore, then 1 to 15 letters, digits and inner hyphens with at least one letter (RFC 6335 §5.1).
fn is_service(service: &str) -> bool {
    service.strip_prefix('_').is_some_and(|name| {
        (1..=MAX_SERVICE).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && name.bytes().any(|b| b.is_ascii_alphabetic())
            && !name.starts_with('-')
            && !name.ends_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_domains_are_both_checked() {
        for (text, outcome) in [
            ("_xmpp-server.contoso.com", Ok("_xmpp-server.contoso.com")),
            ("_XMPP-Client.Contoso.com", Ok("_xmpp-client.contoso.com")),
            ("_sip.bücher.example", Ok("_sip.xn--bcher-kva.example")),
            ("xmpp-server.contoso.com", Err("names.srv-service")),
            ("_xmpp-server", Err("names.srv-service")),
            ("_.contoso.com", Err("names.srv-service")),
            ("_-a.contoso.com", Err("names.srv-service")),
            ("_xmpp-server._tcp.contoso.com", Err("names.srv-protocol")),
            ("_xmpp-server.*.contoso.com", Err("names.wildcard-here")),
            ("_xmpp-server.com", Err("names.single-label")),
        ] {
            let parsed = SrvId::parse(text);
            match outcome {
                Ok(printed) => assert_eq!(parsed.unwrap().to_string(), printed, "{text}"),
                Err(code) => assert_eq!(parsed.unwrap_err().code(), code, "{text}"),
            }
        }
    }
}
