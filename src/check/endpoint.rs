//! Where to knock: targets as they are typed, lists of them, and the listeners of a deployment.
//!
//! Pure text and values; names are resolved in `super::lookup`, domains in [`super::discover`]. Ports decide the protocol
//! where nobody says (RFC 6120 §3, XEP-0368, RFC 3261 §18).

use super::{CheckError, WrongTarget};
use crate::deployment::{Deployment, Gateway, Listener};
use crate::names::{Domain, Protocol, Slug};
use crate::probe::{Depth, KeyKind};
use crate::x509::{Certificate, Fingerprint};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most targets of one list.
pub const MAX_TARGETS: usize = 100_000;

/// Largest list read, in bytes.
pub const MAX_LIST_BYTES: u64 = 16 * 1024 * 1024;

/// One listener to ask, on every address that its host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// As the user knows it.
    pub target: String,
    /// Name or address to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// What it speaks.
    pub protocol: Protocol,
    /// SNI; `None`: not sent.
    pub server_name: Option<Domain>,
    /// The domain that is asked for and must be covered: stream `to`, SIP domain, host.
    pub domain: Option<Domain>,
    /// Signature types offered.
    pub key_kind: KeyKind,
    /// How far to go.
    pub depth: Depth,
    /// What should be served there.
    pub assigned: Option<Assigned>,
    /// Where its host is; empty: it is resolved first.
    pub addresses: Vec<IpAddr>,
    /// The domain that led to it: `xmpp:contoso.com`.
    pub within: Option<String>,
    /// Whether somebody says that it is there.
    pub presence: Presence,
}

/// Whether somebody says that a service is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// Whoever asked, the deployment, or a record.
    #[default]
    Said,
    /// Nobody: peers without a record try the domain itself (RFC 6120 §3.2.2), and that nothing listens there may be
    /// meant.
    Guessed,
}

/// What an endpoint of the deployment should serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// `external-edge/4`.
    pub generation: String,
    /// The gateway of our own making that listens there; `None`: another server.
    pub embedded: Option<Slug>,
    /// Its leaf.
    pub leaf: Fingerprint,
    /// Which of the yardstick's holds is this certificate's.
    pub hold: Option<usize>,
}

impl Assigned {
    /// The certificate's name.
    pub fn certificate(&self) -> &str {
        self.generation
            .split_once('/')
            .map_or(self.generation.as_str(), |(name, _)| name)
    }
}

/// Splits `HOST:PORT`, `[IPV6]:PORT`; `None` for anything else.
pub fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|inner| {
            // A zone may follow the address (RFC 6874).
            let address = inner.split_once('%').map_or(*inner, |(address, _)| address);
            address.parse::<Ipv6Addr>().is_ok()
        })?,
        None if host.contains(':') => return None,
        None => host,
    };
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '%');
    (!host.is_empty() && host.chars().all(sound)).then(|| (host.to_owned(), port))
}

/// Ends of names that files of certificates have; anything else with a dot in it may be a host.
const FILE_ENDS: [&str; 12] = [
    "pem", "crt", "cer", "cert", "der", "key", "csr", "p7b", "p7c", "p12", "pfx", "txt",
];

/// The error for a host without a port, or with an impossible one; `None` where the text is no host.
pub fn without_port(text: &str) -> Option<CheckError> {
    let missing = |host: &str, port: &str| {
        Some(CheckError::NoPort {
            target: text.to_owned(),
            host: host.to_owned(),
            port: port.to_owned(),
        })
    };
    if text.parse::<Ipv6Addr>().is_ok() {
        return missing(&format!("[{text}]"), "");
    }
    let is_host = |host: &str| {
        let end = host.rsplit_once('.').map_or("", |(_, end)| end);
        let named = Domain::parse(host).is_ok() && !FILE_ENDS.contains(&end);
        named || host == "localhost" || host.parse::<Ipv4Addr>().is_ok()
    };
    if let Some(inner) = text.strip_prefix('[') {
        let (address, port) = inner.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        return missing(&format!("[{address}]"), port.trim_start_matches(':'));
    }
    match text.split_once(':') {
        Some((host, port)) if is_host(host) => missing(host, port),
        None if is_host(text) => missing(text, ""),
        Some(_) | None => None,
    }
}

/// The error for a URL, naming the target that was meant; `None` where the text is no URL.
pub fn url(text: &str) -> Option<CheckError> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
    // The host alone; a port stands after the last colon, outside of an address's brackets.
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => place,
    };
    let port = match scheme.as_str() {
        "https" | "wss" | "http" | "ws" => Some(443),
        "ldaps" => Some(636),
        "imaps" => Some(993),
        "smtps" => Some(465),
        "ftps" => Some(990),
        _ => None,
    };
    let asked = match (scheme.as_str(), host_and_port(place), port) {
        ("file", _, _) => rest.to_owned(),
        ("xmpp" | "sip", _, _) => format!("{scheme}:{host}"),
        ("sips", _, _) => format!("sip:{host}"),
        // A port of clear text has no certificate.
        ("http" | "ws", Some((_, 80)), Some(port)) => format!("{host}:{port}"),
        (_, Some(_), _) => place.to_owned(),
        (_, None, Some(port)) => format!("{host}:{port}"),
        (_, None, None) => format!("{host}:PORT"),
    };
    Some(CheckError::Url {
        target: text.to_owned(),
        instead: format!("`edgecert check {asked}`"),
    })
}

