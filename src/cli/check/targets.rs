//! From words to targets, and from folders to files.

use super::{CheckArgs, Context, Failure, FailureKind, Item, Surroundings, deployed};
use crate::check::discover::domain_target;
use crate::check::endpoint::{self, TargetLine, host_and_port};
use crate::check::file::{BesideFiles, FileRead, FileTask, Next, Origin, is_named_as_certificate};
use crate::check::{CheckError, Endpoint, TargetKind, TargetReport, Yardstick};
use crate::explain::{Explain, nearest, printable};
use crate::names::{Domain, Protocol, Slug};
use crate::probe::{Depth, KeyKind};
use crate::store::StoreError;
use crate::store::atomic;
use crate::store::walk::{Walk, WalkLimits};
use crate::x509::PrivateKey;
use crate::x509::container;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// All targets: those of the command line and of `--targets`, else everything deployed and those of `[check]`.
pub(super) fn gather(
    args: &CheckArgs,
    context: &Context,
    around: &Surroundings,
    yardstick: &Yardstick,
) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let mut lines: Vec<TargetLine> = args.targets.iter().map(|word| plain(word)).collect();
    if let Some(list) = &args.list {
        lines.extend(read_list(list)?);
        if lines.is_empty() {
            let list = match list.as_path() == Path::new("-") {
                true => "standard input".to_owned(),
                false => printable(&list.to_string_lossy()),
            };
            return Err(Failure::usage(
                format!("there is nothing to check in {list}"),
                "the list of targets holds none",
                "write one target a line",
            ));
        }
    }
    let mut wrong = Vec::new();
    for line in &lines {
        match take(line, args, around, yardstick, &mut items, context) {
            Ok(()) => {}
            Err(Wrong::Usage(error)) => wrong.push((line.line, error)),
            Err(Wrong::Failure(failure)) => return Err(*failure),
        }
    }
    if let Some(failure) = refused(wrong, args) {
        return Err(failure);
    }
    if args.targets.is_empty() && args.list.is_none() {
        items.extend(deployed::everything(context, around, yardstick, None)?);
        for word in around
            .deployment
            .iter()
            .flat_map(|found| &found.check.targets)
        {
            match take(&plain(word), args, around, yardstick, &mut items, context) {
                Ok(()) => {}
                // One wrong target of the file does not keep the others from being checked.
                Err(Wrong::Usage(error)) => items.push(Item::Row(Box::new(TargetReport::unknown(
                    printable(word),
                    TargetKind::Endpoint,
                    error.explain(),
                )))),
                Err(Wrong::Failure(failure)) => return Err(*failure),
            }
        }
    }
    Ok(items)
}

/// Most targets that are told when they make no sense.
const MAX_TOLD: usize = 20;

/// All targets that make no sense, those of a list by their lines.
fn refused(mut wrong: Vec<(Option<usize>, CheckError)>, args: &CheckArgs) -> Option<Failure> {
    let (line, first) = wrong.first()?;
    if wrong.len() == 1 {
        let mut failure = Failure::from_error(FailureKind::Usage, first);
        if let (Some(line), Some(list)) = (line, &args.list) {
            let place = format!("{}: line {line} of the targets", list.display());
            failure.explanation.place = printable(&place);
        }
        return Some(failure);
    }
    let more = wrong.len().saturating_sub(MAX_TOLD);
    wrong.truncate(MAX_TOLD);
    let why: Vec<String> = wrong
        .iter()
        .map(|(line, error)| {
            let why = error.explain().why;
            match line {
                Some(line) => printable(&format!("line {line}: {error} ({why})")),
                None => printable(&format!("{error} ({why})")),
            }
        })
        .collect();
    let mut why = why.join("; ");
    if more > 0 {
        why.push_str(&format!("; and {more} more"));
    }
    Some(Failure::usage(
        format!("{} targets make no sense", wrong.len() + more),
        why,
        "name files, folders, HOST:PORT, or certificates of the deployment",
    ))
}

fn plain(word: &str) -> TargetLine {
    TargetLine {
        target: word.to_owned(),
        protocol: None,
        name: None,
        line: None,
    }
}

enum Wrong {
    Usage(CheckError),
    Failure(Box<Failure>),
}

/// A word that names a certificate means it; then what lies on disk; then `HOST:PORT`.
fn take(
    line: &TargetLine,
    args: &CheckArgs,
    around: &Surroundings,
    yardstick: &Yardstick,
    items: &mut Vec<Item>,
    context: &Context,
) -> Result<(), Wrong> {
    let word = line.target.as_str();
    if let Ok(name) = Slug::parse(word)
        && is_certificate(around, &name)
    {
        let rows = deployed::everything(context, around, yardstick, Some(&name));
        items.extend(rows.map_err(|failure| Wrong::Failure(Box::new(failure)))?);
        return Ok(());
    }
    let path = Path::new(word);
    if path.symlink_metadata().is_ok() {
        items.push(Item::Path(path.to_path_buf()));
        return Ok(());
    }
    if let Some((scheme, domain)) = domain_target(word).map_err(Wrong::Usage)? {
        items.push(Item::Domain(scheme, domain));
        return Ok(());
    }
    match host_and_port(word) {
        Some((host, port)) => {
            let endpoint = listener(line, args, host, port);
            items.push(Item::Endpoint(Box::new(endpoint)));
            Ok(())
        }
        None => match endpoint::without_port(word) {
            Some(error) => Err(Wrong::Usage(error)),
            // It looks like a file, and reading it will say why it cannot be judged.
            None if word.contains('/') || word.contains('.') => {
                items.push(Item::Path(path.to_path_buf()));
                Ok(())
            }
            None => Err(Wrong::Usage(CheckError::NotATarget {
                target: word.to_owned(),
                near: near(around, word),
            })),
        },
    }
}

