//! What the answers so far come to, with every default applied; and the deployment that would be written for them.
//!
//! Pure but for an issuer profile of one's own, which is read.

mod compose;
mod defaults;

pub use defaults::asked_last;

use super::answers::Document;
use super::facts::Facts;
use super::page::Answer;
use crate::deployment::Subject;
use crate::names::plan::{PlanError, PlanInput, SanPlan, plan_names};
use crate::names::{Domain, Identifier, Slug, Use};
use crate::request::IssuerProfile;
use crate::x509::KeyType;
use defaults::{
    default_certificate, default_file, default_friendly_name, default_key, default_roots,
    profile_of, remembered, subject, uses,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The certificate for the outside, where nothing says another name.
pub const EXTERNAL: &str = "external-edge";
/// The one for the inside.
pub const INTERNAL: &str = "internal-edge";
/// The choice of a profile of one's own.
pub const OWN_PROFILE: &str = "own";
/// The choice of the issuer's program.
pub const SUBMIT: &str = "submit";
/// The choice of a file that is sent by hand.
pub const OFFLINE: &str = "offline";

/// What is wanted so far.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The certificate.
    pub certificate: Slug,
    /// What it is for.
    pub uses: BTreeSet<Use>,
    /// Whether the issuer's program gets the CSR.
    pub submit: bool,
    /// A profile's name, or [`OWN_PROFILE`].
    pub profile_word: String,
    /// The file of a profile of one's own, as written.
    pub profile_file: String,
    /// The profile; `None` where it cannot be read.
    pub profile: Option<IssuerProfile>,
    /// Which roots judge, as written.
    pub roots: String,
    /// Where the CSR is copied to, as written.
    pub file: String,
    /// The AD CS template.
    pub template: String,
    /// For PKCS#12; empty for none.
    pub friendly_name: String,
    /// The key.
    pub key_type: KeyType,
    /// Whether it may be handed out.
    pub exportable: bool,
    /// The subject.
    pub subject: Subject,
    /// Access Edge FQDN.
    pub fqdn: Option<Domain>,
    /// SIP domains.
    pub sip_domains: Vec<Domain>,
    /// XMPP domains.
    pub xmpp_domains: Vec<Domain>,
    /// XMPP components.
    pub components: Vec<Domain>,
    /// Further names.
    pub san: Vec<Identifier>,
}

/// The text of an answer, if there is one.
pub fn text<'a>(answers: &'a Document, page: &str, field: &str) -> Option<&'a str> {
    match answers.get(page)?.get(field)? {
        Answer::Text(text) | Answer::Choice(text) => Some(text),
        Answer::Ticks(_) | Answer::YesNo(_) => None,
    }
}

/// A yes or no, if there is one.
pub fn yes(answers: &Document, page: &str, field: &str) -> Option<bool> {
    match answers.get(page)?.get(field)? {
        Answer::YesNo(yes) => Some(*yes),
        Answer::Text(_) | Answer::Choice(_) | Answer::Ticks(_) => None,
    }
}

/// A list, if there is one.
pub fn ticks<'a>(answers: &'a Document, page: &str, field: &str) -> Option<&'a [String]> {
    match answers.get(page)?.get(field)? {
        Answer::Ticks(all) => Some(all),
        Answer::Text(_) | Answer::Choice(_) | Answer::YesNo(_) => None,
    }
}

fn domains(texts: &[String]) -> Vec<Domain> {
    let mut all = Vec::new();
    for domain in texts.iter().filter_map(|text| Domain::parse(text).ok()) {
        if !all.contains(&domain) {
            all.push(domain);
        }
    }
    all
}

impl Intent {
    /// What the answers come to. An answer that cannot be read counts as not given: its page refuses it.
    pub fn of(facts: &Facts, answers: &Document) -> Self {
        let certificate = text(answers, "certificate", "certificate")
            .and_then(|name| Slug::parse(name).ok())
            .unwrap_or_else(|| default_certificate(facts));
        let own = facts.certificate(&certificate);
        let last = facts.last.get(&certificate);
        let uses = uses(answers, &certificate, own, last);
        let issuer = own.and_then(|own| facts.deployment()?.issuer_of(own));
        let (profile_word, profile_file) = profile_of(answers, &certificate, issuer, last);
        let profile = if profile_word == OWN_PROFILE {
            let path = facts.base().join(&profile_file);
            facts.look.profile(&path).ok()
        } else {
            IssuerProfile::built_in(&profile_word)
        };
        let key_type = text(answers, "key", "key-type")
            .and_then(KeyType::from_word)
            .unwrap_or_else(|| default_key(own, last, profile.as_ref()));
        let known = facts.deployment();
        let mut intent = Self {
            submit: match text(answers, "issuer", "send") {
                Some(word) => word == SUBMIT,
                None => issuer.is_some_and(|issuer| issuer.submit.is_some()),
            },
            roots: text(answers, "roots", "roots")
                .map(str::to_owned)
                .unwrap_or_default(),
            file: String::new(),
            template: text(answers, "template", "template")
                .map(str::to_owned)
                .or_else(|| issuer?.template.as_ref().map(ToString::to_string))
                .or_else(|| profile.as_ref()?.template.as_ref().map(ToString::to_string))
                .unwrap_or_default(),
            friendly_name: match text(answers, "key", "friendly-name") {
                Some(name) => name.to_owned(),
                None => own
                    .and_then(|own| own.friendly_name.clone())
                    .unwrap_or_else(|| default_friendly_name(&certificate)),
            },
            exportable: yes(answers, "key", "exportable")
                .unwrap_or_else(|| own.is_none_or(|own| own.key.exportable)),
            subject: subject(answers, known, last),
            fqdn: None,
            sip_domains: Vec::new(),
            xmpp_domains: Vec::new(),
            components: Vec::new(),
            san: match ticks(answers, "further-names", "san") {
                Some(all) => all
                    .iter()
                    .filter_map(|name| Identifier::parse_typed(&typed(name)).ok())
                    .collect(),
                None => own.map(|own| own.san.clone()).unwrap_or_default(),
            },
            certificate,
            uses,
            profile_word,
            profile_file,
            profile,
            key_type,
        };
        intent.find_edge(facts, answers);
        if intent.roots.is_empty() {
            intent.roots = default_roots(facts, &intent);
        }
        intent.file = match text(answers, "request-file", "file") {
            Some(file) => file.to_owned(),
            None => default_file(facts, &intent.certificate),
        };
        intent
    }

