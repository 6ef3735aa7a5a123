//! What each partner of the deployment will make of the certificate, and the findings where that breaks something.
//!
//! A partner whose server is known gets one forecast for each direction; one whose server is not known gets one for
//! every server that speaks XMPP, worst first. Its roots are those it is said to trust, else the system's.

use super::outcome::{Cause, Outcome, Shown, Trust, predict};
use super::rules::Case;
use super::servers::{Refusal, Role};
use super::{Expectation, TrustSet, Wanted, judge};
use crate::explain::Explanation;
use crate::federation::{Method, Negotiation, Server};
use crate::findings::{Code, Finding, Severity};
use crate::names::Domain;
use crate::names::matching::{Coverage, Service, covers};
use crate::x509::{Certificate, KeyPurpose};

/// A partner that will meet the certificate.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its primary domain.
    pub domain: Domain,
    /// TLS, SASL, dialback.
    pub negotiation: Negotiation,
    /// What runs there, if known.
    pub server: Option<Server>,
    /// By which roots it judges us.
    pub roots: PeerRoots,
}

/// By which roots a partner judges us.
#[derive(Debug, Clone)]
pub enum PeerRoots {
    /// Those that the deployment names for it.
    Own(TrustSet),
    /// Nobody said; the system's stand in for them.
    Assumed(TrustSet),
    /// Nobody said, and there is nothing to stand in.
    Unknown,
    /// The deployment names some, and they cannot be read.
    Unread(Box<Explanation>),
}

/// What one server at a partner will do in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The partner.
    pub partner: Domain,
    /// Its settings.
    pub negotiation: Negotiation,
    /// The server.
    pub server: Server,
    /// Whether it is known to run there.
    pub server_is_known: bool,
    /// Whether the roots are those that the deployment names for it.
    pub roots_are_known: bool,
    /// Whose certificate ours is: the client's where we dial.
    pub role: Role,
    /// Our domain that fares worst.
    pub ours: Domain,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What it means for the verdict that no stream with a partner would come about.
#[derive(Debug, Clone, Copy, Default)]
pub enum PartnerGate<'a> {
    /// An error: nothing is known of a certificate with which it works.
    #[default]
    Refuse,
    /// An error where the partner works with what is served now, else a warning: refusing would mend nothing there.
    Against(&'a ServedNow),
    /// A warning: whether the certificate may be served was decided when it was taken in.
    Warn,
}

/// The generation that is served now, and how the partners fare with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedNow {
    /// Its number.
    pub generation: u32,
    /// What [`forecasts`] says of it, for the same partners.
    pub forecasts: Vec<Forecast>,
}

impl PartnerGate<'_> {
    /// How severe it may be at most that nothing works, and what is said of the generation that is served now.
    fn weigh(&self, failing: &Forecast) -> (Severity, String) {
        let now = match self {
            PartnerGate::Refuse => return (Severity::Error, String::new()),
            PartnerGate::Warn => return (Severity::Warning, String::new()),
            PartnerGate::Against(now) => now,
        };
        let mut there = now
            .forecasts
            .iter()
            .filter(|one| one.partner == failing.partner && one.role == failing.role)
            .peekable();
        if there.peek().is_none() || there.clone().any(|one| one.outcome.method.is_some()) {
            return (Severity::Error, String::new());
        }
        let alike = there.any(|one| {
            one.server == failing.server && one.outcome.cause.is_like(&failing.outcome.cause)
        });
        let number = now.generation;
        let words = match alike {
            true => format!(", as with generation {number}"),
            false => format!(", and with generation {number} none does, for another cause"),
        };
        (Severity::Warning, words)
    }
}

/// One or more forecasts that say the same, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `served to partner litware.com (ejabberd-23)`.
    pub head: String,
    /// What comes of it, without a full stop.
    pub sentence: String,
    /// How bad it is, as [`Outcome::rank`] has it.
    pub rank: u8,
}

impl Forecast {
    /// What comes of it, in one sentence without a full stop.
    pub fn sentence(&self) -> String {
        self.outcome.sentence(self.negotiation, self.server.title())
    }

