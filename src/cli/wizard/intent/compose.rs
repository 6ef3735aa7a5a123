//! The deployment that the answers come to: edits of the one that is there, else a new annotated file.

use super::super::facts::Facts;
use super::{EXTERNAL, Intent, OWN_PROFILE};
use crate::deployment::edit::{CertificateChange, Draft, IssuerChange};
use crate::deployment::init::{InitTemplate, annotated};
use crate::deployment::{Deployment, DeploymentError, Issuer, ProfileSource, RootsSource, Subject};
use crate::names::{Domain, Slug, Use};
use crate::x509::CertificateTemplate;
use std::path::{Path, PathBuf};

impl Intent {
    /// The issuer's table, and whether the deployment has it: that of the certificate where its profile is the one
    /// chosen, else another one with that profile, else a new one.
    pub(super) fn issuer(&self, facts: &Facts) -> (String, Option<Issuer>) {
        let source = self.profile_source();
        let Some(deployment) = facts.deployment() else {
            let public = self.profile.as_ref().is_none_or(|one| one.public);
            let name = if public { "public" } else { "private" };
            return (name.to_owned(), None);
        };
        let own = facts
            .certificate(&self.certificate)
            .and_then(|own| deployment.issuer_of(own));
        let fitting = own
            .into_iter()
            .chain(deployment.issuers.values())
            .find(|issuer| issuer.profile == source);
        if let Some(issuer) = fitting {
            return (issuer.name.to_string(), Some(issuer.clone()));
        }
        let stem = match &self.profile {
            Some(profile) => Slug::parse(&profile.name)
                .map_or_else(|_| "issuer".to_owned(), |name| name.to_string()),
            None => "issuer".to_owned(),
        };
        let taken = |name: &str| deployment.issuers.keys().any(|one| one.as_str() == name);
        let name = std::iter::once(stem.clone())
            .chain((2..).map(|number| format!("{stem}-{number}")))
            .find(|name| !taken(name));
        (name.unwrap_or(stem), None)
    }

    /// The program that gets the CSR, where the issuer has one.
    pub fn program(&self, facts: &Facts) -> Option<Vec<String>> {
        self.issuer(facts).1?.submit
    }

    fn profile_source(&self) -> ProfileSource {
        if self.profile_word == OWN_PROFILE {
            ProfileSource::File(PathBuf::from(&self.profile_file))
        } else {
            ProfileSource::BuiltIn(self.profile_word.clone())
        }
    }

    /// The deployment file with what was answered, as text and read again. What says the same already is not touched.
    pub fn compose(&self, facts: &Facts) -> Result<(String, Deployment), DeploymentError> {
        let config = facts.config.as_path();
        let fresh = facts.text().is_none();
        let base = match facts.text() {
            Some(text) => text.to_owned(),
            None => self.annotated(config)?,
        };
        let before = Deployment::parse(&base, config)?;
        let mut draft = Draft::open(&base, config)?;
        self.edit_edge(&mut draft, &before);
        let subject = Subject {
            common_name: before.subject.common_name.clone(),
            ..self.subject.clone()
        };
        if subject != before.subject {
            draft.set_subject(&subject);
        }
        let (issuer_name, _) = self.issuer(facts);
        let issuer = slug(&issuer_name, config)?;
        self.edit_issuer(&mut draft, &before, &issuer);
        self.edit_certificate(&mut draft, &before, issuer, fresh);
        let text = draft.finish()?;
        let deployment = Deployment::parse(&text, config)?;
        Ok((text, deployment))
    }

    /// The annotated file for a new deployment.
    fn annotated(&self, config: &Path) -> Result<String, DeploymentError> {
        let Some(fqdn) = &self.fqdn else {
            return Err(invalid(config, "the Access Edge FQDN is missing"));
        };
        let template = self
            .profile
            .as_ref()
            .map_or(InitTemplate::PublicDv, |profile| {
                InitTemplate::from_word(&profile.name).unwrap_or(match profile.public {
                    true => InitTemplate::PublicDv,
                    false => InitTemplate::PrivateXmpp,
                })
            });
        let sip: &[Domain] = if self.has_sip() {
            &self.sip_domains
        } else {
            &[]
        };
        let xmpp: &[Domain] = if self.has_xmpp() {
            &self.xmpp_domains
        } else {
            &[]
        };
        let text = annotated(fqdn, sip, xmpp, template);
        // The one certificate of the file gets the name that was chosen.
        Ok(text.replacen(
            &format!("[certificate.{EXTERNAL}]"),
            &format!("[certificate.{}]", self.certificate),
            1,
        ))
    }

    /// Domains are taken out of `[edge]` only where no other certificate may need them.
    fn edit_edge(&self, draft: &mut Draft, before: &Deployment) {
        let shared = self.shares_edge(before);
        let listed = |old: &[Domain], wanted: &[Domain]| -> Vec<Domain> {
            let mut all = if shared { old.to_vec() } else { Vec::new() };
            all.extend(
                wanted
                    .iter()
                    .filter(|one| !old.contains(one) || !shared)
                    .cloned(),
            );
            all
        };
        if let Some(fqdn) = self.fqdn.as_ref().filter(|fqdn| **fqdn != before.edge.fqdn) {
            draft.set_fqdn(fqdn);
        }
        if self.has_sip() {
            let all = listed(&before.edge.sip_domains, &self.sip_domains);
            if all != before.edge.sip_domains {
                draft.set_sip_domains(&all);
            }
        }
        if self.has_xmpp() {
            let all = listed(&before.edge.xmpp_domains, &self.xmpp_domains);
            if all != before.edge.xmpp_domains {
                draft.set_xmpp_domains(&all);
            }
        }
        if self.uses.contains(&Use::XmppS2s) {
            let all = listed(&before.edge.components, &self.components);
            if all != before.edge.components {
                draft.set_components(&all);
            }
        }
    }

