//! `request`: key and CSR from the deployment or from flags alone, and the ledger of those that wait.
//!
//! Flags are parsed in [`flags`], defaults applied in [`wanted`], the work is done in [`make`], `list`, `show` and
//! `cancel` stand in [`ledger`], and `profiles` in [`profiles`].

mod batch;
pub mod flags;
pub(crate) mod key;
pub mod ledger;
pub mod make;
pub mod prepare;
pub mod profiles;
pub mod wanted;

use super::Context;
use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use crate::deployment::{Deployment, PassphraseSource};
use crate::names::{Identifier, NameForm};
use crate::request::RequestSummary;
use crate::store::{Store, StoreError};
use clap::{Args, Subcommand};
use console::style;
use flags::{NameFlags, SubjectFlags};
use make::{Doubles, Made};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use wanted::{Choices, KeyChoice, KeyFile, Wanted};

/// Most names shown in one line.
const MAX_SHOWN: usize = 12;

/// `request` and what stands below it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  edgecert request                               for the only certificate of the deployment
  edgecert request external-edge --key-type rsa3072
  edgecert request --fqdn edge.contoso.com --sip-domain contoso.com --out ./out
  edgecert request --issuer-profile ad-cs --template WebServer
  edgecert request profiles                      who may sign, and what each takes
  edgecert request --batch edges.csv --out ./requests
  edgecert request list
  edgecert request show 2026-11-20-1")]
pub struct RequestArgs {
    #[command(subcommand)]
    command: Option<RequestCommand>,
    #[command(flatten)]
    make: MakeArgs,
}

/// What can be done with requests that were made.
#[derive(Debug, Subcommand)]
enum RequestCommand {
    /// List the requests
    #[command(after_help = "\
Examples:
  edgecert request list
  edgecert request list external-edge --all")]
    List(ledger::ListArgs),
    /// Show a request: what it asks, its CSR, where it lies
    #[command(after_help = "\
Examples:
  edgecert request list                 shows the ids
  edgecert request show 2026-11-20-1")]
    Show(ledger::ShowArgs),
    /// List the issuer profiles, or show one: what it takes, and what it refuses
    #[command(after_help = "\
Examples:
  edgecert request profiles
  edgecert request profiles lync
  edgecert request profiles ./internal.toml   one of your own; its mistakes are told")]
    Profiles(profiles::ProfilesArgs),
    /// Remove a pending request and its key
    #[command(after_help = "\
Example:
  edgecert request cancel 2026-11-20-1  a reply to it can no longer be used")]
    Cancel(ledger::CancelArgs),
}

/// Making one.
#[derive(Debug, Args)]
struct MakeArgs {
    /// The certificate [default: the only one of the deployment; external-edge without one]
    #[arg(value_name = "CERT")]
    certificate: Option<String>,
    /// Write key, CSR and request.json into this folder, and nothing into the state
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make another one, even where one waits that asks the same
    #[arg(long, conflicts_with = "out")]
    another: bool,
    /// Show what would be asked; make nothing
    #[arg(long)]
    dry_run: bool,
    /// Make the requests of a list, each into a folder of its own below --out: TOML, JSON lines or CSV; - is standard input
    #[arg(
        long,
        value_name = "FILE",
        requires = "out",
        conflicts_with_all = ["certificate", "another", "reuse_key", "fqdn", "sip_domain", "xmpp_domain", "component", "dns", "san", "common_name"],
        help_heading = "Many at once"
    )]
    batch: Option<PathBuf>,
    /// How many cores work at a list [default: all]
    #[arg(
        long,
        value_name = "N",
        requires = "batch",
        value_parser = clap::value_parser!(u16).range(1..=256),
        help_heading = "Many at once"
    )]
    jobs: Option<u16>,
    /// Make the key of the next request now, so that TLSA records can name it ahead; ask for nothing yet
    #[arg(
        long,
        conflicts_with_all = ["out", "batch", "another", "dry_run", "reuse_key", "key"],
        help_heading = "Key"
    )]
    prepare_next: bool,
    #[command(flatten)]
    names: NameFlags,
    #[command(flatten)]
    subject: SubjectFlags,
    /// rsa2048, rsa3072, rsa4096, ec256, ec384, ed25519 [default: ec256, or the deployment's]
    #[arg(long, value_name = "TYPE", help_heading = "Key")]
    key_type: Option<String>,
    /// Use the key of the newest generation again
    #[arg(long, conflicts_with = "new_key", help_heading = "Key")]
    reuse_key: bool,
    /// Make a new key, whatever the deployment says
    #[arg(long, help_heading = "Key")]
    new_key: bool,
    /// Use this existing key: PKCS#8, PKCS#1 or SEC1, PEM or DER; a copy is kept, as PKCS#8
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["reuse_key", "new_key", "key_type", "batch"],
        help_heading = "Key"
    )]
    key: Option<PathBuf>,
    /// Its passphrase: the first line of a file that only its owner can read (-: of standard input) [default: that of the stored keys]
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Key")]
    passphrase_file: Option<PathBuf>,
}

