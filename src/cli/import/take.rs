//! The whole passage of a reply: whose it is, its key, the verdict, the next generation.
//!
//! What was found is told before it is judged, so that a person sees what was refused. Nothing is written before the
//! verdict; the generation then appears whole.

use super::complete::complete;
use super::judge::{Before, Current, Judged, judge};
use super::sealed::{SealedPair, sealed_of};
use super::seen::Seen;
use super::sources::{
    asked_of, brought_key, given_roots, held_against, load_key, partner_roots, passphrase_of,
    previous_chain, read_record,
};
use super::tell;
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::expectation;
use crate::cli::output::Failure;
use crate::cli::request::{flags, open_if_there, store_failure, wanted};
use crate::deployment::{Deployment, RootsSource};
use crate::explain::{Explanation, printable};
use crate::findings::{Code, Report};
use crate::import::{Asked, ImportError, KeySource, Passage, ReplyFile, import_reply, sort_reply};
use crate::names::Slug;
use crate::store::{
    self, Accepted, CertificateSummary, GenerationRecord, Lease, RequestRecord, RequestState,
    Source, Store,
};
use crate::verify::{Forecast, Override, TrustSet};
use crate::x509::{Chain, Fingerprint, Passphrase};
use std::path::PathBuf;

/// Where the key comes from.
#[derive(Debug, Clone)]
pub enum KeyGiven {
    /// From the request in the ledger that the leaf answers.
    Ledger,
    /// From the folder of a request made with `--out`.
    Folder(PathBuf),
    /// From a file.
    File(PathBuf),
    /// It stands in the files beside the leaf: `--adopt`.
    Beside,
    /// It came with the chain in a sealed bundle.
    Sealed(Box<SealedPair>),
}

/// Whether the network may be asked for intermediates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// No: an import opens no connection.
    Nothing,
    /// What the files lack, from where the certificates say it lies.
    Missing,
}

/// What is to be taken in, and how.
#[derive(Debug)]
pub struct Intake<'a> {
    /// The files, read.
    pub files: &'a [ReplyFile],
    /// Under which certificate; none: that of the request it answers.
    pub certificate: Option<&'a Slug>,
    /// The key.
    pub key: KeyGiven,
    /// Roots instead of the issuer's.
    pub roots: &'a [RootsSource],
    /// Opens PKCS#12 files and encrypted keys among the files, and the key brought along; none: that of the
    /// certificate's stored keys.
    pub passphrase: Option<&'a Passphrase>,
    /// Whether missing intermediates are fetched.
    pub fetch: Fetch,
    /// Findings let through knowingly, with why.
    pub accept: &'a [Override],
    /// Judge, and write nothing.
    pub dry_run: bool,
    /// What other writers are told that wait.
    pub command: &'a str,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is a new generation.
    New,
    /// This very chain is a generation already.
    Known,
    /// It would be one: a dry run.
    WouldBe,
}

/// A reply that was taken in.
#[derive(Debug)]
pub struct Taken {
    /// The lineage.
    pub certificate: Slug,
    /// The generation.
    pub number: u32,
    /// Whether it is new.
    pub fate: Fate,
    /// Leaf and intermediates.
    pub chain: Chain,
    /// The request it answers.
    pub answers: Option<Asked>,
    /// How it came in.
    pub source: Source,
    /// The generation that was sealed, by its name there.
    pub sealed_as: Option<String>,
    /// Granted against asked, and the verdict.
    pub report: Report,
    /// What was let through.
    pub accepted: Vec<Accepted>,
    /// What could not be judged, and why.
    pub not_judged: Vec<&'static str>,
    /// What each partner will make of it.
    pub forecasts: Vec<Forecast>,
    /// Codes of `--accept` that stood for no error.
    pub not_needed: Vec<Code>,
    /// What the files held beside the chain, and what was fetched.
    pub intake: Seen,
}

/// What is known of the surroundings before the reply is looked at.
struct Scene<'a> {
    deployment: Option<&'a Deployment>,
    /// Requests by key, those of a folder included.
    asked: Vec<Asked>,
    records: Vec<RequestRecord>,
}

/// Takes a reply in, or an existing pair.
///
/// Errors: refused when it answers nothing, cannot be read, or a finding of level error stands. Effects: reads roots,
/// takes the lease of the state, writes one generation.
pub fn take_in(
    context: &Context,
    deployment: Option<&Deployment>,
    intake: &Intake<'_>,
) -> Result<Taken, Failure> {
    let store = open_if_there(context, deployment)?;
    let lease = match &store {
        Some(store) if !intake.dry_run => Some(context.lease(store, deployment, intake.command)?),
        Some(_) | None => None,
    };
    take_in_under(context, deployment, intake, store, lease)
}

