//! `export`: a generation handed out in the form that somebody else takes.
//!
//! What stands in the files is made in [`forms`], where they go is settled in [`place`], what Windows and Lync are told
//! stands in [`windows`]. A key never leaves without a line in the journal: it is written before the files are.

mod forms;
mod place;
mod tell;
mod windows;

use super::exit::FailureKind;
use super::list::resolve;
use super::options::{Lineage, lineage};
use super::output::{Failure, Outcome};
use super::remove::open;
use super::stored::{self, Stored};
use super::{Context, passphrase, render};
use crate::deployment::{Certificate, KeySettings, PassphraseSource};
use crate::explain::{Explain, Explanation, printable};
use crate::names::Slug;
use crate::store::{GenerationRecord, Lease, Store};
use crate::x509::Passphrase;
use crate::x509::pkcs12::Protection;
use clap::Args;
use forms::{Format, Wanted};
use place::{Destination, Ready};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use windows::Audience;

/// What other writers that wait are told.
const COMMAND: &str = "edgecert export";

/// `export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert export --format pem                   external-edge-4/ with cert, chain, fullchain, key
  edgecert export --format pfx --for lync --passphrase-file pass.txt    with the commands to run
  edgecert export --format haproxy --out /etc/haproxy/certs/edge.pem
  edgecert export --format k8s --name edge-tls --out - | kubectl apply -f -
  edgecert export external-edge/4 --format sealed --passphrase-file pass.txt
      on the next edge: edgecert import external-edge-4.sealed --passphrase-file pass.txt

A file that is there is never overwritten; one with the same content is left as it is. Every export is journalled.

Lync and Skype for Business take RSA keys alone: `type = \"rsa2048\"` in [key] before the request, as the default is ec256.")]
pub struct ExportArgs {
    /// The certificate, perhaps with a generation [default: the only one, its newest generation]
    #[arg(value_name = "CERT[/N]", value_parser = lineage)]
    certificate: Option<Lineage>,
    /// The form
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,
    /// The file, or for pem and lego the folder; - is standard output [default: CERT-N and its ending, here]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Encrypts the key (pfx and sealed need it, pem takes it): the first line of a file that only its owner can read (-: of standard input)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Who takes the pfx: what they can read, and what they have to run
    #[arg(long = "for", value_enum, value_name = "WHO")]
    audience: Option<Audience>,
    /// The pfx under 3DES and SHA-1, for what reads no other
    #[arg(long)]
    legacy: bool,
    /// The name of the Kubernetes Secret [default: that of the certificate]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Runs `export`.
pub fn run(args: ExportArgs, context: &Context) -> Result<Outcome, Failure> {
    args.insist_on_sense(context)?;
    let deployment = context.find_deployment()?;
    let store = open(context, deployment.as_ref())?;
    let named = args.certificate.as_ref();
    let name = resolve(
        deployment.as_ref(),
        Some(&store),
        named.map(|named| &named.certificate),
    )?;
    let own = deployment
        .as_ref()
        .and_then(|deployment| deployment.certificate(&name));
    let number = number_of(&store, &name, named.and_then(|named| named.generation))?;
    let record = store
        .generation(&name, number)
        .map_err(|error| failed(&error))?;
    insist_on_right(
        &record,
        deployment.as_ref().map(|known| known.key_of(&name)),
    )?;
    let given = args.passphrase_file.clone().map(PassphraseSource::File);
    let given = passphrase::given(given.as_ref())?;
    let secret = match &deployment {
        Some(known) => passphrase::read(known.key_of(&name).passphrase.as_ref(), &known.base)?,
        None => None,
    };
    let stored = stored::read(&store, &name, number, secret.as_ref())?;
    if let Some(audience) = args.audience {
        windows::insist_on_key(audience, &stored)?;
    }
    let wanted = args.wanted(&name, own, &stored, given.as_ref())?;
    let destination = Destination::of(args.out.as_deref(), args.format, &name, number);
    let pieces = forms::pieces(args.format, &wanted)?;
    let ready = place::look(&destination, pieces, &wanted)?;
    let changed = ready.writes();
    if changed {
        let mut lease = context.lease(&store, deployment.as_ref(), COMMAND)?;
        hand_out(
            &mut lease,
            &name,
            &record,
            args.format,
            &destination,
            &ready,
        )?;
    }
    let commands = args
        .audience
        .map(|audience| windows::commands(audience, &destination, &stored, own));
    Ok(tell::outcome(
        context,
        &args,
        &wanted,
        &ready,
        &destination,
        commands.as_ref(),
    ))
}

impl ExportArgs {
    /// Flags that belong to other forms, and what a form cannot do without.
    fn insist_on_sense(&self, context: &Context) -> Result<(), Failure> {
        let word = self.format.word();
        let is_pfx = self.format == Format::Pfx;
        if !is_pfx && (self.legacy || self.audience.is_some()) {
            return Err(Failure::usage(
                format!("--format {word} is the same for everybody"),
                "--for and --legacy say how a pfx is encrypted",
                "leave them out, or write --format pfx",
            ));
        }
        if self.name.is_some() && self.format != Format::K8s {
            return Err(Failure::usage(
                format!("--format {word} has no name to give"),
                "--name is that of a Kubernetes Secret",
                "leave it out; --out says where the file goes",
            ));
        }
        match (self.format, &self.passphrase_file) {
            (Format::Pfx | Format::Sealed, None) => {
                return Err(Failure::usage(
                    format!("--format {word} needs a passphrase"),
                    "the key is in it, and it is made to be carried",
                    "write one into a file of mode 0600 (`openssl rand -base64 24`), and name it: --passphrase-file FILE",
                ));
            }
            (Format::Haproxy | Format::K8s | Format::Lego, Some(_)) => {
                return Err(Failure::usage(
                    format!("--format {word} holds its key in clear"),
                    "whoever reads this form can ask nobody for a passphrase",
                    "leave --passphrase-file out, or take another form",
                ));
            }
            (Format::Pem | Format::Pfx | Format::Sealed, _)
            | (Format::Haproxy | Format::K8s | Format::Lego, None) => {}
        }
        if self.out.as_deref() == Some(Path::new("-")) {
            if self.format.is_folder() {
                return Err(Failure::usage(
                    format!("--format {word} is a folder of files"),
                    "standard output takes one",
                    "name the folder: --out DIR",
                ));
            }
            if context.json() {
                return Err(Failure::usage(
                    "--out - and --json both want standard output",
                    "it holds either the file or the document",
                    "name a file, or leave --json out",
                ));
            }
            if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                return Err(Failure::usage(
                    "a private key is not shown on a terminal",
                    "standard output is one",
                    "send it on (`--out - | COMMAND`), or name a file",
                ));
            }
        }
        Ok(())
    }

