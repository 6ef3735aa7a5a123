//! `wizard`: everything below it, page by page.
//!
//! A front and no second way: it asks what the flags and the deployment say, writes the deployment, and calls the
//! commands' own functions. The pages are one pure sequence ([`walk`]); an [`page::Ask`] shows them; [`drive`] does
//! what lies between them.

mod answers;
mod ask;
mod drive;
mod facts;
mod intent;
mod messages;
mod page;
mod repeat;
mod resume;
mod walk;
mod work;

pub use answers::rewrite as rewrite_answers;
pub use ask::{Said, keys, one_line};

use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use super::request::make::record_json;
use super::{Context, request};
use crate::explain::Explanation;
use crate::store::atomic::{self, Overwrite, Placement};
use answers::Document;
use ask::{Scripted, Words};
use clap::Args;
use console::style;
use drive::{Asked, Done, Run};
use facts::Facts;
use messages::{Language, Texts};
use page::{Answer, Ask, Field, FieldKind, Reply};
use resume::Keep;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use walk::{Step, Task, View};

/// The answers hold no secret.
const MODE: u32 = 0o644;

/// `wizard`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert wizard                                  asks page by page; esc goes back, ? explains
  edgecert wizard --plain --lang ko                line by line, in Korean
  edgecert wizard --answers external-edge.answers.toml
                                                   the same again without a question

The pages write edgecert.toml and a copy of the CSR for the CA, and end with the command that makes
the same request again. A run that is interrupted goes on where it was.")]
pub struct WizardArgs {
    /// Answers of an earlier run; what they leave out is what the page would offer, and nothing is asked
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Line by line, for screen readers and plain terminals
    #[arg(long)]
    plain: bool,
    /// Language of the pages [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, value_enum, value_name = "LANG")]
    lang: Option<Language>,
}

/// Runs `wizard`.
pub fn run(args: WizardArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let texts = Texts::new(args.lang.unwrap_or_else(Language::of_environment));
    let words = words(&texts)?;
    if let Some(path) = &args.answers {
        let document = read_answers(path)?;
        let facts = Facts::gather(context)?;
        let mut run = Run {
            context,
            facts: &facts,
            texts: &texts,
            answers: document.clone(),
            asked: Asked::Nobody,
            keep: None,
            shown: BTreeMap::new(),
            done: Done::default(),
        };
        let mut nobody = Scripted::new(answers::script(&document), words);
        run.walk(&mut nobody, Step::FIRST)
            .map_err(|failure| at_file(failure, path))?;
        for (page, field) in nobody.unused() {
            run.context.note(&format!(
                "note: no page asked for {field} of [{page}] in {}\n",
                path.display()
            ));
        }
        return Ok(ended(run, Some(path.clone())));
    }
    if !context.can_ask() {
        return Err(nobody_to_ask(context));
    }
    let facts = Facts::gather(context)?;
    let mut ask = ask::open(context, words, args.plain)?;
    interactive(context, &facts, &texts, ask.as_mut())
}

/// What the presenters say themselves.
fn words(texts: &Texts) -> Result<Words, Failure> {
    // A test holds the message files against the words that are read here.
    Words::read(|key| texts.get(&format!("ask.{key}"))).map_err(|key| {
        Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "wizard.words",
                what: "a text of the wizard is missing".into(),
                place: format!("ask.{key}"),
                why: "the message file does not hold it".into(),
                mend: "this is a fault of edgecert: please report it".into(),
            },
        )
    })
}

/// Asks somebody.
fn interactive(
    context: &mut Context,
    facts: &Facts,
    texts: &Texts,
    ask: &mut dyn Ask,
) -> Result<Outcome, Failure> {
    let mut keep = Keep::new(context, facts);
    let kept = keep.load();
    let mut run = Run {
        context,
        facts,
        texts,
        answers: Document::new(),
        asked: Asked::Somebody,
        keep: Some(keep),
        shown: BTreeMap::new(),
        done: Done::default(),
    };
    let mut from = Step::FIRST;
    if let Some((document, at)) = kept {
        let reached = resume::step_at(
            &View {
                answers: &document,
                ..run.view()
            },
            at,
        );
        if goes_on(&run, ask, reached)? {
            run.answers = document;
            from = reached;
        }
    }
    run.walk(ask, from)?;
    let saved = match run.view().task() {
        Task::NewRequest => Some(save_answers(&run)?),
        Task::Resume
        | Task::Import
        | Task::Assign
        | Task::Check
        | Task::Renew
        | Task::Federation => None,
    };
    let mut outcome = ended(run, saved);
    // The pages have shown them.
    outcome.findings_shown = true;
    Ok(outcome)
}

