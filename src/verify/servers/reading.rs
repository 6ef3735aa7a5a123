//! One certificate, one server, one domain: accepted by which name, or why not.

use super::{Basis, Case, CommonName, Compared, Eku, Idn, Keys, Profile, Srv, Uri, Wildcard, Xmpp};
use crate::explain::printable;
use crate::names::matching::Service;
use crate::names::{Domain, Presented, XmppAddr};
use crate::x509::certificate::Facts;
use crate::x509::{KeyPurpose, PublicKeyKind};

/// Whose certificate ours is on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The TLS server's: the other one dialled us.
    Server,
    /// The TLS client's: we dialled, and prove ourselves by it.
    Client,
}

impl Role {
    /// Both.
    pub const ALL: [Role; 2] = [Role::Client, Role::Server];

    /// `server` or `client`.
    pub fn word(self) -> &'static str {
        match self {
            Role::Server => "server",
            Role::Client => "client",
        }
    }
}

/// What a server makes of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is taken.
    Accepted(By),
    /// It is not.
    Refused(Refusal),
}

/// What made a server accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// This subjectAltName entry, by its index.
    Name(usize),
    /// This common name, raw.
    CommonName(String),
    /// Names are not compared.
    NotCompared,
}

/// Why a server refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No name counts for the domain.
    Name {
        /// What was looked for, A-labels: the domain, or `sip.<domain>`.
        wanted: String,
        /// The entry that comes nearest (its typed form, fit to be shown) and why it does not count.
        nearest: Option<(String, WhyNot)>,
    },
    /// The extended key usage lacks a purpose.
    Purpose {
        /// The one that it asks for.
        needed: KeyPurpose,
        /// What the leaf holds.
        present: Vec<KeyPurpose>,
        /// How surely that is known.
        basis: Basis,
    },
    /// It works with RSA keys alone.
    Key {
        /// How surely that is known.
        basis: Basis,
    },
}

/// Why a name that others would accept does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhyNot {
    /// Upper case, where bytes are compared.
    Case,
    /// It has a wildcard, and that stands for nothing, or not for this.
    Wildcard,
    /// A-labels, where the stream's U-labels are compared, or the other way round.
    Idn,
    /// SRVName of this kind is not read.
    Srv,
    /// XmppAddr is not read.
    Xmpp,
    /// URIs are not read.
    Uri,
    /// The common name is not read, or not beside other names.
    CommonName,
    /// It stands after the last entry that is looked at.
    TooMany,
}

/// What a server with this profile makes of a leaf that is to prove a domain for a service.
pub fn answer(
    profile: &Profile,
    leaf: &Facts,
    service: Service,
    domain: &Domain,
    role: Role,
) -> Answer {
    match wrong_key(profile, leaf).or_else(|| wrong_purpose(profile, leaf, role)) {
        Some(refusal) => Answer::Refused(refusal),
        None => named(profile, leaf, service, domain),
    }
}

/// What a server that asks like this makes of a leaf whose names it takes as `named`.
pub(super) fn answer_of(profile: &Profile, leaf: &Facts, role: Role, named: &Answer) -> Answer {
    match wrong_key(profile, leaf).or_else(|| wrong_purpose(profile, leaf, role)) {
        Some(refusal) => Answer::Refused(refusal),
        None => named.clone(),
    }
}

/// The same by the names alone, whatever the leaf's key and purposes are.
pub fn named(profile: &Profile, leaf: &Facts, service: Service, domain: &Domain) -> Answer {
    named_of(profile, leaf, &Hosts::of(leaf), service, domain)
}

/// The hosts in the names of a leaf, each brought to A-labels once: a certificate has thousands of names where it
/// means harm, and the matrix looks at them for every domain and server.
pub(super) struct Hosts {
    /// A-labels in lower case with a wildcard in front, where the name holds a host that can be read.
    ascii: Vec<Option<String>>,
    /// U-labels of those that are XmppAddr.
    unicode: Vec<Option<String>>,
}

impl Hosts {
    pub(super) fn of(leaf: &Facts) -> Self {
        let names = leaf.names.as_deref().unwrap_or_default();
        Self {
            ascii: names
                .iter()
                .map(|name| host_of(name).and_then(|(host, _)| ascii_of(host)))
                .collect(),
            unicode: names
                .iter()
                .map(|name| match name {
                    Presented::Xmpp(text) => domain_of(text).map(|domain| domain.to_unicode()),
                    Presented::Dns(_)
                    | Presented::Srv(_)
                    | Presented::Uri(_)
                    | Presented::Ip(_)
                    | Presented::Email(_)
                    | Presented::Other(_)
                    | Presented::Malformed(_) => None,
                })
                .collect(),
        }
    }

    fn ascii(&self, index: usize) -> Option<&str> {
        self.ascii.get(index)?.as_deref()
    }

