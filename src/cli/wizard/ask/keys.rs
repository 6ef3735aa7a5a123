//! Bytes of a terminal in raw mode, made into keys: pure, and safe for whatever is typed or pasted.
//!
//! Escape sequences (ECMA-48 §5.4: CSI, SS3, and the strings OSC, DCS, SOS, PM and APC) are read whole and dropped
//! where they are no key that we know, so that their tails never become text. What is pasted between the marks of
//! bracketed paste is text and never a key. Control characters, marks that change the direction of writing and bytes
//! that are not UTF-8 are dropped.

use crate::explain::is_harmful;

/// Most characters of one paste, in bytes; what goes beyond is dropped. More than any line may hold.
pub const MAX_PASTE: usize = 64 * 1024;

/// Most bytes of one escape sequence, after which it counts as over.
const MAX_SEQUENCE: usize = 256;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the keys' own names
pub enum Key {
    /// A character that can be shown.
    Char(char),
    /// What was pasted at once, in one line, without anything harmful; never empty.
    Pasted(String),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    Escape,
    /// F1.
    Help,
    /// Ctrl-U: the line is emptied.
    Clear,
    /// Ctrl-W: the word before the cursor goes.
    EraseWord,
    /// Ctrl-L.
    Redraw,
    /// Ctrl-C or Ctrl-D.
    Leave,
}

impl Key {
    /// The text that it is, typed or pasted; `None` for a key that does something.
    pub fn text(&self) -> Option<String> {
        if let Self::Char(c) = self {
            Some(c.to_string())
        } else if let Self::Pasted(text) = self {
            Some(text.clone())
        } else {
            None
        }
    }
}

/// What a decoder waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// For nothing: the next byte begins a key.
    Nothing,
    /// For the rest of a sequence: a lone Escape is one where nothing follows soon.
    Sequence,
    /// For the end of a paste.
    Paste,
}

/// Where the decoder stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ground,
    /// Bytes of a character that is not whole.
    Utf8,
    /// Escape was read.
    Escape,
    /// Within a CSI sequence.
    Csi,
    /// One byte is to follow.
    Single(After),
    /// Within an OSC, DCS, SOS, PM or APC string.
    Str,
    /// Escape was read within a string: its end, or the next sequence.
    StrEscape,
}

/// What one byte is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// `ESC O`.
    Ss3,
    /// `ESC [ [`, as the Linux console sends F1 to F5.
    Console,
    /// An escape sequence with intermediate bytes, such as `ESC (`.
    Intermediate,
}

