//! `request --batch`: the requests of a list, each into a folder of its own below `--out`, on all cores.
//!
//! One thread reads the list, `jobs` make keys and CSRs, and as many write; what waits between them is bounded, so the
//! memory is that of the report, however long the list is. Each folder appears whole, with its key on the disk, or
//! not at all, and what is there and asks the same is left as it is: a run that was killed is simply started again.
//! It is no matter of the state: a line of the journal for each would take longer than all the rest.

mod entry;
mod report;
mod work;

use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::output::{Failure, Outcome};
use crate::cli::passphrase;
use crate::cli::request::flags::{NameFlags, SubjectFlags};
use crate::cli::request::store_failure;
use crate::explain::{Explanation, printable};
use crate::request::batch::{Batch, BatchError, Form};
use crate::store::atomic;
use crate::store::outbox::Outbox;
use crate::x509::{KeyType, Passphrase, Subject};
use console::style;
use entry::Defaults;
use indicatif::{ProgressBar, ProgressStyle};
use report::{Counts, Report};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What is to be done.
pub(super) struct Order<'a> {
    pub(super) list: &'a Path,
    pub(super) out: &'a Path,
    pub(super) jobs: Option<usize>,
    pub(super) names: &'a NameFlags,
    pub(super) subject: &'a SubjectFlags,
    pub(super) key_type: Option<KeyType>,
    pub(super) dry_run: bool,
}

/// Makes them all, and says what became of each.
pub(super) fn run(context: &Context, order: &Order<'_>) -> Result<Outcome, Failure> {
    let defaults = defaults(order)?;
    let passphrase = stored_passphrase(context)?;
    let place = match order.list == Path::new("-") {
        true => "standard input".to_owned(),
        false => order.list.display().to_string(),
    };
    let (source, length) = open(order.list)?;
    let batch = Batch::open(source).map_err(|error| unreadable(&place, &error))?;
    let form = batch.form();
    // A dry run touches nothing, the folder around it included.
    let outbox = match order.dry_run {
        true => None,
        false => Some(Outbox::open(order.out).map_err(|error| store_failure(&error))?),
    };
    let bar = bar(context, length);
    let plant = work::Plant {
        out: order.out,
        outbox: outbox.as_ref(),
        defaults: &defaults,
        passphrase: passphrase.as_ref(),
        now: context.now,
        bar: bar.as_ref(),
    };
    let jobs = order
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (report, broke) = plant.run(batch, jobs);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    if let Some(outbox) = &outbox {
        outbox.flush().map_err(|error| store_failure(&error))?;
    }
    tell(context, order, &place, &form, report, broke)
}

fn tell(
    context: &Context,
    order: &Order<'_>,
    place: &str,
    form: &Form,
    mut report: Report,
    broke: Option<BatchError>,
) -> Result<Outcome, Failure> {
    let same = report.finish();
    let counts = report.counts();
    let findings = report.findings();
    let changed = counts.made > 0 && !order.dry_run;
    let entries = match context.json() {
        true => report.entries(&same),
        false => Vec::new(),
    };
    let result = json!({
        "form": match form {
            Form::Toml => "toml",
            Form::JsonLines => "json-lines",
            Form::Csv => "csv",
        },
        "out": order.out.display().to_string(),
        "dry_run": order.dry_run,
        "counts": {
            "made": counts.made,
            "already_there": counts.already_there,
            "refused": counts.refused,
            "failed": counts.failed,
        },
        "entries": entries,
    });
    let doubles = report.doubles(&same);
    if broke.is_none() && counts.refused == 0 && counts.failed == 0 {
        let mut text = format!(
            "{}  {} ({})\n",
            style("ok").green().bold(),
            summary(counts, order),
            form.word()
        );
        if let Some(doubles) = doubles {
            text.push_str(&format!("  note   {doubles}\n"));
        }
        let outcome = Outcome::show(text, result)
            .with_findings(findings)
            .with_next(format!(
                "send each csr.pem to your CA; then edgecert import REPLY --request {}/NAME",
                order.out.display()
            ));
        return Ok(if changed { outcome.changed() } else { outcome });
    }
    context.say(&summary(counts, order));
    if let Some(doubles) = doubles {
        context.say(&format!("  note   {doubles}"));
    }
    let total = counts.made + counts.already_there + counts.refused + counts.failed;
    let kind = match broke.is_some() || counts.failed > 0 {
        true => FailureKind::Failed,
        false => FailureKind::Refused,
    };
    let mut why = report.problems();
    let what = match &broke {
        Some(error) => {
            why = format!("{}\n{why}", unreadable(place, error).explanation.why);
            format!("the list could not be read to its end; {total} entries were read")
        }
        None => format!(
            "{} of {total} entries were not made",
            counts.refused + counts.failed
        ),
    };
    let mut failure = Failure::new(
        kind,
        Explanation {
            code: "batch.incomplete",
            what,
            place: printable(place),
            why: why.trim().to_owned(),
            mend:
                "mend these entries, and run the same command again: what is there is left as it is"
                    .into(),
        },
    )
    .with_findings(findings);
    failure.result = result;
    failure.changed = changed;
    Err(failure)
}

