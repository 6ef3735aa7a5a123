//! `list` and `show`: every lineage that deployment or state knows, with its generations, its requests, and where it
//! is live.
//!
//! Readers: they neither wait nor write. What they tell of gateways is what was last proved; `check` asks the ports.

mod known;
mod show;

pub use show::{ShowArgs, show};

use super::Context;
use super::barred::Barred;
use super::exit::FailureKind;
use super::named::{Asked, no_certificate, no_such_certificate, which_certificate};
use super::output::{Failure, Outcome};
use super::render::{self, Table};
use super::staged::{is_overdue, on_words};
use crate::deployment::{Certificate, Deployment};
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{Proved, RequestRecord, RequestState, Staged, Store, StoreError};
use clap::Args;
use known::Known;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use time::OffsetDateTime;

/// `list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert list
  edgecert list --json | jq '.result.certificates[] | {name, current}'

See also: edgecert show CERT (everything about one), edgecert check (what is really served)")]
pub struct ListArgs {}

/// Runs `list`.
pub fn run(_: ListArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let folder = context.state_directory(deployment.as_ref());
    let store = open(&folder)?;
    let barred = read_barred(store.as_ref())?;
    let known = all_known(deployment.as_ref(), store.as_ref(), &barred)?;
    let text = describe(&known, &folder, store.is_some(), context.now);
    let certificates: Vec<Value> = known.iter().map(|one| one.to_json(context.now)).collect();
    let result = json!({
        "state": store.as_ref().map(|_| folder.display().to_string()),
        "certificates": certificates,
    });
    let next: Vec<String> = known
        .iter()
        .filter_map(|one| one.next(context.now))
        .collect();
    let outcome = Outcome::show(text, result);
    Ok(match next.is_empty() {
        true => outcome,
        false => outcome.with_next(next.join(" · ")),
    })
}

/// The state, if there is one.
fn open(folder: &Path) -> Result<Option<Store>, Failure> {
    match Store::open(folder) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(Failure::from_error(FailureKind::Failed, &error)),
    }
}

/// The lineages of deployment and state, those of the deployment first.
fn all_names(deployment: Option<&Deployment>, store: Option<&Store>) -> Result<Vec<Slug>, Failure> {
    let mut names: Vec<Slug> = deployment
        .map(|deployment| {
            deployment
                .certificates
                .iter()
                .map(|planned| planned.name.clone())
                .collect()
        })
        .unwrap_or_default();
    if let Some(store) = store {
        for name in store
            .certificates()
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn read_barred(store: Option<&Store>) -> Result<Barred, Failure> {
    match store.map(Barred::read) {
        Some(read) => read.map_err(|error| Failure::from_error(FailureKind::Failed, &error)),
        None => Ok(Barred::default()),
    }
}

fn all_known<'a>(
    deployment: Option<&'a Deployment>,
    store: Option<&Store>,
    barred: &'a Barred,
) -> Result<Vec<Known<'a>>, Failure> {
    all_names(deployment, store)?
        .into_iter()
        .map(|name| {
            Known::read(name, deployment, store, barred)
                .map_err(|error| Failure::from_error(FailureKind::Failed, &error))
        })
        .collect()
}

/// The lineage that is meant: the one named, or the only one that deployment or state knows.
pub(super) fn resolve(
    deployment: Option<&Deployment>,
    store: Option<&Store>,
    name: Option<&Slug>,
) -> Result<Slug, Failure> {
    let names = all_names(deployment, store)?;
    let words: Vec<&str> = names.iter().map(Slug::as_str).collect();
    match (name, names.as_slice()) {
        (Some(name), _) if names.contains(name) => Ok(name.clone()),
        (Some(name), _) => Err(no_such_certificate(name, &words, Asked::Both)),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(no_certificate(Asked::Both)),
        (None, _) => Err(which_certificate(&words, Asked::Both)),
    }
}

