//! The whole passage of a reply: whose it is, its key, the verdict, the next generation.
//!
//! What was found is told before it is judged, so that a person sees what was refused. Nothing is written before the
//! verdict; the generation then appears whole.

use super::complete::complete;
use super::judge::{Before, Current, Judged, NO_DEPLOYMENT, judge};
use super::keep::keep;
use super::scene::Scene;
use super::sealed::{SealedPair, sealed_of};
use super::seen::Seen;
use super::sources::{
    brought_key, given_roots, held_against, load_key, partner_roots, passphrase_of, previous_chain,
};
use super::tell;
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::expectation::{self, ForCertificate};
use crate::cli::output::Failure;
use crate::cli::request::{open_if_there, store_failure};
use crate::deployment::{self, Deployment, RootsSource};
use crate::explain::{Explanation, printable};
use crate::findings::{Code, Report};
use crate::import::{
    Asked, ImportError, Imported, KeySource, Passage, ReplyFile, import_reply, sort_reply,
};
use crate::names::Slug;
use crate::store::{
    self, Accepted, CertificateSummary, GenerationRecord, Lease, RequestState, Source, Store,
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
    /// Under which certificate; `None`: that of the request it answers.
    pub certificate: Option<&'a Slug>,
    /// The key.
    pub key: KeyGiven,
    /// Roots instead of the issuer's.
    pub roots: &'a [RootsSource],
    /// Opens PKCS#12 files and encrypted keys among the files, and the key brought along; `None`: that of the
    /// certificate's stored keys.
    pub passphrase: Option<&'a Passphrase>,
    /// Whether missing intermediates are fetched.
    pub fetch: Fetch,
    /// Findings let through knowingly, with why.
    pub accept: &'a [Override],
    /// Judge, and write nothing.
    pub dry_run: bool,
    /// What other writers that wait are told.
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
    /// What the files held besides the chain, and what was fetched.
    pub intake: Seen,
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

/// The same under a lease that is held already (`None`: no state yet, or a dry run).
pub fn take_in_under(
    context: &Context,
    deployment: Option<&Deployment>,
    intake: &Intake<'_>,
    store: Option<Store>,
    lease: Option<Lease>,
) -> Result<Taken, Failure> {
    let mut scene = Scene::of(deployment, store.as_ref(), intake)?;
    let (certificate, source) = scene.settle(context, intake)?;
    let ground = Ground::of(context, deployment, &certificate, intake)?;
    let (imported, seen) = pass(context, &scene, &ground, store.as_ref(), intake)?;
    let told = tell::found(&imported, &seen, ground.trust(), context.now);
    context.say(told.trim_end());

    let generations = match &store {
        Some(store) => store
            .generations(&certificate)
            .map_err(|error| store_failure(&error))?,
        None => Vec::new(),
    };
    let leaf = CertificateSummary::of(&imported.bundle.chain().leaf);
    let chain_sha256 = digests(imported.bundle.chain());
    let sealed_as = sealed_of(intake).map(SealedPair::name);
    let known = generations
        .iter()
        .rev()
        .find(|one| one.leaf.sha256 == leaf.sha256 && one.chain_sha256 == chain_sha256);
    if let Some(known) = known {
        return Ok(Taken {
            certificate,
            number: known.number,
            fate: Fate::Known,
            intake: seen,
            not_needed: Vec::new(),
            chain: imported.bundle.chain().clone(),
            answers: imported.answers,
            source,
            sealed_as,
            report: Report::default(),
            accepted: known.accepted.clone(),
            not_judged: Vec::new(),
            forecasts: Vec::new(),
        });
    }
    if let Some(store) = &store {
        refuse_barred(store, &leaf)?;
    }
    let last = generations.last().map(|last| last.number);
    let past = Past::of(store.as_ref(), &certificate, last)?;
    let mut judged = past.judge(context, &ground, intake, imported)?;
    if deployment.is_some() && ground.own.is_none() {
        for told in &mut judged.not_judged {
            if *told == NO_DEPLOYMENT {
                *told = "the names of a plan (the deployment has no such certificate)";
            }
        }
    }
    let chain = judged.bundle.bundle().chain().clone();
    ground.warn_of_roots(context, &chain);
    let mut taken = Taken {
        certificate,
        number: last.map_or(1, |last| last.saturating_add(1)),
        fate: Fate::WouldBe,
        chain,
        answers: judged.answers,
        source,
        sealed_as,
        report: judged.report,
        accepted: judged.accepted,
        not_needed: judged.not_needed,
        not_judged: judged.not_judged,
        forecasts: judged.forecasts,
        intake: seen,
    };
    if intake.dry_run {
        return Ok(taken);
    }
    let key = judged.bundle.bundle().key();
    let key_pem = key
        .to_pem(ground.secret.as_ref())
        .map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let mut lease = match lease {
        Some(lease) => lease,
        None => first_lease(context, deployment, intake.command)?,
    };
    if let Some(asked) = scene.of_folder.take() {
        let (name, key) = (&taken.certificate, &leaf.spki_sha256);
        scene.of_folder = keep(&mut lease, intake, &asked, name, key, key_pem.as_bytes())?;
    }
    let record = scene.record(context, &taken, sealed_of(intake), leaf, chain_sha256);
    taken.number = put(
        &mut lease,
        &scene,
        &record,
        &taken.chain,
        key_pem.as_bytes(),
    )?;
    taken.fate = Fate::New;
    Ok(taken)
}

/// What a reply is held against.
struct Ground<'a> {
    /// The certificate in the deployment.
    own: Option<&'a deployment::Certificate>,
    /// Opens its stored keys, and closes the new one.
    secret: Option<Passphrase>,
    held: Option<ForCertificate>,
    /// By `--roots`.
    given: Option<TrustSet>,
    /// The issuer's own, where others are given.
    issuers: Option<Result<TrustSet, Failure>>,
}

