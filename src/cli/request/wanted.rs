//! What a request is to ask, with every default applied: from the deployment, from flags alone, or both.
//!
//! Flags stand before the deployment: single values and lists of domains replace what it says, further names are
//! added. Without a deployment the flags alone must name the edge.

use super::flags::{NameFlags, NamesGiven, SubjectFlags};
use crate::cli::exit::FailureKind;
use crate::cli::expectation;
use crate::cli::output::Failure;
use crate::cli::{Context, passphrase};
use crate::deployment::{self, Deployment, OnRenewal, PassphraseSource};
use crate::explain::{nearest, printable};
use crate::names::plan::{PlanInput, PlannedName, Reason, SanPlan, plan_names};
use crate::names::{Identifier, Slug, Use};
use crate::request::pending::subject_from;
use crate::request::{IssuerProfile, KeyPolicy, RequestError, RequestSpec, build};
use crate::store::{RequestRecord, Store};
use crate::x509::{CertificateTemplate, KeyType, Passphrase, Subject};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The certificate's name where nothing says it.
const DEFAULT_CERTIFICATE: &str = "external-edge";

/// The issuer's profile where nothing says it.
pub(super) const DEFAULT_PROFILE: &str = "public-dv";

/// Which key a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChoice {
    /// A new one.
    New,
    /// That of the newest generation; a new one where there is none.
    ReuseIfAny,
    /// That of the newest generation, which must be there.
    Reuse,
}

/// A key of somebody's own, to be used for a request.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// The file: PKCS#8 (encrypted or not), PKCS#1 or SEC1.
    pub path: PathBuf,
    /// Where its passphrase is read; `None`: as that of the stored keys.
    pub passphrase: Option<PassphraseSource>,
}

/// Everything that decides what a request asks, and how its key is kept.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is asked.
    pub spec: RequestSpec,
    /// What the certificate is for.
    pub uses: BTreeSet<Use>,
    /// What becomes of a key type that the issuer refuses.
    pub policy: KeyPolicy,
    /// Which key.
    pub key: KeyChoice,
    /// Whether the key may be handed out to others.
    pub exportable: bool,
    /// An existing key to use.
    pub key_file: Option<KeyFile>,
    /// Where the passphrase of stored keys comes from.
    passphrase: Option<(PassphraseSource, PathBuf)>,
}

/// What the command line says besides the names.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// `CERT`.
    pub certificate: Option<Slug>,
    /// The subject's flags.
    pub subject: SubjectFlags,
    /// `--key-type`.
    pub key_type: Option<KeyType>,
    /// `--reuse-key`, `--new-key`.
    pub key: Option<KeyChoice>,
    /// `--key`.
    pub key_file: Option<KeyFile>,
}

impl Wanted {
    /// From a deployment with flags laid over it, else from flags alone.
    pub fn gather(
        context: &Context,
        deployment: Option<&Deployment>,
        names: &NameFlags,
        choices: &Choices,
    ) -> Result<Self, Failure> {
        let given = names.parse()?;
        choices.subject.check()?;
        match deployment {
            Some(deployment) => {
                let named = choices.certificate.as_ref();
                let certificate = context.certificate(deployment, named).map_err(|failure| {
                    match named.and_then(mistyped_command) {
                        Some(meant) => meant,
                        None => failure,
                    }
                })?;
                Self::from_deployment(deployment, certificate, given, choices)
            }
            None => {
                if let Some(name) = &choices.certificate
                    && let Some(meant) = mistyped_command(name)
                    && !is_in_state(context, name)
                {
                    return Err(meant);
                }
                Self::from_flags(given, choices)
            }
        }
    }

