//! A server that reads its certificate from files: written beside the old ones and renamed, the server told to read
//! them again; on failure the old files are put back and it is told once more.

use super::on_server::OnServer;
use super::{
    EndSessions, Ending, Hands, Job, Keeper, Material, Offer, Run, Stop, Target, WriteConfig,
};
use crate::assign::destination::{Destination, digest_of, insist_on_way};
use crate::assign::error::AssignError;
use crate::assign::other_writers::{Watched, other_writers};
use crate::explain::{moment, printable};
use crate::findings::{Code, Finding};
use crate::names::Slug;
use crate::servers::{Change, Configured};
use crate::store::atomic;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What one kind of server adds to the files.
pub trait OnFiles: std::fmt::Debug {
    /// Its table.
    fn own(&self) -> &OnServer;

    /// How it is made to read its files again, in words for the plan.
    fn reload_words(&self) -> String;

    /// The files that it reads its certificate from.
    fn destinations(&self, offer: &Offer) -> Result<Vec<Destination>, AssignError>;

    /// What its configuration says; `None`: it has none that is read.
    fn configured(&self) -> Option<&Configured>;

    /// What its configuration needs for the names on offer.
    fn needed(&self, _offer: &Offer) -> Result<Needed, AssignError> {
        Ok(Needed::default())
    }

    /// The traps of this server that can be seen before anything is touched, the destinations being what will be written.
    fn inspect(
        &self,
        _offer: &Offer,
        _destinations: &[Destination],
        _hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        Ok(Vec::new())
    }

    /// Asks the server's own checker about the files that lie there now; nothing where it has none that is worth it.
    fn check(&self, _hands: &Hands<'_>) -> Result<(), AssignError> {
        Ok(())
    }

    /// The programs that an assignment runs, by name or path.
    fn programs(&self) -> Vec<String> {
        vec![self.own().program()]
    }

    /// Makes the server read the files that lie there now.
    fn reload(
        &self,
        destinations: &[Destination],
        config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError>;

    /// What was done once the files lie there and it was told, in words.
    fn done_words(&self) -> &'static str {
        "written and reloaded"
    }

    /// What ends the connections that keep the certificate of before, in order.
    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        Vec::new()
    }

    /// Does one of them. A driver whose answers are text judges them here, and does itself what is [`Ending::Own`].
    fn end(&self, one: &EndSessions, hands: &Hands<'_>) -> Result<(), AssignError> {
        match &one.how {
            Ending::Program(words) => hands.run_well(words).map(drop),
            Ending::Own(_) | Ending::ByHand(_) => Ok(()),
        }
    }
}

/// Whether the configuration was changed along with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigWritten {
    /// It was.
    Yes,
    /// It is as it was.
    No,
}

/// What a server's configuration needs.
#[derive(Debug, Default)]
pub struct Needed {
    /// The changes that would do.
    pub changes: Vec<Change>,
    /// What cannot be decided here.
    pub findings: Vec<Finding>,
}

/// One server with its files.
#[derive(Debug)]
pub struct FilesTarget {
    gateway: Slug,
    /// The folder that is `/` to the server.
    root: PathBuf,
    server: Box<dyn OnFiles>,
    offer: Offer,
    destinations: Vec<Destination>,
    needed: Needed,
}

impl FilesTarget {
    /// For a gateway of the deployment: what its configuration needs is found here.
    pub fn new(
        gateway: Slug,
        root: PathBuf,
        server: Box<dyn OnFiles>,
        offer: Offer,
    ) -> Result<Self, AssignError> {
        let destinations = server.destinations(&offer)?;
        let needed = server.needed(&offer)?;
        Ok(Self {
            gateway,
            root,
            server,
            offer,
            destinations,
            needed,
        })
    }

    fn hands<'a>(&'a self, job: &Job<'a>) -> Hands<'a> {
        Hands::of(&self.gateway, job, self.server.own().settings.timeout)
    }

