//! Which certificate files a server reads, and what lies in them.

use super::kinds::Server;
use crate::assign::config_files::ConfigFiles;
use crate::assign::targets::on_server::is_covered;
use crate::explain::printable;
use crate::names::{Domain, Presented};
use crate::servers::ejabberd::SPOOL;
use crate::servers::prosody::{FirstLine, ProsodyConfig, first_line_fits, index, key_beside};
use crate::servers::{CertificateUse, PathKind, Side, Source};
use crate::store::MAX_PEM_BYTES;
use crate::store::atomic::read_limited;
use crate::x509::{Certificate, Fingerprint, container};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Most files that are looked at for one server.
const MAX_FILES: usize = 10_000;

/// One pair of files in use, paths as the server names them.
#[derive(Debug, Clone)]
pub struct InUse {
    /// The file with the leaf.
    pub certificate: PathBuf,
    /// The file with the key; the same where one file holds both.
    pub key: PathBuf,
    /// The names that it is shown for, as they are written; empty: for every name without another.
    pub names: Vec<String>,
    /// In which part of a handshake.
    pub side: Side,
    /// The leaf, or why it is not known.
    pub leaf: Result<Certificate, String>,
}

impl InUse {
    /// The DNS names of its leaf; where that is not known, those that it is shown for.
    pub fn dns_names(&self) -> Vec<String> {
        match &self.leaf {
            Ok(leaf) => leaf
                .facts()
                .names
                .iter()
                .flatten()
                .filter_map(Presented::dns_name)
                .map(str::to_ascii_lowercase)
                .collect(),
            Err(_) => self.names.clone(),
        }
    }

    /// Whether leaf and key lie in one file.
    pub fn is_combined(&self) -> bool {
        self.certificate == self.key
    }
}

/// The files of a server, each pair once, in the order they stand.
pub fn in_use(server: &Server, files: &ConfigFiles) -> Vec<InUse> {
    match server {
        Server::Prosody(config) => of_prosody(config, files),
        Server::Ejabberd(config) => {
            let hosts: Vec<&Domain> = config.common.hosts.iter().map(|one| &one.name).collect();
            of_pool(&config.pool(files), &hosts, files)
        }
        Server::Kamailio(_) | Server::Haproxy(_) | Server::Nginx(_) | Server::Coturn(_) => {
            named(&server.common().certificates, files)
        }
    }
}

/// The folder in which ejabberd keeps the certificates that it gets by ACME itself.
pub fn ejabberd_acme() -> PathBuf {
    Path::new(SPOOL).join("acme/live")
}

fn named(uses: &[CertificateUse], files: &ConfigFiles) -> Vec<InUse> {
    let mut found: Vec<InUse> = Vec::new();
    for one in uses.iter().take(MAX_FILES) {
        let same = found
            .iter_mut()
            .find(|there| (&there.certificate, &there.key) == (&one.certificate, &one.key));
        match same {
            Some(there) => {
                for name in &one.names {
                    if !there.names.contains(name) {
                        there.names.push(name.clone());
                    }
                }
                if there.side != one.side {
                    there.side = Side::Both;
                }
            }
            None => found.push(InUse {
                certificate: one.certificate.clone(),
                key: one.key.clone(),
                names: one.names.clone(),
                side: one.side,
                leaf: leaf_of(&one.certificate, files),
            }),
        }
    }
    found
}

