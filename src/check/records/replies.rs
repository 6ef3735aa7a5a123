//! What is to be asked, and what was answered, without a resolver in sight.

use super::{RecordData, RecordPlan};
use crate::dns::Proof;
use crate::explain::Explanation;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A type of record that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// SRV.
    Srv,
    /// A and AAAA.
    Address,
    /// TLSA.
    Tlsa,
    /// CAA.
    Caa,
}

impl Kind {
    /// The type's word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Srv => "SRV",
            Kind::Address => "A, AAAA",
            Kind::Tlsa => "TLSA",
            Kind::Caa => "CAA",
        }
    }
}

/// One question: a name, lower case and without a dot at the end, and a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: Kind,
}

impl Question {
    /// Of a name.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }
}

/// A record that was answered; text from it is not yet fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// SRV; the target is lower case without a dot at the end, and empty for `.`: the service is not there.
    Srv {
        /// Port.
        port: u16,
        /// Host.
        target: String,
    },
    /// A or AAAA.
    Address(IpAddr),
    /// TLSA.
    Tlsa {
        /// Certificate usage.
        usage: u8,
        /// Selector.
        selector: u8,
        /// Matching type.
        matching: u8,
        /// Association data.
        data: Vec<u8>,
    },
    /// CAA.
    Caa {
        /// Whether an issuer that does not know the tag must not issue.
        critical: bool,
        /// `issue`, `issuewild`, `iodef` …
        tag: String,
        /// Value.
        value: String,
    },
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An answer; without records the name or the type is not there.
    Answered {
        /// The records of the type asked for.
        records: Vec<Found>,
        /// The name at the end of the aliases (CNAME) that were followed.
        alias: Option<String>,
        /// DNSSEC.
        proof: Proof,
    },
    /// The signatures do not verify: validating resolvers give no answer.
    Bogus(String),
    /// The question could not be put.
    Failed(Box<Explanation>),
}

/// All that was asked and answered.
pub type Answers = BTreeMap<Question, Reply>;

/// What has still to be asked: the plan's questions, and the addresses of targets that are published instead.
pub fn questions(plan: &RecordPlan, answers: &Answers) -> Vec<Question> {
    let mut wanted = BTreeSet::new();
    for record in &plan.records {
        match &record.data {
            RecordData::Srv { target, .. } => {
                wanted.insert(Question::new(&record.owner, Kind::Srv));
                wanted.insert(Question::new(target.as_str(), Kind::Address));
            }
            RecordData::Address(_) => {
                wanted.insert(Question::new(&record.owner, Kind::Address));
            }
            RecordData::Tlsa { .. } => {
                wanted.insert(Question::new(&record.owner, Kind::Tlsa));
            }
            // Asked for each name that is to be issued.
            RecordData::Caa { .. } => {}
        }
    }
    for issuance in plan.issuances.iter().filter(|one| !one.issuers.is_empty()) {
        let climbed = issuance.names.iter().flat_map(|name| climb(name));
        wanted.extend(climbed.map(|name| Question::new(name, Kind::Caa)));
    }
    for reply in answers.values() {
        if let Reply::Answered { records, .. } = reply {
            for record in records.iter().take(MAX_FOLLOWED) {
                if let Found::Srv { target, .. } = record
                    && !target.is_empty()
                {
                    wanted.insert(Question::new(target, Kind::Address));
                }
            }
        }
    }
    wanted.retain(|question| !answers.contains_key(question));
    wanted.into_iter().collect()
}

/// Most targets of one name that are looked at.
pub(super) const MAX_FOLLOWED: usize = 16;

/// The name and all above it but the root: where CAA is looked for (RFC 8659 §3). A wildcard begins at its domain.
pub(super) fn climb(name: &str) -> Vec<&str> {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let mut found = vec![name];
    found.extend(
        name.match_indices('.')
            .filter_map(|(at, _)| name.get(at + 1..)),
    );
    found
}
