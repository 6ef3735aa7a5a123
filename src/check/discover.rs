//! `xmpp:DOMAIN` and `sip:DOMAIN`: through SRV records to every address where the service should be.
//!
//! The domain stays what is asked for (SNI, stream `to`, SIP domain); the records only say where. What is wrong with
//! them is a finding of the domain's own row; a resolver that gives no answer makes it UNKNOWN. Which records a
//! deployment should have is not asked here. RFC 2782, RFC 6120 §3.2, XEP-0368, RFC 3263 §4.

mod all;
mod ask;
mod plan;

pub use all::discover_all;

use self::plan::{Place, Plan, plan};
use super::endpoint::Presence;
use super::{CheckError, Endpoint, TargetKind, TargetReport};
use crate::dns::{Answer, DnsError, Outcome, Proof, Resolver, Srv};
use crate::explain::{Explain, count, printable};
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Protocol};
use crate::probe::{Depth, KeyKind};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::time::Instant;

/// Most targets of one domain that are asked.
pub const MAX_TARGETS: usize = 32;

/// Most addresses of one target that are asked.
pub const MAX_ADDRESSES: usize = 32;

/// What a domain is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `xmpp:`.
    Xmpp,
    /// `sip:`.
    Sip,
}

/// A service, as SRV records name it, and what its targets speak.
type Service = (&'static str, Protocol);

/// Between servers, then for clients.
const XMPP: [Service; 4] = [
    ("_xmpp-server", Protocol::XmppServer),
    ("_xmpps-server", Protocol::XmppsServer),
    ("_xmpp-client", Protocol::Xmpp),
    ("_xmpps-client", Protocol::XmppsClient),
];

/// Federation, sign-in of clients, and what RFC 3263 asks for.
const SIP: [Service; 3] = [
    ("_sipfederationtls", Protocol::Sips),
    ("_sip._tls", Protocol::Sips),
    ("_sips", Protocol::Sips),
];

impl Scheme {
    /// The word before the colon.
    pub fn word(self) -> &'static str {
        match self {
            Scheme::Xmpp => "xmpp",
            Scheme::Sip => "sip",
        }
    }

    fn services(self) -> &'static [Service] {
        match self {
            Scheme::Xmpp => &XMPP,
            Scheme::Sip => &SIP,
        }
    }
}

/// Which addresses count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

impl Family {
    /// Whether an address is of it.
    pub fn takes(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// A domain's own row, and where its service is.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    /// What was looked up, and what is wrong with it.
    pub row: TargetReport,
    /// One for each target, protocol and port, with its addresses.
    pub endpoints: Vec<Endpoint>,
}

/// Reads `xmpp:DOMAIN` and `sip:DOMAIN`; `None` for anything else (`xmpp:5269` is a host and a port).
///
/// Errors: [`CheckError::BadDomain`].
pub fn domain_target(text: &str) -> Result<Option<(Scheme, Domain)>, CheckError> {
    let found = [
        ("xmpp:", Scheme::Xmpp),
        ("sip:", Scheme::Sip),
        ("sips:", Scheme::Sip),
    ]
    .into_iter()
    .find_map(|(word, scheme)| Some((scheme, text.strip_prefix(word)?)));
    match found {
        Some((scheme, rest)) if rest.parse::<u16>().is_err() => Domain::parse(rest)
            .map(|domain| Some((scheme, domain)))
            .map_err(|source| CheckError::BadDomain {
                target: text.to_owned(),
                source,
            }),
        Some(_) | None => Ok(None),
    }
}

/// Looks one domain up, within three time limits of a question.
pub async fn discover(
    scheme: Scheme,
    domain: &Domain,
    resolver: &Resolver,
    family: Family,
) -> Discovered {
    let within = format!("{}:{domain}", scheme.word());
    let mut search = Search {
        domain,
        resolver,
        family,
        until: ask::until(resolver),
        proof: None,
        row: TargetReport {
            asked: Some(domain.clone()),
            ..TargetReport::new(within.clone(), TargetKind::Domain)
        },
        within,
        endpoints: Vec::new(),
        addresses: 0,
    };
    let mut answers = Vec::new();
    for (service, protocol) in scheme.services() {
        let name = match service.contains("._tls") {
            true => format!("{service}.{domain}"),
            false => format!("{service}._tcp.{domain}"),
        };
        match search.in_time(&name, resolver.srv(&name)).await {
            Ok(answer) => answers.push((*protocol, answer)),
            Err(error) => {
                search.failed(&error);
                if error.is_for_all() {
                    break;
                }
            }
        }
    }
    search.follow(scheme, answers).await;
    search.told()
}

struct Search<'a> {
    domain: &'a Domain,
    resolver: &'a Resolver,
    family: Family,
    /// The domain's own time limit.
    until: Instant,
    within: String,
    proof: Option<Proof>,
    row: TargetReport,
    endpoints: Vec<Endpoint>,
    addresses: usize,
}

