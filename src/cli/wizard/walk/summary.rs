//! The summary: every answer, the names, what is foreseen, and what will be written where.

use super::names::entry;
use super::{View, WIDTH, fit, pair, paragraph};
use crate::cli::output::Failure;
use crate::cli::request::flags::NamesGiven;
use crate::cli::request::make;
use crate::cli::request::wanted::{Choices, Wanted};
use crate::cli::wizard::intent::{Intent, OWN_PROFILE};
use crate::deployment::{Deployment, DeploymentError};
use crate::explain::{Explain, diff, printable};
use crate::findings::{Finding, Severity};
use std::path::Path;

/// Columns of a label before its value.
const LABEL_COLUMNS: usize = 20;

pub(super) fn lines(view: &View<'_>) -> Vec<String> {
    let intent = view.intent();
    let mut lines = answers(view, &intent);
    let (text, deployment) = match intent.compose(view.facts) {
        Ok(composed) => composed,
        Err(error) => {
            cannot(view, &mut lines, &error);
            return lines;
        }
    };
    match wanted(&deployment, &intent) {
        Ok((wanted, findings)) => {
            heading(&mut lines, &view.texts.word("summary.names"));
            for planned in &wanted.spec.plan.names {
                lines.extend(entry(view, planned));
            }
            if !findings.is_empty() {
                heading(&mut lines, &view.texts.word("summary.findings"));
                for finding in &findings {
                    paragraph(
                        &mut lines,
                        &format!("  {}: {}", severity(finding.severity), finding.what),
                    );
                }
            }
        }
        Err(failure) => {
            heading(&mut lines, &view.texts.word("summary.refused"));
            paragraph(&mut lines, &format!("  {}", failure.explanation.what));
            for line in failure.explanation.why.lines() {
                paragraph(&mut lines, &format!("  {line}"));
            }
        }
    }
    written(view, &intent, &text, &mut lines);
    lines
}

/// What the deployment that would be written wants, and what is foreseen of its request.
fn wanted(deployment: &Deployment, intent: &Intent) -> Result<(Wanted, Vec<Finding>), Failure> {
    let wanted = wanted_of(deployment, intent)?;
    let findings = make::foresee(None, &wanted)?;
    Ok((wanted, findings))
}

/// The request of the certificate, as `request` makes it from the file.
pub fn wanted_of(deployment: &Deployment, intent: &Intent) -> Result<Wanted, Failure> {
    let Some(certificate) = deployment.certificate(&intent.certificate) else {
        return Err(Failure::usage(
            format!("there is no certificate named \"{}\"", intent.certificate),
            "the deployment does not hold it",
            "choose another certificate",
        ));
    };
    Wanted::from_deployment(
        deployment,
        certificate,
        NamesGiven::default(),
        &Choices::default(),
    )
}

/// As findings are told everywhere.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn heading(lines: &mut Vec<String>, text: &str) {
    lines.push(String::new());
    lines.push(text.to_owned());
}

fn cannot(view: &View<'_>, lines: &mut Vec<String>, error: &DeploymentError) {
    heading(lines, &view.texts.word("summary.refused"));
    let told = error.explain();
    paragraph(lines, &format!("  {}", told.what));
    paragraph(lines, &format!("  {}", told.mend));
}

fn answers(view: &View<'_>, intent: &Intent) -> Vec<String> {
    let texts = view.texts;
    let uses: Vec<&str> = intent.uses.iter().map(|one| one.word()).collect();
    let subject = &intent.subject;
    let fields = [
        ("O", &subject.organization),
        ("OU", &subject.organizational_unit),
        ("L", &subject.locality),
        ("ST", &subject.state),
        ("C", &subject.country),
    ];
    let owner: Vec<String> = fields
        .iter()
        .filter_map(|(field, value)| {
            let taken = intent
                .profile
                .as_ref()
                .is_some_and(|profile| profile.takes(field));
            let value = printable(value.as_ref()?);
            Some(if taken {
                format!("{field}={value}")
            } else {
                texts.say(
                    "summary.not-sent",
                    &[("field", &format!("{field}={value}"))],
                )
            })
        })
        .collect();
    let profile = match &intent.profile {
        Some(profile) => format!(
            "{} · {}",
            printable(&profile.name),
            match intent.profile_word == OWN_PROFILE {
                true => printable(&profile.description),
                false => texts.word(&format!("profile.{}", profile.name)),
            }
        ),
        None => printable(&intent.profile_word),
    };
    let exportable = if intent.exportable {
        texts.word("summary.exportable")
    } else {
        texts.word("summary.not-exportable")
    };
    let mut rows = vec![
        (
            texts.word("summary.certificate"),
            format!("{} · {}", intent.certificate, uses.join(", ")),
        ),
        (texts.word("summary.issuer"), profile),
        (
            texts.word("summary.key"),
            format!("{} · {exportable}", intent.key_type.word()),
        ),
    ];
    if intent.has_template() {
        rows.push((texts.word("summary.template"), printable(&intent.template)));
    }
    if !intent.friendly_name.is_empty() {
        rows.push((
            texts.word("summary.friendly-name"),
            printable(&intent.friendly_name),
        ));
    }
    if !owner.is_empty() {
        rows.push((texts.word("summary.subject"), owner.join(", ")));
    }
    let sent = if intent.submit {
        texts.word("summary.by-program")
    } else {
        texts.word("summary.by-hand")
    };
    rows.push((texts.word("summary.sent"), sent));
    rows.iter()
        .flat_map(|(label, value)| pair(label, value, LABEL_COLUMNS))
        .collect()
}

/// What is written where.
fn written(view: &View<'_>, intent: &Intent, text: &str, lines: &mut Vec<String>) {
    let facts = view.facts;
    heading(lines, &view.texts.word("summary.written"));
    let place = |path: &Path| path.display().to_string();
    lines.extend(fit("  ", &place(&intent.file_path(facts))));
    match facts.text() {
        None => {
            lines.extend(fit(
                "  ",
                &view
                    .texts
                    .say("summary.new-file", &[("file", &place(&facts.config))]),
            ));
        }
        Some(old) if old == text => {
            lines.extend(fit(
                "  ",
                &view
                    .texts
                    .say("summary.same-file", &[("file", &place(&facts.config))]),
            ));
        }
        Some(old) => {
            lines.extend(fit(
                "  ",
                &view
                    .texts
                    .say("summary.changed-file", &[("file", &place(&facts.config))]),
            ));
            // A diff is cut and not broken: its first column counts.
            lines.extend(diff(old, text).iter().map(|line| {
                console::truncate_str(&format!("  {}", line.words()), WIDTH, "…").into_owned()
            }));
        }
    }
}