/// The same under a lease that is held already (none: no state yet, or a dry run).
pub fn take_in_under(
    context: &Context,
    deployment: Option<&Deployment>,
    intake: &Intake<'_>,
    store: Option<Store>,
    mut lease: Option<Lease>,
) -> Result<Taken, Failure> {
    let records = match &store {
        Some(store) => store
            .requests(intake.certificate)
            .map_err(|error| store_failure(&error))?,
        None => Vec::new(),
    };
    let mut asked = Vec::with_capacity(records.len());
    for record in &records {
        asked.extend(asked_of(deployment, record));
    }
    let mut scene = Scene {
        deployment,
        asked,
        records,
    };
    let (certificate, source_kind) = scene.settle(context, intake)?;
    let own = deployment.and_then(|deployment| deployment.certificate(&certificate));
    let secret = passphrase_of(deployment, own)?;
    let held = held_against(context, deployment, own)?;
    let given = given_roots(context, intake.roots)?;
    let trust = given.as_ref().or(held.as_ref().map(|held| &held.trust));

    let opens = intake.passphrase.or(secret.as_ref());
    let key = brought_key(intake, opens)?;
    let sealed_as = sealed_of(intake).map(SealedPair::name);
    let anchors = trust.map(TrustSet::anchors).unwrap_or_default();
    let wanted: Vec<Fingerprint> = match &key {
        Some((_, key)) => vec![key.spki_sha256()],
        None => scene.asked.iter().map(|one| one.spki_sha256).collect(),
    };
    let completed = complete(context, intake.files, intake.fetch, &|files| {
        sort_reply(files, opens, &wanted, anchors).ok()
    });
    let mut load = |asked: &Asked| load_key(store.as_ref(), asked, secret.as_ref());
    let source = match (key, &intake.key) {
        (Some((place, key)), _) => KeySource::Brought(place, key),
        (None, KeyGiven::Beside) => KeySource::Files,
        (
            None,
            KeyGiven::Ledger | KeyGiven::Folder(_) | KeyGiven::File(_) | KeyGiven::Sealed(_),
        ) => KeySource::Ledger(&mut load),
    };
    let passage = Passage {
        files: &completed.files,
        asked: &scene.asked,
        roots: anchors,
        passphrase: opens,
    };
    let imported = import_reply(&passage, source).map_err(|error| {
        imported_elsewhere(&error, store.as_ref(), intake.certificate).unwrap_or(refused(&error))
    })?;
    let seen = Seen::of(&imported, completed.fetched, context.now);
    context.say(tell::found(&imported, &seen, trust, context.now).trim_end());

    let generations = match &store {
        Some(store) => store
            .generations(&certificate)
            .map_err(|error| store_failure(&error))?,
        None => Vec::new(),
    };
    let summary = CertificateSummary::of(&imported.bundle.chain().leaf);
    let chain_sha256 = digests(imported.bundle.chain());
    let known = generations
        .iter()
        .rev()
        .find(|one| one.leaf.sha256 == summary.sha256 && one.chain_sha256 == chain_sha256);
    if let Some(known) = known {
        return Ok(Taken {
            certificate,
            number: known.number,
            fate: Fate::Known,
            intake: seen,
            not_needed: Vec::new(),
            chain: imported.bundle.chain().clone(),
            answers: imported.answers,
            source: source_kind,
            sealed_as,
            report: Report::default(),
            accepted: known.accepted.clone(),
            not_judged: Vec::new(),
            forecasts: Vec::new(),
        });
    }

    if let Some(store) = &store {
        refuse_barred(store, &summary)?;
    }
    let previous = match (&store, generations.last()) {
        (Some(store), Some(last)) => previous_chain(store, &certificate, last.number),
        (Some(_) | None, _) => None,
    };
    let current = match &store {
        Some(store) => served_now(store, &certificate)?,
        None => None,
    };
    let judged = judge(
        context.now,
        held.as_ref(),
        trust,
        intake,
        imported,
        previous.as_ref().map(|chain| Before {
            chain,
            partners: partner_roots(held.as_ref()),
        }),
        current,
    )?;
    let Judged {
        bundle,
        report,
        accepted,
        not_needed,
        not_judged,
        answers,
        forecasts,
    } = judged;
    let chain = bundle.bundle().chain().clone();
    if let (Some(_), Some(held), Some(own)) = (&given, &held, own) {
        let anchors = held.trust.anchors();
        let is_known = anchors
            .iter()
            .any(|root| chain.certificates().any(|one| one.is_signed_by(root)));
        if !is_known {
            context.note(&format!(
                "warning: the chain holds with --roots alone: `assign` and `check` go by `roots` in [issuer.{}], and none of those signed it; add it there\n",
                own.issuer
            ));
        }
    }
    let next = generations
        .last()
        .map_or(1, |last| last.number.saturating_add(1));
    let mut taken = Taken {
        certificate,
        number: next,
        fate: Fate::WouldBe,
        chain,
        answers,
        source: source_kind,
        sealed_as,
        report,
        accepted,
        not_needed,
        not_judged,
        forecasts,
        intake: seen,
    };
    if intake.dry_run {
        return Ok(taken);
    }
    let record = scene.record(context, &taken, sealed_of(intake), summary, chain_sha256);
    let key_pem = bundle
        .bundle()
        .key()
        .to_pem(secret.as_ref())
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    if lease.is_none() {
        let folder = context.state_directory(deployment);
        let store = Store::create(&folder, context.now).map_err(|error| store_failure(&error))?;
        lease = Some(context.lease(&store, deployment, intake.command)?);
    }
    if let Some(lease) = lease.as_mut() {
        taken.number = put(lease, &scene, &record, &taken.chain, key_pem.as_bytes())?;
        taken.fate = Fate::New;
    }
    Ok(taken)
}

