//! `import`: what the CA issued, taken in as the next generation; or an existing pair, adopted as it is.
//!
//! The passage itself is [`take::take_in`], which `renew` uses as well; what was found is told by [`tell`].

mod judge;
mod sources;
pub mod take;
mod tell;

use super::Context;
use super::exit::FailureKind;
use super::expectation;
use super::output::{Failure, Outcome};
use super::request::flags;
use crate::deployment::RootsSource;
use crate::explain::Explanation;
use crate::findings::Code;
use crate::import::ReplyFile;
use crate::store::{StoreError, atomic};
use crate::x509::container;
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use take::{Intake, KeyGiven};

/// Most files of one reply.
const MAX_FILES: usize = 100;

/// `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert import reply.pem                      finds its request by the key
  edgecert import leaf.crt intermediate.crt      several files, any order, PEM or DER
  edgecert import reply.pem --request ./out      for a request made with --out
  edgecert import fullchain.pem privkey.pem --adopt --cert external-edge")]
pub struct ImportArgs {
    /// What the CA sent, in any order; - is standard input
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
    /// Take an existing certificate and its key as they are
    #[arg(long)]
    adopt: bool,
    /// Roots to judge it by: a file, a folder, system or mozilla (repeatable) [default: the issuer's]
    #[arg(long, value_name = "FILE|DIR|system|mozilla", value_parser = expectation::roots)]
    roots: Vec<RootsSource>,
    /// Let a finding through knowingly (repeatable); needs --reason
    #[arg(long, value_name = "CODE", value_parser = expectation::code, requires = "reason")]
    accept: Vec<Code>,
    /// Why; it is journalled
    #[arg(long, value_name = "TEXT", requires = "accept")]
    reason: Option<String>,
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
    let intake = Intake {
        files: &files,
        certificate: certificate.as_ref(),
        key,
        roots: &args.roots,
        accept: &args.accept,
        reason: args.reason.as_deref().unwrap_or_default(),
        dry_run: args.dry_run,
        command: "edgecert import",
    };
    let taken = take::take_in(context, deployment.as_ref(), &intake)?;
    Ok(tell::outcome(context, taken, deployment.is_some()))
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<ReplyFile>, Failure> {
    if paths.len() > MAX_FILES {
        return Err(Failure::usage(
            format!("{} files are too many for one reply", paths.len()),
            format!("at most {MAX_FILES} are read"),
            "name the leaf and its intermediates",
        ));
    }
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<ReplyFile, Failure> {
    if path == Path::new("-") {
        return read_standard_input();
    }
    let bytes = atomic::read_limited(path, container::MAX_BYTES as u64)
        .map_err(|error| unreadable(&error))?;
    Ok(ReplyFile {
        name: path.display().to_string(),
        bytes,
    })
}

/// A file that cannot be read is refused like one that is no reply: nothing was touched yet.
fn unreadable(error: &StoreError) -> Failure {
    Failure::from_error(FailureKind::Refused, error)
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
        Err(error) => error.to_string(),
    };
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "import.standard-input",
            what: "standard input cannot be taken in".into(),
            place: "standard input".into(),
            why,
            mend: "name the file of the reply".into(),
        },
    ))
}
