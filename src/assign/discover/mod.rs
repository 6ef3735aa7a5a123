//! The servers of this machine: what runs, and what is installed and does not; which certificates they serve, and the
//! tables of a deployment that fit.
//!
//! The looking is here and in [`processes`]; what follows from it is pure: [`command_line`] and [`tables`]. Nothing is
//! changed and nothing is run. Not here: what is done with it (`cli`).

pub mod command_line;
pub mod edge;
pub mod fitness;
pub mod in_use;
pub mod kinds;
pub mod processes;
pub mod tables;
pub mod trust;
mod unread;
pub mod way;

pub use in_use::InUse;
pub use kinds::{Server, ServerKind};
pub use processes::Root;
pub use tables::{Candidate, NoTable, Proposal, Standing, free_name, proposals, standing};
pub use way::{Way, way};

use super::config_files::ConfigFiles;
use crate::servers::{ConfigError, PathKind, Source};
use command_line::Started;
use std::path::{Path, PathBuf};
use trust::{Others, Packaged};
use unread::{is_forbidden, unread};

/// A server of this machine.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it is.
    pub kind: ServerKind,
    /// Its main configuration, as the server names it.
    pub config: PathBuf,
    /// What is `/` to it.
    pub root: Root,
    /// Its processes, the first of them first; empty: it does not run.
    pub processes: Vec<u32>,
    /// The user of the first; `None`: it does not run, or it is not known.
    pub user: Option<String>,
    /// Who else may change what a table would be built on.
    pub others: Others,
    /// What its command line tells.
    pub started: Started,
    /// What its configuration says.
    pub server: Result<Server, ConfigError>,
    /// The certificate files that it reads.
    pub in_use: Vec<InUse>,
    /// What of its files we may not read, where it lies for us; unread does not mean absent.
    pub unread: Vec<PathBuf>,
}

impl Found {
    /// Its files, where they lie for us.
    pub fn files(&self) -> ConfigFiles {
        files_of(&self.root)
    }

    /// The pid file that its command line names, where it lies for us.
    pub fn pid_file(&self) -> Option<PathBuf> {
        let written = self.started.pid_file.as_deref()?;
        Some(self.files().here(Path::new(written)))
    }
}

/// The servers that run, then those whose configuration lies where Debian's packages have it and that do not run.
///
/// With a `root` other than `/`, those below it: what runs with that folder as its root, and what lies there. Effects:
/// reads `/proc` and the servers' files.
pub fn look(root: &Path) -> Vec<Found> {
    let whole = root == Path::new("/");
    let below = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut found: Vec<Found> = processes::running()
        .into_iter()
        .filter(|one| whole || one.root == Root::Folder(below.clone()))
        .map(|one| {
            let files = files_of(&one.root);
            let (server, in_use) = read(one.kind, &one.config, &files);
            let pid_file = one.started.pid_file.as_deref().map(Path::new);
            let pid_file = pid_file.map(|file| files.here(file));
            Found {
                unread: unread(&server, &in_use, &files),
                others: others(one.kind, &one.config, &one.root, pid_file.as_deref()),
                user: one.uid.map(crate::store::user_name),
                kind: one.kind,
                config: one.config,
                root: one.root,
                processes: one.processes,
                started: one.started,
                server,
                in_use,
            }
        })
        .collect();
    let root = root_at(root);
    let files = files_of(&root);
    for kind in ServerKind::ALL {
        let config = kind.started_with();
        let runs = found
            .iter()
            .any(|one| (one.kind, one.config.as_path(), &one.root) == (kind, config, &root));
        let there = files.look(config) == Some(PathKind::File) || is_forbidden(&files.here(config));
        if !runs && there {
            found.push(at_rest(kind, config, &root));
        }
    }
    found
}

fn others(kind: ServerKind, config: &Path, root: &Root, pid_file: Option<&Path>) -> Others {
    let of_package = config == kind.started_with() || config == kind.default_config();
    let is_packaged = match root == &Root::Ours && of_package {
        true => Packaged::Yes,
        false => Packaged::No,
    };
    Others::of(root, &files_of(root).here(config), is_packaged, pid_file)
}

/// The server of one configuration, of which nothing is known to run. Effects: reads its files.
pub fn look_at(kind: ServerKind, config: &Path, root: &Path) -> Found {
    at_rest(kind, config, &root_at(root))
}

fn root_at(root: &Path) -> Root {
    match root == Path::new("/") {
        true => Root::Ours,
        false => Root::Folder(root.canonicalize().unwrap_or_else(|_| root.to_owned())),
    }
}

fn at_rest(kind: ServerKind, config: &Path, root: &Root) -> Found {
    let files = files_of(root);
    let (server, in_use) = read(kind, config, &files);
    Found {
        kind,
        config: config.to_owned(),
        root: root.clone(),
        processes: Vec::new(),
        user: None,
        others: others(kind, config, root, None),
        started: Started::default(),
        unread: unread(&server, &in_use, &files),
        server,
        in_use,
    }
}

fn files_of(root: &Root) -> ConfigFiles {
    match root {
        Root::Ours => ConfigFiles::below(Path::new("/")),
        Root::Folder(folder) | Root::Elsewhere(folder) => ConfigFiles::below(folder),
    }
}

fn read(
    kind: ServerKind,
    config: &Path,
    files: &ConfigFiles,
) -> (Result<Server, ConfigError>, Vec<InUse>) {
    let server = Server::read(kind, config, files);
    let in_use = match &server {
        Ok(server) => in_use::in_use(server, files),
        Err(_) => Vec::new(),
    };
    (server, in_use)
}
