//! Services and domains in, wanted names out, each with its reason: the SAN plan.
//!
//! The rules are those of a mixed edge: the FQDN, `sip.<d>` and `<d>` per SIP domain (Lync asks for the first,
//! RFC 5922 for the second), `<x>` per XMPP domain and per component (RFC 6120 §13.7.1.2). SRV-IDs, XmppAddr and
//! `sip:` URIs follow where the issuer's profile allows them.

use super::matching::wildcard_covers;
use super::{Domain, Identifier, NameForm, SipUri, SrvId, Use, XmppAddr};
use crate::explain::{Explain, Explanation, printable};
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

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An extra wildcard would stand for a name of SIP.
    #[error("the wildcard {wildcard} would stand for the SIP name {covered}")]
    WildcardForSip {
        /// The wildcard as asked for.
        wildcard: Identifier,
        /// The first SIP name that it would stand for.
        covered: Domain,
    },
    /// An extra name is of a form that the issuer's profile does not allow.
    #[error("the issuer's profile allows no {} such as {name}", name.form())]
    FormRefused {
        /// The name as asked for.
        name: Identifier,
        /// What the profile allows.
        allowed: BTreeSet<NameForm>,
    },
    /// None of the uses has a domain, and no further name is asked for.
    #[error("there is no domain for the uses")]
    NoDomain {
        /// The uses that take domains.
        uses: BTreeSet<Use>,
    },
    /// The certificate is for nothing.
    #[error("the certificate has no use")]
    NoUse,
}

/// Plans the names.
///
/// The order: the FQDN; each SIP domain with `sip.<d>` before `<d>`; behind a domain that is an XMPP domain too its
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
        let parent = nearest_above(component, |above| xmpp.get(above).copied());
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

/// The domain that a component lies under: the longest of `domains` above it.
pub fn parent_of<'a>(component: &Domain, domains: &'a [Domain]) -> Option<&'a Domain> {
    domains
        .iter()
        .filter(|domain| component != *domain && component.is_within(domain))
        .max_by_key(|domain| domain.as_str().len())
}

/// The first domain above that `find` knows, label by label.
fn nearest_above<'a>(
    component: &Domain,
    find: impl Fn(&Domain) -> Option<&'a Domain>,
) -> Option<&'a Domain> {
    let mut rest = component.as_str();
    while let Some((_, above)) = rest.split_once('.') {
        // A single label is no domain, and ends the way up.
        if let Some(found) = find(&Domain::parse(above).ok()?) {
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

impl Reason {
    /// In words: `SIP domain (RFC 5922)`, `component of contoso.com that talks to partners`.
    pub fn words(&self) -> String {
        match self {
            Reason::EdgeFqdn => "Access Edge FQDN (subject), target of the SRV records".to_owned(),
            Reason::SipHost(domain) => format!("SIP domain {}", shown(domain)),
            Reason::SipDomain(_) => "SIP domain (RFC 5922)".to_owned(),
            Reason::XmppDomain(_) => "XMPP domain (RFC 6120)".to_owned(),
            Reason::Component(_, Some(parent)) => {
                format!("component of {} that talks to partners", shown(parent))
            }
            Reason::Component(_, None) => "component that talks to partners".to_owned(),
            Reason::Extra => "asked for as a further name".to_owned(),
        }
    }

    /// What breaks without the name, in words; for the FQDN it depends on what the certificate is for.
    pub fn without(&self, uses: &BTreeSet<Use>) -> &'static str {
        match self {
            Reason::EdgeFqdn if uses.contains(&Use::SipEdge) => "Lync and SfB partners refuse TLS",
            Reason::EdgeFqdn if uses.contains(&Use::InternalEdge) => {
                "the company's own servers refuse TLS"
            }
            Reason::EdgeFqdn => "peers that check the SRV target (RFC 7673) refuse TLS",
            Reason::SipHost(_) => "Lync clients cannot sign in",
            Reason::SipDomain(_) => "SIP peers that follow RFC 5922 refuse TLS",
            Reason::XmppDomain(_) => "XMPP partners fall back to dialback or refuse",
            Reason::Component(..) => "rooms cannot be joined from outside",
            Reason::Extra => "whoever connects to this name refuses TLS",
        }
    }

    /// Which reason tells most about what breaks: XMPP partners before strict SIP peers.
    fn weight(&self) -> u8 {
        match self {
            Reason::EdgeFqdn => 5,
            Reason::SipHost(_) => 4,
            Reason::XmppDomain(_) => 3,
            Reason::Component(..) => 2,
            Reason::SipDomain(_) => 1,
            Reason::Extra => 0,
        }
    }
}

impl PlannedName {
    /// All reasons in words, joined by `and`.
    pub fn because(&self) -> String {
        let words: Vec<String> = self.reasons.iter().map(Reason::words).collect();
        words.join(" and ")
    }

    /// What breaks without this name in this form, for a certificate with these uses: the two gravest of its reasons
    /// for a DNS-ID, and little for the other forms, since no known server needs them beside a DNS-ID.
    pub fn without(&self, uses: &BTreeSet<Use>) -> String {
        match self.name.form() {
            NameForm::Srv => "peers that trust SRV-IDs alone fall back to dialback".to_owned(),
            NameForm::Xmpp => {
                "old servers that read XmppAddr alone fall back to dialback".to_owned()
            }
            NameForm::Uri => "peers that read sip URIs first (RFC 5922 §7.1) may refuse".to_owned(),
            NameForm::Dns | NameForm::Ip | NameForm::Email => {
                let mut reasons: Vec<&Reason> = self.reasons.iter().collect();
                reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight()));
                // That somebody asked for it as well says nothing beside a reason of its own.
                if reasons.len() > 1 {
                    reasons.retain(|reason| **reason != Reason::Extra);
                }
                let mut words: Vec<&str> = reasons.iter().map(|one| one.without(uses)).collect();
                words.dedup();
                words.truncate(MOST_CONSEQUENCES);
                words.join("; ")
            }
        }
    }
}

