//! `check`: targets from words, lists and the deployment; one run over all of them; one report in the form that is wanted.

mod carry;
mod deployed;
pub(super) mod domains;
mod explained;
mod files;
mod fits;
mod formats;
mod given;
mod holds;
mod late;
mod left_behind;
mod progress;
mod rows;
mod serve;
mod table;
mod targets;
mod watch;
mod written;

pub use formats::{Format, shape};

use carry::{Item, Telling, carry_out};

use super::exit::{Exit, FailureKind};
use super::expectation;
use super::not_taken::NotTaken;
use super::options::{domain, slug};
use super::output::{Failure, Outcome};
use super::render::Taken;
use super::render::metrics::MetricNames;
use super::{Context, render};
use crate::check::CheckReport;
use crate::check::live::{LiveLimits, Means};
use crate::deployment::{Deployment, LifeLeft, RootsSource};
use crate::names::{Domain, Identifier, Protocol, Slug};
use crate::store::{Store, StoreError};
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For one endpoint, where no deployment says it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Endpoints in flight, where no deployment says it.
const DEFAULT_JOBS: usize = 256;

/// Shown below the flags.
const EXAMPLES: &str = "\
Examples:
  edgecert check                                   all that is deployed, live and at rest
  edgecert check /etc/ssl/edge                     every certificate below a folder
  edgecert check edge.pem --name dns:edge.contoso.com -w 30d -c 10d
  edgecert check xmpp:contoso.com sip:contoso.com   every target of the SRV records, IPv4 and IPv6
  edgecert check edge.contoso.com:5269 --xmpphost contoso.com
  edgecert check 192.0.2.10:5061 --servername contoso.com --roots ca.pem
  edgecert check --targets list.txt --format nagios
  edgecert check --format html --output report.html
  edgecert check --format prometheus --output /var/lib/prometheus/node-exporter/edgecert.prom
  edgecert check --serve 127.0.0.1:9765 --interval 5m    /metrics for Prometheus, / for people
  edgecert check --watch 30s                       a table that is kept up to date

Of several targets the worst counts: CRITICAL, then WARNING, then UNKNOWN.";

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// A file, a folder, xmpp:DOMAIN, sip:DOMAIN, HOST:PORT, or a certificate of the deployment [default: everything deployed]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Targets from a file (or - for standard input): TARGET [protocol=…] [name=…] a line, # comments
    #[arg(long = "targets", value_name = "FILE")]
    list: Option<PathBuf>,
    /// What the endpoint speaks: xmpp, xmpp-server, xmpps-client, xmpps-server, sips, tls [default: by port]
    #[arg(long, value_name = "WORD", value_parser = protocol)]
    protocol: Option<Protocol>,
    /// The name sent as SNI, and asked for [default: --xmpphost, else the host]
    #[arg(long, value_name = "NAME", value_parser = domain)]
    servername: Option<Domain>,
    /// The XMPP domain asked for: the stream's `to` [default: --servername, else the host]
    #[arg(long, value_name = "NAME", value_parser = domain)]
    xmpphost: Option<Domain>,
    /// Connect there instead of the target's own host and port
    #[arg(long, value_name = "HOST:PORT", value_parser = connect)]
    connect: Option<(String, u16)>,
    /// Of a name's addresses, only those of IPv4
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Of a name's addresses, only those of IPv6
    #[arg(short = '6')]
    ipv6: bool,
    /// Whom to ask for SRV records and addresses [default: the deployment's resolver, else the system's]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = domains::resolver_address)]
    resolver: Option<SocketAddr>,
    /// Trust anchors of DNSSEC: DNSKEY records, one a line [default: the root's]
    #[arg(long, value_name = "FILE")]
    trust_anchor: Option<PathBuf>,
    /// For one endpoint or question: 10s, 2m [default: the deployment's, else 10s]
    #[arg(long, value_name = "TIME", value_parser = domains::length)]
    timeout: Option<Duration>,
    /// Endpoints in flight [default: the deployment's, else 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    jobs: Option<u32>,
    /// A name that must hold: dns:, srv:, xmpp:, sip:, ip:, email: (repeatable)
    #[arg(long, value_name = "TYPE:VALUE", value_parser = expectation::typed_name)]
    name: Vec<Identifier>,
    /// Roots that judge the chain: a file, a folder, system or mozilla (repeatable) [default: the issuer's, else system]
    #[arg(long, value_name = "FILE|DIR|system|mozilla", value_parser = expectation::roots)]
    roots: Vec<RootsSource>,
    /// Revocation lists of the issuers, PEM or DER (repeatable) [default: revocation is not judged]
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// Our own leaf, chain and key in one file, presented to endpoints that ask for a certificate
    #[arg(long, value_name = "FILE")]
    present: Option<PathBuf>,
    /// Hold every target against this certificate of the deployment
    #[arg(long = "for", value_name = "CERT", value_parser = slug)]
    certificate: Option<Slug>,
    /// Warn when less than this is left of a leaf's life: 30d or 25%
    #[arg(short, long, value_name = "LIFE", value_parser = life, allow_hyphen_values = true)]
    warning: Option<LifeLeft>,
    /// Critical when less than this is left of a leaf's life: 10d or 10%
    #[arg(short, long, value_name = "LIFE", value_parser = life, allow_hyphen_values = true)]
    critical: Option<LifeLeft>,
    /// How to report [default: table]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// One JSON document a target, a line each, and the summary as the last one
    #[arg(long, conflicts_with_all = ["format", "serve", "watch"])]
    jsonl: bool,
    /// With prometheus, openmetrics or --serve: metrics under the names of blackbox_exporter as well (probe_success, …)
    #[arg(long)]
    blackbox_names: bool,
    /// Write the report to a file, whole or not at all (-: standard output); the exit code stays the same
    #[arg(long, value_name = "FILE", conflicts_with_all = ["serve", "watch"])]
    output: Option<PathBuf>,
    /// Answer GET /metrics, / (the page) and /healthz there, until a signal comes; without an address, on loopback
    #[arg(long, value_name = "[ADDR:]PORT", value_parser = serve::address, conflicts_with_all = ["format", "watch"])]
    serve: Option<SocketAddr>,
    /// With --serve: how long after one check the next one begins [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = watch::interval)]
    interval: Option<Duration>,
    /// Check again and again, with this long between (30s, 5m), and show what changes, until a signal comes
    #[arg(long, value_name = "TIME", value_parser = watch::interval, conflicts_with = "format")]
    watch: Option<Duration>,
}

