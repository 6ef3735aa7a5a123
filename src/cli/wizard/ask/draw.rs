//! A form as a picture: rows of styled text in a frame, never wider than the screen. Pure.
//!
//! The frame holds the text (introduction and body), which scrolls with page up and down, and below it the fields, which
//! follow the focus. What has no room is cut with `…` or counted, never left out in silence.

mod fields;

use super::entry::Entry;
use super::form::{Form, View};
use super::text::{columns, cut, fold};
use super::words::{Words, say};
use fields::{Fields, fields};

/// Columns beyond which a frame does not grow: longer lines are hard to read.
pub const MAX_COLUMNS: usize = 100;

/// Rows of a frame whose content is shorter: pages of one height are calmer to walk through.
const MIN_ROWS: usize = 24;

/// A screen with less has no frame.
const SMALLEST_FRAME: Size = Size {
    columns: 12,
    rows: 5,
};

/// The room of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// How a piece of text is to be told apart; where there is no colour, the words alone have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// The frame, hints and notes.
    Faint,
    /// Titles, and what has the focus.
    Strong,
    /// Where text is typed.
    Typed,
    /// What is wrong.
    Wrong,
}

/// A piece of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// How.
    pub style: Style,
    /// What: no control characters.
    pub text: String,
}

/// A row of the screen.
pub type Row = Vec<Span>;

/// What is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// From the top; no more than the screen has.
    pub rows: Vec<Row>,
    /// Where the cursor stands (row, column, from 0), where something is typed.
    pub cursor: Option<(usize, usize)>,
    /// How much of the text is shown.
    pub view: View,
}

fn span(style: Style, text: impl Into<String>) -> Span {
    Span {
        style,
        text: text.into(),
    }
}

fn plain(text: impl Into<String>) -> Row {
    vec![span(Style::Plain, text)]
}

/// Columns of a row.
pub fn row_columns(row: &Row) -> usize {
    row.iter().map(|span| columns(&span.text)).sum()
}

/// A row that fits.
fn cut_row(row: Row, most: usize) -> Row {
    if row_columns(&row) <= most {
        return row;
    }
    let mut out = Row::new();
    let mut room = most.saturating_sub(1);
    for piece in row {
        let wide = columns(&piece.text);
        if wide > room {
            // The space makes it too long even where only what follows has no room.
            let text = cut(&format!("{} ", piece.text), room + 1);
            out.push(span(piece.style, text));
            break;
        }
        room -= wide;
        out.push(piece);
    }
    out
}

/// The text above the fields, or the explanation.
fn reading(form: &Form, words: &Words, most: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let push = |rows: &mut Vec<Row>, text: &str| {
        rows.extend(fold(text, most).into_iter().map(plain));
    };
    if form.explains {
        rows.push(vec![span(Style::Strong, cut(&words.explanation, most))]);
        rows.push(Row::new());
        push(&mut rows, &form.page.help);
        rows.push(Row::new());
        push(&mut rows, &words.ctrl_c_leaves);
        return rows;
    }
    if !form.page.intro.is_empty() {
        push(&mut rows, &form.page.intro);
    }
    if !form.page.body.is_empty() {
        if !rows.is_empty() {
            rows.push(Row::new());
        }
        for line in &form.page.body {
            push(&mut rows, line);
        }
    }
    rows
}

/// The rows of a list that are shown, what is above and below them counted.
fn window(rows: Vec<Row>, focus: usize, room: usize, words: &Words) -> (Vec<Row>, usize) {
    let all = rows.len();
    if all <= room {
        return (rows, focus);
    }
    let begin = focus.saturating_sub(room / 2).min(all - room);
    let end = begin + room;
    let counted = |count: usize| {
        let told = say(&words.more, &[("count", &count.to_string())]);
        vec![span(Style::Faint, format!("  … {told}"))]
    };
    let shown = rows
        .into_iter()
        .enumerate()
        .skip(begin)
        .take(room)
        .map(|(at, row)| {
            let first = at == begin && begin > 0 && at != focus && room > 2;
            let last = at + 1 == end && end < all && at != focus && room > 2;
            match (first, last) {
                (true, _) => counted(begin + 1),
                (false, true) => counted(all - end + 1),
                (false, false) => row,
            }
        })
        .collect();
    (shown, focus - begin)
}

