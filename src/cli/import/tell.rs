//! What was found in a reply and what has become of it: for people, and for scripts.

use super::take::{Fate, Taken};
use crate::cli::Context;
use crate::cli::output::Outcome;
use crate::cli::render::{self, json::certificate_json};
use crate::explain::printable;
use crate::findings::Code;
use crate::import::Imported;
use crate::names::Presented;
use crate::store::Source;
use crate::verify::TrustSet;
use crate::x509::{Certificate, KeyPurpose};
use console::style;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Most characters of a serial number shown.
const SERIAL_SHOWN: usize = 11;

/// What a reply holds, line by line.
pub fn found(imported: &Imported, trust: Option<&TrustSet>, now: OffsetDateTime) -> String {
    let mut text = String::new();
    for (file, what) in &imported.inventory {
        text.push_str(&format!("{}: {what}\n", printable(file)));
    }
    let chain = imported.bundle.chain();
    text.push_str(&row("leaf", &leaf_words(&chain.leaf, now)));
    for one in &chain.intermediates {
        text.push_str(&row("intermediate", &one.display_name()));
    }
    for root in &imported.roots {
        let known = match trust {
            Some(trust) if trust.contains(root) => "in the trust store, not kept",
            Some(_) => "not one of the issuer's roots, not kept",
            None => "not kept",
        };
        text.push_str(&row("root", &format!("{} ({known})", root.display_name())));
    }
    for (others, why) in [
        (&imported.strangers, "belongs to another chain"),
        (&imported.spare, "surplus"),
    ] {
        for other in others {
            text.push_str(&row(
                "left out",
                &format!("{} ({why})", other.display_name()),
            ));
        }
    }
    for (place, error) in &imported.problems {
        text.push_str(&row(
            "unreadable",
            &format!("{}: {error}", printable(place)),
        ));
    }
    if let (Some(issuer), Some(_)) = (&imported.missing_issuer, trust) {
        let urls = match imported.missing_issuer_urls.first() {
            Some(url) => format!("; it can be fetched from {}", printable(url)),
            None => String::new(),
        };
        text.push_str(&row(
            "missing",
            &format!("the certificate of {}{urls}", printable(issuer)),
        ));
    }
    let key = imported.bundle.key().spki_sha256().short();
    match &imported.answers {
        Some(asked) => {
            text.push_str(&row(
                "answers",
                &format!(
                    "request {} of {} (key {key})",
                    printable(&asked.request),
                    asked.certificate
                ),
            ));
            text.push_str(&format!(
                "  {}\n",
                compared(&chain.leaf, asked.names.len(), &asked.key_purposes)
            ));
        }
        None => text.push_str(&row(
            "key",
            &format!("from {} ({key})", printable(&imported.key_from)),
        )),
    }
    text
}

/// `asked 6 names, granted 6 · asked serverAuth, granted serverAuth`.
fn compared(leaf: &Certificate, asked: usize, purposes: &[KeyPurpose]) -> String {
    let facts = leaf.facts();
    let words = |all: &[KeyPurpose]| {
        let words: Vec<String> = all.iter().map(|one| printable(one.word())).collect();
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(" and ")
        }
    };
    format!(
        "asked {asked} name{}, granted {} · asked {}, granted {}",
        if asked == 1 { "" } else { "s" },
        facts.names.as_ref().map_or(0, Vec::len),
        words(purposes),
        match &facts.key_purposes {
            Some(granted) => words(granted),
            None => "every purpose".to_owned(),
        },
    )
}

fn leaf_words(leaf: &Certificate, now: OffsetDateTime) -> String {
    let facts = leaf.facts();
    let serial = leaf.serial_hex();
    let shown: String = serial.chars().take(SERIAL_SHOWN).collect();
    let more = if shown.len() < serial.len() {
        "…"
    } else {
        ""
    };
    format!(
        "{}  serial {shown}{more}  {} → {} ({} days left)",
        leaf.display_name(),
        render::date(facts.not_before),
        render::date(facts.not_after),
        leaf.window().whole_days_left(now),
    )
}

fn row(head: &str, words: &str) -> String {
    format!("  {head:<13} {words}\n")
}

/// The result of an import.
pub fn outcome(context: &Context, taken: Taken, assignable: bool) -> Outcome {
    let mut text = String::new();
    if !taken.not_judged.is_empty() && taken.fate != Fate::Known {
        text.push_str(&format!(
            "  not judged    {}\n",
            taken.not_judged.join(", ")
        ));
    }
    for one in &taken.accepted {
        text.push_str(&row(
            "let through",
            &format!("{}: {}", one.code, printable(&one.reason)),
        ));
    }
    let (name, number) = (&taken.certificate, taken.number);
    let ok = style("ok").green().bold();
    let verb = match taken.source {
        Source::Import => "imported",
        Source::Adopt => "adopted",
    };
    let assign = match begins(&taken) {
        Some(begin) => format!(
            "edgecert assign --effective-date {}",
            render::rfc3339(begin)
        ),
        None => "edgecert assign".to_owned(),
    };
    let next = if assignable {
        assign
    } else {
        format!("edgecert init, to say which gateways serve it; then {assign}")
    };
    text.push_str(&match taken.fate {
        Fate::New => format!("{ok}  {verb} as {name}, generation {number}\n"),
        Fate::Known => {
            format!("{ok}  this is {name}, generation {number}, already: nothing to do\n")
        }
        Fate::WouldBe => {
            format!("{ok}  would be {verb} as {name}, generation {number} (nothing was written)\n")
        }
    });
    let result = result_json(&taken, context.now);
    let changed = taken.fate == Fate::New;
    let outcome = Outcome::show(text, result).with_findings(taken.report);
    match changed {
        true => outcome.changed().with_next(next),
        false => outcome,
    }
}

/// When a leaf that is not valid yet will be, with an hour for partners whose clocks are behind.
fn begins(taken: &Taken) -> Option<OffsetDateTime> {
    let is_early = taken
        .report
        .findings()
        .iter()
        .any(|finding| finding.code == Code::ValidityNotYet);
    let begin = taken.chain.leaf.facts().not_before;
    is_early.then(|| begin.saturating_add(time::Duration::HOUR))
}

/// The `result` of an import.
pub fn result_json(taken: &Taken, now: OffsetDateTime) -> Value {
    json!({
        "certificate": taken.certificate.as_str(),
        "generation": taken.number,
        "source": match taken.source {
            Source::Import => "import",
            Source::Adopt => "adopt",
        },
        "request": taken.answers.as_ref().map(|asked| &asked.request),
        "leaf": certificate_json(&taken.chain.leaf, now),
        "chain": taken.chain.intermediates.iter().map(|one| certificate_json(one, now)).collect::<Vec<_>>(),
        "asked": taken.answers.as_ref().map(|asked| &asked.names),
        "granted": taken.chain.leaf.facts().names.iter().flatten().map(Presented::to_typed).collect::<Vec<_>>(),
        "roots_not_kept": taken.roots,
        "accepted": taken.accepted.iter().map(|one| json!({"code": one.code, "reason": one.reason})).collect::<Vec<_>>(),
        "not_judged": taken.not_judged,
        "dry_run": taken.fate == Fate::WouldBe,
    })
}
