//! The pages of the names: the FQDN, what follows by itself with its reasons, the domains, and what else is wanted.

use super::step::Part;
use super::{View, fit, pair, paragraph};
use crate::cli::request::wanted::shown;
use crate::cli::wizard::intent::{self, Intent, asked_last, typed};
use crate::cli::wizard::page::{Beside, FieldId, Mistake, Page, Tick};
use crate::explain::{Explain, printable};
use crate::names::plan::{PlanError, PlannedName, Reason};
use crate::names::{Domain, Identifier, NameError};
use crate::x509::Subject;

/// Columns of a name's form.
const FORM_COLUMNS: usize = 10;

/// Columns of the form and the name before the reason.
const NAME_COLUMNS: usize = 40;

/// The pages of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum NamePage {
    Fqdn,
    Names,
    SipDomains,
    XmppDomains,
    Components,
    FurtherNames,
}

impl Part for NamePage {
    fn id(self) -> &'static str {
        match self {
            NamePage::Fqdn => "fqdn",
            NamePage::Names => "names",
            NamePage::SipDomains => "sip-domains",
            NamePage::XmppDomains => "xmpp-domains",
            NamePage::Components => "components",
            NamePage::FurtherNames => "further-names",
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        let intent = view.intent();
        let known = view.facts.deployment().map(|one| &one.edge);
        let (last_sip, last_xmpp) = asked_last(view.facts.last.get(&intent.certificate));
        match self {
            NamePage::Fqdn => {
                let offered = intent.fqdn.as_ref().map(ToString::to_string);
                page.fields = vec![view.text_field("fqdn", "fqdn", offered.unwrap_or_default())];
                if intent.is_internal() {
                    page.title = view.texts.word("fqdn.inside-title");
                    page.intro = view.texts.word("fqdn.inside-intro");
                }
            }
            NamePage::Names => page.body = planned(view, &intent),
            NamePage::SipDomains => {
                let listed = known
                    .map(|edge| edge.sip_domains.clone())
                    .unwrap_or_default();
                let items = domains(view, &intent.sip_domains, &listed, &last_sip, "sip-domains");
                let add = Some(view.texts.word("add.domain"));
                page.fields = vec![view.ticks_field("sip-domains", "sip-domains", items, add)];
            }
            NamePage::XmppDomains => {
                let listed = known
                    .map(|edge| edge.xmpp_domains.clone())
                    .unwrap_or_default();
                let items = domains(
                    view,
                    &intent.xmpp_domains,
                    &listed,
                    &last_xmpp,
                    "xmpp-domains",
                );
                let add = Some(view.texts.word("add.domain"));
                page.fields = vec![view.ticks_field("xmpp-domains", "xmpp-domains", items, add)];
            }
            NamePage::Components => {
                let listed = known
                    .map(|edge| edge.components.clone())
                    .unwrap_or_default();
                let items = domains(view, &intent.components, &listed, &[], "components");
                let add = Some(view.texts.word("add.component"));
                page.fields = vec![view.ticks_field("components", "components", items, add)];
            }
            NamePage::FurtherNames => {
                let items = intent
                    .san
                    .iter()
                    .map(|name| Tick {
                        value: name.to_typed(),
                        note: name.form().short().to_owned(),
                        ticked: true,
                    })
                    .collect();
                let add = Some(view.texts.word("add.name"));
                page.fields = vec![view.ticks_field("further-names", "san", items, add)];
                page.body = forms(view, &intent);
            }
        }
    }

    fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        let intent = view.intent();
        match self {
            NamePage::Fqdn => {
                let text = intent::text(view.answers, "fqdn", "fqdn").unwrap_or_default();
                if let Err(error) = Domain::parse(text) {
                    let text = wrong_name(view, &error, false);
                    mistakes.push(Mistake {
                        field: "fqdn",
                        text,
                    });
                }
            }
            NamePage::SipDomains => listed(view, &intent, "sip-domains", true, mistakes),
            NamePage::XmppDomains => listed(view, &intent, "xmpp-domains", true, mistakes),
            NamePage::Components => listed(view, &intent, "components", false, mistakes),
            NamePage::FurtherNames => further(view, &intent, mistakes),
            NamePage::Names => {}
        }
    }
}

/// Domains to tick: those that are wanted, those of the deployment, and those of the last request beside them.
fn domains(
    view: &View<'_>,
    wanted: &[Domain],
    listed: &[Domain],
    last: &[Domain],
    page: &'static str,
) -> Vec<Tick> {
    let mut items: Vec<Tick> = Vec::new();
    for domain in wanted.iter().chain(listed).chain(last) {
        let value = domain.to_string();
        if items.iter().any(|item| item.value == value) {
            continue;
        }
        let ticked = wanted.contains(domain);
        items.push(Tick {
            note: if ticked || listed.contains(domain) {
                beside(page).note(&value)
            } else {
                view.texts.word("sip-domains.from-last")
            },
            value,
            ticked,
        });
    }
    items
}

