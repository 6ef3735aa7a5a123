//! Columns for people: widths by what a terminal shows, no borders.
//!
//! Where a terminal is narrower than the table, its widest columns give way and their cells are broken between words;
//! where even that does not fit, each row becomes a block of its own, a cell a line.

use super::wrap::{self, hanging_within, longest_word, wrap};
use console::measure_text_width;

/// Columns between two cells.
const GAP: usize = 2;

/// A column of at most this width is broken last of all.
const SHORT: usize = 24;

/// Lines that a row may take before it is easier to read as a block.
const MAX_LINES: usize = 6;

/// Rows of cells under a head, indented by two spaces.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
    has_head: bool,
    indent: usize,
}

impl Table {
    /// A table with this head.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()],
            has_head: true,
            indent: 2,
        }
    }

    /// A table without a head.
    pub fn plain() -> Self {
        Self {
            rows: Vec::new(),
            has_head: false,
            indent: 2,
        }
    }

    /// The same, indented by so many columns.
    #[must_use]
    pub fn indented(self, indent: usize) -> Self {
        Self { indent, ..self }
    }

    /// Adds a row; missing cells are empty.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Adds a row whose number of cells is known when it runs.
    pub fn row_of(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, two spaces between columns, nothing after the last cell; within the terminal, if it is shown on one.
    pub fn render(&self) -> String {
        self.render_in(wrap::columns())
    }

    /// Whether every cell has its line where it is shown; a table that has not may be better told otherwise.
    pub fn fits(&self) -> bool {
        self.fits_in(wrap::columns())
    }

    fn fits_in(&self, limit: Option<usize>) -> bool {
        let widths = self.widths(measure_text_width);
        let gaps = self.indent + GAP * widths.len().saturating_sub(1);
        limit.is_none_or(|limit| gaps + widths.iter().sum::<usize>() <= limit)
    }

    fn render_in(&self, limit: Option<usize>) -> String {
        let natural = self.widths(measure_text_width);
        let Some(limit) = limit else {
            return self.in_columns(&natural);
        };
        let gaps = self.indent + GAP * natural.len().saturating_sub(1);
        let room = limit.saturating_sub(gaps);
        let words = self.widths(longest_word);
        // Short columns stay as they are while others can give way.
        let kept: Vec<usize> = natural
            .iter()
            .zip(&words)
            .map(|(natural, word)| match *natural <= SHORT {
                true => *natural,
                false => *word,
            })
            .collect();
        let Some(widths) =
            narrowed(natural.clone(), &kept, room).or_else(|| narrowed(natural, &words, room))
        else {
            return self.in_blocks(limit);
        };
        let tallest = self
            .rows
            .iter()
            .flat_map(|row| row.iter().zip(&widths))
            .map(|(cell, width)| wrap(cell, *width).len())
            .max();
        match tallest > Some(MAX_LINES) {
            true => self.in_blocks(limit),
            false => self.in_columns(&widths),
        }
    }

    /// Of each column the largest measure of its cells.
    fn widths(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        (0..columns)
            .map(|column| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| measure(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect()
    }

    fn in_columns(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<Vec<String>> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| wrap(cell, *width))
                .collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0);
            for number in 0..height {
                let mut line = " ".repeat(self.indent);
                for (cell, width) in cells.iter().zip(widths) {
                    let part = cell.get(number).map_or("", String::as_str);
                    line.push_str(part);
                    let short = (width + GAP).saturating_sub(measure_text_width(part));
                    line.extend(std::iter::repeat_n(' ', short));
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text
    }

    /// The first cell on a line of its own, the others below it, each after its head.
    fn in_blocks(&self, limit: usize) -> String {
        let (heads, rows) = match (self.has_head, self.rows.split_first()) {
            (true, Some((heads, rows))) => (heads.as_slice(), rows),
            (true, None) | (false, _) => (&[] as &[String], self.rows.as_slice()),
        };
        let widest = heads
            .iter()
            .skip(1)
            .map(|head| measure_text_width(head))
            .max()
            .unwrap_or(0);
        let indent = " ".repeat(self.indent);
        let mut text = String::new();
        for row in rows {
            let Some((first, others)) = row.split_first() else {
                continue;
            };
            text.push_str(&hanging_within(&indent, first, limit));
            for (number, cell) in others
                .iter()
                .enumerate()
                .filter(|(_, cell)| !cell.is_empty())
            {
                let head = heads.get(number + 1).map_or("", String::as_str);
                let missing = widest.saturating_sub(measure_text_width(head));
                let gap = match widest {
                    0 => 0,
                    _ => missing + GAP,
                };
                let head = format!("{indent}  {head}{}", " ".repeat(gap));
                text.push_str(&hanging_within(&head, cell, limit));
            }
        }
        text
    }
}

/// Widths that fit in the room together: the widest give way first, none below its longest word. `None` where they
/// cannot.
fn narrowed(mut widths: Vec<usize>, least: &[usize], room: usize) -> Option<Vec<usize>> {
    while widths.iter().sum::<usize>() > room {
        let widest = widths
            .iter_mut()
            .zip(least)
            .filter(|(width, least)| **width > **least)
            .map(|(width, _)| width)
            .max_by_key(|width| **width)?;
        *widest -= 1;
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_display_width() {
        let mut table = Table::new(["name", "form"]);
        table.row(["bücher.example".into(), "DNS-ID".into()]);
        table.row(["한국.example".into(), String::new()]);
        assert_eq!(
            table.render_in(None),
            "  name            form\n  bücher.example  DNS-ID\n  한국.example\n"
        );
    }

    fn plan() -> Table {
        let mut table = Table::new(["name", "form", "because"]);
        table.row([
            "edge.contoso.com".into(),
            "DNS-ID".into(),
            "Access Edge FQDN, target of the SRV".into(),
        ]);
        table.row(["contoso.com".into(), "DNS-ID".into(), "SIP domain".into()]);
        table
    }

    #[test]
    fn a_table_fits_where_its_longest_line_does() {
        let text = plan().render_in(None);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(plan().fits_in(None));
        assert!(plan().fits_in(Some(longest)));
        assert!(!plan().fits_in(Some(longest - 1)));
    }

    #[test]
    fn a_narrow_terminal_breaks_the_widest_cells_between_words() {
        assert_eq!(plan().render_in(Some(80)), plan().render_in(None));
        assert_eq!(
            plan().render_in(Some(50)),
            "  name              form    because
  edge.contoso.com  DNS-ID  Access Edge FQDN,
                            target of the SRV
  contoso.com       DNS-ID  SIP domain
"
        );
        for limit in 34..80 {
            let text = plan().render_in(Some(limit));
            assert!(
                text.lines().all(|line| line.chars().count() <= limit),
                "{text}"
            );
        }
    }

    #[test]
    fn where_columns_cannot_fit_each_row_is_a_block() {
        assert_eq!(
            plan().render_in(Some(32)),
            "  edge.contoso.com
    form     DNS-ID
    because  Access Edge FQDN,
             target of the SRV
  contoso.com
    form     DNS-ID
    because  SIP domain
"
        );
    }
}
