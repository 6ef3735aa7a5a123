//! What the answers so far come to, with every default applied; and the deployment that would be written for them.
//!
//! Pure but for an issuer profile of one's own, which is read.

use super::answers::Document;
use super::facts::Facts;
use super::page::Answer;
use crate::deployment::edit::{CertificateChange, Draft, IssuerChange};
use crate::deployment::init::{InitTemplate, annotated};
use crate::deployment::{
    Certificate, Deployment, DeploymentError, Issuer, ProfileSource, RootsSource, Subject,
};
use crate::names::plan::{PlanError, PlanInput, SanPlan, plan_names};
use crate::names::{Domain, Identifier, Slug, Use};
use crate::request::IssuerProfile;
use crate::request::pending::subject_from;
use crate::store::RequestRecord;
use crate::x509::{CertificateTemplate, KeyType};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
/// The profile that an internal edge begins with: the CA inside the company.
const INTERNAL_PROFILE: &str = "ad-cs";
/// Where the root of a private CA is expected.
const PRIVATE_ROOT: &str = "roots/private-root.pem";

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
    /// The profile; none where it cannot be read.
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

/// What the last request tells of the edge, where no deployment does.
#[derive(Debug, Default)]
struct Remembered {
    fqdn: Option<Domain>,
    sip: Vec<Domain>,
    xmpp: Vec<Domain>,
    components: Vec<Domain>,
}

fn remembered(record: Option<&RequestRecord>) -> Remembered {
    let mut found = Remembered::default();
    let Some(record) = record else {
        return found;
    };
    let all = record.names.iter().chain(&record.left_out);
    for name in all.filter_map(|text| Identifier::parse_typed(text).ok()) {
        let Some(domain) = name.domain().cloned() else {
            continue;
        };
        match &name {
            Identifier::Dns(dns) if !dns.is_wildcard() => {
                let above = domain.as_str().strip_prefix("sip.");
                if let Some(sip) = above.and_then(|above| Domain::parse(above).ok()) {
                    found.sip.push(sip);
                } else if found.fqdn.is_none() {
                    found.fqdn = Some(domain);
                }
            }
            Identifier::Xmpp(_) => found.xmpp.push(domain),
            Identifier::Dns(_)
            | Identifier::Srv(_)
            | Identifier::Sip(_)
            | Identifier::Ip(_)
            | Identifier::Email(_) => {}
        }
    }
    let all = found.xmpp.clone();
    let is_below = |one: &Domain| all.iter().any(|other| other != one && one.is_within(other));
    (found.components, found.xmpp) = found.xmpp.into_iter().partition(is_below);
    found
}

