//! Which tables of a deployment follow from what was found (pure).
//!
//! A table is proposed only where the driver of its kind can write what the server reads; else it says why not. And
//! it is proposed for a certificate only where what is served now shares a name with it: a table for a web site's
//! files would have it serve the edge's certificate.

use super::Found;
use super::command_line::Reads;
use super::kinds::{Server, ServerKind};
use super::processes::Root;
use crate::deployment::{FileTarget, Gateway, GatewayKind};
use crate::names::matching::dns_name_covers;
use crate::names::{Domain, Slug};
use crate::servers::Side;
use std::path::{Path, PathBuf};

/// A table that fits what was found, without its name and certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The kind.
    pub kind: ServerKind,
    /// Its keys.
    pub settings: FileTarget,
    /// DNS names that are served from its files now; empty: not known.
    pub names: Vec<String>,
    /// Which pairs of [`Found::in_use`] it is about.
    pub pairs: Vec<usize>,
    /// What of them may not be read.
    pub unread: Vec<PathBuf>,
}

/// Files for which there is no table, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTable {
    /// The kind.
    pub kind: ServerKind,
    /// The file, or the server's configuration.
    pub file: PathBuf,
    /// Why.
    pub why: String,
}

/// What is said of what may not be read.
pub const RUN_AS_ROOT: &str = "cannot be read: run as root";

/// The tables of one server.
pub fn proposals(found: &Found) -> (Vec<Proposal>, Vec<NoTable>) {
    let none = |file: &Path, why: &str| NoTable {
        kind: found.kind,
        file: file.to_owned(),
        why: why.to_owned(),
    };
    let of_all = |why: &str| (Vec::new(), vec![none(&found.config, why)]);
    if let Some(why) = found.others.why() {
        return of_all(&why);
    }
    let server = match &found.server {
        Ok(server) => server,
        Err(_) if !found.unread.is_empty() => return of_all(RUN_AS_ROOT),
        Err(_) => return of_all("its configuration cannot be read"),
    };
    if matches!(found.root, Root::Elsewhere(_)) {
        return of_all(
            "it runs in a container: write the table with the folder of its root as `root`, and its programs as `control`",
        );
    }
    if found.started.reads == Reads::CommandLine {
        return of_all("it is started with options alone, and no configuration is read");
    }
    if !found.started.further.is_empty() {
        return of_all("it reads several configurations, and a table names one");
    }
    if let Server::Nginx(config) = server
        && config.common.certificates.is_empty()
        && !config.by_variable.is_empty()
    {
        return of_all(
            "its files are named with a variable: write a table of kind `files`, which needs no reload",
        );
    }
    if found.in_use.is_empty() && !found.unread.is_empty() {
        return of_all(RUN_AS_ROOT);
    }
    if found.in_use.is_empty() {
        return of_all("it reads no certificate");
    }
    let mut tables: Vec<Proposal> = Vec::new();
    let mut left = Vec::new();
    for (at, pair) in found.in_use.iter().enumerate() {
        if pair.side == Side::Client {
            // Kamailio's client profiles: told by the server profile of the same pair, if there is one.
            left.push(none(
                &pair.certificate,
                "it is shown to others as a client alone",
            ));
            continue;
        }
        let settings = match settings_of(found, server, at) {
            Ok(settings) => settings,
            Err(why) => {
                left.push(none(&pair.certificate, why));
                continue;
            }
        };
        if settings.pid_file.is_some()
            && let Some(who) = &found.others.pid_file
        {
            let why = format!("its pid file can be changed by {who}");
            left.push(none(&pair.certificate, &why));
            continue;
        }
        let names = pair.dns_names();
        let file = found.files().here(&pair.certificate);
        let unread: Vec<PathBuf> = found
            .unread
            .iter()
            .filter(|one| **one == file)
            .cloned()
            .collect();
        let same = |one: &&mut Proposal| {
            one.settings == settings
                // Prosody's table names no files: one for each certificate.
                && (found.kind != ServerKind::Prosody || one.names == names)
        };
        match tables.iter_mut().find(same) {
            Some(one) => {
                one.pairs.push(at);
                one.unread.extend(unread);
            }
            None => tables.push(Proposal {
                kind: found.kind,
                settings,
                names,
                pairs: vec![at],
                unread,
            }),
        }
    }
    (tables, left)
}