fn summary(counts: Counts, order: &Order<'_>) -> String {
    let Counts {
        made,
        already_there,
        refused,
        failed,
    } = counts;
    let made_word = match order.dry_run {
        true => "would be made",
        false => "made",
    };
    format!(
        "{made} {made_word}, {already_there} already there, {refused} refused, {failed} failed · {}",
        order.out.display()
    )
}

/// The flags besides `--batch`, which hold for every entry that does not say it.
fn defaults(order: &Order<'_>) -> Result<Defaults, Failure> {
    // Wrong ones are told once, with their flag.
    order.names.parse()?;
    order.subject.check()?;
    Ok(Defaults {
        uses: order.names.uses.clone(),
        profile: order.names.issuer_profile.clone(),
        template: order.names.template.clone(),
        subject: order.subject.over(Subject::default()),
        key_type: order.key_type,
    })
}

/// The passphrase of stored keys: that of the deployment's `[key]`, where there is one.
fn stored_passphrase(context: &Context) -> Result<Option<Passphrase>, Failure> {
    let Some(deployment) = context.find_deployment()? else {
        return Ok(None);
    };
    passphrase::read(deployment.key.passphrase.as_ref(), &deployment.base)
}

/// The bytes of the list, and how many there are where that is known.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let (file, length) = atomic::open_to_read(path)
        .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
    Ok((
        Box::new(BufReader::with_capacity(1 << 16, file)),
        Some(length),
    ))
}

fn unreadable(place: &str, error: &BatchError) -> Failure {
    let told = |code, what: &str, why: String, mend: &str, kind| {
        Failure::new(
            kind,
            Explanation {
                code,
                what: what.into(),
                place: printable(place),
                why,
                mend: mend.into(),
            },
        )
    };
    match error {
        BatchError::Empty => told(
            "batch.empty",
            "there is nothing in the list",
            "it has no entry".into(),
            "write [[request]] tables, an object a line, or a CSV with a header row",
            FailureKind::Refused,
        ),
        BatchError::Unknown(mistake) => {
            let mut explanation = entry::mistaken(std::slice::from_ref(mistake));
            explanation.code = "batch.unknown-form";
            explanation.place = match mistake.column {
                Some(column) => format!("{}:{}:{column}", printable(place), mistake.line),
                None => format!("{}:{}", printable(place), mistake.line),
            };
            Failure::new(FailureKind::Refused, explanation)
        }
        BatchError::Io(error) => told(
            "batch.unreadable",
            "the list cannot be read",
            crate::explain::os_words(error),
            "see to the file, and run the same command again",
            FailureKind::Failed,
        ),
    }
}

fn bar(context: &Context, length: Option<u64>) -> Option<ProgressBar> {
    if !context.draws() || !console::user_attended_stderr() {
        return None;
    }
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{bar:30} {percent:>3}% · {msg} · {elapsed}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} · {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    Some(bar)
}