    /// What the deployment wants for one of its certificates.
    pub fn from_deployment(
        deployment: &Deployment,
        certificate: &deployment::Certificate,
        given: NamesGiven,
        choices: &Choices,
    ) -> Result<Self, Failure> {
        let profile = match given.profile.clone() {
            Some(profile) => profile,
            None => {
                expectation::profile(deployment, expectation::issuer_of(deployment, certificate)?)?
            }
        };
        let mut input =
            deployment.plan_input(certificate, profile.forms.clone(), profile.name_limit);
        let issuers = match (&given.profile, deployment.issuer_of(certificate)) {
            (None, Some(issuer)) => issuer.template.clone(),
            (Some(_), _) | (_, None) => None,
        };
        let template = given
            .template
            .clone()
            .or(issuers)
            .or_else(|| profile.template.clone());
        lay_over(&mut input, given);
        let uses = input.uses.clone();
        let passphrase = certificate.key.passphrase.clone();
        let by_deployment = match certificate.key.on_renewal {
            OnRenewal::New => KeyChoice::New,
            OnRenewal::Reuse => KeyChoice::ReuseIfAny,
        };
        Ok(Self {
            spec: RequestSpec {
                certificate: certificate.name.clone(),
                plan: plan(&input)?,
                subject: choices.subject.over(subject_of(&deployment.subject)),
                key_type: choices.key_type.unwrap_or(certificate.key.key_type),
                profile,
                template,
            },
            uses,
            policy: KeyPolicy::Refuse,
            key: choices.key.unwrap_or(by_deployment),
            exportable: certificate.key.exportable,
            key_file: choices.key_file.clone(),
            passphrase: passphrase.map(|source| (source, deployment.base.clone())),
        })
    }

    /// What flags alone say, or an entry of a batch.
    pub(super) fn from_flags(given: NamesGiven, choices: &Choices) -> Result<Self, Failure> {
        let certificate = match &choices.certificate {
            Some(name) => name.clone(),
            None => default_certificate()?,
        };
        let profile = match given.profile.clone() {
            Some(profile) => profile,
            None => default_profile()?,
        };
        let Some(fqdn) = given.fqdn.clone() else {
            return Err(missing_fqdn());
        };
        let mut input = PlanInput {
            fqdn,
            sip_domains: Vec::new(),
            xmpp_domains: Vec::new(),
            components: Vec::new(),
            uses: default_uses(&given),
            extra: Vec::new(),
            forms: profile.forms.clone(),
            limit: profile.name_limit,
        };
        let template = given.template.clone().or_else(|| profile.template.clone());
        lay_over(&mut input, given);
        if input.uses.is_empty() {
            return Err(missing_domain());
        }
        let uses = input.uses.clone();
        Ok(Self {
            spec: RequestSpec {
                certificate,
                plan: plan(&input)?,
                subject: choices.subject.over(Subject::default()),
                key_type: choices
                    .key_type
                    .unwrap_or_else(|| profile.default_key_type()),
                profile,
                template,
            },
            uses,
            policy: KeyPolicy::Warn,
            key: choices.key.unwrap_or(KeyChoice::New),
            exportable: true,
            key_file: choices.key_file.clone(),
            // A key that was encrypted where it lay is not stored plain for want of a deployment.
            passphrase: choices
                .key_file
                .as_ref()
                .and_then(|file| Some((file.passphrase.clone()?, PathBuf::new()))),
        })
    }

    /// What an earlier request asked, for a certificate without a table; its key is kept as `[key]` says.
    pub fn again(record: &RequestRecord, deployment: Option<&Deployment>) -> Result<Self, Failure> {
        let certificate = super::flags::certificate("request", &record.certificate)?;
        let profile = IssuerProfile::named(&record.issuer_profile)
            .map_err(|error| Failure::from_error(FailureKind::Refused, &error))?;
        let planned = |texts: &[String]| -> Vec<PlannedName> {
            texts
                .iter()
                .filter_map(|text| Identifier::parse_typed(text).ok())
                .map(|name| PlannedName {
                    name,
                    reasons: vec![Reason::Extra],
                })
                .collect()
        };
        Ok(Self {
            spec: RequestSpec {
                certificate,
                plan: SanPlan {
                    names: planned(&record.names),
                    left_out: planned(&record.left_out),
                    limit: profile.name_limit,
                },
                subject: subject_from(&record.subject),
                key_type: KeyType::from_word(&record.key_type).unwrap_or(KeyType::Ec256),
                template: record
                    .template
                    .as_deref()
                    .and_then(|text| CertificateTemplate::parse(text).ok()),
                profile,
            },
            uses: record
                .uses
                .iter()
                .filter_map(|word| Use::from_word(word))
                .collect(),
            policy: KeyPolicy::Warn,
            key: KeyChoice::New,
            exportable: record.exportable && deployment.is_none_or(|all| all.key.exportable),
            key_file: None,
            passphrase: deployment
                .and_then(|all| Some((all.key.passphrase.clone()?, all.base.clone()))),
        })
    }

