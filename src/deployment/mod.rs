//! `edgecert.toml` parsed into sound types: the edge, its certificates, issuers, gateways, partners, thresholds.
//!
//! Everything else is derived from these. Parsing is pure (text in, [`Deployment`] or every mistake out, each with
//! line, column, the value and the nearest right word). Paths are kept as written; [`Deployment::resolve`] makes
//! them absolute against the file's folder.

mod certificate;
pub(crate) mod csv;
mod description;
mod edge;
pub mod edit;
mod error;
mod gateway;
mod handshakes;
pub mod init;
mod key;
mod parse;
pub mod partner_list;
pub(crate) mod read;
mod settings;
mod values;

pub use certificate::{Certificate, Issuer, PROFILE_WORDS, ProfileSource, RootsSource};
pub use description::description_fault;
pub use edge::{Edge, Subject};
pub use error::{DeploymentError, Mistake};
pub use gateway::{
    Content, Destination, Embedded, EmbeddedListener, FileTarget, Files, Gateway, GatewayKind,
    KindWord, Listener, Outbound,
};
pub use handshakes::Handshake;
pub use key::{KeySettings, OnRenewal, PassphraseSource};
pub use settings::{
    AssignSettings, CheckSettings, LifeLeft, StoreSettings, Thresholds, seconds_of,
};

use crate::federation::{Partner, Policy};
use crate::names::plan::{PlanInput, parent_of};
use crate::names::{Domain, NameForm, Slug};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A deployment file, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// The folder relative paths count from.
    pub base: PathBuf,
    /// The file, absolute where it was handed in so; for messages.
    pub file: PathBuf,
    /// The edge itself.
    pub edge: Edge,
    /// Subject fields, sent only as far as the issuer's profile allows.
    pub subject: Subject,
    /// `[key]`: of a certificate that has no table here, and of one whose table does not say otherwise.
    pub key: KeySettings,
    /// `[issuer.NAME]`.
    pub issuers: BTreeMap<Slug, Issuer>,
    /// `[certificate.NAME]`, in file order.
    pub certificates: Vec<Certificate>,
    /// `[gateway.KIND.NAME]`, in file order.
    pub gateways: Vec<Gateway>,
    /// `[[partner]]`.
    pub partners: Vec<Partner>,
    /// `[policy.NAME]`.
    pub policies: Vec<Policy>,
    /// `[assign]`.
    pub assign: AssignSettings,
    /// `[check]`.
    pub check: CheckSettings,
    /// `[store]`.
    pub store: StoreSettings,
}

impl Deployment {
    /// Largest deployment file read, in bytes.
    pub const MAX_BYTES: usize = 3 * 1024 * 1024;

    /// Parses a deployment. `path` is named in errors, and its folder (made absolute by the caller) is the base of
    /// relative paths and of defaults.
    ///
    /// Errors: [`DeploymentError`] holds every mistake found, in file order.
    pub fn parse(text: &str, path: &Path) -> Result<Self, DeploymentError> {
        parse::deployment(text, path)
    }

    /// How the keys of a certificate are kept, whether it has a table here or not.
    pub fn key_of(&self, name: &Slug) -> &KeySettings {
        self.certificate(name).map_or(&self.key, |own| &own.key)
    }

    /// Where the passphrases of stored keys are read from, each once: those of the tables, then that of `[key]`.
    pub fn passphrases(&self) -> Vec<&PassphraseSource> {
        let mut found = Vec::new();
        let tables = self.certificates.iter().map(|one| &one.key);
        for settings in tables.chain([&self.key]) {
            found.extend(
                settings
                    .passphrase
                    .as_ref()
                    .filter(|source| !found.contains(source)),
            );
        }
        found
    }

    /// The certificate of a name.
    pub fn certificate(&self, name: &Slug) -> Option<&Certificate> {
        self.certificates
            .iter()
            .find(|certificate| certificate.name == *name)
    }

    /// The gateways that serve a certificate, in file order.
    pub fn gateways_of(&self, certificate: &Slug) -> Vec<&Gateway> {
        self.gateways
            .iter()
            .filter(|gateway| gateway.certificates.contains(certificate))
            .collect()
    }

    /// A path of the file made absolute against the file's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }

    /// The issuer of a certificate; always there in a deployment that was parsed.
    pub fn issuer_of(&self, certificate: &Certificate) -> Option<&Issuer> {
        self.issuers.get(&certificate.issuer)
    }

    /// What the SAN plan of a certificate is made from, given the forms and the limit of its issuer's profile.
    ///
    /// `domains` narrows `[edge]` down to those listed and to the components that lie under one of them.
    pub fn plan_input(
        &self,
        certificate: &Certificate,
        forms: BTreeSet<NameForm>,
        limit: Option<usize>,
    ) -> PlanInput {
        let wanted = |domain: &Domain| {
            certificate
                .domains
                .as_ref()
                .is_none_or(|domains| domains.contains(domain))
        };
        let edge = &self.edge;
        let every_domain = edge.xmpp_domains.iter().chain(&edge.sip_domains).collect();
        let keep = |list: &[Domain]| list.iter().filter(|d| wanted(d)).cloned().collect();
        PlanInput {
            fqdn: self.edge.fqdn.clone(),
            sip_domains: keep(&self.edge.sip_domains),
            xmpp_domains: keep(&self.edge.xmpp_domains),
            components: self
                .edge
                .components
                .iter()
                .filter(|component| {
                    certificate.domains.is_none()
                        || parent_of(component, &every_domain).is_some_and(&wanted)
                })
                .cloned()
                .collect(),
            uses: certificate.uses.clone(),
            extra: certificate.san.clone(),
            forms,
            limit,
        }
    }
}

#[cfg(test)]
mod tests;
