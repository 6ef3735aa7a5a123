//! A look at a partner's servers: found through the DNS, greeted as another server would, and judged.
//!
//! We show no certificate, and send no dialback key. So EXTERNAL that is not offered says nothing: Prosody and Openfire
//! offer it only to peers whose certificate they believe. What they show is judged by the partner's roots.

use super::explain::ExplainArgs;
use crate::check::discover::{Family, Scheme, discover};
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, error_json};
use crate::cli::render::{self, json::certificate_json};
use crate::cli::{Context, expectation};
use crate::deployment::Deployment;
use crate::dns::{DnsError, Resolver};
use crate::explain::{Explain, Explanation, printable};
use crate::federation::{Method, Negotiation, Partner, Setting};
use crate::findings::Finding;
use crate::names::matching::Service;
use crate::names::{Domain, Protocol};
use crate::probe::{Depth, KeyKind, Limits, Observation, Target, probe};
use crate::verify::{Expectation, PeerRoots, Wanted, judge};
use crate::x509::Certificate;
use console::style;
use serde_json::{Value, json};
use std::net::SocketAddr;
use time::OffsetDateTime;
use tokio::task::JoinSet;

/// Most addresses of a partner that are asked.
const MAX_ASKED: usize = 16;

/// What one address showed.
#[derive(Debug)]
pub struct Seen {
    target: String,
    address: SocketAddr,
    protocol: Protocol,
    observation: Observation,
    leaf: Option<Certificate>,
    /// Whether its certificate proves the partner's domain, else why it does not; `None`: there is none, or no roots.
    proof: Option<Result<(), String>>,
}

/// What was seen of a partner.
#[derive(Debug)]
pub struct Look {
    resolver: String,
    /// Of the records.
    pub findings: Vec<Finding>,
    problem: Option<Box<Explanation>>,
    seen: Vec<Seen>,
    left_out: usize,
    negotiation: Negotiation,
    now: OffsetDateTime,
}

/// Looks. Effects: asks the resolver, opens connections to the partner.
pub(super) fn look(
    args: &ExplainArgs,
    context: &Context,
    deployment: &Deployment,
    partner: &Partner,
) -> Result<Look, Failure> {
    let timeout = args.timeout.unwrap_or(deployment.check.timeout);
    let at = args.resolver.or(deployment.check.resolver);
    let resolver = Resolver::new(at, timeout, args.trust_anchor.as_deref())
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let roots = expectation::roots_of(context, deployment, partner);
    if let PeerRoots::Unread(why) = &roots {
        context.note(&render::explanation(why));
    }
    let from = deployment.edge.xmpp_domains.first();
    let from = from.unwrap_or(&deployment.edge.fqdn).clone();
    let limits = Limits {
        connect: timeout,
        total: timeout,
    };
    let asked = resolver.asked().to_owned();
    let domain = args.domain.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            let none = DnsError::NoResolver {
                resolver: asked.clone(),
                why: crate::explain::os_words(&error),
            };
            Failure::from_error(FailureKind::Failed, &none)
        })?;
    let (found, observed, left_out) = runtime.block_on(async {
        let found = discover(Scheme::Xmpp, &domain, &resolver, Family::Any).await;
        let mut places = Vec::new();
        for one in &found.endpoints {
            if matches!(one.protocol, Protocol::XmppServer | Protocol::XmppsServer) {
                let to = |ip| SocketAddr::new(ip, one.port);
                places.extend(
                    one.addresses
                        .iter()
                        .map(|ip| (one.target.clone(), to(*ip), one.protocol)),
                );
            }
        }
        let left_out = places.len().saturating_sub(MAX_ASKED);
        places.truncate(MAX_ASKED);
        let mut asked = JoinSet::new();
        for (number, (target, address, protocol)) in places.into_iter().enumerate() {
            let wanted = Target {
                address,
                protocol,
                server_name: Some(domain.clone()),
                domain: Some(domain.clone()),
                from: from.clone(),
                key_kind: KeyKind::Any,
                depth: Depth::Inside,
            };
            asked.spawn(async move {
                let observation = probe(&wanted, limits).await;
                (number, target, address, protocol, observation)
            });
        }
        let mut observed = Vec::new();
        while let Some(joined) = asked.join_next().await {
            match joined.map_err(|error| error.try_into_panic()) {
                Ok(one) => observed.push(one),
                // An error of ours: a server that is missing would change what is said of the others.
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_)) => {}
            }
        }
        observed.sort_by_key(|one| one.0);
        (found, observed, left_out)
    });
    runtime.shutdown_background();
    let seen = observed
        .into_iter()
        .map(|(_, target, address, protocol, observation)| {
            let (leaf, proof) = judged(&observation, &args.domain, &roots, context.now);
            Seen {
                target,
                address,
                protocol,
                observation,
                leaf,
                proof,
            }
        })
        .collect();
    Ok(Look {
        resolver: asked,
        findings: found.row.findings,
        problem: found.row.problem,
        seen,
        left_out,
        negotiation: partner.negotiation,
        now: context.now,
    })
}

