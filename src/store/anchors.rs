//! Trust anchors as certificates: from a file, from a folder of files, from the system's store.
//!
//! What is no certificate in a folder is passed over; a certificate that cannot be read is a problem that is told and
//! not an error, as long as something was found. Judging with them is for `verify`.

use super::StoreError;
use super::walk::{Walk, WalkLimits};
use crate::explain::{Explain, Explanation, printable};
use crate::x509::container::{self, Contents};
use crate::x509::{Certificate, Fingerprint, X509Error};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Most anchors taken from one source; the system's stores hold about 150.
pub const MAX_ANCHORS: usize = 10_000;

/// Which copy of Mozilla's list is built in, for reports: the crate that carries it, and its version.
pub const MOZILLA_LIST: &str = "mozilla (webpki-root-certs 1.0.11)";

/// Anchors, and what was passed over.
#[derive(Debug, Default)]
pub struct Anchors {
    /// Each certificate once, in the order found.
    pub certificates: Vec<Certificate>,
    /// What could not be read: where and why, fit to be shown.
    pub problems: Vec<(String, String)>,
}

/// Why there are no anchors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorsError {
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file holds something else.
    #[error("{} holds no trust anchor", path.display())]
    NotCertificates {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        #[source]
        source: X509Error,
    },
    /// Nothing was found at all.
    #[error("no trust anchor found in {place}")]
    Nothing {
        /// The file, the folder, or the system's store.
        place: String,
        /// What could not be read there.
        problems: Vec<(String, String)>,
    },
}

impl AnchorsError {
    /// Whether there is no file, or none with a certificate: what is needed is put there. A file that cannot be had at all
    /// is mended otherwise.
    pub fn is_nothing_there(&self) -> bool {
        match self {
            AnchorsError::Store(cause) => cause.is_not_found(),
            AnchorsError::NotCertificates { .. } | AnchorsError::Nothing { .. } => true,
        }
    }
}

impl Explain for AnchorsError {
    fn explain(&self) -> Explanation {
        let what = printable(&self.to_string());
        let (code, place, why, mend) = match self {
            AnchorsError::Store(error) => return error.explain(),
            AnchorsError::NotCertificates { path, source } => (
                "anchors.not-certificates",
                path.display().to_string(),
                source.explain().why,
                "name a PEM or DER file of CA certificates, or a folder of such files, with --roots or `roots`",
            ),
            AnchorsError::Nothing { place, problems } => (
                "anchors.nothing",
                place.clone(),
                match problems.first() {
                    Some((place, why)) => format!("{place}: {why}"),
                    None => "no certificate is there".to_owned(),
                },
                "name a file or folder of CA certificates with --roots or `roots`; the system's store comes with the \
                 package ca-certificates",
            ),
        };
        Explanation {
            code,
            what,
            place: printable(&place),
            why,
            mend: mend.to_owned(),
        }
    }
}

/// Reads a file of certificates, or every such file below a folder.
///
/// Errors: see [`AnchorsError`]; of a folder only that nothing was found. Effects: reads files, may block.
pub fn read_anchors(path: &Path) -> Result<Anchors, AnchorsError> {
    let mut gathered = Gathered::default();
    if path.is_dir() {
        for item in Walk::new(path, WalkLimits::ANCHORS) {
            match item {
                Ok(file) => gathered.take_from_folder(&file),
                Err(error) => {
                    let told = error.explain();
                    gathered.anchors.problems.push((told.place, told.why));
                }
            }
        }
    } else {
        let bytes = super::atomic::read_limited(path, container::MAX_BYTES as u64)?;
        let contents =
            container::read(&bytes, None).map_err(|source| AnchorsError::NotCertificates {
                path: path.to_path_buf(),
                source,
            })?;
        gathered.take(path, contents);
    }
    gathered.finish(|| path.display().to_string())
}

/// The system's store, as OpenSSL would find it (`SSL_CERT_FILE` and `SSL_CERT_DIR` count).
///
/// Errors: `Nothing`. Effects: reads files, may block.
pub fn system_anchors() -> Result<Anchors, AnchorsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut gathered = Gathered::default();
    for error in &found.errors {
        gathered.anchors.problems.push((
            "the system's store".to_owned(),
            printable(&error.to_string()),
        ));
    }
    for der in &found.certs {
        match Certificate::from_der(der) {
            Ok(certificate) => gathered.add(certificate),
            Err(error) => gathered
                .anchors
                .problems
                .push(("the system's store".to_owned(), error.explain().why)),
        }
    }
    gathered.finish(|| "the system's store".to_owned())
}

