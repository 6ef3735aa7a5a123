//! The only room with a terminal: the command tree, dispatch, and the one place where results are printed.
//!
//! A command is a file here: its flags, one call into the rooms below, one `Outcome`. What was typed (clap
//! types) and what it means (library types) meet in `options.rs`; nothing of clap, dialoguer or indicatif leaves
//! this room. Exit codes and the JSON envelope are made from the outcome, in `exit.rs` and `output.rs`.

mod assign;
mod barred;
mod check;
mod commands;
mod context;
mod deployment_change;
mod deployment_file;
mod dns;
mod doctor;
mod exit;
mod expectation;
mod export;
mod gateway;
mod help;
mod import;
mod init;
mod lab;
mod list;
mod log;
mod manual;
mod named;
mod not_taken;
mod options;
mod output;
mod partner;
mod passphrase;
mod plan;
mod policy;
mod prune;
mod rekey;
mod remove;
mod render;
mod renew;
mod request;
mod schema;
mod staged;
mod stored;
mod units;
mod usage;
mod verify;
mod wizard;

/// Keys as a terminal sends them: public for those who try them with any bytes.
pub use wizard::keys;

/// What an answers file says, written again: public for those who try it with any bytes.
pub use wizard::rewrite_answers;

use clap::{CommandFactory, FromArgMatches, Parser};
use commands::Command;
use context::Context;
use exit::Exit;
use output::{Failure, Made, Outcome};
use std::process::ExitCode;

/// Certificates for XMPP and SIP federation edges: planned, requested, verified, hot-assigned and watched.
#[derive(Debug, Parser)]
#[command(name = "edgecert", version, about, long_about = None, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, after_help = commands::AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: options::Global,
    #[command(subcommand)]
    command: Command,
}

/// Runs the program: parses, dispatches, prints, and returns the exit code.
pub fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = asked_for_help(std::env::args_os().collect());
    let exit = match parse(&arguments) {
        Ok(cli) => run(cli),
        Err(error) => usage::usage(&error, &arguments),
    };
    ExitCode::from(exit.code())
}

/// `help plan` as `plan -h`.
fn asked_for_help(mut arguments: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let is_help = |at: usize| arguments.get(at).is_some_and(|word| word == "help");
    let is_group = |at: usize| {
        let word = arguments.get(at).and_then(|word| word.to_str());
        word.is_some_and(commands::is_group)
    };
    let at = match (is_help(1), is_group(1) && is_help(2)) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => return arguments,
    };
    arguments.remove(at);
    arguments.push("-h".into());
    arguments
}

/// The command line, with every help arranged.
fn command() -> clap::Command {
    help::arranged(Cli::command(), help::ExitCodes::Below)
}

fn parse(arguments: &[std::ffi::OsString]) -> Result<Cli, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    Cli::from_arg_matches(&matches)
}

fn run(cli: Cli) -> Exit {
    let family = cli.command.family();
    let schema = cli.command.schema();
    let mut context = Context::new(cli.global);
    let ended = commands::dispatch(cli.command, &mut context);
    let made = Made::of(&ended);
    let exit = match ended {
        Ok(outcome) => output::outcome(&context, family, &schema, outcome),
        Err(failure) => output::failure(&context, family, &schema, failure),
    };
    output::settle(family, exit, made)
}
