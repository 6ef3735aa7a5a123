//! `verify`: the full verdict on a certificate of the state, or on any files in the world, part by part.

mod asked;
mod case;
mod compared;
pub(super) mod read;
pub mod servers;
mod shown;

use super::check::{Format, shape};
use super::exit::Exit;
use super::options::moment;
use super::output::{Failure, Outcome};
use super::render::metrics::MetricNames;
use super::render::{self, Taken, nagios};
use super::{Context, expectation};
use crate::check::{CertificateForm, CheckReport, Sent, TargetKind, TargetReport};
use crate::deployment::{LifeLeft, RootsSource};
use crate::findings::{Code, Finding, Report, Severity};
use crate::names::Identifier;
use crate::verify::{
    Expectation, Judgement, PartnerGate, Profile, Purpose, Strictness, Thresholds, forecasts, judge,
};
use asked::AskedName;
use case::{Case, case};
use clap::{Args, ValueEnum};
use compared::{Compare, compare};
use read::{read_crls, read_untrusted};
use serde_json::json;
use shown::{Shown, coverage, parts};
use std::path::PathBuf;
use std::time::Instant;
use time::OffsetDateTime;

/// Most intermediates that `--max-depth` may allow; no more certificates are taken as one chain anyway.
const MAX_DEPTH: u16 = 255;

/// Shown below the flags.
const EXAMPLES: &str = "\
Examples:
  edgecert verify external-edge                    the newest generation, against the deployment
  edgecert verify external-edge/3
  edgecert verify leaf.pem --roots ca.pem --untrusted chain.pem --name dns:example.com
  edgecert verify fullchain.pem --key privkey.pem --at 2027-01-01T00:00:00Z
  edgecert verify external-edge --matrix           each name before each server implementation
  edgecert verify fullchain.pem --roots ca.pem --crl ca.crl --strict --profile rfc5280
  edgecert verify external-edge --compare-roots fabrikam=fabrikam-roots.pem
  edgecert verify external-edge --compare-roots partners   by Mozilla's list and each partner's roots";

/// `verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct VerifyArgs {
    /// A certificate of the deployment (CERT or CERT/N), or files: the leaf is in the first [default: the only certificate]
    #[arg(value_name = "CERT | FILE")]
    items: Vec<String>,
    /// Roots that judge the chain: a file, a folder, system or mozilla (repeatable) [default: the issuer's, else system]
    #[arg(long, value_name = "FILE|DIR|system|mozilla", value_parser = expectation::roots)]
    roots: Vec<RootsSource>,
    /// Also say what another set of roots makes of the chain, a partner's for instance (repeatable); partners stands for
    /// Mozilla's list and the roots of every partner of the deployment
    #[arg(long, value_name = "NAME=FILE|DIR|system|mozilla, or partners", value_parser = compared::named_roots)]
    compare_roots: Vec<Compare>,
    /// Intermediates that may be used and are not sent (repeatable)
    #[arg(long, value_name = "FILE")]
    untrusted: Vec<PathBuf>,
    /// Revocation lists of the issuers, PEM or DER (repeatable) [default: revocation is not judged]
    #[arg(long, value_name = "FILE")]
    crl: Vec<PathBuf>,
    /// A name that must hold: dns:, srv:, xmpp:, sip:, ip:, email: (repeatable)
    #[arg(long, value_name = "TYPE:VALUE", value_parser = asked::asked_name)]
    name: Vec<AskedName>,
    /// In which role the leaf is judged
    #[arg(long, value_enum, value_name = "ROLE", default_value = "server")]
    purpose: PurposeWord,
    /// The moment of judgement [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    at: Option<OffsetDateTime>,
    /// Intermediates allowed, roots and leaf not counted [default: 6, or 16 with --strict]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=i64::from(MAX_DEPTH)))]
    max_depth: Option<u16>,
    /// Make every broken MUST an error: to hold a CA to the rules. Without it, only what breaks a real server or partner
    /// is one, which is what import refuses by
    #[arg(long)]
    strict: bool,
    /// Whose rules, where they differ: web-pki for a certificate of a public CA, rfc5280 for one of a private CA
    #[arg(long, value_enum, value_name = "RULES", default_value = "web-pki")]
    profile: ProfileWord,
    /// Show what every server makes of every name, not only where it differs from the RFCs
    #[arg(long)]
    matrix: bool,
    /// The key that must be the leaf's
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The passphrase of PKCS#12 files and encrypted keys: the first line of a file that only its owner can read (-: of standard input)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