/// Reads keys from bytes that come in any pieces.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    /// Bytes so far of the sequence or character.
    held: Vec<u8>,
    /// What is being pasted.
    paste: Option<String>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            state: State::Ground,
            held: Vec::new(),
            paste: None,
        }
    }

    /// What it waits for.
    pub fn waiting(&self) -> Waiting {
        match (&self.paste, &self.state) {
            (Some(_), _) => Waiting::Paste,
            (None, State::Ground) => Waiting::Nothing,
            (None, _) => Waiting::Sequence,
        }
    }

    /// Takes bytes, gives the keys that are whole.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for byte in bytes {
            self.take(*byte, &mut keys);
        }
        keys
    }

    /// Nothing came for a while: a lone Escape is the key, an unfinished sequence is dropped, a paste has ended.
    pub fn idle(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        if self.state == State::Escape && self.paste.is_none() {
            keys.push(Key::Escape);
        }
        self.ground();
        self.end_paste(&mut keys);
        keys
    }

    fn ground(&mut self) {
        self.state = State::Ground;
        self.held.clear();
    }

    fn end_paste(&mut self, keys: &mut Vec<Key>) {
        if let Some(text) = self.paste.take()
            && !text.trim().is_empty()
        {
            keys.push(Key::Pasted(text));
        }
    }

    fn take(&mut self, byte: u8, keys: &mut Vec<Key>) {
        match self.state {
            State::Ground => self.begin(byte, keys),
            State::Utf8 => self.go_on_utf8(byte, keys),
            State::Escape => self.after_escape(byte, keys),
            State::Csi => self.go_on_csi(byte, keys),
            State::Single(after) => self.end_single(after, byte, keys),
            State::Str => match byte {
                0x07 => self.ground(),
                0x1b => self.state = State::StrEscape,
                _ => self.hold(byte),
            },
            State::StrEscape => match byte {
                b'\\' => self.ground(),
                _ => {
                    self.ground();
                    self.after_escape(byte, keys);
                }
            },
        }
    }

    /// Keeps a byte of a sequence, and counts an endless one as over.
    fn hold(&mut self, byte: u8) {
        self.held.push(byte);
        if self.held.len() >= MAX_SEQUENCE {
            self.ground();
        }
    }

    fn end_single(&mut self, after: After, byte: u8, keys: &mut Vec<Key>) {
        match byte {
            0x20..=0x2f if after == After::Intermediate => {}
            0x20..=0x7e => {
                self.ground();
                if self.paste.is_none() {
                    keys.extend(single_key(after, byte));
                }
            }
            // A control character or a foreign byte breaks the sequence off.
            _ => {
                self.ground();
                self.begin(byte, keys);
            }
        }
    }

    fn begin(&mut self, byte: u8, keys: &mut Vec<Key>) {
        match byte {
            0x1b => self.state = State::Escape,
            0x20..=0x7e => self.character(char::from(byte), keys),
            0xc2..=0xf4 => {
                self.state = State::Utf8;
                self.held.push(byte);
            }
            // What is no beginning of a character in UTF-8 (RFC 3629 §4).
            0x80..=0xc1 | 0xf5..=0xff => {}
            0x00..=0x1f | 0x7f => match &mut self.paste {
                // Lines of a paste are apart by a space.
                Some(text) if matches!(byte, b'\n' | b'\r' | b'\t') => push(text, ' '),
                Some(_) => {}
                None => keys.extend(control_key(byte)),
            },
        }
    }

    fn go_on_utf8(&mut self, byte: u8, keys: &mut Vec<Key>) {
        if !(0x80..=0xbf).contains(&byte) {
            self.ground();
            self.begin(byte, keys);
            return;
        }
        self.held.push(byte);
        match std::str::from_utf8(&self.held) {
            Ok(text) => {
                let character = text.chars().next();
                self.ground();
                if let Some(character) = character {
                    self.character(character, keys);
                }
            }
            // `None`: the bytes so far begin a character.
            Err(error) if error.error_len().is_none() => {}
            Err(_) => self.ground(),
        }
    }

    fn character(&mut self, character: char, keys: &mut Vec<Key>) {
        if is_harmful(character) {
            return;
        }
        match &mut self.paste {
            Some(text) => push(text, character),
            None => keys.push(Key::Char(character)),
        }
    }

    fn after_escape(&mut self, byte: u8, keys: &mut Vec<Key>) {
        self.held.clear();
        self.state = match byte {
            b'[' => State::Csi,
            b'O' => State::Single(After::Ss3),
            b']' | b'P' | b'X' | b'^' | b'_' => State::Str,
            0x1b => {
                if self.paste.is_none() {
                    keys.push(Key::Escape);
                }
                State::Escape
            }
            0x20..=0x2f => State::Single(After::Intermediate),
            // A key that ends the program is never hidden by an Escape before it.
            0x03 | 0x04 if self.paste.is_none() => {
                keys.push(Key::Leave);
                State::Ground
            }
            // Alt and a character, or an unknown sequence.
            _ => State::Ground,
        };
    }

    fn go_on_csi(&mut self, byte: u8, keys: &mut Vec<Key>) {
        match byte {
            b'[' if self.held.is_empty() => self.state = State::Single(After::Console),
            0x20..=0x3f => self.hold(byte),
            0x40..=0x7e => {
                let parameters = std::mem::take(&mut self.held);
                self.ground();
                match (byte, parameters.as_slice(), &mut self.paste) {
                    (b'~', b"200", None) => self.paste = Some(String::new()),
                    (b'~', b"201", Some(_)) => self.end_paste(keys),
                    (_, _, Some(_)) => {}
                    (_, parameters, None) => keys.extend(csi_key(parameters, byte)),
                }
            }
            // A control character or a foreign byte breaks the sequence off.
            _ => {
                self.ground();
                self.begin(byte, keys);
            }
        }
    }
}

/// Adds a character of a paste where there is room; spaces do not run on.
fn push(text: &mut String, character: char) {
    let doubled = character == ' ' && (text.is_empty() || text.ends_with(' '));
    if !doubled && text.len() + character.len_utf8() <= MAX_PASTE {
        text.push(character);
    }
}

fn control_key(byte: u8) -> Option<Key> {
    Some(match byte {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x08 | 0x7f => Key::Backspace,
        0x01 => Key::Home,
        0x05 => Key::End,
        0x02 => Key::Left,
        0x06 => Key::Right,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::Clear,
        0x17 => Key::EraseWord,
        0x0c => Key::Redraw,
        0x03 | 0x04 => Key::Leave,
        _ => return None,
    })
}

fn single_key(after: After, byte: u8) -> Option<Key> {
    Some(match (after, byte) {
        (After::Ss3, b'A') => Key::Up,
        (After::Ss3, b'B') => Key::Down,
        (After::Ss3, b'C') => Key::Right,
        (After::Ss3, b'D') => Key::Left,
        (After::Ss3, b'H') => Key::Home,
        (After::Ss3, b'F') => Key::End,
        (After::Ss3, b'M') => Key::Enter,
        (After::Ss3, b'P') | (After::Console, b'A') => Key::Help,
        _ => return None,
    })
}

fn csi_key(parameters: &[u8], last: u8) -> Option<Key> {
    // Modifiers (`1;5`) do not change what a key does here; private sequences (`?`, `<`, `>`) are no keys.
    let first = parameters
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    if !first.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(match (last, first) {
        (b'A', b"" | b"1") => Key::Up,
        (b'B', b"" | b"1") => Key::Down,
        (b'C', b"" | b"1") => Key::Right,
        (b'D', b"" | b"1") => Key::Left,
        (b'H', b"" | b"1") | (b'~', b"1" | b"7") => Key::Home,
        (b'F', b"" | b"1") | (b'~', b"4" | b"8") => Key::End,
        (b'Z', b"" | b"1") => Key::BackTab,
        (b'P', b"" | b"1") | (b'~', b"11") => Key::Help,
        (b'~', b"3") => Key::Delete,
        (b'~', b"5") => Key::PageUp,
        (b'~', b"6") => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
