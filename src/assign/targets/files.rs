//! Any other server: the destinations that the deployment names, and its reload command.

use super::on_files::{ConfigWritten, OnFiles};
use super::on_server::{Kind, OnServer};
use super::{Hands, Offer};
use crate::assign::destination::{Destination, Wish};
use crate::assign::error::AssignError;
use crate::deployment::{self, FileTarget, Files};
use crate::names::Slug;
use crate::servers::Configured;
use std::path::Path;

/// Nothing is known of it but its table.
const KIND: Kind = Kind {
    word: "files",
    config: "",
    control: "",
    owner: None,
    mode: 0o600,
};

/// A gateway of kind `files`.
#[derive(Debug)]
pub struct OtherServer {
    own: OnServer,
    destinations: Vec<deployment::Destination>,
}

impl OtherServer {
    /// For a gateway of the deployment.
    pub fn new(gateway: Slug, settings: Files) -> Self {
        let Files {
            reload,
            timeout,
            destinations,
        } = settings;
        let table = FileTarget {
            reload,
            timeout,
            ..FileTarget::default()
        };
        Self {
            own: OnServer::new(gateway, table, KIND),
            destinations,
        }
    }
}

impl OnFiles for OtherServer {
    fn own(&self) -> &OnServer {
        &self.own
    }

    fn reload_words(&self) -> String {
        self.own.reload_words(|| "no reload command".to_owned())
    }

    fn done_words(&self) -> &'static str {
        match &self.own.settings.reload {
            Some(_) => "written and reloaded",
            None => "written",
        }
    }

    fn destinations(&self, _offer: &Offer) -> Result<Vec<Destination>, AssignError> {
        self.destinations
            .iter()
            .map(|one| {
                let wish = Wish {
                    gateway: &self.own.gateway,
                    owner: one.owner.as_deref(),
                    mode: one.mode,
                    kind_owner: None,
                    kind_mode: one.mode_or_default(),
                    root: Path::new("/"),
                };
                Destination::find(&one.path, one.content, wish)
            })
            .collect()
    }

    fn configured(&self) -> Option<&Configured> {
        None
    }

    fn programs(&self) -> Vec<String> {
        let reload = self.own.settings.reload.iter();
        reload.filter_map(|words| words.first().cloned()).collect()
    }

    fn reload(
        &self,
        _destinations: &[Destination],
        _config: ConfigWritten,
        hands: &Hands<'_>,
    ) -> Result<(), AssignError> {
        self.own
            .reload_command(hands)
            .map_or(Ok(()), |said| said.map(drop))
    }
}
