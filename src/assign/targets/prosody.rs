//! Prosody: `<host>.crt` and `<host>.key` in its folder, or the files that a host names; `shell config reload`, else
//! `reload`.
//!
//! Its reload tells nothing, and a broken file of any host breaks it for all: so every file that it would index is read
//! before, and one that would stand beside ours for the same name is a rival, since which of two is served is arbitrary.
//! `prosodyctl check certs` is not asked: it also fails for hosts that are none of ours, and looks at the same files. Its
//! configuration needs nothing: a host finds the files of its name by itself.

use super::on_files::{ConfigWritten, OnFiles};
use super::on_server::{Kind, Neighbour, OnServer};
use super::{EndSessions, Ending, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::{Content, FileTarget};
use crate::explain::printable;
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Slug};
use crate::servers::Configured;
use crate::servers::prosody::{FirstLine, ProsodyConfig, Shell, first_line_fits, index, read};
use crate::store::MAX_PEM_BYTES;
use crate::store::atomic::read_limited;
use std::path::{Path, PathBuf};

pub(in crate::assign) const KIND: Kind = Kind {
    word: "prosody",
    config: "/etc/prosody/prosody.cfg.lua",
    control: "prosodyctl",
    owner: Some("prosody:prosody"),
    mode: 0o640,
};

/// A gateway of kind `prosody`.
#[derive(Debug)]
pub struct Prosody {
    own: OnServer,
    config: ProsodyConfig,
}

impl Prosody {
    /// For a gateway of the deployment; reads the server's configuration.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let config = read(own.config(), &own.files).map_err(|error| own.config_error(error))?;
        Ok(Self { own, config })
    }

    /// The files of a host: those that a setting names, else those of its name in the folder.
    fn files_of(&self, host: &Domain) -> (PathBuf, PathBuf) {
        let folder = self.folder();
        self.config.pair_of(host).unwrap_or_else(|| {
            (
                folder.join(format!("{host}.crt")),
                folder.join(format!("{host}.key")),
            )
        })
    }

    fn folder(&self) -> &Path {
        self.own
            .settings
            .directory
            .as_deref()
            .unwrap_or(&self.config.certificates_folder)
    }

    fn command(&self, words: &[&str]) -> Vec<String> {
        command(&self.own, words)
    }

    /// The files that Prosody reads by itself, ours left out, where they lie for us.
    fn indexed_files(&self, destinations: &[Destination]) -> Result<Vec<PathBuf>, AssignError> {
        let folder = &self.config.certificates_folder;
        let found = index(folder, &self.own.files).map_err(|error| {
            self.own.unfit(
                folder,
                "which certificates Prosody reads beside ours cannot be seen",
                error.to_string(),
                "run this command as a user who may read that folder".to_owned(),
            )
        })?;
        let ours = |path: &PathBuf| {
            let mut all = destinations.iter();
            all.any(|one| one.named == *path || one.path == *path)
        };
        let here = found.iter().map(|path| self.own.files.here(path));
        Ok(here.filter(|path| !ours(path)).collect())
    }

    /// What another file of the index does to a reload, and to the names that are assigned.
    fn judge(&self, path: &Path, wanted: &[Domain], offer: &Offer) -> Option<Finding> {
        let bytes = read_limited(path, MAX_PEM_BYTES).ok()?;
        if first_line_fits(&bytes) != FirstLine::Fits {
            // Prosody does not look at it.
            return None;
        }
        let neighbour = Neighbour::read(path)?;
        if let Some(why) = neighbour.broken {
            return Some(self.own.finding(
                Code::GatewayNeighbourBroken,
                path.display(),
                "a file that Prosody reads along is broken, and would break its reload",
                why,
                "mend it, or move it out of the folder (a name that ends in .bak is not read)",
            ));
        }
        let (rival, name) = neighbour.rival_of(wanted)?;
        let facts = rival.facts();
        let valid = facts.not_before <= offer.now && offer.now <= facts.not_after;
        if !valid || facts.sha256 == offer.chain.leaf.facts().sha256 {
            return None;
        }
        Some(self.own.finding(
            Code::GatewayNeighbourRival,
            path.display(),
            format!("a second valid certificate for {name} lies in Prosody's folder"),
            format!(
                "{}, valid until {}; which of the two is served is arbitrary",
                facts.sha256.short(),
                facts.not_after.date()
            ),
            format!(
                "move it away: mv {0} {0}.bak",
                printable(&path.display().to_string())
            ),
        ))
    }
}

/// `prosodyctl WORDS`, with its configuration where the table names one.
pub(in crate::assign) fn command(own: &OnServer, words: &[&str]) -> Vec<String> {
    let config = own.config().display().to_string();
    let first: &[&str] = match own.settings.config {
        Some(_) => &["--config", &config],
        None => &[],
    };
    own.control(first, words)
}