    fn config_written(&self) -> ConfigWritten {
        // A command that was killed may have changed it already, and then nothing is needed any more.
        let perhaps = self.offer.run == Run::Resumed && self.offer.config == WriteConfig::Write;
        if self.writes_config() || perhaps {
            ConfigWritten::Yes
        } else {
            ConfigWritten::No
        }
    }

    fn writes_config(&self) -> bool {
        self.offer.config == WriteConfig::Write && !self.needed.changes.is_empty()
    }

    /// A destination that is neither what we last wrote nor what is to be written was changed by somebody else.
    fn changed_by_others(&self, destination: &Destination) -> Option<Finding> {
        let ours = self.offer.written.get(&destination.path)?;
        let lying = destination.digest()?;
        let fullchain = self.offer.chain.fullchain_pem();
        // Written by us and not recorded, as we were killed then: only a file without the key can be recognised.
        let is_new = !destination.content.holds_key()
            && digest_of(destination.bytes(&fullchain, "").as_bytes()) == lying;
        if lying == *ours || is_new || self.holds_leaf_on_offer(destination) {
            return None;
        }
        let leaf = destination.leaf().map_or_else(
            || "it holds no certificate that can be read".to_owned(),
            |leaf| {
                let facts = leaf.facts();
                format!(
                    "it holds {} ({}, valid until {})",
                    printable(&facts.subject.text),
                    facts.sha256.short(),
                    facts.not_after.date()
                )
            },
        );
        Some(Finding::new(
            Code::GatewayDestinationChanged,
            format!(
                "gateway \"{}\", {}",
                self.gateway,
                destination.path.display()
            ),
            "a file was changed by someone else since it was last written here",
            format!("{leaf}; {}", written_at(&destination.path)),
            "see who writes it (certbot, a playbook, a package) and end that; take what lies there in with `edgecert import --adopt`, or write over it with `--accept gateway.destination-changed --reason TEXT`",
        ))
    }

    fn other_writers(&self) -> Vec<Finding> {
        let files: Vec<PathBuf> = self
            .destinations
            .iter()
            .map(|one| one.named.clone())
            .collect();
        other_writers(&Watched {
            whose: &format!("gateway \"{}\"", self.gateway),
            kind: self.server.own().kind().word,
            root: &self.root,
            files: &files,
            names: &self.offer.domains(),
        })
    }

    /// A word before changing a configuration that names none of the destinations: a path may be mistyped.
    fn mistyped(&self) -> Option<String> {
        let uses = &self.server.configured()?.certificates;
        let named = |path: &Path| self.destinations.iter().any(|one| one.named == path);
        let first = uses.first()?;
        if uses
            .iter()
            .any(|one| named(&one.certificate) && named(&one.key))
        {
            return None;
        }
        Some(format!(
            "the server reads {} and {} now ({}): if a path in the gateway's table is a slip, put that right; else ",
            printable(&first.certificate.to_string_lossy()),
            printable(&first.key.to_string_lossy()),
            printable(&first.place.to_string())
        ))
    }

    fn holds_leaf_on_offer(&self, destination: &Destination) -> bool {
        destination.content.holds_key()
            && destination
                .leaf()
                .is_some_and(|leaf| leaf.facts().sha256 == self.offer.chain.leaf.facts().sha256)
    }

    fn files_of(
        &self,
        material: &Material,
    ) -> impl Iterator<Item = (&Destination, zeroize::Zeroizing<String>)> {
        self.destinations.iter().map(|destination| {
            let bytes = destination.bytes(&material.fullchain_pem, &material.key_pem.0);
            (destination, bytes)
        })
    }
}

impl Target for FilesTarget {
    fn actions(&self) -> Vec<String> {
        let mut actions = write_words(&self.destinations);
        if self.writes_config() {
            let changed = self
                .needed
                .changes
                .iter()
                .map(|change| format!("change {} for {}", change.file.display(), change.why));
            actions.extend(changed);
        }
        actions.push(self.server.reload_words());
        actions
    }

