//! More names than an issuer takes: which domains go into which certificate.
//!
//! A domain's names stay together, since a server picks one certificate for a domain; the Access Edge FQDN goes into
//! each. The order of the plan is kept, so the same deployment gives the same split.

mod error;
mod family;
mod groups;

pub use error::SplitError;
pub use family::{Family, Member, SplitBy, base_of, split_family};

use crate::explain::{count, listed};
use crate::names::plan::{PlannedName, Reason, SanPlan};
use crate::names::{Domain, Identifier};
use std::collections::{BTreeMap, BTreeSet};

/// Most domains named of one certificate of a split.
pub const MAX_NAMED: usize = 4;

/// Most certificates of a split that are told one by one.
const MAX_PARTS: usize = 4;

/// One certificate of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// For its `domains` key, in the plan's order; empty when it holds further names alone.
    pub domains: Vec<Domain>,
    /// Its names, the Access Edge FQDN first. Over the limit only when one domain alone is.
    pub names: Vec<Identifier>,
}

impl Part {
    /// `contoso.com, fabrikam.com (12 names)`.
    pub fn words(&self) -> String {
        let names = count(self.names.len(), "name");
        format!("{} ({names})", self.domains_in_words())
    }

    /// `contoso.com, fabrikam.com` and how many more, or `further names`.
    pub fn domains_in_words(&self) -> String {
        if self.domains.is_empty() {
            return "further names".into();
        }
        listed(&self.domains, MAX_NAMED)
    }
}

/// The parts with their numbers, one by one as far as a person reads on: `1: contoso.com (5 names)`.
pub fn parts_in_words(parts: &[Part]) -> Vec<String> {
    let mut told: Vec<String> = parts
        .iter()
        .enumerate()
        .take(MAX_PARTS)
        .map(|(at, part)| format!("{}: {}", at + 1, part.words()))
        .collect();
    if let Some(more) = parts.len().checked_sub(MAX_PARTS).filter(|more| *more > 0) {
        told.push(format!("and {more} more"));
    }
    told
}

/// Splits a plan so that each part keeps the limit where a domain alone does not break it: first fit in plan order,
/// further names that lie under no domain before all others, as [`split_family`] does.
pub fn split_by_domain(plan: &SanPlan, limit: usize) -> Vec<Part> {
    let shared = plan
        .names
        .iter()
        .filter(|one| is_edge_fqdn(one))
        .map(|one| one.name.clone());
    let shared: Vec<Identifier> = shared.collect();
    let mut bins: Vec<Bin> = Vec::new();
    let mut groups = group_by_domain(plan);
    groups.sort_by_key(|group| group.domain.is_some());
    for group in groups {
        let at = match first_with_room(&bins, &group, limit, SplitBy::Limit) {
            Some(at) => at,
            None => {
                bins.push(Bin::with(shared.iter().cloned()));
                bins.len() - 1
            }
        };
        if let Some(bin) = bins.get_mut(at) {
            bin.take(group, Vec::new());
        }
    }
    let place: BTreeMap<&Identifier, usize> = plan
        .names
        .iter()
        .enumerate()
        .map(|(at, one)| (&one.name, at))
        .collect();
    bins.into_iter()
        .map(|bin| {
            let mut names: Vec<Identifier> = bin.names.into_iter().collect();
            names.sort_by_key(|name| place.get(name).copied());
            Part {
                domains: bin.domains,
                names,
            }
        })
        .collect()
}

/// What goes into one certificate together.
#[derive(Debug, Clone)]
struct Group {
    /// `None` for a further name that lies under no domain.
    domain: Option<Domain>,
    /// The topmost domain above it.
    tenant: Option<Domain>,
    names: Vec<Identifier>,
}

impl Group {
    /// With further names that go with it.
    fn and(&self, further: &[Identifier]) -> Self {
        let mut group = self.clone();
        group.names.extend_from_slice(further);
        group
    }

    /// A domain that gives no names of its own.
    fn alone(domain: Domain, further: &[Identifier]) -> Self {
        Self {
            domain: Some(domain.clone()),
            tenant: Some(domain),
            names: further.to_vec(),
        }
    }
}

/// A certificate that is filled.
#[derive(Debug, Clone, Default)]
struct Bin {
    tenant: Option<Domain>,
    domains: Vec<Domain>,
    /// Of `san`.
    further: Vec<Identifier>,
    names: BTreeSet<Identifier>,
}

impl Bin {
    /// Empty, with the names that every certificate has.
    fn with(shared: impl IntoIterator<Item = Identifier>) -> Self {
        Self {
            names: shared.into_iter().collect(),
            ..Self::default()
        }
    }

    fn count_with(&self, group: &Group) -> usize {
        let new: BTreeSet<&Identifier> = group
            .names
            .iter()
            .filter(|name| !self.names.contains(name))
            .collect();
        self.names.len() + new.len()
    }

    fn takes(&self, group: &Group, limit: usize, by: SplitBy) -> bool {
        let is_of_tenant = match by {
            SplitBy::Limit => true,
            SplitBy::Tenant => self.tenant.is_none() || self.tenant == group.tenant,
        };
        is_of_tenant && self.names.len() <= limit && self.count_with(group) <= limit
    }

