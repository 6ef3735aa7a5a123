//! `show`: everything about one lineage or one of its generations.

mod told;

use super::known::Known;
use super::{gateways_json, open, read_barred, request_json, resolve, staged_now_json};
use crate::cli::Context;
use crate::cli::barred::{served_on, still_served};
use crate::cli::exit::FailureKind;
use crate::cli::expectation;
use crate::cli::options::{Lineage, lineage};
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::cli::render::json::summary_json;
use crate::cli::request::prepare;
use crate::deployment::Deployment;
use crate::explain::Explain;
use crate::names::plan::plan_names;
use crate::store::{CertificateSummary, GenerationRecord, Store};
use crate::x509::container;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use time::OffsetDateTime;
use told::describe;

/// `show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert show
  edgecert show external-edge/3
  edgecert show external-edge --json | jq -r .result.generation.paths.fullchain")]
pub struct ShowArgs {
    /// The certificate, perhaps with a generation [default: the only one, its current generation]
    #[arg(value_name = "CERT[/N]", value_parser = lineage)]
    certificate: Option<Lineage>,
}

/// Runs `show`.
pub fn show(args: ShowArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let folder = context.state_directory(deployment.as_ref());
    let store = open(&folder)?;
    let wanted = args.certificate.as_ref();
    let name = resolve(
        deployment.as_ref(),
        store.as_ref(),
        wanted.map(|wanted| &wanted.certificate),
    )?;
    let barred = read_barred(store.as_ref())?;
    let known = Known::read(name, deployment.as_ref(), store.as_ref(), &barred)
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let record = match wanted.and_then(|wanted| wanted.generation) {
        Some(number) => Some(
            known
                .generation(number)
                .ok_or_else(|| no_such_generation(&known, number))?,
        ),
        None => known.shown(),
    };
    let detail = match (record, store.as_ref()) {
        (Some(record), Some(store)) => Some(Detail::read(
            context,
            deployment.as_ref(),
            store,
            &known,
            record,
        )?),
        (Some(_) | None, Some(_) | None) => None,
    };
    let live = store.as_ref().map(|store| store.live(&known.name));
    let live_word = match &live {
        None | Some(Ok(None)) => None,
        Some(Ok(Some(number))) => Some(number.to_string()),
        Some(Err(error)) => Some(error.explain().what),
    };
    let mut text = describe(&known, detail.as_ref(), live_word.as_deref(), context.now);
    let next_key = match &store {
        Some(store) => store
            .next_key(&known.name)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?,
        None => None,
    };
    if let Some(next_key) = &next_key {
        text.push_str(&format!("\n  {}", prepare::line(next_key)));
    }
    let mut result = known.to_json(context.now);
    if let Value::Object(map) = &mut result {
        map.remove("certificate");
        map.insert(
            "requests".into(),
            known.requests.iter().map(request_json).collect(),
        );
        map.insert(
            "next_key".into(),
            json!(next_key.as_ref().map(prepare::next_json)),
        );
        map.insert("live".into(), json!(live.and_then(Result::ok).flatten()));
        map.insert(
            "generations".into(),
            known
                .generations
                .iter()
                .map(|record| brief_json(&known, record, context.now))
                .collect(),
        );
        map.insert(
            "generation".into(),
            detail
                .as_ref()
                .map_or(Value::Null, |detail| detail.to_json(context.now)),
        );
    }
    let next = known.next(context.now);
    Ok(Outcome {
        next,
        ..Outcome::show(text, result)
    })
}

fn no_such_generation(known: &Known<'_>, number: u32) -> Failure {
    let there: Vec<String> = known
        .generations
        .iter()
        .map(|record| record.number.to_string())
        .collect();
    Failure::usage(
        format!("there is no generation {}/{number}", known.name),
        if there.is_empty() {
            format!("{} has none yet", known.name)
        } else {
            format!("{} has {}", known.name, there.join(", "))
        },
        format!("`edgecert show {}` shows the current one", known.name),
    )
}

/// One generation, with what its files tell.
struct Detail<'a> {
    record: &'a GenerationRecord,
    role: &'static str,
    /// What there is to say where its key is barred.
    barred: Option<String>,
    /// `ECDSA P-256` …
    key: String,
    key_encrypted: bool,
    chain: Vec<CertificateSummary>,
    /// Typed name → what it is for; empty for a name that no plan asks for.
    names: Vec<(String, String)>,
    /// Planned, and not in the certificate.
    missing: Vec<(String, String)>,
    folder: PathBuf,
    paths: BTreeMap<&'static str, String>,
}

