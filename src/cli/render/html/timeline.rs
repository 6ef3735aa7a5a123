//! The validity timeline: a bar for each certificate from its first second to its last, with the thresholds at its end
//! and a line for now. Places are percentages of the width, so that type keeps its size on every screen.

use super::{behind, more, shown};
use crate::check::{CertificateForm, CheckReport, Status, TargetReport};
use crate::cli::render::{self, Taken};
use crate::deployment::LifeLeft;
use crate::findings::Finding;
use crate::x509::Fingerprint;
use std::collections::HashMap;
use std::fmt::Write as _;
use time::{Date, Duration, Month, OffsetDateTime};

/// Most bars.
const MAX_BARS: usize = 60;

/// How far the axis goes at most, back and ahead; a bar beyond it is cut.
const BACK: Duration = Duration::days(400);
const AHEAD: Duration = Duration::days(3 * 366);

/// Percent of the width on either side of now without labels.
const NEAR: f64 = 4.0;

/// A certificate, and how it stands by its dates.
struct Bar<'a> {
    leaf: &'a CertificateForm,
    status: Status,
    /// What its colour comes from, where that is not the leaf.
    behind: Option<String>,
    first: &'a str,
    others: usize,
}

/// From when to when, and now.
struct Axis {
    from: OffsetDateTime,
    to: OffsetDateTime,
}

impl Axis {
    /// Percent of the width.
    fn at(&self, moment: OffsetDateTime) -> f64 {
        let whole = (self.to - self.from).as_seconds_f64();
        ((moment - self.from).as_seconds_f64() / whole * 100.0).clamp(0.0, 100.0)
    }
}

pub(super) fn section(body: &mut String, report: &CheckReport, taken: &Taken) {
    let mut bars = bars(report, taken.now);
    if bars.is_empty() {
        return;
    }
    bars.sort_by_key(|bar| bar.leaf.not_after);
    let left_out = bars.len().saturating_sub(MAX_BARS);
    bars.truncate(MAX_BARS);
    let axis = axis(&bars, taken.now);
    body.push_str(
        "<section id=\"timeline\">\n<h2>Validity</h2>\n<p class=\"hint\">What ends first stands first. At the end of \
         a bar lie the last days of its life, in which it is a warning, then critical.</p>\n<div class=\"timeline\">\n",
    );
    ticks(body, &axis, taken.now);
    for bar in &bars {
        lane(body, bar, &axis, taken);
    }
    body.push_str(
        "</div>\n<p class=\"legend\">\
         <span class=\"ok\"><svg role=\"img\" aria-label=\"ok\"><rect class=\"life\" width=\"22\" height=\"10\" rx=\"2\"/></svg>valid, in the colour of its dates</span>\
         <span><svg role=\"img\" aria-label=\"warning\"><rect class=\"warn-zone\" width=\"22\" height=\"10\" rx=\"2\"/></svg>warning zone</span>\
         <span><svg role=\"img\" aria-label=\"critical\"><rect class=\"crit-zone\" width=\"22\" height=\"10\" rx=\"2\"/></svg>critical zone</span>\
         <span><svg role=\"img\" aria-label=\"now\"><line class=\"now\" x1=\"11\" x2=\"11\" y1=\"0\" y2=\"10\"/></svg>now</span></p>\n",
    );
    more(body, left_out, "certificates that end later");
    body.push_str("</section>\n");
}

fn bars(report: &CheckReport, now: OffsetDateTime) -> Vec<Bar<'_>> {
    let mut bars: Vec<Bar<'_>> = Vec::new();
    let mut known: HashMap<Fingerprint, usize> = HashMap::new();
    for row in &report.targets {
        let Some(leaf) = &row.certificate else {
            continue;
        };
        match known
            .get(&leaf.sha256)
            .and_then(|place| bars.get_mut(*place))
        {
            Some(bar) => {
                if bar.status < of_its_dates(row) {
                    bar.status = of_its_dates(row);
                    bar.behind = behind(row, now);
                }
                bar.others += usize::from(bar.first != row.target);
            }
            None => {
                known.insert(leaf.sha256, bars.len());
                bars.push(Bar {
                    leaf,
                    status: of_its_dates(row),
                    behind: behind(row, now),
                    first: &row.target,
                    others: 0,
                });
            }
        }
    }
    bars
}

/// How it stands by its dates: what else is wrong is no matter of time.
fn of_its_dates(row: &TargetReport) -> Status {
    let dates: Vec<Finding> = row
        .findings
        .iter()
        .filter(|one| one.code.as_str().starts_with("validity."))
        .cloned()
        .collect();
    Status::of(&dates, None)
}

