//! `gateway discover`: the servers of this machine, and the tables that they need; written and adopted on demand.

use super::adopt::{self, Adopted};
use super::found;
use super::scope::Scope;
use crate::assign::discover::tables::RUN_AS_ROOT;
use crate::assign::discover::{
    Candidate, Found, NoTable, Proposal, Standing, free_name, proposals, standing,
};
use crate::cli::deployment_file::DeploymentFile;
use crate::cli::exit::Exit;
use crate::cli::import;
use crate::cli::output::{Failure, Outcome};
use crate::cli::request::wanted;
use crate::cli::{Context, expectation, render};
use crate::deployment::edit::NewGateway;
use crate::deployment::{Deployment, Gateway};
use crate::explain::{diff, listed};
use crate::findings::Code;
use crate::names::plan::plan_names;
use crate::names::{Domain, Identifier, Slug};
use clap::Args;
use console::style;
use serde_json::json;

/// `gateway discover`.
#[derive(Debug, Args)]
pub struct DiscoverArgs {
    #[command(flatten)]
    scope: Scope,
    /// Add the tables that are new to edgecert.toml
    #[arg(long)]
    write: bool,
    /// With --write, show what would be added, and change nothing
    #[arg(long, requires = "write", conflicts_with = "adopt")]
    dry_run: bool,
    /// Take what is served now in as a generation, so that the first assign can go back to it
    #[arg(long)]
    adopt: bool,
    /// The certificate of the tables [default: the one whose names fit best]
    #[arg(long, value_name = "CERT", value_parser = crate::cli::options::slug)]
    certificate: Option<Slug>,
    /// With --adopt, let a finding of level error through knowingly (repeatable); needs --reason
    #[arg(long, value_name = "CODE", value_parser = import::accept::code, requires_all = ["reason", "adopt"])]
    accept: Vec<Code>,
    /// Why; journalled and kept with the generation. One for all, or one for each --accept in turn
    #[arg(long, value_name = "TEXT", requires = "accept")]
    reason: Vec<String>,
}

impl DiscoverArgs {
    /// Whether something is to be changed.
    pub fn acts(&self) -> bool {
        self.write || self.adopt
    }
}

/// A proposal, and how it stands to the deployment.
#[derive(Debug)]
pub struct Row {
    /// What is proposed.
    pub proposal: Proposal,
    /// How it stands.
    pub standing: Standing,
    /// The table, where it could be added.
    pub table: Option<NewGateway>,
}

/// What follows from what was found.
#[derive(Debug, Default)]
pub struct Tables {
    /// The proposals, in the order of the servers.
    pub rows: Vec<Row>,
    /// The files without one.
    pub left_out: Vec<NoTable>,
}

impl Tables {
    /// Holds every proposal against a deployment's gateways and those of the proposals before it.
    pub fn of(
        found: &[Found],
        gateways: &[Gateway],
        candidates: &[Candidate],
        named: Option<&Slug>,
    ) -> Self {
        let mut tables = Self::default();
        let mut gateways = gateways.to_vec();
        for one in found {
            let (proposed, left_out) = proposals(one);
            tables.left_out.extend(left_out);
            for proposal in proposed {
                let standing = standing(&proposal, &gateways, candidates, named);
                let mut table = None;
                if let Standing::New(certificate) = &standing {
                    let taken: Vec<Slug> = gateways.iter().map(|one| one.name.clone()).collect();
                    table = free_name(proposal.kind, &taken).map(|name| NewGateway {
                        kind: proposal.kind.word(),
                        name,
                        certificate: certificate.clone(),
                        settings: proposal.settings.clone(),
                    });
                }
                if let Some(table) = &table {
                    gateways.push(Gateway {
                        name: table.name.clone(),
                        certificates: vec![table.certificate.clone()],
                        prove: Vec::new(),
                        kind: proposal.kind.gateway(table.settings.clone()),
                    });
                }
                tables.rows.push(Row {
                    proposal,
                    standing,
                    table,
                });
            }
        }
        tables
    }

    /// The tables that are new.
    pub fn new_ones(&self) -> Vec<&NewGateway> {
        self.rows
            .iter()
            .filter_map(|row| row.table.as_ref())
            .collect()
    }
}