    fn find_edge(&mut self, facts: &Facts, answers: &Document) {
        let known = facts.deployment().map(|one| &one.edge);
        let own = facts.certificate(&self.certificate);
        let last = remembered(facts.last.get(&self.certificate));
        self.fqdn = match text(answers, "fqdn", "fqdn") {
            Some(text) => Domain::parse(text).ok(),
            None => known
                .map(|edge| edge.fqdn.clone())
                .or(last.fqdn)
                .or_else(|| facts.host.clone()),
        };
        let above = self.fqdn.as_ref().and_then(|fqdn| {
            let (_, rest) = fqdn.as_str().split_once('.')?;
            Domain::parse(rest).ok()
        });
        let kept = |all: &[Domain]| -> Vec<Domain> {
            let only = own.and_then(|own| own.domains.as_ref());
            let wanted = |one: &&Domain| only.is_none_or(|only| only.contains(one));
            all.iter().filter(wanted).cloned().collect()
        };
        let guess = |from_edge: Option<Vec<Domain>>, from_last: Vec<Domain>| match from_edge {
            Some(all) => all,
            None if from_last.is_empty() => above.iter().cloned().collect(),
            None => from_last,
        };
        self.sip_domains = match ticks(answers, "sip-domains", "sip-domains") {
            Some(all) => domains(all),
            None => guess(known.map(|edge| kept(&edge.sip_domains)), last.sip),
        };
        self.xmpp_domains = match ticks(answers, "xmpp-domains", "xmpp-domains") {
            Some(all) => domains(all),
            None => guess(known.map(|edge| kept(&edge.xmpp_domains)), last.xmpp),
        };
        self.components = match ticks(answers, "components", "components") {
            Some(all) => domains(all),
            None => known.map_or(last.components, |edge| edge.components.clone()),
        };
    }

    /// Whether it is for the inside alone.
    pub fn is_internal(&self) -> bool {
        self.uses.iter().all(|one| *one == Use::InternalEdge)
    }

    /// Whether SIP domains are asked for.
    pub fn has_sip(&self) -> bool {
        self.uses.contains(&Use::SipEdge)
    }

    /// Whether XMPP domains are asked for.
    pub fn has_xmpp(&self) -> bool {
        self.uses.contains(&Use::XmppS2s) || self.uses.contains(&Use::XmppC2s)
    }

    /// Whether a template is asked for.
    pub fn has_template(&self) -> bool {
        self.profile
            .as_ref()
            .is_some_and(|one| one.template.is_some())
    }

    /// Whether the roots are asked for: those of public CAs are in the system's store.
    pub fn has_roots(&self) -> bool {
        self.profile.as_ref().is_some_and(|one| !one.public)
    }

    /// Where the CSR is copied to.
    pub fn file_path(&self, facts: &Facts) -> PathBuf {
        facts.base().join(&self.file)
    }

    /// The names that would be asked; `None` as long as there is no FQDN or no profile.
    pub fn plan(&self) -> Option<Result<SanPlan, PlanError>> {
        let profile = self.profile.as_ref()?;
        Some(plan_names(&PlanInput {
            fqdn: self.fqdn.clone()?,
            sip_domains: self.sip_domains.clone(),
            xmpp_domains: self.xmpp_domains.clone(),
            components: self.components.clone(),
            uses: self.uses.clone(),
            extra: self.san.clone(),
            forms: profile.forms.clone(),
            limit: profile.name_limit,
        }))
    }
}

/// A name with its type: a bare one is a DNS name.
pub fn typed(text: &str) -> String {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    match text.contains(':') || is_address {
        false => format!("dns:{text}"),
        true if is_address => format!("ip:{text}"),
        true => text.to_owned(),
    }
}