    /// `when we dial`, `when it dials`.
    fn direction(&self) -> &'static str {
        match self.role {
            Role::Client => "when we dial",
            Role::Server => "when it dials",
        }
    }
}

/// The forecasts in as few sentences as say it all: both directions and several servers together where they fare
/// alike.
pub fn told(forecasts: &[Forecast]) -> Vec<Told> {
    let mut groups: Vec<(&Forecast, bool, Vec<Server>)> = Vec::new();
    for one in forecasts {
        let both = forecasts.iter().any(|other| is_twin(one, other));
        if both && one.role == Role::Server {
            continue;
        }
        let alike = |(first, first_both, _): &&mut (&Forecast, bool, Vec<Server>)| {
            first.partner == one.partner
                && *first_both == both
                && (both || first.role == one.role)
                && first.outcome.sentence(first.negotiation, "it")
                    == one.outcome.sentence(one.negotiation, "it")
        };
        match groups.iter_mut().find(alike) {
            Some((_, _, servers)) => servers.push(one.server),
            None => groups.push((one, both, vec![one.server])),
        }
    }
    groups
        .into_iter()
        .map(|(first, both, servers)| {
            let words: Vec<&str> = servers.iter().map(|server| server.word()).collect();
            let runs = match (first.server_is_known, words.split_last()) {
                (false, Some((last, before))) if !before.is_empty() => {
                    format!(", if it runs {} or {last}", before.join(", "))
                }
                (false, _) => format!(", if it runs {}", first.server),
                (true, _) => format!(" ({})", first.server),
            };
            let direction = match both {
                true => String::new(),
                false => format!(", {}", first.direction()),
            };
            let who = match servers.len() {
                1 => first.server.title(),
                _ => "it",
            };
            Told {
                head: format!("served to partner {}{runs}{direction}", first.partner),
                sentence: first.outcome.sentence(first.negotiation, who),
                rank: first.outcome.rank(),
            }
        })
        .collect()
}

/// Whether two forecasts are the two directions of one server with one outcome.
fn is_twin(one: &Forecast, other: &Forecast) -> bool {
    one.partner == other.partner
        && one.server == other.server
        && one.role != other.role
        && one.outcome == other.outcome
}

/// The forecasts for every partner that is expected: by partner in their order, then worst first.
///
/// Empty where no partner is expected, or the certificate is for no XMPP domain.
pub fn forecasts(chain: &[Certificate], expectation: &Expectation<'_>) -> Vec<Forecast> {
    let (Some(leaf), ours) = (chain.first(), xmpp_domains(expectation)) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for peer in expectation.partners {
        let (trust, roots_are_known) = match &peer.roots {
            PeerRoots::Own(roots) => (trusted(chain, roots, expectation), true),
            PeerRoots::Assumed(roots) => (trusted(chain, roots, expectation), false),
            PeerRoots::Unknown | PeerRoots::Unread(_) => (Trust::Unknown, false),
        };
        let servers: Vec<Server> = match peer.server {
            Some(server) => vec![server],
            None => Server::ALL
                .into_iter()
                .filter(|server| server.speaks_xmpp())
                .collect(),
        };
        let mut of_peer: Vec<Forecast> = Vec::new();
        for server in servers {
            for role in [Role::Client, Role::Server] {
                let worst = ours
                    .iter()
                    .map(|domain| {
                        let shown = Shown {
                            leaf: leaf.facts(),
                            domain,
                            role,
                            trust: &trust,
                        };
                        (predict(peer.negotiation, server, &shown), domain)
                    })
                    // of equals the first, so that the order of the plan decides
                    .reduce(|worst, one| match one.0.rank() > worst.0.rank() {
                        true => one,
                        false => worst,
                    });
                of_peer.extend(worst.map(|(outcome, domain)| Forecast {
                    partner: peer.domain.clone(),
                    negotiation: peer.negotiation,
                    server,
                    server_is_known: peer.server.is_some(),
                    roots_are_known,
                    role,
                    ours: domain.clone(),
                    outcome,
                }));
            }
        }
        of_peer.sort_by_key(|one| std::cmp::Reverse(one.outcome.rank()));
        all.extend(of_peer);
    }
    all
}

