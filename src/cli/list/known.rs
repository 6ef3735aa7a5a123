//! A lineage as `list` and `show` see it, and the command that leads on from there.

use super::{gateways_json, request_json, staged_now_json, uses_of};
use crate::cli::barred::Barred;
use crate::cli::render::{self, json::summary_json};
use crate::cli::staged::is_overdue;
use crate::deployment::{Certificate, Deployment};
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{
    AssignmentRecord, GenerationRecord, MAX_PEM_BYTES, RequestRecord, RequestState, Store,
    StoreError, atomic,
};
use crate::x509::{KeyType, container};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// A lineage, from the deployment, the state, or both.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub name: Slug,
    pub planned: Option<&'a Certificate>,
    pub assignment: AssignmentRecord,
    /// Oldest first.
    pub generations: Vec<GenerationRecord>,
    /// Oldest first.
    pub requests: Vec<RequestRecord>,
    /// The type of the key in the leaf of the generation that is shown; none: there is none, or it cannot be read.
    key: Option<String>,
    barred: &'a Barred,
}

impl<'a> Known<'a> {
    pub(super) fn read(
        name: Slug,
        deployment: Option<&'a Deployment>,
        store: Option<&Store>,
        barred: &'a Barred,
    ) -> Result<Self, StoreError> {
        let planned = deployment.and_then(|deployment| deployment.certificate(&name));
        let (assignment, generations, requests) = match store {
            Some(store) => (
                store.assignment(&name)?,
                store.generations(&name)?,
                store.requests(Some(&name))?,
            ),
            None => (AssignmentRecord::default(), Vec::new(), Vec::new()),
        };
        let mut known = Self {
            name,
            planned,
            assignment,
            generations,
            requests,
            key: None,
            barred,
        };
        let shown = store.zip(known.shown().map(|shown| shown.number));
        known.key = shown.and_then(|(store, number)| key_of(store, &known.name, number));
        Ok(known)
    }

    /// The generation that stands for the lineage: the current one, else the newest.
    pub(super) fn shown(&self) -> Option<&GenerationRecord> {
        self.assignment
            .current
            .and_then(|current| self.generation(current))
            .or_else(|| self.generations.last())
    }

