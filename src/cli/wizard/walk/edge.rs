//! The pages before the names: which certificate, who signs it, where the CSR goes, the key, the owner.

use super::step::Part;
use super::{View, fit};
use crate::cli::wizard::intent::{self, EXTERNAL, INTERNAL, Intent, OFFLINE, OWN_PROFILE, SUBMIT};
use crate::cli::wizard::page::{Choice, FieldId, Mistake, Page, Tick};
use crate::explain::printable;
use crate::names::{Slug, Use};
use crate::request::IssuerProfile;
use crate::x509::{CertificateTemplate, KeyType};

/// Most characters of O and OU (RFC 5280 appendix A.1).
const MAX_ORGANIZATION: usize = 64;
/// Most characters of ST and L.
const MAX_PLACE: usize = 128;
/// Most characters of a friendly name or a template.
const MAX_LABEL: usize = 256;

/// The pages before the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // the pages' own names
pub enum EdgePage {
    Certificate,
    Uses,
    Issuer,
    Roots,
    RequestFile,
    Template,
    Key,
    Organization,
    Location,
}

impl Part for EdgePage {
    fn id(self) -> &'static str {
        match self {
            EdgePage::Certificate => "certificate",
            EdgePage::Uses => "uses",
            EdgePage::Issuer => "issuer",
            EdgePage::Roots => "roots",
            EdgePage::RequestFile => "request-file",
            EdgePage::Template => "template",
            EdgePage::Key => "key",
            EdgePage::Organization => "organization",
            EdgePage::Location => "location",
        }
    }

    fn fill(self, view: &View<'_>, page: &mut Page) {
        let intent = view.intent();
        match self {
            EdgePage::Certificate => certificate(view, &intent, page),
            EdgePage::Uses => uses(view, &intent, page),
            EdgePage::Issuer => issuer(view, &intent, page),
            EdgePage::Roots => {
                page.fields = vec![view.text_field("roots", "roots", intent.roots.as_str())];
            }
            EdgePage::RequestFile => {
                page.fields = vec![view.text_field("request-file", "file", intent.file.as_str())];
                let base = view.facts.base().display().to_string();
                page.body = fit(
                    "",
                    &view.texts.say("request-file.beside", &[("base", &base)]),
                );
            }
            EdgePage::Template => {
                page.fields =
                    vec![view.text_field("template", "template", intent.template.as_str())];
            }
            EdgePage::Key => key(view, &intent, page),
            EdgePage::Organization => {
                let subject = &intent.subject;
                let own = |text: &Option<String>| text.clone().unwrap_or_default();
                page.fields = vec![
                    view.text_field("organization", "organization", own(&subject.organization)),
                    view.text_field(
                        "organization",
                        "organizational-unit",
                        own(&subject.organizational_unit),
                    ),
                ];
                page.body = not_sent(view, &intent, &[("O", "O"), ("OU", "OU")]);
            }
            EdgePage::Location => {
                let subject = &intent.subject;
                let own = |text: &Option<String>| text.clone().unwrap_or_default();
                page.fields = vec![
                    view.text_field("location", "country", own(&subject.country)),
                    view.text_field("location", "state", own(&subject.state)),
                    view.text_field("location", "locality", own(&subject.locality)),
                ];
                page.body = not_sent(view, &intent, &[("C", "C"), ("ST", "ST"), ("L", "L")]);
            }
        }
    }

    fn check(self, view: &View<'_>, mistakes: &mut Vec<Mistake>) {
        let intent = view.intent();
        let texts = view.texts;
        let mut wrong = |field: FieldId, text: String| mistakes.push(Mistake { field, text });
        match self {
            EdgePage::Uses => {
                let given = intent::ticks(view.answers, "uses", "uses").unwrap_or_default();
                if let Some(word) = given.iter().find(|word| Use::from_word(word).is_none()) {
                    let known = Use::ALL.map(Use::word).join(", ");
                    wrong(
                        "uses",
                        texts.say(
                            "wrong.choice",
                            &[("word", &printable(word)), ("known", &known)],
                        ),
                    );
                } else if given.is_empty() {
                    wrong("uses", texts.word("uses.wrong-none"));
                }
            }
            EdgePage::Issuer => {
                if intent.profile_word == OWN_PROFILE {
                    if !intent.profile_file.ends_with(".toml") {
                        wrong("profile-file", texts.word("issuer.wrong-file"));
                    } else {
                        let path = view.facts.base().join(&intent.profile_file);
                        if let Err(why) = view.facts.look.profile(&path) {
                            wrong(
                                "profile-file",
                                texts.say(
                                    "issuer.wrong-profile",
                                    &[
                                        ("why", &printable(&why)),
                                        ("file", &printable(&intent.profile_file)),
                                    ],
                                ),
                            );
                        }
                    }
                }
                if intent.submit && intent.program(view.facts).is_none() {
                    wrong(
                        "send",
                        texts.say("issuer.wrong-submit", &[("profile", &intent.profile_word)]),
                    );
                }
            }
            EdgePage::Roots => {
                if intent.roots.trim_matches([' ', ',']).is_empty() {
                    wrong("roots", texts.word("roots.wrong-none"));
                }
            }
            EdgePage::RequestFile => request_file(view, &intent, &mut wrong),
            EdgePage::Template => {
                if CertificateTemplate::parse(intent.template.trim()).is_err() {
                    wrong(
                        "template",
                        texts.say("template.wrong", &[("most", &MAX_LABEL.to_string())]),
                    );
                }
            }
            EdgePage::Key => {
                if intent.friendly_name.chars().count() > MAX_LABEL {
                    let most = MAX_LABEL.to_string();
                    wrong("friendly-name", texts.say("wrong.long", &[("most", &most)]));
                }
            }
            EdgePage::Organization => {
                let long = |text: &Option<String>| {
                    text.as_ref()
                        .is_some_and(|text| text.chars().count() > MAX_ORGANIZATION)
                };
                let most = MAX_ORGANIZATION.to_string();
                if long(&intent.subject.organization) {
                    wrong("organization", texts.say("wrong.long", &[("most", &most)]));
                }
                if long(&intent.subject.organizational_unit) {
                    wrong(
                        "organizational-unit",
                        texts.say("wrong.long", &[("most", &most)]),
                    );
                } else if is_new_unit(view, &intent) {
                    wrong(
                        "organizational-unit",
                        texts.say(
                            "organization.wrong-unit",
                            &[("profile", &printable(&intent.profile_word))],
                        ),
                    );
                }
                let subject = &intent.subject;
                let fields = [
                    ("O", "organization", &subject.organization),
                    ("OU", "organizational-unit", &subject.organizational_unit),
                ];
                demanded(view, &intent, "organization", &fields, &mut wrong);
            }
            EdgePage::Location => {
                let country = intent::text(view.answers, "location", "country").unwrap_or_default();
                let sound = country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic());
                if !country.is_empty() && !sound {
                    wrong(
                        "country",
                        texts.say("location.wrong-country", &[("text", &printable(country))]),
                    );
                }
                let most = MAX_PLACE.to_string();
                for (field, text) in [
                    ("state", &intent.subject.state),
                    ("locality", &intent.subject.locality),
                ] {
                    if text
                        .as_ref()
                        .is_some_and(|text| text.chars().count() > MAX_PLACE)
                    {
                        wrong(field, texts.say("wrong.long", &[("most", &most)]));
                    }
                }
                let subject = &intent.subject;
                let fields = [
                    ("C", "country", &subject.country),
                    ("ST", "state", &subject.state),
                    ("L", "locality", &subject.locality),
                ];
                demanded(view, &intent, "location", &fields, &mut wrong);
            }
            EdgePage::Certificate => {}
        }
    }
}

