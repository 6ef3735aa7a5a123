//! The report for people: a line a target, what is wrong below, the sum at the end.

use crate::check::group::{Group, groups};
use crate::check::{CertificateForm, CheckReport, Status, TargetKind, TargetReport};
use crate::cli::render::{self, Table};
use crate::findings::{Code, Finding, Severity};
use console::style;
use std::cmp::Reverse;
use time::OffsetDateTime;

/// Targets that are OK are shown one by one up to this many, else counted.
const MAX_GOOD_ROWS: usize = 50;

/// Findings are explained for at most this many targets; the table names the others.
const MAX_EXPLAINED: usize = 20;

/// A listener is told together with one that stands alike at most so many blocks before it.
const MAX_LOOKED_BACK: usize = 64;

/// The whole text.
pub(super) fn render(report: &CheckReport, now: OffsetDateTime, verbose: bool) -> String {
    let lines = Lines::of(report, now, verbose);
    let mut text = laid_out(lines.rows.iter());
    if lines.hidden_good > 0 {
        text.push_str(&format!(
            "  {} more are ok (-v shows them)\n",
            lines.hidden_good
        ));
    } else if report.without_row > 0 {
        text.push_str(&format!("  {} more are not shown\n", report.without_row));
    }
    let (blocks, left_out) = explained(report, verbose);
    text.extend(blocks);
    if left_out > 0 {
        text.push_str(&format!(
            "\n{left_out} more are not explained here (-v does)\n"
        ));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&sum(report));
    text
}

/// The same in at most so many lines, as far as that can be: the sum and the rows that stand worst, each in its place,
/// then what there is room for to explain them.
pub(super) fn render_within(
    report: &CheckReport,
    now: OffsetDateTime,
    verbose: bool,
    height: usize,
) -> String {
    let whole = render(report, now, verbose);
    if height_of(&whole) <= height {
        return whole;
    }
    let sum = sum(report);
    let lines = Lines::of(report, now, verbose);
    let hidden = lines.hidden_good + report.without_row;
    let room = height.saturating_sub(height_of(&sum) + 1);
    let mut order: Vec<usize> = (0..lines.rows.len()).collect();
    order.sort_by_key(|place| {
        (
            Reverse(lines.rows.get(*place).map(|row| row.status)),
            *place,
        )
    });
    order.truncate(room.max(1));
    let mut text = loop {
        let mut places = order.clone();
        places.sort_unstable();
        let mut text = laid_out(places.iter().filter_map(|place| lines.rows.get(*place)));
        let more = hidden + lines.rows.len() - order.len();
        if more > 0 {
            text.push_str(&format!("  {more} more are not shown\n"));
        }
        if height_of(&text) <= room || order.len() <= 1 {
            break text;
        }
        order.pop();
    };
    let (blocks, left_out) = explained(report, verbose);
    let mut untold = blocks.len() + left_out;
    // The line that says how many are left out needs its room too.
    for block in blocks {
        if height_of(&text) + height_of(&block) + 1 > room {
            break;
        }
        text.push_str(&block);
        untold -= 1;
    }
    if untold > 0 && height_of(&text) < room {
        text.push_str(&format!("  {untold} are not explained for want of room\n"));
    }
    text.push('\n');
    text.push_str(&sum);
    text
}

fn height_of(text: &str) -> usize {
    text.lines().count()
}

/// A row of the table.
struct Line {
    status: Status,
    cells: [String; 5],
}

/// The rows of the table, alike ones as one.
struct Lines {
    rows: Vec<Line>,
    /// Targets that are OK and too many to be shown.
    hidden_good: usize,
}

impl Lines {
    fn of(report: &CheckReport, now: OffsetDateTime, verbose: bool) -> Self {
        let good = report
            .targets
            .iter()
            .filter(|row| row.status() == Status::Ok)
            .count();
        let show_good = verbose || good <= MAX_GOOD_ROWS;
        let shown = report
            .targets
            .iter()
            .filter(|row| show_good || row.status() != Status::Ok);
        let rows = groups(shown)
            .iter()
            .map(|group| Line {
                status: group.first.status(),
                cells: [
                    heading(group.first),
                    place(group.first),
                    names(group),
                    word(group.first.status()),
                    words(group.first, now),
                ],
            })
            .collect();
        Self {
            rows,
            hidden_good: match show_good {
                true => 0,
                false => good + report.without_row,
            },
        }
    }
}

/// In columns; those without anything in them are left out.
fn laid_out<'a>(rows: impl Iterator<Item = &'a Line> + Clone) -> String {
    let filled = |column: usize| {
        rows.clone()
            .any(|row| row.cells.get(column).is_some_and(|cell| !cell.is_empty()))
    };
    let (places, asked) = (filled(1), filled(2));
    let mut table = Table::plain();
    for row in rows {
        let [target, place, names, status, words] = row.cells.clone();
        let between = [(places, place), (asked, names)]
            .into_iter()
            .filter_map(|(shown, cell)| shown.then_some(cell));
        table.row_of(
            std::iter::once(target)
                .chain(between)
                .chain([status, words])
                .collect(),
        );
    }
    table.render()
}

/// What a domain led to stands below its row.
fn heading(row: &TargetReport) -> String {
    match row.within {
        Some(_) => format!("  {}", row.target),
        None => row.target.clone(),
    }
}

