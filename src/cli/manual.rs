//! `schema`, `completions`, `man`: what other programs and other pages need to know of this one.
//!
//! A schema is an envelope, the same for all, around the `result` of one command, which lies in
//! `templates/schemas/`. Keys are only ever added under one number (JSON Schema 2020-12).

use super::commands;
use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use crate::explain::nearest;
use crate::store::atomic::{self, Overwrite, Placement};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Largest manual page compared before it is written, in bytes.
const MAX_PAGE_BYTES: u64 = 1024 * 1024;
/// Mode of a manual page: it is for everybody.
const PAGE_MODE: u32 = 0o644;

/// What several schemas share: certificates, findings, errors.
const DEFINITIONS: &str = include_str!("../../templates/schemas/definitions.json");

/// The `result` of each command, by its words.
const RESULTS: &[(&str, &str)] = &[
    (
        "wizard",
        include_str!("../../templates/schemas/wizard.json"),
    ),
    ("init", include_str!("../../templates/schemas/init.json")),
    ("plan", include_str!("../../templates/schemas/plan.json")),
    (
        "request",
        include_str!("../../templates/schemas/request.json"),
    ),
    (
        "request batch",
        include_str!("../../templates/schemas/request-batch.json"),
    ),
    (
        "request prepare",
        include_str!("../../templates/schemas/request-prepare.json"),
    ),
    (
        "request list",
        include_str!("../../templates/schemas/request-list.json"),
    ),
    (
        "request show",
        include_str!("../../templates/schemas/request-show.json"),
    ),
    (
        "request profiles",
        include_str!("../../templates/schemas/request-profiles.json"),
    ),
    (
        "request cancel",
        include_str!("../../templates/schemas/request-cancel.json"),
    ),
    (
        "import",
        include_str!("../../templates/schemas/import.json"),
    ),
    (
        "verify",
        include_str!("../../templates/schemas/verify.json"),
    ),
    (
        "assign",
        include_str!("../../templates/schemas/assign.json"),
    ),
    (
        "rollback",
        include_str!("../../templates/schemas/rollback.json"),
    ),
    ("check", include_str!("../../templates/schemas/check.json")),
    (
        "partner list",
        include_str!("../../templates/schemas/partner-list.json"),
    ),
    (
        "partner show",
        include_str!("../../templates/schemas/partner-show.json"),
    ),
    (
        "partner add",
        include_str!("../../templates/schemas/partner-change.json"),
    ),
    (
        "partner edit",
        include_str!("../../templates/schemas/partner-change.json"),
    ),
    (
        "partner remove",
        include_str!("../../templates/schemas/partner-change.json"),
    ),
    (
        "partner import",
        include_str!("../../templates/schemas/partner-import.json"),
    ),
    (
        "partner explain",
        include_str!("../../templates/schemas/partner-explain.json"),
    ),
    (
        "partner apply",
        include_str!("../../templates/schemas/partner-apply.json"),
    ),
    (
        "policy list",
        include_str!("../../templates/schemas/policy-list.json"),
    ),
    (
        "policy show",
        include_str!("../../templates/schemas/policy-show.json"),
    ),
    (
        "policy add",
        include_str!("../../templates/schemas/policy-change.json"),
    ),
    (
        "policy edit",
        include_str!("../../templates/schemas/policy-change.json"),
    ),
    (
        "policy remove",
        include_str!("../../templates/schemas/policy-change.json"),
    ),
    (
        "policy explain",
        include_str!("../../templates/schemas/policy-explain.json"),
    ),
    (
        "dns plan",
        include_str!("../../templates/schemas/dns-plan.json"),
    ),
    (
        "dns check",
        include_str!("../../templates/schemas/dns-check.json"),
    ),
    ("list", include_str!("../../templates/schemas/list.json")),
    ("show", include_str!("../../templates/schemas/show.json")),
    (
        "needs-renewal",
        include_str!("../../templates/schemas/needs-renewal.json"),
    ),
    ("renew", include_str!("../../templates/schemas/renew.json")),
    (
        "export",
        include_str!("../../templates/schemas/export.json"),
    ),
    ("rekey", include_str!("../../templates/schemas/rekey.json")),
    ("prune", include_str!("../../templates/schemas/prune.json")),
    (
        "remove",
        include_str!("../../templates/schemas/remove.json"),
    ),
    (
        "gateway run",
        include_str!("../../templates/schemas/gateway-run.json"),
    ),
    (
        "gateway status",
        include_str!("../../templates/schemas/gateway-status.json"),
    ),
    (
        "gateway discover",
        include_str!("../../templates/schemas/gateway-discover.json"),
    ),
    (
        "lab ca",
        include_str!("../../templates/schemas/lab-ca.json"),
    ),
    (
        "lab sign",
        include_str!("../../templates/schemas/lab-sign.json"),
    ),
    (
        "lab demo",
        include_str!("../../templates/schemas/lab-demo.json"),
    ),
    ("log", include_str!("../../templates/schemas/log.json")),
    (
        "doctor",
        include_str!("../../templates/schemas/doctor.json"),
    ),
    ("units", include_str!("../../templates/schemas/units.json")),
    (
        "schema",
        include_str!("../../templates/schemas/schema.json"),
    ),
    (
        "completions",
        include_str!("../../templates/schemas/completions.json"),
    ),
    ("man", include_str!("../../templates/schemas/man.json")),
    // Of a command line that means no command.
    (
        commands::USAGE,
        include_str!("../../templates/schemas/usage.json"),
    ),
];