fn put(
    lease: &mut Lease,
    scene: &Scene<'_>,
    record: &GenerationRecord,
    chain: &Chain,
    key_pem: &[u8],
) -> Result<u32, Failure> {
    let pending = record.request.as_deref().is_some_and(|id| {
        scene
            .records
            .iter()
            .any(|one| one.id == id && one.state == RequestState::Pending)
    });
    // The key of a pending request moves as it lies there; any other is written as it was read.
    let key = if pending {
        store::KeySource::Request
    } else {
        store::KeySource::Given(key_pem)
    };
    let (leaf, rest) = (chain.leaf.to_pem(), chain.chain_pem());
    lease
        .put_generation(record, leaf.as_bytes(), rest.as_bytes(), key)
        .map_err(|error| store_failure(&error))
}

/// Refuses a certificate for a key that is marked as compromised: it could never be served.
fn refuse_barred(store: &Store, summary: &CertificateSummary) -> Result<(), Failure> {
    let barred = store
        .barred_key(&summary.spki_sha256)
        .map_err(|error| store_failure(&error))?;
    let Some(barred) = barred else {
        return Ok(());
    };
    let place = format!("{}/{}", printable(&barred.certificate), barred.generation);
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "import.key-compromised",
            what: "this certificate is for a key that must not be used again".into(),
            place: printable(&summary.subject),
            why: format!("the key was marked as compromised with {place}"),
            mend: format!(
                "have the CA revoke it (serial {}, reason keyCompromise), and ask for one with another key: `edgecert rekey`",
                summary.serial
            ),
        },
    ))
}

/// The generation on the gateways, if one was assigned and can be read.
fn served_now(store: &Store, certificate: &Slug) -> Result<Option<Current>, Failure> {
    let record = store
        .assignment(certificate)
        .map_err(|error| store_failure(&error))?;
    Ok(record.current.and_then(|number| {
        let chain = previous_chain(store, certificate, number)?;
        Some(Current { number, chain })
    }))
}

