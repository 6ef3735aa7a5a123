//! From a CA's reply to a bundle: the whole passage in one readable function, [`import_reply`].
//!
//! Files are decided by content, in any order; the leaf is found by the keys that are waited for, its chain ordered,
//! roots and strangers dropped and told; then the leaf meets its key, and what was granted is compared with what was
//! asked. Pure but for [`fetch`]: bytes come in, values go out; whether the chain deserves trust is `verify`'s to say. Standards: RFC 7468,
//! RFC 5280 §4.1.2.4 and §4.2.1.1 (who issued whom), RFC 2986.

pub mod compare;
mod error;
pub mod fetch;
pub mod order;
pub mod pair;
pub mod sort;

pub use compare::{PartnerRoots, again, compare, compare_with_previous, compare_with_waiting};
pub use error::{FoundLeaf, ImportError, KeyTrouble, Mismatch, Stranger, WaitingRequest};
pub use pair::{find_request, pair_with_key};
pub use sort::sort_reply;

use crate::findings::Report;
use crate::names::{NameForm, Slug};
use crate::x509::{
    Bundle, Certificate, Chain, Fingerprint, KeyPurpose, Passphrase, PrivateKey, X509Error,
};
use std::collections::BTreeSet;

/// Most certificates looked at in one reply; a CA sends fewer than ten, a store of roots has some hundred.
pub const MAX_CERTIFICATES: usize = 500;

/// A file of the reply, already read (at most [`crate::x509::container::MAX_BYTES`]).
#[derive(Clone)]
pub struct ReplyFile {
    /// For messages.
    pub name: String,
    /// Content; may hold a private key.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ReplyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReplyFile({:?}, {} bytes)", self.name, self.bytes.len())
    }
}

/// Whether a request still waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedState {
    /// No reply was imported yet.
    Pending,
    /// A generation answers it; a later reply for the same key becomes the next one.
    Answered,
}

/// What a pending (or earlier answered) request asked, as far as a reply is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The lineage.
    pub certificate: Slug,
    /// Its id in the ledger, for messages; the folder of one that is not in the ledger.
    pub request: String,
    /// The file of its CSR, where it is not in the ledger.
    pub csr: Option<String>,
    /// Whether it still waits.
    pub state: AskedState,
    /// Digest of its key.
    pub spki_sha256: Fingerprint,
    /// Names asked, typed (`dns:contoso.com`).
    pub names: Vec<String>,
    /// Purposes asked.
    pub key_purposes: Vec<KeyPurpose>,
    /// Forms that the issuer's profile grants: a lost name of another form is a warning. Empty: not known, all are expected.
    pub forms_granted: BTreeSet<NameForm>,
}

/// A reply sorted, before it is paired.
#[derive(Debug)]
pub struct Reply {
    /// Leaf and intermediates in order.
    pub chain: Chain,
    /// Where the leaf stands: `reply.pem, block 2`.
    pub leaf_place: String,
    /// Roots found in the files; never kept.
    pub roots: Vec<Certificate>,
    /// Certificates that belong to another chain; not kept.
    pub strangers: Vec<Certificate>,
    /// Other certificates for a name in the chain (expired or surplus cross-signs), and older leaves of the same key; not kept.
    pub spare: Vec<Certificate>,
    /// Certificates that stand in the files more than once, with where they stand again.
    pub doubles: Vec<(String, Certificate)>,
    /// The issuer name of the last certificate of the chain, where that issuer is neither in the files nor a root that was given.
    pub missing_issuer: Option<String>,
    /// Where that issuer's certificate can be fetched, as the last certificate says (caIssuers), fit to be shown.
    pub missing_issuer_urls: Vec<String>,
    /// Keys found in the files, with where.
    pub keys: Vec<(String, PrivateKey)>,
    /// What PKCS#12 calls the leaf, fit to be shown.
    pub friendly_name: Option<String>,
    /// What was found where, one line a file: (`reply.pem`, `PEM, 3 certificates`).
    pub inventory: Vec<(String, String)>,
    /// Blocks that could not be read and were not needed: where and why.
    pub problems: Vec<(String, X509Error)>,
    /// What is worth knowing of the files and no fault: where, and what.
    pub notes: Vec<(String, String)>,
}

/// What a reply is taken in with.
#[derive(Debug)]
pub struct Passage<'a> {
    /// The files, in any order.
    pub files: &'a [ReplyFile],
    /// Requests that it may answer, oldest first.
    pub asked: &'a [Asked],
    /// Roots by which the end of the chain is recognised; trust is not judged here.
    pub roots: &'a [Certificate],
    /// Opens encrypted keys in the files.
    pub passphrase: Option<&'a Passphrase>,
}

