//! Live endpoints: names resolved, every address asked, many at once within bounds.
//!
//! Names are resolved as the system does it (getaddrinfo), so that what is asked is what a peer on this machine would
//! reach, unless a resolver is named; an endpoint that brings its addresses is not looked up. An endpoint whose name
//! nobody could look up could not be looked at; one that has no address, or does not answer, is at fault.

use super::differs::leaf_differs;
use super::discover::Family;
use super::lookup::{Lookup, Nowhere};
use super::observed::judge_observation;
use super::second::{self, Aside};
use super::{Endpoint, TargetKind, TargetReport, Yardstick};
use crate::dns::Resolver;
use crate::explain::{Explain, Explanation};
use crate::names::Domain;
use crate::probe::{KeyKind, Limits, Manner, Observation, ProbeError, Stage, Target, probe_as};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The `from` of our streams; RFC 2606 keeps it from being anybody's.
const PROBER: &str = "prober.invalid";

/// How many at once, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLimits {
    /// Handshakes in flight.
    pub jobs: usize,
    /// For one endpoint.
    pub timeout: Duration,
    /// Which of its addresses.
    pub family: Family,
}

/// By which means endpoints are found and asked.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// Looks names up; `None`: the system does.
    pub resolver: Option<Resolver>,
    /// How the handshakes are made.
    pub manner: Manner,
}

/// What one address showed, at first and at second sight.
struct Seen {
    address: SocketAddr,
    observation: Observation,
    asides: Vec<Aside>,
}

type Answer = Result<Vec<Seen>, Nowhere>;

/// Asks all endpoints; a list of rows for each, one for every address, in the order of the endpoints; `asked` is called after each.
///
/// Effects: resolves names, opens connections, blocks. Not to be called from within a runtime.
pub fn check_endpoints(
    endpoints: &[Endpoint],
    yardstick: &Yardstick,
    limits: LiveLimits,
    means: &Means,
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
            let rows = runtime.block_on(ask_all(endpoints, yardstick, limits, means, asked));
            // A resolver that hangs must not keep the report back.
            runtime.shutdown_background();
            rows
        }
        Err(error) => endpoints
            .iter()
            .map(|endpoint| vec![nowhere(endpoint, Nowhere::Unknown(no_runtime(&error)))])
            .collect(),
    }
}

async fn ask_all(
    endpoints: &[Endpoint],
    yardstick: &Yardstick,
    limits: LiveLimits,
    means: &Means,
    asked: &dyn Fn(),
) -> Vec<Vec<TargetReport>> {
    let mut rows: Vec<Vec<TargetReport>> = vec![Vec::new(); endpoints.len()];
    let permits = Arc::new(Semaphore::new(limits.jobs.max(1)));
    let lookup = Lookup {
        named: means.resolver.clone(),
        ..Lookup::default()
    };
    let mut answers = JoinSet::new();
    let mut waiting = endpoints.iter().enumerate();
    loop {
        // No more tasks than may work at once: what waits costs nothing.
        while answers.len() < limits.jobs.max(1)
            && let Some((index, endpoint)) = waiting.next()
        {
            let (endpoint, manner) = (endpoint.clone(), means.manner.clone());
            let (lookup, permits) = (lookup.clone(), Arc::clone(&permits));
            answers.spawn(async move {
                let answer = ask(endpoint, limits, &lookup, manner, permits).await;
                (index, answer)
            });
        }
        let Some(joined) = answers.join_next().await else {
            break;
        };
        asked();
        // A task that broke off leaves its rows empty.
        let Ok((index, answer)) = joined else {
            continue;
        };
        let (Some(endpoint), Some(rows)) = (endpoints.get(index), rows.get_mut(index)) else {
            continue;
        };
        match answer {
            Ok(all) => {
                rows.extend(all.iter().map(|seen| judge_seen(endpoint, seen, yardstick)));
                if endpoint.assigned.is_none() && endpoint.within.is_none() && rows.len() > 1 {
                    let mut together: Vec<&mut TargetReport> = rows.iter_mut().collect();
                    let what = format!("the addresses of {}", endpoint.target);
                    leaf_differs(&what, &mut together);
                }
            }
            Err(why) => rows.push(nowhere(endpoint, why)),
        }
    }
    none_is_lost(endpoints, &mut rows);
    rows
}

/// Every endpoint has a row: what came to nothing is unknown, and not left out.
fn none_is_lost(endpoints: &[Endpoint], rows: &mut [Vec<TargetReport>]) {
    for (endpoint, rows) in endpoints.iter().zip(rows) {
        if rows.is_empty() {
            rows.push(nowhere(
                endpoint,
                Nowhere::Unknown(broken_off(&endpoint.target, REPORT)),
            ));
        }
    }
}

/// What every task came to, in their order, unless one broke off.
async fn every<T: 'static>(mut tasks: JoinSet<(usize, T)>) -> Result<Vec<T>, Nowhere> {
    let mut all = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        all.push(joined.map_err(|_| Nowhere::Unknown(broken_off("", REPORT)))?);
    }
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, one)| one).collect())
}

