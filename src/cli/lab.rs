//! `lab ca`, `lab sign` and `lab demo`.

use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use super::render;
use super::request::make::OUT_FILES;
use super::{Context, options};
use crate::explain::{Explain, Explanation, os_words, printable};
use crate::lab::demo::{self, Demo, DemoError, Measured, Told};
use crate::lab::{LabCa, Secrecy, SignPolicy, sign};
use crate::store::atomic::{self, Overwrite, Placement};
use crate::x509::{Csr, KeyType};
use clap::{Args, Subcommand};
use console::style;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Largest file of the CA, in bytes.
const MAX_CA_FILE: u64 = 64 * 1024;

/// By how much the demonstration indents what its commands print.
const DEMO_INDENT: usize = 4;

/// The lab's commands.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Make a throw-away CA: a root, and an intermediate that signs
    #[command(after_help = "\
Examples:
  edgecert lab ca
  edgecert lab ca --out ./lab-ca --key-type rsa2048")]
    Ca(CaArgs),
    /// Sign a CSR as a public CA does: it drops what they drop
    #[command(after_help = "\
Examples:
  edgecert lab sign out/csr.pem --out reply.pem
  edgecert lab sign out/csr.pem --ca ./lab-ca --private --days 30")]
    Sign(SignArgs),
    /// Show the whole life of a certificate on this machine, with a real gateway
    #[command(after_help = "\
Examples:
  edgecert lab demo
  edgecert lab demo --dir ./demo         leaves everything there to look at")]
    Demo(DemoArgs),
}

/// `lab ca`.
#[derive(Debug, Args)]
pub struct CaArgs {
    /// Folder for the CA's files; made if missing
    #[arg(long, value_name = "DIR", default_value = "lab-ca")]
    out: PathBuf,
    /// Type of its keys: rsa2048, rsa3072, rsa4096, ec256, ec384, ed25519
    #[arg(long, value_name = "TYPE", default_value = "ec256", value_parser = options::key_type)]
    key_type: KeyType,
}

/// `lab sign`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// The CSR, PEM or DER
    #[arg(value_name = "CSR")]
    csr: PathBuf,
    /// Folder of the CA
    #[arg(long, value_name = "DIR", default_value = "lab-ca")]
    ca: PathBuf,
    /// The reply: leaf and intermediate [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Days the certificate lives
    #[arg(long, value_name = "DAYS", default_value_t = crate::lab::sign::LEAF_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Sign as a private CA: grant every name and purpose
    #[arg(long)]
    private: bool,
    /// Put the root into the reply, as some CAs do
    #[arg(long)]
    with_root: bool,
}

/// `lab demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Work here and leave everything behind [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs one of them.
pub fn run(command: LabCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        LabCommand::Ca(args) => make_ca(args, context),
        LabCommand::Sign(args) => sign_csr(args, context),
        LabCommand::Demo(args) => run_demo(args, context),
    }
}

fn make_ca(args: CaArgs, context: &Context) -> Result<Outcome, Failure> {
    let ca = LabCa::create(context.now, args.key_type).map_err(|error| failed(&error))?;
    let files = ca.files().map_err(|error| failed(&error))?;
    std::fs::create_dir_all(&args.out).map_err(|error| {
        Failure::new(
            FailureKind::Failed,
            Explanation {
                code: "lab.folder",
                what: "the folder of the CA cannot be made".into(),
                place: args.out.display().to_string(),
                why: os_words(&error),
                mend: "name another folder with --out".into(),
            },
        )
    })?;
    let placed: Vec<(&str, &[u8], Placement)> = files
        .iter()
        .map(|file| {
            let mode = match file.secrecy {
                Secrecy::Public => 0o644,
                Secrecy::Secret => 0o600,
            };
            (file.name, file.text.as_bytes(), Placement::mode(mode))
        })
        .collect();
    atomic::write_together(&args.out, &placed).map_err(|error| {
        let kind = if error.is_existing_file() {
            FailureKind::Refused
        } else {
            FailureKind::Failed
        };
        Failure::from_error(kind, &error)
    })?;
    let folder = args.out.display();
    let mut text = format!(
        "a throw-away CA lies in {folder}: {} signs, {} is the root to trust\n",
        LabCa::INTERMEDIATE,
        LabCa::ROOT,
    );
    if !context.quiet() {
        text.push_str(&format!(
            "it asks nobody and proves nothing: for trying and for tests\n\
             a deployment trusts it by {} in its [issuer.NAME]\n",
            trusting(&args.out),
        ));
    }
    let result = json!({
        "directory": args.out,
        "root_sha256": ca.root.facts().sha256.to_string(),
        "intermediate_sha256": ca.intermediate.facts().sha256.to_string(),
    });
    Ok(Outcome::show(text, result).changed().with_next(format!(
        "edgecert lab sign CSR --ca {folder} --out reply.pem"
    )))
}

