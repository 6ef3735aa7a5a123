//! What is wrong, why, and what mends it: a block for each finding, with all targets it was found at.

use super::{escaped, more, shown};
use crate::check::{CheckReport, Status};
use crate::findings::{Finding, Severity};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Most findings that are told.
const MAX_FINDINGS: usize = 200;

/// Most targets named for one finding.
const MAX_NAMED: usize = 12;

/// A finding, and whose it is.
struct Told {
    status: Status,
    finding: Finding,
    targets: Vec<String>,
    left_out: usize,
}

pub(super) fn section(body: &mut String, report: &CheckReport) {
    let all = gathered(report);
    if all.is_empty() {
        return;
    }
    body.push_str(
        "<section id=\"findings\">\n<h2>What to mend</h2>\n<p class=\"hint\">The worst first; alike findings are told \
         once, with every place.</p>\n",
    );
    for told in all.iter().take(MAX_FINDINGS) {
        block(body, told);
    }
    more(body, all.len().saturating_sub(MAX_FINDINGS), "findings");
    body.push_str("</section>\n");
}

fn gathered(report: &CheckReport) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    let mut known: HashMap<(Status, &str, String, String, String), usize> = HashMap::new();
    for row in &report.targets {
        let unread = usize::from(row.problem.is_some());
        for (number, finding) in row.told_findings().into_iter().enumerate() {
            let status = match finding.severity {
                _ if number < unread => Status::Unknown,
                Severity::Error => Status::Critical,
                Severity::Warning => Status::Warning,
                Severity::Note => continue,
            };
            let mut target = row.target.clone();
            if let Some(place) = row.place() {
                target.push_str(&format!(" at {place}"));
            }
            if let Some(asked) = &row.asked
                && !row.target.starts_with(&asked.to_string())
            {
                target.push_str(&format!(" {asked}"));
            }
            let key = (
                status,
                finding.code.as_str(),
                finding.what.clone(),
                finding.why.clone(),
                finding.mend.clone(),
            );
            match known.get(&key).and_then(|place| all.get_mut(*place)) {
                Some(told) if told.targets.contains(&target) => {}
                Some(told) if told.targets.len() < MAX_NAMED => told.targets.push(target),
                Some(told) => told.left_out += 1,
                None => {
                    known.insert(key, all.len());
                    all.push(Told {
                        status,
                        finding,
                        targets: vec![target],
                        left_out: 0,
                    });
                }
            }
        }
    }
    all.sort_by_key(|told| std::cmp::Reverse(told.status));
    all
}

fn block(body: &mut String, told: &Told) {
    let finding = &told.finding;
    let targets: Vec<String> = told.targets.iter().map(|target| shown(target)).collect();
    let rest = match told.left_out {
        0 => String::new(),
        left_out => format!(" and {left_out} more"),
    };
    let place = match told.targets.as_slice() {
        [only] if !finding.place.is_empty() && *only != finding.place => {
            format!(" · {}", shown(&finding.place))
        }
        _ => String::new(),
    };
    let _ = write!(
        body,
        "<article class=\"finding\">\n<h3>{}<span>{}</span></h3>\n<p class=\"where\">{}{rest}{place}</p>\n<dl>\n",
        super::badge(told.status),
        escaped(&finding.what),
        targets.join(", ")
    );
    for (word, class, part) in [("why", "", &finding.why), ("mend", "mend", &finding.mend)] {
        if !part.is_empty() {
            let _ = writeln!(
                body,
                "<dt>{word}</dt><dd class=\"{class}\">{}</dd>",
                escaped(part)
            );
        }
    }
    let _ = writeln!(
        body,
        "<dt>code</dt><dd><code>{}</code> · {}</dd>\n</dl>\n</article>",
        finding.code.as_str(),
        escaped(finding.code.cite())
    );
}