/// Runs `gateway discover`.
pub fn run(args: DiscoverArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let accept = import::accept::pairs(&args.accept, &args.reason)?;
    if args.acts() && context.config_path().is_none() {
        return Err(Failure::usage(
            "there is no deployment file to write to",
            "--write and --adopt need one",
            "begin one with what was found: `edgecert init --from-gateways`",
        ));
    }
    let mut file = match args.acts() {
        true => Some(context.deployment_file()?),
        false => match context.find_deployment()? {
            Some(_) => Some(context.deployment_file()?),
            None => None,
        },
    };
    if let (Some(file), Some(name)) = (&file, &args.certificate) {
        context.certificate(&file.deployment, Some(name))?;
    }
    let found = args.scope.look()?;
    let tables = match &file {
        Some(file) => Tables::of(
            &found,
            &file.deployment.gateways,
            &candidates(&file.deployment)?,
            args.certificate.as_ref(),
        ),
        None => Tables::of(&found, &[], &any(&found, args.certificate.clone())?, None),
    };
    let findings = found::other_writers(&found);
    let mut text = found::describe(context, &found, &tables, file.is_some());
    text.push_str(&args.scope.missed(&found));
    let unread = found.iter().any(|one| !one.unread.is_empty());
    let mut lines = Vec::new();
    let mut changed = false;
    if args.write {
        insist_on_a_choice(&tables)?;
        if let Some(read) = &file {
            let new = tables.new_ones();
            let mut draft = read.draft()?;
            for table in &new {
                draft.add_gateway(table);
            }
            let after = DeploymentFile::finish(draft)?;
            lines = diff(&read.text, &after)
                .iter()
                .map(|line| line.words())
                .collect();
            let shown = read.path.display();
            if args.dry_run && read.text != after {
                text.push_str(&format!(
                    "{}would write {} into {shown}: a dry run, nothing is changed\n",
                    render::difference(&read.text, &after),
                    render::count(new.len(), "table"),
                ));
            } else if !args.dry_run && read.replace(&after)? {
                changed = true;
                text.push_str(&format!(
                    "{}{}  wrote {} into {shown}\n",
                    render::difference(&read.text, &after),
                    style("ok").green().bold(),
                    render::count(new.len(), "table"),
                ));
            } else if unread {
                text.push_str(&format!(
                    "{shown} is as it was: what is served {RUN_AS_ROOT}\n"
                ));
            } else {
                text.push_str(&format!(
                    "{shown} has every table that fits: nothing to do\n"
                ));
            }
            file = Some(context.deployment_file()?);
        }
    }
    let mut adopted: Vec<Adopted> = Vec::new();
    if args.adopt
        && let Some(file) = &file
    {
        let deployment = &file.deployment;
        let wanted = candidates(deployment)?;
        adopted = adopt::all(
            context,
            deployment,
            &found,
            &wanted,
            args.certificate.as_ref(),
            &accept,
        )
        .map_err(|mut failure| {
            failure.changed |= changed;
            failure
        })?;
        changed |= adopted.iter().any(|one| one.changed);
        text.push_str(&adopt::describe(&adopted));
    }
    let result = found::to_json(context, &found, &tables, &lines, &adopted);
    let mut outcome = Outcome {
        changed,
        ..Outcome::show(text, result)
    }
    .with_findings(
        findings
            .into_iter()
            .chain(adopted.into_iter().flat_map(|one| one.findings)),
    );
    // What was done stays done; what could not be looked at is not known.
    outcome.exit = unread.then_some(Exit::Failed);
    outcome.next = next(&tables, &args, file.is_some());
    Ok(outcome)
}

fn next(tables: &Tables, args: &DiscoverArgs, has_deployment: bool) -> Option<String> {
    let new = !tables.new_ones().is_empty();
    let served = || tables.rows.iter().any(|row| row.word() == "there");
    let command = match (has_deployment, args.write, args.adopt) {
        (false, _, _) if new => "edgecert init --from-gateways",
        (true, false, false) if new => "edgecert gateway discover --write --adopt",
        (true, true, false) if new || served() => "edgecert gateway discover --adopt",
        (true, _, true) => return Some("edgecert list".to_owned()),
        (_, _, _) => return None,
    };
    let mut words = vec![args.scope.after(command)];
    if has_deployment {
        words.extend(
            args.certificate
                .iter()
                .map(|one| format!("--certificate {one}")),
        );
    }
    Some(words.join(" "))
}

