//! The headers of a text with their lines, and where a new one goes.

use super::{Sheet, Step};
use toml_edit::{Item, Table};

/// The order in which tables are written that are the first of their kind.
const ORDER: [&str; 12] = [
    "version",
    "edge",
    "subject",
    "key",
    "issuer",
    "certificate",
    "gateway",
    "partner",
    "policy",
    "assign",
    "check",
    "store",
];

/// A header with its lines.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) path: Vec<Step>,
    /// Where the header's line begins; 0 for what stands before the first one.
    pub(super) start: usize,
    /// After the last line that holds a key or the header.
    pub(super) end: usize,
}

impl Sheet {
    pub(super) fn place_of_new(&self, blocks: &[Block], path: &[Step]) -> usize {
        let kin = (1..path.len().max(2)).rev().find_map(|depth| {
            let prefix = path.get(..depth)?;
            blocks.iter().rfind(|one| one.path.starts_with(prefix))
        });
        let rank = |path: &[Step]| match path.first() {
            Some(Step::Key(key)) => ORDER.iter().position(|known| known == key),
            Some(Step::At(_)) | None => Some(0),
        };
        let before = || {
            let own = rank(path)?;
            blocks
                .iter()
                .rfind(|one| rank(&one.path).is_some_and(|other| other <= own))
        };
        if kin.is_none()
            && let Some(at) = self.behind_sample(blocks, path)
        {
            return at;
        }
        let last = kin.or_else(before).or(blocks.last());
        last.map_or(self.text().len(), |block| self.tail_end(blocks, block))
    }

    /// After the last table of the kind that stands as a comment, as `init` writes them for partners and policies.
    fn behind_sample(&self, blocks: &[Block], path: &[Step]) -> Option<usize> {
        let header = match path.first() {
            Some(Step::Key(key)) if key == "partner" => "[[partner]]",
            Some(Step::Key(key)) if key == "policy" => "[policy.",
            Some(Step::Key(_) | Step::At(_)) | None => return None,
        };
        let mut start = 0;
        let mut found = None;
        for line in self.text().split_inclusive('\n') {
            let comment = line.trim_start().strip_prefix('#').map(str::trim_start);
            if comment.is_some_and(|text| text.starts_with(header)) {
                found = Some(start);
            }
            start += line.len();
        }
        let mut at = found?;
        while at < self.text().len() && self.line_at(at).trim_start().starts_with('#') {
            at = self.line_end(at);
        }
        // Between the keys of a table no header may stand.
        let inside = blocks.iter().any(|one| one.start < at && at < one.end);
        (!inside).then_some(at)
    }

    /// After the comments that follow a block without a blank line, unless they lead to the next header.
    pub(super) fn tail_end(&self, blocks: &[Block], block: &Block) -> usize {
        let stop = blocks
            .iter()
            .map(|one| one.start)
            .find(|start| *start >= block.end)
            .unwrap_or(self.text().len());
        let mut at = block.end;
        while at < stop && self.line_at(at).trim_start().starts_with('#') {
            at = self.line_end(at);
        }
        if at < stop || at == self.text().len() {
            at
        } else {
            block.end
        }
    }

    /// All headers in the order of the file, what stands before them first.
    pub(super) fn blocks(&self) -> Vec<Block> {
        fn visit(sheet: &Sheet, table: &Table, path: &mut Vec<Step>, blocks: &mut Vec<Block>) {
            let is_root = path.is_empty();
            if is_root || !(table.is_dotted() || table.is_implicit()) {
                let header = if is_root { None } else { table.span() };
                let last = sheet.ends_of(table).last().copied();
                let ends = header.as_ref().map(|span| span.end).max(last);
                blocks.push(Block {
                    path: path.clone(),
                    start: header.map_or(0, |span| sheet.line_start(span.start)),
                    end: ends.map_or(0, |end| sheet.line_end(end)),
                });
            }
            for (key, item) in table.iter() {
                path.push(Step::from(key));
                match item {
                    Item::Table(table) => visit(sheet, table, path, blocks),
                    Item::ArrayOfTables(tables) => {
                        for (at, table) in tables.iter().enumerate() {
                            path.push(Step::At(at));
                            visit(sheet, table, path, blocks);
                            path.pop();
                        }
                    }
                    Item::Value(_) | Item::None => {}
                }
                path.pop();
            }
        }
        let mut blocks = Vec::new();
        visit(self, self.document.as_table(), &mut Vec::new(), &mut blocks);
        blocks.sort_by_key(|one| (one.start, one.path.len()));
        blocks
    }
}
