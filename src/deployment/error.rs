//! What is wrong with a deployment file, where, and the nearest right word.

use crate::explain::{Explain, Explanation, count, printable};
use std::fmt::Write as _;

/// Most further mistakes told besides the first one.
const MAX_TOLD: usize = 20;

/// One mistake; every text is already fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The key it stands under, dotted: `gateway.embedded.front.socket`; the table for an unknown or missing key;
    /// empty for the file itself.
    pub key: String,
    /// What is wrong, with the value: `unknown key "sip-domain"`.
    pub what: String,
    /// Why it is wrong; empty where `what` says it all.
    pub why: String,
    /// The nearest right word, or what is allowed.
    pub mend: String,
}

impl Mistake {
    /// Key and mistake in one line: `edge: unknown key "sip-domain"`.
    pub fn line(&self) -> String {
        if self.key.is_empty() {
            self.what.clone()
        } else {
            format!("{}: {}", self.key, self.what)
        }
    }
}

/// A deployment file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the deployment file {path} has {} mistakes", mistakes.len())]
pub struct DeploymentError {
    /// The file as it was named.
    pub path: String,
    /// At least one, in file order.
    pub mistakes: Vec<Mistake>,
}

impl Explain for DeploymentError {
    /// The first mistake, with the others one per line after its reason.
    fn explain(&self) -> Explanation {
        let path = printable(&self.path);
        let Some((first, others)) = self.mistakes.split_first() else {
            return Explanation {
                code: "deployment.invalid",
                what: "the deployment cannot be used".to_owned(),
                place: path,
                why: String::new(),
                mend: "run `edgecert init` in an empty folder to see a sound one".to_owned(),
            };
        };
        let mut why = first.why.clone();
        if !others.is_empty() {
            if !why.is_empty() {
                why.push('\n');
            }
            let _ = write!(why, "{}:", count(others.len(), "further mistake"));
            for mistake in others.iter().take(MAX_TOLD) {
                let (line, column) = (mistake.line, mistake.column);
                let _ = write!(why, "\n{path}:{line}:{column} {}", mistake.line());
                if !mistake.mend.is_empty() {
                    let _ = write!(why, " ({})", mistake.mend);
                }
            }
            if others.len() > MAX_TOLD {
                let _ = write!(why, "\nand {} more", others.len() - MAX_TOLD);
            }
        }
        Explanation {
            code: "deployment.invalid",
            what: first.line(),
            place: format!("{path}:{}:{}", first.line, first.column),
            why,
            mend: first.mend.clone(),
        }
    }
}
