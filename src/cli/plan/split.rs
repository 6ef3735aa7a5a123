//! `plan --split`: the tables of the deployment that an over-limit plan is split into, shown and written.

use super::PlanArgs;
use crate::cli::Context;
use crate::cli::deployment_file::DeploymentFile;
use crate::cli::exit::FailureKind;
use crate::cli::expectation;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::{self, Table, count};
use crate::cli::request::flags;
use crate::deployment::edit::{CertificateChange, Draft};
use crate::deployment::{Certificate, Deployment, Gateway, GatewayKind};
use crate::explain::{DiffLine, diff, listed};
use crate::names::{Domain, Slug};
use crate::request::IssuerProfile;
use crate::request::split::{
    Family, MAX_NAMED, Member, SplitBy, SplitError, base_of, split_family,
};
use console::style;
use serde_json::{Value, json};

/// A family with what its issuer allows.
struct Split {
    family: Family,
    profile: IssuerProfile,
}

/// Splits one certificate or all, and writes the outcome into the deployment file.
pub fn run(args: &PlanArgs, context: &mut Context) -> Result<Outcome, Failure> {
    let file = context.deployment_file()?;
    let deployment = &file.deployment;
    let by = if args.per_domain {
        SplitBy::Tenant
    } else {
        SplitBy::Limit
    };
    let named = args
        .certificate
        .as_deref()
        .map(|text| flags::certificate("CERT", text))
        .transpose()?;
    let chosen: Vec<&Certificate> = match &named {
        Some(name) => vec![context.certificate(deployment, Some(name))?],
        None => deployment.certificates.iter().collect(),
    };
    let mut bases: Vec<&Certificate> = Vec::new();
    for one in chosen {
        let base = base_of(deployment, one);
        if !bases.iter().any(|known| known.name == base.name) {
            bases.push(base);
        }
    }
    let splits = bases
        .into_iter()
        .map(|base| split(deployment, base, by))
        .collect::<Result<Vec<Split>, Failure>>()?;

    let mut draft = file.draft()?;
    for one in &splits {
        write_family(&mut draft, deployment, &one.family);
    }
    let text = DeploymentFile::finish(draft)?;
    let is_changed = text != file.text;
    let written = if args.dry_run {
        false
    } else {
        file.replace(&text)?
    };

    let mut shown = String::new();
    for one in &splits {
        shown.push_str(&text_of(one, by));
        shown.push_str(&gateways_text(deployment, &one.family));
    }
    if is_changed {
        shown.push_str(&format!("\n  {}\n", file.path.display()));
        shown.push_str(&render::difference(&file.text, &text));
    }
    let path = file.path.display();
    shown.push_str(&match (is_changed, written) {
        (false, _) => "nothing to split: the deployment stays as it is\n".to_owned(),
        (true, false) => format!("would write {path}; nothing was written\n"),
        (true, true) => format!("{}  wrote {path}\n", style("ok").green().bold()),
    });
    let lines: Vec<String> = diff(&file.text, &text)
        .iter()
        .map(DiffLine::words)
        .collect();
    let result = json!({
        "certificates": [],
        "split": {
            "by": match by {
                SplitBy::Limit => "limit",
                SplitBy::Tenant => "tenant",
            },
            "path": file.deployment.file.display().to_string(),
            "dry_run": args.dry_run,
            "families": splits.iter().map(|one| family_json(deployment, &one.family)).collect::<Vec<_>>(),
            "diff": lines,
        },
    });
    let changed: Vec<&Slug> = splits
        .iter()
        .flat_map(|one| one.family.members.iter().filter(|one| one.changes))
        .map(|one| &one.certificate.name)
        .collect();
    let outcome = Outcome {
        changed: written,
        ..Outcome::show(shown, result)
    };
    Ok(match changed.as_slice() {
        _ if args.dry_run && is_changed => outcome.with_next("the same without --dry-run"),
        [only] if written => outcome.with_next(format!("edgecert request {only}")),
        [first, ..] if written => outcome.with_next(format!(
            "edgecert request {first}, and so for each that changed; edgecert renew --due for all without a generation"
        )),
        _ => outcome,
    })
}

fn split(deployment: &Deployment, base: &Certificate, by: SplitBy) -> Result<Split, Failure> {
    let profile = expectation::profile(deployment, expectation::issuer_of(deployment, base)?)?;
    let family = split_family(deployment, base, &profile.forms, profile.name_limit, by).map_err(
        |error| match &error {
            SplitError::Plan(cause) => expectation::plan_failure(cause),
            SplitError::DomainTooLarge { .. }
            | SplitError::FurtherNames { .. }
            | SplitError::Name(_) => Failure::from_error(FailureKind::Refused, &error),
        },
    )?;
    Ok(Split { family, profile })
}

