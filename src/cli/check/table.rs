//! The report for people: a line a target, what is wrong below, the sum at the end.

use super::explained::explained;
use crate::check::group::{Group, groups};
use crate::check::{CertificateForm, CheckReport, Status, TargetKind, TargetReport};
use crate::cli::render::{self, Table};
use crate::findings::{Code, Finding, Severity};
use console::style;
use std::cmp::Reverse;
use time::OffsetDateTime;

/// Targets that are OK are shown one by one up to this many, else counted.
const MAX_GOOD_ROWS: usize = 50;

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
    let is_explained = !blocks.is_empty();
    text.extend(blocks);
    if left_out > 0 {
        text.push_str(&format!(
            "\n{left_out} more are not explained here (-v does)\n"
        ));
    }
    if is_explained {
        text.push('\n');
    }
    text.push_str(&sum(report));
    text
}

/// The same in at most so many lines, as far as that can be: the sum and the rows that stand worst, each in its place;
/// what explains them; then the rows that are OK.
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
    let room = height.saturating_sub(height_of(&sum) + 1);
    let mut order: Vec<&Line> = lines.rows.iter().collect();
    // Stable: of those that stand alike the first ones.
    order.sort_by_key(|line| Reverse(line.status));
    let bad = order
        .iter()
        .filter(|line| line.status != Status::Ok)
        .count();
    let hidden = lines.hidden_good + report.without_row;
    let of_worst = |count: usize| {
        let mut kept: Vec<&Line> = order.iter().take(count).copied().collect();
        kept.sort_by_key(|line| line.place);
        let mut text = laid_out(kept.into_iter());
        let more = hidden + order.len().saturating_sub(count);
        if more > 0 {
            text.push_str(&format!("  {more} more are not shown\n"));
        }
        text
    };
    let mut count = bad.clamp(1, room.max(1));
    while count > 1 && height_of(&of_worst(count)) > room {
        count -= 1;
    }
    let mut told = String::new();
    let (blocks, left_out) = explained(report, verbose);
    let mut untold = blocks.len() + left_out;
    let taken = height_of(&of_worst(count));
    for block in blocks {
        // The line that says how many are left out needs its room too.
        if taken + height_of(&told) + height_of(&block) + 1 > room {
            break;
        }
        told.push_str(&block);
        untold -= 1;
    }
    if untold > 0 && taken + height_of(&told) < room {
        told.push_str(&format!("  {untold} are not explained for want of room\n"));
    }
    while count < order.len() && height_of(&of_worst(count + 1)) + height_of(&told) <= room {
        count += 1;
    }
    format!("{}{told}\n{sum}", of_worst(count))
}

fn height_of(text: &str) -> usize {
    text.lines().count()
}

/// A row of the table.
struct Line {
    place: usize,
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
            .enumerate()
            .map(|(place_of, group)| Line {
                place: place_of,
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
    if let Some(problem) = row.foremost_problem() {
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
        let told = row.worst().filter(|one| bad && tells_end(one));
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

/// The leaf, by its name unless the row has names already, and its end; neither where a finding has told it.
fn leaf_words(
    certificate: &CertificateForm,
    named: bool,
    told: Option<&Finding>,
    now: OffsetDateTime,
) -> Option<String> {
    let name = Some(&certificate.name)
        .filter(|name| !named && !told.is_some_and(|told| told.what.contains(name.as_str())));
    let left = told
        .is_none()
        .then(|| render::left(certificate.window(), now));
    match (name, left) {
        (Some(name), Some(left)) => Some(format!("{name} {left}")),
        (Some(name), None) => Some(name.clone()),
        (None, left) => left,
    }
}

/// `CRITICAL  1 of 3 · 1 warning · not judged: …`.
fn sum(report: &CheckReport) -> String {
    let counts = report.counts;
    let mut parts = vec![format!("{} of {}", counts.of_worst(), counts.total())];
    parts.extend(counts.beside_worst());
    if groups(report.targets.iter()).len() < report.targets.len() {
        parts.push("each name at an address counts".to_owned());
    }
    if counts.skipped > 0 {
        let verb = match counts.skipped {
            1 => "holds",
            _ => "hold",
        };
        let files = render::count(counts.skipped, "file");
        parts.push(format!("{files} {verb} no certificate"));
    }
    parts.extend(not_judged(report));
    let mend = report.worst().and_then(|row| match row.foremost_problem() {
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
mod tests;