/// The protocol that a word names.
pub fn protocol(word: &str) -> Result<Protocol, CheckError> {
    Protocol::ALL
        .into_iter()
        .find(|protocol| protocol.word() == word)
        .ok_or_else(|| CheckError::UnknownProtocol {
            word: word.to_owned(),
        })
}

/// A target of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLine {
    /// As on the command line.
    pub target: String,
    /// `protocol=…`.
    pub protocol: Option<Protocol>,
    /// `name=…`.
    pub name: Option<Domain>,
    /// Where it stands in a list, from 1; `None`: on the command line.
    pub line: Option<usize>,
}

impl TargetLine {
    /// The first option that stands after it: it says something of a listener, and of nothing else.
    pub fn option(&self) -> Option<&'static str> {
        match (&self.protocol, &self.name) {
            (Some(_), _) => Some("protocol="),
            (None, Some(_)) => Some("name="),
            (None, None) => None,
        }
    }
}

/// What a list came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetList {
    /// The lines that can be read.
    pub targets: Vec<TargetLine>,
    /// Those that cannot; of very many the first.
    pub wrong: Vec<WrongTarget>,
    /// How many more there are.
    pub more: usize,
}

/// Reads a list: `TARGET [protocol=…] [name=…]` a line; `#` begins a comment, alone or after a space.
///
/// Errors: more than [`MAX_TARGETS`].
pub fn read_list(text: &str) -> Result<TargetList, CheckError> {
    let mut list = TargetList::default();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match read_line(line, index + 1) {
            Ok(None) => {}
            Ok(Some(read)) => list.targets.push(read),
            Err(error) if list.wrong.len() < CheckError::MAX_TOLD => list.wrong.push(WrongTarget {
                line: Some(index + 1),
                error,
            }),
            Err(_) => list.more += 1,
        }
        if list.targets.len() > MAX_TARGETS {
            return Err(CheckError::TooMany { limit: MAX_TARGETS });
        }
    }
    Ok(list)
}

fn read_line(line: &str, number: usize) -> Result<Option<TargetLine>, CheckError> {
    let mut words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let Some(target) = words.next() else {
        return Ok(None);
    };
    let mut read = TargetLine {
        target: target.to_owned(),
        protocol: None,
        name: None,
        line: Some(number),
    };
    for word in words {
        let twice = |option| CheckError::Twice { option };
        match word.split_once('=') {
            Some(("protocol", _)) if read.protocol.is_some() => return Err(twice("protocol=")),
            Some(("name", _)) if read.name.is_some() => return Err(twice("name=")),
            Some(("protocol", value)) => read.protocol = Some(protocol(value)?),
            Some(("name", value)) => {
                let name = Domain::parse(value).map_err(|source| CheckError::BadName { source })?;
                read.name = Some(name);
            }
            Some(_) | None => {
                return Err(CheckError::UnknownOption {
                    word: word.to_owned(),
                });
            }
        }
    }
    Ok(Some(read))
}