    fn configured(&self) -> Option<&Configured> {
        self.server.configured()
    }

    fn changes(&self) -> &[Change] {
        &self.needed.changes
    }

    fn destinations(&self) -> Vec<&Path> {
        let files = self.destinations.iter().map(|one| one.path.as_path());
        let configs = self
            .needed
            .changes
            .iter()
            .map(|change| change.file.as_path());
        files
            .chain(configs.filter(|_| self.writes_config()))
            .collect()
    }

    fn pre_check(&self, stop: Stop<'_>) -> Result<Vec<Finding>, AssignError> {
        for destination in &self.destinations {
            destination.check_rights(&self.gateway)?;
        }
        for program in self.server.programs() {
            Hands::insist_on(&self.gateway, &program)?;
        }
        let mut findings: Vec<Finding> = self
            .destinations
            .iter()
            .filter_map(|destination| self.changed_by_others(destination))
            .collect();
        if !self.writes_config() {
            let missing = self.needed.changes.iter().map(|change| {
                Finding::new(
                    Code::GatewayConfigNeeded,
                    format!("gateway \"{}\", {}", self.gateway, change.file.display()),
                    format!("the server's configuration needs {}", change.why),
                    "without it the new names are served with another certificate, or none",
                    format!(
                        "{}`edgecert assign --write-config` makes the change that is shown above; or make it yourself",
                        self.mistyped().unwrap_or_default()
                    ),
                )
            });
            findings.extend(missing);
        }
        findings.extend(self.needed.findings.iter().cloned());
        findings.extend(self.other_writers());
        let hands = Hands::to_look(&self.gateway, self.server.own().settings.timeout, stop);
        findings.extend(
            self.server
                .inspect(&self.offer, &self.destinations, &hands)?,
        );
        Ok(findings)
    }

    fn is_readable_by(&self, user: u32, groups: &[u32]) -> Result<(), AssignError> {
        let hidden = self
            .destinations
            .iter()
            .find(|one| !one.is_readable_by(user, groups));
        // A kind whose files nobody owns has root open them, or a program of the deployment.
        match (self.server.own().kind().owner, hidden) {
            (None, _) | (Some(_), None) => Ok(()),
            (Some(_), Some(one)) => Err(AssignError::Destination {
                gateway: self.gateway.clone(),
                path: one.path.clone(),
                why: format!(
                    "the server runs as {}, who could not read it with owner {} and mode {:04o}",
                    crate::store::user_name(user),
                    one.placement.uid.map_or_else(|| "as it comes".to_owned(), crate::store::user_name),
                    one.placement.mode
                ),
                mend: "set `owner` and `mode` in the gateway's table so that the server's user can read it".to_owned(),
            }),
        }
    }

    fn is_in_place(&self, material: &Material) -> bool {
        !self.writes_config()
            && self
                .files_of(material)
                .all(|(destination, bytes)| destination.holds(bytes.as_bytes()))
    }

    fn prepare(&self, _job: &Job<'_>) -> Result<(), AssignError> {
        // The old files are good: a server that does not take them would not take any.
        Ok(())
    }

    fn commit(&self, job: &Job<'_>, keeper: &mut dyn Keeper) -> Result<(), AssignError> {
        let Some(material) = job.material else {
            return Ok(());
        };
        for destination in &self.destinations {
            keeper.keep(&destination.path)?;
        }
        if self.writes_config() {
            for change in &self.needed.changes {
                keeper.keep(&change.file)?;
            }
        }
        for (destination, bytes) in self.files_of(material) {
            destination.write(&self.gateway, bytes.as_bytes())?;
        }
        if self.writes_config() {
            for change in &self.needed.changes {
                write_config(&self.gateway, change)?;
            }
        }
        let hands = self.hands(job);
        self.server.check(&hands)?;
        self.server
            .reload(&self.destinations, self.config_written(), &hands)
    }

