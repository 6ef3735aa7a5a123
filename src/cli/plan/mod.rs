//! `plan`: the SAN plan with a reason for every name; only `--split` writes.

mod split;

use super::Context;
use super::output::{Failure, Outcome};
use super::render::{self, Table};
use super::request::flags::{self, NameFlags};
use super::request::template_words;
use super::request::wanted::{Choices, Wanted, shown};
use crate::explain::{Explanation, count};
use crate::findings::Finding;
use crate::names::offered::offered_names;
use crate::names::plan::{PlannedName, Reason, SanPlan};
use crate::names::{NameForm, Use};
use crate::request::split::{Part, parts_in_words, split_by_domain};
use crate::request::{IssuerProfile, issuer_rules};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edgecert plan
  edgecert plan --fqdn edge.contoso.com --sip-domain contoso.com
  edgecert plan --issuer-profile private-xmpp    the same for another issuer
  edgecert plan --split --dry-run    too many names: how they would be split
  edgecert plan --per-domain         one certificate for each tenant

A split keeps the names of a domain together. It is stable: a domain that is
added moves no other, and a second run changes nothing. With it, exit code 1
says that it was refused and nothing was written.
The profiles and their limits: edgecert request profiles")]
pub struct PlanArgs {
    /// The certificate [default: all of the deployment]
    #[arg(value_name = "CERT")]
    certificate: Option<String>,
    /// Split what is over the issuer's limit into several certificates, and write them into the deployment
    #[arg(long, conflicts_with_all = NAME_FLAGS)]
    split: bool,
    /// Split so that a domain shares its certificate only with those below it (the logs of CT are public)
    #[arg(long, conflicts_with_all = NAME_FLAGS)]
    per_domain: bool,
    /// With --split or --per-domain: show the split and the change of the file, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    names: NameFlags,
}

/// What a split takes from the deployment alone.
const NAME_FLAGS: [&str; 9] = [
    "fqdn",
    "sip_domain",
    "xmpp_domain",
    "component",
    "uses",
    "dns",
    "san",
    "issuer_profile",
    "template",
];

impl PlanArgs {
    /// Whether the deployment is to be changed.
    pub fn acts(&self) -> bool {
        self.split || self.per_domain
    }
}

