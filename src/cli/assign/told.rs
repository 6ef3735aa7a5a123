//! What an assignment says: its plan, what happens, where each listener stands.

use crate::assign::apply::Event;
use crate::assign::plan::{GatewayPlan, Proof};
use crate::assign::prove::{Proved, Seen};
use crate::assign::{AssignPlan, Standing};
use crate::cli::Context;
use crate::cli::render::{self, difference, hanging};
use crate::cli::staged::on_words;
use crate::explain::{DiffLine, Explain, count, diff, printable};
use crate::findings::{Code, Finding, Severity};
use crate::names::Slug;
use crate::servers::Change;
use crate::store::{AssignmentRecord, Staged, Store};
use console::style;
use serde_json::{Value, json};
use std::path::Path;
use time::OffsetDateTime;

/// The plan as a person reads it; `again`: the last rollback left this generation.
pub(super) fn describe(plan: &AssignPlan, again: bool) -> String {
    let mut text = match plan.from {
        Some(from) if from == plan.to => {
            format!("{}: generation {} again", plan.certificate, plan.to)
        }
        Some(from) if again => format!(
            "{}: generation {from} → {} again, which the last rollback left",
            plan.certificate, plan.to
        ),
        Some(from) => format!("{}: generation {from} → {}", plan.certificate, plan.to),
        None => format!("{}: generation {}, the first", plan.certificate, plan.to),
    };
    text.push_str(&on_gateways(plan.gateways.len()));
    text.push('\n');
    for gateway in &plan.gateways {
        let to_prove = format!("{} to prove", count(gateway.proofs.len(), "handshake"));
        let (last, before) = match gateway.actions.split_last() {
            Some((last, before)) => (format!("{last} · {to_prove}"), before),
            None => (to_prove, [].as_slice()),
        };
        let lines = before.iter().map(String::as_str).chain([last.as_str()]);
        for (number, line) in lines.enumerate() {
            let name = if number == 0 {
                gateway.gateway.as_str()
            } else {
                ""
            };
            text.push_str(&format!("  {name:<10} {}\n", near(line)));
        }
    }
    for (gateway, change) in changes(plan) {
        text.push_str(&format!(
            "  {:<10} {} needs {}:\n",
            gateway.as_str(),
            near(&change.file.display().to_string()),
            printable(&change.why)
        ));
        text.push_str(&difference(&change.before, &change.after));
    }
    if plan.gateways.is_empty() {
        text.push_str("  no gateway serves it: live/ is switched, and nothing can be proved\n");
    }
    text
}

/// Every change that a server's configuration needs, each once.
fn changes(plan: &AssignPlan) -> Vec<(&Slug, &Change)> {
    let all = plan
        .gateways
        .iter()
        .flat_map(|gateway| gateway.changes().iter().map(|one| (&gateway.gateway, one)));
    all.collect()
}