/// What is told beside the domains of a page.
pub(super) fn beside(page: &str) -> Beside {
    match page {
        "sip-domains" => Beside::SipDomain,
        "xmpp-domains" | "components" => Beside::Domain,
        _ => Beside::Nothing,
    }
}

/// The form and name of a planned entry with the reason in the user's language: `contoso.com` may stand there as a DNS
/// name and as an XMPP address.
pub(super) fn entry(view: &View<'_>, planned: &PlannedName) -> Vec<String> {
    let reasons: Vec<String> = planned
        .reasons
        .iter()
        .map(|reason| match reason {
            Reason::EdgeFqdn if view.intent().is_internal() => {
                view.texts.word("reason.inside-fqdn")
            }
            Reason::EdgeFqdn => view.texts.word("reason.edge-fqdn"),
            Reason::SipHost(domain) => view
                .texts
                .say("reason.sip-host", &[("domain", domain.as_str())]),
            Reason::SipDomain(_) => view.texts.word("reason.sip-domain"),
            Reason::XmppDomain(_) => view.texts.word("reason.xmpp-domain"),
            Reason::Component(_, Some(parent)) => view
                .texts
                .say("reason.component-of", &[("domain", parent.as_str())]),
            Reason::Component(_, None) => view.texts.word("reason.component"),
            Reason::Extra => view.texts.word("reason.extra"),
        })
        .collect();
    pair(
        &format!(
            "  {:<FORM_COLUMNS$}{}",
            planned.name.form().short(),
            shown(&planned.name)
        ),
        &reasons.join(", "),
        NAME_COLUMNS,
    )
}

/// What the certificate would hold as things stand.
fn planned(view: &View<'_>, intent: &Intent) -> Vec<String> {
    let mut lines = Vec::new();
    let (Some(profile), Some(plan)) = (&intent.profile, intent.plan()) else {
        return lines;
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            paragraph(&mut lines, &error.explain().what);
            return lines;
        }
    };
    if let Some(fqdn) = &intent.fqdn
        && profile.common_name
    {
        let text = if fqdn.as_str().len() > Subject::MAX_COMMON_NAME {
            view.texts.say(
                "names.no-common-name",
                &[("most", &Subject::MAX_COMMON_NAME.to_string())],
            )
        } else {
            view.texts
                .say("names.subject", &[("name", &format!("CN={fqdn}"))])
        };
        paragraph(&mut lines, &text);
        lines.push(String::new());
    }
    for planned in &plan.names {
        lines.extend(entry(view, planned));
    }
    lines.push(String::new());
    let count = plan.names.len().to_string();
    let text = match plan.limit {
        Some(limit) => view.texts.say(
            "names.count-of",
            &[
                ("count", &count),
                ("limit", &limit.to_string()),
                ("profile", &printable(&profile.name)),
            ],
        ),
        None => view.texts.say("names.count", &[("count", &count)]),
    };
    paragraph(&mut lines, &text);
    let left: Vec<&str> = plan
        .forms_left_out()
        .iter()
        .map(|form| form.short())
        .collect();
    if !left.is_empty() {
        let text = view
            .texts
            .say("names.left-out", &[("forms", &left.join(", "))]);
        paragraph(&mut lines, &text);
    }
    lines
}

fn forms(view: &View<'_>, intent: &Intent) -> Vec<String> {
    let Some(profile) = &intent.profile else {
        return Vec::new();
    };
    let forms: Vec<String> = profile
        .forms
        .iter()
        .map(|form| format!("{}:", form.word()))
        .collect();
    fit(
        "",
        &view.texts.say(
            "further-names.forms",
            &[
                ("profile", &printable(&profile.name)),
                ("forms", &forms.join(" ")),
            ],
        ),
    )
}

/// Domains in a list, whose page and field have one name.
fn listed(
    view: &View<'_>,
    intent: &Intent,
    page: FieldId,
    needed: bool,
    mistakes: &mut Vec<Mistake>,
) {
    let given = intent::ticks(view.answers, page, page).unwrap_or_default();
    let mut wrong = |text: String| mistakes.push(Mistake { field: page, text });
    for text in given {
        if let Err(error) = Domain::parse(text) {
            wrong(wrong_name(view, &error, page == "sip-domains"));
        }
    }
    if given.is_empty() && needed {
        let text = match page {
            "sip-domains" => view.texts.word("sip-domains.wrong-none"),
            _ => view.texts.word("xmpp-domains.wrong-none"),
        };
        wrong(text);
    }
    if mistakes.is_empty() {
        over_the_limit(view, intent, page, mistakes);
    }
}