impl OnFiles for Prosody {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own.reload_words(|| match self.config.shell {
            Shell::Enabled => "prosodyctl shell config reload".to_owned(),
            Shell::Disabled => "prosodyctl reload".to_owned(),
        })
    }

    fn destinations(&self, offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        let covered = offer.covered(&self.config.common);
        if covered.is_empty() {
            return Err(self.own.unfit(
                self.own.config(),
                "the server has no host that the certificate covers",
                format!("{} hosts stand there", self.config.common.hosts.len()),
                "add the host to the server, or take this table out of the deployment".to_owned(),
            ));
        }
        let mut pairs: Vec<(PathBuf, PathBuf)> = Vec::new();
        for host in covered {
            let pair = self.files_of(&host);
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        let mut all = Vec::new();
        for (certificate, key) in pairs {
            all.push(self.own.destination(&key, Content::Privkey)?);
            all.push(self.own.destination(&certificate, Content::Fullchain)?);
        }
        Ok(all)
    }

    fn configured(&self) -> Option<&Configured> {
        Some(&self.config.common)
    }

    fn inspect(
        &self,
        offer: &Offer,
        destinations: &[Destination],
        _hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        let wanted = offer.covered(&self.config.common);
        let here = |path: &Path| self.own.files.here(path);
        let same = |one: &Path, other: &Path| {
            here(one) == here(other)
                || matches!((here(one).canonicalize(), here(other).canonicalize()), (Ok(a), Ok(b)) if a == b)
        };
        let by_name = wanted
            .iter()
            .any(|host| self.files_of(host).0.starts_with(self.folder()));
        if by_name && !same(self.folder(), &self.config.certificates_folder) {
            // Its files are not ours to judge: they are what is served.
            return Ok(vec![self.own.finding(
                Code::GatewayFileNotUsed,
                "directory",
                "Prosody looks for certificates in another folder",
                format!(
                    "the table has {}, its configuration {}",
                    self.folder().display(),
                    self.config.certificates_folder.display()
                ),
                format!("write directory = {:?}", self.config.certificates_folder),
            )]);
        }
        let mut findings: Vec<Finding> = self
            .indexed_files(destinations)?
            .iter()
            .filter_map(|path| self.judge(path, &wanted, offer))
            .collect();
        for one in &self.config.overrides {
            let of_us = one
                .host
                .as_deref()
                .is_none_or(|host| wanted.iter().any(|name| name.as_str() == host));
            if of_us && one.certificate.is_none() {
                findings.push(
                    self.own
                        .finding(
                            Code::GatewayFileNotUsed,
                            &one.place,
                            format!("`{}` may lead Prosody to other files", one.option),
                            "it names a certificate that is not there, or only a part of the pair",
                            "take the setting out, so that Prosody finds the files by the host's name",
                        )
                        .with_severity(Severity::Warning),
                );
            }
        }
        Ok(findings)
    }

    fn reload(
        &self,
        _destinations: &[Destination],
        _config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError> {
        if let Some(said) = self.own.reload_command(hands) {
            return said.map(drop);
        }
        if self.config.shell == Shell::Enabled {
            let said = hands.run(&self.command(&["shell", "config", "reload"]))?;
            // It also repairs what a failed reload by signal left deaf.
            if said.status == Some(0) && said.text.contains("OK") {
                return Ok(());
            }
        }
        hands.run_well(&self.command(&["reload"])).map(drop)
    }

    fn end_sessions(&self, offer: &Offer) -> Vec<EndSessions> {
        if self.config.shell == Shell::Disabled {
            return vec![EndSessions::by_hand(
                "every stream of the server",
                "load `admin_shell`, or restart Prosody: without its shell no stream can be ended",
            )];
        }
        let covered = offer.covered(&self.config.common).into_iter();
        let mut steps: Vec<EndSessions> = covered
            .map(|host| {
                EndSessions::program(
                    format!("streams between servers of {host}"),
                    self.command(&["shell", "s2s", "closeall", host.as_str()]),
                )
            })
            .collect();
        if self.config.common.has_clients() {
            // 0.12 takes one account or all, and no host.
            steps.push(EndSessions::program(
                "the clients of every host",
                self.command(&["shell", "c2s", "closeall"]),
            ));
        }
        steps
    }

    fn end(&self, one: &EndSessions, hands: &Hands<'_>) -> Result<(), AssignError> {
        let Ending::Program(words) = &one.how else {
            return Ok(());
        };
        let said = hands.run(words)?;
        // It calls it a failure when there is nothing to close.
        if said.status == Some(0) || said.text.contains("No sessions to close") {
            return Ok(());
        }
        Err(hands.refused(&said))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;

    #[test]
    fn a_folder_that_cannot_be_read_is_not_taken_for_one_without_rivals() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("prosody.cfg.lua");
        std::fs::write(&config, "VirtualHost \"a.example\"\n").unwrap();
        let settings = FileTarget {
            config: Some(config),
            ..FileTarget::default()
        };
        let prosody = Prosody::new(Slug::parse("xmpp").unwrap(), settings).unwrap();
        assert_eq!(
            prosody.indexed_files(&[]).unwrap(),
            [""; 0].map(PathBuf::from)
        );
        // What nobody can list, whatever rights they have.
        std::fs::write(folder.path().join("certs"), "").unwrap();
        let told = prosody.indexed_files(&[]).unwrap_err().explain();
        assert!(told.mend.contains("may read that folder"), "{told:?}");
    }
}
