//! What the answers of the federation's pages come to: changes of the deployment, each with the command that does the
//! same.

use super::{EVERYBODY, KEEP, NOBODY, USERS};
use crate::cli::partner::safe_defaults;
use crate::cli::wizard::answers::OFFERED;
use crate::cli::wizard::intent;
use crate::cli::wizard::repeat::quote;
use crate::cli::wizard::walk::{Task, View};
use crate::federation::{Negotiation, Partner, PartnerType, Policy, Scope, Setting};
use crate::names::{Domain, Slug};

/// The policies that the walk writes, where there is none to change.
const GLOBAL_NAME: &str = "global";
pub(super) const USERS_NAME: &str = "xmpp-users";

/// A change of the deployment that the answers come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A policy that is not there yet.
    AddPolicy(Policy),
    /// A policy that is to say something else.
    SetPolicy(Policy),
    /// A partner that is not there yet.
    AddPartner(Partner),
    /// A partner that goes.
    RemovePartner(Domain),
}

impl Edit {
    /// The command that does the same.
    pub fn command(&self) -> String {
        match self {
            Edit::AddPolicy(policy) => format!("edgecert policy add {}", policy_flags(policy)),
            Edit::SetPolicy(policy) => format!("edgecert policy edit {}", policy_flags(policy)),
            Edit::AddPartner(partner) => {
                let Negotiation {
                    tls,
                    sasl,
                    dialback,
                } = partner.negotiation;
                format!(
                    "edgecert partner add {} --type {} --tls {} --sasl {} --{}dialback",
                    partner.domain,
                    partner.partner_type.word(),
                    tls.word(),
                    sasl.word(),
                    if dialback { "" } else { "no-" },
                )
            }
            Edit::RemovePartner(domain) => format!("edgecert partner remove {domain}"),
        }
    }
}

fn policy_flags(policy: &Policy) -> String {
    let mut words = format!("{} --scope {}", policy.name, policy.scope.word());
    for member in &policy.members {
        words.push_str(&format!(" --member {}", quote(member)));
    }
    for (flag, on) in [
        ("federated-users", policy.federated_users),
        ("xmpp-federated-users", policy.xmpp_federated_users),
    ] {
        words.push_str(&format!(" --{}{flag}", if on { "" } else { "no-" }));
    }
    words
}

impl View<'_> {
    pub(super) fn partners(&self) -> &[Partner] {
        self.facts
            .deployment()
            .map(|one| one.partners.as_slice())
            .unwrap_or_default()
    }

    /// The primary domains of all partners.
    pub fn partner_names(&self) -> Vec<String> {
        let all = self.partners().iter();
        all.map(|one| one.domain.to_string()).collect()
    }

    /// Whether it could be unticked when the page was answered; one that was added since stays.
    pub(super) fn was_on_offer(&self, partner: &Partner) -> bool {
        intent::ticks(self.answers, "partners", OFFERED).is_none_or(|offered| {
            let mut offered = offered.iter();
            offered.any(|one| one == partner.domain.as_str())
        })
    }

    pub(super) fn policies(&self) -> &[Policy] {
        self.facts
            .deployment()
            .map(|one| one.policies.as_slice())
            .unwrap_or_default()
    }

    /// Ticked domains that are no partner's yet.
    pub(super) fn new_partners(&self) -> Vec<Domain> {
        let ticked = intent::ticks(self.answers, "partners", "partners").unwrap_or_default();
        let mut new: Vec<Domain> = Vec::new();
        for domain in ticked.iter().filter_map(|one| Domain::parse(one).ok()) {
            let known = self.partners().iter().any(|one| one.domain == domain);
            if !known && !new.contains(&domain) {
                new.push(domain);
            }
        }
        new
    }

    /// The settings of all new partners.
    pub(super) fn settings(&self, domain: Domain) -> Partner {
        let chosen = |field| intent::text(self.answers, "partner-settings", field);
        let mut partner = safe_defaults(domain);
        let types = PartnerType::ALL.into_iter();
        if let Some(found) = types
            .into_iter()
            .find(|one| Some(one.word()) == chosen("type"))
        {
            partner.partner_type = found;
        }
        let setting = |field, or| {
            let mut all = Setting::ALL.into_iter();
            all.find(|one| Some(one.word()) == chosen(field))
                .unwrap_or(or)
        };
        let negotiation = &mut partner.negotiation;
        negotiation.tls = setting("tls", negotiation.tls);
        negotiation.sasl = setting("sasl", negotiation.sasl);
        if let Some(dialback) = intent::yes(self.answers, "partner-settings", "dialback") {
            negotiation.dialback = dialback;
        }
        partner
    }

    /// What the answers change; nothing that says the same already.
    pub fn edits(&self) -> Vec<Edit> {
        if self.task() != Task::Federation {
            return Vec::new();
        }
        let mut edits: Vec<Edit> = self.policy_edit().into_iter().collect();
        // Without an answer nobody goes.
        if let Some(ticked) = intent::ticks(self.answers, "partners", "partners") {
            let ticked: Vec<Domain> = ticked
                .iter()
                .filter_map(|one| Domain::parse(one).ok())
                .collect();
            edits.extend(
                self.partners()
                    .iter()
                    .filter(|one| !ticked.contains(&one.domain) && self.was_on_offer(one))
                    .map(|one| Edit::RemovePartner(one.domain.clone())),
            );
        }
        let new = self.new_partners().into_iter();
        edits.extend(new.map(|domain| Edit::AddPartner(self.settings(domain))));
        edits
    }

    fn policy_edit(&self) -> Option<Edit> {
        let chosen = intent::text(self.answers, "access-policy", "policy").unwrap_or(KEEP);
        let sip = intent::yes(self.answers, "access-policy", "federated-users").unwrap_or(false);
        let (scope, xmpp) = match chosen {
            EVERYBODY => (Scope::Global, true),
            NOBODY => (Scope::Global, false),
            USERS => (Scope::User, true),
            _ => return None,
        };
        let name = match scope {
            Scope::Global => GLOBAL_NAME,
            Scope::Site | Scope::User => USERS_NAME,
        };
        let there = self.policies().iter().find(|one| match scope {
            Scope::Global => one.scope == Scope::Global,
            Scope::Site | Scope::User => one.name.as_str() == name,
        });
        let members = match scope {
            Scope::Global => Vec::new(),
            Scope::Site | Scope::User => intent::ticks(self.answers, "access-policy", "users")
                .unwrap_or_default()
                .to_vec(),
        };
        let wanted = Policy {
            name: match there {
                Some(one) => one.name.clone(),
                None => Slug::parse(name).ok()?,
            },
            scope,
            description: there.and_then(|one| one.description.clone()),
            members,
            federated_users: sip && chosen != NOBODY,
            xmpp_federated_users: xmpp,
        };
        match there {
            Some(one) if *one == wanted => None,
            Some(_) => Some(Edit::SetPolicy(wanted)),
            None => Some(Edit::AddPolicy(wanted)),
        }
    }
}
