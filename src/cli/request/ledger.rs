//! `request list`, `show` and `cancel`: what waits, what it asks, and giving it up.

use super::{make, names_line, prepare, short, store_failure};
use crate::cli::Context;
use crate::cli::exit::FailureKind;
use crate::cli::list::resolve;
use crate::cli::output::{Failure, Outcome};
use crate::cli::render::{self, Table};
use crate::explain::printable;
use crate::names::{Presented, Slug};
use crate::store::{RequestRecord, RequestState, Store};
use crate::x509::{Csr, KeyPurpose};
use clap::Args;
use console::style;
use serde_json::{Value, json};

/// `request list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this certificate
    #[arg(value_name = "CERT")]
    certificate: Option<String>,
    /// Those as well that were answered
    #[arg(long)]
    all: bool,
}

/// `request show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The request: 2026-11-20-1
    #[arg(value_name = "ID")]
    id: String,
}

/// `request cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The request: 2026-11-20-1; CERT/next gives up the key that was made ahead
    #[arg(value_name = "ID")]
    id: String,
}

/// Lists the requests that wait; `--all`: the answered ones too. No state is an empty list.
pub fn list(args: &ListArgs, context: &Context) -> Result<Outcome, Failure> {
    let certificate = certificate_of(args.certificate.as_deref())?;
    let deployment = context.find_deployment()?;
    let store = super::open_if_there(context, deployment.as_ref())?;
    if let Some(name) = &certificate {
        resolve(deployment.as_ref(), store.as_ref(), Some(name))?;
    }
    let Some(store) = store else {
        return Ok(Outcome::show(
            "no request waits\n",
            json!({ "requests": [], "next_keys": [] }),
        ));
    };
    let mut records = store
        .requests(certificate.as_ref())
        .map_err(|error| store_failure(&error))?;
    records.retain(|record| args.all || record.state == RequestState::Pending);
    let mut table = Table::new(["request", "certificate", "made", "key", "names", "state"]);
    let mut listed = Vec::new();
    for record in &records {
        table.row([
            record.id.clone(),
            record.certificate.clone(),
            render::moment(record.created),
            record.key_type.clone(),
            names_line(&record.names),
            state_words(record),
        ]);
        listed.push(record_json(&store, record)?);
    }
    let mut text = if records.is_empty() {
        "no request waits\n".to_owned()
    } else {
        table.render()
    };
    let names = match certificate {
        Some(one) => vec![one],
        None => store
            .certificates()
            .map_err(|error| store_failure(&error))?,
    };
    let mut next_keys = Vec::new();
    for name in names {
        if let Some(next) = store
            .next_key(&name)
            .map_err(|error| store_failure(&error))?
        {
            text.push_str(&prepare::line(&next));
            next_keys.push(prepare::next_json(&next));
        }
    }
    Ok(Outcome::show(
        text,
        json!({ "requests": listed, "next_keys": next_keys }),
    ))
}

impl ShowArgs {
    /// `request show ID`.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned() }
    }
}

impl CancelArgs {
    /// `request cancel ID`.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned() }
    }
}

/// Shows a request, with its CSR decoded and as PEM.
pub fn show(args: &ShowArgs, context: &Context) -> Result<Outcome, Failure> {
    let store = open(context)?;
    let record = store
        .find_request(&args.id)
        .map_err(|error| store_failure(&error))?;
    let certificate = super::flags::certificate("request", &record.certificate)?;
    let pem = store
        .request_csr(&certificate, &record.id)
        .map_err(|error| store_failure(&error))?;
    let csr = Csr::read(&pem).map_err(|error| Failure::from_error(FailureKind::Failed, &error))?;
    let folder = store
        .request_path(&certificate, &record.id)
        .map_err(|error| store_failure(&error))?;
    let pem = String::from_utf8_lossy(&pem).into_owned();
    let mut result = make::record_json(&record, &folder);
    if let Value::Object(fields) = &mut result {
        fields.insert("csr_pem".into(), pem.clone().into());
        fields.insert("asked".into(), csr_json(&csr));
    }
    let usage = csr
        .key_purposes
        .iter()
        .map(KeyPurpose::word)
        .collect::<Vec<_>>()
        .join(", ");
    let text = format!(
        "request {} of {} · {}\n  made     {} for issuer profile {}\n  subject  {}\n  names    {}\n  asks     {}{}\n  key      {} · {}\n  signed   {}\n  csr      {}\n\n{}",
        record.id,
        record.certificate,
        state_words(&record),
        render::moment(record.created),
        printable(&record.issuer_profile),
        if csr.subject.is_empty() {
            "empty"
        } else {
            &csr.subject.text
        },
        names_line(
            &csr.names
                .iter()
                .map(Presented::to_typed)
                .collect::<Vec<_>>()
        ),
        usage,
        super::template_words(csr.templates.iter().map(ToString::to_string)),
        record.key_type,
        short(&record.spki_sha256),
        if csr.signature_ok {
            "by its own key, verified"
        } else {
            "WRONGLY: its signature does not verify"
        },
        folder.join("csr.pem").display(),
        pem,
    );
    Ok(Outcome::show(text, result))
}

