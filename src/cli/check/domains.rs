//! `xmpp:DOMAIN` and `sip:DOMAIN` on their way to endpoints; the resolver, and how many may be in flight.

use super::{CheckArgs, Context, Failure, FailureKind, Item, LiveLimits, Surroundings};
use crate::check::discover::{Family, Scheme, discover_all};
use crate::cli::not_taken::NotTaken;
use crate::deployment::seconds_of;
use crate::dns::Resolver;
use crate::names::Domain;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Descriptors left for files, the terminal and the runtime.
const SPARE_DESCRIPTORS: u64 = 64;

/// `127.0.0.1:53`, `[::1]:53`; without a port, DNS's own.
pub fn resolver_address(text: &str) -> Result<SocketAddr, NotTaken> {
    let address = text
        .parse::<IpAddr>()
        .map(|address| SocketAddr::new(address, 53));
    address
        .or_else(|_| text.parse::<SocketAddr>())
        .map_err(|_| NotTaken::unread("write it as ADDRESS:PORT, such as 127.0.0.1:53 or [::1]:53"))
}

/// `10s`, `2m`, `1h`: as in the deployment, up to an hour.
pub fn length(text: &str) -> Result<Duration, NotTaken> {
    seconds_of(text)
        .filter(|seconds| (1..=3_600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| NotTaken::unread("write a time from 1s to 1h, such as 10s"))
}

/// Which addresses `-4` and `-6` leave.
pub(super) fn family(args: &CheckArgs) -> Family {
    match (args.ipv4, args.ipv6) {
        (true, _) => Family::V4,
        (false, true) => Family::V6,
        (false, false) => Family::Any,
    }
}

/// As many at once as were asked for, within what the system lets this process open.
pub(super) fn within_descriptors(jobs: usize, context: &Context) -> usize {
    let most = most_descriptors(jobs as u64 + SPARE_DESCRIPTORS);
    let fits = usize::try_from(most.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(usize::MAX);
    if jobs <= fits {
        return jobs;
    }
    let fits = fits.max(1);
    context.note(&format!(
        "{fits} endpoints are asked at once instead of {jobs}: this process may open {most} files (`ulimit -n`)\n"
    ));
    fits
}

/// The soft limit, raised as far as the hard one allows where more is needed.
fn most_descriptors(needed: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current.unwrap_or(u64::MAX);
    if soft >= needed {
        return soft;
    }
    let raised = limit.maximum.unwrap_or(u64::MAX).min(needed);
    let wanted = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => raised,
        Err(_) => soft,
    }
}

/// The resolver that was named: by the flag, else by the deployment.
pub(super) fn named(
    args: &CheckArgs,
    around: &Surroundings,
    limits: LiveLimits,
) -> Result<Option<Resolver>, Failure> {
    let deployed = around
        .deployment
        .as_ref()
        .and_then(|found| found.check.resolver);
    match args.resolver.or(deployed) {
        None => Ok(None),
        Some(address) => build(args, Some(address), limits).map(Some),
    }
}

fn build(
    args: &CheckArgs,
    at: Option<SocketAddr>,
    limits: LiveLimits,
) -> Result<Resolver, Failure> {
    Resolver::new(at, limits.timeout, args.trust_anchor.as_deref())
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))
}

/// Puts each domain's row and endpoints where the domain stood.
pub(super) fn expand(
    items: Vec<Item>,
    args: &CheckArgs,
    around: &Surroundings,
    limits: LiveLimits,
) -> Result<Vec<Item>, Failure> {
    let domains: Vec<(Scheme, Domain)> = items
        .iter()
        .filter_map(|item| match item {
            Item::Domain(scheme, domain) => Some((*scheme, domain.clone())),
            Item::Path(_) | Item::Endpoint(_) | Item::Row(_) => None,
        })
        .collect();
    if domains.is_empty() {
        return Ok(items);
    }
    let resolver = match named(args, around, limits)? {
        Some(resolver) => resolver,
        None => build(args, None, limits)?,
    };
    let found = discover_all(&domains, &resolver, limits.family, limits.jobs).map_err(|error| {
        Failure::from_error(
            FailureKind::Failed,
            &crate::dns::DnsError::NoResolver {
                resolver: resolver.asked().to_owned(),
                why: crate::explain::os_words(&error),
            },
        )
    })?;
    let mut found = found.into_iter();
    let mut expanded = Vec::new();
    for item in items {
        match item {
            Item::Domain(..) => {
                if let Some(one) = found.next() {
                    expanded.push(Item::Row(Box::new(one.row)));
                    expanded.extend(
                        one.endpoints
                            .into_iter()
                            .map(|one| Item::Endpoint(Box::new(one))),
                    );
                }
            }
            Item::Path(_) | Item::Endpoint(_) | Item::Row(_) => expanded.push(item),
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_and_times_are_read_or_refused() {
        for (text, expected) in [
            ("127.0.0.1", Some("127.0.0.1:53")),
            ("127.0.0.1:5353", Some("127.0.0.1:5353")),
            ("[::1]:53", Some("[::1]:53")),
            ("::1", Some("[::1]:53")),
            ("localhost:53", None),
        ] {
            let read = resolver_address(text).ok().map(|found| found.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("10s", Some(10)),
            ("2m", Some(120)),
            ("60m", Some(3_600)),
            ("0s", None),
            ("61m", None),
            ("10", None),
            ("+1s", None),
            ("s", None),
        ] {
            assert_eq!(
                length(text).ok().map(|found| found.as_secs()),
                expected,
                "{text}"
            );
        }
    }
}