/// Paths below the working folder, without that folder.
fn near(text: &str) -> String {
    match std::env::current_dir() {
        Ok(here) if here.parent().is_some() => text.replace(&format!("{}/", here.display()), ""),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

/// Where `live/` of a certificate lies.
pub(super) fn live_place(store: &Store, certificate: &Slug) -> String {
    let path = store.folder().join("live").join(certificate.as_str());
    near(&path.display().to_string())
}

/// One for each gateway on which connections go on with the certificate of before.
pub(super) fn session_findings(plan: &AssignPlan, standings: &[Standing]) -> Vec<Finding> {
    let before = plan.from.map_or_else(
        || "the certificate that they began with".to_owned(),
        |from| format!("generation {from}"),
    );
    standings
        .iter()
        .filter(|standing| standing.sessions > 0 && plan.from != Some(plan.to))
        .map(|standing| {
            Finding::new(
                Code::LiveSessions,
                format!("gateway \"{}\"", standing.gateway),
                format!(
                    "{} began before and keep {before} until they end",
                    count(standing.sessions, "connection")
                ),
                "TLS shows a certificate once, when a connection begins",
                "nothing to do; for a compromised key, `edgecert assign --end-sessions` ends them",
            )
        })
        .collect()
}

/// Files of servers that this state did not write were replaced, and are kept.
pub(super) fn replaced_finding(place: &Path) -> Finding {
    Finding::new(
        Code::GatewayPairReplaced,
        near(&place.display().to_string()),
        format!(
            "files that this state did not write were replaced, and are kept in {}",
            near(&place.display().to_string())
        ),
        "`rollback` leads to generations of this state alone",
        "take them in with `edgecert import --adopt` (`kept-*.json` says of which path each was), or remove the folder",
    )
}

/// What an assignment would replace of which nobody else has a copy, as far as it lies there now.
pub(super) fn to_be_replaced(
    store: &Store,
    plan: &AssignPlan,
    record: &AssignmentRecord,
) -> Option<Finding> {
    let written: Vec<&String> = record
        .gateways
        .values()
        .flat_map(|gateway| gateway.written.values())
        .collect();
    let strangers: Vec<String> = plan
        .gateways
        .iter()
        .flat_map(GatewayPlan::lying)
        .filter(|(_, digest)| !written.contains(&digest))
        .map(|(path, _)| near(&path.display().to_string()))
        .collect();
    let first = strangers.first()?;
    let aside = store.folder().join("replaced");
    Some(Finding::new(
        Code::GatewayPairReplaced,
        first.clone(),
        format!(
            "{} that this state did not write would be replaced, and kept below {}",
            count(strangers.len(), "file"),
            near(&aside.display().to_string())
        ),
        "`rollback` leads to generations of this state alone",
        "take them in first with `edgecert import --adopt`, so that there is a generation to go back to",
    ))
}

/// What comes after an assignment.
pub(super) fn next_words(store: &Store, plan: &AssignPlan) -> String {
    if plan.gateways.is_empty() {
        return format!(
            "let a server read {}/, or add a [gateway.embedded.NAME] table",
            live_place(store, &plan.certificate)
        );
    }
    "edgecert check".into()
}

/// ` on 1 of 2 gateways; other keeps external-edge/4`: where an assignment is for some of them, what the others have.
pub(super) fn where_live(plan: &AssignPlan, record: &AssignmentRecord) -> String {
    let number = plan.gateways.len();
    if plan.others.is_empty() {
        return on_gateways(number);
    }
    let keeps = plan
        .others
        .iter()
        .map(|other| match record.gateways.get(other.as_str()) {
            Some(there) if there.is_settled() => {
                format!("{other} keeps {}/{}", plan.certificate, there.generation)
            }
            None if plan.from.is_none() => format!("{other} has none yet"),
            // It has left or joined the deployment since, or its last assignment failed.
            Some(_) | None => format!("what {other} has is not known"),
        });
    let of = count(number + plan.others.len(), "gateway");
    let keeps: Vec<String> = keeps.collect();
    format!(" on {number} of {of}; {}", keeps.join(", "))
}

/// What is staged and stays so, whatever is live now: it becomes current by itself.
pub(super) fn still_staged(name: &Slug, staged: &Staged, now: OffsetDateTime) -> String {
    let on = on_words(staged);
    format!(
        "{name}/{} stays staged, and becomes current{on} on {}; `edgecert assign {name} --unstage` takes that away\n",
        staged.generation,
        render::when(staged.effective, now)
    )
}

pub(super) fn on_gateways(number: usize) -> String {
    if number == 0 {
        String::new()
    } else {
        format!(" on {}", count(number, "gateway"))
    }
}

pub(super) fn tell(context: &Context, plan: &AssignPlan, event: &Event<'_>) {
    let line = match event {
        Event::Prepared => {
            let (right, taken) = match plan.gateways.len() {
                0 => ("the pair, its chain and its names are right", ""),
                1 => (
                    "the pair, its chain and its names are right",
                    "; the gateway takes it",
                ),
                _ => (
                    "the pair, its chain and its names are right",
                    "; every gateway takes it",
                ),
            };
            format!("  {} {right}{taken}", style("✓").green())
        }
        Event::Committed {
            gateway,
            committed: verb,
            took,
        } => {
            format!(
                "  {:<10} {} {verb} in {} ms",
                gateway.as_str(),
                style("✓").green(),
                took.as_millis()
            )
        }
        Event::Proved {
            gateway,
            listener,
            restoring,
        } => listener_line(gateway, listener, *restoring),
        // The watcher of signals has said so already.
        Event::RollingBack { cause } if cause.is_interrupted() => "  rolling back".to_owned(),
        Event::RollingBack { cause } => {
            let head = format!("  {} ", style("✗").red());
            format!("{}  rolling back", hanging(&head, &cause.explain().what))
        }
        Event::Restored {
            gateway,
            failure: None,
        } => {
            format!(
                "  {:<10} {} as before",
                gateway.as_str(),
                style("✓").green()
            )
        }
        Event::Restored {
            gateway,
            failure: Some(error),
        } => {
            let head = format!("  {:<10} {} ", gateway.as_str(), style("✗").red());
            let why = format!("not as before: {}", error.explain().why);
            hanging(&head, &why).trim_end().to_owned()
        }
    };
    context.say(&line);
}

/// `front  ✓ xmpp-server 127.0.0.1:5269  contoso.com conference.contoso.com  after 46 ms`.
fn listener_line(gateway: &Slug, listener: &[(Proof, Proved)], restoring: bool) -> String {
    let Some((first, _)) = listener.first() else {
        return String::new();
    };
    let holds = listener.iter().all(|(_, proved)| proved.holds);
    let mark = if holds {
        style("✓").green()
    } else {
        style("✗").red()
    };
    let names: Vec<String> = listener
        .iter()
        .map(|(proof, proved)| {
            let name = proof.name.as_ref().map_or("no name", |name| name.as_str());
            let wrong = match (&proved.last, proved.holds) {
                (_, true) => return name.to_owned(),
                (Seen::Leaf(leaf, _), false) => format!("still serves {}", leaf.short()),
                (Seen::Dark(_), false) => "shows no certificate".to_owned(),
            };
            format!("{name} {} ({wrong})", style("✗").red())
        })
        .collect();
    let took: std::time::Duration = listener.iter().map(|(_, proved)| proved.took).sum();
    let end = if restoring {
        "as before".to_owned()
    } else {
        format!("{} ms", took.as_millis())
    };
    let (word, address) = match &first.outbound {
        Some(outbound) => ("calls", format!("{} as", outbound.domain)),
        None => (first.protocol.word(), first.address.to_string()),
    };
    let head = format!("  {:<10} {mark} {word:<12} {address}  ", gateway.as_str());
    let proved = format!("{} · {end}", names.join(" "));
    hanging(&head, &proved).trim_end().to_owned()
}

pub(super) fn dark_finding((gateway, proof, why): &(Slug, Proof, String)) -> Finding {
    Finding::new(
        Code::LiveUnreachable,
        format!("gateway \"{gateway}\", listener {proof}"),
        "a listener was dark before, and still is",
        why.clone(),
        "start what should listen there, or take the listener out of the deployment",
    )
    .with_severity(Severity::Warning)
}

pub(super) fn before_words(plan: &AssignPlan) -> String {
    match plan.from {
        Some(from) if plan.gateways.is_empty() => format!("generation {from} is live as before"),
        Some(from) => format!("every gateway serves generation {from} as before"),
        None => "no gateway serves it, as before".into(),
    }
}

/// How long gateways were without a certificate; empty where none was.
pub(super) fn dark_words(standings: &[Standing]) -> String {
    standings
        .iter()
        .filter_map(|standing| Some((standing, standing.dark?)))
        .map(|(standing, dark)| {
            format!(
                "\n{} showed no certificate for at most {} ms",
                standing.gateway,
                dark.as_millis()
            )
        })
        .collect()
}

pub(super) fn standing_words(standing: &Standing) -> String {
    let listeners: Vec<String> = standing
        .listeners
        .iter()
        .map(|(proof, seen)| match seen {
            Seen::Leaf(leaf, _) => format!("{proof} serves {}", leaf.short()),
            Seen::Dark(why) => format!("{proof} is dark ({why})"),
        })
        .collect();
    let how = if standing.proved {
        "as before"
    } else {
        "not proved"
    };
    match listeners.is_empty() {
        true => format!("{}: {how} (no listener of it is known)", standing.gateway),
        false => format!("{}: {how}; {}", standing.gateway, listeners.join(", ")),
    }
}

pub(super) fn plan_json(plan: &AssignPlan) -> Value {
    let gateway = |gateway: &GatewayPlan| {
        json!({
            "gateway": gateway.gateway.as_str(),
            "kind": gateway.kind,
            "actions": gateway.actions,
            "proofs": gateway.proofs.iter().map(proof_json).collect::<Vec<_>>(),
            "config_changes": gateway.changes().iter().map(change_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "certificate": plan.certificate.as_str(),
        "from": plan.from,
        "to": plan.to,
        "sha256": plan.leaf.to_string(),
        "gateways": plan.gateways.iter().map(gateway).collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    json!({
        "file": change.file.display().to_string(),
        "why": printable(&change.why),
        "diff": diff(&change.before, &change.after)
            .iter()
            .map(DiffLine::words)
            .collect::<Vec<_>>(),
    })
}

fn proof_json(proof: &Proof) -> Value {
    json!({
        "protocol": proof.protocol.word(),
        "address": proof.address.to_string(),
        "name": proof.name.as_ref().map(ToString::to_string),
        "calls": proof.outbound.as_ref().map(|outbound| outbound.domain.as_str()),
    })
}

pub(super) fn standings_json(standings: &[Standing]) -> Value {
    let listener = |(proof, seen): &(Proof, Seen)| {
        let (sha256, dark) = match seen {
            Seen::Leaf(leaf, _) => (Some(leaf.to_string()), None),
            Seen::Dark(why) => (None, Some(why.clone())),
        };
        let mut object = proof_json(proof);
        if let Value::Object(map) = &mut object {
            map.insert("sha256".into(), sha256.into());
            map.insert("dark".into(), dark.into());
        }
        object
    };
    standings
        .iter()
        .map(|standing| {
            let ms = |took: Option<std::time::Duration>| {
                took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
            };
            json!({
                "gateway": standing.gateway.as_str(),
                "proved": standing.proved,
                "took_ms": ms(standing.took),
                "committed_ms": ms(standing.committed),
                "dark_ms": ms(standing.dark),
                "sessions_before": standing.sessions,
                "listeners": standing.listeners.iter().map(listener).collect::<Vec<_>>(),
            })
        })
        .collect()
}
