//! What a certificate of the deployment is held against: its issuer's roots, the names of its plan, its profile.
//!
//! Shared by `import`, `verify`, `assign` and `check`, so that one certificate never gets two verdicts. Names typed by
//! `--name` and words of findings are turned into library types here as well.

use super::Context;
use super::exit::FailureKind;
use super::not_taken::NotTaken;
use super::output::Failure;
use crate::deployment::{Certificate, Deployment, Issuer, LifeLeft, ProfileSource, RootsSource};
use crate::federation::Partner;
use crate::findings::Code;
use crate::names::matching::Service;
use crate::names::plan::{PlanError, plan_names};
use crate::names::{Identifier, NameForm, Use};
use crate::request::IssuerProfile;
use crate::verify::expect::wanted_names;
use crate::verify::{Expectation, Peer, PeerRoots, TrustSet, Wanted};
use crate::x509::KeyPurpose;
use time::OffsetDateTime;

/// What a certificate of the deployment is held against.
#[derive(Debug, Clone)]
pub struct ForCertificate {
    /// The roots of its issuer.
    pub trust: TrustSet,
    /// The names that must hold.
    pub wanted: Vec<Wanted>,
    /// What its issuer allows.
    pub profile: IssuerProfile,
    /// Share of life left at which renewal is due, 0.0 to 1.0.
    pub renew_at: f64,
    /// Whether it is shown to SIP peers that verify clients: a SIP edge whose issuer grants clientAuth.
    pub proves_sip: bool,
    /// The XMPP partners that will meet it; `None` without the use xmpp-s2s.
    pub partners: Vec<Peer>,
    /// The moment of judgement.
    pub at: OffsetDateTime,
}

impl ForCertificate {
    /// The expectation of a server's certificate.
    pub fn expectation(&self) -> Expectation<'_> {
        Expectation {
            trust: Some(&self.trust),
            wanted: self.wanted.clone(),
            public: self.profile.public,
            sip_mutual_tls: self.proves_sip,
            warn_below: Some(LifeLeft::Share(self.renew_at)),
            partners: &self.partners,
            ..Expectation::new(self.at)
        }
    }
}

/// Builds it: plans the names for the issuer's profile, and reads the issuer's roots.
///
/// Errors: the profile cannot be read, no plan can be made, no root was found. Effects: reads files.
pub fn for_certificate(
    context: &Context,
    deployment: &Deployment,
    certificate: &Certificate,
    at: OffsetDateTime,
) -> Result<ForCertificate, Failure> {
    for_certificate_by(context, deployment, certificate, None, at)
}

/// The same; the roots that `given` names by `--roots` stand in for the issuer's, which are not read then.
pub fn for_certificate_by(
    context: &Context,
    deployment: &Deployment,
    certificate: &Certificate,
    given: Option<&TrustSet>,
    at: OffsetDateTime,
) -> Result<ForCertificate, Failure> {
    let issuer = issuer_of(deployment, certificate)?;
    let Planned { profile, wanted } = planned(deployment, certificate)?;
    Ok(ForCertificate {
        trust: match given {
            Some(given) => given.clone(),
            None => trust_of(context, deployment, certificate)?,
        },
        renew_at: issuer.renew_at.unwrap_or(profile.renew_at),
        proves_sip: certificate.uses.contains(&Use::SipEdge)
            && profile.key_purposes.contains(&KeyPurpose::ClientAuth),
        partners: match certificate.uses.contains(&Use::XmppS2s) {
            true => partners(context, deployment),
            false => Vec::new(),
        },
        wanted,
        profile,
        at,
    })
}

/// What is known of a certificate without reading a root.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What its issuer allows.
    pub profile: IssuerProfile,
    /// The names that must hold.
    pub wanted: Vec<Wanted>,
}