    pub(super) fn generation(&self, number: u32) -> Option<&GenerationRecord> {
        self.generations
            .iter()
            .find(|generation| generation.number == number)
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = &RequestRecord> {
        self.requests
            .iter()
            .filter(|request| request.state == RequestState::Pending)
    }

    /// The type of the key that is shown; where there is no generation yet, the one that the deployment wants.
    pub(super) fn key_word(&self) -> Option<String> {
        match (&self.key, self.generations.is_empty()) {
            (Some(word), _) => Some(word.clone()),
            (None, false) => None,
            (None, true) => self
                .planned
                .map(|planned| planned.key.key_type.word().to_owned()),
        }
    }

    /// Whether the key of a generation is barred.
    pub(super) fn is_barred(&self, number: u32) -> bool {
        self.generation(number)
            .is_some_and(|record| self.barred.has(record))
    }

    /// The newest generation, where it is neither current nor staged, and may become it.
    pub(super) fn unassigned(&self) -> Option<&GenerationRecord> {
        let current = self.assignment.current;
        if current.is_some() && self.assignment.staged.is_some() {
            return None;
        }
        self.generations
            .iter()
            .filter(|one| self.barred.allows(one))
            .max_by_key(|one| one.number)
            .filter(|newest| current.is_none_or(|current| current < newest.number))
    }

    /// The command that leads on; never to a barred key, and not back to what was gone back from.
    pub(super) fn next(&self, now: OffsetDateTime) -> Option<String> {
        let name = &self.name;
        let current = self.assignment.current;
        let is_barred = current.is_some_and(|current| self.is_barred(current));
        let to = match (is_barred, current) {
            // At once, whatever is staged for later.
            (true, _) => self.barred.instead(&self.generations, now),
            (false, _) => self.unassigned().map(|newest| newest.number),
        };
        let waits = self
            .pending()
            .any(|request| !self.barred.has_key(&request.spki_sha256));
        // Whoever asks for it again is told what hinders it.
        let overdue = self.assignment.staged.as_ref();
        if !is_barred && overdue.is_some_and(|staged| is_overdue(staged, now)) {
            return Some("edgecert assign --due".into());
        }
        match (to, current) {
            (Some(number), _) => {
                let assign = format!("edgecert assign {name}/{number}");
                Some(match self.planned {
                    Some(_) => assign,
                    None => format!(
                        "edgecert init (or [certificate.{name}] in the deployment that is there), to say which gateways serve it; then {assign}"
                    ),
                })
            }
            (None, Some(_)) if !is_barred => None,
            (None, None) if self.assignment.staged.is_some() => None,
            (None, _) if waits => Some("edgecert import FILE".into()),
            (None, Some(_)) => Some(format!("edgecert rekey {name}")),
            (None, None) => Some(format!("edgecert request {name}")),
        }
    }

    pub(super) fn to_json(&self, now: OffsetDateTime) -> Value {
        let shown = self.shown();
        json!({
            "name": self.name.as_str(),
            "in_deployment": self.planned.is_some(),
            "issuer": self.planned.map(|planned| planned.issuer.as_str()),
            "uses": self.planned.map(uses_of).unwrap_or_default(),
            "key_type": self.key_word(),
            "generations": self.generations.iter().map(|generation| generation.number).collect::<Vec<_>>(),
            "current": self.assignment.current,
            "compromised": self.assignment.current.is_some_and(|current| self.is_barred(current)),
            "since": self.assignment.since.map(render::rfc3339),
            "previous": self.assignment.previous,
            "staged": self.assignment.staged.as_ref().map(|one| staged_now_json(one, now)),
            "generation": shown.map(|generation| generation.number),
            "certificate": shown.map(|generation| summary_json(&generation.leaf, now)),
            "gateways": gateways_json(&self.assignment.gateways),
            "requests": self.pending().map(request_json).collect::<Vec<_>>(),
        })
    }
}

/// The key's type as its leaf has it: in the words of `--key-type`, where there is one.
fn key_of(store: &Store, name: &Slug, number: u32) -> Option<String> {
    let path = store.generation_path(name, number).join("cert.pem");
    let bytes = atomic::read_limited(&path, MAX_PEM_BYTES).ok()?;
    let leaf = container::read(&bytes, None).ok()?.certificates.into_iter();
    let kind = leaf
        .map(|(_, leaf)| leaf.facts().public_key.clone())
        .next()?;
    Some(match KeyType::of(&kind) {
        Some(known) => known.word().to_owned(),
        None => printable(&kind.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::barred::tests::{barred, generation};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-03-01 0:00 UTC);

    fn known<'a>(barred: &'a Barred, current: Option<u32>, keys: &[&str]) -> Known<'a> {
        let all = keys.iter().zip(1..);
        Known {
            name: Slug::parse("edge").unwrap(),
            planned: None,
            assignment: AssignmentRecord {
                current,
                ..AssignmentRecord::default()
            },
            generations: all.map(|(key, number)| generation(number, key)).collect(),
            requests: Vec::new(),
            key: None,
            barred,
        }
    }

    #[test]
    fn what_to_do_next_follows_from_where_it_stands() {
        // Barred keys, what a rollback left, what is current, the keys of the generations.
        for (keys, left, current, all, next) in [
            (&[][..], None, None, &[][..], "edgecert request edge"),
            (&[], None, None, &["a"], "assign edge/1"),
            (&[], None, Some(1), &["a"], ""),
            (&[], None, Some(1), &["a", "b"], "assign edge/2"),
            (&["b"], None, Some(1), &["a", "b"], ""),
            (&["b"], None, Some(1), &["a", "b", "c"], "assign edge/3"),
            (&["a"], None, None, &["a"], "edgecert request edge"),
            (&["a"], None, Some(1), &["a"], "edgecert rekey edge"),
            (&["a"], None, Some(2), &["b", "a"], "assign edge/1"),
            (&["a"], None, Some(1), &["a", "b"], "assign edge/2"),
            (&["a"], Some(2), Some(1), &["a", "b"], "edgecert rekey edge"),
            (&[], Some(2), Some(1), &["a", "b"], ""),
            (&[], Some(2), Some(1), &["a", "b", "c"], "assign edge/3"),
        ] {
            let barred = barred(keys, left);
            let found = known(&barred, current, all).next(NOW).unwrap_or_default();
            let is_it = match next {
                "" => found.is_empty(),
                next => found.ends_with(next),
            };
            assert!(is_it, "{keys:?} {left:?} {current:?} {all:?}: {found}");
            // No deployment speaks of it: assign would only ask for one.
            let assigns = next.starts_with("assign");
            assert_eq!(found.starts_with("edgecert init "), assigns, "{found}");
        }
    }

    #[test]
    fn a_barred_key_that_is_served_is_marked() {
        for (keys, marked) in [(&["a"][..], true), (&["b"], false)] {
            let barred = barred(keys, None);
            let document = known(&barred, Some(1), &["a"]).to_json(NOW);
            assert_eq!(document["compromised"], marked);
        }
    }
}
