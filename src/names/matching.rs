//! Reference identifiers against presented ones, in one table (RFC 9525 §6, RFC 6120 §13.7.1.2, RFC 5922 §7.2).
//!
//! | reference | exact dNSName | wildcard dNSName | SRVName | XmppAddr | `sip:` URI |
//! |---|---|---|---|---|---|
//! | XMPP server | yes | one label | `_xmpp-server` | yes | – |
//! | XMPP client | yes | one label | `_xmpp-client` | yes | – |
//! | SIP domain | without a `sip:` URI; else leniently | never | – | – | yes |
//! | host | yes | one label | – | – | – |
//!
//! The common name is never read (RFC 9525 §1.2 took it out).

use super::{Domain, Presented, XmppAddr};

/// The kind of service whose name is looked for; it decides which forms count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// XMPP between servers: DNS-ID, SRV-ID `_xmpp-server`, XmppAddr.
    XmppServer,
    /// XMPP for clients: DNS-ID, SRV-ID `_xmpp-client`, XmppAddr.
    XmppClient,
    /// SIP domain: `sip:` URI, or DNS-ID; no wildcard of any form.
    Sip,
    /// A host: DNS-ID alone.
    Host,
}

/// How a certificate's names stand to one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coverage {
    /// Covered; which of the presented names do it (indices), best first.
    By(Vec<usize>),
    /// Covered only as lenient peers read it (a `sip:` URI for another domain makes strict RFC 5922 §7.1 readers ignore DNS names).
    Leniently(Vec<usize>),
    /// Not covered.
    Missing,
}

/// Why a presented name covers a reference; the order is from the name that every peer accepts to the one that
/// the fewest do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    SipUri,
    ExactDns,
    WildcardDns,
    Srv,
    XmppAddr,
}

/// Whether `presented` covers `domain` for `service`.
pub fn covers(service: Service, domain: &Domain, presented: &[Presented]) -> Coverage {
    let mut matches: Vec<(Match, usize)> = presented
        .iter()
        .enumerate()
        .filter_map(|(index, name)| Some((match_one(service, domain, name)?, index)))
        .collect();
    matches.sort();
    let by_uri = matches.iter().any(|(how, _)| *how == Match::SipUri);
    let indices: Vec<usize> = matches.into_iter().map(|(_, index)| index).collect();
    if indices.is_empty() {
        Coverage::Missing
    } else if service == Service::Sip && !by_uri && presented.iter().any(is_sip_identity) {
        // RFC 5922 §7.1: DNS names are looked at only where no sip URI is an acceptable identity.
        Coverage::Leniently(indices)
    } else {
        Coverage::By(indices)
    }
}

/// The presented wildcards that would cover `domain` if wildcards counted: for SIP they never do
/// (RFC 5922 §7.2), and this says which name misled whoever asked for the certificate.
pub fn wildcard_covers(domain: &Domain, presented: &[Presented]) -> Vec<usize> {
    presented
        .iter()
        .enumerate()
        .filter(|(_, name)| {
            name.dns_name()
                .is_some_and(|text| wildcard_dns(text, domain))
        })
        .map(|(index, _)| index)
        .collect()
}

/// Whether one presented dNSName covers the domain: ASCII case-insensitive, a wildcard as the whole left-most
/// label stands for exactly one label (RFC 9525 §6.3).
///
/// A wildcard before a single label (`*.com`) covers nothing, as in webpki and NSS.
pub fn dns_name_covers(presented: &str, domain: &Domain) -> bool {
    exact_dns(presented, domain) || wildcard_dns(presented, domain)
}

/// Whether a presented URI is a SIP domain identity, whatever its domain: scheme `sip`, no user part.
///
/// Port and parameters do no harm when one reads (RFC 5922 §7.1 looks at scheme, user part and host only).
pub fn is_sip_identity(presented: &Presented) -> bool {
    sip_host(presented).is_some()
}

fn match_one(service: Service, domain: &Domain, presented: &Presented) -> Option<Match> {
    let srv = match service {
        Service::XmppServer => Some("_xmpp-server"),
        Service::XmppClient => Some("_xmpp-client"),
        Service::Sip | Service::Host => None,
    };
    match presented {
        Presented::Dns(text) if exact_dns(text, domain) => Some(Match::ExactDns),
        Presented::Dns(text) => {
            (service != Service::Sip && wildcard_dns(text, domain)).then_some(Match::WildcardDns)
        }
        Presented::Srv(text) => {
            let (service, rest) = text.split_once('.')?;
            // RFC 9525 §6.5: both parts without regard to case, and only together.
            (service.eq_ignore_ascii_case(srv?) && rest.eq_ignore_ascii_case(domain.as_str()))
                .then_some(Match::Srv)
        }
        Presented::Xmpp(text) => {
            srv?;
            // RFC 6120 §13.7.1.4 has no wildcards; U-labels are compared in their encoded form.
            (XmppAddr::parse(text).ok()?.domain() == domain).then_some(Match::XmppAddr)
        }
        Presented::Uri(_) => (service == Service::Sip
            && sip_host(presented)?.eq_ignore_ascii_case(domain.as_str()))
        .then_some(Match::SipUri),
        Presented::Ip(_) | Presented::Email(_) | Presented::Other(_) | Presented::Malformed(_) => {
            None
        }
    }
}

fn exact_dns(presented: &str, domain: &Domain) -> bool {
    presented.eq_ignore_ascii_case(domain.as_str())
}

fn wildcard_dns(presented: &str, domain: &Domain) -> bool {
    match (
        presented.strip_prefix("*."),
        domain.as_str().split_once('.'),
    ) {
        (Some(suffix), Some((_, parent))) => {
            suffix.contains('.') && suffix.eq_ignore_ascii_case(parent)
        }
        (None, _) | (_, None) => false,
    }
}

