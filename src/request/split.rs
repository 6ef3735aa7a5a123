//! More names than an issuer takes: which domains go into which certificate.
//!
//! A domain's names stay together, since a server picks one certificate for a domain; the Access Edge FQDN goes into
//! each. The order of the plan is kept, so the same deployment gives the same split.

use crate::names::plan::{PlannedName, Reason, SanPlan};
use crate::names::{Domain, Identifier};

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
        let plural = if self.names.len() == 1 { "" } else { "s" };
        format!(
            "{} ({} name{plural})",
            self.domains_in_words(),
            self.names.len()
        )
    }

    /// `contoso.com, fabrikam.com`, or `further names`.
    pub fn domains_in_words(&self) -> String {
        if self.domains.is_empty() {
            return "further names".into();
        }
        let words: Vec<&str> = self.domains.iter().map(Domain::as_str).collect();
        words.join(", ")
    }
}

/// Splits a plan so that each part keeps the limit where a domain alone does not break it. First fit in plan order.
pub fn split_by_domain(plan: &SanPlan, limit: usize) -> Vec<Part> {
    let shared: Vec<Identifier> = plan
        .names
        .iter()
        .filter(|one| is_edge_fqdn(one))
        .map(|one| one.name.clone())
        .collect();
    let mut parts: Vec<Part> = Vec::new();
    for (domain, names) in group_by_domain(plan) {
        let fitting = parts
            .iter_mut()
            .find(|part| part.names.len() + names.len() <= limit);
        let part = match fitting {
            Some(part) => part,
            None => {
                parts.push(Part {
                    domains: Vec::new(),
                    names: shared.clone(),
                });
                match parts.last_mut() {
                    Some(part) => part,
                    // One was pushed above.
                    None => continue,
                }
            }
        };
        part.domains.extend(domain);
        part.names.extend(names);
    }
    parts
}

/// The names of each domain, in the order of its first name. Further names go with the domain they lie under, the
/// others each for itself.
fn group_by_domain(plan: &SanPlan) -> Vec<(Option<Domain>, Vec<Identifier>)> {
    let mut groups: Vec<(Option<Domain>, Vec<Identifier>)> = Vec::new();
    let (owned, further): (Vec<_>, Vec<_>) = plan
        .names
        .iter()
        .filter(|one| !is_edge_fqdn(one))
        .partition(|one| owner(one).is_some());
    for one in owned {
        let domain = owner(one);
        match groups.iter_mut().find(|(known, _)| *known == domain) {
            Some((_, names)) => names.push(one.name.clone()),
            None => groups.push((domain, vec![one.name.clone()])),
        }
    }
    for one in further {
        let home = groups.iter_mut().find(|(known, _)| {
            known.as_ref().is_some_and(|known| {
                one.name
                    .domain()
                    .is_some_and(|domain| domain.is_within(known))
            })
        });
        match home {
            Some((_, names)) => names.push(one.name.clone()),
            None => groups.push((None, vec![one.name.clone()])),
        }
    }
    groups
}

fn is_edge_fqdn(one: &PlannedName) -> bool {
    one.reasons.contains(&Reason::EdgeFqdn)
}

/// The domain of the deployment for which a name is planned; none for further names.
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
