//! From words to targets.

use super::{CheckArgs, Context, Failure, FailureKind, Item, Surroundings, deployed, fits};
use crate::check::discover::domain_target;
use crate::check::endpoint::{self, Presence, TargetLine, TargetList, host_and_port};
use crate::check::{CheckError, Endpoint, TargetKind, TargetReport, WrongTarget, Yardstick};
use crate::explain::{Explain, nearest, printable};
use crate::names::{Domain, Protocol, Slug};
use crate::probe::{Depth, KeyKind};
use crate::store::atomic;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// All targets: those of the command line and of `--targets`, else everything deployed and those of `[check]`.
pub(super) fn gather(
    args: &CheckArgs,
    context: &Context,
    around: &Surroundings,
    yardstick: &Yardstick,
) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let mut lines: Vec<TargetLine> = args.targets.iter().map(|word| plain(word)).collect();
    let mut list = TargetList::default();
    if let Some(path) = &args.list {
        list = read_list(path)?;
        lines.append(&mut list.targets);
        if lines.is_empty() && list.wrong.is_empty() {
            return Err(Failure::usage(
                format!("there is nothing to check in {}", name_of(path)),
                "the list of targets holds none",
                "write one target a line",
            ));
        }
    }
    for line in &lines {
        match take(line, args, around, yardstick, &mut items, context) {
            Ok(()) => {}
            Err(Wrong::Usage(_)) if list.wrong.len() >= MAX_KEPT => list.more += 1,
            Err(Wrong::Usage(error)) => list.wrong.push(WrongTarget {
                line: line.line,
                error,
            }),
            Err(Wrong::Failure(failure)) => return Err(*failure),
        }
    }
    if let Some(wrong) = CheckError::of_all(list.wrong, list.more) {
        return Err(refused(&wrong, args));
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

/// Most targets without sense that are kept; by then enough is known.
const MAX_KEPT: usize = 1_000;

/// What makes no sense, with the list that it stands in.
fn refused(wrong: &WrongTarget, args: &CheckArgs) -> Failure {
    let mut failure = Failure::from_error(FailureKind::Usage, &wrong.error);
    let Some(list) = &args.list else {
        return failure;
    };
    let place = &mut failure.explanation.place;
    match wrong.line {
        Some(line) => *place = format!("{}: line {line} of the targets", name_of(list)),
        None if place.is_empty() => *place = name_of(list),
        None => {}
    }
    failure
}

/// A list, for people.
fn name_of(list: &Path) -> String {
    match list == Path::new("-") {
        true => "standard input".to_owned(),
        false => printable(&list.to_string_lossy()),
    }
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
    // An option says something of a listener alone.
    let bare = |kind| match line.option() {
        Some(option) => Err(Wrong::Usage(CheckError::OptionElsewhere {
            option,
            target: word.to_owned(),
            kind,
        })),
        None => Ok(()),
    };
    if let Ok(name) = Slug::parse(word)
        && is_certificate(around, &name)
    {
        bare("a certificate of the deployment")?;
        let rows = deployed::everything(context, around, yardstick, Some(&name));
        items.extend(rows.map_err(|failure| Wrong::Failure(Box::new(failure)))?);
        return Ok(());
    }
    let path = Path::new(word);
    if let Ok(found) = path.symlink_metadata() {
        bare(match found.is_dir() {
            true => "a folder",
            false => "a file",
        })?;
        items.push(Item::Path(path.to_path_buf()));
        return Ok(());
    }
    if let Some((name, number)) = word.split_once('/')
        && number.parse::<u32>().is_ok()
        && let Ok(certificate) = Slug::parse(name)
        && is_certificate(around, &certificate)
    {
        let target = word.to_owned();
        return Err(Wrong::Usage(CheckError::OneGeneration {
            target,
            certificate,
        }));
    }
    if let Some(error) = endpoint::url(word) {
        return Err(Wrong::Usage(error));
    }
    if word.starts_with("protocol=") || word.starts_with("name=") {
        return Err(Wrong::Usage(CheckError::LooseOption {
            word: word.to_owned(),
        }));
    }
    if let Some((scheme, domain)) = domain_target(word).map_err(Wrong::Usage)? {
        bare("a domain, whose records say what is asked")?;
        items.push(Item::Domain(scheme, domain));
        return Ok(());
    }
    match host_and_port(word) {
        Some((host, port)) => {
            let endpoint = listener(line, args, host, port);
            if let Some(error) = fits::other_family(&endpoint, args) {
                return Err(Wrong::Usage(error));
            }
            items.push(Item::Endpoint(Box::new(endpoint)));
            Ok(())
        }
        None => match endpoint::without_port(word) {
            Some(error) => Err(Wrong::Usage(error)),
            // It looks like a file, and reading it will say why it cannot be judged.
            None if word.contains('/') || word.contains('.') => {
                bare("a file")?;
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
        presence: Presence::Said,
    }
}

fn read_list(path: &Path) -> Result<TargetList, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(endpoint::MAX_LIST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                Failure::usage(
                    "the list of targets cannot be read from standard input",
                    crate::explain::os_words(&error),
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
        let mut failure = Failure::usage(
            "the list of targets is not a text",
            "it is not UTF-8",
            "write one target a line",
        );
        failure.explanation.place = name_of(path);
        failure
    })?;
    endpoint::read_list(&text).map_err(|error| {
        let mut failure = Failure::from_error(FailureKind::Usage, &error);
        failure.explanation.place = name_of(path);
        failure
    })
}
