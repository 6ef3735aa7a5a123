//! `partner`: the federated XMPP partners of the deployment, and what their settings and our certificate come to.

mod add;
mod apply;
mod explain;
mod flags;
mod import;
mod live;
mod remove;
mod show;
mod shown;

pub use add::safe_defaults;
pub use flags::description;
pub use shown::{differences, permits_json, settings_words};

use super::Context;
use super::exit::FailureKind;
use super::output::{Failure, Outcome};
use crate::deployment::Deployment;
use crate::explain::{Explanation, listed, nearest};
use crate::federation::{Negotiation, Partner, Refused};
use crate::names::Domain;
use clap::Subcommand;

/// The commands of partners.
// One exists in a run, so their sizes do not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Subcommand)]
pub enum PartnerCommand {
    /// List the partners: type, settings, what they allow
    #[command(after_help = "\
Examples:
  edgecert partner list
  edgecert partner list --json")]
    List(show::ListArgs),
    /// Show one partner, and what its settings mean
    #[command(after_help = "\
Examples:
  edgecert partner show litware.com
  edgecert partner show litware.com --compat lync-2013     what Lync's own table says of them")]
    Show(show::ShowArgs),
    /// Add a partner
    #[command(after_help = add::HELP)]
    Add(add::AddArgs),
    /// Change a partner: what is not named stays as it is
    #[command(after_help = "\
Examples:
  edgecert partner edit litware.com --sasl required --no-dialback
  edgecert partner edit litware.com --additional-domain it.litware.com
  edgecert partner edit litware.com --no-description --dry-run

A flag sets its field whole: of several --additional-domain or --roots, those that are not given go.")]
    Edit(add::EditArgs),
    /// Remove a partner
    #[command(after_help = "\
Examples:
  edgecert partner remove litware.com --dry-run
  edgecert partner remove litware.com")]
    Remove(remove::RemoveArgs),
    /// Take partners in from a file: all of them, or none
    #[command(after_help = "\
Examples:
  edgecert partner import partners.toml          [[partner]] tables, as in a deployment
  edgecert partner import lync.csv --dry-run     the columns of Get-CsXmppAllowedPartner
  edgecert partner import - < partners.toml

Keys and columns that are left out mean what they mean at their source: TLS and SASL required, dialback
on, public-unverified. One mistake refuses the file; each is told with its line.")]
    Import(import::ImportArgs),
    /// Say in plain words what will happen with a partner, in each direction, with today's certificate
    #[command(after_help = "\
Examples:
  edgecert partner explain litware.com
  edgecert partner explain litware.com --live     also ask its servers, through the DNS
  edgecert partner explain litware.com --live --json")]
    Explain(explain::ExplainArgs),
    /// Write the partners into the configuration of Prosody and ejabberd; without --write-config it is shown
    #[command(after_help = apply::HELP)]
    Apply(apply::ApplyArgs),
}

impl PartnerCommand {
    /// The words that lead here.
    pub fn words(&self) -> &'static str {
        match self {
            PartnerCommand::List(_) => "partner list",
            PartnerCommand::Show(_) => "partner show",
            PartnerCommand::Add(_) => "partner add",
            PartnerCommand::Edit(_) => "partner edit",
            PartnerCommand::Remove(_) => "partner remove",
            PartnerCommand::Import(_) => "partner import",
            PartnerCommand::Explain(_) => "partner explain",
            PartnerCommand::Apply(_) => "partner apply",
        }
    }
}

/// Runs one of them.
pub fn run(command: PartnerCommand, context: &mut Context) -> Result<Outcome, Failure> {
    match command {
        PartnerCommand::List(args) => show::list(&args, context),
        PartnerCommand::Show(args) => show::show(&args, context),
        PartnerCommand::Add(args) => add::add(&args, context),
        PartnerCommand::Edit(args) => add::edit(&args, context),
        PartnerCommand::Remove(args) => remove::run(&args, context),
        PartnerCommand::Import(args) => import::run(&args, context),
        PartnerCommand::Explain(args) => explain::run(&args, context),
        PartnerCommand::Apply(args) => apply::run(args, context),
    }
}

