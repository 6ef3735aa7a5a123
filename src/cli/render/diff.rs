//! A difference between two texts, as lines for a person.

use crate::explain::{DiffLine, diff};
use console::style;

/// What changes from one text to another, each line indented by two blanks; empty where nothing does.
pub fn difference(old: &str, new: &str) -> String {
    diff(old, new)
        .iter()
        .map(|line| {
            let words = line.words();
            let shown = match line {
                DiffLine::Place { .. } => style(words).dim(),
                DiffLine::Same(_) => style(words),
                DiffLine::Gone(_) => style(words).red(),
                DiffLine::Added(_) => style(words).green(),
            };
            format!("  {shown}\n")
        })
        .collect()
}
