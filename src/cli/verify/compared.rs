//! `--compare-roots`: what other sets of roots make of the same chain, one line a set.
//!
//! The verdict is by `--roots` alone; a set that was compared and does not trust the chain is a warning, as the
//! partner whose roots they are will refuse it.

use crate::cli::output::Failure;
use crate::cli::{Context, expectation, render};
use crate::deployment::RootsSource;
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::verify::{Expectation, judge};
use crate::x509::Certificate;
use serde_json::{Value, json};
use std::path::Path;

/// Most sets that are compared in one run.
const MAX_SETS: usize = 16;

/// `NAME=SOURCE`.
#[derive(Debug, Clone)]
pub(super) struct NamedRoots {
    name: String,
    source: RootsSource,
}

/// What a set makes of the chain.
pub(super) struct Compared {
    name: String,
    roots: String,
    path: Vec<String>,
    fault: Option<Finding>,
}

/// Reads `NAME=FILE|DIR|system`.
pub(super) fn named_roots(text: &str) -> Result<NamedRoots, String> {
    let (name, source) = text
        .split_once('=')
        .filter(|(name, _)| !name.trim().is_empty() && name.len() <= 63)
        .ok_or("give the set a name of at most 63 bytes, as in fabrikam=roots.pem")?;
    Ok(NamedRoots {
        name: printable(name),
        source: expectation::roots(source)?,
    })
}

/// Judges the chain by each set.
pub(super) fn compare(
    sets: &[NamedRoots],
    context: &Context,
    chain: &[Certificate],
    expectation: &Expectation<'_>,
) -> Result<Vec<Compared>, Failure> {
    if sets.len() > MAX_SETS {
        return Err(Failure::usage(
            "--compare-roots gives too many sets of roots",
            format!(
                "there are {}, and at most {MAX_SETS} are compared",
                sets.len()
            ),
            "compare fewer at once",
        ));
    }
    sets.iter()
        .map(|set| {
            let trust = context.trust(std::slice::from_ref(&set.source), Path::new(""))?;
            let judgement = judge(
                chain,
                None,
                &Expectation {
                    trust: Some(&trust),
                    ..expectation.clone()
                },
            );
            // Only what hangs on the roots differs; the rest is the verdict's own.
            let fault = judgement
                .report
                .errors()
                .find(|finding| finding.code.as_str().starts_with("chain."))
                .or_else(|| judgement.report.errors().next())
                .filter(|_| judgement.path.is_empty())
                .cloned();
            Ok(Compared {
                name: set.name.clone(),
                roots: printable(&trust.name),
                path: judgement.path,
                fault,
            })
        })
        .collect()
}

impl Compared {
    /// Said of a set that does not trust the chain.
    pub(super) fn finding(&self) -> Option<Finding> {
        if !self.path.is_empty() {
            return None;
        }
        Some(
            Finding::new(
                Code::ChainRootsDiffer,
                "chain",
                format!("the roots of {} do not trust the chain", self.name),
                self.why(),
                "use a CA that they trust, or ask for its root to be taken in there",
            )
            .with_severity(Severity::Warning),
        )
    }

    fn why(&self) -> String {
        match &self.fault {
            Some(fault) => format!("{}: {}", fault.what, fault.why),
            None => "no path leads to one of them".to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "roots": self.roots,
            "trusts": !self.path.is_empty(),
            "path": self.path,
            "code": self.fault.as_ref().map(|fault| fault.code.as_str()),
            "why": self.path.is_empty().then(|| self.why()),
        })
    }

    pub(super) fn text(&self) -> String {
        let words = match self.path.is_empty() {
            false => format!("{} trusts it: {}", self.name, self.path.join(" ← ")),
            true => format!("{} does not trust it", self.name),
        };
        render::hanging("      ", &words)
    }
}
