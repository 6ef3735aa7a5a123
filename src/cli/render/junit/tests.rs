use super::super::samples::{HOSTILE, report, taken};
use super::*;
use proptest::prelude::*;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};
use std::collections::BTreeMap;

/// Every element by how often it stands there; an error where it is no XML 1.0.
fn parse(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = text.chars().find(|c| !is_char(*c)) {
        return Err(format!("{c:?} is no Char"));
    }
    let mut reader = Reader::from_str(text);
    let mut found = BTreeMap::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Eof => return Ok(found),
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    let attribute = attribute.map_err(|error| error.to_string())?;
                    attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .map_err(|error| error.to_string())?;
                }
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                *found.entry(name).or_default() += 1;
            }
            Event::GeneralRef(name) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                if !["amp", "lt", "gt", "quot", "#39", "#96"].contains(&name.as_str()) {
                    return Err(format!("&{name};"));
                }
            }
            Event::End(_) | Event::Text(_) | Event::Decl(_) => {}
            other @ (Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_)) => {
                return Err(format!("{other:?}"));
            }
        }
    }
}

#[test]
fn critical_is_a_failure_unknown_an_error_and_a_warning_passes() {
    for text in ["plain", HOSTILE] {
        let document = check(&report(text), &taken());
        let found = parse(&document).unwrap();
        let of = |name: &str| found.get(name).copied().unwrap_or_default();
        assert_eq!(
            [
                "testsuites",
                "testsuite",
                "testcase",
                "failure",
                "error",
                "system-out"
            ]
            .map(of),
            [1, 1, 6, 1, 1, 4],
            "{document}"
        );
        assert_eq!(found.len(), 8, "{found:?}");
        assert!(
            document
                .contains("tests=\"6\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"1.250\"")
        );
    }
}

#[test]
fn xmllint_reads_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), check(&report(HOSTILE), &taken())).unwrap();
    // quick-xml has read the same above; libxml2 is a second opinion.
    let said = std::process::Command::new("xmllint")
        .arg("--noout")
        .arg(file.path())
        .output()
        .expect("xmllint runs (package libxml2-utils)");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
}

proptest! {
    #[test]
    fn whatever_stands_in_a_report_it_is_xml(text in any::<String>()) {
        let document = check(&report(&text), &taken());
        prop_assert!(parse(&document).is_ok(), "{:?}", parse(&document));
    }
}
