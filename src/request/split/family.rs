//! The split of a deployment's certificate into several: `external-edge`, `external-edge-2`, and so on.
//!
//! They are a family: the same issuer and uses, and a name with a number after it. What a certificate of the family
//! holds stays there while it fits; a domain that none of them holds goes into the first with room, else into a new
//! one. So the same file gives the same split, and a further domain moves no other.

use super::groups::Groups;
use super::{Bin, Group, SplitError};
use crate::deployment::{Certificate, Deployment};
use crate::names::plan::plan_names;
use crate::names::{Domain, Identifier, NameForm, Slug, Use};
use std::collections::{BTreeMap, BTreeSet};

/// By which rule domains share a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// As many as the issuer's limit allows.
    Limit,
    /// Only a domain and those below it.
    Tenant,
}

/// One certificate of the family to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// With its `domains` and `san` to be.
    pub certificate: Certificate,
    /// Whether the deployment has it already.
    pub is_new: bool,
    /// Domains that it gets; all of its own where it is new.
    pub gained: Vec<Domain>,
    /// Domains that go to another certificate; not told where it held all of them.
    pub lost: Vec<Domain>,
    /// Whether anything of it changes.
    pub changes: bool,
    /// How many names it asks for.
    pub names: usize,
}

/// A certificate with its split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Its first certificate.
    pub base: Slug,
    /// The issuer's limit.
    pub limit: Option<usize>,
    /// The base first, then by number.
    pub members: Vec<Member>,
}

impl Family {
    /// Whether the deployment has to be changed for it.
    pub fn changes(&self) -> bool {
        self.members.iter().any(|one| one.changes)
    }

    /// The names of the certificates that are new.
    pub fn new_names(&self) -> Vec<Slug> {
        let new = self.members.iter().filter(|one| one.is_new);
        new.map(|one| one.certificate.name.clone()).collect()
    }
}

/// The certificate to which one with a number after its name belongs; itself, where it has none.
pub fn base_of<'a>(deployment: &'a Deployment, certificate: &'a Certificate) -> &'a Certificate {
    let base = deployment
        .certificates
        .iter()
        .find(|base| number_in(base, certificate).is_some());
    base.unwrap_or(certificate)
}

/// The number of a certificate in the family of `base`.
fn number_in(base: &Certificate, other: &Certificate) -> Option<usize> {
    let number = other
        .name
        .as_str()
        .strip_prefix(base.name.as_str())?
        .strip_prefix('-')?;
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    let number = number.parse().ok().filter(|number| plain && *number >= 2)?;
    let is_kin = other.issuer == base.issuer && other.uses == base.uses && other.domains.is_some();
    is_kin.then_some(number)
}