impl RequestArgs {
    /// The words of the command that is meant.
    pub fn words(&self) -> &'static str {
        match self.command {
            None if self.make.batch.is_some() => "request batch",
            None if self.make.prepare_next => "request prepare",
            None => "request",
            Some(RequestCommand::List(_)) => "request list",
            Some(RequestCommand::Show(_)) => "request show",
            Some(RequestCommand::Profiles(_)) => "request profiles",
            Some(RequestCommand::Cancel(_)) => "request cancel",
        }
    }
}

/// Runs `request` or what stands below it.
pub fn run(args: RequestArgs, context: &mut Context) -> Result<Outcome, Failure> {
    match args.command {
        None => run_make(&args.make, context),
        Some(RequestCommand::List(args)) => ledger::list(&args, context),
        Some(RequestCommand::Show(args)) => ledger::show(&args, context),
        Some(RequestCommand::Profiles(args)) => profiles::run(&args),
        Some(RequestCommand::Cancel(args)) => ledger::cancel(&args, context),
    }
}

fn run_make(args: &MakeArgs, context: &Context) -> Result<Outcome, Failure> {
    let choices = Choices {
        certificate: args
            .certificate
            .as_deref()
            .map(|text| flags::certificate("CERT", text))
            .transpose()?,
        subject: args.subject.clone(),
        key_type: args.key_type.as_deref().map(flags::key_type).transpose()?,
        key: match (args.reuse_key || args.key.is_some(), args.new_key) {
            (true, _) => Some(KeyChoice::Reuse),
            (false, true) => Some(KeyChoice::New),
            (false, false) => None,
        },
        key_file: args.key.clone().map(|path| KeyFile {
            path,
            passphrase: args.passphrase_file.clone().map(PassphraseSource::File),
        }),
    };
    if let (Some(list), Some(out)) = (&args.batch, &args.out) {
        let order = batch::Order {
            list,
            out,
            jobs: args.jobs.map(usize::from),
            names: &args.names,
            subject: &args.subject,
            key_type: choices.key_type,
            dry_run: args.dry_run,
        };
        return batch::run(context, &order);
    }
    let deployment = context.find_deployment()?;
    let wanted = Wanted::gather(context, deployment.as_ref(), &args.names, &choices)?;
    if args.prepare_next {
        return prepare::run(context, deployment.as_ref(), &wanted);
    }
    if args.dry_run {
        let store = open_if_there(context, deployment.as_ref())?;
        let notes = make::foresee(store.as_ref(), &wanted)?;
        return Ok(dry_run(&make::outline(&wanted)?, &wanted).with_findings(notes));
    }
    let made = match &args.out {
        Some(folder) => {
            let store = open_if_there(context, deployment.as_ref())?;
            make::make_out(context, store.as_ref(), &wanted, folder)?
        }
        None => {
            wanted.check()?;
            let folder = context.state_directory(deployment.as_ref());
            let store =
                Store::create(&folder, context.now).map_err(|error| store_failure(&error))?;
            let mut lease = context.lease(&store, deployment.as_ref(), "edgecert request")?;
            let doubles = if args.another {
                Doubles::Allow
            } else {
                Doubles::Avoid
            };
            make::make(context, &mut lease, &wanted, doubles)?
        }
    };
    Ok(told(made, args.out.as_deref()))
}

/// The state, if there is one.
pub fn open_if_there(
    context: &Context,
    deployment: Option<&Deployment>,
) -> Result<Option<Store>, Failure> {
    match Store::open(&context.state_directory(deployment)) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(store_failure(&error)),
    }
}

