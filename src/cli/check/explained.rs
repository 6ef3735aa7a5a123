//! What is wrong, in full: targets that stand alike are told in one block, with all their places.

use crate::check::group::{Group, groups};
use crate::check::{CheckReport, Status, TargetKind, TargetReport};
use crate::cli::render;
use crate::findings::{Finding, Severity};

/// Findings are explained for at most this many targets; the table names the others.
const MAX_EXPLAINED: usize = 20;

/// A listener is told together with one that stands alike at most so many blocks before it.
const MAX_LOOKED_BACK: usize = 64;

/// What is wrong in one way: where, and what there is to say of it.
struct Block<'a> {
    groups: Vec<Group<'a>>,
    findings: Vec<Finding>,
    /// Of each finding, where it was found, each place once.
    places: Vec<Vec<String>>,
}

impl Block<'_> {
    /// The findings with all their places.
    fn told(&self) -> impl Iterator<Item = Finding> {
        self.findings
            .iter()
            .zip(&self.places)
            .map(|(finding, places)| {
                // A place may have a comma in it: `leaf, subjectAltName`.
                let between = match places.iter().any(|place| place.contains(", ")) {
                    true => "; ",
                    false => ", ",
                };
                Finding {
                    place: places.join(between),
                    ..finding.clone()
                }
            })
    }
}

/// Targets that stand alike, place excepted, are told in one block.
fn blocks<'a>(rows: impl Iterator<Item = &'a TargetReport>, verbose: bool) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    for group in groups(rows) {
        let findings: Vec<Finding> = group
            .first
            .findings
            .iter()
            .filter(|finding| verbose || finding.severity != Severity::Note)
            .cloned()
            .collect();
        let alike = |block: &&mut Block<'a>| {
            let same = |(one, other): (&Finding, &Finding)| {
                let placed = Finding {
                    place: one.place.clone(),
                    ..other.clone()
                };
                *one == placed
            };
            block.groups.iter().all(|known| {
                let (known, one) = (known.first, group.first);
                known.kind == one.kind && known.problem.is_none() && one.problem.is_none()
            }) && block.findings.len() == findings.len()
                && block.findings.iter().zip(&findings).all(same)
        };
        let near = match group.first.kind {
            TargetKind::Endpoint => MAX_LOOKED_BACK,
            TargetKind::File
            | TargetKind::Generation
            | TargetKind::Request
            | TargetKind::Deployment
            | TargetKind::Domain => 0,
        };
        match blocks.iter_mut().rev().take(near).find(alike) {
            Some(block) => {
                for (known, one) in block.places.iter_mut().zip(&findings) {
                    if !known.contains(&one.place) {
                        known.push(one.place.clone());
                    }
                }
                block.groups.push(group);
            }
            None => blocks.push(Block {
                groups: vec![group],
                places: findings.iter().map(|one| vec![one.place.clone()]).collect(),
                findings,
            }),
        }
    }
    blocks
}

/// `front 127.0.0.1:5269 (2 names): contoso.com, conference.contoso.com`.
fn title(group: &Group<'_>) -> String {
    match group.names.len() {
        0 | 1 => group.title(),
        _ => format!("{}: {}", group.title(), group.names.join(", ")),
    }
}

/// What is wrong, in full, for the targets that stand worst; and how many more there are.
pub(super) fn explained(report: &CheckReport, verbose: bool) -> (Vec<String>, usize) {
    let mut told = Vec::new();
    let mut left_out = 0;
    for status in [
        Status::Critical,
        Status::Warning,
        Status::Unknown,
        Status::Ok,
    ] {
        if status == Status::Ok && !verbose {
            continue;
        }
        let rows = report
            .targets
            .iter()
            .filter(|row| row.status() == status)
            .filter(|row| !row.findings.is_empty() || row.problem.is_some());
        for block in blocks(rows, verbose) {
            if told.len() >= MAX_EXPLAINED && !verbose {
                left_out += 1;
                continue;
            }
            let mut text = "\n".to_owned();
            for group in &block.groups {
                text.push_str(&render::hanging("", &title(group)));
            }
            let first = block.groups.first().map(|group| group.first);
            if let Some(problem) = first.and_then(|row| row.problem.as_ref()) {
                text.push_str(&render::explanation(problem));
            }
            for finding in block.told() {
                text.push_str(&render::finding(&finding));
            }
            for (part, why) in first
                .filter(|_| verbose)
                .iter()
                .flat_map(|row| &row.not_applicable)
            {
                text.push_str(&render::hanging(&format!("not applicable: {part}: "), why));
            }
            told.push(text);
        }
    }
    (told, left_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Code;

    fn endpoint(port: u16, place: &str) -> TargetReport {
        let finding = Finding::new(Code::NamesMissing, place, "what", "why", "mend");
        TargetReport::new(format!("front 127.0.0.1:{port}"), TargetKind::Endpoint)
            .with_finding(finding)
    }

    #[test]
    fn each_place_is_told_once_whatever_is_in_it() {
        for (places, told) in [
            (
                &["leaf, subjectAltName", "leaf, subjectAltName"][..],
                "leaf, subjectAltName",
            ),
            (&["leaf", "leaf", "chain"], "leaf, chain"),
            (
                &["leaf, subjectAltName", "leaf", "leaf, subjectAltName"],
                "leaf, subjectAltName; leaf",
            ),
        ] {
            let rows: Vec<_> = (1..)
                .zip(places)
                .map(|(port, place)| endpoint(port, place))
                .collect();
            let blocks = blocks(rows.iter(), false);
            assert_eq!(blocks.len(), 1, "{places:?}");
            let found: Vec<_> = blocks[0].told().map(|one| one.place).collect();
            assert_eq!(found, [told]);
        }
    }
}
