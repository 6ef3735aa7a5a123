//! `--compare-roots`: what other sets of roots make of the same chain, one line a set.
//!
//! The verdict is by `--roots` alone; a set that somebody named and that does not trust the chain is a warning, as the
//! partner whose roots they are will refuse it. Of the sets that `partners` stands for nothing is found here: what a
//! partner of the deployment makes of the chain is told by its forecast, and Mozilla's list is no partner.

use crate::cli::not_taken::NotTaken;
use crate::cli::output::Failure;
use crate::cli::{Context, expectation, render};
use crate::deployment::RootsSource;
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::verify::{Expectation, judge};
use crate::x509::Certificate;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Most sets that are compared in one run.
const MAX_SETS: usize = 16;

/// The word for Mozilla's list and every partner of the deployment that has roots of its own.
const PARTNERS: &str = "partners";

/// What `--compare-roots` asks for.
#[derive(Debug, Clone)]
pub(super) enum Compare {
    /// `NAME=SOURCE`.
    Named(String, RootsSource),
    /// `partners`.
    Partners,
}

/// A set of roots to judge by.
struct RootSet {
    name: String,
    sources: Vec<RootsSource>,
    base: PathBuf,
    /// Whether it is a finding that it does not trust the chain.
    warns: bool,
}

/// What a set makes of the chain.
pub(super) struct Compared {
    name: String,
    roots: String,
    path: Vec<String>,
    fault: Option<Finding>,
    warns: bool,
}

/// Reads `NAME=FILE|DIR|system|mozilla`, or `partners`.
pub(super) fn named_roots(text: &str) -> Result<Compare, NotTaken> {
    if text == PARTNERS {
        return Ok(Compare::Partners);
    }
    let (name, source) = text
        .split_once('=')
        .filter(|(name, _)| !name.trim().is_empty() && name.len() <= 63)
        .ok_or_else(|| {
            NotTaken::unread(
                "give the set a name of at most 63 bytes, as in fabrikam=roots.pem; or partners, for those of the deployment",
            )
        })?;
    Ok(Compare::Named(printable(name), expectation::roots(source)?))
}

/// Every set that was asked for; Mozilla's first where the partners' were.
fn sets(asked: &[Compare], context: &Context) -> Result<Vec<RootSet>, Failure> {
    let mut sets = Vec::new();
    for one in asked {
        match one {
            Compare::Named(name, source) => sets.push(RootSet {
                name: name.clone(),
                sources: vec![source.clone()],
                base: PathBuf::new(),
                warns: true,
            }),
            Compare::Partners => {
                let Some(deployment) = context.find_deployment()? else {
                    return Err(Failure::usage(
                        "--compare-roots partners needs a deployment",
                        "the roots of partners stand in edgecert.toml, and there is none",
                        "name it with --config, or give --compare-roots NAME=FILE",
                    ));
                };
                sets.push(RootSet {
                    name: "Mozilla's list".to_owned(),
                    sources: vec![RootsSource::Mozilla],
                    base: PathBuf::new(),
                    warns: false,
                });
                let with_roots = deployment
                    .partners
                    .iter()
                    .filter(|one| !one.roots.is_empty());
                sets.extend(with_roots.map(|partner| RootSet {
                    name: partner.domain.to_string(),
                    sources: RootsSource::of_partner(partner),
                    base: deployment.base.clone(),
                    warns: false,
                }));
            }
        }
    }
    Ok(sets)
}

/// Judges the chain by each set.
pub(super) fn compare(
    asked: &[Compare],
    context: &Context,
    chain: &[Certificate],
    expectation: &Expectation<'_>,
) -> Result<Vec<Compared>, Failure> {
    if asked.len() > MAX_SETS {
        return Err(Failure::usage(
            "--compare-roots gives too many sets of roots",
            format!(
                "there are {}, and at most {MAX_SETS} are compared",
                asked.len()
            ),
            "compare fewer at once",
        ));
    }
    sets(asked, context)?
        .into_iter()
        .map(|set| {
            let trust = context
                .trust(&set.sources, &set.base)
                .map_err(|mut failure| {
                    let whose = format!("the roots of {}: ", set.name);
                    failure.explanation.what.insert_str(0, &whose);
                    failure
                })?;
            let judgement = judge(
                chain,
                None,
                &Expectation {
                    trust: Some(&trust),
                    ..expectation.clone()
                },
            );
            // Only what depends on the roots differs; the rest is the verdict's own.
            let fault = judgement
                .report
                .errors()
                .find(|finding| finding.code.as_str().starts_with("chain."))
                .or_else(|| judgement.report.errors().next())
                .filter(|_| judgement.path.is_empty())
                .cloned();
            Ok(Compared {
                name: set.name,
                roots: printable(&trust.name),
                path: judgement.path,
                fault,
                warns: set.warns,
            })
        })
        .collect()
}

impl Compared {
    /// Said of a named set that does not trust the chain.
    pub(super) fn finding(&self) -> Option<Finding> {
        if !self.path.is_empty() || !self.warns {
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
            // A finding tells why.
            true if self.warns => format!("{} does not trust it", self.name),
            true => {
                let what = self.fault.as_ref().map(|fault| fault.what.as_str());
                let why = what.unwrap_or("no path leads to one of them");
                format!("{} does not trust it: {why}", self.name)
            }
        };
        render::hanging("      ", &words)
    }
}
