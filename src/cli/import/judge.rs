//! The verdict over a reply: granted against asked, against the generation before, and against what must hold.

use super::once::without_doubles;
use super::take::Intake;
use crate::cli::exit::FailureKind;
use crate::cli::expectation::ForCertificate;
use crate::cli::output::Failure;
use crate::explain::Explanation;
use crate::findings::{Code, Finding, Report, Severity};
use crate::import::{Asked, Imported, PartnerRoots, again, compare_with_previous};
use crate::store::Accepted;
use crate::verify::rules::validity::outside;
use crate::verify::{
    Expectation, Forecast, PartnerGate, ServedNow, TrustSet, VerifiedBundle, forecasts,
};
use crate::x509::{Certificate, Chain};
use time::OffsetDateTime;

/// What the verdict leaves of an imported reply.
pub(super) struct Judged {
    pub(super) bundle: VerifiedBundle,
    pub(super) report: Report,
    pub(super) accepted: Vec<Accepted>,
    pub(super) not_needed: Vec<Code>,
    pub(super) not_judged: Vec<&'static str>,
    pub(super) answers: Option<Asked>,
    pub(super) forecasts: Vec<Forecast>,
}

/// The generation before, and those who know its root.
pub(super) struct Before<'a> {
    pub(super) chain: &'a Chain,
    pub(super) partners: Vec<PartnerRoots>,
}

/// The generation that is on the gateways now.
pub(super) struct Current {
    pub(super) number: u32,
    pub(super) chain: Chain,
}

/// What is said of the names where nothing plans them.
pub(super) const NO_DEPLOYMENT: &str = "the names of a plan (no deployment)";

/// Judges a reply; `held` is what the deployment wants, `trust` the roots by which the chain is judged.
///
/// Errors: refused where a finding of level error stands that nobody let through.
pub(super) fn judge(
    now: OffsetDateTime,
    held: Option<&ForCertificate>,
    trust: Option<&TrustSet>,
    intake: &Intake<'_>,
    imported: Imported,
    previous: Option<Before<'_>>,
    current: Option<Current>,
) -> Result<Judged, Failure> {
    let mut not_judged = Vec::new();
    let mut expected = match held {
        Some(held) => held.expectation(),
        None => {
            not_judged.push(NO_DEPLOYMENT);
            Expectation::new(now)
        }
    };
    expected.trust = trust;
    let served = current.map(|current| {
        let sent: Vec<Certificate> = current.chain.certificates().cloned().collect();
        ServedNow {
            generation: current.number,
            forecasts: forecasts(&sent, &expected),
        }
    });
    if let Some(served) = &served {
        expected.partner_gate = PartnerGate::Against(served);
    }
    if trust.is_none() {
        not_judged.push("the chain (no roots: give --roots)");
    }
    let leaf = &imported.bundle.chain().leaf;
    let place = leaf.display_name();
    let mut compared = imported.report;
    // It can be staged, so it is taken in, and judged as of the moment from which it is valid. `assign` judges it as
    // of its own moment, and refuses it until then.
    let early = outside(leaf, now, "leaf").filter(|one| one.code == Code::ValidityNotYet);
    let is_early = early.is_some();
    if let Some(early) = early {
        expected.at = leaf.facts().not_before;
        let early = early.with_severity(Severity::Warning);
        compared = compared.merged(Report::new(vec![early]));
    }
    // Where the chain ends early, what is missing above is told, and no root is known to compare.
    let ends_early = trust.is_some() && imported.missing_issuer.is_some();
    if let Some(previous) = previous.filter(|_| !ends_early) {
        compared = compared.merged(compare_with_previous(
            imported.bundle.chain(),
            previous.chain,
            &previous.partners,
        ));
    }
    let answers = imported.answers.clone();
    let overrides = intake.accept.to_vec();
    let is_accepted = |code: Code| intake.accept.iter().any(|one| one.code == code);
    let stands =
        |finding: &Finding| finding.severity == Severity::Error && !is_accepted(finding.code);
    let sent: Vec<Certificate> = imported.bundle.chain().certificates().cloned().collect();
    let forecasts = forecasts(&sent, &expected);
    match VerifiedBundle::verify(imported.bundle, &expected, overrides) {
        Ok(bundle) => {
            let verdict = bundle.report().clone().into_iter();
            let verdict = verdict.filter(|one| !(is_early && one.code == Code::ValidityFresh));
            let report = without_doubles(Report::new(verdict.collect()), compared);
            let report = of_the_ca(report, answers.as_ref());
            if let Some(first) = report.findings().iter().find(|finding| stands(finding)) {
                return Err(refusal(&place, first).with_findings(report));
            }
            let accepted = accepted(&report, intake);
            let not_needed = intake
                .accept
                .iter()
                .map(|one| one.code)
                .filter(|code| !accepted.iter().any(|one| one.code == code.as_str()))
                .collect();
            Ok(Judged {
                bundle,
                report,
                accepted,
                not_needed,
                not_judged,
                answers: imported.answers,
                forecasts,
            })
        }
        Err(refused) => {
            let report = without_doubles(refused.report, compared);
            let report = of_the_ca(report, answers.as_ref());
            match report.findings().iter().find(|finding| stands(finding)) {
                Some(first) => Err(refusal(&place, first).with_findings(report.clone())),
                None => Err(Failure::new(
                    FailureKind::Refused,
                    Explanation {
                        code: "import.refused",
                        what: format!("the certificate {place} was not imported"),
                        place: String::new(),
                        why: "it was refused by the path library".into(),
                        mend: "`edgecert verify FILE` shows the verdict in full".into(),
                    },
                )
                .with_findings(report)),
            }
        }
    }
}

/// A reply that has ended is no certificate to renew: the CA sent an old one.
fn of_the_ca(report: Report, answers: Option<&Asked>) -> Report {
    let Some(asked) = answers else {
        return report;
    };
    let findings = report.into_iter().map(|mut one| {
        if one.code == Code::ValidityExpired && one.place.starts_with("leaf") {
            one.mend = again(asked, "for a time that is not over");
        }
        one
    });
    Report::new(findings.collect())
}

/// Those of `--accept` for which there was an error.
fn accepted(report: &Report, intake: &Intake<'_>) -> Vec<Accepted> {
    intake
        .accept
        .iter()
        .filter(|one| report.errors().any(|error| error.code == one.code))
        .map(|one| Accepted {
            code: one.code.as_str().to_owned(),
            reason: one.reason.clone(),
        })
        .collect()
}

fn refusal(leaf: &str, first: &Finding) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "import.refused",
            what: format!("the certificate {leaf} was not imported"),
            place: first.place.clone(),
            why: first.what.clone(),
            mend: format!(
                "mend what is named above; or, knowing what breaks, `--accept {} --reason TEXT`",
                first.code.as_str()
            ),
        },
    )
}
