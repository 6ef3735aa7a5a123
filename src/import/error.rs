//! Why a reply cannot be used, and how to go on.

use crate::explain::{Explain, Explanation, listed, printable};
use crate::names::Slug;
use crate::x509::{Fingerprint, X509Error, container};

/// Most things listed in one message; the others are counted.
const MAX_LISTED: usize = 5;

/// A certificate that could be the leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLeaf {
    /// `reply.pem, block 2`.
    pub place: String,
    /// For people.
    pub name: String,
    /// Digest of its key.
    pub key: Fingerprint,
}

/// A request that waits for its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The lineage.
    pub certificate: Slug,
    /// Its id.
    pub request: String,
    /// Digest of its key.
    pub key: Fingerprint,
}

/// Why the ledger gave no key; what the ledger said is kept whole.
#[derive(Debug)]
pub struct KeyTrouble {
    said: Box<Explanation>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl KeyTrouble {
    /// From another room's error.
    pub fn new(error: impl Explain + std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            said: Box::new(error.explain()),
            source: Box::new(error),
        }
    }
}

impl std::fmt::Display for KeyTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.said.what)
    }
}

impl std::error::Error for KeyTrouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// A leaf whose key no request holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// `reply.pem, block 2`.
    pub place: String,
    /// The leaf's name, for people.
    pub leaf: String,
    /// Digest of its key.
    pub key: Fingerprint,
    /// The requests that wait.
    pub waiting: Vec<WaitingRequest>,
    /// Where the leaf's own key stands in the files, if it does.
    pub key_beside: Option<String>,
}

/// A leaf and a key that is not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// `reply.pem, block 2`.
    pub leaf_place: String,
    /// The leaf's name, for people.
    pub leaf: String,
    /// Digest of its key.
    pub leaf_key: Fingerprint,
    /// Where the other key stands.
    pub key_place: String,
    /// Its digest.
    pub key: Fingerprint,
}

/// Why a reply cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No file was given.
    #[error("there is no file to import")]
    NoFiles,
    /// A file holds nothing that is known.
    #[error("{file} holds no certificate")]
    NothingInFile {
        /// The file.
        file: String,
        /// What it looks like.
        #[source]
        source: X509Error,
    },
    /// The files hold requests or keys, and no certificate.
    #[error("the files hold no certificate")]
    NoCertificate {
        /// The files.
        files: Vec<String>,
        /// Requests found.
        requests: usize,
        /// Private keys found.
        keys: usize,
    },
    /// A block cannot be read, and something is missing.
    #[error("{file}, {block} cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// `block 2`.
        block: String,
        /// Why.
        #[source]
        source: X509Error,
    },
    /// More certificates than a reply has.
    #[error("{count} certificates, and at most {limit} are looked at")]
    TooManyCertificates {
        /// How many.
        count: usize,
        /// [`super::MAX_CERTIFICATES`].
        limit: usize,
    },
    /// No leaf among them.
    #[error("the files hold CA certificates alone")]
    OnlyCaCertificates {
        /// Where, and for people.
        names: Vec<(String, String)>,
    },
    /// Leaves with different keys, and none of them is waited for.
    #[error("the files hold several leaves")]
    SeveralLeaves {
        /// At least two.
        leaves: Vec<FoundLeaf>,
    },
    /// The leaf answers no request.
    #[error("the certificate {} answers no request", .0.leaf)]
    Stranger(Box<Stranger>),
    /// The key brought along is not the leaf's.
    #[error("the key {} is not that of the certificate {}", .0.key, .0.leaf)]
    KeyMismatch(Box<Mismatch>),
    /// `--adopt`, and no key in the files.
    #[error("the files hold no key for the certificate {leaf}")]
    NoKeyBeside {
        /// `reply.pem, block 2`.
        leaf_place: String,
        /// The leaf's name, for people.
        leaf: String,
        /// Digest of its key.
        leaf_key: Fingerprint,
        /// A block that could not be read and may be the key.
        problem: Option<Box<(String, X509Error)>>,
    },
    /// The request's key cannot be had from the ledger.
    #[error("the key of request {request} cannot be read")]
    KeyNotLoaded {
        /// Which request.
        request: String,
        /// What the ledger said.
        #[source]
        trouble: KeyTrouble,
    },
}

