//! Many domains at once, with a row for each whatever becomes of it.

use super::super::live::broken_off;
use super::super::{TargetKind, TargetReport};
use super::{Discovered, Family, Scheme, discover};
use crate::dns::{IN_FLIGHT, Resolver};
use crate::names::Domain;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Looks all domains up; in their order.
///
/// Effects: asks the resolver, blocks. Not to be called from within a runtime.
pub fn discover_all(
    domains: &[(Scheme, Domain)],
    resolver: &Resolver,
    family: Family,
    jobs: usize,
) -> Result<Vec<Discovered>, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let found = runtime.block_on(async {
        // No more than can ask at once: a domain's time is not to pass before its first question is asked.
        let permits = Arc::new(Semaphore::new(jobs.clamp(1, IN_FLIGHT)));
        let mut running = JoinSet::new();
        for (number, (scheme, domain)) in domains.iter().cloned().enumerate() {
            let (resolver, permits) = (resolver.clone(), Arc::clone(&permits));
            running.spawn(async move {
                let _permit = permits.acquire_owned().await;
                (number, discover(scheme, &domain, &resolver, family).await)
            });
        }
        let mut found = BTreeMap::new();
        while let Some(joined) = running.join_next().await {
            found.extend(joined);
        }
        found
    });
    runtime.shutdown_background();
    Ok(each(domains, found))
}

/// One for each domain: a look-up that broke off is unknown, and not left out.
pub(super) fn each(
    domains: &[(Scheme, Domain)],
    mut found: BTreeMap<usize, Discovered>,
) -> Vec<Discovered> {
    let all = domains.iter().enumerate();
    all.map(|(number, (scheme, domain))| {
        found.remove(&number).unwrap_or_else(|| Discovered {
            row: TargetReport {
                asked: Some(domain.clone()),
                ..TargetReport::unknown(
                    format!("{}:{domain}", scheme.word()),
                    TargetKind::Domain,
                    *broken_off(
                        domain.as_str(),
                        &format!(
                            "report it with what its records say (`dig SRV _xmpp-server._tcp.{domain}`)"
                        ),
                    ),
                )
            },
            endpoints: Vec::new(),
        })
    })
    .collect()
}
