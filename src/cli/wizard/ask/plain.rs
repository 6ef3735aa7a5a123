//! Line by line, for screen readers and terminals without a cursor: no colour, nothing drawn over.
//!
//! A list is numbered; numbers are typed. An empty line keeps what stands in brackets, `<` goes back, `?` explains, `-`
//! empties a line; Ctrl-C and the end of input leave.

mod tty;

use super::entry::{Entry, add_to};
use super::form::{Form, fresh};
use super::terminal;
use super::text::fold;
use super::words::{Words, say};
use crate::cli::wizard::page::{Ask, AskError, Beside, Check, Page, Progress, Reply, Tick};
pub use tty::Tty;

/// A line that was typed, or why none will come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What was typed, trimmed, without anything harmful.
    Line(String),
    /// More than a line may hold; it is dropped.
    TooLong,
    /// Input has ended, or a signal came.
    Ended,
}

/// Where lines come from and go to.
pub trait Lines {
    /// Shows a line, or a prompt that stays on it.
    fn tell(&mut self, text: &str) -> std::io::Result<()>;
    /// Waits for a line.
    fn read(&mut self) -> std::io::Result<Said>;
    /// Columns to break lines in; `None`: they are left whole.
    fn columns(&self) -> Option<usize>;
    /// Runs work that signals do not tear.
    fn during(&mut self, work: &mut dyn FnMut()) -> std::io::Result<()>;
}

/// How a question was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    On,
    Back,
    Out,
}

/// What an answer came to.
enum Taken {
    /// The question is answered.
    Done,
    /// It was answered in part: the list is shown again.
    More,
    /// It was wrong; why.
    Wrong(String),
}

/// A person who reads line by line.
#[derive(Debug)]
pub struct Plain<L> {
    lines: L,
    words: Words,
    /// Whether the keys were explained.
    begun: bool,
}

impl Plain<Tty> {
    /// On the terminal.
    pub fn open(words: Words) -> std::io::Result<Self> {
        Ok(Self::over(Tty::open()?, words))
    }
}

impl<L: Lines> Plain<L> {
    /// Over any lines.
    pub fn over(lines: L, words: Words) -> Self {
        Self {
            lines,
            words,
            begun: false,
        }
    }

    fn tell(&mut self, text: &str) -> std::io::Result<()> {
        let most = self.lines.columns();
        for line in text.split('\n') {
            match most {
                Some(most) => {
                    for piece in fold(line, most) {
                        self.lines.tell(&format!("{piece}\n"))?;
                    }
                }
                None => self.lines.tell(&format!("{line}\n"))?,
            }
        }
        Ok(())
    }

    fn head(&mut self, page: &Page) -> std::io::Result<()> {
        let head = say(
            &self.words.plain_page,
            &[
                ("walk", &page.walk),
                ("number", &page.number.to_string()),
                ("of", &page.of.to_string()),
                ("title", &page.title),
            ],
        );
        self.tell("")?;
        self.tell(&head)?;
        if !page.intro.is_empty() {
            self.tell(&page.intro)?;
        }
        if !self.begun {
            self.begun = true;
            let keys = self.words.plain_keys.clone();
            self.tell(&keys)?;
        }
        if !page.body.is_empty() {
            self.tell("")?;
            for line in &page.body {
                self.tell(line)?;
            }
        }
        Ok(())
    }

    /// Asks until the line is an answer, or leads away.
    fn line(&mut self, prompt: &str, help: &str) -> std::io::Result<Result<String, Left>> {
        loop {
            self.lines.tell(prompt)?;
            match self.lines.read()? {
                Said::Ended => {
                    self.lines.tell("\n")?;
                    return Ok(Err(Left::Out));
                }
                Said::TooLong => {
                    let told = self.words.plain_too_long.clone();
                    self.tell(&told)?;
                }
                Said::Line(line) if line == "?" => self.tell(help)?,
                Said::Line(line) if line == "<" => return Ok(Err(Left::Back)),
                Said::Line(line) => return Ok(Ok(line)),
            }
        }
    }