/// Most consequences told of one name.
const MOST_CONSEQUENCES: usize = 2;

/// A domain with its U-labels beside it, where these are other ones.
fn shown(domain: &Domain) -> String {
    let letters = domain.to_unicode();
    if letters == domain.as_str() {
        domain.to_string()
    } else {
        format!("{domain} ({})", printable(&letters))
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

impl Explain for PlanError {
    fn explain(&self) -> Explanation {
        let (code, what, why, mend) = match self {
            PlanError::WildcardForSip { wildcard, covered } => (
                "plan.wildcard-for-sip",
                format!(
                    "a wildcard cannot stand for a SIP name: {}",
                    wildcard.to_typed()
                ),
                format!(
                    "it would cover {covered}, and SIP peers accept no wildcard of any form (RFC 5922 §7.2); nor do Lync and SfB"
                ),
                format!(
                    "leave {} out and name each host; or put it into a certificate without the use sip-edge",
                    wildcard.to_typed()
                ),
            ),
            PlanError::FormRefused { name, allowed } => {
                let forms: Vec<String> = allowed.iter().map(NameForm::to_string).collect();
                (
                    "plan.form-refused",
                    format!(
                        "this issuer's profile allows no {}: {}",
                        name.form(),
                        name.to_typed()
                    ),
                    format!(
                        "the profile allows {}{}",
                        if forms.is_empty() {
                            "no names".to_owned()
                        } else {
                            forms.join(", ")
                        },
                        if matches!(name.form(), NameForm::Dns | NameForm::Ip) {
                            ""
                        } else {
                            "; public CAs issue DNS names and addresses only (BR 7.1.2.7.12)"
                        }
                    ),
                    match name.domain() {
                        Some(domain) if name.form() != NameForm::Dns => format!(
                            "ask for dns:{domain} instead, or use an issuer that grants {}",
                            name.form()
                        ),
                        Some(_) | None => format!(
                            "leave {} out, or use an issuer that grants {}",
                            name.to_typed(),
                            name.form()
                        ),
                    },
                )
            }
            PlanError::NoDomain { uses } => {
                let words: Vec<&str> = uses.iter().map(|u| u.word()).collect();
                let flags = if uses.contains(&Use::SipEdge) {
                    "--sip-domain or `[edge] sip-domains`"
                } else {
                    "--xmpp-domain or `[edge] xmpp-domains`"
                };
                (
                    "plan.no-domain",
                    "there is no domain to plan for".to_owned(),
                    format!(
                        "the uses {} take their names from domains, and none is given",
                        words.join(", ")
                    ),
                    format!("give one by {flags}"),
                )
            }
            PlanError::NoUse => (
                "plan.no-use",
                "the certificate is for nothing".to_owned(),
                "the uses decide which names are planned, and there is none".to_owned(),
                "give --use or `uses`: sip-edge, xmpp-s2s, xmpp-c2s, internal-edge".to_owned(),
            ),
        };
        Explanation {
            code,
            what,
            place: String::new(),
            why,
            mend,
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
