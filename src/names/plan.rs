//! Services and domains in, wanted names out, each with its reason: the SAN plan.
//!
//! The rules are those of a mixed edge: the FQDN, `sip.<d>` and `<d>` per SIP domain (Lync asks for the first,
//! RFC 5922 for the second), `<x>` per XMPP domain and per component (RFC 6120 §13.7.1.2). SRV-IDs, XmppAddr and
//! `sip:` URIs follow where the issuer's profile allows them.

mod error;
mod words;

pub use error::PlanError;

use super::matching::wildcard_covers;
use super::{Domain, Identifier, NameForm, SipUri, SrvId, Use, XmppAddr};
use std::collections::{BTreeMap, BTreeSet};

/// What the plan is made from.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// Access Edge FQDN.
    pub fqdn: Domain,
    /// SIP domains, the first is the primary one.
    pub sip_domains: Vec<Domain>,
    /// XMPP domains.
    pub xmpp_domains: Vec<Domain>,
    /// XMPP components that talk to other servers.
    pub components: Vec<Domain>,
    /// What the certificate is for.
    pub uses: BTreeSet<Use>,
    /// Further names as asked for.
    pub extra: Vec<Identifier>,
    /// Forms that the issuer's profile allows.
    pub forms: BTreeSet<NameForm>,
    /// How many names the issuer puts in one certificate.
    pub limit: Option<usize>,
}

/// Why a name is wanted. One name may have several reasons.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Access Edge FQDN: subject, and target of the SRV records.
    EdgeFqdn,
    /// `sip.<d>` of a SIP domain.
    SipHost(Domain),
    /// A SIP domain itself (RFC 5922).
    SipDomain(Domain),
    /// An XMPP domain (RFC 6120).
    XmppDomain(Domain),
    /// A component that talks to other servers, with the XMPP domain it lies under, if any.
    Component(Domain, Option<Domain>),
    /// Asked for by the deployment or a flag.
    Extra,
}

/// One wanted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedName {
    /// The name.
    pub name: Identifier,
    /// Why, at least one.
    pub reasons: Vec<Reason>,
}

/// The wanted names in a stable order: the FQDN first, then domain by domain in the deployment's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanPlan {
    /// The names, without duplicates.
    pub names: Vec<PlannedName>,
    /// Names that would have been planned, of forms which the issuer's profile does not allow.
    pub left_out: Vec<PlannedName>,
    /// The issuer's limit, if it has one.
    pub limit: Option<usize>,
}

/// Plans the names.
///
/// The order: the FQDN; each SIP domain with `sip.<d>` before `<d>`; after a domain that is an XMPP domain too, its
/// components; then the other XMPP domains with theirs; components under no XMPP domain; the extra names. Within
/// one domain the forms come in the order DNS-ID, SRV-ID, XmppAddr, URI-ID. A name wanted twice stands where it is
/// wanted first, with all its reasons.
///
/// Errors: see [`PlanError`]. More names than `limit` are no error here: see [`SanPlan::surplus`].
pub fn plan_names(input: &PlanInput) -> Result<SanPlan, PlanError> {
    if input.uses.is_empty() {
        return Err(PlanError::NoUse);
    }
    let duties = Duties::of(&input.uses);
    let sip_domains: &[Domain] = if duties.sip { &input.sip_domains } else { &[] };
    let xmpp_domains: &[Domain] = if duties.s2s || duties.c2s {
        &input.xmpp_domains
    } else {
        &[]
    };
    let components: &[Domain] = if duties.s2s { &input.components } else { &[] };
    if !input.uses.contains(&Use::InternalEdge)
        && sip_domains.is_empty()
        && xmpp_domains.is_empty()
        && components.is_empty()
        && input.extra.is_empty()
    {
        return Err(PlanError::NoDomain {
            uses: input.uses.clone(),
        });
    }
    check_extras(input, sip_domains)?;

    let mut draft = Draft::default();
    draft.want(dns(&input.fqdn), Reason::EdgeFqdn);
    if !sip_domains.is_empty() {
        // RFC 5922 §7.1: one sip URI makes strict peers ignore DNS names, so all SIP names have one.
        draft.want(
            Identifier::Sip(SipUri::from(input.fqdn.clone())),
            Reason::EdgeFqdn,
        );
    }
    let sip: BTreeSet<&Domain> = sip_domains.iter().collect();
    let xmpp: BTreeSet<&Domain> = xmpp_domains.iter().collect();
    let mut children: BTreeMap<Option<&Domain>, Vec<&Domain>> = BTreeMap::new();
    for component in components {
        let parent = parent_of(component, &xmpp);
        children.entry(parent).or_default().push(component);
    }
    for domain in sip_domains {
        // A domain whose child is too long for DNS has no `sip.` host that anybody could ask for.
        if let Ok(host) = domain.child("sip") {
            draft.want(dns(&host), Reason::SipHost(domain.clone()));
        }
        draft.want(dns(domain), Reason::SipDomain(domain.clone()));
        if xmpp.contains(domain) {
            draft.want_xmpp(domain, duties, &children);
        }
        draft.want(
            Identifier::Sip(SipUri::from(domain.clone())),
            Reason::SipDomain(domain.clone()),
        );
    }
    for domain in xmpp_domains {
        if !sip.contains(domain) {
            draft.want_xmpp(domain, duties, &children);
        }
    }
    for component in children.get(&None).into_iter().flatten() {
        draft.want_component(component, None);
    }
    for name in &input.extra {
        draft.want(name.clone(), Reason::Extra);
    }
    let (names, left_out) = draft
        .names
        .into_iter()
        .partition(|planned| input.forms.contains(&planned.name.form()));
    Ok(SanPlan {
        names,
        left_out,
        limit: input.limit,
    })
}

