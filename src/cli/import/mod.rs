//! `import`: what the CA issued, taken in as the next generation; or an existing pair, adopted as it is.
//!
//! The passage itself is [`take::take_in`], which `renew` uses as well; what was found is told by [`tell`].

pub mod accept;
mod ask;
mod complete;
mod judge;
mod keep;
mod once;
mod scene;
mod sealed;
mod seen;
mod sources;
pub mod take;
pub mod tell;

pub use ask::opens;

use super::exit::FailureKind;
use super::expectation;
use super::named::{Asked, no_such_certificate};
use super::output::{Failure, Outcome};
use super::request::{flags, open_if_there, store_failure};
use super::{Context, passphrase};
use crate::deployment::{Deployment, PassphraseSource, RootsSource};
use crate::explain::{Explanation, nearest, os_words, printable};
use crate::findings::Code;
use crate::import::ReplyFile;
use crate::names::Slug;
use crate::store::atomic;
use crate::x509::{X509Error, container};
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use take::{Fetch, Intake, KeyGiven};

/// Most files of one reply.
const MAX_FILES: usize = 100;

/// `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert import reply.pem                      finds its request by the key
  edgecert import leaf.crt intermediate.crt      several files, any order, PEM or DER
  edgecert import reply.pem --request ./out      for a request made with --out
  edgecert import fullchain.pem privkey.pem --adopt --cert external-edge
  edgecert import edge.pfx --passphrase-file pass.txt --adopt   PKCS#12 with key and chain
  edgecert import leaf.cer --fetch-intermediates                asks the CA for what is missing
  edgecert import edge-4.sealed --passphrase-file pass.txt      a generation of another machine
  edgecert import reply.p7b --accept names.missing --reason \"fabrikam.com follows next week\"")]
pub struct ImportArgs {
    /// What the CA sent, in any form and order: PEM, DER, PKCS#7, PKCS#12; a sealed bundle, alone; a folder is all files in it, - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Import it under this certificate [default: that of the request it answers]
    #[arg(long, value_name = "CERT")]
    cert: Option<String>,
    /// The folder of a request that was made with --out
    #[arg(long, value_name = "DIR", conflicts_with_all = ["key", "adopt"])]
    request: Option<PathBuf>,
    /// The private key that was requested with
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The passphrase of PKCS#12 files, sealed bundles and encrypted keys: the first line of a file that only its owner can read (-: of standard input)
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Take an existing certificate and its key as they are
    #[arg(long)]
    adopt: bool,
    /// Roots to judge it by: a file, a folder, system or mozilla (repeatable) [default: the issuer's]
    #[arg(long, value_name = "FILE|DIR|system|mozilla", value_parser = expectation::roots)]
    roots: Vec<RootsSource>,
    /// Let a finding of level error through knowingly (repeatable); needs --reason
    #[arg(long, value_name = "CODE", value_parser = accept::code, requires = "reason")]
    accept: Vec<Code>,
    /// Why; journalled and kept with the generation. One for all, or one for each --accept in turn
    #[arg(long, value_name = "TEXT", requires = "accept")]
    reason: Vec<String>,
    /// Fetch missing intermediates from where the certificate says they lie (http, at most 6)
    #[arg(long)]
    fetch_intermediates: bool,
    /// Judge it and show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Runs `import`.
pub fn run(args: ImportArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let certificate = args
        .cert
        .as_deref()
        .map(|text| flags::certificate("--cert", text))
        .transpose()?;
    let deployment = context.find_deployment()?;
    if let (Some(name), Some(deployment)) = (&certificate, &deployment) {
        insist_on_no_slip(context, deployment, name)?;
    }
    let mut accept = accept::pairs(&args.accept, &args.reason)?;
    let mut files = read_all(&args.files)?;
    let key = match (args.request, args.key, args.adopt) {
        (Some(folder), _, _) => KeyGiven::Folder(folder),
        (None, Some(path), true) => {
            files.push(read(&path)?);
            KeyGiven::Beside
        }
        (None, Some(path), false) => KeyGiven::File(path),
        (None, None, true) => KeyGiven::Beside,
        (None, None, false) => KeyGiven::Ledger,
    };
    if args.files.iter().any(|path| path == Path::new("-")) {
        passphrase::insist_on_another_input(args.passphrase_file.as_deref())?;
    }
    let given = args
        .passphrase_file
        .map(PassphraseSource::File)
        .as_ref()
        .map(|source| passphrase::given(Some(source)))
        .transpose()?
        .flatten();
    let given = match given {
        Some(given) => Some(given),
        None => ask::passphrase_for(context, &files)?,
    };
    let key = match sealed::unseal(&mut files, key, given.as_ref())? {
        Ok(pair) => {
            context.say(&format!(
                "{}: a sealed bundle of {}, opened",
                printable(&pair.place),
                pair.name()
            ));
            sealed::accept_again(&mut accept, &pair.record.accepted);
            KeyGiven::Sealed(Box::new(pair))
        }
        Err(key) => key,
    };
    let intake = Intake {
        files: &files,
        passphrase: given.as_ref(),
        fetch: match args.fetch_intermediates {
            true => Fetch::Missing,
            false => Fetch::Nothing,
        },
        certificate: certificate.as_ref(),
        key,
        roots: &args.roots,
        accept: &accept,
        dry_run: args.dry_run,
        command: "edgecert import",
    };
    let mut taken = take::take_in(context, deployment.as_ref(), &intake)?;
    // What was accepted there and is no error here needs no word: nobody gave it.
    taken.not_needed.retain(|code| args.accept.contains(code));
    Ok(tell::outcome(context, taken, deployment.is_some()))
}

/// A name that neither the deployment nor the state has, and that is nearly one of the deployment's, is a slip: it would
/// make a lineage that no command looks after.
fn insist_on_no_slip(
    context: &Context,
    deployment: &Deployment,
    name: &Slug,
) -> Result<(), Failure> {
    let names = deployment.certificates.iter().map(|one| one.name.as_str());
    let known: Vec<&str> = names.collect();
    let store = open_if_there(context, Some(deployment))?;
    let in_state = store.map(|store| store.certificates()).transpose();
    let in_state = in_state.map_err(|error| store_failure(&error))?;
    let is_known =
        known.contains(&name.as_str()) || in_state.is_some_and(|known| known.contains(name));
    match is_known || nearest(name.as_str(), known.iter().copied()).is_none() {
        true => Ok(()),
        false => Err(no_such_certificate(name, &known, Asked::Deployment)),
    }
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<ReplyFile>, Failure> {
    if paths.len() > MAX_FILES {
        return Err(Failure::usage(
            format!("{} files are too many for one reply", paths.len()),
            format!("at most {MAX_FILES} are read"),
            "name the leaf and its intermediates",
        ));
    }
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(read_folder(path)?);
        } else {
            files.push(read(path)?);
        }
    }
    if files.len() > MAX_FILES {
        return Err(Failure::usage(
            format!("{} files are too many for one reply", files.len()),
            format!("at most {MAX_FILES} are read"),
            "name the leaf and its intermediates",
        ));
    }
    Ok(files)
}

