//! What is judged, and against what: a generation of the state, or files.

use super::read::{damaged_finding, no_such_item, read_key, store_failure, unreadable};
use super::{ProfileWord, VerifyArgs};
use crate::check::{Hold, Whose};
use crate::cli::exit::FailureKind;
use crate::cli::expectation::{self, ForCertificate};
use crate::cli::output::Failure;
use crate::cli::{Context, import, passphrase};
use crate::deployment::{Deployment, LifeLeft, PassphraseSource, RootsSource};
use crate::explain::{Explanation, printable};
use crate::findings::{Code, Finding, Severity};
use crate::names::Slug;
use crate::store::{Store, atomic};
use crate::verify::{Expectation, Peer, TrustSet};
use crate::x509::container::{self, Contents};
use crate::x509::{About, Certificate, Fingerprint, PrivateKey, X509Error};
use std::path::Path;
use time::OffsetDateTime;

/// What is judged, and against what.
pub(super) struct Case {
    /// For people: `external-edge/4`, a path.
    pub(super) subject: String,
    /// Leaf first.
    pub(super) chain: Vec<Certificate>,
    pub(super) key: Option<PrivateKey>,
    /// Why there is no key to compare.
    pub(super) key_missing: String,
    /// Findings from reading.
    pub(super) damaged: Vec<Finding>,
    pub(super) hold: Hold,
    /// Whether the system's roots stand in for an issuer that is not known.
    pub(super) by_system_roots: bool,
    /// Whether it is shown to SIP peers that verify clients.
    pub(super) proves_sip: bool,
    /// The partners that will meet it.
    pub(super) partners: Vec<Peer>,
    /// Warn when less is left of its life.
    pub(super) warn_below: Option<LifeLeft>,
}

pub(super) fn case(
    args: &VerifyArgs,
    context: &Context,
    at: OffsetDateTime,
) -> Result<Case, Failure> {
    match args.items.as_slice() {
        [] => generation(args, context, None, None, at),
        [only] => match lineage(context, only)? {
            Some((name, number)) => generation(args, context, Some(&name), number, at),
            None => files(args, context, at),
        },
        _ => files(args, context, at),
    }
}

/// The certificate that a word names, if it does; a word that can be nothing else and names none is an error.
fn lineage(context: &Context, word: &str) -> Result<Option<(Slug, Option<u32>)>, Failure> {
    let (name, number) = match word.split_once('/') {
        None => (word, None),
        Some((name, number)) => match number.parse::<u32>() {
            Ok(number) if number > 0 => (name, Some(number)),
            Ok(_) | Err(_) => return Ok(None),
        },
    };
    let Ok(name) = Slug::parse(name) else {
        return Ok(None);
    };
    let exists = Path::new(word).exists();
    let deployment = match context.find_deployment() {
        Ok(found) => found,
        // A file can be judged beside a deployment that cannot be read.
        Err(_) if exists => return Ok(None),
        Err(failure) => return Err(failure),
    };
    if let Some(found) = &deployment
        && found.certificate(&name).is_some()
    {
        return Ok(Some((name, number)));
    }
    if exists {
        return Ok(None);
    }
    let stored = Store::open(&context.state_directory(deployment.as_ref()))
        .and_then(|store| store.certificates());
    match (stored, &deployment) {
        (Ok(known), _) if known.contains(&name) => Ok(Some((name, number))),
        (_, Some(found)) => context
            .certificate(found, Some(&name))
            .map(|_| Some((name.clone(), number)))
            .map_err(|mut failure| {
                let why = &mut failure.explanation.why;
                why.push_str("; and there is no file of this name");
                failure
            }),
        (_, None) => Ok(None),
    }
}