impl Search<'_> {
    fn failed(&mut self, error: &DnsError) {
        if let DnsError::Bogus { asked, .. } = error {
            self.bogus(asked);
        }
        if self.row.problem.is_none() {
            self.row.problem = Some(Box::new(error.explain()));
        }
    }

    fn bogus(&mut self, asked: &str) {
        let told = DnsError::Bogus {
            asked: asked.to_owned(),
            resolver: self.resolver.asked().to_owned(),
        }
        .explain();
        // One zone is one cause, however many of its names were asked for.
        let known = |finding: &&mut Finding| finding.code == Code::DnsBogus;
        match self.row.findings.iter_mut().find(known) {
            Some(known) if known.place.split(", ").any(|one| one == asked) => {}
            Some(known) => known.place.push_str(&format!(", {asked}")),
            None => self.row.findings.push(Finding::new(
                Code::DnsBogus,
                asked,
                "its signatures do not hold: whoever validates finds nothing here",
                told.why,
                told.mend,
            )),
        }
    }

    fn believe(&mut self, proof: Proof, asked: &str) {
        if proof == Proof::Bogus {
            self.bogus(asked);
        }
        self.proof = Some(self.proof.map_or(proof, |known| known.and(proof)));
    }

    async fn follow(&mut self, scheme: Scheme, answers: Vec<(Protocol, Answer<Srv>)>) {
        let plan = plan(scheme, self.domain, &answers);
        for (_, answer) in &answers {
            if answer.outcome == Outcome::Found || answer.proof == Proof::Bogus {
                self.believe(answer.proof, &answer.asked);
            }
        }
        let targets = plan.places.len();
        self.row.seen.push(count(targets, "SRV target"));
        if plan.left_out > 0 {
            let all = targets + plan.left_out;
            self.row.findings.push(Finding::new(
                Code::DnsTargetsLeftOut,
                self.domain.as_str(),
                format!("only {targets} of {all} SRV targets are asked"),
                format!("at most {MAX_TARGETS} targets of one domain are asked, and nothing is known of the others"),
                "publish fewer records, or check the others as HOST:PORT",
            ));
        }
        for (host, asked) in &plan.portless {
            let shown = printable(host);
            self.row.findings.push(Finding::new(
                Code::DnsTargetNoPort,
                asked.as_str(),
                "an SRV record names port 0",
                format!("nobody can connect to {shown}:0"),
                "publish the port of the listener; to say that the service is not offered, publish the target \".\"",
            ));
        }
        let mut wanted: Vec<String> = Vec::new();
        for place in &plan.places {
            if !wanted.contains(&place.host) {
                wanted.push(place.host.clone());
            }
        }
        let mut hosts: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (host, answer) in self.look_up(wanted).await {
            let found = self.target(&host, answer);
            hosts.insert(host, found);
        }
        for place in &plan.places {
            let addresses = hosts.get(&place.host).cloned().unwrap_or_default();
            self.endpoint(place, Presence::Said, addresses);
        }
        // Without an answer to the first question nobody can say that there is no record.
        if self.row.problem.is_none() && !plan.fallback.is_empty() {
            let own = self.domain.as_str();
            let addresses = match self.in_time(own, self.resolver.addresses(own)).await {
                Ok(answer) => self.taken(&answer),
                // Aliases that lead nowhere are no address.
                Err(DnsError::TooMany { .. }) => Vec::new(),
                Err(error) => {
                    self.failed(&error);
                    Vec::new()
                }
            };
            if !addresses.is_empty() {
                let seen = match plan.is_for_clients() {
                    true => "no SRV record for servers, so the domain itself is asked",
                    false => "no SRV record, so the domain itself is asked",
                };
                self.row.seen.push(seen.to_owned());
            } else if plan.is_for_clients() && self.row.problem.is_none() {
                self.for_clients();
            }
            for (place, presence) in &plan.fallback {
                self.endpoint(place, *presence, addresses.clone());
            }
        }
        self.nothing(scheme, &plan);
    }

    fn taken(&mut self, answer: &Answer<IpAddr>) -> Vec<IpAddr> {
        if answer.outcome == Outcome::Found || answer.proof == Proof::Bogus {
            self.believe(answer.proof, &answer.asked);
        }
        let found: Vec<IpAddr> = answer
            .records
            .iter()
            .copied()
            .filter(|address| self.family.takes(*address))
            .take(MAX_ADDRESSES)
            .collect();
        self.addresses += found.len();
        found
    }

    /// The addresses of an SRV target, and what is wrong with it.
    fn target(&mut self, host: &str, answer: Result<Answer<IpAddr>, DnsError>) -> Vec<IpAddr> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error @ DnsError::TooMany { .. }) => {
                let told = error.explain();
                self.no_address(host, told.why, told.mend);
                return Vec::new();
            }
            Err(error) => {
                self.failed(&error);
                return Vec::new();
            }
        };
        let shown = printable(host);
        if let Some(alias) = &answer.alias {
            self.row.findings.push(Finding::new(
                Code::DnsTargetAlias,
                shown.as_str(),
                "the SRV record's target is an alias",
                format!("{shown} is a CNAME for {alias}, and some peers do not follow it"),
                format!(
                    "let the SRV record name {alias}, or give {shown} A and AAAA records of its own"
                ),
            ));
        }
        let found = self.taken(&answer);
        if answer.records.is_empty() {
            let why = match answer.outcome {
                Outcome::NoDomain => "there is no such name".to_owned(),
                Outcome::NoRecords | Outcome::Found => "it has no A and no AAAA record".to_owned(),
            };
            self.no_address(host, why, format!("publish A or AAAA records for {shown}"));
        } else if found.is_empty() {
            let family = if self.family == Family::V4 { 4 } else { 6 };
            self.row
                .seen
                .push(format!("{shown} has no address of IPv{family}"));
        }
        found
    }

    fn no_address(&mut self, host: &str, why: String, mend: String) {
        self.row.findings.push(Finding::new(
            Code::DnsTargetNoAddress,
            printable(host),
            "the SRV record's target has no address",
            why,
            mend,
        ));
    }

    /// Clients have records, and servers neither records nor an address of the domain.
    fn for_clients(&mut self) {
        let domain = self.domain;
        let finding = Finding::new(
            Code::DnsNoService,
            domain.as_str(),
            "clients find it, and other servers do not",
            format!(
                "{domain} has records for clients alone, and no address of its own that counts"
            ),
            for_servers(domain),
        );
        self.row
            .findings
            .push(finding.with_severity(Severity::Warning));
    }

    fn endpoint(&mut self, place: &Place, presence: Presence, addresses: Vec<IpAddr>) {
        if addresses.is_empty() {
            return;
        }
        self.endpoints.push(Endpoint {
            target: format!("{}:{}", printable(&place.host), place.port),
            host: place.host.clone(),
            port: place.port,
            protocol: place.protocol,
            server_name: Some(self.domain.clone()),
            domain: Some(self.domain.clone()),
            key_kind: KeyKind::Any,
            depth: Depth::Inside,
            assigned: None,
            addresses,
            within: Some(self.within.clone()),
            presence,
        });
    }

    /// No place to ask, for no better reason.
    fn nothing(&mut self, scheme: Scheme, plan: &Plan) {
        let told = self.row.problem.is_some()
            || self
                .row
                .findings
                .iter()
                .any(|one| one.code != Code::DnsTargetsLeftOut);
        if !self.endpoints.is_empty() || told {
            return;
        }
        let domain = self.domain;
        let (what, why) = match plan.refused.as_slice() {
            [] => (
                "no service can be found",
                format!(
                    "{domain} has neither SRV records for it nor an address of its own that counts"
                ),
            ),
            refused => (
                "the service is said not to be offered",
                format!("the target is \".\" at {}", refused.join(", ")),
            ),
        };
        let (service, port) = match scheme {
            Scheme::Xmpp => ("_xmpp-server", 5269),
            Scheme::Sip => ("_sipfederationtls", 5061),
        };
        self.row.findings.push(Finding::new(
            Code::DnsNoService,
            domain.as_str(),
            what,
            why,
            format!(
                "check the spelling; to offer it, publish `{service}._tcp.{domain}. IN SRV 10 0 {port} HOST.`"
            ),
        ));
    }

    fn told(mut self) -> Discovered {
        let plural = if self.addresses == 1 { "" } else { "es" };
        if self.row.problem.is_none() {
            let count = self.addresses;
            self.row.seen.push(format!("{count} address{plural}"));
        }
        let asked = self.resolver.asked();
        self.row.seen.push(format!("asked resolver {asked}"));
        if let Some(proof) = self.proof {
            self.row.seen.push(format!("DNSSEC {}", proof.word()));
        }
        Discovered {
            row: self.row,
            endpoints: self.endpoints,
        }
    }
}

/// What an administrator publishes, whether the domain is meant to federate or not.
pub(super) fn for_servers(domain: &Domain) -> String {
    format!(
        "publish `_xmpp-server._tcp.{domain}. IN SRV 10 0 5269 HOST.`; where it is for clients alone, \
         `_xmpp-server._tcp.{domain}. IN SRV 0 0 0 .` says so"
    )
}

#[cfg(test)]
mod tests;
