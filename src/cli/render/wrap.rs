//! Text in the width of a terminal: broken between words, never within a command in backticks, hanging under its head.
//!
//! Away from a terminal nothing is broken, so that other programs find each thing on one line.

use console::{Term, measure_text_width};
use std::cell::Cell;

/// Columns of the smallest terminal that is served; a narrower one is treated as this.
const MIN_COLUMNS: usize = 40;

thread_local! {
    /// The columns within a frame, for what is told on this thread meanwhile.
    static FRAME: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Does something whose words are to fit within a frame of so many columns, whatever the terminal has.
pub fn within<T>(frame: Option<usize>, work: impl FnOnce() -> T) -> T {
    let before = FRAME.replace(frame);
    let done = work();
    FRAME.set(before);
    done
}

/// The columns to fit in: those of a frame ([`within`]), else `COLUMNS` where it is exported, else those of standard
/// output if it is a terminal; `None` where there is no limit.
pub fn columns() -> Option<usize> {
    if let Some(frame) = FRAME.get() {
        return Some(frame);
    }
    let told = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.trim().parse::<usize>().ok())
        .filter(|columns| *columns > 0);
    told.or_else(|| {
        let term = Term::stdout();
        term.features()
            .is_attended()
            .then(|| term.size_checked())
            .flatten()
            .map(|(_, columns)| usize::from(columns))
    })
    .map(|columns| columns.max(MIN_COLUMNS))
}

/// Signs that say nothing without what stands beside them.
const SIGNS: [&str; 5] = ["·", "✓", "✗", "!", "→"];

/// The words of a text; what stands in backticks is one word, as a command is copied whole, and a sign stays with the
/// word before it, at the beginning with the one after it.
fn words(text: &str) -> Vec<&str> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    let mut begin = None;
    let mut quoted = false;
    let mut push = |from: usize, to: usize| {
        let sign = |from, to| {
            let word = console::strip_ansi_codes(text.get(from..to).unwrap_or_default());
            SIGNS.contains(&word.as_ref())
        };
        let first = places.len() == 1;
        match places.last_mut() {
            Some(last) if sign(from, to) || (first && sign(last.0, last.1)) => last.1 = to,
            Some(_) | None => places.push((from, to)),
        }
    };
    for (at, c) in text.char_indices() {
        if c == '`' {
            quoted = !quoted;
        }
        match (c == ' ' && !quoted, begin) {
            (true, Some(from)) => {
                push(from, at);
                begin = None;
            }
            (false, None) => begin = Some(at),
            (true, None) | (false, Some(_)) => {}
        }
    }
    if let Some(from) = begin {
        push(from, text.len());
    }
    places
        .into_iter()
        .filter_map(|(from, to)| text.get(from..to))
        .collect()
}

/// Columns of the longest word.
pub fn longest_word(text: &str) -> usize {
    words(text)
        .into_iter()
        .map(measure_text_width)
        .max()
        .unwrap_or(0)
}

/// The text in lines of at most `width` columns where its words allow that; at least one line, colours closed at its
/// end and taken up in the next.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    if measure_text_width(text) <= width {
        return vec![text.to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let fits = measure_text_width(&line) + 1 + measure_text_width(word) <= width;
        if !line.is_empty() && !fits {
            let colour = open_colour(&line);
            if !colour.is_empty() {
                line.push_str("\u{1b}[0m");
            }
            lines.push(std::mem::replace(&mut line, colour));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The colours that a line leaves open.
fn open_colour(line: &str) -> String {
    let mut open = String::new();
    for part in line.split('\u{1b}').skip(1) {
        let Some((code, _)) = part.split_once('m') else {
            continue;
        };
        match code {
            "[0" | "[" => open.clear(),
            code => open.push_str(&format!("\u{1b}{code}m")),
        }
    }
    open
}

/// A head and a text that hangs under its own beginning, with a line end; in one line where there is no limit.
pub fn hanging(head: &str, text: &str) -> String {
    hanging_in(head, text, columns())
}

/// The same within so many columns.
pub fn hanging_within(head: &str, text: &str, columns: usize) -> String {
    hanging_in(head, text, Some(columns))
}

/// Lines of prose, each hanging under its own beginning.
pub fn prose(text: &str) -> String {
    prose_in(text, columns())
}

fn prose_in(text: &str, columns: Option<usize>) -> String {
    text.lines()
        .map(|line| {
            let rest = line.trim_start();
            let indent = " ".repeat(line.len() - rest.len());
            hanging_in(&indent, rest, columns)
        })
        .collect()
}

fn hanging_in(head: &str, text: &str, columns: Option<usize>) -> String {
    let indent = measure_text_width(head);
    let lines = match columns {
        Some(columns) => wrap(text, columns.saturating_sub(indent)),
        None => vec![text.to_owned()],
    };
    let mut out = String::new();
    for (number, line) in lines.iter().enumerate() {
        match number {
            0 => out.push_str(head),
            _ => out.extend(std::iter::repeat_n(' ', indent)),
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words_and_commands_stay_whole() {
        for (text, width, lines) in [
            ("one two three", 20, vec!["one two three"]),
            ("one two three", 7, vec!["one two", "three"]),
            ("sha256:0123456789", 8, vec!["sha256:0123456789"]),
            (
                "run `edgecert gateway run front` or start its unit",
                16,
                vec![
                    "run",
                    "`edgecert gateway run front`",
                    "or start its",
                    "unit",
                ],
            ),
            ("names ✓ · chain ✓", 9, vec!["names ✓ ·", "chain ✓"]),
            ("✓ dns:contoso.com", 8, vec!["✓ dns:contoso.com"]),
            ("", 5, vec![""]),
            (
                "\u{1b}[31mred words\u{1b}[0m end",
                6,
                vec!["\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mwords\u{1b}[0m", "end"],
            ),
        ] {
            assert_eq!(wrap(text, width), lines, "{text:?}");
        }
    }

    #[test]
    fn each_line_of_prose_hangs_under_its_own_beginning() {
        let text = "one two three\n  four five six\n";
        assert_eq!(prose_in(text, None), text);
        assert_eq!(
            prose_in(text, Some(8)),
            "one two\nthree\n  four\n  five\n  six\n"
        );
    }

    #[test]
    fn a_text_hangs_under_its_beginning() {
        assert_eq!(
            hanging_in("  why  ", "one two three", Some(14)),
            "  why  one two\n       three\n"
        );
        assert_eq!(
            hanging_in("  why  ", "one two three", None),
            "  why  one two three\n"
        );
    }
}