    fn ask(&mut self, form: &mut Form, at: usize, check: Check<'_>) -> std::io::Result<Left> {
        let Some(field) = form.page.fields.get(at).cloned() else {
            return Ok(Left::On);
        };
        let label = match (field.label.as_str(), field.hint.as_str()) {
            ("", hint) => hint.to_owned(),
            (label, "") => label.to_owned(),
            (label, hint) => format!("{label} ({hint})"),
        };
        let mut shown = false;
        loop {
            let before = form.clone();
            let Some(entry) = form.entries.get_mut(at) else {
                return Ok(Left::On);
            };
            if !shown {
                let list = listed(entry);
                if !list.is_empty() {
                    if !label.is_empty() {
                        self.tell(&label)?;
                    }
                    for line in list {
                        self.tell(&line)?;
                    }
                }
                shown = true;
            }
            let prompt = prompt(entry, &label, &self.words);
            let line = match self.line(&prompt, &form.page.help)? {
                Ok(line) => line,
                Err(left) => return Ok(left),
            };
            match take(entry, &line, &self.words) {
                Taken::Done => return Ok(Left::On),
                Taken::More => {
                    // A line is taken whole or not at all: what it brings in is checked at once.
                    let fresh = fresh(&before, form, field.id, check);
                    for mistake in &fresh {
                        let told = format!("{} {}", self.words.mistake, mistake.text);
                        self.tell(&told)?;
                    }
                    match fresh.is_empty() {
                        true => shown = false,
                        false => *form = before,
                    }
                }
                Taken::Wrong(why) => {
                    let told = format!("{} {why}", self.words.mistake);
                    self.tell(&told)?;
                }
            }
        }
    }

    fn fill_in(&mut self, form: &mut Form, check: Check<'_>) -> std::io::Result<Reply> {
        self.head(&form.page)?;
        if form.entries.is_empty() {
            let prompt = format!("{}: ", self.words.plain_go_on);
            return Ok(match self.line(&prompt, &form.page.help)? {
                Ok(_) => Reply::Next(form.answers()),
                Err(Left::Out) => Reply::Leave(form.answers()),
                Err(Left::Back | Left::On) => Reply::Back(form.answers()),
            });
        }
        let mut wanted: Vec<usize> = (0..form.entries.len()).collect();
        loop {
            let mut at = 0;
            while let Some(field) = wanted.get(at) {
                match self.ask(form, *field, check)? {
                    Left::On => at += 1,
                    // Within a page one goes back a question first.
                    Left::Back if at > 0 => at -= 1,
                    Left::Back => return Ok(Reply::Back(form.answers())),
                    Left::Out => return Ok(Reply::Leave(form.answers())),
                }
            }
            let answers = form.answers();
            let mistakes = check(&answers);
            if mistakes.is_empty() {
                return Ok(Reply::Next(answers));
            }
            wanted = (0..form.entries.len())
                .filter(|at| {
                    form.page
                        .fields
                        .get(*at)
                        .is_some_and(|field| mistakes.iter().any(|one| one.field == field.id))
                })
                .collect();
            for mistake in &mistakes {
                let told = format!("{} {}", self.words.mistake, mistake.text);
                self.tell(&told)?;
            }
            // A mistake of no field of this page is mended by going through all of them.
            if wanted.is_empty() {
                wanted = (0..form.entries.len()).collect();
            }
        }
    }
}

/// The numbered lines of a list.
fn listed(entry: &Entry) -> Vec<String> {
    let line = |number: usize, sign: &str, name: &str, note: &str| {
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(": {note}")
        };
        format!("  {} {sign}{name}{note}", number + 1)
    };
    match entry {
        Entry::Choice { options, .. } => options
            .iter()
            .enumerate()
            .map(|(at, option)| line(at, "", &option.label, &option.note))
            .collect(),
        Entry::Ticks { items, .. } => items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                let sign = if item.ticked { "[x] " } else { "[ ] " };
                line(at, sign, &item.value, &item.note)
            })
            .collect(),
        Entry::Text(_) | Entry::YesNo(_) => Vec::new(),
    }
}

