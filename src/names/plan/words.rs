//! What a planned name is for, and what breaks without it, in words.

use super::{PlannedName, Reason};
use crate::explain::printable;
use crate::names::{Domain, NameForm, Use};
use std::collections::BTreeSet;

impl Reason {
    /// In words: `SIP domain (RFC 5922)`, `component of contoso.com that talks to partners`.
    pub fn words(&self) -> String {
        match self {
            Reason::EdgeFqdn => "Access Edge FQDN (subject), target of the SRV records".to_owned(),
            Reason::SipHost(domain) => format!("SIP domain {}", shown(domain)),
            Reason::SipDomain(_) => "SIP domain (RFC 5922)".to_owned(),
            Reason::XmppDomain(_) => "XMPP domain (RFC 6120)".to_owned(),
            Reason::Component(_, Some(parent)) => {
                format!("component of {} that talks to partners", shown(parent))
            }
            Reason::Component(_, None) => "component that talks to partners".to_owned(),
            Reason::Extra => "asked for as a further name".to_owned(),
        }
    }

    /// What breaks without the name, in words; for the FQDN it depends on what the certificate is for.
    pub fn without(&self, uses: &BTreeSet<Use>) -> &'static str {
        match self {
            Reason::EdgeFqdn if uses.contains(&Use::SipEdge) => "Lync and SfB partners refuse TLS",
            Reason::EdgeFqdn if uses.contains(&Use::InternalEdge) => {
                "the company's own servers refuse TLS"
            }
            Reason::EdgeFqdn => "peers that check the SRV target (RFC 7673) refuse TLS",
            Reason::SipHost(_) => "Lync clients cannot sign in",
            Reason::SipDomain(_) => "SIP peers that follow RFC 5922 refuse TLS",
            Reason::XmppDomain(_) => "XMPP partners fall back to dialback or refuse",
            Reason::Component(..) => "rooms cannot be joined from outside",
            Reason::Extra => "whoever connects to this name refuses TLS",
        }
    }

    /// Which reason tells most about what breaks: XMPP partners before strict SIP peers.
    fn weight(&self) -> u8 {
        match self {
            Reason::EdgeFqdn => 5,
            Reason::SipHost(_) => 4,
            Reason::XmppDomain(_) => 3,
            Reason::Component(..) => 2,
            Reason::SipDomain(_) => 1,
            Reason::Extra => 0,
        }
    }
}

impl PlannedName {
    /// All reasons in words, joined by `and`.
    pub fn because(&self) -> String {
        let words: Vec<String> = self.reasons.iter().map(Reason::words).collect();
        words.join(" and ")
    }

    /// What breaks without this name in this form, for a certificate with these uses: the two gravest of its reasons
    /// for a DNS-ID, and little for the other forms, since no known server needs them besides a DNS-ID.
    pub fn without(&self, uses: &BTreeSet<Use>) -> String {
        match self.name.form() {
            NameForm::Srv => "peers that trust SRV-IDs alone fall back to dialback".to_owned(),
            NameForm::Xmpp => {
                "old servers that read XmppAddr alone fall back to dialback".to_owned()
            }
            NameForm::Uri => "peers that read sip URIs first (RFC 5922 §7.1) may refuse".to_owned(),
            NameForm::Dns | NameForm::Ip | NameForm::Email => {
                let mut reasons: Vec<&Reason> = self.reasons.iter().collect();
                reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight()));
                // That somebody asked for it as well adds nothing to a reason of its own.
                if reasons.len() > 1 {
                    reasons.retain(|reason| **reason != Reason::Extra);
                }
                let mut words: Vec<&str> = reasons.iter().map(|one| one.without(uses)).collect();
                words.dedup();
                words.truncate(MOST_CONSEQUENCES);
                words.join("; ")
            }
        }
    }
}

/// Most consequences told of one name.
const MOST_CONSEQUENCES: usize = 2;

/// A domain with its U-labels beside it, where these differ.
fn shown(domain: &Domain) -> String {
    let letters = domain.to_unicode();
    if letters == domain.as_str() {
        domain.to_string()
    } else {
        format!("{domain} ({})", printable(&letters))
    }
}