/// Our domains that talk to XMPP servers.
fn xmpp_domains(expectation: &Expectation<'_>) -> Vec<Domain> {
    let mut domains = Vec::new();
    for wanted in &expectation.wanted {
        if let Wanted::Covered {
            service: Service::XmppServer,
            domain,
            ..
        } = wanted
            && !domains.contains(domain)
        {
            domains.push(domain.clone());
        }
    }
    domains
}

/// Whether the chain holds by these roots; what the leaf may be used for is another matter.
fn trusted(chain: &[Certificate], roots: &TrustSet, expectation: &Expectation<'_>) -> Trust {
    let expectation = Expectation {
        trust: Some(roots),
        profile: expectation.profile,
        ..Expectation::new(expectation.at)
    };
    let judgement = judge(chain, None, &expectation);
    let fault = judgement.report.errors().find(|finding| {
        let group = finding.code.as_str().split('.').next();
        matches!(group, Some("chain" | "validity" | "signature" | "key"))
    });
    match fault {
        Some(finding) => Trust::Untrusted(format!("{} (roots: {})", finding.what, roots.name)),
        None => Trust::Trusted,
    }
}

/// That the roots of a partner cannot be read: a forecast less, and nothing that holds up the rest.
pub fn roots_unread(partner: &Domain, told: &Explanation) -> Finding {
    Finding::new(
        Code::UsagePartnerRoots,
        format!("partner {partner}"),
        format!("the roots of the partner {partner} cannot be read"),
        format!("{}: {}", told.what, told.why),
        told.mend.clone(),
    )
}

/// The findings: a partner with which nothing works, one with which it comes down to dialback, one whose roots cannot be
/// read.
pub(crate) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let forecasts = forecasts(case.chain, case.expectation);
    let mut findings: Vec<Finding> = Vec::new();
    for peer in case.expectation.partners {
        let of_peer: Vec<&Forecast> = forecasts
            .iter()
            .filter(|one| one.partner == peer.domain)
            .filter(|one| is_told_here(one, case))
            .collect();
        let candidates = match peer.server {
            Some(_) => of_peer,
            // What every server would do is sure without knowing which one it is.
            None => Role::ALL
                .into_iter()
                .filter_map(|role| surely(&of_peer, role))
                .collect(),
        };
        let gate = case.expectation.partner_gate;
        // What breaks now comes before what was broken already.
        let breaks =
            |one: &&&Forecast| one.outcome.method.is_none() && gate.weigh(one).0 == Severity::Error;
        let told = candidates.iter().find(breaks).or(candidates.first());
        findings.extend(told.and_then(|one| finding(one, &forecasts, gate)));
        if let PeerRoots::Unread(why) = &peer.roots {
            findings.push(roots_unread(&peer.domain, why));
        }
    }
    findings
}

/// The mildest of the forecasts in one direction, where each server that may run there fares badly.
fn surely<'a>(of_peer: &[&'a Forecast], role: Role) -> Option<&'a Forecast> {
    let candidates = Server::ALL.into_iter().filter(|one| one.speaks_xmpp());
    let of_role: Vec<&Forecast> = of_peer
        .iter()
        .copied()
        .filter(|one| one.role == role && one.outcome.rank() > 0)
        .collect();
    let mildest = of_role.last()?.outcome.rank();
    let mut mild = of_role.iter().filter(|one| one.outcome.rank() == mildest);
    // What is known comes before what is only concluded.
    let told = mild.clone().find(|one| !one.outcome.is_inferred());
    (of_role.len() == candidates.count())
        .then(|| told.or(mild.next()).copied())
        .flatten()
}

