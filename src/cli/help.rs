//! The help of every command, made to fit: examples with their remarks in 78 columns, and the exit codes of the
//! command's family below. One place, so that no help is arranged by hand.

use super::commands::{self, ACTING_TOO};
use super::exit::Family;
use clap::Command;

/// Columns that an example may take.
const COLUMNS: usize = 78;
/// Widest command that has its remark beside it.
const WIDEST: usize = 46;
/// What stands before a command, and before a remark or the rest of a command below it.
const INDENT: &str = "  ";
const BELOW: &str = "      ";

/// Where the exit codes of a command are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCodes {
    /// Below the rest of its help.
    Below,
    /// Not in the help: whoever shows it has a place of its own for them.
    Apart,
}

/// The command and those below it, each with its help arranged.
pub fn arranged(root: Command, codes: ExitCodes) -> Command {
    below(root, "", codes)
}

fn below(command: Command, words: &str, codes: ExitCodes) -> Command {
    let text = command.get_after_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    let text = match codes {
        ExitCodes::Below => with_exit_codes(&text, words),
        ExitCodes::Apart => text,
    };
    let command = match text.is_empty() {
        true => command,
        false => command.after_help(fitting(&text)),
    };
    command.mut_subcommands(|command| {
        let words = match words.is_empty() {
            true => command.get_name().to_owned(),
            false => format!("{words} {}", command.get_name()),
        };
        below(command, &words, codes)
    })
}

fn with_exit_codes(text: &str, words: &str) -> String {
    match exit_codes(words) {
        Some(codes) => {
            let codes: Vec<String> = codes
                .iter()
                .map(|(code, meaning)| format!("{code} {meaning}"))
                .collect();
            let codes = format!("Exit codes: {}", codes.join(" · "));
            match text.is_empty() {
                true => codes,
                false => format!("{text}\n\n{codes}"),
            }
        }
        None => text.to_owned(),
    }
}

/// The exit codes of a command, each with what it means; `None` for words that are no command by themselves.
pub fn exit_codes(words: &str) -> Option<Vec<(u8, &'static str)>> {
    const USAGE: (u8, &str) = (64, "wrong usage, or an invalid deployment file");
    const REFUSED: (u8, &str) = (1, "refused before anything was touched");
    const DIRTY: (u8, &str) = (4, "failed, and something is not as it was");
    if commands::is_group(words) {
        return None;
    }
    Some(match commands::family_of(words)? {
        Family::Acting => vec![
            (0, "done, or nothing to do"),
            REFUSED,
            (3, "failed, and everything is as it was"),
            DIRTY,
            USAGE,
        ],
        Family::Judging => vec![
            (0, "OK"),
            (1, "WARNING"),
            (2, "CRITICAL"),
            (3, "UNKNOWN, wrong usage too"),
        ],
        Family::Showing if ACTING_TOO.contains(&words) => vec![
            (0, "done, or nothing to do"),
            (1, "where it writes: refused before anything was touched"),
            (3, "failed"),
            (4, "where it writes: something is not as it was"),
            USAGE,
        ],
        Family::Showing => vec![(0, "shown"), (3, "it could not be"), USAGE],
        Family::Condition => vec![
            (0, "it is due"),
            (1, "it is not"),
            (2, "no such certificate"),
            (255, "anything else"),
        ],
    })
}

/// A text below a command's help: examples are put in their columns, paragraphs have no breaks of their own, as the
/// terminal's width makes them.
pub fn fitting(text: &str) -> String {
    let blocks: Vec<String> = text
        .split("\n\n")
        .map(|block| {
            let mut lines = block.lines().peekable();
            let mut told = Vec::new();
            let mut prose: Vec<&str> = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with(' ')) {
                prose.push(line);
            }
            if !prose.is_empty() {
                told.push(prose.join(" "));
            }
            told.extend(columns(&examples(lines)));
            told.join("\n")
        })
        .collect();
    blocks.join("\n\n")
}

