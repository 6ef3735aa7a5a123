//! The coverage matrix: names down, services and their servers across, and in each cell whether that server shows a
//! certificate for that name.

use super::{behind, more, shown};
use crate::check::{CheckReport, Holding, Status, TargetKind, TargetReport};
use crate::findings::{Code, Finding, Severity};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use time::OffsetDateTime;

/// Most names, and most servers.
const MAX_NAMES: usize = 200;
const MAX_SERVERS: usize = 16;

/// The service of files and generations.
const AT_REST: &str = "at rest";

/// What a cell says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cell {
    status: Status,
    words: &'static str,
    /// As HTML.
    until: String,
}

pub(super) fn section(body: &mut String, report: &CheckReport, now: OffsetDateTime) {
    let mut servers: Vec<(String, String)> = Vec::new();
    let mut names: BTreeMap<String, BTreeMap<usize, Cell>> = BTreeMap::new();
    for row in &report.targets {
        let said = said(row, now);
        if said.is_empty() {
            continue;
        }
        let service = match (row.protocol, row.kind) {
            (Some(protocol), _) => protocol.word().to_owned(),
            (None, _) => AT_REST.to_owned(),
        };
        let server = match row.place() {
            Some(place) => format!("{} {place}", row.target),
            None => row.target.clone(),
        };
        let column = (service, server);
        let place = match servers.iter().position(|known| *known == column) {
            Some(place) => place,
            None => {
                servers.push(column);
                servers.len() - 1
            }
        };
        for (name, cell) in said {
            let cells = names.entry(name).or_default();
            match cells.get(&place) {
                Some(known) if known.status >= cell.status => {}
                Some(_) | None => {
                    cells.insert(place, cell);
                }
            }
        }
    }
    if names.is_empty() {
        return;
    }
    let worst = |place: usize| {
        names
            .values()
            .filter_map(|cells| cells.get(&place))
            .map(|cell| cell.status)
            .max()
    };
    // Trouble first; then services side by side, and what lies at rest after them.
    let mut order: Vec<usize> = (0..servers.len()).collect();
    order.sort_by_cached_key(|place| {
        let service = servers.get(*place).map(|(service, _)| service.clone());
        (
            Reverse(worst(*place)),
            service.as_deref() == Some(AT_REST),
            service,
        )
    });
    order.truncate(MAX_SERVERS);
    let left_out = servers.len() - order.len();
    let shown_servers = order.iter().copied();
    let all_names = names.len();
    // A name that only columns beyond speak of would be a row of nothing.
    names.retain(|_, cells| order.iter().any(|place| cells.contains_key(place)));
    let _ = write!(
        body,
        "<section id=\"coverage\">\n<h2>Coverage</h2>\n<p class=\"hint\">Each name against each service and server: \
         whether the certificate shown there holds it; – was not asked.</p>\n<div class=\"scroll\"><table class=\"{}\">\n<thead><tr>\
         <th scope=\"col\">name</th>",
        on_paper(order.len())
    );
    for (service, server) in shown_servers.clone().filter_map(|place| servers.get(place)) {
        let _ = write!(
            body,
            "<th scope=\"col\">{}<span class=\"sub\">{}</span></th>",
            shown(service),
            shown(server)
        );
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for (name, cells) in names.iter().take(MAX_NAMES) {
        let _ = write!(body, "<tr><th scope=\"row\">{}</th>", shown(name));
        for place in shown_servers.clone() {
            match cells.get(&place) {
                Some(cell) => {
                    let _ = write!(
                        body,
                        "<td><span class=\"badge {}\">{}</span><span class=\"sub\">{}</span></td>",
                        cell.status.word(),
                        cell.words,
                        cell.until
                    );
                }
                None => body.push_str("<td class=\"quiet\">–</td>"),
            }
        }
        body.push_str("</tr>\n");
    }
    body.push_str("</tbody></table></div>\n");
    more(body, all_names - names.len().min(MAX_NAMES), "names");
    more(body, left_out, "servers");
    body.push_str("</section>\n");
}

/// The table's classes: paper does not scroll, so many columns are set smaller and across.
fn on_paper(columns: usize) -> &'static str {
    match columns {
        0..=5 => "matrix",
        6..=9 => "matrix wide",
        _ => "matrix widest",
    }
}

