//! From SRV answers to places, and what a domain without records comes to.

use super::Scheme;
use crate::check::discover::MAX_TARGETS;
use crate::check::endpoint::Presence;
use crate::dns::{Answer, Outcome, Srv};
use crate::names::{Domain, Protocol};

/// A target of one service, before its host is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub host: String,
    pub port: u16,
    pub protocol: Protocol,
}

/// Where to go, and whether SRV records or the domain itself said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub places: Vec<Place>,
    /// Places at the domain itself, and whether peers must find something there.
    pub fallback: Vec<(Place, Presence)>,
    /// Services whose only target is `.`.
    pub refused: Vec<String>,
    /// Hosts that a record names with port 0, and the name of the record.
    pub portless: Vec<(String, String)>,
    /// Targets beyond the limits.
    pub left_out: usize,
}

impl Plan {
    /// Whether clients are told where to go, and servers are not: nobody says that the domain federates.
    pub fn is_for_clients(&self) -> bool {
        self.fallback.iter().any(|(place, presence)| {
            *presence == Presence::Guessed && place.protocol == Protocol::XmppServer
        })
    }
}

/// Turns SRV answers into places: no SRV record at all sends to the domain itself (RFC 6120 §3.2.2, RFC 3263 §4.2), a
/// target `.` never does (RFC 2782, XEP-0368 §2).
///
/// A domain with records for clients and none for servers is asked at 5269 as well, as every peer does. Whether it means
/// to federate is not known then, so the place is [`Presence::Guessed`]; so is 5222 of a domain without any record.
pub(super) fn plan(scheme: Scheme, domain: &Domain, answers: &[(Protocol, Answer<Srv>)]) -> Plan {
    let mut plan = Plan {
        places: Vec::new(),
        fallback: Vec::new(),
        refused: Vec::new(),
        portless: Vec::new(),
        left_out: 0,
    };
    for (protocol, answer) in answers {
        plan.left_out += answer.left_out;
        if !answer.records.is_empty() && answer.records.iter().all(Srv::is_refusal) {
            plan.refused.push(answer.asked.clone());
        }
        for srv in answer.records.iter().filter(|srv| !srv.is_refusal()) {
            if srv.port == 0 {
                plan.portless
                    .push((srv.target.clone(), answer.asked.clone()));
                continue;
            }
            let place = Place {
                host: srv.target.clone(),
                port: srv.port,
                protocol: *protocol,
            };
            if plan.places.contains(&place) {
                continue;
            }
            match plan.places.len() < MAX_TARGETS {
                true => plan.places.push(place),
                false => plan.left_out += 1,
            }
        }
    }
    let none_of = |protocols: &[Protocol]| {
        answers
            .iter()
            .filter(|(protocol, _)| protocols.contains(protocol))
            .all(|(_, answer)| answer.outcome != Outcome::Found)
    };
    let servers = [Protocol::XmppServer, Protocol::XmppsServer];
    let itself = |port, protocol, presence| {
        let place = Place {
            host: domain.to_string(),
            port,
            protocol,
        };
        (place, presence)
    };
    match (scheme, none_of(&servers), none_of(&Protocol::ALL)) {
        (Scheme::Xmpp, true, nothing) => {
            let presence = match nothing {
                true => Presence::Said,
                false => Presence::Guessed,
            };
            plan.fallback
                .push(itself(5269, Protocol::XmppServer, presence));
            if nothing {
                plan.fallback
                    .push(itself(5222, Protocol::Xmpp, Presence::Guessed));
            }
        }
        (Scheme::Sip, _, true) => {
            plan.fallback
                .push(itself(5061, Protocol::Sips, Presence::Said));
        }
        (Scheme::Xmpp, false, _) | (Scheme::Sip, _, false) => {}
    }
    plan
}