/// What the keys do, as it is told in the footer.
fn footer<'a>(form: &Form, words: &'a Words, view: View) -> Vec<&'a str> {
    let mut said: Vec<&str> = Vec::new();
    if form.explains {
        said.push(&words.any_key);
    } else {
        let edited = form.edited();
        let adds = matches!(
            form.entries.get(form.focus.field),
            Some(Entry::Ticks { .. })
        );
        match form.entries.get(form.focus.field) {
            Some(Entry::Ticks { .. }) if edited.is_none() => said.push(&words.space_ticks),
            Some(Entry::Choice { .. }) => said.push(&words.space_chooses),
            Some(Entry::YesNo(_)) => said.push(&words.space_switches),
            Some(Entry::Ticks { .. } | Entry::Text(_)) | None => {}
        }
        said.push(match edited {
            Some(line) if adds && !line.is_empty() => &words.enter_adds,
            Some(_) | None => &words.enter_goes_on,
        });
        said.push(&words.esc_goes_back);
        said.push(match edited {
            Some(line) if !line.is_empty() => &words.f1_explains,
            Some(_) | None => &words.question_explains,
        });
    }
    if view.scrolls() {
        said.push(&words.pages_scroll);
    }
    said
}

/// The upper edge: what is done on the left, where it stands on the right.
fn top(form: &Form, words: &Words, width: usize) -> Row {
    let page = &form.page;
    let number = say(
        &words.page_of,
        &[
            ("number", &page.number.to_string()),
            ("of", &page.of.to_string()),
        ],
    );
    let room = width.saturating_sub(2);
    // The title says most, then the page, then what is being done.
    for (left, right) in [
        (
            format!(" {} ─ {} ", words.wizard, page.walk),
            Some(number.as_str()),
        ),
        (format!(" {} ", page.walk), Some(number.as_str())),
        (String::new(), Some(number.as_str())),
        (String::new(), None),
    ] {
        let right = right.map(|right| format!(" {right} ─")).unwrap_or_default();
        let title = format!(" {} ", page.title);
        let used = columns(&left) + columns(&right) + columns(&title);
        if used + 2 <= room {
            return vec![
                span(Style::Faint, "┌"),
                span(Style::Plain, left),
                span(Style::Faint, "─".repeat(room - used)),
                span(Style::Plain, right),
                span(Style::Strong, title),
                span(Style::Faint, "┐"),
            ];
        }
    }
    let title = cut(&page.title, room.saturating_sub(2));
    let rest = room.saturating_sub(columns(&title) + 2);
    vec![
        span(Style::Faint, "┌"),
        span(Style::Strong, format!(" {title} ")),
        span(Style::Faint, "─".repeat(rest)),
        span(Style::Faint, "┐"),
    ]
}

/// The lower edge: the keys on the left, how far the text was read on the right, in the longest form that leaves room
/// for the keys.
fn bottom(said: &[&str], told: &[String], width: usize) -> Row {
    let room = width.saturating_sub(2);
    let keys = match said {
        [] => String::new(),
        said => format!(" {} ", said.join(" · ")),
    };
    let right = told
        .iter()
        .find(|told| columns(told) + columns(&keys) + 3 <= room)
        .or(told.last())
        .map(|told| format!(" {} ", cut(told, room.saturating_sub(4))))
        .unwrap_or_default();
    let left = cut(&keys, room.saturating_sub(columns(&right)));
    let rest = room.saturating_sub(columns(&left) + columns(&right));
    vec![
        span(Style::Faint, "└"),
        span(Style::Plain, left),
        span(Style::Faint, "─".repeat(rest)),
        span(Style::Plain, right),
        span(Style::Faint, "┘"),
    ]
}

/// A row between the sides of the frame.
fn framed(row: Row, inner: usize) -> Row {
    let row = cut_row(row, inner);
    let rest = inner - row_columns(&row).min(inner);
    let mut out = vec![span(Style::Faint, "│ ")];
    out.extend(row);
    out.push(span(Style::Plain, " ".repeat(rest)));
    out.push(span(Style::Faint, " │"));
    out
}