impl Scene<'_> {
    /// Under which certificate it goes, and whether it is a reply or an adoption.
    fn settle(
        &mut self,
        context: &Context,
        intake: &Intake<'_>,
    ) -> Result<(Slug, Source), Failure> {
        let fallback = |deployment: Option<&Deployment>| match deployment {
            Some(deployment) => context
                .certificate(deployment, None)
                .map(|one| one.name.clone()),
            None => wanted::default_certificate(),
        };
        match &intake.key {
            KeyGiven::Folder(folder) => {
                let record = read_record(folder)?;
                let name = flags::certificate("request.json", &record.certificate)?;
                // Known by its folder, and not by an id of the ledger.
                let asked = asked_of(self.deployment, &record).map(|asked| Asked {
                    request: folder.display().to_string(),
                    csr: Some(folder.join("csr.pem").display().to_string()),
                    ..asked
                });
                self.asked.extend(asked);
                Ok((intake.certificate.cloned().unwrap_or(name), Source::Import))
            }
            KeyGiven::Beside => {
                let name = match intake.certificate {
                    Some(name) => name.clone(),
                    None => fallback(self.deployment)?,
                };
                Ok((name, Source::Adopt))
            }
            KeyGiven::Sealed(pair) => {
                let there = &pair.certificate;
                let name = intake.certificate.unwrap_or(there);
                Ok((name.clone(), Source::Sealed))
            }
            KeyGiven::Ledger | KeyGiven::File(_) => {
                let keys: Vec<Fingerprint> = self.asked.iter().map(|one| one.spki_sha256).collect();
                let secret = self.secret_before(context, intake)?;
                let opens = intake.passphrase.or(secret.as_ref());
                let reply =
                    sort_reply(intake.files, opens, &keys, &[]).map_err(|error| refused(&error))?;
                let leaf = reply.chain.leaf.facts().spki_sha256;
                let answered = self.asked.iter().rev().find(|one| one.spki_sha256 == leaf);
                let name = match (intake.certificate, answered) {
                    (Some(name), _) => name.clone(),
                    (None, Some(asked)) => asked.certificate.clone(),
                    // The passage will say that it answers nothing; the name does not matter then.
                    (None, None) if matches!(intake.key, KeyGiven::Ledger) => {
                        wanted::default_certificate()?
                    }
                    (None, None) => fallback(self.deployment)?,
                };
                Ok((name, Source::Import))
            }
        }
    }

    /// The passphrase of stored keys, before it is known whose reply it is: that of the certificate named, or of the
    /// only one.
    fn secret_before(
        &self,
        context: &Context,
        intake: &Intake<'_>,
    ) -> Result<Option<Passphrase>, Failure> {
        if intake.passphrase.is_some() {
            return Ok(None);
        }
        let Some(deployment) = self.deployment else {
            return Ok(None);
        };
        let own = match intake.certificate {
            Some(name) => deployment.certificate(name),
            None => context.certificate(deployment, None).ok(),
        };
        passphrase_of(Some(deployment), own)
    }

    fn record(
        &self,
        context: &Context,
        taken: &Taken,
        sealed: Option<&SealedPair>,
        leaf: CertificateSummary,
        chain_sha256: Vec<String>,
    ) -> GenerationRecord {
        let request = taken.answers.as_ref().and_then(|asked| {
            self.records.iter().find(|record| {
                record.id == asked.request && record.certificate == taken.certificate.as_str()
            })
        });
        let own = self
            .deployment
            .and_then(|all| all.certificate(&taken.certificate));
        let settings = self.deployment.map(|all| all.key_of(&taken.certificate));
        let of_deployment = || {
            let deployment = self.deployment?;
            let issuer = deployment.issuer_of(own?)?;
            expectation::profile(deployment, issuer)
                .ok()
                .map(|profile| profile.name)
        };
        GenerationRecord {
            certificate: taken.certificate.to_string(),
            number: taken.number,
            created: context.now,
            source: taken.source,
            request: request.map(|record| record.id.clone()),
            sealed_as: taken.sealed_as.clone(),
            leaf,
            chain_sha256,
            issuer_profile: request
                .map(|record| record.issuer_profile.clone())
                .or_else(|| sealed.and_then(|pair| pair.record.issuer_profile.clone()))
                .or_else(of_deployment),
            accepted: taken.accepted.clone(),
            exportable: sealed.is_none_or(|pair| pair.record.exportable)
                && request.map_or_else(
                    || settings.is_none_or(|settings| settings.exportable),
                    |record| record.exportable,
                ),
            compromised: false,
        }
    }
}

/// A leaf that answers no request of the certificate that was named, because a generation of another has its key.
fn imported_elsewhere(
    error: &ImportError,
    store: Option<&Store>,
    named: Option<&Slug>,
) -> Option<Failure> {
    let ImportError::Stranger(one) = error else {
        return None;
    };
    let (store, named) = (store?, named?);
    let key = one.key.to_string();
    let (name, number) = store.certificates().ok()?.into_iter().find_map(|name| {
        let all = store.generations(&name).ok()?;
        let of_key = all.iter().rev().find(|one| one.leaf.spki_sha256 == key)?;
        // One that was adopted answered no request, there as here.
        (of_key.request.is_some() && name != *named).then_some((name, of_key.number))
    })?;
    let mut failure = refused(error);
    failure.explanation.why = format!(
        "its public key is {}, which {name}/{number} has already",
        one.key.short()
    );
    failure.explanation.mend =
        format!("import it as {name}: the same without --cert, or with --cert {name}");
    Some(failure)
}

pub(super) fn refused(error: &ImportError) -> Failure {
    Failure::from_error(FailureKind::Refused, error)
}

fn digests(chain: &Chain) -> Vec<String> {
    chain
        .intermediates
        .iter()
        .map(|one| one.facts().sha256.to_string())
        .collect()
}