/// What a person sees and a script reads of a request that was made.
pub fn told(made: Made, out: Option<&Path>) -> Outcome {
    let record = &made.record;
    let folder = made.folder.display();
    let csr = made.folder.join("csr.pem");
    let which_key = match (made.new, made.key_reused) {
        (true, false) => "new",
        (true, true) => "used again",
        (false, _) => "waiting",
    };
    let mut text = format!(
        "  key    {}, {which_key} · {}\n  names  {}\n  asks   {}{}{}\n  csr    {}\n",
        record.key_type,
        short(&record.spki_sha256),
        names_line(&record.names),
        record.key_purposes.join(", "),
        subject_line(&record.subject),
        template_words(record.template.clone()),
        csr.display(),
    );
    let ok = style("ok").green().bold();
    let import = match out {
        Some(_) => format!("edgecert import REPLY --request {folder}"),
        None => "edgecert import REPLY".to_owned(),
    };
    text.push_str(&match (made.new, out) {
        (true, None) => format!(
            "{ok}  request {} of {} waits for its reply\n",
            record.id, record.certificate
        ),
        (true, Some(_)) => format!("{ok}  wrote key, CSR and request.json into {folder}\n"),
        (false, _) => format!(
            "{ok}  request {} of {} asks this already and waits for its reply: nothing to do (--another makes one more)\n",
            record.id, record.certificate
        ),
    });
    let next = format!("send the CSR to your CA; then {import}");
    let mut result = make::record_json(record, &made.folder);
    if let Value::Object(fields) = &mut result {
        fields.insert("csr_pem".into(), made.csr_pem.clone().into());
        fields.insert("key_reused".into(), made.key_reused.into());
        fields.insert("dry_run".into(), false.into());
    }
    let outcome = Outcome::show(text, result)
        .with_findings(made.notes)
        .with_next(next);
    if made.new { outcome.changed() } else { outcome }
}

fn dry_run(asked: &RequestSummary, wanted: &Wanted) -> Outcome {
    let key = match wanted.key {
        KeyChoice::Reuse if wanted.key_file.is_some() => "that of --key",
        KeyChoice::New => "a new one",
        KeyChoice::ReuseIfAny | KeyChoice::Reuse => "that of the newest generation",
    };
    let text = format!(
        "would ask {} for {} (nothing is made)\n  key    {}, {key}\n  names  {}\n  asks   {}{}{}\n",
        asked.profile,
        asked.certificate,
        asked.key_type,
        names_line(&asked.names),
        asked.key_purposes.join(", "),
        subject_line(&asked.subject),
        template_words(asked.template.clone()),
    );
    Outcome::show(
        text,
        json!({
            "certificate": asked.certificate,
            "issuer_profile": asked.profile,
            "key_type": asked.key_type,
            "names": asked.names,
            "left_out": asked.left_out,
            "key_purposes": asked.key_purposes,
            "subject": asked.subject,
            "template": asked.template,
            "uses": wanted.uses.iter().map(|one| one.word()).collect::<Vec<_>>(),
            "dry_run": true,
        }),
    )
}

/// The names of a record for people, U-labels beside A-labels; what is no DNS name has its form in front.
pub fn names_line(typed: &[String]) -> String {
    let mut shown: Vec<String> = typed
        .iter()
        .take(MAX_SHOWN)
        .map(|text| match Identifier::parse_typed(text) {
            Ok(name) => match name.form() {
                NameForm::Dns => wanted::shown(&name),
                form @ (NameForm::Srv
                | NameForm::Xmpp
                | NameForm::Uri
                | NameForm::Ip
                | NameForm::Email) => format!("{} {}", form.short(), wanted::shown(&name)),
            },
            Err(_) => crate::explain::printable(text),
        })
        .collect();
    if typed.len() > MAX_SHOWN {
        shown.push(format!("and {} more", typed.len() - MAX_SHOWN));
    }
    format!("{} ({})", shown.join(", "), typed.len())
}

fn subject_line(subject: &std::collections::BTreeMap<String, String>) -> String {
    if subject.is_empty() {
        return " · subject empty".to_owned();
    }
    let fields: Vec<String> = subject
        .iter()
        .map(|(field, value)| {
            format!(
                "{} {}",
                field.replace('_', " "),
                crate::explain::printable(value)
            )
        })
        .collect();
    format!(" · subject {}", fields.join(", "))
}

/// ` · template WebServer`, or nothing.
pub fn template_words(templates: impl IntoIterator<Item = String>) -> String {
    templates
        .into_iter()
        .map(|one| format!(" · template {}", crate::explain::printable(&one)))
        .collect()
}

/// A digest for people.
pub fn short(digest: &str) -> String {
    crate::x509::Fingerprint::parse(digest).map_or_else(|| digest.to_owned(), |one| one.short())
}

/// What a store's error becomes: an existing file and an answered request are refusals, a name that is not known is
/// wrong usage, all else failed with nothing changed.
pub fn store_failure(error: &StoreError) -> Failure {
    let is_refusal = matches!(
        error,
        StoreError::Exists { .. } | StoreError::Answered { .. } | StoreError::InUse { .. }
    );
    let is_typed_wrong = matches!(
        error,
        StoreError::NoSuchRequest { .. } | StoreError::InvalidId { .. }
    );
    let kind = if is_refusal {
        FailureKind::Refused
    } else if is_typed_wrong {
        FailureKind::Usage
    } else {
        FailureKind::Failed
    };
    Failure::from_error(kind, error)
}
