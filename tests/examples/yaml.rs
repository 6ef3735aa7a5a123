//! YAML into the values of JSON: every scalar a text, as nothing here asks for more.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// Reads the one document of a text; a second one, an alias and a key that stands twice are refused.
pub fn read(text: &str) -> Result<Value, String> {
    // Lists and maps that are not complete, each with the key that waits for its value.
    let mut open: Vec<(Value, Option<String>)> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let done = match event {
            Event::Scalar(text, ..) => Some(Value::String(text.into_owned())),
            Event::SequenceStart(..) => {
                open.push((Value::Array(Vec::new()), None));
                None
            }
            Event::MappingStart(..) => {
                open.push((Value::Object(Map::new()), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|(value, _)| value),
            Event::Alias(_) => return Err("an alias".to_owned()),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        let Some(done) = done else { continue };
        match open.last_mut() {
            None if root.is_some() => return Err("two documents".to_owned()),
            None => root = Some(done),
            Some((Value::Array(list), _)) => list.push(done),
            Some((Value::Object(map), key)) => match key.take() {
                None => *key = Some(done.as_str().ok_or("a key that is no text")?.to_owned()),
                Some(key) => {
                    if map.insert(key.clone(), done).is_some() {
                        return Err(format!("line {}: {key} stands twice", span.start.line()));
                    }
                }
            },
            Some((other, _)) => return Err(format!("{other} holds nothing")),
        }
    }
    root.ok_or_else(|| "nothing".to_owned())
}

#[test]
fn what_is_read_is_what_stands_there() {
    let read = |text| read(text).map_err(|_| ());
    for (text, wanted) in [
        (
            "- {a: [b, \"c: d\"]}\n- e: >-\n    f\n    g\n",
            Ok(serde_json::json!([{"a": ["b", "c: d"]}, {"e": "f g"}])),
        ),
        ("a: 1\na: 2\n", Err(())),
        ("a: [1\n", Err(())),
        ("a: &x 1\nb: *x\n", Err(())),
        ("--- a\n--- b\n", Err(())),
        ("", Err(())),
    ] {
        assert_eq!(read(text), wanted, "{text}");
    }
}