/// Plans the names for the issuer's profile.
///
/// Errors: the profile cannot be read, no plan can be made. Effects: reads a profile of one's own.
pub fn planned(deployment: &Deployment, certificate: &Certificate) -> Result<Planned, Failure> {
    let profile = profile(deployment, issuer_of(deployment, certificate)?)?;
    let input = deployment.plan_input(certificate, profile.forms.clone(), profile.name_limit);
    let plan = plan_names(&input).map_err(|error| plan_failure(&error))?;
    let wanted = wanted_names(&plan, &certificate.uses);
    Ok(Planned { profile, wanted })
}

/// The roots of a certificate's issuer.
///
/// Errors: no root was found; the mend names the issuer's table. Effects: reads files.
pub fn trust_of(
    context: &Context,
    deployment: &Deployment,
    certificate: &Certificate,
) -> Result<TrustSet, Failure> {
    let issuer = issuer_of(deployment, certificate)?;
    context.trust_named_in(&issuer.roots, &deployment.base, Some(&issuer.table()))
}

/// As a command tells it that has touched nothing yet.
pub fn before_anything(failure: Failure) -> Failure {
    match failure.kind == FailureKind::Failed {
        true => Failure {
            kind: FailureKind::Refused,
            ..failure
        },
        false => failure,
    }
}

/// The partners as the verdict meets them.
fn partners(context: &Context, deployment: &Deployment) -> Vec<Peer> {
    deployment
        .partners
        .iter()
        .map(|partner| Peer {
            domain: partner.domain.clone(),
            negotiation: partner.negotiation,
            server: partner.server,
            roots: roots_of(context, deployment, partner),
        })
        .collect()
}

/// The roots of a partner: its own, else the system's, if there are any.
pub fn roots_of(context: &Context, deployment: &Deployment, partner: &Partner) -> PeerRoots {
    match own_roots_of(context, deployment, partner) {
        Some(Ok(trust)) => PeerRoots::Own(trust),
        Some(Err(failure)) => PeerRoots::Unread(failure.explanation),
        None => context
            .trust(&[RootsSource::System], &deployment.base)
            .map_or(PeerRoots::Unknown, PeerRoots::Assumed),
    }
}

/// The roots that the deployment names for a partner, if it does; an error names the partner's table.
pub fn own_roots_of(
    context: &Context,
    deployment: &Deployment,
    partner: &Partner,
) -> Option<Result<TrustSet, Failure>> {
    let own = RootsSource::of_partner(partner);
    let table = partner.table();
    (!own.is_empty()).then(|| context.trust_named_in(&own, &deployment.base, Some(&table)))
}

/// Why no plan can be made; where a form is refused, with the profiles that grant it.
pub fn plan_failure(error: &PlanError) -> Failure {
    let mut failure = Failure::from_error(FailureKind::Usage, error);
    if let PlanError::FormRefused { name, .. } = error {
        failure
            .explanation
            .mend
            .push_str(&format!(": {}", IssuerProfile::who_grants(name.form())));
    }
    failure
}

/// The issuer of a certificate; the deployment's reader has made sure that there is one.
pub fn issuer_of<'a>(
    deployment: &'a Deployment,
    certificate: &Certificate,
) -> Result<&'a Issuer, Failure> {
    deployment.issuer_of(certificate).ok_or_else(|| {
        Failure::usage(
            format!("certificate \"{}\" has no issuer", certificate.name),
            format!("there is no [issuer.{}]", certificate.issuer),
            "add the table, or name another issuer",
        )
    })
}

/// The profile of an issuer, from those that ship or from a file.
pub fn profile(deployment: &Deployment, issuer: &Issuer) -> Result<IssuerProfile, Failure> {
    match &issuer.profile {
        ProfileSource::BuiltIn(name) => IssuerProfile::named(name).map_err(|error| {
            let mut failure = Failure::from_error(FailureKind::Usage, &error);
            failure.explanation.place =
                format!("{}, {}", deployment.file.display(), issuer.table());
            failure.explanation.mend = format!(
                "write profile = \"{}\" there, or profile = \"profiles/{name}.toml\" with a profile of your own",
                IssuerProfile::names().last().copied().unwrap_or_default(),
            );
            failure
        }),
        ProfileSource::File(path) => profile_file(&deployment.resolve(path)),
    }
}

