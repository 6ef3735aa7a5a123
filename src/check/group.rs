//! Rows that say the same of one listener, told once: a listener is asked for many names and mostly has one answer.

use super::{TargetKind, TargetReport};
use crate::findings::{Finding, Severity};

/// Rows of one listener that came to the same.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The first of them; what it says holds for all.
    pub first: &'a TargetReport,
    /// The names that were asked for, in their order.
    pub names: Vec<String>,
}

impl Group<'_> {
    /// The target, with the address that was asked where it does not say it, and the number of its names where there
    /// are several: `edge.contoso.com:5269 at 192.0.2.10 (2 names)`.
    pub fn title(&self) -> String {
        let mut title = self.first.target.clone();
        if let Some(place) = self.first.place() {
            title.push_str(&format!(" at {place}"));
        }
        match self.names.len() {
            0 | 1 => title,
            more => format!("{title} ({more} names)"),
        }
    }
}

/// The rows in groups, each where its first row stood. Notes may differ: they are the first one's.
pub fn groups<'a>(rows: impl IntoIterator<Item = &'a TargetReport>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    // Rows of one listener stand together, and files have rows of their own: no need to look further back.
    let mut since = 0;
    for row in rows {
        let other_target = groups
            .get(since)
            .is_none_or(|group| group.first.target != row.target);
        if other_target {
            since = groups.len();
        }
        let name = row.asked.as_ref().map(ToString::to_string);
        let same = groups
            .iter_mut()
            .skip(since)
            .find(|group| says_the_same(group.first, row));
        match same {
            Some(group) => group.names.extend(name),
            None => groups.push(Group {
                first: row,
                names: name.into_iter().collect(),
            }),
        }
    }
    groups
}

fn says_the_same(one: &TargetReport, other: &TargetReport) -> bool {
    let leaf = |row: &TargetReport| row.certificate.as_ref().map(|leaf| leaf.sha256);
    one.kind == TargetKind::Endpoint
        && other.kind == TargetKind::Endpoint
        && one.target == other.target
        && one.address == other.address
        && one.protocol == other.protocol
        && one.problem == other.problem
        && one.seen == other.seen
        && leaf(one) == leaf(other)
        && standing(one).eq(standing(other))
}

fn standing(row: &TargetReport) -> impl Iterator<Item = &Finding> {
    row.findings
        .iter()
        .filter(|finding| finding.severity != Severity::Note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Code;
    use crate::names::Domain;

    fn row(target: &str, name: &str, why: &str) -> TargetReport {
        TargetReport {
            asked: Domain::parse(name).ok(),
            ..TargetReport::new(target, TargetKind::Endpoint)
        }
        .with_finding(Finding::new(Code::LiveUnreachable, "", "is dark", why, ""))
    }

    #[test]
    fn the_address_that_failed_stands_in_the_title() {
        let mut one = row("edge.contoso.com:5269", "contoso.com", "refused");
        one.address = "192.0.2.10:5269".parse().ok();
        let title = groups([&one]).remove(0).title();
        assert_eq!(title, "edge.contoso.com:5269 at 192.0.2.10");
    }

    #[test]
    fn names_of_one_listener_with_one_answer_are_told_together() {
        let rows = [
            row("front 127.0.0.1:5269", "contoso.com", "refused"),
            row("front 127.0.0.1:5269", "fabrikam.com", "no answer"),
            row("front 127.0.0.1:5269", "conference.contoso.com", "refused"),
            row("front 127.0.0.1:5270", "contoso.com", "refused"),
        ];
        let grouped: Vec<(String, Vec<String>)> = groups(&rows)
            .into_iter()
            .map(|group| (group.title(), group.names))
            .collect();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(
            grouped,
            [
                (
                    "front 127.0.0.1:5269 (2 names)".to_owned(),
                    names(&["contoso.com", "conference.contoso.com"])
                ),
                ("front 127.0.0.1:5269".to_owned(), names(&["fabrikam.com"])),
                ("front 127.0.0.1:5270".to_owned(), names(&["contoso.com"])),
            ]
        );
    }
}
