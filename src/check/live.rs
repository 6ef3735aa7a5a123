//! Live endpoints: names resolved, every address asked, many at once within bounds.
//!
//! Names are resolved as the system does it (getaddrinfo), so that what is asked is what a peer on this machine would
//! reach. An endpoint whose name cannot be resolved could not be looked at; one that does not answer is at fault.

use super::observed::judge_observation;
use super::{Endpoint, TargetKind, TargetReport, Yardstick};
use crate::explain::{Explanation, printable};
use crate::names::Domain;
use crate::probe::{KeyKind, Limits, Observation, ProbeError, Stage, Target, probe};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The `from` of our streams; RFC 2606 keeps it from being anybody's.
const PROBER: &str = "prober.invalid";

/// Most addresses of one name that are asked.
const MAX_ADDRESSES: usize = 32;

/// How many at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLimits {
    /// Handshakes in flight.
    pub jobs: usize,
    /// For one endpoint.
    pub timeout: Duration,
}

type Answer = Result<Vec<(SocketAddr, Observation)>, Explanation>;

/// Asks all endpoints; a list of rows for each, one for every address, in the order of the endpoints.
///
/// Effects: resolves names, opens connections, blocks. Not to be called from within a runtime.
pub fn check_endpoints(
    endpoints: &[Endpoint],
    yardstick: &Yardstick,
    limits: LiveLimits,
) -> Vec<Vec<TargetReport>> {
    check_endpoints_telling(endpoints, yardstick, limits, &|| ())
}

/// [`check_endpoints`], with a call for each endpoint that was asked.
pub fn check_endpoints_telling(
    endpoints: &[Endpoint],
    yardstick: &Yardstick,
    limits: LiveLimits,
    asked: &dyn Fn(),
) -> Vec<Vec<TargetReport>> {
    if endpoints.is_empty() {
        return Vec::new();
    }
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(
            std::thread::available_parallelism()
                .map_or(2, usize::from)
                .min(8),
        )
        .enable_io()
        .enable_time()
        .build();
    match built {
        Ok(runtime) => {
            let rows = runtime.block_on(ask_all(endpoints, yardstick, limits, asked));
            // A resolver that hangs must not keep the report back.
            runtime.shutdown_background();
            rows
        }
        Err(error) => endpoints
            .iter()
            .map(|endpoint| vec![unknown(endpoint, no_runtime(&error))])
            .collect(),
    }
}

async fn ask_all(
    endpoints: &[Endpoint],
    yardstick: &Yardstick,
    limits: LiveLimits,
    asked: &dyn Fn(),
) -> Vec<Vec<TargetReport>> {
    let mut rows: Vec<Vec<TargetReport>> = vec![Vec::new(); endpoints.len()];
    let permits = Arc::new(Semaphore::new(limits.jobs.max(1)));
    let mut answers = JoinSet::new();
    for (index, endpoint) in endpoints.iter().cloned().enumerate() {
        let permits = Arc::clone(&permits);
        answers.spawn(async move { (index, ask(endpoint, limits, permits).await) });
    }
    while let Some(joined) = answers.join_next().await {
        asked();
        let Ok((index, answer)) = joined else {
            continue;
        };
        let (Some(endpoint), Some(rows)) = (endpoints.get(index), rows.get_mut(index)) else {
            continue;
        };
        match answer {
            Ok(observations) => rows.extend(observations.iter().map(|(address, observation)| {
                judge_observation(endpoint, *address, observation, yardstick)
            })),
            Err(problem) => rows.push(unknown(endpoint, problem)),
        }
    }
    rows
}