/// Documents of one line each, which `check --jsonl` writes: a target, and the summary behind the last one.
const LINES: [&str; 2] = ["check-row", "check-summary"];

/// `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert schema                  the names
  edgecert schema check > check.schema.json
  edgecert schema request-list")]
pub struct SchemaArgs {
    /// A command's words with hyphens, or the `schema` of a document [default: list the names]
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

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

/// Runs `schema`.
pub fn schema(args: SchemaArgs) -> Result<Outcome, Failure> {
    let names: Vec<String> = RESULTS
        .iter()
        .map(|(words, _)| words.replace(' ', "-"))
        .chain(LINES.map(str::to_owned))
        .collect();
    let Some(asked) = args.name else {
        return Ok(Outcome::show(
            names.join("\n") + "\n",
            json!({ "names": names }),
        ));
    };
    let wanted = asked.strip_prefix("edgecert.").unwrap_or(&asked);
    let wanted = wanted
        .strip_suffix("/1")
        .unwrap_or(wanted)
        .replace(' ', "-");
    if LINES.contains(&wanted.as_str()) {
        let document = line_schema(&wanted)?;
        return Ok(Outcome::show(format!("{document:#}\n"), document));
    }
    let found = RESULTS
        .iter()
        .find(|(words, _)| words.replace(' ', "-") == wanted);
    let Some((words, result)) = found else {
        let near = nearest(&wanted, names.iter().map(String::as_str));
        return Err(Failure::usage(
            format!(
                "there is no schema named \"{}\"",
                crate::explain::printable(&asked)
            ),
            format!("there are {}", names.join(", ")),
            match near {
                Some(near) => format!("did you mean {near}?"),
                None => "`edgecert schema` lists them".into(),
            },
        ));
    };
    let document = whole_schema(words, result)?;
    Ok(Outcome::show(format!("{document:#}\n"), document))
}

/// The schema of a command's whole document.
fn whole_schema(words: &str, result: &str) -> Result<Value, Failure> {
    let (definitions, result) = (embedded(DEFINITIONS)?, embedded(result)?);
    let schema = commands::schema_of(words);
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:{}", schema.replace(['.', '/'], ":")),
        "title": format!("edgecert {words} --json"),
        "type": "object",
        "required": ["schema", "ok", "exit_code", "changed", "findings", "result"],
        "properties": {
            "schema": {"const": schema},
            "ok": {"type": "boolean"},
            "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
            "changed": {"type": "boolean"},
            "findings": {"type": "array", "items": {"$ref": "#/$defs/finding"}},
            "error": {"$ref": "#/$defs/error"},
            "result": {"anyOf": [{"type": "null"}, result]},
        },
        "$defs": definitions,
    }))
}

