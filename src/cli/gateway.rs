//! `gateway run`, `gateway status` and `gateway discover`.

mod adopt;
pub mod discover;
mod found;
pub mod scope;

use super::exit::FailureKind;
use super::output::{self, Failure, Outcome};
use super::render::{self, Table};
use super::{Context, Exit, expectation};
use crate::assign::GatewayStanding;
use crate::assign::targets::embedded::EmbeddedTarget;
use crate::deployment::{Deployment, Embedded, Gateway};
use crate::explain::nearest;
use crate::gateway::{self as edge, Event, Level, Observer, Settings, Tuning};
use crate::names::Slug;
use crate::verify::TrustSet;
use crate::wire::control::{Status, StreamCounts};
use clap::{Args, Subcommand};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use time::OffsetDateTime;

/// The gateway's commands.
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Run an embedded gateway until it is told to stop
    #[command(after_help = "\
Examples:
  edgecert gateway run                   the only embedded gateway of the deployment
  edgecert gateway run front --config /etc/edgecert/edgecert.toml")]
    Run(RunArgs),
    /// What a running gateway serves, where, and since when
    #[command(after_help = "\
Examples:
  edgecert gateway status
  edgecert gateway status front --json")]
    Status(StatusArgs),
    /// The servers of this machine, what they serve, and the tables that they need
    #[command(after_help = "\
Examples:
  edgecert gateway discover                     what runs here, and the [gateway.KIND.NAME] that fit
  edgecert gateway discover --write --adopt     add the tables; keep what is served now to go back to
  edgecert gateway discover --only nginx --certificate internal-edge
  edgecert gateway discover --root /srv/chat    the servers of a chroot or a container")]
    Discover(discover::DiscoverArgs),
}

/// `gateway run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The gateway [default: the only embedded one]
    #[arg(value_name = "NAME", value_parser = super::options::slug)]
    name: Option<Slug>,
}

/// `gateway status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The gateway [default: every embedded one]
    #[arg(value_name = "NAME", value_parser = super::options::slug)]
    name: Option<Slug>,
}

/// Runs one of them.
pub fn run(command: GatewayCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        GatewayCommand::Run(args) => serve(args, context),
        GatewayCommand::Status(args) => status(args, context),
        GatewayCommand::Discover(args) => discover::run(args, context),
    }
}

/// The embedded gateways of a deployment, or the one that was named.
fn embedded<'a>(
    deployment: &'a Deployment,
    name: Option<&Slug>,
) -> Result<Vec<(&'a Gateway, &'a Embedded)>, Failure> {
    let all: Vec<(&Gateway, &Embedded)> = deployment
        .gateways
        .iter()
        .filter_map(|gateway| Some((gateway, gateway.kind.embedded()?)))
        .collect();
    let known: Vec<String> = all
        .iter()
        .map(|(gateway, _)| gateway.name.to_string())
        .collect();
    let Some(name) = name else {
        return if all.is_empty() {
            Err(Failure::usage(
                "the deployment has no embedded gateway",
                "there is no [gateway.embedded.NAME] table",
                "add [gateway.embedded.front]; `edgecert init` writes an example as a comment",
            ))
        } else {
            Ok(all)
        };
    };
    let named: Vec<_> = all
        .into_iter()
        .filter(|(gateway, _)| gateway.name == *name)
        .collect();
    if named.is_empty() {
        return Err(no_such_gateway(deployment, name, &known));
    }
    Ok(named)
}

fn no_such_gateway(deployment: &Deployment, name: &Slug, known: &[String]) -> Failure {
    let what = format!("there is no embedded gateway named \"{name}\"");
    let other = deployment
        .gateways
        .iter()
        .find(|gateway| gateway.name == *name);
    if let Some(other) = other {
        let word = other.kind.word();
        return Failure::usage(
            what,
            format!(
                "{} is of the kind {word}, which runs by itself",
                other.table()
            ),
            "`gateway` commands are for [gateway.embedded.NAME]",
        );
    }
    if known.is_empty() {
        return Failure::usage(
            what,
            "the deployment has no embedded gateway",
            format!(
                "add [gateway.embedded.{name}]; `edgecert init` writes an example as a comment"
            ),
        );
    }
    let near = nearest(name.as_str(), known.iter().map(String::as_str));
    Failure::usage(
        what,
        format!("the deployment has {}", known.join(", ")),
        match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("name one of these, or add [gateway.embedded.{name}]"),
        },
    )
}

