//! `[key]`: which key a certificate gets, and how it is kept.

use crate::x509::KeyType;
use std::path::PathBuf;

/// What to do with the key at renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRenewal {
    /// A new key each time.
    New,
    /// The same key, where TLSA or POSH records pin it.
    Reuse,
}

/// Where a passphrase is read from; the deployment never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassphraseSource {
    /// The first line of a file; group or world readable files are refused by the reader.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential (`$CREDENTIALS_DIRECTORY/NAME`).
    Credential(String),
}

/// `[key]`, with a certificate's own `key = {…}` laid over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// Algorithm and size; default P-256.
    pub key_type: KeyType,
    /// Default new.
    pub on_renewal: OnRenewal,
    /// Whether `export` hands the key out; default true.
    pub exportable: bool,
    /// Encrypts keys at rest; `None`: stored plain.
    pub passphrase: Option<PassphraseSource>,
}
