//! Where an endpoint's host is: its addresses, that it has none, or that nobody knows.
//!
//! A name that does not exist, or has no address, is a service that is not there: whoever wants it finds nothing, as at a
//! port that refuses. A resolver that gives no answer says nothing of the service. The system (getaddrinfo) tells the two
//! apart by words alone, so where it finds nothing the DNS is asked as well.

use super::discover::MAX_ADDRESSES;
use super::live::LiveLimits;
use super::{Endpoint, discover::Family};
use crate::dns::{DnsError, Outcome, Resolver};
use crate::explain::{Explain, Explanation, printable};
use crate::findings::{Code, Finding};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// Who looks names up.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// The resolver that was named; `None`: the system.
    pub named: Option<Resolver>,
    /// That of `/etc/resolv.conf`, once it is needed; `None`: there is no such file.
    pub system: Arc<OnceLock<Option<Resolver>>>,
}

/// Why there is no address to ask.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Nowhere {
    /// The host has none: the service is not there.
    Absent(Box<Finding>),
    /// Nobody could say.
    Unknown(Box<Explanation>),
}

impl Lookup {
    /// What is known, else what the named resolver says, else what the system says.
    pub(super) async fn addresses(
        &self,
        endpoint: &Endpoint,
        limits: LiveLimits,
        permits: &Arc<Semaphore>,
    ) -> Result<Vec<SocketAddr>, Nowhere> {
        if !endpoint.addresses.is_empty() {
            return Ok(counting(endpoint, limits.family, &endpoint.addresses));
        }
        // An address needs no resolver, and one with a zone is the system's to read.
        if let Ok(address) = endpoint.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, endpoint.port)]);
        }
        match self.named.as_ref().filter(|_| !endpoint.host.contains(':')) {
            Some(resolver) => {
                let answer = asked(resolver, &endpoint.host).await;
                match answer.map_err(|error| Nowhere::Unknown(Box::new(error.explain())))? {
                    Said::There(found) => some_of(endpoint, limits.family, &found),
                    Said::Absent(why) => Err(absent(endpoint, &why)),
                }
            }
            None => self.by_system(endpoint, limits, permits).await,
        }
    }

    async fn by_system(
        &self,
        endpoint: &Endpoint,
        limits: LiveLimits,
        permits: &Arc<Semaphore>,
    ) -> Result<Vec<SocketAddr>, Nowhere> {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        let _permit = permits.acquire().await;
        let looked_up = tokio::task::spawn_blocking(move || {
            (host.as_str(), port)
                .to_socket_addrs()
                .map(|found| found.map(|one| one.ip()).collect::<Vec<IpAddr>>())
        });
        let why = match tokio::time::timeout(limits.timeout, looked_up).await {
            Ok(Ok(Ok(found))) => return some_of(endpoint, limits.family, &found),
            Err(_) => format!("the resolver gave no answer within {:?}", limits.timeout),
            Ok(Err(error)) => printable(&error.to_string()),
            Ok(Ok(Err(error))) => {
                let system = self
                    .system
                    .get_or_init(|| Resolver::new(None, limits.timeout, None).ok());
                if let Some(resolver) = system
                    && let Ok(Said::Absent(why)) = asked(resolver, &endpoint.host).await
                {
                    return Err(absent(endpoint, &why));
                }
                crate::explain::os_words(&error)
            }
        };
        Err(unresolved(endpoint, why))
    }
}

/// What a resolver says of a host.
enum Said {
    There(Vec<IpAddr>),
    Absent(String),
}

async fn asked(resolver: &Resolver, host: &str) -> Result<Said, DnsError> {
    let by = resolver.asked();
    match resolver.addresses(host).await {
        Ok(answer) if !answer.records.is_empty() => Ok(Said::There(answer.records)),
        Ok(answer) => Ok(Said::Absent(match answer.outcome {
            Outcome::NoDomain => format!("there is no such name, {by} says"),
            Outcome::NoRecords | Outcome::Found => {
                format!("it has no A and no AAAA record, {by} says")
            }
        })),
        Err(error @ DnsError::TooMany { .. }) => Ok(Said::Absent(error.explain().why)),
        Err(error) => Err(error),
    }
}

fn counting(endpoint: &Endpoint, family: Family, found: &[IpAddr]) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for ip in found.iter().filter(|ip| family.takes(**ip)) {
        let address = SocketAddr::new(*ip, endpoint.port);
        if !addresses.contains(&address) && addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
        }
    }
    addresses
}

fn some_of(
    endpoint: &Endpoint,
    family: Family,
    found: &[IpAddr],
) -> Result<Vec<SocketAddr>, Nowhere> {
    let addresses = counting(endpoint, family, found);
    match (addresses.is_empty(), family) {
        (false, _) => Ok(addresses),
        (true, Family::V4) => Err(left_out(endpoint, "IPv4", "-4")),
        (true, Family::V6) => Err(left_out(endpoint, "IPv6", "-6")),
        (true, Family::Any) => Err(absent(endpoint, "it has no address")),
    }
}

/// It has addresses, and none of the family that is asked for.
fn left_out(endpoint: &Endpoint, family: &str, flag: &str) -> Nowhere {
    let host = printable(&endpoint.host);
    Nowhere::Absent(Box::new(Finding::new(
        Code::LiveUnreachable,
        printable(&endpoint.target),
        format!("cannot be reached: {host} has no {family} address"),
        format!("it has others, and {flag} leaves them out"),
        format!("leave {flag} out, or publish an {family} address of {host}"),
    )))
}

fn absent(endpoint: &Endpoint, why: &str) -> Nowhere {
    let host = printable(&endpoint.host);
    Nowhere::Absent(Box::new(Finding::new(
        Code::LiveUnreachable,
        printable(&endpoint.target),
        format!("cannot be reached: {host} has no address"),
        why,
        format!(
            "check the spelling; publish A or AAAA records for {host}, or say where it is with --connect ADDRESS:{}",
            endpoint.port
        ),
    )))
}

fn unresolved(endpoint: &Endpoint, why: String) -> Nowhere {
    let host = printable(&endpoint.host);
    Nowhere::Unknown(Box::new(Explanation {
        code: "check.unresolved",
        what: format!("{host} cannot be resolved"),
        place: printable(&endpoint.target),
        why,
        mend: format!(
            "check the spelling and the resolver (`getent ahosts {host}`), or say where it is with --connect ADDRESS:{}",
            endpoint.port
        ),
    }))
}