/// The listeners of a certificate's gateways, for each of the names that are proved there, and the gateways whose
/// listeners are not known. `listeners_of` finds them, as an assignment does.
pub fn deployed(
    deployment: &Deployment,
    certificate: &Slug,
    leaf: &Certificate,
    assigned: &Assigned,
    listeners_of: &dyn Fn(&Gateway) -> Vec<Listener>,
) -> (Vec<Endpoint>, Vec<Slug>) {
    let names = leaf.facts().names.clone().unwrap_or_default();
    let key_kind = KeyKind::from(&leaf.facts().public_key);
    let mut endpoints = Vec::new();
    let mut silent = Vec::new();
    let Some(held) = deployment.certificate(certificate) else {
        return (endpoints, silent);
    };
    for gateway in deployment.gateways_of(certificate) {
        let listeners = listeners_of(gateway);
        if listeners.is_empty() {
            silent.push(gateway.name.clone());
        }
        let assigned = Assigned {
            embedded: gateway.kind.embedded().map(|_| gateway.name.clone()),
            ..assigned.clone()
        };
        for handshake in deployment.handshakes(held, &names, &listeners) {
            endpoints.push(Endpoint {
                target: format!("{} {}", gateway.name, handshake.address),
                host: handshake.address.ip().to_string(),
                port: handshake.address.port(),
                protocol: handshake.protocol,
                server_name: handshake.name.clone(),
                domain: handshake.name,
                key_kind,
                depth: Depth::Handshake,
                assigned: Some(assigned.clone()),
                addresses: Vec::new(),
                within: None,
                presence: Presence::Said,
            });
        }
    }
    (endpoints, silent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn hosts_and_ports_are_told_from_paths() {
        for (text, expected) in [
            ("edge.contoso.com:5269", Some(("edge.contoso.com", 5269))),
            ("localhost:5061", Some(("localhost", 5061))),
            ("192.0.2.1:443", Some(("192.0.2.1", 443))),
            ("[2001:db8::1]:5270", Some(("2001:db8::1", 5270))),
            ("2001:db8::1", None),
            ("edge.contoso.com", None),
            ("edge.contoso.com:0", None),
            ("edge.contoso.com:99999", None),
            ("a/b:1", None),
            (":5269", None),
            ("[edge]:1", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(host_and_port(text), expected, "{text}");
        }
    }

    #[test]
    fn hosts_without_a_port_are_told_from_files() {
        for (text, expected) in [
            ("127.0.0.1", Some(("127.0.0.1", ""))),
            ("contoso.com", Some(("contoso.com", ""))),
            ("localhost", Some(("localhost", ""))),
            ("127.0.0.1:99999", Some(("127.0.0.1", "99999"))),
            ("contoso.com:0", Some(("contoso.com", "0"))),
            ("contoso.com:xmpp", Some(("contoso.com", "xmpp"))),
            ("2001:db8::1", Some(("[2001:db8::1]", ""))),
            ("[2001:db8::1]", Some(("[2001:db8::1]", ""))),
            ("edge.pem", None),
            ("certs/edge", None),
            ("external-edge", None),
        ] {
            let expected = expected.map(|(host, port)| CheckError::NoPort {
                target: text.to_owned(),
                host: host.to_owned(),
                port: port.to_owned(),
            });
            assert_eq!(without_port(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_hold_targets_options_and_comments() {
        let text = "\u{feff}# ours\r\nedge.contoso.com:5269 name=contoso.com # the main one\n\n  /etc/ssl/edge.pem\n\
                    192.0.2.1:443 protocol=tls\n";
        let read = read_list(text).unwrap().targets;
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].name, Domain::parse("contoso.com").ok());
        assert_eq!(read[1].target, "/etc/ssl/edge.pem");
        assert_eq!(read[2].protocol, Some(Protocol::Tls));
        for (text, code, line) in [
            ("\na:1 protocol=xmmp", "check.unknown-protocol", 2),
            ("a:1 port=3", "check.unknown-option", 1),
            ("a:1 name=..", "names.", 1),
            ("a:1 protocol=tls protocol=tls", "check.twice", 1),
            ("\n\na:1 name=b.c name=b.c", "check.twice", 3),
        ] {
            let wrong = read_list(text).unwrap().wrong;
            assert_eq!(wrong.len(), 1, "{text}");
            let told = wrong[0].error.explain();
            assert!(told.code.starts_with(code), "{told:?}");
            assert_eq!(wrong[0].line, Some(line), "{text}");
        }
    }

    #[test]
    fn every_line_that_makes_no_sense_is_kept_and_of_very_many_the_first() {
        let list = read_list("a:1 port=3\nb:1\nc:1 protocol=xmmp").unwrap();
        let lines: Vec<_> = list.wrong.iter().filter_map(|one| one.line).collect();
        assert_eq!((lines, list.targets.len()), (vec![1, 3], 1));
        let list = read_list(&"a:1 port=3\n".repeat(1_000)).unwrap();
        assert_eq!((list.wrong.len(), list.more), (20, 980));
    }

    #[test]
    fn a_url_is_told_what_to_write_instead() {
        for (text, instead) in [
            ("https://edge.contoso.com/", "edge.contoso.com:443"),
            (
                "HTTPS://edge.contoso.com:8443/a?b#c",
                "edge.contoso.com:8443",
            ),
            ("http://edge.contoso.com:443/", "edge.contoso.com:443"),
            ("http://edge.contoso.com:80", "edge.contoso.com:443"),
            ("https://[2001:db8::1]:5443", "[2001:db8::1]:5443"),
            ("https://[2001:db8::1]/", "[2001:db8::1]:443"),
            ("xmpp://contoso.com", "xmpp:contoso.com"),
            ("xmpp://alice@contoso.com:5222/x", "xmpp:contoso.com"),
            ("sips://contoso.com:5061", "sip:contoso.com"),
            ("ldaps://dc.contoso.com", "dc.contoso.com:636"),
            ("turns://turn.contoso.com:5349", "turn.contoso.com:5349"),
            ("turns://turn.contoso.com", "turn.contoso.com:PORT"),
            ("file:///etc/ssl/edge.pem", "/etc/ssl/edge.pem"),
        ] {
            let told = url(text).map(|error| error.explain().mend);
            let wanted = format!("write `edgecert check {instead}`");
            assert_eq!(told, Some(wanted), "{text}");
        }
        for text in [
            "edge.pem",
            "a/b://c",
            "xmpp:contoso.com",
            "://x",
            "[::1]:5269",
        ] {
            assert_eq!(url(text), None, "{text}");
        }
    }
}