    /// Refuses what [`build::build_request`] would refuse, before a key is made.
    pub fn check(&self) -> Result<(), Failure> {
        build::check_names(&self.spec).map_err(|error| request_failure(&error))?;
        match self.policy {
            // A key that is used again has its own type, which is judged when it is read.
            KeyPolicy::Refuse if self.key == KeyChoice::New => {
                build::check_key_type(&self.spec.profile, self.spec.key_type)
                    .map_err(|error| request_failure(&error))
            }
            KeyPolicy::Refuse | KeyPolicy::Warn => Ok(()),
        }
    }

    /// The passphrase that opens [`Self::key_file`].
    pub fn key_file_passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        match self
            .key_file
            .as_ref()
            .and_then(|file| file.passphrase.as_ref())
        {
            Some(source) => passphrase::given(Some(source)),
            None => self.passphrase(),
        }
    }

    /// The passphrase of stored keys, if they have one. Effects: reads a file or the environment.
    pub fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        match &self.passphrase {
            Some((source, base)) => passphrase::read(Some(source), base),
            None => Ok(None),
        }
    }
}

/// `external-edge`.
pub fn default_certificate() -> Result<Slug, Failure> {
    super::flags::certificate("CERT", DEFAULT_CERTIFICATE)
}

fn default_profile() -> Result<IssuerProfile, Failure> {
    IssuerProfile::named(DEFAULT_PROFILE)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))
}

/// What the domains that are named tell of the use.
pub(super) fn default_uses(given: &NamesGiven) -> BTreeSet<Use> {
    let sip = (!given.sip_domains.is_empty()).then_some(Use::SipEdge);
    let xmpp = !(given.xmpp_domains.is_empty() && given.components.is_empty());
    sip.into_iter()
        .chain(xmpp.then_some(Use::XmppS2s))
        .collect()
}

fn lay_over(input: &mut PlanInput, given: NamesGiven) {
    // Unpacked, so that a new flag is not forgotten.
    let NamesGiven {
        fqdn,
        sip_domains,
        xmpp_domains,
        components,
        uses,
        extra,
        profile: _,
        template: _,
    } = given;
    if let Some(fqdn) = fqdn {
        input.fqdn = fqdn;
    }
    for (list, said) in [
        (&mut input.sip_domains, sip_domains),
        (&mut input.xmpp_domains, xmpp_domains),
        (&mut input.components, components),
    ] {
        if !said.is_empty() {
            *list = said;
        }
    }
    if !uses.is_empty() {
        input.uses = uses;
    }
    input.extra.extend(extra);
}

fn plan(input: &PlanInput) -> Result<SanPlan, Failure> {
    plan_names(input).map_err(|error| expectation::plan_failure(&error))
}

/// A request that the issuer would not take at all is refused; all else that keeps it from being made was typed wrong.
pub fn request_failure(error: &RequestError) -> Failure {
    let kind = match error {
        RequestError::TooManyNames { .. }
        | RequestError::WildcardRefused { .. }
        | RequestError::NotPublic { .. }
        | RequestError::SipUriIncomplete { .. } => FailureKind::Refused,
        RequestError::ReviewDiffers { .. } => FailureKind::Failed,
        RequestError::NoNames { .. }
        | RequestError::FormRefused { .. }
        | RequestError::KeyRefused { .. }
        | RequestError::CommonNameNotPlanned { .. }
        | RequestError::CommonNameNotFqdn { .. }
        | RequestError::SubjectMissing { .. }
        | RequestError::TemplateNotTaken { .. }
        | RequestError::NotMade(_) => FailureKind::Usage,
    };
    Failure::from_error(kind, error)
}