/// What is asked, with what an empty line keeps.
fn prompt(entry: &Entry, label: &str, words: &Words) -> String {
    let kept = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!(" [{text}]")
        }
    };
    match entry {
        Entry::Text(line) => format!("{label}{}: ", kept(line.text())),
        Entry::YesNo(value) => format!(
            "{label}{}: ",
            kept(if *value { &words.yes } else { &words.no })
        ),
        Entry::Choice { chosen, .. } => {
            format!(
                "{}{}: ",
                words.plain_number,
                kept(&(chosen + 1).to_string())
            )
        }
        Entry::Ticks { items, add, .. } => {
            let ticked: Vec<String> = items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.ticked)
                .map(|(at, _)| (at + 1).to_string())
                .collect();
            let ticked = if ticked.is_empty() {
                words.plain_none.clone()
            } else {
                ticked.join(" ")
            };
            let asked = match add {
                Some((invites, _)) => format!("{invites}; {}", words.plain_ticks_add),
                None => words.plain_ticks.clone(),
            };
            format!("{asked}{}: ", kept(&ticked))
        }
    }
}

/// A line as the answer of a field.
fn take(entry: &mut Entry, line: &str, words: &Words) -> Taken {
    if line.is_empty() {
        return Taken::Done;
    }
    match entry {
        Entry::Text(text) => {
            *text = super::line::Line::new(if line == "-" { "" } else { line });
            Taken::Done
        }
        Entry::YesNo(value) => {
            let lower = line.to_lowercase();
            let means = |word: &str, letter: &str| {
                let word = word.to_lowercase();
                lower == letter || (!lower.is_empty() && word.starts_with(&lower))
            };
            match (means(&words.yes, "y"), means(&words.no, "n")) {
                (true, false) => *value = true,
                (false, true) => *value = false,
                (true, true) | (false, false) => {
                    return Taken::Wrong(say(
                        &words.plain_yes_or_no,
                        &[("yes", &words.yes), ("no", &words.no)],
                    ));
                }
            }
            Taken::Done
        }
        Entry::Choice { options, chosen } => {
            let numbered = number(line, options.len());
            let named = options.iter().position(|option| option.id == line);
            match numbered.or(named) {
                Some(at) => {
                    *chosen = at;
                    Taken::Done
                }
                None => Taken::Wrong(no_such(line, options.len(), words)),
            }
        }
        Entry::Ticks { items, add, beside } => {
            let adds = add.as_ref().map(|_| *beside);
            ticks(items, adds, line, words)
        }
    }
}

/// Numbers tick and untick, other words are added; nothing is taken where one of them is wrong.
fn ticks(items: &mut Vec<Tick>, adds: Option<Beside>, line: &str, words: &Words) -> Taken {
    let count = items.len();
    let mut after = items.clone();
    for word in line.split([' ', ',', ';']).filter(|word| !word.is_empty()) {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        match (number(word, count).and_then(|at| after.get_mut(at)), adds) {
            (Some(item), _) => item.ticked = !item.ticked,
            (None, Some(beside)) if !digits => add_to(&mut after, word, beside),
            (None, _) => return Taken::Wrong(no_such(word, count, words)),
        }
    }
    *items = after;
    Taken::More
}

fn number(text: &str, count: usize) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (1..=count).contains(&number).then(|| number - 1)
}

fn no_such(text: &str, count: usize, words: &Words) -> String {
    say(
        &words.plain_no_such,
        &[
            ("text", &crate::explain::printable(text)),
            ("all", &count.to_string()),
        ],
    )
}

impl<L: Lines> Ask for Plain<L> {
    fn page(&mut self, page: &Page, check: Check<'_>) -> Result<Reply, AskError> {
        let mut form = Form::new(page);
        match self.fill_in(&mut form, check) {
            Ok(reply) => Ok(reply),
            // The terminal has gone: what was answered is kept.
            Err(_) => Ok(Reply::Leave(form.answers())),
        }
    }

    fn work(
        &mut self,
        page: &Page,
        work: &mut dyn FnMut(&mut dyn Progress),
    ) -> Result<(), AskError> {
        self.head(page)?;
        let mut told = Told(Vec::new());
        self.lines.during(&mut || work(&mut told))?;
        Ok(())
    }
}

/// Steps, a line each.
struct Told(Vec<String>);

impl Progress for Told {
    fn step(&mut self, text: &str) {
        self.0.push(text.to_owned());
        // Where the terminal has gone the work goes on.
        let _ = terminal::write(&format!("  {text}\n"));
    }
}
