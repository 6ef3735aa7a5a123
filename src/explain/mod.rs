//! How the product speaks of what went wrong: four answers and a stable code, and text made fit to be shown.
//!
//! The lowest room: every other may use it, and it uses none. It holds no words of its own about certificates;
//! each room's error type says its own, beside its variants, by [`Explain`].

mod count;
mod diff;
mod hex;
mod listed;
mod moment;
mod nearest;
mod os;
mod printable;
mod span;

pub use count::count;
pub use diff::{DiffLine, diff};
pub use hex::hex;
pub use listed::{and_words, listed};
pub use moment::{date, moment, rfc3339};
pub use nearest::nearest;
pub use os::{os_words, reading_mend};
pub use printable::{is_harmful, printable};
pub use span::span;

/// What a person needs to go on after an error: what, where, why, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Stable, kebab-case with a room prefix (`import.stranger`): the machine contract's `error.code`.
    pub code: &'static str,
    /// What went wrong, one line, lower-case first letter, no full stop.
    pub what: String,
    /// File and block, host and port, field; empty when there is no place.
    pub place: String,
    /// The two values that disagree.
    pub why: String,
    /// A command, a setting, a sentence to send to the CA.
    pub mend: String,
}

/// An error that can say all four things.
pub trait Explain {
    /// The explanation, with text from outside already made [`printable`].
    fn explain(&self) -> Explanation;
}
