//! `partner add` and `partner edit`.

use super::flags::{Compat, SettingArgs};
use super::shown::{differences, judged_text, partner_json, seed_json, seed_text};
use super::{insist_on_a_method, insist_on_free_domains, unknown};
use crate::cli::Context;
use crate::cli::deployment_change::{Change, Changed};
use crate::cli::exit::FailureKind;
use crate::cli::options::domain;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render;
use crate::deployment::RootsSource;
use crate::explain::{Explanation, printable};
use crate::federation::{Negotiation, Partner, PartnerType, Setting};
use crate::names::Domain;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Below `partner add -h`: why the defaults are what they are.
pub(super) const HELP: &str = "\
Examples:
  edgecert partner add litware.com --type federated
  edgecert partner add northwind.com --sasl required --no-dialback --server prosody
  edgecert partner add fabrikam.com --seed-defaults --compat lync-2013

Left out: --type public-unverified (the least that can be permitted), --tls required, --sasl optional,
--dialback. So nothing goes in clear text; the certificate proves the peer where both sides can, and
dialback inside TLS stays for servers that refuse what public CAs issue now (without clientAuth).
Lync's own defaults, --seed-defaults, are --sasl required with a dialback that can never run.";

/// `partner add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The partner's primary domain
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    domain: Domain,
    #[command(flatten)]
    settings: SettingArgs,
    /// Begin from what New-CsXmppAllowedPartner sets: TLS and SASL required, dialback on
    #[arg(long)]
    seed_defaults: bool,
    /// Also show what another product says of the settings; what is saved stays the same
    #[arg(long, value_enum, value_name = "PRODUCT")]
    compat: Option<Compat>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `partner edit`.
#[derive(Debug, Args)]
pub struct EditArgs {
    /// The partner's primary domain
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    domain: Domain,
    /// Another primary domain
    #[arg(long = "domain", value_name = "DOMAIN", value_parser = domain)]
    new_domain: Option<Domain>,
    #[command(flatten)]
    settings: SettingArgs,
    /// Take the description away
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
    /// Take all further domains away
    #[arg(long, conflicts_with = "additional_domain")]
    no_additional_domains: bool,
    /// Take the limit away
    #[arg(long, conflicts_with = "connection_limit")]
    no_connection_limit: bool,
    /// Forget what runs there
    #[arg(long, conflicts_with = "server")]
    no_server: bool,
    /// Let the gateway's roots count again
    #[arg(long, conflicts_with = "roots")]
    no_roots: bool,
    /// Also show what another product says of the settings; what is saved stays the same
    #[arg(long, value_enum, value_name = "PRODUCT")]
    compat: Option<Compat>,
    /// Show what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// The settings of a partner of which only the domain is known.
///
/// TLS required: nothing in clear text. SASL optional with dialback: an EXTERNAL that an old server refuses, since
/// public CAs no longer grant clientAuth, falls back to dialback inside TLS. It is row 7, the widest that has no
/// warning. The type is the one that permits least.
pub fn safe_defaults(domain: Domain) -> Partner {
    Partner {
        domain,
        description: None,
        additional_domains: Vec::new(),
        partner_type: PartnerType::PublicUnverified,
        negotiation: Negotiation {
            tls: Setting::Required,
            sasl: Setting::Optional,
            dialback: true,
        },
        connection_limit: None,
        keep_alive: true,
        server: None,
        roots: Vec::new(),
    }
}

/// What `New-CsXmppAllowedPartner` sets.
pub fn seed_defaults(domain: Domain) -> Partner {
    let mut partner = safe_defaults(domain);
    partner.negotiation.sasl = Setting::Required;
    partner
}

/// Runs `partner add`. Effects: writes the deployment file, journals.
pub(super) fn add(args: &AddArgs, context: &Context) -> Result<Outcome, Failure> {
    let begin = match args.seed_defaults {
        true => seed_defaults,
        false => safe_defaults,
    };
    let partner = args.settings.over(begin(args.domain.clone()));
    insist_on_a_method(partner.negotiation)?;
    let change = Change::begin(context, "edgecert partner add", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let same = deployment
        .partners
        .iter()
        .find(|one| one.domain == partner.domain);
    let mut draft = change.file.draft()?;
    match same {
        Some(there) if *there == partner => {}
        Some(there) => return Err(is_there(there, &partner)),
        None => {
            insist_on_free_domains(deployment, &partner, None)?;
            draft.add_partner(&partner);
        }
    }
    let base = deployment.base.clone();
    let changed = change.finish(draft, "partner-add", detail(&partner))?;
    note_roots(context, &base, &partner);
    let done = format!("partner {} added", partner.domain);
    Ok(outcome(&changed, &partner, &done, args.compat))
}

/// One that is there and says something else.
fn is_there(there: &Partner, wanted: &Partner) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "partner.exists",
            what: format!("{} is a partner already: nothing is saved", there.domain),
            place: format!("partner {}", there.domain),
            why: differences(&partner_json(there), &partner_json(wanted)),
            mend: format!("change it with `edgecert partner edit {}`", there.domain),
        },
    )
}