impl Explain for ImportError {
    fn explain(&self) -> Explanation {
        match self {
            ImportError::NoFiles => Explanation {
                code: "import.no-files",
                what: "there is no file to import".into(),
                place: String::new(),
                why: "none was named".into(),
                mend: "`edgecert import FILE...` with what the CA sent".into(),
            },
            ImportError::NothingInFile {
                file,
                source: X509Error::NothingRecognised { found, .. },
            } => Explanation {
                code: "import.no-certificate",
                what: format!("no certificate in {}: {}", printable(file), printable(found)),
                place: printable(file),
                why: "a reply is PEM (it has a line that starts with -----BEGIN), DER, PKCS#7 or PKCS#12".into(),
                mend: match found.as_str() {
                    container::EMPTY => "the reply never arrived whole: fetch it again",
                    container::WEB_PAGE => {
                        "download the reply again, as PEM or DER: the CA's site answered with a page"
                    }
                    _ => "name the file that the CA sent; of a mail, save the attachment or the block from BEGIN to END",
                }
                .into(),
            },
            ImportError::NothingInFile { file, source } => {
                let said = source.explain();
                Explanation {
                    code: "import.no-certificate",
                    what: format!("{} holds no certificate: {}", printable(file), said.what),
                    place: place(file, &said.place),
                    why: said.why,
                    mend: with_file(&said.mend, file),
                }
            }
            ImportError::NoCertificate {
                files,
                requests,
                keys,
            } => no_certificate(files, *requests, *keys),
            ImportError::Unreadable {
                file,
                block,
                source,
            } => {
                let said = source.explain();
                Explanation {
                    code: "import.unreadable-block",
                    what: format!("{} of {} cannot be read: {}", printable(block), printable(file), said.what),
                    place: place(&format!("{file}, {block}"), &said.place),
                    why: said.why,
                    mend: with_file(&said.mend, file),
                }
            }
            ImportError::TooManyCertificates { count, limit } => Explanation {
                code: "import.too-many-certificates",
                what: "this is no reply of a CA but a collection".into(),
                place: String::new(),
                why: format!("{count} certificates, and at most {limit} are looked at"),
                mend: "name the files with the leaf and its intermediates; roots go to --roots".into(),
            },
            ImportError::OnlyCaCertificates { names } => Explanation {
                code: "import.no-leaf",
                what: "the files hold CA certificates alone, and no leaf".into(),
                place: list(names.iter().map(|(place, _)| place.clone())),
                why: format!(
                    "each may issue others (cA TRUE): {}",
                    list(names.iter().map(|(_, name)| name.clone()))
                ),
                mend: "add the certificate that the CA issued for your names: `edgecert import LEAF CHAIN`".into(),
            },
            ImportError::SeveralLeaves { leaves } => Explanation {
                code: "import.several-leaves",
                what: "the files hold several leaves, and none answers a request".into(),
                place: list(leaves.iter().map(|leaf| leaf.place.clone())),
                why: list(
                    leaves
                        .iter()
                        .map(|leaf| format!("{} with key {}", leaf.name, leaf.key.short())),
                ),
                mend: "import each one with its chain, or name its key: `edgecert import FILE --key KEYFILE`".into(),
            },
            ImportError::Stranger(one) => stranger(one),
            ImportError::KeyMismatch(pair) => Explanation {
                code: "import.key-mismatch",
                what: format!("the key is not that of the certificate {}", printable(&pair.leaf)),
                place: printable(&format!("{} and {}", pair.leaf_place, pair.key_place)),
                why: format!(
                    "the certificate's public key is {}, that of the key is {}",
                    pair.leaf_key.short(),
                    pair.key.short()
                ),
                mend: "give the key that the certificate was requested with, or import without --key and --adopt to look for it among the requests (`edgecert request list`)".into(),
            },
            ImportError::NoKeyBeside {
                leaf_place,
                leaf,
                leaf_key,
                problem,
            } => {
                let mut why = format!(
                    "the certificate's public key is {}, and the files hold no private key",
                    leaf_key.short()
                );
                let mut mend = "name the key's file as well: `edgecert import FILE KEYFILE --adopt`".to_owned();
                if let Some((place, error)) = problem.as_deref() {
                    let said = error.explain();
                    why = format!("{}: {}", printable(place), said.what);
                    mend = said.mend;
                }
                Explanation {
                    code: "import.no-key",
                    what: format!("there is no key for the certificate {}", printable(leaf)),
                    place: printable(leaf_place),
                    why,
                    mend,
                }
            }
            ImportError::KeyNotLoaded { request, trouble } => Explanation {
                code: "import.key-not-loaded",
                what: format!(
                    "the key of request {} cannot be read: {}",
                    printable(request),
                    trouble.said.what
                ),
                ..(*trouble.said).clone()
            },
        }
    }
}