/// The schema of a line of `check --jsonl`: the parts of `check`'s own result, so that they cannot differ.
fn line_schema(name: &str) -> Result<Value, Failure> {
    let check = RESULTS.iter().find(|(words, _)| *words == "check");
    let parts = embedded(check.map_or("{}", |(_, result)| result))?;
    let schema = commands::schema_of(name);
    let mut line = match name {
        "check-row" => parts["properties"]["targets"]["items"].clone(),
        _ => json!({
            "type": "object",
            "required": ["ok", "exit_code", "status"],
            "properties": {
                "ok": {"type": "boolean"},
                "exit_code": {"type": "integer", "minimum": 0, "maximum": 3},
                "status": parts["properties"]["status"],
                "at": {"$ref": "#/$defs/time"},
                "took_ms": {"type": "integer"},
                "summary": parts["properties"]["summary"],
                "error": {"$ref": "#/$defs/error"},
            },
        }),
    };
    if let Some(required) = line["required"].as_array_mut() {
        required.insert(0, "schema".into());
    }
    line["properties"]["schema"] = json!({"const": schema});
    line["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    line["$id"] = format!("urn:{}", schema.replace(['.', '/'], ":")).into();
    line["title"] = format!("a line of edgecert check --jsonl: {name}").into();
    line["$defs"] = embedded(DEFINITIONS)?;
    Ok(line)
}

/// A file that was compiled in; a test reads every one.
fn embedded(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(
            FailureKind::Failed,
            crate::explain::Explanation {
                code: "manual.schema",
                what: "a schema that was compiled in cannot be read".into(),
                place: String::new(),
                why: error.to_string(),
                mend: "this is a fault of edgecert: please report it".into(),
            },
        )
    })
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
    let mut root = super::command().disable_help_flag(false);
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

/// One page: clap's sections, with the synopsis as the help has it, and what clap does not know behind them.
fn render_page(command: &Command, name: &str, page: &mut Vec<u8>) -> std::io::Result<()> {
    // They have a section of their own.
    let below = command.get_after_help().map(ToString::to_string);
    let below = below.unwrap_or_default();
    let at = below.find("Exit codes: 0").unwrap_or(below.len());
    let below = below.get(..at).unwrap_or_default().trim_end();
    let shown = command.clone().after_help(below.to_owned());
    let man = clap_mangen::Man::new(shown)
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
    if !below.is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_with_a_document_has_a_schema() {
        let groups = ["dns", "gateway", "lab", "partner", "policy"];
        let words: Vec<&str> = commands::all_words()
            .filter(|words| !groups.contains(words))
            .collect();
        let known: Vec<&str> = RESULTS
            .iter()
            .map(|(words, _)| *words)
            .filter(|words| *words != commands::USAGE)
            .collect();
        assert_eq!(known, words);
        for (words, result) in RESULTS {
            let schema = whole_schema(words, result).unwrap_or_else(|_| panic!("{words}"));
            assert_eq!(
                schema["properties"]["schema"]["const"],
                commands::schema_of(words)
            );
        }
    }

    #[test]
    fn references_lead_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => {
                    found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    map.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        for (words, result) in RESULTS {
            let schema = whole_schema(words, result).unwrap_or_else(|_| panic!("{words}"));
            let mut found = Vec::new();
            references(&schema, &mut found);
            for reference in found {
                let name = reference
                    .strip_prefix("#/$defs/")
                    .unwrap_or_else(|| panic!("{words}: {reference}"));
                assert!(schema["$defs"][name].is_object(), "{words}: {reference}");
            }
        }
    }
}