fn sign_csr(args: SignArgs, context: &Context) -> Result<Outcome, Failure> {
    let read = |name: &str| {
        atomic::read_secret(&args.ca.join(name), MAX_CA_FILE).map_err(|error| {
            let mut failure = Failure::unreadable(&error);
            if error.is_not_found() {
                failure.explanation.mend = format!(
                    "make a CA there: `edgecert lab ca --out {}`; or name the folder of one with --ca",
                    args.ca.display()
                );
            }
            failure
        })
    };
    let ca = LabCa::load(
        &read(LabCa::ROOT)?,
        &read(LabCa::INTERMEDIATE)?,
        &read(LabCa::INTERMEDIATE_KEY)?,
    )
    .map_err(|error| at(Failure::unreadable(&error), &args.ca))?;
    let bytes = atomic::read_limited(&args.csr, Csr::MAX_BYTES as u64)
        .map_err(|error| Failure::unreadable(&error))?;
    let csr = Csr::read(&bytes).map_err(|error| at(Failure::unreadable(&error), &args.csr))?;
    let base = if args.private {
        SignPolicy::private(context.now)
    } else {
        SignPolicy::public(context.now)
    };
    let policy = SignPolicy {
        days: args.days,
        include_root: args.with_root,
        ..base
    };
    let reply = sign(&ca, &csr, &policy)
        .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
    for dropped in &reply.dropped {
        context.note(&format!("dropped {}: {}\n", dropped.what, dropped.why));
    }
    let leaf = reply.chain.leaf.facts();
    let result = json!({
        "leaf_sha256": leaf.sha256.to_string(),
        "not_after": render::rfc3339(leaf.not_after),
        "dropped": reply.dropped.iter().map(|one| json!({"what": one.what, "why": one.why})).collect::<Vec<_>>(),
        "file": args.out,
        "pem": reply.pem,
    });
    let text = match &args.out {
        None => reply.pem.clone(),
        Some(path) => {
            atomic::write_whole(
                path,
                reply.pem.as_bytes(),
                Placement::mode(0o644),
                Overwrite::Refuse,
            )
            .map_err(|error| {
                let kind = if error.is_existing_file() {
                    FailureKind::Refused
                } else {
                    FailureKind::Failed
                };
                Failure::from_error(kind, &error)
            })?;
            let mut text = format!(
                "signed: {} · {} · until {}\nthe reply lies in {}\n",
                reply.chain.leaf.display_name(),
                render::count(leaf.names.as_ref().map_or(0, Vec::len), "name"),
                render::age(leaf.not_after, context.now),
                path.display(),
            );
            if !context.quiet() {
                text.push_str(&format!(
                    "a deployment takes it once {} stands in its [issuer.NAME]\n",
                    trusting(&args.ca),
                ));
            }
            text
        }
    };
    Ok(Outcome {
        changed: args.out.is_some(),
        next: args.out.as_ref().map(|path| import_of(path, &args.csr)),
        ..Outcome::show(text, result)
    })
}

