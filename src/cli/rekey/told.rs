//! What `rekey` says: what was barred, what was asked for, and what has to be done where this program cannot.

use super::marks::Marks;
use crate::assign::AssignPlan;
use crate::cli::assign::pins::{Places, tlsa_json};
use crate::cli::assign::{HeldSessions, held, plan_of};
use crate::cli::barred::still_served;
use crate::cli::output::{Failure, Outcome};
use crate::cli::renew::Done;
use crate::cli::request::{open_if_there, short};
use crate::cli::{Context, render};
use crate::deployment::Deployment;
use crate::explain::printable;
use crate::names::Slug;
use crate::store::{GenerationRecord, Store};
use crate::x509::{Fingerprint, pins};
use console::style;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use time::OffsetDateTime;

/// The number of keyCompromise (RFC 5280 §5.3.1).
const REASON_CODE: u8 = 1;

/// What is gathered on the way.
#[derive(Debug)]
pub(super) struct Told {
    pub name: Slug,
    pub marks: Option<Marks>,
    reason: Option<String>,
    pub dry_run: bool,
    pub proof: Option<PathBuf>,
}

/// What is to be done elsewhere.
struct Elsewhere {
    text: String,
    fields: Map<String, Value>,
}

impl Told {
    pub(super) fn new(
        name: &Slug,
        marks: Option<Marks>,
        reason: Option<&str>,
        dry_run: bool,
    ) -> Self {
        Self {
            name: name.clone(),
            marks,
            reason: reason.map(str::to_owned),
            dry_run,
            proof: None,
        }
    }

    /// The key was barred, where it was to be, and the request made.
    pub(super) fn done(
        &self,
        context: &Context,
        deployment: Option<&Deployment>,
        done: Done,
        held: HeldSessions,
    ) -> Outcome {
        let elsewhere = self.elsewhere(context, deployment, Some(&done));
        let mut fields = elsewhere.fields;
        fields.insert("action".into(), done.action.into());
        fields.insert("request".into(), done.result);
        let is_assigned = ["renewed", "assigned"].contains(&done.action);
        let next = match (is_assigned, done.action, held) {
            (true, _, HeldSessions::End) => "edgecert check".to_owned(),
            (true, _, HeldSessions::Leave) if self.marks.is_some() => {
                format!("edgecert assign {} --end-sessions", self.name)
            }
            (true, _, HeldSessions::Leave) => "edgecert check".to_owned(),
            (false, "waits", _) if fields.get("imported") == Some(&true.into()) => {
                format!("edgecert assign {}{}", self.name, self.end_flag())
            }
            (false, _, _) => format!(
                "edgecert import REPLY; then edgecert assign {}{}",
                self.name,
                self.end_flag()
            ),
        };
        Outcome {
            changed: done.changed || self.is_changed(),
            text: format!(
                "{}{}{}",
                render::prose(&self.barred_text(context.now)),
                done.text,
                elsewhere.text
            ),
            result: Value::Object(fields),
            findings: done.findings,
            ..Outcome::default()
        }
        .with_next(next)
    }

    /// The replacement failed: what was barred stays so, and what has to be done is as urgent.
    pub(super) fn failed(
        &self,
        context: &Context,
        deployment: Option<&Deployment>,
        failure: Failure,
    ) -> Failure {
        let elsewhere = self.elsewhere(context, deployment, None);
        context.note(&render::prose(&self.barred_text(context.now)));
        if self.marks.is_some() {
            context.note(&elsewhere.text);
        }
        let mut fields = elsewhere.fields;
        fields.insert("action".into(), "failed".into());
        fields.insert("request".into(), failure.result);
        Failure {
            changed: failure.changed || self.is_changed(),
            result: Value::Object(fields),
            ..failure
        }
    }

    fn is_changed(&self) -> bool {
        let marked = self
            .marks
            .as_ref()
            .is_some_and(|marks| !marks.new.is_empty() || !marks.unstaged.is_empty());
        marked || (self.proof.is_some() && !self.dry_run)
    }

