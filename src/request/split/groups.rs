//! The names of each domain of a deployment, apart from those of the others.

use super::{Group, SplitError};
use crate::deployment::{Certificate, Deployment};
use crate::names::plan::{PlanError, PlanInput, parent_of, plan_names};
use crate::names::{Domain, Identifier, NameForm};
use std::collections::{BTreeMap, BTreeSet};

/// The names of each domain by itself, as a certificate gets them that is narrowed down to it.
pub(super) struct Groups {
    /// In the order of the plan.
    pub(super) order: Vec<Domain>,
    pub(super) by_domain: BTreeMap<Domain, Group>,
    /// Names of components that lie under no domain of the edge.
    pub(super) orphans: Vec<Identifier>,
}

impl Groups {
    pub(super) fn of(
        deployment: &Deployment,
        base: &Certificate,
        forms: &BTreeSet<NameForm>,
    ) -> Result<Self, SplitError> {
        let edge = &deployment.edge;
        let every: BTreeSet<&Domain> = edge.xmpp_domains.iter().chain(&edge.sip_domains).collect();
        let sip: BTreeSet<&Domain> = edge.sip_domains.iter().collect();
        let xmpp: BTreeSet<&Domain> = edge.xmpp_domains.iter().collect();
        let mut components: BTreeMap<Option<&Domain>, Vec<Domain>> = BTreeMap::new();
        for component in &edge.components {
            let parent = parent_of(component, &every);
            components
                .entry(parent)
                .or_default()
                .push(component.clone());
        }
        let names_of = |domain: Option<&Domain>| -> Result<Vec<Identifier>, SplitError> {
            let list = |all: &BTreeSet<&Domain>| {
                domain
                    .filter(|one| all.contains(one))
                    .cloned()
                    .into_iter()
                    .collect()
            };
            let input = PlanInput {
                fqdn: edge.fqdn.clone(),
                sip_domains: list(&sip),
                xmpp_domains: list(&xmpp),
                components: components.get(&domain).cloned().unwrap_or_default(),
                uses: base.uses.clone(),
                extra: Vec::new(),
                forms: forms.clone(),
                limit: None,
            };
            match plan_names(&input) {
                Ok(plan) => Ok(plan.names.into_iter().skip(1).map(|one| one.name).collect()),
                Err(PlanError::NoDomain { .. }) => Ok(Vec::new()),
                Err(error) => Err(SplitError::Plan(error)),
            }
        };
        let tops = |domain: &Domain| -> Domain {
            let above = every.iter().copied().filter(|top| domain.is_within(top));
            above
                .min_by_key(|top| top.as_str().len())
                .unwrap_or(domain)
                .clone()
        };
        let (mut order, mut by_domain) = (Vec::new(), BTreeMap::new());
        let xmpp_only = edge.xmpp_domains.iter().filter(|one| !sip.contains(one));
        for domain in edge.sip_domains.iter().chain(xmpp_only) {
            let names = names_of(Some(domain))?;
            // One that these uses take no name from.
            if names.is_empty() {
                continue;
            }
            order.push(domain.clone());
            by_domain.insert(
                domain.clone(),
                Group {
                    domain: Some(domain.clone()),
                    tenant: Some(tops(domain)),
                    names,
                },
            );
        }
        Ok(Self {
            order,
            by_domain,
            orphans: names_of(None)?,
        })
    }

    /// The nearest domain that a further name lies under.
    pub(super) fn owner(&self, name: &Identifier) -> Option<&Domain> {
        let domain = name.domain()?;
        let above = self.order.iter().filter(|above| domain.is_within(above));
        above.max_by_key(|above| above.as_str().len())
    }
}
