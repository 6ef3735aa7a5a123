//! `init`: the annotated deployment file, written without a question.

use super::output::{Failure, Outcome};
use super::request::flags::{domain, domains};
use super::{Context, request};
use crate::deployment::init::{InitTemplate, annotated};
use crate::names::Domain;
use crate::store::atomic::{self, Overwrite, Placement};
use clap::Args;
use console::style;
use serde_json::json;

/// The edge of a deployment that nobody has described yet; `request` warns of it.
const EXAMPLE_FQDN: &str = "edge.example.com";

/// The deployment file holds no secret: whoever runs a gateway or a check may read it.
const MODE: u32 = 0o644;

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert init --fqdn edge.contoso.com --sip-domain contoso.com
  edgecert init --template letsencrypt-classic --xmpp-domain contoso.com
  edgecert init --template private-xmpp --config /etc/edgecert/edgecert.toml")]
pub struct InitArgs {
    /// Who signs, by its profile (edgecert request profiles)
    #[arg(long, value_name = "NAME", default_value = "public-dv")]
    template: String,
    /// Access Edge FQDN [default: edge.<the first domain>]
    #[arg(long, value_name = "NAME")]
    fqdn: Option<String>,
    /// A SIP domain (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    sip_domain: Vec<String>,
    /// An XMPP domain (repeatable)
    #[arg(long, value_name = "DOMAIN")]
    xmpp_domain: Vec<String>,
}

/// Writes the file; one that is there already is refused.
pub fn run(args: InitArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let template = template(&args.template)?;
    let sip = domains("--sip-domain", &args.sip_domain)?;
    let xmpp = domains("--xmpp-domain", &args.xmpp_domain)?;
    let fqdn = match (&args.fqdn, sip.first().or(xmpp.first())) {
        (Some(text), _) => domain("--fqdn", text)?,
        (None, Some(first)) => first
            .child("edge")
            .or_else(|_| domain("--fqdn", EXAMPLE_FQDN))?,
        (None, None) => domain("--fqdn", EXAMPLE_FQDN)?,
    };
    let text = annotated(&fqdn, &sip, &xmpp, template);
    let path = context.new_config_path();
    let placement = Placement {
        mode: MODE,
        ..Placement::PRIVATE
    };
    atomic::write_whole(&path, text.as_bytes(), placement, Overwrite::Refuse).map_err(|error| {
        let mut failure = request::store_failure(&error);
        if let (true, Some(folder)) = (error.is_not_found(), path.parent()) {
            failure.explanation.why = format!("there is no folder {}", folder.display());
            failure.explanation.mend =
                format!("`mkdir -p {}`, then the same again", folder.display());
        }
        failure
    })?;
    let list = |all: &[Domain]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let shown = path.display();
    let described = if args.fqdn.is_none() && sip.is_empty() && xmpp.is_empty() {
        format!("with names under example.com: write your own into [edge] of {shown}\n")
    } else {
        format!("for {fqdn}; every other setting stands there as a comment\n")
    };
    let mut text = format!("{}  wrote {shown}, {described}", style("ok").green().bold());
    if let Some(file) = template.root_file() {
        let file = path.with_file_name("").join(file);
        text.push_str(&format!(
            "    put the root of your CA into {} before its first reply is imported\n",
            file.display()
        ));
    }
    Ok(Outcome::show(
        text,
        json!({
            "path": std::path::absolute(&path).unwrap_or(path).display().to_string(),
            "template": template.word(),
            "fqdn": fqdn.to_string(),
            "sip_domains": list(&sip),
            "xmpp_domains": list(&xmpp),
        }),
    )
    .changed()
    .with_next("edgecert plan"))
}

fn template(word: &str) -> Result<InitTemplate, Failure> {
    InitTemplate::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = InitTemplate::ALL.iter().map(|known| known.word()).collect();
        request::flags::unknown_word("--template", word, &known)
    })
}
