//! `[certificate.NAME]`, and which of them a gateway serves.

use super::literal::{Literal, Meaning};
use super::sheet::{Step, path};
use super::{Draft, below, is_nothing};
use crate::deployment::{OnRenewal, PassphraseSource};
use crate::names::{Domain, Identifier, Slug, Use};
use crate::x509::KeyType;
use std::collections::BTreeSet;

/// What `[certificate.NAME]` is to say; a field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateChange {
    /// Who signs it.
    pub issuer: Option<Slug>,
    /// What it is for.
    pub uses: Option<BTreeSet<Use>>,
    /// Only these domains; empty takes the key away, and all domains count.
    pub domains: Option<Vec<Domain>>,
    /// For PKCS#12; empty takes the key away.
    pub friendly_name: Option<String>,
    /// Further names; empty takes the key away.
    pub san: Option<Vec<Identifier>>,
    /// Algorithm and size of its key.
    pub key_type: Option<KeyType>,
    /// What renewals do with the key.
    pub on_renewal: Option<OnRenewal>,
    /// Whether the key is handed out.
    pub exportable: Option<bool>,
    /// Where the passphrase of its key is read from.
    pub passphrase: Option<PassphraseSource>,
}

impl Draft {
    /// `[certificate.NAME]`; a new one goes after the last certificate. What it says already by default (of `[key]`,
    /// of the only issuer, of the domains there are) is not written.
    pub fn set_certificate(&mut self, name: &Slug, change: &CertificateChange) -> &mut Self {
        let own = path(["certificate", name.as_str()]);
        if !self.sheet.has(&own) {
            let entries = self.certificate_entries(name, change);
            return self.lay(&own, entries);
        }
        let mut entries = self.certificate_entries(name, change);
        let own_key = below(&own, "key");
        if self.sheet.has(&own_key) {
            let key = entries.pop_if(|(key, _)| *key == "key");
            self.lay(&own, entries);
            return match key {
                Some((_, Literal::Inline(key))) => {
                    for (key, literal) in key {
                        self.set(&below(&own_key, &key), &literal, Meaning::Exact);
                    }
                    self
                }
                Some(_) | None => self,
            };
        }
        self.lay(&own, entries)
    }

    /// Certificates that are not there yet, in one go and in this order, after the last one.
    pub fn add_certificates(&mut self, all: &[(Slug, CertificateChange)]) -> &mut Self {
        let tables: Vec<_> = all
            .iter()
            .map(|(name, change)| {
                let mut entries = self.certificate_entries(name, change);
                entries.retain(|(_, literal)| !is_nothing(literal));
                (path(["certificate", name.as_str()]), entries)
            })
            .collect();
        let done = self.sheet.insert_all(&tables);
        self.note(done)
    }

    /// What has to be written of a change, the own `key` table last.
    fn certificate_entries(
        &self,
        name: &Slug,
        change: &CertificateChange,
    ) -> Vec<(&'static str, Literal)> {
        let own = path(["certificate", name.as_str()]);
        let now = self.sheet.has(&own).then(|| self.deployment()).flatten();
        let now = now.as_ref().and_then(|all| all.certificate(name));
        let differs = |same: Option<bool>| same != Some(true);
        let mut entries: Vec<(&str, Literal)> = Vec::new();
        if let Some(issuer) = &change.issuer
            && differs(now.map(|now| now.issuer == *issuer))
            && (now.is_some() || self.sheet.has(&path(["issuer"])))
        {
            entries.push(("issuer", Literal::Text(issuer.to_string())));
        }
        if let Some(uses) = &change.uses
            && differs(now.map(|now| now.uses == *uses))
        {
            let words = Use::ALL.into_iter().filter(|one| uses.contains(one));
            entries.push(("uses", Literal::texts(words.map(Use::word))));
        }
        if let Some(domains) = &change.domains {
            entries.push(("domains", Literal::texts(domains)));
        }
        if let Some(friendly_name) = &change.friendly_name {
            entries.push(("friendly-name", Literal::Text(friendly_name.clone())));
        }
        if let Some(san) = &change.san {
            entries.push(("san", Literal::texts(san.iter().map(Identifier::to_typed))));
        }
        let key = self.key_entries(&own, change);
        if !key.is_empty() {
            let key = key.into_iter().map(|(key, value)| (key.to_owned(), value));
            entries.push(("key", Literal::Inline(key.collect())));
        }
        entries
    }

    /// Takes a certificate away. Gateways that serve it are not asked.
    pub fn remove_certificate(&mut self, name: &Slug) -> &mut Self {
        self.remove(&path(["certificate", name.as_str()]))
    }

    /// The certificates that `[gateway.KIND.NAME]` serves; only the kind `embedded` takes more than one.
    pub fn set_gateway_certificates(
        &mut self,
        kind: &str,
        name: &Slug,
        certificates: &[Slug],
    ) -> &mut Self {
        let own = path(["gateway", kind, name.as_str(), "certificate"]);
        match certificates {
            [only] if self.sheet.text_at(&own).is_some() => {
                self.set(&own, &Literal::Text(only.to_string()), Meaning::Exact)
            }
            several => self.set(&own, &Literal::texts(several), Meaning::Exact),
        }
    }

    /// What of a certificate's own `key` table has to be written.
    fn key_entries(
        &self,
        own: &[Step],
        change: &CertificateChange,
    ) -> Vec<(&'static str, Literal)> {
        let mut entries = Vec::new();
        let own_key = below(own, "key");
        let mut lay = |key: &'static str, wanted: Literal, default: Literal| {
            let written = below(&own_key, key);
            let common = path(["key", key]);
            let says = |there: &[Step]| self.sheet.says(there, &wanted);
            let same = if self.sheet.has(&written) {
                says(&written)
            } else if self.sheet.has(&common) {
                says(&common)
            } else {
                wanted == default
            };
            if !same {
                entries.push((key, wanted));
            }
        };
        let text = |word: &str| Literal::Text(word.to_owned());
        if let Some(key_type) = change.key_type {
            lay("type", text(key_type.word()), text(KeyType::Ec256.word()));
        }
        if let Some(on_renewal) = change.on_renewal {
            let word = match on_renewal {
                OnRenewal::New => "new",
                OnRenewal::Reuse => "reuse",
            };
            lay("on-renewal", text(word), text("new"));
        }
        if let Some(exportable) = change.exportable {
            lay(
                "exportable",
                Literal::Boolean(exportable),
                Literal::Boolean(true),
            );
        }
        if let Some(passphrase) = &change.passphrase {
            let (key, value) = match passphrase {
                PassphraseSource::File(file) => ("file", file.display().to_string()),
                PassphraseSource::Env(name) => ("env", name.clone()),
                PassphraseSource::Credential(name) => ("credential", name.clone()),
            };
            let wanted = Literal::Inline(vec![(key.to_owned(), Literal::Text(value))]);
            lay("passphrase", wanted, Literal::Inline(Vec::new()));
        }
        entries
    }
}