impl CheckArgs {
    /// `check` of everything that is deployed.
    pub fn everything() -> Self {
        Self {
            targets: Vec::new(),
            list: None,
            protocol: None,
            servername: None,
            xmpphost: None,
            connect: None,
            ipv4: false,
            ipv6: false,
            resolver: None,
            trust_anchor: None,
            timeout: None,
            jobs: None,
            name: Vec::new(),
            roots: Vec::new(),
            crl: Vec::new(),
            present: None,
            certificate: None,
            warning: None,
            critical: None,
            format: None,
            jsonl: false,
            blackbox_names: false,
            output: None,
            serve: None,
            interval: None,
            watch: None,
        }
    }

    fn format(&self) -> Format {
        self.format.unwrap_or(Format::Table)
    }

    /// The file that gets the report; `None`: standard output.
    fn destination(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }

    fn metric_names(&self) -> MetricNames {
        match self.blackbox_names {
            true => MetricNames::AndBlackbox,
            false => MetricNames::Own,
        }
    }
}

fn protocol(word: &str) -> Result<Protocol, NotTaken> {
    crate::check::endpoint::protocol(word).map_err(|error| NotTaken::of(&error))
}

fn connect(text: &str) -> Result<(String, u16), NotTaken> {
    crate::check::endpoint::host_and_port(text)
        .ok_or_else(|| NotTaken::unread("write it as HOST:PORT, an IPv6 address as [ADDRESS]:PORT"))
}

fn life(text: &str) -> Result<LifeLeft, NotTaken> {
    LifeLeft::parse(text).ok_or_else(|| {
        NotTaken::unread(
            "write what must be left at least, as 30d (days) or 25% (of the whole life)",
        )
    })
}