    fn take(&mut self, group: Group, further: Vec<Identifier>) {
        if let Some(domain) = group.domain {
            self.domains.push(domain);
            self.tenant = self.tenant.take().or(group.tenant);
        }
        self.names.extend(group.names);
        self.further.extend(further);
    }
}

fn first_with_room(bins: &[Bin], group: &Group, limit: usize, by: SplitBy) -> Option<usize> {
    bins.iter().position(|bin| bin.takes(group, limit, by))
}

/// The names of each domain, in the order of its first name. Further names go with the domain they lie under, the
/// others each for itself.
fn group_by_domain(plan: &SanPlan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let (owned, further): (Vec<_>, Vec<_>) = plan
        .names
        .iter()
        .filter(|one| !is_edge_fqdn(one))
        .partition(|one| owner(one).is_some());
    let mut places: BTreeMap<Domain, usize> = BTreeMap::new();
    for one in owned {
        let Some(domain) = owner(one) else { continue };
        let at = *places.entry(domain.clone()).or_insert_with(|| {
            groups.push(Group::alone(domain, &[]));
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.names.push(one.name.clone());
        }
    }
    for one in further {
        let home = one.name.domain().and_then(|domain| {
            let above = places.iter().filter(|(above, _)| domain.is_within(above));
            above.max_by_key(|(above, _)| above.as_str().len())
        });
        match home.and_then(|(_, at)| groups.get_mut(*at)) {
            Some(group) => group.names.push(one.name.clone()),
            None => {
                groups.push(Group {
                    domain: None,
                    tenant: None,
                    names: vec![one.name.clone()],
                });
            }
        }
    }
    groups
}

fn is_edge_fqdn(one: &PlannedName) -> bool {
    one.reasons.contains(&Reason::EdgeFqdn)
}

/// The domain of the deployment for which a name is planned; `None` for further names.
fn owner(one: &PlannedName) -> Option<Domain> {
    one.reasons.iter().find_map(|reason| match reason {
        Reason::SipHost(domain) | Reason::SipDomain(domain) | Reason::XmppDomain(domain) => {
            Some(domain.clone())
        }
        Reason::Component(own, parent) => Some(parent.clone().unwrap_or_else(|| own.clone())),
        Reason::EdgeFqdn | Reason::Extra => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::plan::{PlanInput, plan_names};
    use crate::names::{NameForm, Use};
    use std::collections::BTreeSet;

    fn plan(domains: &[&str], components: &[&str], extra: &[&str]) -> SanPlan {
        let parse = |all: &[&str]| all.iter().map(|d| Domain::parse(d).unwrap()).collect();
        plan_names(&PlanInput {
            fqdn: Domain::parse("edge.contoso.com").unwrap(),
            sip_domains: parse(domains),
            xmpp_domains: parse(domains),
            components: parse(components),
            uses: BTreeSet::from([Use::SipEdge, Use::XmppS2s]),
            extra: extra
                .iter()
                .map(|one| Identifier::parse_typed(one).unwrap())
                .collect(),
            forms: BTreeSet::from([NameForm::Dns]),
            limit: Some(5),
        })
        .unwrap()
    }

    #[test]
    fn a_domains_names_stay_together_and_the_fqdn_goes_into_each() {
        let plan = plan(
            &["contoso.com", "fabrikam.com", "adatum.org"],
            &["conference.contoso.com"],
            &["dns:web.fabrikam.com", "dns:elsewhere.net"],
        );
        let parts = split_by_domain(&plan, 5);
        let told: Vec<String> = parts.iter().map(Part::words).collect();
        assert_eq!(
            told,
            [
                "contoso.com (5 names)",
                "fabrikam.com (4 names)",
                "adatum.org (3 names)"
            ],
            "{parts:?}"
        );
        let mut held: Vec<_> = parts.iter().flat_map(|part| &part.names).collect();
        held.sort();
        held.dedup();
        assert_eq!(held.len(), plan.names.len());
        assert!(
            parts
                .iter()
                .all(|part| part.names[0].to_string() == "edge.contoso.com")
        );
    }

    #[test]
    fn a_thousand_domains_are_told_in_a_few_lines() {
        let domains: Vec<String> = (0..1000).map(|at| format!("d{at:04}.net")).collect();
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        let parts = split_by_domain(&plan(&domains, &[], &[]), 25);
        let told = parts_in_words(&parts);
        assert_eq!(told.len(), 5);
        assert_eq!(
            told[0],
            "1: d0000.net, d0001.net, d0002.net, d0003.net and 8 more (25 names)"
        );
        assert_eq!(told[4], "and 80 more");
    }

    #[test]
    fn a_domain_over_the_limit_stands_alone() {
        let plan = plan(
            &["contoso.com", "fabrikam.com"],
            &[
                "a.contoso.com",
                "b.contoso.com",
                "c.contoso.com",
                "d.contoso.com",
            ],
            &[],
        );
        let parts = split_by_domain(&plan, 5);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].names.len(), 7);
        assert_eq!(parts[1].domains_in_words(), "fabrikam.com");
    }
}