    fn unicode(&self, index: usize) -> Option<&str> {
        self.unicode.get(index)?.as_deref()
    }
}

/// [`named`], the hosts being known.
pub(super) fn named_of(
    profile: &Profile,
    leaf: &Facts,
    hosts: &Hosts,
    service: Service,
    domain: &Domain,
) -> Answer {
    let wanted = match (profile.compared.value, service) {
        (Compared::Nothing, _) => return Answer::Accepted(By::NotCompared),
        (Compared::SipHost, Service::Sip) => format!("sip.{domain}"),
        (Compared::SipHost | Compared::Domain, _) => domain.to_string(),
    };
    let reading = Reading {
        profile,
        leaf,
        hosts,
        on_stream: match wanted == domain.as_str() {
            true => domain.to_unicode(),
            false => wanted.clone(),
        },
        wanted,
    };
    match reading.accepted_by() {
        Some(by) => Answer::Accepted(by),
        None => Answer::Refused(Refusal::Name {
            nearest: reading.nearest(),
            wanted: reading.wanted,
        }),
    }
}

fn wrong_key(profile: &Profile, leaf: &Facts) -> Option<Refusal> {
    let rsa = matches!(leaf.public_key, PublicKeyKind::Rsa { .. });
    (profile.keys.value == Keys::Rsa && !rsa).then_some(Refusal::Key {
        basis: profile.keys.basis,
    })
}

/// An absent extension allows everything (RFC 5280 §4.2.1.12). anyExtendedKeyUsage alone does not count, as in
/// OpenSSL's checks for TLS.
fn wrong_purpose(profile: &Profile, leaf: &Facts, role: Role) -> Option<Refusal> {
    let cell = match role {
        Role::Server => profile.eku_as_server,
        Role::Client => profile.eku_as_client,
    };
    let needed = match cell.value {
        Eku::Any => return None,
        Eku::ServerAuth => KeyPurpose::ServerAuth,
        Eku::ClientAuth => KeyPurpose::ClientAuth,
    };
    let present = leaf.key_purposes.as_ref()?;
    (!present.contains(&needed)).then(|| Refusal::Purpose {
        needed,
        present: present.clone(),
        basis: cell.basis,
    })
}

/// One look into a certificate.
struct Reading<'a> {
    profile: &'a Profile,
    leaf: &'a Facts,
    hosts: &'a Hosts,
    /// A-labels, lower case.
    wanted: String,
    /// As an XMPP stream writes it: U-labels, lower case.
    on_stream: String,
}

