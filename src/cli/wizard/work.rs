//! What the wizard does, by the functions of the commands that do the same: the request, the import, the assignment.

use super::facts::Facts;
use super::intent::Intent;
use super::messages::Texts;
use super::walk::{Edit, lines_of, wanted_of};
use crate::cli::deployment_change::{Change, Writing};
use crate::cli::deployment_file::DeploymentFile;
use crate::cli::exit::FailureKind;
use crate::cli::import::take::{Fate, Fetch, Intake, KeyGiven, take_in};
use crate::cli::import::{read, tell};
use crate::cli::output::{Failure, Outcome};
use crate::cli::request::make::{self, Doubles, Made};
use crate::cli::request::{flags, store_failure};
use crate::cli::{Context, partner, passphrase, render, verify};
use crate::deployment::PassphraseSource;
use crate::explain::Explanation;
use crate::names::Slug;
use crate::store::atomic::{self, Overwrite, Placement};
use crate::store::{Lease, Store, StoreError};
use std::path::{Path, PathBuf};

/// What other writers that wait are told.
const COMMAND: &str = "edgecert wizard";

/// The deployment and the copy of the CSR hold no secret.
const MODE: u32 = 0o644;

/// A request that was made from the answers.
#[derive(Debug)]
pub struct MadeHere {
    /// The request.
    pub made: Made,
    /// Whether the deployment file was written.
    pub config_changed: bool,
    /// The copy of the CSR.
    pub csr_file: PathBuf,
    /// Whether it was written.
    pub csr_written: bool,
}

/// Writes the deployment, makes the request, and copies its CSR; all of it or nothing.
pub fn make_request(
    context: &Context,
    facts: &Facts,
    texts: &Texts,
    intent: &Intent,
) -> Result<MadeHere, Failure> {
    let (text, deployment) = intent
        .compose(facts)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?;
    let wanted = wanted_of(&deployment, intent)?;
    wanted.check()?;
    let csr_file = intent.file_path(facts);
    let store = Store::create(&context.state_directory(Some(&deployment)), context.now)
        .map_err(|error| store_failure(&error))?;
    let mut lease = context.lease(&store, Some(&deployment), COMMAND)?;
    let there = facts.look.content(&csr_file);
    if let Some(content) = &there {
        let waiting = make::waits(&lease, &wanted)?;
        let is_copy = match &waiting {
            Some(record) => csr_of(&lease, &record.certificate, &record.id)? == *content,
            None => false,
        };
        if !is_copy {
            return Err(store_failure(&StoreError::Exists { path: csr_file }));
        }
    }
    let config_changed = facts.text() != Some(text.as_str());
    if config_changed {
        write_config(facts, &text)?;
        context.say(&texts.say(
            "making.config",
            &[("file", &facts.config.display().to_string())],
        ));
    }
    context.say(&texts.say("making.key", &[("type", intent.key_type.word())]));
    let made = match make::make(context, &mut lease, &wanted, Doubles::Avoid) {
        Ok(made) => made,
        Err(failure) => return Err(undo(facts, config_changed.then_some(&text), failure)),
    };
    let id = ("id", made.record.id.as_str());
    context.say(&if made.new {
        texts.say("making.made", &[id])
    } else {
        texts.say("making.waits", &[id])
    });
    if there.is_none()
        && let Err(error) = copy_csr(&csr_file, &made.csr_pem)
    {
        let mut failure = undo(
            facts,
            config_changed.then_some(&text),
            store_failure(&error),
        );
        if made.new
            && let Err(error) = cancel(&mut lease, &made)
        {
            failure.changed = true;
            failure.explanation.mend = format!(
                "the request {} waits all the same ({error}): `edgecert request cancel {}`, then again",
                made.record.id, made.record.id
            );
        }
        return Err(failure);
    }
    context.say(&texts.say("making.csr", &[("file", &csr_file.display().to_string())]));
    Ok(MadeHere {
        made,
        config_changed,
        csr_file,
        csr_written: there.is_none(),
    })
}

fn csr_of(store: &Store, certificate: &str, id: &str) -> Result<Vec<u8>, Failure> {
    let certificate = flags::certificate("request", certificate)?;
    store
        .request_csr(&certificate, id)
        .map_err(|error| store_failure(&error))
}

fn cancel(lease: &mut Lease, made: &Made) -> Result<(), StoreError> {
    match Slug::parse(&made.record.certificate) {
        Ok(certificate) => lease.cancel_request(&certificate, &made.record.id),
        // A record that was just written has a sound name.
        Err(_) => Ok(()),
    }
}

/// The CSR where the user wants it: a new file, its folders made.
fn copy_csr(path: &Path, pem: &str) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = make::make_folders(folder)?;
    atomic::write_whole(
        path,
        pem.as_bytes(),
        Placement::mode(MODE),
        Overwrite::Refuse,
    )
    .inspect_err(|_| {
        for folder in made.iter().rev() {
            // Only those made here, and only while they are empty.
            let _ = std::fs::remove_dir(folder);
        }
    })
}

