//! A page while it is filled in: what stands in its fields, where the focus is, and what each key does. Pure.

use super::entry::{Entry, entry};
use super::keys::Key;
use super::line::Line;
use crate::cli::wizard::page::{Answer, Answers, Check, FieldId, Mistake, Page};

/// Where the focus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Focus {
    /// The field.
    pub field: usize,
    /// The row in it: an option, an item, the line that adds.
    pub row: usize,
}

/// How much of the text above the fields is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct View {
    /// Rows that are shown.
    pub shown: usize,
    /// Rows that there are.
    pub all: usize,
}

impl View {
    /// The last row that can be the first one shown.
    fn most(self) -> usize {
        self.all.saturating_sub(self.shown)
    }

    /// Whether there is more than is shown.
    pub fn scrolls(self) -> bool {
        self.most() > 0
    }
}

/// What comes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The page stays.
    Stay,
    /// The page is to be checked and left.
    Next,
    /// The page before is wanted.
    Back,
    /// Out.
    Leave,
}

/// A page while it is filled in.
#[derive(Debug, Clone)]
pub struct Form {
    /// The page.
    pub page: Page,
    /// What stands in its fields, one for each.
    pub entries: Vec<Entry>,
    /// Where the focus is; without meaning on a page without fields.
    pub focus: Focus,
    /// The first row shown of the text above the fields, or of the explanation.
    pub scroll: usize,
    /// Whether the explanation is shown.
    pub explains: bool,
    /// What is wrong.
    pub mistakes: Vec<Mistake>,
    /// A list as it was before something that was typed went into it: the field, and what stood there.
    added: Option<(usize, Entry)>,
}

impl Form {
    /// A page as it is first shown, the focus on its first field.
    pub fn new(page: &Page) -> Self {
        let entries: Vec<Entry> = page.fields.iter().map(entry).collect();
        let row = entries.first().map_or(0, Entry::first_row);
        Self {
            page: page.clone(),
            entries,
            focus: Focus { field: 0, row },
            scroll: 0,
            explains: false,
            mistakes: Vec::new(),
            added: None,
        }
    }

    /// The answers as they stand.
    pub fn answers(&self) -> Answers {
        self.page
            .fields
            .iter()
            .zip(&self.entries)
            .map(|(field, entry)| (field.id, entry.answer()))
            .collect()
    }

    /// Shows what is wrong, the focus on the first field of it.
    pub fn blame(&mut self, mistakes: Vec<Mistake>) {
        let at = self
            .page
            .fields
            .iter()
            .position(|field| mistakes.iter().any(|mistake| mistake.field == field.id));
        self.mistakes = mistakes;
        if let Some(field) = at
            && field != self.focus.field
        {
            self.enter(field);
        }
    }

    /// Checks what has just gone into a list: where that is wrong, the reason is told at once and the line holds the text
    /// again. What was wrong before is told when the page is left.
    pub fn judge_added(&mut self, check: Check<'_>) {
        let Some((field, typed)) = self.added.take() else {
            return;
        };
        let Some(id) = self.page.fields.get(field).map(|field| field.id) else {
            return;
        };
        let mut without = typed.clone();
        without.clear_line();
        let mut before = self.clone();
        before.set(field, without);
        let fresh = fresh(&before, self, id, check);
        if fresh.is_empty() {
            return;
        }
        let row = typed.rows() - 1;
        self.set(field, typed);
        self.focus = Focus { field, row };
        self.mistakes = fresh;
    }

    fn set(&mut self, field: usize, to: Entry) {
        if let Some(entry) = self.entries.get_mut(field) {
            *entry = to;
        }
    }

    /// Whether the focus is on a line that is edited, and whether that is empty.
    pub fn edited(&self) -> Option<&Line> {
        self.entries
            .get(self.focus.field)
            .and_then(|entry| entry.line(self.focus.row))
    }

    fn enter(&mut self, field: usize) {
        if let Some(entry) = self.entries.get(field) {
            self.focus = Focus {
                field,
                row: entry.first_row(),
            };
        }
    }

    /// What the focus leaves behind: what was typed goes into its list.
    fn settle(&mut self) {
        if let Some(entry) = self.entries.get_mut(self.focus.field) {
            let on_line = entry.line(self.focus.row).is_some();
            let typed = entry.clone();
            if entry.commit() {
                self.added = Some((self.focus.field, typed));
                if on_line {
                    self.focus.row = entry.rows() - 1;
                }
            }
        }
    }

    /// What a key does. `view` is what the last picture showed.
    pub fn press(&mut self, key: &Key, view: View) -> Step {
        if *key == Key::Leave {
            return Step::Leave;
        }
        if self.scrolls(key, view) {
            return Step::Stay;
        }
        if self.explains {
            self.explains = *key == Key::Redraw;
            self.scroll = 0;
            return Step::Stay;
        }
        let free = self.edited().is_none_or(Line::is_empty);
        match key {
            Key::Escape => return Step::Back,
            Key::Char('<') if free => return Step::Back,
            Key::Char('?') if free => self.explain(),
            Key::Help => self.explain(),
            Key::Enter => return self.go_on(),
            Key::Tab | Key::BackTab => self.tab(*key == Key::Tab),
            Key::Up => self.up(),
            Key::Down => self.down(),
            Key::Char(_)
            | Key::Pasted(_)
            | Key::Backspace
            | Key::Delete
            | Key::Left
            | Key::Right
            | Key::Home
            | Key::End
            | Key::PageUp
            | Key::PageDown
            | Key::Clear
            | Key::EraseWord => self.edit(key),
            Key::Redraw | Key::Leave => {}
        }
        Step::Stay
    }

