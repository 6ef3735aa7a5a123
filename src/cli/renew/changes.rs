//! What the next request asks that the last one did not, and why.

use super::super::request::store_failure;
use super::super::request::wanted::{Choices, KeyChoice, Wanted};
use crate::cli::output::Failure;
use crate::cli::render::{Table, count};
use crate::cli::request::flags::NamesGiven;
use crate::deployment::Deployment;
use crate::explain::printable;
use crate::request::RequestSummary;
use crate::store::{RequestRecord, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most changed names that are told one by one.
const MAX_TOLD: usize = 40;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    /// `name`, `profile`, `key_type`, `key_purposes`, or a field of the subject: `subject.organization`.
    field: String,
    before: Option<String>,
    now: Option<String>,
    why: String,
}

/// All differences from the last request, and what becomes of the key.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    /// The last request; `None` where this is the first.
    last: Option<String>,
    all: Vec<Change>,
    /// The generation whose key is used again.
    reused: Option<u32>,
    key_why: &'static str,
}

impl Changes {
    /// Compares what is to be asked with the last request.
    pub(super) fn find(
        deployment: Option<&Deployment>,
        store: Option<&Store>,
        wanted: &Wanted,
        asked: &RequestSummary,
        last: Option<&RequestRecord>,
    ) -> Result<Self, Failure> {
        let newest = match (store, wanted.key) {
            (_, KeyChoice::New) | (None, _) => None,
            (Some(store), KeyChoice::Reuse | KeyChoice::ReuseIfAny) => store
                .generations(&wanted.spec.certificate)
                .map_err(|error| store_failure(&error))?
                .last()
                .map(|newest| newest.number),
        };
        let all = match last {
            Some(last) => compare(deployment, wanted, asked, last, newest.is_some()),
            None => Vec::new(),
        };
        Ok(Self {
            last: last.map(|one| one.id.clone()),
            all,
            reused: newest,
            key_why: match (wanted.key, newest) {
                (KeyChoice::New, _) => "on-renewal is \"new\"",
                (KeyChoice::Reuse | KeyChoice::ReuseIfAny, Some(_)) => "on-renewal is \"reuse\"",
                (KeyChoice::Reuse | KeyChoice::ReuseIfAny, None) => {
                    "there is none yet to be used again"
                }
            },
        })
    }

    /// For a person: the comparison, indented.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(last) = &self.last {
            if self.all.is_empty() {
                text.push_str(&format!("  asks the same as request {last}\n"));
            } else {
                text.push_str(&format!("  other than request {last}:\n"));
            }
        }
        let mut table = Table::plain();
        for change in self.all.iter().take(MAX_TOLD) {
            table.row([change.words(), change.why.clone()]);
        }
        if !self.all.is_empty() {
            text.push_str(&table.render());
        }
        if let Some(more) = self
            .all
            .len()
            .checked_sub(MAX_TOLD)
            .filter(|more| *more > 0)
        {
            text.push_str(&format!("  and {}\n", count(more, "further change")));
        }
        let key = match self.reused {
            Some(number) => format!("the key of generation {number} is used again"),
            None => "a new key".to_owned(),
        };
        text.push_str(&format!("  {key}: {}\n", self.key_why));
        text
    }

    /// The same with another reason for its key.
    pub(super) fn because(self, key_why: &'static str) -> Self {
        Self { key_why, ..self }
    }

    /// Whether there is something to tell before a request is made.
    pub(super) fn is_any(&self) -> bool {
        !self.all.is_empty()
    }

    /// Adds the comparison to a result.
    pub(super) fn add_to(&self, result: &mut Value) {
        let Value::Object(fields) = result else {
            return;
        };
        let changes = self.all.iter().map(|one| {
            json!({
                "field": one.field,
                "before": one.before,
                "now": one.now,
                "why": one.why,
            })
        });
        fields.insert("compared_with".into(), json!(self.last));
        fields.insert("changes".into(), changes.collect());
        fields.insert(
            "key_choice".into(),
            json!({
                "reused": self.reused.is_some(),
                "generation": self.reused,
                "why": self.key_why,
            }),
        );
    }
}

impl Change {
    fn words(&self) -> String {
        let said = |text: &Option<String>| printable(text.as_deref().unwrap_or("none"));
        match (self.field.as_str(), &self.before, &self.now) {
            ("name", None, Some(name)) => format!("+ {}", printable(name)),
            ("name", Some(name), None) => format!("− {}", printable(name)),
            (field, before, now) => format!(
                "{}: {} → {}",
                field.replace('_', " ").replace("subject.", ""),
                said(before),
                said(now)
            ),
        }
    }
}