/// A name that is a slip of the pen away from a command below `request`: the next certificate is not to be called
/// `lst`.
fn mistyped_command(name: &Slug) -> Option<Failure> {
    let meant = nearest(name.as_str(), ["list", "show", "cancel", "profiles"])?;
    Some(Failure::usage(
        format!("there is no certificate named \"{name}\""),
        format!("it is one slip away from `edgecert request {meant}`"),
        format!(
            "did you mean `edgecert request {meant}`? A new certificate needs a name that is further off"
        ),
    ))
}

/// Whether an earlier run made the certificate.
fn is_in_state(context: &Context, name: &Slug) -> bool {
    Store::open(&context.state_directory(None))
        .and_then(|store| store.certificates())
        .is_ok_and(|known| known.contains(name))
}

fn missing_fqdn() -> Failure {
    Failure::usage(
        "the name of the edge is missing",
        "there is no deployment file, and --fqdn was not given",
        "give --fqdn edge.<your domain>, or write a deployment with `edgecert init`",
    )
}

fn missing_domain() -> Failure {
    Failure::usage(
        "no domain is named",
        "neither --sip-domain nor --xmpp-domain was given, and no --use",
        "give --sip-domain or --xmpp-domain; or --use internal-edge for a certificate of the FQDN alone",
    )
}

fn subject_of(subject: &deployment::Subject) -> Subject {
    // Unpacked, so that a new field is not forgotten.
    let deployment::Subject {
        common_name,
        organization,
        organizational_unit,
        country,
        state,
        locality,
    } = subject;
    Subject {
        country: country.clone(),
        state: state.clone(),
        locality: locality.clone(),
        organization: organization.clone(),
        organizational_unit: organizational_unit.clone(),
        common_name: common_name.clone(),
    }
}

/// A name with its U-label beside it, where that differs: `xn--bcher-kva.example (bücher.example)`.
pub fn shown(name: &Identifier) -> String {
    let plain = name.to_string();
    match name.domain() {
        // An XmppAddr is written with its U-labels already.
        Some(domain) if domain.to_unicode() != domain.as_str() && plain != domain.to_unicode() => {
            format!("{plain} ({})", printable(&domain.to_unicode()))
        }
        Some(_) | None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(sip: &[&str], xmpp: &[&str]) -> NameFlags {
        let own = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        NameFlags {
            fqdn: Some("edge.contoso.com".into()),
            sip_domain: own(sip),
            xmpp_domain: own(xmpp),
            ..NameFlags::default()
        }
    }

    fn from_flags(flags: &NameFlags) -> Result<Wanted, Failure> {
        Wanted::from_flags(flags.parse()?, &Choices::default())
    }

    #[test]
    fn uses_follow_the_domains_that_are_named() {
        for (sip, xmpp, uses) in [
            (vec!["contoso.com"], vec![], vec![Use::SipEdge]),
            (vec![], vec!["contoso.com"], vec![Use::XmppS2s]),
            (
                vec!["contoso.com"],
                vec!["contoso.com"],
                vec![Use::SipEdge, Use::XmppS2s],
            ),
        ] {
            let wanted = from_flags(&flags(&sip, &xmpp)).unwrap();
            assert_eq!(wanted.uses.into_iter().collect::<Vec<_>>(), uses);
            assert_eq!(wanted.spec.certificate.as_str(), "external-edge");
            assert_eq!(wanted.spec.profile.name, "public-dv");
        }
        let told = from_flags(&flags(&[], &[])).unwrap_err();
        assert!(told.explanation.mend.contains("--sip-domain"));
        let told = from_flags(&NameFlags::default()).unwrap_err();
        assert!(told.explanation.mend.contains("--fqdn"));
    }

    #[test]
    fn a_u_label_stands_beside_its_a_label() {
        let name = Identifier::parse_typed("dns:bücher.example").unwrap();
        assert_eq!(shown(&name), "xn--bcher-kva.example (bücher.example)");
        let name = Identifier::parse_typed("xmpp:bücher.example").unwrap();
        assert_eq!(shown(&name), "bücher.example");
        let name = Identifier::parse_typed("dns:contoso.com").unwrap();
        assert_eq!(shown(&name), "contoso.com");
    }
}
