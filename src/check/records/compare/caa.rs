//! CAA: who may issue (RFC 8659). The set that is nearest above a name counts, and it alone.

use super::{Place, Row, answered};
use crate::check::Status;
use crate::check::records::replies::{Answers, Found, Kind, Question, Reply, climb};
use crate::check::records::{Issuance, RecordData, RecordPlan, TTL};
use crate::explain::{listed, printable};
use crate::findings::Code;

/// Tags that a CA has to know.
const KNOWN: [&str; 5] = [
    "issue",
    "issuewild",
    "iodef",
    "contactemail",
    "contactphone",
];

/// Most names that are told.
const MAX_TOLD: usize = 6;

/// A row for each set that counts, and one for each name whose sets could not be asked.
pub(super) fn judge(plan: &RecordPlan, answers: &Answers, resolver: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for issuance in plan.issuances.iter().filter(|one| !one.issuers.is_empty()) {
        let mut done: Vec<(String, bool)> = Vec::new();
        for name in &issuance.names {
            let Some(at) = deciding(name, answers) else {
                continue;
            };
            let is_wildcard = name.starts_with("*.");
            if done.contains(&(at.to_owned(), is_wildcard)) {
                continue;
            }
            done.push((at.to_owned(), is_wildcard));
            let row = judge_set(plan, issuance, name, at, answers, resolver);
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    // A set that is fine needs no second row for another certificate.
    let mut kept: Vec<Row> = Vec::new();
    for row in rows {
        let is_told = kept.iter().any(|one| one.owner == row.owner);
        if !(is_told && row.status() == Status::Ok) {
            kept.push(row);
        }
    }
    kept
}

/// Where the set stands that counts for a name: the first that is not empty, or that could not be asked; without any,
/// the highest name below the top that was asked.
fn deciding<'a>(name: &'a str, answers: &Answers) -> Option<&'a str> {
    let climbed = climb(name);
    let decides = |at: &&&str| match answers.get(&Question::new(**at, Kind::Caa)) {
        Some(Reply::Answered { records, .. }) => !records.is_empty(),
        Some(Reply::Bogus(_) | Reply::Failed(_)) => true,
        None => false,
    };
    let asked = |at: &&&str| {
        let is_top = !at.contains('.');
        !is_top && answers.contains_key(&Question::new(**at, Kind::Caa))
    };
    let found = climbed.iter().find(decides);
    found.or_else(|| climbed.iter().rev().find(asked)).copied()
}

/// Whether it is critical, its tag in lower case, and its value.
type Property<'a> = (bool, String, &'a str);

/// The tag that says who may issue for a name. §4.3: for a wildcard `issuewild` stands in place of `issue`, if there
/// is one.
fn counting(name: &str, properties: &[Property]) -> &'static str {
    let has_wild = properties.iter().any(|(_, tag, _)| tag == "issuewild");
    match name.starts_with("*.") && has_wild {
        true => "issuewild",
        false => "issue",
    }
}

fn judge_set(
    plan: &RecordPlan,
    issuance: &Issuance,
    name: &str,
    at: &str,
    answers: &Answers,
    resolver: &str,
) -> Row {
    let place = Place {
        name: at,
        kind: Kind::Caa,
        resolver,
    };
    let planned: Vec<_> = plan
        .records
        .iter()
        .filter(|one| one.owner == at && matches!(one.data, RecordData::Caa { .. }))
        .collect();
    let mut row = Row::new(at, Kind::Caa, &planned);
    let Some(records) = row.take(answers.get(&Question::new(at, Kind::Caa)), &place) else {
        return row;
    };
    let properties: Vec<Property> = records
        .iter()
        .filter_map(|record| match record {
            Found::Caa {
                critical,
                tag,
                value,
            } => Some((*critical, tag.to_ascii_lowercase(), value.as_str())),
            Found::Srv { .. } | Found::Address(_) | Found::Tlsa { .. } => None,
        })
        .collect();
    let unknown = properties
        .iter()
        .find(|(critical, tag, _)| *critical && !KNOWN.contains(&tag.as_str()));
    let tag = counting(name, &properties);
    let named: Vec<String> = properties
        .iter()
        .filter(|(_, one, _)| one == tag)
        .map(|(_, _, value)| issuer_of(value))
        .collect();
    let allowed = named.is_empty()
        || named.iter().any(|one| {
            issuance
                .issuers
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(one))
        });
    let names: Vec<String> = issuance
        .names
        .iter()
        .filter(|one| deciding(one, answers) == Some(at))
        // A critical tag is in the way of all; who may issue differs where wildcards have a tag of their own.
        .filter(|one| unknown.is_some() || counting(one, &properties) == tag)
        .map(|one| printable(one))
        .collect();
    let at = printable(at);
    if let Some((_, critical, _)) = unknown {
        row.findings.push(place.finding(
            Code::DnsCaaForbids,
            format!("CAA of {at} holds a critical tag that CAs do not know"),
            format!(
                "{}; a CA that does not know \"{}\" must not issue for {}",
                answered(&row),
                printable(critical),
                listed(&names, MAX_TOLD)
            ),
            "take it out, or clear its critical flag",
        ));
    } else if !allowed {
        let lines: Vec<String> = issuance
            .issuers
            .iter()
            .map(|one| format!("{at}. {TTL} IN CAA 0 {tag} \"{}\"", printable(one)))
            .collect();
        row.findings.push(place.finding(
            Code::DnsCaaForbids,
            format!(
                "CAA of {at} does not let the issuer of {} issue",
                issuance.certificate
            ),
            format!(
                "{}; the issuer is known as {}, and it will refuse {}",
                answered(&row),
                printable(&issuance.issuers.join(", ")),
                listed(&names, MAX_TOLD)
            ),
            format!("publish, besides what is there: {}", lines.join(" or ")),
        ));
    }
    row
}

/// The domain before the parameters: `letsencrypt.org; accounturi=…`; empty: nobody may issue.
fn issuer_of(value: &str) -> String {
    let domain = value.split(';').next().unwrap_or_default();
    domain.trim().to_ascii_lowercase()
}
