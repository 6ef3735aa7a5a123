//! ejabberd: one combined file among its `certfiles`; `ejabberdctl reload_config`.
//!
//! All files go into one pool, and of two certificates for a name the one that is valid longer is served: so the others
//! are read before. A bad pair is an outage at once and its reload tells nothing; what goes there was proven a pair.
//! 23.01 has no checker that tells anything: its reload ends well with any file.

use super::on_files::{ConfigWritten, Needed, OnFiles};
use super::on_server::{Kind, Neighbour, OnServer};
use super::{EndSessions, Hands, Offer};
use crate::assign::destination::Destination;
use crate::assign::error::AssignError;
use crate::deployment::{Content, FileTarget};
use crate::findings::{Code, Finding, Severity};
use crate::names::{Domain, Slug};
use crate::servers::Configured;
use crate::servers::ejabberd::{EjabberdConfig, read, with_certfile};
use std::path::{Path, PathBuf};

pub(in crate::assign) const KIND: Kind = Kind {
    word: "ejabberd",
    config: "/etc/ejabberd/ejabberd.yml",
    control: "ejabberdctl",
    owner: Some("ejabberd:ejabberd"),
    mode: 0o640,
};

/// A gateway of kind `ejabberd`.
#[derive(Debug)]
pub struct Ejabberd {
    own: OnServer,
    config: EjabberdConfig,
}

impl Ejabberd {
    /// For a gateway of the deployment; reads the server's configuration.
    pub fn new(gateway: Slug, settings: FileTarget) -> Result<Self, AssignError> {
        let own = OnServer::new(gateway, settings, KIND);
        let config = read(own.config(), &own.files).map_err(|error| own.config_error(error))?;
        Ok(Self { own, config })
    }

    /// The other files of the pool, where they lie for us.
    fn others(&self, destinations: &[Destination]) -> Vec<PathBuf> {
        let ours = |path: &PathBuf| {
            let mut all = destinations.iter();
            all.any(|one| one.named == *path || one.path == *path)
        };
        let pool = self.config.pool(&self.own.files);
        let here = pool.iter().map(|path| self.own.files.here(path));
        here.filter(|path| !ours(path)).collect()
    }

    fn judge(&self, path: &Path, wanted: &[Domain], offer: &Offer) -> Option<Finding> {
        let neighbour = Neighbour::read(path)?;
        let leaf = offer.chain.leaf.facts();
        if let Some((rival, name)) = neighbour.rival_of(wanted)
            && rival.facts().not_after >= leaf.not_after
            && rival.facts().sha256 != leaf.sha256
        {
            return Some(self.own.finding(
                Code::GatewayNeighbourRival,
                path.display(),
                format!("another certificate for {name} is among `certfiles`, and would be served instead"),
                format!(
                    "it is valid until {}, ours until {}; ejabberd takes the one that is valid longer",
                    rival.facts().not_after.date(),
                    leaf.not_after.date()
                ),
                "move it out of what `certfiles` cover, and assign again",
            ));
        }
        let why = neighbour.broken?;
        // Names of other files are not harmed by it (seen in 23.01).
        Some(
            self.own
                .finding(
                    Code::GatewayNeighbourBroken,
                    path.display(),
                    "another file among `certfiles` is broken",
                    why,
                    "mend it, or move it out of what `certfiles` cover; ejabberd does not start with it",
                )
                .with_severity(Severity::Warning),
        )
    }
}

impl OnFiles for Ejabberd {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own
            .reload_words(|| "ejabberdctl reload_config".to_owned())
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        let file = self.own.settings.file.iter();
        file.map(|file| self.own.destination(file, Content::Combined))
            .collect()
    }

    fn configured(&self) -> Option<&Configured> {
        Some(&self.config.common)
    }

    fn needed(&self, _offer: &Offer) -> Result<Needed, AssignError> {
        match &self.own.settings.file {
            Some(file) => self
                .own
                .needed(with_certfile(&self.config, &self.own.files, file)),
            None => Ok(Needed::default()),
        }
    }

    fn inspect(
        &self,
        offer: &Offer,
        destinations: &[Destination],
        _hands: &Hands<'_>,
    ) -> Result<Vec<Finding>, AssignError> {
        let wanted = offer.covered(&self.config.common);
        Ok(self
            .others(destinations)
            .iter()
            .filter_map(|path| self.judge(path, &wanted, offer))
            .collect())
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
        hands
            .run_well(&self.own.control(&[], &["reload_config"]))
            .map(drop)
    }

    fn end_sessions(&self, _offer: &Offer) -> Vec<EndSessions> {
        let mut steps = vec![EndSessions::program(
            "the streams between servers of every host",
            self.own.control(&[], &["stop_s2s_connections"]),
        )];
        if self.config.common.has_clients() {
            // 23.01 ends the sessions of one user, and has no command for all of a host.
            steps.push(EndSessions::by_hand(
                "clients",
                "`ejabberdctl kick_user USER HOST` for each of `ejabberdctl connected_users`, or restart ejabberd",
            ));
        }
        steps
    }
}
