//! `dns plan` and `dns check`: the records that the deployment needs, and what is really there.

mod check;
mod plan;

use super::output::{Failure, Outcome};
use super::request::open_if_there;
use super::{Context, expectation};
use crate::check::records::{Given, KeyPin, PinnedKey, PlannedRecord, RecordPlan};
use crate::deployment::Deployment;
use crate::names::{Domain, Slug};
use crate::store::{RequestState, Store, StoreError};
use crate::x509::Fingerprint;
use clap::Subcommand;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The commands of the DNS.
#[derive(Debug, Subcommand)]
pub enum DnsCommand {
    /// The records that the deployment needs, each with its reason, as lines of a zone file
    #[command(after_help = "\
Examples:
  edgecert dns plan
  edgecert dns plan --zone contoso.com --address 192.0.2.10 > edge.zone
  edgecert dns plan --json

The lines name owner, TTL and class: put them into a zone with $INCLUDE edge.zone")]
    Plan(plan::PlanArgs),
    /// Compare the records that are needed with what a resolver answers
    #[command(after_help = "\
Examples:
  edgecert dns check
  edgecert dns check --resolver 192.0.2.53:53
  edgecert dns check --wait 1h        until all is as planned, or the hour is over")]
    Check(check::CheckArgs),
}

/// Runs one of them.
pub fn run(command: DnsCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        DnsCommand::Plan(args) => plan::run(args, context),
        DnsCommand::Check(args) => check::run(args, context),
    }
}

/// What `dns plan` shows, for a front.
pub fn planned_records(context: &mut Context) -> Result<Outcome, Failure> {
    plan::run(plan::PlanArgs::everything(), context)
}

/// The plan of the deployment, with the keys of the state.
fn planned(
    context: &Context,
    zone: Option<&Domain>,
    addresses: &[IpAddr],
) -> Result<RecordPlan, Failure> {
    let deployment = context.deployment()?;
    let mut given = Given {
        addresses: addresses.to_vec(),
        ..Given::default()
    };
    for certificate in &deployment.certificates {
        if let Some(issuer) = deployment.issuer_of(certificate) {
            let profile = expectation::profile(&deployment, issuer)?;
            let known = match issuer.caa.is_empty() {
                true => profile.caa,
                false => issuer.caa.clone(),
            };
            given.issuers.insert(certificate.name.clone(), known);
        }
    }
    if let Some(store) = open_if_there(context, Some(&deployment))? {
        given.pins = pins(&deployment, &store)
            .map_err(|error| Failure::from_error(super::exit::FailureKind::Failed, &error))?;
    }
    let plan = crate::check::records::plan(&deployment, &given);
    let Some(zone) = zone else {
        return Ok(plan);
    };
    let there = zones(&plan);
    let plan = plan.within(zone);
    let nothing = plan.records.is_empty() && plan.issuances.iter().all(|one| one.names.is_empty());
    if nothing {
        return Err(Failure::usage(
            format!("no record is needed in {zone}"),
            match there.is_empty() {
                true => "the deployment needs no records at all".to_owned(),
                false => format!("the records that are needed lie in {}", there.join(", ")),
            },
            "name one of these domains with --zone, or leave it out",
        ));
    }
    Ok(plan)
}

/// The domains in which the records lie, without those that lie below another.
fn zones(plan: &RecordPlan) -> Vec<String> {
    let owners: BTreeSet<&str> = plan
        .records
        .iter()
        .map(|record| {
            let mut owner = record.owner.as_str();
            while let Some((label, above)) = owner.split_once('.')
                && label.starts_with('_')
            {
                owner = above;
            }
            owner
        })
        .collect();
    let below = |owner: &str| {
        owners.iter().any(|other| {
            owner
                .strip_suffix(other)
                .is_some_and(|rest| rest.ends_with('.'))
        })
    };
    owners
        .iter()
        .filter(|owner| !below(owner))
        .map(|owner| (*owner).to_owned())
        .collect()
}

/// The key that is served, and those to come: of newer generations, of pending requests, of the key made ahead.
fn pins(deployment: &Deployment, store: &Store) -> Result<Vec<KeyPin>, StoreError> {
    let mut pins: Vec<KeyPin> = Vec::new();
    for certificate in &deployment.certificates {
        let name = &certificate.name;
        let live = store.live(name)?;
        let mut keys: Vec<(String, PinnedKey)> = Vec::new();
        for generation in store.generations(name)? {
            let key = match live {
                Some(live) if generation.number == live => PinnedKey::Current,
                Some(live) if generation.number < live => continue,
                Some(_) | None => PinnedKey::Next,
            };
            if !generation.compromised {
                keys.push((generation.leaf.spki_sha256, key));
            }
        }
        for request in store.requests(Some(name))? {
            if request.state == RequestState::Pending {
                keys.push((request.spki_sha256, PinnedKey::Next));
            }
        }
        keys.extend(
            store
                .next_key(name)?
                .map(|next| (next.spki_sha256, PinnedKey::Next)),
        );
        keys.sort_by_key(|(_, key)| *key == PinnedKey::Next);
        for (text, key) in keys {
            if let Some(spki_sha256) = Fingerprint::parse(&text)
                && !is_pinned(&pins, name, &spki_sha256)
            {
                pins.push(KeyPin {
                    certificate: name.clone(),
                    spki_sha256,
                    key,
                });
            }
        }
    }
    Ok(pins)
}

fn is_pinned(pins: &[KeyPin], name: &Slug, spki: &Fingerprint) -> bool {
    pins.iter()
        .any(|pin| pin.certificate == *name && pin.spki_sha256 == *spki)
}

fn record_json(record: &PlannedRecord) -> Value {
    json!({
        "owner": record.owner,
        "type": record.type_word(),
        "data": record.data_text(),
        "line": record.line(),
        "need": record.need.word(),
        "because": record.because,
        "without": record.without,
    })
}
