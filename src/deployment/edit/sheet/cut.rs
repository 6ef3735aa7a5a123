//! Keys and tables that go, with the comments that belong to them.

use super::super::list::{Brackets, Element};
use super::{Sheet, Splice, Step, Trouble};
use toml_edit::{Item, Table, Value};

impl Sheet {
    pub(super) fn cut_value(&self, path: &[Step], value: &Value) -> Result<Vec<Splice>, Trouble> {
        let Some(span) = value.span() else {
            return Ok(Vec::new());
        };
        let inline = (1..path.len()).find_map(|depth| {
            let above = self.find(path.get(..depth)?)?;
            above.as_value()
        });
        match inline {
            None => Ok(vec![self.cut_lines(self.line_start(span.start), span.end)]),
            Some(_) => {
                let parent = path
                    .split_last()
                    .and_then(|(_, parent)| self.find(parent))
                    .and_then(Item::as_value);
                let (ends, brackets) = match parent {
                    Some(Value::InlineTable(table)) => (self.ends_of(table), Brackets::Curly),
                    Some(Value::Array(array)) => {
                        let spans = array.iter().filter_map(Value::span);
                        (spans.map(|span| span.end).collect(), Brackets::Square)
                    }
                    Some(_) | None => return Err(self.trouble(path, "no table stands there")),
                };
                let kept: Vec<Element> = ends
                    .iter()
                    .enumerate()
                    .filter(|(_, end)| **end != span.end)
                    .map(|(at, _)| Element::Kept(at))
                    .collect();
                let whole = parent.and_then(Value::span);
                Ok(self.rewrite(whole, ends, &kept, brackets))
            }
        }
    }

    pub(super) fn cut_dotted(&self, table: &Table) -> Vec<Splice> {
        table
            .get_values()
            .iter()
            .filter_map(|(_, value)| value.span())
            .map(|span| self.cut_lines(self.line_start(span.start), span.end))
            .collect()
    }

    /// Whole lines, from the start of one to the line of `last`.
    pub(super) fn cut_lines(&self, start: usize, last: usize) -> Splice {
        (start..self.line_end(last), String::new())
    }

    pub(super) fn cut_blocks(&self, path: &[Step]) -> Vec<Splice> {
        let blocks = self.blocks();
        let mut splices: Vec<Splice> = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            if !block.path.starts_with(path) {
                continue;
            }
            let floor = match at.checked_sub(1).and_then(|at| blocks.get(at)) {
                Some(before) => self.tail_end(&blocks, before),
                None => 0,
            };
            let mut start = block.start;
            // The comments right above it speak of it.
            while start > floor {
                let above = self.line_start(start - 1);
                if above < floor || !self.line_at(above).trim_start().starts_with('#') {
                    break;
                }
                start = above;
            }
            let end = self.tail_end(&blocks, block);
            let behind_is_blank = self.line_at(end).trim().is_empty();
            let above = start.checked_sub(1).map(|at| self.line_start(at));
            let blank_above = above
                .filter(|at| *at >= floor && *at < start && self.line_at(*at).trim().is_empty());
            let mut splice = match blank_above {
                Some(above) if behind_is_blank => self.cut_lines(above, end.saturating_sub(1)),
                Some(_) | None => self.cut_lines(start, end.saturating_sub(1)),
            };
            if start == 0 && behind_is_blank && end < self.text().len() {
                splice.0.end = self.line_end(end);
            }
            splices.push(splice);
        }
        splices
    }
}