/// Runs `check`.
pub fn run(args: CheckArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let format = args.format();
    let on_lost: Option<fn(Failure) -> Outcome> = match format {
        _ if args.jsonl => Some(rows::failed),
        Format::Nagios => Some(formats::unknown),
        Format::Table
        | Format::Json
        | Format::Prometheus
        | Format::Openmetrics
        | Format::Html
        | Format::Junit => None,
    };
    let told = |failure: Failure, context: &Context| match on_lost {
        Some(told) if !context.json() => Ok(told(failure)),
        Some(_) | None => Err(failure),
    };
    if let Err(failure) = fits::together(&args, context) {
        return told(failure, context);
    }
    if format == Format::Json {
        context.set_json();
    }
    if let Some(address) = args.serve {
        return serve::serve(&args, address, context);
    }
    if let Some(interval) = args.watch {
        return watch::watch(&args, interval, context);
    }
    let lines = rows::Lines::of(&args, context.now);
    let outcome = match check(&args, context, lines.as_ref()) {
        Ok((report, taken)) => match lines {
            Some(lines) => lines.end(&report, &taken),
            None => told_report(&args, context, &report, &taken),
        },
        Err(failure) => told(failure, context)?,
    };
    Ok(Outcome {
        into: args.destination().map(Path::to_path_buf),
        on_lost,
        ..outcome
    })
}

/// What is at hand besides the targets.
struct Surroundings {
    deployment: Option<Deployment>,
    store: Option<Store>,
}

/// Gathers the targets and judges them: all that a check is, but for how it is told.
fn check(
    args: &CheckArgs,
    context: &Context,
    lines: Option<&rows::Lines>,
) -> Result<(CheckReport, Taken), Failure> {
    let begun = Instant::now();
    let deployment = context.find_deployment()?;
    let explicit = !args.targets.is_empty() || args.list.is_some();
    let store = open(context, deployment.as_ref(), explicit)?;
    let around = Surroundings { deployment, store };
    let mut yardstick = holds::yardstick(args, context, &around, explicit)?;
    let limits = limits(args, context, &around);
    yardstick.crls = given::crls(args)?;
    let items = targets::gather(args, context, &around, &yardstick)?;
    fits::with_targets(args, &items)?;
    let items = domains::expand(items, args, &around, limits)?;
    if items.iter().any(|item| matches!(item, Item::Endpoint(_))) {
        holds::stranger(context, &around, &mut yardstick);
    }
    let means = Means {
        resolver: domains::named(args, &around, limits)?,
        manner: given::manner(args, context)?,
    };
    let progress = progress::Progress::of(context, &items);
    let telling = Telling {
        progress: &progress,
        lines,
    };
    let report = carry_out(items, &yardstick, limits, &means, &telling);
    progress.end();
    let taken = Taken {
        command: "check",
        now: context.now,
        took: begun.elapsed(),
        leaf: yardstick.leaf,
        chain: yardstick.chain,
    };
    Ok((report, taken))
}

fn open(
    context: &Context,
    deployment: Option<&Deployment>,
    explicit: bool,
) -> Result<Option<Store>, Failure> {
    match Store::open(&context.state_directory(deployment)) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => {
            let failure = Failure::from_error(FailureKind::Failed, &error);
            if explicit {
                // What was named can be judged without the state, only not against it.
                context.note(&render::explanation(&failure.explanation));
                return Ok(None);
            }
            Err(failure)
        }
    }
}

fn limits(args: &CheckArgs, context: &Context, around: &Surroundings) -> LiveLimits {
    let (jobs, timeout) = match &around.deployment {
        Some(deployment) => (deployment.check.jobs as usize, deployment.check.timeout),
        None => (DEFAULT_JOBS, DEFAULT_TIMEOUT),
    };
    let jobs = args.jobs.map_or(jobs, |jobs| jobs as usize);
    LiveLimits {
        jobs: domains::within_descriptors(jobs, context),
        timeout: args.timeout.unwrap_or(timeout),
        family: domains::family(args),
    }
}

fn told_report(
    args: &CheckArgs,
    context: &Context,
    report: &CheckReport,
    taken: &Taken,
) -> Outcome {
    let exit = Exit::from(report.status());
    if context.json() {
        return formats::document(report, taken).with_exit(exit);
    }
    let text = match args.format() {
        Format::Table | Format::Json => table::render(report, context.now, context.verbose()),
        format @ (Format::Nagios
        | Format::Prometheus
        | Format::Openmetrics
        | Format::Html
        | Format::Junit) => shape(format, args.metric_names(), report, taken),
    };
    Outcome {
        text,
        findings_shown: true,
        exit: Some(exit),
        ..Outcome::default()
    }
}
