//! What `--end-sessions` shows before, does after the proof, and says of it. Nothing here makes an assignment fail.

use crate::assign::{AssignPlan, Ended, Held};
use crate::cli::Context;
use crate::cli::output::Outcome;
use crate::explain::{Explain, count, printable};
use console::style;
use serde_json::{Value, json};

/// What would be run, in the plan.
pub fn describe(plan: &AssignPlan) -> String {
    let mut text = "then connections from before are ended:\n".to_owned();
    for gateway in &plan.gateways {
        let name = gateway.gateway.as_str();
        let steps = gateway.end_sessions();
        if steps.is_empty() {
            text.push_str(&format!(
                "  {name:<10} restart its server: nothing is known that ends them\n"
            ));
        }
        for step in steps {
            let by = if step.is_by_hand() { "by hand: " } else { "" };
            text.push_str(&format!(
                "  {name:<10} {by}{} ({})\n",
                printable(&step.words()),
                printable(&step.what)
            ));
        }
    }
    text
}

/// The plan in JSON.
pub fn json_of(plan: &AssignPlan) -> Value {
    plan.gateways
        .iter()
        .flat_map(|gateway| {
            gateway.end_sessions().into_iter().map(|step| {
                json!({
                    "gateway": gateway.gateway.as_str(),
                    "what": printable(&step.what),
                    "command": printable(&step.words()),
                    "by_hand": step.is_by_hand(),
                })
            })
        })
        .collect()
}

/// Nothing is new and nothing may be touched: what would be run.
pub(super) fn would_end(context: &Context, plan: &AssignPlan, mut outcome: Outcome) -> Outcome {
    context.say(describe(plan).trim_end());
    if let Value::Object(fields) = &mut outcome.result {
        fields.insert("dry_run".into(), true.into());
    }
    outcome
}

/// Ends them, and adds to the outcome what has become of them.
pub(super) fn end(
    context: &Context,
    plan: &AssignPlan,
    held: &Held,
    mut outcome: Outcome,
) -> Outcome {
    let watch = super::watch::Watch::begin(context.draws());
    let ended = held.end(plan, &|| watch.interrupted());
    drop(watch);
    for one in &ended {
        outcome.text.push_str(&words(one));
        let acted = one
            .steps
            .iter()
            .any(|(step, done)| !step.is_by_hand() && done.is_ok());
        outcome.changed |= acted && one.left < one.before;
    }
    if let Value::Object(fields) = &mut outcome.result {
        fields.insert("ended".into(), ended.iter().map(json_ended).collect());
    }
    outcome
}

fn words(one: &Ended) -> String {
    let name = one.gateway.as_str();
    let mark = if one.left == 0 {
        style("✓").green()
    } else {
        style("✗").red()
    };
    let mut text = match (one.before, one.left) {
        (0, _) => format!("  {name:<10} {mark} no connection from before\n"),
        (before, 0) => format!(
            "  {name:<10} {mark} {} from before, all ended\n",
            count(before, "connection")
        ),
        (before, left)
            if one
                .steps
                .iter()
                .any(|(step, done)| step.is_by_hand() || done.is_err()) =>
        {
            format!(
                "  {name:<10} {mark} {} from before, {left} left\n",
                count(before, "connection")
            )
        }
        // The kernel knows ports and no names.
        (before, left) => format!(
            "  {name:<10} {mark} {} from before, {left} left: of other names on these ports, or not ended yet\n",
            count(before, "connection")
        ),
    };
    for (step, done) in &one.steps {
        let line = match done {
            Err(error) => format!("failed: {}", error.explain().why.replace('\n', "; ")),
            Ok(()) if step.is_by_hand() && one.left > 0 => "is to be done by hand".to_owned(),
            Ok(()) => continue,
        };
        text.push_str(&format!(
            "  {name:<10}   {} {}\n",
            printable(&step.words()),
            printable(&line)
        ));
    }
    text
}

fn json_ended(one: &Ended) -> Value {
    let steps = one.steps.iter().map(|(step, done)| {
        json!({
            "what": printable(&step.what),
            "command": printable(&step.words()),
            "by_hand": step.is_by_hand(),
            "why": done.as_ref().err().map(|error| printable(&error.explain().why)),
        })
    });
    json!({
        "gateway": one.gateway.as_str(),
        "sessions_before": one.before,
        "sessions_left": one.left,
        "steps": steps.collect::<Vec<_>>(),
    })
}
