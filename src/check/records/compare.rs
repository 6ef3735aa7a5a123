//! The plan against the answers: a row for each thing that was asked, with what is wrong and the line to publish.

mod caa;
mod tlsa;

use super::replies::{Answers, Found, Kind, MAX_FOLLOWED, Question, Reply};
use super::{Need, PlannedRecord, RecordData, RecordPlan};
use crate::check::Status;
use crate::dns::Proof;
use crate::explain::{Explanation, hex, listed, printable};
use crate::findings::{Code, Finding, Severity};
use std::collections::BTreeSet;

/// Most records that are told of one answer.
const MAX_TOLD: usize = 8;

/// What came of one owner and type.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The name.
    pub owner: String,
    /// The type; addresses together.
    pub kind: Kind,
    /// The lines that were planned.
    pub planned: Vec<String>,
    /// What was answered, fit to be shown.
    pub answered: Vec<String>,
    /// Whether DNSSEC vouches for it; `None` where there was no answer.
    pub proof: Option<Proof>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Why it could not be asked.
    pub problem: Option<Explanation>,
}

impl Row {
    fn new(owner: &str, kind: Kind, planned: &[&PlannedRecord]) -> Self {
        Self {
            owner: owner.into(),
            kind,
            planned: planned.iter().map(|one| one.line()).collect(),
            answered: Vec::new(),
            proof: None,
            findings: Vec::new(),
            problem: None,
        }
    }

    /// How it stands: what could not be asked is unknown.
    pub fn status(&self) -> Status {
        Status::of(&self.findings, self.problem.as_ref())
    }

    /// Takes a reply in: its records where there is an answer. A bogus one is a finding, a failure the row's problem.
    fn take<'a>(&mut self, reply: Option<&'a Reply>, place: &Place<'_>) -> Option<&'a [Found]> {
        match reply {
            Some(Reply::Answered { records, proof, .. }) => {
                self.answered
                    .extend(records.iter().take(MAX_TOLD).map(told));
                self.proof = Some(self.proof.map_or(*proof, |before| before.and(*proof)));
                Some(records)
            }
            Some(Reply::Bogus(why)) => {
                let finding = place.finding(
                    Code::DnsBogus,
                    format!("DNSSEC of {} is broken", place.name),
                    format!("{}; resolvers and CAs that validate get no answer, so nothing is found and nothing issued", printable(why)),
                    "sign the zone again, or mend the DS record at its parent",
                );
                if !self.findings.contains(&finding) {
                    self.findings.push(finding);
                }
                None
            }
            Some(Reply::Failed(explanation)) => {
                self.problem.get_or_insert(Explanation::clone(explanation));
                None
            }
            None => None,
        }
    }
}

/// What the comparison came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// In the order of the plan.
    pub rows: Vec<Row>,
}

impl Compared {
    /// The worst there is.
    pub fn status(&self) -> Status {
        self.rows
            .iter()
            .map(Row::status)
            .max()
            .unwrap_or(Status::Ok)
    }

    /// All findings, in order, each once.
    pub fn findings(&self) -> Vec<Finding> {
        let mut all: Vec<Finding> = Vec::new();
        for finding in self.rows.iter().flat_map(|row| &row.findings) {
            if !all.contains(finding) {
                all.push(finding.clone());
            }
        }
        all
    }

    /// The first reason for which something could not be asked.
    pub fn problem(&self) -> Option<&Explanation> {
        self.rows.iter().find_map(|row| row.problem.as_ref())
    }
}

/// Where a finding stands: what was asked, and of whom.
struct Place<'a> {
    name: &'a str,
    kind: Kind,
    resolver: &'a str,
}

impl Place<'_> {
    fn finding(
        &self,
        code: Code,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        let place = format!(
            "{} {}, asked of {}",
            self.kind.word(),
            printable(self.name),
            self.resolver
        );
        Finding::new(code, place, what, why, mend)
    }
}

/// Compares; `resolver` is named in every finding. What was not asked is not judged.
pub fn compare(plan: &RecordPlan, answers: &Answers, resolver: &str) -> Compared {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    let mut hosts: Vec<String> = Vec::new();
    for record in &plan.records {
        let kind = match &record.data {
            RecordData::Srv { .. } => Kind::Srv,
            RecordData::Address(_) => Kind::Address,
            RecordData::Tlsa { .. } => Kind::Tlsa,
            RecordData::Caa { .. } => continue,
        };
        if !seen.insert((record.owner.as_str(), kind)) {
            continue;
        }
        let same: Vec<&PlannedRecord> = plan
            .records
            .iter()
            .filter(|one| one.owner == record.owner && is_of(one, kind))
            .collect();
        let place = Place {
            name: &record.owner,
            kind,
            resolver,
        };
        let row = Row::new(&record.owner, kind, &same);
        match kind {
            Kind::Srv => {
                let reply = answers.get(&Question::new(&record.owner, Kind::Srv));
                rows.push(srv(row, &same, reply, &place));
                hosts.extend(published_hosts(reply));
            }
            Kind::Address => rows.push(address(row, answers, &place)),
            Kind::Tlsa => {
                let reply = answers.get(&Question::new(&record.owner, Kind::Tlsa));
                rows.push(tlsa::judge(row, &same, reply, &place));
            }
            Kind::Caa => {}
        }
    }
    // Targets that are published and were not planned have to be reached as well.
    for host in hosts {
        if !rows
            .iter()
            .any(|row| row.owner == host && row.kind == Kind::Address)
        {
            let place = Place {
                name: &host,
                kind: Kind::Address,
                resolver,
            };
            let row = address(Row::new(&host, Kind::Address, &[]), answers, &place);
            if row.status() != Status::Ok {
                rows.push(row);
            }
        }
    }
    rows.extend(caa::judge(plan, answers, resolver));
    Compared { rows }
}

