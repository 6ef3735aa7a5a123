//! The seed's order as one walk: access policy, certificates, partners, DNS. Each page shows what is in order already.

mod edits;

pub use edits::Edit;

use edits::USERS_NAME;

use super::names::wrong_name;
use super::step::{Part, Work};
use super::{LastPage, Step, View, fit, paragraph};
use crate::cli::deployment_change::Writing;
use crate::cli::partner::{safe_defaults, settings_words};
use crate::cli::wizard::intent;
use crate::cli::wizard::page::{Choice, FieldId, FieldKind, Mistake, Page, Tick};
use crate::explain::printable;
use crate::federation::{Negotiation, Partner, PartnerType, Refused, Scope, Setting, Weight};
use crate::names::{Domain, Use};

/// The policies stay as they are.
const KEEP: &str = "keep";
/// Everybody may talk to XMPP partners.
const EVERYBODY: &str = "everybody";
/// Nobody may, but for policies of their own.
const NOBODY: &str = "nobody";
/// The users who are named may.
const USERS: &str = "users";

/// The pages of the federation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum FederationPage {
    AccessPolicy,
    InOrder,
    Partners,
    PartnerSettings,
    Plan,
    Saved,
    Records,
}

impl Part for FederationPage {
    fn id(self) -> &'static str {
        match self {
            FederationPage::AccessPolicy => "access-policy",
            FederationPage::InOrder => "in-order",
            FederationPage::Partners => "partners",
            FederationPage::PartnerSettings => "partner-settings",
            FederationPage::Plan => "federation-plan",
            FederationPage::Saved => "federation-saved",
            FederationPage::Records => "records",
        }
    }

    fn work(self) -> Option<Work> {
        match self {
            FederationPage::Plan => Some(Work::Federate(Writing::DryRun)),
            FederationPage::Saved => Some(Work::Federate(Writing::Yes)),
            FederationPage::Records => Some(Work::Records),
            FederationPage::AccessPolicy
            | FederationPage::InOrder
            | FederationPage::Partners
            | FederationPage::PartnerSettings => None,
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        match self {
            FederationPage::AccessPolicy => policies(view, page),
            FederationPage::InOrder => certificates(view, page),
            FederationPage::Partners => partners(view, page),
            FederationPage::PartnerSettings => settings(view, page),
            FederationPage::Plan | FederationPage::Saved | FederationPage::Records => {}
        }
    }

    fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        match self {
            FederationPage::AccessPolicy => check_users(view, mistakes),
            FederationPage::Partners => check_partners(view, mistakes),
            FederationPage::PartnerSettings => check_settings(view, mistakes),
            FederationPage::InOrder
            | FederationPage::Plan
            | FederationPage::Saved
            | FederationPage::Records => {}
        }
    }
}

impl View<'_> {
    /// The steps of the walk.
    pub(super) fn federation(&self, steps: &mut Vec<Step>) {
        steps.extend([
            Step::Federation(FederationPage::AccessPolicy),
            Step::Federation(FederationPage::InOrder),
            Step::Federation(FederationPage::Partners),
        ]);
        if !self.new_partners().is_empty() {
            steps.push(Step::Federation(FederationPage::PartnerSettings));
        }
        steps.push(Step::Federation(FederationPage::Plan));
        if !self.edits().is_empty() {
            steps.push(Step::Federation(FederationPage::Saved));
        }
        steps.extend([
            Step::Federation(FederationPage::Records),
            Step::Last(LastPage::Next),
        ]);
    }
}

