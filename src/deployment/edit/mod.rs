//! Changes to a deployment file that keep comments, order and every other byte.
//!
//! A [`Draft`] is the text of a file that was sound when it was opened. Its setters say what is to be so; what says it
//! already, in whatever spelling, is not touched. Nothing is written here: [`Draft::finish`] gives the new text, once
//! the ordinary reader has taken it.

mod certificates;
mod gateways;
mod list;
mod literal;
mod partners;
mod policies;
mod sheet;
#[cfg(test)]
mod tests;

pub use certificates::CertificateChange;
pub use gateways::NewGateway;

use super::{Deployment, DeploymentError, Mistake, ProfileSource, RootsSource, Subject};
use crate::explain::printable;
use crate::names::{Domain, Slug};
use crate::x509::CertificateTemplate;
use literal::{Literal, Meaning};
use sheet::{Sheet, Step, Trouble, path};
use std::path::{Path, PathBuf};

/// What `[issuer.NAME]` is to say; a field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerChange {
    /// Its profile; needed for a new issuer.
    pub profile: Option<ProfileSource>,
    /// AD CS template; an inner none takes the key away.
    pub template: Option<Option<CertificateTemplate>>,
    /// The program that is given CSRs; empty takes the key away.
    pub submit: Option<Vec<String>>,
    /// Roots that judge what it issues; empty takes the key away.
    pub roots: Option<Vec<RootsSource>>,
}

/// The text of a deployment file while it is changed.
#[derive(Debug, Clone)]
pub struct Draft {
    path: PathBuf,
    mark: bool,
    sheet: Sheet,
    troubles: Vec<Trouble>,
}

/// May begin a text; it belongs to no line.
const BYTE_ORDER_MARK: char = '\u{feff}';

