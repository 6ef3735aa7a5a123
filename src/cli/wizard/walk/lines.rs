//! The lines of a page: columns, paragraphs, and what commands say, broken to its width.

use console::measure_text_width;

/// Columns of a page's lines: what is left of 80 within a frame.
pub const WIDTH: usize = 74;
/// Two columns; the right one goes below where it does not fit.
pub(super) fn pair(left: &str, right: &str, column: usize) -> Vec<String> {
    let width = measure_text_width(left);
    let head = if width < column {
        format!("{left}{}", " ".repeat(column - width))
    } else {
        format!("{left}  ")
    };
    if right.is_empty() {
        return vec![left.to_owned()];
    }
    if measure_text_width(&head) + measure_text_width(right) <= WIDTH {
        return vec![format!("{head}{right}")];
    }
    if width < column {
        return fit(&head, right);
    }
    let mut lines = vec![left.to_owned()];
    lines.extend(fit(&" ".repeat(column), right));
    lines
}

/// A text below its head, broken to the width of a page.
pub fn fit(head: &str, text: &str) -> Vec<String> {
    crate::cli::render::hanging_within(head, text, WIDTH)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// What a command says, for a page: without colours. Whoever shows it breaks it, and keeps its columns.
pub fn lines_of(text: &str) -> Vec<String> {
    console::strip_ansi_codes(text)
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// A paragraph of our own, broken to the width.
pub(super) fn paragraph(lines: &mut Vec<String>, text: &str) {
    for line in text.lines() {
        if line.is_empty() {
            lines.push(String::new());
        } else {
            let body = line.trim_start();
            lines.extend(fit(&" ".repeat(line.len() - body.len()), body));
        }
    }
}