    fn end_flag(&self) -> &'static str {
        match self.marks {
            Some(_) => " --end-sessions",
            None => "",
        }
    }

    fn barred_text(&self, now: OffsetDateTime) -> String {
        let Some(marks) = &self.marks else {
            return String::new();
        };
        let list = |all: &[(Slug, u32)]| -> String {
            let all: Vec<String> = all
                .iter()
                .map(|(name, at)| format!("{name}/{at}"))
                .collect();
            all.join(", ")
        };
        let all: Vec<(Slug, u32)> = marks
            .generations
            .iter()
            .map(|(name, one)| (name.clone(), one.number))
            .collect();
        let key = short(&marks.spki_sha256);
        let mut text = if self.dry_run {
            format!(
                "would bar the key {key} for ever, and with it {}\n",
                list(&all)
            )
        } else if marks.new.is_empty() {
            format!(
                "the key {key} is barred already, and with it {}\n",
                list(&all)
            )
        } else {
            format!(
                "{}  barred: the key {key}, and with it {}: never assigned again, never asked for again\n",
                style("ok").green().bold(),
                list(&all)
            )
        };
        if !marks.unstaged.is_empty() {
            text.push_str(&format!("  no longer staged: {}\n", list(&marks.unstaged)));
        }
        for one in marks.served(now) {
            let (name, at) = (&one.certificate, one.generation);
            let told = format!("{name}/{at}: {}", still_served(&one.gateways));
            text.push_str(&render::hanging("  ", &told));
            if let Some(other) = one.instead {
                let told = format!(
                    "`edgecert assign {name}/{other}{}`: it has another key and is valid",
                    self.end_flag()
                );
                text.push_str(&render::hanging("  at once: ", &told));
            }
        }
        text
    }

    /// What is to be done elsewhere, from what is known here.
    fn elsewhere(
        &self,
        context: &Context,
        deployment: Option<&Deployment>,
        done: Option<&Done>,
    ) -> Elsewhere {
        let mut fields = Map::new();
        fields.insert("certificate".into(), self.name.as_str().into());
        fields.insert("dry_run".into(), self.dry_run.into());
        fields.insert("compromised".into(), self.barred_json(context.now));
        let store = open_if_there(context, deployment).ok().flatten();
        let old = self.old(store.as_ref());
        let new = done
            .zip(store.as_ref())
            .and_then(|(done, store)| self.new_key(store, done));
        let imported = done.is_some_and(|done| done.result.get("generation").is_some());
        fields.insert("imported".into(), imported.into());
        fields.insert("spki_sha256".into(), json!(new.map(|one| one.to_string())));
        let own = deployment.and_then(|all| Some((all, all.certificate(&self.name)?)));
        let plan = own.zip(store.as_ref()).zip(old.as_ref()).and_then(
            |(((deployment, own), store), old)| {
                // A server's configuration that cannot be read is told by `assign`.
                plan_of(context, deployment, store, own, old.number).ok()
            },
        );
        let mut text = self.revoke(context.now, &mut fields);
        if let Some((deployment, own)) = own {
            let places = Places::of(deployment, own, plan.as_ref());
            let next = store
                .and_then(|store| store.next_key(&self.name).ok().flatten())
                .and_then(|next| Fingerprint::parse(&next.spki_sha256));
            text.push_str(&self.pins(&places, old.as_ref(), new.or(next), &mut fields));
        }
        text.push_str(&self.sessions(plan.as_ref(), &mut fields));
        Elsewhere { text, fields }
    }

    fn barred_json(&self, now: OffsetDateTime) -> Value {
        let Some(marks) = &self.marks else {
            return Value::Null;
        };
        json!({
            "spki_sha256": marks.spki_sha256,
            "reason": self.reason,
            "generations": marks.generations.iter().map(|(name, one)| json!({
                "certificate": name.as_str(),
                "generation": one.number,
                "marked_now": marks.new.contains(&(name.clone(), one.number)),
            })).collect::<Vec<_>>(),
            "served": marks.served(now).iter().map(|one| json!({
                "certificate": one.certificate.as_str(),
                "generation": one.generation,
                "gateways": one.gateways,
                "instead": one.instead,
            })).collect::<Vec<_>>(),
            "unstaged": marks.unstaged.iter().map(|(name, number)| json!({
                "certificate": name.as_str(),
                "generation": number,
            })).collect::<Vec<_>>(),
        })
    }

    /// The generation whose key goes: the compromised one, else the live one, else the newest.
    fn old(&self, store: Option<&Store>) -> Option<GenerationRecord> {
        if let Some(marks) = &self.marks {
            let (name, number) = &marks.own;
            return marks.store().generation(name, *number).ok();
        }
        let store = store?;
        let live = store.live(&self.name).ok()?;
        let all = store.generations(&self.name).ok()?;
        all.iter()
            .find(|one| Some(one.number) == live)
            .or(all.last())
            .cloned()
    }

    /// The key that comes: that of the request, or of the generation that is live by now.
    fn new_key(&self, store: &Store, done: &Done) -> Option<Fingerprint> {
        let generation = done.result.get("generation").and_then(Value::as_u64);
        let request = ["id", "request"]
            .into_iter()
            .find_map(|field| done.result.get(field)?.as_str());
        let spki = match (generation, request) {
            (Some(number), _) => {
                let number = u32::try_from(number).ok()?;
                store.generation(&self.name, number).ok()?.leaf.spki_sha256
            }
            (None, Some(id)) => store.request(&self.name, id).ok()?.spki_sha256,
            (None, None) => return None,
        };
        Fingerprint::parse(&spki)
    }

    /// What to tell the CA.
    fn revoke(&self, now: OffsetDateTime, fields: &mut Map<String, Value>) -> String {
        let Some(marks) = &self.marks else {
            return String::new();
        };
        let alive: Vec<_> = marks
            .generations
            .iter()
            .filter(|(_, one)| one.leaf.not_after >= now)
            .collect();
        let mut text = String::new();
        let mut all = Vec::new();
        for (name, one) in alive {
            let folder = marks.path(name, one.number);
            let (cert, key) = (folder.join("cert.pem"), folder.join("privkey.pem"));
            let (cert, key) = (cert.display(), key.display());
            let commands = [
                format!(
                    "certbot revoke --cert-path {cert} --key-path {key} --reason keycompromise"
                ),
                format!("openssl ca -config CA.cnf -revoke {cert} -crl_reason keyCompromise"),
            ];
            text.push_str(&format!(
                "revoke {name}/{number}: tell its CA\n  serial     {}\n  issuer     {}\n  sha256     {}\n  reason     keyCompromise ({REASON_CODE})\n  ACME       {}\n  own CA     {}\n",
                one.leaf.serial,
                printable(&one.leaf.issuer),
                printable(one.leaf.sha256.trim_start_matches("sha256:")),
                printable(&commands[0]),
                printable(&commands[1]),
                number = one.number,
            ));
            all.push(json!({
                "certificate": name.as_str(),
                "generation": one.number,
                "serial": one.leaf.serial,
                "issuer": one.leaf.issuer,
                "sha256": one.leaf.sha256,
                "not_after": render::rfc3339(one.leaf.not_after),
                "reason": "keyCompromise",
                "reason_code": REASON_CODE,
                "acme": commands[0],
                "own_ca": commands[1],
            }));
        }
        match &self.proof {
            Some(path) if self.dry_run => text.push_str(&format!(
                "  proof      would be written to {}\n",
                path.display()
            )),
            Some(path) => text.push_str(&format!(
                "  proof      {}: a CSR that the key signed\n",
                path.display()
            )),
            None if all.is_empty() => {}
            None => {
                text.push_str(&render::hanging(
                    "  proof      ",
                    "--proof FILE writes one, for a CA that asks for it",
                ));
            }
        }
        fields.insert("revoke".into(), all.into());
        fields.insert(
            "proof".into(),
            json!(self.proof.as_ref().map(|path| path.display().to_string())),
        );
        text
    }

    /// What to publish and what to take away.
    fn pins(
        &self,
        places: &Places,
        old: Option<&GenerationRecord>,
        new: Option<Fingerprint>,
        fields: &mut Map<String, Value>,
    ) -> String {
        let old_key = old.and_then(|old| Fingerprint::parse(&old.leaf.spki_sha256));
        let add = new.map(|one| places.tlsa(&one)).unwrap_or_default();
        let remove = old_key
            .filter(|one| Some(*one) != new)
            .map(|one| places.tlsa(&one))
            .unwrap_or_default();
        let old_certificate = old
            .and_then(|old| Fingerprint::parse(&old.leaf.sha256))
            .map(|one| pins::posh_digest(&one));
        let posh: Vec<Value> = places
            .posh()
            .iter()
            .map(|url| json!({ "url": url, "remove": old_certificate }))
            .collect();
        let mut text = String::new();
        if !add.is_empty() || !remove.is_empty() {
            text.push_str(&render::prose(match self.marks {
                Some(_) => "where DANE is used: add at once; take the old one away at once, since it vouches for whoever has the key",
                None => "where DANE is used: add before the new certificate is assigned; take away after it",
            }));
        }
        for (verb, records) in [("add", &add), ("take away", &remove)] {
            for (owner, data) in records {
                text.push_str(&format!("  {verb:<10} {owner} IN TLSA {data}\n"));
            }
        }
        if let (Some(old), false) = (&old_certificate, posh.is_empty()) {
            text.push_str(&render::prose("where POSH is used: take the old certificate out; the new one is in `edgecert assign --dry-run`, once it is imported"));
            for url in places.posh() {
                text.push_str(&format!("  {:<10} {url} sha-256 {old}\n", "take away"));
            }
        }
        fields.insert(
            "pins".into(),
            json!({ "add": tlsa_json(&add), "remove": tlsa_json(&remove), "posh": posh }),
        );
        text
    }

    /// What ends connections that began with the old certificate.
    fn sessions(&self, plan: Option<&AssignPlan>, fields: &mut Map<String, Value>) -> String {
        let Some(plan) = plan.filter(|plan| !plan.gateways.is_empty()) else {
            fields.insert("end_sessions".into(), json!([]));
            return String::new();
        };
        fields.insert("end_sessions".into(), held::json_of(plan));
        match self.marks {
            Some(_) => format!(
                "after the new one is live, `edgecert assign {} --end-sessions`:\n{}",
                self.name,
                held::describe(plan)
            ),
            None => String::new(),
        }
    }
}