/// A profile of one's own.
pub fn profile_file(path: &std::path::Path) -> Result<IssuerProfile, Failure> {
    let origin = path.display().to_string();
    let bytes = crate::store::atomic::read_limited(path, IssuerProfile::MAX_BYTES as u64)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::usage(
            format!("{origin} is not a text"),
            format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1),
            "save the profile as UTF-8",
        )
    })?;
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    IssuerProfile::parse(&name, &text, &origin)
        .map_err(|error| Failure::from_error(FailureKind::Usage, &error))
}

/// Reads a finding's code, for `--accept`.
pub fn code(text: &str) -> Result<Code, NotTaken> {
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == text) {
        return Ok(*code);
    }
    let near = crate::explain::nearest(text, Code::ALL.iter().map(|code| code.as_str()));
    Err(NotTaken::wrong(
        "there is no such finding",
        match near {
            Some(near) => format!("did you mean {near}?"),
            None => "its code stands below each finding, as in names.missing".to_owned(),
        },
    ))
}

/// Reads `--name TYPE:VALUE`.
pub fn typed_name(text: &str) -> Result<Identifier, NotTaken> {
    Identifier::parse_typed(text).map_err(|error| NotTaken::of(&error))
}

/// Reads `--roots FILE|DIR|system|mozilla`.
pub fn roots(text: &str) -> Result<RootsSource, NotTaken> {
    match text {
        "" => Err(NotTaken::unread(
            "name a file or folder of CA certificates, system or mozilla",
        )),
        "system" => Ok(RootsSource::System),
        "mozilla" => Ok(RootsSource::Mozilla),
        path => Ok(RootsSource::Path(path.into())),
    }
}

/// What a name on the command line asks of a certificate: a host or SIP domain has to be covered as peers match it,
/// any other name (a wildcard, an SRV-ID, an address) has to stand there itself.
pub fn wanted_of(name: &Identifier) -> Wanted {
    let covered = |service, domain: &crate::names::Domain| Wanted::Covered {
        service,
        domain: domain.clone(),
        because: format!("--name {}", name.to_typed()),
    };
    match name {
        Identifier::Dns(dns) if !dns.is_wildcard() => covered(Service::Host, dns.domain()),
        Identifier::Sip(sip) => covered(Service::Sip, sip.domain()),
        Identifier::Dns(_)
        | Identifier::Srv(_)
        | Identifier::Xmpp(_)
        | Identifier::Ip(_)
        | Identifier::Email(_) => Wanted::Entry(name.clone()),
    }
}

/// The forms whose absence is a note where they were planned, and an error where they were demanded by `--name`.
pub fn is_demanded(code: Code, names: &[Identifier]) -> bool {
    let form = |form| names.iter().any(|name| name.form() == form);
    (code == Code::NamesSrvIdMissing && form(NameForm::Srv))
        || (code == Code::NamesXmppAddrMissing && form(NameForm::Xmpp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_code_is_answered_with_the_nearest() {
        assert_eq!(code("names.missing"), Ok(Code::NamesMissing));
        assert!(
            code("names.mising")
                .unwrap_err()
                .to_string()
                .contains("names.missing")
        );
    }

    #[test]
    fn names_are_covered_or_stand_there_themselves() {
        for (text, covered) in [
            ("dns:edge.contoso.com", true),
            ("sip:contoso.com", true),
            ("dns:*.contoso.com", false),
            ("srv:_xmpp-server.contoso.com", false),
            ("ip:192.0.2.1", false),
        ] {
            let name = typed_name(text).unwrap();
            let wanted = wanted_of(&name);
            assert_eq!(matches!(wanted, Wanted::Covered { .. }), covered, "{text}");
        }
    }
}