/// Whether an outcome is to be told as a finding of its own: not where the cause is one that another finding names.
fn is_told_here(forecast: &Forecast, case: &Case<'_>) -> bool {
    match &forecast.outcome.cause {
        Cause::Refused(Refusal::Name { .. }, _) => {
            let presented = case.leaf.facts().names.clone().unwrap_or_default();
            // names.missing tells it for everybody.
            covers(Service::XmppServer, &forecast.ours, &presented) != Coverage::Missing
        }
        // usage.no-server-auth does.
        Cause::Refused(Refusal::Purpose { needed, .. }, _) => *needed != KeyPurpose::ServerAuth,
        Cause::Refused(Refusal::Key { .. }, _) => true,
        // The chain's own finding does, if our roots say no as well.
        Cause::Untrusted(_) => case.verdict.as_ref().is_none_or(|verdict| verdict.accepted),
        Cause::NoMethod | Cause::NoXmpp => true,
        Cause::Accepted(_) | Cause::SaslOff | Cause::TlsOff => true,
    }
}

fn finding(forecast: &Forecast, all: &[Forecast], gate: PartnerGate<'_>) -> Option<Finding> {
    let Forecast {
        partner, outcome, ..
    } = forecast;
    let settings = matches!(outcome.cause, Cause::NoMethod | Cause::NoXmpp);
    let (most, as_now) = match outcome.method {
        None if !settings => gate.weigh(forecast),
        Some(_) | None => (Severity::Error, String::new()),
    };
    let (code, what) = match (&outcome.cause, outcome.method) {
        (Cause::Accepted(_) | Cause::SaslOff | Cause::TlsOff, _) => return None,
        (_, None) => (
            Code::UsagePartnerFails,
            format!("no stream with the partner {partner} will come about{as_now}"),
        ),
        (_, Some(Method::DialbackOverTls | Method::DialbackOverTcp | Method::SaslOverTls)) => (
            Code::UsagePartnerDialback,
            format!("streams with the partner {partner} will fall back to dialback"),
        ),
    };
    let mend = match &outcome.cause {
        Cause::NoMethod => format!("change tls, sasl or dialback of the partner {partner}"),
        Cause::NoXmpp => format!("name the server of the partner {partner} that speaks XMPP"),
        Cause::Untrusted(_) if !forecast.roots_are_known => format!(
            "if the partner trusts another root, name it with roots = […] of the partner {partner}; else use an issuer that it trusts"
        ),
        Cause::Untrusted(_) => {
            format!(
                "use an issuer that the partner trusts, or have it take the root in, and add it to roots = […] of the partner {partner}"
            )
        }
        Cause::Refused(Refusal::Purpose { .. }, _) if outcome.method.is_some() => {
            "nothing, if dialback is good enough for this partner; else use a private CA that grants clientAuth".to_owned()
        }
        Cause::Refused(Refusal::Purpose { .. }, _) => format!(
            "agree with {partner} on sasl = \"optional\" and dialback = true, or use a private CA that grants clientAuth"
        ),
        Cause::Refused(Refusal::Key { .. }, _) => {
            "ask for an RSA key: `edgecert request --key-type rsa3072`".to_owned()
        }
        Cause::Refused(Refusal::Name { .. }, _)
        | Cause::Accepted(_)
        | Cause::SaslOff
        | Cause::TlsOff => format!(
            "ask the CA for the dNSName {} in lower case, without relying on a wildcard",
            forecast.ours
        ),
    };
    // By settings that no certificate could mend, by roots that are only assumed and by what is only concluded,
    // nobody is refused.
    let unsure = matches!(outcome.cause, Cause::Untrusted(_)) && !forecast.roots_are_known;
    let severity = match settings || unsure || outcome.is_inferred() {
        true => Severity::Warning.min(code.severity()),
        false => most.min(code.severity()),
    };
    let place = match settings {
        true => format!("partner {partner}"),
        false => "leaf".to_owned(),
    };
    let mut same: Vec<Forecast> = vec![forecast.clone()];
    same.extend(all.iter().find(|other| is_twin(forecast, other)).cloned());
    same.sort_by_key(|one| one.role);
    let why = told(&same)
        .first()
        .map(|told| format!("{}: {}", told.head, told.sentence))
        .unwrap_or_default();
    Some(Finding::new(code, place, what, why, mend).with_severity(severity))
}