fn is_of(record: &PlannedRecord, kind: Kind) -> bool {
    match &record.data {
        RecordData::Srv { .. } => kind == Kind::Srv,
        RecordData::Address(_) => kind == Kind::Address,
        RecordData::Tlsa { .. } => kind == Kind::Tlsa,
        RecordData::Caa { .. } => kind == Kind::Caa,
    }
}

fn published_hosts(reply: Option<&Reply>) -> Vec<String> {
    let Some(Reply::Answered { records, .. }) = reply else {
        return Vec::new();
    };
    let target = |record: &Found| match record {
        Found::Srv { target, .. } if !target.is_empty() => Some(target.clone()),
        Found::Srv { .. } | Found::Address(_) | Found::Tlsa { .. } | Found::Caa { .. } => None,
    };
    records
        .iter()
        .take(MAX_FOLLOWED)
        .filter_map(target)
        .collect()
}

/// One record, fit to be shown.
fn told(record: &Found) -> String {
    match record {
        Found::Srv { port, target } => format!("{port} {}.", printable(target)),
        Found::Address(address) => address.to_string(),
        Found::Tlsa {
            usage,
            selector,
            matching,
            data,
        } => {
            format!("{usage} {selector} {matching} {}", printable(&hex(data)))
        }
        Found::Caa {
            critical,
            tag,
            value,
        } => {
            let flags = if *critical { 128 } else { 0 };
            format!("{flags} {} \"{}\"", printable(tag), printable(value))
        }
    }
}

/// `answered: …`.
fn answered(row: &Row) -> String {
    let told: Vec<&str> = row.answered.iter().map(String::as_str).collect();
    match told.is_empty() {
        true => "answered: no such record".into(),
        false => format!("answered: {}", listed(&told, MAX_TOLD)),
    }
}

fn publish(planned: &[&PlannedRecord]) -> String {
    let lines: Vec<String> = planned.iter().map(|one| one.line()).collect();
    format!("publish: {}", lines.join("; "))
}

/// As bad as the record is needed.
fn severity(need: Need) -> Severity {
    match need {
        Need::Required => Severity::Error,
        Need::Wise => Severity::Warning,
        Need::Optional => Severity::Note,
    }
}

fn srv(mut row: Row, planned: &[&PlannedRecord], reply: Option<&Reply>, place: &Place<'_>) -> Row {
    let Some(records) = row.take(reply, place) else {
        return row;
    };
    let Some(first) = planned.first() else {
        return row;
    };
    let published: Vec<(u16, &str)> = records
        .iter()
        .filter_map(|record| match record {
            Found::Srv { port, target } => Some((*port, target.as_str())),
            Found::Address(_) | Found::Tlsa { .. } | Found::Caa { .. } => None,
        })
        .collect();
    let owner = printable(place.name);
    let without = first.without.as_str();
    let wanted: Vec<(u16, &str)> = planned
        .iter()
        .filter_map(|one| match &one.data {
            RecordData::Srv { port, target } => Some((*port, target.as_str())),
            RecordData::Address(_) | RecordData::Tlsa { .. } | RecordData::Caa { .. } => None,
        })
        .collect();
    let (code, what) = if published.is_empty() {
        (
            Code::DnsRecordMissing,
            format!("there is no SRV record {owner}"),
        )
    } else if published.iter().all(|(_, target)| target.is_empty()) {
        (
            Code::DnsServiceDenied,
            format!("{owner} says that there is no such service"),
        )
    } else if wanted.iter().any(|one| published.contains(one)) {
        return row;
    } else if let Some((port, target)) = published
        .iter()
        .find(|(_, target)| wanted.iter().any(|(_, planned)| planned == target))
    {
        (
            Code::DnsPortDiffers,
            format!("{owner} leads to port {port} of {}", printable(target)),
        )
    } else {
        let targets: Vec<String> = published.iter().map(|(_, one)| printable(one)).collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        (
            Code::DnsTargetDiffers,
            format!("{owner} leads to {}", listed(&targets, MAX_TOLD)),
        )
    };
    let planned_words: Vec<String> = wanted
        .iter()
        .map(|(port, target)| format!("{target}:{port}"))
        .collect();
    let why = format!(
        "{}; planned {}, and without it: {without}",
        answered(&row),
        planned_words.join(", "),
    );
    // Another target may be right (a pool, a name of the provider), so need alone does not decide.
    row.findings.push(
        place
            .finding(code, what, why, publish(planned))
            .with_severity(severity(first.need).min(code.severity())),
    );
    row
}

fn address(mut row: Row, answers: &Answers, place: &Place<'_>) -> Row {
    let reply = answers.get(&Question::new(place.name, Kind::Address));
    let is_answered = row.take(reply, place).is_some();
    let alias_of = match reply {
        Some(Reply::Answered { alias, .. }) => alias.as_ref(),
        Some(Reply::Bogus(_) | Reply::Failed(_)) | None => None,
    };
    let host = printable(place.name);
    if let Some(alias) = alias_of {
        row.findings.push(place.finding(
            Code::DnsTargetAlias,
            format!("{host} is an alias, and SRV records lead to it"),
            format!("answered: CNAME {}.; the target of an SRV record must be no alias, and some peers do not follow it", printable(alias)),
            format!("publish the address itself: {host}. IN A <its address>"),
        ));
    } else if is_answered && row.answered.is_empty() {
        row.findings.push(place.finding(
            Code::DnsTargetNoAddress,
            format!("{host} has no address, and SRV records lead to it"),
            "answered: neither A nor AAAA",
            format!("publish: {host}. IN A <its address>"),
        ));
    }
    row
}

#[cfg(test)]
mod tests;
