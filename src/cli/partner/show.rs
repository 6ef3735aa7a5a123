//! `partner list` and `partner show`.

use super::flags::Compat;
use super::shown::{partner_json, partner_text, seed_json, seed_text, settings_words};
use super::{find, further_of};
use crate::cli::Context;
use crate::cli::options::domain;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::Table;
use crate::explain::printable;
use crate::names::Domain;
use clap::Args;
use serde_json::{Map, Value, json};

/// `partner list`.
#[derive(Debug, Args)]
pub struct ListArgs {}

/// `partner show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// One of the partner's domains
    #[arg(value_name = "DOMAIN", value_parser = domain)]
    domain: Domain,
    /// Also show what another product says of the settings
    #[arg(long, value_enum, value_name = "PRODUCT")]
    compat: Option<Compat>,
}

/// Runs `partner list`.
pub(super) fn list(_args: &ListArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let all: Vec<Value> = deployment.partners.iter().map(partner_json).collect();
    let result = json!({ "partners": all });
    if deployment.partners.is_empty() {
        let outcome = Outcome::show("no partner: nobody federates over XMPP\n", result);
        return Ok(outcome.with_next("edgecert partner add DOMAIN"));
    }
    let mut table = Table::new(["partner", "type", "settings", "methods", "description"]);
    for one in &deployment.partners {
        let methods: Vec<&str> = one
            .negotiation
            .methods()
            .into_iter()
            .map(|method| method.word())
            .collect();
        let further = one.additional_domains.len();
        table.row([
            match further {
                0 => one.domain.to_string(),
                _ => format!("{} +{further}", one.domain),
            },
            one.partner_type.word().to_owned(),
            settings_words(one.negotiation),
            match methods.is_empty() {
                true => "none".to_owned(),
                false => methods.join(", "),
            },
            one.description
                .as_deref()
                .map(printable)
                .unwrap_or_default(),
        ]);
    }
    Ok(Outcome::show(table.render(), result))
}

/// Runs `partner show`.
pub(super) fn show(args: &ShowArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.deployment()?;
    let partner = find(&deployment, &args.domain)?;
    if let Some(owner) = further_of(&deployment, &args.domain) {
        context.note(&format!("note: {owner}\n"));
    }
    let mut text = partner_text(partner);
    let mut result = Map::new();
    result.insert("partner".into(), partner_json(partner));
    if let Some(Compat::Lync2013) = args.compat {
        text.push_str(&seed_text(partner.negotiation));
        result.insert("lync_2013".into(), seed_json(partner.negotiation));
    }
    Ok(Outcome::show(text, Value::Object(result))
        .with_next(format!("edgecert partner explain {}", partner.domain)))
}
