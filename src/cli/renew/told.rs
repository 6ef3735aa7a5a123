//! What `renew` says where it does not go through to the end: what waits, what is to be sent by hand, what it would do.

use super::Done;
use super::changes::Changes;
use super::due::covers_all;
use crate::cli::exit::FailureKind;
use crate::cli::output::Failure;
use crate::cli::request::make::{self, Made};
use crate::cli::request::wanted::Wanted;
use crate::cli::request::{names_line, store_failure};
use crate::cli::staged::on_words;
use crate::cli::{Context, render};
use crate::deployment::Deployment;
use crate::explain::{Explanation, printable};
use crate::names::Slug;
use crate::request::RequestSummary;
use crate::store::{RequestRecord, RequestState, Store};
use console::style;
use serde_json::json;
use time::OffsetDateTime;

/// Says what a new request asks that the last one did not, and which ones are left behind.
pub(super) fn tell_changes(
    context: &Context,
    name: &Slug,
    requests: &[RequestRecord],
    changes: &Changes,
) {
    if changes.is_any() {
        context.say(&format!("{name}: the next request"));
        context.say(changes.text().trim_end());
    }
    for stale in requests
        .iter()
        .rev()
        .filter(|one| one.state == RequestState::Pending)
    {
        context.note(&format!(
            "note: request {id} waits as well, and asks for other names; `edgecert request cancel {id}` gives it up\n",
            id = stale.id
        ));
    }
}

/// A generation is staged: `assign --due` makes it current at its time.
pub(super) fn waits_for_its_time(
    context: &Context,
    name: &Slug,
    number: u32,
    effective: OffsetDateTime,
) -> Done {
    Done {
        action: "staged",
        changed: false,
        text: format!(
            "{name}/{number} is staged for {}: `edgecert assign --due` makes it current then\n",
            render::when(effective, context.now)
        ),
        result: json!({ "generation": number, "effective": render::rfc3339(effective) }),
        findings: Vec::new(),
    }
}

/// It is staged, and for a time when what is live has ended, or for some of the gateways alone: that is not waited for.
/// The gateways that go on without it; none: all.
pub(super) fn not_waited_for(
    context: &Context,
    deployment: Option<&Deployment>,
    store: &Store,
    name: &Slug,
    number: u32,
) -> Result<Vec<Slug>, Failure> {
    let record = store
        .assignment(name)
        .map_err(|error| store_failure(&error))?;
    let staged = record.staged.as_ref();
    let staged = staged.filter(|one| one.generation == number && one.effective > context.now);
    let Some(staged) = staged else {
        return Ok(Vec::new());
    };
    let when = render::when(staged.effective, context.now);
    if covers_all(deployment, name, &record, staged) {
        context.say(&format!(
            "{name}/{number} is staged for {when}, when what is live has ended: that is too late to wait for"
        ));
        return Ok(Vec::new());
    }
    context.say(&format!(
        "{name}/{number} is staged for {when}{} alone: the other gateways do not wait for that",
        on_words(staged)
    ));
    let all = deployment.map(|all| all.gateways_of(name));
    let others = all.unwrap_or_default().into_iter().map(|one| &one.name);
    let waits = |gateway: &&Slug| staged.gateways.iter().any(|one| one == gateway.as_str());
    Ok(others.filter(|one| !waits(one)).cloned().collect())
}

/// Without a program the CSR is sent by hand.
pub(super) fn by_hand(made: Made) -> Done {
    let csr = made.folder.join("csr.pem");
    let text = if made.new {
        render::hanging(
            &format!("{}  ", style("ok").green().bold()),
            &format!(
                "request {} of {} was made: send {} to your CA; then edgecert import REPLY",
                made.record.id,
                made.record.certificate,
                csr.display()
            ),
        )
    } else {
        render::hanging(
            "",
            &format!(
                "request {} of {} waits for its reply already: send {} to your CA if that was not done; then edgecert import REPLY",
                made.record.id,
                made.record.certificate,
                csr.display()
            ),
        )
    };
    Done {
        action: if made.new { "requested" } else { "waits" },
        changed: made.new,
        text,
        result: make::record_json(&made.record, &made.folder),
        findings: made.notes,
    }
}

/// What a run would do that is not a dry one.
pub(super) fn would_do(
    wanted: &Wanted,
    asked: &RequestSummary,
    pending: Option<&RequestRecord>,
    changes: &Changes,
    program: Option<&[String]>,
) -> Done {
    let name = &wanted.spec.certificate;
    let (action, mut text) = match (pending, program) {
        (Some(record), Some(_)) => (
            "would-send-again",
            format!("{name}: would send request {} again\n", record.id),
        ),
        (Some(record), None) => (
            "waits",
            format!("{name}: request {} waits for its reply\n", record.id),
        ),
        (None, _) => (
            "would-request",
            render::hanging(
                &format!("{name}: "),
                &format!(
                    "would ask {} for {}",
                    asked.profile,
                    names_line(&asked.names)
                ),
            ),
        ),
    };
    // One that waits was compared when it was made.
    if pending.is_none() {
        text.push_str(&changes.text());
    }
    if let Some((first, _)) = program.and_then(<[String]>::split_first) {
        text.push_str(&format!(
            "  then: {} gets the CSR; import, verify, assign\n",
            printable(first)
        ));
    }
    let mut result = json!({ "names": asked.names, "key_type": asked.key_type, "dry_run": true });
    if pending.is_none() {
        changes.add_to(&mut result);
    }
    Done {
        action,
        changed: false,
        text,
        result,
        findings: Vec::new(),
    }
}

/// Neither a deployment nor a request says what to ask.
pub(super) fn nothing_asked(name: &Slug) -> Failure {
    Failure::new(
        FailureKind::Refused,
        Explanation {
            code: "renew.nothing-asked",
            what: format!("what the next request of {name} should ask is not known"),
            place: name.to_string(),
            why: "no deployment speaks of it, and no request of it was made here".into(),
            mend: "write it into a deployment (`edgecert init`), or name all with the flags of `edgecert request`".into(),
        },
    )
}
