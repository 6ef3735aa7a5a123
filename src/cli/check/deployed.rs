//! Everything deployed: each certificate's generation at rest, its listeners live, and requests that wait.

use super::late::{Pending, late};
use super::written::{self, Listeners};
use super::{Context, Failure, FailureKind, Item, Surroundings};
use crate::assign::{self, AssignError};
use crate::check::compare::waiting;
use crate::check::endpoint::{self, Assigned};
use crate::check::file::{Beside, Origin, check_bytes};
use crate::check::{TargetKind, TargetReport, Yardstick};
use crate::cli::barred::Barred;
use crate::cli::expectation;
use crate::cli::passphrase;
use crate::cli::{render, staged};
use crate::deployment::{self, Deployment, Gateway};
use crate::explain::{Explain, printable};
use crate::federation::Partner;
use crate::findings::{Code, Finding, Severity};
use crate::names::{Slug, Use};
use crate::store::{IntentRecord, RequestState, Staged, Store, StoreError};
use crate::verify::partners::roots_unread;
use crate::x509::{Certificate, Fingerprint, container};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use time::Duration;

/// How long a request may wait for its reply; public CAs answer within minutes, a CA's clerk within days.
const PATIENCE: Duration = Duration::days(7);

/// All of it, or what belongs to one certificate.
pub(super) fn everything(
    context: &Context,
    around: &Surroundings,
    yardstick: &Yardstick,
    only: Option<&Slug>,
) -> Result<Vec<Item>, Failure> {
    let names = names(around, only)?;
    if names.is_empty() {
        return Err(Failure::usage(
            "there is nothing to check",
            "no target was named, and neither a deployment file nor a state is here",
            "name a file, a folder or HOST:PORT; or say where the deployment is with --config FILE",
        ));
    }
    let mut items = Vec::new();
    let barred = match around.store.as_ref().map(Barred::read) {
        Some(Ok(barred)) => barred,
        Some(Err(error)) => {
            items.push(unknown("state", &error));
            Barred::default()
        }
        None => Barred::default(),
    };
    for name in names {
        let looked = Lineage {
            context,
            around,
            yardstick,
            name: &name,
            barred: &barred,
        }
        .look(&mut items);
        if let Err(error) = looked {
            items.push(unknown(name.as_str(), &error));
        }
    }
    items.extend(partners(context, around, only));
    Ok(items)
}

/// The partners whose roots cannot be read, where a certificate that meets them is checked: nothing can be said of their
/// trust, and `verify` leaves it out.
fn partners(context: &Context, around: &Surroundings, only: Option<&Slug>) -> Vec<Item> {
    let Some(deployment) = &around.deployment else {
        return Vec::new();
    };
    let meets = |one: &&deployment::Certificate| {
        only.is_none_or(|only| *only == one.name) && one.uses.contains(&Use::XmppS2s)
    };
    if deployment.certificates.iter().find(meets).is_none() {
        return Vec::new();
    }
    let unread = |partner: &Partner| {
        let failure = expectation::own_roots_of(context, deployment, partner)?.err()?;
        let finding = roots_unread(&partner.domain, &failure.explanation);
        let target = format!("partner {}", partner.domain);
        Some(row(
            TargetReport::new(target, TargetKind::Deployment).with_finding(finding)
        ))
    };
    deployment.partners.iter().filter_map(unread).collect()
}

fn names(around: &Surroundings, only: Option<&Slug>) -> Result<Vec<Slug>, Failure> {
    match (only, &around.deployment, &around.store) {
        (Some(only), _, _) => Ok(vec![only.clone()]),
        (None, Some(deployment), _) => Ok(deployment
            .certificates
            .iter()
            .map(|certificate| certificate.name.clone())
            .collect()),
        (None, None, Some(store)) => store
            .certificates()
            .map_err(|error| Failure::from_error(FailureKind::Failed, &error)),
        (None, None, None) => Ok(Vec::new()),
    }
}