    fn restore(&self, job: &Job<'_>, keeper: &mut dyn Keeper) -> Result<(), AssignError> {
        let mut failure = None;
        for path in self.destinations() {
            if let Err(error) = keeper.put_back(path) {
                failure.get_or_insert(error);
            }
        }
        // What could be put back is loaded, whatever else went wrong.
        let reloaded =
            self.server
                .reload(&self.destinations, self.config_written(), &self.hands(job));
        match failure {
            Some(error) => Err(error),
            None => reloaded,
        }
    }

    fn committed(&self) -> &'static str {
        self.server.done_words()
    }

    fn abort(&self, _transaction: &str) {}

    fn end_sessions(&self) -> Vec<EndSessions> {
        self.server.end_sessions(&self.offer)
    }

    fn end(&self, one: &EndSessions, stop: Stop<'_>) -> Result<(), AssignError> {
        let hands = Hands::to_look(&self.gateway, self.server.own().settings.timeout, stop);
        self.server.end(one, &hands)
    }

    fn written(&self, material: &Material) -> BTreeMap<PathBuf, String> {
        self.files_of(material)
            .map(|(destination, bytes)| (destination.path.clone(), digest_of(bytes.as_bytes())))
            .collect()
    }
}

/// `write /etc/prosody/certs/contoso.com.{key,crt} (prosody 0640)`: files that differ in their last part alone are told
/// together.
fn write_words(destinations: &[Destination]) -> Vec<String> {
    let told = |one: &Destination| {
        let owner = one.placement.uid.map(crate::store::user_name);
        let owner = owner.map_or_else(String::new, |owner| format!("{owner} "));
        format!("({owner}{:04o})", one.placement.mode)
    };
    let stem = |one: &Destination| (one.path.with_extension(""), told(one));
    destinations
        .chunk_by(|one, next| stem(one) == stem(next))
        .map(|files| match files {
            [one] => format!("write {} {}", one.path.display(), told(one)),
            files => {
                let ends: Vec<String> = files
                    .iter()
                    .map(|one| {
                        one.path
                            .extension()
                            .unwrap_or_default()
                            .display()
                            .to_string()
                    })
                    .collect();
                let (stem, told) = files.first().map(stem).unwrap_or_default();
                format!("write {}.{{{}}} {told}", stem.display(), ends.join(","))
            }
        })
        .collect()
}

/// Writes a change to a server's configuration, unless the file is no longer what was read.
fn write_config(gateway: &Slug, change: &Change) -> Result<(), AssignError> {
    use std::os::unix::fs::MetadataExt;
    let raced = || AssignError::ConfigChanged {
        gateway: gateway.clone(),
        path: change.file.clone(),
    };
    // Owner and mode are those of the very file that was read.
    let (file, size) = atomic::open_regular(&change.file, atomic::Links::Refuse, "a file")?;
    let there = file.metadata().map_err(|_| raced())?;
    let bytes = atomic::read_open(file, size, &change.file, crate::servers::MAX_CONFIG_BYTES)?;
    if bytes != change.before.as_bytes() {
        return Err(raced());
    }
    let placement = atomic::Placement {
        mode: there.mode() & 0o777,
        uid: Some(there.uid()),
        gid: Some(there.gid()),
    };
    insist_on_way(gateway, &change.file)?;
    Ok(atomic::write_over(
        &change.file,
        change.after.as_bytes(),
        placement,
    )?)
}

fn written_at(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    match path.metadata() {
        Ok(there) => {
            let when = time::OffsetDateTime::from_unix_timestamp(there.mtime()).map_or_else(
                |_| "at an unknown time".to_owned(),
                |when| format!("on {}", moment(when)),
            );
            format!(
                "it was written {when}, and belongs to {}",
                crate::store::user_name(there.uid())
            )
        }
        Err(error) => crate::explain::os_words(&error),
    }
}