fn compare(
    deployment: Option<&Deployment>,
    wanted: &Wanted,
    asked: &RequestSummary,
    last: &RequestRecord,
    reuses: bool,
) -> Vec<Change> {
    let mut all = Vec::new();
    let other_profile = last.issuer_profile != asked.profile;
    if other_profile {
        all.push(Change {
            field: "profile".into(),
            before: Some(last.issuer_profile.clone()),
            now: Some(asked.profile.clone()),
            why: "its issuer has this profile now".into(),
        });
    }
    all.extend(names(deployment, wanted, asked, last));
    let reason = |deployment_says: &str| {
        if other_profile {
            format!("the profile {} decides it", asked.profile)
        } else {
            deployment_says.to_owned()
        }
    };
    // A key that is used again keeps its type.
    if !reuses && last.key_type != asked.key_type {
        all.push(Change {
            field: "key_type".into(),
            before: Some(last.key_type.clone()),
            now: Some(asked.key_type.clone()),
            why: "`type` of its key in the deployment".into(),
        });
    }
    if !last.key_purposes.is_empty() && last.key_purposes != asked.key_purposes {
        all.push(Change {
            field: "key_purposes".into(),
            before: Some(last.key_purposes.join(", ")),
            now: Some(asked.key_purposes.join(", ")),
            why: reason("the issuer's profile says it otherwise now"),
        });
    }
    let fields: BTreeSet<&String> = last.subject.keys().chain(asked.subject.keys()).collect();
    for field in fields {
        let (before, now) = (last.subject.get(field), asked.subject.get(field));
        if before != now {
            all.push(Change {
                field: format!("subject.{field}"),
                before: before.cloned(),
                now: now.cloned(),
                why: reason("[subject] or [edge] of the deployment says it otherwise now"),
            });
        }
    }
    all
}

fn names(
    deployment: Option<&Deployment>,
    wanted: &Wanted,
    asked: &RequestSummary,
    last: &RequestRecord,
) -> Vec<Change> {
    let before: BTreeSet<&String> = last.names.iter().collect();
    let now: BTreeSet<&String> = asked.names.iter().collect();
    let reasons: BTreeMap<String, String> = wanted
        .spec
        .plan
        .names
        .iter()
        .map(|one| (one.name.to_typed(), one.because()))
        .collect();
    let came = asked.names.iter().filter(|name| !before.contains(name));
    let mut all: Vec<Change> = came
        .map(|name| Change {
            field: "name".into(),
            before: None,
            now: Some(name.clone()),
            why: match reasons.get(name) {
                Some(because) if last.left_out.contains(name) => {
                    format!("the profile {} grants it; {because}", asked.profile)
                }
                Some(because) => format!("the deployment has it now: {because}"),
                None => "the deployment has it now".into(),
            },
        })
        .collect();
    let gone: Vec<&String> = last
        .names
        .iter()
        .filter(|name| !now.contains(name))
        .collect();
    if gone.is_empty() {
        return all;
    }
    let elsewhere = asked_elsewhere(deployment, wanted);
    all.extend(gone.into_iter().map(|name| Change {
        field: "name".into(),
        before: Some(name.clone()),
        now: None,
        why: match (elsewhere.get(name), wanted.spec.plan.limit) {
            _ if asked.left_out.contains(name) => {
                format!("the profile {} does not grant it", asked.profile)
            }
            (Some(other), Some(limit)) => {
                format!(
                    "{other} asks for it now; the issuer takes {limit} names in one certificate"
                )
            }
            (Some(other), None) => format!("{other} asks for it now"),
            (None, _) => "nothing in the deployment asks for it any more".into(),
        },
    }));
    all
}

/// The names of the deployment's other certificates, each with the first that asks for it.
fn asked_elsewhere(deployment: Option<&Deployment>, wanted: &Wanted) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let Some(deployment) = deployment else {
        return names;
    };
    let own = &wanted.spec.certificate;
    for other in deployment
        .certificates
        .iter()
        .filter(|one| one.name != *own)
    {
        // One that cannot be planned asks for nothing; its own run tells why.
        let planned = Wanted::from_deployment(
            deployment,
            other,
            NamesGiven::default(),
            &Choices::default(),
        );
        for planned in planned.iter().flat_map(|one| &one.spec.plan.names) {
            names
                .entry(planned.name.to_typed())
                .or_insert_with(|| other.name.to_string());
        }
    }
    names
}