/// Mozilla's list for TLS servers, as it was when [`MOZILLA_LIST`] was published: nothing is read.
///
/// What Mozilla says of a root besides trusting it (no leaf issued after a day, names it is held to) is not part of it.
/// Errors: `Nothing`, which cannot be as long as the list is not empty.
pub fn mozilla_anchors() -> Result<Anchors, AnchorsError> {
    let mut gathered = Gathered::default();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        match Certificate::from_der(der) {
            Ok(certificate) => gathered.add(certificate),
            Err(error) => gathered
                .anchors
                .problems
                .push((MOZILLA_LIST.to_owned(), error.explain().why)),
        }
    }
    gathered.finish(|| MOZILLA_LIST.to_owned())
}

#[derive(Default)]
struct Gathered {
    anchors: Anchors,
    known: HashSet<Fingerprint>,
}

impl Gathered {
    fn add(&mut self, certificate: Certificate) {
        if self.anchors.certificates.len() < MAX_ANCHORS
            && self.known.insert(certificate.facts().sha256)
        {
            self.anchors.certificates.push(certificate);
        }
    }

    fn take(&mut self, path: &Path, contents: Contents) {
        for (_, certificate) in contents.certificates {
            self.add(certificate);
        }
        for (block, problem) in contents.problems {
            self.anchors.problems.push((
                printable(&format!("{}, {block}", path.display())),
                problem.explain().why,
            ));
        }
    }

    /// A folder may hold other things besides certificates: what cannot be recognised is passed over.
    fn take_from_folder(&mut self, path: &Path) {
        match super::atomic::read_limited(path, container::MAX_BYTES as u64) {
            Ok(bytes) => {
                if let Ok(contents) = container::read(&bytes, None) {
                    self.take(path, contents);
                }
            }
            Err(error) => {
                let told = error.explain();
                self.anchors.problems.push((told.place, told.why));
            }
        }
    }

    fn finish(self, place: impl FnOnce() -> String) -> Result<Anchors, AnchorsError> {
        if self.anchors.certificates.is_empty() {
            return Err(AnchorsError::Nothing {
                place: place(),
                problems: self.anchors.problems,
            });
        }
        Ok(self.anchors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::issue::{IssueSpec, Issuer, issue};
    use crate::x509::{KeyType, PrivateKey, Subject};
    use time::macros::datetime;

    fn root(name: &str) -> Certificate {
        let key = PrivateKey::generate(KeyType::Ec256).unwrap();
        let spec = IssueSpec {
            ca: Some(None),
            ..IssueSpec::of(
                Subject::named(name),
                datetime!(2026-01-01 00:00 UTC),
                datetime!(2036-01-01 00:00 UTC),
            )
        };
        let issuer = Issuer::own(&key);
        issue(&spec, key.spki_der(), &issuer).unwrap()
    }

    #[test]
    fn anchors_come_from_files_and_folders_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (one, two) = (root("one"), root("two"));
        std::fs::write(path.join("both.pem"), one.to_pem() + &two.to_pem()).unwrap();
        std::fs::write(path.join("one.der"), one.der()).unwrap();
        std::fs::write(path.join("README"), "words").unwrap();
        assert_eq!(
            read_anchors(&path.join("both.pem")).unwrap().certificates,
            [one.clone(), two.clone()]
        );
        let all = read_anchors(path).unwrap();
        assert_eq!(all.certificates, [one, two]);
        assert!(all.problems.is_empty(), "{:?}", all.problems);
    }

    #[test]
    fn the_list_of_mozilla_is_read_whole_and_named_by_the_version_that_is_built_in() {
        let all = mozilla_anchors().unwrap();
        assert!(all.problems.is_empty(), "{:?}", all.problems);
        assert_eq!(
            all.certificates.len(),
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.len()
        );
        assert!(all.certificates.len() > 100);
        let lock = include_str!("../../Cargo.lock");
        let (_, at) = lock
            .split_once("name = \"webpki-root-certs\"\nversion = \"")
            .unwrap();
        let version = at.split('"').next().unwrap();
        assert_eq!(
            MOZILLA_LIST,
            format!("mozilla (webpki-root-certs {version})")
        );
    }

    #[test]
    fn a_source_without_anchors_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        std::fs::write(&text, "words").unwrap();
        let code = |path: &Path| read_anchors(path).unwrap_err().explain().code;
        assert_eq!(code(&text), "anchors.not-certificates");
        assert_eq!(code(folder.path()), "anchors.nothing");
        assert_eq!(code(&folder.path().join("none")), "store.io");
    }
}