fn place(row: &TargetReport) -> String {
    let protocol = row.protocol.map(|protocol| protocol.word().to_owned());
    [row.place(), protocol]
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
        let told = row.findings.first().filter(|_| bad).is_some_and(tells_end);
        parts.extend(leaf_words(certificate, row.asked.is_some(), told, now));
    }
    let inside = |finding: &&Finding| finding.code == Code::LiveInside;
    if let (false, Some(inside)) = (bad, row.findings.iter().find(inside)) {
        // No fault of the certificate, and the row would look as if all were well.
        parts.push(inside.what.clone());
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

/// Whether a finding says when the leaf ends, or how much of it is left.
fn tells_end(finding: &Finding) -> bool {
    let of_leaf = finding.place.split(", ").any(|part| part == "leaf");
    of_leaf && [Code::ValidityExpired, Code::ValidityEndsSoon].contains(&finding.code)
}

/// The leaf, by its name unless the row has names already, and its end unless that was told.
fn leaf_words(
    certificate: &CertificateForm,
    named: bool,
    told: bool,
    now: OffsetDateTime,
) -> Option<String> {
    let left = render::left(certificate.window(), now);
    match (named, told) {
        (true, true) => None,
        (true, false) => Some(left),
        (false, true) => Some(certificate.name.clone()),
        (false, false) => Some(format!("{} {left}", certificate.name)),
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

/// What is wrong, in full, for the targets that stand worst; and how many more there are.
fn explained(report: &CheckReport, verbose: bool) -> (Vec<String>, usize) {
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

    fn endpoint(port: u16, place: &str) -> TargetReport {
        let finding = Finding::new(Code::NamesMissing, place, "what", "why", "mend");
        TargetReport::new(format!("front 127.0.0.1:{port}"), TargetKind::Endpoint)
            .with_finding(finding)
    }

    #[test]
    fn a_short_terminal_keeps_the_worst_rows_and_the_sum() {
        let mut report = CheckReport::default();
        for number in 0..30 {
            let row = TargetReport::new(format!("target-{number}"), TargetKind::File);
            let finding = |severity| {
                Finding::new(Code::ValidityEndsSoon, "leaf", "ends", "why", "mend")
                    .with_severity(severity)
            };
            report.push(match number {
                7 | 21 => row.with_finding(finding(Severity::Error)),
                3 => row.with_finding(finding(Severity::Warning)),
                _ => row,
            });
        }
        let now = OffsetDateTime::UNIX_EPOCH;
        let whole = render(&report, now, false);
        let all = whole.lines().count();
        assert_eq!(render_within(&report, now, false, all), whole);
        for height in 4..all {
            let cut = render_within(&report, now, false, height);
            assert!(cut.lines().count() <= height, "{height}: {cut}");
            let last = cut.lines().last().unwrap();
            assert!(
                console::strip_ansi_codes(last).starts_with("CRITICAL  2 of 30"),
                "{cut}"
            );
            assert!(cut.contains("target-7 "), "{height}: {cut}");
        }
        let cut = render_within(&report, now, false, 6);
        let rows: Vec<&str> = cut
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.starts_with("target-"))
            .collect();
        // The three that are not sound, each in its place.
        assert_eq!(rows, ["target-3", "target-7", "target-21"], "{cut}");
        assert!(cut.contains("27 more are not shown"), "{cut}");
        // With more room the worst is explained.
        assert!(render_within(&report, now, false, 20).contains("validity.ends-soon"));
    }

    #[test]
    fn a_row_says_the_end_once() {
        use time::macros::datetime;
        let certificate = CertificateForm {
            name: "edge.contoso.com".to_owned(),
            subject: String::new(),
            issuer: String::new(),
            sans: Vec::new(),
            not_before: datetime!(2026-01-01 0:00 UTC),
            not_after: datetime!(2026-04-01 0:00 UTC),
            sha256: crate::x509::Fingerprint::of(b"leaf"),
            spki_sha256: crate::x509::Fingerprint::of(b"key"),
            serial: String::new(),
        };
        let now = datetime!(2026-04-04 0:00 UTC);
        for (code, place, said) in [
            (
                Code::ValidityExpired,
                "leaf, validity",
                "what · edge.contoso.com",
            ),
            (
                Code::ChainNoPath,
                "leaf",
                "what · edge.contoso.com ended 2026-04-01 (3 days ago)",
            ),
            (
                Code::ValidityEndsSoon,
                "intermediate 1",
                "what · edge.contoso.com ended 2026-04-01 (3 days ago)",
            ),
        ] {
            let finding = Finding::new(code, place, "what", "why", "mend");
            let row = TargetReport {
                certificate: Some(certificate.clone()),
                ..TargetReport::new("edge.pem", TargetKind::File).with_finding(finding)
            };
            assert_eq!(words(&row, now), said, "{code:?} {place}");
        }
    }

    #[test]
    fn a_service_that_does_not_answer_inside_is_seen_in_its_row() {
        let inside = Finding::new(Code::LiveInside, "", "does not answer", "why", "mend");
        let row = TargetReport::new("edge:5270", TargetKind::Endpoint).with_finding(inside);
        assert_eq!(row.status(), Status::Ok);
        assert!(words(&row, OffsetDateTime::UNIX_EPOCH).contains("does not answer"));
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