/// Removes a pending request with its key; journalled.
pub fn cancel(args: &CancelArgs, context: &Context) -> Result<Outcome, Failure> {
    let deployment = context.find_deployment()?;
    let store = open(context)?;
    let mut lease = context.lease(&store, deployment.as_ref(), "edgecert request cancel")?;
    if let Some(certificate) = prepare::named(&args.id) {
        let certificate = certificate?;
        let record = lease
            .cancel_next_key(&certificate)
            .map_err(|error| store_failure(&error))?;
        return Ok(Outcome::show(
            format!(
                "{}  the key that was made ahead for {certificate} ({}) is gone\n",
                style("ok").green().bold(),
                short(&record.spki_sha256),
            ),
            json!({
                "certificate": record.certificate,
                "id": "next",
                "spki_sha256": record.spki_sha256,
            }),
        )
        .changed());
    }
    let record = lease
        .find_request(&args.id)
        .map_err(|error| store_failure(&error))?;
    let certificate = super::flags::certificate("request", &record.certificate)?;
    lease
        .cancel_request(&certificate, &record.id)
        .map_err(|error| store_failure(&error))?;
    let standing = after_cancel(&lease, &certificate, &record)?;
    Ok(Outcome::show(
        format!(
            "{}  request {} of {} is cancelled; its key ({}) {standing}\n",
            style("ok").green().bold(),
            record.id,
            record.certificate,
            short(&record.spki_sha256),
        ),
        json!({
            "certificate": record.certificate,
            "id": record.id,
            "spki_sha256": record.spki_sha256,
        }),
    )
    .changed())
}

/// What has become of the key of a request that was cancelled: a renewal may ask with the key that is served.
fn after_cancel(
    store: &Store,
    certificate: &Slug,
    record: &RequestRecord,
) -> Result<String, Failure> {
    let generations = store
        .generations(certificate)
        .map_err(|error| store_failure(&error))?;
    let mut of_key = generations.iter().rev();
    let Some(holder) = of_key.find(|one| one.leaf.spki_sha256 == record.spki_sha256) else {
        return Ok("is gone, and a reply to it can no longer be used".to_owned());
    };
    let others = store
        .requests(Some(certificate))
        .map_err(|error| store_failure(&error))?;
    let reply = match others
        .iter()
        .any(|one| one.spki_sha256 == record.spki_sha256)
    {
        true => "a reply to it can still be imported, as one to an earlier request",
        false => "a reply to it answers no request any more",
    };
    Ok(format!(
        "stays, as {certificate}/{} has it; {reply}",
        holder.number
    ))
}

fn open(context: &Context) -> Result<Store, Failure> {
    let deployment = context.find_deployment()?;
    Store::open(&context.state_directory(deployment.as_ref()))
        .map_err(|error| store_failure(&error))
}

fn certificate_of(text: Option<&str>) -> Result<Option<Slug>, Failure> {
    text.map(|text| super::flags::certificate("CERT", text))
        .transpose()
}

fn record_json(store: &Store, record: &RequestRecord) -> Result<Value, Failure> {
    let certificate = super::flags::certificate("request", &record.certificate)?;
    let folder = store
        .request_path(&certificate, &record.id)
        .map_err(|error| store_failure(&error))?;
    Ok(make::record_json(record, &folder))
}

fn csr_json(csr: &Csr) -> Value {
    json!({
        "subject": csr.subject.text,
        "names": csr.names.iter().map(|name| printable(&name.to_typed())).collect::<Vec<_>>(),
        "key_purposes": csr.key_purposes.iter().map(KeyPurpose::word).collect::<Vec<_>>(),
        "templates": csr.templates.iter().map(|one| printable(&one.to_string())).collect::<Vec<_>>(),
        "spki_sha256": csr.spki_sha256.to_string(),
        "signature_ok": csr.signature_ok,
    })
}

fn state_words(record: &RequestRecord) -> String {
    match (record.state, record.answered_by) {
        (RequestState::Pending, _) => "waits for its reply".to_owned(),
        (RequestState::Answered, Some(number)) => {
            format!("answered by {}/{number}", record.certificate)
        }
        (RequestState::Answered, None) => "answered".to_owned(),
    }
}