/// The host of an acceptable SIP identity.
fn sip_host(presented: &Presented) -> Option<&str> {
    let Presented::Uri(text) = presented else {
        return None;
    };
    let (scheme, rest) = text.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") || rest.contains('@') {
        return None;
    }
    let host = rest.split([':', ';', '?']).next()?;
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn dns(text: &str) -> Presented {
        Presented::Dns(text.to_owned())
    }

    fn uri(text: &str) -> Presented {
        Presented::Uri(text.to_owned())
    }

    fn srv(text: &str) -> Presented {
        Presented::Srv(text.to_owned())
    }

    fn xmpp(text: &str) -> Presented {
        Presented::Xmpp(text.to_owned())
    }

    #[test]
    fn each_service_counts_its_own_forms() {
        use Coverage::{By, Leniently, Missing};
        use Service::{Host, Sip, XmppClient, XmppServer};
        let table = [
            (
                XmppServer,
                "contoso.com",
                vec![dns("Contoso.com")],
                By(vec![0]),
            ),
            (
                XmppServer,
                "chat.contoso.com",
                vec![dns("*.contoso.com")],
                By(vec![0]),
            ),
            (
                XmppServer,
                "contoso.com",
                vec![dns("*.contoso.com")],
                Missing,
            ),
            (
                XmppServer,
                "a.b.contoso.com",
                vec![dns("*.contoso.com")],
                Missing,
            ),
            (XmppServer, "contoso.com", vec![dns("*.com")], Missing),
            (
                XmppServer,
                "ab.contoso.com",
                vec![dns("a*.contoso.com")],
                Missing,
            ),
            (
                XmppServer,
                "contoso.com",
                vec![srv("_XMPP-Server.CONTOSO.com")],
                By(vec![0]),
            ),
            (
                XmppServer,
                "contoso.com",
                vec![srv("_xmpp-client.contoso.com")],
                Missing,
            ),
            (
                XmppClient,
                "contoso.com",
                vec![srv("_xmpp-client.contoso.com")],
                By(vec![0]),
            ),
            (
                XmppServer,
                "a.contoso.com",
                vec![srv("_xmpp-server.*.contoso.com")],
                Missing,
            ),
            (
                XmppServer,
                "xn--bcher-kva.example",
                vec![xmpp("Bücher.example")],
                By(vec![0]),
            ),
            (
                XmppServer,
                "contoso.com",
                vec![xmpp("me@contoso.com")],
                Missing,
            ),
            (
                XmppServer,
                "contoso.com",
                vec![uri("sip:contoso.com")],
                Missing,
            ),
            (
                XmppServer,
                "a.contoso.com",
                vec![
                    xmpp("a.contoso.com"),
                    dns("*.contoso.com"),
                    dns("a.contoso.com"),
                ],
                By(vec![2, 1, 0]),
            ),
            (Sip, "contoso.com", vec![dns("contoso.com")], By(vec![0])),
            (Sip, "sip.contoso.com", vec![dns("*.contoso.com")], Missing),
            (
                Sip,
                "contoso.com",
                vec![uri("SIP:contoso.COM")],
                By(vec![0]),
            ),
            (
                Sip,
                "contoso.com",
                vec![uri("sip:contoso.com:5061;x=y")],
                By(vec![0]),
            ),
            (Sip, "contoso.com", vec![uri("sips:contoso.com")], Missing),
            (Sip, "contoso.com", vec![uri("sip:me@contoso.com")], Missing),
            (
                Sip,
                "contoso.com",
                vec![dns("contoso.com"), uri("sip:me@contoso.com")],
                By(vec![0]),
            ),
            (
                Sip,
                "contoso.com",
                vec![dns("contoso.com"), uri("sip:fabrikam.com")],
                Leniently(vec![0]),
            ),
            (
                Sip,
                "contoso.com",
                vec![dns("contoso.com"), uri("sip:contoso.com")],
                By(vec![1, 0]),
            ),
            (Sip, "contoso.com", vec![xmpp("contoso.com")], Missing),
            (
                Host,
                "edge.contoso.com",
                vec![dns("*.contoso.com")],
                By(vec![0]),
            ),
            (
                Host,
                "contoso.com",
                vec![xmpp("contoso.com"), srv("_xmpp-server.contoso.com")],
                Missing,
            ),
            (
                Host,
                "contoso.com",
                vec![Presented::Malformed("contoso.com".into())],
                Missing,
            ),
            (Host, "contoso.com", vec![dns("contoso.com.")], Missing),
            (
                Host,
                "contoso.com",
                vec![dns("contoso.com\0.evil.com")],
                Missing,
            ),
        ];
        for (service, name, presented, expected) in table {
            assert_eq!(
                covers(service, &domain(name), &presented),
                expected,
                "{service:?} {name} {presented:?}"
            );
        }
    }

    #[test]
    fn the_wildcard_that_misleads_sip_is_found() {
        let presented = [dns("edge.contoso.com"), dns("*.contoso.com")];
        assert_eq!(wildcard_covers(&domain("sip.contoso.com"), &presented), [1]);
        assert!(wildcard_covers(&domain("contoso.com"), &presented).is_empty());
    }

    proptest! {
        #[test]
        fn a_dns_name_never_covers_another_count_of_labels(
            presented in "(\\*\\.)?[a-c]{1,2}(\\.[a-c]{1,2}){0,4}",
            wanted in "[a-c]{1,2}(\\.[a-c]{1,2}){1,4}",
        ) {
            if dns_name_covers(&presented, &domain(&wanted)) {
                prop_assert_eq!(presented.split('.').count(), wanted.split('.').count());
            }
        }
    }
}
