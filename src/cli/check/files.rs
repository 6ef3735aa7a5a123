//! From folders to files, and each file with what lies beside it by habit.

use crate::check::file::{BesideFiles, FileRead, FileTask, Next, Origin, is_named_as_certificate};
use crate::explain::{Explain, printable};
use crate::store::StoreError;
use crate::store::atomic;
use crate::store::walk::{Walk, WalkLimits};
use crate::x509::PrivateKey;
use crate::x509::container;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

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
            let key = key_beside(&task.path).and_then(|path| read_key(&path));
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

/// The key file, or why it cannot be read; none where nothing lies there.
fn read_key(path: &Path) -> Option<Result<Zeroizing<Vec<u8>>, String>> {
    match atomic::read_secret(path, PrivateKey::MAX_BYTES as u64) {
        Err(error) if error.is_not_found() => None,
        read => Some(read.map_err(|error| error.explain().why)),
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