/// The names of a row, and what is said of each: those that were wanted, and of what lies at rest those it holds too.
fn said(row: &TargetReport, now: OffsetDateTime) -> Vec<(String, Cell)> {
    let until = match (&row.certificate, behind(row, now)) {
        (Some(_), Some(behind)) => format!("<span class=\"date\">{}</span>", shown(&behind)),
        (Some(leaf), None) => format!(
            "until <span class=\"date\">{}</span>",
            crate::cli::render::date(leaf.not_after)
        ),
        (None, _) => String::new(),
    };
    let cell = |(status, words)| Cell {
        status,
        words,
        until: until.clone(),
    };
    let Some(leaf) = &row.certificate else {
        let asked = row.asked.iter().map(|name| name.to_string());
        return asked.map(|name| (name, cell(unseen(row)))).collect();
    };
    let is_at_rest = match row.kind {
        TargetKind::Generation | TargetKind::File => true,
        TargetKind::Endpoint
        | TargetKind::Request
        | TargetKind::Deployment
        | TargetKind::Domain => false,
    };
    let sans = leaf.sans.iter().filter_map(|san| san.strip_prefix("dns:"));
    let held = sans
        .filter(|name| is_at_rest && !row.names.iter().any(|(known, _)| known == name))
        .map(|name| (name.to_owned(), Holding::Held));
    row.names
        .iter()
        .cloned()
        .chain(held)
        .map(|(name, holding)| match holding {
            Holding::Held => (name, cell(sound(row))),
            Holding::Missing => (name, cell((Status::Critical, "✗ missing"))),
        })
        .collect()
}

fn unseen(row: &TargetReport) -> (Status, &'static str) {
    match row.status() {
        Status::Unknown => (Status::Unknown, "? not seen"),
        status @ (Status::Ok | Status::Warning | Status::Critical) => (status, "✗ no certificate"),
    }
}

/// Why a certificate is not good for a name that it holds, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flaw {
    OutOfDate,
    Chain,
    Unsound,
    EndsVerySoon,
    EndsSoon,
    Doubtful,
}

/// That other names are missing says nothing of this one.
fn flaw(finding: &Finding) -> Option<Flaw> {
    let code = finding.code.as_str();
    let ends = finding.code == Code::ValidityEndsSoon;
    match finding.severity {
        _ if code.starts_with("names.") => None,
        Severity::Note => None,
        Severity::Warning if ends => Some(Flaw::EndsSoon),
        Severity::Warning => Some(Flaw::Doubtful),
        Severity::Error if ends => Some(Flaw::EndsVerySoon),
        Severity::Error if code.starts_with("validity.") => Some(Flaw::OutOfDate),
        Severity::Error if code.starts_with("chain.") => Some(Flaw::Chain),
        Severity::Error => Some(Flaw::Unsound),
    }
}

/// Of a name that is held: whether the certificate is good for it.
fn sound(row: &TargetReport) -> (Status, &'static str) {
    match row.findings.iter().filter_map(flaw).min() {
        Some(Flaw::OutOfDate) => (Status::Critical, "✗ out of date"),
        Some(Flaw::Chain) => (Status::Critical, "✗ chain"),
        Some(Flaw::Unsound) => (Status::Critical, "✗ not sound"),
        Some(Flaw::EndsVerySoon) => (Status::Critical, "! ends soon"),
        Some(Flaw::EndsSoon) => (Status::Warning, "! ends soon"),
        Some(Flaw::Doubtful) => (Status::Warning, "! covered"),
        None if row.status() == Status::Unknown => (Status::Unknown, "? covered"),
        None => (Status::Ok, "✓ covered"),
    }
}
