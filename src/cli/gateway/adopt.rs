//! `gateway discover --adopt`: what the servers serve now becomes a generation, and the current one.
//!
//! The pair is read from the files that the servers name and goes through `import --adopt`; what each gateway shows by
//! a handshake, and what lies in its files, is kept as if it had been assigned. Nothing is written to a server.

use crate::assign::discover::tables::pairs_of;
use crate::assign::discover::{Candidate, Found, ServerKind};
use crate::assign::prove::{Seen, look};
use crate::assign::targets::{Run, WriteConfig};
use crate::assign::{Asked, AssignPlan, GatewayPlan, plan_assignment};
use crate::cli::exit::FailureKind;
use crate::cli::import::take::{Fate, Fetch, Intake, KeyGiven, take_in};
use crate::cli::import::{self};
use crate::cli::output::Failure;
use crate::cli::request::{open_if_there, store_failure};
use crate::cli::{Context, render};
use crate::deployment::{Deployment, Gateway};
use crate::explain::{Explanation, listed};
use crate::findings::{Code, Finding};
use crate::import::{ReplyFile, sort_reply};
use crate::names::Slug;
use crate::names::matching::dns_name_covers;
use crate::store::{AssignmentRecord, Proved, Store};
use crate::verify::Override;
use crate::x509::{Chain, Fingerprint};
use console::style;
use serde_json::{Value, json};
use std::path::PathBuf;
use time::OffsetDateTime;

/// What other writers that wait are told.
const COMMAND: &str = "edgecert gateway discover";

/// One certificate after its adoption.
#[derive(Debug)]
pub struct Adopted {
    /// The lineage.
    pub certificate: Slug,
    /// The generation that is served.
    pub generation: u32,
    /// Its leaf.
    pub leaf: Fingerprint,
    /// The gateways on which every listener that is known shows it.
    pub proved: Vec<Slug>,
    /// The others that serve the certificate, and why not.
    pub not_proved: Vec<(Slug, String)>,
    /// Whether anything is new.
    pub changed: bool,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

impl Adopted {
    /// For a script.
    pub fn to_json(&self) -> Value {
        json!({
            "certificate": self.certificate.as_str(),
            "generation": self.generation,
            "sha256": self.leaf.to_string(),
            "gateways": self.proved.iter().map(Slug::as_str).collect::<Vec<_>>(),
            "not_proved": self.not_proved.iter().map(|(gateway, why)| json!({
                "gateway": gateway.as_str(),
                "why": why,
            })).collect::<Vec<_>>(),
            "changed": self.changed,
        })
    }
}

/// What was adopted, in words.
pub fn describe(adopted: &[Adopted]) -> String {
    let mut text = String::new();
    for one in adopted {
        let name = format!("{}/{}", one.certificate, one.generation);
        let on = match one.proved.is_empty() {
            true => "no gateway proves it".to_owned(),
            false => format!("proved on {}", listed(&one.proved, 8)),
        };
        text.push_str(&match one.changed {
            true => format!(
                "{}  adopted: {name} is what is served now ({}), {on}\n",
                style("ok").green().bold(),
                one.leaf.short()
            ),
            false => format!("{name} is what is served now, and is known as such: nothing to do\n"),
        });
        for (gateway, why) in &one.not_proved {
            text.push_str(&render::hanging(
                "    ",
                &format!("not on {gateway}: {why}"),
            ));
        }
    }
    text
}

/// A pair that gateways serve.
struct Pair {
    leaf: Fingerprint,
    not_before: OffsetDateTime,
    files: [PathBuf; 2],
    gateways: Vec<Slug>,
}

/// Adopts for every certificate, or for one, what its gateways serve.
///
/// Errors: nothing to adopt, a pair that import refuses, another generation that is assigned already.
pub fn all(
    context: &Context,
    deployment: &Deployment,
    found: &[Found],
    candidates: &[Candidate],
    only: Option<&Slug>,
    accept: &[Override],
) -> Result<Vec<Adopted>, Failure> {
    let mut adopted: Vec<Adopted> = Vec::new();
    for candidate in candidates
        .iter()
        .filter(|one| only.is_none_or(|only| *only == one.name))
    {
        let pairs = pairs(deployment, found, candidate);
        if pairs.is_empty() {
            continue;
        }
        match adopt(context, deployment, candidate, &pairs, accept) {
            Ok(one) => adopted.push(one),
            Err(mut failure) => {
                failure.changed |= adopted.iter().any(|one| one.changed);
                return Err(failure);
            }
        }
    }
    match adopted.is_empty() {
        false => Ok(adopted),
        true => Err(refused(
            "adopt.nothing",
            "there is nothing to adopt".to_owned(),
            "no server that was found has a table in the deployment and serves a certificate with one of its names"
                .to_owned(),
            "`edgecert gateway discover --write --adopt` adds the tables that fit first".to_owned(),
        )),
    }
}

/// The pairs that the gateways of a certificate serve; the one that most of them serve first, of equals the newest.
fn pairs(deployment: &Deployment, found: &[Found], candidate: &Candidate) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let ours = |gateway: &&Gateway| {
        gateway.certificates.contains(&candidate.name) && ServerKind::of(gateway).is_some()
    };
    for gateway in deployment.gateways.iter().filter(ours) {
        for one in found {
            let files = one.files();
            for pair in pairs_of(gateway, one)
                .into_iter()
                .filter_map(|at| one.in_use.get(at))
            {
                let Ok(leaf) = &pair.leaf else { continue };
                let names = pair.dns_names();
                let shares = candidate
                    .wanted
                    .iter()
                    .any(|domain| names.iter().any(|name| dns_name_covers(name, domain)));
                if !shares {
                    continue;
                }
                let sha256 = leaf.facts().sha256;
                match pairs.iter_mut().find(|pair| pair.leaf == sha256) {
                    Some(known) if known.gateways.contains(&gateway.name) => {}
                    Some(known) => known.gateways.push(gateway.name.clone()),
                    None => pairs.push(Pair {
                        leaf: sha256,
                        not_before: leaf.facts().not_before,
                        files: [files.here(&pair.certificate), files.here(&pair.key)],
                        gateways: vec![gateway.name.clone()],
                    }),
                }
            }
        }
    }
    pairs.sort_by_key(|pair| std::cmp::Reverse((pair.gateways.len(), pair.not_before)));
    pairs
}

