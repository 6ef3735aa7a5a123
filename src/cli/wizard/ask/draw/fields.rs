//! The fields of a form as rows: labels, values, lists, hints, and what is wrong. Pure.

use super::{Row, Style, cut_row, plain, row_columns, span};
use crate::cli::wizard::ask::entry::Entry;
use crate::cli::wizard::ask::form::Form;
use crate::cli::wizard::ask::line::Line;
use crate::cli::wizard::ask::text::{columns, cut, fill, fold};
use crate::cli::wizard::ask::words::Words;

/// Columns of a value below which its hint goes to a line of its own.
const MIN_VALUE: usize = 24;

/// Columns of a value where there is room, so that its hint stands near.
const USUAL_VALUE: usize = 40;

/// The fields as rows.
#[derive(Debug, Default)]
pub struct Fields {
    /// From the top.
    pub rows: Vec<Row>,
    /// The row of the focus.
    pub focus: usize,
    /// The column of the cursor in that row.
    pub cursor: Option<usize>,
}

impl Fields {
    fn fold(&mut self, style: Style, indent: usize, text: &str, most: usize) {
        for line in fold(text, most.saturating_sub(indent)) {
            self.rows
                .push(vec![span(style, format!("{}{line}", " ".repeat(indent)))]);
        }
    }
}

/// The mark before what has the focus.
fn mark(focused: bool) -> &'static str {
    if focused { "> " } else { "  " }
}

fn strong_if(focused: bool) -> Style {
    if focused { Style::Strong } else { Style::Plain }
}

/// The fields of a form within so many columns.
pub fn fields(form: &Form, words: &Words, most: usize) -> Fields {
    let mut out = Fields::default();
    let labels = form
        .page
        .fields
        .iter()
        .zip(&form.entries)
        .filter(|(_, entry)| matches!(entry, Entry::Text(_) | Entry::YesNo(_)))
        .map(|(field, _)| columns(&field.label) + 2)
        .max()
        .unwrap_or(0)
        .min(most / 2);
    let column = hint_column(form, labels, most);
    let mut after_list = false;
    for (at, (field, entry)) in form.page.fields.iter().zip(&form.entries).enumerate() {
        let focus = (form.focus.field == at).then_some(form.focus.row);
        let list = matches!(entry, Entry::Choice { .. } | Entry::Ticks { .. });
        if at > 0 && (list || after_list) {
            out.rows.push(Row::new());
        }
        after_list = list;
        if list {
            if !field.label.is_empty() {
                out.fold(Style::Plain, 2, &field.label, most);
            }
            if !field.hint.is_empty() {
                out.fold(Style::Faint, 2, &field.hint, most);
            }
        }
        match entry {
            Entry::Text(line) => {
                text_field(
                    &mut out,
                    &field.label,
                    &field.hint,
                    line,
                    focus.is_some(),
                    (labels, column),
                    most,
                );
            }
            Entry::YesNo(value) => {
                let sign = |on: bool| if on { "(x)" } else { "( )" };
                let shown = format!(
                    "{} {}  {} {}",
                    sign(*value),
                    words.yes,
                    sign(!*value),
                    words.no
                );
                yes_no(
                    &mut out,
                    &field.label,
                    &field.hint,
                    shown,
                    focus.is_some(),
                    labels,
                    most,
                );
            }
            Entry::Choice { options, chosen } => {
                let rows: Vec<(String, &str, &str)> = options
                    .iter()
                    .enumerate()
                    .map(|(row, option)| {
                        let sign = if row == *chosen { "(x)" } else { "( )" };
                        (sign.to_owned(), option.label.as_str(), option.note.as_str())
                    })
                    .collect();
                list_rows(&mut out, &rows, focus, most);
            }
            Entry::Ticks { items, add, .. } => {
                let rows: Vec<(String, &str, &str)> = items
                    .iter()
                    .map(|item| {
                        let sign = if item.ticked { "[x]" } else { "[ ]" };
                        (sign.to_owned(), item.value.as_str(), item.note.as_str())
                    })
                    .collect();
                list_rows(&mut out, &rows, focus, most);
                match add {
                    Some((invites, line)) => {
                        add_row(&mut out, invites, line, focus == Some(items.len()), most);
                    }
                    None if items.is_empty() => {
                        note_focus(&mut out, focus.is_some());
                        out.rows.push(plain(format!("{}–", mark(focus.is_some()))));
                    }
                    None => {}
                }
            }
        }
        for mistake in form
            .mistakes
            .iter()
            .filter(|mistake| mistake.field == field.id)
        {
            let told = format!("{} {}", words.mistake, mistake.text);
            out.fold(Style::Wrong, 4, &told, most);
        }
    }
    out
}

/// The row that is pushed next is that of the focus.
fn note_focus(out: &mut Fields, focused: bool) {
    if focused {
        out.focus = out.rows.len();
    }
}

/// Whether a hint has room beside a value; `room` is that of both.
fn stands_beside(hint: &str, room: usize) -> bool {
    !hint.is_empty() && room >= MIN_VALUE + columns(&bracketed(hint)) + 2
}