fn generation(
    args: &VerifyArgs,
    context: &Context,
    name: Option<&Slug>,
    number: Option<u32>,
    at: OffsetDateTime,
) -> Result<Case, Failure> {
    let found = context.find_deployment()?;
    let state = context.state_directory(found.as_ref());
    let store = Store::open(&state).map_err(|error| store_failure(&error))?;
    let name = match (name, &found) {
        (Some(name), _) => name.clone(),
        (None, Some(deployment)) => context.certificate(deployment, None)?.name.clone(),
        (None, None) => only_stored(&store)?,
    };
    let number = match number {
        Some(number) => number,
        None => newest(&store, &name)?,
    };
    let files = store
        .generation_files(&name, number)
        .map_err(|error| store_failure(&error))?;
    let subject = format!("{name}/{number}");
    let contents =
        container::read(&files.fullchain, None).map_err(|error| unreadable(&subject, &error))?;
    let certificate = found
        .as_ref()
        .and_then(|deployment| deployment.certificate(&name));
    let (source, base) = match &found {
        Some(deployment) => (
            deployment.key_of(&name).passphrase.as_ref(),
            deployment.base.as_path(),
        ),
        None => (None, Path::new("")),
    };
    let opened = passphrase::open_stored(&files.key, source, base, &subject);
    let (key, key_missing, damaged) = match opened {
        Ok(key) => (Some(key), String::new(), Vec::new()),
        Err(finding) => (None, finding.why.clone(), vec![*finding]),
    };
    let expected = match (&found, certificate) {
        (Some(deployment), Some(certificate)) => Some(expectation::for_certificate_by(
            context,
            deployment,
            certificate,
            given_roots(args, context)?.as_ref(),
            at,
        )?),
        _ => None,
    };
    let planned = expected.is_some();
    let partners = expected
        .as_ref()
        .map(|expected| expected.partners.clone())
        .unwrap_or_default();
    let proves_sip = expected
        .as_ref()
        .is_some_and(|expected| expected.proves_sip);
    let warn_below = expected
        .as_ref()
        .map_or(Expectation::new(at).warn_below, |expected| {
            Some(LifeLeft::Share(expected.renew_at))
        });
    let mut hold = match expected {
        Some(expected) => held(expected),
        None => plain_hold(args, context)?,
    };
    lay_over(args, context, &mut hold)?;
    Ok(Case {
        subject,
        chain: contents
            .certificates
            .into_iter()
            .map(|(_, one)| one)
            .collect(),
        key,
        key_missing,
        damaged,
        hold,
        by_system_roots: !planned,
        proves_sip,
        partners,
        warn_below,
    })
}

fn only_stored(store: &Store) -> Result<Slug, Failure> {
    let known = store
        .certificates()
        .map_err(|error| store_failure(&error))?;
    match known.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(Failure::usage(
            "what to verify is not clear",
            format!("the state holds {} certificates", known.len()),
            "name a certificate, or files",
        )),
    }
}

fn newest(store: &Store, name: &Slug) -> Result<u32, Failure> {
    let generations = store
        .generations(name)
        .map_err(|error| store_failure(&error))?;
    generations
        .iter()
        .map(|record| record.number)
        .max()
        .ok_or_else(|| {
            Failure::new(
                FailureKind::Failed,
                Explanation {
                    code: "verify.no-generation",
                    what: format!("{name} has no generation to verify"),
                    place: store.folder().display().to_string(),
                    why: "no reply was imported yet".to_owned(),
                    mend: "`edgecert import FILE` takes the CA's reply in; a file is named ./NAME"
                        .to_owned(),
                },
            )
        })
}

fn held(expected: ForCertificate) -> Hold {
    Hold {
        name: expected.trust.name.clone(),
        public: expected.profile.public,
        unread: Vec::new(),
        trust: Some(expected.trust),
        wanted: expected.wanted,
        whose: Whose::Ours,
    }
}

