//! What stands in one field while it is filled in. Pure.

use super::line::Line;
use crate::cli::wizard::page::{Answer, Beside, Choice, Field, FieldKind, Tick};

/// What stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A line of text.
    Text(Line),
    /// One of several: the place of the chosen one.
    Choice {
        /// All of them.
        options: Vec<Choice>,
        /// The chosen one.
        chosen: usize,
    },
    /// Any of several.
    Ticks {
        /// All of them, those that were typed at the end.
        items: Vec<Tick>,
        /// The line that adds another: its prompt, and what is typed there.
        add: Option<(String, Line)>,
        /// What is told beside one that is added.
        beside: Beside,
    },
    /// Yes or no.
    YesNo(bool),
}

/// What stands in a field at first.
pub fn entry(field: &Field) -> Entry {
    match &field.kind {
        FieldKind::Text { value } => Entry::Text(Line::new(value)),
        FieldKind::Choice { options, chosen } => Entry::Choice {
            options: options.clone(),
            chosen: options
                .iter()
                .position(|option| option.id == *chosen)
                .unwrap_or(0),
        },
        FieldKind::Ticks { items, add, beside } => Entry::Ticks {
            items: items.clone(),
            beside: *beside,
            add: add.clone().map(|invites| (invites, Line::default())),
        },
        FieldKind::YesNo { value } => Entry::YesNo(*value),
    }
}

/// Adds to a list what was typed, several apart by spaces, commas or semicolons; what is there already is ticked.
pub fn add_to(items: &mut Vec<Tick>, typed: &str, beside: Beside) {
    for value in typed
        .split([' ', ',', ';', '\u{3000}'])
        .filter(|value| !value.is_empty())
    {
        let known = items
            .iter_mut()
            .find(|item| item.value.to_lowercase() == value.to_lowercase());
        match known {
            Some(item) => item.ticked = true,
            None => items.push(Tick {
                value: value.to_owned(),
                note: beside.note(value),
                ticked: true,
            }),
        }
    }
}

impl Entry {
    /// The answer as it stands; what was typed and not yet added counts.
    pub fn answer(&self) -> Answer {
        match self {
            Self::Text(line) => Answer::Text(line.text().trim().to_owned()),
            Self::Choice { options, chosen } => Answer::Choice(
                options
                    .get(*chosen)
                    .map(|option| option.id.clone())
                    .unwrap_or_default(),
            ),
            Self::Ticks { items, add, beside } => {
                let mut items = items.clone();
                if let Some((_, line)) = add {
                    add_to(&mut items, line.text(), *beside);
                }
                Answer::Ticks(
                    items
                        .into_iter()
                        .filter(|item| item.ticked)
                        .map(|item| item.value)
                        .collect(),
                )
            }
            Self::YesNo(value) => Answer::YesNo(*value),
        }
    }

    /// Rows that the focus can be on, at least one.
    pub fn rows(&self) -> usize {
        match self {
            Self::Text(_) | Self::YesNo(_) => 1,
            Self::Choice { options, .. } => options.len().max(1),
            Self::Ticks { items, add, .. } => (items.len() + usize::from(add.is_some())).max(1),
        }
    }

    /// The row that the focus comes to first, from above or by tab.
    pub fn first_row(&self) -> usize {
        match self {
            Self::Choice { chosen, .. } => *chosen,
            Self::Text(_) | Self::YesNo(_) | Self::Ticks { .. } => 0,
        }
    }

    /// The row that the focus comes to from below.
    pub fn last_row(&self) -> usize {
        match self {
            Self::Choice { chosen, .. } => *chosen,
            Self::Text(_) | Self::YesNo(_) | Self::Ticks { .. } => self.rows() - 1,
        }
    }

    /// The line that is edited in this row.
    pub fn line(&self, row: usize) -> Option<&Line> {
        match self {
            Self::Text(line) => Some(line),
            Self::Ticks {
                items,
                add: Some((_, line)),
                ..
            } if row == items.len() => Some(line),
            Self::Ticks { .. } | Self::Choice { .. } | Self::YesNo(_) => None,
        }
    }

    /// The same, to be edited.
    pub fn line_mut(&mut self, row: usize) -> Option<&mut Line> {
        match self {
            Self::Text(line) => Some(line),
            Self::Ticks {
                items,
                add: Some((_, line)),
                ..
            } if row == items.len() => Some(line),
            Self::Ticks { .. } | Self::Choice { .. } | Self::YesNo(_) => None,
        }
    }

    /// The row of the line that adds, where nothing is typed there yet.
    pub fn free_line(&self) -> Option<usize> {
        match self {
            Self::Ticks {
                items,
                add: Some((_, line)),
                ..
            } if line.is_empty() => Some(items.len()),
            Self::Ticks { .. } | Self::Text(_) | Self::Choice { .. } | Self::YesNo(_) => None,
        }
    }

    /// Takes what is typed in the line that adds away.
    pub fn clear_line(&mut self) {
        if let Self::Ticks {
            add: Some((_, line)),
            ..
        } = self
        {
            line.take();
        }
    }

    /// Chooses the option of this row; whether that is another one.
    pub fn choose(&mut self, row: usize) -> bool {
        match self {
            Self::Choice { chosen, .. } if *chosen != row => {
                *chosen = row;
                true
            }
            Self::Choice { .. } | Self::Text(_) | Self::Ticks { .. } | Self::YesNo(_) => false,
        }
    }

    /// Puts what was typed into the list; whether there was something.
    pub fn commit(&mut self) -> bool {
        match self {
            Self::Ticks {
                items,
                add: Some((_, line)),
                beside,
            } => {
                let typed = line.take();
                add_to(items, &typed, *beside);
                !typed.trim().is_empty()
            }
            Self::Ticks { add: None, .. }
            | Self::Text(_)
            | Self::Choice { .. }
            | Self::YesNo(_) => false,
        }
    }
}