/// What helps to find why a look at a target broke off.
const REPORT: &str = "report it with what the target serves (`openssl s_client -showcerts`)";

/// A look that ended without a word: a fault of ours.
pub(super) fn broken_off(place: &str, mend: &str) -> Box<Explanation> {
    Box::new(Explanation {
        code: "check.broken-off",
        what: "the look at it broke off".to_owned(),
        place: place.to_owned(),
        why: "an error of this program: what it says of itself stands on standard error".to_owned(),
        mend: mend.to_owned(),
    })
}

fn judge_seen(endpoint: &Endpoint, seen: &Seen, yardstick: &Yardstick) -> TargetReport {
    let mut row = judge_observation(endpoint, seen.address, &seen.observation, yardstick);
    row.findings.extend(second::findings(
        endpoint,
        seen.address,
        &seen.observation,
        &seen.asides,
    ));
    row
}

async fn ask(
    endpoint: Endpoint,
    limits: LiveLimits,
    lookup: &Lookup,
    manner: Manner,
    permits: Arc<Semaphore>,
) -> Answer {
    let addresses = lookup.addresses(&endpoint, limits, &permits).await?;
    let mut asked = JoinSet::new();
    for (number, address) in addresses.into_iter().enumerate() {
        let target = target(&endpoint, address).map_err(|why| Nowhere::Unknown(Box::new(why)))?;
        let permits = Arc::clone(&permits);
        let (endpoint, manner) = (endpoint.clone(), manner.clone());
        asked.spawn(async move {
            let _permit = permits.acquire_owned().await;
            let within = Limits {
                connect: limits.timeout,
                total: limits.timeout,
            };
            let first = probe_as(&target, within, &manner).await;
            let has_assigned = endpoint.assigned.is_some();
            let observation = match has_assigned && is_refused_for_its_kind(&target, &first) {
                true => whatever_is_served(&target, within, &manner, first).await,
                false => first,
            };
            // What is deployed is asked for by each of its names; there a second look says nothing new.
            let asides = match has_assigned {
                true => Vec::new(),
                false => second::look(&endpoint, &target, within, &manner, &observation).await,
            };
            let seen = Seen {
                address,
                observation,
                asides,
            };
            (number, seen)
        });
    }
    every(asked).await
}

/// One type of signature was offered, and the handshake failed before a certificate was shown: as with a server whose
/// only key is of another type.
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
async fn whatever_is_served(
    target: &Target,
    within: Limits,
    manner: &Manner,
    first: Observation,
) -> Observation {
    let any = Target {
        key_kind: KeyKind::Any,
        ..target.clone()
    };
    let second = probe_as(&any, within, manner).await;
    match second.chain.is_empty() {
        true => first,
        false => second,
    }
}

fn target(endpoint: &Endpoint, address: SocketAddr) -> Result<Target, Explanation> {
    let from = Domain::parse(PROBER).map_err(|error| error.explain())?;
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

fn no_runtime(error: &std::io::Error) -> Box<Explanation> {
    Box::new(Explanation {
        code: "check.no-runtime",
        what: "no connection can be opened".to_owned(),
        place: String::new(),
        why: crate::explain::os_words(error),
        mend: "look at the limits of threads and open files (`ulimit -a`)".to_owned(),
    })
}

fn nowhere(endpoint: &Endpoint, why: Nowhere) -> TargetReport {
    let row = TargetReport {
        protocol: Some(endpoint.protocol),
        asked: endpoint.domain.clone(),
        within: endpoint.within.clone(),
        ..TargetReport::new(endpoint.target.clone(), TargetKind::Endpoint)
    };
    match why {
        Nowhere::Absent(finding) => row.with_finding(*finding),
        Nowhere::Unknown(problem) => TargetReport {
            problem: Some(problem),
            ..row
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Presence;
    use super::*;
    use crate::check::Status;
    use crate::names::Protocol;
    use crate::probe::Depth;

    #[tokio::test]
    async fn a_look_that_breaks_off_is_unknown_and_not_left_out() {
        let endpoint = Endpoint {
            target: "edge.contoso.com:5269".to_owned(),
            host: "192.0.2.1".to_owned(),
            port: 5269,
            protocol: Protocol::Tls,
            server_name: None,
            domain: None,
            key_kind: KeyKind::Any,
            depth: Depth::Handshake,
            assigned: None,
            addresses: Vec::new(),
            within: None,
            presence: Presence::Said,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(async { (1, "second") });
        tasks.spawn(async { (0, "first") });
        assert!(matches!(
            every(tasks).await.as_deref(),
            Ok(["first", "second"])
        ));
        let mut tasks = JoinSet::new();
        tasks.spawn(async { (0, "first") });
        tasks.spawn(async { panic!("a hostile certificate") });
        assert!(matches!(every(tasks).await, Err(Nowhere::Unknown(_))));
        let mut rows = vec![Vec::new()];
        none_is_lost(&[endpoint], &mut rows);
        assert_eq!(rows[0].len(), 1);
        assert_eq!(rows[0][0].status(), Status::Unknown);
    }
}
