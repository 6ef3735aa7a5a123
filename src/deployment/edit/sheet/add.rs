//! Keys and tables that are not there yet, each after the last of its kind.

use super::super::literal::{Literal, key_text};
use super::{Entry, Sheet, Splice, Step, Trouble, dotted};
use toml_edit::{Item, Value};

impl Sheet {
    /// Entries below a path at which nothing stands, or a table does.
    pub(super) fn add(&self, below: &[Step], entries: &[Entry]) -> Result<Vec<Splice>, Trouble> {
        // The nearest thing above it that stands there.
        let depth = (0..=below.len())
            .rev()
            .find(|depth| {
                below
                    .get(..*depth)
                    .is_some_and(|path| self.find(path).is_some())
            })
            .unwrap_or(0);
        let (above, missing) = below.split_at(depth);
        let keys_of = |steps: &[Step]| -> Vec<String> {
            steps
                .iter()
                .filter_map(|step| match step {
                    Step::Key(key) => Some(key.clone()),
                    Step::At(_) => None,
                })
                .collect()
        };
        let prefixed = |prefix: &[String]| -> Vec<Entry> {
            entries
                .iter()
                .map(|(keys, literal)| ([prefix, keys].concat(), literal.clone()))
                .collect()
        };
        match self.find(above) {
            Some(Item::Value(Value::InlineTable(table))) => {
                let mut entries: Vec<(String, Literal)> = entries
                    .iter()
                    .map(|(keys, literal)| (keys.join("."), literal.clone()))
                    .collect();
                for key in keys_of(missing).into_iter().rev() {
                    entries = vec![(key, Literal::Inline(entries))];
                }
                let texts: Vec<String> = entries
                    .iter()
                    .map(|(key, literal)| format!("{} = {}", key_text(key), literal.line()))
                    .collect();
                Ok(self.rewrite_table(table, table.span(), texts.join(", ")))
            }
            Some(Item::Table(table)) if table.is_dotted() => {
                let owner = (0..above.len())
                    .rev()
                    .find(|depth| {
                        above.get(..*depth).is_some_and(|path| {
                            matches!(self.find(path), Some(Item::Table(t)) if !t.is_dotted())
                        })
                    })
                    .unwrap_or(0);
                let prefix = keys_of(below.get(owner..).unwrap_or(&[]));
                let last = self.ends_of(table).last().copied().unwrap_or(0);
                Ok(self.add_lines(self.line_end(last), last, &prefixed(&prefix)))
            }
            Some(Item::Table(table))
                if missing.is_empty() && (above.is_empty() || !table.is_implicit()) =>
            {
                let place = self.blocks().into_iter().find(|one| one.path == above);
                let (start, end) = place.map_or((0, 0), |block| (block.start, block.end));
                let last = self.ends_of(table).last().copied().unwrap_or(start);
                Ok(self.add_lines(end, last, entries))
            }
            Some(Item::Table(_) | Item::None) | None => {
                let header = format!("[{}]", dotted(below));
                Ok(self.add_block(below, &header, entries))
            }
            Some(Item::Value(_) | Item::ArrayOfTables(_)) => {
                Err(self.trouble(above, "no table stands there"))
            }
        }
    }

    /// Lines at a place that is after an end of line or the end of the file; indented as the line of `like` is.
    pub(super) fn add_lines(&self, at: usize, like: usize, entries: &[Entry]) -> Vec<Splice> {
        let eol = self.eol(at);
        let indent = self.indent_at(like);
        let lines: Vec<String> = entries
            .iter()
            .map(|(keys, literal)| format!("{indent}{}", entry(keys, literal, eol)))
            .collect();
        vec![(at..at, self.as_lines(at, &lines, eol))]
    }

    /// Lines joined so that they fit the end of a file that has no end of line.
    pub(super) fn as_lines(&self, at: usize, lines: &[String], eol: &str) -> String {
        let joined = lines.join(eol);
        let open = at > 0 && !self.text().get(..at).unwrap_or("").ends_with('\n');
        if open {
            format!("{eol}{joined}")
        } else {
            format!("{joined}{eol}")
        }
    }

    /// A header with its lines, after the last of its kind.
    pub(super) fn add_block(&self, path: &[Step], header: &str, entries: &[Entry]) -> Vec<Splice> {
        self.add_blocks(path, &[(header.to_owned(), entries.to_vec())])
    }

    /// Headers with their lines, after the last of their kind.
    pub(super) fn add_blocks(&self, path: &[Step], headed: &[(String, Vec<Entry>)]) -> Vec<Splice> {
        let blocks = self.blocks();
        let at = self.place_of_new(&blocks, path);
        let eol = self.eol(at);
        // A file that has no blank line here gets none.
        let is_airy = at > 0 && self.line_at(at).trim().is_empty();
        let mut lines = Vec::new();
        for (header, entries) in headed {
            if is_airy {
                lines.push(String::new());
            }
            lines.push(header.clone());
            lines.extend(
                entries
                    .iter()
                    .map(|(keys, literal)| entry(keys, literal, eol)),
            );
        }
        vec![(at..at, self.as_lines(at, &lines, eol))]
    }
}

fn entry(keys: &[String], literal: &Literal, eol: &str) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key_text(key)).collect();
    format!("{} = {}", keys.join("."), literal.fresh(eol))
}
