//! Keys that are barred, where such a key is served all the same, and which generation could stand in for it.
//!
//! Read once for a whole run: records and journal are gone through a single time, however many lineages there are.

use crate::explain::printable;
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::{AssignmentRecord, GenerationRecord, RequestState, Store, StoreError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;

/// What is known of barred keys, and of generations that were left on purpose.
#[derive(Debug, Default)]
pub struct Barred {
    /// `sha256:…` of each SubjectPublicKeyInfo.
    keys: BTreeSet<String>,
    /// By lineage.
    trails: BTreeMap<String, Trail>,
}

impl Barred {
    /// Gathers them. Effects: reads the records of all generations, and the journal.
    pub fn read(store: &Store) -> Result<Self, StoreError> {
        let mut found = Self::default();
        for certificate in store.certificates()? {
            // One that cannot be read is a matter of `doctor`; its mark stands in the journal as well.
            let Ok(all) = store.generations(&certificate) else {
                continue;
            };
            let marked = all.into_iter().filter(|one| one.compromised);
            found.keys.extend(marked.map(|one| one.leaf.spki_sha256));
        }
        store.journal_each(|entry| {
            let fact = |name: &str| entry.detail.get(name);
            match (entry.action.as_str(), entry.certificate) {
                ("mark-compromised", _) => {
                    let key = fact("spki_sha256").and_then(Value::as_str);
                    found.keys.extend(key.map(str::to_owned));
                }
                ("assign" | "assign-incomplete", Some(certificate)) => {
                    let trail = found.trails.entry(certificate).or_default();
                    trail.went(number(fact("from")), number(fact("to")), Way::Assign);
                }
                ("rollback" | "rollback-incomplete", Some(certificate)) => {
                    let trail = found.trails.entry(certificate).or_default();
                    trail.went(number(fact("from")), number(fact("to")), Way::Rollback);
                }
                _ => {}
            }
            true
        })?;
        Ok(found)
    }

    /// Whether a key is barred; `spki_sha256` as in the records.
    pub fn has_key(&self, spki_sha256: &str) -> bool {
        self.keys.contains(spki_sha256)
    }

    /// Whether a generation's key is barred.
    pub fn has(&self, record: &GenerationRecord) -> bool {
        record.compromised || self.has_key(&record.leaf.spki_sha256)
    }

    /// Whether a generation may be recommended: its key is not barred, and nobody went back from it.
    pub fn allows(&self, record: &GenerationRecord) -> bool {
        let trail = self.trails.get(&record.certificate);
        let number = u64::from(record.number);
        !self.has(record) && !trail.is_some_and(|trail| trail.left.contains(&number))
    }

    /// What there is to say of a generation that is served although its key is barred, and what comes in its place.
    /// `None`: the key is not barred, or nobody serves the generation.
    pub fn while_served(
        &self,
        store: &Store,
        certificate: &Slug,
        number: u32,
        now: OffsetDateTime,
    ) -> Result<Option<Finding>, StoreError> {
        let Some(on) = served_on(&store.assignment(certificate)?, number) else {
            return Ok(None);
        };
        let record = store.generation(certificate, number)?;
        if !self.has(&record) {
            return Ok(None);
        }
        let all = store.generations(certificate)?;
        let waits = store
            .requests(Some(certificate))?
            .iter()
            .any(|one| one.state == RequestState::Pending && !self.has_key(&one.spki_sha256));
        let mend = match (self.instead(&all, now), waits) {
            (Some(other), _) => format!(
                "`edgecert assign {certificate}/{other} --end-sessions`: it has another key and is valid"
            ),
            (None, true) => format!(
                "`edgecert import FILE` as soon as the reply is there, then `edgecert assign {certificate} --end-sessions`"
            ),
            (None, false) => format!(
                "`edgecert rekey {certificate}`; import the reply, then `edgecert assign {certificate} --end-sessions`"
            ),
        };
        let key = printable(&record.leaf.spki_sha256);
        Ok(Some(Finding::new(
            Code::LiveCompromisedKey,
            format!("{certificate}/{number}"),
            "has a key that is compromised",
            format!("the key {key} is {}", still_served(&on)),
            mend,
        )))
    }

    /// Whether a generation may be recommended and is valid now.
    pub fn can_serve(&self, record: &GenerationRecord, now: OffsetDateTime) -> bool {
        self.allows(record) && record.leaf.not_before <= now && now <= record.leaf.not_after
    }

    /// The newest generation that may stand in for one with a barred key.
    pub fn instead(&self, all: &[GenerationRecord], now: OffsetDateTime) -> Option<u32> {
        let able = all.iter().filter(|one| self.can_serve(one, now));
        able.map(|one| one.number).max()
    }

    /// Whether the last thing done to a certificate was a rollback that left this generation.
    pub fn is_left_by_rollback(&self, certificate: &Slug, number: u32) -> bool {
        let trail = self.trails.get(certificate.as_str());
        trail.is_some_and(|trail| trail.rolled_back == Some(u64::from(number)))
    }
}

/// What made a generation current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Assign,
    Rollback,
}

fn number(fact: Option<&Value>) -> Option<u64> {
    fact.and_then(Value::as_u64)
}