fn certificate(view: &View<'_>, intent: &Intent, page: &mut Page) {
    let mut names: Vec<String> = view
        .facts
        .certificates()
        .iter()
        .map(Slug::to_string)
        .collect();
    for name in [EXTERNAL, INTERNAL] {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let options = names
        .into_iter()
        .map(|name| {
            let own = Slug::parse(&name)
                .ok()
                .and_then(|slug| view.facts.certificate(&slug));
            let uses: Vec<&str> = own
                .iter()
                .flat_map(|own| &own.uses)
                .map(|one| one.word())
                .collect();
            Choice {
                label: match name.as_str() {
                    EXTERNAL => view.texts.word("certificate.external"),
                    INTERNAL => view.texts.word("certificate.internal"),
                    other => other.to_owned(),
                },
                note: if own.is_some() {
                    view.texts
                        .say("certificate.known", &[("uses", &uses.join(", "))])
                } else {
                    view.texts.word("certificate.new")
                },
                id: name,
            }
        })
        .collect();
    page.fields = vec![view.choice_field(
        "certificate",
        "certificate",
        options,
        intent.certificate.as_str(),
    )];
}

fn uses(view: &View<'_>, intent: &Intent, page: &mut Page) {
    let known = view
        .facts
        .certificate(&intent.certificate)
        .is_some_and(|own| own.uses.contains(&Use::InternalEdge));
    let items = Use::ALL
        .into_iter()
        .filter(|one| *one != Use::InternalEdge || known)
        .map(|one| Tick {
            value: one.word().to_owned(),
            note: match one {
                Use::SipEdge => view.texts.word("uses.sip-edge"),
                Use::XmppS2s => view.texts.word("uses.xmpp-s2s"),
                Use::XmppC2s => view.texts.word("uses.xmpp-c2s"),
                Use::InternalEdge => view.texts.word("uses.internal-edge"),
            },
            ticked: intent.uses.contains(&one),
        })
        .collect();
    page.fields = vec![view.ticks_field("uses", "uses", items, None)];
}

fn issuer(view: &View<'_>, intent: &Intent, page: &mut Page) {
    let mut send = vec![Choice {
        id: OFFLINE.to_owned(),
        label: view.texts.word("issuer.offline"),
        note: view.texts.word("issuer.offline-note"),
    }];
    let programs = view.facts.deployment().into_iter().flat_map(|deployment| {
        deployment
            .issuers
            .values()
            .filter_map(|issuer| issuer.submit.as_ref()?.first())
    });
    if let Some(program) = programs.into_iter().next() {
        send.push(Choice {
            id: SUBMIT.to_owned(),
            label: view.texts.word("issuer.submit"),
            note: printable(program),
        });
    }
    let mut profiles: Vec<Choice> = IssuerProfile::names()
        .into_iter()
        .map(|name| Choice {
            id: name.to_owned(),
            label: name.to_owned(),
            note: view.texts.word(&format!("profile.{name}")),
        })
        .collect();
    profiles.push(Choice {
        id: OWN_PROFILE.to_owned(),
        label: view.texts.word("issuer.own"),
        note: view.texts.word("issuer.own-note"),
    });
    let sent = if intent.submit { SUBMIT } else { OFFLINE };
    page.fields = vec![
        view.choice_field("issuer", "send", send, sent),
        view.choice_field("issuer", "profile", profiles, &intent.profile_word),
        view.text_field("issuer", "profile-file", intent.profile_file.as_str()),
    ];
}

fn key(view: &View<'_>, intent: &Intent, page: &mut Page) {
    let takes = |kind: &KeyType| {
        intent
            .profile
            .as_ref()
            .is_none_or(|profile| profile.key_types.contains(kind))
    };
    let options = [
        KeyType::Ec256,
        KeyType::Ec384,
        KeyType::Rsa2048,
        KeyType::Rsa3072,
        KeyType::Rsa4096,
        KeyType::Ed25519,
    ]
    .into_iter()
    .filter(takes)
    .map(|kind| Choice {
        id: kind.word().to_owned(),
        label: kind.word().to_owned(),
        note: match kind {
            KeyType::Ec256 => view.texts.word("key.ec256"),
            KeyType::Ec384 => view.texts.word("key.ec384"),
            KeyType::Rsa2048 => view.texts.word("key.rsa2048"),
            KeyType::Rsa3072 | KeyType::Rsa4096 => view.texts.word("key.rsa-more"),
            KeyType::Ed25519 => view.texts.word("key.ed25519"),
        },
    })
    .collect();
    page.fields = vec![
        view.text_field("key", "friendly-name", intent.friendly_name.as_str()),
        view.choice_field("key", "key-type", options, intent.key_type.word()),
        view.yes_field("key", "exportable", intent.exportable),
    ];
}

/// Which fields of the subject this issuer does not get.
fn not_sent(view: &View<'_>, intent: &Intent, fields: &[(&str, &str)]) -> Vec<String> {
    let Some(profile) = &intent.profile else {
        return Vec::new();
    };
    let left: Vec<&str> = fields
        .iter()
        .filter(|(field, _)| !profile.takes(field))
        .map(|(_, shown)| *shown)
        .collect();
    if left.is_empty() {
        return Vec::new();
    }
    let text = view.texts.say(
        "subject.not-sent",
        &[
            ("fields", &left.join(", ")),
            ("profile", &printable(&profile.name)),
        ],
    );
    fit("", &text)
}

/// What the issuer demands of the subject and is left empty, where all that would do is asked for on this page.
fn demanded(
    view: &View<'_>,
    intent: &Intent,
    page: &str,
    fields: &[(&str, FieldId, &Option<String>)],
    wrong: &mut dyn FnMut(FieldId, String),
) {
    let Some(profile) = &intent.profile else {
        return;
    };
    for group in &profile.required_subject {
        let asked: Vec<_> = group
            .iter()
            .filter_map(|word| fields.iter().find(|(field, _, _)| field == word))
            .collect();
        let given = asked.iter().any(|(_, _, value)| value.is_some());
        let (Some((_, first, _)), false) = (asked.first(), given) else {
            continue;
        };
        if asked.len() < group.len() {
            continue;
        }
        let labels: Vec<String> = asked
            .iter()
            .map(|(_, id, _)| view.texts.word(&format!("{page}.{id}.label")))
            .collect();
        let name = printable(&profile.name);
        let cite = printable(&profile.cite);
        let with = [
            ("profile", name.as_str()),
            ("fields", &labels.join(", ")),
            ("cite", &cite),
        ];
        let text = match (labels.len(), cite.is_empty()) {
            (1, true) => view.texts.say("wrong.demanded", &with),
            (1, false) => view.texts.say("wrong.demanded-cited", &with),
            (_, true) => view.texts.say("wrong.demanded-one", &with),
            (_, false) => view.texts.say("wrong.demanded-one-cited", &with),
        };
        wrong(first, text);
    }
}

/// An OU typed for a public CA. One that the deployment has already may be meant for another issuer, and is not sent.
fn is_new_unit(view: &View<'_>, intent: &Intent) -> bool {
    let known = view
        .facts
        .deployment()
        .and_then(|one| one.subject.organizational_unit.as_ref());
    let typed = intent.subject.organizational_unit.as_ref();
    typed.is_some()
        && typed != known
        && intent
            .profile
            .as_ref()
            .is_some_and(|profile| profile.public && !profile.takes("OU"))
}

/// A file that is there is never written over; one that holds the CSR of a request that waits is that very copy.
fn request_file(view: &View<'_>, intent: &Intent, wrong: &mut dyn FnMut(FieldId, String)) {
    let texts = view.texts;
    if intent.file.is_empty() || intent.file.ends_with('/') {
        return wrong("file", texts.word("request-file.wrong-none"));
    }
    let Some(content) = view.facts.look.content(&intent.file_path(view.facts)) else {
        return;
    };
    let is_copy = view
        .facts
        .pending
        .iter()
        .any(|one| one.record.certificate == intent.certificate.as_str() && one.csr == content);
    if !is_copy {
        wrong(
            "file",
            texts.say(
                "request-file.wrong-exists",
                &[("file", &printable(&intent.file))],
            ),
        );
    }
}
