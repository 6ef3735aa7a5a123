//! `[issuer.NAME]` and `[certificate.NAME]`: who signs, and what is signed.

use super::KeySettings;
use crate::federation::Partner;
use crate::names::{Domain, Identifier, Slug, Use};
use crate::x509::CertificateTemplate;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where trust anchors come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootsSource {
    /// The system's store.
    System,
    /// Mozilla's list.
    Mozilla,
    /// A file, or a folder of files.
    Path(PathBuf),
}

impl RootsSource {
    /// What a partner's own roots come from; empty: it has none.
    pub fn of_partner(partner: &Partner) -> Vec<Self> {
        partner.roots.iter().cloned().map(Self::Path).collect()
    }
}

/// An issuer's profile: a name in `templates/profiles/`, or a file of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// One that ships with the product.
    BuiltIn(String),
    /// A path ending in `.toml`.
    File(PathBuf),
}

/// `[issuer.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Issuer {
    /// Its name.
    pub name: Slug,
    /// What it allows.
    pub profile: ProfileSource,
    /// AD CS template; `None`: the profile's.
    pub template: Option<CertificateTemplate>,
    /// A program that takes the CSR on standard input and gives the chain on standard output.
    pub submit: Option<Vec<String>>,
    /// Which roots judge what it issues; default `system`.
    pub roots: Vec<RootsSource>,
    /// Domains by which CAA records name it; empty: the profile's.
    pub caa: Vec<String>,
    /// Share of life left at which renewal is due, 0.0 to 1.0; `None`: the profile's.
    pub renew_at: Option<f64>,
}

impl Issuer {
    /// Its table, as its header has it.
    pub fn table(&self) -> String {
        format!("[issuer.{}]", self.name)
    }
}

/// `[certificate.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The lineage.
    pub name: Slug,
    /// Which issuer.
    pub issuer: Slug,
    /// What it is for, at least one.
    pub uses: BTreeSet<Use>,
    /// Only these domains of `[edge]`, with their components; `None`: all.
    pub domains: Option<Vec<Domain>>,
    /// For PKCS#12 only.
    pub friendly_name: Option<String>,
    /// Further names.
    pub san: Vec<Identifier>,
    /// The key, `[key]` merged in.
    pub key: KeySettings,
}

/// The profiles that ship with the product, by their words in `profile = "…"`.
pub const PROFILE_WORDS: [&str; 9] = [
    "public-dv",
    "private-xmpp",
    "letsencrypt-classic",
    "letsencrypt-tlsserver",
    "letsencrypt-shortlived",
    "public-ov",
    "private-sip",
    "lync",
    "ad-cs",
];

/// The one of them that takes a `template`.
pub(super) const TAKES_TEMPLATE: &str = "ad-cs";
