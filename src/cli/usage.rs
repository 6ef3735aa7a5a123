//! What is said of a command line that cannot be read: clap finds the mistake, the words are ours.

use super::commands;
use super::exit::{Exit, FailureKind, Family};
use super::not_taken::NotTaken;
use super::output::{Made, error_json, settle};
use super::render;
use crate::explain::{Explanation, listed, nearest, printable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;

/// Most commands or values named in one message.
const MAX_TOLD: usize = 60;

/// Prints what clap says, help and version included, and finds the exit code of the command that was meant.
pub fn usage(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .filter_map(|word| word.to_str())
        .collect();
    let command = commands::named(&words);
    let family = command.map_or(Family::Acting, |known| known.1);
    let help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let json = words.iter().enumerate().any(|(i, word)| {
        *word == "--json"
            || *word == "--format=json"
            || (*word == "--format" && words.get(i + 1) == Some(&"json"))
    });
    if !help {
        let exit = family.exit(FailureKind::Usage);
        let meant = command.map(|known| known.0);
        let told = known_mistake(error, meant).unwrap_or_else(|| {
            wrong_usage(&in_one_line(error.render().to_string(), arguments), meant)
        });
        if !json {
            let nagios = words.iter().enumerate().any(|(i, word)| {
                *word == "--format=nagios"
                    || (*word == "--format" && words.get(i + 1) == Some(&"nagios"))
            });
            match family {
                // Nagios reads standard output alone, and wants one line of a fixed form.
                Family::Judging if nagios => {
                    render::write_out(&render::nagios::unknown(&told.what, &told.why, &told.mend));
                }
                Family::Judging | Family::Acting | Family::Showing | Family::Condition => {
                    render::write_err(&render::explanation(&told));
                }
            }
            return exit;
        }
        let document = json!({
            "schema": commands::schema_of(command.map_or(commands::USAGE, |known| known.0)),
            "ok": false,
            "exit_code": exit.code(),
            "changed": false,
            "findings": [],
            "error": error_json(&told),
            "result": null,
        });
        render::write_out(&format!("{document:#}\n"));
        return exit;
    }
    if asked {
        let printed = error.print().and_then(|()| std::io::stdout().flush());
        render::note_lost(printed);
        settle(family, Exit::Done, Made::Nothing)
    } else {
        // It goes to standard error.
        let _ = error.print();
        family.exit(FailureKind::Usage)
    }
}

/// The mistakes that people make, told as every other error is.
fn known_mistake(error: &clap::Error, command: Option<&str>) -> Option<Explanation> {
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        Some(_) | None => None,
    };
    let several = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(_) | None => Vec::new(),
    };
    let words = command.unwrap_or_default();
    let whole = format!("edgecert {words}").trim_end().to_owned();
    let help = format!("see `{whole} -h`");
    let quoted = |text: &str| format!("\"{}\"", printable(text));
    let told = |what: String, place: &str, why: String, mend: String| {
        Some(Explanation {
            code: "usage",
            what,
            place: place.to_owned(),
            why,
            mend,
        })
    };
    const LINE: &str = "command line";
    // clap's kinds grow with it; those without a sentence here keep clap's.
    #[allow(clippy::wildcard_enum_match_arm)]
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = text(ContextKind::InvalidSubcommand)?;
            let known: Vec<&str> = commands::below(words);
            told(
                format!("there is no command `{whole} {}`", printable(&typed)),
                LINE,
                format!("there are {}", listed(&known, MAX_TOLD)),
                match nearest(&typed, known.iter().copied()) {
                    Some(near) => format!("did you mean `{whole} {near}`?"),
                    None => help,
                },
            )
        }
        ErrorKind::UnknownArgument => {
            let typed = text(ContextKind::InvalidArg)?;
            let is_flag = typed.starts_with('-');
            let near = several(ContextKind::SuggestedArg);
            told(
                format!(
                    "`{whole}` takes no {}",
                    match is_flag {
                        true => printable(&typed),
                        false => quoted(&typed),
                    }
                ),
                LINE,
                match is_flag {
                    true => "it is none of its flags".to_owned(),
                    false => "there is no place for one more word".to_owned(),
                },
                match (typed.as_str(), near.first()) {
                    ("--version" | "-V", _) => "`edgecert --version` says it".to_owned(),
                    (_, Some(near)) => format!("did you mean {near}? Else {help}"),
                    (_, None) => help,
                },
            )
        }
        ErrorKind::InvalidValue => {
            let flag = text(ContextKind::InvalidArg)?;
            let (name, _) = split(&flag);
            let value = text(ContextKind::InvalidValue)?;
            let known = several(ContextKind::ValidValue);
            let takes = match known.as_slice() {
                [] => String::new(),
                known => format!("it takes {}", listed(known, MAX_TOLD)),
            };
            if value.is_empty() {
                return told(
                    format!("{name} says nothing"),
                    name,
                    match takes.is_empty() {
                        true => "its value is missing".to_owned(),
                        false => takes,
                    },
                    format!("write {}; {help}", printable(&flag)),
                );
            }
            told(
                format!("{name} does not take {}", quoted(&value)),
                name,
                takes,
                match nearest(&value, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "name one of them".to_owned(),
                },
            )
        }
        ErrorKind::ValueValidation => {
            let flag = text(ContextKind::InvalidArg)?;
            let (name, unit) = split(&flag);
            let value = text(ContextKind::InvalidValue)?;
            let source = std::error::Error::source(error)?;
            let NotTaken { why, mend } = match source.downcast_ref::<NotTaken>() {
                Some(said) => said.clone(),
                None => number_not_taken(&source.to_string()),
            };
            told(
                format!("{name} does not take {}", quoted(&value)),
                name,
                why.map_or_else(
                    || format!("it cannot be read as {unit}"),
                    |why| printable(&why),
                ),
                mend.map_or(help, |mend| printable(&mend)),
            )
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = several(ContextKind::InvalidArg);
            let usage = text(ContextKind::Usage)
                .or_else(|| match error.get(ContextKind::Usage) {
                    Some(ContextValue::StyledStr(line)) => Some(line.to_string()),
                    Some(_) | None => None,
                })
                .unwrap_or_default();
            let usage = usage.trim().trim_start_matches("Usage: ").trim();
            told(
                format!("`{whole}` needs {}", printable(&missing.join(", "))),
                LINE,
                match missing.as_slice() {
                    [_] => "it was not given".to_owned(),
                    _ => "they were not given".to_owned(),
                },
                match usage.is_empty() {
                    true => help,
                    false => format!("write `{}`; {help}", printable(usage)),
                },
            )
        }
        ErrorKind::ArgumentConflict => {
            let one = text(ContextKind::InvalidArg)?;
            let others = several(ContextKind::PriorArg);
            if others.is_empty() || others.contains(&one) {
                return told(
                    format!("{} was given twice", printable(&one)),
                    LINE,
                    "it counts once".to_owned(),
                    "leave one of them out".to_owned(),
                );
            }
            told(
                format!(
                    "{} does not go together with {}",
                    printable(&one),
                    printable(&others.join(", "))
                ),
                LINE,
                "each says what the other leaves out".to_owned(),
                format!("leave one of them out; {help}"),
            )
        }
        _ => None,
    }
}