/// The certificate of the deployment or the state whose name is nearest to a mistyped word.
fn near(around: &Surroundings, word: &str) -> Option<String> {
    let mut known: Vec<String> = around
        .deployment
        .iter()
        .flat_map(|deployment| &deployment.certificates)
        .map(|certificate| certificate.name.to_string())
        .collect();
    if let Some(Ok(stored)) = around.store.as_ref().map(|store| store.certificates()) {
        known.extend(stored.iter().map(Slug::to_string));
    }
    nearest(word, known.iter().map(String::as_str)).map(str::to_owned)
}

fn is_certificate(around: &Surroundings, name: &Slug) -> bool {
    let planned = around
        .deployment
        .as_ref()
        .is_some_and(|deployment| deployment.certificate(name).is_some());
    planned
        || around
            .store
            .as_ref()
            .is_some_and(|store| store.certificates().is_ok_and(|known| known.contains(name)))
}

fn listener(line: &TargetLine, args: &CheckArgs, host: String, port: u16) -> Endpoint {
    let protocol = line
        .protocol
        .or(args.protocol)
        .unwrap_or_else(|| Protocol::from_port(port));
    let own = match host.parse::<IpAddr>() {
        Ok(_) => None,
        Err(_) => Domain::parse(&host).ok(),
    };
    let (first, second) = match protocol {
        Protocol::Xmpp | Protocol::XmppServer | Protocol::XmppsClient | Protocol::XmppsServer => {
            (&args.xmpphost, &args.servername)
        }
        Protocol::Sips | Protocol::Tls => (&args.servername, &args.xmpphost),
    };
    let domain = line
        .name
        .clone()
        .or_else(|| first.clone())
        .or_else(|| second.clone())
        .or(own);
    let server_name = match &line.name {
        Some(name) => Some(name.clone()),
        None => args.servername.clone().or_else(|| domain.clone()),
    };
    let (host, port) = args.connect.clone().unwrap_or((host, port));
    Endpoint {
        target: printable(&line.target),
        host,
        port,
        protocol,
        server_name,
        domain,
        key_kind: KeyKind::Any,
        depth: match protocol {
            Protocol::Tls => Depth::Handshake,
            Protocol::Xmpp
            | Protocol::XmppServer
            | Protocol::XmppsClient
            | Protocol::XmppsServer
            | Protocol::Sips => Depth::Inside,
        },
        assigned: None,
        addresses: Vec::new(),
        within: None,
    }
}

fn read_list(path: &Path) -> Result<Vec<TargetLine>, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(endpoint::MAX_LIST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                Failure::usage(
                    "the list of targets cannot be read from standard input",
                    error.to_string(),
                    "pipe it in, or name a file with --targets FILE",
                )
            })?;
        if bytes.len() as u64 > endpoint::MAX_LIST_BYTES {
            return Err(Failure::usage(
                "the list of targets is too large",
                format!("at most {} bytes are read", endpoint::MAX_LIST_BYTES),
                "split it and check one part after the other",
            ));
        }
        bytes
    } else {
        atomic::read_limited(path, endpoint::MAX_LIST_BYTES)
            .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::usage(
            "the list of targets is not a text",
            format!("{} is not UTF-8", path.display()),
            "write one target a line",
        )
    })?;
    endpoint::read_list(&text).map_err(|error| {
        let failure = Failure::from_error(FailureKind::Usage, &error);
        let place = match failure.explanation.place.as_str() {
            "" => path.display().to_string(),
            line => format!("{}: {line}", path.display()),
        };
        Failure {
            explanation: Box::new(crate::explain::Explanation {
                place: printable(&place),
                ..*failure.explanation
            }),
            ..failure
        }
    })
}

/// The files of all paths, folders walked as it goes.
pub(super) struct Files {
    paths: std::vec::IntoIter<(usize, PathBuf)>,
    walk: Option<(usize, usize, Walk)>,
}

impl Files {
    pub(super) fn new(paths: Vec<(usize, PathBuf)>) -> Self {
        Self {
            paths: paths.into_iter(),
            walk: None,
        }
    }
}

impl Iterator for Files {
    type Item = Next;