impl Draft {
    /// Opens the text of a file for changes. `path` is as for [`Deployment::parse`].
    ///
    /// Errors: those of [`Deployment::parse`], as a file with mistakes is mended by hand.
    pub fn open(text: &str, path: &Path) -> Result<Self, DeploymentError> {
        Deployment::parse(text, path)?;
        let bare = text.strip_prefix(BYTE_ORDER_MARK);
        let sheet = Sheet::new(bare.unwrap_or(text).to_owned()).map_err(|trouble| {
            let mistake = mistake(bare.unwrap_or(text), &trouble);
            DeploymentError {
                path: path.display().to_string(),
                mistakes: vec![mistake],
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            mark: bare.is_some(),
            sheet,
            troubles: Vec::new(),
        })
    }

    /// The text as it is now, sound or not.
    pub fn text(&self) -> String {
        let mark = if self.mark { "\u{feff}" } else { "" };
        format!("{mark}{}", self.sheet.text())
    }

    /// The new text of the file; the same bytes where nothing had to be changed.
    ///
    /// Errors: the mistakes that the changes would bring into the file, as [`Deployment::parse`] finds them; the lines
    /// are those of the new text.
    pub fn finish(self) -> Result<String, DeploymentError> {
        let text = self.text();
        if !self.troubles.is_empty() {
            let mistakes = self.troubles.clone();
            let mistakes = mistakes
                .iter()
                .map(|one| mistake(self.sheet.text(), one))
                .collect();
            return Err(DeploymentError {
                path: self.path.display().to_string(),
                mistakes,
            });
        }
        Deployment::parse(&text, &self.path)?;
        Ok(text)
    }

    /// The deployment as the draft says it now, where it is sound.
    pub fn deployment(&self) -> Option<Deployment> {
        Deployment::parse(&self.text(), &self.path).ok()
    }

    /// `[edge] fqdn`.
    pub fn set_fqdn(&mut self, fqdn: &Domain) -> &mut Self {
        let literal = Literal::Text(fqdn.to_string());
        self.set(&path(["edge", "fqdn"]), &literal, Meaning::Domain)
    }

    /// `[edge] sip-domains`, in this order; none takes the key away.
    pub fn set_sip_domains(&mut self, domains: &[Domain]) -> &mut Self {
        self.set_list(&path(["edge", "sip-domains"]), domains, Meaning::Domain)
    }

    /// `[edge] xmpp-domains`, in this order; none takes the key away.
    pub fn set_xmpp_domains(&mut self, domains: &[Domain]) -> &mut Self {
        self.set_list(&path(["edge", "xmpp-domains"]), domains, Meaning::Domain)
    }

    /// `[edge] components`, in this order; none takes the key away.
    pub fn set_components(&mut self, domains: &[Domain]) -> &mut Self {
        self.set_list(&path(["edge", "components"]), domains, Meaning::Domain)
    }

    /// `[subject]`, whole: a field that the subject does not have is taken away.
    pub fn set_subject(&mut self, subject: &Subject) -> &mut Self {
        let Subject {
            common_name,
            organization,
            organizational_unit,
            country,
            state,
            locality,
        } = subject;
        let fields = [
            ("common-name", common_name, Meaning::Exact),
            ("organization", organization, Meaning::Exact),
            ("organizational-unit", organizational_unit, Meaning::Exact),
            ("country", country, Meaning::AnyCase),
            ("state", state, Meaning::Exact),
            ("locality", locality, Meaning::Exact),
        ];
        for (key, value, meaning) in fields {
            let value = value.as_deref().unwrap_or("");
            self.set_text(&path(["subject", key]), value, meaning);
        }
        self
    }

    /// `[issuer.NAME]`; a new one goes after the last issuer.
    pub fn set_issuer(&mut self, name: &Slug, change: &IssuerChange) -> &mut Self {
        let own = path(["issuer", name.as_str()]);
        if self.implies(name, change) {
            return self;
        }
        // Roots that are not written are the system's.
        let roots = change.roots.as_ref().filter(|roots| {
            roots.as_slice() != [RootsSource::System] || self.sheet.has(&below(&own, "roots"))
        });
        let mut entries: Vec<(&str, Literal)> = Vec::new();
        if let Some(profile) = &change.profile {
            let text = match profile {
                ProfileSource::BuiltIn(word) => word.clone(),
                ProfileSource::File(file) => file.display().to_string(),
            };
            entries.push(("profile", Literal::Text(text)));
        }
        if let Some(template) = &change.template {
            // A table `{ oid, … }` that says the same stays as it is written.
            let stands = self.deployment().and_then(|all| {
                let issuer = all.issuers.get(name)?;
                issuer.template.clone()
            });
            if stands != *template {
                let text = template.as_ref().map(ToString::to_string);
                entries.push(("template", Literal::Text(text.unwrap_or_default())));
            }
        }
        if let Some(submit) = &change.submit {
            entries.push(("submit", Literal::texts(submit)));
        }
        if let Some(roots) = roots {
            let words = roots.iter().map(|one| match one {
                RootsSource::System => "system".to_owned(),
                RootsSource::Mozilla => "mozilla".to_owned(),
                RootsSource::Path(file) => file.display().to_string(),
            });
            entries.push(("roots", Literal::texts(words)));
        }
        self.lay(&own, entries)
    }

    /// Whether a file that names no issuer has this one all the same.
    fn implies(&self, name: &Slug, change: &IssuerChange) -> bool {
        if self.sheet.has(&path(["issuer"])) {
            return false;
        }
        let IssuerChange {
            profile,
            template,
            submit,
            roots,
        } = change;
        self.deployment().is_some_and(|all| {
            all.issuers.get(name).is_some_and(|implied| {
                profile.as_ref().is_none_or(|one| *one == implied.profile)
                    && template.as_ref().is_none_or(Option::is_none)
                    && submit.as_ref().is_none_or(Vec::is_empty)
                    && roots.as_ref().is_none_or(|one| *one == implied.roots)
            })
        })
    }

    /// Takes an issuer away.
    pub fn remove_issuer(&mut self, name: &Slug) -> &mut Self {
        self.remove(&path(["issuer", name.as_str()]))
    }

    /// Lays entries over a table; empty texts and lists take their keys away.
    fn lay(&mut self, own: &[Step], entries: Vec<(&str, Literal)>) -> &mut Self {
        if entries.is_empty() {
            return self;
        }
        if !self.sheet.has(own) {
            let mut entries = entries;
            entries.retain(|(_, literal)| !is_nothing(literal));
            let done = self.sheet.insert(own, &entries);
            return self.note(done);
        }
        for (key, literal) in entries {
            let place = below(own, key);
            if self.sheet.says(&place, &literal) {
                continue;
            }
            if is_nothing(&literal) {
                self.remove(&place);
            } else {
                let meaning = match key {
                    "domains" => Meaning::Domain,
                    "san" => Meaning::Name,
                    _ => Meaning::Exact,
                };
                self.set(&place, &literal, meaning);
            }
        }
        self
    }

    fn set(&mut self, place: &[Step], literal: &Literal, meaning: Meaning) -> &mut Self {
        let done = self.sheet.set(place, literal, meaning);
        self.note(done)
    }

    fn set_text(&mut self, place: &[Step], text: &str, meaning: Meaning) -> &mut Self {
        if text.is_empty() {
            return self.remove(place);
        }
        self.set(place, &Literal::Text(text.to_owned()), meaning)
    }

    fn set_list<T: ToString>(&mut self, place: &[Step], all: &[T], meaning: Meaning) -> &mut Self {
        // An empty list that is written says the same as none.
        if all.is_empty() {
            if self.sheet.has(place) && self.sheet.count(place) > 0 {
                return self.remove(place);
            }
            return self;
        }
        self.set(
            place,
            &Literal::texts(all.iter().map(T::to_string)),
            meaning,
        )
    }

    fn remove(&mut self, place: &[Step]) -> &mut Self {
        let done = self.sheet.remove(place);
        self.note(done)
    }

    fn note(&mut self, done: Result<(), Trouble>) -> &mut Self {
        self.troubles.extend(done.err());
        self
    }
}

fn mistake(text: &str, trouble: &Trouble) -> Mistake {
    let before = text.get(..trouble.at).unwrap_or("");
    let line = before.split('\n').next_back().unwrap_or("");
    Mistake {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        key: printable(&trouble.key),
        what: trouble.what.to_owned(),
        why: "the change cannot be made there".to_owned(),
        mend: "write it into the file by hand".to_owned(),
    }
}

/// Empty texts and lists say that the key is to go.
fn is_nothing(literal: &Literal) -> bool {
    *literal == Literal::List(Vec::new()) || *literal == Literal::Text(String::new())
}

fn below(above: &[Step], key: &str) -> Vec<Step> {
    let mut path = above.to_vec();
    path.push(Step::from(key));
    path
}
