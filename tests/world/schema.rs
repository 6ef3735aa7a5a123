//! Holds a printed document against the schema that `edgecert schema` prints for it.
//!
//! As much of JSON Schema 2020-12 as our schemas use; a keyword that is not known here fails, so none goes unchecked.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

use super::world::World;
use serde_json::Value;

/// Insists that a document is what its own schema says.
#[track_caller]
pub fn insist(world: &World, document: &Value) {
    let name = document["schema"]
        .as_str()
        .unwrap_or_else(|| panic!("no schema: {document:#}"));
    let schema: Value =
        serde_json::from_str(&world.run(&["schema", name]).ended(0).stdout).unwrap();
    let mut faults = Vec::new();
    check(&schema, &schema, document, "$", &mut faults);
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{document:#}");
}

/// The faults of a value under a schema.
pub fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "format" | "pattern" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(root, &root["$defs"][name], value, at, faults);
            }
            "type" => {
                let words: Vec<&str> = match rule.as_array() {
                    Some(list) => list.iter().map(|word| word.as_str().unwrap()).collect(),
                    None => vec![rule.as_str().unwrap()],
                };
                if !words.iter().any(|word| is(word, value)) {
                    faults.push(format!("{at} is {value}, not {words:?}"));
                }
            }
            "const" => {
                if rule != value {
                    faults.push(format!("{at} is {value}, not {rule}"));
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    faults.push(format!("{at} is {value}, none of {rule}"));
                }
            }
            "minimum" => {
                if value
                    .as_f64()
                    .is_some_and(|number| number < rule.as_f64().unwrap())
                {
                    faults.push(format!("{at} is {value}, under {rule}"));
                }
            }
            "maximum" => {
                if value
                    .as_f64()
                    .is_some_and(|number| number > rule.as_f64().unwrap())
                {
                    faults.push(format!("{at} is {value}, over {rule}"));
                }
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
                        faults.push(format!("{at} has no {key}"));
                    }
                }
            }
            "properties" => {
                for (key, inner) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(rule) => check(root, rule, inner, &format!("{at}.{key}"), faults),
                        // A reader may meet more; what we print ourselves is to be described.
                        None => faults.push(format!("{at}.{key} is not in the schema")),
                    }
                }
            }
            "items" => {
                for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, inner, &format!("{at}[{number}]"), faults);
                }
            }
            "anyOf" => {
                let mut least: Option<Vec<String>> = None;
                for rule in rule.as_array().unwrap() {
                    let mut inner = Vec::new();
                    check(root, rule, value, at, &mut inner);
                    let alone_null = value.is_null() == is_null_alone(rule);
                    if inner.is_empty() || (alone_null && least.is_none()) {
                        least = Some(inner);
                    }
                }
                faults.extend(least.unwrap_or_else(|| vec![format!("{at} fits no alternative")]));
            }
            other => faults.push(format!(
                "{at}: the keyword {other} is not known to this test"
            )),
        }
    }
}

fn is_null_alone(rule: &Value) -> bool {
    rule.get("type").is_some_and(|word| word == "null")
}

fn is(word: &str, value: &Value) -> bool {
    match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type of JSON: {other}"),
    }
}