/// Loads the key of a request from the ledger.
pub type LoadKey<'a> = &'a mut dyn FnMut(&Asked) -> Result<PrivateKey, KeyTrouble>;

/// Where the key comes from.
pub enum KeySource<'a> {
    /// From the request that the leaf answers, which must be known.
    Ledger(LoadKey<'a>),
    /// Brought along (`--key`, `--request`): where from, and the key.
    Brought(String, PrivateKey),
    /// In the files beside the leaf (`--adopt`).
    Files,
}

impl std::fmt::Debug for KeySource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeySource::Ledger(_) => f.write_str("Ledger"),
            KeySource::Brought(place, _) => write!(f, "Brought({place:?})"),
            KeySource::Files => f.write_str("Files"),
        }
    }
}

/// A reply taken in: chain and key belong together.
#[derive(Debug)]
pub struct Imported {
    /// Chain and key.
    pub bundle: Bundle,
    /// The request it answers, if one is known for its key.
    pub answers: Option<Asked>,
    /// Where the key came from: `request 2026-11-20-1`, or a file.
    pub key_from: String,
    /// Granted against asked; empty when no request is known.
    pub report: Report,
    /// Roots in the files, not kept.
    pub roots: Vec<Certificate>,
    /// Certificates of another chain, not kept.
    pub strangers: Vec<Certificate>,
    /// Surplus cross-signs and older leaves, not kept.
    pub spare: Vec<Certificate>,
    /// See [`Reply::doubles`].
    pub doubles: Vec<(String, Certificate)>,
    /// See [`Reply::friendly_name`].
    pub friendly_name: Option<String>,
    /// See [`Reply::missing_issuer`].
    pub missing_issuer: Option<String>,
    /// See [`Reply::missing_issuer_urls`].
    pub missing_issuer_urls: Vec<String>,
    /// What was found where, one line a file.
    pub inventory: Vec<(String, String)>,
    /// Blocks that could not be read and were not needed.
    pub problems: Vec<(String, X509Error)>,
    /// See [`Reply::notes`].
    pub notes: Vec<(String, String)>,
}

/// The whole passage: sort, find the request, pair, compare.
///
/// Errors: see [`ImportError`]; findings about what was granted are in the report, and whether they refuse the
/// import is the caller's to decide (a finding of level error does, unless it is overridden knowingly).
pub fn import_reply(passage: &Passage<'_>, source: KeySource<'_>) -> Result<Imported, ImportError> {
    let wanted: Vec<Fingerprint> = match &source {
        KeySource::Ledger(_) => passage.asked.iter().map(|one| one.spki_sha256).collect(),
        KeySource::Brought(_, key) => vec![key.spki_sha256()],
        KeySource::Files => Vec::new(),
    };
    let mut reply = sort_reply(passage.files, passage.passphrase, &wanted, passage.roots)?;

    let (key_from, key) = match source {
        KeySource::Ledger(load) => {
            let asked = find_request(&reply, passage.asked)?;
            let key = load(asked).map_err(|trouble| ImportError::KeyNotLoaded {
                request: asked.request.clone(),
                trouble,
            })?;
            (format!("request {}", asked.request), key)
        }
        KeySource::Brought(place, key) => (place, key),
        KeySource::Files => pair::key_in_files(&mut reply)?,
    };
    // A key brought along may well be that of a request we know.
    let answers = pair::request_of(&reply, passage.asked).cloned();
    let bundle = pair_with_key(reply.chain, key, &reply.leaf_place, &key_from)?;
    let report = answers
        .as_ref()
        .map(|asked| {
            let old = compare_with_waiting(asked, passage.asked);
            compare(&bundle.chain().leaf, asked).merged(Report::new(old.into_iter().collect()))
        })
        .unwrap_or_default();

    Ok(Imported {
        bundle,
        answers,
        key_from,
        report,
        roots: reply.roots,
        strangers: reply.strangers,
        spare: reply.spare,
        doubles: reply.doubles,
        friendly_name: reply.friendly_name,
        missing_issuer: reply.missing_issuer,
        missing_issuer_urls: reply.missing_issuer_urls,
        inventory: reply.inventory,
        problems: reply.problems,
        notes: reply.notes,
    })
}

#[cfg(test)]
mod tests;
