//! `partner import`: partners from a file or standard input, all of them or none.

use super::insist_on_free_domains;
use super::shown::partner_json;
use crate::cli::Context;
use crate::cli::deployment_change::Change;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::count;
use crate::deployment::partner_list::{MAX_BYTES, read_list};
use crate::federation::Partner;
use crate::store::atomic;
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most domains that the journal names.
const MAX_JOURNALLED: usize = 100;

/// `partner import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// [[partner]] tables or a CSV; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it. Effects: reads the file, writes the deployment file, journals.
pub(super) fn run(args: &ImportArgs, context: &Context) -> Result<Outcome, Failure> {
    let (origin, text) = read(&args.file)?;
    let change = Change::begin(context, "edgecert partner import", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let list = read_list(&text, &origin, deployment).map_err(|error| {
        let mut failure = Failure::from_error(FailureKind::Refused, &error);
        failure.explanation.code = "partner.list-invalid";
        failure.result = json!({
            "mistakes": error.mistakes.iter().map(|one| json!({
                "line": one.line,
                "column": one.column,
                "key": one.key,
                "what": one.what,
                "why": one.why,
                "mend": one.mend,
            })).collect::<Vec<_>>(),
        });
        failure
    })?;
    let mut draft = change.file.draft()?;
    for partner in &list.new {
        insist_on_free_domains(deployment, partner, None)?;
    }
    draft.add_partners(&list.new);
    let domains =
        |all: &[Partner]| -> Vec<String> { all.iter().map(|one| one.domain.to_string()).collect() };
    let mut detail = Map::new();
    let mut named = domains(&list.new);
    named.truncate(MAX_JOURNALLED);
    detail.insert("partners".into(), json!(named));
    detail.insert("count".into(), json!(list.new.len()));
    let changed = change.finish(draft, "partner-import", detail)?;
    for one in &list.passed_over {
        context.note(&format!("note: {one}\n"));
    }
    let mut text = String::new();
    if !list.known.is_empty() {
        let verb = if list.known.len() == 1 { "is" } else { "are" };
        text.push_str(&format!(
            "{} of the list {verb} there already, with the same settings\n",
            count(list.known.len(), "partner")
        ));
    }
    text.push_str(&changed.told(&format!("{} added", count(list.new.len(), "partner"))));
    let mut result = changed.json();
    let added: Vec<Value> = list.new.iter().map(partner_json).collect();
    result.insert("added".into(), json!(added));
    result.insert("known".into(), json!(domains(&list.known)));
    result.insert("passed_over".into(), json!(list.passed_over));
    Ok(Outcome {
        changed: changed.written,
        ..Outcome::show(text, Value::Object(result))
    })
}

/// The list, with the name for messages.
fn read(file: &Path) -> Result<(String, String), Failure> {
    let most = MAX_BYTES as u64;
    let (origin, bytes) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        let origin = "standard input".to_owned();
        std::io::stdin()
            .lock()
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                Failure::usage(
                    "standard input cannot be read",
                    crate::explain::os_words(&error),
                    "name a file",
                )
            })?;
        (origin, bytes)
    } else {
        let bytes =
            atomic::read_limited(file, most).map_err(|error| Failure::unreadable(&error))?;
        (file.display().to_string(), bytes)
    };
    // Get-… | Export-Csv of Windows PowerShell writes ASCII, with -Encoding Unicode UTF-16.
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::usage(
            format!("{origin} is not a text"),
            format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
            "save the list as UTF-8: Export-Csv -Encoding UTF8",
        )
    })?;
    Ok((origin, text))
}
