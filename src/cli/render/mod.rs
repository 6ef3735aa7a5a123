//! Reports, plans and errors as text: the words' colours, tables, times, and the only writers to the terminal.

mod diff;
pub mod html;
pub mod json;
pub mod junit;
mod markup;
pub mod metrics;
pub mod nagios;
#[cfg(test)]
mod samples;
mod table;
mod taken;
mod time;
mod wrap;

pub use diff::difference;
pub use table::Table;
pub use taken::Taken;
pub use time::{age, amount_left, left, when};
pub use wrap::{columns, hanging, hanging_within, prose, within, wrap};

use crate::explain::Explanation;
pub use crate::explain::{count, date, moment, rfc3339};
use crate::findings::{Finding, Severity};
use console::style;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something that was to be printed could not be written, a closed pipe apart.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Writes to standard output. A closed pipe is nobody's fault: the reader has seen enough. Any other failure is
/// remembered, and the run then does not end well: see [`output_lost`].
pub fn write_out(text: &str) {
    write_bytes(text.as_bytes());
}

/// The same, of what is no text.
pub fn write_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    note_lost(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Remembers a failure to write to standard output.
pub fn note_lost(written: std::io::Result<()>) {
    if written.is_err_and(|error| error.kind() != std::io::ErrorKind::BrokenPipe) {
        OUTPUT_LOST.store(true, Ordering::Relaxed);
    }
}

/// Whether a part of the result is lost (a full disk behind standard output).
pub fn output_lost() -> bool {
    OUTPUT_LOST.load(Ordering::Relaxed)
}

/// Writes to standard error.
pub fn write_err(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// The four parts of an error.
pub fn explanation(explanation: &Explanation) -> String {
    let head = format!("{} ", style("error:").for_stderr().red().bold());
    let mut text = hanging(&head, &explanation.what);
    for (word, part) in [
        ("where", &explanation.place),
        ("why", &explanation.why),
        ("mend", &explanation.mend),
    ] {
        push_part(&mut text, "", word, part);
    }
    text
}

/// A finding in one line: what is worth knowing, and no more than that.
pub fn finding_brief(finding: &Finding) -> String {
    hanging(
        &format!("{} ", severity_word(finding.severity)),
        &format!("{} ({})", finding.what, finding.code.as_str()),
    )
}

fn severity_word(severity: Severity) -> console::StyledObject<&'static str> {
    match severity {
        Severity::Error => style("error:").for_stderr().red().bold(),
        Severity::Warning => style("warning:").for_stderr().yellow().bold(),
        Severity::Note => style("note:").for_stderr().cyan().bold(),
    }
}

/// A finding, in the same four parts; code and citation close it.
pub fn finding(finding: &Finding) -> String {
    finding_indented(finding, 0)
}

/// The same, further in.
pub fn finding_indented(finding: &Finding, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let word = severity_word(finding.severity);
    let mut text = hanging(&format!("{indent}{word} "), &finding.what);
    let code = format!("{} ({})", finding.code.as_str(), finding.code.cite());
    for (word, part) in [
        ("where", &finding.place),
        ("why", &finding.why),
        ("mend", &finding.mend),
        ("code", &code),
    ] {
        push_part(&mut text, &indent, word, part);
    }
    text
}

fn push_part(text: &mut String, indent: &str, word: &str, part: &str) {
    for (number, line) in part.lines().enumerate() {
        let head = if number == 0 { word } else { "" };
        text.push_str(&hanging(&format!("{indent}  {head:<6} "), line));
    }
}