/// The leaf that was shown, and whether it proves the domain.
fn judged(
    observation: &Observation,
    domain: &Domain,
    roots: &PeerRoots,
    now: OffsetDateTime,
) -> (Option<Certificate>, Option<Result<(), String>>) {
    let mut chain = Vec::new();
    for der in &observation.chain {
        match Certificate::from_der(der) {
            Ok(one) => chain.push(one),
            Err(error) if chain.is_empty() => {
                return (None, Some(Err(error.explain().what)));
            }
            Err(_) => {}
        }
    }
    let Some(leaf) = chain.first().cloned() else {
        return (None, None);
    };
    let trust = match roots {
        PeerRoots::Own(trust) | PeerRoots::Assumed(trust) => trust,
        PeerRoots::Unknown | PeerRoots::Unread(_) => return (Some(leaf), None),
    };
    let expectation = Expectation {
        trust: Some(trust),
        wanted: vec![Wanted::Covered {
            service: Service::XmppServer,
            domain: domain.clone(),
            because: format!("it is shown for {domain}"),
        }],
        warn_below: None,
        ..Expectation::new(now)
    };
    let judgement = judge(&chain, None, &expectation);
    let fault = judgement.report.errors().next();
    let proof = match fault {
        Some(finding) => Err(format!("{} ({})", finding.what, finding.why)),
        None if holds_key(observation) => Ok(()),
        None => Err("the server did not prove that it holds the key".to_owned()),
    };
    (Some(leaf), Some(proof))
}

/// Whether the leaf's key was proved: anybody can send a leaf, and end the handshake behind it.
fn holds_key(observation: &Observation) -> bool {
    match observation.possession {
        Some(proved) => proved,
        // Of a form that the library cannot read for it.
        None => observation.handshake_completed(),
    }
}

/// What is known of a server's side of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof<'a> {
    /// Its certificate proves the domain.
    Holds,
    /// It does not, and why.
    Fails(&'a str),
    /// There is none to judge.
    Unknown,
}

impl Seen {
    /// Whether TLS can be had: direct, or offered before it.
    fn has_tls(&self) -> bool {
        self.observation.handshake_completed() || !self.observation.chain.is_empty()
    }

    fn proof(&self) -> Proof<'_> {
        match &self.proof {
            Some(Ok(())) => Proof::Holds,
            Some(Err(why)) => Proof::Fails(why),
            None => Proof::Unknown,
        }
    }

    /// What it offers.
    fn offers(&self) -> Vec<String> {
        let mut words = Vec::new();
        let seen = &self.observation;
        if self.protocol == Protocol::XmppServer {
            words.push(
                match seen.features_before.as_ref().map(|one| one.starttls) {
                    Some(Some(true)) => "STARTTLS, required".to_owned(),
                    Some(Some(false)) => "STARTTLS".to_owned(),
                    Some(None) => "no STARTTLS in its features".to_owned(),
                    None => "no features before TLS".to_owned(),
                },
            );
        }
        words.extend(seen.tls_version.clone());
        if let Some(features) = &seen.features {
            words.push(match self.external() {
                true => "SASL EXTERNAL (to us, who showed no certificate)".to_owned(),
                false => {
                    "no EXTERNAL (we showed no certificate, so none need be offered)".to_owned()
                }
            });
            words.push(match features.dialback {
                true => "dialback".to_owned(),
                false => "no dialback in its features".to_owned(),
            });
        }
        if seen.asked_for_certificate {
            words.push("asks for a certificate".to_owned());
        }
        words
    }

    fn external(&self) -> bool {
        let features = self.observation.features.as_ref();
        features.is_some_and(|all| all.mechanisms.iter().any(|one| one == "EXTERNAL"))
    }

    fn json(&self, now: OffsetDateTime) -> Value {
        let seen = &self.observation;
        let before = seen.features_before.as_ref();
        let inside = seen.features.as_ref();
        json!({
            "target": self.target,
            "address": self.address.to_string(),
            "protocol": self.protocol.word(),
            "tls_version": seen.tls_version,
            "starttls": before.map(|one| match one.starttls {
                Some(true) => "required",
                Some(false) => "offered",
                None => "not-offered",
            }),
            "asked_for_certificate": seen.asked_for_certificate,
            "mechanisms": inside.map(|one| {
                one.mechanisms.iter().map(|word| printable(word)).collect::<Vec<_>>()
            }),
            "dialback": inside.map(|one| one.dialback),
            "certificate": self.leaf.as_ref().map(|leaf| certificate_json(leaf, now)),
            "proves_domain": self.proof.as_ref().map(Result::is_ok),
            "why_not": self.proof.as_ref().and_then(|one| one.as_ref().err()),
            "failure": seen.failure.as_ref().map(|one| printable(&one.to_string())),
        })
    }
}