fn serve(args: RunArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let found = embedded(&deployment, args.name.as_ref())?;
    let [(gateway, table)] = found.as_slice() else {
        return Err(Failure::usage(
            "which gateway is meant is not clear",
            format!("the deployment has {} embedded ones", found.len()),
            "name one: `edgecert gateway run NAME`",
        ));
    };
    let settings = settings(context, &deployment, gateway, table)?;
    let observer = Arc::new(Log {
        json: context.json(),
        verbose: context.verbose(),
        quiet: context.quiet(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                FailureKind::Failed,
                crate::explain::Explanation {
                    code: "gateway.runtime",
                    what: "the gateway's threads cannot be started".into(),
                    place: String::new(),
                    why: crate::explain::os_words(&error),
                    mend: "look at the limits of this user (`ulimit -a`)".into(),
                },
            )
        })?;
    runtime
        .block_on(edge::run(
            settings,
            observer,
            OffsetDateTime::now_utc,
            told_to_stop(),
        ))
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    Ok(Outcome::default())
}

/// SIGTERM, or Ctrl-C.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn settings(
    context: &Context,
    deployment: &Deployment,
    gateway: &Gateway,
    table: &Embedded,
) -> Result<Settings, Failure> {
    let anchors = |trust: TrustSet| -> Vec<Vec<u8>> {
        trust
            .anchors()
            .iter()
            .map(|anchor| anchor.der().to_vec())
            .collect()
    };
    let mut partner_anchors = BTreeMap::new();
    for partner in &deployment.partners {
        if let Some(own) = expectation::own_roots_of(context, deployment, partner) {
            partner_anchors.insert(partner.domain.clone(), anchors(own?));
        }
    }
    let named_in = gateway.table();
    let trust = context.trust_named_in(&table.roots, &deployment.base, Some(&named_in))?;
    Ok(Settings {
        name: gateway.name.clone(),
        embedded: table.clone(),
        partners: deployment.partners.clone(),
        certificates: gateway.certificates.clone(),
        anchors: anchors(trust),
        partner_anchors,
        tuning: Tuning::default(),
    })
}

/// Events as log lines on standard error, or as one JSON object a line on standard output.
struct Log {
    json: bool,
    verbose: bool,
    quiet: bool,
}

