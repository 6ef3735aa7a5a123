//! What was found in a reply and what has become of it: for people, and for scripts.

use super::seen::Seen;
use super::take::{Fate, Taken};
use crate::cli::Context;
use crate::cli::output::Outcome;
use crate::cli::render::{self, json::certificate_json};
use crate::cli::verify::servers::{partners_json, partners_text};
use crate::explain::{count, printable};
use crate::findings::{Code, Finding};
use crate::import::Imported;
use crate::names::Presented;
use crate::store::Source;
use crate::verify::TrustSet;
use crate::x509::{Certificate, Chain, KeyPurpose, Standing};
use console::style;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Most characters of a serial number shown.
const SERIAL_SHOWN: usize = 11;

/// What a reply holds, line by line.
pub fn found(
    imported: &Imported,
    seen: &Seen,
    trust: Option<&TrustSet>,
    now: OffsetDateTime,
) -> String {
    let mut text = String::new();
    for (file, what) in &imported.inventory {
        text.push_str(&format!("{}: {what}\n", printable(file)));
    }
    let chain = imported.bundle.chain();
    text.push_str(&row("leaf", &leaf_words(&chain.leaf, now)));
    if let Some(name) = &imported.friendly_name {
        text.push_str(&row("called", &format!("\"{name}\" in the file")));
    }
    for (at, one) in chain.intermediates.iter().enumerate() {
        let mut words = one.display_name();
        if at + 1 == chain.intermediates.len()
            && let Some(root) = root_above(one, imported, trust)
        {
            words.push_str(&format!(" → root {root}"));
        }
        text.push_str(&row("intermediate", &words));
    }
    if chain.intermediates.is_empty()
        && let Some(root) = root_above(&chain.leaf, imported, trust)
    {
        text.push_str(&row("issued by", &format!("root {root}")));
    }
    for root in imported.roots.iter().filter(|root| !is_above(root, chain)) {
        text.push_str(&row(
            "root",
            &format!("{} ({})", root.display_name(), standing(root, trust)),
        ));
    }
    for (other, why) in &seen.left_out {
        text.push_str(&row(
            "left out",
            &format!(
                "{}  ends {}  ({why})",
                other.display_name(),
                render::date(other.facts().not_after)
            ),
        ));
    }
    for (place, error) in &imported.problems {
        text.push_str(&row(
            "unreadable",
            &format!("{}: {}", printable(place), printable(&error.to_string())),
        ));
    }
    for (place, note) in &imported.notes {
        text.push_str(&row("note", &format!("{}: {note}", printable(place))));
    }
    if let (Some(issuer), Some(_)) = (&imported.missing_issuer, trust) {
        let urls = match imported.missing_issuer_urls.first() {
            Some(url) => format!(
                "; it lies at {}: --fetch-intermediates gets it",
                printable(url)
            ),
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
            text.push_str(&render::hanging(
                "  ",
                &compared(&chain.leaf, asked.names.len(), &asked.key_purposes),
            ));
        }
        None => text.push_str(&row(
            "key",
            &format!("from {} ({key})", printable(&imported.key_from)),
        )),
    }
    text
}

/// The root that signed the top of the chain: of the files, else one that is known; with what is known of it.
fn root_above(top: &Certificate, imported: &Imported, trust: Option<&TrustSet>) -> Option<String> {
    if let Some(root) = imported.roots.iter().find(|root| top.is_signed_by(root)) {
        return Some(format!(
            "{} ({})",
            root.display_name(),
            standing(root, trust)
        ));
    }
    let anchors = trust.map(TrustSet::anchors).unwrap_or_default();
    let root = anchors.iter().find(|root| {
        root.facts().subject.der == top.facts().issuer.der && top.is_signed_by(root)
    })?;
    Some(format!("{} ({})", root.display_name(), standing_of(trust)))
}

/// Whether a root of the files is the one that [`root_above`] names.
fn is_above(root: &Certificate, chain: &Chain) -> bool {
    let top = chain.intermediates.last().unwrap_or(&chain.leaf);
    top.is_signed_by(root)
}

