//! `check --watch`: the table again and again, with what changed since; on a terminal in its place, else appended.

use super::{CheckArgs, Context, Failure, Outcome, check, table};
use crate::check::{CheckReport, Status};
use crate::cli::not_taken::NotTaken;
use crate::cli::render;
use crate::explain::{Explanation, printable};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

/// Between two checks, where nobody says it.
pub(super) const USUAL_INTERVAL: Duration = Duration::from_secs(300);

/// Shorter ones are more than a server asked for.
const SHORTEST: Duration = Duration::from_secs(1);

/// Longest, so that the next check can be reckoned with.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Most changes named.
const MAX_CHANGES: usize = 20;

/// How each target stands, by what tells it from others.
type Standing = BTreeMap<String, Status>;

/// Seconds, or `30s`, `5m`, `1h`.
pub(super) fn interval(text: &str) -> Result<Duration, NotTaken> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 's')) => (text.get(..at), 1),
        Some((at, 'm')) => (text.get(..at), 60),
        Some((at, 'h')) => (text.get(..at), 3_600),
        Some(_) | None => (Some(text), 1),
    };
    digits
        .and_then(|digits| digits.parse::<u32>().ok())
        .map(|number| Duration::from_secs(u64::from(number) * unit))
        .filter(|interval| (SHORTEST..=LONGEST).contains(interval))
        .ok_or_else(|| NotTaken::unread("write it as 30s, 5m or 1h, from 1s to 168h"))
}

/// As it is written.
pub(super) fn words(interval: Duration) -> String {
    match interval.as_secs() {
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// Watches until a signal comes.
pub(super) fn watch(
    args: &CheckArgs,
    interval: Duration,
    context: &mut Context,
) -> Result<Outcome, Failure> {
    super::serve::end_on_signals().map_err(|error| no_signals(&error))?;
    let in_place = std::io::stdout().is_terminal();
    let mut before: Option<Standing> = None;
    loop {
        context.read_clock_again();
        let mut text = format!(
            "{} · every {} · ctrl-c ends it\n\n",
            render::moment(context.now),
            words(interval)
        );
        match check(args, context, None) {
            Ok((report, _)) => {
                let standing = standing(&report);
                let height = match in_place {
                    true => console::Term::stdout()
                        .size_checked()
                        .map(|(rows, _)| usize::from(rows)),
                    false => None,
                };
                let most = height.map_or(MAX_CHANGES, |height| MAX_CHANGES.min(height / 4));
                let changed = match &before {
                    Some(before) => changes(before, &standing, most),
                    None => String::new(),
                };
                let (now, verbose) = (context.now, context.verbose());
                text.push_str(&match height {
                    Some(height) => {
                        // The cursor stands on a line of its own.
                        let taken = text.lines().count() + changed.lines().count() + 1;
                        table::render_within(&report, now, verbose, height.saturating_sub(taken))
                    }
                    None => table::render(&report, now, verbose),
                });
                text.push_str(&changed);
                before = Some(standing);
            }
            // What is wrong at the first check is wrong usage; a file that is being changed mends itself.
            Err(failure) if before.is_none() => return Err(failure),
            Err(failure) => text.push_str(&render::explanation(&failure.explanation)),
        }
        if in_place {
            // What fails to be cleared is only written below.
            let _ = console::Term::stdout().clear_screen();
        } else {
            text.push('\n');
        }
        context.print(&text);
        std::thread::sleep(interval);
    }
}

fn no_signals(error: &std::io::Error) -> Failure {
    Failure::new(
        super::FailureKind::Failed,
        Explanation {
            code: "check.watch",
            what: "signals cannot be watched".to_owned(),
            place: "--watch".to_owned(),
            why: crate::explain::os_words(error),
            mend: "check without --watch".to_owned(),
        },
    )
}

fn standing(report: &CheckReport) -> Standing {
    let mut standing = Standing::new();
    for row in &report.targets {
        let mut key = printable(&row.target);
        for part in [row.asked.as_ref().map(ToString::to_string), row.place()]
            .into_iter()
            .flatten()
            .filter(|part| !row.target.contains(part.as_str()))
        {
            key.push(' ');
            key.push_str(&part);
        }
        let status = row.status();
        standing
            .entry(key)
            .and_modify(|known| *known = status.max(*known))
            .or_insert(status);
    }
    standing
}

/// A line for each target that stands otherwise than before.
fn changes(before: &Standing, now: &Standing, most: usize) -> String {
    let mut lines = Vec::new();
    for (target, status) in now {
        match before.get(target) {
            Some(known) if known == status => {}
            Some(known) => {
                let mark = if status > known {
                    "▲ worse"
                } else {
                    "▼ better"
                };
                let (known, status) = (table::word(*known), table::word(*status));
                lines.push(format!("{mark}  {target}: {known} → {status}"));
            }
            None => lines.push(format!("+ new    {target}: {}", table::word(*status))),
        }
    }
    for target in before.keys().filter(|target| !now.contains_key(*target)) {
        lines.push(format!("- gone   {target}"));
    }
    if lines.is_empty() {
        return String::new();
    }
    let more = lines.len().saturating_sub(most);
    lines.truncate(most);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    format!("\nchanged since the last look:\n  {}\n", lines.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_and_bounded() {
        for (text, seconds) in [
            ("30s", Some(30)),
            ("5m", Some(300)),
            ("1h", Some(3_600)),
            ("90", Some(90)),
            ("0s", None),
            ("169h", None),
            ("s", None),
            ("-5s", None),
            ("5d", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(
                interval(text).ok(),
                seconds.map(Duration::from_secs),
                "{text}"
            );
        }
        assert_eq!(words(Duration::from_secs(90)), "90s");
        assert_eq!(words(USUAL_INTERVAL), "5m");
    }

    #[test]
    fn what_stands_otherwise_is_told_and_nothing_else() {
        let of = |rows: &[(&str, Status)]| -> Standing {
            rows.iter()
                .map(|(key, status)| ((*key).to_owned(), *status))
                .collect()
        };
        let before = of(&[
            ("a", Status::Ok),
            ("b", Status::Critical),
            ("c", Status::Ok),
            ("d", Status::Ok),
        ]);
        let after = of(&[
            ("a", Status::Warning),
            ("b", Status::Ok),
            ("c", Status::Ok),
            ("e", Status::Unknown),
        ]);
        let told = changes(&before, &after, MAX_CHANGES);
        let told = console::strip_ansi_codes(&told);
        assert_eq!(
            told,
            "\nchanged since the last look:\n  ▲ worse  a: ok → WARNING\n  ▼ better  b: CRITICAL → ok\n  \
             + new    e: UNKNOWN\n  - gone   d\n"
        );
        assert_eq!(changes(&before, &before, MAX_CHANGES), "");
    }
}
