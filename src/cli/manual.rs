//! `completions`, `man`: what shells and manuals need to know of this program.

use super::commands;
use super::exit::FailureKind;
use super::help::ExitCodes;
use super::output::{Failure, Outcome};
use crate::store::atomic::{self, Overwrite, Placement};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Largest manual page compared before it is written, in bytes.
const MAX_PAGE_BYTES: u64 = 1024 * 1024;
/// Mode of a manual page: it is for everybody.
const PAGE_MODE: u32 = 0o644;

/// `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert completions bash > /usr/share/bash-completion/completions/edgecert
  edgecert completions zsh > \"${fpath[1]}/_edgecert\"
  edgecert completions fish > ~/.config/fish/completions/edgecert.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert man /usr/local/share/man/man1
  edgecert man ./man && man ./man/edgecert-assign.1")]
pub struct ManArgs {
    /// The folder, made if missing; one page a command
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs `completions`.
pub fn completions(args: CompletionsArgs) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "edgecert", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let result = json!({"shell": args.shell.to_string(), "script": script});
    Ok(Outcome::show(script, result))
}

/// Runs `man`.
pub fn man(args: ManArgs) -> Result<Outcome, Failure> {
    let mut root =
        super::help::arranged(super::Cli::command(), ExitCodes::Apart).disable_help_flag(false);
    root.build();
    let mut pages = Vec::new();
    collect_pages(&root, &mut pages)?;
    std::fs::create_dir_all(&args.folder).map_err(|error| cannot_write(&args.folder, &error))?;
    let mut changed = false;
    for (name, page) in &pages {
        let path = args.folder.join(name);
        if atomic::read_limited(&path, MAX_PAGE_BYTES).is_ok_and(|there| there == *page) {
            continue;
        }
        atomic::write_whole(&path, page, Placement::mode(PAGE_MODE), Overwrite::Replace)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        changed = true;
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let folder = args.folder.display().to_string();
    let text = if changed {
        format!(
            "{} pages in {folder} · read the first with `man {folder}/edgecert.1`\n",
            names.len()
        )
    } else {
        format!(
            "{} pages in {folder} are as they should be: nothing to do\n",
            names.len()
        )
    };
    Ok(Outcome {
        changed,
        ..Outcome::show(text, json!({"folder": folder, "pages": names}))
    })
}

/// The page of a command and those of the commands below it.
fn collect_pages(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> Result<(), Failure> {
    if command.is_hide_set() {
        return Ok(());
    }
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let mut page = Vec::new();
    render_page(command, &name, &mut page)
        .map_err(|error| cannot_write(Path::new(&name), &error))?;
    pages.push((format!("{name}.1"), page));
    for below in command.get_subcommands() {
        collect_pages(below, pages)?;
    }
    Ok(())
}

/// Variables and files that every command goes by.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("EDGECERT_CONFIG", "the deployment file, as --config"),
    ("EDGECERT_STATE", "the state folder, as --state"),
    (
        "EDGECERT_NON_INTERACTIVE",
        "never ask, as --non-interactive",
    ),
    ("NO_COLOR", "set: no colours, unless --color always"),
    ("COLUMNS", "how wide the text may be"),
];
const FILES: [(&str, &str); 3] = [
    (
        "./edgecert.toml, /etc/edgecert/edgecert.toml",
        "the deployment, the first that is there",
    ),
    (
        "edgecert.state/, /var/lib/edgecert/",
        "requests, generations, what is live, the journal; the second for a deployment below /etc/edgecert",
    ),
    (
        "edgecert.gateway/NAME/",
        "the embedded gateway's own copy of its pair, and its control socket",
    ),
];

/// One page: clap's sections, with the synopsis as the help has it, and what clap does not know after them.
fn render_page(command: &Command, name: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    let man = clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("edgecert ", env!("CARGO_PKG_VERSION")))
        .manual("edgecert");
    man.render_title(page)?;
    man.render_name_section(page)?;
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([roman(usage)]);
    synopsis.to_writer(page)?;
    man.render_description_section(page)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if command.get_after_help().is_some() {
        man.render_extra_section(page)?;
    }
    let mut roff = Roff::new();
    let words = name.strip_prefix("edgecert").unwrap_or_default();
    let words = words.trim_start_matches('-').to_owned();
    let words = commands::by_page(&words).unwrap_or_default();
    let mut section = |title: &str, rows: &[(String, &str)]| {
        roff.control("SH", [title]);
        for (head, meaning) in rows {
            roff.control("TP", []);
            roff.text([bold(head.as_str())]);
            roff.text([roman(*meaning)]);
        }
    };
    let codes = super::help::exit_codes(words).unwrap_or_default();
    let mut rows: Vec<(String, &str)> = codes
        .into_iter()
        .map(|(code, meaning)| (code.to_string(), meaning))
        .collect();
    rows.push(("130".to_owned(), "interrupted"));
    section("EXIT STATUS", &rows);
    for (title, known) in [("ENVIRONMENT", &ENVIRONMENT[..]), ("FILES", &FILES[..])] {
        let rows: Vec<(String, &str)> = known
            .iter()
            .map(|(head, meaning)| ((*head).to_owned(), *meaning))
            .collect();
        section(title, &rows);
    }
    roff.to_writer(page)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        FailureKind::Failed,
        crate::explain::Explanation {
            code: "manual.write",
            what: "the manual pages cannot be written".into(),
            place: path.display().to_string(),
            why: crate::explain::os_words(error),
            mend: "name a folder that you may write".into(),
        },
    )
}
