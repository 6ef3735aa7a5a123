//! The verdict part by part, for people, for programs and for monitoring.

use super::case::Case;
use super::compared::Compared;
use super::servers;
use crate::cli::render::json::certificate_json;
use crate::cli::render::{self, Table, nagios};
use crate::explain::printable;
use crate::findings::{Code, Finding, Report, Severity, Verdict};
use crate::names::matching::{Coverage, Service, covers};
use crate::names::{Identifier, Presented};
use crate::verify::servers::Covered as Matrix;
use crate::verify::{Forecast, Judgement, Wanted};
use crate::x509::{Certificate, whole_days_left};
use console::style;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// One part of the verdict.
pub(super) struct Part {
    name: &'static str,
    findings: Vec<Finding>,
    /// Why it was not judged.
    not_applicable: Option<String>,
    /// What there is to say when it is right.
    words: String,
}

impl Part {
    fn verdict(&self) -> Verdict {
        Report::new(self.findings.clone()).verdict()
    }
}

/// The part that a finding belongs to, by the group of its code.
fn part_of(code: Code) -> &'static str {
    // Of the surroundings, only what is wrong with the stored key is told here.
    if matches!(code, Code::DoctorPassphrase | Code::DoctorStateDamaged) {
        return "key";
    }
    match code.as_str().split_once('.').map_or("", |(group, _)| group) {
        "chain" | "revocation" => "chain",
        "names" => "names",
        "usage" => "usage",
        "key" | "signature" => "key",
        "validity" => "lifetime",
        _ => "form",
    }
}

pub(super) fn parts(report: &Report, judgement: &Judgement, case: &Case) -> Vec<Part> {
    let of = |name: &str| -> Vec<Finding> {
        report
            .findings()
            .iter()
            .filter(|finding| part_of(finding.code) == name)
            .cloned()
            .collect()
    };
    let excused = |names: &[&str]| {
        judgement
            .not_applicable
            .iter()
            .find(|(part, _)| names.contains(part))
            .map(|(_, why)| why.clone())
    };
    let part = |name, not_applicable| Part {
        name,
        findings: of(name),
        not_applicable,
        words: String::new(),
    };
    let mut parts = vec![
        Part {
            words: judgement.path.join(" ← "),
            ..part("chain", excused(&["chain"]))
        },
        part("names", excused(&["names"])),
        part("usage", excused(&["usage"])),
        Part {
            words: case.chain.first().map(key_words).unwrap_or_default(),
            ..part("key", None)
        },
        part("lifetime", excused(&["validity", "lifetime"])),
    ];
    let form = part("form", None);
    if !form.findings.is_empty() {
        parts.push(form);
    }
    parts
}

fn key_words(leaf: &Certificate) -> String {
    use crate::x509::PublicKeyKind;
    let facts = leaf.facts();
    let key = match &facts.public_key {
        PublicKeyKind::Rsa { bits, .. } => format!("RSA {bits} bits"),
        PublicKeyKind::Ec { curve } => format!("ECDSA {curve}"),
        PublicKeyKind::Ed25519 => "Ed25519".to_owned(),
        PublicKeyKind::Other(words) => printable(words),
    };
    format!(
        "{key}, signed with {}",
        printable(&facts.signature_algorithm)
    )
}

/// One wanted name, and what covers it.
pub(super) struct Covered {
    pub(super) name: String,
    pub(super) service: &'static str,
    pub(super) because: String,
    pub(super) by: Vec<String>,
    pub(super) leniently: bool,
}

pub(super) fn coverage(leaf: &Certificate, wanted: &[Wanted]) -> Vec<Covered> {
    let presented = leaf.facts().names.clone().unwrap_or_default();
    let named = |indices: &[usize]| -> Vec<String> {
        indices
            .iter()
            .filter_map(|index| presented.get(*index))
            .map(Presented::to_typed)
            .collect()
    };
    wanted
        .iter()
        .map(|wanted| match wanted {
            Wanted::Covered {
                service,
                domain,
                because,
            } => {
                let (by, leniently) = match covers(*service, domain, &presented) {
                    Coverage::By(indices) => (named(&indices), false),
                    Coverage::Leniently(indices) => (named(&indices), true),
                    Coverage::Missing => (Vec::new(), false),
                };
                Covered {
                    name: domain.to_string(),
                    service: service_word(*service),
                    because: because.clone(),
                    by,
                    leniently,
                }
            }
            Wanted::Entry(name) => Covered {
                name: name.to_typed(),
                service: "entry",
                because: format!("planned as {}", name.form()),
                by: presented
                    .iter()
                    .filter(|one| Identifier::from_presented(one).as_ref() == Some(name))
                    .map(Presented::to_typed)
                    .collect(),
                leniently: false,
            },
        })
        .collect()
}