impl VerifyArgs {
    /// `verify CERT/N`.
    pub fn generation(certificate: &crate::names::Slug, number: u32) -> Self {
        Self {
            items: vec![format!("{certificate}/{number}")],
            roots: Vec::new(),
            compare_roots: Vec::new(),
            untrusted: Vec::new(),
            crl: Vec::new(),
            name: Vec::new(),
            purpose: PurposeWord::Server,
            at: None,
            max_depth: None,
            strict: false,
            profile: ProfileWord::WebPki,
            key: None,
            passphrase_file: None,
            matrix: false,
            format: Format::Table,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PurposeWord {
    /// It serves TLS
    Server,
    /// It proves a TLS client
    Client,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileWord {
    /// RFC 5280 alone: what a private CA issues
    Rfc5280,
    /// The Baseline Requirements too: what a public CA issues
    WebPki,
}

/// Runs `verify`.
pub fn run(args: VerifyArgs, context: &mut Context) -> Result<Outcome, Failure> {
    if args.format == Format::Json {
        context.set_json();
    }
    match verify(&args, context) {
        Err(failure) if args.format == Format::Nagios && !context.json() => {
            let told = &failure.explanation;
            let text = nagios::unknown(&told.what, &told.why, &told.mend);
            Ok(Outcome::show(text, failure.result).with_exit(Exit::Failed))
        }
        ended => ended,
    }
}

fn verify(args: &VerifyArgs, context: &Context) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let at = args.at.unwrap_or(context.now);
    let (untrusted, surplus) = read_untrusted(&args.untrusted)?;
    let crls = read_crls(&args.crl)?;
    let case = case(args, context, at)?;
    let asked: Vec<Identifier> = args.name.iter().filter_map(AskedName::identifier).collect();
    let Some(leaf) = case.chain.first() else {
        return Ok(malformed(args, &case, &taken(&case, at, begun)));
    };
    let expectation = Expectation {
        trust: case.hold.trust.as_ref(),
        untrusted: &untrusted,
        crls: &crls,
        wanted: case.hold.wanted.clone(),
        purpose: match args.purpose {
            PurposeWord::Server => Purpose::Server,
            PurposeWord::Client => Purpose::Client,
        },
        at,
        max_depth: args.max_depth.map(usize::from),
        profile: match args.profile {
            ProfileWord::WebPki => Profile::WebPki,
            ProfileWord::Rfc5280 => Profile::Rfc5280,
        },
        strictness: match args.strict {
            true => Strictness::Strict,
            false => Strictness::Practical,
        },
        public: case.hold.public,
        sip_mutual_tls: case.proves_sip,
        warn_below: case.warn_below,
        partners: &case.partners,
        partner_gate: PartnerGate::Refuse,
    };
    let forecasts = forecasts(&case.chain, &expectation);
    let compared = compare(&args.compare_roots, context, &case.chain, &expectation)?;
    let judgement = judge_as_sent(&case, expectation);
    let findings: Vec<Finding> = case
        .damaged
        .iter()
        .cloned()
        .chain(judgement.report.clone())
        .chain(surplus)
        .chain(compared.iter().filter_map(|set| set.finding()))
        .chain(asked::missing(leaf, &args.name))
        .map(|finding| {
            if expectation::is_demanded(finding.code, &asked) {
                finding.with_severity(Severity::Error)
            } else if finding.code == Code::ValidityFresh {
                // The verdict is on what partners meet from now on; `assign` is where freshness holds something up.
                finding.with_severity(Severity::Note)
            } else {
                finding
            }
        })
        .collect();
    let report = Report::new(findings);
    let parts = parts(&report, &judgement, &case);
    let mut coverage = coverage(leaf, &case.hold.wanted);
    coverage.extend(asked::coverage(leaf, &args.name));
    let verdict = report.verdict();
    let servers = servers::covered(leaf, &case.hold.wanted, args.matrix);
    let shown = Shown {
        servers: &servers,
        forecasts: &forecasts,
        whole_matrix: args.matrix || context.verbose(),
        case: &case,
        leaf,
        parts: &parts,
        coverage: &coverage,
        judgement: &judgement,
        compared: &compared,
        at,
        verdict,
    };
    let outcome = Outcome {
        exit: Some(Exit::from(verdict)),
        result: shown.json(),
        text: match args.format {
            Format::Nagios => shown.nagios(&report),
            Format::Table | Format::Json => shown.text(context.verbose()),
            format @ (Format::Prometheus | Format::Openmetrics | Format::Html | Format::Junit) => {
                let taken = taken(&case, at, begun);
                shape(
                    format,
                    MetricNames::Own,
                    &one_row(&case, &report, &judgement, at),
                    &taken,
                )
            }
        },
        findings_shown: true,
        ..Outcome::default()
    };
    Ok(outcome.with_findings(report))
}

/// What was sent after the leaf.
fn sent(case: &Case, report: &Report, judgement: &Judgement, at: OffsetDateTime) -> Vec<Sent> {
    let others = case.chain.get(1..).unwrap_or_default();
    Sent::all(others, report.findings(), &judgement.on_path, at)
}

/// The verdict as the only row of a check, for the forms that both have.
fn one_row(case: &Case, report: &Report, judgement: &Judgement, at: OffsetDateTime) -> CheckReport {
    let mut row = TargetReport::new(case.subject.as_str(), TargetKind::File);
    row.certificate = case.chain.first().map(CertificateForm::of);
    row.chain = sent(case, report, judgement, at);
    row.held_against = case.hold.trust.as_ref().map(|trust| trust.name.clone());
    row.not_applicable = judgement.not_applicable.clone();
    row.findings = report.findings().to_vec();
    let mut whole = CheckReport::default();
    whole.push(row);
    whole
}

/// Nearness of the end is a warning at most here: critical is the end itself.
fn taken(case: &Case, at: OffsetDateTime, begun: Instant) -> Taken {
    Taken {
        command: "verify",
        now: at,
        took: begun.elapsed(),
        leaf: Thresholds {
            warning: case.warn_below.unwrap_or(LifeLeft::Days(0.0)),
            critical: LifeLeft::Days(0.0),
        },
        // What ends behind a leaf counts when it has ended, and as it ends before the leaf.
        chain: Thresholds {
            warning: LifeLeft::Days(0.0),
            critical: LifeLeft::Days(0.0),
        },
    }
}

/// The Baseline Requirements bind what ends in a public root: by the system's roots that is seen when the path is found.
fn judge_as_sent(case: &Case, expectation: Expectation<'_>) -> Judgement {
    let judge = |expectation: &Expectation<'_>| judge(&case.chain, case.key.as_ref(), expectation);
    if case.hold.public && case.by_system_roots {
        let as_private = judge(&Expectation {
            public: false,
            ..expectation.clone()
        });
        if as_private.path.is_empty() {
            return as_private;
        }
    }
    judge(&expectation)
}

/// Nothing in the files can be read as a certificate: that is a finding, and nothing else was judged.
fn malformed(args: &VerifyArgs, case: &Case, taken: &Taken) -> Outcome {
    let text = match args.format {
        Format::Nagios => nagios::verdict(
            &case.subject,
            crate::findings::Verdict::Error,
            "",
            &case.damaged,
            None,
        ),
        Format::Table | Format::Json => {
            let told: String = case.damaged.iter().map(render::finding).collect();
            format!("{}\n{told}", case.subject)
        }
        format @ (Format::Prometheus | Format::Openmetrics | Format::Html | Format::Junit) => {
            let mut row = TargetReport::new(case.subject.as_str(), TargetKind::File);
            row.findings.extend(case.damaged.iter().cloned());
            let mut report = CheckReport::default();
            report.push(row);
            shape(format, MetricNames::Own, &report, taken)
        }
    };
    Outcome {
        text,
        findings_shown: true,
        exit: Some(Exit::Critical),
        result: json!({
            "subject": case.subject,
            "verdict": "critical",
            "certificate": null,
            "chain": [],
            "path": [],
            "parts": [],
            "names": [],
            "servers": [],
            "partners": [],
        }),
        ..Outcome::default()
    }
    .with_findings(case.damaged.iter().cloned())
}