/// The partner that has a domain, as its primary or a further one.
///
/// Errors: wrong usage, with the nearest that is known.
pub fn find<'a>(deployment: &'a Deployment, domain: &Domain) -> Result<&'a Partner, Failure> {
    deployment
        .partners
        .iter()
        .find(|one| one.has_domain(domain))
        .ok_or_else(|| unknown(deployment, domain))
}

/// Whose further domain it is, where it is no primary one: a partner is named by its primary domain.
pub(super) fn further_of(deployment: &Deployment, domain: &Domain) -> Option<String> {
    let mut all = deployment.partners.iter();
    let owner = all.find(|one| one.additional_domains.contains(domain))?;
    let owner = &owner.domain;
    Some(format!(
        "{domain} is a further domain of the partner {owner} (`edgecert partner edit {owner}`)"
    ))
}

/// A partner that is not there.
fn unknown(deployment: &Deployment, domain: &Domain) -> Failure {
    let known: Vec<&str> = deployment
        .partners
        .iter()
        .map(|one| one.domain.as_str())
        .collect();
    let mend = match nearest(domain.as_str(), known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("`edgecert partner add {domain}` adds it"),
    };
    let why = match known.is_empty() {
        true => "the deployment has no partner".to_owned(),
        false => format!(
            "the deployment has {}",
            listed(&known, super::context::MAX_TOLD)
        ),
    };
    Failure::usage(format!("{domain} is no partner"), why, mend)
}

/// Refuses settings that must not be saved.
pub fn insist_on_a_method(negotiation: Negotiation) -> Result<(), Failure> {
    let Some(refused) = negotiation.refused() else {
        return Ok(());
    };
    let (tls, sasl) = (negotiation.tls.word(), negotiation.sasl.word());
    let (code, what) = match refused {
        Refused::SaslWithoutTls => (
            "partner.sasl-without-tls",
            format!("SASL {sasl} cannot be had with TLS {tls}: nothing is saved"),
        ),
        Refused::NoMethod => (
            "partner.no-method",
            format!("TLS {tls}, SASL {sasl} and no dialback leave no way in: nothing is saved"),
        ),
    };
    Err(Failure::new(
        FailureKind::Refused,
        Explanation {
            code,
            what,
            place: format!("row {} of the negotiation matrix", negotiation.row()),
            why: refused.why().to_owned(),
            mend: refused.remedy().to_owned(),
        },
    ))
}

/// Refuses a partner that wants a domain of ours, or of another partner than the one named `itself`.
pub fn insist_on_free_domains(
    deployment: &Deployment,
    partner: &Partner,
    itself: Option<&Domain>,
) -> Result<(), Failure> {
    let ours = deployment.edge.own_domains();
    let mut seen: Vec<&Domain> = Vec::new();
    for domain in std::iter::once(&partner.domain).chain(&partner.additional_domains) {
        let others = deployment
            .partners
            .iter()
            .filter(|one| itself != Some(&one.domain));
        let owner = others.into_iter().find(|one| one.has_domain(domain));
        let (why, mend) = if ours.contains(domain) {
            (
                "it is a domain of this edge itself".to_owned(),
                "name domains of the partner; whoever shares our own domain is no partner"
                    .to_owned(),
            )
        } else if let Some(owner) = owner {
            (
                format!("the partner {} has it", owner.domain),
                format!(
                    "`edgecert partner edit {}`, or take it out there first",
                    owner.domain
                ),
            )
        } else if seen.contains(&domain) {
            (
                "it is named twice".to_owned(),
                "name each domain once; the primary one is no additional one".to_owned(),
            )
        } else {
            seen.push(domain);
            continue;
        };
        return Err(Failure::new(
            FailureKind::Refused,
            Explanation {
                code: "partner.domain-taken",
                what: format!("{domain} cannot be a domain of this partner: nothing is saved"),
                place: format!("partner {}", partner.domain),
                why,
                mend,
            },
        ));
    }
    Ok(())
}