fn describe(known: &[Known<'_>], folder: &Path, has_state: bool, now: OffsetDateTime) -> String {
    let mut text = String::new();
    if !has_state {
        text.push_str(&format!(
            "no state yet: {} is made by the first `edgecert request` or `edgecert import`\n",
            folder.display()
        ));
    }
    if known.is_empty() {
        if has_state {
            text.push_str("no certificate yet\n");
        }
        return text;
    }
    if has_state {
        let mut table = Table::new([
            "certificate",
            "now",
            "before",
            "staged",
            "issued by",
            "key",
            "ends",
            "left",
            "live on",
        ]);
        for one in known {
            table.row(row(one, now));
        }
        text.push_str(&table.render());
    }
    for one in known {
        // Where none is current, the row names the newest.
        if let (Some(_), Some(newer)) = (one.assignment.current, one.unassigned()) {
            text.push_str(&render::prose(&format!(
                "  {}/{} waits to be assigned, imported {}",
                one.name,
                newer.number,
                render::age(newer.created, now)
            )));
        }
        for request in one.pending() {
            text.push_str(&render::prose(&format!(
                "  {} waits for the reply to request {}, made {}",
                one.name,
                printable(&request.id),
                render::age(request.created, now)
            )));
        }
    }
    text
}

fn row(one: &Known<'_>, now: OffsetDateTime) -> [String; 9] {
    let number = |number: Option<u32>| number.map_or("–".to_owned(), |number| number.to_string());
    let shown = one.shown();
    let leaf = shown.map(|generation| &generation.leaf);
    let current = match (one.assignment.current, shown) {
        (Some(current), _) if one.is_barred(current) => format!("{current} (barred)"),
        (Some(current), _) => current.to_string(),
        (None, Some(newest)) => format!("none, newest {}", newest.number),
        (None, None) => "–".into(),
    };
    [
        one.name.to_string(),
        current,
        number(one.assignment.previous),
        one.assignment
            .staged
            .as_ref()
            .map_or("–".into(), |staged| staged_words(staged, now)),
        leaf.map_or("–".into(), |leaf| short_name(&leaf.issuer)),
        one.key_word().unwrap_or_else(|| "–".into()),
        leaf.map_or("–".into(), |leaf| render::age(leaf.not_after, now)),
        leaf.map_or("–".into(), |leaf| {
            format!("{:.0}%", leaf.window().life_left_percent(now))
        }),
        gateways_words(one),
    ]
}

/// `front (proved 2026-11-21), copy (3, written 2026-10-02, not proved)`: a generation is told where it is not the
/// current one.
fn gateways_words(one: &Known<'_>) -> String {
    let words: Vec<String> = one
        .assignment
        .gateways
        .iter()
        .map(|(gateway, proved)| {
            let (gateway, how) = (printable(gateway), proved_words(proved, render::date));
            if Some(proved.generation) == one.assignment.current {
                format!("{gateway} ({how})")
            } else {
                format!("{gateway} ({}, {how})", proved.generation)
            }
        })
        .collect();
    if words.is_empty() {
        "nowhere".into()
    } else {
        words.join(", ")
    }
}

/// Whether and when a gateway was proved, or only written to.
fn proved_words(one: &Proved, moment: impl Fn(OffsetDateTime) -> String) -> String {
    match (one.proved, one.placed) {
        (Some(proved), _) => format!("proved {}", moment(proved)),
        (None, Some(placed)) => format!("written {}, not proved", moment(placed)),
        (None, None) => "not proved since an assignment failed".to_owned(),
    }
}

fn staged_words(staged: &Staged, now: OffsetDateTime) -> String {
    let mut more = on_words(staged);
    if is_overdue(staged, now) {
        more.push_str(" (overdue)");
    }
    format!(
        "{} from {}{more}",
        staged.generation,
        render::moment(staged.effective)
    )
}

/// The common name of a distinguished name, else all of it.
fn short_name(name: &str) -> String {
    let common = name
        .split(',')
        .find_map(|part| part.trim().strip_prefix("CN="))
        .filter(|common| !common.trim().is_empty());
    printable(common.unwrap_or(name))
}

fn uses_of(planned: &Certificate) -> Vec<&'static str> {
    planned.uses.iter().map(|one| one.word()).collect()
}

/// For scripts; `gateways` is empty where it is for all of them.
pub(super) fn staged_json(staged: &Staged) -> Value {
    json!({
        "generation": staged.generation,
        "effective": render::rfc3339(staged.effective),
        "gateways": staged.gateways,
        "accepted": staged.accepted,
    })
}

/// The same of what is staged at this moment.
fn staged_now_json(staged: &Staged, now: OffsetDateTime) -> Value {
    let mut told = staged_json(staged);
    if let Value::Object(fields) = &mut told {
        fields.insert("overdue".into(), is_overdue(staged, now).into());
    }
    told
}

fn gateways_json(gateways: &BTreeMap<String, Proved>) -> Vec<Value> {
    gateways
        .iter()
        .map(|(gateway, proved)| {
            json!({
                "gateway": gateway,
                "generation": proved.generation,
                "proved": proved.proved.map(render::rfc3339),
                "written": proved.placed.map(render::rfc3339),
                "sha256": proved.sha256,
            })
        })
        .collect()
}

fn request_json(request: &RequestRecord) -> Value {
    json!({
        "id": request.id,
        "created": render::rfc3339(request.created),
        "state": match request.state {
            RequestState::Pending => "pending",
            RequestState::Answered => "answered",
        },
        "answered_by": request.answered_by,
        "key_type": request.key_type,
        "spki_sha256": request.spki_sha256,
        "names": request.names,
        "submitted": request.submitted.map(render::rfc3339),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_called_by_its_common_name() {
        for (name, short) in [
            ("CN=Example CA E5,O=Example", "Example CA E5"),
            ("C=US, O=Example, CN=R11", "R11"),
            ("O=Example", "O=Example"),
            ("CN=,O=Example", "CN=,O=Example"),
        ] {
            assert_eq!(short_name(name), short);
        }
    }
}