fn standing(root: &Certificate, trust: Option<&TrustSet>) -> String {
    match trust {
        Some(known) if known.contains(root) => standing_of(trust) + ", not kept",
        Some(_) => "not one of the issuer's roots, not kept".to_owned(),
        None => "not kept".to_owned(),
    }
}

fn standing_of(trust: Option<&TrustSet>) -> String {
    match trust {
        Some(known) if known.name == "system" => "in the system's store".to_owned(),
        Some(known) => printable(&known.name),
        None => "not known here".to_owned(),
    }
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
        "asked {}, granted {} · asked {}, granted {}",
        count(asked, "name"),
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
        "{}  serial {shown}{more}  {} → {}",
        leaf.display_name(),
        render::date(facts.not_before),
        match leaf.window().standing(now) {
            Standing::Over => render::age(facts.not_after, now),
            Standing::Ahead | Standing::Within => format!(
                "{} ({} left)",
                render::date(facts.not_after),
                render::amount_left(leaf.window(), now)
            ),
        },
    )
}

fn row(head: &str, words: &str) -> String {
    render::hanging(&format!("  {head:<13} "), words)
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
    for code in &taken.not_needed {
        let why = match taken.report.findings().iter().find(|one| one.code == *code) {
            Some(found) => format!(
                "it was found as a {}, which refuses nothing",
                found.severity
            ),
            None => "it was not found".to_owned(),
        };
        text.push_str(&row(
            "not needed",
            &format!("--accept {}: {why}", code.as_str()),
        ));
    }
    // A warning has told it already, unless nothing but the result is said.
    let told: Vec<&Finding> = match context.quiet() {
        true => Vec::new(),
        false => taken.report.findings().iter().collect(),
    };
    text.push_str(&partners_text(&taken.forecasts, &told, 2));
    let (name, number) = (&taken.certificate, taken.number);
    let ok = style("ok").green().bold();
    let verb = match taken.source {
        Source::Import | Source::Sealed => "imported",
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
        "source": taken.source.word(),
        "sealed_as": taken.sealed_as,
        "request": taken.answers.as_ref().map(|asked| &asked.request),
        "leaf": certificate_json(&taken.chain.leaf, now),
        "chain": taken.chain.intermediates.iter().map(|one| certificate_json(one, now)).collect::<Vec<_>>(),
        "asked": taken.answers.as_ref().map(|asked| &asked.names),
        "granted": taken.chain.leaf.facts().names.iter().flatten().map(Presented::to_typed).collect::<Vec<_>>(),
        "files": taken.intake.inventory.iter().map(|(file, what)| json!({"file": printable(file), "holds": what})).collect::<Vec<_>>(),
        "friendly_name": taken.intake.friendly_name,
        "roots_not_kept": taken.intake.roots,
        "left_out": taken.intake.left_out.iter().map(|(one, why)| json!({"certificate": certificate_json(one, now), "because": why})).collect::<Vec<_>>(),
        "missing_issuer": taken.intake.missing_issuer,
        "fetched": taken.intake.fetched.iter().map(|one| json!({"issuer": one.issuer, "url": one.url, "address": one.address, "sha256": one.sha256.to_string()})).collect::<Vec<_>>(),
        "notes": taken.intake.notes.iter().map(|(place, note)| json!({"place": printable(place), "note": note})).collect::<Vec<_>>(),
        "unreadable": taken.intake.problems.iter().map(|(place, why)| json!({"place": printable(place), "why": printable(why)})).collect::<Vec<_>>(),
        "not_needed": taken.not_needed.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        "accepted": taken.accepted.iter().map(|one| json!({"code": one.code, "reason": one.reason})).collect::<Vec<_>>(),
        "not_judged": taken.not_judged,
        "partners": partners_json(&taken.forecasts),
        "dry_run": taken.fate == Fate::WouldBe,
    })
}