impl Observer for Log {
    fn event(&self, event: Event) {
        let level = event.level();
        let wanted = match level {
            Level::Info => !self.quiet,
            Level::Warning | Level::Error => self.verbose || !is_chatter(&event),
        };
        if !wanted {
            return;
        }
        let now = OffsetDateTime::now_utc();
        if self.json {
            let line = json!({
                "time": render::rfc3339(now),
                "level": word(level),
                "event": event.name(),
                "what": event.to_string(),
            });
            render::write_out(&format!("{line}\n"));
        } else {
            render::write_err(&format!(
                "{} {:<7} {event}\n",
                render::moment(now),
                word(level)
            ));
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// What a scanner on the open network can cause a thousand times a minute: told with --verbose alone.
fn is_chatter(event: &Event) -> bool {
    matches!(event, Event::HandshakeFailed { .. })
}

fn status(args: StatusArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let mut text = String::new();
    let mut results = Vec::new();
    let mut worst = Standing::Ok;
    let mut unseen = None;
    for (gateway, table) in embedded(&deployment, args.name.as_ref())? {
        let answer = EmbeddedTarget::new(gateway.name.clone(), table.clone()).status();
        match answer {
            Ok(status) => {
                text.push_str(&describe(&status, context.now));
                if status.certificates.is_empty() {
                    worst = worst.max(Standing::Warning);
                }
                results.push(
                    json!({"gateway": gateway.name.as_str(), "running": true, "status": status}),
                );
            }
            Err(error) => {
                let explanation = crate::explain::Explain::explain(&error);
                let (standing, running, word) = match error.standing() {
                    GatewayStanding::Down => (Standing::Critical, Some(false), "not running"),
                    GatewayStanding::Unwell => (Standing::Critical, None, "no answer"),
                    GatewayStanding::Unseen => (Standing::Unknown, None, "unknown"),
                };
                worst = worst.max(standing);
                text.push_str(&format!("{} · {word}\n", gateway.name));
                results.push(json!({
                    "gateway": gateway.name.as_str(),
                    "running": running,
                    "why": explanation.why,
                    "error": output::error_json(&explanation),
                }));
                if !context.json() {
                    context.error(&render::explanation(&explanation));
                }
                unseen = Some(explanation);
            }
        }
    }
    let result = json!({ "gateways": results });
    match (worst, unseen) {
        // Of a gateway nothing is known: the work was not done.
        (Standing::Unknown, Some(explanation)) if context.json() => Err(Failure {
            result,
            ..Failure::new(FailureKind::Failed, explanation)
        }),
        (worst, _) => Ok(Outcome::show(text, result).with_exit(worst.exit())),
    }
}

/// What the gateways come to: CRITICAL counts before WARNING, and WARNING before UNKNOWN, as in `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Ok,
    Unknown,
    Warning,
    Critical,
}

impl Standing {
    fn exit(self) -> Exit {
        match self {
            Standing::Ok => Exit::Done,
            Standing::Unknown => Exit::Failed,
            Standing::Warning => Exit::Warning,
            Standing::Critical => Exit::Critical,
        }
    }
}

fn describe(status: &Status, now: OffsetDateTime) -> String {
    let mut text = format!(
        "{} · pid {} · since {} · {} of {} connections\n\n",
        status.gateway,
        status.pid,
        render::moment(status.started),
        status.connections,
        status.capacity.unwrap_or(status.connection_limit),
    );
    let mut served = Table::new(["certificate", "serves", "ends", "since"]);
    for certificate in &status.certificates {
        served.row([
            format!("{}/{}", certificate.certificate, certificate.generation),
            certificate.sha256.chars().take(15).collect::<String>() + "…",
            render::age(certificate.not_after, now),
            render::moment(certificate.since),
        ]);
    }
    if status.certificates.is_empty() {
        text.push_str("  serves nothing yet: every handshake is refused until `edgecert assign`\n");
    } else {
        text.push_str(&served.render());
    }
    text.push('\n');
    let mut listeners = Table::new([
        "listener",
        "address",
        "backend",
        "accepted",
        "handshakes",
        "failed",
    ]);
    for listener in &status.listeners {
        listeners.row([
            listener.protocol.clone(),
            listener.listen.clone(),
            listener.backend.clone(),
            listener.accepted.to_string(),
            listener.handshakes.to_string(),
            listener.failed.to_string(),
        ]);
    }
    text.push_str(&listeners.render());
    text.push_str(&streams(status));
    if let Some(prepared) = &status.prepared {
        text.push_str(&format!(
            "\n  transaction {prepared} is prepared and not committed\n"
        ));
    }
    text
}

/// What became of the streams of those partners that had any, and of everybody else's.
fn streams(status: &Status) -> String {
    let none = StreamCounts::default();
    let partners = status.partners.iter().map(|partner| {
        let limit = partner.connection_limit;
        (partner.domain.as_str(), limit, &partner.counts)
    });
    let mut table = Table::new(["partner", "open", "proved", "in TLS", "in clear", "refused"]);
    let mut any = false;
    for (name, limit, counts) in partners.chain([("(others)", None, &status.others)]) {
        if *counts == none {
            continue;
        }
        any = true;
        let refused: Vec<String> = counts
            .refused
            .iter()
            .map(|(condition, count)| format!("{count} {condition}"))
            .collect();
        table.row([
            name.to_owned(),
            match limit {
                Some(limit) => format!("{} of {limit}", counts.open),
                None => counts.open.to_string(),
            },
            counts.proved.to_string(),
            counts.in_tls.to_string(),
            counts.in_clear.to_string(),
            refused.join(", "),
        ]);
    }
    if any {
        format!("\n{}", table.render())
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::control::ServedPartner;
    use time::macros::datetime;

    #[test]
    fn partners_with_streams_are_told_and_the_others_beside_them() {
        let started = datetime!(2026-03-02 10:00 UTC);
        let mut status = Status {
            gateway: "front".into(),
            pid: 7,
            started,
            connections: 2,
            connection_limit: 1_000,
            certificates: Vec::new(),
            listeners: Vec::new(),
            capacity: Some(480),
            partners: Vec::new(),
            others: StreamCounts::default(),
            prepared: None,
        };
        let told = describe(&status, started);
        assert!(told.contains("2 of 480 connections"), "{told}");
        assert!(!told.contains("partner"), "{told}");
        let counts = StreamCounts {
            open: 1,
            proved: 3,
            refused: BTreeMap::from([("not-authorized".to_owned(), 2)]),
            ..StreamCounts::default()
        };
        for (domain, counts) in [
            ("busy.example", counts),
            ("silent.example", StreamCounts::default()),
        ] {
            status.partners.push(ServedPartner {
                domain: domain.into(),
                connection_limit: Some(4),
                counts,
            });
        }
        status.others.refused.insert("policy-violation".into(), 9);
        let told = describe(&status, started);
        let row = |name: &str| {
            let line = told.lines().find(|line| line.contains(name));
            line.unwrap_or_default()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(row("busy"), "busy.example 1 of 4 3 0 0 2 not-authorized");
        assert_eq!(row("(others)"), "(others) 0 0 0 0 9 policy-violation");
        assert!(!told.contains("silent"), "{told}");
    }
}