fn policies(view: &View<'_>, page: &mut Page) {
    let all = view.policies();
    if all.is_empty() {
        paragraph(&mut page.body, &view.texts.word("access-policy.none"));
    }
    for one in all {
        let mark = match one.xmpp_federated_users {
            true => "✓",
            false => "·",
        };
        let whom = match one.scope {
            Scope::Global => view.texts.word("access-policy.for-all"),
            Scope::Site | Scope::User => printable(&one.members.join(", ")),
        };
        let with = [("policy", one.name.as_str()), ("whom", whom.as_str())];
        let line = match one.xmpp_federated_users {
            true => view.texts.say("access-policy.allows", &with),
            false => view.texts.say("access-policy.forbids", &with),
        };
        page.body.extend(fit(&format!("{mark} "), &line));
    }
    let option = |id: &str, label: String| Choice {
        id: id.to_owned(),
        label,
        note: String::new(),
    };
    let options = vec![
        option(KEEP, view.texts.word("access-policy.keep")),
        option(EVERYBODY, view.texts.word("access-policy.everybody")),
        option(USERS, view.texts.word("access-policy.only-users")),
        option(NOBODY, view.texts.word("access-policy.nobody")),
    ];
    let users = all.iter().find(|one| one.name.as_str() == USERS_NAME);
    let members: Vec<Tick> = users
        .map(|one| one.members.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|one| Tick {
            value: one.clone(),
            note: String::new(),
            ticked: true,
        })
        .collect();
    let sip = all.iter().any(|one| one.federated_users);
    page.fields = vec![
        view.choice_field("access-policy", "policy", options, KEEP),
        view.ticks_field(
            "access-policy",
            "users",
            members,
            Some(view.texts.word("add.user")),
        ),
        view.yes_field("access-policy", "federated-users", sip),
    ];
}

fn certificates(view: &View<'_>, page: &mut Page) {
    let Some(deployment) = view.facts.deployment() else {
        return;
    };
    let shown = |one: &&crate::deployment::Certificate| {
        one.uses.contains(&Use::XmppS2s) || one.uses.contains(&Use::SipEdge)
    };
    let mut any = false;
    for certificate in deployment.certificates.iter().filter(shown) {
        any = true;
        let name = certificate.name.as_str();
        let mut all = view.facts.standings.iter();
        let standing = all.find(|one| one.certificate == certificate.name);
        let newer = view
            .facts
            .unassigned
            .iter()
            .any(|(one, _)| *one == certificate.name);
        let ends = standing.and_then(|one| one.not_after);
        let date = ends.map(crate::cli::render::date).unwrap_or_default();
        let with = [("certificate", name), ("date", date.as_str())];
        let (mark, line) = match standing {
            Some(_) if newer => ("!", view.texts.say("in-order.unassigned", &with)),
            Some(one) if one.generation.is_some() && one.is_due() => {
                ("!", view.texts.say("in-order.due", &with))
            }
            Some(one) if one.generation.is_some() => ("✓", view.texts.say("in-order.sound", &with)),
            Some(_) | None => ("✗", view.texts.say("in-order.missing", &with)),
        };
        page.body.extend(fit(&format!("{mark} "), &line));
    }
    if !any {
        paragraph(&mut page.body, &view.texts.word("in-order.none"));
    }
}

fn partners(view: &View<'_>, page: &mut Page) {
    let items = view
        .partners()
        .iter()
        .map(|one| {
            let weight = one.negotiation.judge().weight;
            let mark = match weight {
                Weight::None | Weight::Note => "✓",
                Weight::Warning => "!",
                Weight::Error => "✗",
            };
            Tick {
                value: one.domain.to_string(),
                note: format!("{mark} {}", settings_words(one.negotiation)),
                ticked: true,
            }
        })
        .collect();
    let add = Some(view.texts.word("add.partner"));
    let mut field = view.ticks_field("partners", "partners", items, add);
    if let FieldKind::Ticks { items, .. } = &mut field.kind {
        for one in view.partners().iter().filter(|one| !view.was_on_offer(one)) {
            let mut items = items.iter_mut();
            if let Some(item) = items.find(|item| item.value == one.domain.as_str()) {
                item.ticked = true;
            }
        }
    }
    page.fields = vec![field];
}

