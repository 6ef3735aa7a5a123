//! `init`: the annotated deployment file, written without a question.

mod from_gateways;

use super::gateway::scope::Scope;
use super::output::{Failure, Outcome, unwritten};
use super::request::flags::{domain, domains};
use super::{Context, render, request};
use crate::deployment::init::{InitTemplate, annotated, with_profile_file};
use crate::explain::{and_words, printable};
use crate::names::Domain;
use crate::request::IssuerProfile;
use crate::store::atomic::{self, Overwrite, Placement};
use clap::Args;
use console::style;
use from_gateways::{Begun, Given, begin};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The edge of a deployment that nobody has described yet; `request` warns of it.
const EXAMPLE_FQDN: &str = "edge.example.com";

/// The deployment file holds no secret: whoever runs a gateway or a check may read it.
const MODE: u32 = 0o644;

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert init --fqdn edge.contoso.com --sip-domain contoso.com
  edgecert init --issuer-profile letsencrypt-classic --xmpp-domain contoso.com
  edgecert init --issuer-profile private-xmpp --config /etc/edgecert/edgecert.toml
  edgecert init --from-gateways                  names and gateways as the servers here tell them")]
pub struct InitArgs {
    /// Who signs, by its profile: a name (edgecert request profiles), or the path of one of your own
    #[arg(
        long = "issuer-profile",
        alias = "template",
        value_name = "NAME|FILE",
        default_value = "public-dv"
    )]
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
    /// Begin with the servers of this machine: their hosts, what they serve, and their tables
    #[arg(long)]
    from_gateways: bool,
    #[command(flatten)]
    scope: Scope,
}

/// Writes the file; one that is there already is refused.
pub fn run(args: InitArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let (template, own) = template(&args.template)?;
    let sip = domains("--sip-domain", &args.sip_domain)?;
    let xmpp = domains("--xmpp-domain", &args.xmpp_domain)?;
    let path = context.new_config_path();
    let begun = match args.from_gateways {
        true => {
            let whole = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
            let fqdn = args.fqdn.as_deref().map(|text| domain("--fqdn", text));
            let given = Given {
                fqdn: fqdn.transpose()?,
                sip,
                xmpp,
            };
            begin(&args.scope, given, template, &whole)?
        }
        false if args.scope.is_given() => {
            return Err(Failure::usage(
                "--only and --root say which servers are looked for",
                "without --from-gateways none is",
                "add --from-gateways, or leave them out",
            ));
        }
        false => from_flags(&args, sip, xmpp, template)?,
    };
    let Begun {
        text,
        fqdn,
        sip,
        xmpp,
        components,
        gateways,
    } = begun;
    let text = match &own {
        Some(own) => with_profile_file(&text, template, &from_file(own, &path)),
        None => text,
    };
    let placement = Placement {
        mode: MODE,
        ..Placement::PRIVATE
    };
    atomic::write_whole(&path, text.as_bytes(), placement, Overwrite::Refuse)
        .map_err(|error| unwritten(request::store_failure(&error).kind, &error, &path))?;
    let list = |all: &[Domain]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let shown = path.display();
    let described = if args.from_gateways {
        format!(
            "for {fqdn}, with {} of this machine",
            render::count(gateways.len(), "server")
        )
    } else if args.fqdn.is_none() && sip.is_empty() && xmpp.is_empty() {
        format!("with names under example.com: write your own into [edge] of {shown}")
    } else {
        format!("for {fqdn}; every other setting stands there as a comment")
    };
    let mut text = render::hanging(
        &format!("{}  ", style("ok").green().bold()),
        &format!("wrote {shown}, {described}"),
    );
    if let Some(file) = template.root_file() {
        let file = path.with_file_name("").join(file);
        text.push_str(&render::hanging(
            "    ",
            &format!(
                "put the root of your CA into {} before its first reply is imported",
                file.display()
            ),
        ));
    }
    let demanded = demanded(&args.template, &path);
    if !demanded.is_empty() {
        text.push_str(&render::hanging("    ", &demanded));
    }
    let next = match gateways.is_empty() {
        true if !demanded.is_empty() => "fill in [subject]; then edgecert plan".to_owned(),
        true => "edgecert plan".to_owned(),
        false => args.scope.after("edgecert gateway discover --adopt"),
    };
    Ok(Outcome::show(
        text,
        json!({
            "path": std::path::absolute(&path).unwrap_or(path).display().to_string(),
            "template": args.template,
            "fqdn": fqdn.to_string(),
            "sip_domains": list(&sip),
            "xmpp_domains": list(&xmpp),
            "components": list(&components),
            "gateways": gateways.iter().map(|one| json!({
                "kind": one.kind,
                "gateway": one.name.as_str(),
            })).collect::<Vec<_>>(),
        }),
    )
    .changed()
    .with_next(next))
}