fn adopt(
    context: &Context,
    deployment: &Deployment,
    candidate: &Candidate,
    pairs: &[Pair],
    accept: &[Override],
) -> Result<Adopted, Failure> {
    let name = &candidate.name;
    let Some((pair, others)) = pairs.split_first() else {
        return Err(refused(
            "adopt.nothing",
            format!("there is nothing to adopt for {name}"),
            "no gateway of it serves a certificate".to_owned(),
            "`edgecert gateway discover`".to_owned(),
        ));
    };
    let files = read(pair)?;
    let reply = sort_reply(&files, None, &[], &[])
        .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
    let store = open_if_there(context, Some(deployment))?;
    let before = match &store {
        Some(store) => store
            .assignment(name)
            .map_err(|error| store_failure(&error))?,
        None => AssignmentRecord::default(),
    };
    if let Some(store) = &store {
        insist_on_none_other(store, name, &before, pair)?;
    }
    // Before anything is kept: what could not be assigned to later is told now.
    let plan = plan(context, deployment, name, pair, &reply.chain, &before)?;
    let taken = take_in(
        context,
        Some(deployment),
        &Intake {
            files: &files,
            certificate: Some(name),
            key: KeyGiven::Beside,
            roots: &[],
            passphrase: None,
            fetch: Fetch::Nothing,
            accept,
            dry_run: false,
            command: COMMAND,
        },
    )?;
    let mut adopted = Adopted {
        certificate: name.clone(),
        generation: taken.number,
        leaf: pair.leaf,
        proved: Vec::new(),
        not_proved: Vec::new(),
        changed: taken.fate == Fate::New,
        findings: taken.report.findings().to_vec(),
    };
    for other in others {
        let why = format!("it serves another leaf ({})", other.leaf.short());
        let gateways = other
            .gateways
            .iter()
            .filter(|one| !pair.gateways.contains(one));
        adopted
            .not_proved
            .extend(gateways.map(|one| (one.clone(), why.clone())));
    }
    note(context, deployment, &plan, &mut adopted).map_err(|mut failure| {
        failure.changed |= adopted.changed;
        failure
    })?;
    Ok(adopted)
}

/// Certificate and key, each file once.
fn read(pair: &Pair) -> Result<Vec<ReplyFile>, Failure> {
    let [certificate, key] = &pair.files;
    let mut files = vec![import::read(certificate)?];
    if key != certificate {
        files.push(import::read(key)?);
    }
    Ok(files)
}