/// Columns of a value that has its hint beside it, the same for the whole form: the hints stand in one column.
fn hint_column(form: &Form, labels: usize, most: usize) -> usize {
    let room = most.saturating_sub(2 + labels);
    form.page
        .fields
        .iter()
        .zip(&form.entries)
        .filter(|(_, entry)| matches!(entry, Entry::Text(_)))
        .filter(|(field, _)| stands_beside(&field.hint, room))
        .map(|(field, _)| room - columns(&bracketed(&field.hint)) - 2)
        .fold(USUAL_VALUE, usize::min)
}

/// A label and what stands beside it, and the hint beside or below.
fn text_field(
    out: &mut Fields,
    label: &str,
    hint: &str,
    line: &Line,
    focused: bool,
    (labels, column): (usize, usize),
    most: usize,
) {
    let room = most.saturating_sub(2 + labels);
    let hint_fits = stands_beside(hint, room);
    let hint = bracketed(hint);
    let value_room = if hint_fits { column } else { room };
    let (shown, column) = line.window(value_room);
    note_focus(out, focused);
    if focused {
        out.cursor = Some(2 + labels + column);
    }
    let mut row = vec![
        span(strong_if(focused), mark(focused)),
        span(strong_if(focused), label_cell(label, labels)),
        span(Style::Typed, fill(&shown, value_room)),
    ];
    if hint_fits {
        row.push(span(Style::Faint, format!("  {hint}")));
    }
    out.rows.push(row);
    if !hint.is_empty() && !hint_fits {
        out.fold(Style::Faint, 4, &hint, most);
    }
}

/// A hint is told apart from a value.
fn bracketed(hint: &str) -> String {
    match hint {
        "" => String::new(),
        hint => format!("({hint})"),
    }
}

fn yes_no(
    out: &mut Fields,
    label: &str,
    hint: &str,
    shown: String,
    focused: bool,
    labels: usize,
    most: usize,
) {
    note_focus(out, focused);
    let hint = bracketed(hint);
    let mut row = vec![
        span(strong_if(focused), mark(focused)),
        span(strong_if(focused), label_cell(label, labels)),
        span(Style::Plain, shown),
    ];
    let fits = row_columns(&row) + 2 + columns(&hint) <= most;
    if fits && !hint.is_empty() {
        row.push(span(Style::Faint, format!("  {hint}")));
    }
    out.rows.push(cut_row(row, most));
    if !fits && !hint.is_empty() {
        out.fold(Style::Faint, 4, &hint, most);
    }
}

fn label_cell(label: &str, labels: usize) -> String {
    let cell = match label {
        "" => String::new(),
        label => format!("{}:", cut(label, labels.saturating_sub(2))),
    };
    fill(&cell, labels)
}

/// Options or items: sign, what it is, and its note beside it or below.
fn list_rows(out: &mut Fields, rows: &[(String, &str, &str)], focus: Option<usize>, most: usize) {
    let names = rows
        .iter()
        .filter(|(_, _, note)| !note.is_empty())
        .map(|(_, name, _)| columns(name))
        .max()
        .unwrap_or(0);
    let widest = rows.iter().map(|(_, _, note)| columns(note)).max();
    // All beside, or all below: a list of both is restless.
    let beside = columns("> [x] ") + names + 2 + widest.unwrap_or(0) <= most;
    for (at, (sign, name, note)) in rows.iter().enumerate() {
        let focused = focus == Some(at);
        note_focus(out, focused);
        let head = format!("{}{sign} ", mark(focused));
        let indent = columns(&head);
        if beside && !note.is_empty() {
            out.rows.push(vec![
                span(strong_if(focused), format!("{head}{}", fill(name, names))),
                span(Style::Faint, format!("  {note}")),
            ]);
            continue;
        }
        for (number, line) in fold(name, most.saturating_sub(indent)).iter().enumerate() {
            let begin = if number == 0 {
                head.clone()
            } else {
                " ".repeat(indent)
            };
            out.rows
                .push(vec![span(strong_if(focused), format!("{begin}{line}"))]);
        }
        if !note.is_empty() {
            out.fold(Style::Faint, indent, note, most);
        }
    }
}

fn add_row(out: &mut Fields, invites: &str, line: &Line, focused: bool, most: usize) {
    note_focus(out, focused);
    let head = format!("{}+ ", mark(focused));
    if focused {
        let room = most.saturating_sub(columns(&head));
        let (shown, column) = line.window(room);
        out.cursor = Some(columns(&head) + column);
        let mut row = vec![span(Style::Strong, head)];
        if line.is_empty() {
            row.push(span(Style::Faint, cut(invites, room)));
        } else {
            row.push(span(Style::Typed, fill(&shown, room)));
        }
        out.rows.push(row);
    } else {
        let row = vec![span(Style::Plain, head), span(Style::Faint, invites)];
        out.rows.push(cut_row(row, most));
    }
}