    fn wanted<'a>(
        &self,
        name: &'a Slug,
        own: Option<&Certificate>,
        stored: &'a Stored,
        passphrase: Option<&'a Passphrase>,
    ) -> Result<Wanted<'a>, Failure> {
        let old = self.legacy || self.audience.is_some_and(Audience::reads_old_alone);
        let secret_name = match &self.name {
            Some(given) => forms::secret_name(given)?,
            None => name.as_str().to_owned(),
        };
        Ok(Wanted {
            certificate: name,
            record: &stored.record,
            bundle: &stored.bundle,
            passphrase,
            protection: match old {
                true => Protection::Old,
                false => Protection::Modern,
            },
            friendly_name: own
                .and_then(|own| own.friendly_name.clone())
                .unwrap_or_else(|| name.as_str().to_owned()),
            secret_name,
        })
    }
}

/// The number that was named, or the newest.
fn number_of(store: &Store, name: &Slug, named: Option<u32>) -> Result<u32, Failure> {
    let generations = store.generations(name).map_err(|error| failed(&error))?;
    let there: Vec<String> = generations
        .iter()
        .map(|one| one.number.to_string())
        .collect();
    let Some(newest) = generations.last() else {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "export.no-generation",
                what: format!("{name} has no generation to export"),
                place: store.folder().display().to_string(),
                why: "no reply was imported yet".into(),
                mend: "`edgecert import FILE` takes the CA's reply in; `edgecert request` makes the request first".into(),
            },
        ));
    };
    match named {
        None => Ok(newest.number),
        Some(number) if generations.iter().any(|one| one.number == number) => Ok(number),
        Some(number) => Err(Failure::usage(
            format!("there is no generation {name}/{number}"),
            format!("{name} has {}", there.join(", ")),
            format!("`edgecert show {name}` shows the current one"),
        )),
    }
}

/// Whether its key may leave: every form holds it.
fn insist_on_right(
    record: &GenerationRecord,
    settings: Option<&KeySettings>,
) -> Result<(), Failure> {
    let generation = format!("{}/{}", record.certificate, record.number);
    let refused = |code, what: String, why: &str, mend: String| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code,
                what,
                place: generation.clone(),
                why: why.to_owned(),
                mend,
            },
        )
    };
    if record.compromised {
        return Err(refused(
            "export.compromised",
            format!("{generation} must never be served again"),
            "its key is marked as compromised",
            format!("`edgecert request {} --new-key`", record.certificate),
        ));
    }
    if !record.exportable {
        return Err(refused(
            "export.not-exportable",
            format!("the key of {generation} may not be handed out"),
            "`exportable = false` stood in [key] when it came in, and that stays with the key",
            format!(
                "set `exportable = true` and make a new key: `edgecert request {} --new-key`",
                record.certificate
            ),
        ));
    }
    if settings.is_some_and(|key| !key.exportable) {
        return Err(refused(
            "export.not-exportable",
            format!("the key of {generation} may not be handed out"),
            "`exportable = false` stands in [key] of the deployment",
            "set `exportable = true` there, if it may".to_owned(),
        ));
    }
    Ok(())
}

/// Journals it, then writes. A failure to write is journalled as well, so that the line before is not believed.
fn hand_out(
    lease: &mut Lease,
    name: &Slug,
    record: &GenerationRecord,
    format: Format,
    destination: &Destination,
    ready: &Ready,
) -> Result<(), Failure> {
    let detail = || -> Map<String, Value> {
        let facts: [(&str, Value); 4] = [
            ("generation", record.number.into()),
            ("format", format.word().into()),
            ("place", printable(&destination.told()).into()),
            ("sha256", record.leaf.sha256.clone().into()),
        ];
        facts
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    };
    lease
        .journal("export", Some(name), detail())
        .map_err(|error| failed(&error))?;
    match place::write(destination, ready) {
        Ok(Some(bytes)) => {
            render::write_bytes(&bytes);
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => {
            let kind = match error.is_existing_file() {
                true => FailureKind::Refused,
                false => FailureKind::Failed,
            };
            let failure = Failure::from_error(kind, &error);
            let mut facts = detail();
            facts.insert("why".to_owned(), printable(&error.to_string()).into());
            // What cannot be journalled now is the same full disk that is told anyway.
            let _ = lease.journal("export-failed", Some(name), facts);
            Err(failure)
        }
    }
}

fn failed(error: &dyn Explain) -> Failure {
    Failure::from_error(FailureKind::Failed, error)
}