/// A generation that is assigned already and is another one stays what it is.
fn insist_on_none_other(
    store: &Store,
    name: &Slug,
    before: &AssignmentRecord,
    pair: &Pair,
) -> Result<(), Failure> {
    if store.is_assignment_unfinished(name) {
        return Err(refused(
            "adopt.unfinished",
            format!("an assignment of {name} was begun and not ended"),
            "what is served now may be half of it".to_owned(),
            format!("`edgecert assign {name}` finishes it"),
        ));
    }
    let live = store.live(name).map_err(|error| store_failure(&error))?;
    let Some(current) = before.current.or(live) else {
        return Ok(());
    };
    let record = store
        .generation(name, current)
        .map_err(|error| store_failure(&error))?;
    if record.leaf.sha256 == pair.leaf.to_string() {
        return Ok(());
    }
    Err(refused(
        "adopt.assigned",
        format!("{name}/{current} is assigned already, and the servers serve another leaf"),
        format!(
            "{} serve {}, and {name}/{current} is {}",
            listed(&pair.gateways, 8),
            pair.leaf.short(),
            record.leaf.sha256.get(..15).unwrap_or(&record.leaf.sha256)
        ),
        format!(
            "`edgecert assign {name}` makes the generation live again; `edgecert import CERTIFICATE KEY --adopt --cert {name}` keeps what is served as a further one"
        ),
    ))
}

fn plan(
    context: &Context,
    deployment: &Deployment,
    name: &Slug,
    pair: &Pair,
    chain: &Chain,
    record: &AssignmentRecord,
) -> Result<AssignPlan, Failure> {
    let folder = context.state_directory(Some(deployment));
    plan_assignment(Asked {
        deployment,
        certificate: name,
        only: &pair.gateways,
        from: record.current,
        to: record.current.unwrap_or(1),
        chain,
        record,
        live: folder.join("live").join(name.as_str()),
        config: WriteConfig::Show,
        run: Run::First,
        now: context.now,
    })
    .map_err(|error| Failure::from_error(FailureKind::Refused, &error))
}

/// Notes the generation as the current one, with what each gateway shows and what lies in its files.
fn note(
    context: &Context,
    deployment: &Deployment,
    plan: &AssignPlan,
    adopted: &mut Adopted,
) -> Result<(), Failure> {
    let name = adopted.certificate.clone();
    let failed = |error| store_failure(&error);
    let store = Store::open(&context.state_directory(Some(deployment))).map_err(failed)?;
    let mut lease = context.lease(&store, Some(deployment), COMMAND)?;
    let before = store.assignment(&name).map_err(failed)?;
    let mut record = before.clone();
    for gateway in &plan.gateways {
        match shows(gateway, adopted.leaf) {
            Ok(()) => {
                adopted.proved.push(gateway.gateway.clone());
                let seen = !gateway.proofs.is_empty();
                let proved = Proved {
                    generation: adopted.generation,
                    proved: seen.then_some(context.now),
                    placed: (!seen).then_some(context.now),
                    sha256: adopted.leaf.to_string(),
                    written: gateway.lying(),
                };
                let known = record.gateways.get(gateway.gateway.as_str());
                let same = known.is_some_and(|known| {
                    (known.generation, &known.sha256, &known.written)
                        == (proved.generation, &proved.sha256, &proved.written)
                });
                if !same {
                    record.gateways.insert(gateway.gateway.to_string(), proved);
                }
            }
            Err(why) => {
                adopted.findings.push(Finding::new(
                    Code::GatewayNotProved,
                    format!("gateway \"{}\"", gateway.gateway),
                    "a gateway whose files hold the adopted certificate does not show it",
                    why.clone(),
                    "start or reload the server, then `edgecert gateway discover --adopt` again",
                ));
                adopted.not_proved.push((gateway.gateway.clone(), why));
            }
        }
    }
    if record.current.is_none() {
        record.current = Some(adopted.generation);
        record.since = Some(context.now);
    }
    let live = store.live(&name).map_err(failed)?;
    if record == before && live == Some(adopted.generation) {
        return Ok(());
    }
    // A kill between the two is told by `doctor`, and the same command again finishes it.
    lease.put_assignment(&name, &record).map_err(failed)?;
    adopted.changed = true;
    lease
        .switch_live(&name, Some(adopted.generation))
        .map_err(failed)?;
    let mut detail = serde_json::Map::new();
    detail.insert("generation".into(), adopted.generation.into());
    detail.insert("sha256".into(), adopted.leaf.to_string().into());
    let gateways = adopted.proved.iter().map(ToString::to_string);
    detail.insert("gateways".into(), gateways.collect::<Vec<_>>().into());
    lease
        .journal("adopt", Some(&name), detail)
        .map_err(failed)?;
    Ok(())
}

/// Whether every listener of a gateway shows a leaf; where none is known, its files count.
fn shows(gateway: &GatewayPlan, leaf: Fingerprint) -> Result<(), String> {
    for proof in &gateway.proofs {
        match look(proof) {
            Seen::Leaf(seen, _) if seen == leaf => {}
            Seen::Leaf(seen, _) => return Err(format!("{proof} shows {}", seen.short())),
            Seen::Dark(why) => return Err(format!("{proof} shows none: {why}")),
        }
    }
    Ok(())
}

fn refused(code: &'static str, what: String, why: String, mend: String) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code,
            what,
            place: String::new(),
            why,
            mend,
        },
    )
}