/// The domain that a component lies under: of `domains`, the longest above it.
pub fn parent_of<'a>(component: &Domain, domains: &BTreeSet<&'a Domain>) -> Option<&'a Domain> {
    let mut rest = component.as_str();
    while let Some((_, above)) = rest.split_once('.') {
        // A single label is no domain, and ends the way up.
        if let Some(found) = domains.get(&Domain::parse(above).ok()?) {
            return Some(found);
        }
        rest = above;
    }
    None
}

/// Which uses are among those asked for.
#[derive(Clone, Copy)]
struct Duties {
    sip: bool,
    s2s: bool,
    c2s: bool,
}

impl Duties {
    fn of(uses: &BTreeSet<Use>) -> Self {
        Self {
            sip: uses.contains(&Use::SipEdge),
            s2s: uses.contains(&Use::XmppS2s),
            c2s: uses.contains(&Use::XmppC2s),
        }
    }
}

/// Extra names have to be ones that can be asked for: silence would end in a certificate that lacks them.
fn check_extras(input: &PlanInput, sip_domains: &[Domain]) -> Result<(), PlanError> {
    let hosts = sip_domains.iter().filter_map(|d| d.child("sip").ok());
    let sip_names: Vec<Domain> = if sip_domains.is_empty() {
        Vec::new()
    } else {
        std::iter::once(input.fqdn.clone())
            .chain(sip_domains.iter().cloned())
            .chain(hosts)
            .collect()
    };
    for name in &input.extra {
        if !input.forms.contains(&name.form()) {
            return Err(PlanError::FormRefused {
                name: name.clone(),
                allowed: input.forms.clone(),
            });
        }
        let presented = [name.to_presented()];
        if let Some(covered) = sip_names
            .iter()
            .find(|domain| !wildcard_covers(domain, &presented).is_empty())
        {
            return Err(PlanError::WildcardForSip {
                wildcard: name.clone(),
                covered: covered.clone(),
            });
        }
    }
    Ok(())
}

fn dns(domain: &Domain) -> Identifier {
    Identifier::Dns(domain.clone().into())
}

/// The names so far, each once.
#[derive(Default)]
struct Draft {
    names: Vec<PlannedName>,
    places: BTreeMap<Identifier, usize>,
}

impl Draft {
    fn want(&mut self, name: Identifier, reason: Reason) {
        let place = *self.places.entry(name.clone()).or_insert_with(|| {
            self.names.push(PlannedName {
                name,
                reasons: Vec::new(),
            });
            self.names.len() - 1
        });
        if let Some(planned) = self.names.get_mut(place)
            && !planned.reasons.contains(&reason)
        {
            planned.reasons.push(reason);
        }
    }

    /// An XMPP domain in every form, and its components.
    fn want_xmpp(
        &mut self,
        domain: &Domain,
        duties: Duties,
        children: &BTreeMap<Option<&Domain>, Vec<&Domain>>,
    ) {
        let reason = Reason::XmppDomain(domain.clone());
        self.want(dns(domain), reason.clone());
        if duties.s2s {
            let srv = SrvId::xmpp_server(domain.clone());
            self.want(Identifier::Srv(srv), reason.clone());
        }
        if duties.c2s {
            let srv = SrvId::xmpp_client(domain.clone());
            self.want(Identifier::Srv(srv), reason.clone());
        }
        self.want(Identifier::Xmpp(XmppAddr::from(domain.clone())), reason);
        for component in children.get(&Some(domain)).into_iter().flatten() {
            self.want_component(component, Some(domain));
        }
    }

    /// Components speak to servers only, so they need no `_xmpp-client` (RFC 6120 §13.7.1.2.1).
    fn want_component(&mut self, component: &Domain, parent: Option<&Domain>) {
        let reason = Reason::Component(component.clone(), parent.cloned());
        self.want(dns(component), reason.clone());
        let srv = SrvId::xmpp_server(component.clone());
        self.want(Identifier::Srv(srv), reason.clone());
        self.want(Identifier::Xmpp(XmppAddr::from(component.clone())), reason);
    }
}

impl SanPlan {
    /// The planned names alone, in order.
    pub fn identifiers(&self) -> Vec<Identifier> {
        self.names.iter().map(|n| n.name.clone()).collect()
    }

    /// How many names are over the issuer's limit; 0 when they fit or there is no limit.
    pub fn surplus(&self) -> usize {
        self.limit
            .map_or(0, |limit| self.names.len().saturating_sub(limit))
    }

    /// The forms of the names left out, each once, in the order of [`NameForm`].
    pub fn forms_left_out(&self) -> BTreeSet<NameForm> {
        self.left_out.iter().map(|n| n.name.form()).collect()
    }

    /// The domains for which no CA can vouch, as they are kept for documentation and tests (RFC 2606, RFC 6761):
    /// each once, in the plan's order. `request` warns of them.
    pub fn example_domains(&self) -> Vec<Domain> {
        let mut found: Vec<Domain> = Vec::new();
        for domain in self.names.iter().filter_map(|n| n.name.domain()) {
            if domain.is_for_examples() && !found.contains(domain) {
                found.push(domain.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