async fn ask(endpoint: Endpoint, limits: LiveLimits, permits: Arc<Semaphore>) -> Answer {
    let addresses = resolve(&endpoint, limits, &permits).await?;
    let mut asked = JoinSet::new();
    for (number, address) in addresses.into_iter().enumerate() {
        let target = target(&endpoint, address)?;
        let permits = Arc::clone(&permits);
        let has_assigned = endpoint.assigned.is_some();
        asked.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let within = Limits {
                connect: limits.timeout,
                total: limits.timeout,
            };
            let seen = probe(&target, within).await;
            let seen = match has_assigned && is_refused_for_its_kind(&target, &seen) {
                true => whatever_is_served(target, within, seen).await,
                false => seen,
            };
            (number, address, seen)
        });
    }
    let mut seen = Vec::new();
    while let Some(joined) = asked.join_next().await {
        seen.extend(joined);
    }
    seen.sort_by_key(|(number, _, _)| *number);
    Ok(seen
        .into_iter()
        .map(|(_, address, observation)| (address, observation))
        .collect())
}

/// One type of signature was offered, and the handshake failed before a certificate was shown: so a server ends it that
/// has a key of another type alone.
fn is_refused_for_its_kind(target: &Target, seen: &Observation) -> bool {
    let is_tls = seen.failure.as_ref().is_some_and(|failure| {
        matches!(failure, ProbeError::Tls(_))
            && !failure.is_not_tls()
            && !failure.is_access_denied()
    });
    target.key_kind != KeyKind::Any
        && seen.chain.is_empty()
        && seen.reached == Some(Stage::Handshake)
        && is_tls
}

/// Asks once more with every type; where that shows no certificate either, the first look stands.
async fn whatever_is_served(target: Target, within: Limits, first: Observation) -> Observation {
    let any = Target {
        key_kind: KeyKind::Any,
        ..target
    };
    let second = probe(&any, within).await;
    match second.chain.is_empty() {
        true => first,
        false => second,
    }
}

fn target(endpoint: &Endpoint, address: SocketAddr) -> Result<Target, Explanation> {
    let from = Domain::parse(PROBER).map_err(|error| crate::explain::Explain::explain(&error))?;
    Ok(Target {
        address,
        protocol: endpoint.protocol,
        server_name: endpoint.server_name.clone(),
        domain: endpoint.domain.clone(),
        from,
        key_kind: endpoint.key_kind,
        depth: endpoint.depth,
    })
}

async fn resolve(
    endpoint: &Endpoint,
    limits: LiveLimits,
    permits: &Arc<Semaphore>,
) -> Result<Vec<SocketAddr>, Explanation> {
    let host = endpoint.host.clone();
    let port = endpoint.port;
    let _permit = permits.acquire().await;
    let looked_up = tokio::task::spawn_blocking(move || {
        (host.as_str(), port)
            .to_socket_addrs()
            .map(|found| found.collect::<Vec<SocketAddr>>())
    });
    let why = match tokio::time::timeout(limits.timeout, looked_up).await {
        Err(_) => format!("the resolver gave no answer within {:?}", limits.timeout),
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(Err(error))) => printable(&error.to_string()),
        Ok(Ok(Ok(found))) => {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
                    addresses.push(address);
                }
            }
            if !addresses.is_empty() {
                return Ok(addresses);
            }
            "it has no address".to_owned()
        }
    };
    Err(Explanation {
        code: "check.unresolved",
        what: format!("{} cannot be resolved", printable(&endpoint.host)),
        place: printable(&endpoint.target),
        why,
        mend: format!(
            "check the spelling and the resolver (`getent ahosts {}`), or say where it is with --connect ADDRESS:{}",
            printable(&endpoint.host),
            endpoint.port
        ),
    })
}

fn no_runtime(error: &std::io::Error) -> Explanation {
    Explanation {
        code: "check.no-runtime",
        what: "no connection can be opened".to_owned(),
        place: String::new(),
        why: error.to_string(),
        mend: "look at the limits of threads and open files (`ulimit -a`)".to_owned(),
    }
}

fn unknown(endpoint: &Endpoint, problem: Explanation) -> TargetReport {
    TargetReport {
        protocol: Some(endpoint.protocol),
        asked: endpoint.domain.clone(),
        ..TargetReport::unknown(endpoint.target.clone(), TargetKind::Endpoint, problem)
    }
}
