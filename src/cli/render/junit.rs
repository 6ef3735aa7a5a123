//! JUnit's XML, for CI: a suite, and a test case for each target.
//!
//! CRITICAL is a failure, UNKNOWN an error, WARNING a case that passes and says why it will not for long. What XML 1.0
//! does not allow (§2.2 Char) is left out.

use super::Taken;
use crate::check::{CheckReport, Status, TargetReport};
use crate::explain::printable;
use std::fmt::Write as _;

/// The whole document.
pub fn check(report: &CheckReport, taken: &Taken) -> String {
    let counts = report.counts;
    let rows = report.targets.len();
    let of = |status: Status| {
        let stands = |row: &&TargetReport| row.status() == status;
        report.targets.iter().filter(stands).count()
    };
    let numbers = format!(
        "tests=\"{rows}\" failures=\"{}\" errors=\"{}\" skipped=\"0\" time=\"{:.3}\"",
        of(Status::Critical),
        of(Status::Unknown),
        taken.took.as_secs_f64()
    );
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"edgecert\" {numbers}>\n  \
         <testsuite name=\"edgecert check\" {numbers} timestamp=\"{}\">\n    <properties>\n",
        super::rfc3339(taken.now)
    );
    for (name, value) in [
        ("status", report.status().word().to_owned()),
        ("files-skipped", counts.skipped.to_string()),
        ("targets-without-case", report.without_row.to_string()),
    ] {
        let _ = writeln!(text, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    text.push_str("    </properties>\n");
    for row in &report.targets {
        case(&mut text, row, taken);
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn case(text: &mut String, row: &TargetReport, taken: &Taken) {
    let mut name = printable(&row.target);
    if let Some(asked) = &row.asked {
        let _ = write!(name, " {asked}");
    }
    if let Some(address) = row.address {
        let _ = write!(name, " ({address})");
    }
    let _ = write!(
        text,
        "    <testcase classname=\"edgecert.{}\" name=\"{}\"",
        row.kind.word(),
        escaped(&name)
    );
    if let Some(took) = row.took {
        let _ = write!(text, " time=\"{:.3}\"", took.as_secs_f64());
    }
    text.push_str(">\n");
    let told = told(row);
    let first = row.told_findings().into_iter().next();
    let message = first.map(|finding| finding.what).unwrap_or_default();
    let element = match row.status() {
        Status::Critical => Some("failure"),
        Status::Unknown => Some("error"),
        Status::Warning | Status::Ok => None,
    };
    match element {
        Some(element) => {
            let _ = writeln!(
                text,
                "      <{element} type=\"{}\" message=\"{}\">{}</{element}>",
                row.status().word(),
                escaped(&message),
                escaped(&told)
            );
        }
        None => {
            let ends = row.certificate.as_ref().map(|leaf| {
                format!(
                    "{}: {}\n",
                    printable(&leaf.name),
                    super::left(leaf.window(), taken.now)
                )
            });
            let told = format!("{}{told}", ends.unwrap_or_default());
            if !told.is_empty() {
                let _ = writeln!(
                    text,
                    "      <system-out>{}</system-out>",
                    escaped(told.trim_end())
                );
            }
        }
    }
    text.push_str("    </testcase>\n");
}

/// The findings in their parts, a block each.
fn told(row: &TargetReport) -> String {
    let mut told = String::new();
    for finding in row.told_findings() {
        let _ = writeln!(told, "{} ({})", finding.what, finding.code.as_str());
        for (word, part) in [
            ("where", &finding.place),
            ("why", &finding.why),
            ("mend", &finding.mend),
        ] {
            if !part.is_empty() {
                let _ = writeln!(told, "  {word:<5} {part}");
            }
        }
    }
    told.trim_end().to_owned()
}

/// As content of an element or an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples::{HOSTILE, report, taken};
    use super::*;
    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;
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
                            .unescape_value()
                            .map_err(|error| error.to_string())?;
                    }
                    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                    *found.entry(name).or_default() += 1;
                }
                Event::GeneralRef(name) => {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    if !["amp", "lt", "gt", "quot"].contains(&name.as_str()) {
                        return Err(format!("&{name};"));
                    }
                }
                Event::End(_) | Event::Text(_) | Event::Decl(_) => {}
                other => return Err(format!("{other:?}")),
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
                document.contains(
                    "tests=\"6\" failures=\"1\" errors=\"1\" skipped=\"0\" time=\"1.250\""
                )
            );
        }
    }

    #[test]
    fn xmllint_reads_it_where_it_is_at_hand() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), check(&report(HOSTILE), &taken())).unwrap();
        // quick-xml has read the same above; libxml2 is a second opinion.
        if let Ok(said) = std::process::Command::new("xmllint")
            .arg("--noout")
            .arg(file.path())
            .output()
        {
            assert!(
                said.status.success(),
                "{}",
                String::from_utf8_lossy(&said.stderr)
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_report_it_is_xml(text in any::<String>()) {
            let document = check(&report(&text), &taken());
            prop_assert!(parse(&document).is_ok(), "{:?}", parse(&document));
        }
    }
}
