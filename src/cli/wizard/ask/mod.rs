//! The face of the wizard: pages shown and answers taken, on a full screen, line by line, or from a script.
//!
//! What a page says and what is right is not decided here. Drawing ([`draw`]) and keys ([`form`], [`line`], [`keys`])
//! are pure; [`terminal`] alone reads and writes.

mod draw;
mod entry;
mod form;
pub mod keys;
mod line;
mod plain;
mod screen;
pub mod scripted;
mod terminal;
mod text;
pub mod words;

#[cfg(test)]
mod tests;

pub use plain::Said;
pub use scripted::{Given, Script, Scripted};
pub use words::Words;

use super::page::Ask;
use crate::cli::context::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::explain::Explanation;
use plain::{Lines, Tty};

/// A terminal with fewer columns has no room for a frame.
const MIN_COLUMNS: usize = 40;

/// A terminal with fewer rows has none either.
const MIN_ROWS: usize = 12;

/// Opens the terminal: a full screen, or line by line where that is wished (`--plain`), where TERM is `dumb` or not
/// set, and where the screen has less than 40 columns and 12 rows. Given back when it is dropped.
///
/// Errors: nobody can be asked (no terminal, `-n`, `--json`).
pub fn open(context: &Context, words: Words, plain: bool) -> Result<Box<dyn Ask>, Failure> {
    if !context.can_ask() {
        return Err(Failure::usage(
            "the wizard has nobody to ask",
            "it needs a terminal, and neither -n nor --json",
            "give the answers with `edgecert wizard --answers FILE`, or make the request without questions: `edgecert request --help`",
        ));
    }
    let opened = if plain || !is_for_frames() {
        plain::Plain::open(words).map(|face| Box::new(face) as Box<dyn Ask>)
    } else {
        screen::Screen::open(words).map(|face| Box::new(face) as Box<dyn Ask>)
    };
    opened.map_err(|error| {
        Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "wizard.terminal",
                what: "the terminal cannot be used".into(),
                place: String::new(),
                why: error.to_string(),
                mend: "try `edgecert wizard --plain`, or give the answers with `edgecert wizard --answers FILE`".into(),
            },
        )
    })
}

/// One question of a command's own, answered with a whole line: nothing is taken before Enter.
///
/// Effects: waits for the terminal. Ctrl-C, a signal and the end of input are [`Said::Ended`], and the line is left.
pub fn one_line(question: &str) -> std::io::Result<Said> {
    let mut lines = Tty::open()?;
    lines.tell(question)?;
    let said = lines.read()?;
    if said == Said::Ended {
        lines.tell("\n")?;
    }
    Ok(said)
}

/// Whether the terminal can show frames.
fn is_for_frames() -> bool {
    let known = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
    known
        && terminal::size().is_none_or(|size| size.columns >= MIN_COLUMNS && size.rows >= MIN_ROWS)
}
