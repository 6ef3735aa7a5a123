//! The full screen: a frame that is drawn again on every key and whenever the size changes.
//!
//! It stands on `console` and a terminal of our own, not on dialoguer's prompts: those know no Esc in a line of text, no
//! `?`, no frame and no form of several fields, and leave the cursor hidden at Ctrl-C. The alternate screen is used, so
//! that the shell's own lines are there again afterwards; what is to stay readable is printed after it, by the walk.

use super::draw::{Picture, Size, draw, draw_work};
use super::form::{Form, Step};
use super::terminal::{self, Terminal, Typed};
use super::words::Words;
use crate::cli::wizard::page::{Ask, AskError, Check, Page, Progress, Reply};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// What is drawn where the size cannot be told.
const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(100);

/// A person at a full screen.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal,
    words: Words,
}

impl Screen {
    /// Takes the terminal until it is dropped.
    pub fn open(words: Words) -> std::io::Result<Self> {
        Ok(Self {
            terminal: Terminal::take()?,
            words,
        })
    }

    fn show(&self, form: &Form) -> std::io::Result<Picture> {
        let picture = draw(form, &self.words, terminal::size().unwrap_or(USUAL));
        self.terminal.show(&picture.rows, picture.cursor)?;
        Ok(picture)
    }

    fn fill_in(&mut self, form: &mut Form, check: Check<'_>) -> std::io::Result<Reply> {
        loop {
            // A terminal that has gone is left, not an error: what was answered is kept.
            if self.terminal.ended() {
                return Ok(Reply::Leave(form.answers()));
            }
            let Ok(picture) = self.show(form) else {
                return Ok(Reply::Leave(form.answers()));
            };
            let step = match self.terminal.next()? {
                Typed::Key(key) => form.press(&key, picture.view),
                Typed::Resized => Step::Stay,
                Typed::Ended => Step::Leave,
            };
            match step {
                Step::Stay => form.judge_added(check),
                Step::Next => {
                    let answers = form.answers();
                    let mistakes = check(&answers);
                    if mistakes.is_empty() {
                        return Ok(Reply::Next(answers));
                    }
                    form.blame(mistakes);
                }
                Step::Back => return Ok(Reply::Back(form.answers())),
                Step::Leave => return Ok(Reply::Leave(form.answers())),
            }
        }
    }
}

impl Ask for Screen {
    fn page(&mut self, page: &Page, check: Check<'_>) -> Result<Reply, AskError> {
        Ok(self.fill_in(&mut Form::new(page), check)?)
    }

    fn work(
        &mut self,
        page: &Page,
        work: &mut dyn FnMut(&mut dyn Progress),
    ) -> Result<(), AskError> {
        let size = terminal::size().unwrap_or(USUAL);
        let rows = draw_work(&Form::new(page), &self.words, size);
        self.terminal.during(&rows, || {
            let mut steps = Steps::begin();
            work(&mut steps);
            steps.end();
        })?;
        Ok(())
    }
}

/// Steps under the frame: the current one beside a spinner, those before it above.
struct Steps {
    spinner: ProgressBar,
    at_hand: Option<String>,
}

impl Steps {
    fn begin() -> Self {
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(TICK);
        Self {
            spinner,
            at_hand: None,
        }
    }

    fn keep(&mut self) {
        if let Some(text) = self.at_hand.take() {
            self.spinner.println(format!("  · {text}"));
        }
    }

    fn end(mut self) {
        self.keep();
        self.spinner.finish_and_clear();
    }
}

impl Progress for Steps {
    fn step(&mut self, text: &str) {
        self.keep();
        self.spinner.set_message(text.to_owned());
        self.at_hand = Some(text.to_owned());
    }
}