/// Writes the deployment file; one that was there must still be what it was when the wizard began.
fn write_config(facts: &Facts, text: &str) -> Result<(), Failure> {
    if let Some(file) = &facts.file {
        return file.replace(text).map(|_| ());
    }
    let path = &facts.config;
    atomic::write_whole(
        path,
        text.as_bytes(),
        Placement::mode(MODE),
        Overwrite::Refuse,
    )
    .map_err(|error| {
        let mut failure = store_failure(&error);
        if let (true, Some(folder)) = (error.is_not_found(), path.parent()) {
            failure.explanation.why = format!("there is no folder {}", folder.display());
            failure.explanation.mend =
                format!("`mkdir -p {}`, then the same again", folder.display());
        }
        failure
    })
}

/// Puts the deployment file back as it was; `written`: what stands there now.
fn undo(facts: &Facts, written: Option<&str>, failure: Failure) -> Failure {
    let Some(written) = written else {
        return failure;
    };
    let path = &facts.config;
    let put_back = match &facts.file {
        Some(file) => {
            let now = DeploymentFile {
                text: written.to_owned(),
                ..file.clone()
            };
            now.replace(&file.text)
                .map(|_| ())
                .map_err(|error| error.explanation.why)
        }
        None => std::fs::remove_file(path).map_err(|error| crate::explain::os_words(&error)),
    };
    match put_back {
        Ok(()) => failure,
        Err(why) => Failure {
            kind: FailureKind::Dirty,
            explanation: Box::new(Explanation {
                mend: format!(
                    "{} holds the new answers and could not be put back ({why}); {}",
                    path.display(),
                    failure.explanation.mend
                ),
                ..*failure.explanation
            }),
            changed: true,
            ..failure
        },
    }
}

/// Writes policies and partners, all of them or none, or with [`Writing::DryRun`] shows them.
pub fn federate(context: &Context, edits: &[Edit], writing: Writing) -> Result<Outcome, Failure> {
    let change = Change::begin(context, COMMAND, writing)?;
    let mut draft = change.file.draft()?;
    let (mut policies, mut partners) = (Vec::new(), Vec::new());
    for edit in edits {
        match edit {
            Edit::AddPolicy(policy) => {
                policies.push(policy.name.to_string());
                draft.add_policy(policy);
            }
            Edit::SetPolicy(policy) => {
                policies.push(policy.name.to_string());
                draft.set_policy(policy);
            }
            Edit::AddPartner(new) => {
                partner::insist_on_a_method(new.negotiation)?;
                partner::insist_on_free_domains(&change.file.deployment, new, None)?;
                partners.push(new.domain.to_string());
                draft.add_partner(new);
            }
            Edit::RemovePartner(domain) => {
                partners.push(domain.to_string());
                draft.remove_partner(domain);
            }
        }
    }
    let mut detail = serde_json::Map::new();
    detail.insert("policies".into(), policies.into());
    detail.insert("partners".into(), partners.into());
    let changed = change.finish(draft, "federation-edit", detail)?;
    Ok(Outcome {
        changed: changed.written,
        ..Outcome::show(
            changed.told("policies and partners written"),
            serde_json::Value::Object(changed.json()),
        )
    })
}

/// What the CA sent.
#[derive(Debug)]
pub struct Reply {
    /// The file.
    pub file: String,
    /// The file with the passphrase that opens it.
    pub passphrase: Option<PathBuf>,
}

/// Takes a reply in, or with `dry_run` judges it only.
pub fn take(
    context: &Context,
    reply: &Reply,
    dry_run: bool,
) -> Result<(Slug, u32, Fate, Outcome), Failure> {
    let deployment = context.find_deployment()?;
    let files = [read(Path::new(&reply.file))?];
    let source = reply.passphrase.clone().map(PassphraseSource::File);
    let opens = passphrase::given(source.as_ref())?;
    let intake = Intake {
        files: &files,
        certificate: None,
        key: KeyGiven::Ledger,
        roots: &[],
        accept: &[],
        passphrase: opens.as_ref(),
        fetch: Fetch::Nothing,
        dry_run,
        command: COMMAND,
    };
    let taken = take_in(context, deployment.as_ref(), &intake)?;
    let (certificate, number, fate) = (taken.certificate.clone(), taken.number, taken.fate);
    let outcome = tell::outcome(context, taken, deployment.is_some());
    Ok((certificate, number, fate, outcome))
}

/// The verdict on a generation, as `verify` tells it.
pub fn judge(context: &mut Context, certificate: &Slug, number: u32) -> Result<Outcome, Failure> {
    verify::run(verify::VerifyArgs::generation(certificate, number), context)
}

/// What an outcome says, findings included, as lines of a page.
pub fn outcome_lines(outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    if !outcome.findings_shown {
        for finding in &outcome.findings {
            lines.extend(lines_of(&render::finding(finding)));
        }
    }
    lines.extend(lines_of(&outcome.text));
    lines
}

/// What a failure says, as lines of a page.
pub fn failure_lines(failure: &Failure) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &failure.findings {
        lines.extend(lines_of(&render::finding(finding)));
    }
    lines.extend(lines_of(&render::explanation(&failure.explanation)));
    lines
}