/// The system's roots and no name.
fn plain_hold(args: &VerifyArgs, context: &Context) -> Result<Hold, Failure> {
    let trust = match args.roots.is_empty() {
        true => Some(context.trust(&[RootsSource::System], Path::new(""))?),
        false => None,
    };
    Ok(Hold {
        unread: Vec::new(),
        name: "system".to_owned(),
        trust,
        wanted: Vec::new(),
        public: args.roots.is_empty() && args.profile == ProfileWord::WebPki,
        whose: Whose::Others,
    })
}

/// The roots of `--roots`.
fn given_roots(args: &VerifyArgs, context: &Context) -> Result<Option<TrustSet>, Failure> {
    let given = (!args.roots.is_empty()).then(|| context.trust(&args.roots, Path::new("")));
    given.transpose()
}

/// `--roots` and `--name` count before what the deployment says.
fn lay_over(args: &VerifyArgs, context: &Context, hold: &mut Hold) -> Result<(), Failure> {
    if let Some(trust) = given_roots(args, context)? {
        hold.name = trust.name.clone();
        hold.trust = Some(trust);
        let all_public = args.roots.iter().all(|source| match source {
            RootsSource::System | RootsSource::Mozilla => true,
            RootsSource::Path(_) => false,
        });
        hold.public = args.profile == ProfileWord::WebPki && (all_public || args.strict);
    }
    if !args.name.is_empty() {
        hold.wanted = args
            .name
            .iter()
            .filter_map(|name| name.identifier().as_ref().map(expectation::wanted_of))
            .collect();
    }
    Ok(())
}

/// What the files hold.
#[derive(Default)]
struct Read {
    certificates: Vec<Certificate>,
    keys: Vec<PrivateKey>,
    requests: usize,
    damaged: Vec<Finding>,
    /// What nobody can look into, and where.
    closed: Vec<(String, X509Error)>,
}

fn files(args: &VerifyArgs, context: &Context, at: OffsetDateTime) -> Result<Case, Failure> {
    let mut read = Read::default();
    let mut first_count = 0;
    let source = args.passphrase_file.clone().map(PassphraseSource::File);
    if args.items.iter().any(|item| item == "-") {
        passphrase::insist_on_another_input(args.passphrase_file.as_deref())?;
    }
    let passphrase = passphrase::typed(source.as_ref())?;
    for (index, item) in args.items.iter().enumerate() {
        let bytes = match item.as_str() {
            "-" => import::read(Path::new("-"))?.bytes.into(),
            path => atomic::read_secret(Path::new(path), container::MAX_BYTES as u64)
                .map_err(|error| no_such_item(context, item, &error))?,
        };
        match container::read(&bytes, passphrase.as_ref()) {
            // Nothing is known of what lies in it.
            Err(error) if error.is_closed() || error.about() == About::ClosedArchive => {
                return Err(unreadable(item, &error));
            }
            Ok(contents) => read.take(item, contents),
            Err(error) => read.damaged.push(damaged_finding(item, "", &error)),
        }
        if index == 0 {
            first_count = read.certificates.len();
        }
    }
    let none = read.certificates.is_empty();
    let is_error = |one: &Finding| one.severity == Severity::Error;
    if let (true, Some((place, error))) = (none, read.closed.first()) {
        return Err(unreadable(place, error));
    }
    let beside = read.closed.iter();
    read.damaged
        .extend(beside.map(|(place, error)| damaged_finding(place, "", error)));
    if none && !read.damaged.iter().any(is_error) {
        let item = args.items.first().map(String::as_str).unwrap_or_default();
        read.damaged.insert(0, read.nothing_in(item));
    }
    let Read {
        mut certificates,
        mut keys,
        damaged,
        ..
    } = read;
    if let Some(path) = &args.key {
        keys.insert(0, read_key(path, passphrase.as_ref())?);
    }
    // The leaf stands in the first file; a file of CA certificates alone is judged by its first.
    let leaf = certificates
        .iter()
        .take(first_count)
        .position(|one| !one.is_ca())
        .unwrap_or(0);
    if leaf < certificates.len() {
        let one = certificates.remove(leaf);
        certificates.insert(0, one);
    }
    let (mut hold, partners) = match certificates.first() {
        Some(leaf) if args.roots.is_empty() || args.name.is_empty() => {
            hold_of_file(args, context, leaf, at)?
        }
        Some(_) | None => {
            let nothing = Hold {
                name: String::new(),
                unread: Vec::new(),
                trust: None,
                wanted: Vec::new(),
                public: false,
                whose: Whose::Others,
            };
            (nothing, Vec::new())
        }
    };
    lay_over(args, context, &mut hold)?;
    let leaf_key = certificates.first().map(|leaf| leaf.facts().spki_sha256);
    let matching = keys
        .iter()
        .position(|key| Some(key.spki_sha256()) == leaf_key)
        .filter(|_| args.key.is_none())
        .unwrap_or(0);
    Ok(Case {
        subject: args
            .items
            .iter()
            .map(|item| printable(item))
            .collect::<Vec<_>>()
            .join(", "),
        chain: certificates,
        key: (matching < keys.len()).then(|| keys.swap_remove(matching)),
        key_missing: "no key was given (--key FILE)".to_owned(),
        damaged,
        hold,
        by_system_roots: !args.strict,
        proves_sip: false,
        partners,
        warn_below: Expectation::new(at).warn_below,
    })
}