    fn explain(&mut self) {
        self.explains = true;
        self.scroll = 0;
    }

    /// Moves the text above the fields; false where the key is for the fields.
    fn scrolls(&mut self, key: &Key, view: View) -> bool {
        let reads = self.explains || self.entries.is_empty();
        if !view.scrolls() {
            return false;
        }
        // A line stays on the screen, so that the eye finds its place again.
        let page = view.shown.saturating_sub(1).max(1);
        let at = self.scroll.min(view.most());
        self.scroll = match (key, reads) {
            (Key::PageUp, _) => at.saturating_sub(page),
            (Key::PageDown, _) | (Key::Char(' '), true) => at + page,
            (Key::Up, true) => at.saturating_sub(1),
            (Key::Down, true) => at + 1,
            (Key::Home, true) => 0,
            (Key::End, true) => view.most(),
            _ => return false,
        }
        .min(view.most());
        true
    }

    fn go_on(&mut self) -> Step {
        let Focus { field, row } = self.focus;
        if let Some(entry) = self.entries.get_mut(field) {
            let typed = entry.clone();
            if entry.choose(row) {
                self.forgive();
            } else if entry.commit() {
                self.focus.row = entry.rows() - 1;
                self.added = Some((field, typed));
                self.forgive();
                return Step::Stay;
            }
        }
        if field + 1 < self.entries.len() {
            self.enter(field + 1);
            Step::Stay
        } else {
            Step::Next
        }
    }

    fn tab(&mut self, forward: bool) {
        self.settle();
        let Focus { field, row } = self.focus;
        if self
            .entries
            .get_mut(field)
            .is_some_and(|entry| entry.choose(row))
        {
            self.forgive();
        }
        let count = self.entries.len().max(1);
        let step = if forward { 1 } else { count - 1 };
        self.enter((field + step) % count);
    }

    fn up(&mut self) {
        self.settle();
        if self.focus.row > 0 && !matches!(self.entries.get(self.focus.field), Some(Entry::Text(_)))
        {
            self.focus.row -= 1;
        } else if let Some(field) = self.focus.field.checked_sub(1)
            && let Some(entry) = self.entries.get(field)
        {
            let row = entry.last_row();
            self.focus = Focus { field, row };
        }
    }

    fn down(&mut self) {
        self.settle();
        let rows = self.entries.get(self.focus.field).map_or(0, Entry::rows);
        if self.focus.row + 1 < rows {
            self.focus.row += 1;
        } else if self.focus.field + 1 < self.entries.len() {
            self.enter(self.focus.field + 1);
        }
    }

    /// A key for what the focus is on.
    fn edit(&mut self, key: &Key) {
        let Focus { field, row } = self.focus;
        let Some(entry) = self.entries.get_mut(field) else {
            return;
        };
        // The sign before the offer to add: it leads there, and begins no name.
        let plus = *key == Key::Char('+');
        if plus && let Some(last) = entry.free_line() {
            self.focus.row = last;
            return;
        }
        if let Some(line) = entry.line_mut(row) {
            let before = line.text().to_owned();
            line.press(key);
            if line.text() != before {
                self.forgive();
            }
            return;
        }
        let last = entry.rows() - 1;
        match (entry, key) {
            (Entry::YesNo(value), Key::Char(' ') | Key::Left | Key::Right) => *value = !*value,
            (Entry::YesNo(value), Key::Char('y' | 'Y')) => *value = true,
            (Entry::YesNo(value), Key::Char('n' | 'N')) => *value = false,
            (Entry::Choice { chosen, .. }, Key::Char(' ')) => *chosen = row,
            (Entry::Ticks { items, .. }, Key::Char(' ')) => {
                if let Some(item) = items.get_mut(row) {
                    item.ticked = !item.ticked;
                }
            }
            (_, Key::Home) => {
                self.focus.row = 0;
                return;
            }
            (_, Key::End) => {
                self.focus.row = last;
                return;
            }
            (_, Key::PageUp) => {
                self.focus.row = row.saturating_sub(PAGE);
                return;
            }
            (_, Key::PageDown) => {
                self.focus.row = (row + PAGE).min(last);
                return;
            }
            // What is typed over a list that takes more goes where it can be added.
            (
                Entry::Ticks {
                    add: Some((_, line)),
                    ..
                },
                Key::Char(_) | Key::Pasted(_),
            ) => {
                line.press(key);
                self.focus.row = last;
            }
            _ => return,
        }
        self.forgive();
    }

    /// A field that is being changed is no longer called wrong.
    fn forgive(&mut self) {
        if let Some(field) = self.page.fields.get(self.focus.field) {
            self.mistakes.retain(|mistake| mistake.field != field.id);
        }
    }
}

/// Rows of a list that page up and page down pass over.
const PAGE: usize = 10;

/// What is wrong with a field and was not before. That nothing is ticked may be mended by the next line.
pub fn fresh(before: &Form, after: &Form, field: FieldId, check: Check<'_>) -> Vec<Mistake> {
    let ticked = |form: &Form| match form.answers().get(field) {
        Some(Answer::Ticks(all)) => all.len(),
        Some(Answer::Text(_) | Answer::Choice(_) | Answer::YesNo(_)) | None => 0,
    };
    if ticked(after) <= ticked(before) {
        return Vec::new();
    }
    let known = check(&before.answers());
    check(&after.answers())
        .into_iter()
        .filter(|one| one.field == field && !known.contains(one))
        .collect()
}