/// The way of a lineage through its generations.
#[derive(Debug, Default)]
struct Trail {
    /// Those that were live at some time.
    been: BTreeSet<u64>,
    /// Those of them that were gone back from: by the last rollback, or as all that lie above the one that is live.
    left: BTreeSet<u64>,
    /// What the last rollback left, where nothing was assigned since.
    rolled_back: Option<u64>,
}

impl Trail {
    /// Whoever goes up takes nothing back: what lies below is old.
    fn went(&mut self, from: Option<u64>, to: Option<u64>, way: Way) {
        let Some(to) = to else { return };
        self.been.extend(from);
        self.left = self.been.iter().copied().filter(|one| *one > to).collect();
        self.rolled_back = from.filter(|_| way == Way::Rollback);
        self.left.extend(self.rolled_back);
        self.left.remove(&to);
        self.been.insert(to);
    }
}

/// The gateways that were last proved to serve a generation; `None` where it is neither there nor current.
pub fn served_on(assignment: &AssignmentRecord, number: u32) -> Option<Vec<String>> {
    let gateways: Vec<String> = assignment
        .gateways
        .iter()
        .filter(|(_, proved)| proved.generation == number)
        .map(|(gateway, _)| printable(gateway))
        .collect();
    (assignment.current == Some(number) || !gateways.is_empty()).then_some(gateways)
}

/// `barred, and still served on front until another generation is assigned`.
pub fn still_served(gateways: &[String]) -> String {
    let on = match gateways {
        [] => "from live/".to_owned(),
        some => format!("on {}", some.join(", ")),
    };
    format!("barred, and still served {on} until another generation is assigned")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::{CertificateSummary, Source};
    use time::macros::datetime;

    pub(in crate::cli) fn generation(number: u32, key: &str) -> GenerationRecord {
        GenerationRecord {
            certificate: "edge".into(),
            number,
            created: datetime!(2026-01-01 0:00 UTC),
            source: Source::Import,
            request: None,
            sealed_as: None,
            leaf: CertificateSummary {
                subject: "CN=edge.contoso.com".into(),
                issuer: "CN=Example CA E5,O=Example".into(),
                sans: vec!["dns:edge.contoso.com".into()],
                not_before: datetime!(2026-01-01 0:00 UTC),
                not_after: datetime!(2026-04-10 23:59:59 UTC),
                sha256: "sha256:00".into(),
                spki_sha256: key.into(),
                serial: "04".into(),
            },
            chain_sha256: Vec::new(),
            issuer_profile: None,
            accepted: Vec::new(),
            exportable: true,
            compromised: false,
        }
    }

    /// What `read` would find.
    pub(in crate::cli) fn barred(keys: &[&str], left: Option<u64>) -> Barred {
        Barred {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            trails: left
                .map(|left| {
                    let trail = Trail {
                        left: [left].into(),
                        ..Trail::default()
                    };
                    ("edge".into(), trail)
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn what_stands_in_is_valid_has_another_key_and_was_not_left() {
        let all = [generation(1, "a"), generation(2, "b"), generation(3, "c")];
        let now = datetime!(2026-03-01 0:00 UTC);
        for (keys, left, now, instead) in [
            (&["c"][..], None, now, Some(2)),
            (&["c"], Some(2), now, Some(1)),
            (&["b", "c"], None, now, Some(1)),
            (&["a", "b", "c"], None, now, None),
            (&["c"], None, datetime!(2026-05-01 0:00 UTC), None),
        ] {
            let found = barred(keys, left).instead(&all, now);
            assert_eq!(found, instead, "{keys:?} {left:?} {now}");
        }
    }

    #[test]
    fn what_was_live_and_left_for_a_lower_one_is_gone_back_from() {
        use Way::{Assign, Rollback};
        for (ways, left) in [
            (&[(1, 2, Assign)][..], &[][..]),
            (&[(4, 3, Assign)], &[4]),
            (&[(4, 3, Rollback)], &[4]),
            // On another gateway as well.
            (&[(4, 3, Assign), (3, 3, Assign)], &[4]),
            // All that were live above it.
            (&[(1, 2, Assign), (2, 3, Assign), (3, 1, Assign)], &[2, 3]),
            (&[(5, 3, Assign), (3, 4, Assign)], &[5]),
            (&[(4, 3, Assign), (3, 5, Assign)], &[]),
            (&[(4, 3, Assign), (3, 4, Assign)], &[]),
            (&[(2, 1, Rollback), (1, 2, Rollback)], &[1]),
            (&[(2, 1, Rollback), (1, 2, Rollback), (2, 3, Assign)], &[]),
        ] {
            let mut trail = Trail::default();
            for (from, to, way) in ways {
                trail.went(Some(*from), Some(*to), *way);
            }
            assert!(trail.left.iter().eq(left), "{ways:?} {trail:?}");
            let last = ways.last().filter(|(_, _, way)| *way == Rollback);
            assert_eq!(trail.rolled_back, last.map(|(from, _, _)| *from));
        }
    }

    #[test]
    fn it_is_told_where_a_barred_key_is_served() {
        let mut assignment = AssignmentRecord::default();
        assert_eq!(served_on(&assignment, 1), None);
        assignment.current = Some(1);
        assert_eq!(served_on(&assignment, 1), Some(Vec::new()));
        assert!(still_served(&[]).contains("from live/"));
        let on = still_served(&["front".into(), "chat".into()]);
        assert!(on.contains("still served on front, chat until"), "{on}");
    }
}