fn settings(view: &View<'_>, page: &mut Page) {
    let new = view.new_partners();
    let names: Vec<&str> = new.iter().map(Domain::as_str).collect();
    page.body = fit(
        "",
        &view
            .texts
            .say("partner-settings.for", &[("partners", &names.join(", "))]),
    );
    let Some(first) = new.into_iter().next() else {
        return;
    };
    let offered = safe_defaults(first);
    let id = "partner-settings";
    let types = PartnerType::ALL.map(|one| Choice {
        id: one.word().to_owned(),
        label: match one {
            PartnerType::Federated => view.texts.word("partner-settings.type-federated"),
            PartnerType::PublicVerified => view.texts.word("partner-settings.type-public-verified"),
            PartnerType::PublicUnverified => {
                view.texts.word("partner-settings.type-public-unverified")
            }
        },
        note: String::new(),
    });
    let settings = Setting::ALL.map(|one| Choice {
        id: one.word().to_owned(),
        label: match one {
            Setting::Required => view.texts.word("partner-settings.setting-required"),
            Setting::Optional => view.texts.word("partner-settings.setting-optional"),
            Setting::NotSupported => view.texts.word("partner-settings.setting-not-supported"),
        },
        note: String::new(),
    });
    let Negotiation {
        tls,
        sasl,
        dialback,
    } = offered.negotiation;
    page.fields = vec![
        view.choice_field(id, "type", types.to_vec(), offered.partner_type.word()),
        view.choice_field(id, "tls", settings.to_vec(), tls.word()),
        view.choice_field(id, "sasl", settings.to_vec(), sasl.word()),
        view.yes_field(id, "dialback", dialback),
    ];
}

fn check_users(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let chosen = intent::text(view.answers, "access-policy", "policy").unwrap_or(KEEP);
    let sip = intent::yes(view.answers, "access-policy", "federated-users");
    let before = view.policies().iter().any(|one| one.federated_users);
    // These two write nothing for SIP: an answer that wants a change would be lost without a word.
    let lost = match chosen {
        KEEP => sip.is_some_and(|sip| sip != before),
        NOBODY => sip == Some(true) && !before,
        _ => false,
    };
    if lost {
        mistakes.push(Mistake {
            field: "federated-users",
            text: view.texts.word("access-policy.wrong-sip"),
        });
    }
    if chosen != USERS {
        return;
    }
    let users = intent::ticks(view.answers, "access-policy", "users").unwrap_or_default();
    let is_user = |one: &str| {
        one.split_once('@')
            .is_some_and(|(user, domain)| !user.is_empty() && Domain::parse(domain).is_ok())
    };
    let mut wrong = |text| {
        mistakes.push(Mistake {
            field: "users",
            text,
        });
    };
    if users.is_empty() {
        wrong(view.texts.word("access-policy.wrong-none"));
    }
    for one in users.iter().filter(|one| !is_user(one)) {
        wrong(
            view.texts
                .say("access-policy.wrong-user", &[("user", &printable(one))]),
        );
    }
}

fn check_partners(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let field: FieldId = "partners";
    let ours = view
        .facts
        .deployment()
        .map(|one| one.edge.own_domains())
        .unwrap_or_default();
    for text in intent::ticks(view.answers, field, field).unwrap_or_default() {
        let text = match Domain::parse(text) {
            Err(error) => wrong_name(view, &error, false),
            Ok(domain) if ours.contains(&domain) => view
                .texts
                .say("partners.wrong-own", &[("domain", domain.as_str())]),
            Ok(domain) => {
                let mut all = view.partners().iter();
                let further = |one: &&Partner| one.additional_domains.contains(&domain);
                match all.find(further) {
                    Some(owner) => view.texts.say(
                        "partners.wrong-taken",
                        &[
                            ("domain", domain.as_str()),
                            ("partner", owner.domain.as_str()),
                        ],
                    ),
                    None => continue,
                }
            }
        };
        mistakes.push(Mistake { field, text });
    }
}

/// The commit rule, told where it can be mended.
fn check_settings(view: &View<'_>, mistakes: &mut Vec<Mistake>) {
    let Some(domain) = view.new_partners().into_iter().next() else {
        return;
    };
    let (field, text) = match view.settings(domain).negotiation.refused() {
        None => return,
        Some(Refused::SaslWithoutTls) => ("sasl", view.texts.word("partner-settings.wrong-sasl")),
        Some(Refused::NoMethod) => ("dialback", view.texts.word("partner-settings.wrong-none")),
    };
    mistakes.push(Mistake { field, text });
}