/// `roots = ["lab-ca/root.pem"]`.
fn trusting(folder: &Path) -> String {
    format!(
        "roots = [\"{}\"]",
        printable(&folder.join(LabCa::ROOT).to_string_lossy())
    )
}

/// A CSR of `request --out DIR` has its key beside it, and the reply is held against that folder; one that lies in a
/// state, or anywhere else, is found by its key.
fn import_of(reply: &Path, csr: &Path) -> String {
    let import = format!("edgecert import {}", reply.display());
    let [_, csr_name, record_name] = OUT_FILES;
    let folder = match csr.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return import,
    };
    let is_of_a_state = std::path::absolute(folder).is_ok_and(|folder| {
        folder
            .ancestors()
            .any(|above| above.join("layout.json").is_file())
    });
    let is_ours = csr.file_name().is_some_and(|name| name == csr_name)
        && folder.join(record_name).is_file()
        && !is_of_a_state;
    match is_ours {
        true => format!("{import} --request {}", folder.display()),
        false => import,
    }
}

fn run_demo(args: DemoArgs, context: &Context) -> Result<Outcome, Failure> {
    let (directory, temporary) = match args.dir {
        Some(directory) => {
            let directory = std::path::absolute(&directory).unwrap_or(directory);
            (directory, false)
        }
        None => {
            let name = format!("edgecert-demo-{}", std::process::id());
            (std::env::temp_dir().join(name), true)
        }
    };
    if !demo::is_free(&directory) {
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "lab.folder-not-empty",
                what: "the demonstration needs an empty folder".into(),
                place: directory.display().to_string(),
                why: match std::fs::read_dir(&directory) {
                    Ok(_) => "there is something in it already".into(),
                    Err(error) => os_words(&error),
                },
                mend: "name another one with --dir".into(),
            },
        ));
    }
    let program = std::env::current_exe().map_err(|source| {
        told_failure(&DemoError::Io {
            what: "cannot find this program's own file".into(),
            source,
        })
    })?;
    std::fs::create_dir_all(&directory).map_err(|source| {
        let error = DemoError::Io {
            what: format!("cannot make {}", directory.display()),
            source,
        };
        at(told_failure(&error), &directory)
    })?;
    let mut tell = |told: Told<'_>| match told {
        Told::Chapter(number, of, title, about) => {
            let head = format!(
                "{}  ",
                style(format!("{number}/{of} {title}")).bold().cyan()
            );
            context.say(&format!("\n{}", render::hanging(&head, about).trim_end()));
        }
        Told::Command(line) => context.say(&format!("\n{} {line}", style("$").bold())),
        Told::Line(line) => context.say(format!("    {line}").trim_end()),
        Told::Aside(text) => {
            let head = format!("    {} ", style("·").cyan());
            context.say(render::hanging(&head, text).trim_end());
        }
    };
    let demo = Demo {
        program,
        directory: directory.clone(),
        tell: &mut tell,
        colour: console::colors_enabled(),
        columns: render::columns().map(|columns| columns.saturating_sub(DEMO_INDENT)),
    };
    let ended = demo.run();
    if temporary && ended.is_ok() {
        // What cannot be removed from a temporary folder is removed by the system in time.
        let _ = std::fs::remove_dir_all(&directory);
    }
    let measured = ended.map_err(|error| {
        let mut failure = told_failure(&error);
        failure.explanation.place = directory.display().to_string();
        failure
    })?;
    Ok(Outcome::show(
        summary(&measured, temporary),
        result(&measured, (!temporary).then_some(&directory)),
    ))
}

