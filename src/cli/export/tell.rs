//! What was handed out, and where it lies: for people, and for scripts.

use super::ExportArgs;
use super::forms::{Format, Holds, Piece, Wanted};
use super::place::{Destination, Ready};
use super::windows::{self, Commands};
use crate::cli::Context;
use crate::cli::output::Outcome;
use crate::cli::render::{self, json::certificate_json};
use crate::explain::printable;
use crate::x509::fingerprint::thumbprint;
use crate::x509::pkcs12::Protection;
use console::style;
use serde_json::{Value, json};

/// The result of an export.
pub(super) fn outcome(
    context: &Context,
    args: &ExportArgs,
    wanted: &Wanted<'_>,
    ready: &Ready,
    destination: &Destination,
    commands: Option<&Commands>,
) -> Outcome {
    let result = result_json(context, args, wanted, ready, destination, commands);
    let changed = ready.writes();
    let text = match destination {
        // Nothing may stand beside the file.
        Destination::StandardOutput => {
            context.note(&told_commands(args, commands));
            String::new()
        }
        Destination::File(_) | Destination::Folder(_) => {
            told(args, wanted, ready, destination) + &told_commands(args, commands)
        }
    };
    let outcome = Outcome::show(text, result);
    match (changed, next(args.format, destination)) {
        (true, Some(next)) => outcome.changed().with_next(next),
        (true, None) => outcome.changed(),
        (false, _) => outcome,
    }
}

fn told(
    args: &ExportArgs,
    wanted: &Wanted<'_>,
    ready: &Ready,
    destination: &Destination,
) -> String {
    let leaf = &wanted.bundle.chain().leaf;
    let generation = format!("{}/{}", wanted.certificate, wanted.record.number);
    let mut text = format!(
        "{generation}: {}, ends {}\n",
        leaf.display_name(),
        render::date(leaf.facts().not_after)
    );
    let paths: Vec<String> = ready
        .pieces
        .iter()
        .filter_map(|(piece, _)| destination.path_of(piece))
        .map(|path| printable(&path.display().to_string()))
        .collect();
    let widest = paths.iter().map(|path| path.chars().count()).max();
    let widest = widest.unwrap_or_default();
    for ((piece, is_missing), path) in ready.pieces.iter().zip(&paths) {
        let there = match is_missing {
            true => "",
            false => " · there already",
        };
        text.push_str(&render::hanging(
            "  ",
            &format!("{path:<widest$}  {}{there}", holds(piece, wanted)),
        ));
    }
    if let (Some(made), true) = (&ready.made, ready.writes()) {
        let made = printable(&made.display().to_string());
        text.push_str(&render::hanging("  ", &format!("made folder {made}")));
    }
    let ok = style("ok").green().bold();
    text.push_str(&match ready.writes() {
        true => format!("{ok}  exported {generation} as {}\n", args.format.word()),
        false => format!("{ok}  {generation} lies there already: nothing to do\n"),
    });
    text
}

/// What a file holds, and how its key is kept.
fn holds(piece: &Piece, wanted: &Wanted<'_>) -> String {
    match piece.holds {
        Holds::Public => "no key · mode 0644".to_owned(),
        Holds::PlainKey => "the key in clear · mode 0600".to_owned(),
        Holds::EncryptedKey => "the key, encrypted · mode 0600".to_owned(),
        Holds::Pfx => {
            let scheme = match wanted.protection {
                Protection::Modern => "AES-256",
                Protection::Old => "3DES and SHA-1",
            };
            format!(
                "key and chain under {scheme}, called \"{}\" · mode 0600",
                printable(&wanted.friendly_name)
            )
        }
        Holds::Sealed => "the whole generation under AES-256-GCM · mode 0600".to_owned(),
    }
}

fn told_commands(args: &ExportArgs, commands: Option<&Commands>) -> String {
    let (Some(audience), Some(commands)) = (args.audience, commands) else {
        return String::new();
    };
    let mut text = render::hanging("", windows::heading(audience));
    for (label, commands) in commands.blocks() {
        if let Some(label) = label {
            text.push_str(&format!("  {label}\n"));
        }
        for command in commands {
            // A command stays one line, however wide: it is to be copied.
            text.push_str(&format!("    {command}\n"));
        }
    }
    text
}

fn next(format: Format, destination: &Destination) -> Option<String> {
    let Destination::File(path) = destination else {
        return None;
    };
    let path = printable(&path.display().to_string());
    match format {
        Format::Sealed => Some(format!(
            "copy it and its passphrase by two ways; on the other machine, edgecert import {path} --passphrase-file FILE"
        )),
        Format::K8s => Some(format!("kubectl apply -f {path}")),
        Format::Pem | Format::Pfx | Format::Haproxy | Format::Lego => None,
    }
}

fn result_json(
    context: &Context,
    args: &ExportArgs,
    wanted: &Wanted<'_>,
    ready: &Ready,
    destination: &Destination,
    commands: Option<&Commands>,
) -> Value {
    let leaf = &wanted.bundle.chain().leaf;
    let protection = match (wanted.passphrase, args.format, wanted.protection) {
        (None, _, _) => "none",
        (Some(_), Format::Pfx, Protection::Old) => "passphrase-legacy",
        (Some(_), _, _) => "passphrase",
    };
    let files: Vec<Value> = ready
        .pieces
        .iter()
        .filter_map(|(piece, is_missing)| {
            let path = destination.path_of(piece)?;
            let path = std::path::absolute(&path).unwrap_or(path);
            Some(json!({
                "path": path.display().to_string(),
                "holds_key": piece.holds != Holds::Public,
                "written": is_missing,
            }))
        })
        .collect();
    json!({
        "certificate": wanted.certificate.as_str(),
        "generation": wanted.record.number,
        "format": args.format.word(),
        "protection": protection,
        "friendly_name": (args.format == Format::Pfx).then_some(&wanted.friendly_name),
        "leaf": certificate_json(leaf, context.now),
        "thumbprint_sha1": thumbprint(leaf.der()),
        "files": files,
        "commands": commands.map(|commands| json!({
            "either": commands.either,
            "or": commands.or,
            "then": commands.then,
        })),
    })
}