    fn next(&mut self) -> Option<Next> {
        loop {
            if let Some((target, number, walk)) = &mut self.walk {
                let place = (*target, *number);
                *number += 1;
                match walk.next() {
                    Some(Ok(path)) => {
                        return Some(Ok(FileTask {
                            place,
                            path,
                            origin: Origin::Walked,
                        }));
                    }
                    Some(Err(error)) => {
                        let path = printable(&error.path().to_string_lossy());
                        return Some(Err(Box::new((place, path, error.explain()))));
                    }
                    None => self.walk = None,
                }
            }
            let (target, path) = self.paths.next()?;
            if path.is_dir() {
                self.walk = Some((target, 0, Walk::new(&path, WalkLimits::CERTIFICATES)));
                continue;
            }
            return Some(Ok(FileTask {
                place: (target, 0),
                path,
                origin: Origin::Named,
            }));
        }
    }
}

/// Reads a file and the key file beside it. Effects: called from several threads, may block.
pub(super) fn read(task: &FileTask) -> FileRead {
    let walked = task.origin == Origin::Walked;
    if walked && (is_key_file(&task.path) || is_ours(&task.path)) {
        return FileRead::Skip;
    }
    match atomic::read_secret(&task.path, container::MAX_BYTES as u64) {
        Ok(bytes) => {
            let key = key_beside(&task.path)
                .and_then(|path| atomic::read_secret(&path, PrivateKey::MAX_BYTES as u64).ok());
            let chain = |word| {
                chain_beside(&task.path, word)
                    .and_then(|path| atomic::read_limited(&path, container::MAX_BYTES as u64).ok())
            };
            let beside = BesideFiles {
                key,
                chain: chain("chain"),
                fullchain: chain("fullchain"),
            };
            FileRead::Bytes(bytes, Box::new(beside))
        }
        Err(StoreError::TooLarge { .. }) if walked && !is_named_as_certificate(&task.path) => {
            FileRead::Skip
        }
        Err(StoreError::WrongKind { .. }) if walked => FileRead::Skip,
        Err(error) => FileRead::Failed(error.explain()),
    }
}

fn is_ours(path: &Path) -> bool {
    path.file_name().is_some_and(atomic::is_temporary)
}

fn is_key_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| {
        name.ends_with(".key") || (name.starts_with("privkey") && name.ends_with(".pem"))
    })
}

/// Where the key of a certificate file lies by habit: certbot's `privkey.pem` beside `cert.pem` and `fullchain.pem`
/// (numbered in its archive), and `NAME.key` beside `NAME.pem`, `.crt`, `.cer` and `.cert`.
fn key_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, suffix) = name.rsplit_once('.')?;
    if !matches!(suffix, "pem" | "crt" | "cer" | "cert") {
        return None;
    }
    let number = ["fullchain", "cert"].iter().find_map(|word| {
        stem.strip_prefix(word)
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if let (Some(number), "pem") = (number, suffix) {
        return Some(path.with_file_name(format!("privkey{number}.pem")));
    }
    Some(path.with_file_name(format!("{stem}.key")))
}

/// Where the chain of a certificate file lies by habit: `chain.pem` and `fullchain.pem` in its folder, with the number
/// that `cert12.pem` has in certbot's archive. A full chain needs nothing beside it.
fn chain_beside(path: &Path, word: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let (stem, suffix) = name.rsplit_once('.')?;
    if !matches!(suffix, "pem" | "crt" | "cer" | "cert") {
        return None;
    }
    let numbered = |word: &str| {
        stem.strip_prefix(word)
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if numbered("fullchain").is_some() {
        return None;
    }
    let number = numbered("cert").or_else(|| numbered("chain")).unwrap_or("");
    let beside = path.with_file_name(format!("{word}{number}.pem"));
    (beside != path).then_some(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_looked_for_in_the_same_folder() {
        for (certificate, word, beside) in [
            ("live/x/cert.pem", "chain", Some("live/x/chain.pem")),
            (
                "archive/x/cert3.pem",
                "fullchain",
                Some("archive/x/fullchain3.pem"),
            ),
            (
                "archive/x/chain3.pem",
                "fullchain",
                Some("archive/x/fullchain3.pem"),
            ),
            ("archive/x/chain3.pem", "chain", None),
            ("live/x/fullchain.pem", "chain", None),
            ("tls.crt", "chain", Some("chain.pem")),
            ("edge.der", "chain", None),
        ] {
            assert_eq!(
                chain_beside(Path::new(certificate), word),
                beside.map(PathBuf::from),
                "{certificate} {word}"
            );
        }
    }

    #[test]
    fn keys_are_looked_for_where_they_lie_by_habit() {
        for (certificate, key) in [
            ("live/x/cert.pem", Some("live/x/privkey.pem")),
            ("live/x/fullchain.pem", Some("live/x/privkey.pem")),
            ("archive/x/fullchain12.pem", Some("archive/x/privkey12.pem")),
            ("tls.crt", Some("tls.key")),
            ("certificate.pem", Some("certificate.key")),
            ("edge.der", None),
            ("edge", None),
        ] {
            assert_eq!(
                key_beside(Path::new(certificate)),
                key.map(PathBuf::from),
                "{certificate}"
            );
        }
    }
}
