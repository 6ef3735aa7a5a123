//! The report for people: a line a target, what is wrong below, the sum at the end.

use crate::check::group::{Group, groups};
use crate::check::{CertificateForm, CheckReport, Status, TargetKind, TargetReport};
use crate::cli::render::{self, Table};
use crate::findings::{Finding, Severity};
use console::style;
use time::OffsetDateTime;

/// Targets that are OK are shown one by one up to this many, else counted.
const MAX_GOOD_ROWS: usize = 50;

/// Findings are explained for at most this many targets; the table names the others.
const MAX_EXPLAINED: usize = 20;

/// A listener is told together with one that stands alike at most so many blocks before it.
const MAX_LOOKED_BACK: usize = 64;

/// The whole text.
pub(super) fn render(report: &CheckReport, now: OffsetDateTime, verbose: bool) -> String {
    let good = report
        .targets
        .iter()
        .filter(|row| row.status() == Status::Ok)
        .count();
    let show_good = verbose || good <= MAX_GOOD_ROWS;
    let shown = || {
        report
            .targets
            .iter()
            .filter(|row| show_good || row.status() != Status::Ok)
    };
    let groups = groups(shown());
    let cells: Vec<[String; 5]> = groups
        .iter()
        .map(|group| {
            [
                heading(group.first),
                place(group.first),
                names(group),
                word(group.first.status()),
                words(group.first, now),
            ]
        })
        .collect();
    let filled = |column: usize| {
        cells
            .iter()
            .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty()))
    };
    let (places, asked) = (filled(1), filled(2));
    let mut table = Table::plain();
    for [target, place, names, status, words] in cells {
        let between = [(places, place), (asked, names)];
        table.row_of(
            std::iter::once(target)
                .chain(
                    between
                        .into_iter()
                        .filter_map(|(shown, cell)| shown.then_some(cell)),
                )
                .chain([status, words])
                .collect(),
        );
    }
    let mut text = table.render();
    if !show_good {
        let more = good + report.without_row;
        text.push_str(&format!("  {more} more are ok (-v shows them)\n"));
    } else if report.without_row > 0 {
        text.push_str(&format!("  {} more are not shown\n", report.without_row));
    }
    text.push_str(&explained(report, verbose));
    text.push_str(&sum(report));
    text
}

/// What a domain led to stands below its row.
fn heading(row: &TargetReport) -> String {
    match row.within {
        Some(_) => format!("  {}", row.target),
        None => row.target.clone(),
    }
}