/// How the rows within the frame are shared out: text, space between, fields.
fn share(inner: usize, text: usize, fields: usize) -> (usize, usize, usize) {
    if fields == 0 {
        return (inner.min(text), 0, 0);
    }
    if text == 0 {
        return (0, 0, inner.min(fields));
    }
    let gap = usize::from(inner >= 8);
    let room = inner.saturating_sub(gap);
    if text + fields <= room {
        return (text, gap, fields);
    }
    let fields = fields.min(room.saturating_sub(text).max(room * 3 / 5).max(1));
    (room.saturating_sub(fields), gap, fields)
}

/// The picture of a form.
pub fn draw(form: &Form, words: &Words, size: Size) -> Picture {
    if size.columns < SMALLEST_FRAME.columns || size.rows < SMALLEST_FRAME.rows {
        return unframed(form, words, size);
    }
    let width = size.columns.min(MAX_COLUMNS);
    let inner = width - 4;
    let text = reading(form, words, inner);
    let fields = if form.explains {
        Fields::default()
    } else {
        fields(form, words, inner)
    };
    let wanted = text.len() + fields.rows.len() + 1;
    let rows_inside = wanted.max(MIN_ROWS - 2).min(size.rows - 2);
    let (text_room, gap, fields_room) = share(rows_inside, text.len(), fields.rows.len());
    let view = View {
        shown: text_room,
        all: text.len(),
    };
    let scroll = form.scroll.min(text.len() - text_room);
    let mut rows = vec![top(form, words, width)];
    rows.extend(
        text.into_iter()
            .skip(scroll)
            .take(text_room)
            .map(|row| framed(row, inner)),
    );
    rows.extend((0..gap).map(|_| framed(Row::new(), inner)));
    let begin = rows.len();
    let (shown, focus) = window(fields.rows, fields.focus, fields_room, words);
    rows.extend(shown.into_iter().map(|row| framed(row, inner)));
    while rows.len() < rows_inside + 1 {
        rows.push(framed(Row::new(), inner));
    }
    let told = if view.scrolls() {
        let [from, to, all] = [scroll + 1, scroll + text_room, view.all].map(|n| n.to_string());
        let values = [("from", from.as_str()), ("to", &to), ("all", &all)];
        vec![say(&words.lines_of, &values), format!("{from}-{to}/{all}")]
    } else {
        Vec::new()
    };
    rows.push(bottom(&footer(form, words, view), &told, width));
    Picture {
        rows,
        cursor: fields
            .cursor
            .map(|column| (begin + focus, (column + 2).min(width - 2))),
        view,
    }
}

/// Where no frame fits: the title, and as much of the focus as there is room.
fn unframed(form: &Form, words: &Words, size: Size) -> Picture {
    let most = size.columns;
    let mut rows = vec![vec![span(Style::Strong, cut(&form.page.title, most))]];
    let text = reading(form, words, most.max(1));
    let fields = if form.explains {
        Fields::default()
    } else {
        fields(form, words, most.max(4))
    };
    let room = size.rows.saturating_sub(1);
    let (text_room, _, fields_room) = share(room, text.len(), fields.rows.len());
    let view = View {
        shown: text_room,
        all: text.len(),
    };
    let scroll = form.scroll.min(text.len() - text_room);
    rows.extend(text.into_iter().skip(scroll).take(text_room));
    let (shown, _) = window(fields.rows, fields.focus, fields_room, words);
    rows.extend(shown);
    Picture {
        rows: rows
            .into_iter()
            .take(size.rows)
            .map(|row| cut_row(row, most))
            .collect(),
        cursor: None,
        view,
    }
}

/// The frame of work that goes on: what is being done, and room below for its steps.
pub fn draw_work(form: &Form, words: &Words, size: Size) -> Vec<Row> {
    let width = size.columns.clamp(SMALLEST_FRAME.columns, MAX_COLUMNS);
    let inner = width - 4;
    let mut text = reading(form, words, inner);
    text.truncate(size.rows.saturating_sub(8));
    let mut rows = vec![top(form, words, width)];
    rows.extend(text.into_iter().map(|row| framed(row, inner)));
    rows.push(bottom(&[], &[], width));
    rows
}