fn unknown(target: &str, error: &StoreError) -> Item {
    Item::Row(Box::new(TargetReport::unknown(
        target,
        TargetKind::Generation,
        error.explain(),
    )))
}

fn row(report: TargetReport) -> Item {
    Item::Row(Box::new(report))
}

pub(super) struct Lineage<'a> {
    context: &'a Context,
    around: &'a Surroundings,
    yardstick: &'a Yardstick,
    pub(super) name: &'a Slug,
    barred: &'a Barred,
}

impl Lineage<'_> {
    fn look(&self, items: &mut Vec<Item>) -> Result<(), StoreError> {
        let Some(store) = &self.around.store else {
            items.push(row(self.nothing_yet(None)));
            return Ok(());
        };
        let requests = store.requests(Some(self.name))?;
        let pending = requests
            .iter()
            .rfind(|request| request.state == RequestState::Pending);
        let newest = store
            .generations(self.name)?
            .iter()
            .map(|record| record.number)
            .max();
        let assigned = store.assignment(self.name)?;
        let current = assigned.current;
        match store.live(self.name) {
            Ok(live) if live == current => {}
            // A killed or running assignment is between the two; the next one puts it in order.
            Ok(_) if store.is_assignment_unfinished(self.name) => {}
            Ok(None) => items.push(self.link("it is missing", current, None)),
            Ok(Some(live)) => {
                // `assign` replaces a link to a generation that is there, and nothing else.
                let there = store.generation(self.name, live).is_ok();
                let path = (!there).then(|| store.live_path(self.name));
                let found = format!("it leads to generation {live}");
                items.push(self.link(&found, current, path));
            }
            Err(StoreError::WrongKind { found, .. }) => {
                let path = store.live_path(self.name);
                items.push(self.link(&format!("it is {found}"), current, Some(path)));
            }
            Err(error) => items.push(unknown(&format!("live/{}", self.name), &error)),
        }
        let begun = store.intents()?;
        let begun = begun
            .iter()
            .find(|one| one.certificate == self.name.as_str());
        items.extend(begun.map(|intent| self.unfinished(intent)));
        let staged = assigned.staged.as_ref();
        items.extend(staged.and_then(|staged| self.overdue(staged)));
        match current.or(newest) {
            Some(number) => {
                let at = items.len();
                self.generation(store, number, current, items)?;
                let waits = match pending {
                    Some(_) => Pending::Waits,
                    None => Pending::Nothing,
                };
                if let Some(Item::Row(first)) = items.get_mut(at)
                    && let Some(finding) = late(self.context, self.around, self.name, waits)
                {
                    first.findings.push(finding);
                }
            }
            None => items.push(row(
                self.nothing_yet(pending.map(|request| request.id.as_str()))
            )),
        }
        for request in &requests {
            let age = self.context.now - request.submitted.unwrap_or(request.created);
            if request.state == RequestState::Pending && age > PATIENCE {
                let days = age.whole_seconds() as f64 / 86_400.0;
                items.push(row(TargetReport::new(
                    format!("request {}", request.id),
                    TargetKind::Request,
                )
                .with_finding(waiting(self.name.as_str(), &request.id, days))));
            }
        }
        Ok(())
    }

    /// Nobody knows what is served until it is ended.
    fn unfinished(&self, intent: &IntentRecord) -> Item {
        let name = self.name;
        let finding = Finding::new(
            Code::DoctorUnfinished,
            format!("{name}/{}", intent.to),
            "an assignment was begun and not ended",
            format!(
                "it was begun at {}: it was killed, unless it runs at this moment",
                render::moment(intent.started)
            ),
            format!("`edgecert assign {name}` finishes it or puts everything back"),
        );
        let place = format!("assignment of {name}/{}", intent.to);
        row(TargetReport::new(place, TargetKind::Deployment).with_finding(finding))
    }

    /// What was to be current by now.
    fn overdue(&self, staged: &Staged) -> Option<Item> {
        let finding = staged::overdue(self.name, staged, self.context.now)?;
        let place = format!("staging of {}/{}", self.name, staged.generation);
        Some(row(
            TargetReport::new(place, TargetKind::Deployment).with_finding(finding)
        ))
    }

    /// `live/CERT` is not what was assigned; `in_the_way` has to go before another link can be set.
    fn link(&self, found: &str, current: Option<u32>, in_the_way: Option<PathBuf>) -> Item {
        let place = format!("live/{}", self.name);
        let wanted = match current {
            Some(number) => format!("generation {number} is assigned"),
            None => "nothing is assigned".to_owned(),
        };
        let finding = Finding::new(
            Code::LiveLink,
            place.as_str(),
            "does not lead to the generation that is assigned",
            format!("{found}, and {wanted}"),
            match in_the_way {
                Some(path) => format!(
                    "move {} away, then `edgecert assign {}`",
                    printable(&path.to_string_lossy()),
                    self.name
                ),
                None => format!("`edgecert assign {}`", self.name),
            },
        );
        row(TargetReport::new(place, TargetKind::Deployment).with_finding(finding))
    }

    fn nothing_yet(&self, pending: Option<&str>) -> TargetReport {
        let (why, mend) = match pending {
            Some(id) => (
                format!("request {id} waits for the CA's reply"),
                "`edgecert import FILE` when it is there".to_owned(),
            ),
            None => (
                "no request was made and nothing was imported".to_owned(),
                format!("`edgecert request {}`", self.name),
            ),
        };
        TargetReport::new(self.name.as_str(), TargetKind::Deployment).with_finding(Finding::new(
            Code::LiveNothingAssigned,
            format!("certificate {}", self.name),
            format!("{} has no generation yet", self.name),
            why,
            mend,
        ))
    }

    fn generation(
        &self,
        store: &Store,
        number: u32,
        current: Option<u32>,
        items: &mut Vec<Item>,
    ) -> Result<(), StoreError> {
        let generation = format!("{}/{number}", self.name);
        let deployment = self.around.deployment.as_ref();
        let (mut rows, leaf) = self.at_rest(store, number)?;
        let served = deployment.is_some_and(|found| !found.gateways_of(self.name).is_empty());
        if let (Some(first), None, true) = (rows.first_mut(), current, served) {
            first.findings.push(Finding::new(
                Code::LiveNothingAssigned,
                format!("certificate {}", self.name),
                format!("{generation} was imported and never assigned"),
                format!("{generation} is the newest generation, and no gateway was given any"),
                format!("`edgecert assign {}`", self.name),
            ));
        }
        if let (Some(first), Some(_)) = (rows.first_mut(), current)
            && let Some(finding) = self.barred_key(store, number)?
        {
            // Whatever else there is to say of it comes after this.
            first.findings.insert(0, finding);
        }
        let mut others = Vec::new();
        let live = match (deployment, current, &leaf) {
            (Some(deployment), Some(_), Some(leaf)) => {
                let (live, silent) = self.listeners(deployment, &generation, leaf, &mut rows);
                if let Some(first) = rows.first_mut() {
                    self.files(deployment, store, &silent, first)?;
                    let without = self.without_any(store, number, &silent)?;
                    first.findings.extend(without);
                }
                others = self.left_behind(store, number, &silent)?;
                live
            }
            _ => Vec::new(),
        };
        items.extend(rows.into_iter().map(row));
        items.extend(others.into_iter().map(row));
        items.extend(live);
        Ok(())
    }

    /// A generation as it lies in the state, and its leaf.
    pub(super) fn at_rest(
        &self,
        store: &Store,
        number: u32,
    ) -> Result<(Vec<TargetReport>, Option<Certificate>), StoreError> {
        let generation = format!("{}/{number}", self.name);
        let files = store.generation_files(self.name, number)?;
        let deployment = self.around.deployment.as_ref();
        let (source, base) = match deployment {
            Some(found) => (
                found.key_of(self.name).passphrase.as_ref(),
                found.base.as_path(),
            ),
            None => (None, Path::new("")),
        };
        let (key, closed) = match passphrase::open_stored(&files.key, source, base, &generation) {
            Ok(key) => (Some(key), None),
            Err(finding) => (None, Some(finding)),
        };
        let rows = check_bytes(
            &generation,
            TargetKind::Generation,
            &files.fullchain,
            Beside {
                key: key.map(Ok),
                issuers: Vec::new(),
            },
            Origin::Named,
            self.yardstick,
        );
        let mut rows = rows.unwrap_or_default();
        if let (Some(first), Some(closed)) = (rows.first_mut(), closed) {
            // Whoever watches needs no passphrase: what is served is judged all the same.
            match closed.severity {
                Severity::Error => first.findings.push(*closed),
                Severity::Warning | Severity::Note => {
                    first.not_applicable.retain(|(part, _)| *part != "key");
                    first.not_applicable.push(("key", closed.why));
                }
            }
        }
        let leaf = container::read(&files.cert, None)
            .ok()
            .and_then(|contents| contents.certificates.into_iter().next())
            .map(|(_, leaf)| leaf);
        Ok((rows, leaf))
    }

    /// A generation that is served has a key that others have as well.
    pub(super) fn barred_key(
        &self,
        store: &Store,
        number: u32,
    ) -> Result<Option<Finding>, StoreError> {
        let now = self.context.now;
        self.barred.while_served(store, self.name, number, now)
    }

    fn listeners(
        &self,
        deployment: &Deployment,
        generation: &str,
        leaf: &Certificate,
        rows: &mut [TargetReport],
    ) -> (Vec<Item>, Vec<Slug>) {
        let key: Fingerprint = leaf.facts().spki_sha256;
        let assigned = Assigned {
            generation: generation.to_owned(),
            embedded: None,
            leaf: leaf.facts().sha256,
            hold: self.yardstick.by_key.get(&key).copied(),
        };
        let names = leaf.facts().names.clone().unwrap_or_default();
        let unreadable = RefCell::new(Vec::new());
        let found = |gateway: &Gateway| {
            let certificate = deployment.certificate(self.name);
            let found = certificate.map(|one| assign::listeners(one, gateway, &names));
            match found.unwrap_or_else(|| Ok(gateway.listeners())) {
                Ok(listeners) => listeners,
                Err(error) => {
                    unreadable.borrow_mut().push(unreadable_config(&error));
                    Vec::new()
                }
            }
        };
        let (endpoints, silent) =
            endpoint::deployed(deployment, self.name, leaf, &assigned, &found);
        if let Some(first) = rows.first_mut() {
            first.findings.extend(unreadable.into_inner());
        }
        if let Some(first) = rows.first_mut() {
            for gateway in &silent {
                first.not_applicable.push((
                    "live",
                    format!(
                        "the listeners of gateway {gateway} are not known: name them with `prove`"
                    ),
                ));
            }
        }
        let live = endpoints
            .into_iter()
            .map(|one| Item::Endpoint(Box::new(one)))
            .collect();
        (live, silent)
    }

    /// What lies at the gateways, where files were written for them.
    fn files(
        &self,
        deployment: &Deployment,
        store: &Store,
        silent: &[Slug],
        report: &mut TargetReport,
    ) -> Result<(), StoreError> {
        let assignment = store.assignment(self.name)?;
        for gateway in deployment.gateways_of(self.name) {
            let name = gateway.name.as_str();
            let Some(proved) = assignment.gateways.get(name) else {
                continue;
            };
            let listeners = match silent.contains(&gateway.name) {
                true => Listeners::Unknown,
                false => Listeners::Looked,
            };
            let found = written::look(self.name, name, proved, listeners);
            report.findings.extend(found.findings);
            let not_looked = found.not_looked.into_iter();
            report
                .not_applicable
                .extend(not_looked.map(|why| ("files", why)));
        }
        Ok(())
    }
}

/// A server whose configuration cannot be read is not looked at, and that is told.
fn unreadable_config(error: &AssignError) -> Finding {
    let told = error.explain();
    Finding::new(
        Code::CheckUnreadable,
        told.place,
        told.what,
        told.why,
        told.mend,
    )
}
