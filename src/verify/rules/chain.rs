//! The chain: does a path lead to an anchor, and is what is sent what peers need, in their order.

use super::{Case, Ruling};
use crate::findings::{Code, Finding, Severity};
use crate::verify::search::Signatures;
use crate::verify::{path::Verdict, revocation, words};
use crate::x509::Certificate;

pub(crate) fn judge(case: &Case<'_>) -> Ruling {
    let mut findings = Vec::new();
    if let Some(verdict) = &case.verdict {
        // Where the leaf names no issuer, that is the nearer cause (`form.empty-issuer`).
        if case.leaf.facts().issuer.der != [0x30, 0x00] {
            findings.extend(verdict.findings.clone());
        }
        findings.extend(not_sent(case, verdict));
        findings.extend(revocation::judge(
            &verdict.path,
            case.chain,
            case.expectation,
        ));
    } else {
        findings.extend(revocation::judge_as_sent(case.chain, case.expectation));
    }
    findings.extend(as_sent(case));
    if case.verdict.is_some() {
        Ruling::Findings(findings)
    } else {
        Ruling::NotApplicable {
            why: "no roots were given, so the path is not judged".to_owned(),
            findings,
        }
    }
}

/// The path stands, but only with a certificate that the peer does not get.
fn not_sent(case: &Case<'_>, verdict: &Verdict<'_>) -> Option<Finding> {
    if !verdict.accepted {
        return None;
    }
    let inner = verdict
        .path
        .get(1..verdict.path.len().saturating_sub(1))
        .unwrap_or_default();
    let missing: Vec<&&Certificate> = inner
        .iter()
        .filter(|needed| !case.sent().contains(needed))
        .collect();
    let first = missing.first()?;
    let names: Vec<String> = missing.iter().map(|one| words::quoted(one)).collect();
    let below = verdict
        .path
        .iter()
        .take_while(|one| **one != **first)
        .last()
        .copied()
        .unwrap_or(case.leaf);
    let finding = Finding::new(
        Code::ChainIntermediateMissing,
        "chain",
        format!("{} is needed and not sent", words::list(&names)),
        format!(
            "{} was issued by {}, which is at hand here but not in the chain; peers that do not have it cannot build the path",
            words::quoted(below),
            words::quoted(first)
        ),
        format!(
            "append it to the chain after {} ({})",
            words::quoted(below),
            words::where_to_get_issuer(below)
        ),
    );
    // Whoever hands over intermediates besides the chain judges a certificate and not what a server sends.
    Some(finding.with_severity(Severity::Note))
}

/// Order, roots, strangers and doubles of what is sent (RFC 5246 §7.4.2, RFC 8446 §4.4.2).
fn as_sent(case: &Case<'_>) -> Vec<Finding> {
    let chain = case.chain;
    // What the path library verified is not computed again.
    let mut signatures = match &case.verdict {
        Some(verdict) if verdict.accepted => Signatures::of_path(&verdict.path),
        Some(_) | None => Signatures::default(),
    };
    let mut findings = Vec::new();
    let mut misordered: Option<Finding> = None;
    let mut strangers: Vec<String> = Vec::new();
    let mut doubles: Vec<String> = Vec::new();
    for (index, certificate) in chain.iter().enumerate().skip(1) {
        let numbered = || format!("certificate {}, {}", index + 1, words::quoted(certificate));
        if chain.iter().take(index).any(|other| other == certificate) {
            doubles.push(numbered());
            continue;
        }
        let issued: Vec<usize> = chain
            .iter()
            .enumerate()
            .filter(|(other, child)| {
                *other != index && *child != certificate && signatures.verify(child, certificate)
            })
            .map(|(other, _)| other)
            .collect();
        let Some(first) = issued.first() else {
            strangers.push(numbered());
            continue;
        };
        let anchor = case
            .expectation
            .trust
            .is_some_and(|t| t.contains(certificate));
        if certificate.facts().subject.der == certificate.facts().issuer.der
            && (anchor || signatures.verify(certificate, certificate))
        {
            findings.push(root_sent(index, certificate));
        } else if *first > index && misordered.is_none() {
            misordered = Some(Finding::new(
                Code::ChainMisordered,
                "chain",
                "the chain is not in order",
                format!(
                    "certificate {}, {}, stands before certificate {}, which it issued",
                    index + 1,
                    words::quoted(certificate),
                    first + 1
                ),
                "send the leaf first, then each certificate's issuer after it (`edgecert import` puts them in order)",
            ));
        }
    }
    for (list, what, why) in [
        (
            strangers,
            "is sent and certifies nothing here",
            "none of the other certificates was issued by it",
        ),
        (
            doubles,
            "is sent twice",
            "the same certificate stands earlier in the chain",
        ),
    ] {
        if !list.is_empty() {
            findings.push(Finding::new(
                Code::ChainStranger,
                "chain",
                format!("{} {what}", words::list(&list)),
                why,
                "leave it out (`edgecert import` drops it)",
            ));
        }
    }
    findings.extend(misordered);
    findings
}

fn root_sent(index: usize, certificate: &Certificate) -> Finding {
    Finding::new(
        Code::ChainRootSent,
        format!("certificate {}", index + 1),
        format!("the root {} is sent", words::quoted(certificate)),
        "peers have it already, or will not trust it because it is sent",
        "leave it out; it only costs bytes in every handshake",
    )
    .with_severity(Severity::Note)
}