fn summary(measured: &Measured, temporary: bool) -> String {
    let place = if temporary {
        "the folder it worked in is gone; keep one with `edgecert lab demo --dir DIR`".to_owned()
    } else {
        format!("everything lies in {}", measured.directory.display())
    };
    let seen = format!(
        "{} full handshakes, {} failed · the new leaf after {} ms · the open connection lived on",
        measured.handshakes,
        measured.failed,
        measured.first_new.as_millis(),
    );
    let head = format!("\n{}  ", style("ok").green().bold());
    format!(
        "{}{}{}",
        render::hanging(
            &head,
            "the life of a certificate, with the next one swapped in under load:",
        ),
        render::hanging("    ", &seen),
        render::hanging("    ", &place),
    )
}

/// What was measured; `kept`: the folder, where it is there still.
fn result(measured: &Measured, kept: Option<&PathBuf>) -> serde_json::Value {
    json!({
        "handshakes": measured.handshakes,
        "failed": measured.failed,
        "old_leaf_seen": measured.old_and_new.0,
        "new_leaf_seen": measured.old_and_new.1,
        "first_new_ms": u64::try_from(measured.first_new.as_millis()).unwrap_or(u64::MAX),
        "held_echoes": measured.held_echoes,
        "directory": kept,
    })
}

fn told_failure(error: &DemoError) -> Failure {
    let (why, mend) = match error {
        DemoError::Io { source, .. } => (
            os_words(source),
            "look at the rights and the room of the folder",
        ),
        DemoError::CommandFailed { said, .. } => (
            last_lines(said),
            "run the command again in the folder of the demonstration, which is kept",
        ),
        DemoError::GatewayNotUp { said } => (
            last_lines(said),
            "look at gateway.log in the folder of the demonstration, which is kept",
        ),
        DemoError::Swap(_) | DemoError::Unexpected(_) => (
            String::new(),
            "this is a fault of the product: please report it with the folder, which is kept",
        ),
    };
    Failure::new(
        FailureKind::Failed,
        Explanation {
            code: "lab.demo-failed",
            what: printable(&error.to_string()),
            place: String::new(),
            why,
            mend: mend.into(),
        },
    )
}

/// The end of what a program said, cleaned line by line.
fn last_lines(said: &str) -> String {
    let lines: Vec<String> = said.lines().rev().take(12).map(printable).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// With the file or folder that it is about, which whatever reads the bytes does not know.
fn at(mut failure: Failure, path: &Path) -> Failure {
    let place = &mut failure.explanation.place;
    let path = printable(&path.to_string_lossy());
    *place = match place.is_empty() {
        true => path,
        false => format!("{path}, {place}"),
    };
    failure
}

fn failed(error: &dyn Explain) -> Failure {
    Failure::from_error(FailureKind::Failed, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_removed_is_not_named() {
        let measured = Measured {
            handshakes: 2,
            failed: 0,
            old_and_new: (1, 1),
            first_new: std::time::Duration::from_millis(7),
            held_echoes: 3,
            directory: PathBuf::from("/tmp/demo"),
        };
        assert_eq!(
            result(&measured, None)["directory"],
            serde_json::Value::Null
        );
        let kept = result(&measured, Some(&measured.directory));
        assert_eq!(kept["directory"], "/tmp/demo");
    }

    #[test]
    fn a_csr_with_its_request_beside_it_is_imported_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [out, state, bare] = ["out", "state/requests/edge/1", "bare"].map(|name| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        });
        for with_record in [&out, &state] {
            std::fs::write(with_record.join("request.json"), "{}").unwrap();
        }
        std::fs::write(folder.path().join("state/layout.json"), "{}").unwrap();
        let reply = Path::new("reply.pem");
        let with_folder = format!("edgecert import reply.pem --request {}", out.display());
        for (csr, command) in [
            (out.join("csr.pem"), with_folder.as_str()),
            (out.join("another.pem"), "edgecert import reply.pem"),
            (state.join("csr.pem"), "edgecert import reply.pem"),
            (bare.join("csr.pem"), "edgecert import reply.pem"),
            ("csr.pem".into(), "edgecert import reply.pem"),
        ] {
            assert_eq!(import_of(reply, &csr), command, "{}", csr.display());
        }
    }
}
