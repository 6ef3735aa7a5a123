//! `dns check`: the plan against what a resolver answers, once or until it is as planned.

use super::planned;
use crate::check::records::{Compared, RecordPlan, Row, ask, compare};
use crate::check::{Counts, Status};
use crate::cli::Context;
use crate::cli::check::domains::{length, resolver_address};
use crate::cli::exit::{Exit, FailureKind};
use crate::cli::output::{Failure, Outcome, error_json};
use crate::cli::render::{self, Table};
use crate::dns::Resolver;
use crate::explain::Explanation;
use crate::names::Domain;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// For one question, where no deployment says it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two rounds: the first, doubled up to the last, so that a long wait is no burden for the resolver.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// `dns check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Only the records of this domain and of what lies below it
    #[arg(long, value_name = "DOMAIN", value_parser = crate::cli::options::domain)]
    zone: Option<Domain>,
    /// Whom to ask [default: the deployment's resolver, else the system's]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = resolver_address)]
    resolver: Option<SocketAddr>,
    /// Trust anchors of DNSSEC: DNSKEY records, one a line [default: the root's]
    #[arg(long, value_name = "FILE")]
    trust_anchor: Option<PathBuf>,
    /// Time for one question: 10s [default: the deployment's, else 10s]
    #[arg(long, value_name = "TIME", value_parser = length)]
    timeout: Option<Duration>,
    /// Ask again until all is as planned, at most for this time: 30s, up to 1h
    #[arg(long, value_name = "TIME", value_parser = length)]
    wait: Option<Duration>,
    /// How to report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

/// Reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One document
    Json,
}

/// Compares. Effects: asks the resolver; with `--wait` again and again.
pub fn run(args: CheckArgs, context: &mut Context) -> Result<Outcome, Failure> {
    if args.format == Format::Json {
        context.set_json();
    }
    let deployment = context.deployment()?;
    let plan = planned(context, args.zone.as_ref(), &[])?;
    let at = args.resolver.or(deployment.check.resolver);
    let timeout = args.timeout.unwrap_or(match args.resolver {
        Some(_) => DEFAULT_TIMEOUT.min(deployment.check.timeout),
        None => deployment.check.timeout,
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| no_runtime(&error))?;
    // One that was asked keeps its answers, so each round has a new one.
    let round = || -> Result<(String, Compared), Failure> {
        let resolver = Resolver::new(at, timeout, args.trust_anchor.as_deref())
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        let answers = runtime.block_on(ask(&plan, &resolver));
        let compared = compare(&plan, &answers, resolver.asked());
        Ok((resolver.asked().to_owned(), compared))
    };
    let begun = Instant::now();
    let mut pause = PAUSES.0;
    let (resolver, compared) = loop {
        let (resolver, compared) = round()?;
        let left = args
            .wait
            .and_then(|wait| wait.checked_sub(begun.elapsed()))
            .filter(|left| !left.is_zero());
        let Some(left) = left.filter(|_| compared.status() != Status::Ok) else {
            break (resolver, compared);
        };
        let wrong = open(&compared);
        context.note(&format!(
            "{} of {} not as planned, {} s left: {}\n",
            wrong.len(),
            compared.rows.len(),
            left.as_secs(),
            wrong.first().map_or("", |row| row.owner.as_str()),
        ));
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(PAUSES.1);
    };
    told(&plan, &resolver, &compared)
}

fn open(compared: &Compared) -> Vec<&Row> {
    let rows = compared.rows.iter();
    rows.filter(|row| row.status() != Status::Ok).collect()
}

fn told(plan: &RecordPlan, resolver: &str, compared: &Compared) -> Result<Outcome, Failure> {
    let result = json!({
        "status": compared.status().word(),
        "fqdn": plan.fqdn.as_str(),
        "resolver": resolver,
        "records": compared.rows.iter().map(row_json).collect::<Vec<_>>(),
    });
    let findings = compared.findings();
    if let (Status::Unknown, Some(problem)) = (compared.status(), compared.problem()) {
        let mut failure =
            Failure::new(FailureKind::Failed, problem.clone()).with_findings(findings);
        failure.result = result;
        return Err(failure);
    }
    let exit = Exit::from(compared.status());
    let mut table = Table::new(["record", "type", "state", "answered", "DNSSEC"]);
    for row in &compared.rows {
        table.row([
            row.owner.clone(),
            row.kind.word().into(),
            row.status().nagios().into(),
            match row.answered.as_slice() {
                [] => "nothing".into(),
                answered => answered.join(", "),
            },
            row.proof.map_or("", |proof| proof.word()).into(),
        ]);
    }
    let mut text = format!("{} · asked {resolver}\n\n{}\n", plan.fqdn, table.render());
    match open(compared).len() {
        0 => text.push_str("OK  all is as planned\n"),
        _ => text.push_str(&format!("{}\n", sum(compared.rows.iter().map(Row::status)))),
    }
    Ok(Outcome::show(text, result)
        .with_findings(findings)
        .with_exit(exit))
}

/// `CRITICAL  2 of 5 rows · 1 warning`, counted as `check` does.
fn sum(statuses: impl Iterator<Item = Status>) -> String {
    let mut counts = Counts::default();
    statuses.for_each(|status| counts.add(status));
    let mut parts = vec![format!(
        "{}  {} of {}",
        counts.status().nagios(),
        counts.of_worst(),
        render::count(counts.total(), "row")
    )];
    parts.extend(counts.beside_worst());
    parts.join(" · ")
}

fn row_json(row: &Row) -> Value {
    json!({
        "owner": row.owner,
        "type": row.kind.word(),
        "status": row.status().word(),
        "planned": row.planned,
        "answered": row.answered,
        "proof": row.proof.map(|proof| proof.word()),
        "findings": row.findings,
        "error": row.problem.as_ref().map(error_json),
    })
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "dns.runtime",
            what: "nothing can be asked".into(),
            place: String::new(),
            why: crate::explain::os_words(error),
            mend: "see whether the system is out of file descriptors or memory".into(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_as_check_counts_targets() {
        use Status::{Critical, Ok, Unknown, Warning};
        for (statuses, told) in [
            (
                &[Critical, Ok, Warning, Critical, Ok][..],
                "CRITICAL  2 of 5 rows · 1 warning",
            ),
            (&[Warning], "WARNING  1 of 1 row"),
            (&[Warning, Unknown], "WARNING  1 of 2 rows · 1 unknown"),
        ] {
            assert_eq!(sum(statuses.iter().copied()), told);
        }
    }
}
