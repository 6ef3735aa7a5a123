//! What certificates are held against: the thresholds, the deployment, the command line, and a stranger's roots.

use super::{CheckArgs, Surroundings};
use crate::check::{CheckError, Hold, Whose, Yardstick};
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::{Context, expectation, render};
use crate::deployment::{self, Deployment, RootsSource};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::store::{Store, StoreError};
use crate::verify::TrustSet;
use crate::x509::Fingerprint;
use std::collections::BTreeSet;
use std::path::Path;

/// Thresholds, and whatever a certificate may be held against.
pub(super) fn yardstick(
    args: &CheckArgs,
    context: &Context,
    around: &Surroundings,
    explicit: bool,
) -> Result<Yardstick, Failure> {
    let mut yardstick = Yardstick::new(context.now);
    if let Some(deployment) = &around.deployment {
        yardstick.leaf = deployment.check.leaf;
        yardstick.chain = deployment.check.chain;
    }
    yardstick.leaf.warning = args.warning.unwrap_or(yardstick.leaf.warning);
    yardstick.leaf.critical = args.critical.unwrap_or(yardstick.leaf.critical);
    if (args.warning.is_some() || args.critical.is_some())
        && yardstick.leaf.warning.is_less_than(yardstick.leaf.critical) == Some(true)
    {
        if args.warning.is_some() && args.critical.is_some() {
            let error = CheckError::ThresholdsCrossed {
                warning: yardstick.leaf.warning.to_string(),
                critical: yardstick.leaf.critical.to_string(),
            };
            return Err(Failure::from_error(FailureKind::Usage, &error));
        }
        // Only one was given, beyond the other's default: the one that was given counts for both.
        match args.warning {
            Some(warning) => yardstick.leaf.critical = warning,
            None => yardstick.leaf.warning = yardstick.leaf.critical,
        }
    }
    hold_deployed(context, around, explicit, &mut yardstick)?;
    force(args, context, around, &mut yardstick)?;
    Ok(yardstick)
}

