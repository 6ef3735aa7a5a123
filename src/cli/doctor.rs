//! `doctor`: what will go wrong before it does, in the surroundings and not in the certificates: the deployment, the
//! state, secrets, roots, gateways, limits.
//!
//! It looks and changes nothing; what a certificate is worth is said by `verify` and `check`. Every look becomes a
//! line (told even where all is well) and perhaps findings of the `doctor.*` group, whose worst decides the exit code.

mod gateways;
mod state;
mod stored_key;

use super::output::{Failure, Outcome};
use super::render::{self, Table};
use super::{Context, Exit, passphrase};
use crate::deployment::{Deployment, PassphraseSource, RootsSource};
use crate::explain::Explanation;
use crate::findings::{Code, Finding, Report, Severity};
use crate::store::Store;
use clap::Args;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;

/// The bit of a mode that lets everybody write.
const EVERYBODY_WRITES: u32 = 0o002;

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert doctor
  sudo -u edgecert edgecert doctor       as the user that the timers run as
  edgecert doctor --json | jq '.findings[].code'")]
pub struct DoctorArgs {}

/// One thing that was looked at.
#[derive(Debug)]
struct Look {
    subject: &'static str,
    said: String,
    worst: Option<Severity>,
}

/// Everything that was looked at, as it goes.
#[derive(Debug, Default)]
struct Looks {
    looks: Vec<Look>,
    findings: Vec<Finding>,
}

impl Looks {
    /// Notes a look with what was found.
    fn add(&mut self, subject: &'static str, said: impl Into<String>, findings: Vec<Finding>) {
        let worst = findings.iter().map(|finding| finding.severity).max();
        self.looks.push(Look {
            subject,
            said: said.into(),
            worst,
        });
        self.findings.extend(findings);
    }

    fn describe(&self) -> String {
        let mut table = Table::plain();
        for look in &self.looks {
            let word = match look.worst {
                None => "ok",
                Some(Severity::Note) => "note",
                Some(Severity::Warning) => "WARNING",
                Some(Severity::Error) => "ERROR",
            };
            table.row([look.subject.to_owned(), word.to_owned(), look.said.clone()]);
        }
        table.render()
    }

    fn to_json(&self) -> Vec<Value> {
        self.looks
            .iter()
            .map(|look| {
                json!({
                    "subject": look.subject,
                    "said": look.said,
                    "worst": look.worst.map(|worst| worst.to_string()),
                })
            })
            .collect()
    }
}

/// Runs `doctor`.
pub fn run(_: DoctorArgs, context: &Context) -> Result<Outcome, Failure> {
    let mut looks = Looks::default();
    let deployment = look_at_deployment(context, &mut looks);
    let folder = context.state_directory(deployment.as_ref());
    let store = state::look(&folder, context.now, &mut looks);
    if let Some(deployment) = &deployment {
        look_at_passphrases(deployment, store.as_ref(), &mut looks);
        look_at_roots(context, deployment, &mut looks);
        gateways::look(deployment, store.as_ref(), &mut looks);
    }
    looks.add(
        "versions",
        format!(
            "edgecert {}, layout {} of the state",
            env!("CARGO_PKG_VERSION"),
            crate::store::VERSION
        ),
        Vec::new(),
    );
    let report = Report::new(std::mem::take(&mut looks.findings));
    let exit = Exit::from(report.verdict());
    let result = json!({
        "looked_at": looks.to_json(),
        "versions": {"edgecert": env!("CARGO_PKG_VERSION"), "state_layout": crate::store::VERSION},
        "state": folder.display().to_string(),
    });
    Ok(Outcome::show(looks.describe(), result)
        .with_exit(exit)
        .with_findings(report))
}

/// A failure as a finding: where `doctor` looks on another's behalf, it is no failure of its own.
fn finding_of(code: Code, explanation: &Explanation) -> Finding {
    let Explanation {
        code: _,
        what,
        place,
        why,
        mend,
    } = explanation;
    Finding::new(code, place.clone(), what.clone(), why.clone(), mend.clone())
}

