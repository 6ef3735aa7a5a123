//! The lines of a real terminal.

use super::{Lines, Said};
use crate::cli::wizard::ask::keys::{Decoder, Key};
use crate::cli::wizard::ask::line::MAX_LINE;
use crate::cli::wizard::ask::terminal::{self, Event, Signals};
use crate::explain::is_harmful;

/// A narrower terminal breaks the lines itself.
const MIN_COLUMNS: usize = 16;

/// Lines of the terminal, which edits them itself.
#[derive(Debug)]
pub struct Tty {
    signals: Signals,
    /// What was read after the last line.
    held: Vec<u8>,
}

impl Tty {
    /// Watches signals from now on.
    pub fn open() -> std::io::Result<Self> {
        Ok(Self {
            signals: Signals::watch()?,
            held: Vec::new(),
        })
    }
}

impl Lines for Tty {
    fn tell(&mut self, text: &str) -> std::io::Result<()> {
        terminal::write(text)
    }

    fn read(&mut self) -> std::io::Result<Said> {
        let mut too_long = false;
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                return Ok(if too_long || line.len() > MAX_LINE {
                    Said::TooLong
                } else {
                    Said::Line(sound(&line))
                });
            }
            if self.held.len() > MAX_LINE {
                too_long = true;
                self.held.clear();
            }
            match self.signals.wait(None)? {
                Event::Bytes(bytes) => self.held.extend(bytes),
                Event::Ended => return Ok(Said::Ended),
                Event::Idle | Event::Resized => {}
            }
        }
    }

    fn columns(&self) -> Option<usize> {
        terminal::size()
            .map(|size| size.columns)
            .filter(|columns| *columns >= MIN_COLUMNS)
    }

    fn during(&mut self, work: &mut dyn FnMut()) -> std::io::Result<()> {
        self.signals.during(work)
    }
}

/// A line that was typed, without sequences and harmful characters: arrows that were pressed leave nothing behind.
fn sound(bytes: &[u8]) -> String {
    let mut decoder = Decoder::new();
    let mut keys = decoder.feed(bytes);
    keys.extend(decoder.idle());
    let mut line = String::new();
    for key in keys {
        match key.text() {
            Some(text) => line.push_str(&text),
            None if key == Key::Tab => line.push(' '),
            None => {}
        }
    }
    line.retain(|c| !is_harmful(c));
    line.trim().to_owned()
}