/// Splits the family of a base, given the forms and the limit of its issuer's profile.
///
/// Errors: [`SplitError`] where a domain or the further names do not fit into one certificate.
pub fn split_family(
    deployment: &Deployment,
    base: &Certificate,
    forms: &BTreeSet<NameForm>,
    limit: Option<usize>,
    by: SplitBy,
) -> Result<Family, SplitError> {
    let mut numbered: Vec<(usize, &Certificate)> = deployment
        .certificates
        .iter()
        .filter_map(|other| Some((number_in(base, other)?, other)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    let mut members = vec![base];
    members.extend(numbered.iter().map(|(_, other)| *other));

    let whole =
        plan_names(&deployment.plan_input(base, forms.clone(), limit)).map_err(SplitError::Plan)?;
    let fits = whole.surplus() == 0;
    if base.domains.is_none() && fits && (by == SplitBy::Limit || members.len() > 1) {
        let kept = members
            .iter()
            .map(|one| kept_as_is(deployment, one, forms, limit));
        return Ok(Family {
            base: base.name.clone(),
            limit,
            members: kept.collect::<Result<_, _>>()?,
        });
    }
    let groups = Groups::of(deployment, base, forms)?;
    let mut split = Splitting {
        groups,
        fqdn: whole.names.first().map(|one| one.name.clone()),
        limit: limit.unwrap_or(usize::MAX),
        by,
        bins: Vec::new(),
        queue: BTreeMap::new(),
    };
    for (at, member) in members.iter().enumerate() {
        split.keep(member, if at == 0 { Some(deployment) } else { None })?;
    }
    split.queue_what_is_new(deployment, &members);
    split.place(base)?;
    split.into_family(deployment, base, &members, limit)
}

fn kept_as_is(
    deployment: &Deployment,
    certificate: &Certificate,
    forms: &BTreeSet<NameForm>,
    limit: Option<usize>,
) -> Result<Member, SplitError> {
    let input = deployment.plan_input(certificate, forms.clone(), limit);
    let plan = plan_names(&input).map_err(SplitError::Plan)?;
    Ok(Member {
        certificate: certificate.clone(),
        is_new: false,
        gained: Vec::new(),
        lost: Vec::new(),
        changes: false,
        names: plan.names.len(),
    })
}

/// The work, with what is placed already.
struct Splitting {
    groups: Groups,
    fqdn: Option<Identifier>,
    limit: usize,
    by: SplitBy,
    bins: Vec<Bin>,
    /// Domains to be placed, with the further names that go with them.
    queue: BTreeMap<Domain, Vec<Identifier>>,
}

impl Splitting {
    /// A certificate that is there keeps what fits. The deployment is given for the base, which may hold all.
    fn keep(
        &mut self,
        member: &Certificate,
        all_of: Option<&Deployment>,
    ) -> Result<(), SplitError> {
        let mut bin = Bin::with(self.fqdn.clone());
        let held: &[Domain] = member.domains.as_deref().unwrap_or_default();
        let goes_all = all_of.is_some() && member.domains.is_none();
        let mut with: BTreeMap<Domain, Vec<Identifier>> = BTreeMap::new();
        for name in &member.san {
            let owner = self.groups.owner(name);
            match owner.filter(|owner| goes_all || held.contains(owner)) {
                Some(owner) => with.entry(owner.clone()).or_default().push(name.clone()),
                None => bin.further.push(name.clone()),
            }
        }
        if goes_all {
            for name in &self.groups.orphans {
                if !bin.further.contains(name) {
                    bin.further.push(name.clone());
                }
            }
        }
        bin.names.extend(bin.further.iter().cloned());
        if bin.names.len() >= self.limit {
            return Err(SplitError::FurtherNames {
                certificate: member.name.clone(),
                count: bin.further.len(),
                limit: self.limit,
            });
        }
        if goes_all {
            for domain in self.groups.order.clone() {
                let further = with.remove(&domain).unwrap_or_default();
                self.queue.insert(domain, further);
            }
        }
        for domain in held {
            let further = with.remove(domain).unwrap_or_default();
            // A domain that gives no name stays where it was written.
            let group = match self.groups.by_domain.get(domain) {
                Some(group) => group.and(&further),
                None => Group::alone(domain.clone(), &further),
            };
            if bin.takes(&group, self.limit, self.by) {
                bin.take(group, further);
            } else {
                self.queue.insert(domain.clone(), further);
            }
        }
        self.bins.push(bin);
        Ok(())
    }

    /// Domains of the edge that no certificate holds which has a use in common. A certificate that was narrowed down by
    /// hand and stands alone gets none of them.
    fn queue_what_is_new(&mut self, deployment: &Deployment, members: &[&Certificate]) {
        let Some(base) = members.first() else { return };
        let grows = members.len() > 1;
        let held: BTreeSet<Domain> = self
            .bins
            .iter()
            .flat_map(|bin| bin.domains.clone())
            .collect();
        self.queue.retain(|domain, _| !held.contains(domain));
        if !grows || base.domains.is_none() {
            return;
        }
        let others: Vec<&Certificate> = deployment
            .certificates
            .iter()
            .filter(|one| !members.iter().any(|member| member.name == one.name))
            .filter(|one| {
                one.uses
                    .iter()
                    .any(|duty| *duty != Use::InternalEdge && base.uses.contains(duty))
            })
            .collect();
        for domain in &self.groups.order {
            let elsewhere = others.iter().any(|other| {
                other
                    .domains
                    .as_ref()
                    .is_none_or(|domains| domains.contains(domain))
            });
            if !elsewhere && !held.contains(domain) {
                self.queue.entry(domain.clone()).or_default();
            }
        }
    }

    fn place(&mut self, base: &Certificate) -> Result<(), SplitError> {
        let order = std::mem::take(&mut self.groups.order);
        let unnamed: Vec<Domain> = self
            .queue
            .keys()
            .filter(|domain| !self.groups.by_domain.contains_key(*domain))
            .cloned()
            .collect();
        for domain in order.iter().chain(&unnamed) {
            let Some(further) = self.queue.remove(domain) else {
                continue;
            };
            let group = match self.groups.by_domain.get(domain) {
                Some(group) => group.and(&further),
                None => Group::alone(domain.clone(), &further),
            };
            let count = Bin::with(self.fqdn.clone()).count_with(&group);
            if count > self.limit {
                return Err(SplitError::DomainTooLarge {
                    certificate: base.name.clone(),
                    domain: domain.clone(),
                    count,
                    limit: self.limit,
                });
            }
            let place = super::first_with_room(&self.bins, &group, self.limit, self.by);
            let bin = match place {
                Some(at) => at,
                None => {
                    self.bins.push(Bin::with(self.fqdn.clone()));
                    self.bins.len() - 1
                }
            };
            if let Some(bin) = self.bins.get_mut(bin) {
                bin.take(group, further);
            }
        }
        self.groups.order = order;
        Ok(())
    }

    fn into_family(
        self,
        deployment: &Deployment,
        base: &Certificate,
        members: &[&Certificate],
        limit: Option<usize>,
    ) -> Result<Family, SplitError> {
        let is_alone = self.bins.len() == 1;
        let mut taken: BTreeSet<Slug> = deployment
            .certificates
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let mut number = 2;
        let mut all = Vec::new();
        for (at, bin) in self.bins.into_iter().enumerate() {
            let names = bin.names.len();
            if let Some(member) = members.get(at) {
                let whole = member.domains.is_none();
                // A family of one needs no list.
                if whole && is_alone {
                    all.push(Member {
                        certificate: (*member).clone(),
                        is_new: false,
                        gained: Vec::new(),
                        lost: Vec::new(),
                        changes: false,
                        names,
                    });
                    continue;
                }
                // All of its further names, or none of its domains: neither can be written as a list.
                if bin.domains.is_empty() {
                    return Err(SplitError::FurtherNames {
                        certificate: member.name.clone(),
                        count: bin.further.len(),
                        limit: self.limit,
                    });
                }
                let before = member.domains.clone().unwrap_or_default();
                let san = in_order_of(&member.san, bin.further);
                let certificate = Certificate {
                    domains: Some(bin.domains.clone()),
                    san,
                    ..(*member).clone()
                };
                let gained = if whole {
                    Vec::new()
                } else {
                    bin.domains
                        .iter()
                        .filter(|one| !before.contains(one))
                        .cloned()
                        .collect()
                };
                let lost = before
                    .iter()
                    .filter(|one| !bin.domains.contains(one))
                    .cloned();
                all.push(Member {
                    is_new: false,
                    gained,
                    lost: lost.collect(),
                    changes: certificate != **member,
                    certificate,
                    names,
                });
                continue;
            }
            let name = loop {
                let text = format!("{}-{number}", base.name);
                let name = Slug::parse(&text).map_err(SplitError::Name)?;
                number += 1;
                if taken.insert(name.clone()) {
                    break name;
                }
            };
            let label = base.friendly_name.as_ref();
            let certificate = Certificate {
                friendly_name: label.map(|label| format!("{label} {}", number - 1)),
                name,
                domains: Some(bin.domains.clone()),
                san: bin.further,
                ..base.clone()
            };
            all.push(Member {
                certificate,
                is_new: true,
                gained: bin.domains,
                lost: Vec::new(),
                changes: true,
                names,
            });
        }
        Ok(Family {
            base: base.name.clone(),
            limit,
            members: all,
        })
    }
}

/// Names that stay, in the order in which they stood, then the others.
fn in_order_of(before: &[Identifier], now: Vec<Identifier>) -> Vec<Identifier> {
    let mut all: Vec<Identifier> = before
        .iter()
        .filter(|one| now.contains(one))
        .cloned()
        .collect();
    all.extend(now.into_iter().filter(|one| !before.contains(one)));
    all
}

#[cfg(test)]
#[path = "family_tests.rs"]
mod tests;