/// Shows the plan of one certificate or of all.
pub fn run(args: PlanArgs, context: &mut Context) -> Result<Outcome, Failure> {
    if args.acts() {
        return split::run(&args, context);
    }
    if args.dry_run {
        return Err(Failure::usage(
            "--dry-run goes with --split or --per-domain",
            "a plan alone writes nothing",
            "leave it out, or add --split",
        ));
    }
    let deployment = context.find_deployment()?;
    let mut choices = Choices {
        certificate: args
            .certificate
            .as_deref()
            .map(|text| flags::certificate("CERT", text))
            .transpose()?,
        ..Choices::default()
    };
    let mut plans = Vec::new();
    match &deployment {
        Some(deployment) if choices.certificate.is_none() => {
            for certificate in &deployment.certificates {
                choices.certificate = Some(certificate.name.clone());
                plans.push(Wanted::gather(
                    context,
                    Some(deployment),
                    &args.names,
                    &choices,
                )?);
            }
        }
        Some(_) | None => {
            plans.push(Wanted::gather(
                context,
                deployment.as_ref(),
                &args.names,
                &choices,
            )?);
        }
    }
    let texts: Vec<String> = plans.iter().map(text_of).collect();
    let mut result = Map::new();
    // One plan is what most scripts ask for: it stands there by itself as well.
    if let [only] = plans.as_slice()
        && let Value::Object(fields) = json_of(only)
    {
        result = fields;
    }
    result.insert("certificates".into(), plans.iter().map(json_of).collect());
    let mut remarks: Vec<Finding> = Vec::new();
    for remark in plans
        .iter()
        .flat_map(|one| issuer_rules::remarks(&one.spec))
    {
        // Two certificates of one issuer have its notes in common.
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    let is_over = plans.iter().any(|one| one.spec.plan.surplus() > 0);
    let can_split = |one: &Wanted| {
        let plan = &one.spec.plan;
        let limit = plan.limit.unwrap_or(usize::MAX);
        plan.surplus() == 0 || fits_in_parts(&split_by_domain(plan, limit), limit)
    };
    let next = if is_over && deployment.is_some() && plans.iter().all(can_split) {
        "edgecert plan --split".to_owned()
    } else if is_over {
        "fewer names in the certificates that are over the limit, as told above; then edgecert plan"
            .to_owned()
    } else if plans.iter().any(|one| refusal(one).is_some()) {
        "mend what is told above; then edgecert plan".to_owned()
    } else {
        let several = deployment.is_some_and(|all| all.certificates.len() > 1);
        match plans.first() {
            Some(first) if several => format!("edgecert request {}", first.spec.certificate),
            Some(_) | None => "edgecert request".to_owned(),
        }
    };
    Ok(Outcome::show(texts.join("\n"), Value::Object(result))
        .with_findings(remarks)
        .with_next(next))
}

fn text_of(wanted: &Wanted) -> String {
    let plan = &wanted.spec.plan;
    let profile = &wanted.spec.profile;
    let uses: Vec<&str> = wanted.uses.iter().map(|one| one.word()).collect();
    let mut table = Table::new(["name", "form", "because", "without it"]);
    for planned in &plan.names {
        table.row([
            shown(&planned.name),
            planned.name.form().to_string(),
            planned.because(),
            planned.without(&wanted.uses),
        ]);
    }
    let head = format!(
        "issuer {} ({}) · uses {}{}",
        profile.name,
        profile_words(profile),
        uses.join(", "),
        template_words(wanted.spec.template.as_ref().map(ToString::to_string)),
    );
    let mut text = render::hanging(&format!("{} · ", wanted.spec.certificate), &head);
    text.push_str(&format!("\n{}\n", table.render()));
    let mut sum = match plan.limit {
        Some(limit) => format!("{} of {limit}", count(plan.names.len(), "name")),
        None => count(plan.names.len(), "name"),
    };
    let left_out: Vec<String> = plan
        .forms_left_out()
        .iter()
        .map(ToString::to_string)
        .collect();
    if !left_out.is_empty() {
        sum.push_str(&format!(
            " · left out for this issuer: {}",
            left_out.join(", ")
        ));
        sum.push_str(if profile.public {
            " (public CAs may not issue them, BR 7.1.2.7.12)"
        } else {
            " (its profile does not grant them)"
        });
    }
    text.push_str(&render::hanging("  ", &sum));
    for offered in offered_names(plan, &profile.offers) {
        text.push_str(&render::hanging(
            "  ",
            &format!(
                "offered: {} for {} ({})",
                offered.name,
                offered.because,
                offered.flag()
            ),
        ));
    }
    if let (Some(limit), true) = (plan.limit, plan.surplus() > 0) {
        text.push_str(&too_many(plan, limit));
    }
    if let Some(refusal) = refusal(wanted) {
        text.push_str(&render::hanging("  `request` will refuse: ", &refusal.what));
        for (word, part) in [("why", &refusal.why), ("mend", &refusal.mend)] {
            text.push_str(&render::hanging(&format!("    {word:<4}  "), part));
        }
    }
    text
}

/// Why `request` would refuse what is planned, the number of names aside.
fn refusal(wanted: &Wanted) -> Option<Explanation> {
    if wanted.spec.plan.surplus() > 0 {
        return None;
    }
    wanted.check().err().map(|failure| *failure.explanation)
}

/// How to come below the limit: by the split where domains can be parted, and what does not fit even alone.
fn too_many(plan: &SanPlan, limit: usize) -> String {
    let parts = split_by_domain(plan, limit);
    let mut text = format!("  {} too many: `request` will refuse\n", plan.surplus());
    if parts.len() > 1 {
        text.push_str(
            "  `edgecert plan --split` writes further [certificate.NAME] tables, each with its `domains`; by domain they split into\n",
        );
        for part in parts_in_words(&parts) {
            text.push_str(&render::hanging("    ", &part));
        }
    }
    for part in parts.iter().filter(|part| part.names.len() > limit) {
        text.push_str(&format!(
            "  {} alone has {} of {limit}: take components out, or choose an issuer with a higher limit (`name-limit` of a profile of your own)\n",
            part.domains_in_words(),
            count(part.names.len(), "name"),
        ));
    }
    text
}

/// Whether each part keeps the limit and has a domain by which it can be written.
fn fits_in_parts(parts: &[Part], limit: usize) -> bool {
    parts
        .iter()
        .all(|part| part.names.len() <= limit && !part.domains.is_empty())
}

/// `DNS names only, at most 25`.
fn profile_words(profile: &IssuerProfile) -> String {
    let forms: Vec<String> = profile.forms.iter().map(NameForm::to_string).collect();
    let forms = match profile.forms.iter().collect::<Vec<_>>().as_slice() {
        [NameForm::Dns] => "DNS names only".to_owned(),
        _ => forms.join(", "),
    };
    match profile.name_limit {
        Some(limit) => format!("{forms}, at most {limit}"),
        None if !profile.wildcards => format!("{forms}, no wildcards"),
        None => forms,
    }
}

fn json_of(wanted: &Wanted) -> Value {
    let plan = &wanted.spec.plan;
    json!({
        "certificate": wanted.spec.certificate.as_str(),
        "issuer_profile": wanted.spec.profile.name,
        "uses": wanted.uses.iter().map(|one| one.word()).collect::<Vec<_>>(),
        "names": plan.names.iter().map(|one| name_json(one, &wanted.uses)).collect::<Vec<_>>(),
        "left_out": plan.left_out.iter().map(|one| name_json(one, &wanted.uses)).collect::<Vec<_>>(),
        "limit": plan.limit,
        "offered": offered_names(plan, &wanted.spec.profile.offers)
            .iter()
            .map(|one| json!({
                "name": one.name.to_string(),
                "because": one.because,
                "flag": one.flag(),
            }))
            .collect::<Vec<_>>(),
        "template": wanted.spec.template.as_ref().map(ToString::to_string),
        "refused": refusal(wanted).map(|one| json!({
            "code": one.code,
            "what": one.what,
            "where": one.place,
            "why": one.why,
            "mend": one.mend,
        })),
    })
}

fn name_json(planned: &PlannedName, uses: &BTreeSet<Use>) -> Value {
    let typed = planned.name.to_typed();
    let kind = typed.split_once(':').map_or("", |(kind, _)| kind);
    json!({
        "name": planned.name.to_string(),
        "unicode": planned.name.domain().map(|domain| domain.to_unicode()),
        "type": kind,
        "form": planned.name.form().to_string(),
        "reasons": planned.reasons.iter().map(Reason::words).collect::<Vec<_>>(),
        "without": planned.without(uses),
    })
}