/// The keys of a table for one pair.
fn settings_of(found: &Found, server: &Server, at: usize) -> Result<FileTarget, &'static str> {
    let Some(pair) = found.in_use.get(at) else {
        return Err("there is no such pair");
    };
    let mut settings = FileTarget {
        config: (found.config != found.kind.default_config()).then(|| found.config.clone()),
        root: match &found.root {
            Root::Folder(folder) => Some(folder.clone()),
            Root::Ours | Root::Elsewhere(_) => None,
        },
        ..FileTarget::default()
    };
    let apart = |settings: &mut FileTarget| {
        settings.cert_file = Some(pair.certificate.clone());
        settings.key_file = Some(pair.key.clone());
    };
    match server {
        Server::Prosody(config) => settings.directory = Some(config.certificates_folder.clone()),
        Server::Ejabberd(_) => {
            if !pair.is_combined() {
                return Err(
                    "certificate and key lie in two files, and the table writes one: put both into one file of `certfiles`",
                );
            }
            settings.file = Some(pair.certificate.clone());
            // `ejabberdctl` finds another instance by its files and its node alone.
            if let (Some(config), Some(node)) = (&settings.config, &found.started.node) {
                let folder = config.parent().unwrap_or(Path::new("/"));
                let words = ["ejabberdctl", "--config-dir"];
                let mut control: Vec<String> = words.map(str::to_owned).into();
                control.extend([
                    folder.display().to_string(),
                    "--config".to_owned(),
                    config.display().to_string(),
                    "--node".to_owned(),
                    node.clone(),
                ]);
                settings.control = Some(control);
            }
        }
        Server::Haproxy(_) => {
            if !pair.is_combined() {
                return Err(
                    "its key lies in a file beside it, and the table writes one: put both into one file",
                );
            }
            settings.file = Some(pair.certificate.clone());
            settings.socket = super::way::admin_socket(server, &found.files());
            if settings.socket.is_none() {
                settings.pid_file = found.pid_file();
            }
        }
        Server::Kamailio(_) | Server::Nginx(_) | Server::Coturn(_) => {
            if pair.is_combined() {
                return Err(
                    "certificate and key lie in one file, and the table writes two: put the key into a file of its own",
                );
            }
            apart(&mut settings);
            if let Server::Coturn(config) = server
                && config.pidfile.is_none()
            {
                settings.pid_file = found.pid_file();
            }
        }
    }
    Ok(settings)
}

/// How a proposal stands to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It can be added, for this certificate.
    New(Slug),
    /// This gateway has the same kind and the same files.
    There(Slug),
    /// This gateway writes one of its files already.
    Taken(Slug, PathBuf),
    /// It shares no name with any certificate, or with the one that was named.
    NotOurs,
    /// The names that are known are no certificate's, and what is served may not be read.
    Unread,
    /// Several certificates fit equally well.
    Undecided(Vec<Slug>),
}

/// A certificate of the deployment, with the DNS names that it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: Slug,
    /// What it is to have.
    pub wanted: Vec<Domain>,
}

/// Holds a proposal against a deployment; `named` is the certificate that somebody chose.
pub fn standing(
    proposal: &Proposal,
    gateways: &[Gateway],
    candidates: &[Candidate],
    named: Option<&Slug>,
) -> Standing {
    let chosen = choose(proposal, candidates, named);
    if let Some(there) = gateways
        .iter()
        .find(|one| is_same(proposal, one, Some(&chosen)))
    {
        return Standing::There(there.name.clone());
    }
    for path in own_paths(&proposal.settings) {
        let taken = gateways
            .iter()
            .find(|one| paths_of(one).iter().any(|other| other == path));
        if let Some(taken) = taken {
            return Standing::Taken(taken.name.clone(), path.clone());
        }
    }
    match chosen {
        Choice::One(name) => Standing::New(name),
        Choice::None if !proposal.unread.is_empty() => Standing::Unread,
        Choice::None => Standing::NotOurs,
        Choice::Several(names) => Standing::Undecided(names),
    }
}