/// For each host: the pair that a setting names, else `<host>.crt` in the folder, else another file that is indexed.
fn of_prosody(config: &ProsodyConfig, files: &ConfigFiles) -> Vec<InUse> {
    let mut indexed: Option<Vec<(PathBuf, Certificate)>> = None;
    let mut uses: Vec<CertificateUse> = Vec::new();
    for host in &config.common.hosts {
        let of_its_name = || {
            let file = config
                .certificates_folder
                .join(format!("{}.crt", host.name));
            (files.look(&file) == Some(PathKind::File)).then(|| {
                let key = key_beside(&file);
                (file, key)
            })
        };
        let pair = config.pair_of(&host.name).or_else(of_its_name).or_else(|| {
            indexed
                .get_or_insert_with(|| indexed_files(&config.certificates_folder, files))
                .iter()
                .find(|(_, leaf)| {
                    is_covered(
                        &host.name,
                        leaf.facts().names.as_deref().unwrap_or_default(),
                    )
                })
                .map(|(file, _)| (file.clone(), key_beside(file)))
        });
        if let Some((certificate, key)) = pair {
            uses.push(CertificateUse {
                certificate,
                key,
                names: vec![host.name.to_string()],
                side: Side::Both,
                place: host.place.clone(),
            });
        }
    }
    named(&uses, files)
}

/// The files of Prosody's folder that it looks at by itself, with their leaves; a folder that we may not read is told
/// as such elsewhere.
fn indexed_files(folder: &Path, files: &ConfigFiles) -> Vec<(PathBuf, Certificate)> {
    let paths = index(folder, files).unwrap_or_default();
    paths
        .into_iter()
        .filter_map(|path| {
            let bytes = read_limited(&files.here(&path), MAX_PEM_BYTES).ok()?;
            let seen = first_line_fits(&bytes) == FirstLine::Fits;
            let leaf = seen.then(|| leaf_of(&path, files))?.ok()?;
            Some((path, leaf))
        })
        .collect()
}

/// A pool of files that the server sorts by what is in them: each leaf that is no CA, with the file of its key.
fn of_pool(paths: &[PathBuf], hosts: &[&Domain], files: &ConfigFiles) -> Vec<InUse> {
    let mut leaves: Vec<(PathBuf, Certificate)> = Vec::new();
    let mut keys: Vec<(PathBuf, Fingerprint)> = Vec::new();
    for path in paths {
        let Ok(bytes) = read_limited(&files.here(path), MAX_PEM_BYTES).map(Zeroizing::new) else {
            continue;
        };
        let Ok(contents) = container::read(&bytes, None) else {
            continue;
        };
        let of_file = contents.certificates.into_iter().map(|(_, one)| one);
        leaves.extend(
            of_file
                .filter(|one| !one.is_ca())
                .map(|one| (path.clone(), one)),
        );
        keys.extend(
            contents
                .keys
                .iter()
                .map(|(_, key)| (path.clone(), key.spki_sha256())),
        );
    }
    leaves
        .into_iter()
        .map(|(certificate, leaf)| {
            let spki = leaf.facts().spki_sha256;
            let fits = |(_, key): &&(PathBuf, Fingerprint)| *key == spki;
            let beside = keys
                .iter()
                .filter(fits)
                .find(|(path, _)| *path == certificate);
            let key = beside.or_else(|| keys.iter().find(fits));
            let names = leaf.facts().names.clone().unwrap_or_default();
            let shown_for = hosts.iter().filter(|host| is_covered(host, &names));
            InUse {
                key: key.map_or_else(|| certificate.clone(), |(path, _)| path.clone()),
                names: shown_for.map(ToString::to_string).collect(),
                side: Side::Both,
                leaf: match key {
                    Some(_) => Ok(leaf),
                    None => Err("its key is in none of the files".to_owned()),
                },
                certificate,
            }
        })
        .collect()
}

/// The first certificate of a file that is no CA, else the first.
pub(in crate::assign) fn leaf_of(path: &Path, files: &ConfigFiles) -> Result<Certificate, String> {
    let bytes = read_limited(&files.here(path), MAX_PEM_BYTES)
        .map(Zeroizing::new)
        .map_err(|error| printable(&error.to_string()))?;
    let contents = container::read(&bytes, None).map_err(|error| printable(&error.to_string()))?;
    let mut all: Vec<Certificate> = contents
        .certificates
        .into_iter()
        .map(|(_, one)| one)
        .collect();
    let leaf = all.iter().position(|one| !one.is_ca()).unwrap_or(0);
    match all.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(all.swap_remove(leaf)),
    }
}
