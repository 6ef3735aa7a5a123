//! What each server and each partner makes of the certificate: for people below the parts, for programs whole.

use crate::cli::render::{self, Table};
use crate::findings::Finding;
use crate::names::matching::Service;
use crate::names::{Domain, Presented};
use crate::verify::outcome::{by_words, refusal_words};
use crate::verify::partners::told;
use crate::verify::servers::{Answer, Covered, Refusal, Role, Seen, matrix};
use crate::verify::{Forecast, Wanted};
use crate::x509::Certificate;
use crate::x509::certificate::Facts;
use console::style;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most domains that are taken from a certificate itself.
const MAX_PRESENTED: usize = 100;

/// The matrix of what is wanted; where nothing is, and it was asked for, that of the domains in the certificate as
/// XMPP domains.
pub(super) fn covered(leaf: &Certificate, wanted: &[Wanted], demanded: bool) -> Vec<Covered> {
    let facts = leaf.facts();
    let planned = matrix(facts, wanted);
    if !planned.is_empty() || !demanded {
        return planned;
    }
    let names = facts.names.as_deref().unwrap_or_default();
    let domains: BTreeSet<Domain> = names
        .iter()
        .filter_map(|name| match name {
            Presented::Dns(text) | Presented::Xmpp(text) => Domain::parse(text).ok(),
            Presented::Srv(text) => Domain::parse(text.split_once('.')?.1).ok(),
            Presented::Uri(_)
            | Presented::Ip(_)
            | Presented::Email(_)
            | Presented::Other(_)
            | Presented::Malformed(_) => None,
        })
        .take(MAX_PRESENTED)
        .collect();
    let wanted: Vec<Wanted> = domains
        .into_iter()
        .map(|domain| Wanted::Covered {
            service: Service::XmppServer,
            domain,
            because: "it stands in the certificate".to_owned(),
        })
        .collect();
    matrix(facts, &wanted)
}

/// Below the names: the servers that say otherwise than the RFCs, or the whole matrix.
pub(super) fn matrix_text(all: &[Covered], leaf: &Facts, whole: bool) -> String {
    if whole {
        return whole_text(all, leaf);
    }
    let mut text = String::new();
    for one in all {
        let mut groups: Vec<(String, Vec<&'static str>)> = Vec::new();
        for seen in one.differing() {
            let words = named_words(seen, leaf);
            match groups.iter_mut().find(|(known, _)| *known == words) {
                Some((_, servers)) => servers.push(seen.server.word()),
                None => groups.push((words, vec![seen.server.word()])),
            }
        }
        for (words, servers) in groups {
            text.push_str(&render::hanging(
                &format!("      {} ", style("!").yellow()),
                &format!("{} at {}: {words}", one.domain, servers.join(", ")),
            ));
        }
    }
    text
}

fn named_words(seen: &Seen, leaf: &Facts) -> String {
    match &seen.named {
        Answer::Accepted(by) => format!("accepted by {}", by_words(by, leaf)),
        Answer::Refused(refusal) => {
            format!(
                "refused, as {}",
                refusal_words(refusal, seen.server.title())
            )
        }
    }
}

/// One table a service: a domain a row, a server a column, and what each asks of the purposes below.
fn whole_text(all: &[Covered], leaf: &Facts) -> String {
    let mut text = String::new();
    let mut services: Vec<Service> = Vec::new();
    for one in all {
        if !services.contains(&one.service) {
            services.push(one.service);
        }
    }
    for service in services {
        let rows: Vec<&Covered> = all.iter().filter(|one| one.service == service).collect();
        let Some(first) = rows.first() else {
            continue;
        };
        let table = matrix_table(service, &rows, first);
        text.push_str(&match table.fits() {
            true => table.render(),
            false => matrix_lists(service, &rows, first),
        });
        for row in rows {
            text.push_str(&matrix_text(std::slice::from_ref(row), leaf, false));
        }
    }
    text
}

/// What is asked of purposes and key in each role.
const ROLES: [(Role, &str); 2] = [
    (Role::Server, "EKU, key: it dials us"),
    (Role::Client, "EKU, key: we dial it"),
];

/// A domain a row, a server a column.
fn matrix_table(service: Service, rows: &[&Covered], first: &Covered) -> Table {
    let mut table = Table::plain().indented(6);
    let mut head = vec![service_word(service).to_owned(), "RFC".to_owned()];
    head.extend(
        first
            .servers
            .iter()
            .map(|seen| seen.server.word().to_owned()),
    );
    table.row_of(head);
    for row in rows {
        let mut cells = vec![row.domain.to_string(), mark(row.by_rfc)];
        cells.extend(
            row.servers
                .iter()
                .map(|seen| mark(is_accepted(&seen.named))),
        );
        table.row_of(cells);
    }
    for (role, words) in ROLES {
        let mut cells = vec![words.to_owned(), String::new()];
        cells.extend(
            first
                .servers
                .iter()
                .map(|seen| mark(is_fit(of_role(seen, role)))),
        );
        table.row_of(cells);
    }
    table
}

/// The same where it is too wide: after each domain who takes it, and who does not.
fn matrix_lists(service: Service, rows: &[&Covered], first: &Covered) -> String {
    let mut text = format!("      {}\n", service_word(service));
    for row in rows {
        let rfc = std::iter::once(("RFC", row.by_rfc));
        let servers = row.servers.iter();
        let all = servers.map(|seen| (seen.server.word(), is_accepted(&seen.named)));
        text.push_str(&sides(row.domain.as_str(), rfc.chain(all).collect()));
    }
    for (role, words) in ROLES {
        let servers = first.servers.iter();
        let all = servers.map(|seen| (seen.server.word(), is_fit(of_role(seen, role))));
        text.push_str(&sides(words, all.collect()));
    }
    text
}

/// One line for those who say yes, and one for those who say no; an empty one is left out.
fn sides(what: &str, all: Vec<(&str, bool)>) -> String {
    let mut text = String::new();
    let mut head = what;
    for accepted in [true, false] {
        let words: Vec<&str> = all
            .iter()
            .filter(|(_, one)| *one == accepted)
            .map(|(word, _)| *word)
            .collect();
        if !words.is_empty() {
            text.push_str(&render::hanging(
                &format!("        {head:<21}  {} ", mark(accepted)),
                &words.join(", "),
            ));
            head = "";
        }
    }
    text
}

fn of_role(seen: &Seen, role: Role) -> &Answer {
    match role {
        Role::Server => &seen.as_server,
        Role::Client => &seen.as_client,
    }
}

fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Accepted(_))
}