impl<'a> Detail<'a> {
    fn read(
        context: &Context,
        deployment: Option<&Deployment>,
        store: &Store,
        known: &Known<'_>,
        record: &'a GenerationRecord,
    ) -> Result<Self, Failure> {
        let files = store
            .generation_files(&known.name, record.number)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        let certificates: Vec<_> = container::read(&files.fullchain, None)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?
            .certificates
            .into_iter()
            .map(|(_, certificate)| certificate)
            .collect();
        let reasons = reasons(context, deployment, known);
        let names = record
            .leaf
            .sans
            .iter()
            .map(|name| (name.clone(), reasons.get(name).cloned().unwrap_or_default()))
            .collect();
        let missing = reasons
            .into_iter()
            .filter(|(name, _)| !record.leaf.sans.contains(name))
            .collect();
        let folder = store.generation_path(&known.name, record.number);
        let paths = ["cert", "chain", "fullchain", "privkey"]
            .into_iter()
            .map(|word| {
                (
                    word,
                    folder.join(format!("{word}.pem")).display().to_string(),
                )
            })
            .chain([("live", store.live_path(&known.name).display().to_string())])
            .collect();
        Ok(Self {
            record,
            role: role(known, record.number),
            barred: known.is_barred(record.number).then(|| {
                let on = served_on(&known.assignment, record.number);
                on.map_or("its key is barred: it is not assigned again".into(), |on| {
                    format!("its key is {}", still_served(&on))
                })
            }),
            key: certificates
                .first()
                .map(|leaf| leaf.facts().public_key.to_string())
                .unwrap_or_default(),
            key_encrypted: is_encrypted(&files.key),
            chain: certificates
                .iter()
                .skip(1)
                .map(CertificateSummary::of)
                .collect(),
            names,
            missing,
            folder,
            paths,
        })
    }

    fn to_json(&self, now: OffsetDateTime) -> Value {
        let record = self.record;
        let name = |(name, why): &(String, String)| json!({"name": name, "because": why});
        json!({
            "number": record.number,
            "role": self.role,
            "created": render::rfc3339(record.created),
            "source": record.source.word(),
            "sealed_as": record.sealed_as,
            "request": record.request,
            "issuer_profile": record.issuer_profile,
            "accepted": record
                .accepted
                .iter()
                .map(|accepted| json!({"code": accepted.code, "reason": accepted.reason}))
                .collect::<Vec<_>>(),
            "compromised": self.barred.is_some(),
            "key": self.key,
            "key_encrypted": self.key_encrypted,
            "key_exportable": record.exportable,
            "certificate": summary_json(&record.leaf, now),
            "chain": self.chain.iter().map(|one| summary_json(one, now)).collect::<Vec<_>>(),
            "names": self.names.iter().map(name).collect::<Vec<_>>(),
            "names_missing": self.missing.iter().map(name).collect::<Vec<_>>(),
            "paths": self.paths,
        })
    }
}

/// What each planned name is for; empty where no plan can be made, as `show` judges nothing.
fn reasons(
    context: &Context,
    deployment: Option<&Deployment>,
    known: &Known<'_>,
) -> BTreeMap<String, String> {
    let (Some(deployment), Some(planned)) = (deployment, known.planned) else {
        return BTreeMap::new();
    };
    let profile = expectation::issuer_of(deployment, planned)
        .and_then(|issuer| expectation::profile(deployment, issuer));
    let Ok(profile) = profile else {
        context.note(
            "note: the issuer's profile cannot be read, so what the names are for is not shown\n",
        );
        return BTreeMap::new();
    };
    let input = deployment.plan_input(planned, profile.forms, profile.name_limit);
    plan_names(&input).map_or_else(
        |_| BTreeMap::new(),
        |plan| {
            plan.names
                .iter()
                .map(|name| (name.name.to_typed(), name.because()))
                .collect()
        },
    )
}

/// Whether a PEM file holds an encrypted key, by its label (RFC 7468 §11).
fn is_encrypted(pem: &[u8]) -> bool {
    const LABEL: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    pem.windows(LABEL.len()).any(|window| window == LABEL)
}

fn role(known: &Known<'_>, number: u32) -> &'static str {
    let assignment = &known.assignment;
    if assignment.current == Some(number) {
        "current"
    } else if assignment
        .staged
        .as_ref()
        .is_some_and(|staged| staged.generation == number)
    {
        "staged"
    } else if assignment.previous == Some(number) {
        "previous"
    } else if assignment.current.is_none_or(|current| current < number) {
        "imported"
    } else {
        "old"
    }
}

fn brief_json(known: &Known<'_>, record: &GenerationRecord, now: OffsetDateTime) -> Value {
    json!({
        "number": record.number,
        "role": role(known, record.number),
        "created": render::rfc3339(record.created),
        "source": record.source.word(),
        "not_before": render::rfc3339(record.leaf.not_before),
        "not_after": render::rfc3339(record.leaf.not_after),
        "sha256": record.leaf.sha256,
        "staged": known
            .assignment
            .staged
            .as_ref()
            .filter(|staged| staged.generation == record.number)
            .map(|staged| staged_now_json(staged, now)),
        "gateways": gateways_json(
            &known
                .assignment
                .gateways
                .iter()
                .filter(|(_, proved)| proved.generation == record.number)
                .map(|(gateway, proved)| (gateway.clone(), proved.clone()))
                .collect()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_key_is_known_by_its_label() {
        assert!(is_encrypted(b"\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(!is_encrypted(b"-----BEGIN PRIVATE KEY-----\n"));
    }
}
