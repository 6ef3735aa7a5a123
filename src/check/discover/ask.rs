//! The questions of one domain, within its own time: targets side by side, and no further where nobody answers.

use super::Search;
use crate::dns::{Answer, DnsError, Resolver};
use crate::explain::printable;
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Targets of one domain that are looked up at once.
const AT_ONCE: usize = 8;

/// One domain may take so many time limits of a question: records, targets, and one that is slow.
const MOST_LIMITS: u32 = 3;

/// The end of a domain's time.
pub(super) fn until(resolver: &Resolver) -> Instant {
    Instant::now() + resolver.timeout() * MOST_LIMITS
}

impl Search<'_> {
    /// An answer within the domain's time: whoever answers each question late could stall all others.
    pub(super) async fn in_time<T>(
        &self,
        asked: &str,
        answer: impl Future<Output = Result<T, DnsError>>,
    ) -> Result<T, DnsError> {
        let answer = tokio::time::timeout_at(self.until, answer).await;
        answer.unwrap_or_else(|_| Err(self.too_late(asked)))
    }

    fn too_late(&self, asked: &str) -> DnsError {
        DnsError::TooSlow {
            asked: printable(asked),
            resolver: self.resolver.asked().to_owned(),
            limit: self.resolver.timeout() * MOST_LIMITS,
        }
    }

    /// What is said of each host, in their order; side by side, and no further than to the first that has no answer in
    /// time.
    pub(super) async fn look_up(
        &self,
        hosts: Vec<String>,
    ) -> Vec<(String, Result<Answer<IpAddr>, DnsError>)> {
        let mut waiting = hosts.into_iter().enumerate();
        let mut running = JoinSet::new();
        let mut said = BTreeMap::new();
        loop {
            while running.len() < AT_ONCE
                && let Some((number, host)) = waiting.next()
            {
                let (resolver, until) = (self.resolver.clone(), self.until);
                let late = self.too_late(&host);
                running.spawn(async move {
                    let answer = tokio::time::timeout_at(until, resolver.addresses(&host)).await;
                    (number, host, answer.unwrap_or(Err(late)))
                });
            }
            // The set ends those that still run.
            let Some(joined) = running.join_next().await else {
                break;
            };
            let (number, host, answer) = match joined.map_err(|error| error.try_into_panic()) {
                Ok(one) => one,
                // Taken up where each domain has its row.
                Err(Ok(panic)) => std::panic::resume_unwind(panic),
                Err(Err(_)) => continue,
            };
            let silent = answer.as_ref().is_err_and(DnsError::is_for_all);
            said.insert(number, (host, answer));
            if silent {
                break;
            }
        }
        said.into_values().collect()
    }
}