/// What the issuer demands of the subject, which nobody can guess, by the keys of the file; empty where that is nothing.
fn demanded(profile: &str, path: &Path) -> String {
    let Ok(profile) = request::flags::profile(profile) else {
        return String::new();
    };
    let keys: Vec<String> = profile
        .required_subject
        .iter()
        // The common name is the FQDN.
        .filter(|one_of| !one_of.iter().any(|field| field == "CN"))
        .map(|one_of| {
            let keys: Vec<&str> = one_of
                .iter()
                .filter_map(|field| IssuerProfile::subject_key(field))
                .collect();
            keys.join(" or ")
        })
        .filter(|keys| !keys.is_empty())
        .collect();
    match keys.is_empty() {
        true => String::new(),
        false => format!(
            "the issuer demands {}: write yours below [subject] of {}",
            and_words(&keys),
            path.display()
        ),
    }
}

/// What the flags say, without a look at the machine.
fn from_flags(
    args: &InitArgs,
    sip: Vec<Domain>,
    xmpp: Vec<Domain>,
    template: InitTemplate,
) -> Result<Begun, Failure> {
    let fqdn = match (&args.fqdn, sip.first().or(xmpp.first())) {
        (Some(text), _) => domain("--fqdn", text)?,
        (None, Some(first)) => first
            .child("edge")
            .or_else(|_| domain("--fqdn", EXAMPLE_FQDN))?,
        (None, None) => domain("--fqdn", EXAMPLE_FQDN)?,
    };
    Ok(Begun {
        text: annotated(&fqdn, &sip, &xmpp, template),
        fqdn,
        sip,
        xmpp,
        components: Vec::new(),
        gateways: Vec::new(),
    })
}

/// What the file begins from, and the profile of one's own, which has to be sound: a public one is judged by the system's
/// roots, any other by a root that is put beside the file.
fn template(word: &str) -> Result<(InitTemplate, Option<PathBuf>), Failure> {
    if request::flags::is_path(word) {
        if !word.ends_with(".toml") {
            return Err(Failure::usage(
                format!("{} cannot stand in a deployment", printable(word)),
                "a profile of your own is a file ending in .toml",
                "name it so",
            ));
        }
        let template = match request::flags::profile(word)?.public {
            true => InitTemplate::PublicDv,
            false => InitTemplate::PrivateXmpp,
        };
        return Ok((template, Some(PathBuf::from(word))));
    }
    let known = InitTemplate::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = InitTemplate::ALL.iter().map(|known| known.word()).collect();
        request::flags::unknown_word("--issuer-profile", word, &known)
    })?;
    Ok((known, None))
}

/// A path that was typed here, as the deployment file names it: paths there count from the file. The slash tells a path
/// from a name.
fn from_file(own: &Path, file: &Path) -> String {
    let beside = file
        .parent()
        .is_none_or(|folder| folder.as_os_str().is_empty());
    let path = match own.is_absolute() || beside {
        true => own.to_path_buf(),
        false => std::path::absolute(own).unwrap_or_else(|_| own.to_path_buf()),
    };
    let text = path.to_string_lossy().into_owned();
    match text.contains('/') {
        true => text,
        false => format!("./{text}"),
    }
}