impl Reading<'_> {
    fn names(&self) -> &[Presented] {
        self.leaf.names.as_deref().unwrap_or_default()
    }

    fn accepted_by(&self) -> Option<By> {
        let most = self.profile.most_names.value.unwrap_or(usize::MAX);
        let mut names = self.names().iter().enumerate().take(most);
        if let Some((index, _)) = names.find(|(index, name)| self.counts(*index, name)) {
            return Some(By::Name(index));
        }
        let common_names = self.leaf.subject.common_names.as_slice();
        let candidate = match (self.profile.common_name.value, common_names) {
            (CommonName::Always, [first, ..]) => first,
            (CommonName::WithoutSan, [only]) if !self.has_identity() => only,
            (CommonName::Always | CommonName::WithoutSan | CommonName::No, _) => return None,
        };
        // A common name is compared without regard to case by all who read it.
        self.same(candidate, &self.wanted, Case::Ignored)
            .then(|| By::CommonName(candidate.clone()))
    }

    /// Whether there is an entry of a form that keeps the common name from being read (RFC 6125 §6.4.4).
    fn has_identity(&self) -> bool {
        self.names().iter().any(|name| match name {
            Presented::Dns(_) | Presented::Srv(_) | Presented::Xmpp(_) | Presented::Uri(_) => true,
            Presented::Ip(_)
            | Presented::Email(_)
            | Presented::Other(_)
            | Presented::Malformed(_) => false,
        })
    }

    fn counts(&self, index: usize, name: &Presented) -> bool {
        let case = self.profile.case.value;
        match name {
            Presented::Dns(text) => self.same(text, self.reference(), case),
            Presented::Srv(text) => self.srv_counts(text),
            Presented::Xmpp(text) => match self.profile.xmpp.value {
                Xmpp::No => false,
                Xmpp::Nameprep => {
                    let plain = !text.contains("xn--") && !text.ends_with('.');
                    plain && self.hosts.unicode(index) == Some(&self.on_stream)
                }
                Xmpp::AsDnsName => {
                    let ascii = self.hosts.ascii(index);
                    ascii.is_some_and(|ascii| self.same(ascii, &self.wanted, Case::Exact))
                }
                Xmpp::Raw => self.same(text, &self.on_stream, case),
            },
            Presented::Uri(text) => match self.profile.uri.value {
                Uri::No => false,
                Uri::Raw => self.same(text, &self.on_stream, case),
            },
            Presented::Ip(_)
            | Presented::Email(_)
            | Presented::Other(_)
            | Presented::Malformed(_) => false,
        }
    }

    /// What a dNSName is compared with.
    fn reference(&self) -> &str {
        match self.profile.idn.value {
            Idn::ALabels => &self.wanted,
            Idn::AsOnStream => &self.on_stream,
        }
    }

    fn srv_counts(&self, text: &str) -> bool {
        let Srv::Counted {
            service,
            clients_too,
            wildcards,
        } = self.profile.srv.value
        else {
            return false;
        };
        let Some((found, host)) = text.split_once('.') else {
            return false;
        };
        let is = |word: &str| equal(found, word, service);
        if !(is("_xmpp-server") || (clients_too && is("_xmpp-client"))) {
            return false;
        }
        (wildcards || !host.starts_with("*."))
            && self.same(host, self.reference(), self.profile.case.value)
    }

    /// Whether a name is the reference, or covers it by a wildcard as this server reads them.
    fn same(&self, name: &str, reference: &str, case: Case) -> bool {
        equal(name, reference, case) || covers(name, reference, case, self.profile.wildcard.value)
    }

    /// The entry that would count if this server were more lenient.
    fn nearest(&self) -> Option<(String, WhyNot)> {
        let lenient = |ascii: Option<&str>, text: &str| {
            let host = ascii.unwrap_or(text);
            equal(host, &self.wanted, Case::Ignored)
                || covers(host, &self.wanted, Case::Ignored, Wildcard::AnyDepth)
        };
        let by_name = self.names().iter().enumerate().filter_map(|(index, name)| {
            let (text, form) = host_of(name)?;
            if !lenient(self.hosts.ascii(index), text) {
                return None;
            }
            let behind = self
                .profile
                .most_names
                .value
                .is_some_and(|most| index >= most);
            let why = match form {
                _ if behind => WhyNot::TooMany,
                Some(why) => why,
                None if text.starts_with("*.") => WhyNot::Wildcard,
                None if text.chars().any(char::is_uppercase) => WhyNot::Case,
                None => WhyNot::Idn,
            };
            Some((why, name.to_typed()))
        });
        let by_common_name = self
            .leaf
            .subject
            .common_names
            .iter()
            .filter(|name| lenient(ascii_of(name).as_deref(), name))
            .map(|name| (WhyNot::CommonName, format!("CN={}", printable(name))));
        by_name
            .chain(by_common_name)
            .min_by_key(|(why, _)| *why)
            .map(|(why, name)| (name, why))
    }
}

fn equal(one: &str, other: &str, case: Case) -> bool {
    match case {
        Case::Ignored => one.eq_ignore_ascii_case(other),
        Case::Exact => one == other,
    }
}

fn covers(name: &str, reference: &str, case: Case, wildcard: Wildcard) -> bool {
    let Some(suffix) = name.strip_prefix("*.") else {
        return false;
    };
    match wildcard {
        Wildcard::Nothing => false,
        Wildcard::OneLabel => reference
            .split_once('.')
            .is_some_and(|(_, parent)| equal(suffix, parent, case)),
        Wildcard::AnyDepth => {
            // Openfire replaces every `*.`, not the first alone.
            let (dotted, bare) = (name.replace("*.", "."), name.replace("*.", ""));
            let tail = reference
                .len()
                .checked_sub(dotted.len())
                .and_then(|at| reference.get(at..));
            tail.is_some_and(|tail| equal(tail, &dotted, case)) || equal(reference, &bare, case)
        }
    }
}

/// The domain of an XmppAddr without local part and resource.
/// The host in a name as it is written, and what keeps a server that reads only dNSName from it.
fn host_of(name: &Presented) -> Option<(&str, Option<WhyNot>)> {
    match name {
        Presented::Dns(text) => Some((text, None)),
        Presented::Srv(text) => {
            let (service, host) = text.split_once('.')?;
            service.to_ascii_lowercase().strip_prefix("_xmpp-")?;
            Some((host, Some(WhyNot::Srv)))
        }
        Presented::Xmpp(text) => Some((text, Some(WhyNot::Xmpp))),
        Presented::Uri(text) => {
            let host = text.split_once(':').map_or(text.as_str(), |(_, host)| host);
            Some((host, Some(WhyNot::Uri)))
        }
        Presented::Ip(_) | Presented::Email(_) | Presented::Other(_) | Presented::Malformed(_) => {
            None
        }
    }
}

fn domain_of(text: &str) -> Option<Domain> {
    XmppAddr::parse(text).ok().map(|addr| addr.domain().clone())
}

/// A domain in A-labels, a wildcard in front of it kept.
fn ascii_of(text: &str) -> Option<String> {
    match text.strip_prefix("*.") {
        Some(rest) => domain_of(rest).map(|domain| format!("*.{domain}")),
        None => domain_of(text).map(|domain| domain.to_string()),
    }
}