/// The certificates of a deployment, with the DNS names of their plans.
fn candidates(deployment: &Deployment) -> Result<Vec<Candidate>, Failure> {
    let mut all = Vec::new();
    for certificate in &deployment.certificates {
        let issuer = expectation::issuer_of(deployment, certificate)?;
        let profile = expectation::profile(deployment, issuer)?;
        let input = deployment.plan_input(certificate, profile.forms.clone(), profile.name_limit);
        let plan = plan_names(&input).map_err(|error| expectation::plan_failure(&error))?;
        let wanted = plan.names.iter().filter_map(|planned| match &planned.name {
            Identifier::Dns(name) => Some(name.domain().clone()),
            Identifier::Srv(_)
            | Identifier::Xmpp(_)
            | Identifier::Sip(_)
            | Identifier::Ip(_)
            | Identifier::Email(_) => None,
        });
        all.push(Candidate {
            name: certificate.name.clone(),
            wanted: wanted.collect(),
        });
    }
    Ok(all)
}

/// Without a deployment, one certificate for all that was found.
fn any(found: &[Found], named: Option<Slug>) -> Result<Vec<Candidate>, Failure> {
    let name = named.map_or_else(wanted::default_certificate, Ok)?;
    Ok(vec![everything(found, name)])
}

/// A certificate for every name that is served now.
pub fn everything(found: &[Found], name: Slug) -> Candidate {
    let names = found
        .iter()
        .filter(|one| one.others.why().is_none())
        .flat_map(|one| &one.in_use)
        .flat_map(|pair| pair.dns_names());
    let wanted = names.filter_map(|name| {
        // A wildcard covers any label.
        Domain::parse(name.strip_prefix("*.").map_or(&*name, |rest| rest))
            .ok()
            .map(|domain| match name.starts_with("*.") {
                true => domain.child("any").unwrap_or(domain),
                false => domain,
            })
    });
    Candidate {
        wanted: wanted.collect(),
        name,
    }
}

fn insist_on_a_choice(tables: &Tables) -> Result<(), Failure> {
    let open = tables.rows.iter().find_map(|row| match &row.standing {
        Standing::Undecided(names) => Some((row, names)),
        Standing::New(_)
        | Standing::There(_)
        | Standing::Taken(..)
        | Standing::NotOurs
        | Standing::Unread => None,
    });
    match open {
        None => Ok(()),
        Some((row, names)) => Err(Failure::usage(
            format!(
                "which certificate the {} is to serve is not clear",
                row.proposal.kind.word()
            ),
            format!("{} fit what it serves now equally well", listed(names, 8)),
            "name one: `edgecert gateway discover --write --certificate CERT`",
        )),
    }
}

impl Row {
    /// Its standing for a script.
    pub fn word(&self) -> &'static str {
        match self.standing {
            Standing::New(_) => "new",
            Standing::There(_) => "there",
            Standing::Taken(..) => "taken",
            Standing::NotOurs => "not-ours",
            Standing::Unread => "unread",
            Standing::Undecided(_) => "undecided",
        }
    }

    /// The same in words.
    pub fn words(&self) -> String {
        match &self.standing {
            Standing::New(certificate) => match &self.table {
                Some(table) => format!(
                    "new: [gateway.{}.{}] for {certificate}",
                    table.kind, table.name
                ),
                None => "new, and there is no free name for it".to_owned(),
            },
            Standing::There(name) => format!("gateway \"{name}\" of the deployment"),
            Standing::Taken(name, path) => format!(
                "none: gateway \"{name}\" writes {} already, and two cannot; give each server files of its own",
                path.display()
            ),
            Standing::NotOurs => {
                "none: what is served shares no name with a certificate of the deployment"
                    .to_owned()
            }
            Standing::Unread => format!("what is served {RUN_AS_ROOT}"),
            Standing::Undecided(names) => format!(
                "new, and {} fit equally well: name one with --certificate",
                listed(names, 8)
            ),
        }
    }

    /// For a script.
    pub fn to_json(&self) -> serde_json::Value {
        let gateway = match &self.standing {
            Standing::There(name) | Standing::Taken(name, _) => Some(name.to_string()),
            Standing::New(_) | Standing::NotOurs | Standing::Unread | Standing::Undecided(_) => {
                self.table.as_ref().map(|table| table.name.to_string())
            }
        };
        json!({
            "kind": self.proposal.kind.word(),
            "standing": self.word(),
            "gateway": gateway,
            "certificate": self.table.as_ref().map(|table| table.certificate.to_string()),
            "names": self.proposal.names,
            "toml": self.table.as_ref().map(NewGateway::to_toml),
        })
    }
}