/// Whether an interrupted run is to go on.
fn goes_on(run: &Run<'_>, ask: &mut dyn Ask, at: Step) -> Result<bool, Failure> {
    let mut page = run.view().bare("continue");
    let title = run.texts.word(&format!("{}.title", at.id()));
    page.body = vec![run.texts.say("continue.at", &[("title", &title)])];
    page.fields = vec![Field {
        id: "continue",
        label: run.texts.word("continue.continue.label"),
        hint: run.texts.word("continue.continue.hint"),
        kind: FieldKind::YesNo { value: true },
    }];
    match ask.page(&page, &|_| Vec::new()) {
        Ok(Reply::Next(answers)) => Ok(answers.get("continue") != Some(&Answer::YesNo(false))),
        Ok(Reply::Back(_)) => Ok(false),
        Ok(Reply::Leave(_)) => Err(run.left()),
        Err(error) => Err(drive::asking(&error)),
    }
}

fn read_answers(path: &Path) -> Result<Document, Failure> {
    let bytes = atomic::read_limited(path, answers::MAX_BYTES)
        .map_err(|error| Failure::unreadable(&error))?;
    let origin = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::usage(
            format!("{origin} is not a text"),
            format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
            "save the answers as UTF-8",
        )
    })?;
    answers::parse(&text, &origin).map(|(document, _)| document)
}

/// The answers' file as the place of an answer that is missing or wrong.
fn at_file(mut failure: Failure, path: &Path) -> Failure {
    let place = failure.explanation.place.strip_prefix("answers, ");
    if let Some(place) = place.map(str::to_owned) {
        failure.explanation.place = format!("{}, {place}", path.display());
    }
    failure
}

/// Saves the answers of the walk beside the deployment, for the next time.
fn save_answers(run: &Run<'_>) -> Result<PathBuf, Failure> {
    let order = run.view().order();
    let given: Document = run
        .answers
        .iter()
        .filter(|(page, _)| order.iter().any(|step| step.id() == **page))
        .map(|(page, answers)| (*page, answers.clone()))
        .collect();
    let path = run.answers_file();
    atomic::write_whole(
        &path,
        answers::write(&given, None).as_bytes(),
        Placement::mode(MODE),
        Overwrite::Replace,
    )
    .map_err(|error| {
        let mut failure = request::store_failure(&error);
        failure.changed = true;
        failure
    })?;
    Ok(path)
}

/// What a run has come to.
fn ended(mut run: Run<'_>, answers: Option<PathBuf>) -> Outcome {
    let task = run.view().task();
    let command = run.command();
    let sent = run.is_sent();
    let done = std::mem::take(&mut run.done);
    let mut text = String::new();
    let mut findings = Vec::new();
    let ok = style("ok").green().bold();
    let mut fields = json!({
        "task": task.word(),
        "certificate": Value::Null,
        "config": run.facts.config.display().to_string(),
        "config_changed": false,
        "request": Value::Null,
        "csr_file": Value::Null,
        "generation": Value::Null,
        "assigned": done.assigned,
        "command": command,
        "answers": answers.as_ref().map(|path| path.display().to_string()),
    });
    let mut put = |key: &str, value: Value| {
        if let Value::Object(all) = &mut fields {
            all.insert(key.to_owned(), value);
        }
    };
    let mut next = None;
    if let Some(here) = done.made {
        put("certificate", here.made.record.certificate.clone().into());
        put("config_changed", here.config_changed.into());
        put("csr_file", here.csr_file.display().to_string().into());
        put("request", record_json(&here.made.record, &here.made.folder));
        if here.config_changed {
            text.push_str(&format!("{ok}  wrote {}\n", run.facts.config.display()));
        }
        let file = here.csr_file.display().to_string();
        let told = request::told(here.made, None);
        if !sent {
            text.push_str(&told.text);
        }
        text.push_str(&format!("  copy   {file}\n"));
        findings = told.findings;
        next = told.next;
    }
    if task == Task::Federation {
        put("config_changed", done.changed.into());
    }
    if let Some((certificate, number)) = &done.imported {
        put("certificate", certificate.as_str().into());
        put("generation", (*number).into());
    }
    let mut exit = None;
    if let Some(last) = done.last {
        text.push_str(&last.text);
        findings.extend(last.findings);
        next = last.next;
        exit = last.exit;
    }
    if let Some(command) = &command {
        text.push_str(&format!("the same again: {command}\n"));
    }
    if let (Some(path), Asked::Somebody, false) = (&answers, run.asked, sent) {
        text.push_str(&format!(
            "or with the copy of the CSR: {}\n",
            repeat::replay(path)
        ));
    }
    Outcome {
        exit,
        changed: done.changed,
        next,
        ..Outcome::show(text, fields)
    }
    .with_findings(findings)
}

/// Without a terminal and without answers.
fn nobody_to_ask(context: &Context) -> Failure {
    let command = match context.config_path() {
        Some(path) => format!(
            "edgecert request --config {}",
            repeat::quote(&path.display().to_string())
        ),
        None => {
            "edgecert request --fqdn edge.DOMAIN --sip-domain DOMAIN --xmpp-domain DOMAIN".into()
        }
    };
    Failure::usage(
        "there is nobody to ask",
        "the wizard needs a terminal; this run has none, or was told to ask nothing",
        format!("give --answers FILE, or make the request without a question: `{command}`"),
    )
}
