//! Every target in a table that can be sorted.

use super::{behind, more, shown};
use crate::check::{CheckReport, TargetReport};
use crate::cli::render::{self, Taken};
use std::fmt::Write as _;

/// Most rows.
const MAX_ROWS: usize = 2_000;

pub(super) fn section(body: &mut String, report: &CheckReport, taken: &Taken) {
    body.push_str(
        "<section id=\"all\">\n<h2>All targets</h2>\n<div class=\"scroll\"><table class=\"rows\" id=\"targets\">\n<thead><tr>\
         <th scope=\"col\" data-key=\"status\" data-kind=\"number\">status</th>\
         <th scope=\"col\" data-key=\"target\">target</th>\
         <th scope=\"col\" data-key=\"name\">name asked</th>\
         <th scope=\"col\" data-key=\"certificate\">certificate</th>\
         <th scope=\"col\" data-key=\"issuer\">issuer</th>\
         <th scope=\"col\" data-key=\"expires\" data-kind=\"number\">expires</th>\
         <th scope=\"col\" class=\"num\" data-key=\"days\" data-kind=\"number\">days left</th></tr></thead>\n<tbody>\n",
    );
    let mut order: Vec<(usize, &TargetReport)> = report.targets.iter().enumerate().collect();
    if order.len() > MAX_ROWS {
        // The worst are shown, each in its place.
        order.sort_by_key(|(place, row)| (std::cmp::Reverse(row.status()), *place));
        order.truncate(MAX_ROWS);
        order.sort_by_key(|(place, _)| *place);
    }
    let left_out = report.targets.len() - order.len() + report.without_row;
    for (place, row) in order {
        line(body, place, row, taken);
    }
    body.push_str("</tbody></table></div>\n");
    more(body, left_out, "targets that are not shown");
    body.push_str("</section>\n");
}

fn line(body: &mut String, place: usize, row: &TargetReport, taken: &Taken) {
    let status = row.status();
    let how: Vec<String> = row
        .protocol
        .map(|protocol| protocol.word().to_owned())
        .into_iter()
        .chain(row.place())
        .collect();
    let asked = row
        .asked
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = write!(
        body,
        "<tr data-place=\"{place}\"><td data-sort=\"{}\">{}</td><th scope=\"row\" data-sort=\"{target}\">{target}{}</th>\
         <td data-label=\"name\" data-sort=\"{asked}\">{asked}</td>",
        // By weight, so that the worst stands at one end.
        crate::check::Status::ALL
            .iter()
            .position(|one| *one == status)
            .unwrap_or_default(),
        super::badge(status),
        sub(&how.join(" · ")),
        target = shown(&row.target),
        asked = shown(&asked),
    );
    match &row.certificate {
        Some(leaf) => {
            let issuer = leaf
                .issuer
                .split(',')
                .find_map(|part| part.trim().strip_prefix("CN="))
                .unwrap_or(&leaf.issuer);
            let window = leaf.window();
            let _ = writeln!(
                body,
                "<td data-label=\"certificate\" data-sort=\"{name}\">{name}{}</td>\
                 <td data-label=\"issuer\" data-sort=\"{issuer}\">{issuer}</td>\
                 <td class=\"date\" data-label=\"expires\" data-sort=\"{}\">{}</td>\
                 <td class=\"num\" data-label=\"days left\" data-sort=\"{days}\">{days}{}</td></tr>",
                sub(&format!("serial {}", short(&leaf.serial))),
                leaf.not_after.unix_timestamp(),
                render::date(leaf.not_after),
                match behind(row, taken.now).or_else(|| days_share(window.life_left(taken.now))) {
                    Some(words) => sub(&words),
                    None => String::new(),
                },
                name = shown(&leaf.name),
                issuer = shown(issuer),
                days = window.whole_days_left(taken.now),
            );
        }
        None => {
            let what = row
                .told_findings()
                .into_iter()
                .next()
                .map(|finding| finding.what)
                .unwrap_or_default();
            let _ = writeln!(
                body,
                "<td data-sort=\"\">{}</td><td data-sort=\"\"></td><td data-sort=\"\"></td><td data-sort=\"\"></td></tr>",
                shown(&what)
            );
        }
    }
}

fn sub(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("<span class=\"sub\">{}</span>", shown(text)),
    }
}

/// The first bytes of a serial number, which may be 20 of them.
fn short(serial: &str) -> String {
    match serial.char_indices().nth(14) {
        Some((at, _)) => format!("{}…", serial.get(..at).unwrap_or_default()),
        None => serial.to_owned(),
    }
}

fn days_share(share: f64) -> Option<String> {
    (0.0..=1.0)
        .contains(&share)
        .then(|| format!("{:.0}% of life", share * 100.0))
}