fn place(row: &TargetReport) -> String {
    let address = row
        .address
        .filter(|address| !row.target.contains(&address.to_string()))
        .map(|address| address.ip().to_string());
    let protocol = row.protocol.map(|protocol| protocol.word().to_owned());
    [address, protocol]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The names that were asked for, unless the target says it.
fn names(group: &Group<'_>) -> String {
    match group.names.as_slice() {
        [only] if group.first.target.starts_with(only.as_str()) => String::new(),
        // The domain's own row has said it.
        [_] if group.first.within.is_some() || group.first.kind == TargetKind::Domain => {
            String::new()
        }
        names => names.join(" "),
    }
}

pub(super) fn word(status: Status) -> String {
    match status {
        Status::Ok => style("ok").green().to_string(),
        Status::Warning => style("WARNING").yellow().bold().to_string(),
        Status::Unknown => style("UNKNOWN").magenta().bold().to_string(),
        Status::Critical => style("CRITICAL").red().bold().to_string(),
    }
}

fn words(row: &TargetReport, now: OffsetDateTime) -> String {
    if let Some(problem) = &row.problem {
        return problem.what.clone();
    }
    let bad = row.status() != Status::Ok;
    let mut parts: Vec<String> = Vec::new();
    // A row without a certificate has nothing else to say.
    if let (true, Some(first)) = (bad || row.certificate.is_none(), row.worst()) {
        parts.push(first.what.clone());
        let more = row
            .findings
            .iter()
            .filter(|finding| finding.severity != Severity::Note)
            .count()
            .saturating_sub(1);
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
    }
    if let Some(certificate) = &row.certificate {
        parts.push(leaf_words(certificate, row.asked.is_some(), now));
    }
    if !bad && row.certificate.is_some() {
        for part in ["names", "chain"] {
            let not_judged = row.not_applicable.iter().any(|(name, _)| *name == part);
            parts.push(match not_judged {
                true => format!("{part} not judged"),
                false => format!("{part} {}", style("✓").green()),
            });
        }
    }
    if row.kind == TargetKind::Generation
        && let Some((_, why)) = row.not_applicable.iter().find(|(part, _)| *part == "key")
    {
        parts.push(format!("key not compared ({why})"));
    }
    parts.extend(
        row.seen
            .iter()
            .filter(|seen| row.kind == TargetKind::Domain || seen.contains("offered"))
            .cloned(),
    );
    parts.join(" · ")
}

/// The leaf, by its name unless the row has names already.
fn leaf_words(certificate: &CertificateForm, named: bool, now: OffsetDateTime) -> String {
    let left = render::left(certificate.window(), now);
    match named {
        true => left,
        false => format!("{} {left}", certificate.name),
    }
}

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

/// What is wrong, in full, for the targets that stand worst.
fn explained(report: &CheckReport, verbose: bool) -> String {
    let mut text = String::new();
    let mut shown = 0;
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
            shown += 1;
            if shown > MAX_EXPLAINED && !verbose {
                continue;
            }
            text.push('\n');
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
        }
    }
    if shown > MAX_EXPLAINED && !verbose {
        let more = shown - MAX_EXPLAINED;
        text.push_str(&format!("\n{more} more are not explained here (-v does)\n"));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// `CRITICAL  1 of 3 · 1 warning · not judged: …`.
fn sum(report: &CheckReport) -> String {
    let counts = report.counts;
    let mut parts = vec![format!("{} of {}", counts.of_worst(), counts.total())];
    parts.extend(counts.beside_worst());
    if counts.skipped > 0 {
        parts.push(format!("{} files hold no certificate", counts.skipped));
    }
    parts.extend(not_judged(report));
    let mend = report.worst().and_then(|row| match &row.problem {
        Some(problem) => Some(problem.mend.clone()),
        None => row
            .worst()
            .filter(|_| row.status() != Status::Ok)
            .map(|finding| finding.mend.clone()),
    });
    if let Some(mend) = mend {
        parts.push(format!("mend: {mend}"));
    }
    render::hanging(
        &format!("{}  ", word_padded(report.status())),
        &parts.join(" · "),
    )
}

/// How many were judged without chain, names or both, and the flags that say against what.
fn not_judged(report: &CheckReport) -> impl Iterator<Item = String> {
    let lacks =
        |row: &TargetReport, wanted| row.not_applicable.iter().any(|(part, _)| *part == wanted);
    [
        (
            true,
            true,
            "chain and names (--for, --roots and --name say against what)",
        ),
        (true, false, "chain (--for and --roots say against what)"),
        (false, true, "names (--for and --name say against what)"),
    ]
    .into_iter()
    .filter_map(move |(chain, names, words)| {
        let count = report
            .targets
            .iter()
            .filter(|row| lacks(row, "chain") == chain && lacks(row, "names") == names)
            .count();
        (count > 0).then(|| format!("{count} judged without {words}"))
    })
}

fn word_padded(status: Status) -> String {
    match status {
        Status::Ok => style("OK").green().bold().to_string(),
        Status::Warning | Status::Unknown | Status::Critical => word(status),
    }
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
    fn a_row_without_a_certificate_says_what_was_found() {
        let note = Finding::new(
            Code::CheckUnreadable,
            "edge.p12",
            "is encrypted",
            "why",
            "mend",
        )
        .with_severity(Severity::Note);
        let row = TargetReport::new("edge.p12", TargetKind::File).with_finding(note);
        assert_eq!(row.status(), Status::Ok);
        assert_eq!(words(&row, OffsetDateTime::UNIX_EPOCH), "is encrypted");
    }

    #[test]
    fn the_sum_says_only_what_was_not_judged() {
        let mut report = CheckReport::default();
        for lacks in [
            &["chain", "names"][..],
            &["names"],
            &["chain"],
            &["names", "key"],
            &[],
        ] {
            let mut row = TargetReport::new("x", TargetKind::File);
            row.not_applicable = lacks.iter().map(|part| (*part, String::new())).collect();
            report.push(row);
        }
        let told: Vec<_> = not_judged(&report).collect();
        assert_eq!(
            told,
            [
                "1 judged without chain and names (--for, --roots and --name say against what)",
                "1 judged without chain (--for and --roots say against what)",
                "2 judged without names (--for and --name say against what)",
            ]
        );
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