/// Every certificate of the deployment with something in the state, by its keys.
fn hold_deployed(
    context: &Context,
    around: &Surroundings,
    explicit: bool,
    yardstick: &mut Yardstick,
) -> Result<(), Failure> {
    let (Some(deployment), Some(store)) = (&around.deployment, &around.store) else {
        return Ok(());
    };
    for certificate in &deployment.certificates {
        let keys = keys_of(store, &certificate.name)
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
        if keys.is_empty() {
            continue;
        }
        match expectation::planned(deployment, certificate) {
            Ok(planned) => {
                let place = yardstick.holds.len();
                let hold = hold(context, deployment, certificate, planned);
                yardstick.holds.push(hold);
                for key in keys {
                    yardstick.by_key.entry(key).or_insert(place);
                }
            }
            Err(failure) if explicit => context.note(&render::explanation(&failure.explanation)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// What a certificate of the deployment is held against. Roots that cannot be read are told by its rows, and all else is
/// judged.
fn hold(
    context: &Context,
    deployment: &Deployment,
    certificate: &deployment::Certificate,
    planned: expectation::Planned,
) -> Hold {
    let trust = expectation::trust_of(context, deployment, certificate)
        .map_err(|failure| roots_unread(&certificate.issuer, failure));
    let (trust, unread) = match trust {
        Ok(trust) => (Some(trust), Vec::new()),
        Err(finding) => (None, vec![finding]),
    };
    Hold {
        name: certificate.name.to_string(),
        public: planned.profile.public,
        trust,
        unread,
        wanted: planned.wanted,
        whose: Whose::Ours,
    }
}

fn roots_unread(issuer: &Slug, failure: Failure) -> Finding {
    let told = failure.explanation;
    Finding::new(
        Code::CheckUnreadable,
        format!("issuer {issuer}"),
        format!("the roots of the issuer {issuer} cannot be read, so no chain is judged by them"),
        format!("{}: {}", told.what, told.why),
        told.mend,
    )
}

/// The keys of a lineage: those of its generations and of its requests.
fn keys_of(store: &Store, certificate: &Slug) -> Result<Vec<Fingerprint>, StoreError> {
    let generations = store.generations(certificate)?;
    let requests = store.requests(Some(certificate))?;
    Ok(generations
        .iter()
        .map(|record| &record.leaf.spki_sha256)
        .chain(requests.iter().map(|record| &record.spki_sha256))
        .filter_map(|text| Fingerprint::parse(text))
        .collect())
}

/// `--for`, `--name` and `--roots` hold for every target.
fn force(
    args: &CheckArgs,
    context: &Context,
    around: &Surroundings,
    yardstick: &mut Yardstick,
) -> Result<(), Failure> {
    let mut forced: Option<Hold> = None;
    if let Some(name) = &args.certificate {
        let deployment = match &around.deployment {
            Some(deployment) => deployment,
            None => &context.deployment()?,
        };
        let certificate = context.certificate(deployment, Some(name))?;
        let planned = expectation::planned(deployment, certificate)?;
        forced = Some(hold(context, deployment, certificate, planned));
    }
    if !args.name.is_empty() || !args.roots.is_empty() {
        let hold = forced.get_or_insert_with(|| Hold {
            name: "the command line".to_owned(),
            trust: None,
            unread: Vec::new(),
            wanted: Vec::new(),
            public: false,
            whose: Whose::Others,
        });
        if !args.name.is_empty() {
            hold.wanted = args.name.iter().map(expectation::wanted_of).collect();
        }
        if !args.roots.is_empty() {
            hold.trust = Some(context.trust(&args.roots, Path::new(""))?);
            hold.unread.clear();
        }
        yardstick.demanded = [Code::NamesSrvIdMissing, Code::NamesXmppAddrMissing]
            .into_iter()
            .filter(|code| expectation::is_demanded(*code, &args.name))
            .collect();
    }
    if let Some(hold) = forced {
        yardstick.forced = Some(yardstick.holds.len());
        yardstick.holds.push(hold);
    }
    Ok(())
}

/// Live endpoints whose leaf is none of ours are judged as a stranger would: by the roots of the deployment's issuers
/// that can be read; without a deployment by the system's.
pub(super) fn stranger(context: &Context, around: &Surroundings, yardstick: &mut Yardstick) {
    let found = match &around.deployment {
        Some(deployment) => Ok(roots_of_issuers(context, deployment)),
        None => {
            let system = context.trust(&[RootsSource::System], Path::new(""));
            system.map(|trust| (Some(trust), Vec::new()))
        }
    };
    let (trust, unread) = match found {
        Ok(found) => found,
        Err(failure) => return context.note(&render::explanation(&failure.explanation)),
    };
    let name = match &trust {
        Some(trust) => trust.name.clone(),
        None => "strangers".to_owned(),
    };
    yardstick.stranger = Some(yardstick.holds.len());
    yardstick.holds.push(Hold {
        name,
        trust,
        unread,
        wanted: Vec::new(),
        public: false,
        whose: Whose::Others,
    });
}

/// What can be read of them, each list of roots once, and what is to be said of the rest.
fn roots_of_issuers(
    context: &Context,
    deployment: &Deployment,
) -> (Option<TrustSet>, Vec<Finding>) {
    let (mut names, mut anchors, mut unread) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen: BTreeSet<&[RootsSource]> = BTreeSet::new();
    for issuer in deployment.issuers.values() {
        if !seen.insert(&issuer.roots) {
            continue;
        }
        let table = issuer.table();
        match context.trust_named_in(&issuer.roots, &deployment.base, Some(&table)) {
            Ok(trust) => {
                anchors.extend_from_slice(trust.anchors());
                names.push(trust.name);
            }
            Err(failure) => unread.push(roots_unread(&issuer.name, failure)),
        }
    }
    let trust = TrustSet::new(names.join(", "), anchors);
    ((!names.is_empty()).then_some(trust), unread)
}