impl Read {
    fn take(&mut self, item: &str, contents: Contents) {
        for (_, one) in contents.certificates {
            if !self.certificates.contains(&one) {
                self.certificates.push(one);
            }
        }
        self.keys
            .extend(contents.keys.into_iter().map(|(_, key)| key));
        self.requests += contents.requests.len();
        for (block, problem) in contents.problems {
            if problem.about() == About::ClosedArchive {
                self.closed.push((format!("{item}, {block}"), problem));
            } else {
                self.damaged.push(damaged_finding(item, &block, &problem));
            }
        }
    }

    fn nothing_in(&self, item: &str) -> Finding {
        let holds = match (self.keys.is_empty(), self.requests, self.damaged.first()) {
            (false, _, _) => "it holds a private key".to_owned(),
            (true, 1.., _) => "it holds a certificate request".to_owned(),
            (true, 0, Some(told)) => told.what.clone(),
            (true, 0, None) => "it holds other things".to_owned(),
        };
        Finding::new(
            Code::FormMalformed,
            printable(item),
            "no certificate stands in the file",
            holds,
            "name the file with the certificate",
        )
    }
}

/// A file whose key is that of a certificate of the deployment is held against it; any other against the system's
/// roots and no name.
fn hold_of_file(
    args: &VerifyArgs,
    context: &Context,
    leaf: &Certificate,
    at: OffsetDateTime,
) -> Result<(Hold, Vec<Peer>), Failure> {
    if let Ok(Some(deployment)) = context.find_deployment()
        && let Some(certificate) = owner(context, &deployment, &leaf.facts().spki_sha256)
    {
        let given = given_roots(args, context)?;
        let given = given.as_ref();
        let expected =
            expectation::for_certificate_by(context, &deployment, certificate, given, at)?;
        let partners = expected.partners.clone();
        return Ok((held(expected), partners));
    }
    Ok((plain_hold(args, context)?, Vec::new()))
}

fn owner<'a>(
    context: &Context,
    deployment: &'a Deployment,
    key: &Fingerprint,
) -> Option<&'a crate::deployment::Certificate> {
    let store = Store::open(&context.state_directory(Some(deployment))).ok()?;
    let key = key.to_string();
    deployment.certificates.iter().find(|certificate| {
        let generation = store
            .generations(&certificate.name)
            .is_ok_and(|all| all.iter().any(|one| one.leaf.spki_sha256 == key));
        generation
            || store
                .requests(Some(&certificate.name))
                .is_ok_and(|all| all.iter().any(|one| one.spki_sha256 == key))
    })
}