/// Whether key and purposes will do, whatever the names.
fn is_fit(answer: &Answer) -> bool {
    match answer {
        Answer::Accepted(_) | Answer::Refused(Refusal::Name { .. }) => true,
        Answer::Refused(Refusal::Purpose { .. } | Refusal::Key { .. }) => false,
    }
}

fn mark(accepted: bool) -> String {
    match accepted {
        true => style("✓").green().to_string(),
        false => style("✗").red().to_string(),
    }
}

fn service_word(service: Service) -> &'static str {
    match service {
        Service::XmppServer => "XMPP server",
        Service::XmppClient => "XMPP client",
        Service::Sip => "SIP domain",
        Service::Host => "SIP host",
    }
}

/// What each partner will make of it, a sentence a line; those that a finding tells with the same words are left out.
pub fn partners_text(forecasts: &[Forecast], findings: &[&Finding], indent: usize) -> String {
    told(forecasts)
        .iter()
        .filter(|one| {
            let told = format!("{}: {}", one.head, one.sentence);
            !findings.iter().any(|finding| finding.why == told)
        })
        .map(|one| {
            let mark = match one.rank {
                0 => style("✓").green(),
                1 | 2 => style("!").yellow(),
                _ => style("✗").red(),
            };
            render::hanging(
                &format!("{:indent$}{mark} ", ""),
                &format!("{}: {}", one.head, one.sentence),
            )
        })
        .collect()
}

/// The whole matrix for programs.
pub(super) fn matrix_json(all: &[Covered], leaf: &Facts) -> Value {
    let answer = |answer: &Answer, title: &str| match answer {
        Answer::Accepted(by) => {
            json!({"accepted": true, "by": by_words(by, leaf), "why_not": null})
        }
        Answer::Refused(refusal) => {
            json!({"accepted": false, "by": null, "why_not": refusal_words(refusal, title)})
        }
    };
    let seen = |seen: &Seen| {
        let title = seen.server.title();
        json!({
            "server": seen.server.word(),
            "names": answer(&seen.named, title),
            "it_dials": answer(&seen.as_server, title),
            "we_dial": answer(&seen.as_client, title),
        })
    };
    let rows = all.iter().map(|one| {
        json!({
            "service": super::shown::service_word(one.service),
            "domain": one.domain.as_str(),
            "by_rfc": one.by_rfc,
            "servers": one.servers.iter().map(seen).collect::<Vec<_>>(),
        })
    });
    Value::Array(rows.collect())
}

/// Every forecast for programs.
pub fn partners_json(forecasts: &[Forecast]) -> Value {
    let rows = forecasts.iter().map(|one| {
        json!({
            "partner": one.partner.as_str(),
            "server": one.server.word(),
            "server_is_known": one.server_is_known,
            "roots_are_known": one.roots_are_known,
            "direction": match one.role {
                Role::Client => "we-dial",
                Role::Server => "it-dials",
            },
            "domain": one.ours.as_str(),
            "outcome": one.outcome.word(),
            "because": one.sentence(),
        })
    });
    Value::Array(rows.collect())
}