/// As far as the bars go, with room around now.
fn axis(bars: &[Bar<'_>], now: OffsetDateTime) -> Axis {
    let first = bars.iter().map(|bar| bar.leaf.not_before).min();
    let last = bars.iter().map(|bar| bar.leaf.not_after).max();
    let room = Duration::days(30);
    Axis {
        from: first.unwrap_or(now).clamp(now - BACK, now - room),
        to: last.unwrap_or(now).clamp(now + room, now + AHEAD),
    }
}

/// Months, at most about eight of them.
fn ticks(body: &mut String, axis: &Axis, now: OffsetDateTime) {
    let months = (axis.to - axis.from).whole_days() / 30;
    let step = match months {
        ..=8 => 1,
        9..=16 => 2,
        17..=26 => 3,
        27..=52 => 6,
        _ => 12,
    };
    body.push_str(
        "<div class=\"lane axis\"><div class=\"who\"></div><svg height=\"34\" aria-hidden=\"true\">",
    );
    let here = axis.at(now);
    let mut number = i32::from(u8::from(axis.from.month())) - 1 + axis.from.year() * 12;
    number += step - number.rem_euclid(step);
    while let Some(moment) = first_of(number) {
        if moment > axis.to {
            break;
        }
        let at = axis.at(moment);
        let label = match moment.month() == Month::January {
            true => moment.year().to_string(),
            false => moment.month().to_string().chars().take(3).collect(),
        };
        let anchor = if at > 96.0 { "end" } else { "middle" };
        let _ = write!(
            body,
            "<line class=\"tick\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"28\" y2=\"34\"/>"
        );
        // Where the line for now goes through it, no label can be read.
        if (at - here).abs() >= NEAR {
            let _ = write!(
                body,
                "<text x=\"{at:.2}%\" y=\"24\" text-anchor=\"{anchor}\">{label}</text>"
            );
        }
        number += step;
    }
    let anchor = match here {
        ..6.0 => "start",
        ..94.0 => "middle",
        _ => "end",
    };
    let _ = writeln!(
        body,
        "<text class=\"now-text\" x=\"{here:.2}%\" y=\"9\" text-anchor=\"{anchor}\">now</text>\
         <line class=\"now\" x1=\"{here:.2}%\" x2=\"{here:.2}%\" y1=\"12\" y2=\"34\"/></svg><div class=\"until\"></div></div>"
    );
}

/// The first moment of a month counted from year 0.
fn first_of(number: i32) -> Option<OffsetDateTime> {
    let month = Month::try_from(u8::try_from(number.rem_euclid(12)).ok()? + 1).ok()?;
    let date = Date::from_calendar_date(number.div_euclid(12), month, 1).ok()?;
    Some(date.midnight().assume_utc())
}

fn lane(body: &mut String, bar: &Bar<'_>, axis: &Axis, taken: &Taken) {
    let leaf = bar.leaf;
    let others = match bar.others {
        0 => String::new(),
        1 => " and 1 more".to_owned(),
        more => format!(" and {more} more"),
    };
    let (from, to) = (axis.at(leaf.not_before), axis.at(leaf.not_after));
    let begins = |threshold: LifeLeft| {
        let left = match threshold {
            LifeLeft::Days(days) => Duration::seconds_f64(days * 86_400.0),
            LifeLeft::Share(share) => (leaf.not_after - leaf.not_before) * share,
        };
        leaf.not_after
            .checked_sub(left)
            .map_or(from, |moment| axis.at(moment).max(from))
    };
    let critical = begins(taken.leaf.critical);
    let warning = begins(taken.leaf.warning).min(critical);
    let label = format!(
        "{} is valid from {} to {}",
        leaf.name,
        render::date(leaf.not_before),
        render::date(leaf.not_after)
    );
    let here = axis.at(taken.now);
    let days = leaf.window().whole_days_left(taken.now);
    let left = match (days, leaf.not_after < taken.now) {
        (_, true) => "ended".to_owned(),
        (1, false) => "1 day left".to_owned(),
        (days, false) => format!("{days} days left"),
    };
    let _ = write!(
        body,
        "<div class=\"lane {}\"><div class=\"who\"><b>{}</b><span>{}{others}</span></div>\
         <svg height=\"30\" role=\"img\" aria-label=\"{}\"><title>{}</title>",
        bar.status.word(),
        shown(&leaf.name),
        shown(bar.first),
        shown(&label),
        shown(&label),
    );
    for (class, from, to) in [
        ("life", from, warning),
        ("warn-zone", warning, critical),
        ("crit-zone", critical, to),
    ] {
        let width = to - from;
        if width > 0.0 {
            let _ = write!(
                body,
                "<rect class=\"{class}\" x=\"{from:.2}%\" y=\"9\" width=\"{width:.2}%\" height=\"12\"/>"
            );
        }
    }
    let _ = writeln!(
        body,
        "<line class=\"now\" x1=\"{here:.2}%\" x2=\"{here:.2}%\" y1=\"0\" y2=\"30\"/></svg>\
         <div class=\"until\">{left}<span>{}</span></div></div>",
        match &bar.behind {
            Some(behind) => shown(behind),
            None => render::date(leaf.not_after),
        }
    );
}