fn look_at_deployment(context: &Context, looks: &mut Looks) -> Option<Deployment> {
    let Some(path) = context.config_path() else {
        let finding = Finding::new(
            Code::DoctorNoDeployment,
            "edgecert.toml",
            "there is no deployment file",
            "neither ./edgecert.toml nor the system's exists, and --config names none",
            "write one with `edgecert init`; `edgecert request` works without one",
        );
        looks.add("deployment", "none", vec![finding]);
        return None;
    };
    let shown = path.display().to_string();
    match context.find_deployment() {
        Err(failure) => {
            looks.add(
                "deployment",
                shown,
                vec![finding_of(Code::DoctorDeployment, &failure.explanation)],
            );
            None
        }
        Ok(deployment) => {
            let mut findings = Vec::new();
            // It names programs that are run: whoever may write it may run them as us.
            if let Ok(there) = std::fs::metadata(&path)
                && there.mode() & EVERYBODY_WRITES != 0
            {
                findings.push(Finding::new(
                    Code::DoctorDeployment,
                    shown.clone(),
                    "everybody may change the deployment file",
                    format!(
                        "its mode is {:04o}, and it names programs that are run",
                        there.mode() & 0o7777
                    ),
                    format!("`chmod o-w {shown}`"),
                ));
            }
            let said = match &deployment {
                Some(found) => format!(
                    "{shown}: {}, {}",
                    render::count(found.certificates.len(), "certificate"),
                    render::count(found.gateways.len(), "gateway")
                ),
                None => shown,
            };
            looks.add("deployment", said, findings);
            deployment
        }
    }
}

fn look_at_passphrases(deployment: &Deployment, store: Option<&Store>, looks: &mut Looks) {
    let sources = deployment.passphrases();
    if sources.is_empty() {
        looks.add(
            "passphrase",
            "none: keys are stored plain, 0600",
            Vec::new(),
        );
    }
    for source in sources {
        let absent_is = match source {
            PassphraseSource::File(_) => Severity::Error,
            PassphraseSource::Env(_) => Severity::Warning,
            // It is there in the service alone: its absence on a person's terminal says little.
            PassphraseSource::Credential(_) => Severity::Note,
        };
        let finding = match (passphrase::read(Some(source), &deployment.base), store) {
            (Err(failure), _) => Some(
                finding_of(Code::DoctorPassphrase, &failure.explanation).with_severity(absent_is),
            ),
            (Ok(Some(secret)), Some(store)) => {
                stored_key::wrong(deployment, store, source, &secret)
            }
            (Ok(_), _) => None,
        };
        let findings = finding.into_iter().collect();
        let said = stored_key::words(source);
        looks.add("passphrase", said, findings);
    }
}

fn look_at_roots(context: &Context, deployment: &Deployment, looks: &mut Looks) {
    let issuers = deployment.issuers.values().map(|issuer| {
        let whose = format!("issuer {}", issuer.name);
        (whose, issuer.table(), issuer.roots.clone())
    });
    let embedded = deployment.gateways.iter().filter_map(|gateway| {
        let embedded = gateway.kind.embedded()?;
        let whose = format!("gateway {}", gateway.name);
        Some((whose, gateway.table(), embedded.roots.clone()))
    });
    let partners = deployment
        .partners
        .iter()
        .map(|partner| {
            let whose = format!("partner {}", partner.domain);
            (whose, partner.table(), RootsSource::of_partner(partner))
        })
        .filter(|(_, _, roots)| !roots.is_empty());
    let mut seen: Vec<Vec<RootsSource>> = Vec::new();
    for (whose, table, roots) in issuers.chain(embedded).chain(partners) {
        if seen.contains(&roots) {
            continue;
        }
        match context.trust_named_in(&roots, &deployment.base, Some(&table)) {
            Ok(trust) => looks.add(
                "roots",
                format!("{whose}: {}", trust.anchors().len()),
                Vec::new(),
            ),
            Err(failure) => {
                looks.add(
                    "roots",
                    whose,
                    vec![finding_of(Code::DoctorRoots, &failure.explanation)],
                );
            }
        }
        seen.push(roots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_is_told_with_its_worst_finding() {
        let mut looks = Looks::default();
        looks.add("state", "here", Vec::new());
        let finding = |code| Finding::new(code, "", "what", "", "");
        looks.add(
            "gateway",
            "front",
            vec![
                finding(Code::DoctorNoState),
                finding(Code::DoctorGatewayDown),
            ],
        );
        let text = looks.describe();
        assert!(text.contains("state    ok"), "{text}");
        assert!(text.contains("gateway  WARNING  front"), "{text}");
        assert_eq!(looks.findings.len(), 2);
    }
}
