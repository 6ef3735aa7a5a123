//! `partner explain`: what will happen in each direction, by the settings, today's certificate, and, when asked, a
//! look at the partner's servers.

use super::find;
use super::live::{self, Look};
use super::shown::{methods_words, partner_json, settings_words};
use crate::cli::check::domains::{length, resolver_address};
use crate::cli::options::domain;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::cli::request::open_if_there;
use crate::cli::verify::servers::partners_json;
use crate::cli::{Context, expectation, stored};
use crate::deployment::Deployment;
use crate::federation::{Method, Negotiation, Partner, Setting};
use crate::names::{Domain, Slug, Use};
use crate::store::{Store, StoreError};
use crate::verify::partners::told;
use crate::verify::servers::Role;
use crate::verify::{Forecast, PeerRoots, forecasts};
use clap::Args;
use console::style;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `partner explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// One of the partner's domains
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    pub(super) domain: Domain,
    /// Also look at the partner's servers: what they offer, and their certificate
    #[arg(long)]
    live: bool,
    /// Whom to ask for the DNS records [default: the deployment's resolver, else the system's]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = resolver_address, requires = "live")]
    pub(super) resolver: Option<SocketAddr>,
    /// Trust anchors of DNSSEC: DNSKEY records, one a line [default: the root's]
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(super) trust_anchor: Option<PathBuf>,
    /// Time for one server: 10s [default: the deployment's, else 10s]
    #[arg(long, value_name = "TIME", value_parser = length, requires = "live")]
    pub(super) timeout: Option<Duration>,
}

/// One of our certificates, with what the partner makes of it.
struct Today {
    certificate: Slug,
    generation: Option<u32>,
    /// Whether it is assigned; else it is only the newest there is.
    is_live: bool,
    forecasts: Vec<Forecast>,
    /// Why the roots that are named for the partner cannot be read.
    unread: Option<String>,
}

/// Runs it. Effects: reads the deployment, the state and roots; with `--live` asks the resolver and the partner.
pub(super) fn run(args: &ExplainArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let partner = find(&deployment, &args.domain)?;
    let store = open_if_there(context, Some(&deployment))?;
    let today = today(context, &deployment, store.as_ref(), partner)?;
    let mut text = format!(
        "{} · {}, {}\n",
        partner.domain,
        partner.partner_type.word(),
        settings_words(partner.negotiation)
    );
    text.push_str(&row("permits", partner.partner_type.means()));
    for (head, sentence) in settings_sentences(partner.negotiation) {
        text.push_str(&row(head, &sentence));
    }
    if today.is_empty() {
        text.push_str("\nno certificate of the deployment is for the use xmpp-s2s: nothing is shown to partners\n");
    }
    for one in &today {
        text.push_str(&today_text(one));
    }
    let look = match args.live {
        true => Some(live::look(args, context, &deployment, partner)?),
        false => None,
    };
    let findings = look.as_ref().map(|one| one.findings.clone());
    if let Some(look) = &look {
        text.push_str(&live::text(look));
    }
    let result = json!({
        "partner": partner_json(partner),
        "explained": settings_sentences(partner.negotiation)
            .into_iter()
            .map(|(head, sentence)| (head.replace(' ', "_"), json!(sentence)))
            .collect::<serde_json::Map<_, _>>(),
        "certificates": today.iter().map(today_json).collect::<Vec<_>>(),
        "live": look.as_ref().map(Look::json),
    });
    let outcome = Outcome::show(text, result).with_findings(findings.unwrap_or_default());
    Ok(match args.live {
        true => outcome,
        false => outcome.with_next(format!(
            "edgecert partner explain {} --live",
            partner.domain
        )),
    })
}

fn row(head: &str, text: &str) -> String {
    render::hanging(&format!("  {head:<9}  "), text)
}

/// What the settings alone mean for each direction.
fn settings_sentences(negotiation: Negotiation) -> Vec<(&'static str, String)> {
    let methods = negotiation.methods();
    // In clear text nothing but dialback proves anybody.
    let clear = methods.contains(&Method::DialbackOverTcp);
    let tls = match (negotiation.tls, clear) {
        (Setting::Required, _) => "TLS is started first, and a stream without it is refused",
        (Setting::Optional, true) => {
            "TLS is started where both sides can; where one cannot, the stream goes on in clear text"
        }
        (Setting::Optional, false) => {
            "TLS is started where both sides can; where one cannot, nothing proves who dials, and no stream comes about"
        }
        (Setting::NotSupported, true) => "the stream is in clear text, always",
        (Setting::NotSupported, false) => {
            "TLS is never started, and without it nothing proves who dials"
        }
    };
    let proof = match (methods.as_slice(), negotiation.needs_peer_certificate()) {
        ([], _) => "no side can prove who it is, so no stream comes about".to_owned(),
        (_, true) => "whoever dials proves itself by a certificate for the stream's domain (SASL EXTERNAL), and there is no other way".to_owned(),
        (several, false) => format!("whoever dials is proved by {}", methods_words(several)),
    };
    let dialback = methods
        .iter()
        .any(|one| matches!(one, Method::DialbackOverTls | Method::DialbackOverTcp));
    let back = match dialback {
        true => {
            "; dialback asks the server that the DNS names for that domain whether the key is its own"
        }
        false => "",
    };
    vec![
        ("always", tls.to_owned()),
        (
            "we to it",
            format!("our server dials the partner's; {proof}{back}"),
        ),
        (
            "it to us",
            format!("the partner's server dials ours; {proof}{back}"),
        ),
    ]
}

/// The certificates that meet the partner, with what it makes of each: what is assigned, else the newest.
fn today(
    context: &Context,
    deployment: &Deployment,
    store: Option<&Store>,
    partner: &Partner,
) -> Result<Vec<Today>, Failure> {
    let failed = |error: StoreError| super::super::request::store_failure(&error);
    let mut all = Vec::new();
    for certificate in &deployment.certificates {
        if !certificate.uses.contains(&Use::XmppS2s) {
            continue;
        }
        let name = &certificate.name;
        let (current, newest) = match store {
            Some(store) => (
                store.assignment(name).map_err(failed)?.current,
                store
                    .generations(name)
                    .map_err(failed)?
                    .last()
                    .map(|one| one.number),
            ),
            None => (None, None),
        };
        let generation = current.or(newest);
        let mut unread = None;
        let forecasts = match (store, generation) {
            (Some(store), Some(number)) => {
                let chain = stored::chain(store, name, number)?;
                let mut held =
                    expectation::for_certificate(context, deployment, certificate, context.now)?;
                held.partners.retain(|one| one.domain == partner.domain);
                unread = held.partners.iter().find_map(|one| match &one.roots {
                    PeerRoots::Unread(why) => {
                        Some(format!("{}, {}; {}", why.what, why.why, why.mend))
                    }
                    PeerRoots::Own(_) | PeerRoots::Assumed(_) | PeerRoots::Unknown => None,
                });
                let mut whole = vec![chain.leaf];
                whole.extend(chain.intermediates);
                forecasts(&whole, &held.expectation())
            }
            (_, _) => Vec::new(),
        };
        all.push(Today {
            certificate: name.clone(),
            generation,
            is_live: current.is_some(),
            forecasts,
            unread,
        });
    }
    Ok(all)
}

fn today_text(today: &Today) -> String {
    let Some(number) = today.generation else {
        return format!(
            "\n{}: there is no generation yet, so there is nothing to show to the partner\n",
            today.certificate
        );
    };
    let standing = match today.is_live {
        true => "assigned",
        false => "the newest, not assigned yet",
    };
    let mut text = format!("\nwith {}/{number} ({standing})\n", today.certificate);
    for (role, head) in [(Role::Client, "we to it"), (Role::Server, "it to us")] {
        let of_role: Vec<Forecast> = today
            .forecasts
            .iter()
            .filter(|one| one.role == role)
            .cloned()
            .collect();
        for one in told(&of_role) {
            // A sentence of roots that nobody has read promises nothing.
            let is_unproved = one.rank == 0 && today.unread.is_some();
            let mark = match one.rank {
                _ if is_unproved => style("?").yellow(),
                0 => style("✓").green(),
                1 | 2 => style("!").yellow(),
                _ => style("✗").red(),
            };
            let runs = one
                .head
                .find(", if it runs")
                .and_then(|at| one.head.get(at + 2..))
                .and_then(|runs| Some(format!("{}: ", runs.rsplit_once(", when")?.0)));
            let trust = match is_unproved {
                true => "where it trusts the certificate, ",
                false => "",
            };
            let sentence = format!("{}{trust}{}", runs.unwrap_or_default(), one.sentence);
            text.push_str(&render::hanging(
                &format!("  {mark} {head:<9}  "),
                &sentence,
            ));
        }
    }
    if let Some(why) = &today.unread {
        text.push_str(&row("", &format!("nothing is said of its trust: {why}")));
    } else if today.forecasts.iter().any(|one| !one.roots_are_known) {
        text.push_str(&row(
            "",
            "by which roots the partner judges is not known; the system's stand in (roots = […] of the partner names them)",
        ));
    }
    text
}

fn today_json(today: &Today) -> Value {
    json!({
        "certificate": today.certificate.as_str(),
        "generation": today.generation,
        "assigned": today.is_live,
        "forecasts": partners_json(&today.forecasts),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_promises_a_stream_that_its_methods_do_not_hold() {
        let mut rows = 0;
        for tls in Setting::ALL {
            for sasl in Setting::ALL {
                for dialback in [true, false] {
                    let negotiation = Negotiation {
                        tls,
                        sasl,
                        dialback,
                    };
                    let methods = negotiation.methods();
                    let has = |method| methods.contains(&method);
                    let said: String = settings_sentences(negotiation)
                        .into_iter()
                        .map(|(head, sentence)| format!("{head}: {sentence}\n"))
                        .collect();
                    let row = negotiation.row();
                    let clear = said.contains("goes on in clear text")
                        || said.contains("in clear text, always");
                    assert_eq!(clear, has(Method::DialbackOverTcp), "row {row}: {said}");
                    let asks = has(Method::DialbackOverTcp) || has(Method::DialbackOverTls);
                    assert_eq!(said.contains("; dialback asks"), asks, "row {row}: {said}");
                    let nobody = said.contains("no side can prove who it is");
                    assert_eq!(nobody, methods.is_empty(), "row {row}: {said}");
                    assert_eq!(
                        said.contains("SASL EXTERNAL"),
                        has(Method::SaslOverTls),
                        "row {row}: {said}"
                    );
                    rows += 1;
                }
            }
        }
        assert_eq!(rows, 18);
    }
}