/// More names than the issuer puts into one certificate.
fn over_the_limit(view: &View<'_>, intent: &Intent, field: FieldId, mistakes: &mut Vec<Mistake>) {
    let Some(Ok(plan)) = intent.plan() else {
        return;
    };
    let (Some(limit), true) = (plan.limit, plan.surplus() > 0) else {
        return;
    };
    let (count, limit) = (plan.names.len().to_string(), limit.to_string());
    let profile = printable(&intent.profile_word);
    let with = [
        ("count", count.as_str()),
        ("limit", limit.as_str()),
        ("profile", profile.as_str()),
    ];
    // Without a deployment there is nothing to split yet.
    let text = match view.facts.deployment() {
        Some(_) => view.texts.say("wrong.limit", &with),
        None => view.texts.say("wrong.limit-first", &with),
    };
    mistakes.push(Mistake { field, text });
}

fn further(view: &View<'_>, intent: &Intent, mistakes: &mut Vec<Mistake>) {
    let given = intent::ticks(view.answers, "further-names", "san").unwrap_or_default();
    let mut wrong = |text: String| mistakes.push(Mistake { field: "san", text });
    for text in given {
        if let Err(error) = Identifier::parse_typed(&typed(text)) {
            wrong(wrong_name(view, &error, false));
        }
    }
    match intent.plan() {
        Some(Err(PlanError::WildcardForSip { wildcard, covered })) => wrong(view.texts.say(
            "wrong.wildcard-sip",
            &[
                ("name", &wildcard.to_string()),
                ("covered", covered.as_str()),
            ],
        )),
        Some(Err(PlanError::FormRefused { name, allowed })) => {
            let allowed: Vec<String> = allowed
                .iter()
                .map(|form| format!("{}:", form.word()))
                .collect();
            wrong(view.texts.say(
                "wrong.form",
                &[
                    ("name", &name.to_typed()),
                    ("profile", &printable(&intent.profile_word)),
                    ("forms", &allowed.join(" ")),
                ],
            ));
        }
        Some(Err(PlanError::NoDomain { .. } | PlanError::NoUse)) | Some(Ok(_)) | None => {}
    }
    if mistakes.is_empty() {
        over_the_limit(view, intent, "san", mistakes);
    }
}

/// Why a text is no name, in the user's language; `sip`: a wildcard is explained as SIP has it.
pub(super) fn wrong_name(view: &View<'_>, error: &NameError, sip: bool) -> String {
    let texts = view.texts;
    let shown = printable(error.text());
    let text = ("text", shown.as_str());
    match error {
        NameError::Empty => texts.word("wrong.empty"),
        NameError::EmptyLabel { .. } => texts.say("wrong.empty-label", &[text]),
        NameError::LabelTooLong { label, length, .. } => texts.say(
            "wrong.label",
            &[
                ("label", &printable(label)),
                ("length", &length.to_string()),
            ],
        ),
        NameError::TooLong { length, .. } => {
            texts.say("wrong.name-long", &[text, ("length", &length.to_string())])
        }
        NameError::WildcardHere { .. } | NameError::WildcardMisplaced { .. } if sip => {
            texts.say("wrong.wildcard", &[text])
        }
        NameError::WildcardHere { .. } => texts.say("wrong.wildcard-here", &[text]),
        NameError::WildcardMisplaced { .. } => texts.say("wrong.wildcard-place", &[text]),
        NameError::Underscore { .. } => texts.say("wrong.underscore", &[text]),
        NameError::SingleLabel { .. } => texts.say("wrong.single-label", &[text]),
        NameError::NumericTop { .. } => texts.say("wrong.numeric", &[text]),
        NameError::NotIdna { .. } | NameError::BadALabel { .. } => texts.say("wrong.idna", &[text]),
        NameError::BadCharacter { .. }
        | NameError::Control { .. }
        | NameError::PathCharacter { .. }
        | NameError::HyphenEdge { .. }
        | NameError::ReservedHyphens { .. }
        | NameError::LocalPart { .. } => texts.say("wrong.character", &[text]),
        NameError::NoType { .. } | NameError::UnknownType { .. } => {
            texts.say("wrong.type", &[text])
        }
        NameError::SrvService { .. }
        | NameError::SrvProtocol { .. }
        | NameError::SipUri { .. }
        | NameError::BadIp { .. }
        | NameError::BadEmail { .. }
        | NameError::SlugTooLong { .. }
        | NameError::SlugCharacter { .. }
        | NameError::SlugHyphen { .. }
        | NameError::SlugReserved { .. } => {
            let told = error.explain();
            format!("{}: {}", told.what, told.mend)
        }
    }
}