/// The family's tables, and the embedded gateways that serve its base, in the draft.
fn write_family(draft: &mut Draft, deployment: &Deployment, family: &Family) {
    let mut new = Vec::new();
    for Member {
        certificate,
        is_new,
        changes,
        ..
    } in &family.members
    {
        let domains = certificate.domains.clone().unwrap_or_default();
        if *is_new {
            new.push((
                certificate.name.clone(),
                CertificateChange {
                    issuer: Some(certificate.issuer.clone()),
                    uses: Some(certificate.uses.clone()),
                    domains: Some(domains),
                    friendly_name: certificate.friendly_name.clone(),
                    san: Some(certificate.san.clone()),
                    key_type: Some(certificate.key.key_type),
                    on_renewal: Some(certificate.key.on_renewal),
                    exportable: Some(certificate.key.exportable),
                    passphrase: certificate.key.passphrase.clone(),
                },
            ));
        } else if *changes {
            draft.set_certificate(
                &certificate.name,
                &CertificateChange {
                    domains: Some(domains),
                    san: Some(certificate.san.clone()),
                    ..CertificateChange::default()
                },
            );
        }
    }
    if new.is_empty() {
        return;
    }
    draft.add_certificates(&new);
    for gateway in served_by(deployment, family) {
        if matches!(gateway.kind, GatewayKind::Embedded(_)) {
            let mut certificates = gateway.certificates.clone();
            certificates.extend(family.new_names());
            draft.set_gateway_certificates(gateway.kind.word(), &gateway.name, &certificates);
        }
    }
}

fn served_by<'a>(deployment: &'a Deployment, family: &Family) -> Vec<&'a Gateway> {
    deployment.gateways_of(&family.base)
}

fn text_of(split: &Split, by: SplitBy) -> String {
    let Split { family, profile } = split;
    let limit = match family.limit {
        Some(limit) => format!("at most {limit} names in one certificate"),
        None => "no limit of names".to_owned(),
    };
    let rule = match by {
        SplitBy::Limit => "as many domains as fit",
        SplitBy::Tenant => "one certificate for a domain and those below it",
    };
    let head = format!("issuer {} ({limit}) · {rule}", profile.name);
    let mut text = render::hanging(&format!("{} · ", family.base), &head);
    let mut table = Table::new(["certificate", "domains", "names", "what changes"]);
    for member in &family.members {
        let names = match family.limit {
            Some(limit) => format!("{} of {limit}", member.names),
            None => member.names.to_string(),
        };
        table.row([
            member.certificate.name.to_string(),
            match &member.certificate.domains {
                Some(domains) => listed(domains, MAX_NAMED),
                None => "all".to_owned(),
            },
            names,
            change_in_words(member),
        ]);
    }
    text.push_str(&format!("\n{}\n", table.render()));
    if profile.public {
        text.push_str(&render::hanging(
            "  ",
            match by {
                SplitBy::Limit => "every name stands in the public certificate-transparency logs (RFC 9162), beside all others of its certificate: --per-domain keeps tenants apart",
                SplitBy::Tenant => "every name stands in the public certificate-transparency logs (RFC 9162); the FQDN stands in each certificate, and shows that they share an edge",
            },
        ));
    }
    text
}

fn change_in_words(member: &Member) -> String {
    if member.is_new {
        return "new".to_owned();
    }
    let mut words = Vec::new();
    if !member.gained.is_empty() {
        words.push(format!("gets {}", listed(&member.gained, MAX_NAMED)));
    }
    if !member.lost.is_empty() {
        words.push(format!("gives up {}", listed(&member.lost, MAX_NAMED)));
    }
    match (member.changes, words.is_empty()) {
        (false, _) => "stays".to_owned(),
        (true, true) => "is narrowed down to these".to_owned(),
        (true, false) => words.join(", "),
    }
}

/// What becomes of the servers that serve the base.
fn gateways_text(deployment: &Deployment, family: &Family) -> String {
    let new = family.new_names();
    let Some(first) = new.first() else {
        return String::new();
    };
    let mut text = String::new();
    for gateway in served_by(deployment, family) {
        let (kind, name) = (gateway.kind.word(), &gateway.name);
        let line = if matches!(gateway.kind, GatewayKind::Embedded(_)) {
            format!(
                "{} serves {} as well",
                gateway.table(),
                if new.len() == 1 { "it" } else { "the new ones" }
            )
        } else {
            format!(
                "{} serves {} alone: write a table for {}, such as [gateway.{kind}.{}] with certificate = \"{first}\", the same config and other files",
                gateway.table(),
                family.base,
                if new.len() == 1 {
                    "the new one".to_owned()
                } else {
                    format!("each of the {}", count(new.len(), "new one"))
                },
                table_name(deployment, name),
            )
        };
        text.push_str(&render::hanging("  ", &line));
    }
    text
}

/// A name for a further gateway that no gateway has.
fn table_name(deployment: &Deployment, name: &Slug) -> String {
    let taken = |text: &String| {
        deployment
            .gateways
            .iter()
            .any(|one| one.name.as_str() == text)
    };
    (2..)
        .map(|number| format!("{name}-{number}"))
        .find(|text| !taken(text))
        .unwrap_or_default()
}

fn family_json(deployment: &Deployment, family: &Family) -> Value {
    let words = |all: &[Domain]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let new = family.new_names();
    json!({
        "certificate": family.base.as_str(),
        "limit": family.limit,
        "changed": family.changes(),
        "parts": family.members.iter().map(|one| json!({
            "certificate": one.certificate.name.as_str(),
            "new": one.is_new,
            "changed": one.changes,
            "domains": one.certificate.domains.as_deref().map(words),
            "san": one.certificate.san.iter().map(|name| name.to_typed()).collect::<Vec<_>>(),
            "names": one.names,
            "gained": words(&one.gained),
            "lost": words(&one.lost),
        })).collect::<Vec<_>>(),
        "gateways": served_by(deployment, family).iter().filter(|_| !new.is_empty()).map(|one| json!({
            "kind": one.kind.word(),
            "name": one.name.as_str(),
            "extended": matches!(one.kind, GatewayKind::Embedded(_)),
        })).collect::<Vec<_>>(),
    })
}