impl<'a> Ground<'a> {
    /// Effects: reads the passphrase and roots.
    fn of(
        context: &Context,
        deployment: Option<&'a Deployment>,
        certificate: &Slug,
        intake: &Intake<'_>,
    ) -> Result<Self, Failure> {
        let own = deployment.and_then(|deployment| deployment.certificate(certificate));
        let given = given_roots(context, intake.roots)?;
        Ok(Self {
            own,
            secret: passphrase_of(deployment, own)?,
            held: held_against(context, deployment, own, given.as_ref())?,
            issuers: match (&given, deployment, own) {
                (Some(_), Some(deployment), Some(own)) => {
                    Some(expectation::trust_of(context, deployment, own))
                }
                _ => None,
            },
            given,
        })
    }

    /// The roots by which the chain is judged.
    fn trust(&self) -> Option<&TrustSet> {
        let given = self.given.as_ref();
        given.or(self.held.as_ref().map(|held| &held.trust))
    }

    /// Where `--roots` alone let the chain hold, `assign` and `check` will see it otherwise.
    fn warn_of_roots(&self, context: &Context, chain: &Chain) {
        let (Some(issuers), Some(own)) = (&self.issuers, self.own) else {
            return;
        };
        let lacks = match issuers {
            Ok(trust) => {
                let mut anchors = trust.anchors().iter();
                if anchors.any(|root| chain.certificates().any(|one| one.is_signed_by(root))) {
                    return;
                }
                "none of those signed it; add it there".to_owned()
            }
            Err(failure) => format!("{}; mend that first", failure.explanation.what),
        };
        context.note(&format!(
            "warning: the chain holds with --roots alone: `assign` and `check` go by `roots` in [issuer.{}], and {lacks}\n",
            own.issuer
        ));
    }
}

/// The passage through `import`, with its key, and what lacks fetched where that was asked for.
fn pass(
    context: &Context,
    scene: &Scene<'_>,
    ground: &Ground<'_>,
    store: Option<&Store>,
    intake: &Intake<'_>,
) -> Result<(Imported, Seen), Failure> {
    let secret = ground.secret.as_ref();
    let opens = intake.passphrase.or(secret);
    let key = brought_key(intake, opens)?;
    let anchors = ground.trust().map(TrustSet::anchors).unwrap_or_default();
    let wanted: Vec<Fingerprint> = match &key {
        Some((_, key)) => vec![key.spki_sha256()],
        None => scene.asked.iter().map(|one| one.spki_sha256).collect(),
    };
    let completed = complete(context, intake.files, intake.fetch, &|files| {
        sort_reply(files, opens, &wanted, anchors).ok()
    });
    let mut load = |asked: &Asked| load_key(store, asked, secret);
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
        imported_elsewhere(&error, store, intake.certificate).unwrap_or(refused(&error))
    })?;
    let seen = Seen::of(&imported, completed.fetched, context.now);
    Ok((imported, seen))
}

/// The generations that a new one is compared with.
struct Past {
    /// The newest, if it can be read.
    newest: Option<Chain>,
    /// The one on the gateways.
    current: Option<Current>,
}

impl Past {
    fn of(store: Option<&Store>, certificate: &Slug, last: Option<u32>) -> Result<Self, Failure> {
        let Some(store) = store else {
            return Ok(Self {
                newest: None,
                current: None,
            });
        };
        Ok(Self {
            newest: last.and_then(|last| previous_chain(store, certificate, last)),
            current: served_now(store, certificate)?,
        })
    }

    /// The verdict.
    fn judge(
        self,
        context: &Context,
        ground: &Ground<'_>,
        intake: &Intake<'_>,
        imported: Imported,
    ) -> Result<Judged, Failure> {
        let held = ground.held.as_ref();
        let before = self.newest.as_ref().map(|chain| Before {
            chain,
            partners: partner_roots(held),
        });
        let trust = ground.trust();
        judge(
            context.now,
            held,
            trust,
            intake,
            imported,
            before,
            self.current,
        )
    }
}

/// The lease of a state that is made for its first generation.
fn first_lease(
    context: &Context,
    deployment: Option<&Deployment>,
    command: &str,
) -> Result<Lease, Failure> {
    let folder = context.state_directory(deployment);
    let store = Store::create(&folder, context.now).map_err(|error| store_failure(&error))?;
    context.lease(&store, deployment, command)
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
            .known()
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
