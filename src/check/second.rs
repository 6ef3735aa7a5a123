//! Second looks: direct TLS without ALPN, SIP with the names that older peers send, and what differs then.
//!
//! Only the handshake is asked for again, and only where the first look came that far. XEP-0368 §3, RFC 5922 §7,
//! RFC 6066 §3.

use super::endpoint::Endpoint;
use crate::explain::{Explain, printable};
use crate::findings::{Code, Finding};
use crate::names::{Domain, Protocol};
use crate::probe::{Alpn, Depth, Limits, Manner, Observation, ProbeError, Stage, Target, probe_as};
use crate::x509::{Certificate, Fingerprint};
use std::net::{IpAddr, SocketAddr};

/// What differs from the first look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Other {
    /// No ALPN.
    NoAlpn,
    /// Another SNI; `None`: not sent.
    Sni(Option<Domain>),
}

/// A second look.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    /// How it differed.
    pub other: Other,
    /// What came of it.
    pub seen: Observation,
}

/// Looks again where it may come out differently.
pub(super) async fn look(
    endpoint: &Endpoint,
    target: &Target,
    within: Limits,
    manner: &Manner,
    first: &Observation,
) -> Vec<Aside> {
    let mut asides = Vec::new();
    if !came_to_tls(first) {
        return asides;
    }
    for other in others(endpoint) {
        let mut again = Target {
            depth: Depth::Handshake,
            ..target.clone()
        };
        let mut manner = manner.clone();
        match &other {
            Other::NoAlpn => manner.alpn = Alpn::Absent,
            Other::Sni(name) => again.server_name = name.clone(),
        }
        let seen = probe_as(&again, within, &manner).await;
        asides.push(Aside { other, seen });
    }
    asides
}

/// Whether the peer spoke TLS at all, and was not waited for in vain.
fn came_to_tls(first: &Observation) -> bool {
    let in_vain = first
        .failure
        .as_ref()
        .is_some_and(|failure| matches!(failure, ProbeError::Timeout(_)) || failure.is_not_tls());
    let far_enough = first
        .reached
        .is_some_and(|reached| reached >= Stage::Handshake);
    far_enough && !(in_vain && first.chain.is_empty())
}

fn others(endpoint: &Endpoint) -> Vec<Other> {
    match endpoint.protocol {
        Protocol::XmppsClient | Protocol::XmppsServer => vec![Other::NoAlpn],
        Protocol::Sips => {
            let host = match endpoint.host.parse::<IpAddr>() {
                Ok(_) => None,
                Err(_) => Domain::parse(&endpoint.host).ok(),
            };
            let mut names: Vec<Option<Domain>> = vec![host, None];
            names.dedup();
            names
                .into_iter()
                .filter(|name| *name != endpoint.server_name)
                .map(Other::Sni)
                .collect()
        }
        Protocol::Xmpp | Protocol::XmppServer | Protocol::Tls => Vec::new(),
    }
}

/// What there is to say of the second looks.
pub(super) fn findings(
    endpoint: &Endpoint,
    address: SocketAddr,
    first: &Observation,
    asides: &[Aside],
) -> Vec<Finding> {
    asides
        .iter()
        .filter_map(|aside| finding(endpoint, address, first, aside))
        .collect()
}

fn finding(
    endpoint: &Endpoint,
    address: SocketAddr,
    first: &Observation,
    aside: &Aside,
) -> Option<Finding> {
    // A peer that could not be reached a second time says nothing of ALPN or SNI.
    if aside.seen.reached < Some(Stage::Handshake)
        || matches!(aside.seen.failure, Some(ProbeError::Timeout(_)))
    {
        return None;
    }
    let (usual, other) = (shown(first), shown(&aside.seen));
    if usual.is_some()
        && usual.as_ref().map(|(leaf, _)| leaf) == other.as_ref().map(|(leaf, _)| leaf)
    {
        return None;
    }
    let (code, usually, otherwise, mend) = match &aside.other {
        Other::NoAlpn => (
            Code::LiveAlpnNeeded,
            "with ALPN".to_owned(),
            "without ALPN".to_owned(),
            match usual {
                None => {
                    "let the listener take the ALPN of XMPP: peers that send it are turned away"
                }
                Some(_) => {
                    "nothing, where all peers send ALPN; else make this service the multiplexer's default"
                }
            },
        ),
        Other::Sni(name) => (
            Code::LiveSniNeeded,
            with_name(endpoint.server_name.as_ref()),
            with_name(name.as_ref()),
            match usual {
                None => "let the listener know this name: peers that send it are turned away",
                Some(_) => {
                    "nothing, where all peers send the SIP domain; else make its certificate the listener's default"
                }
            },
        ),
    };
    let what = match (&usual, &other) {
        (Some(_), Some(_)) => format!("shows another leaf {otherwise}"),
        (Some(_), None) => format!("shows no certificate {otherwise}"),
        (None, Some(_)) => format!("shows a certificate {otherwise} only"),
        (None, None) => return None,
    };
    let told =
        |shown: &Option<(Fingerprint, String)>, seen: &Observation| match (shown, &seen.failure) {
            (Some((leaf, name)), _) => format!("{} ({name})", leaf.short()),
            (None, Some(failure)) => failure.explain().why,
            (None, None) => "no certificate".to_owned(),
        };
    Some(Finding::new(
        code,
        address.to_string(),
        what,
        format!(
            "{usually}: {}; {otherwise}: {}",
            told(&usual, first),
            told(&other, &aside.seen)
        ),
        mend,
    ))
}

fn with_name(name: Option<&Domain>) -> String {
    match name {
        Some(name) => format!("with SNI {name}"),
        None => "without SNI".to_owned(),
    }
}

/// The leaf that was shown, and its name for people.
fn shown(seen: &Observation) -> Option<(Fingerprint, String)> {
    let der = seen.chain.first()?;
    let name = Certificate::from_der(der)
        .map(|leaf| printable(&leaf.display_name()))
        .unwrap_or_else(|_| "unreadable".to_owned());
    Some((Fingerprint::of(der), name))
}
