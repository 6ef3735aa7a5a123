//! `schema`: the JSON Schema of what each command prints.
//!
//! A schema is an envelope, the same for all, around the `result` of one command, which lies in
//! `templates/schemas/`. Keys are only ever added under one number (JSON Schema 2020-12).

use super::commands;
use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use crate::explain::nearest;
use clap::Args;
use serde_json::{Value, json};

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

/// Documents of one line each, which `check --jsonl` writes: a target, and the summary after the last one.
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