    /// Whether another certificate takes names from `[edge]`.
    fn shares_edge(&self, before: &Deployment) -> bool {
        before.certificates.iter().any(|one| {
            one.name != self.certificate && one.uses.iter().any(|it| *it != Use::InternalEdge)
        })
    }

    fn edit_issuer(&self, draft: &mut Draft, before: &Deployment, name: &Slug) {
        let there = before.issuers.get(name);
        let mut change = IssuerChange::default();
        if there.is_none_or(|there| there.profile != self.profile_source()) {
            change.profile = Some(self.profile_source());
        }
        let template = CertificateTemplate::parse(self.template.trim()).ok();
        if self.has_template()
            && there.and_then(|there| there.template.as_ref()) != template.as_ref()
        {
            change.template = Some(template);
        }
        let roots = roots_words(
            there
                .map(|there| there.roots.as_slice())
                .unwrap_or_default(),
        );
        if self.has_roots() && roots != self.roots {
            change.roots = Some(roots_list(&self.roots));
        } else if there.is_none() {
            change.roots = Some(vec![RootsSource::System]);
        }
        if change.profile.is_some() || change.template.is_some() || change.roots.is_some() {
            draft.set_issuer(name, &change);
        }
    }

    fn edit_certificate(&self, draft: &mut Draft, before: &Deployment, issuer: Slug, fresh: bool) {
        let there = before.certificate(&self.certificate);
        let differs = |same: Option<bool>| same != Some(true);
        let mut change = CertificateChange::default();
        if differs(there.map(|there| there.issuer == issuer)) {
            change.issuer = Some(issuer);
        }
        if differs(there.map(|there| there.uses == self.uses)) {
            change.uses = Some(self.uses.clone());
        }
        let wanted = self.narrowed(before);
        if wanted.is_some() && wanted != there.and_then(|there| there.domains.clone()) {
            change.domains = wanted;
        }
        let friendly = there.and_then(|there| there.friendly_name.as_deref());
        if friendly.unwrap_or_default() != self.friendly_name {
            change.friendly_name = Some(self.friendly_name.clone());
        }
        let san = there.map(|there| there.san.as_slice()).unwrap_or_default();
        if san != self.san {
            change.san = Some(self.san.clone());
        }
        // A new table in a file that was there says its key itself: `[key]` may say another.
        let own_key = there.filter(|_| fresh || self.is_known(before));
        if differs(own_key.map(|there| there.key.key_type == self.key_type)) {
            change.key_type = Some(self.key_type);
        }
        if differs(own_key.map(|there| there.key.exportable == self.exportable)) {
            change.exportable = Some(self.exportable);
        }
        if change != CertificateChange::default() {
            draft.set_certificate(&self.certificate, &change);
        }
    }

    fn is_known(&self, before: &Deployment) -> bool {
        before.certificate(&self.certificate).is_some()
    }

    /// The `domains` of the certificate, where it takes not all of the edge, or had some before.
    fn narrowed(&self, before: &Deployment) -> Option<Vec<Domain>> {
        let had = before
            .certificate(&self.certificate)
            .is_some_and(|one| one.domains.is_some());
        if self.is_internal() || !(had || self.shares_edge(before)) {
            return None;
        }
        let mut wanted: Vec<Domain> = Vec::new();
        let sip = self.sip_domains.iter().filter(|_| self.has_sip());
        let xmpp = self.xmpp_domains.iter().filter(|_| self.has_xmpp());
        for domain in sip.chain(xmpp) {
            if !wanted.contains(domain) {
                wanted.push(domain.clone());
            }
        }
        let all = before
            .edge
            .sip_domains
            .iter()
            .chain(&before.edge.xmpp_domains);
        let takes_all = all.into_iter().all(|domain| wanted.contains(domain));
        (had || !takes_all).then_some(wanted)
    }
}

fn slug(text: &str, config: &Path) -> Result<Slug, DeploymentError> {
    Slug::parse(text)
        .map_err(|_| invalid(config, "the issuer has no name that can stand in a header"))
}

fn invalid(config: &Path, what: &str) -> DeploymentError {
    DeploymentError {
        path: config.display().to_string(),
        mistakes: vec![crate::deployment::Mistake {
            line: 1,
            column: 1,
            key: String::new(),
            what: what.to_owned(),
            why: String::new(),
            mend: "answer the page that asks for it".to_owned(),
        }],
    }
}

pub(super) fn roots_words(roots: &[RootsSource]) -> String {
    let words: Vec<String> = roots
        .iter()
        .map(|root| match root {
            RootsSource::System => "system".to_owned(),
            RootsSource::Mozilla => "mozilla".to_owned(),
            RootsSource::Path(path) => path.display().to_string(),
        })
        .collect();
    words.join(", ")
}

/// The roots as they stand in the file.
fn roots_list(text: &str) -> Vec<RootsSource> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "system" => RootsSource::System,
            "mozilla" => RootsSource::Mozilla,
            path => RootsSource::Path(PathBuf::from(path)),
        })
        .collect()
}