impl Look {
    /// The server that is dialled first of those that answered.
    fn first(&self) -> Option<&Seen> {
        let greeted = |one: &&Seen| one.has_tls() || one.observation.header.is_some();
        self.seen.iter().find(greeted)
    }

    /// What comes of each direction.
    fn conclusions(&self) -> Option<[(&'static str, Option<Method>, String); 2]> {
        let first = self.first()?;
        let (tls, proof) = (first.has_tls(), first.proof());
        let ends = |dialled: &str| conclude(self.negotiation, tls, proof, dialled);
        let (out, out_words) = ends("it");
        let (back, back_words) = ends("us");
        Some([("we to it", out, out_words), ("it to us", back, back_words)])
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let told = self.conclusions();
        let one = |at: usize| {
            told.as_ref()
                .and_then(|all| all.get(at))
                .map(|(_, method, words)| {
                    json!({
                        "outcome": method.map_or("fails", |method| method.word()),
                        "because": words,
                    })
                })
        };
        json!({
            "resolver": self.resolver,
            "error": self.problem.as_deref().map(error_json),
            "endpoints": self.seen.iter().map(|one| one.json(self.now)).collect::<Vec<_>>(),
            "left_out": self.left_out,
            "we_dial": one(0),
            "it_dials": one(1),
        })
    }
}

/// What comes of our settings with a partner that has TLS or not, and whose certificate proves it or not. `dialled` is
/// `it` or `us`.
fn conclude(
    negotiation: Negotiation,
    tls: bool,
    proof: Proof<'_>,
    dialled: &str,
) -> (Option<Method>, String) {
    let methods = negotiation.methods();
    let whose = match dialled {
        "it" => "its certificate",
        _ => "its certificate, if it shows the same one when it dials,",
    };
    if methods.is_empty() {
        return (None, "our own settings leave no method".to_owned());
    }
    let clear = methods.contains(&Method::DialbackOverTcp);
    if negotiation.tls == Setting::NotSupported || !tls {
        let why = match tls {
            true => "our settings rule TLS out",
            false => "TLS cannot be had with it",
        };
        return match clear {
            true => (
                Some(Method::DialbackOverTcp),
                format!("dialback in clear text, since {why}"),
            ),
            false => (
                None,
                format!("nothing works, since {why} and our settings do not allow clear text"),
            ),
        };
    }
    let sasl = methods.contains(&Method::SaslOverTls);
    let dialback = methods.contains(&Method::DialbackOverTls);
    let why = match proof {
        Proof::Holds if sasl => {
            return (
                Some(Method::SaslOverTls),
                format!("{whose} proves its domain: SASL EXTERNAL over TLS is open from our side"),
            );
        }
        Proof::Holds => "SASL is off in our settings".to_owned(),
        Proof::Fails(why) => format!("{whose} does not prove its domain: {why}"),
        Proof::Unknown => "it showed no certificate that could be judged".to_owned(),
    };
    match dialback {
        true => (
            Some(Method::DialbackOverTls),
            format!("dialback over TLS, since {why}"),
        ),
        false => (
            None,
            format!("nothing works, since {why}, and our settings want the certificate"),
        ),
    }
}

/// For a person.
pub(super) fn text(look: &Look) -> String {
    let row = |head: &str, text: &str| render::hanging(&format!("  {head:<9}  "), text);
    let mut text = format!("\nseen just now (asked {})\n", look.resolver);
    if let Some(problem) = &look.problem {
        text.push_str(&row(
            "records",
            &format!("{}: {}", problem.what, problem.why),
        ));
    }
    for one in &look.seen {
        let mut words = one.offers();
        if let Some(failure) = &one.observation.failure {
            words.push(printable(&failure.to_string()));
        }
        text.push_str(&render::hanging(
            &format!(
                "  {} {} ({})  ",
                one.target,
                one.protocol.word(),
                one.address
            ),
            &words.join("; "),
        ));
        if let Some(leaf) = &one.leaf {
            let ends = render::date(leaf.facts().not_after);
            let said = match one.proof() {
                Proof::Holds => format!("{} proves its domain until {ends}", style("✓").green()),
                Proof::Fails(why) => format!("{} {why}", style("✗").red()),
                Proof::Unknown => "not judged: there are no roots".to_owned(),
            };
            text.push_str(&row("shows", &said));
        }
    }
    if look.left_out > 0 {
        text.push_str(&row(
            "",
            &format!("{} further addresses were not asked", look.left_out),
        ));
    }
    match look.conclusions() {
        Some(all) => {
            for (head, method, words) in all {
                let mark = match method {
                    Some(Method::SaslOverTls) => style("✓").green(),
                    Some(Method::DialbackOverTls | Method::DialbackOverTcp) => style("!").yellow(),
                    None => style("✗").red(),
                };
                text.push_str(&render::hanging(&format!("  {mark} {head:<9}  "), &words));
            }
        }
        None => text.push_str(&row(
            "",
            "no server of the partner answered: nothing can be said of it",
        )),
    }
    text
}

#[cfg(test)]
mod tests;