/// `--at <RFC3339>`: the flag and what it takes; `[CERT]`: a place without a flag.
fn split(flag: &str) -> (&str, &str) {
    match flag.split_once([' ', '=']) {
        Some((name, unit)) => (name, bare(unit)),
        None => (bare(flag), bare(flag)),
    }
}

/// What stands within the brackets around the whole of a text; those of a part are its own (`[ADDR:]PORT`).
fn bare(text: &str) -> &str {
    let text = text.trim_end_matches("...");
    let within = [('<', '>'), ('[', ']')]
        .into_iter()
        .find_map(|(opens, closes)| {
            let within = text.strip_prefix(opens)?.strip_suffix(closes)?;
            let mut open = 1_usize;
            let whole = within.chars().all(|one| {
                if one == opens {
                    open += 1;
                } else if one == closes {
                    open = open.saturating_sub(1);
                }
                open > 0
            });
            whole.then_some(within)
        });
    within.unwrap_or(text)
}

/// What clap and std say of a number, as ours would.
fn number_not_taken(said: &str) -> NotTaken {
    if let Some((_, range)) = said.split_once(" is not in ")
        && let Some((least, most)) = range.split_once("..=")
    {
        return NotTaken::wrong(
            format!("it has to be from {least} to {most}"),
            format!("write a number from {least} to {most}"),
        );
    }
    let is_number = ["invalid digit", "cannot parse integer", "number too"];
    if is_number.iter().any(|start| said.starts_with(start)) {
        return NotTaken::wrong(
            "it is not a whole number, or too large a one",
            "write a whole number",
        );
    }
    NotTaken {
        why: Some(said.to_owned()),
        mend: None,
    }
}