/// Runs `partner edit`. Effects: writes the deployment file, journals.
pub(super) fn edit(args: &EditArgs, context: &Context) -> Result<Outcome, Failure> {
    let change = Change::begin(context, "edgecert partner edit", args.dry_run.into())?;
    let deployment = &change.file.deployment;
    let named = |domain: &Domain| {
        let mut all = deployment.partners.iter();
        all.find(|one| one.domain == *domain)
    };
    // The same command twice: it has its new domain already.
    let there = named(&args.domain)
        .or_else(|| args.new_domain.as_ref().and_then(named))
        .ok_or_else(|| not_primary(deployment, &args.domain))?
        .clone();
    let mut partner = args.settings.over(there.clone());
    if let Some(domain) = &args.new_domain {
        partner.domain = domain.clone();
    }
    if args.no_description {
        partner.description = None;
    }
    if args.no_additional_domains {
        partner.additional_domains.clear();
    }
    if args.no_connection_limit {
        partner.connection_limit = None;
    }
    if args.no_server {
        partner.server = None;
    }
    if args.no_roots {
        partner.roots.clear();
    }
    let mut draft = change.file.draft()?;
    if partner != there {
        insist_on_a_method(partner.negotiation)?;
        insist_on_free_domains(deployment, &partner, Some(&there.domain))?;
        draft.set_partner(&there.domain, &partner);
    }
    let base = deployment.base.clone();
    let changed = change.finish(draft, "partner-edit", detail(&partner))?;
    note_roots(context, &base, &partner);
    let done = format!("partner {} changed", partner.domain);
    Ok(outcome(&changed, &partner, &done, args.compat))
}

/// Roots may be put there later: what cannot be read today is a note.
fn note_roots(context: &Context, base: &Path, partner: &Partner) {
    for root in &partner.roots {
        let shown = printable(&root.display().to_string());
        let why = match context.trust(&[RootsSource::Path(root.clone())], base) {
            Ok(_) => continue,
            Err(failure) => failure.explanation.why,
        };
        context.note(&format!(
            "note: the root {shown} of {} cannot be used yet: {why}\n",
            partner.domain
        ));
    }
}

/// A domain that names no partner, or is only a further one of a partner.
fn not_primary(deployment: &crate::deployment::Deployment, domain: &Domain) -> Failure {
    let owner = deployment
        .partners
        .iter()
        .find(|one| one.has_domain(domain));
    match owner {
        Some(owner) => Failure::usage(
            format!(
                "{domain} is a further domain of the partner {}",
                owner.domain
            ),
            "a partner is named by its primary domain",
            format!("`edgecert partner edit {}`", owner.domain),
        ),
        None => unknown(deployment, domain),
    }
}

/// For the journal.
fn detail(partner: &Partner) -> Map<String, Value> {
    let mut detail = Map::new();
    detail.insert("partner".into(), json!(partner.domain.as_str()));
    detail
}

fn outcome(changed: &Changed, partner: &Partner, done: &str, compat: Option<Compat>) -> Outcome {
    let mut text = render::hanging("  permits  ", partner.partner_type.means());
    text.push_str(&judged_text(partner.negotiation));
    let mut result = changed.json();
    result.insert("partner".into(), partner_json(partner));
    if let Some(Compat::Lync2013) = compat {
        text.push_str(&seed_text(partner.negotiation));
        result.insert("lync_2013".into(), seed_json(partner.negotiation));
    }
    text.push_str(&changed.told(done));
    let outcome = Outcome {
        changed: changed.written,
        ..Outcome::show(text, Value::Object(result))
    };
    match changed.written {
        true => outcome.with_next(format!("edgecert partner explain {}", partner.domain)),
        false => outcome,
    }
}
