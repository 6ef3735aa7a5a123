//! One line of text while it is edited: pure.

use super::keys::Key;
use super::text;
use crate::explain::is_harmful;

/// Longest line, bytes of UTF-8. Every field has a limit of its own below it.
pub const MAX_LINE: usize = 4096;

/// A line and the place of the cursor in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    /// Where the next character goes: a byte index on a character's border.
    cursor: usize,
}

impl Line {
    /// A line with the cursor at its end; what is harmful is left out, what is over the limit too.
    pub fn new(text: &str) -> Self {
        let mut line = Self::default();
        line.insert(text);
        line
    }

    /// What stands there.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing stands there.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes out what stands there.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    fn insert(&mut self, text: &str) {
        for c in text.chars().filter(|c| !is_harmful(*c)) {
            if self.text.len() + c.len_utf8() > MAX_LINE {
                break;
            }
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    fn before(&self) -> Option<char> {
        self.text.get(..self.cursor)?.chars().next_back()
    }

    fn behind(&self) -> Option<char> {
        self.text.get(self.cursor..)?.chars().next()
    }

    /// Edits the line; false where the key is not for a line.
    pub fn press(&mut self, key: &Key) -> bool {
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::Pasted(text) => self.insert(text.trim()),
            Key::Left => self.cursor -= self.before().map_or(0, char::len_utf8),
            Key::Right => self.cursor += self.behind().map_or(0, char::len_utf8),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Backspace => {
                if let Some(c) = self.before() {
                    self.cursor -= c.len_utf8();
                    self.text.remove(self.cursor);
                }
            }
            Key::Delete => {
                if self.behind().is_some() {
                    self.text.remove(self.cursor);
                }
            }
            Key::Clear => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            Key::EraseWord => {
                let head = self.text.get(..self.cursor).unwrap_or_default();
                let kept = head.trim_end_matches(' ');
                let begin = kept.rfind(' ').map_or(0, |at| at + 1);
                self.text.drain(begin..self.cursor);
                self.cursor = begin;
            }
            Key::Enter
            | Key::Tab
            | Key::BackTab
            | Key::Up
            | Key::Down
            | Key::PageUp
            | Key::PageDown
            | Key::Escape
            | Key::Help
            | Key::Redraw
            | Key::Leave => return false,
        }
        true
    }

    /// The line in a window of so many columns, and the column of the cursor in it. What lies outside is told by `…`.
    pub fn window(&self, most: usize) -> (String, usize) {
        let head = self.text.get(..self.cursor).unwrap_or_default();
        let tail = self.text.get(self.cursor..).unwrap_or_default();
        // One column stays free for a cursor after the last character.
        let room = most.saturating_sub(1);
        if text::columns(&self.text) <= room {
            return (self.text.clone(), text::columns(head));
        }
        let shown_head = if text::columns(head) <= room * 3 / 4 {
            head.to_owned()
        } else {
            text::cut_front(head, room * 3 / 4)
        };
        let column = text::columns(&shown_head);
        (
            format!("{shown_head}{}", text::cut(tail, room - column)),
            column,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, keys: &[Key]) -> (String, usize) {
        let mut line = Line::new(text);
        for key in keys {
            assert!(line.press(key), "{key:?}");
        }
        (line.text, line.cursor)
    }

    #[test]
    fn keys_edit_where_the_cursor_is() {
        use Key::{Backspace, Char, Clear, Delete, End, EraseWord, Home, Left, Right};
        for (text, keys, after, cursor) in [
            ("ab", vec![Char('c')], "abc", 3),
            ("ab", vec![Left, Char('c')], "acb", 2),
            ("ab", vec![Home, Char('c')], "cab", 1),
            ("ab", vec![Home, Left, Delete], "b", 0),
            ("ab", vec![Delete, Right], "ab", 2),
            ("ab", vec![Home, Backspace, End, Backspace], "a", 1),
            ("인증", vec![Left, Backspace], "증", 0),
            ("인증", vec![Home, Right, Char('x')], "인x증", 4),
            ("one two", vec![Left, Clear], "o", 0),
            ("one two ", vec![EraseWord], "one ", 4),
            ("one", vec![Key::Pasted("  b c ".to_owned())], "oneb c", 6),
            (
                "",
                vec![Backspace, Delete, Left, Right, EraseWord, Clear],
                "",
                0,
            ),
        ] {
            assert_eq!(edited(text, &keys), (after.to_owned(), cursor), "{keys:?}");
        }
        assert!(!Line::default().press(&Key::Enter));
    }

    #[test]
    fn a_line_has_a_limit_and_holds_nothing_harmful() {
        let line = Line::new(&"인".repeat(MAX_LINE));
        assert!(line.text.len() <= MAX_LINE && line.text.len() > MAX_LINE - 3);
        assert_eq!(Line::new("a\u{1b}[31m\u{202e}\0b\n").text, "a[31mb");
    }

    #[test]
    fn the_window_follows_the_cursor_and_fits() {
        let mut line = Line::new("조직 이름이 아주 긴 회사 Contoso Corporation");
        for most in [1, 2, 5, 10, 40, 100] {
            for key in [Key::Home, Key::Right, Key::End, Key::Left] {
                line.press(&key);
                let (shown, column) = line.window(most);
                assert!(text::columns(&shown) < most.max(1) || shown.is_empty());
                assert!(column < most, "{column} of {most}");
            }
        }
        assert_eq!(Line::new("abcdefghij").window(6), ("…ij".into(), 3));
    }
}