/// Whose key the leaf holds, and what was waited for.
fn stranger(one: &Stranger) -> Explanation {
    let Stranger {
        place,
        leaf,
        key,
        waiting,
        key_beside,
    } = one;
    let (what, why, again) = match waiting.as_slice() {
        [] => (
            "this certificate answers no request: none is waiting".to_owned(),
            format!("its public key is {}, and no request holds it", key.short()),
            "make a request first (`edgecert request`)".to_owned(),
        ),
        [one] => (
            format!(
                "this certificate does not answer the request {} of {}",
                printable(&one.request),
                one.certificate
            ),
            format!(
                "its public key is {}, the request holds {}",
                key.short(),
                one.key.short()
            ),
            format!(
                "ask the CA to issue again from the CSR of `edgecert request show {}`",
                printable(&one.request)
            ),
        ),
        more => (
            format!(
                "this certificate answers none of the {} requests that wait",
                more.len()
            ),
            format!(
                "its public key is {}, the requests hold {}",
                key.short(),
                list(more.iter().map(|one| format!(
                    "{} ({}, {})",
                    one.key.short(),
                    one.certificate,
                    one.request
                )))
            ),
            "ask the CA to issue again from the right CSR (`edgecert request show ID`)".to_owned(),
        ),
    };
    let first = match (key_beside, waiting.as_slice()) {
        (Some(beside), _) => format!(
            "its key stands in {}: take the pair as it is with --adopt",
            printable(beside)
        ),
        (None, []) => "bring its key along (`edgecert import FILE --key KEYFILE`)".to_owned(),
        (None, _) => "import it under the request it answers (`edgecert request list`)".to_owned(),
    };
    Explanation {
        code: "import.stranger",
        what,
        place: format!("{}, leaf for {}", printable(place), printable(leaf)),
        why,
        mend: format!("{first}, or {again}"),
    }
}

fn no_certificate(files: &[String], requests: usize, keys: usize) -> Explanation {
    let (what, mend) = match (requests, keys) {
        (0, 0) => (
            "the files hold no certificate",
            "name the file that the CA sent",
        ),
        (0, _) => (
            "the files hold a private key, and no certificate",
            "add the certificate that the CA sent; keep the key where it is",
        ),
        (_, _) => (
            "this is a certificate request, and no certificate",
            "send it to the CA, and import what comes back",
        ),
    };
    Explanation {
        code: "import.no-certificate",
        what: what.into(),
        place: list(files.iter().cloned()),
        why: format!(
            "{} and {}, and no certificate, were found",
            counted(requests, "request"),
            counted(keys, "private key")
        ),
        mend: mend.into(),
    }
}

fn counted(number: usize, word: &str) -> String {
    match number {
        0 => format!("no {word}"),
        some => crate::explain::count(some, word),
    }
}

fn place(file: &str, inner: &str) -> String {
    if inner.is_empty() {
        printable(file)
    } else {
        format!("{}, {inner}", printable(file))
    }
}

/// The mend of a room that does not know the file's name, with it filled in; quoted where a shell would need it.
fn with_file(mend: &str, file: &str) -> String {
    let plain = file
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
        && !file.starts_with('-');
    if plain {
        mend.replace("FILE", file)
    } else {
        mend.to_owned()
    }
}

fn list(words: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = words.map(|word| printable(&word)).collect();
    listed(&all, MAX_LISTED)
}