/// Every file of a folder that holds something known; what lies in folders below it is not looked at.
fn read_folder(folder: &Path) -> Result<Vec<ReplyFile>, Failure> {
    let unreadable_folder = |error: std::io::Error| {
        Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "import.folder",
                what: "the folder cannot be read".into(),
                place: folder.display().to_string(),
                why: os_words(&error),
                mend: "name the files of the reply".into(),
            },
        )
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable_folder)? {
        let path = entry.map_err(unreadable_folder)?.path();
        if path.is_file() {
            paths.push(path);
        }
        if paths.len() > MAX_FILES {
            break;
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        let file = read(path)?;
        let known = match container::read(&file.bytes, None) {
            Ok(_) => true,
            // known, and in need of attention: the passage says what about it
            Err(error) => !matches!(error, X509Error::NothingRecognised { .. }),
        };
        if known {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "import.no-certificate",
                what: "the folder holds nothing that could be a reply".into(),
                place: folder.display().to_string(),
                why: format!(
                    "none of its {} files is a certificate, or a container of them",
                    paths.len()
                ),
                mend: "name the file that the CA sent".into(),
            },
        ));
    }
    Ok(files)
}

/// A file of a reply; `-` is standard input.
pub fn read(path: &Path) -> Result<ReplyFile, Failure> {
    if path == Path::new("-") {
        return read_standard_input();
    }
    let bytes = atomic::read_limited(path, container::MAX_BYTES as u64)
        .map_err(|error| Failure::unreadable(&error))?;
    Ok(ReplyFile {
        name: path.display().to_string(),
        bytes,
    })
}

fn read_standard_input() -> Result<ReplyFile, Failure> {
    let mut bytes = Vec::new();
    let limit = container::MAX_BYTES as u64;
    let read = std::io::stdin()
        .lock()
        .take(limit + 1)
        .read_to_end(&mut bytes);
    let why = match read {
        Ok(count) if count as u64 <= limit => {
            return Ok(ReplyFile {
                name: "standard input".into(),
                bytes,
            });
        }
        Ok(_) => format!("it has more than the {limit} bytes that are read"),
        Err(error) => os_words(&error),
    };
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "import.standard-input",
            what: "standard input cannot be taken in".into(),
            place: "standard input".into(),
            why,
            mend: "pipe the certificates in, or name their file".into(),
        },
    ))
}