/// The domains that the last request of a certificate asked for: for SIP, for XMPP.
pub fn asked_last(record: Option<&RequestRecord>) -> (Vec<Domain>, Vec<Domain>) {
    let found = remembered(record);
    (found.sip, found.xmpp)
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

    /// The names that would be asked; none as long as there is no FQDN or no profile.
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

    /// The issuer's table, and whether the deployment has it: that of the certificate where its profile is the one
    /// chosen, else another one with that profile, else a new one.
    fn issuer(&self, facts: &Facts) -> (String, Option<Issuer>) {
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

/// A name with its type: a bare one is a DNS name.
pub fn typed(text: &str) -> String {
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    match text.contains(':') || is_address {
        false => format!("dns:{text}"),
        true if is_address => format!("ip:{text}"),
        true => text.to_owned(),
    }
}

fn default_certificate(facts: &Facts) -> Slug {
    let known = facts.certificates();
    let external = known.iter().find(|name| {
        facts
            .certificate(name)
            .is_none_or(|own| own.uses.iter().any(|one| *one != Use::InternalEdge))
    });
    match external.or(known.first()) {
        Some(name) => name.clone(),
        None => facts.fallback.clone(),
    }
}

fn uses(
    answers: &Document,
    certificate: &Slug,
    own: Option<&Certificate>,
    last: Option<&RequestRecord>,
) -> BTreeSet<Use> {
    let known = own.map(|own| own.uses.clone()).or_else(|| {
        let words = last?.uses.iter();
        let uses: BTreeSet<Use> = words.filter_map(|word| Use::from_word(word)).collect();
        (!uses.is_empty()).then_some(uses)
    });
    let internal = BTreeSet::from([Use::InternalEdge]);
    let default = match known {
        Some(uses) => uses,
        None if certificate.as_str() == INTERNAL => internal.clone(),
        None => BTreeSet::from([Use::SipEdge, Use::XmppS2s]),
    };
    // The page is not shown for one that is for the inside alone.
    if default == internal {
        return default;
    }
    match ticks(answers, "uses", "uses") {
        Some(words) => words
            .iter()
            .filter_map(|word| Use::from_word(word))
            .collect(),
        None => default,
    }
}

fn profile_of(
    answers: &Document,
    certificate: &Slug,
    issuer: Option<&Issuer>,
    last: Option<&RequestRecord>,
) -> (String, String) {
    let (word, file) = match issuer.map(|issuer| &issuer.profile) {
        Some(ProfileSource::BuiltIn(word)) => (word.clone(), String::new()),
        Some(ProfileSource::File(path)) => (OWN_PROFILE.to_owned(), path.display().to_string()),
        None => {
            let names = IssuerProfile::names();
            let asked = last
                .map(|last| last.issuer_profile.as_str())
                .filter(|word| names.contains(word));
            let private =
                |name: &&&str| IssuerProfile::built_in(name).is_some_and(|profile| !profile.public);
            let word = match asked {
                Some(word) => word,
                None if certificate.as_str() != INTERNAL => {
                    names.first().copied().unwrap_or_default()
                }
                None if names.contains(&INTERNAL_PROFILE) => INTERNAL_PROFILE,
                None => names.iter().find(private).copied().unwrap_or_default(),
            };
            (word.to_owned(), String::new())
        }
    };
    (
        text(answers, "issuer", "profile").map_or(word, str::to_owned),
        text(answers, "issuer", "profile-file").map_or(file, str::to_owned),
    )
}

fn default_key(
    own: Option<&Certificate>,
    last: Option<&RequestRecord>,
    profile: Option<&IssuerProfile>,
) -> KeyType {
    let takes = |kind: &KeyType| profile.is_none_or(|one| one.key_types.contains(kind));
    let of_last = last.and_then(|last| KeyType::from_word(&last.key_type));
    own.map(|own| own.key.key_type)
        .or(of_last)
        .into_iter()
        .chain([KeyType::Ec256, KeyType::Rsa2048])
        .chain(profile.and_then(|one| one.key_types.first()).copied())
        .find(takes)
        .unwrap_or(KeyType::Ec256)
}

fn default_friendly_name(certificate: &Slug) -> String {
    let words = certificate.as_str().replace('-', " ");
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => words,
    }
}

fn subject(
    answers: &Document,
    deployment: Option<&Deployment>,
    last: Option<&RequestRecord>,
) -> Subject {
    let below = match (deployment, last) {
        (Some(deployment), _) => deployment.subject.clone(),
        (None, Some(last)) => {
            let asked = subject_from(&last.subject);
            Subject {
                common_name: None,
                organization: asked.organization,
                organizational_unit: asked.organizational_unit,
                country: asked.country,
                state: asked.state,
                locality: asked.locality,
            }
        }
        (None, None) => Subject::default(),
    };
    let field = |page, name, below: Option<String>| match text(answers, page, name) {
        Some("") => None,
        Some(text) => Some(text.to_owned()),
        None => below,
    };
    Subject {
        common_name: below.common_name,
        organization: field("organization", "organization", below.organization),
        organizational_unit: field(
            "organization",
            "organizational-unit",
            below.organizational_unit,
        ),
        country: field("location", "country", below.country).map(|text| text.to_ascii_uppercase()),
        state: field("location", "state", below.state),
        locality: field("location", "locality", below.locality),
    }
}

fn roots_words(roots: &[RootsSource]) -> String {
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

fn default_roots(facts: &Facts, intent: &Intent) -> String {
    match intent.issuer(facts).1 {
        Some(issuer) if !issuer.roots.is_empty() => roots_words(&issuer.roots),
        Some(_) | None => PRIVATE_ROOT.to_owned(),
    }
}

/// The copy of the CSR beside the deployment: the one that holds a pending request already, else a free name.
fn default_file(facts: &Facts, certificate: &Slug) -> String {
    let names = || {
        std::iter::once(format!("{certificate}.csr"))
            .chain((2..1000).map(|number| format!("{certificate}-{number}.csr")))
    };
    names()
        .find(|name| facts.look.content(&facts.base().join(name)).is_none())
        .unwrap_or_else(|| format!("{certificate}.csr"))
}