pub(super) fn service_word(service: Service) -> &'static str {
    match service {
        Service::XmppServer => "xmpp-server",
        Service::XmppClient => "xmpp-client",
        Service::Sip => "sip",
        Service::Host => "host",
    }
}

pub(super) struct Shown<'a> {
    pub(super) case: &'a Case,
    pub(super) leaf: &'a Certificate,
    pub(super) parts: &'a [Part],
    pub(super) coverage: &'a [Covered],
    pub(super) servers: &'a [Matrix],
    pub(super) forecasts: &'a [Forecast],
    pub(super) whole_matrix: bool,
    pub(super) judgement: &'a Judgement,
    pub(super) compared: &'a [Compared],
    pub(super) at: OffsetDateTime,
    pub(super) verdict: Verdict,
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Warning => "warning",
        Verdict::Error => "critical",
    }
}

impl Shown<'_> {
    pub(super) fn json(&self) -> Value {
        let part = |part: &Part| {
            json!({
                "part": part.name,
                "status": match part.not_applicable {
                    Some(_) if part.findings.is_empty() => "not-applicable",
                    Some(_) | None => verdict_word(part.verdict()),
                },
                "why": part.not_applicable,
                "findings": part.findings,
            })
        };
        let covered = |one: &Covered| {
            json!({
                "name": one.name,
                "service": one.service,
                "because": one.because,
                "covered_by": one.by,
                "leniently": one.leniently,
            })
        };
        json!({
            "subject": self.case.subject,
            "verdict": verdict_word(self.verdict),
            "at": render::rfc3339(self.at),
            "roots": self.case.hold.trust.as_ref().map(|trust| trust.name.clone()),
            "certificate": certificate_json(self.leaf, self.at),
            "chain": self.case.chain.iter().skip(1).map(|one| certificate_json(one, self.at)).collect::<Vec<_>>(),
            "path": self.judgement.path,
            "parts": self.parts.iter().map(part).collect::<Vec<_>>(),
            "names": self.coverage.iter().map(covered).collect::<Vec<_>>(),
            "servers": servers::matrix_json(self.servers, self.leaf.facts()),
            "partners": servers::partners_json(self.forecasts),
            "compared_roots": self.compared.iter().map(Compared::json).collect::<Vec<_>>(),
        })
    }

    pub(super) fn nagios(&self, report: &Report) -> String {
        let sent = super::sent(self.case, report, self.judgement, self.at);
        let weighing = sent.iter().filter(|one| one.weighs);
        let ends = weighing.map(|one| (one.not_after, one.name.as_str()));
        let leaf = self.leaf.display_name();
        // Of two that end at once, the leaf.
        let first = ends.fold(
            (self.leaf.facts().not_after, leaf.as_str()),
            |first, next| {
                if next.0 < first.0 { next } else { first }
            },
        );
        let days = whole_days_left(first.0, self.at);
        let words = format!("{} ends in {}", first.1, nagios::day_words(days));
        nagios::verdict(
            &self.case.subject,
            self.verdict,
            &words,
            report.findings(),
            Some(days),
        )
    }

    pub(super) fn text(&self, verbose: bool) -> String {
        let facts = self.leaf.facts();
        let mut text = format!("{}: {}\n", self.case.subject, self.leaf.display_name());
        text.push_str(&render::hanging(
            "  ",
            &format!(
                "serial {} · {} → {} · {} · issued by {}",
                self.leaf.serial_hex(),
                render::date(facts.not_before),
                render::date(facts.not_after),
                render::left(self.leaf.window(), self.at),
                facts.issuer.text,
            ),
        ));
        text.push('\n');
        for part in self.parts {
            text.push_str(&self.part_text(part, verbose));
            if part.name == "chain" {
                text.extend(self.compared.iter().map(Compared::text));
            }
        }
        text.push_str(&self.verdict_text());
        text
    }

    fn part_text(&self, part: &Part, verbose: bool) -> String {
        let standing: Vec<&Finding> = part
            .findings
            .iter()
            .filter(|finding| verbose || finding.severity != Severity::Note)
            .collect();
        let notes = part.findings.len() - standing.len();
        let mark = match (part.verdict(), &part.not_applicable) {
            (Verdict::Ok, Some(_)) => style("–").dim(),
            (Verdict::Ok, None) => style("✓").green(),
            (Verdict::Warning, _) => style("!").yellow(),
            (Verdict::Error, _) => style("✗").red(),
        };
        let mut words = match (&part.not_applicable, part.name) {
            (Some(why), _) => format!("not applicable: {why}"),
            (None, "names") => self.names_words(),
            (None, "lifetime") => format!(
                "until {}",
                render::age(self.leaf.facts().not_after, self.at)
            ),
            (None, "usage") => self.usage_words(),
            (None, "key") if self.case.key.is_some() && part.verdict() == Verdict::Ok => {
                format!("{}, and the private key is its own", part.words)
            }
            (None, "key") => format!(
                "{}; private key not compared: {}",
                part.words, self.case.key_missing
            ),
            (None, _) => part.words.clone(),
        };
        if part.name == "key" && self.case.key.is_some() && part.verdict() != Verdict::Ok {
            words = part.words.clone();
        }
        if notes > 0 {
            let gap = if words.is_empty() { "" } else { " · " };
            words.push_str(&format!("{gap}{} (-v)", render::count(notes, "note")));
        }
        let mut text = match words.is_empty() {
            true => format!("  {mark} {}\n", part.name),
            false => render::hanging(&format!("  {mark} {:<9} ", part.name), &words),
        };
        if part.name == "names" && !self.coverage.is_empty() {
            let whole = self.names_table(true);
            text.push_str(&match whole.fits() {
                true => whole.render(),
                // What a name is wanted for is told where it is missing, and by `plan`.
                false => self.names_table(false).render(),
            });
        }
        if part.name == "names" {
            let leaf = self.leaf.facts();
            text.push_str(&servers::matrix_text(self.servers, leaf, self.whole_matrix));
        }
        if part.name == "usage" {
            text.push_str(&servers::partners_text(self.forecasts, &standing, 6));
        }
        for finding in standing {
            text.push_str(&render::finding_indented(finding, 6));
        }
        text
    }

    fn names_table(&self, with_reasons: bool) -> Table {
        let mut table = Table::plain().indented(6);
        for one in self.coverage {
            let mut cells = vec![one.name.clone(), one.service.to_owned()];
            if with_reasons {
                cells.push(one.because.clone());
            }
            cells.push(match (one.by.first(), one.leniently) {
                (Some(by), false) => format!("{} {by}", style("✓").green()),
                (Some(by), true) => format!("{} {by}, for lenient peers", style("!").yellow()),
                (None, _) => format!("{} missing", style("✗").red()),
            });
            table.row_of(cells);
        }
        table
    }

    fn names_words(&self) -> String {
        let held = self
            .coverage
            .iter()
            .filter(|one| !one.by.is_empty())
            .count();
        format!("{held} of {} wanted names are covered", self.coverage.len())
    }

    fn usage_words(&self) -> String {
        match &self.leaf.facts().key_purposes {
            Some(purposes) => purposes
                .iter()
                .map(|purpose| purpose.word().to_owned())
                .collect::<Vec<_>>()
                .join(", "),
            None => "no extended key usage, so any".to_owned(),
        }
    }

    fn verdict_text(&self) -> String {
        let (word, words) = match self.verdict {
            Verdict::Ok => (
                style("ok").green().bold(),
                "nothing that a peer would refuse",
            ),
            Verdict::Warning => (
                style("WARNING").yellow().bold(),
                "it works, and something should be mended",
            ),
            Verdict::Error => (
                style("CRITICAL").red().bold(),
                "peers will refuse it, or not find their name in it",
            ),
        };
        let roots = match &self.case.hold.trust {
            Some(trust) => format!(" · roots: {}", trust.name),
            None => String::new(),
        };
        format!(
            "\n{}",
            render::hanging(&format!("{word}  "), &format!("{words}{roots}"))
        )
    }
}