/// Commands, each with its remark.
fn examples<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in lines {
        match (line.starts_with(BELOW), all.last_mut()) {
            // The remark of the line above goes on.
            (true, Some((_, remark))) => {
                if !remark.is_empty() {
                    remark.push(' ');
                }
                remark.push_str(line.trim());
            }
            (true, None) | (false, _) => {
                let line = line.trim();
                let (command, remark) = line.split_once("  ").unwrap_or((line, ""));
                all.push((command.to_owned(), remark.trim().to_owned()));
            }
        }
    }
    all
}

/// Remarks beside their commands where there is room, else below them.
fn columns(examples: &[(String, String)]) -> Vec<String> {
    let width = |text: &str| text.chars().count();
    let column = examples
        .iter()
        .filter(|(command, remark)| !remark.is_empty() && width(command) <= WIDEST)
        .filter(|(command, remark)| width(command) + width(remark) + 4 <= COLUMNS)
        .map(|(command, _)| INDENT.len() + width(command) + 2)
        .max()
        .unwrap_or_default();
    let mut lines = Vec::new();
    for (command, remark) in examples {
        let beside = INDENT.len() + width(command) + 2 <= column
            && column + width(remark) <= COLUMNS
            && !remark.is_empty();
        if beside {
            let head = format!("{INDENT}{command}");
            lines.push(format!("{head:<column$}{remark}"));
            continue;
        }
        lines.extend(broken(command));
        lines.extend(filled(remark));
    }
    lines
}

/// A command, broken before a flag where it is too long, as a shell takes it.
fn broken(command: &str) -> Vec<String> {
    let room = COLUMNS - BELOW.len() - 2;
    let mut lines = Vec::new();
    let mut rest = command;
    let mut indent = INDENT;
    while rest.chars().count() > room {
        let at = rest
            .match_indices(" --")
            .map(|(at, _)| at)
            .filter(|at| {
                *at > 0
                    && rest
                        .get(..*at)
                        .is_some_and(|part| part.chars().count() <= room)
            })
            .last();
        let Some((part, after)) = at.and_then(|at| rest.split_at_checked(at)) else {
            break;
        };
        lines.push(format!("{indent}{part} \\"));
        rest = after.trim_start();
        indent = BELOW;
    }
    lines.push(format!("{indent}{rest}"));
    lines
}

/// A remark below its command.
fn filled(remark: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in remark.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(format!("{BELOW}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_put_in_their_columns_and_prose_is_not_broken() {
        let text = "Examples:\n  a                         first\n  a --much --longer                second, and so on\n\nOne sentence over\ntwo lines.";
        assert_eq!(
            fitting(text),
            "Examples:\n  a                  first\n  a --much --longer  second, and so on\n\nOne sentence over two lines."
        );
        let long = format!("Examples:\n  a {}  {}", "b".repeat(40), "word ".repeat(20));
        for line in fitting(&long).lines() {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
    }

    #[test]
    fn a_command_that_is_too_long_is_broken_as_a_shell_takes_it() {
        let command = "edgecert policy add seoul --scope site --member Seoul --federated-users --xmpp-federated-users";
        let text = fitting(&format!("Examples:\n  {command}"));
        assert!(text.contains(" \\\n      --"), "{text}");
        let one: String = text
            .lines()
            .skip(1)
            .map(|line| line.trim().trim_end_matches('\\'))
            .collect();
        assert_eq!(one, command);
    }

    #[test]
    fn every_command_tells_its_exit_codes() {
        for words in commands::all_words().filter(|words| !commands::is_group(words)) {
            assert!(
                exit_codes(words).is_some_and(|codes| codes.len() > 2),
                "{words}"
            );
        }
        assert_eq!(exit_codes("partner"), None);
    }

    #[test]
    fn no_line_below_a_help_is_wider_than_a_terminal() {
        fn walk(command: &Command) {
            if let Some(text) = command.get_after_help() {
                let text = text.to_string();
                for line in text.lines().filter(|line| line.starts_with(' ')) {
                    assert!(
                        line.chars().count() <= COLUMNS,
                        "{}: {line}",
                        command.get_name()
                    );
                }
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&super::super::command());
    }
}
