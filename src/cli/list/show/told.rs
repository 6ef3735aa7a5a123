//! What `show` says to a person.

use super::{Detail, role};
use crate::cli::list::known::Known;
use crate::cli::list::{proved_words, short_name, staged_words, uses_of};
use crate::cli::render::{self, Table};
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{GenerationRecord, Source};
use time::OffsetDateTime;

/// One lineage, with one of its generations in full.
pub(super) fn describe(
    known: &Known<'_>,
    detail: Option<&Detail<'_>>,
    live: Option<&str>,
    now: OffsetDateTime,
) -> String {
    let mut text = heading(known, detail);
    match detail {
        Some(detail) => text.push_str(&describe_generation(detail, now)),
        None => text.push_str("  no generation yet\n"),
    }
    text.push_str(&describe_gateways(known, now));
    if let Some(staged) = &known.assignment.staged {
        text.push_str(&format!(
            "\n  staged: generation {}\n",
            staged_words(staged, now)
        ));
    }
    text.push_str(&describe_requests(&known.name, known, now));
    text.push_str(&describe_generations(known, now));
    if let Some(live) = live
        && known
            .assignment
            .current
            .map(|current| current.to_string())
            .as_deref()
            != Some(live)
    {
        text.push_str(&format!(
            "\n  live/ is {live}, which the assignment does not say: see `edgecert doctor`\n"
        ));
    }
    text
}

fn heading(known: &Known<'_>, detail: Option<&Detail<'_>>) -> String {
    let mut parts = vec![match detail {
        Some(detail) => format!("{}/{} ({})", known.name, detail.record.number, detail.role),
        None => known.name.to_string(),
    }];
    match known.planned {
        Some(planned) => {
            parts.push(format!("issuer {}", planned.issuer));
            parts.push(format!("uses {}", uses_of(planned).join(", ")));
        }
        None => parts.push("not in the deployment".into()),
    }
    format!("{}\n\n", parts.join(" · "))
}

fn describe_generation(detail: &Detail<'_>, now: OffsetDateTime) -> String {
    let (record, leaf) = (detail.record, &detail.record.leaf);
    let mut table = Table::plain();
    let mut row = |word: &str, value: String| table.row([word.to_owned(), value]);
    row("subject", or_none(printable(&leaf.subject)));
    row("issued by", printable(&leaf.issuer));
    row("serial", printable(&leaf.serial));
    row("valid from", render::moment(leaf.not_before));
    row(
        "until",
        format!(
            "{} · {:.0}% of its life left",
            moment_and_age(leaf.not_after, now),
            leaf.window().life_left_percent(now)
        ),
    );
    row("certificate", printable(&leaf.sha256));
    row(
        "key",
        format!(
            "{} · {}{} · {}",
            detail.key,
            if detail.key_encrypted {
                "encrypted at rest"
            } else {
                "stored plain"
            },
            if record.exportable {
                ""
            } else {
                ", not to be handed out"
            },
            printable(&leaf.spki_sha256)
        ),
    );
    let chain: Vec<String> = detail
        .chain
        .iter()
        .map(|one| short_name(&one.subject))
        .collect();
    row("chain", or_none(chain.join(" → ")));
    row("taken in", taken_in(record, now));
    for accepted in &record.accepted {
        row(
            "accepted",
            format!(
                "{}: {}",
                printable(&accepted.code),
                printable(&accepted.reason)
            ),
        );
    }
    if let Some(barred) = &detail.barred {
        row("compromised", barred.clone());
    }
    let folder = detail.folder.display();
    row(
        "files",
        format!("{folder}/{{cert,chain,fullchain,privkey}}.pem"),
    );
    let mut text = table.render();
    let mut names = Table::new(["name", "for"]);
    for (name, why) in &detail.names {
        names.row([
            printable(name),
            if why.is_empty() {
                "–".into()
            } else {
                why.clone()
            },
        ]);
    }
    for (name, why) in &detail.missing {
        names.row([format!("{name} (planned, not in it)"), why.clone()]);
    }
    text.push('\n');
    text.push_str(&names.render());
    text
}

/// `2026-03-02 14:05:09Z (in 41 days)`.
fn moment_and_age(moment: OffsetDateTime, now: OffsetDateTime) -> String {
    let age = render::age(moment, now);
    let away = age.strip_prefix(&*render::date(moment)).unwrap_or(&age);
    format!("{}{away}", render::moment(moment))
}

fn taken_in(record: &GenerationRecord, now: OffsetDateTime) -> String {
    let how = match (&record.request, record.source) {
        (Some(request), _) => format!(", answers request {}", printable(request)),
        (None, Source::Adopt) => ", adopted as it was".into(),
        (None, Source::Sealed) => {
            let there = record.sealed_as.as_deref().map(printable);
            format!(
                ", from a sealed bundle of {}",
                there.unwrap_or_else(|| "another machine".into())
            )
        }
        (None, Source::Import) => String::new(),
    };
    let profile = record
        .issuer_profile
        .as_ref()
        .map(|profile| format!(" (profile {})", printable(profile)))
        .unwrap_or_default();
    format!("{}{how}{profile}", render::age(record.created, now))
}

fn describe_gateways(known: &Known<'_>, now: OffsetDateTime) -> String {
    if known.assignment.gateways.is_empty() {
        return "\n  live nowhere\n".into();
    }
    let mut table = Table::new(["live on", "generation", "how it is known"]);
    for (gateway, proved) in &known.assignment.gateways {
        table.row([
            printable(gateway),
            proved.generation.to_string(),
            proved_words(proved, |moment| moment_and_age(moment, now)),
        ]);
    }
    format!("\n{}", table.render())
}

fn describe_requests(name: &Slug, known: &Known<'_>, now: OffsetDateTime) -> String {
    let mut text = String::new();
    for request in known.pending() {
        text.push_str(&format!(
            "\n  {name} waits for the reply to request {}, made {} · see `edgecert request show {}`\n",
            printable(&request.id),
            render::age(request.created, now),
            printable(&request.id)
        ));
    }
    text
}

fn describe_generations(known: &Known<'_>, now: OffsetDateTime) -> String {
    if known.generations.len() < 2 {
        return String::new();
    }
    let mut table = Table::new(["generation", "", "from", "ends"]);
    for record in known.generations.iter().rev() {
        table.row([
            record.number.to_string(),
            role(known, record.number).into(),
            render::date(record.leaf.not_before),
            render::age(record.leaf.not_after, now),
        ]);
    }
    format!("\n{}", table.render())
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".into() } else { text }
}