/// Which certificate a proposal is for.
enum Choice {
    One(Slug),
    None,
    Several(Vec<Slug>),
}

fn choose(proposal: &Proposal, candidates: &[Candidate], named: Option<&Slug>) -> Choice {
    let shared = |candidate: &Candidate| {
        candidate
            .wanted
            .iter()
            .filter(|domain| {
                proposal
                    .names
                    .iter()
                    .any(|name| dns_name_covers(name, domain))
            })
            .count()
    };
    if let Some(name) = named {
        let fits = candidates
            .iter()
            .find(|one| one.name == *name)
            // Where nothing is known of what is served, the person's word counts.
            .is_some_and(|one| proposal.names.is_empty() || shared(one) > 0);
        return match fits {
            true => Choice::One(name.clone()),
            false => Choice::None,
        };
    }
    let best = candidates.iter().map(shared).max().unwrap_or(0);
    let mut all: Vec<Slug> = candidates
        .iter()
        .filter(|one| shared(one) == best)
        .map(|one| one.name.clone())
        .collect();
    match (best, all.len()) {
        (0, _) => Choice::None,
        (_, 1) => Choice::One(all.remove(0)),
        (_, _) => Choice::Several(all),
    }
}

/// Whether a gateway is that of a proposal: the kind, the root and the files; for Prosody its configuration and, as
/// its table names no files, the certificate (`None`: any).
fn is_same(proposal: &Proposal, gateway: &Gateway, chosen: Option<&Choice>) -> bool {
    let Some((kind, table)) = ServerKind::of(gateway) else {
        return false;
    };
    let mine = &proposal.settings;
    let config = |settings: &FileTarget| {
        let written = settings.config.as_deref();
        written.unwrap_or(kind.default_config()).to_owned()
    };
    let root = |settings: &FileTarget| {
        let written = settings.root.as_deref();
        written.unwrap_or(Path::new("/")).to_owned()
    };
    if kind != proposal.kind || root(table) != root(mine) {
        return false;
    }
    if kind == ServerKind::Prosody {
        let same_certificate = match chosen {
            Some(Choice::One(name)) => gateway.certificates.contains(name),
            Some(Choice::Several(names)) => {
                names.iter().any(|name| gateway.certificates.contains(name))
            }
            Some(Choice::None) => false,
            None => true,
        };
        return config(table) == config(mine) && same_certificate;
    }
    (&table.file, &table.cert_file, &table.key_file)
        == (&mine.file, &mine.cert_file, &mine.key_file)
}

/// The pairs of a server that a gateway's table is about: those of its files; for Prosody's, every one.
pub fn pairs_of(gateway: &Gateway, found: &Found) -> Vec<usize> {
    let (tables, _) = proposals(found);
    let of_gateway = tables.iter().filter(|one| is_same(one, gateway, None));
    of_gateway
        .flat_map(|one| one.pairs.iter().copied())
        .collect()
}

/// The files that a table has to itself.
fn own_paths(settings: &FileTarget) -> impl Iterator<Item = &PathBuf> {
    [&settings.file, &settings.cert_file, &settings.key_file]
        .into_iter()
        .flatten()
}

/// The files that a gateway has to itself.
fn paths_of(gateway: &Gateway) -> Vec<PathBuf> {
    match &gateway.kind {
        GatewayKind::Files(files) => files
            .destinations
            .iter()
            .map(|one| one.path.clone())
            .collect(),
        GatewayKind::Embedded(_) => Vec::new(),
        GatewayKind::Prosody(table)
        | GatewayKind::Ejabberd(table)
        | GatewayKind::Kamailio(table)
        | GatewayKind::Haproxy(table)
        | GatewayKind::Nginx(table)
        | GatewayKind::Coturn(table) => own_paths(table).cloned().collect(),
    }
}

/// A name for a further gateway: the kind's word, or that with the next free number.
pub fn free_name(kind: ServerKind, taken: &[Slug]) -> Option<Slug> {
    let word = kind.word();
    std::iter::once(word.to_owned())
        .chain((2..=1_000).map(|number| format!("{word}-{number}")))
        .filter_map(|name| Slug::parse(&name).ok())
        .find(|name| !taken.contains(name))
}

#[cfg(test)]
mod tests;