/// What clap says, with the values that it quotes made printable: a line break in one is not the end of a paragraph.
fn in_one_line(mut said: String, arguments: &[OsString]) -> String {
    use crate::explain::is_harmful;
    for argument in arguments {
        let whole = argument.to_string_lossy();
        let (name, value) = whole.split_once('=').unwrap_or((&whole, &whole));
        for part in [&whole, name, value] {
            if part.chars().any(is_harmful) {
                let shown = printable(part);
                said = said
                    .replace(&format!("'{part}'"), &format!("'{shown}'"))
                    .replace(&format!("'-- {part}'"), &format!("'-- {shown}'"));
            }
        }
    }
    said
}

/// What clap says, in our four parts, where it says what we have no sentence for: its first paragraph is what and why, its tips or the usage line are the mend.
fn wrong_usage(said: &str, command: Option<&str>) -> Explanation {
    let mut paragraphs = said.split("\n\n");
    let mut first = paragraphs
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| printable(line.trim()));
    let what = first.next().unwrap_or_default();
    let what = what.trim_start_matches("error: ");
    let mut more: Vec<String> = first.collect();
    // `invalid value 'noon' for '--at <RFC3339>': write it as …`
    let what = match what.split_once("': ") {
        Some((head, reason)) => {
            more.insert(0, reason.to_owned());
            format!("{head}'")
        }
        None if what.ends_with(':') => {
            let listed = std::mem::take(&mut more).join(", ");
            format!("{what} {listed}")
        }
        None => what.to_owned(),
    };
    let rest = || said.lines().map(str::trim);
    let tips: Vec<String> = rest()
        .filter_map(|line| line.strip_prefix("tip: "))
        .map(printable)
        .collect();
    let usage = rest().find_map(|line| line.strip_prefix("Usage: "));
    let help = format!(
        "see `edgecert {}-h`",
        command.map_or(String::new(), |words| format!("{words} "))
    );
    let mend = match (tips.as_slice(), usage) {
        ([], Some(usage)) => format!("write `{}`; {help}", printable(usage)),
        ([], None) => help,
        (tips, _) => format!("{}; {help}", tips.join("; ")),
    };
    Explanation {
        code: "usage",
        what,
        place: "command line".to_owned(),
        why: if more.is_empty() {
            "the command does not take it so".to_owned()
        } else {
            more.join(", ")
        },
        mend,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn told(line: &[&str]) -> Explanation {
        let words = [&["edgecert"], line].concat();
        let error = super::super::Cli::command()
            .try_get_matches_from(&words)
            .unwrap_err();
        let command = commands::named(line);
        known_mistake(&error, command.map(|known| known.0)).unwrap_or_else(|| panic!("{line:?}"))
    }

    #[test]
    fn the_mistakes_that_people_make_are_told_in_our_words() {
        for (line, what, why, mend) in [
            (
                &["chek"][..],
                "there is no command edgecert chek",
                "there are wizard, init, plan,",
                "did you mean `edgecert check`?",
            ),
            (
                &["partner", "ad"],
                "there is no command edgecert partner ad",
                "there are list, show, add,",
                "did you mean `edgecert partner add`?",
            ),
            (
                &["list", "--jsno"],
                "edgecert list takes no --jsno",
                "it is none of its flags",
                "did you mean --json? Else see `edgecert list -h`",
            ),
            (
                &["plan", "--version"],
                "edgecert plan takes no --version",
                "it is none of its flags",
                "`edgecert --version` says it",
            ),
            (
                &["list", "surplus"],
                "edgecert list takes no \"surplus\"",
                "there is no place for one more word",
                "see `edgecert list -h`",
            ),
            (
                &["list", "--color", "allways"],
                "--color does not take \"allways\"",
                "it takes auto, always, never",
                "did you mean always?",
            ),
            (
                &["lab", "sign", "x", "--days", "0"],
                "--days does not take \"0\"",
                "it has to be from 1 to 3650",
                "write a number from 1 to 3650",
            ),
            (
                &["lab", "sign", "x", "--days", "many"],
                "--days does not take \"many\"",
                "it is not a whole number",
                "write a whole number",
            ),
            (
                &["lab", "ca", "--key-type", "ec265"],
                "--key-type does not take \"ec265\"",
                "it takes rsa2048, rsa3072, rsa4096, ec256, ec384, ed25519",
                "did you mean ec256?",
            ),
            (
                &["verify", "--at", "noon", "x.pem"],
                "--at does not take \"noon\"",
                "it cannot be read as RFC3339",
                "write it as 2026-12-01T04:00:00Z (RFC 3339)",
            ),
            (
                &["request", "show"],
                "edgecert request show needs <ID>",
                "it was not given",
                "write `edgecert request show",
            ),
        ] {
            let told = told(line);
            assert_eq!(told.what.replace('`', ""), what, "{line:?}");
            assert!(told.why.starts_with(why), "{line:?}: {told:?}");
            assert!(told.mend.starts_with(mend), "{line:?}: {told:?}");
            assert!(!told.place.is_empty());
        }
    }

    #[test]
    fn brackets_around_the_whole_go_and_those_of_a_part_stay() {
        for (text, shown) in [
            ("<RFC3339>", "RFC3339"),
            ("[CERT]", "CERT"),
            ("[CERT[/N]]", "CERT[/N]"),
            ("<[ADDR:]PORT>", "[ADDR:]PORT"),
            ("[ADDR:]PORT", "[ADDR:]PORT"),
            ("[DOMAIN]...", "DOMAIN"),
            ("", ""),
        ] {
            assert_eq!(bare(text), shown, "{text}");
        }
        assert_eq!(split("--serve <[ADDR:]PORT>"), ("--serve", "[ADDR:]PORT"));
        assert_eq!(split("[CERT]"), ("CERT", "CERT"));
    }

    #[test]
    fn a_line_break_in_a_value_does_not_break_what_is_said() {
        let told = told(&[
            "partner",
            "add",
            "contoso.com",
            "--description=a\n\nUsage: b",
        ]);
        assert_eq!(
            told.what,
            "--description does not take \"a\u{fffd}\u{fffd}Usage: b\""
        );
        assert!(!told.why.is_empty() && !told.why.contains('\n'), "{told:?}");
    }

    #[test]
    fn what_clap_says_else_is_told_in_four_parts() {
        let said = "error: unexpected value 'a' for '--json' found; no more were expected\n\nUsage: edgecert list [OPTIONS]\n\nFor more information, try '--help'.\n";
        let told = wrong_usage(said, Some("list"));
        assert_eq!(
            (told.what.as_str(), told.why.as_str(), told.mend.as_str()),
            (
                "unexpected value 'a' for '--json' found; no more were expected",
                "the command does not take it so",
                "write `edgecert list [OPTIONS]`; see `edgecert list -h`",
            )
        );
    }
}
